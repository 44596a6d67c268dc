/* sources: xen/common/timer.c xen/common/softirq.c xen/common/rcu.c xen/common/lock_debug.c xen/common/shutdown.c xen/common/domain.c xen/common/sched/core.c xen/common/sched/sched_op.c xen/common/sched/credit.c xen/common/sched/credit_admin.c xen/common/sched/part.c xen/common/sched/sedf.c xen/common/sched/bvt.c xen/common/sched/rrobin.c tests/unit/stubs_sched.c */
#include <check.h>
#include <stdlib.h>
#include "stubs_sched.h"
#include <xen/param.h>
#include <xen/softirq.h>
#include <public/sched_old.h>
#include "../../xen/common/sched/private.h"
#include "sched_load.h"
#include "suite.h"

/* --- The option sched= ------------------------------------------------------------------------ */

static char *sched_option;

void host_register_param(const struct kernel_param *p)
{
	if (!strcmp(p->name, "sched"))
		sched_option = p->var;
}

static void machine(const char *scheduler, unsigned int cpus)
{
	strcpy(sched_option, scheduler);
	test_machine(cpus);
	ck_assert_str_eq(scheduler_name(), scheduler);
}

static const char *const names[] = { "sedf", "bvt", "rrobin", "credit" };

/* --- Parameters ------------------------------------------------------------------------------- */

/* As in a domctl: the parameters are longer than the union of today's header. */
union dom_op {
	struct xen_domctl_scheduler_op op;
	struct {
		u32 sched_id, cmd;
		union {
			struct xen_domctl_sched_sedf sedf;
			struct xen_domctl_sched_bvt bvt;
		};
	};
};

union sys_op {
	struct xen_sysctl_scheduler_op op;
	struct {
		u32 pool, sched_id, cmd, pad;
		union {
			struct xen_sysctl_sched_bvt bvt;
			struct xen_sysctl_sched_rrobin rrobin;
		};
	};
};

static int sedf(struct domain *d, s_time_t period, s_time_t slice, s_time_t latency, u32 extra, u32 weight)
{
	union dom_op o = { .sched_id = XEN_SCHEDULER_SEDF, .cmd = XEN_DOMCTL_SCHEDOP_putinfo,
		.sedf = { period, slice, latency, extra, weight } };
	int rc = sched_adjust(d, &o.op);

	test_settle();
	return rc;
}

static int bvt(struct domain *d, u32 advance, u32 warpback, s32 value, s_time_t warpl, s_time_t warpu)
{
	union dom_op o = { .sched_id = XEN_SCHEDULER_BVT, .cmd = XEN_DOMCTL_SCHEDOP_putinfo,
		.bvt = { advance, warpback, value, 0, warpl, warpu } };
	int rc = sched_adjust(d, &o.op);

	test_settle();
	return rc;
}

static int bvt_ctx_allow(u32 ns)
{
	union sys_op o = { .sched_id = XEN_SCHEDULER_BVT, .cmd = XEN_SYSCTL_SCHEDOP_putinfo,
		.bvt = { ns } };

	return sched_adjust_global(&o.op);
}

static int rr_slice(u64 ns)
{
	union sys_op o = { .sched_id = XEN_SCHEDULER_RROBIN, .cmd = XEN_SYSCTL_SCHEDOP_putinfo,
		.rrobin = { ns } };

	return sched_adjust_global(&o.op);
}

/* What d gets of the next `time`, in percent of one CPU. */
static double percent(struct domain *d, s_time_t time)
{
	s_time_t was = dom_ran(d);

	run(time);
	return 100.0 * (dom_ran(d) - was) / time;
}

static void assert_between(double x, double low, double high)
{
	ck_assert_msg(x >= low && x <= high, "%f is not between %f and %f", x, low, high);
}

START_TEST(wrong_scheduler)
{
	for (u32 id = 0; id < 10; id++) {
		union dom_op o = { .cmd = XEN_DOMCTL_SCHEDOP_getinfo, .sched_id = id };
		union sys_op s = { .cmd = XEN_SYSCTL_SCHEDOP_getinfo, .sched_id = id };
		struct domain *d;

		if (!id) {
			machine(names[_i], 1);
			burner(1, 1);
		}
		d = get_domain_by_id(1);
		ck_assert_int_eq(sched_adjust(d, &o.op), id == scheduler_id() ? 0 : -EINVAL);
		if (id != scheduler_id())
			ck_assert_int_eq(sched_adjust_global(&s.op), -EINVAL);
		put_domain(d);
	}
}
END_TEST

