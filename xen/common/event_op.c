/*
 * The event channel hypercall: binding ports and asking about them. Interface:
 * public/event_channel.h.
 */
#include <xen/errno.h>
#include <xen/hypercall.h>
#include <xen/lib.h>
#include "event_channel.h"

union evtchn_arg {
	struct evtchn_alloc_unbound alloc_unbound;
	struct evtchn_bind_interdomain bind_interdomain;
	struct evtchn_bind_virq bind_virq;
	struct evtchn_bind_pirq bind_pirq;
	struct evtchn_close close;
	struct evtchn_send send;
	struct evtchn_status status;
	struct evtchn_bind_ipi bind_ipi;
	struct evtchn_bind_vcpu bind_vcpu;
	struct evtchn_unmask unmask;
	struct evtchn_reset reset;
	struct evtchn_init_control init_control;
	struct evtchn_expand_array expand_array;
	struct evtchn_set_priority set_priority;
};

/* The domain that an operation is about: the caller's, or any when the caller controls domains. */
static long find_target(domid_t id, struct domain **d)
{
	*d = rcu_lock_domain_by_any_id(id);
	if (!*d)
		return -ESRCH;
	if (*d != current->domain && !is_control_domain(current->domain))
		return -EPERM;
	return 0;
}

static domid_t caller_if_self(domid_t id)
{
	return id == DOMID_SELF ? current->domain->domain_id : id;
}

static long op_alloc_unbound(union evtchn_arg *arg)
{
	struct evtchn_alloc_unbound *a = &arg->alloc_unbound;
	domid_t remote = caller_if_self(a->remote_dom);
	struct domain *d;
	long rc = find_target(a->dom, &d);
	int port;

	if (rc)
		return rc;
	spin_lock(&d->event_lock);
	port = evtchn_get_free_port(d);
	if (port > 0) {
		evtchn_bind(d, evtchn_of(d, port), evtchn_binding(ECS_UNBOUND, remote), 0);
		a->port = port;
	}
	spin_unlock(&d->event_lock);
	return port < 0 ? port : 0;
}

static long op_bind_interdomain(union evtchn_arg *arg)
{
	struct evtchn_bind_interdomain *a = &arg->bind_interdomain;
	struct domain *ld = current->domain;
	struct domain *rd = rcu_lock_domain_by_any_id(a->remote_dom);
	struct evtchn *lchn, *rchn;
	long rc = -EINVAL;
	int lport;

	if (!rd)
		return -ESRCH;
	evtchn_lock_pair(ld, rd);
	rchn = evtchn_from_port(rd, a->remote_port);
	if (!rchn || rchn->binding != evtchn_binding(ECS_UNBOUND, ld->domain_id))
		goto out;
	lport = evtchn_get_free_port(ld);
	if (lport < 0) {
		rc = lport;
		goto out;
	}
	lchn = evtchn_of(ld, lport);
	evtchn_bind(ld, lchn, evtchn_binding_peer(rd, rchn->port), 0);
	WRITE_ONCE(rchn->binding, evtchn_binding_peer(ld, lport));
	/* The peer may have sent while it was alone. */
	evtchn_set_pending(ld, lchn);
	a->local_port = lport;
	rc = 0;
out:
	evtchn_unlock_pair(ld, rd);
	return rc;
}

static long op_bind_virq(union evtchn_arg *arg)
{
	struct evtchn_bind_virq *a = &arg->bind_virq;
	struct domain *d = current->domain;
	struct vcpu *v;
	int port;

	if (a->virq >= NR_VIRQS || (virq_is_global(a->virq) && a->vcpu != 0))
		return -EINVAL;
	v = domain_vcpu(d, a->vcpu);
	if (!v)
		return -ENOENT;

	spin_lock(&d->event_lock);
	port = v->virq_to_evtchn[a->virq] ? -EEXIST : evtchn_get_free_port(d);
	if (port > 0) {
		evtchn_bind(d, evtchn_of(d, port), evtchn_binding(ECS_VIRQ, a->virq), a->vcpu);
		WRITE_ONCE(v->virq_to_evtchn[a->virq], port);
		a->port = port;
	}
	spin_unlock(&d->event_lock);
	return port < 0 ? port : 0;
}

static long op_bind_ipi(union evtchn_arg *arg)
{
	struct evtchn_bind_ipi *a = &arg->bind_ipi;
	struct domain *d = current->domain;
	int port;

	if (!domain_vcpu(d, a->vcpu))
		return -ENOENT;
	spin_lock(&d->event_lock);
	port = evtchn_get_free_port(d);
	if (port > 0) {
		evtchn_bind(d, evtchn_of(d, port), evtchn_binding(ECS_IPI, 0), a->vcpu);
		a->port = port;
	}
	spin_unlock(&d->event_lock);
	return port < 0 ? port : 0;
}

