/* How much memory domains have, where, and of which type; their page tables. */
#include <errno.h>
#include <string.h>

#include "private.h"

static long memory_op(xc_interface *xc, unsigned cmd, void *arg, size_t size)
{
	return xc_hypercall_arg(xc, __HYPERVISOR_memory_op, cmd, arg, size);
}

static int reservation(xc_interface *xc, unsigned cmd, uint32_t domid, unsigned nr, unsigned order,
	unsigned mem_flags, const xen_pfn_t *in, xen_pfn_t *out)
{
	struct xen_memory_reservation arg = {
		.nr_extents = nr,
		.extent_order = order,
		.mem_flags = mem_flags,
		.domid = domid,
	};
	xen_pfn_t *buffer = xc_buffer(xc, in, nr * sizeof(*in));

	if (!buffer)
		return -1;
	set_xen_guest_handle(arg.extent_start, buffer);
	return xc_buffer_out(
		xc, buffer, out, nr * sizeof(*out), memory_op(xc, cmd, &arg, sizeof(arg)));
}

int xc_domain_populate(xc_interface *xc, uint32_t domid, unsigned nr, unsigned order,
	unsigned mem_flags, xen_pfn_t *frames)
{
	return reservation(
		xc, XENMEM_populate_physmap, domid, nr, order, mem_flags, frames, frames);
}

int xc_domain_decrease(
	xc_interface *xc, uint32_t domid, unsigned nr, unsigned order, const xen_pfn_t *frames)
{
	return reservation(xc, XENMEM_decrease_reservation, domid, nr, order, 0, frames, NULL);
}

int xc_domain_claim_pages(xc_interface *xc, uint32_t domid, uint64_t pages)
{
	struct xen_memory_reservation arg = { .nr_extents = pages, .domid = domid };

	return memory_op(xc, XENMEM_claim_pages, &arg, sizeof(arg));
}

int xc_domain_set_memory_map(
	xc_interface *xc, uint32_t domid, const struct xc_e820entry *map, unsigned nr)
{
	struct xen_foreign_memory_map arg = { .domid = domid, .map = { .nr_entries = nr } };
	void *buffer = xc_buffer(xc, map, nr * sizeof(*map));

	if (!buffer)
		return -1;
	set_xen_guest_handle(arg.map.buffer, buffer);
	return xc_buffer_out(
		xc, buffer, NULL, 0, memory_op(xc, XENMEM_set_memory_map, &arg, sizeof(arg)));
}

int xc_get_machine_memory_map(xc_interface *xc, struct xc_e820entry *map, unsigned max)
{
	struct xen_memory_map arg = { .nr_entries = max };
	void *buffer = xc_buffer(xc, NULL, max * sizeof(*map));
	int ret;

	if (!buffer)
		return -1;
	set_xen_guest_handle(arg.buffer, buffer);
	ret = memory_op(xc, XENMEM_machine_memory_map, &arg, sizeof(arg)) ? -1
									  : (int)arg.nr_entries;
	return xc_buffer_out(xc, buffer, map, max * sizeof(*map), ret);
}

static long query_domain(xc_interface *xc, unsigned cmd, uint32_t domid)
{
	domid_t arg = domid;

	return memory_op(xc, cmd, &arg, sizeof(arg));
}

long xc_domain_maximum_gpfn(xc_interface *xc, uint32_t domid)
{
	return query_domain(xc, XENMEM_maximum_gpfn, domid);
}

long xc_domain_current_reservation(xc_interface *xc, uint32_t domid)
{
	return query_domain(xc, XENMEM_current_reservation, domid);
}

long xc_maximum_ram_page(xc_interface *xc)
{
	return xencall2L(xc->call, __HYPERVISOR_memory_op, XENMEM_maximum_ram_page, 0);
}

long xc_sharing_freed_pages(xc_interface *xc)
{
	return xencall2L(xc->call, __HYPERVISOR_memory_op, XENMEM_get_sharing_freed_pages, 0);
}

long xc_sharing_used_pages(xc_interface *xc)
{
	return xencall2L(xc->call, __HYPERVISOR_memory_op, XENMEM_get_sharing_shared_pages, 0);
}

