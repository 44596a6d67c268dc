/* From and to S-expressions. */
#include "config.h"

#include <stddef.h>
#include <string.h>
#include <uuid.h>

#include "error.h"
#include "log.h"
#include "sxp.h"

enum type { TEXT, NUMBER, SIGNED, FLAG, CHOICE };

/* A simple setting: where it is kept, what it is without being said, and what it may be. */
struct field {
	const char *name;
	enum type type;
	size_t offset;
	const char *standard;
	const char *const *choices;
	unsigned int min, max;
};

static const char *const actions[] = {
	[ACTION_DESTROY] = "destroy",
	[ACTION_RESTART] = "restart",
	[ACTION_PRESERVE] = "preserve",
	[ACTION_RENAME_RESTART] = "rename-restart",
	[ACTION_COREDUMP_DESTROY] = "coredump-destroy",
	[ACTION_COREDUMP_RESTART] = "coredump-restart",
	NULL,
};
/* Dumping a core is for crashes. */
static const char *const quiet_actions[] = { "destroy", "restart", "preserve", "rename-restart",
	NULL };
static const char *const start_actions[] = { "ignore", "start", NULL };
static const char *const stop_actions[] = { "ignore", "shutdown", "suspend", NULL };

/* 2 TiB of memory are more than any host has that runs this. */
#define MAX_MEMORY (2u << 20)

#define AT(member) offsetof(struct config, member)
static const struct field fields[] = {
	{ "name", TEXT, AT(name), NULL },
	{ "uuid", TEXT, AT(uuid), "" },
	{ "description", TEXT, AT(description), "" },
	{ "memory", NUMBER, AT(memory), "128", NULL, 1, MAX_MEMORY },
	{ "maxmem", NUMBER, AT(maxmem), "0", NULL, 0, MAX_MEMORY },
	{ "shadow_memory", NUMBER, AT(shadow_memory), "0", NULL, 0, MAX_MEMORY },
	{ "vcpus", NUMBER, AT(vcpus), "1", NULL, 1, MAX_VCPUS },
	{ "maxvcpus", NUMBER, AT(maxvcpus), "0", NULL, 0, MAX_VCPUS },
	{ "cpu_weight", NUMBER, AT(weight), "256", NULL, 1, 65535 },
	{ "cpu_cap", NUMBER, AT(cap), "0", NULL, 0, 100 * MAX_VCPUS },
	{ "bootloader", TEXT, AT(bootloader), "" },
	{ "bootloader_args", TEXT, AT(bootloader_args), "" },
	{ "features", TEXT, AT(features), "" },
	{ "localtime", FLAG, AT(localtime), "0" },
	{ "rtc_timeoffset", SIGNED, AT(rtc_timeoffset), "0" },
	{ "on_poweroff", CHOICE, AT(on_poweroff), "destroy", quiet_actions },
	{ "on_reboot", CHOICE, AT(on_reboot), "restart", quiet_actions },
	{ "on_crash", CHOICE, AT(on_crash), "restart", actions },
	{ "on_xend_start", CHOICE, AT(on_xend_start), "ignore", start_actions },
	{ "on_xend_stop", CHOICE, AT(on_xend_stop), "ignore", stop_actions },
};

/* What xend tells about a domain and nobody can set. */
static const char *const told[] = { "domid", "status", "state", "cpu_time", "online_vcpus",
	"start_time", "up_time", "store_mfn", "console_mfn", "restart_count", "console_tty",
	"console_port", "store_port", NULL };

const char *action_name(enum action action)
{
	return actions[action];
}

static void *member(const struct config *config, const struct field *field)
{
	return (char *)config + field->offset;
}

static bool number_of(
	const char *name, const char *text, gint64 min, gint64 max, gint64 *number, GError **error)
{
	if (g_ascii_string_to_signed(text, 10, min, max, number, NULL))
		return true;
	fail(error, "%s: '%s' is no number from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT, name,
		text, min, max);
	return false;
}

static bool set_choice(
	struct config *config, const struct field *field, const char *text, GError **error)
{
	g_autofree char *all = NULL;

