/* sources: xen/common/ctl_bitmap.c tests/unit/harness.c */
#include <check.h>
#include <stdlib.h>
#define TEST_TRACE
#define CONFIG_PERF_COUNTERS
#include "harness.h"
#include "suite.h"
#include "../../xen/common/perfc.c"
#include "../../xen/common/sysctl.c"
#include "../../xen/common/sysctl_debug.c"
#include "../../xen/common/sysctl_domain.c"
#include "../../xen/common/sysctl_memory.c"
#include "../../xen/common/sysctl_sched.c"

#define CPUS 3

/* --- The rest of the hypervisor --------------------------------------------------------------- */

unsigned char host_ram[PAGE_SIZE] __aligned(4096);
static struct page_info table[16];
struct page_info *const frame_table = table;
cpumask_t cpu_online_map, cpu_present_map;
unsigned int nr_cpu_ids = CPUS;
unsigned long total_pages = 0x7000, max_page = 0x8000;
LIST_HEAD(domain_list);
DEFINE_PER_CPU(struct vcpu *, idle_vcpu);
DEFINE_PER_CPU(unsigned long, softirq_pending);

static struct domain dom0, domu, *doms[2] = { &dom0, &domu };
static struct vcpu vcpu = { .domain = &dom0 };
static unsigned int continued, keys_pressed, arch_calls;
static unsigned char last_key;

size_t strlcpy(char *d, const char *s, size_t n)
{
	return snprintf(d, n, "%s", s);
}

bool mfn_valid(mfn_t mfn)
{
	return mfn_x(mfn) < ARRAY_SIZE(table);
}

unsigned long avail_domheap_pages(unsigned int bits)
{
	return !bits || bits > 32 ? 1000 : bits > 24 ? 300 : 0;
}

int pci_device_pxm(u32 sbdf, u32 *pxm)
{
	*pxm = 0;
	return PCI_BUS(sbdf) ? -ENODEV : 0;
}

void vcpu_runstate_get(struct vcpu *v, struct vcpu_runstate_info *rs)
{
	memset(rs, 0, sizeof(*rs));
	rs->time[RUNSTATE_running] = 1234;
}

unsigned int scheduler_id(void)
{
	return XEN_SCHEDULER_CREDIT;
}

long sched_adjust_global(struct xen_sysctl_scheduler_op *op)
{
	return -EINVAL;
}

void getdomaininfo(struct domain *d, struct xen_domctl_getdomaininfo *info)
{
	memset(info, 0, sizeof(*info));
	info->domain = d->domain_id;
}

struct domain *rcu_lock_domain_by_any_id(domid_t id)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(doms); i++)
		if (doms[i]->domain_id == id)
			return doms[i];
	return NULL;
}

long read_console_ring(struct xen_sysctl_readconsole *op)
{
	return 0;
}

void handle_keypress(unsigned char key, struct cpu_user_regs *regs)
{
	keys_pressed++;
	last_key = key;
}

void register_keyhandler(unsigned char key, void (*fn)(unsigned char), const char *desc, bool diag)
{
}

long hypercall_continue(unsigned int op, unsigned int nr, const unsigned long args[6])
{
	ck_assert_uint_eq(op, __HYPERVISOR_sysctl);
	continued++;
	return -ERESTART;
}

long sysctl_tbuf_op(struct xen_sysctl *op)
{
	return 0;
}

#define ARCH(name)                                                                                 \
	long sysctl_##name(struct xen_sysctl *op)                                                  \
	{                                                                                          \
		arch_calls++;                                                                      \
		return 0;                                                                          \
	}
ARCH(physinfo)
ARCH(cpu_hotplug)
ARCH(cputopoinfo)
ARCH(get_cpu_levelling_caps)
ARCH(get_cpu_featureset)
ARCH(get_cpu_policy)
ARCH(psr_cmt_op)
ARCH(psr_alloc)
ARCH(get_pmstat)
ARCH(pm_op)

/* --- Calling ---------------------------------------------------------------------------------- */

static struct xen_sysctl op; /* the tool's */
static u8 buf[1 << 20];

static bool no_access(const void *p, unsigned long n)
{
	const u8 *b = p;

	return !((b >= buf && b + n <= buf + sizeof(buf)) ||
		(b >= (u8 *)&op && b + n <= (u8 *)(&op + 1)));
}

