/* Switching shadow page tables and the log of changed pages on and off: XEN_DOMCTL_shadow_op. */
#include <xen/domctl.h>
#include <xen/errno.h>
#include <xen/lib.h>
#include <xen/sched.h>
#include <asm/pgtable.h>
#include <asm/shadow.h>

#define PAGES_PER_MB 256
#define DROP_BATCH   64 /* shadows between two looks for other work */

void shadow_domain_init(struct domain *d)
{
	spin_lock_init(&d->arch.paging.lock, LOCK_RANK_PAGING);
	d->arch.paging.holder = -1;
}

/* Have all vCPUs run on shadows, or on their own tables. None runs. */
static void switch_tables(struct domain *d, bool on)
{
	struct paging_domain *p = &d->arch.paging;
	struct vcpu *v;

	spin_lock(&d->arch.mm_lock);
	paging_lock(d);
	p->shadowed = p->log_dirty = on;
	p->reading.active = false;
	paging_unlock(d);
	__atomic_fetch_add(&shadowed_domains, on ? 1 : -1, __ATOMIC_SEQ_CST);
	for_each_vcpu (d, v)
		pv_load_roots(v);
	spin_unlock(&d->arch.mm_lock);
}

/* Give back what a domain has that is no longer shadowed. -ERESTART. */
static int release(struct domain *d)
{
	bool more = true;

	while (more) {
		/* Tables that the domain gives up now take their shadows with them. */
		paging_lock(d);
		more = shadow_drop_some(d, DROP_BATCH);
		if (!more)
			log_dirty_destroy(d);
		paging_unlock(d);
		if (more && hypercall_preempt_check())
			return -ERESTART;
	}
	foreign_forget(d);
	free_xenheap_page(d->arch.paging.buffer);
	d->arch.paging.buffer = NULL;
	return 0;
}

/* As large as wished, or as memory allows. -ENOMEM: not enough to run with; -ERESTART. */
static int fill_pool(struct domain *d)
{
	struct paging_domain *p = &d->arch.paging;
	int rc;

	if (p->pool_wanted < shadow_pool_min(d))
		p->pool_wanted = p->pool_wanted ? shadow_pool_min(d) : shadow_pool_default(d);
	rc = shadow_pool_resize(d, p->pool_wanted);
	if (rc == -ENOMEM && p->pool_pages >= shadow_pool_min(d)) {
		p->pool_wanted = p->pool_pages;
		rc = 0;
	}
	if (rc == -ENOMEM) {
		p->pool_wanted = 0;
		(void)shadow_pool_resize(d, 0); /* interrupted: the rest goes with the domain */
	}
	return rc;
}

static int enable(struct domain *d)
{
	struct paging_domain *p = &d->arch.paging;
	int rc;

	if (p->shadowed || d->is_dying)
		return -EINVAL;
	/* An interrupted OFF may have left something, or this has been interrupted before. */
	rc = p->track_foreign ? 0 : release(d);
	if (!rc)
		rc = fill_pool(d);
	if (!rc)
		rc = foreign_track(d);
	if (rc)
		return rc;
	p->buffer = alloc_xenheap_page();
	paging_lock(d);
	rc = p->buffer ? log_dirty_create(d) : -ENOMEM;
	paging_unlock(d);
	if (rc) {
		(void)release(d);
		return rc;
	}
	domain_pause(d);
	switch_tables(d, true);
	domain_unpause(d);
	return 0;
}

int shadow_teardown(struct domain *d)
{
	struct paging_domain *p = &d->arch.paging;
	int rc;

	if (p->shadowed)
		switch_tables(d, false);
	rc = release(d);
	p->pool_wanted = 0;
	return rc ? rc : shadow_pool_resize(d, 0);
}

static int op_off(struct domain *d, struct xen_domctl *op)
{
	int rc;

	domain_pause(d);
	rc = shadow_teardown(d);
	domain_unpause(d);
	return rc;
}

static int op_enable_log_dirty(struct domain *d, struct xen_domctl *op)
{
	return enable(d);
}

static int op_enable(struct domain *d, struct xen_domctl *op)
{
	return op->u.shadow_op.mode == XEN_DOMCTL_SHADOW_ENABLE_LOG_DIRTY ? enable(d) : -EINVAL;
}

static int op_clean(struct domain *d, struct xen_domctl *op)
{
	return log_dirty_read(d, op, true);
}

static int op_peek(struct domain *d, struct xen_domctl *op)
{
	return log_dirty_read(d, op, false);
}

static int op_get_allocation(struct domain *d, struct xen_domctl *op)
{
	op->u.shadow_op.mb = DIV_ROUND_UP(d->arch.paging.pool_pages, PAGES_PER_MB);
	return 0;
}

static int op_set_allocation(struct domain *d, struct xen_domctl *op)
{
	struct paging_domain *p = &d->arch.paging;
	u64 pages = (u64)op->u.shadow_op.mb * PAGES_PER_MB;
	int rc;

	if (pages > total_pages || (!pages && p->shadowed) || d->is_dying)
		return -EINVAL;
	p->pool_wanted = pages ? max(pages, (u64)shadow_pool_min(d)) : 0;
	rc = shadow_pool_resize(d, p->pool_wanted);
	if (rc && rc != -ERESTART)
		p->pool_wanted = p->pool_pages;
	return rc;
}

static domctl_fn *const shadow_ops[] = {
	[XEN_DOMCTL_SHADOW_OP_OFF] = op_off,
	[XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY] = op_enable_log_dirty,
	[XEN_DOMCTL_SHADOW_OP_CLEAN] = op_clean,
	[XEN_DOMCTL_SHADOW_OP_PEEK] = op_peek,
	[XEN_DOMCTL_SHADOW_OP_GET_ALLOCATION] = op_get_allocation,
	[XEN_DOMCTL_SHADOW_OP_SET_ALLOCATION] = op_set_allocation,
	[XEN_DOMCTL_SHADOW_OP_ENABLE] = op_enable,
};

int domctl_shadow_op(struct domain *d, struct xen_domctl *op)
{
	unsigned int nr = op->u.shadow_op.op;

	/* Nobody can be paused, or wait for himself. */
	if (d == current->domain || nr >= ARRAY_SIZE(shadow_ops) || !shadow_ops[nr])
		return -EINVAL;
	return shadow_ops[nr](d, op);
}
