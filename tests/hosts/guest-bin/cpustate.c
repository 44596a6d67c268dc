/*
 * What a process keeps in the processor while others run: registers of every kind, segments, debug state; and the ways
 * into the kernel that depend on them.
 *
 * usage: cpustate [CHECK]...
 */
#define _GNU_SOURCE
#include <asm/ldt.h>
#include <asm/prctl.h>
#include <cpuid.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <time.h>

#include "checks.h"

static int elapsed(time_t since, int seconds)
{
	return time(NULL) - since >= seconds;
}

/* Runs `body(number)` in as many processes at once as keep every CPU switching between several. */
static void in_rivals(void (*body)(unsigned long number))
{
	long count = 2 * sysconf(_SC_NPROCESSORS_ONLN) + 1;
	int status, bad = 0;

	for (long i = 0; i < count; i++) {
		pid_t pid = fork();

		expect(pid >= 0);
		if (pid == 0) {
			body((unsigned long)i + 1);
			_exit(0);
		}
	}
	for (long i = 0; i < count; i++)
		bad |= wait(&status) < 0 || status != 0;
	expect(!bad);
}

/* Loads a state derived from `number`, yields or spins, and compares what is stored then. */
static void keep_sse(unsigned long number)
{
	uint32_t in[16][4], out[16][4], mxcsr = 0x1f80 | (uint32_t)(number & 3) << 13, mxcsr_now;
	time_t start = time(NULL);

	for (unsigned int i = 0; i < 16; i++)
		for (unsigned int j = 0; j < 4; j++)
			in[i][j] = (uint32_t)(number * 0x01010101u + i * 16 + j);

	for (unsigned int round = 0; !elapsed(start, 3); round++) {
		unsigned long spins = round % 2 ? 200000 : 0;

		__asm__ volatile(
			"ldmxcsr %[mxcsr]\n"
			".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n movdqu 16*\\n(%[in]), %%xmm\\n\n .endr\n"
			"test %[spins], %[spins]\n jnz 1f\n"
			"mov %[yield], %%eax\n syscall\n jmp 2f\n"
			"1: dec %[spins]\n jnz 1b\n"
			"2:\n"
			".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n movdqu %%xmm\\n, 16*\\n(%[out])\n .endr\n"
			"stmxcsr %[now]\n"
			: [spins] "+r"(spins), [now] "=m"(mxcsr_now)
			: [in] "r"(in), [out] "r"(out), [mxcsr] "m"(mxcsr), [yield] "i"(SYS_sched_yield)
			: "rax", "rcx", "r11", "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",
			  "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
		expect(!memcmp(in, out, sizeof(in)));
		expect((mxcsr_now & ~0x3fu) == mxcsr);
	}
}

static void check_sse(void)
{
	in_rivals(keep_sse);
}

static void keep_x87(unsigned long number)
{
	time_t start = time(NULL);
	uint16_t control = (uint16_t)(0x037f & ~0x300) | (number & 1 ? 0x300 : 0x200), now;

	while (!elapsed(start, 2)) {
		uint64_t values[8], back[8];

		for (unsigned int i = 0; i < 8; i++)
			values[i] = number * 1000 + i;
		__asm__ volatile("fninit; fldcw %0" ::"m"(control));
		for (unsigned int i = 0; i < 8; i++)
			__asm__ volatile("fildll %0" ::"m"(values[i]));
		for (volatile int spin = 0; spin < 50000; spin++)
			;
		syscall(SYS_sched_yield);
		__asm__ volatile("fnstcw %0" : "=m"(now));
		for (unsigned int i = 8; i-- > 0;)
			__asm__ volatile("fistpll %0" : "=m"(back[i]));
		__asm__ volatile("fninit");
		expect(!memcmp(values, back, sizeof(values)) && now == control);
	}
}

static void check_x87(void)
{
	in_rivals(keep_x87);
}

static int has_avx(void)
{
	unsigned int a, b, c, d, low, high;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || !(c & bit_AVX))
		return 0;
	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return (low & 6) == 6;
}

