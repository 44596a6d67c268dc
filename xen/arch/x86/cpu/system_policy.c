/* CPU policies: what the processor is, what of it we use, and what guests of a kind can have. */
#include <asm/cpu_policy.h>
#include <asm/msr-index.h>
#include <asm/processor.h>
#include <asm/setup.h>
#include <asm/system_policy.h>
#include <public/sysctl.h>
#include <xen/errno.h>
#include <xen/lib.h>

#define LAST_BASIC 0xdu
#define LAST_EXT   0x80000021u
#define LEAF7_EDX_ARCH_CAPS (1u << 29)

static struct system_policy raw_policy, host_policy, pv_policy;

/* Registers of a leaf: as cpuid_count(). */
typedef void leaf_fn(u32 leaf, u32 sub, u32 *r);

static void raw_leaf(u32 leaf, u32 sub, u32 *r)
{
	cpuid_count(leaf, sub, &r[0], &r[1], &r[2], &r[3]);
}

/* What we make use of ourselves. Power, thermal and topology leaves differ from CPU to CPU. */
static void host_leaf(u32 leaf, u32 sub, u32 *r)
{
	raw_leaf(leaf, sub, r);
	switch (leaf) {
	case 0:
		r[0] = min(r[0], LAST_BASIC);
		break;
	case 1:
		r[1] &= 0x00ffffff;
		break;
	case 3:
	case 5:
	case 6:
	case 8 ... 0xc:
		memset(r, 0, 4 * sizeof(*r));
		break;
	case 0x80000000:
		r[0] = min(r[0], LAST_EXT);
		break;
	}
}

/* What a PV guest can have. */
static void pv_leaf(u32 leaf, u32 sub, u32 *r)
{
	pv_cpuid_max(false, leaf, sub, r);
	if (leaf == 0x80000001)
		r[3] &= ~CPUID_E1_EDX_COMMON;
}

static void add_leaf(struct system_policy *p, leaf_fn *get, u32 leaf, u32 sub)
{
	xen_cpuid_leaf_t *l = &p->leaf[p->nr_leaves++];
	u32 r[4];

	BUG_ON(p->nr_leaves > SYSTEM_POLICY_MAX_LEAVES);
	get(leaf, sub == XEN_CPUID_NO_SUBLEAF ? 0 : sub, r);
	*l = (xen_cpuid_leaf_t){ leaf, sub, r[0], r[1], r[2], r[3] };
}

static const xen_cpuid_leaf_t *last_added(const struct system_policy *p)
{
	return &p->leaf[p->nr_leaves - 1];
}

/* Extended states: their bits in leaf 0xd and, for supervisor states, its subleaf 1. */
static void add_xstates(struct system_policy *p, leaf_fn *get)
{
	u64 states;

	add_leaf(p, get, 0xd, 0);
	states = (u64)last_added(p)->d << 32 | last_added(p)->a;
	add_leaf(p, get, 0xd, 1);
	states |= (u64)last_added(p)->d << 32 | last_added(p)->c;
	for (unsigned int i = 2; i < 63; i++)
		if (states >> i & 1)
			add_leaf(p, get, 0xd, i);
}

/* Leaves with subleaves: as many as there are of each kind, the empty one that ends it included. */
static void add_basic(struct system_policy *p, leaf_fn *get, u32 leaf)
{
	u32 sub = 0, last;

	switch (leaf) {
	case 4: /* caches, ended by one of type 0 */
		do
			add_leaf(p, get, leaf, sub);
		while ((last_added(p)->a & 0x1f) && ++sub < 6);
		break;
	case 7:
		add_leaf(p, get, leaf, 0);
		last = min(last_added(p)->a, 2u);
		while (++sub <= last)
			add_leaf(p, get, leaf, sub);
		break;
	case 0xb:
		do
			add_leaf(p, get, leaf, sub);
		while ((last_added(p)->c >> 8 & 0xff) && ++sub < 2);
		break;
	case 0xd:
		add_xstates(p, get);
		break;
	default:
		add_leaf(p, get, leaf, XEN_CPUID_NO_SUBLEAF);
	}
}

static void hypervisor_leaf(u32 leaf, u32 sub, u32 *r)
{
	memset(r, 0, 4 * sizeof(*r)); /* ours for each guest; nobody sets limits there */
}

