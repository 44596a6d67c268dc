/* GNTTABOP_transfer: giving a page to a domain that has an entry ready to accept it. */
#include <xen/errno.h>
#include <xen/trace.h>
#include "grant_table.h"

#define UNSTABLE_TRIES 5

/* The entry accepts pages from `from`: promise one. Grant lock held. */
static int commit_entry(const struct grant_table *gt, grant_ref_t ref, domid_t from)
{
	u32 *header, old;

	if (ref >= nr_entries(gt))
		return GNTST_bad_gntref;
	header = entry_header(gt, ref);
	for (unsigned int i = 0; i < UNSTABLE_TRIES; i++) {
		old = READ_ONCE(*header);
		if (old != (GTF_accept_transfer | (u32)from << 16))
			return GNTST_bad_gntref;
		if (cmpxchg(header, old, old | GTF_transfer_committed) == old)
			return GNTST_okay;
	}
	return GNTST_bad_gntref;
}

/* Tell the new owner its frame. Grant lock held. */
static void complete_entry(
	struct domain *rd, const struct grant_table *gt, grant_ref_t ref, mfn_t mfn)
{
	gfn_t slot;

	if (gt->version == 1) {
		slot = _gfn(READ_ONCE(entry_v1(gt, ref)->frame));
		guest_physmap_add_page(rd, slot, mfn, 0);
		WRITE_ONCE(entry_v1(gt, ref)->frame, mfn_x(mfn));
	} else {
		slot = _gfn(READ_ONCE(entry_v2(gt, ref)->full_page.frame));
		guest_physmap_add_page(rd, slot, mfn, 0);
		WRITE_ONCE(entry_v2(gt, ref)->full_page.frame, mfn_x(mfn));
	}
	/* The frame is visible before the flag: the guest spins on it. */
	__atomic_fetch_or(entry_header(gt, ref), GTF_transfer_completed, __ATOMIC_SEQ_CST);
}

/*
 * `pg` has no owner now. The new owner gets it before its entry is committed: a committed entry
 * must be completed soon, and only having the page given already makes that certain.
 */
static int give(struct domain *rd, grant_ref_t ref, struct page_info *pg)
{
	struct grant_table *gt = rd->grant_table;
	int rc;

	if (rd->is_dying || assign_pages(pg, 1, rd, 0)) {
		free_domheap_page(pg);
		return GNTST_general_error;
	}
	/* The new owner can give it back before it is told, and then it is somebody else's. */
	if (!get_page(pg, rd))
		return GNTST_general_error;
	spin_lock(&gt->lock);
	rc = commit_entry(gt, ref, current->domain->domain_id);
	if (!rc)
		complete_entry(rd, gt, ref, page_to_mfn(pg));
	spin_unlock(&gt->lock);
	/* Not wanted: drop the owner's reference again. */
	if (rc && test_and_clear_bit(63, &pg->count_info))
		put_page(pg);
	put_page(pg);
	return rc;
}

static int transfer_one(const struct gnttab_transfer *op)
{
	struct domain *ld = current->domain, *rd;
	struct page_info *pg = get_page_from_gfn(ld, _gfn(op->mfn));
	int rc;

	if (!pg)
		return GNTST_bad_page;
	if (steal_page(ld, pg)) {
		put_page(pg);
		return GNTST_bad_page;
	}

	/*
	 * Our reference went with the owner's. From here on the page is no longer the caller's,
	 * whatever happens: the interface says so.
	 */
	rd = gnttab_get_domain(op->domid);
	if (!rd) {
		free_domheap_page(pg);
		return GNTST_bad_domain;
	}
	rc = give(rd, op->ref, pg);
	TRACE(TRC_MEM_PAGE_GRANT_TRANSFER, rd->domain_id);
	put_domain(rd);
	return rc;
}

long gnttab_op_transfer(struct gnttab_run *run, void *arg)
{
	struct gnttab_transfer *op = arg;

	op->status = transfer_one(op);
	return 0;
}
