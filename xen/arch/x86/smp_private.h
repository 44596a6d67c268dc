/* Handlers of the vectors between CPUs; smp.c installs them. */
#ifndef ARCH_X86_SMP_PRIVATE_H
#define ARCH_X86_SMP_PRIVATE_H

struct cpu_user_regs;

void flush_interrupt(struct cpu_user_regs *regs);

#endif
