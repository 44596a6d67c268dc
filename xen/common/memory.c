/* memory_op: the table of its operations, and those that only ask or promise. */
#include <xen/errno.h>
#include <xen/lib.h>
#include <xen/grant_table.h>
#include "memory.h"

#define GUEST_MAX_ORDER 9
#define RESOURCE_BATCH  32

/* --- What the operations share ---------------------------------------------------------------- */

int memop_target(domid_t id, struct domain **d)
{
	struct domain *self = current->domain;

	if (id == DOMID_SELF || id == self->domain_id) {
		*d = self;
		return 0;
	}
	if (!is_control_domain(self))
		return -EPERM;
	*d = id < DOMID_FIRST_SYSTEM ? rcu_lock_domain_by_any_id(id) : NULL;
	return *d ? 0 : -ESRCH;
}

unsigned int memop_max_order(void)
{
	return is_control_domain(current->domain) ? MAX_ORDER : GUEST_MAX_ORDER;
}

int memop_flags(unsigned int mem_flags, unsigned int *memflags)
{
	unsigned int bits = XENMEMF_get_address_bits(mem_flags);

	/* One page needs more than 12 bits; ordinary guests have no memory on demand. */
	if ((bits && bits <= PAGE_SHIFT) || (mem_flags & XENMEMF_populate_on_demand))
		return -EINVAL;
	*memflags = MEMF_bits(bits);
	return 0;
}

long memop_continue(unsigned int op, unsigned long done, XEN_GUEST_HANDLE_PARAM(void) arg)
{
	return hypercall_create_continuation(
		__HYPERVISOR_memory_op, 2, op | done << MEMOP_EXTENT_SHIFT, (unsigned long)arg.p);
}

/* --- Sizes ------------------------------------------------------------------------------------ */

/* One beyond the last frame of RAM: callers size tables with it. */
static long maximum_ram_page(unsigned int op, XEN_GUEST_HANDLE_PARAM(void) arg, unsigned long start)
{
	return max_page;
}

static long reservation_size(unsigned int op, XEN_GUEST_HANDLE_PARAM(void) arg, unsigned long start)
{
	struct xen_memory_domain md;
	unsigned long entries;
	struct domain *d;
	int rc;

	if (copy_from_guest(&md, arg, 1))
		return -EFAULT;
	rc = memop_target(md.domid, &d);
	if (rc)
		return rc;
	if (op == XENMEM_current_reservation)
		return READ_ONCE(d->tot_pages);
	if (op == XENMEM_maximum_reservation)
		return READ_ONCE(d->max_pages);
	/* The guest's own word: it must not pass for an error. */
	entries = READ_ONCE(d->shared_info->arch.max_pfn);
	return entries ? min(entries - 1, ~0UL >> 1) : 0;
}

static long sharing_pages(unsigned int op, XEN_GUEST_HANDLE_PARAM(void) arg, unsigned long start)
{
	return 0; /* no memory is shared between guests behind their backs */
}

static long claim_pages(unsigned int op, XEN_GUEST_HANDLE_PARAM(void) arg, unsigned long start)
{
	struct xen_memory_reservation r;
	struct domain *d;
	int rc;

	if (!is_control_domain(current->domain))
		return -EPERM;
	if (copy_from_guest(&r, arg, 1))
		return -EFAULT;
	if (!guest_handle_is_null(r.extent_start) || r.extent_order || r.mem_flags)
		return -EINVAL;
	rc = memop_target(r.domid, &d);
	return rc ? rc : domain_set_outstanding_pages(d, r.nr_extents);
}

/* --- The machine-to-physical table ------------------------------------------------------------ */

static long machphys_mapping(unsigned int op, XEN_GUEST_HANDLE_PARAM(void) arg, unsigned long start)
{
	struct xen_machphys_mapping m = {
		.v_start = RO_MPT_START,
		.v_end = RO_MPT_END,
		.max_mfn = max_page - 1,
	};

	return copy_to_guest(arg, &m, 1) ? -EFAULT : 0;
}

static long machphys_mfn_list(
	unsigned int op, XEN_GUEST_HANDLE_PARAM(void) arg, unsigned long start)
{
	unsigned long extents = DIV_ROUND_UP(max_page * sizeof(unsigned long), 1UL << L2_SHIFT);
	struct xen_machphys_mfn_list l;
	xen_pfn_t mfn = 0;
	unsigned int i;

	if (copy_from_guest(&l, arg, 1))
		return -EFAULT;
	for (i = 0; i < l.max_extents && i < extents; i++) {
		/* Tools map all of them together: what is in a hole looks like the extent before. */
		mfn = m2p_extent_mfn(i) ?: mfn;
		if (copy_to_guest_offset(l.extent_start, i, &mfn, 1))
			return -EFAULT;
	}
	l.nr_extents = i;
	return copy_field_to_guest(arg, &l, nr_extents) ? -EFAULT : 0;
}

/* --- Other domains' frames -------------------------------------------------------------------- */

