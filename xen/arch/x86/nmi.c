/*
 * NMIs: errors that the chipset reports, requests to stop, and the watchdog.
 *
 * The watchdog expects each CPU to run a timer once a second, which needs interrupts and softirqs
 * alive. Where the CPU counts its cycles by itself, the counter's overflow is an NMI that looks
 * whether the timer has run. Elsewhere each CPU watches the next one, and sends it an NMI so that
 * it shows where it hangs.
 */
#include <asm/apic.h>
#include <asm/irq.h>
#include <asm/nmi.h>
#include <asm/smp.h>
#include <xen/bitops.h>
#include <xen/console.h>
#include <xen/errno.h>
#include <xen/keyhandler.h>
#include <xen/lib.h>
#include <xen/param.h>
#include <xen/sched.h>
#include <xen/smp.h>
#include <xen/symbols.h>
#include <xen/timer.h>
#include <public/nmi.h>

#define PORT_B             0x61 /* system control port B: what raised the NMI */
#define PORT_B_SERR        0x80u
#define PORT_B_IOCHK       0x40u
#define PORT_B_CLEAR_IOCHK 0x08u
#define PORT_B_CLEAR_SERR  0x04u

enum nmi_reaction { NMI_FATAL, NMI_DOM0, NMI_IGNORE };
#ifdef CONFIG_DEBUG
static enum nmi_reaction reaction = NMI_FATAL;
#else
static enum nmi_reaction reaction = NMI_DOM0;
#endif

static int __init parse_nmi(const char *s)
{
	if (!strcmp(s, "fatal"))
		reaction = NMI_FATAL;
	else if (!strcmp(s, "dom0"))
		reaction = NMI_DOM0;
	else if (!strcmp(s, "ignore"))
		reaction = NMI_IGNORE;
	else
		return -EINVAL;
	return 0;
}
custom_param("nmi", parse_nmi);

static bool opt_watchdog;
static unsigned int opt_watchdog_timeout = 5; /* seconds */
boolean_param("watchdog", opt_watchdog);
integer_param("watchdog_timeout", opt_watchdog_timeout);

static DEFINE_PER_CPU(unsigned long, nmi_count);
static cpumask_t nmi_expected; /* CPUs that sent themselves one by the debug key */

/* --- Watchdog --------------------------------------------------------------------------------- */

static DEFINE_PER_CPU(struct timer, heartbeat_timer);
static DEFINE_PER_CPU(unsigned long, heartbeat);
/* The next CPU's heartbeat as last seen, and for how many seconds that has been the same. */
static DEFINE_PER_CPU(unsigned long, neighbour_seen);
static DEFINE_PER_CPU(unsigned int, neighbour_still);
/* The same of this CPU, as its cycle counter sees it. */
static DEFINE_PER_CPU(unsigned long, own_seen);
static DEFINE_PER_CPU(unsigned int, own_still);
static cpumask_t hang_suspects;
static int watchdog_off;
static bool use_pmu;

void watchdog_disable(void)
{
	__atomic_fetch_add(&watchdog_off, 1, __ATOMIC_SEQ_CST);
}

void watchdog_enable(void)
{
	__atomic_fetch_sub(&watchdog_off, 1, __ATOMIC_SEQ_CST);
}

static void watch_neighbour(unsigned int cpu)
{
	unsigned int next = cpumask_cycle(cpu, &cpu_online_map);
	unsigned long beat;

	if (next == cpu)
		return;
	beat = READ_ONCE(per_cpu(heartbeat, next));
	if (beat != this_cpu(neighbour_seen) || READ_ONCE(watchdog_off)) {
		this_cpu(neighbour_seen) = beat;
		this_cpu(neighbour_still) = 0;
		return;
	}
	if (++this_cpu(neighbour_still) != opt_watchdog_timeout)
		return;
	cpumask_set_cpu(next, &hang_suspects);
	apic_send_nmi(next);
}

static void heartbeat_tick(void *data)
{
	unsigned int cpu = smp_processor_id();

	this_cpu(heartbeat)++;
	watch_neighbour(cpu);
	set_timer(&this_cpu(heartbeat_timer), NOW() + SECONDS(1));
}

