/* sources: xen/common/grant_table.c xen/common/grant_use.c xen/common/grant_map.c xen/common/grant_copy.c xen/common/grant_transfer.c tests/unit/harness.c tests/unit/stubs_mm.c tests/unit/stubs_events.c */
/* Grant tables: every operation, both versions, references, teardown, and guests that mean harm. */
#include <check.h>
#include <pthread.h>
#include <public/memory.h>
#include <xen/errno.h>
#include <xen/softirq.h>
#include "../../xen/common/grant_table.h"
#include "harness.h"
#include "stubs_events.h"
#include "stubs_mm.h"
#include "suite.h"

static struct domain *dom0, *domu, *third;

/* --- The caller's page tables ----------------------------------------------------------------- */

static struct {
	u64 addr;
	mfn_t mfn;
	u32 flags;
} ptes[1024];
static unsigned int flushes;
static int map_result;
static u64 replaced_by;
/* Checked at each flush: this page must still be held. */
static struct page_info *watched;

static int find_pte(u64 addr)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(ptes); i++)
		if (ptes[i].addr == addr)
			return i;
	return -1;
}

int create_grant_host_mapping(u64 host_addr, mfn_t mfn, u32 flags, bool io_memory)
{
	int i = find_pte(0);

	BUG_ON(host_locks_held);
	if (map_result)
		return map_result;
	ptes[i].addr = host_addr;
	ptes[i].mfn = mfn;
	ptes[i].flags = flags;
	return GNTST_okay;
}

int replace_grant_host_mapping(u64 host_addr, mfn_t mfn, u64 new_addr, u32 flags)
{
	int i = find_pte(host_addr);

	BUG_ON(host_locks_held);
	if (i < 0 || !mfn_eq(ptes[i].mfn, mfn) || (ptes[i].flags ^ flags) & GNTMAP_readonly)
		return GNTST_general_error;
	ptes[i].addr = 0;
	replaced_by = new_addr;
	return GNTST_okay;
}

void gnttab_flush_tlb(const struct domain *d)
{
	BUG_ON(host_locks_held);
	flushes++;
	if (watched)
		ck_assert_uint_gt(watched->count_info & PGC_count_mask, 1);
}

/* --- Fixture ---------------------------------------------------------------------------------- */

static void setup(void)
{
	host_events_reset();
	memset(ptes, 0, sizeof(ptes));
	flushes = map_result = 0;
	watched = NULL;
	replaced_by = 1;
	dom0 = host_domain_create(0, 1);
	domu = host_domain_create(1, 1);
	third = host_domain_create(2, 1);
	ck_assert_int_eq(grant_table_create(dom0, 0, 0), 0);
	ck_assert_int_eq(grant_table_create(domu, 4, 1), 0);
	ck_assert_int_eq(grant_table_create(third, 0, 0), 0);
	host_run_as(dom0->vcpu[0]);
}

static void no_uses(const struct domain *d)
{
	for (grant_ref_t ref = 0; d->grant_table && ref < nr_entries(d->grant_table); ref++)
		ck_assert(!in_use(active_of(d->grant_table, ref)));
}

static void teardown(void)
{
	struct domain *all[] = { dom0, domu, third };

	ck_assert_uint_eq(host_locks_held, 0);
	for (unsigned int i = 0; i < 3; i++)
		ck_assert_int_eq(gnttab_release_mappings(all[i]), 0);
	for (unsigned int i = 0; i < 3; i++) {
		no_uses(all[i]);
		ck_assert_int_eq(all[i]->refcnt, 1);
		grant_table_destroy(all[i]);
		host_domain_free(all[i]);
	}
}

static long gnttab(unsigned int cmd, void *arg, unsigned int count)
{
	return do_grant_table_op(cmd, guest_handle_from_ptr(arg, void), count);
}

static void run(struct domain *d)
{
	host_run_as(d->vcpu[0]);
}

/* `d` lets `to` use a fresh page by entry `ref` (version 1). */
static struct page_info *grant(struct domain *d, grant_ref_t ref, domid_t to, u16 flags)
{
	struct page_info *pg = host_domain_page(d);

	*entry_v1(d->grant_table, ref) = (grant_entry_v1_t){
		.flags = GTF_permit_access | flags, .domid = to, .frame = mfn_x(page_to_mfn(pg))
	};
	return pg;
}

static u16 flags_of(struct domain *d, grant_ref_t ref)
{
	return entry_v1(d->grant_table, ref)->flags;
}

static struct gnttab_map_grant_ref map(domid_t dom, grant_ref_t ref, u64 addr, u32 flags)
{
	struct gnttab_map_grant_ref m = {
		.host_addr = addr, .flags = flags, .ref = ref, .dom = dom, .status = 77
	};

	ck_assert_int_eq(gnttab(GNTTABOP_map_grant_ref, &m, 1), 0);
	return m;
}

static int unmap(grant_handle_t handle, u64 addr, u64 dev)
{
	struct gnttab_unmap_grant_ref u = {
		.host_addr = addr, .dev_bus_addr = dev, .handle = handle, .status = 77
	};

	ck_assert_int_eq(gnttab(GNTTABOP_unmap_grant_ref, &u, 1), 0);
	return u.status;
}

static u64 counts(const struct page_info *pg)
{
	return (pg->count_info & PGC_count_mask) << 32 | (pg->type_info & PGT_count_mask);
}
#define COUNTS(general, typed) ((u64)(general) << 32 | (typed))

/* --- The table -------------------------------------------------------------------------------- */

START_TEST(table_grows)
{
	xen_pfn_t frames[5] = { 0 };
	struct gnttab_setup_table s = { .dom = DOMID_SELF, .nr_frames = 3 };
	struct gnttab_query_size q = { .dom = DOMID_SELF };

	run(domu);
	s.frame_list.p = frames;
	ck_assert_int_eq(gnttab(GNTTABOP_query_size, &q, 1), 0);
	ck_assert_int_eq(q.status, GNTST_okay);
	ck_assert_uint_eq(q.nr_frames, 1);
	ck_assert_uint_eq(q.max_nr_frames, 4);
	ck_assert_int_eq(gnttab(GNTTABOP_setup_table, &s, 1), 0);
	ck_assert_int_eq(s.status, GNTST_okay);
	for (unsigned int i = 0; i < 3; i++)
		ck_assert_ptr_eq(mfn_to_virt(frames[i]), domu->grant_table->shared[i]);
	ck_assert_uint_eq(frames[3], 0);
	s.nr_frames = 5;
	ck_assert_int_eq(gnttab(GNTTABOP_setup_table, &s, 1), 0);
	ck_assert_int_eq(s.status, GNTST_general_error);
	s.nr_frames = 0xffffffff;
	ck_assert_int_eq(gnttab(GNTTABOP_setup_table, &s, 1), 0);
	ck_assert_int_eq(s.status, GNTST_general_error);
	s.nr_frames = 0; /* asks for nothing */
	ck_assert_int_eq(gnttab(GNTTABOP_setup_table, &s, 1), 0);
	ck_assert_int_eq(s.status, GNTST_okay);
	s.nr_frames = 1;
	s.frame_list.p = NULL;
	ck_assert_int_eq(gnttab(GNTTABOP_setup_table, &s, 1), 0);
	ck_assert_int_eq(s.status, GNTST_bad_virt_addr);
	host_xmalloc_budget = 0;
	s.nr_frames = 4;
	ck_assert_int_eq(gnttab(GNTTABOP_setup_table, &s, 1), 0);
	ck_assert_int_eq(s.status, GNTST_general_error);
	ck_assert_uint_eq(domu->grant_table->nr_frames, 3);
}
END_TEST

