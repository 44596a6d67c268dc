/*
 * Builds dom0 from the kernel and initrd that the boot loader brought: its memory, its first page
 * tables and its start_info, as the interface describes them (public/xen.h, "Domain start of day").
 *
 * Everything is laid out by pfn. The initial mapping covers VIRT_BASE up to the padding and holds,
 * in this order: kernel, initrd and P2M (if the kernel wants these mapped there), start_info, page
 * tables, stack. An initrd and P2M that need no place there follow behind.
 */
#include <public/elfnote.h>
#include <xen/console.h>
#include <xen/errno.h>
#include <xen/kernel-image.h>
#include <xen/lib.h>
#include <xen/param.h>
#include <xen/sched.h>
#include <asm/dom0.h>
#include <asm/paging.h>
#include <asm/pgtable.h>
#include <asm/pv.h>
#include <asm/setup.h>

#define MAP_PADDING 0x80000UL  /* spare mapping behind the stack */
#define MAP_ALIGN   0x400000UL

struct layout {
	struct domain *d;
	struct kernel_image image;
	unsigned long nr_pages;
	unsigned long *p2m; /* in dom0's own contiguous frames, direct map */

	unsigned long v_base;                /* virtual address of pfn 0 */
	unsigned long kernel_end;            /* pfns */
	unsigned long initrd_pfn, initrd_len, initrd_pages;
	unsigned long p2m_pfn, p2m_frames;   /* data and, at INIT_P2M, its page tables */
	unsigned long p2m_data;              /* frames of data alone */
	unsigned long start_info_pfn, pt_pfn, nr_pt, stack_pfn, map_end; /* map_end: pfn */
	bool initrd_mapped, p2m_mapped;
	struct page_info *p2m_block;
};

static unsigned long __init count_tables(unsigned long from, unsigned long to, unsigned int shift)
{
	return ((to - 1) >> shift) - (from >> shift) + 1;
}

/* Page tables for the virtual range [from, to), without the L4. */
static unsigned long __init tables_for(unsigned long from, unsigned long to)
{
	return count_tables(from, to, L2_SHIFT) + count_tables(from, to, L3_SHIFT) +
		count_tables(from, to, L4_SHIFT);
}

/* Place everything. -ENOMEM when dom0's memory is too small for it. */
static int __init plan(struct layout *l)
{
	const struct kernel_image *im = &l->image;
	unsigned long pfn, v_end;

	l->v_base = im->virt_base - im->paddr_offset;
	pfn = l->kernel_end = DIV_ROUND_UP(im->paddr_end, PAGE_SIZE);
	l->initrd_pages = DIV_ROUND_UP(l->initrd_len, PAGE_SIZE);
	l->initrd_mapped = l->initrd_pages && !im->mod_start_pfn;
	l->p2m_mapped = !kernel_image_has_note(im, XEN_ELFNOTE_INIT_P2M);
	l->p2m_data = DIV_ROUND_UP((l->nr_pages + 1) * 8, PAGE_SIZE);
	l->p2m_frames = l->p2m_data;
	if (!l->p2m_mapped)
		l->p2m_frames += tables_for(im->init_p2m, im->init_p2m + l->p2m_data * PAGE_SIZE);
	if (l->initrd_mapped) {
		l->initrd_pfn = pfn;
		pfn += l->initrd_pages;
	}
	if (l->p2m_mapped) {
		l->p2m_pfn = pfn;
		pfn += l->p2m_frames;
	}
	l->start_info_pfn = pfn++;
	l->pt_pfn = pfn;
	/* The tables are inside the range that they map: grow until it fits. */
	for (l->nr_pt = 4;; l->nr_pt++) {
		l->stack_pfn = l->pt_pfn + l->nr_pt;
		v_end = ROUNDUP(im->virt_base + ((l->stack_pfn + 1) << PAGE_SHIFT) - im->paddr_offset +
				MAP_PADDING, MAP_ALIGN);
		if (l->nr_pt >= 1 + tables_for(im->virt_base, v_end))
			break;
	}
	l->map_end = pfn = (v_end - l->v_base) >> PAGE_SHIFT;
	if (!l->initrd_mapped) {
		l->initrd_pfn = pfn;
		pfn += l->initrd_pages;
	}
	if (!l->p2m_mapped) {
		l->p2m_pfn = pfn;
		pfn += l->p2m_frames;
	}
	if (pfn + 1024 > l->nr_pages) {
		printk(XENLOG_ERR "dom0's %lu KiB do not hold its kernel and initrd (%lu KiB needed)\n",
			l->nr_pages << 2, (pfn + 1024) << 2);
		return -ENOMEM;
	}
	return 0;
}

