/* From checked variables to the "(vm …)" that xend takes. */
#include "private.h"
#include "sxp.h"
#include <errno.h>
#include <string.h>

/* An atom as text. */
static char *value_text(GVariant *value)
{
	if (g_variant_is_of_type(value, G_VARIANT_TYPE_INT64))
		return g_strdup_printf("%" G_GINT64_FORMAT, g_variant_get_int64(value));
	if (g_variant_is_of_type(value, G_VARIANT_TYPE_BOOLEAN))
		return g_strdup(g_variant_get_boolean(value) ? "1" : "0");
	return g_variant_dup_string(value, NULL);
}

char *conf_text(struct conf *conf, const char *name)
{
	GVariant *value = conf_value(conf, name);

	return value && !g_variant_is_container(value) ? value_text(value) : NULL;
}

/* Adds all variables of @place that are set, or always present, in the table's order. */
static void add_place(struct conf *conf, GVariantBuilder *list, enum conf_place place)
{
	for (const struct conf_variable *v = conf_variables; v->name; v++) {
		g_autofree char *text = NULL;

		if (v->place != place)
			continue;
		text = conf_text(conf, v->name);
		if (text || v->always)
			sxp_add_pair(list, v->name, text ?: v->def);
	}
}

static void add_text(GVariantBuilder *list, const char *name, const char *text)
{
	if (text && *text)
		sxp_add_pair(list, name, text);
}

/* restart=: the three actions in one word. */
static void apply_restart(struct conf *conf)
{
	static const struct {
		const char *word, *poweroff, *reboot, *crash;
	} words[] = {
		{ "always", "restart", "restart", "restart" },
		{ "onreboot", "destroy", "restart", "destroy" },
		{ "never", "destroy", "destroy", "destroy" },
	};
	const char *word = conf_string(conf, "restart");

	for (size_t i = 0; i < G_N_ELEMENTS(words) && word; i++) {
		const char *const pairs[][2] = { { "on_poweroff", words[i].poweroff },
			{ "on_reboot", words[i].reboot }, { "on_crash", words[i].crash } };

		for (size_t j = 0; j < G_N_ELEMENTS(pairs) && !strcmp(word, words[i].word); j++)
			if (!conf_value(conf, pairs[j][0]))
				conf_store(conf, pairs[j][0], g_variant_new_string(pairs[j][1]),
					"restart");
	}
}

static bool add_vcpus(struct conf *conf, GVariantBuilder *vm, GError **error)
{
	gint64 vcpus = conf_number(conf, "vcpus", 1), max = conf_number(conf, "maxvcpus", vcpus);
	gint64 mask = conf_number(conf, "vcpu_avail", 0);

	if (max < vcpus) {
		conf_fail(error, "%" G_GINT64_FORMAT " is less than vcpus, %" G_GINT64_FORMAT, max,
			vcpus);
		return conf_blame(conf, "maxvcpus", error);
	}
	sxp_add_int(vm, "vcpus", vcpus);
	if (max > vcpus)
		sxp_add_int(vm, "maxvcpus", max);
	if (mask)
		sxp_add_int(vm, "vcpu_avail", mask);
	return true;
}

static void add_cpus(struct conf *conf, GVariantBuilder *vm)
{
	GVariant *cpus = conf_value(conf, "cpus");
	gint64 cpu = conf_number(conf, "cpu", -1);
	GVariantBuilder list;

	if (cpu >= 0)
		sxp_add_int(vm, "cpu", cpu);
	if (!cpus)
		return;
	if (!g_variant_is_container(cpus)) {
		add_text(vm, "cpus", g_variant_get_string(cpus, NULL));
		return;
	}
	g_variant_builder_init(&list, G_VARIANT_TYPE("av"));
	for (gsize i = 0; i < g_variant_n_children(cpus); i++) {
		const char *text;

		g_variant_get_child(cpus, i, "&s", &text);
		sxp_add(&list, sxp_atom(text));
	}
	sxp_add(vm, sxp_pair_value("cpus", g_variant_builder_end(&list)));
}

static void add_bootloader(struct conf *conf, GVariantBuilder *vm)
{
	const char *args = conf_string(conf, "bootargs"), *entry = conf_string(conf, "bootentry");
	g_autofree char *quoted = entry ? g_shell_quote(entry) : NULL;
	g_autofree char *all = NULL;

	if (!conf_value(conf, "bootloader"))
		return;
	all = g_strdup_printf("%s%s%s%s", args ?: "", args && entry ? " " : "",
		entry ? "--entry=" : "", quoted ?: "");
	add_text(vm, "bootloader_args", all);
}

/* Linux's ip=client:server:gateway:mask:host:interface:protocol. */
static void add_ip(struct conf *conf, GVariantBuilder *image)
{
	const char *address = conf_string(conf, "ip") ?: conf_string(conf, "ipaddr");
	const char *dhcp = conf_string(conf, "dhcp") ?: "off";
	g_autofree char *text = NULL;

	if (!strcmp(dhcp, "0"))
		dhcp = "off";
	else if (!strcmp(dhcp, "1"))
		dhcp = "on";
	if (!address && !strcmp(dhcp, "off"))
		return;
	text = g_strjoin(":", address ?: "", conf_string(conf, "nfs_server") ?: "",
		conf_string(conf, "gateway") ?: "", conf_string(conf, "netmask") ?: "",
		conf_string(conf, "hostname") ?: "", conf_string(conf, "interface") ?: "eth0", dhcp,
		NULL);
	sxp_add_pair(image, "ip", text);
}

