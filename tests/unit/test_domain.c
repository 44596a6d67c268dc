/* sources: xen/common/timer.c xen/common/softirq.c xen/common/rcu.c xen/common/lock_debug.c xen/common/shutdown.c xen/common/domain.c xen/common/vcpu_op.c xen/common/sched/core.c xen/common/sched/sched_op.c xen/common/sched/credit.c xen/common/sched/credit_admin.c xen/common/sched/part.c xen/common/sched/sedf.c xen/common/sched/bvt.c xen/common/sched/rrobin.c tests/unit/stubs_sched.c */
#include <check.h>
#include "stubs_sched.h"
#include "suite.h"
#include <xen/shutdown.h>
#include <xen/softirq.h>

static XEN_GUEST_HANDLE_PARAM(void) handle(void *p)
{
	XEN_GUEST_HANDLE_PARAM(void) h = { p };

	return h;
}

static void start(void)
{
	test_machine(2);
}

/* Make `v` current, wherever the scheduler puts it. */
static void be(struct vcpu *v)
{
	test_settle();
	ck_assert(v->is_running);
	test_cpu(v->processor);
	ck_assert_ptr_eq(current, v);
}

/* Stop a domain and be an idle CPU, which may do to it what a domain may not do to itself. */
static void stop(struct domain *d)
{
	domain_pause_nosync(d);
	test_settle();
	host_cpu_info.processor_id = 0;
	host_cpu_info.current_vcpu = per_cpu(idle_vcpu, 0);
}

/* Both CPUs pass their quiescent points. */
static void settle_rcu(void)
{
	for (int i = 0; i < 4; i++)
		test_settle();
}

/* --- The list, references --------------------------------------------------------------------- */

START_TEST(list_and_references)
{
	struct domain_config cfg = { .max_vcpus = 1 };
	struct domain *a, *b, *c, *d, *x;
	unsigned int n = 0, last = 0;

	c = test_domain(30, 1);
	a = test_domain(10, 1);
	b = test_domain(20, 1);
	ck_assert_int_eq(domain_create(20, &cfg, &d), -EEXIST);
	ck_assert_int_eq(domain_create(DOMID_FIRST_RESERVED, &cfg, &d), -EINVAL);
	cfg.max_vcpus = 0;
	ck_assert_int_eq(domain_create(40, &cfg, &d), -EINVAL);
	cfg.max_vcpus = MAX_VIRT_CPUS + 1;
	ck_assert_int_eq(domain_create(40, &cfg, &d), -EINVAL);
	for_each_domain (x) {
		ck_assert_uint_gt(x->domain_id, last);
		last = x->domain_id;
		n++;
	}
	ck_assert_uint_eq(n, 3);

	x = get_domain_by_id(20);
	ck_assert_ptr_eq(x, b);
	ck_assert_ptr_null(get_domain_by_id(21));
	ck_assert_ptr_eq(rcu_lock_domain_by_any_id(10), a);
	ck_assert_ptr_null(rcu_lock_domain_by_any_id(DOMID_IDLE - 1));
	be(c->vcpu[0]);
	ck_assert_ptr_eq(rcu_lock_domain_by_any_id(DOMID_SELF), c);

	/* Killed, but alive as long as somebody holds it. */
	ck_assert_int_eq(domain_kill(c), -EINVAL); /* current */
	stop(b);
	test_relinquish = 2;
	b->outstanding_pages = 5; /* nobody else could have them */
	ck_assert_int_eq(domain_kill(b), -ERESTART);
	ck_assert_uint_eq(b->outstanding_pages, 0);
	ck_assert_int_eq(b->is_dying, DOMDYING_dying);
	ck_assert_int_eq(domain_kill(b), -ERESTART);
	ck_assert_int_eq(domain_kill(b), 0);
	ck_assert_uint_eq(test_virqs[VIRQ_DOM_EXC], 1);
	ck_assert_int_eq(domain_kill(b), 0);
	settle_rcu();
	ck_assert_ptr_eq(get_domain_by_id(20), b);
	put_domain(b);
	put_domain(b);
	ck_assert(!get_domain(b));
	settle_rcu();
	ck_assert_ptr_null(rcu_lock_domain_by_any_id(20));
}
END_TEST

