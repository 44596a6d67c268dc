/*
 * Restores a paravirtual domain: reads the records of its stream, each with its bounds, and then
 * sets the domain up in the order in which the hypervisor accepts it.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "stream_pages.h"

#define SLACK_KB 1024 /* as when a domain is built */

/* ---- Headers ---- */

static bool read_headers(struct restorer *r, GError **error)
{
	struct stream_image_header image;
	struct stream_domain_header domain;

	if (!xg_stream_read(&r->s, &image, sizeof(image), error))
		return false;
	r->version = GUINT32_FROM_BE(image.version);
	if (image.marker != STREAM_MARKER || GUINT32_FROM_BE(image.id) != STREAM_ID)
		return xg_stream_bad(error, "it does not begin as one");
	if (r->version < STREAM_OLDEST || r->version > STREAM_VERSION)
		return xg_stream_bad(error, "its format is version %u, not %u or %u", r->version,
			STREAM_OLDEST, STREAM_VERSION);
	if (GUINT16_FROM_BE(image.options) & STREAM_OPTION_BIG_ENDIAN)
		return xg_stream_bad(error, "it is from a big-endian machine");
	if (!xg_stream_read(&r->s, &domain, sizeof(domain), error))
		return false;
	if (domain.type != STREAM_DOMAIN_X86_PV)
		return xg_stream_bad(error, "its type is %u, not an x86 PV domain's", domain.type);
	if (domain.page_shift != XC_PAGE_SHIFT)
		return xg_stream_bad(error, "its pages have 2^%u bytes", domain.page_shift);
	return true;
}

/* ---- Records ---- */

static bool take_info(struct restorer *r, uint32_t type, void *body, size_t len, GError **error)
{
	const struct stream_pv_info *info = body;

	if (r->has_info)
		return xg_stream_bad(error, "X86_PV_INFO is there twice");
	if (info->guest_width != 8 || info->pt_levels != 4)
		return xg_stream_bad(error,
			"it has width %u and %u levels of page tables, not a "
			"64-bit domain's",
			info->guest_width, info->pt_levels);
	r->has_info = true;
	return true;
}

static bool take_policy(struct restorer *r, uint32_t type, void *body, size_t len, GError **error)
{
	bool cpuid = type == STREAM_X86_CPUID_POLICY;
	size_t unit = cpuid ? sizeof(xen_cpuid_leaf_t) : sizeof(xen_msr_entry_t);
	GBytes **kept = cpuid ? &r->cpuid : &r->msrs;

	if (*kept || len % unit)
		return xg_stream_bad(error, "%s %s", xg_stream_name(type),
			*kept ? "is there twice" : "has a wrong length");
	*kept = g_bytes_new(body, len);
	return true;
}

static bool take_p2m(struct restorer *r, uint32_t type, void *body, size_t len, GError **error)
{
	const struct stream_p2m_frames *head = body;
	uint64_t max_pfn = (uint64_t)head->end_pfn + 1;
	uint64_t pages = (max_pfn + P2M_PER_PAGE - 1) / P2M_PER_PAGE;

	/* The list of a domain that runs may move; the last time counts. */
	if (r->p2m.mfn && max_pfn != r->p2m.max_pfn)
		return xg_stream_bad(error, "X86_PV_P2M_FRAMES is there twice");
	if (head->start_pfn || len != sizeof(*head) + pages * sizeof(uint64_t))
		return xg_stream_bad(error, "X86_PV_P2M_FRAMES of pages %u to %u has %zu bytes",
			head->start_pfn, head->end_pfn, len);
	g_free(r->p2m.frames);
	r->p2m.frames = g_memdup2(head + 1, pages * sizeof(uint64_t));
	if (r->p2m.mfn)
		return true;
	r->p2m.max_pfn = max_pfn;
	r->p2m.nr_frames = pages;
	r->p2m.mfn = g_try_new0(xen_pfn_t, max_pfn);
	r->type = g_try_malloc0(TYPES_SIZE(max_pfn));
	errno = ENOMEM;
	return (r->p2m.mfn && r->type) ||
	       xg_stream_refused(r->s.domid, "no memory for its list of frames", error);
}

