/* Start-up of CPUs. */
#ifndef ASM_SMPBOOT_H
#define ASM_SMPBOOT_H

/* Boot, after acpi_init() and apic_init_bsp(): number the CPUs, within nosmp and maxcpus=. */
void smp_enumerate_cpus(void);
/* The struct cpu_info at the top of a CPU's stack. */
void *percpu_stack_top(unsigned int cpu);

#endif