static void setup(void)
{
	harness_reset();
	host_guest_fault = no_access;
	set_current(&vcpu);
	dom0.domain_id = 0;
	dom0.is_privileged = true;
	domu.domain_id = 5;
	domu.is_privileged = false;
	vcpu.domain = &dom0;
	INIT_LIST_HEAD(&domain_list);
	list_add_tail(&dom0.list, &domain_list);
	list_add_tail(&domu.list, &domain_list);
	cpu_online_map = cpu_present_map = CPUMASK_NONE;
	for (unsigned int i = 0; i < CPUS; i++)
		cpumask_set_cpu(i, &cpu_online_map);
	memset(table, 0, sizeof(table));
	memset(buf, 0xee, 4096);
	continued = keys_pressed = arch_calls = 0;
	perfc_reset();
}

static struct xen_sysctl *fresh(void)
{
	memset(&op, 0, sizeof(op));
	return &op;
}

static long call(u32 cmd)
{
	long rc;

	op.cmd = cmd;
	op.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	rc = do_sysctl(guest_handle_from_ptr(&op, xen_sysctl_t));
	ck_assert_uint_eq(host_locks_held, 0);
	return rc;
}

#define BAD ((void *)0x10)

/* --- Tests ------------------------------------------------------------------------------------ */

START_TEST(who_and_which)
{
	fresh();
	vcpu.domain = &domu;
	for (u32 cmd = 0; cmd < 64; cmd++)
		ck_assert_int_eq(call(cmd), -EPERM);
	vcpu.domain = &dom0;
	ck_assert_int_eq(do_sysctl(guest_handle_from_ptr(BAD, xen_sysctl_t)), -EFAULT);
	op.cmd = XEN_SYSCTL_sched_id;
	for (u32 v = 0; v < 64; v++) {
		op.interface_version = v;
		ck_assert_int_eq(do_sysctl(guest_handle_from_ptr(&op, xen_sysctl_t)),
			v == XEN_SYSCTL_INTERFACE_VERSION ? 0 : -EACCES);
	}
	ck_assert_int_eq(call(0), -ENOSYS);
	ck_assert_int_eq(call(13), -ENOSYS);
	ck_assert_int_eq(call(24), -ENOSYS);
	ck_assert_int_eq(call(XEN_SYSCTL_lockprof_op), -ENOSYS);
	ck_assert_int_eq(call(XEN_SYSCTL_livepatch_op), -ENOSYS);
	for (u32 cmd = XEN_SYSCTL_get_cpu_policy + 1; cmd; cmd = cmd < 100 ? cmd + 1 : cmd * 2)
		ck_assert_int_eq(call(cmd), -ENOSYS);
}
END_TEST

/* While one is at work the others come again. */
START_TEST(one_at_a_time)
{
	fresh();
	spin_lock(&sysctl_lock);
	op.cmd = XEN_SYSCTL_sched_id;
	op.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	ck_assert_int_eq(do_sysctl(guest_handle_from_ptr(&op, xen_sysctl_t)), -ERESTART);
	ck_assert_uint_eq(continued, 1);
	spin_unlock(&sysctl_lock);
	ck_assert_int_eq(call(XEN_SYSCTL_sched_id), 0);
	ck_assert_uint_eq(op.u.sched_id.sched_id, XEN_SCHEDULER_CREDIT);
}
END_TEST

START_TEST(domain_list_)
{
	xen_domctl_getdomaininfo_t *info = (void *)buf;
	struct xen_sysctl_getdomaininfolist *l = &op.u.getdomaininfolist;

	fresh();
	l->max_domains = ~0u;
	set_xen_guest_handle(l->buffer, info);
	ck_assert_int_eq(call(XEN_SYSCTL_getdomaininfolist), 0);
	ck_assert_uint_eq(l->num_domains, 2);
	ck_assert_uint_eq(info[1].domain, 5);
	l->first_domain = 1;
	ck_assert_int_eq(call(XEN_SYSCTL_getdomaininfolist), 0);
	ck_assert_uint_eq(l->num_domains, 1);
	ck_assert_uint_eq(info[0].domain, 5);
	l->first_domain = 6;
	ck_assert_int_eq(call(XEN_SYSCTL_getdomaininfolist), 0);
	ck_assert_uint_eq(l->num_domains, 0);
	l->first_domain = 0;
	l->max_domains = 0;
	ck_assert_int_eq(call(XEN_SYSCTL_getdomaininfolist), 0);
	ck_assert_uint_eq(l->num_domains, 0);
	l->max_domains = 1;
	set_xen_guest_handle(l->buffer, BAD);
	ck_assert_int_eq(call(XEN_SYSCTL_getdomaininfolist), -EFAULT);
}
END_TEST