/* Whatever allocation fails, nothing is left over. */
START_TEST(no_memory)
{
	struct domain_config cfg = { .max_vcpus = 2 };
	int base = test_allocated, n, rc = -ENOMEM;
	unsigned int pages = test_pages_used;
	struct domain *d = NULL;
	struct vcpu *v = NULL;

	for (n = 0; rc == -ENOMEM; n++) {
		ck_assert_int_lt(n, 50);
		ck_assert_int_eq(test_allocated, base);
		ck_assert_uint_eq(test_pages_used, pages);
		test_alloc_budget = n;
		rc = domain_create(1, &cfg, &d);
	}
	ck_assert_int_eq(rc, 0);
	ck_assert_int_gt(n, 5);
	base = test_allocated;
	for (n = 0; !v; n++) {
		ck_assert_int_lt(n, 50);
		ck_assert_int_eq(test_allocated, base);
		test_alloc_budget = n;
		v = vcpu_create(d, 0, 0);
	}
	test_alloc_budget = -1;
	ck_assert_int_gt(n, 1);
	ck_assert_ptr_null(vcpu_create(d, 0, 0)); /* exists */
	ck_assert_ptr_null(vcpu_create(d, 2, 0)); /* beyond max_vcpus */
}
END_TEST

/* Create and destroy: everything comes back. */
START_TEST(no_leaks)
{
	int base;
	unsigned int pages;

	settle_rcu();
	base = test_allocated;
	pages = test_pages_used;
	for (int i = 0; i < 20; i++) {
		struct domain *d = test_domain(1 + i, 40); /* more than fit into the shared_info */

		test_run_until(test_now + MILLISECS(70));
		stop(d);
		ck_assert_int_eq(domain_kill(d), 0);
		settle_rcu();
	}
	ck_assert_int_eq(test_allocated, base);
	ck_assert_uint_eq(test_pages_used, pages);
	ck_assert(list_empty(&domain_list));
}
END_TEST

/* --- Pausing, time ---------------------------------------------------------------------------- */

START_TEST(pause_nesting)
{
	struct domain *d = test_domain(1, 2);
	struct vcpu *v = d->vcpu[0];

	host_cpu_info.current_vcpu = per_cpu(idle_vcpu, 0);
	domain_pause_nosync(d);
	vcpu_pause_nosync(v);
	vcpu_pause_nosync(v);
	test_settle();
	ck_assert(!v->is_running && !d->vcpu[1]->is_running);
	ck_assert_int_eq(v->runstate.state, RUNSTATE_offline);
	domain_unpause(d);
	test_settle();
	ck_assert(!v->is_running && d->vcpu[1]->is_running);
	vcpu_unpause(v);
	test_settle();
	ck_assert(!v->is_running);
	vcpu_unpause(v);
	test_settle();
	ck_assert(v->is_running);

	host_cpu_info.current_vcpu = per_cpu(idle_vcpu, 0);
	ck_assert_int_eq(domain_unpause_by_systemcontroller(d), -EINVAL);
	stop(d);
	for (int i = 0; i < 255; i++)
		ck_assert_int_eq(domain_pause_by_systemcontroller(d), 0);
	ck_assert_int_eq(domain_pause_by_systemcontroller(d), -EBUSY);
	domain_unpause(d);
	for (int i = 0; i < 255; i++) {
		test_settle();
		ck_assert(!v->is_running);
		ck_assert_int_eq(domain_unpause_by_systemcontroller(d), 0);
	}
	test_settle();
	ck_assert(v->is_running);
}
END_TEST

