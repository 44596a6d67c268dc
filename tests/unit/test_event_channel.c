/* sources: xen/common/event_channel.c xen/common/event_op.c xen/common/event_2l.c xen/common/event_fifo.c tests/unit/harness.c tests/unit/stubs_mm.c tests/unit/stubs_events.c */
/* Event channels: the hypercall's answers, both ABIs, teardown, and guests that mean harm. */
#include <check.h>
#include <xen/errno.h>
#include <xen/event.h>
#include <xen/softirq.h>
#include "../../xen/common/event_channel.h"
#include "harness.h"
#include "stubs_events.h"
#include "stubs_mm.h"
#include "suite.h"

static struct domain *dom0, *domu;

static void setup(void)
{
	host_events_reset();
	dom0 = host_domain_create(0, 2);
	domu = host_domain_create(1, 3);
	ck_assert_int_eq(evtchn_init(dom0, -1), 0);
	ck_assert_int_eq(evtchn_init(domu, 1023), 0);
	host_run_as(dom0->vcpu[0]);
}

static void kill_domain(struct domain *d)
{
	int rc;

	d->is_dying = DOMDYING_dying;
	for (int i = 0; (rc = evtchn_destroy(d)) == -ERESTART; i++) {
		ck_assert_int_lt(i, 10);
		host_rcu_run();
	}
	ck_assert_int_eq(rc, 0);
	ck_assert_uint_eq(host_pages_in_use(d), 0);
	evtchn_destroy_final(d);
}

static void teardown(void)
{
	ck_assert_uint_eq(host_locks_held, 0);
	ck_assert_uint_eq(host_irq_flags, 0x200);
	kill_domain(domu);
	kill_domain(dom0);
	ck_assert_int_eq(dom0->refcnt, 1);
	host_domain_free(domu);
	host_domain_free(dom0);
}

static long op(int cmd, void *arg)
{
	return do_event_channel_op(cmd, guest_handle_from_ptr(arg, void));
}

static struct vcpu *run(struct domain *d)
{
	host_run_as(d->vcpu[0]);
	return d->vcpu[0];
}

static evtchn_port_t unbound(domid_t dom, domid_t remote)
{
	struct evtchn_alloc_unbound a = { .dom = dom, .remote_dom = remote };

	ck_assert_int_eq(op(EVTCHNOP_alloc_unbound, &a), 0);
	return a.port;
}

static long connect(domid_t remote, evtchn_port_t port, evtchn_port_t *local)
{
	struct evtchn_bind_interdomain b = { .remote_dom = remote, .remote_port = port };
	long rc = op(EVTCHNOP_bind_interdomain, &b);

	if (local)
		*local = b.local_port;
	return rc;
}

static long send(evtchn_port_t port)
{
	return op(EVTCHNOP_send, &(struct evtchn_send){ port });
}

static long close_port(evtchn_port_t port)
{
	return op(EVTCHNOP_close, &(struct evtchn_close){ port });
}

static struct evtchn_status status(domid_t dom, evtchn_port_t port)
{
	struct evtchn_status s = { .dom = dom, .port = port };

	ck_assert_int_eq(op(EVTCHNOP_status, &s), 0);
	return s;
}

static long bind_virq(u32 virq, u32 vcpu, evtchn_port_t *port)
{
	struct evtchn_bind_virq b = { .virq = virq, .vcpu = vcpu };
	long rc = op(EVTCHNOP_bind_virq, &b);

	*port = b.port;
	return rc;
}

static evtchn_port_t bind_ipi(u32 vcpu)
{
	struct evtchn_bind_ipi b = { .vcpu = vcpu };

	ck_assert_int_eq(op(EVTCHNOP_bind_ipi, &b), 0);
	return b.port;
}

static bool pending(struct domain *d, evtchn_port_t port)
{
	bool bad, is = evtchn_port_pending(d, port, &bad);

	ck_assert(!bad);
	return is;
}

/* What a 2-level guest does with an upcall. */
static void handle_2l(struct domain *d, evtchn_port_t port)
{
	for (unsigned int i = 0; i < d->max_vcpus; i++) {
		d->vcpu[i]->vcpu_info->evtchn_upcall_pending = 0;
		d->vcpu[i]->vcpu_info->evtchn_pending_sel = 0;
	}
	clear_bit(port, d->shared_info->evtchn_pending);
}

/* --- Ports and bindings ----------------------------------------------------------------------- */

START_TEST(ports_are_handed_out_lowest_first)
{
	ck_assert_uint_eq(unbound(DOMID_SELF, 1), 1);
	ck_assert_uint_eq(unbound(DOMID_SELF, 1), 2);
	ck_assert_uint_eq(unbound(DOMID_SELF, 1), 3);
	ck_assert_int_eq(close_port(2), 0);
	ck_assert_uint_eq(bind_ipi(1), 2);
	ck_assert_uint_eq(bind_ipi(0), 4);
}
END_TEST

START_TEST(port_limit_is_the_toolstacks)
{
	struct evtchn_bind_ipi b = { .vcpu = 0 };

	run(domu);
	for (unsigned int i = 1; i <= 1023; i++)
		ck_assert_uint_eq(bind_ipi(0), i);
	ck_assert_int_eq(op(EVTCHNOP_bind_ipi, &b), -ENOSPC);
	ck_assert_int_eq(close_port(77), 0);
	ck_assert_uint_eq(bind_ipi(0), 77);
}
END_TEST

START_TEST(port_limit_is_the_abis)
{
	struct evtchn_bind_ipi b = { .vcpu = 0 };

	for (unsigned int i = 1; i < 4096; i++)
		ck_assert_uint_eq(bind_ipi(0), i);
	ck_assert_int_eq(op(EVTCHNOP_bind_ipi, &b), -ENOSPC);
}
END_TEST

START_TEST(no_memory_for_ports)
{
	struct evtchn_bind_ipi b = { .vcpu = 0 };

	for (unsigned int i = 1; i < EVTCHNS_PER_GROUP; i++)
		bind_ipi(0);
	host_xmalloc_budget = 0;
	ck_assert_int_eq(op(EVTCHNOP_bind_ipi, &b), -ENOMEM);
	host_xmalloc_budget = -1;
	ck_assert_uint_eq(bind_ipi(0), EVTCHNS_PER_GROUP);
}
END_TEST

