/* physdev_op: interrupts, I/O privileges and PCI devices, mostly for dom0 (public/physdev.h). */
#include <asm/irq.h>
#include <asm/msi.h>
#include <asm/physdev.h>
#include <xen/bitops.h>
#include <xen/errno.h>
#include <xen/guest_access.h>
#include <xen/lib.h>
#include <xen/pci.h>
#include <xen/sched.h>
#include <public/physdev.h>

/* Every argument structure; what follows a fixed part is fetched by the operation itself. */
union physdev_arg {
	struct physdev_eoi eoi;
	struct physdev_irq_status_query irq_status_query;
	struct physdev_set_iopl set_iopl;
	struct physdev_set_iobitmap set_iobitmap;
	struct physdev_apic apic;
	struct physdev_irq irq;
	struct physdev_map_pirq map_pirq;
	struct physdev_unmap_pirq unmap_pirq;
	struct physdev_manage_pci manage_pci;
	struct physdev_manage_pci_ext manage_pci_ext;
	struct physdev_restore_msi restore_msi;
	struct physdev_setup_gsi setup_gsi;
	struct physdev_get_free_pirq get_free_pirq;
	struct physdev_pirq_eoi_gmfn eoi_gmfn;
	struct physdev_pci_mmcfg_reserved mmcfg;
	struct physdev_pci_device pci_device;
	struct physdev_dbgp_op dbgp;
	struct {
		u16 seg;
		u8 bus, devfn;
		u32 flags;
		u8 phys_bus, phys_devfn;
	} device_add; /* physdev_pci_device_add up to its array */
};

/* --- Interrupts in use ------------------------------------------------------------------------ */

static long op_eoi(union physdev_arg *a, XEN_GUEST_HANDLE_PARAM(void) arg)
{
	return pirq_guest_eoi(current->domain, a->eoi.irq);
}

static long op_irq_status_query(union physdev_arg *a, XEN_GUEST_HANDLE_PARAM(void) arg)
{
	return pirq_guest_status(
		current->domain, a->irq_status_query.irq, &a->irq_status_query.flags);
}

static long op_pirq_eoi_gmfn(union physdev_arg *a, XEN_GUEST_HANDLE_PARAM(void) arg)
{
	return pirq_register_eoi_map(current->domain, a->eoi_gmfn.gmfn);
}

/* --- I/O privileges of the calling vCPU ------------------------------------------------------- */

static long op_set_iopl(union physdev_arg *a, XEN_GUEST_HANDLE_PARAM(void) arg)
{
	if (a->set_iopl.iopl > 3)
		return -EINVAL;
	current->arch.iopl = a->set_iopl.iopl;
	return 0;
}

/* The bitmap stays the guest's; it is read through guest access at each use. */
static long op_set_iobitmap(union physdev_arg *a, XEN_GUEST_HANDLE_PARAM(void) arg)
{
	unsigned int nr = a->set_iobitmap.nr_ports;

	if (nr > 65536 || !access_ok(a->set_iobitmap.bitmap.p, (nr + 7) / 8))
		return -EINVAL;
	current->arch.iobmp = a->set_iobitmap.bitmap.p;
	current->arch.iobmp_limit = nr;
	return 0;
}

/* --- IO-APICs --------------------------------------------------------------------------------- */

static long op_apic_read(union physdev_arg *a, XEN_GUEST_HANDLE_PARAM(void) arg)
{
	return ioapic_guest_read(a->apic.apic_physbase, a->apic.reg, &a->apic.value);
}

static long op_apic_write(union physdev_arg *a, XEN_GUEST_HANDLE_PARAM(void) arg)
{
	return ioapic_guest_write(a->apic.apic_physbase, a->apic.reg, a->apic.value);
}

/* Real vectors are nobody's business but ours: the number only comes back in apic_write. */
static long op_alloc_irq_vector(union physdev_arg *a, XEN_GUEST_HANDLE_PARAM(void) arg)
{
	if (a->irq.irq >= nr_irqs_gsi)
		return -EINVAL;
	a->irq.vector = a->irq.irq;
	return 0;
}

static long op_setup_gsi(union physdev_arg *a, XEN_GUEST_HANDLE_PARAM(void) arg)
{
	if (a->setup_gsi.gsi < 0 || a->setup_gsi.triggering > 1 || a->setup_gsi.polarity > 1)
		return -EINVAL;
	return ioapic_setup_gsi(a->setup_gsi.gsi, a->setup_gsi.triggering, a->setup_gsi.polarity);
}

/* --- Mapping ---------------------------------------------------------------------------------- */

