/*
 * Saves a suspended paravirtual domain: its records in the order that the format wants. Each page
 * is copied on its way to the file, page tables with other contents.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "stream_save.h"

/* ---- Before the pages ---- */

static bool unfit(struct saver *v, const char *why, GError **error)
{
	g_set_error(error, XG_ERROR, XG_ERROR_FEATURE, "domain %u: %s", v->s.domid, why);
	return false;
}

bool xg_saver_look(struct saver *v, GError **error)
{
	unsigned width;

	if (xc_domain_getinfo(v->xc, v->s.domid, &v->info))
		return xg_stream_refused(v->s.domid, "it cannot be looked at", error);
	if (v->info.flags & XEN_DOMINF_hvm_guest)
		return unfit(v, "it is not a paravirtual one", error);
	if (xc_domain_get_address_size(v->xc, v->s.domid, &width))
		return xg_stream_refused(v->s.domid, "its width is not known", error);
	return width == 64 || unfit(v, "it is not a 64-bit one", error);
}

bool xg_saver_check(struct saver *v, GError **error)
{
	if (v->config->suspend && !v->config->suspend(v->config->suspend_data, error))
		return false;
	if (!xg_saver_look(v, error))
		return false;
	if (xc_shutdown_reason(v->info.flags) != SHUTDOWN_suspend)
		return unfit(v, "it is not suspended", error);
	return true;
}

bool xg_saver_read_shared(struct saver *v, GError **error)
{
	xen_pfn_t mfn = v->info.shared_info_frame;
	void *page = xenforeignmemory_map(xc_foreign(v->xc), v->s.domid, PROT_READ, 1, &mfn, NULL);

	if (!page)
		return xg_stream_refused(v->s.domid, "its shared_info cannot be mapped", error);
	v->shared = g_memdup2(page, XC_PAGE_SIZE);
	xenforeignmemory_unmap(xc_foreign(v->xc), page, 1);
	return true;
}

bool xg_saver_read_list(struct saver *v, GError **error)
{
	return xg_saver_read_shared(v, error) &&
	       xg_p2m_read(&v->p2m, v->xc, v->s.domid, v->shared, error);
}

bool xg_saver_put_headers(struct saver *v, GError **error)
{
	int xen = xc_version(v->xc, XENVER_version, NULL, 0);
	struct stream_image_header image = {
		.marker = STREAM_MARKER,
		.id = GUINT32_TO_BE(STREAM_ID),
		.version = GUINT32_TO_BE(STREAM_VERSION),
	};
	struct stream_domain_header domain = {
		.type = STREAM_DOMAIN_X86_PV,
		.page_shift = XC_PAGE_SHIFT,
		.xen_major = MAX(xen, 0) >> 16,
		.xen_minor = MAX(xen, 0) & 0xffff,
	};
	struct stream_pv_info info = { .guest_width = 8, .pt_levels = 4 };
	struct iovec iov[] = { { &image, sizeof(image) }, { &domain, sizeof(domain) } };

	return xg_stream_writev(&v->s, iov, G_N_ELEMENTS(iov), error) &&
	       xg_stream_put(&v->s, STREAM_X86_PV_INFO, &info, sizeof(info), NULL, 0, error);
}

bool xg_saver_put_policy(struct saver *v, GError **error)
{
	uint32_t nr_leaves = 0, nr_msrs = 0;
	xen_cpuid_leaf_t *leaves;
	xen_msr_entry_t *msrs;
	bool ok = false;

	if (xc_get_domain_cpu_policy(v->xc, v->s.domid, NULL, &nr_leaves, NULL, &nr_msrs))
		return xg_stream_refused(v->s.domid, "its kind of CPU is not known", error);
	leaves = g_new0(xen_cpuid_leaf_t, MAX(nr_leaves, 1));
	msrs = g_new0(xen_msr_entry_t, MAX(nr_msrs, 1));
	if (xc_get_domain_cpu_policy(v->xc, v->s.domid, leaves, &nr_leaves, msrs, &nr_msrs))
		xg_stream_refused(v->s.domid, "its kind of CPU is not known", error);
	else
		/* There is no such thing as an empty record of these. */
		ok = (!nr_leaves || xg_stream_put(&v->s, STREAM_X86_CPUID_POLICY, NULL, 0, leaves,
					    nr_leaves * sizeof(*leaves), error)) &&
		     (!nr_msrs || xg_stream_put(&v->s, STREAM_X86_MSR_POLICY, NULL, 0, msrs,
					  nr_msrs * sizeof(*msrs), error));
	g_free(leaves);
	g_free(msrs);
	ok = ok && xg_stream_put(&v->s, STREAM_STATIC_DATA_END, NULL, 0, NULL, 0, error);
	if (ok && v->s.sum)
		v->config->sums->start = xg_sum_value(v->s.sum);
	return ok;
}

