/* Page-table entries and the arithmetic between machine, virtual and frame numbers. */
#ifndef ASM_PAGE_H
#define ASM_PAGE_H

#include <asm/config.h>

#define PAGE_MASK (~(PAGE_SIZE - 1))

#define _PAGE_PRESENT  0x001UL
#define _PAGE_RW       0x002UL
#define _PAGE_USER     0x004UL
#define _PAGE_PWT      0x008UL
#define _PAGE_PCD      0x010UL
#define _PAGE_ACCESSED 0x020UL
#define _PAGE_DIRTY    0x040UL
#define _PAGE_PSE      0x080UL
#define _PAGE_PAT      0x080UL
#define _PAGE_GLOBAL   0x100UL
#define _PAGE_AVAIL0   0x200UL
#define _PAGE_AVAIL1   0x400UL
#define _PAGE_AVAIL2   0x800UL
#define _PAGE_AVAIL    0xe00UL
#define _PAGE_NX       0x8000000000000000UL

#define PTE_ADDR_MASK  0x000ffffffffff000UL
#define PTE_FLAGS_MASK (~PTE_ADDR_MASK)

#define PAGE_HYPERVISOR    (_PAGE_PRESENT | _PAGE_RW | _PAGE_ACCESSED | _PAGE_DIRTY | _PAGE_GLOBAL | _PAGE_NX)
#define PAGE_HYPERVISOR_RO (_PAGE_PRESENT | _PAGE_ACCESSED | _PAGE_DIRTY | _PAGE_GLOBAL | _PAGE_NX)
#define PAGE_HYPERVISOR_RX (_PAGE_PRESENT | _PAGE_ACCESSED | _PAGE_DIRTY | _PAGE_GLOBAL)
#define PAGE_HYPERVISOR_UC (PAGE_HYPERVISOR | _PAGE_PCD | _PAGE_PWT)
#define PAGE_TABLE_FLAGS   (_PAGE_PRESENT | _PAGE_RW | _PAGE_ACCESSED | _PAGE_DIRTY)

#define L1_SHIFT 12
#define L2_SHIFT 21
#define L3_SHIFT 30
#define L4_SHIFT 39
#define PT_ENTRIES 512
#define pt_index(va, shift) (((unsigned long)(va) >> (shift)) & 511)
#define l1_index(va) pt_index(va, L1_SHIFT)
#define l2_index(va) pt_index(va, L2_SHIFT)
#define l3_index(va) pt_index(va, L3_SHIFT)
#define l4_index(va) pt_index(va, L4_SHIFT)

#ifndef __ASSEMBLY__
#include <xen/types.h>

typedef u64 pte_t; /* an entry of any level */

#define mfn_to_virt(n)   ((void *)(DIRECTMAP_START + ((unsigned long)(n) << PAGE_SHIFT)))
#define maddr_to_virt(p) ((void *)(DIRECTMAP_START + (unsigned long)(p)))
/* For direct-map and image addresses. */
static inline paddr_t virt_to_maddr(const void *v)
{
	unsigned long va = (unsigned long)v;

	return va >= DIRECTMAP_START ? va - DIRECTMAP_START : va - XEN_VIRT_START;
}
#define virt_to_mfn(v) (virt_to_maddr(v) >> PAGE_SHIFT)
/* For direct-map addresses alone. */
#define virt_to_mfn_direct(v) (((unsigned long)(v) - DIRECTMAP_START) >> PAGE_SHIFT)

#define pte_mfn(e) (((e) & PTE_ADDR_MASK) >> PAGE_SHIFT)
#define make_pte(mfn, flags) (((pte_t)(mfn) << PAGE_SHIFT) | (flags))
#define is_canonical(a) ((long)(a) >> 47 == (long)(a) >> 63)
#endif

#endif
