/* Extended MMU operations of PV guests: pinning, base pointers, TLB and cache flushes, LDT. */
#include <xen/errno.h>
#include <xen/guest_access.h>
#include <xen/hypercall.h>
#include <xen/lib.h>
#include <xen/sched.h>
#include <asm/flushtlb.h>
#include <asm/hypercall.h>
#include <asm/paging.h>
#include <asm/pgtable.h>
#include <asm/pv.h>

#define MMUEXT_PREEMPTED (1u << 31)

typedef int mmuext_fn(struct mmuext_op *op, struct domain *d);

static struct page_info *op_page(const struct mmuext_op *op)
{
	mfn_t mfn = _mfn(op->arg1.mfn);

	return mfn_valid(mfn) ? mfn_to_page(mfn) : NULL;
}

/* --- Pinning (mm_lock of d held) ---------------------------------------------------------------- */

static int pin(struct mmuext_op *op, struct domain *d)
{
	u64 type = (u64)(op->cmd - MMUEXT_PIN_L1_TABLE + 1) << 61;
	struct page_info *pg = op_page(op);
	int rc;

	/* The pages of a dying domain are being unpinned: one more would stay for ever. */
	if (!pg || d->is_dying)
		return -EINVAL;
	rc = get_page_and_type(pg, d, type);
	if (rc)
		return rc;
	if (__atomic_fetch_or(&pg->type_info, PGT_pinned, __ATOMIC_SEQ_CST) & PGT_pinned) {
		put_page_and_type(pg);
		return -EINVAL;
	}
	mark_page_dirty(pg); /* the pin is part of what a copy of the page needs */
	return 0;
}

static int unpin(struct mmuext_op *op, struct domain *d)
{
	struct page_info *pg = op_page(op);
	int rc;

	if (!pg || !get_page(pg, d))
		return -EINVAL;
	/* Held by the pin alone, it is nobody's root: it can be taken apart where it is. */
	rc = pg->type_info & PGT_pinned ? release_tree(pg) : 0;
	if (rc) {
		put_page(pg);
		return rc;
	}
	if (!(__atomic_fetch_and(&pg->type_info, ~PGT_pinned, __ATOMIC_SEQ_CST) & PGT_pinned)) {
		put_page(pg);
		return -EINVAL;
	}
	put_page_and_type(pg);
	mark_page_dirty(pg);
	put_page(pg);
	return 0;
}

/* --- Base pointers --------------------------------------------------------------------------------- */

static int change_kernel_root(struct vcpu *v, mfn_t new)
{
	mfn_t old = maddr_to_mfn(v->arch.cr3_kernel);
	int rc;

	if (mfn_eq(new, old)) {
		write_ptbase(v);
		return 0;
	}
	if (!mfn_valid(new))
		return -EINVAL;
	rc = get_page_and_type(mfn_to_page(new), v->domain, PGT_l4);
	if (rc)
		return rc;
	pv_set_roots(v, mfn_to_maddr(new), v->arch.cr3_user);
	write_ptbase(v);
	return retire_table(v, mfn_to_page(old));
}

static int new_baseptr(struct mmuext_op *op, struct domain *d)
{
	return d == current->domain ? change_kernel_root(current, _mfn(op->arg1.mfn)) : -EPERM;
}

int pv_new_baseptr(unsigned long mfn)
{
	struct domain *d = current->domain;
	int rc = current->arch.retired ? finish_retired(current) : 0;

	if (rc)
		return rc;
	spin_lock(&d->arch.mm_lock);
	rc = change_kernel_root(current, _mfn(mfn));
	spin_unlock(&d->arch.mm_lock);
	return rc;
}

static int new_user_baseptr(struct mmuext_op *op, struct domain *d)
{
	struct vcpu *v = current;
	u64 old = v->arch.cr3_user;
	int rc = 0;

	if (d != v->domain)
		return -EPERM;
	if (op->arg1.mfn == old >> PAGE_SHIFT) {
		flush_user_tlb();
		return 0;
	}
	if (op->arg1.mfn) {
		if (!op_page(op))
			return -EINVAL;
		rc = get_page_and_type(op_page(op), d, PGT_l4);
		if (rc)
			return rc;
	}
	pv_set_roots(v, v->arch.cr3_kernel, (u64)op->arg1.mfn << PAGE_SHIFT);
	flush_user_tlb();
	return old ? retire_table(v, mfn_to_page(maddr_to_mfn(old))) : 0;
}

/* --- Flushes ------------------------------------------------------------------------------------------ */

static int tlb_flush_local(struct mmuext_op *op, struct domain *d)
{
	flush_local(NULL, FLUSH_TLB);
	return 0;
}

static int invlpg_local(struct mmuext_op *op, struct domain *d)
{
	flush_local((void *)op->arg1.linear_addr, FLUSH_VA);
	return 0;
}

static int flush_multi(struct mmuext_op *op, struct domain *d)
{
	cpumask_t mask;
	int rc = vcpumask_to_pcpumask(d, op->arg2.vcpumask.p, &mask);

	if (!rc)
		flush_mask(&mask, (void *)op->arg1.linear_addr,
			op->cmd == MMUEXT_TLB_FLUSH_MULTI ? FLUSH_TLB : FLUSH_VA);
	return rc;
}

static int flush_domain(struct mmuext_op *op, struct domain *d)
{
	cpumask_t mask;

	cpumask_and(&mask, &d->dirty_cpumask, &cpu_online_map);
	flush_mask(&mask, (void *)op->arg1.linear_addr,
		op->cmd == MMUEXT_TLB_FLUSH_ALL ? FLUSH_TLB : FLUSH_VA);
	return 0;
}

