/* One QEMU for each domain that needs it: it is the back end of disks in image formats. */
#ifndef XEND_QEMU_H
#define XEND_QEMU_H

#include "domain.h"

/* Starts it if the domain has none. */
bool qemu_start(struct domain *domain, GError **error);
/* Ends it, also one that an earlier xend started for this id. */
void qemu_stop(int domid);

/*
 * Has it write out what it keeps of its images, tables as well as data, while the guest stands still.
 * That it could not write is something that QEMU 7.2 does not say.
 */
bool qemu_write_out(int domid, GError **error);

/* The path of the socket at which a domain's QEMU takes orders. */
char *qemu_monitor(int domid);

#endif
