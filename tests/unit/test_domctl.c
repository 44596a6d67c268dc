/* sources: xen/common/domctl.c xen/common/domctl_vcpu.c xen/common/domctl_memory.c xen/common/ctl_bitmap.c xen/common/timer.c xen/common/softirq.c xen/common/rcu.c xen/common/lock_debug.c xen/common/shutdown.c xen/common/domain.c xen/common/vcpu_op.c xen/common/sched/core.c xen/common/sched/sched_op.c xen/common/sched/credit.c xen/common/sched/credit_admin.c xen/common/sched/part.c xen/common/sched/sedf.c xen/common/sched/bvt.c xen/common/sched/rrobin.c tests/unit/stubs_sched.c */
#include <check.h>
#include <stdlib.h>
#include "stubs_sched.h"
#include "suite.h"
#include <xen/domctl.h>
#include <xen/grant_table.h>
#include <xen/hypercall.h>
#include <xen/shutdown.h>

/* --- What lies behind domctl elsewhere --------------------------------------------------------- */

unsigned int opt_max_grant_frames = 64, opt_max_maptrack_frames = 1024;
static struct domain *virq_taker;
static unsigned long granted[2]; /* the last range of a permission */
static bool may_grant = true;

#define ARCH_STUB(name)                                                                            \
	int name(struct domain *d, struct xen_domctl *op)                                          \
	{                                                                                          \
		return -EDOM;                                                                      \
	}
ARCH_STUB(domctl_ioport_permission)
ARCH_STUB(domctl_hypercall_init)
ARCH_STUB(domctl_address_size)
ARCH_STUB(domctl_shadow_op)
ARCH_STUB(domctl_getpageframeinfo3)
ARCH_STUB(domctl_settscinfo)
ARCH_STUB(domctl_gettscinfo)
ARCH_STUB(domctl_set_cpu_policy)
ARCH_STUB(domctl_get_cpu_policy)
ARCH_STUB(domctl_sendtrigger)
ARCH_STUB(domctl_setvcpuextstate)
ARCH_STUB(domctl_getvcpuextstate)
ARCH_STUB(domctl_set_vcpu_msrs)
ARCH_STUB(domctl_get_vcpu_msrs)
ARCH_STUB(domctl_set_ext_vcpucontext)
ARCH_STUB(domctl_get_ext_vcpucontext)

void arch_getdomaininfo(const struct domain *d, struct xen_domctl_getdomaininfo *info)
{
}

void arch_get_info_guest(struct vcpu *v, vcpu_guest_context_t *c)
{
	c->flags = VGCF_IN_KERNEL;
}

int set_global_virq_handler(struct domain *d, u32 virq)
{
	virq_taker = d;
	return virq == VIRQ_DOM_EXC ? 0 : -EINVAL;
}

int domain_pirq_to_irq(const struct domain *d, unsigned int pirq)
{
	return pirq == 3 ? 33 : -1;
}

bool rangeset_contains_range(struct rangeset *r, unsigned long s, unsigned long e)
{
	return may_grant;
}

int rangeset_add_range(struct rangeset *r, unsigned long s, unsigned long e)
{
	granted[0] = s;
	granted[1] = e;
	return 0;
}

int rangeset_remove_range(struct rangeset *r, unsigned long s, unsigned long e)
{
	granted[0] = granted[1] = 0;
	return 0;
}

unsigned long raw_clear_guest(void *dst, unsigned long n)
{
	memset(dst, 0, n);
	return 0;
}

/* --- A control domain and its calls ------------------------------------------------------------ */

static struct domain *controller;

static void start(void)
{
	test_machine(2);
	controller = test_domain(5, 1);
	controller->is_privileged = true;
	test_cpu(controller->vcpu[0]->processor);
	ck_assert_ptr_eq(current, controller->vcpu[0]);
}