/* Write the machine frames of [start, nr_frames) of the request into its list. */
static long acquire_frames(struct domain *d, const struct xen_mem_acquire_resource *r,
	unsigned long start, XEN_GUEST_HANDLE_PARAM(void) arg)
{
	mfn_t mfn[RESOURCE_BATCH];
	xen_pfn_t out[RESOURCE_BATCH];

	while (start < r->nr_frames) {
		unsigned int nr = min(r->nr_frames - start, (unsigned long)RESOURCE_BATCH);
		int rc = gnttab_get_resource(d, r->id, r->frame + start, nr, mfn);

		if (rc)
			return rc;
		for (unsigned int i = 0; i < nr; i++)
			out[i] = mfn_x(mfn[i]);
		if (copy_to_guest_offset(r->frame_list, start, out, nr))
			return -EFAULT;
		start += nr;
		if (start < r->nr_frames && hypercall_preempt_check())
			return memop_continue(XENMEM_acquire_resource, start, arg);
	}
	return 0;
}

static long acquire_resource(unsigned int op, XEN_GUEST_HANDLE_PARAM(void) arg, unsigned long start)
{
	struct xen_mem_acquire_resource r;
	unsigned int max_frames;
	struct domain *d;
	int rc;

	if (!is_control_domain(current->domain))
		return -EPERM;
	if (copy_from_guest(&r, arg, 1))
		return -EFAULT;
	if (r.pad || (guest_handle_is_null(r.frame_list) && r.nr_frames))
		return -EINVAL;
	rc = memop_target(r.domid, &d);
	if (rc)
		return rc;
	if (d == current->domain)
		return -EPERM;
	if (r.type != XENMEM_resource_grant_table)
		return -EOPNOTSUPP;
	if (r.id != XENMEM_resource_grant_table_id_shared &&
		r.id != XENMEM_resource_grant_table_id_status)
		return -EINVAL;
	max_frames = gnttab_resource_max_frames(d, r.id);
	if (guest_handle_is_null(r.frame_list)) {
		r.nr_frames = max_frames;
		return copy_field_to_guest(arg, &r, nr_frames) ? -EFAULT : 0;
	}
	if (r.frame > max_frames || r.nr_frames > max_frames - r.frame || start > r.nr_frames)
		return -EINVAL;
	return acquire_frames(d, &r, start, arg);
}

/* Guests with page tables of their own have no map from frame numbers that could be changed. */
static long change_physmap(unsigned int op, XEN_GUEST_HANDLE_PARAM(void) arg, unsigned long start)
{
	struct domain *d;
	domid_t id; /* first in all three arguments */
	int rc;

	if (copy_from_guest(&id, arg, 1))
		return -EFAULT;
	rc = memop_target(id, &d);
	return rc ? rc : -EINVAL;
}

/* No domain has NUMA nodes of its own; toolstacks ask before they save or move one. */
static long vnuma_info(unsigned int op, XEN_GUEST_HANDLE_PARAM(void) arg, unsigned long start)
{
	struct xen_vnuma_topology_info info;
	struct domain *d;
	int rc;

	if (copy_from_guest(&info, arg, 1))
		return -EFAULT;
	rc = memop_target(info.domid, &d);
	return rc ? rc : -EOPNOTSUPP;
}

static long arch_op(unsigned int op, XEN_GUEST_HANDLE_PARAM(void) arg, unsigned long start)
{
	return arch_memory_op(op, arg);
}

/* --- The table -------------------------------------------------------------------------------- */

static const struct {
	long (*fn)(unsigned int op, XEN_GUEST_HANDLE_PARAM(void) arg, unsigned long start);
	bool resumes; /* may be called with extents done already */
} memops[] = {
	[XENMEM_increase_reservation] = { memop_reservation, true },
	[XENMEM_decrease_reservation] = { memop_reservation, true },
	[XENMEM_populate_physmap] = { memop_reservation, true },
	[XENMEM_exchange] = { memop_exchange },
	[XENMEM_maximum_ram_page] = { maximum_ram_page },
	[XENMEM_current_reservation] = { reservation_size },
	[XENMEM_maximum_reservation] = { reservation_size },
	[XENMEM_maximum_gpfn] = { reservation_size },
	[XENMEM_machphys_mfn_list] = { machphys_mfn_list },
	[XENMEM_machphys_mapping] = { machphys_mapping },
	[XENMEM_add_to_physmap] = { change_physmap },
	[XENMEM_add_to_physmap_batch] = { change_physmap },
	[XENMEM_remove_from_physmap] = { change_physmap },
	[XENMEM_memory_map] = { arch_op },
	[XENMEM_machine_memory_map] = { arch_op },
	[XENMEM_set_memory_map] = { arch_op },
	[XENMEM_get_sharing_freed_pages] = { sharing_pages },
	[XENMEM_get_sharing_shared_pages] = { sharing_pages },
	[XENMEM_claim_pages] = { claim_pages },
	[XENMEM_get_vnumainfo] = { vnuma_info },
	[XENMEM_acquire_resource] = { acquire_resource, true },
};

long do_memory_op(unsigned long cmd, XEN_GUEST_HANDLE_PARAM(void) arg)
{
	unsigned int op = cmd & MEMOP_CMD_MASK;
	unsigned long start = cmd >> MEMOP_EXTENT_SHIFT;

	if (op >= ARRAY_SIZE(memops) || !memops[op].fn)
		return -ENOSYS;
	if (start && !memops[op].resumes)
		return -EINVAL;
	return memops[op].fn(op, arg, start);
}
