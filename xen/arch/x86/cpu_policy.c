/*
 * CPU policies of domains: what the toolstack lets a domain see of the processor. A policy is kept as
 * it came, as a sorted list of leaves; it takes away from what pv_cpuid_max() offers.
 */
#include <public/sysctl.h>
#include <xen/errno.h>
#include <xen/guest_access.h>
#include <xen/lib.h>
#include <xen/sched.h>
#include <xen/xmalloc.h>
#include <asm/cpu_policy.h>
#include <asm/msr-index.h>
#include <asm/system_policy.h>

#define MAX_LEAVES 256 /* far more than there are */
#define HYPERVISOR_LEAVES 0x40000000u
/* Bits of 0x80000001 edx that only repeat leaf 1 on AMD; policies leave them out. */
#define E1_EDX_COMMON 0x0183f3ffu

struct cpu_policy {
	unsigned int nr_leaves;
	struct xen_cpuid_leaf leaf[];
};

/* The MSRs of a policy; both have nothing to offer to PV guests. */
static const u32 policy_msrs[] = { MSR_PLATFORM_INFO, MSR_ARCH_CAPABILITIES };

/* --- Looking up ------------------------------------------------------------------------------- */

static bool has_subleaves(u32 leaf)
{
	return leaf == 4 || leaf == 7 || leaf == 0xb || leaf == 0xd;
}

static const struct xen_cpuid_leaf *find_leaf(const struct cpu_policy *p, u32 leaf, u32 sub)
{
	for (unsigned int i = 0; p && i < p->nr_leaves; i++)
		if (p->leaf[i].leaf == leaf && (!has_subleaves(leaf) || p->leaf[i].subleaf == sub))
			return &p->leaf[i];
	return NULL;
}

static u32 max_leaf(const struct domain *d, u32 base)
{
	const struct xen_cpuid_leaf *l = find_leaf(d ? d->arch.cpu_policy : NULL, base, 0);
	u32 r[4];

	pv_cpuid_max(d && is_hardware_domain(d), base, 0, r);
	return l ? min(r[0], l->a) : r[0];
}

/* How the registers of a leaf combine with the policy's: features are anded, facts replaced. */
static void restrict_leaf(const struct xen_cpuid_leaf *l, u32 *r)
{
	switch (l->leaf) {
	case 0: /* the vendor is what applications see, too */
	case 0x80000000:
		r[0] = min(r[0], l->a);
		break;
	case 1:
		r[0] = l->a; /* family, model, stepping */
		r[2] &= l->c;
		r[3] &= l->d;
		break;
	case 0x80000001:
		r[2] &= l->c;
		r[3] &= l->d | E1_EDX_COMMON;
		break;
	case 7:
	case 0xd:
	case 0x80000007:
		r[0] &= l->a;
		if (l->leaf != 0xd || l->subleaf) /* else sizes, which depend on what is enabled */
			r[1] &= l->b;
		if (l->leaf != 0xd)
			r[2] &= l->c;
		r[3] &= l->d;
		break;
	case 0x80000008:
		r[0] = min(r[0] & 0xff, l->a & 0xff) | min(r[0] & 0xff00, l->a & 0xff00);
		break;
	case 0x80000002 ... 0x80000006: /* name, caches */
	case 2:
	case 4:
		r[0] = l->a;
		r[1] = l->b;
		r[2] = l->c;
		r[3] = l->d;
		break;
	}
}

void cpu_policy_leaf(const struct domain *d, u32 leaf, u32 sub, u32 *r)
{
	const struct xen_cpuid_leaf *l;

	if (leaf != 0 && leaf != 0x80000000 && leaf > max_leaf(d, leaf & 0x80000000)) {
		r[0] = r[1] = r[2] = r[3] = 0;
		return;
	}
	pv_cpuid_max(d && is_hardware_domain(d), leaf, sub, r);
	l = find_leaf(d ? d->arch.cpu_policy : NULL, leaf, sub);
	if (l)
		restrict_leaf(l, r);
	if (leaf == 0x80000001 && (l = find_leaf(d ? d->arch.cpu_policy : NULL, 1, 0)))
		r[3] &= l->d | ~E1_EDX_COMMON;
}

/* --- To the toolstack ------------------------------------------------------------------------- */