START_TEST(runstate)
{
	struct domain *d = test_domain(1, 1);
	struct vcpu *v = d->vcpu[0];
	struct vcpu_runstate_info rs, area = {};
	struct vcpu_register_runstate_memory_area reg = {};
	u64 sum = 0, born = 0;

	reg.addr.v = &area;
	be(v);
	vcpu_runstate_get(v, &rs);
	for (int i = 0; i < 4; i++)
		born += rs.time[i];
	ck_assert_int_eq(do_vcpu_op(VCPUOP_register_runstate_memory_area, 0, handle(&reg)), 0);
	ck_assert_int_eq(area.state, RUNSTATE_running);

	test_run_until(test_now + MILLISECS(30)); /* runs 30 */
	be(v);
	ck_assert_int_eq(do_sched_op(SCHEDOP_block, handle(NULL)), 0);
	test_settle();
	ck_assert_int_eq(area.state, RUNSTATE_blocked);
	ck_assert_uint_eq(area.time[RUNSTATE_running], rs.time[RUNSTATE_running] + MILLISECS(30));
	test_run_until(test_now + MILLISECS(50)); /* blocked 50 */
	vcpu_pause_nosync(v);
	vcpu_unblock(v);
	test_run_until(test_now + MILLISECS(20)); /* offline 20 */
	vcpu_unpause(v);
	be(v);
	test_run_until(test_now + MILLISECS(7));
	be(v);
	ck_assert_int_eq(do_vcpu_op(VCPUOP_get_runstate_info, 0, handle(&rs)), 0);
	ck_assert_int_eq(rs.state, RUNSTATE_running);
	ck_assert_uint_eq(rs.time[RUNSTATE_blocked], MILLISECS(50));
	ck_assert_uint_ge(rs.time[RUNSTATE_offline], MILLISECS(20));
	for (int i = 0; i < 4; i++)
		sum += rs.time[i];
	ck_assert_uint_eq(sum - born, MILLISECS(107)); /* no time is lost */
	ck_assert_int_eq(area.state, RUNSTATE_running);
	ck_assert_uint_eq(area.state_entry_time & XEN_RUNSTATE_UPDATE, 0);

	ck_assert_int_eq(do_vm_assist(VMASST_CMD_enable, VMASST_TYPE_runstate_update_flag), 0);
	area.state = 99;
	area.state_entry_time = XEN_RUNSTATE_UPDATE;
	update_runstate_area(v);
	ck_assert_int_eq(area.state, RUNSTATE_running);
	ck_assert_uint_eq(area.state_entry_time, v->runstate.state_entry_time);
}
END_TEST

/* --- vcpu_op ---------------------------------------------------------------------------------- */

/* Another vCPU's period, while that one runs and may be doing the same to us: nobody waits. */
START_TEST(period_of_a_running_vcpu)
{
	struct domain *d = test_domain(1, 2);
	struct vcpu_set_periodic_timer p = { .period_ns = MILLISECS(1) };
	struct vcpu *other = d->vcpu[1];

	be(d->vcpu[0]);
	ck_assert(other->is_running);
	ck_assert_int_eq(do_vcpu_op(VCPUOP_set_periodic_timer, 1, handle(&p)), 0);
	ck_assert_int_eq(other->pause_count, 0);
	test_run_until(test_now + MILLISECS(10));
	ck_assert_uint_eq(test_virqs[VIRQ_TIMER], 10);

	/* One that does not run has no ticks, whenever its timer was set. */
	vcpu_pause_nosync(other);
	test_settle();
	ck_assert(!other->is_running);
	set_timer(&other->periodic_timer, test_now + MILLISECS(1));
	test_run_until(test_now + MILLISECS(10));
	ck_assert_uint_eq(test_virqs[VIRQ_TIMER], 10);
	be(d->vcpu[0]);
	ck_assert_int_eq(do_vcpu_op(VCPUOP_set_periodic_timer, 1, handle(&p)), 0);
	ck_assert(!timer_is_active(&other->periodic_timer));
	ck_assert_int_eq(do_vcpu_op(VCPUOP_stop_periodic_timer, 1, handle(NULL)), 0);
}
END_TEST