START_TEST(other_domains_tables)
{
	struct gnttab_query_size q = { .dom = 1 };
	struct gnttab_setup_table s = { .dom = 1 };
	struct gnttab_get_version v = { .dom = 1 };
	struct gnttab_dump_table t = { .dom = 1 };

	ck_assert_int_eq(gnttab(GNTTABOP_query_size, &q, 1), 0);
	ck_assert_int_eq(q.status, GNTST_okay);
	ck_assert_uint_eq(q.max_nr_frames, 4);
	ck_assert_int_eq(gnttab(GNTTABOP_get_version, &v, 1), 0);
	ck_assert_uint_eq(v.version, 1);
	ck_assert_int_eq(gnttab(GNTTABOP_dump_table, &t, 1), 0);
	ck_assert_int_eq(t.status, GNTST_okay);
	ck_assert_ptr_nonnull(strstr(host_console, "domain 1"));
	q.dom = v.dom = 99;
	ck_assert_int_eq(gnttab(GNTTABOP_query_size, &q, 1), 0);
	ck_assert_int_eq(q.status, GNTST_bad_domain);
	ck_assert_int_eq(gnttab(GNTTABOP_get_version, &v, 1), -ESRCH);
	run(domu);
	q.dom = s.dom = v.dom = t.dom = 0;
	ck_assert_int_eq(gnttab(GNTTABOP_query_size, &q, 1), 0);
	ck_assert_int_eq(q.status, GNTST_permission_denied);
	ck_assert_int_eq(gnttab(GNTTABOP_setup_table, &s, 1), 0);
	ck_assert_int_eq(s.status, GNTST_permission_denied);
	ck_assert_int_eq(gnttab(GNTTABOP_get_version, &v, 1), -EPERM);
	t.dom = DOMID_SELF;
	ck_assert_int_eq(gnttab(GNTTABOP_dump_table, &t, 1), 0);
	ck_assert_int_eq(t.status, GNTST_permission_denied);
}
END_TEST

START_TEST(bad_calls)
{
	struct gnttab_query_size q = { .dom = DOMID_SELF };

	ck_assert_int_eq(gnttab(13, &q, 1), -ENOSYS);
	ck_assert_int_eq(gnttab(0xffffffff, &q, 1), -ENOSYS);
	ck_assert_int_eq(gnttab(GNTTABOP_query_size, &q, 2), -EINVAL);
	ck_assert_int_eq(gnttab(GNTTABOP_map_grant_ref, &q, 0x80000000), -EINVAL);
	for (unsigned int cmd = 0; cmd <= 12; cmd++)
		ck_assert_int_eq(gnttab(cmd, NULL, 1), -EFAULT);
	ck_assert_int_eq(gnttab(GNTTABOP_unmap_grant_ref, NULL, 0), 0);
	ck_assert_int_eq(gnttab(GNTTABOP_map_grant_ref, NULL, 0), 0);
}
END_TEST

START_TEST(create_without_memory)
{
	struct domain *d = host_domain_create(9, 1);
	unsigned int n = host_pages_allocated();
	int budget;

	for (budget = 0; budget < 20; budget++) {
		host_xmalloc_budget = budget;
		if (!grant_table_create(d, 0, 0))
			break;
		ck_assert_ptr_null(d->grant_table);
		ck_assert_uint_eq(host_pages_allocated(), n);
	}
	host_xmalloc_budget = -1;
	ck_assert_int_eq(budget, 6);
	ck_assert_uint_eq(d->grant_table->max_frames, 64);
	ck_assert_uint_eq(d->grant_table->max_maptrack_frames, 1024);
	grant_table_destroy(d);
	ck_assert_uint_eq(host_pages_allocated(), n);
	ck_assert_int_eq(
		grant_table_create(d, ~0u, ~0u), 0); /* "the default" in the control interface */
	ck_assert_uint_eq(d->grant_table->max_frames, 64);
	grant_table_destroy(d);
	host_domain_free(d);
}
END_TEST

START_TEST(frames_as_resource)
{
	mfn_t m[3], one;

	ck_assert_int_eq(
		gnttab_get_resource(domu, XENMEM_resource_grant_table_id_shared, 0, 3, m), 0);
	ck_assert_uint_eq(domu->grant_table->nr_frames, 3);
	ck_assert_uint_eq(mfn_x(m[2]), virt_to_mfn(domu->grant_table->shared[2]));
	ck_assert_int_eq(gnttab_get_resource(domu, 0, 3, 2, m), -EINVAL);
	ck_assert_int_eq(gnttab_get_resource(domu, 0, 0xffffffff, 2, m), -EINVAL);
	ck_assert_int_eq(gnttab_get_resource(domu, 1, 0, 1, m), -EINVAL); /* version 1 */
	ck_assert_int_eq(gnttab_get_resource(domu, 2, 0, 1, m), -EINVAL);
	ck_assert_uint_eq(gnttab_resource_max_frames(domu, 0), 4);
	ck_assert_uint_eq(gnttab_resource_max_frames(domu, 1), 0);
	ck_assert_int_eq(gnttab_map_frame(domu, 3, &one), 0);
	ck_assert_uint_eq(mfn_x(one), virt_to_mfn(domu->grant_table->shared[3]));
	ck_assert_int_eq(gnttab_map_frame(domu, 4, &one), -EINVAL);
	ck_assert_int_eq(gnttab_map_frame(domu, ~0UL >> 1, &one), -EINVAL);
	ck_assert_int_eq(gnttab_map_frame(domu, XENMAPIDX_grant_table_status, &one), -EINVAL);
}
END_TEST

START_TEST(mapped_frame_outlives_its_table)
{
	struct domain *d = host_domain_create(9, 1);
	unsigned int n = host_pages_allocated();
	struct page_info *pg;

	ck_assert_int_eq(grant_table_create(d, 0, 0), 0);
	pg = virt_to_page(d->grant_table->shared[0]);
	ck_assert(get_page(pg, d)); /* dom0 maps it as a resource */
	grant_table_destroy(d);
	ck_assert_uint_eq(host_pages_allocated(), n + 1);
	put_page(pg);
	ck_assert_uint_eq(host_pages_allocated(), n);
	host_domain_free(d);
}
END_TEST

/* --- Map and unmap ---------------------------------------------------------------------------- */

START_TEST(map_and_unmap)
{
	struct page_info *pg = grant(domu, 10, 0, 0);
	struct gnttab_map_grant_ref m = map(1, 10, 0x1000, GNTMAP_host_map);

	ck_assert_int_eq(m.status, GNTST_okay);
	ck_assert_uint_eq(m.dev_bus_addr, mfn_to_maddr(page_to_mfn(pg)));
	ck_assert_uint_eq(flags_of(domu, 10), GTF_permit_access | GTF_reading | GTF_writing);
	ck_assert_uint_eq(counts(pg), COUNTS(2, 1));
	ck_assert_uint_eq(pg->type_info & PGT_type_mask, PGT_writable);
	ck_assert_int_ge(find_pte(0x1000), 0);
	ck_assert_int_eq(domu->refcnt, 2);
	watched = pg;
	ck_assert_int_eq(unmap(m.handle, 0x1000, 0), GNTST_okay);
	ck_assert_uint_eq(flushes, 1);
	ck_assert_uint_eq(counts(pg), COUNTS(1, 0));
	ck_assert_uint_eq(flags_of(domu, 10), GTF_permit_access);
	ck_assert_int_lt(find_pte(0x1000), 0);
	watched = NULL;
	ck_assert_int_eq(unmap(m.handle, 0x1000, 0), GNTST_bad_handle);
}
END_TEST

