/* What the hypervisor does when it finds itself broken. */
#include <asm/irqflags.h>
#include <asm/processor.h>
#include <xen/console.h>
#include <xen/lib.h>
#include <xen/shutdown.h>

#define STARS "****************************************\n"

/* The first to come here prints; a CPU that fails on the way out just stops. */
static bool enter_panic(void)
{
	static bool panicking;

	local_irq_disable();
	if (__atomic_exchange_n(&panicking, true, __ATOMIC_ACQ_REL))
		return false;
	console_force_unlock();
	return true;
}

static noreturn void leave_panic(void)
{
	if (opt_noreboot) {
		printk(XENLOG_ALWAYS "Manual reset required ('noreboot' specified)\n");
		machine_halt();
	}
	printk(XENLOG_ALWAYS "Reboot in five seconds...\n");
	machine_restart(5000);
}

void panic(const char *fmt, ...)
{
	char buf[256];
	va_list ap;

	while (!enter_panic())
		halt();
	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	dump_execution_state();
	printk(XENLOG_ALWAYS "\n" STARS "Panic: %s%s" STARS "\n", buf,
		*buf && buf[strlen(buf) - 1] == '\n' ? "" : "\n");
	leave_panic();
}

void bug_at(const char *file, int line, const char *what)
{
	console_force_unlock();
	printk(XENLOG_ALWAYS "Xen %s at %s:%d\n", what, file, line);
	panic("%s at %s:%d", what, file, line);
}

void warn_at(const char *file, int line, const char *what)
{
	printk(XENLOG_WARNING "Xen WARN_ON(%s) at %s:%d\n", what, file, line);
	dump_execution_state();
}
