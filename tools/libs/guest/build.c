/*
 * Builds a paravirtual domain: limits, memory, contents, page tables, ports and grants, and the
 * first vCPU.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "private.h"

/* Beside the guest's memory, for what the hypervisor accounts to it, as others allow it, too. */
#define SLACK_KB 1024

/* Extents of 2 MiB as far as there are any; then single pages. */
#define LARGE_ORDER 9
#define LARGE_BATCH 512
#define SMALL_BATCH 8192

/*
 * Pages mapped at a time: a few calls for most parts, and a bound to what a large initrd takes
 * here.
 */
#define MAP_BATCH 8192

struct builder {
	xc_interface *xc;
	const struct xg_pv_config *config;
	struct xg_pv_result *result;
	struct xg_kernel kernel;
	struct xg_layout layout;
	xen_pfn_t *p2m;
	int initrd;
	uint64_t initrd_bytes;
	uint64_t nr_pages;
	uint64_t shared_info_mfn;
	const char *stage;
};

/* ---- Errors and progress ---- */

static bool refused(struct builder *b, const char *what, GError **error)
{
	g_set_error(error, XG_ERROR, errno == ENOMEM ? XG_ERROR_MEMORY : XG_ERROR_HYPERVISOR,
		"domain %u: %s: %s", b->config->domid, what, g_strerror(errno));
	return false;
}

/* Tells how far it is; false if the caller wants no more of it. */
static bool go_on(struct builder *b, uint64_t done, uint64_t total, GError **error)
{
	if (b->config->progress)
		b->config->progress(b->stage, done, total, b->config->progress_data);
	if (!b->config->cancellable || !g_cancellable_is_cancelled(b->config->cancellable))
		return true;
	g_set_error(error, XG_ERROR, XG_ERROR_CANCELLED, "domain %u: building was cancelled",
		b->config->domid);
	return false;
}

/* ---- Guest memory ---- */

static uint8_t *map_pages(struct builder *b, uint64_t pfn, uint64_t nr, GError **error)
{
	void *p = xenforeignmemory_map(xc_foreign(b->xc), b->config->domid, PROT_READ | PROT_WRITE,
		nr, b->p2m + pfn, NULL);

	if (!p)
		refused(b, "its memory cannot be mapped", error);
	return p;
}

static void unmap_pages(struct builder *b, void *p, uint64_t nr)
{
	xenforeignmemory_unmap(xc_foreign(b->xc), p, nr);
}

/*
 * Writes to a part of memory: @fill gets each batch, mapped, with its first frame's number within
 * the part.
 */
static bool write_pages(struct builder *b, uint64_t pfn, uint64_t nr,
	bool (*fill)(struct builder *b, uint8_t *pages, uint64_t first, uint64_t n, GError **error),
	GError **error)
{
	for (uint64_t first = 0; first < nr; first += MAP_BATCH) {
		uint64_t n = MIN(nr - first, MAP_BATCH);
		uint8_t *pages;
		bool ok;

		if (!go_on(b, first, nr, error))
			return false;
		pages = map_pages(b, pfn + first, n, error);
		if (!pages)
			return false;
		ok = fill(b, pages, first, n, error);
		unmap_pages(b, pages, n);
		if (!ok)
			return false;
	}
	return true;
}

/* ---- Steps ---- */

static bool check_config(struct builder *b, GError **error)
{
	const struct xg_pv_config *config = b->config;
	const char *wrong = NULL;

	if (!config->kernel)
		wrong = "no kernel is given";
	else if (config->memory_kb < 1024 || config->memory_kb > UINT64_C(1) << 40)
		wrong = "its memory is not between 1 MiB and 1 PiB";
	else if (config->max_memory_kb && config->max_memory_kb < config->memory_kb)
		wrong = "it starts with more memory than it may have";
	else if (!config->vcpus)
		wrong = "it has no vCPU";
	else if (config->cmdline && strlen(config->cmdline) >= MAX_GUEST_CMDLINE)
		wrong = "the kernel's command line is longer than 1023 bytes";
	if (!wrong)
		return true;
	g_set_error(error, XG_ERROR, XG_ERROR_FEATURE, "domain %u: %s", config->domid, wrong);
	return false;
}

static bool load_images(struct builder *b, GError **error)
{
	const struct xg_pv_config *config = b->config;

	if (!check_config(b, error))
		return false;
	/* First what fails fast: unpacking takes a while. */
	if (config->ramdisk) {
		b->initrd = xg_open_file("ramdisk", config->ramdisk, &b->initrd_bytes, error);
		if (b->initrd < 0)
			return false;
	}
	if (!xg_kernel_load(&b->kernel, config->kernel, error))
		return false;
	if (!xg_kernel_check_pv(&b->kernel, config->features, error)) {
		g_prefix_error(error, "kernel %s: ", config->kernel);
		return false;
	}
	b->nr_pages = config->memory_kb >> (XC_PAGE_SHIFT - 10);
	return xg_layout_plan(&b->layout, &b->kernel, b->initrd_bytes, b->nr_pages, error);
}

