/* The machine's part of domains and vCPUs: creation, context switches, destruction. */
#include <xen/errno.h>
#include <xen/grant_table.h>
#include <xen/lib.h>
#include <xen/sched.h>
#include <asm/flushtlb.h>
#include <asm/fpu.h>
#include <asm/irq.h>
#include <asm/msr-index.h>
#include <asm/paging.h>
#include <asm/pgtable.h>
#include <asm/percpu_block.h>
#include <asm/pv.h>
#include <asm/time.h>

struct domain *alloc_domain_struct(void)
{
	BUILD_BUG_ON(sizeof(struct domain) > PAGE_SIZE);
	return alloc_xenheap_page(); /* page_info.owner holds its frame number */
}

struct vcpu *alloc_vcpu_struct(void)
{
	return xzalloc(struct vcpu);
}

void free_domain_struct(struct domain *d)
{
	free_xenheap_page(d);
}

void free_vcpu_struct(struct vcpu *v)
{
	xfree(v);
}

/* --- Creation --------------------------------------------------------------------------------------------- */

int arch_domain_create(struct domain *d, const struct domain_config *cfg)
{
	int rc = -ENOMEM;

	spin_lock_init(&d->arch.mm_lock, LOCK_RANK_MM);
	shadow_domain_init(d);
	if (is_idle_domain(d) || d->domain_id >= DOMID_FIRST_RESERVED)
		return 0;
	d->arch.perdomain_l3 = alloc_xenheap_page();
	d->arch.ioport_caps = rangeset_new("I/O ports");
	d->shared_info = alloc_xenheap_page();
	if (!d->arch.perdomain_l3 || !d->arch.ioport_caps || !d->shared_info)
		goto fail;
	update_domain_wallclock_time(d); /* guests read it before anybody sets it */
	share_xen_page_with_guest(virt_to_page(d->shared_info), d, false);
	d->arch.relaxed_msrs = cfg->relaxed_msrs;
	rc = pirq_init_domain(d);
	if (!rc)
		return 0;
fail:
	arch_domain_destroy(d);
	return rc;
}

void arch_domain_destroy(struct domain *d)
{
	pte_t *l3 = d->arch.perdomain_l3;

	pirq_free_domain(d);
	if (l3 && (l3[0] & _PAGE_PRESENT)) {
		pte_t *l2 = mfn_to_virt(pte_mfn(l3[0]));

		for (unsigned int i = 0; i < PT_ENTRIES; i++)
			if (l2[i] & _PAGE_PRESENT)
				free_xenheap_page(mfn_to_virt(pte_mfn(l2[i])));
		free_xenheap_page(l2);
	}
	if (l3)
		free_xenheap_page(l3);
	if (d->shared_info)
		free_xenheap_page(d->shared_info);
	xfree(d->arch.e820);
	xfree(d->arch.cpu_policy);
	rangeset_destroy(d->arch.ioport_caps);
	d->arch.perdomain_l3 = NULL;
	d->arch.ioport_caps = NULL;
	d->shared_info = NULL;
}

/* The 32 entries of a vCPU's descriptor-table window, in the domain's own L1 tables. */
static pte_t *perdomain_l1e(struct domain *d, unsigned int vcpu_id)
{
	unsigned long va = PERDOMAIN_START + (unsigned long)vcpu_id * PERVCPU_PAGES * PAGE_SIZE;
	pte_t *t = d->arch.perdomain_l3;
	const unsigned int shifts[] = { L3_SHIFT, L2_SHIFT };

	for (unsigned int i = 0; i < 2; i++) {
		pte_t *e = &t[pt_index(va, shifts[i])];

		if (!(*e & _PAGE_PRESENT)) {
			void *p = alloc_xenheap_page();

			if (!p)
				return NULL;
			*e = make_pte(virt_to_mfn(p), PAGE_TABLE_FLAGS);
		}
		t = mfn_to_virt(pte_mfn(*e));
	}
	return &t[l1_index(va)];
}