START_TEST(vcpu_ops)
{
	struct domain *d = test_domain(1, 2);
	struct vcpu *v;
	static vcpu_guest_context_t ctxt;
	struct vcpu_set_periodic_timer p = { .period_ns = MILLISECS(1) - 1 };
	struct vcpu_set_singleshot_timer s = { .timeout_abs_ns = test_now - 1 };

	be(d->vcpu[0]);
	ck_assert_int_eq(do_vcpu_op(VCPUOP_is_up, 0, handle(NULL)), 1);
	ck_assert_int_eq(do_vcpu_op(VCPUOP_is_up, 2, handle(NULL)), -ENOENT);
	ck_assert_int_eq(do_vcpu_op(VCPUOP_is_up, ~0u, handle(NULL)), -ENOENT);
	ck_assert_int_eq(do_vcpu_op(99, 0, handle(NULL)), -ENOSYS);

	/* Down and up. */
	ck_assert_int_eq(do_vcpu_op(VCPUOP_down, 1, handle(NULL)), 0);
	test_settle();
	ck_assert_int_eq(do_vcpu_op(VCPUOP_is_up, 1, handle(NULL)), 0);
	ck_assert(!d->vcpu[1]->is_running);
	ck_assert_int_eq(do_vcpu_op(VCPUOP_initialise, 1, handle(&ctxt)), -EEXIST);
	d->vcpu[1]->is_initialised = false;
	ck_assert_int_eq(do_vcpu_op(VCPUOP_up, 1, handle(NULL)), -EINVAL);
	ck_assert_int_eq(do_vcpu_op(VCPUOP_initialise, 1, handle(NULL)), -EFAULT);
	ck_assert_int_eq(do_vcpu_op(VCPUOP_initialise, 1, handle(&ctxt)), 0);
	ck_assert_int_eq(do_vcpu_op(VCPUOP_up, 1, handle(NULL)), 0);
	test_settle();
	ck_assert(d->vcpu[1]->is_running);

	/* Timers. */
	be(d->vcpu[0]);
	v = current;
	ck_assert_int_eq(do_vcpu_op(VCPUOP_set_periodic_timer, 0, handle(&p)), -EINVAL);
	p.period_ns = ~0ull;
	ck_assert_int_eq(do_vcpu_op(VCPUOP_set_periodic_timer, 0, handle(&p)), -EINVAL);
	p.period_ns = MILLISECS(1);
	ck_assert_int_eq(do_vcpu_op(VCPUOP_set_periodic_timer, 0, handle(&p)), 0);
	test_run_until(test_now + MILLISECS(10));
	ck_assert_uint_eq(test_virqs[VIRQ_TIMER], 10);
	be(v);
	ck_assert_int_eq(do_vcpu_op(VCPUOP_stop_periodic_timer, 0, handle(NULL)), 0);
	test_run_until(test_now + MILLISECS(10));
	ck_assert_uint_eq(test_virqs[VIRQ_TIMER], 10);

	be(v);
	ck_assert_int_eq(do_vcpu_op(VCPUOP_set_singleshot_timer, 1, handle(&s)), -EINVAL);
	ck_assert_int_eq(do_vcpu_op(VCPUOP_set_singleshot_timer, 0, handle(&s)), 0); /* past */
	test_settle();
	ck_assert_uint_eq(test_virqs[VIRQ_TIMER], 11);
	s.flags = VCPU_SSHOTTMR_future;
	ck_assert_int_eq(do_vcpu_op(VCPUOP_set_singleshot_timer, 0, handle(&s)), -ETIME);
	s.timeout_abs_ns = test_now + MILLISECS(3);
	ck_assert_int_eq(do_vcpu_op(VCPUOP_set_singleshot_timer, 0, handle(&s)), 0);
	ck_assert_int_eq(do_vcpu_op(VCPUOP_stop_singleshot_timer, 0, handle(NULL)), 0);
	test_run_until(test_now + MILLISECS(5));
	ck_assert_uint_eq(test_virqs[VIRQ_TIMER], 11);
	s.timeout_abs_ns = ~0ull;
	be(v);
	ck_assert_int_eq(do_vcpu_op(VCPUOP_set_singleshot_timer, 0, handle(&s)), 0);
	ck_assert_int_eq(do_set_timer_op(test_now + MILLISECS(2)), 0);
	test_run_until(test_now + MILLISECS(3));
	ck_assert_uint_eq(test_virqs[VIRQ_TIMER], 12);

	ck_assert_int_eq(do_vm_assist(VMASST_CMD_enable, 4000000000u), -EINVAL);
	ck_assert_int_eq(do_vm_assist(7, VMASST_TYPE_writable_pagetables), -ENOSYS);
}
END_TEST

