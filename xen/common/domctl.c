/* domctl: finding the handler of a command; the life of a domain as its controller sees it. */
#include <xen/domctl.h>
#include <xen/errno.h>
#include <xen/grant_table.h>
#include <xen/hypercall.h>
#include <xen/lib.h>
#include <xen/sched.h>

static DEFINE_SPINLOCK(domctl_lock, LOCK_RANK_DOMCTL);

/* --- Creation --------------------------------------------------------------------------------- */

/* Why a domain like that cannot be, or NULL. */
static const char *creation_refused(const struct xen_domctl_createdomain *c)
{
	if (c->flags & XEN_DOMCTL_CDF_hvm)
		return "HVM guests are not supported";
	if (c->flags & XEN_DOMCTL_CDF_hap)
		return "HAP is for HVM guests";
	if (c->flags & XEN_DOMCTL_CDF_iommu)
		return "there is no IOMMU";
	/* What a guest may do without all the same: oos_off says how not to shadow page tables. */
	if (c->flags & ~(XEN_DOMCTL_CDF_oos_off | XEN_DOMCTL_CDF_xs_domain))
		return "unknown or unsupported flags";
	if (c->iommu_opts)
		return "IOMMU options without an IOMMU";
	if (c->vmtrace_size)
		return "processor tracing is not supported";
	if (!c->max_vcpus || c->max_vcpus > MAX_VIRT_CPUS)
		return "number of vCPUs out of range";
	if (c->max_grant_frames == 0 || c->max_grant_frames > (int)opt_max_grant_frames ||
		c->max_maptrack_frames > (int)opt_max_maptrack_frames)
		return "number of grant table or maptrack frames out of range";
	if (XEN_DOMCTL_GRANT_version(c->grant_opts) < 1 || c->grant_opts > 2)
		return "unknown version of grant tables";
	if (c->arch.emulation_flags)
		return "PV guests have no emulated devices";
	if (c->arch.misc_flags & ~XEN_X86_MISC_FLAGS_MAX)
		return "unknown miscellaneous flags";
	return NULL;
}

/* The wanted identifier, or the next free one after that given out last. */
static int choose_domid(domid_t wanted, domid_t *id)
{
	static domid_t last;

	if (wanted && wanted < DOMID_FIRST_RESERVED) {
		*id = wanted;
		return rcu_lock_domain_by_id(wanted) ? -EEXIST : 0;
	}
	for (unsigned int i = 0; i < DOMID_FIRST_RESERVED; i++) {
		last = last + 1 < DOMID_FIRST_RESERVED ? last + 1 : 1;
		if (!rcu_lock_domain_by_id(last)) {
			*id = last;
			return 0;
		}
	}
	return -ENOMEM;
}

static int op_createdomain(struct domain *unused, struct xen_domctl *op)
{
	const struct xen_domctl_createdomain *c = &op->u.createdomain;
	const char *refused = creation_refused(c);
	struct domain_config cfg = {
		.max_vcpus = c->max_vcpus,
		.max_evtchn_port = c->max_evtchn_port,
		/* 0 is the default, and the least possible 1. */
		.max_grant_frames = max(c->max_grant_frames, 0),
		.max_maptrack_frames = c->max_maptrack_frames < 0 ? 0 : max(c->max_maptrack_frames, 1),
		.max_grant_version = XEN_DOMCTL_GRANT_version(c->grant_opts),
		.xenstore = c->flags & XEN_DOMCTL_CDF_xs_domain,
		.relaxed_msrs = c->arch.misc_flags & XEN_X86_MSR_RELAXED,
		.ssidref = c->ssidref,
	};
	struct domain *d;
	domid_t id;
	int rc;

	if (refused) {
		printk(XENLOG_G_WARNING "createdomain: %s\n", refused);
		return -EINVAL;
	}
	if (c->cpupool_id)
		return -ESRCH;
	memcpy(cfg.handle, c->handle, sizeof(cfg.handle));
	rc = choose_domid(op->domain, &id);
	if (!rc)
		rc = domain_create(id, &cfg, &d);
	if (!rc)
		op->domain = id;
	return rc;
}

/* --- Running and not -------------------------------------------------------------------------- */