static noreturn void report_hang(const struct cpu_user_regs *regs)
{
	unsigned long offset = 0, size = 0;
	const char *name = symbols_lookup(regs->rip, &offset, &size);

	console_force_unlock();
	printk(XENLOG_ERR "CPU%u hangs at %04x:%016lx (%s+%#lx)\n", smp_processor_id(), regs->cs,
		regs->rip, name ? name : "?", offset);
	dump_execution_state();
	panic("Watchdog: CPU%u has run no timers for %u seconds\n", smp_processor_id(),
		opt_watchdog_timeout);
}

/* --- The cycle counter (Intel SDM vol. 3, 19.2: architectural performance monitoring) --------- */

#define MSR_PERF_CTR0          0x0c1
#define MSR_PERF_EVTSEL0       0x186
#define MSR_PERF_GLOBAL_STATUS 0x38e
#define MSR_PERF_GLOBAL_CTRL   0x38f
#define MSR_PERF_GLOBAL_OVF    0x390
#define EVTSEL_CYCLES          0x3cu
#define EVTSEL_USER            (1u << 16)
#define EVTSEL_OS              (1u << 17)
#define EVTSEL_INT             (1u << 20)
#define EVTSEL_ENABLE          (1u << 22)

static u32 pmu_version;

/* About a second of running; a halted CPU does not count and need not be watched. */
static void pmu_arm(void)
{
	u64 cycles = min_t(u64, (u64)cpu_khz * 1000, 0x7fffffff);

	wrmsr(MSR_PERF_CTR0, -cycles); /* bit 31 is extended to the counter's width */
}

static void pmu_start(void *unused)
{
	wrmsr(MSR_PERF_EVTSEL0, 0);
	pmu_arm();
	if (pmu_version >= 2)
		wrmsr(MSR_PERF_GLOBAL_CTRL, rdmsr(MSR_PERF_GLOBAL_CTRL) | 1);
	apic_write(APIC_LVT_PMC, APIC_DM_NMI);
	wrmsr(MSR_PERF_EVTSEL0,
		EVTSEL_CYCLES | EVTSEL_USER | EVTSEL_OS | EVTSEL_INT | EVTSEL_ENABLE);
}

static bool __init pmu_detect(void)
{
	u32 a, b, c, d;

	cpuid_count(0, 0, &a, &b, &c, &d);
	if (a < 0xa)
		return false;
	cpuid_count(0xa, 0, &a, &b, &c, &d);
	pmu_version = a & 0xff;
	/* At least one counter of 32 bits, and the cycle event not missing. */
	return pmu_version && (a >> 8 & 0xff) && (a >> 16 & 0xff) >= 32 && !(b & 1);
}

/* Was this NMI the counter's? Then look whether the CPU still lives. */
static bool pmu_nmi(const struct cpu_user_regs *regs)
{
	unsigned long beat = this_cpu(heartbeat);

	if (rdmsr(MSR_PERF_CTR0) & 1ULL << 31) /* has not passed zero yet */
		return false;
	pmu_arm();
	if (pmu_version >= 2)
		wrmsr(MSR_PERF_GLOBAL_OVF, 1);
	apic_write(APIC_LVT_PMC, APIC_DM_NMI); /* the hardware masked it */
	if (beat != this_cpu(own_seen) || READ_ONCE(watchdog_off)) {
		this_cpu(own_seen) = beat;
		this_cpu(own_still) = 0;
	} else if (++this_cpu(own_still) >= opt_watchdog_timeout) {
		report_hang(regs);
	}
	return true;
}

/* --- Reasons ---------------------------------------------------------------------------------- */

static unsigned long pending_reasons; /* XEN_NMIREASON_* bits for dom0 */

/*
 * The rest of an NMI for dom0, in an ordinary interrupt: it may take locks. The vCPU looks for NMIs
 * after softirqs, so its CPU is given an empty one.
 */
