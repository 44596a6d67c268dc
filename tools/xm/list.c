/* What domains there are: list, uptime, domid, domname. */
#include "xm.h"
#include <json-glib/json-glib.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static gboolean detailed, json, one_line;
static char *state_wanted;

/*
 * SXP lists of the domains named in @argv, or of all in @state, then with @row only what the table
 * needs. NULL after a message.
 */
static GPtrArray *domains(int argc, char **argv, const char *state, bool row)
{
	g_autoptr(GPtrArray) found =
		g_ptr_array_new_with_free_func((GDestroyNotify)g_variant_unref);
	g_autoptr(GVariant) list = NULL;

	for (int i = 0; i < argc; i++) {
		GVariant *domain = xm_domain(argv[i]);

		if (!domain)
			return NULL;
		g_ptr_array_add(found, domain);
	}
	if (argc)
		return g_steal_pointer(&found);
	list = xm_call("xend.domains_with_state", g_variant_new("(bsb)", TRUE, state, row));
	if (!list)
		return NULL;
	for (gsize i = 0; i < sxp_length(list); i++)
		g_ptr_array_add(found, sxp_nth(list, i));
	return g_steal_pointer(&found);
}

static void print_row(GVariant *domain)
{
	g_autofree char *name = field_text(domain, "name", "?"),
			*id = field_text(domain, "domid", "");
	g_autofree char *state = field_text(domain, "state", "");
	double vcpus = field_number(domain, "online_vcpus", field_number(domain, "vcpus", 0));

	/* A managed domain that does not run has neither id nor state. */
	printf("%-40s %5s %5.0f %5.0f %10s %9.1f\n", name, id, field_number(domain, "memory", 0),
		vcpus, *id ? state : "", field_number(domain, "cpu_time", 0));
}

/* {"name": ...}: the columns of the table, and the uuid. */
static void add_json(JsonBuilder *builder, GVariant *domain)
{
	static const struct {
		const char *name;
		bool text;
	} keys[] = { { "name", true }, { "uuid", true }, { "domid" }, { "memory" }, { "maxmem" },
		{ "vcpus" }, { "online_vcpus" }, { "state", true }, { "cpu_time" } };

	json_builder_begin_object(builder);
	for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
		g_autofree char *text = sxp_child_text(domain, keys[i].name);
		double number = field_number(domain, keys[i].name, 0);

		if (!text)
			continue;
		json_builder_set_member_name(builder, keys[i].name);
		if (keys[i].text)
			json_builder_add_string_value(builder, text);
		else if (number == (gint64)number)
			json_builder_add_int_value(builder, number);
		else
			json_builder_add_double_value(builder, number);
	}
	json_builder_end_object(builder);
}

static void print_json(GPtrArray *found)
{
	g_autoptr(JsonBuilder) builder = json_builder_new();
	g_autoptr(JsonNode) root = NULL;
	g_autofree char *text = NULL;

	json_builder_begin_array(builder);
	for (guint i = 0; i < found->len; i++)
		add_json(builder, found->pdata[i]);
	json_builder_end_array(builder);
	root = json_builder_get_root(builder);
	text = json_to_string(root, TRUE);
	puts(text);
}

static int list(int argc, char **argv)
{
	static const char *const states[] = { "halted", "paused", "running", "suspended",
		"shutdown", "crashed", "all", NULL };
	g_autoptr(GPtrArray) found = NULL;

	if (state_wanted && !g_strv_contains(states, state_wanted))
		return xm_usage("list: no state '%s'; there are halted, paused, running, "
				"suspended, shutdown, crashed, all",
			state_wanted);
	if (state_wanted && argc)
		return xm_usage("list: --state and names of domains exclude each other");
	found = domains(argc, argv, state_wanted ?: "all", !detailed);
	if (!found)
		return xm_call_failed();
	if (json) {
		print_json(found);
		return XM_OK;
	}
	if (!detailed)
		printf("%-40s %5s %5s %5s %10s %9s\n", "Name", "ID", "Mem", "VCPUs", "State",
			"Time(s)");
	for (guint i = 0; i < found->len; i++) {
		g_autofree char *text = detailed ? sxp_print_pretty(found->pdata[i]) : NULL;

		if (text)
			fputs(text, stdout);
		else
			print_row(found->pdata[i]);
	}
	return XM_OK;
}