START_TEST(interdomain_both_ways)
{
	evtchn_port_t p = unbound(DOMID_SELF, 1), q;
	struct evtchn_status s;

	ck_assert_int_eq(send(p), 0); /* nobody there: dropped */
	ck_assert(!pending(dom0, p));
	run(domu);
	ck_assert_int_eq(connect(0, p, &q), 0);
	ck_assert(pending(domu, q)); /* always once, for what was dropped */
	handle_2l(domu, q);
	host_kicks = 0;

	ck_assert_int_eq(send(q), 0);
	ck_assert(pending(dom0, p));
	ck_assert_uint_eq(dom0->vcpu[0]->vcpu_info->evtchn_upcall_pending, 1);
	ck_assert_uint_eq(dom0->vcpu[0]->vcpu_info->evtchn_pending_sel, 1);
	ck_assert_uint_eq(host_kicks, 1);
	ck_assert_ptr_eq(host_last_kick, dom0->vcpu[0]);
	ck_assert_int_eq(send(q), 0); /* still pending: no second notice */
	ck_assert_uint_eq(host_kicks, 1);

	run(dom0);
	ck_assert_int_eq(send(p), 0);
	ck_assert(pending(domu, q));
	s = status(1, q);
	ck_assert_uint_eq(s.status, EVTCHNSTAT_interdomain);
	ck_assert_uint_eq(s.u.interdomain.dom, 0);
	ck_assert_uint_eq(s.u.interdomain.port, p);
}
END_TEST

START_TEST(interdomain_refusals)
{
	evtchn_port_t p = unbound(DOMID_SELF, 1), q;

	ck_assert_int_eq(connect(0, p, NULL), -EINVAL); /* not for dom0 itself */
	ck_assert_int_eq(connect(77, p, NULL), -ESRCH);
	run(domu);
	ck_assert_int_eq(connect(0, p + 1, NULL), -EINVAL);
	ck_assert_int_eq(connect(0, 0, NULL), -EINVAL);
	ck_assert_int_eq(connect(0, 0xffffffff, NULL), -EINVAL);
	ck_assert_int_eq(connect(0, 128, NULL), -EINVAL);
	ck_assert_int_eq(connect(0, p, &q), 0);
	ck_assert_int_eq(connect(0, p, NULL), -EINVAL); /* taken */
	ck_assert_uint_eq(bind_ipi(0), q + 1);          /* refusals used no port */
}
END_TEST

START_TEST(loopback)
{
	evtchn_port_t p = unbound(DOMID_SELF, DOMID_SELF), q;

	ck_assert_int_eq(connect(DOMID_SELF, p, &q), 0);
	ck_assert_uint_ne(p, q);
	handle_2l(dom0, q);
	ck_assert_int_eq(send(q), 0);
	ck_assert(pending(dom0, p));
	ck_assert(!pending(dom0, q));
	ck_assert_int_eq(close_port(q), 0);
	ck_assert_uint_eq(status(DOMID_SELF, p).status, EVTCHNSTAT_unbound);
	ck_assert_uint_eq(status(DOMID_SELF, p).u.unbound.dom, 0);
	ck_assert_uint_eq(status(DOMID_SELF, q).status, EVTCHNSTAT_closed);
}
END_TEST

/* Sends the IPI so many times, each handled at once, a moment apart. Returns how many came at once. */
static unsigned int send_again_and_again(evtchn_port_t port, unsigned int times, s_time_t apart)
{
	unsigned int prompt = 0;

	while (times--) {
		ck_assert_int_eq(send(port), 0);
		prompt += pending(dom0, port);
		handle_2l(dom0, port);
		host_now += apart;
	}
	return prompt;
}

START_TEST(endless_ipis_to_self_let_the_guest_get_on)
{
	evtchn_port_t own = bind_ipi(0), second = bind_ipi(0), other = bind_ipi(1);
	struct vcpu *v = dom0->vcpu[0];

	ck_assert_uint_eq(send_again_and_again(own, 100, MILLISECS(101)), 100);
	ck_assert_uint_eq(send_again_and_again(other, 100, 0), 100);
	ck_assert_uint_eq(send_again_and_again(own, 100, MILLISECS(20)), 16);
	ck_assert_uint_eq(v->self_ipi_port, own);
	ck_assert_int_gt(host_timer_set, SECONDS(1));
	ck_assert_uint_eq(send_again_and_again(second, 1, 0), 1); /* only one is held */
	ck_assert_uint_eq(send_again_and_again(other, 1, 0), 1);
	/* It comes when the guest has got on; the next one is held again. */
	evtchn_guest_gets_on(v);
	ck_assert(pending(dom0, own));
	handle_2l(dom0, own);
	evtchn_guest_gets_on(v);
	ck_assert(!pending(dom0, own));
	ck_assert_uint_eq(send_again_and_again(own, 1, 0), 0);
	evtchn_send_held_ipi(v); /* the timer */
	ck_assert(pending(dom0, own));
	handle_2l(dom0, own);
	host_now += MILLISECS(101);
	ck_assert_uint_eq(send_again_and_again(own, 1, 0), 1);
	/* A port that is closed while its IPI is held gets nothing, nor does its next owner of another kind. */
	send_again_and_again(own, 20, 0);
	ck_assert_int_eq(close_port(own), 0);
	ck_assert_uint_eq(unbound(DOMID_SELF, DOMID_SELF), own);
	evtchn_guest_gets_on(v);
	ck_assert(!pending(dom0, own));
}
END_TEST

START_TEST(close_leaves_the_peer_unbound)
{
	evtchn_port_t p = unbound(DOMID_SELF, 1), q;

	run(domu);
	ck_assert_int_eq(connect(0, p, &q), 0);
	ck_assert_int_eq(close_port(q), 0);
	ck_assert_int_eq(close_port(q), -EINVAL);
	ck_assert_int_eq(send(q), -EINVAL);
	ck_assert(!pending(domu, q)); /* closing forgets the event */
	run(dom0);
	ck_assert_uint_eq(status(0, p).status, EVTCHNSTAT_unbound);
	ck_assert_uint_eq(status(0, p).u.unbound.dom, 1);
	ck_assert_int_eq(send(p), 0);
	run(domu);
	ck_assert_int_eq(connect(0, p, &q), 0); /* may come back */
	run(dom0);
	ck_assert_int_eq(close_port(p), 0); /* and the other way round: locks in the other order */
	ck_assert_uint_eq(status(1, q).status, EVTCHNSTAT_unbound);
}
END_TEST

