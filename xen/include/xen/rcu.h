/*
 * Deferred freeing: call_rcu()'s function runs when every CPU has passed a quiescent point (gone
 * through do_softirq, idled, or run a guest) since. Readers need no lock but must not be preempted,
 * which the hypervisor never does.
 */
#ifndef XEN_RCU_H
#define XEN_RCU_H

#include <xen/types.h>

struct rcu_head {
	struct rcu_head *next;
	void (*func)(struct rcu_head *head);
};

void call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head));
/* This CPU holds no RCU-protected pointer now. Every grace period makes do_softirq() call it. */
void rcu_quiesce(void);
void rcu_init(void);

#endif