START_TEST(keys)
{
	fresh();
	memcpy(buf, "hq\xff", 3);
	set_xen_guest_handle(op.u.debug_keys.keys, (char *)buf);
	op.u.debug_keys.nr_keys = 3;
	ck_assert_int_eq(call(XEN_SYSCTL_debug_keys), 0);
	ck_assert_uint_eq(keys_pressed, 3);
	ck_assert_uint_eq(last_key, 0xff);
	op.u.debug_keys.nr_keys = ~0u;
	ck_assert_int_eq(call(XEN_SYSCTL_debug_keys), -E2BIG);
	ck_assert_uint_eq(keys_pressed, 3);
	op.u.debug_keys.nr_keys = 1;
	set_xen_guest_handle(op.u.debug_keys.keys, BAD);
	ck_assert_int_eq(call(XEN_SYSCTL_debug_keys), -EFAULT);
}
END_TEST

START_TEST(counters)
{
	xen_sysctl_perfc_desc_t *desc = (void *)buf;
	xen_sysctl_perfc_val_t *val = (void *)(buf + 65536);
	struct xen_sysctl_perfc_op *p = &op.u.perfc_op;

	per_cpu(perfcounters, 2).count[PERFC_irqs] = 77;
	per_cpu(perfcounters, 0).count[PERFC_hypercalls] = 5;
	fresh();
	p->cmd = XEN_SYSCTL_PERFCOP_query;
	ck_assert_int_eq(call(XEN_SYSCTL_perfc_op), 0);
	ck_assert_uint_eq(p->nr_counters, NR_PERFCTRS);
	ck_assert_uint_eq(p->nr_vals, NR_PERFCTRS * CPUS);
	set_xen_guest_handle(p->desc, desc);
	set_xen_guest_handle(p->val, val);
	ck_assert_int_eq(call(XEN_SYSCTL_perfc_op), 0);
	ck_assert_str_eq(desc[PERFC_irqs].name, perfc_name(PERFC_irqs));
	ck_assert_uint_eq(desc[PERFC_irqs].nr_vals, CPUS);
	ck_assert_uint_eq(val[PERFC_irqs * CPUS + 2], 77);
	ck_assert_uint_eq(val[PERFC_hypercalls * CPUS], 5);
	p->cmd = XEN_SYSCTL_PERFCOP_reset;
	ck_assert_int_eq(call(XEN_SYSCTL_perfc_op), 0);
	ck_assert_uint_eq(perfc_read(PERFC_irqs, 2), 0);
	set_xen_guest_handle(p->val, BAD);
	ck_assert_int_eq(call(XEN_SYSCTL_perfc_op), -EFAULT);
	p->cmd = 3;
	ck_assert_int_eq(call(XEN_SYSCTL_perfc_op), -EINVAL);
}
END_TEST

START_TEST(cpus)
{
	xen_sysctl_cpuinfo_t *info = (void *)buf;
	struct vcpu idle = { 0 };
	unsigned int cpu;

	for_each_online_cpu (cpu)
		per_cpu(idle_vcpu, cpu) = &idle;
	cpumask_clear_cpu(1, &cpu_online_map);
	fresh();
	op.u.getcpuinfo.max_cpus = ~0u;
	set_xen_guest_handle(op.u.getcpuinfo.info, info);
	ck_assert_int_eq(call(XEN_SYSCTL_getcpuinfo), 0);
	ck_assert_uint_eq(op.u.getcpuinfo.nr_cpus, CPUS);
	ck_assert_uint_eq(info[0].idletime, 1234);
	ck_assert_uint_eq(info[1].idletime, 0);
	set_xen_guest_handle(op.u.getcpuinfo.info, BAD);
	ck_assert_int_eq(call(XEN_SYSCTL_getcpuinfo), -EFAULT);
}
END_TEST

