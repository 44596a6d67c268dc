/*
 * Blocks of the heap in use: as domains' memory, counted and listed by owner, and as the
 * hypervisor's own.
 */
#include <xen/errno.h>
#include <xen/lib.h>
#include <xen/sched.h>
#include "heap.h"

/* --- What a domain holds ---------------------------------------------------------------------- */

/* Memory arrived: a claim shrinks by it. d->page_alloc_lock is held. */
static void consume_claim(struct domain *d, unsigned long pages)
{
	heap_adjust_claim(d, -(long)min(pages, (unsigned long)d->outstanding_pages));
}

bool domain_adjust_tot_pages(struct domain *d, long pages)
{
	if (pages > 0) {
		if (!d->tot_pages)
			get_knownalive_domain(d);
		if (unlikely(d->outstanding_pages))
			consume_claim(d, pages);
	}
	d->tot_pages += pages;
	return pages < 0 && !d->tot_pages;
}

int domain_set_outstanding_pages(struct domain *d, unsigned long pages)
{
	int rc = -EINVAL;

	spin_lock(&d->page_alloc_lock);
	if (!pages)
		rc = heap_adjust_claim(d, -(long)d->outstanding_pages);
	else if (!d->outstanding_pages && !d->is_dying && pages > d->tot_pages &&
		pages <= d->max_pages)
		rc = heap_adjust_claim(d, pages - d->tot_pages);
	spin_unlock(&d->page_alloc_lock);
	return rc;
}

/* Append the frames to d->page_list and let others take references. */
static void link_to_owner(struct page_info *pg, unsigned int nr, struct domain *d)
{
	u32 first = mfn_x(page_to_mfn(pg)), tail = d->page_list.tail;
	u32 owner = virt_to_mfn(d);

	for (unsigned int i = 0; i < nr; i++) {
		pg[i].prev = i ? first + i - 1 : tail;
		pg[i].next = i + 1 < nr ? first + i + 1 : 0;
		pg[i].owner = owner;
		/* A reference may be taken from here on: owner must be visible before. */
		__atomic_store_n(&pg[i].count_info, PGC_allocated | 1, __ATOMIC_RELEASE);
	}
	if (tail)
		frame_table[tail].next = first;
	else
		d->page_list.head = first;
	d->page_list.tail = first + nr - 1;
}

int assign_pages(struct page_info *pg, unsigned int nr, struct domain *d, unsigned int memflags)
{
	int rc = 0;

	spin_lock(&d->page_alloc_lock);
	if (unlikely(d->is_dying)) {
		rc = -EINVAL;
	} else if (!(memflags & MEMF_no_refcount)) {
		if (unlikely(d->tot_pages >= d->max_pages || nr > d->max_pages - d->tot_pages))
			rc = -E2BIG;
		else
			(void)!domain_adjust_tot_pages(d, nr);
	}
	if (likely(!rc))
		link_to_owner(pg, nr, d);
	spin_unlock(&d->page_alloc_lock);
	for (unsigned int i = 0; unlikely(READ_ONCE(shadowed_domains)) && !rc && i < nr; i++)
		paging_mark_dirty(pg + i);
	return rc;
}

