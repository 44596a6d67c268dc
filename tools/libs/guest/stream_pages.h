/* A domain on its way out of a stream. */
#ifndef GUEST_STREAM_PAGES_H
#define GUEST_STREAM_PAGES_H

#include <sys/uio.h>

#include "stream.h"

/* One record of pages. */
struct page_batch {
	unsigned nr, nr_data;
	uint64_t entry[STREAM_BATCH]; /* as in the stream */
	uint32_t type[STREAM_BATCH];  /* XEN_DOMCTL_PFINFO_* */
	bool fresh[STREAM_BATCH]; /* it has just got its frame */
	/* Of those that have data, in the same order. */
	bool hole[STREAM_BATCH];
	struct iovec iov[STREAM_BATCH];
};

struct restorer {
	struct stream s;
	xc_interface *xc;
	const struct xg_restore_config *config;
	struct xg_pv_result *result;
	uint32_t version;
	unsigned phase;
	bool has_info, ended;

	uint64_t max_pages, nr_pages;
	struct stream_p2m p2m;
	uint8_t *type; /* by pfn, bits 31:28 of XEN_DOMCTL_PFINFO_* of tables, and PAGE_LOCAL; else 0 */
	uint64_t last_pfn; /* of the batch before */
	unsigned rounds;
	struct page_batch *batch;
	struct stream_state state;

	/* Kept until all static data is there. */
	GBytes *cpuid, *msrs;
	uint64_t shared_mfn, start_info; /* the latter a pfn */
};

/** Reads the body of a PAGE_DATA of @length bytes; all of them, or it fails. */
bool xg_pages_read(struct restorer *r, uint32_t length, GError **error);

/* A page table that has frames in place of page numbers already. */
#define PAGE_LOCAL 0x10

/** Puts frames into the guest's page tables, and then into its list of frames. */
bool xg_pages_localise(struct restorer *r, GError **error);
bool xg_pages_fill_p2m(struct restorer *r, GError **error);

/** Has the hypervisor take the tables that were pinned. Nothing may be mapped any more. */
bool xg_pages_pin(struct restorer *r, GError **error);

#endif /* GUEST_STREAM_PAGES_H */
