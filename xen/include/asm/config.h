/*
 * Numbers shared by C, assembly and the linker script: the address-space map and selectors.
 *
 * The interface gives the hypervisor L4 slots 256-271 of every address space:
 *   256  read-only machine-to-physical table (guests may read it)
 *   257  frame table
 *   258  per-CPU blocks: stacks and the system-call entry
 *   259  device mappings (ioremap)
 *   260  per-domain mappings: each vCPU's GDT and LDT
 *   261  the hypervisor's image
 *   262-271  all RAM ("direct map"), up to 5 TiB
 */
#ifndef ASM_CONFIG_H
#define ASM_CONFIG_H

#ifdef __ASSEMBLY__
#define UL(x) x
#else
#define UL(x) x##UL
#endif

#define PAGE_SHIFT 12
#define PAGE_SIZE  (UL(1) << PAGE_SHIFT)

#define HYPERVISOR_START     UL(0xffff800000000000)
#define HYPERVISOR_END       UL(0xffff880000000000) /* first byte behind */
#define RO_MPT_START         UL(0xffff800000000000)
#define RO_MPT_END           UL(0xffff804000000000)
#define FRAMETABLE_START     UL(0xffff808000000000)
#define PERCPU_BLOCKS_START  UL(0xffff810000000000)
#define IOREMAP_START        UL(0xffff818000000000)
#define IOREMAP_END          UL(0xffff820000000000)
#define PERDOMAIN_START      UL(0xffff820000000000)
#define XEN_VIRT_START       UL(0xffff828000000000)
#define DIRECTMAP_START      UL(0xffff830000000000)
#define DIRECTMAP_END        UL(0xffff880000000000)
#define XEN_LOAD_PADDR       UL(0x200000) /* where the boot loader puts the image */

#define L4_SLOT_MPT       256
#define L4_SLOT_PERDOMAIN 260
#define L4_SLOT_FIRST     256
#define L4_SLOT_LAST      271

/* A per-CPU block: page 0 is the system-call entry; then stacks with guard pages between. */
#define PERCPU_BLOCK_SIZE UL(0x10000)
#define PCB_IST_DB        1 /* pages: #DB, #DF, NMI, #MC stacks of one page each ... */
#define PCB_IST_DF        3
#define PCB_IST_NMI       5
#define PCB_IST_MCE       7
#define PCB_STACK_FIRST   9 /* ... and the main stack, up to the block's end */
#define PCB_PAGES         16

/* Selectors, as the interface has them. */
#define HYPERVISOR_CS  0xe008
#define HYPERVISOR_DS  0xe010
#define RING3_CS32     0xe023
#define RING3_CS64     0xe033
#define RING3_SS       0xe02b
#define TSS_SELECTOR   0xe040
#define LDT_SELECTOR   0xe050
#define GDT_RESERVED_PAGE  14 /* first page of a GDT that is ours */
#define GDT_RESERVED_ENTRY (GDT_RESERVED_PAGE * 512)

/* Per-domain area: each vCPU has 16 pages of GDT, then 16 of LDT. */
#define PERVCPU_PAGES 32
#define SELECTOR_LDT  4 /* in a selector: of the LDT */

#define IST_DF  1
#define IST_NMI 2
#define IST_MCE 3
#define IST_DB  4

/* v->arch.flags */
#define TF_KERNEL_MODE     1

/* Fixed interrupt vectors; the rest below are handed out to devices. */
#define FIRST_DYNAMIC_VECTOR 0x21
#define LAST_DYNAMIC_VECTOR  0xef
#define VECTOR_INT80         0x80 /* guests' system calls */
#define VECTOR_SPURIOUS      0xff
#define VECTOR_ERROR         0xfe
#define VECTOR_EVENT_CHECK   0xfd
#define VECTOR_CALL_FUNCTION 0xfc
#define VECTOR_INVALIDATE    0xfb
#define VECTOR_APIC_TIMER    0xfa
#define VECTOR_NMI_DEFERRED  0xf9 /* what an NMI wants done but must not do itself */

#endif
