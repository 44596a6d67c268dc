/*
 * Mapping grants into the caller's address space, and unmapping them.
 *
 * References: a mapping by page table (GNTMAP_host_map) and one for devices hold one general
 * reference of the page each, and one of type PGT_writable unless read-only. They belong to the
 * handle: entries that a grant made are marked, and whoever destroys one gives nothing back. A guest
 * that overwrites such an entry by other means cannot unmap the grant any more; the references
 * stay until it dies.
 *
 * An unmapped page is let go only after the TLBs have forgotten it, for a whole batch at a time:
 * its owner sees from the entry's flags that it may reuse the page.
 */
#include <xen/errno.h>
#include <xen/trace.h>
#include <xen/xmalloc.h>
#include "grant_table.h"

#define RELEASE_BATCH 64

/* The flags that mean something; the bits between are free for MAPTRACK_busy(). */
#define GNTMAP_KNOWN                                                                               \
	(GNTMAP_device_map | GNTMAP_host_map | GNTMAP_readonly | GNTMAP_application_map |          \
		GNTMAP_contains_pte | GNTMAP_guest_avail_mask)

/* --- Handles ---------------------------------------------------------------------------------- */

static struct maptrack *maptrack_of(const struct grant_table *gt, u32 handle)
{
	return &gt->maptrack[handle / MAPTRACK_PER_FRAME][handle % MAPTRACK_PER_FRAME];
}

/* Maptrack lock held. */
static bool grow_maptrack(struct grant_table *gt)
{
	u32 first = gt->nr_maptrack_frames * MAPTRACK_PER_FRAME;
	struct maptrack *m;

	if (gt->nr_maptrack_frames == gt->max_maptrack_frames)
		return false;
	m = xzalloc_array(struct maptrack, MAPTRACK_PER_FRAME);
	if (!m)
		return false;
	for (unsigned int i = 0; i < MAPTRACK_PER_FRAME; i++)
		m[i].ref = first + i + 1;
	m[MAPTRACK_PER_FRAME - 1].ref = gt->free_handle;
	gt->maptrack[gt->nr_maptrack_frames++] = m;
	gt->free_handle = first;
	return true;
}

static u32 get_handle(struct grant_table *gt)
{
	u32 handle = INVALID_HANDLE;

	spin_lock(&gt->maptrack_lock);
	if (gt->free_handle != INVALID_HANDLE || grow_maptrack(gt)) {
		handle = gt->free_handle;
		gt->free_handle = maptrack_of(gt, handle)->ref;
	}
	spin_unlock(&gt->maptrack_lock);
	return handle;
}

/* Maptrack lock held. */
static void free_handle(struct grant_table *gt, u32 handle)
{
	struct maptrack *m = maptrack_of(gt, handle);

	m->flags = 0;
	m->ref = gt->free_handle;
	gt->free_handle = handle;
}

static void put_handle(struct grant_table *gt, u32 handle)
{
	spin_lock(&gt->maptrack_lock);
	free_handle(gt, handle);
	spin_unlock(&gt->maptrack_lock);
}

/* --- Map -------------------------------------------------------------------------------------- */

/* Pin the grant, with a reference of the page for each part of the mapping. */
static int pin_for_map(struct grant_use *u, u32 flags)
{
	int rc = gnttab_pin(u, true);

	if (rc || (flags & MAPTRACK_PARTS) != MAPTRACK_PARTS)
		return rc;
	if (!get_page(u->page, u->rd))
		rc = GNTST_general_error;
	else if (!u->readonly && get_page_type(u->page, PGT_writable)) {
		put_page(u->page);
		rc = GNTST_general_error;
	}
	if (rc) {
		gnttab_put_page(u->page, u->readonly);
		gnttab_unpin(u->rd, u->ref, u->readonly);
	}
	return rc;
}

static void undo_pin_for_map(const struct grant_use *u, u32 flags)
{
	gnttab_put_page(u->page, u->readonly);
	if ((flags & MAPTRACK_PARTS) == MAPTRACK_PARTS)
		gnttab_put_page(u->page, u->readonly);
	gnttab_unpin(u->rd, u->ref, u->readonly);
}

