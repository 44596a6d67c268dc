/* The credit scheduler's caps, parameters, dumps, and its notes about domains and vCPUs. */
#include <xen/errno.h>
#include <xen/lib.h>
#include <xen/param.h>
#include <xen/sched.h>
#include <public/domctl.h>
#include <public/sysctl.h>

#include "credit.h"

unsigned int credit_tslice_ms __read_mostly = 30;
integer_param("sched_credit_tslice_ms", credit_tslice_ms);
unsigned int credit_ratelimit_us __read_mostly = 1000;
integer_param("sched_ratelimit_us", credit_ratelimit_us);
unsigned int credit_migration_delay_us __read_mostly;
integer_param("vcpu_migration_delay", credit_migration_delay_us);

static LIST_HEAD(credit_doms);
static DEFINE_SPINLOCK(credit_lock, LOCK_RANK_SCHED_PRIV); /* credit_doms */

/* --- Caps ------------------------------------------------------------------------------------- */

/* A vCPU that was parked may run again. */
static void unpark(struct vcpu *v)
{
	unsigned long flags;
	struct credit_vcpu *cv = credit_vcpu(v);
	struct sched_cpu *sc;

	if (!cv)
		return;
	sc = vcpu_sched_lock(v, &flags);
	if (cv->parked) {
		cv->parked = false;
		if (vcpu_runnable(v) && !cv->competing && sc->curr != v)
			credit_insert(v, cv);
	}
	spin_unlock_irqrestore(&sc->lock, flags);
}

static void unpark_all(struct credit_dom *cd)
{
	struct vcpu *v;

	for_each_vcpu (cd->dom, v)
		unpark(v);
}

/* Every tick: a capped domain's budget. */
static void refill(void *data)
{
	struct credit_dom *cd = data;
	unsigned int cap = READ_ONCE(cd->cap);
	s64 share = (s64)cap * TICK / 100, left;

	if (!cap)
		return;
	/* Time not used is lost after a few ticks, time used in excess is paid back. */
	left = __atomic_add_fetch(&cd->budget, share, __ATOMIC_RELAXED);
	if (left > share * BUDGET_TICKS)
		__atomic_fetch_sub(&cd->budget, left - share * BUDGET_TICKS, __ATOMIC_RELAXED);
	set_timer(&cd->refill, max(cd->refill.expires + TICK, NOW()));
	if (left > 0)
		unpark_all(cd);
}

static void set_cap(struct credit_dom *cd, unsigned int cap)
{
	if (cap && !cd->cap) {
		__atomic_store_n(&cd->budget, (s64)cap * TICK / 100, __ATOMIC_RELAXED);
		WRITE_ONCE(cd->cap, cap);
		set_timer(&cd->refill, NOW() + TICK);
		/* CPUs that run its vCPUs without a time slice begin to count. */
		cpumask_raise_softirq(&cpu_online_map, SCHEDULE_SOFTIRQ);
	} else {
		WRITE_ONCE(cd->cap, cap);
	}
	if (!cap) {
		stop_timer(&cd->refill);
		unpark_all(cd);
	}
}

/* --- Control ---------------------------------------------------------------------------------- */

int credit_adjust(struct domain *d, struct xen_domctl_scheduler_op *op)
{
	struct credit_dom *cd = d->sched_priv;

	switch (op->cmd) {
	case XEN_DOMCTL_SCHEDOP_getinfo:
		op->u.credit.weight = cd->weight;
		op->u.credit.cap = cd->cap;
		return 0;
	case XEN_DOMCTL_SCHEDOP_putinfo:
		/* 0 and ~0 leave a value as it is. */
		if (op->u.credit.weight) {
			cd->weight = op->u.credit.weight;
			WRITE_ONCE(cd->vcpu_weight, cd->weight * WEIGHT_SCALE);
			cd->counted = NOW() - BALANCE_PERIOD;
		}
		if (op->u.credit.cap != (u16)~0)
			set_cap(cd, op->u.credit.cap);
		return 0;
	default:
		return -EINVAL;
	}
}

static bool tunables_valid(unsigned int tslice, unsigned int ratelimit, unsigned int delay)
{
	return tslice >= XEN_SYSCTL_CSCHED_TSLICE_MIN && tslice <= XEN_SYSCTL_CSCHED_TSLICE_MAX &&
		(!ratelimit || (ratelimit >= 100 && ratelimit <= 500000)) &&
		ratelimit <= tslice * 1000 && delay <= 100000;
}

int credit_adjust_global(struct xen_sysctl_scheduler_op *op)
{
	struct xen_sysctl_credit_schedule *p = &op->u.sched_credit;

	if (op->cmd == XEN_SYSCTL_SCHEDOP_putinfo) {
		if (!tunables_valid(p->tslice_ms, p->ratelimit_us, p->vcpu_migr_delay_us))
			return -EINVAL;
		WRITE_ONCE(credit_tslice_ms, p->tslice_ms);
		WRITE_ONCE(credit_ratelimit_us, p->ratelimit_us);
		WRITE_ONCE(credit_migration_delay_us, p->vcpu_migr_delay_us);
	}
	p->tslice_ms = credit_tslice_ms;
	p->ratelimit_us = credit_ratelimit_us;
	p->vcpu_migr_delay_us = credit_migration_delay_us;
	return 0;
}

