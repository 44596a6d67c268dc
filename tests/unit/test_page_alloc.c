/* sources: xen/common/page_alloc.c xen/common/domheap.c xen/common/boot_alloc.c xen/common/page_list.c tests/unit/stubs_core.c */
/* The page allocator: zones, blocks, caches, owners, claims, and that nobody sees old data. */
#include <check.h>
#include <signal.h>
#include "stubs_core.h"
#include "suite.h"

static unsigned long mfn_of(const struct page_info *pg)
{
	return pg - frame_table;
}

static struct page_info *alloc(unsigned int order, unsigned int flags)
{
	struct page_info *pg = alloc_domheap_pages(NULL, order, flags);

	if (pg) {
		ck_assert_uint_eq(mfn_of(pg) & ((1UL << order) - 1), 0);
		ck_assert_uint_lt(mfn_of(pg) + (1UL << order) - 1, max_page);
		for (unsigned long i = 0; i < 1UL << order; i++)
			ck_assert(!pg[i].count_info && !pg[i].type_info && !pg[i].owner);
	}
	return pg;
}

static bool contents_are(const struct page_info *pg, unsigned int order, unsigned char byte)
{
	const unsigned char *p = page_to_virt(pg);

	return p[0] == byte && !memcmp(p, p + 1, (PAGE_SIZE << order) - 1);
}

static void fill(struct page_info *pg, unsigned int order, unsigned char byte)
{
	memset(page_to_virt(pg), byte, PAGE_SIZE << order);
}

/* --- Blocks and zones ------------------------------------------------------------------------- */

START_TEST(high_zones_go_first)
{
	host_memory_init(4096);
	/* 4096 frames: zone 12 is [2048, 4096); the cache must not mix lower frames in. */
	for (int i = 0; i < 2048; i++)
		ck_assert_uint_ge(mfn_of(alloc(0, 0)), 2048);
	for (int i = 0; i < 1024; i++) {
		unsigned long mfn = mfn_of(alloc(0, 0));

		ck_assert(mfn >= 1024 && mfn < 2048);
	}
}
END_TEST

START_TEST(caches_do_not_waste_low_pages)
{
	struct page_info *low;

	host_memory_init(4096);
	low = alloc(0, MEMF_bits(20));
	free_domheap_page(alloc(0, 0));
	free_domheap_page(low);
	for (int i = 0; i < 100; i++)
		ck_assert_uint_ge(mfn_of(alloc(0, 0)), 2048);
}
END_TEST

START_TEST(addresses_can_be_narrow)
{
	host_memory_init(4096);
	/* 20 bits: 1 MiB, frames below 256, of which 16 are not free. */
	ck_assert_uint_eq(avail_domheap_pages(20), 240);
	for (int i = 0; i < 240; i++) {
		struct page_info *pg = alloc(0, MEMF_bits(20));

		ck_assert_ptr_nonnull(pg);
		ck_assert_uint_lt(mfn_of(pg), 256);
	}
	ck_assert_ptr_null(alloc(0, MEMF_bits(20)));
	ck_assert_uint_eq(avail_domheap_pages(20), 0);
	ck_assert_uint_eq(avail_domheap_pages(21), 256);
	ck_assert_uint_eq(mfn_of(alloc(8, MEMF_bits(21))), 256);
	ck_assert_ptr_null(alloc(0, MEMF_bits(12)));
	ck_assert_ptr_null(alloc(0, MEMF_bits(1)));
	ck_assert_ptr_nonnull(alloc(0, MEMF_bits(64)));
}
END_TEST

START_TEST(large_blocks_by_width)
{
	host_memory_init(HOST_PAGES);
	/* 2^17 frames in the highest zone, as one block. */
	ck_assert_uint_eq(mfn_of(alloc(17, 0)), 1UL << 17);
	ck_assert_ptr_null(alloc(17, 0));
	ck_assert_uint_eq(mfn_of(alloc(16, 0)), 1UL << 16);
	ck_assert_ptr_null(alloc(21, 0));
	ck_assert_ptr_null(alloc(~0u, 0));
	ck_assert_uint_eq(mfn_of(alloc(6, MEMF_bits(24))), 1UL << 11);
}
END_TEST

