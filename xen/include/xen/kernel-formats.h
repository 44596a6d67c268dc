/* SPDX-License-Identifier: GPL-2.0-only */
/* Facts about files with kernels, for the hypervisor, which starts domain 0, and for the tools' builder. */
#ifndef XEN_KERNEL_FORMATS_H
#define XEN_KERNEL_FORMATS_H

#include <public/features.h>

/* Names in the FEATURES note of public/elfnote.h, by XENFEAT_* number. */
static const char *const feature_names[] = {
	[XENFEAT_writable_page_tables] = "writable_page_tables",
	[XENFEAT_writable_descriptor_tables] = "writable_descriptor_tables",
	[XENFEAT_auto_translated_physmap] = "auto_translated_physmap",
	[XENFEAT_supervisor_mode_kernel] = "supervisor_mode_kernel",
	[XENFEAT_pae_pgdir_above_4gb] = "pae_pgdir_above_4gb",
	[XENFEAT_mmu_pt_update_preserve_ad] = "mmu_pt_update_preserve_ad",
	[XENFEAT_highmem_assist] = "highmem_assist",
	[XENFEAT_gnttab_map_avail_bits] = "gnttab_map_avail_bits",
	[XENFEAT_hvm_callback_vector] = "hvm_callback_vector",
	[XENFEAT_hvm_safe_pvclock] = "hvm_safe_pvclock",
	[XENFEAT_hvm_pirqs] = "hvm_pirqs",
	[XENFEAT_dom0] = "dom0",
	[XENFEAT_memory_op_vnode_supported] = "memory_op_vnode_supported",
	[XENFEAT_linux_rsdp_unrestricted] = "linux_rsdp_unrestricted",
};

/*
 * What a paravirtual domain may insist on. Linux insists on writable page tables, although it asks
 * for them by vm_assist and works without: the hypervisor emulates stores to page tables, which is
 * what it needs.
 */
#define PV_FEATURES_OFFERED                                                                        \
	(1U << XENFEAT_writable_page_tables | 1U << XENFEAT_pae_pgdir_above_4gb |                  \
		1U << XENFEAT_mmu_pt_update_preserve_ad | 1U << XENFEAT_highmem_assist |           \
		1U << XENFEAT_gnttab_map_avail_bits | 1U << XENFEAT_memory_op_vnode_supported)

/* Offsets of the setup header in a bzImage, from "The Linux/x86 Boot Protocol" */
#define SETUP_SECTS     0x1f1 /* u8 */
#define SETUP_MAGIC     0x202 /* "HdrS" */
#define SETUP_VERSION   0x206 /* u16 */
#define SETUP_PAYLOAD   0x248 /* u32, from the end of the setup sectors */
#define SETUP_PAYLEN    0x24c /* u32 */
#define SETUP_MIN_SIZE  0x250
#define SECTOR          512
#define VERSION_PAYLOAD 0x208 /* first version with the payload's place */

#endif
