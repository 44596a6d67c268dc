/* Privileged instructions of PV guests: port I/O, control and debug registers, MSRs, CPUID ... */
#include <xen/errno.h>
#include <xen/lib.h>
#include <xen/perfc.h>
#include <xen/pci.h>
#include <xen/sched.h>
#include <xen/trace.h>
#include <asm/fpu.h>
#include <asm/guest_access.h>
#include <asm/insn.h>
#include <asm/msr-index.h>
#include <asm/pgtable.h>
#include <asm/pv.h>

#define EMULATE_AGAIN 2 /* handled so far; the instruction runs once more */

static bool kernel_mode(void)
{
	return current->arch.flags & TF_KERNEL_MODE;
}

/* --- Port I/O ----------------------------------------------------------------------------------------- */

/* Does the guest kernel let this code use the ports? */
bool pv_io_allowed(struct vcpu *v, unsigned int port, unsigned int bytes)
{
	u16 bits = 0;

	if (v->arch.iopl >= (kernel_mode() ? 1u : 3u))
		return true;
	if (port + bytes > v->arch.iobmp_limit || !v->arch.iobmp)
		return false;
	if (!guest_kernel_read(&bits, (unsigned long)v->arch.iobmp + port / 8, 2))
		return false;
	return !(bits >> (port & 7) & ((1u << bytes) - 1));
}

static u32 port_in(unsigned int port, unsigned int bytes)
{
	return bytes == 1 ? inb(port) : bytes == 2 ? inw(port) : inl(port);
}

static void port_out(unsigned int port, unsigned int bytes, u32 val)
{
	if (bytes == 1)
		outb(val, port);
	else if (bytes == 2)
		outw(val, port);
	else
		outl(val, port);
}

/* Configuration space by 0xcf8/0xcfc: the address register is shared with us, hence kept per domain. */
static bool pci_config_port(unsigned int port, unsigned int bytes)
{
	return (port == 0xcf8 && bytes == 4) || (port >= 0xcfc && port + bytes <= 0xd00);
}

/* The register that 0xcfc + n stands for; false when the address register selects none. */
static bool cf8_register(u32 cf8, unsigned int port, u32 *sbdf, unsigned int *reg)
{
	*sbdf = cf8 >> 8 & 0xffff;
	*reg = (cf8 & 0xfc) | (port & 3) | (cf8 >> 16 & 0xf00);
	return cf8 >> 31;
}

static u32 guest_in(struct domain *d, unsigned int port, unsigned int bytes)
{
	u32 val = ~0u, sbdf;
	unsigned int reg;

	if (pci_config_port(port, bytes)) {
		if (!is_hardware_domain(d))
			return val;
		if (port == 0xcf8)
			return d->arch.pci_cf8;
		return cf8_register(d->arch.pci_cf8, port, &sbdf, &reg) ? pci_conf_read(sbdf, reg, bytes)
									: val;
	}
	return rangeset_contains_range(d->arch.ioport_caps, port, port + bytes - 1)
		? port_in(port, bytes)
		: val;
}

static void guest_out(struct domain *d, unsigned int port, unsigned int bytes, u32 val)
{
	unsigned int reg;
	u32 sbdf;

	if (pci_config_port(port, bytes)) {
		if (!is_hardware_domain(d))
			return;
		if (port == 0xcf8)
			d->arch.pci_cf8 = val;
		else if (cf8_register(d->arch.pci_cf8, port, &sbdf, &reg))
			pci_conf_write(sbdf, reg, bytes, val);
	} else if (rangeset_contains_range(d->arch.ioport_caps, port, port + bytes - 1)) {
		port_out(port, bytes, val);
	}
}

static unsigned int io_size(const struct insn *in)
{
	return !(in->opcode & 1) ? 1 : in->opsize16 ? 2 : 4;
}

static int emulate_io(struct cpu_user_regs *regs, const struct insn *in)
{
	unsigned int bytes = io_size(in);
	unsigned int port = in->opcode >= 0xec ? (u16)regs->rdx : in->bytes[in->imm_at];
	u64 mask = bytes == 4 ? ~0ULL : (1ULL << bytes * 8) - 1;
	struct vcpu *v = current;

	if (port + bytes > 0x10000 || !pv_io_allowed(v, port, bytes))
		return 0;
	if (in->opcode & 2)
		guest_out(v->domain, port, bytes, regs->rax);
	else
		regs->rax = (regs->rax & ~mask) | (guest_in(v->domain, port, bytes) & mask);
	return 1;
}

