/* Event channels through /dev/xen/evtchn. */
#include "xenevtchn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <xen/evtchn.h>

struct xenevtchn_handle {
	int fd;
};

static xenevtchn_handle *new_handle(int fd)
{
	xenevtchn_handle *xce = malloc(sizeof(*xce));

	if (xce)
		xce->fd = fd;
	return xce;
}

xenevtchn_handle *xenevtchn_open(struct xentoollog_logger *logger, unsigned int flags)
{
	xenevtchn_handle *xce;
	int fd;

	if (flags & ~XENEVTCHN_NO_CLOEXEC) {
		errno = EINVAL;
		return NULL;
	}
	fd = open("/dev/xen/evtchn", O_RDWR | (flags & XENEVTCHN_NO_CLOEXEC ? 0 : O_CLOEXEC));
	if (fd < 0)
		return NULL;
	xce = new_handle(fd);
	if (!xce)
		close(fd);
	return xce;
}

xenevtchn_handle *xenevtchn_fdopen(struct xentoollog_logger *logger, int fd, unsigned open_flags)
{
	if (open_flags) {
		errno = EINVAL;
		return NULL;
	}
	return new_handle(fd);
}

int xenevtchn_close(xenevtchn_handle *xce)
{
	int ret = xce ? close(xce->fd) : 0;

	free(xce);
	return ret;
}

int xenevtchn_fd(xenevtchn_handle *xce)
{
	return xce->fd;
}

int xenevtchn_notify(xenevtchn_handle *xce, evtchn_port_t port)
{
	struct ioctl_evtchn_notify notify = { .port = port };

	return ioctl(xce->fd, IOCTL_EVTCHN_NOTIFY, &notify);
}

xenevtchn_port_or_error_t xenevtchn_bind_unbound_port(xenevtchn_handle *xce, uint32_t domid)
{
	struct ioctl_evtchn_bind_unbound_port bind = { .remote_domain = domid };

	return ioctl(xce->fd, IOCTL_EVTCHN_BIND_UNBOUND_PORT, &bind);
}

xenevtchn_port_or_error_t xenevtchn_bind_interdomain(
	xenevtchn_handle *xce, uint32_t domid, evtchn_port_t remote_port)
{
	struct ioctl_evtchn_bind_interdomain bind = {
		.remote_domain = domid,
		.remote_port = remote_port,
	};

	return ioctl(xce->fd, IOCTL_EVTCHN_BIND_INTERDOMAIN, &bind);
}

xenevtchn_port_or_error_t xenevtchn_bind_virq(xenevtchn_handle *xce, unsigned int virq)
{
	struct ioctl_evtchn_bind_virq bind = { .virq = virq };

	return ioctl(xce->fd, IOCTL_EVTCHN_BIND_VIRQ, &bind);
}

int xenevtchn_unbind(xenevtchn_handle *xce, evtchn_port_t port)
{
	struct ioctl_evtchn_unbind unbind = { .port = port };

	return ioctl(xce->fd, IOCTL_EVTCHN_UNBIND, &unbind);
}

xenevtchn_port_or_error_t xenevtchn_pending(xenevtchn_handle *xce)
{
	uint32_t port;
	ssize_t n;

	do
		n = read(xce->fd, &port, sizeof(port));
	while (n < 0 && errno == EINTR);
	if (n == sizeof(port))
		return port;
	if (n >= 0)
		errno = EIO;
	return -1;
}

int xenevtchn_unmask(xenevtchn_handle *xce, evtchn_port_t port)
{
	uint32_t value = port;

	if (write(xce->fd, &value, sizeof(value)) == sizeof(value))
		return 0;
	return -1;
}

int xenevtchn_restrict(xenevtchn_handle *xce, domid_t domid)
{
	struct ioctl_evtchn_restrict_domid restrict_ = { .domid = domid };

	return ioctl(xce->fd, IOCTL_EVTCHN_RESTRICT_DOMID, &restrict_);
}
