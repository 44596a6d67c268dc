/* The parts of memory_op. */
#ifndef COMMON_MEMORY_H
#define COMMON_MEMORY_H

#include <xen/hypercall.h>
#include <xen/sched.h>
#include <public/memory.h>

/* cmd: the operation, and from this bit on how many extents are done. */
#define MEMOP_EXTENT_SHIFT 6
#define MEMOP_CMD_MASK     ((1UL << MEMOP_EXTENT_SHIFT) - 1)

/*
 * The domain that the caller names and may work on: itself, or any when it is a control domain.
 * -EPERM, -ESRCH. Valid until this CPU leaves the hypercall.
 */
int memop_target(domid_t id, struct domain **d);
/* Largest extent that the caller may name. */
unsigned int memop_max_order(void);
/* XENMEMF_* to MEMF_*. -EINVAL for what cannot be had. */
int memop_flags(unsigned int mem_flags, unsigned int *memflags);
/* Come back with `done` extents of operation `op` behind us. */
long memop_continue(unsigned int op, unsigned long done, XEN_GUEST_HANDLE_PARAM(void) arg);

/* Handlers: `start` is the number of extents that earlier parts of the call have done. */
long memop_reservation(unsigned int op, XEN_GUEST_HANDLE_PARAM(void) arg, unsigned long start);
long memop_exchange(unsigned int op, XEN_GUEST_HANDLE_PARAM(void) arg, unsigned long start);

#endif
