/* Operations on domains as a whole. */
#include <string.h>

#include "build.h"
#include "device.h"
#include "error.h"
#include "host.h"
#include "lifecycle.h"
#include "log.h"
#include "ops.h"
#include "state.h"
#include "sxp.h"

/* The domain's entry in the hypervisor's list, which is in order of ids; NULL: it does not run. */
static const struct xen_domctl_getdomaininfo *info_of(GArray *infos, int domid)
{
	unsigned int from = 0, to = infos->len;

	while (domid != NO_DOMID && from < to) {
		unsigned int at = (from + to) / 2;
		const struct xen_domctl_getdomaininfo *info =
			&g_array_index(infos, struct xen_domctl_getdomaininfo, at);

		if (info->domain == domid)
			return info;
		if (info->domain < domid)
			from = at + 1;
		else
			to = at;
	}
	return NULL;
}

/* Stands for a managed domain that is suspended to its file. */
static const struct xen_domctl_getdomaininfo in_file = {
	.domain = DOMID_INVALID,
	.flags = XEN_DOMINF_shutdown | SHUTDOWN_suspend << XEN_DOMINF_shutdownshift,
};

static GVariant *list(enum detail detail, bool wanted(const struct xen_domctl_getdomaininfo *info),
	GError **error)
{
	g_autoptr(GPtrArray) all = domain_all();
	g_autofree struct domain_facts *facts = g_new(struct domain_facts, all->len);
	g_autoptr(GArray) infos = NULL;
	GVariantBuilder builder;

	/* The hypervisor's list last: what has an id by now is in it, or is gone. */
	for (unsigned int i = 0; i < all->len; i++)
		facts[i] = domain_facts(all->pdata[i]);
	infos = host_domains(error);
	g_variant_builder_init(&builder, G_VARIANT_TYPE("av"));
	for (unsigned int i = 0; i < all->len; i++) {
		const struct xen_domctl_getdomaininfo *info =
			infos ? info_of(infos, facts[i].domid) : NULL;

		if (infos && wanted(info || !facts[i].checkpointed ? info : &in_file))
			sxp_add(&builder, domain_sxp(&facts[i], info, detail));
		g_variant_unref(facts[i].config);
	}
	if (infos)
		return g_variant_builder_end(&builder);
	g_variant_builder_clear(&builder);
	return NULL;
}

static bool is_any(const struct xen_domctl_getdomaininfo *info)
{
	return true;
}

static bool is_halted(const struct xen_domctl_getdomaininfo *info)
{
	return !info;
}

static bool is_running(const struct xen_domctl_getdomaininfo *info)
{
	return info && info->domain != DOMID_INVALID;
}

static bool is_paused(const struct xen_domctl_getdomaininfo *info)
{
	return info && info->flags & XEN_DOMINF_paused && !(info->flags & XEN_DOMINF_shutdown);
}

static bool ended_with(const struct xen_domctl_getdomaininfo *info, int reason)
{
	return info && xc_shutdown_reason(info->flags) == reason;
}

static bool is_suspended(const struct xen_domctl_getdomaininfo *info)
{
	return ended_with(info, SHUTDOWN_suspend);
}

static bool is_shutdown(const struct xen_domctl_getdomaininfo *info)
{
	return ended_with(info, SHUTDOWN_poweroff) || ended_with(info, SHUTDOWN_reboot);
}

static bool is_crashed(const struct xen_domctl_getdomaininfo *info)
{
	return ended_with(info, SHUTDOWN_crash);
}

static const struct {
	const char *name;
	bool (*wanted)(const struct xen_domctl_getdomaininfo *info);
} states[] = {
	{ "all", is_any },
	{ "halted", is_halted },
	{ "running", is_running },
	{ "paused", is_paused },
	{ "suspended", is_suspended },
	{ "shutdown", is_shutdown },
	{ "crashed", is_crashed },
};

GVariant *op_domains(struct call *call, GError **error)
{
	return list(call_flag(call, 0, false) ? DETAIL_ALL : DETAIL_NAME, is_any, error);
}

GVariant *op_domains_with_state(struct call *call, GError **error)
{
	const char *state = call_text(call, 1);
	enum detail detail = !call_flag(call, 0, true)   ? DETAIL_NAME
			     : call_flag(call, 2, false) ? DETAIL_ROW
							 : DETAIL_ALL;

	for (unsigned int i = 0; i < G_N_ELEMENTS(states); i++)
		if (g_str_equal(states[i].name, state ? state : "running"))
			return list(detail, states[i].wanted, error);
	return fail(error, "there is no state %s of domains", state), NULL;
}

