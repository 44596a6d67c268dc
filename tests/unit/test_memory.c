/* sources: xen/common/memory.c xen/common/memory_reservation.c xen/common/memory_exchange.c xen/common/page_alloc.c xen/common/domheap.c xen/common/boot_alloc.c xen/common/page_list.c tests/unit/stubs_core.c */
/* memory_op: sizes, reservations, exchange as all or nothing, rights, and guests that mean harm. */
#include <check.h>
#include <xen/grant_table.h>
#include <xen/hypercall.h>
#include <public/memory.h>
#include "stubs_core.h"
#include "suite.h"

static struct domain *dom0, *domu;
static struct shared_info shared;
static unsigned long total_free;
static xen_pfn_t list[2048], out_list[2048];

static void setup(void)
{
	host_memory_init(8192);
	dom0 = host_domain(0, ~0u);
	dom0->is_privileged = true;
	domu = host_domain(1, 1000);
	dom0->shared_info = domu->shared_info = &shared;
	host_run_as(domu);
	total_free = free_heap_pages_count();
}

/* Whatever happened: pages are free or charged to their owners, and listed there. */
static void teardown(void)
{
	ck_assert_uint_eq(host_locks_held, 0);
	ck_assert_uint_eq(free_heap_pages_count() + dom0->tot_pages + domu->tot_pages, total_free);
	ck_assert_uint_eq(host_list_length(&dom0->page_list), dom0->tot_pages);
	ck_assert_uint_eq(host_list_length(&domu->page_list), domu->tot_pages);
	for (struct page_info *pg = page_list_first(&domu->page_list); pg; pg = page_list_next(pg))
		ck_assert(page_get_owner(pg) == domu);
}

static long op(unsigned long cmd, void *arg)
{
	return do_memory_op(cmd, (XEN_GUEST_HANDLE_PARAM(void)){ arg });
}

/* --- Stand-ins for other parts ---------------------------------------------------------------- */

long arch_memory_op(unsigned long cmd, XEN_GUEST_HANDLE_PARAM(void) arg)
{
	return 1000 + cmd;
}

unsigned long m2p_extent_mfn(unsigned int n)
{
	return n ? 0 : 512;
}

unsigned int gnttab_resource_max_frames(struct domain *d, unsigned int id)
{
	return id ? 4 : 64;
}

int gnttab_get_resource(
	struct domain *d, unsigned int id, unsigned int frame, unsigned int nr, mfn_t *mfns)
{
	ck_assert(d == domu);
	ck_assert_uint_le(frame + nr, 64);
	for (unsigned int i = 0; i < nr; i++)
		mfns[i] = _mfn(0x1000 + frame + i);
	return 0;
}

/* The next hypercall_preempt_check() says yes when `n` guest accesses have happened. */
static int accesses_until_preempt;

static bool preempt_countdown(const void *p, unsigned long n)
{
	if (!accesses_until_preempt--)
		softirq_pending(0) = 1;
	return false;
}

static const void *bad_page;

static bool bad_page_faults(const void *p, unsigned long n)
{
	return (const char *)p <= (const char *)bad_page &&
		(const char *)bad_page < (const char *)p + n;
}

/* --- Sizes ------------------------------------------------------------------------------------ */