	for (int i = 0; field->choices[i]; i++)
		if (g_str_equal(field->choices[i], text)) {
			*(int *)member(config, field) = i;
			return true;
		}
	all = g_strjoinv(" ", (char **)field->choices);
	return fail(error, "%s: '%s' is none of: %s", field->name, text, all), false;
}

static bool set_field(
	struct config *config, const struct field *field, const char *text, GError **error)
{
	gint64 number;

	switch (field->type) {
	case TEXT:
		g_free(*(char **)member(config, field));
		*(char **)member(config, field) = g_strdup(text);
		return true;
	case NUMBER:
		if (!number_of(field->name, text, field->min, field->max, &number, error))
			return false;
		*(unsigned int *)member(config, field) = number;
		return true;
	case SIGNED:
		if (!number_of(field->name, text, G_MININT32, G_MAXINT32, &number, error))
			return false;
		*(int *)member(config, field) = number;
		return true;
	case FLAG:
		if (!number_of(field->name, text, 0, 1, &number, error))
			return false;
		*(bool *)member(config, field) = number;
		return true;
	default:
		return set_choice(config, field, text, error);
	}
}

static const struct field *find_field(const char *name)
{
	for (unsigned int i = 0; i < G_N_ELEMENTS(fields); i++)
		if (g_str_equal(fields[i].name, name))
			return &fields[i];
	return NULL;
}

/* "(cpus 0-3)" is for all vCPUs, "(cpus (0-3 1))" one each, "(cpus ((0 1) (1)))" likewise. */
static bool parse_cpus(struct config *config, GVariant *value, GError **error)
{
	g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *text = sxp_text(value);
	uint8_t map[MAX_CPUS / 8];
	gsize i, n = sxp_length(value);

	if (text)
		g_ptr_array_add(texts, g_steal_pointer(&text));
	for (i = 0; i < n; i++) {
		g_autoptr(GVariant) one = sxp_nth(value, i);
		g_autofree char *list = NULL;

		if (!sxp_is_list(one)) {
			g_ptr_array_add(texts, sxp_text(one));
			continue;
		}
		list = sxp_print(one);
		list[strlen(list) - 1] = 0;
		g_strdelimit(list, " '", ',');
		g_ptr_array_add(texts, g_strdup(list + 1));
	}
	for (i = 0; i < texts->len; i++) {
		const char *cpus = texts->pdata[i];

		memset(map, 0, sizeof(map));
		if (*cpus && !cpus_parse(cpus, MAX_CPUS, map, error))
			return false;
	}
	g_clear_pointer(&config->cpus, g_strfreev);
	if (!texts->len)
		return true;
	g_ptr_array_add(texts, NULL);
	config->cpus = (char **)g_ptr_array_steal(texts, NULL);
	return true;
}

static bool parse_image(struct config *config, GVariant *value, GError **error)
{
	g_clear_pointer(&config->image, g_variant_unref);
	g_clear_pointer(&config->image_type, g_free);
	config->image_type = sxp_nth_text(value, 0);
	if (!config->image_type)
		return fail(error, "image: (image (linux …)) was expected"), false;
	config->image = g_variant_ref(value);
	return true;
}

static bool parse_device(struct config *config, GVariant *value, GError **error)
{
	g_autofree char *class = sxp_nth_text(value, 0);

	if (!class)
		return fail(error, "device: (device (CLASS …)) was expected"), false;
	config_add_device(config, value);
	return true;
}

static bool parse_avail(struct config *config, GVariant *value, GError **error)
{
	g_autofree char *text = sxp_text(value);
	guint64 mask;

	if (!text || !g_ascii_string_to_unsigned(text, 10, 1, G_MAXUINT64, &mask, NULL))
		return fail(error, "vcpu_avail: '%s' is no mask of vCPUs", text ? text : "()"),
		       false;
	config->vcpu_avail[0] = mask;
	return true;
}