START_TEST(read_only_mappings)
{
	struct page_info *pg = grant(domu, 10, 0, GTF_readonly);
	struct gnttab_map_grant_ref m, w;

	m = map(1, 10, 0x1000, GNTMAP_host_map);
	ck_assert_int_eq(m.status, GNTST_general_error);
	ck_assert_uint_eq(flags_of(domu, 10), GTF_permit_access | GTF_readonly);
	m = map(1, 10, 0x1000, GNTMAP_host_map | GNTMAP_readonly);
	ck_assert_int_eq(m.status, GNTST_okay);
	ck_assert_uint_eq(flags_of(domu, 10), GTF_permit_access | GTF_readonly | GTF_reading);
	ck_assert_uint_eq(counts(pg), COUNTS(2, 0));

	entry_v1(domu->grant_table, 10)->flags &= ~GTF_readonly; /* the owner allows more */
	w = map(1, 10, 0x2000, GNTMAP_host_map);
	ck_assert_int_eq(w.status, GNTST_okay);
	ck_assert_uint_eq(flags_of(domu, 10), GTF_permit_access | GTF_reading | GTF_writing);
	/* Neither handle may be used to take the other's mapping away. */
	ck_assert_int_eq(unmap(w.handle, 0x1000, 0), GNTST_general_error);
	ck_assert_int_eq(unmap(m.handle, 0x2000, 0), GNTST_general_error);
	ck_assert_int_eq(unmap(w.handle, 0x2000, 0), GNTST_okay);
	ck_assert_uint_eq(flags_of(domu, 10), GTF_permit_access | GTF_reading);
	ck_assert_int_eq(unmap(m.handle, 0x1000, 0), GNTST_okay);
	ck_assert_uint_eq(counts(pg), COUNTS(1, 0));
}
END_TEST

START_TEST(map_refusals)
{
	struct page_info *table = grant(domu, 12, 0, 0), *theirs;

	grant(domu, 10, 2, 0);
	ck_assert_int_eq(
		map(1, 10, 0x1000, GNTMAP_host_map).status, GNTST_general_error); /* for d2 */
	ck_assert_uint_eq(flags_of(domu, 10), GTF_permit_access);
	ck_assert_int_eq(
		map(1, 11, 0x1000, GNTMAP_host_map).status, GNTST_general_error); /* empty */
	ck_assert_int_eq(map(1, 512, 0x1000, GNTMAP_host_map).status, GNTST_bad_gntref);
	ck_assert_int_eq(map(1, ~0u, 0x1000, GNTMAP_host_map).status, GNTST_bad_gntref);
	ck_assert_int_eq(map(99, 10, 0x1000, GNTMAP_host_map).status, GNTST_bad_domain);
	ck_assert_int_eq(
		map(1, 12, 0x1000, GNTMAP_readonly).status, GNTST_bad_gntref); /* no part */

	ck_assert_int_eq(get_page_type(table, PGT_l1), 0); /* never writable for others */
	ck_assert_int_eq(map(1, 12, 0x1000, GNTMAP_host_map).status, GNTST_general_error);
	ck_assert_uint_eq(flags_of(domu, 12), GTF_permit_access);
	put_page_type(table);
	map_result = GNTST_bad_virt_addr;
	ck_assert_int_eq(map(1, 12, 0x1000, GNTMAP_host_map).status, GNTST_bad_virt_addr);
	ck_assert_int_eq(map(1, 12, 0x1000, GNTMAP_host_map | GNTMAP_device_map).status,
		GNTST_bad_virt_addr);
	map_result = 0;
	ck_assert_uint_eq(counts(table), COUNTS(1, 0));
	ck_assert_uint_eq(flags_of(domu, 12), GTF_permit_access);

	theirs = grant(domu, 13, 0, 0); /* a page that is not the granter's */
	page_set_owner(theirs, third);
	ck_assert_int_eq(map(1, 13, 0x1000, GNTMAP_host_map).status, GNTST_bad_page);
	entry_v1(domu->grant_table, 13)->frame = ~0u;
	ck_assert_int_eq(map(1, 13, 0x1000, GNTMAP_host_map).status, GNTST_bad_page);
	ck_assert_uint_eq(flags_of(domu, 13), GTF_permit_access);
	ck_assert_int_eq(domu->refcnt, 1);
}
END_TEST

/* Entries of other types have other meanings for the same bits. */
START_TEST(failed_map_leaves_other_entries_alone)
{
	struct {
		u16 flags;
	} cases[] = {
		{ GTF_accept_transfer | GTF_transfer_committed | GTF_transfer_completed },
		{ GTF_transitive | GTF_reading | GTF_writing },
		{ GTF_invalid | GTF_reading },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		grant_entry_v1_t *e = entry_v1(domu->grant_table, 20);

		*e = (grant_entry_v1_t){ .flags = cases[i].flags, .domid = 0, .frame = 5 };
		ck_assert_int_eq(map(1, 20, 0x1000, GNTMAP_host_map).status, GNTST_general_error);
		ck_assert_uint_eq(e->flags, cases[i].flags);
	}
}
END_TEST

START_TEST(entry_in_use_keeps_its_frame)
{
	struct page_info *pg = grant(domu, 10, 0, 0), *other = host_domain_page(domu);
	struct gnttab_map_grant_ref m = map(1, 10, 0x1000, GNTMAP_host_map), n;

	entry_v1(domu->grant_table, 10)->frame = mfn_x(page_to_mfn(other));
	n = map(1, 10, 0x2000, GNTMAP_host_map);
	ck_assert_int_eq(n.status, GNTST_okay);
	ck_assert_uint_eq(n.dev_bus_addr, mfn_to_maddr(page_to_mfn(pg)));
	entry_v1(domu->grant_table, 10)->domid = 2; /* nor can another domain come in */
	run(third);
	ck_assert_int_eq(map(1, 10, 0x3000, GNTMAP_host_map).status, GNTST_general_error);
	run(dom0);
	ck_assert_int_eq(unmap(m.handle, 0x1000, 0), GNTST_okay);
	ck_assert_int_eq(unmap(n.handle, 0x2000, 0), GNTST_okay);
	ck_assert_uint_eq(counts(pg), COUNTS(1, 0));
	ck_assert_uint_eq(counts(other), COUNTS(1, 0));
}
END_TEST

START_TEST(device_and_host_parts)
{
	struct page_info *pg = grant(domu, 10, 0, 0);
	u64 bus = mfn_to_maddr(page_to_mfn(pg));
	struct gnttab_map_grant_ref m = map(1, 10, 0x1000, GNTMAP_host_map | GNTMAP_device_map);

	ck_assert_int_eq(m.status, GNTST_okay);
	ck_assert_uint_eq(counts(pg), COUNTS(3, 2));
	ck_assert_int_eq(unmap(m.handle, 0x1000, bus + 1), GNTST_bad_dev_addr);
	ck_assert_int_ge(find_pte(0x1000), 0);               /* both or nothing */
	ck_assert_int_eq(unmap(m.handle, 0, 0), GNTST_okay); /* neither */
	ck_assert_int_eq(unmap(m.handle, 0x1000, 0), GNTST_okay);
	ck_assert_uint_eq(counts(pg), COUNTS(2, 1));
	ck_assert_uint_eq(flags_of(domu, 10), GTF_permit_access | GTF_reading | GTF_writing);
	ck_assert_int_eq(unmap(m.handle, 0x1000, 0), GNTST_okay); /* that part is gone: ignored */
	ck_assert_int_eq(unmap(m.handle, 0, bus), GNTST_okay);
	ck_assert_uint_eq(counts(pg), COUNTS(1, 0));
	ck_assert_uint_eq(flags_of(domu, 10), GTF_permit_access);
	m = map(1, 10, 0, GNTMAP_device_map | GNTMAP_readonly);
	ck_assert_uint_eq(counts(pg), COUNTS(2, 0));
	flushes = 0;
	ck_assert_int_eq(unmap(m.handle, 0, bus), GNTST_okay);
	ck_assert_uint_eq(flushes, 0); /* nothing of it was in a TLB */
}
END_TEST

