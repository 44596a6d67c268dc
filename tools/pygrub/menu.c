/* Boot menus of all formats: finding, choosing, asking. */
#include "pygrub.h"
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct format {
	const char *path;
	bool (*parse)(struct menu *menu, const char *text, GError **error);
} formats[] = {
	{ "/boot/grub/grub.cfg", grub2_parse },
	{ "/boot/grub2/grub.cfg", grub2_parse },
	{ "/grub/grub.cfg", grub2_parse },
	{ "/grub2/grub.cfg", grub2_parse },
	{ "/@/boot/grub/grub.cfg", grub2_parse },
	{ "/@/boot/grub2/grub.cfg", grub2_parse },
	{ "/boot/grub/menu.lst", legacy_parse },
	{ "/boot/grub/grub.conf", legacy_parse },
	{ "/grub/menu.lst", legacy_parse },
	{ "/grub/grub.conf", legacy_parse },
	{ "/boot/extlinux/extlinux.conf", extlinux_parse },
	{ "/boot/extlinux.conf", extlinux_parse },
	{ "/extlinux/extlinux.conf", extlinux_parse },
	{ "/extlinux.conf", extlinux_parse },
	{ "/boot/syslinux/syslinux.cfg", extlinux_parse },
	{ "/syslinux/syslinux.cfg", extlinux_parse },
	{ "/isolinux/isolinux.cfg", extlinux_parse },
	{ "/boot/isolinux/isolinux.cfg", extlinux_parse },
};

static void entry_free(void *data)
{
	struct entry *entry = data;

	g_free(entry->title);
	g_free(entry->id);
	g_free(entry->body);
	g_free(entry->kernel);
	g_free(entry->args);
	g_ptr_array_unref(entry->ramdisks);
	if (entry->children)
		g_ptr_array_unref(entry->children);
	g_free(entry);
}

struct entry *entry_new(const char *title)
{
	struct entry *entry = g_new0(struct entry, 1);

	entry->title = g_strdup(title);
	entry->ramdisks = g_ptr_array_new_with_free_func(g_free);
	return entry;
}

bool entry_add(GPtrArray *list, struct entry *entry)
{
	if (list->len >= ENTRIES_MAX) {
		entry_free(entry);
		return false;
	}
	g_ptr_array_set_free_func(list, entry_free);
	g_ptr_array_add(list, entry);
	return true;
}

void menu_free(struct menu *menu)
{
	if (!menu)
		return;
	g_ptr_array_unref(menu->entries);
	g_hash_table_unref(menu->variables);
	g_free(menu->chosen);
	g_free(menu);
}

static struct menu *menu_parse(struct disk *disk, struct volume *volume,
	const struct format *format, const char *text, GError **error)
{
	struct menu *menu = g_new0(struct menu, 1);

	menu->disk = disk;
	menu->volume = volume;
	menu->path = format->path;
	menu->timeout = -1;
	menu->entries = g_ptr_array_new();
	menu->variables = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	if (format->parse(menu, text, error) && menu->entries->len)
		return menu;
	if (error && !*error)
		fail(error, "%s: %s has no entries", disk->path, format->path);
	menu_free(menu);
	return NULL;
}

struct menu *menu_read(struct disk *disk, GError **error)
{
	for (guint v = 0; v < disk->volumes->len; v++) {
		struct volume *volume = disk->volumes->pdata[v];

		/* The disk itself, when it has partitions, has no files. */
		if (!strchr(volume->name, ',') && !volume->uuid && disk->volumes->len > 1)
			continue;
		for (size_t f = 0; f < G_N_ELEMENTS(formats); f++) {
			g_autoptr(GError) reason = NULL;
			g_autofree char *text =
				disk_read_text(disk, volume, formats[f].path, &reason);

			if (text)
				return menu_parse(disk, volume, &formats[f], text, error);
			if (reason) {
				g_propagate_prefixed_error(
					error, g_steal_pointer(&reason), "%s: ", formats[f].path);
				return NULL;
			}
		}
	}
	fail(error, "%s: no boot menu found (grub.cfg, menu.lst, extlinux.conf)", disk->path);
	return NULL;
}

