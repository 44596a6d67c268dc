/* The console ring: wrap-around, overrun, growing, and readers who remember positions. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"
#include "../../xen/drivers/char/ring.c"

/* Every test runs in a process of its own, with an empty ring. `n` bytes that say where they are. */
static u32 written;

static void write_bytes(u32 n)
{
	char buf[40000];

	ck_assert_uint_le(n, sizeof(buf));
	for (u32 i = 0; i < n; i++)
		buf[i] = (written + i) * 31 >> 3;
	conring_put(buf, n);
	written += n;
}

/* Read all from *pos on in pieces; what comes must be bytes [first, written). */
static void expect_from(u32 pos, u32 first, size_t piece)
{
	char buf[40000];
	size_t n;

	while ((n = conring_get(&pos, buf, piece)) != 0) {
		ck_assert_uint_le(n, piece);
		for (size_t i = 0; i < n; i++, first++)
			if (buf[i] != (char)(first * 31 >> 3))
				ck_abort_msg("byte %u", first);
		ck_assert_uint_eq(pos, first);
	}
	ck_assert_uint_eq(first, written);
}

START_TEST(fills_and_wraps)
{
	ck_assert_uint_eq(conring_size(), 16384);
	write_bytes(1000);
	expect_from(0, 0, 100);
	for (int i = 0; i < 40; i++)
		write_bytes(997);
	ck_assert_uint_eq(conring_start(), written - 16384);
	expect_from(conring_start(), written - 16384, 333);
	expect_from(written - 5, written - 5, 1000);
}
END_TEST

START_TEST(more_than_the_ring_at_once)
{
	write_bytes(100);
	write_bytes(40000);
	expect_from(conring_start(), written - 16384, 4096);
}
END_TEST

/* A reader whose position was overwritten, or never existed, gets the oldest text. */
START_TEST(stale_positions)
{
	write_bytes(20000);
	expect_from(17, written - 16384, 512);
	expect_from(written + 1, written - 16384, 512);
	expect_from(0x80000000, written - 16384, 512);
	expect_from(written, written, 512);
}
END_TEST

START_TEST(growing_keeps_text_and_positions)
{
	static char big[65536];
	u32 pos;

	write_bytes(30000);
	pos = written - 10000;
	conring_grow(big, sizeof(big));
	ck_assert_uint_eq(conring_size(), 65536);
	expect_from(pos, pos, 777);
	expect_from(conring_start(), written - 16384, 777);
	write_bytes(40000);
	expect_from(conring_start(), 30000 - 16384, 777);
	write_bytes(40000);
	expect_from(conring_start(), written - 65536, 777);
}
END_TEST

START_TEST(clearing)
{
	write_bytes(500);
	conring_clear(200);
	expect_from(conring_start(), 200, 64);
	conring_clear(100); /* gone already: nothing to clear */
	ck_assert_uint_eq(conring_start(), 200);
	conring_clear(501);
	ck_assert_uint_eq(conring_start(), 200);
	conring_clear(500);
	expect_from(conring_start(), 500, 64);
}
END_TEST

START_TEST(positions_wrap_at_32_bits)
{
	start = end = written = 0xfffffff0u;
	write_bytes(100);
	expect_from(0xfffffff0u, 0xfffffff0u, 7);
	write_bytes(20000);
	expect_from(0xfffffff0u, written - 16384, 500);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("ring");

	tcase_add_test(tc, fills_and_wraps);
	tcase_add_test(tc, more_than_the_ring_at_once);
	tcase_add_test(tc, stale_positions);
	tcase_add_test(tc, growing_keeps_text_and_positions);
	tcase_add_test(tc, clearing);
	tcase_add_test(tc, positions_wrap_at_32_bits);
	return run_suite("console_ring", tc);
}