int arch_vcpu_create(struct vcpu *v)
{
	v->arch.flags = TF_KERNEL_MODE;
	v->dirty_cpu = NR_CPUS;
	if (is_idle_vcpu(v))
		return 0;
	v->arch.gdt_base = PERDOMAIN_START + (unsigned long)v->vcpu_id * PERVCPU_PAGES * PAGE_SIZE;
	v->arch.gdt_ldt_l1 = perdomain_l1e(v->domain, v->vcpu_id);
	v->arch.trap_table = xzalloc_array(struct trap_info, 256);
	v->arch.dr[6] = 0xffff0ff0;
	v->arch.dr[7] = 0x400;
	v->arch.cr4 = X86_CR4_PAE | X86_CR4_DE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT | X86_CR4_MCE |
		(read_cr4() & (X86_CR4_FSGSBASE | X86_CR4_OSXSAVE));
	if (!v->arch.gdt_ldt_l1 || !v->arch.trap_table || fpu_alloc(v)) {
		arch_vcpu_destroy(v);
		return -ENOMEM;
	}
	return 0;
}

void arch_vcpu_destroy(struct vcpu *v)
{
	fpu_free(v);
	xfree(v->arch.trap_table);
	v->arch.trap_table = NULL;
}

/* --- Setting a vCPU's registers: VCPUOP_initialise, XEN_DOMCTL_setvcpucontext ------------------------------- */

/* Everything in a context that could fault or mislead us later. */
static bool context_is_sane(const vcpu_guest_context_t *c)
{
	if (!is_canonical(c->user_regs.rip) || !is_canonical(c->event_callback_eip) ||
		!is_canonical(c->failsafe_callback_eip) || !is_canonical(c->syscall_callback_eip) ||
		!is_canonical(c->fs_base) || !is_canonical(c->gs_base_kernel) ||
		!is_canonical(c->gs_base_user))
		return false;
	for (unsigned int i = 0; i < 256; i++)
		if (!is_canonical(c->trap_ctxt[i].address))
			return false;
	/* User mode needs tables of its own: without, the CPU would be given page 0 as its root. */
	if (!(c->flags & VGCF_IN_KERNEL) && !c->ctrlreg[1])
		return false;
	if (c->ldt_ents > 8192 || (c->ldt_base & ~PAGE_MASK) ||
		!access_ok((void *)c->ldt_base, c->ldt_ents * 8))
		return false;
	return c->gdt_ents <= GDT_RESERVED_ENTRY;
}

static void copy_context(struct vcpu *v, const vcpu_guest_context_t *c)
{
	v->arch.user_regs = c->user_regs;
	v->arch.user_regs.cs |= 3;
	v->arch.user_regs.ss |= 3;
	v->arch.user_regs.rflags = (c->user_regs.rflags & ~(u64)(X86_EFLAGS_IOPL | X86_EFLAGS_VM)) |
		X86_EFLAGS_IF | X86_EFLAGS_MBS;
	v->arch.flags = c->flags & VGCF_IN_KERNEL ? TF_KERNEL_MODE : 0;
	memcpy(v->arch.trap_table, c->trap_ctxt, sizeof(c->trap_ctxt));
	v->arch.kernel_sp = c->kernel_sp;
	v->arch.event_entry = c->event_callback_eip;
	v->arch.failsafe_entry = c->failsafe_callback_eip;
	v->arch.syscall_entry = c->syscall_callback_eip;
	v->arch.failsafe_masks_events = c->flags & VGCF_failsafe_disables_events;
	v->arch.syscall_masks_events = c->flags & VGCF_syscall_disables_events;
	v->arch.fs_base = c->fs_base;
	v->arch.gs_base_kernel = c->gs_base_kernel;
	v->arch.gs_base_user = c->gs_base_user;
	v->arch.iopl = c->user_regs.rflags >> 12 & 3;
	v->arch.cr0_ts = c->ctrlreg[0] & X86_CR0_TS;
	if (c->flags & VGCF_I387_VALID)
		fpu_set_fxsave(v, &c->fpu_ctxt);
	for (unsigned int i = 0; i < 8; i++)
		if (i != 4 && i != 5)
			pv_set_debugreg(v, i, c->debugreg[i]);
	pv_update_syscall_frame(v);
}

