/* Per-CPU data is reached through the offset kept in the CPU's stack top. */
#ifndef ASM_PERCPU_H
#define ASM_PERCPU_H

#include <asm/current.h>

extern unsigned long per_cpu_offsets[];

#define per_cpu(var, cpu) (*RELOC_HIDE(&per_cpu__##var, per_cpu_offsets[cpu]))
#define this_cpu(var)     (*RELOC_HIDE(&per_cpu__##var, get_cpu_info()->per_cpu_offset))

#endif
