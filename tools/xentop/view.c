/* The lines that xentop shows. Column names and widths are those that scripts know. */
#include "view.h"

#include <string.h>
#include <time.h>

#define NAME_WIDTH 10

static uint64_t sum(const GArray *array, size_t size, size_t offset)
{
	uint64_t total = 0;

	for (unsigned i = 0; i < array->len; i++)
		total += *(const uint64_t *)(array->data + i * size + offset);
	return total;
}

#define SUM_NETWORKS(d, member)                                                                    \
	sum((d)->networks, sizeof(struct network), offsetof(struct network, member))
#define SUM_DISKS(d, member) sum((d)->disks, sizeof(struct disk), offsetof(struct disk, member))

/* ---- Columns: the value to sort by; the text, if it is not just that number ---- */

static double name_value(const struct domain *d, const struct sample *s)
{
	return d->id;
}

static double state_value(const struct domain *d, const struct sample *s)
{
	return d->flags & 0xff;
}

static double seconds_value(const struct domain *d, const struct sample *s)
{
	return d->cpu_ns / 1000000000;
}

static double percent_value(const struct domain *d, const struct sample *s)
{
	return d->cpu_percent;
}

static double memory_value(const struct domain *d, const struct sample *s)
{
	return d->memory_kb;
}

static double memory_percent_value(const struct domain *d, const struct sample *s)
{
	return d->memory_kb * 100.0 / (s->machine.total_pages * 4.0);
}

static double max_value(const struct domain *d, const struct sample *s)
{
	return d->max_memory_kb;
}

static double max_percent_value(const struct domain *d, const struct sample *s)
{
	return d->max_memory_kb * 100.0 / (s->machine.total_pages * 4.0);
}

static double vcpus_value(const struct domain *d, const struct sample *s)
{
	return d->vcpus;
}

static double nets_value(const struct domain *d, const struct sample *s)
{
	return d->networks->len;
}

static double tx_value(const struct domain *d, const struct sample *s)
{
	return SUM_NETWORKS(d, tx_bytes) / 1024;
}

static double rx_value(const struct domain *d, const struct sample *s)
{
	return SUM_NETWORKS(d, rx_bytes) / 1024;
}

static double disks_value(const struct domain *d, const struct sample *s)
{
	return d->disks->len;
}

static double waits_value(const struct domain *d, const struct sample *s)
{
	return SUM_DISKS(d, waits);
}

static double reads_value(const struct domain *d, const struct sample *s)
{
	return SUM_DISKS(d, reads);
}

static double writes_value(const struct domain *d, const struct sample *s)
{
	return SUM_DISKS(d, writes);
}

static double read_sectors_value(const struct domain *d, const struct sample *s)
{
	return SUM_DISKS(d, read_sectors);
}

static double written_sectors_value(const struct domain *d, const struct sample *s)
{
	return SUM_DISKS(d, written_sectors);
}

static double ssid_value(const struct domain *d, const struct sample *s)
{
	return d->ssid;
}

static char *state_text(const struct domain *d)
{
	unsigned reason = d->flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask;
	bool down = d->flags & XEN_DOMINF_shutdown, crashed = down && reason == SHUTDOWN_crash;

	return g_strdup_printf("%c%c%c%c%c%c", d->flags & XEN_DOMINF_dying ? 'd' : '-',
		down && !crashed ? 's' : '-', d->flags & XEN_DOMINF_blocked ? 'b' : '-',
		crashed ? 'c' : '-', d->flags & XEN_DOMINF_paused ? 'p' : '-',
		d->flags & XEN_DOMINF_running ? 'r' : '-');
}

static char *max_text(const struct domain *d)
{
	return d->max_memory_kb == UINT64_MAX ? g_strdup("no limit") : NULL;
}

static char *max_percent_text(const struct domain *d)
{
	return d->max_memory_kb == UINT64_MAX ? g_strdup("n/a") : NULL;
}

