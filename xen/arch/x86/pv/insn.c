/* Decoding of 64-bit guest instructions: prefixes, opcode, ModRM and its address. */
#include <xen/lib.h>
#include <xen/sched.h>
#include <asm/guest_access.h>
#include <asm/insn.h>
#include <asm/msr-index.h>

#define REX_W 8
#define REX_R 4
#define REX_X 2
#define REX_B 1

u64 *insn_reg(struct cpu_user_regs *regs, unsigned int n)
{
	static const u8 offset[16] = {
#define O(r) offsetof(struct cpu_user_regs, r)
		O(rax), O(rcx), O(rdx), O(rbx), O(rsp), O(rbp), O(rsi), O(rdi),
		O(r8), O(r9), O(r10), O(r11), O(r12), O(r13), O(r14), O(r15),
#undef O
	};

	return (u64 *)((char *)regs + offset[n & 15]);
}

unsigned int insn_opsize(const struct insn *in, bool byte_op)
{
	return byte_op ? 1 : in->rex & REX_W ? 8 : in->opsize16 ? 2 : 4;
}

/* Read the instruction's bytes: up to the end of its page, then as far as the next one goes. */
static void fetch(const struct cpu_user_regs *regs, struct insn *in)
{
	const u8 *ip = (const u8 *)regs->rip;
	unsigned int first = min(PAGE_SIZE - (regs->rip & ~PAGE_MASK), (unsigned long)INSN_MAX);

	in->fetched = 0;
	if (!access_ok(ip, INSN_MAX) || raw_copy_from_guest(in->bytes, ip, first))
		return;
	in->fetched = first;
	if (first < INSN_MAX && !raw_copy_from_guest(in->bytes + first, ip + first, INSN_MAX - first))
		in->fetched = INSN_MAX;
}

/* Prefixes; returns the offset of the opcode. */
static unsigned int prefixes(struct insn *in)
{
	unsigned int i = 0;

	for (; i < in->fetched; i++) {
		u8 b = in->bytes[i];

		if (b == 0x66)
			in->opsize16 = true;
		else if (b == 0x67)
			in->addr32 = true;
		else if (b == 0xf0)
			in->lock = true;
		else if (b == 0xf3)
			in->rep = true;
		else if (b == 0xf2)
			in->repne = true;
		else if (b == 0x64 || b == 0x65)
			in->seg = b - 0x60;
		else if (b != 0x2e && b != 0x36 && b != 0x3e && b != 0x26)
			break;
	}
	if (i < in->fetched && (in->bytes[i] & 0xf0) == 0x40)
		in->rex = in->bytes[i++];
	return i;
}

/* Does the opcode have a ModRM byte? Of those that anybody here asks for. */
static bool opcode_has_modrm(u16 op)
{
	if (op >= 0x0f00) {
		op &= 0xff;
		return op == 0x01 || (op >= 0x20 && op <= 0x23) || op == 0xab || op == 0xb0 ||
			op == 0xb1 || op == 0xb3 || op == 0xba || op == 0xbb || op == 0xc0 ||
			op == 0xc1 || op == 0xc3 || op == 0xc7;
	}
	return (op < 0x40 && (op & 7) < 4) || (op >= 0x80 && op <= 0x8b) || op == 0xc6 || op == 0xc7 ||
		op == 0xfe || op == 0xff;
}

/* Immediate bytes behind the operands. */
static unsigned int imm_size(const struct insn *in)
{
	switch (in->opcode) {
	case 0x80: case 0x83: case 0xc6: case 0xe4: case 0xe5: case 0xe6: case 0xe7: case 0xfba:
		return 1;
	case 0x81: case 0xc7:
		return in->opsize16 ? 2 : 4;
	default:
		return 0;
	}
}

static bool decode_modrm(const struct cpu_user_regs *regs, struct insn *in, unsigned int *pos)
{
	unsigned long ea = 0, imm = imm_size(in);
	unsigned int i = *pos, disp = 0;
	bool rip_relative = false;
	u8 m, rm;

	if (i >= in->fetched)
		return false;
	m = in->bytes[i++];
	in->has_modrm = true;
	in->mod = m >> 6;
	in->reg = (m >> 3 & 7) | (in->rex & REX_R ? 8 : 0);
	rm = m & 7;
	in->rm = rm | (in->rex & REX_B ? 8 : 0);
	*pos = i;
	if (in->mod == 3)
		return true;
	in->mem = true;
	disp = in->mod == 1 ? 1 : in->mod == 2 ? 4 : 0;
	if (rm == 4) {
		u8 sib = i < in->fetched ? in->bytes[i] : 0;
		unsigned int index = (sib >> 3 & 7) | (in->rex & REX_X ? 8 : 0);

		i++;
		if (index != 4)
			ea = *insn_reg((void *)regs, index) << (sib >> 6);
		if ((sib & 7) == 5 && in->mod == 0)
			disp = 4;
		else
			ea += *insn_reg((void *)regs, (sib & 7) | (in->rex & REX_B ? 8 : 0));
	} else if (rm == 5 && in->mod == 0) {
		disp = 4;
		rip_relative = true;
	} else {
		ea = *insn_reg((void *)regs, in->rm);
	}
	if (i + disp > in->fetched)
		return false;
	if (disp == 1)
		ea += (s8)in->bytes[i];
	else if (disp == 4)
		ea += (long)(s32)(in->bytes[i] | in->bytes[i + 1] << 8 | in->bytes[i + 2] << 16 |
			(u32)in->bytes[i + 3] << 24);
	i += disp;
	if (rip_relative)
		ea += regs->rip + i + imm;
	if (in->addr32)
		ea = (u32)ea;
	if (in->seg)
		ea += rdmsr(in->seg == 4 ? MSR_FS_BASE : MSR_GS_BASE);
	in->ea = ea;
	*pos = i;
	return true;
}

bool insn_decode(const struct cpu_user_regs *regs, struct insn *in)
{
	unsigned int i;

	memset(in, 0, sizeof(*in));
	fetch(regs, in);
	i = prefixes(in);
	if (i >= in->fetched)
		return false;
	in->opcode = in->bytes[i++];
	if (in->opcode == 0x0f) {
		if (i >= in->fetched)
			return false;
		in->opcode = 0x0f00 | in->bytes[i++];
	}
	if (opcode_has_modrm(in->opcode) && !decode_modrm(regs, in, &i))
		return false;
	in->imm_at = i;
	in->len = i + imm_size(in);
	return in->len <= in->fetched;
}
