/* Strings, memory, numbers and formatted text, against the C library's or a plain loop's. */
#include <check.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"

static int (*const host_vsnprintf)(char *, size_t, const char *, va_list) = vsnprintf;

/* The hypervisor's functions get names of their own next to the C library's: most by macro; those
 * whose files undefine the macros of xen/lib.h by what the linker sees. */
#define vsnprintf xen_vsnprintf
#define snprintf  xen_snprintf
#define memchr    xen_memchr
#define strnlen   xen_strnlen
#define strcmp    xen_strcmp
#define strncmp   xen_strncmp
#define strchr    xen_strchr
#define strrchr   xen_strrchr
#define strstr    xen_strstr
#define strlcpy   xen_strlcpy
#define strlcat   xen_strlcat
void *memcpy(void *d, const void *s, size_t n) __asm__("xen_memcpy");
void *memmove(void *d, const void *s, size_t n) __asm__("xen_memmove");
void *memset(void *d, int c, size_t n) __asm__("xen_memset");
int memcmp(const void *a, const void *b, size_t n) __asm__("xen_memcmp");
size_t strlen(const char *s) __asm__("xen_strlen");
#include "../../xen/common/lib/number.c"
#include "../../xen/common/lib/string.c"
#include "../../xen/common/lib/vsnprintf.c"
#include "../../xen/arch/x86/lib/memory.c"

const char *symbols_lookup(unsigned long addr, unsigned long *offset, unsigned long *size)
{
	if (addr < 0x1000 || addr >= 0x1100)
		return NULL;
	*offset = addr - 0x1000;
	*size = 0x100;
	return "some_function";
}

/* Through pointers: the compiler must not expand them. */
static void *(*volatile xen_test_memcpy)(void *, const void *, size_t) = memcpy;
static void *(*volatile xen_test_memmove)(void *, const void *, size_t) = memmove;
static void *(*volatile xen_test_memset)(void *, int, size_t) = memset;
static int (*volatile xen_test_memcmp)(const void *, const void *, size_t) = memcmp;

/* --- Formatted text ------------------------------------------------------------------------ */

/* Both must produce the same text and length, also when the buffer is too small. */
static void same(const char *fmt, ...)
{
	static const size_t sizes[] = { 128, 8, 2, 1, 0 };
	char ours[128], theirs[128];
	va_list ap, copy;

	va_start(ap, fmt);
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		int a, b;

		for (unsigned int j = 0; j < sizeof(ours); j++)
			ours[j] = theirs[j] = '#';
		va_copy(copy, ap);
		a = xen_vsnprintf(ours, sizes[i], fmt, copy);
		va_end(copy);
		va_copy(copy, ap);
		b = host_vsnprintf(theirs, sizes[i], fmt, copy);
		va_end(copy);
		ck_assert_msg(a == b, "'%s' size %zu: %d, not %d", fmt, sizes[i], a, b);
		for (unsigned int j = 0; j < sizeof(ours); j++)
			ck_assert_msg(ours[j] == theirs[j], "'%s' size %zu differs at %u: %.*s", fmt,
				sizes[i], j, 40, ours);
	}
	va_end(ap);
}

START_TEST(printf_as_the_c_library)
{
	static const long values[] = { 0, 1, -1, 7, -42, 255, 65536, INT_MAX, INT_MIN, LONG_MAX, LONG_MIN };
	static const char *const ints[] = { "%d", "%i", "%5d|", "%-5d|", "%05d", "%+d", "% d", "%.3d",
		"%8.3d|", "%-8.3d|", "%+08d", "%hhd", "%hd", "%.0d", "%u", "%x", "%X", "%#x", "%#X",
		"%08x", "%#010x", "%o", "%#o", "%hhu", "%hx", "%-#12x|", "%3u%%" };
	static const char *const longs[] = { "%ld", "%lld", "%lu", "%lx", "%#lx", "%016lx", "%zu", "%zd",
		"%tx", "%-20ld|", "%+.25ld", "%llX" };

	for (unsigned int v = 0; v < ARRAY_SIZE(values); v++) {
		for (unsigned int i = 0; i < ARRAY_SIZE(ints); i++)
			same(ints[i], (int)values[v]);
		for (unsigned int i = 0; i < ARRAY_SIZE(longs); i++)
			same(longs[i], values[v]);
	}
	same("%s and %s", "this", "that");
	same("%10s|%-10s|%.2s|%5.1s|", "right", "left", "cut", "both");
	same("%c%3c%-3c|", 'a', 'b', 'c');
	same("%*d|%-*d|%*d|%.*s|%.*d", 6, 1, 6, 2, -6, 3, 2, "abc", 4, 5);
	same("plain, %% and %d more", 3);
	same("%s", "");
}
END_TEST

