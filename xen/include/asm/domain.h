/* What the machine needs to know of domains and vCPUs. */
#ifndef ASM_DOMAIN_H
#define ASM_DOMAIN_H

#include <public/xen.h>
#include <xen/cpumask.h>
#include <xen/spinlock.h>
#include <asm/page.h>
#include <asm/shadow.h>

struct page_info;
struct xsave_area;
struct cpu_policy;

struct arch_vcpu {
	struct cpu_user_regs user_regs; /* while not running */

	unsigned int flags; /* TF_KERNEL_MODE */
	unsigned long kernel_sp;
	unsigned long syscall_frame; /* kernel_sp aligned, minus a system-call frame; 0 = use the slow path */
	unsigned long syscall_entry, syscall32_entry, sysenter_entry;
	bool syscall_masks_events, syscall32_masks_events, sysenter_masks_events;
	u8 failsafe_masks_events;
	unsigned long event_entry, failsafe_entry;
	u64 cr3_kernel, cr3_user; /* addresses of the roots; cr3_user 0 = none */
	u64 load_kernel, load_user; /* what CR3 is loaded with for them: pv_set_roots() */
	struct shadow_roots shadows;
	struct page_info *retired; /* a table on its way out: mm/validate.c */
	struct trap_info *trap_table; /* [256] */

	unsigned long fs_base, gs_base_kernel, gs_base_user; /* while not running, see pv/segments.c */
	unsigned long gdt_base;           /* linear address of its GDT window */
	unsigned int gdt_ents, ldt_ents;
	unsigned long gdt_frames[14];
	unsigned long ldt_base;
	pte_t *gdt_ldt_l1;                /* the 32 entries of its GDT/LDT window */

	unsigned long cr0, cr4;           /* as the guest believes */
	unsigned long dr[8];
	unsigned int iopl;
	const void *iobmp;                /* guest's bitmap of ports for user mode */
	unsigned int iobmp_limit;

	struct xsave_area *xsave;
	u64 xcr0;
	unsigned long nmi_entry;
	bool nmi_pending, cr0_ts;
};

struct arch_domain {
	spinlock_t mm_lock;      /* page tables and page types */
	struct paging_domain paging;
	pte_t *perdomain_l3;     /* slot 260 of all its address spaces */
	struct rangeset *ioport_caps;
	unsigned long pirq_eoi_map_mfn;
	unsigned long *pirq_eoi_map;
	struct e820_entry *e820; /* XENMEM_set_memory_map */
	unsigned int nr_e820;
	u32 pci_cf8; /* the address it wrote to port 0xcf8 */
	struct cpu_policy *cpu_policy; /* what the toolstack lets it see; NULL: all that there is */
	bool relaxed_msrs;             /* unknown MSRs read as 0 instead of faulting */
	u32 tsc_mode, tsc_incarnation; /* XEN_DOMCTL_settscinfo */
};

#endif
