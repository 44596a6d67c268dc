/* Event channels: what their files share. */
#ifndef COMMON_EVENT_CHANNEL_H
#define COMMON_EVENT_CHANNEL_H

#include <xen/event.h>
#include <xen/mm.h>
#include <xen/sched.h>

enum evtchn_state {
	ECS_FREE,
	ECS_RESERVED, /* port 0, and ports while a machine interrupt is being bound or released */
	ECS_UNBOUND,
	ECS_INTERDOMAIN,
	ECS_PIRQ,
	ECS_VIRQ,
	ECS_IPI,
};

/*
 * One port of a domain. All fields are changed under the domain's event_lock only, except
 * last_queue (the FIFO queue's lock) and fifo_pending (atomic).
 *
 * Senders take no lock. Everything that a sender must see together is in `binding`:
 *   bits  0-7   enum evtchn_state
 *   bits  8-31  interdomain: the peer's port
 *   bits 32-63  interdomain: frame number of the peer's struct domain;
 *               unbound: domid that may bind; pirq, virq: its number
 * Read as one word it is never half old and half new. A sender may act on a binding that another
 * CPU has just undone: the event then arrives at a port that was bound a moment ago, as that of a
 * slightly earlier send would have. Memory behind it (the peer's struct domain, its groups of
 * ports, event pages) is freed only after a grace period, see evtchn_destroy().
 */
struct evtchn {
	u64 binding;
	evtchn_port_t port;
	u16 notify_vcpu;
	u8 priority;             /* FIFO: EVTCHN_FIFO_PRIORITY_* */
	u8 fifo_pending;         /* FIFO: raised before the guest supplied the page of its word */
	u32 last_queue;          /* FIFO: queue it was put in last: vCPU << 8 | priority */
	evtchn_port_t next_pirq; /* next in v->pirq_ports of vCPU notify_vcpu */
};

static always_inline u64 evtchn_binding(enum evtchn_state state, u32 number)
{
	return state | (u64)number << 32;
}

static always_inline u64 evtchn_binding_peer(const struct domain *d, evtchn_port_t port)
{
	return ECS_INTERDOMAIN | port << 8 | (u64)virt_to_mfn(d) << 32;
}

static always_inline enum evtchn_state binding_state(u64 b)
{
	return (enum evtchn_state)(b & 0xff);
}

static always_inline u32 binding_number(u64 b)
{
	return b >> 32;
}

static always_inline struct domain *binding_peer(u64 b)
{
	return mfn_to_virt(b >> 32);
}

static always_inline evtchn_port_t binding_peer_port(u64 b)
{
	return (u32)b >> 8;
}

/* The two event ABIs. All but `print` and set_priority may be called in any context. */
struct evtchn_port_ops {
	unsigned int max_ports;
	/* An event on chn, of domain v->domain, is to be announced to v. */
	void (*set_pending)(struct vcpu *v, struct evtchn *chn);
	void (*clear_pending)(struct domain *d, struct evtchn *chn);
	void (*unmask)(struct domain *d, struct evtchn *chn);
	bool (*is_pending)(const struct domain *d, const struct evtchn *chn);
	bool (*is_masked)(const struct domain *d, const struct evtchn *chn);
	/* NULL: the ABI has no priorities. Event lock held. */
	int (*set_priority)(struct domain *d, struct evtchn *chn, unsigned int priority);
	void (*print)(const struct domain *d, const struct evtchn *chn);
};

extern const struct evtchn_port_ops evtchn_port_ops_2l, evtchn_port_ops_fifo;

/* A port that the caller knows to have memory. */
static always_inline struct evtchn *evtchn_of(const struct domain *d, evtchn_port_t port)
{
	return &d->evtchn_groups[port / EVTCHNS_PER_GROUP][port % EVTCHNS_PER_GROUP];
}

/* NULL: no such port. The acquire pairs with evtchn_add_group(). */
static always_inline struct evtchn *evtchn_from_port(const struct domain *d, evtchn_port_t port)
{
	if (unlikely(port >= __atomic_load_n(&d->valid_evtchns, __ATOMIC_ACQUIRE)))
		return NULL;
	return evtchn_of(d, port);
}

/* Raise the event on a local port. Any context, no lock. */
static always_inline void evtchn_set_pending(struct domain *d, struct evtchn *chn)
{
	struct vcpu *v = d->vcpu[chn->notify_vcpu];

	if (likely(v != NULL))
		READ_ONCE(d->evtchn_port_ops)->set_pending(v, chn);
}

/* Wakes vCPUs that wait for `port` in SCHEDOP_poll; the port is already marked. */
void evtchn_wake_pollers(struct domain *d, evtchn_port_t port);

/* Up to 64 vCPUs one word tells that nobody waits. */
static always_inline void evtchn_check_pollers(struct domain *d, evtchn_port_t port)
{
	if (unlikely(d->max_vcpus > BITS_PER_LONG || READ_ONCE(d->poll_mask[0])))
		evtchn_wake_pollers(d, port);
}

/* Locks of two domains (perhaps the same), lower address first. */
void evtchn_lock_pair(struct domain *a, struct domain *b);
void evtchn_unlock_pair(struct domain *a, struct domain *b);

/* The lowest free port, still free; needs event_lock. Negative: -ENOSPC, -ENOMEM, -EINVAL dying. */
int evtchn_get_free_port(struct domain *d);
/* Gives a port its binding; needs event_lock. */
void evtchn_bind(struct domain *d, struct evtchn *chn, u64 binding, unsigned int vcpu);
/* Makes a port free; needs event_lock. */
void evtchn_free(struct domain *d, struct evtchn *chn);
/* EVTCHNOP_close: -EINVAL for a port that is not open. Takes event_lock. */
int evtchn_close(struct domain *d, evtchn_port_t port);
/* EVTCHNOP_reset; `resume`: go on where -ERESTART was returned. */
int evtchn_reset(struct domain *d, bool resume);

/* Lists of ports bound to machine interrupts; need event_lock. */
void evtchn_link_pirq(struct domain *d, struct evtchn *chn);
void evtchn_unlink_pirq(struct domain *d, struct evtchn *chn);

/* Is there one such interrupt per vCPU, or one in all? Whoever binds the latter gets it only as its
 * handler. */
bool virq_is_global(u32 virq);

/* FIFO ABI: EVTCHNOP_init_control, expand_array. Take event_lock. */
long evtchn_fifo_init_control(struct evtchn_init_control *ic);
long evtchn_fifo_expand_array(const struct evtchn_expand_array *ea);
/* Back to the 2-level ABI; memory is given back after a grace period. Takes event_lock. */
void evtchn_fifo_reset(struct domain *d);
/* A dying domain without senders: give the memory back. */
void evtchn_fifo_destroy(struct domain *d);

#endif