START_TEST(freed_blocks_merge)
{
	struct page_info *pg[2048];
	unsigned long before;

	host_memory_init(4096);
	before = free_heap_pages_count();
	ck_assert_uint_eq(before, 4080);
	for (int i = 0; i < 2048; i++)
		pg[i] = alloc(0, MEMF_no_scrub);
	ck_assert_uint_eq(free_heap_pages_count(), before - 2048);
	ck_assert_ptr_null(alloc(11, 0));
	/* In an order that has nothing to do with addresses: 5 is prime to 2048. */
	for (int i = 0; i < 2048; i++)
		free_domheap_page(pg[i * 5 % 2048]);
	ck_assert_uint_eq(free_heap_pages_count(), before);
	ck_assert_ptr_nonnull(alloc(11, 0));
	ck_assert_uint_eq(free_heap_pages_count(), before - 2048);
}
END_TEST

START_TEST(clean_and_dirty_merge_when_needed)
{
	struct page_info *pg;

	host_memory_init(4096);
	while (scrub_free_pages())
		;
	pg = alloc(5, 0);
	fill(pg, 5, 0x77);
	free_domheap_pages(pg, 5);
	/* Dirty inside a clean zone: the whole zone can be had all the same, scrubbed. */
	pg = alloc(11, 0);
	ck_assert_ptr_nonnull(pg);
	ck_assert(contents_are(pg, 11, 0));
}
END_TEST

START_TEST(exhaustion_takes_every_page)
{
	unsigned int n = 0;

	host_set_cpus(4);
	host_memory_init(1024);
	/* Leave pages in each CPU's cache, then let one CPU take all. */
	for (unsigned int cpu = 0; cpu < 4; cpu++) {
		host_cpu_info.processor_id = cpu;
		free_domheap_page(alloc(0, 0));
	}
	ck_assert_uint_eq(free_heap_pages_count(), 1008);
	ck_assert_uint_eq(avail_domheap_pages(0), 1008);
	while (alloc(0, 0))
		n++;
	ck_assert_uint_eq(n, 1008);
	ck_assert_uint_eq(free_heap_pages_count(), 0);
}
END_TEST

START_TEST(caches_do_not_keep_blocks_apart)
{
	host_set_cpus(2);
	host_memory_init(4096);
	for (unsigned int cpu = 0; cpu < 2; cpu++) {
		host_cpu_info.processor_id = cpu;
		free_domheap_page(alloc(0, 0));
	}
	ck_assert_ptr_nonnull(alloc(11, 0));
}
END_TEST

START_TEST(cache_passes_pages_between_cpus)
{
	struct page_info *pg[200];

	host_set_cpus(2);
	host_memory_init(4096);
	for (int round = 0; round < 50; round++) {
		host_cpu_info.processor_id = 0;
		for (int i = 0; i < 200; i++)
			pg[i] = alloc(0, 0);
		host_cpu_info.processor_id = 1;
		for (int i = 0; i < 200; i++)
			free_domheap_page(pg[i]);
		ck_assert_uint_eq(free_heap_pages_count(), 4080);
	}
}
END_TEST

/* --- Boot ------------------------------------------------------------------------------------- */

START_TEST(bad_pages_are_never_handed_out)
{
	bool seen[1024] = { false };
	struct page_info *pg;
	unsigned int n = 0;

	ck_assert_int_eq(host_set_param("badpage", "0x20,1ff-204,40,3f,3e-41"), 0);
	host_memory_init(1024);
	ck_assert_uint_eq(free_heap_pages_count(), 1008 - 1 - 6 - 4);
	while ((pg = alloc(0, 0))) {
		seen[mfn_of(pg)] = true;
		n++;
	}
	ck_assert_uint_eq(n, 1008 - 1 - 6 - 4);
	ck_assert(!seen[0x20] && !seen[0x1ff] && !seen[0x204] && !seen[0x3e] && !seen[0x41]);
	ck_assert(
		seen[0x1f] && seen[0x21] && seen[0x1fe] && seen[0x205] && seen[0x3d] && seen[0x42]);
}
END_TEST

