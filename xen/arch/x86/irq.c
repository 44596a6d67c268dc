/* Interrupts of devices: from the vector to the handler or to the guests; their places on CPUs. */
#include <asm/apic.h>
#include <asm/irq.h>
#include <asm/irqflags.h>
#include <xen/errno.h>
#include <xen/keyhandler.h>
#include <xen/lib.h>
#include <xen/perfc.h>
#include <xen/mm.h>
#include <xen/param.h>
#include <xen/sched.h>
#include <xen/smp.h>
#include <xen/time.h>
#include <xen/timer.h>
#include <xen/trace.h>
#include <public/xen.h>

#define DEFAULT_MSI_IRQS  512
#define MAX_IRQS          8192u /* numbers must fit vector_irq[] */
#define OLD_PLACE_KEPT    SECONDS(1)
#define MIN_MOVE_INTERVAL MILLISECS(10)

unsigned int nr_irqs_gsi __read_mostly = 16;
unsigned int nr_irqs __read_mostly;
struct irq_desc *irq_descs __read_mostly;

static unsigned int opt_nr_irqs;
bool opt_noirqbalance;
integer_param("nr_irqs", opt_nr_irqs);
boolean_param("noirqbalance", opt_noirqbalance);

/* So many interrupts of one kind within so many ms, and it is masked for the rest of that time. */
static unsigned int irq_limit = 10000, irq_limit_ms = 10;

static int __init parse_ratelimit(const char *s)
{
	unsigned long long n = strtoull(s, &s, 0), ms = 10;

	if (*s == '/')
		ms = strtoull(s + 1, &s, 0);
	if (*s || n > 1000000 || !ms || ms > 1000)
		return -EINVAL;
	irq_limit = n;
	irq_limit_ms = ms;
	return 0;
}
custom_param("irq_ratelimit", parse_ratelimit);

static void (*direct_vector[256])(struct cpu_user_regs *regs) __read_mostly;

void __init set_direct_apic_vector(u8 vector, void (*handler)(struct cpu_user_regs *regs))
{
	direct_vector[vector] = handler;
}

/* --- An interrupt that has no source ---------------------------------------------------------- */

static void no_op(struct irq_desc *desc)
{
}

static void no_ack(struct irq_desc *desc)
{
	apic_eoi();
}

static void no_affinity(struct irq_desc *desc, unsigned int cpu)
{
}

const struct hw_irq_controller no_irq_controller = {
	.name = "none",
	.enable = no_op,
	.disable = no_op,
	.ack = no_ack,
	.end = no_op,
	.mask = no_op,
	.unmask = no_op,
	.set_affinity = no_affinity,
};

/* --- Places ----------------------------------------------------------------------------------- */

bool irq_cpu_reachable(unsigned int cpu)
{
	return cpu < NR_CPUS && cpu_online(cpu) && cpu_to_apicid[cpu] < 0xff;
}

static void release_old_place(struct irq_desc *desc)
{
	if (desc->old_vector)
		vector_free(desc->old_cpu, desc->old_vector);
	desc->old_vector = 0;
}

int irq_place(struct irq_desc *desc, unsigned int cpu)
{
	int vector;

	if (!irq_cpu_reachable(cpu))
		cpu = desc->vector ? desc->cpu : cpumask_first(&cpu_online_map);
	if (desc->vector && (desc->cpu == cpu || desc->pinned))
		return 0;
	/* An interrupt sent to the place before the last may still be on its way there. */
	if (desc->old_vector && NOW() - desc->moved_at < MIN_MOVE_INTERVAL)
		return 0;
	/* With the same vector the new destination is a single register write. */
	vector = vector_alloc(cpu, desc->irq, desc->vector);
	if (vector < 0)
		return desc->vector ? 0 : vector;
	release_old_place(desc);
	desc->old_vector = desc->vector;
	desc->old_cpu = desc->cpu;
	desc->vector = vector;
	desc->cpu = cpu;
	desc->moved_at = NOW();
	desc->handler->set_affinity(desc, cpu);
	return 0;
}

void irq_do_pending_move(struct irq_desc *desc)
{
	unsigned int cpu = desc->pending_cpu;

	desc->pending_cpu = IRQ_NO_CPU;
	if (cpu != IRQ_NO_CPU)
		(void)irq_place(desc, cpu); /* no vector there: it stays where it is */
}

void irq_unplace(struct irq_desc *desc)
{
	release_old_place(desc);
	if (desc->vector)
		vector_free(desc->cpu, desc->vector);
	desc->vector = 0;
	desc->pending_cpu = IRQ_NO_CPU;
}

/* --- After it has been dealt with ------------------------------------------------------------- */

void irq_end(struct irq_desc *desc)
{
	if (!desc->enabled || desc->throttled)
		return;
	if (unlikely(desc->pending_cpu != IRQ_NO_CPU) && desc->level)
		irq_do_pending_move(desc);
	desc->handler->end(desc);
}