START_TEST(vcpu_info)
{
	struct domain *d = test_domain(1, 33);
	vcpu_info_t *page = alloc_xenheap_page(), *old;
	unsigned long gfn = virt_to_mfn(page);
	struct page_info *pg = mfn_to_page(_mfn(gfn));
	struct vcpu *v = d->vcpu[0];

	while (!v->is_running)
		test_run_until(test_now + MILLISECS(10));
	be(v);
	old = v->vcpu_info;
	ck_assert_ptr_eq(old, &d->shared_info->vcpu_info[0]);
	ck_assert_ptr_eq(d->vcpu[32]->vcpu_info, d->vcpu[32]->vcpu_info_own);
	old->evtchn_upcall_mask = 1;
	old->evtchn_pending_sel = 0x55;
	old->time.system_time = 1234;
	ck_assert_int_eq(map_vcpu_info(v, gfn, PAGE_SIZE - 32), -EINVAL);
	ck_assert_int_eq(map_vcpu_info(v, gfn, ~0u), -EINVAL);
	ck_assert_int_eq(map_vcpu_info(v, gfn, 4), -EINVAL);
	ck_assert_int_eq(map_vcpu_info(v, TEST_PAGES + 1, 0), -EINVAL);
	ck_assert_int_eq(map_vcpu_info(d->vcpu[1], gfn, 0), -EINVAL); /* it runs */
	pg->type_info = PGT_l1 | 1;
	ck_assert_int_eq(map_vcpu_info(v, gfn, 64), -EINVAL);
	pg->type_info = 0;
	ck_assert_uint_eq(pg->count_info, 1); /* no failure kept a reference */

	ck_assert_int_eq(map_vcpu_info(v, gfn, 64), 0);
	ck_assert_ptr_eq(v->vcpu_info, (char *)page + 64);
	ck_assert_uint_eq(v->vcpu_info->evtchn_upcall_mask, 1);
	ck_assert_uint_eq(v->vcpu_info->evtchn_upcall_pending, 1);
	ck_assert_uint_eq(v->vcpu_info->evtchn_pending_sel, 0x55);
	ck_assert_uint_eq(v->vcpu_info->time.system_time, 1234);
	ck_assert_uint_eq(pg->count_info, 2);
	ck_assert_uint_eq(pg->type_info, PGT_writable | 1);
	ck_assert_int_eq(map_vcpu_info(v, gfn, 128), -EINVAL); /* only once */
	unmap_vcpu_info(v);
	unmap_vcpu_info(v);
	ck_assert_uint_eq(pg->count_info, 1);
	ck_assert_uint_eq(pg->type_info, 0);
	ck_assert_ptr_eq(v->vcpu_info, old);
}
END_TEST

/* --- sched_op --------------------------------------------------------------------------------- */

