/* Parameters of the schedulers, of domains and of pools; the pools themselves. */
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
DOMAIN_PARAMETERS(credit2, XEN_SCHEDULER_CREDIT2)
DOMAIN_PARAMETERS(rtds, XEN_SCHEDULER_RTDS)
DOMAIN_PARAMETERS(sedf, XEN_SCHEDULER_SEDF)
DOMAIN_PARAMETERS(bvt, XEN_SCHEDULER_BVT)

static int pool_params(
	xc_interface *xc, uint32_t pool, unsigned sched_id, unsigned cmd, void *params, size_t size)
{
	struct xen_sysctl op = XC_SYSCTL(scheduler_op);

	op.u.scheduler_op.cpupool_id = pool;
	op.u.scheduler_op.sched_id = sched_id;
	op.u.scheduler_op.cmd = cmd;
	memcpy(&op.u.scheduler_op.u, params, size);
	if (xc_sysctl(xc, &op))
		return -1;
	memcpy(params, &op.u.scheduler_op.u, size);
	return 0;
}

/* xc_sched_NAME_params_set() and _get() of scheduler @id. */
#define POOL_PARAMETERS(name, id, structure)                                                       \
	int xc_sched_##name##_params_set(xc_interface *xc, uint32_t pool, structure *params)       \
	{                                                                                          \
		return pool_params(                                                                \
			xc, pool, id, XEN_SYSCTL_SCHEDOP_putinfo, params, sizeof(*params));        \
	}                                                                                          \
                                                                                                   \
	int xc_sched_##name##_params_get(xc_interface *xc, uint32_t pool, structure *params)       \
	{                                                                                          \
		return pool_params(                                                                \
			xc, pool, id, XEN_SYSCTL_SCHEDOP_getinfo, params, sizeof(*params));        \
	}

POOL_PARAMETERS(credit, XEN_SCHEDULER_CREDIT, struct xen_sysctl_credit_schedule)
POOL_PARAMETERS(credit2, XEN_SCHEDULER_CREDIT2, struct xen_sysctl_credit2_schedule)
POOL_PARAMETERS(bvt, XEN_SCHEDULER_BVT, struct xen_sysctl_sched_bvt)
POOL_PARAMETERS(rrobin, XEN_SCHEDULER_RROBIN, struct xen_sysctl_sched_rrobin)

static int pool_op(
	xc_interface *xc, struct xen_sysctl_cpupool_op *pool, uint8_t *cpus, size_t bytes)
{
	struct xen_sysctl op = XC_SYSCTL(cpupool_op);
	uint8_t *buffer = cpus ? xc_buffer(xc, NULL, bytes) : NULL;
	int ret;

	if (cpus && !buffer)
		return -1;
	op.u.cpupool_op = *pool;
	set_xen_guest_handle(op.u.cpupool_op.cpumap.bitmap, buffer);
	op.u.cpupool_op.cpumap.nr_bits = bytes * 8;
	ret = xc_sysctl(xc, &op);
	if (!ret)
		*pool = op.u.cpupool_op;
	return xc_buffer_out(xc, buffer, cpus, bytes, ret);
}

int xc_cpupool_create(xc_interface *xc, uint32_t *pool, unsigned sched_id)
{
	struct xen_sysctl_cpupool_op op = {
		.op = XEN_SYSCTL_CPUPOOL_OP_CREATE,
		.cpupool_id = *pool,
		.sched_id = sched_id,
	};

	if (pool_op(xc, &op, NULL, 0))
		return -1;
	*pool = op.cpupool_id;
	return 0;
}

int xc_cpupool_destroy(xc_interface *xc, uint32_t pool)
{
	struct xen_sysctl_cpupool_op op = {
		.op = XEN_SYSCTL_CPUPOOL_OP_DESTROY,
		.cpupool_id = pool,
	};

	return pool_op(xc, &op, NULL, 0);
}

int xc_cpupool_addcpu(xc_interface *xc, uint32_t pool, unsigned cpu)
{
	struct xen_sysctl_cpupool_op op = {
		.op = XEN_SYSCTL_CPUPOOL_OP_ADDCPU,
		.cpupool_id = pool,
		.cpu = cpu,
	};

	return pool_op(xc, &op, NULL, 0);
}

int xc_cpupool_removecpu(xc_interface *xc, uint32_t pool, unsigned cpu)
{
	struct xen_sysctl_cpupool_op op = {
		.op = XEN_SYSCTL_CPUPOOL_OP_RMCPU,
		.cpupool_id = pool,
		.cpu = cpu,
	};

	return pool_op(xc, &op, NULL, 0);
}

int xc_cpupool_movedomain(xc_interface *xc, uint32_t pool, uint32_t domid)
{
	struct xen_sysctl_cpupool_op op = {
		.op = XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN,
		.cpupool_id = pool,
		.domid = domid,
	};

	return pool_op(xc, &op, NULL, 0);
}

int xc_cpupool_getinfo(
	xc_interface *xc, struct xen_sysctl_cpupool_op *info, uint8_t *cpus, size_t bytes)
{
	info->op = XEN_SYSCTL_CPUPOOL_OP_INFO;
	return pool_op(xc, info, cpus, bytes);
}

int xc_cpupool_freeinfo(xc_interface *xc, uint8_t *cpus, size_t bytes)
{
	struct xen_sysctl_cpupool_op op = { .op = XEN_SYSCTL_CPUPOOL_OP_FREEINFO };

	return pool_op(xc, &op, cpus, bytes);
}