static bool take_tsc(struct restorer *r, uint32_t type, void *body, size_t len, GError **error)
{
	const struct stream_tsc_info *tsc = body;

	if (r->state.has_tsc)
		return xg_stream_bad(error, "X86_TSC_INFO is there twice");
	r->state.has_tsc = true;
	r->state.tsc = (struct xen_domctl_tsc_info){
		.tsc_mode = tsc->mode,
		.gtsc_khz = tsc->khz,
		.elapsed_nsec = tsc->nsec,
		.incarnation = tsc->incarnation,
	};
	return true;
}

static bool take_shared(struct restorer *r, uint32_t type, void *body, size_t len, GError **error)
{
	if (r->state.has_shared)
		return xg_stream_bad(error, "SHARED_INFO is there twice");
	r->state.has_shared = true;
	memcpy(r->state.shared, body, XC_PAGE_SIZE);
	return true;
}

static bool take_vcpu(struct restorer *r, uint32_t type, void *body, size_t len, GError **error)
{
	return xg_state_keep(&r->state, type, body, len, error);
}

static bool check_sum(const struct restorer *r, uint64_t sum, GError **error)
{
	return xg_sum_value(r->s.sum) == sum || xg_stream_bad(error, "its checksum is wrong");
}

static bool take_static_end(
	struct restorer *r, uint32_t type, void *body, size_t len, GError **error)
{
	return !r->s.sum || check_sum(r, r->config->sums->start, error);
}

static bool take_nothing(struct restorer *r, uint32_t type, void *body, size_t len, GError **error)
{
	return true;
}

/* Limits and CPU are set when nothing that belongs to them can come any more. */
static bool set_limits(struct restorer *r, GError **error)
{
	uint32_t domid = r->s.domid, wrong[3];
	gsize leaves = 0, msrs = 0;
	const void *leaf = r->cpuid ? g_bytes_get_data(r->cpuid, &leaves) : NULL;
	const void *msr = r->msrs ? g_bytes_get_data(r->msrs, &msrs) : NULL;

	if (!r->has_info)
		return xg_stream_bad(error, "X86_PV_INFO is missing");
	if (xc_domain_max_vcpus(r->xc, domid, r->config->vcpus))
		return xg_stream_refused(domid, "its vCPUs cannot be made", error);
	if (xc_domain_setmaxmem(r->xc, domid, r->config->memory_kb + SLACK_KB))
		return xg_stream_refused(domid, "its memory limit cannot be set", error);
	if ((leaf || msr) &&
		xc_set_domain_cpu_policy(r->xc, domid, leaf, leaves / sizeof(xen_cpuid_leaf_t), msr,
			msrs / sizeof(xen_msr_entry_t), wrong)) {
		g_set_error(error, XG_ERROR, XG_ERROR_HYPERVISOR,
			"domain %u: it saw a CPU that there is not here: CPUID leaf %#x.%#x or MSR "
			"%#x is refused",
			domid, wrong[0], wrong[1], wrong[2]);
		return false;
	}
	return true;
}

static bool take_end(struct restorer *r, uint32_t type, void *body, size_t len, GError **error)
{
	const char *missing = !r->state.has_shared        ? "SHARED_INFO"
			      : !r->state.has_tsc         ? "X86_TSC_INFO"
			      : !r->state.vcpu[0].part[0] ? "X86_PV_VCPU_BASIC of vCPU 0"
							  : NULL;

	if (missing)
		return xg_stream_bad(error, "%s is missing", missing);
	if (r->s.sum && !check_sum(r, r->config->sums->all, error))
		return false;
	r->ended = true;
	return true;
}

/* Records come in this order; those of one phase in any. */
enum phase { PHASE_STATIC, PHASE_PAGES, PHASE_STATE, PHASE_END };

struct row {
	uint32_t min, max; /* bytes of the body */
	enum phase phase;
	bool (*take)(struct restorer *r, uint32_t type, void *body, size_t len, GError **error);
};

#define EXACTLY(type)  sizeof(type), sizeof(type)
#define AT_LEAST(type) sizeof(type), STREAM_MAX_BODY
#define VCPU_MAX       (1 << 16)

