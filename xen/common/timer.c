/*
 * One-shot timers. Each CPU keeps its armed timers in a binary heap ordered by deadline and its
 * timer hardware programmed for the first one. A timer moved to a later deadline leaves the
 * hardware alone: the early interrupt finds nothing and programs it anew.
 */
#include <xen/errno.h>
#include <xen/keyhandler.h>
#include <xen/lib.h>
#include <xen/param.h>
#include <xen/sched.h>
#include <xen/softirq.h>
#include <xen/spinlock.h>
#include <xen/symbols.h>
#include <xen/timer.h>
#include <xen/xmalloc.h>

enum timer_status {
	TIMER_invalid, /* not initialised */
	TIMER_idle,
	TIMER_killed,
	TIMER_moving,  /* between two CPUs; in neither heap */
	TIMER_queued,  /* in the heap, */
	TIMER_spilled, /* or on the list because the heap was full */
};

#define HEAP_FIRST_SIZE 256

struct cpu_timers {
	spinlock_t lock;
	struct timer **heap;    /* [1..nr]; parent of i is i / 2 */
	u32 nr, size;           /* entries used; room, not counting entry 0 */
	struct timer *spill;    /* linked by ->spill_next, unordered */
	struct timer *running;  /* its function runs now */
	s_time_t programmed;    /* what the hardware waits for; STIME_MAX = nothing */
	bool in_softirq;        /* timer_softirq() will program the hardware when it ends */
};

static DEFINE_PER_CPU(struct cpu_timers *, cpu_timers);

/* Deadlines closer together than this, in ns, may share one interrupt (at the later one). */
static unsigned int timer_slop __read_mostly = 50000;
integer_param("timer_slop", timer_slop);

/* --- The heap --------------------------------------------------------------------------------- */

static always_inline void heap_place(struct timer **heap, u32 pos, struct timer *t)
{
	heap[pos] = t;
	t->heap_offset = pos;
}

static void heap_up(struct timer **heap, u32 pos, struct timer *t)
{
	while (pos > 1 && t->expires < heap[pos / 2]->expires) {
		heap_place(heap, pos, heap[pos / 2]);
		pos /= 2;
	}
	heap_place(heap, pos, t);
}

static void heap_down(struct timer **heap, u32 nr, u32 pos, struct timer *t)
{
	u32 child;

	while ((child = pos * 2) <= nr) {
		if (child < nr && heap[child + 1]->expires < heap[child]->expires)
			child++;
		if (heap[child]->expires >= t->expires)
			break;
		heap_place(heap, pos, heap[child]);
		pos = child;
	}
	heap_place(heap, pos, t);
}

static void heap_remove(struct cpu_timers *ct, struct timer *t)
{
	u32 pos = t->heap_offset;
	struct timer *last = ct->heap[ct->nr--];

	t->heap_offset = 0;
	if (last == t)
		return;
	if (pos > 1 && last->expires < ct->heap[pos / 2]->expires)
		heap_up(ct->heap, pos, last);
	else
		heap_down(ct->heap, ct->nr, pos, last);
}

static void spill_remove(struct cpu_timers *ct, struct timer *t)
{
	struct timer **pp = &ct->spill;

	while (*pp != t)
		pp = &(*pp)->spill_next;
	*pp = t->spill_next;
}

/* --- One timer, its CPU's lock held ----------------------------------------------------------- */

static void timer_remove(struct cpu_timers *ct, struct timer *t)
{
	if (t->status == TIMER_queued)
		heap_remove(ct, t);
	else if (t->status == TIMER_spilled)
		spill_remove(ct, t);
	t->status = TIMER_idle;
}

static void timer_insert(struct cpu_timers *ct, struct timer *t)
{
	if (likely(ct->nr < ct->size)) {
		t->status = TIMER_queued;
		heap_up(ct->heap, ++ct->nr, t);
	} else {
		t->status = TIMER_spilled;
		t->spill_next = ct->spill;
		ct->spill = t;
	}
}

