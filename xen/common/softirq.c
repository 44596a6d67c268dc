/*
 * Softirqs: a word of pending bits per CPU, run with interrupts on before the CPU returns to a
 * guest or idles. Tasklets: functions that the idle vCPU of a CPU runs, so that they may pause any
 * guest's vCPU and take their time.
 */
#include <xen/lib.h>
#include <xen/sched.h>
#include <xen/softirq.h>
#include <xen/spinlock.h>

#include "sched/private.h"

DEFINE_PER_CPU(unsigned long, softirq_pending);

static void (*softirq_handlers[NR_SOFTIRQS])(void);

void open_softirq(enum softirq nr, void (*handler)(void))
{
	ASSERT(nr < NR_SOFTIRQS);
	softirq_handlers[nr] = handler;
}

void raise_softirq(enum softirq nr)
{
	set_bit(nr, &this_cpu(softirq_pending));
}

void cpu_raise_softirq(unsigned int cpu, enum softirq nr)
{
	if (test_and_set_bit(nr, &per_cpu(softirq_pending, cpu)))
		return;
	if (cpu != smp_processor_id())
		smp_send_event_check_cpu(cpu);
}

void cpumask_raise_softirq(const cpumask_t *mask, enum softirq nr)
{
	unsigned int cpu;

	for_each_cpu(cpu, mask)
		cpu_raise_softirq(cpu, nr);
}

/* Run what is pending apart from the bits of `leave`. */
static always_inline void run_softirqs(unsigned long leave)
{
	volatile unsigned long *pending = &this_cpu(softirq_pending);
	unsigned long work;

	while ((work = *pending & ~leave) != 0) {
		unsigned int nr = __builtin_ctzl(work);

		clear_bit(nr, pending);
		softirq_handlers[nr]();
	}
}

void do_softirq(void)
{
	run_softirqs(0);
}

void process_pending_softirqs(void)
{
	/* The caller may hold RCU-protected pointers and is no good point to leave the stack. */
	run_softirqs(BIT(SCHEDULE_SOFTIRQ) | BIT(SCHED_SLAVE_SOFTIRQ) | BIT(RCU_SOFTIRQ) |
		BIT(TASKLET_SOFTIRQ));
}

/* --- Tasklets --------------------------------------------------------------------------------- */

static DEFINE_SPINLOCK(tasklet_lock, LOCK_RANK_LEAF);
static DEFINE_PER_CPU(struct list_head, tasklet_list);
static DEFINE_PER_CPU(bool, tasklets_waiting);

/* The list of a CPU; tasklet_lock held. It starts out as zeroes. */
static struct list_head *tasklet_queue(unsigned int cpu)
{
	struct list_head *list = &per_cpu(tasklet_list, cpu);

	if (!list->next)
		INIT_LIST_HEAD(list);
	return list;
}

void tasklet_init(struct tasklet *t, void (*func)(void *), void *data)
{
	*t = (struct tasklet){ .func = func, .data = data, .scheduled_on = -1 };
	INIT_LIST_HEAD(&t->list);
}

/* Put `t` on its CPU's list; tasklet_lock held. True when that CPU has to be told. */
static bool tasklet_enqueue(struct tasklet *t)
{
	unsigned int cpu = t->scheduled_on;
	bool tell = !per_cpu(tasklets_waiting, cpu);

	list_add_tail(&t->list, tasklet_queue(cpu));
	WRITE_ONCE(per_cpu(tasklets_waiting, cpu), true);
	return tell;
}

void tasklet_schedule_on_cpu(struct tasklet *t, unsigned int cpu)
{
	unsigned long flags;
	bool tell = false;

	spin_lock_irqsave(&tasklet_lock, flags);
	if (!t->is_dead) {
		t->scheduled_on = cpu;
		/* While it runs, tasklets_run() queues it again afterwards. */
		if (!t->is_running) {
			list_del(&t->list);
			tell = tasklet_enqueue(t);
		}
	}
	spin_unlock_irqrestore(&tasklet_lock, flags);
	if (tell)
		cpu_raise_softirq(cpu, TASKLET_SOFTIRQ);
}

void tasklet_schedule(struct tasklet *t)
{
	tasklet_schedule_on_cpu(t, smp_processor_id());
}

void tasklet_kill(struct tasklet *t)
{
	unsigned long flags;

	spin_lock_irqsave(&tasklet_lock, flags);
	t->is_dead = true;
	t->scheduled_on = -1;
	list_del(&t->list);
	while (t->is_running) {
		spin_unlock_irqrestore(&tasklet_lock, flags);
		cpu_relax();
		spin_lock_irqsave(&tasklet_lock, flags);
	}
	spin_unlock_irqrestore(&tasklet_lock, flags);
}

bool tasklets_pending(void)
{
	return READ_ONCE(this_cpu(tasklets_waiting));
}

void tasklets_run(void)
{
	struct list_head *list;
	struct tasklet *t;

	spin_lock_irq(&tasklet_lock);
	list = tasklet_queue(smp_processor_id());
	if (!list_empty(list)) {
		t = list_first_entry(list, struct tasklet, list);
		list_del(&t->list);
		t->scheduled_on = -1;
		t->is_running = true;
		spin_unlock_irq(&tasklet_lock);
		t->func(t->data);
		spin_lock_irq(&tasklet_lock);
		t->is_running = false;
		if (t->scheduled_on >= 0 && tasklet_enqueue(t))
			cpu_raise_softirq(t->scheduled_on, TASKLET_SOFTIRQ);
	}
	if (list_empty(list)) {
		this_cpu(tasklets_waiting) = false;
		raise_softirq(SCHEDULE_SOFTIRQ);
	}
	spin_unlock_irq(&tasklet_lock);
}

/* New tasklets: have the idle vCPU chosen; it finds them by itself when it already runs. */
static void tasklet_softirq(void)
{
	if (!is_idle_vcpu(current))
		raise_softirq(SCHEDULE_SOFTIRQ);
}

/* For a softirq that is raised so that a CPU passes by on its way back to the guest. */
static void nothing(void)
{
}

void __init softirq_init(void)
{
	open_softirq(SCHED_SLAVE_SOFTIRQ, nothing);
	open_softirq(TASKLET_SOFTIRQ, tasklet_softirq);
}
