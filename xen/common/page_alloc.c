/*
 * The buddy heap: free frames in blocks of 2^order naturally aligned frames.
 *
 * Zones are address widths: zone z holds the frames whose number has z significant bits, so that
 * "below 2^n bytes" is a set of whole zones, and no block lies in two. Requests are met from the
 * highest zone that can; narrow addresses stay for those who need them.
 *
 * A block is dirty (PGC_need_scrub) when it may hold old data or be in a TLB; its tlb_stamp says
 * since when no mapping of it exists. Buddies merge only when equally dirty, so that one freed page
 * does not make a clean gigabyte be scrubbed again. Idle CPUs clean dirty blocks.
 *
 * Each CPU keeps some single frames of the highest zone in use, so that the common allocation is a
 * pop from an array under a lock that nobody else wants. heap.lock and a cache's lock never nest.
 */
#include <xen/bitops.h>
#include <xen/errno.h>
#include <xen/keyhandler.h>
#include <xen/lib.h>
#include <xen/param.h>
#include <xen/sched.h>
#include "heap.h"

#define NR_ZONES  (32 + 1) /* frame numbers have up to 32 bits */
#define ALL_ZONES ((1ULL << NR_ZONES) - 1)

#define CACHE_SIZE  32
#define CACHE_ORDER 4 /* largest block taken for a refill; half of the cache */
#define SCRUB_ORDER 2 /* scrubbed in one go: an idle CPU's reaction time to work */

/* Below this order a frame and its buddy share a page of the frame table. */
#define SAME_TABLE_PAGE_ORDER 7

/* How many blocks one allocation may look at to undo fragmentation. */
#define MERGE_EFFORT 4096

static struct {
	spinlock_t lock;
	unsigned long free_pages, dirty_pages;
	unsigned long claimed; /* sum of all d->outstanding_pages */
	u64 zones;             /* bit per zone that has a block */
	u32 orders[NR_ZONES];  /* bit per order of which it has blocks */
	unsigned long zone_free[NR_ZONES];
	struct page_list free[NR_ZONES][MAX_ORDER + 1]; /* clean blocks first */
} heap = { .lock = SPINLOCK_INIT(LOCK_RANK_HEAP) };

struct page_cache {
	spinlock_t lock;
	bool ready;  /* the lock has been initialised */
	u32 min_mfn; /* lower frames are not kept here */
	unsigned int nr;
	u32 mfn[CACHE_SIZE];
};
static DEFINE_PER_CPU(struct page_cache, page_cache);

/* bootscrub=<bool>|idle: may memory hold data from before this boot? */
static bool opt_bootscrub __ro_after_init = true;

static int __init parse_bootscrub(const char *s)
{
	int b = parse_bool(s, s + strlen(s));

	if (!*s || !strcmp(s, "idle"))
		b = 1;
	if (b < 0)
		return -EINVAL;
	opt_bootscrub = b;
	return 0;
}
custom_param("bootscrub", parse_bootscrub);

/* --- Free lists: heap.lock is held ------------------------------------------------------------ */

static always_inline unsigned int mfn_zone(unsigned long mfn)
{
	return fls64(mfn);
}

static always_inline u64 free_info(unsigned int order, bool dirty)
{
	return PGC_free | (u64)order << PGC_order_shift | (dirty ? PGC_need_scrub : 0);
}

static always_inline bool is_dirty(const struct page_info *pg)
{
	return pg->count_info & PGC_need_scrub;
}

static always_inline unsigned int free_order(const struct page_info *pg)
{
	return (pg->count_info & PGC_order_mask) >> PGC_order_shift;
}

static void count_block(unsigned int zone, unsigned int order, bool dirty, bool add)
{
	unsigned long n = add ? 1UL << order : -(1UL << order);

	heap.free_pages += n;
	heap.zone_free[zone] += n;
	if (dirty)
		heap.dirty_pages += n;
}

/* The head of a block in the list: links, state and position agree. */
static void check_block(const struct page_info *pg, unsigned int zone, unsigned int order)
{
	ASSERT((pg->count_info & PGC_free) && free_order(pg) == order);
	ASSERT(mfn_zone(mfn_x(page_to_mfn(pg))) == zone);
	ASSERT(!(mfn_x(page_to_mfn(pg)) & ((1UL << order) - 1)));
	ASSERT(pg->next ? frame_table[pg->next].prev == pg - frame_table
			: heap.free[zone][order].tail == pg - frame_table);
	ASSERT(pg->prev ? frame_table[pg->prev].next == pg - frame_table
			: heap.free[zone][order].head == pg - frame_table);
}

