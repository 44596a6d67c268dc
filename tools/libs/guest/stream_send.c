/*
 * Sends a domain to another host: its memory in rounds while it runs, and what is left when it has
 * been suspended.
 *
 * The hypervisor logs which pages change. What is read of a running domain may be torn or old, but
 * is then in the log, and is sent again; what cannot be made sense of, such as a page table that is
 * being changed, is left to the last round. In that round nothing changes any more: what changed of
 * the list of frames, and the types of tables, are looked at anew, and what differs from what was
 * sent goes again.
 */
#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "stream_save.h"

/* More rounds than this that leave nearly as much as the one before do not help. */
#define SHRINKS    0.75
#define MAX_FUTILE 2
/* All in all not more than so many times the domain's memory is sent while it runs. */
#define MAX_MEMORY 4
/* How often the list of frames of a running domain is read that makes no sense. */
#define MAX_READS 5
/* Of pages that have never been sent. */
#define NEVER 0xff

/* One record, made in two steps: what there is, and what of it can be sent. */
struct batch {
	unsigned nr, nr_data;
	uint64_t pfn[STREAM_BATCH];
	xen_pfn_t mfn[STREAM_BATCH], type[STREAM_BATCH];
	/* Pages with data, mapped one after the other: their place in the lists above. */
	unsigned data[STREAM_BATCH];
	xen_pfn_t data_mfn[STREAM_BATCH];
	int refused[STREAM_BATCH];
	/* The record. */
	unsigned entries, pages, tables;
	uint64_t entry[STREAM_BATCH];
	struct iovec iov[STREAM_BATCH + 3];
};

struct sender {
	struct saver v;
	const struct xg_send_config *send;
	bool logging;
	uint64_t words; /* of each of the bitmaps, which have a bit for each page */
	uint64_t *todo; /* to be sent in this round */
	uint64_t *later;   /* left to the last one */
	uint64_t *changed; /* since the log began */
	uint8_t *sent;   /* type with which it was sent last, bits 28 to 31 */
	struct batch *b;
	uint64_t *copies; /* of page tables */
	struct xg_send_stats stats;
	gint64 began;
	uint64_t sent_before;
	unsigned futile;
};

/* ---- Bitmaps ---- */

static uint64_t count(const struct sender *x, const uint64_t *map)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < x->words; i++)
		n += __builtin_popcountll(map[i]);
	return n;
}

static void merge(const struct sender *x, uint64_t *map, const uint64_t *more)
{
	for (uint64_t i = 0; i < x->words; i++)
		map[i] |= more[i];
}

/* ---- The log ---- */

static bool start_log(struct sender *x, GError **error)
{
	struct xen_domctl shadow = { .cmd = XEN_DOMCTL_shadow_op,
		.domain = x->v.s.domid,
		.u.shadow_op = { .op = XEN_DOMCTL_SHADOW_OP_SET_ALLOCATION } };

	if (!x->send->live)
		return true;
	x->logging = !xc_logdirty(
		x->v.xc, x->v.s.domid, XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, NULL, 0, NULL);
	/* Some hypervisors want to be given memory for it: its bitmap, and for each vCPU. */
	if (!x->logging) {
		shadow.u.shadow_op.mb = 4 + x->v.info.max_vcpu_id + (x->v.info.tot_pages >> 16);
		xc_domctl(x->v.xc, &shadow);
		x->logging = !xc_logdirty(
			x->v.xc, x->v.s.domid, XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, NULL, 0, NULL);
	}
	return x->logging ||
	       xg_stream_refused(x->v.s.domid, "changes of its memory cannot be logged", error);
}

static void stop_log(struct sender *x)
{
	if (x->logging)
		xc_logdirty(x->v.xc, x->v.s.domid, XEN_DOMCTL_SHADOW_OP_OFF, NULL, 0, NULL);
	x->logging = false;
}

/* What has changed since the last time is to be sent now. */
static bool read_log(struct sender *x, GError **error)
{
	if (xc_logdirty(x->v.xc, x->v.s.domid, XEN_DOMCTL_SHADOW_OP_CLEAN, x->todo,
		    x->v.p2m.max_pfn, NULL))
		return xg_stream_refused(
			x->v.s.domid, "the log of changes of its memory cannot be read", error);
	if (x->v.p2m.max_pfn % 64)
		x->todo[x->words - 1] &= (1UL << x->v.p2m.max_pfn % 64) - 1;
	merge(x, x->changed, x->todo);
	return true;
}

/* ---- Pages ---- */

