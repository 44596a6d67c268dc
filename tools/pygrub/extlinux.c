/* extlinux.conf and its relations of the SYSLINUX family. */
#include "pygrub.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Names are relative to the directory of the configuration. */
static char *absolute(struct menu *menu, const char *path)
{
	g_autofree char *directory = g_path_get_dirname(menu->path);

	return *path == '/' ? g_strdup(path) : g_build_filename(directory, path, NULL);
}

static void add_ramdisks(struct menu *menu, struct entry *entry, const char *list)
{
	g_auto(GStrv) names = g_strsplit(list, ",", 16);

	g_ptr_array_set_size(entry->ramdisks, 0);
	for (int i = 0; names[i]; i++)
		g_ptr_array_add(entry->ramdisks, absolute(menu, g_strstrip(names[i])));
}

/* Arguments; "initrd=NAME" among them is for the loader. */
static void set_append(struct menu *menu, struct entry *entry, const char *value)
{
	g_auto(GStrv) words = g_strsplit(value, " ", -1);
	g_autoptr(GString) args = g_string_new(NULL);

	for (int i = 0; words[i]; i++) {
		if (g_str_has_prefix(words[i], "initrd="))
			add_ramdisks(menu, entry, words[i] + 7);
		else if (*words[i])
			g_string_append_printf(args, "%s%s", args->len ? " " : "", words[i]);
	}
	g_free(entry->args);
	entry->args = g_strdup(args->str);
}

static void entry_command(struct menu *menu, struct entry *entry, const char *key, char *value)
{
	if (!strcasecmp(key, "kernel") || !strcasecmp(key, "linux")) {
		g_free(entry->kernel);
		entry->kernel = absolute(menu, value);
	} else if (!strcasecmp(key, "initrd")) {
		add_ramdisks(menu, entry, value);
	} else if (!strcasecmp(key, "append")) {
		set_append(menu, entry, value);
	} else if (!strcasecmp(key, "menu") && !strncasecmp(value, "label", 5)) {
		g_free(entry->title);
		entry->title = g_strstrip(g_strdup(value + 5));
	} else if (!strcasecmp(key, "menu") && !strcasecmp(value, "default")) {
		g_free(menu->chosen);
		menu->chosen = g_strdup(entry->id);
	}
}

bool extlinux_parse(struct menu *menu, const char *text, GError **error)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	struct entry *entry = NULL;

	for (int i = 0; lines[i]; i++) {
		char *key = g_strstrip(lines[i]), *value = key + strcspn(key, " \t");

		if (!*key || *key == '#')
			continue;
		if (*value)
			*value++ = '\0';
		value = g_strstrip(value);
		if (!strcasecmp(key, "label")) {
			entry = entry_new(value);
			entry->id = g_strdup(value);
			entry->volume = menu->volume;
			if (!entry_add(menu->entries, entry))
				return fail(error, "%s: too many menu entries", menu->path);
		} else if (!strcasecmp(key, "default")) {
			g_free(menu->chosen);
			menu->chosen = g_strdup(value);
		} else if (!strcasecmp(key, "timeout")) {
			menu->timeout = CLAMP(strtol(value, NULL, 10), 0, 36000) / 10;
		} else if (entry) {
			entry_command(menu, entry, key, value);
		}
	}
	return true;
}
