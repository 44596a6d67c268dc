/* What vbd and tap share: names, modes and files of disks. */
#ifndef XEND_DISK_H
#define XEND_DISK_H

#include "device.h"

/*
 * The number of a disk of that name in the guest: xvdaN, hdaN, sdaN with an optional "/dev/"
 * before; decimal or hexadecimal numbers. xen-vbd-interface(7) has the scheme.
 */
bool disk_number(const char *name, unsigned int *number);

struct disk {
	char *kind; /* of the uname "KIND:PATH" */
	char *path;
	char *dev; /* name in the guest, without "ioemu:" and ":disk" */
	bool cdrom;
	bool write; /* w */
	bool share; /* r! or w!: without asking who else uses it */
};

/* What "(uname …) (dev …) (mode …)" of a device say, and its number. */
bool disk_parse(struct device *device, struct disk *disk, GError **error);
void disk_clear(struct disk *disk);
typedef struct disk disk_t;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(disk_t, disk_clear)

/* The file of a disk that has this configuration, to be freed; NULL if it is kept in no file. */
char *disk_file(GVariant *config);

/* Nodes that all back ends of disks have. */
void disk_nodes(struct device *device, const struct disk *disk, struct store_batch *batch,
	const char *front, const char *back);

/*
 * Refuses a disk that the host has mounted, or another guest uses, if both together can do harm.
 * What it finds stays true while devices are plugged one at a time: the next one sees this one's
 * nodes.
 */
bool disk_may_use(const struct disk *disk, const char *own_back, GError **error);

/* A loop device of @path: its file descriptor, which keeps it alive until the back end does, and
 * number. */
int loop_create(const char *path, bool write, char **device, GError **error);

/* The name that QEMU has for the format of "tap:FORMAT:PATH"; NULL if there is none. */
const char *tap_format(const char *name);

bool disk_is_called(struct device *device, const char *name);

#endif
