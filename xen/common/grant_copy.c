/* GNTTABOP_copy: copying between granted frames, or between one and a frame of the caller. */
#include <xen/errno.h>
#include "grant_table.h"

/* A grant of the kind "whoever may use that one may use this": one step, never a chain. */
static int pin_transitive(struct grant_copy_buf *buf)
{
	struct grant_use *u = &buf->use, *t = &buf->trans;
	int rc = GNTST_bad_domain;

	*t = (struct grant_use){
		.rd = gnttab_get_domain(u->trans_domid),
		.ref = u->trans_ref,
		.grantee = u->rd->domain_id,
		.readonly = u->readonly,
	};
	if (!t->rd)
		return rc;
	if (t->rd != u->rd) {
		rc = gnttab_pin(t, false);
		if (!rc && t->kind == GRANT_transitive) {
			gnttab_unpin(t->rd, t->ref, t->readonly);
			rc = GNTST_general_error;
		}
	}
	if (rc) {
		put_domain(t->rd);
		t->rd = NULL;
		return rc;
	}
	buf->page = t->page;
	buf->start = t->start;
	buf->end = t->end;
	return GNTST_okay;
}

static int claim_grant(struct grant_copy_buf *buf)
{
	struct grant_use *u = &buf->use;
	int rc;

	*u = (struct grant_use){
		.rd = gnttab_get_domain(buf->ptr.domid),
		.ref = buf->ptr.u.ref,
		.grantee = current->domain->domain_id,
		.readonly = buf->readonly,
	};
	buf->trans.rd = NULL;
	if (!u->rd)
		return GNTST_bad_domain;
	rc = gnttab_pin(u, false);
	if (!rc && u->kind == GRANT_transitive) {
		rc = pin_transitive(buf);
		if (rc)
			gnttab_unpin(u->rd, u->ref, u->readonly);
	} else if (!rc) {
		buf->page = u->page;
		buf->start = u->start;
		buf->end = u->end;
	}
	if (rc)
		put_domain(u->rd);
	return rc;
}

static int claim_own(struct grant_copy_buf *buf)
{
	if (buf->ptr.domid != DOMID_SELF)
		return GNTST_permission_denied;
	buf->page = get_page_from_gfn(current->domain, _gfn(buf->ptr.u.gmfn));
	if (!buf->page)
		return GNTST_bad_page;
	if (!buf->readonly && get_page_type(buf->page, PGT_writable)) {
		put_page(buf->page);
		return GNTST_bad_page;
	}
	buf->start = 0;
	buf->end = PAGE_SIZE;
	return GNTST_okay;
}

static void release_buf(struct grant_copy_buf *buf)
{
	if (!buf->valid)
		return;
	buf->valid = false;
	gnttab_put_page(buf->page, buf->readonly);
	if (!buf->is_gref)
		return;
	if (buf->trans.rd) {
		gnttab_unpin(buf->trans.rd, buf->trans.ref, buf->readonly);
		put_domain(buf->trans.rd);
	}
	gnttab_unpin(buf->use.rd, buf->use.ref, buf->readonly);
	put_domain(buf->use.rd);
}

static bool same_operand(
	const struct grant_copy_buf *buf, const struct gnttab_copy_ptr *ptr, bool is_gref)
{
	return buf->valid && buf->is_gref == is_gref && buf->ptr.domid == ptr->domid &&
		(is_gref ? buf->ptr.u.ref == ptr->u.ref : buf->ptr.u.gmfn == ptr->u.gmfn);
}

/* Make `buf` the operand, unless it is already, and check that it has these bytes. */
static int claim_buf(struct grant_copy_buf *buf, const struct gnttab_copy_ptr *ptr,
	unsigned int len, bool is_gref, bool readonly)
{
	int rc;

	if (!same_operand(buf, ptr, is_gref)) {
		release_buf(buf);
		buf->ptr = *ptr;
		buf->is_gref = is_gref;
		buf->readonly = readonly;
		rc = is_gref ? claim_grant(buf) : claim_own(buf);
		if (rc)
			return rc;
		buf->valid = true;
	}
	if (ptr->offset < buf->start || ptr->offset + len > buf->end)
		return GNTST_general_error;
	return GNTST_okay;
}

static int copy_one(struct gnttab_run *run, const struct gnttab_copy *op)
{
	int rc;

	if (op->source.offset + op->len > PAGE_SIZE || op->dest.offset + op->len > PAGE_SIZE)
		return GNTST_bad_copy_arg;
	rc = claim_buf(&run->src, &op->source, op->len, op->flags & GNTCOPY_source_gref, true);
	if (rc)
		return rc;
	rc = claim_buf(&run->dst, &op->dest, op->len, op->flags & GNTCOPY_dest_gref, false);
	if (rc)
		return rc;
	/* Source and destination may be the same page. */
	memmove(page_to_virt(run->dst.page) + op->dest.offset,
		page_to_virt(run->src.page) + op->source.offset, op->len);
	return GNTST_okay;
}

long gnttab_op_copy(struct gnttab_run *run, void *arg)
{
	struct gnttab_copy *op = arg;

	op->status = copy_one(run, op);
	return 0;
}

void gnttab_finish_copies(struct gnttab_run *run)
{
	release_buf(&run->src);
	release_buf(&run->dst);
}
