/*
 * Event channels: the ports of a domain, raising events, closing and teardown. The hypercall is in
 * event_op.c, the layouts that guests see in event_2l.c and event_fifo.c.
 *
 * event_lock protects all changes of a domain's ports; two domains' are taken lower address first.
 * Raising an event takes no lock: see struct evtchn.
 */
#include <xen/errno.h>
#include <xen/irq.h>
#include <xen/lib.h>
#include <xen/rcu.h>
#include <xen/xmalloc.h>
#include "event_channel.h"

/* d->evtchn_teardown */
enum { TEARDOWN_none, TEARDOWN_closing, TEARDOWN_waiting, TEARDOWN_quiet };

#define CLOSE_BATCH 64 /* ports closed between two looks for pending work of the CPU */

/* --- Virtual interrupts ----------------------------------------------------------------------- */

/* The classes are those of the list in public/xen.h. */
#define VIRQS_PER_VCPU (BIT(VIRQ_TIMER) | BIT(VIRQ_DEBUG) | BIT(VIRQ_XENOPROF) | BIT(VIRQ_XENPMU))

bool virq_is_global(u32 virq)
{
	return !(VIRQS_PER_VCPU >> virq & 1);
}

void send_guest_vcpu_virq(struct vcpu *v, u32 virq)
{
	evtchn_port_t port = READ_ONCE(v->virq_to_evtchn[virq]);

	if (port)
		evtchn_set_pending(v->domain, evtchn_of(v->domain, port));
}

void send_guest_domain_virq(struct domain *d, u32 virq)
{
	struct vcpu *v = domain_vcpu(d, 0);

	if (v)
		send_guest_vcpu_virq(v, virq);
}

/*
 * Who gets a global VIRQ in place of dom0. No references: domains are freed a grace period after
 * evtchn_destroy() has taken them out.
 */
static struct domain *virq_handler[NR_VIRQS];
static DEFINE_SPINLOCK(virq_handler_lock, LOCK_RANK_LEAF);

int set_global_virq_handler(struct domain *d, u32 virq)
{
	int rc = 0;

	if (virq >= NR_VIRQS || !virq_is_global(virq))
		return -EINVAL;
	spin_lock(&virq_handler_lock);
	if (d->is_dying)
		rc = -EINVAL;
	else
		WRITE_ONCE(virq_handler[virq], is_hardware_domain(d) ? NULL : d);
	spin_unlock(&virq_handler_lock);
	return rc;
}

static void forget_virq_handler(const struct domain *d)
{
	spin_lock(&virq_handler_lock);
	for (u32 virq = 0; virq < NR_VIRQS; virq++)
		if (virq_handler[virq] == d)
			WRITE_ONCE(virq_handler[virq], NULL);
	spin_unlock(&virq_handler_lock);
}

void send_global_virq(u32 virq)
{
	struct domain *d = READ_ONCE(virq_handler[virq]);

	if (!d)
		d = READ_ONCE(hardware_domain);
	if (d)
		send_guest_domain_virq(d, virq);
}

void send_guest_pirq(struct domain *d, evtchn_port_t port)
{
	struct evtchn *chn = evtchn_from_port(d, port);

	/* Port 0: the interrupt is just being bound or released. */
	if (port && chn)
		evtchn_set_pending(d, chn);
}

/* --- Raising events --------------------------------------------------------------------------- */

/*
 * IPIs of a vCPU to itself.
 *
 * A guest whose handler of such an IPI sends the next one gets no further while it lets events in,
 * as each is there at once. Linux with PREEMPT_RT is like that: when a grace period waits for this
 * CPU, the end of each upcall, being the end of a read-side section, asks for a task switch and
 * sends an IPI that is to look after it; the IPI comes as an upcall before the switch. So from the
 * SELF_IPI_PROMPT'th in close succession on, they are held back until the guest has got on: until
 * it switches tasks, waits, or takes another event, or until SELF_IPI_DELAY has passed.
 *
 * SELF_IPI_CLOSE is long against the time of one turn of that circle, even where the processor is
 * an emulator that others keep waiting. A guest for which it is too long has its IPI a little later.
 */
