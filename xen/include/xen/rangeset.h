/* Sets of numbers kept as sorted ranges: I/O ports, frames and IRQs that a domain may use. */
#ifndef XEN_RANGESET_H
#define XEN_RANGESET_H

#include <xen/types.h>

struct rangeset;

struct rangeset *rangeset_new(const char *name); /* NULL: no memory */
void rangeset_destroy(struct rangeset *r);       /* NULL is allowed */
/* Ranges are inclusive. -ENOMEM, -EINVAL when s > e. Own lock inside (rank LEAF). */
int rangeset_add_range(struct rangeset *r, unsigned long s, unsigned long e);
int rangeset_remove_range(struct rangeset *r, unsigned long s, unsigned long e);
bool rangeset_contains_range(struct rangeset *r, unsigned long s, unsigned long e);
bool rangeset_overlaps_range(struct rangeset *r, unsigned long s, unsigned long e);
/* Call fn for every range until it returns non-zero; that value is returned. */
int rangeset_report_ranges(struct rangeset *r, unsigned long s, unsigned long e,
	int (*fn)(unsigned long s, unsigned long e, void *ctx), void *ctx);
void rangeset_printk(struct rangeset *r);

#endif