__attribute__((target("avx"))) static void keep_avx(unsigned long number)
{
	uint64_t in[4], out[4];
	time_t start = time(NULL);

	for (unsigned int i = 0; i < 4; i++)
		in[i] = number << 32 | i;
	while (!elapsed(start, 2)) {
		__asm__ volatile("vmovdqu (%0), %%ymm7\n mov %2, %%eax\n syscall\n vmovdqu %%ymm7, (%1)"
				 :
				 : "r"(in), "r"(out), "i"(SYS_sched_yield)
				 : "rax", "rcx", "r11", "memory", "xmm7");
		expect(!memcmp(in, out, sizeof(in)));
	}
}

static void check_avx(void)
{
	if (has_avx())
		in_rivals(keep_avx);
	else
		printf("  no AVX here\n");
}

/* General registers survive interrupts, and a system call changes rax, rcx and r11 only. */
static void keep_general(unsigned long number)
{
	time_t start = time(NULL);
	uint64_t bad;

	while (!elapsed(start, 2)) {
		__asm__ volatile(
			"push %%rbp\n push %%rbx\n"
			"mov %[v], %%rbx\n"
			".irp r,rdi,rsi,rdx,rbp,r8,r9,r10,r12,r13,r14,r15\n lea 1(%%rbx), %%\\r\n .endr\n"
			"mov $100000, %%ecx\n 1: dec %%ecx\n jnz 1b\n"
			"mov %[yield], %%eax\n syscall\n"
			"xor %%ecx, %%ecx\n inc %%rbx\n"
			".irp r,rdi,rsi,rdx,rbp,r8,r9,r10,r12,r13,r14,r15\n"
			" cmp %%rbx, %%\\r\n je 2f\n inc %%ecx\n 2:\n .endr\n"
			"pop %%rbx\n pop %%rbp\n"
			: "=&c"(bad)
			: [v] "a"(number * 0x0123456789abcdefu), [yield] "i"(SYS_sched_yield)
			: "rdi", "rsi", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc");
		expect(bad == 0);
	}
}

static void check_general(void)
{
	in_rivals(keep_general);
}

/* FS and GS bases beyond 4 GiB belong to the process, as does a thread's own variable. */
static __thread unsigned long own;

static void keep_bases(unsigned long number)
{
	unsigned long area[2] = { number, 0 }, base, seen;
	time_t start = time(NULL);

	own = number;
	expect(syscall(SYS_arch_prctl, ARCH_SET_GS, area) == 0);
	while (!elapsed(start, 2)) {
		syscall(SYS_sched_yield);
		expect(syscall(SYS_arch_prctl, ARCH_GET_GS, &base) == 0);
		__asm__ volatile("mov %%gs:0, %0" : "=r"(seen));
		expect(base == (unsigned long)area && seen == number && own == number);
	}
}

static void check_bases(void)
{
	in_rivals(keep_bases);
}

/* A data segment of the process's own LDT, reached through GS. */
static void keep_ldt(unsigned long number)
{
	uint32_t *data = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	struct user_desc segment = { .entry_number = (unsigned int)(number % 20), .limit = 0xfff, .seg_32bit = 1 };
	unsigned short selector = (unsigned short)(segment.entry_number << 3 | 7), now;
	time_t start = time(NULL);
	uint32_t seen;

	expect(data != MAP_FAILED);
	segment.base_addr = (unsigned int)(uintptr_t)data;
	data[3] = (uint32_t)number * 77;
	expect(syscall(SYS_modify_ldt, 1, &segment, sizeof(segment)) == 0);
	__asm__ volatile("mov %0, %%gs" ::"r"(selector));
	while (!elapsed(start, 2)) {
		syscall(SYS_sched_yield);
		__asm__ volatile("mov %%gs, %0; movl %%gs:12, %1" : "=r"(now), "=r"(seen));
		expect(now == selector && seen == (uint32_t)number * 77);
	}
	__asm__ volatile("mov %0, %%gs" ::"r"(0));
	/* Growing past a page moves the table; removing an entry makes its selector fault. */
	segment.entry_number = 8000;
	expect(syscall(SYS_modify_ldt, 1, &segment, sizeof(segment)) == 0);
	__asm__ volatile("mov %1, %%gs; movl %%gs:12, %0; mov %2, %%gs"
			 : "=r"(seen)
			 : "r"(8000 << 3 | 7), "r"(0));
	expect(seen == (uint32_t)number * 77);
}

static void check_ldt(void)
{
	in_rivals(keep_ldt);
}

static long call_int80(long number, long argument)
{
	long result;

	__asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(argument) : "memory", "r8", "r9", "r10", "r11");
	return result;
}