START_TEST(sizes)
{
	struct xen_memory_domain md = { .domid = DOMID_SELF };

	ck_assert_ptr_nonnull(alloc_domheap_pages(domu, 2, 0));
	ck_assert_int_eq(op(XENMEM_current_reservation, &md), 4);
	ck_assert_int_eq(op(XENMEM_maximum_reservation, &md), 1000);
	shared.arch.max_pfn = 77;
	ck_assert_int_eq(op(XENMEM_maximum_gpfn, &md), 76);
	shared.arch.max_pfn = ~0UL - 10;
	ck_assert_int_ge(op(XENMEM_maximum_gpfn, &md), 0);
	shared.arch.max_pfn = 0;
	ck_assert_int_eq(op(XENMEM_maximum_gpfn, &md), 0);
	ck_assert_int_eq(op(XENMEM_maximum_ram_page, NULL), 8192);
	ck_assert_int_eq(op(XENMEM_get_sharing_freed_pages, NULL), 0);
	ck_assert_int_eq(op(XENMEM_get_sharing_shared_pages, NULL), 0);
	md.domid = 0;
	ck_assert_int_eq(op(XENMEM_current_reservation, &md), -EPERM);
	md.domid = 1;
	ck_assert_int_eq(op(XENMEM_current_reservation, &md), 4);
	host_run_as(dom0);
	ck_assert_int_eq(op(XENMEM_current_reservation, &md), 4);
	md.domid = DOMID_SELF;
	ck_assert_int_eq(op(XENMEM_maximum_reservation, &md), 0xffffffffL);
	md.domid = 5;
	ck_assert_int_eq(op(XENMEM_current_reservation, &md), -ESRCH);
	md.domid = DOMID_XEN;
	ck_assert_int_eq(op(XENMEM_current_reservation, &md), -ESRCH);
	ck_assert_int_eq(op(XENMEM_current_reservation, NULL), -EFAULT);
}
END_TEST

START_TEST(unknown_operations)
{
	static const unsigned int unknown[] = { 8, XENMEM_set_pod_target, XENMEM_get_pod_target,
		XENMEM_paging_op, XENMEM_access_op, XENMEM_sharing_op,
		XENMEM_machphys_compat_mfn_list, XENMEM_reserved_device_memory_map, 29, 63 };
	struct xen_vnuma_topology_info vnuma = {};

	for (unsigned int i = 0; i < ARRAY_SIZE(unknown); i++)
		ck_assert_int_eq(op(unknown[i], list), -ENOSYS);
	ck_assert_int_eq(op(XENMEM_maximum_ram_page | 1 << 6, NULL), -EINVAL);
	vnuma.domid = 5;
	ck_assert_int_eq(op(XENMEM_get_vnumainfo, &vnuma), -EPERM); /* of another */
	vnuma.domid = DOMID_SELF;
	ck_assert_int_eq(op(XENMEM_get_vnumainfo, &vnuma), -EOPNOTSUPP);
	ck_assert_int_eq(op(XENMEM_memory_map, list), 1000 + XENMEM_memory_map);
	ck_assert_int_eq(op(XENMEM_machine_memory_map, list), 1000 + XENMEM_machine_memory_map);
	ck_assert_int_eq(op(XENMEM_set_memory_map, list), 1000 + XENMEM_set_memory_map);
}
END_TEST

START_TEST(physmap_is_not_for_pv)
{
	struct xen_add_to_physmap a = { .domid = DOMID_SELF };

	ck_assert_int_eq(op(XENMEM_add_to_physmap, &a), -EINVAL);
	ck_assert_int_eq(op(XENMEM_remove_from_physmap, &a), -EINVAL);
	a.domid = 0;
	ck_assert_int_eq(op(XENMEM_add_to_physmap, &a), -EPERM);
	ck_assert_int_eq(op(XENMEM_add_to_physmap_batch, NULL), -EFAULT);
}
END_TEST

START_TEST(machine_to_physical)
{
	struct xen_machphys_mapping m;
	struct xen_machphys_mfn_list l = { .max_extents = 9, .extent_start = { list } };

	ck_assert_int_eq(op(XENMEM_machphys_mapping, &m), 0);
	ck_assert_uint_eq(m.v_start, 0xffff800000000000);
	ck_assert_uint_eq(m.v_end, 0xffff804000000000);
	ck_assert_uint_eq(m.max_mfn, 8191);
	max_page = 300000; /* two extents, the second a hole */
	list[1] = list[2] = 99;
	ck_assert_int_eq(op(XENMEM_machphys_mfn_list, &l), 0);
	ck_assert_uint_eq(l.nr_extents, 2);
	ck_assert(list[0] == 512 && list[1] == 512 && list[2] == 99);
	l.max_extents = 1;
	ck_assert_int_eq(op(XENMEM_machphys_mfn_list, &l), 0);
	ck_assert_uint_eq(l.nr_extents, 1);
	max_page = 8192;
}
END_TEST

/* --- Reservations ----------------------------------------------------------------------------- */

static struct xen_memory_reservation reservation(unsigned long nr, unsigned int order)
{
	return (struct xen_memory_reservation){ .extent_start = { list },
		.nr_extents = nr,
		.extent_order = order,
		.domid = DOMID_SELF };
}

