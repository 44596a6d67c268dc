/* What hypercall handlers need: continuation, and the prototypes behind the table of arch/x86/hypercall.c. */
#ifndef XEN_HYPERCALL_H
#define XEN_HYPERCALL_H

#include <xen/guest_access.h>
#include <xen/types.h>
#include <public/xen.h>

/*
 * Stop here and let the guest issue the hypercall again with these arguments, so that pending work
 * of this CPU runs first. To be used as `return hypercall_create_continuation(...)`. Inside a
 * multicall the entry is rewritten instead. Every argument is an unsigned long.
 */
long hypercall_create_continuation(unsigned int op, unsigned int nr_args, ...);

/* common/memory.c. `cmd`: XENMEM_*, with the number of extents done in the bits above. */
long do_memory_op(unsigned long cmd, XEN_GUEST_HANDLE_PARAM(void) arg);
/* Arch: XENMEM_memory_map, machine_memory_map and set_memory_map. */
long arch_memory_op(unsigned long cmd, XEN_GUEST_HANDLE_PARAM(void) arg);

#endif
