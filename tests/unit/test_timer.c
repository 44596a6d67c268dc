/* sources: xen/common/timer.c xen/common/softirq.c xen/common/rcu.c xen/common/lock_debug.c xen/common/shutdown.c xen/common/domain.c xen/common/sched/core.c xen/common/sched/sched_op.c xen/common/sched/credit.c xen/common/sched/credit_admin.c xen/common/sched/part.c xen/common/sched/sedf.c xen/common/sched/bvt.c xen/common/sched/rrobin.c tests/unit/stubs_sched.c */
#include <check.h>
#include "stubs_sched.h"
#include "suite.h"
#include <xen/rcu.h>
#include <xen/softirq.h>

#define MANY 3000

static s_time_t fired[MANY];
static unsigned int nr_fired, order[MANY];
static struct timer timers[MANY];
static s_time_t rearm_until;

static void fire(void *data)
{
	unsigned int i = (struct timer *)data - timers;

	ck_assert(local_irq_is_enabled());
	ck_assert_uint_eq(timers[i].cpu, smp_processor_id());
	fired[i] = test_now;
	order[nr_fired++] = i;
}

static void rearm(void *data)
{
	nr_fired++;
	if (test_now < rearm_until)
		set_timer(data, test_now + MICROSECS(200));
}

static void start(void)
{
	test_machine(TEST_CPUS);
	nr_fired = 0;
	for (unsigned int i = 0; i < MANY; i++)
		init_timer(&timers[i], fire, &timers[i], i % TEST_CPUS);
}

/* More timers than the heap's first size, on all CPUs, in random order: each fires in time. */
START_TEST(many)
{
	s_time_t base = test_now, when[MANY];

	srandom(1);
	for (unsigned int i = 0; i < MANY; i++) {
		when[i] = base + MILLISECS(1) + random() % SECONDS(1);
		set_timer(&timers[i], when[i]);
		ck_assert(timer_is_active(&timers[i]));
	}
	for (unsigned int i = 0; i < MANY; i += 3)
		stop_timer(&timers[i]);
	for (unsigned int i = 1; i < MANY; i += 3) {
		when[i] = base + MILLISECS(1) + random() % SECONDS(1);
		set_timer(&timers[i], when[i]);
	}
	test_run_until(base + SECONDS(2));
	for (unsigned int i = 0; i < MANY; i++) {
		if (i % 3 == 0) {
			ck_assert_int_eq(fired[i], 0);
			continue;
		}
		ck_assert_int_ge(fired[i], when[i]);
		ck_assert_int_le(fired[i], when[i] + 50000);
		ck_assert(!timer_is_active(&timers[i]));
	}
	ck_assert_uint_eq(nr_fired, MANY - MANY / 3);
}
END_TEST

/* Without memory to grow the heap, what does not fit is kept aside and still fires. */
START_TEST(no_memory)
{
	s_time_t base = test_now;

	for (unsigned int i = 0; i < MANY; i++)
		init_timer(&timers[i], fire, &timers[i], 0);
	test_alloc_budget = 0;
	for (unsigned int i = 0; i < 600; i++)
		set_timer(&timers[i], base + MILLISECS(600 - i));
	stop_timer(&timers[599]); /* one of those set aside */
	test_run_until(base + MILLISECS(2));
	ck_assert_uint_eq(nr_fired, 1);
	ck_assert_int_eq(fired[598], base + MILLISECS(2));
	test_alloc_budget = -1;
	test_run_until(base + SECONDS(1));
	ck_assert_uint_eq(nr_fired, 599);
	for (unsigned int i = 1; i < 599; i++)
		ck_assert_int_eq(order[i - 1], 599 - i);
}
END_TEST

START_TEST(past_fires_at_once)
{
	set_timer(&timers[0], test_now - SECONDS(1));
	set_timer(&timers[1], test_now);
	test_settle();
	ck_assert_int_eq(fired[0], test_now);
	ck_assert_int_eq(fired[1], test_now);
}
END_TEST

/* Deadlines within the slop share an interrupt, at the later one. */
START_TEST(slop)
{
	s_time_t base = test_now;

	set_timer(&timers[0], base + 1000000);
	set_timer(&timers[4], base + 1040000);
	set_timer(&timers[8], base + 1200000);
	raise_softirq(TIMER_SOFTIRQ);
	test_settle();
	ck_assert_int_eq(test_deadline[0], base + 1040000);
	test_run_until(base + 2000000);
	ck_assert_int_eq(fired[0], base + 1040000);
	ck_assert_int_eq(fired[4], base + 1040000);
	ck_assert_int_eq(fired[8], base + 1200000);
}
END_TEST

