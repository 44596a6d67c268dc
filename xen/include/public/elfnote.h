/* ELF notes named "Xen": of kernel images, for the domain builder, and of core files. */
#ifndef __XEN_PUBLIC_ELFNOTE_H__
#define __XEN_PUBLIC_ELFNOTE_H__

#define XEN_ELFNOTE_INFO               0  /* string NAME=VALUE */
#define XEN_ELFNOTE_ENTRY              1  /* virtual address */
#define XEN_ELFNOTE_HYPERCALL_PAGE     2  /* virtual address */
#define XEN_ELFNOTE_VIRT_BASE          3  /* virtual address of pseudo-physical 0 */
#define XEN_ELFNOTE_PADDR_OFFSET       4  /* to subtract from p_paddr */
#define XEN_ELFNOTE_XEN_VERSION        5  /* string */
#define XEN_ELFNOTE_GUEST_OS           6  /* string */
#define XEN_ELFNOTE_GUEST_VERSION      7  /* string */
#define XEN_ELFNOTE_LOADER             8  /* string */
#define XEN_ELFNOTE_PAE_MODE           9  /* string: yes, no, bimodal */
#define XEN_ELFNOTE_FEATURES           10 /* string: XENFEAT_ names, '|' between, '!' if a must */
#define XEN_ELFNOTE_BSD_SYMTAB         11 /* string: yes, no */
#define XEN_ELFNOTE_HV_START_LOW       12 /* lowest start of the hypervisor's hole */
#define XEN_ELFNOTE_L1_MFN_VALID       13 /* mask and value that tell an entry holding an mfn */
#define XEN_ELFNOTE_SUSPEND_CANCEL     14 /* number: 1 if suspend may be cancelled */
#define XEN_ELFNOTE_INIT_P2M           15 /* virtual address for the initial p2m */
#define XEN_ELFNOTE_MOD_START_PFN      16 /* number: 1 if the initrd need not be mapped */
#define XEN_ELFNOTE_SUPPORTED_FEATURES 17 /* number: bit per XENFEAT_ */
#define XEN_ELFNOTE_PHYS32_ENTRY       18 /* PVH: physical address, 32-bit, paging off */
#define XEN_ELFNOTE_MAX                XEN_ELFNOTE_PHYS32_ENTRY

/* In the core file that a crash leaves behind. */
#define XEN_ELFNOTE_CRASH_INFO 0x1000001
#define XEN_ELFNOTE_CRASH_REGS 0x1000002 /* one for each processor */

/* In a domain's core file. */
#define XEN_ELFNOTE_DUMPCORE_NONE           0x2000000
#define XEN_ELFNOTE_DUMPCORE_HEADER         0x2000001
#define XEN_ELFNOTE_DUMPCORE_XEN_VERSION    0x2000002
#define XEN_ELFNOTE_DUMPCORE_FORMAT_VERSION 0x2000003

#endif /* __XEN_PUBLIC_ELFNOTE_H__ */
