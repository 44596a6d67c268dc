/* Arch part of memory management: see arch/x86/mm/. */
#ifndef ASM_MM_H
#define ASM_MM_H

#include <xen/cpumask.h>
#include <xen/types.h>
#include <public/xen.h>
#include <xen/guest_access.h>

struct domain;
struct page_info;
struct vcpu;

/* --- Machine to physical ---------------------------------------------------------------------- */

void set_gpfn_from_mfn(unsigned long mfn, unsigned long pfn);
unsigned long get_gpfn_from_mfn(unsigned long mfn);
#define INVALID_M2P_ENTRY (~0UL)
/* First of the 512 contiguous frames behind the n-th 2 MiB of the table; 0 = a hole. */
unsigned long m2p_extent_mfn(unsigned int n);

/* --- Log of changed pages -------------------------------------------------------------------------- */

/* Domains that run on shadow tables, with or without a log: mm/shadow.c. */
extern unsigned int shadowed_domains;
/* The frame's owner has, or may have, a log: note that the frame has changed. */
void paging_mark_dirty(const struct page_info *pg);
/* After every change of a guest's frame other than through its own page tables. Not in interrupts. */
static always_inline void mark_page_dirty(const struct page_info *pg)
{
	if (unlikely(READ_ONCE(shadowed_domains)))
		paging_mark_dirty(pg);
}

/* --- TLB --------------------------------------------------------------------------------------- */

#define FLUSH_TLB        1u /* everything but global entries */
#define FLUSH_TLB_GLOBAL 2u
#define FLUSH_VA         4u /* one address */
/* Flush on this CPU. */
void flush_local(const void *va, unsigned int flags);
/* Flush on all CPUs of the mask, and wait. Interrupts must be on (or the mask only this CPU). */
void flush_mask(const cpumask_t *mask, const void *va, unsigned int flags);
void flush_all(unsigned int flags);
/* Drop from `mask` the CPUs that have flushed since the page's type count fell to 0. */
void tlb_filter(cpumask_t *mask, u32 page_stamp);
u32 tlb_clock(void);

/* --- Hypervisor's own mappings ------------------------------------------------------------------ */

/* Map `bytes` of device memory uncached; NULL when out of address space. Never in a guest's reach. */
void *ioremap(paddr_t pa, size_t bytes);
/* Map a hypervisor address (slots 257-261) in every address space. -ENOMEM. */
int map_pages_to_xen(unsigned long va, mfn_t mfn, unsigned long nr, unsigned long flags);

/* --- Hypercalls ---------------------------------------------------------------------------------- */

/* Make a frame of the hypervisor visible to a domain, which may then map it. */
void share_xen_page_with_guest(struct page_info *pg, struct domain *d, bool readonly);
/* Take a page away from its owner for good (exchange, transfer, decrease_reservation): the caller
 * gets it with no owner. -EBUSY while mapped or typed, -EINVAL. */
int steal_page(struct domain *d, struct page_info *pg);
/* The guest's entry in a page table for a PV domain's memory_op: for populate, M2P update. */
void guest_physmap_add_page(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order);
/* Is it RAM, by the firmware's map? */
bool page_is_ram(unsigned long mfn);

#endif
