/* Domains and vCPUs: creation, references, pausing, shutdown, destruction. */
#include <xen/errno.h>
#include <xen/lib.h>
#include <xen/grant_table.h>
#include <xen/mm.h>
#include <xen/sched.h>
#include <xen/shutdown.h>
#include <xen/time.h>
#include <xen/xmalloc.h>

struct domain *dom_xen, *dom_io, *hardware_domain;
LIST_HEAD(domain_list);
DEFINE_SPINLOCK(domlist_lock, LOCK_RANK_DOMLIST);

/* --- The list of domains ---------------------------------------------------------------------- */

static bool is_system_id(domid_t id)
{
	return id >= DOMID_FIRST_SYSTEM;
}

/* Insert by id; readers walk the list without the lock. -EEXIST. */
static int domlist_insert(struct domain *d)
{
	struct domain *after;
	int rc = 0;

	spin_lock(&domlist_lock);
	list_for_each_entry (after, &domain_list, list)
		if (after->domain_id >= d->domain_id)
			break;
	if (&after->list != &domain_list && after->domain_id == d->domain_id) {
		rc = -EEXIST;
	} else {
		d->list.next = &after->list;
		d->list.prev = after->list.prev;
		__atomic_store_n(&after->list.prev->next, &d->list, __ATOMIC_RELEASE);
		after->list.prev = &d->list;
	}
	spin_unlock(&domlist_lock);
	return rc;
}

/* Unlink; d->list.next stays for readers that are looking at d. */
static void domlist_remove(struct domain *d)
{
	spin_lock(&domlist_lock);
	d->list.next->prev = d->list.prev;
	WRITE_ONCE(d->list.prev->next, d->list.next);
	spin_unlock(&domlist_lock);
}

static struct domain *find_domain(domid_t id)
{
	struct domain *d;

	for_each_domain (d) {
		if (d->domain_id == id)
			return d;
		if (d->domain_id > id)
			break;
	}
	return NULL;
}

