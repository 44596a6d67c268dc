/* Printing, results and the end. */
#include "guest.h"
#include <public/io/console.h>

static unsigned long passed, failed;
static volatile int lock;

static void lock_take(void)
{
	while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE))
		cpu_relax();
}

static void lock_drop(void)
{
	__atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
}

struct out {
	char *p, *end;
};

static void put(struct out *o, char c)
{
	if (o->p < o->end)
		*o->p++ = c;
}

static void put_number(struct out *o, unsigned long n, unsigned int base, bool negative, int width, char pad)
{
	char digits[24];
	int i = 0;

	do {
		digits[i++] = "0123456789abcdef"[n % base];
		n /= base;
	} while (n);
	if (negative)
		digits[i++] = '-';
	while (width-- > i)
		put(o, pad);
	while (i)
		put(o, digits[--i]);
}

/* One conversion; returns what follows it. */
static const char *convert(struct out *o, const char *fmt, va_list *ap)
{
	char pad = ' ';
	int width = 0, longs = 0;
	const char *s;
	long n;

	if (*fmt == '0')
		pad = *fmt++;
	while (*fmt >= '0' && *fmt <= '9')
		width = width * 10 + *fmt++ - '0';
	for (; *fmt == 'l'; fmt++)
		longs++;
	switch (*fmt) {
	case 'd':
		n = longs ? va_arg(*ap, long) : va_arg(*ap, int);
		put_number(o, n < 0 ? -(unsigned long)n : (unsigned long)n, 10, n < 0, width, pad);
		break;
	case 'u':
	case 'x':
		put_number(o, longs ? va_arg(*ap, unsigned long) : va_arg(*ap, unsigned int),
			*fmt == 'u' ? 10 : 16, false, width, pad);
		break;
	case 's':
		for (s = va_arg(*ap, const char *); *s; s++)
			put(o, *s);
		break;
	default:
		put(o, *fmt);
	}
	return fmt + 1;
}

int format(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct out o = { buf, buf + size - 1 };
	va_list copy;

	va_copy(copy, ap);
	while (*fmt) {
		if (*fmt == '%')
			fmt = convert(&o, fmt + 1, &copy);
		else
			put(&o, *fmt++);
	}
	va_end(copy);
	*o.p = 0;
	return o.p - buf;
}

/* The ring that xenconsoled reads. What does not fit is lost: nobody may be there to read it. */
static void write_ring(const char *text, int n)
{
	struct xencons_interface *ring =
		pfn_to_virt(machine_to_phys_mapping[start_info->console.domU.mfn]);
	struct evtchn_send send = { start_info->console.domU.evtchn };
	XENCONS_RING_IDX prod = ring->out_prod;

	while (n-- > 0 && prod - __atomic_load_n(&ring->out_cons, __ATOMIC_ACQUIRE) < sizeof(ring->out))
		ring->out[MASK_XENCONS_IDX(prod++, ring->out)] = *text++;
	__atomic_store_n(&ring->out_prod, prod, __ATOMIC_RELEASE);
	HYPERCALL(event_channel_op, EVTCHNOP_send, &send);
}

static void write(const char *text, int n)
{
	if (!(start_info->flags & SIF_INITDOMAIN)) {
		write_ring(text, n);
		return;
	}
	/* The console may take only part. */
	while (n > 0) {
		int part = n > 128 ? 128 : n;

		HYPERCALL(console_io, CONSOLEIO_write, part, text);
		text += part;
		n -= part;
	}
}

void print(const char *fmt, ...)
{
	char buf[256];
	va_list ap;

	va_start(ap, fmt);
	int n = format(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	lock_take();
	write(buf, n);
	lock_drop();
}

bool check(bool ok, const char *name, const char *fmt, ...)
{
	char buf[200];
	va_list ap;

	va_start(ap, fmt);
	format(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	__atomic_add_fetch(ok ? &passed : &failed, 1, __ATOMIC_RELAXED);
	print("%s %s: %s\n", ok ? "PASS" : "FAIL", name, buf);
	return ok;
}

bool expect(const char *name, long rc, long want)
{
	return rc == want ? check(true, name, "%ld", rc) : check(false, name, "%ld instead of %ld", rc, want);
}

bool expect_error(const char *name, long rc)
{
	return check(rc < 0 && rc >= -4095, name, "%ld", rc);
}

bool expect_trap(const char *name, unsigned int got, unsigned int want)
{
	const struct guest_vcpu *v = this_vcpu();

	if (got == want)
		return check(true, name, "trap %u", got);
	return check(false, name, "trap %u instead of %u (code %lx, cr2 %lx, rip %lx)", got, want, v->last.error_code,
		v->last_cr2, v->last.rip);
}

void finish(void)
{
	struct sched_shutdown end = { SHUTDOWN_reboot };

	print("DONE %lu %lu\n", passed, failed);
	for (;;)
		HYPERCALL(sched_op, SCHEDOP_shutdown, &end);
}

void *memset(void *p, int c, size_t n)
{
	void *d = p;

	__asm__ volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(c) : "memory");
	return p;
}

void *memcpy(void *d, const void *s, size_t n)
{
	void *to = d;

	__asm__ volatile("rep movsb" : "+D"(to), "+S"(s), "+c"(n) : : "memory");
	return d;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *x = a, *y = b;

	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x < *y ? -1 : 1;
	return 0;
}

int strcmp(const char *a, const char *b)
{
	for (; *a && *a == *b; a++, b++)
		;
	return (u8)*a - (u8)*b;
}

/* The text behind "name=" at the start of a word of the command line. */
static const char *option_text(const char *name)
{
	const char *p = (const char *)start_info->cmd_line, *n;

	while (*p) {
		while (*p == ' ')
			p++;
		for (n = name; *n && *p == *n; p++, n++)
			;
		if (!*n && *p == '=')
			return p + 1;
		while (*p && *p != ' ')
			p++;
	}
	return NULL;
}

unsigned long option(const char *name, unsigned long otherwise)
{
	const char *p = option_text(name);
	unsigned long val = 0;

	if (!p)
		return otherwise;
	for (; *p >= '0' && *p <= '9'; p++)
		val = val * 10 + *p - '0';
	return val;
}

const char *option_word(const char *name, char *buf, size_t size)
{
	const char *p = option_text(name);
	size_t n = 0;

	while (p && *p && *p != ' ' && n < size - 1)
		buf[n++] = *p++;
	buf[n] = 0;
	return buf;
}
