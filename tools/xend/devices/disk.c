#include "disk.h"

#include <string.h>

#include "error.h"
#include "sxp.h"

/* Major numbers of disks by the letter of their name; 16 (sd) or 64 (hd) minors each. */
static const unsigned int sd_majors[] = { 8, 65, 66, 67, 68, 69, 70, 71 };
static const unsigned int hd_majors[] = { 3, 22, 33, 34, 56, 57, 88, 89, 90, 91 };

/* "a" is 0, "z" 25, "aa" 26 … */
static bool letters(const char **at, unsigned int *index)
{
	unsigned int value = 0, count = 0;

	for (; g_ascii_islower(**at); (*at)++, count++)
		value = value * 26 + (**at - 'a') + 1;
	*index = value - 1;
	return count && count <= 3;
}

static bool partition_of(const char *at, unsigned int *partition)
{
	guint64 value = 0;

	*partition = 0;
	if (!*at)
		return true;
	if (!g_ascii_string_to_unsigned(at, 10, 1, 255, &value, NULL) || *at == '0')
		return false;
	*partition = value;
	return true;
}

static bool xvd_number(unsigned int disk, unsigned int partition, unsigned int *number)
{
	if (disk < 16 && partition < 16)
		*number = 202 << 8 | disk << 4 | partition;
	else
		*number = 1 << 28 | disk << 8 | partition;
	return disk < 1 << 20;
}

static bool sd_number(unsigned int disk, unsigned int partition, unsigned int *number)
{
	if (disk >= 16 * G_N_ELEMENTS(sd_majors) || partition >= 16)
		return false;
	*number = sd_majors[disk / 16] << 8 | disk % 16 << 4 | partition;
	return true;
}

static bool hd_number(unsigned int disk, unsigned int partition, unsigned int *number)
{
	if (disk >= 2 * G_N_ELEMENTS(hd_majors) || partition >= 64)
		return false;
	*number = hd_majors[disk / 2] << 8 | disk % 2 << 6 | partition;
	return true;
}

static const struct {
	const char *prefix;
	bool (*number)(unsigned int disk, unsigned int partition, unsigned int *number);
} families[] = {
	{ "xvd", xvd_number },
	{ "sd", sd_number },
	{ "hd", hd_number },
};

static bool plain_number(const char *name, unsigned int *number)
{
	bool hex = g_str_has_prefix(name, "0x");
	guint64 value;

	if (!g_ascii_string_to_unsigned(
		    hex ? name + 2 : name, hex ? 16 : 10, 0, G_MAXUINT32 >> 1, &value, NULL))
		return false;
	*number = value;
	return true;
}

bool disk_number(const char *name, unsigned int *number)
{
	unsigned int disk, partition;

	if (g_str_has_prefix(name, "/dev/"))
		name += 5;
	for (unsigned int i = 0; i < G_N_ELEMENTS(families); i++) {
		const char *at = name + strlen(families[i].prefix);

		if (g_str_has_prefix(name, families[i].prefix))
			return letters(&at, &disk) && partition_of(at, &partition) &&
			       families[i].number(disk, partition, number);
	}
	return plain_number(name, number);
}

void disk_clear(struct disk *disk)
{
	g_free(disk->kind);
	g_free(disk->path);
	g_free(disk->dev);
}

/* "xvda", "xvda:disk", "hdc:cdrom", "ioemu:hda" */
static bool parse_dev(struct device *device, struct disk *disk, GError **error)
{
	g_autofree char *dev = device_text(device, "dev");
	const char *at = dev;
	char *type;

	if (!dev)
		return fail(error, "dev is missing"), false;
	if (g_str_has_prefix(at, "ioemu:"))
		at += 6;
	disk->dev = g_strdup(at);
	type = strchr(disk->dev, ':');
	if (type)
		*type++ = 0;
	disk->cdrom = type && g_str_equal(type, "cdrom");
	if (type && !disk->cdrom && !g_str_equal(type, "disk"))
		return fail(error, "dev: '%s' is neither disk nor cdrom", type), false;
	if (!disk_number(disk->dev, &device->id))
		return fail(error, "dev: '%s' is no name of a disk", disk->dev), false;
	return true;
}

static bool parse_mode(struct device *device, struct disk *disk, GError **error)
{
	static const char *const modes[] = { "r", "ro", "w", "rw", "r!", "w!", NULL };
	g_autofree char *mode = device_text(device, "mode");

	if (mode && !g_strv_contains(modes, mode))
		return fail(error, "mode: '%s' is none of r w r! w!", mode), false;
	disk->write = mode && strchr(mode, 'w');
	disk->share = mode && strchr(mode, '!');
	return true;
}

bool disk_parse(struct device *device, struct disk *disk, GError **error)
{
	g_autofree char *uname = device_text(device, "uname");
	const char *colon = uname ? strchr(uname, ':') : NULL;

	if (!colon || colon == uname || !colon[1])
		return fail(error, "uname: '%s' is not KIND:PATH", uname ? uname : ""), false;
	disk->kind = g_strndup(uname, colon - uname);
	disk->path = g_strdup(colon + 1);
	return parse_dev(device, disk, error) && parse_mode(device, disk, error);
}

char *disk_file(GVariant *config)
{
	g_autofree char *uname = sxp_child_text(config, "uname");
	bool file = uname && (g_str_has_prefix(uname, "file:") || g_str_has_prefix(uname, "tap"));

	return file ? g_strdup(strchr(uname, '/')) : NULL;
}

void disk_nodes(struct device *device, const struct disk *disk, struct store_batch *batch,
	const char *front, const char *back)
{
	g_autofree char *protocol = device_text(device, "protocol");

	store_batch_put(batch, front, "virtual-device", "%u", device->id);
	store_batch_put(batch, front, "device-type", "%s", disk->cdrom ? "cdrom" : "disk");
	if (protocol)
		store_batch_put(batch, front, "protocol", "%s", protocol);
	store_batch_put(batch, back, "dev", "%s", disk->dev);
	store_batch_put(batch, back, "mode", "%s", disk->write ? "w" : "r");
	store_batch_put(batch, back, "device-type", "%s", disk->cdrom ? "cdrom" : "disk");
	store_batch_put(batch, back, "removable", "%d", disk->cdrom);
	store_batch_put(batch, back, "bootable", "1");
}

bool disk_is_called(struct device *device, const char *name)
{
	unsigned int number;

	return disk_number(name, &number) && number == device->id;
}
