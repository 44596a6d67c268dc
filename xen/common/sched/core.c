/*
 * The scheduler's core: a vCPU's states and the time spent in them, switching, CPU affinity. Who
 * runs next is decided by one of the schedulers behind struct scheduler.
 */
#include <xen/errno.h>
#include <xen/keyhandler.h>
#include <xen/lib.h>
#include <xen/perfc.h>
#include <xen/param.h>
#include <xen/sched.h>
#include <xen/trace.h>
#include <public/domctl.h>
#include <public/sysctl.h>

#include "private.h"

DEFINE_PER_CPU(struct vcpu *, idle_vcpu);
DEFINE_PER_CPU(struct sched_cpu, sched_cpu);
struct domain *idle_domain;
const struct scheduler *sched_ops __read_mostly = &sched_credit;

static const struct scheduler *const schedulers[] = { &sched_credit, &sched_sedf, &sched_bvt,
	&sched_rrobin };

static char opt_sched[16] = "credit";
string_param("sched", opt_sched);

/* --- Time accounting -------------------------------------------------------------------------- */

/* A vCPU in one word of a trace record. */
static always_inline u32 trace_vcpu(const struct vcpu *v)
{
	return v->vcpu_id | (u32)v->domain->domain_id << 16;
}

/* v enters a state (RUNSTATE_*) at `now`. Its CPU's lock is held. */
static always_inline void runstate_change(struct vcpu *v, int state, s_time_t now)
{
	s_time_t spent = now - (s_time_t)v->runstate.state_entry_time;

	TRACE(TRC_SCHED_RUNSTATE_CHANGE | (u32)v->runstate.state << 8 | (u32)state << 4, trace_vcpu(v));
	if (likely(spent > 0)) {
		v->runstate.time[v->runstate.state] += spent;
		v->runstate.state_entry_time = now;
	}
	v->runstate.state = state;
}

/* The state of a vCPU that does not run. */
static always_inline int stopped_runstate(const struct vcpu *v)
{
	unsigned long flags = READ_ONCE(v->pause_flags);

	if (vcpu_runnable(v))
		return RUNSTATE_runnable;
	return flags & BIT(VPF_blocked) && !(flags & BIT(VPF_down)) ? RUNSTATE_blocked :
		RUNSTATE_offline;
}

/* A consistent copy of v's runstate with the present state's time counted up to now. */
void vcpu_runstate_get(struct vcpu *v, struct vcpu_runstate_info *rs)
{
	unsigned long flags;
	struct sched_cpu *sc = vcpu_sched_lock(v, &flags);
	s_time_t spent;

	*rs = v->runstate;
	spin_unlock_irqrestore(&sc->lock, flags);
	spent = NOW() - (s_time_t)rs->state_entry_time;
	if (spent > 0)
		rs->time[rs->state] += spent;
}

/* --- Runnable or not -------------------------------------------------------------------------- */

void vcpu_wake(struct vcpu *v)
{
	unsigned long flags;
	struct sched_cpu *sc = vcpu_sched_lock(v, &flags);

	TRACE(TRC_SCHED_WAKE, v->domain->domain_id, v->vcpu_id);
	if (likely(vcpu_runnable(v))) {
		if (v->runstate.state >= RUNSTATE_blocked)
			runstate_change(v, RUNSTATE_runnable, NOW());
		sched_ops->wake(v);
	} else if (!(READ_ONCE(v->pause_flags) & BIT(VPF_blocked)) &&
		v->runstate.state == RUNSTATE_blocked) {
		runstate_change(v, RUNSTATE_offline, NOW());
	}
	spin_unlock_irqrestore(&sc->lock, flags);
}

void vcpu_sleep_nosync(struct vcpu *v)
{
	unsigned long flags;
	struct sched_cpu *sc = vcpu_sched_lock(v, &flags);

	TRACE(TRC_SCHED_SLEEP, v->domain->domain_id, v->vcpu_id);
	if (likely(!vcpu_runnable(v))) {
		if (v->runstate.state == RUNSTATE_runnable)
			runstate_change(v, stopped_runstate(v), NOW());
		sched_ops->sleep(v);
	}
	spin_unlock_irqrestore(&sc->lock, flags);
}

void vcpu_sleep_sync(struct vcpu *v)
{
	ASSERT(v != current);
	vcpu_sleep_nosync(v);
	while (!vcpu_runnable(v) && __atomic_load_n(&v->is_running, __ATOMIC_ACQUIRE))
		cpu_relax();
	sync_vcpu_execstate(v);
}

