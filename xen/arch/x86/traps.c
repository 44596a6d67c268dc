/* Exceptions: what the hypervisor's own mean, and which go to the guest. */
#include <xen/errno.h>
#include <xen/lib.h>
#include <xen/perfc.h>
#include <xen/sched.h>
#include <xen/symbols.h>
#include <asm/extable.h>
#include <asm/fpu.h>
#include <asm/pgtable.h>
#include <asm/pv.h>
#include <asm/setup.h>
#include <asm/traps.h>

struct idt_entry idt_table[256] __section(".data.page_aligned") __aligned(4096);

static void __init set_gate(unsigned int n, const void *handler, unsigned int dpl, unsigned int ist)
{
	unsigned long a = (unsigned long)handler;

	idt_table[n] = (struct idt_entry){ .offset_low = a, .selector = HYPERVISOR_CS, .ist = ist,
		.type = 0x8e | dpl << 5, .offset_mid = a >> 16, .offset_high = a >> 32 };
}

#define ENTRY_POINTS(X)                                                                            \
	X(0, do_divide_error) X(1, do_debug) X(2, do_nmi) X(3, do_int3) X(4, do_overflow)          \
	X(5, do_bounds) X(6, do_invalid_op) X(7, do_device_not_available) X(8, do_double_fault)    \
	X(9, do_coproc_seg_overrun) X(10, do_invalid_tss) X(11, do_segment_not_present)            \
	X(12, do_stack_segment) X(13, do_general_protection) X(14, do_page_fault)                  \
	X(15, do_reserved_trap) X(16, do_coprocessor_error) X(17, do_alignment_check)              \
	X(18, do_machine_check) X(19, do_simd_error) X(21, do_control_protection) X(0x80, do_int80)

#define DECLARE_ENTRY(n, f) extern const char entry_##f[];
ENTRY_POINTS(DECLARE_ENTRY)
extern const char irq_entries[];

void __init trap_init(void)
{
	for (unsigned int v = 0x20; v < 256; v++)
		set_gate(v, irq_entries + (v - 0x20) * 16, 0, 0);
#define SET_ENTRY(n, f) set_gate(n, entry_##f, (n) == 3 || (n) == 4 || (n) == 0x80 ? 3 : 0, 0);
	ENTRY_POINTS(SET_ENTRY)
	idt_table[1].ist = IST_DB;
	idt_table[2].ist = IST_NMI;
	idt_table[8].ist = IST_DF;
	idt_table[18].ist = IST_MCE;
}

/* --- Exceptions of our own ------------------------------------------------------------------------------ */

struct ex_entry {
	s32 at, to;
};
extern const struct ex_entry __start_ex_table[], __stop_ex_table[];

int fixup_exception(struct cpu_user_regs *regs)
{
	for (const struct ex_entry *e = __start_ex_table; e < __stop_ex_table; e++)
		if ((unsigned long)&e->at + e->at == regs->rip) {
			regs->rip = (unsigned long)&e->to + e->to;
			return 1;
		}
	return 0;
}

static const char *trap_name(unsigned int vector)
{
	static const char names[][24] = { "divide error", "debug", "NMI", "int3", "overflow", "bounds",
		"invalid opcode", "device not available", "double fault", "coprocessor overrun",
		"invalid TSS", "segment not present", "stack segment", "general protection",
		"page fault", "reserved", "coprocessor error", "alignment check", "machine check",
		"SIMD error" };

	return vector < ARRAY_SIZE(names) ? names[vector] : "unknown";
}

noreturn void fatal_trap(const struct cpu_user_regs *regs)
{
	static unsigned int depth;

	console_force_unlock();
	if (__atomic_fetch_add(&depth, 1, __ATOMIC_RELAXED) < 3)
		show_execution_state(regs);
	if (regs->entry_vector == X86_EXC_PF)
		printk(XENLOG_ALWAYS "Faulting linear address: %016lx\n", read_cr2());
	panic("FATAL TRAP: vector %u (%s), error code %04x\n", regs->entry_vector,
		trap_name(regs->entry_vector), regs->error_code);
}

/* --- The plain ones -------------------------------------------------------------------------------------- */

static void do_trap(struct cpu_user_regs *regs)
{
	if (likely(guest_mode(regs)))
		pv_inject_trap(regs, regs->entry_vector, regs->error_code);
	else if (!fixup_exception(regs))
		fatal_trap(regs);
}

#define PLAIN_TRAP(name) void name(struct cpu_user_regs *regs) { do_trap(regs); }
PLAIN_TRAP(do_divide_error)
PLAIN_TRAP(do_overflow)
PLAIN_TRAP(do_bounds)
PLAIN_TRAP(do_coproc_seg_overrun)
PLAIN_TRAP(do_invalid_tss)
PLAIN_TRAP(do_segment_not_present)
PLAIN_TRAP(do_stack_segment)
PLAIN_TRAP(do_coprocessor_error)
PLAIN_TRAP(do_alignment_check)
PLAIN_TRAP(do_simd_error)
PLAIN_TRAP(do_control_protection)
PLAIN_TRAP(do_int3)
PLAIN_TRAP(do_reserved_trap)

