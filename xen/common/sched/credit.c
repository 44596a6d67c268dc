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

#include "private.h"

#define DEFAULT_WEIGHT   256
#define TICK             MILLISECS(10)
#define BALANCE_PERIOD   MILLISECS(30)
#define SHARE_WINDOW     MILLISECS(120)
#define MAX_CREDIT       MILLISECS(15)  /* most that sleeping earns */
#define MAX_SLEEP        MILLISECS(100) /* longest sleep that is accounted for */
#define MAX_DEBT         MILLISECS(100) /* most that a vCPU takes along to another CPU */
#define MAX_ACCOUNT      SECONDS(1)     /* longest run accounted for at once */
#define MIN_CAPPED_SLICE MICROSECS(100)
#define BUDGET_TICKS     3 /* a capped domain may save so many ticks' budget */
#define WEIGHT_SCALE     64 /* a vCPU's weight is weight * this / active vCPUs of its domain */
#define VTIME_SHIFT      20 /* virtual time is (ns << this) / weight */

enum credit_pri { PRI_BOOST, PRI_UNDER, PRI_OVER, PRI_IDLE };

struct credit_dom {
	struct domain *dom;
	unsigned int weight, cap; /* cap: % of one CPU, 0 = none */
	u32 vcpu_weight;          /* what each of its active vCPUs weighs */
	s_time_t counted;         /* when the active vCPUs were counted */
	s64 budget;               /* ns left to run, when capped; atomic */
	struct timer refill;      /* armed while capped */
	struct list_head link;    /* all domains */
};

struct credit_vcpu {
	struct vcpu *vcpu;
	struct credit_dom *dom;
	u64 vtime;        /* while competing */
	s64 credit;       /* ns; while not competing */
	u32 weight;       /* while competing */
	enum credit_pri pri;
	bool competing;   /* counts in its CPU's total weight: queued or running */
	bool parked;      /* runnable, but its domain has no budget */
	bool yielded;
	unsigned int last_cpu;
	s64 ran;          /* all its run time so far */
	s64 sample_ran;   /* the same, and when that was, at the last sample */
	s_time_t sampled;
	s64 base_share, share; /* part of a CPU it had before that sample / has had lately; /1024 */
	s_time_t started; /* when it last got a CPU */
	s_time_t stopped; /* when it last lost one */
};

struct credit_cpu {
	struct list_head runq;   /* by priority, then most credit first */
	unsigned int nr_queued;
	u64 vclock;
	u64 total_weight;        /* of all competing here */
	s_time_t accounted;      /* up to here run time has been charged */
	struct timer balance;    /* armed while somebody waits */
	int pull_from;           /* a busier CPU wants us to take a vCPU; -1 = none */
};

static unsigned int tslice_ms __read_mostly = 30;
integer_param("sched_credit_tslice_ms", tslice_ms);
static unsigned int ratelimit_us __read_mostly = 1000;
integer_param("sched_ratelimit_us", ratelimit_us);
static unsigned int migration_delay_us __read_mostly;
integer_param("vcpu_migration_delay", migration_delay_us);

static cpumask_t idlers;     /* CPUs that run nothing and have not been told to look */
static cpumask_t overloaded; /* CPUs where somebody waits */
static LIST_HEAD(credit_doms);
static DEFINE_SPINLOCK(credit_lock, LOCK_RANK_SCHED_PRIV); /* credit_doms */

static always_inline struct credit_cpu *credit_cpu(unsigned int cpu)
{
	return per_cpu(sched_cpu, cpu).priv;
}

static always_inline struct credit_vcpu *credit_vcpu(const struct vcpu *v)
{
	return v->sched_priv; /* NULL for an idle vCPU */
}

static always_inline bool is_queued(const struct credit_vcpu *cv)
{
	return !list_empty(&cv->vcpu->sched_link);
}

static always_inline bool out_of_budget(const struct credit_vcpu *cv)
{
	return unlikely(cv->dom->cap) && __atomic_load_n(&cv->dom->budget, __ATOMIC_RELAXED) <= 0;
}

/* --- Credit --------------------------------------------------------------------------------------- */

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

static always_inline s64 credit_of(const struct credit_cpu *cc, const struct credit_vcpu *cv)
{
	return ((s64)(cc->vclock - cv->vtime) * (s64)cv->weight) >> VTIME_SHIFT;
}