/* Put a block into its list as it is. */
static void link_block(unsigned long mfn, unsigned int order, bool dirty, u32 stamp)
{
	struct page_info *pg = mfn_to_page(_mfn(mfn));
	unsigned int zone = mfn_zone(mfn);
	struct page_list *l = &heap.free[zone][order];

	pg->count_info = free_info(order, dirty);
	pg->tlb_stamp = stamp;
	if (dirty)
		page_list_add_tail(pg, l);
	else
		page_list_add(pg, l);
	heap.orders[zone] |= 1u << order;
	heap.zones |= 1ULL << zone;
	count_block(zone, order, dirty, true);
	check_block(pg, zone, order);
}

/* Take a block out of its list. Its head keeps count_info and tlb_stamp. */
static void unlink_block(struct page_info *pg)
{
	unsigned int zone = mfn_zone(mfn_x(page_to_mfn(pg))), order = free_order(pg);
	struct page_list *l = &heap.free[zone][order];

	check_block(pg, zone, order);
	page_list_del(pg, l);
	if (page_list_empty(l)) {
		heap.orders[zone] &= ~(1u << order);
		if (!heap.orders[zone])
			heap.zones &= ~(1ULL << zone);
	}
	count_block(zone, order, is_dirty(pg), false);
}

/*
 * Put a block back, merged with its buddies as far as they are free and alike. No TLB can have got
 * hold of the block since now; older stamps of its buddies are superseded.
 */
static void insert_block(unsigned long mfn, unsigned int order, bool dirty)
{
	while (order < MAX_ORDER) {
		unsigned long buddy = mfn ^ 1UL << order;
		struct page_info *pg = mfn_to_page(_mfn(buddy));

		if (order >= SAME_TABLE_PAGE_ORDER && !mfn_valid(_mfn(buddy)))
			break;
		if (pg->count_info != free_info(order, dirty))
			break;
		unlink_block(pg);
		pg->count_info = 0;
		mfn_to_page(_mfn(mfn))->count_info = 0;
		mfn &= ~(1UL << order);
		order++;
	}
	link_block(mfn, order, dirty, tlb_clock());
}

/* Take `pg` out and cut it down to 2^order frames at its lower end. Only its dirtiness stays. */
static void cut_block(struct page_info *pg, unsigned int order)
{
	unsigned long mfn = mfn_x(page_to_mfn(pg));
	unsigned int have = free_order(pg);
	bool dirty = is_dirty(pg);

	unlink_block(pg);
	while (have > order) {
		have--;
		link_block(mfn + (1UL << have), have, dirty, pg->tlb_stamp);
	}
	/* No longer PGC_free: else a buddy that is freed next would merge with it. */
	pg->count_info = dirty ? PGC_need_scrub : 0;
}

/* The smallest sufficient block of the highest zone that has one. */
static struct page_info *find_block(unsigned int order, u64 zones)
{
	for (zones &= heap.zones; zones;) {
		unsigned int z = fls64(zones) - 1;
		u32 fit = heap.orders[z] >> order << order;

		if (fit)
			return page_list_first(&heap.free[z][__builtin_ctz(fit)]);
		zones &= ~(1ULL << z);
	}
	return NULL;
}

/* Merge the dirty blocks of a list with their clean buddies. */
static bool merge_mixed_list(unsigned int zone, unsigned int order, unsigned int *effort)
{
	u32 n = heap.free[zone][order].tail;
	bool merged = false;

	while (n && is_dirty(&frame_table[n]) && *effort) {
		struct page_info *pg = &frame_table[n];
		unsigned long buddy = n ^ 1UL << order;
		struct page_info *bpg = mfn_to_page(_mfn(buddy));
		u32 prev = pg->prev;

		--*effort;
		if ((order < SAME_TABLE_PAGE_ORDER || mfn_valid(_mfn(buddy))) &&
			bpg->count_info == free_info(order, false)) {
			if (prev == buddy)
				prev = 0; /* clean: so are all before it */
			unlink_block(pg);
			unlink_block(bpg);
			pg->count_info = bpg->count_info = 0;
			insert_block(n & ~(1UL << order), order + 1, true);
			merged = true;
		}
		n = prev;
	}
	return merged;
}

