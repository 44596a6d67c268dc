/*
 * Ways between the kernel, its user mode and the hypervisor. Without case= on the command line all that a kernel
 * survives; with it one that it must not survive, and the hypervisor must.
 */
#include "guest.h"

#define HOLE          0xffff830000001000UL /* addresses of the hypervisor ... */
#define NON_CANONICAL 0x0000900000001000UL
#define NOTHING       0x0000700000001000UL
#define USER_VA       0x400000UL

extern void landing(void); /* ud2 */
__asm__(".globl landing\nlanding: ud2\n");

static unsigned long here(void)
{
	unsigned long sp;

	__asm__("mov %%rsp, %0" : "=r"(sp));
	return (sp & ~15UL) - 4096;
}

static struct iret_context kernel_frame(void)
{
	return (struct iret_context){ .rip = (unsigned long)landing, .cs = KERNEL_CS, .rflags = 0x202,
		.rsp = here(), .ss = FLAT_KERNEL_SS };
}

static unsigned int try_iret(struct iret_context frame)
{
	return TRY(iret_to(&frame));
}

static void any_trap(const char *name, unsigned int trap)
{
	check(trap != NO_TRAP, name, "trap %u", trap);
}

/* --- User mode -------------------------------------------------------------------------------------------- */

/* Make a page with this code the user mode's memory, and go there. The trap that ended it. */
static u8 *user_page;

static bool user_setup(unsigned long va)
{
	u64 *root;

	user_page = page_alloc();
	root = user_root(va & ~(PAGE_SIZE - 1), user_page, PTE_KERN);
	return root && mmuext(MMUEXT_NEW_USER_BASEPTR, virt_to_mfn(root), 0) == 0;
}

static struct iret_context user_frame(unsigned long rip)
{
	return (struct iret_context){ .rip = rip, .cs = FLAT_USER_CS64, .rflags = 0x202,
		.rsp = (rip & ~(PAGE_SIZE - 1)) + 0x800, .ss = FLAT_USER_SS64 };
}

static unsigned int run_user(const char *code, unsigned int len, unsigned long rip)
{
	memcpy(user_page + (rip & (PAGE_SIZE - 1)), code, len);
	return try_iret(user_frame(rip));
}
#define USER(code) run_user(code, sizeof(code) - 1, USER_VA)

static void user_mode(void)
{
	struct iret_context f;
	const struct trap_frame *last = &this_vcpu()->last;
	unsigned int trap;

	check(user_setup(USER_VA), "user mode", "set up");
	expect_trap("ud2 of user mode", USER("\x0f\x0b"), TRAP_UD);
	check(last->rip == USER_VA && (last->cs & 3) == 3, "its frame", "rip %lx cs %lx", last->rip, last->cs);
	expect_trap("syscall of user mode", USER("\x0f\x05"), TRAP_SYSCALL);
	check(last->rip == USER_VA + 2, "its frame", "rip %lx", last->rip);
	expect_trap("int3 of user mode", USER("\xcc"), TRAP_BP);
	expect_trap("int 0x80 of user mode", USER("\xcd\x80"), 0x80);
	expect_trap("int 0x81 of user mode", USER("\xcd\x81"), TRAP_GP);
	expect_trap("cli of user mode", USER("\xfa"), TRAP_GP);
	expect_trap("hlt of user mode", USER("\xf4"), TRAP_GP);
	expect_trap("in of user mode", USER("\xec"), TRAP_GP);
	expect_trap("rdmsr of user mode", USER("\x0f\x32"), TRAP_GP);
	expect_trap("mov to cr3 of user mode", USER("\x0f\x22\xd8"), TRAP_GP);
	expect_trap("read of the kernel's memory", USER("\x48\x8b\x04\x25\x00\x00\x10\x80"), TRAP_PF);
	check(last->error_code & 4, "error code says user", "%lx", last->error_code);
	f = user_frame(USER_VA);
	f.rflags |= 0x100;
	memcpy(user_page, "\x0f\x05\x0f\x0b", 4);
	any_trap("syscall with TF set", trap = try_iret(f));
	f.rflags = 0xffffffffffffffff & ~0x100UL;
	any_trap("all flags", try_iret(f));
	check(!(last->rflags & 0x3000), "no I/O privilege for user mode", "%lx", last->rflags);
	f = user_frame(USER_VA);
	f.rsp = HOLE;
	any_trap("rsp of user mode in the hypervisor", try_iret(f));
	f.rsp = NON_CANONICAL;
	any_trap("rsp of user mode non-canonical", try_iret(f));
	f = user_frame(HOLE);
	any_trap("rip of user mode in the hypervisor", try_iret(f));
	f = user_frame(NON_CANONICAL);
	any_trap("rip of user mode non-canonical", try_iret(f));
	f = user_frame(USER_VA);
	f.ss = 0;
	any_trap("null ss", try_iret(f));
	f.ss = 3;
	any_trap("null ss of ring 3", try_iret(f));
	f.ss = 0xe010;
	any_trap("the hypervisor's ss", try_iret(f));
	f.ss = 0xe013;
	any_trap("the hypervisor's ss of ring 3", try_iret(f));
	f = user_frame(USER_VA);
	f.cs = 0xe00b;
	any_trap("the hypervisor's cs of ring 3", try_iret(f));
	f.cs = 0xe043;
	any_trap("TSS as cs", try_iret(f));
	f.cs = 0xe023;
	any_trap("32-bit cs", try_iret(f));
	f.cs = 3;
	any_trap("null cs", try_iret(f));
	f.cs = 0xffff;
	any_trap("cs beyond", try_iret(f));
	f.cs = 0x1234567800000000 | FLAT_USER_CS64;
	any_trap("junk above cs", try_iret(f));
}

