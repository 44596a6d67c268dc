/* Operations on a domain's memory and vCPUs. */
#include <string.h>

#include "build.h"
#include "error.h"
#include "host.h"
#include "memory.h"
#include "ops.h"
#include "state.h"
#include "store.h"
#include "sxp.h"

GVariant *op_memory_target(struct call *call, GError **error)
{
	g_autoptr(locked_domain) domain = domain_find_locked(call_text(call, 0), error);
	int memory = call_int(call, 1, 0);

	if (!domain)
		return NULL;
	if (memory < 1)
		return fail(error, "%d MiB are no memory to live with", memory), NULL;
	if (domain->domid != 0 && !domain->foreign && (unsigned int)memory > domain->config->maxmem)
		return fail(error, "Domain '%s' may have at most %u MiB.", domain->name,
			       domain->config->maxmem),
		       NULL;
	if (domain->domid != NO_DOMID && !memory_set_target(domain->domid, memory, error))
		return NULL;
	domain->config->memory = memory;
	return domain->domid == 0 || domain_keep(domain, error) ? op_done() : NULL;
}

GVariant *op_maxmem(struct call *call, GError **error)
{
	g_autoptr(locked_domain) domain = domain_find_locked(call_text(call, 0), error);
	int memory = call_int(call, 1, 0);
	g_autofree char *path = NULL, *node = NULL, *text = NULL;

	if (!domain || !domain_refuse_zero(domain, error))
		return NULL;
	if (memory < 1 || (!domain->foreign && (unsigned int)memory < domain->config->memory))
		return fail(error, "%d MiB are less than the domain's memory, %u MiB", memory,
			       domain->config->memory),
		       NULL;
	if (domain->domid != NO_DOMID) {
		if (xc_domain_setmaxmem(xc, domain->domid, (uint64_t)memory << 10))
			return host_fail(error, domain->domid, "limit its memory"), NULL;
		path = domain_path(domain);
		node = g_strconcat(path, "/memory/static-max", NULL);
		text = g_strdup_printf("%" G_GUINT64_FORMAT, (uint64_t)memory << 10);
		store_write(node, text);
	}
	domain->config->maxmem = memory;
	return domain_keep(domain, error) ? op_done() : NULL;
}

GVariant *op_vcpu_count(struct call *call, GError **error)
{
	g_autoptr(locked_domain) domain = domain_find_locked(call_text(call, 0), error);
	unsigned int vcpus = MAX(call_int(call, 1, 0), 0), most;
	struct xen_domctl_getdomaininfo info;

	if (!domain)
		return NULL;
	most = domain->config->maxvcpus;
	if (domain->domid != NO_DOMID) {
		if (!host_domain(domain->domid, &info))
			return host_fail(error, domain->domid, "describe it"), NULL;
		most = info.max_vcpu_id + 1;
	}
	if (vcpus < 1 || vcpus > most)
		return fail(error, "Domain '%s' can have 1 to %u vCPUs.", domain->name, most), NULL;
	if (domain->domid != NO_DOMID && !store_set_vcpus(domain, vcpus, error))
		return NULL;
	domain->config->vcpus = vcpus;
	return domain->domid == 0 || domain_keep(domain, error) ? op_done() : NULL;
}

/* An array of numbers, or a text. */
static char *cpus_text(GVariant *value)
{
	GString *text;
	gsize i, n = sxp_length(value);

	if (!sxp_is_list(value))
		return sxp_text(value);
	text = g_string_new(NULL);
	for (i = 0; i < n; i++) {
		g_autofree char *cpu = sxp_nth_text(value, i);

		g_string_append_printf(text, "%s%s", i ? "," : "", cpu ? cpu : "?");
	}
	return g_string_free(text, FALSE);
}

static bool pin_running(struct domain *domain, int vcpu, const uint8_t *map, GError **error)
{
	struct xen_domctl_getdomaininfo info;
	unsigned int i;

	if (!host_domain(domain->domid, &info))
		return host_fail(error, domain->domid, "describe it");
	if (vcpu >= 0 && (unsigned int)vcpu > info.max_vcpu_id)
		return fail(error, "Domain '%s' has no vCPU %d.", domain->name, vcpu), false;
	for (i = 0; i <= info.max_vcpu_id; i++)
		if ((vcpu < 0 || i == (unsigned int)vcpu) &&
			!scheduling_pin(domain->domid, i, map, error))
			return false;
	return true;
}

