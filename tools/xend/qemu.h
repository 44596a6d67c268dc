/* One QEMU for each domain that needs it: it is the back end of disks in image formats. */
#ifndef XEND_QEMU_H
#define XEND_QEMU_H

#include "domain.h"

/* Starts it if the domain has none. */
bool qemu_start(struct domain *domain, GError **error);
/* Ends it, also one that an earlier xend started for this id. */
void qemu_stop(int domid);

#endif
