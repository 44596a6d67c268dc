/*
 * The credit scheduler: every domain has a weight and perhaps a cap.
 *
 * Each CPU's time is shared among the vCPUs that want to run there in proportion to their weights.
 * A vCPU's credit is the time that it is owed: what an ideal CPU, running all of them at once,
 * would have given it, less what it has had. Credit 0 or more is UNDER and runs first, less is
 * OVER. A vCPU that wakes UNDER is BOOSTed before both for its first tick.
 *
 * Keeping credits needs no periodic work: a CPU counts virtual time, which advances by real time
 * divided by the sum of weights, and each vCPU by its run time divided by its own weight; the
 * difference times the weight is the credit. Credits on a CPU sum up to 0. A CPU with one vCPU
 * does no arithmetic at all, has no tick and no time slice.
 *
 * Caps: a domain has a budget of run time for each tick. Without budget its vCPUs are parked.
 */
#include <xen/errno.h>
#include <xen/lib.h>
#include <xen/param.h>
#include <xen/sched.h>
#include <public/domctl.h>
#include <public/sysctl.h>

#include "credit.h"

cpumask_t credit_idlers, credit_overloaded;

/* --- Credit ----------------------------------------------------------------------------------- */

/* Charge the time since the last call to the vCPU that runs on a CPU (NULL: idle). Locked. */
static void account(struct credit_cpu *cc, struct credit_vcpu *cur, s_time_t now)
{
	s_time_t ran = now - cc->accounted;

	if (unlikely(ran <= 0))
		return;
	cc->accounted = now;
	if (!cur || !cur->competing)
		return;
	cur->ran += ran;
	if (unlikely(cur->dom->cap))
		__atomic_fetch_sub(&cur->dom->budget, ran, __ATOMIC_RELAXED);
	if (cc->total_weight == cur->weight)
		return; /* alone: owed exactly what it gets */
	ran = min(ran, (s_time_t)MAX_ACCOUNT);
	cc->vclock += ((u64)ran << VTIME_SHIFT) / cc->total_weight;
	cur->vtime += ((u64)ran << VTIME_SHIFT) / cur->weight;
}

static always_inline s64 to_vtime(s64 credit, s64 weight)
{
	return credit * (1L << VTIME_SHIFT) / weight;
}

static always_inline enum credit_pri pri_of(
	const struct credit_cpu *cc, const struct credit_vcpu *cv)
{
	return (s64)(cc->vclock - cv->vtime) >= 0 ? PRI_UNDER : PRI_OVER;
}

/* Begin to compete for a CPU with the credit in cv->credit. Locked, accounted. */
static void join(struct credit_cpu *cc, struct credit_vcpu *cv)
{
	cv->competing = true;
	cv->weight = cv->dom->vcpu_weight;
	if (likely(!cc->total_weight)) {
		cc->total_weight = cv->weight;
		cv->vtime = cc->vclock;
		return;
	}
	/* What it is owed, the others owe: the sum of credits stays 0. */
	cc->vclock -= to_vtime(cv->credit, cc->total_weight);
	cc->total_weight += cv->weight;
	cv->vtime = cc->vclock - to_vtime(cv->credit, cv->weight);
}

/* The opposite. */
static void leave(struct credit_cpu *cc, struct credit_vcpu *cv)
{
	cv->competing = false;
	if (likely(cc->total_weight == cv->weight)) {
		cc->total_weight = 0;
		cv->credit = 0;
		return;
	}
	cv->credit = credit_of(cc, cv);
	cc->total_weight -= cv->weight;
	cc->vclock += to_vtime(cv->credit, cc->total_weight);
	cv->credit = max_t(s64, min_t(s64, cv->credit, MAX_DEBT), -MAX_DEBT);
}

/* The weight of a domain's vCPUs changed: give a competing one the new one, keeping its credit. */
static void reweigh(struct credit_cpu *cc, struct credit_vcpu *cv)
{
	s64 credit;

	if (cv->weight == cv->dom->vcpu_weight)
		return;
	credit = credit_of(cc, cv);
	cc->total_weight += (u64)cv->dom->vcpu_weight - cv->weight;
	cv->weight = cv->dom->vcpu_weight;
	cv->vtime = cc->vclock - to_vtime(credit, cv->weight);
}

