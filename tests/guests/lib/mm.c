/* Our memory. The image is mapped from GUEST_BASE on by pfn; its last part is a pool of pages. */
#include "guest.h"

#define POOL_PAGES 2048

static u8 pool[POOL_PAGES * PAGE_SIZE] __attribute__((aligned(4096)));
static unsigned int pool_used;

unsigned long max_pfn(void)
{
	return start_info->nr_pages;
}

unsigned long pfn_to_mfn(unsigned long pfn)
{
	return ((unsigned long *)start_info->mfn_list)[pfn];
}

unsigned long virt_to_pfn(const void *p)
{
	return ((unsigned long)p - GUEST_BASE) / PAGE_SIZE;
}

unsigned long virt_to_mfn(const void *p)
{
	return pfn_to_mfn(virt_to_pfn(p));
}

void *pfn_to_virt(unsigned long pfn)
{
	return (void *)(GUEST_BASE + pfn * PAGE_SIZE);
}

void *page_alloc(void)
{
	unsigned int n = __atomic_fetch_add(&pool_used, 1, __ATOMIC_RELAXED);

	if (n >= POOL_PAGES) {
		print("FAIL out of pages\n");
		finish();
	}
	return pool + n * PAGE_SIZE;
}

void *window_alloc(void)
{
	return page_alloc();
}

long map_at(void *va, u64 entry)
{
	return HYPERCALL(update_va_mapping, va, entry, UVMF_INVLPG | UVMF_ALL);
}

long page_set_flags(void *page, u64 flags)
{
	return map_at(page, pte(virt_to_mfn(page), flags));
}

u64 *table_alloc(void)
{
	u64 *t = page_alloc();

	page_set_flags(t, PTE_RO_);
	return t;
}

/* Our tables lie in the initial mapping, so the M2P table gives their addresses. */
static u64 *table_virt(u64 entry)
{
	return pfn_to_virt(machine_to_phys_mapping[(entry & PTE_ADDR) / PAGE_SIZE]);
}

u64 *entry_of(const void *va, unsigned int level)
{
	u64 *t = (u64 *)start_info->pt_base;

	for (unsigned int i = 4;; i--) {
		u64 *e = &t[(unsigned long)va >> (12 + 9 * (i - 1)) & 511];

		if (i == level)
			return e;
		t = table_virt(*e);
	}
}

unsigned long entry_maddr(const void *va, unsigned int level)
{
	u64 *e = entry_of(va, level);

	return virt_to_mfn(e) * PAGE_SIZE + ((unsigned long)e & (PAGE_SIZE - 1));
}

long mmu_update(u64 ptr, u64 val)
{
	struct mmu_update u = { ptr, val };

	return HYPERCALL(mmu_update, &u, 1, NULL, DOMID_SELF);
}

long mmuext(unsigned int cmd, unsigned long arg1, unsigned long arg2)
{
	struct mmuext_op op = { .cmd = cmd, .arg1.mfn = arg1, .arg2.src_mfn = arg2 };

	return HYPERCALL(mmuext_op, &op, 1, NULL, DOMID_SELF);
}

unsigned long root_mfn(void)
{
	return virt_to_mfn((void *)start_info->pt_base);
}

u64 *root_clone(void)
{
	u64 *from = (u64 *)start_info->pt_base, *to = page_alloc();

	for (unsigned int i = 0; i < 512; i++)
		to[i] = i >= 256 && i < 272 ? 0 : from[i];
	page_set_flags(to, PTE_RO_);
	if (mmuext(MMUEXT_PIN_L4_TABLE, virt_to_mfn(to), 0))
		return NULL;
	return to;
}

u64 *user_root(unsigned long va, const void *page, u64 flags)
{
	u64 *t[5] = { 0 };
	u64 entry = pte(virt_to_mfn(page), flags);

	for (unsigned int level = 1; level <= 4; level++) {
		t[level] = page_alloc();
		t[level][va >> (12 + 9 * (level - 1)) & 511] = entry;
		if (page_set_flags(t[level], PTE_RO_))
			return NULL;
		entry = pte(virt_to_mfn(t[level]), PTE_KERN);
	}
	return t[4];
}
