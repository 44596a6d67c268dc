/* Creating, inspecting, changing and destroying domains. */
#include <errno.h>
#include <string.h>

#include "private.h"

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

int xc_domain_get_address_size(xc_interface *xc, uint32_t domid, unsigned *width)
{
	struct xen_domctl op = XC_DOMCTL(get_address_size, domid);

	if (xc_domctl(xc, &op))
		return -1;
	*width = op.u.address_size.size;
	return 0;
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

int xc_logdirty(xc_interface *xc, uint32_t domid, unsigned cmd, void *bitmap, uint64_t pages,
	struct xen_domctl_shadow_op_stats *stats)
{
	struct xen_domctl op = XC_DOMCTL(shadow_op, domid);
	size_t size = (pages + 63) / 64 * 8;
	void *buffer = bitmap ? xc_buffer(xc, NULL, size) : NULL;
	int ret;

	if (bitmap && !buffer)
		return -1;
	op.u.shadow_op.op = cmd;
	op.u.shadow_op.pages = bitmap ? pages : 0;
	set_xen_guest_handle(op.u.shadow_op.dirty_bitmap, buffer);
	ret = xc_domctl(xc, &op);
	if (stats)
		*stats = op.u.shadow_op.stats;
	return xc_buffer_out(xc, buffer, bitmap, size, ret);
}