/* The last instruction of the lower half: what follows it is no address. */
static void end_of_lower_half(void)
{
	unsigned long va = 0x7ffffffff000;
	u64 *root, mine = root_mfn() * PAGE_SIZE + 255 * 8;
	const struct trap_frame *last = &this_vcpu()->last;
	struct iret_context f;

	check(user_setup(va), "user mode at the end", "set up");
	expect_trap("syscall at the end", run_user("\x0f\x05", 2, va + 0xffe), TRAP_SYSCALL);
	check(last->rip == va + 0x1000, "its rip", "%lx", last->rip);
	f = user_frame(last->rip);
	any_trap("return behind the end", try_iret(f));
	f.flags = VGCF_in_syscall;
	any_trap("sysret behind the end", try_iret(f));
	root = user_root(va, user_page, PTE_KERN);
	expect("the same for the kernel", mmu_update(mine, pte(virt_to_mfn(root), 0)), 0);
	expect("its L3", mmu_update(mine, root[255] | PTE_KERN), 0);
	/* A hypercall, cheap and without harm: xen_version(version). */
	any_trap("hypercall at the end", TRY(__asm__ volatile("xor %%edi, %%edi\n\tmov $17, %%eax\n\tcall *%0" : :
		"r"(va + 0xffe) : "rax", "rdi", "rcx", "r11", "memory")));
	any_trap("event or iret at the end", TRY(__asm__ volatile("mov $63, %%eax\n\tcall *%0" : :
		"r"(va + 0xffe) : "rax", "rcx", "r11", "memory")));
	expect("L3 away", mmu_update(mine, 0), 0);
}

/* --- The kernel's own returns ---------------------------------------------------------------------------- */

static void kernel_returns(void)
{
	static const unsigned int cs[] = { 0, 8, 0xe008, 0xe009, 0xe00a, 0xe010, 0xe018, 0xe028, 0xe040, 0xe050,
		0xfff8, 0x7 };
	const struct trap_frame *last = &this_vcpu()->last;
	struct iret_context f = kernel_frame();

	expect_trap("return to the kernel", try_iret(f), TRAP_UD);
	check(last->rip == (unsigned long)landing && last->cs == KERNEL_CS, "where it landed", "%lx:%lx", last->cs,
		last->rip);
	f.rip = HOLE;
	any_trap("rip in the hypervisor", try_iret(f));
	f.rip = NON_CANONICAL;
	any_trap("rip non-canonical", try_iret(f));
	f.rip = 0x8000000000000000;
	any_trap("rip far non-canonical", try_iret(f));
	f.rip = ~0UL;
	any_trap("rip all ones", try_iret(f));
	f = kernel_frame();
	for (unsigned int i = 0; i < ARRAY_SIZE(cs); i++) {
		f.cs = cs[i];
		if ((cs[i] & 3) != 3)
			any_trap("cs of the kernel", try_iret(f));
	}
	f = kernel_frame();
	for (unsigned int i = 0; i < ARRAY_SIZE(cs); i++) {
		f.ss = cs[i];
		any_trap("ss of the kernel", try_iret(f));
	}
	f = kernel_frame();
	for (unsigned int bit = 0; bit < 64; bit++) {
		f.rflags = 0x202 | 1UL << bit;
		any_trap("flag", try_iret(f));
		check(!(last->rflags & 0x20000) && !(last->rflags & 0x3000), "no VM, no I/O privilege", "%lx",
			last->rflags);
	}
	f.rflags = 0;
	any_trap("no flags", try_iret(f));
	shared_info->vcpu_info[0].evtchn_upcall_mask = 1;
}

