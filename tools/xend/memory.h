/* Memory for new domains, some of it domain 0's. */
#ifndef XEND_MEMORY_H
#define XEND_MEMORY_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Sets @mib aside for the domain, which has none yet. Where that much is not free, domain 0 is
 * asked to give it, if the options allow it; this may take a while. The error has the numbers.
 */
bool memory_obtain(uint32_t domid, unsigned int mib, GError **error);

/* Asks a domain to have @mib, by xenstore. For domain 0 not less than dom0-min-mem. */
bool memory_set_target(uint32_t domid, unsigned int mib, GError **error);

#endif