/* The thread-local storage entries of the GDT, which only the 32-bit system call sets. */
static void check_tls_entries(void)
{
	enum { SET_THREAD_AREA_32 = 243 };
	uint32_t *data = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0), seen;
	struct user_desc *segment = (struct user_desc *)(data + 256);

	expect(data != MAP_FAILED);
	data[1] = 0xfeedbeef;
	*segment = (struct user_desc){ .entry_number = -1u, .limit = 0xfff, .seg_32bit = 1 };
	segment->base_addr = (unsigned int)(uintptr_t)data;
	expect(call_int80(SET_THREAD_AREA_32, (long)segment) == 0);
	__asm__ volatile("mov %0, %%gs" ::"r"(segment->entry_number << 3 | 3));
	for (int i = 0; i < 2000; i++) {
		syscall(SYS_sched_yield);
		__asm__ volatile("movl %%gs:4, %0" : "=r"(seen));
		expect(seen == 0xfeedbeef);
	}
	__asm__ volatile("mov %0, %%gs" ::"r"(0));
}

static void check_system_calls(void)
{
	enum { GETPID_32 = 20, BAD_32 = 9999 };

	for (int i = 0; i < 2000; i++) {
		expect(call_int80(GETPID_32, 0) == getpid());
		expect(syscall(SYS_getppid) == getppid());
	}
	expect((int)call_int80(BAD_32, 0) == -ENOSYS);
	expect(syscall(9999) == -1 && errno == ENOSYS);
	expect(syscall(-1ul) == -1 && errno == ENOSYS);
}

/* Direction and identification flags survive a system call; the trap flag does not appear. */
static void check_flags(void)
{
	uint64_t flags;

	__asm__ volatile("std; mov %1, %%eax; syscall; pushf; pop %0; cld"
			 : "=r"(flags)
			 : "i"(SYS_getpid)
			 : "rax", "rcx", "r11", "memory", "cc");
	expect(flags & 0x400);
	expect(flags & 0x200);
	expect(!(flags & 0x100));
}

