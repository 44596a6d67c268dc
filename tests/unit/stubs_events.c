/* Host tests: see stubs_events.h. */
#include <xen/errno.h>
#include <xen/hypercall.h>
#include <xen/lib.h>
#include "harness.h"
#include "stubs_events.h"
#include "stubs_mm.h"

unsigned int host_kicks, host_unblocks, host_pirq_unmasks, host_pirq_moves, host_continuations;
unsigned long host_continuation_args[6];
struct vcpu *host_last_kick;
s_time_t host_now, host_timer_set;
int host_pirq_bind_result;
u32 host_pirq_port[64];
static struct rcu_head *rcu_waiting;

LIST_HEAD(domain_list);
struct domain *hardware_domain;
DEFINE_PER_CPU(unsigned long, softirq_pending);

void host_events_reset(void)
{
	harness_reset();
	host_mm_reset();
	host_kicks = host_unblocks = host_pirq_unmasks = host_pirq_moves = host_continuations = 0;
	host_last_kick = NULL;
	host_now = SECONDS(1);
	host_timer_set = 0;
	host_pirq_bind_result = 0;
	memset(host_pirq_port, 0, sizeof(host_pirq_port));
	memset(per_cpu__softirq_pending, 0, sizeof(per_cpu__softirq_pending));
	rcu_waiting = NULL;
	INIT_LIST_HEAD(&domain_list);
	hardware_domain = NULL;
}

s_time_t get_s_time(void)
{
	return host_now;
}

void set_timer(struct timer *t, s_time_t expires)
{
	host_timer_set = expires;
}

void migrate_timer(struct timer *t, unsigned int cpu)
{
}

struct domain *host_domain_create(domid_t id, unsigned int vcpus)
{
	struct domain *d = alloc_xenheap_pages(
		order_from_pages(DIV_ROUND_UP(sizeof(*d), PAGE_SIZE)), MEMF_zero);

	d->domain_id = id;
	d->max_vcpus = vcpus;
	d->refcnt = 1;
	d->nr_pirqs = ARRAY_SIZE(host_pirq_port);
	d->shared_info = alloc_xenheap_pages(0, MEMF_zero);
	d->vcpu = calloc(vcpus, sizeof(d->vcpu[0]));
	d->poll_mask = calloc(BITS_TO_LONGS(vcpus), sizeof(d->poll_mask[0]));
	for (unsigned int i = 0; i < vcpus; i++) {
		struct vcpu *v = calloc(1, sizeof(*v));

		v->vcpu_id = i;
		v->domain = d;
		v->poll_evtchn = -1;
		v->vcpu_info = i < XEN_LEGACY_MAX_VCPUS ? &d->shared_info->vcpu_info[i]
							: calloc(1, sizeof(vcpu_info_t));
		d->vcpu[i] = v;
	}
	list_add_tail(&d->list, &domain_list);
	if (!hardware_domain) {
		hardware_domain = d;
		d->is_privileged = true;
	}
	return d;
}

void host_domain_free(struct domain *d)
{
	list_del(&d->list);
	for (unsigned int i = 0; i < d->max_vcpus; i++) {
		if (i >= XEN_LEGACY_MAX_VCPUS)
			free(d->vcpu[i]->vcpu_info);
		free(d->vcpu[i]);
	}
	free(d->vcpu);
	free(d->poll_mask);
	free_xenheap_pages(d->shared_info, 0);
	free_xenheap_pages(d, order_from_pages(DIV_ROUND_UP(sizeof(*d), PAGE_SIZE)));
}

void host_run_as(struct vcpu *v)
{
	set_current(v);
}

__weak struct domain *rcu_lock_domain_by_any_id(domid_t id)
{
	struct domain *d;

	if (id == DOMID_SELF)
		return current->domain;
	for_each_domain(d)
		if (d->domain_id == id)
			return d;
	return NULL;
}

__weak bool get_domain(struct domain *d)
{
	d->refcnt++;
	return true;
}

__weak void domain_destroy(struct domain *d)
{
	panic("last reference of a domain dropped");
}

__weak void vcpu_kick(struct vcpu *v)
{
	host_kicks++;
	host_last_kick = v;
}

__weak void vcpu_unblock(struct vcpu *v)
{
	host_unblocks++;
	clear_bit(VPF_blocked, &v->pause_flags);
}

__weak void process_pending_softirqs(void)
{
}

__weak void call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head))
{
	head->func = func;
	head->next = rcu_waiting;
	rcu_waiting = head;
}

void host_rcu_run(void)
{
	struct rcu_head *head = rcu_waiting, *next;

	rcu_waiting = NULL;
	for (; head; head = next) {
		next = head->next;
		head->func(head);
	}
}

__weak long hypercall_continue(unsigned int op, unsigned int nr_args, const unsigned long args[6])
{
	memcpy(host_continuation_args, args, nr_args * sizeof(args[0]));
	host_continuations++;
	return -ERESTART;
}

/* These must find no lock held: the interrupt code has its own, outside ours. */
__weak int pirq_guest_bind(struct vcpu *v, unsigned int pirq, evtchn_port_t port, bool will_share)
{
	BUG_ON(host_locks_held);
	if (!host_pirq_bind_result)
		host_pirq_port[pirq] = port;
	return host_pirq_bind_result;
}

__weak void pirq_guest_unbind(struct domain *d, unsigned int pirq)
{
	BUG_ON(host_locks_held);
	host_pirq_port[pirq] = 0;
}

__weak void pirq_guest_unmask(struct domain *d, unsigned int pirq)
{
	BUG_ON(host_locks_held);
	host_pirq_unmasks++;
}

__weak void pirq_set_affinity(struct domain *d, unsigned int pirq, unsigned int cpu)
{
	BUG_ON(host_locks_held);
	host_pirq_moves++;
}