/* What a vCPU that waited for an event has earned meanwhile: its share of the time it slept. */
static void earn_asleep(const struct credit_cpu *cc, struct credit_vcpu *cv, s_time_t now)
{
	s_time_t slept = now - cv->stopped;
	u64 weight = cv->dom->vcpu_weight;

	if (slept <= 0)
		return;
	slept = min(slept, (s_time_t)MAX_SLEEP);
	cv->credit += slept * weight / (cc->total_weight + weight);
	cv->credit = min(cv->credit, (s64)MAX_CREDIT);
}

/* --- Run queues ------------------------------------------------------------------------------- */

static void enqueue(struct credit_cpu *cc, struct credit_vcpu *cv)
{
	struct list_head *pos = cc->runq.prev;

	/* Usually it belongs at or near the end. */
	while (pos != &cc->runq) {
		const struct credit_vcpu *other =
			credit_vcpu(list_entry(pos, struct vcpu, sched_link));

		if (other->pri < cv->pri ||
			(other->pri == cv->pri && (s64)(other->vtime - cv->vtime) <= 0))
			break;
		pos = pos->prev;
	}
	list_add(&cv->vcpu->sched_link, pos);
	cc->nr_queued++;
}

static void dequeue(struct credit_cpu *cc, struct credit_vcpu *cv)
{
	list_del(&cv->vcpu->sched_link);
	cc->nr_queued--;
}

/* Take a vCPU that may not run out of the competition. */
static void park(struct credit_cpu *cc, struct credit_vcpu *cv)
{
	leave(cc, cv);
	cv->parked = true;
}

/* A CPU without work that v may use, now told to look for some; false when there is none. */
static bool tickle_idler(const struct vcpu *v)
{
	cpumask_t hard, soft;
	unsigned int cpu;

	cpumask_and(&hard, &credit_idlers, &v->cpu_hard_affinity);
	if (cpumask_empty(&hard))
		return false;
	cpumask_and(&soft, &hard, &v->cpu_soft_affinity);
	cpu = cpumask_cycle(v->processor, cpumask_empty(&soft) ? &hard : &soft);
	cpumask_clear_cpu(cpu, &credit_idlers);
	cpu_raise_softirq(cpu, SCHEDULE_SOFTIRQ);
	return true;
}

/* A vCPU has been queued on a CPU that runs another one: who shall know? Locked, accounted. */
static void tickle_busy(unsigned int cpu, struct credit_vcpu *cv, s_time_t now)
{
	struct sched_cpu *sc = &per_cpu(sched_cpu, cpu);
	struct credit_vcpu *cur = credit_vcpu(sc->curr);
	enum credit_pri pri = cur->pri;
	s_time_t since = now - cur->started, when;
	bool helped;

	if (!cpumask_test_cpu(cpu, &credit_overloaded))
		cpumask_set_cpu(cpu, &credit_overloaded);
	helped = tickle_idler(cv->vcpu);
	if (pri != PRI_BOOST || since >= TICK)
		pri = pri_of(credit_cpu(cpu), cur);
	if (!helped && cv->pri < pri && since >= MICROSECS(credit_ratelimit_us)) {
		cpu_raise_softirq(cpu, SCHEDULE_SOFTIRQ);
		return;
	}
	/*
	 * The running one may have had the CPU for itself: from now on its time is limited, even
	 * when an idle CPU was called, for that can have found other work meanwhile.
	 */
	if (cv->pri < pri)
		when = (helped ? now : cur->started) + MICROSECS(credit_ratelimit_us);
	else
		when = cur->started + MILLISECS(credit_tslice_ms);
	if (!sc->slice_set || sc->slice.expires > when)
		sched_arm_slice(sc, when);
}