/* The same leaves as those of the machine's policy for PV guests. */
static int emit_leaves(const struct domain *d, struct xen_domctl_cpu_policy *p)
{
	const struct system_policy *list = system_policy(XEN_SYSCTL_cpu_policy_pv_max);
	unsigned int room = p->nr_leaves;

	p->nr_leaves = list->nr_leaves;
	if (guest_handle_is_null(p->leaves))
		return 0;
	if (room < list->nr_leaves)
		return -ENOBUFS;
	for (unsigned int i = 0; i < list->nr_leaves; i++) {
		struct xen_cpuid_leaf l = list->leaf[i];
		u32 r[4] = { l.a, l.b, l.c, l.d };

		if (l.leaf >> 16 != HYPERVISOR_LEAVES >> 16)
			cpu_policy_leaf(d, l.leaf, l.subleaf == XEN_CPUID_NO_SUBLEAF ? 0 : l.subleaf, r);
		l.a = r[0];
		l.b = r[1];
		l.c = r[2];
		l.d = r[3];
		if (copy_to_guest_offset(p->leaves, i, &l, 1))
			return -EFAULT;
	}
	return 0;
}

static int emit_msrs(struct xen_domctl_cpu_policy *p)
{
	unsigned int room = p->nr_msrs;

	p->nr_msrs = ARRAY_SIZE(policy_msrs);
	if (guest_handle_is_null(p->msrs))
		return 0;
	if (room < ARRAY_SIZE(policy_msrs))
		return -ENOBUFS;
	for (unsigned int i = 0; i < ARRAY_SIZE(policy_msrs); i++) {
		struct xen_msr_entry e = { .idx = policy_msrs[i] };

		if (copy_to_guest_offset(p->msrs, i, &e, 1))
			return -EFAULT;
	}
	return 0;
}

int cpu_policy_get(const struct domain *d, struct xen_domctl_cpu_policy *p)
{
	int rc = emit_leaves(d, p);

	return rc ? rc : emit_msrs(p);
}

/* --- From the toolstack ----------------------------------------------------------------------- */

/* The hypervisor's leaves have no effect; others that do not exist are mistakes. */
static bool leaf_exists(const struct xen_cpuid_leaf *l)
{
	if (has_subleaves(l->leaf) ? l->subleaf > 63
				   : l->subleaf != XEN_CPUID_NO_SUBLEAF && l->subleaf != 0)
		return false;
	return l->leaf <= 0xffff || l->leaf >> 16 == HYPERVISOR_LEAVES >> 16 || l->leaf >> 16 == 0x8000;
}

static int copy_leaves(struct cpu_policy *new, struct xen_domctl_cpu_policy *p)
{
	if (copy_from_guest(new->leaf, p->leaves, p->nr_leaves))
		return -EFAULT;
	for (unsigned int i = 0; i < p->nr_leaves; i++) {
		if (!leaf_exists(&new->leaf[i])) {
			p->err_leaf = new->leaf[i].leaf;
			p->err_subleaf = new->leaf[i].subleaf;
			return -EINVAL;
		}
	}
	new->nr_leaves = p->nr_leaves;
	return 0;
}

static int check_msrs(struct xen_domctl_cpu_policy *p)
{
	for (unsigned int i = 0; i < p->nr_msrs; i++) {
		struct xen_msr_entry e;

		if (copy_from_guest_offset(&e, p->msrs, i, 1))
			return -EFAULT;
		if (e.flags || (e.idx != policy_msrs[0] && e.idx != policy_msrs[1])) {
			p->err_msr = e.idx;
			return -EINVAL;
		}
	}
	return 0;
}

int cpu_policy_set(struct domain *d, struct xen_domctl_cpu_policy *p)
{
	struct cpu_policy *new, *old = d->arch.cpu_policy;
	int rc;

	p->err_leaf = p->err_subleaf = p->err_msr = ~0u;
	/* Before it runs: a kernel looks at the beginning and never again. */
	if (d->creation_finished)
		return -EBUSY;
	if (p->nr_leaves > MAX_LEAVES || p->nr_msrs > ARRAY_SIZE(policy_msrs))
		return -E2BIG;
	new = xmalloc_bytes(sizeof(*new) + p->nr_leaves * sizeof(new->leaf[0]), 0);
	if (!new)
		return -ENOMEM;
	rc = copy_leaves(new, p);
	if (!rc)
		rc = check_msrs(p);
	if (rc) {
		xfree(new);
		return rc;
	}
	d->arch.cpu_policy = new; /* the domain does not run: nobody is looking */
	xfree(old);
	return 0;
}
