/*
 * Frames that other domains, the controller's above all, have mapped writable. Their changes go
 * unseen, so a log has these frames dirty in every round while it lasts, and once more afterwards.
 *
 * The frame counts such entries (PGC_foreign_mask), whether or not there is a log. While there is
 * one its owner has a list besides, which may name some frames that have become others' or nobody's.
 */
#include <xen/errno.h>
#include <xen/lib.h>
#include <xen/sched.h>
#include <asm/l1.h>
#include <asm/pgtable.h>
#include <asm/shadow.h>

#define SCAN_BATCH 256

struct foreign_pages {
	struct foreign_pages *next;
	u64 nr;
	u32 mfn[PAGE_SIZE / sizeof(u32) - 4];
};

static bool is_foreign(const struct page_info *pg)
{
	return READ_ONCE(pg->count_info) & PGC_foreign_mask;
}

/* Paging lock held. False: no memory. */
static bool add_to_list(struct domain *d, struct page_info *pg)
{
	struct paging_domain *p = &d->arch.paging;
	struct foreign_pages *f = p->foreign;

	if (!f || f->nr == ARRAY_SIZE(f->mfn)) {
		f = log_get_node(d);
		if (!f)
			return false;
		f->next = p->foreign;
		p->foreign = f;
	}
	f->mfn[f->nr++] = mfn_x(page_to_mfn(pg));
	return true;
}

/* Paging lock held. */
static void forget_page(const struct domain *d, struct page_info *pg)
{
	if (page_get_owner(pg) == d)
		__atomic_fetch_and(&pg->count_info, ~PGC_foreign_noted, __ATOMIC_SEQ_CST);
}

static void note(struct domain *d, struct page_info *pg)
{
	bool added = true;

	paging_lock(d);
	if (d->arch.paging.track_foreign && page_get_owner(pg) == d &&
		!(READ_ONCE(pg->count_info) & PGC_foreign_noted)) {
		__atomic_fetch_or(&pg->count_info, PGC_foreign_noted, __ATOMIC_SEQ_CST);
		added = add_to_list(d, pg);
	}
	if (!added) {
		forget_page(d, pg);
		d->arch.paging.foreign_incomplete = true;
	}
	paging_unlock(d);
}

/* --- Entries -------------------------------------------------------------------------------------- */

/* False: too many. */
static bool get_foreign_entry(struct page_info *pg)
{
	struct domain *d = page_get_owner(pg);
	u64 old = __atomic_fetch_add(&pg->count_info, PGC_foreign_one, __ATOMIC_SEQ_CST);

	/* So many mappings cannot be meant; and those that came too far have half of it left to go back. */
	if ((old & PGC_foreign_mask) >= PGC_foreign_mask / 2) {
		__atomic_fetch_sub(&pg->count_info, PGC_foreign_one, __ATOMIC_SEQ_CST);
		return false;
	}
	if (!(old & PGC_foreign_mask) && READ_ONCE(d->arch.paging.track_foreign))
		note(d, pg);
	return true;
}

void put_foreign_entry(struct page_info *pg)
{
	mark_page_dirty(pg);
	__atomic_fetch_sub(&pg->count_info, PGC_foreign_one, __ATOMIC_SEQ_CST);
}

/* Only RAM of a real domain is counted. The entry's references are held. */
static bool is_counted(pte_t e, const struct domain *owner)
{
	return (e & _PAGE_RW) && owner->domain_id < DOMID_FIRST_SYSTEM && mfn_valid(_mfn(pte_mfn(e))) &&
		page_get_owner(mfn_to_page(_mfn(pte_mfn(e)))) == owner;
}

int mod_foreign_l1_entry(pte_t *p, pte_t new, bool preserve_ad, struct domain *owner)
{
	pte_t old = READ_ONCE(*p);
	int rc;

	new = guest_l1_entry(new);
	if (!(new & _PAGE_PRESENT) || !((old ^ new) & L1_REF_BITS))
		return mod_l1_entry(p, new, preserve_ad, owner);
	rc = get_l1_ref(new, owner);
	if (rc)
		return rc;
	if (is_counted(new, owner)) {
		if (!get_foreign_entry(mfn_to_page(_mfn(pte_mfn(new))))) {
			put_l1_target(new);
			return -EINVAL;
		}
		new |= _PAGE_FOREIGN;
	}
	write_pte(p, old, new, preserve_ad);
	entry_changed(p);
	if (old & _PAGE_PRESENT)
		put_l1_ref(old);
	return 0;
}

/* --- The list --------------------------------------------------------------------------------------- */

/*
 * The next page, from p->scan on, that others can write to, or the last one of some; NULL: that
 * was all. A reference is held, by which the page keeps its place in the domain's list.
 */
static struct page_info *scan_some(struct domain *d)
{
	struct page_info *scan = d->arch.paging.scan, *pg;

	spin_lock(&d->page_alloc_lock);
	pg = scan ? page_list_next(scan) : page_list_first(&d->page_list);
	for (unsigned int i = 0; pg; i++, pg = page_list_next(pg))
		if ((is_foreign(pg) || i >= SCAN_BATCH) && get_page(pg, d))
			break;
	spin_unlock(&d->page_alloc_lock);
	if (scan)
		put_page(scan);
	d->arch.paging.scan = pg;
	return pg;
}

int foreign_track(struct domain *d)
{
	struct page_info *pg;

	paging_lock(d);
	if (!d->arch.paging.track_foreign)
		d->arch.paging.foreign_incomplete = false;
	/* From now on what is mapped adds itself. */
	d->arch.paging.track_foreign = true;
	paging_unlock(d);
	while ((pg = scan_some(d))) {
		if (is_foreign(pg))
			note(d, pg);
		if (hypercall_preempt_check())
			return -ERESTART;
	}
	return 0;
}

bool foreign_mark_dirty(struct domain *d)
{
	for (struct foreign_pages *f = d->arch.paging.foreign; f; f = f->next) {
		for (unsigned int i = 0; i < f->nr;) {
			struct page_info *pg = mfn_to_page(_mfn(f->mfn[i]));

			if (page_get_owner(pg) == d && is_foreign(pg)) {
				log_dirty_mark(d, _mfn(f->mfn[i++]));
			} else {
				forget_page(d, pg);
				f->mfn[i] = f->mfn[--f->nr];
			}
		}
	}
	return !d->arch.paging.foreign_incomplete;
}

void foreign_forget(struct domain *d)
{
	struct paging_domain *p = &d->arch.paging;
	struct foreign_pages *f;

	paging_lock(d);
	p->track_foreign = false;
	while ((f = p->foreign)) {
		p->foreign = f->next;
		while (f->nr)
			forget_page(d, mfn_to_page(_mfn(f->mfn[--f->nr])));
		log_put_node(d, f);
	}
	paging_unlock(d);
	if (p->scan)
		put_page(p->scan);
	p->scan = NULL;
}