/* A vCPU that was blocked or parked enters its CPU's queue. Locked. */
void credit_insert(struct vcpu *v, struct credit_vcpu *cv)
{
	unsigned int cpu = v->processor;
	struct sched_cpu *sc = &per_cpu(sched_cpu, cpu);
	struct credit_cpu *cc = sc->priv;
	struct vcpu *cur = sc->curr;
	s_time_t now;

	if (likely(cur == sc->idle && !cc->total_weight)) {
		join(cc, cv);
		cv->pri = PRI_BOOST;
		enqueue(cc, cv);
		cpu_raise_softirq(cpu, SCHEDULE_SOFTIRQ);
		return;
	}
	now = NOW();
	account(cc, credit_vcpu(cur), now);
	earn_asleep(cc, cv, now);
	join(cc, cv);
	cv->pri = pri_of(cc, cv);
	if (cv->pri == PRI_UNDER)
		cv->pri = PRI_BOOST;
	enqueue(cc, cv);
	if (cur == sc->idle)
		cpu_raise_softirq(cpu, SCHEDULE_SOFTIRQ);
	else
		tickle_busy(cpu, cv, now);
}

static void credit_wake(struct vcpu *v)
{
	struct credit_vcpu *cv = credit_vcpu(v);

	if (cv->competing || unlikely(cv->parked))
		return;
	/* Blocked and woken before its CPU noticed: there is nothing to do. */
	if (unlikely(per_cpu(sched_cpu, v->processor).curr == v))
		return;
	if (out_of_budget(cv))
		cv->parked = true;
	else
		credit_insert(v, cv);
}

static void credit_sleep(struct vcpu *v)
{
	struct credit_vcpu *cv = credit_vcpu(v);
	unsigned int cpu = v->processor;
	struct sched_cpu *sc = &per_cpu(sched_cpu, cpu);

	cv->parked = false;
	if (sc->curr == v) {
		cpu_raise_softirq(cpu, SCHEDULE_SOFTIRQ);
	} else if (is_queued(cv)) {
		s_time_t now = NOW();

		account(sc->priv, credit_vcpu(sc->curr), now);
		dequeue(sc->priv, cv);
		leave(sc->priv, cv);
		cv->stopped = now;
	}
}

static bool credit_yield(struct vcpu *v)
{
	struct credit_cpu *cc = credit_cpu(v->processor);

	if (!cc->nr_queued && cpumask_empty(&credit_overloaded))
		return false;
	credit_vcpu(v)->yielded = true;
	return true;
}

/* A vCPU that lost its CPU can go elsewhere now. */
static void credit_context_saved(struct vcpu *v)
{
	if (unlikely(!cpumask_empty(&credit_idlers)) && v->sched_priv && is_queued(credit_vcpu(v)))
		tickle_idler(v);
}

/* --- Several CPUs ----------------------------------------------------------------------------- */

/* The CPU with the least to do among those that v may use and prefers. */
static unsigned int credit_pick_cpu(struct vcpu *v)
{
	cpumask_t hard, soft;
	const cpumask_t *mask = &soft;
	unsigned int cpu, best = NR_CPUS;
	u64 load, best_load = ~0ULL;

	cpumask_and(&hard, &v->cpu_hard_affinity, &cpu_online_map);
	cpumask_and(&soft, &hard, &v->cpu_soft_affinity);
	if (cpumask_empty(&soft))
		mask = &hard;
	for_each_cpu (cpu, mask) {
		load = READ_ONCE(credit_cpu(cpu)->total_weight);
		if (load < best_load || (load == best_load && cpu == v->processor)) {
			best = cpu;
			best_load = load;
		}
	}
	return best < NR_CPUS ? best : v->processor;
}

/* May `cpu` have this vCPU, which waits in another CPU's queue? */
static bool may_steal(const struct credit_vcpu *cv, unsigned int cpu, bool soft, s_time_t now)
{
	const struct vcpu *v = cv->vcpu;

	return !__atomic_load_n(&v->is_running, __ATOMIC_ACQUIRE) &&
		cpumask_test_cpu(cpu, &v->cpu_hard_affinity) &&
		(!soft || cpumask_test_cpu(cpu, &v->cpu_soft_affinity)) &&
		now - cv->stopped >= MICROSECS(credit_migration_delay_us);
}

/*
 * Take a vCPU with a better priority than `worse` from a CPU's queue; NULL when there is none.
 * `evenly`: only one that leaves that CPU with no less to do than we have then, and of those the
 * one that has had most of late, for it will have to share here.
 */
