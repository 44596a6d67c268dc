/* Debug keys: the table, how handlers are run, and the keys that belong to nobody else. */
#include <xen/lib.h>
#include <asm/traps.h>
#include <xen/event.h>
#include <xen/grant_table.h>
#include <xen/keyhandler.h>
#include <xen/perfc.h>
#include <xen/sched.h>
#include <xen/shutdown.h>
#include <xen/smp.h>
#include <xen/softirq.h>
#include <xen/timer.h>

#define NR_KEYS 128

static struct keyhandler {
	void (*fn)(unsigned char key);
	void (*irq_fn)(unsigned char key, struct cpu_user_regs *regs); /* one of the two */
	const char *desc;
	bool diagnostic;
} keys[NR_KEYS];

/* Keys typed whose handlers wait to be run outside of interrupt context. */
static DECLARE_BITMAP(pending, NR_KEYS);
static struct tasklet key_tasklet;

void register_keyhandler(
	unsigned char key, void (*fn)(unsigned char key), const char *desc, bool diagnostic)
{
	ASSERT(key < NR_KEYS);
	keys[key] = (struct keyhandler){ .fn = fn, .desc = desc, .diagnostic = diagnostic };
}

void register_irq_keyhandler(unsigned char key,
	void (*fn)(unsigned char key, struct cpu_user_regs *regs), const char *desc, bool diagnostic)
{
	ASSERT(key < NR_KEYS);
	keys[key] = (struct keyhandler){ .irq_fn = fn, .desc = desc, .diagnostic = diagnostic };
}

static void run_pending(void *unused)
{
	for (unsigned int key = 0; key < NR_KEYS; key++) {
		if (!test_and_clear_bit(key, pending))
			continue;
		printk(XENLOG_ALWAYS "'%c' pressed -> %s\n", key, keys[key].desc);
		keys[key].fn(key);
	}
}

void handle_keypress(unsigned char key, struct cpu_user_regs *regs)
{
	if (key >= NR_KEYS)
		return;
	if (keys[key].irq_fn) {
		printk(XENLOG_ALWAYS "'%c' pressed -> %s\n", key, keys[key].desc);
		keys[key].irq_fn(key, regs);
	} else if (keys[key].fn) {
		set_bit(key, pending);
		tasklet_schedule(&key_tasklet);
	}
}

/* --- The keys ------------------------------------------------------------------------------ */

static void show_keys(unsigned char key)
{
	for (unsigned int k = 0; k < NR_KEYS; k++)
		if (keys[k].desc)
			printk(XENLOG_ALWAYS " key '%c' (ascii '%02x') => %s\n", k, k, keys[k].desc);
}

static void reboot_machine(unsigned char key, struct cpu_user_regs *regs)
{
	machine_restart(0);
}

/* This CPU: the guest it runs, or if idle what the hypervisor does here. */
static void show_cpu(void *unused)
{
	struct vcpu *v = current;

	printk(XENLOG_ALWAYS "*** CPU%u: d%uv%d ***\n", smp_processor_id(), v->domain->domain_id,
		v->vcpu_id);
	if (is_idle_vcpu(v))
		dump_execution_state();
	else
		show_registers(guest_cpu_user_regs());
}

static cpumask_t cpus_to_show;

/* One after the other, so that their output does not mix. */
static void show_other_cpus(void *unused)
{
	unsigned int cpu;

	for_each_cpu(cpu, &cpus_to_show) {
		cpumask_t mask = cpumask_of(cpu);

		if (cpu_online(cpu))
			on_selected_cpus(&mask, show_cpu, NULL, true);
	}
}

static struct tasklet show_cpus_tasklet;

/* This CPU is shown as it was interrupted; waiting for others must be left to a tasklet. */
static void show_all_registers(unsigned char key, struct cpu_user_regs *regs)
{
	unsigned int cpu = smp_processor_id();

	if (regs) {
		printk(XENLOG_ALWAYS "*** CPU%u ***\n", cpu);
		show_registers(regs);
	} else {
		show_cpu(NULL);
	}
	cpus_to_show = cpu_online_map;
	cpumask_clear_cpu(cpu, &cpus_to_show);
	if (!cpumask_empty(&cpus_to_show))
		tasklet_schedule(&show_cpus_tasklet);
}

