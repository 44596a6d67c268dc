/* sysctl: memory and where things are. The machine is one node. */
#include <xen/errno.h>
#include <xen/lib.h>
#include <xen/mm.h>
#include <xen/pci.h>
#include <xen/sched.h>
#include <xen/sysctl.h>

/* Free memory between two widths of the address; 0 for a node that does not exist. */
long sysctl_availheap(struct xen_sysctl *op)
{
	struct xen_sysctl_availheap *a = &op->u.availheap;
	unsigned long below = 0, pages;

	a->avail_bytes = 0;
	if (a->node != -1 && a->node != 0)
		return 0;
	if (a->min_bitwidth)
		below = avail_domheap_pages(a->min_bitwidth);
	pages = avail_domheap_pages(a->max_bitwidth);
	a->avail_bytes = pages > below ? (u64)(pages - below) << PAGE_SHIFT : 0;
	return 0;
}

/* A node's memory and its distance to itself, as ACPI has it. */
long sysctl_numainfo(struct xen_sysctl *op)
{
	struct xen_sysctl_numainfo *n = &op->u.numainfo;
	struct xen_sysctl_meminfo mem = {
		.memsize = (u64)total_pages << PAGE_SHIFT,
		.memfree = (u64)avail_domheap_pages(0) << PAGE_SHIFT,
	};
	u32 distance = 10;
	bool want_mem = !guest_handle_is_null(n->meminfo);
	bool want_distance = !guest_handle_is_null(n->distance);

	if ((want_mem || want_distance) && !n->num_nodes)
		return 0;
	if (want_mem && copy_to_guest(n->meminfo, &mem, 1))
		return -EFAULT;
	if (want_distance && copy_to_guest(n->distance, &distance, 1))
		return -EFAULT;
	n->num_nodes = 1;
	return 0;
}

#define MAX_PCI_DEVICES 65536 /* in one call: a whole segment */

/* The node of each device of a list; XEN_INVALID_DEV where there is no such device. */
long sysctl_pcitopoinfo(struct xen_sysctl *op)
{
	struct xen_sysctl_pcitopoinfo *p = &op->u.pcitopoinfo;

	if (guest_handle_is_null(p->devs) || guest_handle_is_null(p->nodes))
		return -EINVAL;
	if (p->num_devs > MAX_PCI_DEVICES)
		return -E2BIG;
	for (u32 i = 0; i < p->num_devs; i++) {
		physdev_pci_device_t dev;
		u32 node = XEN_INVALID_NODE_ID, pxm;

		if (copy_from_guest_offset(&dev, p->devs, i, 1))
			return -EFAULT;
		if (pci_device_pxm(PCI_SBDF(dev.seg, dev.bus, dev.devfn), &pxm))
			node = XEN_INVALID_DEV;
		if (copy_to_guest_offset(p->nodes, i, &node, 1))
			return -EFAULT;
	}
	return 0;
}

#define MAX_OFFLINE_PAGES 65536

/* What can be said of a page. Pages can be kept from use at boot only (badpage=). */
static long offline_status(u32 cmd, unsigned long mfn, u32 *status)
{
	bool bad;

	*status = PG_OFFLINE_INVALID;
	if (!mfn_valid(_mfn(mfn)))
		return -EINVAL;
	bad = READ_ONCE(mfn_to_page(_mfn(mfn))->count_info) & PGC_broken;
	switch (cmd) {
	case sysctl_query_page_offline:
		*status = bad ? PG_OFFLINE_STATUS_OFFLINED | PG_OFFLINE_STATUS_BROKEN : 0;
		return 0;
	case sysctl_page_online:
		*status = bad ? PG_ONLINE_FAILED | PG_ONLINE_BROKEN : 0;
		return bad ? -EINVAL : 0;
	case sysctl_page_offline:
		*status = bad ? PG_OFFLINE_OFFLINED | PG_OFFLINE_BROKEN : PG_OFFLINE_FAILED;
		return bad ? 0 : -EOPNOTSUPP;
	default:
		return -EINVAL;
	}
}

long sysctl_page_offline_op(struct xen_sysctl *op)
{
	struct xen_sysctl_page_offline_op *p = &op->u.page_offline;
	long rc = 0;

	if (p->end < p->start)
		return -EINVAL;
	if (p->end - p->start >= MAX_OFFLINE_PAGES)
		return -E2BIG;
	for (u32 i = 0; i <= p->end - p->start; i++) {
		u32 status;
		long err = offline_status(p->cmd, (unsigned long)p->start + i, &status);

		if (copy_to_guest_offset(p->status, i, &status, 1))
			return -EFAULT;
		rc = rc ?: err;
	}
	return rc;
}