static struct credit_vcpu *steal_from(unsigned int from, unsigned int cpu, enum credit_pri worse,
	bool soft, bool evenly, s_time_t now)
{
	struct sched_cpu *sc = &per_cpu(sched_cpu, from);
	struct credit_cpu *cc = sc->priv;
	struct credit_vcpu *found = NULL;
	struct vcpu *v;

	if (!spin_trylock(&sc->lock))
		return NULL;
	list_for_each_entry (v, &cc->runq, sched_link) {
		struct credit_vcpu *cv = credit_vcpu(v);

		if (cv->pri >= worse)
			break;
		if (!may_steal(cv, cpu, soft, now))
			continue;
		if (!evenly) {
			found = cv;
			break;
		}
		if (credit_cpu(cpu)->total_weight + cv->weight <= cc->total_weight &&
			(!found || cv->share > found->share))
			found = cv;
	}
	if (found) {
		account(cc, credit_vcpu(sc->curr), now);
		dequeue(cc, found);
		leave(cc, found);
		WRITE_ONCE(found->vcpu->processor, cpu);
	}
	spin_unlock(&sc->lock);
	return found;
}

/* Look through the other CPUs; what they had to spare has joined our queue's competition. */
static struct credit_vcpu *steal(unsigned int cpu, enum credit_pri worse, s_time_t now)
{
	struct credit_cpu *cc = credit_cpu(cpu);
	struct credit_vcpu *cv;

	for (int soft = 1; soft >= 0; soft--) {
		unsigned int peer = cpu;

		for (unsigned int n = cpumask_weight(&credit_overloaded); n; n--) {
			peer = cpumask_cycle(peer, &credit_overloaded);
			if (peer >= NR_CPUS)
				return NULL;
			if (peer == cpu)
				continue;
			cv = steal_from(peer, cpu, worse, soft, false, now);
			if (cv) {
				join(cc, cv);
				return cv;
			}
		}
	}
	return NULL;
}

/* Another CPU has more to do and asked us to take one of its waiting vCPUs. */
static void pull(unsigned int cpu, struct credit_cpu *cc, s_time_t now)
{
	unsigned int from = cc->pull_from;
	struct credit_vcpu *cv;

	cc->pull_from = -1;
	cv = from == cpu ? NULL : steal_from(from, cpu, PRI_IDLE, false, true, now);
	if (!cv)
		return;
	join(cc, cv);
	cv->pri = pri_of(cc, cv);
	enqueue(cc, cv);
}

/* Share a domain's weight among those of its vCPUs that want to run these days. */
static void count_active(struct credit_dom *cd, s_time_t now)
{
	unsigned int n = 0;
	struct vcpu *v;

	if (now - cd->counted < BALANCE_PERIOD)
		return;
	cd->counted = now;
	for_each_vcpu (cd->dom, v) {
		const struct credit_vcpu *cv = credit_vcpu(v);

		n += cv && (cv->competing || cv->parked || now - cv->stopped < BALANCE_PERIOD);
	}
	WRITE_ONCE(cd->vcpu_weight, max_t(u32, cd->weight * WEIGHT_SCALE / max(n, 1u), 1));
}

/* Refresh a vCPU's share: what it has had over the last SHARE_WINDOW or two. */
static void sample_share(struct credit_vcpu *cv, s_time_t now)
{
	s_time_t age = now - cv->sampled;

	age = min(age, (s_time_t)SECONDS(1));
	cv->share = (cv->base_share * SHARE_WINDOW + (cv->ran - cv->sample_ran) * 1024) /
		(SHARE_WINDOW + age);
	if (age > SHARE_WINDOW) {
		cv->base_share = cv->share;
		cv->sample_ran = cv->ran;
		cv->sampled = now;
	}
}

/* Refresh weight and share of those that compete for a CPU; true when one that waits has had no
 * less than the one that runs, so that it would be fair to move it. */
static bool balance_refresh(struct sched_cpu *sc, cpumask_t *wanted, s_time_t now)
{
	struct credit_cpu *cc = sc->priv;
	struct credit_vcpu *cur = credit_vcpu(sc->curr);
	s64 share = -1;
	struct vcpu *v;

	if (cur && cur->competing) {
		count_active(cur->dom, now);
		reweigh(cc, cur);
		sample_share(cur, now);
	}
	list_for_each_entry (v, &cc->runq, sched_link) {
		struct credit_vcpu *cv = credit_vcpu(v);

		count_active(cv->dom, now);
		reweigh(cc, cv);
		sample_share(cv, now);
		share = max(share, cv->share);
		cpumask_or(wanted, wanted, &v->cpu_hard_affinity);
	}
	return share >= 0 && (!cur || share >= cur->share);
}

