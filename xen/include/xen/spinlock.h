/*
 * Ticket spinlocks. Every lock has a rank: a CPU may only take a lock whose rank is higher than
 * that of every lock that it holds (docs/design/locking.md). debug=y builds check this, and that a
 * lock taken in interrupt context is never taken with interrupts enabled.
 */
#ifndef XEN_SPINLOCK_H
#define XEN_SPINLOCK_H

#include <asm/processor.h>
#include <asm/irqflags.h>
#include <xen/compiler.h>
#include <xen/types.h>

/* The legal order, outermost first: the table of docs/design/locking.md. Locks of equal rank never nest. */
enum lock_rank {
	LOCK_RANK_DOMCTL = 1,   /* serialises control operations */
	LOCK_RANK_DOMLIST,      /* the list of all domains */
	LOCK_RANK_DOMAIN,       /* d->domain_lock: vCPU creation, shutdown, destruction */
	LOCK_RANK_PIRQ_MAP,     /* d->pirq_lock: guest IRQ bindings */
	LOCK_RANK_PCI,          /* the list of PCI devices and their message interrupts */
	LOCK_RANK_GRANT,        /* a domain's grant table */
	LOCK_RANK_GRANT_ACTIVE, /* map tracking */
	LOCK_RANK_MM,           /* d->arch.mm_lock: page types of that domain */
	LOCK_RANK_MM2,          /* the second domain's, when an operation needs two */
	LOCK_RANK_EVENT,        /* d->event_lock: a domain's event channels */
	LOCK_RANK_EVENT2,       /* the remote end's */
	LOCK_RANK_FIFO_QUEUE,   /* one FIFO event queue */
	LOCK_RANK_FIFO_QUEUE2,  /* second queue when an event moves */
	LOCK_RANK_XENMAP,       /* the hypervisor's own page tables */
	LOCK_RANK_PAGE_LIST,    /* d->page_alloc_lock */
	LOCK_RANK_HEAP,         /* the page allocator */
	LOCK_RANK_XMALLOC,
	LOCK_RANK_IRQ,          /* one interrupt descriptor */
	LOCK_RANK_VECTOR,       /* vector allocation */
	LOCK_RANK_IOAPIC,       /* IO-APIC and MSI register access */
	LOCK_RANK_SHUTDOWN,     /* d->shutdown_lock: a domain stops all its vCPUs */
	LOCK_RANK_SCHED_PRIV,   /* a scheduler's own data */
	LOCK_RANK_RUNQ,         /* one CPU's run queue */
	LOCK_RANK_RUNQ2,        /* a second one, taken in order of CPU number */
	LOCK_RANK_TIMER,        /* one CPU's timer heap */
	LOCK_RANK_TIME,         /* platform timer, wall clock */
	LOCK_RANK_PAGING,       /* a domain's shadow page tables and its log of changed pages */
	LOCK_RANK_CALL,         /* on_selected_cpus() */
	LOCK_RANK_FLUSH,        /* TLB shoot-down */
	LOCK_RANK_LEAF,         /* anything that calls nothing */
	LOCK_RANK_CONSOLE,
	LOCK_RANK_SERIAL,
};

typedef struct spinlock {
	union {
		u32 both;
		struct {
			u16 head, tail;
		};
	};
#ifdef CONFIG_DEBUG
	u8 rank;
	u8 used;           /* how, for the check of interrupt safety */
	s16 cpu;           /* holder, -1 = free */
	const void *owner; /* call site */
#endif
} spinlock_t;

#ifdef CONFIG_DEBUG
#define SPINLOCK_INIT(r) { .both = 0, .rank = (r), .cpu = -1 }
void lock_check_acquire(spinlock_t *l, const void *site);
void lock_check_acquired(spinlock_t *l, const void *site);
void lock_check_release(spinlock_t *l);
/* Around every interrupt handler: its locks are no concern of what it interrupted. */
void lock_check_irq_enter(void);
void lock_check_irq_exit(void);
unsigned int lock_check_held(void); /* how many locks this CPU holds */
#else
#define SPINLOCK_INIT(r) { .both = 0 }
#define lock_check_acquire(l, s)  ((void)0)
#define lock_check_acquired(l, s) ((void)0)
#define lock_check_release(l)     ((void)0)
#define lock_check_irq_enter()    ((void)0)
#define lock_check_irq_exit()     ((void)0)
#define lock_check_held()         0u
#endif
#define DEFINE_SPINLOCK(n, r) spinlock_t n = SPINLOCK_INIT(r)

static inline void spin_lock_init(spinlock_t *l, enum lock_rank rank)
{
	(void)rank;
	*l = (spinlock_t)SPINLOCK_INIT(rank);
}

static always_inline void spin_lock(spinlock_t *l)
{
	u32 old;

	lock_check_acquire(l, __builtin_return_address(0));
	old = __atomic_fetch_add(&l->both, 1u << 16, __ATOMIC_ACQUIRE);
	if (unlikely((u16)old != old >> 16))
		while (__atomic_load_n(&l->head, __ATOMIC_ACQUIRE) != (u16)(old >> 16))
			cpu_relax();
	lock_check_acquired(l, __builtin_return_address(0));
}

/*
 * Take the second of two locks of one kind (rank X2 of enum lock_rank while X is held). The order
 * check is left out: the caller has chosen the order by address, or by number.
 */
static always_inline void spin_lock_nested(spinlock_t *l)
{
	u32 old = __atomic_fetch_add(&l->both, 1u << 16, __ATOMIC_ACQUIRE);

	if (unlikely((u16)old != old >> 16))
		while (__atomic_load_n(&l->head, __ATOMIC_ACQUIRE) != (u16)(old >> 16))
			cpu_relax();
	lock_check_acquired(l, __builtin_return_address(0));
}

static always_inline bool spin_trylock(spinlock_t *l)
{
	u32 old = READ_ONCE(l->both);

	if ((u16)old != old >> 16 ||
		!__atomic_compare_exchange_n(&l->both, &old, old + (1u << 16), false,
			__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return false;
	lock_check_acquired(l, __builtin_return_address(0));
	return true;
}

static always_inline void spin_unlock(spinlock_t *l)
{
	lock_check_release(l);
	__atomic_store_n(&l->head, (u16)(l->head + 1), __ATOMIC_RELEASE);
}

static always_inline bool spin_is_locked(const spinlock_t *l)
{
	u32 v = READ_ONCE(l->both);

	return (u16)v != v >> 16;
}

static always_inline unsigned long spin_lock_irqsave_(spinlock_t *l)
{
	unsigned long flags = local_irq_save();

	spin_lock(l);
	return flags;
}
#define spin_lock_irqsave(l, f) ((f) = spin_lock_irqsave_(l))

static always_inline void spin_unlock_irqrestore(spinlock_t *l, unsigned long flags)
{
	spin_unlock(l);
	local_irq_restore(flags);
}

static always_inline void spin_lock_irq(spinlock_t *l)
{
	local_irq_disable();
	spin_lock(l);
}

static always_inline void spin_unlock_irq(spinlock_t *l)
{
	spin_unlock(l);
	local_irq_enable();
}

#endif