static const char *const pri_names[] = { "BOOST", "UNDER", "OVER", "IDLE" };

static void dump_vcpu(const struct credit_cpu *cc, const struct credit_vcpu *cv, const char *what)
{
	printk("  %s " PRI_vcpu " %s credit %ld us weight %u cap %u%s\n", what,
		cv->vcpu->domain->domain_id, cv->vcpu->vcpu_id, pri_names[cv->pri],
		(long)((cv->competing ? credit_of(cc, cv) : cv->credit) / 1000), cv->dom->weight,
		cv->dom->cap, cv->parked ? " parked" : "");
}

void credit_dump_cpu(unsigned int cpu)
{
	const struct sched_cpu *sc = &per_cpu(sched_cpu, cpu);
	const struct credit_cpu *cc = sc->priv;
	const struct vcpu *v;

	printk("  queued %u, weight %lu, idle %u, overloaded %u\n", cc->nr_queued,
		(unsigned long)cc->total_weight / WEIGHT_SCALE,
		cpumask_test_cpu(cpu, &credit_idlers),
		cpumask_test_cpu(cpu, &credit_overloaded));
	if (credit_vcpu(sc->curr))
		dump_vcpu(cc, credit_vcpu(sc->curr), "run ");
	list_for_each_entry (v, &cc->runq, sched_link)
		dump_vcpu(cc, credit_vcpu(v), "wait");
}

void credit_dump_settings(void)
{
	const struct credit_dom *cd;
	unsigned long flags;

	printk("  tslice %u ms, ratelimit %u us, migration delay %u us\n", credit_tslice_ms,
		credit_ratelimit_us, credit_migration_delay_us);
	spin_lock_irqsave(&credit_lock, flags);
	list_for_each_entry (cd, &credit_doms, link)
		printk("  " PRI_domain ": weight %u cap %u, %u per vCPU, budget %ld us\n",
			cd->dom->domain_id, cd->weight, cd->cap, cd->vcpu_weight / WEIGHT_SCALE,
			(long)(cd->budget / 1000));
	spin_unlock_irqrestore(&credit_lock, flags);
}

/* --- Creation and removal --------------------------------------------------------------------- */

void *credit_alloc_pdata(unsigned int cpu)
{
	struct credit_cpu *cc = xzalloc(struct credit_cpu);

	if (!cc)
		return NULL;
	INIT_LIST_HEAD(&cc->runq);
	cc->pull_from = -1;
	cc->accounted = NOW();
	init_timer(&cc->balance, credit_balance, (void *)(unsigned long)cpu, cpu);
	cpumask_set_cpu(cpu, &credit_idlers);
	return cc;
}

void credit_free_pdata(void *pdata, unsigned int cpu)
{
	struct credit_cpu *cc = pdata;

	cpumask_clear_cpu(cpu, &credit_idlers);
	kill_timer(&cc->balance);
	xfree(cc);
}

void *credit_alloc_domdata(struct domain *d)
{
	struct credit_dom *cd = xzalloc(struct credit_dom);
	unsigned long flags;

	if (!cd)
		return NULL;
	cd->dom = d;
	cd->weight = DEFAULT_WEIGHT;
	cd->vcpu_weight = DEFAULT_WEIGHT * WEIGHT_SCALE;
	init_timer(&cd->refill, refill, cd, smp_processor_id());
	spin_lock_irqsave(&credit_lock, flags);
	list_add_tail(&cd->link, &credit_doms);
	spin_unlock_irqrestore(&credit_lock, flags);
	return cd;
}

void credit_free_domdata(void *domdata)
{
	struct credit_dom *cd = domdata;
	unsigned long flags;

	kill_timer(&cd->refill);
	spin_lock_irqsave(&credit_lock, flags);
	list_del(&cd->link);
	spin_unlock_irqrestore(&credit_lock, flags);
	xfree(cd);
}

void *credit_alloc_vdata(struct vcpu *v, void *domdata)
{
	struct credit_vcpu *cv = xzalloc(struct credit_vcpu);

	if (!cv)
		return NULL;
	cv->vcpu = v;
	cv->dom = domdata;
	cv->pri = PRI_UNDER;
	cv->last_cpu = v->processor;
	cv->stopped = NOW();
	return cv;
}

void credit_free_vdata(void *vdata)
{
	xfree(vdata);
}

void credit_remove_vcpu(struct vcpu *v)
{
	ASSERT(!is_queued(credit_vcpu(v)) && !v->is_running);
}

int credit_init(void)
{
	if (!tunables_valid(credit_tslice_ms, credit_ratelimit_us, credit_migration_delay_us)) {
		printk(XENLOG_WARNING "credit: bad time slice, rate limit or delay: defaults\n");
		credit_tslice_ms = 30;
		credit_ratelimit_us = 1000;
		credit_migration_delay_us = 0;
	}
	return 0;
}
