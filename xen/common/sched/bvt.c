/*
 * Borrowed virtual time (Duda and Cheriton, SOSP 1999): each vCPU has a virtual time, which advances
 * as it runs, the slower the more it shall get. The CPU goes to the one that is furthest behind. One
 * that wakes may warp: count as so much further behind for a while, and so react at once.
 */
#include <xen/errno.h>
#include <xen/lib.h>
#include <xen/sched.h>
#include <public/sched_old.h>

#include "part.h"

#define MCU             MICROSECS(100) /* real time in which virtual time advances by mcu_advance */
#define DEFAULT_ADVANCE 10u
#define MAX_ADVANCE     10000u
#define MAX_WARP        1000000
#define MAX_WARP_TIME   SECONDS(1000)
#define MIN_CTX_ALLOW   MICROSECS(10)
#define MAX_CTX_ALLOW   SECONDS(1)
#define MAX_DEBT        SECONDS(1) /* of run time: most that a vCPU is behind others when it wakes */

struct bvt_dom {
	struct xen_domctl_sched_bvt params;
};

struct bvt_vcpu {
	struct part_vcpu base;
	const struct bvt_dom *dom;
	s64 avt; /* virtual time, in 1/MCU; wraps */
	bool moved; /* from another CPU: its virtual time means nothing here */
	bool warped;
	s_time_t warp_left;    /* while warped: it ends when it has run so long; warpl > 0 */
	s_time_t warp_allowed; /* not before */
};

static u32 ctx_allow = MILLISECS(5);

static struct bvt_vcpu *bvt_vcpu(const struct vcpu *v)
{
	return v->sched_priv;
}

static u32 advance_of(const struct bvt_vcpu *bv)
{
	return READ_ONCE(bv->dom->params.mcu_advance);
}

/* What decides: smaller runs first. */
static s64 effective_time(const struct bvt_vcpu *bv)
{
	return bv->avt - (bv->warped ? (s64)READ_ONCE(bv->dom->params.warpvalue) * MCU : 0);
}

static void end_warp(struct bvt_vcpu *bv, s_time_t now)
{
	bv->warped = false;
	bv->warp_allowed = now + READ_ONCE(bv->dom->params.warpu);
}

static void charge(struct vcpu *v, s_time_t ran, s_time_t now)
{
	struct bvt_vcpu *bv = bvt_vcpu(v);

	bv->avt += (s64)((u64)ran * advance_of(bv));
	if (!bv->warped || !READ_ONCE(bv->dom->params.warpl))
		return;
	bv->warp_left -= ran;
	if (bv->warp_left <= 0)
		end_warp(bv, now);
}

static struct vcpu *choose(struct part_cpu *pc, const struct vcpu *prev, s_time_t now, s_time_t *slice)
{
	struct vcpu *v, *best = NULL, *second = NULL;
	struct bvt_vcpu *bv;

	for_each_queued (v, pc) {
		s64 t = effective_time(bvt_vcpu(v));

		if (!best || t - effective_time(bvt_vcpu(best)) < 0) {
			second = best;
			best = v;
		} else if (!second || t - effective_time(bvt_vcpu(second)) < 0) {
			second = v;
		}
	}
	if (!best)
		return NULL;
	bv = bvt_vcpu(best);
	*slice = -1;
	if (second)
		*slice = (effective_time(bvt_vcpu(second)) - effective_time(bv)) / advance_of(bv) +
			READ_ONCE(ctx_allow);
	if (bv->warped && READ_ONCE(bv->dom->params.warpl) && (*slice < 0 || bv->warp_left < *slice))
		*slice = max(bv->warp_left, (s_time_t)MIN_CTX_ALLOW);
	return best;
}

static const struct part_policy policy = { charge, choose };

static struct task_slice bvt_do_schedule(s_time_t now, bool tasklet_work)
{
	return part_schedule(&policy, now, tasklet_work);
}

/* The least virtual time of those that compete with v for its CPU; *any: there are some. */
static s64 least_time(const struct vcpu *v, bool *any)
{
	const struct sched_cpu *sc = &per_cpu(sched_cpu, v->processor);
	const struct part_cpu *pc = sc->priv;
	const struct vcpu *other;
	s64 least = 0;

	*any = sc->curr != sc->idle;
	if (*any)
		least = bvt_vcpu(sc->curr)->avt;
	for_each_queued (other, pc) {
		if (other == v)
			continue;
		if (!*any || bvt_vcpu(other)->avt - least < 0)
			least = bvt_vcpu(other)->avt;
		*any = true;
	}
	return least;
}