static void populate(struct domain *d, unsigned int nr)
{
	struct domain *was = current->domain;
	struct xen_memory_reservation r = reservation(nr, 0);

	host_run_as(d);
	for (unsigned int i = 0; i < nr; i++)
		list[i] = 0x100 + i;
	ck_assert_int_eq(op(XENMEM_populate_physmap, &r), nr);
	host_run_as(was);
}

START_TEST(populating)
{
	struct xen_memory_reservation r = reservation(3, 2);

	for (int i = 0; i < 3; i++)
		list[i] = 0x500 + i * 4;
	r.mem_flags = XENMEMF_address_bits(23);
	ck_assert_int_eq(op(XENMEM_populate_physmap, &r), 3);
	ck_assert_uint_eq(domu->tot_pages, 12);
	for (int i = 0; i < 12; i++) {
		unsigned long mfn = list[i / 4] + i % 4;

		ck_assert_uint_lt(mfn, 2048);
		ck_assert(page_get_owner(&frame_table[mfn]) == domu);
		ck_assert_uint_eq(host_m2p[mfn], 0x500 + i);
	}
}
END_TEST

START_TEST(increasing)
{
	struct xen_memory_reservation r = reservation(4, 0);

	memset(host_m2p, 0, 8192 * sizeof(long));
	ck_assert_int_eq(op(XENMEM_increase_reservation, &r), 4);
	for (int i = 0; i < 4; i++)
		ck_assert(
			page_get_owner(&frame_table[list[i]]) == domu && host_m2p[list[i]] == ~0UL);
	r.extent_start.p = NULL;
	ck_assert_int_eq(op(XENMEM_increase_reservation, &r), 4);
	ck_assert_uint_eq(domu->tot_pages, 8);
}
END_TEST

START_TEST(limits)
{
	struct xen_memory_reservation r = reservation(1200, 0);

	ck_assert_int_eq(op(XENMEM_populate_physmap, &r), 1000); /* max_pages */
	ck_assert_uint_eq(domu->tot_pages, 1000);
	domu->max_pages = 8192;
	r = reservation(1, 10); /* beyond a guest's order */
	ck_assert_int_eq(op(XENMEM_populate_physmap, &r), 0);
	host_run_as(dom0);
	ck_assert_int_eq(op(XENMEM_populate_physmap, &r), 1);
	r = reservation(1, 21);
	ck_assert_int_eq(op(XENMEM_populate_physmap, &r), 0);
	r = reservation(1, ~0u);
	ck_assert_int_eq(op(XENMEM_increase_reservation, &r), 0);
	ck_assert_int_eq(op(XENMEM_decrease_reservation, &r), 0);
	r = reservation(1, 0);
	r.mem_flags = XENMEMF_address_bits(12);
	ck_assert_int_eq(op(XENMEM_populate_physmap, &r), 0);
	r.mem_flags = XENMEMF_populate_on_demand;
	ck_assert_int_eq(op(XENMEM_populate_physmap, &r), 0);
}
END_TEST

START_TEST(rights)
{
	struct xen_memory_reservation r = reservation(2, 0);

	r.domid = 0;
	ck_assert_int_eq(op(XENMEM_populate_physmap, &r), -EPERM);
	ck_assert_int_eq(op(XENMEM_decrease_reservation, &r), -EPERM);
	host_run_as(dom0);
	r.domid = 1;
	ck_assert_int_eq(op(XENMEM_populate_physmap, &r), 2);
	ck_assert_uint_eq(domu->tot_pages, 2);
	r.domid = 9;
	ck_assert_int_eq(op(XENMEM_populate_physmap, &r), -ESRCH);
	ck_assert_int_eq(op(XENMEM_populate_physmap, NULL), -EFAULT);
}
END_TEST

