/* The end of the machine's run. */
#ifndef XEN_SHUTDOWN_H
#define XEN_SHUTDOWN_H

#include <xen/compiler.h>
#include <xen/types.h>

extern bool opt_noreboot; /* noreboot: stop where a reboot would hide the messages */

/* The hardware domain has ended: `reason` is SHUTDOWN_*. The machine follows it. */
noreturn void hwdom_shutdown(unsigned int reason);

/* --- Arch --- */
noreturn void machine_halt(void);
/* Restart after so many milliseconds, in which the console can be read. */
noreturn void machine_restart(unsigned int delay_ms);

#endif
