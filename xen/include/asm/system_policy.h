/* What the machine's CPUs are, and what guests can have of them: CPUID leaves and MSRs as tools exchange them. */
#ifndef ASM_SYSTEM_POLICY_H
#define ASM_SYSTEM_POLICY_H

#include <public/xen.h>
#include <public/sysctl.h>
#include <xen/guest_access.h>
#include <xen/types.h>

/* Basic leaves 0 to 0xd with all subleaves, two of hypervisors, 0x80000000 to 0x80000021. */
#define SYSTEM_POLICY_MAX_LEAVES 120
#define SYSTEM_POLICY_MAX_MSRS   2

/* Leaves in increasing order, each subleaf an entry; those without have XEN_CPUID_NO_SUBLEAF. */
struct system_policy {
	unsigned int nr_leaves;
	xen_cpuid_leaf_t leaf[SYSTEM_POLICY_MAX_LEAVES];
	xen_msr_entry_t msr[SYSTEM_POLICY_MAX_MSRS]; /* MSR_PLATFORM_INFO, MSR_ARCH_CAPABILITIES */
};

/* Bits of 0x80000001 edx that on AMD only repeat leaf 1 (APM vol. 3). */
#define CPUID_E1_EDX_COMMON 0x0183f3ffu

#define CPU_FEATURE_WORDS 19 /* of public/arch-x86/cpufeatureset.h */

/* Index: XEN_SYSCTL_cpu_policy_*. NULL: unknown, or of guests that this machine cannot have. */
const struct system_policy *system_policy(unsigned int index);
/* NULL: not in the policy. `sub` counts only for leaves that have subleaves. */
const xen_cpuid_leaf_t *system_policy_leaf(const struct system_policy *p, u32 leaf, u32 sub);
/* The policy's features as words of public/arch-x86/cpufeatureset.h. */
void system_policy_featureset(const struct system_policy *p, u32 words[CPU_FEATURE_WORDS]);
/*
 * Give a policy to a tool. In: room, out: used. A null list is not filled, and its number is the
 * most that any policy has. -ENOBUFS, -EFAULT.
 */
int system_policy_copy(const struct system_policy *p, XEN_GUEST_HANDLE(xen_cpuid_leaf_t) leaves,
	u32 *nr_leaves, XEN_GUEST_HANDLE(xen_msr_entry_t) msrs, u32 *nr_msrs);

#endif
