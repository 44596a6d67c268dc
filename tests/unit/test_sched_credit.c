/* sources: xen/common/timer.c xen/common/softirq.c xen/common/rcu.c xen/common/lock_debug.c xen/common/shutdown.c xen/common/domain.c xen/common/sched/core.c xen/common/sched/sched_op.c xen/common/sched/credit.c xen/common/sched/credit_admin.c xen/common/sched/part.c xen/common/sched/sedf.c xen/common/sched/bvt.c xen/common/sched/rrobin.c tests/unit/stubs_sched.c */
#include <check.h>
#include "stubs_sched.h"
#include <xen/softirq.h>
#include <public/domctl.h>
#include <public/sysctl.h>
#include "../../xen/common/sched/credit.h"
#include "sched_load.h"
#include "suite.h"

static int put(struct domain *d, unsigned int weight, unsigned int cap)
{
	struct xen_domctl_scheduler_op op = { .sched_id = XEN_SCHEDULER_CREDIT,
		.cmd = XEN_DOMCTL_SCHEDOP_putinfo };
	int rc;

	op.u.credit.weight = weight;
	op.u.credit.cap = cap;
	rc = sched_adjust(d, &op);
	test_settle();
	return rc;
}

#define KEEP_CAP 0xffff

/* --- Weights ---------------------------------------------------------------------------------- */

START_TEST(weights_one_cpu)
{
	struct domain *a, *b;

	test_machine(1);
	a = burner(1, 1);
	b = burner(2, 1);
	assert_ratio(a, b, SECONDS(10), 1, 1);
	ck_assert_int_eq(put(b, 512, KEEP_CAP), 0);
	assert_ratio(a, b, SECONDS(10), 2, 1);
	ck_assert_int_eq(put(a, 100, KEEP_CAP), 0);
	ck_assert_int_eq(put(b, 1000, KEEP_CAP), 0);
	assert_ratio(a, b, SECONDS(30), 10, 2);
	ck_assert_int_eq(put(a, 1, KEEP_CAP), 0);
	ck_assert_int_eq(put(b, 65535, KEEP_CAP), 0);
	run(SECONDS(20)); /* nothing overflows, and the light one is not starved for ever */
}
END_TEST

/* Two pinned domains share their CPU by weight whatever happens on the other CPU. */
START_TEST(weights_pinned)
{
	struct domain *a, *b, *c;

	test_machine(2);
	a = burner(1, 1);
	b = burner(2, 1);
	pin(a, 1);
	pin(b, 1);
	ck_assert_int_eq(put(b, 512, KEEP_CAP), 0);
	assert_ratio(a, b, SECONDS(10), 2, 1);
	c = burner(3, 1);
	assert_ratio(a, b, SECONDS(10), 2, 2);
	pin(c, 0);
	assert_ratio(a, b, SECONDS(10), 2, 1);
	ck_assert_int_ge(dom_ran(c), SECONDS(19));
}
END_TEST

/* A domain's weight is shared by its vCPUs. */
START_TEST(weights_per_domain)
{
	struct domain *a, *b;

	test_machine(1);
	a = burner(1, 3);
	b = burner(2, 1);
	run(SECONDS(1));
	assert_ratio(a, b, SECONDS(10), 1, 2);
}
END_TEST

/* What a domain does not use is there for the others. */
START_TEST(work_conserving)
{
	struct domain *a, *b;
	s_time_t was;

	test_machine(1);
	a = burner(1, 1);
	b = burner(2, 1);
	worker(b, MILLISECS(10), MILLISECS(2));
	was = dom_ran(a);
	run(SECONDS(3));
	assert_near(dom_ran(a) - was, SECONDS(3) * 8 / 10, 2);
}
END_TEST

/* A worker that asks for more than its share gets its share. */
START_TEST(greedy_worker)
{
	struct domain *a, *b;

	test_machine(1);
	a = burner(1, 1);
	b = burner(2, 1);
	worker(b, MILLISECS(10), MILLISECS(9));
	assert_ratio(a, b, SECONDS(5), 1, 10);
}
END_TEST

/* --- Caps ------------------------------------------------------------------------------------- */