static const struct row rows[] = {
	[STREAM_END] = { 0, 0, PHASE_STATE, take_end },
	[STREAM_PAGE_DATA] = { AT_LEAST(struct stream_pages), PHASE_PAGES, NULL },
	[STREAM_X86_PV_INFO] = { EXACTLY(struct stream_pv_info), PHASE_STATIC, take_info },
	[STREAM_X86_PV_P2M_FRAMES] = { AT_LEAST(struct stream_p2m_frames), PHASE_PAGES, take_p2m },
	[STREAM_X86_PV_VCPU_BASIC] = { 8, VCPU_MAX, PHASE_STATE, take_vcpu },
	[STREAM_X86_PV_VCPU_EXTENDED] = { 8, VCPU_MAX, PHASE_STATE, take_vcpu },
	[STREAM_X86_PV_VCPU_XSAVE] = { 8, VCPU_MAX, PHASE_STATE, take_vcpu },
	[STREAM_SHARED_INFO] = { XC_PAGE_SIZE, XC_PAGE_SIZE, PHASE_STATE, take_shared },
	[STREAM_X86_TSC_INFO] = { EXACTLY(struct stream_tsc_info), PHASE_STATE, take_tsc },
	/* What a program around libxenctrl kept there; of no meaning here. */
	[STREAM_TOOLSTACK] = { 0, STREAM_MAX_BODY, PHASE_STATE, take_nothing },
	[STREAM_X86_PV_VCPU_MSRS] = { 8, VCPU_MAX, PHASE_STATE, take_vcpu },
	/* From here on pages come a second time; they are the same. */
	[STREAM_VERIFY] = { 0, 0, PHASE_PAGES, take_nothing },
	[STREAM_STATIC_DATA_END] = { 0, 0, PHASE_STATIC, take_static_end },
	[STREAM_X86_CPUID_POLICY] = { 0, VCPU_MAX, PHASE_STATIC, take_policy },
	[STREAM_X86_MSR_POLICY] = { 0, VCPU_MAX, PHASE_STATIC, take_policy },
};

static bool check_record(struct restorer *r, const struct stream_record *record, GError **error)
{
	const char *name = xg_stream_name(record->type);
	const struct row *row = record->type < G_N_ELEMENTS(rows) ? &rows[record->type] : NULL;

	if (!name)
		return xg_stream_bad(error, "it has a record of unknown type %#x", record->type);
	if (!row || (!row->take && !row->max))
		return xg_stream_bad(error, "it has %s, which no domain here can have", name);
	if (record->length < row->min || record->length > row->max)
		return xg_stream_bad(
			error, "%s has a wrong length, %u bytes", name, record->length);
	if (row->phase < r->phase)
		return xg_stream_bad(error, "%s comes too late", name);
	/* Version 2 does not say where static data ends. */
	if (r->version >= 3 && row->phase > PHASE_STATIC && !r->phase)
		return xg_stream_bad(error, "%s comes before STATIC_DATA_END", name);
	return true;
}

/* Reads a body with its padding; @keep: where to, or NULL. */
static bool read_body(struct restorer *r, uint32_t length, uint8_t *keep, GError **error)
{
	uint8_t scratch[4096];
	uint64_t left = ((uint64_t)length + 7) & ~7UL;

	if (keep)
		return xg_stream_read(&r->s, keep, left, error);
	while (left) {
		size_t part = MIN(left, sizeof(scratch));

		if (!xg_stream_read(&r->s, scratch, part, error))
			return false;
		left -= part;
	}
	return true;
}

static bool enter_phase(struct restorer *r, const struct stream_record *record, GError **error)
{
	enum phase next = rows[record->type].phase;

	if (record->type == STREAM_STATIC_DATA_END)
		next = PHASE_PAGES;
	if (next == r->phase)
		return true;
	if (!r->phase && !set_limits(r, error))
		return false;
	if (next == PHASE_STATE && !r->p2m.mfn)
		return xg_stream_bad(error, "X86_PV_P2M_FRAMES is missing");
	r->phase = next;
	return true;
}

