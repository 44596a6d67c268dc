/*
 * For LD_PRELOAD into Debian's xenstored: the functions of Xen's libraries that it calls, over the
 * same files as hv_fake.c, so that both daemons can be compared without a hypervisor. Function
 * names and types: libxen-dev.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>

#include <xenctrl.h>
#include <xenevtchn.h>
#include <xengnttab.h>

static char some_handle;
static int fifo = -1;

static const char *file_name(char *path, size_t len, const char *name, int domid)
{
	if (domid < 0)
		snprintf(path, len, "%s/%s", getenv("FAKE_HV"), name);
	else
		snprintf(path, len, "%s/%s.%d", getenv("FAKE_HV"), name, domid);
	return path;
}

int open(const char *path, int flags, ...)
{
	static int (*real)(const char *, int, ...);
	char other[256];
	va_list args;
	mode_t mode;

	if (!real)
		real = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
	va_start(args, flags);
	mode = va_arg(args, mode_t);
	va_end(args);
	if (!strcmp(path, "/proc/xen/xsd_port"))
		path = file_name(other, sizeof(other), "port", -1);
	else if (!strcmp(path, "/proc/xen/xsd_kva"))
		path = file_name(other, sizeof(other), "ring", 0);
	return real(path, flags, mode);
}

xc_interface *xc_interface_open(xentoollog_logger *logger, xentoollog_logger *other, unsigned flags)
{
	return (xc_interface *)&some_handle;
}

int xc_interface_close(xc_interface *handle)
{
	return 0;
}

int xc_domain_getinfo(xc_interface *handle, uint32_t first, unsigned int room, xc_dominfo_t *info)
{
	char path[256];
	unsigned count = 0;

	for (uint32_t domid = first; domid < 64 && count < room; domid++) {
		if (access(file_name(path, sizeof(path), "ring", domid), F_OK))
			continue;
		memset(&info[count], 0, sizeof(*info));
		info[count++].domid = domid;
	}
	return count;
}

xenevtchn_handle *xenevtchn_open(struct xentoollog_logger *logger, unsigned flags)
{
	char path[256];

	fifo = open(file_name(path, sizeof(path), "evtchn", -1), O_RDWR | O_NONBLOCK);
	return (xenevtchn_handle *)&some_handle;
}

int xenevtchn_fd(xenevtchn_handle *handle)
{
	return fifo;
}

int xenevtchn_notify(xenevtchn_handle *handle, evtchn_port_t port)
{
	return 0;
}

int xenevtchn_unmask(xenevtchn_handle *handle, evtchn_port_t port)
{
	return 0;
}

int xenevtchn_unbind(xenevtchn_handle *handle, evtchn_port_t port)
{
	return 0;
}

xenevtchn_port_or_error_t xenevtchn_bind_interdomain(
	xenevtchn_handle *handle, uint32_t domid, evtchn_port_t remote)
{
	return 100 + domid;
}

xenevtchn_port_or_error_t xenevtchn_bind_virq(xenevtchn_handle *handle, unsigned int virq)
{
	return 99;
}

xenevtchn_port_or_error_t xenevtchn_pending(xenevtchn_handle *handle)
{
	uint32_t port;

	return read(fifo, &port, sizeof(port)) == sizeof(port) ? (int)port : -1;
}

xengnttab_handle *xengnttab_open(struct xentoollog_logger *logger, unsigned flags)
{
	return (xengnttab_handle *)&some_handle;
}

int xengnttab_close(xengnttab_handle *handle)
{
	return 0;
}

int xengnttab_set_max_grants(xengnttab_handle *handle, uint32_t count)
{
	return 0;
}

void *xengnttab_map_grant_ref(xengnttab_handle *handle, uint32_t domid, uint32_t ref, int prot)
{
	char path[256];
	int fd = open(file_name(path, sizeof(path), "ring", domid), O_RDWR);
	void *page = mmap(NULL, 4096, prot, MAP_SHARED, fd, 0);

	close(fd);
	return page == MAP_FAILED ? NULL : page;
}

int xengnttab_unmap(xengnttab_handle *handle, void *page, uint32_t count)
{
	return munmap(page, 4096);
}