static bool set_limits(struct builder *b, GError **error)
{
	const struct xg_pv_config *config = b->config;
	uint64_t max_kb = MAX(config->max_memory_kb, config->memory_kb);
	struct xc_e820entry map = { .size = max_kb << 10, .type = 1 };
	uint32_t wrong[3];

	if (xc_domain_max_vcpus(b->xc, config->domid, config->vcpus))
		return refused(b, "its vCPUs cannot be made", error);
	if (xc_domain_setmaxmem(b->xc, config->domid, max_kb + SLACK_KB))
		return refused(b, "its memory limit cannot be set", error);
	if (xc_domain_set_tsc_info(b->xc, config->domid, &config->tsc))
		return refused(b, "its time stamp counter cannot be set up", error);
	if (config->cpuid && xc_set_domain_cpu_policy(b->xc, config->domid, config->cpuid,
				     config->nr_cpuid, config->msrs, config->nr_msrs, wrong)) {
		g_set_error(error, XG_ERROR, XG_ERROR_HYPERVISOR,
			"domain %u: CPUID leaf %#x.%#x or MSR %#x is refused", config->domid,
			wrong[0], wrong[1], wrong[2]);
		return false;
	}
	/* A kernel that is told no map makes one up from its size. */
	if (xc_domain_set_memory_map(b->xc, config->domid, &map, 1) && errno != ENOSYS)
		return refused(b, "its memory map cannot be set", error);
	return true;
}

static bool no_memory(struct builder *b, uint64_t done, GError **error)
{
	g_set_error(error, XG_ERROR, XG_ERROR_MEMORY,
		"domain %u: too little free memory: got %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
		" KiB",
		b->config->domid, done * 4, b->nr_pages * 4);
	return false;
}

/* Allocates up to @nr extents from frame @pfn on; returns how many there were. */
static unsigned allocate(struct builder *b, uint64_t pfn, unsigned nr, unsigned order)
{
	xen_pfn_t *frames = g_new(xen_pfn_t, nr);
	int done;

	for (unsigned i = 0; i < nr; i++)
		frames[i] = pfn + ((uint64_t)i << order);
	done = xc_domain_populate(b->xc, b->config->domid, nr, order, 0, frames);
	for (int i = 0; i < done; i++)
		for (unsigned page = 0; page < 1U << order; page++)
			b->p2m[pfn++] = frames[i] + page;
	g_free(frames);
	return MAX(done, 0);
}

static bool allocate_all(struct builder *b, GError **error)
{
	bool large = true;
	uint64_t pfn = 0;

	while (pfn < b->nr_pages) {
		uint64_t left = b->nr_pages - pfn;
		unsigned order = large && left >> LARGE_ORDER ? LARGE_ORDER : 0;
		unsigned nr = MIN(left >> order, order ? LARGE_BATCH : SMALL_BATCH);
		unsigned done = allocate(b, pfn, nr, order);

		pfn += (uint64_t)done << order;
		if (done < nr && order)
			large = false;
		else if (done < nr)
			return no_memory(b, pfn, error);
		if (!go_on(b, pfn, b->nr_pages, error))
			return false;
	}
	return true;
}

static bool populate(struct builder *b, GError **error)
{
	bool claimed = !xc_domain_claim_pages(b->xc, b->config->domid, b->nr_pages);
	bool ok;

	/* Failing early beats failing late; a hypervisor without claims is as good for all else. */
	if (!claimed && errno == ENOMEM)
		return no_memory(b, 0, error);
	b->p2m = g_try_new(xen_pfn_t, b->nr_pages);
	ok = b->p2m ? allocate_all(b, error)
		    : refused(b, "no memory for its list of frames", error);
	if (claimed)
		xc_domain_claim_pages(b->xc, b->config->domid, 0);
	return ok;
}

/* The part of segment @s that lies within @bytes at guest physical @base, at @dst. */
static void copy_segment(const struct xg_segment *s, uint64_t base, uint64_t bytes, uint8_t *dst)
{
	uint64_t start = MAX(s->paddr, base), end = MIN(s->paddr + s->memsz, base + bytes);
	uint64_t file_end = s->paddr + s->filesz;
	uint64_t copied = 0;

	if (start >= end)
		return;
	if (start < file_end) {
		copied = MIN(end, file_end) - start;
		memcpy(dst + (start - base), s->src + (start - s->paddr), copied);
	}
	memset(dst + (start - base) + copied, 0, end - start - copied);
}