static const struct column {
	const char *name;
	int width, decimals;
	double (*value)(const struct domain *d, const struct sample *s);
	char *(*text)(const struct domain *d); /* may return NULL: the number after all */
} columns[] = {
	{ "NAME", NAME_WIDTH, 0, name_value, NULL },
	{ "STATE", 6, 0, state_value, state_text },
	{ "CPU(sec)", 10, 0, seconds_value, NULL },
	{ "CPU(%)", 6, 1, percent_value, NULL },
	{ "MEM(k)", 10, 0, memory_value, NULL },
	{ "MEM(%)", 6, 1, memory_percent_value, NULL },
	{ "MAXMEM(k)", 10, 0, max_value, max_text },
	{ "MAXMEM(%)", 9, 1, max_percent_value, max_percent_text },
	{ "VCPUS", 5, 0, vcpus_value, NULL },
	{ "NETS", 4, 0, nets_value, NULL },
	{ "NETTX(k)", 8, 0, tx_value, NULL },
	{ "NETRX(k)", 8, 0, rx_value, NULL },
	{ "VBDS", 4, 0, disks_value, NULL },
	{ "VBD_OO", 8, 0, waits_value, NULL },
	{ "VBD_RD", 8, 0, reads_value, NULL },
	{ "VBD_WR", 8, 0, writes_value, NULL },
	{ "VBD_RSECT", 10, 0, read_sectors_value, NULL },
	{ "VBD_WSECT", 10, 0, written_sectors_value, NULL },
	{ "SSID", 4, 0, ssid_value, NULL },
};

unsigned view_columns(void)
{
	return G_N_ELEMENTS(columns);
}

int view_find_column(const char *name)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(columns); i++)
		if (!g_ascii_strcasecmp(columns[i].name, name))
			return i;
	return -1;
}

/* ---- Lines ---- */

char *view_header(void)
{
	GString *line = g_string_new(NULL);

	for (unsigned i = 0; i < G_N_ELEMENTS(columns); i++)
		g_string_append_printf(
			line, "%s%*s", i ? " " : "", columns[i].width, columns[i].name);
	return g_string_free(line, FALSE);
}

static char *domain_line(
	const struct view *view, const struct sample *sample, const struct domain *d)
{
	GString *line = g_string_new(NULL);
	int name_width = view->full_names ? -1 : NAME_WIDTH;

	/* Names are the administrator's, but a control character moves the cursor all the same. */
	g_string_append_printf(line, "%*.*s", NAME_WIDTH, name_width, d->name);
	for (char *p = line->str; *p; p++)
		if (g_ascii_iscntrl(*p))
			*p = '?';
	for (unsigned i = 1; i < G_N_ELEMENTS(columns); i++) {
		const struct column *column = &columns[i];
		g_autofree char *text = column->text ? column->text(d) : NULL;

		if (text)
			g_string_append_printf(line, " %*s", column->width, text);
		else
			g_string_append_printf(line, " %*.*f", column->width, column->decimals,
				column->value(d, sample));
	}
	return g_string_free(line, FALSE);
}

static void add_vcpus(const struct domain *d, GPtrArray *lines)
{
	GString *line = g_string_new("VCPUs(sec):");

	for (unsigned i = 0; i < d->vcpu_ns->len; i++)
		g_string_append_printf(line, " %4u: %8" G_GUINT64_FORMAT "s", i,
			g_array_index(d->vcpu_ns, uint64_t, i) / 1000000000);
	g_ptr_array_add(lines, g_string_free(line, FALSE));
}

static void add_networks(const struct domain *d, GPtrArray *lines)
{
	for (unsigned i = 0; i < d->networks->len; i++) {
		const struct network *n = &g_array_index(d->networks, struct network, i);

		g_ptr_array_add(lines,
			g_strdup_printf("Net%-2u RX: %8" G_GUINT64_FORMAT
					"bytes %8" G_GUINT64_FORMAT "pkts %8" G_GUINT64_FORMAT
					"err %8" G_GUINT64_FORMAT "drop  TX: %8" G_GUINT64_FORMAT
					"bytes %8" G_GUINT64_FORMAT "pkts %8" G_GUINT64_FORMAT
					"err %8" G_GUINT64_FORMAT "drop",
				n->id, n->rx_bytes, n->rx_packets, n->rx_errors, n->rx_dropped,
				n->tx_bytes, n->tx_packets, n->tx_errors, n->tx_dropped));
	}
}