bool get_domain(struct domain *d)
{
	int n = READ_ONCE(d->refcnt);

	do {
		if (n <= 0)
			return false;
	} while (!__atomic_compare_exchange_n(
		&d->refcnt, &n, n + 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
	return true;
}

struct domain *get_domain_by_id(domid_t id)
{
	struct domain *d = find_domain(id);

	return d && get_domain(d) ? d : NULL;
}

struct domain *rcu_lock_domain_by_id(domid_t id)
{
	return find_domain(id);
}

struct domain *rcu_lock_domain_by_any_id(domid_t id)
{
	if (id == DOMID_SELF || id == current->domain->domain_id)
		return current->domain;
	return find_domain(id);
}

/* --- Creation --------------------------------------------------------------------------------- */

static void watchdog_expired(void *data)
{
	struct domain *d = data;

	if (d->is_shutting_down || d->is_dying)
		return;
	printk(XENLOG_G_WARNING "Watchdog timer fired for " PRI_domain "\n", d->domain_id);
	domain_shutdown(d, SHUTDOWN_watchdog);
}

/* What exists in every domain, the hypervisor's own included. Cannot fail. */
static void domain_init_fields(struct domain *d, domid_t id)
{
	d->domain_id = id;
	d->refcnt = 1;
	d->shutdown_code = SHUTDOWN_CODE_INVALID;
	spin_lock_init(&d->domain_lock, LOCK_RANK_DOMAIN);
	spin_lock_init(&d->page_alloc_lock, LOCK_RANK_PAGE_LIST);
	spin_lock_init(&d->event_lock, LOCK_RANK_EVENT);
	spin_lock_init(&d->pirq_lock, LOCK_RANK_PIRQ_MAP);
	spin_lock_init(&d->shutdown_lock, LOCK_RANK_SHUTDOWN);
	INIT_LIST_HEAD(&d->list);
	for (unsigned int i = 0; i < ARRAY_SIZE(d->watchdog_timer); i++)
		init_timer(&d->watchdog_timer[i], watchdog_expired, d, smp_processor_id());
}

/* What a guest has and a domain of the hypervisor's own does not. -ENOMEM. */
static int domain_init_guest(struct domain *d, const struct domain_config *cfg)
{
	int rc;

	d->is_privileged = cfg->privileged;
	d->is_xenstore = cfg->xenstore;
	d->max_grant_version = cfg->max_grant_version;
	d->ssidref = cfg->ssidref;
	memcpy(d->handle, cfg->handle, sizeof(d->handle));
	d->max_vcpus = cfg->max_vcpus;
	d->controller_pause_count = d->pause_count = 1;

	d->vcpu = xzalloc_array(struct vcpu *, d->max_vcpus);
	d->poll_mask = xzalloc_array(unsigned long, BITS_TO_LONGS(d->max_vcpus));
	d->iomem_caps = rangeset_new("I/O Memory");
	d->irq_caps = rangeset_new("Interrupts");
	if (!d->vcpu || !d->poll_mask || !d->iomem_caps || !d->irq_caps)
		return -ENOMEM;

	rc = evtchn_init(d, cfg->max_evtchn_port);
	if (!rc)
		rc = grant_table_create(d, cfg->max_grant_frames, cfg->max_maptrack_frames);
	if (!rc)
		rc = sched_init_domain(d);
	return rc;
}

/*
 * Free what domain_create() made, as far as it came (with_arch: arch_domain_create() too), and the
 * vCPUs. Nobody uses `d` any more.
 */
static void domain_free(struct domain *d, bool with_arch)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(d->watchdog_timer); i++)
		kill_timer(&d->watchdog_timer[i]);
	/* First the domain's part: its timers look at the vCPUs. */
	sched_destroy_domain(d);
	for (unsigned int i = d->vcpu ? d->max_vcpus : 0; i-- > 0;) {
		struct vcpu *v = d->vcpu[i];

		if (!v)
			continue;
		sched_destroy_vcpu(v);
		arch_vcpu_destroy(v);
		xfree(v->vcpu_info_own);
		free_vcpu_struct(v);
	}
	if (d->grant_table)
		grant_table_destroy(d);
	evtchn_destroy_final(d);
	rangeset_destroy(d->iomem_caps);
	rangeset_destroy(d->irq_caps);
	if (with_arch)
		arch_domain_destroy(d);
	xfree(d->poll_mask);
	xfree(d->vcpu);
	free_domain_struct(d);
}

int domain_create(domid_t id, const struct domain_config *cfg, struct domain **out)
{
	bool with_arch = false;
	struct domain *d;
	int rc = 0;

	if (cfg && (is_system_id(id) || !cfg->max_vcpus || cfg->max_vcpus > MAX_VIRT_CPUS))
		return -EINVAL;
	d = alloc_domain_struct();
	if (!d)
		return -ENOMEM;
	domain_init_fields(d, id);
	if (cfg) {
		rc = domain_init_guest(d, cfg);
	} else if (id == DOMID_IDLE) {
		d->max_vcpus = NR_CPUS;
		d->vcpu = xzalloc_array(struct vcpu *, NR_CPUS);
		rc = d->vcpu ? 0 : -ENOMEM;
	}
	if (rc)
		goto free;
	rc = arch_domain_create(d, cfg);
	if (rc)
		goto free;
	with_arch = true;
	rc = cfg ? domlist_insert(d) : 0;
	if (rc)
		goto free;
	*out = d;
	return 0;

free:
	domain_free(d, with_arch);
	return rc;
}

void __init setup_system_domains(void)
{
	if (domain_create(DOMID_XEN, NULL, &dom_xen) || domain_create(DOMID_IO, NULL, &dom_io))
		panic("No memory for the hypervisor's own domains\n");
}

/* Where a vCPU's events are kept until the guest registers a place of its own. -ENOMEM. */
static int vcpu_info_init(struct vcpu *v)
{
	struct domain *d = v->domain;

	v->vcpu_info_mfn = INVALID_MFN;
	if (d->shared_info && (unsigned int)v->vcpu_id < XEN_LEGACY_MAX_VCPUS) {
		v->vcpu_info = &d->shared_info->vcpu_info[v->vcpu_id];
		return 0;
	}
	v->vcpu_info = v->vcpu_info_own = xzalloc(vcpu_info_t);
	return v->vcpu_info ? 0 : -ENOMEM;
}

