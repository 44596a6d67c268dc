/* The lines of xm info. */
#include <string.h>
#include <sys/utsname.h>

#include "error.h"
#include "host.h"
#include "sxp.h"

/* The same keys in the same order as xm of Xen 4.0 shows them. */

static void add_system(GVariantBuilder *builder)
{
	struct utsname name;

	uname(&name);
	sxp_add_pair(builder, "system", name.sysname);
	sxp_add_pair(builder, "host", name.nodename);
	sxp_add_pair(builder, "release", name.release);
	sxp_add_pair(builder, "version", name.version);
	sxp_add_pair(builder, "machine", name.machine);
}

static void add_cpus(GVariantBuilder *builder, const struct xen_sysctl_physinfo *info)
{
	GString *caps = g_string_new(NULL), *virt = g_string_new(NULL);

	for (unsigned int i = 0; i < G_N_ELEMENTS(info->hw_cap); i++)
		g_string_append_printf(caps, "%s%08x", i ? ":" : "", info->hw_cap[i]);
	if (info->capabilities & XEN_SYSCTL_PHYSCAP_hvm)
		g_string_append(virt, "hvm");
	if (info->capabilities & XEN_SYSCTL_PHYSCAP_directio)
		g_string_append(virt, virt->len ? " hvm_directio" : "hvm_directio");
	sxp_add_int(builder, "nr_cpus", info->nr_cpus);
	sxp_add_int(builder, "nr_nodes", info->nr_nodes);
	sxp_add_int(builder, "cores_per_socket", info->cores_per_socket);
	sxp_add_int(builder, "threads_per_core", info->threads_per_core);
	sxp_add_int(builder, "cpu_mhz", info->cpu_khz / 1000);
	sxp_add_pair(builder, "hw_caps", caps->str);
	sxp_add_pair(builder, "virt_caps", virt->str);
	g_string_free(caps, TRUE);
	g_string_free(virt, TRUE);
}

/* "node0:0-3,8" for the CPUs of each node. */
static void add_node_cpus(GVariantBuilder *builder, unsigned int nr_nodes)
{
	struct xen_sysctl_cputopo cpus[1024];
	GString *text = g_string_new(NULL);
	unsigned int nr = G_N_ELEMENTS(cpus);

	if (xc_cputopoinfo(xc, cpus, &nr))
		nr = 0;
	nr = MIN(nr, G_N_ELEMENTS(cpus));
	for (unsigned int node = 0; nr && node < nr_nodes; node++) {
		const char *separator = "";

		g_string_append_printf(text, "%snode%u:", node ? " " : "", node);
		for (unsigned int i = 0; i < nr; i++) {
			unsigned int last = i;

			if (cpus[i].node != node)
				continue;
			while (last + 1 < nr && cpus[last + 1].node == node)
				last++;
			g_string_append_printf(text, "%s%u", separator, i);
			if (last > i)
				g_string_append_printf(text, "-%u", last);
			separator = ",";
			i = last;
		}
	}
	sxp_add_pair(builder, "node_to_cpu", text->str);
	g_string_free(text, TRUE);
}

static void add_node_memory(GVariantBuilder *builder, unsigned int nr_nodes)
{
	struct xen_sysctl_meminfo nodes[64];
	unsigned int nr = G_N_ELEMENTS(nodes);
	GString *text = g_string_new(NULL), *dma = g_string_new(NULL);

	if (xc_numainfo(xc, nodes, NULL, &nr))
		nr = 0;
	for (unsigned int node = 0; node < MIN(nr, G_N_ELEMENTS(nodes)) && node < nr_nodes;
		node++) {
		uint64_t low = 0;

		xc_availheap(xc, 0, 32, node, &low);
		g_string_append_printf(text, "%snode%u:%" G_GUINT64_FORMAT, node ? " " : "", node,
			nodes[node].memfree >> 20);
		g_string_append_printf(
			dma, "%snode%u:%" G_GUINT64_FORMAT, node ? " " : "", node, low >> 20);
	}
	sxp_add_pair(builder, "node_to_memory", text->str);
	sxp_add_pair(builder, "node_to_dma32_mem", dma->str);
	g_string_free(text, TRUE);
	g_string_free(dma, TRUE);
}

