/* What sits at the top of each CPU's stack: the guest's registers, and who we are. */
#ifndef ASM_CURRENT_H
#define ASM_CURRENT_H

#include <asm/config.h>
#include <public/xen.h>
#include <xen/compiler.h>

struct vcpu;

/* The size is 8 modulo 16, so that the CPU's pushes of ss..rip land in guest_regs exactly. */
struct cpu_info {
	struct cpu_user_regs guest_regs;
	unsigned int processor_id;
	unsigned int pad;
	struct vcpu *current_vcpu;
	unsigned long per_cpu_offset;
	unsigned long syscall_rsp; /* scratch of the system-call entry */
	unsigned long cr4;         /* this CPU's cr4 */
	unsigned long pad2;
};

_Static_assert(sizeof(struct cpu_info) % 16 == 8, "keeps the CPU's pushes aligned");

static always_inline struct cpu_info *get_cpu_info(void)
{
	unsigned long rsp;

	__asm__("mov %%rsp, %0" : "=r"(rsp));
	return (struct cpu_info *)((rsp | (PERCPU_BLOCK_SIZE - 1)) + 1) - 1;
}

#define current               (get_cpu_info()->current_vcpu)
#define set_current(v)        (get_cpu_info()->current_vcpu = (v))
/* The registers of the guest that this CPU runs, as it left them. */
#define guest_cpu_user_regs() (&get_cpu_info()->guest_regs)
#define guest_mode(regs)      ((regs) == guest_cpu_user_regs())

/* Leave the present call chain for `fn` on an empty stack. */
#define reset_stack_and_jump(fn)                                                                   \
	do {                                                                                       \
		__asm__ volatile("mov %0, %%rsp; jmp %P1" ::"r"(guest_cpu_user_regs()), "i"(fn)    \
				 : "memory");                                                      \
		__builtin_unreachable();                                                           \
	} while (0)

#endif
