/*
 * The list of frames that a paravirtual kernel keeps for its pages, as arch_shared_info
 * (public/arch-x86/xen.h) leads to it: a linear list in the kernel's address space, or else a tree
 * of three levels. All of it is the guest's to write, so nothing in it is believed.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "stream.h"

/* So that all of its pages can be named in one record. */
#define MAX_P2M_PAGES ((STREAM_MAX_BODY - sizeof(struct stream_p2m_frames)) / sizeof(uint64_t))

struct reader {
	xc_interface *xc;
	uint32_t domid;
	struct stream_p2m *p2m;
	/* The table of each level that was looked at last. */
	struct {
		uint64_t mfn;
		const uint64_t *table;
	} seen[5];
};

static const void *map(struct reader *r, const xen_pfn_t *mfns, size_t nr, GError **error)
{
	const void *p =
		xenforeignmemory_map(xc_foreign(r->xc), r->domid, PROT_READ, nr, mfns, NULL);

	if (!p)
		xg_stream_refused(r->domid, "its list of frames cannot be mapped", error);
	return p;
}

static void unmap(struct reader *r, const void *p, size_t nr)
{
	if (p)
		xenforeignmemory_unmap(xc_foreign(r->xc), (void *)p, nr);
}

static void unmap_seen(struct reader *r)
{
	for (unsigned level = 0; level < G_N_ELEMENTS(r->seen); level++)
		unmap(r, r->seen[level].table, 1);
}

static bool bad_list(struct reader *r, const char *what, GError **error)
{
	g_set_error(error, XG_ERROR, XG_ERROR_FEATURE, "domain %u: its list of frames %s", r->domid,
		what);
	return false;
}

/* Table @mfn, mapped until another one of this level is asked for. */
static const uint64_t *table_at(struct reader *r, unsigned level, uint64_t mfn, GError **error)
{
	if (r->seen[level].table && r->seen[level].mfn == mfn)
		return r->seen[level].table;
	unmap(r, r->seen[level].table, 1);
	r->seen[level].mfn = mfn;
	r->seen[level].table = map(r, &mfn, 1, error);
	return r->seen[level].table;
}

/* The frame at @va of the address space @cr3, by its page tables. */
static bool walk(struct reader *r, uint64_t cr3, uint64_t va, xen_pfn_t *mfn, GError **error)
{
	*mfn = xen_cr3_to_pfn(cr3);
	for (unsigned level = 4; level; level--) {
		const uint64_t *table = table_at(r, level, *mfn, error);
		uint64_t entry;

		if (!table)
			return false;
		entry = table[va >> (XC_PAGE_SHIFT + 9 * (level - 1)) & 511];
		if (!(entry & 1))
			return bad_list(r, "is not mapped in its address space", error);
		*mfn = entry >> XC_PAGE_SHIFT & STREAM_PFN_MASK >> XC_PAGE_SHIFT;
	}
	return true;
}

/* Page @i of the list in the tree below frame @root. */
static bool descend(struct reader *r, uint64_t root, uint64_t i, xen_pfn_t *mfn, GError **error)
{
	const uint64_t *top = table_at(r, 2, root, error), *middle;

	if (!top)
		return false;
	middle = table_at(r, 1, top[i / P2M_PER_PAGE], error);
	if (!middle)
		return false;
	*mfn = middle[i % P2M_PER_PAGE];
	return true;
}

/* The frames that hold the list itself. */
static bool find_pages(
	struct reader *r, const struct arch_shared_info *arch, xen_pfn_t *mfns, GError **error)
{
	uint64_t root = arch->pfn_to_mfn_frame_list_list, cr3 = arch->p2m_cr3;
	uint64_t va = arch->p2m_vaddr;

	if (!cr3 && (!root || root == UINT64_MAX))
		return bad_list(r, "is nowhere", error);
	if (!cr3 && r->p2m->nr_frames > P2M_PER_PAGE * P2M_PER_PAGE)
		return bad_list(r, "is too long for its tree", error);
	for (uint64_t i = 0; i < r->p2m->nr_frames; i++)
		if (cr3 ? !walk(r, cr3, va + (i << XC_PAGE_SHIFT), &mfns[i], error)
			: !descend(r, root, i, &mfns[i], error))
			return false;
	return true;
}

/* An entry: other domains' frames and holes have bits that no frame has. */
static bool enter(struct reader *r, uint64_t pfn, uint64_t mfn, GError **error)
{
	struct stream_p2m *p2m = r->p2m;

	if (!mfn || mfn >= p2m->max_mfn)
		return true;
	if (p2m->m2p[mfn])
		return bad_list(r, "has the same frame twice", error);
	p2m->mfn[pfn] = mfn;
	p2m->m2p[mfn] = pfn + 1;
	return true;
}

static bool read_entries(struct reader *r, const xen_pfn_t *mfns, GError **error)
{
	struct stream_p2m *p2m = r->p2m;
	bool ok = true;

	for (uint64_t first = 0; first < p2m->nr_frames && ok; first += STREAM_BATCH) {
		uint64_t n = MIN(p2m->nr_frames - first, STREAM_BATCH);
		uint64_t pfn = first * P2M_PER_PAGE;
		uint64_t entries = MIN(n * P2M_PER_PAGE, p2m->max_pfn - pfn);
		const volatile uint64_t *list = map(r, mfns + first, n, error);

		if (!list)
			return false;
		for (uint64_t i = 0; i < entries && ok; i++)
			ok = enter(r, pfn + i, list[i], error);
		unmap(r, (const void *)list, n);
	}
	return ok;
}

