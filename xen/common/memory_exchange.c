/*
 * XENMEM_exchange: a guest trades frames for others that lie together, or low.
 *
 * It is done in chunks of the larger of the two extent sizes, each all or nothing: first everything
 * that can fail - take new memory, take the old frames out of the guest's hands, tell the guest the
 * new numbers - then the change of owners. Between chunks the call may be continued.
 */
#include <xen/errno.h>
#include <xen/lib.h>
#include "memory.h"

struct exchange {
	struct domain *d;
	struct xen_memory_exchange e;
	unsigned int in_shift, out_shift; /* log2 of the extents per chunk */
	unsigned int memflags;
	struct page_list in;  /* pages taken from the guest; nobody's for now */
	struct page_list out; /* heads of new extents; type_info keeps the guest's pfn */
};

static xen_pfn_t page_mfn(const struct page_info *pg)
{
	return mfn_x(page_to_mfn(pg));
}

static int allocate_out(struct exchange *x, unsigned long chunk)
{
	unsigned long first = chunk << x->out_shift;

	for (unsigned long i = first; i < first + (1UL << x->out_shift); i++) {
		/* Old and new memory together may go beyond what others' claims leave. */
		struct page_info *pg = alloc_domheap_pages(
			NULL, x->e.out.extent_order, x->memflags | MEMF_no_refcount);
		xen_pfn_t gpfn;

		if (!pg)
			return -ENOMEM;
		page_list_add_tail(pg, &x->out);
		if (copy_from_guest_offset(&gpfn, x->e.out.extent_start, i, 1))
			return -EFAULT;
		pg->type_info = gpfn;
	}
	return 0;
}

static int take_page(struct exchange *x, unsigned long gmfn)
{
	struct page_info *pg = get_page_from_gfn(x->d, _gfn(gmfn));
	int rc;

	if (!pg)
		return -EINVAL;
	rc = detach_page(pg, x->d);
	if (rc)
		put_page(pg);
	else
		page_list_add_tail(pg, &x->in);
	return rc;
}

static int take_in(struct exchange *x, unsigned long chunk)
{
	unsigned long first = chunk << x->in_shift;

	for (unsigned long i = first; i < first + (1UL << x->in_shift); i++) {
		xen_pfn_t gmfn;

		if (copy_from_guest_offset(&gmfn, x->e.in.extent_start, i, 1))
			return -EFAULT;
		for (unsigned long j = 0; j < 1UL << x->e.in.extent_order; j++) {
			int rc = take_page(x, gmfn + j);

			if (rc)
				return rc;
		}
	}
	return 0;
}

/* Write the new frames' numbers, or, to undo that, what the guest had there. */
static int write_out(struct exchange *x, unsigned long chunk, bool undo)
{
	unsigned long i = chunk << x->out_shift;

	for (struct page_info *pg = page_list_first(&x->out); pg; pg = page_list_next(pg), i++) {
		xen_pfn_t n = undo ? pg->type_info : page_mfn(pg);

		if (copy_to_guest_offset(x->e.out.extent_start, i, &n, 1))
			return -EFAULT;
	}
	return 0;
}

/* Pages of a domain that has begun to die in between, charged to it but not listed. */
static void discharge(struct domain *d, unsigned int order)
{
	bool last;

	spin_lock(&d->page_alloc_lock);
	last = domain_adjust_tot_pages(d, -(1L << order));
	spin_unlock(&d->page_alloc_lock);
	if (last)
		put_domain(d);
}

static void roll_back(struct exchange *x)
{
	struct page_info *pg;

	while ((pg = page_list_pop(&x->out)))
		free_domheap_pages(pg, x->e.out.extent_order);
	while ((pg = page_list_pop(&x->in)))
		if (assign_pages(pg, 1, x->d, MEMF_no_refcount)) {
			free_domheap_pages(pg, 0);
			discharge(x->d, 0);
		}
}

static void commit(struct exchange *x)
{
	unsigned int order = x->e.out.extent_order;
	struct page_info *pg;

	while ((pg = page_list_pop(&x->in))) {
		set_gpfn_from_mfn(page_mfn(pg), INVALID_M2P_ENTRY);
		free_domheap_pages(pg, 0);
	}
	while ((pg = page_list_pop(&x->out))) {
		unsigned long gpfn = pg->type_info;

		pg->type_info = 0;
		/* Before it is the domain's, which could give it back at once. */
		guest_physmap_add_page(x->d, _gfn(gpfn), page_to_mfn(pg), order);
		if (assign_pages(pg, 1u << order, x->d, MEMF_no_refcount)) {
			free_domheap_pages(pg, order);
			discharge(x->d, order);
		}
	}
}

static int exchange_chunk(struct exchange *x, unsigned long chunk)
{
	int rc = allocate_out(x, chunk);

	if (!rc)
		rc = take_in(x, chunk);
	if (!rc) {
		rc = write_out(x, chunk, false);
		if (rc)
			write_out(x, chunk, true);
	}
	if (rc)
		roll_back(x);
	else
		commit(x);
	return rc;
}

/* Everything that the numbers alone tell. */
static int check_request(struct exchange *x)
{
	const struct xen_memory_reservation *in = &x->e.in, *out = &x->e.out;
	unsigned int big;
	int rc;

	if (in->domid != out->domid)
		return -EINVAL;
	rc = memop_target(in->domid, &x->d);
	if (rc)
		return rc;
	if (max(in->extent_order, out->extent_order) > memop_max_order())
		return -EPERM;
	if (in->nr_extents > ~0UL >> in->extent_order ||
		out->nr_extents > ~0UL >> out->extent_order ||
		in->nr_extents << in->extent_order != out->nr_extents << out->extent_order)
		return -EINVAL;
	big = max(in->extent_order, out->extent_order);
	x->in_shift = big - in->extent_order;
	x->out_shift = big - out->extent_order;
	if (x->e.nr_exchanged > in->nr_extents ||
		((in->nr_extents | x->e.nr_exchanged) & ((1UL << x->in_shift) - 1)))
		return -EINVAL;
	return memop_flags(out->mem_flags, &x->memflags);
}

/*
 * `start` is not used: nr_exchanged in the guest's structure says how much is done. Whatever it
 * says, each chunk is checked by itself.
 */
long memop_exchange(unsigned int op, XEN_GUEST_HANDLE_PARAM(void) arg, unsigned long start)
{
	struct exchange x = { 0 };
	unsigned long chunk, first, chunks;
	bool again = false;
	int rc;

	if (copy_from_guest(&x.e, arg, 1))
		return -EFAULT;
	rc = check_request(&x);
	if (rc)
		return rc;
	first = x.e.nr_exchanged >> x.in_shift;
	chunks = x.e.in.nr_extents >> x.in_shift;
	for (chunk = first; chunk < chunks; chunk++) {
		again = chunk != first && hypercall_preempt_check();
		if (again)
			break;
		rc = exchange_chunk(&x, chunk);
		if (rc)
			break;
	}
	x.e.nr_exchanged = chunk << x.in_shift;
	if (copy_field_to_guest(arg, &x.e, nr_exchanged))
		return -EFAULT;
	return again ? memop_continue(op, 0, arg) : rc;
}
