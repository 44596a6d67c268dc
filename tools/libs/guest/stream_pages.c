/*
 * Pages of a domain that is restored: they get frames as the stream names them, and their contents
 * are read to where they belong. Page tables keep page numbers until all pages that they map have
 * frames: to the end, or to the next round of a domain that runs elsewhere meanwhile, so that as
 * little as possible is left to do when it does not run any more.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "stream_pages.h"

/* A stream of nonsense shall not have tables looked at for each of its pages. */
#define MAX_EARLY 100

/* A page that was sent, and that the domain has given up since. */
static bool give_up(struct restorer *r, uint64_t pfn, GError **error)
{
	if (xc_domain_release(r->xc, r->s.domid, 1, &r->p2m.mfn[pfn]) != 1)
		return xg_stream_refused(r->s.domid, "a page cannot be given up", error);
	r->p2m.mfn[pfn] = 0;
	r->type[pfn] = 0;
	r->nr_pages--;
	return true;
}

/* Frames for those of the batch that have none. */
static bool populate(struct restorer *r, struct page_batch *b, GError **error)
{
	xen_pfn_t frames[STREAM_BATCH];
	uint64_t pfns[STREAM_BATCH];
	unsigned nr = 0;
	int done;

	for (unsigned i = 0; i < b->nr; i++) {
		uint64_t pfn = b->entry[i] & STREAM_PFN_MASK;

		if (b->type[i] == XEN_DOMCTL_PFINFO_XTAB && r->p2m.mfn[pfn] &&
			!give_up(r, pfn, error))
			return false;
		b->fresh[i] = b->type[i] != XEN_DOMCTL_PFINFO_XTAB && !r->p2m.mfn[pfn];
		if (!b->fresh[i])
			continue;
		pfns[nr] = pfn;
		frames[nr++] = pfn;
	}
	if (nr > r->max_pages - r->nr_pages) {
		g_set_error(error, XG_ERROR, XG_ERROR_MEMORY,
			"domain %u: more is saved than the %" G_GUINT64_FORMAT " KiB it may have",
			r->s.domid, r->max_pages << (XC_PAGE_SHIFT - 10));
		return false;
	}
	done = nr ? xc_domain_populate(r->xc, r->s.domid, nr, 0, 0, frames) : 0;
	for (int i = 0; i < done; i++)
		r->p2m.mfn[pfns[i]] = frames[i];
	r->nr_pages += MAX(done, 0);
	if (done == (int)nr)
		return true;
	g_set_error(error, XG_ERROR, XG_ERROR_MEMORY,
		"domain %u: too little free memory: got %" G_GUINT64_FORMAT " KiB", r->s.domid,
		r->nr_pages << (XC_PAGE_SHIFT - 10));
	return false;
}