/* Take references on the root tables; mm_lock held. */
static int set_roots(struct vcpu *v, const vcpu_guest_context_t *c)
{
	struct domain *d = v->domain;
	mfn_t kernel = maddr_to_mfn(c->ctrlreg[3]), user = maddr_to_mfn(c->ctrlreg[1]);
	int rc;

	if (!mfn_valid(kernel))
		return -EINVAL;
	rc = get_page_and_type(mfn_to_page(kernel), d, PGT_l4);
	if (rc)
		return rc;
	if (c->ctrlreg[1]) {
		rc = mfn_valid(user) ? get_page_and_type(mfn_to_page(user), d, PGT_l4) : -EINVAL;
		if (rc) { /* what does not go at once goes before the caller's next operation */
			(void)retire_table(current, mfn_to_page(kernel));
			return rc;
		}
	}
	pv_set_roots(v, mfn_to_maddr(kernel), c->ctrlreg[1] ? mfn_to_maddr(user) : 0);
	return 0;
}

/* Give up a root of a vCPU that does not run, in steps: -ERESTART. mm_lock held. */
static int put_root(u64 *cr3)
{
	struct page_info *pg = mfn_to_page(maddr_to_mfn(*cr3));
	int rc = *cr3 ? release_tree(pg) : 0;

	if (*cr3 && !rc) {
		*cr3 = 0;
		put_page_and_type(pg);
	}
	return rc;
}

/* The old ones go when the new ones are held: an initialised vCPU always has a root. */
static int replace_roots(struct vcpu *v, const vcpu_guest_context_t *c)
{
	u64 kernel = v->arch.cr3_kernel, user = v->arch.cr3_user;
	int rc = set_roots(v, c);

	if (rc)
		return rc;
	if (kernel)
		put_page_and_type(mfn_to_page(maddr_to_mfn(kernel)));
	if (user)
		put_page_and_type(mfn_to_page(maddr_to_mfn(user)));
	return 0;
}

int arch_set_info_guest(struct vcpu *v, const vcpu_guest_context_t *c)
{
	struct domain *d = v->domain;
	int rc;

	if (!context_is_sane(c))
		return -EINVAL;
	rc = current->arch.retired ? finish_retired(current) : 0;
	if (rc)
		return rc;
	spin_lock(&d->arch.mm_lock);
	/* The roots last: their trees can be large, and nothing may fail once they are held. */
	rc = pv_set_gdt(v, c->gdt_frames, c->gdt_ents);
	if (!rc)
		rc = replace_roots(v, c);
	if (!rc) {
		pv_invalidate_ldt(v);
		v->arch.ldt_base = c->ldt_base;
		v->arch.ldt_ents = c->ldt_base ? c->ldt_ents : 0;
		copy_context(v, c);
		v->is_initialised = true;
	}
	spin_unlock(&d->arch.mm_lock);
	return rc;
}

/* --- Context switch --------------------------------------------------------------------------------------------- */

static void save_state(struct vcpu *v)
{
	v->arch.user_regs = *guest_cpu_user_regs();
	pv_save_segments(v);
	fpu_save(v);
	v->dirty_cpu = smp_processor_id();
}

static void leave_address_space(struct vcpu *prev)
{
	unsigned int cpu = smp_processor_id();

	cpumask_clear_cpu(cpu, &prev->vcpu_dirty_cpumask);
	cpumask_clear_cpu(cpu, &prev->domain->dirty_cpumask);
}

cpumask_t guest_tlb_cpus;

static void enter_address_space(struct vcpu *v)
{
	unsigned int cpu = smp_processor_id();

	cpumask_set_cpu(cpu, &guest_tlb_cpus);
	cpumask_set_cpu(cpu, &v->domain->dirty_cpumask);
	cpumask_set_cpu(cpu, &v->vcpu_dirty_cpumask);
}

void write_ptbase(struct vcpu *v)
{
	u64 cr3 = is_idle_vcpu(v) ? virt_to_maddr(idle_l4)
		: v->arch.flags & TF_KERNEL_MODE ? v->arch.load_kernel
						 : v->arch.load_user;

	tlb_load_cr3(cr3);
}

