/*
 * debug=y: is every lock taken in the order of docs/design/locking.md, by a CPU that does not hold
 * it yet, and safely with respect to interrupts? A lock that an interrupt handler takes must never
 * be held with interrupts enabled: the handler could come on the CPU that holds it.
 */
#include <xen/lib.h>
#include <xen/percpu.h>
#include <xen/smp.h>
#include <xen/spinlock.h>

#ifdef CONFIG_DEBUG

#define MAX_HELD    16
#define MAX_REPORTS 20
#define MAX_NESTING 8

/* spinlock_t.used */
#define USED_IN_IRQ   1
#define USED_IRQS_ON  2
#define USED_REPORTED 4

/* The locks of a CPU, oldest first, and where those of the present interrupt begin. */
struct held_locks {
	spinlock_t *lock[MAX_HELD];
	unsigned int nr;
	unsigned int base[MAX_NESTING];
	unsigned int irq_depth;
	bool reporting; /* printing takes locks too */
};
static DEFINE_PER_CPU(struct held_locks, held_locks);
static unsigned int nr_reports;

static void report(struct held_locks *held, const spinlock_t *l, const void *site, const char *what)
{
	if (held->reporting || __atomic_fetch_add(&nr_reports, 1, __ATOMIC_RELAXED) >= MAX_REPORTS)
		return;
	held->reporting = true;
	printk(XENLOG_ERR "Lock %p of rank %u taken at %p: %s\n", l, l->rank, site, what);
	for (unsigned int i = 0; i < held->nr; i++)
		printk(XENLOG_ERR "  held: %p of rank %u, taken at %p\n", held->lock[i],
			held->lock[i]->rank, held->lock[i]->owner);
	dump_execution_state();
	held->reporting = false;
}

static void check_irq_safety(struct held_locks *held, spinlock_t *l, const void *site)
{
	u8 used = l->used;

	if (held->irq_depth)
		used |= USED_IN_IRQ;
	else if (local_irq_is_enabled())
		used |= USED_IRQS_ON;
	if ((used & (USED_IN_IRQ | USED_IRQS_ON | USED_REPORTED)) == (USED_IN_IRQ | USED_IRQS_ON)) {
		used |= USED_REPORTED;
		report(held, l, site, "used by interrupt handlers and with interrupts enabled");
	}
	l->used = used;
}

/* Before waiting for a lock. */
void lock_check_acquire(spinlock_t *l, const void *site)
{
	struct held_locks *held = &this_cpu(held_locks);

	if (held->reporting)
		return;
	if (!l->rank)
		report(held, l, site, "not initialised");
	if (l->cpu == (s16)smp_processor_id() && spin_is_locked(l)) {
		report(held, l, site, "held by this CPU already");
		BUG();
	}
	for (unsigned int i = held->base[held->irq_depth]; i < held->nr; i++) {
		if (held->lock[i]->rank >= l->rank) {
			report(held, l, site, "out of order");
			break;
		}
	}
}

/* A lock is ours now. */
void lock_check_acquired(spinlock_t *l, const void *site)
{
	struct held_locks *held = &this_cpu(held_locks);

	if (!held->reporting)
		check_irq_safety(held, l, site);
	l->cpu = smp_processor_id();
	l->owner = site;
	if (held->nr < MAX_HELD)
		held->lock[held->nr++] = l;
	else
		report(held, l, site, "too many locks held");
}

/* Before giving it back; in any order. */
void lock_check_release(spinlock_t *l)
{
	struct held_locks *held = &this_cpu(held_locks);

	BUG_ON(!spin_is_locked(l) || l->cpu != (s16)smp_processor_id());
	l->cpu = -1;
	for (unsigned int i = held->nr; i-- > 0;) {
		if (held->lock[i] == l) {
			held->nr--;
			for (; i < held->nr; i++)
				held->lock[i] = held->lock[i + 1];
			return;
		}
	}
}

void lock_check_irq_enter(void)
{
	struct held_locks *held = &this_cpu(held_locks);

	BUG_ON(held->irq_depth + 1 >= MAX_NESTING);
	held->base[++held->irq_depth] = held->nr;
}

void lock_check_irq_exit(void)
{
	struct held_locks *held = &this_cpu(held_locks);

	BUG_ON(!held->irq_depth || held->nr != held->base[held->irq_depth]);
	held->irq_depth--;
}

unsigned int lock_check_held(void)
{
	return this_cpu(held_locks).nr;
}

#endif