START_TEST(poll)
{
	struct domain *d = test_domain(1, 1);
	evtchn_port_t ports[2] = { 5, 6 };
	struct sched_poll p = { .nr_ports = 129 };
	struct vcpu *v = d->vcpu[0];

	p.ports.p = ports;
	be(v);
	v->vcpu_info->evtchn_upcall_mask = 1;
	ck_assert_int_eq(do_sched_op(SCHEDOP_poll, handle(&p)), -EINVAL);
	p.nr_ports = 2;
	ports[1] = 5000;
	ck_assert_int_eq(do_sched_op(SCHEDOP_poll, handle(&p)), -EINVAL);
	p.ports.p = NULL;
	ck_assert_int_eq(do_sched_op(SCHEDOP_poll, handle(&p)), -EFAULT);
	p.ports.p = ports;
	ports[1] = 6;
	test_port_pending = true;
	ck_assert_int_eq(do_sched_op(SCHEDOP_poll, handle(&p)), 0);
	test_settle();
	ck_assert(v->is_running);
	ck_assert_int_eq(v->poll_evtchn, -1);
	ck_assert(!test_bit(0, d->poll_mask));

	/* Until the time is up. */
	test_port_pending = false;
	p.timeout = test_now + MILLISECS(5);
	ck_assert_int_eq(do_sched_op(SCHEDOP_poll, handle(&p)), 0);
	ck_assert_int_eq(v->poll_evtchn, 0);
	test_run_until(test_now + MILLISECS(4));
	ck_assert(!v->is_running && test_bit(0, d->poll_mask));
	test_run_until(test_now + MILLISECS(2));
	ck_assert(v->is_running);

	/* For one port; an event comes. */
	be(v);
	p.timeout = 0;
	p.nr_ports = 1;
	ck_assert_int_eq(do_sched_op(SCHEDOP_poll, handle(&p)), 0);
	ck_assert_int_eq(v->poll_evtchn, 5);
	test_run_until(test_now + SECONDS(1));
	ck_assert(!v->is_running);
	vcpu_unblock(v);
	be(v);

	/*
	 * Only the vCPU itself forgets what it polled for: who has woken it may not have looked at it
	 * yet when it polls again.
	 */
	ck_assert(test_bit(0, d->poll_mask));
	ck_assert_int_eq(v->poll_evtchn, 5);

	/* A pending, unmasked upcall ends block and poll at once. */
	v->vcpu_info->evtchn_upcall_pending = 1;
	ck_assert_int_eq(do_sched_op(SCHEDOP_block, handle(NULL)), 0);
	ck_assert(!test_bit(0, d->poll_mask));
	ck_assert_int_eq(v->poll_evtchn, -1);
	ck_assert_uint_eq(v->vcpu_info->evtchn_upcall_mask, 0);
	ck_assert_uint_eq(softirq_pending(smp_processor_id()), 0);
	ck_assert_int_eq(do_sched_op(SCHEDOP_poll, handle(&p)), 0);
	test_settle();
	ck_assert(v->is_running);
	ck_assert_int_eq(do_sched_op(8, handle(NULL)), -ENOSYS);
}
END_TEST