/* A later deadline does not touch the hardware. */
START_TEST(lazy_hardware)
{
	unsigned int before;

	set_timer(&timers[0], test_now + MILLISECS(1));
	before = test_reprogrammed;
	for (int i = 2; i < 100; i++)
		set_timer(&timers[0], test_now + MILLISECS(i));
	ck_assert_uint_eq(test_reprogrammed, before);
	test_run_until(test_now + MILLISECS(98));
	ck_assert_uint_eq(nr_fired, 0);
	test_run_until(test_now + MILLISECS(1));
	ck_assert_uint_eq(nr_fired, 1);
}
END_TEST

START_TEST(migration)
{
	s_time_t when = test_now + MILLISECS(5);

	set_timer(&timers[0], when);
	migrate_timer(&timers[0], 3);
	ck_assert(timer_is_active(&timers[0]));
	migrate_timer(&timers[4], 2); /* not armed */
	ck_assert(!timer_is_active(&timers[4]));
	set_timer(&timers[4], when);
	test_run_until(when + 1);
	ck_assert_int_eq(fired[0], when); /* fire() checks the CPU */
	ck_assert_int_eq(fired[4], when);
}
END_TEST

START_TEST(kill)
{
	set_timer(&timers[0], test_now + 10);
	kill_timer(&timers[0]);
	ck_assert(!timer_is_active(&timers[0]));
	set_timer(&timers[0], test_now + 10);
	ck_assert(!timer_is_active(&timers[0]));
	test_run_until(test_now + MILLISECS(1));
	ck_assert_uint_eq(nr_fired, 0);
}
END_TEST

START_TEST(rearm_itself)
{
	init_timer(&timers[0], rearm, &timers[0], 0);
	rearm_until = test_now + MILLISECS(10);
	set_timer(&timers[0], test_now + MICROSECS(200));
	test_run_until(test_now + MILLISECS(20));
	ck_assert_uint_eq(nr_fired, 50);
}
END_TEST

/* --- Softirqs, tasklets, RCU ------------------------------------------------------------------ */

static unsigned int ran_on, runs;
static struct tasklet task;

static void task_fn(void *data)
{
	ran_on = smp_processor_id();
	ck_assert(is_idle_vcpu(current));
	if (++runs == 1)
		tasklet_schedule_on_cpu(&task, 3); /* again, elsewhere, while it runs */
}

START_TEST(tasklets)
{
	runs = 0;
	tasklet_init(&task, task_fn, NULL);
	tasklet_schedule_on_cpu(&task, 2);
	test_settle();
	ck_assert_uint_eq(runs, 2);
	ck_assert_uint_eq(ran_on, 3);
	tasklet_kill(&task);
	tasklet_schedule(&task);
	test_settle();
	ck_assert_uint_eq(runs, 2);
}
END_TEST

static unsigned int freed;

static void rcu_fn(struct rcu_head *head)
{
	freed++;
}

/* The function waits for every CPU, and process_pending_softirqs() is no quiescent point. */
START_TEST(grace_period)
{
	struct rcu_head a, b;

	freed = 0;
	call_rcu(&a, rcu_fn);
	call_rcu(&b, rcu_fn); /* its grace period begins when the first has ended */
	for (unsigned int cpu = 0; cpu < 3; cpu++) {
		test_cpu(cpu);
		do_softirq();
		do_softirq();
	}
	test_cpu(3);
	process_pending_softirqs();
	ck_assert_uint_eq(freed, 0);
	do_softirq();
	ck_assert_uint_eq(freed, 1);
	test_settle();
	ck_assert_uint_eq(freed, 2);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("all");

	tcase_add_checked_fixture(t, start, NULL);
	tcase_add_test(t, many);
	tcase_add_test(t, no_memory);
	tcase_add_test(t, past_fires_at_once);
	tcase_add_test(t, slop);
	tcase_add_test(t, lazy_hardware);
	tcase_add_test(t, migration);
	tcase_add_test(t, kill);
	tcase_add_test(t, rearm_itself);
	tcase_add_test(t, tasklets);
	tcase_add_test(t, grace_period);
	return run_suite("timer", t);
}
