/*
 * A domain for tests of schedulers. It burns its CPU for ever; with wake=N it sleeps 10 ms N times instead, works a
 * little each time it wakes, and then says how much later than it wanted it ran, "LATENCY us: max MAX mean MEAN", and ends.
 */
#include "guest.h"

#define SLEEP 10000000ul
#define WORK  200000ul

static void burn(void)
{
	/* Nothing that emulators take long for. */
	for (;;)
		__asm__ volatile("" ::: "memory");
}

static void work(void)
{
	u64 end = now() + WORK;

	while (now() < end)
		cpu_relax();
}

void guest_main(void)
{
	unsigned long n = option("wake", 0), sum = 0, max = 0;

	for (unsigned long i = 0; i < n; i++) {
		struct sched_poll poll = { .nr_ports = 0, .timeout = now() + SLEEP };
		unsigned long late;

		HYPERCALL(sched_op, SCHEDOP_poll, &poll);
		late = now() - poll.timeout;
		sum += late;
		max = late > max ? late : max;
		work();
	}
	if (!n)
		burn();
	print("LATENCY us: max %lu mean %lu\n", max / 1000, sum / n / 1000);
	HYPERCALL(sched_op, SCHEDOP_shutdown, &(struct sched_shutdown){ SHUTDOWN_poweroff });
}