static void wbinvd(void *unused)
{
	__asm__ volatile("wbinvd" ::: "memory");
}

static int flush_cache(struct mmuext_op *op, struct domain *d)
{
	/* Only who drives devices has a use for it. */
	if (!is_hardware_domain(d))
		return -EACCES;
	if (op->cmd == MMUEXT_FLUSH_CACHE)
		wbinvd(NULL);
	else
		on_selected_cpus(&cpu_online_map, wbinvd, NULL, true);
	return 0;
}

/* --- Others ----------------------------------------------------------------------------------------------- */

static int set_ldt(struct mmuext_op *op, struct domain *d)
{
	return d == current->domain ? pv_set_ldt(current, op->arg1.linear_addr, op->arg2.nr_ents)
				    : -EPERM;
}

static int clear_page(struct mmuext_op *op, struct domain *d)
{
	struct page_info *pg = op_page(op);
	int rc = pg ? get_page_and_type(pg, d, PGT_writable) : -EINVAL;

	if (rc)
		return rc;
	memset(page_to_virt(pg), 0, PAGE_SIZE);
	mark_page_dirty(pg);
	put_page_and_type(pg);
	return 0;
}

static int copy_page(struct mmuext_op *op, struct domain *d)
{
	struct page_info *dst = op_page(op), *src = get_page_from_gfn(d, _gfn(op->arg2.src_mfn));
	int rc = -EINVAL;

	if (!src)
		return rc;
	if (dst)
		rc = get_page_and_type(dst, d, PGT_writable);
	if (!rc) {
		memcpy(page_to_virt(dst), page_to_virt(src), PAGE_SIZE);
		mark_page_dirty(dst);
		put_page_and_type(dst);
	}
	put_page(src);
	return rc;
}

/* MMUEXT_* to handler; `locked`: under the mm_lock of the domain operated on. */
static const struct {
	mmuext_fn *fn;
	bool locked;
} mmuext_table[] = {
	[MMUEXT_PIN_L1_TABLE] = { pin, true },
	[MMUEXT_PIN_L2_TABLE] = { pin, true },
	[MMUEXT_PIN_L3_TABLE] = { pin, true },
	[MMUEXT_PIN_L4_TABLE] = { pin, true },
	[MMUEXT_UNPIN_TABLE] = { unpin, true },
	[MMUEXT_NEW_BASEPTR] = { new_baseptr, true },
	[MMUEXT_TLB_FLUSH_LOCAL] = { tlb_flush_local, false },
	[MMUEXT_INVLPG_LOCAL] = { invlpg_local, false },
	[MMUEXT_TLB_FLUSH_MULTI] = { flush_multi, false },
	[MMUEXT_INVLPG_MULTI] = { flush_multi, false },
	[MMUEXT_TLB_FLUSH_ALL] = { flush_domain, false },
	[MMUEXT_INVLPG_ALL] = { flush_domain, false },
	[MMUEXT_FLUSH_CACHE] = { flush_cache, false },
	[MMUEXT_SET_LDT] = { set_ldt, true },
	[MMUEXT_NEW_USER_BASEPTR] = { new_user_baseptr, true },
	[MMUEXT_CLEAR_PAGE] = { clear_page, false },
	[MMUEXT_COPY_PAGE] = { copy_page, false },
	[MMUEXT_FLUSH_CACHE_GLOBAL] = { flush_cache, false },
};

static int mmuext_one(struct mmuext_op *op, struct domain *d)
{
	int rc;

	if (unlikely(op->cmd >= ARRAY_SIZE(mmuext_table) || !mmuext_table[op->cmd].fn))
		return -ENOSYS;
	if (!mmuext_table[op->cmd].locked)
		return mmuext_table[op->cmd].fn(op, d);
	if (unlikely(current->arch.retired)) {
		rc = finish_retired(current);
		if (rc)
			return rc;
	}
	spin_lock(&d->arch.mm_lock);
	rc = mmuext_table[op->cmd].fn(op, d);
	spin_unlock(&d->arch.mm_lock);
	return rc;
}

long do_mmuext_op(XEN_GUEST_HANDLE_PARAM(mmuext_op_t) uops, unsigned int count,
	XEN_GUEST_HANDLE_PARAM(uint) pdone, unsigned int foreigndom)
{
	struct domain *d = current->domain;
	unsigned int i = 0, done = 0;
	struct mmuext_op op;
	long rc = 0;

	if (unlikely(count & MMUEXT_PREEMPTED)) {
		count &= ~MMUEXT_PREEMPTED;
		if (!guest_handle_is_null(pdone) && copy_from_guest(&done, pdone, 1))
			return -EFAULT;
	}
	if (unlikely(foreigndom != DOMID_SELF)) {
		d = rcu_lock_domain_by_any_id(foreigndom);
		if (!d)
			return -ESRCH;
		if (d != current->domain && !is_control_domain(current->domain))
			return -EPERM;
	}
	for (; i < count; i++) {
		if (unlikely(i && hypercall_preempt_check()))
			rc = -ERESTART;
		else if (unlikely(copy_from_guest_offset(&op, uops, i, 1)))
			rc = -EFAULT;
		else
			rc = mmuext_one(&op, d);
		if (unlikely(rc))
			break;
	}
	done += i;
	if (!guest_handle_is_null(pdone) && copy_to_guest(pdone, &done, 1))
		return -EFAULT;
	if (unlikely(rc == -ERESTART))
		return hypercall_create_continuation(__HYPERVISOR_mmuext_op, 4, uops.p + i,
			(unsigned long)((count - i) | MMUEXT_PREEMPTED), pdone.p,
			(unsigned long)foreigndom);
	return rc;
}