/* Nothing of `order` is left: give up cleanness for size, with bounded effort. */
static bool merge_mixed(unsigned int order, u64 zones)
{
	unsigned int effort = MERGE_EFFORT;
	bool merged = false;

	for (zones &= heap.zones; zones && effort;) {
		unsigned int z = fls64(zones) - 1;

		for (unsigned int o = 0; o < order && effort; o++)
			merged |= merge_mixed_list(z, o, &effort);
		zones &= ~(1ULL << z);
	}
	return merged;
}

/* --- Caches of single frames ------------------------------------------------------------------ */

static void cache_drain(struct page_cache *c, unsigned int keep)
{
	u32 mfn[CACHE_SIZE];
	unsigned int n;

	/* The oldest go: the newest are likely to be in the CPU's own caches. */
	spin_lock(&c->lock);
	n = c->nr > keep ? c->nr - keep : 0;
	c->nr -= n;
	memcpy(mfn, c->mfn, n * sizeof(mfn[0]));
	memmove(c->mfn, c->mfn + n, c->nr * sizeof(mfn[0]));
	spin_unlock(&c->lock);

	if (!n)
		return;
	spin_lock(&heap.lock);
	while (n--)
		insert_block(mfn[n], 0, is_dirty(&frame_table[mfn[n]]));
	spin_unlock(&heap.lock);
}

static void cache_drain_all(void)
{
	unsigned int cpu;

	for_each_online_cpu(cpu)
		if (per_cpu(page_cache, cpu).ready)
			cache_drain(&per_cpu(page_cache, cpu), 0);
}

static unsigned long cached_pages(void)
{
	unsigned long n = 0;
	unsigned int cpu;

	for_each_online_cpu(cpu)
		n += per_cpu(page_cache, cpu).nr;
	return n;
}

/* An empty cache gets a small block, or a part of one; the block's first frame is the result. */
static struct page_info *cache_refill(struct page_cache *c)
{
	struct page_info *pg;
	unsigned int order;
	u64 info;

	spin_lock(&heap.lock);
	pg = heap.claimed ? NULL : find_block(0, ALL_ZONES);
	if (pg) {
		order = min(free_order(pg), (unsigned int)CACHE_ORDER);
		cut_block(pg, order);
	}
	spin_unlock(&heap.lock);
	if (!pg)
		return NULL;

	info = free_info(PGC_order_cached, is_dirty(pg));
	pg->count_info = info;
	if (!c->ready) {
		spin_lock_init(&c->lock, LOCK_RANK_HEAP);
		c->ready = true;
	}
	spin_lock(&c->lock);
	c->min_mfn = 1u << (mfn_zone(mfn_x(page_to_mfn(pg))) - 1);
	for (unsigned int i = (1u << order) - 1; i; i--) {
		pg[i].count_info = info;
		pg[i].tlb_stamp = pg->tlb_stamp;
		c->mfn[c->nr++] = mfn_x(page_to_mfn(pg + i));
	}
	spin_unlock(&c->lock);
	return pg;
}

/* A frame of any zone, or NULL when it takes more than a glance. */
static always_inline struct page_info *cache_alloc(void)
{
	struct page_cache *c = &this_cpu(page_cache);
	struct page_info *pg;

	if (likely(c->nr)) {
		spin_lock(&c->lock);
		pg = c->nr ? frame_table + c->mfn[--c->nr] : NULL;
		spin_unlock(&c->lock);
		if (likely(pg))
			return pg;
	}
	return cache_refill(c);
}

static always_inline bool cache_free(struct page_info *pg, unsigned long mfn)
{
	struct page_cache *c = &this_cpu(page_cache);

	if (unlikely(!c->ready) || mfn < c->min_mfn)
		return false;
	if (unlikely(c->nr == CACHE_SIZE))
		cache_drain(c, CACHE_SIZE / 2);
	pg->count_info = free_info(PGC_order_cached, true);
	pg->tlb_stamp = tlb_clock();
	spin_lock(&c->lock);
	c->mfn[c->nr++] = mfn;
	spin_unlock(&c->lock);
	return true;
}

/* --- Allocation ------------------------------------------------------------------------------- */