bool xg_saver_put_p2m(struct saver *v, GError **error)
{
	struct stream_p2m_frames head = { .end_pfn = v->p2m.max_pfn - 1 };

	return xg_stream_put(&v->s, STREAM_X86_PV_P2M_FRAMES, &head, sizeof(head), v->p2m.frames,
		v->p2m.nr_frames * sizeof(*v->p2m.frames), error);
}

/* ---- Pages ---- */

struct batch {
	unsigned nr;      /* pages */
	unsigned nr_data; /* of them with data: their frames come first */
	uint64_t pfn[STREAM_BATCH];
	xen_pfn_t mfn[STREAM_BATCH], type[STREAM_BATCH];
	/* What goes to the stream. */
	uint64_t entry[STREAM_BATCH];
	xen_pfn_t data_mfn[STREAM_BATCH];
	uint64_t data_pfn[STREAM_BATCH];
	uint32_t data_type[STREAM_BATCH];
	struct iovec iov[STREAM_BATCH + 3];
};

/* The next pages that there are, from *@pfn on. */
static void collect(struct saver *v, struct batch *b, uint64_t *pfn)
{
	for (b->nr = 0; b->nr < STREAM_BATCH && *pfn < v->p2m.max_pfn; ++*pfn)
		if (v->p2m.mfn[*pfn]) {
			b->pfn[b->nr] = *pfn;
			b->mfn[b->nr++] = v->p2m.mfn[*pfn];
		}
}

/* Leaves out frames that the guest only claims to have. */
static bool sort_out(struct saver *v, struct batch *b, GError **error)
{
	unsigned kept = 0;

	memcpy(b->type, b->mfn, b->nr * sizeof(*b->mfn));
	if (xc_get_pfn_types(v->xc, v->s.domid, b->nr, b->type))
		return xg_stream_refused(v->s.domid, "the types of its pages are not known", error);
	b->nr_data = 0;
	for (unsigned i = 0; i < b->nr; i++) {
		uint32_t type = b->type[i] & XEN_DOMCTL_PFINFO_LTAB_MASK;

		if (type == XEN_DOMCTL_PFINFO_XTAB)
			continue;
		b->entry[kept++] = (uint64_t)type << 32 | b->pfn[i];
		if (!xg_has_data(type))
			continue;
		b->data_pfn[b->nr_data] = b->pfn[i];
		b->data_type[b->nr_data] = type;
		b->data_mfn[b->nr_data++] = b->mfn[i];
	}
	b->nr = kept;
	return true;
}

/*
 * Page @i of those with data as it goes into the stream, most in @copy: the guest stands still, but
 * its devices' back ends may finish what it asked for, and what is summed must be what is written.
 */
static const void *fix_page(struct saver *v, const struct batch *b, unsigned i, const void *page,
	void *copy, GError **error)
{
	unsigned level = xg_table_level(b->data_type[i]);

	if (!level && xg_is_zero_page(page))
		return xg_zero_page;
	if (!level)
		return memcpy(copy, page, XC_PAGE_SIZE);
	if (xg_table_canonical(&v->p2m, level, b->data_pfn[i], page, copy, error))
		return copy;
	g_prefix_error(error, "domain %u: ", v->s.domid);
	return NULL;
}

/* The batch as one record; @pages are mapped. */
static bool put_batch(
	struct saver *v, struct batch *b, uint8_t *pages, uint8_t *copies, GError **error)
{
	struct stream_pages head = { .count = b->nr };
	struct stream_record record = {
		.type = STREAM_PAGE_DATA,
		.length = sizeof(head) + b->nr * sizeof(*b->entry) + b->nr_data * XC_PAGE_SIZE,
	};

	b->iov[0] = (struct iovec){ &record, sizeof(record) };
	b->iov[1] = (struct iovec){ &head, sizeof(head) };
	b->iov[2] = (struct iovec){ b->entry, b->nr * sizeof(*b->entry) };
	for (unsigned i = 0; i < b->nr_data; i++) {
		const void *page = fix_page(
			v, b, i, pages + i * XC_PAGE_SIZE, copies + i * XC_PAGE_SIZE, error);

		if (!page)
			return false;
		b->iov[3 + i] = (struct iovec){ (void *)page, XC_PAGE_SIZE };
	}
	return xg_stream_writev(&v->s, b->iov, 3, error) &&
	       xg_stream_write_pages(&v->s, b->iov + 3, b->nr_data, error);
}