START_TEST(unmap_batches_flush_once)
{
	static struct gnttab_unmap_grant_ref u[70];
	struct page_info *pg[70];

	for (unsigned int i = 0; i < 70; i++) {
		pg[i] = grant(domu, i, 0, 0);
		u[i].handle = map(1, i, 0x1000 * (i + 1), GNTMAP_host_map).handle;
		u[i].host_addr = 0x1000 * (i + 1);
	}
	u[3] = u[2]; /* the same one twice in a batch */
	ck_assert_int_eq(gnttab(GNTTABOP_unmap_grant_ref, u, 70), 0);
	ck_assert_uint_eq(flushes, 3);
	for (unsigned int i = 0; i < 70; i++) {
		ck_assert_int_eq(u[i].status, i == 3 ? GNTST_bad_handle : GNTST_okay);
		ck_assert_uint_eq(counts(pg[i]), i == 3 ? COUNTS(2, 1) : COUNTS(1, 0));
	}
	ck_assert_int_eq(unmap(3, 0x4000, 0), GNTST_okay); /* handles were given out in order */
}
END_TEST

static const void *fault_from;
static bool fault_beyond(const void *p, unsigned long n)
{
	return p >= fault_from;
}

START_TEST(fault_in_the_middle)
{
	struct gnttab_unmap_grant_ref u[3] = { 0 };
	struct page_info *pg[3];

	for (unsigned int i = 0; i < 3; i++) {
		pg[i] = grant(domu, i, 0, 0);
		u[i].handle = map(1, i, 0x1000 * (i + 1), GNTMAP_host_map).handle;
		u[i].host_addr = 0x1000 * (i + 1);
	}
	fault_from = &u[2];
	host_guest_fault = fault_beyond;
	ck_assert_int_eq(gnttab(GNTTABOP_unmap_grant_ref, u, 3), -EFAULT);
	host_guest_fault = NULL;
	ck_assert_uint_eq(flushes, 1); /* what was begun is finished */
	ck_assert_uint_eq(counts(pg[1]), COUNTS(1, 0));
	ck_assert_uint_eq(counts(pg[2]), COUNTS(2, 1));
}
END_TEST

START_TEST(preempted_run)
{
	struct gnttab_map_grant_ref m[3];

	for (unsigned int i = 0; i < 3; i++) {
		grant(domu, i, 0, 0);
		m[i] = (struct gnttab_map_grant_ref){ .host_addr = 0x1000 * (i + 1),
			.flags = GNTMAP_host_map,
			.ref = i,
			.dom = 1,
			.status = 77 };
	}
	per_cpu(softirq_pending, 0) = 1;
	ck_assert_int_eq(gnttab(GNTTABOP_map_grant_ref, m, 3), -ERESTART);
	ck_assert_int_eq(m[0].status, GNTST_okay);
	ck_assert_int_eq(m[1].status, 77);
	ck_assert_uint_eq(host_continuation_args[0], GNTTABOP_map_grant_ref);
	ck_assert_uint_eq(host_continuation_args[1], (unsigned long)&m[1]);
	ck_assert_uint_eq(host_continuation_args[2], 2);
	per_cpu(softirq_pending, 0) = 0;
}
END_TEST

START_TEST(handles_run_out)
{
	struct gnttab_map_grant_ref m;

	run(domu); /* one frame of handles */
	grant(dom0, 5, 1, 0);
	for (unsigned int i = 0; i < 256; i++) {
		m = map(0, 5, 0x1000 * (i + 1), GNTMAP_host_map);
		ck_assert_int_eq(m.status, GNTST_okay);
	}
	ck_assert_int_eq(map(0, 5, 0x200000, GNTMAP_host_map).status, GNTST_no_space);
	ck_assert_int_eq(unmap(m.handle, 0x1000 * 256, 0), GNTST_okay);
	ck_assert_int_eq(map(0, 5, 0x200000, GNTMAP_host_map).status, GNTST_okay);
	ck_assert_int_eq(unmap(~0u, 0x1000, 0), GNTST_bad_handle);
	ck_assert_int_eq(unmap(256, 0x1000, 0), GNTST_bad_handle);
}
END_TEST

/* The frame of domu's own table, which domu may write: that is its first use of the type. */
static struct page_info *table_page(void)
{
	return virt_to_page(domu->grant_table->shared[0]);
}

START_TEST(frame_of_own_table)
{
	u64 before = counts(table_page());
	struct gnttab_map_grant_ref m;

	grant(domu, 10, 0, 0);
	entry_v1(domu->grant_table, 10)->frame = mfn_x(page_to_mfn(table_page()));
	m = map(1, 10, 0x1000, GNTMAP_host_map);
	ck_assert_int_eq(m.status, GNTST_okay);
	ck_assert_uint_eq(counts(table_page()), before + COUNTS(1, 1));
	ck_assert_int_eq(unmap(m.handle, 0x1000, 0), GNTST_okay);
	ck_assert_uint_eq(counts(table_page()), before);
}
END_TEST

START_TEST(replace)
{
	struct page_info *pg = grant(domu, 10, 0, 0);
	struct gnttab_map_grant_ref m = map(1, 10, 0x1000, GNTMAP_host_map);
	struct gnttab_unmap_and_replace r = {
		.host_addr = 0x1000, .new_addr = 0x5000, .handle = m.handle
	};

	ck_assert_int_eq(gnttab(GNTTABOP_unmap_and_replace, &r, 1), 0);
	ck_assert_int_eq(r.status, GNTST_okay);
	ck_assert_uint_eq(replaced_by, 0x5000);
	ck_assert_uint_eq(counts(pg), COUNTS(1, 0));
}
END_TEST

/* --- Owners at work on another CPU ------------------------------------------------------------ */

static struct {
	pthread_t thread;
	bool stop;
	unsigned int rounds; /* done by the owner */
	unsigned int faults; /* noticed by the owner */
} owner;

static void owner_start(void *(*fn)(void *), void *arg)
{
	memset(&owner, 0, sizeof(owner));
	pthread_create(&owner.thread, NULL, fn, arg);
}

static bool owner_goes_on(void)
{
	owner.rounds++;
	return !__atomic_load_n(&owner.stop, __ATOMIC_SEQ_CST);
}

/* Map and unmap entry 10 until it worked `wanted` times; the page must always be domu's. */
static void map_often(unsigned int wanted)
{
	for (unsigned int ok = 0; ok < wanted;) {
		struct gnttab_map_grant_ref m = map(1, 10, 0x1000, GNTMAP_host_map);
		struct page_info *pg;

		if (m.status)
			continue;
		ok++;
		pg = mfn_to_page(maddr_to_mfn(m.dev_bus_addr));
		ck_assert_ptr_eq(page_get_owner(pg), domu);
		ck_assert_uint_eq(pg->type_info & PGT_count_mask, pg == table_page() ? 2 : 1);
		ck_assert_int_eq(unmap(m.handle, 0x1000, 0), GNTST_okay);
	}
	__atomic_store_n(&owner.stop, true, __ATOMIC_SEQ_CST);
	pthread_join(owner.thread, NULL);
	ck_assert_uint_gt(owner.rounds, 0);
	ck_assert_uint_eq(owner.faults, 0);
	ck_assert_uint_eq(host_pages_in_use(domu), 0);
}

