/* sources: xen/arch/x86/mm/log_dirty.c xen/arch/x86/mm/log_read.c xen/arch/x86/mm/shadow_pool.c xen/common/page_list.c tests/unit/harness.c tests/unit/stubs_mm.c */
/* The log of changed pages: the bitmap and its memory, reading it, and what happens when memory is short. */
#include <check.h>
#include <xen/grant_table.h>
#include <xen/sched.h>
#include <asm/flushtlb.h>
#include <asm/shadow.h>
#include <public/domctl.h>
#include "harness.h"
#include "stubs_mm.h"
#include "suite.h"

#define POOL 64

DEFINE_PER_CPU(unsigned long, softirq_pending);
cpumask_t cpu_online_map;
static struct domain *d;
static struct vcpu *vcpus[1];
static unsigned int own_pages; /* that a test leaves to the domain */
static unsigned long m2p[HOST_PAGES];
static struct page_info *shared;     /* dirty in each reading */
static unsigned int in_use, dropped; /* pages of the pool that shadows have */
static struct page_info *shadows[POOL];
static unsigned int revoke_steps, revoked, flushes;
static bool foreign_complete = true;
static u32 clock;

/* --- Stand-ins ------------------------------------------------------------------------------------- */

unsigned long get_gpfn_from_mfn(unsigned long mfn)
{
	return m2p[mfn];
}

struct page_info *alloc_domheap_pages(struct domain *owner, unsigned int order, unsigned int memflags)
{
	void *p = alloc_xenheap_pages(order, 0);

	return p ? virt_to_page(p) : NULL;
}

bool shadow_reserve(struct domain *dom, unsigned int n)
{
	while (dom->arch.paging.free_pages < n && in_use) {
		shadow_pool_put(dom, shadows[--in_use]);
		dropped++;
	}
	return dom->arch.paging.free_pages >= n;
}

bool shadow_revoke_some(struct domain *dom, unsigned int n)
{
	revoked++;
	return revoke_steps == 0 || --revoke_steps == 0;
}

bool foreign_mark_dirty(struct domain *dom)
{
	return foreign_complete;
}

void evtchn_fifo_mark_dirty(struct domain *dom)
{
	if (shared)
		mark_page_dirty(shared);
}

void gnttab_mark_dirty(struct domain *dom)
{
}

void flush_mask(const cpumask_t *mask, const void *va, unsigned int flags)
{
	flushes++;
}

void flush_poll(void)
{
}

u32 tlb_clock(void)
{
	return ++clock;
}

void tlb_filter(cpumask_t *mask, u32 stamp)
{
}

/* --- Tools -------------------------------------------------------------------------------------------- */

static struct xen_domctl op;
static u64 bits[4096];

static int do_read(bool clean, void *to, u64 pages)
{
	memset(&op, 0, sizeof(op));
	op.u.shadow_op.dirty_bitmap.p = to;
	op.u.shadow_op.pages = pages;
	return log_dirty_read(d, &op, clean);
}

static unsigned int count_bits(u64 pages)
{
	unsigned int n = 0;

	for (u64 i = 0; i < pages; i++)
		n += bits[i / 64] >> i % 64 & 1;
	return n;
}

static bool is_set(u64 pfn)
{
	return bits[pfn / 64] >> pfn % 64 & 1;
}

static void set(unsigned long pfn)
{
	paging_lock(d);
	log_dirty_set(d, pfn);
	paging_unlock(d);
}

static void start(unsigned int pool)
{
	ck_assert_int_eq(shadow_pool_resize(d, pool), 0);
	paging_lock(d);
	ck_assert_int_eq(log_dirty_create(d), 0);
	paging_unlock(d);
	d->arch.paging.log_dirty = true;
	shadowed_domains = 1;
}

static void setup(void)
{
	harness_reset();
	host_mm_reset();
	d = alloc_xenheap_page(); /* frames name their owner by its frame */
	d->max_vcpus = 1;
	d->vcpu = vcpus;
	d->arch.paging.holder = -1;
	spin_lock_init(&d->arch.paging.lock, LOCK_RANK_PAGING);
	d->arch.paging.buffer = alloc_xenheap_page();
	memset(bits, 0, sizeof(bits));
	shared = NULL;
	own_pages = 0;
	in_use = dropped = revoke_steps = revoked = flushes = 0;
	foreign_complete = true;
	this_cpu(softirq_pending) = 0;
}

/* All memory is in the pool again, and goes. */
static void teardown(void)
{
	paging_lock(d);
	log_dirty_destroy(d);
	paging_unlock(d);
	while (in_use)
		shadow_pool_put(d, shadows[--in_use]);
	ck_assert_uint_eq(d->arch.paging.log_pages, 0);
	ck_assert_uint_eq(d->arch.paging.free_pages, d->arch.paging.pool_pages);
	ck_assert_int_eq(shadow_pool_resize(d, 0), 0);
	free_xenheap_page(d->arch.paging.buffer);
	ck_assert_uint_eq(host_locks_held, 0);
	free_xenheap_page(d);
	ck_assert_uint_eq(host_pages_allocated(), own_pages);
	shadowed_domains = 0;
}