/* Whose pirqs? Another domain's are the control domain's business only. *out with d kept alive. */
static long target_domain(domid_t id, struct domain **out)
{
	struct domain *d = rcu_lock_domain_by_any_id(id);

	if (!d)
		return -ESRCH;
	if (d != current->domain && !is_control_domain(current->domain)) {
		rcu_unlock_domain(d);
		return -EPERM;
	}
	*out = d;
	return 0;
}

/* d->pirq_lock held. A line may have several users; everyone names it as he likes, but once. */
static long map_gsi(struct domain *d, int index, int *pirq)
{
	int irq = index, have, want = *pirq, rc;

	if (irq < 0 || irq >= nr_irqs_gsi)
		return -EINVAL;
	if (!is_control_domain(current->domain) && !rangeset_contains_range(d->irq_caps, irq, irq))
		return -EPERM;
	have = domain_irq_to_pirq(d, irq);
	if (have >= 0) {
		if (want >= 0 && want != have)
			return -EEXIST;
		*pirq = have;
		return 0;
	}
	if (want < 0)
		want = domain_pirq_to_irq(d, irq) < 0 && irq < d->nr_pirqs
			       ? irq
			       : domain_free_pirq(d, true, 1);
	if (want < 0)
		return want;
	rc = domain_map_pirq(d, want, irq);
	if (!rc)
		*pirq = want;
	return rc;
}

/* d->pirq_lock held. Are n pirqs from `first` on free? */
static bool pirqs_free(const struct domain *d, unsigned int first, unsigned int n)
{
	if (first >= d->nr_pirqs || n > d->nr_pirqs - first)
		return false;
	for (unsigned int i = 0; i < n; i++)
		if (domain_pirq_to_irq(d, first + i) >= 0)
			return false;
	return true;
}

/* d->pirq_lock held. */
static long map_msi(struct domain *d, const struct msi_request *req, int *pirq)
{
	int first = *pirq, irq, rc;

	if (!is_control_domain(current->domain))
		return -EPERM;
	if (!req->nr || req->nr > MSI_MAX_MESSAGES)
		return -EINVAL;
	if (first < 0)
		first = domain_free_pirq(d, false, req->nr);
	else if (!pirqs_free(d, first, req->nr))
		return -EEXIST;
	if (first < 0)
		return first;
	irq = msi_create(req);
	if (irq < 0)
		return irq;
	for (unsigned int i = 0; i < req->nr; i++) {
		rc = domain_map_pirq(d, first + i, irq + i);
		if (WARN_ON(rc)) /* all was checked */
			return rc;
	}
	*pirq = first;
	return 0;
}

static long op_map_pirq(union physdev_arg *a, XEN_GUEST_HANDLE_PARAM(void) arg)
{
	struct physdev_map_pirq *m = &a->map_pirq;
	struct msi_request req = {
		.sbdf = PCI_SBDF(0, m->bus & 0xff, m->devfn & 0xff),
		.nr = 1,
		.entry_nr = m->entry_nr,
		.table_base = m->table_base,
	};
	struct domain *d;
	long rc = target_domain(m->domid, &d);

	if (rc)
		return rc;
	spin_lock(&d->pirq_lock);
	switch (m->type) {
	case MAP_PIRQ_TYPE_GSI:
		rc = map_gsi(d, m->index, &m->pirq);
		break;
	case MAP_PIRQ_TYPE_MULTI_MSI:
		req.nr = m->entry_nr;
		req.entry_nr = 0;
		req.table_base = 0;
		fallthrough;
	case MAP_PIRQ_TYPE_MSI_SEG:
		req.sbdf |= ((u32)m->bus >> 16) << 16;
		fallthrough;
	case MAP_PIRQ_TYPE_MSI:
		rc = map_msi(d, &req, &m->pirq);
		break;
	default:
		rc = -EINVAL;
	}
	spin_unlock(&d->pirq_lock);
	rcu_unlock_domain(d);
	return rc;
}

static long op_unmap_pirq(union physdev_arg *a, XEN_GUEST_HANDLE_PARAM(void) arg)
{
	struct domain *d;
	long rc = target_domain(a->unmap_pirq.domid, &d);

	if (rc)
		return rc;
	spin_lock(&d->pirq_lock);
	rc = a->unmap_pirq.pirq < 0 ? -EINVAL : domain_unmap_pirq(d, a->unmap_pirq.pirq);
	spin_unlock(&d->pirq_lock);
	rcu_unlock_domain(d);
	return rc;
}