void vcpu_unblock(struct vcpu *v)
{
	if (!test_bit(VPF_blocked, &v->pause_flags) ||
		!test_and_clear_bit(VPF_blocked, &v->pause_flags))
		return;
	vcpu_wake(v);
}

/* --- Affinity --------------------------------------------------------------------------------- */

/* A vCPU marked VPF_migrating has stopped running: give it a CPU that it may use. */
static void vcpu_migrate_finish(struct vcpu *v)
{
	unsigned long flags;
	struct sched_cpu *sc = vcpu_sched_lock(v, &flags);
	unsigned int cpu;

	if (READ_ONCE(v->is_running) || !test_and_clear_bit(VPF_migrating, &v->pause_flags)) {
		spin_unlock_irqrestore(&sc->lock, flags);
		return;
	}
	cpu = sched_ops->pick_cpu(v);
	if (cpu != v->processor) {
		if (sched_ops->migrate)
			sched_ops->migrate(v, cpu);
		WRITE_ONCE(v->processor, cpu);
	}
	spin_unlock_irqrestore(&sc->lock, flags);
	vcpu_timers_migrate(v, cpu);
	vcpu_wake(v);
}

/* Take v off its CPU and let it choose one again. */
static void vcpu_migrate(struct vcpu *v)
{
	set_bit(VPF_migrating, &v->pause_flags);
	vcpu_sleep_nosync(v);
	vcpu_migrate_finish(v); /* or context_saved() does, when it has to stop first */
}

int vcpu_set_hard_affinity(struct vcpu *v, const cpumask_t *mask)
{
	unsigned long flags;
	struct sched_cpu *sc;
	bool move;

	if (!cpumask_intersects(mask, &cpu_online_map))
		return -EINVAL;
	sc = vcpu_sched_lock(v, &flags);
	if (v->affinity_overridden) {
		spin_unlock_irqrestore(&sc->lock, flags);
		return -EBUSY;
	}
	v->cpu_hard_affinity = *mask;
	move = !cpumask_test_cpu(v->processor, mask);
	spin_unlock_irqrestore(&sc->lock, flags);
	if (move)
		vcpu_migrate(v);
	return 0;
}

int vcpu_set_soft_affinity(struct vcpu *v, const cpumask_t *mask)
{
	unsigned long flags;
	struct sched_cpu *sc;

	if (cpumask_empty(mask))
		return -EINVAL;
	sc = vcpu_sched_lock(v, &flags);
	v->cpu_soft_affinity = *mask;
	spin_unlock_irqrestore(&sc->lock, flags);
	return 0;
}

int vcpu_override_affinity(struct vcpu *v, int cpu)
{
	unsigned long flags;
	struct sched_cpu *sc;
	bool move;
	int rc = 0;

	if (cpu >= 0 && (cpu >= NR_CPUS || !cpu_online(cpu)))
		return -EINVAL;
	sc = vcpu_sched_lock(v, &flags);
	if (cpu < 0 && !v->affinity_overridden) {
		rc = -EINVAL;
	} else if (cpu < 0) {
		v->cpu_hard_affinity = v->cpu_hard_affinity_saved;
		v->affinity_overridden = false;
	} else {
		if (!v->affinity_overridden)
			v->cpu_hard_affinity_saved = v->cpu_hard_affinity;
		v->cpu_hard_affinity = cpumask_of(cpu);
		v->affinity_overridden = true;
	}
	move = !cpumask_test_cpu(v->processor, &v->cpu_hard_affinity);
	spin_unlock_irqrestore(&sc->lock, flags);
	if (move)
		vcpu_migrate(v);
	return rc;
}

/* --- Switching -------------------------------------------------------------------------------- */

static void slice_over(void *unused)
{
	TRACE(TRC_SCHED_S_TIMER_FN);
	raise_softirq(SCHEDULE_SOFTIRQ);
}

static void trace_switch(const struct vcpu *prev, const struct vcpu *next, s_time_t now, s_time_t slice)
{
	u32 ran = now - (s_time_t)prev->runstate.state_entry_time;
	u32 waited = now - (s_time_t)next->runstate.state_entry_time;

	if (prev == next) {
		TRACE(TRC_SCHED_SWITCH_INFCONT, next->domain->domain_id, next->vcpu_id, ran, slice);
		TRACE(TRC_SCHED_CONTINUE_RUNNING, trace_vcpu(next));
		return;
	}
	TRACE(TRC_SCHED_SWITCH_INFPREV, prev->domain->domain_id, prev->vcpu_id, ran);
	TRACE(TRC_SCHED_SWITCH_INFNEXT, next->domain->domain_id, next->vcpu_id,
		next->runstate.state == RUNSTATE_runnable ? waited : 0, slice);
	TRACE(TRC_SCHED_SWITCH, prev->domain->domain_id, prev->vcpu_id, next->domain->domain_id,
		next->vcpu_id);
}