START_TEST(bad_page_lists_are_checked)
{
	ck_assert_int_eq(host_set_param("badpage", ""), -EINVAL);
	ck_assert_int_eq(host_set_param("badpage", "x"), -EINVAL);
	ck_assert_int_eq(host_set_param("badpage", "5-"), -EINVAL);
	ck_assert_int_eq(host_set_param("badpage", "5-4"), -EINVAL);
	ck_assert_int_eq(host_set_param("badpage", "5,"), -EINVAL);
	ck_assert_int_eq(host_set_param("badpage", "5 6"), -EINVAL);
	ck_assert_int_eq(host_set_param("badpage", "0-ffffffffffffffff"), 0);
	host_memory_init(1024);
	ck_assert_uint_eq(free_heap_pages_count(), 0);
}
END_TEST

START_TEST(boot_memory)
{
	void *a, *b, *c;

	host_set_cpus(1);
	max_page = 4096;
	ck_assert_int_eq(host_set_param("badpage", "7ff"), 0);
	boot_alloc_add_range(0x10001, 0x80fff);    /* frames 0x11 to 0x7f */
	boot_alloc_add_range(0x400000, 0x1000000); /* 0x400 to 0xfff */
	a = boot_alloc(100, 16);
	b = boot_alloc(PAGE_SIZE, PAGE_SIZE);
	c = boot_alloc(0x200000, 0x200000);
	ck_assert_uint_ge(virt_to_maddr(a), 0xfff000);
	ck_assert_uint_eq(virt_to_maddr(b), 0xffe000);
	ck_assert_uint_eq(virt_to_maddr(c), 0xc00000);
	/* The tail that alignment skipped is used, not lost. */
	ck_assert_uint_eq(virt_to_maddr(boot_alloc(PAGE_SIZE, PAGE_SIZE)), 0xffd000);
	boot_alloc_remaining();
	ck_assert_uint_eq(
		free_heap_pages_count(), (0x80 - 0x11) + (0x1000 - 0x400) - 1 - 0x200 - 1 - 1 - 1);
	/* Found in no block: */
	for (struct page_info *pg; (pg = alloc(0, 0));)
		ck_assert(mfn_of(pg) != 0x7ff && mfn_of(pg) < 0xffd &&
			(mfn_of(pg) < 0xc00 || mfn_of(pg) >= 0xe00));
}
END_TEST

START_TEST(boot_memory_runs_out)
{
	boot_alloc_add_range(0x10000, 0x20000);
	boot_alloc(0x10001, 1);
}
END_TEST

/* --- Owners ----------------------------------------------------------------------------------- */

START_TEST(domains_are_charged)
{
	struct page_info *a, *b;
	struct domain *d;

	host_memory_init(1024);
	d = host_domain(1, 10);
	a = alloc_domheap_pages(d, 3, 0);
	ck_assert_ptr_nonnull(a);
	ck_assert_uint_eq(d->tot_pages, 8);
	ck_assert_int_eq(d->refcnt, 2);
	ck_assert_uint_eq(host_list_length(&d->page_list), 8);
	for (int i = 0; i < 8; i++) {
		ck_assert(page_get_owner(&a[i]) == d);
		ck_assert_uint_eq(a[i].count_info, PGC_allocated | 1);
	}
	ck_assert_ptr_null(alloc_domheap_pages(d, 2, 0));
	b = alloc_domheap_pages(d, 1, 0);
	ck_assert_ptr_nonnull(b);
	ck_assert_ptr_null(alloc_domheap_pages(d, 0, 0));
	ck_assert_uint_eq(free_heap_pages_count(), 1008 - 10);
	for (int i = 0; i < 10; i++) {
		struct page_info *pg = i < 8 ? &a[i] : &b[i - 8];

		pg->count_info &= ~PGC_allocated;
		put_page(pg);
	}
	ck_assert_uint_eq(d->tot_pages, 0);
	ck_assert_uint_eq(host_list_length(&d->page_list), 0);
	ck_assert_int_eq(d->refcnt, 1);
	ck_assert_uint_eq(free_heap_pages_count(), 1008);
	ck_assert_uint_eq(host_destroyed, 0);
}
END_TEST

