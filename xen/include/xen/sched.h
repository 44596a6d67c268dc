/* Domains and their vCPUs, and the scheduling of vCPUs. */
#ifndef XEN_SCHED_H
#define XEN_SCHED_H

#include <xen/types.h>
#include <public/xen.h>
#include <public/sched.h>
#include <public/vcpu.h>
#include <public/grant_table.h>
#include <xen/cpumask.h>
#include <xen/event.h>
#include <xen/hypercall.h>
#include <xen/list.h>
#include <xen/mm.h>
#include <xen/percpu.h>
#include <xen/rangeset.h>
#include <xen/rcu.h>
#include <xen/spinlock.h>
#include <xen/timer.h>
#include <asm/domain.h>

#define MAX_VIRT_CPUS 8192 /* what a guest may be told at most; a domain's limit is d->max_vcpus */
#define DOMID_FIRST_SYSTEM DOMID_FIRST_RESERVED

/* The public headers name these for guests only. */
typedef struct vcpu_info vcpu_info_t;
typedef struct shared_info shared_info_t;

struct grant_table;
struct pirq_map;

/* Why a vCPU may not run: bits of v->pause_flags (atomic). It runs only when all are clear and pause_count is 0. */
enum vcpu_pause_flag {
	VPF_blocked,   /* SCHEDOP_block, poll: waits for an event */
	VPF_down,      /* not brought up yet, or VCPUOP_down */
	VPF_migrating, /* changes to another CPU */
};

enum domain_dying { DOMDYING_alive, DOMDYING_dying, DOMDYING_dead };

struct vcpu {
	int vcpu_id;
	unsigned int processor; /* CPU it runs on, or ran on last */
	struct domain *domain;
	vcpu_info_t *vcpu_info; /* the guest's copy, always valid: a page of ours until registered */
	mfn_t vcpu_info_mfn;    /* page with a reference held, or INVALID_MFN */
	vcpu_info_t *vcpu_info_own; /* ours, for vCPUs without a place in the shared_info; or NULL */
	struct list_head sched_link; /* schedulers' run queue */
	void *sched_priv;
	bool is_running;        /* its registers are on a CPU now */
	bool is_initialised;
	bool defer_shutdown, paused_for_shutdown;
	unsigned long pause_flags; /* enum vcpu_pause_flag */
	int pause_count;           /* nested vcpu_pause(), atomic */
	int poll_evtchn;           /* SCHEDOP_poll: port; 0 = several, -1 = none. v's alone */

	struct vcpu_runstate_info runstate;
	XEN_GUEST_HANDLE(vcpu_runstate_info_t) runstate_guest; /* virtual address; may be null */
	evtchn_port_t virq_to_evtchn[NR_VIRQS];
	struct evtchn_fifo_vcpu *evtchn_fifo;
	evtchn_port_t pirq_ports; /* first of its ports bound to machine interrupts; 0 = none */

	s_time_t periodic_period, periodic_last_event;
	struct timer periodic_timer, singleshot_timer, poll_timer;

	/* IPIs to itself in close succession: see event_channel.c. */
	s_time_t self_ipi_last;
	unsigned int self_ipi_run;
	evtchn_port_t self_ipi_port; /* held back until self_ipi_timer; 0 = none */
	struct timer self_ipi_timer;

	cpumask_t cpu_hard_affinity, cpu_soft_affinity;
	cpumask_t cpu_hard_affinity_saved; /* what pin_override replaced */
	bool affinity_overridden;
	cpumask_t vcpu_dirty_cpumask; /* CPUs whose TLB may hold its mappings */
	unsigned int dirty_cpu;       /* CPU still holding its registers lazily; NR_CPUS = none */

	struct mc_state mc_state; /* only touched by the vCPU itself */

	struct arch_vcpu arch;
};

/* The guest gets on: an IPI that waits for this comes now. Only v itself. */
static always_inline void evtchn_guest_gets_on(struct vcpu *v)
{
	if (unlikely(READ_ONCE(v->self_ipi_port)))
		evtchn_send_held_ipi(v);
}

struct domain {
	domid_t domain_id;
	bool is_privileged; /* may use the control interface */
	enum domain_dying is_dying;
	unsigned int max_vcpus;
	struct vcpu **vcpu; /* [max_vcpus]; entries appear in order and stay until destruction */
	shared_info_t *shared_info; /* a frame of ours that the guest maps */

	spinlock_t domain_lock; /* creation of vCPUs, dying state */
	int refcnt;             /* atomic; last put frees after a grace period */
	struct rcu_head rcu;
	struct list_head list;  /* all domains, ordered by id */

