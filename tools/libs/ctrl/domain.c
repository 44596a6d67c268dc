/* Creating, inspecting, changing and destroying domains. */
#include <errno.h>
#include <string.h>

#include "private.h"
#include "public/hvm/hvm_op.h"

int xc_domain_create(
	xc_interface *xc, uint32_t *domid, const struct xen_domctl_createdomain *config)
{
	struct xen_domctl op = XC_DOMCTL(createdomain, *domid);

	op.u.createdomain = *config;
	if (xc_domctl(xc, &op))
		return -1;
	*domid = op.domain;
	return 0;
}

int xc_domain_destroy(xc_interface *xc, uint32_t domid)
{
	int ret;

	/* Interrupted by signals, and where the hypervisor asks for another round. */
	do
		ret = xc_domctl_simple(xc, XEN_DOMCTL_destroydomain, domid);
	while (ret && (errno == EAGAIN || errno == EINTR));
	return ret;
}

int xc_domain_pause(xc_interface *xc, uint32_t domid)
{
	return xc_domctl_simple(xc, XEN_DOMCTL_pausedomain, domid);
}

int xc_domain_unpause(xc_interface *xc, uint32_t domid)
{
	return xc_domctl_simple(xc, XEN_DOMCTL_unpausedomain, domid);
}

int xc_domain_resume(xc_interface *xc, uint32_t domid)
{
	return xc_domctl_simple(xc, XEN_DOMCTL_resumedomain, domid);
}

int xc_domain_soft_reset(xc_interface *xc, uint32_t domid)
{
	return xc_domctl_simple(xc, XEN_DOMCTL_soft_reset, domid);
}

int xc_domain_shutdown(xc_interface *xc, uint32_t domid, unsigned reason)
{
	struct sched_remote_shutdown arg = { .domain_id = domid, .reason = reason };

	return xc_hypercall_arg(
		xc, __HYPERVISOR_sched_op, SCHEDOP_remote_shutdown, &arg, sizeof(arg));
}

int xc_domain_getinfo(xc_interface *xc, uint32_t domid, struct xen_domctl_getdomaininfo *info)
{
	struct xen_domctl op = XC_DOMCTL(getdomaininfo, domid);

	if (xc_domctl(xc, &op))
		return -1;
	/* The hypervisor gives the next domain if this one does not exist. */
	if (op.u.getdomaininfo.domain != domid) {
		errno = ESRCH;
		return -1;
	}
	*info = op.u.getdomaininfo;
	return 0;
}

int xc_domain_getinfolist(
	xc_interface *xc, uint32_t first, unsigned max, struct xen_domctl_getdomaininfo *info)
{
	struct xen_sysctl op = XC_SYSCTL(getdomaininfolist);
	xen_domctl_getdomaininfo_t *buffer = xc_buffer(xc, NULL, max * sizeof(*info));
	int ret;

	if (!buffer)
		return -1;
	op.u.getdomaininfolist.first_domain = first;
	op.u.getdomaininfolist.max_domains = max;
	set_xen_guest_handle(op.u.getdomaininfolist.buffer, buffer);
	ret = xc_sysctl(xc, &op) ? -1 : (int)op.u.getdomaininfolist.num_domains;
	return xc_buffer_out(
		xc, buffer, info, op.u.getdomaininfolist.num_domains * sizeof(*info), ret);
}

int xc_domain_sethandle(xc_interface *xc, uint32_t domid, const xen_domain_handle_t handle)
{
	struct xen_domctl op = XC_DOMCTL(setdomainhandle, domid);

	memcpy(op.u.setdomainhandle.handle, handle, sizeof(op.u.setdomainhandle.handle));
	return xc_domctl(xc, &op);
}

int xc_domain_max_vcpus(xc_interface *xc, uint32_t domid, unsigned max)
{
	struct xen_domctl op = XC_DOMCTL(max_vcpus, domid);

	op.u.max_vcpus.max = max;
	return xc_domctl(xc, &op);
}

int xc_domain_setmaxmem(xc_interface *xc, uint32_t domid, uint64_t max_kb)
{
	struct xen_domctl op = XC_DOMCTL(max_mem, domid);

	op.u.max_mem.max_memkb = max_kb;
	return xc_domctl(xc, &op);
}

int xc_domain_set_target(xc_interface *xc, uint32_t domid, uint32_t target)
{
	struct xen_domctl op = XC_DOMCTL(set_target, domid);

	op.u.set_target.target = target;
	return xc_domctl(xc, &op);
}

int xc_domain_setdebugging(xc_interface *xc, uint32_t domid, bool enable)
{
	struct xen_domctl op = XC_DOMCTL(setdebugging, domid);

	op.u.setdebugging.enable = enable;
	return xc_domctl(xc, &op);
}

int xc_domain_settimeoffset(xc_interface *xc, uint32_t domid, int64_t seconds)
{
	struct xen_domctl op = XC_DOMCTL(settimeoffset, domid);

	op.u.settimeoffset.time_offset_seconds = seconds;
	return xc_domctl(xc, &op);
}

int xc_domain_set_virq_handler(xc_interface *xc, uint32_t domid, unsigned virq)
{
	struct xen_domctl op = XC_DOMCTL(set_virq_handler, domid);

	op.u.set_virq_handler.virq = virq;
	return xc_domctl(xc, &op);
}

