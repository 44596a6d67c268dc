/*
 * Saving a paravirtual domain to a stream, and restoring one from it.
 *
 * The stream is in the public format "libxenctrl Domain Image Format", version 3, little-endian;
 * version 2 is read, too. Domains are 64-bit ones. The format has no checksum; who saves a domain
 * can be told sums of the stream, and keep them beside it.
 */
#ifndef XENSTREAM_H
#define XENSTREAM_H

#include "xenguest.h"

/**
 * What a stream adds up to, if nothing in it is damaged, cut out or exchanged. Who restores it is
 * told by @start before anything is done, and by @all before anything that belongs to the domain is
 * made use of.
 */
struct xg_stream_sums {
	uint64_t start; /* up to its STATIC_DATA_END */
	uint64_t all;   /* up to its END */
};

/** The same sum, XXH3 of 64 bits, of @len bytes. */
uint64_t xg_sum(const void *data, size_t len);

/** What is saved. */
struct xg_save_config {
	uint32_t domid;
	/*
	 * Has the domain suspend itself, and returns when it has (true) or not (false and an
	 * error). NULL: it is suspended.
	 */
	bool (*suspend)(void *data, GError **error);
	void *suspend_data;
	struct xg_stream_sums *sums; /* set on success; or NULL. Not for xg_send_pv() */

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

/** How the sending of a domain goes. */
struct xg_send_stats {
	unsigned round;       /* from 0 on; that of all pages */
	bool last;            /* the domain is suspended */
	uint64_t done, total; /* pages of this round */
	uint64_t sent;        /* pages of all rounds, those of zeros included */
	uint64_t zeros;       /* of them pages of zeros, which take 8 bytes each */
	uint64_t dirty;       /* pages that changed during the round before */
	double dirty_rate;    /* pages that change in a second */
	double rate;          /* pages that are sent in a second */
	double left;          /* seconds, at least; 0: not known yet */
};

/** How a domain is sent to another host. */
struct xg_send_config {
	bool live;           /* memory goes while it runs */
	unsigned max_rounds; /* of these */
	double max_stop;     /* seconds: the domain is suspended when what is left takes no more */
	/* Called now and then, from the thread that sends; or NULL. */
	void (*stats)(const struct xg_send_stats *stats, void *data);
	void *stats_data;
};

/**
 * As xg_save_pv(), for a reader that is xg_restore_pv() of this version: pages of zeros are sent as such (type XALLOC,
 * which leaves them empty), a page that the domain has given up as XTAB, the list of frames again if it has moved.
 * With @send->live, config->suspend is called when little is left, or when more rounds would not make it less; after a
 * failure the domain may still run.
 */
bool xg_send_pv(xc_interface *xc, int fd, const struct xg_save_config *config,
	const struct xg_send_config *send, GError **error);

/**
 * Lets a domain that is suspended continue where it is, and tells its kernel that it was not moved
 * (the hypercall by which it suspended returns 1).
 */
bool xg_resume_pv(xc_interface *xc, uint32_t domid, GError **error);

/**
 * Writes the memory and registers of domain @domid to @fd as an ELF file in the public "xen dump-core format". The domain
 * should stand still; of one that runs, parts are of different moments. False and @error (XG_ERROR) on failure.
 */
bool xg_dump_core(xc_interface *xc, int fd, uint32_t domid, GError **error);

/** What is restored. */
struct xg_restore_config {
	uint32_t domid;         /* created, without memory and vCPUs */
	unsigned vcpus;         /* at least 1, and as many as are in the stream */
	uint64_t memory_kb;     /* what the domain may have; a stream with more is refused */
	uint32_t console_domid; /* who serves console and xenstore; usually 0 */
	uint32_t store_domid;
	const struct xg_stream_sums *sums; /* as it was saved; or NULL: not known */

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