/* --- Memory ------------------------------------------------------------------------------------------------------ */

static void __init assign_pfns(struct layout *l, unsigned long pfn, mfn_t mfn, unsigned long nr)
{
	for (unsigned long i = 0; i < nr; i++) {
		l->p2m[pfn + i] = mfn_x(mfn) + i;
		set_gpfn_from_mfn(mfn_x(mfn) + i, pfn + i);
	}
}

static int __init populate_range(struct layout *l, unsigned long pfn, unsigned long end)
{
	unsigned int order = MAX_ORDER;

	while (pfn < end) {
		struct page_info *pg;

		while ((1UL << order) > end - pfn)
			order--;
		pg = alloc_domheap_pages(l->d, order, MEMF_no_scrub);
		if (pg) {
			assign_pfns(l, pfn, page_to_mfn(pg), 1UL << order);
			pfn += 1UL << order;
		} else if (order-- == 0) {
			return -ENOMEM;
		}
	}
	return 0;
}

/*
 * The P2M frames first: contiguous, so that the rest can be recorded in them. Then what the initial
 * mapping covers; the other pages wait until the unpacked kernel's buffer is free again.
 */
static int __init populate_mapped(struct layout *l)
{
	unsigned int order = order_from_pages(l->p2m_frames);
	struct page_info *pg;

	l->d->max_pages = ~0u;
	pg = alloc_domheap_pages(l->d, order, MEMF_no_scrub);
	if (!pg)
		return -ENOMEM;
	l->p2m = page_to_virt(pg);
	assign_pfns(l, l->p2m_pfn, page_to_mfn(pg), l->p2m_frames);
	/* What the power of two took too much goes back. */
	for (unsigned long i = l->p2m_frames; i < 1UL << order; i++) {
		__atomic_and_fetch(&pg[i].count_info, ~PGC_allocated, __ATOMIC_RELAXED);
		put_page(&pg[i]);
	}
	if (!l->p2m_mapped)
		return populate_range(l, 0, l->map_end);
	return populate_range(l, 0, l->p2m_pfn) ?: populate_range(l, l->p2m_pfn + l->p2m_frames, l->map_end);
}

static int __init populate_rest(struct layout *l)
{
	int rc;

	if (l->p2m_mapped) {
		rc = populate_range(l, l->map_end, l->nr_pages);
	} else {
		rc = populate_range(l, l->map_end, l->p2m_pfn);
		if (!rc)
			rc = populate_range(l, l->p2m_pfn + l->p2m_frames, l->nr_pages);
	}
	l->p2m[l->nr_pages] = ~0UL;
	return rc;
}

static void *__init pfn_ptr(const struct layout *l, unsigned long pfn)
{
	return mfn_to_virt(l->p2m[pfn]);
}

/* Copy to (or, without src, clear) a range of dom0's pseudo-physical memory. */
static void __init write_paddr(struct layout *l, u64 paddr, const void *src, size_t len)
{
	while (len) {
		size_t off = paddr & ~PAGE_MASK, n = min(len, PAGE_SIZE - off);

		if (src) {
			memcpy((char *)pfn_ptr(l, paddr >> PAGE_SHIFT) + off, src, n);
			src = (const char *)src + n;
		} else {
			memset((char *)pfn_ptr(l, paddr >> PAGE_SHIFT) + off, 0, n);
		}
		paddr += n;
		len -= n;
	}
}

static int __init load_segment(void *ctx, u64 paddr, const void *src, size_t filesz, size_t memsz)
{
	write_paddr(ctx, paddr, src, filesz);
	write_paddr(ctx, paddr + filesz, NULL, memsz - filesz);
	return 0;
}

/* --- Page tables ---------------------------------------------------------------------------------------------------- */

struct table_pool {
	struct layout *l;
	unsigned long next; /* pfn */
};

static pte_t *__init pool_table(struct table_pool *pool, pte_t *slot)
{
	if (!(*slot & _PAGE_PRESENT)) {
		memset(pfn_ptr(pool->l, pool->next), 0, PAGE_SIZE);
		*slot = make_pte(pool->l->p2m[pool->next++],
			_PAGE_PRESENT | _PAGE_RW | _PAGE_USER | _PAGE_ACCESSED | _PAGE_DIRTY);
	}
	return mfn_to_virt(pte_mfn(*slot));
}

