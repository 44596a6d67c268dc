#include "bootloader.h"

#include <errno.h>
#include <gio/gio.h>
#include <string.h>
#include <unistd.h>

#include "devices/disk.h"
#include "error.h"
#include "hotplug.h"
#include "log.h"
#include "options.h"
#include "sxp.h"

/* Boot loaders run without asking the user. Reading a large RAM disk may take a while. */
#define SECONDS 300

static char *boot_dir(void)
{
	return g_build_filename(run_dir(), "boot", NULL);
}

static void remove_directory(const char *path)
{
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *below = g_build_filename(path, name, NULL);

		if (unlink(below) && errno == EISDIR)
			remove_directory(below);
	}
	rmdir(path);
}

void boot_files_sweep(void)
{
	g_autofree char *path = boot_dir();

	remove_directory(path);
}

void boot_files_clear(struct boot_files *files)
{
	if (files->directory)
		remove_directory(files->directory);
	g_clear_pointer(&files->directory, g_free);
	g_clear_pointer(&files->kernel, g_free);
	g_clear_pointer(&files->ramdisk, g_free);
	g_clear_pointer(&files->args, g_free);
}

static bool is_cd(struct device_config *device)
{
	g_autofree char *dev = sxp_child_text(device->sxp, "dev");

	return dev && g_str_has_suffix(dev, ":cdrom");
}

/* QEMU's name of the format in "tap:FORMAT:/path", of which @path is ":/path". */
static const char *format_of(const char *uname, const char *path)
{
	g_autofree char *kinds = g_strndup(uname, path - uname);
	const char *last = strrchr(kinds, ':');

	return last ? tap_format(last + 1) : NULL;
}

/* The file or device behind the first disk that is no CD: "phy:sda1", "file:/path",
 * "tap:aio:/path"; of an image, its format too. */
static char *first_disk(const struct config *config, const char **format)
{
	*format = NULL;
	for (unsigned int i = 0; i < config->devices->len; i++) {
		struct device_config *device = config->devices->pdata[i];
		g_autofree char *uname = sxp_child_text(device->sxp, "uname");
		/* Behind the kinds of "tap:"; colons in the path itself are its own. */
		const char *tap =
			uname && g_str_has_prefix(uname, "tap") ? strstr(uname, ":/") : NULL;
		const char *path = tap ? tap : uname ? strchr(uname, ':') : NULL;

		if (!path || is_cd(device) ||
			!(g_str_equal(device->class, "vbd") ||
				g_str_has_prefix(device->class, "tap")))
			continue;
		if (tap)
			*format = format_of(uname, tap);
		if (g_str_has_prefix(uname, "phy:") && path[1] != '/')
			return g_strconcat("/dev/", path + 1, NULL);
		return g_strdup(path + 1);
	}
	return NULL;
}

static char *find_program(const char *name)
{
	g_autofree char *own = g_build_filename(LIBEXECDIR, "bin", name, NULL);

	if (*name != '/' && g_file_test(own, G_FILE_TEST_IS_EXECUTABLE))
		return g_steal_pointer(&own);
	return g_find_program_in_path(name);
}

static bool add_arguments(GPtrArray *argv, const struct config *config, GError **error)
{
	g_autoptr(GError) cause = NULL;
	g_auto(GStrv) words = NULL;

	if (!*config->bootloader_args)
		return true;
	if (!g_shell_parse_argv(config->bootloader_args, NULL, &words, &cause))
		return fail(error, "bootloader_args: %s", cause->message), false;
	for (char **word = words; *word; word++)
		g_ptr_array_add(argv, g_strdup(*word));
	return true;
}

/* Programs that others have written know nothing of formats. */
static bool is_pygrub(const char *program)
{
	g_autofree char *name = g_path_get_basename(program);

	return g_str_equal(name, "pygrub");
}

