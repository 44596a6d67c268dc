/* Registers that the ACPI tables given to HVM guests refer to. */
#ifndef __XEN_PUBLIC_ARCH_X86_GUEST_ACPI_H__
#define __XEN_PUBLIC_ARCH_X86_GUEST_ACPI_H__

#ifdef __XEN_TOOLS__
/* I/O ports with one bit for each vcpu that is on line. */
#define XEN_ACPI_CPU_MAP     0xaf00
#define XEN_ACPI_CPU_MAP_LEN ((HVM_MAX_VCPUS + 7) / 8)

/* The GPE0 bit that announces a change in it. */
#define XEN_ACPI_GPE0_CPUHP_BIT 2
#endif

#endif /* __XEN_PUBLIC_ARCH_X86_GUEST_ACPI_H__ */