START_TEST(bad_parameters)
{
	static const struct xen_domctl_sched_sedf bad[] = {
		{ 0, 0, 0, 1, 0 },                                /* neither period nor weight */
		{ MILLISECS(10), MILLISECS(11), 0, 0, 0 },        /* slice beyond the period */
		{ 9999, 9999, 0, 0, 0 },                          /* period too short */
		{ SECONDS(11), MILLISECS(1), 0, 0, 0 },           /* too long */
		{ MILLISECS(10), 10, 0, 0, 0 },                   /* slice too short */
		{ MILLISECS(10), MILLISECS(1), MILLISECS(20), 0, 0 }, /* latency beyond the period */
		{ MILLISECS(10), MILLISECS(1), 0, 2, 0 },         /* unknown flag */
		{ 0, 0, 0, 0, 65536 },                            /* weight */
		{ ~0ul, ~0ul, ~0ul, ~0u, ~0u },
	};
	struct domain *d;

	machine("sedf", 1);
	d = burner(1, 1);
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_int_eq(sedf(d, bad[i].period, bad[i].slice, bad[i].latency,
					 bad[i].extratime, bad[i].weight), -EINVAL);
	ck_assert_int_eq(sedf(d, MILLISECS(10), MILLISECS(1), 0, 0, 0), 0);
}
END_TEST

START_TEST(bad_parameters_bvt)
{
	struct domain *d;

	machine("bvt", 1);
	d = burner(1, 1);
	ck_assert_int_eq(bvt(d, 0, 0, 0, 0, 0), -EINVAL);
	ck_assert_int_eq(bvt(d, ~0u, 0, 0, 0, 0), -EINVAL);
	ck_assert_int_eq(bvt(d, 10, 2, 0, 0, 0), -EINVAL);
	ck_assert_int_eq(bvt(d, 10, 1, -1, 0, 0), -EINVAL);
	ck_assert_int_eq(bvt(d, 10, 1, 10, -1, 0), -EINVAL);
	ck_assert_int_eq(bvt(d, 10, 1, 10, 0, -1), -EINVAL);
	ck_assert_int_eq(bvt_ctx_allow(0), -EINVAL);
	ck_assert_int_eq(bvt_ctx_allow(~0u), -EINVAL);
	ck_assert_int_eq(bvt_ctx_allow(MILLISECS(2)), 0);
}
END_TEST

START_TEST(bad_parameters_rrobin)
{
	machine("rrobin", 1);
	ck_assert_int_eq(rr_slice(0), -EINVAL);
	ck_assert_int_eq(rr_slice(~0ul), -EINVAL);
	ck_assert_int_eq(rr_slice(MILLISECS(1)), 0);
}
END_TEST

/* --- Simple EDF ------------------------------------------------------------------------------- */

/* A slice is had, whatever others want; without extratime nothing beyond it. */
START_TEST(sedf_slice)
{
	struct domain *a, *b;

	machine("sedf", 1);
	a = burner(1, 1);
	b = burner(2, 1);
	ck_assert_int_eq(sedf(a, MILLISECS(20), MILLISECS(5), 0, 0, 0), 0);
	run(SECONDS(1));
	assert_between(percent(a, SECONDS(10)), 24.9, 25.1);
	assert_between(percent(b, SECONDS(10)), 74.9, 75.1);
	domain_pause_nosync(b);
	assert_between(percent(a, SECONDS(10)), 24.9, 25.1);
	domain_unpause(b);
	ck_assert_int_eq(sedf(b, MILLISECS(7), MILLISECS(5), 0, 0, 0), 0);
	ck_assert_int_eq(sedf(a, MILLISECS(20), MILLISECS(5), 0, 1, 0), 0);
	run(SECONDS(1));
	assert_between(percent(b, SECONDS(10)), 71.3, 71.6); /* 5/7 */
	assert_between(percent(a, SECONDS(10)), 28.4, 28.7); /* the rest */
}
END_TEST

