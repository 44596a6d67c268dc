/* Devices as xenstore has them. */
#include <stdlib.h>

#include "device.h"
#include "sxp.h"

/* What is told of a device: from nodes of its front end, and of its back end, as they exist. */
static const char *const front_nodes[] = { "virtual-device", "backend-id", "handle", "mac", "state",
	"backend", "ring-ref", "event-channel", "tx-ring-ref", "rx-ring-ref", "event-channel-tx",
	"event-channel-rx", NULL };
static const char *const back_nodes[] = { "bridge", "script", "vifname", "params", "dev", "mode",
	"physical-device", NULL };

static void add_nodes(GVariantBuilder *builder, const char *path, const char *const *nodes)
{
	for (; *nodes; nodes++) {
		g_autofree char *value = store_read("%s/%s", path, *nodes);
		gint64 number;

		if (!value)
			continue;
		if (g_ascii_string_to_signed(value, 10, 0, G_MAXINT64, &number, NULL))
			sxp_add_int(builder, *nodes, number);
		else
			sxp_add_pair(builder, *nodes, value);
	}
}

static GVariant *describe(int domid, const char *front, const char *id)
{
	g_autofree char *path = g_strdup_printf("/local/domain/%d/device/%s/%s", domid, front, id);
	g_autofree char *back = store_read("%s/backend", path);
	g_autofree char *tx = store_read("%s/event-channel-tx", path);
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE("av"));
	add_nodes(&builder, path, front_nodes);
	/* Interfaces with a channel each way: the classic column has room for one. */
	if (tx)
		sxp_add_pair(&builder, "event-channel", tx);
	if (back)
		add_nodes(&builder, back, back_nodes);
	return sxp_list(g_variant_new_int32(atoi(id)), g_variant_builder_end(&builder), NULL);
}

static int by_number(const void *a, const void *b)
{
	return atoi(*(char *const *)a) - atoi(*(char *const *)b);
}

GVariant *device_list(int domid, const char *front)
{
	g_auto(GStrv) ids = store_list("/local/domain/%d/device/%s", domid, front);
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE("av"));
	if (ids)
		qsort(ids, g_strv_length(ids), sizeof(*ids), by_number);
	for (char **id = ids; id && *id; id++)
		sxp_add(&builder, describe(domid, front, *id));
	return g_variant_builder_end(&builder);
}