START_TEST(only_control_domains_reach_others)
{
	struct evtchn_alloc_unbound a = { .dom = 1, .remote_dom = 0 };
	struct evtchn_status s = { .dom = 1, .port = 1 };
	struct evtchn_reset r = { .dom = 1 };

	ck_assert_int_eq(op(EVTCHNOP_alloc_unbound, &a), 0);
	ck_assert_int_eq(op(EVTCHNOP_status, &s), 0);
	ck_assert_int_eq(op(EVTCHNOP_reset, &r), -EINVAL); /* it is not paused */
	a.dom = s.dom = r.dom = 55;
	ck_assert_int_eq(op(EVTCHNOP_alloc_unbound, &a), -ESRCH);
	ck_assert_int_eq(op(EVTCHNOP_status, &s), -ESRCH);
	ck_assert_int_eq(op(EVTCHNOP_reset, &r), -ESRCH);
	run(domu);
	a.dom = s.dom = r.dom = 0;
	ck_assert_int_eq(op(EVTCHNOP_alloc_unbound, &a), -EPERM);
	ck_assert_int_eq(op(EVTCHNOP_status, &s), -EPERM);
	ck_assert_int_eq(op(EVTCHNOP_reset, &r), -EPERM);
	a.dom = s.dom = 1; /* its own number is itself */
	ck_assert_int_eq(op(EVTCHNOP_alloc_unbound, &a), 0);
	ck_assert_int_eq(op(EVTCHNOP_status, &s), 0);
}
END_TEST

START_TEST(bad_operations_and_pointers)
{
	struct evtchn_bind_ipi b = { .vcpu = 2 };
	struct evtchn_status s = { .dom = DOMID_SELF, .port = 128 };

	ck_assert_int_eq(op(15, &b), -ENOSYS);
	ck_assert_int_eq(op(-1, &b), -ENOSYS);
	ck_assert_int_eq(op(0x7fffffff, &b), -ENOSYS);
	for (int cmd = 0; cmd <= 14; cmd++)
		ck_assert_int_eq(op(cmd, NULL), -EFAULT);
	ck_assert_int_eq(op(EVTCHNOP_bind_ipi, &b), -ENOENT);
	ck_assert_int_eq(op(EVTCHNOP_status, &s), -EINVAL);
	s.port = 0;
	ck_assert_int_eq(op(EVTCHNOP_status, &s), 0);
	ck_assert_uint_eq(s.status, EVTCHNSTAT_closed);
	ck_assert_int_eq(send(0), -EINVAL);
	ck_assert_int_eq(send(0xffffffff), -EINVAL);
	ck_assert_int_eq(close_port(0), -EINVAL);
	ck_assert_int_eq(close_port(128), -EINVAL);
}
END_TEST

static void *read_only;
static bool writes_fail(const void *p, unsigned long n)
{
	static int calls;

	return p == read_only && calls++; /* the first access is the read */
}

START_TEST(result_cannot_be_told)
{
	struct evtchn_bind_ipi b = { .vcpu = 0 };

	read_only = &b;
	host_guest_fault = writes_fail;
	ck_assert_int_eq(op(EVTCHNOP_bind_ipi, &b), -EFAULT);
	ck_assert_uint_eq(status(DOMID_SELF, 1).status, EVTCHNSTAT_ipi);
}
END_TEST

START_TEST(compat_hypercall)
{
	struct evtchn_op o = { .cmd = EVTCHNOP_bind_ipi, .u.bind_ipi.vcpu = 1 };
	XEN_GUEST_HANDLE(evtchn_op_t) h = { &o };

	ck_assert_int_eq(do_event_channel_op_compat(h), 0);
	ck_assert_uint_eq(o.u.bind_ipi.port, 1);
	o.cmd = EVTCHNOP_reset;
	ck_assert_int_eq(do_event_channel_op_compat(h), -ENOSYS);
}
END_TEST

/* --- Virtual and machine interrupts ----------------------------------------------------------- */

START_TEST(virq_classes)
{
	evtchn_port_t p, q;

	ck_assert_int_eq(bind_virq(VIRQ_TIMER, 0, &p), 0);
	ck_assert_int_eq(bind_virq(VIRQ_TIMER, 1, &q), 0);
	ck_assert_int_eq(bind_virq(VIRQ_TIMER, 1, &q), -EEXIST);
	ck_assert_int_eq(bind_virq(VIRQ_TIMER, 2, &q), -ENOENT);
	ck_assert_int_eq(bind_virq(VIRQ_CONSOLE, 1, &q), -EINVAL);
	ck_assert_int_eq(bind_virq(VIRQ_CONSOLE, 0, &q), 0);
	ck_assert_int_eq(bind_virq(NR_VIRQS, 0, &q), -EINVAL);
	ck_assert_int_eq(bind_virq(0xffffffff, 0, &q), -EINVAL);
	run(domu);
	ck_assert_int_eq(bind_virq(VIRQ_TIMER, 2, &q), 0);
	ck_assert_int_eq(bind_virq(VIRQ_ARGO, 0, &q), 0);
}
END_TEST

/* Anybody may bind a global one; it goes to its handler, or else to dom0. */
START_TEST(virq_handlers)
{
	evtchn_port_t p, q;

	hardware_domain = dom0;
	ck_assert_int_eq(bind_virq(VIRQ_DOM_EXC, 0, &p), 0);
	run(domu);
	ck_assert_int_eq(bind_virq(VIRQ_DOM_EXC, 0, &q), 0);
	send_global_virq(VIRQ_DOM_EXC);
	ck_assert(pending(dom0, p));
	ck_assert(!pending(domu, q));
	evtchn_port_ops_2l.clear_pending(dom0, evtchn_of(dom0, p));

	ck_assert_int_eq(set_global_virq_handler(domu, NR_VIRQS), -EINVAL);
	ck_assert_int_eq(set_global_virq_handler(domu, VIRQ_TIMER), -EINVAL);
	ck_assert_int_eq(set_global_virq_handler(domu, VIRQ_DOM_EXC), 0);
	send_global_virq(VIRQ_DOM_EXC);
	ck_assert(!pending(dom0, p));
	ck_assert(pending(domu, q));
	send_global_virq(VIRQ_CON_RING); /* bound nowhere */

	/* dom0 takes it back by name, or when the handler dies. */
	ck_assert_int_eq(set_global_virq_handler(dom0, VIRQ_DOM_EXC), 0);
	send_global_virq(VIRQ_DOM_EXC);
	ck_assert(pending(dom0, p));
	evtchn_port_ops_2l.clear_pending(dom0, evtchn_of(dom0, p));
	ck_assert_int_eq(set_global_virq_handler(domu, VIRQ_DOM_EXC), 0);
	domu->is_dying = DOMDYING_dying;
	(void)!evtchn_destroy(domu);
	send_global_virq(VIRQ_DOM_EXC);
	ck_assert(pending(dom0, p));
	ck_assert_int_eq(set_global_virq_handler(domu, VIRQ_DOM_EXC), -EINVAL);
}
END_TEST

