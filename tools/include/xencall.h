/*
 * Hypercalls from a process of a privileged domain, through /dev/xen/privcmd, and memory for their
 * arguments.
 *
 * The functions are those of the library of the same name of Xen 4.17. A handle may be used by
 * several threads at once. Functions that fail return -1 or NULL and set errno.
 */
#ifndef XENCALL_H
#define XENCALL_H

#include <stddef.h>
#include <stdint.h>

struct xentoollog_logger;
typedef struct xencall_handle xencall_handle;

/*
 * Of xencall_open(): the caller promises to use the handle from one thread only. Accepted, and not
 * needed here.
 */
#define XENCALL_OPENFLAG_NON_REENTRANT (1U << 0)

/**
 * Opens /dev/xen/privcmd. @logger is not used; errors are told by errno alone. A child must open a
 * handle of its own: all it may do with its parent's is close it.
 */
xencall_handle *xencall_open(struct xentoollog_logger *logger, unsigned open_flags);

/**
 * Closes a handle (NULL: nothing) and frees the buffers it keeps. Buffers still in use must be
 * freed before.
 */
int xencall_close(xencall_handle *xcall);

/** The file descriptor of /dev/xen/privcmd. */
int xencall_fd(xencall_handle *xcall);

/**
 * Hypercall @op with as many arguments as the name says. Returns what the hypercall returned, which
 * is 0 or more, or -1 with errno set to the hypervisor's error. Pointers in arguments must be
 * addresses of buffers from below.
 */
int xencall0(xencall_handle *xcall, unsigned int op);
int xencall1(xencall_handle *xcall, unsigned int op, uint64_t arg1);
int xencall2(xencall_handle *xcall, unsigned int op, uint64_t arg1, uint64_t arg2);
int xencall3(xencall_handle *xcall, unsigned int op, uint64_t arg1, uint64_t arg2, uint64_t arg3);
int xencall4(xencall_handle *xcall, unsigned int op, uint64_t arg1, uint64_t arg2, uint64_t arg3,
	uint64_t arg4);
int xencall5(xencall_handle *xcall, unsigned int op, uint64_t arg1, uint64_t arg2, uint64_t arg3,
	uint64_t arg4, uint64_t arg5);

/** As xencall2(), for results of more than 31 bits. */
long xencall2L(xencall_handle *xcall, unsigned int op, uint64_t arg1, uint64_t arg2);

/**
 * Memory that the hypervisor can reach at any moment of a hypercall: it stays in place, is not
 * copied on write, and is not there in a child. Whole zeroed pages. @p may be NULL when freeing.
 * The number of pages must be the same.
 */
void *xencall_alloc_buffer_pages(xencall_handle *xcall, size_t nr_pages);
void xencall_free_buffer_pages(xencall_handle *xcall, void *p, size_t nr_pages);

/** The same for @size bytes, aligned to 16, which remember their size. */
void *xencall_alloc_buffer(xencall_handle *xcall, size_t size);
void xencall_free_buffer(xencall_handle *xcall, void *p);

/**
 * Whether the kernel guarantees what is said of buffers (/dev/xen/hypercall exists); otherwise it
 * is nearly always so.
 */
int xencall_buffers_never_fault(xencall_handle *xcall);

#endif /* XENCALL_H */
