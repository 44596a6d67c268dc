/*
 * Guests' descriptor tables. A vCPU's GDT and LDT appear in its 32-page window of the per-domain
 * area; the guest's own frames are mapped there, typed PGT_segdesc so that they cannot change behind
 * our back. The last GDT pages are the hypervisor's.
 */
#include <xen/errno.h>
#include <xen/guest_access.h>
#include <xen/lib.h>
#include <xen/sched.h>
#include <asm/flushtlb.h>
#include <asm/hypercall.h>
#include <asm/pgtable.h>
#include <asm/pv.h>

#define DESC_DPL      (3ULL << 45)
#define DESC_S        (1ULL << 44)
#define DESC_P        (1ULL << 47)
#define DESC_CODE     (1ULL << 43)
#define DESC_CONFORM  (1ULL << 42) /* of code segments */
#define DESC_L        (1ULL << 53)
#define DESC_DB       (1ULL << 54)

/*
 * Is the descriptor harmless in the hands of code at ring 3? Its privilege is raised to 3 in place.
 * Gates and system segments are refused: through them the CPU would enter our rings.
 */
bool check_descriptor(u64 *desc)
{
	u64 d = *desc;

	if (!(d & DESC_P))
		return true;
	if (!(d & DESC_S))
		return d == 0;
	/* Conforming code would keep whatever privilege it was entered with. */
	if ((d & DESC_CODE) && (d & DESC_CONFORM))
		return false;
	if ((d & DESC_CODE) && (d & DESC_L) && (d & DESC_DB))
		return false;
	*desc = d | DESC_DPL;
	return true;
}

int validate_segdesc_page(struct page_info *pg)
{
	u64 *t = page_to_virt(pg);

	for (unsigned int i = 0; i < 512; i++)
		if (!check_descriptor(&t[i]))
			return -EINVAL;
	return 0;
}

void pv_destroy_gdt(struct vcpu *v)
{
	for (unsigned int i = 0; i < GDT_RESERVED_PAGE; i++) {
		WRITE_ONCE(v->arch.gdt_ldt_l1[i], 0);
		if (v->arch.gdt_frames[i])
			put_page_and_type(mfn_to_page(_mfn(v->arch.gdt_frames[i])));
		v->arch.gdt_frames[i] = 0;
	}
	v->arch.gdt_ents = 0;
}

/* mm_lock held; v is the current vCPU or does not run. */
int pv_set_gdt(struct vcpu *v, const unsigned long *frames, unsigned int entries)
{
	unsigned int nr = DIV_ROUND_UP(entries, 512), i;
	int rc = 0;

	if (entries > GDT_RESERVED_ENTRY)
		return -EINVAL;
	for (i = 0; i < nr; i++) {
		rc = -EINVAL;
		if (!frames[i] || !mfn_valid(_mfn(frames[i])))
			break;
		rc = get_page_and_type(mfn_to_page(_mfn(frames[i])), v->domain, PGT_segdesc);
		if (rc)
			break;
	}
	if (rc) {
		while (i-- > 0)
			put_page_and_type(mfn_to_page(_mfn(frames[i])));
		return rc;
	}
	pv_destroy_gdt(v);
	v->arch.gdt_ents = entries;
	for (i = 0; i < nr; i++) {
		v->arch.gdt_frames[i] = frames[i];
		v->arch.gdt_ldt_l1[i] = make_pte(frames[i],
			_PAGE_PRESENT | _PAGE_RW | _PAGE_ACCESSED | _PAGE_DIRTY | _PAGE_NX);
	}
	return 0;
}

