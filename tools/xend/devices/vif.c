/* Network interfaces. */
#include <gio/gio.h>
#include <net/if.h>
#include <string.h>

#include "device.h"
#include "error.h"
#include "hotplug.h"
#include "options.h"
#include "sxp.h"

/* Over how long a rate is measured that does not say it. */
#define STANDARD_WINDOW_US 50000

static bool mac_parse(const char *text, guint8 mac[6])
{
	g_auto(GStrv) parts = g_strsplit(text, ":", -1);
	guint64 byte;

	if (g_strv_length(parts) != 6)
		return false;
	for (int i = 0; i < 6; i++) {
		if (strlen(parts[i]) > 2 ||
			!g_ascii_string_to_unsigned(parts[i], 16, 0, 255, &byte, NULL))
			return false;
		mac[i] = byte;
	}
	/* A group's address belongs to no interface. */
	return !(mac[0] & 1);
}

/* 00:16:3e is Xen's; the upper half of what follows is not for addresses made by chance. */
static char *mac_random(void)
{
	return g_strdup_printf("00:16:3e:%02x:%02x:%02x", g_random_int_range(0, 0x80),
		g_random_int_range(0, 0x100), g_random_int_range(0, 0x100));
}

static bool complete_mac(struct device *device, GError **error)
{
	g_autofree char *text = device_text(device, "mac"), *mac = NULL;
	guint8 bytes[6];

	if (!text)
		mac = mac_random();
	else if (!mac_parse(text, bytes))
		return fail(error, "mac: '%s' is no address of an interface", text), false;
	else
		mac = g_strdup_printf("%02x:%02x:%02x:%02x:%02x:%02x", bytes[0], bytes[1], bytes[2],
			bytes[3], bytes[4], bytes[5]);
	device_add(device, "mac", mac);
	return true;
}

/* The lowest number that no other vif of the domain has. */
static unsigned int free_id(struct domain *domain)
{
	unsigned int id = 0, i = 0;

	while (i < domain->devices->len) {
		struct device *other = domain->devices->pdata[i++];

		if (other->class == &vif_class && other->id == id) {
			id++;
			i = 0;
		}
	}
	return id;
}

static bool complete_id(struct domain *domain, struct device *device, GError **error)
{
	g_autofree char *text = device_text(device, "devid"), *number = NULL;
	guint64 id;

	if (!text)
		id = free_id(domain);
	else if (!g_ascii_string_to_unsigned(text, 10, 0, 255, &id, NULL))
		return fail(error, "devid: '%s' is no number from 0 to 255", text), false;
	device->id = id;
	number = g_strdup_printf("%u", device->id);
	device_add(device, "devid", number);
	return true;
}

/* A number and one of the letters in @units, each worth a factor; without a letter the factor is 1.
 */
static bool scaled(const char **at, const char *units, const double *factors, double *value)
{
	const char *unit;
	char *end;

	*value = g_ascii_strtod(*at, &end);
	if (end == *at || !(*value > 0))
		return false;
	unit = *end ? strchr(units, *end) : NULL;
	if (unit)
		*value *= factors[unit - units];
	*at = end + (unit != NULL);
	return true;
}

/* "100Mb/s", "10MB/s@20ms": how many bytes in how many microseconds. */
static bool rate_parse(const char *text, guint64 *bytes, guint64 *us)
{
	static const double powers[] = { 1e3, 1e6, 1e9 }, times[] = { 1e6, 1e3, 1 };
	double rate, window = STANDARD_WINDOW_US;

	if (!scaled(&text, "KMG", powers, &rate) || (*text != 'b' && *text != 'B'))
		return false;
	if (*text++ == 'b')
		rate /= 8;
	if (!g_str_has_prefix(text, "/s"))
		return false;
	text += 2;
	if (*text == '@') {
		text++;
		if (!scaled(&text, "smu", times, &window))
			return false;
		/* "20ms" as well as "20m" */
		if (text[-1] != 's' && *text == 's')
			text++;
	}
	if (*text || window > G_MAXUINT32 || rate * window / 1e6 > G_MAXUINT32)
		return false;
	*us = window;
	*bytes = rate * window / 1e6;
	return *us && *bytes;
}

static bool check_names(struct device *device, GError **error)
{
	static const char *const names[] = { "vifname", "bridge" };
	g_autofree char *rate = device_text(device, "rate");
	guint64 bytes, us;

	for (unsigned int i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *name = device_text(device, names[i]);

		if (name && (strlen(name) >= IFNAMSIZ || strpbrk(name, "/ \t\n:") ||
				    strchr("-.", *name)))
			return fail(error, "%s: '%s' is no name of an interface", names[i], name),
			       false;
	}
	if (rate && !rate_parse(rate, &bytes, &us))
		return fail(error, "rate: '%s' is not like 100Mb/s or 10MB/s@20ms", rate), false;
	return true;
}