/* What is for another domain is zeros, even if nobody clears memory at the start. */
START_TEST(contents)
{
	struct xen_memory_reservation r = reservation(8, 0);

	while (scrub_free_pages())
		;
	ck_assert_int_eq(host_set_param("bootscrub", "off"), 0);
	memset(mfn_to_virt(16), 0x33, (8192 - 16UL) << PAGE_SHIFT);
	host_run_as(dom0);
	for (unsigned int self = 0; self < 2; self++) {
		r.domid = self ? DOMID_SELF : 1;
		ck_assert_int_eq(op(XENMEM_increase_reservation, &r), 8);
		for (unsigned int i = 0; i < 8; i++) {
			const u8 *page = mfn_to_virt(list[i]);

			for (unsigned int j = 0; j < PAGE_SIZE; j++)
				ck_assert_uint_eq(page[j], self ? 0x33 : 0);
		}
	}
}
END_TEST

START_TEST(decreasing)
{
	struct xen_memory_reservation r = reservation(10, 0);
	unsigned long mfn;

	populate(domu, 10);
	mfn = list[3];
	ck_assert(get_page(&frame_table[mfn], domu)); /* still mapped somewhere */
	ck_assert_int_eq(op(XENMEM_decrease_reservation, &r), 10);
	ck_assert_uint_eq(domu->tot_pages, 1);
	ck_assert_uint_eq(host_m2p[list[0]], ~0UL);
	ck_assert(page_get_owner(&frame_table[mfn]) == domu);
	put_page(&frame_table[mfn]);
	ck_assert_uint_eq(domu->tot_pages, 0);
}
END_TEST

START_TEST(decreasing_what_is_not_there)
{
	struct xen_memory_reservation r = reservation(4, 0);
	void *shared_page = alloc_xenheap_page();
	unsigned long own;

	total_free--;
	populate(dom0, 1);
	own = list[0];
	populate(domu, 4);
	list[2] = list[1]; /* twice the same */
	ck_assert_int_eq(op(XENMEM_decrease_reservation, &r), 2);
	list[0] = own; /* somebody else's */
	ck_assert_int_eq(op(XENMEM_decrease_reservation, &r), 0);
	list[0] = ~0UL;
	ck_assert_int_eq(op(XENMEM_decrease_reservation, &r), 0);
	list[0] = 20; /* free */
	ck_assert_int_eq(op(XENMEM_decrease_reservation, &r), 0);
	/* A frame of the hypervisor that it shares with the guest. */
	frame_table[virt_to_mfn(shared_page)].count_info = PGC_xen_heap | PGC_allocated | 1;
	page_set_owner(virt_to_page(shared_page), domu);
	list[0] = virt_to_mfn(shared_page);
	ck_assert_int_eq(op(XENMEM_decrease_reservation, &r), 0);
	ck_assert_uint_eq(virt_to_page(shared_page)->count_info, PGC_xen_heap | PGC_allocated | 1);
	/* Twice the same while something else holds it: its owner's reference goes only once. */
	list[0] = list[1] = page_list_first(&domu->page_list) - frame_table;
	ck_assert(get_page(&frame_table[list[0]], domu));
	ck_assert_int_eq(op(XENMEM_decrease_reservation, &r), 1);
	put_page(&frame_table[list[0]]);
	ck_assert_uint_eq(domu->tot_pages, 1);
}
END_TEST

START_TEST(hostile_lists)
{
	struct xen_memory_reservation r = reservation(~0UL, 0);

	ck_assert_int_eq(op(XENMEM_populate_physmap, &r), 0);
	r.nr_extents = (1UL << 58) + 1;
	ck_assert_int_eq(op(XENMEM_decrease_reservation, &r), 0);
	r = reservation(10, 0);
	/* "Done" already, more than there is. */
	ck_assert_int_eq(op(XENMEM_populate_physmap | 50 << 6, &r), 50);
	ck_assert_uint_eq(domu->tot_pages, 0);
	/* Start numbers that make the list's address wrap. */
	r.nr_extents = ~0UL >> 6;
	ck_assert_int_eq(op(XENMEM_populate_physmap | ((~0UL >> 6) - 1) << 6, &r), (~0UL >> 6) - 1);
	ck_assert_uint_eq(domu->tot_pages, 0);
	/* The answer cannot be written: no memory stays behind unknown. */
	r = reservation(4, 2);
	bad_page = &list[2];
	host_guest_fault = bad_page_faults;
	ck_assert_int_eq(op(XENMEM_increase_reservation, &r), 2);
	ck_assert_uint_eq(domu->tot_pages, 8);
	ck_assert_int_eq(op(XENMEM_populate_physmap, &r), 2);
	ck_assert_uint_eq(domu->tot_pages, 16);
	ck_assert_int_eq(op(XENMEM_decrease_reservation, &r), 2);
	host_guest_fault = NULL;
}
END_TEST

