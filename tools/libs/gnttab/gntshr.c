/* Granting pages to other domains, through /dev/xen/gntalloc. */
#include "xengnttab.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <xen/gntalloc.h>

#include "private.h"

/*
 * gntdev and gntalloc have the same request for this, so that one function serves both.
 */
int gnt_set_notify(xengnttab_handle *xgt, uint64_t index, uint32_t offset, evtchn_port_t port)
{
	struct ioctl_gntalloc_unmap_notify notify = { .index = index };

	if (offset == UINT32_MAX && port == UINT32_MAX)
		return 0;
	if (offset != UINT32_MAX) {
		if (offset >= GNT_PAGE_SIZE) {
			errno = EINVAL;
			return -1;
		}
		notify.index += offset;
		notify.action |= UNMAP_NOTIFY_CLEAR_BYTE;
	}
	if (port != UINT32_MAX) {
		notify.event_channel_port = port;
		notify.action |= UNMAP_NOTIFY_SEND_EVENT;
	}
	return ioctl(xgt->fd, IOCTL_GNTALLOC_SET_UNMAP_NOTIFY, &notify);
}

xengntshr_handle *xengntshr_open(struct xentoollog_logger *logger, unsigned open_flags)
{
	return gnt_open("/dev/xen/gntalloc", open_flags);
}

int xengntshr_close(xengntshr_handle *xgs)
{
	return gnt_close(xgs);
}

int xengntshr_fd(xengntshr_handle *xgs)
{
	return xgs->fd;
}

static void *share(xengntshr_handle *xgs, uint32_t domid, int count, uint32_t *refs, int writable,
	uint32_t notify_offset, evtchn_port_t notify_port)
{
	struct ioctl_gntalloc_alloc_gref *alloc;
	struct ioctl_gntalloc_dealloc_gref dealloc = { .count = count };
	void *addr = MAP_FAILED;
	int saved;

	if (count < 1) {
		errno = EINVAL;
		return NULL;
	}
	alloc = calloc(1, sizeof(*alloc) + (size_t)(count - 1) * sizeof(alloc->gref_ids[0]));
	if (!alloc)
		return NULL;
	alloc->domid = domid;
	alloc->flags = writable ? GNTALLOC_FLAG_WRITABLE : 0;
	alloc->count = count;
	if (ioctl(xgs->fd, IOCTL_GNTALLOC_ALLOC_GREF, alloc))
		goto out;
	dealloc.index = alloc->index;
	addr = mmap(NULL, count * GNT_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, xgs->fd,
		alloc->index);
	saved = errno;
	if (addr != MAP_FAILED && gnt_set_notify(xgs, alloc->index, notify_offset, notify_port)) {
		saved = errno;
		munmap(addr, count * GNT_PAGE_SIZE);
		addr = MAP_FAILED;
	}
	/* Mapped pages live as long as their mapping; the device need not keep them any longer. */
	ioctl(xgs->fd, IOCTL_GNTALLOC_DEALLOC_GREF, &dealloc);
	errno = saved;
	if (addr != MAP_FAILED)
		memcpy(refs, alloc->gref_ids, count * sizeof(*refs));
out:
	free(alloc);
	return addr == MAP_FAILED ? NULL : addr;
}

void *xengntshr_share_pages(
	xengntshr_handle *xgs, uint32_t domid, int count, uint32_t *refs, int writable)
{
	return share(xgs, domid, count, refs, writable, -1, -1);
}

void *xengntshr_share_page_notify(xengntshr_handle *xgs, uint32_t domid, uint32_t *ref,
	int writable, uint32_t notify_offset, evtchn_port_t notify_port)
{
	return share(xgs, domid, 1, ref, writable, notify_offset, notify_port);
}

int xengntshr_unshare(xengntshr_handle *xgs, void *start_address, uint32_t count)
{
	return munmap(start_address, count * GNT_PAGE_SIZE);
}
