/*
 * Mapping memory of other domains, and resources of theirs, through /dev/xen/privcmd.
 *
 * The functions are those of the library of the same name of Xen 4.17. Frames are machine frame
 * numbers for a paravirtual domain, guest frame numbers otherwise. Functions that fail return -1 or
 * NULL, set errno and leave nothing behind.
 */
#ifndef XENFOREIGNMEMORY_H
#define XENFOREIGNMEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "public/xen.h"

struct xentoollog_logger;
typedef struct xenforeignmemory_handle xenforeignmemory_handle;
typedef struct xenforeignmemory_resource_handle xenforeignmemory_resource_handle;

/**
 * Opens /dev/xen/privcmd. @logger is not used, @open_flags must be 0. A child must open a handle
 * of its own.
 */
xenforeignmemory_handle *xenforeignmemory_open(
	struct xentoollog_logger *logger, unsigned open_flags);

/** Closes the handle (NULL: nothing). Mappings stay until they are unmapped. */
int xenforeignmemory_close(xenforeignmemory_handle *fmem);

/**
 * Maps @pages frames @arr of domain @dom one after the other; @prot as for mmap(). With @err, which
 * takes 0 or an errno value for each page, a mapping with holes counts as success; without, any
 * frame that cannot be mapped fails the call.
 */
void *xenforeignmemory_map(xenforeignmemory_handle *fmem, uint32_t dom, int prot, size_t pages,
	const xen_pfn_t arr[], int err[]);

/** The same with an address and flags as for mmap(); MAP_SHARED is always added. */
void *xenforeignmemory_map2(xenforeignmemory_handle *fmem, uint32_t dom, void *addr, int prot,
	int flags, size_t pages, const xen_pfn_t arr[], int err[]);

/** Unmaps. */
int xenforeignmemory_unmap(xenforeignmemory_handle *fmem, void *addr, size_t pages);

/** From now on the handle can only be used on domain @domid. */
int xenforeignmemory_restrict(xenforeignmemory_handle *fmem, domid_t domid);

/**
 * Maps @nr_frames frames from @frame of resource @id of type XENMEM_resource_* @type. *@paddr is a
 * hint on entry and the address on return; @prot and @flags as for mmap().
 */
xenforeignmemory_resource_handle *xenforeignmemory_map_resource(xenforeignmemory_handle *fmem,
	domid_t domid, unsigned int type, unsigned int id, unsigned long frame,
	unsigned long nr_frames, void **paddr, int prot, int flags);

/** Unmaps a resource and frees its handle (NULL: nothing). */
int xenforeignmemory_unmap_resource(
	xenforeignmemory_handle *fmem, xenforeignmemory_resource_handle *fres);

/** Sets *@size to the bytes the resource can have. */
int xenforeignmemory_resource_size(xenforeignmemory_handle *fmem, domid_t domid, unsigned int type,
	unsigned int id, size_t *size);

#endif /* XENFOREIGNMEMORY_H */
