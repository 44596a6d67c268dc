/* Model-specific registers we use (Intel SDM vol. 4, AMD APM vol. 2). */
#ifndef ASM_MSR_INDEX_H
#define ASM_MSR_INDEX_H

#define MSR_IA32_TSC          0x10
#define MSR_IA32_APICBASE     0x1b
#define APICBASE_BSP          (1UL << 8)
#define APICBASE_X2APIC       (1UL << 10)
#define APICBASE_ENABLE       (1UL << 11)
#define MSR_IA32_FEATURE_CONTROL 0x3a
#define MSR_IA32_UCODE_REV    0x8b
#define MSR_PLATFORM_INFO     0xce
#define MSR_MTRRcap           0xfe
#define MSR_ARCH_CAPABILITIES 0x10a
#define MSR_SYSENTER_CS       0x174
#define MSR_SYSENTER_ESP      0x175
#define MSR_SYSENTER_EIP      0x176
#define MSR_MCG_CAP           0x179
#define MSR_MCG_CTL           0x17b
#define MSR_MC0_CTL2          0x280
#define MSR_MC0_CTL           0x400 /* of each bank: control, status, address, miscellaneous */
#define MCE_BANKS             32
#define MSR_IA32_MISC_ENABLE  0x1a0
#define MSR_IA32_CR_PAT       0x277
#define MSR_TSC_DEADLINE      0x6e0
#define MSR_X2APIC_FIRST      0x800
#define MSR_X2APIC_LAST       0x8ff
#define MSR_IA32_XSS          0xda0
#define MSR_XEN_HYPERCALL     0x40000000 /* ours, see CPUID leaf 0x40000002 */
#define MSR_EFER              0xc0000080
#define EFER_SCE (1UL << 0)
#define EFER_LME (1UL << 8)
#define EFER_LMA (1UL << 10)
#define EFER_NX  (1UL << 11)
#define MSR_STAR              0xc0000081
#define MSR_LSTAR             0xc0000082
#define MSR_CSTAR             0xc0000083
#define MSR_SYSCALL_MASK      0xc0000084
#define MSR_FS_BASE           0xc0000100
#define MSR_GS_BASE           0xc0000101
#define MSR_KERNEL_GS_BASE    0xc0000102
#define MSR_TSC_AUX           0xc0000103
#define MSR_K8_HWCR           0xc0010015

/* PAT as the interface has it: WB WT UC- UC WC WP UC UC. */
#define XEN_PAT 0x050100070406UL

#endif
