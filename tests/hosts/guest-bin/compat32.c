/*
 * A 32-bit process (built with -m32) on the 64-bit kernel: system calls by every way its C library takes, threads with
 * storage of their own, signals with 32-bit frames, and memory below 4 GiB.
 *
 * usage: compat32 [CHECK]...
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#include "checks.h"

static long call_int80(long number)
{
	long result;

	__asm__ volatile("int $0x80" : "=a"(result) : "a"(number) : "memory");
	return result;
}

/* The kernel's own entry stub: `syscall` on AMD, `sysenter` on Intel, int $0x80 where neither works. */
static long call_stub(long number)
{
	unsigned long stub = getauxval(AT_SYSINFO);
	long result;

	if (!stub)
		return call_int80(number);
	__asm__ volatile("call *%1" : "=a"(result) : "r"(stub), "a"(number) : "memory", "cc");
	return result;
}

static void check_system_calls(void)
{
	for (int i = 0; i < 2000; i++) {
		expect(call_int80(SYS_getpid) == getpid());
		expect(call_stub(SYS_getpid) == getpid());
		expect(syscall(SYS_getppid) == getppid());
	}
	expect(call_stub(9999) == -ENOSYS);
}

static sigjmp_buf resume;
static volatile sig_atomic_t caught;
static void *volatile fault_address;

static void note_and_leave(int signal, siginfo_t *info, void *context)
{
	(void)context;
	caught = signal;
	fault_address = info->si_addr;
	siglongjmp(resume, 1);
}

static void check_signals(void)
{
	struct sigaction action = { .sa_sigaction = note_and_leave, .sa_flags = SA_SIGINFO | SA_NODEFER };
	uint32_t address = 0xfffff000;

	expect(sigaction(SIGSEGV, &action, NULL) == 0 && sigaction(SIGUSR1, &action, NULL) == 0);
	for (int i = 0; i < 500; i++) {
		caught = 0;
		if (!sigsetjmp(resume, 1))
			__asm__ volatile("movl $1, (%0)" ::"r"(address) : "memory");
		expect(caught == SIGSEGV && fault_address == (void *)address);
		if (!sigsetjmp(resume, 1))
			raise(SIGUSR1);
		expect(caught == SIGUSR1);
	}
}

static __thread unsigned long own;

static void *keep_own(void *arg)
{
	time_t start = time(NULL);

	own = (unsigned long)arg;
	while (time(NULL) - start < 2) {
		sched_yield();
		expect(own == (unsigned long)arg);
	}
	return NULL;
}

static void check_threads(void)
{
	pthread_t threads[5];

	for (unsigned long i = 0; i < 5; i++)
		expect(pthread_create(&threads[i], NULL, keep_own, (void *)(i + 1)) == 0);
	for (unsigned int i = 0; i < 5; i++)
		expect(pthread_join(threads[i], NULL) == 0);
}

static void check_fork(void)
{
	volatile int mine = 1;
	int status;

	for (int i = 0; i < 50; i++) {
		pid_t pid = fork();

		expect(pid >= 0);
		if (pid == 0) {
			mine = 2;
			_exit(mine);
		}
		expect(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 2 && mine == 1);
	}
}

int main(int argc, char **argv)
{
	static const struct check checks[] = {
		{ "system-calls", check_system_calls },
		{ "signals", check_signals },
		{ "threads", check_threads },
		{ "fork", check_fork },
	};

	return run_checks(checks, sizeof(checks) / sizeof(checks[0]), argc, argv);
}