static bool add_root(struct conf *conf, GVariantBuilder *image, GError **error)
{
	const char *server = conf_string(conf, "nfs_server"), *path = conf_string(conf, "nfs_root");
	const char *root = conf_string(conf, "root"), *extra = conf_string(conf, "extra");
	g_autofree char *args = NULL;

	if (path && !server) {
		conf_fail(error, "needs nfs_server, too");
		return conf_blame(conf, "nfs_root", error);
	}
	if (path) {
		args = g_strdup_printf(
			"nfsroot=%s:%s%s%s", server, path, extra ? " " : "", extra ?: "");
		extra = args;
		root = root ?: "/dev/nfs";
	}
	add_text(image, "root", root);
	add_text(image, "args", extra);
	return true;
}

static bool is_hvm(struct conf *conf)
{
	const char *builder = conf_string(conf, "builder");

	return builder && (!strcmp(builder, "hvm") || !strcmp(builder, "vmx"));
}

static bool add_image(struct conf *conf, GVariantBuilder *vm, GError **error)
{
	bool hvm = is_hvm(conf), ok;
	GVariantBuilder image;
	g_autoptr(GVariant) list = NULL;

	if (!hvm && !conf_value(conf, "kernel") && !conf_value(conf, "bootloader"))
		return conf_fail(error, "%s: neither kernel nor bootloader is set",
			conf->path ?: "command line");
	g_variant_builder_init(&image, G_VARIANT_TYPE("av"));
	sxp_add(&image, sxp_atom(hvm ? "hvm" : "linux"));
	add_place(conf, &image, CONF_IMAGE);
	if (hvm)
		add_place(conf, &image, CONF_HVM);
	else
		add_ip(conf, &image);
	ok = add_root(conf, &image, error);
	list = g_variant_ref_sink(g_variant_builder_end(&image));
	if (ok)
		sxp_add(vm, sxp_pair_value("image", list));
	return ok;
}

/* Variables that would be lost must not pass in silence. */
static bool check_later(struct conf *conf, GError **error)
{
	for (const struct conf_variable *v = conf_variables; v->name; v++) {
		GVariant *value = conf_value(conf, v->name);
		g_autofree char *text = NULL;

		if (v->place != CONF_LATER || !value)
			continue;
		text = g_variant_is_container(value) ? NULL : value_text(value);
		if (text ? !strcmp(text, v->def ?: "") : !g_variant_n_children(value))
			continue;
		conf_fail(error, "is not supported yet");
		return conf_blame(conf, v->name, error);
	}
	return true;
}

static void set_name(struct conf *conf)
{
	const struct conf_variable *variable = conf_variable("name");
	g_autofree char *base = NULL;
	g_autoptr(GVariant) text = NULL, name = NULL;

	if (conf_value(conf, "name") || !conf->path)
		return;
	base = g_path_get_basename(conf->path);
	text = g_variant_ref_sink(
		g_variant_new_string(g_utf8_validate(base, -1, NULL) ? base : ""));
	name = conf_check(variable, text, NULL);
	if (name)
		conf_store(conf, "name", name, conf->path);
}

GVariant *conf_build(struct conf *conf, GError **error)
{
	GVariantBuilder vm;
	GVariant *list;
	bool ok;

	if (!check_later(conf, error))
		return NULL;
	apply_restart(conf);
	set_name(conf);
	g_variant_builder_init(&vm, G_VARIANT_TYPE("av"));
	sxp_add(&vm, sxp_atom("vm"));
	add_place(conf, &vm, CONF_VM);
	ok = add_vcpus(conf, &vm, error);
	if (ok) {
		add_cpus(conf, &vm);
		add_bootloader(conf, &vm);
		ok = add_image(conf, &vm, error) && conf_add_devices(conf, &vm, error);
	}
	list = g_variant_ref_sink(g_variant_builder_end(&vm));
	if (!ok)
		g_clear_pointer(&list, g_variant_unref);
	return list;
}

GVariant *conf_read_sxp(const char *path, GError **error)
{
	g_autofree char *text = NULL;
	g_autoptr(GError) reason = NULL;
	g_autoptr(GVariant) value = NULL;
	gsize length;

	if (!g_file_get_contents(path, &text, &length, &reason)) {
		conf_fail(error, "%s: %s", path, g_strerror(errno));
		return NULL;
	}
	value = sxp_parse(text, length, &reason);
	if (!value)
		conf_fail(error, "%s: %s", path, reason->message);
	else if (!sxp_is_named(value, "vm") && !sxp_is_named(value, "domain"))
		conf_fail(error, "%s: is neither (vm …) nor (domain …)", path);
	else
		return g_steal_pointer(&value);
	return NULL;
}