START_TEST(cap_25)
{
	struct domain *a, *b;
	s_time_t was;

	test_machine(1);
	a = burner(1, 1);
	ck_assert_int_eq(put(a, 256, 25), 0);
	run(SECONDS(1));
	was = dom_ran(a);
	run(SECONDS(10));
	assert_near(dom_ran(a) - was, SECONDS(10) / 4, 1);

	b = burner(2, 1); /* with competition too */
	was = dom_ran(a);
	run(SECONDS(10));
	assert_near(dom_ran(a) - was, SECONDS(10) / 4, 2);
	ck_assert_int_ge(dom_ran(b), SECONDS(7));

	ck_assert_int_eq(put(a, 256, 0), 0);
	assert_ratio(a, b, SECONDS(10), 1, 1);
}
END_TEST

/* The cap is that of the domain, in % of one CPU, over all its vCPUs. */
START_TEST(cap_smp)
{
	struct domain *a;
	s_time_t was;

	test_machine(4);
	a = burner(1, 4);
	ck_assert_int_eq(put(a, 256, 150), 0);
	run(SECONDS(1));
	was = dom_ran(a);
	run(SECONDS(10));
	assert_near(dom_ran(a) - was, SECONDS(15), 2);
	ck_assert_int_eq(put(a, 256, 50), 0);
	run(SECONDS(1));
	was = dom_ran(a);
	run(SECONDS(10));
	assert_near(dom_ran(a) - was, SECONDS(5), 2);
}
END_TEST

/* A parked vCPU can be paused, woken and destroyed. */
START_TEST(cap_pause)
{
	struct domain *a;

	test_machine(1);
	a = burner(1, 1);
	put(a, 256, 10);
	run(MILLISECS(1005));
	ck_assert(!a->vcpu[0]->is_running);
	ck_assert_int_eq(a->vcpu[0]->runstate.state, RUNSTATE_runnable);
	domain_pause(a);
	ck_assert_int_eq(a->vcpu[0]->runstate.state, RUNSTATE_offline);
	run(MILLISECS(50));
	domain_unpause(a);
	run(MILLISECS(20));
	ck_assert(a->vcpu[0]->runstate.state <= RUNSTATE_runnable);
	test_cpu(0);
	ck_assert_int_eq(domain_kill(a), 0);
	run(MILLISECS(100));
}
END_TEST

/* --- Latency ---------------------------------------------------------------------------------- */

/* A vCPU that sleeps most of the time gets the CPU within the rate limit when it wakes. */
START_TEST(boost)
{
	struct worker *w;

	test_machine(1);
	burner(1, 1);
	burner(2, 1);
	w = worker(burner(3, 1), MILLISECS(20), MILLISECS(1));
	run(SECONDS(5));
	ck_assert_uint_ge(w->wakes, 248);
	ck_assert_int_le(w->worst, MILLISECS(1) + 3 * STEP);
	ck_assert_int_le(w->total_latency / w->wakes, MICROSECS(300));
}
END_TEST

/* Alone on its CPU, a vCPU blocks and wakes without any timer, and runs without interruption. */
START_TEST(no_ticks)
{
	unsigned int programmed, switches;
	struct domain *a, *b;

	test_machine(2);
	a = burner(1, 1);
	b = burner(2, 1);
	run(SECONDS(1));
	worker(b, MILLISECS(10), MILLISECS(1));
	programmed = test_reprogrammed;
	switches = test_switches;
	ck_assert_uint_eq(a->vcpu[0]->is_running, 1);
	run(SECONDS(2));
	ck_assert_uint_le(test_switches - switches, 2 * 201);
	ck_assert_uint_ge(test_switches - switches, 2 * 199);
	ck_assert_uint_eq(test_reprogrammed, programmed);
}
END_TEST

START_TEST(yielding)
{
	struct domain *a, *b;

	test_machine(1);
	a = burner(1, 1);
	b = burner(2, 1);
	run(MILLISECS(100));
	for (int i = 0; i < 10; i++) {
		struct vcpu *before;

		test_cpu(0);
		before = current;
		vcpu_yield();
		test_settle();
		ck_assert_ptr_ne(current, before);
		run(MICROSECS(50));
	}
	domain_pause_nosync(b);
	test_settle();
	test_cpu(0);
	ck_assert_ptr_eq(current, a->vcpu[0]);
	vcpu_yield(); /* to nobody */
	ck_assert_uint_eq(softirq_pending(0), 0);
}
END_TEST

