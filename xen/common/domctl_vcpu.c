/* domctl: vCPUs, their registers, where and how much they run. */
#include <xen/domctl.h>
#include <xen/errno.h>
#include <xen/lib.h>
#include <xen/sched.h>
#include <xen/xmalloc.h>

int domctl_max_vcpus(struct domain *d, struct xen_domctl *op)
{
	unsigned int max = op->u.max_vcpus.max, cpu = cpumask_first(&cpu_online_map);

	if (!max || max > d->max_vcpus)
		return -EINVAL;
	/* The CPUs in turn, other domains beginning with others. */
	for (unsigned int i = 0; i < d->domain_id % num_online_cpus(); i++)
		cpu = cpumask_cycle(cpu, &cpu_online_map);
	for (unsigned int id = 0; id < max; id++, cpu = cpumask_cycle(cpu, &cpu_online_map)) {
		if (d->vcpu[id])
			continue;
		if (hypercall_preempt_check())
			return -ERESTART;
		/* Those made stay: the domain is destroyed, or the call repeated. */
		if (!vcpu_create(d, id, cpu))
			return -ENOMEM;
	}
	return 0;
}

/* --- Registers -------------------------------------------------------------------------------- */

/* Bring a vCPU up or down, as its context says. */
static void set_online(struct vcpu *v, bool online)
{
	if (online) {
		if (test_and_clear_bit(VPF_down, &v->pause_flags))
			vcpu_wake(v);
	} else if (!test_and_set_bit(VPF_down, &v->pause_flags)) {
		vcpu_sleep_nosync(v);
	}
}

static int set_context(struct vcpu *v, const vcpu_guest_context_t *c)
{
	struct domain *d = v->domain;
	int rc;

	domain_pause(d);
	spin_lock(&d->domain_lock);
	rc = d->is_dying ? -EINVAL : arch_set_info_guest(v, c);
	if (!rc) {
		set_online(v, c->flags & VGCF_online);
		if (v->vcpu_id == 0)
			d->vm_assist = c->vm_assist & VM_ASSIST_VALID;
	}
	spin_unlock(&d->domain_lock);
	domain_unpause(d);
	return rc;
}

int domctl_setvcpucontext(struct domain *d, struct xen_domctl *op)
{
	struct vcpu *v = domain_vcpu(d, op->u.vcpucontext.vcpu);
	vcpu_guest_context_t *c;
	int rc = -EFAULT;

	if (!v || guest_handle_is_null(op->u.vcpucontext.ctxt))
		return -EINVAL;
	c = xmalloc(vcpu_guest_context_t);
	if (!c)
		return -ENOMEM;
	if (!copy_from_guest(c, op->u.vcpucontext.ctxt, 1))
		rc = set_context(v, c);
	xfree(c);
	return rc;
}

int domctl_getvcpucontext(struct domain *d, struct xen_domctl *op)
{
	struct vcpu *v = domain_vcpu(d, op->u.vcpucontext.vcpu);
	vcpu_guest_context_t *c;
	int rc = 0;

	if (!v)
		return -ESRCH;
	if (!v->is_initialised)
		return -ENODATA;
	c = xzalloc(vcpu_guest_context_t);
	if (!c)
		return -ENOMEM;
	vcpu_pause(v);
	arch_get_info_guest(v, c);
	if (!test_bit(VPF_down, &v->pause_flags))
		c->flags |= VGCF_online;
	c->vm_assist = d->vm_assist;
	vcpu_unpause(v);
	if (copy_to_guest(op->u.vcpucontext.ctxt, c, 1))
		rc = -EFAULT;
	xfree(c);
	return rc;
}

/* --- State and scheduling --------------------------------------------------------------------- */