static int op_destroydomain(struct domain *d, struct xen_domctl *op)
{
	return domain_kill(d);
}

static int op_pausedomain(struct domain *d, struct xen_domctl *op)
{
	return domain_pause_by_systemcontroller(d);
}

static int op_unpausedomain(struct domain *d, struct xen_domctl *op)
{
	return domain_unpause_by_systemcontroller(d);
}

static int op_resumedomain(struct domain *d, struct xen_domctl *op)
{
	domain_resume(d);
	return 0;
}

/* --- What there is to know -------------------------------------------------------------------- */

static void count_vcpus(struct domain *d, struct xen_domctl_getdomaininfo *info)
{
	bool all_blocked = true, running = false;
	struct vcpu_runstate_info rs;
	struct vcpu *v;

	info->max_vcpu_id = XEN_INVALID_MAX_VCPU_ID;
	for_each_vcpu (d, v) {
		vcpu_runstate_get(v, &rs);
		info->cpu_time += rs.time[RUNSTATE_running];
		info->max_vcpu_id = v->vcpu_id;
		if (test_bit(VPF_down, &v->pause_flags))
			continue;
		if (!test_bit(VPF_blocked, &v->pause_flags))
			all_blocked = false;
		running |= v->is_running;
		info->nr_online_vcpus++;
	}
	if (info->nr_online_vcpus && all_blocked)
		info->flags |= XEN_DOMINF_blocked;
	if (running)
		info->flags |= XEN_DOMINF_running;
}

void getdomaininfo(struct domain *d, struct xen_domctl_getdomaininfo *info)
{
	memset(info, 0, sizeof(*info));
	info->domain = d->domain_id;
	count_vcpus(d, info);
	if (READ_ONCE(d->is_dying) == DOMDYING_dead)
		info->flags |= XEN_DOMINF_dying;
	if (d->is_shut_down)
		info->flags |= XEN_DOMINF_shutdown;
	if (d->controller_pause_count > 0)
		info->flags |= XEN_DOMINF_paused;
	if (d->debugger_attached)
		info->flags |= XEN_DOMINF_debugged;
	if (d->is_xenstore)
		info->flags |= XEN_DOMINF_xs_domain;
	info->flags |= (d->shutdown_code & XEN_DOMINF_shutdownmask) << XEN_DOMINF_shutdownshift;
	info->tot_pages = READ_ONCE(d->tot_pages);
	info->max_pages = READ_ONCE(d->max_pages);
	info->outstanding_pages = READ_ONCE(d->outstanding_pages);
	info->shared_info_frame = virt_to_mfn(d->shared_info);
	info->ssidref = d->ssidref;
	memcpy(info->handle, d->handle, sizeof(info->handle));
	arch_getdomaininfo(d, info);
}

/* Tools walk all domains by asking for the number after the one they got. */
static int op_getdomaininfo(struct domain *unused, struct xen_domctl *op)
{
	struct domain *d;

	for_each_domain (d) {
		if (d->domain_id < op->domain)
			continue;
		getdomaininfo(d, &op->u.getdomaininfo);
		op->domain = d->domain_id;
		return 0;
	}
	return -ESRCH;
}

/* --- Small properties ------------------------------------------------------------------------- */

static int op_setdomainhandle(struct domain *d, struct xen_domctl *op)
{
	memcpy(d->handle, op->u.setdomainhandle.handle, sizeof(d->handle));
	return 0;
}

/* The domain's int3 and single steps would stop it for a debugger; there is none to attach yet. */
static int op_setdebugging(struct domain *d, struct xen_domctl *op)
{
	return op->u.setdebugging.enable ? -EOPNOTSUPP : 0;
}

static int op_settimeoffset(struct domain *d, struct xen_domctl *op)
{
	domain_set_time_offset(d, op->u.settimeoffset.time_offset_seconds);
	return 0;
}

static int op_set_virq_handler(struct domain *d, struct xen_domctl *op)
{
	return set_global_virq_handler(d, op->u.set_virq_handler.virq);
}

/* Port of the domain's suspend event channel: it is rung when the domain has suspended. */
static int op_subscribe(struct domain *d, struct xen_domctl *op)
{
	return domain_set_suspend_port(d, op->u.subscribe.port);
}