/* The same in the configuration, which has one text for each vCPU from now on. */
static void pin_config(struct config *config, int vcpu, const char *text)
{
	g_auto(GStrv) cpus = g_new0(char *, config->maxvcpus + 1);
	unsigned int i, had = config->cpus ? g_strv_length(config->cpus) : 0;

	for (i = 0; i < config->maxvcpus; i++) {
		const char *old = had == 1 ? config->cpus[0] : i < had ? config->cpus[i] : "";

		cpus[i] = g_strdup(vcpu < 0 || i == (unsigned int)vcpu ? text : old);
	}
	g_strfreev(config->cpus);
	config->cpus = g_steal_pointer(&cpus);
}

GVariant *op_pincpu(struct call *call, GError **error)
{
	g_autoptr(locked_domain) domain = domain_find_locked(call_text(call, 0), error);
	g_autofree char *cpus = cpus_text(call_value(call, 2));
	const char *text = call_text(call, 1);
	uint8_t map[MAX_CPUS / 8] = { 0 };
	gint64 vcpu = -1;

	if (!domain || !cpus_parse(cpus, host_nr_cpus(), map, error))
		return NULL;
	if (!g_str_equal(text, "all") &&
		!g_ascii_string_to_signed(text, 10, 0, G_MAXINT32, &vcpu, NULL))
		return fail(error, "'%s' is no number of a vCPU, nor 'all'", text), NULL;
	if (domain->domid != NO_DOMID && !pin_running(domain, vcpu, map, error))
		return NULL;
	if (domain->domid == NO_DOMID && vcpu >= domain->config->maxvcpus)
		return fail(error, "Domain '%s' has no vCPU %d.", domain->name, (int)vcpu), NULL;
	if (domain->domid == 0 || domain->foreign)
		return op_done();
	pin_config(domain->config, vcpu, cpus);
	return domain_keep(domain, error) ? op_done() : NULL;
}

static GVariant *map_sxp(const uint8_t *map)
{
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE("av"));
	for (unsigned int cpu = 0; cpu < MAX_CPUS; cpu++)
		if (map[cpu / 8] >> cpu % 8 & 1)
			sxp_add(&builder, g_variant_new_int32(cpu));
	return g_variant_builder_end(&builder);
}

static GVariant *vcpu_sxp(uint32_t domid, unsigned int vcpu, unsigned int nr_cpus)
{
	struct xen_domctl_getvcpuinfo info = { 0 };
	uint8_t map[MAX_CPUS / 8] = { 0 };
	GVariantBuilder builder;
	unsigned int i;

	if (xc_vcpu_getinfo(xc, domid, vcpu, &info))
		return NULL;
	if (xc_vcpu_getaffinity(xc, domid, vcpu, map, NULL, sizeof(map)))
		memset(map, 0xff, sizeof(map));
	for (i = nr_cpus; i < MAX_CPUS; i++)
		map[i / 8] &= ~(1 << i % 8);
	g_variant_builder_init(&builder, G_VARIANT_TYPE("av"));
	sxp_add(&builder, sxp_atom("vcpu"));
	sxp_add_int(&builder, "number", vcpu);
	sxp_add_int(&builder, "online", info.online);
	sxp_add_int(&builder, "blocked", info.blocked);
	sxp_add_int(&builder, "running", info.running);
	sxp_add(&builder, sxp_pair_value("cpu_time", g_variant_new_double(info.cpu_time / 1e9)));
	sxp_add_int(&builder, "cpu", info.online ? (int)info.cpu : -1);
	sxp_add(&builder, sxp_pair_value("cpumap", map_sxp(map)));
	return g_variant_builder_end(&builder);
}

GVariant *op_vcpu_info(struct call *call, GError **error)
{
	g_autoptr(domain_t) domain = domain_find(call_text(call, 0), error);
	struct domain_facts facts;
	struct xen_domctl_getdomaininfo info;
	g_autofree char *name = NULL;
	unsigned int nr_cpus = host_nr_cpus();
	GVariantBuilder builder;
	bool running;

	if (!domain)
		return NULL;
	facts = domain_facts(domain);
	name = sxp_child_text(facts.config, "name");
	g_variant_unref(facts.config);
	running = facts.domid != NO_DOMID && host_domain(facts.domid, &info);
	g_variant_builder_init(&builder, G_VARIANT_TYPE("av"));
	sxp_add(&builder, sxp_atom("domain"));
	sxp_add_int(&builder, "domid", facts.domid);
	sxp_add_pair(&builder, "name", name);
	sxp_add_int(&builder, "vcpu_count", running ? (int)info.nr_online_vcpus : 0);
	for (unsigned int i = 0; running && i <= info.max_vcpu_id && i < MAX_VCPUS; i++) {
		GVariant *vcpu = vcpu_sxp(facts.domid, i, nr_cpus);

		if (vcpu)
			sxp_add(&builder, vcpu);
	}
	return g_variant_builder_end(&builder);
}
