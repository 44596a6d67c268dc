/*
 * Frames, their owners and their types; the page allocator.
 *
 * mfn: machine frame number. gfn: what a guest uses to name a frame (its mfn for PV guests).
 * pfn: a PV guest's pseudo-physical number. vaddr: a virtual address.
 */
#ifndef XEN_MM_H
#define XEN_MM_H

#include <xen/compiler.h>
#include <xen/list.h>
#include <xen/types.h>
#include <asm/page.h>

#define DEFINE_FRAME_TYPE(t)                                                                       \
	typedef struct {                                                                           \
		unsigned long t;                                                                   \
	} t##_t;                                                                                   \
	static always_inline t##_t _##t(unsigned long n) { return (t##_t){ n }; }                  \
	static always_inline unsigned long t##_x(t##_t f) { return f.t; }                          \
	static always_inline t##_t t##_add(t##_t f, unsigned long n) { return _##t(f.t + n); }     \
	static always_inline bool t##_eq(t##_t a, t##_t b) { return a.t == b.t; }
DEFINE_FRAME_TYPE(mfn)
DEFINE_FRAME_TYPE(gfn)
DEFINE_FRAME_TYPE(pfn)
#define INVALID_MFN _mfn(~0UL)
#define INVALID_GFN _gfn(~0UL)
#define mfn_to_maddr(m) ((paddr_t)mfn_x(m) << PAGE_SHIFT)
#define maddr_to_mfn(p) _mfn((p) >> PAGE_SHIFT)

struct domain;

/*
 * One per machine frame. While free or in the hypervisor's own use most fields are the allocator's.
 * Boot code hands over a zeroed table. Frames inside a free block, behind its head, keep
 * count_info, type_info and owner zero; so does a newly allocated anonymous block.
 */
struct page_info {
	u64 count_info; /* PGC_*: references that keep the frame allocated */
	union {
		u64 type_info; /* PGT_*: references that keep its present type */
		struct {
			u32 guest;     /* frame of the table that it stands for */
			u16 users;     /* roots of vCPUs */
			u8 level, generation;
		} shadow; /* shadow page table: mm/shadow.c */
	};
	u32 next, prev; /* links of a page list: frame numbers, 0 = end */
	u32 owner;      /* frame number of the owner's struct domain; 0 = none */
	union {
		u32 tlb_stamp;    /* type count 0: when the last typed use ended; free: tlb_clock() then */
		u16 nr_validated; /* page table, PGT_partial: entries done so far */
		u32 shadow_mfn;   /* page table, PGT_shadowed: its shadow */
	};
};

/* count_info */
#define PGC_count_mask 0x00000000ffffffffULL
#define PGC_allocated  (1ULL << 63) /* the owner's own reference exists */
#define PGC_xen_heap   (1ULL << 62) /* belongs to the hypervisor, perhaps shared with a guest */
#define PGC_broken     (1ULL << 61) /* never hand out (badpage=, offlined) */
#define PGC_free       (1ULL << 60) /* in the page allocator: heads a free block of PGC_order */
#define PGC_need_scrub (1ULL << 59) /* free, may hold a former owner's data and be in a TLB */
#define PGC_relinquished (1ULL << 58) /* its owner died, and nothing of ours holds it any more */
#define PGC_foreign_noted (1ULL << 57) /* in its owner's list of such pages: mm/foreign.c */
/* Writable entries that other domains have of it. */
#define PGC_foreign_one  (1ULL << 32)
#define PGC_foreign_mask (0xfffffULL << 32)
#define PGC_order_shift 32           /* free: log2 of the block's pages, or PGC_order_cached */
#define PGC_order_mask  (63ULL << PGC_order_shift)
#define PGC_order_cached 63u         /* in a CPU's cache of single pages */

/* type_info */
#define PGT_count_mask 0x00000000ffffffffULL
#define PGT_type_mask  (7ULL << 61)
#define PGT_none       (0ULL << 61) /* no special use */
#define PGT_l1         (1ULL << 61) /* page table, level 1 */
#define PGT_l2         (2ULL << 61)
#define PGT_l3         (3ULL << 61)
#define PGT_l4         (4ULL << 61)
#define PGT_segdesc    (5ULL << 61) /* part of a GDT or LDT */
#define PGT_writable   (7ULL << 61) /* mapped writable by a guest */
#define PGT_pinned     (1ULL << 60) /* the guest holds the type by MMUEXT_PIN_* */
#define PGT_validated  (1ULL << 59) /* the contents have been checked */
#define PGT_partial    (1ULL << 58) /* validation was interrupted after nr_validated entries */
#define PGT_shadowed   (1ULL << 57) /* validated table with a shadow; by the owner's paging lock */