/* --- Several CPUs ----------------------------------------------------------------------------- */

START_TEST(spread)
{
	struct domain *d[4];
	s_time_t was[4];

	test_machine(4);
	for (int i = 0; i < 4; i++)
		d[i] = burner(1 + i, 1); /* all begin on CPU 0 */
	run(MILLISECS(100));
	for (int i = 0; i < 4; i++)
		was[i] = dom_ran(d[i]);
	run(SECONDS(1));
	for (int i = 0; i < 4; i++)
		assert_near(dom_ran(d[i]) - was[i], SECONDS(1), 0.1);
}
END_TEST

START_TEST(three_on_two)
{
	struct domain *d[3];
	s_time_t was[3];

	test_machine(2);
	for (int i = 0; i < 3; i++)
		d[i] = burner(1 + i, 1);
	run(SECONDS(1));
	for (int i = 0; i < 3; i++)
		was[i] = dom_ran(d[i]);
	run(SECONDS(10));
	for (int i = 0; i < 3; i++)
		assert_near(dom_ran(d[i]) - was[i], SECONDS(20) / 3.0, 10);
}
END_TEST

START_TEST(weights_two_cpus)
{
	struct domain *a, *b;

	test_machine(2);
	a = burner(1, 2);
	b = burner(2, 2);
	ck_assert_int_eq(put(b, 512, KEEP_CAP), 0);
	run(SECONDS(2));
	assert_ratio(a, b, SECONDS(10), 2, 10);
}
END_TEST

START_TEST(hard_affinity)
{
	struct domain *a, *b;
	s_time_t was;

	test_machine(4);
	a = burner(1, 1);
	b = burner(2, 1);
	pin(a, 2);
	pin(b, 2);
	was = dom_ran(a) + dom_ran(b);
	for (int i = 0; i < 100; i++) {
		run(MILLISECS(10));
		ck_assert_uint_eq(a->vcpu[0]->processor, 2);
		ck_assert_uint_eq(b->vcpu[0]->processor, 2);
	}
	assert_near(dom_ran(a) + dom_ran(b) - was, SECONDS(1), 0.1);
	pin(a, 3); /* moves a running or waiting vCPU at once */
	ck_assert_uint_eq(a->vcpu[0]->processor, 3);
	was = dom_ran(a);
	run(SECONDS(1));
	assert_near(dom_ran(a) - was, SECONDS(1), 0.1);
}
END_TEST

START_TEST(soft_affinity)
{
	cpumask_t mask = cpumask_of(3), none = CPUMASK_NONE;
	struct domain *d[3];

	test_machine(4);
	for (int i = 0; i < 3; i++)
		d[i] = burner(1 + i, 1);
	ck_assert_int_eq(vcpu_set_soft_affinity(d[2]->vcpu[0], &none), -EINVAL);
	ck_assert_int_eq(vcpu_set_soft_affinity(d[2]->vcpu[0], &mask), 0);
	run(MILLISECS(100));
	test_cpu(d[2]->vcpu[0]->processor);
	block(d[2]->vcpu[0]);
	/* Its old CPU gets another occupant; of the idle ones it takes the one it likes. */
	burner(9, 1);
	pin(burner(10, 1), d[2]->vcpu[0]->processor);
	run(MILLISECS(10));
	vcpu_unblock(d[2]->vcpu[0]);
	run(MILLISECS(100));
	ck_assert_uint_eq(d[2]->vcpu[0]->is_running, 1);
}
END_TEST

/* VIRQs, timers: a vCPU's timers follow it to its new CPU. */
START_TEST(timers_follow)
{
	struct domain *a;

	test_machine(2);
	a = burner(1, 1);
	pin(a, 0);
	set_timer(&a->vcpu[0]->singleshot_timer, test_now + MILLISECS(50));
	pin(a, 1);
	ck_assert_uint_eq(a->vcpu[0]->singleshot_timer.cpu, 1);
	run(MILLISECS(51));
	ck_assert_uint_eq(test_virqs[VIRQ_TIMER], 1);
}
END_TEST