static long op_get_free_pirq(union physdev_arg *a, XEN_GUEST_HANDLE_PARAM(void) arg)
{
	struct domain *d = current->domain;
	int pirq;

	if (a->get_free_pirq.type != MAP_PIRQ_TYPE_GSI &&
		a->get_free_pirq.type != MAP_PIRQ_TYPE_MSI)
		return -EINVAL;
	spin_lock(&d->pirq_lock);
	pirq = domain_free_pirq(d, a->get_free_pirq.type == MAP_PIRQ_TYPE_GSI, 1);
	spin_unlock(&d->pirq_lock);
	if (pirq < 0)
		return pirq;
	a->get_free_pirq.pirq = pirq;
	return 0;
}

/* --- PCI devices ------------------------------------------------------------------------------ */

static long op_manage_pci_add(union physdev_arg *a, XEN_GUEST_HANDLE_PARAM(void) arg)
{
	return pci_add_device(
		PCI_SBDF(0, a->manage_pci.bus, a->manage_pci.devfn), false, false, 0, PCI_NO_PXM);
}

static long op_manage_pci_remove(union physdev_arg *a, XEN_GUEST_HANDLE_PARAM(void) arg)
{
	return pci_remove_device(PCI_SBDF(0, a->manage_pci.bus, a->manage_pci.devfn));
}

static long op_manage_pci_add_ext(union physdev_arg *a, XEN_GUEST_HANDLE_PARAM(void) arg)
{
	const struct physdev_manage_pci_ext *m = &a->manage_pci_ext;

	if (m->is_extfn > 1 || m->is_virtfn > 1)
		return -EINVAL;
	return pci_add_device(PCI_SBDF(0, m->bus, m->devfn), m->is_extfn, m->is_virtfn,
		PCI_SBDF(0, m->physfn.bus, m->physfn.devfn), PCI_NO_PXM);
}

static long op_pci_device_add(union physdev_arg *a, XEN_GUEST_HANDLE_PARAM(void) arg)
{
	u16 seg = a->device_add.seg;
	u32 flags = a->device_add.flags, pxm = PCI_NO_PXM;
	const char *optional =
		(const char *)arg.p + offsetof(struct physdev_pci_device_add, optarr);

	if (flags & XEN_PCI_DEV_PXM && raw_copy_from_guest(&pxm, optional, sizeof(pxm)))
		return -EFAULT;
	return pci_add_device(PCI_SBDF(seg, a->device_add.bus, a->device_add.devfn),
		flags & XEN_PCI_DEV_EXTFN, flags & XEN_PCI_DEV_VIRTFN,
		PCI_SBDF(seg, a->device_add.phys_bus, a->device_add.phys_devfn), pxm);
}

static u32 device_of(const union physdev_arg *a)
{
	return PCI_SBDF(a->pci_device.seg, a->pci_device.bus, a->pci_device.devfn);
}

static long op_pci_device_remove(union physdev_arg *a, XEN_GUEST_HANDLE_PARAM(void) arg)
{
	return pci_remove_device(device_of(a));
}

static long op_restore_msi(union physdev_arg *a, XEN_GUEST_HANDLE_PARAM(void) arg)
{
	return msi_restore(PCI_SBDF(0, a->restore_msi.bus, a->restore_msi.devfn));
}

static long op_restore_msi_ext(union physdev_arg *a, XEN_GUEST_HANDLE_PARAM(void) arg)
{
	return msi_restore(device_of(a));
}

static long op_prepare_msix(union physdev_arg *a, XEN_GUEST_HANDLE_PARAM(void) arg)
{
	return msix_prepare(device_of(a));
}

static long op_mmcfg_reserved(union physdev_arg *a, XEN_GUEST_HANDLE_PARAM(void) arg)
{
	const struct physdev_pci_mmcfg_reserved *m = &a->mmcfg;

	return pci_mmcfg_reserved(m->address, m->segment, m->start_bus, m->end_bus,
		m->flags & XEN_PCI_MMCFG_RESERVED);
}

/* The console does not use an EHCI debug port, so dom0 may reset it when it likes. */
static long op_dbgp(union physdev_arg *a, XEN_GUEST_HANDLE_PARAM(void) arg)
{
	if (a->dbgp.op != PHYSDEVOP_DBGP_RESET_PREPARE && a->dbgp.op != PHYSDEVOP_DBGP_RESET_DONE)
		return -EINVAL;
	return 0;
}

/* --- Dispatch --------------------------------------------------------------------------------- */

#define FOR_ALL  0 /* every domain may, about itself */
#define FOR_DOM0 1 /* the control domain only */

