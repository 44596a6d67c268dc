/* What CPUID and MSRs say to a domain. */
#include <string.h>

#include "private.h"

/* Buffers of a policy on their way through the hypervisor. */
struct policy {
	xen_cpuid_leaf_t *leaves;
	xen_msr_entry_t *msrs;
};

static void free_policy(xc_interface *xc, struct policy *policy)
{
	xc_buffer_free(xc, policy->leaves);
	xc_buffer_free(xc, policy->msrs);
}

static int alloc_policy(xc_interface *xc, struct policy *policy, const xen_cpuid_leaf_t *leaves,
	uint32_t nr_leaves, const xen_msr_entry_t *msrs, uint32_t nr_msrs)
{
	policy->leaves = xc_buffer(xc, leaves, nr_leaves * sizeof(*leaves));
	policy->msrs = xc_buffer(xc, msrs, nr_msrs * sizeof(*msrs));
	if (policy->leaves && policy->msrs)
		return 0;
	free_policy(xc, policy);
	return -1;
}

/* Handles of a query for the size alone are null. */
#define POLICY_HANDLES(op, policy, wanted)                                                         \
	do {                                                                                       \
		set_xen_guest_handle((op).leaves, (wanted) ? (policy).leaves : NULL);              \
		set_xen_guest_handle((op).msrs, (wanted) ? (policy).msrs : NULL);                  \
	} while (0)

int xc_get_domain_cpu_policy(xc_interface *xc, uint32_t domid, xen_cpuid_leaf_t *leaves,
	uint32_t *nr_leaves, xen_msr_entry_t *msrs, uint32_t *nr_msrs)
{
	struct xen_domctl op = XC_DOMCTL(get_cpu_policy, domid);
	struct policy policy;
	int ret;

	if (alloc_policy(xc, &policy, NULL, *nr_leaves, NULL, *nr_msrs))
		return -1;
	op.u.cpu_policy.nr_leaves = *nr_leaves;
	op.u.cpu_policy.nr_msrs = *nr_msrs;
	POLICY_HANDLES(op.u.cpu_policy, policy, leaves);
	ret = xc_domctl(xc, &op);
	if (!ret) {
		*nr_leaves = op.u.cpu_policy.nr_leaves;
		*nr_msrs = op.u.cpu_policy.nr_msrs;
	}
	if (!ret && leaves) {
		memcpy(leaves, policy.leaves, *nr_leaves * sizeof(*leaves));
		memcpy(msrs, policy.msrs, *nr_msrs * sizeof(*msrs));
	}
	free_policy(xc, &policy);
	return ret;
}

int xc_set_domain_cpu_policy(xc_interface *xc, uint32_t domid, const xen_cpuid_leaf_t *leaves,
	uint32_t nr_leaves, const xen_msr_entry_t *msrs, uint32_t nr_msrs, uint32_t refused[3])
{
	struct xen_domctl op = XC_DOMCTL(set_cpu_policy, domid);
	uint32_t nothing[3] = { ~0U, ~0U, ~0U };
	struct policy policy;
	void *buffer;
	int ret;

	if (refused)
		memcpy(refused, nothing, sizeof(nothing));
	if (alloc_policy(xc, &policy, leaves, nr_leaves, msrs, nr_msrs))
		return -1;
	op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	op.u.cpu_policy.nr_leaves = nr_leaves;
	op.u.cpu_policy.nr_msrs = nr_msrs;
	op.u.cpu_policy.err_leaf = op.u.cpu_policy.err_subleaf = op.u.cpu_policy.err_msr = ~0U;
	POLICY_HANDLES(op.u.cpu_policy, policy, true);
	/* What was refused is told by a failing call, whose structure is otherwise not read. */
	buffer = xc_buffer(xc, &op, sizeof(op));
	ret = buffer ? xencall1(xc->call, __HYPERVISOR_domctl, (uintptr_t)buffer) : -1;
	if (ret && buffer && refused) {
		memcpy(&op, buffer, sizeof(op));
		refused[0] = op.u.cpu_policy.err_leaf;
		refused[1] = op.u.cpu_policy.err_subleaf;
		refused[2] = op.u.cpu_policy.err_msr;
	}
	xc_buffer_free(xc, buffer);
	free_policy(xc, &policy);
	return ret;
}
