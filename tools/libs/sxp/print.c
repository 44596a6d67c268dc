#include "sxp.h"

#include <string.h>

#define INDENT 4

static bool needs_quotes(const char *text)
{
	const char *c;

	if (!*text || *text == '#')
		return true;
	for (c = text; *c; c++)
		if ((unsigned char)*c <= ' ' || *c == 0x7f || strchr("()'\"\\", *c))
			return true;
	return false;
}

static void print_quoted(GString *out, const char *text)
{
	g_string_append_c(out, '\'');
	for (; *text; text++) {
		if (*text == '\'' || *text == '\\')
			g_string_append_printf(out, "\\%c", *text);
		else if (*text == '\n')
			g_string_append(out, "\\n");
		else if (*text == '\t')
			g_string_append(out, "\\t");
		else if ((unsigned char)*text < ' ' || *text == 0x7f)
			g_string_append_printf(out, "\\%03o", *text);
		else
			g_string_append_c(out, *text);
	}
	g_string_append_c(out, '\'');
}

static void print_atom(GString *out, GVariant *atom)
{
	g_autofree char *text = sxp_text(atom);

	if (needs_quotes(text))
		print_quoted(out, text);
	else
		g_string_append(out, text);
}

static void print_flat(GString *out, GVariant *expression)
{
	gsize i, n = sxp_length(expression);

	if (!sxp_is_list(expression)) {
		print_atom(out, expression);
		return;
	}
	g_string_append_c(out, '(');
	for (i = 0; i < n; i++) {
		g_autoptr(GVariant) part = sxp_nth(expression, i);

		if (i)
			g_string_append_c(out, ' ');
		print_flat(out, part);
	}
	g_string_append_c(out, ')');
}

/* Whether a list holds only atoms, besides lists without anything. */
static bool is_simple(GVariant *list)
{
	gsize i, n = sxp_length(list);

	for (i = 0; i < n; i++) {
		g_autoptr(GVariant) part = sxp_nth(list, i);

		if (sxp_length(part))
			return false;
	}
	return true;
}

/* Atoms stay on the line of the parenthesis, lists get a line each, and so does the end. */
static void print_indented(GString *out, GVariant *expression, unsigned int indent)
{
	gsize i, n = sxp_length(expression);
	bool broken = false;

	if (is_simple(expression)) {
		print_flat(out, expression);
		return;
	}
	g_string_append_c(out, '(');
	for (i = 0; i < n; i++) {
		g_autoptr(GVariant) part = sxp_nth(expression, i);

		if (sxp_is_list(part)) {
			g_string_append_printf(out, "\n%*s", indent + INDENT, "");
			broken = true;
		} else if (broken) {
			g_string_append_printf(out, "\n%*s", indent + INDENT, "");
		} else if (i) {
			g_string_append_c(out, ' ');
		}
		print_indented(out, part, indent + INDENT);
	}
	g_string_append_printf(out, "\n%*s)", indent, "");
}

/* A floating expression is used up, as by GLib's own functions. */
static GVariant *take(GVariant *expression)
{
	return g_variant_is_floating(expression) ? g_variant_ref_sink(expression)
						 : g_variant_ref(expression);
}

char *sxp_print(GVariant *expression)
{
	g_autoptr(GVariant) taken = take(expression);
	GString *out = g_string_new(NULL);

	print_flat(out, taken);
	return g_string_free(out, FALSE);
}

char *sxp_print_pretty(GVariant *expression)
{
	g_autoptr(GVariant) taken = take(expression);
	GString *out = g_string_new(NULL);

	print_indented(out, taken, 0);
	g_string_append_c(out, '\n');
	return g_string_free(out, FALSE);
}