GVariant *op_domain(struct call *call, GError **error)
{
	g_autoptr(domain_t) domain = domain_find(call_text(call, 0), error);

	return domain ? domain_all_about(domain) : NULL;
}

static struct domain *add(GVariant *sxp, bool managed, GError **error)
{
	struct config *config = config_parse(sxp, error);
	struct domain *domain = config ? domain_add(config, managed, error) : NULL;

	if (domain && !device_check_all(domain, error)) {
		domain_remove(domain);
		domain_unlock_unref(domain);
		return NULL;
	}
	return domain;
}

GVariant *op_create(struct call *call, GError **error)
{
	g_autoptr(locked_domain) domain = add(call_value(call, 0), false, error);

	if (!domain)
		return NULL;
	if (domain_build(domain, error))
		return domain_all_about(domain);
	domain_remove(domain);
	return NULL;
}

/* A domain is returned with its devices in place, or not at all. */
GVariant *op_wait_for_devices(struct call *call, GError **error)
{
	g_autoptr(locked_domain) domain = domain_find_locked(call_text(call, 0), error);

	return domain ? op_done() : NULL;
}

static bool must_be_halted(struct domain *domain, GError **error)
{
	if (!domain->managed)
		return fail(error, "Domain '%s' is not managed by xend.", domain->name), false;
	if (domain->phase != PHASE_HALTED)
		return fail(error, "Domain '%s' is running.", domain->name), false;
	return true;
}

/* What is in the checkpoint goes by the configuration that is there. */
static bool must_be_off(struct domain *domain, GError **error)
{
	if (!must_be_halted(domain, error))
		return false;
	return !domain->checkpointed ||
	       (fail(error, "Domain '%s' is suspended; resume it first.", domain->name), false);
}

static bool replace_config(struct domain *domain, GVariant *sxp, GError **error)
{
	g_autoptr(config_t) config = NULL, old = NULL;

	if (!must_be_off(domain, error))
		return false;
	config = config_parse(sxp, error);
	if (!config)
		return false;
	/* The uuid is the domain's, whatever the new text says. */
	g_free(config->uuid);
	config->uuid = g_strdup(domain->uuid);
	old = domain->config;
	domain->config = g_steal_pointer(&config);
	if (device_check_all(domain, error) &&
		domain_set_identity(domain, domain->config->name, domain->uuid, error) &&
		managed_save(domain, error))
		return true;
	config = domain->config;
	domain->config = g_steal_pointer(&old);
	domain_set_identity(domain, domain->config->name, domain->uuid, NULL);
	return false;
}

GVariant *op_new(struct call *call, GError **error)
{
	g_autofree char *name = sxp_child_text(call_value(call, 0), "name");
	g_autoptr(locked_domain) old = name ? domain_find_locked(name, NULL) : NULL;
	g_autoptr(locked_domain) domain = NULL;

	if (old)
		return replace_config(old, call_value(call, 0), error) ? op_done() : NULL;
	domain = add(call_value(call, 0), true, error);
	if (!domain)
		return NULL;
	if (managed_save(domain, error))
		return op_done();
	domain_remove(domain);
	return NULL;
}

GVariant *op_configure(struct call *call, GError **error)
{
	g_autoptr(locked_domain) domain = domain_find_locked(call_text(call, 0), error);

	if (!domain || !replace_config(domain, call_value(call, 1), error))
		return NULL;
	return op_done();
}

GVariant *op_start(struct call *call, GError **error)
{
	g_autoptr(locked_domain) domain = domain_find_locked(call_text(call, 0), error);

	if (!domain || !domain_refuse_zero(domain, error) || !must_be_off(domain, error) ||
		!domain_build(domain, error))
		return NULL;
	if (!call_flag(call, 1, true) && !domain_unpause(domain, error))
		return NULL;
	return op_done();
}

GVariant *op_delete(struct call *call, GError **error)
{
	g_autoptr(locked_domain) domain = domain_find_locked(call_text(call, 0), error);

	if (!domain || !domain_refuse_zero(domain, error) || !must_be_halted(domain, error))
		return NULL;
	managed_remove(domain);
	domain_remove(domain);
	return op_done();
}

struct domain *find_guest(struct call *call, GError **error)
{
	g_autoptr(locked_domain) domain = domain_find_locked(call_text(call, 0), error);

	if (!domain || !domain_refuse_zero(domain, error) || !domain_must_run(domain, error))
		return NULL;
	return g_steal_pointer(&domain);
}