static bool read_record(struct restorer *r, GError **error)
{
	struct stream_record record;
	uint8_t *body;
	bool ok;

	if (!xg_stream_read(&r->s, &record, sizeof(record), error))
		return false;
	if (record.type & STREAM_OPTIONAL)
		return record.length <= STREAM_MAX_BODY
			       ? read_body(r, record.length, NULL, error)
			       : xg_stream_bad(error, "record %#x has a wrong length, %u bytes",
					 record.type, record.length);
	if (!check_record(r, &record, error) || !enter_phase(r, &record, error))
		return false;
	if (record.type == STREAM_PAGE_DATA)
		return xg_stream_go_on(
			       &r->s, "restoring pages", r->nr_pages, r->max_pages, error) &&
		       xg_pages_read(r, record.length, error);
	body = g_malloc((record.length + 7) & ~7U);
	ok = read_body(r, record.length, body, error) &&
	     rows[record.type].take(r, record.type, body, record.length, error);
	g_free(body);
	return ok;
}

static bool read_records(struct restorer *r, GError **error)
{
	while (!r->ended)
		if (!xg_stream_go_on(&r->s, "restoring", 0, 0, error) || !read_record(r, error))
			return false;
	return true;
}

/* ---- When all has been read ---- */

static bool set_time(struct restorer *r, GError **error)
{
	struct xc_e820entry map = { .size = r->config->memory_kb << 10, .type = 1 };

	if (xc_domain_set_tsc_info(r->xc, r->s.domid, &r->state.tsc))
		return xg_stream_refused(
			r->s.domid, "its time stamp counter cannot be set up", error);
	if (xc_domain_set_memory_map(r->xc, r->s.domid, &map, 1) && errno != ENOSYS)
		return xg_stream_refused(r->s.domid, "its memory map cannot be set", error);
	return true;
}

static bool set_vcpus(struct restorer *r, GError **error)
{
	return xg_state_restore(&r->state, r->xc, r->s.domid, &r->p2m, &r->start_info, error);
}

/*
 * shared_info: the kernel's own words from the stream; time is the hypervisor's. Event channels are
 * gone, the kernel makes them anew, and so it does with what leads to its list of frames.
 */
static bool fill_shared(struct restorer *r, GError **error)
{
	const shared_info_t *old = (const shared_info_t *)r->state.shared;
	struct xen_domctl_getdomaininfo info;
	shared_info_t *shared;

	if (xc_domain_getinfo(r->xc, r->s.domid, &info))
		return xg_stream_refused(r->s.domid, "it cannot be looked at", error);
	r->shared_mfn = info.shared_info_frame;
	shared = xenforeignmemory_map(
		xc_foreign(r->xc), r->s.domid, PROT_READ | PROT_WRITE, 1, &r->shared_mfn, NULL);
	if (!shared)
		return xg_stream_refused(r->s.domid, "its shared_info cannot be mapped", error);
	for (unsigned i = 0; i < XEN_LEGACY_MAX_VCPUS; i++) {
		shared->vcpu_info[i].evtchn_upcall_pending = 0;
		shared->vcpu_info[i].evtchn_pending_sel = 0;
		shared->vcpu_info[i].evtchn_upcall_mask = old->vcpu_info[i].evtchn_upcall_mask;
		shared->vcpu_info[i].arch = old->vcpu_info[i].arch;
	}
	memset(shared->evtchn_pending, 0, sizeof(shared->evtchn_pending));
	memset(shared->evtchn_mask, 0xff, sizeof(shared->evtchn_mask));
	shared->arch = old->arch;
	shared->arch.pfn_to_mfn_frame_list_list = 0;
	shared->arch.p2m_cr3 = 0;
	xenforeignmemory_unmap(xc_foreign(r->xc), shared, 1);
	return true;
}

static bool make_ports(struct restorer *r, GError **error)
{
	int store = xc_evtchn_alloc_unbound(r->xc, r->s.domid, r->config->store_domid);
	int console;

	if (store < 0)
		return xg_stream_refused(r->s.domid, "no event channel for xenstore", error);
	console = xc_evtchn_alloc_unbound(r->xc, r->s.domid, r->config->console_domid);
	if (console < 0)
		return xg_stream_refused(r->s.domid, "no event channel for the console", error);
	r->result->store_port = store;
	r->result->console_port = console;
	return true;
}

