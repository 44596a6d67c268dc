/* Disks and NICs of domains. */
#include "xm.h"
#include <stdio.h>
#include <string.h>

static gboolean force, detailed;

/* Sends a device's configuration. @device: its name, to change an existing one; NULL for a new one.
 */
static int send_device(const char *domain, GVariant *config, const char *device)
{
	if (!device)
		return xm_do("xend.domain.device_create", g_variant_new("(s*)", domain, config));
	return xm_do(
		"xend.domain.device_configure", g_variant_new("(s*s)", domain, config, device));
}

/* DOMAIN UNAME DEV MODE [BACKEND] */
static int send_disk(char **argv, const char *device)
{
	g_autofree char *text = g_strjoinv(",", argv + 1);
	g_autoptr(GError) error = NULL;
	GVariant *config = NULL;

	for (int i = 1; argv[i]; i++)
		if (strchr(argv[i], ','))
			return xm_usage("'%s': no comma may be in it", argv[i]);
	config = conf_disk(text, &error);
	if (config)
		return send_device(argv[0], config, device);
	xm_report(error);
	return XM_USAGE;
}

static int block_attach(int argc, char **argv)
{
	return send_disk(argv, NULL);
}

static int block_configure(int argc, char **argv)
{
	return send_disk(argv, argv[2]);
}

static int network_attach(int argc, char **argv)
{
	g_autofree char *text = g_strjoinv(",", argv + 1);
	g_autoptr(GError) error = NULL;
	GVariant *config = conf_vif(text, &error);

	if (config)
		return send_device(argv[0], config, NULL);
	xm_report(error);
	return XM_USAGE;
}

static int detach(char **argv, const char *class)
{
	g_autofree char *text = g_strdup_printf("Waiting for %s to let go of %s", argv[0], argv[1]);
	int code;

	xm_activity(text);
	code = xm_do("xend.domain.destroyDevice",
		g_variant_new("(sssbb)", argv[0], class, argv[1], force, TRUE));
	xm_activity(NULL);
	return code;
}

static int block_detach(int argc, char **argv)
{
	return detach(argv, "vbd");
}

static int network_detach(int argc, char **argv)
{
	return detach(argv, "vif");
}

/* A device as a line of a table. */
typedef void print_row_fn(const char *number, GVariant *device);

/* A value for a table: "-" where there is none. */
static char *cell(GVariant *device, const char *name)
{
	char *text = sxp_child_text(device, name);

	if (text && *text)
		return text;
	g_free(text);
	return g_strdup("-");
}

static void print_disk(const char *number, GVariant *device)
{
	g_autofree char *be = cell(device, "backend-id"), *state = cell(device, "state");
	g_autofree char *port = cell(device, "event-channel"), *ring = cell(device, "ring-ref");
	g_autofree char *path = cell(device, "backend"),
			*handle = field_text(device, "handle", "0");

	printf("%-5s %-3s %-6s %-5s %-6s %-8s %s\n", number, be, handle, state, port, ring, path);
}

static void print_nic(const char *number, GVariant *device)
{
	g_autofree char *be = cell(device, "backend-id"), *state = cell(device, "state"),
			*mac = cell(device, "mac");
	g_autofree char *port = cell(device, "event-channel"), *tx = cell(device, "tx-ring-ref");
	g_autofree char *rx = cell(device, "rx-ring-ref"), *path = cell(device, "backend");
	g_autofree char *handle = field_text(device, "handle", number);

	printf("%-3s %-2s %-17s %-6s %-5s %-6s %5s/%-5s %s\n", number, be, mac, handle, state, port,
		tx, rx, path);
}

static int list_devices(
	const char *domain, const char *class, const char *head, print_row_fn *print_row)
{
	g_autoptr(GVariant) list =
		xm_call("xend.domain.getDeviceSxprs", g_variant_new("(ss)", domain, class));

	if (!list)
		return xm_call_failed();
	if (sxp_length(list) && !detailed)
		puts(head);
	for (gsize i = 0; i < sxp_length(list); i++) {
		g_autoptr(GVariant) pair = sxp_nth(list, i), device = sxp_nth(pair, 1);
		g_autofree char *number = sxp_nth_text(pair, 0), *text = NULL;

		if (!number || !device)
			return xm_error("xend told something wrong of device %" G_GSIZE_FORMAT, i);
		if (detailed) {
			text = sxp_print_pretty(pair);
			fputs(text, stdout);
		} else {
			print_row(number, device);
		}
	}
	return XM_OK;
}

static int block_list(int argc, char **argv)
{
	return list_devices(
		argv[0], "vbd", "Vdev  BE  handle state evt-ch ring-ref BE-path", print_disk);
}

static int network_list(int argc, char **argv)
{
	return list_devices(argv[0], "vif",
		"Idx BE MAC Addr.         handle state evt-ch tx-/rx-ring-ref BE-path", print_nic);
}

static const GOptionEntry detach_options[] = { { "force", 'f', 0, G_OPTION_ARG_NONE, &force,
						       "Even if the guest does not let go of it",
						       NULL },
	{ NULL } };
static const GOptionEntry list_options[] = { { "long", 'l', 0, G_OPTION_ARG_NONE, &detailed,
						     "All that xend knows, as S-expression", NULL },
	{ NULL } };

const struct command device_commands[] = {
	{ "block-attach", "DOMAIN BACK FRONT MODE [BACKDOMAIN]", "Gives a domain a disk",
		"BACK is such as phy:vg/a or file:/path, FRONT the guest's name for it such as "
		"xvdb, MODE r, w or w!.",
		NULL, 4, 5, block_attach },
	{ "block-configure", "DOMAIN BACK FRONT MODE [BACKDOMAIN]",
		"Changes what a domain's disk shows", NULL, NULL, 4, 5, block_configure },
	{ "block-detach", "[-f] DOMAIN DEVICE", "Takes a disk from a domain",
		"DEVICE is a number or a name such as xvdb.", detach_options, 2, 2, block_detach },
	{ "block-list", "[-l] DOMAIN", "Lists the disks of a domain", NULL, list_options, 1, 1,
		block_list },
	{ "network-attach", "DOMAIN [KEY=VALUE ...]", "Gives a domain a NIC",
		"Keys are type mac bridge ip script backend vifname rate model accel, as in the "
		"variable vif.",
		NULL, 1, -1, network_attach },
	{ "network-detach", "[-f] DOMAIN DEVICE", "Takes a NIC from a domain",
		"DEVICE is a number or a MAC address.", detach_options, 2, 2, network_detach },
	{ "network-list", "[-l] DOMAIN", "Lists the NICs of a domain", NULL, list_options, 1, 1,
		network_list },
	{ NULL }
};