/* ins and outs. With rep: one element at a time, so that the guest can be interrupted in between. */
static int emulate_string_io(struct cpu_user_regs *regs, struct insn *in)
{
	unsigned int bytes = io_size(in), port = (u16)regs->rdx;
	bool out = in->opcode & 2;
	u64 *ptr = out ? &regs->rsi : &regs->rdi;
	struct vcpu *v = current;
	u32 val = 0;

	if (port + bytes > 0x10000 || !pv_io_allowed(v, port, bytes))
		return 0;
	for (unsigned int burst = 0; burst < 256; burst++) {
		if ((in->rep || in->repne) && !regs->rcx)
			return 1;
		if (!access_ok((void *)*ptr, bytes))
			return 0;
		if (out) {
			if (raw_copy_from_guest(&val, (void *)*ptr, bytes)) {
				pv_inject_page_fault(regs, *ptr, 0);
				return 2;
			}
			guest_out(v->domain, port, bytes, val);
		} else {
			val = guest_in(v->domain, port, bytes);
			if (raw_copy_to_guest((void *)*ptr, &val, bytes)) {
				pv_inject_page_fault(regs, *ptr, PFEC_write);
				return 2;
			}
		}
		*ptr += regs->rflags & X86_EFLAGS_DF ? -(u64)bytes : bytes;
		if (!in->rep && !in->repne)
			return 1;
		regs->rcx--;
	}
	return regs->rcx ? 2 : 1; /* 2: stay at the instruction */
}

/* --- Control and debug registers --------------------------------------------------------------------------- */

static int read_cr(struct cpu_user_regs *regs, const struct insn *in)
{
	struct vcpu *v = current;
	u64 *r = insn_reg(regs, in->rm);

	switch (in->reg) {
	case 0:
		*r = X86_CR0_PE | X86_CR0_MP | X86_CR0_ET | X86_CR0_NE | X86_CR0_WP | X86_CR0_AM |
			X86_CR0_PG | (v->arch.cr0_ts ? X86_CR0_TS : 0);
		return 1;
	case 2:
		*r = v->vcpu_info->arch.cr2;
		return 1;
	case 3:
		*r = v->arch.cr3_kernel;
		return 1;
	case 4:
		*r = v->arch.cr4;
		return 1;
	default:
		return 0;
	}
}

static int write_cr(struct cpu_user_regs *regs, const struct insn *in)
{
	struct vcpu *v = current;
	u64 val = *insn_reg(regs, in->rm);
	int rc;

	switch (in->reg) {
	case 0:
		if ((val ^ (X86_CR0_PE | X86_CR0_PG)) & (X86_CR0_PE | X86_CR0_PG))
			return 0;
		v->arch.cr0_ts = val & X86_CR0_TS;
		write_cr0((read_cr0() & ~X86_CR0_TS) | (val & X86_CR0_TS));
		return 1;
	case 2:
		v->vcpu_info->arch.cr2 = val;
		return 1;
	case 3:
		rc = pv_new_baseptr(val >> PAGE_SHIFT);
		/* Validation stopped for pending work: the guest tries the instruction again. */
		return rc == -ERESTART ? EMULATE_AGAIN : rc == 0;
	case 4:
		/* What we run with is ours; the guest may only repeat what it sees. */
		return val == v->arch.cr4 ||
			!((val ^ v->arch.cr4) & ~(X86_CR4_TSD | X86_CR4_DE | X86_CR4_PCE | X86_CR4_OSXSAVE |
				X86_CR4_FSGSBASE | X86_CR4_PGE | X86_CR4_OSFXSR |
				X86_CR4_OSXMMEXCPT | X86_CR4_MCE | X86_CR4_PSE));
	default:
		return 0;
	}
}

static int emulate_dr(struct cpu_user_regs *regs, const struct insn *in)
{
	struct vcpu *v = current;
	u64 *r = insn_reg(regs, in->rm);

	if (in->reg > 7)
		return 0;
	if (in->opcode == 0x0f21)
		*r = v->arch.dr[in->reg == 4 || in->reg == 5 ? in->reg + 2 : in->reg];
	else if (pv_set_debugreg(v, in->reg, *r))
		return 0;
	return 1;
}

/* --- Two-byte opcodes ------------------------------------------------------------------------------------------ */

