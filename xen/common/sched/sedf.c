/*
 * Simple earliest deadline first: each vCPU gets its slice in each of its periods. Of those that have
 * not had it yet, the one whose period ends first runs. Time left over goes to those with `extratime`,
 * in proportion to their weights. Slices that add up to more than there is are nobody's check here:
 * then who has the latest deadline gets less.
 */
#include <xen/errno.h>
#include <xen/lib.h>
#include <xen/sched.h>
#include <asm/muldiv.h>
#include <public/sched_old.h>

#include "part.h"

#define MIN_PERIOD    MICROSECS(10)
#define MAX_PERIOD    SECONDS(10)
#define MIN_SLICE     MICROSECS(5)
#define MAX_WEIGHT    65535u
#define EXTRATIME     1u
#define EXTRA_QUANTUM MILLISECS(1)   /* of left-over time, before it is decided anew */
#define WEIGHT_PERIOD MILLISECS(100) /* of domains whose slice comes from a weight */
#define WEIGHT_SPARE  MILLISECS(5)   /* of that, never shared out by weight */
#define VTIME_SHIFT   16             /* left-over time is kept as (ns << this) / weight */

struct sedf_dom {
	struct xen_domctl_sched_sedf params;
};

struct sedf_vcpu {
	struct part_vcpu base;
	const struct sedf_dom *dom;
	s_time_t period, slice; /* the present ones: shorter for a while after a wake-up (latency) */
	s_time_t deadline;      /* end of the present period */
	s_time_t used;          /* of the slice */
	bool in_extra;          /* runs on left-over time */
	u64 extra;              /* virtual time of that; wraps */
};

static struct sedf_vcpu *sedf_vcpu(const struct vcpu *v)
{
	return v->sched_priv;
}

static u32 extra_weight(const struct sedf_vcpu *sv)
{
	return READ_ONCE(sv->dom->params.weight) ?: 1;
}

/* The part of a slice that belongs to a part of its period. Lengths of seconds have long products. */
static s_time_t share(s_time_t slice, s_time_t part, s_time_t period)
{
	return max((s_time_t)muldiv64(slice, part, period), (s_time_t)1);
}

/* --- Periods ---------------------------------------------------------------------------------- */

/* A share of WEIGHT_PERIOD: what the fixed slices on this CPU leave, by weight. */
static s_time_t weighted_slice(const struct part_cpu *pc, const struct sedf_vcpu *sv)
{
	s_time_t free = WEIGHT_PERIOD - WEIGHT_SPARE;
	u64 sum = 0;
	const struct vcpu *v;

	for_each_queued (v, pc) {
		const struct xen_domctl_sched_sedf *p = &sedf_vcpu(v)->dom->params;

		/* Parameters change under us; one of 0 at this moment must not be divided by. */
		u64 period = READ_ONCE(p->period);

		if (period)
			free -= muldiv64(READ_ONCE(p->slice), WEIGHT_PERIOD, period);
		else
			sum += p->weight;
	}
	return sum && free > 0 ? max(free * sv->dom->params.weight / (s_time_t)sum, (s_time_t)MIN_SLICE)
			       : (s_time_t)MIN_SLICE;
}

static void full_period(const struct part_cpu *pc, struct sedf_vcpu *sv)
{
	const struct xen_domctl_sched_sedf *p = &sv->dom->params;

	u64 period = READ_ONCE(p->period);

	sv->period = period ?: WEIGHT_PERIOD;
	sv->slice = period ? (s_time_t)READ_ONCE(p->slice) : weighted_slice(pc, sv);
}

/* The present period is over: the next begins where it ended, or now when that is long ago. */
static void next_period(const struct part_cpu *pc, struct sedf_vcpu *sv, s_time_t now)
{
	s_time_t start = sv->deadline, length = sv->period;

	full_period(pc, sv);
	if (length && length < sv->period && 2 * length < sv->period) {
		/* Still on the way from a short one. */
		sv->slice = share(sv->slice, 2 * length, sv->period);
		sv->period = 2 * length;
	}
	sv->deadline = start + sv->period;
	if (sv->deadline <= now)
		sv->deadline = now + sv->period;
	sv->used = 0;
}

