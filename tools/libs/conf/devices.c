/* Lists of devices: one text for each, with a syntax of its own. */
#include "private.h"
#include "sxp.h"
#include <string.h>

static const char *const vif_keys[] = { "type", "mac", "bridge", "ip", "script", "backend",
	"vifname", "rate", "model", "accel" };
static const char *const vfb_keys[] = { "type", "vnc", "sdl", "vncdisplay", "vnclisten",
	"vncunused", "vncpasswd", "display", "xauthority", "opengl", "keymap", "videoram", "serial",
	"monitor" };

static bool check_key(const char *key, const char *const *keys, gsize count, GError **error)
{
	const char *nearest;

	for (gsize i = 0; i < count; i++)
		if (!strcmp(key, keys[i]))
			return true;
	nearest = conf_nearest(key, keys, count);
	return nearest ? conf_fail(error, "there is no key '%s'; did you mean '%s'?", key, nearest)
		       : conf_fail(error, "there is no key '%s'", key);
}

/* Reads "k=v,k=v" into a new dictionary; NULL if it is wrong. */
static GHashTable *read_pairs(
	const char *text, GPtrArray *order, const char *const *keys, gsize count, GError **error)
{
	g_autoptr(GHashTable) pairs =
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	g_auto(GStrv) parts = g_strsplit(text, ",", -1);

	for (int i = 0; parts[i]; i++) {
		char *key = g_strstrip(parts[i]), *value = strchr(key, '=');

		if (!*key)
			continue;
		if (!value) {
			conf_fail(error, "'%s' is no pair key=value", key);
			return NULL;
		}
		*value++ = '\0';
		g_strchomp(key);
		if (!check_key(key, keys, count, error))
			return NULL;
		if (g_hash_table_contains(pairs, key)) {
			conf_fail(error, "'%s' is there twice", key);
			return NULL;
		}
		g_hash_table_insert(pairs, g_strdup(key), g_strdup(g_strchug(value)));
		g_ptr_array_add(order, g_strdup(key));
	}
	return g_steal_pointer(&pairs);
}

static GVariant *make_pairs(const char *name, GHashTable *pairs, GPtrArray *order)
{
	GVariantBuilder list;

	g_variant_builder_init(&list, G_VARIANT_TYPE("av"));
	sxp_add(&list, sxp_atom(name));
	for (guint i = 0; i < order->len; i++)
		sxp_add_pair(&list, order->pdata[i], g_hash_table_lookup(pairs, order->pdata[i]));
	return g_variant_builder_end(&list);
}

static bool matches(const char *pattern, const char *text)
{
	return g_regex_match_simple(pattern, text, 0, G_REGEX_MATCH_ANCHORED);
}

GVariant *conf_vif(const char *text, GError **error)
{
	g_autoptr(GPtrArray) order = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GHashTable) pairs =
		read_pairs(text, order, vif_keys, G_N_ELEMENTS(vif_keys), error);
	const char *mac, *rate;

	if (!pairs)
		return NULL;
	mac = g_hash_table_lookup(pairs, "mac");
	rate = g_hash_table_lookup(pairs, "rate");
	if (mac && !matches("^([0-9a-fA-F]{1,2}:){5}[0-9a-fA-F]{1,2}$", mac)) {
		conf_fail(error, "'%s' is no MAC address such as 00:16:3e:01:02:03", mac);
		return NULL;
	}
	if (mac && matches("^[0-9a-fA-F]?[13579bdfBDF]:", mac)) {
		conf_fail(error, "'%s' is the MAC address of a group", mac);
		return NULL;
	}
	if (rate && !matches("^[0-9]+([KMG]?[bB]/s)?(@[0-9]+(ms|us|s))?$", rate)) {
		conf_fail(error, "'%s' is no rate such as 10Mb/s or 1MB/s@20ms", rate);
		return NULL;
	}
	return make_pairs("vif", pairs, order);
}

/* type=vnc is an old form of vnc=1. */
static GVariant *make_vfb(const char *text, GError **error)
{
	g_autoptr(GPtrArray) order = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GHashTable) pairs =
		read_pairs(text, order, vfb_keys, G_N_ELEMENTS(vfb_keys), error);
	g_autofree char *type = pairs ? g_strdup(g_hash_table_lookup(pairs, "type")) : NULL;

	if (!pairs)
		return NULL;
	if (type && strcmp(type, "vnc") && strcmp(type, "sdl")) {
		conf_fail(error, "type '%s' is neither vnc nor sdl", type);
		return NULL;
	}
	for (guint i = 0; i < order->len && type; i++)
		if (!strcmp(order->pdata[i], "type")) {
			g_free(order->pdata[i]);
			order->pdata[i] = g_strdup(type);
		}
	if (type)
		g_hash_table_replace(pairs, g_strdup(type), g_strdup("1"));
	return make_pairs("vfb", pairs, order);
}

/* What may stand before ':' in the name of a disk's contents. */
static bool check_uname(const char *uname, GError **error)
{
	static const char *const schemes[] = { "phy", "file", "tap", "tap2", "nbd", "enbd", "iscsi",
		"npiv", "drbd" };
	const char *colon = strchr(uname, ':');
	g_autofree char *scheme = colon ? g_strndup(uname, colon - uname) : NULL;

	if (!*uname)
		return true;
	if (!scheme)
		return conf_fail(error,
			"'%s' does not begin with phy:, file: or another kind of disk", uname);
	for (size_t i = 0; i < G_N_ELEMENTS(schemes); i++)
		if (!strcmp(scheme, schemes[i]))
			return true;
	return conf_fail(error, "'%s' is no kind of disk", scheme);
}

