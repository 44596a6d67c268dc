/*
 * Grant tables: a domain's table and its growth, the operations about the table itself, and the
 * hypercall. Using grants: grant_use.c, grant_map.c, grant_copy.c, grant_transfer.c. Interface:
 * public/grant_table.h.
 */
#include <xen/types.h>
#include <public/memory.h>
#include <xen/errno.h>
#include <xen/hypercall.h>
#include <xen/param.h>
#include <xen/xmalloc.h>
#include "grant_table.h"

#define DEFAULT_FRAMES 64
#define INITIAL_FRAMES 1
#define DUMP_BATCH     256

unsigned int opt_max_grant_frames = DEFAULT_FRAMES;
unsigned int opt_max_maptrack_frames = 1024;
integer_param("gnttab_max_frames", opt_max_grant_frames);
integer_param("gnttab_max_nr_frames", opt_max_grant_frames); /* its name in older versions */
integer_param("gnttab_max_maptrack_frames", opt_max_maptrack_frames);

/* --- A table's life --------------------------------------------------------------------------- */

/* Make status frames for so many frames of entries. Grant lock held. */
static int grow_status(struct domain *d, struct grant_table *gt, unsigned int nr_frames)
{
	while (gt->nr_status_frames < status_frames_for(nr_frames)) {
		void *page = alloc_xenheap_page();

		if (!page)
			return -ENOMEM;
		share_xen_page_with_guest(virt_to_page(page), d, false);
		gt->status[gt->nr_status_frames] = page;
		WRITE_ONCE(gt->nr_status_frames, gt->nr_status_frames + 1);
	}
	return 0;
}

/* Have at least `nr` frames: -EINVAL above the limit, -ENOMEM. Grant lock held. */
static int grow_table(struct domain *d, struct grant_table *gt, unsigned int nr)
{
	int rc = 0;

	if (nr > gt->max_frames || (nr > gt->nr_frames && d->is_dying))
		return -EINVAL;
	if (nr > gt->nr_frames && gt->version == 2)
		rc = grow_status(d, gt, nr);
	while (!rc && gt->nr_frames < nr) {
		struct active_grant *act = xzalloc_array(struct active_grant, V1_PER_FRAME);
		void *page = act ? alloc_xenheap_page() : NULL;

		if (!page) {
			xfree(act);
			return -ENOMEM;
		}
		share_xen_page_with_guest(virt_to_page(page), d, false);
		gt->active[gt->nr_frames] = act;
		gt->shared[gt->nr_frames] = page;
		WRITE_ONCE(gt->nr_frames, gt->nr_frames + 1);
	}
	return rc;
}

/* A domain's limit: the default when it asks for none, never more than the default. */
static unsigned int limit(unsigned int wanted, unsigned int def)
{
	return wanted && wanted < def ? wanted : max(def, 1u);
}

int grant_table_create(struct domain *d, unsigned int max_frames, unsigned int max_maptrack)
{
	struct grant_table *gt = xzalloc(struct grant_table);
	int rc = -ENOMEM;

	if (!gt)
		return -ENOMEM;
	spin_lock_init(&gt->lock, LOCK_RANK_GRANT);
	spin_lock_init(&gt->maptrack_lock, LOCK_RANK_GRANT_ACTIVE);
	gt->version = 1;
	gt->max_frames = limit(max_frames, opt_max_grant_frames);
	gt->max_maptrack_frames = limit(max_maptrack, opt_max_maptrack_frames);
	gt->free_handle = INVALID_HANDLE;
	gt->shared = xzalloc_array(void *, gt->max_frames);
	gt->active = xzalloc_array(struct active_grant *, gt->max_frames);
	gt->status = xzalloc_array(grant_status_t *, status_frames_for(gt->max_frames));
	gt->maptrack = xzalloc_array(struct maptrack *, gt->max_maptrack_frames);
	d->grant_table = gt;
	if (gt->shared && gt->active && gt->status && gt->maptrack) {
		spin_lock(&gt->lock);
		rc = grow_table(d, gt, INITIAL_FRAMES);
		spin_unlock(&gt->lock);
	}
	if (rc)
		grant_table_destroy(d);
	return rc;
}

