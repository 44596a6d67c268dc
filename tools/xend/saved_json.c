/* Configurations in libxl's form: JSON with the names of the members of its public structures. */
#include <json-glib/json-glib.h>
#include <string.h>

#include "error.h"
#include "saved_file.h"
#include "sxp.h"

/* ---- From ours ---- */

static void add_text(JsonBuilder *builder, const char *name, const char *text)
{
	if (!text || !*text)
		return;
	json_builder_set_member_name(builder, name);
	json_builder_add_string_value(builder, text);
}

static void add_int(JsonBuilder *builder, const char *name, gint64 number)
{
	json_builder_set_member_name(builder, name);
	json_builder_add_int_value(builder, number);
}

static void begin(JsonBuilder *builder, const char *name)
{
	json_builder_set_member_name(builder, name);
	json_builder_begin_object(builder);
}

/* libxl's words for what becomes of a domain that ended. */
static const char *const actions[] = {
	[ACTION_DESTROY] = "destroy",
	[ACTION_RESTART] = "restart",
	[ACTION_PRESERVE] = "preserve",
	[ACTION_RENAME_RESTART] = "restart_rename",
	[ACTION_COREDUMP_DESTROY] = "coredump_destroy",
	[ACTION_COREDUMP_RESTART] = "coredump_restart",
};

static void add_vcpus(JsonBuilder *builder, const struct config *config)
{
	add_int(builder, "max_vcpus", config->maxvcpus);
	json_builder_set_member_name(builder, "avail_vcpus");
	json_builder_begin_array(builder);
	for (unsigned int i = 0; i < config->maxvcpus; i++)
		if (*config->vcpu_avail ? config->vcpu_avail[i / 64] >> i % 64 & 1
					: i < config->vcpus)
			json_builder_add_int_value(builder, i);
	json_builder_end_array(builder);
}

static void add_build_info(JsonBuilder *builder, const struct config *config)
{
	g_autofree char *kernel = config->image ? config_kernel(config) : NULL;
	g_autofree char *ramdisk = config->image ? config_ramdisk(config) : NULL;
	g_autofree char *args = config->image ? config_kernel_args(config) : NULL;

	begin(builder, "b_info");
	add_vcpus(builder, config);
	add_int(builder, "max_memkb", (gint64)MAX(config->maxmem, config->memory) << 10);
	add_int(builder, "target_memkb", (gint64)config->memory << 10);
	begin(builder, "sched_params");
	add_int(builder, "weight", config->weight);
	add_int(builder, "cap", config->cap);
	json_builder_end_object(builder);
	add_text(builder, "kernel", kernel);
	add_text(builder, "cmdline", args);
	add_text(builder, "ramdisk", ramdisk);
	add_text(builder, "bootloader", config->bootloader);
	begin(builder, "type.pv");
	add_text(builder, "features", config->features);
	json_builder_end_object(builder);
	json_builder_end_object(builder);
}

static void add_disk(JsonBuilder *builder, GVariant *device)
{
	g_autofree char *uname = sxp_child_text(device, "uname"),
			*dev = sxp_child_text(device, "dev");
	g_autofree char *mode = sxp_child_text(device, "mode");
	const char *path = uname ? strrchr(uname, ':') : NULL;
	bool qcow = uname && strstr(uname, ":qcow2:"), cdrom;
	char *kind = dev ? strchr(dev, ':') : NULL;

	cdrom = kind && g_str_equal(kind, ":cdrom");
	if (kind)
		*kind = 0;
	json_builder_begin_object(builder);
	add_text(builder, "pdev_path", path ? path + 1 : NULL);
	add_text(builder, "vdev", dev);
	add_text(builder, "format", qcow ? "qcow2" : "raw");
	add_int(builder, "readwrite", mode && strchr(mode, 'w') ? 1 : 0);
	if (cdrom)
		add_int(builder, "is_cdrom", 1);
	json_builder_end_object(builder);
}

static void add_nic(JsonBuilder *builder, GVariant *device)
{
	static const char *const names[][2] = { { "mac", "mac" }, { "ip", "ip" },
		{ "bridge", "bridge" }, { "vifname", "ifname" }, { "script", "script" } };

	json_builder_begin_object(builder);
	for (unsigned int i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *text = sxp_child_text(device, names[i][0]);

		add_text(builder, names[i][1], text);
	}
	add_text(builder, "nictype", "vif");
	json_builder_end_object(builder);
}