/* Somebody has waited on this CPU for a while: refresh weights, and offer work to a calmer CPU. */
void credit_balance(void *data)
{
	unsigned int cpu = (unsigned long)data, peer, best = NR_CPUS;
	struct sched_cpu *sc = &per_cpu(sched_cpu, cpu);
	struct credit_cpu *cc = sc->priv;
	cpumask_t wanted = CPUMASK_NONE;
	s_time_t now = NOW();
	bool move;
	u64 load;

	spin_lock_irq(&sc->lock);
	account(cc, credit_vcpu(sc->curr), now);
	move = balance_refresh(sc, &wanted, now);
	load = cc->total_weight;
	if (cc->nr_queued)
		set_timer(&cc->balance, now + (move ? BALANCE_PERIOD : TICK));
	spin_unlock_irq(&sc->lock);
	if (!move)
		return;

	cpumask_and(&wanted, &wanted, &cpu_online_map);
	for_each_cpu (peer, &wanted) {
		if (READ_ONCE(credit_cpu(peer)->total_weight) < load) {
			best = peer;
			load = READ_ONCE(credit_cpu(peer)->total_weight);
		}
	}
	if (best < NR_CPUS && best != cpu) {
		WRITE_ONCE(credit_cpu(best)->pull_from, cpu);
		cpu_raise_softirq(best, SCHEDULE_SOFTIRQ);
	}
}

/* --- The decision ----------------------------------------------------------------------------- */

/* The best vCPU waiting here, out of the queue, with its domain's budget checked. NULL: none. */
static struct credit_vcpu *take_first(struct credit_cpu *cc)
{
	while (!list_empty(&cc->runq)) {
		struct credit_vcpu *cv =
			credit_vcpu(list_first_entry(&cc->runq, struct vcpu, sched_link));

		dequeue(cc, cv);
		if (likely(!out_of_budget(cv)))
			return cv;
		park(cc, cv);
	}
	return NULL;
}

/* The vCPU that ran goes back to the queue, or out of the competition. */
static void put_current(struct credit_cpu *cc, struct credit_vcpu *cur, s_time_t now)
{
	cur->stopped = now;
	if (!vcpu_runnable(cur->vcpu)) {
		leave(cc, cur);
	} else if (out_of_budget(cur)) {
		park(cc, cur);
	} else {
		if (cur->pri != PRI_BOOST || cur->yielded || now - cur->started >= TICK)
			cur->pri = pri_of(cc, cur);
		if (unlikely(cur->yielded)) {
			/* Behind everybody, once. */
			cur->pri = PRI_IDLE;
			enqueue(cc, cur);
			cur->pri = pri_of(cc, cur);
		} else {
			enqueue(cc, cur);
		}
	}
	cur->yielded = false;
}

/* How long may cv run? */
static s_time_t slice_of(struct credit_cpu *cc, const struct credit_vcpu *cv)
{
	s_time_t slice = -1;

	if (cc->nr_queued)
		slice = cv->pri == PRI_BOOST ? TICK : MILLISECS(credit_tslice_ms);
	if (unlikely(cv->dom->cap)) {
		s_time_t left = __atomic_load_n(&cv->dom->budget, __ATOMIC_RELAXED);

		/* Its siblings may be using up the same budget at this moment. */
		left = max(left / cv->dom->dom->max_vcpus, (s_time_t)MIN_CAPPED_SLICE);
		slice = slice < 0 ? left : min(slice, left);
	}
	return slice;
}

/* The vCPU on the CPU has only just got it: -1, or how much longer it keeps it. */
static s_time_t ratelimit_left(const struct credit_vcpu *cur, s_time_t now)
{
	s_time_t ran = now - cur->started;

	if (ran >= MICROSECS(credit_ratelimit_us) || cur->yielded || !vcpu_runnable(cur->vcpu) ||
		out_of_budget(cur))
		return -1;
	return MICROSECS(credit_ratelimit_us) - ran;
}

/* Nothing to run here: be found when there is work. Returns what has turned up since, or NULL. */
static struct credit_vcpu *go_idle(unsigned int cpu, s_time_t now)
{
	struct credit_vcpu *cv;