/*
 * The locks of interrupts lie outside event_lock, so the port is reserved while the interrupt is
 * bound. An interrupt may arrive before the port says ECS_PIRQ; it is marked all the same.
 */
static long op_bind_pirq(union evtchn_arg *arg)
{
	struct evtchn_bind_pirq *a = &arg->bind_pirq;
	struct domain *d = current->domain;
	struct vcpu *v = domain_vcpu(d, 0);
	struct evtchn *chn;
	int port, rc;

	if (a->pirq >= d->nr_pirqs)
		return -EINVAL;
	if (!v)
		return -ENOENT;
	spin_lock(&d->event_lock);
	port = evtchn_get_free_port(d);
	if (port > 0)
		evtchn_bind(d, evtchn_of(d, port), ECS_RESERVED, 0);
	spin_unlock(&d->event_lock);
	if (port < 0)
		return port;

	rc = pirq_guest_bind(v, a->pirq, port, a->flags & BIND_PIRQ__WILL_SHARE);
	chn = evtchn_of(d, port);
	spin_lock(&d->event_lock);
	if (rc)
		evtchn_free(d, chn);
	else {
		evtchn_bind(d, chn, evtchn_binding(ECS_PIRQ, a->pirq), 0);
		evtchn_link_pirq(d, chn);
		a->port = port;
	}
	spin_unlock(&d->event_lock);
	return rc;
}

static long op_close(union evtchn_arg *arg)
{
	return evtchn_close(current->domain, arg->close.port);
}

static long op_send(union evtchn_arg *arg)
{
	return evtchn_send(current->domain, arg->send.port);
}

static void fill_status(struct evtchn_status *s, const struct evtchn *chn, u64 b)
{
	s->vcpu = chn->notify_vcpu;
	switch (binding_state(b)) {
	case ECS_UNBOUND:
		s->status = EVTCHNSTAT_unbound;
		s->u.unbound.dom = binding_number(b);
		break;
	case ECS_INTERDOMAIN:
		s->status = EVTCHNSTAT_interdomain;
		s->u.interdomain.dom = binding_peer(b)->domain_id;
		s->u.interdomain.port = binding_peer_port(b);
		break;
	case ECS_PIRQ:
		s->status = EVTCHNSTAT_pirq;
		s->u.pirq = binding_number(b);
		break;
	case ECS_VIRQ:
		s->status = EVTCHNSTAT_virq;
		s->u.virq = binding_number(b);
		break;
	case ECS_IPI:
		s->status = EVTCHNSTAT_ipi;
		break;
	default:
		s->status = EVTCHNSTAT_closed;
	}
}

static long op_status(union evtchn_arg *arg)
{
	struct domain *d;
	struct evtchn *chn;
	long rc = find_target(arg->status.dom, &d);

	if (rc)
		return rc;
	chn = evtchn_from_port(d, arg->status.port);
	if (!chn)
		return -EINVAL;
	spin_lock(&d->event_lock);
	fill_status(&arg->status, chn, chn->binding);
	spin_unlock(&d->event_lock);
	return 0;
}

/* Does the kind of binding allow that events go to another vCPU? Event lock held. */
static bool may_move(u64 b)
{
	switch (binding_state(b)) {
	case ECS_UNBOUND:
	case ECS_INTERDOMAIN:
	case ECS_PIRQ:
		return true;
	case ECS_VIRQ:
		return virq_is_global(binding_number(b));
	default:
		return false;
	}
}

static long op_bind_vcpu(union evtchn_arg *arg)
{
	struct domain *d = current->domain;
	struct vcpu *v = domain_vcpu(d, arg->bind_vcpu.vcpu);
	struct evtchn *chn = evtchn_from_port(d, arg->bind_vcpu.port);
	long rc = -EINVAL;
	u64 b;

	if (!v)
		return -ENOENT;
	if (!chn)
		return -EINVAL;
	spin_lock(&d->event_lock);
	b = chn->binding;
	if (may_move(b)) {
		if (binding_state(b) == ECS_PIRQ) {
			evtchn_unlink_pirq(d, chn);
			WRITE_ONCE(chn->notify_vcpu, v->vcpu_id);
			evtchn_link_pirq(d, chn);
		} else
			WRITE_ONCE(chn->notify_vcpu, v->vcpu_id);
		rc = 0;
	}
	spin_unlock(&d->event_lock);
	if (!rc && binding_state(b) == ECS_PIRQ)
		pirq_set_affinity(d, binding_number(b), v->processor);
	return rc;
}

