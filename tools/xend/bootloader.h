/* Where a domain's kernel comes from: a file of the host's, or what a boot loader takes out of the
 * guest's own disk. */
#ifndef XEND_BOOTLOADER_H
#define XEND_BOOTLOADER_H

#include "config.h"

struct boot_files {
	char *kernel, *ramdisk, *args;
	/* Of copies made by the boot loader, which go away when they have been loaded; or NULL. */
	char *directory;
};

bool boot_files_find(const struct config *config, struct boot_files *files, GError **error);
void boot_files_clear(struct boot_files *files);

/* Removes what a former xend has left. */
void boot_files_sweep(void);

#endif
