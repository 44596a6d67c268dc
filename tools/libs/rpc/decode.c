#include "xenrpc.h"

#include <libxml/parser.h>
#include <libxml/tree.h>
#include <string.h>

/* Arrays and structs deeper than this are refused. */
#define MAX_DEPTH 64

/* The first is a name, not a subtraction. */
/* clang-format off */
G_DEFINE_QUARK(xenrpc-error-quark, xenrpc_error)
G_DEFINE_QUARK(xenrpc-fault-quark, xenrpc_fault)
/* clang-format on */

static GVariant *decode_value(xmlNode *node, unsigned int depth, GError **error);

static void *malformed(GError **error, const char *what)
{
	g_set_error(error, XENRPC_ERROR, XENRPC_ERROR_PROTOCOL, "not XML-RPC: %s", what);
	return NULL;
}

static bool named(xmlNode *node, const char *name)
{
	return node && g_str_equal(node->name, name);
}

/* The first element at or behind @node. */
static xmlNode *element(xmlNode *node)
{
	while (node && node->type != XML_ELEMENT_NODE)
		node = node->next;
	return node;
}

static xmlNode *first_child(xmlNode *node)
{
	return node ? element(node->children) : NULL;
}

static xmlNode *next(xmlNode *node)
{
	return element(node->next);
}

static char *text_of(xmlNode *node)
{
	xmlChar *text = xmlNodeGetContent(node);
	char *copy = g_strdup(text ? (char *)text : "");

	xmlFree(text);
	return copy;
}

static GVariant *decode_integer(const char *text, gint64 min, gint64 max, GError **error)
{
	g_autofree char *trimmed = g_strstrip(g_strdup(text));
	const char *digits = *trimmed == '+' ? trimmed + 1 : trimmed;
	gint64 value;

	if (!g_ascii_string_to_signed(digits, 10, min, max, &value, NULL))
		return malformed(error, "an integer is none, or too large");
	return max == G_MAXINT32 ? g_variant_new_int32(value) : g_variant_new_int64(value);
}

static GVariant *decode_double(const char *text, GError **error)
{
	char *end;
	double value = g_ascii_strtod(text, &end);

	while (g_ascii_isspace(*end))
		end++;
	if (end == text || *end)
		return malformed(error, "a double is no number");
	return g_variant_new_double(value);
}

static GVariant *decode_boolean(const char *text, GError **error)
{
	if (g_str_equal(text, "1") || g_str_equal(text, "0"))
		return g_variant_new_boolean(*text == '1');
	return malformed(error, "a boolean is neither 0 nor 1");
}

static GVariant *decode_bytes(const char *text)
{
	gsize n;
	guchar *bytes = g_base64_decode(text, &n);

	return g_variant_new_from_data(G_VARIANT_TYPE_BYTESTRING, bytes, n, TRUE, g_free, bytes);
}

static GVariant *decode_scalar(xmlNode *node, GError **error)
{
	g_autofree char *text = text_of(node);

	if (named(node, "string"))
		return g_variant_new_string(text);
	if (named(node, "int") || named(node, "i4"))
		return decode_integer(text, G_MININT32, G_MAXINT32, error);
	if (named(node, "i8"))
		return decode_integer(text, G_MININT64, G_MAXINT64, error);
	if (named(node, "boolean"))
		return decode_boolean(text, error);
	if (named(node, "double"))
		return decode_double(text, error);
	if (named(node, "base64"))
		return decode_bytes(text);
	if (named(node, "dateTime.iso8601"))
		return g_variant_new_string(text);
	if (named(node, "nil"))
		return g_variant_new("()");
	return malformed(error, "a value is of an unknown type");
}

static GVariant *decode_array(xmlNode *array, unsigned int depth, GError **error)
{
	xmlNode *data = first_child(array), *node;
	GVariantBuilder builder;

	if (!named(data, "data"))
		return malformed(error, "an array without data");
	g_variant_builder_init(&builder, G_VARIANT_TYPE("av"));
	for (node = first_child(data); node; node = next(node)) {
		GVariant *part = decode_value(node, depth, error);

		if (!part) {
			g_variant_builder_clear(&builder);
			return NULL;
		}
		g_variant_builder_add(&builder, "v", part);
	}
	return g_variant_builder_end(&builder);
}

static GVariant *decode_member(xmlNode *member, char **name, unsigned int depth, GError **error)
{
	xmlNode *key = first_child(member), *value = key ? next(key) : NULL;

	if (!named(member, "member") || !named(key, "name") || !value)
		return malformed(error, "a struct with a wrong member");
	*name = text_of(key);
	return decode_value(value, depth, error);
}

