/* Between the scheduler's core, the schedulers that plug into it, and the softirq code. */
#ifndef SCHED_PRIVATE_H
#define SCHED_PRIVATE_H

#include <xen/percpu.h>
#include <xen/sched.h>

struct xen_domctl_scheduler_op;
struct xen_sysctl_scheduler_op;

/* What a scheduler decided. */
struct task_slice {
	struct vcpu *task;
	s_time_t time; /* ask again after so many ns; < 0: when something changes */
	bool migrated; /* `task` ran on another CPU last */
};

/* One CPU's part of the scheduler. */
struct sched_cpu {
	spinlock_t lock;    /* the run queue, and all vCPUs whose ->processor is this CPU */
	struct vcpu *curr;  /* chosen to run; lock */
	struct vcpu *idle;
	struct timer slice; /* asks for a new decision */
	bool slice_set;     /* lock */
	bool migrated;      /* curr came from another CPU: context_saved() has work */
	void *priv;         /* alloc_pdata() */
};
DECLARE_PER_CPU(struct sched_cpu, sched_cpu);

/*
 * A scheduler. "locked": called with the lock of v->processor's (or the named CPU's) struct
 * sched_cpu held and interrupts off. Optional ones may be NULL.
 */
struct scheduler {
	const char *name;     /* for people */
	const char *opt_name; /* for sched= */
	unsigned int sched_id; /* XEN_SCHEDULER_* */

	int (*init)(void);    /* optional; boot, before anything else */
	void (*deinit)(void); /* optional */
	void *(*alloc_pdata)(unsigned int cpu); /* NULL: no memory */
	void (*free_pdata)(void *pdata, unsigned int cpu);
	void *(*alloc_domdata)(struct domain *d);
	void (*free_domdata)(void *domdata); /* before its vCPUs' data; none is runnable */
	void *(*alloc_vdata)(struct vcpu *v, void *domdata);
	void (*free_vdata)(void *vdata);
	/* Both optional, locked: v exists from now on, down / will be freed, is not runnable. */
	void (*insert_vcpu)(struct vcpu *v);
	void (*remove_vcpu)(struct vcpu *v);

	void (*sleep)(struct vcpu *v); /* locked: no longer runnable */
	void (*wake)(struct vcpu *v);  /* locked: runnable; may be running or queued already */
	/* Locked, v is current: let others run first. False: nobody else wants to. */
	bool (*yield)(struct vcpu *v);
	/* v's registers are saved: other CPUs may take it. Optional; no lock. */
	void (*context_saved)(struct vcpu *v);
	/* Best CPU among those that v may use. Locked. */
	unsigned int (*pick_cpu)(struct vcpu *v);
	/* v, not queued and not running, gets another ->processor. Optional, locked (old CPU). */
	void (*migrate)(struct vcpu *v, unsigned int cpu);
	/* Locked: what shall this CPU run? `tasklet_work`: the idle vCPU, it has work. */
	struct task_slice (*do_schedule)(s_time_t now, bool tasklet_work);

	/* `op` is part of a whole struct xen_domctl or xen_sysctl: parameters may be longer than its union. */
	int (*adjust)(struct domain *d, struct xen_domctl_scheduler_op *op);
	int (*adjust_global)(struct xen_sysctl_scheduler_op *op); /* optional */
	void (*dump_settings)(void);            /* optional */
	void (*dump_cpu)(unsigned int cpu);     /* optional, locked */
};

extern const struct scheduler sched_credit, sched_sedf, sched_bvt, sched_rrobin;
extern const struct scheduler *sched_ops;

/* Lock the run queue of v's CPU; it may change CPU until we have it. */
static always_inline struct sched_cpu *vcpu_sched_lock(const struct vcpu *v, unsigned long *flags)
{
	for (;;) {
		unsigned int cpu = READ_ONCE(v->processor);
		struct sched_cpu *sc = &per_cpu(sched_cpu, cpu);

		spin_lock_irqsave(&sc->lock, *flags);
		if (likely(v->processor == cpu))
			return sc;
		spin_unlock_irqrestore(&sc->lock, *flags);
	}
}

/* With its lock held: the CPU decides anew at `when` at the latest. */
static always_inline void sched_arm_slice(struct sched_cpu *sc, s_time_t when)
{
	set_timer(&sc->slice, when);
	sc->slice_set = true;
}

/* sched/sched_op.c: a vCPU's own timers. */
void vcpu_timers_init(struct vcpu *v);
void vcpu_timers_kill(struct vcpu *v);
void vcpu_timers_migrate(struct vcpu *v, unsigned int cpu);
/* The vCPU starts to run: catch up with its periodic timer. Interrupts on. */
void vcpu_periodic_timer_work(struct vcpu *v);

/* softirq.c: tasklets of this CPU; run by the idle loop, one at a time. */
bool tasklets_pending(void);
void tasklets_run(void);

#endif