static long call(struct xen_domctl *op)
{
	XEN_GUEST_HANDLE_PARAM(xen_domctl_t) h = { op };

	return do_domctl(h);
}

static struct xen_domctl make(u32 cmd, domid_t id)
{
	return (struct xen_domctl){
		.cmd = cmd,
		.interface_version = XEN_DOMCTL_INTERFACE_VERSION,
		.domain = id,
	};
}

/* A command without more of an argument. */
static long simple(u32 cmd, domid_t id)
{
	struct xen_domctl op = make(cmd, id);

	return call(&op);
}

static struct xen_domctl creation(domid_t id)
{
	struct xen_domctl op = make(XEN_DOMCTL_createdomain, id);

	op.u.createdomain = (struct xen_domctl_createdomain){
		.handle = { 1, 2, 3 },
		.max_vcpus = 2,
		.max_evtchn_port = 1023,
		.max_grant_frames = -1,
		.max_maptrack_frames = -1,
		.grant_opts = 2,
		.ssidref = 12,
	};
	return op;
}

static domid_t created(domid_t id)
{
	struct xen_domctl op = creation(id);

	ck_assert_int_eq(call(&op), 0);
	return op.domain;
}

static long info(domid_t id, struct xen_domctl_getdomaininfo *i)
{
	struct xen_domctl op = make(XEN_DOMCTL_getdomaininfo, id);
	long rc = call(&op);

	*i = op.u.getdomaininfo;
	return rc;
}

static long max_vcpus(domid_t id, u32 n)
{
	struct xen_domctl op = make(XEN_DOMCTL_max_vcpus, id);

	op.u.max_vcpus.max = n;
	return call(&op);
}

static long set_context(domid_t id, u32 vcpu, vcpu_guest_context_t *c)
{
	struct xen_domctl op = make(XEN_DOMCTL_setvcpucontext, id);

	op.u.vcpucontext.vcpu = vcpu;
	op.u.vcpucontext.ctxt.p = c;
	return call(&op);
}

/* --- Who may, and what there is ----------------------------------------------------------------- */

START_TEST(refused)
{
	struct xen_domctl op = make(XEN_DOMCTL_getdomaininfo, 5);

	controller->is_privileged = false;
	ck_assert_int_eq(call(&op), -EPERM);
	op.interface_version--;
	ck_assert_int_eq(call(&op), -EPERM); /* nothing is told to those without the right */
	controller->is_privileged = true;
	ck_assert_int_eq(call(&op), -EACCES);
	ck_assert_int_eq(call(NULL), -EFAULT);
	for (u32 cmd = 87; cmd < 1100; cmd++)
		ck_assert_int_eq(simple(cmd, 5), -ENOSYS);
	ck_assert_int_eq(simple(0, 5), -ENOSYS);
	ck_assert_int_eq(simple(~0u, 5), -ENOSYS);
	ck_assert_int_eq(simple(XEN_DOMCTL_pausedomain, 6), -ESRCH);
	ck_assert_int_eq(simple(XEN_DOMCTL_pausedomain, DOMID_SELF), -ESRCH);
	ck_assert_int_eq(simple(XEN_DOMCTL_pausedomain, DOMID_XEN), -ESRCH);
}
END_TEST

/* No command does anything to a domain that is not there, whatever its argument. */
START_TEST(nobody)
{
	for (u32 cmd = 0; cmd < 100; cmd++)
		if (cmd != XEN_DOMCTL_createdomain && cmd != XEN_DOMCTL_getdomaininfo &&
			cmd != XEN_DOMCTL_test_assign_device)
			ck_assert_int_lt(simple(cmd, 77), 0);
}
END_TEST

