/*
 * Reading a domain's log: XEN_DOMCTL_SHADOW_OP_CLEAN and PEEK.
 *
 * The domain runs meanwhile. A page may be written to as long as a shadow entry allows that, and those
 * pages are noted. CLEAN first takes the bitmap, piece by piece, and then the permissions: what is
 * written in between is in the pages before the tool copies them, and what is written afterwards is
 * noted again. So each change is in a page that the tool is told of before it reads it, or later.
 */
#include <xen/errno.h>
#include <xen/lib.h>
#include <xen/sched.h>
#include <xen/grant_table.h>
#include <xen/guest_access.h>
#include <public/domctl.h>
#include <asm/shadow.h>

#define REVOKE_BATCH 16 /* shadow tables between two looks for other work */

static void mark_frame(struct domain *d, mfn_t mfn)
{
	paging_lock(d);
	log_dirty_mark(d, mfn);
	paging_unlock(d);
}

/*
 * Pages that the hypervisor, or another domain, can write to at any moment without being noted: they
 * are dirty in every reading.
 */
static void mark_shared_frames(struct domain *d)
{
	struct vcpu *v;

	for_each_vcpu (d, v)
		if (!mfn_eq(v->vcpu_info_mfn, INVALID_MFN))
			mark_frame(d, v->vcpu_info_mfn);
	if (READ_ONCE(d->arch.pirq_eoi_map))
		mark_frame(d, _mfn(d->arch.pirq_eoi_map_mfn));
	evtchn_fifo_mark_dirty(d);
	gnttab_mark_dirty(d);
}

/* The bits of the next n pages to p->buffer. With r->clean they go. */
static void take_bits(struct domain *d, struct log_reading *r, unsigned long n)
{
	struct paging_domain *p = &d->arch.paging;
	unsigned long *to = p->buffer, *leaf;

	paging_lock(d);
	leaf = p->log ? log_dirty_leaf(d, r->next) : NULL;
	for (unsigned int i = 0; i < DIV_ROUND_UP(n, 64); i++) {
		unsigned long wanted = n - i * 64 >= 64 ? ~0UL : (1UL << (n - i * 64)) - 1;
		unsigned long bits = leaf ? leaf[i] & wanted : 0;

		to[i] = r->all ? wanted : bits;
		if (!bits)
			continue;
		r->dirty += hweight64(bits);
		if (r->clean) {
			p->dirty_count -= hweight64(bits);
			leaf[i] &= ~bits;
		}
	}
	paging_unlock(d);
}

/* The tool did not get them. What it got before is lost with the rest of its buffer. */
static void give_back_bits(struct domain *d, const struct log_reading *r, unsigned long n)
{
	const unsigned long *from = d->arch.paging.buffer;

	paging_lock(d);
	for (unsigned long i = 0; d->arch.paging.log && i < n; i++)
		if (!r->all && test_bit(i, from))
			log_dirty_set(d, r->next + i);
	if (r->all || r->next)
		d->arch.paging.log_incomplete = true;
	paging_unlock(d);
}

static int read_piece(struct domain *d, struct log_reading *r)
{
	unsigned long n = min(r->pages - r->next, (u64)LOG_LEAF_PAGES);

	take_bits(d, r, n);
	if (r->bitmap && raw_copy_to_guest((char *)r->bitmap + r->next / 8, d->arch.paging.buffer,
				 DIV_ROUND_UP(n, 8))) {
		if (r->clean)
			give_back_bits(d, r, n);
		return -EFAULT;
	}
	r->next += n;
	return 0;
}

static void begin(struct domain *d, struct log_reading *r, const struct xen_domctl_shadow_op *s, bool clean)
{
	const u64 without_bitmap = clean ? LOG_MAX_PAGES : 0;

	*r = (struct log_reading){
		.active = true,
		.clean = clean,
		.bitmap = s->dirty_bitmap.p,
		.pages = s->dirty_bitmap.p ? min(s->pages, (u64)LOG_MAX_PAGES) : without_bitmap,
	};
	mark_shared_frames(d);
	paging_lock(d);
	r->all = !foreign_mark_dirty(d) || d->arch.paging.log_incomplete;
	if (clean)
		d->arch.paging.log_incomplete = false;
	paging_unlock(d);
}

/* What a reading without a buffer need not look at: a whole piece, or many, that do not exist. */
static void skip_holes(struct domain *d, struct log_reading *r)
{
	paging_lock(d);
	while (!r->bitmap && r->next < r->pages && !d->arch.paging.log[r->next / (512 * LOG_LEAF_PAGES)])
		r->next = min(r->pages, r->next + 512 * LOG_LEAF_PAGES);
	paging_unlock(d);
}

static int read_bitmap(struct domain *d, struct log_reading *r)
{
	int rc = 0;

	skip_holes(d, r);
	while (!rc && r->next < r->pages) {
		rc = read_piece(d, r);
		skip_holes(d, r);
		if (!rc && hypercall_preempt_check())
			rc = -ERESTART;
	}
	return rc;
}

/* Take write permissions away from all that has been read. */
static int revoke(struct domain *d, struct log_reading *r)
{
	bool done;

	paging_lock(d);
	if (!r->revoking)
		d->arch.paging.generation++;
	r->revoking = true;
	done = shadow_revoke_some(d, REVOKE_BATCH);
	paging_unlock(d);
	while (!done) {
		if (hypercall_preempt_check())
			return -ERESTART;
		paging_lock(d);
		done = shadow_revoke_some(d, REVOKE_BATCH);
		paging_unlock(d);
	}
	flush_mask(&d->dirty_cpumask, NULL, FLUSH_TLB);
	return 0;
}

int log_dirty_read(struct domain *d, struct xen_domctl *op, bool clean)
{
	struct xen_domctl_shadow_op *s = &op->u.shadow_op;
	struct paging_domain *p = &d->arch.paging;
	struct log_reading *r = &p->reading;
	int rc = 0;

	if (!p->log_dirty || (s->mode & ~XEN_DOMCTL_SHADOW_LOGDIRTY_FINAL))
		return -EINVAL;
	if (!r->active)
		begin(d, r, s, clean);
	else if (r->clean != clean || r->bitmap != s->dirty_bitmap.p)
		return -EBUSY; /* somebody else's has been interrupted */
	if (!r->revoking)
		rc = read_bitmap(d, r);
	if (!rc && clean)
		rc = revoke(d, r);
	if (rc == -ERESTART)
		return rc;
	if (r->bitmap)
		s->pages = r->next;
	s->stats.fault_count = p->fault_count;
	s->stats.dirty_count = clean || r->bitmap ? r->dirty : p->dirty_count;
	if (clean && !rc)
		p->fault_count = 0;
	r->active = false;
	return rc;
}
