/* Round robin: every vCPU of a CPU in turn, each for the same time. */
#include <xen/errno.h>
#include <xen/lib.h>
#include <xen/sched.h>
#include <public/sched_old.h>

#include "part.h"

#define MIN_SLICE MICROSECS(100)
#define MAX_SLICE SECONDS(1)

struct rr_vcpu {
	struct part_vcpu base;
	s_time_t left; /* of its turn */
};

static s_time_t rr_slice = MILLISECS(10);

static struct rr_vcpu *rr_vcpu(const struct vcpu *v)
{
	return v->sched_priv;
}

static void charge(struct vcpu *v, s_time_t ran, s_time_t now)
{
	rr_vcpu(v)->left -= ran;
}

/* The turn of the one that ran goes on, or the first of the queue gets one. */
static struct vcpu *choose(struct part_cpu *pc, const struct vcpu *prev, s_time_t now, s_time_t *slice)
{
	struct vcpu *v, *next = NULL;
	unsigned int n = 0;

	for_each_queued (v, pc) {
		if (!n++ || (v == prev && rr_vcpu(v)->left > 0))
			next = v;
	}
	if (!next)
		return NULL;
	if (next != prev || rr_vcpu(next)->left <= 0)
		rr_vcpu(next)->left = READ_ONCE(rr_slice);
	*slice = n > 1 ? rr_vcpu(next)->left : -1;
	return next;
}

static const struct part_policy policy = { charge, choose };

static struct task_slice rr_do_schedule(s_time_t now, bool tasklet_work)
{
	return part_schedule(&policy, now, tasklet_work);
}

static void rr_wake(struct vcpu *v)
{
	part_enqueue(v);
}

/* A domain has no parameters. */
static int rr_adjust(struct domain *d, struct xen_domctl_scheduler_op *op)
{
	return op->cmd == XEN_DOMCTL_SCHEDOP_getinfo ? 0 : -EINVAL;
}

static int rr_adjust_global(struct xen_sysctl_scheduler_op *op)
{
	struct xen_sysctl_sched_rrobin *p = (void *)&op->u;

	if (op->cmd == XEN_SYSCTL_SCHEDOP_putinfo) {
		if (p->slice < MIN_SLICE || p->slice > MAX_SLICE)
			return -EINVAL;
		WRITE_ONCE(rr_slice, p->slice);
	}
	p->slice = rr_slice;
	return 0;
}

static void rr_dump_settings(void)
{
	printk("  slice %ld us\n", (long)(rr_slice / 1000));
}

static void rr_dump_cpu(unsigned int cpu)
{
	const struct part_cpu *pc = part_cpu(cpu);
	const struct vcpu *v;

	for_each_queued (v, pc)
		printk("  wait " PRI_vcpu "\n", v->domain->domain_id, v->vcpu_id);
}

/* Domains need a record although there is nothing in it. */
static void *rr_alloc_domdata(struct domain *d)
{
	return d;
}

static void rr_free_domdata(void *domdata)
{
}

static void *rr_alloc_vdata(struct vcpu *v, void *domdata)
{
	struct rr_vcpu *rv = xzalloc(struct rr_vcpu);

	if (rv)
		rv->base = (struct part_vcpu){ v, v->processor };
	return rv;
}

const struct scheduler sched_rrobin = {
	.name = "Round Robin Scheduler",
	.opt_name = "rrobin",
	.sched_id = XEN_SCHEDULER_RROBIN,
	.alloc_pdata = part_alloc_pdata,
	.free_pdata = part_free_pdata,
	.alloc_domdata = rr_alloc_domdata,
	.free_domdata = rr_free_domdata,
	.alloc_vdata = rr_alloc_vdata,
	.free_vdata = xfree,
	.insert_vcpu = part_insert_vcpu,
	.remove_vcpu = part_remove_vcpu,
	.sleep = part_sleep,
	.wake = rr_wake,
	.yield = part_yield,
	.pick_cpu = part_pick_cpu,
	.migrate = part_migrate,
	.do_schedule = rr_do_schedule,
	.adjust = rr_adjust,
	.adjust_global = rr_adjust_global,
	.dump_settings = rr_dump_settings,
	.dump_cpu = rr_dump_cpu,
};
