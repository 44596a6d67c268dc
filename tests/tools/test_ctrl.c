/* sources: tools/libs/ctrl/ctrl.c tools/libs/ctrl/domain.c tools/libs/ctrl/vcpu.c */
/* sources: tools/libs/ctrl/sched.c tools/libs/ctrl/policy.c tools/libs/ctrl/memory.c */
/* sources: tools/libs/ctrl/machine.c tools/libs/ctrl/events.c */
/* packages: glib-2.0 */
/*
 * The control library over a hypervisor that is a function of each test: what goes in, what comes
 * out, what is freed.
 */
#include <check.h>
#include <errno.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"
#include "suite.h"

/* ---- Hypercalls ---- */

static long (*hypervisor)(unsigned op, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4);
static unsigned buffers, calls;
static struct xc_interface control;

void *xencall_alloc_buffer(xencall_handle *xcall, size_t size)
{
	buffers++;
	return calloc(1, size ? size : 1);
}

void xencall_free_buffer(xencall_handle *xcall, void *p)
{
	buffers -= p ? 1 : 0;
	free(p);
}

static long call(unsigned op, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4)
{
	long ret = hypervisor(op, a1, a2, a3, a4);

	calls++;
	if (ret >= 0)
		return ret;
	errno = -ret;
	return -1;
}

int xencall1(xencall_handle *xcall, unsigned int op, uint64_t arg1)
{
	return call(op, arg1, 0, 0, 0);
}

int xencall2(xencall_handle *xcall, unsigned int op, uint64_t arg1, uint64_t arg2)
{
	return call(op, arg1, arg2, 0, 0);
}

int xencall3(xencall_handle *xcall, unsigned int op, uint64_t arg1, uint64_t arg2, uint64_t arg3)
{
	return call(op, arg1, arg2, arg3, 0);
}

int xencall4(xencall_handle *xcall, unsigned int op, uint64_t arg1, uint64_t arg2, uint64_t arg3,
	uint64_t arg4)
{
	return call(op, arg1, arg2, arg3, arg4);
}

long xencall2L(xencall_handle *xcall, unsigned int op, uint64_t arg1, uint64_t arg2)
{
	return call(op, arg1, arg2, 0, 0);
}

xencall_handle *xencall_open(struct xentoollog_logger *logger, unsigned flags)
{
	return NULL;
}

int xencall_close(xencall_handle *xcall)
{
	return 0;
}

xenforeignmemory_handle *xenforeignmemory_open(struct xentoollog_logger *logger, unsigned flags)
{
	return NULL;
}

int xenforeignmemory_close(xenforeignmemory_handle *fmem)
{
	return 0;
}

/* Grant tables: one page. */
static grant_entry_v1_t grants[512];

xenforeignmemory_resource_handle *xenforeignmemory_map_resource(xenforeignmemory_handle *fmem,
	domid_t domid, unsigned int type, unsigned int id, unsigned long frame,
	unsigned long nr_frames, void **paddr, int prot, int flags)
{
	ck_assert_uint_eq(type, XENMEM_resource_grant_table);
	*paddr = grants;
	return (xenforeignmemory_resource_handle *)grants;
}

int xenforeignmemory_unmap_resource(
	xenforeignmemory_handle *fmem, xenforeignmemory_resource_handle *fres)
{
	return 0;
}

static void check_done(unsigned expected_calls)
{
	ck_assert_uint_eq(buffers, 0);
	ck_assert_uint_eq(calls, expected_calls);
	calls = 0;
}

/* ---- Domains ---- */

static unsigned again;

static long domctl(unsigned op, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4)
{
	struct xen_domctl *domctl = (void *)a1;

	ck_assert_uint_eq(op, __HYPERVISOR_domctl);
	ck_assert_uint_eq(domctl->interface_version, XEN_DOMCTL_INTERFACE_VERSION);
	switch (domctl->cmd) {
	case XEN_DOMCTL_createdomain:
		ck_assert_uint_eq(domctl->u.createdomain.max_vcpus, 3);
		domctl->domain = 9;
		return 0;
	case XEN_DOMCTL_destroydomain:
		return again-- ? -EAGAIN : 0;
	case XEN_DOMCTL_getdomaininfo:
		domctl->u.getdomaininfo.domain = domctl->domain < 5 ? 5 : domctl->domain;
		return 0;
	default:
		return -ENOSYS;
	}
}

START_TEST(test_domains)
{
	struct xen_domctl_createdomain config = { .max_vcpus = 3 };
	struct xen_domctl_getdomaininfo info;
	uint32_t domid = 0;

	hypervisor = domctl;
	ck_assert_int_eq(xc_domain_create(&control, &domid, &config), 0);
	ck_assert_uint_eq(domid, 9);
	ck_assert_int_eq(xc_domain_getinfo(&control, 9, &info), 0);
	ck_assert_int_eq(xc_domain_getinfo(&control, 4, &info), -1);
	ck_assert_int_eq(errno, ESRCH);
	check_done(3);
	again = 2;
	ck_assert_int_eq(xc_domain_destroy(&control, 9), 0);
	check_done(3);
	ck_assert_int_eq(xc_domain_pause(&control, 9), -1);
	ck_assert_int_eq(errno, ENOSYS);
	check_done(1);
}
END_TEST

