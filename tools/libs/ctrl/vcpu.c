/* Registers and places of vCPUs. */
#include <string.h>

#include "private.h"

int xc_vcpu_getinfo(
	xc_interface *xc, uint32_t domid, unsigned vcpu, struct xen_domctl_getvcpuinfo *info)
{
	struct xen_domctl op = XC_DOMCTL(getvcpuinfo, domid);

	op.u.getvcpuinfo.vcpu = vcpu;
	if (xc_domctl(xc, &op))
		return -1;
	*info = op.u.getvcpuinfo;
	return 0;
}

static int context(xc_interface *xc, struct xen_domctl *op, unsigned vcpu,
	const struct vcpu_guest_context *in, struct vcpu_guest_context *out)
{
	vcpu_guest_context_t *buffer = xc_buffer(xc, in, sizeof(*buffer));

	if (!buffer)
		return -1;
	op->u.vcpucontext.vcpu = vcpu;
	set_xen_guest_handle(op->u.vcpucontext.ctxt, buffer);
	return xc_buffer_out(xc, buffer, out, sizeof(*out), xc_domctl(xc, op));
}

int xc_vcpu_setcontext(
	xc_interface *xc, uint32_t domid, unsigned vcpu, const struct vcpu_guest_context *registers)
{
	struct xen_domctl op = XC_DOMCTL(setvcpucontext, domid);

	return context(xc, &op, vcpu, registers, NULL);
}

int xc_vcpu_getcontext(
	xc_interface *xc, uint32_t domid, unsigned vcpu, struct vcpu_guest_context *registers)
{
	struct xen_domctl op = XC_DOMCTL(getvcpucontext, domid);

	return context(xc, &op, vcpu, NULL, registers);
}

int xc_vcpu_set_ext_context(
	xc_interface *xc, uint32_t domid, const struct xen_domctl_ext_vcpucontext *registers)
{
	struct xen_domctl op = XC_DOMCTL(set_ext_vcpucontext, domid);

	op.u.ext_vcpucontext = *registers;
	return xc_domctl(xc, &op);
}

int xc_vcpu_get_ext_context(xc_interface *xc, uint32_t domid, unsigned vcpu,
	struct xen_domctl_ext_vcpucontext *registers)
{
	struct xen_domctl op = XC_DOMCTL(get_ext_vcpucontext, domid);

	op.u.ext_vcpucontext.vcpu = vcpu;
	if (xc_domctl(xc, &op))
		return -1;
	*registers = op.u.ext_vcpucontext;
	return 0;
}

int xc_vcpu_get_xstate(
	xc_interface *xc, uint32_t domid, unsigned vcpu, uint64_t *mask, void *out, uint64_t *size)
{
	struct xen_domctl op = XC_DOMCTL(getvcpuextstate, domid);
	size_t room = *size;
	uint64_t *buffer = out ? xc_buffer(xc, NULL, room) : NULL;
	int ret;

	if (out && !buffer)
		return -1;
	op.u.vcpuextstate.vcpu = vcpu;
	op.u.vcpuextstate.xfeature_mask = *mask;
	op.u.vcpuextstate.size = out ? room : 0;
	set_xen_guest_handle(op.u.vcpuextstate.buffer, buffer);
	ret = xc_domctl(xc, &op);
	if (!ret) {
		*mask = op.u.vcpuextstate.xfeature_mask;
		*size = op.u.vcpuextstate.size;
	}
	return xc_buffer_out(xc, buffer, out, room, ret);
}

int xc_vcpu_set_xstate(xc_interface *xc, uint32_t domid, unsigned vcpu, uint64_t mask,
	const void *in, uint64_t size)
{
	struct xen_domctl op = XC_DOMCTL(setvcpuextstate, domid);
	uint64_t *buffer = xc_buffer(xc, in, size);

	if (!buffer)
		return -1;
	op.u.vcpuextstate.vcpu = vcpu;
	op.u.vcpuextstate.xfeature_mask = mask;
	op.u.vcpuextstate.size = size;
	set_xen_guest_handle(op.u.vcpuextstate.buffer, buffer);
	return xc_buffer_out(xc, buffer, NULL, 0, xc_domctl(xc, &op));
}

