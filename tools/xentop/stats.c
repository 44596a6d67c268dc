/* Samples themselves, and what dom0's kernel tells of NICs and disks. */
#include "xentop.h"
#include <stdio.h>
#include <string.h>

struct domain *domain_new(unsigned id)
{
	struct domain *domain = g_new0(struct domain, 1);

	domain->id = id;
	domain->vcpus = g_array_new(FALSE, TRUE, sizeof(struct vcpu));
	domain->nics = g_array_new(FALSE, TRUE, sizeof(struct nic));
	domain->disks = g_array_new(FALSE, TRUE, sizeof(struct disk));
	return domain;
}

static void domain_free(void *data)
{
	struct domain *domain = data;

	g_array_unref(domain->vcpus);
	g_array_unref(domain->nics);
	g_array_unref(domain->disks);
	g_free(domain->name);
	g_free(domain);
}

struct sample *sample_new(void)
{
	struct sample *sample = g_new0(struct sample, 1);

	sample->domains = g_ptr_array_new_with_free_func(domain_free);
	return sample;
}

void sample_free(struct sample *sample)
{
	if (!sample)
		return;
	g_ptr_array_unref(sample->domains);
	g_free(sample);
}

static struct domain *find(GPtrArray *domains, unsigned id)
{
	for (guint i = 0; i < domains->len; i++)
		if (((struct domain *)domains->pdata[i])->id == id)
			return domains->pdata[i];
	return NULL;
}

/* "  vif3.0: rx-bytes packets errs drop fifo frame compressed multicast tx-bytes …": what dom0
 * gets, the guest sent. */
static void read_net_line(const char *line, GPtrArray *domains)
{
	unsigned id, index;
	unsigned long long rx[4], tx[4];
	struct domain *domain;
	struct nic nic;

	if (sscanf(line, " vif%u.%u: %llu %llu %llu %llu %*u %*u %*u %*u %llu %llu %llu %llu", &id,
		    &index, &tx[0], &tx[1], &tx[2], &tx[3], &rx[0], &rx[1], &rx[2], &rx[3]) != 10)
		return;
	domain = find(domains, id);
	if (!domain)
		return;
	nic.index = index;
	for (int i = 0; i < 4; i++) {
		nic.rx[i] = rx[i];
		nic.tx[i] = tx[i];
	}
	g_array_append_val(domain->nics, nic);
}

void read_nics(const char *path, GPtrArray *domains)
{
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return;
	lines = g_strsplit(text, "\n", -1);
	for (int i = 0; lines[i]; i++)
		read_net_line(lines[i], domains);
}

static uint64_t read_count(const char *path, const char *device, const char *name)
{
	g_autofree char *file = g_build_filename(path, device, "statistics", name, NULL),
			*text = NULL;

	return g_file_get_contents(file, &text, NULL, NULL) ? g_ascii_strtoull(text, NULL, 10) : 0;
}

/* A device's directory is "vbd-DOMAIN-NUMBER"; qemu's disks have none. */
static void read_disk(const char *path, const char *device, GPtrArray *domains)
{
	struct disk disk = { 0 };
	struct domain *domain;
	unsigned id;

	if (sscanf(device, "vbd-%u-%u", &id, &disk.number) == 2)
		disk.driver = "BlkBack";
	else if (sscanf(device, "tap-%u-%u", &id, &disk.number) == 2)
		disk.driver = "BlkTap";
	else
		return;
	domain = find(domains, id);
	if (!domain)
		return;
	disk.oo = read_count(path, device, "oo_req");
	disk.rd = read_count(path, device, "rd_req");
	disk.wr = read_count(path, device, "wr_req");
	disk.rd_sectors = read_count(path, device, "rd_sect");
	disk.wr_sectors = read_count(path, device, "wr_sect");
	g_array_append_val(domain->disks, disk);
}

static gint by_number(const void *a, const void *b)
{
	const struct disk *x = a, *y = b;

	return x->number < y->number ? -1 : x->number > y->number;
}

void read_disks(const char *path, GPtrArray *domains)
{
	GDir *directory = g_dir_open(path, 0, NULL);
	const char *device;

	if (!directory)
		return;
	while ((device = g_dir_read_name(directory)))
		read_disk(path, device, domains);
	g_dir_close(directory);
	for (guint i = 0; i < domains->len; i++)
		g_array_sort(((struct domain *)domains->pdata[i])->disks, by_number);
}

void count_percent(struct sample *sample, const struct sample *last)
{
	gint64 passed = last ? sample->time - last->time : 0;

	for (guint i = 0; i < sample->domains->len && passed > 0; i++) {
		struct domain *now = sample->domains->pdata[i],
			      *before = find(last->domains, now->id);

		/* An id may belong to another domain by now. */
		if (before && now->cpu_ns >= before->cpu_ns && !strcmp(now->name, before->name))
			now->percent = (now->cpu_ns - before->cpu_ns) / 10.0 / passed;
	}
}