static GPtrArray *command(const struct config *config, const char *disk, const char *format,
	const char *directory, GError **error)
{
	g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);
	char *program = find_program(config->bootloader);

	if (!program)
		return fail(error, "there is no program %s", config->bootloader), NULL;
	g_ptr_array_add(argv, program);
	g_ptr_array_add(argv, g_strdup("-q"));
	g_ptr_array_add(argv, g_strdup_printf("--output-directory=%s", directory));
	if (format && !g_str_equal(format, "raw") && is_pygrub(program))
		g_ptr_array_add(argv, g_strdup_printf("--format=%s", format));
	if (!add_arguments(argv, config, error))
		return NULL;
	g_ptr_array_add(argv, g_strdup(disk));
	g_ptr_array_add(argv, NULL);
	return g_steal_pointer(&argv);
}

/* What the boot loader prints, "(linux (kernel …) (ramdisk …) (args …))". */
static char *run_command(GPtrArray *argv, int output, int errors, GError **error)
{
	g_autoptr(GError) cause = NULL;
	g_autofree char *said = NULL;
	const char *name = argv->pdata[0];
	bool late;

	if (program_run(
		    (const char *const *)argv->pdata, NULL, output, errors, SECONDS, &late, &cause))
		return program_text(output);
	if (cause)
		return g_propagate_error(error, g_steal_pointer(&cause)), NULL;
	if (late)
		return fail(error, "%s did not end within %u seconds", name, SECONDS), NULL;
	said = program_text(errors);
	g_strdelimit(g_strstrip(said), "\n", ' ');
	return fail(error, "%s failed: %s", name, said), NULL;
}

static char *run(const struct config *config, const char *disk, const char *format,
	const char *directory, GError **error)
{
	g_autoptr(GPtrArray) argv = command(config, disk, format, directory, error);
	int output = argv ? program_output(error) : -1;
	int errors = output >= 0 ? program_output(error) : -1;
	char *text = errors >= 0 ? run_command(argv, output, errors, error) : NULL;

	if (output >= 0)
		close(output);
	if (errors >= 0)
		close(errors);
	return text;
}

static bool read_files(const struct config *config, struct boot_files *files, GError **error)
{
	const char *format;
	g_autofree char *disk = first_disk(config, &format), *text = NULL, *args = NULL,
			*own = NULL;
	g_autoptr(GVariant) sxp = NULL;

	if (!disk)
		return fail(error, "the domain has no disk"), false;
	text = run(config, disk, format, files->directory, error);
	sxp = text ? sxp_parse(text, -1, error) : NULL;
	if (!sxp)
		return false;
	files->kernel = sxp_child_text(sxp, "kernel");
	files->ramdisk = sxp_child_text(sxp, "ramdisk");
	args = sxp_child_text(sxp, "args");
	own = config_kernel_args(config);
	files->args = g_strstrip(g_strjoin(" ", args ? args : "", own, NULL));
	if (!files->kernel)
		return fail(error, "%s names no kernel", config->bootloader), false;
	return true;
}

static bool from_bootloader(const struct config *config, struct boot_files *files, GError **error)
{
	g_autofree char *base = boot_dir();

	files->directory = g_build_filename(base, config->uuid, NULL);
	if (g_mkdir_with_parents(files->directory, 0700))
		fail_errno(error, "cannot make %s", files->directory);
	else if (read_files(config, files, error))
		return true;
	boot_files_clear(files);
	g_prefix_error(error, "bootloader: ");
	return false;
}

/* Before the domain gets memory for which domain 0 may have to give its own. */
static bool readable(const char *path, GError **error)
{
	if (path && access(path, R_OK))
		return fail_errno(error, "image: %s", path), false;
	return true;
}

bool boot_files_find(const struct config *config, struct boot_files *files, GError **error)
{
	*files = (struct boot_files){ .kernel = config_kernel(config) };
	if (*config->bootloader && !files->kernel)
		return from_bootloader(config, files, error);
	if (!files->kernel)
		return fail(error, "image: there is neither a kernel nor a bootloader"), false;
	files->ramdisk = config_ramdisk(config);
	files->args = config_kernel_args(config);
	if (readable(files->kernel, error) && readable(files->ramdisk, error))
		return true;
	boot_files_clear(files);
	return false;
}