START_TEST(heap)
{
	static const struct {
		u32 min, max;
		s32 node;
		u64 pages;
	} t[] = { { 0, 0, -1, 1000 }, { 0, 0, 0, 1000 }, { 0, 0, 1, 0 }, { 0, 0, -2, 0 },
		{ 0, 32, -1, 300 }, { 32, 0, -1, 700 }, { 40, 30, -1, 0 }, { 0, ~0u, -1, 1000 },
		{ ~0u, ~0u, -1, 0 } };

	for (unsigned int i = 0; i < ARRAY_SIZE(t); i++) {
		fresh();
		op.u.availheap = (struct xen_sysctl_availheap){ t[i].min, t[i].max, t[i].node, 1 };
		ck_assert_int_eq(call(XEN_SYSCTL_availheap), 0);
		ck_assert_uint_eq(op.u.availheap.avail_bytes, t[i].pages << PAGE_SHIFT);
	}
}
END_TEST

START_TEST(pages)
{
	struct xen_sysctl_page_offline_op *p = &op.u.page_offline;
	u32 *status = (void *)buf;

	table[2].count_info = PGC_broken;
	fresh();
	p->cmd = sysctl_query_page_offline;
	p->start = 1;
	p->end = 2;
	set_xen_guest_handle(p->status, status);
	ck_assert_int_eq(call(XEN_SYSCTL_page_offline_op), 0);
	ck_assert_uint_eq(status[0], 0);
	ck_assert_uint_eq(status[1], PG_OFFLINE_STATUS_OFFLINED | PG_OFFLINE_STATUS_BROKEN);
	p->cmd = sysctl_page_offline;
	ck_assert_int_eq(call(XEN_SYSCTL_page_offline_op), -EOPNOTSUPP);
	ck_assert_uint_eq(status[0], PG_OFFLINE_FAILED);
	p->end = 17;
	p->start = 16;
	ck_assert_int_eq(call(XEN_SYSCTL_page_offline_op), -EINVAL);
	ck_assert_uint_eq(status[0], PG_OFFLINE_INVALID);
	p->start = 18;
	ck_assert_int_eq(call(XEN_SYSCTL_page_offline_op), -EINVAL);
	p->start = 0;
	p->end = ~0u;
	ck_assert_int_eq(call(XEN_SYSCTL_page_offline_op), -E2BIG);
	p->start = p->end;
	ck_assert_int_eq(call(XEN_SYSCTL_page_offline_op), -EINVAL);
	p->start = p->end = 1;
	set_xen_guest_handle(p->status, BAD);
	ck_assert_int_eq(call(XEN_SYSCTL_page_offline_op), -EFAULT);
}
END_TEST

START_TEST(topology)
{
	physdev_pci_device_t *dev = (void *)buf;
	struct xen_sysctl_pcitopoinfo *p = &op.u.pcitopoinfo;
	u32 *node = (void *)(buf + 4096);
	xen_sysctl_meminfo_t *mem = (void *)buf;

	fresh();
	ck_assert_int_eq(call(XEN_SYSCTL_pcitopoinfo), -EINVAL);
	memset(dev, 0, 2 * sizeof(*dev));
	dev[1].bus = 1;
	p->num_devs = 2;
	set_xen_guest_handle(p->devs, dev);
	set_xen_guest_handle(p->nodes, node);
	ck_assert_int_eq(call(XEN_SYSCTL_pcitopoinfo), 0);
	ck_assert_uint_eq(node[0], XEN_INVALID_NODE_ID);
	ck_assert_uint_eq(node[1], XEN_INVALID_DEV);
	p->num_devs = ~0u;
	ck_assert_int_eq(call(XEN_SYSCTL_pcitopoinfo), -E2BIG);
	p->num_devs = 1;
	set_xen_guest_handle(p->nodes, BAD);
	ck_assert_int_eq(call(XEN_SYSCTL_pcitopoinfo), -EFAULT);

	fresh();
	ck_assert_int_eq(call(XEN_SYSCTL_numainfo), 0);
	ck_assert_uint_eq(op.u.numainfo.num_nodes, 1);
	op.u.numainfo.num_nodes = ~0u;
	set_xen_guest_handle(op.u.numainfo.meminfo, mem);
	set_xen_guest_handle(op.u.numainfo.distance, node);
	ck_assert_int_eq(call(XEN_SYSCTL_numainfo), 0);
	ck_assert_uint_eq(op.u.numainfo.num_nodes, 1);
	ck_assert_uint_eq(mem->memsize, 0x7000000);
	ck_assert_uint_eq(mem->memfree, 1000 << PAGE_SHIFT);
	ck_assert_uint_eq(node[0], 10);
	set_xen_guest_handle(op.u.numainfo.distance, BAD);
	ck_assert_int_eq(call(XEN_SYSCTL_numainfo), -EFAULT);
}
END_TEST

