/* domctl: how much memory a domain may have, from where, and which of the machine's frames and IRQs. */
#include <xen/domctl.h>
#include <xen/errno.h>
#include <xen/irq.h>
#include <xen/lib.h>
#include <xen/sched.h>
#include <asm/irq.h>

int domctl_max_mem(struct domain *d, struct xen_domctl *op)
{
	u64 pages = op->u.max_mem.max_memkb >> (PAGE_SHIFT - 10);

	/* Below what it has: it gets no more, and keeps what there is until it gives it back. */
	spin_lock(&d->page_alloc_lock);
	d->max_pages = min(pages, (u64)~0u);
	spin_unlock(&d->page_alloc_lock);
	return 0;
}

/* --- NUMA: one node so far, so this is kept and has no effect ---------------------------------- */

int domctl_setnodeaffinity(struct domain *d, struct xen_domctl *op)
{
	unsigned long nodes;
	int rc = bitmap_from_xenctl(&nodes, BITS_PER_LONG, &op->u.nodeaffinity.nodemap);

	if (rc)
		return rc;
	if (!(nodes & 1))
		return -EINVAL; /* none that is there */
	d->node_affinity = nodes;
	return 0;
}

int domctl_getnodeaffinity(struct domain *d, struct xen_domctl *op)
{
	unsigned long nodes = d->node_affinity;

	return bitmap_to_xenctl(&op->u.nodeaffinity.nodemap, &nodes, BITS_PER_LONG);
}

/* --- Rights: who gives one must have it -------------------------------------------------------- */

int domctl_irq_permission(struct domain *d, struct xen_domctl *op)
{
	const struct xen_domctl_irq_permission *p = &op->u.irq_permission;
	int irq;

	if (p->pirq >= current->domain->nr_pirqs)
		return -EINVAL;
	irq = domain_pirq_to_irq(current->domain, p->pirq);
	if (irq < 0 || !rangeset_contains_range(current->domain->irq_caps, irq, irq))
		return -EPERM;
	return p->allow_access ? rangeset_add_range(d->irq_caps, irq, irq)
			       : rangeset_remove_range(d->irq_caps, irq, irq);
}

int domctl_iomem_permission(struct domain *d, struct xen_domctl *op)
{
	const struct xen_domctl_iomem_permission *p = &op->u.iomem_permission;
	unsigned long first = p->first_mfn, last = first + p->nr_mfns - 1;

	if (!p->nr_mfns || last < first)
		return -EINVAL;
	if (!rangeset_contains_range(current->domain->iomem_caps, first, last))
		return -EPERM;
	return p->allow_access ? rangeset_add_range(d->iomem_caps, first, last)
			       : rangeset_remove_range(d->iomem_caps, first, last);
}
