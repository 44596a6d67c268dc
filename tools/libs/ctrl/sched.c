/* The scheduler, and its parameters of domains. */
#include <errno.h>
#include <string.h>

#include "private.h"

int xc_sched_id(xc_interface *xc, unsigned *id)
{
	struct xen_sysctl op = XC_SYSCTL(sched_id);

	if (xc_sysctl(xc, &op))
		return -1;
	*id = op.u.sched_id.sched_id;
	return 0;
}

/* All schedulers' parameters begin the same union. */
static int domain_op(xc_interface *xc, uint32_t domid, unsigned sched_id, unsigned cmd,
	const void *in, void *out, size_t size)
{
	struct xen_domctl op = XC_DOMCTL(scheduler_op, domid);

	op.u.scheduler_op.sched_id = sched_id;
	op.u.scheduler_op.cmd = cmd;
	if (in)
		memcpy(&op.u.scheduler_op.u, in, size);
	if (xc_domctl(xc, &op))
		return -1;
	if (out)
		memcpy(out, &op.u.scheduler_op.u, size);
	return 0;
}

/* xc_sched_NAME_domain_set() and _get() of scheduler @id. */
#define DOMAIN_PARAMETERS(name, id)                                                                \
	int xc_sched_##name##_domain_set(                                                          \
		xc_interface *xc, uint32_t domid, const struct xen_domctl_sched_##name *params)    \
	{                                                                                          \
		return domain_op(                                                                  \
			xc, domid, id, XEN_DOMCTL_SCHEDOP_putinfo, params, NULL, sizeof(*params)); \
	}                                                                                          \
                                                                                                   \
	int xc_sched_##name##_domain_get(                                                          \
		xc_interface *xc, uint32_t domid, struct xen_domctl_sched_##name *params)          \
	{                                                                                          \
		return domain_op(                                                                  \
			xc, domid, id, XEN_DOMCTL_SCHEDOP_getinfo, NULL, params, sizeof(*params)); \
	}

DOMAIN_PARAMETERS(credit, XEN_SCHEDULER_CREDIT)
DOMAIN_PARAMETERS(sedf, XEN_SCHEDULER_SEDF)
DOMAIN_PARAMETERS(bvt, XEN_SCHEDULER_BVT)

int xc_sched_turn(xc_interface *xc, unsigned sched_id, bool set, uint64_t *ns)
{
	struct xen_sysctl op = XC_SYSCTL(scheduler_op);
	struct xen_sysctl_sched_rrobin rrobin = { .slice = *ns };
	struct xen_sysctl_sched_bvt bvt = { .ctx_allow = *ns };
	bool is_bvt = sched_id == XEN_SCHEDULER_BVT;
	void *params = is_bvt ? (void *)&bvt : &rrobin;
	size_t size = is_bvt ? sizeof(bvt) : sizeof(rrobin);

	if (set && is_bvt && *ns != bvt.ctx_allow)
		return errno = EINVAL, -1;
	op.u.scheduler_op.sched_id = sched_id;
	op.u.scheduler_op.cmd = set ? XEN_SYSCTL_SCHEDOP_putinfo : XEN_SYSCTL_SCHEDOP_getinfo;
	memcpy(&op.u.scheduler_op.u, params, size);
	if (xc_sysctl(xc, &op))
		return -1;
	memcpy(params, &op.u.scheduler_op.u, size);
	*ns = is_bvt ? bvt.ctx_allow : rrobin.slice;
	return 0;
}