static int op_unsupported(struct domain *d, struct xen_domctl *op)
{
	return -EOPNOTSUPP;
}

/* What only guests with another kind of memory or interrupts can be asked for. */
static int op_hvm_only(struct domain *d, struct xen_domctl *op)
{
	return -EINVAL;
}

/* --- The table -------------------------------------------------------------------------------- */

#define NO_DOMAIN BIT(0) /* op->domain need not exist */
#define OTHER     BIT(1) /* not on the caller's own domain */
#define ALIVE     BIT(2) /* not on a dying domain */
#define OUT       BIT(3) /* the argument holds results */
#define OUT_ERROR BIT(4) /* also when the command fails */

#define DOMCTL(name, fn, flags) [XEN_DOMCTL_##name] = { fn, flags }
static const struct {
	domctl_fn *fn;
	unsigned int flags;
} domctls[] = {
	DOMCTL(createdomain, op_createdomain, NO_DOMAIN | OUT),
	DOMCTL(destroydomain, op_destroydomain, OTHER),
	DOMCTL(pausedomain, op_pausedomain, OTHER),
	DOMCTL(unpausedomain, op_unpausedomain, OTHER),
	DOMCTL(resumedomain, op_resumedomain, OTHER | ALIVE),
	DOMCTL(getdomaininfo, op_getdomaininfo, NO_DOMAIN | OUT),
	DOMCTL(max_vcpus, domctl_max_vcpus, OTHER | ALIVE),
	DOMCTL(setvcpucontext, domctl_setvcpucontext, OTHER | ALIVE),
	DOMCTL(getvcpucontext, domctl_getvcpucontext, OTHER),
	DOMCTL(getvcpuinfo, domctl_getvcpuinfo, OUT),
	DOMCTL(setvcpuaffinity, domctl_setvcpuaffinity, ALIVE | OUT),
	DOMCTL(getvcpuaffinity, domctl_getvcpuaffinity, OUT),
	DOMCTL(scheduler_op, domctl_scheduler_op, OUT),
	DOMCTL(max_mem, domctl_max_mem, ALIVE),
	DOMCTL(setnodeaffinity, domctl_setnodeaffinity, ALIVE),
	DOMCTL(getnodeaffinity, domctl_getnodeaffinity, OUT),
	DOMCTL(irq_permission, domctl_irq_permission, ALIVE),
	DOMCTL(iomem_permission, domctl_iomem_permission, ALIVE),
	DOMCTL(ioport_permission, domctl_ioport_permission, ALIVE),
	DOMCTL(setdomainhandle, op_setdomainhandle, 0),
	DOMCTL(setdebugging, op_setdebugging, OTHER),
	DOMCTL(settimeoffset, op_settimeoffset, ALIVE),
	DOMCTL(set_virq_handler, op_set_virq_handler, ALIVE),
	DOMCTL(subscribe, op_subscribe, ALIVE),
	DOMCTL(hypercall_init, domctl_hypercall_init, ALIVE),
	DOMCTL(set_address_size, domctl_address_size, ALIVE),
	DOMCTL(get_address_size, domctl_address_size, OUT),
	DOMCTL(shadow_op, domctl_shadow_op, OUT),
	DOMCTL(getpageframeinfo3, domctl_getpageframeinfo3, OUT | OUT_ERROR),
	DOMCTL(settscinfo, domctl_settscinfo, OTHER | ALIVE),
	DOMCTL(gettscinfo, domctl_gettscinfo, OUT),
	DOMCTL(set_cpu_policy, domctl_set_cpu_policy, OTHER | ALIVE | OUT | OUT_ERROR),
	DOMCTL(get_cpu_policy, domctl_get_cpu_policy, OUT),
	DOMCTL(sendtrigger, domctl_sendtrigger, ALIVE),
	DOMCTL(setvcpuextstate, domctl_setvcpuextstate, OTHER | ALIVE),
	DOMCTL(getvcpuextstate, domctl_getvcpuextstate, OTHER | OUT),
	DOMCTL(set_vcpu_msrs, domctl_set_vcpu_msrs, OTHER | ALIVE | OUT | OUT_ERROR),
	DOMCTL(get_vcpu_msrs, domctl_get_vcpu_msrs, OTHER | OUT),
	DOMCTL(set_ext_vcpucontext, domctl_set_ext_vcpucontext, OTHER | ALIVE),
	DOMCTL(get_ext_vcpucontext, domctl_get_ext_vcpucontext, OTHER | OUT),
	/* There is no device that could be given away. */
	DOMCTL(assign_device, op_unsupported, 0),
	DOMCTL(test_assign_device, op_unsupported, NO_DOMAIN),
	DOMCTL(deassign_device, op_unsupported, 0),
	DOMCTL(get_device_group, op_unsupported, 0),
	DOMCTL(bind_pt_irq, op_hvm_only, 0),
	DOMCTL(unbind_pt_irq, op_hvm_only, 0),
	DOMCTL(ioport_mapping, op_hvm_only, 0),
	DOMCTL(memory_mapping, op_unsupported, 0),
	DOMCTL(gethvmcontext, op_hvm_only, 0),
	DOMCTL(gethvmcontext_partial, op_hvm_only, 0),
	DOMCTL(sethvmcontext, op_hvm_only, 0),
	DOMCTL(set_broken_page_p2m, op_hvm_only, 0),
	DOMCTL(debug_op, op_hvm_only, 0),
	DOMCTL(set_access_required, op_hvm_only, 0),
	DOMCTL(get_paging_mempool_size, op_unsupported, 0),
	DOMCTL(set_paging_mempool_size, op_unsupported, 0),
	DOMCTL(vm_event_op, op_unsupported, 0),
	DOMCTL(monitor_op, op_unsupported, 0),
	DOMCTL(psr_cmt_op, op_unsupported, 0),
	DOMCTL(psr_alloc, op_unsupported, 0),
	DOMCTL(vmtrace_op, op_unsupported, 0),
	DOMCTL(soft_reset, op_unsupported, 0),
	DOMCTL(set_target, op_unsupported, 0),
	DOMCTL(setvnumainfo, op_unsupported, 0),
};