#define SELF_IPI_CLOSE  MILLISECS(100)
#define SELF_IPI_PROMPT 16
#define SELF_IPI_DELAY  MILLISECS(1)

/* Only v itself. Whether the IPI will come later. */
static bool hold_self_ipi(struct vcpu *v, evtchn_port_t port)
{
	evtchn_port_t held = READ_ONCE(v->self_ipi_port);
	s_time_t now = NOW();

	/* One that is held already will come after this moment; a second port is not held. */
	if (held)
		return held == port;
	v->self_ipi_run = now - READ_ONCE(v->self_ipi_last) < SELF_IPI_CLOSE ? v->self_ipi_run + 1 : 0;
	WRITE_ONCE(v->self_ipi_last, now);
	if (v->self_ipi_run < SELF_IPI_PROMPT)
		return false;
	WRITE_ONCE(v->self_ipi_port, port);
	migrate_timer(&v->self_ipi_timer, v->processor);
	set_timer(&v->self_ipi_timer, now + SELF_IPI_DELAY);
	return true;
}

void evtchn_send_held_ipi(struct vcpu *v)
{
	struct evtchn *chn;

	WRITE_ONCE(v->self_ipi_last, NOW());
	/* The port is released first: whoever still finds it held has its event raised below. */
	chn = evtchn_from_port(v->domain, xchg(&v->self_ipi_port, 0));
	if (chn && binding_state(READ_ONCE(chn->binding)) == ECS_IPI)
		evtchn_set_pending(v->domain, chn);
}

int evtchn_send(struct domain *ld, unsigned int lport)
{
	struct evtchn *chn = evtchn_from_port(ld, lport);
	struct domain *rd;
	u64 b;

	if (unlikely(!chn))
		return -EINVAL;
	b = READ_ONCE(chn->binding);
	switch (binding_state(b)) {
	case ECS_INTERDOMAIN:
		rd = binding_peer(b);
		evtchn_set_pending(rd, evtchn_of(rd, binding_peer_port(b)));
		return 0;
	case ECS_IPI:
		/* A suspend port may have become one; then the caller can be of another domain. */
		if (ld->vcpu[chn->notify_vcpu] != current || !hold_self_ipi(current, lport))
			evtchn_set_pending(ld, chn);
		return 0;
	case ECS_UNBOUND: /* nobody there yet, or any more: bind_interdomain makes up for it */
		return 0;
	default:
		return -EINVAL;
	}
}

void vcpu_mark_events_pending(struct vcpu *v)
{
	vcpu_info_t *info = READ_ONCE(v->vcpu_info);

	/* The exchange orders the flag before the look at what v is doing. */
	if (xchg(&info->evtchn_upcall_pending, 1))
		return;
	if (test_bit(VPF_blocked, &v->pause_flags))
		vcpu_unblock(v);
	vcpu_kick(v);
}

void evtchn_wake_pollers(struct domain *d, evtchn_port_t port)
{
	for (unsigned int id = find_first_bit(d->poll_mask, d->max_vcpus); id < d->max_vcpus;
		id = find_next_bit(d->poll_mask, d->max_vcpus, id + 1)) {
		struct vcpu *v = d->vcpu[id];
		int wanted = READ_ONCE(v->poll_evtchn);

		/* 0: it waits for several ports, and looks for itself. */
		if ((wanted == 0 || wanted == (int)port) && test_and_clear_bit(id, d->poll_mask))
			vcpu_unblock(v);
	}
}

bool evtchn_is_interdomain(const struct domain *d, evtchn_port_t port)
{
	const struct evtchn *chn = evtchn_from_port(d, port);

	return chn && binding_state(READ_ONCE(chn->binding)) == ECS_INTERDOMAIN;
}

bool evtchn_port_pending(struct domain *d, evtchn_port_t port, bool *bad)
{
	struct evtchn *chn = evtchn_from_port(d, port);

	*bad = !chn;
	return chn && READ_ONCE(d->evtchn_port_ops)->is_pending(d, chn);
}

