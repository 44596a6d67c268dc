/*
 * Guests' view of interrupts: a domain names an interrupt by its "pirq", binds it to an event
 * channel, and says when it has dealt with it.
 *
 * d->pirq_map[]: changed with d->pirq_lock and the descriptor's lock held, so that holding either
 * makes an entry stable. Binding happens under event channel locks, which rank above pirq_lock,
 * and therefore reads an entry first and checks it again under the descriptor's lock.
 */
#include <asm/apic.h>
#include <asm/irq.h>
#include <asm/msi.h>
#include <xen/bitops.h>
#include <xen/errno.h>
#include <xen/event.h>
#include <xen/lib.h>
#include <xen/mm.h>
#include <xen/param.h>
#include <xen/sched.h>
#include <xen/smp.h>
#include <public/physdev.h>

#define MAX_PIRQS (PAGE_SIZE * 8) /* the shared bitmap is one page */

/* Interrupt number + 1; 0 = not mapped. */
struct pirq_map {
	u16 irq;
};

/* extra_guest_irqs=<domU>[,<dom0>]: how many pirqs beyond the GSIs. */
static unsigned int extra_domu = 32, extra_dom0 = 256;

static int __init parse_extra_irqs(const char *s)
{
	unsigned long long domu = extra_domu, dom0 = extra_dom0;

	if (isdigit(*s))
		domu = strtoull(s, &s, 0);
	if (*s == ',')
		dom0 = strtoull(s + 1, &s, 0);
	if (*s || domu > MAX_PIRQS / 2 || dom0 > MAX_PIRQS / 2)
		return -EINVAL;
	extra_domu = domu;
	extra_dom0 = dom0;
	return 0;
}
custom_param("extra_guest_irqs", parse_extra_irqs);

/* --- The map ---------------------------------------------------------------------------------- */

int pirq_init_domain(struct domain *d)
{
	unsigned int nr = nr_irqs_gsi + (d->is_privileged ? extra_dom0 : extra_domu);

	spin_lock_init(&d->pirq_lock, LOCK_RANK_PIRQ_MAP);
	nr = min_t(unsigned int, nr, MAX_PIRQS);
	d->pirq_map = xzalloc_array(struct pirq_map, nr);
	if (!d->pirq_map)
		return -ENOMEM;
	d->nr_pirqs = nr;
	return 0;
}

int domain_pirq_to_irq(const struct domain *d, unsigned int pirq)
{
	return pirq < d->nr_pirqs ? READ_ONCE(d->pirq_map[pirq].irq) - 1 : -1;
}

int domain_irq_to_pirq(const struct domain *d, unsigned int irq)
{
	for (unsigned int pirq = 0; pirq < d->nr_pirqs; pirq++)
		if (d->pirq_map[pirq].irq == irq + 1)
			return pirq;
	return -1;
}

int domain_free_pirq(const struct domain *d, bool gsi, unsigned int n)
{
	unsigned int run = 0, end = gsi ? min(16u, d->nr_pirqs) : d->nr_pirqs;

	/* From above: low numbers are wanted for the GSIs of the same number. */
	for (unsigned int pirq = end; pirq > (gsi ? 0 : nr_irqs_gsi); pirq--) {
		run = d->pirq_map[pirq - 1].irq ? 0 : run + 1;
		if (run == n)
			return pirq - 1;
	}
	return gsi && d->nr_pirqs > 16 ? domain_free_pirq(d, false, n) : -ENOSPC;
}

int domain_map_pirq(struct domain *d, unsigned int pirq, unsigned int irq)
{
	struct irq_desc *desc;
	unsigned long flags;

	if (pirq >= d->nr_pirqs || irq >= nr_irqs || d->is_dying)
		return -EINVAL;
	if (d->pirq_map[pirq].irq)
		return d->pirq_map[pirq].irq == irq + 1 ? 0 : -EEXIST;
	desc = irq_to_desc(irq);
	spin_lock_irqsave(&desc->lock, flags);
	WRITE_ONCE(d->pirq_map[pirq].irq, irq + 1);
	spin_unlock_irqrestore(&desc->lock, flags);
	return 0;
}

/* --- Descriptor behind a pirq ----------------------------------------------------------------- */

/* The locked descriptor, interrupts off; NULL when the pirq means none. */
static struct irq_desc *lock_pirq(const struct domain *d, unsigned int pirq, unsigned long *flags)
{
	struct irq_desc *desc;
	int irq;