static void __init map_pfn(struct table_pool *pool, pte_t *l4, unsigned long va, unsigned long pfn)
{
	const struct layout *l = pool->l;
	bool table = pfn >= l->pt_pfn && pfn < l->pt_pfn + l->nr_pt;
	pte_t *t = pool_table(pool, &l4[l4_index(va)]);

	t = pool_table(pool, &t[l3_index(va)]);
	t = pool_table(pool, &t[l2_index(va)]);
	t[l1_index(va)] = make_pte(l->p2m[pfn], _PAGE_PRESENT | _PAGE_USER | _PAGE_ACCESSED | _PAGE_DIRTY |
			(table ? 0 : _PAGE_RW));
}

/* Returns the L4's frame. */
static mfn_t __init build_page_tables(struct layout *l)
{
	struct table_pool pool = { l, l->pt_pfn + 1 }, p2m_pool = { l, l->p2m_pfn + l->p2m_data };
	pte_t *l4 = pfn_ptr(l, l->pt_pfn);
	unsigned long va = l->image.virt_base;

	memset(l4, 0, PAGE_SIZE);
	for (; (va - l->v_base) >> PAGE_SHIFT < l->map_end; va += PAGE_SIZE)
		map_pfn(&pool, l4, va, (va - l->v_base) >> PAGE_SHIFT);
	for (; pool.next < l->pt_pfn + l->nr_pt; pool.next++)
		memset(pfn_ptr(l, pool.next), 0, PAGE_SIZE);
	if (!l->p2m_mapped)
		for (unsigned long i = 0; i < l->p2m_data; i++)
			map_pfn(&p2m_pool, l4, l->image.init_p2m + i * PAGE_SIZE, l->p2m_pfn + i);
	return _mfn(l->p2m[l->pt_pfn]);
}

/* --- start_info ------------------------------------------------------------------------------------------------------- */

static void __init fill_start_info(struct layout *l, const char *cmdline)
{
	start_info_t *si = pfn_ptr(l, l->start_info_pfn);

	memset(si, 0, PAGE_SIZE);
	snprintf(si->magic, sizeof(si->magic), "xen-3.0-x86_64p");
	si->nr_pages = l->nr_pages;
	si->shared_info = virt_to_maddr(l->d->shared_info);
	si->flags = SIF_PRIVILEGED | SIF_INITDOMAIN;
	si->pt_base = l->v_base + (l->pt_pfn << PAGE_SHIFT);
	si->nr_pt_frames = l->nr_pt;
	si->mfn_list = l->p2m_mapped ? l->v_base + (l->p2m_pfn << PAGE_SHIFT) : l->image.init_p2m;
	si->first_p2m_pfn = l->p2m_mapped ? 0 : l->p2m_pfn;
	si->nr_p2m_frames = l->p2m_mapped ? 0 : l->p2m_frames;
	if (l->initrd_pages) {
		si->mod_start = l->initrd_mapped ? l->v_base + (l->initrd_pfn << PAGE_SHIFT) : l->initrd_pfn;
		si->mod_len = l->initrd_len;
		if (!l->initrd_mapped)
			si->flags |= SIF_MOD_START_PFN;
	}
	strlcpy((char *)si->cmd_line, cmdline, sizeof(si->cmd_line));
	if (dom0_fill_vga_info((dom0_vga_console_info_t *)(si + 1))) {
		si->console.dom0.info_off = sizeof(*si);
		si->console.dom0.info_size = sizeof(dom0_vga_console_info_t);
	}
}

/* --- The kernel's image --------------------------------------------------------------------------------------------------- */