/* SCHEDULE_SOFTIRQ: leave `current` for whoever shall run. Returns only when that is current. */
static void schedule(void)
{
	struct sched_cpu *sc = &this_cpu(sched_cpu);
	struct vcpu *prev = sc->curr, *next;
	struct task_slice slice;
	s_time_t now;

	perfc_incr(sched_run);
	ASSERT(!lock_check_held());
	spin_lock_irq(&sc->lock);
	now = NOW();
	slice = sched_ops->do_schedule(now, tasklets_pending());
	next = slice.task;
	if (slice.time >= 0) {
		sched_arm_slice(sc, now + slice.time);
	} else if (sc->slice_set) {
		stop_timer(&sc->slice);
		sc->slice_set = false;
	}
	if (unlikely(trace_active))
		trace_switch(prev, next, now, slice.time);
	if (prev == next) {
		spin_unlock_irq(&sc->lock);
		return;
	}
	sc->curr = next;
	sc->migrated = slice.migrated;
	runstate_change(prev, stopped_runstate(prev), now);
	runstate_change(next, RUNSTATE_running, now);
	ASSERT(!next->is_running);
	next->is_running = true;
	spin_unlock(&sc->lock); /* interrupts stay off */

	if (prev->periodic_period)
		stop_timer(&prev->periodic_timer);
	if (!is_idle_vcpu(prev))
		update_runstate_area(prev);
	perfc_incr(sched_ctx);
	context_switch(prev, next);
}

void context_saved(struct vcpu *prev)
{
	struct sched_cpu *sc = &this_cpu(sched_cpu);
	struct vcpu *next = sc->curr;

	__atomic_store_n(&prev->is_running, false, __ATOMIC_RELEASE);
	smp_mb(); /* either we see VPF_migrating, or vcpu_migrate() sees that it has stopped */
	if (unlikely(test_bit(VPF_migrating, &prev->pause_flags)))
		vcpu_migrate_finish(prev);
	else if (sched_ops->context_saved)
		sched_ops->context_saved(prev);

	if (is_idle_vcpu(next))
		return;
	if (unlikely(sc->migrated)) {
		sc->migrated = false;
		vcpu_timers_migrate(next, smp_processor_id());
		evtchn_move_pirqs(next);
	}
	if (next->periodic_period)
		vcpu_periodic_timer_work(next);
}

/* --- Creation and removal --------------------------------------------------------------------- */

int sched_init_vcpu(struct vcpu *v)
{
	unsigned long flags;
	struct sched_cpu *sc;

	INIT_LIST_HEAD(&v->sched_link);
	v->poll_evtchn = -1;
	v->runstate.state = is_idle_vcpu(v) ? RUNSTATE_running : RUNSTATE_offline;
	v->runstate.state_entry_time = NOW();
	cpumask_setall(&v->cpu_hard_affinity);
	cpumask_setall(&v->cpu_soft_affinity);
	if (is_idle_vcpu(v)) {
		v->cpu_hard_affinity = cpumask_of(v->processor);
		v->is_running = true;
		return 0;
	}
	vcpu_timers_init(v);
	v->sched_priv = sched_ops->alloc_vdata(v, v->domain->sched_priv);
	if (!v->sched_priv)
		return -ENOMEM;
	if (sched_ops->insert_vcpu) {
		sc = vcpu_sched_lock(v, &flags);
		sched_ops->insert_vcpu(v);
		spin_unlock_irqrestore(&sc->lock, flags);
	}
	return 0;
}

void sched_destroy_vcpu(struct vcpu *v)
{
	unsigned long flags;
	struct sched_cpu *sc;

	if (is_idle_vcpu(v))
		return;
	vcpu_timers_kill(v);
	if (!v->sched_priv)
		return;
	if (sched_ops->remove_vcpu) {
		sc = vcpu_sched_lock(v, &flags);
		sched_ops->remove_vcpu(v);
		spin_unlock_irqrestore(&sc->lock, flags);
	}
	sched_ops->free_vdata(v->sched_priv);
	v->sched_priv = NULL;
}

