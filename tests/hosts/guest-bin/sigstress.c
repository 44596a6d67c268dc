/*
 * What a process sees of faults and signals: delivery, fault addresses and codes, protection changes seen by other
 * CPUs at once, copy-on-write, and the traps of ring 3.
 *
 * usage: sigstress [CHECK]...
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>

#include "checks.h"

static const size_t page = 4096;
static sigjmp_buf resume;
static volatile sig_atomic_t caught, code;
static void *volatile fault_address;

static void handle(int signal, void (*handler)(int, siginfo_t *, void *), int flags)
{
	struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags };

	expect(sigaction(signal, &action, NULL) == 0);
}

static void note(int signal, siginfo_t *info, void *context)
{
	(void)context;
	caught = signal;
	code = info->si_code;
	fault_address = info->si_addr;
}

static void note_and_leave(int signal, siginfo_t *info, void *context)
{
	note(signal, info, context);
	siglongjmp(resume, 1);
}

/* Runs `statement`, which must raise `signal`. */
#define raises(signal, statement)                             \
	do {                                                  \
		handle(signal, note_and_leave, SA_NODEFER);   \
		caught = 0;                                   \
		if (!sigsetjmp(resume, 1)) {                  \
			statement;                            \
		}                                             \
		expect(caught == (signal));                   \
	} while (0)

static char *new_pages(size_t count, int protection)
{
	char *p = mmap(NULL, count * page, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	expect(p != MAP_FAILED);
	return p;
}

static volatile sig_atomic_t deliveries;

static void count_delivery(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)info;
	(void)context;
	deliveries++;
}

static void check_delivery(void)
{
	enum { ROUNDS = 5000 };

	handle(SIGUSR1, count_delivery, 0);
	for (int i = 0; i < ROUNDS; i++)
		expect(raise(SIGUSR1) == 0);
	expect(deliveries == ROUNDS);
}

/* A timer's signals interrupt code that does not call the kernel, on a stack of their own. */
static void check_timer_signal(void)
{
	struct itimerval every = { { 0, 5000 }, { 0, 5000 } };
	stack_t stack = { .ss_sp = new_pages(16, PROT_READ | PROT_WRITE), .ss_size = 16 * page };
	unsigned long sum = 0;

	expect(sigaltstack(&stack, NULL) == 0);
	handle(SIGALRM, count_delivery, SA_ONSTACK);
	expect(setitimer(ITIMER_REAL, &every, NULL) == 0);
	while (deliveries < 50)
		for (int i = 0; i < 1000; i++)
			sum += (unsigned long)i;
	expect(sum % 499500 == 0);
}

static char *protected_page;

static void unprotect(int signal, siginfo_t *info, void *context)
{
	note(signal, info, context);
	if (mprotect(protected_page, page, PROT_READ | PROT_WRITE))
		_exit(3);
}

static void check_protected_write(void)
{
	handle(SIGSEGV, unprotect, 0);
	protected_page = new_pages(1, PROT_READ | PROT_WRITE);
	for (int i = 1; i <= 500; i++) {
		expect(mprotect(protected_page, page, i % 2 ? PROT_READ : PROT_NONE) == 0);
		caught = 0;
		*(volatile int *)(protected_page + 128) = i;
		expect(caught == SIGSEGV && code == SEGV_ACCERR);
		expect(fault_address == protected_page + 128);
		expect(*(volatile int *)(protected_page + 128) == i);
	}
}

static void read_at(uintptr_t address)
{
	__asm__ volatile("movb (%0), %%al" ::"r"(address) : "rax");
}

static void write_at(uintptr_t address)
{
	__asm__ volatile("movb $1, (%0)" ::"r"(address) : "memory");
}

static void check_fault_addresses(void)
{
	char *p = new_pages(2, PROT_READ | PROT_WRITE);

	expect(munmap(p + page, page) == 0);
	raises(SIGSEGV, write_at((uintptr_t)p + page + 5));
	expect(code == SEGV_MAPERR && fault_address == p + page + 5);
	raises(SIGSEGV, read_at(0x10));
	expect(code == SEGV_MAPERR && fault_address == (void *)0x10);
	/* The kernel's and the hypervisor's addresses fault too; a non-canonical one has no fault address. */
	raises(SIGSEGV, read_at(0xffffffff81000000));
	raises(SIGSEGV, read_at(0xffff830000000000));
	raises(SIGSEGV, read_at(0xffff800000000000));
	raises(SIGSEGV, write_at(0xffff82d040200000));
	raises(SIGSEGV, read_at(0x8000000000000000));
	expect(code == SI_KERNEL);
}

static void check_no_execute(void)
{
	char *p = new_pages(1, PROT_READ | PROT_WRITE);

	p[0] = (char)0xc3;
	raises(SIGSEGV, ((void (*)(void))p)());
	expect(code == SEGV_ACCERR && fault_address == p);
	expect(mprotect(p, page, PROT_READ | PROT_EXEC) == 0);
	((void (*)(void))p)();
}

static atomic_ulong *shared_word;
static atomic_bool finish;

static void *write_all_the_time(void *arg)
{
	(void)arg;
	while (!atomic_load(&finish))
		atomic_fetch_add(shared_word, 1);
	return NULL;
}

static void retry_later(int signal, siginfo_t *info, void *context)
{
	struct timespec pause = { 0, 100000 };

	note(signal, info, context);
	nanosleep(&pause, NULL);
}