/* --- Interrupt instructions and others -------------------------------------------------------------------- */

static void int_n(void)
{
	u8 *code = page_alloc();

	for (unsigned int n = 0; n < 256; n++) {
		unsigned int trap;

		code[0] = 0xcd;
		code[1] = n;
		code[2] = 0xc3;
		trap = TRY(((void (*)(void))code)());
		/* QEMU's error code names the entry 2n. */
		if (trap != n && trap != (2 * n & 0xff) && trap != TRAP_GP)
			check(false, "int", "%u: trap %u", n, trap);
	}
	check(true, "int n", "all survived");
	expect_trap("int3", TRY(__asm__ volatile("int3")), TRAP_BP);
	any_trap("icebp", TRY(__asm__ volatile(".byte 0xf1")));
	expect_trap("into is invalid", TRY(__asm__ volatile(".byte 0xce")), TRAP_UD);
	expect_trap("bound is invalid", TRY(__asm__ volatile(".byte 0x62, 0x00")), TRAP_UD);
	expect_trap("div by 0", TRY(__asm__ volatile("div %0" : : "r"(0UL) : "rax", "rdx")), TRAP_DE);
}

static void single_step(void)
{
	expect_trap("TF across a hypercall", TRY(__asm__ volatile("pushf\n\torl $0x100, (%%rsp)\n\tpopf\n\t"
		"mov $17, %%eax\n\txor %%edi, %%edi\n\tsyscall\n\tnop" : : : "rax", "rdi", "rcx", "r11", "memory")), TRAP_DB);
	any_trap("TF by a far return", TRY(__asm__ volatile("mov %%ss, %%eax\n\tmov %%rsp, %%rdx\n\tpush %%rax\n\tpush %%rdx\n\t"
		"push $0x302\n\tmov %%cs, %%eax\n\tpush %%rax\n\tpush $1f\n\tiretq\n1:\tsyscall\n\tud2"
		: : : "rax", "rdx", "rcx", "r11", "memory")));
}

/* One instruction with rax, rcx, rdx as given; rsi and rdi hold `address`. */
static unsigned int privileged_trap(void (*code)(void), u64 rax, u64 rcx, u64 rdx, u64 address)
{
	u64 di = address;

	return TRY(__asm__ volatile("call *%5" : "+a"(rax), "+c"(rcx), "+d"(rdx), "+S"(address), "+D"(di) : "r"(code)
				    : "rbx", "r8", "r9", "r10", "r11", "memory"));
}

#define PRIVILEGED(name, code, rax, rcx, rdx, address)                                                                \
	do {                                                                                                          \
		extern void PASTE(privileged_, __LINE__)(void);                                                       \
		__asm__ volatile(".pushsection .text.privileged, \"ax\"\nprivileged_" STRING(__LINE__) ": " code "\n\tret\n.popsection"); \
		unsigned int t_ = privileged_trap(PASTE(privileged_, __LINE__), rax, rcx, rdx, (unsigned long)(address)); \
		check(t_ == NO_TRAP || t_ == TRAP_GP || t_ == TRAP_UD || t_ == TRAP_PF, name, "trap %u", t_);                          \
	} while (0)
#define STRING_(x) #x
#define STRING(x) STRING_(x)
#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)

