/* Samples as text. Every column is one row of one table: its head, its value and its order. */
#include "xentop.h"
#include <stdio.h>
#include <string.h>

#define NAME_WIDTH 10

static uint64_t sum_nics(const struct domain *domain, bool tx)
{
	uint64_t sum = 0;

	for (guint i = 0; i < domain->nics->len; i++) {
		const struct nic *nic = &g_array_index(domain->nics, struct nic, i);

		sum += tx ? nic->tx[0] : nic->rx[0];
	}
	return sum;
}

static uint64_t sum_disks(const struct domain *domain, size_t offset)
{
	uint64_t sum = 0;

	for (guint i = 0; i < domain->disks->len; i++)
		sum += *(const uint64_t *)((const char *)&g_array_index(
						   domain->disks, struct disk, i) +
					   offset);
	return sum;
}

static double share(const struct sample *sample, uint64_t kb)
{
	return sample->total_kb ? 100.0 * kb / sample->total_kb : 0;
}

/* Numbers by which columns are shown and sorted. */
static double cpu_sec(const struct sample *s, const struct domain *d)
{
	return d->cpu_ns / 1000000000;
}
static double cpu_percent(const struct sample *s, const struct domain *d)
{
	return d->percent;
}
static double mem(const struct sample *s, const struct domain *d)
{
	return d->mem_kb;
}
static double mem_percent(const struct sample *s, const struct domain *d)
{
	return share(s, d->mem_kb);
}
static double max_mem(const struct sample *s, const struct domain *d)
{
	return d->max_kb;
}
static double max_percent(const struct sample *s, const struct domain *d)
{
	return share(s, d->max_kb);
}
static double vcpus(const struct sample *s, const struct domain *d)
{
	return d->vcpus_online;
}
static double nets(const struct sample *s, const struct domain *d)
{
	return d->nics->len;
}
static double net_tx(const struct sample *s, const struct domain *d)
{
	return sum_nics(d, true) / 1024;
}
static double net_rx(const struct sample *s, const struct domain *d)
{
	return sum_nics(d, false) / 1024;
}
static double disks(const struct sample *s, const struct domain *d)
{
	return d->disks->len;
}
static double ssid(const struct sample *s, const struct domain *d)
{
	return d->ssid;
}
#define DISK_SUM(name, member)                                                                     \
	static double name(const struct sample *s, const struct domain *d)                         \
	{                                                                                          \
		return sum_disks(d, offsetof(struct disk, member));                                \
	}
DISK_SUM(disk_oo, oo)
DISK_SUM(disk_rd, rd)
DISK_SUM(disk_wr, wr)
DISK_SUM(disk_rd_sectors, rd_sectors)
DISK_SUM(disk_wr_sectors, wr_sectors)

static const struct column {
	const char *name;
	int width, digits; /* digits behind the point */
	bool limit;        /* may be without limit */
	double (*value)(const struct sample *sample, const struct domain *domain); /* NULL: text */
} columns[] = {
	{ "NAME", NAME_WIDTH, 0, false, NULL },
	{ "STATE", 6, 0, false, NULL },
	{ "CPU(sec)", 10, 0, false, cpu_sec },
	{ "CPU(%)", 6, 1, false, cpu_percent },
	{ "MEM(k)", 10, 0, false, mem },
	{ "MEM(%)", 6, 1, false, mem_percent },
	{ "MAXMEM(k)", 10, 0, true, max_mem },
	{ "MAXMEM(%)", 9, 1, true, max_percent },
	{ "VCPUS", 5, 0, false, vcpus },
	{ "NETS", 4, 0, false, nets },
	{ "NETTX(k)", 8, 0, false, net_tx },
	{ "NETRX(k)", 8, 0, false, net_rx },
	{ "VBDS", 4, 0, false, disks },
	{ "VBD_OO", 8, 0, false, disk_oo },
	{ "VBD_RD", 8, 0, false, disk_rd },
	{ "VBD_WR", 8, 0, false, disk_wr },
	{ "VBD_RSECT", 10, 0, false, disk_rd_sectors },
	{ "VBD_WSECT", 10, 0, false, disk_wr_sectors },
	{ "SSID", 4, 0, false, ssid },
};

unsigned table_columns(void)
{
	return G_N_ELEMENTS(columns);
}

const char *table_column_name(unsigned column)
{
	return columns[column].name;
}

struct order {
	const struct sample *sample;
	const struct column *column;
};

/* Largest first; texts by alphabet; what is equal by id. */
static gint compare(const void *a, const void *b, void *data)
{
	const struct domain *x = *(struct domain *const *)a, *y = *(struct domain *const *)b;
	const struct order *order = data;
	double difference = 0;

	if (order->column->value)
		difference = order->column->value(order->sample, y) -
			     order->column->value(order->sample, x);
	else
		difference = order->column == columns ? strcmp(x->name, y->name)
						      : strcmp(y->state, x->state);
	return difference < 0 ? -1 : difference > 0 ? 1 : (x->id > y->id) - (x->id < y->id);
}

void table_sort(struct sample *sample, const struct options *options)
{
	struct order order = { sample, &columns[options->sort] };

	g_ptr_array_sort_with_data(sample->domains, compare, &order);
}

char *table_header(void)
{
	GString *text = g_string_new(NULL);

	for (size_t i = 0; i < G_N_ELEMENTS(columns); i++)
		g_string_append_printf(
			text, "%s%*s", i ? " " : "", columns[i].width, columns[i].name);
	return g_string_free(text, FALSE);
}

