/* Operations on schedulers' parameters. */
#include <string.h>

#include "build.h"
#include "error.h"
#include "host.h"
#include "ops.h"
#include "state.h"
#include "sxp.h"

#define MAX_PARAMETERS 5

static bool must_schedule_by(const char *wanted, GError **error)
{
	const char *scheduler = host_scheduler();

	if (g_str_equal(scheduler, wanted))
		return true;
	return fail(error, "Xen is running with the %s scheduler", scheduler), false;
}

/* ---- Credit: kept in the configuration ---- */

/* The hypervisor's, or for a domain that does not run, the configuration's. */
static bool credit_of(struct domain *domain, struct xen_domctl_sched_credit *params, GError **error)
{
	params->weight = domain->config->weight;
	params->cap = domain->config->cap;
	if (domain->domid != NO_DOMID && xc_sched_credit_domain_get(xc, domain->domid, params))
		return host_fail(error, domain->domid, "tell its weight");
	return true;
}

GVariant *op_credit_get(struct call *call, GError **error)
{
	g_autoptr(locked_domain) domain = domain_find_locked(call_text(call, 0), error);
	struct xen_domctl_sched_credit params;

	if (!domain || !must_schedule_by("credit", error) || !credit_of(domain, &params, error))
		return NULL;
	return g_variant_new_parsed(
		"{'weight': <%i>, 'cap': <%i>}", (gint32)params.weight, (gint32)params.cap);
}

GVariant *op_credit_set(struct call *call, GError **error)
{
	g_autoptr(locked_domain) domain = domain_find_locked(call_text(call, 0), error);
	int weight = call_int(call, 1, -1), cap = call_int(call, 2, -1);
	struct xen_domctl_sched_credit params;

	if (!domain || !must_schedule_by("credit", error))
		return NULL;
	if (call_value(call, 1) && (weight < 1 || weight > 65535))
		return fail(error, "weight: %d is not from 1 to 65535", weight), NULL;
	if (call_value(call, 2) && (cap < 0 || cap > 100 * MAX_VCPUS))
		return fail(error, "cap: %d is not from 0 to %d", cap, 100 * MAX_VCPUS), NULL;
	if (!credit_of(domain, &params, error))
		return NULL;
	params.weight = weight < 0 ? params.weight : weight;
	params.cap = cap < 0 ? params.cap : cap;
	if (domain->domid != NO_DOMID && xc_sched_credit_domain_set(xc, domain->domid, &params))
		return host_fail(error, domain->domid, "change its weight and cap"), NULL;
	domain->config->weight = params.weight;
	domain->config->cap = params.cap;
	return domain->domid == 0 || domain_keep(domain, error) ? op_done() : NULL;
}

/* ---- The older ones: only the hypervisor has their parameters ---- */

/* What the hypervisor has for a domain; only the member of the machine's scheduler is used. */
union parameters {
	struct xen_domctl_sched_sedf sedf;
	struct xen_domctl_sched_bvt bvt;
};

/* Times are in ns. */
static const struct policy {
	const char *scheduler;
	/* In the order of the operation's arguments, which have the same names. */
	struct {
		const char *name;
		size_t at, size;
	} fields[MAX_PARAMETERS];
} sedf = { "sedf",
	{
		{ "period", offsetof(union parameters, sedf.period), sizeof(uint64_t) },
		{ "slice", offsetof(union parameters, sedf.slice), sizeof(uint64_t) },
		{ "latency", offsetof(union parameters, sedf.latency), sizeof(uint64_t) },
		{ "extratime", offsetof(union parameters, sedf.extratime), sizeof(uint32_t) },
		{ "weight", offsetof(union parameters, sedf.weight), sizeof(uint32_t) },
	} },
  bvt = { "bvt",
	  {
		  { "mcuadv", offsetof(union parameters, bvt.mcu_advance), sizeof(uint32_t) },
		  { "warpback", offsetof(union parameters, bvt.warpback), sizeof(uint32_t) },
		  { "warpvalue", offsetof(union parameters, bvt.warpvalue), sizeof(int32_t) },
		  { "warpl", offsetof(union parameters, bvt.warpl), sizeof(int64_t) },
		  { "warpu", offsetof(union parameters, bvt.warpu), sizeof(int64_t) },
	  } };

/* The domain of a call, with what the hypervisor has for it. */
static struct domain *begin(
	const struct policy *policy, struct call *call, union parameters *params, GError **error)
{
	g_autoptr(locked_domain) domain = domain_find_locked(call_text(call, 0), error);
	int ret;

	if (!domain || !must_schedule_by(policy->scheduler, error) ||
		!domain_must_run(domain, error))
		return NULL;
	ret = policy == &sedf ? xc_sched_sedf_domain_get(xc, domain->domid, &params->sedf)
			      : xc_sched_bvt_domain_get(xc, domain->domid, &params->bvt);
	if (ret)
		return host_fail(error, domain->domid, "tell its parameters"), NULL;
	return g_steal_pointer(&domain);
}