/* "10.0.0.2", or with the length of its network as "10.0.0.2/8". */
static bool is_address(const char *text)
{
	g_auto(GStrv) parts = g_strsplit(text, "/", 2);

	return g_hostname_is_ip_address(parts[0]) &&
	       (!parts[1] || g_ascii_string_to_unsigned(parts[1], 10, 0, 128, NULL, NULL));
}

/* Words that scripts hand to commands. */
static bool check_addresses(struct device *device, GError **error)
{
	g_autofree char *text = device_text(device, "ip");
	g_auto(GStrv) words = g_strsplit_set(text ? text : "", " \t", -1);

	for (char **word = words; *word; word++)
		if (**word && !is_address(*word))
			return fail(error, "ip: '%s' is no address", *word), false;
	return true;
}

static bool vif_parse(struct domain *domain, struct device *device, GError **error)
{
	g_autofree char *type = device_text(device, "type");

	if (type && g_str_equal(type, "ioemu"))
		return fail(error, "type: emulated interfaces are for hardware guests"), false;
	return check_names(device, error) && check_addresses(device, error) &&
	       complete_id(domain, device, error) && complete_mac(device, error);
}

static char *script_of(struct device *device)
{
	char *script = device_text(device, "script");

	return script ? script : option_text("vif-script");
}

static char *bridge_of(struct device *device)
{
	g_autofree char *bridge = device_text(device, "bridge");

	if (!bridge)
		bridge = option_text("vif-bridge");
	return *bridge ? g_steal_pointer(&bridge) : NULL;
}

/* Texts of the configuration that scripts and back ends read from xenstore under the same name. */
static void copy_texts(struct device *device, struct store_batch *batch, const char *back)
{
	static const char *const names[] = { "mac", "ip", "vifname", "model", "type", "accel",
		"policy" };

	for (unsigned int i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *text = device_text(device, names[i]);

		if (text)
			store_batch_put(batch, back, names[i], "%s", text);
	}
}

static bool vif_plug(struct domain *domain, struct device *device, struct store_batch *batch,
	const char *front, const char *back, GError **error)
{
	g_autofree char *mac = device_text(device, "mac"), *rate = device_text(device, "rate");
	g_autofree char *script = script_of(device), *bridge = bridge_of(device);
	g_auto(GStrv) command = script_command(script);
	guint64 bytes, us;

	store_batch_put(batch, front, "handle", "%u", device->id);
	store_batch_put(batch, front, "mac", "%s", mac);
	store_batch_put(batch, back, "handle", "%u", device->id);
	store_batch_put(batch, back, "script", "%s", command[0] ? command[0] : "");
	copy_texts(device, batch, back);
	if (bridge)
		store_batch_put(batch, back, "bridge", "%s", bridge);
	if (rate && rate_parse(rate, &bytes, &us))
		store_batch_put(
			batch, back, "rate", "%" G_GUINT64_FORMAT ",%" G_GUINT64_FORMAT, bytes, us);
	return true;
}

/* As scripts expect it: the interface has the name vifDOMAIN.NUMBER, whatever it will be renamed
 * to. */
static bool run_script(struct domain *domain, struct device *device, const char *back,
	const char *action, unsigned int seconds, GError **error)
{
	g_autofree char *script = script_of(device);
	g_autofree char *vif = g_strdup_printf("vif=vif%d.%u", domain->domid, device->id);
	g_autofree char *path = g_strconcat("XENBUS_PATH=", back, NULL);
	g_autofree char *name = g_strconcat("script=", script, NULL);
	const char *const environment[] = { vif, path, name, "XENBUS_TYPE=vif",
		"XENBUS_BASE_PATH=backend", NULL };

	return script_run(script, action, environment, back, seconds, error);
}

static bool vif_connect(
	struct domain *domain, struct device *device, const char *back, GError **error)
{
	g_autofree char *status = g_strconcat(back, "/hotplug-status", NULL);

	if (!device_wait_back(back, error))
		return false;
	/* With a back end elsewhere, that domain's own scripts do it. */
	if (device->backend == 0 && !run_script(domain, device, back, "online",
					    option_number("device-create-timeout"), error))
		return false;
	return store_exists("%s", status) || store_write(status, "connected");
}

static void vif_cleanup(struct domain *domain, struct device *device, const char *back)
{
	if (device->backend == 0 && store_exists("%s/handle", back))
		run_script(domain, device, back, "offline", option_number("device-destroy-timeout"),
			NULL);
}

static bool vif_is_called(struct device *device, const char *name)
{
	g_autofree char *mac = device_text(device, "mac");

	return mac && !g_ascii_strcasecmp(mac, name);
}

const struct device_class vif_class = {
	.name = "vif",
	.front = "vif",
	.back = "vif",
	.in_kernel = true,
	.parse = vif_parse,
	.plug = vif_plug,
	.connect = vif_connect,
	.cleanup = vif_cleanup,
	.is_called = vif_is_called,
};
