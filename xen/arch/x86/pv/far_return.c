/*
 * Far returns of ring-3 code under SMAP.
 *
 * QEMU (7.2, TCG) reads the stack of `iret` and `lret` with supervisor rights even when the code
 * runs at ring 3; with SMAP enabled the access then faults, with an error code that no processor
 * gives: a present page and a supervisor access, from ring 3. A PV kernel runs at ring 3 and uses
 * iretq to serialise, so the return is carried out here, and SMAP stays on.
 */
#include <xen/lib.h>
#include <xen/sched.h>
#include <asm/guest_access.h>
#include <asm/insn.h>
#include <asm/pv.h>

#define OP_LRET 0xcb
#define OP_IRET 0xcf
#define SELECTOR_MASK 0xfffc /* of the error code: without the requested privilege */

/* What ring 3 may change by iret: not IF, IOPL, VM, VIF, VIP. */
#define IRET_FLAGS                                                                                 \
	(0x8d5 | X86_EFLAGS_DF | X86_EFLAGS_TF | X86_EFLAGS_NT | X86_EFLAGS_RF | X86_EFLAGS_AC |   \
		X86_EFLAGS_ID)

int pv_emulate_far_return(struct cpu_user_regs *regs)
{
	unsigned int size, words;
	struct insn in;
	u64 w[5];

	if (!insn_decode(regs, &in) || (in.opcode != OP_IRET && in.opcode != OP_LRET))
		return 0;
	/* 64-bit forms of iret always pop five words, lret two. */
	size = insn_opsize(&in, false);
	words = in.opcode == OP_IRET ? 5 : 2;
	for (unsigned int i = 0; i < words; i++) {
		const void *p = (const char *)regs->rsp + i * size;

		w[i] = 0;
		if (!access_ok(p, size) || raw_copy_from_guest(&w[i], p, size))
			return 0;
	}
	/* To a more privileged ring there is no return; the same for both segments. */
	if ((w[1] & 3) != 3 || (words == 5 && (w[4] & 3) != 3)) {
		pv_inject_gp(regs, ((w[1] & 3) != 3 ? w[1] : w[4]) & SELECTOR_MASK);
		return 1;
	}
	regs->rip = w[0];
	regs->cs = w[1];
	if (words == 5) {
		regs->rflags = (regs->rflags & ~(u64)IRET_FLAGS) | (w[2] & IRET_FLAGS);
		regs->rsp = w[3];
		regs->ss = w[4];
	} else {
		regs->rsp += 2 * size;
	}
	return 1;
}