int sched_init_domain(struct domain *d)
{
	d->sched = sched_ops;
	d->sched_priv = sched_ops->alloc_domdata(d);
	if (!d->sched_priv)
		return -ENOMEM;
	TRACE(TRC_SCHED_DOM_ADD, d->domain_id);
	TRACE(TRC_DOM0_DOM_ADD, d->domain_id);
	return 0;
}

void sched_destroy_domain(struct domain *d)
{
	if (!d->sched_priv)
		return;
	sched_ops->free_domdata(d->sched_priv);
	d->sched_priv = NULL;
	TRACE(TRC_SCHED_DOM_REM, d->domain_id);
	TRACE(TRC_DOM0_DOM_REM, d->domain_id);
}

int scheduler_cpu_up(unsigned int cpu)
{
	struct sched_cpu *sc = &per_cpu(sched_cpu, cpu);

	if (sc->idle)
		return 0;
	spin_lock_init(&sc->lock, LOCK_RANK_RUNQ);
	init_timer(&sc->slice, slice_over, NULL, cpu);
	sc->priv = sched_ops->alloc_pdata(cpu);
	if (!sc->priv)
		return -ENOMEM;
	sc->idle = vcpu_create(idle_domain, cpu, cpu);
	if (!sc->idle) {
		sched_ops->free_pdata(sc->priv, cpu);
		sc->priv = NULL;
		return -ENOMEM;
	}
	sc->curr = sc->idle;
	per_cpu(idle_vcpu, cpu) = sc->idle;
	return 0;
}

/* The scheduler that sched= names. */
static void __init choose_scheduler(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(schedulers); i++) {
		if (!strcmp(schedulers[i]->opt_name, opt_sched)) {
			sched_ops = schedulers[i];
			return;
		}
	}
	printk(XENLOG_ERR "sched=%s: no such scheduler, using %s\n", opt_sched,
		sched_ops->opt_name);
}

void __init scheduler_init(void)
{
	unsigned int cpu = smp_processor_id();

	choose_scheduler();
	printk(XENLOG_INFO "Using scheduler: %s (%s)\n", sched_ops->name, sched_ops->opt_name);
	if (sched_ops->init && sched_ops->init())
		panic("scheduler: no memory\n");
	if (domain_create(DOMID_IDLE, NULL, &idle_domain) || scheduler_cpu_up(cpu))
		panic("scheduler: no memory for the idle domain\n");
	set_current(per_cpu(idle_vcpu, cpu));
	open_softirq(SCHEDULE_SOFTIRQ, schedule);
	register_keyhandler('r', dump_runq, "dump run queues", true);
}

/* --- Control ---------------------------------------------------------------------------------- */

const char *scheduler_name(void)
{
	return sched_ops->opt_name;
}

unsigned int scheduler_id(void)
{
	return sched_ops->sched_id;
}

long sched_adjust(struct domain *d, struct xen_domctl_scheduler_op *op)
{
	if (op->sched_id != sched_ops->sched_id)
		return -EINVAL;
	TRACE(TRC_SCHED_ADJDOM, d->domain_id);
	return sched_ops->adjust(d, op);
}

long sched_adjust_global(struct xen_sysctl_scheduler_op *op)
{
	if (op->cmd != XEN_SYSCTL_SCHEDOP_putinfo && op->cmd != XEN_SYSCTL_SCHEDOP_getinfo)
		return -EINVAL;
	if (op->cpupool_id)
		return -ESRCH;
	if (op->sched_id != sched_ops->sched_id)
		return -EINVAL;
	TRACE(TRC_SCHED_CTL);
	return sched_ops->adjust_global ? sched_ops->adjust_global(op) : -EOPNOTSUPP;
}

void dump_runq(unsigned char key)
{
	unsigned int cpu;
	unsigned long flags;

	printk("Scheduler: %s (%s), now %ld ns\n", sched_ops->name, sched_ops->opt_name,
		(long)NOW());
	if (sched_ops->dump_settings)
		sched_ops->dump_settings();
	for_each_online_cpu (cpu) {
		struct sched_cpu *sc = &per_cpu(sched_cpu, cpu);

		spin_lock_irqsave(&sc->lock, flags);
		printk("CPU%u: running " PRI_vcpu "\n", cpu, sc->curr->domain->domain_id,
			sc->curr->vcpu_id);
		if (sched_ops->dump_cpu)
			sched_ops->dump_cpu(cpu);
		spin_unlock_irqrestore(&sc->lock, flags);
	}
}
