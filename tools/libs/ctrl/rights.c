/* What of the machine a domain may use: interrupts, memory and ports of devices, PCI devices. */
#include <stdlib.h>
#include <string.h>

#include "private.h"
#include "public/physdev.h"

int xc_domain_irq_permission(xc_interface *xc, uint32_t domid, unsigned pirq, bool allow)
{
	struct xen_domctl op = XC_DOMCTL(irq_permission, domid);

	op.u.irq_permission.pirq = pirq;
	op.u.irq_permission.allow_access = allow;
	return xc_domctl(xc, &op);
}

int xc_domain_iomem_permission(
	xc_interface *xc, uint32_t domid, uint64_t first_mfn, uint64_t nr_mfns, bool allow)
{
	struct xen_domctl op = XC_DOMCTL(iomem_permission, domid);

	op.u.iomem_permission.first_mfn = first_mfn;
	op.u.iomem_permission.nr_mfns = nr_mfns;
	op.u.iomem_permission.allow_access = allow;
	return xc_domctl(xc, &op);
}

int xc_domain_ioport_permission(
	xc_interface *xc, uint32_t domid, unsigned first, unsigned nr, bool allow)
{
	struct xen_domctl op = XC_DOMCTL(ioport_permission, domid);

	op.u.ioport_permission.first_port = first;
	op.u.ioport_permission.nr_ports = nr;
	op.u.ioport_permission.allow_access = allow;
	return xc_domctl(xc, &op);
}

int xc_domain_memory_mapping(xc_interface *xc, uint32_t domid, uint64_t first_gfn,
	uint64_t first_mfn, uint64_t nr_mfns, bool add)
{
	struct xen_domctl op = XC_DOMCTL(memory_mapping, domid);

	op.u.memory_mapping.first_gfn = first_gfn;
	op.u.memory_mapping.first_mfn = first_mfn;
	op.u.memory_mapping.nr_mfns = nr_mfns;
	op.u.memory_mapping.add_mapping = add ? DPCI_ADD_MAPPING : DPCI_REMOVE_MAPPING;
	return xc_domctl(xc, &op);
}

int xc_domain_ioport_mapping(xc_interface *xc, uint32_t domid, unsigned first_gport,
	unsigned first_mport, unsigned nr, bool add)
{
	struct xen_domctl op = XC_DOMCTL(ioport_mapping, domid);

	op.u.ioport_mapping.first_gport = first_gport;
	op.u.ioport_mapping.first_mport = first_mport;
	op.u.ioport_mapping.nr_ports = nr;
	op.u.ioport_mapping.add_mapping = add ? DPCI_ADD_MAPPING : DPCI_REMOVE_MAPPING;
	return xc_domctl(xc, &op);
}

static int device_op(xc_interface *xc, unsigned cmd, uint32_t domid, uint32_t sbdf, uint32_t flags)
{
	struct xen_domctl op = { .cmd = cmd, .domain = domid };

	op.u.assign_device.dev = XEN_DOMCTL_DEV_PCI;
	op.u.assign_device.flags = flags;
	op.u.assign_device.u.pci.machine_sbdf = sbdf;
	return xc_domctl(xc, &op);
}

int xc_assign_device(xc_interface *xc, uint32_t domid, uint32_t sbdf, uint32_t flags)
{
	return device_op(xc, XEN_DOMCTL_assign_device, domid, sbdf, flags);
}

int xc_test_assign_device(xc_interface *xc, uint32_t domid, uint32_t sbdf)
{
	return device_op(xc, XEN_DOMCTL_test_assign_device, domid, sbdf, 0);
}

int xc_deassign_device(xc_interface *xc, uint32_t domid, uint32_t sbdf)
{
	return device_op(xc, XEN_DOMCTL_deassign_device, domid, sbdf, 0);
}

int xc_get_device_group(
	xc_interface *xc, uint32_t domid, uint32_t sbdf, uint32_t *group, unsigned max)
{
	struct xen_domctl op = XC_DOMCTL(get_device_group, domid);
	uint32_t *buffer = xc_buffer(xc, NULL, max * sizeof(*group));
	int ret;

	if (!buffer)
		return -1;
	op.u.get_device_group.machine_sbdf = sbdf;
	op.u.get_device_group.max_sdevs = max;
	set_xen_guest_handle(op.u.get_device_group.sdev_array, buffer);
	ret = xc_domctl(xc, &op) ? -1 : (int)op.u.get_device_group.num_sdevs;
	return xc_buffer_out(xc, buffer, group, max * sizeof(*group), ret);
}

int xc_domain_bind_pt_irq(
	xc_interface *xc, uint32_t domid, const struct xen_domctl_bind_pt_irq *bind)
{
	struct xen_domctl op = XC_DOMCTL(bind_pt_irq, domid);

	op.u.bind_pt_irq = *bind;
	return xc_domctl(xc, &op);
}

int xc_domain_unbind_pt_irq(
	xc_interface *xc, uint32_t domid, const struct xen_domctl_bind_pt_irq *bind)
{
	struct xen_domctl op = XC_DOMCTL(unbind_pt_irq, domid);

	op.u.bind_pt_irq = *bind;
	return xc_domctl(xc, &op);
}

int xc_physdev_map_pirq(xc_interface *xc, uint32_t domid, int gsi, int *pirq)
{
	struct physdev_map_pirq arg = {
		.domid = domid,
		.type = MAP_PIRQ_TYPE_GSI,
		.index = gsi,
		.pirq = *pirq,
	};

	if (xc_hypercall_arg(xc, __HYPERVISOR_physdev_op, PHYSDEVOP_map_pirq, &arg, sizeof(arg)))
		return -1;
	*pirq = arg.pirq;
	return 0;
}

int xc_physdev_unmap_pirq(xc_interface *xc, uint32_t domid, int pirq)
{
	struct physdev_unmap_pirq arg = { .domid = domid, .pirq = pirq };

	return xc_hypercall_arg(
		xc, __HYPERVISOR_physdev_op, PHYSDEVOP_unmap_pirq, &arg, sizeof(arg));
}
