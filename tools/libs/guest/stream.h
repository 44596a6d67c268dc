/*
 * The stream of a saved domain: its layout, from the public document "libxenctrl Domain Image
 * Format" (versions 2 and 3), and the parts of its writer and its reader.
 */
#ifndef GUEST_STREAM_H
#define GUEST_STREAM_H

#include <sys/uio.h>

#include "xenstream.h"

/* ---- Format ---- */

#define STREAM_MARKER  UINT64_MAX
#define STREAM_ID      0x58454e46 /* "XENF" */
#define STREAM_VERSION 3
#define STREAM_OLDEST  2

/* Big-endian. */
struct stream_image_header {
	uint64_t marker;
	uint32_t id, version;
	uint16_t options; /* bit 0: what follows is big-endian, too */
	uint16_t reserved;
	uint32_t reserved2;
};

#define STREAM_OPTION_BIG_ENDIAN 1

struct stream_domain_header {
	uint32_t type;
	uint16_t page_shift, reserved;
	uint32_t xen_major, xen_minor;
};

#define STREAM_DOMAIN_X86_PV 1

struct stream_record {
	uint32_t type, length; /* of the body; zeros follow it up to a multiple of 8 */
};

enum stream_type {
	STREAM_END = 0x00,
	STREAM_PAGE_DATA = 0x01,
	STREAM_X86_PV_INFO = 0x02,
	STREAM_X86_PV_P2M_FRAMES = 0x03,
	STREAM_X86_PV_VCPU_BASIC = 0x04,
	STREAM_X86_PV_VCPU_EXTENDED = 0x05,
	STREAM_X86_PV_VCPU_XSAVE = 0x06,
	STREAM_SHARED_INFO = 0x07,
	STREAM_X86_TSC_INFO = 0x08,
	STREAM_HVM_CONTEXT = 0x09,
	STREAM_HVM_PARAMS = 0x0a,
	STREAM_TOOLSTACK = 0x0b,
	STREAM_X86_PV_VCPU_MSRS = 0x0c,
	STREAM_VERIFY = 0x0d,
	STREAM_CHECKPOINT = 0x0e,
	STREAM_CHECKPOINT_DIRTY_PFN_LIST = 0x0f,
	STREAM_STATIC_DATA_END = 0x10,
	STREAM_X86_CPUID_POLICY = 0x11,
	STREAM_X86_MSR_POLICY = 0x12,
};

/* A reader that does not know the record may leave it out. */
#define STREAM_OPTIONAL 0x80000000U

/* No record is longer: a PAGE_DATA of 1024 pages has half of it. */
#define STREAM_MAX_BODY (8U << 20)
#define STREAM_BATCH    1024

/* Before the pages' numbers with their types, and these before the pages that have data. */
struct stream_pages {
	uint32_t count, reserved;
};

#define STREAM_PFN_MASK    0x000fffffffffffffUL
#define STREAM_PFN_TYPE(p) ((uint32_t)((p) >> 32) & XEN_DOMCTL_PFINFO_LTAB_MASK)

struct stream_pv_info {
	uint8_t guest_width, pt_levels, reserved[6]; /* width in bytes */
};

/* Before the numbers of the pages that hold the list of frames for these. */
struct stream_p2m_frames {
	uint32_t start_pfn, end_pfn; /* both included */
};

/* Before a vCPU's state. */
struct stream_vcpu {
	uint32_t id, reserved;
};

struct stream_tsc_info {
	uint32_t mode, khz;
	uint64_t nsec;
	uint32_t incarnation, reserved;
};

/* ---- Writer and reader ---- */

struct stream {
	int fd;
	bool skips; /* a file in which holes may stand for zeros */
	struct stream_sum *sum; /* of all that has passed; or NULL */
	uint32_t domid;
	GCancellable *cancellable;
	xg_progress_fn progress;
	void *progress_data;
};

/** "X86_TSC_INFO" or so; NULL for types that the format does not have. */
const char *xg_stream_name(uint32_t type);

