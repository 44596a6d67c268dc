/* Host tests: domains, vCPUs, waking, machine interrupts and grace periods. */
#ifndef UNIT_STUBS_EVENTS_H
#define UNIT_STUBS_EVENTS_H

#include <xen/sched.h>

extern unsigned int host_kicks, host_unblocks; /* calls of vcpu_kick(), vcpu_unblock() */
extern struct vcpu *host_last_kick;
extern s_time_t host_now;       /* what NOW() says */
extern s_time_t host_timer_set; /* what the last set_timer() waits for */
extern int host_pirq_bind_result; /* what pirq_guest_bind() answers */
extern u32 host_pirq_port[64];    /* port bound to each pirq; 0 = none */
extern unsigned int host_pirq_unmasks, host_pirq_moves;
extern unsigned int host_continuations; /* hypercall_create_continuation() calls */
extern unsigned long host_continuation_args[6];

/* A domain with vCPUs and a shared page, on the list of domains. The first one is dom0. */
struct domain *host_domain_create(domid_t id, unsigned int vcpus);
void host_domain_free(struct domain *d);
/* Let this vCPU make the next hypercalls. */
void host_run_as(struct vcpu *v);
/* A grace period passes. */
void host_rcu_run(void);
void host_events_reset(void);

#endif
