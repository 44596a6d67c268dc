/* What a guest asks of the scheduler (hypercall 29), and the timers of its vCPUs. */
#include <xen/errno.h>
#include <xen/guest_access.h>
#include <xen/lib.h>
#include <xen/sched.h>
#include <xen/trace.h>

#include "private.h"

#define MAX_POLL_PORTS 128

/* --- A vCPU's timers -------------------------------------------------------------------------- */

static void periodic_timer_fn(void *data)
{
	struct vcpu *v = data;

	/* Only running vCPUs have it armed; an idle one sleeps through its ticks. */
	vcpu_periodic_timer_work(v);
}

static void singleshot_timer_fn(void *data)
{
	send_guest_vcpu_virq(data, VIRQ_TIMER);
}

static void poll_timer_fn(void *data)
{
	struct vcpu *v = data;

	if (test_bit(v->vcpu_id, v->domain->poll_mask))
		vcpu_unblock(v);
}

static void self_ipi_timer_fn(void *data)
{
	evtchn_send_held_ipi(data);
}

void vcpu_timers_init(struct vcpu *v)
{
	init_timer(&v->periodic_timer, periodic_timer_fn, v, v->processor);
	init_timer(&v->singleshot_timer, singleshot_timer_fn, v, v->processor);
	init_timer(&v->poll_timer, poll_timer_fn, v, v->processor);
	init_timer(&v->self_ipi_timer, self_ipi_timer_fn, v, v->processor);
}

void vcpu_timers_kill(struct vcpu *v)
{
	kill_timer(&v->periodic_timer);
	kill_timer(&v->singleshot_timer);
	kill_timer(&v->poll_timer);
	kill_timer(&v->self_ipi_timer);
}

void vcpu_timers_migrate(struct vcpu *v, unsigned int cpu)
{
	migrate_timer(&v->periodic_timer, cpu);
	migrate_timer(&v->singleshot_timer, cpu);
	migrate_timer(&v->poll_timer, cpu);
	migrate_timer(&v->self_ipi_timer, cpu);
}

void vcpu_periodic_timer_work(struct vcpu *v)
{
	s_time_t period = READ_ONCE(v->periodic_period), now = NOW(), last, since;

	/* A timer set while v was being switched from ends here. */
	if (!period || !READ_ONCE(v->is_running))
		return;
	last = READ_ONCE(v->periodic_last_event);
	since = now - last;
	if (since >= period) {
		send_guest_vcpu_virq(v, VIRQ_TIMER);
		last = now - since % period;
		WRITE_ONCE(v->periodic_last_event, last);
	}
	set_timer(&v->periodic_timer, last + period);
}

long do_set_timer_op(s_time_t timeout)
{
	struct vcpu *v = current;

	if (!timeout) {
		stop_timer(&v->singleshot_timer);
		return 0;
	}
	migrate_timer(&v->singleshot_timer, smp_processor_id());
	set_timer(&v->singleshot_timer, timeout);
	return 0;
}

/* --- Waiting ---------------------------------------------------------------------------------- */

/*
 * v, which runs, is known as polling no more. Only v itself says so: who wakes it may come so late
 * that it polls again by then, and would make that poll deaf.
 */
static always_inline void forget_poll(struct vcpu *v)
{
	WRITE_ONCE(v->poll_evtchn, -1);
	clear_bit(v->vcpu_id, v->domain->poll_mask);
}

void vcpu_block(void)
{
	struct vcpu *v = current;

	evtchn_guest_gets_on(v);
	if (unlikely(v->poll_evtchn != -1))
		forget_poll(v);
	/* An event that comes after this wakes us again, one that came before is seen below. */
	set_bit(VPF_blocked, &v->pause_flags);
	if (READ_ONCE(v->vcpu_info->evtchn_upcall_pending) &&
		!READ_ONCE(v->vcpu_info->evtchn_upcall_mask)) {
		clear_bit(VPF_blocked, &v->pause_flags);
	} else {
		TRACE(TRC_SCHED_BLOCK, v->domain->domain_id, v->vcpu_id);
		raise_softirq(SCHEDULE_SOFTIRQ);
	}
}

void vcpu_yield(void)
{
	struct vcpu *v = current;
	unsigned long flags;
	struct sched_cpu *sc = vcpu_sched_lock(v, &flags);
	bool wanted = sched_ops->yield(v);

	TRACE(TRC_SCHED_YIELD, v->domain->domain_id, v->vcpu_id);
	spin_unlock_irqrestore(&sc->lock, flags);
	if (wanted)
		raise_softirq(SCHEDULE_SOFTIRQ);
}

static long op_yield(XEN_GUEST_HANDLE_PARAM(void) arg)
{
	vcpu_yield();
	return 0;
}

static long op_block(XEN_GUEST_HANDLE_PARAM(void) arg)
{
	WRITE_ONCE(current->vcpu_info->evtchn_upcall_mask, 0);
	vcpu_block();
	return 0;
}

/* Is one of the ports pending? 1, 0, -EFAULT or -EINVAL; *first is the first of them. */
static int poll_ports(struct domain *d, const struct sched_poll *poll, evtchn_port_t *first)
{
	for (unsigned int i = 0; i < poll->nr_ports; i++) {
		evtchn_port_t port;
		bool bad = false;

		if (copy_from_guest_offset(&port, poll->ports, (unsigned long)i, 1UL))
			return -EFAULT;
		if (evtchn_port_pending(d, port, &bad))
			return 1;
		if (bad)
			return -EINVAL;
		if (i == 0)
			*first = port;
	}
	return 0;
}