/** Tells how far it is; false and an error if the caller wants no more of it. */
bool xg_stream_go_on(
	const struct stream *s, const char *stage, uint64_t done, uint64_t total, GError **error);

/** Writes all of @iov, which is changed. */
bool xg_stream_writev(const struct stream *s, struct iovec *iov, unsigned nr, GError **error);
/** The same without the sum. */
bool xg_stream_writev_only(const struct stream *s, struct iovec *iov, unsigned nr, GError **error);

/** Writes a record whose body is @head and then @data; the padding comes by itself. */
bool xg_stream_put(const struct stream *s, uint32_t type, const void *head, size_t head_len,
	const void *data, size_t len, GError **error);

/** Reads @len bytes; an end of the stream before that is an error. */
bool xg_stream_read(const struct stream *s, void *data, size_t len, GError **error);
/** Fills all of @iov, which is changed, without the sum. */
bool xg_stream_readv_only(const struct stream *s, struct iovec *iov, unsigned nr, GError **error);

extern const uint8_t xg_zero_page[XC_PAGE_SIZE];

/** Whether a page holds nothing but zeros; soon known of xg_zero_page. */
bool xg_is_zero_page(const void *page);

/** Whether @fd is a file that ends where it stands. */
bool xg_stream_may_skip(int fd);

/**
 * Writes whole pages, of which @iov is changed: those of zeros become holes in files that may have
 * them (s->skips).
 */
bool xg_stream_write_pages(const struct stream *s, struct iovec *iov, unsigned nr, GError **error);

/** Which of the next @nr pages lie in holes of a file, and so are zeros. */
void xg_stream_find_holes(const struct stream *s, bool *hole, unsigned nr);

/**
 * Reads whole pages, of which @iov is changed. Those in holes, as found before, are not read but
 * filled with zeros, or left out where their iov_base is NULL.
 */
bool xg_stream_read_pages(
	const struct stream *s, struct iovec *iov, const bool *hole, unsigned nr, GError **error);

/** Sets @error to "domain N: WHAT: " and errno's text. Returns false. */
bool xg_stream_refused(uint32_t domid, const char *what, GError **error);

