/* A guest that suspends itself, so that it can be saved or moved, and one that goes on where it
 * was. */
#include <unistd.h>
#include <xenstream.h>

#include "error.h"
#include "host.h"
#include "lifecycle.h"
#include "log.h"
#include "save.h"
#include "state.h"
#include "store.h"

/* A guest writes out what is under way before it suspends. */
#define SUSPEND_SECONDS 60

static bool has_suspended(const struct xen_domctl_getdomaininfo *info)
{
	return xc_shutdown_reason(info->flags) == SHUTDOWN_suspend;
}

bool domain_is_suspended(struct domain *domain)
{
	struct xen_domctl_getdomaininfo info;

	return host_domain(domain->domid, &info) && has_suspended(&info);
}

/* It shall not do later what nobody expects any more. */
static void withdraw(struct domain *domain)
{
	g_autofree char *asked = store_read("/local/domain/%d/control/shutdown", domain->domid);

	if (!g_strcmp0(asked, "suspend"))
		store_remove("/local/domain/%d/control/shutdown", domain->domid);
}

/* Whether it suspended; the error says that it ended or did nothing. */
static bool wait_for(struct domain *domain, GError **error)
{
	gint64 begin = g_get_monotonic_time(), now;
	gint64 end = begin + SUSPEND_SECONDS * G_USEC_PER_SEC;

	while ((now = g_get_monotonic_time()) < end) {
		struct xen_domctl_getdomaininfo info;
		bool there = host_domain(domain->domid, &info);

		if (there && has_suspended(&info))
			return true;
		if (!there || info.flags & (XEN_DOMINF_dying | XEN_DOMINF_shutdown))
			return fail(error, "Domain '%s' ended in place of suspending.", domain->name), false;
		/* Whoever moves the guest wants to know at once. */
		g_usleep(now - begin < G_USEC_PER_SEC ? 1000 : 20000);
	}
	withdraw(domain);
	return domain_is_suspended(domain) ||
	       (fail(error, "Domain '%s' did not suspend within %d seconds.", domain->name,
			SUSPEND_SECONDS),
		       false);
}

bool domain_suspend(struct domain *domain, GError **error)
{
	struct xen_domctl_getdomaininfo info;

	if (domain_is_suspended(domain))
		return !domain->draft || state_save(domain);
	if (host_domain(domain->domid, &info) && info.flags & XEN_DOMINF_paused)
		return fail(error, "Domain '%s' is paused: it cannot suspend.", domain->name),
		       false;
	domain->suspending = true;
	if (!state_save(domain))
		return fail(error, "cannot write the state of the domain"), false;
	return domain_ask_shutdown(domain, "suspend", error) && wait_for(domain, error);
}

void domain_go_on(struct domain *domain)
{
	g_autoptr(GError) error = NULL;

	if (!domain->suspending || !domain_is_suspended(domain))
		return;
	if (!xg_resume_pv(xc, domain->domid, &error)) {
		log_error("domain %s: cannot go on: %s", domain->name, error->message);
		return;
	}
	log_info("domain %s: goes on", domain->name);
	domain->suspending = false;
	state_save(domain);
}

void domain_recover_suspended(struct domain *domain)
{
	if (domain->draft)
		unlink(domain->draft);
	g_clear_pointer(&domain->draft, g_free);
	if (!domain->suspending)
		return;
	withdraw(domain);
	domain_go_on(domain);
}