START_TEST(reservations_can_be_preempted)
{
	struct xen_memory_reservation r = reservation(100, 0);

	accesses_until_preempt = 50;
	host_guest_fault = preempt_countdown;
	ck_assert_int_eq(op(XENMEM_populate_physmap, &r), HOST_CONTINUED);
	ck_assert_uint_gt(domu->tot_pages, 0);
	ck_assert_uint_lt(domu->tot_pages, 100);
	ck_assert_uint_eq(host_continuation.op, __HYPERVISOR_memory_op);
	ck_assert_uint_eq(host_continuation.nr, 2);
	ck_assert_uint_eq(host_continuation.arg[0], XENMEM_populate_physmap | domu->tot_pages << 6);
	ck_assert_uint_eq(host_continuation.arg[1], (unsigned long)&r);
	/* Each part makes progress even if work is pending all the time. */
	ck_assert_int_eq(op(host_continuation.arg[0], &r), HOST_CONTINUED);
	softirq_pending(0) = 0;
	ck_assert_int_eq(op(host_continuation.arg[0], &r), 100);
	ck_assert_uint_eq(domu->tot_pages, 100);
}
END_TEST

/* --- Claims and resources --------------------------------------------------------------------- */

START_TEST(claims)
{
	struct xen_memory_reservation r = { .nr_extents = 500, .domid = 1 };

	ck_assert_int_eq(op(XENMEM_claim_pages, &r), -EPERM);
	host_run_as(dom0);
	ck_assert_int_eq(op(XENMEM_claim_pages, &r), 0);
	ck_assert_uint_eq(domu->outstanding_pages, 500);
	r.nr_extents = 0;
	ck_assert_int_eq(op(XENMEM_claim_pages, &r), 0);
	ck_assert_uint_eq(domu->outstanding_pages, 0);
	r.nr_extents = 1001;
	ck_assert_int_eq(op(XENMEM_claim_pages, &r), -EINVAL);
	r.nr_extents = 5;
	r.extent_order = 1;
	ck_assert_int_eq(op(XENMEM_claim_pages, &r), -EINVAL);
	r.extent_order = 0;
	r.domid = 7;
	ck_assert_int_eq(op(XENMEM_claim_pages, &r), -ESRCH);
}
END_TEST

START_TEST(resources)
{
	struct xen_mem_acquire_resource r = { .domid = 1, .type = XENMEM_resource_grant_table };

	ck_assert_int_eq(op(XENMEM_acquire_resource, &r), -EPERM);
	host_run_as(dom0);
	ck_assert_int_eq(op(XENMEM_acquire_resource, &r), 0);
	ck_assert_uint_eq(r.nr_frames, 64);
	ck_assert_int_eq(
		op(XENMEM_acquire_resource, &r), -EINVAL); /* frames, but nowhere to put them */
	r.frame_list.p = list;
	ck_assert_int_eq(op(XENMEM_acquire_resource, &r), 0);
	for (int i = 0; i < 64; i++)
		ck_assert_uint_eq(list[i], 0x1000 + i);
	softirq_pending(0) = 1;
	ck_assert_int_eq(op(XENMEM_acquire_resource, &r), HOST_CONTINUED);
	list[40] = 0;
	ck_assert_int_eq(op(host_continuation.arg[0], &r), 0);
	ck_assert_uint_eq(list[40], 0x1028);
	softirq_pending(0) = 0;
	ck_assert_int_eq(op(XENMEM_acquire_resource | 65 << 6, &r), -EINVAL);
	r.frame = 1;
	ck_assert_int_eq(op(XENMEM_acquire_resource, &r), -EINVAL);
	r.frame = ~0ULL - 10;
	ck_assert_int_eq(op(XENMEM_acquire_resource, &r), -EINVAL);
	r.frame = 0;
	r.pad = 1;
	ck_assert_int_eq(op(XENMEM_acquire_resource, &r), -EINVAL);
	r.pad = 0;
	r.id = 2;
	ck_assert_int_eq(op(XENMEM_acquire_resource, &r), -EINVAL);
	r.type = XENMEM_resource_ioreq_server;
	ck_assert_int_eq(op(XENMEM_acquire_resource, &r), -EOPNOTSUPP);
	r.domid = DOMID_SELF;
	ck_assert_int_eq(op(XENMEM_acquire_resource, &r), -EPERM);
}
END_TEST