#ifdef XEN_UNIT_TEST
extern struct page_info *const frame_table;
#else
#define frame_table ((struct page_info *)FRAMETABLE_START)
#endif
extern unsigned long max_page;    /* first frame number beyond all RAM */
extern unsigned long total_pages; /* RAM frames of the machine */

#define mfn_to_page(m)  (frame_table + mfn_x(m))
#define page_to_mfn(p)  _mfn((unsigned long)((p) - frame_table))
#define page_to_virt(p) mfn_to_virt(mfn_x(page_to_mfn(p)))
#define virt_to_page(v) mfn_to_page(_mfn(virt_to_mfn(v)))
#define page_to_maddr(p) mfn_to_maddr(page_to_mfn(p))

/* Has the frame a page_info (is it RAM, or in a hole that the frame table covers)? */
#ifdef XEN_UNIT_TEST
bool mfn_valid(mfn_t mfn);
#else
/* The frame table covers chunks of 256 MiB; one bit each. */
#define MFN_CHUNK_SHIFT 16
extern unsigned long mfn_chunks[];
static always_inline bool mfn_valid(mfn_t mfn)
{
	return mfn_x(mfn) < max_page && (mfn_chunks[mfn_x(mfn) >> (MFN_CHUNK_SHIFT + 6)] >>
						(mfn_x(mfn) >> MFN_CHUNK_SHIFT & 63) & 1);
}
#endif

static always_inline struct domain *page_get_owner(const struct page_info *pg)
{
	return pg->owner ? (struct domain *)mfn_to_virt(pg->owner) : NULL;
}

static always_inline void page_set_owner(struct page_info *pg, const struct domain *d)
{
	pg->owner = d ? (u32)virt_to_mfn(d) : 0;
}

/* --- Lists of pages ------------------------------------------------------------------------- */

struct page_list {
	u32 head, tail;
};
#define page_list_empty(l) ((l)->head == 0)
#define page_list_first(l) ((l)->head ? frame_table + (l)->head : NULL)
#define page_list_next(p)  ((p)->next ? frame_table + (p)->next : NULL)
void page_list_add_tail(struct page_info *pg, struct page_list *l);
void page_list_add(struct page_info *pg, struct page_list *l);
void page_list_del(struct page_info *pg, struct page_list *l);
struct page_info *page_list_pop(struct page_list *l); /* first page, or NULL */

/* --- References ------------------------------------------------------------------------------ */

/* Take a general reference on a frame of `d`. False if it has another owner or is being freed. */
bool __must_check get_page(struct page_info *pg, const struct domain *d);
/* Give a reference back; the last one frees the page. */
void put_page(struct page_info *pg);
/*
 * Take a reference for one use of a kind (PGT_*). 0, -EINVAL when the page is in use as
 * another type or its contents are refused; -ERESTART when a page-table validation was preempted
 * (the page is left partial; call again). Page-table types need the owner's mm_lock.
 */
int __must_check get_page_type(struct page_info *pg, u64 type);
void put_page_type(struct page_info *pg);
int __must_check get_page_and_type(struct page_info *pg, struct domain *d, u64 type);
static inline void put_page_and_type(struct page_info *pg)
{
	put_page_type(pg);
	put_page(pg);
}

/* The frame behind a guest's frame number with a general reference taken, or NULL. */
struct page_info *get_page_from_gfn(struct domain *d, gfn_t gfn);

/* --- Allocation ------------------------------------------------------------------------------ */

#define MAX_ORDER 20 /* largest block: 2^20 pages, 4 GiB */

/* memflags: how wide the highest frame's machine address may be (0 = any), and wishes. */
#define MEMF_bits(n)    ((n) & 0xffu)
#define MEMF_get_bits(f) ((f) & 0xffu)
#define MEMF_no_refcount (1u << 8)  /* the domain's page count is not charged */
#define MEMF_no_scrub    (1u << 9)  /* the caller overwrites the contents at once */
#define MEMF_zero        (1u << 10) /* contents must be zero */
#define MEMF_no_owner    (1u << 11)
#define MEMF_node(n)     (((n) + 1u) << 16 & 0xff0000u)

