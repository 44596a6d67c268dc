/*
 * The hypervisor's own address space: direct map, frame table, machine-to-physical table, device
 * mappings. Everything here lives in slots 256-271, whose L3 tables are shared by all address spaces.
 */
#include <xen/errno.h>
#include <xen/lib.h>
#include <xen/mm.h>
#include <xen/sched.h>
#include <asm/msr-index.h>
#include <asm/paging.h>
#include <asm/setup.h>

extern char _start[], _stext[], _etext[], _srodata[], _erodata[], _sinit[], _einit[], _sdata[],
	_ebss[], _end[];

pte_t *idle_l4 __ro_after_init;
static bool have_1g_pages __initdata;
static bool tables_final; /* false while tables come from boot_alloc */

unsigned long max_page, total_pages;

unsigned long mfn_chunks[BITS_TO_LONGS(1UL << (52 - PAGE_SHIFT - 8 - MFN_CHUNK_SHIFT))];

static pte_t *new_table(void)
{
	void *p = tables_final ? alloc_xenheap_page() : boot_alloc(PAGE_SIZE, PAGE_SIZE);

	if (p && !tables_final)
		memset(p, 0, PAGE_SIZE);
	return p;
}

/* The entry for va in the table that *slot points to, made when missing; NULL: no memory. */
static pte_t *next_table(pte_t *slot, unsigned long extra)
{
	if (!(*slot & _PAGE_PRESENT)) {
		pte_t *t = new_table();

		if (!t)
			return NULL;
		*slot = make_pte(virt_to_mfn(t), PAGE_TABLE_FLAGS | extra);
	}
	return mfn_to_virt(pte_mfn(*slot));
}

/* A 2 MiB mapping gives way to a table of 512 small ones. */
static int split_large(pte_t *l2e)
{
	pte_t *l1, e = *l2e;

	if ((e & (_PAGE_PRESENT | _PAGE_PSE)) != (_PAGE_PRESENT | _PAGE_PSE))
		return 0;
	l1 = new_table();
	if (!l1)
		return -ENOMEM;
	for (unsigned int i = 0; i < PT_ENTRIES; i++)
		l1[i] = (e & ~(pte_t)_PAGE_PSE) + ((pte_t)i << PAGE_SHIFT);
	*l2e = make_pte(virt_to_mfn(l1), PAGE_TABLE_FLAGS);
	return 0;
}

/* Map one page of 4 KiB (order 0), 2 MiB (9) or 1 GiB (18). `user`: tables get _PAGE_USER. */
static int map_one(unsigned long va, unsigned long mfn, unsigned long flags, unsigned int order)
{
	unsigned long user = flags & _PAGE_USER;
	pte_t *l3, *l2, *l1;

	l3 = next_table(&idle_l4[l4_index(va)], user);
	if (!l3)
		return -ENOMEM;
	if (order == 18) {
		l3[l3_index(va)] = make_pte(mfn, flags | _PAGE_PSE);
		return 0;
	}
	l2 = next_table(&l3[l3_index(va)], user);
	if (!l2)
		return -ENOMEM;
	if (order == 9) {
		l2[l2_index(va)] = make_pte(mfn, flags | _PAGE_PSE);
		return 0;
	}
	if (split_large(&l2[l2_index(va)]))
		return -ENOMEM;
	l1 = next_table(&l2[l2_index(va)], user);
	if (!l1)
		return -ENOMEM;
	l1[l1_index(va)] = flags ? make_pte(mfn, flags) : 0;
	return 0;
}

static DEFINE_SPINLOCK(map_lock, LOCK_RANK_XENMAP);

int map_pages_to_xen(unsigned long va, mfn_t mfn, unsigned long nr, unsigned long flags)
{
	int rc = 0;

	spin_lock(&map_lock);
	for (unsigned long i = 0; i < nr && !rc; i++)
		rc = map_one(va + i * PAGE_SIZE, mfn_x(mfn) + i, flags, 0);
	spin_unlock(&map_lock);
	return rc;
}

static void __init map_or_die(unsigned long va, unsigned long mfn, unsigned long flags, unsigned int order)
{
	if (map_one(va, mfn, flags, order))
		panic("No memory for the hypervisor's page tables\n");
}

/* Map [s, e) of RAM into the direct map with the largest pages that fit. */
static void __init map_ram(paddr_t s, paddr_t e)
{
	while (s < e) {
		unsigned int order = 0;

		if (have_1g_pages && IS_ALIGNED(s, 1UL << 30) && e - s >= 1UL << 30)
			order = 18;
		else if (IS_ALIGNED(s, 1UL << 21) && e - s >= 1UL << 21)
			order = 9;
		map_or_die(DIRECTMAP_START + s, s >> PAGE_SHIFT, PAGE_HYPERVISOR, order);
		s += PAGE_SIZE << order;
	}
}