/* The domain's last reference is gone: nobody uses its grants. Who maps a frame of the table keeps it. */
void grant_table_destroy(struct domain *d)
{
	struct grant_table *gt = d->grant_table;

	if (!gt)
		return;
	d->grant_table = NULL;
	for (unsigned int i = 0; i < gt->nr_frames; i++) {
		free_xenheap_page(gt->shared[i]);
		xfree(gt->active[i]);
	}
	for (unsigned int i = 0; i < gt->nr_status_frames; i++)
		free_xenheap_page(gt->status[i]);
	for (unsigned int i = 0; i < gt->nr_maptrack_frames; i++)
		xfree(gt->maptrack[i]);
	xfree(gt->shared);
	xfree(gt->active);
	xfree(gt->status);
	xfree(gt->maptrack);
	xfree(gt);
}

/* --- Frames for mapping ----------------------------------------------------------------------- */

/* Frame `idx` of the entries or of the status words, made when missing. Grant lock held. */
static int get_frame(
	struct domain *d, struct grant_table *gt, bool status, unsigned long idx, mfn_t *mfn)
{
	int rc;

	if (status) {
		if (gt->version != 2 || idx >= status_frames_for(gt->max_frames))
			return -EINVAL;
		if (idx >= gt->nr_status_frames) {
			rc = grow_table(d, gt,
				min((unsigned int)(idx * STATUS_PER_FRAME / V2_PER_FRAME + 1),
					gt->max_frames));
			if (rc)
				return rc;
		}
		*mfn = _mfn(virt_to_mfn(gt->status[idx]));
		return 0;
	}
	if (idx >= gt->max_frames)
		return -EINVAL;
	rc = grow_table(d, gt, idx + 1);
	if (!rc)
		*mfn = _mfn(virt_to_mfn(gt->shared[idx]));
	return rc;
}

int gnttab_map_frame(struct domain *d, unsigned long idx, mfn_t *mfn)
{
	struct grant_table *gt = d->grant_table;
	bool status = idx & XENMAPIDX_grant_table_status;
	int rc;

	if (!gt)
		return -EINVAL;
	spin_lock(&gt->lock);
	rc = get_frame(d, gt, status, idx & ~XENMAPIDX_grant_table_status, mfn);
	spin_unlock(&gt->lock);
	return rc;
}

int gnttab_get_resource(
	struct domain *d, unsigned int id, unsigned int frame, unsigned int nr, mfn_t *mfns)
{
	struct grant_table *gt = d->grant_table;
	int rc = 0;

	if (!gt ||
		(id != XENMEM_resource_grant_table_id_shared &&
			id != XENMEM_resource_grant_table_id_status))
		return -EINVAL;
	spin_lock(&gt->lock);
	for (unsigned int i = 0; i < nr && !rc; i++)
		rc = get_frame(d, gt, id == XENMEM_resource_grant_table_id_status,
			(unsigned long)frame + i, &mfns[i]);
	spin_unlock(&gt->lock);
	return rc;
}

unsigned int gnttab_resource_max_frames(struct domain *d, unsigned int id)
{
	struct grant_table *gt = d->grant_table;

	if (!gt)
		return 0;
	switch (id) {
	case XENMEM_resource_grant_table_id_shared:
		return gt->max_frames;
	case XENMEM_resource_grant_table_id_status:
		return READ_ONCE(gt->version) == 2 ? status_frames_for(gt->max_frames) : 0;
	default:
		return 0;
	}
}

/* --- Operations on a table -------------------------------------------------------------------- */

int gnttab_find_target(domid_t id, struct domain **d)
{
	*d = rcu_lock_domain_by_any_id(id);
	if (!*d || !(*d)->grant_table)
		return GNTST_bad_domain;
	if (*d != current->domain && !is_control_domain(current->domain))
		return GNTST_permission_denied;
	return GNTST_okay;
}

