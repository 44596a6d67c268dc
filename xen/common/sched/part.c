/* See part.h. */
#include <xen/lib.h>
#include <xen/sched.h>

#include "part.h"

void *part_alloc_pdata(unsigned int cpu)
{
	struct part_cpu *pc = xzalloc(struct part_cpu);

	if (!pc)
		return NULL;
	INIT_LIST_HEAD(&pc->runq);
	pc->accounted = NOW();
	return pc;
}

void part_free_pdata(void *pdata, unsigned int cpu)
{
	xfree(pdata);
}

static void count(unsigned int cpu, int by)
{
	__atomic_fetch_add(&part_cpu(cpu)->assigned, by, __ATOMIC_RELAXED);
}

void part_insert_vcpu(struct vcpu *v)
{
	count(v->processor, 1);
}

void part_remove_vcpu(struct vcpu *v)
{
	ASSERT(list_empty(&v->sched_link) && !v->is_running);
	count(v->processor, -1);
}

void part_migrate(struct vcpu *v, unsigned int cpu)
{
	count(v->processor, -1);
	count(cpu, 1);
}

/* The CPU with the fewest vCPUs among those that v may use and prefers. */
unsigned int part_pick_cpu(struct vcpu *v)
{
	unsigned int cpu, best = v->processor, load, best_load = ~0u;
	cpumask_t mask, soft;

	cpumask_and(&mask, &v->cpu_hard_affinity, &cpu_online_map);
	cpumask_and(&soft, &mask, &v->cpu_soft_affinity);
	if (!cpumask_empty(&soft))
		mask = soft;
	for_each_cpu (cpu, &mask) {
		load = __atomic_load_n(&part_cpu(cpu)->assigned, __ATOMIC_RELAXED);
		load -= cpu == v->processor; /* itself */
		if (load < best_load || (load == best_load && cpu == v->processor)) {
			best = cpu;
			best_load = load;
		}
	}
	return best;
}

bool part_is_active(const struct vcpu *v)
{
	return !list_empty(&v->sched_link) || per_cpu(sched_cpu, v->processor).curr == v;
}

bool part_enqueue(struct vcpu *v)
{
	if (part_is_active(v))
		return false;
	list_add_tail(&v->sched_link, &part_cpu(v->processor)->runq);
	cpu_raise_softirq(v->processor, SCHEDULE_SOFTIRQ);
	return true;
}

void part_sleep(struct vcpu *v)
{
	if (per_cpu(sched_cpu, v->processor).curr == v)
		cpu_raise_softirq(v->processor, SCHEDULE_SOFTIRQ);
	else
		list_del(&v->sched_link);
}

bool part_yield(struct vcpu *v)
{
	struct part_cpu *pc = part_cpu(v->processor);

	if (list_empty(&pc->runq))
		return false;
	pc->yielded = true;
	return true;
}

void part_account(unsigned int cpu, const struct part_policy *policy, s_time_t now)
{
	struct sched_cpu *sc = &per_cpu(sched_cpu, cpu);
	struct part_cpu *pc = sc->priv;

	if (sc->curr != sc->idle && now > pc->accounted)
		policy->charge(sc->curr, now - pc->accounted, now);
	pc->accounted = now;
}

/* The queue's choice; `prev`, if it may run, goes into the queue first, or last when it yielded. */
static struct vcpu *choose(const struct part_policy *policy, struct part_cpu *pc, struct vcpu *prev,
	bool runnable, s_time_t now, s_time_t *slice)
{
	bool yielded = pc->yielded && runnable;
	struct vcpu *next = NULL;

	pc->yielded = false;
	if (yielded) {
		next = policy->choose(pc, prev, now, slice);
		if (next)
			list_del(&next->sched_link);
	}
	if (runnable)
		list_add_tail(&prev->sched_link, &pc->runq);
	if (next)
		return next;
	next = policy->choose(pc, prev, now, slice);
	if (next)
		list_del(&next->sched_link);
	return next;
}

struct task_slice part_schedule(const struct part_policy *policy, s_time_t now, bool tasklet_work)
{
	unsigned int cpu = smp_processor_id();
	struct sched_cpu *sc = &this_cpu(sched_cpu);
	struct part_cpu *pc = sc->priv;
	bool was_idle = sc->curr == sc->idle;
	struct task_slice ret = { .task = sc->idle, .time = -1 };
	struct part_vcpu *next;
	struct vcpu *v;

	part_account(cpu, policy, now);
	if (unlikely(tasklet_work)) {
		pc->yielded = false;
		if (!was_idle && vcpu_runnable(sc->curr))
			list_add_tail(&sc->curr->sched_link, &pc->runq);
		return ret;
	}
	v = choose(policy, pc, sc->curr, !was_idle && vcpu_runnable(sc->curr), now, &ret.time);
	if (!v)
		return ret;
	next = v->sched_priv;
	ret.task = v;
	ret.migrated = next->last_cpu != cpu;
	next->last_cpu = cpu;
	return ret;
}