START_TEST(virq_delivery)
{
	evtchn_port_t timer, console;
	struct evtchn_bind_vcpu b = { .vcpu = 1 };

	send_guest_vcpu_virq(dom0->vcpu[1], VIRQ_TIMER); /* unbound: nothing */
	send_global_virq(VIRQ_CONSOLE);
	ck_assert_int_eq(bind_virq(VIRQ_TIMER, 1, &timer), 0);
	ck_assert_int_eq(bind_virq(VIRQ_CONSOLE, 0, &console), 0);
	ck_assert_uint_eq(host_kicks, 0);
	send_guest_vcpu_virq(dom0->vcpu[1], VIRQ_TIMER);
	ck_assert_ptr_eq(host_last_kick, dom0->vcpu[1]);
	ck_assert(pending(dom0, timer));
	send_global_virq(VIRQ_CONSOLE);
	ck_assert_ptr_eq(host_last_kick, dom0->vcpu[0]);
	handle_2l(dom0, console);

	b.port = timer; /* per-vCPU ones stay, global ones may move */
	ck_assert_int_eq(op(EVTCHNOP_bind_vcpu, &b), -EINVAL);
	b.port = console;
	ck_assert_int_eq(op(EVTCHNOP_bind_vcpu, &b), 0);
	send_global_virq(VIRQ_CONSOLE);
	ck_assert_ptr_eq(host_last_kick, dom0->vcpu[1]);
	ck_assert_int_eq(send(timer), -EINVAL); /* a guest cannot raise its own */

	ck_assert_int_eq(close_port(timer), 0);
	handle_2l(dom0, timer);
	host_kicks = 0;
	send_guest_vcpu_virq(dom0->vcpu[1], VIRQ_TIMER);
	ck_assert_uint_eq(host_kicks, 0);
	ck_assert_int_eq(bind_virq(VIRQ_TIMER, 1, &timer), 0);
}
END_TEST

START_TEST(bind_vcpu_rules)
{
	evtchn_port_t ipi = bind_ipi(1), p = unbound(DOMID_SELF, 1);
	struct evtchn_bind_vcpu b = { .port = ipi, .vcpu = 0 };

	ck_assert_int_eq(op(EVTCHNOP_bind_vcpu, &b), -EINVAL);
	b.port = p;
	b.vcpu = 1;
	ck_assert_int_eq(op(EVTCHNOP_bind_vcpu, &b), 0);
	ck_assert_uint_eq(status(DOMID_SELF, p).vcpu, 1);
	b.vcpu = 2;
	ck_assert_int_eq(op(EVTCHNOP_bind_vcpu, &b), -ENOENT);
	b.vcpu = 0;
	b.port = 99; /* free */
	ck_assert_int_eq(op(EVTCHNOP_bind_vcpu, &b), -EINVAL);
	b.port = 100000;
	ck_assert_int_eq(op(EVTCHNOP_bind_vcpu, &b), -EINVAL);
	ck_assert_int_eq(close_port(p), 0);
	ck_assert_uint_eq(unbound(DOMID_SELF, 1), p);
	ck_assert_uint_eq(status(DOMID_SELF, p).vcpu, 0); /* back to the default */
}
END_TEST

START_TEST(pirq_life)
{
	struct evtchn_bind_pirq b = { .pirq = 9, .flags = BIND_PIRQ__WILL_SHARE },
				bad = { .pirq = 64 };
	struct evtchn_bind_pirq c = { .pirq = 10 };
	struct evtchn_bind_vcpu m = { .vcpu = 1 };
	struct evtchn_unmask u;

	ck_assert_int_eq(op(EVTCHNOP_bind_pirq, &bad), -EINVAL);
	host_pirq_bind_result = -EBUSY;
	ck_assert_int_eq(op(EVTCHNOP_bind_pirq, &b), -EBUSY);
	host_pirq_bind_result = 0;
	ck_assert_int_eq(op(EVTCHNOP_bind_pirq, &b), 0);
	ck_assert_int_eq(op(EVTCHNOP_bind_pirq, &c), 0);
	ck_assert_uint_eq(b.port, 1); /* the failure gave its port back */
	ck_assert_uint_eq(host_pirq_port[9], b.port);
	ck_assert_uint_eq(status(DOMID_SELF, b.port).u.pirq, 9);
	send_guest_pirq(dom0, b.port);
	ck_assert(pending(dom0, b.port));
	u.port = b.port;
	ck_assert_int_eq(op(EVTCHNOP_unmask, &u), 0);
	ck_assert_uint_eq(host_pirq_unmasks, 1);

	m.port = b.port;
	ck_assert_int_eq(op(EVTCHNOP_bind_vcpu, &m), 0);
	ck_assert_uint_eq(host_pirq_moves, 1);
	evtchn_move_pirqs(dom0->vcpu[1]);
	ck_assert_uint_eq(host_pirq_moves, 2);
	evtchn_move_pirqs(dom0->vcpu[0]);
	ck_assert_uint_eq(host_pirq_moves, 3);
	ck_assert_int_eq(close_port(b.port), 0);
	ck_assert_uint_eq(host_pirq_port[9], 0);
	evtchn_move_pirqs(dom0->vcpu[1]);
	ck_assert_uint_eq(host_pirq_moves, 3);
	send_guest_pirq(dom0, 0);
	send_guest_pirq(dom0, 100000);
}
END_TEST

/* --- 2-level ABI ------------------------------------------------------------------------------ */

