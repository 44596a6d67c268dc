/* Boot options: every kind of declaration, quoting, negation, and what is reported. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"

#define strlcpy  xen_strlcpy
#include <xen/lib.h>
#include "../../xen/common/lib/number.c"

/* What the linker script does: a name for the table's start and its end. */
#define __param_start test_param_start
#define __param_end   test_param_end
#include "../../xen/common/param.c"

static char name[8];
static u32 number;
static u8 small;
static bool flag, nohup;
static u64 size;
static char custom_value[32], custom_value2[32];
static char report[2048];

static int set_custom(const char *v)
{
	if (!strcmp(v, "bad"))
		return -EINVAL;
	strcpy(custom_value, v);
	return 0;
}

static int set_custom2(const char *v)
{
	strcpy(custom_value2, v);
	return 0;
}

#define NR 9
const struct kernel_param test_params[NR] __asm__("test_param_start") = {
	{ .name = "name", .type = OPT_STR, .len = sizeof(name), .var = name },
	{ .name = "number", .type = OPT_UINT, .len = sizeof(number), .var = &number },
	{ .name = "small", .type = OPT_UINT, .len = sizeof(small), .var = &small },
	{ .name = "flag", .type = OPT_BOOL, .len = sizeof(flag), .var = &flag },
	{ .name = "nohup", .type = OPT_BOOL, .len = sizeof(nohup), .var = &nohup },
	{ .name = "size", .type = OPT_SIZE, .len = sizeof(size), .var = &size },
	{ .name = "custom", .type = OPT_CUSTOM, .func = set_custom },
	{ .name = "old", .type = OPT_IGNORE },
	{ .name = "custom", .type = OPT_CUSTOM, .func = set_custom2 },
};
__asm__(".globl test_param_end\n.set test_param_end, test_param_start + 9 * 32");
_Static_assert(sizeof(struct kernel_param) == 32, "the line above counts on it");

size_t xen_strlcpy(char *d, const char *s, size_t n)
{
	size_t len = strlen(s);

	if (n) {
		memcpy(d, s, len < n ? len : n - 1);
		d[len < n ? len : n - 1] = 0;
	}
	return len;
}

void printk(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(report + strlen(report), sizeof(report) - strlen(report), fmt, ap);
	va_end(ap);
}

/* Parse from a fresh state and collect the report, without the level marks. */
static void parse(const char *cmdline)
{
	char *mark;

	name[0] = custom_value[0] = custom_value2[0] = report[0] = 0;
	flag = nohup = false;
	number = small = size = 0;
	nr_problems = 0;
	cmdline_parse(cmdline);
	cmdline_report();
	while ((mark = strchr(report, 1)) != NULL)
		memmove(mark, mark + 2, strlen(mark + 2) + 1);
}

START_TEST(every_kind)
{
	parse("name=abc number=0x10 small=255 flag nohup=yes size=2M custom=x,y=z old old=5 no-old");
	ck_assert_str_eq(name, "abc");
	ck_assert_uint_eq(number, 16);
	ck_assert_uint_eq(small, 255);
	ck_assert(flag && nohup);
	ck_assert_uint_eq(size, 2 << 20);
	ck_assert_str_eq(custom_value, "x,y=z");
	ck_assert_str_eq(custom_value2, "x,y=z");
	ck_assert_str_eq(report, "");
	parse("size=131072 custom");
	ck_assert_uint_eq(size, 128 << 20);
	ck_assert_str_eq(report, "");
}
END_TEST

START_TEST(negation)
{
	parse("flag no-flag nohup");
	ck_assert(!flag && nohup);
	parse("flag flag=off");
	ck_assert(!flag);
	parse("no-flag=no");
	ck_assert(flag);
	parse("no-custom");
	ck_assert_str_eq(custom_value, "no");
	ck_assert_str_eq(report, "");
	parse("no-number no-custom=1 flag=maybe");
	ck_assert_str_eq(report, "Malformed boot option: 'no-number'\n"
				 "Malformed boot option: 'no-custom=1'\n"
				 "Malformed boot option: 'flag=maybe'\n");
}
END_TEST

START_TEST(what_is_wrong_is_named)
{
	parse("number=1 nosuch=3 what no-what number=12x small=256 name=toolong8 number= custom=bad size=x");
	ck_assert_str_eq(report, "Unknown boot option: 'nosuch=3'\n"
				 "Unknown boot option: 'what'\n"
				 "Unknown boot option: 'no-what'\n"
				 "Malformed boot option: 'number=12x'\n"
				 "Malformed boot option: 'small=256'\n"
				 "Malformed boot option: 'name=toolong8'\n"
				 "Malformed boot option: 'number='\n"
				 "Malformed boot option: 'custom=bad'\n"
				 "Malformed boot option: 'size=x'\n");
	ck_assert_uint_eq(number, 1);
	ck_assert_uint_eq(small, 0);
}
END_TEST

START_TEST(quotes_and_spaces)
{
	parse("  custom=\"a b\"c   name=\"x y\"  number=3");
	ck_assert_str_eq(custom_value, "a bc");
	ck_assert_str_eq(name, "x y");
	ck_assert_uint_eq(number, 3);
	parse("custom=\"open end");
	ck_assert_str_eq(custom_value, "open end");
	parse("");
	ck_assert_str_eq(report, "");
	ck_assert_str_eq(saved_cmdline, "");
}
END_TEST

START_TEST(image_name_in_front)
{
	parse("/boot/xen.gz number=4");
	ck_assert_uint_eq(number, 4);
	ck_assert_str_eq(report, "");
	ck_assert_str_eq(saved_cmdline, "number=4");
	parse("placeholder  flag");
	ck_assert_str_eq(saved_cmdline, "flag");
	ck_assert_str_eq(report, "");
	parse("flag /boot/xen.gz");
	ck_assert_str_eq(saved_cmdline, "flag /boot/xen.gz");
	ck_assert_str_eq(report, "Unknown boot option: '/boot/xen.gz'\n");
}
END_TEST

START_TEST(more_than_fits)
{
	char longer[4000] = "";

	for (int i = 0; i < 30; i++)
		strcat(longer, "bad ");
	parse(longer);
	ck_assert_ptr_nonnull(strstr(report, "... and 14 more\n"));
	memset(longer, 'a', sizeof(longer) - 1);
	parse(longer);
	ck_assert_uint_eq(strlen(saved_cmdline), sizeof(saved_cmdline) - 1);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("param");

	tcase_add_test(tc, every_kind);
	tcase_add_test(tc, negation);
	tcase_add_test(tc, what_is_wrong_is_named);
	tcase_add_test(tc, quotes_and_spaces);
	tcase_add_test(tc, image_name_in_front);
	tcase_add_test(tc, more_than_fits);
	return run_suite("param", tc);
}
