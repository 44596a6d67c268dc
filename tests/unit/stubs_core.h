/*
 * Host tests of memory management: a machine of 1 GiB with a frame table, a TLB clock, guests that
 * can be made to fault, and what else the allocators and memory_op call. Each test runs in a process
 * of its own, so everything starts zeroed.
 */
#ifndef UNIT_STUBS_CORE_H
#define UNIT_STUBS_CORE_H

#include <xen/lib.h>
#include <xen/errno.h>
#include <xen/sched.h>

#define HOST_PAGES (1UL << 18)

/* --- Options, locks, console ------------------------------------------------------------------ */

/* As on the command line; the handler's answer, -ENOENT when there is no such option. */
int host_set_param(const char *name, const char *value);
extern unsigned int host_locks_held;
extern char host_console[16384];
/* Run a debug key's handler. False: nobody registered it. */
bool host_press_key(unsigned char key);

/* --- Processors and their TLBs ---------------------------------------------------------------- */

/* `n` CPUs are online, and we are CPU 0. */
void host_set_cpus(unsigned int n);
/* Calls of flush_mask(), and the CPUs that they named. */
extern unsigned int host_flushes, host_cpus_flushed;

/* --- Memory ----------------------------------------------------------------------------------- */

/* Makes frames [16, n) free memory and sets max_page; frames below hold the test's domains. */
void host_memory_init(unsigned long n);
/* A living domain, with the given limit of pages. Reference count 1 is the creator's. */
struct domain *host_domain(domid_t id, unsigned int max_pages);
/* Domains whose last reference went. */
extern unsigned int host_destroyed;
/* The n-th page of a list; NULL behind its end. Checks the links on its way. */
unsigned int host_list_length(const struct page_list *l);
extern unsigned long host_m2p[];

/* --- Hypercalls ------------------------------------------------------------------------------- */

/* Make d's vCPU 0 current. */
void host_run_as(struct domain *d);
/* Guest copies that touch [p, p + n) fail when this returns true. */
extern bool (*host_guest_fault)(const void *p, unsigned long n);
/* What the last hypercall_create_continuation() asked for. It returns HOST_CONTINUED. */
#define HOST_CONTINUED 0x7ead
extern struct host_continuation {
	unsigned int op, nr;
	unsigned long arg[6];
} host_continuation;

#endif