static always_inline s64 to_vtime(s64 credit, s64 weight)
{
	return credit * (1L << VTIME_SHIFT) / weight;
}

static always_inline enum credit_pri pri_of(const struct credit_cpu *cc, const struct credit_vcpu *cv)
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

/* --- Run queues ------------------------------------------------------------------------------------ */

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

	cpumask_and(&hard, &idlers, &v->cpu_hard_affinity);
	if (cpumask_empty(&hard))
		return false;
	cpumask_and(&soft, &hard, &v->cpu_soft_affinity);
	cpu = cpumask_cycle(v->processor, cpumask_empty(&soft) ? &hard : &soft);
	cpumask_clear_cpu(cpu, &idlers);
	cpu_raise_softirq(cpu, SCHEDULE_SOFTIRQ);
	return true;
}

/* A vCPU has been queued on a CPU that runs another one: who shall know? Locked, accounted. */
static void tickle_busy(unsigned int cpu, struct credit_vcpu *cv, s_time_t now)
{
	struct sched_cpu *sc = &per_cpu(sched_cpu, cpu);
	struct credit_vcpu *cur = credit_vcpu(sc->curr);
	enum credit_pri pri = cur->pri;
	s_time_t since = now - cur->started, limit;

	if (!cpumask_test_cpu(cpu, &overloaded))
		cpumask_set_cpu(cpu, &overloaded);
	if (tickle_idler(cv->vcpu))
		return;
	if (pri != PRI_BOOST || since >= TICK)
		pri = pri_of(credit_cpu(cpu), cur);
	if (cv->pri < pri && since >= MICROSECS(ratelimit_us)) {
		cpu_raise_softirq(cpu, SCHEDULE_SOFTIRQ);
		return;
	}
	/* The running one had the CPU for itself: from now on its time is limited. */
	limit = cv->pri < pri ? MICROSECS(ratelimit_us) : MILLISECS(tslice_ms);
	if (!sc->slice_set || sc->slice.expires > cur->started + limit)
		sched_arm_slice(sc, cur->started + limit);
}

/* A vCPU that was blocked or parked enters its CPU's queue. Locked. */
static void insert(struct vcpu *v, struct credit_vcpu *cv)
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
		insert(v, cv);
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

	if (!cc->nr_queued && cpumask_empty(&overloaded))
		return false;
	credit_vcpu(v)->yielded = true;
	return true;
}

/* A vCPU that lost its CPU can go elsewhere now. */
static void credit_context_saved(struct vcpu *v)
{
	if (unlikely(!cpumask_empty(&idlers)) && v->sched_priv && is_queued(credit_vcpu(v)))
		tickle_idler(v);
}

/* --- Several CPUs ------------------------------------------------------------------------------------ */

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
		now - cv->stopped >= MICROSECS(migration_delay_us);
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

		for (unsigned int n = cpumask_weight(&overloaded); n; n--) {
			peer = cpumask_cycle(peer, &overloaded);
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
static void balance(void *data)
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

/* --- The decision -------------------------------------------------------------------------------------- */

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
		slice = cv->pri == PRI_BOOST ? TICK : MILLISECS(tslice_ms);
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

	if (ran >= MICROSECS(ratelimit_us) || cur->yielded || !vcpu_runnable(cur->vcpu) ||
		out_of_budget(cur))
		return -1;
	return MICROSECS(ratelimit_us) - ran;
}

/* Nothing to run here: be found when there is work. Returns what has turned up meanwhile, or NULL. */
static struct credit_vcpu *go_idle(unsigned int cpu, s_time_t now)
{
	struct credit_vcpu *cv;

	if (cpumask_test_cpu(cpu, &idlers))
		return NULL;
	cpumask_set_cpu(cpu, &idlers);
	if (likely(cpumask_empty(&overloaded)))
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
		if (cpumask_test_cpu(cpu, &overloaded))
			cpumask_clear_cpu(cpu, &overloaded);
		return;
	}
	if (!cpumask_test_cpu(cpu, &overloaded))
		cpumask_set_cpu(cpu, &overloaded);
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
	if (likely(cpumask_empty(&overloaded)) || (next && next->pri < PRI_OVER))
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

	if (cpumask_test_cpu(cpu, &idlers))
		cpumask_clear_cpu(cpu, &idlers);
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