struct physdev_entry {
	long (*fn)(union physdev_arg *a, XEN_GUEST_HANDLE_PARAM(void) arg);
	u8 size; /* of the argument */
	u8 who;
	bool out; /* the argument is written back on success */
};
#define ENTRY(nr, handler, member, who, out)                                                       \
	[PHYSDEVOP_##nr] = {op_##handler, sizeof(((union physdev_arg *)0)->member), who, out}

static const struct physdev_entry physdev_ops[] = {
	ENTRY(irq_status_query, irq_status_query, irq_status_query, FOR_ALL, true),
	ENTRY(set_iopl, set_iopl, set_iopl, FOR_ALL, false),
	ENTRY(set_iobitmap, set_iobitmap, set_iobitmap, FOR_ALL, false),
	ENTRY(apic_read, apic_read, apic, FOR_DOM0, true),
	ENTRY(apic_write, apic_write, apic, FOR_DOM0, false),
	ENTRY(alloc_irq_vector, alloc_irq_vector, irq, FOR_DOM0, true),
	ENTRY(eoi, eoi, eoi, FOR_ALL, false),
	ENTRY(map_pirq, map_pirq, map_pirq, FOR_ALL, true),
	ENTRY(unmap_pirq, unmap_pirq, unmap_pirq, FOR_ALL, false),
	ENTRY(manage_pci_add, manage_pci_add, manage_pci, FOR_DOM0, false),
	ENTRY(manage_pci_remove, manage_pci_remove, manage_pci, FOR_DOM0, false),
	ENTRY(restore_msi, restore_msi, restore_msi, FOR_DOM0, false),
	ENTRY(manage_pci_add_ext, manage_pci_add_ext, manage_pci_ext, FOR_DOM0, false),
	ENTRY(setup_gsi, setup_gsi, setup_gsi, FOR_DOM0, false),
	ENTRY(get_free_pirq, get_free_pirq, get_free_pirq, FOR_ALL, true),
	ENTRY(pci_mmcfg_reserved, mmcfg_reserved, mmcfg, FOR_DOM0, false),
	[PHYSDEVOP_pci_device_add] = {op_pci_device_add,
		offsetof(struct physdev_pci_device_add, optarr), FOR_DOM0, false},
	ENTRY(pci_device_remove, pci_device_remove, pci_device, FOR_DOM0, false),
	ENTRY(restore_msi_ext, restore_msi_ext, pci_device, FOR_DOM0, false),
	ENTRY(pirq_eoi_gmfn_v2, pirq_eoi_gmfn, eoi_gmfn, FOR_ALL, false),
	ENTRY(dbgp_op, dbgp, dbgp, FOR_DOM0, false),
	ENTRY(prepare_msix, prepare_msix, pci_device, FOR_DOM0, false),
	ENTRY(release_msix, prepare_msix, pci_device, FOR_DOM0, false),
};

long do_physdev_op(int cmd, XEN_GUEST_HANDLE_PARAM(void) arg)
{
	const struct physdev_entry *e;
	union physdev_arg a;
	long rc;

	if (cmd < 0 || cmd >= ARRAY_SIZE(physdev_ops) || !physdev_ops[cmd].fn)
		return -ENOSYS;
	e = &physdev_ops[cmd];
	if (e->who == FOR_DOM0 && !is_control_domain(current->domain))
		return -EPERM;
	if (raw_copy_from_guest(&a, arg.p, e->size))
		return -EFAULT;
	rc = e->fn(&a, arg);
	if (!rc && e->out && raw_copy_to_guest(arg.p, &a, e->size))
		rc = -EFAULT;
	return rc;
}

/* The first form of the hypercall: number and argument in one structure, and only these. */
long do_physdev_op_compat(XEN_GUEST_HANDLE_PARAM(physdev_op_t) uop)
{
	XEN_GUEST_HANDLE_PARAM(void) arg = {(char *)uop.p + offsetof(struct physdev_op, u)};
	u32 cmd;

	if (raw_copy_from_guest(&cmd, uop.p, sizeof(cmd)))
		return -EFAULT;
	switch (cmd) {
	case PHYSDEVOP_irq_status_query:
	case PHYSDEVOP_set_iopl:
	case PHYSDEVOP_set_iobitmap:
	case PHYSDEVOP_apic_read:
	case PHYSDEVOP_apic_write:
	case PHYSDEVOP_alloc_irq_vector:
		return do_physdev_op(cmd, arg);
	default:
		return -ENOSYS;
	}
}