START_TEST(override)
{
	cpumask_t mask = cpumask_of(1);
	struct domain *a;
	struct vcpu *v;

	test_machine(4);
	a = burner(1, 1);
	v = a->vcpu[0];
	ck_assert_int_eq(vcpu_override_affinity(v, -1), -EINVAL);
	ck_assert_int_eq(vcpu_override_affinity(v, NR_CPUS), -EINVAL);
	ck_assert_int_eq(vcpu_override_affinity(v, 3), 0);
	test_settle();
	ck_assert_uint_eq(v->processor, 3);
	ck_assert_int_eq(vcpu_set_hard_affinity(v, &mask), -EBUSY);
	ck_assert_int_eq(vcpu_override_affinity(v, -1), 0);
	ck_assert_int_eq(vcpu_set_hard_affinity(v, &mask), 0);
	mask = cpumask_of(100); /* not there */
	ck_assert_int_eq(vcpu_set_hard_affinity(v, &mask), -EINVAL);
}
END_TEST

/* --- Control ---------------------------------------------------------------------------------- */

START_TEST(adjust)
{
	struct xen_domctl_scheduler_op op = { .sched_id = XEN_SCHEDULER_CREDIT };
	struct xen_sysctl_scheduler_op g = { .sched_id = XEN_SCHEDULER_CREDIT };
	struct domain *a;

	test_machine(1);
	a = burner(1, 1);
	op.cmd = XEN_DOMCTL_SCHEDOP_getinfo;
	ck_assert_int_eq(sched_adjust(a, &op), 0);
	ck_assert_uint_eq(op.u.credit.weight, 256);
	ck_assert_uint_eq(op.u.credit.cap, 0);
	ck_assert_int_eq(put(a, 0, 40), 0); /* the weight stays */
	ck_assert_int_eq(sched_adjust(a, &op), 0);
	ck_assert_uint_eq(op.u.credit.weight, 256);
	ck_assert_uint_eq(op.u.credit.cap, 40);
	op.cmd = XEN_DOMCTL_SCHEDOP_putvcpuinfo;
	ck_assert_int_eq(sched_adjust(a, &op), -EINVAL);
	op.cmd = XEN_DOMCTL_SCHEDOP_getvcpuinfo;
	ck_assert_int_eq(sched_adjust(a, &op), -EINVAL);
	op.cmd = 77;
	ck_assert_int_eq(sched_adjust(a, &op), -EINVAL);
	op.sched_id = XEN_SCHEDULER_CREDIT2;
	op.cmd = XEN_DOMCTL_SCHEDOP_getinfo;
	ck_assert_int_eq(sched_adjust(a, &op), -EINVAL);

	g.cmd = XEN_SYSCTL_SCHEDOP_getinfo;
	ck_assert_int_eq(sched_adjust_global(&g), 0);
	ck_assert_uint_eq(g.u.sched_credit.tslice_ms, 30);
	ck_assert_uint_eq(g.u.sched_credit.ratelimit_us, 1000);
	g.cmd = XEN_SYSCTL_SCHEDOP_putinfo;
	g.u.sched_credit.tslice_ms = 0;
	ck_assert_int_eq(sched_adjust_global(&g), -EINVAL);
	g.u.sched_credit.tslice_ms = 5;
	g.u.sched_credit.ratelimit_us = 6000; /* longer than a slice */
	ck_assert_int_eq(sched_adjust_global(&g), -EINVAL);
	g.u.sched_credit.ratelimit_us = 500;
	ck_assert_int_eq(sched_adjust_global(&g), 0);
	g.cpupool_id = 1;
	ck_assert_int_eq(sched_adjust_global(&g), -ESRCH);
	g.cpupool_id = 0;
	g.cmd = 9;
	ck_assert_int_eq(sched_adjust_global(&g), -EINVAL);

	test_console[0] = 0;
	burner(2, 1);
	dump_runq('r');
	ck_assert_ptr_nonnull(strstr(test_console, "weight 256 cap 40"));
	ck_assert_ptr_nonnull(strstr(test_console, "d2v0"));
}
END_TEST