/* --- Caps --------------------------------------------------------------------------------------------- */

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
			insert(v, cv);
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

/* --- Control -------------------------------------------------------------------------------------------- */

static int credit_adjust(struct domain *d, struct xen_domctl_scheduler_op *op)
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

static int credit_adjust_global(struct xen_sysctl_scheduler_op *op)
{
	struct xen_sysctl_credit_schedule *p = &op->u.sched_credit;

	if (op->cmd == XEN_SYSCTL_SCHEDOP_putinfo) {
		if (!tunables_valid(p->tslice_ms, p->ratelimit_us, p->vcpu_migr_delay_us))
			return -EINVAL;
		WRITE_ONCE(tslice_ms, p->tslice_ms);
		WRITE_ONCE(ratelimit_us, p->ratelimit_us);
		WRITE_ONCE(migration_delay_us, p->vcpu_migr_delay_us);
	}
	p->tslice_ms = tslice_ms;
	p->ratelimit_us = ratelimit_us;
	p->vcpu_migr_delay_us = migration_delay_us;
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

static void credit_dump_cpu(unsigned int cpu)
{
	const struct sched_cpu *sc = &per_cpu(sched_cpu, cpu);
	const struct credit_cpu *cc = sc->priv;
	const struct vcpu *v;

	printk("  queued %u, weight %lu, idle %u, overloaded %u\n", cc->nr_queued,
		(unsigned long)cc->total_weight / WEIGHT_SCALE, cpumask_test_cpu(cpu, &idlers),
		cpumask_test_cpu(cpu, &overloaded));
	if (credit_vcpu(sc->curr))
		dump_vcpu(cc, credit_vcpu(sc->curr), "run ");
	list_for_each_entry (v, &cc->runq, sched_link)
		dump_vcpu(cc, credit_vcpu(v), "wait");
}

static void credit_dump_settings(void)
{
	const struct credit_dom *cd;
	unsigned long flags;

	printk("  tslice %u ms, ratelimit %u us, migration delay %u us\n", tslice_ms, ratelimit_us,
		migration_delay_us);
	spin_lock_irqsave(&credit_lock, flags);
	list_for_each_entry (cd, &credit_doms, link)
		printk("  " PRI_domain ": weight %u cap %u, %u per vCPU, budget %ld us\n",
			cd->dom->domain_id, cd->weight, cd->cap, cd->vcpu_weight / WEIGHT_SCALE,
			(long)(cd->budget / 1000));
	spin_unlock_irqrestore(&credit_lock, flags);
}

/* --- Creation and removal -------------------------------------------------------------------------------- */

static void *credit_alloc_pdata(unsigned int cpu)
{
	struct credit_cpu *cc = xzalloc(struct credit_cpu);

	if (!cc)
		return NULL;
	INIT_LIST_HEAD(&cc->runq);
	cc->pull_from = -1;
	cc->accounted = NOW();
	init_timer(&cc->balance, balance, (void *)(unsigned long)cpu, cpu);
	cpumask_set_cpu(cpu, &idlers);
	return cc;
}

static void credit_free_pdata(void *pdata, unsigned int cpu)
{
	struct credit_cpu *cc = pdata;

	cpumask_clear_cpu(cpu, &idlers);
	kill_timer(&cc->balance);
	xfree(cc);
}

static void *credit_alloc_domdata(struct domain *d)
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

static void credit_free_domdata(void *domdata)
{
	struct credit_dom *cd = domdata;
	unsigned long flags;

	kill_timer(&cd->refill);
	spin_lock_irqsave(&credit_lock, flags);
	list_del(&cd->link);
	spin_unlock_irqrestore(&credit_lock, flags);
	xfree(cd);
}

static void *credit_alloc_vdata(struct vcpu *v, void *domdata)
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

static void credit_free_vdata(void *vdata)
{
	xfree(vdata);
}

static void credit_remove_vcpu(struct vcpu *v)
{
	ASSERT(!is_queued(credit_vcpu(v)) && !v->is_running);
}

static int credit_init(void)
{
	if (!tunables_valid(tslice_ms, ratelimit_us, migration_delay_us)) {
		printk(XENLOG_WARNING "credit: bad time slice, rate limit or delay, using defaults\n");
		tslice_ms = 30;
		ratelimit_us = 1000;
		migration_delay_us = 0;
	}
	return 0;
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
