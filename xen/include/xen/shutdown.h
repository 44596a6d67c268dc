/* The end of the machine, or of dom0 with it. */
#ifndef XEN_SHUTDOWN_H
#define XEN_SHUTDOWN_H

#include <xen/compiler.h>
#include <xen/types.h>

extern bool opt_noreboot; /* noreboot: stand still after a fatal error */

/* Reset after a pause. Any context, interrupts may be off and locks held. */
noreturn void machine_restart(unsigned int delay_ms);
/* Stop all CPUs for good. Any context. */
noreturn void machine_halt(void);
/* dom0 has shut down for SHUTDOWN_*: the machine follows. */
noreturn void hwdom_shutdown(unsigned int reason);

#endif