static GVariant *decode_struct(xmlNode *node, unsigned int depth, GError **error)
{
	GVariantDict dict;
	xmlNode *member;

	g_variant_dict_init(&dict, NULL);
	for (member = first_child(node); member; member = next(member)) {
		g_autofree char *name = NULL;
		GVariant *value = decode_member(member, &name, depth, error);

		if (!value) {
			g_variant_dict_clear(&dict);
			return NULL;
		}
		g_variant_dict_insert_value(&dict, name, value);
	}
	return g_variant_dict_end(&dict);
}

/* A <value>; floating. */
static GVariant *decode_value(xmlNode *node, unsigned int depth, GError **error)
{
	xmlNode *typed = first_child(node);

	if (!named(node, "value"))
		return malformed(error, "a value was expected");
	if (depth == MAX_DEPTH)
		return malformed(error, "values are nested too deeply");
	if (!typed) {
		g_autofree char *text = text_of(node);

		return g_variant_new_string(text);
	}
	if (named(typed, "array"))
		return decode_array(typed, depth + 1, error);
	if (named(typed, "struct"))
		return decode_struct(typed, depth + 1, error);
	return decode_scalar(typed, error);
}

/* The document, whose root must be @root; NULL if it is none. Free it with xmlFreeDoc(). */
static xmlDoc *parse(const char *body, gsize length, const char *root, GError **error)
{
	const int options =
		XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOCDATA;
	xmlDoc *doc;

	if (length > XENRPC_MAX_BYTES)
		return malformed(error, "the message is too long");
	doc = xmlReadMemory(body, length, "message", NULL, options);
	if (!doc)
		return malformed(error, "the XML is damaged");
	/* Entities of its own serve nobody but an attacker. */
	if (!doc->intSubset && named(xmlDocGetRootElement(doc), root))
		return doc;
	xmlFreeDoc(doc);
	return malformed(error, "another document was expected");
}

static GVariant *decode_params(xmlNode *params, GError **error)
{
	GVariantBuilder builder;
	xmlNode *param;

	g_variant_builder_init(&builder, G_VARIANT_TYPE("av"));
	for (param = first_child(params); param; param = next(param)) {
		xmlNode *node = first_child(param);
		GVariant *value = node ? decode_value(node, 0, error)
				       : malformed(error, "a parameter without value");

		if (!value) {
			g_variant_builder_clear(&builder);
			return NULL;
		}
		g_variant_builder_add(&builder, "v", value);
	}
	return g_variant_ref_sink(g_variant_builder_end(&builder));
}

bool xenrpc_decode_call(
	const char *body, gsize length, char **method, GVariant **params, GError **error)
{
	xmlDoc *doc = parse(body, length, "methodCall", error);
	xmlNode *name;

	if (!doc)
		return false;
	name = first_child(xmlDocGetRootElement(doc));
	*params = NULL;
	if (named(name, "methodName"))
		*params = decode_params(next(name), error);
	else
		malformed(error, "a call without a method");
	if (*params)
		*method = text_of(name);
	xmlFreeDoc(doc);
	return *params;
}

static void decode_fault(xmlNode *fault, GError **error)
{
	xmlNode *node = first_child(fault);
	g_autoptr(GVariant) value = node ? decode_value(node, 0, NULL) : NULL;
	const char *message = NULL;
	int code = XENRPC_FAULT_GENERIC;

	if (value)
		g_variant_ref_sink(value);
	if (value && g_variant_is_of_type(value, G_VARIANT_TYPE_VARDICT)) {
		g_variant_lookup(value, "faultCode", "i", &code);
		g_variant_lookup(value, "faultString", "&s", &message);
	}
	g_set_error_literal(error, XENRPC_FAULT, code, message ? message : "unknown error");
}

GVariant *xenrpc_decode_reply(const char *body, gsize length, GError **error)
{
	xmlDoc *doc = parse(body, length, "methodResponse", error);
	GVariant *result = NULL;
	xmlNode *child;

	if (!doc)
		return NULL;
	child = first_child(xmlDocGetRootElement(doc));
	if (named(child, "fault")) {
		decode_fault(child, error);
	} else if (named(child, "params")) {
		g_autoptr(GVariant) params = decode_params(child, error);

		if (params && g_variant_n_children(params) == 1)
			g_variant_get_child(params, 0, "v", &result);
		else if (params)
			malformed(error, "a reply without a value");
	} else {
		malformed(error, "a reply without a value");
	}
	xmlFreeDoc(doc);
	return result;
}