/* Frames of `pg` may be known to TLBs since before `stamp`: make them forget. */
static void flush_stale(u32 stamp)
{
	cpumask_t mask = cpu_online_map;

	tlb_filter(&mask, stamp);
	if (!cpumask_empty(&mask))
		flush_mask(&mask, NULL, FLUSH_TLB);
}

/* May `d` have so many pages without touching what others have claimed? heap.lock is held. */
static bool unclaimed(unsigned long pages, unsigned int memflags, const struct domain *d)
{
	unsigned long others = heap.claimed - (d ? d->outstanding_pages : 0);

	return (memflags & MEMF_no_refcount) || heap.free_pages >= others + pages;
}

static struct page_info *heap_alloc(
	unsigned int order, u64 zones, unsigned int memflags, const struct domain *d)
{
	struct page_info *pg = NULL;

	spin_lock(&heap.lock);
	if (unlikely(heap.claimed) && !unclaimed(1UL << order, memflags, d))
		goto out;
	pg = find_block(order, zones);
	if (!pg && order && merge_mixed(order, zones))
		pg = find_block(order, zones);
	if (pg)
		cut_block(pg, order);
out:
	spin_unlock(&heap.lock);
	return pg;
}

/* Zones that hold only frames below 2^bits bytes; 0 stands for all. */
static u64 zones_below(unsigned int bits)
{
	if (!bits || bits >= NR_ZONES - 1 + PAGE_SHIFT)
		return ALL_ZONES;
	return bits > PAGE_SHIFT ? (2ULL << (bits - PAGE_SHIFT)) - 1 : 0;
}

/* A block as the caller wants its contents. Clean ones are zeros, but for bootscrub=off. */
static always_inline void prepare_block(
	struct page_info *pg, unsigned int order, unsigned int memflags)
{
	bool dirty = is_dirty(pg);
	bool clear = memflags & MEMF_zero ? dirty || !opt_bootscrub
					  : dirty && !(memflags & MEMF_no_scrub);

	pg->count_info = 0;
	if (dirty)
		flush_stale(pg->tlb_stamp);
	if (clear)
		memset(page_to_virt(pg), 0, PAGE_SIZE << order);
}

struct page_info *alloc_heap_pages(
	unsigned int order, unsigned int memflags, const struct domain *d)
{
	u64 zones = zones_below(MEMF_get_bits(memflags));
	struct page_info *pg = NULL;

	if (unlikely(order > MAX_ORDER))
		return NULL;
	if (likely(!order && zones == ALL_ZONES))
		pg = cache_alloc();
	if (!pg)
		pg = heap_alloc(order, zones, memflags, d);
	if (unlikely(!pg)) {
		/* What the caches hold may be what is missing, or keep blocks from merging. */
		cache_drain_all();
		pg = heap_alloc(order, zones, memflags, d);
		if (!pg)
			return NULL;
	}
	prepare_block(pg, order, memflags);
	return pg;
}

void free_heap_pages(struct page_info *pg, unsigned int order)
{
	unsigned long mfn = mfn_x(page_to_mfn(pg));

	ASSERT(order <= MAX_ORDER && !(mfn & ((1UL << order) - 1)));
	for (unsigned long i = 0; i < 1UL << order; i++) {
		ASSERT(!(pg[i].count_info & (PGC_free | PGC_broken)));
		pg[i].count_info = 0;
		pg[i].type_info = 0;
		pg[i].owner = 0;
	}
	if (!order && cache_free(pg, mfn))
		return;
	spin_lock(&heap.lock);
	insert_block(mfn, order, true);
	spin_unlock(&heap.lock);
}

/* One piece of RAM in the largest blocks that alignment allows: touches only their heads. */
static void insert_range(unsigned long s, unsigned long e)
{
	spin_lock(&heap.lock);
	while (s < e) {
		unsigned int order = min(__builtin_ctzl(s), (int)fls64(e - s) - 1);

		order = min(order, (unsigned int)MAX_ORDER);
		insert_block(s, order, opt_bootscrub);
		s += 1UL << order;
	}
	spin_unlock(&heap.lock);
}

void init_heap_range(mfn_t start, mfn_t end)
{
	unsigned long s = mfn_x(start), e = mfn_x(end);

	/* Number 0 ends lists; frame numbers have 32 bits in page_info. */
	s = max(s, 1UL);
	e = min(e, 1UL << 32);
	if (s < e)
		for_each_good_range(s, e, insert_range);
}

/* --- Claims ----------------------------------------------------------------------------------- */

