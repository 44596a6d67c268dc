/*
 * Deferred freeing. One grace period runs at a time: it ends when every CPU that was online at its
 * start has passed rcu_quiesce(). Functions queued meanwhile wait for the next one.
 */
#include <xen/lib.h>
#include <xen/percpu.h>
#include <xen/rcu.h>
#include <xen/smp.h>
#include <xen/softirq.h>
#include <xen/spinlock.h>

struct rcu_list {
	struct rcu_head *first, **last;
};

static DEFINE_SPINLOCK(rcu_lock, LOCK_RANK_LEAF);
static cpumask_t rcu_waiting; /* CPUs that the present grace period still waits for */
static struct rcu_list rcu_current = { NULL, &rcu_current.first }; /* end with the present one */
static struct rcu_list rcu_next = { NULL, &rcu_next.first };       /* with the one after it */
static struct rcu_list rcu_done = { NULL, &rcu_done.first };       /* may run */

/* Move everything of `from` behind the entries of `to`. */
static void rcu_splice(struct rcu_list *to, struct rcu_list *from)
{
	if (!from->first)
		return;
	*to->last = from->first;
	to->last = from->last;
	from->first = NULL;
	from->last = &from->first;
}

/* Begin a grace period for what is queued; rcu_lock held, none under way. False: nothing to do. */
static bool rcu_start(void)
{
	if (!rcu_next.first)
		return false;
	rcu_splice(&rcu_current, &rcu_next);
	rcu_waiting = cpu_online_map;
	return true;
}

/* Make CPUs that only run their guest come by. Without rcu_lock. */
static void rcu_poke(void)
{
	cpumask_raise_softirq(&cpu_online_map, RCU_SOFTIRQ);
}

void call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head))
{
	unsigned long flags;
	bool started = false;

	head->func = func;
	head->next = NULL;
	spin_lock_irqsave(&rcu_lock, flags);
	*rcu_next.last = head;
	rcu_next.last = &head->next;
	if (!rcu_current.first)
		started = rcu_start();
	spin_unlock_irqrestore(&rcu_lock, flags);
	if (started)
		rcu_poke();
}

void rcu_quiesce(void)
{
	unsigned int cpu = smp_processor_id();
	unsigned long flags;
	bool ended = false, started = false;

	if (likely(!cpumask_test_cpu(cpu, &rcu_waiting)))
		return;
	spin_lock_irqsave(&rcu_lock, flags);
	if (cpumask_test_and_clear_cpu(cpu, &rcu_waiting) && cpumask_empty(&rcu_waiting)) {
		rcu_splice(&rcu_done, &rcu_current);
		ended = true;
		started = rcu_start();
	}
	spin_unlock_irqrestore(&rcu_lock, flags);
	if (ended)
		raise_softirq(RCU_SOFTIRQ);
	if (started)
		rcu_poke();
}

/* Only do_softirq() gets here, never process_pending_softirqs(). */
static void rcu_softirq(void)
{
	struct rcu_list done = { NULL, &done.first };
	struct rcu_head *head, *next;

	rcu_quiesce();
	if (!READ_ONCE(rcu_done.first))
		return;
	spin_lock_irq(&rcu_lock);
	rcu_splice(&done, &rcu_done);
	spin_unlock_irq(&rcu_lock);
	for (head = done.first; head; head = next) {
		next = head->next;
		head->func(head);
	}
}

void __init rcu_init(void)
{
	open_softirq(RCU_SOFTIRQ, rcu_softirq);
}
