/* sysctl: the machine's size, its CPUs and what they can do. */
#include <asm/system_policy.h>
#include <asm/topology.h>
#include <xen/errno.h>
#include <xen/lib.h>
#include <xen/mm.h>
#include <xen/sched.h>
#include <xen/smp.h>
#include <xen/sysctl.h>
#include <xen/time.h>

long sysctl_physinfo(struct xen_sysctl *op)
{
	struct xen_sysctl_physinfo *p = &op->u.physinfo;
	u32 words[CPU_FEATURE_WORDS];

	memset(p, 0, sizeof(*p));
	p->threads_per_core = threads_per_core();
	p->cores_per_socket = cores_per_socket();
	p->nr_cpus = num_online_cpus();
	p->max_cpu_id = nr_cpu_ids - 1;
	p->nr_nodes = 1;
	p->max_node_id = 0;
	p->cpu_khz = cpu_khz;
	p->capabilities = XEN_SYSCTL_PHYSCAP_pv | XEN_SYSCTL_PHYSCAP_gnttab_v1 |
		XEN_SYSCTL_PHYSCAP_gnttab_v2;
	p->total_pages = total_pages;
	p->free_pages = avail_domheap_pages(0);
	p->outstanding_pages = claimed_pages_count();
	p->max_mfn = max_page - 1;
	system_policy_featureset(system_policy(XEN_SYSCTL_cpu_policy_host), words);
	memcpy(p->hw_cap, words, sizeof(p->hw_cap));
	p->hw_cap[2] &= ~CPUID_E1_EDX_COMMON;
	return 0;
}

long sysctl_cputopoinfo(struct xen_sysctl *op)
{
	struct xen_sysctl_cputopoinfo *t = &op->u.cputopoinfo;

	if (guest_handle_is_null(t->cputopo)) {
		t->num_cpus = nr_cpu_ids;
		return 0;
	}
	t->num_cpus = min(t->num_cpus, nr_cpu_ids);
	for (unsigned int cpu = 0; cpu < t->num_cpus; cpu++) {
		struct xen_sysctl_cputopo info = { XEN_INVALID_CORE_ID, XEN_INVALID_SOCKET_ID,
			XEN_INVALID_NODE_ID };

		if (cpu_online(cpu))
			info = (struct xen_sysctl_cputopo){ cpu_to_core(cpu), cpu_to_socket(cpu), 0 };
		if (copy_to_guest_offset(t->cputopo, cpu, &info, 1))
			return -EFAULT;
	}
	return 0;
}

/* CPUs come at boot and stay. */
long sysctl_cpu_hotplug(struct xen_sysctl *op)
{
	const struct xen_sysctl_cpu_hotplug *h = &op->u.cpu_hotplug;

	switch (h->op) {
	case XEN_SYSCTL_CPU_HOTPLUG_ONLINE:
		if (h->cpu >= NR_CPUS || !cpumask_test_cpu(h->cpu, &cpu_present_map))
			return -EINVAL;
		return cpu_online(h->cpu) ? -EEXIST : -EOPNOTSUPP;
	case XEN_SYSCTL_CPU_HOTPLUG_OFFLINE:
		if (!h->cpu || h->cpu >= NR_CPUS || !cpu_online(h->cpu))
			return -EINVAL;
		return -EOPNOTSUPP;
	default:
		return -EOPNOTSUPP;
	}
}

/* CPUID of PV guests can be changed in no way that applications notice. */
long sysctl_get_cpu_levelling_caps(struct xen_sysctl *op)
{
	op->u.cpu_levelling_caps.caps = 0;
	return 0;
}

static const struct system_policy *featureset_policy(u32 index)
{
	static const u8 policies[] = {
		[XEN_SYSCTL_cpu_featureset_raw] = XEN_SYSCTL_cpu_policy_raw,
		[XEN_SYSCTL_cpu_featureset_host] = XEN_SYSCTL_cpu_policy_host,
		[XEN_SYSCTL_cpu_featureset_pv] = XEN_SYSCTL_cpu_policy_pv_default,
		[XEN_SYSCTL_cpu_featureset_hvm] = XEN_SYSCTL_cpu_policy_hvm_default,
		[XEN_SYSCTL_cpu_featureset_pv_max] = XEN_SYSCTL_cpu_policy_pv_max,
		[XEN_SYSCTL_cpu_featureset_hvm_max] = XEN_SYSCTL_cpu_policy_hvm_max,
	};

	return index < ARRAY_SIZE(policies) ? system_policy(policies[index]) : NULL;
}

/* A null list asks for its length. Too short a one is filled, and -ENOBUFS says so. */
long sysctl_get_cpu_featureset(struct xen_sysctl *op)
{
	struct xen_sysctl_cpu_featureset *f = &op->u.cpu_featureset;
	const struct system_policy *policy = featureset_policy(f->index);
	u32 words[CPU_FEATURE_WORDS], n = min(f->nr_features, (u32)CPU_FEATURE_WORDS);

	if (guest_handle_is_null(f->features)) {
		f->nr_features = CPU_FEATURE_WORDS;
		return 0;
	}
	if (f->index > XEN_SYSCTL_cpu_featureset_hvm_max)
		return -EINVAL;
	if (!policy)
		return -EOPNOTSUPP;
	system_policy_featureset(policy, words);
	if (copy_to_guest(f->features, words, n))
		return -EFAULT;
	if (f->nr_features < CPU_FEATURE_WORDS)
		return -ENOBUFS;
	f->nr_features = CPU_FEATURE_WORDS;
	return 0;
}

long sysctl_get_cpu_policy(struct xen_sysctl *op)
{
	struct xen_sysctl_cpu_policy *p = &op->u.cpu_policy;
	const struct system_policy *policy = system_policy(p->index);

	if (p->_rsvd || p->index > XEN_SYSCTL_cpu_policy_hvm_default)
		return -EINVAL;
	if (!policy)
		return -EOPNOTSUPP;
	return system_policy_copy(policy, p->leaves, &p->nr_leaves, p->msrs, &p->nr_msrs);
}

/* Monitoring and allocation of caches and memory bandwidth are not used. */
long sysctl_psr_cmt_op(struct xen_sysctl *op)
{
	return -ENODEV;
}

long sysctl_psr_alloc(struct xen_sysctl *op)
{
	return op->u.psr_alloc.cmd <= XEN_SYSCTL_PSR_get_mba_info ? -ENODEV : -EOPNOTSUPP;
}