static void add_text(GString *line, const struct domain *domain, size_t column, bool full_name)
{
	const char *text = column ? domain->state : domain->name;
	glong length = g_utf8_strlen(text, -1);
	g_autofree char *part = NULL;

	if (!column && !full_name && length > NAME_WIDTH)
		text = part = g_utf8_substring(text, 0, length = NAME_WIDTH);
	g_string_append_printf(
		line, "%*s%s", (int)MAX(0, columns[column].width - length), "", text);
}

static char *domain_line(const struct sample *sample, const struct domain *domain, bool full_name)
{
	GString *line = g_string_new(NULL);

	for (size_t i = 0; i < G_N_ELEMENTS(columns); i++) {
		const struct column *c = &columns[i];

		if (i)
			g_string_append_c(line, ' ');
		if (!c->value)
			add_text(line, domain, i, full_name);
		else if (c->limit && domain->max_kb == UINT64_MAX)
			g_string_append_printf(
				line, "%*s", c->width, c->digits ? "n/a" : "no limit");
		else
			g_string_append_printf(
				line, "%*.*f", c->width, c->digits, c->value(sample, domain));
	}
	return g_string_free(line, FALSE);
}

static void vcpu_lines(const struct domain *domain, line_fn *line, void *data)
{
	g_autoptr(GString) text = g_string_new("VCPUs(sec):");
	unsigned shown = 0;

	for (guint i = 0; i < domain->vcpus->len; i++) {
		const struct vcpu *vcpu = &g_array_index(domain->vcpus, struct vcpu, i);

		if (!vcpu->online)
			continue;
		if (shown && shown % 5 == 0) {
			line(data, text->str, 0);
			g_string_assign(text, "           ");
		}
		g_string_append_printf(
			text, " %3u: %10" G_GUINT64_FORMAT "s", i, vcpu->ns / 1000000000);
		shown++;
	}
	line(data, text->str, 0);
}

static void nic_line(const struct nic *nic, line_fn *line, void *data)
{
	g_autofree char *text =
		g_strdup_printf("Net%u RX: %8" G_GUINT64_FORMAT "bytes %8" G_GUINT64_FORMAT
				"pkts %8" G_GUINT64_FORMAT "err %8" G_GUINT64_FORMAT
				"drop  TX: %8" G_GUINT64_FORMAT "bytes %8" G_GUINT64_FORMAT
				"pkts %8" G_GUINT64_FORMAT "err %8" G_GUINT64_FORMAT "drop",
			nic->index, nic->rx[0], nic->rx[1], nic->rx[2], nic->rx[3], nic->tx[0],
			nic->tx[1], nic->tx[2], nic->tx[3]);

	line(data, text, 0);
}

static void disk_line(const struct disk *disk, line_fn *line, void *data)
{
	g_autofree char *text = g_strdup_printf(
		"VBD %-7s %6u [%2x:%2x]  OO: %8" G_GUINT64_FORMAT "   RD: %8" G_GUINT64_FORMAT
		"   WR: %8" G_GUINT64_FORMAT "  RSECT: %10" G_GUINT64_FORMAT
		"  WSECT: %10" G_GUINT64_FORMAT,
		disk->driver, disk->number, (disk->number >> 8) & 0xfff, disk->number & 0xff,
		disk->oo, disk->rd, disk->wr, disk->rd_sectors, disk->wr_sectors);

	line(data, text, 0);
}

void table_domain(const struct sample *sample, unsigned index, const struct options *options,
	line_fn *line, void *data)
{
	const struct domain *domain = sample->domains->pdata[index];
	g_autofree char *text = domain_line(sample, domain, options->full_name), *header = NULL;

	if (options->repeat_header && index)
		line(data, header = table_header(), 1);
	line(data, text, 2);
	if (options->vcpus)
		vcpu_lines(domain, line, data);
	for (guint i = 0; i < domain->nics->len && options->nets; i++)
		nic_line(&g_array_index(domain->nics, struct nic, i), line, data);
	for (guint i = 0; i < domain->disks->len && options->disks; i++)
		disk_line(&g_array_index(domain->disks, struct disk, i), line, data);
}

static unsigned count_state(const struct sample *sample, unsigned place)
{
	unsigned count = 0;

	for (guint i = 0; i < sample->domains->len; i++)
		count += ((struct domain *)sample->domains->pdata[i])->state[place] != '-';
	return count;
}

void table_summary(const struct sample *sample, line_fn *line, void *data)
{
	g_autoptr(GDateTime) now = g_date_time_new_now_local();
	g_autofree char *clock = g_date_time_format(now, "%H:%M:%S");
	g_autofree char *title = g_strdup_printf("xentop - %s   Xen %s", clock, sample->version);
	g_autofree char *states = g_strdup_printf(
		"%u domains: %u running, %u blocked, %u paused, %u crashed, %u dying, %u shutdown",
		sample->domains->len, count_state(sample, 5), count_state(sample, 2),
		count_state(sample, 4), count_state(sample, 3), count_state(sample, 0),
		count_state(sample, 1));
	g_autofree char *memory =
		g_strdup_printf("Mem: %" G_GUINT64_FORMAT "k total, %" G_GUINT64_FORMAT
				"k used, %" G_GUINT64_FORMAT "k free    CPUs: %u @ %uMHz",
			sample->total_kb, sample->total_kb - sample->free_kb, sample->free_kb,
			sample->cpus, sample->khz / 1000);

	line(data, title, 0);
	line(data, states, 0);
	line(data, memory, 0);
}