int domctl_getvcpuinfo(struct domain *d, struct xen_domctl *op)
{
	struct xen_domctl_getvcpuinfo *info = &op->u.getvcpuinfo;
	struct vcpu *v = domain_vcpu(d, info->vcpu);
	struct vcpu_runstate_info rs;

	if (info->vcpu >= d->max_vcpus)
		return -EINVAL;
	if (!v)
		return -ESRCH;
	vcpu_runstate_get(v, &rs);
	info->online = !test_bit(VPF_down, &v->pause_flags);
	info->blocked = test_bit(VPF_blocked, &v->pause_flags);
	info->running = v->is_running;
	info->cpu_time = rs.time[RUNSTATE_running];
	info->cpu = v->processor;
	return 0;
}

static int set_hard(struct vcpu *v, struct xen_domctl_vcpuaffinity *a)
{
	cpumask_t mask;
	int rc;

	/* FORCE ends an override: what was asked for counts again. */
	if (a->flags & XEN_VCPUAFFINITY_FORCE)
		(void)vcpu_override_affinity(v, -1);
	rc = cpumask_from_xenctl(&mask, &a->cpumap_hard);
	if (!rc)
		rc = vcpu_set_hard_affinity(v, &mask);
	return rc ? rc : cpumask_to_xenctl(&a->cpumap_hard, &v->cpu_hard_affinity);
}

/* The answer is what can come true: those CPUs that it may use and that there are. */
static int set_soft(struct vcpu *v, struct xen_domctl_vcpuaffinity *a)
{
	cpumask_t mask;
	int rc = cpumask_from_xenctl(&mask, &a->cpumap_soft);

	if (!rc)
		rc = vcpu_set_soft_affinity(v, &mask);
	if (rc)
		return rc;
	cpumask_and(&mask, &mask, &cpu_online_map);
	cpumask_and(&mask, &mask, &v->cpu_hard_affinity);
	return cpumask_to_xenctl(&a->cpumap_soft, &mask);
}

static int find_affinity_vcpu(struct domain *d, const struct xen_domctl_vcpuaffinity *a, struct vcpu **v)
{
	const u32 kinds = XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT;

	if (a->vcpu >= d->max_vcpus || !(a->flags & kinds) ||
		(a->flags & ~(kinds | XEN_VCPUAFFINITY_FORCE)))
		return -EINVAL;
	*v = domain_vcpu(d, a->vcpu);
	return *v ? 0 : -ESRCH;
}

int domctl_setvcpuaffinity(struct domain *d, struct xen_domctl *op)
{
	struct xen_domctl_vcpuaffinity *a = &op->u.vcpuaffinity;
	cpumask_t old;
	struct vcpu *v;
	int rc = find_affinity_vcpu(d, a, &v);

	if (rc)
		return rc;
	old = v->cpu_hard_affinity;
	if (a->flags & XEN_VCPUAFFINITY_HARD)
		rc = set_hard(v, a);
	if (!rc && (a->flags & XEN_VCPUAFFINITY_SOFT)) {
		rc = set_soft(v, a);
		if (rc && (a->flags & XEN_VCPUAFFINITY_HARD))
			(void)vcpu_set_hard_affinity(v, &old); /* all or nothing */
	}
	return rc;
}

int domctl_getvcpuaffinity(struct domain *d, struct xen_domctl *op)
{
	struct xen_domctl_vcpuaffinity *a = &op->u.vcpuaffinity;
	struct vcpu *v;
	int rc = find_affinity_vcpu(d, a, &v);

	if (!rc && (a->flags & XEN_VCPUAFFINITY_HARD))
		rc = cpumask_to_xenctl(&a->cpumap_hard, &v->cpu_hard_affinity);
	if (!rc && (a->flags & XEN_VCPUAFFINITY_SOFT))
		rc = cpumask_to_xenctl(&a->cpumap_soft, &v->cpu_soft_affinity);
	return rc;
}

int domctl_scheduler_op(struct domain *d, struct xen_domctl *op)
{
	return sched_adjust(d, &op->u.scheduler_op);
}