static bool fill_kernel(
	struct builder *b, uint8_t *pages, uint64_t first, uint64_t n, GError **error)
{
	uint64_t base = (b->layout.kernel + first) << XC_PAGE_SHIFT;
	struct xg_segment segment;

	for (unsigned i = 0; xg_elf_segment(&b->kernel, i, &segment); i++)
		copy_segment(&segment, base, n << XC_PAGE_SHIFT, pages);
	return true;
}

static bool write_kernel(struct builder *b, GError **error)
{
	return write_pages(
		b, b->layout.kernel, b->layout.kernel_end - b->layout.kernel, fill_kernel, error);
}

/* Reads straight into the guest. */
static bool fill_initrd(
	struct builder *b, uint8_t *pages, uint64_t first, uint64_t n, GError **error)
{
	uint64_t pos = first << XC_PAGE_SHIFT, bytes = n << XC_PAGE_SHIFT;
	uint64_t len = MIN(bytes, b->initrd_bytes - pos), done = 0;

	while (done < len) {
		ssize_t got = pread(b->initrd, pages + done, len - done, pos + done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			g_set_error(error, XG_ERROR, XG_ERROR_FILE, "ramdisk %s: %s",
				b->config->ramdisk,
				got ? g_strerror(errno) : "cut off while it was read");
			return false;
		}
		done += got;
	}
	memset(pages + len, 0, bytes - len);
	return true;
}

static bool write_initrd(struct builder *b, GError **error)
{
	return write_pages(b, b->layout.initrd, b->layout.initrd_pages, fill_initrd, error);
}

static bool fill_p2m(struct builder *b, uint8_t *pages, uint64_t first, uint64_t n, GError **error)
{
	uint64_t per_page = XC_PAGE_SIZE / sizeof(xen_pfn_t);
	uint64_t start = first * per_page, len = MIN(n * per_page, b->nr_pages - start);

	memcpy(pages, b->p2m + start, len * sizeof(xen_pfn_t));
	memset(pages + len * sizeof(xen_pfn_t), 0xff, (n * per_page - len) * sizeof(xen_pfn_t));
	return true;
}

static bool write_p2m(struct builder *b, GError **error)
{
	return write_pages(b, b->layout.p2m, b->layout.p2m_pages, fill_p2m, error);
}

/* Page tables are written where they lie, in two stretches of frames. */
static bool fill_tables(struct builder *b, uint8_t *pages, uint64_t pfn, uint64_t nr)
{
	for (unsigned i = 0; i < b->layout.table->len; i++) {
		const struct xg_table *table = &g_array_index(b->layout.table, struct xg_table, i);

		if (table->pfn >= pfn && table->pfn < pfn + nr)
			xg_table_fill(&b->layout, table, b->p2m,
				(uint64_t *)(pages + ((table->pfn - pfn) << XC_PAGE_SHIFT)));
	}
	return true;
}

static bool fill_main_tables(
	struct builder *b, uint8_t *pages, uint64_t first, uint64_t n, GError **error)
{
	return fill_tables(b, pages, b->layout.tables + first, n);
}

static bool fill_p2m_tables(
	struct builder *b, uint8_t *pages, uint64_t first, uint64_t n, GError **error)
{
	return fill_tables(b, pages, b->layout.p2m + b->layout.p2m_pages + first, n);
}

static bool write_tables(struct builder *b, GError **error)
{
	return write_pages(b, b->layout.tables, b->layout.nr_tables, fill_main_tables, error) &&
	       write_pages(b, b->layout.p2m + b->layout.p2m_pages, b->layout.p2m_tables,
		       fill_p2m_tables, error);
}

/* Ports are made before start_info, which names them. */
static bool make_ports(struct builder *b, GError **error)
{
	int store = xc_evtchn_alloc_unbound(b->xc, b->config->domid, b->config->store_domid);
	int console;

	if (store < 0)
		return refused(b, "no event channel for xenstore", error);
	console = xc_evtchn_alloc_unbound(b->xc, b->config->domid, b->config->console_domid);
	if (console < 0)
		return refused(b, "no event channel for the console", error);
	b->result->store_port = store;
	b->result->console_port = console;
	return true;
}

/* start_info, and empty rings behind it. */
static bool fill_start(
	struct builder *b, uint8_t *pages, uint64_t first, uint64_t n, GError **error)
{
	struct xg_start start = {
		.shared_info_mfn = b->shared_info_mfn,
		.store_port = b->result->store_port,
		.console_port = b->result->console_port,
		.initrd_bytes = b->initrd_bytes,
		.cmdline = b->config->cmdline,
	};

