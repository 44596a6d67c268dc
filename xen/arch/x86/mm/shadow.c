/*
 * Shadow page tables: while a domain has them its vCPUs run on copies of its tables, in which write
 * permissions are missing from pages that are not noted as changed yet.
 *
 * Every store to a guest's tables goes through the hypervisor, so the shadows never need to be
 * compared with them. A shadow entry is present only if the guest's is, is marked accessed there, and
 * leads to the same frame (level 1) or to the shadow of the same table; it is writable only if
 * the guest's is, is marked dirty there, and the frame is noted in the log. What is missing
 * is put in by the page fault that it causes.
 *
 * A change of a guest's entry takes the paging lock after its store and before it gives up the old
 * entry's references. So what an entry that was read under this lock leads to stays a validated
 * table until the lock is released, without the mm_lock, which the CPU may already hold when
 * it faults.
 */
#include <xen/errno.h>
#include <xen/lib.h>
#include <xen/perfc.h>
#include <xen/sched.h>
#include <asm/pgtable.h>
#include <asm/shadow.h>

#define FAULT_PAGES 3  /* shadows that a fault may have to make */
#define EVICT_MORE  32 /* pages made free beyond what is needed now */

/* Frames that have no RAM, or another owner, are not the log's business. */
static pte_t l1_shadow_entry(const struct domain *d, pte_t e)
{
	if ((e & (_PAGE_PRESENT | _PAGE_ACCESSED)) != (_PAGE_PRESENT | _PAGE_ACCESSED))
		return 0;
	if ((e & _PAGE_RW) && (!(e & _PAGE_DIRTY) || log_dirty_wanted(d, _mfn(pte_mfn(e)))))
		return e & ~_PAGE_RW;
	return e;
}

/* --- Shadows ------------------------------------------------------------------------------------- */

static pte_t *shadow_entries(const struct page_info *sp)
{
	return page_to_virt(sp);
}

static struct page_list *shadow_list(struct paging_domain *p, const struct page_info *sp)
{
	return sp->shadow.level == 1 ? &p->l1_shadows : &p->upper_shadows;
}

/* The shadow of a validated table, which is made if there is none: the pool has a page. */
static struct page_info *get_shadow(struct domain *d, struct page_info *pg, unsigned int level)
{
	struct paging_domain *p = &d->arch.paging;
	struct page_info *sp;

	if (likely(READ_ONCE(pg->type_info) & PGT_shadowed))
		return mfn_to_page(_mfn(pg->shadow_mfn));
	sp = shadow_pool_get(d);
	if (unlikely(!sp))
		return NULL;
	sp->shadow.guest = mfn_x(page_to_mfn(pg));
	sp->shadow.users = 0;
	sp->shadow.level = level;
	sp->shadow.generation = p->generation;
	page_list_add_tail(sp, shadow_list(p, sp));
	if (level == 4)
		memcpy(shadow_entries(sp) + L4_SLOT_FIRST, (pte_t *)page_to_virt(pg) + L4_SLOT_FIRST,
			(L4_SLOT_LAST - L4_SLOT_FIRST + 1) * sizeof(pte_t));
	pg->shadow_mfn = mfn_x(page_to_mfn(sp));
	__atomic_fetch_or(&pg->type_info, PGT_shadowed, __ATOMIC_SEQ_CST);
	return sp;
}

static void put_shadow(struct domain *d, struct page_info *sp)
{
	struct page_info *pg = mfn_to_page(_mfn(sp->shadow.guest));

	__atomic_fetch_and(&pg->type_info, ~PGT_shadowed, __ATOMIC_SEQ_CST);
	page_list_del(sp, shadow_list(&d->arch.paging, sp));
	sp->type_info = 0;
	shadow_pool_put(d, sp);
}

void shadow_drop(struct page_info *pg)
{
	struct domain *d = page_get_owner(pg);

	if (!(READ_ONCE(pg->type_info) & PGT_shadowed))
		return;
	paging_lock(d);
	if (pg->type_info & PGT_shadowed)
		put_shadow(d, mfn_to_page(_mfn(pg->shadow_mfn)));
	paging_unlock(d);
}

static void empty_root(struct page_info *sp)
{
	pte_t *t = shadow_entries(sp);

	for (unsigned int i = 0; i < PT_ENTRIES; i++)
		if (i < L4_SLOT_FIRST || i > L4_SLOT_LAST)
			WRITE_ONCE(t[i], 0);
}

/*
 * Shadows do not know what leads to them, so none of level 1 can go before all above. These are few
 * and are soon made again, with links to the level 1 that stays.
 */
