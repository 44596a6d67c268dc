/*
 * Writable page tables: a guest kernel's plain stores and atomic operations on entries of its L1
 * tables fault (the pages are mapped read-only) and are carried out here, with the checks of
 * mmu_update.
 */
#include <xen/errno.h>
#include <xen/lib.h>
#include <xen/perfc.h>
#include <xen/sched.h>
#include <xen/trace.h>
#include <asm/guest_access.h>
#include <asm/insn.h>
#include <asm/l1.h>
#include <asm/pgtable.h>
#include <asm/pv.h>

struct ptwr {
	struct cpu_user_regs *regs;
	struct insn in;
	unsigned int size;
	u64 operand;  /* source register or immediate */
	/* What the instruction does beside its store; takes effect when that has been accepted. */
	int reg;      /* register that receives `reg_val`, -1 = none */
	u64 reg_val;
	u64 rflags;
};

static u64 size_mask(unsigned int size)
{
	return size == 8 ? ~0ULL : (1ULL << size * 8) - 1;
}

static u64 immediate(const struct insn *in)
{
	const u8 *b = in->bytes + in->imm_at;

	if (in->opcode == 0x81 || in->opcode == 0xc7)
		return (u64)(long)(s32)(b[0] | b[1] << 8 | b[2] << 16 | (u32)b[3] << 24);
	return (u64)(long)(s8)b[0];
}

static void set_reg(struct cpu_user_regs *regs, unsigned int n, u64 val, unsigned int size)
{
	u64 *r = insn_reg(regs, n);

	if (size == 4)
		*r = (u32)val;
	else
		*r = (*r & ~size_mask(size)) | (val & size_mask(size));
}

static void set_flag(struct ptwr *p, u64 flag, bool on)
{
	p->rflags = on ? p->rflags | flag : p->rflags & ~flag;
}

#define EFLAGS_ZF 0x40
#define EFLAGS_SF 0x80
#define EFLAGS_PF 0x04
#define EFLAGS_OF 0x800

static void set_logic_flags(struct ptwr *p, u64 res)
{
	set_flag(p, X86_EFLAGS_CF, false);
	set_flag(p, EFLAGS_OF, false);
	set_flag(p, EFLAGS_ZF, !(res & size_mask(p->size)));
	set_flag(p, EFLAGS_SF, res >> (p->size * 8 - 1) & 1);
	set_flag(p, EFLAGS_PF, !(__builtin_popcount(res & 0xff) & 1));
}

static void result_reg(struct ptwr *p, unsigned int n, u64 val)
{
	p->reg = n;
	p->reg_val = val;
}

/* What the store leaves in memory that holds `old`, and what else happens. False: unknown. */
static bool compute(struct ptwr *p, u64 old, u64 *new, bool *write)
{
	struct insn *in = &p->in;
	u64 src = p->operand, bit;

	*write = true;
	p->reg = -1;
	p->rflags = p->regs->rflags;
	switch (in->opcode) {
	case 0x89: case 0xc7: case 0x88: case 0xc6: case 0x0fc3: /* mov, movnti */
		*new = src;
		return true;
	case 0x87: case 0x86: /* xchg */
		*new = src;
		result_reg(p, in->reg, old);
		return true;
	case 0x0fb1: case 0x0fb0: /* cmpxchg */
		if ((old & size_mask(p->size)) == (p->regs->rax & size_mask(p->size))) {
			*new = src;
			set_logic_flags(p, 0);
		} else {
			set_logic_flags(p, 1);
			result_reg(p, 0, old);
			*write = false;
		}
		return true;
	case 0x01: case 0x0fc1: /* add, xadd: flags of an addition to an entry mean nothing */
		*new = old + src;
		if (in->opcode == 0x0fc1)
			result_reg(p, in->reg, old);
		set_logic_flags(p, *new);
		return true;
	case 0x09: case 0x08:
		*new = old | src;
		break;
	case 0x21: case 0x20:
		*new = old & src;
		break;
	case 0x31: case 0x30:
		*new = old ^ src;
		break;
	case 0x80: case 0x81: case 0x83:
		switch (in->reg & 7) {
		case 1: *new = old | src; break;
		case 4: *new = old & src; break;
		case 6: *new = old ^ src; break;
		default: return false;
		}
		break;
	case 0x0fab: case 0x0fb3: case 0x0fbb: case 0x0fba: /* bts btr btc */
		bit = 1ULL << (src & (p->size * 8 - 1));
		set_flag(p, X86_EFLAGS_CF, old & bit);
		switch (in->opcode == 0x0fba ? in->reg & 7 : in->opcode >> 3 & 7) {
		case 5: *new = old | bit; break;
		case 6: *new = old & ~bit; break;
		case 7: *new = old ^ bit; break;
		default: return false;
		}
		return true;
	default:
		return false;
	}
	set_logic_flags(p, *new);
	return true;
}