START_TEST(printf_own_conversions)
{
	const char *volatile none = NULL;
	char buf[80];

	xen_snprintf(buf, sizeof(buf), "%p", (void *)0xabcdUL);
	ck_assert_str_eq(buf, "000000000000abcd");
	xen_snprintf(buf, sizeof(buf), "%pS %d", (void *)0x1010UL, 5);
	ck_assert_str_eq(buf, "some_function+0x10/0x100 5");
	xen_snprintf(buf, sizeof(buf), "[%ps]", (void *)0x1000UL);
	ck_assert_str_eq(buf, "[some_function]");
	xen_snprintf(buf, sizeof(buf), "[%pS]", (void *)0x1000UL);
	ck_assert_str_eq(buf, "[some_function+0/0x100]");
	xen_snprintf(buf, sizeof(buf), "%pS", (void *)0x2000UL);
	ck_assert_str_eq(buf, "0000000000002000");
	xen_snprintf(buf, sizeof(buf), "%s", none);
	ck_assert_str_eq(buf, "(null)");
	ck_assert_int_eq(scnprintf(buf, 4, "%s", "abcdef"), 3);
	ck_assert_str_eq(buf, "abc");
	ck_assert_int_eq(scnprintf(buf, 0, "%s", "abcdef"), 0);
}
END_TEST

/* --- Numbers ------------------------------------------------------------------------------- */

START_TEST(numbers)
{
	static const struct {
		const char *s;
		unsigned int base;
		unsigned long long v;
		unsigned int used;
	} cases[] = {
		{ "0", 0, 0, 1 }, { "123abc", 10, 123, 3 }, { "0x1F,", 0, 31, 4 }, { "017", 0, 15, 3 },
		{ "08", 0, 0, 1 }, { "0x", 0, 0, 1 }, { "0xg", 16, 0, 1 }, { "ff", 16, 255, 2 },
		{ "0xff", 16, 255, 4 }, { "", 0, 0, 0 }, { "-1", 10, 0, 0 }, { "z", 36, 35, 1 },
		{ "18446744073709551615", 10, ~0ULL, 20 }, { "18446744073709551616x", 10, ~0ULL, 20 },
		{ "99999999999999999999999", 10, ~0ULL, 23 },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *end;

		ck_assert_uint_eq(xen_strtoull(cases[i].s, &end, cases[i].base), cases[i].v);
		ck_assert_msg(end == cases[i].s + cases[i].used, "'%s'", cases[i].s);
	}
}
END_TEST

START_TEST(signed_numbers)
{
	const char *s = "-12x", *end;

	ck_assert_int_eq(xen_strtoll(s, &end, 10), -12);
	ck_assert_ptr_eq(end, s + 3);
	ck_assert_int_eq(xen_strtoll("+0x10", NULL, 0), 16);
	ck_assert_int_eq(xen_strtoll("-9223372036854775808", NULL, 10), LLONG_MIN);
	ck_assert_int_eq(xen_strtoll("-9999999999999999999", NULL, 10), LLONG_MIN);
	ck_assert_int_eq(xen_strtoll("9999999999999999999", NULL, 10), LLONG_MAX);
	s = "-";
	ck_assert_int_eq(xen_strtoll(s, &end, 10), 0);
	ck_assert_ptr_eq(end, s);
}
END_TEST

START_TEST(sizes)
{
	static const struct {
		const char *s;
		unsigned long long v;
		unsigned int used;
	} cases[] = {
		{ "131072", 128ULL << 20, 6 }, { "0", 0, 1 }, { "100B", 100, 4 }, { "5k", 5 << 10, 2 },
		{ "64M,max", 64ULL << 20, 3 }, { "2G", 2ULL << 30, 2 }, { "0x10M", 16ULL << 20, 5 },
		{ "3t", 3ULL << 40, 2 }, { "1x", 1 << 10, 1 }, { "16777215T", 16777215ULL << 40, 9 },
		{ "16777216T", (unsigned long long)-EINVAL, 0 }, { "M", (unsigned long long)-EINVAL, 0 },
		{ "18014398509481984", (unsigned long long)-EINVAL, 0 },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *end;

		ck_assert_uint_eq(parse_size(cases[i].s, &end), cases[i].v);
		ck_assert_msg(end == cases[i].s + cases[i].used, "'%s'", cases[i].s);
	}
}
END_TEST

START_TEST(booleans)
{
	const char *s = "on,off";

	ck_assert_int_eq(parse_bool("yes", NULL), 1);
	ck_assert_int_eq(parse_bool("disable", NULL), 0);
	ck_assert_int_eq(parse_bool("0", NULL), 0);
	ck_assert_int_eq(parse_bool("onn", NULL), -1);
	ck_assert_int_eq(parse_bool("o", NULL), -1);
	ck_assert_int_eq(parse_bool("", NULL), -1);
	ck_assert_int_eq(parse_bool(s, s + 2), 1);
	ck_assert_int_eq(parse_bool(s + 3, s + 6), 0);
}
END_TEST

/* --- Memory -------------------------------------------------------------------------------- */