	for (;;) {
		irq = domain_pirq_to_irq(d, pirq);
		if (irq < 0)
			return NULL;
		desc = irq_to_desc(irq);
		spin_lock_irqsave(&desc->lock, *flags);
		if (likely(domain_pirq_to_irq(d, pirq) == irq))
			return desc;
		spin_unlock_irqrestore(&desc->lock, *flags);
	}
}

static struct irq_guest *find_guest(
	struct irq_desc *desc, const struct domain *d, unsigned int pirq)
{
	for (unsigned int i = 0; i < desc->nr_guests; i++)
		if (desc->guest[i].d == d && desc->guest[i].pirq == pirq)
			return &desc->guest[i];
	return NULL;
}

static void update_eoi_bit(const struct domain *d, unsigned int pirq, const struct irq_desc *desc)
{
	if (!d->arch.pirq_eoi_map)
		return;
	if (desc->level)
		set_bit(pirq, d->arch.pirq_eoi_map);
	else
		clear_bit(pirq, d->arch.pirq_eoi_map);
}

/* --- Binding ---------------------------------------------------------------------------------- */

static int may_bind(struct irq_desc *desc, const struct domain *d, bool will_share)
{
	if (desc->action || desc->handler == &no_irq_controller)
		return -EBUSY;
	for (unsigned int i = 0; i < desc->nr_guests; i++)
		if (desc->guest[i].d == d)
			return -EEXIST;
	if (desc->nr_guests &&
		(!will_share || !desc->shareable || desc->nr_guests == IRQ_MAX_GUESTS))
		return -EBUSY;
	return 0;
}

int pirq_guest_bind(struct vcpu *v, unsigned int pirq, evtchn_port_t port, bool will_share)
{
	struct domain *d = v->domain;
	unsigned long flags;
	struct irq_desc *desc = lock_pirq(d, pirq, &flags);
	int rc;

	if (!desc)
		return -EINVAL;
	rc = may_bind(desc, d, will_share);
	if (rc)
		goto out;
	if (!desc->nr_guests) {
		rc = irq_place(desc, READ_ONCE(v->processor));
		if (rc)
			goto out;
	}
	desc->guest[desc->nr_guests++] = (struct irq_guest){.d = d, .pirq = pirq, .port = port};
	update_eoi_bit(d, pirq, desc);
	if (desc->nr_guests == 1) {
		desc->shareable = will_share;
		desc->enabled = true;
		desc->handler->enable(desc);
	}
out:
	spin_unlock_irqrestore(&desc->lock, flags);
	return rc;
}

/* desc->lock held. */
static void unbind(struct irq_desc *desc, struct irq_guest *g)
{
	if (g->in_flight)
		desc->nr_in_flight--;
	*g = desc->guest[--desc->nr_guests];
	if (!desc->nr_guests) {
		desc->enabled = false;
		desc->throttled = false;
		desc->pending_cpu = IRQ_NO_CPU;
		desc->handler->disable(desc);
	} else if (desc->level && !desc->nr_in_flight) {
		irq_end(desc);
	}
}

void pirq_guest_unbind(struct domain *d, unsigned int pirq)
{
	unsigned long flags;
	struct irq_desc *desc = lock_pirq(d, pirq, &flags);
	struct irq_guest *g;

	if (!desc)
		return;
	g = find_guest(desc, d, pirq);
	if (g)
		unbind(desc, g);
	spin_unlock_irqrestore(&desc->lock, flags);
}

int domain_unmap_pirq(struct domain *d, unsigned int pirq)
{
	unsigned long flags;
	struct irq_desc *desc = lock_pirq(d, pirq, &flags);
	struct irq_guest *g;
	struct msi_desc *msi;

	if (!desc)
		return -EINVAL;
	g = find_guest(desc, d, pirq);
	if (g)
		unbind(desc, g);
	WRITE_ONCE(d->pirq_map[pirq].irq, 0);
	msi = desc->msi;
	if (d->arch.pirq_eoi_map)
		clear_bit(pirq, d->arch.pirq_eoi_map);
	spin_unlock_irqrestore(&desc->lock, flags);
	if (msi)
		msi_free_irq(desc->irq);
	return 0;
}

void pirq_release_domain(struct domain *d)
{
	unsigned long *map;

	spin_lock(&d->pirq_lock);
	for (unsigned int pirq = 0; pirq < d->nr_pirqs; pirq++)
		(void)domain_unmap_pirq(d, pirq); /* most are not mapped */
	map = d->arch.pirq_eoi_map;
	d->arch.pirq_eoi_map = NULL;
	spin_unlock(&d->pirq_lock);
	if (map)
		put_page_and_type(mfn_to_page(_mfn(d->arch.pirq_eoi_map_mfn)));
}

