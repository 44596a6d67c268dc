/* Event channels. */
#ifndef XEN_EVENT_H
#define XEN_EVENT_H

#include <public/xen.h>
#include <public/event_channel.h>
#include <xen/guest_access.h>
#include <xen/spinlock.h>
#include <xen/types.h>

struct domain;
struct vcpu;
struct evtchn;

#define EVTCHNS_PER_GROUP 128 /* ports are allocated in groups of this many */
#define MAX_EVTCHNS_FIFO  EVTCHN_FIFO_NR_CHANNELS

/* --- Called by the rest of the hypervisor ------------------------------------------------------ */

int evtchn_init(struct domain *d, unsigned int max_port); /* -ENOMEM */
/*
 * A dying domain: close all ports; -ERESTART: call again. When it returns 0, no CPU is still about
 * to raise an event of this domain, so only then may guest frames that events are written to
 * (registered vcpu_info) be given back.
 */
int evtchn_destroy(struct domain *d);
void evtchn_destroy_final(struct domain *d); /* frees all memory */
/* A virtual interrupt for one vCPU / for the domain (its vCPU 0's binding) / for whoever handles
 * the machine-wide one (dom0). No-op when unbound. Any context. */
void send_guest_vcpu_virq(struct vcpu *v, u32 virq);
void send_guest_domain_virq(struct domain *d, u32 virq);
void send_global_virq(u32 virq);
/* Let `d` have a global VIRQ from now on; dom0 has those that nobody else handles. -EINVAL: no such one. */
int set_global_virq_handler(struct domain *d, u32 virq);
/* Is it bound to a port of another domain? */
bool evtchn_is_interdomain(const struct domain *d, evtchn_port_t port);
/* A machine interrupt bound with EVTCHNOP_bind_pirq: mark its port. */
void send_guest_pirq(struct domain *d, evtchn_port_t port);
/* Mark a port on behalf of the local end (as EVTCHNOP_send does); hypercall context. */
int evtchn_send(struct domain *ld, unsigned int lport);
/* Sends the IPI of v to itself that evtchn_send() holds back. */
void evtchn_send_held_ipi(struct vcpu *v);
/* v changed its CPU: let its machine interrupts follow. No lock needed. */
void evtchn_move_pirqs(struct vcpu *v);
/* v->vcpu_info has been pointed elsewhere (VCPUOP_register_vcpu_info): events raised meanwhile are
 * announced again there. Either ABI. */
void evtchn_2l_vcpu_info_moved(struct vcpu *v);
/* Mark the guest's pages that events are noted in: mark_page_dirty(). */
void evtchn_fifo_mark_dirty(struct domain *d);
/* For SCHEDOP_poll: is the port pending? False for a bad port (-EINVAL through *bad). */
bool evtchn_port_pending(struct domain *d, evtchn_port_t port, bool *bad);
/* The port went pending: raise v's upcall flag and make it look. Arch-neutral. */
void vcpu_mark_events_pending(struct vcpu *v);
/* Hypercalls 32, and 16 with the operation's number inside the argument. */
long do_event_channel_op_compat(XEN_GUEST_HANDLE_PARAM(evtchn_op_t) uop);
long do_event_channel_op(int cmd, XEN_GUEST_HANDLE_PARAM(void) arg);
void dump_evtchn_info(unsigned char key); /* debug key 'e' */

/* --- Arch and others provide --------------------------------------------------------------------- */

/*
 * Bind / release a guest's pirq for EVTCHNOP_bind_pirq and close. irq.h. Called without locks held,
 * so several at once. Bind checks that the domain may use it: -EPERM, -EINVAL (no such pirq),
 * -EEXIST (bound to another port of this domain), -EBUSY (not shareable).
 */
int pirq_guest_bind(struct vcpu *v, unsigned int pirq, evtchn_port_t port, bool will_share);
void pirq_guest_unbind(struct domain *d, unsigned int pirq);
/* The guest unmasked or finished a pirq's event. */
void pirq_guest_unmask(struct domain *d, unsigned int pirq);
void pirq_set_affinity(struct domain *d, unsigned int pirq, unsigned int cpu);

#endif