/* Make sure that the hardware of `cpu` does not sleep past a timer just inserted. */
static void timer_notice(struct cpu_timers *ct, const struct timer *t, unsigned int cpu)
{
	if (t->expires >= ct->programmed && likely(t->status == TIMER_queued))
		return;
	if (cpu != smp_processor_id() || t->status == TIMER_spilled) {
		cpu_raise_softirq(cpu, TIMER_SOFTIRQ);
	} else if (!ct->in_softirq) {
		ct->programmed = t->expires;
		if (!reprogram_timer(t->expires))
			raise_softirq(TIMER_SOFTIRQ);
	}
}

/* Lock the heap that a timer belongs to; it can change CPU until we have it. */
static struct cpu_timers *timer_lock(const struct timer *t, unsigned long *flags)
{
	for (;;) {
		unsigned int cpu = READ_ONCE(t->cpu);
		struct cpu_timers *ct = per_cpu(cpu_timers, cpu);

		spin_lock_irqsave(&ct->lock, *flags);
		if (likely(t->cpu == cpu))
			return ct;
		spin_unlock_irqrestore(&ct->lock, *flags);
	}
}

/* --- Interface -------------------------------------------------------------------------------- */

void init_timer(struct timer *t, void (*fn)(void *), void *data, unsigned int cpu)
{
	*t = (struct timer){ .function = fn, .data = data, .cpu = cpu, .status = TIMER_idle };
}

void set_timer(struct timer *t, s_time_t expires)
{
	unsigned long flags;
	struct cpu_timers *ct = timer_lock(t, &flags);

	if (likely(t->status >= TIMER_idle && t->status != TIMER_killed)) {
		timer_remove(ct, t);
		/* 0 would tell the hardware to stay quiet. */
		t->expires = max(expires, (s_time_t)1);
		timer_insert(ct, t);
		timer_notice(ct, t, t->cpu);
	}
	spin_unlock_irqrestore(&ct->lock, flags);
}

void stop_timer(struct timer *t)
{
	unsigned long flags;
	struct cpu_timers *ct = timer_lock(t, &flags);

	if (t->status >= TIMER_moving)
		timer_remove(ct, t);
	spin_unlock_irqrestore(&ct->lock, flags);
}

bool timer_is_active(const struct timer *t)
{
	return READ_ONCE(t->status) >= TIMER_moving;
}

void migrate_timer(struct timer *t, unsigned int cpu)
{
	unsigned long flags;
	struct cpu_timers *ct;
	bool active;

	if (t->cpu == cpu)
		return;
	ct = timer_lock(t, &flags);
	active = t->status >= TIMER_moving;
	if (active) {
		timer_remove(ct, t);
		t->status = TIMER_moving;
	}
	WRITE_ONCE(t->cpu, cpu);
	spin_unlock_irqrestore(&ct->lock, flags);
	if (!active)
		return;

	/* Two heaps' locks never nest. Whoever touched the timer meanwhile has decided its fate. */
	ct = timer_lock(t, &flags);
	if (t->status == TIMER_moving) {
		timer_insert(ct, t);
		timer_notice(ct, t, t->cpu);
	}
	spin_unlock_irqrestore(&ct->lock, flags);
}

void kill_timer(struct timer *t)
{
	unsigned long flags;
	unsigned int cpu;
	struct cpu_timers *ct;

	if (t->status == TIMER_invalid)
		return;
	ct = timer_lock(t, &flags);
	timer_remove(ct, t);
	t->status = TIMER_killed;
	spin_unlock_irqrestore(&ct->lock, flags);

	for_each_online_cpu (cpu) {
		ct = per_cpu(cpu_timers, cpu);
		while (ct && cpu != smp_processor_id() && READ_ONCE(ct->running) == t)
			cpu_relax();
	}
}

/* --- The softirq ------------------------------------------------------------------------------ */

/* Move what did not fit into a heap of twice the size. Without memory it stays until next time. */
static void heap_grow(struct cpu_timers *ct)
{
	u32 size = ct->size * 2;
	struct timer **bigger = xmalloc_array(struct timer *, size + 1), **old, *t;

	if (!bigger)
		return;
	spin_lock_irq(&ct->lock);
	old = ct->heap;
	memcpy(bigger, old, (ct->nr + 1) * sizeof(*old));
	ct->heap = bigger;
	ct->size = size;
	while ((t = ct->spill) != NULL && ct->nr < ct->size) {
		ct->spill = t->spill_next;
		timer_insert(ct, t);
	}
	spin_unlock_irq(&ct->lock);
	xfree(old);
}