/* Unpack the boot module. *buf is to be freed with free_xenheap_pages(*order), NULL = in place. */
static int __init unpack_kernel(const struct boot_module *m, struct kernel_image *im, void **buf,
	unsigned int *order)
{
	const void *data = maddr_to_virt(m->start), *elf;
	struct kernel_payload pl;
	const char *why = "";
	size_t len;
	int rc;

	*buf = NULL;
	rc = kernel_image_payload(data, m->size, &pl, &why);
	if (!rc && pl.compressed) {
		*order = order_from_pages(DIV_ROUND_UP(pl.size, PAGE_SIZE));
		*buf = alloc_xenheap_pages(*order, MEMF_no_scrub);
		why = "no memory to unpack it";
		rc = *buf ? kernel_image_unpack(&pl, *buf, PAGE_SIZE << *order, &len, &why) : -ENOMEM;
	}
	elf = *buf ? *buf : pl.data;
	if (!rc)
		rc = elf_parse(elf, *buf ? len : pl.len, im, &why);
	if (!rc)
		rc = kernel_image_check_dom0(im, &why);
	if (rc)
		printk(XENLOG_ERR "The dom0 kernel cannot be used: %s\n", why);
	else
		printk(XENLOG_INFO "Dom0 kernel: %s, %s %s, paddr %#lx -> %#lx\n", pl.format, im->guest_os,
			im->guest_version, (unsigned long)im->paddr_start, (unsigned long)im->paddr_end);
	return rc;
}

/* --- All together ----------------------------------------------------------------------------------------------------------- */

static int __init enter_state(struct layout *l, mfn_t l4)
{
	struct vcpu *v = l->d->vcpu[0];
	struct cpu_user_regs *r = &v->arch.user_regs;
	struct page_info *pg = mfn_to_page(l4);
	int rc;

	spin_lock(&l->d->arch.mm_lock);
	do {
		process_pending_softirqs();
		rc = get_page_and_type(pg, l->d, PGT_l4);
	} while (rc == -ERESTART);
	if (!rc && get_page_and_type(pg, l->d, PGT_l4) == 0)
		pg->type_info |= PGT_pinned;
	spin_unlock(&l->d->arch.mm_lock);
	if (rc) {
		printk(XENLOG_ERR "dom0's first page tables are refused: %d\n", rc);
		return rc;
	}
	pv_set_roots(v, mfn_to_maddr(l4), 0);
	r->rip = l->image.v_entry;
	r->cs = RING3_CS64;
	r->ss = RING3_SS;
	r->rsp = l->v_base + ((l->stack_pfn + 1) << PAGE_SHIFT);
	r->rsi = l->v_base + (l->start_info_pfn << PAGE_SHIFT);
	r->rflags = X86_EFLAGS_IF | X86_EFLAGS_MBS;
	v->vcpu_info->evtchn_upcall_mask = 1;
	v->is_initialised = true;
	clear_bit(VPF_down, &v->pause_flags);
	return 0;
}

static int __init build(struct layout *l, const struct boot_module *kernel, const struct boot_module *initrd)
{
	unsigned int order = 0;
	void *buf;
	mfn_t l4;
	int rc = unpack_kernel(kernel, &l->image, &buf, &order);

	if (!rc && initrd)
		l->initrd_len = initrd->size;
	if (!rc)
		rc = plan(l);
	if (!rc)
		rc = populate_mapped(l);
	if (!rc)
		rc = elf_load(&l->image, load_segment, l);
	if (buf)
		free_xenheap_pages(buf, order);
	if (!rc && kernel_image_has_note(&l->image, XEN_ELFNOTE_HYPERCALL_PAGE))
		pv_fill_hypercall_page(pfn_ptr(l, (l->image.hypercall_page - l->v_base) >> PAGE_SHIFT));
	if (!rc)
		rc = populate_rest(l);
	if (rc)
		return rc;
	/* Between the segments and behind them, nothing of former owners may show. */
	if (initrd)
		write_paddr(l, (u64)l->initrd_pfn << PAGE_SHIFT, maddr_to_virt(initrd->start), initrd->size);
	fill_start_info(l, kernel->cmdline);
	l4 = build_page_tables(l);
	printk(XENLOG_INFO "Dom0 memory: %lu MiB, kernel at %#lx, initrd at pfn %#lx, P2M at %#lx\n",
		l->nr_pages >> 8, l->image.v_start, l->initrd_pfn,
		l->p2m_mapped ? l->v_base + (l->p2m_pfn << PAGE_SHIFT) : l->image.init_p2m);
	return enter_state(l, l4);
}

int __init construct_dom0(const struct boot_module *kernel, const struct boot_module *initrd)
{
	static struct layout l __initdata;
	int rc;

	l.d = dom0_create_domain();
	if (!l.d)
		return -ENOMEM;
	l.nr_pages = dom0_nr_pages();
	rc = build(&l, kernel, initrd);
	if (!rc)
		l.d->max_pages = dom0_max_pages();
	return rc;
}
