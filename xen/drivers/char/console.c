/*
 * Printing: levels, prefixes, and where the text goes: the ring, the serial line and the screen.
 * Works from the first call of console_init_preirq(); before it, text goes to the ring only.
 */
#include <asm/processor.h>
#include <xen/console.h>
#include <xen/errno.h>
#include <xen/event.h>
#include <xen/lib.h>
#include <xen/mm.h>
#include <xen/param.h>
#include <xen/sched.h>
#include <xen/serial.h>
#include <xen/shutdown.h>
#include <xen/time.h>
#include <xen/vga.h>
#include "console.h"
#include "ring.h"

int sercon_handle = -1;
bool console_live;
DEFINE_SPINLOCK(console_lock, LOCK_RANK_CONSOLE);

static char __initdata opt_console[32] = "com1,vga";
string_param("console", opt_console);
static bool __initdata opt_sync_console;
boolean_param("sync_console", opt_sync_console);
static u64 __initdata opt_conring_size;
size_param("conring_size", opt_conring_size);
static bool __read_mostly opt_console_to_ring;
boolean_param("console_to_ring", opt_console_to_ring);

static bool vga_console;

/* --- Levels -------------------------------------------------------------------------------- */

/* Messages with level < lower are printed, those with level < upper unless they are too many. */
struct threshold {
	unsigned int lower, upper;
};
#ifdef CONFIG_VERBOSE
static struct threshold __read_mostly host_level = { 4, 4 }, guest_level = { 4, 4 };
#else
static struct threshold __read_mostly host_level = { 2, 2 }, guest_level = { 0, 2 };
#endif
#define LEVEL_DEFAULT 1 /* warning: when a message names none */

#define LIMIT_BURST  10 /* so many limited messages ... */
#define LIMIT_PERIOD SECONDS(5)

/* "none", ... -> threshold. -EINVAL. */
static int parse_level(const char *s, size_t len, unsigned int *level)
{
	static const struct {
		const char *name;
		unsigned int level;
	} names[] = {
		{ "none", 0 }, { "error", 1 }, { "warning", 2 }, { "info", 3 }, { "debug", 4 }, { "all", 4 },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
		if (strlen(names[i].name) == len && !strncmp(names[i].name, s, len)) {
			*level = names[i].level;
			return 0;
		}
	}
	return -EINVAL;
}

/* <level>[/<rate-limited level>] */
static int parse_threshold(const char *s, struct threshold *t)
{
	const char *slash = strchr(s, '/');
	struct threshold new;

	if (parse_level(s, slash ? (size_t)(slash - s) : strlen(s), &new.lower))
		return -EINVAL;
	new.upper = new.lower;
	if (slash && parse_level(slash + 1, strlen(slash + 1), &new.upper))
		return -EINVAL;
	if (new.upper < new.lower)
		new.upper = new.lower;
	*t = new;
	return 0;
}

static int __init parse_loglvl(const char *s)
{
	return parse_threshold(s, &host_level);
}
custom_param("loglvl", parse_loglvl);

static int __init parse_guest_loglvl(const char *s)
{
	return parse_threshold(s, &guest_level);
}
custom_param("guest_loglvl", parse_guest_loglvl);

/* May one more limited message be printed now? Console lock held. */
static bool within_limit(unsigned int *missed)
{
	static s_time_t period_end;
	static unsigned int count, dropped;
	s_time_t now;

	*missed = 0;
	if (!console_live)
		return true;
	now = NOW();
	if (now >= period_end) {
		period_end = now + LIMIT_PERIOD;
		count = 0;
	}
	if (count >= LIMIT_BURST) {
		dropped++;
		return false;
	}
	count++;
	*missed = dropped;
	dropped = 0;
	return true;
}

/* --- Output -------------------------------------------------------------------------------- */

enum stamp { STAMP_NONE, STAMP_BOOT, STAMP_RAW };
static enum stamp __read_mostly opt_timestamps;

