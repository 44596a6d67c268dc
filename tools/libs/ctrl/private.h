/* Hypercalls of the control interface, and the memory of their arguments. */
#ifndef CTRL_PRIVATE_H
#define CTRL_PRIVATE_H

#include "xenctrl.h"

struct xc_interface {
	xencall_handle *call;
	xenforeignmemory_handle *foreign;
};

/** A buffer with a copy of @src (NULL: zeroes) that the hypervisor can reach; NULL and ENOMEM. */
void *xc_buffer(xc_interface *xc, const void *src, size_t size);

/** Frees a buffer (NULL: nothing); errno stays. */
void xc_buffer_free(xc_interface *xc, void *buffer);

/**
 * Copies @size bytes back to @dst (NULL: not) if @ret is not -1, frees the buffer, and returns
 * @ret.
 */
long xc_buffer_out(xc_interface *xc, void *buffer, void *dst, size_t size, long ret);

/** A hypercall whose only pointer is to @arg, of @size bytes, which goes in and comes out again. */
long xc_hypercall_arg(xc_interface *xc, unsigned op, unsigned cmd, void *arg, size_t size);

/** A domctl with nothing but the domain. */
int xc_domctl_simple(xc_interface *xc, unsigned cmd, uint32_t domid);

/* A domctl and a sysctl with their command. */
#define XC_DOMCTL(name, domid_)                                                                    \
	{                                                                                          \
		.cmd = XEN_DOMCTL_##name, .domain = (domid_)                                       \
	}
#define XC_SYSCTL(name)                                                                            \
	{                                                                                          \
		.cmd = XEN_SYSCTL_##name                                                           \
	}

#endif /* CTRL_PRIVATE_H */