static void *scribble(void *arg)
{
	grant_entry_v1_t *e = arg;

	for (unsigned int i = 0; owner_goes_on(); i++) {
		__atomic_store_n(&e->flags, i & 1 ? GTF_permit_access : i, __ATOMIC_RELAXED);
		__atomic_store_n(&e->domid, i & 4 ? 0 : 2, __ATOMIC_RELAXED);
		__atomic_store_n(&e->frame, i * 7 % 1024, __ATOMIC_RELAXED);
	}
	return NULL;
}

START_TEST(owner_scribbles)
{
	for (unsigned int i = 0; i < 500; i++)
		host_domain_page(domu);
	owner_start(scribble, entry_v1(domu->grant_table, 10));
	map_often(200);
}
END_TEST

/* A bit of the owner's own in a version 1 entry must never be undone by our marks. */
static void *toggle_bit(void *arg)
{
	u16 *flags = arg, mine = 0;

	while (owner_goes_on()) {
		__atomic_fetch_xor(flags, GTF_PWT, __ATOMIC_SEQ_CST);
		mine ^= GTF_PWT;
		for (unsigned int i = 0; i < 20; i++)
			owner.faults +=
				(__atomic_load_n(flags, __ATOMIC_SEQ_CST) & GTF_PWT) != mine;
	}
	return NULL;
}

START_TEST(marks_do_not_undo_the_owners_writes)
{
	grant(domu, 10, 0, 0);
	owner_start(toggle_bit, &entry_v1(domu->grant_table, 10)->flags);
	map_often(20000);
}
END_TEST

/* --- Copy ------------------------------------------------------------------------------------- */

static int copy(struct gnttab_copy c)
{
	c.status = 77;
	ck_assert_int_eq(gnttab(GNTTABOP_copy, &c, 1), 0);
	return c.status;
}

START_TEST(copy_from_and_to_grants)
{
	struct page_info *src = grant(domu, 10, 0, GTF_readonly), *dst = grant(domu, 11, 0, 0);
	struct page_info *own = host_domain_page(dom0);
	u64 own_mfn = mfn_x(page_to_mfn(own));
	struct gnttab_copy c = {
		.source = { .u.ref = 10, .domid = 1, .offset = 100 },
		.dest = { .u.gmfn = own_mfn, .domid = DOMID_SELF, .offset = 4090 },
		.len = 6,
		.flags = GNTCOPY_source_gref,
	};

	strcpy(page_to_virt(src) + 100, "hello");
	ck_assert_int_eq(copy(c), GNTST_okay);
	ck_assert_str_eq(page_to_virt(own) + 4090, "hello");
	c.len = 7;
	ck_assert_int_eq(copy(c), GNTST_bad_copy_arg);
	c.len = 0xffff;
	ck_assert_int_eq(copy(c), GNTST_bad_copy_arg);

	c = (struct gnttab_copy){
		.source = { .u.gmfn = own_mfn, .domid = DOMID_SELF, .offset = 4090 },
		.dest = { .u.ref = 11, .domid = 1 },
		.len = 6,
		.flags = GNTCOPY_dest_gref,
	};
	ck_assert_int_eq(copy(c), GNTST_okay);
	ck_assert_str_eq(page_to_virt(dst), "hello");
	c.dest.u.ref = 10; /* may only be read */
	ck_assert_int_eq(copy(c), GNTST_general_error);
	c.dest.domid = 99;
	ck_assert_int_eq(copy(c), GNTST_bad_domain);
	c.flags = 0; /* somebody else's frame by number */
	c.dest = (struct gnttab_copy_ptr){ .u.gmfn = mfn_x(page_to_mfn(dst)), .domid = 1 };
	ck_assert_int_eq(copy(c), GNTST_permission_denied);
	c.dest.domid = DOMID_SELF;
	ck_assert_int_eq(copy(c), GNTST_bad_page);
	c.dest.u.gmfn = ~0UL;
	ck_assert_int_eq(copy(c), GNTST_bad_page);
	c.dest.u.gmfn = own_mfn; /* within one page, overlapping */
	c.dest.offset = 4089;
	ck_assert_int_eq(copy(c), GNTST_okay);
	ck_assert_str_eq(page_to_virt(own) + 4089, "hello");
	ck_assert_uint_eq(counts(src), COUNTS(1, 0));
	ck_assert_uint_eq(counts(dst), COUNTS(1, 0));
	ck_assert_uint_eq(counts(own), COUNTS(1, 0));
	ck_assert_uint_eq(flags_of(domu, 10), GTF_permit_access | GTF_readonly);
	ck_assert_uint_eq(flags_of(domu, 11), GTF_permit_access);
}
END_TEST

START_TEST(copy_never_writes_page_tables)
{
	struct page_info *dst = grant(domu, 11, 0, 0), *own = host_domain_page(dom0);
	struct gnttab_copy c = {
		.source = { .u.gmfn = mfn_x(page_to_mfn(own)), .domid = DOMID_SELF },
		.dest = { .u.ref = 11, .domid = 1 },
		.len = 8,
		.flags = GNTCOPY_dest_gref,
	};

	ck_assert_int_eq(get_page_type(dst, PGT_l1), 0);
	ck_assert_int_eq(copy(c), GNTST_general_error);
	put_page_type(dst);
	ck_assert_int_eq(get_page_type(own, PGT_l4), 0);
	c.dest = c.source;
	c.flags = 0;
	ck_assert_int_eq(copy(c), GNTST_bad_page);
	put_page_type(own);
	ck_assert_uint_eq(flags_of(domu, 11), GTF_permit_access);
}
END_TEST

START_TEST(copy_run_keeps_operands)
{
	struct page_info *a = grant(domu, 10, 0, 0), *b = grant(domu, 11, 0, 0);
	struct page_info *own = host_domain_page(dom0);
	struct gnttab_copy c[5];

	memset(page_to_virt(a), 'a', PAGE_SIZE);
	memset(page_to_virt(b), 'b', PAGE_SIZE);
	for (unsigned int i = 0; i < 5; i++)
		c[i] = (struct gnttab_copy){
			.source = { .u.ref = i < 3 ? 10 : 11, .domid = 1, .offset = i },
			.dest = { .u.gmfn = mfn_x(page_to_mfn(own)),
				.domid = DOMID_SELF,
				.offset = i },
			.len = 1,
			.flags = GNTCOPY_source_gref,
			.status = 77,
		};
	c[1].source.domid = 99; /* a failure between costs only itself */
	ck_assert_int_eq(gnttab(GNTTABOP_copy, c, 5), 0);
	for (unsigned int i = 0; i < 5; i++)
		ck_assert_int_eq(c[i].status, i == 1 ? GNTST_bad_domain : GNTST_okay);
	ck_assert_mem_eq(page_to_virt(own), "a\0abb\0", 6);
	ck_assert_uint_eq(counts(a), COUNTS(1, 0));
	ck_assert_uint_eq(counts(b), COUNTS(1, 0));
	ck_assert_uint_eq(counts(own), COUNTS(1, 0));
}
END_TEST

/* --- Version 2 -------------------------------------------------------------------------------- */

static long set_version(struct domain *d, u32 version)
{
	struct gnttab_set_version v = { version };
	struct vcpu *before = current;
	long rc;

	run(d);
	rc = gnttab(GNTTABOP_set_version, &v, 1);
	host_run_as(before);
	return rc;
}

static struct page_info *grant2(struct domain *d, grant_ref_t ref, domid_t to, u16 flags)
{
	struct page_info *pg = host_domain_page(d);
	grant_entry_v2_t *e = entry_v2(d->grant_table, ref);