START_TEST(pages_outlive_the_domain)
{
	struct page_info *pg;
	struct domain *d;

	host_memory_init(1024);
	d = host_domain(1, 10);
	pg = alloc_domheap_page(d, 0);
	put_domain(d);
	ck_assert_uint_eq(host_destroyed, 0);
	pg->count_info &= ~PGC_allocated;
	put_page(pg);
	ck_assert_uint_eq(host_destroyed, 1);
}
END_TEST

START_TEST(assignment)
{
	struct page_info *pg;
	struct domain *d;

	host_memory_init(1024);
	d = host_domain(1, 6);
	pg = alloc_domheap_pages(d, 3, MEMF_no_owner);
	ck_assert_ptr_nonnull(pg);
	ck_assert(!page_get_owner(pg) && !d->tot_pages);
	ck_assert_int_eq(assign_pages(pg, 8, d, 0), -E2BIG);
	ck_assert_int_eq(assign_pages(pg, 5, d, 0), 0);
	ck_assert_uint_eq(d->tot_pages, 5);
	ck_assert_int_eq(assign_pages(pg + 5, 2, d, 0), -E2BIG);
	ck_assert_int_eq(assign_pages(pg + 5, 2, d, MEMF_no_refcount), 0);
	ck_assert_uint_eq(d->tot_pages, 5);
	ck_assert_uint_eq(host_list_length(&d->page_list), 7);
	/* A toolstack may lower the limit below what is in use. */
	d->max_pages = 2;
	ck_assert_int_eq(assign_pages(pg + 7, 1, d, 0), -E2BIG);
	d->max_pages = 20;
	d->is_dying = DOMDYING_dying;
	ck_assert_int_eq(assign_pages(pg + 7, 1, d, 0), -EINVAL);
	ck_assert_ptr_null(alloc_domheap_page(d, 0));
	ck_assert_uint_eq(free_heap_pages_count(), 1000);
}
END_TEST

START_TEST(detaching)
{
	struct page_info *pg;
	struct domain *d, *other;

	host_memory_init(1024);
	d = host_domain(1, 6);
	other = host_domain(2, 6);
	pg = alloc_domheap_page(d, 0);
	pg->type_info = PGT_writable | PGT_validated;
	ck_assert(get_page(pg, d));
	ck_assert_int_eq(detach_page(pg, other), -EINVAL);
	ck_assert(get_page(pg, d));
	ck_assert_int_eq(detach_page(pg, d), -EBUSY);
	ck_assert_uint_eq(pg->count_info, PGC_allocated | 3);
	put_page(pg);
	ck_assert_int_eq(detach_page(pg, d), 0);
	ck_assert(!get_page(pg, d) && !page_get_owner(pg));
	ck_assert_uint_eq(pg->type_info, PGT_writable | PGT_validated);
	ck_assert_uint_eq(host_list_length(&d->page_list), 0);
	ck_assert_uint_eq(d->tot_pages, 1);
	ck_assert_int_eq(assign_pages(pg, 1, d, MEMF_no_refcount), 0);
	ck_assert_uint_eq(d->tot_pages, 1);
	ck_assert_uint_eq(host_list_length(&d->page_list), 1);
}
END_TEST

/* As when the hypervisor shows a domain one of its pages. */
static struct page_info *share(struct domain *d)
{
	struct page_info *pg = virt_to_page(alloc_xenheap_page());

	ck_assert_uint_eq(pg->count_info, PGC_xen_heap);
	page_set_owner(pg, d);
	page_list_add_tail(pg, &d->xenpage_list);
	d->xenheap_pages++;
	pg->count_info |= PGC_allocated | 1;
	return pg;
}

