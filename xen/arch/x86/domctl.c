/* domctl: what depends on the machine and belongs to a whole domain. */
#include <xen/domctl.h>
#include <xen/errno.h>
#include <xen/lib.h>
#include <xen/sched.h>
#include <xen/time.h>
#include <asm/cpu_policy.h>
#include <asm/pgtable.h>
#include <asm/pv.h>

#define PFINFO_BATCH 1024 /* page frames asked for at once */

void arch_getdomaininfo(const struct domain *d, struct xen_domctl_getdomaininfo *info)
{
	u32 r[4];

	pv_cpuid_max(true, 0x80000008, 0, r);
	info->gpaddr_bits = r[0];
	info->arch_config.misc_flags = d->arch.relaxed_msrs ? XEN_X86_MSR_RELAXED : 0;
}

int domctl_ioport_permission(struct domain *d, struct xen_domctl *op)
{
	const struct xen_domctl_ioport_permission *p = &op->u.ioport_permission;
	unsigned long first = p->first_port, last = first + p->nr_ports - 1;

	if (!p->nr_ports || last > 0xffff)
		return -EINVAL;
	if (!rangeset_contains_range(current->domain->arch.ioport_caps, first, last))
		return -EPERM;
	return p->allow_access ? rangeset_add_range(d->arch.ioport_caps, first, last)
			       : rangeset_remove_range(d->arch.ioport_caps, first, last);
}

int domctl_hypercall_init(struct domain *d, struct xen_domctl *op)
{
	return pv_write_hypercall_page(d, op->u.hypercall_init.gmfn) ? 0 : -EINVAL;
}

int domctl_address_size(struct domain *d, struct xen_domctl *op)
{
	if (op->cmd == XEN_DOMCTL_set_address_size)
		return op->u.address_size.size == BITS_PER_LONG ? 0 : -EINVAL;
	op->u.address_size.size = BITS_PER_LONG;
	return 0;
}

/* --- Paging ----------------------------------------------------------------------------------- */

static unsigned long frame_type(struct domain *d, unsigned long gfn)
{
	static const unsigned int types[] = {
		[1] = XEN_DOMCTL_PFINFO_L1TAB,
		[2] = XEN_DOMCTL_PFINFO_L2TAB,
		[3] = XEN_DOMCTL_PFINFO_L3TAB,
		[4] = XEN_DOMCTL_PFINFO_L4TAB,
	};
	struct page_info *pg = get_page_from_gfn(d, _gfn(gfn));
	unsigned long type;
	u64 info;

	if (!pg)
		return XEN_DOMCTL_PFINFO_XTAB;
	info = READ_ONCE(pg->type_info);
	type = (info & PGT_type_mask) >> 61;
	/* A type that nobody uses any more says nothing about what is in the frame. */
	type = (info & PGT_count_mask) && type < ARRAY_SIZE(types) ? types[type]
								  : XEN_DOMCTL_PFINFO_NOTAB;
	if (info & PGT_pinned)
		type |= XEN_DOMCTL_PFINFO_LPINTAB;
	put_page(pg);
	return type;
}

int domctl_getpageframeinfo3(struct domain *d, struct xen_domctl *op)
{
	struct xen_domctl_getpageframeinfo3 *p = &op->u.getpageframeinfo3;

	if (p->num > PFINFO_BATCH) {
		p->num = PFINFO_BATCH;
		return -E2BIG;
	}
	for (unsigned int i = 0; i < p->num; i++) {
		xen_pfn_t frame;

		if (copy_from_guest_offset(&frame, p->array, i, 1))
			return -EFAULT;
		frame = frame_type(d, frame);
		if (copy_to_guest_offset(p->array, i, &frame, 1))
			return -EFAULT;
	}
	return 0;
}

/* --- Time and the processor's face ------------------------------------------------------------- */

int domctl_settscinfo(struct domain *d, struct xen_domctl *op)
{
	const struct xen_domctl_tsc_info *t = &op->u.tsc_info;

	/* The guest reads the TSC itself; its rate is told with the time. */
	if (t->tsc_mode == 1)
		return -EOPNOTSUPP;
	if (t->tsc_mode > 2)
		return -EINVAL;
	d->arch.tsc_mode = t->tsc_mode;
	d->arch.tsc_incarnation = t->incarnation;
	return 0;
}

int domctl_gettscinfo(struct domain *d, struct xen_domctl *op)
{
	op->u.tsc_info = (struct xen_domctl_tsc_info){
		.tsc_mode = d->arch.tsc_mode,
		.gtsc_khz = cpu_khz,
		.incarnation = d->arch.tsc_incarnation,
	};
	return 0;
}

int domctl_set_cpu_policy(struct domain *d, struct xen_domctl *op)
{
	return cpu_policy_set(d, &op->u.cpu_policy);
}

int domctl_get_cpu_policy(struct domain *d, struct xen_domctl *op)
{
	return cpu_policy_get(d, &op->u.cpu_policy);
}