/* What there is of the next pages that are to be sent, from *@pfn on. Those of running domains that
 * vanish come later. */
static void collect(struct sender *x, uint64_t *pfn)
{
	struct batch *b = x->b;

	for (b->nr = 0; b->nr < STREAM_BATCH && *pfn < x->v.p2m.max_pfn; ++*pfn) {
		if (!(*pfn % 64) && !x->todo[*pfn / 64]) {
			*pfn += 63;
			continue;
		}
		/* In the last round a page that was sent, and is no longer there, is told of. */
		if (!xg_has_page(x->todo, *pfn) ||
			(!x->v.p2m.mfn[*pfn] && (!x->stats.last || x->sent[*pfn] == NEVER)))
			continue;
		b->pfn[b->nr] = *pfn;
		b->mfn[b->nr++] = x->v.p2m.mfn[*pfn];
	}
}

static bool get_types(
	struct sender *x, const xen_pfn_t *mfn, xen_pfn_t *type, unsigned nr, GError **error)
{
	memcpy(type, mfn, nr * sizeof(*mfn));
	/* Frame 0, which is nobody's, stands for none. */
	return !xc_get_pfn_types(x->v.xc, x->v.s.domid, nr, type) ||
	       xg_stream_refused(x->v.s.domid, "the types of its pages are not known", error);
}

static uint32_t type_of(const struct batch *b, unsigned i)
{
	return b->mfn[i] ? b->type[i] & XEN_DOMCTL_PFINFO_LTAB_MASK : XEN_DOMCTL_PFINFO_XTAB;
}

static void put_entry(struct sender *x, unsigned i, uint32_t type, uint32_t as)
{
	struct batch *b = x->b;

	b->entry[b->entries++] = (uint64_t)as << 32 | b->pfn[i];
	x->sent[b->pfn[i]] = type >> 28;
}

/* One page of the batch. Of a running domain it may be one that cannot be sent now. */
static bool put_page(struct sender *x, unsigned i, void *page, GError **error)
{
	struct batch *b = x->b;
	uint32_t type = type_of(b, i);
	unsigned level = xg_table_level(type);

	if (!level && xg_is_zero_page(page)) {
		x->stats.zeros++;
		put_entry(x, i, type, XEN_DOMCTL_PFINFO_XALLOC);
		return true;
	}
	if (level) {
		uint64_t *copy = x->copies + b->tables++ * 512;

		if (!xg_table_canonical(&x->v.p2m, level, b->pfn[i], page, copy,
			    x->stats.last ? error : NULL)) {
			xg_add_page(x->later, b->pfn[i]);
			if (x->stats.last)
				g_prefix_error(error, "domain %u: ", x->v.s.domid);
			return !x->stats.last;
		}
		page = copy;
	}
	put_entry(x, i, type, type);
	b->iov[3 + b->pages++] = (struct iovec){ page, XC_PAGE_SIZE };
	return true;
}

/* Contents, and pages without any. */
static bool put_pages(struct sender *x, uint8_t *pages, GError **error)
{
	struct batch *b = x->b;
	unsigned d = 0;

	b->entries = b->pages = b->tables = 0;
	for (unsigned i = 0; i < b->nr; i++) {
		uint32_t type = type_of(b, i);
		unsigned slot = d;

		if (!xg_has_data(type)) {
			/* A frame that it claims, and does not have, it may get before the end. */
			if (type != XEN_DOMCTL_PFINFO_XTAB || x->sent[b->pfn[i]] != NEVER)
				put_entry(x, i, type, type);
			continue;
		}
		d++;
		if (b->refused[slot])
			xg_add_page(x->later, b->pfn[i]);
		else if (!put_page(x, i, pages + slot * XC_PAGE_SIZE, error))
			return false;
	}
	return true;
}

static bool put_record(struct sender *x, GError **error)
{
	struct batch *b = x->b;
	struct stream_pages head = { .count = b->entries };
	struct stream_record record = {
		.type = STREAM_PAGE_DATA,
		.length = sizeof(head) + b->entries * sizeof(*b->entry) + b->pages * XC_PAGE_SIZE,
	};

	if (!b->entries)
		return true;
	b->iov[0] = (struct iovec){ &record, sizeof(record) };
	b->iov[1] = (struct iovec){ &head, sizeof(head) };
	b->iov[2] = (struct iovec){ b->entry, b->entries * sizeof(*b->entry) };
	return xg_stream_writev(&x->v.s, b->iov, 3 + b->pages, error);
}