/* --- Tests ---------------------------------------------------------------------------------------------- */

START_TEST(clean_and_peek)
{
	start(POOL);
	set(0);
	set(63);
	set(64);
	set(64);
	set(40000);
	ck_assert_int_eq(do_read(false, bits, 65536), 0);
	ck_assert_uint_eq(count_bits(65536), 4);
	ck_assert_uint_eq(op.u.shadow_op.stats.dirty_count, 4);
	ck_assert_uint_eq(revoked, 0);
	memset(bits, 0xff, sizeof(bits));
	ck_assert_int_eq(do_read(true, bits, 65536), 0);
	ck_assert_uint_eq(count_bits(65536), 4);
	ck_assert(is_set(0) && is_set(63) && is_set(64) && is_set(40000));
	ck_assert_uint_eq(op.u.shadow_op.pages, 65536);
	ck_assert_uint_eq(op.u.shadow_op.stats.dirty_count, 4);
	ck_assert_uint_eq(revoked, 1);
	ck_assert_uint_eq(flushes, 1);
	ck_assert_int_eq(do_read(true, bits, 65536), 0);
	ck_assert_uint_eq(count_bits(65536), 0);
	ck_assert_uint_eq(op.u.shadow_op.stats.dirty_count, 0);
}
END_TEST

START_TEST(short_bitmap)
{
	start(POOL);
	set(9);
	set(10);
	set(11);
	memset(bits, 0x5a, sizeof(bits));
	ck_assert_int_eq(do_read(true, bits, 11), 0);
	ck_assert_uint_eq(bits[0] & 0xffff, 0x0600);
	ck_assert_uint_eq(bits[0] >> 16, 0x5a5a5a5a5a5aULL);
	/* What it had no room for is kept. */
	ck_assert_int_eq(do_read(true, bits, 64), 0);
	ck_assert_uint_eq(bits[0], 1 << 11);
	ck_assert_int_eq(do_read(true, bits, 0), 0);
	ck_assert_uint_eq(op.u.shadow_op.pages, 0);
}
END_TEST

START_TEST(no_bitmap)
{
	start(POOL);
	set(1);
	set(1UL << 30);
	ck_assert_int_eq(do_read(false, NULL, 0), 0);
	ck_assert_uint_eq(op.u.shadow_op.stats.dirty_count, 2);
	ck_assert_int_eq(do_read(true, NULL, 0), 0);
	ck_assert_uint_eq(op.u.shadow_op.stats.dirty_count, 2);
	ck_assert_int_eq(do_read(false, NULL, 0), 0);
	ck_assert_uint_eq(op.u.shadow_op.stats.dirty_count, 0);
}
END_TEST

START_TEST(frames)
{
	struct domain *other = alloc_xenheap_page();
	struct page_info *own, *others;

	start(POOL);
	own = host_domain_page(d);
	others = host_domain_page(other);
	m2p[mfn_x(page_to_mfn(own))] = 77;
	m2p[mfn_x(page_to_mfn(others))] = 78;
	ck_assert(log_dirty_wanted(d, page_to_mfn(own)));
	ck_assert(!log_dirty_wanted(d, page_to_mfn(others)));
	ck_assert(!log_dirty_wanted(d, _mfn(HOST_PAGES + 5)));
	mark_page_dirty(own);
	mark_page_dirty(others);
	ck_assert(!log_dirty_wanted(d, page_to_mfn(own)));
	m2p[mfn_x(page_to_mfn(own))] = INVALID_M2P_ENTRY;
	ck_assert(!log_dirty_wanted(d, page_to_mfn(own)));
	mark_page_dirty(own); /* has no number */
	m2p[mfn_x(page_to_mfn(own))] = 79;
	shared = own;
	for (unsigned int i = 0; i < 3; i++) {
		ck_assert_int_eq(do_read(true, bits, 128), 0);
		ck_assert_uint_eq(count_bits(128), i ? 1 : 2);
		ck_assert(is_set(79));
	}
	free_xenheap_page(other);
	own_pages = 2;
}
END_TEST

START_TEST(refused)
{
	ck_assert_int_eq(do_read(true, bits, 64), -EINVAL); /* there is no log */
	start(POOL);
	memset(&op, 0, sizeof(op));
	op.u.shadow_op.mode = 2;
	ck_assert_int_eq(log_dirty_read(d, &op, true), -EINVAL);
	memset(&op, 0, sizeof(op));
	op.u.shadow_op.mode = XEN_DOMCTL_SHADOW_LOGDIRTY_FINAL;
	ck_assert_int_eq(log_dirty_read(d, &op, true), 0);
}
END_TEST

static const char *bad_from;

