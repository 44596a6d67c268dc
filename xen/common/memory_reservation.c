/* memory_op: more memory for a domain, and less. */
#include <xen/errno.h>
#include <xen/lib.h>
#include <xen/trace.h>
#include "memory.h"

struct request {
	struct domain *d;
	struct xen_memory_reservation r;
	unsigned int memflags;
};

/* Take the owner's reference from a page on which we hold another: true for whoever comes first. */
static bool drop_owner_reference(struct page_info *pg)
{
	u64 old = __atomic_fetch_and(&pg->count_info, ~PGC_allocated, __ATOMIC_SEQ_CST);

	if (!(old & PGC_allocated))
		return false;
	put_page(pg);
	return true;
}

/*
 * Take the frame `gfn` away from `d`: it is freed when its last user is gone. False when it is not
 * ordinary memory of d, or is on its way out already.
 */
static bool remove_page(struct domain *d, unsigned long gfn)
{
	struct page_info *pg = get_page_from_gfn(d, _gfn(gfn));
	bool ok;

	if (!pg)
		return false;
	ok = !(pg->count_info & PGC_xen_heap) && drop_owner_reference(pg);
	if (ok)
		set_gpfn_from_mfn(mfn_x(page_to_mfn(pg)), INVALID_M2P_ENTRY);
	put_page(pg);
	return ok;
}

/* Undo an allocation that the guest could not be told of; it may have guessed the frames. */
static void remove_extent(struct domain *d, unsigned long mfn, unsigned int order)
{
	for (unsigned long i = 0; i < 1UL << order; i++)
		remove_page(d, mfn + i);
}

/*
 * Memory for q->d, with its numbers in the M2P (gpfn INVALID_M2P_ENTRY: none). They come first: frames
 * that the domain owns it can give back, on another CPU, and then their entries are somebody else's.
 */
static struct page_info *new_extent(const struct request *q, xen_pfn_t gpfn)
{
	struct page_info *pg =
		alloc_domheap_pages(q->d, q->r.extent_order, q->memflags | MEMF_no_owner);

	if (!pg)
		return NULL;
	for (unsigned long j = 0; j < 1UL << q->r.extent_order; j++)
		set_gpfn_from_mfn(mfn_x(page_to_mfn(pg)) + j,
			gpfn == INVALID_M2P_ENTRY ? gpfn : gpfn + j);
	if (assign_pages(pg, 1u << q->r.extent_order, q->d, 0)) {
		free_domheap_pages(pg, q->r.extent_order);
		return NULL;
	}
	return pg;
}

static bool increase_one(const struct request *q, unsigned long i)
{
	struct page_info *pg = new_extent(q, INVALID_M2P_ENTRY);
	xen_pfn_t mfn;

	if (!pg)
		return false;
	mfn = mfn_x(page_to_mfn(pg));
	if (!guest_handle_is_null(q->r.extent_start) &&
		copy_to_guest_offset(q->r.extent_start, i, &mfn, 1)) {
		remove_extent(q->d, mfn, q->r.extent_order);
		return false;
	}
	return true;
}

static bool populate_one(const struct request *q, unsigned long i)
{
	struct page_info *pg;
	xen_pfn_t gpfn, mfn;

	if (copy_from_guest_offset(&gpfn, q->r.extent_start, i, 1))
		return false;
	pg = new_extent(q, gpfn);
	if (!pg)
		return false;
	mfn = mfn_x(page_to_mfn(pg));
	if (copy_to_guest_offset(q->r.extent_start, i, &mfn, 1)) {
		remove_extent(q->d, mfn, q->r.extent_order);
		return false;
	}
	return true;
}

static bool decrease_one(const struct request *q, unsigned long i)
{
	xen_pfn_t gfn;

	if (copy_from_guest_offset(&gfn, q->r.extent_start, i, 1))
		return false;
	for (unsigned long j = 0; j < 1UL << q->r.extent_order; j++)
		if (!remove_page(q->d, gfn + j))
			return false;
	TRACE(TRC_MEM_DECREASE_RESERVATION, TRACE_U64(gfn), q->d->domain_id | q->r.extent_order << 16);
	return true;
}

static bool (*const one_extent[])(const struct request *q, unsigned long i) = {
	[XENMEM_increase_reservation] = increase_one,
	[XENMEM_decrease_reservation] = decrease_one,
	[XENMEM_populate_physmap] = populate_one,
};

/* Returns how many extents are done; an error only when the caller or its target is wrong. */
long memop_reservation(unsigned int op, XEN_GUEST_HANDLE_PARAM(void) arg, unsigned long start)
{
	struct request q;
	unsigned long i;
	int rc;

	if (copy_from_guest(&q.r, arg, 1))
		return -EFAULT;
	rc = memop_target(q.r.domid, &q.d);
	if (rc)
		return rc;
	if (q.r.nr_extents > ~0UL >> MEMOP_EXTENT_SHIFT || q.r.extent_order > memop_max_order() ||
		memop_flags(q.r.mem_flags, &q.memflags))
		return start;
	/* Whoever builds or restores a domain need not touch pages that are to be zeros. */
	if (q.d != current->domain)
		q.memflags |= MEMF_zero;
	for (i = start; i < q.r.nr_extents; i++) {
		if (i != start && hypercall_preempt_check())
			return memop_continue(op, i, arg);
		if (!one_extent[op](&q, i))
			break;
	}
	return i;
}