	memset(e, 0, sizeof(*e));
	e->full_page.frame = mfn_x(page_to_mfn(pg));
	e->hdr.domid = to;
	e->hdr.flags = GTF_permit_access | flags;
	return pg;
}

START_TEST(version_2_mappings)
{
	struct page_info *pg;
	struct gnttab_map_grant_ref m;
	u64 frames[2];
	struct gnttab_get_status_frames g = { .nr_frames = 1, .dom = 1, .frame_list.p = frames };

	ck_assert_int_eq(gnttab(GNTTABOP_get_status_frames, &g, 1), 0);
	ck_assert_int_eq(g.status, GNTST_general_error); /* version 1 */
	ck_assert_int_eq(set_version(domu, 3), -EINVAL);
	ck_assert_int_eq(set_version(domu, 0), -EINVAL);
	ck_assert_int_eq(set_version(domu, 2), 0);
	ck_assert_int_eq(set_version(domu, 2), 0);
	ck_assert_int_eq(gnttab(GNTTABOP_get_status_frames, &g, 1), 0);
	ck_assert_int_eq(g.status, GNTST_okay);
	ck_assert_ptr_eq(mfn_to_virt(frames[0]), domu->grant_table->status[0]);
	g.nr_frames = 2;
	ck_assert_int_eq(gnttab(GNTTABOP_get_status_frames, &g, 1), 0);
	ck_assert_int_eq(g.status, GNTST_general_error);

	pg = grant2(domu, 255, 0, 0);
	m = map(1, 255, 0x1000, GNTMAP_host_map);
	ck_assert_int_eq(m.status, GNTST_okay);
	ck_assert_uint_eq(*status_of(domu->grant_table, 255), GTF_reading | GTF_writing);
	ck_assert_uint_eq(
		entry_v2(domu->grant_table, 255)->hdr.flags, GTF_permit_access); /* not ours */
	ck_assert_int_eq(set_version(domu, 1), -EBUSY);
	ck_assert_int_eq(unmap(m.handle, 0x1000, 0), GNTST_okay);
	ck_assert_uint_eq(*status_of(domu->grant_table, 255), 0);
	ck_assert_uint_eq(counts(pg), COUNTS(1, 0));
	ck_assert_int_eq(map(1, 256, 0x1000, GNTMAP_host_map).status, GNTST_bad_gntref);
	grant2(domu, 20, 0, GTF_sub_page);
	ck_assert_int_eq(map(1, 20, 0x1000, GNTMAP_host_map).status, GNTST_general_error);
	grant2(domu, 21, 2, 0);
	ck_assert_int_eq(map(1, 21, 0x1000, GNTMAP_host_map).status, GNTST_general_error);
	ck_assert_uint_eq(*status_of(domu->grant_table, 21), 0);
	ck_assert_int_eq(set_version(domu, 1), 0);
	ck_assert_uint_eq(flags_of(domu, 40), 0);
}
END_TEST

/*
 * The owner withdraws the entry after we looked at it and before we mark it. To have that happen at
 * the right moment, the status word is laid over the entry's flags: marking it changes the entry.
 */
START_TEST(entry_changes_before_it_is_marked)
{
	struct grant_table *gt = domu->grant_table;
	grant_status_t *status;
	struct page_info *pg;

	ck_assert_int_eq(set_version(domu, 2), 0);
	pg = grant2(domu, 10, 0, 0);
	status = gt->status[0];
	gt->status[0] = &entry_v2(gt, 10)->hdr.flags - 10;
	ck_assert_int_eq(map(1, 10, 0x1000, GNTMAP_host_map).status, GNTST_general_error);
	gt->status[0] = status;
	ck_assert_uint_eq(entry_v2(gt, 10)->hdr.flags, GTF_permit_access);
	ck_assert_uint_eq(counts(pg), COUNTS(1, 0));
}
END_TEST

START_TEST(version_2_frames)
{
	mfn_t m;

	ck_assert_int_eq(set_version(domu, 2), 0);
	ck_assert_uint_eq(gnttab_resource_max_frames(domu, 1), 1);
	ck_assert_int_eq(gnttab_map_frame(domu, XENMAPIDX_grant_table_status, &m), 0);
	ck_assert_ptr_eq(mfn_to_virt(mfn_x(m)), domu->grant_table->status[0]);
	ck_assert_int_eq(gnttab_map_frame(domu, XENMAPIDX_grant_table_status | 1, &m), -EINVAL);
	/* dom0 has 64 frames, so 8 of status words: the 8th needs 57 frames at least. */
	ck_assert_int_eq(set_version(dom0, 2), 0);
	ck_assert_int_eq(gnttab_get_resource(dom0, 1, 7, 1, &m), 0);
	ck_assert_uint_eq(dom0->grant_table->nr_frames, 57);
	ck_assert_ptr_eq(mfn_to_virt(mfn_x(m)), dom0->grant_table->status[7]);
	ck_assert_int_eq(gnttab_get_resource(dom0, 1, 8, 1, &m), -EINVAL);
}
END_TEST

START_TEST(reserved_entries_survive)
{
	struct page_info *pg = grant(domu, 1, 0, 0), *ro = grant(domu, 0, 0, GTF_readonly);
	struct gnttab_map_grant_ref m = map(1, 1, 0x1000, GNTMAP_host_map);
	struct grant_table *gt = domu->grant_table;

	ck_assert_int_eq(set_version(domu, 2), 0); /* the tools have it mapped meanwhile */
	ck_assert_uint_eq(entry_v2(gt, 1)->hdr.flags, GTF_permit_access);
	ck_assert_uint_eq(entry_v2(gt, 1)->full_page.frame, mfn_x(page_to_mfn(pg)));
	ck_assert_uint_eq(entry_v2(gt, 0)->hdr.flags, GTF_permit_access | GTF_readonly);
	ck_assert_uint_eq(entry_v2(gt, 0)->full_page.frame, mfn_x(page_to_mfn(ro)));
	ck_assert_uint_eq(*status_of(gt, 1), GTF_reading | GTF_writing);
	ck_assert_int_eq(set_version(domu, 1), 0);
	ck_assert_uint_eq(flags_of(domu, 1), GTF_permit_access | GTF_reading | GTF_writing);
	ck_assert_int_eq(unmap(m.handle, 0x1000, 0), GNTST_okay);
	ck_assert_uint_eq(flags_of(domu, 1), GTF_permit_access);
	entry_v1(gt, 2)->flags = GTF_accept_transfer; /* cannot be carried over */
	ck_assert_int_eq(set_version(domu, 2), -EINVAL);
	entry_v1(gt, 2)->flags = 0;
	ck_assert_int_eq(set_version(domu, 2), 0);
	entry_v2(gt, 1)->full_page.frame = 1UL << 32;
	ck_assert_int_eq(set_version(domu, 1), -ERANGE);
	entry_v2(gt, 1)->hdr.flags |= GTF_sub_page;
	ck_assert_int_eq(set_version(domu, 1), -EINVAL);
}
END_TEST

START_TEST(sub_page_copies)
{
	struct page_info *pg, *own = host_domain_page(dom0);
	struct gnttab_copy c = {
		.source = { .u.ref = 20, .domid = 1, .offset = 16 },
		.dest = { .u.gmfn = mfn_x(page_to_mfn(own)), .domid = DOMID_SELF },
		.len = 8,
		.flags = GNTCOPY_source_gref,
	};
	grant_entry_v2_t *e;

	ck_assert_int_eq(set_version(domu, 2), 0);
	pg = grant2(domu, 20, 0, GTF_sub_page);
	e = entry_v2(domu->grant_table, 20);
	e->sub_page.page_off = 16;
	e->sub_page.length = 8;
	strcpy(page_to_virt(pg) + 16, "sub");
	ck_assert_int_eq(copy(c), GNTST_okay);
	ck_assert_str_eq(page_to_virt(own), "sub");
	c.len = 9;
	ck_assert_int_eq(copy(c), GNTST_general_error);
	c.len = 8;
	c.source.offset = 15;
	ck_assert_int_eq(copy(c), GNTST_general_error);
	e->sub_page.page_off = e->sub_page.length =
		0xffff; /* nonsense: the page's end still holds */
	c.source.offset = 4090;
	ck_assert_int_eq(copy(c), GNTST_bad_copy_arg);
	ck_assert_uint_eq(counts(pg), COUNTS(1, 0));
	ck_assert_uint_eq(*status_of(domu->grant_table, 20), 0);
}
END_TEST

