/* sources: xen/common/xmalloc.c xen/common/page_alloc.c xen/common/domheap.c xen/common/boot_alloc.c xen/common/page_list.c tests/unit/stubs_core.c */
/* Small objects: sizes, alignment, that they do not overlap, that memory comes back, that misuse is noticed. */
#include <check.h>
#include <signal.h>
#include "stubs_core.h"
#include "suite.h"

static void setup(void)
{
	host_memory_init(4096);
}

static bool filled(const void *p, size_t n, unsigned char byte)
{
	for (size_t i = 0; i < n; i++)
		if (((const unsigned char *)p)[i] != byte)
			return false;
	return true;
}

START_TEST(alignment)
{
	for (size_t size = 0; size < 20000; size = size * 5 / 3 + 1)
		for (size_t align = 1; align <= 0x10000; align *= 2) {
			void *p = xmalloc_bytes(size, align);

			ck_assert_ptr_nonnull(p);
			ck_assert_uint_eq(virt_to_maddr(p) & (max(align, (size_t)16) - 1), 0);
			memset(p, 0x11, size);
			xfree(p);
		}
	ck_assert_uint_eq(virt_to_maddr(xmalloc_bytes(1, 0)) & 15, 0);
	xfree(NULL);
}
END_TEST

START_TEST(cleared)
{
	for (int round = 0; round < 3; round++)
		for (size_t size = 1; size < 10000; size = size * 2 + 1) {
			unsigned char *p = xzalloc_bytes(size, 0);

			ck_assert(filled(p, size, 0));
			memset(p, 0xff, size);
			xfree(p);
		}
}
END_TEST

START_TEST(arrays_do_not_overflow)
{
	u64 *p = xzalloc_array(u64, 512);

	ck_assert(filled(p, 4096, 0));
	xfree(p);
	ck_assert_ptr_null(xmalloc_array(u64, ~0UL / 8 + 2));
	ck_assert_ptr_null(xzalloc_array(u64, 1UL << 61));
	ck_assert_ptr_null(xmalloc_bytes(~0UL, 0));
	ck_assert_ptr_null(xmalloc_bytes(~0UL - 4095, 0));
	ck_assert_ptr_null(xmalloc_bytes(1UL << 40, 0));
}
END_TEST

START_TEST(memory_comes_back)
{
	unsigned long before = free_heap_pages_count();
	static void *p[3000];

	for (int i = 0; i < 3000; i++)
		p[i] = xmalloc_bytes(64, 0);
	ck_assert_uint_eq(before - free_heap_pages_count(), DIV_ROUND_UP(3000, 64));
	for (int i = 0; i < 3000; i++)
		xfree(p[i * 7 % 3000]);
	/* One page stays, for the next. */
	ck_assert_uint_ge(free_heap_pages_count() + 1, before);
	/* Odd sizes take no more pages than they need. */
	before = free_heap_pages_count();
	p[0] = xmalloc_bytes(5 * PAGE_SIZE + 1, 0);
	ck_assert_uint_eq(before - free_heap_pages_count(), 6);
	xfree(p[0]);
	ck_assert_uint_eq(free_heap_pages_count(), before);
}
END_TEST

START_TEST(no_memory)
{
	unsigned int n = 0;

	while (xmalloc_bytes(2048, 0))
		n++;
	ck_assert_uint_eq(n, 4080 * 2);
	ck_assert_ptr_null(xmalloc_bytes(16, 0));
	ck_assert_ptr_null(xmalloc_bytes(PAGE_SIZE, 0));
}
END_TEST

START_TEST(random_sizes)
{
	static struct {
		unsigned char *p;
		size_t size;
		unsigned char byte;
	} live[800];
	unsigned int nr = 0;

	srand(_i);
	for (int step = 0; step < 20000; step++) {
		if (nr < ARRAY_SIZE(live) && rand() % 2) {
			size_t size = rand() % 8 ? rand() % 300 : rand() % 20000;

			live[nr].p = xmalloc_bytes(size, 0);
			if (!live[nr].p)
				continue;
			live[nr].size = size;
			live[nr].byte = rand();
			memset(live[nr].p, live[nr].byte, size);
			nr++;
		} else if (nr) {
			unsigned int i = rand() % nr;

			ck_assert(filled(live[i].p, live[i].size, live[i].byte));
			xfree(live[i].p);
			live[i] = live[--nr];
		}
	}
	ck_assert_uint_eq(host_locks_held, 0);
}
END_TEST

START_TEST(double_free)
{
	void *keep = xmalloc_bytes(100, 0), *p = xmalloc_bytes(100, 0);

	xfree(p);
	xfree(p);
	xfree(keep);
}
END_TEST

START_TEST(double_free_large)
{
	void *p = xmalloc_bytes(9000, 0);

	xfree(p);
	xfree(p);
}
END_TEST

START_TEST(free_inside)
{
	xfree((char *)xmalloc_bytes(100, 0) + 16);
}
END_TEST

START_TEST(free_not_ours)
{
	xfree(alloc_xenheap_page());
}
END_TEST

START_TEST(write_after_free)
{
	char *p = xmalloc_bytes(100, 0);

	xfree(p);
	p[50] = 1;
	xmalloc_bytes(100, 0);
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("xmalloc");

	tcase_add_checked_fixture(c, setup, NULL);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, alignment);
	tcase_add_test(c, cleared);
	tcase_add_test(c, arrays_do_not_overflow);
	tcase_add_test(c, memory_comes_back);
	tcase_add_test(c, no_memory);
	tcase_add_loop_test(c, random_sizes, 0, 3);
	tcase_add_test_raise_signal(c, double_free, SIGABRT);
	tcase_add_test_raise_signal(c, double_free_large, SIGABRT);
	tcase_add_test_raise_signal(c, free_inside, SIGABRT);
	tcase_add_test_raise_signal(c, free_not_ours, SIGABRT);
	tcase_add_test_raise_signal(c, write_after_free, SIGABRT);
	return run_suite("xmalloc", c);
}