const char *host_scheduler(void)
{
	static const char *const names[] = {
		[XEN_SCHEDULER_BVT] = "bvt",
		[XEN_SCHEDULER_RROBIN] = "rrobin",
		[XEN_SCHEDULER_SEDF] = "sedf",
		[XEN_SCHEDULER_CREDIT] = "credit",
		[XEN_SCHEDULER_CREDIT2] = "credit2",
		[XEN_SCHEDULER_ARINC653] = "arinc653",
		[XEN_SCHEDULER_RTDS] = "rtds",
		[XEN_SCHEDULER_NULL] = "null",
	};
	unsigned int id;

	return !xc_sched_id(xc, &id) && id < G_N_ELEMENTS(names) && names[id] ? names[id]
									      : "unknown";
}

/* A text from the hypervisor about itself. */
static void add_text(GVariantBuilder *builder, const char *name, unsigned int command, size_t size)
{
	g_autofree char *text = g_malloc0(size + 1);

	if (xc_version(xc, command, text, size) < 0)
		*text = 0;
	sxp_add_pair(builder, name, g_strstrip(text));
}

static void add_compiler(GVariantBuilder *builder)
{
	struct xen_compile_info info = { 0 };

	xc_version(xc, XENVER_compile_info, &info, sizeof(info));
	sxp_add_pair(builder, "cc_compiler", info.compiler);
	sxp_add_pair(builder, "cc_compile_by", info.compile_by);
	sxp_add_pair(builder, "cc_compile_domain", info.compile_domain);
	sxp_add_pair(builder, "cc_compile_date", info.compile_date);
}

static void add_versions(GVariantBuilder *builder)
{
	int version = xc_version(xc, XENVER_version, NULL, 0);
	int page = xc_version(xc, XENVER_pagesize, NULL, 0);
	struct xen_platform_parameters parameters = { 0 };
	g_autofree char *start = NULL;

	xc_version(xc, XENVER_platform_parameters, &parameters, sizeof(parameters));
	start = g_strdup_printf("virt_start=0x%lx", (unsigned long)parameters.virt_start);
	sxp_add_int(builder, "xen_major", version >> 16);
	sxp_add_int(builder, "xen_minor", version & 0xffff);
	add_text(builder, "xen_extra", XENVER_extraversion, sizeof(xen_extraversion_t));
	add_text(builder, "xen_caps", XENVER_capabilities, sizeof(xen_capabilities_info_t));
	sxp_add_pair(builder, "xen_scheduler", host_scheduler());
	sxp_add_int(builder, "xen_pagesize", page > 0 ? page : (int)XC_PAGE_SIZE);
	sxp_add_pair(builder, "platform_params", start);
	add_text(builder, "xen_changeset", XENVER_changeset, sizeof(xen_changeset_info_t));
	add_text(builder, "xen_commandline", XENVER_commandline, sizeof(xen_commandline_t));
	add_compiler(builder);
}

GVariant *host_info(GError **error)
{
	struct xen_sysctl_physinfo info;
	GVariantBuilder builder;

	if (xc_physinfo(xc, &info))
		return fail_errno(error, "the hypervisor does not describe the host"), NULL;
	g_variant_builder_init(&builder, G_VARIANT_TYPE("av"));
	sxp_add(&builder, sxp_atom("node"));
	add_system(&builder);
	add_cpus(&builder, &info);
	sxp_add_int(&builder, "total_memory", info.total_pages / MIB_PAGES);
	sxp_add_int(&builder, "free_memory", info.free_pages / MIB_PAGES);
	add_node_cpus(&builder, info.max_node_id + 1);
	add_node_memory(&builder, info.max_node_id + 1);
	sxp_add_int(&builder, "max_node_id", info.max_node_id);
	add_versions(&builder);
	sxp_add_int(&builder, "xend_config_format", 4);
	return g_variant_builder_end(&builder);
}