/* After a sleep: what is left of the slice, or a period of the length that reacts soon enough. */
static void period_after_sleep(const struct part_cpu *pc, struct sedf_vcpu *sv, s_time_t now)
{
	s_time_t latency = sv->dom->params.latency;

	if (now < sv->deadline)
		return;
	full_period(pc, sv);
	if (latency && latency < sv->period) {
		sv->slice = share(sv->slice, latency, sv->period);
		sv->period = latency;
	}
	sv->deadline = now + sv->period;
	sv->used = 0;
}

/* --- The decision ----------------------------------------------------------------------------- */

static void charge(struct vcpu *v, s_time_t ran, s_time_t now)
{
	struct sedf_vcpu *sv = sedf_vcpu(v);

	if (sv->in_extra)
		sv->extra += ((u64)min(ran, (s_time_t)SECONDS(1)) << VTIME_SHIFT) / extra_weight(sv);
	else
		sv->used += ran;
}

/* May it have left-over time, and is it more behind than `best` (NULL: nobody yet)? */
static bool better_extra(const struct sedf_vcpu *sv, const struct vcpu *best)
{
	return sv->dom->params.extratime & EXTRATIME &&
		(!best || (s64)(sv->extra - sedf_vcpu(best)->extra) < 0);
}

static struct vcpu *choose(struct part_cpu *pc, const struct vcpu *prev, s_time_t now, s_time_t *slice)
{
	struct vcpu *v, *first = NULL, *extra = NULL;
	s_time_t refill = -1; /* when the next one gets a new slice */
	unsigned int n = 0;
	struct sedf_vcpu *sv;

	for_each_queued (v, pc) {
		sv = sedf_vcpu(v);
		n++;
		if (now >= sv->deadline)
			next_period(pc, sv, now);
		if (sv->used < sv->slice && (!first || sv->deadline < sedf_vcpu(first)->deadline))
			first = v;
		if (sv->slice && sv->used >= sv->slice && (refill < 0 || sv->deadline < refill))
			refill = sv->deadline;
		if (better_extra(sv, extra))
			extra = v;
	}
	*slice = refill < 0 ? -1 : refill - now;
	v = first ?: extra;
	if (!v)
		return NULL;
	sv = sedf_vcpu(v);
	sv->in_extra = !first;
	if (first)
		*slice = *slice < 0 ? sv->slice - sv->used : min(*slice, sv->slice - sv->used);
	else if (n > 1)
		*slice = *slice < 0 ? EXTRA_QUANTUM : min(*slice, (s_time_t)EXTRA_QUANTUM);
	return v;
}

static const struct part_policy policy = { charge, choose };

static struct task_slice sedf_do_schedule(s_time_t now, bool tasklet_work)
{
	return part_schedule(&policy, now, tasklet_work);
}

static void sedf_wake(struct vcpu *v)
{
	const struct sched_cpu *sc = &per_cpu(sched_cpu, v->processor);
	struct part_cpu *pc = sc->priv;
	struct sedf_vcpu *sv = sedf_vcpu(v);
	const struct vcpu *other;
	s_time_t now = NOW();
	u64 least = sv->extra;
	bool any = false;

	if (!part_enqueue(v))
		return;
	part_account(v->processor, &policy, now);
	period_after_sleep(pc, sv, now);
	/* Sleeping earns no left-over time. */
	for_each_queued (other, pc) {
		if (other == v)
			continue;
		if (!any || (s64)(sedf_vcpu(other)->extra - least) < 0)
			least = sedf_vcpu(other)->extra;
		any = true;
	}
	if (sc->curr != sc->idle && (!any || (s64)(sedf_vcpu(sc->curr)->extra - least) < 0))
		least = sedf_vcpu(sc->curr)->extra;
	if ((s64)(sv->extra - least) < 0)
		sv->extra = least;
}

/* --- Control ---------------------------------------------------------------------------------- */