START_TEST(not_on_oneself)
{
	static const u32 cmds[] = { XEN_DOMCTL_destroydomain, XEN_DOMCTL_pausedomain,
		XEN_DOMCTL_unpausedomain, XEN_DOMCTL_resumedomain, XEN_DOMCTL_max_vcpus,
		XEN_DOMCTL_setvcpucontext, XEN_DOMCTL_getvcpucontext };

	for (unsigned int i = 0; i < ARRAY_SIZE(cmds); i++)
		ck_assert_int_eq(simple(cmds[i], 5), -EINVAL);
	ck_assert(!controller->is_dying && controller->controller_pause_count == 0);
}
END_TEST

/* --- Creation ------------------------------------------------------------------------------------ */

START_TEST(identifiers)
{
	struct xen_domctl op = creation(7);
	domid_t first;

	ck_assert_int_eq(created(7), 7);
	ck_assert_int_eq(call(&op), -EEXIST);
	first = created(0);
	ck_assert_int_ne(first, 0);
	/* One after the other, around those in use and back to the smallest. */
	ck_assert_int_eq(created(DOMID_INVALID), first + 1);
	ck_assert_int_eq(created(DOMID_SELF), first + 2);
	ck_assert_int_eq(created(first + 3), first + 3);
	ck_assert_int_eq(created(0), first + 4 == 5 ? 6 : first + 4);
}
END_TEST

START_TEST(bad_creations)
{
	static const u32 flags[] = { XEN_DOMCTL_CDF_hvm, XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
		XEN_DOMCTL_CDF_hap, XEN_DOMCTL_CDF_iommu, XEN_DOMCTL_CDF_nested_virt, XEN_DOMCTL_CDF_vpmu,
		1u << 8, 1u << 31 };
	struct xen_domctl good = creation(9), op;
	struct xen_domctl_createdomain *c = &op.u.createdomain;
	int base = test_allocated;

#define BAD(field, value, rc)                                                                      \
	do {                                                                                       \
		op = good;                                                                         \
		c->field = (value);                                                                \
		ck_assert_int_eq(call(&op), rc);                                                   \
	} while (0)
	for (unsigned int i = 0; i < ARRAY_SIZE(flags); i++)
		BAD(flags, flags[i], -EINVAL);
	BAD(iommu_opts, 1, -EINVAL);
	BAD(max_vcpus, 0, -EINVAL);
	BAD(max_vcpus, MAX_VIRT_CPUS + 1, -EINVAL);
	BAD(max_grant_frames, 0, -EINVAL);
	BAD(max_grant_frames, 65, -EINVAL);
	BAD(max_maptrack_frames, 1025, -EINVAL);
	BAD(grant_opts, 0, -EINVAL);
	BAD(grant_opts, 3, -EINVAL);
	BAD(grant_opts, 0x12, -EINVAL);
	BAD(vmtrace_size, 4096, -EINVAL);
	BAD(cpupool_id, 1, -ESRCH);
	BAD(arch.emulation_flags, 1, -EINVAL);
	BAD(arch.misc_flags, 2, -EINVAL);
#undef BAD
	ck_assert_int_eq(test_allocated, base);
	ck_assert_ptr_null(rcu_lock_domain_by_id(9));
	ck_assert_int_eq(call(&good), 0);
}
END_TEST

START_TEST(a_new_domain)
{
	struct xen_domctl_getdomaininfo i;
	domid_t id = created(20);

	ck_assert_int_eq(info(id, &i), 0);
	ck_assert_uint_eq(i.domain, 20);
	ck_assert_uint_eq(i.flags & ~(XEN_DOMINF_shutdownmask << XEN_DOMINF_shutdownshift), XEN_DOMINF_paused);
	ck_assert_uint_eq(i.max_vcpu_id, XEN_INVALID_MAX_VCPU_ID);
	ck_assert_uint_eq(i.nr_online_vcpus, 0);
	ck_assert_uint_eq(i.tot_pages, 0);
	ck_assert_uint_eq(i.ssidref, 12);
	ck_assert_uint_eq(i.handle[2], 3);
	ck_assert_uint_eq(i.shared_info_frame, virt_to_mfn(rcu_lock_domain_by_id(20)->shared_info));
	/* The one with at least that number. */
	ck_assert_int_eq(info(6, &i), 0);
	ck_assert_uint_eq(i.domain, 20);
	ck_assert_int_eq(info(21, &i), -ESRCH);
}
END_TEST

