/* Cores of domains: files with their memory and registers, for debuggers. */
#include <xenstream.h>

#include "build.h"
#include "error.h"
#include "host.h"
#include "log.h"
#include "save.h"
#include "saved_file.h"

#ifndef DUMPDIR
#define DUMPDIR "/var/xen/dump"
#endif

/* DUMPDIR/NAME/TIME-NAME.ID.core; a name may have slashes. */
static char *usual_path(struct domain *domain, GError **error)
{
	g_autofree char *name = g_strdelimit(g_strdup(domain->name), "/", '_');
	g_autofree char *directory = g_build_filename(DUMPDIR, name, NULL);
	g_autoptr(GDateTime) now = g_date_time_new_now_local();
	g_autofree char *when = g_date_time_format(now, "%Y-%m%d-%H%M.%S");

	if (g_mkdir_with_parents(directory, 0700))
		return fail_errno(error, "cannot make %s", directory), NULL;
	return g_strdup_printf("%s/%s-%s.%d.core", directory, when, name, domain->domid);
}

static bool write_core(int fd, void *data, GError **error)
{
	const struct domain *domain = data;

	return xg_dump_core(xc, fd, domain->domid, error);
}

char *domain_dump(struct domain *domain, const char *wanted, bool live, GError **error)
{
	g_autofree char *path = wanted ? g_strdup(wanted) : usual_path(domain, error);
	struct xen_domctl_getdomaininfo info;
	char *draft = NULL;
	bool pause, ok;

	if (!path)
		return NULL;
	if (!host_domain(domain->domid, &info))
		return host_fail(error, domain->domid, "look at it"), NULL;
	pause = !live && !(info.flags & (XEN_DOMINF_paused | XEN_DOMINF_shutdown));
	if (pause && xc_domain_pause(xc, domain->domid))
		return host_fail(error, domain->domid, "pause it"), NULL;
	ok = saved_replace(path, &draft, write_core, domain, error);
	if (!ok)
		g_prefix_error(error, "%s: ", path);
	if (pause && xc_domain_unpause(xc, domain->domid))
		log_error("domain %s: cannot go on after its core was dumped: %s", domain->name,
			g_strerror(errno));
	if (ok)
		log_info("domain %s: core dumped to %s", domain->name, path);
	return ok ? g_steal_pointer(&path) : NULL;
}