static int map_into(struct gnttab_map_grant_ref *op, struct grant_use *u, u32 handle)
{
	struct grant_table *lgt = current->domain->grant_table;
	struct maptrack *m = maptrack_of(lgt, handle);
	u32 flags = op->flags & GNTMAP_KNOWN;
	mfn_t mfn;
	int rc = pin_for_map(u, flags);

	if (rc)
		return rc;
	mfn = page_to_mfn(u->page);
	if (flags & GNTMAP_host_map) {
		rc = create_grant_host_mapping(op->host_addr, mfn, flags, false);
		if (rc) {
			undo_pin_for_map(u, flags);
			return rc;
		}
	}
	spin_lock(&lgt->maptrack_lock);
	m->rd = u->rd;
	m->ref = u->ref;
	m->flags = flags;
	spin_unlock(&lgt->maptrack_lock);
	op->handle = handle;
	op->dev_bus_addr = mfn_to_maddr(mfn); /* without an IOMMU devices use machine addresses */
	return GNTST_okay;
}

static int map_grant(struct gnttab_map_grant_ref *op)
{
	struct domain *ld = current->domain;
	struct grant_use u = {
		.ref = op->ref,
		.grantee = ld->domain_id,
		.readonly = op->flags & GNTMAP_readonly,
	};
	u32 handle;
	int rc;

	if (!(op->flags & MAPTRACK_PARTS))
		return GNTST_bad_gntref;
	u.rd = gnttab_get_domain(op->dom);
	if (!u.rd)
		return GNTST_bad_domain;
	handle = get_handle(ld->grant_table);
	rc = handle == INVALID_HANDLE ? GNTST_no_space : map_into(op, &u, handle);
	if (rc) {
		if (handle != INVALID_HANDLE)
			put_handle(ld->grant_table, handle);
		put_domain(u.rd);
	} else {
		TRACE(TRC_MEM_PAGE_GRANT_MAP, op->dom);
	}
	return rc;
}

long gnttab_op_map(struct gnttab_run *run, void *arg)
{
	struct gnttab_map_grant_ref *op = arg;

	op->status = map_grant(op);
	return 0;
}

/* --- Unmap ------------------------------------------------------------------------------------ */

/*
 * Set the wanted parts of a mapping aside, so that no other vCPU unmaps them too. Returns the
 * mapping's flags as they were, 0 when the handle is none. *parts: wanted on entry, got on return.
 */
static u32 claim_parts(struct grant_table *gt, u32 handle, u32 *parts)
{
	struct maptrack *m;
	u32 flags = 0;

	spin_lock(&gt->maptrack_lock);
	if (handle < gt->nr_maptrack_frames * MAPTRACK_PER_FRAME) {
		m = maptrack_of(gt, handle);
		flags = m->flags & MAPTRACK_PARTS ? m->flags : 0;
		*parts &= flags;
		m->flags = (m->flags & ~*parts) | MAPTRACK_busy(*parts);
	}
	spin_unlock(&gt->maptrack_lock);
	return flags;
}

/* The parts are not unmapped after all. */
static void unclaim_parts(struct grant_table *gt, struct maptrack *m, u32 parts)
{
	spin_lock(&gt->maptrack_lock);
	m->flags = (m->flags & ~MAPTRACK_busy(parts)) | parts;
	spin_unlock(&gt->maptrack_lock);
}

/* host_addr, dev_bus_addr 0: leave that part alone. new_addr: see replace_grant_host_mapping(). */
static int unmap_grant(
	struct gnttab_run *run, u32 handle, u64 host_addr, u64 dev_bus_addr, u64 new_addr)
{
	struct grant_table *lgt = current->domain->grant_table;
	u32 parts = (host_addr ? GNTMAP_host_map : 0) | (dev_bus_addr ? GNTMAP_device_map : 0);
	u32 flags = claim_parts(lgt, handle, &parts);
	struct maptrack *m;
	int rc = GNTST_okay;
	mfn_t mfn;