static bool map_pages(struct sender *x, uint8_t **pages, GError **error)
{
	struct batch *b = x->b;

	b->nr_data = 0;
	for (unsigned i = 0; i < b->nr; i++)
		if (xg_has_data(type_of(b, i)))
			b->data_mfn[b->nr_data++] = b->mfn[i];
	memset(b->refused, 0, b->nr_data * sizeof(*b->refused));
	*pages = NULL;
	if (!b->nr_data)
		return true;
	*pages = xenforeignmemory_map(xc_foreign(x->v.xc), x->v.s.domid, PROT_READ, b->nr_data,
		b->data_mfn, x->stats.last ? NULL : b->refused);
	return *pages || xg_stream_refused(x->v.s.domid, "its memory cannot be mapped", error);
}

static bool send_batch(struct sender *x, GError **error)
{
	struct batch *b = x->b;
	uint8_t *pages;
	bool ok;

	if (!get_types(x, b->mfn, b->type, b->nr, error) || !map_pages(x, &pages, error))
		return false;
	ok = put_pages(x, pages, error) && put_record(x, error);
	if (pages)
		xenforeignmemory_unmap(xc_foreign(x->v.xc), pages, b->nr_data);
	return ok;
}

/* ---- Rounds ---- */

static void tell(struct sender *x)
{
	double seconds = (g_get_monotonic_time() - x->began) / 1e6;
	uint64_t here = x->stats.sent - x->sent_before;

	if (seconds > 0.05 && here > STREAM_BATCH)
		x->stats.rate = here / seconds;
	x->stats.left = x->stats.rate > 0 ? (x->stats.total - x->stats.done) / x->stats.rate : 0;
	if (x->send->stats)
		x->send->stats(&x->stats, x->send->stats_data);
}

static bool send_round(struct sender *x, GError **error)
{
	uint64_t pfn = 0;

	x->stats.done = 0;
	x->stats.total = count(x, x->todo);
	x->began = g_get_monotonic_time();
	x->sent_before = x->stats.sent;
	while (pfn < x->v.p2m.max_pfn) {
		if (!xg_stream_go_on(&x->v.s, "sending", x->stats.done, x->stats.total, error))
			return false;
		collect(x, &pfn);
		if (x->b->nr && !send_batch(x, error))
			return false;
		x->stats.done += x->b->nr;
		x->stats.sent += x->b->nr;
		tell(x);
	}
	return true;
}

/* Whether what is left is little, or will not become less. */
static bool is_enough(struct sender *x, uint64_t before)
{
	double rate = MAX(x->stats.rate, 1);

	x->futile += x->stats.dirty > before * SHRINKS;
	return x->stats.dirty / rate <= x->send->max_stop ||
	       x->stats.round >= x->send->max_rounds || x->futile >= MAX_FUTILE ||
	       x->stats.sent > MAX_MEMORY * x->v.p2m.max_pfn;
}

static bool send_running(struct sender *x, GError **error)
{
	uint64_t before = UINT64_MAX >> 1;

	for (;;) {
		double seconds;

		if (!send_round(x, error) || !read_log(x, error))
			return false;
		seconds = (g_get_monotonic_time() - x->began) / 1e6;
		x->stats.dirty = count(x, x->todo);
		x->stats.dirty_rate = x->stats.dirty / MAX(seconds, 0.001);
		x->stats.round++;
		if (is_enough(x, before))
			return true;
		before = x->stats.dirty;
	}
}

/* ---- The last round ---- */

/*
 * Whether the type of page @pfn is to be looked at again. Data that has become a table since it was
 * sent is in the log; a table that has become another one should be, too.
 */
static bool is_doubtful(const struct sender *x, uint64_t pfn)
{
	return x->v.p2m.mfn[pfn] && !xg_has_page(x->todo, pfn) &&
	       (x->sent[pfn] == NEVER || xg_table_level((uint32_t)x->sent[pfn] << 28));
}

/* Pages that were never sent, or as tables that they are not any more. */
static bool note_types(struct sender *x, GError **error)
{
	uint64_t max_pfn = x->v.p2m.max_pfn;
	struct batch *b = x->b;

	for (uint64_t pfn = xg_next_type(x->sent, 0, max_pfn); pfn < max_pfn;) {
		for (b->nr = 0; b->nr < STREAM_BATCH && pfn < max_pfn;
			pfn = xg_next_type(x->sent, pfn + 1, max_pfn))
			if (is_doubtful(x, pfn)) {
				b->pfn[b->nr] = pfn;
				b->mfn[b->nr++] = x->v.p2m.mfn[pfn];
			}
		if (b->nr && !get_types(x, b->mfn, b->type, b->nr, error))
			return false;
		for (unsigned i = 0; i < b->nr; i++) {
			uint8_t type = type_of(b, i) >> 28, sent = x->sent[b->pfn[i]];

			if (type != sent && !(type == XEN_DOMCTL_PFINFO_XTAB >> 28 && sent == NEVER))
				xg_add_page(x->todo, b->pfn[i]);
		}
	}
	return true;
}