static long op_poll(XEN_GUEST_HANDLE_PARAM(void) arg)
{
	struct vcpu *v = current;
	struct domain *d = v->domain;
	struct sched_poll poll;
	evtchn_port_t first = 0;
	int rc = 0;

	if (raw_copy_from_guest(&poll, arg.p, sizeof(poll)))
		return -EFAULT;
	if (poll.nr_ports > MAX_POLL_PORTS)
		return -EINVAL;

	/* From here an event for any of our ports wakes us; only then look at them. */
	set_bit(VPF_blocked, &v->pause_flags);
	WRITE_ONCE(v->poll_evtchn, 0);
	set_bit(v->vcpu_id, d->poll_mask);

	if (!READ_ONCE(v->vcpu_info->evtchn_upcall_pending) ||
		READ_ONCE(v->vcpu_info->evtchn_upcall_mask)) {
		rc = poll_ports(d, &poll, &first);
		if (!rc) {
			if (poll.nr_ports == 1)
				WRITE_ONCE(v->poll_evtchn, first);
			if (poll.timeout) {
				migrate_timer(&v->poll_timer, smp_processor_id());
				set_timer(&v->poll_timer, poll.timeout);
			} else {
				stop_timer(&v->poll_timer);
			}
			raise_softirq(SCHEDULE_SOFTIRQ);
			return 0;
		}
	}
	forget_poll(v);
	clear_bit(VPF_blocked, &v->pause_flags);
	return rc < 0 ? rc : 0;
}

/* --- The end ---------------------------------------------------------------------------------- */

static long op_shutdown(XEN_GUEST_HANDLE_PARAM(void) arg)
{
	struct sched_shutdown s;

	if (raw_copy_from_guest(&s, arg.p, sizeof(s)))
		return -EFAULT;
	if (s.reason > SHUTDOWN_MAX)
		return -EINVAL;
	TRACE(TRC_SCHED_SHUTDOWN, current->domain->domain_id, current->vcpu_id, s.reason);
	domain_shutdown(current->domain, s.reason);
	return 0;
}

static long op_shutdown_code(XEN_GUEST_HANDLE_PARAM(void) arg)
{
	struct domain *d = current->domain;
	struct sched_shutdown s;

	if (raw_copy_from_guest(&s, arg.p, sizeof(s)))
		return -EFAULT;
	if (s.reason > SHUTDOWN_MAX)
		return -EINVAL;
	TRACE(TRC_SCHED_SHUTDOWN_CODE, d->domain_id, current->vcpu_id, s.reason);
	spin_lock(&d->shutdown_lock);
	if (d->shutdown_code == SHUTDOWN_CODE_INVALID)
		d->shutdown_code = s.reason;
	spin_unlock(&d->shutdown_lock);
	return 0;
}

static long op_remote_shutdown(XEN_GUEST_HANDLE_PARAM(void) arg)
{
	struct sched_remote_shutdown s;
	struct domain *d;

	if (raw_copy_from_guest(&s, arg.p, sizeof(s)))
		return -EFAULT;
	if (s.reason > SHUTDOWN_MAX)
		return -EINVAL;
	d = rcu_lock_domain_by_any_id(s.domain_id);
	if (!d)
		return -ESRCH;
	/* Somebody else's end is the control domain's business; one's own has its own operation. */
	if (!is_control_domain(current->domain) || d == current->domain)
		return -EPERM;
	domain_shutdown(d, s.reason);
	rcu_unlock_domain(d);
	return 0;
}

static long op_watchdog(XEN_GUEST_HANDLE_PARAM(void) arg)
{
	struct domain *d = current->domain;
	struct sched_watchdog w;
	unsigned int i;
	long rc = 0;

	if (raw_copy_from_guest(&w, arg.p, sizeof(w)))
		return -EFAULT;
	if (w.id > ARRAY_SIZE(d->watchdog_timer) || (!w.id && !w.timeout))
		return -EINVAL;
	spin_lock(&d->domain_lock);
	if (w.id) {
		i = w.id - 1;
		if (!(d->watchdog_inuse & 1u << i))
			rc = -EINVAL;
	} else {
		for (i = 0; i < ARRAY_SIZE(d->watchdog_timer) && d->watchdog_inuse & 1u << i; i++)
			;
		rc = i < ARRAY_SIZE(d->watchdog_timer) ? (long)i + 1 : -ENOSPC;
	}
	if (rc >= 0 && w.timeout) {
		d->watchdog_inuse |= 1u << i;
		set_timer(&d->watchdog_timer[i], NOW() + SECONDS(w.timeout));
	} else if (rc >= 0) {
		d->watchdog_inuse &= ~(1u << i);
		stop_timer(&d->watchdog_timer[i]);
	}
	spin_unlock(&d->domain_lock);
	return rc;
}

static long op_pin_override(XEN_GUEST_HANDLE_PARAM(void) arg)
{
	struct sched_pin_override p;

	if (!is_hardware_domain(current->domain))
		return -EPERM;
	if (raw_copy_from_guest(&p, arg.p, sizeof(p)))
		return -EFAULT;
	return vcpu_override_affinity(current, p.pcpu);
}

static long (*const sched_op_table[])(XEN_GUEST_HANDLE_PARAM(void) arg) = {
	[SCHEDOP_yield] = op_yield,
	[SCHEDOP_block] = op_block,
	[SCHEDOP_shutdown] = op_shutdown,
	[SCHEDOP_poll] = op_poll,
	[SCHEDOP_remote_shutdown] = op_remote_shutdown,
	[SCHEDOP_shutdown_code] = op_shutdown_code,
	[SCHEDOP_watchdog] = op_watchdog,
	[SCHEDOP_pin_override] = op_pin_override,
};

long do_sched_op(unsigned int cmd, XEN_GUEST_HANDLE_PARAM(void) arg)
{
	if (cmd >= ARRAY_SIZE(sched_op_table))
		return -ENOSYS;
	return sched_op_table[cmd](arg);
}