static void __init map_image(void)
{
	paddr_t pa = virt_to_maddr(_start);

	for (unsigned long va = (unsigned long)_start; va < (unsigned long)_end;
		va += PAGE_SIZE, pa += PAGE_SIZE) {
		unsigned long flags = PAGE_HYPERVISOR;

		if (va < (unsigned long)_etext)
			flags = PAGE_HYPERVISOR_RX;
		else if (va < (unsigned long)_sinit)
			flags = PAGE_HYPERVISOR_RO;
		else if (va < (unsigned long)_einit)
			flags = PAGE_HYPERVISOR & ~_PAGE_NX;
		map_or_die(va, pa >> PAGE_SHIFT, flags, 0);
	}
}

/* Back [va, va + size) with zeroed memory, in 2 MiB pages where possible. */
static void __init populate(unsigned long va, unsigned long size, unsigned long flags, int fill)
{
	unsigned long end = va + size;

	while (va < end) {
		unsigned int order = IS_ALIGNED(va, 1UL << 21) && end - va >= 1UL << 21 ? 9 : 0;
		void *p = boot_alloc(PAGE_SIZE << order, PAGE_SIZE << order);

		memset(p, fill, PAGE_SIZE << order);
		map_or_die(va, virt_to_mfn(p), flags, order);
		va += PAGE_SIZE << order;
	}
}

/* --- The M2P, in extents of 2 MiB --------------------------------------------------------------------- */

/* Frames whose numbers fill one: the unit in which tools map it. */
#define M2P_EXTENT_FRAMES ((1UL << L2_SHIFT) / sizeof(unsigned long))

/* The extent's first frame; 0 when none of these numbers is RAM. */
unsigned long m2p_extent_mfn(unsigned int n)
{
	unsigned long va = RO_MPT_START + ((unsigned long)n << L2_SHIFT);
	pte_t e = ((pte_t *)mfn_to_virt(pte_mfn(idle_l4[L4_SLOT_MPT])))[l3_index(va)];

	if (!(e & _PAGE_PRESENT))
		return 0;
	e = ((pte_t *)mfn_to_virt(pte_mfn(e)))[l2_index(va)];
	return e & _PAGE_PRESENT ? pte_mfn(e) : 0;
}

void set_gpfn_from_mfn(unsigned long mfn, unsigned long pfn)
{
	/* The table itself is mapped read-only: write through the direct map. */
	unsigned long *extent = mfn_to_virt(m2p_extent_mfn(mfn / M2P_EXTENT_FRAMES));

	extent[mfn % M2P_EXTENT_FRAMES] = pfn;
	mark_page_dirty(mfn_to_page(_mfn(mfn)));
}

/* Whatever root is loaded: an application's has no M2P. */
unsigned long get_gpfn_from_mfn(unsigned long mfn)
{
	const unsigned long *extent = mfn_to_virt(m2p_extent_mfn(mfn / M2P_EXTENT_FRAMES));

	return READ_ONCE(extent[mfn % M2P_EXTENT_FRAMES]);
}

static void __init build_m2p_extent(unsigned int n)
{
	if (!m2p_extent_mfn(n))
		populate(RO_MPT_START + ((unsigned long)n << L2_SHIFT), 1UL << L2_SHIFT,
			(PAGE_HYPERVISOR_RO & ~_PAGE_GLOBAL) | _PAGE_USER, 0xff);
}

void __init m2p_share(void)
{
	for (unsigned int n = 0; n <= (max_page - 1) / M2P_EXTENT_FRAMES; n++) {
		struct page_info *pg = mfn_to_page(_mfn(m2p_extent_mfn(n)));

		for (unsigned int i = 0; m2p_extent_mfn(n) && i < 512; i++) {
			pg[i].count_info = PGC_xen_heap;
			share_xen_page_with_guest(&pg[i], dom_xen, true);
		}
	}
}