/* --- Exchange --------------------------------------------------------------------------------- */

static struct xen_memory_exchange exchange(
	unsigned long nr_in, unsigned int in_order, unsigned long nr_out, unsigned int out_order)
{
	return (struct xen_memory_exchange){
		.in = { .extent_start = { list },
			.nr_extents = nr_in,
			.extent_order = in_order,
			.domid = DOMID_SELF },
		.out = { .extent_start = { out_list },
			.nr_extents = nr_out,
			.extent_order = out_order,
			.domid = DOMID_SELF },
	};
}

/* The state that a failed exchange must leave. */
static struct page_info *before_pages;
static xen_pfn_t before_list[2048], before_out[2048];
static unsigned long before_m2p[8192], before_free;

static void remember(void)
{
	before_pages = malloc(8192 * sizeof(*before_pages));
	memcpy(before_pages, frame_table, 8192 * sizeof(*before_pages));
	memcpy(before_list, list, sizeof(list));
	memcpy(before_out, out_list, sizeof(list));
	memcpy(before_m2p, host_m2p, sizeof(before_m2p));
	before_free = free_heap_pages_count();
}

static void check_unchanged(void)
{
	for (unsigned long i = 0; i < 8192; i++) {
		struct page_info *a = &before_pages[i], *b = &frame_table[i];

		if (a->owner || b->owner)
			ck_assert(a->owner == b->owner && a->count_info == b->count_info &&
				a->type_info == b->type_info && before_m2p[i] == host_m2p[i]);
	}
	ck_assert(!memcmp(before_list, list, sizeof(list)));
	ck_assert(!memcmp(before_out, out_list, sizeof(list)));
	ck_assert_uint_eq(free_heap_pages_count(), before_free);
	free(before_pages);
}

START_TEST(exchange_for_contiguous_low_memory)
{
	struct xen_memory_exchange x = exchange(64, 0, 1, 6);

	populate(domu, 64);
	out_list[0] = 0x100;
	x.out.mem_flags = XENMEMF_address_bits(22);
	ck_assert_int_eq(op(XENMEM_exchange, &x), 0);
	ck_assert_uint_eq(x.nr_exchanged, 64);
	ck_assert_uint_eq(domu->tot_pages, 64);
	ck_assert_uint_lt(out_list[0], 1024);
	ck_assert_uint_eq(out_list[0] % 64, 0);
	for (int i = 0; i < 64; i++) {
		ck_assert_uint_eq(host_m2p[out_list[0] + i], 0x100 + i);
		ck_assert_uint_eq(frame_table[out_list[0] + i].count_info, PGC_allocated | 1);
		ck_assert_uint_eq(frame_table[out_list[0] + i].type_info, 0);
		ck_assert_uint_eq(host_m2p[list[i]], ~0UL);
	}
	/* And back to single pages. */
	list[0] = out_list[0];
	for (int i = 0; i < 64; i++)
		out_list[i] = 0x300 + i;
	x = exchange(1, 6, 64, 0);
	ck_assert_int_eq(op(XENMEM_exchange, &x), 0);
	ck_assert_uint_eq(x.nr_exchanged, 1);
	for (int i = 0; i < 64; i++)
		ck_assert(host_m2p[out_list[i]] == 0x300 + i &&
			page_get_owner(&frame_table[out_list[i]]) == domu);
}
END_TEST

