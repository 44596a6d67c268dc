/* Collects what the hypervisor knows of domains and what the backends' drivers count. */
#include "sample.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH             128
#define VCPU_LIMIT        1024
#define UNLIMITED_KB      (UINT64_C(1) << 50)
#define SYS_NETWORKS      "/sys/class/net"
#define SYS_BACKENDS      "/sys/bus/xen-backend/devices"
#define KB_PER_PAGE_SHIFT 2

static void domain_free(gpointer data)
{
	struct domain *domain = data;

	g_free(domain->name);
	g_array_free(domain->networks, TRUE);
	g_array_free(domain->disks, TRUE);
	g_array_free(domain->vcpu_ns, TRUE);
	g_free(domain);
}

void sample_free(struct sample *sample)
{
	if (!sample)
		return;
	g_ptr_array_free(sample->domains, TRUE);
	g_free(sample);
}

static struct domain *find_domain(const struct sample *sample, uint32_t id)
{
	for (unsigned i = 0; sample && i < sample->domains->len; i++) {
		struct domain *domain = g_ptr_array_index(sample->domains, i);

		if (domain->id == id)
			return domain;
	}
	return NULL;
}

static char *domain_name(struct xs_handle *xs, uint32_t id)
{
	g_autofree char *path = g_strdup_printf("/local/domain/%u/name", id);
	char *found = xs ? xs_read(xs, XBT_NULL, path, NULL) : NULL;
	char *name = found ? g_strdup(found) : g_strdup_printf(id ? "%u" : "Domain-%u", id);

	free(found);
	return name;
}

static uint64_t read_counter(const char *folder, const char *device, const char *name)
{
	g_autofree char *path = g_build_filename(folder, device, "statistics", name, NULL);
	g_autofree char *text = NULL;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return 0;
	return g_ascii_strtoull(text, NULL, 10);
}

/* vifDOMID.N: what the backend receives, its guest has sent. */
static void add_network(struct sample *sample, const char *name)
{
	struct network net = { 0 };
	struct domain *domain;
	unsigned domid;
	char end;

	if (sscanf(name, "vif%u.%u%c", &domid, &net.id, &end) != 2)
		return;
	domain = find_domain(sample, domid);
	if (!domain)
		return;
	net.tx_bytes = read_counter(SYS_NETWORKS, name, "rx_bytes");
	net.tx_packets = read_counter(SYS_NETWORKS, name, "rx_packets");
	net.tx_errors = read_counter(SYS_NETWORKS, name, "rx_errors");
	net.tx_dropped = read_counter(SYS_NETWORKS, name, "rx_dropped");
	net.rx_bytes = read_counter(SYS_NETWORKS, name, "tx_bytes");
	net.rx_packets = read_counter(SYS_NETWORKS, name, "tx_packets");
	net.rx_errors = read_counter(SYS_NETWORKS, name, "tx_errors");
	net.rx_dropped = read_counter(SYS_NETWORKS, name, "tx_dropped");
	g_array_append_val(domain->networks, net);
}

/* vbd-DOMID-N of the kernel's block backend. */
static void add_disk(struct sample *sample, const char *name)
{
	struct disk disk = { 0 };
	struct domain *domain;
	unsigned domid;
	char end;

	if (sscanf(name, "vbd-%u-%u%c", &domid, &disk.id, &end) != 2)
		return;
	domain = find_domain(sample, domid);
	if (!domain)
		return;
	disk.waits = read_counter(SYS_BACKENDS, name, "oo_req");
	disk.reads = read_counter(SYS_BACKENDS, name, "rd_req");
	disk.writes = read_counter(SYS_BACKENDS, name, "wr_req");
	disk.read_sectors = read_counter(SYS_BACKENDS, name, "rd_sect");
	disk.written_sectors = read_counter(SYS_BACKENDS, name, "wr_sect");
	g_array_append_val(domain->disks, disk);
}

static void each_file(struct sample *sample, const char *folder,
	void (*take)(struct sample *sample, const char *name))
{
	GDir *dir = g_dir_open(folder, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir)))
		take(sample, name);
	if (dir)
		g_dir_close(dir);
}

static void add_vcpus(xc_interface *xc, struct domain *domain, unsigned max_id)
{
	struct xen_domctl_getvcpuinfo info;

	for (unsigned i = 0; i <= MIN(max_id, VCPU_LIMIT); i++)
		if (!xc_vcpu_getinfo(xc, domain->id, i, &info) && info.online)
			g_array_append_val(domain->vcpu_ns, info.cpu_time);
}

static void add_domain(xc_interface *xc, struct xs_handle *xs, struct sample *sample,
	const struct sample *before, const struct xen_domctl_getdomaininfo *info)
{
	struct domain *domain = g_new0(struct domain, 1);
	const struct domain *old = find_domain(before, info->domain);
	uint64_t max_kb = info->max_pages << KB_PER_PAGE_SHIFT;

	domain->id = info->domain;
	domain->name = domain_name(xs, domain->id);
	domain->flags = info->flags;
	domain->cpu_ns = info->cpu_time;
	domain->memory_kb = info->tot_pages << KB_PER_PAGE_SHIFT;
	domain->max_memory_kb = info->max_pages > UNLIMITED_KB || (uint32_t)info->max_pages == ~0U
					? UINT64_MAX
					: max_kb;
	domain->vcpus = info->nr_online_vcpus;
	domain->ssid = info->ssidref;
	domain->networks = g_array_new(FALSE, FALSE, sizeof(struct network));
	domain->disks = g_array_new(FALSE, FALSE, sizeof(struct disk));
	domain->vcpu_ns = g_array_new(FALSE, FALSE, sizeof(uint64_t));
	if (old && sample->time > before->time && info->cpu_time >= old->cpu_ns)
		domain->cpu_percent =
			(info->cpu_time - old->cpu_ns) / 10.0 / (sample->time - before->time);
	add_vcpus(xc, domain, info->max_vcpu_id);
	g_ptr_array_add(sample->domains, domain);
}

struct sample *sample_take(xc_interface *xc, struct xs_handle *xs, const struct sample *before)
{
	static struct xen_domctl_getdomaininfo info[BATCH];
	struct sample *sample = g_new0(struct sample, 1);
	uint32_t first = 0;
	int n;

	sample->domains = g_ptr_array_new_with_free_func(domain_free);
	sample->time = g_get_monotonic_time();
	if (xc_physinfo(xc, &sample->machine))
		goto fail;
	do {
		n = xc_domain_getinfolist(xc, first, BATCH, info);
		if (n < 0)
			goto fail;
		for (int i = 0; i < n; i++) {
			add_domain(xc, xs, sample, before, &info[i]);
			first = info[i].domain + 1;
		}
	} while (n == BATCH);
	each_file(sample, SYS_NETWORKS, add_network);
	each_file(sample, SYS_BACKENDS, add_disk);
	return sample;

fail:
	sample_free(sample);
	return NULL;
}
