/* Host tests: see harness.h. */
#include <xen/lib.h>
#include <xen/cpumask.h>
#include <xen/guest_access.h>
#include <xen/spinlock.h>
#include <xen/xmalloc.h>
#include <asm/current.h>
#include "harness.h"

struct cpu_info host_cpu_info;
unsigned long host_irq_flags = 0x200;
char host_console[65536];
bool (*host_guest_fault)(const void *p, unsigned long n);
int host_xmalloc_budget = -1;
unsigned int host_locks_held;
static u8 held_ranks[16];

void harness_reset(void)
{
	host_irq_flags = 0x200;
	memset(&host_cpu_info, 0, sizeof(host_cpu_info));
	host_console[0] = 0;
	host_guest_fault = NULL;
	host_xmalloc_budget = -1;
	host_locks_held = 0;
}

/* --- Console, fatal errors -------------------------------------------------------------------- */

__weak void vprintk(const char *fmt, va_list ap)
{
	size_t used = strlen(host_console);

	if (*fmt == 1 || *fmt == 2)
		fmt += 2;
	vsnprintf(host_console + used, sizeof(host_console) - used, fmt, ap);
}

__weak void printk(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintk(fmt, ap);
	va_end(ap);
}

__weak void gprintk(const char *level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintk(fmt, ap);
	va_end(ap);
}

__weak noreturn void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputs("\nhypervisor panic\n", stderr);
	abort();
}

__weak noreturn void bug_at(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, what);
	abort();
}

__weak void warn_at(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: warning: %s\n", file, line, what);
	abort();
}

/* --- Locks: a lock may only be taken when its rank is above those held ------------------------ */

static void lock_abort(const spinlock_t *l, const char *why)
{
	fprintf(stderr, "lock of rank %u: %s\n", l->rank, why);
	abort();
}

__weak void lock_check_acquire(spinlock_t *l, const void *site)
{
	if (!l->rank)
		lock_abort(l, "not initialised");
	if ((u16)l->both != l->both >> 16)
		lock_abort(l, "taken twice");
	for (unsigned int i = 0; i < host_locks_held; i++)
		if (held_ranks[i] >= l->rank)
			lock_abort(l, "taken out of order");
}

__weak void lock_check_acquired(spinlock_t *l, const void *site)
{
	if (host_locks_held == sizeof(held_ranks))
		lock_abort(l, "too many locks held");
	held_ranks[host_locks_held++] = l->rank;
}

__weak void lock_check_release(spinlock_t *l)
{
	if ((u16)l->both == l->both >> 16)
		lock_abort(l, "released but not held");
	for (unsigned int i = 0; i < host_locks_held; i++)
		if (held_ranks[i] == l->rank) {
			held_ranks[i] = held_ranks[--host_locks_held];
			return;
		}
	lock_abort(l, "not among the locks held");
}

/* --- Memory ----------------------------------------------------------------------------------- */

__weak void *xmalloc_bytes(size_t size, size_t align)
{
	void *p;

	if (host_xmalloc_budget == 0)
		return NULL;
	if (host_xmalloc_budget > 0)
		host_xmalloc_budget--;
	if (posix_memalign(&p, align < 16 ? 16 : align, size))
		return NULL;
	memset(p, 0xa5, size);
	return p;
}

__weak void *xzalloc_bytes(size_t size, size_t align)
{
	void *p = xmalloc_bytes(size, align);

	return p ? memset(p, 0, size) : NULL;
}

__weak void xfree(void *p)
{
	free(p);
}

static bool faults(const void *p, unsigned long n)
{
	return !p || (host_guest_fault && host_guest_fault(p, n));
}

__weak unsigned long raw_copy_from_guest(void *dst, const void *src, unsigned long n)
{
	if (faults(src, n))
		return n;
	memcpy(dst, src, n);
	return 0;
}

__weak unsigned long raw_copy_to_guest(void *dst, const void *src, unsigned long n)
{
	if (faults(dst, n))
		return n;
	memcpy(dst, src, n);
	return 0;
}

__weak unsigned long raw_clear_guest(void *dst, unsigned long n)
{
	if (faults(dst, n))
		return n;
	memset(dst, 0, n);
	return 0;
}
