/* Performance counters: printing and resetting. */
#include <xen/keyhandler.h>
#include <xen/lib.h>
#include <xen/perfc.h>
#include <xen/smp.h>

static const char *const names[NR_PERFCTRS] = {
#define PERFCOUNTER(name, text) text,
#include <xen/perfc_defn.h>
#undef PERFCOUNTER
};

const char *perfc_name(unsigned int nr)
{
	return names[nr];
}

#ifdef CONFIG_PERF_COUNTERS

DEFINE_PER_CPU(struct perfcounters, perfcounters);

u32 perfc_read(unsigned int nr, unsigned int cpu)
{
	return per_cpu(perfcounters, cpu).count[nr];
}

/* Counts that happen meanwhile may survive: nothing depends on exactness here. */
void perfc_reset(void)
{
	unsigned int cpu;

	for_each_online_cpu(cpu)
		memset(&per_cpu(perfcounters, cpu), 0, sizeof(struct perfcounters));
}

static void perfc_print(unsigned char key)
{
	for (unsigned int nr = 0; nr < NR_PERFCTRS; nr++) {
		unsigned int cpu;
		u64 total = 0;

		for_each_online_cpu(cpu)
			total += perfc_read(nr, cpu);
		printk(XENLOG_ALWAYS "%-45s TOTAL[%10lu]", names[nr], total);
		if (total)
			for_each_online_cpu(cpu)
				printk("  CPU%02u[%10u]", cpu, perfc_read(nr, cpu));
		printk("\n");
	}
}

static void perfc_reset_key(unsigned char key)
{
	perfc_reset();
}

void __init perfc_init(void)
{
	register_keyhandler('p', perfc_print, "print performance counters", true);
	register_keyhandler('P', perfc_reset_key, "reset performance counters", false);
}

#else

u32 perfc_read(unsigned int nr, unsigned int cpu)
{
	return 0;
}

void perfc_reset(void)
{
}

void __init perfc_init(void)
{
}

#endif