START_TEST(shutdown)
{
	struct domain *d = test_domain(1, 2), *c = test_domain(2, 1);
	struct sched_shutdown s = { .reason = SHUTDOWN_MAX + 1 };
	struct sched_remote_shutdown r = { .domain_id = 1, .reason = SHUTDOWN_reboot };

	while (!d->vcpu[0]->is_running)
		test_run_until(test_now + MILLISECS(10));
	be(d->vcpu[0]);
	ck_assert_int_eq(do_sched_op(SCHEDOP_shutdown, handle(&s)), -EINVAL);
	ck_assert_int_eq(do_sched_op(SCHEDOP_shutdown, handle(NULL)), -EFAULT);
	d->vcpu[1]->defer_shutdown = true;
	s.reason = SHUTDOWN_suspend;
	ck_assert_int_eq(do_sched_op(SCHEDOP_shutdown, handle(&s)), 0);
	test_settle();
	ck_assert(d->is_shutting_down && !d->is_shut_down && !d->vcpu[0]->is_running);
	ck_assert_uint_eq(d->shutdown_code, SHUTDOWN_suspend);
	ck_assert_uint_eq(test_virqs[VIRQ_DOM_EXC], 0);
	d->vcpu[1]->defer_shutdown = false;
	stop(d);
	domain_resume(d);
	domain_unpause(d);
	test_run_until(test_now + MILLISECS(100));
	ck_assert(!d->is_shutting_down);
	ck_assert_uint_eq(d->shutdown_code, SHUTDOWN_CODE_INVALID);
	ck_assert_int_gt(test_ran(d->vcpu[0]), MILLISECS(20));

	while (!c->vcpu[0]->is_running)
		test_run_until(test_now + MILLISECS(10));
	be(c->vcpu[0]);
	ck_assert_int_eq(do_sched_op(SCHEDOP_remote_shutdown, handle(&r)), -EPERM);
	c->is_privileged = true;
	ck_assert_int_eq(do_sched_op(SCHEDOP_remote_shutdown, handle(&r)), 0);
	test_settle();
	ck_assert(d->is_shut_down);
	ck_assert_uint_eq(d->shutdown_code, SHUTDOWN_reboot);
	ck_assert_uint_eq(test_virqs[VIRQ_DOM_EXC], 1);
	r.domain_id = 77;
	ck_assert_int_eq(do_sched_op(SCHEDOP_remote_shutdown, handle(&r)), -ESRCH);
}
END_TEST

START_TEST(crash)
{
	struct domain *d = test_domain(1, 2);

	be(d->vcpu[0]);
	test_console[0] = 0;
	domain_crash(d, "because of %d\n", 42);
	domain_crash(d, "and again\n");
	test_settle();
	ck_assert_ptr_nonnull(strstr(test_console, "d1 has crashed: because of 42"));
	ck_assert_ptr_null(strstr(test_console, "again"));
	ck_assert(d->is_shut_down && !d->vcpu[0]->is_running && !d->vcpu[1]->is_running);
	ck_assert_uint_eq(d->shutdown_code, SHUTDOWN_crash);
	ck_assert_uint_eq(test_virqs[VIRQ_DOM_EXC], 1);
}
END_TEST

START_TEST(watchdog)
{
	struct domain *d = test_domain(1, 1);
	struct sched_watchdog w = { .id = 0, .timeout = 0 };

	be(d->vcpu[0]);
	ck_assert_int_eq(do_sched_op(SCHEDOP_watchdog, handle(&w)), -EINVAL);
	w.timeout = 2;
	ck_assert_int_eq(do_sched_op(SCHEDOP_watchdog, handle(&w)), 1);
	ck_assert_int_eq(do_sched_op(SCHEDOP_watchdog, handle(&w)), 2);
	ck_assert_int_eq(do_sched_op(SCHEDOP_watchdog, handle(&w)), -ENOSPC);
	w.id = 3;
	ck_assert_int_eq(do_sched_op(SCHEDOP_watchdog, handle(&w)), -EINVAL);
	w.id = 2;
	w.timeout = 0;
	ck_assert_int_eq(do_sched_op(SCHEDOP_watchdog, handle(&w)), 0);
	w.timeout = 1;
	ck_assert_int_eq(do_sched_op(SCHEDOP_watchdog, handle(&w)), -EINVAL); /* given back */
	for (int i = 0; i < 5; i++) {
		test_run_until(test_now + SECONDS(1));
		be(d->vcpu[0]);
		w.id = 1;
		w.timeout = 2;
		ck_assert_int_eq(do_sched_op(SCHEDOP_watchdog, handle(&w)), 0);
	}
	ck_assert(!d->is_shutting_down);
	test_run_until(test_now + SECONDS(3));
	ck_assert(d->is_shut_down);
	ck_assert_uint_eq(d->shutdown_code, SHUTDOWN_watchdog);
}
END_TEST

START_TEST(hardware_domain_powers_off)
{
	hardware_domain = test_domain(0, 1);
	domain_shutdown(hardware_domain, SHUTDOWN_poweroff);
}
END_TEST

