/* Validation of page-table pages: what entries may hold, and the references they take. */
#include <xen/errno.h>
#include <xen/lib.h>
#include <xen/sched.h>
#include <asm/l1.h>
#include <asm/paging.h>
#include <asm/pgtable.h>

bool iomem_access_permitted(struct domain *d, unsigned long mfn)
{
	/* Whoever names DOMID_IO as the owner needs the right to the device's memory itself. */
	if (d == dom_io)
		d = current->domain;
	return d->iomem_caps && rangeset_contains_range(d->iomem_caps, mfn, mfn);
}

/* The frame is no RAM that somebody could own. */
static bool is_device_frame(mfn_t mfn)
{
	return !mfn_valid(mfn) || mfn_x(mfn) < 0x100 ||
		(!mfn_to_page(mfn)->owner && !page_is_ram(mfn_x(mfn)));
}

int get_l1_target(pte_t e, struct domain *owner)
{
	mfn_t mfn = _mfn(pte_mfn(e));
	struct page_info *pg;
	int rc = 0;

	if (!(e & _PAGE_PRESENT))
		return 0;
	if (unlikely(!mfn_valid(mfn)))
		return iomem_access_permitted(owner, mfn_x(mfn)) ? 0 : -EINVAL;
	pg = mfn_to_page(mfn);
	if (unlikely(!get_page(pg, owner)))
		return is_device_frame(mfn) && iomem_access_permitted(owner, mfn_x(mfn)) ? 0
											  : -EINVAL;
	if (e & _PAGE_RW)
		rc = get_l1_writable_slow(pg);
	return rc;
}

int get_l1_writable_slow(struct page_info *pg)
{
	int rc = get_page_type(pg, PGT_writable);

	if (unlikely(rc))
		put_page(pg);
	return rc;
}

void put_l1_target(pte_t e)
{
	struct page_info *pg;

	/* A frame in an entry is referenced, hence its count is not 0: else it is a device's. */
	if (!(e & _PAGE_PRESENT) || (e & _PAGE_GRANT) || !mfn_valid(_mfn(pte_mfn(e))))
		return;
	pg = mfn_to_page(_mfn(pte_mfn(e)));
	if (!(READ_ONCE(pg->count_info) & PGC_count_mask))
		return;
	if (e & _PAGE_FOREIGN)
		put_foreign_entry(pg);
	if (e & _PAGE_RW)
		put_page_type(pg);
	put_page(pg);
}

static u64 child_type(unsigned int level)
{
	return (u64)(level - 1) << 61;
}

/* The reference of an entry of level 2 to 4 on the table below. */
static int get_table_target(pte_t e, unsigned int level, struct domain *d)
{
	if (unlikely((e & _PAGE_PSE) || !mfn_valid(_mfn(pte_mfn(e)))))
		return -EINVAL;
	return get_page_and_type(mfn_to_page(_mfn(pte_mfn(e))), d, child_type(level));
}

static void put_table_target(pte_t e)
{
	if (e & _PAGE_PRESENT)
		put_page_and_type(mfn_to_page(_mfn(pte_mfn(e))));
}

static always_inline bool hypervisor_slot(unsigned int level, unsigned int i)
{
	return level == 4 && i >= L4_SLOT_FIRST && i <= L4_SLOT_LAST;
}

void init_l4_slots(pte_t *l4, struct domain *d)
{
	for (unsigned int i = L4_SLOT_FIRST; i <= L4_SLOT_LAST; i++)
		l4[i] = idle_l4[i];
	l4[L4_SLOT_PERDOMAIN] = make_pte(virt_to_mfn(d->arch.perdomain_l3), PAGE_TABLE_FLAGS);
}

static int validate_l1(pte_t *t, struct domain *d)
{
	for (unsigned int i = 0; i < PT_ENTRIES; i++) {
		pte_t e = t[i];
		int rc;

		if (!(e & _PAGE_PRESENT))
			continue;
		rc = get_l1_ref(e, d);
		if (unlikely(rc)) {
			while (i-- > 0)
				put_l1_target(t[i]);
			return rc;
		}
		t[i] = guest_l1_entry(e);
	}
	return 0;
}

static int validate_table(struct page_info *pg, unsigned int level, struct domain *d)
{
	pte_t *t = page_to_virt(pg);
	unsigned int i = pg->type_info & PGT_partial ? pg->nr_validated : 0;

	for (; i < PT_ENTRIES; i++) {
		int rc;

		if (!(t[i] & _PAGE_PRESENT) || hypervisor_slot(level, i))
			continue;
		rc = hypercall_preempt_check() ? -ERESTART : get_table_target(t[i], level, d);
		if (unlikely(rc == -ERESTART)) {
			pg->nr_validated = i;
			return rc;
		}
		if (unlikely(rc)) {
			devalidate_page(pg, (u64)level << 61, i);
			return rc;
		}
		t[i] |= _PAGE_USER;
	}
	if (level == 4)
		init_l4_slots(t, d);
	return 0;
}