static void transitive(struct domain *d, grant_ref_t ref, domid_t to, domid_t dom, grant_ref_t gref)
{
	grant_entry_v2_t *e = entry_v2(d->grant_table, ref);

	memset(e, 0, sizeof(*e));
	e->transitive.trans_domid = dom;
	e->transitive.gref = gref;
	e->hdr.domid = to;
	e->hdr.flags = GTF_transitive;
}

START_TEST(transitive_copies)
{
	struct page_info *pg = grant(third, 30, 1, GTF_readonly), *own = host_domain_page(dom0);
	struct gnttab_copy c = {
		.source = { .u.ref = 20, .domid = 1 },
		.dest = { .u.gmfn = mfn_x(page_to_mfn(own)), .domid = DOMID_SELF },
		.len = 8,
		.flags = GNTCOPY_source_gref,
	};

	strcpy(page_to_virt(pg), "deep");
	ck_assert_int_eq(set_version(domu, 2), 0);
	transitive(domu, 20, 0, 2, 30);
	ck_assert_int_eq(copy(c), GNTST_okay);
	ck_assert_str_eq(page_to_virt(own), "deep");
	ck_assert_int_eq(map(1, 20, 0x1000, GNTMAP_host_map).status, GNTST_general_error);
	entry_v1(third->grant_table, 30)->domid = 0; /* given to us, but domu has no right to it */
	ck_assert_int_eq(copy(c), GNTST_general_error);
	entry_v1(third->grant_table, 30)->domid = 1;

	transitive(domu, 20, 0, 99, 30);
	ck_assert_int_eq(copy(c), GNTST_bad_domain);
	transitive(domu, 20, 0, 1, 20); /* itself */
	ck_assert_int_eq(copy(c), GNTST_bad_domain);
	transitive(domu, 20, 0, 2, 0xffffffff);
	ck_assert_int_eq(copy(c), GNTST_bad_gntref);
	/* A chain of two is one too long. */
	ck_assert_int_eq(set_version(third, 2), 0);
	transitive(domu, 20, 0, 2, 31);
	transitive(third, 31, 1, 1, 20);
	ck_assert_int_eq(copy(c), GNTST_general_error);
	ck_assert_uint_eq(*status_of(third->grant_table, 31), 0);
	ck_assert_uint_eq(*status_of(domu->grant_table, 20), 0);
	ck_assert_uint_eq(counts(pg), COUNTS(1, 0));

	/* Writing through needs the right to write at the end, too. */
	pg = grant2(third, 32, 1, GTF_readonly);
	transitive(domu, 20, 0, 2, 32);
	c.dest = c.source;
	c.source =
		(struct gnttab_copy_ptr){ .u.gmfn = mfn_x(page_to_mfn(own)), .domid = DOMID_SELF };
	c.flags = GNTCOPY_dest_gref;
	ck_assert_int_eq(copy(c), GNTST_general_error);
	pg = grant2(third, 32, 1, 0);
	ck_assert_int_eq(copy(c), GNTST_okay);
	ck_assert_str_eq(page_to_virt(pg), "deep");
	ck_assert_uint_eq(counts(pg), COUNTS(1, 0));
}
END_TEST

/* --- The rest --------------------------------------------------------------------------------- */

static bool gives_back;

/* The new owner gives back what it gets, and a third domain is given it. */
int assign_pages(struct page_info *pg, unsigned int nr, struct domain *d, unsigned int memflags)
{
	if (d->max_pages && d->tot_pages + nr > d->max_pages)
		return -E2BIG;
	pg->count_info = PGC_allocated | 1;
	page_set_owner(pg, gives_back ? third : d);
	if (!gives_back)
		d->tot_pages += nr;
	return 0;
}

static int transfer(u64 mfn, domid_t to, grant_ref_t ref)
{
	struct gnttab_transfer t = { .mfn = mfn, .domid = to, .ref = ref, .status = 77 };

	ck_assert_int_eq(gnttab(GNTTABOP_transfer, &t, 1), 0);
	return t.status;
}

START_TEST(transfers)
{
	struct page_info *pg = host_domain_page(dom0);
	grant_entry_v1_t *e = entry_v1(domu->grant_table, 9);
	unsigned int n = host_pages_allocated();

	*e = (grant_entry_v1_t){ .flags = GTF_accept_transfer, .domid = 0, .frame = 0x123 };
	ck_assert(get_page(pg, dom0)); /* mapped somewhere: cannot go, stays the caller's */
	ck_assert_int_eq(transfer(mfn_x(page_to_mfn(pg)), 1, 9), GNTST_bad_page);
	put_page(pg);
	ck_assert_uint_eq(counts(pg), COUNTS(1, 0));
	ck_assert_int_eq(transfer(mfn_x(page_to_mfn(pg)), 1, 9), GNTST_okay);
	ck_assert_ptr_eq(page_get_owner(pg), domu);
	ck_assert_uint_eq(
		e->flags, GTF_accept_transfer | GTF_transfer_committed | GTF_transfer_completed);
	ck_assert_uint_eq(e->frame, mfn_x(page_to_mfn(pg)));
	ck_assert_int_eq(transfer(mfn_x(page_to_mfn(pg)), 1, 9), GNTST_bad_page); /* not ours now */
	ck_assert_int_eq(transfer(~0UL, 1, 9), GNTST_bad_page);

	/* Every other failure costs the page, and frees it. */
	ck_assert_int_eq(
		transfer(mfn_x(page_to_mfn(host_domain_page(dom0))), 1, 9), GNTST_bad_gntref);
	ck_assert_int_eq(
		transfer(mfn_x(page_to_mfn(host_domain_page(dom0))), 99, 9), GNTST_bad_domain);
	ck_assert_int_eq(
		transfer(mfn_x(page_to_mfn(host_domain_page(dom0))), 1, 512), GNTST_bad_gntref);
	*e = (grant_entry_v1_t){ .flags = GTF_accept_transfer, .domid = 2 };
	ck_assert_int_eq(
		transfer(mfn_x(page_to_mfn(host_domain_page(dom0))), 1, 9), GNTST_bad_gntref);
	ck_assert_uint_eq(e->flags, GTF_accept_transfer);
	e->domid = 0;
	domu->max_pages = domu->tot_pages;
	ck_assert_int_eq(
		transfer(mfn_x(page_to_mfn(host_domain_page(dom0))), 1, 9), GNTST_general_error);
	ck_assert_uint_eq(e->flags, GTF_accept_transfer);
	ck_assert_uint_eq(host_pages_allocated(), n);
}
END_TEST