GVariant *conf_disk(const char *text, GError **error)
{
	static const char *const names[] = { "uname", "dev", "mode", "backend", "protocol" };
	g_auto(GStrv) parts = g_strsplit(text, ",", -1);
	guint count = g_strv_length(parts);
	const char *class = "vbd";
	GVariantBuilder list;

	if (count < 3 || count > 5) {
		conf_fail(error, "'%s' is no uname,dev,mode[,backend[,protocol]]", text);
		return NULL;
	}
	for (guint i = 0; i < count; i++)
		g_strstrip(parts[i]);
	if (!check_uname(parts[0], error))
		return NULL;
	if (!matches("^(ioemu:)?(/dev/"
		     ")?((sd|hd|xvd)[a-z]{1,2}[0-9]*|0x[0-9a-fA-F]+|[0-9]+)(:(disk|cdrom))?$",
		    parts[1])) {
		conf_fail(error, "'%s' is no device such as xvda, sda1 or hdc:cdrom", parts[1]);
		return NULL;
	}
	if (!matches("^(r|ro|w|rw|w!)$", parts[2])) {
		conf_fail(error, "mode '%s' is none of r, w, w!", parts[2]);
		return NULL;
	}
	if (g_str_has_prefix(parts[0], "tap:"))
		class = "tap";
	else if (g_str_has_prefix(parts[0], "tap2:"))
		class = "tap2";
	g_variant_builder_init(&list, G_VARIANT_TYPE("av"));
	sxp_add(&list, sxp_atom(class));
	for (guint i = 0; i < count; i++)
		if (*parts[i] || i < 3)
			sxp_add_pair(&list, names[i], parts[i]);
	return g_variant_builder_end(&list);
}

static GVariant *make_ioports(const char *text, GError **error)
{
	g_auto(GStrv) ends = g_strsplit(text, "-", 2);
	const char *to = ends[0] && ends[1] ? ends[1] : ends[0];
	guint64 first, last;

	if (!matches("^(0x)?[0-9a-fA-F]{1,4}(-(0x)?[0-9a-fA-F]{1,4})?$", text)) {
		conf_fail(error, "'%s' is no range of ports such as 3f8-3ff", text);
		return NULL;
	}
	first = g_ascii_strtoull(ends[0], NULL, 16);
	last = g_ascii_strtoull(to, NULL, 16);
	if (first > last) {
		conf_fail(error, "'%s' ends before it begins", text);
		return NULL;
	}
	return sxp_list(sxp_atom("ioports"), sxp_pair("from", ends[0]), sxp_pair("to", to), NULL);
}

static GVariant *make_irq(const char *text, GError **error)
{
	if (!matches("^[0-9]{1,4}$", text)) {
		conf_fail(error, "'%s' is no interrupt's number", text);
		return NULL;
	}
	return sxp_list(sxp_atom("irq"), sxp_pair("irq", text), NULL);
}

static const struct {
	const char *name;
	GVariant *(*make)(const char *text, GError **error);
	const char *also; /* a device that comes with it */
} kinds[] = {
	{ "disk", conf_disk, NULL },
	{ "vif", conf_vif, NULL },
	{ "vfb", make_vfb, "vkbd" },
	{ "ioports", make_ioports, NULL },
	{ "irq", make_irq, NULL },
};

/* The disk that a bootloader reads; xend takes the first that is marked. */
static bool check_disks(struct conf *conf, GVariant *disks, GError **error)
{
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	for (gsize i = 0; i < g_variant_n_children(disks); i++) {
		g_auto(GStrv) parts = NULL;
		const char *text;
		char *dev;

		g_variant_get_child(disks, i, "&s", &text);
		parts = g_strsplit(text, ",", 3);
		dev = g_strstrip(parts[1]);
		if (g_str_has_prefix(dev, "ioemu:"))
			dev += strlen("ioemu:");
		if (g_str_has_prefix(dev, "/dev/"))
			dev += strlen("/dev/");
		if (!g_hash_table_add(seen, g_strndup(dev, strcspn(dev, ":"))))
			return conf_fail(error, "device %s is there twice", dev);
	}
	return true;
}

bool conf_add_devices(struct conf *conf, GVariantBuilder *vm, GError **error)
{
	gint64 nics = conf_number(conf, "nics", 0);

	for (size_t k = 0; k < G_N_ELEMENTS(kinds); k++) {
		GVariant *list = conf_value(conf, kinds[k].name);
		gsize count = list ? g_variant_n_children(list) : 0;

		for (gsize i = 0; i < count; i++) {
			const char *text;
			GVariant *device;

			g_variant_get_child(list, i, "&s", &text);
			device = kinds[k].make(text, error);
			if (!device)
				return conf_blame(conf, kinds[k].name, error);
			sxp_add(vm, sxp_pair_value("device", device));
			if (kinds[k].also)
				sxp_add(vm, sxp_pair_value("device",
						    sxp_list(sxp_atom(kinds[k].also), NULL)));
		}
		if (count && !strcmp(kinds[k].name, "disk") && !check_disks(conf, list, error))
			return conf_blame(conf, "disk", error);
		for (; !strcmp(kinds[k].name, "vif") && count < nics; count++)
			sxp_add(vm, sxp_pair_value("device", sxp_list(sxp_atom("vif"), NULL)));
	}
	return true;
}
