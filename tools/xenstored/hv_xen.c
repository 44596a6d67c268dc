/* The hypervisor by way of dom0's devices. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>

#include "xencall.h"
#include "xenevtchn.h"
#include "xenforeignmemory.h"
#include "xengnttab.h"
#include "public/xen.h"
#include "public/domctl.h"
#include "public/grant_table.h"
#include "public/io/xs_wire.h"

#include "hv.h"

#define RING_BYTES 4096

static xenevtchn_handle *evtchn;
static xengnttab_handle *gnttab;
static xencall_handle *call;
static xenforeignmemory_handle *memory;
static xen_domctl_t *domctl; /* in memory the hypervisor may be given */
static int dom_exc = -1;
static struct xenstore_domain_interface *own;

/* Rings that were not to be had as a grant. */
static bool foreign[DOMID_FIRST_RESERVED];

int hv_open(void)
{
	evtchn = xenevtchn_open(NULL, 0);
	gnttab = xengnttab_open(NULL, 0);
	call = xencall_open(NULL, 0);
	memory = xenforeignmemory_open(NULL, 0);
	if (!evtchn || !gnttab || !call || !memory)
		return -1;
	domctl = xencall_alloc_buffer(call, sizeof(*domctl));
	dom_exc = xenevtchn_bind_virq(evtchn, VIRQ_DOM_EXC);
	if (!domctl || dom_exc < 0)
		return -1;
	return xenevtchn_fd(evtchn);
}

bool hv_there(void)
{
	return dom_exc >= 0;
}

int hv_domain(unsigned domid, struct hv_domain *info)
{
	const xen_domctl_getdomaininfo_t *reply = &domctl->u.getdomaininfo;

	memset(domctl, 0, sizeof(*domctl));
	domctl->cmd = XEN_DOMCTL_getdomaininfo;
	domctl->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	domctl->domain = domid;
	/* The call answers with the next domain when there is none of this number. */
	if (xencall1(call, __HYPERVISOR_domctl, (uintptr_t)domctl) < 0)
		return -1;
	if (reply->domain != domid) {
		errno = ENOENT;
		return -1;
	}
	memcpy(info->handle, reply->handle, sizeof(info->handle));
	info->dying = reply->flags & XEN_DOMINF_dying;
	info->shutdown = reply->flags & XEN_DOMINF_shutdown;
	return 0;
}

struct xenstore_domain_interface *hv_own_ring(uint32_t *port)
{
	char text[20];
	int fd = open("/proc/xen/xsd_port", O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	if (len <= 0)
		return NULL;
	text[len] = 0;
	*port = strtoul(text, NULL, 10);
	fd = open("/proc/xen/xsd_kva", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	own = mmap(NULL, RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return own == MAP_FAILED ? NULL : own;
}

struct xenstore_domain_interface *hv_map_ring(unsigned domid, uint64_t gfn)
{
	xen_pfn_t frame = gfn;
	int error;
	void *ring = xengnttab_map_grant_ref(
		gnttab, domid, GNTTAB_RESERVED_XENSTORE, PROT_READ | PROT_WRITE);

	foreign[domid] = !ring;
	if (ring)
		return ring;
	ring = xenforeignmemory_map(memory, domid, PROT_READ | PROT_WRITE, 1, &frame, &error);
	if (ring && error) {
		xenforeignmemory_unmap(memory, ring, 1);
		errno = -error;
		return NULL;
	}
	return ring;
}

void hv_unmap_ring(unsigned domid, struct xenstore_domain_interface *ring)
{
	if (ring == own)
		munmap(ring, RING_BYTES);
	else if (foreign[domid])
		xenforeignmemory_unmap(memory, ring, 1);
	else
		xengnttab_unmap(gnttab, ring, 1);
}

int hv_bind(unsigned domid, uint32_t remote)
{
	return xenevtchn_bind_interdomain(evtchn, domid, remote);
}

void hv_unbind(uint32_t port)
{
	xenevtchn_unbind(evtchn, port);
}

void hv_notify(uint32_t port)
{
	xenevtchn_notify(evtchn, port);
}

int hv_pending(void)
{
	int port = xenevtchn_pending(evtchn);

	if (port >= 0)
		xenevtchn_unmask(evtchn, port);
	return port;
}

bool hv_is_domain_event(uint32_t port)
{
	return dom_exc >= 0 && port == (uint32_t)dom_exc;
}
