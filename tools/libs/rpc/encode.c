#include "xenrpc.h"

#include <string.h>

static void encode_value(GString *out, GVariant *value);

/* @text without what XML 1.0 has no way to write. */
static void encode_text(GString *out, const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1);
	g_autofree char *escaped = NULL;
	char *c;

	for (c = valid; *c; c++)
		if ((unsigned char)*c < ' ' && !strchr("\t\n\r", *c))
			*c = '?';
	escaped = g_markup_escape_text(valid, -1);
	g_string_append(out, escaped);
}

static void encode_integer(GString *out, gint64 value)
{
	const char *type = value == (gint32)value ? "int" : "i8";

	g_string_append_printf(out, "<%s>%" G_GINT64_FORMAT "</%s>", type, value, type);
}

static void encode_struct(GString *out, GVariant *value)
{
	GVariantIter iter;
	GVariant *entry;

	g_string_append(out, "<struct>");
	g_variant_iter_init(&iter, value);
	while ((entry = g_variant_iter_next_value(&iter))) {
		g_autoptr(GVariant) key = g_variant_get_child_value(entry, 0);
		g_autoptr(GVariant) member = g_variant_get_child_value(entry, 1);

		g_string_append(out, "<member><name>");
		encode_text(out, g_variant_get_string(key, NULL));
		g_string_append(out, "</name>");
		encode_value(out, member);
		g_string_append(out, "</member>");
		g_variant_unref(entry);
	}
	g_string_append(out, "</struct>");
}

static void encode_bytes(GString *out, GVariant *value)
{
	gsize n;
	const guchar *bytes = g_variant_get_fixed_array(value, &n, 1);
	g_autofree char *text = g_base64_encode(bytes, n);

	g_string_append_printf(out, "<base64>%s</base64>", text);
}

static void encode_array(GString *out, GVariant *value)
{
	GVariantIter iter;
	GVariant *part;

	g_string_append(out, "<array><data>");
	g_variant_iter_init(&iter, value);
	while ((part = g_variant_iter_next_value(&iter))) {
		encode_value(out, part);
		g_variant_unref(part);
	}
	g_string_append(out, "</data></array>");
}

static void encode_container(GString *out, GVariant *value)
{
	if (g_variant_is_of_type(value, G_VARIANT_TYPE_UNIT))
		g_string_append(out, "<nil/>");
	else if (g_variant_is_of_type(value, G_VARIANT_TYPE_BYTESTRING))
		encode_bytes(out, value);
	else if (g_variant_is_of_type(value, G_VARIANT_TYPE("a{s*}")))
		encode_struct(out, value);
	else
		encode_array(out, value);
}

static void encode_double(GString *out, double value)
{
	char text[G_ASCII_DTOSTR_BUF_SIZE];

	g_string_append_printf(
		out, "<double>%s</double>", g_ascii_dtostr(text, sizeof(text), value));
}

static void encode_typed(GString *out, GVariant *value)
{
	switch (g_variant_classify(value)) {
	case G_VARIANT_CLASS_BOOLEAN:
		g_string_append_printf(out, "<boolean>%d</boolean>", g_variant_get_boolean(value));
		break;
	case G_VARIANT_CLASS_BYTE:
		encode_integer(out, g_variant_get_byte(value));
		break;
	case G_VARIANT_CLASS_INT16:
		encode_integer(out, g_variant_get_int16(value));
		break;
	case G_VARIANT_CLASS_UINT16:
		encode_integer(out, g_variant_get_uint16(value));
		break;
	case G_VARIANT_CLASS_INT32:
		encode_integer(out, g_variant_get_int32(value));
		break;
	case G_VARIANT_CLASS_UINT32:
		encode_integer(out, g_variant_get_uint32(value));
		break;
	case G_VARIANT_CLASS_INT64:
		encode_integer(out, g_variant_get_int64(value));
		break;
	case G_VARIANT_CLASS_UINT64:
		encode_integer(out, g_variant_get_uint64(value));
		break;
	case G_VARIANT_CLASS_DOUBLE:
		encode_double(out, g_variant_get_double(value));
		break;
	case G_VARIANT_CLASS_STRING:
	case G_VARIANT_CLASS_OBJECT_PATH:
	case G_VARIANT_CLASS_SIGNATURE:
		g_string_append(out, "<string>");
		encode_text(out, g_variant_get_string(value, NULL));
		g_string_append(out, "</string>");
		break;
	default:
		encode_container(out, value);
	}
}

static void encode_value(GString *out, GVariant *value)
{
	if (g_variant_is_of_type(value, G_VARIANT_TYPE_VARIANT)) {
		g_autoptr(GVariant) inner = g_variant_get_variant(value);

		encode_value(out, inner);
		return;
	}
	g_string_append(out, "<value>");
	encode_typed(out, value);
	g_string_append(out, "</value>");
}

static void encode_param(GString *out, GVariant *value)
{
	g_string_append(out, "<param>");
	encode_value(out, value);
	g_string_append(out, "</param>\n");
}

/* A floating value is used up, as by GLib's own functions. */
static GVariant *take(GVariant *value)
{
	return g_variant_is_floating(value) ? g_variant_ref_sink(value) : g_variant_ref(value);
}

char *xenrpc_encode_call(const char *method, GVariant *params)
{
	g_autoptr(GVariant) taken = params ? take(params) : NULL;
	GString *out = g_string_new("<?xml version=\"1.0\"?>\n<methodCall>\n<methodName>");
	gsize i, n = taken ? g_variant_n_children(taken) : 0;

	encode_text(out, method);
	g_string_append(out, "</methodName>\n<params>\n");
	for (i = 0; i < n; i++) {
		g_autoptr(GVariant) param = g_variant_get_child_value(taken, i);

		encode_param(out, param);
	}
	g_string_append(out, "</params>\n</methodCall>\n");
	return g_string_free(out, FALSE);
}

char *xenrpc_encode_result(GVariant *value)
{
	g_autoptr(GVariant) taken = take(value);
	GString *out = g_string_new("<?xml version=\"1.0\"?>\n<methodResponse>\n<params>\n");

	encode_param(out, taken);
	g_string_append(out, "</params>\n</methodResponse>\n");
	return g_string_free(out, FALSE);
}

char *xenrpc_encode_fault(const GError *fault)
{
	int code = fault->domain == XENRPC_FAULT ? fault->code : XENRPC_FAULT_GENERIC;
	GString *out =
		g_string_new("<?xml version=\"1.0\"?>\n<methodResponse>\n<fault><value><struct>");

	g_string_append_printf(
		out, "<member><name>faultCode</name><value><int>%d</int></value></member>", code);
	g_string_append(out, "<member><name>faultString</name><value><string>");
	encode_text(out, fault->message);
	g_string_append(out, "</string></value></member></struct></value></fault>\n"
			     "</methodResponse>\n");
	return g_string_free(out, FALSE);
}