static void privileged(void)
{
	static u64 table[2];

	PRIVILEGED("cli", "cli", 0, 0, 0, 0);
	PRIVILEGED("sti", "sti", 0, 0, 0, 0);
	PRIVILEGED("invd", "invd", 0, 0, 0, 0);
	PRIVILEGED("wbinvd", "wbinvd", 0, 0, 0, 0);
	PRIVILEGED("clts", "clts", 0, 0, 0, 0);
	PRIVILEGED("lgdt", "lgdt (%rsi)", 0, 0, 0, table);
	PRIVILEGED("lidt", "lidt (%rsi)", 0, 0, 0, table);
	PRIVILEGED("sgdt", "sgdt (%rsi)", 0, 0, 0, table);
	PRIVILEGED("sidt", "sidt (%rsi)", 0, 0, 0, table);
	PRIVILEGED("lldt", "lldt %ax", 0xe050, 0, 0, 0);
	PRIVILEGED("ltr", "ltr %ax", 0xe040, 0, 0, 0);
	PRIVILEGED("sldt", "sldt %ax", 0, 0, 0, 0);
	PRIVILEGED("str", "str %ax", 0, 0, 0, 0);
	PRIVILEGED("smsw", "smsw %ax", 0, 0, 0, 0);
	PRIVILEGED("lmsw", "lmsw %ax", 0, 0, 0, 0);
	PRIVILEGED("invlpg", "invlpg (%rsi)", 0, 0, 0, HOLE);
	PRIVILEGED("swapgs", "swapgs", 0, 0, 0, 0);
	PRIVILEGED("sysret", "sysretq", 0, 0, 0, 0);
	PRIVILEGED("sysexit", "sysexitl", 0, 0, 0, 0);
	PRIVILEGED("rdpmc", "rdpmc", 0, 0, 0, 0);
	PRIVILEGED("vmcall", "vmcall", 0, 0, 0, 0);
	PRIVILEGED("vmmcall", "vmmcall", 0, 0, 0, 0);
	PRIVILEGED("vmrun", "vmrun", 0, 0, 0, 0);
	PRIVILEGED("stgi", "stgi", 0, 0, 0, 0);
	PRIVILEGED("clgi", "clgi", 0, 0, 0, 0);
	PRIVILEGED("monitor", "monitor", (unsigned long)table, 0, 0, 0);
	PRIVILEGED("mwait", "mwait", 0, 0, 0, 0);
	PRIVILEGED("xsetbv", "xsetbv", 1, 0, 0, 0);
	PRIVILEGED("rsm", "rsm", 0, 0, 0, 0);
	PRIVILEGED("mov to cr0", "mov %rax, %cr0", 0UL, 0, 0, 0);
	PRIVILEGED("mov to cr0, all", "mov %rax, %cr0", ~0UL, 0, 0, 0);
	PRIVILEGED("mov to cr2", "mov %rax, %cr2", ~0UL, 0, 0, 0);
	PRIVILEGED("mov to cr3, junk", "mov %rax, %cr3", ~0UL, 0, 0, 0);
	PRIVILEGED("mov to cr3, the hypervisor", "mov %rax, %cr3", 0x200000UL, 0, 0, 0);
	PRIVILEGED("mov to cr4", "mov %rax, %cr4", 0UL, 0, 0, 0);
	PRIVILEGED("mov to cr4, all", "mov %rax, %cr4", ~0UL, 0, 0, 0);
	PRIVILEGED("mov to cr8", "mov %rax, %cr8", 0UL, 0, 0, 0);
	PRIVILEGED("mov to cr1", ".byte 0x0f, 0x22, 0xc8", 0, 0, 0, 0);
	PRIVILEGED("mov from cr8", "mov %cr8, %rax", 0, 0, 0, 0);
	PRIVILEGED("mov to dr7", "mov %rax, %dr7", 0x400UL, 0, 0, 0);
	PRIVILEGED("mov to dr0", "mov %rax, %dr0", HOLE, 0, 0, 0);
	PRIVILEGED("in of the serial port", "inb %dx, %al", 0, 0, 0x3fd, 0);
	PRIVILEGED("out to the interrupt controller", "outb %al, %dx", 0xff, 0, 0x21, 0);
	PRIVILEGED("out to the timer", "outb %al, %dx", 0x30, 0, 0x43, 0);
	PRIVILEGED("ins to the hypervisor", "insb", 0, 0, 0x80, HOLE);
	PRIVILEGED("outs from the hypervisor", "outsb", 0, 0, 0x80, HOLE);
	PRIVILEGED("in of the last port", "inl %dx, %eax", 0, 0, 0xffff, 0);
}