void pv_load_roots(struct vcpu *v)
{
	u64 kernel = v->arch.cr3_kernel, user = v->arch.cr3_user;
	struct shadow_roots old = v->arch.shadows;

	if (unlikely(v->domain->arch.paging.shadowed || old.kernel))
		shadow_get_roots(v->domain, &v->arch.shadows, &kernel, &user);
	v->arch.load_kernel = kernel | (use_pcid ? CR3_NOFLUSH | PCID_KERNEL : 0);
	v->arch.load_user = user ? user | (use_pcid ? CR3_NOFLUSH | PCID_USER : 0) : 0;
	if (unlikely(old.kernel)) {
		/* Nothing may run on those that go. */
		if (v == current)
			write_ptbase(v);
		shadow_put_roots(v->domain, &old);
	}
}

void pv_set_roots(struct vcpu *v, u64 kernel, u64 user)
{
	v->arch.cr3_kernel = kernel;
	v->arch.cr3_user = user;
	/* Applications do not get to see the M2P, unless they share the kernel's root; the kernel's may
	 * have been theirs before. */
	if (user)
		((pte_t *)maddr_to_virt(user))[L4_SLOT_MPT] = 0;
	if (kernel)
		((pte_t *)maddr_to_virt(kernel))[L4_SLOT_MPT] = idle_l4[L4_SLOT_MPT];
	pv_load_roots(v);
}

static void load_state(struct vcpu *v)
{
	v->arch.gdt_ldt_l1[GDT_RESERVED_PAGE] =
		make_pte(virt_to_mfn(percpu_gdt(smp_processor_id())), PAGE_HYPERVISOR & ~_PAGE_GLOBAL);
	enter_address_space(v);
	write_ptbase(v);
	load_gdt(v->arch.gdt_base);
	pv_load_ldt(v);
	pv_load_segments(v);
	pv_load_debugregs(v);
	fpu_restore(v);
	*guest_cpu_user_regs() = v->arch.user_regs;
}

void test_all_events(void);

static noreturn void resume_vcpu(struct vcpu *v)
{
	if (is_idle_vcpu(v))
		reset_stack_and_jump(idle_loop);
	else
		reset_stack_and_jump(test_all_events);
}

void context_switch(struct vcpu *prev, struct vcpu *next)
{
	ASSERT(prev != next && !local_irq_is_enabled());
	if (!is_idle_vcpu(prev))
		save_state(prev);
	set_current(next);
	if (is_idle_vcpu(next)) {
		load_gdt((unsigned long)percpu_gdt(smp_processor_id()) - GDT_RESERVED_ENTRY * 8);
		write_ptbase(next);
		cpumask_clear_cpu(smp_processor_id(), &guest_tlb_cpus);
	} else {
		load_state(next);
		update_vcpu_system_time(next); /* nothing to do unless it missed a calibration */
	}
	if (!is_idle_vcpu(prev) && prev->domain != next->domain)
		leave_address_space(prev);
	else if (!is_idle_vcpu(prev))
		cpumask_clear_cpu(smp_processor_id(), &prev->vcpu_dirty_cpumask);
	context_saved(prev);
	local_irq_enable();
	if (!is_idle_vcpu(next))
		update_runstate_area(next);
	resume_vcpu(next);
}

/* State is written back at every switch: nothing is kept lazily. */
void sync_vcpu_execstate(struct vcpu *v)
{
}

void vcpu_kick(struct vcpu *v)
{
	/* A running vCPU sees the event when its CPU next goes back to it: make it come in. */
	if (READ_ONCE(v->is_running) && v != current)
		smp_send_event_check_cpu(v->processor);
}

