/* Calling other CPUs: to look at their softirqs, to run a function, to stop. */
#include <asm/apic.h>
#include <asm/flushtlb.h>
#include <asm/irqflags.h>
#include <asm/smp.h>
#include <xen/lib.h>
#include <xen/smp.h>
#include <xen/spinlock.h>
#include <xen/time.h>
#include <public/xen.h>
#include "smp_private.h"

/* --- Event check ------------------------------------------------------------------------------ */

/* The way out of the interrupt looks at softirqs and events; nothing else is needed. */
static void event_check_interrupt(struct cpu_user_regs *regs)
{
}

void smp_send_event_check_mask(const cpumask_t *mask)
{
	apic_send_ipi_mask(mask, VECTOR_EVENT_CHECK);
}

void smp_send_event_check_cpu(unsigned int cpu)
{
	if (cpu != smp_processor_id())
		apic_send_ipi(cpu, VECTOR_EVENT_CHECK);
}

/* --- Function calls --------------------------------------------------------------------------- */

/* One call at a time. `pending` holds the CPUs that have not started (wait: finished) yet. */
static DEFINE_SPINLOCK(call_lock, LOCK_RANK_CALL);
static struct {
	void (*fn)(void *data);
	void *data;
	bool wait;
	cpumask_t pending;
} call;

static void call_interrupt(struct cpu_user_regs *regs)
{
	unsigned int cpu = smp_processor_id();
	void (*fn)(void *data);
	void *data;

	if (!cpumask_test_cpu(cpu, &call.pending))
		return;
	smp_rmb();
	fn = call.fn;
	data = call.data;
	if (call.wait) {
		fn(data);
		smp_mb();
		cpumask_clear_cpu(cpu, &call.pending);
	} else {
		cpumask_clear_cpu(cpu, &call.pending);
		fn(data);
	}
}

static void call_others(const cpumask_t *targets, void (*fn)(void *), void *data, bool wait)
{
	spin_lock(&call_lock);
	call.fn = fn;
	call.data = data;
	call.wait = wait;
	smp_wmb();
	FOR_EACH_MASK_WORD(i)
	__atomic_store_n(&call.pending.bits[i], targets->bits[i], __ATOMIC_SEQ_CST);
	apic_send_ipi_mask(targets, VECTOR_CALL_FUNCTION);
	while (!cpumask_empty(&call.pending)) {
		barrier();
		cpu_relax();
	}
	spin_unlock(&call_lock);
}

void on_selected_cpus(const cpumask_t *mask, void (*fn)(void *), void *data, bool wait)
{
	unsigned int cpu = smp_processor_id();
	unsigned long flags;
	cpumask_t others;

	ASSERT(local_irq_is_enabled());
	cpumask_and(&others, mask, &cpu_online_map);
	cpumask_clear_cpu(cpu, &others);
	if (!cpumask_empty(&others))
		call_others(&others, fn, data, wait);
	if (cpumask_test_cpu(cpu, mask)) {
		flags = local_irq_save();
		fn(data);
		local_irq_restore(flags);
	}
}

void smp_call_function_all(void (*fn)(void *), void *data, bool wait)
{
	on_selected_cpus(&cpu_online_map, fn, data, wait);
}

/* --- Stop ------------------------------------------------------------------------------------- */

static int stop_owner = -1; /* CPU that stops the others */
static cpumask_t stop_pending;

static noreturn void park(void)
{
	apic_disable_local();
	cpumask_clear_cpu(smp_processor_id(), &stop_pending);
	for (;;) {
		local_irq_disable();
		halt();
	}
}

void smp_stop_if_asked(void)
{
	if (cpumask_test_cpu(smp_processor_id(), &stop_pending))
		park();
}

void smp_send_stop(void)
{
	int self = smp_processor_id(), owner = cmpxchg(&stop_owner, -1, self);
	unsigned int cpu;
	cpumask_t others;

	if (owner == self)
		return; /* already done; a panic within a panic comes here */
	if (owner >= 0)
		park();
	others = cpu_online_map;
	cpumask_clear_cpu(self, &others);
	stop_pending = others;
	smp_mb();
	for_each_cpu(cpu, &others) apic_send_nmi(cpu);
	for (unsigned int ms = 0; ms < 1000 && !cpumask_empty(&stop_pending); ms++) {
		barrier();
		udelay(1000);
	}
	cpu_online_map = cpumask_of(self);
}

void __init smp_init_vectors(void)
{
	set_direct_apic_vector(VECTOR_EVENT_CHECK, event_check_interrupt);
	set_direct_apic_vector(VECTOR_CALL_FUNCTION, call_interrupt);
	set_direct_apic_vector(VECTOR_INVALIDATE, flush_interrupt);
}
