/* What xend tells about a domain. */
#include <string.h>

#include "domain.h"
#include "host.h"
#include "store.h"
#include "sxp.h"

char *domain_state_text(uint32_t flags)
{
	static const struct {
		uint32_t flag;
		char letter;
	} letters[] = {
		{ XEN_DOMINF_running, 'r' },
		{ XEN_DOMINF_blocked, 'b' },
		{ XEN_DOMINF_paused, 'p' },
		{ XEN_DOMINF_shutdown, 's' },
		{ XEN_DOMINF_shutdown, 'c' },
		{ XEN_DOMINF_dying, 'd' },
	};
	int reason = xc_shutdown_reason(flags);
	char text[] = "------";

	for (unsigned int i = 0; i < G_N_ELEMENTS(letters); i++)
		if (flags & letters[i].flag)
			text[i] = letters[i].letter;
	/* A domain that has ended is one of these, and nothing of the others. */
	if (reason >= 0) {
		memset(text, '-', 4);
		text[reason == SHUTDOWN_crash ? 4 : 3] = reason == SHUTDOWN_crash ? 'c' : 's';
		if (reason != SHUTDOWN_crash)
			text[4] = '-';
	}
	return g_strdup(text);
}

/* Numbers that classic clients know: halted, paused, running, suspended, shutdown, crashed. */
static int status_of(const struct xen_domctl_getdomaininfo *info)
{
	int reason = xc_shutdown_reason(info->flags);

	if (reason >= 0)
		return reason == SHUTDOWN_crash ? 5 : reason == SHUTDOWN_suspend ? 3 : 4;
	return info->flags & XEN_DOMINF_paused ? 1 : 2;
}

/* What of a configuration is told otherwise while the domain runs, and what is in the table. */
static const char *const live[] = { "memory", "maxmem" };
static const char *const in_row[] = { "name", "uuid", "memory", "maxmem", "vcpus" };

static bool is_one_of(GVariant *child, const char *const *names, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		if (sxp_is_named(child, names[i]))
			return true;
	return false;
}

static void add_config(GVariantBuilder *builder, GVariant *config, bool running, bool row)
{
	gsize i, n = sxp_length(config);

	for (i = 1; i < n; i++) {
		g_autoptr(GVariant) child = sxp_nth(config, i);

		if ((!running || !is_one_of(child, live, G_N_ELEMENTS(live))) &&
			(!row || is_one_of(child, in_row, G_N_ELEMENTS(in_row))))
			sxp_add(builder, child);
	}
}

static void add_running(
	GVariantBuilder *builder, const struct xen_domctl_getdomaininfo *info, gint64 start_time)
{
	g_autofree char *state = domain_state_text(info->flags);
	uint64_t memory = info->tot_pages / MIB_PAGES, most = info->max_pages / MIB_PAGES;

	sxp_add_int(builder, "memory", memory);
	/* Domain 0 has no limit, unless somebody set one. */
	sxp_add_int(builder, "maxmem", most > G_MAXINT32 ? memory : most);
	sxp_add_int(builder, "status", status_of(info));
	sxp_add_pair(builder, "state", state);
	sxp_add(builder, sxp_pair_value("cpu_time", g_variant_new_double(info->cpu_time / 1e9)));
	sxp_add_int(builder, "online_vcpus", info->nr_online_vcpus);
	if (start_time)
		sxp_add(builder, sxp_pair_value("start_time", g_variant_new_double(start_time)));
}

static void add_rings(GVariantBuilder *builder, const struct domain_facts *facts)
{
	/* Where xenconsoled serves the console: for `xm console`. */
	g_autofree char *tty = store_read("/local/domain/%u/console/tty", facts->domid);

	if (tty && *tty)
		sxp_add_pair(builder, "console_tty", tty);
	sxp_add_int(builder, "store_mfn", facts->store_mfn);
	sxp_add_int(builder, "console_mfn", facts->console_mfn);
}

GVariant *domain_sxp(const struct domain_facts *facts, const struct xen_domctl_getdomaininfo *info,
	enum detail detail)
{
	GVariantBuilder builder;

	if (detail == DETAIL_NAME) {
		g_autofree char *name = sxp_child_text(facts->config, "name");

		return sxp_atom(name);
	}
	g_variant_builder_init(&builder, G_VARIANT_TYPE("av"));
	sxp_add(&builder, sxp_atom("domain"));
	if (info)
		sxp_add_int(&builder, "domid", facts->domid);
	add_config(&builder, facts->config, info, detail == DETAIL_ROW);
	if (info) {
		add_running(&builder, info, facts->start_time);
	} else {
		sxp_add_int(&builder, "status", facts->checkpointed ? 3 : 0);
		sxp_add_pair(&builder, "state", facts->checkpointed ? "---s--" : "");
	}
	if (info && detail == DETAIL_ALL)
		add_rings(&builder, facts);
	return g_variant_builder_end(&builder);
}

GVariant *domain_all_about(struct domain *domain)
{
	struct xen_domctl_getdomaininfo info;
	struct domain_facts facts = domain_facts(domain);
	bool running = facts.domid != NO_DOMID && host_domain(facts.domid, &info);
	GVariant *sxp = domain_sxp(&facts, running ? &info : NULL, DETAIL_ALL);

	g_variant_unref(facts.config);
	return sxp;
}
