/* Page-table updates asked for by PV guests: mmu_update and update_va_mapping. */
#include <xen/errno.h>
#include <xen/guest_access.h>
#include <xen/hypercall.h>
#include <xen/lib.h>
#include <xen/perfc.h>
#include <xen/sched.h>
#include <asm/hypercall.h>
#include <asm/l1.h>
#include <asm/pgtable.h>

#define MMU_UPDATE_PREEMPTED (1u << 31) /* count: this is a continuation */

/* The L1 entry for va under the root table `t`; NULL when a table on the way is missing. */
static always_inline pte_t *walk(pte_t *t, unsigned long va)
{
	pte_t e;

	if (unlikely(va - HYPERVISOR_START < HYPERVISOR_END - HYPERVISOR_START || !is_canonical(va)))
		return NULL;
	e = t[l4_index(va)];
	if (unlikely(!(e & _PAGE_PRESENT)))
		return NULL;
	t = maddr_to_virt(e & PTE_ADDR_MASK);
	e = t[l3_index(va)];
	if (unlikely(!(e & _PAGE_PRESENT)))
		return NULL;
	t = maddr_to_virt(e & PTE_ADDR_MASK);
	e = t[l2_index(va)];
	if (unlikely(!(e & _PAGE_PRESENT)))
		return NULL;
	t = maddr_to_virt(e & PTE_ADDR_MASK);
	return &t[l1_index(va)];
}

pte_t *guest_l1e(unsigned long va)
{
	const struct vcpu *v = current;

	return walk(maddr_to_virt(v->arch.flags & TF_KERNEL_MODE ? v->arch.cr3_kernel : v->arch.cr3_user), va);
}

pte_t *guest_kernel_l1e(unsigned long va)
{
	return walk(maddr_to_virt(current->arch.cr3_kernel), va);
}

bool guest_kernel_read(void *dst, unsigned long va, unsigned int n)
{
	struct domain *d = current->domain;
	unsigned long off = va & ~PAGE_MASK;
	bool ok = false;
	pte_t *p;

	if (off + n > PAGE_SIZE)
		return guest_kernel_read(dst, va, PAGE_SIZE - off) &&
			guest_kernel_read((char *)dst + (PAGE_SIZE - off), va + (PAGE_SIZE - off),
				n - (PAGE_SIZE - off));
	spin_lock(&d->arch.mm_lock);
	p = guest_kernel_l1e(va);
	/* Only RAM has owners, and only RAM is in the direct map. */
	if (p && (*p & _PAGE_PRESENT) && mfn_valid(_mfn(pte_mfn(*p))) &&
		page_get_owner(mfn_to_page(_mfn(pte_mfn(*p))))) {
		memcpy(dst, (char *)mfn_to_virt(pte_mfn(*p)) + off, n);
		ok = true;
	}
	spin_unlock(&d->arch.mm_lock);
	return ok;
}

/* Who owns the page tables, and who the frames that are put into them. */
struct update_domains {
	struct domain *pt, *target;
};

/*
 * foreigndom: bits 0-15 the frames' owner, bits 16-31 the tables' owner plus one (0: the caller).
 * -EPERM unless the caller controls the others, -ESRCH.
 */
static int decode_domains(u32 foreigndom, struct update_domains *u)
{
	struct domain *d = current->domain;

	u->pt = u->target = d;
	if (likely(foreigndom == DOMID_SELF))
		return 0;
	if (foreigndom >> 16) {
		u->pt = u->target = rcu_lock_domain_by_any_id((foreigndom >> 16) - 1);
		if (!u->pt)
			return -ESRCH;
	}
	switch ((u16)foreigndom) {
	case DOMID_SELF:
		break;
	case DOMID_IO:
		u->target = dom_io;
		break;
	case DOMID_XEN:
		u->target = dom_xen;
		break;
	default:
		u->target = rcu_lock_domain_by_any_id((u16)foreigndom);
		if (!u->target)
			return -ESRCH;
	}
	if ((u->pt != d || u->target != d) && !is_control_domain(d))
		return -EPERM;
	return 0;
}

/* One MMU_*_PT_UPDATE: the 8 bytes at machine address `ptr`. mm_lock of u->pt held. */
static always_inline int update_entry(u64 ptr, u64 val, bool preserve_ad, const struct update_domains *u)
{
	mfn_t mfn = maddr_to_mfn(ptr);
	struct page_info *pg;
	pte_t *p;
	u64 type;
	int rc;

	if (unlikely((ptr & 7) || !mfn_valid(mfn)))
		return -EINVAL;
	pg = mfn_to_page(mfn);
	if (unlikely(page_get_owner(pg) != u->pt))
		return -EINVAL;
	p = maddr_to_virt(ptr);
	type = READ_ONCE(pg->type_info);
	/* A validated table stays one while we hold the lock. */
	if (likely((type & PGT_validated) && (type & PGT_count_mask))) {
		switch (type & PGT_type_mask) {
		case PGT_l1:
			return likely(u->target == u->pt)
				? mod_l1_entry(p, val, preserve_ad, u->pt)
				: mod_foreign_l1_entry(p, val, preserve_ad, u->target);
		case PGT_l2:
			return mod_table_entry(p, val, 2, preserve_ad, u->pt);
		case PGT_l3:
			return mod_table_entry(p, val, 3, preserve_ad, u->pt);
		case PGT_l4:
			return mod_table_entry(p, val, 4, preserve_ad, u->pt);
		}
	}
	/* Not in use as a table: plain memory of the guest. */
	rc = get_page_and_type(pg, u->pt, PGT_writable);
	if (rc)
		return rc;
	WRITE_ONCE(*p, val);
	mark_page_dirty(pg);
	put_page_and_type(pg);
	return 0;
}