int xc_domain_set_address_size(xc_interface *xc, uint32_t domid, unsigned width)
{
	struct xen_domctl op = XC_DOMCTL(set_address_size, domid);

	op.u.address_size.size = width;
	return xc_domctl(xc, &op);
}

int xc_domain_get_address_size(xc_interface *xc, uint32_t domid, unsigned *width)
{
	struct xen_domctl op = XC_DOMCTL(get_address_size, domid);

	if (xc_domctl(xc, &op))
		return -1;
	*width = op.u.address_size.size;
	return 0;
}

int xc_domain_subscribe(xc_interface *xc, uint32_t domid, evtchn_port_t port)
{
	struct xen_domctl op = XC_DOMCTL(subscribe, domid);

	op.u.subscribe.port = port;
	return xc_domctl(xc, &op);
}

int xc_domain_send_trigger(xc_interface *xc, uint32_t domid, unsigned trigger, unsigned vcpu)
{
	struct xen_domctl op = XC_DOMCTL(sendtrigger, domid);

	op.u.sendtrigger.trigger = trigger;
	op.u.sendtrigger.vcpu = vcpu;
	return xc_domctl(xc, &op);
}

int xc_domain_set_tsc_info(xc_interface *xc, uint32_t domid, const struct xen_domctl_tsc_info *info)
{
	struct xen_domctl op = XC_DOMCTL(settscinfo, domid);

	op.u.tsc_info = *info;
	return xc_domctl(xc, &op);
}

int xc_domain_get_tsc_info(xc_interface *xc, uint32_t domid, struct xen_domctl_tsc_info *info)
{
	struct xen_domctl op = XC_DOMCTL(gettscinfo, domid);

	if (xc_domctl(xc, &op))
		return -1;
	*info = op.u.tsc_info;
	return 0;
}

int xc_shadow_op(
	xc_interface *xc, uint32_t domid, struct xen_domctl_shadow_op *shadow, void *bitmap)
{
	struct xen_domctl op = XC_DOMCTL(shadow_op, domid);
	size_t bytes = (shadow->pages + 63) / 64 * 8;
	uint8_t *buffer = bitmap ? xc_buffer(xc, NULL, bytes) : NULL;
	int ret;

	if (bitmap && !buffer)
		return -1;
	op.u.shadow_op = *shadow;
	set_xen_guest_handle(op.u.shadow_op.dirty_bitmap, buffer);
	ret = xc_domctl(xc, &op);
	if (!ret) {
		*shadow = op.u.shadow_op;
		set_xen_guest_handle(shadow->dirty_bitmap, (uint8_t *)NULL);
	}
	return xc_buffer_out(xc, buffer, bitmap, bytes, ret);
}

int xc_set_paging_mempool_size(xc_interface *xc, uint32_t domid, uint64_t bytes)
{
	struct xen_domctl op = XC_DOMCTL(set_paging_mempool_size, domid);
	int ret;

	op.u.paging_mempool.size = bytes;
	do
		ret = xc_domctl(xc, &op);
	while (ret && errno == EINTR);
	return ret;
}

int xc_get_paging_mempool_size(xc_interface *xc, uint32_t domid, uint64_t *bytes)
{
	struct xen_domctl op = XC_DOMCTL(get_paging_mempool_size, domid);

	if (xc_domctl(xc, &op))
		return -1;
	*bytes = op.u.paging_mempool.size;
	return 0;
}

int xc_hvm_param_set(xc_interface *xc, uint32_t domid, unsigned param, uint64_t value)
{
	struct xen_hvm_param arg = { .domid = domid, .index = param, .value = value };

	return xc_hypercall_arg(xc, __HYPERVISOR_hvm_op, HVMOP_set_param, &arg, sizeof(arg));
}

int xc_hvm_param_get(xc_interface *xc, uint32_t domid, unsigned param, uint64_t *value)
{
	struct xen_hvm_param arg = { .domid = domid, .index = param };

	if (xc_hypercall_arg(xc, __HYPERVISOR_hvm_op, HVMOP_get_param, &arg, sizeof(arg)))
		return -1;
	*value = arg.value;
	return 0;
}

int xc_domain_hvm_getcontext(xc_interface *xc, uint32_t domid, void *buffer, uint32_t size)
{
	struct xen_domctl op = XC_DOMCTL(gethvmcontext, domid);
	uint8_t *copy = buffer ? xc_buffer(xc, NULL, size) : NULL;
	int ret;

	if (buffer && !copy)
		return -1;
	op.u.hvmcontext.size = buffer ? size : 0;
	set_xen_guest_handle(op.u.hvmcontext.buffer, copy);
	ret = xc_domctl(xc, &op) ? -1 : (int)op.u.hvmcontext.size;
	return xc_buffer_out(xc, copy, buffer, ret < 0 ? 0 : ret, ret);
}

int xc_domain_hvm_setcontext(xc_interface *xc, uint32_t domid, const void *buffer, uint32_t size)
{
	struct xen_domctl op = XC_DOMCTL(sethvmcontext, domid);
	uint8_t *copy = xc_buffer(xc, buffer, size);

	if (!copy)
		return -1;
	op.u.hvmcontext.size = size;
	set_xen_guest_handle(op.u.hvmcontext.buffer, copy);
	return xc_buffer_out(xc, copy, NULL, 0, xc_domctl(xc, &op));
}