static int pod_target(xc_interface *xc, unsigned cmd, uint32_t domid, uint64_t target,
	struct xen_pod_target *result)
{
	struct xen_pod_target arg = { .target_pages = target, .domid = domid };

	if (memory_op(xc, cmd, &arg, sizeof(arg)))
		return -1;
	if (result)
		*result = arg;
	return 0;
}

int xc_domain_set_pod_target(
	xc_interface *xc, uint32_t domid, uint64_t target, struct xen_pod_target *result)
{
	return pod_target(xc, XENMEM_set_pod_target, domid, target, result);
}

int xc_domain_get_pod_target(xc_interface *xc, uint32_t domid, struct xen_pod_target *result)
{
	return pod_target(xc, XENMEM_get_pod_target, domid, 0, result);
}

int xc_domain_add_to_physmap(
	xc_interface *xc, uint32_t domid, unsigned space, uint64_t idx, xen_pfn_t gpfn)
{
	struct xen_add_to_physmap arg = {
		.domid = domid,
		.space = space,
		.idx = idx,
		.gpfn = gpfn,
	};

	return memory_op(xc, XENMEM_add_to_physmap, &arg, sizeof(arg));
}

int xc_get_pfn_types(xc_interface *xc, uint32_t domid, unsigned nr, xen_pfn_t *frames)
{
	struct xen_domctl op = XC_DOMCTL(getpageframeinfo3, domid);
	xen_pfn_t *buffer = xc_buffer(xc, frames, nr * sizeof(*frames));

	if (!buffer)
		return -1;
	op.u.getpageframeinfo3.num = nr;
	set_xen_guest_handle(op.u.getpageframeinfo3.array, buffer);
	return xc_buffer_out(xc, buffer, frames, nr * sizeof(*frames), xc_domctl(xc, &op));
}

int xc_machphys_frames(xc_interface *xc, xen_pfn_t *frames, unsigned max)
{
	struct xen_machphys_mfn_list arg = { .max_extents = max };
	xen_pfn_t *buffer = xc_buffer(xc, NULL, max * sizeof(*frames));
	int ret;

	if (!buffer)
		return -1;
	set_xen_guest_handle(arg.extent_start, buffer);
	ret = memory_op(xc, XENMEM_machphys_mfn_list, &arg, sizeof(arg)) ? -1 : (int)arg.nr_extents;
	return xc_buffer_out(xc, buffer, frames, max * sizeof(*frames), ret);
}

int xc_mmuext_op(xc_interface *xc, uint32_t domid, const struct mmuext_op *ops, unsigned nr)
{
	struct mmuext_op *buffer = xc_buffer(xc, ops, nr * sizeof(*ops));

	if (!buffer)
		return -1;
	return xc_buffer_out(xc, buffer, NULL, 0,
		xencall4(xc->call, __HYPERVISOR_mmuext_op, (uintptr_t)buffer, nr, 0, domid));
}

int xc_pin_table(xc_interface *xc, uint32_t domid, unsigned level, xen_pfn_t mfn)
{
	struct mmuext_op op = { .cmd = MMUEXT_PIN_L1_TABLE + level - 1, .arg1.mfn = mfn };

	if (level < 1 || level > 4) {
		errno = EINVAL;
		return -1;
	}
	return xc_mmuext_op(xc, domid, &op, 1);
}

int xc_unpin_table(xc_interface *xc, uint32_t domid, xen_pfn_t mfn)
{
	struct mmuext_op op = { .cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = mfn };

	return xc_mmuext_op(xc, domid, &op, 1);
}

int xc_mmu_update(xc_interface *xc, uint32_t domid, const struct mmu_update *updates, unsigned nr)
{
	struct mmu_update *buffer = xc_buffer(xc, updates, nr * sizeof(*updates));

	if (!buffer)
		return -1;
	return xc_buffer_out(xc, buffer, NULL, 0,
		xencall4(xc->call, __HYPERVISOR_mmu_update, (uintptr_t)buffer, nr, 0, domid));
}
