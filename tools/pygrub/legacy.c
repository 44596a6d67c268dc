/* menu.lst, the menu of GRUB before version 2, and of PV-GRUB. */
#include "pygrub.h"
#include <stdlib.h>
#include <string.h>

/* "(hd0,0)/path" or "/path". */
static char *split_path(struct menu *menu, const char *name, struct volume **volume)
{
	const char *path = *name == '(' ? strchr(name, ')') : NULL;

	if (path) {
		*volume = disk_volume(menu->disk, name, true) ?: menu->volume;
		name = path + 1;
	}
	return g_strdup(name);
}

static void set_kernel(struct menu *menu, struct entry *entry, char *value)
{
	size_t length;

	while (g_str_has_prefix(value, "--")) /* options: --type=... */
		value = g_strchug(value + strcspn(value, " \t"));
	length = strcspn(value, " \t");
	if (value[length])
		value[length++] = '\0';
	g_free(entry->kernel);
	g_free(entry->args);
	entry->kernel = split_path(menu, value, &entry->volume);
	entry->args = g_strdup(g_strstrip(value + length));
}

/* A command inside an entry. @modules: how many module lines it had. */
static void entry_command(
	struct menu *menu, struct entry *entry, const char *key, char *value, unsigned *modules)
{
	struct volume *ignored;

	if (!strcmp(key, "root") || !strcmp(key, "rootnoverify")) {
		entry->volume = disk_volume(menu->disk, value, true) ?: menu->volume;
	} else if (!strcmp(key, "kernel") || (!strcmp(key, "module") && !*modules)) {
		/* The first module of a hypervisor's entry is the kernel that it starts. */
		*modules += *key == 'm';
		set_kernel(menu, entry, value);
	} else if ((!strcmp(key, "initrd") || !strcmp(key, "module")) &&
		   entry->ramdisks->len < 16) {
		value[strcspn(value, " \t")] = '\0';
		g_ptr_array_add(entry->ramdisks, split_path(menu, value, &ignored));
	}
}

static void read_saved(struct menu *menu)
{
	g_autofree char *directory = g_path_get_dirname(menu->path);
	g_autofree char *path = g_strconcat(directory, "/default", NULL);
	g_autofree char *text = disk_read_text(menu->disk, menu->volume, path, NULL);

	g_free(menu->chosen);
	menu->chosen = g_strdup_printf("%lu", text ? strtoul(text, NULL, 10) : 0);
}

bool legacy_parse(struct menu *menu, const char *text, GError **error)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	struct entry *entry = NULL;
	unsigned modules = 0;

	for (int i = 0; lines[i]; i++) {
		char *key = g_strstrip(lines[i]), *value = key + strcspn(key, " \t=");

		if (!*key || *key == '#')
			continue;
		if (*value)
			*value++ = '\0';
		value += strspn(value, " \t=");
		if (!strcmp(key, "title")) {
			entry = entry_new(value);
			entry->volume = menu->volume;
			modules = 0;
			if (!entry_add(menu->entries, entry))
				return fail(error, "%s: too many menu entries", menu->path);
		} else if (entry) {
			entry_command(menu, entry, key, value, &modules);
		} else if (!strcmp(key, "default") && !strcmp(value, "saved")) {
			read_saved(menu);
		} else if (!strcmp(key, "default")) {
			g_free(menu->chosen);
			menu->chosen = g_strdup(value);
		} else if (!strcmp(key, "timeout")) {
			menu->timeout = CLAMP(strtol(value, NULL, 10), -1, 3600);
		}
	}
	return true;
}