START_TEST(shared_hypervisor_pages)
{
	struct page_info *a, *b;
	struct domain *d;

	host_memory_init(1024);
	d = host_domain(1, 0);
	a = share(d);
	b = share(d);
	ck_assert_uint_eq(host_list_length(&d->xenpage_list), 2);
	/* Its last reference takes it from its owner; the memory is still ours. */
	a->count_info &= ~PGC_allocated;
	put_page(a);
	ck_assert(!page_get_owner(a) && d->xenheap_pages == 1);
	ck_assert_uint_eq(free_heap_pages_count(), 1006);
	free_xenheap_page(page_to_virt(a));
	ck_assert_uint_eq(free_heap_pages_count(), 1007);
	/* Freed while the domain had it. */
	free_xenheap_page(page_to_virt(b));
	ck_assert_uint_eq(free_heap_pages_count(), 1008);
	ck_assert_uint_eq(host_list_length(&d->xenpage_list), 0);
	ck_assert(!d->xenheap_pages && d->refcnt == 1);
	free_xenheap_page(NULL);
}
END_TEST

START_TEST(shared_pages_wait_for_their_users)
{
	struct page_info *pg;
	struct domain *d;

	host_memory_init(1024);
	d = host_domain(1, 0);
	pg = share(d);
	ck_assert(get_page(pg, d)); /* another domain maps it */
	free_xenheap_page(page_to_virt(pg));
	ck_assert_uint_eq(free_heap_pages_count(), 1007);
	ck_assert(!page_get_owner(pg) && !d->xenheap_pages && !get_page(pg, d));
	while (alloc(0, 0))
		;
	put_page(pg);
	ck_assert_uint_eq(free_heap_pages_count(), 1);
	ck_assert_ptr_eq(alloc(0, 0), pg);
}
END_TEST

/* --- Claims ----------------------------------------------------------------------------------- */

START_TEST(claims_keep_memory_free)
{
	struct domain *d, *other;
	unsigned int n = 0;

	host_memory_init(1024);
	d = host_domain(1, 900);
	other = host_domain(2, 1000);
	ck_assert_ptr_nonnull(alloc_domheap_page(d, 0));
	ck_assert_int_eq(domain_set_outstanding_pages(d, 1), -EINVAL);
	ck_assert_int_eq(domain_set_outstanding_pages(d, 901), -EINVAL);
	ck_assert_int_eq(domain_set_outstanding_pages(d, ~0UL), -EINVAL);
	ck_assert_int_eq(domain_set_outstanding_pages(d, 701), 0);
	ck_assert_uint_eq(d->outstanding_pages, 700);
	ck_assert_int_eq(domain_set_outstanding_pages(d, 702), -EINVAL);
	ck_assert_int_eq(domain_set_outstanding_pages(other, 400), -ENOMEM);
	while (alloc_domheap_page(other, 0))
		n++;
	ck_assert_uint_eq(n, 307);
	ck_assert_ptr_null(alloc_xenheap_page());
	for (int i = 0; i < 700; i++)
		ck_assert_ptr_nonnull(alloc_domheap_page(d, 0));
	ck_assert_uint_eq(d->outstanding_pages, 0);
	ck_assert_ptr_null(alloc_domheap_page(d, 0));
}
END_TEST

START_TEST(claims_end)
{
	struct domain *d, *other;

	host_memory_init(1024);
	d = host_domain(1, 1000);
	other = host_domain(2, 1000);
	ck_assert_int_eq(domain_set_outstanding_pages(d, 1000), 0);
	ck_assert_ptr_null(alloc_domheap_pages(other, 6, 0));
	ck_assert_int_eq(domain_set_outstanding_pages(d, 0), 0);
	ck_assert_ptr_nonnull(alloc_domheap_pages(other, 6, 0));
}
END_TEST

/* --- Old data --------------------------------------------------------------------------------- */