START_TEST(masked_events_wait_2l)
{
	evtchn_port_t p = 0;
	struct evtchn_unmask u;

	while (p < 70)
		p = bind_ipi(1);
	set_bit(p, dom0->shared_info->evtchn_mask);
	ck_assert_int_eq(send(p), 0);
	ck_assert(pending(dom0, p));
	ck_assert_uint_eq(host_kicks, 0);
	u.port = p;
	ck_assert_int_eq(op(EVTCHNOP_unmask, &u), 0);
	ck_assert_uint_eq(host_kicks, 1);
	ck_assert_uint_eq(dom0->vcpu[1]->vcpu_info->evtchn_pending_sel, 2);
	ck_assert(!test_bit(p, dom0->shared_info->evtchn_mask));
	ck_assert_int_eq(op(EVTCHNOP_unmask, &u), 0); /* was not masked: nothing */
	ck_assert_uint_eq(host_kicks, 1);
	u.port = 127;
	ck_assert_int_eq(op(EVTCHNOP_unmask, &u), -EINVAL);
	u.port = 128;
	ck_assert_int_eq(op(EVTCHNOP_unmask, &u), -EINVAL);
}
END_TEST

START_TEST(moved_vcpu_info_loses_nothing)
{
	static vcpu_info_t fresh;
	struct vcpu *v = dom0->vcpu[0];
	evtchn_port_t p = bind_ipi(0);

	ck_assert_int_eq(send(p), 0);
	memset(&fresh, 0, sizeof(fresh));
	v->vcpu_info = &fresh;
	evtchn_2l_vcpu_info_moved(v);
	ck_assert_uint_eq(fresh.evtchn_upcall_pending, 1);
	ck_assert_uint_eq(fresh.evtchn_pending_sel, ~0UL);
	ck_assert_uint_eq(host_kicks, 2);
}
END_TEST

START_TEST(blocked_and_polling_vcpus_wake)
{
	struct vcpu *v = dom0->vcpu[1];
	evtchn_port_t p = bind_ipi(0), q = bind_ipi(0), r = bind_ipi(1);

	set_bit(VPF_blocked, &v->pause_flags);
	ck_assert_int_eq(send(r), 0);
	ck_assert_uint_eq(host_unblocks, 1);

	/* Polls for p, which is masked and bound to another vCPU. */
	set_bit(VPF_blocked, &v->pause_flags);
	set_bit(p, dom0->shared_info->evtchn_mask);
	v->poll_evtchn = p;
	set_bit(1, dom0->poll_mask);
	ck_assert_int_eq(send(q), 0);
	ck_assert_uint_eq(host_unblocks, 1);
	ck_assert_int_eq(send(p), 0);
	ck_assert_uint_eq(host_unblocks, 2);
	ck_assert(!test_bit(1, dom0->poll_mask));

	v->poll_evtchn = 0; /* several ports: any wakes */
	set_bit(1, dom0->poll_mask);
	handle_2l(dom0, q);
	ck_assert_int_eq(send(q), 0);
	ck_assert_uint_eq(host_unblocks, 3);
}
END_TEST

START_TEST(polling_with_many_vcpus)
{
	struct domain *d = host_domain_create(2, 70);
	evtchn_port_t p;

	ck_assert_int_eq(evtchn_init(d, 1023), 0);
	run(d);
	p = bind_ipi(69);
	d->vcpu[68]->poll_evtchn = p;
	set_bit(68, d->poll_mask);
	ck_assert_int_eq(send(p), 0);
	ck_assert_uint_eq(host_unblocks, 1);
	kill_domain(d);
	host_domain_free(d);
}
END_TEST

/* --- FIFO ABI --------------------------------------------------------------------------------- */

struct fifo_guest {
	struct domain *d;
	struct evtchn_fifo_control_block *control[3];
	struct page_info *control_page[3], *array_page[4];
	u32 head[3][16];
};

static struct fifo_guest fifo;

static long init_control(struct domain *d, unsigned int vcpu)
{
	struct page_info *pg = host_domain_page(d);
	struct evtchn_init_control ic = {
		.control_gfn = mfn_x(page_to_mfn(pg)), .vcpu = vcpu, .offset = 8
	};
	long rc = op(EVTCHNOP_init_control, &ic);

	if (!rc) {
		ck_assert_uint_eq(ic.link_bits, 17);
		fifo.control_page[vcpu] = pg;
		fifo.control[vcpu] = page_to_virt(pg) + 8;
	}
	return rc;
}

static long expand(struct domain *d, unsigned int nr)
{
	struct page_info *pg = host_domain_page(d);
	struct evtchn_expand_array ea = { .array_gfn = mfn_x(page_to_mfn(pg)) };

	fifo.array_page[nr] = pg;
	return op(EVTCHNOP_expand_array, &ea);
}

static void fifo_guest(struct domain *d)
{
	memset(&fifo, 0, sizeof(fifo));
	fifo.d = d;
	run(d);
	for (unsigned int i = 0; i < d->max_vcpus; i++)
		ck_assert_int_eq(init_control(d, i), 0);
	ck_assert_int_eq(expand(d, 0), 0);
}

static event_word_t *word(evtchn_port_t port)
{
	return (event_word_t *)page_to_virt(fifo.array_page[port / 1024]) + port % 1024;
}

/* What a guest does with an upcall, as the interface describes it: the next event, or 0. */
static evtchn_port_t take(unsigned int vcpu)
{
	struct evtchn_fifo_control_block *c = fifo.control[vcpu];
	u32 ready = __atomic_load_n(&c->ready, __ATOMIC_SEQ_CST);

	fifo.d->vcpu[vcpu]->vcpu_info->evtchn_upcall_pending = 0;
	for (unsigned int prio = 0; prio < 16; prio++) {
		u32 *head = &fifo.head[vcpu][prio];
		evtchn_port_t port;

		if (!(ready & 1u << prio) && !*head)
			continue;
		if (!*head) {
			c->ready &= ~(1u << prio);
			*head = c->head[prio];
		}
		port = *head;
		*head = *word(port) & EVTCHN_FIFO_LINK_MASK;
		*word(port) &= ~(1u << EVTCHN_FIFO_LINKED | EVTCHN_FIFO_LINK_MASK);
		if (!(*word(port) & 1u << EVTCHN_FIFO_PENDING))
			return take(vcpu);
		*word(port) &= ~(1u << EVTCHN_FIFO_PENDING);
		return port;
	}
	return 0;
}

