/* Takes samples: from the hypervisor, from the store (names), and from dom0's kernel (NICs and disks). */
#include "xentop.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xenstore.h>
#include "xenctrl.h"

#define BATCH      64
#define MAX_VCPUS  512
#define XEN_DEVICES "/sys/bus/xen-backend/devices"

static xc_interface *xc;
static struct xs_handle *store;

bool collect_open(void)
{
	xc = xc_open();
	if (!xc) {
		fprintf(stderr, "xentop: cannot talk to the hypervisor: %s\n", g_strerror(errno));
		return false;
	}
	/* Without it domains have no names; the rest works. */
	store = xs_open(0);
	return true;
}

void collect_close(void)
{
	xc_close(xc);
	if (store)
		xs_close(store);
}

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

void sample_free(struct sample *sample)
{
	if (!sample)
		return;
	g_ptr_array_unref(sample->domains);
	g_free(sample);
}

static char *read_name(unsigned id)
{
	g_autofree char *path = g_strdup_printf("/local/domain/%u/name", id);
	unsigned length;
	char *value = store ? xs_read(store, XBT_NULL, path, &length) : NULL, *name;

	if (!value)
		return id ? g_strdup_printf("id-%u", id) : g_strdup("Domain-0");
	/* The name is in a place that only dom0 may write, but the terminal deserves care. */
	name = g_utf8_make_valid(value, length);
	free(value);
	for (char *c = name; *c; c++)
		if (g_ascii_iscntrl(*c))
			*c = '?';
	return name;
}

static void read_state(struct domain *domain, const struct xen_domctl_getdomaininfo *info)
{
	unsigned reason = (info->flags >> XEN_DOMINF_shutdownshift) & XEN_DOMINF_shutdownmask;
	bool shut = info->flags & XEN_DOMINF_shutdown, crashed = shut && reason == SHUTDOWN_crash;

	domain->state[0] = info->flags & XEN_DOMINF_dying ? 'd' : '-';
	domain->state[1] = shut && !crashed ? 's' : '-';
	domain->state[2] = info->flags & XEN_DOMINF_blocked ? 'b' : '-';
	domain->state[3] = crashed ? 'c' : '-';
	domain->state[4] = info->flags & XEN_DOMINF_paused ? 'p' : '-';
	domain->state[5] = info->flags & XEN_DOMINF_running ? 'r' : '-';
}

static void read_vcpus(struct domain *domain, unsigned max)
{
	for (unsigned i = 0; i <= max && i < MAX_VCPUS; i++) {
		struct xen_domctl_getvcpuinfo info;
		struct vcpu vcpu = { 0 };

		if (!xc_vcpu_getinfo(xc, domain->id, i, &info)) {
			vcpu.online = info.online;
			vcpu.ns = info.cpu_time;
		}
		g_array_append_val(domain->vcpus, vcpu);
	}
}

static struct domain *read_domain(const struct xen_domctl_getdomaininfo *info, bool vcpus)
{
	struct domain *domain = domain_new(info->domain);

	domain->name = read_name(info->domain);
	read_state(domain, info);
	domain->cpu_ns = info->cpu_time;
	domain->mem_kb = info->tot_pages << (XC_PAGE_SHIFT - 10);
	/* "No limit" is a number of pages that no machine has. */
	domain->max_kb = info->max_pages >> 40 ? UINT64_MAX : info->max_pages << (XC_PAGE_SHIFT - 10);
	domain->vcpus_online = info->nr_online_vcpus;
	domain->ssid = info->ssidref;
	if (vcpus && info->max_vcpu_id != XEN_INVALID_MAX_VCPU_ID)
		read_vcpus(domain, info->max_vcpu_id);
	return domain;
}

static bool read_domains(struct sample *sample, bool vcpus)
{
	struct xen_domctl_getdomaininfo info[BATCH];
	unsigned first = 0;
	int count;

	do {
		count = xc_domain_getinfolist(xc, first, BATCH, info);
		for (int i = 0; i < count; i++) {
			g_ptr_array_add(sample->domains, read_domain(&info[i], vcpus));
			first = info[i].domain + 1;
		}
	} while (count == BATCH);
	return count >= 0;
}

static bool read_machine(struct sample *sample)
{
	struct xen_sysctl_physinfo info;
	char extra[XEN_EXTRAVERSION_LEN] = "";
	int version = xc_version(xc, XENVER_version, NULL, 0);

	if (xc_physinfo(xc, &info) || version < 0)
		return false;
	xc_version(xc, XENVER_extraversion, extra, sizeof(extra));
	snprintf(sample->version, sizeof(sample->version), "%d.%d%s", version >> 16, version & 0xffff, extra);
	sample->total_kb = info.total_pages << (XC_PAGE_SHIFT - 10);
	sample->free_kb = info.free_pages << (XC_PAGE_SHIFT - 10);
	sample->cpus = info.nr_cpus;
	sample->khz = info.cpu_khz;
	return true;
}

static struct domain *find(GPtrArray *domains, unsigned id)
{
	for (guint i = 0; i < domains->len; i++)
		if (((struct domain *)domains->pdata[i])->id == id)
			return domains->pdata[i];
	return NULL;
}

/* "  vif3.0: rx-bytes packets errs drop fifo frame compressed multicast tx-bytes …": what dom0 gets, the guest sent. */
void read_net_line(const char *line, GPtrArray *domains)
{
	unsigned id, index;
	unsigned long long rx[4], tx[4];
	struct domain *domain;
	struct nic nic;

	if (sscanf(line, " vif%u.%u: %llu %llu %llu %llu %*u %*u %*u %*u %llu %llu %llu %llu", &id, &index, &tx[0],
		    &tx[1], &tx[2], &tx[3], &rx[0], &rx[1], &rx[2], &rx[3]) != 10)
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

static void read_nics(GPtrArray *domains)
{
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;

	if (!g_file_get_contents("/proc/net/dev", &text, NULL, NULL))
		return;
	lines = g_strsplit(text, "\n", -1);
	for (int i = 0; lines[i]; i++)
		read_net_line(lines[i], domains);
}

static uint64_t read_count(const char *path, const char *device, const char *name)
{
	g_autofree char *file = g_build_filename(path, device, "statistics", name, NULL), *text = NULL;

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
		struct domain *now = sample->domains->pdata[i], *before = find(last->domains, now->id);

		/* An id may belong to another domain by now. */
		if (before && now->cpu_ns >= before->cpu_ns && !strcmp(now->name, before->name))
			now->percent = (now->cpu_ns - before->cpu_ns) / 10.0 / passed;
	}
}

struct sample *collect(const struct sample *last, bool vcpus, char **message)
{
	struct sample *sample = g_new0(struct sample, 1);

	sample->domains = g_ptr_array_new_with_free_func(domain_free);
	if (!read_machine(sample) || !read_domains(sample, vcpus)) {
		*message = g_strdup_printf("cannot ask the hypervisor: %s", g_strerror(errno));
		sample_free(sample);
		return NULL;
	}
	sample->time = g_get_monotonic_time();
	read_nics(sample->domains);
	read_disks(XEN_DEVICES, sample->domains);
	count_percent(sample, last);
	return sample;
}
