/* sources: xen/common/rangeset.c xen/common/xmalloc.c xen/common/page_alloc.c xen/common/domheap.c xen/common/boot_alloc.c xen/common/page_list.c tests/unit/stubs_core.c */
/* Range sets: the ends of the number line, merging and cutting, and random changes against a bitmap. */
#include <check.h>
#include "stubs_core.h"
#include "suite.h"

static struct rangeset *r;

static void setup(void)
{
	host_memory_init(4096);
	r = rangeset_new("test set");
	ck_assert_ptr_nonnull(r);
}

/* The set as text. */
static const char *text(void)
{
	host_console[0] = 0;
	rangeset_printk(r);
	return host_console;
}

START_TEST(merging_and_cutting)
{
	ck_assert_str_eq(text(), "test set   { }");
	rangeset_add_range(r, 10, 19);
	rangeset_add_range(r, 30, 39);
	ck_assert_str_eq(text(), "test set   { a-13 1e-27 }");
	rangeset_add_range(r, 20, 29);
	ck_assert_str_eq(text(), "test set   { a-27 }");
	rangeset_remove_range(r, 15, 15);
	rangeset_remove_range(r, 0, 10);
	rangeset_remove_range(r, 39, 100);
	ck_assert_str_eq(text(), "test set   { b-e 10-26 }");
	rangeset_remove_range(r, 12, 37);
	ck_assert_str_eq(text(), "test set   { b 26 }");
	rangeset_add_range(r, 0, ~0UL);
	ck_assert_str_eq(text(), "test set   { 0-ffffffffffffffff }");
}
END_TEST

START_TEST(ends_of_the_line)
{
	rangeset_add_range(r, ~0UL, ~0UL);
	rangeset_add_range(r, 0, 0);
	ck_assert_str_eq(text(), "test set   { 0 ffffffffffffffff }");
	ck_assert(rangeset_contains_range(r, ~0UL, ~0UL));
	ck_assert(!rangeset_contains_range(r, ~0UL - 1, ~0UL));
	ck_assert(rangeset_overlaps_range(r, 1, ~0UL));
	ck_assert(!rangeset_overlaps_range(r, 1, ~0UL - 1));
	rangeset_add_range(r, 1, ~0UL - 1);
	ck_assert_str_eq(text(), "test set   { 0-ffffffffffffffff }");
	rangeset_remove_range(r, 0, ~0UL);
	ck_assert_str_eq(text(), "test set   { }");
	ck_assert_int_eq(rangeset_add_range(r, 2, 1), -EINVAL);
	ck_assert_int_eq(rangeset_remove_range(r, 2, 1), -EINVAL);
	ck_assert(!rangeset_contains_range(r, 2, 1));
	ck_assert(!rangeset_overlaps_range(r, 2, 1));
}
END_TEST

static int stop_at_second(unsigned long s, unsigned long e, void *ctx)
{
	unsigned int *calls = ctx;

	ck_assert_uint_eq(host_locks_held, 0);
	return ++*calls == 2 ? -EBUSY : 0;
}

static int remove_it(unsigned long s, unsigned long e, void *ctx)
{
	return rangeset_remove_range(r, s, e);
}

START_TEST(reporting)
{
	unsigned int calls = 0;

	for (unsigned long i = 0; i < 100; i += 10)
		rangeset_add_range(r, i, i + 4);
	ck_assert_int_eq(rangeset_report_ranges(r, 0, 100, stop_at_second, &calls), -EBUSY);
	ck_assert_uint_eq(calls, 2);
	calls = 10;
	/* Cut to 12-14, 20-24, 30. */
	ck_assert_int_eq(rangeset_report_ranges(r, 12, 30, stop_at_second, &calls), 0);
	ck_assert_uint_eq(calls, 13);
	ck_assert_int_eq(rangeset_report_ranges(r, 12, 30, remove_it, NULL), 0);
	ck_assert(rangeset_contains_range(r, 10, 11) && rangeset_contains_range(r, 31, 34));
	ck_assert(!rangeset_overlaps_range(r, 12, 30));
}
END_TEST

START_TEST(no_memory)
{
	unsigned long n = 0;
	int rc;

	while (xmalloc_bytes(PAGE_SIZE, 0))
		;
	while (xmalloc_bytes(16, 0))
		;
	while (!(rc = rangeset_add_range(r, n * 2, n * 2)))
		ck_assert_uint_lt(++n, 10000);
	ck_assert_int_eq(rc, -ENOMEM);
	ck_assert(!n || rangeset_contains_range(r, n * 2 - 2, n * 2 - 2));
	ck_assert(!rangeset_overlaps_range(r, n * 2 - 1, ~0UL));
	ck_assert_uint_eq(host_locks_held, 0);
}
END_TEST

START_TEST(memory_comes_back)
{
	unsigned long before;

	rangeset_destroy(r);
	before = free_heap_pages_count();
	r = rangeset_new("big");
	for (unsigned long i = 0; i < 5000; i++)
		ck_assert_int_eq(rangeset_add_range(r, i * 2, i * 2), 0);
	ck_assert_uint_lt(free_heap_pages_count(), before);
	rangeset_destroy(r);
	rangeset_destroy(NULL);
	ck_assert_uint_ge(free_heap_pages_count() + 8, before); /* a page per size may stay */
}
END_TEST

static int count_up(unsigned long s, unsigned long e, void *ctx)
{
	unsigned int *nr = ctx;

	++*nr;
	return 0;
}

START_TEST(random_against_a_bitmap)
{
	static bool bit[600];

	srand(_i);
	for (int step = 0; step < 4000; step++) {
		unsigned long s = rand() % 600, e = min(s + rand() % (step % 3 ? 4 : 60), 599UL);
		unsigned int runs = 0, nr = 0;
		bool add = rand() % 2, all = true, some = false;

		ck_assert_int_eq(
			add ? rangeset_add_range(r, s, e) : rangeset_remove_range(r, s, e), 0);
		memset(bit + s, add, e - s + 1);
		s = rand() % 600;
		e = min(s + rand() % 20, 599UL);
		for (unsigned long i = s; i <= e; i++) {
			all &= bit[i];
			some |= bit[i];
		}
		ck_assert_int_eq(rangeset_contains_range(r, s, e), all);
		ck_assert_int_eq(rangeset_overlaps_range(r, s, e), some);
		for (unsigned int i = 0; i < 600; i++)
			runs += bit[i] && (!i || !bit[i - 1]);
		rangeset_report_ranges(r, 0, ~0UL, count_up, &nr);
		ck_assert_uint_eq(nr, runs);
	}
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("rangeset");

	tcase_add_checked_fixture(c, setup, NULL);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, merging_and_cutting);
	tcase_add_test(c, ends_of_the_line);
	tcase_add_test(c, reporting);
	tcase_add_test(c, no_memory);
	tcase_add_test(c, memory_comes_back);
	tcase_add_loop_test(c, random_against_a_bitmap, 0, 3);
	return run_suite("rangeset", c);
}
