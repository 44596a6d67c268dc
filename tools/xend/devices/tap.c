/* Disks in image formats: tap:FORMAT:PATH. The back end is a QEMU in domain 0, one for each domain.
 */
#include <string.h>

#include "disk.h"
#include "error.h"
#include "qemu.h"

/* Formats as users name them, and as QEMU does. */
static const struct {
	const char *name, *format;
} formats[] = {
	{ "aio", "raw" },
	{ "sync", "raw" },
	{ "raw", "raw" },
	{ "qcow", "qcow" },
	{ "qcow2", "qcow2" },
	{ "vmdk", "vmdk" },
	{ "vhd", "vpc" },
	{ "vdi", "vdi" },
};

const char *tap_format(const char *name)
{
	for (unsigned int i = 0; i < G_N_ELEMENTS(formats); i++)
		if (g_str_equal(formats[i].name, name))
			return formats[i].format;
	return NULL;
}

/* "tap:aio:/path", "tap2:tapdisk:aio:/path": @disk->path becomes the path. */
static const char *read_disk(struct device *device, struct disk *disk, GError **error)
{
	const char *format;
	char *path;

	if (!disk_parse(device, disk, error))
		return NULL;
	if (g_str_has_prefix(disk->path, "tapdisk:"))
		memmove(disk->path, disk->path + 8, strlen(disk->path + 8) + 1);
	path = strchr(disk->path, ':');
	if (!path || !path[1])
		return fail(error, "uname: '%s' is not FORMAT:PATH", disk->path), NULL;
	*path = 0;
	format = tap_format(disk->path);
	if (!format)
		return fail(error, "uname: there is no format '%s'", disk->path), NULL;
	memmove(disk->path, path + 1, strlen(path + 1) + 1);
	return format;
}

static bool tap_parse(struct domain *domain, struct device *device, GError **error)
{
	g_auto(disk_t) disk = { 0 };

	return read_disk(device, &disk, error);
}

static bool tap_plug(struct domain *domain, struct device *device, struct store_batch *batch,
	const char *front, const char *back, GError **error)
{
	g_auto(disk_t) disk = { 0 };
	const char *format = read_disk(device, &disk, error);

	if (!format || !disk_may_use(&disk, back, error))
		return false;
	disk_nodes(device, &disk, batch, front, back);
	store_batch_put(batch, back, "type", "qdisk");
	store_batch_put(batch, back, "params", "%s:%s", format, disk.path);
	store_batch_put(batch, back, "x-path", "%s", disk.path);
	store_batch_put(batch, back, "hotplug-status", "connected");
	return true;
}

static bool tap_connect(
	struct domain *domain, struct device *device, const char *back, GError **error)
{
	return qemu_start(domain, error) && device_wait_back(back, error);
}

const struct device_class tap_class = {
	.name = "tap",
	.front = "vbd",
	.back = "qdisk",
	.parse = tap_parse,
	.plug = tap_plug,
	.connect = tap_connect,
	.is_called = disk_is_called,
};
