/* Hypercall 35 (sysctl): what control tools ask about the machine. Interface: public/sysctl.h. */
#ifndef XEN_SYSCTL_H
#define XEN_SYSCTL_H

#include <public/sysctl.h>
#include <xen/guest_access.h>

/*
 * -EPERM: the caller is no control domain; -EACCES: another version of the interface; -ENOSYS:
 * unknown command. Else what the command's handler says.
 */
long do_sysctl(XEN_GUEST_HANDLE_PARAM(xen_sysctl_t) uop);

/*
 * A command's work: 0 or a negative error. `op` is our copy of the argument; the caller gets it back
 * when the handler succeeds, if the table in sysctl.c says so. One handler runs at a time.
 */
typedef long sysctl_fn(struct xen_sysctl *op);

/* common/sysctl_debug.c */
sysctl_fn sysctl_readconsole, sysctl_perfc_op, sysctl_debug_keys, sysctl_coverage_op;
/* common/sysctl_sched.c */
sysctl_fn sysctl_sched_id, sysctl_getcpuinfo, sysctl_cpupool_op, sysctl_scheduler_op;
/* common/sysctl_domain.c */
sysctl_fn sysctl_getdomaininfolist;
/* common/sysctl_memory.c */
sysctl_fn sysctl_availheap, sysctl_page_offline_op, sysctl_numainfo, sysctl_pcitopoinfo;
/* arch/x86/sysctl.c */
sysctl_fn sysctl_physinfo, sysctl_cpu_hotplug, sysctl_cputopoinfo, sysctl_get_cpu_levelling_caps,
	sysctl_get_cpu_featureset, sysctl_get_cpu_policy, sysctl_psr_cmt_op, sysctl_psr_alloc;
/* arch/x86/sysctl_pm.c */
sysctl_fn sysctl_get_pmstat, sysctl_pm_op;

#endif