int detach_page(struct page_info *pg, struct domain *d)
{
	u64 ours = PGC_allocated | 2 | (READ_ONCE(pg->count_info) & PGC_foreign_noted);
	int rc = 0;

	spin_lock(&d->page_alloc_lock);
	if (page_get_owner(pg) != d || (pg->count_info & PGC_xen_heap)) {
		rc = -EINVAL;
	} else if (!__atomic_compare_exchange_n(
			   &pg->count_info, &ours, 0, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
		rc = -EBUSY;
	} else {
		/* Types hold references, so there is no typed use either. */
		page_list_del(pg, &d->page_list);
		page_set_owner(pg, NULL);
	}
	spin_unlock(&d->page_alloc_lock);
	return rc;
}

struct page_info *alloc_domheap_pages(struct domain *d, unsigned int order, unsigned int memflags)
{
	struct page_info *pg;

	/* Spare the work where the answer is known; assign_pages() is the judge. */
	if (d && !(memflags & (MEMF_no_refcount | MEMF_no_owner)) &&
		READ_ONCE(d->tot_pages) >= READ_ONCE(d->max_pages))
		return NULL;
	pg = alloc_heap_pages(order, memflags, d);
	if (pg && d && !(memflags & MEMF_no_owner) && assign_pages(pg, 1u << order, d, memflags)) {
		free_heap_pages(pg, order);
		pg = NULL;
	}
	return pg;
}

/* A page of the hypervisor is no longer shared. What was shared while dying is in no list. */
static void unshare_page(struct page_info *pg, struct domain *d)
{
	struct page_list *l = &d->xenpage_list;

	if (pg->next || pg->prev || l->head == mfn_x(page_to_mfn(pg))) {
		page_list_del(pg, l);
		d->xenheap_pages--;
	}
	page_set_owner(pg, NULL);
}

/* A domain's frames left it: true when that was its last hold on the domain. */
static bool unlink_from_owner(struct page_info *pg, unsigned int order, struct domain *d)
{
	bool last = false;

	spin_lock(&d->page_alloc_lock);
	if (unlikely(pg->count_info & PGC_xen_heap)) {
		unshare_page(pg, d);
	} else {
		for (unsigned long i = 0; i < 1UL << order; i++) {
			ASSERT(!(pg[i].count_info & (PGC_count_mask | PGC_allocated)));
			page_list_del(&pg[i], &d->page_list);
		}
		last = domain_adjust_tot_pages(d, -(1L << order));
	}
	spin_unlock(&d->page_alloc_lock);
	return last;
}

void free_domheap_pages(struct page_info *pg, unsigned int order)
{
	struct domain *d = page_get_owner(pg);
	bool xenheap = pg->count_info & PGC_xen_heap, last = false;

	if (d)
		last = unlink_from_owner(pg, order, d);
	if (likely(!xenheap))
		free_heap_pages(pg, order);
	if (unlikely(last))
		put_domain(d);
}

/* --- The hypervisor's own --------------------------------------------------------------------- */

void *alloc_xenheap_pages(unsigned int order, unsigned int memflags)
{
	struct page_info *pg = alloc_heap_pages(order, memflags | MEMF_no_scrub, NULL);

	if (!pg)
		return NULL;
	for (unsigned long i = 0; i < 1UL << order; i++)
		pg[i].count_info = PGC_xen_heap;
	return page_to_virt(pg);
}

/*
 * End the life of a page that was shared with a guest as the hypervisor's: its owner may go now. True
 * when nobody maps it; else the last put_page() frees it as anonymous memory.
 */
static bool retire_shared_page(struct page_info *pg)
{
	struct domain *d = page_get_owner(pg);
	u64 old = READ_ONCE(pg->count_info), new;

	if (d) {
		spin_lock(&d->page_alloc_lock);
		unshare_page(pg, d);
		spin_unlock(&d->page_alloc_lock);
	}
	do {
		new = (old & ~(PGC_xen_heap | PGC_allocated)) - (old & PGC_allocated ? 1 : 0);
	} while (!__atomic_compare_exchange_n(
		&pg->count_info, &old, new, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
	return !(new & PGC_count_mask);
}

void free_xenheap_pages(void *v, unsigned int order)
{
	struct page_info *pg;
	bool shared = false;

	if (!v)
		return;
	pg = virt_to_page(v);
	for (unsigned long i = 0; i < 1UL << order; i++) {
		ASSERT(pg[i].count_info & PGC_xen_heap);
		shared |= pg[i].count_info != PGC_xen_heap;
	}
	if (likely(!shared)) {
		free_heap_pages(pg, order);
		return;
	}
	for (unsigned long i = 0; i < 1UL << order; i++)
		if (retire_shared_page(&pg[i]))
			free_heap_pages(&pg[i], 0);
}