void pirq_free_domain(struct domain *d)
{
	pirq_release_domain(d);
	d->nr_pirqs = 0;
	xfree(d->pirq_map);
	d->pirq_map = NULL;
}

/* --- Delivery and acknowledgement ------------------------------------------------------------- */

/*
 * Event channel locks rank above the descriptor's, so the ports are noted under its lock and marked
 * without. The domains cannot go away meanwhile: that takes a grace period.
 */
void irq_deliver_to_guests(struct irq_desc *desc)
{
	unsigned int n = desc->nr_guests;
	struct {
		struct domain *d;
		evtchn_port_t port;
	} to[IRQ_MAX_GUESTS];

	for (unsigned int i = 0; i < n; i++) {
		struct irq_guest *g = &desc->guest[i];

		to[i].d = g->d;
		to[i].port = g->port;
		if (desc->level && !g->in_flight) {
			g->in_flight = true;
			desc->nr_in_flight++;
		}
	}
	spin_unlock(&desc->lock);
	for (unsigned int i = 0; i < n; i++)
		send_guest_pirq(to[i].d, to[i].port);
}

int pirq_guest_eoi(struct domain *d, unsigned int pirq)
{
	unsigned long flags;
	struct irq_desc *desc = lock_pirq(d, pirq, &flags);
	struct irq_guest *g;

	if (!desc)
		return -EINVAL;
	g = find_guest(desc, d, pirq);
	if (g && g->in_flight) {
		g->in_flight = false;
		if (!--desc->nr_in_flight)
			irq_end(desc);
	}
	spin_unlock_irqrestore(&desc->lock, flags);
	return 0;
}

void pirq_guest_unmask(struct domain *d, unsigned int pirq)
{
	(void)pirq_guest_eoi(d, pirq); /* nothing mapped, nothing to unmask */
}

void pirq_set_affinity(struct domain *d, unsigned int pirq, unsigned int cpu)
{
	unsigned long flags;
	struct irq_desc *desc;

	if (opt_noirqbalance)
		return;
	desc = lock_pirq(d, pirq, &flags);
	if (!desc)
		return;
	/* The interrupt moves when it next arrives, for then nothing of it is under way. */
	if (desc->vector && desc->cpu != cpu && irq_cpu_reachable(cpu))
		desc->pending_cpu = cpu;
	else
		desc->pending_cpu = IRQ_NO_CPU;
	spin_unlock_irqrestore(&desc->lock, flags);
}

int pirq_guest_status(struct domain *d, unsigned int pirq, u32 *flags_out)
{
	unsigned long flags;
	struct irq_desc *desc = lock_pirq(d, pirq, &flags);

	if (!desc)
		return -EINVAL;
	*flags_out = (desc->level ? XENIRQSTAT_needs_eoi : 0) |
		     (desc->nr_guests > 1 ? XENIRQSTAT_shared : 0);
	spin_unlock_irqrestore(&desc->lock, flags);
	return 0;
}

/* --- The bitmap of pirqs that need an EOI ----------------------------------------------------- */

int pirq_register_eoi_map(struct domain *d, unsigned long gmfn)
{
	struct page_info *pg = get_page_from_gfn(d, _gfn(gmfn));
	unsigned long mfn, flags;
	int rc;

	if (!pg)
		return -EINVAL;
	if (get_page_type(pg, PGT_writable)) {
		put_page(pg);
		return -EINVAL;
	}
	mfn = mfn_x(page_to_mfn(pg));
	spin_lock(&d->pirq_lock);
	rc = d->arch.pirq_eoi_map ? -EBUSY : 0;
	if (!rc) {
		d->arch.pirq_eoi_map_mfn = mfn;
		memset(mfn_to_virt(mfn), 0, PAGE_SIZE);
		WRITE_ONCE(d->arch.pirq_eoi_map, mfn_to_virt(mfn));
		for (unsigned int pirq = 0; pirq < d->nr_pirqs; pirq++) {
			struct irq_desc *desc = lock_pirq(d, pirq, &flags);

			if (!desc)
				continue;
			update_eoi_bit(d, pirq, desc);
			spin_unlock_irqrestore(&desc->lock, flags);
		}
	}
	spin_unlock(&d->pirq_lock);
	if (rc)
		put_page_and_type(pg);
	return rc;
}
