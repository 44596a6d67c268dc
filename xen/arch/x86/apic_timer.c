/* The local APIC's timer: one shot at a time, by its own counter or by a TSC value to wait for. */
#include <asm/apic.h>
#include <asm/irqflags.h>
#include <xen/lib.h>
#include <xen/param.h>
#include <xen/percpu.h>
#include <xen/list.h>
#include <xen/smp.h>
#include <xen/softirq.h>
#include <xen/time.h>
#include <xen/timer.h>
#include <public/xen.h>
#include "apic_timer.h"

#define CPUID_1_ECX_DEADLINE (1u << 24)
#define CALIBRATION_US       20000

static bool opt_deadline = true;
boolean_param("tdt", opt_deadline);

static bool use_deadline __read_mostly;
/* Timer ticks per nanosecond, times 2^32. 0: not measured yet. TSC ticks with use_deadline. */
static u64 ticks_per_ns __read_mostly;
static DEFINE_PER_CPU(unsigned long, timer_interrupts);

unsigned long apic_timer_count(unsigned int cpu)
{
	return per_cpu(timer_interrupts, cpu);
}

static void timer_interrupt(struct cpu_user_regs *regs)
{
	this_cpu(timer_interrupts)++;
	raise_softirq(TIMER_SOFTIRQ);
}

void apic_timer_setup_cpu(void)
{
	if (!ticks_per_ns) {
		apic_write(APIC_LVT_TIMER, VECTOR_APIC_TIMER | APIC_LVT_MASKED);
		return;
	}
	if (use_deadline) {
		apic_write(APIC_LVT_TIMER, VECTOR_APIC_TIMER | APIC_LVT_DEADLINE);
		mb(); /* a memory-mapped mode change and a later MSR write are not ordered */
		return;
	}
	apic_write(APIC_TIMER_DIV, APIC_TIMER_DIV_1);
	apic_write(APIC_LVT_TIMER, VECTOR_APIC_TIMER);
	apic_write(APIC_TIMER_INIT, 0);
}

void apic_timer_stop(void)
{
	if (use_deadline)
		wrmsr(MSR_TSC_DEADLINE, 0);
	else
		apic_write(APIC_TIMER_INIT, 0);
	apic_write(APIC_LVT_TIMER, VECTOR_APIC_TIMER | APIC_LVT_MASKED);
}

/* Let the counter run for a known number of TSC ticks; returns its frequency in kHz. */
static u64 __init measure_khz(void)
{
	u64 tsc_ticks = (u64)cpu_khz * CALIBRATION_US / 1000, start, end;
	unsigned long flags = local_irq_save();
	u32 count;

	apic_write(APIC_TIMER_DIV, APIC_TIMER_DIV_1);
	apic_write(APIC_TIMER_INIT, ~0u);
	start = rdtsc_ordered();
	do {
		cpu_relax();
		end = rdtsc_ordered();
	} while (end - start < tsc_ticks);
	count = ~0u - apic_read(APIC_TIMER_COUNT);
	apic_write(APIC_TIMER_INIT, 0);
	local_irq_restore(flags);
	return (u64)count * cpu_khz / (end - start);
}

void __init apic_timer_init(void)
{
	u32 a, b, c, d;
	u64 khz;

	cpuid_count(1, 0, &a, &b, &c, &d);
	use_deadline = opt_deadline && c & CPUID_1_ECX_DEADLINE;
	khz = use_deadline ? cpu_khz : measure_khz();
	if (!khz)
		panic("The local APIC's timer does not run\n");
	ticks_per_ns = (khz << 32) / 1000000;
	set_direct_apic_vector(VECTOR_APIC_TIMER, timer_interrupt);
	apic_timer_setup_cpu();
	printk(XENLOG_INFO "Local APIC timer: %s, %lu.%03lu MHz\n",
		use_deadline ? "TSC deadline" : "one-shot counter", khz / 1000, khz % 1000);
}

bool reprogram_timer(s_time_t timeout)
{
	u64 ticks = 0;

	if (timeout) {
		s_time_t delta = timeout - get_s_time();

		if (delta <= 0)
			return false;
		/* Longer waits than this end early: the softirq finds nothing due and comes again.
		 */
		delta = min_t(s_time_t, delta, SECONDS(1) << 2);
		ticks = ((unsigned __int128)(u64)delta * ticks_per_ns >> 32) + 1;
	}
	if (use_deadline)
		wrmsr(MSR_TSC_DEADLINE, ticks ? rdtsc() + ticks : 0);
	else
		apic_write(APIC_TIMER_INIT, min_t(u64, ticks, ~0u));
	return true;
}