/* --- vCPUs --------------------------------------------------------------------------------------- */

START_TEST(vcpus)
{
	struct xen_domctl_getdomaininfo i;
	domid_t id = created(20);
	static vcpu_guest_context_t c;
	struct domain *d = rcu_lock_domain_by_id(id);
	struct xen_domctl op = make(XEN_DOMCTL_getvcpuinfo, id);

	ck_assert_int_eq(max_vcpus(id, 0), -EINVAL);
	ck_assert_int_eq(max_vcpus(id, 3), -EINVAL);
	ck_assert_int_eq(set_context(id, 0, &c), -EINVAL);
	ck_assert_int_eq(max_vcpus(id, 2), 0);
	ck_assert_int_eq(max_vcpus(id, 2), 0); /* repeated */
	ck_assert_int_ne(d->vcpu[0]->processor, d->vcpu[1]->processor);
	ck_assert_int_eq(set_context(id, 2, &c), -EINVAL);
	ck_assert_int_eq(set_context(id, 0, NULL), -EINVAL);

	/* Up when its registers say so, and running when the domain does. */
	c.flags = VGCF_IN_KERNEL;
	ck_assert_int_eq(set_context(id, 0, &c), 0);
	ck_assert_int_eq(info(id, &i), 0);
	ck_assert_uint_eq(i.nr_online_vcpus, 0);
	c.flags |= VGCF_online;
	c.vm_assist = BIT(VMASST_TYPE_m2p_strict) | BIT(40);
	ck_assert_int_eq(set_context(id, 0, &c), 0);
	ck_assert_uint_eq(d->vm_assist, BIT(VMASST_TYPE_m2p_strict));
	ck_assert_int_eq(info(id, &i), 0);
	ck_assert_uint_eq(i.nr_online_vcpus, 1);
	ck_assert_uint_eq(i.max_vcpu_id, 1);
	test_settle();
	ck_assert(!d->vcpu[0]->is_running);

	op.u.getvcpuinfo.vcpu = 1;
	ck_assert_int_eq(call(&op), 0);
	ck_assert_uint_eq(op.u.getvcpuinfo.online, 0);
	op.u.getvcpuinfo.vcpu = 0;
	ck_assert_int_eq(call(&op), 0);
	ck_assert_uint_eq(op.u.getvcpuinfo.online, 1);
	op.u.getvcpuinfo.vcpu = 2;
	ck_assert_int_eq(call(&op), -EINVAL);

	op = make(XEN_DOMCTL_getvcpucontext, id);
	memset(&c, 0, sizeof(c));
	op.u.vcpucontext.ctxt.p = &c;
	op.u.vcpucontext.vcpu = 1;
	ck_assert_int_eq(call(&op), -ENODATA);
	op.u.vcpucontext.vcpu = 0;
	ck_assert_int_eq(call(&op), 0);
	ck_assert_uint_eq(c.flags, VGCF_IN_KERNEL | VGCF_online);
	ck_assert_uint_eq(c.vm_assist, BIT(VMASST_TYPE_m2p_strict));

	ck_assert_int_eq(simple(XEN_DOMCTL_unpausedomain, id), 0);
	ck_assert_int_eq(simple(XEN_DOMCTL_unpausedomain, id), -EINVAL);
	test_settle();
	ck_assert(d->vcpu[0]->is_running || d->vcpu[0]->runstate.state == RUNSTATE_runnable);
}
END_TEST