	if (!flags)
		return GNTST_bad_handle;
	if (!parts)
		return GNTST_okay;
	m = maptrack_of(lgt, handle);
	/* Our mapping keeps the entry in use, and so its frame as it is. */
	mfn = _mfn(active_of(m->rd->grant_table, m->ref)->mfn);
	if (parts & GNTMAP_device_map && dev_bus_addr != mfn_to_maddr(mfn))
		rc = GNTST_bad_dev_addr;
	else if (parts & GNTMAP_host_map)
		rc = replace_grant_host_mapping(host_addr, mfn, new_addr, flags);
	if (rc) {
		unclaim_parts(lgt, m, parts);
		return rc;
	}
	TRACE(TRC_MEM_PAGE_GRANT_UNMAP, m->rd->domain_id);
	run->unmapped[run->nr_unmapped].map = m;
	run->unmapped[run->nr_unmapped].handle = handle;
	run->unmapped[run->nr_unmapped].parts = parts;
	if (++run->nr_unmapped == MAX_UNMAP_BATCH)
		gnttab_finish_unmaps(run);
	return GNTST_okay;
}

/* The parts have been unmapped everywhere. With the last one the handle becomes free. */
static void let_go(struct grant_table *lgt, struct maptrack *m, u32 handle, u32 parts)
{
	bool readonly = m->flags & GNTMAP_readonly;
	struct domain *rd = m->rd;
	grant_ref_t ref = m->ref;
	struct page_info *pg = mfn_to_page(_mfn(active_of(rd->grant_table, ref)->mfn));
	bool last;

	if (parts & GNTMAP_host_map)
		gnttab_put_page(pg, readonly);
	if (parts & GNTMAP_device_map)
		gnttab_put_page(pg, readonly);
	spin_lock(&lgt->maptrack_lock);
	m->flags &= ~MAPTRACK_busy(parts);
	last = !(m->flags & (MAPTRACK_PARTS | MAPTRACK_busy(MAPTRACK_PARTS)));
	if (last)
		free_handle(lgt, handle);
	spin_unlock(&lgt->maptrack_lock);
	if (last) {
		gnttab_unpin(rd, ref, readonly);
		put_domain(rd);
	}
}

void gnttab_finish_unmaps(struct gnttab_run *run)
{
	struct domain *ld = current->domain;
	u32 parts = 0;

	for (unsigned int i = 0; i < run->nr_unmapped; i++)
		parts |= run->unmapped[i].parts;
	if (parts & GNTMAP_host_map)
		gnttab_flush_tlb(ld);
	for (unsigned int i = 0; i < run->nr_unmapped; i++)
		let_go(ld->grant_table, run->unmapped[i].map, run->unmapped[i].handle,
			run->unmapped[i].parts);
	run->nr_unmapped = 0;
}

long gnttab_op_unmap(struct gnttab_run *run, void *arg)
{
	struct gnttab_unmap_grant_ref *op = arg;

	op->status = unmap_grant(run, op->handle, op->host_addr, op->dev_bus_addr, 0);
	return 0;
}

long gnttab_op_unmap_and_replace(struct gnttab_run *run, void *arg)
{
	struct gnttab_unmap_and_replace *op = arg;

	op->status = unmap_grant(run, op->handle, op->host_addr, 0, op->new_addr);
	return 0;
}

/* --- Death ------------------------------------------------------------------------------------ */

/* None of d's vCPUs runs, so that nothing is reached through page tables that still map grants. */
static void release_mapping(struct domain *d, u32 handle)
{
	struct maptrack *m = maptrack_of(d->grant_table, handle);
	struct page_info *pg;

	if (!(m->flags & MAPTRACK_PARTS))
		return;
	pg = mfn_to_page(_mfn(active_of(m->rd->grant_table, m->ref)->mfn));
	if (m->flags & GNTMAP_host_map)
		gnttab_put_page(pg, m->flags & GNTMAP_readonly);
	if (m->flags & GNTMAP_device_map)
		gnttab_put_page(pg, m->flags & GNTMAP_readonly);
	gnttab_unpin(m->rd, m->ref, m->flags & GNTMAP_readonly);
	put_domain(m->rd);
	put_handle(d->grant_table, handle);
}

int gnttab_release_mappings(struct domain *d)
{
	struct grant_table *gt = d->grant_table;

	if (!gt)
		return 0;
	while (gt->release_cursor < gt->nr_maptrack_frames * MAPTRACK_PER_FRAME) {
		release_mapping(d, gt->release_cursor++);
		if (gt->release_cursor % RELEASE_BATCH == 0 && hypercall_preempt_check())
			return -ERESTART;
	}
	return 0;
}
