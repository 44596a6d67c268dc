/* sysctl: the scheduler, and the only pool of CPUs, number 0. */
#include <xen/domctl.h>
#include <xen/errno.h>
#include <xen/lib.h>
#include <xen/sched.h>
#include <xen/smp.h>
#include <xen/sysctl.h>

long sysctl_sched_id(struct xen_sysctl *op)
{
	op->u.sched_id.sched_id = scheduler_id();
	return 0;
}

long sysctl_scheduler_op(struct xen_sysctl *op)
{
	return sched_adjust_global(&op->u.scheduler_op);
}

/* How long each CPU has been idle. */
long sysctl_getcpuinfo(struct xen_sysctl *op)
{
	struct xen_sysctl_getcpuinfo *g = &op->u.getcpuinfo;
	unsigned int n = min(g->max_cpus, nr_cpu_ids);

	for (unsigned int cpu = 0; cpu < n; cpu++) {
		struct xen_sysctl_cpuinfo info = { 0 };
		struct vcpu_runstate_info rs;

		if (cpu_online(cpu)) {
			vcpu_runstate_get(per_cpu(idle_vcpu, cpu), &rs);
			info.idletime = rs.time[RUNSTATE_running];
		}
		if (copy_to_guest_offset(g->info, cpu, &info, 1))
			return -EFAULT;
	}
	g->nr_cpus = n;
	return 0;
}

/* --- CPU pools -------------------------------------------------------------------------------- */

/* The first pool with at least the id asked for: tools go through all of them this way. */
static long cpupool_info(struct xen_sysctl_cpupool_op *p)
{
	const struct domain *d;

	if (p->cpupool_id)
		return -ENOENT;
	p->sched_id = scheduler_id();
	p->n_dom = 0;
	for_each_domain (d)
		p->n_dom++;
	return cpumask_to_xenctl(&p->cpumap, &cpu_online_map);
}

/* CPUs that belong to no pool. */
static long cpupool_freeinfo(struct xen_sysctl_cpupool_op *p)
{
	return cpumask_to_xenctl(&p->cpumap, &CPUMASK_NONE);
}

static long cpupool_create(struct xen_sysctl_cpupool_op *p)
{
	return p->sched_id && p->sched_id != scheduler_id() ? -ENOENT : -EOPNOTSUPP;
}

/* Pool 0 stays, and all CPUs stay in it. */
static long cpupool_busy(struct xen_sysctl_cpupool_op *p)
{
	return p->cpupool_id ? -ENOENT : -EBUSY;
}

static long cpupool_cpu(struct xen_sysctl_cpupool_op *p)
{
	if (p->cpupool_id)
		return -ENOENT;
	if (p->cpu != XEN_SYSCTL_CPUPOOL_PAR_ANY && (p->cpu >= nr_cpu_ids || !cpu_online(p->cpu)))
		return -EINVAL;
	return -EBUSY;
}

static long cpupool_movedomain(struct xen_sysctl_cpupool_op *p)
{
	struct domain *d = rcu_lock_domain_by_any_id(p->domid);
	long rc = p->cpupool_id ? -ENOENT : 0;

	if (!d)
		return -ESRCH;
	if (d == current->domain)
		rc = -EPERM;
	rcu_unlock_domain(d);
	return rc;
}

static long (*const cpupool_ops[])(struct xen_sysctl_cpupool_op *p) = {
	[XEN_SYSCTL_CPUPOOL_OP_CREATE] = cpupool_create,
	[XEN_SYSCTL_CPUPOOL_OP_DESTROY] = cpupool_busy,
	[XEN_SYSCTL_CPUPOOL_OP_INFO] = cpupool_info,
	[XEN_SYSCTL_CPUPOOL_OP_ADDCPU] = cpupool_cpu,
	[XEN_SYSCTL_CPUPOOL_OP_RMCPU] = cpupool_cpu,
	[XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN] = cpupool_movedomain,
	[XEN_SYSCTL_CPUPOOL_OP_FREEINFO] = cpupool_freeinfo,
};

long sysctl_cpupool_op(struct xen_sysctl *op)
{
	struct xen_sysctl_cpupool_op *p = &op->u.cpupool_op;

	if (p->op >= ARRAY_SIZE(cpupool_ops) || !cpupool_ops[p->op])
		return -ENOSYS;
	return cpupool_ops[p->op](p);
}