/* The form of Xen 2.0: one word for all three. */
static bool parse_restart(struct config *config, GVariant *value, GError **error)
{
	g_autofree char *text = sxp_text(value);

	if (text && g_str_equal(text, "onreboot")) {
		config->on_poweroff = ACTION_DESTROY;
		config->on_reboot = ACTION_RESTART;
		config->on_crash = ACTION_DESTROY;
	} else if (text && g_str_equal(text, "always")) {
		config->on_poweroff = config->on_reboot = config->on_crash = ACTION_RESTART;
	} else if (text && g_str_equal(text, "never")) {
		config->on_poweroff = config->on_reboot = config->on_crash = ACTION_DESTROY;
	} else {
		return fail(error, "restart: '%s' is none of: onreboot always never",
			       text ? text : "()"),
		       false;
	}
	return true;
}

static const struct {
	const char *name;
	bool (*parse)(struct config *config, GVariant *value, GError **error);
} lists[] = {
	{ "cpus", parse_cpus },
	{ "image", parse_image },
	{ "device", parse_device },
	{ "vcpu_avail", parse_avail },
	{ "restart", parse_restart },
};

static bool parse_child(struct config *config, GVariant *child, GError **error)
{
	g_autofree char *name = sxp_nth_text(child, 0);
	g_autoptr(GVariant) value = sxp_nth(child, 1);
	const struct field *field = name ? find_field(name) : NULL;
	g_autofree char *text = NULL;

	if (!name)
		return fail(error, "a configuration holds only (NAME VALUE)"), false;
	/* An empty setting is none: "(features )". */
	if (!value || g_strv_contains(told, name))
		return true;
	for (unsigned int i = 0; i < G_N_ELEMENTS(lists); i++)
		if (g_str_equal(lists[i].name, name))
			return lists[i].parse(config, value, error);
	if (!field) {
		log_debug("configuration: %s is kept, but has no effect", name);
		g_ptr_array_add(config->others, g_variant_ref(child));
		return true;
	}
	text = sxp_text(value);
	if (!text)
		return fail(error, "%s: a list was not expected", name), false;
	return set_field(config, field, text, error);
}

static bool check_uuid(struct config *config, GError **error)
{
	uuid_t uuid;
	char text[UUID_STR_LEN];

	if (!*config->uuid)
		uuid_generate(uuid);
	else if (uuid_parse(config->uuid, uuid))
		return fail(error, "uuid: '%s' is none", config->uuid), false;
	uuid_unparse_lower(uuid, text);
	g_free(config->uuid);
	config->uuid = g_strdup(text);
	return true;
}

/* What one setting says of another. */
static bool check(struct config *config, GError **error)
{
	if (!config->name)
		return fail(error, "a configuration needs a name"), false;
	if (!config_check_name(config->name, error) || !check_uuid(config, error))
		return false;
	if (!config->maxmem)
		config->maxmem = config->memory;
	if (config->maxmem < config->memory)
		return fail(error, "maxmem: %u MiB are less than memory, %u MiB", config->maxmem,
			       config->memory),
		       false;
	if (!config->maxvcpus)
		config->maxvcpus = config->vcpus;
	if (config->maxvcpus < config->vcpus)
		return fail(error, "maxvcpus: %u are less than vcpus, %u", config->maxvcpus,
			       config->vcpus),
		       false;
	if (config->cpus && g_strv_length(config->cpus) > MAX(config->maxvcpus, 1))
		return fail(error, "cpus: more entries than vCPUs"), false;
	return true;
}

static struct config *config_new(void)
{
	struct config *config = g_new0(struct config, 1);

	config->devices = g_ptr_array_new();
	config->others = g_ptr_array_new_with_free_func((GDestroyNotify)g_variant_unref);
	for (unsigned int i = 0; i < G_N_ELEMENTS(fields); i++)
		if (fields[i].standard)
			set_field(config, &fields[i], fields[i].standard, NULL);
	return config;
}

struct config *config_parse(GVariant *sxp, GError **error)
{
	g_autoptr(config_t) config = config_new();
	gsize i, n = sxp_length(sxp);