START_TEST(fifo_order)
{
	evtchn_port_t p[4];

	fifo_guest(dom0);
	for (int i = 0; i < 4; i++)
		p[i] = bind_ipi(0);
	send(p[2]);
	send(p[0]);
	send(p[3]);
	send(p[0]);
	ck_assert_uint_eq(host_kicks, 1);
	ck_assert_uint_eq(fifo.control[0]->ready, 1u << EVTCHN_FIFO_PRIORITY_DEFAULT);
	ck_assert_uint_eq(take(0), p[2]);
	ck_assert_uint_eq(take(0), p[0]);
	send(p[2]); /* behind the tail, which is still linked */
	ck_assert_uint_eq(take(0), p[3]);
	ck_assert_uint_eq(take(0), p[2]);
	ck_assert_uint_eq(take(0), 0);
	send(p[2]); /* it was the tail itself */
	ck_assert_uint_eq(take(0), p[2]);
	send(p[1]);
	ck_assert_uint_eq(take(0), p[1]);
	ck_assert_uint_eq(take(0), 0);
}
END_TEST

START_TEST(fifo_priorities)
{
	evtchn_port_t p, q;
	struct evtchn_set_priority s;

	fifo_guest(dom0);
	p = bind_ipi(0);
	q = bind_ipi(0);
	s = (struct evtchn_set_priority){ .port = q, .priority = 16 };
	ck_assert_int_eq(op(EVTCHNOP_set_priority, &s), -EINVAL);
	s.priority = 0;
	ck_assert_int_eq(op(EVTCHNOP_set_priority, &s), 0);
	s.port = 99999;
	ck_assert_int_eq(op(EVTCHNOP_set_priority, &s), -EINVAL);
	send(p);
	send(q);
	ck_assert_uint_eq(fifo.control[0]->ready, 1u << 7 | 1u);
	ck_assert_uint_eq(take(0), q);
	ck_assert_uint_eq(take(0), p);
}
END_TEST

START_TEST(fifo_masked)
{
	evtchn_port_t p;
	struct evtchn_unmask u;

	fifo_guest(dom0);
	u.port = p = bind_ipi(1);
	*word(p) |= 1u << EVTCHN_FIFO_MASKED;
	send(p);
	ck_assert_uint_eq(host_kicks, 0);
	ck_assert_uint_eq(take(1), 0);
	ck_assert_int_eq(op(EVTCHNOP_unmask, &u), 0);
	ck_assert_uint_eq(host_kicks, 1);
	ck_assert_uint_eq(take(1), p);
	ck_assert_int_eq(op(EVTCHNOP_unmask, &u), 0);
	ck_assert_uint_eq(take(1), 0);
}
END_TEST

START_TEST(fifo_moves_between_queues)
{
	evtchn_port_t p, q;
	struct evtchn_bind_vcpu b = { .vcpu = 1 };

	fifo_guest(dom0);
	p = unbound(DOMID_SELF, DOMID_SELF);
	q = bind_ipi(0);
	ck_assert_int_eq(connect(DOMID_SELF, p, &b.port), 0);
	ck_assert_uint_eq(take(0), b.port);
	send(q);
	send(p);                                         /* the tail of vCPU 0's queue */
	ck_assert_int_eq(op(EVTCHNOP_bind_vcpu, &b), 0); /* stays where it is linked */
	ck_assert_uint_eq(take(0), q);
	ck_assert_uint_eq(take(0), b.port);
	send(p); /* now in the other queue; the old one's tail is gone */
	send(q);
	ck_assert_uint_eq(take(0), q);
	ck_assert_uint_eq(take(0), 0);
	ck_assert_uint_eq(take(1), b.port);
	ck_assert_uint_eq(take(1), 0);
}
END_TEST

START_TEST(fifo_missing_page_saves_events)
{
	evtchn_port_t p = 0;

	fifo_guest(dom0);
	while (p < 1030)
		p = bind_ipi(1);
	send(p);
	ck_assert(pending(dom0, p));
	ck_assert_uint_eq(host_kicks, 0);
	ck_assert_int_eq(expand(dom0, 1), 0);
	ck_assert_uint_eq(host_kicks, 1);
	ck_assert_uint_eq(take(1), p);
	ck_assert_uint_eq(take(1), 0);
}
END_TEST

START_TEST(fifo_switch_keeps_ports)
{
	evtchn_port_t p = bind_ipi(0), q = bind_ipi(1), timer;

	ck_assert_int_eq(bind_virq(VIRQ_TIMER, 1, &timer), 0);
	send(p);
	fifo_guest(dom0);
	ck_assert_uint_eq(take(0), p); /* was pending before */
	ck_assert_uint_eq(take(0), 0);
	send(q);
	send_guest_vcpu_virq(dom0->vcpu[1], VIRQ_TIMER);
	ck_assert_uint_eq(take(1), q);
	ck_assert_uint_eq(take(1), timer);
}
END_TEST

START_TEST(fifo_more_ports_than_2l)
{
	evtchn_port_t p = 0;

	fifo_guest(dom0);
	while (p < 5000)
		p = bind_ipi(0);
	ck_assert_int_eq(expand(dom0, 1), 0);
	ck_assert_int_eq(send(p), 0);
	ck_assert(pending(dom0, p));
}
END_TEST

START_TEST(fifo_bad_calls)
{
	struct page_info *theirs = host_domain_page(domu), *typed = host_domain_page(dom0);
	struct page_info *good = host_domain_page(dom0);
	struct evtchn_init_control ic = { .control_gfn = mfn_x(page_to_mfn(theirs)) };
	struct evtchn_expand_array ea = { .array_gfn = mfn_x(page_to_mfn(good)) };
	struct evtchn_set_priority s = { .port = 1, .priority = 1 };

	ck_assert_int_eq(op(EVTCHNOP_expand_array, &ea), -EOPNOTSUPP);
	ck_assert_int_eq(op(EVTCHNOP_set_priority, &s), -ENOSYS);
	ck_assert_int_eq(op(EVTCHNOP_init_control, &ic), -EINVAL); /* another domain's page */
	ic.control_gfn = ~0UL;
	ck_assert_int_eq(op(EVTCHNOP_init_control, &ic), -EINVAL);
	ck_assert_int_eq(get_page_type(typed, PGT_l1), 0);
	ic.control_gfn = mfn_x(page_to_mfn(typed));
	ck_assert_int_eq(op(EVTCHNOP_init_control, &ic), -EINVAL); /* a page table */
	ic.control_gfn = mfn_x(page_to_mfn(good));
	ic.offset = 4;
	ck_assert_int_eq(op(EVTCHNOP_init_control, &ic), -EINVAL);
	ic.offset = 4096 - 64; /* the block is longer */
	ck_assert_int_eq(op(EVTCHNOP_init_control, &ic), -EINVAL);
	ic.offset = 0xfffffff8;
	ck_assert_int_eq(op(EVTCHNOP_init_control, &ic), -EINVAL);
	ic.offset = 4096 - 72;
	ic.vcpu = 2;
	ck_assert_int_eq(op(EVTCHNOP_init_control, &ic), -ENOENT);
	ic.vcpu = 0;
	host_xmalloc_budget = 1;
	ck_assert_int_eq(op(EVTCHNOP_init_control, &ic), -ENOMEM);
	host_xmalloc_budget = -1;
	ck_assert_ptr_null(dom0->evtchn_fifo);
	ck_assert_int_eq(op(EVTCHNOP_init_control, &ic), 0);
	ck_assert_int_eq(op(EVTCHNOP_init_control, &ic), -EINVAL); /* once only */
	ea.array_gfn = mfn_x(page_to_mfn(typed));
	ck_assert_int_eq(op(EVTCHNOP_expand_array, &ea), -EINVAL);
	ck_assert_uint_eq(typed->type_info & PGT_count_mask, 1);
	put_page_type(typed);
	ea.array_gfn =
		mfn_x(page_to_mfn(good)); /* the same page again and again: its own trouble */
	for (unsigned int i = 0; i < 128; i++)
		ck_assert_int_eq(op(EVTCHNOP_expand_array, &ea), 0);
	ck_assert_int_eq(op(EVTCHNOP_expand_array, &ea), -ENOSPC);
	for (evtchn_port_t p = 1; p < 2100; p++)
		ck_assert_int_eq(send(bind_ipi(p % 2)), 0);
}
END_TEST

