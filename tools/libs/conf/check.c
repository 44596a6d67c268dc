/* Values of variables: their types and ranges, and where they come from. */
#include "private.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

GQuark conf_error_quark(void)
{
	return g_quark_from_static_string("conf");
}

bool conf_fail(GError **error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (error)
		*error = g_error_new_valist(CONF_ERROR, 0, format, args);
	va_end(args);
	return false;
}

static bool is_text(GVariant *value)
{
	return g_variant_is_of_type(value, G_VARIANT_TYPE_STRING);
}

static bool parse_number(const char *text, gint64 *number)
{
	bool hex = g_str_has_prefix(text, "0x");
	char *end;

	errno = 0;
	*number = g_ascii_strtoll(text, &end, hex ? 16 : 10);
	return *text && !*end && !errno;
}

static GVariant *check_int(const struct conf_variable *v, GVariant *value, GError **error)
{
	gint64 number;

	if (g_variant_is_of_type(value, G_VARIANT_TYPE_INT64))
		number = g_variant_get_int64(value);
	else if (g_variant_is_of_type(value, G_VARIANT_TYPE_BOOLEAN))
		number = g_variant_get_boolean(value);
	else if (!is_text(value) || !parse_number(g_variant_get_string(value, NULL), &number)) {
		conf_fail(error, "must be a whole number");
		return NULL;
	}
	if (number < v->min || number > v->max) {
		conf_fail(error,
			"%" G_GINT64_FORMAT " is not in the range from %" G_GINT64_FORMAT
			" to %" G_GINT64_FORMAT,
			number, v->min, v->max);
		return NULL;
	}
	return g_variant_new_int64(number);
}

static GVariant *check_bool(const struct conf_variable *v, GVariant *value, GError **error)
{
	static const char *const words[][2] = { { "0", "1" }, { "no", "yes" }, { "off", "on" },
		{ "False", "True" }, { "false", "true" } };
	const char *text = is_text(value) ? g_variant_get_string(value, NULL) : NULL;

	if (g_variant_is_of_type(value, G_VARIANT_TYPE_BOOLEAN))
		return g_variant_ref(value);
	if (g_variant_is_of_type(value, G_VARIANT_TYPE_INT64) &&
		(guint64)g_variant_get_int64(value) <= 1)
		return g_variant_new_boolean(g_variant_get_int64(value));
	for (size_t i = 0; i < G_N_ELEMENTS(words) && text; i++)
		for (int truth = 0; truth < 2; truth++)
			if (!strcmp(text, words[i][truth]))
				return g_variant_new_boolean(truth);
	conf_fail(error, "must be 0 or 1");
	return NULL;
}

static GVariant *check_string(const struct conf_variable *v, GVariant *value, GError **error)
{
	g_autofree char *number = NULL;
	g_auto(GStrv) choices = v->choices ? g_strsplit(v->choices, "|", -1) : NULL;
	const char *text;

	/* dhcp=1, vnclisten=0 and such: whoever writes a number means its digits. */
	if (g_variant_is_of_type(value, G_VARIANT_TYPE_INT64))
		number = g_strdup_printf("%" G_GINT64_FORMAT, g_variant_get_int64(value));
	else if (!is_text(value)) {
		conf_fail(error, "must be a string");
		return NULL;
	}
	text = number ?: g_variant_get_string(value, NULL);
	if (choices && !g_strv_contains((const char *const *)choices, text)) {
		g_autofree char *list = g_strjoinv(", ", choices);

		conf_fail(error, "'%s' is none of: %s", text, list);
		return NULL;
	}
	return g_variant_new_string(text);
}

static GVariant *check_list(const struct conf_variable *v, GVariant *value, GError **error)
{
	GVariantBuilder items;

	if (!g_variant_is_of_type(value, G_VARIANT_TYPE("av"))) {
		conf_fail(error, "must be a list of strings");
		return NULL;
	}
	g_variant_builder_init(&items, G_VARIANT_TYPE("as"));
	for (gsize i = 0; i < g_variant_n_children(value); i++) {
		static const struct conf_variable text = { .type = CONF_STRING };
		g_autoptr(GVariant) boxed = g_variant_get_child_value(value, i);
		g_autoptr(GVariant) item = g_variant_get_variant(boxed);
		g_autoptr(GVariant) checked = check_string(&text, item, NULL);

		if (!checked) {
			conf_fail(error, "part %" G_GSIZE_FORMAT " of the list must be a string",
				i + 1);
			g_variant_builder_clear(&items);
			return NULL;
		}
		g_variant_ref_sink(checked);
		g_variant_builder_add_value(&items, checked);
	}
	return g_variant_builder_end(&items);
}