/* --- Locks ------------------------------------------------------------------------------------ */

void evtchn_lock_pair(struct domain *a, struct domain *b)
{
	spin_lock(a < b ? &a->event_lock : &b->event_lock);
	if (a != b)
		spin_lock_nested(a < b ? &b->event_lock : &a->event_lock);
}

void evtchn_unlock_pair(struct domain *a, struct domain *b)
{
	if (a != b)
		spin_unlock(a < b ? &b->event_lock : &a->event_lock);
	spin_unlock(a < b ? &a->event_lock : &b->event_lock);
}

/* --- Ports ------------------------------------------------------------------------------------ */

/* Event lock held, or the domain is not yet known to anybody. */
static int evtchn_add_group(struct domain *d)
{
	unsigned int first = d->valid_evtchns;
	struct evtchn *group = xzalloc_array(struct evtchn, EVTCHNS_PER_GROUP);

	if (!group)
		return -ENOMEM;
	for (unsigned int i = 0; i < EVTCHNS_PER_GROUP; i++) {
		group[i].port = first + i;
		group[i].priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
	}
	d->evtchn_groups[first / EVTCHNS_PER_GROUP] = group;
	__atomic_store_n(&d->valid_evtchns, first + EVTCHNS_PER_GROUP, __ATOMIC_RELEASE);
	return 0;
}

int evtchn_get_free_port(struct domain *d)
{
	unsigned int limit = min(d->max_evtchn_port + 1, d->evtchn_port_ops->max_ports);
	int rc;

	if (d->is_dying)
		return -EINVAL;
	for (; d->evtchn_free_hint < limit; d->evtchn_free_hint++) {
		unsigned int port = d->evtchn_free_hint;

		if (port >= d->valid_evtchns) {
			rc = evtchn_add_group(d);
			if (rc)
				return rc;
		}
		if (evtchn_of(d, port)->binding == ECS_FREE)
			return port;
	}
	return -ENOSPC;
}

void evtchn_bind(struct domain *d, struct evtchn *chn, u64 binding, unsigned int vcpu)
{
	chn->notify_vcpu = vcpu;
	__atomic_store_n(&chn->binding, binding, __ATOMIC_RELEASE);
}

void evtchn_free(struct domain *d, struct evtchn *chn)
{
	WRITE_ONCE(chn->binding, ECS_FREE);
	chn->notify_vcpu = 0;
	chn->priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
	d->evtchn_port_ops->clear_pending(d, chn);
	d->evtchn_free_hint = min(d->evtchn_free_hint, chn->port);
}

void evtchn_link_pirq(struct domain *d, struct evtchn *chn)
{
	struct vcpu *v = d->vcpu[chn->notify_vcpu];

	chn->next_pirq = v->pirq_ports;
	WRITE_ONCE(v->pirq_ports, chn->port);
}

void evtchn_unlink_pirq(struct domain *d, struct evtchn *chn)
{
	evtchn_port_t *link = &d->vcpu[chn->notify_vcpu]->pirq_ports;

	while (*link && *link != chn->port)
		link = &evtchn_of(d, *link)->next_pirq;
	if (*link)
		WRITE_ONCE(*link, chn->next_pirq);
}

void evtchn_move_pirqs(struct vcpu *v)
{
	struct domain *d = v->domain;
	evtchn_port_t port = READ_ONCE(v->pirq_ports);

	/*
	 * Without the lock the walk may stray into another vCPU's list when a port moves there: an
	 * interrupt with a wrong affinity is only slower. The count bounds it in any case.
	 */
	for (unsigned int i = 0; port && i < d->valid_evtchns; i++) {
		struct evtchn *chn = evtchn_of(d, port);
		u64 b = READ_ONCE(chn->binding);

		if (binding_state(b) == ECS_PIRQ && READ_ONCE(chn->notify_vcpu) == v->vcpu_id)
			pirq_set_affinity(d, binding_number(b), v->processor);
		port = READ_ONCE(chn->next_pirq);
	}
}

