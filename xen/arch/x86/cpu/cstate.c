/* Idle states: C1, entered by hlt, with counts for debug key 'c'; what key 's' says of the TSC. */
#include <xen/keyhandler.h>
#include <xen/lib.h>
#include <xen/sched.h>
#include <xen/trace.h>
#include <asm/setup.h>
#include <asm/time.h>

struct idle_count {
	u64 entries, ticks;
};
static DEFINE_PER_CPU(struct idle_count, c1);

/* Interrupts are off; they are on again, and one has come, when this returns. */
void cpu_idle(void)
{
	struct idle_count *c = &this_cpu(c1);
	u64 start = rdtsc(), end;

	TRACE(TRC_PM_IDLE_ENTRY, 1, start, 0, 0);
	safe_halt();
	end = rdtsc();
	c->entries++;
	c->ticks += end - start;
	TRACE(TRC_PM_IDLE_EXIT, 1, end, 0, 0, 0, 0);
}

void cstate_read(unsigned int cpu, u64 *entries, s_time_t *idle)
{
	const struct idle_count *c = &per_cpu(c1, cpu);

	*entries = READ_ONCE(c->entries);
	*idle = tsc_to_ns(READ_ONCE(c->ticks));
}

static void show_cstates(unsigned char key)
{
	unsigned int cpu;

	for_each_online_cpu (cpu) {
		const struct idle_count *c = &per_cpu(c1, cpu);
		u64 now = NOW(), idle = tsc_to_ns(c->ticks);

		printk("CPU%u:\n", cpu);
		printk("    C0:    usage[%08lu] duration[%lu] us\n", (unsigned long)c->entries,
			(unsigned long)(now > idle ? now - idle : 0) / 1000);
		printk("   *C1:    type[C1] usage[%08lu] method[ HALT] duration[%lu] us\n",
			(unsigned long)c->entries, (unsigned long)idle / 1000);
	}
}

static void show_tsc(unsigned char key)
{
	struct domain *d;
	u32 a, b, c, edx;

	cpuid_count(0x80000007, 0, &a, &b, &c, &edx);
	printk("TSC is %s, %lu kHz, system time follows it\n",
		edx & (1u << 8) ? "invariant" : "not marked invariant by the processor", cpu_khz);
	for_each_domain (d)
		printk("d%u: TSC read natively (tsc_mode=2), no emulation\n", d->domain_id);
}

void __init cstate_init_keys(void)
{
	register_keyhandler('c', show_cstates, "dump ACPI Cx structures", true);
	register_keyhandler('s', show_tsc, "dump softtsc stats", true);
}