/* All lengths and distances, so that each of the special cases meets each kind of overlap. */
START_TEST(moving)
{
	unsigned char buf[320], want[320];

	for (unsigned int n = 0; n <= 40; n++) {
		for (unsigned int from = 100; from < 108; from++) {
			for (unsigned int to = 0; to < 220; to += to < 90 || to > 130 ? 13 : 1) {
				for (unsigned int i = 0; i < sizeof(buf); i++)
					buf[i] = want[i] = i * 7;
				for (unsigned int i = 0; i < n; i++)
					want[to + i] = (from + i) * 7;
				ck_assert_ptr_eq(xen_test_memmove(buf + to, buf + from, n), buf + to);
				for (unsigned int i = 0; i < sizeof(buf); i++)
					if (buf[i] != want[i])
						ck_abort_msg("n %u from %u to %u at %u", n, from, to, i);
			}
		}
	}
}
END_TEST

START_TEST(copying_and_filling)
{
	unsigned char s[200], d[200];

	for (unsigned int n = 0; n <= 150; n++) {
		for (unsigned int off = 0; off < 9; off++) {
			for (unsigned int i = 0; i < sizeof(d); i++) {
				s[i] = i + 1;
				d[i] = 0xee;
			}
			ck_assert_ptr_eq(xen_test_memcpy(d + off, s + 3, n), d + off);
			for (unsigned int i = 0; i < sizeof(d); i++)
				ck_assert_uint_eq(d[i], i >= off && i < off + n ? s[3 + i - off] : 0xee);
			ck_assert_ptr_eq(xen_test_memset(d + off, 0x1a5, n), d + off);
			for (unsigned int i = 0; i < sizeof(d); i++)
				ck_assert_uint_eq(d[i], i >= off && i < off + n ? 0xa5 : 0xee);
		}
	}
}
END_TEST

/* --- Strings ------------------------------------------------------------------------------- */

START_TEST(comparing)
{
	ck_assert_int_eq(xen_strcmp("abc", "abc"), 0);
	ck_assert_int_lt(xen_strcmp("abc", "abd"), 0);
	ck_assert_int_gt(xen_strcmp("abc", "ab"), 0);
	ck_assert_int_gt(xen_strcmp("\xff", "a"), 0);
	ck_assert_int_eq(xen_strncmp("abc", "abd", 2), 0);
	ck_assert_int_lt(xen_strncmp("abc", "abd", 3), 0);
	ck_assert_int_eq(xen_strncmp("ab", "ab", 9), 0);
	ck_assert_int_eq(xen_strncmp("a", "b", 0), 0);
	ck_assert_int_gt(xen_test_memcmp("a\0c", "a\0b", 3), 0);
	ck_assert_int_eq(xen_test_memcmp("a\0c", "a\0b", 2), 0);
}
END_TEST

START_TEST(searching)
{
	const char *s = "abcabc";

	ck_assert_ptr_eq(xen_strchr(s, 'b'), s + 1);
	ck_assert_ptr_eq(xen_strchr(s, 0), s + 6);
	ck_assert_ptr_null(xen_strchr(s, 'x'));
	ck_assert_ptr_eq(xen_strrchr(s, 'b'), s + 4);
	ck_assert_ptr_eq(xen_strrchr(s, 0), s + 6);
	ck_assert_ptr_null(xen_strrchr(s, 'x'));
	ck_assert_ptr_eq(xen_strstr(s, "ca"), s + 2);
	ck_assert_ptr_eq(xen_strstr(s, ""), s);
	ck_assert_ptr_null(xen_strstr(s, "abcabcd"));
	ck_assert_ptr_eq(xen_memchr(s, 'c', 3), s + 2);
	ck_assert_ptr_null(xen_memchr(s, 'c', 2));
	ck_assert_uint_eq(xen_strnlen(s, 4), 4);
	ck_assert_uint_eq(xen_strnlen(s, 40), 6);
}
END_TEST

START_TEST(bounded_copies)
{
	char d[6] = "xxxxx";

	ck_assert_uint_eq(xen_strlcpy(d, "abcdefgh", sizeof(d)), 8);
	ck_assert_str_eq(d, "abcde");
	ck_assert_uint_eq(xen_strlcpy(d, "ab", sizeof(d)), 2);
	ck_assert_uint_eq(xen_strlcat(d, "cdef", sizeof(d)), 6);
	ck_assert_str_eq(d, "abcde");
	ck_assert_uint_eq(xen_strlcpy(d, "z", 0), 1);
	ck_assert_str_eq(d, "abcde");
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("lib");

	tcase_add_test(tc, printf_as_the_c_library);
	tcase_add_test(tc, printf_own_conversions);
	tcase_add_test(tc, numbers);
	tcase_add_test(tc, signed_numbers);
	tcase_add_test(tc, sizes);
	tcase_add_test(tc, booleans);
	tcase_add_test(tc, moving);
	tcase_add_test(tc, copying_and_filling);
	tcase_add_test(tc, comparing);
	tcase_add_test(tc, searching);
	tcase_add_test(tc, bounded_copies);
	return run_suite("lib", tc);
}
