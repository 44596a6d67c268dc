/*
 * Whether a processor goes on to execute code that another one has changed: each page is called for the first time while
 * the other processor changes the constant that its function gives, and called again when both have seen the change.
 *
 * usage: oldcode [ROUNDS]      ends after so many rounds, or the first with old code, but not as long as it is executed
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGES = 4096, PAGE = 4096, DELAYS = 400 };

/* mov $1, %eax; ret, with enough between them to take some time to translate. */
enum { CONSTANT = 1, CODE = 61 };

static unsigned char *pages;
static _Atomic long called = -1, changed = -1;

static void run_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* Waits until instructions before are done, and none after has been read. */
static void serialize(void)
{
	unsigned int a = 0, b, c = 0, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d) : : "memory");
}

static void *change(void *unused)
{
	unsigned int random = 1;

	run_on(1);
	for (long i = 0;; i++) {
		while (atomic_load(&called) != i)
			;
		random = random * 1103515245 + 12345;
		for (volatile unsigned int delay = (random >> 16) % DELAYS; delay; delay--)
			;
		((volatile unsigned char *)pages)[i % PAGES * PAGE + CONSTANT] = 2;
		atomic_store(&changed, i);
	}
	return unused;
}

/* New ones, which nobody has executed yet. */
static void make_pages(void)
{
	if (pages)
		munmap(pages, PAGES * PAGE);
	pages = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (pages == MAP_FAILED) {
		perror("oldcode");
		exit(2);
	}
	for (unsigned char *page = pages; page < pages + PAGES * PAGE; page += PAGE) {
		static const unsigned char load[] = { 0xb8, 1, 0, 0, 0 };

		memset(page, 0x90, CODE);
		memcpy(page, load, sizeof(load));
		page[CODE - 1] = 0xc3;
	}
}

int main(int argc, char **argv)
{
	long rounds = argc > 1 ? atol(argv[1]) : 100000, old = 0, calls = 0;
	pthread_t thread;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		printf("oldcode: needs two processors\n");
		return 2;
	}
	run_on(0);
	make_pages();
	pthread_create(&thread, NULL, change, NULL);
	for (long i = 0; i < rounds && !old; i++) {
		int (*code)(void) = (int (*)(void))(pages + i % PAGES * PAGE);

		if (i && i % PAGES == 0)
			make_pages();
		atomic_store(&called, i);
		code();
		while (atomic_load(&changed) != i)
			;
		for (serialize(); code() != 2; serialize(), calls++)
			old = i + 1;
	}
	printf("old code: round %ld, %ld calls\n", old, calls);
	return 0;
}