static bool save_batch(struct saver *v, struct batch *b, uint8_t *copies, GError **error)
{
	uint8_t *pages = NULL;
	bool ok;

	if (!sort_out(v, b, error))
		return false;
	if (!b->nr)
		return true;
	if (b->nr_data) {
		pages = xenforeignmemory_map(
			xc_foreign(v->xc), v->s.domid, PROT_READ, b->nr_data, b->data_mfn, NULL);
		if (!pages)
			return xg_stream_refused(v->s.domid, "its memory cannot be mapped", error);
	}
	ok = put_batch(v, b, pages, copies, error);
	if (pages)
		xenforeignmemory_unmap(xc_foreign(v->xc), pages, b->nr_data);
	return ok;
}

static bool put_pages(struct saver *v, GError **error)
{
	struct batch *b = g_new(struct batch, 1);
	uint8_t *copies = g_malloc(STREAM_BATCH * XC_PAGE_SIZE);
	uint64_t pfn = 0;
	bool ok = true;

	while (pfn < v->p2m.max_pfn && ok) {
		ok = xg_stream_go_on(&v->s, "saving pages", pfn, v->p2m.max_pfn, error);
		collect(v, b, &pfn);
		ok = ok && (!b->nr || save_batch(v, b, copies, error));
	}
	g_free(copies);
	g_free(b);
	return ok;
}

/* ---- After the pages ---- */

bool xg_saver_put_time(struct saver *v, GError **error)
{
	struct xen_domctl_tsc_info tsc;
	struct stream_tsc_info record;

	if (xc_domain_get_tsc_info(v->xc, v->s.domid, &tsc))
		return xg_stream_refused(
			v->s.domid, "its time stamp counter cannot be read", error);
	record = (struct stream_tsc_info){
		.mode = tsc.tsc_mode,
		.khz = tsc.gtsc_khz,
		.nsec = tsc.elapsed_nsec,
		.incarnation = tsc.incarnation,
	};
	return xg_stream_put(&v->s, STREAM_X86_TSC_INFO, &record, sizeof(record), NULL, 0, error) &&
	       xg_stream_put(&v->s, STREAM_SHARED_INFO, NULL, 0, v->shared, XC_PAGE_SIZE, error);
}

bool xg_saver_put_vcpus(struct saver *v, GError **error)
{
	for (unsigned id = 0; id <= v->info.max_vcpu_id; id++) {
		struct xen_domctl_getvcpuinfo info;

		if (xc_vcpu_getinfo(v->xc, v->s.domid, id, &info))
			return xg_stream_refused(v->s.domid, "a vCPU cannot be looked at", error);
		if (info.online && !xg_state_save_vcpu(&v->s, v->xc, &v->p2m, id, error))
			return false;
	}
	return xg_stream_put(&v->s, STREAM_END, NULL, 0, NULL, 0, error);
}

static bool (*const steps[])(struct saver *v, GError **error) = {
	xg_saver_check,
	xg_saver_read_list,
	xg_saver_put_headers,
	xg_saver_put_policy,
	xg_saver_put_p2m,
	put_pages,
	xg_saver_put_time,
	xg_saver_put_vcpus,
};

void xg_saver_begin(struct saver *v, xc_interface *xc, int fd, const struct xg_save_config *config)
{
	*v = (struct saver){
		.s = {
			.fd = fd,
			.skips = xg_stream_may_skip(fd),
			.domid = config->domid,
			.cancellable = config->cancellable,
			.progress = config->progress,
			.progress_data = config->progress_data,
		},
		.xc = xc,
		.config = config,
	};
}

void xg_saver_end(struct saver *v)
{
	xg_p2m_free(&v->p2m);
	g_free(v->shared);
}

bool xg_save_pv(xc_interface *xc, int fd, const struct xg_save_config *config, GError **error)
{
	struct saver v;
	bool ok = true;

	xg_saver_begin(&v, xc, fd, config);
	v.s.sum = config->sums ? xg_sum_new() : NULL;
	for (size_t i = 0; i < G_N_ELEMENTS(steps) && ok; i++)
		ok = steps[i](&v, error);
	if (ok && config->sums)
		config->sums->all = xg_sum_value(v.s.sum);
	xg_sum_free(v.s.sum);
	xg_saver_end(&v);
	return ok;
}

bool xg_resume_pv(xc_interface *xc, uint32_t domid, GError **error)
{
	vcpu_guest_context_t *context = g_new0(vcpu_guest_context_t, 1);
	bool ok = false;

	if (xc_vcpu_getcontext(xc, domid, 0, context)) {
		xg_stream_refused(domid, "its registers cannot be read", error);
	} else {
		context->user_regs.rax = 1;
		if (xc_vcpu_setcontext(xc, domid, 0, context))
			xg_stream_refused(domid, "its registers cannot be set", error);
		else if (xc_domain_resume(xc, domid))
			xg_stream_refused(domid, "it cannot be resumed", error);
		else
			ok = true;
	}
	g_free(context);
	return ok;
}