static void add_devices(JsonBuilder *builder, const char *name, const struct config *config,
	const char *const *classes, void add(JsonBuilder *builder, GVariant *device))
{
	json_builder_set_member_name(builder, name);
	json_builder_begin_array(builder);
	for (unsigned int i = 0; i < config->devices->len; i++) {
		const struct device_config *device = config->devices->pdata[i];

		if (g_strv_contains(classes, device->class))
			add(builder, device->sxp);
	}
	json_builder_end_array(builder);
}

char *saved_json(const struct config *config)
{
	static const char *const disks[] = { "vbd", "tap", NULL }, *const nics[] = { "vif", NULL };
	g_autoptr(JsonBuilder) builder = json_builder_new();
	g_autoptr(JsonNode) root = NULL;

	json_builder_begin_object(builder);
	begin(builder, "c_info");
	add_text(builder, "type", "pv");
	add_text(builder, "name", config->name);
	add_text(builder, "uuid", config->uuid);
	json_builder_end_object(builder);
	add_build_info(builder, config);
	add_devices(builder, "disks", config, disks, add_disk);
	add_devices(builder, "nics", config, nics, add_nic);
	add_text(builder, "on_poweroff", actions[config->on_poweroff]);
	add_text(builder, "on_reboot", actions[config->on_reboot]);
	add_text(builder, "on_crash", actions[config->on_crash]);
	json_builder_end_object(builder);
	root = json_builder_get_root(builder);
	return json_to_string(root, FALSE);
}

/* ---- To ours ---- */

/* Members of an object, which may be NULL; what is missing or of another type is NULL, or 0. */
static JsonNode *member(JsonObject *object, const char *name, JsonNodeType type)
{
	JsonNode *node = object ? json_object_get_member(object, name) : NULL;

	return node && JSON_NODE_TYPE(node) == type ? node : NULL;
}

static JsonObject *object_of(JsonObject *object, const char *name)
{
	JsonNode *node = member(object, name, JSON_NODE_OBJECT);

	return node ? json_node_get_object(node) : NULL;
}

static JsonArray *array_of(JsonObject *object, const char *name)
{
	JsonNode *node = member(object, name, JSON_NODE_ARRAY);

	return node ? json_node_get_array(node) : NULL;
}

static const char *text_of(JsonObject *object, const char *name)
{
	JsonNode *node = member(object, name, JSON_NODE_VALUE);

	return node && json_node_get_value_type(node) == G_TYPE_STRING ? json_node_get_string(node)
								       : NULL;
}

static gint64 int_of(JsonObject *object, const char *name)
{
	JsonNode *node = member(object, name, JSON_NODE_VALUE);

	return node ? json_node_get_int(node) : 0;
}

static void pair(GVariantBuilder *builder, const char *name, const char *text)
{
	if (text)
		sxp_add_pair(builder, name, text);
}

static void take_action(GVariantBuilder *builder, JsonObject *top, const char *name)
{
	const char *word = text_of(top, name);
	enum action action = ACTION_DESTROY;

	while (word && action < G_N_ELEMENTS(actions) && !g_str_equal(word, actions[action]))
		action++;
	/* The others begin the domain anew in ways that there are not here. */
	sxp_add_pair(builder, name,
		action_name(action < G_N_ELEMENTS(actions) ? action : ACTION_RESTART));
}

static void take_build_info(GVariantBuilder *builder, JsonObject *info)
{
	JsonArray *online = array_of(info, "avail_vcpus");
	JsonObject *sched = object_of(info, "sched_params");
	GVariantBuilder image;

	sxp_add_int(builder, "maxmem", (int_of(info, "max_memkb") + 1023) >> 10);
	sxp_add_int(builder, "memory", (int_of(info, "target_memkb") + 1023) >> 10);
	sxp_add_int(builder, "maxvcpus", MAX(int_of(info, "max_vcpus"), 1));
	sxp_add_int(builder, "vcpus", online ? MAX(json_array_get_length(online), 1) : 1);
	/* 0 and less stand for what is usual. */
	if (int_of(sched, "weight") > 0)
		sxp_add_int(builder, "cpu_weight", int_of(sched, "weight"));
	if (int_of(sched, "cap") > 0)
		sxp_add_int(builder, "cpu_cap", int_of(sched, "cap"));
	pair(builder, "bootloader", text_of(info, "bootloader"));
	g_variant_builder_init(&image, G_VARIANT_TYPE("av"));
	sxp_add(&image, sxp_atom("linux"));
	pair(&image, "kernel", text_of(info, "kernel"));
	pair(&image, "ramdisk", text_of(info, "ramdisk"));
	pair(&image, "args", text_of(info, "cmdline"));
	sxp_add(builder, sxp_pair_value("image", g_variant_builder_end(&image)));
}

