/* Host tests: a small machine memory with owners, reference counts and types. */
#ifndef UNIT_STUBS_MM_H
#define UNIT_STUBS_MM_H

#include <xen/mm.h>

#define HOST_PAGES 2048

struct domain;
/* Forget all allocations. */
void host_mm_reset(void);
/* A fresh zeroed page of `d`, with the owner's own reference. */
struct page_info *host_domain_page(struct domain *d);
/* Pages that are not free. */
unsigned int host_pages_allocated(void);
/* Pages with general references or types beyond those of their owners. */
unsigned int host_pages_in_use(const struct domain *d);

#endif