/* Left-over time goes by weight. */
START_TEST(sedf_extratime)
{
	struct domain *a, *b, *c;

	machine("sedf", 1);
	a = burner(1, 1);
	b = burner(2, 1);
	c = burner(3, 1);
	ck_assert_int_eq(sedf(a, MILLISECS(100), 0, 0, 1, 1), 0);
	ck_assert_int_eq(sedf(b, MILLISECS(100), 0, 0, 1, 3), 0);
	ck_assert_int_eq(sedf(c, MILLISECS(10), MILLISECS(6), 0, 0, 0), 0);
	run(SECONDS(1));
	assert_ratio(a, b, SECONDS(10), 3, 2);
	assert_between(percent(c, SECONDS(10)), 59.8, 60.2);
}
END_TEST

/* Slices from weights: 95 of 100 ms. */
START_TEST(sedf_weights)
{
	struct domain *a, *b;

	machine("sedf", 1);
	a = burner(1, 1);
	b = burner(2, 1);
	ck_assert_int_eq(sedf(a, 0, 0, 0, 0, 256), 0);
	ck_assert_int_eq(sedf(b, 0, 0, 0, 0, 512), 0);
	run(SECONDS(1));
	assert_ratio(a, b, SECONDS(10), 2, 2);
	assert_between(percent(a, SECONDS(10)) * 3, 93, 96);
}
END_TEST

/* A sleeper with a latency runs soon, and gets no more than its share for that. */
START_TEST(sedf_latency)
{
	struct domain *a, *b;
	struct worker *w;
	s_time_t without;

	machine("sedf", 1);
	a = burner(1, 1);
	ck_assert_int_eq(sedf(a, MILLISECS(50), MILLISECS(35), 0, 0, 0), 0);
	b = burner(2, 1);
	ck_assert_int_eq(sedf(b, MILLISECS(100), MILLISECS(20), 0, 0, 0), 0);
	w = worker(b, MILLISECS(170), MILLISECS(1));
	run(SECONDS(8));
	without = w->worst;
	ck_assert_int_ge(without, MILLISECS(10));
	ck_assert_int_eq(sedf(b, MILLISECS(100), MILLISECS(20), MILLISECS(5), 0, 0), 0);
	run(MILLISECS(500));
	w->worst = 0;
	run(SECONDS(8));
	ck_assert_int_le(w->worst, MICROSECS(100));
	assert_between(percent(a, SECONDS(5)), 69.5, 70.5);
}
END_TEST

/* Lengths whose products have more than 64 bits. */
START_TEST(sedf_long_periods)
{
	struct domain *a, *b;
	struct worker *w;

	machine("sedf", 1);
	a = burner(1, 1);
	ck_assert_int_eq(sedf(a, MILLISECS(50), 0, 0, 1, 0), 0);
	b = burner(2, 1);
	ck_assert_int_eq(sedf(b, SECONDS(10), SECONDS(9), SECONDS(4), 0, 0), 0);
	w = worker(b, SECONDS(15), SECONDS(2));
	run(SECONDS(100));
	/* It asks for 2 of 15 seconds, and gets them at once. */
	ck_assert_int_le(w->worst, MILLISECS(10));
	assert_between(percent(b, SECONDS(60)), 10, 16);
}
END_TEST

/* --- Borrowed virtual time -------------------------------------------------------------------- */

START_TEST(bvt_shares)
{
	struct domain *a, *b;

	machine("bvt", 1);
	a = burner(1, 1);
	b = burner(2, 1);
	assert_ratio(a, b, SECONDS(10), 1, 1);
	ck_assert_int_eq(bvt(b, 5, 0, 0, 0, 0), 0); /* half as fast: twice as much */
	assert_ratio(a, b, SECONDS(10), 2, 1);
	ck_assert_int_eq(bvt(b, 20, 0, 0, 0, 0), 0);
	assert_ratio(b, a, SECONDS(10), 2, 1);
}
END_TEST