static void make_room(struct domain *d, unsigned int n)
{
	struct paging_domain *p = &d->arch.paging;
	struct page_info *sp, *next;

	for (sp = page_list_first(&p->upper_shadows); sp; sp = next) {
		next = page_list_next(sp);
		if (sp->shadow.users)
			empty_root(sp);
		else
			put_shadow(d, sp);
	}
	while (p->free_pages < n + EVICT_MORE && (sp = page_list_first(&p->l1_shadows)))
		put_shadow(d, sp);
	perfc_incr(shadow_evictions);
}

bool shadow_drop_some(struct domain *d, unsigned int n)
{
	struct paging_domain *p = &d->arch.paging;
	struct page_info *sp;

	while (n--) {
		sp = page_list_first(&p->upper_shadows);
		if (!sp)
			sp = page_list_first(&p->l1_shadows);
		if (!sp)
			return false;
		put_shadow(d, sp);
	}
	return true;
}

bool shadow_reserve(struct domain *d, unsigned int n)
{
	if (unlikely(d->arch.paging.free_pages < n))
		make_room(d, n);
	return d->arch.paging.free_pages >= n;
}

/* --- Roots ----------------------------------------------------------------------------------------- */

/* The shadow of a root as the vCPU has it: applications do not see the M2P. */
static struct page_info *get_root_shadow(struct domain *d, u64 root)
{
	struct page_info *sp;

	if (!root)
		return NULL;
	(void)shadow_reserve(d, 1); /* the pool's minimum has room for all roots */
	sp = get_shadow(d, mfn_to_page(maddr_to_mfn(root)), 4);
	BUG_ON(!sp);
	shadow_entries(sp)[L4_SLOT_MPT] = ((pte_t *)maddr_to_virt(root))[L4_SLOT_MPT];
	sp->shadow.users++;
	return sp;
}

void shadow_get_roots(struct domain *d, struct shadow_roots *r, u64 *kernel, u64 *user)
{
	*r = (struct shadow_roots){ NULL, NULL };
	paging_lock(d);
	if (d->arch.paging.shadowed) {
		r->kernel = get_root_shadow(d, *kernel);
		r->user = get_root_shadow(d, *user);
		*kernel = r->kernel ? page_to_maddr(r->kernel) : 0;
		*user = r->user ? page_to_maddr(r->user) : 0;
	}
	paging_unlock(d);
}

void shadow_put_roots(struct domain *d, struct shadow_roots *r)
{
	paging_lock(d);
	if (r->kernel)
		r->kernel->shadow.users--;
	if (r->user)
		r->user->shadow.users--;
	paging_unlock(d);
}

/* --- Changes of the guest's entries ------------------------------------------------------------------ */

void shadow_entry_changed(pte_t *p)
{
	struct page_info *pg = virt_to_page(p);
	struct domain *d = page_get_owner(pg);
	pte_t *s;

	if (!d || !READ_ONCE(d->arch.paging.shadowed))
		return;
	paging_lock(d);
	if (pg->type_info & PGT_shadowed) {
		s = (pte_t *)mfn_to_virt(pg->shadow_mfn) + ((unsigned long)p & ~PAGE_MASK) / sizeof(pte_t);
		WRITE_ONCE(*s, (pg->type_info & PGT_type_mask) == PGT_l1 ? l1_shadow_entry(d, *p) : 0);
	}
	log_dirty_mark(d, page_to_mfn(pg));
	paging_unlock(d);
}

/* --- Faults -------------------------------------------------------------------------------------------- */

/* The guest's entries for an address, by level: where they are, and as they were read. */
struct guest_walk {
	pte_t *at[5], entry[5];
	unsigned long rights; /* _PAGE_RW, and _PAGE_NX where execution is allowed */
};

/* False: an entry is not present. */
static bool walk_guest(u64 root, unsigned long va, struct guest_walk *w)
{
	pte_t *t = maddr_to_virt(root);

	w->rights = _PAGE_RW | _PAGE_NX;
	for (unsigned int level = 4; level; level--) {
		pte_t e;

		w->at[level] = &t[pt_index(va, L1_SHIFT + 9 * (level - 1))];
		e = w->entry[level] = READ_ONCE(*w->at[level]);
		if (!(e & _PAGE_PRESENT))
			return false;
		w->rights &= e ^ _PAGE_NX;
		t = level > 1 ? maddr_to_virt(e & PTE_ADDR_MASK) : NULL;
	}
	return true;
}

/* Mark the entries as the CPU would; false: one has changed since it was read. */
static bool mark_entries(struct domain *d, struct guest_walk *w, bool write)
{
	for (unsigned int level = 4; level; level--) {
		pte_t e = w->entry[level];
		pte_t marked = e | _PAGE_ACCESSED | (write && level == 1 ? _PAGE_DIRTY : 0);

		if (marked == e)
			continue;
		if (cmpxchg(w->at[level], e, marked) != e)
			return false;
		w->entry[level] = marked;
		log_dirty_mark(d, page_to_mfn(virt_to_page(w->at[level])));
	}
	return true;
}

