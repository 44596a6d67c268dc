/*
 * Host tests of domains, timers and schedulers: a machine of a few CPUs on which time passes only
 * when the test says so. stubs_sched.c stands in for all that the tested files call elsewhere.
 */
#ifndef STUBS_SCHED_H
#define STUBS_SCHED_H

#include <xen/errno.h>
#include <xen/lib.h>
#include <xen/sched.h>

#define TEST_CPUS 4
#define TEST_PAGES 512

extern s_time_t test_now;                  /* what NOW() says */
extern s_time_t test_deadline[TEST_CPUS];  /* what each CPU's timer waits for; 0 = nothing */
extern unsigned int test_reprogrammed;     /* how often a timer was programmed */
extern unsigned int test_switches;         /* context switches */
extern unsigned int test_virqs[NR_VIRQS];  /* sent */
extern int test_alloc_budget;              /* allocations that succeed still; negative: all */
extern int test_allocated;                 /* objects of xmalloc in existence */
extern unsigned int test_pages_used;
extern char test_console[8192];
extern int test_relinquish;                /* domain_relinquish_resources() preempts so often */
extern bool test_port_pending;
extern unsigned int test_events_sent;      /* by evtchn_send(); ports 1 to 9 are interdomain */
/* Set by hwdom_shutdown's ends. */
extern int test_machine_end; /* 0 running, 1 halted, 2 restarted, 3 switched off */

/* A machine with `cpus` CPUs on line, at time 1 s; schedulers and idle vCPUs ready. */
void test_machine(unsigned int cpus);
/* Be CPU `cpu`, with what it runs. */
void test_cpu(unsigned int cpu);
/* Let all CPUs do their softirqs until none is pending. */
void test_settle(void);
/* Time goes on to `until`, with timer interrupts in between. */
void test_run_until(s_time_t until);
/* A started domain of n vCPUs. */
struct domain *test_domain(domid_t id, unsigned int vcpus);
/* Time v has run up to now, ns. */
s_time_t test_ran(struct vcpu *v);

#endif
