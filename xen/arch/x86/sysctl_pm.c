/* sysctl: power management. There is one idle state, hlt, and frequencies are the firmware's. */
#include <asm/time.h>
#include <xen/errno.h>
#include <xen/lib.h>
#include <xen/sched.h>
#include <xen/smp.h>
#include <xen/sysctl.h>
#include <xen/time.h>

#define NR_CSTATES 2 /* C0 and C1 */

static bool cpu_valid(u32 cpu)
{
	return cpu < nr_cpu_ids && cpu_online(cpu);
}

static long get_cxstat(u32 cpu, struct pm_cx_stat *s)
{
	u32 n = min(s->nr, (u32)NR_CSTATES);
	s_time_t idle, now = NOW();
	u64 entries, triggers[NR_CSTATES], residencies[NR_CSTATES];

	cstate_read(cpu, &entries, &idle);
	triggers[0] = triggers[1] = entries;
	residencies[0] = now > idle ? now - idle : 0;
	residencies[1] = idle;
	if (copy_to_guest(s->triggers, triggers, n) || copy_to_guest(s->residencies, residencies, n))
		return -EFAULT;
	s->nr = NR_CSTATES;
	s->last = 1;
	s->idle_time = idle;
	s->nr_pc = s->nr_cc = 0;
	return 0;
}

long sysctl_get_pmstat(struct xen_sysctl *op)
{
	struct xen_sysctl_get_pmstat *p = &op->u.get_pmstat;

	if (!cpu_valid(p->cpuid))
		return -EINVAL;
	if ((p->type & PMSTAT_CATEGORY_MASK) != PMSTAT_CX)
		return -ENODEV;
	switch (p->type) {
	case PMSTAT_get_max_cx:
		p->u.getcx.nr = NR_CSTATES;
		return 0;
	case PMSTAT_get_cxstat:
		return get_cxstat(p->cpuid, &p->u.getcx);
	case PMSTAT_reset_cxstat:
		return 0;
	default:
		return -ENOSYS;
	}
}

/* Knobs for what is not there are refused; the deepest idle state may be asked for. */
long sysctl_pm_op(struct xen_sysctl *op)
{
	struct xen_sysctl_pm_op *p = &op->u.pm_op;

	if (!cpu_valid(p->cpuid))
		return -EINVAL;
	if ((p->cmd & PM_PARA_CATEGORY_MASK) == CPUFREQ_PARA)
		return -EINVAL;
	switch (p->cmd) {
	case XEN_SYSCTL_pm_op_get_max_cstate:
		p->u.get_max_cstate = 1;
		return 0;
	case XEN_SYSCTL_pm_op_set_max_cstate:
		return p->u.set_max_cstate ? 0 : -EOPNOTSUPP;
	case XEN_SYSCTL_pm_op_set_sched_opt_smt:
		return p->u.set_sched_opt_smt ? -EOPNOTSUPP : 0;
	case XEN_SYSCTL_pm_op_enable_turbo:
	case XEN_SYSCTL_pm_op_disable_turbo:
		return -EACCES;
	default:
		return -ENOSYS;
	}
}
