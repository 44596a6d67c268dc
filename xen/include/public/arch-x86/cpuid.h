/*
 * CPUID leaves of the hypervisor. They start at 0x40000000, or at the next multiple of 0x100 if
 * another interface takes that place:
 *  +0  eax: highest leaf; ebx, ecx, edx: signature
 *  +1  eax: major << 16 | minor version
 *  +2  eax: number of hypercall pages; ebx: MSR that places them; ecx: XEN_CPUID_FEAT1_*
 *  +3  time: subleaf 0 mode and frequency, 1 offset and scale, 2 host frequency
 *  +4  HVM: eax: XEN_HVM_CPUID_*; ebx: vcpu id; ecx: domain id
 *  +5  PV: ebx[7:0]: width of a machine address
 */
#ifndef __XEN_PUBLIC_ARCH_X86_CPUID_H__
#define __XEN_PUBLIC_ARCH_X86_CPUID_H__

#define XEN_CPUID_FIRST_LEAF     0x40000000
#define XEN_CPUID_LEAF(i)        (XEN_CPUID_FIRST_LEAF + (i))
#define XEN_CPUID_MAX_NUM_LEAVES 5

/* "XenVMMXenVMM" */
#define XEN_CPUID_SIGNATURE_EBX 0x566e6558
#define XEN_CPUID_SIGNATURE_ECX 0x65584d4d
#define XEN_CPUID_SIGNATURE_EDX 0x4d4d566e

#define _XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD 0
#define XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD  (1u << 0)

#define XEN_HVM_CPUID_APIC_ACCESS_VIRT (1u << 0)
#define XEN_HVM_CPUID_X2APIC_VIRT      (1u << 1)
#define XEN_HVM_CPUID_IOMMU_MAPPINGS   (1u << 2) /* foreign and granted pages are DMA-able */
#define XEN_HVM_CPUID_VCPU_ID_PRESENT  (1u << 3)
#define XEN_HVM_CPUID_DOMID_PRESENT    (1u << 4)
#define XEN_HVM_CPUID_EXT_DEST_ID      (1u << 5) /* 15-bit APIC ids in MSI and I/O APIC entries */
#define XEN_HVM_CPUID_UPCALL_VECTOR    (1u << 6) /* per-vcpu upcalls carry pirqs as well */

#define XEN_CPUID_MACHINE_ADDRESS_WIDTH_MASK (0xffu << 0)

#endif /* __XEN_PUBLIC_ARCH_X86_CPUID_H__ */