/* The list's own pages, by their numbers: they are filled in anew when it is restored. */
static bool name_pages(struct reader *r, const xen_pfn_t *mfns, GError **error)
{
	struct stream_p2m *p2m = r->p2m;

	for (uint64_t i = 0; i < p2m->nr_frames; i++) {
		p2m->frames[i] = xg_p2m_pfn(p2m, mfns[i]);
		if (p2m->frames[i] == UINT64_MAX)
			return bad_list(r, "is in a frame that is not in it", error);
	}
	return true;
}

static bool allocate(struct stream_p2m *p2m, long max_mfn)
{
	p2m->max_mfn = (uint64_t)max_mfn + 1;
	p2m->mfn = g_try_new0(xen_pfn_t, p2m->max_pfn);
	p2m->m2p = g_try_new0(uint32_t, p2m->max_mfn);
	p2m->frames = g_try_new0(uint64_t, p2m->nr_frames);
	return p2m->mfn && p2m->m2p && p2m->frames;
}

bool xg_p2m_read(struct stream_p2m *p2m, xc_interface *xc, uint32_t domid,
	const shared_info_t *shared, GError **error)
{
	struct reader r = { .xc = xc, .domid = domid, .p2m = p2m };
	long max_mfn = xc_maximum_ram_page(xc);
	xen_pfn_t *mfns;
	bool ok;

	if (max_mfn < 0)
		return xg_stream_refused(domid, "the machine's memory is not known", error);
	p2m->max_pfn = shared->arch.max_pfn;
	p2m->nr_frames = p2m->max_pfn / P2M_PER_PAGE + !!(p2m->max_pfn % P2M_PER_PAGE);
	if (!p2m->max_pfn || p2m->nr_frames > MAX_P2M_PAGES)
		return bad_list(&r, "has an impossible length", error);
	mfns = g_try_new(xen_pfn_t, p2m->nr_frames);
	errno = ENOMEM;
	ok = mfns && allocate(p2m, max_mfn)
		     ? find_pages(&r, &shared->arch, mfns, error)
		     : xg_stream_refused(domid, "no memory for its list of frames", error);
	ok = ok && read_entries(&r, mfns, error) && name_pages(&r, mfns, error);
	unmap_seen(&r);
	g_free(mfns);
	return ok;
}

/* ---- What has changed of it ---- */

struct update {
	struct reader *r;
	const xen_pfn_t *mfns; /* the list's pages */
	uint64_t *pages;       /* those that are to be read again, by their place in it */
	uint64_t nr;
	uint64_t *todo;
};

/* An entry has changed: what it was before is forgotten. */
static bool forget(struct update *u, uint64_t pfn, uint64_t mfn, GError **error)
{
	struct stream_p2m *p2m = u->r->p2m;
	uint64_t old = p2m->mfn[pfn];

	if (old == (mfn < p2m->max_mfn ? mfn : 0))
		return true;
	if (old)
		p2m->m2p[old] = 0;
	p2m->mfn[pfn] = 0;
	xg_add_page(u->todo, pfn);
	return true;
}

static bool enter_new(struct update *u, uint64_t pfn, uint64_t mfn, GError **error)
{
	return u->r->p2m->mfn[pfn] || enter(u->r, pfn, mfn, error);
}

/* Calls @visit with all entries of the pages that are to be read again. */
static bool visit_entries(struct update *u,
	bool (*visit)(struct update *u, uint64_t pfn, uint64_t mfn, GError **error), GError **error)
{
	uint64_t max_pfn = u->r->p2m->max_pfn;
	bool ok = true;

	for (uint64_t i = 0; i < u->nr && ok; i++) {
		const uint64_t *list = map(u->r, &u->mfns[u->pages[i]], 1, error);
		uint64_t first = u->pages[i] * P2M_PER_PAGE;

		if (!list)
			return false;
		for (uint64_t j = 0; j < MIN(P2M_PER_PAGE, max_pfn - first) && ok; j++)
			ok = visit(u, first + j, list[j], error);
		unmap(u->r, list, 1);
	}
	return ok;
}

static bool update(struct reader *r, const shared_info_t *shared, const uint64_t *changed,
	uint64_t *todo, xen_pfn_t *mfns, uint64_t *pages, GError **error)
{
	struct update u = { .r = r, .pages = pages, .mfns = mfns, .todo = todo };
	const struct stream_p2m *p2m = r->p2m;

	if (!find_pages(r, &shared->arch, mfns, error))
		return false;
	for (uint64_t i = 0; i < p2m->nr_frames; i++) {
		uint64_t pfn = p2m->frames[i];

		if (p2m->mfn[pfn] != mfns[i] || xg_has_page(changed, pfn))
			pages[u.nr++] = i;
	}
	/* A frame may have gone from one page to another: each is given up before any is taken. */
	return visit_entries(&u, forget, error) && visit_entries(&u, enter_new, error) &&
	       name_pages(r, mfns, error);
}

bool xg_p2m_update(struct stream_p2m *p2m, xc_interface *xc, uint32_t domid,
	const shared_info_t *shared, const uint64_t *changed, uint64_t *todo, GError **error)
{
	struct reader r = { .xc = xc, .domid = domid, .p2m = p2m };
	g_autofree xen_pfn_t *mfns = g_try_new(xen_pfn_t, p2m->nr_frames);
	g_autofree uint64_t *pages = g_try_new(uint64_t, p2m->nr_frames);
	bool ok;

	errno = ENOMEM;
	if (!mfns || !pages)
		return xg_stream_refused(domid, "no memory for its list of frames", error);
	if (shared->arch.max_pfn != p2m->max_pfn)
		return bad_list(&r, "has another length than before", error);
	ok = update(&r, shared, changed, todo, mfns, pages, error);
	unmap_seen(&r);
	return ok;
}

void xg_p2m_free(struct stream_p2m *p2m)
{
	g_free(p2m->mfn);
	g_free(p2m->m2p);
	g_free(p2m->frames);
}
