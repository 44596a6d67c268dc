/*
 * Where the parts of a new paravirtual domain lie, and its first page tables. The order of the
 * parts is the contract of public/xen.h: kernel, initrd, list of frames, start_info, xenstore page,
 * console page, page tables, stack, then at least 512 KiB of padding up to a multiple of 4 MiB, all
 * mapped. An initrd that need not be mapped and a list of frames with an address of its own come
 * behind that.
 */
#include <string.h>

#include "private.h"

#define PADDING   (UINT64_C(512) << 10)
#define ALIGN_END (UINT64_C(4) << 20)
#define ENTRIES   512
#define LEVELS    4

/* Page-table entry bits. */
#define PRESENT  UINT64_C(0x001)
#define WRITABLE UINT64_C(0x002)
#define USER     UINT64_C(0x004)
#define ACCESSED UINT64_C(0x020)
#define DIRTY    UINT64_C(0x040)

/* Bytes that one table of @level maps, and one entry of it. */
static uint64_t table_span(unsigned level)
{
	return UINT64_C(1) << (XC_PAGE_SHIFT + 9 * level);
}

static uint64_t table_start(unsigned level, uint64_t va)
{
	return level == LEVELS ? 0 : va & ~(table_span(level) - 1);
}

static const struct xg_table *find_table(
	const struct xg_layout *layout, unsigned level, uint64_t va)
{
	uint64_t start = table_start(level, va);

	for (unsigned i = 0; i < layout->table->len; i++) {
		const struct xg_table *table = &g_array_index(layout->table, struct xg_table, i);

		if (table->level == level && table->va == start)
			return table;
	}
	return NULL;
}

/*
 * Adds the tables that mapping [@start, @end) still needs, top level first, at frames from @pfn.
 * Returns their number.
 */
static uint64_t add_tables(struct xg_layout *layout, uint64_t start, uint64_t end, uint64_t pfn)
{
	uint64_t nr = 0;

	for (unsigned level = LEVELS; level; level--) {
		uint64_t last = table_start(level, end - 1);

		for (uint64_t va = table_start(level, start);; va += table_span(level)) {
			struct xg_table table = { .level = level, .va = va, .pfn = pfn + nr };

			if (!find_table(layout, level, va)) {
				g_array_append_val(layout->table, table);
				nr++;
			}
			if (va == last)
				break;
		}
	}
	return nr;
}

/*
 * Whether addresses up to the end of the mapping exist: tables take a 512th and a little, padding
 * up to 8 MiB more.
 */
static bool addresses_suffice(const struct xg_layout *layout)
{
	uint64_t pages = layout->tables + layout->tables / 256 + 4096;
	uint64_t end = layout->virt_base >> 47 ? UINT64_MAX : (UINT64_C(1) << 47) - 1;

	return pages < (end - layout->virt_base) >> XC_PAGE_SHIFT;
}

/* Tables and stack map themselves, so their number is found by trying. */
static void place_tables(struct xg_layout *layout)
{
	uint64_t guess = 0;

	for (;;) {
		uint64_t end;

		g_array_set_size(layout->table, 0);
		layout->stack = layout->tables + guess;
		end = xg_va(layout, layout->stack + 1) + PADDING;
		end = (end + ALIGN_END - 1) & ~(ALIGN_END - 1);
		layout->mapped_end = (end - layout->virt_base) >> XC_PAGE_SHIFT;
		layout->nr_tables = add_tables(layout, layout->virt_base, end, layout->tables);
		if (layout->nr_tables == guess)
			return;
		guess = layout->nr_tables;
	}
}

/*
 * The initrd and the list of frames, where the kernel can do without having them mapped; both
 * behind @pfn.
 */
static void place_unmapped(struct xg_layout *layout, const struct xg_kernel *kernel, uint64_t pfn)
{
	if (layout->initrd_pages && !layout->initrd_mapped) {
		layout->initrd = pfn;
		pfn += layout->initrd_pages;
	}
	if (kernel->has_init_p2m) {
		layout->p2m = pfn;
		pfn += layout->p2m_pages;
		layout->p2m_va = kernel->init_p2m;
		layout->p2m_tables = add_tables(layout, layout->p2m_va,
			layout->p2m_va + (layout->p2m_pages << XC_PAGE_SHIFT), pfn);
		pfn += layout->p2m_tables;
	}
	layout->used_end = pfn;
}