static bool faults(const void *p, unsigned long n)
{
	return (const char *)p + n > bad_from;
}

/* Nothing is lost when the tool does not get it. */
START_TEST(bad_buffer)
{
	start(POOL);
	set(3);
	set(40000);
	host_guest_fault = faults;
	bad_from = (char *)bits;
	ck_assert_int_eq(do_read(true, bits, 65536), -EFAULT);
	bad_from = (char *)bits + sizeof(bits);
	ck_assert_int_eq(do_read(false, bits, 65536), 0);
	ck_assert_uint_eq(count_bits(65536), 2);
	/* The first half has gone out: all pages are dirty. */
	bad_from = (char *)bits + 4096;
	ck_assert_int_eq(do_read(true, bits, 65536), -EFAULT);
	bad_from = (char *)bits + sizeof(bits);
	ck_assert_int_eq(do_read(true, bits, 65536), 0);
	ck_assert_uint_eq(count_bits(65536), 65536);
	ck_assert_int_eq(do_read(true, bits, 65536), 0);
	ck_assert_uint_eq(count_bits(65536), 0);
}
END_TEST

START_TEST(interrupted)
{
	unsigned int calls = 0;
	int rc;

	start(POOL);
	for (unsigned int i = 0; i < 4; i++)
		set(i * LOG_LEAF_PAGES + i);
	this_cpu(softirq_pending) = 1;
	revoke_steps = 3;
	do {
		rc = do_read(true, bits, 4 * LOG_LEAF_PAGES);
		if (!calls++) {
			ck_assert_int_eq(rc, -ERESTART);
			/* Another tool. */
			ck_assert_int_eq(do_read(true, bits + 1, 4 * LOG_LEAF_PAGES), -EBUSY);
			ck_assert_int_eq(do_read(false, bits, 4 * LOG_LEAF_PAGES), -EBUSY);
			/* Taken already: in the next round. */
			set(5);
		}
	} while (rc == -ERESTART);
	ck_assert_int_eq(rc, 0);
	ck_assert_uint_ge(calls, 5);
	ck_assert_uint_eq(count_bits(4 * LOG_LEAF_PAGES), 4);
	ck_assert_uint_eq(op.u.shadow_op.stats.dirty_count, 4);
	this_cpu(softirq_pending) = 0;
	ck_assert_int_eq(do_read(true, bits, 4 * LOG_LEAF_PAGES), 0);
	ck_assert_uint_eq(count_bits(4 * LOG_LEAF_PAGES), 1);
	ck_assert(is_set(5));
}
END_TEST

/* A guest whose numbers lie far apart uses up the memory of the log, but not what shadows need. */
START_TEST(incomplete)
{
	start(POOL);
	for (unsigned long i = 0; i < 500; i++)
		set(i << 24);
	ck_assert(d->arch.paging.log_incomplete);
	ck_assert_uint_ge(d->arch.paging.free_pages, 18 * d->max_vcpus);
	ck_assert_int_eq(do_read(true, bits, 1000), 0);
	ck_assert_uint_eq(count_bits(1000), 1000);
	ck_assert_int_eq(do_read(true, bits, 1000), 0);
	ck_assert_uint_eq(count_bits(1000), 0);
	/* Room that there is serves on. */
	set(17);
	ck_assert_int_eq(do_read(true, bits, 1000), 0);
	ck_assert_uint_eq(count_bits(1000), 1);
	set(LOG_MAX_PAGES);
	set(~0UL);
	foreign_complete = false;
	ck_assert_int_eq(do_read(false, bits, 1000), 0);
	ck_assert_uint_eq(count_bits(1000), 1000);
}
END_TEST

/* The log takes pages from shadows, and the pool shrinks at their cost. */
START_TEST(pool)
{
	start(POOL);
	while (d->arch.paging.free_pages)
		shadows[in_use++] = shadow_pool_get(d);
	ck_assert_ptr_null(shadow_pool_get(d));
	set(5);
	ck_assert_uint_gt(dropped, 0);
	ck_assert(!d->arch.paging.log_incomplete);
	ck_assert_int_eq(shadow_pool_resize(d, POOL / 2), 0);
	ck_assert_uint_eq(d->arch.paging.pool_pages, POOL / 2);
	ck_assert_int_eq(shadow_pool_resize(d, 1), -EBUSY); /* the log itself needs more */
	ck_assert_int_eq(shadow_pool_resize(d, HOST_PAGES), -ENOMEM);
	ck_assert_int_eq(do_read(true, bits, 64), 0);
	ck_assert(is_set(5));
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("all");
	const TTest *const tests[] = { clean_and_peek, short_bitmap, no_bitmap, frames, refused, bad_buffer,
		interrupted, incomplete, pool };

	tcase_add_checked_fixture(tc, setup, teardown);
	for (unsigned int i = 0; i < ARRAY_SIZE(tests); i++)
		tcase_add_test(tc, tests[i]);
	return run_suite("log of changed pages", tc);
}
