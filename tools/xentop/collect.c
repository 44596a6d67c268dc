/* Takes samples: from the hypervisor, and names from the store. */
#include "xentop.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xenstore.h>
#include "xenctrl.h"

#define BATCH     64
#define MAX_VCPUS 512

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
	int reason = xc_shutdown_reason(info->flags);
	bool crashed = reason == SHUTDOWN_crash;

	domain->state[0] = info->flags & XEN_DOMINF_dying ? 'd' : '-';
	domain->state[1] = reason >= 0 && !crashed ? 's' : '-';
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
	domain->max_kb =
		info->max_pages >= UINT32_MAX ? UINT64_MAX : info->max_pages << (XC_PAGE_SHIFT - 10);
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
	snprintf(sample->version, sizeof(sample->version), "%d.%d%s", version >> 16,
		version & 0xffff, extra);
	sample->total_kb = info.total_pages << (XC_PAGE_SHIFT - 10);
	sample->free_kb = info.free_pages << (XC_PAGE_SHIFT - 10);
	sample->cpus = info.nr_cpus;
	sample->khz = info.cpu_khz;
	return true;
}

struct sample *collect(const struct sample *last, bool vcpus, char **message)
{
	struct sample *sample = sample_new();

	if (!read_machine(sample) || !read_domains(sample, vcpus)) {
		*message = g_strdup_printf("cannot ask the hypervisor: %s", g_strerror(errno));
		sample_free(sample);
		return NULL;
	}
	sample->time = g_get_monotonic_time();
	read_nics("/proc/net/dev", sample->domains);
	read_disks("/sys/bus/xen-backend/devices", sample->domains);
	count_percent(sample, last);
	return sample;
}
