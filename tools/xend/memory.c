#include "memory.h"

#include "error.h"
#include "host.h"
#include "log.h"
#include "options.h"
#include "store.h"

/* For what the hypervisor needs for a domain beside the domain's memory. */
#define OVERHEAD_PAGES (2 * MIB_PAGES)
#define STEP_MS        100
/* Domain 0 is not asked any longer when it has given nothing for so many steps. */
#define PATIENCE 100

/* One at a time, or several would count the same memory. */
static GMutex lock;

static bool free_pages(uint64_t *pages, GError **error)
{
	struct xen_sysctl_physinfo info;

	if (xc_physinfo(xc, &info))
		return fail_errno(error, "cannot read how much memory is free"), false;
	*pages = info.free_pages - MIN(info.free_pages, info.outstanding_pages);
	return true;
}

static uint64_t zero_pages(void)
{
	struct xen_domctl_getdomaininfo info;

	return host_domain(0, &info) ? info.tot_pages : 0;
}

/* Without this call there is nothing to hold it against others; then the check must do. */
static bool claim(uint32_t domid, uint64_t pages)
{
	return !xc_domain_claim_pages(xc, domid, pages) || errno == ENOSYS || errno == EOPNOTSUPP;
}

static bool write_target(uint32_t domid, uint64_t kib)
{
	g_autofree char *path = g_strdup_printf("/local/domain/%u/memory/target", domid);
	g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, kib);

	return store_write(path, text);
}

/*
 * Tells domain 0 to give what is missing; false if it may not. What it gives meanwhile counts as
 * free or not at all, but never twice, if @have, its pages, were counted before @available.
 */
static bool shrink_zero(uint64_t need, uint64_t have, uint64_t available, GError **error)
{
	uint64_t least = option_number("dom0-min-mem") * (uint64_t)MIB_PAGES;
	bool may = option_flag("enable-dom0-ballooning") && least;
	uint64_t spare = may && have > least ? have - least : 0;

	if (spare < need - available)
		return fail(error,
			       "not enough memory: %" G_GUINT64_FORMAT
			       " MiB are needed, %" G_GUINT64_FORMAT
			       " MiB are free, domain 0 may give %" G_GUINT64_FORMAT " MiB",
			       (need + MIB_PAGES - 1) / MIB_PAGES, available / MIB_PAGES,
			       spare / MIB_PAGES),
		       false;
	return write_target(0, (have - (need - available)) << (XC_PAGE_SHIFT - 10));
}

static bool obtain(uint32_t domid, uint64_t pages, GError **error)
{
	uint64_t need = pages + OVERHEAD_PAGES, available, best = 0;
	unsigned int patience = PATIENCE;

	for (;;) {
		uint64_t have = zero_pages();

		if (!free_pages(&available, error))
			return false;
		if (available >= need && claim(domid, pages))
			return true;
		if (available < need && !shrink_zero(need, have, available, error))
			return false;
		if (available > best)
			patience = PATIENCE;
		best = MAX(best, available);
		if (!patience--)
			return fail(error,
				       "not enough memory: %" G_GUINT64_FORMAT
				       " MiB are needed, %" G_GUINT64_FORMAT
				       " MiB are free, and domain 0 does not give more",
				       (need + MIB_PAGES - 1) / MIB_PAGES, available / MIB_PAGES),
			       false;
		g_usleep(STEP_MS * 1000);
	}
}

bool memory_obtain(uint32_t domid, unsigned int mib, GError **error)
{
	bool done;

	g_mutex_lock(&lock);
	done = obtain(domid, mib * (uint64_t)MIB_PAGES, error);
	g_mutex_unlock(&lock);
	return done;
}

bool memory_set_target(uint32_t domid, unsigned int mib, GError **error)
{
	gint64 least = option_number("dom0-min-mem");

	if (domid == 0 && mib < least)
		return fail(error, "Domain-0 must keep %" G_GINT64_FORMAT " MiB (dom0-min-mem)",
			       least),
		       false;
	if (!write_target(domid, (uint64_t)mib << 10))
		return fail_errno(error, "cannot write the target to xenstore"), false;
	return true;
}
