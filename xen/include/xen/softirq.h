/* Deferred work per CPU, run with interrupts on before a CPU returns to a guest or idles. */
#ifndef XEN_SOFTIRQ_H
#define XEN_SOFTIRQ_H

#include <xen/cpumask.h>
#include <xen/list.h>
#include <xen/percpu.h>

enum softirq {
	TIMER_SOFTIRQ,    /* run expired timers */
	RCU_SOFTIRQ,      /* grace-period processing */
	SCHED_SLAVE_SOFTIRQ,
	SCHEDULE_SOFTIRQ, /* choose the next vCPU: may not return */
	TASKLET_SOFTIRQ,
	SERIAL_SOFTIRQ,   /* received console input */
	CALIBRATE_SOFTIRQ,
	TRACE_SOFTIRQ,    /* a trace buffer is half full */
	NR_SOFTIRQS,
};

DECLARE_PER_CPU(unsigned long, softirq_pending); /* bit per enum softirq */
#define softirq_pending(cpu) (*(volatile unsigned long *)&per_cpu(softirq_pending, cpu))

void open_softirq(enum softirq nr, void (*handler)(void));
/* Mark work for this CPU / another CPU (which gets an interrupt if it needs one). */
void raise_softirq(enum softirq nr);
void cpu_raise_softirq(unsigned int cpu, enum softirq nr);
void cpumask_raise_softirq(const cpumask_t *mask, enum softirq nr);
/* Run everything pending; may switch context and never return when SCHEDULE is among it. */
void do_softirq(void);
/* As do_softirq, but leaves scheduling for later: for long loops in the hypervisor. */
void process_pending_softirqs(void);

/* A function run soon on one CPU by its idle vCPU: it may pause any guest's vCPU. */
struct tasklet {
	struct list_head list;
	void (*func)(void *data);
	void *data;
	int scheduled_on; /* CPU, or -1 */
	bool is_running, is_dead;
};
void tasklet_init(struct tasklet *t, void (*func)(void *), void *data);
void tasklet_schedule_on_cpu(struct tasklet *t, unsigned int cpu);
void tasklet_schedule(struct tasklet *t);
void tasklet_kill(struct tasklet *t);
void softirq_init(void);

#endif
