/* Where a domain's kernel comes from: a file of the host's, or what a boot loader takes out of the
 * guest's own disk. */
#ifndef XEND_BOOTLOADER_H
#define XEND_BOOTLOADER_H

#include "config.h"

struct boot_files {
	char *kernel, *ramdisk, *args;
	/* Copies made by the boot loader, which go away when they have been loaded. */
	bool temporary;
};

bool boot_files_find(const struct config *config, struct boot_files *files, GError **error);
void boot_files_clear(struct boot_files *files);

#endif
