/*
 * The console seen from outside: who gets what is typed (we or dom0), and the hypercalls that write,
 * read input, and read the ring.
 */
#include <xen/console.h>
#include <xen/errno.h>
#include <xen/event.h>
#include <xen/hypercall.h>
#include <xen/keyhandler.h>
#include <xen/lib.h>
#include <xen/perfc.h>
#include <xen/param.h>
#include <xen/sched.h>
#include <xen/serial.h>
#include <xen/softirq.h>
#include <public/sysctl.h>
#include "console.h"
#include "ring.h"

static char __read_mostly opt_conswitch[3] = "a";
string_param("conswitch", opt_conswitch);

/* Ctrl + the letter of conswitch=; 0 (backtick): switching is off. */
#define SWITCH_CODE  (opt_conswitch[0] & 0x1f)
#define SWITCH_TIMES 3

/* Input that dom0 has not read yet; free-running positions. Full: what comes is lost. */
#define INPUT_SIZE 256
static char input[INPUT_SIZE];
static unsigned int input_head, input_tail;
static DEFINE_SPINLOCK(input_lock, LOCK_RANK_LEAF);
static bool input_to_dom0;
static unsigned int switch_count; /* switch characters typed in a row */

static bool ring_changed; /* VIRQ_CON_RING is due */

static void say_where_input_goes(void)
{
	static const char *const names[] = { "Xen", "DOM0" };

	if (SWITCH_CODE)
		printk(XENLOG_ALWAYS "*** Serial input -> %s (type 'CTRL-%c' three times to switch input to %s)\n",
			names[input_to_dom0], opt_conswitch[0], names[!input_to_dom0]);
	else
		printk(XENLOG_ALWAYS "*** Serial input -> %s\n", names[input_to_dom0]);
}

/* --- Input --------------------------------------------------------------------------------- */

static void deliver(char c, struct cpu_user_regs *regs)
{
	unsigned long flags;

	if (!input_to_dom0 || !hardware_domain) {
		handle_keypress(c, regs);
		return;
	}
	spin_lock_irqsave(&input_lock, flags);
	if (input_head - input_tail < INPUT_SIZE)
		input[input_head++ % INPUT_SIZE] = c;
	spin_unlock_irqrestore(&input_lock, flags);
	send_global_virq(VIRQ_CONSOLE);
}

/* A character arrived; interrupt context. Fewer switch characters than needed are just typed ones. */
static void console_rx(char c, struct cpu_user_regs *regs)
{
	if (SWITCH_CODE && c == SWITCH_CODE) {
		if (++switch_count == SWITCH_TIMES) {
			switch_count = 0;
			input_to_dom0 = !input_to_dom0;
			say_where_input_goes();
		}
		return;
	}
	for (; switch_count; switch_count--)
		deliver(SWITCH_CODE, regs);
	deliver(c, regs);
}

/* --- Telling dom0 that the ring has news ----------------------------------------------------- */

static void console_softirq(void)
{
	if (__atomic_exchange_n(&ring_changed, false, __ATOMIC_ACQ_REL))
		send_global_virq(VIRQ_CON_RING);
}

/* From any context, with any locks: hence not at once. */
void console_ring_changed(void)
{
	if (!console_live || !hardware_domain || ring_changed)
		return;
	ring_changed = true;
	raise_softirq(SERIAL_SOFTIRQ);
}

void __init console_input_init(void)
{
	open_softirq(SERIAL_SOFTIRQ, console_softirq);
	serial_set_rx_handler(sercon_handle, console_rx);
}

void __init console_input_endboot(void)
{
	input_to_dom0 = opt_conswitch[1] != 'x';
	say_where_input_goes();
}

/* --- Hypercalls ---------------------------------------------------------------------------- */

#ifdef CONFIG_VERBOSE
/* Output of a guest other than dom0: as messages about it. */
static void write_other_guest(const char *s, size_t n)
{
	while (n) {
		const char *eol = memchr(s, '\n', n);
		size_t line = eol ? (size_t)(eol - s) : n;

		gprintk(XENLOG_G_DEBUG, "%.*s\n", (int)line, s);
		line += eol != NULL;
		s += line;
		n -= line;
	}
}
#endif

static void write_chunk(char *s, size_t n)
{
#ifdef CONFIG_VERBOSE
	if (!is_hardware_domain(current->domain)) {
		write_other_guest(s, n);
		return;
	}
#endif
	console_write_guest(s, n);
}

static long guest_console_write(XEN_GUEST_HANDLE_PARAM(char) buffer, unsigned int count)
{
	char chunk[128];

	while (count) {
		unsigned int n = min_t(unsigned int, count, sizeof(chunk));

		if (copy_from_guest(chunk, buffer, n))
			return -EFAULT;
		write_chunk(chunk, n);
		guest_handle_add_offset(buffer, n);
		perfc_add(console_chars, n);
		count -= n;
		if (count && hypercall_preempt_check())
			return hypercall_create_continuation(
				__HYPERVISOR_console_io, 3, CONSOLEIO_write, count, buffer.p);
	}
	return 0;
}

/* Number of characters moved to the guest. */
static long guest_console_read(XEN_GUEST_HANDLE_PARAM(char) buffer, unsigned int count)
{
	char chunk[INPUT_SIZE];
	unsigned int n = 0;
	unsigned long flags;

	spin_lock_irqsave(&input_lock, flags);
	while (n < sizeof(chunk) && n < count && input_tail != input_head)
		chunk[n++] = input[input_tail++ % INPUT_SIZE];
	spin_unlock_irqrestore(&input_lock, flags);
	return copy_to_guest(buffer, chunk, n) ? -EFAULT : (long)n;
}

/*
 * console_io: dom0 writes to the console and reads what is typed. -EPERM for others (debugging builds
 * print their output as messages), -ENOSYS for an unknown command.
 */
long do_console_io(unsigned int cmd, unsigned int count, XEN_GUEST_HANDLE_PARAM(char) buffer)
{
	bool dom0 = is_hardware_domain(current->domain);

	switch (cmd) {
	case CONSOLEIO_write:
#ifndef CONFIG_VERBOSE
		if (!dom0)
			return -EPERM;
#endif
		return guest_console_write(buffer, count);
	case CONSOLEIO_read:
		return dom0 ? guest_console_read(buffer, count) : -EPERM;
	}
	return -ENOSYS;
}

/* 0, or -EFAULT. `op` is the caller's own copy; the text goes to the guest's buffer. */
long read_console_ring(struct xen_sysctl_readconsole *op)
{
	XEN_GUEST_HANDLE_PARAM(char) buffer = guest_handle_cast(op->buffer, char);
	u32 done = 0, pos, max = op->count;
	unsigned long flags;
	char chunk[256];

	spin_lock_irqsave(&console_lock, flags);
	max = min(max, conring_size()); /* an end, even if others print as fast as we read */
	pos = op->incremental ? op->index : conring_start();
	spin_unlock_irqrestore(&console_lock, flags);
	while (done < max) {
		size_t n;

		spin_lock_irqsave(&console_lock, flags);
		n = conring_get(&pos, chunk, min_t(size_t, sizeof(chunk), max - done));
		spin_unlock_irqrestore(&console_lock, flags);
		if (!n)
			break;
		if (copy_to_guest_offset(buffer, done, chunk, n))
			return -EFAULT;
		done += n;
	}
	if (op->clear) {
		spin_lock_irqsave(&console_lock, flags);
		conring_clear(pos);
		spin_unlock_irqrestore(&console_lock, flags);
	}
	op->count = done;
	op->index = pos;
	return 0;
}