static void build(struct system_policy *p, leaf_fn *get)
{
	u32 last, r[4];

	get(0, 0, r);
	last = min(r[0], LAST_BASIC);
	for (u32 leaf = 0; leaf <= last; leaf++)
		add_basic(p, get, leaf);
	add_leaf(p, hypervisor_leaf, 0x40000000, XEN_CPUID_NO_SUBLEAF);
	add_leaf(p, hypervisor_leaf, 0x40000100, XEN_CPUID_NO_SUBLEAF);
	get(0x80000000, 0, r);
	last = r[0] >> 16 == 0x8000 ? min(r[0], LAST_EXT) : 0x80000000;
	for (u32 leaf = 0x80000000; leaf <= last; leaf++)
		add_leaf(p, get, leaf, XEN_CPUID_NO_SUBLEAF);
	p->msr[0].idx = MSR_PLATFORM_INFO;
	p->msr[1].idx = MSR_ARCH_CAPABILITIES;
}

void __init system_policy_init(void)
{
	const xen_cpuid_leaf_t *l;
	u64 val = 0;

	build(&raw_policy, raw_leaf);
	build(&host_policy, host_leaf);
	build(&pv_policy, pv_leaf);
	l = system_policy_leaf(&raw_policy, 7, 0);
	if (l && l->d & LEAF7_EDX_ARCH_CAPS && !rdmsr_safe(MSR_ARCH_CAPABILITIES, &val))
		raw_policy.msr[1].val = host_policy.msr[1].val = val;
}

/* Hardware guests there are none, so they have no policies. */
const struct system_policy *system_policy(unsigned int index)
{
	static const struct system_policy *const policies[] = {
		[XEN_SYSCTL_cpu_policy_raw] = &raw_policy,
		[XEN_SYSCTL_cpu_policy_host] = &host_policy,
		[XEN_SYSCTL_cpu_policy_pv_max] = &pv_policy,
		[XEN_SYSCTL_cpu_policy_pv_default] = &pv_policy,
	};

	return index < ARRAY_SIZE(policies) ? policies[index] : NULL;
}

const xen_cpuid_leaf_t *system_policy_leaf(const struct system_policy *p, u32 leaf, u32 sub)
{
	for (unsigned int i = 0; i < p->nr_leaves; i++) {
		const xen_cpuid_leaf_t *l = &p->leaf[i];

		if (l->leaf == leaf && (l->subleaf == sub || l->subleaf == XEN_CPUID_NO_SUBLEAF))
			return l;
	}
	return NULL;
}

void system_policy_featureset(const struct system_policy *p, u32 words[CPU_FEATURE_WORDS])
{
	static const struct {
		u32 leaf, sub;
		unsigned int reg; /* a b c d */
	} from[CPU_FEATURE_WORDS] = {
		{ 1, 0, 3 }, { 1, 0, 2 }, { 0x80000001, 0, 3 }, { 0x80000001, 0, 2 }, { 0xd, 1, 0 },
		{ 7, 0, 1 }, { 7, 0, 2 }, { 0x80000007, 0, 3 }, { 0x80000008, 0, 1 }, { 7, 0, 3 },
		{ 7, 1, 0 }, { 0x80000021, 0, 0 }, { 7, 1, 1 }, { 7, 2, 3 }, { 7, 1, 2 }, { 7, 1, 3 },
		/* 16 and 17 are an MSR */
		[18] = { 0x80000021, 0, 2 },
	};

	for (unsigned int i = 0; i < CPU_FEATURE_WORDS; i++) {
		const xen_cpuid_leaf_t *l = system_policy_leaf(p, from[i].leaf, from[i].sub);
		const u32 r[4] = { l ? l->a : 0, l ? l->b : 0, l ? l->c : 0, l ? l->d : 0 };

		words[i] = from[i].leaf ? r[from[i].reg] : 0;
	}
	words[16] = p->msr[1].val;
	words[17] = p->msr[1].val >> 32;
}

int system_policy_copy(const struct system_policy *p, XEN_GUEST_HANDLE(xen_cpuid_leaf_t) leaves,
	u32 *nr_leaves, XEN_GUEST_HANDLE(xen_msr_entry_t) msrs, u32 *nr_msrs)
{
	bool want_leaves = !guest_handle_is_null(leaves), want_msrs = !guest_handle_is_null(msrs);

	if ((want_leaves && *nr_leaves < p->nr_leaves) ||
		(want_msrs && *nr_msrs < SYSTEM_POLICY_MAX_MSRS))
		return -ENOBUFS;
	if (want_leaves && copy_to_guest(leaves, p->leaf, p->nr_leaves))
		return -EFAULT;
	if (want_msrs && copy_to_guest(msrs, p->msr, SYSTEM_POLICY_MAX_MSRS))
		return -EFAULT;
	*nr_leaves = want_leaves ? p->nr_leaves : SYSTEM_POLICY_MAX_LEAVES;
	*nr_msrs = SYSTEM_POLICY_MAX_MSRS;
	return 0;
}
