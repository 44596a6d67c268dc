/* Host tests of schedulers: what vCPUs do, and how much they get. Included by each test once. */
#ifndef SCHED_LOAD_H
#define SCHED_LOAD_H

#include <check.h>
#include "stubs_sched.h"

/*
 * Workloads: burners never stop. A worker wakes every `period`, wants the CPU for `work`, and
 * blocks. The simulation goes in steps of 10 us, fine enough for all times below.
 */
#define STEP MICROSECS(10)
#define MAX_WORKERS 8

struct worker {
	struct vcpu *v;
	s_time_t period, work;
	s_time_t next, target;  /* next wake-up; run time at which it blocks */
	s_time_t woken, worst;  /* latency from wake-up to running */
	s_time_t total_latency;
	unsigned int wakes;
	bool waiting;
};
static struct worker workers[MAX_WORKERS];
static unsigned int nr_workers;

static __maybe_unused struct domain *burner(domid_t id, unsigned int vcpus)
{
	struct domain *d = test_domain(id, vcpus);

	ck_assert_ptr_nonnull(d);
	return d;
}

static __maybe_unused void pin(struct domain *d, unsigned int cpu)
{
	cpumask_t mask = cpumask_of(cpu);
	struct vcpu *v;

	for_each_vcpu (d, v)
		ck_assert_int_eq(vcpu_set_hard_affinity(v, &mask), 0);
	test_settle();
}

static __maybe_unused void block(struct vcpu *v)
{
	test_cpu(v->processor);
	ck_assert_ptr_eq(current, v);
	v->vcpu_info->evtchn_upcall_pending = 0;
	vcpu_block();
	test_settle();
	ck_assert(!v->is_running);
}

static __maybe_unused struct worker *worker(struct domain *d, s_time_t period, s_time_t work)
{
	struct worker *w = &workers[nr_workers++];

	*w = (struct worker){ .v = d->vcpu[0], .period = period, .work = work };
	test_settle();
	while (!w->v->is_running)
		test_run_until(test_now + STEP);
	block(w->v);
	w->next = test_now + period;
	return w;
}

static __maybe_unused void worker_step(struct worker *w)
{
	if (w->waiting && w->v->is_running) {
		s_time_t latency = test_now - w->woken;

		w->waiting = false;
		w->worst = max(w->worst, latency);
		w->total_latency += latency;
	}
	if (w->v->is_running && test_ran(w->v) >= w->target)
		block(w->v);
	if (test_now >= w->next && test_bit(VPF_blocked, &w->v->pause_flags)) {
		w->next += w->period;
		w->target = test_ran(w->v) + w->work;
		w->woken = test_now;
		w->waiting = true;
		w->wakes++;
		test_cpu(0);
		vcpu_unblock(w->v);
		test_settle();
	}
}

static __maybe_unused void run(s_time_t duration)
{
	s_time_t end = test_now + duration;

	if (!nr_workers)
		test_run_until(end);
	while (test_now < end) {
		test_run_until(test_now + STEP);
		for (unsigned int i = 0; i < nr_workers; i++)
			worker_step(&workers[i]);
	}
}

static __maybe_unused s_time_t dom_ran(struct domain *d)
{
	s_time_t sum = 0;
	struct vcpu *v;

	for_each_vcpu (d, v)
		sum += test_ran(v);
	return sum;
}

/* a is within `percent` % of b. */
static __maybe_unused void assert_near(double a, double b, double percent)
{
	ck_assert_msg(a >= b * (1 - percent / 100) && a <= b * (1 + percent / 100),
		"%f is not within %f%% of %f", a, percent, b);
}

static __maybe_unused void assert_ratio(
	struct domain *a, struct domain *b, s_time_t time, double ratio, double percent)
{
	s_time_t was_a = dom_ran(a), was_b = dom_ran(b);

	run(time);
	assert_near((double)(dom_ran(b) - was_b) / (dom_ran(a) - was_a), ratio, percent);
}

#endif