GVariant *op_pause(struct call *call, GError **error)
{
	g_autoptr(locked_domain) domain = find_guest(call, error);
	struct xen_domctl_getdomaininfo info;

	if (!domain)
		return NULL;
	/* Pausing counts; users do not. */
	if (host_domain(domain->domid, &info) && info.flags & XEN_DOMINF_paused)
		return op_done();
	if (xc_domain_pause(xc, domain->domid))
		return host_fail(error, domain->domid, "pause it"), NULL;
	return op_done();
}

GVariant *op_unpause(struct call *call, GError **error)
{
	g_autoptr(locked_domain) domain = find_guest(call, error);
	struct xen_domctl_getdomaininfo info;

	if (!domain)
		return NULL;
	if (host_domain(domain->domid, &info) && !(info.flags & XEN_DOMINF_paused))
		return op_done();
	return domain_unpause(domain, error) ? op_done() : NULL;
}

GVariant *op_shutdown(struct call *call, GError **error)
{
	static const char *const reasons[] = { "poweroff", "reboot", "halt", "suspend", "crash",
		NULL };
	const char *reason = call_text(call, 1) ? call_text(call, 1) : "poweroff";
	g_autoptr(locked_domain) domain = find_guest(call, error);

	if (!domain)
		return NULL;
	if (!g_strv_contains(reasons, reason))
		return fail(error, "there is no reason '%s' for a shutdown", reason), NULL;
	/* Who asks for that himself wants it to stay so. */
	domain->suspending = false;
	return domain_ask_shutdown(domain, reason, error) ? op_done() : NULL;
}

GVariant *op_destroy(struct call *call, GError **error)
{
	g_autoptr(locked_domain) domain = find_guest(call, error);

	if (!domain)
		return NULL;
	domain_end(domain, false);
	return op_done();
}

GVariant *op_reset(struct call *call, GError **error)
{
	g_autoptr(locked_domain) domain = find_guest(call, error);

	if (!domain || !domain_refuse_foreign(domain, error) || !domain_restart(domain, error))
		return NULL;
	return op_done();
}

GVariant *op_set_name(struct call *call, GError **error)
{
	g_autoptr(locked_domain) domain = domain_find_locked(call_text(call, 0), error);
	const char *name = call_text(call, 1);

	if (!domain || !domain_refuse_zero(domain, error) || !config_check_name(name, error) ||
		!domain_set_identity(domain, name, domain->uuid, error))
		return NULL;
	if (domain->managed && !managed_save(domain, error))
		return NULL;
	if (domain->domid != NO_DOMID) {
		store_rename(domain);
		if (!domain->foreign)
			state_save(domain);
	}
	return op_done();
}

GVariant *op_send_sysrq(struct call *call, GError **error)
{
	g_autoptr(locked_domain) domain = find_guest(call, error);
	const char *key = call_text(call, 1);
	g_autofree char *path = NULL, *node = NULL;

	if (!domain)
		return NULL;
	if (strlen(key) != 1 || !g_ascii_isgraph(*key))
		return fail(error, "'%s' is not one letter", key), NULL;
	path = domain_path(domain);
	node = g_strconcat(path, "/control/sysrq", NULL);
	if (!store_write(node, key))
		return fail_errno(error, "cannot write %s to xenstore", node), NULL;
	return op_done();
}

GVariant *op_send_trigger(struct call *call, GError **error)
{
	static const char *const triggers[] = {
		[XEN_DOMCTL_SENDTRIGGER_NMI] = "nmi",
		[XEN_DOMCTL_SENDTRIGGER_RESET] = "reset",
		[XEN_DOMCTL_SENDTRIGGER_INIT] = "init",
		[XEN_DOMCTL_SENDTRIGGER_POWER] = "power",
		[XEN_DOMCTL_SENDTRIGGER_SLEEP] = "sleep",
	};
	g_autoptr(locked_domain) domain = find_guest(call, error);
	const char *name = call_text(call, 1);

	for (unsigned int i = 0; domain && i < G_N_ELEMENTS(triggers); i++) {
		if (g_strcmp0(triggers[i], name))
			continue;
		if (xc_domain_send_trigger(xc, domain->domid, i, call_int(call, 2, 0)))
			return host_fail(error, domain->domid, "send it a trigger"), NULL;
		return op_done();
	}
	if (domain)
		fail(error, "there is no trigger '%s'", name);
	return NULL;
}

GVariant *op_restart_count(struct call *call, GError **error)
{
	g_autoptr(locked_domain) domain = domain_find_locked(call_text(call, 0), error);

	return domain ? g_variant_new_int32(domain->restarts) : NULL;
}