static GVariant *get(const struct policy *policy, struct call *call, GError **error)
{
	union parameters params;
	g_autoptr(locked_domain) domain = begin(policy, call, &params, error);
	g_auto(GVariantDict) result = G_VARIANT_DICT_INIT(NULL);

	for (unsigned int i = 0; domain && i < MAX_PARAMETERS; i++) {
		uint64_t value = 0;

		memcpy(&value, (char *)&params + policy->fields[i].at, policy->fields[i].size);
		g_variant_dict_insert(&result, policy->fields[i].name, "x", (gint64)value);
	}
	return domain ? g_variant_dict_end(&result) : NULL;
}

/* Puts the arguments of a call over what there is. */
static bool change(
	const struct policy *policy, struct call *call, union parameters *params, GError **error)
{
	for (unsigned int i = 0; i < MAX_PARAMETERS; i++) {
		gint64 value = call_number(call, i + 1, 0);
		size_t size = policy->fields[i].size;

		if (value < 0 || (size == sizeof(uint32_t) && value > G_MAXINT32))
			return fail(error, "%s: %" G_GINT64_FORMAT " is out of range",
				       policy->fields[i].name, value),
			       false;
		if (call_value(call, i + 1))
			memcpy((char *)params + policy->fields[i].at, &value, size);
	}
	return true;
}

/* What the hypervisor refuses, named whole: which value is wrong depends on the others. */
static void refused(const struct policy *policy, const union parameters *params, GError **error)
{
	g_autoptr(GString) text = g_string_new(NULL);
	int reason = errno;

	for (unsigned int i = 0; i < MAX_PARAMETERS; i++) {
		uint64_t value = 0;

		memcpy(&value, (const char *)params + policy->fields[i].at, policy->fields[i].size);
		g_string_append_printf(text, "%s%s %" G_GUINT64_FORMAT, i ? ", " : "",
			policy->fields[i].name, value);
	}
	errno = reason;
	fail_errno(error, "%s is refused", text->str);
}

GVariant *op_sedf_get(struct call *call, GError **error)
{
	return get(&sedf, call, error);
}

GVariant *op_bvt_get(struct call *call, GError **error)
{
	return get(&bvt, call, error);
}

GVariant *op_sedf_set(struct call *call, GError **error)
{
	union parameters params;
	g_autoptr(locked_domain) domain = begin(&sedf, call, &params, error);

	if (!domain || !change(&sedf, call, &params, error))
		return NULL;
	/* A weight alone stands in place of period and slice. */
	if (call_number(call, 5, 0) && !call_value(call, 1) && !call_value(call, 2))
		params.sedf.period = params.sedf.slice = 0;
	if (call_number(call, 2, 0) && !params.sedf.period)
		return fail(error, "a slice needs a period"), NULL;
	if (!xc_sched_sedf_domain_set(xc, domain->domid, &params.sedf))
		return op_done();
	return refused(&sedf, &params, error), NULL;
}

GVariant *op_bvt_set(struct call *call, GError **error)
{
	union parameters params;
	g_autoptr(locked_domain) domain = begin(&bvt, call, &params, error);

	if (!domain || !change(&bvt, call, &params, error))
		return NULL;
	if (!xc_sched_bvt_domain_set(xc, domain->domid, &params.bvt))
		return op_done();
	return refused(&bvt, &params, error), NULL;
}

/* The one parameter of the machine, changed if the call has a value. */
static GVariant *turn(const char *name, unsigned int id, struct call *call, GError **error)
{
	uint64_t ns = call_number(call, 0, 0);

	if (!must_schedule_by(name, error))
		return NULL;
	if (!xc_sched_turn(xc, id, call_value(call, 0), &ns))
		return g_variant_new_int64(ns);
	if (call_value(call, 0))
		fail_errno(error, "%" G_GINT64_FORMAT " ns are refused", call_number(call, 0, 0));
	else
		fail_errno(error, "the hypervisor does not tell it");
	return NULL;
}

GVariant *op_bvt_ctx_allow(struct call *call, GError **error)
{
	return turn("bvt", XEN_SCHEDULER_BVT, call, error);
}

GVariant *op_rrobin_slice(struct call *call, GError **error)
{
	return turn("rrobin", XEN_SCHEDULER_RROBIN, call, error);
}
