/* What tools see of a domain. */
#include <xen/domctl.h>
#include <xen/lib.h>
#include <xen/sched.h>

void getdomaininfo(struct domain *d, struct xen_domctl_getdomaininfo *info)
{
	bool all_blocked = true;
	struct vcpu_runstate_info rs;
	struct vcpu *v;

	memset(info, 0, sizeof(*info));
	info->domain = d->domain_id;
	info->max_vcpu_id = XEN_INVALID_MAX_VCPU_ID;
	for_each_vcpu (d, v) {
		vcpu_runstate_get(v, &rs);
		info->cpu_time += rs.time[RUNSTATE_running];
		info->max_vcpu_id = v->vcpu_id;
		if (test_bit(VPF_down, &v->pause_flags))
			continue;
		info->nr_online_vcpus++;
		all_blocked &= test_bit(VPF_blocked, &v->pause_flags);
		info->flags |= v->is_running ? XEN_DOMINF_running : 0;
	}
	if (info->nr_online_vcpus && all_blocked)
		info->flags |= XEN_DOMINF_blocked;
	if (d->is_shut_down)
		info->flags |= XEN_DOMINF_shutdown;
	if (d->controller_pause_count > 0)
		info->flags |= XEN_DOMINF_paused;
	info->flags |= (d->shutdown_code & XEN_DOMINF_shutdownmask) << XEN_DOMINF_shutdownshift;
	info->tot_pages = d->tot_pages;
	info->max_pages = d->max_pages;
	info->outstanding_pages = d->outstanding_pages;
	info->shared_info_frame = virt_to_mfn(d->shared_info);
	memcpy(info->handle, d->handle, sizeof(info->handle));
}
