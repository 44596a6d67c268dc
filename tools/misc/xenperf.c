/* Shows the event counters of a hypervisor that was built with them (perf=y). */
#include <errno.h>
#include <glib.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "xenctrl.h"

/* The values of one counter: of each processor, or of an array. Only their sum, unless @full. */
static void print(
	const xen_sysctl_perfc_desc_t *counter, const xen_sysctl_perfc_val_t *values, bool full)
{
	uint64_t total = 0;

	for (unsigned i = 0; i < counter->nr_vals; i++)
		total += values[i];
	printf("%-35.*s T=%10" PRIu64, (int)sizeof(counter->name), counter->name, total);
	for (unsigned i = 0; full && i < counter->nr_vals; i++) {
		if (i % 6 == 0)
			printf("\n ");
		printf(" [%02u]%9u", i, values[i]);
	}
	putchar('\n');
}

static int show(xc_interface *xc, bool full)
{
	g_autofree xen_sysctl_perfc_desc_t *counters = NULL;
	g_autofree xen_sysctl_perfc_val_t *values = NULL;
	unsigned nr_counters, nr_values, next = 0;

	if (xc_perfc_size(xc, &nr_counters, &nr_values))
		return -1;
	counters = g_new0(xen_sysctl_perfc_desc_t, nr_counters);
	values = g_new0(xen_sysctl_perfc_val_t, nr_values);
	if (xc_perfc_query(xc, counters, nr_counters, values, nr_values))
		return -1;
	for (unsigned i = 0; i < nr_counters; i++) {
		if (counters[i].nr_vals > nr_values - next) {
			errno = EPROTO;
			return -1;
		}
		print(&counters[i], values + next, full);
		next += counters[i].nr_vals;
	}
	return 0;
}

int main(int argc, char **argv)
{
	gboolean full = FALSE, reset = FALSE;
	const GOptionEntry entries[] = {
		{ "full", 'f', 0, G_OPTION_ARG_NONE, &full, "Show each value of a counter", NULL },
		{ "reset", 'r', 0, G_OPTION_ARG_NONE, &reset, "Set all counters to 0", NULL },
		{ NULL },
	};
	g_autoptr(GOptionContext) context = g_option_context_new("- the hypervisor's counters");
	g_autoptr(GError) error = NULL;
	xc_interface *xc;
	int ret;

	g_option_context_add_main_entries(context, entries, NULL);
	if (!g_option_context_parse(context, &argc, &argv, &error) || argc > 1) {
		fprintf(stderr, "xenperf: %s\n", error ? error->message : "takes no arguments");
		return 2;
	}
	xc = xc_open();
	if (!xc) {
		fprintf(stderr, "xenperf: the hypervisor's interface: %s\n", strerror(errno));
		return 1;
	}
	ret = reset ? xc_perfc_reset(xc) : show(xc, full);
	if (ret)
		fprintf(stderr, "xenperf: %s\n",
			errno == ENOSYS || errno == EOPNOTSUPP
				? "the hypervisor was built without counters (perf=y)"
				: strerror(errno));
	xc_close(xc);
	return ret ? 1 : 0;
}
