/* Does nothing, for ever: a domain for tests of the control stack that starts in no time. With end=1 it powers off at once. */
#include "guest.h"

void guest_main(void)
{
	struct sched_poll none = { .nr_ports = 0 };

	if (option("end", 0))
		return;
	for (;;)
		HYPERCALL(sched_op, SCHEDOP_poll, &none);
}