static long op_unmask(union evtchn_arg *arg)
{
	struct domain *d = current->domain;
	struct evtchn *chn = evtchn_from_port(d, arg->unmask.port);
	u64 b;

	if (!chn)
		return -EINVAL;
	b = READ_ONCE(chn->binding);
	if (binding_state(b) <= ECS_RESERVED)
		return -EINVAL;
	READ_ONCE(d->evtchn_port_ops)->unmask(d, chn);
	if (binding_state(b) == ECS_PIRQ)
		pirq_guest_unmask(d, binding_number(b));
	return 0;
}

/* -ERESTART: more to do. Another domain must be paused, or it would find half of its ports gone. */
static long reset(union evtchn_arg *arg, bool resume)
{
	struct domain *d;
	long rc = find_target(arg->reset.dom, &d);

	if (rc)
		return rc;
	if (d != current->domain && !READ_ONCE(d->controller_pause_count))
		return -EINVAL;
	return evtchn_reset(d, resume);
}

static long op_reset(union evtchn_arg *arg)
{
	return reset(arg, false);
}

static long op_reset_cont(union evtchn_arg *arg)
{
	return reset(arg, true);
}

static long op_init_control(union evtchn_arg *arg)
{
	return evtchn_fifo_init_control(&arg->init_control);
}

static long op_expand_array(union evtchn_arg *arg)
{
	return evtchn_fifo_expand_array(&arg->expand_array);
}

static long op_set_priority(union evtchn_arg *arg)
{
	struct domain *d = current->domain;
	struct evtchn *chn = evtchn_from_port(d, arg->set_priority.port);
	long rc = -ENOSYS;

	if (!chn)
		return -EINVAL;
	spin_lock(&d->event_lock);
	if (d->evtchn_port_ops->set_priority)
		rc = d->evtchn_port_ops->set_priority(d, chn, arg->set_priority.priority);
	spin_unlock(&d->event_lock);
	return rc;
}

/* `out`: the argument holds results, to be copied back on success. */
#define OP(name, has_out) [EVTCHNOP_##name] = { op_##name, sizeof(struct evtchn_##name), has_out }
static const struct {
	long (*handler)(union evtchn_arg *arg);
	u8 size;
	bool out;
} ops[] = {
	OP(bind_interdomain, true),
	OP(bind_virq, true),
	OP(bind_pirq, true),
	OP(close, false),
	OP(send, false),
	OP(status, true),
	OP(alloc_unbound, true),
	OP(bind_ipi, true),
	OP(bind_vcpu, false),
	OP(unmask, false),
	OP(reset, false),
	OP(init_control, true),
	OP(expand_array, false),
	OP(set_priority, false),
	[EVTCHNOP_reset_cont] = { op_reset_cont, sizeof(struct evtchn_reset), false },
};

long do_event_channel_op(int cmd, XEN_GUEST_HANDLE_PARAM(void) uop)
{
	union evtchn_arg arg;
	long rc;

	if (likely(cmd == EVTCHNOP_send)) /* far more frequent than all others */
		return copy_from_guest(&arg.send, uop, 1)
			? -EFAULT
			: evtchn_send(current->domain, arg.send.port);
	if ((unsigned int)cmd >= ARRAY_SIZE(ops))
		return -ENOSYS;
	if (copy_from_guest((u8 *)&arg, uop, ops[cmd].size))
		return -EFAULT;
	rc = ops[cmd].handler(&arg);
	if (rc == -ERESTART)
		return hypercall_create_continuation(
			__HYPERVISOR_event_channel_op, 2, EVTCHNOP_reset_cont, uop);
	/* A port bound for a caller who cannot be told stays bound: EVTCHNOP_status finds it. */
	if (!rc && ops[cmd].out && copy_to_guest(uop, (u8 *)&arg, ops[cmd].size))
		rc = -EFAULT;
	return rc;
}

long do_event_channel_op_compat(XEN_GUEST_HANDLE_PARAM(evtchn_op_t) uop)
{
	u32 cmd;

	if (copy_from_guest(&cmd, uop, 1))
		return -EFAULT;
	if (cmd > EVTCHNOP_unmask) /* younger than this form of the hypercall */
		return -ENOSYS;
	return do_event_channel_op(cmd, guest_handle_from_ptr(&uop.p->u, void));
}
