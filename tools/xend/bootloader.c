#include "bootloader.h"

#include <gio/gio.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "log.h"
#include "options.h"
#include "sxp.h"

void boot_files_clear(struct boot_files *files)
{
	if (files->temporary && files->kernel)
		unlink(files->kernel);
	if (files->temporary && files->ramdisk)
		unlink(files->ramdisk);
	g_clear_pointer(&files->kernel, g_free);
	g_clear_pointer(&files->ramdisk, g_free);
	g_clear_pointer(&files->args, g_free);
}

/* The file or device behind the first disk that is no CD: "phy:sda1", "file:/path",
 * "tap:aio:/path". */
static char *first_disk(const struct config *config)
{
	for (unsigned int i = 0; i < config->devices->len; i++) {
		struct device_config *device = config->devices->pdata[i];
		g_autofree char *uname = sxp_child_text(device->sxp, "uname");
		const char *path = uname ? strrchr(uname, ':') : NULL;

		if (!path || !(g_str_equal(device->class, "vbd") ||
				     g_str_has_prefix(device->class, "tap")))
			continue;
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

/* Runs the boot loader on the disk; returns what it prints, "(linux (kernel …) (ramdisk …) (args
 * …))". */
static char *run(const struct config *config, const char *disk, GError **error)
{
	g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GSubprocess) process = NULL;
	g_autofree char *program = find_program(config->bootloader), *output = NULL, *errors = NULL;

	if (!program)
		return fail(error, "bootloader: there is no program %s", config->bootloader), NULL;
	g_ptr_array_add(argv, g_strdup(program));
	g_ptr_array_add(argv, g_strdup("-q"));
	g_ptr_array_add(argv, g_strdup_printf("--output-directory=%s", run_dir()));
	if (!add_arguments(argv, config, error))
		return NULL;
	g_ptr_array_add(argv, g_strdup(disk));
	g_ptr_array_add(argv, NULL);
	process = g_subprocess_newv((const char *const *)argv->pdata,
		G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE, error);
	if (!process ||
		!g_subprocess_communicate_utf8(process, NULL, NULL, &output, &errors, error))
		return NULL;
	if (g_subprocess_get_successful(process))
		return g_steal_pointer(&output);
	g_strdelimit(g_strstrip(errors), "\n", ' ');
	return fail(error, "bootloader: %s failed: %s", config->bootloader, errors), NULL;
}

static bool from_bootloader(const struct config *config, struct boot_files *files, GError **error)
{
	g_autofree char *disk = first_disk(config), *text = NULL, *args = NULL, *own = NULL;
	g_autoptr(GVariant) sxp = NULL;

	if (!disk)
		return fail(error, "bootloader: the domain has no disk"), false;
	text = run(config, disk, error);
	sxp = text ? sxp_parse(text, -1, error) : NULL;
	if (!sxp)
		return g_prefix_error(error, "bootloader: "), false;
	files->temporary = true;
	files->kernel = sxp_child_text(sxp, "kernel");
	files->ramdisk = sxp_child_text(sxp, "ramdisk");
	args = sxp_child_text(sxp, "args");
	own = config_kernel_args(config);
	files->args = g_strstrip(g_strjoin(" ", args ? args : "", own, NULL));
	if (!files->kernel)
		return fail(error, "bootloader: %s names no kernel", config->bootloader), false;
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
	return true;
}