static int update_m2p(u64 ptr, u64 pfn, const struct update_domains *u)
{
	mfn_t mfn = maddr_to_mfn(ptr);

	if (!mfn_valid(mfn) || !get_page(mfn_to_page(mfn), u->target))
		return -EINVAL;
	set_gpfn_from_mfn(mfn_x(mfn), pfn);
	put_page(mfn_to_page(mfn));
	return 0;
}

long do_mmu_update(XEN_GUEST_HANDLE_PARAM(mmu_update_t) ureqs, unsigned int count,
	XEN_GUEST_HANDLE_PARAM(uint) pdone, unsigned int foreigndom)
{
	unsigned int i = 0, done = 0;
	struct update_domains u;
	u64 req[2];
	long rc;

	if (unlikely(count & MMU_UPDATE_PREEMPTED)) {
		count &= ~MMU_UPDATE_PREEMPTED;
		if (!guest_handle_is_null(pdone) && copy_from_guest(&done, pdone, 1))
			return -EFAULT;
	}
	rc = decode_domains(foreigndom, &u);
	if (unlikely(rc))
		return rc;
	rc = unlikely(current->arch.retired) ? finish_retired(current) : 0;
	spin_lock(&u.pt->arch.mm_lock);
	for (; i < count && !rc; i++) {
		if (unlikely(i && hypercall_preempt_check())) {
			rc = -ERESTART;
			break;
		}
		if (unlikely(!get_guest_u64(req, ureqs.p + i, 2))) {
			rc = -EFAULT;
			break;
		}
		switch (req[0] & 3) {
		case MMU_NORMAL_PT_UPDATE:
		case MMU_PT_UPDATE_NO_TRANSLATE:
			rc = update_entry(req[0] & ~3ULL, req[1], false, &u);
			break;
		case MMU_PT_UPDATE_PRESERVE_AD:
			rc = update_entry(req[0] & ~3ULL, req[1], true, &u);
			break;
		case MMU_MACHPHYS_UPDATE:
			rc = update_m2p(req[0] & ~3ULL, req[1], &u);
			break;
		}
		if (unlikely(rc))
			break; /* preempted: the same request again does what was left */
	}
	spin_unlock(&u.pt->arch.mm_lock);

	perfc_add(mmu_updates, i);
	done += i;
	if (!guest_handle_is_null(pdone) && copy_to_guest(pdone, &done, 1))
		return -EFAULT;
	if (unlikely(rc == -ERESTART))
		return hypercall_create_continuation(__HYPERVISOR_mmu_update, 4, ureqs.p + i,
			(unsigned long)((count - i) | MMU_UPDATE_PREEMPTED), pdone.p,
			(unsigned long)foreigndom);
	return rc;
}

/* The CPUs where the vCPUs of a guest's bitmap (little-endian, by vCPU number) may have run. */
int vcpumask_to_pcpumask(struct domain *d, const void *bitmap, cpumask_t *out)
{
	cpumask_clear(out);
	for (unsigned int id = 0; id < d->max_vcpus; id += 64) {
		unsigned int bytes = min(8u, DIV_ROUND_UP(d->max_vcpus - id, 8));
		unsigned long word = 0;

		if (raw_copy_from_guest(&word, (const char *)bitmap + id / 8, bytes))
			return -EFAULT;
		while (word) {
			unsigned int n = id + __builtin_ctzl(word);
			struct vcpu *v = n < d->max_vcpus ? d->vcpu[n] : NULL;

			word &= word - 1;
			if (v)
				cpumask_or(out, out, &v->vcpu_dirty_cpumask);
		}
	}
	cpumask_and(out, out, &cpu_online_map);
	return 0;
}

/* UVMF_*: after the update, flush everything or one address, here or on a set of vCPUs' CPUs. */
static int flush_after_update(unsigned long va, unsigned long flags, struct domain *d)
{
	unsigned int what = (flags & UVMF_FLUSHTYPE_MASK) == UVMF_TLB_FLUSH ? FLUSH_TLB : FLUSH_VA;
	unsigned long where = flags & ~UVMF_FLUSHTYPE_MASK;
	cpumask_t mask;
	int rc = 0;

	if (where == UVMF_LOCAL) {
		flush_local((void *)va, what);
		return 0;
	}
	if (where == UVMF_ALL)
		cpumask_and(&mask, &d->dirty_cpumask, &cpu_online_map);
	else
		rc = vcpumask_to_pcpumask(d, (const void *)where, &mask);
	if (!rc)
		flush_mask(&mask, (void *)va, what);
	return rc;
}

static long update_va_mapping(unsigned long va, u64 val, unsigned long flags, struct domain *target)
{
	struct domain *d = current->domain;
	long rc = -EINVAL;
	pte_t *p;

	perfc_incr(va_mappings);
	spin_lock(&d->arch.mm_lock);
	p = guest_l1e(va);
	if (likely(p))
		rc = likely(target == d) ? mod_l1_entry(p, val, false, d)
					 : mod_foreign_l1_entry(p, val, false, target);
	spin_unlock(&d->arch.mm_lock);
	if (unlikely(rc == 0 && (flags & UVMF_FLUSHTYPE_MASK)))
		rc = (flags & UVMF_FLUSHTYPE_MASK) == UVMF_FLUSHTYPE_MASK
			? -ENOSYS
			: flush_after_update(va, flags, d);
	return rc;
}

long do_update_va_mapping(unsigned long va, u64 val, unsigned long flags)
{
	return update_va_mapping(va, val, flags, current->domain);
}

long do_update_va_mapping_otherdomain(unsigned long va, u64 val, unsigned long flags, domid_t domid)
{
	struct update_domains u;
	int rc = decode_domains(domid, &u);

	return rc ? rc : update_va_mapping(va, val, flags, u.target);
}