long gnttab_op_setup_table(struct gnttab_run *run, void *arg)
{
	struct gnttab_setup_table *op = arg;
	struct grant_table *gt;
	struct domain *d;
	int rc;

	op->status = gnttab_find_target(op->dom, &d);
	if (op->status)
		return 0;
	gt = d->grant_table;
	spin_lock(&gt->lock);
	rc = grow_table(d, gt, op->nr_frames);
	spin_unlock(&gt->lock);
	if (rc) {
		op->status = GNTST_general_error;
		return 0;
	}
	for (unsigned int i = 0; i < op->nr_frames; i++) {
		xen_pfn_t mfn = virt_to_mfn(gt->shared[i]);

		if (copy_to_guest_offset(op->frame_list, i, &mfn, 1)) {
			op->status = GNTST_bad_virt_addr;
			break;
		}
	}
	return 0;
}

long gnttab_op_get_status_frames(struct gnttab_run *run, void *arg)
{
	struct gnttab_get_status_frames *op = arg;
	struct grant_table *gt;
	struct domain *d;

	op->status = gnttab_find_target(op->dom, &d);
	if (op->status)
		return 0;
	gt = d->grant_table;
	spin_lock(&gt->lock);
	if (gt->version != 2 || op->nr_frames > gt->nr_status_frames)
		op->status = GNTST_general_error;
	spin_unlock(&gt->lock);
	for (unsigned int i = 0; !op->status && i < op->nr_frames; i++) {
		u64 mfn = virt_to_mfn(gt->status[i]);

		if (copy_to_guest_offset(op->frame_list, i, &mfn, 1))
			op->status = GNTST_bad_virt_addr;
	}
	return 0;
}

long gnttab_op_query_size(struct gnttab_run *run, void *arg)
{
	struct gnttab_query_size *op = arg;
	struct domain *d;

	op->status = gnttab_find_target(op->dom, &d);
	if (!op->status) {
		op->nr_frames = READ_ONCE(d->grant_table->nr_frames);
		op->max_nr_frames = d->grant_table->max_frames;
	}
	return 0;
}

long gnttab_op_get_version(struct gnttab_run *run, void *arg)
{
	struct gnttab_get_version *op = arg;
	struct domain *d;
	int rc = gnttab_find_target(op->dom, &d);

	if (rc)
		return rc == GNTST_bad_domain ? -ESRCH : -EPERM;
	op->version = READ_ONCE(d->grant_table->version);
	return 0;
}

/*
 * The entries reserved for the tools, in the new version's form: they may be in use while the
 * version changes. Only whole pages can be carried over. Grant lock held.
 */
static int convert_reserved(const struct grant_table *gt, grant_entry_v2_t *e)
{
	memset(e, 0, GNTTAB_NR_RESERVED_ENTRIES * sizeof(*e));
	for (grant_ref_t ref = 0; ref < GNTTAB_NR_RESERVED_ENTRIES; ref++) {
		u32 header = READ_ONCE(*entry_header(gt, ref));
		u64 frame = gt->version == 1 ? READ_ONCE(entry_v1(gt, ref)->frame)
					     : READ_ONCE(entry_v2(gt, ref)->full_page.frame);

		switch (header & GTF_type_mask) {
		case GTF_invalid:
			break;
		case GTF_permit_access:
			if (gt->version == 2 && header & GTF_sub_page)
				return -EINVAL;
			if (frame != (u32)frame)
				return -ERANGE;
			e[ref].hdr.flags = header & ~(GTF_reading | GTF_writing);
			e[ref].hdr.domid = header >> 16;
			e[ref].full_page.frame = frame;
			break;
		default:
			return -EINVAL;
		}
	}
	return 0;
}

static u16 marks(const struct active_grant *act)
{
	return (in_use(act) ? GTF_reading : 0) | (act->writers ? GTF_writing : 0);
}

/* Cannot fail. Grant lock held. */
static void switch_version(struct grant_table *gt, unsigned int version, const grant_entry_v2_t *e)
{
	for (unsigned int i = 0; i < gt->nr_frames; i++)
		memset(gt->shared[i], 0, PAGE_SIZE);
	for (unsigned int i = 0; i < gt->nr_status_frames; i++)
		memset(gt->status[i], 0, PAGE_SIZE);
	WRITE_ONCE(gt->version, version);
	for (grant_ref_t ref = 0; ref < GNTTAB_NR_RESERVED_ENTRIES; ref++) {
		u16 m = marks(active_of(gt, ref));

		if (version == 1)
			*entry_v1(gt, ref) = (grant_entry_v1_t){
				.flags = e[ref].hdr.flags | m,
				.domid = e[ref].hdr.domid,
				.frame = e[ref].full_page.frame,
			};
		else {
			*entry_v2(gt, ref) = e[ref];
			*status_of(gt, ref) = m;
		}
	}
}