	if (cpumask_test_cpu(cpu, &credit_idlers))
		return NULL;
	cpumask_set_cpu(cpu, &credit_idlers);
	if (likely(cpumask_empty(&credit_overloaded)))
		return NULL;
	cv = steal(cpu, PRI_IDLE, now);
	if (cv)
		cv->pri = pri_of(credit_cpu(cpu), cv);
	return cv;
}

/* Keep the notes about who waits where up to date. */
static void note_waiters(unsigned int cpu, struct credit_cpu *cc, s_time_t now)
{
	if (likely(!cc->nr_queued)) {
		if (cpumask_test_cpu(cpu, &credit_overloaded))
			cpumask_clear_cpu(cpu, &credit_overloaded);
		return;
	}
	if (!cpumask_test_cpu(cpu, &credit_overloaded))
		cpumask_set_cpu(cpu, &credit_overloaded);
	if (!timer_is_active(&cc->balance))
		set_timer(&cc->balance, now + BALANCE_PERIOD);
}

/* Who is next, once the former vCPU is put away? NULL: nobody. */
static struct credit_vcpu *choose(unsigned int cpu, struct credit_cpu *cc, s_time_t now)
{
	struct credit_vcpu *next, *other;

	if (unlikely(cc->pull_from >= 0))
		pull(cpu, cc, now);
	next = take_first(cc);
	if (likely(cpumask_empty(&credit_overloaded)) || (next && next->pri < PRI_OVER))
		return next;
	/* Somewhere somebody waits who has more right to run than what we have. */
	other = steal(cpu, next ? next->pri : PRI_IDLE, now);
	if (!other)
		return next;
	other->pri = pri_of(cc, other);
	if (next)
		enqueue(cc, next);
	return other;
}

static struct task_slice credit_do_schedule(s_time_t now, bool tasklet_work)
{
	unsigned int cpu = smp_processor_id();
	struct sched_cpu *sc = &this_cpu(sched_cpu);
	struct credit_cpu *cc = sc->priv;
	struct credit_vcpu *cur = credit_vcpu(sc->curr), *next;
	struct task_slice ret = { .time = -1 };

	account(cc, cur, now);
	if (cur) {
		s_time_t left = tasklet_work ? -1 : ratelimit_left(cur, now);

		if (left > 0 && cc->pull_from < 0) {
			ret.task = sc->curr;
			if (cc->nr_queued || cur->dom->cap)
				ret.time = left;
			return ret;
		}
		put_current(cc, cur, now);
	}
	next = unlikely(tasklet_work) ? NULL : choose(cpu, cc, now);
	note_waiters(cpu, cc, now);
	if (!next && likely(!tasklet_work))
		next = go_idle(cpu, now);
	if (!next) {
		ret.task = sc->idle;
		return ret;
	}

	if (cpumask_test_cpu(cpu, &credit_idlers))
		cpumask_clear_cpu(cpu, &credit_idlers);
	ret.task = next->vcpu;
	ret.time = slice_of(cc, next);
	ret.migrated = next->last_cpu != cpu;
	next->last_cpu = cpu;
	if (next != cur)
		next->started = now;
	else if (next->pri != PRI_BOOST && cc->nr_queued)
		next->started = now; /* a new slice */
	return ret;
}

const struct scheduler sched_credit = {
	.name = "SMP Credit Scheduler",
	.opt_name = "credit",
	.sched_id = XEN_SCHEDULER_CREDIT,
	.init = credit_init,
	.alloc_pdata = credit_alloc_pdata,
	.free_pdata = credit_free_pdata,
	.alloc_domdata = credit_alloc_domdata,
	.free_domdata = credit_free_domdata,
	.alloc_vdata = credit_alloc_vdata,
	.free_vdata = credit_free_vdata,
	.remove_vcpu = credit_remove_vcpu,
	.sleep = credit_sleep,
	.wake = credit_wake,
	.yield = credit_yield,
	.context_saved = credit_context_saved,
	.pick_cpu = credit_pick_cpu,
	.do_schedule = credit_do_schedule,
	.adjust = credit_adjust,
	.adjust_global = credit_adjust_global,
	.dump_settings = credit_dump_settings,
	.dump_cpu = credit_dump_cpu,
};