static unsigned int try_wrmsr(u32 msr, u64 val)
{
	return TRY(__asm__ volatile("wrmsr" : : "c"(msr), "a"((u32)val), "d"((u32)(val >> 32))));
}

static void bases_and_msrs(void)
{
	static const u32 msr[] = { 0x10, 0x1b, 0x174, 0x175, 0x176, 0x277, 0x1d9, 0x2ff, 0x800, 0x808, 0x830, 0xc0000080,
		0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, 0xc0000103, 0xc0010117, 0xc0010114 };
	static const u64 bad[] = { NON_CANONICAL, 0x8000000000000000, 0x00ff000000000000 };

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		expect_error("FS base", HYPERCALL(set_segment_base, SEGBASE_FS, bad[i]));
		expect_error("GS base", HYPERCALL(set_segment_base, SEGBASE_GS_KERNEL, bad[i]));
		expect_error("user GS base", HYPERCALL(set_segment_base, SEGBASE_GS_USER, bad[i]));
		expect_trap("FS base by wrmsr", try_wrmsr(0xc0000100, bad[i]), TRAP_GP);
		expect_trap("GS base by wrmsr", try_wrmsr(0xc0000101, bad[i]), TRAP_GP);
		expect_trap("user GS base by wrmsr", try_wrmsr(0xc0000102, bad[i]), TRAP_GP);
		expect_error("trap handler", HYPERCALL(set_trap_table,
			(&(struct trap_info[2]){ { .vector = 255, .cs = FLAT_KERNEL_CS, .address = bad[i] }, { 0 } })));
		expect_error("callbacks", HYPERCALL(set_callbacks, bad[i], failsafe_entry, syscall_entry));
		expect_error("failsafe callback", HYPERCALL(set_callbacks, event_entry, bad[i], syscall_entry));
		expect_error("syscall callback", HYPERCALL(set_callbacks, event_entry, failsafe_entry, bad[i]));
	}
	expect_error("segment base 4", HYPERCALL(set_segment_base, 4, 0));
	expect("GS base in the hypervisor", HYPERCALL(set_segment_base, SEGBASE_GS_USER, HOLE), 0);
	HYPERCALL(set_segment_base, SEGBASE_GS_USER, 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(msr); i++) {
		unsigned int a = try_wrmsr(msr[i], 0), b = try_wrmsr(msr[i], ~0UL);

		check((a == NO_TRAP || a == TRAP_GP) && (b == NO_TRAP || b == TRAP_GP), "wrmsr", "%x: %u %u", msr[i], a,
			b);
	}
	for (u64 i = 0; i < 0x2000; i += 3)
		TRY(__asm__ volatile("rdmsr" : : "c"((u32)i) : "rax", "rdx"));
	check(true, "rdmsr", "all survived");
}

static void debug_registers(void)
{
	static u16 watched __attribute__((aligned(8)));
	u16 ss = FLAT_KERNEL_SS;
	unsigned int trap;

	watched = ss;
	expect_error("watchpoint in the hypervisor", HYPERCALL(set_debugreg, 0, HOLE));
	expect_error("watchpoint in the M2P table", HYPERCALL(set_debugreg, 1, MACH2PHYS_VIRT_START));
	expect_error("watchpoint non-canonical", HYPERCALL(set_debugreg, 2, NON_CANONICAL));
	expect_error("register 8", HYPERCALL(set_debugreg, 8, 0));
	expect_error("register -1", HYPERCALL(set_debugreg, -1, 0));
	expect_error("I/O breakpoint", HYPERCALL(set_debugreg, 7, 0x20003));
	expect_error("upper half of dr7", HYPERCALL(set_debugreg, 7, 1UL << 40));
	HYPERCALL(set_debugreg, 7, 0x2400); /* GD */
	check(!(HYPERCALL(get_debugreg, 7) & 0x2000), "no general detect", "%lx", HYPERCALL(get_debugreg, 7));
	expect_error("get register 8", HYPERCALL(get_debugreg, 8));
	expect("watch a variable", HYPERCALL(set_debugreg, 0, &watched), 0);
	expect("for reading too", HYPERCALL(set_debugreg, 7, 0x70003 | 0x400), 0);
	trap = TRY(watched++);
	print("note: watchpoint: trap %u\n", trap);
	HYPERCALL(set_debugreg, 7, 0x400);
	watched = ss;
	HYPERCALL(set_debugreg, 7, 0x70003 | 0x400);
	any_trap("mov ss, int3", TRY(__asm__ volatile("mov %0, %%ss\n\tint3" : : "m"(watched))));
	any_trap("mov ss, int 0x80", TRY(__asm__ volatile("mov %0, %%ss\n\tint $0x80" : : "m"(watched))));
	any_trap("mov ss, icebp", TRY(__asm__ volatile("mov %0, %%ss\n\t.byte 0xf1" : : "m"(watched))));
	any_trap("mov ss, hypercall", TRY(__asm__ volatile("mov $17, %%eax\n\txor %%edi, %%edi\n\tmov %0, %%ss\n\tsyscall\n\tud2"
		: : "m"(watched) : "rax", "rdi", "rcx", "r11")));
	/* The hypervisor itself reads the variable. */
	trap = TRY(HYPERCALL(console_io, CONSOLEIO_write, 2, &watched));
	print("note: hypercall on watched data: trap %u\n", trap);
	expect("watch code", HYPERCALL(set_debugreg, 0, landing), 0);
	expect("for execution", HYPERCALL(set_debugreg, 7, 0x403), 0);
	any_trap("breakpoint", TRY(landing()));
	expect("no breakpoints", HYPERCALL(set_debugreg, 7, 0x400), 0);
}

