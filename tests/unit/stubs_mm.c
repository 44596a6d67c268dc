/* Host tests: see stubs_mm.h. */
#include <xen/errno.h>
#include <xen/lib.h>
#include <xen/sched.h>
#include "stubs_mm.h"

unsigned char host_ram[HOST_PAGES << PAGE_SHIFT] __aligned(4096);
static struct page_info pages[HOST_PAGES];
struct page_info *const frame_table = pages;
unsigned long max_page = HOST_PAGES;

void host_mm_reset(void)
{
	memset(pages, 0, sizeof(pages));
	memset(host_ram, 0, sizeof(host_ram));
}

__weak bool mfn_valid(mfn_t mfn)
{
	return mfn_x(mfn) < max_page;
}

/* First fit; frame 0 stays unused. */
__weak void *alloc_xenheap_pages(unsigned int order, unsigned int memflags)
{
	unsigned int n = 1u << order, run = 0;

	for (unsigned int i = 1; i < HOST_PAGES; i++) {
		run = pages[i].count_info ? 0 : run + 1;
		if (run < n)
			continue;
		for (unsigned int j = i - n + 1; j <= i; j++) {
			pages[j] = (struct page_info){ .count_info = PGC_xen_heap };
			memset(mfn_to_virt(j), memflags & MEMF_zero ? 0 : 0xa5, PAGE_SIZE);
		}
		return mfn_to_virt(i - n + 1);
	}
	return NULL;
}

__weak void free_xenheap_pages(void *v, unsigned int order)
{
	if (!v)
		return;
	for (unsigned int i = 0; i < 1u << order; i++) {
		struct page_info *pg = virt_to_page(v) + i;

		BUG_ON(!(pg->count_info & PGC_xen_heap));
		if (pg->count_info & PGC_allocated) { /* shared with its owner */
			pg->count_info--;
			pg->type_info--;
		}
		pg->count_info &= ~(PGC_xen_heap | PGC_allocated);
		page_set_owner(pg, NULL);
		if (!pg->count_info)
			memset(pg, 0, sizeof(*pg));
	}
}

struct page_info *host_domain_page(struct domain *d)
{
	void *v = alloc_xenheap_pages(0, MEMF_zero);
	struct page_info *pg = virt_to_page(v);

	BUG_ON(!v);
	pg->count_info = PGC_allocated | 1;
	page_set_owner(pg, d);
	return pg;
}

unsigned int host_pages_allocated(void)
{
	unsigned int n = 0;

	for (unsigned int i = 1; i < HOST_PAGES; i++)
		n += pages[i].count_info != 0;
	return n;
}

unsigned int host_pages_in_use(const struct domain *d)
{
	unsigned int n = 0;

	for (unsigned int i = 1; i < HOST_PAGES; i++)
		if (page_get_owner(&pages[i]) == d && !(pages[i].count_info & PGC_xen_heap))
			n += (pages[i].count_info & PGC_count_mask) > 1 ||
				pages[i].type_info & PGT_count_mask;
	return n;
}

__weak bool get_page(struct page_info *pg, const struct domain *d)
{
	if (!(pg->count_info & PGC_count_mask) || page_get_owner(pg) != d)
		return false;
	pg->count_info++;
	return true;
}

__weak void put_page(struct page_info *pg)
{
	BUG_ON(!(pg->count_info & PGC_count_mask));
	pg->count_info--;
	if (!(pg->count_info & PGC_count_mask))
		free_domheap_pages(pg, 0);
}

__weak int get_page_type(struct page_info *pg, u64 type)
{
	if ((pg->type_info & PGT_count_mask) && (pg->type_info & PGT_type_mask) != type)
		return -EBUSY;
	pg->type_info = type | ((pg->type_info & PGT_count_mask) + 1);
	return 0;
}

__weak void put_page_type(struct page_info *pg)
{
	BUG_ON(!(pg->type_info & PGT_count_mask));
	pg->type_info--;
}

__weak int get_page_and_type(struct page_info *pg, struct domain *d, u64 type)
{
	int rc;

	if (!get_page(pg, d))
		return -EINVAL;
	rc = get_page_type(pg, type);
	if (rc)
		put_page(pg);
	return rc;
}

__weak struct page_info *get_page_from_gfn(struct domain *d, gfn_t gfn)
{
	struct page_info *pg = mfn_to_page(_mfn(gfn_x(gfn)));

	return mfn_valid(_mfn(gfn_x(gfn))) && get_page(pg, d) ? pg : NULL;
}

__weak void share_xen_page_with_guest(struct page_info *pg, struct domain *d, bool readonly)
{
	page_set_owner(pg, d);
	pg->type_info = (readonly ? PGT_none : PGT_writable) | 1;
	pg->count_info |= PGC_allocated | 1;
}

/* The caller holds a reference, which goes with the owner's. */
__weak int steal_page(struct domain *d, struct page_info *pg)
{
	if (page_get_owner(pg) != d || pg->count_info != (PGC_allocated | 2))
		return -EBUSY;
	pg->count_info = PGC_allocated;
	page_set_owner(pg, NULL);
	return 0;
}

__weak int assign_pages(
	struct page_info *pg, unsigned int nr, struct domain *d, unsigned int memflags)
{
	if (d->max_pages && d->tot_pages + nr > d->max_pages)
		return -E2BIG;
	d->tot_pages += nr;
	pg->count_info = PGC_allocated | 1;
	page_set_owner(pg, d);
	return 0;
}

__weak void free_domheap_pages(struct page_info *pg, unsigned int order)
{
	BUG_ON(pg->count_info & PGC_count_mask || pg->type_info & PGT_count_mask);
	memset(pg, 0, sizeof(*pg) << order);
}

__weak void guest_physmap_add_page(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order)
{
}

/* No domain has a log of its changed pages. */
__weak unsigned int shadowed_domains;

__weak void paging_mark_dirty(const struct page_info *pg)
{
}