START_TEST(transfer_given_back_at_once)
{
	struct page_info *pg = host_domain_page(dom0), *other = host_domain_page(dom0);
	grant_entry_v1_t *e = entry_v1(domu->grant_table, 9);

	gives_back = true;
	*e = (grant_entry_v1_t){ .flags = GTF_accept_transfer, .domid = 2 };
	ck_assert_int_eq(transfer(mfn_x(page_to_mfn(pg)), 1, 9), GNTST_general_error);
	ck_assert_ptr_eq(page_get_owner(pg), third);
	ck_assert_uint_eq(pg->count_info, PGC_allocated | 1);
	e->domid = 0;
	ck_assert_int_eq(transfer(mfn_x(page_to_mfn(other)), 1, 9), GNTST_general_error);
	ck_assert_uint_eq(e->flags, GTF_accept_transfer);
	ck_assert_uint_eq(other->count_info, PGC_allocated | 1);
	gives_back = false;
}
END_TEST

START_TEST(swaps)
{
	struct gnttab_swap_grant_ref s = { .ref_a = 10, .ref_b = 11 };
	struct page_info *pg = grant(domu, 10, 0, 0);
	struct gnttab_map_grant_ref m;

	run(domu);
	ck_assert_int_eq(gnttab(GNTTABOP_swap_grant_ref, &s, 1), 0);
	ck_assert_int_eq(s.status, GNTST_okay);
	ck_assert_uint_eq(flags_of(domu, 10), 0);
	ck_assert_uint_eq(entry_v1(domu->grant_table, 11)->frame, mfn_x(page_to_mfn(pg)));
	run(dom0);
	m = map(1, 11, 0x1000, GNTMAP_host_map);
	ck_assert_int_eq(m.status, GNTST_okay);
	run(domu);
	ck_assert_int_eq(gnttab(GNTTABOP_swap_grant_ref, &s, 1), 0);
	ck_assert_int_eq(s.status, GNTST_eagain);
	s.ref_b = 512;
	ck_assert_int_eq(gnttab(GNTTABOP_swap_grant_ref, &s, 1), 0);
	ck_assert_int_eq(s.status, GNTST_bad_gntref);
	run(dom0);
	ck_assert_int_eq(unmap(m.handle, 0x1000, 0), GNTST_okay);
}
END_TEST

START_TEST(cache_flushes)
{
	struct gnttab_cache_flush f = {
		.a.dev_bus_addr = 0x1000, .length = 16, .op = GNTTAB_CACHE_CLEAN
	};

	ck_assert_int_eq(gnttab(GNTTABOP_cache_flush, &f, 1), 0);
	f.op = GNTTAB_CACHE_INVAL;
	ck_assert_int_eq(gnttab(GNTTABOP_cache_flush, &f, 1), -EOPNOTSUPP);
	f.op = GNTTAB_CACHE_CLEAN | GNTTAB_CACHE_SOURCE_GREF;
	ck_assert_int_eq(gnttab(GNTTABOP_cache_flush, &f, 1), -EOPNOTSUPP);
	f.op = 4;
	ck_assert_int_eq(gnttab(GNTTABOP_cache_flush, &f, 1), -EINVAL);
	f.op = GNTTAB_CACHE_CLEAN;
	f.offset = 4090;
	ck_assert_int_eq(gnttab(GNTTABOP_cache_flush, &f, 1), -EINVAL);
	f.offset = 0;
	f.a.dev_bus_addr = ~0UL;
	ck_assert_int_eq(gnttab(GNTTABOP_cache_flush, &f, 1), -EINVAL);
}
END_TEST

START_TEST(death_of_a_mapper)
{
	struct page_info *host = grant(dom0, 10, 1, 0), *dev = grant(dom0, 11, 1, 0);
	unsigned int rounds = 0;

	run(domu);
	for (unsigned int i = 0; i < 100; i++)
		ck_assert_int_eq(map(0, 10, 0x1000 * (i + 1), GNTMAP_host_map).status, GNTST_okay);
	ck_assert_int_eq(map(0, 11, 0, GNTMAP_device_map).status, GNTST_okay);
	domu->is_dying = DOMDYING_dying;
	per_cpu(softirq_pending, 0) = 1;
	while (gnttab_release_mappings(domu) == -ERESTART)
		ck_assert_uint_lt(++rounds, 10);
	per_cpu(softirq_pending, 0) = 0;
	ck_assert_uint_ge(rounds, 2);
	ck_assert_uint_eq(flags_of(dom0, 10), GTF_permit_access);
	ck_assert_uint_eq(flags_of(dom0, 11), GTF_permit_access);
	ck_assert_uint_eq(counts(dev), COUNTS(1, 0));
	ck_assert_uint_eq(counts(host), COUNTS(1, 0));
	ck_assert_int_eq(dom0->refcnt, 1);
}
END_TEST

START_TEST(death_of_a_granter)
{
	struct page_info *pg = grant(domu, 10, 0, 0);
	struct gnttab_map_grant_ref m = map(1, 10, 0x1000, GNTMAP_host_map);
	struct gnttab_setup_table s = { .dom = 1, .nr_frames = 4 };

	domu->is_dying = DOMDYING_dying;
	ck_assert_int_eq(domu->refcnt, 2); /* the mapping keeps it */
	ck_assert_int_eq(gnttab(GNTTABOP_setup_table, &s, 1), 0);
	ck_assert_int_eq(s.status, GNTST_general_error); /* its table grows no more */
	ck_assert_int_eq(unmap(m.handle, 0x1000, 0), GNTST_okay);
	ck_assert_int_eq(domu->refcnt, 1);
	ck_assert_uint_eq(counts(pg), COUNTS(1, 0));
}
END_TEST

START_TEST(dump_shows_uses)
{
	grant(domu, 10, 0, 0);
	ck_assert_int_eq(map(1, 10, 0x1000, GNTMAP_host_map).status, GNTST_okay);
	gnttab_dump('g');
	ck_assert_ptr_nonnull(strstr(host_console, "domain 1: version 1, 1 of 4 frames"));
	ck_assert_ptr_nonnull(strstr(host_console, "grant 10 to d0"));
	unmap(0, 0x1000, 0);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("all");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, table_grows);
	tcase_add_test(t, other_domains_tables);
	tcase_add_test(t, bad_calls);
	tcase_add_test(t, create_without_memory);
	tcase_add_test(t, frames_as_resource);
	tcase_add_test(t, mapped_frame_outlives_its_table);
	tcase_add_test(t, map_and_unmap);
	tcase_add_test(t, read_only_mappings);
	tcase_add_test(t, map_refusals);
	tcase_add_test(t, failed_map_leaves_other_entries_alone);
	tcase_add_test(t, entry_in_use_keeps_its_frame);
	tcase_add_test(t, device_and_host_parts);
	tcase_add_test(t, unmap_batches_flush_once);
	tcase_add_test(t, fault_in_the_middle);
	tcase_add_test(t, preempted_run);
	tcase_add_test(t, handles_run_out);
	tcase_add_test(t, frame_of_own_table);
	tcase_add_test(t, replace);
	tcase_add_test(t, owner_scribbles);
	tcase_add_test(t, marks_do_not_undo_the_owners_writes);
	tcase_add_test(t, entry_changes_before_it_is_marked);
	tcase_add_test(t, copy_from_and_to_grants);
	tcase_add_test(t, copy_never_writes_page_tables);
	tcase_add_test(t, copy_run_keeps_operands);
	tcase_add_test(t, version_2_mappings);
	tcase_add_test(t, version_2_frames);
	tcase_add_test(t, reserved_entries_survive);
	tcase_add_test(t, sub_page_copies);
	tcase_add_test(t, transitive_copies);
	tcase_add_test(t, transfers);
	tcase_add_test(t, transfer_given_back_at_once);
	tcase_add_test(t, swaps);
	tcase_add_test(t, cache_flushes);
	tcase_add_test(t, death_of_a_mapper);
	tcase_add_test(t, death_of_a_granter);
	tcase_add_test(t, dump_shows_uses);
	return run_suite("grant tables", t);
}