START_TEST(affinity)
{
	domid_t id = created(20);
	struct domain *d = rcu_lock_domain_by_id(id);
	struct xen_domctl op = make(XEN_DOMCTL_setvcpuaffinity, id);
	struct xen_domctl_vcpuaffinity *a = &op.u.vcpuaffinity;
	u8 hard[2] = { 2, 0xff }, soft[1] = { 3 }, longer[NR_CPUS / 8 + 2];

	ck_assert_int_eq(max_vcpus(id, 1), 0);
	ck_assert_int_eq(call(&op), -EINVAL); /* neither */
	a->flags = 8 | XEN_VCPUAFFINITY_HARD;
	ck_assert_int_eq(call(&op), -EINVAL);
	a->flags = XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT;
	a->vcpu = 1;
	ck_assert_int_eq(call(&op), -ESRCH);
	a->vcpu = 0;
	a->cpumap_hard.bitmap.p = hard;
	a->cpumap_hard.nr_bits = 5; /* the rest of the buffer does not count */
	a->cpumap_soft.bitmap.p = soft;
	a->cpumap_soft.nr_bits = 8;
	ck_assert_int_eq(call(&op), 0);
	ck_assert_uint_eq(d->vcpu[0]->cpu_hard_affinity.bits[0], 2);
	ck_assert_uint_eq(soft[0], 2); /* what of it can be */
	ck_assert_uint_eq(hard[1], 0xff);
	ck_assert_uint_eq(d->vcpu[0]->cpu_soft_affinity.bits[0], 3);
	ck_assert_uint_eq(d->vcpu[0]->processor, 1);

	/* No CPU that is there: nothing changes. */
	hard[0] = 4;
	ck_assert_int_eq(call(&op), -EINVAL);
	hard[0] = 1;
	soft[0] = 0;
	ck_assert_int_eq(call(&op), -EINVAL);
	ck_assert_uint_eq(d->vcpu[0]->cpu_hard_affinity.bits[0], 2);

	/* A longer map than ours ends in zeros; an absurd one is refused. */
	memset(longer, 0x55, sizeof(longer));
	op = make(XEN_DOMCTL_getvcpuaffinity, id);
	a->flags = XEN_VCPUAFFINITY_HARD;
	a->cpumap_hard.bitmap.p = longer;
	a->cpumap_hard.nr_bits = sizeof(longer) * 8;
	ck_assert_int_eq(call(&op), 0);
	ck_assert_uint_eq(longer[0], 2);
	for (unsigned int i = 1; i < sizeof(longer); i++)
		ck_assert_uint_eq(longer[i], 0);
	a->cpumap_hard.nr_bits = ~0u;
	ck_assert_int_eq(call(&op), -EINVAL);

	/* An override by the guest lasts until forced. */
	ck_assert_int_eq(vcpu_override_affinity(d->vcpu[0], 0), 0);
	op = make(XEN_DOMCTL_setvcpuaffinity, id);
	hard[0] = 2;
	a->flags = XEN_VCPUAFFINITY_HARD;
	a->cpumap_hard.bitmap.p = hard;
	a->cpumap_hard.nr_bits = 8;
	ck_assert_int_eq(call(&op), -EBUSY);
	a->flags |= XEN_VCPUAFFINITY_FORCE;
	ck_assert_int_eq(call(&op), 0);
	ck_assert_uint_eq(d->vcpu[0]->cpu_hard_affinity.bits[0], 2);
}
END_TEST

START_TEST(scheduling)
{
	domid_t id = created(20);
	struct xen_domctl op = make(XEN_DOMCTL_scheduler_op, id);

	op.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT;
	op.u.scheduler_op.u.credit.weight = 512;
	op.u.scheduler_op.u.credit.cap = 30;
	op.u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_putinfo;
	ck_assert_int_eq(call(&op), 0);
	memset(&op.u.scheduler_op.u, 0, sizeof(op.u.scheduler_op.u));
	op.u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_getinfo;
	ck_assert_int_eq(call(&op), 0);
	ck_assert_uint_eq(op.u.scheduler_op.u.credit.weight, 512);
	ck_assert_uint_eq(op.u.scheduler_op.u.credit.cap, 30);
	op.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT2;
	ck_assert_int_eq(call(&op), -EINVAL);
}
END_TEST