START_TEST(nobody_sees_old_data)
{
	struct domain *a, *b;
	struct page_info *pg;

	host_memory_init(1024);
	a = host_domain(1, 2000);
	b = host_domain(2, 2000);
	while ((pg = alloc_domheap_page(a, 0)))
		fill(pg, 0, 0x5e);
	while ((pg = page_list_first(&a->page_list))) {
		pg->count_info &= ~PGC_allocated;
		put_page(pg);
	}
	/* Half are scrubbed by an idle CPU, the rest when they are handed out. */
	for (int i = 0; i < 120; i++)
		ck_assert(scrub_free_pages());
	for (int i = 0; i < 1008; i++) {
		pg = alloc_domheap_page(b, 0);
		ck_assert_ptr_nonnull(pg);
		ck_assert(contents_are(pg, 0, 0));
	}
}
END_TEST

START_TEST(scrubbing_is_lazy_and_ends)
{
	struct page_info *pg;
	unsigned int calls = 0;

	host_memory_init(1024);
	memset(host_ram + (16 << PAGE_SHIFT), 0x33, 1008 << PAGE_SHIFT);
	pg = alloc(0, MEMF_no_scrub);
	ck_assert(contents_are(pg, 0, 0x33));
	ck_assert(contents_are(alloc(0, 0), 0, 0));
	while (scrub_free_pages())
		ck_assert_uint_lt(++calls, 1008);
	ck_assert_uint_gt(calls, 0);
	ck_assert(!scrub_free_pages());
	/* What a cache kept back is still scrubbed for its next owner. */
	for (int i = 0; i < 1006; i++)
		ck_assert(contents_are(alloc(0, 0), 0, 0));
}
END_TEST

START_TEST(bootscrub_off)
{
	ck_assert_int_eq(host_set_param("bootscrub", "maybe"), -EINVAL);
	ck_assert_int_eq(host_set_param("bootscrub", "idle"), 0);
	ck_assert_int_eq(host_set_param("bootscrub", "off"), 0);
	memset(host_ram, 0x33, 1024 << PAGE_SHIFT);
	host_memory_init(1024);
	ck_assert(!scrub_free_pages());
	ck_assert(contents_are(alloc(0, 0), 0, 0x33));
	ck_assert(contents_are(alloc(4, MEMF_zero), 4, 0));
}
END_TEST

START_TEST(hypervisor_pages_are_scrubbed_for_guests)
{
	void *v;

	host_memory_init(1024);
	while (scrub_free_pages())
		;
	v = alloc_xenheap_pages(2, 0);
	memset(v, 0x99, PAGE_SIZE << 2);
	free_xenheap_pages(v, 2);
	for (int i = 0; i < 1008; i++)
		ck_assert(contents_are(alloc(0, 0), 0, 0));
}
END_TEST

START_TEST(tlbs_forget_before_reuse)
{
	struct page_info *pg;
	unsigned int flushes;

	host_set_cpus(3);
	host_memory_init(1024);
	while (scrub_free_pages())
		;
	pg = alloc(3, 0);
	flushes = host_flushes;
	ck_assert_ptr_nonnull(alloc(0, 0)); /* clean: nothing to flush */
	ck_assert_uint_eq(host_flushes, flushes);
	free_domheap_pages(pg, 3);
	host_cpus_flushed = 0;
	while (alloc(0, MEMF_no_scrub))
		;
	/* One flush covers all frames freed before it. */
	ck_assert_uint_eq(host_flushes, flushes + 1);
	ck_assert_uint_eq(host_cpus_flushed, 3);
}
END_TEST

START_TEST(idle_scrubbing_flushes_first)
{
	struct page_info *pg;
	unsigned int flushes;

	host_memory_init(1024);
	while (scrub_free_pages())
		;
	pg = alloc(2, 0);
	free_domheap_pages(pg, 2);
	flushes = host_flushes;
	scrub_free_pages();
	ck_assert_uint_eq(host_flushes, flushes + 1);
}
END_TEST

/* --- All together ----------------------------------------------------------------------------- */

