/* sources: tools/libs/sxp/file.c tools/libs/sxp/parse.c tools/libs/sxp/print.c tools/libs/sxp/tree.c */
/* packages: glib-2.0 */
#include "sxp.h"

#include <check.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "suite.h"

static GVariant *parsed(const char *text)
{
	g_autoptr(GError) error = NULL;
	GVariant *v = sxp_parse(text, -1, &error);

	ck_assert_msg(v != NULL, "%s: %s", text, error ? error->message : "?");
	return v;
}

static void printed_as(const char *text, const char *expected)
{
	g_autoptr(GVariant) v = parsed(text);
	g_autofree char *out = sxp_print(v);

	ck_assert_str_eq(out, expected);
}

START_TEST(reads_and_prints)
{
	printed_as("(a b c)", "(a b c)");
	printed_as(" # comment ( \n(vm (name 'a b')\n\t(memory 128)) # end", "(vm (name 'a b') (memory 128))");
	printed_as("('' \"it's\" 'x\\'y' a#b '#c')", "('' 'it\\'s' 'x\\'y' a#b '#c')");
	printed_as("'\\x41\\101\\n\\t\\\\'", "'AA\\n\\t\\\\'");
	printed_as("(a'b'(c)d)", "(a b (c) d)");
	printed_as("()", "()");
	printed_as("'\\001'", "'\\001'");
}
END_TEST

START_TEST(refuses)
{
	static const struct {
		const char *text, *message;
	} wrong[] = {
		{ "", "line 1: there is no expression" },
		{ "# only\n", "line 2: there is no expression" },
		{ "(a\n(b c)", "line 1: a list is not closed" },
		{ "\n)", "line 2: there is a ')' without '('" },
		{ "(a) b", "line 1: something follows the expression" },
		{ "'abc", "line 1: a quote is not closed" },
		{ "'\\777'", "line 1: an escape is wrong" },
		{ "'abc\\", "line 1: an escape is wrong" },
		{ "'\\0'", "line 1: an atom is not text in UTF-8" },
		{ "\xff", "line 1: an atom is not text in UTF-8" },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
		g_autoptr(GError) error = NULL;

		ck_assert_ptr_null(sxp_parse(wrong[i].text, -1, &error));
		ck_assert_str_eq(error->message, wrong[i].message);
	}
}
END_TEST

START_TEST(depth_is_limited)
{
	g_autofree char *deep = g_strnfill(1000000, '(');
	g_autoptr(GError) error = NULL;
	g_autofree char *most = g_strconcat("((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((",
		"))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))", NULL);
	g_autoptr(GVariant) v = NULL;

	ck_assert_ptr_null(sxp_parse(deep, -1, &error));
	ck_assert_str_eq(error->message, "line 1: lists are nested too deeply");
	ck_assert_uint_eq(strlen(most), 2 * SXP_MAX_DEPTH);
	v = parsed(most);
	ck_assert_uint_eq(sxp_length(v), 1);
}
END_TEST

START_TEST(looks_up)
{
	g_autoptr(GVariant) v = parsed("(vm (name alice) (memory 64) (device (vif)) (device (vbd)) atom)");
	g_autofree char *name = sxp_child_text(v, "name"), *none = sxp_child_text(v, "x");
	g_autoptr(GVariant) first = NULL, second = NULL;
	gsize from = 0;

	ck_assert_str_eq(name, "alice");
	ck_assert_ptr_null(none);
	ck_assert(sxp_is_named(v, "vm"));
	first = sxp_next_child(v, "device", &from);
	second = sxp_next_child(v, "device", &from);
	ck_assert_ptr_null(sxp_next_child(v, "device", &from));
	g_autoptr(GVariant) inner = sxp_nth(second, 1);
	ck_assert(sxp_is_named(inner, "vbd"));
	ck_assert(sxp_is_list(inner));
	ck_assert_ptr_null(sxp_nth(v, 99));
}
END_TEST