void do_int80(struct cpu_user_regs *regs)
{
	if (!guest_mode(regs))
		fatal_trap(regs);
	/* An application's system call, when the guest has a gate that lets it in. */
	if (current->arch.trap_table[0x80].address &&
		((current->arch.trap_table[0x80].flags & 3) == 3 ||
			(current->arch.flags & TF_KERNEL_MODE))) {
		pv_inject_trap(regs, 0x80, 0);
		return;
	}
	regs->rip -= 2;
	pv_inject_gp(regs, 0x80 * 8 + 2);
}

void do_device_not_available(struct cpu_user_regs *regs)
{
	if (!guest_mode(regs))
		fatal_trap(regs);
	if (current->arch.cr0_ts) {
		/* The handler may use the FPU: the interface clears TS on the way. */
		current->arch.cr0_ts = false;
		clts();
		pv_inject_trap(regs, X86_EXC_NM, 0);
	} else {
		clts();
	}
}

void do_debug(struct cpu_user_regs *regs)
{
	unsigned long dr6;

	__asm__ volatile("mov %%dr6, %0" : "=r"(dr6));
	__asm__ volatile("mov %0, %%dr6" ::"r"(0xffff0ff0UL)); /* nothing for whoever is next */
	if (!guest_mode(regs)) {
		/* A guest's watchpoint hit by our access to its memory, or its TF at an entry. */
		regs->rflags &= ~(u64)X86_EFLAGS_TF;
		return;
	}
	current->arch.dr[6] = dr6;
	pv_inject_trap(regs, X86_EXC_DB, 0);
}

/* From the IST stack to the ordinary one. */
struct cpu_user_regs *switch_to_guest_stack(const struct cpu_user_regs *regs)
{
	struct cpu_user_regs *to = guest_cpu_user_regs();

	memcpy(to, regs, offsetof(struct cpu_user_regs, es));
	return to;
}

void do_double_fault(struct cpu_user_regs *regs)
{
	fatal_trap(regs);
}

void do_machine_check(struct cpu_user_regs *regs)
{
	fatal_trap(regs);
}

void do_invalid_op(struct cpu_user_regs *regs)
{
	if (likely(guest_mode(regs))) {
		if (!pv_emulate_invalid_op(regs))
			pv_inject_trap(regs, X86_EXC_UD, 0);
	} else if (!fixup_exception(regs)) {
		fatal_trap(regs);
	}
}

void do_general_protection(struct cpu_user_regs *regs)
{
	const struct trap_info *ti;

	if (unlikely(!guest_mode(regs))) {
		if (!fixup_exception(regs))
			fatal_trap(regs);
		return;
	}
	if ((regs->error_code & 3) == 2) {
		/* `int n` hit one of our gates: the guest's table decides who may. */
		ti = &current->arch.trap_table[regs->error_code >> 3 & 0xff];
		if (ti->address &&
			((ti->flags & 3) == 3 ||
				((current->arch.flags & TF_KERNEL_MODE) && (ti->flags & 3) >= 1))) {
			regs->rip += 2;
			pv_inject_trap(regs, ti->vector, 0);
			return;
		}
	} else if (!regs->error_code && pv_emulate_privileged(regs)) {
		return;
	}
	pv_inject_gp(regs, regs->error_code);
}

/* --- Page faults -------------------------------------------------------------------------------------------- */

/*
 * A fault inside the windows of guests' descriptor tables. Where a table has no page the CPU sees a
 * page fault; the guest gets what a selector beyond the table's limit gives.
 */
static bool perdomain_fault(struct cpu_user_regs *regs, unsigned long addr)
{
	struct vcpu *v = current;
	unsigned long page = (addr - v->arch.gdt_base) >> PAGE_SHIFT;

	if (is_idle_vcpu(v) || addr < v->arch.gdt_base || page >= PERVCPU_PAGES ||
		(regs->error_code & PFEC_present))
		return false;
	if (page >= 16 && pv_map_ldt_page(v, page - 16))
		return true;
	if (!guest_mode(regs) || (regs->error_code & PFEC_user))
		return false;
	pv_inject_gp(regs, (addr & 0xfff8) | (page >= 16 ? SELECTOR_LDT : 0));
	return true;
}

void do_page_fault(struct cpu_user_regs *regs)
{
	unsigned long addr = read_cr2();
	u32 ec;

	if (unlikely(addr - PERDOMAIN_START < XEN_VIRT_START - PERDOMAIN_START) &&
		perdomain_fault(regs, addr))
		return;
	if (unlikely(READ_ONCE(shadowed_domains)) && shadow_fault(regs, addr))
		return;
	if (unlikely(!guest_mode(regs))) {
		if (!fixup_exception(regs))
			fatal_trap(regs);
		return;
	}
	ec = regs->error_code;
	/* A write to a read-only page by the kernel: perhaps to one of its page tables. */
	if ((ec & (PFEC_present | PFEC_write | PFEC_rsvd | PFEC_insn)) ==
			(PFEC_present | PFEC_write) &&
		(current->arch.flags & TF_KERNEL_MODE) && pv_emulate_ptwr(regs, addr))
		return;
	/* A supervisor's access to a present page, at ring 3: see pv/far_return.c. */
	if (unlikely(ec == PFEC_present) && pv_emulate_far_return(regs))
		return;
	perfc_incr(page_faults);
	pv_inject_page_fault(regs, addr, ec);
}