/* The entry of @list that is called @name: a number, an identifier, or a title. */
static struct entry *find_in(GPtrArray *list, const char *name)
{
	char *end;
	unsigned long number = strtoul(name, &end, 10);

	for (guint i = 0; i < list->len; i++) {
		struct entry *entry = list->pdata[i];

		if (!g_strcmp0(entry->id, name) || !strcmp(entry->title, name))
			return entry;
	}
	return g_ascii_isdigit(*name) && !*end && number < list->len ? list->pdata[number] : NULL;
}

/* As find_in(), also below submenus. */
static struct entry *find_below(GPtrArray *list, const char *name)
{
	struct entry *entry = find_in(list, name);

	for (guint i = 0; i < list->len && !entry; i++) {
		GPtrArray *children = ((struct entry *)list->pdata[i])->children;

		if (children && !g_ascii_isdigit(*name))
			entry = find_below(children, name);
	}
	return entry;
}

/* An entry that boots: of a submenu its first one. */
static struct entry *leaf(struct entry *entry)
{
	while (entry && entry->children)
		entry = entry->children->len ? entry->children->pdata[0] : NULL;
	return entry;
}

struct entry *menu_find(struct menu *menu, const char *which, GError **error)
{
	struct entry *entry = find_below(menu->entries, which);
	g_auto(GStrv) parts = g_strsplit(which, ">", 16);

	if (!entry) {
		GPtrArray *list = menu->entries;

		for (int i = 0; parts[i] && list; i++) {
			entry = find_in(list, g_strstrip(parts[i]));
			list = entry ? entry->children : NULL;
			if (!list && parts[i + 1])
				entry = NULL;
		}
	}
	entry = leaf(entry);
	if (!entry)
		fail(error, "%s: the boot menu has no entry '%s'", menu->disk->path, which);
	return entry;
}

bool menu_resolve(struct menu *menu, struct entry *entry, GError **error)
{
	if (entry->body && !grub2_resolve(menu, entry, error))
		return false;
	if (!entry->kernel)
		return fail(error, "%s: entry '%s' of %s names no kernel", menu->disk->path,
			entry->title, menu->path);
	return true;
}

/* A line typed within @timeout seconds (-1: any time); NULL at the end of input or when time is up.
 */
static char *read_line(int timeout, bool *expired)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	char line[64];
	int ready = poll(&input, 1, timeout < 0 ? -1 : timeout * 1000);

	*expired = ready == 0;
	if (ready <= 0 || !fgets(line, sizeof(line), stdin))
		return NULL;
	return g_strstrip(g_strdup(line));
}

static void print_title(guint number, const char *title, bool submenu)
{
	printf("%4u  ", number);
	for (const char *c = title; *c; c++)
		putchar(g_ascii_iscntrl(*c) ? '?' : *c);
	puts(submenu ? " >" : "");
}

struct entry *menu_ask(struct menu *menu, GError **error)
{
	g_autoptr(GError) ignored = NULL;
	struct entry *chosen = menu->chosen ? menu_find(menu, menu->chosen, &ignored) : NULL;
	GPtrArray *list = menu->entries;
	int timeout = menu->timeout;

	for (;;) {
		g_autofree char *line = NULL;
		struct entry *entry;
		bool expired;

		for (guint i = 0; i < list->len; i++)
			print_title(i, ((struct entry *)list->pdata[i])->title,
				((struct entry *)list->pdata[i])->children);
		if (!chosen)
			chosen = leaf(list->pdata[0]);
		printf("Number of the entry, Enter for '%s'", chosen->title);
		if (timeout >= 0)
			printf(" (%d s)", timeout);
		fputs(": ", stdout);
		fflush(stdout);
		line = read_line(timeout, &expired);
		if (expired || (line && !*line))
			return chosen;
		if (!line) {
			fail(error, "nothing was chosen");
			return NULL;
		}
		timeout = -1;
		entry = find_in(list, line);
		if (!entry)
			printf("There is no entry %s.\n", line);
		else if (!entry->children)
			return entry;
		else if (entry->children->len) {
			list = entry->children;
			chosen = NULL;
		}
	}
}