static int by_pfn(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* A page twice in one record would be given two frames. */
static bool unique(const struct page_batch *b, GError **error)
{
	uint64_t sorted[STREAM_BATCH];

	for (unsigned i = 0; i < b->nr; i++)
		sorted[i] = b->entry[i] & STREAM_PFN_MASK;
	qsort(sorted, b->nr, sizeof(*sorted), by_pfn);
	for (unsigned i = 1; i < b->nr; i++)
		if (sorted[i] == sorted[i - 1])
			return xg_stream_bad(
				error, "page %#lx is in one PAGE_DATA twice", sorted[i]);
	return true;
}

static bool check_entries(struct restorer *r, struct page_batch *b, GError **error)
{
	for (unsigned i = 0; i < b->nr; i++) {
		uint64_t pfn = b->entry[i] & STREAM_PFN_MASK;
		uint32_t type = STREAM_PFN_TYPE(b->entry[i]);
		unsigned level = xg_table_level(type);

		if (pfn >= r->p2m.max_pfn)
			return xg_stream_bad(error, "page %#lx is beyond its end", pfn);
		if (xg_has_data(type) && type && !level)
			return xg_stream_bad(
				error, "page %#lx has unknown type %#x", pfn, type >> 28);
		b->type[i] = type;
		b->nr_data += xg_has_data(type);
	}
	return unique(b, error);
}

/*
 * Which pages of the batch are to be mapped, as indices into it. A frame is zero when it comes from
 * the hypervisor, so a page of zeros that has just got one is right as it is.
 */
static unsigned choose(const struct page_batch *b, unsigned *chosen)
{
	unsigned nr = 0, data = 0;

	for (unsigned i = 0; i < b->nr; i++) {
		bool zero = !xg_has_data(b->type[i]) || b->hole[data++];

		if (b->type[i] != XEN_DOMCTL_PFINFO_XTAB && !(zero && b->fresh[i]))
			chosen[nr++] = i;
	}
	return nr;
}

/* Contents straight into the guest. Other pages that had contents before are emptied. */
static bool fill(struct restorer *r, struct page_batch *b, const unsigned *chosen, unsigned nr,
	uint8_t *pages, GError **error)
{
	unsigned data = 0, slot = 0;

	for (unsigned i = 0; i < b->nr; i++) {
		uint8_t *page =
			slot < nr && chosen[slot] == i ? pages + slot++ * XC_PAGE_SIZE : NULL;

		if (xg_has_data(b->type[i]))
			b->iov[data++] = (struct iovec){ page, XC_PAGE_SIZE };
		else if (page)
			memset(page, 0, XC_PAGE_SIZE);
	}
	return xg_stream_read_pages(&r->s, b->iov, b->hole, b->nr_data, error);
}

static bool load(struct restorer *r, struct page_batch *b, GError **error)
{
	unsigned chosen[STREAM_BATCH], nr;
	xen_pfn_t mfns[STREAM_BATCH];
	uint8_t *pages = NULL;
	bool ok;

	/* The types of tables say what is to be done in the end: that of the last time counts. */
	for (unsigned i = 0; i < b->nr; i++)
		if (b->type[i] != XEN_DOMCTL_PFINFO_XTAB)
			r->type[b->entry[i] & STREAM_PFN_MASK] =
				xg_table_level(b->type[i]) ? b->type[i] >> 28 : 0;
	xg_stream_find_holes(&r->s, b->hole, b->nr_data);
	nr = choose(b, chosen);
	for (unsigned i = 0; i < nr; i++)
		mfns[i] = r->p2m.mfn[b->entry[chosen[i]] & STREAM_PFN_MASK];
	if (nr) {
		pages = xenforeignmemory_map(
			xc_foreign(r->xc), r->s.domid, PROT_READ | PROT_WRITE, nr, mfns, NULL);
		if (!pages)
			return xg_stream_refused(r->s.domid, "its memory cannot be mapped", error);
	}
	ok = fill(r, b, chosen, nr, pages, error);
	if (pages)
		xenforeignmemory_unmap(xc_foreign(r->xc), pages, nr);
	return ok;
}

static bool localise_early(struct restorer *r, GError **error);

/* Each round goes through the pages from the first to the last. */
static bool look_for_round(struct restorer *r, const struct page_batch *b, GError **error)
{
	bool begins = r->nr_pages && (b->entry[0] & STREAM_PFN_MASK) <= r->last_pfn;

	r->last_pfn = b->entry[b->nr - 1] & STREAM_PFN_MASK;
	return !begins || r->rounds++ >= MAX_EARLY || localise_early(r, error);
}

bool xg_pages_read(struct restorer *r, uint32_t length, GError **error)
{
	struct page_batch *b = r->batch;
	struct stream_pages head;
	uint64_t want;

	if (!r->p2m.mfn)
		return xg_stream_bad(error, "PAGE_DATA comes before X86_PV_P2M_FRAMES");
	if (!xg_stream_read(&r->s, &head, sizeof(head), error))
		return false;
	if (!head.count || head.count > STREAM_BATCH)
		return xg_stream_bad(
			error, "PAGE_DATA has %u pages, not 1 to %u", head.count, STREAM_BATCH);
	want = sizeof(head) + head.count * sizeof(*b->entry);
	b->nr = head.count;
	b->nr_data = 0;
	if (length < want)
		return xg_stream_bad(error, "PAGE_DATA is too short, %u bytes", length);
	if (!xg_stream_read(&r->s, b->entry, head.count * sizeof(*b->entry), error) ||
		!check_entries(r, b, error))
		return false;
	want += (uint64_t)b->nr_data * XC_PAGE_SIZE;
	if (length != want)
		return xg_stream_bad(error,
			"PAGE_DATA has a wrong length, %u bytes in place of %" G_GUINT64_FORMAT,
			length, want);
	return look_for_round(r, b, error) && populate(r, b, error) && load(r, b, error);
}

/* ---- When all are there ---- */

/* Calls @visit with the pages @pfns, mapped, in batches. */
static bool visit_pages(struct restorer *r, const uint64_t *pfns, uint64_t nr,
	bool (*visit)(struct restorer *r, uint64_t i, uint64_t pfn, uint64_t *page, GError **error),
	GError **error)
{
	bool ok = true;

	for (uint64_t first = 0; first < nr && ok; first += STREAM_BATCH) {
		uint64_t n = MIN(nr - first, STREAM_BATCH);
		xen_pfn_t mfns[STREAM_BATCH];
		uint64_t *pages;

		for (uint64_t i = 0; i < n; i++)
			mfns[i] = r->p2m.mfn[pfns[first + i]];
		pages = xenforeignmemory_map(
			xc_foreign(r->xc), r->s.domid, PROT_READ | PROT_WRITE, n, mfns, NULL);
		if (!pages)
			return xg_stream_refused(r->s.domid, "its memory cannot be mapped", error);
		for (uint64_t i = 0; i < n && ok; i++)
			ok = visit(r, first + i, pfns[first + i], pages + i * 512, error);
		xenforeignmemory_unmap(xc_foreign(r->xc), pages, n);
	}
	return ok;
}

static bool make_local(struct restorer *r, uint64_t i, uint64_t pfn, uint64_t *page, GError **error)
{
	return xg_table_local(
		&r->p2m, xg_table_level((uint32_t)r->type[pfn] << 28), pfn, page, error);
}

/* One that maps a page without a frame waits for that. */
static bool try_local(struct restorer *r, uint64_t i, uint64_t pfn, uint64_t *page, GError **error)
{
	unsigned level = xg_table_level((uint32_t)r->type[pfn] << 28);

	if (!xg_table_is_whole(&r->p2m, level, page))
		return true;
	r->type[pfn] |= PAGE_LOCAL;
	return xg_table_local(&r->p2m, level, pfn, page, error);
}

static bool is_to_do(const struct restorer *r, uint64_t pfn)
{
	return r->p2m.mfn[pfn] && !(r->type[pfn] & PAGE_LOCAL) &&
	       xg_table_level((uint32_t)r->type[pfn] << 28);
}

/* Calls @visit with the page tables that have page numbers. */
static bool visit_tables(struct restorer *r,
	bool (*visit)(struct restorer *r, uint64_t i, uint64_t pfn, uint64_t *page, GError **error),
	GError **error)
{
	uint64_t pfns[STREAM_BATCH], max_pfn = r->p2m.max_pfn;
	uint64_t pfn = xg_next_type(r->type, 0, max_pfn);

	while (pfn < max_pfn) {
		unsigned nr = 0;

		for (; nr < STREAM_BATCH && pfn < max_pfn;
			pfn = xg_next_type(r->type, pfn + 1, max_pfn))
			if (is_to_do(r, pfn))
				pfns[nr++] = pfn;
		if (!xg_stream_go_on(&r->s, "restoring page tables", pfn, max_pfn, error) ||
			!visit_pages(r, pfns, nr, visit, error))
			return false;
	}
	return true;
}

static bool localise_early(struct restorer *r, GError **error)
{
	return visit_tables(r, try_local, error);
}

bool xg_pages_localise(struct restorer *r, GError **error)
{
	return visit_tables(r, make_local, error);
}

/*
 * A page of the guest's list. Where it has no page, it may have noted something else, as other
 * kernels' holes, with bits that no frame has; a frame, though, would be one of its former life.
 */
static bool fill_list(struct restorer *r, uint64_t i, uint64_t pfn, uint64_t *page, GError **error)
{
	uint64_t first = i * P2M_PER_PAGE;

	for (uint64_t j = 0; j < P2M_PER_PAGE && first + j < r->p2m.max_pfn; j++) {
		uint64_t mfn = r->p2m.mfn[first + j];

		if (mfn)
			page[j] = mfn;
		else if (page[j] <= STREAM_PFN_MASK)
			page[j] = UINT64_MAX;
	}
	return true;
}

bool xg_pages_fill_p2m(struct restorer *r, GError **error)
{
	for (uint64_t i = 0; i < r->p2m.nr_frames; i++)
		if (!xg_p2m_mfn(&r->p2m, r->p2m.frames[i]) ||
			xg_table_level((uint32_t)r->type[r->p2m.frames[i]] << 28))
			return xg_stream_bad(error, "page %#lx of its list of frames is not in it",
				r->p2m.frames[i]);
	return visit_pages(r, r->p2m.frames, r->p2m.nr_frames, fill_list, error);
}

bool xg_pages_pin(struct restorer *r, GError **error)
{
	uint64_t max_pfn = r->p2m.max_pfn;

	for (uint64_t pfn = xg_next_type(r->type, 0, max_pfn); pfn < max_pfn;
		pfn = xg_next_type(r->type, pfn + 1, max_pfn)) {
		uint32_t type = (uint32_t)r->type[pfn] << 28;

		if (!r->p2m.mfn[pfn] || !(type & XEN_DOMCTL_PFINFO_LPINTAB) ||
			!xg_table_level(type))
			continue;
		if (xc_pin_table(r->xc, r->s.domid, xg_table_level(type), r->p2m.mfn[pfn]))
			return xg_stream_refused(r->s.domid, "its page tables are refused", error);
	}
	return true;
}