START_TEST(exchange_without_memory)
{
	struct xen_memory_exchange x = exchange(64, 0, 1, 6);

	populate(domu, 64);
	remember();
	for (unsigned int bits = 13; bits < 19; bits++) {
		x.out.mem_flags = XENMEMF_address_bits(bits);
		ck_assert_int_eq(op(XENMEM_exchange, &x), -ENOMEM);
		ck_assert_uint_eq(x.nr_exchanged, 0);
	}
	check_unchanged();
	/* At the limit of what the domain may have, there is no need to have more for a moment. */
	domu->max_pages = 64;
	x.out.mem_flags = 0;
	ck_assert_int_eq(op(XENMEM_exchange, &x), 0);
}
END_TEST

START_TEST(exchange_is_all_or_nothing)
{
	struct xen_memory_exchange x = exchange(64, 0, 1, 6);
	xen_pfn_t keep;
	unsigned long other;

	populate(dom0, 1);
	other = list[0];
	populate(domu, 64);
	out_list[0] = 0x100;

	/* The last page is mapped. Type records of the others survive. */
	frame_table[list[3]].type_info = PGT_writable | PGT_validated;
	ck_assert(get_page(&frame_table[list[63]], domu));
	remember();
	ck_assert_int_eq(op(XENMEM_exchange, &x), -EBUSY);
	check_unchanged();
	put_page(&frame_table[list[63]]);

	keep = list[63];
	list[63] = list[0]; /* twice the same */
	remember();
	ck_assert_int_eq(op(XENMEM_exchange, &x), -EINVAL);
	check_unchanged();
	list[63] = other; /* another domain's */
	remember();
	ck_assert_int_eq(op(XENMEM_exchange, &x), -EINVAL);
	check_unchanged();
	list[63] = ~0UL;
	remember();
	ck_assert_int_eq(op(XENMEM_exchange, &x), -EINVAL);
	check_unchanged();
	list[63] = keep;

	/* Lists that fault. */
	host_guest_fault = bad_page_faults;
	bad_page = &list[63];
	remember();
	ck_assert_int_eq(op(XENMEM_exchange, &x), -EFAULT);
	check_unchanged();
	bad_page = &out_list[0];
	remember();
	ck_assert_int_eq(op(XENMEM_exchange, &x), -EFAULT);
	check_unchanged();
	host_guest_fault = NULL;
	frame_table[list[3]].type_info = 0;
	ck_assert_int_eq(op(XENMEM_exchange, &x), 0);
}
END_TEST

static const void *read_only;
static unsigned int accesses_to_read_only;

/* The page can be read once, then access fails: the answer cannot be written. */
static bool second_access_faults(const void *p, unsigned long n)
{
	return p == read_only && accesses_to_read_only++;
}

START_TEST(exchange_whose_answer_cannot_be_written)
{
	struct xen_memory_exchange x = exchange(1, 2, 4, 0);
	struct page_info *pg = alloc_domheap_pages(domu, 2, 0);

	list[0] = pg - frame_table;
	for (int i = 0; i < 4; i++)
		out_list[i] = 0x300 + i;
	remember();
	read_only = &out_list[3];
	host_guest_fault = second_access_faults;
	ck_assert_int_eq(op(XENMEM_exchange, &x), -EFAULT);
	check_unchanged();
}
END_TEST

START_TEST(exchange_in_chunks)
{
	struct xen_memory_exchange x = exchange(32, 0, 8, 2);
	unsigned long done;

	populate(domu, 32);
	for (int i = 0; i < 8; i++)
		out_list[i] = 0x100 + i * 4;
	/* The sixth chunk fails: five are done and say so. */
	ck_assert(get_page(&frame_table[list[22]], domu));
	ck_assert_int_eq(op(XENMEM_exchange, &x), -EBUSY);
	ck_assert_uint_eq(x.nr_exchanged, 20);
	for (int i = 0; i < 5; i++)
		ck_assert(page_get_owner(&frame_table[out_list[i]]) == domu);
	for (int i = 5; i < 8; i++)
		ck_assert_uint_eq(out_list[i], 0x100 + i * 4);
	put_page(&frame_table[list[22]]);
	/* Preempted after each chunk, it goes on from there. */
	softirq_pending(0) = 1;
	for (done = 24; done < 32; done += 4) {
		ck_assert_int_eq(op(XENMEM_exchange, &x), HOST_CONTINUED);
		ck_assert_uint_eq(x.nr_exchanged, done);
		ck_assert_uint_eq(host_continuation.arg[0], XENMEM_exchange);
	}
	ck_assert_int_eq(op(XENMEM_exchange, &x), 0);
	ck_assert_uint_eq(x.nr_exchanged, 32);
	ck_assert_uint_eq(domu->tot_pages, 32);
	softirq_pending(0) = 0;
}
END_TEST