/* The list of frames as it is now: pages that have another frame, or none any more, since they were
 * sent; and the pages that it is in itself. */
static bool look_again(struct sender *x, GError **error)
{
	struct stream_p2m *p2m = &x->v.p2m;
	size_t size = p2m->nr_frames * sizeof(*p2m->frames);
	g_autofree uint64_t *old = g_memdup2(p2m->frames, size);

	g_clear_pointer(&x->v.shared, g_free);
	return xg_saver_read_shared(&x->v, error) &&
	       xg_p2m_update(p2m, x->v.xc, x->v.s.domid, x->v.shared, x->changed, x->todo, error) &&
	       (!memcmp(old, p2m->frames, size) || xg_saver_put_p2m(&x->v, error));
}

static bool send_rest(struct sender *x, GError **error)
{
	if (!xg_saver_check(&x->v, error))
		return false;
	if (x->send->live) {
		/* What was found before, too. */
		merge(x, x->later, x->todo);
		if (!read_log(x, error) || !look_again(x, error))
			return false;
	}
	merge(x, x->todo, x->later);
	x->stats.last = true;
	return note_types(x, error) && send_round(x, error) && xg_saver_put_time(&x->v, error) &&
	       xg_saver_put_vcpus(&x->v, error);
}

/* ---- All of it ---- */

static bool allocate(struct sender *x, GError **error)
{
	x->words = (x->v.p2m.max_pfn + 63) / 64;
	x->todo = g_try_new0(uint64_t, x->words);
	x->later = g_try_new0(uint64_t, x->words);
	x->changed = g_try_new0(uint64_t, x->words);
	x->sent = g_try_malloc(TYPES_SIZE(x->v.p2m.max_pfn));
	errno = ENOMEM;
	if (!x->todo || !x->later || !x->changed || !x->sent)
		return xg_stream_refused(x->v.s.domid, "no memory to send it", error);
	memset(x->sent, NEVER, TYPES_SIZE(x->v.p2m.max_pfn));
	return true;
}

/* A running kernel may be at work on its list just now. */
static bool read_list(struct sender *x, GError **error)
{
	g_autoptr(GError) cause = NULL;

	for (unsigned i = 0; x->send->live && i < MAX_READS; i++) {
		g_clear_error(&cause);
		if (xg_saver_read_list(&x->v, &cause))
			return true;
		xg_p2m_free(&x->v.p2m);
		x->v.p2m = (struct stream_p2m){ 0 };
		g_clear_pointer(&x->v.shared, g_free);
		g_usleep(20000);
	}
	return xg_saver_read_list(&x->v, error);
}

static bool begin(struct sender *x, GError **error)
{
	if (x->send->live ? !xg_saver_look(&x->v, error) : !xg_saver_check(&x->v, error))
		return false;
	if (!start_log(x, error) || !read_list(x, error) || !allocate(x, error) ||
		!xg_saver_put_headers(&x->v, error) || !xg_saver_put_policy(&x->v, error) ||
		!xg_saver_put_p2m(&x->v, error))
		return false;
	/* The first time, everything that there is. */
	for (uint64_t pfn = 0; pfn < x->v.p2m.max_pfn; pfn++)
		if (x->v.p2m.mfn[pfn])
			xg_add_page(x->todo, pfn);
	return true;
}

bool xg_send_pv(xc_interface *xc, int fd, const struct xg_save_config *config,
	const struct xg_send_config *send, GError **error)
{
	struct sender x = { .send = send, .b = g_new(struct batch, 1) };
	bool ok;

	xg_saver_begin(&x.v, xc, fd, config);
	x.copies = g_malloc(STREAM_BATCH * XC_PAGE_SIZE);
	ok = begin(&x, error) && (!send->live || send_running(&x, error)) && send_rest(&x, error);
	stop_log(&x);
	xg_saver_end(&x.v);
	g_free(x.todo);
	g_free(x.later);
	g_free(x.changed);
	g_free(x.sent);
	g_free(x.copies);
	g_free(x.b);
	return ok;
}