	spinlock_t page_alloc_lock; /* everything down to the next blank line */
	struct page_list page_list, xenpage_list;
	unsigned int tot_pages, max_pages, xenheap_pages, outstanding_pages;

	/* Event channels: event_channel.c. */
	spinlock_t event_lock;
	struct evtchn **evtchn_groups; /* port / EVTCHNS_PER_GROUP; see event.h */
	unsigned int valid_evtchns;    /* ports allocated so far */
	unsigned int max_evtchn_port;  /* the limit the toolstack set */
	const struct evtchn_port_ops *evtchn_port_ops; /* 2-level or FIFO */
	struct evtchn_fifo_domain *evtchn_fifo;
	/* Bit per vCPU that waits in SCHEDOP_poll; one that another event woke stays until it next waits. */
	unsigned long *poll_mask;
	unsigned int evtchn_free_hint; /* no port below is free */
	/* Where an interrupted closing of all ports goes on. A reset may be under way when the domain is
	 * killed: the end has a cursor of its own, and leaves no port out. */
	unsigned int evtchn_reset_cursor, evtchn_teardown_cursor;
	u8 evtchn_teardown;            /* steps of evtchn_destroy() */
	struct rcu_head evtchn_rcu;

	struct grant_table *grant_table;

	struct rangeset *iomem_caps; /* machine frames it may map although it does not own them */
	struct rangeset *irq_caps;   /* machine IRQs it may bind */

	spinlock_t pirq_lock;
	struct pirq_map *pirq_map; /* the guest's pirqs: irq */
	unsigned int nr_pirqs;

	int pause_count;            /* nested domain_pause(), the controller's included; atomic */
	int controller_pause_count; /* XEN_DOMCTL_pausedomain; domain_lock */
	bool creation_finished;
	bool is_shutting_down, is_shut_down;
	unsigned int shutdown_code; /* SHUTDOWN_*, or SHUTDOWN_CODE_INVALID */
	spinlock_t shutdown_lock;

	unsigned long vm_assist; /* VMASST_TYPE_* bits */
	xen_domain_handle_t handle; /* UUID */
	u32 ssidref;                /* the toolstack's label, kept for it */
	bool is_xenstore;           /* runs xenstored: may follow the other domains' lives */
	bool debugger_attached;
	u8 max_grant_version;
	u64 node_affinity;          /* NUMA nodes its memory should come from; bit per node */
	evtchn_port_t suspend_evtchn; /* rung when it has suspended, instead of VIRQ_DOM_EXC; 0 = none */
	s64 time_offset_seconds;
	void *sched_priv;
	const struct scheduler *sched;
	cpumask_t dirty_cpumask; /* CPUs whose TLB may hold this domain's mappings */
	struct timer watchdog_timer[2];
	u32 watchdog_inuse;

	struct arch_domain arch;
};

extern struct domain *dom_xen; /* owner of the hypervisor's own shared frames */
extern struct domain *dom_io;  /* owner of frames that are no RAM */
extern struct domain *hardware_domain; /* dom0, once created */
extern struct domain *idle_domain;
DECLARE_PER_CPU(struct vcpu *, idle_vcpu);
extern struct list_head domain_list;
extern spinlock_t domlist_lock;

#define is_idle_domain(d)     ((d)->domain_id == DOMID_IDLE)
#define is_idle_vcpu(v)       is_idle_domain((v)->domain)
#define is_hardware_domain(d) ((d) == hardware_domain)
#define is_control_domain(d)  ((d)->is_privileged)
#define is_pv_domain(d)       true /* hardware guests will have their own kind */
#define for_each_vcpu(d, v)                                                                        \
	for (unsigned int fev_i = 0; fev_i < (d)->max_vcpus; fev_i++)                              \
		if (((v) = (d)->vcpu[fev_i]) != NULL)
/* Needs domlist_lock or an RCU-safe context (any hypercall). */
#define for_each_domain(d) list_for_each_entry(d, &domain_list, list)

/* --- common/domain.c -------------------------------------------------------------------------- */

struct domain_config {
	unsigned int max_vcpus, max_evtchn_port, max_grant_frames, max_maptrack_frames;
	unsigned int max_grant_version; /* 0: any */
	bool privileged, xenstore, relaxed_msrs;
	u32 ssidref;
	xen_domain_handle_t handle;
};
#define SHUTDOWN_CODE_INVALID ~0u
/*
 * A new domain, paused (controller_pause_count 1), without vCPUs or memory. *out on success.
 * Identifiers from DOMID_FIRST_SYSTEM on make the hypervisor's own domains: `cfg` is NULL, they are
 * not on the list of domains, and arch_domain_create() sees the NULL too. -EEXIST, -ENOMEM.
 */
