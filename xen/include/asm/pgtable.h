/* PV page tables: between the files of arch/x86/mm/. */
#ifndef ASM_PGTABLE_H
#define ASM_PGTABLE_H

#include <xen/mm.h>
#include <asm/page.h>

struct domain;
struct vcpu;

/* Software bit of an L1 entry that a grant mapping made: the grant table holds its references. */
#define _PAGE_GRANT (1UL << 52)
/* The same of a writable one that maps another domain's frame, which counts these: mm/foreign.c. */
#define _PAGE_FOREIGN (1UL << 53)

/*
 * Check the contents of a page about to be used as `type` and take the references of its entries.
 * -EINVAL and friends: none is held; -ERESTART: pg->nr_validated entries are done. mm_lock held.
 */
int validate_page(struct page_info *pg, u64 type);
/* Undo get_page_type() after validate_page() returned rc != 0. */
void validation_failed(struct page_info *pg, int rc);
/* Drop the references of the first n entries. mm_lock held. */
void devalidate_page(struct page_info *pg, u64 type, unsigned int n);

/*
 * Before the last type reference of a table goes: release its tree, preemptibly (-ERESTART: call
 * again). Nothing that the CPU walks may lead to the table any more. mm_lock held.
 */
int release_tree(struct page_info *pg);
/*
 * Drop a general and a type reference of a table that was just unhooked. -ERESTART: v keeps it in
 * arch.retired; finish_retired() goes on and must have returned 0 before the next. mm_lock held.
 */
int retire_table(struct vcpu *v, struct page_info *pg);
/*
 * Go on with v->arch.retired, which is set. Takes the mm_lock of the table's owner: after an update
 * of another domain's tables that is not v's own. -ERESTART: call again.
 */
int finish_retired(struct vcpu *v);

/* References of one entry. `owner`: whom the target frame must belong to. */
int get_l1_target(pte_t e, struct domain *owner);
void put_l1_target(pte_t e);
/* The rest of get_l1_ref() when a page that has its general reference is no writable page yet. */
int get_l1_writable_slow(struct page_info *pg);
/* What of a guest's entry is kept, and what the hypervisor adds. */
static always_inline pte_t guest_l1_entry(pte_t e)
{
	return e & _PAGE_PRESENT ? (e & ~(_PAGE_GLOBAL | _PAGE_GRANT | _PAGE_FOREIGN)) | _PAGE_USER : e;
}
/*
 * As mod_l1_entry() of asm/l1.h, where the frame's owner is not the table's. -EINVAL also when there are
 * too many such entries of the frame.
 */
int mod_foreign_l1_entry(pte_t *p, pte_t new, bool preserve_ad, struct domain *owner);
/* A writable entry of that kind is gone; the frame's references are still held. */
void put_foreign_entry(struct page_info *pg);

/* Replace one entry of a validated table of level 2 to 4. -EINVAL ... with the old entry unchanged.
 * L1 entries: asm/l1.h. */
int mod_table_entry(pte_t *p, pte_t new, unsigned int level, bool preserve_ad, struct domain *d);

/* After every change of an entry of a validated table, before the old entry's references go. mm_lock held. */
void shadow_entry_changed(pte_t *p);
static always_inline void entry_changed(pte_t *p)
{
	if (unlikely(READ_ONCE(shadowed_domains)))
		shadow_entry_changed(p);
}

/* The L1 entry for va in the current address space; NULL when a table is missing. mm_lock held. */
pte_t *guest_l1e(unsigned long va);

/* As guest_l1e(), in the guest kernel's address space whatever runs now. */
pte_t *guest_kernel_l1e(unsigned long va);
/* Read a few bytes of the guest kernel's memory while an application's page tables may be loaded. */
bool guest_kernel_read(void *dst, unsigned long va, unsigned int n);

/* Fill the hypervisor's slots of a new L4 table of d. */
void init_l4_slots(pte_t *l4, struct domain *d);

struct domain *page_get_owner_and_reference(struct page_info *pg);
bool iomem_access_permitted(struct domain *d, unsigned long mfn);

/* CPUs that run in some guest's address space. */
extern cpumask_t guest_tlb_cpus;

/* Load v's page tables: the root it should run on now, by its mode. */
void write_ptbase(struct vcpu *v);

/* Note the roots (machine addresses; user 0 = none) that v runs on from its next load of CR3. mm_lock held, or v is new. */
void pv_set_roots(struct vcpu *v, u64 kernel, u64 user);
/* Whether v runs on them or on their shadows has changed. mm_lock held; v does not run. */
void pv_load_roots(struct vcpu *v);
/* The descriptors of a GDT or LDT page are harmless (their privilege is raised in place). */
int validate_segdesc_page(struct page_info *pg);
bool check_descriptor(u64 *desc);
#endif
