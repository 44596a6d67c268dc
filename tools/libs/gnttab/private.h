/* What both sides of the grant library share. */
#ifndef GNTTAB_PRIVATE_H
#define GNTTAB_PRIVATE_H

#include "xengnttab.h"

#define GNT_PAGE_SIZE 4096UL

struct xengntdev_handle {
	int fd;
};

/** Opens @device; NULL and errno on failure. */
xengnttab_handle *gnt_open(const char *device, unsigned open_flags);

/** Closes the device (NULL: nothing) and frees the handle. */
int gnt_close(xengnttab_handle *xgt);

/**
 * Has the page at @index of the device announce its unmapping; offset and port may be -1. 0, or -1
 * and errno.
 */
int gnt_set_notify(xengnttab_handle *xgt, uint64_t index, uint32_t offset, evtchn_port_t port);

#endif /* GNTTAB_PRIVATE_H */