static void show_dom0_registers(unsigned char key)
{
	struct vcpu *v;

	if (!hardware_domain)
		return;
	for_each_vcpu(hardware_domain, v) {
		vcpu_pause(v);
		printk(XENLOG_ALWAYS "*** d0v%d ***\n", v->vcpu_id);
		arch_dump_vcpu_info(v);
		vcpu_unpause(v);
		process_pending_softirqs();
	}
}

static void show_vcpu(const struct vcpu *v)
{
	char affinity[NR_CPUS / 4 + 1];
	size_t n = 0;

	for (int i = BITS_TO_LONGS(NR_CPUS) - 1; i >= 0; i--)
		n += scnprintf(affinity + n, sizeof(affinity) - n, "%016lx", v->cpu_hard_affinity.bits[i]);
	printk(XENLOG_ALWAYS "    VCPU%d: CPU%u [running=%c] poll=%d upcall_pend=%02x "
			     "upcall_mask=%02x dirty_cpu=%u\n",
		v->vcpu_id, v->processor, v->is_running ? 'T' : 'F', v->poll_evtchn,
		READ_ONCE(v->vcpu_info->evtchn_upcall_pending),
		READ_ONCE(v->vcpu_info->evtchn_upcall_mask), v->dirty_cpu);
	printk(XENLOG_ALWAYS "    pause_count=%d pause_flags=%lx cpu_hard_affinity=%s\n",
		v->pause_count, v->pause_flags, affinity);
}

static void show_domain(const struct domain *d)
{
	const u8 *h = d->handle;

	printk(XENLOG_ALWAYS "General information for domain %u:\n", d->domain_id);
	printk(XENLOG_ALWAYS "    refcnt=%d dying=%u pause_count=%d shutdown=%u/%u\n", d->refcnt,
		d->is_dying, d->controller_pause_count, d->is_shut_down, d->shutdown_code);
	printk(XENLOG_ALWAYS "    nr_pages=%u xenheap_pages=%u max_pages=%u vm_assist=%08lx\n",
		d->tot_pages, d->xenheap_pages, d->max_pages, d->vm_assist);
	printk(XENLOG_ALWAYS "    handle=%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-"
			     "%02x%02x%02x%02x%02x%02x\n",
		h[0], h[1], h[2], h[3], h[4], h[5], h[6], h[7], h[8], h[9], h[10], h[11], h[12],
		h[13], h[14], h[15]);
}

/* Guests that bound VIRQ_DEBUG print their own state, too. */
static void show_domains(unsigned char key)
{
	struct domain *d;
	struct vcpu *v;

	for_each_domain(d) {
		show_domain(d);
		printk(XENLOG_ALWAYS "VCPU information and callbacks for domain %u:\n", d->domain_id);
		for_each_vcpu(d, v) {
			show_vcpu(v);
			process_pending_softirqs();
		}
	}
	for_each_domain(d) {
		for_each_vcpu(d, v) {
			printk(XENLOG_ALWAYS "Notifying guest %u:%d (virq %u)\n", d->domain_id,
				v->vcpu_id, VIRQ_DEBUG);
			send_guest_vcpu_virq(v, VIRQ_DEBUG);
		}
	}
}

/* '*': everything marked as a diagnostic, from this CPU's tasklet. */
static void run_all_diagnostics(unsigned char key)
{
	for (unsigned int k = 0; k < NR_KEYS; k++) {
		if (!keys[k].diagnostic)
			continue;
		printk(XENLOG_ALWAYS "[%c: %s]\n", k, keys[k].desc);
		if (keys[k].irq_fn)
			keys[k].irq_fn(k, NULL);
		else
			keys[k].fn(k);
		process_pending_softirqs();
	}
}

void __init keyhandler_init(void)
{
	tasklet_init(&key_tasklet, run_pending, NULL);
	tasklet_init(&show_cpus_tasklet, show_other_cpus, NULL);
	register_keyhandler('h', show_keys, "show this list", false);
	register_keyhandler('*', run_all_diagnostics, "print all diagnostics", false);
	register_irq_keyhandler('R', reboot_machine, "reboot machine", false);
	register_irq_keyhandler('d', show_all_registers, "dump registers", true);
	register_keyhandler('0', show_dom0_registers, "dump Dom0 registers", true);
	register_keyhandler('q', show_domains, "dump domain (and guest debug) info", true);
	register_keyhandler('r', dump_runq, "dump run queues", true);
	register_keyhandler('a', dump_timerq, "dump timer queues", true);
	register_keyhandler('e', dump_evtchn_info, "dump event channel info", true);
	register_keyhandler('g', gnttab_dump, "print grant table usage", true);
	perfc_init();
}