/* No CPU idles that a waiting vCPU could use, and no vCPU waits for good. */
static void nobody_waits_in_vain(struct domain **d, unsigned int n)
{
	struct vcpu *v;

	for (unsigned int i = 0; i < n; i++) {
		const struct credit_dom *cd = d[i]->sched_priv;

		for_each_vcpu (d[i], v) {
			const struct credit_vcpu *cv = v->sched_priv;

			ck_assert_int_eq(v->is_running, per_cpu(sched_cpu, v->processor).curr == v);
			ck_assert_int_eq(vcpu_runnable(v), v->runstate.state <= RUNSTATE_runnable);
			ck_assert_int_eq(v->is_running, v->runstate.state == RUNSTATE_running);
			ck_assert(!cv->parked || cd->cap);
			if (!vcpu_runnable(v) || v->is_running || cv->parked)
				continue;
			ck_assert(is_queued(cv));
			for (unsigned int cpu = 0; cpu < TEST_CPUS; cpu++)
				ck_assert(!cpumask_test_cpu(cpu, &v->cpu_hard_affinity) ||
					!is_idle_vcpu(per_cpu(sched_cpu, cpu).curr));
		}
	}
}

/* Random pausing, blocking, pinning, yielding, weights and caps: nothing is lost. */
START_TEST(stress)
{
	struct domain *d[4];

	test_machine(4);
	srandom(_i + 1);
	for (int i = 0; i < 4; i++)
		d[i] = burner(1 + i, 1 + i % 3);
	for (int n = 0; n < 4000; n++) {
		struct domain *x = d[random() % 4];
		struct vcpu *v = x->vcpu[random() % x->max_vcpus];
		cpumask_t mask = cpumask_of(random() % 4);

		test_cpu(random() % 4);
		switch (random() % 8) {
		case 0:
			if (!is_idle_vcpu(current)) {
				current->vcpu_info->evtchn_upcall_pending = 0;
				vcpu_block();
			}
			break;
		case 1:
			vcpu_unblock(v);
			break;
		case 2:
			if (v != current) {
				vcpu_pause_nosync(v);
				test_run_until(test_now + random() % MILLISECS(2));
				vcpu_unpause(v);
			}
			break;
		case 3:
			cpumask_set_cpu(random() % 4, &mask);
			vcpu_set_hard_affinity(v, &mask);
			break;
		case 4:
			if (!is_idle_vcpu(current))
				vcpu_yield();
			break;
		case 5:
			put(x, 1 + random() % 1000, random() % 3 ? 0 : random() % 200);
			break;
		default:
			break;
		}
		test_run_until(test_now + random() % MILLISECS(4));
		if (n % 50 == 0) {
			test_run_until(test_now + MILLISECS(100));
			nobody_waits_in_vain(d, 4);
		}
	}
	/* With everything runnable and free again, all CPUs are busy and everybody runs. */
	for (int i = 0; i < 4; i++) {
		struct vcpu *v;
		cpumask_t all = CPUMASK_ALL;

		put(d[i], 256, 0);
		for_each_vcpu (d[i], v) {
			vcpu_set_hard_affinity(v, &all);
			vcpu_unblock(v);
		}
	}
	run(MILLISECS(200));
	for (unsigned int cpu = 0; cpu < 4; cpu++) {
		test_cpu(cpu);
		ck_assert(!is_idle_vcpu(current));
	}
	for (int i = 0; i < 4; i++) {
		struct vcpu *v;

		for_each_vcpu (d[i], v) {
			s_time_t was = test_ran(v);

			run(SECONDS(1));
			ck_assert_int_gt(test_ran(v) - was, MILLISECS(100));
		}
	}
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("all");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, weights_one_cpu);
	tcase_add_test(t, weights_pinned);
	tcase_add_test(t, weights_per_domain);
	tcase_add_test(t, work_conserving);
	tcase_add_test(t, greedy_worker);
	tcase_add_test(t, cap_25);
	tcase_add_test(t, cap_smp);
	tcase_add_test(t, cap_pause);
	tcase_add_test(t, boost);
	tcase_add_test(t, no_ticks);
	tcase_add_test(t, yielding);
	tcase_add_test(t, spread);
	tcase_add_test(t, three_on_two);
	tcase_add_test(t, weights_two_cpus);
	tcase_add_test(t, hard_affinity);
	tcase_add_test(t, soft_affinity);
	tcase_add_test(t, timers_follow);
	tcase_add_test(t, override);
	tcase_add_test(t, adjust);
	tcase_add_loop_test(t, stress, 0, 5);
	return run_suite("sched_credit", t);
}