/* The domain the command is about, if it takes one. */
static int find_target(const struct xen_domctl *op, unsigned int flags, struct domain **d)
{
	*d = NULL;
	if (flags & NO_DOMAIN)
		return 0;
	*d = rcu_lock_domain_by_id(op->domain);
	if (!*d)
		return -ESRCH;
	if (((flags & OTHER) && *d == current->domain) || ((flags & ALIVE) && (*d)->is_dying))
		return -EINVAL;
	return 0;
}

static int run(struct xen_domctl *op, XEN_GUEST_HANDLE_PARAM(xen_domctl_t) uop)
{
	unsigned int flags = domctls[op->cmd].flags;
	struct domain *d;
	int rc;

	/* What cannot be told shall not have happened. */
	if ((flags & OUT) && copy_to_guest(uop, op, 1))
		return -EFAULT;
	if (!spin_trylock(&domctl_lock))
		return -ERESTART; /* let others, and the holder's interrupts, have this CPU */
	rc = find_target(op, flags, &d);
	if (!rc)
		rc = domctls[op->cmd].fn(d, op);
	spin_unlock(&domctl_lock);
	return rc;
}

long do_domctl(XEN_GUEST_HANDLE_PARAM(xen_domctl_t) uop)
{
	unsigned int flags;
	struct xen_domctl op;
	long rc;

	if (!is_control_domain(current->domain))
		return -EPERM;
	if (copy_from_guest(&op, uop, 1))
		return -EFAULT;
	if (op.interface_version != XEN_DOMCTL_INTERFACE_VERSION)
		return -EACCES;
	if (op.cmd >= ARRAY_SIZE(domctls) || !domctls[op.cmd].fn)
		return -ENOSYS;
	flags = domctls[op.cmd].flags;
	rc = run(&op, uop);
	if (rc == -ERESTART)
		return hypercall_create_continuation(__HYPERVISOR_domctl, 1, uop);
	if ((flags & (rc ? OUT_ERROR : OUT)) && copy_to_guest(uop, &op, 1))
		rc = -EFAULT;
	return rc;
}
