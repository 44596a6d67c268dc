/* Feature bits: XENVER_get_features reports them, a kernel's ELF notes ask for them. */
#ifndef __XEN_PUBLIC_FEATURES_H__
#define __XEN_PUBLIC_FEATURES_H__

#define XENFEAT_writable_page_tables       0 /* page tables may be mapped writable */
#define XENFEAT_writable_descriptor_tables 1 /* so may descriptor tables */
#define XENFEAT_auto_translated_physmap    2 /* the guest sees no machine frames */
#define XENFEAT_supervisor_mode_kernel     3 /* the kernel runs in ring 0 */
#define XENFEAT_pae_pgdir_above_4gb        4
#define XENFEAT_mmu_pt_update_preserve_ad  5 /* MMU_PT_UPDATE_PRESERVE_AD works */
#define XENFEAT_highmem_assist             6 /* MMUEXT_CLEAR_PAGE, MMUEXT_COPY_PAGE work */
#define XENFEAT_gnttab_map_avail_bits      7 /* grant maps honour GNTMAP_guest_avail_mask */
#define XENFEAT_hvm_callback_vector        8
#define XENFEAT_hvm_safe_pvclock           9
#define XENFEAT_hvm_pirqs                  10
#define XENFEAT_dom0                       11
/* 12 is retired. */
#define XENFEAT_memory_op_vnode_supported 13 /* XENMEMF_vnode works */
#define XENFEAT_ARM_SMCCC_supported       14
#define XENFEAT_linux_rsdp_unrestricted   15 /* the RSDP may lie above 1 MiB */
#define XENFEAT_not_direct_mapped         16
#define XENFEAT_direct_mapped             17 /* gfn == mfn for the guest's own pages */

#define XENFEAT_NR_SUBMAPS 1

#endif /* __XEN_PUBLIC_FEATURES_H__ */
