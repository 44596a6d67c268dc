/*
 * The hot path of page-table updates: an L1 entry changes, and with it the references of two frames.
 * Inline, because a guest does this for every page that it maps; the uncommon cases go to mm/refs.c
 * and mm/validate.c.
 */
#ifndef ASM_L1_H
#define ASM_L1_H

#include <xen/errno.h>
#include <xen/mm.h>
#include <asm/pgtable.h>

/* get_page() for a frame that `owner` (its struct domain's frame number) has allocated. */
static always_inline bool get_owned_page(struct page_info *pg, u32 owner)
{
	u64 x = READ_ONCE(pg->count_info);

	/* Below 2^31 references no second CPU can carry the count over meanwhile. */
	if (unlikely((u32)(x - 1) >= 0x7fffffff || READ_ONCE(pg->owner) != owner) ||
		unlikely(!__atomic_compare_exchange_n(&pg->count_info, &x, x + 1, false,
			__ATOMIC_SEQ_CST, __ATOMIC_RELAXED)))
		return false;
	if (likely(READ_ONCE(pg->owner) == owner))
		return true;
	put_page(pg); /* freed and given to another domain since we looked */
	return false;
}

/* get_page_type(pg, PGT_writable) for a frame that is of this type already, or was of none yet. */
static always_inline bool get_writable(struct page_info *pg)
{
	u64 x = READ_ONCE(pg->type_info);

	if (unlikely((x & PGT_type_mask) != PGT_writable || (u32)x >= 0x7fffffff) && x)
		return false;
	return likely(__atomic_compare_exchange_n(&pg->type_info, &x,
		(x + 1) | PGT_writable | PGT_validated, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
}

static always_inline int get_l1_ref(pte_t e, struct domain *owner)
{
	struct page_info *pg = mfn_to_page(_mfn(pte_mfn(e)));

	if (unlikely(!mfn_valid(_mfn(pte_mfn(e)))) ||
		unlikely(!get_owned_page(pg, (u32)virt_to_mfn_direct(owner))))
		return get_l1_target(e, owner);
	if (!(e & _PAGE_RW) || likely(get_writable(pg)))
		return 0;
	return get_l1_writable_slow(pg);
}

static always_inline void put_l1_ref(pte_t e)
{
	struct page_info *pg = mfn_to_page(_mfn(pte_mfn(e)));
	u64 x;

	if (unlikely(e & (_PAGE_GRANT | _PAGE_FOREIGN)) || unlikely(!mfn_valid(_mfn(pte_mfn(e))))) {
		put_l1_target(e);
		return;
	}
	if (e & _PAGE_RW) {
		x = READ_ONCE(pg->type_info);
		/* More uses stay: nothing but the count changes. */
		if (unlikely((u32)x < 2) ||
			unlikely(!__atomic_compare_exchange_n(&pg->type_info, &x, x - 1, false,
				__ATOMIC_SEQ_CST, __ATOMIC_RELAXED))) {
			put_l1_target(e);
			return;
		}
	}
	/* A frame in an entry is referenced, hence its count is not 0: else it is a device's. */
	if (likely((u32)READ_ONCE(pg->count_info)) &&
		unlikely(!(u32)__atomic_sub_fetch(&pg->count_info, 1, __ATOMIC_SEQ_CST)))
		free_domheap_page(pg);
}

/* Store an entry whose references are settled, keeping the CPU's accessed and dirty marks if asked. */
static always_inline void write_pte(pte_t *p, pte_t old, pte_t new, bool preserve_ad)
{
	if (!preserve_ad) {
		WRITE_ONCE(*p, new);
		return;
	}
	/* Only those marks can have changed: all else does so under mm_lock. */
	while (!__atomic_compare_exchange_n(p, &old, new | (old & (_PAGE_ACCESSED | _PAGE_DIRTY)), false,
		__ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		;
}

/* Bits of an entry of which the references depend. */
#define L1_REF_BITS (PTE_ADDR_MASK | _PAGE_PRESENT | _PAGE_RW | _PAGE_GRANT)

/* Replace one entry of a validated L1. -EINVAL with the old entry unchanged. mm_lock held. */
static always_inline int mod_l1_entry(pte_t *p, pte_t new, bool preserve_ad, struct domain *target_owner)
{
	pte_t old = READ_ONCE(*p);
	int rc;

	new = guest_l1_entry(new);
	if (new & _PAGE_PRESENT) {
		/* Same frame, same rights to it: no reference changes. */
		if (!((old ^ new) & L1_REF_BITS)) {
			new |= old & _PAGE_FOREIGN;
			write_pte(p, old, new, preserve_ad);
			entry_changed(p);
			return 0;
		}
		rc = get_l1_ref(new, target_owner);
		if (unlikely(rc))
			return rc;
	}
	write_pte(p, old, new, preserve_ad);
	entry_changed(p);
	if (old & _PAGE_PRESENT)
		put_l1_ref(old);
	return 0;
}

/*
 * The same for who has computed `new` from `old`. -EAGAIN: the CPU has marked the entry accessed or
 * dirty since, and that must not be lost.
 */
static always_inline int cmpxchg_l1_entry(pte_t *p, pte_t old, pte_t new, struct domain *owner)
{
	bool refs;
	int rc;

	new = guest_l1_entry(new);
	refs = (old ^ new) & L1_REF_BITS;
	if (!refs && (new & _PAGE_PRESENT))
		new |= old & _PAGE_FOREIGN;
	if (refs && new & _PAGE_PRESENT) {
		rc = get_l1_ref(new, owner);
		if (unlikely(rc))
			return rc;
	}
	if (unlikely(cmpxchg(p, old, new) != old)) {
		if (refs && new & _PAGE_PRESENT)
			put_l1_ref(new);
		return -EAGAIN;
	}
	entry_changed(p);
	if (refs && old & _PAGE_PRESENT)
		put_l1_ref(old);
	return 0;
}

#endif
