/* Host tests: an interrupt controller that keeps a log, CPUs, a clock, and a record of what guests
 * got. */
#ifndef UNIT_STUBS_IRQ_H
#define UNIT_STUBS_IRQ_H

#include <asm/irq.h>
#include <xen/time.h>

struct host_delivery {
	struct domain *d;
	evtchn_port_t port;
};
extern struct host_delivery host_deliveries[64];
extern unsigned int host_nr_deliveries;
extern char host_irq_log[4096]; /* "ack:16 mask:16 ..." */
extern s_time_t host_now;
extern const struct hw_irq_controller host_controller;

/* CPUs 0 to nr_cpus - 1 are online, with APIC IDs twice their numbers. */
void host_irq_reset(unsigned int nr_cpus);
/* Run the timer that was set last, if its time has come. */
bool host_run_timer(void);

#endif