START_TEST(exchange_nonsense)
{
	struct xen_memory_exchange x = exchange(64, 0, 2, 6);

	ck_assert_int_eq(op(XENMEM_exchange, &x), -EINVAL);
	x = exchange(1UL << 63, 1, 0, 0); /* equal only when bits get lost */
	ck_assert_int_eq(op(XENMEM_exchange, &x), -EINVAL);
	x = exchange(64, 0, 1, 6);
	x.nr_exchanged = 65;
	ck_assert_int_eq(op(XENMEM_exchange, &x), -EINVAL);
	x.nr_exchanged = 3;
	ck_assert_int_eq(op(XENMEM_exchange, &x), -EINVAL);
	x = exchange(1024, 0, 1, 10);
	ck_assert_int_eq(op(XENMEM_exchange, &x), -EPERM);
	x = exchange(1, ~0u, 1, ~0u);
	ck_assert_int_eq(op(XENMEM_exchange, &x), -EPERM);
	x = exchange(64, 0, 1, 6);
	x.out.domid = 1;
	ck_assert_int_eq(op(XENMEM_exchange, &x), -EINVAL);
	x.in.domid = x.out.domid = 0;
	ck_assert_int_eq(op(XENMEM_exchange, &x), -EPERM);
	x = exchange(64, 0, 1, 6);
	x.out.mem_flags = XENMEMF_address_bits(12);
	ck_assert_int_eq(op(XENMEM_exchange, &x), -EINVAL);
	x = exchange(0, 0, 0, 6);
	ck_assert_int_eq(op(XENMEM_exchange, &x), 0);
	ck_assert_int_eq(op(XENMEM_exchange, NULL), -EFAULT);
	x = exchange(64, 0, 1, 6);
	x.in.extent_start.p = NULL;
	ck_assert_int_eq(op(XENMEM_exchange, &x), -EFAULT);
}
END_TEST

/* The domain starts to die while its pages are in our hands. */
static bool dies_at_answer(const void *p, unsigned long n)
{
	if (p == out_list && accesses_to_read_only++)
		domu->is_dying = DOMDYING_dying;
	return false;
}

START_TEST(exchange_with_a_dying_domain)
{
	struct xen_memory_exchange x = exchange(4, 0, 1, 2);

	populate(domu, 5);
	host_run_as(dom0);
	x.in.domid = x.out.domid = 1;
	host_guest_fault = dies_at_answer;
	ck_assert_int_eq(op(XENMEM_exchange, &x), 0);
	/* Neither old nor new pages were left with it, nor lost. */
	ck_assert_uint_eq(domu->tot_pages, 1);
	ck_assert_int_eq(domu->refcnt, 2);
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("memory");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, sizes);
	tcase_add_test(c, unknown_operations);
	tcase_add_test(c, physmap_is_not_for_pv);
	tcase_add_test(c, machine_to_physical);
	tcase_add_test(c, populating);
	tcase_add_test(c, increasing);
	tcase_add_test(c, limits);
	tcase_add_test(c, rights);
	tcase_add_test(c, contents);
	tcase_add_test(c, decreasing);
	tcase_add_test(c, decreasing_what_is_not_there);
	tcase_add_test(c, hostile_lists);
	tcase_add_test(c, reservations_can_be_preempted);
	tcase_add_test(c, claims);
	tcase_add_test(c, resources);
	tcase_add_test(c, exchange_for_contiguous_low_memory);
	tcase_add_test(c, exchange_without_memory);
	tcase_add_test(c, exchange_is_all_or_nothing);
	tcase_add_test(c, exchange_whose_answer_cannot_be_written);
	tcase_add_test(c, exchange_in_chunks);
	tcase_add_test(c, exchange_nonsense);
	tcase_add_test(c, exchange_with_a_dying_domain);
	return run_suite("memory", c);
}