int heap_adjust_claim(struct domain *d, long pages)
{
	int rc = 0;

	spin_lock(&heap.lock);
	if (pages > 0 && !unclaimed(pages, 0, NULL)) {
		rc = -ENOMEM;
	} else {
		d->outstanding_pages += pages;
		heap.claimed += pages;
	}
	spin_unlock(&heap.lock);
	return rc;
}

/* --- Scrubbing -------------------------------------------------------------------------------- */

/* A dirty block, small ones and high zones first. heap.lock is held. */
static struct page_info *find_dirty_block(void)
{
	for (u64 zones = heap.zones; zones;) {
		unsigned int z = fls64(zones) - 1;

		for (u32 orders = heap.orders[z]; orders; orders &= orders - 1) {
			struct page_info *pg =
				frame_table + heap.free[z][__builtin_ctz(orders)].tail;

			if (is_dirty(pg))
				return pg;
		}
		zones &= ~(1ULL << z);
	}
	return NULL;
}

bool scrub_free_pages(void)
{
	struct page_info *pg;
	unsigned int order;

	if (!READ_ONCE(heap.dirty_pages))
		return false;
	spin_lock(&heap.lock);
	pg = find_dirty_block();
	if (pg) {
		order = min(free_order(pg), (unsigned int)SCRUB_ORDER);
		cut_block(pg, order);
	}
	spin_unlock(&heap.lock);
	if (!pg)
		return false;

	/* A mapping that a TLB still knows could dirty the block again. */
	flush_stale(pg->tlb_stamp);
	memset(page_to_virt(pg), 0, PAGE_SIZE << order);
	spin_lock(&heap.lock);
	insert_block(mfn_x(page_to_mfn(pg)), order, false);
	spin_unlock(&heap.lock);
	return READ_ONCE(heap.dirty_pages);
}

/* --- Numbers ---------------------------------------------------------------------------------- */

unsigned long avail_domheap_pages(unsigned int bits)
{
	u64 zones = zones_below(bits);
	unsigned long n = zones == ALL_ZONES ? cached_pages() : 0;

	for (unsigned int z = 0; z < NR_ZONES; z++)
		if (zones >> z & 1)
			n += READ_ONCE(heap.zone_free[z]);
	return n;
}

unsigned long free_heap_pages_count(void)
{
	return READ_ONCE(heap.free_pages) + cached_pages();
}

/* Key m: sizes. */
unsigned long claimed_pages_count(void)
{
	return READ_ONCE(heap.claimed);
}

static void dump_memory_info(unsigned char key)
{
	unsigned long cached = cached_pages();

	printk("Physical memory: %lu KiB RAM, %lu KiB free\n", total_pages << (PAGE_SHIFT - 10),
		(heap.free_pages + cached) << (PAGE_SHIFT - 10));
	printk("  dirty %lu KiB, in CPU caches %lu KiB, claimed %lu KiB\n",
		heap.dirty_pages << (PAGE_SHIFT - 10), cached << (PAGE_SHIFT - 10),
		heap.claimed << (PAGE_SHIFT - 10));
	for (unsigned int z = 0; z < NR_ZONES; z++)
		if (heap.zone_free[z])
			printk("  %2u bits: %lu KiB free\n", z + PAGE_SHIFT,
				heap.zone_free[z] << (PAGE_SHIFT - 10));
}

/* Key H: how many blocks of which size each zone has. */
static void dump_heap(unsigned char key)
{
	for (unsigned int z = 0; z < NR_ZONES; z++) {
		if (!heap.orders[z])
			continue;
		printk("Zone of %u bits: %lu pages\n", z + PAGE_SHIFT, heap.zone_free[z]);
		for (unsigned int o = 0; o <= MAX_ORDER; o++) {
			unsigned int n = 0, dirty = 0;

			spin_lock(&heap.lock);
			for (u32 i = heap.free[z][o].head; i; i = frame_table[i].next) {
				n++;
				dirty += is_dirty(&frame_table[i]);
			}
			spin_unlock(&heap.lock);
			if (n)
				printk("  order %2u: %u blocks, %u dirty\n", o, n, dirty);
		}
	}
}

void page_alloc_init_keys(void)
{
	register_keyhandler('m', dump_memory_info, "memory info", true);
	register_keyhandler('H', dump_heap, "free memory by address width and block size", true);
}