static int __init parse_timestamps(const char *s)
{
	int b = *s ? parse_bool(s, NULL) : 1;

	if (!strcmp(s, "none") || b == 0)
		opt_timestamps = STAMP_NONE;
	else if (!strcmp(s, "raw"))
		opt_timestamps = STAMP_RAW;
	else if (!strcmp(s, "boot") || !strcmp(s, "date") || !strcmp(s, "datems") || b == 1)
		opt_timestamps = STAMP_BOOT;
	else
		return -EINVAL;
	return 0;
}
custom_param("console_timestamps", parse_timestamps);

/* Hypervisor text, to everywhere. Console lock held. */
static void emit(const char *s, size_t n)
{
	conring_put(s, n);
	serial_puts(sercon_handle, s, n);
	if (vga_console)
		vga_puts(s, n);
}

static void emit_prefix(void)
{
	char buf[48];
	size_t n = scnprintf(buf, sizeof(buf), "(XEN) ");

	if (opt_timestamps == STAMP_BOOT && console_live) {
		u64 us = NOW() / 1000;

		n += scnprintf(buf + n, sizeof(buf) - n, "[%5lu.%06lu] ", us / 1000000, us % 1000000);
	} else if (opt_timestamps == STAMP_RAW) {
		n += scnprintf(buf + n, sizeof(buf) - n, "[%016lx] ", rdtsc());
	}
	emit(buf, n);
}

/* Print text, with the prefix at the start of each line. Console lock held. */
static void print_lines(const char *s, bool *line_start)
{
	while (*s) {
		const char *eol = strchr(s, '\n');
		size_t n = eol ? (size_t)(eol + 1 - s) : strlen(s);

		if (*line_start)
			emit_prefix();
		emit(s, n);
		*line_start = eol != NULL;
		s += n;
	}
}

/* The previous message: a message without a level goes on with its line, if that is unfinished. */
static struct {
	bool shown, unfinished;
} last_message;

/* Would a message that is not formatted have ended its line? The end of %s is taken for one. */
static bool ends_line(const char *fmt)
{
	size_t n = strlen(fmt);

	return (n && fmt[n - 1] == '\n') || (n > 1 && !strcmp(fmt + n - 2, "%s"));
}

/* Should this message appear? *fmt is moved behind its level. Console lock held. */
static bool wanted(const char **fmt, unsigned int *missed)
{
	const struct threshold *t = &host_level;
	unsigned int level = LEVEL_DEFAULT;

	*missed = 0;
	if (**fmt == '\x01' || **fmt == '\x02') {
		t = **fmt == '\x02' ? &guest_level : &host_level;
		level = (*fmt)[1] - '0';
		*fmt += 2;
	} else if (last_message.unfinished) {
		return last_message.shown;
	}
	return level == 9 || level < t->lower || (level < t->upper && within_limit(missed));
}

void vprintk(const char *fmt, va_list ap)
{
	static char buf[1024];
	static bool line_start = true;
	unsigned int missed;
	unsigned long flags;

	spin_lock_irqsave(&console_lock, flags);
	last_message.shown = wanted(&fmt, &missed);
	if (last_message.shown) {
		if (missed) {
			snprintf(buf, sizeof(buf), "printk: %u messages suppressed.\n", missed);
			print_lines(buf, &line_start);
		}
		if (vsnprintf(buf, sizeof(buf), fmt, ap) >= (int)sizeof(buf))
			buf[sizeof(buf) - 2] = '\n';
		print_lines(buf, &line_start);
		last_message.unfinished = !line_start;
	} else {
		last_message.unfinished = !ends_line(fmt);
	}
	spin_unlock_irqrestore(&console_lock, flags);
	console_ring_changed();
}

void printk(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintk(fmt, ap);
	va_end(ap);
}

