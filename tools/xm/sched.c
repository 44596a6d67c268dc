/* Parameters of schedulers. */
#include "xm.h"
#include <stdio.h>
#include <string.h>

#define MAX_PARAMETERS 5

static char *domain, *weight, *cap;
static char *period, *slice, *latency, *extra, *share;

/* A scheduler, and what it has of each domain, in the order of the method that sets it. */
struct scheduler {
	const char *name, *get, *set;
	struct {
		const char *name, *heading;
		int width;
		bool time; /* people count in milliseconds, xend in nanoseconds */
		gint64 max;
	} parameters[MAX_PARAMETERS];
};

static const struct scheduler credit = { "credit", "xend.domain.sched_credit_get",
	"xend.domain.sched_credit_set",
	{ { "weight", "Weight", 6, false, 65535 }, { "cap", "Cap", 4, false, 65535 } } };
static const struct scheduler sedf = { "sedf", "xend.domain.cpu_sedf_get",
	"xend.domain.cpu_sedf_set",
	{ { "period", "Period(ms)", 10, true }, { "slice", "Slice(ms)", 9, true },
		{ "latency", "Lat(ms)", 7, true }, { "extratime", "Extra", 6, false, 1 },
		{ "weight", "Weight", 6, false, 65535 } } };
static const struct scheduler bvt = { "bvt", "xend.domain.cpu_bvt_get", "xend.domain.cpu_bvt_set",
	{ { "mcuadv", "McuAdv", 6, false, 10000 }, { "warpback", "WarpBack", 8, false, 1 },
		{ "warpvalue", "WarpValue", 9, false, 1000000 }, { "warpl", "WarpL(ms)", 9, true },
		{ "warpu", "WarpU(ms)", 9, true } } };

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

/* Nanoseconds of @text, which is in milliseconds. */
static bool parse_time(const char *text, const char *what, gint64 *ns)
{
	char *end;
	double ms = g_ascii_strtod(text, &end);

	if (end != text && !*end && ms >= 0 && ms <= 1e6) {
		*ns = ms * 1e6 + 0.5;
		return true;
	}
	xm_usage("%s '%s' is no number of milliseconds from 0 to 1000000", what, text);
	return false;
}

static int print_domain(const struct scheduler *scheduler, const char *name)
{
	g_autoptr(GVariant) sxp = xm_domain(name), values = NULL;
	g_autofree char *real = NULL, *id = NULL;

	if (!sxp || !(values = xm_call(scheduler->get, g_variant_new("(s)", name))))
		return xm_call_failed();
	if (!g_variant_is_of_type(values, G_VARIANT_TYPE_VARDICT))
		return xm_error("xend's answer makes no sense");
	real = field_text(sxp, "name", name);
	id = field_text(sxp, "domid", "");
	printf("%-33s %4s", real, id);
	for (int i = 0; i < MAX_PARAMETERS && scheduler->parameters[i].name; i++) {
		g_autoptr(GVariant) found =
			g_variant_lookup_value(values, scheduler->parameters[i].name, NULL);
		g_autofree char *text = found ? sxp_text(found) : NULL;
		double value = text ? g_ascii_strtod(text, NULL) : 0;
		bool time = scheduler->parameters[i].time;

		printf(" %*.*f", scheduler->parameters[i].width, time ? 1 : 0,
			time ? value / 1e6 : value);
	}
	putchar('\n');
	return XM_OK;
}

/* Prints the table's row of one domain, or of all. */
static int print_table(const struct scheduler *scheduler, const char *only)
{
	g_autoptr(GVariant) all = NULL;
	int code = XM_OK;

	printf("%-33s %4s", "Name", "ID");
	for (int i = 0; i < MAX_PARAMETERS && scheduler->parameters[i].name; i++)
		printf(" %*s", scheduler->parameters[i].width, scheduler->parameters[i].heading);
	putchar('\n');
	if (only)
		return print_domain(scheduler, only);
	all = xm_call("xend.domains_with_state", g_variant_new("(bs)", FALSE, "running"));
	if (!all)
		return xm_call_failed();
	for (gsize i = 0; i < sxp_length(all); i++) {
		g_autofree char *name = sxp_nth_text(all, i);

		code = print_domain(scheduler, name) ?: code;
	}
	return code;
}

/*
 * Shows the table, or with any of @texts, which stand for the parameters and are NULL for those to
 * leave as they are, changes @name.
 */
