/* Making a guest issue a long hypercall again. */
#include <xen/errno.h>
#include <xen/hypercall.h>
#include <xen/lib.h>
#include <xen/perfc.h>
#include <xen/sched.h>

/* The hypercall instruction of PV guests, to which rip goes back: syscall. */
#define HYPERCALL_INSN_LEN 2

long hypercall_continue(unsigned int op, unsigned int nr, const unsigned long args[6])
{
	struct mc_state *mc = &current->mc_state;
	struct cpu_user_regs *regs = guest_cpu_user_regs();

	perfc_incr(continuations);
	if (mc->flags & MC_ACTIVE) {
		mc->flags |= MC_PREEMPTED;
		mc->call.op = op;
		for (unsigned int i = 0; i < nr; i++)
			mc->call.args[i] = args[i];
		return -ERESTART;
	}
	regs->rip -= HYPERCALL_INSN_LEN;
	regs->rax = op;
	/* What is not an argument stays as the guest had it. */
	switch (nr) {
	case 6:
		regs->r9 = args[5];
		fallthrough;
	case 5:
		regs->r8 = args[4];
		fallthrough;
	case 4:
		regs->r10 = args[3];
		fallthrough;
	case 3:
		regs->rdx = args[2];
		fallthrough;
	case 2:
		regs->rsi = args[1];
		fallthrough;
	case 1:
		regs->rdi = args[0];
	}
	return -ERESTART;
}