int domain_create(domid_t id, const struct domain_config *cfg, struct domain **out);
/* Boot: dom_io and dom_xen. Panics when out of memory. */
void setup_system_domains(void);
/* A new vCPU of `d`, down, to run on `cpu` first. NULL: no memory. The caller serialises. */
struct vcpu *vcpu_create(struct domain *d, unsigned int id, unsigned int cpu);
/* Find a domain and take a reference (put_domain()); NULL when there is none. */
struct domain *get_domain_by_id(domid_t id);
/* Find by id without a reference: valid until this CPU leaves the hypercall. DOMID_SELF allowed. */
struct domain *rcu_lock_domain_by_any_id(domid_t id);
/* The same by a real identifier only. */
struct domain *rcu_lock_domain_by_id(domid_t id);
static inline void rcu_unlock_domain(struct domain *d) { (void)d; }
static always_inline void get_knownalive_domain(struct domain *d)
{
	__atomic_fetch_add(&d->refcnt, 1, __ATOMIC_RELAXED);
}
bool get_domain(struct domain *d); /* false when it is being destroyed */
void domain_destroy(struct domain *d); /* last reference gone */
static always_inline void put_domain(struct domain *d)
{
	if (__atomic_sub_fetch(&d->refcnt, 1, __ATOMIC_ACQ_REL) == 0)
		domain_destroy(d);
}
/* Release everything of a domain; -ERESTART while there is more to do. */
int domain_kill(struct domain *d);
/* The guest asked for it (SCHEDOP_shutdown): reason is SHUTDOWN_*. For dom0 the machine follows. */
void domain_shutdown(struct domain *d, unsigned int reason);
void domain_resume(struct domain *d);
/* The guest did what it may not: shut it down with SHUTDOWN_crash and say where and why. */
void domain_crash_(struct domain *d, const char *why, ...) __printf(2, 3);
#define domain_crash(d, ...) domain_crash_(d, __VA_ARGS__)
/* Ring `port` instead of raising VIRQ_DOM_EXC when the domain suspends. -EINVAL: not that kind of port. */
int domain_set_suspend_port(struct domain *d, evtchn_port_t port);
/* Seconds between the domain's wall clock and UTC. */
void domain_set_time_offset(struct domain *d, s64 seconds);
void domain_pause(struct domain *d);        /* waits until none of its vCPUs runs */
void domain_pause_nosync(struct domain *d);
void domain_unpause(struct domain *d);
/* Of XEN_DOMCTL_(un)pausedomain. -EINVAL: not paused that way; -EBUSY: too deep. */
int domain_pause_by_systemcontroller(struct domain *d);
int domain_unpause_by_systemcontroller(struct domain *d);
void vcpu_pause(struct vcpu *v);
void vcpu_pause_nosync(struct vcpu *v);
void vcpu_unpause(struct vcpu *v);
/* Point v->vcpu_info at a guest's frame (VCPUOP_register_vcpu_info), keeping its contents. -EINVAL. */
int map_vcpu_info(struct vcpu *v, unsigned long gfn, unsigned int offset);
void unmap_vcpu_info(struct vcpu *v);
long do_vcpu_op(unsigned int cmd, unsigned int vcpuid, XEN_GUEST_HANDLE_PARAM(void) arg);
long do_vm_assist(unsigned int cmd, unsigned int type);
/* The VMASST_TYPE_* that we provide. */
#define VM_ASSIST_VALID                                                                            \
	(BIT(VMASST_TYPE_4gb_segments) | BIT(VMASST_TYPE_4gb_segments_notify) |                    \
		BIT(VMASST_TYPE_writable_pagetables) | BIT(VMASST_TYPE_pae_extended_cr3) |         \
		BIT(VMASST_TYPE_architectural_iopl) | BIT(VMASST_TYPE_runstate_update_flag) |      \
		BIT(VMASST_TYPE_m2p_strict))
/* Copy v->runstate to where the guest asked. Only for the current vCPU. */
void update_runstate_area(struct vcpu *v);
void vcpu_runstate_get(struct vcpu *v, struct vcpu_runstate_info *rs);
static inline struct vcpu *domain_vcpu(const struct domain *d, unsigned int id)
{
	return id < d->max_vcpus ? READ_ONCE(d->vcpu[id]) : NULL;
}

/* --- common/sched/ ----------------------------------------------------------------------------- */

