/* Virtual CPUs: list them, bind them, plug them. */
#include "xm.h"
#include <stdio.h>
#include <string.h>

/* Number of the host's CPUs; 0 when unknown. */
static int host_cpus(void)
{
	g_autoptr(GVariant) node = xm_try("xend.node.info", NULL, NULL);

	return node ? field_number(node, "nr_cpus", 0) : 0;
}

/* "(cpumap (0 1 2 5))" as "0-2,5". */
static char *affinity(GVariant *vcpu, int cpus)
{
	g_autoptr(GVariant) map = sxp_child_value(vcpu, "cpumap");
	gsize count = map ? sxp_length(map) : 0;
	GString *text = g_string_new(NULL);
	long first = -1, last = -1;

	if (cpus && count >= cpus)
		g_string_assign(text, "any cpu");
	for (gsize i = 0; i <= count && !(cpus && count >= cpus); i++) {
		g_autofree char *number = i < count ? sxp_nth_text(map, i) : NULL;
		long cpu = number ? g_ascii_strtoll(number, NULL, 10) : -2;

		if (cpu != last + 1 && first >= 0) {
			g_string_append_printf(text, "%s%ld", text->len ? "," : "", first);
			if (last > first)
				g_string_append_printf(text, "-%ld", last);
		}
		if (cpu != last + 1 || first < 0)
			first = cpu;
		last = cpu;
	}
	return g_string_free(text, FALSE);
}

static void print_vcpu(const char *name, const char *id, GVariant *vcpu, int cpus)
{
	bool online = field_number(vcpu, "online", 0);
	g_autofree char *cpu = online ? field_text(vcpu, "cpu", "-") : g_strdup("-"),
			*map = affinity(vcpu, cpus);
	char state[4] = "--p";

	if (online) {
		state[0] = field_number(vcpu, "running", 0) ? 'r' : '-';
		state[1] = field_number(vcpu, "blocked", 0) ? 'b' : '-';
		state[2] = '-';
	}
	printf("%-32s %5s %5.0f %5s %5s %9.1f %s\n", name, id, field_number(vcpu, "number", 0), cpu,
		state, field_number(vcpu, "cpu_time", 0), map);
}

static int list_one(const char *domain, int cpus)
{
	g_autoptr(GVariant) info = xm_call("xend.domain.getVCPUInfo", g_variant_new("(s)", domain));
	g_autofree char *name = NULL, *id = NULL;
	GVariant *vcpu;
	gsize from = 0;

	if (!info)
		return xm_call_failed();
	name = field_text(info, "name", domain);
	id = field_text(info, "domid", "");
	while ((vcpu = sxp_next_child(info, "vcpu", &from))) {
		print_vcpu(name, id, vcpu, cpus);
		g_variant_unref(vcpu);
	}
	return XM_OK;
}

static int vcpu_list(int argc, char **argv)
{
	g_autoptr(GVariant) all = NULL;
	int code = XM_OK, cpus;

	if (!argc) {
		all = xm_call("xend.domains_with_state", g_variant_new("(bs)", FALSE, "running"));
		if (!all)
			return xm_call_failed();
	}
	cpus = host_cpus();
	printf("%-32s %5s %5s %5s %5s %9s %s\n", "Name", "ID", "VCPU", "CPU", "State", "Time(s)",
		"CPU Affinity");
	for (int i = 0; i < argc; i++)
		code = list_one(argv[i], cpus) ?: code;
	for (gsize i = 0; all && i < sxp_length(all); i++) {
		g_autofree char *name = sxp_nth_text(all, i);

		code = list_one(name, cpus) ?: code;
	}
	return code;
}

/* Refuses early what no xend could mean by a list of CPUs. */
static bool check_cpus(const char *text)
{
	const char *allowed = "0123456789,-^ ";

	if (!strcmp(text, "all") || !strcmp(text, "any") || (*text && !text[strspn(text, allowed)]))
		return true;
	xm_usage("'%s' is no list of CPUs such as 0-3,^1 or all", text);
	return false;
}

static int vcpu_pin(int argc, char **argv)
{
	gint64 vcpu;

	if (strcmp(argv[1], "all") && !parse_number(argv[1], "virtual CPU", 0, 4095, &vcpu))
		return XM_USAGE;
	if (!check_cpus(argv[2]))
		return XM_USAGE;
	return xm_do("xend.domain.pincpu", g_variant_new("(sss)", argv[0], argv[1], argv[2]));
}

static int vcpu_set(int argc, char **argv)
{
	gint64 count;

	if (!parse_number(argv[1], "number of virtual CPUs", 1, 4096, &count))
		return XM_USAGE;
	return xm_do("xend.domain.setVCpuCount", g_variant_new("(si)", argv[0], (gint32)count));
}

const struct command cpu_commands[] = {
	{ "vcpu-list", "[DOMAIN ...]", "Lists virtual CPUs and where they may run",
		"State: r it runs, b it waits, --p it is offline.", NULL, 0, -1, vcpu_list },
	{ "vcpu-pin", "DOMAIN VCPU|all CPUS|all", "Says on which CPUs a virtual CPU may run",
		"CPUS is a list such as 0-3,5 or 0-3,^1 (without 1).", NULL, 3, 3, vcpu_pin },
	{ "vcpu-set", "DOMAIN COUNT", "Sets how many virtual CPUs are online", NULL, NULL, 2, 2,
		vcpu_set },
	{ NULL }
};
