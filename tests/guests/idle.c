/* Does nothing, for ever: a domain for tests of the control stack that starts in no time. */
#include "guest.h"

void guest_main(void)
{
	struct sched_poll none = { .nr_ports = 0 };

	for (;;)
		HYPERCALL(sched_op, SCHEDOP_poll, &none);
}