bool xg_layout_plan(struct xg_layout *layout, const struct xg_kernel *kernel, uint64_t initrd_bytes,
	uint64_t nr_pages, GError **error)
{
	uint64_t pfn = PAGES(kernel->paddr_end);

	*layout = (struct xg_layout){
		.nr_pages = nr_pages,
		.virt_base = kernel->virt_base,
		.kernel = kernel->paddr_start >> XC_PAGE_SHIFT,
		.kernel_end = pfn,
		.initrd_pages = PAGES(initrd_bytes),
		.initrd_mapped = initrd_bytes && !kernel->mod_start_pfn,
		.p2m_pages = PAGES(nr_pages * sizeof(uint64_t)),
		.table = g_array_new(FALSE, FALSE, sizeof(struct xg_table)),
	};
	if (initrd_bytes >> XC_PAGE_SHIFT >= nr_pages || pfn >= nr_pages)
		goto too_small;
	if (layout->initrd_mapped) {
		layout->initrd = pfn;
		pfn += layout->initrd_pages;
	}
	if (!kernel->has_init_p2m) {
		layout->p2m = pfn;
		layout->p2m_va = xg_va(layout, pfn);
		pfn += layout->p2m_pages;
	}
	layout->start_info = pfn++;
	layout->store = pfn++;
	layout->console = pfn++;
	layout->tables = pfn;
	if (!addresses_suffice(layout)) {
		g_set_error(error, XG_ERROR, XG_ERROR_MEMORY,
			"the initrd is too large for this kernel, which needs it within its first "
			"addresses");
		return false;
	}
	place_tables(layout);
	place_unmapped(layout, kernel, layout->mapped_end);
	if (layout->used_end <= nr_pages)
		return true;
	pfn = layout->used_end;
too_small:
	pfn = MAX(pfn, PAGES(kernel->paddr_end) + layout->initrd_pages);
	g_set_error(error, XG_ERROR, XG_ERROR_MEMORY,
		"%" G_GUINT64_FORMAT
		" KiB of memory are too few: kernel%s and page tables alone need %" G_GUINT64_FORMAT
		" KiB",
		nr_pages * 4, initrd_bytes ? ", initrd" : "", pfn * 4);
	return false;
}

void xg_layout_free(struct xg_layout *layout)
{
	if (layout->table)
		g_array_free(layout->table, TRUE);
	layout->table = NULL;
}

/*
 * The frame mapped at @va, or -1. Page tables are mapped read-only, as the hypervisor demands.
 * Entries that map pages have no user bit: the hypervisor adds what it needs.
 */
static uint64_t leaf(const struct xg_layout *layout, uint64_t va, uint64_t *flags)
{
	uint64_t pfn = (va - layout->virt_base) >> XC_PAGE_SHIFT;
	uint64_t p2m_page = (va - layout->p2m_va) >> XC_PAGE_SHIFT;

	*flags = PRESENT | ACCESSED | DIRTY | WRITABLE;
	if (va >= layout->virt_base && pfn < layout->mapped_end) {
		if (pfn >= layout->tables && pfn < layout->tables + layout->nr_tables)
			*flags = PRESENT | ACCESSED;
		return pfn;
	}
	if (layout->p2m_tables && va >= layout->p2m_va && p2m_page < layout->p2m_pages)
		return layout->p2m + p2m_page;
	return -1;
}

void xg_table_fill(const struct xg_layout *layout, const struct xg_table *table,
	const xen_pfn_t *p2m, uint64_t *entries)
{
	memset(entries, 0, XC_PAGE_SIZE);
	if (table->level > 1) {
		for (unsigned i = 0; i < layout->table->len; i++) {
			const struct xg_table *child =
				&g_array_index(layout->table, struct xg_table, i);
			uint64_t slot = child->va / table_span(child->level) % ENTRIES;

			if (child->level == table->level - 1 &&
				table_start(table->level, child->va) == table->va)
				entries[slot] = p2m[child->pfn] << XC_PAGE_SHIFT | PRESENT |
						WRITABLE | USER | ACCESSED;
		}
		return;
	}
	for (unsigned i = 0; i < ENTRIES; i++) {
		uint64_t flags,
			pfn = leaf(layout, table->va + ((uint64_t)i << XC_PAGE_SHIFT), &flags);

		if (pfn != (uint64_t)-1)
			entries[i] = p2m[pfn] << XC_PAGE_SHIFT | flags;
	}
}
