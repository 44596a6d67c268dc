/* Mapping and copying what other domains grant, through /dev/xen/gntdev. */
#include "xengnttab.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xen/gntdev.h>

#include "private.h"

xengnttab_handle *gnt_open(const char *device, unsigned open_flags)
{
	xengnttab_handle *xgt;

	if (open_flags) {
		errno = EINVAL;
		return NULL;
	}
	xgt = malloc(sizeof(*xgt));
	if (!xgt)
		return NULL;
	xgt->fd = open(device, O_RDWR | O_CLOEXEC);
	if (xgt->fd < 0) {
		free(xgt);
		return NULL;
	}
	return xgt;
}

int gnt_close(xengnttab_handle *xgt)
{
	int ret = xgt ? close(xgt->fd) : 0;

	free(xgt);
	return ret;
}

xengnttab_handle *xengnttab_open(struct xentoollog_logger *logger, unsigned open_flags)
{
	return gnt_open("/dev/xen/gntdev", open_flags);
}

int xengnttab_close(xengnttab_handle *xgt)
{
	return gnt_close(xgt);
}

int xengnttab_fd(xengnttab_handle *xgt)
{
	return xgt->fd;
}

int xengnttab_set_max_grants(xengnttab_handle *xgt, uint32_t nr_grants)
{
	struct ioctl_gntdev_set_max_grants max = { .count = nr_grants };

	return ioctl(xgt->fd, IOCTL_GNTDEV_SET_MAX_GRANTS, &max);
}

static void forget(xengnttab_handle *xgt, uint64_t index, uint32_t count)
{
	struct ioctl_gntdev_unmap_grant_ref unmap = { .index = index, .count = count };
	int saved = errno;

	ioctl(xgt->fd, IOCTL_GNTDEV_UNMAP_GRANT_REF, &unmap);
	errno = saved;
}

/* The device takes the grants first and maps them with mmap() at the offset that it gave. */
static void *map_taken(xengnttab_handle *xgt, const struct ioctl_gntdev_map_grant_ref *map,
	int prot, uint32_t notify_offset, evtchn_port_t notify_port)
{
	size_t bytes = map->count * GNT_PAGE_SIZE;
	void *addr = mmap(NULL, bytes, prot, MAP_SHARED, xgt->fd, map->index);

	if (addr == MAP_FAILED) {
		forget(xgt, map->index, map->count);
		return NULL;
	}
	if (gnt_set_notify(xgt, map->index, notify_offset, notify_port)) {
		int saved = errno;

		munmap(addr, bytes);
		errno = saved;
		forget(xgt, map->index, map->count);
		return NULL;
	}
	return addr;
}

/* One domain for all (@stride 0) or one each (@stride 1). */
static void *map_refs(xengnttab_handle *xgt, uint32_t count, const uint32_t *domids,
	unsigned stride, const uint32_t *refs, int prot, uint32_t notify_offset,
	evtchn_port_t notify_port)
{
	struct ioctl_gntdev_map_grant_ref *map;
	void *addr = NULL;

	if (!count) {
		errno = EINVAL;
		return NULL;
	}
	map = calloc(1, sizeof(*map) + (size_t)(count - 1) * sizeof(map->refs[0]));
	if (!map)
		return NULL;
	map->count = count;
	for (uint32_t i = 0; i < count; i++) {
		map->refs[i].domid = domids[i * stride];
		map->refs[i].ref = refs[i];
	}
	if (!ioctl(xgt->fd, IOCTL_GNTDEV_MAP_GRANT_REF, map))
		addr = map_taken(xgt, map, prot, notify_offset, notify_port);
	free(map);
	return addr;
}

void *xengnttab_map_grant_ref(xengnttab_handle *xgt, uint32_t domid, uint32_t ref, int prot)
{
	return map_refs(xgt, 1, &domid, 0, &ref, prot, -1, -1);
}

void *xengnttab_map_grant_refs(
	xengnttab_handle *xgt, uint32_t count, uint32_t *domids, uint32_t *refs, int prot)
{
	return map_refs(xgt, count, domids, 1, refs, prot, -1, -1);
}

void *xengnttab_map_domain_grant_refs(
	xengnttab_handle *xgt, uint32_t count, uint32_t domid, uint32_t *refs, int prot)
{
	return map_refs(xgt, count, &domid, 0, refs, prot, -1, -1);
}

void *xengnttab_map_grant_ref_notify(xengnttab_handle *xgt, uint32_t domid, uint32_t ref, int prot,
	uint32_t notify_offset, evtchn_port_t notify_port)
{
	return map_refs(xgt, 1, &domid, 0, &ref, prot, notify_offset, notify_port);
}

int xengnttab_unmap(xengnttab_handle *xgt, void *start_address, uint32_t count)
{
	struct ioctl_gntdev_get_offset_for_vaddr where = { .vaddr = (uintptr_t)start_address };
	struct ioctl_gntdev_unmap_grant_ref unmap = { .count = count };

	if (!count) {
		errno = EINVAL;
		return -1;
	}
	if (ioctl(xgt->fd, IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR, &where))
		return -1;
	if (where.count != count) {
		errno = EINVAL;
		return -1;
	}
	if (munmap(start_address, count * GNT_PAGE_SIZE))
		return -1;
	unmap.index = where.offset;
	return ioctl(xgt->fd, IOCTL_GNTDEV_UNMAP_GRANT_REF, &unmap);
}

/* The segment's layout is the device's. */
_Static_assert(
	sizeof(struct xengnttab_grant_copy_segment) == sizeof(struct gntdev_grant_copy_segment),
	"layout of a copy segment");

int xengnttab_grant_copy(
	xengnttab_handle *xgt, uint32_t count, xengnttab_grant_copy_segment_t *segs)
{
	struct ioctl_gntdev_grant_copy copy = {
		.count = count,
		.segments = (struct gntdev_grant_copy_segment *)segs,
	};

	return ioctl(xgt->fd, IOCTL_GNTDEV_GRANT_COPY, &copy);
}
