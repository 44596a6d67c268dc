#include "sxp.h"

#include <string.h>

/* The first is a name, not a subtraction. */
/* clang-format off */
G_DEFINE_QUARK(sxp-error-quark, sxp_error)
/* clang-format on */

/* Where the reader stands. */
struct reader {
	const char *at, *end;
	unsigned int line;
	unsigned int depth;
};

static GVariant *read_expression(struct reader *r, GError **error);

static void *fail(struct reader *r, GError **error, const char *what)
{
	g_set_error(error, SXP_ERROR, SXP_ERROR_SYNTAX, "line %u: %s", r->line, what);
	return NULL;
}

/* Moves to the next thing that counts; false at the end. */
static bool skip_blanks(struct reader *r)
{
	for (; r->at < r->end; r->at++) {
		if (*r->at == '\n')
			r->line++;
		if (*r->at == '#')
			while (r->at + 1 < r->end && r->at[1] != '\n')
				r->at++;
		else if (!g_ascii_isspace(*r->at) && *r->at != '\v')
			return true;
	}
	return false;
}

/* One escape; the backslash is read. Returns its byte, or -1. */
static int read_escape(struct reader *r)
{
	static const char names[] = "abfnrtv", bytes[] = "\a\b\f\n\r\t\v";
	char c = *r->at++;
	const char *name = strchr(names, c);
	int value = 0, digits;

	if (c && name)
		return bytes[name - names];
	if (c == 'x') {
		for (digits = 0; digits < 2 && r->at < r->end && g_ascii_isxdigit(*r->at); digits++)
			value = value * 16 + g_ascii_xdigit_value(*r->at++);
		return digits ? value : -1;
	}
	if (c >= '0' && c <= '7') {
		value = c - '0';
		for (digits = 1; digits < 3 && r->at < r->end && *r->at >= '0' && *r->at <= '7';
			digits++)
			value = value * 8 + *r->at++ - '0';
		return value <= 255 ? value : -1;
	}
	return (unsigned char)c;
}

static GVariant *atom_from(struct reader *r, GString *text, GError **error)
{
	GVariant *atom = NULL;

	if (memchr(text->str, 0, text->len) || !g_utf8_validate(text->str, text->len, NULL))
		fail(r, error, "an atom is not text in UTF-8");
	else
		atom = g_variant_ref_sink(g_variant_new_string(text->str));
	g_string_free(text, TRUE);
	return atom;
}

static GVariant *read_quoted(struct reader *r, GError **error)
{
	GString *text = g_string_new(NULL);
	unsigned int start = r->line;
	char quote = *r->at++;
	int c;

	while (r->at < r->end && *r->at != quote) {
		c = (unsigned char)*r->at++;
		if (c == '\n')
			r->line++;
		if (c == '\\' && (r->at == r->end || (c = read_escape(r)) < 0)) {
			g_string_free(text, TRUE);
			return fail(r, error, "an escape is wrong");
		}
		g_string_append_c(text, c);
	}
	if (r->at == r->end) {
		g_string_free(text, TRUE);
		r->line = start;
		return fail(r, error, "a quote is not closed");
	}
	r->at++;
	return atom_from(r, text, error);
}

static bool ends_word(char c)
{
	return g_ascii_isspace(c) || c == '\v' || c == '(' || c == ')' || c == '\'' || c == '"';
}

static GVariant *read_word(struct reader *r, GError **error)
{
	const char *start = r->at;

	while (r->at < r->end && !ends_word(*r->at))
		r->at++;
	return atom_from(r, g_string_new_len(start, r->at - start), error);
}

/* What follows, up to the end of the text or, with @inside, of the list. */
static GVariant *read_parts(struct reader *r, bool inside, GError **error)
{
	GVariantBuilder builder;
	GVariant *part;

	g_variant_builder_init(&builder, G_VARIANT_TYPE("av"));
	while (skip_blanks(r) && !(inside && *r->at == ')')) {
		part = read_expression(r, error);
		if (!part) {
			g_variant_builder_clear(&builder);
			return NULL;
		}
		g_variant_builder_add(&builder, "v", part);
		g_variant_unref(part);
	}
	return g_variant_ref_sink(g_variant_builder_end(&builder));
}

static GVariant *read_list(struct reader *r, GError **error)
{
	unsigned int start = r->line;
	g_autoptr(GVariant) list = NULL;

	r->at++;
	list = read_parts(r, true, error);
	if (!list)
		return NULL;
	if (r->at == r->end) {
		r->line = start;
		return fail(r, error, "a list is not closed");
	}
	r->at++;
	return g_steal_pointer(&list);
}

/* The reader stands on a character that is no blank. */
static GVariant *read_expression(struct reader *r, GError **error)
{
	GVariant *result;

	switch (*r->at) {
	case '(':
		if (r->depth == SXP_MAX_DEPTH)
			return fail(r, error, "lists are nested too deeply");
		r->depth++;
		result = read_list(r, error);
		r->depth--;
		return result;
	case ')':
		return fail(r, error, "there is a ')' without '('");
	case '\'':
	case '"':
		return read_quoted(r, error);
	default:
		return read_word(r, error);
	}
}

static struct reader reader_of(const char *text, gssize length)
{
	return (struct reader){
		.at = text,
		.end = text + (length < 0 ? strlen(text) : length),
		.line = 1,
	};
}

GVariant *sxp_parse(const char *text, gssize length, GError **error)
{
	struct reader r = reader_of(text, length);
	g_autoptr(GVariant) result = NULL;

	if (!skip_blanks(&r))
		return fail(&r, error, "there is no expression");
	result = read_expression(&r, error);
	if (!result)
		return NULL;
	if (skip_blanks(&r))
		return fail(&r, error, "something follows the expression");
	return g_steal_pointer(&result);
}

GVariant *sxp_parse_all(const char *text, gssize length, GError **error)
{
	struct reader r = reader_of(text, length);

	return read_parts(&r, false, error);
}
