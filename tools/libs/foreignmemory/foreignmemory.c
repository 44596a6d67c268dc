/* Mapping other domains' frames and resources. */
#include "xenforeignmemory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "privcmd.h"

#define PAGE_SHIFT 12

struct xenforeignmemory_handle {
	int fd;
};

struct xenforeignmemory_resource_handle {
	void *addr;
	size_t bytes;
};

xenforeignmemory_handle *xenforeignmemory_open(
	struct xentoollog_logger *logger, unsigned open_flags)
{
	xenforeignmemory_handle *fmem;

	if (open_flags) {
		errno = EINVAL;
		return NULL;
	}
	fmem = malloc(sizeof(*fmem));
	if (!fmem)
		return NULL;
	fmem->fd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
	if (fmem->fd < 0) {
		free(fmem);
		return NULL;
	}
	return fmem;
}

int xenforeignmemory_close(xenforeignmemory_handle *fmem)
{
	int ret = fmem ? close(fmem->fd) : 0;

	free(fmem);
	return ret;
}

/* Turns the kernel's negative errors into errno values and returns the first, or 0. */
static int first_error(int *err, size_t pages)
{
	int first = 0;

	for (size_t i = 0; i < pages; i++) {
		err[i] = err[i] < 0 ? -err[i] : err[i];
		if (!first)
			first = err[i];
	}
	return first;
}

/*
 * A frame that its domain has paged out fails with ENOENT, and is on its way in: such frames are
 * asked for again, one by one, for as long as it takes.
 */
static int retry_paged_out(int fd, struct privcmd_mmapbatch_v2 *batch, int *err)
{
	for (unsigned i = 0; i < batch->num; i++) {
		while (err[i] == -ENOENT) {
			struct privcmd_mmapbatch_v2 one = {
				.num = 1,
				.dom = batch->dom,
				.addr = batch->addr + ((uint64_t)i << PAGE_SHIFT),
				.arr = batch->arr + i,
				.err = err + i,
			};

			usleep(100);
			if (ioctl(fd, PRIVCMD_MMAPBATCH_V2, &one) && errno != ENOENT)
				return -1;
		}
	}
	return 0;
}

static int map_frames(int fd, struct privcmd_mmapbatch_v2 *batch)
{
	if (!ioctl(fd, PRIVCMD_MMAPBATCH_V2, batch))
		return 0;
	return errno == ENOENT ? retry_paged_out(fd, batch, batch->err) : -1;
}

void *xenforeignmemory_map2(xenforeignmemory_handle *fmem, uint32_t dom, void *addr, int prot,
	int flags, size_t pages, const xen_pfn_t arr[], int err[])
{
	int *errors, failed, saved;

	if (!pages || pages > UINT32_MAX) {
		errno = EINVAL;
		return NULL;
	}
	errors = err ? err : malloc(pages * sizeof(*errors));
	if (!errors)
		return NULL;
	addr = mmap(addr, pages << PAGE_SHIFT, prot, flags | MAP_SHARED, fmem->fd, 0);
	if (addr == MAP_FAILED) {
		addr = NULL;
	} else {
		struct privcmd_mmapbatch_v2 batch = {
			.num = pages,
			.dom = dom,
			.addr = (uintptr_t)addr,
			.arr = arr,
			.err = errors,
		};

		if (map_frames(fmem->fd, &batch)) {
			failed = errno;
		} else {
			failed = first_error(errors, pages);
			if (err)
				failed = 0;
		}
		if (failed) {
			munmap(addr, pages << PAGE_SHIFT);
			errno = failed;
			addr = NULL;
		}
	}
	saved = errno;
	if (!err)
		free(errors);
	errno = saved;
	return addr;
}

void *xenforeignmemory_map(xenforeignmemory_handle *fmem, uint32_t dom, int prot, size_t pages,
	const xen_pfn_t arr[], int err[])
{
	return xenforeignmemory_map2(fmem, dom, NULL, prot, 0, pages, arr, err);
}

int xenforeignmemory_unmap(xenforeignmemory_handle *fmem, void *addr, size_t pages)
{
	return munmap(addr, pages << PAGE_SHIFT);
}

int xenforeignmemory_restrict(xenforeignmemory_handle *fmem, domid_t domid)
{
	return ioctl(fmem->fd, PRIVCMD_RESTRICT, &domid);
}

xenforeignmemory_resource_handle *xenforeignmemory_map_resource(xenforeignmemory_handle *fmem,
	domid_t domid, unsigned int type, unsigned int id, unsigned long frame,
	unsigned long nr_frames, void **paddr, int prot, int flags)
{
	struct privcmd_mmap_resource resource = {
		.dom = domid,
		.type = type,
		.id = id,
		.idx = frame,
		.num = nr_frames,
	};
	xenforeignmemory_resource_handle *fres;

	/* Asking for nothing would ask for the size. */
	if (!nr_frames) {
		errno = EINVAL;
		return NULL;
	}
	fres = malloc(sizeof(*fres));
	if (!fres)
		return NULL;
	fres->bytes = nr_frames << PAGE_SHIFT;
	fres->addr = mmap(*paddr, fres->bytes, prot, flags | MAP_SHARED, fmem->fd, 0);
	if (fres->addr == MAP_FAILED)
		goto fail;
	resource.addr = (uintptr_t)fres->addr;
	if (ioctl(fmem->fd, PRIVCMD_MMAP_RESOURCE, &resource)) {
		int saved = errno;

		munmap(fres->addr, fres->bytes);
		errno = saved;
		goto fail;
	}
	*paddr = fres->addr;
	return fres;

fail:
	free(fres);
	return NULL;
}

int xenforeignmemory_unmap_resource(
	xenforeignmemory_handle *fmem, xenforeignmemory_resource_handle *fres)
{
	int ret = fres ? munmap(fres->addr, fres->bytes) : 0;

	free(fres);
	return ret;
}

int xenforeignmemory_resource_size(xenforeignmemory_handle *fmem, domid_t domid, unsigned int type,
	unsigned int id, size_t *size)
{
	struct privcmd_mmap_resource resource = { .dom = domid, .type = type, .id = id };

	if (ioctl(fmem->fd, PRIVCMD_MMAP_RESOURCE, &resource))
		return -1;
	*size = resource.num << PAGE_SHIFT;
	return 0;
}
