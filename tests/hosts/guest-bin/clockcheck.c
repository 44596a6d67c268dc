/*
 * The monotonic clock never runs backwards, whichever CPUs read it: one thread pinned to each CPU; they pass a turn
 * around, and each reads the clock in its turn and compares with the reading of the thread before it.
 *
 * usage: clockcheck [SECONDS]      prints the number of readings; exit status 1 if any went backwards
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static const clockid_t clocks[] = { CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_BOOTTIME };
enum { CLOCKS = sizeof(clocks) / sizeof(clocks[0]) };

static atomic_long turn;
static atomic_bool stop;
static int cpus;
static uint64_t last[CLOCKS], worst;
static unsigned long backwards;

static uint64_t now(clockid_t clock)
{
	struct timespec t;

	if (clock_gettime(clock, &t)) {
		perror("clock_gettime");
		exit(2);
	}
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void take_turn(long n)
{
	for (int i = 0; i < CLOCKS; i++) {
		uint64_t t = now(clocks[i]);

		if (t < last[i]) {
			backwards++;
			if (last[i] - t > worst)
				worst = last[i] - t;
		}
		last[i] = t;
	}
	atomic_store_explicit(&turn, n + 1, memory_order_release);
}

static void *reader(void *arg)
{
	long cpu = (long)arg, n;
	unsigned long spins = 0;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	if (pthread_setaffinity_np(pthread_self(), sizeof(set), &set)) {
		fprintf(stderr, "clockcheck: CPU %ld cannot be used\n", cpu);
		exit(2);
	}
	while (!atomic_load(&stop)) {
		n = atomic_load_explicit(&turn, memory_order_acquire);
		if (n % cpus == cpu)
			take_turn(n);
		else if (++spins % 4096 == 0)
			sched_yield();
	}
	return NULL;
}

int main(int argc, char **argv)
{
	unsigned int seconds = argc > 1 ? (unsigned int)atoi(argv[1]) : 5;
	pthread_t *threads;

	cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
	threads = calloc((size_t)cpus, sizeof(*threads));
	for (long i = 0; i < cpus; i++)
		if (!threads || pthread_create(&threads[i], NULL, reader, (void *)i)) {
			fprintf(stderr, "clockcheck: no thread\n");
			return 2;
		}
	sleep(seconds);
	atomic_store(&stop, 1);
	for (int i = 0; i < cpus; i++)
		pthread_join(threads[i], NULL);
	printf("clockcheck: cpus=%d readings=%ld backwards=%lu worst=%llu ns\n", cpus, atomic_load(&turn), backwards,
	       (unsigned long long)worst);
	/* Too few readings would mean that nothing was compared. */
	return backwards || atomic_load(&turn) < 100L * cpus;
}