static int show_or_set(const struct scheduler *scheduler, const char *name, char *const *texts)
{
	GVariantBuilder arguments;
	bool set = false, good = true;
	int code;

	g_variant_builder_init(&arguments, G_VARIANT_TYPE_TUPLE);
	g_variant_builder_add(&arguments, "s", name ?: "");
	for (int i = 0; good && i < MAX_PARAMETERS && scheduler->parameters[i].name; i++) {
		const char *what = scheduler->parameters[i].name;
		gint64 number = 0;

		if (texts[i])
			good = scheduler->parameters[i].time
				       ? parse_time(texts[i], what, &number)
				       : parse_number(texts[i], what, 0,
						 scheduler->parameters[i].max, &number);
		g_variant_builder_add_value(&arguments,
			texts[i] ? g_variant_new_int64(number) : g_variant_new_tuple(NULL, 0));
		set |= texts[i] != NULL;
	}
	code = good ? check_scheduler(scheduler->name) : XM_USAGE;
	if (!code && set)
		return xm_do(scheduler->set, g_variant_builder_end(&arguments));
	g_variant_builder_clear(&arguments);
	return code ?: print_table(scheduler, name);
}

static int sched_credit(int argc, char **argv)
{
	char *texts[] = { weight, cap };

	if ((weight || cap) && !domain)
		return xm_usage("sched-credit: -w and -c need -d DOMAIN");
	return show_or_set(&credit, domain, texts);
}

static int sched_sedf(int argc, char **argv)
{
	char *texts[] = { period, slice, latency, extra, share };

	if (!argc && (period || slice || latency || extra || share))
		return xm_usage("sched-sedf: a domain is needed");
	return show_or_set(&sedf, argv[0], texts);
}

static int sched_bvt(int argc, char **argv)
{
	char *texts[MAX_PARAMETERS] = { NULL };

	if (argc > 1 && argc != 1 + MAX_PARAMETERS)
		return xm_usage(
			"sched-bvt: all of MCUADV WARPBACK WARPVALUE WARPL WARPU are needed");
	for (int i = 1; i < argc; i++)
		texts[i - 1] = argv[i];
	return show_or_set(&bvt, argv[0], texts);
}

/* The one parameter of the machine's scheduler. */
static int machine_time(const char *scheduler, const char *method, const char *what, char *text)
{
	g_autoptr(GVariant) now = NULL;
	g_autofree char *answer = NULL;
	gint64 ns;
	int code;

	if (text && !parse_time(text, what, &ns))
		return XM_USAGE;
	code = check_scheduler(scheduler);
	if (code)
		return code;
	if (text)
		return xm_do(method, g_variant_new("(x)", ns));
	now = xm_call(method, NULL);
	if (!now)
		return xm_call_failed();
	answer = sxp_text(now);
	printf("%s: %g ms\n", what, answer ? g_ascii_strtod(answer, NULL) / 1e6 : 0);
	return XM_OK;
}

static int sched_bvt_ctxallow(int argc, char **argv)
{
	return machine_time("bvt", "xend.node.bvt_ctx_allow", "context-switch allowance", argv[0]);
}

static int sched_rrobin(int argc, char **argv)
{
	return machine_time("rrobin", "xend.node.rrobin_slice", "slice", argv[0]);
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
	{ "weight", 'w', 0, G_OPTION_ARG_STRING, &share,
		"Share of what is left over; alone: instead of period and slice", "NUMBER" },
	{ NULL } };

const struct command sched_commands[] = {
	{ "sched-credit", "[-d DOMAIN [-w WEIGHT] [-c CAP]]",
		"Shows or sets parameters of the credit scheduler", NULL, credit_options, 0, 0,
		sched_credit },
	{ "sched-sedf", "[DOMAIN [OPTIONS]]", "Shows or sets parameters of the sedf scheduler",
		"They are those of the running domain, and not kept for its next start.",
		sedf_options, 0, 1, sched_sedf },
	{ "sched-bvt", "[DOMAIN [MCUADV WARPBACK WARPVALUE WARPL WARPU]]",
		"Shows or sets parameters of the bvt scheduler",
		"MCUADV: virtual time per 100 us of running, the less the more CPU time; default "
		"10.\n"
		"WARPBACK: 1 lets the domain warp when it wakes: count as WARPVALUE of virtual "
		"time behind, for at\n"
		"most WARPL ms (0: no limit), and again after WARPU ms.\n"
		"They are those of the running domain, and not kept for its next start.",
		NULL, 0, 6, sched_bvt },
	{ "sched-bvt-ctxallow", "[MS]",
		"Shows or sets for how long bvt lets a virtual CPU run beyond its turn", NULL, NULL,
		0, 1, sched_bvt_ctxallow },
	{ "sched-rrobin", "[MS]", "Shows or sets the time slice of the rrobin scheduler", NULL,
		NULL, 0, 1, sched_rrobin },
	{ NULL }
};