/* Time asleep earns nothing. */
static void bvt_wake(struct vcpu *v)
{
	struct bvt_vcpu *bv = bvt_vcpu(v);
	s_time_t now = NOW();
	s64 least, most;
	bool any;

	if (part_is_active(v))
		return;
	part_account(v->processor, &policy, now);
	least = least_time(v, &any);
	most = least + (s64)advance_of(bv) * MAX_DEBT;
	if (any && (bv->moved || bv->avt - least < 0))
		bv->avt = least;
	else if (any && bv->avt - most > 0)
		bv->avt = most;
	bv->moved = false;
	bv->warped = bv->dom->params.warpback && now >= bv->warp_allowed;
	bv->warp_left = bv->dom->params.warpl;
	part_enqueue(v);
}

static void bvt_migrate(struct vcpu *v, unsigned int cpu)
{
	bvt_vcpu(v)->moved = true;
	part_migrate(v, cpu);
}

/* --- Control ---------------------------------------------------------------------------------- */

static bool params_valid(const struct xen_domctl_sched_bvt *p)
{
	return p->mcu_advance && p->mcu_advance <= MAX_ADVANCE && p->warpback <= 1 &&
		p->warpvalue >= 0 && p->warpvalue <= MAX_WARP && p->warpl >= 0 &&
		p->warpl <= MAX_WARP_TIME && p->warpu >= 0 && p->warpu <= MAX_WARP_TIME;
}

static int bvt_adjust(struct domain *d, struct xen_domctl_scheduler_op *op)
{
	struct bvt_dom *bd = d->sched_priv;
	struct xen_domctl_sched_bvt *p = (void *)&op->u;

	switch (op->cmd) {
	case XEN_DOMCTL_SCHEDOP_getinfo:
		*p = bd->params;
		return 0;
	case XEN_DOMCTL_SCHEDOP_putinfo:
		if (!params_valid(p))
			return -EINVAL;
		p->pad = 0;
		bd->params = *p;
		return 0;
	default:
		return -EINVAL;
	}
}

static int bvt_adjust_global(struct xen_sysctl_scheduler_op *op)
{
	struct xen_sysctl_sched_bvt *p = (void *)&op->u;

	if (op->cmd == XEN_SYSCTL_SCHEDOP_putinfo) {
		if (p->ctx_allow < MIN_CTX_ALLOW || p->ctx_allow > MAX_CTX_ALLOW)
			return -EINVAL;
		WRITE_ONCE(ctx_allow, p->ctx_allow);
	}
	p->ctx_allow = ctx_allow;
	return 0;
}

static void bvt_dump_settings(void)
{
	printk("  ctx_allow %u us\n", ctx_allow / 1000);
}

static void bvt_dump_cpu(unsigned int cpu)
{
	const struct part_cpu *pc = part_cpu(cpu);
	const struct vcpu *v;

	for_each_queued (v, pc) {
		const struct bvt_vcpu *bv = bvt_vcpu(v);

		printk("  wait " PRI_vcpu " avt %ld evt %ld mcuadv %u%s\n", v->domain->domain_id,
			v->vcpu_id, (long)(bv->avt / MCU), (long)(effective_time(bv) / MCU),
			advance_of(bv), bv->warped ? " warped" : "");
	}
}

static void *bvt_alloc_domdata(struct domain *d)
{
	struct bvt_dom *bd = xzalloc(struct bvt_dom);

	if (bd)
		bd->params.mcu_advance = DEFAULT_ADVANCE;
	return bd;
}

static void *bvt_alloc_vdata(struct vcpu *v, void *domdata)
{
	struct bvt_vcpu *bv = xzalloc(struct bvt_vcpu);

	if (!bv)
		return NULL;
	bv->base = (struct part_vcpu){ v, v->processor };
	bv->dom = domdata;
	return bv;
}

const struct scheduler sched_bvt = {
	.name = "Borrowed Virtual Time",
	.opt_name = "bvt",
	.sched_id = XEN_SCHEDULER_BVT,
	.alloc_pdata = part_alloc_pdata,
	.free_pdata = part_free_pdata,
	.alloc_domdata = bvt_alloc_domdata,
	.free_domdata = xfree,
	.alloc_vdata = bvt_alloc_vdata,
	.free_vdata = xfree,
	.insert_vcpu = part_insert_vcpu,
	.remove_vcpu = part_remove_vcpu,
	.sleep = part_sleep,
	.wake = bvt_wake,
	.yield = part_yield,
	.pick_cpu = part_pick_cpu,
	.migrate = bvt_migrate,
	.do_schedule = bvt_do_schedule,
	.adjust = bvt_adjust,
	.adjust_global = bvt_adjust_global,
	.dump_settings = bvt_dump_settings,
	.dump_cpu = bvt_dump_cpu,
};