static long list(unsigned op, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4)
{
	struct xen_sysctl *sysctl = (void *)a1;
	struct xen_domctl_getdomaininfo *info = sysctl->u.getdomaininfolist.buffer.p;

	ck_assert_uint_eq(op, __HYPERVISOR_sysctl);
	ck_assert_uint_eq(sysctl->interface_version, XEN_SYSCTL_INTERFACE_VERSION);
	ck_assert_uint_eq(sysctl->u.getdomaininfolist.max_domains, 4);
	for (unsigned i = 0; i < 2; i++)
		info[i].domain = sysctl->u.getdomaininfolist.first_domain + 10 * i;
	sysctl->u.getdomaininfolist.num_domains = 2;
	return 0;
}

START_TEST(test_list)
{
	struct xen_domctl_getdomaininfo info[4];

	memset(info, 0xee, sizeof(info));
	hypervisor = list;
	ck_assert_int_eq(xc_domain_getinfolist(&control, 3, 4, info), 2);
	ck_assert_uint_eq(info[0].domain, 3);
	ck_assert_uint_eq(info[1].domain, 13);
	ck_assert_uint_eq(info[2].domain, 0xeeee);
	check_done(1);
}
END_TEST

/* ---- vCPUs and policies ---- */

static long affinity(unsigned op, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4)
{
	struct xen_domctl *domctl = (void *)a1;
	struct xen_domctl_vcpuaffinity *a = &domctl->u.vcpuaffinity;
	uint8_t *hard = a->cpumap_hard.bitmap.p, *soft = a->cpumap_soft.bitmap.p;

	ck_assert_uint_eq(a->vcpu, 1);
	ck_assert_uint_eq(a->flags, XEN_VCPUAFFINITY_HARD);
	ck_assert_uint_eq(a->cpumap_hard.nr_bits, 16);
	ck_assert_uint_eq(hard[0], 0xff);
	ck_assert_uint_eq(soft[0], 0);
	hard[0] = 3;
	hard[1] = 0;
	return 0;
}

static long refuse_policy(unsigned op, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4)
{
	struct xen_domctl *domctl = (void *)a1;
	xen_cpuid_leaf_t *leaves = domctl->u.cpu_policy.leaves.p;

	ck_assert_uint_eq(domctl->u.cpu_policy.nr_leaves, 1);
	domctl->u.cpu_policy.err_leaf = leaves[0].leaf;
	return -EINVAL;
}

