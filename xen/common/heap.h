/* The buddy heap, as seen by the code that hands its blocks to domains and to the hypervisor. */
#ifndef COMMON_HEAP_H
#define COMMON_HEAP_H

#include <xen/mm.h>

/*
 * A block of 2^order frames (order <= MAX_ORDER) that no TLB holds: page_info zero in all but the
 * links. `d`: on whose behalf, which decides what other domains' claims leave; may be NULL.
 */
struct page_info *alloc_heap_pages(
	unsigned int order, unsigned int memflags, const struct domain *d);
/* Give a block back. It counts as dirty. */
void free_heap_pages(struct page_info *pg, unsigned int order);
/* Move pages from unclaimed memory to d's claim, or back when negative. -ENOMEM. */
int heap_adjust_claim(struct domain *d, long pages);
/* Calls fn for the parts of [s, e) that badpage= does not name. */
void for_each_good_range(
	unsigned long s, unsigned long e, void (*fn)(unsigned long s, unsigned long e));

#endif