START_TEST(pools)
{
	struct xen_sysctl_cpupool_op *p = &op.u.cpupool_op;
	static const struct {
		u32 op, pool, cpu, domid;
		long rc;
	} t[] = {
		{ 0, 0, 0, 0, -ENOSYS },
		{ 8, 0, 0, 0, -ENOSYS },
		{ ~0u, 0, 0, 0, -ENOSYS },
		{ XEN_SYSCTL_CPUPOOL_OP_CREATE, ~0u, 0, 0, -EOPNOTSUPP },
		{ XEN_SYSCTL_CPUPOOL_OP_DESTROY, 0, 0, 0, -EBUSY },
		{ XEN_SYSCTL_CPUPOOL_OP_DESTROY, 1, 0, 0, -ENOENT },
		{ XEN_SYSCTL_CPUPOOL_OP_INFO, 1, 0, 0, -ENOENT },
		{ XEN_SYSCTL_CPUPOOL_OP_ADDCPU, 0, 999, 0, -EINVAL },
		{ XEN_SYSCTL_CPUPOOL_OP_ADDCPU, 0, ~0u - 1, 0, -EINVAL },
		{ XEN_SYSCTL_CPUPOOL_OP_RMCPU, 0, 1, 0, -EBUSY },
		{ XEN_SYSCTL_CPUPOOL_OP_RMCPU, 7, 1, 0, -ENOENT },
		{ XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN, 0, 0, 99, -ESRCH },
		{ XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN, 0, 0, 0, -EPERM },
		{ XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN, 0, 0, 5, 0 },
		{ XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN, 1, 0, 5, -ENOENT },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(t); i++) {
		fresh();
		p->op = t[i].op;
		p->cpupool_id = t[i].pool;
		p->cpu = t[i].cpu;
		p->domid = t[i].domid;
		ck_assert_msg(call(XEN_SYSCTL_cpupool_op) == t[i].rc, "row %u", i);
	}
	fresh();
	p->op = XEN_SYSCTL_CPUPOOL_OP_INFO;
	set_xen_guest_handle(p->cpumap.bitmap, buf);
	p->cpumap.nr_bits = 16;
	ck_assert_int_eq(call(XEN_SYSCTL_cpupool_op), 0);
	ck_assert_uint_eq(p->n_dom, 2);
	ck_assert_uint_eq(buf[0], 7);
	ck_assert_uint_eq(buf[1], 0);
	ck_assert_uint_eq(buf[2], 0xee);
	set_xen_guest_handle(p->cpumap.bitmap, BAD);
	ck_assert_int_eq(call(XEN_SYSCTL_cpupool_op), -EFAULT);
	p->op = XEN_SYSCTL_CPUPOOL_OP_FREEINFO;
	set_xen_guest_handle(p->cpumap.bitmap, buf);
	ck_assert_int_eq(call(XEN_SYSCTL_cpupool_op), 0);
	ck_assert_uint_eq(buf[0], 0);
}
END_TEST

/* Random arguments: no access outside what the tool has, and every call ends. */
START_TEST(noise)
{
	srand(_i);
	for (unsigned int cpu = 0; cpu < CPUS; cpu++)
		per_cpu(idle_vcpu, cpu) = &vcpu;
	for (unsigned int n = 0; n < 20000; n++) {
		u32 *w = (u32 *)&op;

		for (unsigned int i = 0; i < sizeof(op) / 4; i++)
			w[i] = rand() % 3 ? rand() % 70 : (u32)rand() * 2;
		for (unsigned int i = 8; i + 8 <= sizeof(op); i += 8)
			if (!(rand() % 3))
				*(u64 *)((u8 *)&op + i) = (u64)(buf + rand() % 4096);
		call(rand() % 32);
	}
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("sysctl");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, who_and_which);
	tcase_add_test(t, one_at_a_time);
	tcase_add_test(t, domain_list_);
	tcase_add_test(t, keys);
	tcase_add_test(t, counters);
	tcase_add_test(t, cpus);
	tcase_add_test(t, heap);
	tcase_add_test(t, pages);
	tcase_add_test(t, topology);
	tcase_add_test(t, pools);
	tcase_add_loop_test(t, noise, 0, 4);
	return run_suite("sysctl", t);
}
