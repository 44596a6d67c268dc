/* Bringing up the other CPUs (Intel MultiProcessor Specification 1.4, B.4). */
#include <xen/acpi.h>
#include <xen/errno.h>
#include <xen/lib.h>
#include <xen/param.h>
#include <xen/sched.h>
#include <asm/apic.h>
#include <asm/paging.h>
#include <asm/percpu_block.h>
#include <asm/setup.h>
#include <asm/smpboot.h>

#define TRAMPOLINE_PADDR 0x8000

static bool opt_nosmp;
boolean_param("nosmp", opt_nosmp);
static unsigned int opt_maxcpus = NR_CPUS;
integer_param("maxcpus", opt_maxcpus);
extern bool opt_ignorebiostables;

cpumask_t cpu_online_map, cpu_present_map;
unsigned int nr_cpu_ids = 1;

extern char trampoline_start[], trampoline_end[];
extern u32 trampoline_gdt_base, trampoline_far32, trampoline_far64;
extern u64 trampoline_stack, trampoline_cpu, trampoline_entry, trampoline_cr3;

static void start_secondary(unsigned int cpu)
{
	cpu_load_tables(cpu);
	cpu_init_features();
	set_current(per_cpu(idle_vcpu, cpu));
	apic_setup_cpu();
	cpumask_set_cpu(cpu, &cpu_online_map);
	local_irq_enable();
	reset_stack_and_jump(idle_loop);
}

static void *tramp(void *sym)
{
	return maddr_to_virt(TRAMPOLINE_PADDR + ((char *)sym - trampoline_start));
}

static void __init install_trampoline(void)
{
	memcpy(maddr_to_virt(TRAMPOLINE_PADDR), trampoline_start, trampoline_end - trampoline_start);
	*(u32 *)tramp(&trampoline_gdt_base) += TRAMPOLINE_PADDR;
	*(u32 *)tramp(&trampoline_far32) += TRAMPOLINE_PADDR;
	*(u32 *)tramp(&trampoline_far64) += TRAMPOLINE_PADDR;
	*(u64 *)tramp(&trampoline_entry) = (u64)start_secondary;
	*(u64 *)tramp(&trampoline_cr3) = virt_to_maddr(idle_l4);
}

static bool __init wait_online(unsigned int cpu, unsigned int ms)
{
	for (unsigned int i = 0; i < ms * 10 && !cpu_online(cpu); i++)
		udelay(100);
	return cpu_online(cpu);
}

static int __init boot_cpu(unsigned int cpu)
{
	u32 apicid = cpu_to_apicid[cpu];
	int rc = percpu_alloc(cpu);

	if (!rc)
		rc = timer_init_cpu(cpu);
	if (!rc)
		rc = scheduler_cpu_up(cpu);
	if (rc)
		return rc;
	*(u64 *)tramp(&trampoline_stack) = (u64)percpu_stack_top(cpu);
	*(u64 *)tramp(&trampoline_cpu) = cpu;
	smp_mb();
	apic_send_init(apicid);
	udelay(10000);
	apic_send_startup(apicid, TRAMPOLINE_PADDR >> PAGE_SHIFT);
	if (!wait_online(cpu, 10)) {
		apic_send_startup(apicid, TRAMPOLINE_PADDR >> PAGE_SHIFT);
		if (!wait_online(cpu, 1000))
			return -EIO;
	}
	return 0;
}

/* CPU numbers in the order of the MADT, the boot CPU first. */
void __init smp_enumerate_cpus(void)
{
	unsigned int n = 1, limit = opt_nosmp || !opt_maxcpus ? 1 : min(opt_maxcpus, (unsigned int)NR_CPUS);
	u32 self = apic_local_id();

	cpu_to_apicid[0] = self;
	cpumask_set_cpu(0, &cpu_online_map);
	cpumask_set_cpu(0, &cpu_present_map);
	for (unsigned int i = 0; i < acpi_info.nr_cpus; i++) {
		if (!acpi_info.cpus[i].enabled || acpi_info.cpus[i].apic_id == self)
			continue;
		if (n == limit) {
			printk(XENLOG_INFO "More CPUs than the %u in use are ignored\n", limit);
			break;
		}
		cpu_to_apicid[n] = acpi_info.cpus[i].apic_id;
		cpumask_set_cpu(n++, &cpu_present_map);
	}
	nr_cpu_ids = n;
}

void __init smp_boot_cpus(void)
{
	unsigned int cpu;

	install_trampoline();
	for_each_cpu (cpu, &cpu_present_map) {
		int rc = cpu ? boot_cpu(cpu) : 0;

		if (rc)
			printk(XENLOG_ERR "CPU %u (APIC %#x) does not come up: error %d\n", cpu,
				cpu_to_apicid[cpu], rc);
	}
	printk(XENLOG_INFO "Brought up %u CPUs\n", num_online_cpus());
}
