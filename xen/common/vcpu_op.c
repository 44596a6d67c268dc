/* Hypercalls 24 (vcpu_op) and 21 (vm_assist): what a guest does with its own vCPUs. */
#include <xen/errno.h>
#include <xen/guest_access.h>
#include <xen/hypercall.h>
#include <xen/lib.h>
#include <xen/sched.h>
#include <xen/xmalloc.h>

#define MIN_PERIOD MILLISECS(1)

/* --- Life and death --------------------------------------------------------------------------- */

static long op_initialise(struct vcpu *v, XEN_GUEST_HANDLE_PARAM(void) arg)
{
	struct domain *d = v->domain;
	vcpu_guest_context_t *ctxt = xmalloc(vcpu_guest_context_t);
	long rc = -EFAULT;

	if (!ctxt)
		return -ENOMEM;
	if (raw_copy_from_guest(ctxt, arg.p, sizeof(*ctxt)))
		goto out;
	spin_lock(&d->domain_lock);
	rc = v->is_initialised ? -EEXIST : arch_set_info_guest(v, ctxt);
	spin_unlock(&d->domain_lock);
out:
	xfree(ctxt);
	if (rc == -ERESTART)
		rc = hypercall_create_continuation(
			__HYPERVISOR_vcpu_op, 3, VCPUOP_initialise, v->vcpu_id, arg);
	return rc;
}

static long op_up(struct vcpu *v, XEN_GUEST_HANDLE_PARAM(void) arg)
{
	struct domain *d = v->domain;
	bool wake = false;
	long rc = 0;

	spin_lock(&d->domain_lock);
	if (!v->is_initialised)
		rc = -EINVAL;
	else
		wake = test_and_clear_bit(VPF_down, &v->pause_flags);
	spin_unlock(&d->domain_lock);
	if (wake)
		vcpu_wake(v);
	return rc;
}

static long op_down(struct vcpu *v, XEN_GUEST_HANDLE_PARAM(void) arg)
{
	struct vcpu *other;
	bool last = true;

	for_each_vcpu (v->domain, other)
		if (other != v && !test_bit(VPF_down, &other->pause_flags))
			last = false;
	/* A domain without a running vCPU could never do anything again. */
	if (last) {
		domain_shutdown(v->domain, SHUTDOWN_poweroff);
		return 0;
	}
	if (!test_and_set_bit(VPF_down, &v->pause_flags))
		vcpu_sleep_nosync(v);
	return 0;
}

static long op_is_up(struct vcpu *v, XEN_GUEST_HANDLE_PARAM(void) arg)
{
	return !test_bit(VPF_down, &v->pause_flags);
}

/* --- Runstate --------------------------------------------------------------------------------- */

static long op_get_runstate(struct vcpu *v, XEN_GUEST_HANDLE_PARAM(void) arg)
{
	struct vcpu_runstate_info rs;

	vcpu_runstate_get(v, &rs);
	return raw_copy_to_guest(arg.p, &rs, sizeof(rs)) ? -EFAULT : 0;
}

static long op_register_runstate(struct vcpu *v, XEN_GUEST_HANDLE_PARAM(void) arg)
{
	struct vcpu_register_runstate_memory_area area;
	struct vcpu_runstate_info rs;

	if (raw_copy_from_guest(&area, arg.p, sizeof(area)))
		return -EFAULT;
	if (!access_ok(area.addr.h.p, sizeof(rs)))
		return -EFAULT;
	v->runstate_guest = area.addr.h;
	/* The area need not be mapped yet: a failed copy is repeated at the next switch. */
	if (v == current) {
		update_runstate_area(v);
	} else if (!guest_handle_is_null(area.addr.h)) {
		vcpu_runstate_get(v, &rs);
		(void)copy_to_guest(area.addr.h, &rs, 1);
	}
	return 0;
}

/* --- Timers ----------------------------------------------------------------------------------- */

/*
 * v may be running elsewhere, and cannot be stopped for this: two vCPUs that did so to each other would
 * wait for ever. A tick that comes meanwhile goes by the old period or the new; the next by the new.
 */