/* "0-3,5,^1", "all" or "": digits, ranges, exclusions. */
static bool check_cpu_text(const char *text, GError **error)
{
	g_auto(GStrv) parts = g_strsplit(text, ",", -1);

	if (!*text || !strcmp(text, "all"))
		return true;
	for (int i = 0; parts[i]; i++) {
		char *part = g_strstrip(parts[i]), *end;
		unsigned long from, to;

		part += *part == '^';
		from = to = strtoul(part, &end, 10);
		if (g_ascii_isdigit(*part) && *end == '-' && g_ascii_isdigit(end[1]))
			to = strtoul(end + 1, &end, 10);
		if (!g_ascii_isdigit(*part) || *end || to < from || to > 4095)
			return conf_fail(error, "'%s' is no list of CPUs such as 0-3,5,^1", text);
	}
	return true;
}

static GVariant *check_cpus(const struct conf_variable *v, GVariant *value, GError **error)
{
	bool list = g_variant_is_of_type(value, G_VARIANT_TYPE("av"));
	g_autoptr(GVariant) checked = (list ? check_list : check_string)(v, value, error);

	if (!checked)
		return NULL;
	g_variant_ref_sink(checked);
	if (!list)
		return check_cpu_text(g_variant_get_string(checked, NULL), error)
			       ? g_steal_pointer(&checked)
			       : NULL;
	for (gsize i = 0; i < g_variant_n_children(checked); i++) {
		const char *text;

		g_variant_get_child(checked, i, "&s", &text);
		if (!check_cpu_text(text, error))
			return NULL;
	}
	return g_steal_pointer(&checked);
}

/* What a type cannot say. */
static bool check_special(const struct conf_variable *v, GVariant *value, GError **error)
{
	const char *text = is_text(value) ? g_variant_get_string(value, NULL) : NULL;

	if (!strcmp(v->name, "name") &&
		(!*text || text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					     "0123456789_-.:/+")]))
		return conf_fail(
			error, "'%s' is no name: letters, digits and _-.:/+ may be in it", text);
	if (!strcmp(v->name, "uuid") && !g_uuid_string_is_valid(text))
		return conf_fail(error, "'%s' is no UUID", text);
	if (!strcmp(v->name, "boot") && (!*text || text[strspn(text, "acdn")]))
		return conf_fail(error, "'%s' has other letters than a, c, d, n", text);
	return true;
}

GVariant *conf_check(const struct conf_variable *variable, GVariant *value, GError **error)
{
	static GVariant *(*const checks[])(const struct conf_variable *, GVariant *, GError **) = {
		[CONF_STRING] = check_string,
		[CONF_INT] = check_int,
		[CONF_BOOL] = check_bool,
		[CONF_LIST] = check_list,
		[CONF_CPUS] = check_cpus,
	};
	GVariant *checked = checks[variable->type](variable, value, error);

	if (checked && !check_special(variable, checked, error))
		g_clear_pointer(&checked, g_variant_unref);
	return checked ? g_variant_take_ref(checked) : NULL;
}

static void value_free(void *data)
{
	struct value *value = data;

	g_variant_unref(value->value);
	g_free(value->origin);
	g_free(value);
}

struct conf *conf_new(void)
{
	struct conf *conf = g_new0(struct conf, 1);

	conf->values = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, value_free);
	conf->given = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	return conf;
}

void conf_free(struct conf *conf)
{
	if (!conf)
		return;
	g_hash_table_unref(conf->values);
	g_hash_table_unref(conf->given);
	g_free(conf->path);
	g_free(conf);
}

void conf_store(struct conf *conf, const char *name, GVariant *value, const char *origin)
{
	struct value *stored = g_new(struct value, 1);

	stored->value = g_variant_ref_sink(value);
	stored->origin = g_strdup(origin);
	g_hash_table_replace(conf->values, g_strdup(name), stored);
}