/*
 * 2^order contiguous frames for `d` (NULL: anonymous), on its page list with the owner's reference
 * (PGC_allocated, count 1). NULL when out of memory or when d->max_pages would be exceeded. The
 * contents are nobody's old data, but undefined; with MEMF_no_scrub they may be old data.
 * No allocation function may be called in interrupt context, nor, once other CPUs run, with
 * interrupts off: a frame that another CPU's TLB may still hold is flushed there first.
 */
struct page_info *alloc_domheap_pages(struct domain *d, unsigned int order, unsigned int memflags);
/*
 * Free anonymous frames, or those of a domain whose count_info has dropped to 0: they leave the
 * owner's list and page count. A page with PGC_xen_heap only leaves its owner (xenpage_list): its
 * memory stays the hypervisor's until free_xenheap_pages(). May drop the last domain reference.
 */
void free_domheap_pages(struct page_info *pg, unsigned int order);
#define alloc_domheap_page(d, f) alloc_domheap_pages(d, 0, f)
#define free_domheap_page(p)     free_domheap_pages(p, 0)
/*
 * Give already allocated anonymous pages to `d`, with the owner's reference; -E2BIG over max_pages,
 * -EINVAL dying. MEMF_no_refcount: tot_pages already counts them.
 */
int assign_pages(struct page_info *pg, unsigned int nr, struct domain *d, unsigned int memflags);
/*
 * Take a page away from its owner, to whom it stays charged, and make it anonymous: type_info and
 * tlb_stamp stay. The caller holds a reference, which is consumed. -EBUSY, and nothing changed, when
 * anybody else holds one; -EINVAL: not ordinary memory of `d`. assign_pages() undoes it.
 */
int detach_page(struct page_info *pg, struct domain *d);
/* Charge (or with a negative number discharge) pages that `d` holds or will hold. The first charged
 * page takes a reference on `d`; true when the caller must drop it, after d->page_alloc_lock, which
 * is held here. */
bool __must_check domain_adjust_tot_pages(struct domain *d, long pages);
/*
 * XENMEM_claim_pages: promise `d` memory for `pages` pages altogether, 0 = end its claim. -EINVAL:
 * it has a claim, or has or may have no such number; -ENOMEM: not that much unclaimed memory.
 */
int domain_set_outstanding_pages(struct domain *d, unsigned long pages);

/* 2^order frames for the hypervisor's own use, by virtual address; contents are undefined
 * unless MEMF_zero. */
void *alloc_xenheap_pages(unsigned int order, unsigned int memflags);
/* NULL is allowed. Pages shared with a guest leave their owner; one that somebody still maps is freed
 * by its last put_page(). */
void free_xenheap_pages(void *v, unsigned int order);
#define alloc_xenheap_page()  alloc_xenheap_pages(0, MEMF_zero)
#define free_xenheap_page(v)  free_xenheap_pages(v, 0)

/* Hand a range of RAM to the allocator; frames in `badpage=` are left out. Unless bootscrub=off
 * it is scrubbed before a guest gets it. */
void init_heap_range(mfn_t start, mfn_t end);
/*
 * Boot, before the allocator lives: boot_alloc_add_range() names RAM that is free and in the direct
 * map (bytes, end exclusive); boot_alloc() takes memory with undefined contents, the highest
 * first (align: a power of two), and panics when there is none; boot_alloc_remaining() gives what
 * is left to the allocator.
 */
void boot_alloc_add_range(paddr_t s, paddr_t e);
void *boot_alloc(size_t bytes, size_t align);
void boot_alloc_remaining(void);
/* Frames free now; of those, in zones below 2^bits bytes (0 = all). */
unsigned long free_heap_pages_count(void);
unsigned long avail_domheap_pages(unsigned int bits);
/* Frames promised to domains by domain_set_outstanding_pages() that they have not got yet. */
unsigned long claimed_pages_count(void);
/* Scrub some dirty free pages when idle; true when there is more to do. */
bool scrub_free_pages(void);
/* Debug keys m and H. */
void page_alloc_init_keys(void);

#include <xen/xmalloc.h>
#include <asm/mm.h>

#endif