void gprintk(const char *level, const char *fmt, ...)
{
	char buf[256];
	size_t n = scnprintf(buf, sizeof(buf), "d%uv%u ", current->domain->domain_id, current->vcpu_id);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf + n, sizeof(buf) - n, fmt, ap);
	va_end(ap);
	switch (level[1]) {
	case '0':
		printk(XENLOG_G_ERR "%s", buf);
		break;
	case '1':
		printk(XENLOG_G_WARNING "%s", buf);
		break;
	case '2':
		printk(XENLOG_G_INFO "%s", buf);
		break;
	default:
		printk(XENLOG_G_DEBUG "%s", buf);
		break;
	}
}

void console_write_guest(const char *s, size_t n)
{
	unsigned long flags;

	spin_lock_irqsave(&console_lock, flags);
	if (opt_console_to_ring)
		conring_put(s, n);
	serial_puts(sercon_handle, s, n);
	if (vga_console)
		vga_puts(s, n);
	spin_unlock_irqrestore(&console_lock, flags);
}

/* --- Setting up ---------------------------------------------------------------------------- */

/* Take the consoles named by console=; unknown ones are ignored. */
static void __init choose_consoles(void)
{
	const char *s = opt_console;

	while (*s) {
		const char *comma = strchr(s, ',');
		size_t n = comma ? (size_t)(comma - s) : strlen(s);

		if (n == 3 && !strncmp(s, "vga", 3))
			vga_console = vga_init();
		else if (sercon_handle < 0)
			sercon_handle = serial_parse_handle(s, n);
		s += n + (comma != NULL);
	}
}

/* What was printed before there was a console. */
static void __init replay_ring(void)
{
	char buf[128];
	u32 pos = conring_start();
	size_t n;

	while ((n = conring_get(&pos, buf, sizeof(buf))) != 0) {
		serial_puts(sercon_handle, buf, n);
		if (vga_console)
			vga_puts(buf, n);
	}
}

void __init console_init_preirq(void)
{
	serial_init_preirq();
	choose_consoles();
	replay_ring();
	if (opt_sync_console) {
		serial_start_sync(sercon_handle);
		printk("Console output is synchronous.\n");
	}
}

static void __init grow_ring(void)
{
	unsigned int order = 0;
	char *buf;
	unsigned long flags;

	while (order < 12 && (PAGE_SIZE << order) < opt_conring_size)
		order++;
	if ((PAGE_SIZE << order) <= conring_size())
		return;
	buf = alloc_xenheap_pages(order, 0);
	if (!buf) {
		printk(XENLOG_WARNING "No memory for a console ring of %lu KiB\n",
			(PAGE_SIZE << order) >> 10);
		return;
	}
	spin_lock_irqsave(&console_lock, flags);
	conring_grow(buf, PAGE_SIZE << order);
	spin_unlock_irqrestore(&console_lock, flags);
	printk(XENLOG_INFO "Allocated console ring of %lu KiB.\n", (PAGE_SIZE << order) >> 10);
}

void __init console_init_irq(void)
{
	console_input_init();
	serial_init_irq();
	grow_ring();
	console_live = true;
}

void __init console_endboot(void)
{
	unsigned long flags;

	printk(XENLOG_INFO "Std. log level: %u, rate-limited: %u; guest log level: %u, rate-limited: %u\n",
		host_level.lower, host_level.upper, guest_level.lower, guest_level.upper);
	spin_lock_irqsave(&console_lock, flags);
	vga_endboot();
	spin_unlock_irqrestore(&console_lock, flags);
	console_input_endboot();
}

/* --- When things go wrong ------------------------------------------------------------------ */

void console_force_unlock(void)
{
	spin_lock_init(&console_lock, LOCK_RANK_CONSOLE);
	serial_force_unlock(sercon_handle);
	console_live = false;
}

void console_start_sync(void)
{
	serial_start_sync(sercon_handle);
}

void console_end_sync(void)
{
	serial_end_sync(sercon_handle);
}
