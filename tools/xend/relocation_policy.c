/*
 * A guest's CPUID leaves and MSRs, as the hypervisor gives them (XEN_DOMCTL_get_cpu_policy).
 * Whether they can be had is the other hypervisor's judgement; some take features away without a
 * word, so what came of it is compared.
 */
#include "relocation_policy.h"

#include <string.h>

#include "error.h"
#include "host.h"
#include "sxp.h"

#define MAX_ENTRIES 4096

struct policy {
	xen_cpuid_leaf_t *leaves;
	xen_msr_entry_t *msrs;
	uint32_t nr_leaves, nr_msrs;
};

static void policy_clear(struct policy *policy)
{
	g_free(policy->leaves);
	g_free(policy->msrs);
}
typedef struct policy policy_t;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(policy_t, policy_clear)

static bool read_policy(uint32_t domid, struct policy *policy, GError **error)
{
	if (xc_get_domain_cpu_policy(xc, domid, NULL, &policy->nr_leaves, NULL, &policy->nr_msrs))
		return host_fail(error, domid, "say what CPU it has");
	policy->leaves = g_new0(xen_cpuid_leaf_t, MAX(policy->nr_leaves, 1));
	policy->msrs = g_new0(xen_msr_entry_t, MAX(policy->nr_msrs, 1));
	if (xc_get_domain_cpu_policy(
		    xc, domid, policy->leaves, &policy->nr_leaves, policy->msrs, &policy->nr_msrs))
		return host_fail(error, domid, "say what CPU it has");
	return true;
}

GVariant *policy_sxp(struct domain *domain, GError **error)
{
	g_auto(policy_t) policy = { 0 };
	g_autofree char *leaves = NULL, *msrs = NULL;

	if (!read_policy(domain->domid, &policy, error))
		return NULL;
	leaves = g_base64_encode((void *)policy.leaves, policy.nr_leaves * sizeof(*policy.leaves));
	msrs = g_base64_encode((void *)policy.msrs, policy.nr_msrs * sizeof(*policy.msrs));
	return sxp_list(
		sxp_atom("policy"), sxp_pair("leaves", leaves), sxp_pair("msrs", msrs), NULL);
}

/* @count entries of @size bytes from text @name; NULL: it makes no sense. */
static void *decode(GVariant *sxp, const char *name, size_t size, uint32_t *count)
{
	g_autofree char *text = sxp_child_text(sxp, name);
	gsize length = 0;
	void *data = text ? g_base64_decode(text, &length) : NULL;

	if (data && length % size == 0 && length / size <= MAX_ENTRIES) {
		*count = length / size;
		return data;
	}
	g_free(data);
	return NULL;
}

/* Registers of leaves that are bits of features; but not those that say what the kernel has
 * switched on. */
enum cpuid_register { EAX, EBX, ECX, EDX };
static const char *const register_names[] = { "eax", "ebx", "ecx", "edx" };
static const struct word {
	uint32_t leaf, subleaf;
	enum cpuid_register reg;
	uint32_t others;
} words[] = {
	{ 1, XEN_CPUID_NO_SUBLEAF, ECX, 1u << 27 /* OSXSAVE */ },
	{ 1, XEN_CPUID_NO_SUBLEAF, EDX, 1u << 9 /* APIC */ },
	{ 7, 0, EBX, 0 },
	{ 7, 0, ECX, 1u << 4 /* OSPKE */ },
	{ 7, 0, EDX, 0 },
	{ 7, 1, EAX, 0 },
	{ 0xd, 1, EAX, 0 },
	{ 0x80000001, XEN_CPUID_NO_SUBLEAF, ECX, 0 },
	{ 0x80000001, XEN_CPUID_NO_SUBLEAF, EDX, 1u << 9 /* APIC */ },
	{ 0x80000007, XEN_CPUID_NO_SUBLEAF, EDX, 0 },
	{ 0x80000008, XEN_CPUID_NO_SUBLEAF, EBX, 0 },
};

static uint32_t features(const struct policy *policy, const struct word *word)
{
	for (uint32_t i = 0; i < policy->nr_leaves; i++) {
		const xen_cpuid_leaf_t *leaf = &policy->leaves[i];
		const uint32_t values[] = { leaf->a, leaf->b, leaf->c, leaf->d };

		if (leaf->leaf == word->leaf && leaf->subleaf == word->subleaf)
			return values[word->reg] & ~word->others;
	}
	return 0;
}

static bool compare(const struct policy *wanted, const struct policy *got, GError **error)
{
	for (unsigned int i = 0; i < G_N_ELEMENTS(words); i++) {
		uint32_t missing = features(wanted, &words[i]) & ~features(got, &words[i]);

		if (missing)
			return fail(error,
				       "its CPU has features that there are not here: bits %#x of "
				       "CPUID leaf %#x, %s",
				       missing, words[i].leaf, register_names[words[i].reg]),
			       false;
	}
	return true;
}

bool policy_check(struct domain *domain, GVariant *offer, GError **error)
{
	g_autoptr(GVariant) sxp = sxp_child(offer, "policy");
	g_auto(policy_t) wanted = { 0 }, got = { 0 };
	uint32_t wrong[3];

	wanted.leaves =
		sxp ? decode(sxp, "leaves", sizeof(*wanted.leaves), &wanted.nr_leaves) : NULL;
	wanted.msrs = sxp ? decode(sxp, "msrs", sizeof(*wanted.msrs), &wanted.nr_msrs) : NULL;
	if (!wanted.leaves || !wanted.msrs)
		return fail(error, "the offer does not say what CPU the domain knows"), false;
	if (xc_set_domain_cpu_policy(xc, domain->domid, wanted.leaves, wanted.nr_leaves,
		    wanted.msrs, wanted.nr_msrs, wrong))
		return fail(error,
			       "it knows a CPU that there is not here: CPUID leaf %#x.%#x or MSR "
			       "%#x "
			       "is refused",
			       wrong[0], wrong[1], wrong[2]),
		       false;
	return read_policy(domain->domid, &got, error) && compare(&wanted, &got, error);
}