static GVariant *disk(JsonObject *object)
{
	const char *path = text_of(object, "pdev_path"), *format = text_of(object, "format");
	bool raw = !format || g_str_equal(format, "raw");
	g_autofree char *uname = g_strconcat(!raw                                      ? "tap:"
					     : path && g_str_has_prefix(path, "/dev/") ? "phy:"
										       : "file:",
		raw ? "" : format, raw ? "" : ":", path ? path : "", NULL);
	g_autofree char *dev = g_strconcat(text_of(object, "vdev") ? text_of(object, "vdev") : "",
		int_of(object, "is_cdrom") ? ":cdrom" : NULL, NULL);

	return sxp_list(sxp_atom(raw ? "vbd" : "tap"), sxp_pair("uname", uname),
		sxp_pair("dev", dev), sxp_pair("mode", int_of(object, "readwrite") ? "w" : "r"),
		NULL);
}

static GVariant *nic(JsonObject *object)
{
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE("av"));
	sxp_add(&builder, sxp_atom("vif"));
	pair(&builder, "mac", text_of(object, "mac"));
	pair(&builder, "ip", text_of(object, "ip"));
	pair(&builder, "bridge", text_of(object, "bridge"));
	pair(&builder, "vifname", text_of(object, "ifname"));
	/* With its directory it is one of xl's. */
	if (text_of(object, "script") && !strchr(text_of(object, "script"), '/'))
		pair(&builder, "script", text_of(object, "script"));
	return g_variant_builder_end(&builder);
}

static void take_devices(GVariantBuilder *builder, JsonObject *top, const char *name,
	GVariant *make(JsonObject *object))
{
	JsonArray *array = array_of(top, name);

	for (guint i = 0; array && i < json_array_get_length(array); i++) {
		JsonNode *node = json_array_get_element(array, i);

		if (JSON_NODE_HOLDS_OBJECT(node))
			sxp_add(builder,
				sxp_pair_value("device", make(json_node_get_object(node))));
	}
}

static struct config *take(JsonObject *top, GError **error)
{
	JsonObject *create = object_of(top, "c_info");
	const char *type = text_of(create, "type");
	g_autoptr(GVariant) sxp = NULL;
	GVariantBuilder builder;

	if (g_strcmp0(type, "pv"))
		return fail(error, "holds a domain of type %s, not a paravirtual one",
			       type ? type : "unknown"),
		       NULL;
	g_variant_builder_init(&builder, G_VARIANT_TYPE("av"));
	sxp_add(&builder, sxp_atom("vm"));
	pair(&builder, "name", text_of(create, "name"));
	pair(&builder, "uuid", text_of(create, "uuid"));
	take_build_info(&builder, object_of(top, "b_info"));
	take_action(&builder, top, "on_poweroff");
	take_action(&builder, top, "on_reboot");
	take_action(&builder, top, "on_crash");
	take_devices(&builder, top, "disks", disk);
	take_devices(&builder, top, "nics", nic);
	sxp = g_variant_ref_sink(g_variant_builder_end(&builder));
	return config_parse(sxp, error);
}

struct config *saved_from_json(const char *text, gsize length, GError **error)
{
	g_autoptr(JsonParser) parser = json_parser_new();
	g_autoptr(GError) cause = NULL;
	JsonNode *root;

	if (!json_parser_load_from_data(parser, text, length, &cause))
		return fail(error, "has a configuration that is no JSON: %s", cause->message), NULL;
	root = json_parser_get_root(parser);
	if (!root || !JSON_NODE_HOLDS_OBJECT(root))
		return fail(error, "has a configuration that is no JSON object"), NULL;
	return take(json_node_get_object(root), error);
}