/* A far return into 32-bit code, which makes a 32-bit system call and returns far. */
static void check_compat_code(void)
{
	static const unsigned char code[] = {
		0xb8, 20, 0, 0, 0, /* mov $getpid, %eax */
		0xcd, 0x80,        /* int $0x80 */
		0x89, 0xc6,        /* mov %eax, %esi */
		0x40,              /* inc %eax in 32-bit code, a prefix in 64-bit code */
		0xcb,              /* lret */
	};
	char *low = mmap(NULL, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	uint64_t pid = 0, next = 0;
	unsigned short cs;

	expect(low != MAP_FAILED);
	memcpy(low, code, sizeof(code));
	/* lretq away from a far frame on a low stack; the 32-bit lret pops the 8 bytes laid out for it there. */
	__asm__ volatile("mov %%cs, %0" : "=r"(cs));
	__asm__ volatile("mov %%rsp, %%r12\n"
			 "mov %[stack], %%rsp\n"
			 "sub $8, %%rsp\n"
			 "lea 1f(%%rip), %%rax\n"
			 "mov %%eax, (%%rsp)\n"
			 "movzwl %[cs], %%eax\n mov %%eax, 4(%%rsp)\n"
			 "pushq $0x23\n"
			 "push %[entry]\n"
			 "lretq\n"
			 "1: mov %%r12, %%rsp\n"
			 : "=&S"(pid), "=&a"(next)
			 : [stack] "r"(low + 8192), [entry] "r"(low), [cs] "r"(cs)
			 : "r12", "rcx", "rdx", "r8", "r9", "r10", "r11", "memory", "cc");
	expect((uint32_t)pid == (uint32_t)getpid());
	expect((uint32_t)next == (uint32_t)getpid() + 1);
}

/* Tracing: the child stops itself, runs `body` and exits; the parent drives it from the stop on. */
static pid_t traced(void (*body)(void))
{
	pid_t pid = fork();
	int status;

	expect(pid >= 0);
	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		body();
		_exit(0);
	}
	expect(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	return pid;
}

extern char steps_begin[], steps_end[];

static void nops(void)
{
	__asm__ volatile(".globl steps_begin, steps_end\n steps_begin: .rept 50\n nop\n .endr\n steps_end: nop");
}

static void check_single_step(void)
{
	pid_t pid = traced(nops);
	struct user_regs_struct regs;
	int status, inside = 0, steps = 0;
	uint64_t expected = 0;

	do {
		expect(ptrace(PTRACE_SINGLESTEP, pid, 0, 0) == 0);
		expect(waitpid(pid, &status, 0) == pid);
		expect(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);
		expect(ptrace(PTRACE_GETREGS, pid, 0, &regs) == 0);
		if (regs.rip >= (uintptr_t)steps_begin && regs.rip < (uintptr_t)steps_end) {
			expect(!expected || regs.rip == expected);
			expected = regs.rip + 1;
			inside++;
		}
		expect(++steps < 100000);
	} while (regs.rip != (uintptr_t)steps_end);
	expect(inside == 50);
	expect(ptrace(PTRACE_CONT, pid, 0, 0) == 0);
	expect(waitpid(pid, &status, 0) == pid && status == 0);
}

static volatile int watched, untouched;

static __attribute__((noinline)) void stopped_at(void)
{
	__asm__ volatile("");
	watched++;
}

static void touch_things(void)
{
	untouched = 1;
	sched_yield();
	stopped_at();
	watched = 5;
	(void)untouched;
}

static void set_debug_register(pid_t pid, unsigned int number, unsigned long value)
{
	expect(ptrace(PTRACE_POKEUSER, pid, offsetof(struct user, u_debugreg[number]), value) == 0);
}

/* Continues to the next breakpoint and returns the status register's four hit bits. */
static long next_hit(pid_t pid)
{
	int status;

	expect(ptrace(PTRACE_CONT, pid, 0, 0) == 0);
	expect(waitpid(pid, &status, 0) == pid);
	expect(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);
	errno = 0;
	long dr6 = ptrace(PTRACE_PEEKUSER, pid, offsetof(struct user, u_debugreg[6]), 0);
	expect(errno == 0);
	set_debug_register(pid, 6, 0);
	return dr6 & 0xf;
}

static void check_hardware_breakpoint(void)
{
	pid_t pid = traced(touch_things);
	struct user_regs_struct regs;
	int status;

	set_debug_register(pid, 0, (unsigned long)&watched);
	set_debug_register(pid, 1, (unsigned long)stopped_at);
	/* Local enable 0 and 1; 0: write of four bytes; 1: execution. */
	set_debug_register(pid, 7, 0x5 | 0xdul << 16);
	expect(next_hit(pid) == 2);
	expect(ptrace(PTRACE_GETREGS, pid, 0, &regs) == 0);
	expect(regs.rip == (uintptr_t)stopped_at);
	expect(next_hit(pid) == 1);
	expect(ptrace(PTRACE_PEEKDATA, pid, &watched, 0) << 32 == 1l << 32);
	expect(next_hit(pid) == 1);
	expect(ptrace(PTRACE_PEEKDATA, pid, &watched, 0) << 32 == 5l << 32);
	expect(ptrace(PTRACE_CONT, pid, 0, 0) == 0);
	expect(waitpid(pid, &status, 0) == pid && status == 0);
}

int main(int argc, char **argv)
{
	static const struct check checks[] = {
		{ "sse", check_sse },
		{ "x87", check_x87 },
		{ "avx", check_avx },
		{ "general", check_general },
		{ "bases", check_bases },
		{ "ldt", check_ldt },
		{ "tls-entries", check_tls_entries },
		{ "system-calls", check_system_calls },
		{ "flags", check_flags },
		{ "compat-code", check_compat_code },
		{ "single-step", check_single_step },
		{ "hardware-breakpoint", check_hardware_breakpoint },
	};

	return run_checks(checks, sizeof(checks) / sizeof(checks[0]), argc, argv);
}
