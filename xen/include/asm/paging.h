/* The hypervisor's own page tables. */
#ifndef ASM_PAGING_H
#define ASM_PAGING_H

#include <asm/page.h>

/* The L4 that CPUs use when no guest runs; its slots 256-271 are the pattern for all others. */
extern pte_t *idle_l4;
/* Boot: from here on new page tables come from the heap. */
void paging_heap_ready(void);
/* Boot: control domains may map the M2P as frames of dom_xen, to read. */
void m2p_share(void);

#endif
