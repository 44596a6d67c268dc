/* The two files of the credit scheduler: credit.c decides, credit_admin.c administers. */
#ifndef SCHED_CREDIT_H
#define SCHED_CREDIT_H

#include "private.h"

struct xen_domctl_scheduler_op;
struct xen_sysctl_scheduler_op;

#define DEFAULT_WEIGHT   256
#define TICK             MILLISECS(10)
#define BALANCE_PERIOD   MILLISECS(30)
#define SHARE_WINDOW     MILLISECS(120)
#define MAX_CREDIT       MILLISECS(15)  /* most that sleeping earns */
#define MAX_SLEEP        MILLISECS(100) /* longest sleep that is accounted for */
#define MAX_DEBT         MILLISECS(100) /* most that a vCPU takes along to another CPU */
#define MAX_ACCOUNT      SECONDS(1)     /* longest run accounted for at once */
#define MIN_CAPPED_SLICE MICROSECS(100)
#define BUDGET_TICKS     3 /* a capped domain may save so many ticks' budget */
#define WEIGHT_SCALE     64 /* a vCPU's weight is weight * this / active vCPUs of its domain */
#define VTIME_SHIFT      20 /* virtual time is (ns << this) / weight */

enum credit_pri { PRI_BOOST, PRI_UNDER, PRI_OVER, PRI_IDLE };

struct credit_dom {
	struct domain *dom;
	unsigned int weight, cap; /* cap: % of one CPU, 0 = none */
	u32 vcpu_weight;          /* what each of its active vCPUs weighs */
	s_time_t counted;         /* when the active vCPUs were counted */
	s64 budget;               /* ns left to run, when capped; atomic */
	struct timer refill;      /* armed while capped */
	struct list_head link;    /* all domains */
};

struct credit_vcpu {
	struct vcpu *vcpu;
	struct credit_dom *dom;
	u64 vtime;        /* while competing */
	s64 credit;       /* ns; while not competing */
	u32 weight;       /* while competing */
	enum credit_pri pri;
	bool competing;   /* counts in its CPU's total weight: queued or running */
	bool parked;      /* runnable, but its domain has no budget */
	bool yielded;
	unsigned int last_cpu;
	s64 ran;          /* all its run time so far */
	s64 sample_ran;   /* the same, and when that was, at the last sample */
	s_time_t sampled;
	s64 base_share, share; /* part of a CPU it had before that sample / has had lately; /1024 */
	s_time_t started; /* when it last got a CPU */
	s_time_t stopped; /* when it last lost one */
};

struct credit_cpu {
	struct list_head runq;   /* by priority, then most credit first */
	unsigned int nr_queued;
	u64 vclock;
	u64 total_weight;        /* of all competing here */
	s_time_t accounted;      /* up to here run time has been charged */
	struct timer balance;    /* armed while somebody waits */
	int pull_from;           /* a busier CPU wants us to take a vCPU; -1 = none */
};

extern unsigned int credit_tslice_ms, credit_ratelimit_us, credit_migration_delay_us;
extern cpumask_t credit_idlers;     /* CPUs that run nothing and have not been told to look */
extern cpumask_t credit_overloaded; /* CPUs where somebody waits */

static always_inline struct credit_cpu *credit_cpu(unsigned int cpu)
{
	return per_cpu(sched_cpu, cpu).priv;
}

static always_inline struct credit_vcpu *credit_vcpu(const struct vcpu *v)
{
	return v->sched_priv; /* NULL for an idle vCPU */
}

static always_inline bool is_queued(const struct credit_vcpu *cv)
{
	return !list_empty(&cv->vcpu->sched_link);
}

static always_inline bool out_of_budget(const struct credit_vcpu *cv)
{
	return unlikely(cv->dom->cap) && __atomic_load_n(&cv->dom->budget, __ATOMIC_RELAXED) <= 0;
}

static always_inline s64 credit_of(const struct credit_cpu *cc, const struct credit_vcpu *cv)
{
	return ((s64)(cc->vclock - cv->vtime) * (s64)cv->weight) >> VTIME_SHIFT;
}

/* credit.c: a vCPU that was blocked or parked enters its CPU's queue. Locked. */
void credit_insert(struct vcpu *v, struct credit_vcpu *cv);
/* Timer: somebody has waited on the CPU `data` for a while. */
void credit_balance(void *data);

/* credit_admin.c: see struct scheduler. */
int credit_adjust(struct domain *d, struct xen_domctl_scheduler_op *op);
int credit_adjust_global(struct xen_sysctl_scheduler_op *op);
void credit_dump_cpu(unsigned int cpu);
void credit_dump_settings(void);
void *credit_alloc_pdata(unsigned int cpu);
void credit_free_pdata(void *pdata, unsigned int cpu);
void *credit_alloc_domdata(struct domain *d);
void credit_free_domdata(void *domdata);
void *credit_alloc_vdata(struct vcpu *v, void *domdata);
void credit_free_vdata(void *vdata);
void credit_remove_vcpu(struct vcpu *v);
int credit_init(void);

#endif
