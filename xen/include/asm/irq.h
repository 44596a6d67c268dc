/* Interrupt descriptors, and which guests have which interrupt. Contract for others: xen/irq.h. */
#ifndef ASM_IRQ_H
#define ASM_IRQ_H

#include <xen/types.h>
#include <public/event_channel.h>
#include <xen/cpumask.h>
#include <xen/irq.h>
#include <xen/percpu.h>
#include <xen/spinlock.h>

struct domain;
struct msi_desc;
struct vcpu;

#define IRQ_MAX_GUESTS 7
#define IRQ_NO_CPU     NR_CPUS

/* One guest's share of an interrupt. */
struct irq_guest {
	struct domain *d;
	unsigned int pirq;
	evtchn_port_t port;
	bool in_flight; /* delivered, not acknowledged yet (level-triggered only) */
};

/* All fields but the first two: under `lock`, which is taken with interrupts off. */
struct irq_desc {
	spinlock_t lock;
	unsigned int irq;
	const struct hw_irq_controller *handler;
	const struct irqaction *action; /* the hypervisor's own handler */
	struct msi_desc *msi;
	bool level;       /* masked from arrival until all guests have acknowledged it */
	bool enabled;     /* someone wants it */
	bool throttled;   /* masked for a while because there were too many */
	bool in_progress; /* `action` is running */
	bool allocated;   /* MSI: in use */
	bool pinned;      /* its vector and CPU cannot change */

	/* Where it arrives. Vector 0: nowhere yet. The former place stays valid for a while. */
	u8 vector, old_vector;
	u16 cpu, old_cpu;
	u16 pending_cpu; /* move there at the next chance; IRQ_NO_CPU = stay */
	s_time_t moved_at;

	unsigned long count;
	unsigned int unclaimed, storms, rate_count;
	s_time_t rate_start;

	bool shareable;
	u8 nr_guests, nr_in_flight;
	struct irq_guest guest[IRQ_MAX_GUESTS];
};

extern struct irq_desc *irq_descs; /* [nr_irqs] */
static always_inline struct irq_desc *irq_to_desc(unsigned int irq)
{
	return irq_descs + irq;
}

/* --- vector.c: which interrupt is behind a vector of a CPU ------------------------------------ */

DECLARE_PER_CPU(u16[256], vector_irq); /* interrupt number + 1; 0 = none */

/*
 * Take a vector of `cpu` for `irq`: `wish` when it is free there (0: no wish), else any.
 * Returns the vector or -ENOSPC. May be called with a descriptor's lock held.
 */
int vector_alloc(unsigned int cpu, unsigned int irq, u8 wish);
/* As vector_alloc(), for `n` (a power of two) interrupts from `irq` on and vectors aligned to n. */
int vector_alloc_block(unsigned int cpu, unsigned int irq, unsigned int n);
void vector_free(unsigned int cpu, u8 vector);
unsigned int vectors_in_use(unsigned int cpu);

/* --- irq.c. `desc` functions need desc->lock -------------------------------------------------- */

extern const struct hw_irq_controller no_irq_controller;
extern bool opt_noirqbalance;

/* Give the interrupt a place on `cpu` (or elsewhere when that is impossible), or move it there
 * while nothing of it is under way. -ENOSPC. */
int irq_place(struct irq_desc *desc, unsigned int cpu);
/* Carry out a wished move; only from the interrupt's own arrival or while it is masked. */
void irq_do_pending_move(struct irq_desc *desc);
/* Forget the place. The interrupt must be disabled. */
void irq_unplace(struct irq_desc *desc);
/* The interrupt has been dealt with: unmask it unless there is a reason not to. */
void irq_end(struct irq_desc *desc);
/* Can device interrupts reach this CPU (8-bit APIC ID)? */
bool irq_cpu_reachable(unsigned int cpu);
/* Boot, when timers work: storms of interrupts are throttled from here on. */
void irq_timers_init(void);
/* n adjacent free MSI numbers: the first, or -ENOSPC. */
int irq_alloc_msi(unsigned int n);
void irq_free_msi(unsigned int irq);

/* --- pirq.c: guests' interrupts --------------------------------------------------------------- */

/* An interrupt with guests arrived; desc->lock is held and is dropped inside. */
void irq_deliver_to_guests(struct irq_desc *desc);

/* A domain's table of physical interrupt numbers. -ENOMEM. */
int pirq_init_domain(struct domain *d);
/* A dying domain's: unbind and unmap all, give back the shared bitmap. Freeing does that, too. */
void pirq_release_domain(struct domain *d);
void pirq_free_domain(struct domain *d);
/* The machine interrupt behind a domain's pirq, or -1. No lock: may change at once. */
int domain_pirq_to_irq(const struct domain *d, unsigned int pirq);
/* The other way round, or -1. Needs d->pirq_lock. */
int domain_irq_to_pirq(const struct domain *d, unsigned int irq);
/* A free pirq that is `n` times in a row, outside the range of GSIs unless `gsi`; -ENOSPC.
 * pirq_lock. */
int domain_free_pirq(const struct domain *d, bool gsi, unsigned int n);
/* d->pirq_lock held. -EINVAL out of range or dying, -EEXIST the pirq means another interrupt. */
int domain_map_pirq(struct domain *d, unsigned int pirq, unsigned int irq);
/* d->pirq_lock held. Unbinds; an MSI is given back. -EINVAL when not mapped. */
int domain_unmap_pirq(struct domain *d, unsigned int pirq);
/* PHYSDEVOP_eoi; -EINVAL when there is no such pirq. */
int pirq_guest_eoi(struct domain *d, unsigned int pirq);
/* PHYSDEVOP_irq_status_query; -EINVAL. */
int pirq_guest_status(struct domain *d, unsigned int pirq, u32 *flags);
/* PHYSDEVOP_pirq_eoi_gmfn: share a bitmap of pirqs that need an EOI. -EINVAL, -EBUSY. */
int pirq_register_eoi_map(struct domain *d, unsigned long gmfn);

/* --- io_apic.c -------------------------------------------------------------------------------- */

/* Boot: find all IO-APICs, mask everything, set nr_irqs_gsi. */
void ioapic_init(void);
/* Boot, when descriptors exist: give GSIs their controller, trigger mode and polarity. */
void ioapic_init_descs(void);
/* Set a GSI's trigger mode and polarity. -EINVAL no such pin, -EBUSY in use with others. */
int ioapic_setup_gsi(unsigned int gsi, bool level, bool low);
/* dom0's view of the registers. -EINVAL: no such IO-APIC. */
int ioapic_guest_read(unsigned long physbase, u32 reg, u32 *value);
int ioapic_guest_write(unsigned long physbase, u32 reg, u32 value);
void ioapic_dump(unsigned char key); /* debug key 'z' */

#endif