/* Called and returns with desc->lock held. regs: NULL when nothing was interrupted. */
static void run_action(struct irq_desc *desc, struct cpu_user_regs *regs)
{
	const struct irqaction *action = desc->action;

	desc->in_progress = true;
	spin_unlock(&desc->lock);
	action->handler(desc->irq, action->dev_id, regs);
	spin_lock(&desc->lock);
	desc->in_progress = false;
	irq_end(desc);
}

/* --- Too many --------------------------------------------------------------------------------- */

static struct timer throttle_timer;

static void unthrottle(void *data)
{
	for (unsigned int irq = 0; irq < nr_irqs; irq++) {
		struct irq_desc *desc = irq_to_desc(irq);
		unsigned long flags;

		if (!READ_ONCE(desc->throttled))
			continue;
		spin_lock_irqsave(&desc->lock, flags);
		desc->throttled = false;
		desc->rate_count = 0;
		desc->rate_start = NOW();
		if (desc->enabled && !desc->nr_in_flight && !desc->in_progress)
			desc->handler->unmask(desc);
		/* An edge may have been lost meanwhile; one too many does no harm. */
		if (desc->nr_guests && !desc->level) {
			irq_deliver_to_guests(desc);
			local_irq_restore(flags);
			continue;
		}
		if (desc->action && !desc->in_progress)
			run_action(desc, NULL);
		spin_unlock_irqrestore(&desc->lock, flags);
	}
}

/* `irq_limit` interrupts have come: within the time in which that is too many? */
static noinline void check_rate(struct irq_desc *desc)
{
	s_time_t now = NOW(), window = MILLISECS(irq_limit_ms);

	if (now - desc->rate_start < window && throttle_timer.function) {
		desc->throttled = true;
		desc->handler->mask(desc);
		set_timer(&throttle_timer, now + window);
		if (desc->storms++ < 5)
			printk(XENLOG_WARNING "IRQ%u: more than %u in %u ms, masked for a while\n",
				desc->irq, irq_limit, irq_limit_ms);
	}
	desc->rate_start = now;
	desc->rate_count = 0;
}

/* --- Arrival ---------------------------------------------------------------------------------- */

/* A vector without owner: something late, or from a device that nobody has set up. */
static noinline void stray_interrupt(unsigned int vector)
{
	static unsigned int told;

	if (apic_read(APIC_ISR + vector / 32 * 16) & 1u << vector % 32)
		apic_eoi();
	if (told < 20) {
		told++;
		printk(XENLOG_WARNING "CPU%u: stray interrupt with vector %#x\n",
			smp_processor_id(), vector);
	}
}

static noinline void unclaimed_interrupt(struct irq_desc *desc)
{
	desc->handler->mask(desc);
	if (desc->unclaimed++ < 5)
		printk(XENLOG_WARNING "IRQ%u: nobody wants it, masked\n", desc->irq);
}

/* Things that happen rarely, and are best done when the interrupt has just arrived. */
static noinline void arrival_housekeeping(struct irq_desc *desc)
{
	if (desc->old_vector && desc->cpu == smp_processor_id() &&
		NOW() - desc->moved_at > OLD_PLACE_KEPT)
		release_old_place(desc);
	if (desc->pending_cpu != IRQ_NO_CPU && !desc->level)
		irq_do_pending_move(desc);
}

/* When an interrupt arrived and that it is done with. */
static always_inline void trace_handled(const struct irq_desc *desc, u64 arrived)
{
	TRACE(TRC_HW_IRQ_HANDLED, desc->irq, arrived, rdtsc());
}

static void handle_vector(struct cpu_user_regs *regs)
{
	unsigned int vector = regs->entry_vector & 0xff;
	u64 arrived = unlikely(trace_active) ? rdtsc() : 0;
	void (*direct)(struct cpu_user_regs *) = direct_vector[vector];
	struct irq_desc *desc;
	unsigned int irq;

	if (direct) {
		perfc_incr(ipis);
		if (vector != VECTOR_SPURIOUS)
			apic_eoi();
		direct(regs);
		return;
	}
	irq = this_cpu(vector_irq)[vector];
	if (unlikely(!irq)) {
		stray_interrupt(vector);
		return;
	}
	desc = irq_to_desc(irq - 1);
	spin_lock(&desc->lock);
	perfc_incr(irqs);
	desc->handler->ack(desc);
	desc->count++;
	if (unlikely(desc->old_vector || desc->pending_cpu != IRQ_NO_CPU))
		arrival_housekeeping(desc);
	if (unlikely(++desc->rate_count >= irq_limit) && irq_limit)
		check_rate(desc);
	if (likely(desc->nr_guests)) {
		irq_deliver_to_guests(desc); /* drops the lock */
		trace_handled(desc, arrived);
		return;
	}
	if (desc->action)
		run_action(desc, regs);
	else
		unclaimed_interrupt(desc);
	spin_unlock(&desc->lock);
	trace_handled(desc, arrived);
}

void do_IRQ(struct cpu_user_regs *regs)
{
	lock_check_irq_enter();
	handle_vector(regs);
	lock_check_irq_exit();
}

/* --- The hypervisor's own --------------------------------------------------------------------- */

