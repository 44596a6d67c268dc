/*
 * pygrub DISK: chooses an entry of the boot menu on a guest's disk, copies its kernel and RAM disk
 * out, and prints where they are. The name is that of the program it stands for; there is no Python
 * in it.
 */
#include "pygrub.h"
#include "sxp.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static gboolean quiet, interactive;
static char *output_path, *output_directory, *output_format;
static char *image_format;
static char *kernel_path, *ramdisk_path, *extra_args, *entry_name;

static const GOptionEntry options[] = { { "quiet", 'q', 0, G_OPTION_ARG_NONE, &quiet,
						"Boot the default, ask nothing", NULL },
	{ "interactive", 'i', 0, G_OPTION_ARG_NONE, &interactive, "Ask even without a terminal",
		NULL },
	{ "output", 0, 0, G_OPTION_ARG_FILENAME, &output_path, "Print to FILE", "FILE" },
	{ "output-directory", 0, 0, G_OPTION_ARG_FILENAME, &output_directory,
		"Put kernel and RAM disk into DIR (" RUNDIR "/boot)", "DIR" },
	{ "output-format", 0, 0, G_OPTION_ARG_STRING, &output_format,
		"sxp (default), simple (lines) or simple0 (ended by NUL)", "FORMAT" },
	{ "format", 0, 0, G_OPTION_ARG_STRING, &image_format,
		"DISK is an image of this format, as QEMU names it (raw)", "FORMAT" },
	{ "kernel", 0, 0, G_OPTION_ARG_STRING, &kernel_path, "Kernel on the disk; reads no menu",
		"PATH" },
	{ "ramdisk", 0, 0, G_OPTION_ARG_STRING, &ramdisk_path, "RAM disk, with --kernel", "PATH" },
	{ "args", 0, 0, G_OPTION_ARG_STRING, &extra_args, "Arguments behind those of the entry",
		"ARGS" },
	{ "entry", 0, 0, G_OPTION_ARG_STRING, &entry_name, "Entry: number, title or identifier",
		"ENTRY" },
	{ NULL } };

/* What was chosen; the files are removed when something fails. */
struct result {
	char *kernel, *ramdisk, *args;
};

static int make_file(const char *kind, char **path, GError **error)
{
	int fd;

	*path = g_strdup_printf("%s/boot_%s.XXXXXX", output_directory, kind);
	fd = g_mkstemp_full(*path, O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0) {
		fail(error, "cannot make a file in %s: %s", output_directory, g_strerror(errno));
		g_clear_pointer(path, g_free);
	}
	return fd;
}

/* Copies @paths, one after the other, to one new file. */
static char *extract(struct disk *disk, const struct volume *volume, GPtrArray *paths,
	const char *kind, GError **error)
{
	char *result;
	int fd = make_file(kind, &result, error);
	bool ok = fd >= 0;

	for (guint i = 0; i < paths->len && ok; i++)
		ok = disk_copy(disk, volume, paths->pdata[i], fd, error);
	if (fd >= 0)
		close(fd);
	if (!ok && result) {
		unlink(result);
		g_clear_pointer(&result, g_free);
	}
	return result;
}

static bool extract_entry(
	struct disk *disk, struct entry *entry, struct result *result, GError **error)
{
	g_autoptr(GPtrArray) kernel = g_ptr_array_new();

	g_ptr_array_add(kernel, entry->kernel);
	result->kernel = extract(disk, entry->volume, kernel, "kernel", error);
	if (!result->kernel)
		return false;
	if (entry->ramdisks->len) {
		result->ramdisk = extract(disk, entry->volume, entry->ramdisks, "ramdisk", error);
		if (!result->ramdisk)
			return false;
	}
	result->args = g_strstrip(g_strjoin(" ", entry->args ?: "", extra_args ?: "", NULL));
	if (!g_utf8_validate(result->args, -1, NULL))
		return fail(error, "%s: the kernel's arguments are no text", disk->path);
	return true;
}

/* Without a menu: the volume is the first that has the kernel. */
static bool extract_given(struct disk *disk, struct result *result, GError **error)
{
	struct entry *entry = entry_new("");
	bool ok = false;

	entry->kernel = g_strdup(kernel_path);
	if (ramdisk_path)
		g_ptr_array_add(entry->ramdisks, g_strdup(ramdisk_path));
	for (guint i = 0; i < disk->volumes->len && !ok; i++) {
		entry->volume = disk->volumes->pdata[i];
		if (i)
			g_clear_error(error);
		ok = extract_entry(disk, entry, result, error);
		if (!ok && result->kernel)
			break;
	}
	g_free(entry->title);
	g_free(entry->kernel);
	g_ptr_array_unref(entry->ramdisks);
	g_free(entry);
	return ok;
}