/* Grant lock held. */
static long set_version(struct domain *d, struct grant_table *gt, unsigned int version)
{
	grant_entry_v2_t reserved[GNTTAB_NR_RESERVED_ENTRIES];
	long rc;

	if (version == gt->version)
		return 0;
	for (grant_ref_t ref = GNTTAB_NR_RESERVED_ENTRIES; ref < nr_entries(gt); ref++)
		if (in_use(active_of(gt, ref)))
			return -EBUSY;
	rc = convert_reserved(gt, reserved);
	if (!rc && version == 2)
		rc = grow_status(d, gt, gt->nr_frames);
	if (!rc)
		switch_version(gt, version, reserved);
	return rc;
}

long gnttab_op_set_version(struct gnttab_run *run, void *arg)
{
	struct gnttab_set_version *op = arg;
	struct domain *d = current->domain;
	struct grant_table *gt = d->grant_table;
	long rc;

	if (op->version != 1 && op->version != 2)
		return -EINVAL;
	if (d->max_grant_version && op->version > d->max_grant_version)
		return -ENOSYS;
	spin_lock(&gt->lock);
	rc = set_version(d, gt, op->version);
	op->version = gt->version;
	spin_unlock(&gt->lock);
	return rc;
}

/* Grant lock held. */
static int swap_entries(const struct grant_table *gt, grant_ref_t a, grant_ref_t b)
{
	if (a >= nr_entries(gt) || b >= nr_entries(gt))
		return GNTST_bad_gntref;
	if (a == b)
		return GNTST_okay;
	if (in_use(active_of(gt, a)) || in_use(active_of(gt, b)))
		return GNTST_eagain;
	if (gt->version == 1) {
		grant_entry_v1_t e = *entry_v1(gt, a);

		*entry_v1(gt, a) = *entry_v1(gt, b);
		*entry_v1(gt, b) = e;
	} else {
		grant_entry_v2_t e = *entry_v2(gt, a);

		*entry_v2(gt, a) = *entry_v2(gt, b);
		*entry_v2(gt, b) = e;
	}
	return GNTST_okay;
}

long gnttab_op_swap_grant_ref(struct gnttab_run *run, void *arg)
{
	struct gnttab_swap_grant_ref *op = arg;
	struct grant_table *gt = current->domain->grant_table;

	spin_lock(&gt->lock);
	op->status = swap_entries(gt, op->ref_a, op->ref_b);
	spin_unlock(&gt->lock);
	return 0;
}

/*
 * Caches are coherent with devices here, so cleaning is nothing to do; the arguments are checked
 * for guests that were written for other machines. Throwing unwritten data away is refused.
 */
static long gnttab_op_cache_flush(struct gnttab_run *run, void *arg)
{
	const struct gnttab_cache_flush *op = arg;

	if (op->op & GNTTAB_CACHE_SOURCE_GREF)
		return -EOPNOTSUPP;
	if (op->op & ~(GNTTAB_CACHE_CLEAN | GNTTAB_CACHE_INVAL) ||
		op->offset + op->length > PAGE_SIZE)
		return -EINVAL;
	if (!op->length || !op->op)
		return 0;
	if (!mfn_valid(maddr_to_mfn(op->a.dev_bus_addr)))
		return -EINVAL;
	return op->op & GNTTAB_CACHE_CLEAN ? 0 : -EOPNOTSUPP;
}

/* --- Showing tables --------------------------------------------------------------------------- */

static void dump_table(const struct domain *d)
{
	const struct grant_table *gt = d->grant_table;

	printk(XENLOG_ALWAYS "Grant table of domain %u: version %u, %u of %u frames, "
			     "mappings in %u of %u frames\n",
		d->domain_id, gt->version, gt->nr_frames, gt->max_frames, gt->nr_maptrack_frames,
		gt->max_maptrack_frames);
	for (grant_ref_t ref = 0; ref < nr_entries(gt); ref++) {
		const struct active_grant *act = active_of(gt, ref);

		if (in_use(act))
			printk(XENLOG_ALWAYS
				"  grant %u to d%u, frame %#x, %u readers, %u writers\n",
				ref, act->domid, act->mfn, act->readers, act->writers);
		if (ref % DUMP_BATCH == 0)
			process_pending_softirqs();
	}
}