struct vcpu *vcpu_create(struct domain *d, unsigned int id, unsigned int cpu)
{
	struct vcpu *v;

	if (id >= d->max_vcpus || d->vcpu[id] || (id && !is_idle_domain(d) && !d->vcpu[id - 1]))
		return NULL;
	v = alloc_vcpu_struct();
	if (!v)
		return NULL;
	v->domain = d;
	v->vcpu_id = id;
	v->processor = cpu;
	v->dirty_cpu = NR_CPUS;
	if (!is_idle_domain(d)) {
		v->pause_flags = BIT(VPF_down);
		v->periodic_period = MILLISECS(10);
	}
	if (vcpu_info_init(v) || arch_vcpu_create(v))
		goto free;
	if (sched_init_vcpu(v))
		goto destroy;
	__atomic_store_n(&d->vcpu[id], v, __ATOMIC_RELEASE);
	return v;

destroy:
	sched_destroy_vcpu(v);
	arch_vcpu_destroy(v);
free:
	xfree(v->vcpu_info_own);
	free_vcpu_struct(v);
	return NULL;
}

/* --- Destruction ------------------------------------------------------------------------------ */

static void domain_destroy_late(struct rcu_head *head)
{
	domain_free(container_of(head, struct domain, rcu), true);
	/* The last trace is gone: who waited for the identifier or the memory may look again. */
	send_global_virq(VIRQ_DOM_EXC);
}

static void domain_unlink(struct rcu_head *head)
{
	struct domain *d = container_of(head, struct domain, rcu);

	domlist_remove(d);
	call_rcu(&d->rcu, domain_destroy_late);
}

void domain_destroy(struct domain *d)
{
	/* Any locks may be held here: not the place to take that of the list. */
	call_rcu(&d->rcu, domain_unlink);
}

static void stop_timers(struct domain *d)
{
	struct vcpu *v;

	for (unsigned int i = 0; i < ARRAY_SIZE(d->watchdog_timer); i++)
		kill_timer(&d->watchdog_timer[i]);
	for_each_vcpu (d, v) {
		stop_timer(&v->periodic_timer);
		stop_timer(&v->singleshot_timer);
		stop_timer(&v->poll_timer);
		stop_timer(&v->self_ipi_timer);
	}
}

int domain_kill(struct domain *d)
{
	struct vcpu *v;
	int rc;

	if (d == current->domain || is_system_id(d->domain_id))
		return -EINVAL;
	if (d->is_dying == DOMDYING_dead)
		return 0;
	if (d->is_dying == DOMDYING_alive) {
		domain_pause(d); /* for good */
		spin_lock(&d->domain_lock);
		d->is_dying = DOMDYING_dying;
		spin_unlock(&d->domain_lock);
		stop_timers(d);
		(void)domain_set_outstanding_pages(d, 0); /* giving up a claim cannot fail */
	}
	/* Each of these goes on where it was preempted, and has nothing to do the second time. */
	rc = evtchn_destroy(d);
	if (rc)
		return rc;
	rc = gnttab_release_mappings(d);
	if (rc)
		return rc;
	for_each_vcpu (d, v)
		unmap_vcpu_info(v);
	rc = domain_relinquish_resources(d);
	if (rc)
		return rc;
	d->is_dying = DOMDYING_dead;
	put_domain(d);
	send_global_virq(VIRQ_DOM_EXC);
	return 0;
}

/* --- Pausing ---------------------------------------------------------------------------------- */

void vcpu_pause_nosync(struct vcpu *v)
{
	__atomic_fetch_add(&v->pause_count, 1, __ATOMIC_SEQ_CST);
	vcpu_sleep_nosync(v);
}

void vcpu_pause(struct vcpu *v)
{
	__atomic_fetch_add(&v->pause_count, 1, __ATOMIC_SEQ_CST);
	vcpu_sleep_sync(v);
}

