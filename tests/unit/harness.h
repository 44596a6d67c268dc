/*
 * What host tests of hypervisor files share. harness.c stands in for the console, the lock checks,
 * xmalloc and guest accesses; stubs_*.c stand in for other parts. All stand-ins are weak, so a test
 * may link the real file instead. Include <check.h> before this.
 */
#ifndef UNIT_HARNESS_H
#define UNIT_HARNESS_H

#include <xen/errno.h>
#include <xen/lib.h>
#include <xen/types.h>

/* Everything printed since harness_reset(), cut off when too long. */
extern char host_console[65536];
/* Guest accesses to [p, p + n) fail when this returns true; NULL: none fails. */
extern bool (*host_guest_fault)(const void *p, unsigned long n);
/* xmalloc fails after so many more successes; negative: never. */
extern int host_xmalloc_budget;
/* Locks held now. */
extern unsigned int host_locks_held;

/* Back to the initial state: interrupts on, CPU 0, no faults, empty console. */
void harness_reset(void);

#endif