/*
 * The usual case in a few steps: mov or xchg of a 64-bit register and (register), without prefix or
 * displacement. False: look closer.
 */
static always_inline bool decode_plain(struct ptwr *p, struct cpu_user_regs *regs, unsigned long addr)
{
	struct insn *in = &p->in;
	u64 code;
	u8 modrm;

	if (!get_guest_u64(&code, (const void *)regs->rip, 1))
		return false;
	modrm = code >> 16;
	/* REX.W with R and B at will; 87 or 89; mod 0, but neither SIB nor rip-relative. */
	if ((code & 0xfa) != 0x48 || ((code >> 8 & 0xff) != 0x87 && (code >> 8 & 0xff) != 0x89) ||
		modrm >= 0x40 || (modrm & 7) == 4 || (modrm & 7) == 5)
		return false;
	in->opcode = code >> 8 & 0xff;
	in->reg = (modrm >> 3 & 7) | (code & 4 ? 8 : 0);
	in->ea = *insn_reg(regs, (modrm & 7) | (code & 1 ? 8 : 0));
	in->len = 3;
	p->regs = regs;
	p->size = 8;
	p->operand = *insn_reg(regs, in->reg);
	return in->ea == addr && !(addr & 7);
}

static bool decode(struct ptwr *p, struct cpu_user_regs *regs, unsigned long addr)
{
	struct insn *in = &p->in;
	bool byte_op;

	if (!insn_decode(regs, in) || !in->mem || in->rep || in->repne)
		return false;
	byte_op = !(in->opcode & 1) && in->opcode != 0x0fba;
	if (in->opcode == 0x80)
		byte_op = true;
	p->regs = regs;
	p->size = insn_opsize(in, byte_op);
	if (in->opcode == 0x0fba || in->opcode == 0x80 || in->opcode == 0x81 || in->opcode == 0x83 ||
		in->opcode == 0xc7 || in->opcode == 0xc6)
		p->operand = immediate(in);
	else if (byte_op && !in->rex && in->reg >= 4) /* ah ch dh bh */
		p->operand = *insn_reg(regs, in->reg & 3) >> 8;
	else
		p->operand = *insn_reg(regs, in->reg);
	/* A bit string may lie beyond the named word. */
	if (in->opcode == 0x0fab || in->opcode == 0x0fb3 || in->opcode == 0x0fbb)
		in->ea += ((long)p->operand >> (p->size == 8 ? 6 : p->size == 4 ? 5 : 4)) * p->size;
	/* Inside one entry, and at the address that faulted. */
	return in->ea <= addr && addr < in->ea + p->size &&
		(in->ea & 7) + p->size <= 8;
}

int pv_emulate_ptwr(struct cpu_user_regs *regs, unsigned long addr)
{
	struct domain *d = current->domain;
	struct ptwr p;
	pte_t *l1e, *target, old, new;
	struct page_info *pg;
	unsigned int shift;
	bool write;
	u64 val;
	int rc, done = 0;

	spin_lock(&d->arch.mm_lock);
	l1e = guest_l1e(addr);
	if (!l1e || (*l1e & (_PAGE_PRESENT | _PAGE_RW)) != _PAGE_PRESENT || !mfn_valid(_mfn(pte_mfn(*l1e))))
		goto out;
	pg = mfn_to_page(_mfn(pte_mfn(*l1e)));
	if (page_get_owner(pg) != d ||
		(pg->type_info & (PGT_type_mask | PGT_validated)) != (PGT_l1 | PGT_validated) ||
		!(pg->type_info & PGT_count_mask))
		goto out;
	if (!decode_plain(&p, regs, addr) && !decode(&p, regs, addr))
		goto out;

	target = (pte_t *)((char *)page_to_virt(pg) + (p.in.ea & ~PAGE_MASK & ~7UL));
	shift = (p.in.ea & 7) * 8;
	do {
		old = READ_ONCE(*target);
		if (!compute(&p, old >> shift, &val, &write))
			goto out;
		new = (old & ~(size_mask(p.size) << shift)) | (val & size_mask(p.size)) << shift;
		rc = write ? cmpxchg_l1_entry(target, old, new, d) : 0;
	} while (unlikely(rc == -EAGAIN));
	if (rc)
		goto out;
	if (p.reg >= 0)
		set_reg(regs, p.reg, p.reg_val, p.size);
	TRACE(TRC_PV_PTWR_EMULATION | TRC_64_FLAG, TRACE_U64(READ_ONCE(*target)), TRACE_U64(addr),
		TRACE_U64(regs->rip));
	regs->rip += p.in.len;
	regs->rflags = p.rflags & ~(u64)X86_EFLAGS_RF;
	perfc_incr(ptwr_emulations);
	done = 1;
out:
	spin_unlock(&d->arch.mm_lock);
	return done;
}
