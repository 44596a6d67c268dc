/* sysctl: the table from command to handler. The handlers stand in the files named sysctl_*.c. */
#include <xen/errno.h>
#include <xen/hypercall.h>
#include <xen/sched.h>
#include <xen/spinlock.h>
#include <xen/sysctl.h>
#include <xen/trace.h>

/* One sysctl at a time; never held together with the domctl lock, whose rank it has. */
static DEFINE_SPINLOCK(sysctl_lock, LOCK_RANK_DOMCTL);

/* Not here, hence -ENOSYS: lock profiles and live patches. */
static const struct {
	sysctl_fn *fn;
	bool out; /* the argument is written back on success */
} sysctls[] = {
	[XEN_SYSCTL_readconsole] = { sysctl_readconsole, true },
	[XEN_SYSCTL_tbuf_op] = { sysctl_tbuf_op, true },
	[XEN_SYSCTL_physinfo] = { sysctl_physinfo, true },
	[XEN_SYSCTL_sched_id] = { sysctl_sched_id, true },
	[XEN_SYSCTL_perfc_op] = { sysctl_perfc_op, true },
	[XEN_SYSCTL_getdomaininfolist] = { sysctl_getdomaininfolist, true },
	[XEN_SYSCTL_debug_keys] = { sysctl_debug_keys, false },
	[XEN_SYSCTL_getcpuinfo] = { sysctl_getcpuinfo, true },
	[XEN_SYSCTL_availheap] = { sysctl_availheap, true },
	[XEN_SYSCTL_get_pmstat] = { sysctl_get_pmstat, true },
	[XEN_SYSCTL_cpu_hotplug] = { sysctl_cpu_hotplug, false },
	[XEN_SYSCTL_pm_op] = { sysctl_pm_op, true },
	[XEN_SYSCTL_page_offline_op] = { sysctl_page_offline_op, false },
	[XEN_SYSCTL_cputopoinfo] = { sysctl_cputopoinfo, true },
	[XEN_SYSCTL_numainfo] = { sysctl_numainfo, true },
	[XEN_SYSCTL_cpupool_op] = { sysctl_cpupool_op, true },
	[XEN_SYSCTL_scheduler_op] = { sysctl_scheduler_op, true },
	[XEN_SYSCTL_coverage_op] = { sysctl_coverage_op, false },
	[XEN_SYSCTL_psr_cmt_op] = { sysctl_psr_cmt_op, false },
	[XEN_SYSCTL_pcitopoinfo] = { sysctl_pcitopoinfo, true },
	[XEN_SYSCTL_psr_alloc] = { sysctl_psr_alloc, false },
	[XEN_SYSCTL_get_cpu_levelling_caps] = { sysctl_get_cpu_levelling_caps, true },
	[XEN_SYSCTL_get_cpu_featureset] = { sysctl_get_cpu_featureset, true },
	[XEN_SYSCTL_get_cpu_policy] = { sysctl_get_cpu_policy, true },
};

long do_sysctl(XEN_GUEST_HANDLE_PARAM(xen_sysctl_t) uop)
{
	struct xen_sysctl op;
	long rc;

	if (!is_control_domain(current->domain))
		return -EPERM;
	if (copy_from_guest(&op, uop, 1))
		return -EFAULT;
	if (op.interface_version != XEN_SYSCTL_INTERFACE_VERSION)
		return -EACCES;
	if (op.cmd >= ARRAY_SIZE(sysctls) || !sysctls[op.cmd].fn)
		return -ENOSYS;
	/* The holder may be long about it: this vCPU can take events meanwhile. */
	if (!spin_trylock(&sysctl_lock))
		return hypercall_create_continuation(__HYPERVISOR_sysctl, 1, uop.p);
	rc = sysctls[op.cmd].fn(&op);
	spin_unlock(&sysctl_lock);
	if (!rc && sysctls[op.cmd].out && copy_to_guest(uop, &op, 1))
		rc = -EFAULT;
	return rc;
}