/* --- Closing ---------------------------------------------------------------------------------- */

/*
 * Lock the domain and the peer that the port has, if any. The peer is found without a lock, so
 * look again with both held; every further turn means that another CPU has finished rebinding it.
 */
static struct domain *lock_with_peer(struct domain *d, struct evtchn *chn)
{
	struct domain *peer;
	u64 b;

	for (;;) {
		b = READ_ONCE(chn->binding);
		peer = binding_state(b) == ECS_INTERDOMAIN ? binding_peer(b) : d;
		evtchn_lock_pair(d, peer);
		if (chn->binding == b)
			return peer;
		evtchn_unlock_pair(d, peer);
	}
}

static void forget_virq(struct domain *d, const struct evtchn *chn, u32 virq)
{
	struct vcpu *v;

	for_each_vcpu(d, v)
		if (v->virq_to_evtchn[virq] == chn->port)
			WRITE_ONCE(v->virq_to_evtchn[virq], 0);
}

/* The interrupt code has locks outside ours: release the interrupt while the port is reserved. */
static void close_pirq(struct domain *d, struct evtchn *chn, u32 pirq)
{
	evtchn_unlink_pirq(d, chn);
	WRITE_ONCE(chn->binding, ECS_RESERVED);
	spin_unlock(&d->event_lock);
	pirq_guest_unbind(d, pirq);
	spin_lock(&d->event_lock);
}

int evtchn_close(struct domain *d, evtchn_port_t port)
{
	struct evtchn *chn = evtchn_from_port(d, port), *rchn;
	struct domain *peer;
	int rc = 0;
	u64 b;

	if (!chn)
		return -EINVAL;
	peer = lock_with_peer(d, chn);
	b = chn->binding;
	switch (binding_state(b)) {
	case ECS_FREE:
	case ECS_RESERVED:
		rc = -EINVAL;
		goto out;
	case ECS_PIRQ:
		close_pirq(d, chn, binding_number(b));
		break;
	case ECS_VIRQ:
		forget_virq(d, chn, binding_number(b));
		break;
	case ECS_INTERDOMAIN:
		rchn = evtchn_of(peer, binding_peer_port(b));
		WRITE_ONCE(rchn->binding, evtchn_binding(ECS_UNBOUND, d->domain_id));
		break;
	default:
		break;
	}
	evtchn_free(d, chn);
out:
	evtchn_unlock_pair(d, peer);
	return rc;
}

/* -ERESTART: *cursor tells where to go on. */
static int close_all(struct domain *d, unsigned int *cursor)
{
	unsigned int port;

	for (port = max(READ_ONCE(*cursor), 1u); port < d->valid_evtchns; port++) {
		evtchn_close(d, port); /* free ones refuse, which is all right */
		if (port % CLOSE_BATCH == 0 && hypercall_preempt_check()) {
			WRITE_ONCE(*cursor, port + 1);
			return -ERESTART;
		}
	}
	WRITE_ONCE(*cursor, 0);
	return 0;
}

int evtchn_reset(struct domain *d, bool resume)
{
	int rc;

	if (d->is_dying)
		return -EINVAL;
	if (!resume)
		WRITE_ONCE(d->evtchn_reset_cursor, 0);
	rc = close_all(d, &d->evtchn_reset_cursor);
	if (!rc)
		evtchn_fifo_reset(d);
	return rc;
}

/* --- A domain's beginning and end ------------------------------------------------------------- */

int evtchn_init(struct domain *d, unsigned int max_port)
{
	unsigned int groups;
	int rc;

	spin_lock_init(&d->event_lock, LOCK_RANK_EVENT);
	d->max_evtchn_port = min(max_port, MAX_EVTCHNS_FIFO - 1u);
	d->evtchn_port_ops = &evtchn_port_ops_2l;
	groups = d->max_evtchn_port / EVTCHNS_PER_GROUP + 1;
	d->evtchn_groups = xzalloc_array(struct evtchn *, groups);
	rc = d->evtchn_groups ? evtchn_add_group(d) : -ENOMEM;
	if (rc) {
		evtchn_destroy_final(d);
		return rc;
	}
	evtchn_of(d, 0)->binding = ECS_RESERVED;
	d->evtchn_free_hint = 1;
	return 0;
}