/* --- Memory, rights, properties ------------------------------------------------------------------ */

START_TEST(properties)
{
	domid_t id = created(20);
	struct domain *d = rcu_lock_domain_by_id(id);
	struct xen_domctl op = make(XEN_DOMCTL_max_mem, id);
	u8 nodes[1] = { 0 };

	op.u.max_mem.max_memkb = 0x40403;
	ck_assert_int_eq(call(&op), 0);
	ck_assert_uint_eq(d->max_pages, 0x10100);
	op.u.max_mem.max_memkb = ~0ull;
	ck_assert_int_eq(call(&op), 0);
	ck_assert_uint_eq(d->max_pages, ~0u);

	op = make(XEN_DOMCTL_setnodeaffinity, id);
	op.u.nodeaffinity.nodemap.bitmap.p = nodes;
	op.u.nodeaffinity.nodemap.nr_bits = 8;
	ck_assert_int_eq(call(&op), -EINVAL);
	nodes[0] = 1;
	ck_assert_int_eq(call(&op), 0);
	nodes[0] = 0;
	op.cmd = XEN_DOMCTL_getnodeaffinity;
	ck_assert_int_eq(call(&op), 0);
	ck_assert_uint_eq(nodes[0], 1);

	op = make(XEN_DOMCTL_set_virq_handler, id);
	op.u.set_virq_handler.virq = VIRQ_DOM_EXC;
	ck_assert_int_eq(call(&op), 0);
	ck_assert_ptr_eq(virq_taker, d);

	op = make(XEN_DOMCTL_setdomainhandle, id);
	op.u.setdomainhandle.handle[15] = 0xaa;
	ck_assert_int_eq(call(&op), 0);
	ck_assert_uint_eq(d->handle[15], 0xaa);
	op = make(XEN_DOMCTL_settimeoffset, id);
	op.u.settimeoffset.time_offset_seconds = -3600;
	ck_assert_int_eq(call(&op), 0);
	ck_assert_int_eq(d->time_offset_seconds, -3600);
}
END_TEST

START_TEST(rights)
{
	domid_t id = created(20);
	struct xen_domctl op = make(XEN_DOMCTL_iomem_permission, id);

	op.u.iomem_permission.allow_access = 1;
	ck_assert_int_eq(call(&op), -EINVAL); /* none */
	op.u.iomem_permission.first_mfn = ~0ull;
	op.u.iomem_permission.nr_mfns = 2; /* around the end */
	ck_assert_int_eq(call(&op), -EINVAL);
	op.u.iomem_permission.first_mfn = 0xa0;
	ck_assert_int_eq(call(&op), 0);
	ck_assert_uint_eq(granted[0], 0xa0);
	ck_assert_uint_eq(granted[1], 0xa1);
	op.u.iomem_permission.allow_access = 0;
	ck_assert_int_eq(call(&op), 0);
	ck_assert_uint_eq(granted[1], 0);
	may_grant = false; /* the giver has no right either */
	ck_assert_int_eq(call(&op), -EPERM);

	op = make(XEN_DOMCTL_irq_permission, id);
	controller->nr_pirqs = 10;
	op.u.irq_permission.pirq = 10;
	op.u.irq_permission.allow_access = 1;
	ck_assert_int_eq(call(&op), -EINVAL);
	op.u.irq_permission.pirq = 3;
	ck_assert_int_eq(call(&op), -EPERM);
	may_grant = true;
	ck_assert_int_eq(call(&op), 0);
	ck_assert_uint_eq(granted[0], 33); /* the machine's number */
	op.u.irq_permission.pirq = 4;
	ck_assert_int_eq(call(&op), -EPERM);
}
END_TEST

/* --- The end ------------------------------------------------------------------------------------- */

