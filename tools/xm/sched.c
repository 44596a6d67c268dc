/* Parameters of schedulers. */
#include "xm.h"
#include <stdio.h>
#include <string.h>

static char *domain, *weight, *cap;
static char *period, *slice, *latency, *extra, *share;

/* Fails with a message unless the hypervisor has the scheduler @name. */
static int check_scheduler(const char *name)
{
	g_autoptr(GVariant) node = xm_call("xend.node.info", NULL);
	g_autofree char *own = NULL;

	if (!node)
		return xm_call_failed();
	own = field_text(node, "xen_scheduler", "unknown");
	return strcmp(own, name) ? xm_error("Xen is running with the %s scheduler", own) : XM_OK;
}

/* A member of a struct or "(name value)" of an S-expression. */
static double member(GVariant *value, const char *name)
{
	g_autoptr(GVariant) found = NULL;
	g_autofree char *text = NULL;

	if (!g_variant_is_of_type(value, G_VARIANT_TYPE_VARDICT))
		return field_number(value, name, 0);
	found = g_variant_lookup_value(value, name, NULL);
	text = found ? sxp_text(found) : NULL;
	return text ? g_ascii_strtod(text, NULL) : 0;
}

/* A parameter on the command line, or nil to leave it as it is. */
static bool parameter(const char *text, const char *what, gint64 max, GVariant **value)
{
	gint64 number = 0;

	if (text && !parse_number(text, what, 0, max, &number))
		return false;
	*value = text ? g_variant_new_int32(number) : g_variant_new_tuple(NULL, 0);
	return true;
}

/* Prints a table's row for one domain, or for all. */
static int each_domain(const char *only, int (*print)(const char *id))
{
	g_autoptr(GVariant) all = NULL;
	int code = XM_OK;

	if (only)
		return print(only);
	all = xm_call("xend.domains_with_state", g_variant_new("(bs)", FALSE, "running"));
	if (!all)
		return xm_call_failed();
	for (gsize i = 0; i < sxp_length(all); i++) {
		g_autofree char *name = sxp_nth_text(all, i);

		code = print(name) ?: code;
	}
	return code;
}

static int print_credit(const char *name)
{
	g_autoptr(GVariant) sxp = xm_domain(name), values = NULL;
	g_autofree char *real = NULL, *id = NULL;

	if (!sxp || !(values = xm_call("xend.domain.sched_credit_get", g_variant_new("(s)", name))))
		return xm_call_failed();
	real = field_text(sxp, "name", name);
	id = field_text(sxp, "domid", "");
	printf("%-33s %4s %6.0f %4.0f\n", real, id, member(values, "weight"),
		member(values, "cap"));
	return XM_OK;
}

static int sched_credit(int argc, char **argv)
{
	GVariant *values[3];
	int code;

	if ((weight || cap) && !domain)
		return xm_usage("sched-credit: -w and -c need -d DOMAIN");
	if (!parameter(weight, "weight", 65535, &values[1]) ||
		!parameter(cap, "cap", 65535, &values[2]))
		return XM_USAGE;
	code = check_scheduler("credit");
	if (code)
		return code;
	if (weight || cap) {
		values[0] = g_variant_new_string(domain);
		return xm_do("xend.domain.sched_credit_set", g_variant_new_tuple(values, 3));
	}
	printf("%-33s %4s %6s %4s\n", "Name", "ID", "Weight", "Cap");
	return each_domain(domain, print_credit);
}

static int print_sedf(const char *name)
{
	g_autoptr(GVariant) sxp = xm_domain(name), values = NULL;
	g_autofree char *real = NULL, *id = NULL;

	if (!sxp || !(values = xm_call("xend.domain.cpu_sedf_get", g_variant_new("(s)", name))))
		return xm_call_failed();
	real = field_text(sxp, "name", name);
	id = field_text(sxp, "domid", "");
	/* xend counts in nanoseconds, people in milliseconds. */
	printf("%-33s %4s %10.1f %9.1f %7.1f %6.0f %6.0f\n", real, id,
		member(values, "period") / 1e6, member(values, "slice") / 1e6,
		member(values, "latency") / 1e6, member(values, "extratime"),
		member(values, "weight"));
	return XM_OK;
}

static int sched_sedf(int argc, char **argv)
{
	static const char *const names[] = { "period", "slice", "latency", "extratime", "weight" };
	const char *texts[] = { period, slice, latency, extra, share };
	g_autoptr(GVariant) now = NULL;
	GVariant *values[6];
	bool set = false;
	int code;

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		gint64 ignored;

		if (texts[i] && !parse_number(texts[i], names[i], 0, 1000000, &ignored))
			return XM_USAGE;
		set |= texts[i] != NULL;
	}
	if (set && !argc)
		return xm_usage("sched-sedf: a domain is needed");
	code = check_scheduler("sedf");
	if (code)
		return code;
	if (!set) {
		printf("%-33s %4s %10s %9s %7s %6s %6s\n", "Name", "ID", "Period(ms)", "Slice(ms)",
			"Lat(ms)", "Extra", "Weight");
		return each_domain(argv[0], print_sedf);
	}
	now = xm_call("xend.domain.cpu_sedf_get", g_variant_new("(s)", argv[0]));
	if (!now)
		return xm_call_failed();
	values[0] = g_variant_new_string(argv[0]);
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		double factor = i < 3 ? 1e6 : 1;

		values[i + 1] =
			g_variant_new_int64(texts[i] ? g_ascii_strtoll(texts[i], NULL, 10) * factor
						     : member(now, names[i]));
	}
	return xm_do("xend.domain.cpu_sedf_set", g_variant_new_tuple(values, 6));
}

static const GOptionEntry credit_options[] = { { "domain", 'd', 0, G_OPTION_ARG_STRING, &domain,
						       "Domain to show or change", "DOMAIN" },
	{ "weight", 'w', 0, G_OPTION_ARG_STRING, &weight, "Share of CPU time against other domains",
		"WEIGHT" },
	{ "cap", 'c', 0, G_OPTION_ARG_STRING, &cap, "Limit in percent of one CPU; 0: none", "CAP" },
	{ NULL } };
static const GOptionEntry sedf_options[] = { { "period", 'p', 0, G_OPTION_ARG_STRING, &period,
						     "Time between two slices", "MS" },
	{ "slice", 's', 0, G_OPTION_ARG_STRING, &slice, "Time it gets in each period", "MS" },
	{ "latency", 'l', 0, G_OPTION_ARG_STRING, &latency, "Longest wait after it wakes up",
		"MS" },
	{ "extra", 'e', 0, G_OPTION_ARG_STRING, &extra, "1: may use time that is left over",
		"FLAG" },
	{ "weight", 'w', 0, G_OPTION_ARG_STRING, &share, "Share instead of period and slice",
		"NUMBER" },
	{ NULL } };

const struct command sched_commands[] = {
	{ "sched-credit", "[-d DOMAIN [-w WEIGHT] [-c CAP]]",
		"Shows or sets parameters of the credit scheduler", NULL, credit_options, 0, 0,
		sched_credit },
	{ "sched-sedf", "[DOMAIN [OPTIONS]]", "Shows or sets parameters of the sedf scheduler",
		NULL, sedf_options, 0, 1, sched_sedf },
	{ NULL }
};