static bool extract_chosen(struct disk *disk, struct result *result, GError **error)
{
	struct menu *menu = menu_read(disk, error);
	struct entry *entry = NULL;
	bool ok = false;

	if (!menu)
		return false;
	if (entry_name)
		entry = menu_find(menu, entry_name, error);
	else if (interactive || (!quiet && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)))
		entry = menu_ask(menu, error);
	else {
		/* Like GRUB itself: without a valid default, the first. */
		if (menu->chosen)
			entry = menu_find(menu, menu->chosen, NULL);
		if (!entry)
			entry = menu_find(menu, "0", error);
	}
	if (entry && menu_resolve(menu, entry, error))
		ok = extract_entry(disk, entry, result, error);
	menu_free(menu);
	return ok;
}

static void print_sxp(FILE *to, const struct result *result)
{
	GVariantBuilder list;
	g_autoptr(GVariant) value = NULL;
	g_autofree char *text = NULL;

	g_variant_builder_init(&list, G_VARIANT_TYPE("av"));
	sxp_add(&list, sxp_atom("linux"));
	sxp_add_pair(&list, "kernel", result->kernel);
	if (result->ramdisk)
		sxp_add_pair(&list, "ramdisk", result->ramdisk);
	sxp_add_pair(&list, "args", result->args);
	value = g_variant_ref_sink(g_variant_builder_end(&list));
	text = sxp_print(value);
	fprintf(to, "%s\n", text);
}

static bool print_result(const struct result *result, GError **error)
{
	FILE *to = output_path ? fopen(output_path, "w") : stdout;
	bool ok;

	if (!to)
		return fail(error, "%s: %s", output_path, g_strerror(errno));
	if (!g_strcmp0(output_format, "simple") || !g_strcmp0(output_format, "simple0")) {
		char end = output_format[6] ? '\0' : '\n';

		fprintf(to, "kernel %s%c", result->kernel, end);
		if (result->ramdisk)
			fprintf(to, "ramdisk %s%c", result->ramdisk, end);
		fprintf(to, "args %s%c", result->args, end);
	} else {
		print_sxp(to, result);
	}
	ok = !ferror(to) && !fflush(to);
	if (output_path)
		ok = !fclose(to) && ok;
	return ok || fail(error, "cannot write the result: %s", g_strerror(errno));
}

static bool boot_disk(const char *path, GError **error)
{
	struct disk *disk = disk_open(path, error);
	struct result result = { 0 };
	bool ok;

	if (!disk)
		return false;
	ok = (kernel_path ? extract_given : extract_chosen)(disk, &result, error) &&
	     print_result(&result, error);
	if (!ok && result.kernel)
		unlink(result.kernel);
	if (!ok && result.ramdisk)
		unlink(result.ramdisk);
	g_free(result.kernel);
	g_free(result.ramdisk);
	g_free(result.args);
	disk_free(disk);
	return ok;
}

static bool boot(const char *path, GError **error)
{
	struct image *image;
	bool ok;

	if (!image_format || !strcmp(image_format, "raw"))
		return boot_disk(path, error);
	image = image_attach(path, image_format, error);
	if (!image)
		return false;
	ok = boot_disk(image_device(image), error);
	image_detach(image);
	if (!ok)
		g_prefix_error(error, "%s: ", path);
	return ok;
}

int main(int argc, char **argv)
{
	g_autoptr(GOptionContext) context = g_option_context_new("DISK");
	g_autoptr(GError) error = NULL;

	g_option_context_add_main_entries(context, options, NULL);
	g_option_context_set_summary(
		context, "Finds the kernel on a guest's disk as the guest's boot loader would.");
	if (!g_option_context_parse(context, &argc, &argv, &error) || argc != 2) {
		fprintf(stderr, "pygrub: %s\n", error ? error->message : "one DISK is needed");
		return 2;
	}
	if (output_format && strcmp(output_format, "sxp") && strcmp(output_format, "simple") &&
		strcmp(output_format, "simple0")) {
		fprintf(stderr, "pygrub: unknown --output-format %s\n", output_format);
		return 2;
	}
	if (!output_directory)
		output_directory = g_strdup(RUNDIR "/boot");
	if (g_mkdir_with_parents(output_directory, 0700)) {
		fprintf(stderr, "pygrub: %s: %s\n", output_directory, g_strerror(errno));
		return 1;
	}
	if (!boot(argv[1], &error)) {
		fprintf(stderr, "pygrub: %s\n", error->message);
		return 1;
	}
	return 0;
}
