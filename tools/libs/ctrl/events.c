/* Event channels and grants that are set up in other domains' names. */
#include <string.h>
#include <sys/mman.h>

#include "private.h"

int xc_evtchn_alloc_unbound(xc_interface *xc, uint32_t domid, uint32_t remote)
{
	struct evtchn_alloc_unbound arg = { .dom = domid, .remote_dom = remote };

	if (xc_hypercall_arg(
		    xc, __HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, &arg, sizeof(arg)))
		return -1;
	return arg.port;
}

int xc_evtchn_status(xc_interface *xc, struct evtchn_status *status)
{
	return xc_hypercall_arg(
		xc, __HYPERVISOR_event_channel_op, EVTCHNOP_status, status, sizeof(*status));
}

static void seed(grant_entry_v1_t *entry, xen_pfn_t frame, uint32_t domid)
{
	if (frame == ~(xen_pfn_t)0)
		return;
	entry->domid = domid;
	entry->frame = frame;
	__atomic_store_n(&entry->flags, GTF_permit_access, __ATOMIC_RELEASE);
}

int xc_gnttab_seed(xc_interface *xc, uint32_t domid, xen_pfn_t console_gfn, xen_pfn_t store_gfn,
	uint32_t console_domid, uint32_t store_domid)
{
	xenforeignmemory_resource_handle *resource;
	void *table = NULL;

	/* The table's first frame, which is of version 1 until the guest asks for another. */
	resource = xenforeignmemory_map_resource(xc->foreign, domid, XENMEM_resource_grant_table,
		XENMEM_resource_grant_table_id_shared, 0, 1, &table, PROT_READ | PROT_WRITE, 0);
	if (!resource)
		return -1;
	seed((grant_entry_v1_t *)table + GNTTAB_RESERVED_CONSOLE, console_gfn, console_domid);
	seed((grant_entry_v1_t *)table + GNTTAB_RESERVED_XENSTORE, store_gfn, store_domid);
	return xenforeignmemory_unmap_resource(xc->foreign, resource);
}