/* "2 days, 1:02:03" */
static char *duration(gint64 seconds)
{
	gint64 days = seconds / 86400;
	g_autofree char *rest = g_strdup_printf("%d:%02d:%02d", (int)(seconds / 3600 % 24),
		(int)(seconds / 60 % 60), (int)(seconds % 60));

	return days ? g_strdup_printf(
			      "%" G_GINT64_FORMAT " day%s, %s", days, days > 1 ? "s" : "", rest)
		    : g_steal_pointer(&rest);
}

/* Seconds since a domain's start; negative if it does not run. */
static gint64 uptime_of(GVariant *domain)
{
	g_autofree char *id = field_text(domain, "domid", ""), *text = NULL;
	double start = field_number(domain, "start_time", -1);

	if (!*id)
		return -1;
	/* Domain 0 is where we run, and began before any clock was set. */
	if (!strcmp(id, "0") && g_file_get_contents("/proc/uptime", &text, NULL, NULL))
		return g_ascii_strtod(text, NULL);
	return start < 0 ? -1 : MAX(0, (gint64)(g_get_real_time() / 1e6 - start));
}

static int uptime(int argc, char **argv)
{
	g_autoptr(GPtrArray) found = domains(argc, argv, "running", true);
	g_autoptr(GDateTime) now = g_date_time_new_now_local();
	g_autofree char *clock = g_date_time_format(now, "%H:%M:%S");

	if (!found)
		return xm_call_failed();
	if (!one_line)
		printf("%-33s %4s %s\n", "Name", "ID", "Uptime");
	for (guint i = 0; i < found->len; i++) {
		g_autofree char *name = field_text(found->pdata[i], "name", "?");
		g_autofree char *id = field_text(found->pdata[i], "domid", "");
		gint64 seconds = uptime_of(found->pdata[i]);
		g_autofree char *text = seconds < 0 ? g_strdup("") : duration(seconds);

		if (one_line)
			printf(" %s up %s, %s (%s)\n", clock, text, name, id);
		else
			printf("%-33s %4s %s\n", name, id, text);
	}
	return XM_OK;
}

static int print_field(const char *domain, const char *field)
{
	g_autoptr(GVariant) sxp = xm_domain(domain);
	g_autofree char *text = sxp ? sxp_child_text(sxp, field) : NULL;

	if (!sxp)
		return xm_call_failed();
	if (!text)
		return xm_error("domain %s does not run", domain);
	puts(text);
	return XM_OK;
}

static int domid(int argc, char **argv)
{
	return print_field(argv[0], "domid");
}

static int domname(int argc, char **argv)
{
	return print_field(argv[0], "name");
}

static const GOptionEntry list_options[] = { { "long", 'l', 0, G_OPTION_ARG_NONE, &detailed,
						     "All that xend knows, as S-expression", NULL },
	{ "state", 0, 0, G_OPTION_ARG_STRING, &state_wanted,
		"Only domains that are halted, paused, running, suspended, shutdown or crashed, or "
		"all",
		"STATE" },
	{ "json", 0, 0, G_OPTION_ARG_NONE, &json, "The table as JSON", NULL }, { NULL } };
static const GOptionEntry uptime_options[] = { { "short", 's', 0, G_OPTION_ARG_NONE, &one_line,
						       "One line as uptime(1) has it", NULL },
	{ NULL } };

const struct command list_commands[] = {
	{ "list", "[OPTIONS] [DOMAIN ...]", "Lists domains",
		"State has a letter for each of: r it runs on a CPU, b it waits, p it is paused, s "
		"it has shut down,\n"
		"c it has crashed, d it is dying. Mem is in MiB, Time in seconds of all its "
		"virtual CPUs.",
		list_options, 0, -1, list },
	{ "uptime", "[-s] [DOMAIN ...]", "Shows for how long domains have run", NULL,
		uptime_options, 0, -1, uptime },
	{ "domid", "DOMAIN", "Prints the id of a domain", NULL, NULL, 1, 1, domid },
	{ "domname", "DOMAIN", "Prints the name of a domain", NULL, NULL, 1, 1, domname }, { NULL }
};
