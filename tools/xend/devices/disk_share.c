/* Who uses a disk already: the host by mounting it, other guests by what xenstore says of their
 * back ends. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "disk.h"
#include "error.h"

/* A block device by its number, anything else by its place on a file system. */
struct identity {
	bool block;
	dev_t device;
	ino_t inode;
};

static bool identify(const char *path, struct identity *identity)
{
	struct stat st;

	if (stat(path, &st))
		return false;
	identity->block = S_ISBLK(st.st_mode);
	identity->device = identity->block ? st.st_rdev : st.st_dev;
	identity->inode = identity->block ? 0 : st.st_ino;
	return true;
}

static bool same(const struct identity *a, const struct identity *b)
{
	return a->block == b->block && a->device == b->device && a->inode == b->inode;
}

/* The directory in sysfs of the whole disk to which a block device belongs. */
static char *whole_disk(dev_t device)
{
	g_autofree char *link =
		g_strdup_printf("/sys/dev/block/%u:%u", major(device), minor(device));
	g_autofree char *path = realpath(link, NULL), *partition = NULL;

	if (!path)
		return NULL;
	partition = g_build_filename(path, "partition", NULL);
	return g_file_test(partition, G_FILE_TEST_EXISTS) ? g_path_get_dirname(path)
							  : g_steal_pointer(&path);
}

static bool is_partition(dev_t device)
{
	g_autofree char *path =
		g_strdup_printf("/sys/dev/block/%u:%u/partition", major(device), minor(device));

	return g_file_test(path, G_FILE_TEST_EXISTS);
}

/* The same block device, or one the whole disk and the other a partition of it. */
static bool overlap(dev_t a, dev_t b)
{
	g_autofree char *one = NULL, *other = NULL;

	if (a == b)
		return true;
	if (is_partition(a) && is_partition(b))
		return false;
	one = whole_disk(a);
	other = whole_disk(b);
	return one && other && g_str_equal(one, other);
}

/* Whether a loop device @device of the host is made of file @file. */
static bool loop_of(dev_t device, const struct identity *file)
{
	g_autofree char *path = g_strdup_printf(
		"/sys/dev/block/%u:%u/loop/backing_file", major(device), minor(device));
	g_autofree char *text = NULL;
	struct identity backing;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return false;
	return identify(g_strchomp(text), &backing) && same(&backing, file);
}

/* Whether the host has it mounted, and if so whether for writing. */
static bool mounted(const struct identity *disk, bool *write)
{
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;
	bool found = false;

	*write = false;
	if (!g_file_get_contents("/proc/self/mountinfo", &text, NULL, NULL))
		return false;
	lines = g_strsplit(text, "\n", -1);
	for (char **line = lines; *line; line++) {
		unsigned int major_nr, minor_nr;
		char options[8] = "";
		dev_t device;

		/* proc(5): id, parent, major:minor, root, mount point, options */
		if (sscanf(*line, "%*u %*u %u:%u %*s %*s %7s", &major_nr, &minor_nr, options) != 3)
			continue;
		device = makedev(major_nr, minor_nr);
		if (disk->block ? !overlap(disk->device, device) : !loop_of(device, disk))
			continue;
		found = true;
		*write |= g_str_has_prefix(options, "rw");
	}
	return found;
}

static bool swaps(const struct identity *disk)
{
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;

	if (!g_file_get_contents("/proc/swaps", &text, NULL, NULL))
		return false;
	lines = g_strsplit(text, "\n", -1);
	for (char **line = lines; *line; line++) {
		g_autofree char *path = g_strndup(*line, strcspn(*line, " \t"));
		struct identity swap;

		if (*path == '/' && identify(path, &swap) && same(&swap, disk))
			return true;
	}
	return false;
}

/* The disk behind one back end in xenstore. */
static bool used_by(const char *back, const struct disk *disk, const struct identity *wanted)
{
	g_autofree char *path = store_read("%s/x-path", back), *mode = store_read("%s/mode", back);
	struct identity identity;

	if (!path || !mode || !identify(path, &identity))
		return false;
	if (!disk->write && *mode == 'r')
		return false;
	if (identity.block && wanted->block)
		return overlap(identity.device, wanted->device);
	return same(&identity, wanted);
}

static char *find_user(const char *class, const struct disk *disk, const struct identity *wanted,
	const char *own_back)
{
	g_autofree char *base = g_strdup_printf("/local/domain/0/backend/%s", class);
	g_auto(GStrv) guests = store_list("%s", base);
	int own_domid = -1;

	sscanf(own_back, "/local/domain/%*u/backend/%*[^/]/%d", &own_domid);
	for (char **guest = guests; guest && *guest; guest++) {
		g_auto(GStrv) ids = store_list("%s/%s", base, *guest);

		/* A guest that moves within this host no longer writes when the new one does. */
		if (domain_moves_to(atoi(*guest), own_domid))
			continue;
		for (char **id = ids; id && *id; id++) {
			g_autofree char *back = g_strdup_printf("%s/%s/%s", base, *guest, *id);

			if (!g_str_equal(back, own_back) && used_by(back, disk, wanted))
				return store_read("%s/domain", back);
		}
	}
	return NULL;
}

bool disk_may_use(const struct disk *disk, const char *own_back, GError **error)
{
	static const char *const classes[] = { "vbd", "qdisk" };
	struct identity wanted;
	bool write;

	if (!identify(disk->path, &wanted))
		return fail_errno(error, "%s", disk->path), false;
	if (disk->share)
		return true;
	if (mounted(&wanted, &write) && (disk->write || write))
		return fail(error, "%s is mounted %s in this host; a mode with '!' overrides",
			       disk->path, write ? "for writing" : "read-only"),
		       false;
	if (swaps(&wanted))
		return fail(error, "%s is swap space of this host", disk->path), false;
	for (unsigned int i = 0; i < G_N_ELEMENTS(classes); i++) {
		g_autofree char *user = find_user(classes[i], disk, &wanted, own_back);

		if (user)
			return fail(error, "%s is in use by guest %s; a mode with '!' overrides",
				       disk->path, user),
			       false;
	}
	return true;
}
