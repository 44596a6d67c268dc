/* Each CPU's block in slot 258, its descriptor tables and task state. */
#ifndef ASM_PERCPU_BLOCK_H
#define ASM_PERCPU_BLOCK_H

#include <asm/config.h>
#include <xen/types.h>

/* The CPU's page of descriptors: the last page of every GDT. */
u64 *percpu_gdt(unsigned int cpu);
/* Load the GDT that has our page at its end. */
void load_gdt(unsigned long base);

struct vcpu;
void pv_load_ldt(struct vcpu *v);
/* Load CR3 and note that this CPU's TLB is clean of non-global entries. */
void tlb_load_cr3(u64 cr3);

#endif
