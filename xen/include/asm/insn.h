/* A small decoder for the instructions that PV guests need emulated. */
#ifndef ASM_INSN_H
#define ASM_INSN_H

#include <public/xen.h>
#include <xen/types.h>

#define INSN_MAX 15

struct insn {
	u8 bytes[INSN_MAX];
	unsigned int fetched; /* bytes that could be read */
	unsigned int len;     /* of the whole instruction */
	bool lock, opsize16, addr32, rep, repne;
	u8 rex;
	u16 opcode;           /* one byte, or 0x0f00 + second byte */
	bool has_modrm, mem;  /* `mem`: the r/m operand is in memory, at `ea` */
	u8 mod, reg, rm;      /* with the REX bits applied */
	unsigned long ea;
	unsigned int imm_at;  /* offset of an immediate */
	unsigned int seg;     /* segment override: 4 = fs, 5 = gs, 0 = none */
};

/* Decode the instruction at regs->rip of the running guest. False: not readable, not understood. */
bool insn_decode(const struct cpu_user_regs *regs, struct insn *in);
/* Register number 0-15 as the guest knows it. */
u64 *insn_reg(struct cpu_user_regs *regs, unsigned int n);
/* Operand size in bytes: 1, 2, 4 or 8. */
unsigned int insn_opsize(const struct insn *in, bool byte_op);

#endif
