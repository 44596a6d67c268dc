/*
 * A hypervisor for tests of xenstored: a directory, named by FAKE_HV. A domain lives as long as its
 * file ring.N is there, which is its page; the FIFO "evtchn" carries the numbers of ports that
 * fire. Port 99 is "a domain died", 100 + N is our end of domain N's channel; events that we send
 * are not seen, a test looks at the page. A file shutdown.N: the domain has shut down.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "hv.h"

#define DOMAIN_EVENT 99
#define FIRST_PORT   100
#define PAGE_BYTES   4096

static int fifo = -1;

static char *file_name(const char *name, int domid)
{
	static char path[256];

	if (domid < 0)
		snprintf(path, sizeof(path), "%s/%s", getenv("FAKE_HV"), name);
	else
		snprintf(path, sizeof(path), "%s/%s.%d", getenv("FAKE_HV"), name, domid);
	return path;
}

int hv_open(void)
{
	mkfifo(file_name("evtchn", -1), 0600);
	fifo = open(file_name("evtchn", -1), O_RDWR | O_NONBLOCK | O_CLOEXEC);
	return fifo;
}

bool hv_there(void)
{
	return fifo >= 0;
}

int hv_domain(unsigned domid, struct hv_domain *info)
{
	if (access(file_name("ring", domid), F_OK))
		return -1;
	memset(info, 0, sizeof(*info));
	info->handle[0] = domid;
	info->shutdown = !access(file_name("shutdown", domid), F_OK);
	return 0;
}

struct xenstore_domain_interface *hv_map_ring(unsigned domid, uint64_t gfn)
{
	int fd = open(file_name("ring", domid), O_RDWR | O_CLOEXEC);
	void *page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	(void)gfn;
	if (fd >= 0)
		close(fd);
	return page == MAP_FAILED ? NULL : page;
}

struct xenstore_domain_interface *hv_own_ring(uint32_t *port)
{
	*port = 1;
	return hv_map_ring(0, 0);
}

void hv_unmap_ring(unsigned domid, struct xenstore_domain_interface *ring)
{
	(void)domid;
	munmap(ring, PAGE_BYTES);
}

int hv_bind(unsigned domid, uint32_t remote)
{
	(void)remote;
	return FIRST_PORT + domid;
}

void hv_unbind(uint32_t port)
{
	(void)port;
}

void hv_notify(uint32_t port)
{
	(void)port;
}

int hv_pending(void)
{
	uint32_t port;

	return read(fifo, &port, sizeof(port)) == sizeof(port) ? (int)port : -1;
}

bool hv_is_domain_event(uint32_t port)
{
	return port == DOMAIN_EVENT;
}