void scheduler_init(void);             /* boot, on CPU 0: picks sched= */
int scheduler_cpu_up(unsigned int cpu); /* prepares a CPU's queue and idle vCPU */
int sched_init_vcpu(struct vcpu *v);
void sched_destroy_vcpu(struct vcpu *v);
int sched_init_domain(struct domain *d);
void sched_destroy_domain(struct domain *d);
/* v became runnable / unrunnable (its pause state changed). */
void vcpu_wake(struct vcpu *v);
void vcpu_sleep_nosync(struct vcpu *v);
void vcpu_sleep_sync(struct vcpu *v);
/* An event arrived for a vCPU that may be in SCHEDOP_block. */
void vcpu_unblock(struct vcpu *v);
/* Block the current vCPU until an event is pending (returns at once when one is). */
void vcpu_block(void);
void vcpu_yield(void);
/* CPUs that v may use / likes to use. -EINVAL: none is online (soft: none at all); -EBUSY: overridden. */
int vcpu_set_hard_affinity(struct vcpu *v, const cpumask_t *mask);
int vcpu_set_soft_affinity(struct vcpu *v, const cpumask_t *mask);
/* Keep v on one CPU whatever its affinity; negative: no longer. -EINVAL. */
int vcpu_override_affinity(struct vcpu *v, int cpu);
static always_inline bool vcpu_runnable(const struct vcpu *v)
{
	return !(READ_ONCE(v->pause_flags) | (unsigned int)READ_ONCE(v->pause_count) |
		(unsigned int)READ_ONCE(v->domain->pause_count));
}
long do_sched_op(unsigned int cmd, XEN_GUEST_HANDLE_PARAM(void) arg);
/* Hypercall 15: the current vCPU's one-shot timer at an absolute system time; 0 stops it. */
long do_set_timer_op(s_time_t timeout);
/* Name and XEN_SCHEDULER_* of the scheduler at work. */
const char *scheduler_name(void);
unsigned int scheduler_id(void);
struct xen_domctl_scheduler_op;
struct xen_sysctl_scheduler_op;
long sched_adjust(struct domain *d, struct xen_domctl_scheduler_op *op);
long sched_adjust_global(struct xen_sysctl_scheduler_op *op);
void dump_runq(unsigned char key); /* debug key 'r' */
/* The loop of an idle CPU. */
noreturn void idle_loop(void);

/* --- arch --------------------------------------------------------------------------------------- */

/* Switch this CPU from prev to next; does not return to the caller unless prev == next. */
void context_switch(struct vcpu *prev, struct vcpu *next);
/* Called after the switch on the new vCPU's behalf, when prev's registers are in memory. */
void context_saved(struct vcpu *prev);
/* Write lazily kept registers of v back to memory, wherever they are. */
void sync_vcpu_execstate(struct vcpu *v);
/* Halt until an interrupt; called and returns as safe_halt(). */
void cpu_idle(void);
/* A running vCPU must look at its events again. */
void vcpu_kick(struct vcpu *v);
/* Includes the shared_info page. Undoes itself when it fails. */
int arch_domain_create(struct domain *d, const struct domain_config *cfg);
void arch_domain_destroy(struct domain *d);
int arch_vcpu_create(struct vcpu *v);
void arch_vcpu_destroy(struct vcpu *v);
int domain_relinquish_resources(struct domain *d); /* -ERESTART while there is more */
/*
 * Give a vCPU that does not run registers, tables and callbacks. It is initialised then, but stays
 * down. -EINVAL: something in it could harm us, or is not the domain's; -ERESTART: call again.
 */
int arch_set_info_guest(struct vcpu *v, const vcpu_guest_context_t *c);
void arch_dump_vcpu_info(struct vcpu *v);
/* Cleared; a domain's at the start of a page of its own. NULL: no memory. */
struct domain *alloc_domain_struct(void);
void free_domain_struct(struct domain *d);
struct vcpu *alloc_vcpu_struct(void);
void free_vcpu_struct(struct vcpu *v);
/* The rest of VCPUOP_*: send_nmi, register_vcpu_time_memory_area, get_physid. -ENOSYS. */
long arch_do_vcpu_op(unsigned int cmd, struct vcpu *v, XEN_GUEST_HANDLE_PARAM(void) arg);
/* Is another softirq waiting: should a long operation stop and continue later? */
#define hypercall_preempt_check() unlikely(softirq_pending(smp_processor_id()) != 0)
#define VM_ASSIST(d, t) test_bit(VMASST_TYPE_##t, &(d)->vm_assist)

#include <xen/softirq.h>
#include <xen/smp.h>
#include <asm/current.h>

#endif
