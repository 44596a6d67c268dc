/* Grant mappings in PV page tables: entries that the grant table holds the references of. */
#include <public/grant_table.h>
#include <xen/errno.h>
#include <xen/grant_table.h>
#include <xen/lib.h>
#include <xen/sched.h>
#include <asm/pgtable.h>

static pte_t grant_pte(mfn_t mfn, u32 flags)
{
	pte_t e = make_pte(mfn_x(mfn),
		_PAGE_PRESENT | _PAGE_ACCESSED | _PAGE_DIRTY | _PAGE_USER | _PAGE_NX | _PAGE_GRANT);

	if (!(flags & GNTMAP_readonly))
		e |= _PAGE_RW;
	/* The guest's own three bits of the entry. */
	e |= (pte_t)(flags >> _GNTMAP_guest_avail0 & 7) << 9;
	return e;
}

/*
 * The entry that a request names: a linear address of the current address space, or with `by_pte`
 * the machine address of an entry in one of the domain's L1 tables. mm_lock held.
 */
static pte_t *grant_l1e(struct domain *d, u64 addr, bool by_pte)
{
	struct page_info *pg;

	if (!by_pte)
		return guest_l1e(addr);
	if ((addr & 7) || !mfn_valid(maddr_to_mfn(addr)))
		return NULL;
	pg = mfn_to_page(maddr_to_mfn(addr));
	if (page_get_owner(pg) != d ||
		(pg->type_info & (PGT_type_mask | PGT_validated)) != (PGT_l1 | PGT_validated) ||
		!(pg->type_info & PGT_count_mask))
		return NULL;
	return maddr_to_virt(addr);
}

int create_grant_host_mapping(u64 host_addr, mfn_t mfn, u32 flags, bool io_memory)
{
	struct domain *d = current->domain;
	pte_t *p, old;

	if (flags & ~0u >> 16 & ~(GNTMAP_device_map | GNTMAP_host_map | GNTMAP_readonly |
				GNTMAP_application_map | GNTMAP_contains_pte))
		return GNTST_general_error;
	spin_lock(&d->arch.mm_lock);
	p = grant_l1e(d, host_addr, flags & GNTMAP_contains_pte);
	if (p) {
		old = *p;
		WRITE_ONCE(*p, grant_pte(mfn, flags));
		entry_changed(p);
		put_l1_target(old);
	}
	spin_unlock(&d->arch.mm_lock);
	return p ? GNTST_okay : GNTST_general_error;
}

/* unmap_and_replace: what is mapped at new_addr moves to host_addr, with its references. */
int replace_grant_host_mapping(u64 host_addr, mfn_t mfn, u64 new_addr, u32 flags)
{
	struct domain *d = current->domain;
	pte_t *p, *from = NULL, new = 0;
	int rc = GNTST_general_error;

	spin_lock(&d->arch.mm_lock);
	p = grant_l1e(d, host_addr, flags & GNTMAP_contains_pte);
	if (!p || (*p & (_PAGE_PRESENT | _PAGE_GRANT)) != (_PAGE_PRESENT | _PAGE_GRANT) ||
		pte_mfn(*p) != mfn_x(mfn) || !(*p & _PAGE_RW) != !!(flags & GNTMAP_readonly))
		goto out; /* another frame, or this one with other rights than were granted */
	if (new_addr) {
		from = guest_l1e(new_addr);
		/* An entry in its own place would stay when the references go. */
		if (!from || from == p || (flags & GNTMAP_contains_pte))
			goto out;
		new = *from;
		WRITE_ONCE(*from, 0);
		entry_changed(from);
	}
	WRITE_ONCE(*p, new);
	entry_changed(p);
	rc = GNTST_okay;
out:
	spin_unlock(&d->arch.mm_lock);
	return rc;
}

void gnttab_flush_tlb(const struct domain *d)
{
	cpumask_t mask;

	cpumask_and(&mask, &d->dirty_cpumask, &cpu_online_map);
	flush_mask(&mask, NULL, FLUSH_TLB);
}
