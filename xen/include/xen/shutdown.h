/* The end of the machine, or of dom0 with it. */
#ifndef XEN_SHUTDOWN_H
#define XEN_SHUTDOWN_H

#include <xen/compiler.h>
#include <xen/types.h>

extern bool opt_noreboot; /* noreboot: stand still after a fatal error */

/* Reset after a pause. Any CPU, any context, interrupts may be off and locks held. */
noreturn void machine_restart(unsigned int delay_ms);
/* Stop all CPUs for good; the power stays on. Any context. */
noreturn void machine_halt(void);
/* Switch the power off when the firmware says how, else halt. Any context. */
noreturn void machine_power_off(void);
/* dom0 has shut down for SHUTDOWN_*: the machine follows. */
noreturn void hwdom_shutdown(unsigned int reason);

/*
 * Enter ACPI state S5 with these values of the PM1 control registers (sleep type in bits 12-10).
 * -ENODEV: the machine has no such registers.
 */
int acpi_enter_s5(u16 pm1a, u16 pm1b);

#endif