	xg_start_info_fill(&b->layout, &start, b->p2m, pages);
	memset(pages + XC_PAGE_SIZE, 0, (n - 1) << XC_PAGE_SHIFT);
	return true;
}

/* The kernel starts with events masked, on whichever vCPU it enables them first. */
static bool mask_events(struct builder *b, GError **error)
{
	shared_info_t *shared = xenforeignmemory_map(xc_foreign(b->xc), b->config->domid,
		PROT_READ | PROT_WRITE, 1, &b->shared_info_mfn, NULL);

	if (!shared)
		return refused(b, "its shared_info cannot be mapped", error);
	for (unsigned i = 0; i < XEN_LEGACY_MAX_VCPUS; i++)
		shared->vcpu_info[i].evtchn_upcall_mask = 1;
	unmap_pages(b, shared, 1);
	return true;
}

static bool write_start(struct builder *b, GError **error)
{
	struct xen_domctl_getdomaininfo info;

	if (xc_domain_getinfo(b->xc, b->config->domid, &info))
		return refused(b, "it cannot be looked at", error);
	b->shared_info_mfn = info.shared_info_frame;
	return make_ports(b, error) && mask_events(b, error) &&
	       write_pages(b, b->layout.start_info, 3, fill_start, error);
}

static bool fill_hypercalls(struct builder *b, GError **error)
{
	uint64_t pfn = (b->kernel.hypercall_page - b->layout.virt_base) >> XC_PAGE_SHIFT;
	struct xen_domctl op = {
		.cmd = XEN_DOMCTL_hypercall_init,
		.domain = b->config->domid,
		.u.hypercall_init.gmfn = b->kernel.has_hypercall_page ? b->p2m[pfn] : 0,
	};

	if (b->kernel.has_hypercall_page && xc_domctl(b->xc, &op))
		return refused(b, "its hypercall page cannot be filled", error);
	return true;
}

static bool start_vcpu(struct builder *b, GError **error)
{
	uint32_t domid = b->config->domid;
	vcpu_guest_context_t *context = g_new(vcpu_guest_context_t, 1);
	bool ok = false;

	xg_vcpu_fill(&b->layout, &b->kernel, b->p2m, context);
	if (!fill_hypercalls(b, error))
		goto out;
	if (xc_pin_table(b->xc, domid, 4, b->p2m[b->layout.tables]))
		refused(b, "its page tables are refused", error);
	else if (xc_vcpu_setcontext(b->xc, domid, 0, context))
		refused(b, "its first vCPU cannot be set up", error);
	else
		ok = true;
out:
	g_free(context);
	return ok;
}

static bool give_grants(struct builder *b, GError **error)
{
	b->result->console_mfn = b->p2m[b->layout.console];
	b->result->store_mfn = b->p2m[b->layout.store];
	b->result->nr_pages = b->nr_pages;
	b->result->width = b->kernel.width;
	g_strlcpy(b->result->guest_os, b->kernel.guest_os, sizeof(b->result->guest_os));
	if (xc_gnttab_seed(b->xc, b->config->domid, b->result->console_mfn, b->result->store_mfn,
		    b->config->console_domid, b->config->store_domid))
		return refused(b, "its first grants cannot be made", error);
	return true;
}

static const struct {
	const char *name;
	bool (*run)(struct builder *b, GError **error);
} steps[] = {
	{ "reading kernel", load_images },
	{ "setting limits", set_limits },
	{ "allocating memory", populate },
	{ "writing kernel", write_kernel },
	{ "writing ramdisk", write_initrd },
	{ "writing list of frames", write_p2m },
	{ "writing page tables", write_tables },
	{ "writing start_info", write_start },
	{ "setting up vCPU", start_vcpu },
	{ "granting rings", give_grants },
};

bool xg_build_pv(xc_interface *xc, const struct xg_pv_config *config, struct xg_pv_result *result,
	GError **error)
{
	struct builder b = { .xc = xc, .config = config, .result = result, .initrd = -1 };
	bool ok = true;

	*result = (struct xg_pv_result){ 0 };
	for (size_t i = 0; i < G_N_ELEMENTS(steps) && ok; i++) {
		b.stage = steps[i].name;
		ok = go_on(&b, 0, 0, error) && steps[i].run(&b, error);
	}
	if (b.initrd >= 0)
		close(b.initrd);
	g_free(b.p2m);
	xg_layout_free(&b.layout);
	xg_kernel_free(&b.kernel);
	return ok;
}