/* Nothing that a guest writes into its pages may lead us astray: bounds and types hold under ASan. */
START_TEST(fifo_hostile_memory)
{
	evtchn_port_t ports[40];
	struct evtchn_bind_vcpu b;
	struct evtchn_set_priority s;
	unsigned int seed = 12345 + _i;

	fifo_guest(dom0);
	for (unsigned int i = 0; i < ARRAY_SIZE(ports); i++)
		ports[i] = unbound(DOMID_SELF, DOMID_SELF);
	for (unsigned int i = 0; i < ARRAY_SIZE(ports); i += 2) {
		close_port(ports[i]);
		ck_assert_int_eq(connect(DOMID_SELF, ports[i + 1], &ports[i]), 0);
	}
	for (unsigned int i = 0; i < 20000; i++) {
		evtchn_port_t p = ports[rand_r(&seed) % ARRAY_SIZE(ports)];

		switch (rand_r(&seed) % 8) {
		case 0:
			*word(p) = (u32)rand_r(&seed) << 16 ^ rand_r(&seed);
			break;
		case 1:
			fifo.control[p % 2]->head[rand_r(&seed) % 16] = rand_r(&seed);
			fifo.control[p % 2]->ready = rand_r(&seed);
			break;
		case 2:
			b = (struct evtchn_bind_vcpu){ .port = p, .vcpu = rand_r(&seed) % 2 };
			ck_assert_int_eq(op(EVTCHNOP_bind_vcpu, &b), 0);
			break;
		case 3:
			s = (struct evtchn_set_priority){ .port = p,
				.priority = rand_r(&seed) % 16 };
			ck_assert_int_eq(op(EVTCHNOP_set_priority, &s), 0);
			break;
		case 4:
			op(EVTCHNOP_unmask, &(struct evtchn_unmask){ p });
			break;
		default:
			ck_assert_int_eq(send(p), 0);
		}
		ck_assert_uint_eq(host_locks_held, 0);
		ck_assert_uint_eq(host_irq_flags, 0x200);
	}
}
END_TEST

START_TEST(fifo_self_link_recovers)
{
	evtchn_port_t p, q;

	fifo_guest(dom0);
	p = bind_ipi(0);
	q = bind_ipi(0);
	send(p);
	*word(p) = 0; /* taken out without looking at the queue */
	send(p);      /* is our tail: must not be linked to itself */
	ck_assert_uint_eq(*word(p) & EVTCHN_FIFO_LINK_MASK, 0);
	send(q);
	ck_assert_uint_eq(*word(p) & EVTCHN_FIFO_LINK_MASK, q);
}
END_TEST

START_TEST(closed_linked_port_is_reused)
{
	evtchn_port_t p, q;

	fifo_guest(dom0);
	p = bind_ipi(0);
	q = bind_ipi(0);
	send(p);
	ck_assert_int_eq(close_port(p), 0); /* linked, no longer pending */
	ck_assert_uint_eq(bind_ipi(1), p);
	send(q);
	ck_assert_uint_eq(take(0), q); /* p was skipped and is free to link again */
	send(p);
	ck_assert_uint_eq(take(1), p);
}
END_TEST

/* --- Reset and teardown ----------------------------------------------------------------------- */

START_TEST(reset_closes_all)
{
	evtchn_port_t p = unbound(DOMID_SELF, 1), q, timer;
	struct evtchn_reset r = { .dom = DOMID_SELF };
	struct evtchn_expand_array ea = { 1 };

	ck_assert_int_eq(bind_virq(VIRQ_TIMER, 0, &timer), 0);
	run(domu);
	ck_assert_int_eq(connect(0, p, &q), 0);
	fifo_guest(dom0);
	ck_assert_uint_eq(host_pages_in_use(dom0), 3);
	ck_assert_int_eq(op(EVTCHNOP_reset, &r), 0);
	ck_assert_ptr_null(dom0->evtchn_fifo);
	ck_assert_uint_eq(host_pages_in_use(dom0), 3); /* a sender may still be at it */
	host_rcu_run();
	ck_assert_uint_eq(host_pages_in_use(dom0), 0);
	ck_assert_int_eq(dom0->refcnt, 1);
	ck_assert_uint_eq(status(DOMID_SELF, p).status, EVTCHNSTAT_closed);
	ck_assert_uint_eq(status(1, q).status, EVTCHNSTAT_unbound);
	ck_assert_int_eq(op(EVTCHNOP_expand_array, &ea), -EOPNOTSUPP);
	ck_assert_uint_eq(bind_ipi(0), 1);
	ck_assert_int_eq(send(1), 0);
	ck_assert(test_bit(1, dom0->shared_info->evtchn_pending)); /* 2-level again */
	ck_assert_int_eq(bind_virq(VIRQ_TIMER, 0, &timer), 0);
}
END_TEST

