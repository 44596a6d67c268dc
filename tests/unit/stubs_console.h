/*
 * For the tests of the console's and hypercalls' files, which they include as text: the parts of
 * asm/ that only work on the bare machine, replaced by plain variables. Included first.
 */
#ifndef STUBS_CONSOLE_H
#define STUBS_CONSOLE_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"

#include <xen/lib.h>

/* asm/irqflags.h */
#define ASM_IRQFLAGS_H
static bool irqs_on = true;
static inline void local_irq_disable(void) { irqs_on = false; }
static inline void local_irq_enable(void) { irqs_on = true; }
static inline bool local_irq_is_enabled(void) { return irqs_on; }
static inline unsigned long local_irq_save(void)
{
	bool on = irqs_on;

	irqs_on = false;
	return on;
}
static inline void local_irq_restore(unsigned long f) { irqs_on = f; }

/* asm/current.h */
#define ASM_CURRENT_H
#include <public/xen.h>
struct vcpu;
struct cpu_info {
	struct cpu_user_regs guest_regs;
	unsigned int processor_id;
	struct vcpu *current_vcpu;
};
static __maybe_unused struct cpu_info this_cpu_info;
#define get_cpu_info()        (&this_cpu_info)
#define current               (this_cpu_info.current_vcpu)
#define guest_cpu_user_regs() (&this_cpu_info.guest_regs)

/* xen/percpu.h */
#define XEN_PERCPU_H
#include <xen/cpumask.h>
#define DEFINE_PER_CPU(type, name)  __typeof__(type) per_cpu__##name[NR_CPUS]
#define DECLARE_PER_CPU(type, name) extern __typeof__(type) per_cpu__##name[NR_CPUS]
#define per_cpu(var, cpu)           (per_cpu__##var[cpu])
#define this_cpu(var)               (per_cpu__##var[this_cpu_info.processor_id])

#include <xen/spinlock.h>

/* No lock may be taken twice. */
void lock_check_acquire(spinlock_t *l, const void *site)
{
	if (spin_is_locked(l)) {
		fprintf(stderr, "lock taken twice\n");
		abort();
	}
}

void lock_check_acquired(spinlock_t *l, const void *site)
{
}

void lock_check_release(spinlock_t *l)
{
	if (!spin_is_locked(l)) {
		fprintf(stderr, "lock not held\n");
		abort();
	}
}

void bug_at(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, what);
	abort();
}

/* Guest memory is ours; pages whose access fails are named by bad_guest. */
static __maybe_unused const char *bad_guest;
static __maybe_unused unsigned long bad_guest_size;
static __maybe_unused bool guest_read_only;

static inline bool guest_range_bad(const void *p, unsigned long n)
{
	return bad_guest && (const char *)p + n > bad_guest &&
	       (const char *)p < bad_guest + bad_guest_size;
}

unsigned long raw_copy_from_guest(void *d, const void *s, unsigned long n)
{
	if (guest_range_bad(s, n))
		return n;
	memcpy(d, s, n);
	return 0;
}

unsigned long raw_copy_to_guest(void *d, const void *s, unsigned long n)
{
	if (guest_read_only || guest_range_bad(d, n))
		return n;
	memcpy(d, s, n);
	return 0;
}

#endif