int xc_vcpu_get_msrs(xc_interface *xc, uint32_t domid, unsigned vcpu, xen_domctl_vcpu_msr_t *msrs,
	uint32_t *count)
{
	struct xen_domctl op = XC_DOMCTL(get_vcpu_msrs, domid);
	size_t bytes = *count * sizeof(*msrs);
	xen_domctl_vcpu_msr_t *buffer = msrs ? xc_buffer(xc, NULL, bytes) : NULL;
	int ret;

	if (msrs && !buffer)
		return -1;
	op.u.vcpu_msrs.vcpu = vcpu;
	op.u.vcpu_msrs.msr_count = msrs ? *count : 0;
	set_xen_guest_handle(op.u.vcpu_msrs.msrs, buffer);
	ret = xc_domctl(xc, &op);
	if (!ret)
		*count = op.u.vcpu_msrs.msr_count;
	return xc_buffer_out(xc, buffer, msrs, bytes, ret);
}

int xc_vcpu_set_msrs(xc_interface *xc, uint32_t domid, unsigned vcpu,
	const xen_domctl_vcpu_msr_t *msrs, uint32_t count)
{
	struct xen_domctl op = XC_DOMCTL(set_vcpu_msrs, domid);
	xen_domctl_vcpu_msr_t *buffer = xc_buffer(xc, msrs, count * sizeof(*msrs));

	if (!buffer)
		return -1;
	op.u.vcpu_msrs.vcpu = vcpu;
	op.u.vcpu_msrs.msr_count = count;
	set_xen_guest_handle(op.u.vcpu_msrs.msrs, buffer);
	return xc_buffer_out(xc, buffer, NULL, 0, xc_domctl(xc, &op));
}

/* Both maps share a buffer. For a get they start empty. */
static int affinity(xc_interface *xc, struct xen_domctl *op, unsigned vcpu, uint8_t *hard,
	uint8_t *soft, size_t bytes)
{
	struct xen_domctl_vcpuaffinity *a = &op->u.vcpuaffinity;
	uint8_t *buffer = xc_buffer(xc, NULL, 2 * bytes + 1);
	int ret;

	if (!buffer)
		return -1;
	a->vcpu = vcpu;
	a->flags = (hard ? XEN_VCPUAFFINITY_HARD : 0) | (soft ? XEN_VCPUAFFINITY_SOFT : 0);
	if (hard)
		memcpy(buffer, hard, bytes);
	if (soft)
		memcpy(buffer + bytes, soft, bytes);
	set_xen_guest_handle(a->cpumap_hard.bitmap, buffer);
	a->cpumap_hard.nr_bits = bytes * 8;
	set_xen_guest_handle(a->cpumap_soft.bitmap, buffer + bytes);
	a->cpumap_soft.nr_bits = bytes * 8;
	ret = xc_domctl(xc, op);
	if (!ret && hard)
		memcpy(hard, buffer, bytes);
	if (!ret && soft)
		memcpy(soft, buffer + bytes, bytes);
	xc_buffer_free(xc, buffer);
	return ret;
}

int xc_vcpu_setaffinity(
	xc_interface *xc, uint32_t domid, unsigned vcpu, uint8_t *hard, uint8_t *soft, size_t bytes)
{
	struct xen_domctl op = XC_DOMCTL(setvcpuaffinity, domid);

	return affinity(xc, &op, vcpu, hard, soft, bytes);
}

int xc_vcpu_getaffinity(
	xc_interface *xc, uint32_t domid, unsigned vcpu, uint8_t *hard, uint8_t *soft, size_t bytes)
{
	struct xen_domctl op = XC_DOMCTL(getvcpuaffinity, domid);

	return affinity(xc, &op, vcpu, hard, soft, bytes);
}