static void senders_gone(struct rcu_head *head)
{
	struct domain *d = container_of(head, struct domain, evtchn_rcu);

	WRITE_ONCE(d->evtchn_teardown, TEARDOWN_quiet);
	put_domain(d);
}

int evtchn_destroy(struct domain *d)
{
	if (d->evtchn_teardown == TEARDOWN_none) {
		/* Whoever allocates a port now sees that the domain is dying. */
		ASSERT(d->is_dying);
		forget_virq_handler(d);
		spin_lock(&d->event_lock);
		d->evtchn_teardown = TEARDOWN_closing;
		spin_unlock(&d->event_lock);
	}
	if (d->evtchn_teardown == TEARDOWN_closing) {
		if (close_all(d, &d->evtchn_teardown_cursor))
			return -ERESTART;
		d->evtchn_teardown = TEARDOWN_waiting;
		get_knownalive_domain(d);
		call_rcu(&d->evtchn_rcu, senders_gone);
	}
	if (READ_ONCE(d->evtchn_teardown) != TEARDOWN_quiet)
		return -ERESTART;
	evtchn_fifo_destroy(d);
	return 0;
}

void evtchn_destroy_final(struct domain *d)
{
	unsigned int groups = d->valid_evtchns / EVTCHNS_PER_GROUP;

	d->valid_evtchns = 0;
	for (unsigned int i = 0; i < groups; i++)
		xfree(d->evtchn_groups[i]);
	xfree(d->evtchn_groups);
	d->evtchn_groups = NULL;
}

/* --- Debug key 'e' ---------------------------------------------------------------------------- */

static void dump_port(const struct domain *d, const struct evtchn *chn)
{
	static const char *const names[] = {
		"free",
		"reserved",
		"unbound",
		"interdomain",
		"pirq",
		"virq",
		"ipi",
	};
	const struct evtchn_port_ops *ops = READ_ONCE(d->evtchn_port_ops);
	u64 b = READ_ONCE(chn->binding);

	printk(XENLOG_ALWAYS "  port %4u %c%c ", chn->port, ops->is_pending(d, chn) ? 'P' : '-',
		ops->is_masked(d, chn) ? 'M' : '-');
	ops->print(d, chn);
	printk(XENLOG_ALWAYS " vcpu %u prio %u %s", chn->notify_vcpu, chn->priority,
		names[binding_state(b)]);
	switch (binding_state(b)) {
	case ECS_INTERDOMAIN:
		printk(XENLOG_ALWAYS " with d%u port %u\n", binding_peer(b)->domain_id,
			binding_peer_port(b));
		break;
	case ECS_UNBOUND:
		printk(XENLOG_ALWAYS " for d%u\n", binding_number(b));
		break;
	case ECS_PIRQ:
	case ECS_VIRQ:
		printk(XENLOG_ALWAYS " %u\n", binding_number(b));
		break;
	default:
		printk(XENLOG_ALWAYS "\n");
	}
}

static void dump_domain(const struct domain *d)
{
	printk(XENLOG_ALWAYS "Event channels of domain %u, %s ABI (P pending, M masked):\n",
		d->domain_id, d->evtchn_fifo ? "FIFO" : "2-level");
	for (evtchn_port_t port = 1; port < d->valid_evtchns; port++) {
		const struct evtchn *chn = evtchn_of(d, port);

		if (binding_state(READ_ONCE(chn->binding)) != ECS_FREE)
			dump_port(d, chn);
		if (port % CLOSE_BATCH == 0)
			process_pending_softirqs();
	}
}

void dump_evtchn_info(unsigned char key)
{
	struct domain *d;

	for_each_domain(d)
		dump_domain(d);
}
