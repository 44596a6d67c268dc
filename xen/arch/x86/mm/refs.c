/*
 * References to frames: general ones that keep a frame allocated, and typed ones that keep its use.
 *
 * A frame has one type at a time. While its type count is above 0 the type cannot change; page-table
 * types are held only by frames whose contents have been validated (mm/validate.c), so what the CPU
 * walks was checked, and nobody can have it mapped writable meanwhile.
 */
#include <xen/errno.h>
#include <xen/lib.h>
#include <xen/sched.h>
#include <asm/pgtable.h>

bool get_page(struct page_info *pg, const struct domain *d)
{
	u64 old = READ_ONCE(pg->count_info), seen;

	for (;;) {
		/* 0: being freed. All ones: so many references can only be an attack. */
		if (unlikely((old & PGC_count_mask) == 0 || (old & PGC_count_mask) == PGC_count_mask))
			return false;
		seen = cmpxchg(&pg->count_info, old, old + 1);
		if (likely(seen == old))
			break;
		old = seen;
	}
	if (likely(page_get_owner(pg) == d))
		return true;
	put_page(pg);
	return false;
}

/* A reference for whoever the owner is; NULL when the frame has none. */
struct domain *page_get_owner_and_reference(struct page_info *pg)
{
	struct domain *owner = page_get_owner(pg);

	return owner && get_page(pg, owner) ? owner : NULL;
}

void put_page(struct page_info *pg)
{
	u64 left = __atomic_sub_fetch(&pg->count_info, 1, __ATOMIC_SEQ_CST);

	/* Stale translations are the allocator's business, when it hands the frame out again. */
	if (unlikely((left & PGC_count_mask) == 0))
		free_domheap_page(pg);
}

/*
 * Make CPUs forget the translations that they may hold of a frame since its last use ended: the
 * owner's, and those of a control domain that had it mapped.
 */
static void flush_stale(const struct page_info *pg)
{
	cpumask_t mask;

	cpumask_and(&mask, &guest_tlb_cpus, &cpu_online_map);
	tlb_filter(&mask, pg->tlb_stamp);
	if (unlikely(!cpumask_empty(&mask)))
		flush_mask(&mask, NULL, FLUSH_TLB);
}

static always_inline bool is_table_type(u64 type)
{
	type &= PGT_type_mask;
	return type >= PGT_l1 && type <= PGT_segdesc;
}

int get_page_type(struct page_info *pg, u64 type)
{
	u64 x = READ_ONCE(pg->type_info), nx, seen;
	int rc = 0;

	for (;; x = seen) {
		nx = x + 1;
		if (unlikely((nx & PGT_count_mask) == 0))
			return -EINVAL;
		if (unlikely((x & PGT_count_mask) == 0)) {
			if ((x & PGT_type_mask) != type) {
				/* Old users may linger in TLBs: a page table must not be writable there. */
				if (is_table_type(type) || is_table_type(x))
					flush_stale(pg);
				nx = type | 1;
				if (type == PGT_writable || type == PGT_none)
					nx |= PGT_validated;
			} else if (!is_table_type(type))
				nx |= PGT_validated;
		} else if (unlikely((x & PGT_type_mask) != type)) {
			return -EINVAL;
		} else if (unlikely(!(x & PGT_validated))) {
			/* Somebody's validation was interrupted: finish it on our account. */
			if (!(x & PGT_partial))
				return -EBUSY;
		}
		seen = cmpxchg(&pg->type_info, x, nx);
		if (likely(seen == x))
			break;
	}
	if (unlikely(!(nx & PGT_validated))) {
		rc = validate_page(pg, type);
		if (rc) /* its own reference goes; a partial state keeps one for itself */
			validation_failed(pg, rc);
	}
	return rc;
}

int get_page_and_type(struct page_info *pg, struct domain *d, u64 type)
{
	int rc = -EINVAL;

	if (get_page(pg, d)) {
		rc = get_page_type(pg, type);
		if (unlikely(rc))
			put_page(pg);
	}
	return rc;
}

void put_page_type(struct page_info *pg)
{
	u64 x = READ_ONCE(pg->type_info), nx, seen;

	for (;; x = seen) {
		nx = x - 1;
		if (unlikely((nx & PGT_count_mask) == 0)) {
			if (is_table_type(x) && (x & PGT_validated)) {
				/* Last use as a table: give up what its entries hold. The count stays 1
				 * meanwhile, so nobody can retype it. */
				if (unlikely(x & PGT_shadowed)) {
					shadow_drop(pg);
					x &= ~PGT_shadowed;
				}
				seen = cmpxchg(&pg->type_info, x, x & ~PGT_validated);
				if (seen != x)
					continue;
				devalidate_page(pg, x & PGT_type_mask, PT_ENTRIES);
				mark_page_dirty(pg); /* a table no longer */
				x &= ~PGT_validated;
				nx = x - 1;
			}
			/* The entry is gone for other CPUs' walks before the clock is read. */
			smp_mb();
			pg->tlb_stamp = tlb_clock();
		}
		seen = cmpxchg(&pg->type_info, x, nx);
		if (likely(seen == x))
			return;
	}
}

struct page_info *get_page_from_gfn(struct domain *d, gfn_t gfn)
{
	mfn_t mfn = _mfn(gfn_x(gfn));
	struct page_info *pg;

	if (!mfn_valid(mfn))
		return NULL;
	pg = mfn_to_page(mfn);
	return get_page(pg, d) ? pg : NULL;
}

void share_xen_page_with_guest(struct page_info *pg, struct domain *d, bool readonly)
{
	set_gpfn_from_mfn(mfn_x(page_to_mfn(pg)), INVALID_M2P_ENTRY);
	spin_lock(&d->page_alloc_lock);
	/* A read-only page carries a type reference that no table entry can share. */
	pg->type_info = (readonly ? PGT_none : PGT_writable) | PGT_validated | 1;
	page_set_owner(pg, d);
	smp_wmb();
	pg->count_info |= PGC_allocated | 1;
	d->xenheap_pages++;
	page_list_add_tail(pg, &d->xenpage_list);
	spin_unlock(&d->page_alloc_lock);
}

int steal_page(struct domain *d, struct page_info *pg)
{
	bool last;
	int rc = detach_page(pg, d);

	if (rc)
		return rc;
	spin_lock(&d->page_alloc_lock);
	last = domain_adjust_tot_pages(d, -1);
	spin_unlock(&d->page_alloc_lock);
	/* It does not pass through the allocator on its way to the next owner. */
	flush_mask(&d->dirty_cpumask, NULL, FLUSH_TLB);
	if (last)
		put_domain(d);
	return 0;
}

void guest_physmap_add_page(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order)
{
	for (unsigned long i = 0; i < 1UL << order; i++)
		set_gpfn_from_mfn(mfn_x(mfn) + i, gfn_x(gfn) + i);
}
