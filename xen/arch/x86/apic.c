/* The local APIC: modes, set-up of each CPU, and interrupts from CPU to CPU. */
#include <asm/apic.h>
#include <asm/config.h>
#include <asm/irqflags.h>
#include <xen/mm.h>
#include <xen/acpi.h>
#include <xen/errno.h>
#include <xen/lib.h>
#include <xen/param.h>
#include <xen/percpu.h>
#include <xen/smp.h>
#include <public/xen.h>
#include "apic_timer.h"

#define APIC_DEFAULT_BASE  0xfee00000UL
#define APICBASE_ADDR      0x000ffffffffff000UL
#define CPUID_1_EDX_APIC   (1u << 9)
#define CPUID_1_ECX_X2APIC (1u << 21)

bool x2apic_enabled __read_mostly;
volatile u8 *apic_mmio __read_mostly;
u32 cpu_to_apicid[NR_CPUS] __read_mostly = {[0 ... NR_CPUS - 1] = ~0u};
unsigned int opt_apic_verbosity;

static bool opt_x2apic = true;
static bool opt_nolapic;
boolean_param("x2apic", opt_x2apic);
boolean_param("nolapic", opt_nolapic);
/* The APIC is always used and IPIs always have a physical destination. */
ignored_param("lapic");
ignored_param("x2apic_phys");

static int __init parse_verbosity(const char *s)
{
	if (!strcmp(s, "debug"))
		opt_apic_verbosity = 2;
	else if (!strcmp(s, "verbose"))
		opt_apic_verbosity = 1;
	else
		return -EINVAL;
	return 0;
}
custom_param("apic_verbosity", parse_verbosity);

/* One driver fits all machines; the names of old special ones are accepted. */
static int __init parse_driver(const char *s)
{
	static const char *const names[] = {"default", "bigsmp", "es7000", "summit"};

	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(s, names[i]))
			return 0;
	return -EINVAL;
}
custom_param("apic", parse_driver);

/* --- Fixed vectors ---------------------------------------------------------------------------- */

static DEFINE_PER_CPU(unsigned long, apic_errors);
static DEFINE_PER_CPU(unsigned long, apic_spurious);

static void error_interrupt(struct cpu_user_regs *regs)
{
	u32 esr;

	apic_write(APIC_ESR, 0); /* latches what has accumulated */
	esr = apic_read(APIC_ESR);
	if (this_cpu(apic_errors)++ < 10)
		printk(XENLOG_WARNING "CPU%u: local APIC error %#x\n", smp_processor_id(), esr);
}

static void spurious_interrupt(struct cpu_user_regs *regs)
{
	this_cpu(apic_spurious)++;
}

/* --- Set-up ----------------------------------------------------------------------------------- */

u32 apic_local_id(void)
{
	u32 id = apic_read(APIC_ID);

	return x2apic_enabled ? id : id >> 24;
}

unsigned int apicid_to_cpu(u32 apicid)
{
	for (unsigned int cpu = 0; cpu < NR_CPUS; cpu++)
		if (cpu_to_apicid[cpu] == apicid)
			return cpu;
	return NR_CPUS;
}

/* Does a non-maskable line of this CPU come in at `lint`? Returns the LVT entry for it. */
static u32 lint_entry(unsigned int lint)
{
	u32 id = cpu_to_apicid[smp_processor_id()];
	u32 acpi_id = ACPI_ALL_CPUS;

	for (unsigned int i = 0; i < acpi_info.nr_cpus; i++)
		if (acpi_info.cpus[i].apic_id == id)
			acpi_id = acpi_info.cpus[i].acpi_id;
	for (unsigned int i = 0; i < acpi_info.nr_nmis; i++) {
		const struct acpi_lapic_nmi *n = &acpi_info.nmis[i];

		if (n->lint == lint && (n->acpi_id == ACPI_ALL_CPUS || n->acpi_id == acpi_id))
			return APIC_DM_NMI | (ACPI_INTI_POLARITY(n->flags) == 3 ? APIC_LVT_LOW : 0);
	}
	/* Unless the tables say otherwise the second input of the first CPU is the NMI line. */
	if (lint == 1 && !acpi_info.nr_nmis && smp_processor_id() == 0)
		return APIC_DM_NMI;
	return APIC_DM_FIXED | APIC_LVT_MASKED;
}

/* Interrupts that a former owner of the machine left in service would block ours for ever. */
static void drain_in_service(void)
{
	for (unsigned int round = 0; round < 256; round++) {
		u32 any = 0;

		for (unsigned int i = 0; i < 8; i++)
			any |= apic_read(APIC_ISR + i * 16);
		if (!any)
			return;
		apic_eoi();
	}
}

static void enable_mode(void)
{
	u64 base = rdmsr(MSR_IA32_APICBASE);

	/* x2APIC mode is entered from xAPIC mode only, and never left. */
	if (!(base & APICBASE_ENABLE)) {
		base |= APICBASE_ENABLE;
		wrmsr(MSR_IA32_APICBASE, base);
	}
	if (x2apic_enabled && !(base & APICBASE_X2APIC))
		wrmsr(MSR_IA32_APICBASE, base | APICBASE_X2APIC);
}

