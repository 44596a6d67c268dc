/* Registers and stack traces for the console. */
#include <xen/keyhandler.h>
#include <xen/lib.h>
#include <xen/sched.h>
#include <xen/symbols.h>
#include <asm/traps.h>

static void print_symbol(unsigned long addr)
{
	unsigned long off, size;
	const char *name = symbols_lookup(addr, &off, &size);

	if (name)
		printk(XENLOG_ALWAYS "   [<%016lx>] %s+%#lx/%#lx\n", addr, name, off, size);
	else
		printk(XENLOG_ALWAYS "   [<%016lx>]\n", addr);
}

void show_registers(const struct cpu_user_regs *r)
{
	unsigned long off, size;
	const char *name = guest_mode(r) ? NULL : symbols_lookup(r->rip, &off, &size);
	struct vcpu *v = current;

	printk(XENLOG_ALWAYS "CPU:    %u\n", smp_processor_id());
	if (name)
		printk(XENLOG_ALWAYS "RIP:    %04x:[<%016lx>] %s+%#lx/%#lx\n", (u16)r->cs,
			(unsigned long)r->rip, name, off, size);
	else
		printk(XENLOG_ALWAYS "RIP:    %04x:[<%016lx>]\n", (u16)r->cs, (unsigned long)r->rip);
	printk(XENLOG_ALWAYS "RFLAGS: %016lx   CONTEXT: %s", (unsigned long)r->rflags,
		guest_mode(r) ? "guest" : "hypervisor");
	if (v && !is_idle_vcpu(v))
		printk(" (d%uv%d)", v->domain->domain_id, v->vcpu_id);
	printk("\n");
#define R(x) (unsigned long)r->x
	printk(XENLOG_ALWAYS "rax: %016lx   rbx: %016lx   rcx: %016lx\n", R(rax), R(rbx), R(rcx));
	printk(XENLOG_ALWAYS "rdx: %016lx   rsi: %016lx   rdi: %016lx\n", R(rdx), R(rsi), R(rdi));
	printk(XENLOG_ALWAYS "rbp: %016lx   rsp: %016lx   r8:  %016lx\n", R(rbp), R(rsp), R(r8));
	printk(XENLOG_ALWAYS "r9:  %016lx   r10: %016lx   r11: %016lx\n", R(r9), R(r10), R(r11));
	printk(XENLOG_ALWAYS "r12: %016lx   r13: %016lx   r14: %016lx\n", R(r12), R(r13), R(r14));
	printk(XENLOG_ALWAYS "r15: %016lx   cr0: %016lx   cr4: %016lx\n", R(r15), read_cr0(),
		read_cr4());
	printk(XENLOG_ALWAYS "cr3: %016lx   cr2: %016lx   ss: %04x\n", read_cr3(), read_cr2(),
		(u16)r->ss);
#undef R
}

/* Follow the frame pointers as long as they stay in this stack and go up. */
static void show_trace(unsigned long rip, unsigned long rbp, unsigned long rsp)
{
	unsigned long top = (rsp | (PERCPU_BLOCK_SIZE - 1)) - sizeof(struct cpu_info);

	printk(XENLOG_ALWAYS "Xen call trace:\n");
	if (is_kernel_text(rip))
		print_symbol(rip);
	for (unsigned int i = 0; i < 64 && rbp >= rsp && rbp + 16 <= top && IS_ALIGNED(rbp, 8); i++) {
		const unsigned long *frame = (const unsigned long *)rbp;

		if (is_kernel_text(frame[1]))
			print_symbol(frame[1]);
		if (frame[0] <= rbp)
			break;
		rbp = frame[0];
	}
}

static void show_stack(unsigned long rsp)
{
	unsigned long top = (rsp | (PERCPU_BLOCK_SIZE - 1)) - sizeof(struct cpu_info);

	printk(XENLOG_ALWAYS "Xen stack trace from rsp=%016lx:\n", rsp);
	for (unsigned int i = 0; i < 8 && rsp + 32 <= top; i++, rsp += 32) {
		const unsigned long *w = (const unsigned long *)rsp;

		printk(XENLOG_ALWAYS "   %016lx %016lx %016lx %016lx\n", w[0], w[1], w[2], w[3]);
	}
}

void show_execution_state(const struct cpu_user_regs *regs)
{
	show_registers(regs);
	if (!guest_mode(regs)) {
		show_stack(regs->rsp);
		show_trace(regs->rip, regs->rbp, regs->rsp);
	}
}

void dump_execution_state(void)
{
	unsigned long rsp, rbp;

	__asm__ volatile("mov %%rsp, %0; mov %%rbp, %1" : "=r"(rsp), "=r"(rbp));
	show_stack(rsp);
	show_trace((unsigned long)__builtin_return_address(0), rbp, rsp);
}