static bool params_valid(const struct xen_domctl_sched_sedf *p)
{
	if (p->extratime & ~EXTRATIME || p->weight > MAX_WEIGHT || (!p->period && !p->weight))
		return false;
	if (!p->period)
		return p->latency <= WEIGHT_PERIOD;
	return p->period >= MIN_PERIOD && p->period <= MAX_PERIOD && p->slice <= p->period &&
		(!p->slice || p->slice >= MIN_SLICE) && p->latency <= p->period;
}

/* The new parameters hold from each vCPU's next period on, which begins now. */
static void restart_periods(struct domain *d)
{
	unsigned long flags;
	struct sched_cpu *sc;
	struct vcpu *v;

	for_each_vcpu (d, v) {
		if (!v->sched_priv)
			continue;
		sc = vcpu_sched_lock(v, &flags);
		sedf_vcpu(v)->period = 0;
		sedf_vcpu(v)->deadline = 0;
		cpu_raise_softirq(v->processor, SCHEDULE_SOFTIRQ);
		spin_unlock_irqrestore(&sc->lock, flags);
	}
}

static int sedf_adjust(struct domain *d, struct xen_domctl_scheduler_op *op)
{
	struct sedf_dom *sd = d->sched_priv;
	struct xen_domctl_sched_sedf *p = (void *)&op->u;

	switch (op->cmd) {
	case XEN_DOMCTL_SCHEDOP_getinfo:
		*p = sd->params;
		return 0;
	case XEN_DOMCTL_SCHEDOP_putinfo:
		if (!params_valid(p))
			return -EINVAL;
		if (!p->period)
			p->slice = 0;
		sd->params = *p;
		restart_periods(d);
		return 0;
	default:
		return -EINVAL;
	}
}

static void sedf_dump_cpu(unsigned int cpu)
{
	const struct part_cpu *pc = part_cpu(cpu);
	const struct vcpu *v;

	for_each_queued (v, pc) {
		const struct sedf_vcpu *sv = sedf_vcpu(v);

		printk("  wait " PRI_vcpu " %ld of %ld us in %ld us, deadline in %ld us%s\n",
			v->domain->domain_id, v->vcpu_id, (long)(sv->used / 1000),
			(long)(sv->slice / 1000), (long)(sv->period / 1000),
			(long)((sv->deadline - NOW()) / 1000),
			sv->dom->params.extratime & EXTRATIME ? ", extratime" : "");
	}
}

/* dom0 is sure of three quarters of a CPU; others take what is left until they are told otherwise. */
static void *sedf_alloc_domdata(struct domain *d)
{
	struct sedf_dom *sd = xzalloc(struct sedf_dom);

	if (!sd)
		return NULL;
	sd->params.extratime = EXTRATIME;
	sd->params.period = d->domain_id ? WEIGHT_PERIOD : MILLISECS(20);
	sd->params.slice = d->domain_id ? 0 : MILLISECS(15);
	return sd;
}

static void *sedf_alloc_vdata(struct vcpu *v, void *domdata)
{
	struct sedf_vcpu *sv = xzalloc(struct sedf_vcpu);

	if (!sv)
		return NULL;
	sv->base = (struct part_vcpu){ v, v->processor };
	sv->dom = domdata;
	return sv;
}

const struct scheduler sched_sedf = {
	.name = "Simple EDF Scheduler",
	.opt_name = "sedf",
	.sched_id = XEN_SCHEDULER_SEDF,
	.alloc_pdata = part_alloc_pdata,
	.free_pdata = part_free_pdata,
	.alloc_domdata = sedf_alloc_domdata,
	.free_domdata = xfree,
	.alloc_vdata = sedf_alloc_vdata,
	.free_vdata = xfree,
	.insert_vcpu = part_insert_vcpu,
	.remove_vcpu = part_remove_vcpu,
	.sleep = part_sleep,
	.wake = sedf_wake,
	.yield = part_yield,
	.pick_cpu = part_pick_cpu,
	.migrate = part_migrate,
	.do_schedule = sedf_do_schedule,
	.adjust = sedf_adjust,
	.dump_cpu = sedf_dump_cpu,
};
