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
int evtchn_destroy(struct domain *d); /* closes all ports; -ERESTART: call again */
void evtchn_destroy_final(struct domain *d); /* frees all memory */
/* A virtual interrupt for one vCPU / for the domain (its vCPU 0's binding) / for whoever handles
 * the machine-wide one (dom0). No-op when unbound. Any context. */
void send_guest_vcpu_virq(struct vcpu *v, u32 virq);
void send_guest_domain_virq(struct domain *d, u32 virq);
void send_global_virq(u32 virq);
/* A machine interrupt bound with EVTCHNOP_bind_pirq: mark its port. */
void send_guest_pirq(struct domain *d, evtchn_port_t port);
/* Mark a port on behalf of the local end (as EVTCHNOP_send does); hypercall context. */
int evtchn_send(struct domain *ld, unsigned int lport);
/* Move a vCPU's bound-by-default ports after it changed CPU: event.c keeps IRQ affinity near it. */
void evtchn_move_pirqs(struct vcpu *v);
/* FIFO: v->vcpu_info moved (VCPUOP_register_vcpu_info): nothing may be lost. */
void evtchn_2l_vcpu_info_moved(struct vcpu *v);
/* For SCHEDOP_poll: is the port pending? False for a bad port (-EINVAL through *bad). */
bool evtchn_port_pending(struct domain *d, evtchn_port_t port, bool *bad);
/* The port went pending: raise v's upcall flag and make it look. Arch-neutral. */
void vcpu_mark_events_pending(struct vcpu *v);
long do_event_channel_op(int cmd, XEN_GUEST_HANDLE_PARAM(void) arg);
void dump_evtchn_info(unsigned char key); /* debug key 'e' */

/* --- Arch and others provide --------------------------------------------------------------------- */

/* Bind / release a guest's pirq for EVTCHNOP_bind_pirq and close. irq.h. */
int pirq_guest_bind(struct vcpu *v, unsigned int pirq, evtchn_port_t port, bool will_share);
void pirq_guest_unbind(struct domain *d, unsigned int pirq);
/* The guest unmasked or finished a pirq's event. */
void pirq_guest_unmask(struct domain *d, unsigned int pirq);
void pirq_set_affinity(struct domain *d, unsigned int pirq, unsigned int cpu);

#endif