void vcpu_unpause(struct vcpu *v)
{
	if (__atomic_sub_fetch(&v->pause_count, 1, __ATOMIC_SEQ_CST) == 0)
		vcpu_wake(v);
}

void domain_pause_nosync(struct domain *d)
{
	struct vcpu *v;

	__atomic_fetch_add(&d->pause_count, 1, __ATOMIC_SEQ_CST);
	for_each_vcpu (d, v)
		vcpu_sleep_nosync(v);
}

void domain_pause(struct domain *d)
{
	struct vcpu *v;

	ASSERT(d != current->domain);
	domain_pause_nosync(d); /* all at once, then wait for them */
	for_each_vcpu (d, v)
		vcpu_sleep_sync(v);
}

void domain_unpause(struct domain *d)
{
	struct vcpu *v;

	if (__atomic_sub_fetch(&d->pause_count, 1, __ATOMIC_SEQ_CST) == 0)
		for_each_vcpu (d, v)
			vcpu_wake(v);
}

int domain_pause_by_systemcontroller(struct domain *d)
{
	int rc = 0;

	if (d == current->domain)
		return -EINVAL;
	spin_lock(&d->domain_lock);
	if (d->controller_pause_count >= 255)
		rc = -EBUSY;
	else
		d->controller_pause_count++;
	spin_unlock(&d->domain_lock);
	if (!rc)
		domain_pause(d);
	return rc;
}

int domain_unpause_by_systemcontroller(struct domain *d)
{
	bool first;
	int rc = 0;

	spin_lock(&d->domain_lock);
	if (d->controller_pause_count <= 0)
		rc = -EINVAL;
	else
		d->controller_pause_count--;
	/* Once the controller has let it run, the toolstack's building is over. */
	first = !rc && !d->controller_pause_count && !d->creation_finished;
	if (first)
		d->creation_finished = true;
	spin_unlock(&d->domain_lock);
	/* Builders clear the page that it is in. */
	if (first)
		update_domain_wallclock_time(d);
	if (!rc)
		domain_unpause(d);
	return rc;
}

/* --- Shutdown --------------------------------------------------------------------------------- */

/* Who waits for a suspended domain has a channel of its own for that. */
static void tell_of_shutdown(struct domain *d)
{
	evtchn_port_t port = READ_ONCE(d->suspend_evtchn);

	if (d->shutdown_code != SHUTDOWN_suspend || !port || evtchn_send(d, port))
		send_global_virq(VIRQ_DOM_EXC);
}

int domain_set_suspend_port(struct domain *d, evtchn_port_t port)
{
	if (port && !evtchn_is_interdomain(d, port))
		return -EINVAL;
	WRITE_ONCE(d->suspend_evtchn, port);
	return 0;
}

void domain_shutdown(struct domain *d, unsigned int reason)
{
	bool done = true;
	struct vcpu *v;

	spin_lock(&d->shutdown_lock);
	if (d->shutdown_code == SHUTDOWN_CODE_INVALID)
		d->shutdown_code = reason;
	reason = d->shutdown_code;
	if (is_hardware_domain(d)) {
		spin_unlock(&d->shutdown_lock);
		hwdom_shutdown(reason);
	}
	if (d->is_shutting_down) {
		spin_unlock(&d->shutdown_lock);
		return;
	}
	d->is_shutting_down = true;
	smp_mb(); /* whoever defers the shutdown looks at this after having said so */
	for_each_vcpu (d, v) {
		if (reason == SHUTDOWN_crash)
			v->defer_shutdown = false;
		else if (v->defer_shutdown)
			done = false;
		if (v->defer_shutdown || v->paused_for_shutdown)
			continue;
		vcpu_pause_nosync(v);
		v->paused_for_shutdown = true;
	}
	d->is_shut_down = done;
	spin_unlock(&d->shutdown_lock);
	if (done)
		tell_of_shutdown(d);
}

void domain_resume(struct domain *d)
{
	struct vcpu *v;

	domain_pause(d);
	spin_lock(&d->shutdown_lock);
	d->is_shutting_down = d->is_shut_down = false;
	d->shutdown_code = SHUTDOWN_CODE_INVALID;
	for_each_vcpu (d, v) {
		if (v->paused_for_shutdown) {
			v->paused_for_shutdown = false;
			vcpu_unpause(v);
		}
	}
	spin_unlock(&d->shutdown_lock);
	domain_unpause(d);
}