START_TEST(builds)
{
	g_autoptr(GVariant) v = g_variant_ref_sink(sxp_list(sxp_atom("domain"), sxp_pair_int("domid", 7),
		sxp_pair_int("big", G_GINT64_CONSTANT(99999999999)),
		sxp_pair_value("time", g_variant_new_double(1.25)), sxp_pair("name", "a b"),
		sxp_pair_value("on", g_variant_new_boolean(TRUE)), NULL));
	g_autofree char *out = sxp_print(v);

	ck_assert_str_eq(out, "(domain (domid 7) (big 99999999999) (time 1.25) (name 'a b') (on 1))");
}
END_TEST

START_TEST(prints_pretty)
{
	g_autoptr(GVariant) v = parsed("(domain (domid 1) (image (linux (kernel /vmlinuz) (args ''))) (empty ()))");
	g_autofree char *out = sxp_print_pretty(v);
	g_autoptr(GVariant) again = parsed(out);

	ck_assert_str_eq(out, "(domain\n    (domid 1)\n    (image\n        (linux\n            (kernel /vmlinuz)\n"
			      "            (args '')\n        )\n    )\n    (empty ())\n)\n");
	g_autofree char *flat = sxp_print(again), *before = sxp_print(v);
	ck_assert_str_eq(flat, before);
}
END_TEST

/* GLib's are counted here. */
static unsigned int syncs;
int fsync(int fd)
{
	syncs++;
	return 0;
}

static void file_has(const char *path, const char *expected)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GVariant) v = sxp_read_file(path, &error);
	g_autofree char *out = v ? sxp_print(v) : NULL;
	struct stat st;

	ck_assert_str_eq(out, expected);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
}

static bool write_to(const char *path, const char *text, bool durable, GError **error)
{
	g_autoptr(GVariant) v = parsed(text);

	return sxp_write_file(path, v, durable, error);
}

/* Whole, or not at all; and only who asks for it waits for the disk. */
START_TEST(files)
{
	g_autofree char *dir = g_dir_make_tmp(NULL, NULL);
	g_autofree char *path = g_build_filename(dir, "a.sxp", NULL);
	g_autofree char *below = g_build_filename(dir, "none", "a.sxp", NULL);
	g_autoptr(GError) error = NULL;

	for (int durable = 0; durable < 2; durable++) {
		ck_assert(write_to(path, "(a b)", durable, &error));
		file_has(path, "(a b)");
		ck_assert(write_to(path, "(c)", durable, &error));
		file_has(path, "(c)");
		ck_assert_int_eq(syncs > 0, durable);
		ck_assert(!write_to(below, "(c)", durable, &error));
		ck_assert(g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOENT));
		g_clear_error(&error);
		ck_assert(!write_to(dir, "(c)", durable, &error));
		g_clear_error(&error);
	}
	ck_assert(!sxp_read_file(below, &error));
	ck_assert(g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOENT));
	g_unlink(path);
	ck_assert_int_eq(g_rmdir(dir), 0); /* no draft is left */
}
END_TEST

/* Whatever is thrown at the reader, it returns; what it accepts survives printing. */
START_TEST(survives_noise)
{
	static const char alphabet[] = "(()) '\"\\ab1#\n\t\xc3\xa4";
	unsigned int seed = 1;

	for (int round = 0; round < 200000; round++) {
		char text[40];
		size_t n = rand_r(&seed) % sizeof(text);

		for (size_t i = 0; i < n; i++)
			text[i] = alphabet[rand_r(&seed) % (sizeof(alphabet) - 1)];
		g_autoptr(GVariant) v = sxp_parse_all(text, n, NULL);
		if (!v)
			continue;
		g_autofree char *once = sxp_print(v), *pretty = sxp_print_pretty(v);
		g_autoptr(GVariant) again = parsed(once), third = parsed(pretty);
		g_autofree char *twice = sxp_print(again), *thrice = sxp_print(third);
		ck_assert_str_eq(once, twice);
		ck_assert_str_eq(once, thrice);
	}
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("sxp");

	tcase_add_test(t, reads_and_prints);
	tcase_add_test(t, refuses);
	tcase_add_test(t, depth_is_limited);
	tcase_add_test(t, looks_up);
	tcase_add_test(t, builds);
	tcase_add_test(t, prints_pretty);
	tcase_add_test(t, files);
	tcase_add_test(t, survives_noise);
	tcase_set_timeout(t, 60);
	return run_suite("sxp", t);
}
