/* The machine as a whole: processors, memory, messages, counters, version. */
#include <string.h>

#include "private.h"

int xc_physinfo(xc_interface *xc, struct xen_sysctl_physinfo *info)
{
	struct xen_sysctl op = XC_SYSCTL(physinfo);

	if (xc_sysctl(xc, &op))
		return -1;
	*info = op.u.physinfo;
	return 0;
}

int xc_cputopoinfo(xc_interface *xc, struct xen_sysctl_cputopo *topology, unsigned *nr)
{
	struct xen_sysctl op = XC_SYSCTL(cputopoinfo);
	size_t bytes = topology ? *nr * sizeof(*topology) : 0;
	xen_sysctl_cputopo_t *buffer = topology ? xc_buffer(xc, NULL, bytes) : NULL;
	int ret;

	if (topology && !buffer)
		return -1;
	op.u.cputopoinfo.num_cpus = topology ? *nr : 0;
	set_xen_guest_handle(op.u.cputopoinfo.cputopo, buffer);
	ret = xc_sysctl(xc, &op);
	if (!ret)
		*nr = op.u.cputopoinfo.num_cpus;
	return xc_buffer_out(xc, buffer, topology, bytes, ret);
}

int xc_numainfo(
	xc_interface *xc, struct xen_sysctl_meminfo *nodes, uint32_t *distance, unsigned *nr)
{
	struct xen_sysctl op = XC_SYSCTL(numainfo);
	size_t nodes_bytes = nodes ? *nr * sizeof(*nodes) : 0;
	size_t distance_bytes = distance ? (size_t)*nr * *nr * sizeof(*distance) : 0;
	xen_sysctl_meminfo_t *nodes_buffer = nodes ? xc_buffer(xc, NULL, nodes_bytes) : NULL;
	uint32_t *distance_buffer = distance ? xc_buffer(xc, NULL, distance_bytes) : NULL;
	int ret = -1;

	if ((!nodes || nodes_buffer) && (!distance || distance_buffer)) {
		op.u.numainfo.num_nodes = nodes || distance ? *nr : 0;
		set_xen_guest_handle(op.u.numainfo.meminfo, nodes_buffer);
		set_xen_guest_handle(op.u.numainfo.distance, distance_buffer);
		ret = xc_sysctl(xc, &op);
	}
	if (!ret)
		*nr = op.u.numainfo.num_nodes;
	xc_buffer_out(xc, nodes_buffer, nodes, nodes_bytes, ret);
	return xc_buffer_out(xc, distance_buffer, distance, distance_bytes, ret);
}

int xc_availheap(
	xc_interface *xc, unsigned min_width, unsigned max_width, int node, uint64_t *bytes)
{
	struct xen_sysctl op = XC_SYSCTL(availheap);

	op.u.availheap.min_bitwidth = min_width;
	op.u.availheap.max_bitwidth = max_width;
	op.u.availheap.node = node;
	if (xc_sysctl(xc, &op))
		return -1;
	*bytes = op.u.availheap.avail_bytes;
	return 0;
}

int xc_readconsole(
	xc_interface *xc, char *dst, unsigned *count, bool clear, bool incremental, uint32_t *index)
{
	struct xen_sysctl op = XC_SYSCTL(readconsole);
	char *buffer = xc_buffer(xc, NULL, *count);
	int ret;

	if (!buffer)
		return -1;
	op.u.readconsole.clear = clear;
	op.u.readconsole.incremental = incremental;
	op.u.readconsole.index = index ? *index : 0;
	op.u.readconsole.count = *count;
	set_xen_guest_handle(op.u.readconsole.buffer, buffer);
	ret = xc_sysctl(xc, &op);
	if (!ret) {
		*count = op.u.readconsole.count;
		if (index)
			*index = op.u.readconsole.index;
	}
	return xc_buffer_out(xc, buffer, dst, *count, ret);
}

int xc_debug_keys(xc_interface *xc, const char *keys)
{
	struct xen_sysctl op = XC_SYSCTL(debug_keys);
	char *buffer = xc_buffer(xc, keys, strlen(keys));

	if (!buffer)
		return -1;
	set_xen_guest_handle(op.u.debug_keys.keys, buffer);
	op.u.debug_keys.nr_keys = strlen(keys);
	return xc_buffer_out(xc, buffer, NULL, 0, xc_sysctl(xc, &op));
}

int xc_perfc_reset(xc_interface *xc)
{
	struct xen_sysctl op = XC_SYSCTL(perfc_op);

	op.u.perfc_op.cmd = XEN_SYSCTL_PERFCOP_reset;
	return xc_sysctl(xc, &op);
}

int xc_perfc_size(xc_interface *xc, unsigned *counters, unsigned *values)
{
	struct xen_sysctl op = XC_SYSCTL(perfc_op);

	op.u.perfc_op.cmd = XEN_SYSCTL_PERFCOP_query;
	if (xc_sysctl(xc, &op))
		return -1;
	*counters = op.u.perfc_op.nr_counters;
	*values = op.u.perfc_op.nr_vals;
	return 0;
}

int xc_perfc_query(xc_interface *xc, xen_sysctl_perfc_desc_t *counters, unsigned nr_counters,
	xen_sysctl_perfc_val_t *values, unsigned nr_values)
{
	struct xen_sysctl op = XC_SYSCTL(perfc_op);
	size_t desc_bytes = nr_counters * sizeof(*counters),
	       val_bytes = nr_values * sizeof(*values);
	xen_sysctl_perfc_desc_t *desc = xc_buffer(xc, NULL, desc_bytes);
	xen_sysctl_perfc_val_t *val = xc_buffer(xc, NULL, val_bytes);
	int ret = -1;

	if (desc && val) {
		op.u.perfc_op.cmd = XEN_SYSCTL_PERFCOP_query;
		set_xen_guest_handle(op.u.perfc_op.desc, desc);
		set_xen_guest_handle(op.u.perfc_op.val, val);
		ret = xc_sysctl(xc, &op);
	}
	xc_buffer_out(xc, desc, counters, desc_bytes, ret);
	return xc_buffer_out(xc, val, values, val_bytes, ret);
}

/* Commands whose structure is a string. */
static bool is_string(unsigned cmd)
{
	return cmd == XENVER_extraversion || cmd == XENVER_capabilities ||
	       cmd == XENVER_changeset || cmd == XENVER_commandline;
}

int xc_version(xc_interface *xc, unsigned cmd, void *arg, size_t size)
{
	/* What the hypervisor writes is of fixed size, whatever the caller has room for. */
	size_t room = size > sizeof(xen_commandline_t) ? size : sizeof(xen_commandline_t);
	char *buffer;
	int ret;

	if (!arg)
		return xencall2(xc->call, __HYPERVISOR_xen_version, cmd, 0);
	buffer = xc_buffer(xc, NULL, room);
	if (!buffer)
		return -1;
	memcpy(buffer, arg, size);
	ret = xencall2(xc->call, __HYPERVISOR_xen_version, cmd, (uintptr_t)buffer);
	if (size && is_string(cmd))
		buffer[size - 1] = '\0';
	return xc_buffer_out(xc, buffer, arg, size, ret);
}