/* Random allocations of random widths and sizes never overlap, and all comes together again. */
START_TEST(random_against_a_model)
{
	static struct {
		struct page_info *pg;
		unsigned int order;
	} live[1500];
	static unsigned char used[8192];
	unsigned long nr = 0, pages = 0, total;

	srand(_i);
	host_set_cpus(3);
	host_memory_init(8192);
	total = free_heap_pages_count();
	for (int step = 0; step < 5000; step++) {
		host_cpu_info.processor_id = rand() % 3;
		if (rand() % 16 == 0)
			scrub_free_pages();
		if (nr < ARRAY_SIZE(live) && rand() % 100 < 52) {
			unsigned int order = rand() % 2 ? 0 : rand() % 8;
			unsigned int bits = rand() % 4 ? 0 : 18 + rand() % 8;
			struct page_info *pg = alloc(order, MEMF_bits(bits));

			if (!pg)
				continue;
			ck_assert(!bits ||
				(mfn_of(pg) + (1UL << order)) << PAGE_SHIFT <= 1UL << bits);
			ck_assert(contents_are(pg, order, 0));
			for (unsigned long i = 0; i < 1UL << order; i++) {
				ck_assert(!used[mfn_of(pg) + i]);
				used[mfn_of(pg) + i] = 1;
			}
			fill(pg, order, 0xee);
			live[nr].pg = pg;
			live[nr++].order = order;
			pages += 1UL << order;
		} else if (nr) {
			unsigned long i = rand() % nr;

			memset(&used[mfn_of(live[i].pg)], 0, 1UL << live[i].order);
			pages -= 1UL << live[i].order;
			free_domheap_pages(live[i].pg, live[i].order);
			live[i] = live[--nr];
		}
		ck_assert_uint_eq(free_heap_pages_count(), total - pages);
	}
	while (nr--)
		free_domheap_pages(live[nr].pg, live[nr].order);
	ck_assert_ptr_nonnull(alloc(12, 0));
	ck_assert_uint_eq(host_locks_held, 0);
}
END_TEST

START_TEST(debug_keys)
{
	host_memory_init(1024);
	page_alloc_init_keys();
	free_domheap_page(alloc(0, 0));
	ck_assert(host_press_key('m'));
	ck_assert_ptr_nonnull(strstr(host_console, "4032 KiB free"));
	ck_assert(host_press_key('H'));
	ck_assert_ptr_nonnull(strstr(host_console, "Zone of 21 bits: 256 pages"));
	ck_assert_ptr_nonnull(strstr(host_console, "order  8: 1 blocks, 1 dirty"));
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("page_alloc");

	tcase_set_timeout(c, 60);
	tcase_add_test(c, high_zones_go_first);
	tcase_add_test(c, caches_do_not_waste_low_pages);
	tcase_add_test(c, addresses_can_be_narrow);
	tcase_add_test(c, large_blocks_by_width);
	tcase_add_test(c, freed_blocks_merge);
	tcase_add_test(c, clean_and_dirty_merge_when_needed);
	tcase_add_test(c, exhaustion_takes_every_page);
	tcase_add_test(c, caches_do_not_keep_blocks_apart);
	tcase_add_test(c, cache_passes_pages_between_cpus);
	tcase_add_test(c, bad_pages_are_never_handed_out);
	tcase_add_test(c, bad_page_lists_are_checked);
	tcase_add_test(c, boot_memory);
	tcase_add_test_raise_signal(c, boot_memory_runs_out, SIGABRT);
	tcase_add_test(c, domains_are_charged);
	tcase_add_test(c, pages_outlive_the_domain);
	tcase_add_test(c, assignment);
	tcase_add_test(c, detaching);
	tcase_add_test(c, shared_hypervisor_pages);
	tcase_add_test(c, shared_pages_wait_for_their_users);
	tcase_add_test(c, claims_keep_memory_free);
	tcase_add_test(c, claims_end);
	tcase_add_test(c, nobody_sees_old_data);
	tcase_add_test(c, scrubbing_is_lazy_and_ends);
	tcase_add_test(c, bootscrub_off);
	tcase_add_test(c, hypervisor_pages_are_scrubbed_for_guests);
	tcase_add_test(c, tlbs_forget_before_reuse);
	tcase_add_test(c, idle_scrubbing_flushes_first);
	tcase_add_loop_test(c, random_against_a_model, 0, 4);
	tcase_add_test(c, debug_keys);
	return run_suite("page_alloc", c);
}