/* Take out a timer whose time has come, or NULL. */
static struct timer *timer_pop(struct cpu_timers *ct, s_time_t now)
{
	struct timer *t = ct->nr ? ct->heap[1] : NULL;

	if (!t || t->expires > now)
		for (t = ct->spill; t && t->expires > now; t = t->spill_next)
			;
	if (t)
		timer_remove(ct, t);
	return t;
}

/* When the next interrupt should come; STIME_MAX = never. */
static s_time_t next_deadline(const struct cpu_timers *ct)
{
	s_time_t first = STIME_MAX, second = STIME_MAX;

	if (ct->nr >= 1)
		first = ct->heap[1]->expires;
	if (ct->nr >= 2)
		second = ct->heap[2]->expires;
	if (ct->nr >= 3)
		second = min(second, ct->heap[3]->expires);
	if (second != STIME_MAX && second - first <= (s_time_t)timer_slop)
		first = second;
	for (const struct timer *t = ct->spill; t; t = t->spill_next)
		first = min(first, t->expires);
	return first;
}

static void timer_softirq(void)
{
	struct cpu_timers *ct = this_cpu(cpu_timers);
	struct timer *outer = ct->running, *t;
	s_time_t now, next;

	if (unlikely(ct->spill))
		heap_grow(ct);
	spin_lock_irq(&ct->lock);
	ct->in_softirq = true;
	now = NOW();
	while ((t = timer_pop(ct, now)) != NULL) {
		void (*fn)(void *) = t->function;
		void *data = t->data;

		ct->running = t;
		spin_unlock_irq(&ct->lock);
		fn(data); /* may free *t */
		spin_lock_irq(&ct->lock);
		ct->running = outer;
	}
	ct->in_softirq = false;
	next = next_deadline(ct);
	ct->programmed = next;
	if (!reprogram_timer(next == STIME_MAX ? 0 : next))
		raise_softirq(TIMER_SOFTIRQ);
	spin_unlock_irq(&ct->lock);
}

/* --- Setting up, looking in ------------------------------------------------------------------- */

int timer_init_cpu(unsigned int cpu)
{
	struct cpu_timers *ct;

	if (per_cpu(cpu_timers, cpu))
		return 0;
	ct = xzalloc(struct cpu_timers);
	if (!ct)
		return -ENOMEM;
	ct->heap = xzalloc_array(struct timer *, HEAP_FIRST_SIZE + 1);
	if (!ct->heap) {
		xfree(ct);
		return -ENOMEM;
	}
	ct->size = HEAP_FIRST_SIZE;
	ct->programmed = STIME_MAX;
	spin_lock_init(&ct->lock, LOCK_RANK_TIMER);
	per_cpu(cpu_timers, cpu) = ct;
	return 0;
}

static void dump_timer(const struct timer *t, s_time_t now)
{
	unsigned long offset = 0, size = 0;
	const char *name = symbols_lookup((unsigned long)t->function, &offset, &size);

	printk("  in %9ld us: %s(%p)\n", (long)((t->expires - now) / 1000), name ? name : "?",
		t->data);
}

void dump_timerq(unsigned char key)
{
	unsigned int cpu;
	unsigned long flags;

	printk("Timers, slop %u ns, now %ld ns:\n", timer_slop, (long)NOW());
	for_each_online_cpu (cpu) {
		struct cpu_timers *ct = per_cpu(cpu_timers, cpu);

		printk("CPU%u:\n", cpu);
		spin_lock_irqsave(&ct->lock, flags);
		for (u32 i = 1; i <= ct->nr; i++)
			dump_timer(ct->heap[i], NOW());
		for (const struct timer *t = ct->spill; t; t = t->spill_next)
			dump_timer(t, NOW());
		spin_unlock_irqrestore(&ct->lock, flags);
	}
}

void __init timer_init(void)
{
	if (timer_init_cpu(smp_processor_id()))
		panic("No memory for timers\n");
	open_softirq(TIMER_SOFTIRQ, timer_softirq);
	register_keyhandler('a', dump_timerq, "dump timer queues", true);
}