void apic_setup_cpu(void)
{
	unsigned int max_lvt;

	enable_mode();
	cpu_to_apicid[smp_processor_id()] = apic_local_id();
	if (!x2apic_enabled) {
		apic_write(APIC_DFR, ~0u); /* flat; unused, but logical IDs must not be chance */
		apic_write(APIC_LDR, 0);
	}
	apic_write(APIC_TPR, 0);
	apic_write(APIC_SVR, APIC_SVR_ENABLE | VECTOR_SPURIOUS);
	drain_in_service();
	max_lvt = apic_read(APIC_VERSION) >> 16 & 0xff;
	apic_write(APIC_LVT_LINT0, lint_entry(0));
	apic_write(APIC_LVT_LINT1, lint_entry(1));
	if (max_lvt >= 4)
		apic_write(APIC_LVT_PMC, APIC_DM_NMI | APIC_LVT_MASKED);
	if (max_lvt >= 6)
		apic_write(APIC_LVT_CMCI, APIC_LVT_MASKED);
	apic_write(APIC_ESR, 0);
	apic_write(APIC_LVT_ERROR, VECTOR_ERROR);
	apic_timer_setup_cpu();
	if (opt_apic_verbosity)
		printk(XENLOG_INFO "CPU%u: APIC ID %#x, version %#x, %u LVT entries\n",
			smp_processor_id(), apic_local_id(), apic_read(APIC_VERSION) & 0xff,
			max_lvt + 1);
}

void apic_disable_local(void)
{
	apic_timer_stop();
	apic_write(APIC_LVT_LINT0, APIC_LVT_MASKED);
	apic_write(APIC_LVT_LINT1, APIC_DM_NMI | APIC_LVT_MASKED);
	apic_write(APIC_SVR, VECTOR_SPURIOUS);
}

void __init apic_init_bsp(void)
{
	paddr_t address;
	u64 base;
	u32 a, b, c, d;

	cpuid_count(1, 0, &a, &b, &c, &d);
	if (!(d & CPUID_1_EDX_APIC))
		panic("This CPU has no local APIC (or the firmware disabled it for good)\n");
	if (opt_nolapic)
		printk(XENLOG_WARNING "nolapic: the local APIC is the only timer, it stays on\n");
	mask_8259();

	base = rdmsr(MSR_IA32_APICBASE);
	x2apic_enabled = (c & CPUID_1_ECX_X2APIC) && (opt_x2apic || base & APICBASE_X2APIC);
	address = base & APICBASE_ADDR;
	if (!x2apic_enabled) {
		apic_mmio = ioremap(address ? address : APIC_DEFAULT_BASE, PAGE_SIZE);
		if (!apic_mmio)
			panic("Cannot map the local APIC\n");
	}
	set_direct_apic_vector(VECTOR_ERROR, error_interrupt);
	set_direct_apic_vector(VECTOR_SPURIOUS, spurious_interrupt);
	apic_setup_cpu();
	printk(XENLOG_INFO "Local APIC: %s mode, driver default\n",
		x2apic_enabled ? "x2APIC" : "xAPIC");
}

/* --- Interrupts to other CPUs ----------------------------------------------------------------- */

/* Wait until the last command has left; bounded, since some machines never clear the bit. */
static void icr_wait(void)
{
	for (unsigned int n = 0; n < 100000; n++) {
		if (!(apic_read(APIC_ICR) & APIC_ICR_BUSY))
			return;
		cpu_relax();
	}
}

static void icr_write(u32 apicid, u32 command)
{
	unsigned long flags;

	if (x2apic_enabled) {
		/* This MSR write does not wait for earlier stores to be seen, unlike a device
		 * access. */
		__asm__ volatile("mfence; lfence" ::: "memory");
		wrmsr(MSR_X2APIC_FIRST + APIC_ICR / 16, (u64)apicid << 32 | command);
		return;
	}
	flags = local_irq_save();
	icr_wait();
	apic_write(APIC_ICR2, apicid << 24);
	apic_write(APIC_ICR, command);
	local_irq_restore(flags);
}

void apic_send_ipi(unsigned int cpu, u8 vector)
{
	icr_write(cpu_to_apicid[cpu], APIC_DM_FIXED | APIC_ICR_ASSERT | vector);
}

void apic_send_ipi_mask(const cpumask_t *mask, u8 vector)
{
	unsigned int cpu, self = smp_processor_id();

	for_each_cpu(cpu, mask) if (cpu != self) apic_send_ipi(cpu, vector);
}

/* Without a destination: an NMI handler may do this while it interrupts icr_write(). */
void apic_send_ipi_self(u8 vector)
{
	if (x2apic_enabled) {
		wrmsr(MSR_X2APIC_FIRST + APIC_SELF_IPI / 16, vector);
		return;
	}
	icr_wait();
	apic_write(APIC_ICR, APIC_DM_FIXED | APIC_ICR_ASSERT | APIC_ICR_SELF | vector);
}

void apic_send_nmi(unsigned int cpu)
{
	icr_write(cpu_to_apicid[cpu], APIC_DM_NMI | APIC_ICR_ASSERT);
}

void apic_send_init(u32 apicid)
{
	icr_write(apicid, APIC_DM_INIT | APIC_ICR_LEVEL | APIC_ICR_ASSERT);
	if (x2apic_enabled)
		return; /* there is no de-assertion in this mode */
	icr_wait();
	icr_write(apicid, APIC_DM_INIT | APIC_ICR_LEVEL);
	icr_wait();
}

void apic_send_startup(u32 apicid, u8 page)
{
	icr_write(apicid, APIC_DM_STARTUP | APIC_ICR_ASSERT | page);
	if (!x2apic_enabled)
		icr_wait();
}