START_TEST(destruction)
{
	struct xen_domctl_getdomaininfo i;
	domid_t id = created(20);
	struct domain *d = rcu_lock_domain_by_id(id);
	unsigned int told = test_virqs[VIRQ_DOM_EXC];
	static vcpu_guest_context_t c;

	ck_assert_int_eq(max_vcpus(id, 2), 0);
	ck_assert(get_domain(d));
	test_relinquish = 3;
	for (int n = 0; n < 3; n++) {
		ck_assert_int_eq(simple(XEN_DOMCTL_destroydomain, id), -ERESTART);
		ck_assert_int_eq(info(id, &i), 0);
		ck_assert(!(i.flags & XEN_DOMINF_dying));
	}
	/* Whatever would bring it back to life. */
	ck_assert_int_eq(max_vcpus(id, 2), -EINVAL);
	ck_assert_int_eq(set_context(id, 0, &c), -EINVAL);
	ck_assert_int_eq(simple(XEN_DOMCTL_resumedomain, id), -EINVAL);
	ck_assert_int_eq(simple(XEN_DOMCTL_destroydomain, id), 0);
	ck_assert_uint_eq(test_virqs[VIRQ_DOM_EXC], told + 1);
	/* Somebody still holds it. */
	ck_assert_int_eq(info(id, &i), 0);
	ck_assert_uint_eq(i.domain, 20);
	ck_assert(i.flags & XEN_DOMINF_dying);
	ck_assert_int_eq(simple(XEN_DOMCTL_destroydomain, id), 0);
	put_domain(d);
	for (int n = 0; n < 6; n++)
		test_settle();
	ck_assert_ptr_null(rcu_lock_domain_by_id(20));
	ck_assert_uint_eq(test_virqs[VIRQ_DOM_EXC], told + 2);
}
END_TEST

START_TEST(suspension)
{
	domid_t id = created(20);
	struct domain *d = rcu_lock_domain_by_id(id);
	struct xen_domctl op = make(XEN_DOMCTL_subscribe, id);
	struct xen_domctl_getdomaininfo i;
	unsigned int told = test_virqs[VIRQ_DOM_EXC];

	ck_assert_int_eq(max_vcpus(id, 2), 0);
	op.u.subscribe.port = 11;
	ck_assert_int_eq(call(&op), -EINVAL);
	op.u.subscribe.port = 4;
	ck_assert_int_eq(call(&op), 0);
	domain_shutdown(d, SHUTDOWN_suspend);
	ck_assert_uint_eq(test_events_sent, 1);
	ck_assert_uint_eq(test_virqs[VIRQ_DOM_EXC], told);
	ck_assert_int_eq(info(id, &i), 0);
	ck_assert(i.flags & XEN_DOMINF_shutdown);
	ck_assert_uint_eq(i.flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask, SHUTDOWN_suspend);
	ck_assert_int_eq(simple(XEN_DOMCTL_resumedomain, id), 0);
	ck_assert_int_eq(info(id, &i), 0);
	ck_assert(!(i.flags & XEN_DOMINF_shutdown));
	domain_shutdown(d, SHUTDOWN_poweroff);
	ck_assert_uint_eq(test_virqs[VIRQ_DOM_EXC], told + 1);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("all");

	tcase_add_checked_fixture(t, start, NULL);
	tcase_set_timeout(t, 30);
	tcase_add_test(t, refused);
	tcase_add_test(t, nobody);
	tcase_add_test(t, not_on_oneself);
	tcase_add_test(t, identifiers);
	tcase_add_test(t, bad_creations);
	tcase_add_test(t, a_new_domain);
	tcase_add_test(t, vcpus);
	tcase_add_test(t, affinity);
	tcase_add_test(t, scheduling);
	tcase_add_test(t, properties);
	tcase_add_test(t, rights);
	tcase_add_test(t, destruction);
	tcase_add_test(t, suspension);
	return run_suite("domctl", t);
}