int validate_page(struct page_info *pg, u64 type)
{
	struct domain *d = page_get_owner(pg);
	int rc;

	if (type == PGT_segdesc)
		rc = validate_segdesc_page(pg);
	else if (type == PGT_l1)
		rc = validate_l1(page_to_virt(pg), d);
	else
		rc = validate_table(pg, type >> 61, d);
	if (rc)
		return rc;
	mark_page_dirty(pg); /* also because it is a table now */
	if (pg->type_info & PGT_partial) {
		/* The references that the interrupted state held. */
		__atomic_and_fetch(&pg->type_info, ~PGT_partial, __ATOMIC_SEQ_CST);
		__atomic_fetch_or(&pg->type_info, PGT_validated, __ATOMIC_SEQ_CST);
		__atomic_fetch_sub(&pg->type_info, 1, __ATOMIC_SEQ_CST);
		put_page(pg);
	} else {
		__atomic_fetch_or(&pg->type_info, PGT_validated, __ATOMIC_SEQ_CST);
	}
	return 0;
}

void validation_failed(struct page_info *pg, int rc)
{
	bool was_partial = pg->type_info & PGT_partial;

	if (rc == -ERESTART && !was_partial && get_page(pg, page_get_owner(pg))) {
		/* The caller's type reference and this general one now belong to the state. */
		__atomic_fetch_or(&pg->type_info, PGT_partial, __ATOMIC_SEQ_CST);
		return;
	}
	__atomic_fetch_sub(&pg->type_info, 1, __ATOMIC_SEQ_CST);
	if (rc != -ERESTART && was_partial) {
		__atomic_and_fetch(&pg->type_info, ~PGT_partial, __ATOMIC_SEQ_CST);
		__atomic_fetch_sub(&pg->type_info, 1, __ATOMIC_SEQ_CST);
		put_page(pg);
	}
}

void devalidate_page(struct page_info *pg, u64 type, unsigned int n)
{
	pte_t *t = page_to_virt(pg);
	unsigned int level = type >> 61;

	if (type == PGT_segdesc)
		return;
	for (unsigned int i = 0; i < n; i++) {
		if (level == 1)
			put_l1_target(t[i]);
		else if (!hypervisor_slot(level, i))
			put_table_target(t[i]);
	}
}

/* --- Giving up a tree, in steps ------------------------------------------------------------------------ */

/*
 * The caller is about to drop a type reference of a table. If that is the last one, release what the
 * table's entries hold, deepest first, so that the drop itself has nothing left to do. A table in
 * the middle of this looks like one whose validation was interrupted: it keeps references of its
 * own for that state, and whoever wants it as a table again completes it.
 */
int release_tree(struct page_info *pg)
{
	unsigned int level = (pg->type_info & PGT_type_mask) >> 61;
	u64 count = pg->type_info & PGT_count_mask;
	pte_t *t = page_to_virt(pg);

	if (level < 2 || level > 4)
		return 0;
	if ((pg->type_info & PGT_validated) && count == 1 && get_page(pg, page_get_owner(pg))) {
		shadow_drop(pg);
		pg->nr_validated = PT_ENTRIES;
		__atomic_fetch_add(&pg->type_info, PGT_partial - PGT_validated + 1, __ATOMIC_SEQ_CST);
	} else if (!(pg->type_info & PGT_partial) || count != 2) {
		return 0;
	}
	while (pg->nr_validated) {
		unsigned int i = pg->nr_validated - 1;

		if ((t[i] & _PAGE_PRESENT) && !hypervisor_slot(level, i)) {
			int rc = hypercall_preempt_check()
				? -ERESTART
				: release_tree(mfn_to_page(_mfn(pte_mfn(t[i]))));

			if (rc)
				return rc;
			put_table_target(t[i]);
		}
		pg->nr_validated = i;
	}
	__atomic_fetch_sub(&pg->type_info, PGT_partial + 1, __ATOMIC_SEQ_CST);
	put_page(pg);
	return 0;
}

/* The owner's mm_lock held. */
static int drain_retired(struct vcpu *v)
{
	struct page_info *pg = v->arch.retired;
	int rc = release_tree(pg);

	if (!rc) {
		v->arch.retired = NULL;
		put_page_and_type(pg);
	}
	return rc;
}

int retire_table(struct vcpu *v, struct page_info *pg)
{
	ASSERT(!v->arch.retired);
	v->arch.retired = pg;
	return drain_retired(v);
}

int finish_retired(struct vcpu *v)
{
	struct domain *d = page_get_owner(v->arch.retired);
	int rc;

	spin_lock(&d->arch.mm_lock);
	rc = drain_retired(v);
	spin_unlock(&d->arch.mm_lock);
	return rc;
}

/* --- Changing entries ------------------------------------------------------------------------------- */

int mod_table_entry(pte_t *p, pte_t new, unsigned int level, bool preserve_ad, struct domain *d)
{
	pte_t old = READ_ONCE(*p);
	int rc;

	if (hypervisor_slot(level, ((unsigned long)p & ~PAGE_MASK) / sizeof(pte_t)))
		return -EINVAL;
	if (new & _PAGE_PRESENT) {
		new |= _PAGE_USER;
		if (!((old ^ new) & (PTE_ADDR_MASK | _PAGE_PRESENT)) &&
			!(new & _PAGE_PSE)) {
			write_pte(p, old, new, preserve_ad);
			entry_changed(p);
			return 0;
		}
		rc = get_table_target(new, level, d);
		if (unlikely(rc))
			return rc;
	}
	write_pte(p, old, new, preserve_ad);
	entry_changed(p);
	return old & _PAGE_PRESENT ? retire_table(current, mfn_to_page(_mfn(pte_mfn(old)))) : 0;
}