int setup_irq(unsigned int irq, struct irqaction *new)
{
	struct irq_desc *desc;
	unsigned long flags;
	int rc = -EBUSY;

	if (irq >= nr_irqs)
		return -EINVAL;
	desc = irq_to_desc(irq);
	spin_lock_irqsave(&desc->lock, flags);
	if (desc->action || desc->nr_guests)
		goto out;
	rc = -EINVAL;
	if (desc->handler == &no_irq_controller)
		goto out;
	rc = irq_place(desc, smp_processor_id());
	if (rc)
		goto out;
	desc->action = new;
	desc->enabled = true;
	desc->handler->enable(desc);
out:
	spin_unlock_irqrestore(&desc->lock, flags);
	return rc;
}

void release_irq(unsigned int irq)
{
	struct irq_desc *desc = irq_to_desc(irq);
	unsigned long flags;

	spin_lock_irqsave(&desc->lock, flags);
	desc->action = NULL;
	desc->enabled = false;
	desc->handler->disable(desc);
	spin_unlock_irqrestore(&desc->lock, flags);
	while (READ_ONCE(desc->in_progress))
		cpu_relax();
}

/* --- MSI numbers ------------------------------------------------------------------------------ */

static DEFINE_SPINLOCK(msi_number_lock, LOCK_RANK_VECTOR);

static bool msi_run_free(unsigned int first, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		if (irq_to_desc(first + i)->allocated)
			return false;
	return true;
}

int irq_alloc_msi(unsigned int n)
{
	unsigned long flags;
	int ret = -ENOSPC;

	spin_lock_irqsave(&msi_number_lock, flags);
	for (unsigned int first = nr_irqs_gsi; first + n <= nr_irqs; first++) {
		if (!msi_run_free(first, n))
			continue;
		for (unsigned int i = 0; i < n; i++)
			irq_to_desc(first + i)->allocated = true;
		ret = first;
		break;
	}
	spin_unlock_irqrestore(&msi_number_lock, flags);
	return ret;
}

void irq_free_msi(unsigned int irq)
{
	WRITE_ONCE(irq_to_desc(irq)->allocated, false);
}

/* --- Boot, debug key -------------------------------------------------------------------------- */

static void dump_guests(const struct irq_desc *desc)
{
	for (unsigned int i = 0; i < desc->nr_guests; i++)
		printk(" d%u:pirq%u:port%u%s", desc->guest[i].d->domain_id, desc->guest[i].pirq,
			desc->guest[i].port, desc->guest[i].in_flight ? "(in flight)" : "");
}

void dump_irqs(unsigned char key)
{
	printk("IRQ information, %u GSIs of %u numbers:\n", nr_irqs_gsi, nr_irqs);
	for (unsigned int irq = 0; irq < nr_irqs; irq++) {
		struct irq_desc *desc = irq_to_desc(irq);
		unsigned long flags;

		spin_lock_irqsave(&desc->lock, flags);
		if (desc->vector) {
			printk("  IRQ:%4u vec:%02x cpu:%u %s %s count:%lu unclaimed:%u storms:%u",
				irq, desc->vector, desc->cpu, desc->handler->name,
				desc->enabled ? "on" : "off", desc->count, desc->unclaimed,
				desc->storms);
			if (desc->action)
				printk(" %s", desc->action->name);
			dump_guests(desc);
			printk("\n");
		}
		spin_unlock_irqrestore(&desc->lock, flags);
	}
	for (unsigned int cpu = 0; cpu < NR_CPUS; cpu++)
		if (cpu_online(cpu))
			printk("  CPU%u: %u vectors in use, %lu timer interrupts\n", cpu,
				vectors_in_use(cpu), apic_timer_count(cpu));
}

void init_irq_cpu(unsigned int cpu)
{
	memset(per_cpu(vector_irq, cpu), 0, sizeof(per_cpu(vector_irq, cpu)));
}

void __init init_irq(void)
{
	ioapic_init();
	nr_irqs = opt_nr_irqs ? opt_nr_irqs : nr_irqs_gsi + DEFAULT_MSI_IRQS;
	nr_irqs = min(max(nr_irqs, nr_irqs_gsi + 16), MAX_IRQS);
	irq_descs = alloc_xenheap_pages(
		order_from_pages(DIV_ROUND_UP(nr_irqs * sizeof(*irq_descs), PAGE_SIZE)), MEMF_zero);
	if (!irq_descs)
		panic("No memory for %u interrupt descriptors\n", nr_irqs);
	for (unsigned int irq = 0; irq < nr_irqs; irq++) {
		struct irq_desc *desc = irq_to_desc(irq);

		spin_lock_init(&desc->lock, LOCK_RANK_IRQ);
		desc->irq = irq;
		desc->handler = &no_irq_controller;
		desc->pending_cpu = IRQ_NO_CPU;
	}
	ioapic_init_descs();
	register_keyhandler('i', dump_irqs, "dump interrupt bindings", true);
	register_keyhandler('z', ioapic_dump, "dump IO-APICs", true);
}

/* Boot, when timers work: interrupt storms can be ended from here on. */
void __init irq_timers_init(void)
{
	init_timer(&throttle_timer, unthrottle, NULL, 0);
}
