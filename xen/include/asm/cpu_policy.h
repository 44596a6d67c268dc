/* What a domain may see of the processor: CPUID leaves and MSRs, and the toolstack's restrictions. */
#ifndef ASM_CPU_POLICY_H
#define ASM_CPU_POLICY_H

#include <public/xen.h>
#include <public/domctl.h>
#include <xen/types.h>

struct domain;

#define CPUID_MAX_BASIC    0x0000000du
#define CPUID_MAX_EXTENDED 0x8000001eu

/* A leaf as this processor offers it to PV guests at most, without what differs between vCPUs. */
void pv_cpuid_max(bool dom0, u32 leaf, u32 sub, u32 *r /* a b c d */);
/* The same as the domain's policy leaves it. NULL: of a new domain. Leaves beyond the highest are 0. */
void cpu_policy_leaf(const struct domain *d, u32 leaf, u32 sub, u32 *r);

/*
 * Copy the policy of `d` (NULL: of a new domain) to a tool. The counts say how much room there is and
 * are set to what was needed; with a null handle only that. -ENOBUFS: more room is needed; -EFAULT.
 */
int cpu_policy_get(const struct domain *d, struct xen_domctl_cpu_policy *p);
/*
 * Restrict the domain. Features that the processor lacks stay hidden; -EINVAL, and the culprit in
 * p->err_*: leaves that do not exist or MSRs that no policy has. -ENOMEM, -EFAULT.
 */
int cpu_policy_set(struct domain *d, struct xen_domctl_cpu_policy *p);

#endif