static int emulate_0f01(struct cpu_user_regs *regs, struct insn *in)
{
	u8 modrm = in->mod << 6 | (in->reg & 7) << 3 | (in->rm & 7);

	if (modrm == 0xd1) /* xsetbv */
		return (u32)regs->rcx == 0 &&
			fpu_set_xcr0(current, (u32)regs->rax | regs->rdx << 32);
	if (modrm == 0xf9) { /* rdtscp */
		u64 t = rdtsc();

		regs->rax = (u32)t;
		regs->rdx = t >> 32;
		regs->rcx = 0;
		return 1;
	}
	if ((in->reg & 7) == 7 && in->mem) { /* invlpg */
		if (is_canonical(in->ea))
			flush_local((void *)in->ea, FLUSH_VA);
		return 1;
	}
	if ((in->reg & 7) == 6 && in->mod == 3) { /* lmsw */
		u64 val = *insn_reg(regs, in->rm);

		current->arch.cr0_ts = val & X86_CR0_TS;
		write_cr0((read_cr0() & ~X86_CR0_TS) | (val & X86_CR0_TS));
		return 1;
	}
	return 0;
}

static int emulate_two_byte(struct cpu_user_regs *regs, struct insn *in)
{
	struct vcpu *v = current;
	u64 val;

	switch (in->opcode) {
	case 0x0f01:
		return emulate_0f01(regs, in);
	case 0x0f06: /* clts */
		v->arch.cr0_ts = false;
		clts();
		return 1;
	case 0x0f08: /* invd: as wbinvd, nothing may be lost */
	case 0x0f09:
		if (is_hardware_domain(v->domain))
			__asm__ volatile("wbinvd" ::: "memory");
		return 1;
	case 0x0f20:
		return read_cr(regs, in);
	case 0x0f22:
		return write_cr(regs, in);
	case 0x0f21:
	case 0x0f23:
		return emulate_dr(regs, in);
	case 0x0f30:
		return pv_wrmsr(v, regs->rcx, (u32)regs->rax | regs->rdx << 32);
	case 0x0f32:
		if (!pv_rdmsr(v, regs->rcx, &val))
			return 0;
		regs->rax = (u32)val;
		regs->rdx = val >> 32;
		return 1;
	default:
		return 0;
	}
}

int pv_emulate_privileged(struct cpu_user_regs *regs)
{
	struct insn in;
	int rc = 0;

	if (!insn_decode(regs, &in) || in.lock)
		return 0;
	if (in.opcode >= 0x6c && in.opcode <= 0x6f)
		rc = emulate_string_io(regs, &in);
	else if ((in.opcode >= 0xe4 && in.opcode <= 0xe7) || (in.opcode >= 0xec && in.opcode <= 0xef))
		rc = emulate_io(regs, &in);
	else if (in.opcode == 0xfa || in.opcode == 0xfb)
		/* The interrupt flag is the event mask, and that is in memory: nothing to do here. */
		rc = current->arch.iopl >= (kernel_mode() ? 1u : 3u) || kernel_mode();
	else if (in.opcode == 0x0f31) { /* rdtsc with CR4.TSD */
		u64 t = rdtsc();

		regs->rax = (u32)t;
		regs->rdx = t >> 32;
		rc = 1;
	} else if (in.opcode >= 0x0f00 && kernel_mode())
		rc = emulate_two_byte(regs, &in);
	if (rc == 1) {
		perfc_incr(privops);
		TRACE(TRC_PV_EMULATE_PRIVOP | TRC_64_FLAG, TRACE_U64(regs->rip));
		regs->rip += in.len;
		regs->rflags &= ~(u64)X86_EFLAGS_RF;
	}
	return rc;
}

/* --- CPUID on request: ud2; "xen"; cpuid --------------------------------------------------------------------------- */

int pv_emulate_invalid_op(struct cpu_user_regs *regs)
{
	static const u8 sig[] = { 0x0f, 0x0b, 'x', 'e', 'n' };
	u8 b[7];
	u32 r[4];

	if (!access_ok((void *)regs->rip, 7) || raw_copy_from_guest(b, (void *)regs->rip, 7) ||
		memcmp(b, sig, 5))
		return 0;
	if (b[5] == 0x0f && b[6] == 0xa2) {
		TRACE(TRC_PV_FORCED_INVALID_OP | TRC_64_FLAG, TRACE_U64(regs->rip));
		pv_cpuid(current, regs->rax, regs->rcx, r);
		regs->rax = r[0];
		regs->rbx = r[1];
		regs->rcx = r[2];
		regs->rdx = r[3];
		regs->rip += 7;
		return 1;
	}
	return 0;
}
