/* A guest's disk: its volumes and the files on them, all read by sandbox_run(). */
#include "pygrub.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define VOLUMES_MAX 128

bool fail(GError **error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (error)
		*error = g_error_new_valist(PYGRUB_ERROR, 0, format, args);
	va_end(args);
	return false;
}

static void volume_free(void *data)
{
	struct volume *volume = data;

	g_free(volume->name);
	g_free(volume->uuid);
	g_free(volume->label);
	g_free(volume);
}

/* Formats that carry a disk inside. They are not guessed: a guest may write such a head to its raw
 * disk. */
static bool check_format(const char *path, int fd, GError **error)
{
	static const struct {
		const char *magic, *name;
	} formats[] = { { "QFI\xfb", "qcow" }, { "KDMV", "vmdk" }, { "conectix", "vhd" } };
	char head[8] = { 0 };

	if (pread(fd, head, sizeof(head), 0) < 0)
		return fail(error, "%s: cannot read: %s", path, g_strerror(errno));
	for (size_t i = 0; i < G_N_ELEMENTS(formats); i++)
		if (!memcmp(head, formats[i].magic, strlen(formats[i].magic)))
			return fail(error,
				"%s is a %s image; without --format only raw disks are read", path,
				formats[i].name);
	return true;
}

static bool check_disk(const char *path, GError **error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	bool ok;

	if (fd < 0)
		return fail(error, "%s: %s", path, g_strerror(errno));
	if (fstat(fd, &st) || (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)))
		ok = fail(error, "%s is neither a file nor a block device", path);
	else
		ok = check_format(path, fd, error);
	close(fd);
	return ok;
}

/* Runs a command and returns what it prints; NULL with @error, or without when it failed itself. */
static char *capture(struct disk *disk, const char *const *argv, char **complaint, GError **error)
{
	int fd = memfd_create("pygrub", MFD_CLOEXEC), status;
	struct stat st;
	char *text = NULL;

	if (fd < 0) {
		fail(error, "cannot make a buffer: %s", g_strerror(errno));
		return NULL;
	}
	if (sandbox_run(disk, argv, fd, TEXT_MAX, &status, complaint, error) && !status &&
		!fstat(fd, &st)) {
		text = g_malloc0(st.st_size + 1);
		if (pread(fd, text, st.st_size, 0) != st.st_size)
			g_clear_pointer(&text, g_free);
	}
	close(fd);
	return text;
}

/* The value after @key in a line of the listing, up to the next separator. */
static char *property(const char *line, const char *key)
{
	const char *value = strstr(line, key), *end;

	if (!value)
		return NULL;
	value += strlen(key);
	end = strpbrk(value, ", \t\n");
	return g_strndup(value, end ? end - value : strlen(value));
}

/* "… - Label `my disk' - …" */
static char *label_of(const char *line)
{
	const char *value = strstr(line, "Label `"), *end = value ? strstr(value, "' - ") : NULL;

	return end ? g_strndup(value + 7, end - value - 7) : NULL;
}

/*
 * One line of GRUB's long listing: "Device loop0: ..." or "\tPartition loop0,msdos1: ...". Its
 * pseudo devices, which would show files of the host, are not taken.
 */
static void add_volume(struct disk *disk, const char *line)
{
	const char *name = strstr(line, "Device ") ?: strstr(line, "Partition "), *end;
	struct volume *volume;

	if (!name || disk->volumes->len >= VOLUMES_MAX)
		return;
	name = strchr(name, ' ') + 1;
	end = strstr(name, ": ");
	if (!end || (!g_str_has_prefix(name, "loop0") && !g_str_has_prefix(name, "lvm/") &&
			    !g_str_has_prefix(name, "md/")))
		return;
	volume = g_new0(struct volume, 1);
	volume->name = g_strndup(name, end - name);
	volume->uuid = property(end, "UUID ");
	volume->label = label_of(end);
	if (strpbrk(volume->name, "()/\\ ") && !g_str_has_prefix(volume->name, "lvm/") &&
		!g_str_has_prefix(volume->name, "md/"))
		volume_free(volume);
	else
		g_ptr_array_add(disk->volumes, volume);
}

void disk_free(struct disk *disk)
{
	if (!disk)
		return;
	g_ptr_array_unref(disk->volumes);
	g_free(disk->path);
	g_free(disk);
}

struct disk *disk_open(const char *path, GError **error)
{
	static const char *const list[] = { "ls", "--", "-l", NULL };
	g_autofree char *text = NULL, *complaint = NULL;
	g_auto(GStrv) lines = NULL;
	struct disk *disk;

	if (!check_disk(path, error))
		return NULL;
	disk = g_new0(struct disk, 1);
	disk->path = realpath(path, NULL) ?: g_strdup(path);
	disk->volumes = g_ptr_array_new_with_free_func(volume_free);
	text = capture(disk, list, &complaint, error);
	if (text) {
		lines = g_strsplit(text, "\n", -1);
		for (int i = 0; lines[i]; i++)
			add_volume(disk, lines[i]);
		if (disk->volumes->len)
			return disk;
	}
	if (error && !*error)
		fail(error, "%s: no volume found%s%s", path, complaint && *complaint ? ": " : "",
			complaint ?: "");
	disk_free(disk);
	return NULL;
}

struct volume *disk_volume(struct disk *disk, const char *name, bool from_zero)
{
	size_t skip = *name == '(';
	const char *comma = strchr(name, ','), *digits;
	unsigned long number;

	if (!g_str_has_prefix(name + skip, "hd0")) {
		size_t length = strcspn(name + skip, ")");

		for (guint i = 0; i < disk->volumes->len; i++) {
			struct volume *volume = disk->volumes->pdata[i];

			if (strlen(volume->name) == length &&
				!strncmp(volume->name, name + skip, length))
				return volume;
		}
		return NULL;
	}
	if (!comma)
		return disk->volumes->pdata[0];
	digits = comma + 1 + strcspn(comma + 1, "0123456789");
	number = strtoul(digits, NULL, 10) + from_zero;
	for (guint i = 0; i < disk->volumes->len; i++) {
		struct volume *volume = disk->volumes->pdata[i];
		const char *own = strchr(volume->name, ',');

		if (own && strtoul(own + 1 + strcspn(own + 1, "0123456789"), NULL, 10) == number)
			return volume;
	}
	return NULL;
}

static char *full_path(const struct volume *volume, const char *path)
{
	return g_strdup_printf("(%s)%s%s", volume->name, *path == '/' ? "" : "/", path);
}

char *disk_read_text(
	struct disk *disk, const struct volume *volume, const char *path, GError **error)
{
	g_autofree char *file = full_path(volume, path);
	const char *const argv[] = { "cat", file, NULL };

	return capture(disk, argv, NULL, error);
}

bool disk_copy(
	struct disk *disk, const struct volume *volume, const char *path, int out, GError **error)
{
	g_autofree char *file = full_path(volume, path), *complaint = NULL;
	const char *const argv[] = { "cat", file, NULL };
	int status;

	if (!sandbox_run(disk, argv, out, FILE_MAX, &status, &complaint, error))
		return false;
	if (status)
		return fail(error, "%s: cannot copy %s: %s", disk->path, path,
			complaint && *complaint ? complaint : "unknown reason");
	return true;
}