void gnttab_dump(unsigned char key)
{
	struct domain *d;

	for_each_domain(d)
		if (d->grant_table)
			dump_table(d);
}

long gnttab_op_dump_table(struct gnttab_run *run, void *arg)
{
	struct gnttab_dump_table *op = arg;
	struct domain *d;

	op->status = gnttab_find_target(op->dom, &d);
	if (!op->status && !is_control_domain(current->domain))
		op->status = GNTST_permission_denied; /* the console is not a guest's to fill */
	if (!op->status)
		dump_table(d);
	return 0;
}

/* --- The hypercall ---------------------------------------------------------------------------- */

union gnttab_arg {
	struct gnttab_map_grant_ref map_grant_ref;
	struct gnttab_unmap_grant_ref unmap_grant_ref;
	struct gnttab_setup_table setup_table;
	struct gnttab_dump_table dump_table;
	struct gnttab_transfer transfer;
	struct gnttab_copy copy;
	struct gnttab_query_size query_size;
	struct gnttab_unmap_and_replace unmap_and_replace;
	struct gnttab_set_version set_version;
	struct gnttab_get_status_frames get_status_frames;
	struct gnttab_get_version get_version;
	struct gnttab_swap_grant_ref swap_grant_ref;
	struct gnttab_cache_flush cache_flush;
};

/* `one`: takes no array of operations. */
#define OP(name, function, only_one)                                                               \
	[GNTTABOP_##name] = { gnttab_op_##function, sizeof(struct gnttab_##name), only_one }
static const struct {
	long (*handler)(struct gnttab_run *run, void *arg);
	u8 size;
	bool one;
} ops[] = {
	OP(map_grant_ref, map, false),
	OP(unmap_grant_ref, unmap, false),
	OP(setup_table, setup_table, true),
	OP(dump_table, dump_table, true),
	OP(transfer, transfer, false),
	OP(copy, copy, false),
	OP(query_size, query_size, true),
	OP(unmap_and_replace, unmap_and_replace, false),
	OP(set_version, set_version, true),
	OP(get_status_frames, get_status_frames, true),
	OP(get_version, get_version, true),
	OP(swap_grant_ref, swap_grant_ref, false),
	OP(cache_flush, cache_flush, false),
};

/* Up to `count` operations; *done of them have been done. -ERESTART: the rest later. */
static long run_ops(unsigned int cmd, u8 *uop, unsigned int count, unsigned int *done)
{
	struct gnttab_run run;
	union gnttab_arg arg;
	XEN_GUEST_HANDLE_PARAM(void) h;
	long rc = 0;

	run.nr_unmapped = 0;
	run.src.valid = run.dst.valid = false;
	for (*done = 0; *done < count && !rc; ++*done) {
		if (*done && hypercall_preempt_check()) {
			rc = -ERESTART;
			break;
		}
		h.p = uop + (unsigned long)*done * ops[cmd].size;
		if (copy_from_guest((u8 *)&arg, h, ops[cmd].size)) {
			rc = -EFAULT;
			break;
		}
		rc = ops[cmd].handler(&run, &arg);
		if (!rc && copy_to_guest(h, (u8 *)&arg, ops[cmd].size))
			rc = -EFAULT;
	}
	gnttab_finish_copies(&run);
	gnttab_finish_unmaps(&run);
	return rc;
}

long do_grant_table_op(unsigned int cmd, XEN_GUEST_HANDLE_PARAM(void) uop, unsigned int count)
{
	unsigned int done;
	long rc;

	if (cmd >= ARRAY_SIZE(ops))
		return -ENOSYS;
	if ((int)count < 0 || (ops[cmd].one && count != 1))
		return -EINVAL;
	rc = run_ops(cmd, uop.p, count, &done);
	if (rc == -ERESTART)
		return hypercall_create_continuation(__HYPERVISOR_grant_table_op, 3, cmd,
			(u8 *)uop.p + (unsigned long)done * ops[cmd].size, count - done);
	return rc;
}
