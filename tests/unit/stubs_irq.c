/* Host tests: see stubs_irq.h. */
#include <asm/apic.h>
#include <asm/msi.h>
#include <xen/event.h>
#include <xen/keyhandler.h>
#include <xen/lib.h>
#include <xen/sched.h>
#include "harness.h"
#include "stubs_irq.h"

bool x2apic_enabled;
static u32 apic_registers[1024];
volatile u8 *apic_mmio = (volatile u8 *)apic_registers;
u32 cpu_to_apicid[NR_CPUS];
__weak cpumask_t cpu_online_map, cpu_present_map;
s_time_t host_now;
char host_irq_log[4096];
struct host_delivery host_deliveries[64];
unsigned int host_nr_deliveries;

void host_irq_reset(unsigned int nr_cpus)
{
	memset(apic_registers, 0, sizeof(apic_registers));
	cpumask_clear(&cpu_online_map);
	for (unsigned int cpu = 0; cpu < nr_cpus; cpu++) {
		cpu_to_apicid[cpu] = cpu * 2;
		cpumask_set_cpu(cpu, &cpu_online_map);
	}
	host_now = SECONDS(100);
	host_irq_log[0] = 0;
	host_nr_deliveries = 0;
}

static void log_call(const char *what, const struct irq_desc *desc)
{
	size_t used = strlen(host_irq_log);

	BUG_ON(!spin_is_locked(&desc->lock) || local_irq_is_enabled());
	snprintf(host_irq_log + used, sizeof(host_irq_log) - used, "%s%u ", what, desc->irq);
}

#define HOST_CONTROLLER_OP(name)                                                                   \
	static void host_##name(struct irq_desc *desc)                                             \
	{                                                                                          \
		log_call(#name ":", desc);                                                         \
	}
HOST_CONTROLLER_OP(enable)
HOST_CONTROLLER_OP(disable)
HOST_CONTROLLER_OP(ack)
HOST_CONTROLLER_OP(end)
HOST_CONTROLLER_OP(mask)
HOST_CONTROLLER_OP(unmask)

static void host_set_affinity(struct irq_desc *desc, unsigned int cpu)
{
	BUG_ON(cpu != desc->cpu || !desc->vector);
	log_call("move:", desc);
}

const struct hw_irq_controller host_controller = {
	.name = "host",
	.enable = host_enable,
	.disable = host_disable,
	.ack = host_ack,
	.end = host_end,
	.mask = host_mask,
	.unmask = host_unmask,
	.set_affinity = host_set_affinity,
};

/* 24 lines; from 16 on they are level-triggered, 23 does not exist. */
__weak void ioapic_init(void)
{
	nr_irqs_gsi = 24;
}

__weak void ioapic_init_descs(void)
{
	for (unsigned int irq = 0; irq < 23; irq++) {
		irq_to_desc(irq)->handler = &host_controller;
		irq_to_desc(irq)->level = irq >= 16;
	}
}

__weak void ioapic_dump(unsigned char key)
{
}

__weak unsigned long apic_timer_count(unsigned int cpu)
{
	return 0;
}

__weak void msi_free_irq(unsigned int irq)
{
	struct irq_desc *desc = irq_to_desc(irq);

	BUG_ON(desc->nr_guests);
	irq_unplace(desc);
	desc->msi = NULL;
	desc->handler = &no_irq_controller;
	irq_free_msi(irq);
}

__weak void send_guest_pirq(struct domain *d, evtchn_port_t port)
{
	BUG_ON(host_locks_held);
	BUG_ON(host_nr_deliveries == ARRAY_SIZE(host_deliveries));
	host_deliveries[host_nr_deliveries++] = (struct host_delivery){d, port};
}

__weak s_time_t get_s_time(void)
{
	return host_now;
}

static struct timer *armed;

__weak void init_timer(struct timer *t, void (*fn)(void *data), void *data, unsigned int cpu)
{
	*t = (struct timer){.function = fn, .data = data, .cpu = cpu};
}

__weak void set_timer(struct timer *t, s_time_t expires)
{
	t->expires = expires;
	armed = t;
}

bool host_run_timer(void)
{
	struct timer *t = armed;

	if (!t || t->expires > host_now)
		return false;
	armed = NULL;
	t->function(t->data);
	return true;
}

__weak void register_keyhandler(
	unsigned char key, void (*fn)(unsigned char key), const char *desc, bool diagnostic)
{
}

__attribute__((weak)) void lock_check_irq_enter(void)
{
}

__attribute__((weak)) void lock_check_irq_exit(void)
{
}
