/* Looking into expressions, and building them. */
#include "sxp.h"

#include <stdarg.h>

bool sxp_is_list(GVariant *expression)
{
	return g_variant_is_container(expression) &&
	       !g_variant_is_of_type(expression, G_VARIANT_TYPE_VARIANT);
}

gsize sxp_length(GVariant *expression)
{
	return sxp_is_list(expression) ? g_variant_n_children(expression) : 0;
}

GVariant *sxp_nth(GVariant *list, gsize index)
{
	g_autoptr(GVariant) part = NULL;

	if (index >= sxp_length(list))
		return NULL;
	part = g_variant_get_child_value(list, index);
	while (g_variant_is_of_type(part, G_VARIANT_TYPE_VARIANT)) {
		GVariant *inner = g_variant_get_variant(part);

		g_variant_unref(part);
		part = inner;
	}
	return g_steal_pointer(&part);
}

/* Short, but all that a double holds for the times and rates we print. */
static char *double_text(double value)
{
	char text[G_ASCII_DTOSTR_BUF_SIZE];

	return g_strdup(g_ascii_formatd(text, sizeof(text), "%.12g", value));
}

char *sxp_text(GVariant *atom)
{
	switch (g_variant_classify(atom)) {
	case G_VARIANT_CLASS_STRING:
	case G_VARIANT_CLASS_OBJECT_PATH:
	case G_VARIANT_CLASS_SIGNATURE:
		return g_variant_dup_string(atom, NULL);
	case G_VARIANT_CLASS_BOOLEAN:
		return g_strdup(g_variant_get_boolean(atom) ? "1" : "0");
	case G_VARIANT_CLASS_INT32:
		return g_strdup_printf("%d", g_variant_get_int32(atom));
	case G_VARIANT_CLASS_INT64:
		return g_strdup_printf("%" G_GINT64_FORMAT, g_variant_get_int64(atom));
	case G_VARIANT_CLASS_DOUBLE:
		return double_text(g_variant_get_double(atom));
	case G_VARIANT_CLASS_VARIANT: {
		g_autoptr(GVariant) inner = g_variant_get_variant(atom);

		return sxp_text(inner);
	}
	default:
		return sxp_is_list(atom) ? NULL : g_variant_print(atom, FALSE);
	}
}

char *sxp_nth_text(GVariant *list, gsize index)
{
	g_autoptr(GVariant) part = sxp_nth(list, index);

	return part ? sxp_text(part) : NULL;
}

bool sxp_is_named(GVariant *expression, const char *name)
{
	g_autofree char *first = sxp_nth_text(expression, 0);

	return first && g_str_equal(first, name);
}

GVariant *sxp_next_child(GVariant *list, const char *name, gsize *from)
{
	gsize n = sxp_length(list);

	while (*from < n) {
		g_autoptr(GVariant) part = sxp_nth(list, (*from)++);

		if (sxp_is_named(part, name))
			return g_steal_pointer(&part);
	}
	return NULL;
}

GVariant *sxp_child(GVariant *list, const char *name)
{
	gsize from = 0;

	return sxp_next_child(list, name, &from);
}

GVariant *sxp_child_value(GVariant *list, const char *name)
{
	g_autoptr(GVariant) child = sxp_child(list, name);

	return child ? sxp_nth(child, 1) : NULL;
}

char *sxp_child_text(GVariant *list, const char *name)
{
	g_autoptr(GVariant) value = sxp_child_value(list, name);

	return value ? sxp_text(value) : NULL;
}

GVariant *sxp_empty(void)
{
	return g_variant_new_array(G_VARIANT_TYPE_VARIANT, NULL, 0);
}

GVariant *sxp_list(GVariant *first, ...)
{
	GVariantBuilder builder;
	GVariant *part;
	va_list parts;

	g_variant_builder_init(&builder, G_VARIANT_TYPE("av"));
	va_start(parts, first);
	for (part = first; part; part = va_arg(parts, GVariant *))
		sxp_add(&builder, part);
	va_end(parts);
	return g_variant_builder_end(&builder);
}

GVariant *sxp_atom(const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1);

	return g_variant_new_string(valid);
}

GVariant *sxp_pair(const char *name, const char *text)
{
	return sxp_list(sxp_atom(name), sxp_atom(text), NULL);
}

GVariant *sxp_pair_int(const char *name, gint64 value)
{
	return sxp_pair_value(name,
		value == (gint32)value ? g_variant_new_int32(value) : g_variant_new_int64(value));
}

GVariant *sxp_pair_value(const char *name, GVariant *value)
{
	return sxp_list(sxp_atom(name), value, NULL);
}

void sxp_add(GVariantBuilder *builder, GVariant *part)
{
	g_variant_builder_add(builder, "v", part);
}

void sxp_add_pair(GVariantBuilder *builder, const char *name, const char *text)
{
	sxp_add(builder, sxp_pair(name, text));
}

void sxp_add_int(GVariantBuilder *builder, const char *name, gint64 value)
{
	sxp_add(builder, sxp_pair_int(name, value));
}
