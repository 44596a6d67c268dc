/* What hypercall handlers need: continuation, and the prototypes behind the table of arch/x86/hypercall.c. */
#ifndef XEN_HYPERCALL_H
#define XEN_HYPERCALL_H

#include <xen/types.h>

/*
 * Stop here and let the guest issue the hypercall again with these arguments, so that pending work
 * of this CPU runs first. To be used as `return hypercall_create_continuation(...)`. Inside a
 * multicall the entry is rewritten instead.
 */
long hypercall_create_continuation(unsigned int op, unsigned int nr_args, ...);

#endif
