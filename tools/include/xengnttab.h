/*
 * Grants of a process: mapping and copying pages that other domains grant (xengnttab_,
 * /dev/xen/gntdev), and granting pages to them (xengntshr_, /dev/xen/gntalloc).
 *
 * The functions are those of the library of the same name of Xen 4.17, without DMA buffers. A child
 * must not use its parent's handle other than to close it. Functions that fail return -1 or NULL,
 * set errno and leave nothing behind.
 */
#ifndef XENGNTTAB_H
#define XENGNTTAB_H

#include <stdint.h>

#include "public/event_channel.h"
#include "public/grant_table.h"

struct xentoollog_logger;
typedef struct xengntdev_handle xengnttab_handle;
typedef struct xengntdev_handle xengntshr_handle;

/** Opens the device. @logger is not used, @open_flags must be 0. */
xengnttab_handle *xengnttab_open(struct xentoollog_logger *logger, unsigned open_flags);

/** Closes the handle (NULL: nothing). Mappings that are still there stay until they are unmapped.
 */
int xengnttab_close(xengnttab_handle *xgt);

/** The descriptor of the device. */
int xengnttab_fd(xengnttab_handle *xgt);

/** Maps grant @ref of domain @domid; @prot as for mmap(). Returns its page. */
void *xengnttab_map_grant_ref(xengnttab_handle *xgt, uint32_t domid, uint32_t ref, int prot);

/** Maps @count grants, of a domain each, one after the other in memory; all or none. */
void *xengnttab_map_grant_refs(
	xengnttab_handle *xgt, uint32_t count, uint32_t *domids, uint32_t *refs, int prot);

/** Maps @count grants of one domain; all or none. */
void *xengnttab_map_domain_grant_refs(
	xengnttab_handle *xgt, uint32_t count, uint32_t domid, uint32_t *refs, int prot);

/**
 * Maps one grant, and has the kernel set the byte at @notify_offset of the page (-1: none) to 0 and
 * send an event on
 * @notify_port (-1: none) when the page is unmapped, be it by the end of the process.
 */
void *xengnttab_map_grant_ref_notify(xengnttab_handle *xgt, uint32_t domid, uint32_t ref, int prot,
	uint32_t notify_offset, evtchn_port_t notify_port);

/** Unmaps @count pages from @start_address, a whole mapping. */
int xengnttab_unmap(xengnttab_handle *xgt, void *start_address, uint32_t count);

/** Bounds the number of grants mapped through the handle; first thing after opening. */
int xengnttab_set_max_grants(xengnttab_handle *xgt, uint32_t nr_grants);

/** One copy between local memory and a grant, or two grants. */
struct xengnttab_grant_copy_segment {
	union xengnttab_copy_ptr {
		void *virt; /* may cross pages */
		struct {
			uint32_t ref;
			uint16_t offset; /* offset + len: within the page */
			uint16_t domid;
		} foreign;
	} source, dest;
	uint16_t len;
	uint16_t flags; /* GNTCOPY_source_gref, GNTCOPY_dest_gref */
	int16_t status; /* out: GNTST_* */
};
typedef struct xengnttab_grant_copy_segment xengnttab_grant_copy_segment_t;

/** Copies @count segments. 0 says only that each has got a status. */
int xengnttab_grant_copy(
	xengnttab_handle *xgt, uint32_t count, xengnttab_grant_copy_segment_t *segs);

/** As for xengnttab. */
xengntshr_handle *xengntshr_open(struct xentoollog_logger *logger, unsigned open_flags);
int xengntshr_close(xengntshr_handle *xgs);
int xengntshr_fd(xengntshr_handle *xgs);

/**
 * Allocates @count pages, grants them to domain @domid, writes the references to @refs, and
 * returns the pages.
 */
void *xengntshr_share_pages(
	xengntshr_handle *xgs, uint32_t domid, int count, uint32_t *refs, int writable);

/** One page, with a notification as that of xengnttab_map_grant_ref_notify(). */
void *xengntshr_share_page_notify(xengntshr_handle *xgs, uint32_t domid, uint32_t *ref,
	int writable, uint32_t notify_offset, evtchn_port_t notify_port);

/** Unmaps @count pages; the grants end when the other domain has unmapped them, too. */
int xengntshr_unshare(xengntshr_handle *xgs, void *start_address, uint32_t count);

#endif /* XENGNTTAB_H */
