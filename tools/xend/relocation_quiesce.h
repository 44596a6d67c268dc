/* A suspended guest's disks come to rest. */
#ifndef XEND_RELOCATION_QUIESCE_H
#define XEND_RELOCATION_QUIESCE_H

#include "domain.h"

/*
 * Waits until the back ends of the guest's disks have finished all that it asked for, and files are
 * on the disk, so that nothing is written from here any more once it runs elsewhere. domain->lock
 * is held.
 */
bool relocation_quiesce(struct domain *domain, GError **error);

#endif