/* Once mprotect() returned, no other CPU may write through a stale translation. */
static void check_shootdown(void)
{
	pthread_t threads[3];
	unsigned long before;

	shared_word = (atomic_ulong *)new_pages(1, PROT_READ | PROT_WRITE);
	handle(SIGSEGV, retry_later, 0);
	for (int i = 0; i < 3; i++)
		expect(pthread_create(&threads[i], NULL, write_all_the_time, NULL) == 0);
	for (int i = 0; i < 200; i++) {
		expect(mprotect(shared_word, page, PROT_READ) == 0);
		before = atomic_load(shared_word);
		for (volatile int spin = 0; spin < 20000; spin++)
			;
		expect(atomic_load(shared_word) == before);
		expect(mprotect(shared_word, page, PROT_READ | PROT_WRITE) == 0);
		usleep(200);
	}
	atomic_store(&finish, 1);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	expect(atomic_load(shared_word) > 0);
}

static void check_copy_on_write(void)
{
	enum { PAGES = 64 };
	char *p = new_pages(PAGES, PROT_READ | PROT_WRITE);
	int status;

	for (int round = 0; round < 20; round++) {
		memset(p, round, PAGES * page);
		pid_t pid = fork();
		expect(pid >= 0);
		if (pid == 0) {
			for (size_t i = 0; i < PAGES; i++) {
				expect(p[i * page] == round);
				p[i * page] = (char)(round + 100);
				expect(p[i * page] == (char)(round + 100) && p[i * page + 1] == round);
			}
			_exit(0);
		}
		p[5] = 77;
		expect(waitpid(pid, &status, 0) == pid && status == 0);
		for (size_t i = 1; i < PAGES; i++)
			expect(p[i * page] == round);
		expect(p[5] == 77 && p[6] == round);
	}
}

static void check_traps(void)
{
	volatile int zero = 0, sink = 1;

	raises(SIGFPE, sink = sink / zero);
	expect(code == FPE_INTDIV);
	raises(SIGILL, __asm__ volatile("ud2"));
	raises(SIGTRAP, __asm__ volatile("int3"));
	raises(SIGSEGV, __asm__ volatile("hlt"));
	raises(SIGSEGV, __asm__ volatile("cli"));
	raises(SIGSEGV, __asm__ volatile("mov %%cr3, %%rax" ::: "rax"));
	raises(SIGSEGV, __asm__ volatile("rdmsr" ::"c"(0xc0000080) : "rax", "rdx"));
	raises(SIGSEGV, __asm__ volatile("int $0x30"));
	raises(SIGSEGV, __asm__ volatile("mov %0, %%ds" ::"r"(0x1234)));
}

static void check_x87_exception(void)
{
	unsigned short control = 0x037b; /* division by zero unmasked */

	raises(SIGFPE, __asm__ volatile("fninit; fldcw %0; fld1; fldz; fdivrp; fwait" ::"m"(control)));
	__asm__ volatile("fninit");
}

/* Trap flag set by the process itself: one SIGTRAP for each instruction. */
static void check_trap_flag(void)
{
	handle(SIGTRAP, count_delivery, 0);
	__asm__ volatile("lea -128(%%rsp), %%rsp; pushf; orl $0x100, (%%rsp); popf; nop; nop; nop; nop;"
			 "pushf; andl $~0x100, (%%rsp); popf; lea 128(%%rsp), %%rsp" ::: "memory", "cc");
	expect(deliveries >= 6 && deliveries <= 9);
}

static void check_port_access(void)
{
	raises(SIGSEGV, (void)inb(0x80));
	expect(ioperm(0x80, 1, 1) == 0);
	outb(0x12, 0x80);
	(void)inb(0x80);
	raises(SIGSEGV, (void)inb(0x81));
	expect(ioperm(0x80, 1, 0) == 0);
	raises(SIGSEGV, (void)inb(0x80));
}

/* The old system call page can be executed but not read, which the kernel learns from the fault's error code. */
static void check_vsyscall(void)
{
	time_t (*vsyscall_time)(time_t *) = (time_t(*)(time_t *))0xffffffffff600400;
	time_t a, b, c;

	if (system("grep -q vsyscall /proc/self/maps")) {
		printf("  no such page in this kernel\n");
		return;
	}
	a = time(NULL), b = vsyscall_time(NULL), c = time(NULL);

	expect(a <= b && b <= c);
}

static int descend(int depth)
{
	volatile char frame[4096];

	frame[0] = (char)depth;
	return depth ? descend(depth - 1) + (frame[0] == (char)depth) : 0;
}

static void check_stack_growth(void)
{
	expect(descend(1000) == 1000);
}

int main(int argc, char **argv)
{
	static const struct check checks[] = {
		{ "delivery", check_delivery },
		{ "timer-signal", check_timer_signal },
		{ "protected-write", check_protected_write },
		{ "fault-addresses", check_fault_addresses },
		{ "no-execute", check_no_execute },
		{ "shootdown", check_shootdown },
		{ "copy-on-write", check_copy_on_write },
		{ "traps", check_traps },
		{ "x87-exception", check_x87_exception },
		{ "trap-flag", check_trap_flag },
		{ "port-access", check_port_access },
		{ "vsyscall", check_vsyscall },
		{ "stack-growth", check_stack_growth },
	};

	return run_checks(checks, sizeof(checks) / sizeof(checks[0]), argc, argv);
}
