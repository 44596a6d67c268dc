/* What a CPU does that no guest wants. */
#include <xen/mm.h>
#include <xen/sched.h>

#include "private.h"

/* Wait for an interrupt, unless one has brought work since. */
static void idle_wait(void)
{
	local_irq_disable();
	if (softirq_pending(smp_processor_id()))
		local_irq_enable();
	else
		cpu_idle();
}

noreturn void idle_loop(void)
{
	for (;;) {
		if (unlikely(tasklets_pending()))
			tasklets_run();
		else if (!softirq_pending(smp_processor_id()) && !scrub_free_pages())
			idle_wait();
		do_softirq();
	}
}