static long set_period(struct vcpu *v, s_time_t period)
{
	s_time_t now = NOW();

	stop_timer(&v->periodic_timer);
	WRITE_ONCE(v->periodic_last_event, now);
	WRITE_ONCE(v->periodic_period, period);
	smp_mb(); /* whoever switches to v says so, and then looks at the period */
	if (period && READ_ONCE(v->is_running))
		set_timer(&v->periodic_timer, now + period);
	return 0;
}

static long op_set_periodic(struct vcpu *v, XEN_GUEST_HANDLE_PARAM(void) arg)
{
	struct vcpu_set_periodic_timer set;

	if (raw_copy_from_guest(&set, arg.p, sizeof(set)))
		return -EFAULT;
	if (set.period_ns < MIN_PERIOD || set.period_ns > STIME_MAX / 2)
		return -EINVAL;
	return set_period(v, set.period_ns);
}

static long op_stop_periodic(struct vcpu *v, XEN_GUEST_HANDLE_PARAM(void) arg)
{
	return set_period(v, 0);
}

static long op_set_singleshot(struct vcpu *v, XEN_GUEST_HANDLE_PARAM(void) arg)
{
	struct vcpu_set_singleshot_timer set;

	if (v != current)
		return -EINVAL;
	if (raw_copy_from_guest(&set, arg.p, sizeof(set)))
		return -EFAULT;
	if (set.timeout_abs_ns > STIME_MAX)
		set.timeout_abs_ns = STIME_MAX;
	if (unlikely(set.flags & VCPU_SSHOTTMR_future) && (s_time_t)set.timeout_abs_ns < NOW())
		return -ETIME;
	migrate_timer(&v->singleshot_timer, smp_processor_id());
	set_timer(&v->singleshot_timer, set.timeout_abs_ns);
	return 0;
}

static long op_stop_singleshot(struct vcpu *v, XEN_GUEST_HANDLE_PARAM(void) arg)
{
	if (v != current)
		return -EINVAL;
	stop_timer(&v->singleshot_timer);
	return 0;
}

static long op_register_info(struct vcpu *v, XEN_GUEST_HANDLE_PARAM(void) arg)
{
	struct vcpu_register_vcpu_info info;
	struct domain *d = v->domain;
	long rc;

	if (raw_copy_from_guest(&info, arg.p, sizeof(info)))
		return -EFAULT;
	spin_lock(&d->domain_lock);
	rc = map_vcpu_info(v, info.mfn, info.offset);
	spin_unlock(&d->domain_lock);
	return rc;
}

/* --- The table -------------------------------------------------------------------------------- */

static long (*const vcpu_op_table[])(struct vcpu *v, XEN_GUEST_HANDLE_PARAM(void) arg) = {
	[VCPUOP_initialise] = op_initialise,
	[VCPUOP_up] = op_up,
	[VCPUOP_down] = op_down,
	[VCPUOP_is_up] = op_is_up,
	[VCPUOP_get_runstate_info] = op_get_runstate,
	[VCPUOP_register_runstate_memory_area] = op_register_runstate,
	[VCPUOP_set_periodic_timer] = op_set_periodic,
	[VCPUOP_stop_periodic_timer] = op_stop_periodic,
	[VCPUOP_set_singleshot_timer] = op_set_singleshot,
	[VCPUOP_stop_singleshot_timer] = op_stop_singleshot,
	[VCPUOP_register_vcpu_info] = op_register_info,
};

long do_vcpu_op(unsigned int cmd, unsigned int vcpuid, XEN_GUEST_HANDLE_PARAM(void) arg)
{
	struct vcpu *v = domain_vcpu(current->domain, vcpuid);

	if (!v)
		return -ENOENT;
	if (cmd < ARRAY_SIZE(vcpu_op_table) && vcpu_op_table[cmd])
		return vcpu_op_table[cmd](v, arg);
	return arch_do_vcpu_op(cmd, v, arg);
}

long do_vm_assist(unsigned int cmd, unsigned int type)
{
	struct domain *d = current->domain;

	if (type >= 64 || !(VM_ASSIST_VALID & BIT(type)))
		return -EINVAL;
	switch (cmd) {
	case VMASST_CMD_enable:
		set_bit(type, &d->vm_assist);
		return 0;
	case VMASST_CMD_disable:
		clear_bit(type, &d->vm_assist);
		return 0;
	default:
		return -ENOSYS;
	}
}
