/* Machine interrupts: descriptors, handlers, and their delivery to guests. */
#ifndef XEN_IRQ_H
#define XEN_IRQ_H

#include <xen/cpumask.h>
#include <xen/spinlock.h>
#include <xen/types.h>

struct cpu_user_regs;
struct domain;
struct irq_desc;

/* The controller behind an interrupt line. All called with desc->lock held, interrupts off. */
struct hw_irq_controller {
	const char *name;
	void (*enable)(struct irq_desc *desc);  /* unmask for the first time */
	void (*disable)(struct irq_desc *desc);
	void (*ack)(struct irq_desc *desc);     /* at arrival */
	void (*end)(struct irq_desc *desc);     /* when handled (for guests: when the guest said so) */
	void (*mask)(struct irq_desc *desc);
	void (*unmask)(struct irq_desc *desc);
	void (*set_affinity)(struct irq_desc *desc, unsigned int cpu);
};

struct irqaction {
	void (*handler)(int irq, void *dev_id, struct cpu_user_regs *regs);
	const char *name;
	void *dev_id;
};

/* Boot: an interrupt for the hypervisor itself. -EBUSY when taken. */
int setup_irq(unsigned int irq, struct irqaction *new);
void release_irq(unsigned int irq);
extern unsigned int nr_irqs_gsi; /* IRQ numbers below are GSIs, above are MSIs */
extern unsigned int nr_irqs;

void init_irq(void);          /* boot: descriptors, vectors, IDT entries for them */
void init_irq_cpu(unsigned int cpu);
/* An interrupt of the vector arrived (from entry.S). */
void do_IRQ(struct cpu_user_regs *regs);
void dump_irqs(unsigned char key); /* debug key 'i' */

#endif
