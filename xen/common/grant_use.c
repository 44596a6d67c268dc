/*
 * Using grants: reading entries that their owner may change at any moment, and marking them as in
 * use. Interface: public/grant_table.h, the rules at its beginning.
 *
 * Entries of version 1 carry GTF_reading and GTF_writing in the flags that the owner also writes,
 * so they are changed with a compare-and-exchange that proves the check still held. Version 2 has
 * them in a status word of its own: they are set first, and the entry is looked at again.
 */
#include <xen/errno.h>
#include "grant_table.h"

#define UNSTABLE_TRIES 5 /* an entry that changes more often while we look is refused */

struct domain *gnttab_get_domain(domid_t id)
{
	struct domain *d = rcu_lock_domain_by_any_id(id);

	return d && d->grant_table && get_domain(d) ? d : NULL;
}

void gnttab_put_page(struct page_info *pg, bool readonly)
{
	if (!readonly) {
		mark_page_dirty(pg);
		put_page_type(pg);
	}
	put_page(pg);
}

/* May the entry with this header be used so? Sets u->kind. */
static bool header_allows(const struct grant_table *gt, struct grant_use *u, u32 header, bool map)
{
	unsigned int flags = header & 0xffff;

	if (header >> 16 != u->grantee || (!u->readonly && flags & GTF_readonly))
		return false;
	switch (flags & GTF_type_mask) {
	case GTF_permit_access:
		u->kind = flags & GTF_sub_page ? GRANT_sub_page : GRANT_full_page;
		if (gt->version == 1 && !map) /* sub-page grants came with version 2 */
			u->kind = GRANT_full_page;
		break;
	case GTF_transitive:
		if (gt->version == 1)
			return false;
		u->kind = GRANT_transitive;
		break;
	default:
		return false;
	}
	return !map || u->kind == GRANT_full_page;
}

static u32 use_bits(const struct grant_use *u)
{
	return u->readonly ? GTF_reading : GTF_reading | GTF_writing;
}

static int mark_v1(const struct grant_table *gt, struct grant_use *u, bool map, u64 *frame)
{
	grant_entry_v1_t *e = entry_v1(gt, u->ref);
	u32 *header = entry_header(gt, u->ref);

	for (unsigned int i = 0; i < UNSTABLE_TRIES; i++) {
		u32 old = READ_ONCE(*header);

		if (!header_allows(gt, u, old, map))
			return GNTST_general_error;
		if (cmpxchg(header, old, old | use_bits(u)) == old) {
			*frame = READ_ONCE(e->frame);
			return GNTST_okay;
		}
	}
	return GNTST_general_error;
}

static int mark_v2(const struct grant_table *gt, struct grant_use *u, bool map, u64 *frame)
{
	grant_entry_v2_t *e = entry_v2(gt, u->ref);
	u32 *header = entry_header(gt, u->ref);
	u32 old = READ_ONCE(*header);

	if (!header_allows(gt, u, old, map))
		return GNTST_general_error;
	/* The owner withdraws an entry in the other order: flags first, status after. */
	__atomic_fetch_or(status_of(gt, u->ref), use_bits(u), __ATOMIC_SEQ_CST);
	if (READ_ONCE(*header) != old)
		return GNTST_general_error;
	switch (u->kind) {
	case GRANT_full_page:
		*frame = READ_ONCE(e->full_page.frame);
		break;
	case GRANT_sub_page:
		*frame = READ_ONCE(e->sub_page.frame);
		u->start = READ_ONCE(e->sub_page.page_off);
		u->end = u->start + READ_ONCE(e->sub_page.length);
		break;
	case GRANT_transitive:
		u->trans_domid = READ_ONCE(e->transitive.trans_domid);
		u->trans_ref = READ_ONCE(e->transitive.gref);
		break;
	}
	return GNTST_okay;
}

/* Take back marks that no present use justifies. */
static void sync_marks(
	const struct grant_table *gt, grant_ref_t ref, const struct active_grant *act)
{
	u16 *word = gt->version == 1 ? &entry_v1(gt, ref)->flags : status_of(gt, ref);
	u16 clear = (act->writers ? 0 : GTF_writing) | (in_use(act) ? 0 : GTF_reading);

	if (clear)
		__atomic_fetch_and(word, (u16)~clear, __ATOMIC_SEQ_CST);
}

/* An entry in use keeps the frame it had at first, whatever its owner writes now. */
static int hold_page(struct grant_use *u, const struct active_grant *act, u64 frame)
{
	if (!in_use(act))
		u->page = get_page_from_gfn(u->rd, _gfn(frame));
	else {
		u->page = mfn_to_page(_mfn(act->mfn));
		if (!get_page(u->page, u->rd))
			u->page = NULL;
	}
	if (!u->page)
		return GNTST_bad_page;
	if (!u->readonly && get_page_type(u->page, PGT_writable)) {
		put_page(u->page);
		return GNTST_general_error;
	}
	return GNTST_okay;
}

static int pin_locked(const struct grant_table *gt, struct grant_use *u, bool map)
{
	struct active_grant *act;
	u64 frame = 0;
	int rc;

	if (u->ref >= nr_entries(gt))
		return GNTST_bad_gntref;
	act = active_of(gt, u->ref);
	if (in_use(act) && act->domid != u->grantee)
		return GNTST_general_error;

	u->start = 0;
	u->end = PAGE_SIZE;
	rc = gt->version == 1 ? mark_v1(gt, u, map, &frame) : mark_v2(gt, u, map, &frame);
	/* An entry that was not marked may be of another type, whose flags mean other things. */
	if (rc && gt->version == 1)
		return rc;
	if (!rc && in_use(act) && act->kind != u->kind)
		rc = GNTST_general_error;
	if (!rc && u->kind != GRANT_transitive) {
		rc = hold_page(u, act, frame);
		if (!rc)
			act->mfn = mfn_x(page_to_mfn(u->page));
	}
	if (!rc) {
		act->domid = u->grantee;
		act->kind = u->kind;
		(*(u->readonly ? &act->readers : &act->writers))++;
	}
	sync_marks(gt, u->ref, act);
	return rc;
}

int gnttab_pin(struct grant_use *u, bool map)
{
	struct grant_table *gt = u->rd->grant_table;
	int rc;

	spin_lock(&gt->lock);
	rc = pin_locked(gt, u, map);
	spin_unlock(&gt->lock);
	return rc;
}

void gnttab_unpin(struct domain *rd, grant_ref_t ref, bool readonly)
{
	struct grant_table *gt = rd->grant_table;
	struct active_grant *act;

	spin_lock(&gt->lock);
	act = active_of(gt, ref);
	(*(readonly ? &act->readers : &act->writers))--;
	sync_marks(gt, ref, act);
	spin_unlock(&gt->lock);
}

/* Entries do not become fewer, so the lock need not be held from one frame to the next. */
void gnttab_mark_dirty(struct domain *d)
{
	struct grant_table *gt = d->grant_table;
	bool more = gt != NULL;

	for (grant_ref_t ref = 0; more; ref += V1_PER_FRAME) {
		spin_lock(&gt->lock);
		more = ref < nr_entries(gt);
		for (unsigned int i = 0; more && i < V1_PER_FRAME && ref + i < nr_entries(gt); i++) {
			const struct active_grant *act = active_of(gt, ref + i);

			/* The frame of a grant of another's grant is not d's. */
			if (act->writers && act->kind != GRANT_transitive)
				mark_page_dirty(mfn_to_page(_mfn(act->mfn)));
		}
		spin_unlock(&gt->lock);
	}
}