/* Frame table and M2P for the chunks that hold RAM. */
static void __init build_frame_tables(void)
{
	for (unsigned int i = 0; i < e820.nr; i++) {
		unsigned long s = e820.map[i].addr >> PAGE_SHIFT;
		unsigned long e = (e820.map[i].addr + e820.map[i].size) >> PAGE_SHIFT;

		if (e820.map[i].type != E820_RAM || s == e)
			continue;
		for (unsigned long c = s >> MFN_CHUNK_SHIFT; c <= (e - 1) >> MFN_CHUNK_SHIFT; c++) {
			unsigned long first = c << MFN_CHUNK_SHIFT;
			unsigned long nr = min(1UL << MFN_CHUNK_SHIFT, ROUNDUP(max_page, 512UL) - first);

			if (__test_and_set_bit(c, mfn_chunks))
				continue;
			populate((unsigned long)(frame_table + first),
				ROUNDUP(nr * sizeof(struct page_info), PAGE_SIZE), PAGE_HYPERVISOR, 0);
			build_m2p_extent(first / M2P_EXTENT_FRAMES);
		}
	}
}

void __init paging_build(void)
{
	u32 a, b, c, d;

	cpuid_count(0x80000001, 0, &a, &b, &c, &d);
	have_1g_pages = d & (1u << 26);

	for (unsigned int i = 0; i < e820.nr; i++)
		if (e820.map[i].type == E820_RAM && e820.map[i].addr < DIRECTMAP_END - DIRECTMAP_START) {
			unsigned long e = (e820.map[i].addr + e820.map[i].size) >> PAGE_SHIFT;

			max_page = max(max_page, e);
			total_pages += e820.map[i].size >> PAGE_SHIFT;
		}
	idle_l4 = boot_alloc(PAGE_SIZE, PAGE_SIZE);
	memset(idle_l4, 0, PAGE_SIZE);
	for (unsigned int i = 0; i < e820.nr; i++)
		if (e820.map[i].type == E820_RAM)
			map_ram(ROUNDUP(e820.map[i].addr, PAGE_SIZE),
				ROUNDDOWN(e820.map[i].addr + e820.map[i].size, PAGE_SIZE));
	/* The VGA text screen, on which messages go on appearing. */
	for (paddr_t pa = 0xb8000; pa < 0xc0000; pa += PAGE_SIZE)
		map_or_die(DIRECTMAP_START + pa, pa >> PAGE_SHIFT, PAGE_HYPERVISOR_UC, 0);
	map_image();
	/* All hypervisor slots get their L3 now: guests' L4 tables copy the entries only once. */
	for (unsigned int i = L4_SLOT_FIRST; i <= L4_SLOT_LAST; i++)
		if (!next_table(&idle_l4[i], i == L4_SLOT_MPT ? _PAGE_USER : 0))
			panic("No memory for the hypervisor's page tables\n");
	idle_l4[L4_SLOT_MPT] &= ~_PAGE_RW;
	idle_l4[L4_SLOT_PERDOMAIN] = 0;
	build_frame_tables();
	write_cr3(virt_to_maddr(idle_l4));
}

void __init paging_heap_ready(void)
{
	tables_final = true;
}

/* What only booting needed goes to the heap. */
void paging_free_init(void)
{
	const struct {
		char *s, *e;
	} parts[] = { { _sinit, _einit }, { _ebss, _end } };

	for (unsigned int i = 0; i < ARRAY_SIZE(parts); i++)
		map_pages_to_xen((unsigned long)parts[i].s, INVALID_MFN,
			(parts[i].e - parts[i].s) >> PAGE_SHIFT, 0);
	flush_all(FLUSH_TLB_GLOBAL);
	for (unsigned int i = 0; i < ARRAY_SIZE(parts); i++)
		init_heap_range(maddr_to_mfn(virt_to_maddr(parts[i].s)),
			maddr_to_mfn(virt_to_maddr(parts[i].e)));
}

/* --- Device mappings -------------------------------------------------------------------------------- */

static DEFINE_SPINLOCK(ioremap_lock, LOCK_RANK_LEAF);
static unsigned long ioremap_next = IOREMAP_START;

void *ioremap(paddr_t pa, size_t bytes)
{
	paddr_t first = pa & PAGE_MASK;
	unsigned long nr = ((pa + bytes - 1) >> PAGE_SHIFT) - (first >> PAGE_SHIFT) + 1, va, flags;

	if (!bytes || pa + bytes < pa || pa + bytes > 1UL << 52)
		return NULL;
	spin_lock_irqsave(&ioremap_lock, flags);
	va = ioremap_next;
	if (nr > (IOREMAP_END - va) >> PAGE_SHIFT)
		va = 0;
	else
		ioremap_next += nr << PAGE_SHIFT;
	spin_unlock_irqrestore(&ioremap_lock, flags);
	if (!va || map_pages_to_xen(va, maddr_to_mfn(first), nr, PAGE_HYPERVISOR_UC))
		return NULL;
	return (char *)va + (pa - first);
}