/** Sets @error to what is wrong with a stream that is restored ("it is …"). Returns false. */
bool xg_stream_bad(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* ---- Sums ---- */

/**
 * A sum of bytes. A page is in it with eight: its own sum, or 0 if it holds nothing but zeros, so
 * that these cost nothing. Nothing is done where @sum is NULL.
 */
struct stream_sum *xg_sum_new(void);
void xg_sum_free(struct stream_sum *sum);
void xg_sum_add(struct stream_sum *sum, const void *data, size_t len);
void xg_sum_add_page(struct stream_sum *sum, const void *page);
/** What it is so far. Not of NULL. */
uint64_t xg_sum_value(const struct stream_sum *sum);

/* ---- Frames ---- */

#define P2M_PER_PAGE (XC_PAGE_SIZE / sizeof(xen_pfn_t))

/**
 * Frames of a domain by pfn. Frame 0 is nobody's, it stands for none, so that memory for pages
 * that are not there is never touched.
 */
struct stream_p2m {
	uint64_t max_pfn; /* how many there are */
	xen_pfn_t *mfn;
	uint64_t nr_frames; /* pages that the guest's own list takes */
	uint64_t *frames;   /* their pfns */
	/* Of a domain that is saved: pfn + 1 by frame, 0: not the domain's. */
	uint64_t max_mfn;
	uint32_t *m2p;
};

/** Reads the list that a suspended guest keeps, by what @shared says of it. */
bool xg_p2m_read(struct stream_p2m *p2m, xc_interface *xc, uint32_t domid,
	const shared_info_t *shared, GError **error);
void xg_p2m_free(struct stream_p2m *p2m);

/**
 * Has the list as it is now, of a domain that does not run any more, if the pages that changed since
 * it was read are all in @changed, a bitmap of @p2m->max_pfn bits. Pages that have another frame, or
 * none any more, are added to @todo.
 */
bool xg_p2m_update(struct stream_p2m *p2m, xc_interface *xc, uint32_t domid,
	const shared_info_t *shared, const uint64_t *changed, uint64_t *todo, GError **error);

/** The page that @mfn is, or UINT64_MAX. */
uint64_t xg_p2m_pfn(const struct stream_p2m *p2m, uint64_t mfn);

/** The frame that @pfn has, or 0. */
uint64_t xg_p2m_mfn(const struct stream_p2m *p2m, uint64_t pfn);

/** Level 1 to 4 of a page table, 0 for all else. @type: XEN_DOMCTL_PFINFO_*. */
unsigned xg_table_level(uint32_t type);

/* Bytes of a list of types, so that it can be read in eights. */
#define TYPES_SIZE(max_pfn) (((max_pfn) + 7) & ~7UL)

/** The first page from @pfn on whose byte in @types, TYPES_SIZE() of them, is not 0; or @max_pfn. */
static inline uint64_t xg_next_type(const uint8_t *types, uint64_t pfn, uint64_t max_pfn)
{
	while (pfn < max_pfn && !types[pfn]) {
		uint64_t eight = 1;

		if (!(pfn % 8))
			memcpy(&eight, types + pfn, sizeof(eight));
		pfn += eight ? 1 : 8;
	}
	return MIN(pfn, max_pfn);
}

/** Bitmaps with a bit for each page. */
static inline bool xg_has_page(const uint64_t *map, uint64_t pfn)
{
	return map[pfn / 64] >> pfn % 64 & 1;
}

static inline void xg_add_page(uint64_t *map, uint64_t pfn)
{
	map[pfn / 64] |= 1UL << pfn % 64;
}

/** Whether pages of @type, XEN_DOMCTL_PFINFO_*, have contents in a stream. */
bool xg_has_data(uint32_t type);

/** Copies a page table with pfns in place of frames, and without the hypervisor's part. */
bool xg_table_canonical(const struct stream_p2m *p2m, unsigned level, uint64_t pfn,
	const uint64_t *table, uint64_t *copy, GError **error);

/** Whether all pages that a copied table maps have frames. */
bool xg_table_is_whole(const struct stream_p2m *p2m, unsigned level, const uint64_t *table);

/** The way back, in place. */
bool xg_table_local(const struct stream_p2m *p2m, unsigned level, uint64_t pfn, uint64_t *table,
	GError **error);

/** A vCPU's registers: frames become pfns, and back. */
bool xg_context_canonical(const struct stream_p2m *p2m, unsigned vcpu,
	struct vcpu_guest_context *context, GError **error);
bool xg_context_local(const struct stream_p2m *p2m, unsigned vcpu,
	struct vcpu_guest_context *context, GError **error);

/* ---- What the records after the pages say ---- */

/** A vCPU as in the stream; parts that are not there are NULL. */
struct stream_vcpu_state {
	GBytes *part[4]; /* in the order of their types in stream_state.c */
};

/** State of a domain from its stream, kept until all of it is known to be there. */
struct stream_state {
	bool has_tsc, has_shared;
	struct xen_domctl_tsc_info tsc;
	uint8_t shared[XC_PAGE_SIZE];
	unsigned nr_vcpus;
	struct stream_vcpu_state *vcpu;
};

/** Writes all records of vCPU @id. */
bool xg_state_save_vcpu(const struct stream *s, xc_interface *xc, const struct stream_p2m *p2m,
	unsigned id, GError **error);

/** Takes note of a vCPU's record. */
bool xg_state_keep(
	struct stream_state *state, uint32_t type, const void *body, size_t len, GError **error);

/** Gives the vCPUs their state. *@start_info becomes the page of vCPU 0's start_info. */
bool xg_state_restore(struct stream_state *state, xc_interface *xc, uint32_t domid,
	const struct stream_p2m *p2m, uint64_t *start_info, GError **error);
void xg_state_free(struct stream_state *state);

#endif /* GUEST_STREAM_H */