long do_set_gdt(XEN_GUEST_HANDLE_PARAM(xen_ulong_t) frame_list, unsigned int entries)
{
	struct vcpu *v = current;
	unsigned long frames[GDT_RESERVED_PAGE];
	int rc;

	if (entries > GDT_RESERVED_ENTRY)
		return -EINVAL;
	if (copy_from_guest(frames, frame_list, DIV_ROUND_UP(entries, 512)))
		return -EFAULT;
	spin_lock(&v->domain->arch.mm_lock);
	rc = pv_set_gdt(v, frames, entries);
	spin_unlock(&v->domain->arch.mm_lock);
	if (!rc)
		flush_local(NULL, FLUSH_TLB);
	return rc;
}

long do_update_descriptor(u64 pa, u64 desc)
{
	struct domain *d = current->domain;
	struct page_info *pg;
	long rc = -EINVAL;
	u64 type;

	if ((pa & 7) || !check_descriptor(&desc))
		return rc;
	spin_lock(&d->arch.mm_lock);
	pg = get_page_from_gfn(d, _gfn(pa >> PAGE_SHIFT));
	if (!pg)
		goto out;
	/* In use as descriptors, or else plain memory. */
	type = (pg->type_info & PGT_type_mask) == PGT_segdesc ? PGT_segdesc : PGT_writable;
	rc = get_page_type(pg, type);
	if (!rc) {
		WRITE_ONCE(*(u64 *)maddr_to_virt(pa), desc);
		mark_page_dirty(pg);
		put_page_type(pg);
	}
	put_page(pg);
out:
	spin_unlock(&d->arch.mm_lock);
	return rc;
}

/* --- LDT: pages are mapped when first touched -------------------------------------------------------- */

void pv_invalidate_ldt(struct vcpu *v)
{
	pte_t *l1 = v->arch.gdt_ldt_l1 + 16;
	bool any = false;

	for (unsigned int i = 0; i < 16; i++) {
		pte_t old = l1[i];

		if (!(old & _PAGE_PRESENT))
			continue;
		/* First out of reach, then free for other uses: those flush what is older. */
		WRITE_ONCE(l1[i], 0);
		put_page_and_type(mfn_to_page(_mfn(pte_mfn(old))));
		any = true;
	}
	if (any)
		flush_local(NULL, FLUSH_TLB);
}

/* The LDT descriptor of this CPU's GDT page, and the register. */
void pv_load_ldt(struct vcpu *v);

int pv_set_ldt(struct vcpu *v, unsigned long base, unsigned int entries)
{
	if (!entries)
		base = 0;
	if ((base & ~PAGE_MASK) || entries > 8192 || !access_ok((void *)base, entries * 8UL))
		return -EINVAL;
	if (v->arch.ldt_ents == entries && v->arch.ldt_base == base)
		return 0;
	pv_invalidate_ldt(v);
	v->arch.ldt_base = base;
	v->arch.ldt_ents = entries;
	pv_load_ldt(v);
	return 0;
}

bool pv_map_ldt_page(struct vcpu *v, unsigned int page)
{
	struct domain *d = v->domain;
	struct page_info *pg = NULL;
	bool ok = false;
	pte_t *p;

	if (page * 512 >= v->arch.ldt_ents)
		return false;
	/*
	 * Also for a selector that is loaded on the way to the guest, with interrupts off: who holds
	 * the lock may be waiting for this CPU to flush.
	 */
	while (!spin_trylock(&d->arch.mm_lock)) {
		flush_poll();
		cpu_relax();
	}
	p = guest_kernel_l1e(v->arch.ldt_base + page * PAGE_SIZE);
	if (p && (*p & _PAGE_PRESENT) && mfn_valid(_mfn(pte_mfn(*p))))
		pg = mfn_to_page(_mfn(pte_mfn(*p)));
	if (pg && get_page_and_type(pg, d, PGT_segdesc) == 0) {
		v->arch.gdt_ldt_l1[16 + page] = make_pte(mfn_x(page_to_mfn(pg)),
			_PAGE_PRESENT | _PAGE_RW | _PAGE_ACCESSED | _PAGE_DIRTY | _PAGE_NX);
		ok = true;
	}
	spin_unlock(&d->arch.mm_lock);
	return ok;
}