static void deferred_interrupt(struct cpu_user_regs *regs)
{
	unsigned long reasons = xchg(&pending_reasons, 0);
	struct vcpu *v = hardware_domain ? domain_vcpu(hardware_domain, 0) : NULL;

	if (!reasons || !v)
		return;
	__atomic_fetch_or(&v->domain->shared_info->arch.nmi_reason, reasons, __ATOMIC_SEQ_CST);
	WRITE_ONCE(v->arch.nmi_pending, true);
	vcpu_unblock(v);
	cpu_raise_softirq(READ_ONCE(v->processor), TASKLET_SOFTIRQ);
	vcpu_kick(v);
}

static void react(const struct cpu_user_regs *regs, const char *what, unsigned int reason)
{
	switch (reaction) {
	case NMI_FATAL:
		console_force_unlock();
		panic("NMI on CPU%u at %04x:%016lx: %s\n", smp_processor_id(), regs->cs, regs->rip,
			what);
	case NMI_DOM0:
		set_bit(reason, &pending_reasons);
		apic_send_ipi_self(VECTOR_NMI_DEFERRED);
		break;
	case NMI_IGNORE:
		break;
	}
}

/* Acknowledge an error line: it is off while its bit is set. */
static void pulse(u8 state, u8 bit)
{
	outb((state & 0xf) | bit, PORT_B);
	outb(state & 0xf & ~bit, PORT_B);
}

static bool chipset_nmi(const struct cpu_user_regs *regs)
{
	u8 state = inb(PORT_B);

	if (state == 0xff)
		return false; /* there is no such port */
	if (state & PORT_B_SERR) {
		react(regs, "memory parity or PCI system error", _XEN_NMIREASON_pci_serr);
		pulse(state, PORT_B_CLEAR_SERR);
	}
	if (state & PORT_B_IOCHK) {
		react(regs, "I/O check", _XEN_NMIREASON_io_error);
		pulse(state, PORT_B_CLEAR_IOCHK);
	}
	return state & (PORT_B_SERR | PORT_B_IOCHK);
}

void do_nmi(const struct cpu_user_regs *regs)
{
	unsigned int cpu = smp_processor_id();
	bool known = false;

	this_cpu(nmi_count)++;
	smp_stop_if_asked();
	if (cpumask_test_and_clear_cpu(cpu, &hang_suspects))
		report_hang(regs);
	if (use_pmu && pmu_nmi(regs))
		known = true;
	if (cpumask_test_and_clear_cpu(cpu, &nmi_expected))
		known = true;
	/* The chipset's lines end at the first CPU. */
	if (!cpu && chipset_nmi(regs))
		known = true;
	if (!known)
		react(regs, "unknown reason", _XEN_NMIREASON_unknown);
}

/* --- Debug keys, boot ------------------------------------------------------------------------- */

static void trigger_nmi(unsigned char key)
{
	unsigned int cpu = smp_processor_id();

	printk("CPU%u sends itself an NMI\n", cpu);
	cpumask_set_cpu(cpu, &nmi_expected);
	apic_send_nmi(cpu);
}

static void dump_counts(unsigned char key)
{
	unsigned int cpu;

	printk("CPU\tNMIs\theartbeats\n");
	for_each_online_cpu(cpu)
		printk("%3u\t%lu\t%lu\n", cpu, per_cpu(nmi_count, cpu), per_cpu(heartbeat, cpu));
}

static void __init watchdog_start(void)
{
	unsigned int cpu;

	if (!opt_watchdog_timeout)
		opt_watchdog_timeout = 1;
	for_each_online_cpu(cpu)
	{
		struct timer *t = &per_cpu(heartbeat_timer, cpu);

		init_timer(t, heartbeat_tick, NULL, cpu);
		set_timer(t, NOW() + SECONDS(1));
	}
	use_pmu = pmu_detect();
	if (use_pmu)
		smp_call_function_all(pmu_start, NULL, true);
	printk(XENLOG_INFO "Watchdog: %u s, %s\n", opt_watchdog_timeout,
		use_pmu ? "by cycle counters" : "each CPU watches the next");
}

void __init nmi_init(void)
{
	set_direct_apic_vector(VECTOR_NMI_DEFERRED, deferred_interrupt);
	register_keyhandler('n', trigger_nmi, "trigger an NMI", false);
	register_keyhandler('N', dump_counts, "dump NMI counts", true);
	if (opt_watchdog)
		watchdog_start();
}