/* Sleep earns nothing: afterwards it is half and half again. */
START_TEST(bvt_sleep)
{
	struct domain *a, *b;

	machine("bvt", 1);
	a = burner(1, 1);
	b = burner(2, 1);
	run(SECONDS(1));
	domain_pause_nosync(a);
	run(SECONDS(20));
	domain_unpause(a);
	assert_ratio(a, b, SECONDS(1), 1, 2);
}
END_TEST

/* The context-switch allowance decides how often is switched. */
START_TEST(bvt_allowance)
{
	unsigned int was;

	machine("bvt", 1);
	burner(1, 1);
	burner(2, 1);
	ck_assert_int_eq(bvt_ctx_allow(MILLISECS(5)), 0);
	run(SECONDS(1));
	was = test_switches;
	run(SECONDS(10));
	assert_between(test_switches - was, 990, 1010); /* turns of 2 * 5 ms */
	ck_assert_int_eq(bvt_ctx_allow(MILLISECS(50)), 0);
	run(SECONDS(1));
	was = test_switches;
	run(SECONDS(10));
	assert_between(test_switches - was, 98, 102);
}
END_TEST

/* Who may warp runs at once when it wakes, but not beyond warpl and not again before warpu. */
START_TEST(bvt_warp)
{
	struct domain *a, *b;
	struct worker *w;

	machine("bvt", 1);
	a = burner(1, 1);
	b = burner(2, 1);
	ck_assert_int_eq(bvt(b, 10, 1, 1000, 0, 0), 0);
	w = worker(b, MILLISECS(50), MILLISECS(9));
	run(SECONDS(5));
	ck_assert_int_le(w->worst, 2 * STEP);
	assert_between(percent(b, SECONDS(5)), 17.5, 18.5);
	/* A warp of at most 2 ms for each 10 s: no use to one that wants much more. */
	ck_assert_int_eq(bvt(b, 10, 1, 100000, MILLISECS(2), SECONDS(10)), 0);
	nr_workers = 0;
	test_cpu(0);
	vcpu_unblock(w->v);
	test_settle();
	run(MILLISECS(100));
	assert_ratio(a, b, SECONDS(8), 1, 2);
}
END_TEST

/* --- Round robin ------------------------------------------------------------------------------ */

START_TEST(rr_turns)
{
	struct domain *a, *b, *c;
	unsigned int was;

	machine("rrobin", 1);
	a = burner(1, 1);
	b = burner(2, 1);
	c = burner(3, 1);
	assert_ratio(a, b, SECONDS(3), 1, 1);
	assert_ratio(b, c, SECONDS(3), 1, 1);
	ck_assert_int_eq(rr_slice(MILLISECS(2)), 0);
	run(MILLISECS(100));
	was = test_switches;
	run(SECONDS(1));
	assert_between(test_switches - was, 495, 505);
}
END_TEST

/* A turn that somebody else's waking interrupts goes on to its end. */
START_TEST(rr_wake_does_not_cut)
{
	struct domain *a, *b;

	machine("rrobin", 1);
	a = burner(1, 1);
	b = burner(2, 1);
	worker(burner(3, 1), MILLISECS(3), MICROSECS(100));
	assert_ratio(a, b, SECONDS(3), 1, 2);
}
END_TEST

/* --- All of them ------------------------------------------------------------------------------ */

/* Alone there is no timer and no switch. */
START_TEST(alone)
{
	unsigned int switches, programmed;

	machine(names[_i], 2);
	burner(1, 1);
	run(SECONDS(1));
	switches = test_switches;
	programmed = test_reprogrammed;
	run(SECONDS(1));
	ck_assert_uint_eq(test_switches, switches);
	ck_assert_uint_eq(test_reprogrammed, programmed);
}
END_TEST

START_TEST(yielding)
{
	machine(names[_i], 1);
	burner(1, 1);
	burner(2, 1);
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
}
END_TEST

START_TEST(affinity)
{
	struct domain *a, *b;
	s_time_t was;

	machine(names[_i], 4);
	a = burner(1, 2);
	b = burner(2, 1);
	pin(a, 2);
	pin(b, 2);
	ck_assert_uint_eq(a->vcpu[0]->processor, 2);
	ck_assert_uint_eq(a->vcpu[1]->processor, 2);
	run(SECONDS(1));
	was = dom_ran(a) + dom_ran(b);
	run(SECONDS(2));
	assert_between(dom_ran(a) + dom_ran(b) - was, MILLISECS(1900), SECONDS(2));
	pin(b, 3);
	assert_between(percent(b, SECONDS(1)), 99, 100);
}
END_TEST