/* --- What the kernel does not survive --------------------------------------------------------------------- */

static unsigned long broken; /* an address that cannot hold a stack */

static void trap_on_stack(unsigned long sp)
{
	__asm__ volatile("mov %0, %%rsp\n\tud2" : : "r"(sp));
}

static void user_with_stack(unsigned long sp, const char *code, unsigned int len)
{
	user_setup(USER_VA);
	HYPERCALL(stack_switch, FLAT_KERNEL_SS, sp);
	run_user(code, len, USER_VA);
}

static bool is(const char *which, const char *name)
{
	while (*name && *which == *name) {
		which++;
		name++;
	}
	return !*name;
}

static void destructive(const char *which)
{
	static struct sched_shutdown crash = { SHUTDOWN_crash };
	static struct trap_info table[2];
	u64 *t = table_alloc();

	mmuext(MMUEXT_PIN_L1_TABLE, virt_to_mfn(t), 0);
	if (is(which, "no_handler")) {
		HYPERCALL(set_trap_table, NULL);
		__asm__ volatile("ud2");
	} else if (is(which, "stack_")) {
		trap_on_stack(broken);
	} else if (is(which, "table_as_stack")) {
		trap_on_stack((unsigned long)(t + 512));
	} else if (is(which, "user_stack_")) {
		user_with_stack(broken, "\x0f\x0b", 2);
	} else if (is(which, "syscall_stack_")) {
		user_with_stack(broken, "\x0f\x05", 2);
	} else if (is(which, "int_stack_")) {
		user_with_stack(broken, "\xcd\x80", 2);
	} else if (is(which, "iret_frame_")) {
		__asm__ volatile("mov %0, %%rsp\n\tmov $23, %%eax\n\tsyscall" : : "r"(broken));
	} else if (is(which, "no_user_table")) {
		try_iret(user_frame(USER_VA));
	} else if (is(which, "no_failsafe")) {
		struct iret_context f = kernel_frame();

		HYPERCALL(set_callbacks, event_entry, NULL, syscall_entry);
		f.cs = 0xe008;
		try_iret(f);
	} else if (is(which, "handler_in_hypervisor")) {
		table[0] = (struct trap_info){ .vector = TRAP_PF, .cs = FLAT_KERNEL_CS, .address = HOLE };
		HYPERCALL(set_trap_table, table);
		try_read((void *)NOTHING, (u64 *)&broken);
	} else if (is(which, "crash")) {
		HYPERCALL(sched_op, SCHEDOP_shutdown, &crash);
	}
	print("FAIL %s: survived\n", which);
}

void guest_main(void)
{
	char which[40];

	if (*option_word("case", which, sizeof(which))) {
		char place[20];

		option_word("place", place, sizeof(place));
		broken = is(place, "hole") ? HOLE : is(place, "odd") ? NON_CANONICAL : NOTHING;
		print("case %s %s\n", which, place);
		destructive(which);
		return;
	}
	kernel_returns();
	user_mode();
	end_of_lower_half();
	int_n();
	single_step();
	privileged();
	bases_and_msrs();
	debug_registers();
}