/* Store an entry; true if it is a new one. */
static bool put_entry(pte_t *s, pte_t e)
{
	if (READ_ONCE(*s) == e)
		return false;
	WRITE_ONCE(*s, e);
	return true;
}

/* Make the shadow tables from the root `sp` on lead to what the guest's do. False: they did already. */
static bool fill_shadows(
	struct domain *d, struct page_info *sp, unsigned long va, const struct guest_walk *w)
{
	bool changed = false;

	for (unsigned int level = 4; level > 1; level--) {
		pte_t e = w->entry[level];
		struct page_info *below = get_shadow(d, mfn_to_page(_mfn(pte_mfn(e))), level - 1);

		changed |= put_entry(&shadow_entries(sp)[pt_index(va, L1_SHIFT + 9 * (level - 1))],
			page_to_maddr(below) | (e & PTE_FLAGS_MASK));
		sp = below;
	}
	changed |= put_entry(&shadow_entries(sp)[l1_index(va)], l1_shadow_entry(d, w->entry[1]));
	return changed;
}

/* As shadow_fault(), for the current vCPU, with the paging lock held. */
static bool fix_fault(struct vcpu *v, unsigned long va, u32 *ec)
{
	bool kernel = v->arch.flags & TF_KERNEL_MODE, write = *ec & PFEC_write;
	struct page_info *root = kernel ? v->arch.shadows.kernel : v->arch.shadows.user;
	struct domain *d = v->domain;
	struct guest_walk w;

	if (!walk_guest(kernel ? v->arch.cr3_kernel : v->arch.cr3_user, va, &w)) {
		*ec &= ~PFEC_present;
		return false;
	}
	if ((write && !(w.rights & _PAGE_RW)) || ((*ec & PFEC_insn) && !(w.rights & _PAGE_NX))) {
		*ec |= PFEC_present;
		return false;
	}
	if (!mark_entries(d, &w, write))
		return true;
	if (write)
		log_dirty_mark(d, _mfn(pte_mfn(w.entry[1])));
	/* Now, because making room later could take away what this fault has just put in. */
	if (!shadow_reserve(d, FAULT_PAGES))
		return false; /* the pool's minimum is more than that */
	if (fill_shadows(d, root, va, &w)) {
		d->arch.paging.fault_count++;
		perfc_incr(shadow_faults);
		return true;
	}
	/* Another CPU was faster, or this one remembered less than is allowed now. Else it is not about
	 * the tables: the caller knows what such faults mean. */
	return !(*ec & PFEC_present) || write;
}

bool shadow_fault(struct cpu_user_regs *regs, unsigned long addr)
{
	struct vcpu *v = current;
	struct domain *d = v->domain;
	bool fixed = false;

	if (!READ_ONCE(d->arch.paging.shadowed) || (regs->error_code & PFEC_rsvd) ||
		!is_canonical(addr) ||
		addr - HYPERVISOR_START < HYPERVISOR_END - HYPERVISOR_START)
		return false;
	/* A slip of our own, not an access to guest memory, must not be taken for one. */
	if (!guest_mode(regs) && (read_cr4() & X86_CR4_SMAP) && !(regs->rflags & X86_EFLAGS_AC))
		return false;
	if (d->arch.paging.holder == (int)smp_processor_id())
		return false;
	paging_lock(d);
	if (d->arch.paging.shadowed)
		fixed = fix_fault(v, addr, &regs->error_code);
	paging_unlock(d);
	return fixed;
}

/* --- The next round of the log ----------------------------------------------------------------------- */

static void revoke(struct page_info *sp)
{
	pte_t *t = shadow_entries(sp);

	for (unsigned int i = 0; i < PT_ENTRIES; i++)
		if (t[i] & _PAGE_RW)
			WRITE_ONCE(t[i], t[i] & ~_PAGE_RW);
}

/* New shadows come at the end of the list, with the present generation: what they allow is noted. */
bool shadow_revoke_some(struct domain *d, unsigned int n)
{
	struct paging_domain *p = &d->arch.paging;

	while (n--) {
		struct page_info *sp = page_list_first(&p->l1_shadows);

		if (!sp || sp->shadow.generation == p->generation)
			return true;
		revoke(sp);
		sp->shadow.generation = p->generation;
		page_list_del(sp, &p->l1_shadows);
		page_list_add_tail(sp, &p->l1_shadows);
	}
	return false;
}
