/* How much memory domains have, where, and of which type; their page tables. */
#include <errno.h>
#include <string.h>

#include "private.h"

static long memory_op(xc_interface *xc, unsigned cmd, void *arg, size_t size)
{
	return xc_hypercall_arg(xc, __HYPERVISOR_memory_op, cmd, arg, size);
}

/* @result: where the frames that the hypervisor names go, or NULL. */
static int reservation(xc_interface *xc, unsigned cmd, struct xen_memory_reservation arg,
	const xen_pfn_t *frames, xen_pfn_t *result)
{
	size_t size = arg.nr_extents * sizeof(*frames);
	xen_pfn_t *buffer = xc_buffer(xc, frames, size);

	if (!buffer)
		return -1;
	set_xen_guest_handle(arg.extent_start, buffer);
	return xc_buffer_out(
		xc, buffer, result, result ? size : 0, memory_op(xc, cmd, &arg, sizeof(arg)));
}

int xc_domain_populate(xc_interface *xc, uint32_t domid, unsigned nr, unsigned order,
	unsigned mem_flags, xen_pfn_t *frames)
{
	struct xen_memory_reservation arg = {
		.nr_extents = nr,
		.extent_order = order,
		.mem_flags = mem_flags,
		.domid = domid,
	};

	return reservation(xc, XENMEM_populate_physmap, arg, frames, frames);
}

int xc_domain_release(xc_interface *xc, uint32_t domid, unsigned nr, const xen_pfn_t *frames)
{
	struct xen_memory_reservation arg = { .nr_extents = nr, .domid = domid };

	return reservation(xc, XENMEM_decrease_reservation, arg, frames, NULL);
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

long xc_maximum_ram_page(xc_interface *xc)
{
	return xencall2L(xc->call, __HYPERVISOR_memory_op, XENMEM_maximum_ram_page, 0);
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
