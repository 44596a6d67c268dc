/*
 * What the simple schedulers share: every vCPU belongs to a CPU, which alone takes it from its queue.
 * A scheduler adds whose turn it is (struct part_policy) and its parameters.
 */
#ifndef SCHED_PART_H
#define SCHED_PART_H

#include "private.h"

struct part_cpu {
	struct list_head runq;  /* runnable, not running; lock of the CPU */
	unsigned int assigned;  /* vCPUs whose ->processor this is; atomic */
	s_time_t accounted;     /* up to here run time has been charged */
	bool yielded;           /* the running one wants others to go first */
};

/* First in a scheduler's own record of a vCPU. */
struct part_vcpu {
	struct vcpu *vcpu;
	unsigned int last_cpu;
};

struct part_policy {
	/* v has run for `ran` until now. Locked. */
	void (*charge)(struct vcpu *v, s_time_t ran, s_time_t now);
	/*
	 * Who of the queue shall run, for how long (*slice; -1: until something changes)? NULL: nobody
	 * before *slice is over. `prev` ran until now; it is in the queue if it may. Locked.
	 */
	struct vcpu *(*choose)(struct part_cpu *pc, const struct vcpu *prev, s_time_t now, s_time_t *slice);
};

static always_inline struct part_cpu *part_cpu(unsigned int cpu)
{
	return per_cpu(sched_cpu, cpu).priv;
}

#define for_each_queued(v, pc) list_for_each_entry (v, &(pc)->runq, sched_link)

/* Members of struct scheduler. */
void *part_alloc_pdata(unsigned int cpu);
void part_free_pdata(void *pdata, unsigned int cpu);
void part_insert_vcpu(struct vcpu *v);
void part_remove_vcpu(struct vcpu *v);
void part_sleep(struct vcpu *v);
bool part_yield(struct vcpu *v);
unsigned int part_pick_cpu(struct vcpu *v);
void part_migrate(struct vcpu *v, unsigned int cpu);

/* Put a vCPU that woke into its CPU's queue and have that CPU decide anew. False: it is there already. */
bool part_enqueue(struct vcpu *v);
/* Charge what runs on a CPU for its time up to now. Locked. */
void part_account(unsigned int cpu, const struct part_policy *policy, s_time_t now);
/* For do_schedule. */
struct task_slice part_schedule(const struct part_policy *policy, s_time_t now, bool tasklet_work);
/* Is v waiting in its CPU's queue, or running? Locked. */
bool part_is_active(const struct vcpu *v);

#endif