/* A list on the command line: one item more, or a whole list in brackets. */
static GVariant *given_list(struct conf *conf, const char *name, const char *text)
{
	struct value *before = g_hash_table_lookup(conf->values, name);
	g_autoptr(GVariant) items = NULL;
	GVariantBuilder list;

	if (*text == '[')
		items = g_variant_parse(G_VARIANT_TYPE("as"), text, NULL, NULL, NULL);
	g_variant_builder_init(&list, G_VARIANT_TYPE("av"));
	for (gsize i = 0; before && i < g_variant_n_children(before->value); i++)
		g_variant_builder_add(&list, "v", g_variant_get_child_value(before->value, i));
	for (gsize i = 0; items && i < g_variant_n_children(items); i++)
		g_variant_builder_add(&list, "v", g_variant_get_child_value(items, i));
	if (!items)
		g_variant_builder_add(&list, "v", g_variant_new_string(text));
	return g_variant_builder_end(&list);
}

bool conf_assign(struct conf *conf, const char *assignment, GError **error)
{
	const char *equals = strchr(assignment, '=');
	g_autofree char *name = equals ? g_strndup(assignment, equals - assignment) : NULL;
	const struct conf_variable *variable = name ? conf_variable(name) : NULL;
	g_autoptr(GVariant) value = NULL, checked = NULL;

	if (!equals || equals == assignment)
		return conf_fail(error, "'%s' is no assignment NAME=VALUE", assignment);
	if (!g_utf8_validate(assignment, -1, NULL))
		return conf_fail(error, "the value of %s is no text in UTF-8", name);
	g_hash_table_replace(conf->given, g_strdup(name), g_strdup(equals + 1));
	if (!variable)
		return true;
	value = g_variant_ref_sink(variable->type == CONF_LIST ? given_list(conf, name, equals + 1)
							       : g_variant_new_string(equals + 1));
	checked = conf_check(variable, value, error);
	if (!checked) {
		g_prefix_error(error, "%s: ", name);
		return false;
	}
	conf_store(conf, name, checked, "command line");
	return true;
}

/* Warns of a name that is like a variable's. */
static void check_unknown(const char *path, unsigned line, const char *name, GVariant *value,
	void (*warn)(const char *))
{
	static const char *names[256];
	static gsize count;
	const char *nearest;

	if (!count)
		for (const struct conf_variable *v = conf_variables; v->name; v++)
			names[count++] = v->name;
	nearest = g_variant_is_of_type(value, G_VARIANT_TYPE_UNIT)
			  ? NULL
			  : conf_nearest(name, names, count);
	if (nearest && line) {
		g_autofree char *message =
			g_strdup_printf("%s:%u: there is no variable %s; did you mean %s?", path,
				line, name, nearest);

		warn(message);
	}
}

static bool found(struct conf *conf, const char *name, GVariant *value, unsigned line,
	bool declared, void (*warn)(const char *), GError **error)
{
	const struct conf_variable *variable = conf_variable(name);
	g_autofree char *origin =
		line ? g_strdup_printf("%s:%u", conf->path, line) : g_strdup(conf->path);
	g_autoptr(GVariant) checked = NULL;

	if (!variable) {
		if (!declared && !g_hash_table_contains(conf->given, name))
			check_unknown(conf->path, line, name, value, warn);
		return true;
	}
	if (g_hash_table_contains(conf->given, name))
		return true;
	/* A variable that a script imported or defined as function is none of ours. */
	if (!line && g_variant_is_of_type(value, G_VARIANT_TYPE_UNIT))
		return true;
	checked = conf_check(variable, value, error);
	if (!checked) {
		g_prefix_error(error, "%s: %s: ", origin, name);
		return false;
	}
	if (variable->place == CONF_OLD) {
		g_autofree char *message =
			g_strdup_printf("%s: %s has no effect any more", origin, name);

		warn(message);
	}
	conf_store(conf, name, checked, origin);
	return true;
}

bool conf_read(
	struct conf *conf, const char *path, void (*warn)(const char *message), GError **error)
{
	g_free(conf->path);
	conf->path = g_strdup(path);
	return conf_run_script(conf, path, found, warn, error);
}

GVariant *conf_value(struct conf *conf, const char *name)
{
	struct value *value = g_hash_table_lookup(conf->values, name);

	return value ? value->value : NULL;
}

const char *conf_string(struct conf *conf, const char *name)
{
	GVariant *value = conf_value(conf, name);

	return value ? g_variant_get_string(value, NULL) : NULL;
}

gint64 conf_number(struct conf *conf, const char *name, gint64 otherwise)
{
	GVariant *value = conf_value(conf, name);

	return value ? g_variant_get_int64(value) : otherwise;
}

bool conf_blame(struct conf *conf, const char *name, GError **error)
{
	struct value *value = g_hash_table_lookup(conf->values, name);

	g_prefix_error(error, "%s: %s: ", value ? value->origin : conf->path ?: "configuration", name);
	return false;
}