	if (!sxp_is_named(sxp, "vm") && !sxp_is_named(sxp, "domain"))
		return fail(error, "a configuration begins with (vm or (domain"), NULL;
	for (i = 1; i < n; i++) {
		g_autoptr(GVariant) child = sxp_nth(sxp, i);

		if (!parse_child(config, child, error))
			return NULL;
	}
	return check(config, error) ? g_steal_pointer(&config) : NULL;
}

static void device_free(struct device_config *device)
{
	g_free(device->class);
	g_variant_unref(device->sxp);
	g_free(device);
}

void config_free(struct config *config)
{
	if (!config)
		return;
	for (unsigned int i = 0; i < G_N_ELEMENTS(fields); i++)
		if (fields[i].type == TEXT)
			g_free(*(char **)member(config, &fields[i]));
	for (unsigned int i = 0; i < config->devices->len; i++)
		device_free(config->devices->pdata[i]);
	g_ptr_array_unref(config->devices);
	g_ptr_array_unref(config->others);
	g_strfreev(config->cpus);
	g_free(config->image_type);
	g_clear_pointer(&config->image, g_variant_unref);
	g_free(config);
}

struct config *config_copy(const struct config *config)
{
	g_autoptr(GVariant) sxp = g_variant_ref_sink(config_sxp(config));
	struct config *copy = config_parse(sxp, NULL);

	g_assert(copy);
	return copy;
}

void config_add_device(struct config *config, GVariant *device)
{
	struct device_config *new = g_new0(struct device_config, 1);

	new->class = sxp_nth_text(device, 0);
	new->sxp = g_variant_ref(device);
	g_ptr_array_add(config->devices, new);
}

void config_remove_device(struct config *config, unsigned int index)
{
	device_free(config->devices->pdata[index]);
	g_ptr_array_remove_index(config->devices, index);
}

void config_replace_device(struct config *config, unsigned int index, GVariant *device)
{
	struct device_config *old = config->devices->pdata[index];

	g_variant_unref(old->sxp);
	old->sxp = g_variant_ref(device);
}

static void add_field(
	const struct config *config, const struct field *field, GVariantBuilder *builder)
{
	const void *at = member(config, field);

	switch (field->type) {
	case TEXT:
		sxp_add_pair(builder, field->name, *(char *const *)at);
		break;
	case NUMBER:
		sxp_add_int(builder, field->name, *(const unsigned int *)at);
		break;
	case SIGNED:
		sxp_add_int(builder, field->name, *(const int *)at);
		break;
	case FLAG:
		sxp_add_int(builder, field->name, *(const bool *)at);
		break;
	case CHOICE:
		sxp_add_pair(builder, field->name, field->choices[*(const int *)at]);
	}
}

void config_add_sxp(const struct config *config, GVariantBuilder *builder)
{
	unsigned int i;

	for (i = 0; i < G_N_ELEMENTS(fields); i++)
		add_field(config, &fields[i], builder);
	if (config->vcpu_avail[0])
		sxp_add(builder, sxp_pair_value("vcpu_avail",
					 g_variant_new_take_string(g_strdup_printf(
						 "%" G_GUINT64_FORMAT, config->vcpu_avail[0]))));
	if (config->cpus && !config->cpus[1])
		sxp_add_pair(builder, "cpus", config->cpus[0]);
	else if (config->cpus)
		sxp_add(builder,
			sxp_pair_value(
				"cpus", g_variant_new_strv((const char *const *)config->cpus, -1)));
	for (i = 0; i < config->others->len; i++)
		sxp_add(builder, config->others->pdata[i]);
	if (config->image)
		sxp_add(builder, sxp_pair_value("image", config->image));
	for (i = 0; i < config->devices->len; i++) {
		struct device_config *device = config->devices->pdata[i];

		sxp_add(builder, sxp_pair_value("device", device->sxp));
	}
}

GVariant *config_sxp(const struct config *config)
{
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE("av"));
	sxp_add(&builder, sxp_atom("vm"));
	config_add_sxp(config, &builder);
	return g_variant_builder_end(&builder);
}
