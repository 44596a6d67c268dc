/*
 * Saving a paravirtual domain to a stream, and restoring one from it.
 *
 * The stream is in the public format "libxenctrl Domain Image Format", version 3, little-endian;
 * version 2 is read, too. Domains are 64-bit ones. The format has no checksum: what is damaged in
 * a page's contents is not noticed, what is damaged elsewhere is an error.
 */
#ifndef XENSTREAM_H
#define XENSTREAM_H

#include "xenguest.h"

/** What is saved. */
struct xg_save_config {
	uint32_t domid;
	/*
	 * Has the domain suspend itself, and returns when it has (true) or not (false and an
	 * error). NULL: it is suspended.
	 */
	bool (*suspend)(void *data, GError **error);
	void *suspend_data;

	xg_progress_fn progress; /* or NULL; called from the thread that saves */
	void *progress_data;
	GCancellable *cancellable; /* or NULL */
};

/**
 * Writes domain config->domid to @fd, which may be a file, a pipe or a socket. The domain must
 * stay suspended meanwhile. False and @error (XG_ERROR) on failure: what has been written is of no
 * use, and the domain has not changed, so that it can be resumed with xg_resume_pv(). Blocks; a
 * cancellation is noticed even while @fd does. SIGPIPE must be ignored.
 */
bool xg_save_pv(xc_interface *xc, int fd, const struct xg_save_config *config, GError **error);

/**
 * Lets a domain that is suspended continue where it is, and tells its kernel that it was not moved
 * (the hypercall by which it suspended returns 1).
 */
bool xg_resume_pv(xc_interface *xc, uint32_t domid, GError **error);

/** What is restored. */
struct xg_restore_config {
	uint32_t domid;         /* created, without memory and vCPUs */
	unsigned vcpus;         /* at least 1, and as many as are in the stream */
	uint64_t memory_kb;     /* what the domain may have; a stream with more is refused */
	uint32_t console_domid; /* who serves console and xenstore; usually 0 */
	uint32_t store_domid;

	xg_progress_fn progress; /* or NULL; called from the thread that restores */
	void *progress_data;
	GCancellable *cancellable; /* or NULL */
};

/**
 * Reads a domain from @fd up to the end of its stream, not further: what remains is to unpause it.
 * result->guest_os stays empty. False and @error (XG_ERROR) on failure: the domain is then useless
 * and the caller destroys it. Blocks; a cancellation is noticed even while @fd does.
 */
bool xg_restore_pv(xc_interface *xc, int fd, const struct xg_restore_config *config,
	struct xg_pv_result *result, GError **error);

#endif /* XENSTREAM_H */