/* A port bound while another vCPU resets the domain survives, perhaps beyond the 2-level bitmaps. */
START_TEST(port_beyond_the_bitmaps)
{
	evtchn_port_t p = 0;
	struct evtchn_unmask u;
	bool bad;

	fifo_guest(dom0);
	while (p < 5000)
		p = bind_ipi(0);
	evtchn_fifo_reset(dom0);
	host_rcu_run();
	ck_assert_int_eq(send(p), 0);
	u.port = p;
	ck_assert_int_eq(op(EVTCHNOP_unmask, &u), 0);
	ck_assert(!evtchn_port_pending(dom0, p, &bad));
	for (unsigned int i = 0; i < 64; i++)
		ck_assert_uint_eq(dom0->shared_info->evtchn_mask[i], 0);
	ck_assert_int_eq(close_port(p), 0);
}
END_TEST

START_TEST(reset_is_preempted)
{
	struct evtchn_reset r = { .dom = 1 };
	unsigned int rounds = 0;

	run(domu);
	for (unsigned int i = 1; i < 400; i++)
		bind_ipi(0);
	run(dom0);
	domu->controller_pause_count = 1;
	per_cpu(softirq_pending, 0) = 1;
	ck_assert_int_eq(op(EVTCHNOP_reset, &r), -ERESTART);
	ck_assert_uint_eq(host_continuations, 1);
	ck_assert_uint_eq(host_continuation_args[0], EVTCHNOP_reset_cont);
	ck_assert_uint_eq(host_continuation_args[1], (unsigned long)&r);
	ck_assert_uint_eq(status(1, 1).status, EVTCHNSTAT_closed);
	ck_assert_uint_eq(status(1, 399).status, EVTCHNSTAT_ipi);
	while (op(EVTCHNOP_reset_cont, &r) == -ERESTART)
		ck_assert_uint_lt(++rounds, 10);
	ck_assert_uint_ge(rounds, 4);
	ck_assert_uint_eq(status(1, 399).status, EVTCHNSTAT_closed);
	per_cpu(softirq_pending, 0) = 0;
	ck_assert_int_eq(op(EVTCHNOP_reset_cont, &r), 0); /* out of the blue: a reset */
}
END_TEST

START_TEST(death_waits_for_senders)
{
	evtchn_port_t p = unbound(DOMID_SELF, 1), q;
	struct evtchn_bind_ipi b = { 0 };

	fifo_guest(domu);
	ck_assert_int_eq(connect(0, p, &q), 0);
	domu->is_dying = DOMDYING_dying;
	ck_assert_int_eq(op(EVTCHNOP_bind_ipi, &b), -EINVAL);
	ck_assert_int_eq(evtchn_destroy(domu), -ERESTART);
	ck_assert_int_eq(evtchn_destroy(domu), -ERESTART);
	ck_assert_uint_eq(host_pages_in_use(domu), 4);
	run(dom0);
	ck_assert_uint_eq(status(0, p).status, EVTCHNSTAT_unbound);
	ck_assert_int_eq(send(p), 0);
	host_rcu_run();
	ck_assert_int_eq(evtchn_destroy(domu), 0);
	ck_assert_uint_eq(host_pages_in_use(domu), 0);
	ck_assert_int_eq(evtchn_destroy(domu), 0);
	evtchn_destroy_final(domu);
	ck_assert_int_eq(connect(1, 1, NULL), -EINVAL); /* nothing left to bind to */
}
END_TEST

START_TEST(init_without_memory)
{
	struct domain *d = host_domain_create(5, 1);

	for (int budget = 0; budget < 2; budget++) {
		host_xmalloc_budget = budget;
		ck_assert_int_eq(evtchn_init(d, -1), -ENOMEM);
	}
	host_xmalloc_budget = -1;
	host_domain_free(d);
}
END_TEST

START_TEST(dump_names_every_open_port)
{
	evtchn_port_t p = unbound(DOMID_SELF, 1), q;

	run(domu);
	ck_assert_int_eq(connect(0, p, &q), 0);
	fifo_guest(domu);
	dump_evtchn_info('e');
	ck_assert_ptr_nonnull(strstr(host_console, "domain 0, 2-level"));
	ck_assert_ptr_nonnull(strstr(host_console, "domain 1, FIFO"));
	ck_assert_ptr_nonnull(strstr(host_console, "interdomain with d1 port 1"));
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("all");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, ports_are_handed_out_lowest_first);
	tcase_add_test(t, port_limit_is_the_toolstacks);
	tcase_add_test(t, port_limit_is_the_abis);
	tcase_add_test(t, no_memory_for_ports);
	tcase_add_test(t, interdomain_both_ways);
	tcase_add_test(t, interdomain_refusals);
	tcase_add_test(t, loopback);
	tcase_add_test(t, endless_ipis_to_self_let_the_guest_get_on);
	tcase_add_test(t, close_leaves_the_peer_unbound);
	tcase_add_test(t, only_control_domains_reach_others);
	tcase_add_test(t, bad_operations_and_pointers);
	tcase_add_test(t, result_cannot_be_told);
	tcase_add_test(t, compat_hypercall);
	tcase_add_test(t, virq_classes);
	tcase_add_test(t, virq_handlers);
	tcase_add_test(t, virq_delivery);
	tcase_add_test(t, bind_vcpu_rules);
	tcase_add_test(t, pirq_life);
	tcase_add_test(t, masked_events_wait_2l);
	tcase_add_test(t, moved_vcpu_info_loses_nothing);
	tcase_add_test(t, blocked_and_polling_vcpus_wake);
	tcase_add_test(t, polling_with_many_vcpus);
	tcase_add_test(t, fifo_order);
	tcase_add_test(t, fifo_priorities);
	tcase_add_test(t, fifo_masked);
	tcase_add_test(t, fifo_moves_between_queues);
	tcase_add_test(t, fifo_missing_page_saves_events);
	tcase_add_test(t, fifo_switch_keeps_ports);
	tcase_add_test(t, fifo_more_ports_than_2l);
	tcase_add_test(t, fifo_bad_calls);
	tcase_add_loop_test(t, fifo_hostile_memory, 0, 8);
	tcase_add_test(t, fifo_self_link_recovers);
	tcase_add_test(t, closed_linked_port_is_reused);
	tcase_add_test(t, reset_closes_all);
	tcase_add_test(t, port_beyond_the_bitmaps);
	tcase_add_test(t, reset_is_preempted);
	tcase_add_test(t, death_waits_for_senders);
	tcase_add_test(t, init_without_memory);
	tcase_add_test(t, dump_names_every_open_port);
	return run_suite("event channels", t);
}