START_TEST(test_vcpus_and_policies)
{
	xen_cpuid_leaf_t leaf = { .leaf = 7 };
	uint8_t cpus[2] = { 0xff, 0xff };
	uint32_t refused[3];

	hypervisor = affinity;
	ck_assert_int_eq(xc_vcpu_setaffinity(&control, 1, 1, cpus, NULL, sizeof(cpus)), 0);
	ck_assert_uint_eq(cpus[0], 3);
	ck_assert_uint_eq(cpus[1], 0);
	check_done(1);
	hypervisor = refuse_policy;
	ck_assert_int_eq(xc_set_domain_cpu_policy(&control, 1, &leaf, 1, NULL, 0, refused), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_uint_eq(refused[0], 7);
	ck_assert_uint_eq(refused[1], ~0U);
	check_done(1);
}
END_TEST

/* An older scheduler's parameters are larger than the union that names those of today. */
static long sedf(unsigned op, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4)
{
	struct xen_domctl *domctl = (void *)a1;
	struct xen_domctl_sched_sedf *params = (void *)&domctl->u.scheduler_op.u;

	ck_assert_uint_eq(domctl->u.scheduler_op.sched_id, XEN_SCHEDULER_SEDF);
	if (domctl->u.scheduler_op.cmd == XEN_DOMCTL_SCHEDOP_getinfo)
		*params = (struct xen_domctl_sched_sedf){ .period = 100, .slice = 20, .weight = 7 };
	else
		ck_assert_uint_eq(params->weight, 8);
	return 0;
}

START_TEST(test_older_scheduler)
{
	struct xen_domctl_sched_sedf params = { 0 };

	hypervisor = sedf;
	ck_assert_int_eq(xc_sched_sedf_domain_get(&control, 1, &params), 0);
	ck_assert_uint_eq(params.period, 100);
	ck_assert_uint_eq(params.weight, 7);
	params.weight = 8;
	ck_assert_int_eq(xc_sched_sedf_domain_set(&control, 1, &params), 0);
	check_done(2);
}
END_TEST

static long turn(unsigned op, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4)
{
	struct xen_sysctl *sysctl = (void *)a1;
	uint64_t *slice = (void *)&sysctl->u.scheduler_op.u;
	uint32_t *ctx_allow = (void *)&sysctl->u.scheduler_op.u;

	ck_assert_uint_eq(sysctl->cmd, XEN_SYSCTL_scheduler_op);
	if (sysctl->u.scheduler_op.sched_id == XEN_SCHEDULER_BVT)
		*ctx_allow = 5;
	else if (sysctl->u.scheduler_op.cmd == XEN_SYSCTL_SCHEDOP_putinfo)
		ck_assert_uint_eq(*slice, 1ULL << 32);
	else
		*slice = 1ULL << 33;
	return 0;
}

START_TEST(test_turn)
{
	uint64_t ns = 1ULL << 32;

	hypervisor = turn;
	ck_assert_int_eq(xc_sched_turn(&control, XEN_SCHEDULER_RROBIN, true, &ns), 0);
	ck_assert_int_eq(xc_sched_turn(&control, XEN_SCHEDULER_RROBIN, false, &ns), 0);
	ck_assert_uint_eq(ns, 1ULL << 33);
	ck_assert_int_eq(xc_sched_turn(&control, XEN_SCHEDULER_BVT, true, &ns), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(xc_sched_turn(&control, XEN_SCHEDULER_BVT, false, &ns), 0);
	ck_assert_uint_eq(ns, 5);
	check_done(3);
}
END_TEST

/* ---- Memory, ports, grants, version ---- */

static long memory(unsigned op, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4)
{
	struct xen_memory_reservation *r = (void *)a2;

	ck_assert_uint_eq(op, __HYPERVISOR_memory_op);
	if (a1 == XENMEM_maximum_ram_page)
		return 0x123456789a;
	ck_assert_uint_eq(a1, XENMEM_populate_physmap);
	ck_assert_uint_eq(r->extent_order, 9);
	for (unsigned i = 0; i < 2; i++)
		r->extent_start.p[i] += 1000;
	return 2;
}

START_TEST(test_memory)
{
	xen_pfn_t frames[3] = { 0, 512, 1024 };

	hypervisor = memory;
	ck_assert_int_eq(xc_domain_populate(&control, 1, 3, 9, 0, frames), 2);
	ck_assert_uint_eq(frames[0], 1000);
	ck_assert_uint_eq(frames[1], 1512);
	ck_assert_uint_eq(frames[2], 1024);
	ck_assert_int_eq(xc_maximum_ram_page(&control), 0x123456789a);
	check_done(2);
}
END_TEST

static long ports(unsigned op, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4)
{
	struct evtchn_alloc_unbound *alloc = (void *)a2;

	ck_assert_uint_eq(op, __HYPERVISOR_event_channel_op);
	ck_assert_uint_eq(a1, EVTCHNOP_alloc_unbound);
	ck_assert_uint_eq(alloc->dom, 7);
	alloc->port = 42;
	return 0;
}

START_TEST(test_ports_and_grants)
{
	hypervisor = ports;
	ck_assert_int_eq(xc_evtchn_alloc_unbound(&control, 7, 0), 42);
	check_done(1);
	ck_assert_int_eq(xc_gnttab_seed(&control, 7, 0x1234, ~0UL, 3, 0), 0);
	ck_assert_uint_eq(grants[GNTTAB_RESERVED_CONSOLE].frame, 0x1234);
	ck_assert_uint_eq(grants[GNTTAB_RESERVED_CONSOLE].domid, 3);
	ck_assert_uint_eq(grants[GNTTAB_RESERVED_CONSOLE].flags, GTF_permit_access);
	ck_assert_uint_eq(grants[GNTTAB_RESERVED_XENSTORE].flags, 0);
}
END_TEST

static long version(unsigned op, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4)
{
	if (a1 == XENVER_version)
		return 4 << 16 | 17;
	/* A hypervisor writes its whole structure, without an end if it likes. */
	memset((void *)a2, 'x', sizeof(xen_capabilities_info_t));
	return 0;
}

START_TEST(test_version)
{
	char text[16];

	hypervisor = version;
	ck_assert_int_eq(xc_version(&control, XENVER_version, NULL, 0), 0x40011);
	ck_assert_int_eq(xc_version(&control, XENVER_capabilities, text, sizeof(text)), 0);
	ck_assert_str_eq(text, "xxxxxxxxxxxxxxx");
	check_done(2);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("calls");

	tcase_add_test(tc, test_domains);
	tcase_add_test(tc, test_list);
	tcase_add_test(tc, test_vcpus_and_policies);
	tcase_add_test(tc, test_older_scheduler);
	tcase_add_test(tc, test_turn);
	tcase_add_test(tc, test_memory);
	tcase_add_test(tc, test_ports_and_grants);
	tcase_add_test(tc, test_version);
	return run_suite("ctrl", tc);
}