START_TEST(hardware_domain_reboots)
{
	hardware_domain = test_domain(0, 1);
	domain_shutdown(hardware_domain, _i ? SHUTDOWN_crash : SHUTDOWN_reboot);
}
END_TEST

START_TEST(hardware_domain_noreboot)
{
	opt_noreboot = true;
	hardware_domain = test_domain(0, 1);
	domain_shutdown(hardware_domain, SHUTDOWN_crash);
}
END_TEST

/* --- Lock checking ---------------------------------------------------------------------------- */

static unsigned int reports;
static bool expect_reports;

void dump_execution_state(void)
{
	ck_assert_msg(expect_reports, "%s", test_console);
	reports++;
}

START_TEST(lock_order)
{
	DEFINE_SPINLOCK(low, LOCK_RANK_DOMAIN);
	DEFINE_SPINLOCK(high, LOCK_RANK_EVENT);
	DEFINE_SPINLOCK(irq, LOCK_RANK_IRQ);
	spinlock_t none = { .cpu = -1 };

	expect_reports = true;
	spin_lock(&low);
	spin_lock(&high);
	ck_assert_uint_eq(lock_check_held(), 2);
	spin_unlock(&low); /* the order of giving back is free */
	spin_unlock(&high);
	ck_assert_uint_eq(reports, 0);

	spin_lock(&high);
	spin_lock(&low);
	ck_assert_uint_eq(reports, 1);
	ck_assert_ptr_nonnull(strstr(test_console, "out of order"));
	spin_unlock(&low);
	ck_assert(spin_trylock(&low)); /* cannot wait, so cannot deadlock */
	ck_assert_uint_eq(reports, 1);
	spin_unlock(&low);

	/* An interrupt handler's locks have nothing to do with those of what it interrupted. */
	lock_check_irq_enter();
	host_irq_flags = 0;
	spin_lock(&irq);
	spin_unlock(&irq);
	spin_lock(&low);
	spin_unlock(&low);
	host_irq_flags = 0x200;
	lock_check_irq_exit();
	spin_unlock(&high);
	ck_assert_uint_eq(reports, 2); /* low was held with interrupts on before */
	ck_assert_ptr_nonnull(strstr(test_console, "interrupt handlers"));
	spin_lock_irq(&irq);
	spin_unlock_irq(&irq);
	ck_assert_uint_eq(reports, 2);
	spin_lock(&irq); /* interrupts on */
	spin_unlock(&irq);
	ck_assert_uint_eq(reports, 3);
	spin_lock(&none);
	spin_unlock(&none);
	ck_assert_uint_eq(reports, 4);
	ck_assert_uint_eq(lock_check_held(), 0);
}
END_TEST

START_TEST(lock_twice)
{
	DEFINE_SPINLOCK(l, LOCK_RANK_LEAF);

	expect_reports = true;
	spin_lock(&l);
	spin_lock(&l);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("all");

	tcase_add_checked_fixture(t, start, NULL);
	tcase_set_timeout(t, 30);
	tcase_add_test(t, list_and_references);
	tcase_add_test(t, no_memory);
	tcase_add_test(t, no_leaks);
	tcase_add_test(t, pause_nesting);
	tcase_add_test(t, runstate);
	tcase_add_test(t, vcpu_ops);
	tcase_add_test(t, period_of_a_running_vcpu);
	tcase_add_test(t, vcpu_info);
	tcase_add_test(t, poll);
	tcase_add_test(t, shutdown);
	tcase_add_test(t, crash);
	tcase_add_test(t, watchdog);
	tcase_add_exit_test(t, hardware_domain_powers_off, 44);
	tcase_add_loop_exit_test(t, hardware_domain_reboots, 43, 0, 2);
	tcase_add_exit_test(t, hardware_domain_noreboot, 42);
	tcase_add_test(t, lock_order);
	tcase_add_test_raise_signal(t, lock_twice, 6);
	return run_suite("domain", t);
}
