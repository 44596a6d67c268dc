/* What becomes of the machine when its hardware domain ends. */
#include <xen/lib.h>
#include <xen/param.h>
#include <xen/sched.h>
#include <xen/shutdown.h>

#define CRASH_DELAY_MS 5000

bool opt_noreboot __read_mostly;
boolean_param("noreboot", opt_noreboot);

/* Something went wrong: leave time to read the console, or leave it there for good. */
static noreturn void restart_after_failure(void)
{
	if (opt_noreboot) {
		printk(XENLOG_ALWAYS "'noreboot' set - not rebooting.\n");
		machine_halt();
	}
	printk(XENLOG_ALWAYS "Rebooting machine in %u seconds.\n", CRASH_DELAY_MS / 1000);
	machine_restart(CRASH_DELAY_MS);
}

noreturn void hwdom_shutdown(unsigned int reason)
{
	switch (reason) {
	case SHUTDOWN_poweroff:
		printk(XENLOG_ALWAYS "Hardware Dom0 halted: halting machine\n");
		machine_power_off();
	case SHUTDOWN_reboot:
		printk(XENLOG_ALWAYS "Hardware Dom0 shutdown: rebooting machine\n");
		machine_restart(0);
	case SHUTDOWN_crash:
		printk(XENLOG_ALWAYS "Hardware Dom0 crashed.\n");
		restart_after_failure();
	case SHUTDOWN_watchdog:
		printk(XENLOG_ALWAYS "Hardware Dom0 watchdog expired.\n");
		restart_after_failure();
	default:
		printk(XENLOG_ALWAYS "Hardware Dom0 shutdown for reason %u.\n", reason);
		restart_after_failure();
	}
}