/* A kernel that suspends puts page numbers where the rings' frames are otherwise. */
static bool fill_start(struct restorer *r, struct start_info *info, GError **error)
{
	uint64_t store = xg_p2m_mfn(&r->p2m, info->store_mfn);
	uint64_t console = xg_p2m_mfn(&r->p2m, info->console.domU.mfn);

	if (!store || !console)
		return xg_stream_bad(
			error, "the ring of its %s is not in it", store ? "console" : "xenstore");
	info->nr_pages = r->nr_pages;
	info->shared_info = r->shared_mfn << XC_PAGE_SHIFT;
	info->flags = 0;
	info->store_mfn = r->result->store_mfn = store;
	info->store_evtchn = r->result->store_port;
	info->console.domU.mfn = r->result->console_mfn = console;
	info->console.domU.evtchn = r->result->console_port;
	return true;
}

static bool set_start(struct restorer *r, GError **error)
{
	xen_pfn_t mfn = xg_p2m_mfn(&r->p2m, r->start_info);
	struct start_info *info;
	bool ok;

	if (xg_table_level((uint32_t)r->type[r->start_info] << 28))
		return xg_stream_bad(error, "its start_info is in a page table");
	if (!make_ports(r, error))
		return false;
	info = xenforeignmemory_map(
		xc_foreign(r->xc), r->s.domid, PROT_READ | PROT_WRITE, 1, &mfn, NULL);
	if (!info)
		return xg_stream_refused(r->s.domid, "its start_info cannot be mapped", error);
	ok = fill_start(r, info, error);
	xenforeignmemory_unmap(xc_foreign(r->xc), info, 1);
	return ok;
}

static bool give_grants(struct restorer *r, GError **error)
{
	r->result->nr_pages = r->nr_pages;
	r->result->width = 64;
	if (xc_gnttab_seed(r->xc, r->s.domid, r->result->console_mfn, r->result->store_mfn,
		    r->config->console_domid, r->config->store_domid))
		return xg_stream_refused(r->s.domid, "its first grants cannot be made", error);
	return true;
}

static bool (*const steps[])(struct restorer *r, GError **error) = {
	read_headers,
	read_records,
	set_time,
	xg_pages_localise,
	xg_pages_fill_p2m,
	xg_pages_pin,
	set_vcpus,
	fill_shared,
	set_start,
	give_grants,
};

static void clean_up(struct restorer *r)
{
	xg_state_free(&r->state);
	xg_p2m_free(&r->p2m);
	g_free(r->type);
	g_free(r->batch);
	g_clear_pointer(&r->cpuid, g_bytes_unref);
	g_clear_pointer(&r->msrs, g_bytes_unref);
	xg_sum_free(r->s.sum);
}

/* What was written with sums made sense then. */
static void explain(const struct restorer *r, GError **error)
{
	if (error && g_error_matches(*error, XG_ERROR, XG_ERROR_FORMAT))
		g_prefix_error(
			error, "saved domain: %s", r->s.sum && !r->ended ? "it is damaged: " : "");
}

bool xg_restore_pv(xc_interface *xc, int fd, const struct xg_restore_config *config,
	struct xg_pv_result *result, GError **error)
{
	struct restorer r = {
		.s = {
			.fd = fd,
			.domid = config->domid,
			.cancellable = config->cancellable,
			.progress = config->progress,
			.progress_data = config->progress_data,
			.sum = config->sums ? xg_sum_new() : NULL,
		},
		.xc = xc,
		.config = config,
		.result = result,
		.max_pages = config->memory_kb >> (XC_PAGE_SHIFT - 10),
		.batch = g_new(struct page_batch, 1),
	};
	bool ok = config->vcpus;

	*result = (struct xg_pv_result){ 0 };
	r.state.nr_vcpus = config->vcpus;
	r.state.vcpu = g_new0(struct stream_vcpu_state, config->vcpus);
	if (!ok)
		g_set_error(error, XG_ERROR, XG_ERROR_FEATURE, "domain %u: it has no vCPU",
			config->domid);
	for (size_t i = 0; i < G_N_ELEMENTS(steps) && ok; i++)
		ok = steps[i](&r, error);
	if (!ok)
		explain(&r, error);
	clean_up(&r);
	return ok;
}
