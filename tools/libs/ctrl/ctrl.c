/* Opening the control interface; issuing domctls, sysctls and other hypercalls with structures. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

xc_interface *xc_open(void)
{
	xc_interface *xc = calloc(1, sizeof(*xc));

	if (!xc)
		return NULL;
	xc->call = xencall_open(NULL, 0);
	if (xc->call)
		xc->foreign = xenforeignmemory_open(NULL, 0);
	if (!xc->foreign) {
		int saved = errno;

		xc_close(xc);
		errno = saved;
		return NULL;
	}
	return xc;
}

void xc_close(xc_interface *xc)
{
	if (!xc)
		return;
	xenforeignmemory_close(xc->foreign);
	xencall_close(xc->call);
	free(xc);
}

xenforeignmemory_handle *xc_foreign(xc_interface *xc)
{
	return xc->foreign;
}

void *xc_buffer(xc_interface *xc, const void *src, size_t size)
{
	void *buffer = xencall_alloc_buffer(xc->call, size);

	if (buffer && src)
		memcpy(buffer, src, size);
	return buffer;
}

void xc_buffer_free(xc_interface *xc, void *buffer)
{
	xencall_free_buffer(xc->call, buffer);
}

long xc_buffer_out(xc_interface *xc, void *buffer, void *dst, size_t size, long ret)
{
	if (buffer && dst && ret != -1)
		memcpy(dst, buffer, size);
	xc_buffer_free(xc, buffer);
	return ret;
}

long xc_hypercall_arg(xc_interface *xc, unsigned op, unsigned cmd, void *arg, size_t size)
{
	void *buffer = xc_buffer(xc, arg, size);

	if (!buffer)
		return -1;
	return xc_buffer_out(
		xc, buffer, arg, size, xencall2L(xc->call, op, cmd, (uintptr_t)buffer));
}

/* For hypercalls of one argument. */
static int control(xc_interface *xc, unsigned op, void *arg, size_t size)
{
	void *buffer = xc_buffer(xc, arg, size);

	if (!buffer)
		return -1;
	return xc_buffer_out(xc, buffer, arg, size, xencall1(xc->call, op, (uintptr_t)buffer));
}

int xc_domctl(xc_interface *xc, struct xen_domctl *op)
{
	op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	return control(xc, __HYPERVISOR_domctl, op, sizeof(*op));
}

int xc_sysctl(xc_interface *xc, struct xen_sysctl *op)
{
	op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	return control(xc, __HYPERVISOR_sysctl, op, sizeof(*op));
}

int xc_domctl_simple(xc_interface *xc, unsigned cmd, uint32_t domid)
{
	struct xen_domctl op = { .cmd = cmd, .domain = domid };

	return xc_domctl(xc, &op);
}