void domain_crash_(struct domain *d, const char *why, ...)
{
	struct vcpu *v = current;
	va_list ap;

	/* One report is enough: a domain can fail on all its vCPUs at once. */
	if (d->is_shutting_down)
		return;
	printk(XENLOG_G_ERR PRI_domain " has crashed: ", d->domain_id);
	va_start(ap, why);
	vprintk(why, ap);
	va_end(ap);
	printk("\n");
	if (v->domain == d) {
		printk(XENLOG_G_ERR PRI_vcpu " on CPU%u:\n", d->domain_id, v->vcpu_id,
			v->processor);
		arch_dump_vcpu_info(v);
	}
	domain_shutdown(d, SHUTDOWN_crash);
}

/* --- Memory that we share with a vCPU --------------------------------------------------------- */

int map_vcpu_info(struct vcpu *v, unsigned long gfn, unsigned int offset)
{
	struct domain *d = v->domain;
	struct page_info *pg;
	vcpu_info_t *info;

	if (offset > PAGE_SIZE - sizeof(*info) || !IS_ALIGNED(offset, sizeof(unsigned long)))
		return -EINVAL;
	if (!mfn_eq(v->vcpu_info_mfn, INVALID_MFN) || d->is_dying)
		return -EINVAL;
	/* Only its own or that of one that cannot run at the moment. */
	if (v != current && !test_bit(VPF_down, &v->pause_flags))
		return -EINVAL;
	pg = get_page_from_gfn(d, _gfn(gfn));
	if (!pg)
		return -EINVAL;
	if (page_get_owner(pg) != d || get_page_type(pg, PGT_writable)) {
		put_page(pg);
		return -EINVAL;
	}

	info = page_to_virt(pg) + offset;
	memcpy(info, v->vcpu_info, sizeof(*info));
	v->vcpu_info_mfn = page_to_mfn(pg);
	__atomic_store_n(&v->vcpu_info, info, __ATOMIC_SEQ_CST);
	/* What went to the old place during the copy is announced again in the new one. */
	WRITE_ONCE(info->evtchn_upcall_pending, 1);
	evtchn_2l_vcpu_info_moved(v);
	return 0;
}

void unmap_vcpu_info(struct vcpu *v)
{
	struct page_info *pg;

	if (mfn_eq(v->vcpu_info_mfn, INVALID_MFN))
		return;
	pg = mfn_to_page(v->vcpu_info_mfn);
	v->vcpu_info = v->vcpu_info_own ? v->vcpu_info_own :
		&v->domain->shared_info->vcpu_info[v->vcpu_id];
	v->vcpu_info_mfn = INVALID_MFN;
	mark_page_dirty(pg);
	put_page_and_type(pg);
}

void domain_set_time_offset(struct domain *d, s64 seconds)
{
	d->time_offset_seconds = seconds;
	update_domain_wallclock_time(d);
}

void update_runstate_area(struct vcpu *v)
{
	struct vcpu_runstate_info *to = v->runstate_guest.p;
	struct vcpu_runstate_info rs;

	if (!to)
		return;
	rs = v->runstate;
	if (!VM_ASSIST(v->domain, runstate_update_flag)) {
		(void)raw_copy_to_guest(to, &rs, sizeof(rs));
		return;
	}
	/* The flag goes up before the first change becomes visible and down after the last. */
	rs.state_entry_time |= XEN_RUNSTATE_UPDATE;
	if (raw_copy_to_guest(&to->state_entry_time, &rs.state_entry_time, sizeof(u64)))
		return;
	smp_wmb();
	(void)raw_copy_to_guest(to, &rs, sizeof(rs));
	smp_wmb();
	rs.state_entry_time &= ~XEN_RUNSTATE_UPDATE;
	(void)raw_copy_to_guest(&to->state_entry_time, &rs.state_entry_time, sizeof(u64));
}