void arch_dump_vcpu_info(struct vcpu *v)
{
	const struct cpu_user_regs *r = v == current ? guest_cpu_user_regs() : &v->arch.user_regs;

	printk(XENLOG_ALWAYS "d%uv%d: %s mode, cr3 %016lx\n", v->domain->domain_id, v->vcpu_id,
		v->arch.flags & TF_KERNEL_MODE ? "kernel" : "user",
		(unsigned long)(v->arch.flags & TF_KERNEL_MODE ? v->arch.cr3_kernel : v->arch.cr3_user));
#define R(x) (unsigned long)r->x
	printk(XENLOG_ALWAYS "rip: %04x:%016lx rsp: %04x:%016lx rflags: %016lx\n", (u16)r->cs, R(rip),
		(u16)r->ss, R(rsp), R(rflags));
	printk(XENLOG_ALWAYS "rax: %016lx rbx: %016lx rcx: %016lx rdx: %016lx\n", R(rax), R(rbx),
		R(rcx), R(rdx));
	printk(XENLOG_ALWAYS "rsi: %016lx rdi: %016lx rbp: %016lx r8:  %016lx\n", R(rsi), R(rdi),
		R(rbp), R(r8));
	printk(XENLOG_ALWAYS "r9:  %016lx r10: %016lx r11: %016lx r12: %016lx\n", R(r9), R(r10),
		R(r11), R(r12));
	printk(XENLOG_ALWAYS "r13: %016lx r14: %016lx r15: %016lx\n", R(r13), R(r14), R(r15));
#undef R
}

/* --- Destruction ---------------------------------------------------------------------------------------------------- */

/* Undo what keeps a page from being freed: a pin, an interrupted validation, the allocation. */
static int relinquish_page(struct page_info *pg)
{
	int rc = pg->type_info & PGT_pinned ? release_tree(pg) : 0;

	if (rc)
		return rc;
	if (__atomic_fetch_and(&pg->type_info, ~PGT_pinned, __ATOMIC_SEQ_CST) & PGT_pinned)
		put_page_and_type(pg);
	if (pg->type_info & PGT_partial) {
		/* We stand for the user that release_tree() expects. With a user of its own the
		 * table hangs in another one, which is visited too. */
		__atomic_fetch_add(&pg->type_info, 1, __ATOMIC_SEQ_CST);
		rc = release_tree(pg);
		__atomic_fetch_sub(&pg->type_info, 1, __ATOMIC_SEQ_CST);
		if (rc)
			return rc;
	}
	if (__atomic_fetch_and(&pg->count_info, ~PGC_allocated, __ATOMIC_SEQ_CST) & PGC_allocated)
		put_page(pg);
	return 0;
}

/* A page is done: to the list's tail, marked. The caller holds a reference. */
static void set_relinquished(struct domain *d, struct page_info *pg)
{
	spin_lock(&d->page_alloc_lock);
	__atomic_fetch_or(&pg->count_info, PGC_relinquished, __ATOMIC_SEQ_CST);
	page_list_del(pg, &d->page_list);
	page_list_add_tail(pg, &d->page_list);
	spin_unlock(&d->page_alloc_lock);
}

/*
 * Each page once around, also those that the guest has given back and yet keeps by a pin. Those still
 * mapped by others leave the list when these let go. -ERESTART.
 */
static int relinquish_memory(struct domain *d)
{
	int rc = 0;

	while (!rc) {
		struct page_info *pg;
		bool got;

		spin_lock(&d->page_alloc_lock);
		pg = page_list_first(&d->page_list);
		if (pg && (pg->count_info & PGC_relinquished))
			pg = NULL;
		got = pg && get_page(pg, d); /* else it is just being freed */
		spin_unlock(&d->page_alloc_lock);
		if (!pg)
			break;
		if (got) {
			spin_lock(&d->arch.mm_lock);
			rc = relinquish_page(pg);
			spin_unlock(&d->arch.mm_lock);
			if (!rc)
				set_relinquished(d, pg);
			put_page(pg);
		}
		if (!rc && hypercall_preempt_check())
			rc = -ERESTART;
	}
	return rc;
}

int domain_relinquish_resources(struct domain *d)
{
	struct vcpu *v;
	int rc;

	pirq_release_domain(d);
	rc = shadow_teardown(d);
	if (rc)
		return rc;
	for_each_vcpu (d, v) {
		rc = v->arch.retired ? finish_retired(v) : 0;
		if (rc)
			return rc;
		unmap_vcpu_info(v);
		spin_lock(&d->arch.mm_lock);
		rc = put_root(&v->arch.cr3_kernel);
		if (!rc)
			rc = put_root(&v->arch.cr3_user);
		pv_destroy_gdt(v);
		pv_invalidate_ldt(v);
		spin_unlock(&d->arch.mm_lock);
		if (rc)
			return rc;
	}
	return relinquish_memory(d);
}
