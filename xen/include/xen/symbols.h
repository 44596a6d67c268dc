/* Names for addresses in stack traces: a sorted table that the build appends to the image. */
#ifndef XEN_SYMBOLS_H
#define XEN_SYMBOLS_H

#include <xen/types.h>

/* Name of the function around `addr`, with the offset into it and its size; NULL when unknown. */
const char *symbols_lookup(unsigned long addr, unsigned long *offset, unsigned long *size);
/* Name and address of function `nr` in the order of addresses; NULL past the last. */
const char *symbols_entry(unsigned int nr, unsigned long *addr);
bool is_kernel_text(unsigned long addr);

#endif
