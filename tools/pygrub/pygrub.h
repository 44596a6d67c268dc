/*
 * pygrub: finds kernel and initial RAM disk of a guest on the guest's own disk.
 *
 * The disk is the guest's, so nothing on it may be trusted. GRUB's own drivers read it, in a
 * process that may do nothing else (sandbox.c); this program only sees the texts and files that
 * come out, and limits their size.
 */
#ifndef PYGRUB_H
#define PYGRUB_H

#include <stdbool.h>
#include <stdint.h>
#include <glib.h>

#define PYGRUB_ERROR g_quark_from_static_string("pygrub")

/** Sets @error to a formatted message; false, for `return fail(...)`. */
bool fail(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* What a guest may make us read: texts (bytes), files copied out (bytes each), menu entries. */
#define TEXT_MAX    (1U << 20)
#define FILE_MAX    (512U << 20)
#define ENTRIES_MAX 1000

/** A partition (or whole disk, or logical volume) as GRUB's drivers name it. */
struct volume {
	char *name; /* "loop0", "loop0,msdos1", "lvm/vg-root" */
	char *uuid;
	char *label;
};

/** A guest's disk. */
struct disk {
	char *path;
	GPtrArray *volumes; /* struct volume */
};

/**
 * Runs GRUB's file-system tool on @disk, confined. @argv: what follows the image in its command
 * line. Its output goes to @out, of which @limit bytes may be written. NULL, or what it complained
 * about in *@complaint (g_free). Returns false with @error when it could not run, and true with its
 * exit status in *@status.
 */
bool sandbox_run(const struct disk *disk, const char *const *argv, int out, uint64_t limit,
	int *status, char **complaint, GError **error);

struct image;
/**
 * Shows what the image at @path, of a @format that QEMU knows, holds as a block device, until
 * image_detach() or the end of this process. NULL on error.
 */
struct image *image_attach(const char *path, const char *format, GError **error);
void image_detach(struct image *image);
/** Path of the device; the image's. */
const char *image_device(const struct image *image);

/** Opens the disk or raw image at @path and lists its volumes. NULL on error. */
struct disk *disk_open(const char *path, GError **error);
void disk_free(struct disk *disk);
/** The volume that a boot loader's text means: "hd0,msdos1", "(hd0,0)" if @from_zero, "hd0"; NULL
 * if none. */
struct volume *disk_volume(struct disk *disk, const char *name, bool from_zero);
/** Text of a file. NULL when it is not there, or, with @error, when it cannot be read or is too
 * long. */
char *disk_read_text(
	struct disk *disk, const struct volume *volume, const char *path, GError **error);
/** Copies a file to the end of the descriptor @out. */
bool disk_copy(
	struct disk *disk, const struct volume *volume, const char *path, int out, GError **error);

/** A choice of the boot menu. */
struct entry {
	char *title;
	char *id;
	char *body;          /* commands still to be interpreted (GRUB 2) */
	GPtrArray *children; /* of a submenu: struct entry; else NULL */
	struct volume *volume;
	char *kernel;
	char *args;
	GPtrArray *ramdisks; /* char * */
};

struct menu {
	struct disk *disk;
	struct volume *volume; /* where its text was found */
	const char *path;      /* of its text */
	GPtrArray *entries;
	char *chosen; /* the default: number, title or identifier, "1>0" in submenus; NULL: first */
	int timeout;  /* seconds; -1: wait for ever */
	GHashTable *variables;
};

/** Reads the boot menu of @disk: GRUB 2, GRUB legacy or extlinux, whichever is found first. NULL on
 * error. */
struct menu *menu_read(struct disk *disk, GError **error);
void menu_free(struct menu *menu);
/** The entry called @which (as menu->chosen); NULL with @error if there is none. */
struct entry *menu_find(struct menu *menu, const char *which, GError **error);
/** Lets the user choose on the terminal. NULL when he gives up. */
struct entry *menu_ask(struct menu *menu, GError **error);
/** Interprets what is left of @entry, so that kernel, args and ramdisks are set. */
bool menu_resolve(struct menu *menu, struct entry *entry, GError **error);

struct entry *entry_new(const char *title);
/** Adds @entry to @list, unless there are too many already: then it is freed, and false. */
bool entry_add(GPtrArray *list, struct entry *entry);

/* The three formats; each fills @menu from @text. */
bool grub2_parse(struct menu *menu, const char *text, GError **error);
bool grub2_resolve(struct menu *menu, struct entry *entry, GError **error);
bool legacy_parse(struct menu *menu, const char *text, GError **error);
bool extlinux_parse(struct menu *menu, const char *text, GError **error);

#endif