/* The device number is major << 8 | minor for the names of old, as of hda. */
static void add_disks(const struct domain *d, GPtrArray *lines)
{
	for (unsigned i = 0; i < d->disks->len; i++) {
		const struct disk *k = &g_array_index(d->disks, struct disk, i);

		g_ptr_array_add(lines,
			g_strdup_printf("VBD BlkBack %4u [%2x:%2x]  OO: %8" G_GUINT64_FORMAT
					"   RD: %8" G_GUINT64_FORMAT "   WR: %8" G_GUINT64_FORMAT
					"  RSECT: %10" G_GUINT64_FORMAT
					"  WSECT: %10" G_GUINT64_FORMAT,
				k->id, k->id >> 8 & 0xff, k->id & 0xff, k->waits, k->reads,
				k->writes, k->read_sectors, k->written_sectors));
	}
}

/* ---- Order ---- */

struct order {
	const struct view *view;
	const struct sample *sample;
};

/* Names and ids upward, numbers downward; what is equal, by id. */
static gint compare(gconstpointer a, gconstpointer b, gpointer data)
{
	const struct domain *x = *(struct domain *const *)a, *y = *(struct domain *const *)b;
	const struct order *order = data;
	const struct column *column = &columns[order->view->sort];
	double first = column->value(x, order->sample), second = column->value(y, order->sample);

	if (order->view->sort && first != second)
		return first < second ? 1 : -1;
	return x->id < y->id ? -1 : x->id > y->id;
}

void view_domains(const struct view *view, const struct sample *sample, GPtrArray *lines)
{
	struct order order = { .view = view, .sample = sample };

	g_ptr_array_sort_with_data(sample->domains, compare, &order);
	for (unsigned i = 0; i < sample->domains->len; i++) {
		const struct domain *d = g_ptr_array_index(sample->domains, i);

		if (i && view->repeat_header)
			g_ptr_array_add(lines, view_header());
		g_ptr_array_add(lines, domain_line(view, sample, d));
		if (view->vcpus)
			add_vcpus(d, lines);
		if (view->networks)
			add_networks(d, lines);
		if (view->disks)
			add_disks(d, lines);
	}
}

/* ---- Summary ---- */

void view_summary(const struct view *view, const struct sample *sample, GPtrArray *lines)
{
	unsigned running = 0, blocked = 0, paused = 0, crashed = 0, dying = 0, down = 0;
	uint64_t total = sample->machine.total_pages * 4, free = sample->machine.free_pages * 4;
	time_t now = time(NULL);
	char clock[16];
	struct tm tm;

	for (unsigned i = 0; i < sample->domains->len; i++) {
		g_autofree char *state = state_text(g_ptr_array_index(sample->domains, i));

		dying += state[0] != '-';
		down += state[1] != '-';
		blocked += state[2] != '-';
		crashed += state[3] != '-';
		paused += state[4] != '-';
		running += state[5] != '-';
	}
	strftime(clock, sizeof(clock), "%H:%M:%S", localtime_r(&now, &tm));
	g_ptr_array_add(lines, g_strdup_printf("xentop - %s   Xen %s", clock, view->version));
	g_ptr_array_add(lines,
		g_strdup_printf("%u domains: %u running, %u blocked, %u paused, %u crashed, %u "
				"dying, %u shutdown",
			sample->domains->len, running, blocked, paused, crashed, dying, down));
	g_ptr_array_add(
		lines, g_strdup_printf("Mem: %" G_GUINT64_FORMAT "k total, %" G_GUINT64_FORMAT
				       "k used, %" G_GUINT64_FORMAT "k free    CPUs: %u @ %uMHz",
			       total, total - free, free, sample->machine.nr_cpus,
			       sample->machine.cpu_khz / 1000));
}