/* Anything in any order: nobody is lost, the clock of each adds up, nothing is left over. */
START_TEST(stress)
{
	struct domain *d[4];
	int before = 0;

	srand(_i);
	machine(names[_i % 4], 3);
	before = test_allocated;
	for (int i = 0; i < 4; i++)
		d[i] = burner(1 + i, 1 + i % 3);
	for (int n = 0; n < 3000; n++) {
		struct domain *x = d[rand() % 4];
		struct vcpu *v = x->vcpu[rand() % x->max_vcpus];
		cpumask_t mask = CPUMASK_NONE;

		switch (rand() % 7) {
		case 0:
			if (v->is_running && per_cpu(sched_cpu, v->processor).curr == v)
				block(v);
			break;
		case 1:
			test_cpu(0);
			vcpu_unblock(v);
			break;
		case 2:
			domain_pause_nosync(x);
			break;
		case 3:
			if (x->pause_count)
				domain_unpause(x);
			break;
		case 4:
			cpumask_set_cpu(rand() % 3, &mask);
			cpumask_set_cpu(rand() % 3, &mask);
			vcpu_set_hard_affinity(v, &mask);
			break;
		case 5:
			test_cpu(rand() % 3);
			if (!is_idle_vcpu(current))
				vcpu_yield();
			break;
		case 6:
			sedf(x, MILLISECS(1 + rand() % 50), MICROSECS(rand() % 60000),
				MICROSECS(rand() % 3000), rand() % 2, rand() % 5);
			bvt(x, rand() % 100, rand() % 2, rand() % 1000, rand() % 100000, 0);
			break;
		}
		test_settle();
		test_run_until(test_now + rand() % MILLISECS(3));
	}
	for (int i = 0; i < 4; i++) {
		struct vcpu *v;

		while (d[i]->pause_count)
			domain_unpause(d[i]);
		for_each_vcpu (d[i], v) {
			vcpu_unblock(v);
			cpumask_t all = CPUMASK_ALL;
			vcpu_set_hard_affinity(v, &all);
		}
		sedf(d[i], MILLISECS(100), 0, 0, 1, 1);
		bvt(d[i], 10, 0, 0, 0, 0);
	}
	test_settle();
	for (int i = 0; i < 4; i++) {
		struct vcpu *v;

		for_each_vcpu (d[i], v) {
			s_time_t was = test_ran(v);

			run(SECONDS(2));
			ck_assert_msg(test_ran(v) > was, "d%dv%d starves", d[i]->domain_id, v->vcpu_id);
		}
	}
	for (int i = 0; i < 4; i++) {
		test_cpu(0);
		domain_pause_nosync(d[i]);
		test_settle();
		ck_assert_int_eq(domain_kill(d[i]), 0);
	}
	run(SECONDS(1));
	ck_assert_int_eq(test_allocated, before);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("older schedulers");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, wrong_scheduler, 0, 4);
	tcase_add_test(t, bad_parameters);
	tcase_add_test(t, bad_parameters_bvt);
	tcase_add_test(t, bad_parameters_rrobin);
	tcase_add_test(t, sedf_slice);
	tcase_add_test(t, sedf_extratime);
	tcase_add_test(t, sedf_weights);
	tcase_add_test(t, sedf_latency);
	tcase_add_test(t, sedf_long_periods);
	tcase_add_test(t, bvt_shares);
	tcase_add_test(t, bvt_sleep);
	tcase_add_test(t, bvt_allowance);
	tcase_add_test(t, bvt_warp);
	tcase_add_test(t, rr_turns);
	tcase_add_test(t, rr_wake_does_not_cut);
	tcase_add_loop_test(t, alone, 0, 4);
	tcase_add_loop_test(t, yielding, 0, 4);
	tcase_add_loop_test(t, affinity, 0, 4);
	tcase_add_loop_test(t, stress, 0, 8);
	return run_suite("older schedulers", t);
}
