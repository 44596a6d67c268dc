/*
 * Small objects: size classes of 16 to 2048 bytes, each in pages of its own, so that an object is
 * naturally aligned to its class. Larger ones are whole pages.
 *
 * A page's state is kept in its page_info.type_info, which has no other use while the page is the
 * hypervisor's and unshared. Pages with free objects are linked per class. The heap's lock ranks
 * below ours: pages are taken and given back with no lock held.
 */
#include <xen/bitops.h>
#include <xen/lib.h>
#include <xen/mm.h>
#include <xen/spinlock.h>

#define MIN_SHIFT  4
#define MAX_SHIFT  11
#define NR_CLASSES (MAX_SHIFT - MIN_SHIFT + 1)
#define NO_OBJECT  0xffff

#define POISON_FREE  0xf5 /* debug: content of free objects ... */
#define POISON_ALLOC 0xa5 /* ... and of new ones */

enum { KIND_NONE, KIND_SLAB = 0x5b, KIND_LARGE = 0x1a };

struct slab {
	u8 kind;
	u8 class;  /* log2 of the object size */
	u16 used;  /* objects handed out */
	u16 fresh; /* objects from here on were never handed out */
	u16 free; /* first of the chain of freed objects; each begins with the number of the next */
};

struct large {
	u8 kind;
	u8 pad[3];
	u32 pages;
};

static DEFINE_SPINLOCK(xmalloc_lock, LOCK_RANK_XMALLOC);
static struct page_list partial[NR_CLASSES]; /* pages with a free object */

static struct slab *slab_of(struct page_info *pg)
{
	BUILD_BUG_ON(sizeof(struct slab) != sizeof(pg->type_info));
	return (struct slab *)&pg->type_info;
}

static struct large *large_of(struct page_info *pg)
{
	BUILD_BUG_ON(sizeof(struct large) != sizeof(pg->type_info));
	return (struct large *)&pg->type_info;
}

static u16 *object(struct page_info *pg, unsigned int n)
{
	return (u16 *)((char *)page_to_virt(pg) + ((unsigned long)n << slab_of(pg)->class));
}

static bool slab_full(const struct slab *s)
{
	return s->free == NO_OBJECT && s->fresh << s->class == PAGE_SIZE;
}

#ifdef CONFIG_DEBUG
static void poison_free(void *p, unsigned int size)
{
	memset((char *)p + sizeof(u16), POISON_FREE, size - sizeof(u16));
}

/* Somebody wrote to an object after freeing it? */
static void poison_check(const void *p, unsigned int size)
{
	for (unsigned int i = sizeof(u16); i < size; i++)
		if (((const u8 *)p)[i] != POISON_FREE)
			panic("xmalloc: free object %p of %u bytes overwritten at +%u\n", p, size,
				i);
}

static void poison_alloc(void *p, unsigned int size)
{
	memset(p, POISON_ALLOC, size);
}

static void check_not_free(struct page_info *pg, unsigned int n)
{
	for (unsigned int i = slab_of(pg)->free; i != NO_OBJECT; i = *object(pg, i))
		if (i == n)
			panic("xfree: %p freed twice\n", object(pg, n));
}
#else
static void poison_free(void *p, unsigned int size)
{
}
static void poison_check(const void *p, unsigned int size)
{
}
static void poison_alloc(void *p, unsigned int size)
{
}
static void check_not_free(struct page_info *pg, unsigned int n)
{
}
#endif

/* Take an object from a page that has one, and the page from the list with its last. Locked. */
static void *take_object(struct page_info *pg)
{
	struct slab *s = slab_of(pg);
	u16 *p;

	if (s->free != NO_OBJECT) {
		p = object(pg, s->free);
		s->free = *p;
		poison_check(p, 1u << s->class);
	} else {
		p = object(pg, s->fresh++);
	}
	s->used++;
	if (slab_full(s))
		page_list_del(pg, &partial[s->class - MIN_SHIFT]);
	return p;
}

static struct page_info *new_slab(unsigned int class)
{
	void *v = alloc_xenheap_pages(0, 0);
	struct page_info *pg;

	if (!v)
		return NULL;
	pg = virt_to_page(v);
	*slab_of(pg) = (struct slab){ .kind = KIND_SLAB, .class = class, .free = NO_OBJECT };
	return pg;
}

static void *alloc_small(unsigned int class)
{
	struct page_list *l = &partial[class - MIN_SHIFT];
	struct page_info *pg;
	void *p;

	spin_lock(&xmalloc_lock);
	pg = page_list_first(l);
	if (unlikely(!pg)) {
		spin_unlock(&xmalloc_lock);
		pg = new_slab(class);
		if (!pg)
			return NULL;
		spin_lock(&xmalloc_lock);
		page_list_add(pg, l);
	}
	p = take_object(pg);
	spin_unlock(&xmalloc_lock);
	poison_alloc(p, 1u << class);
	return p;
}

/* Free `nr` pages from an aligned or unaligned start on, in blocks. */
static void free_pages_run(struct page_info *pg, unsigned long nr)
{
	while (nr) {
		unsigned int order =
			min(__builtin_ctzl(mfn_x(page_to_mfn(pg))), (int)fls64(nr) - 1);

		free_xenheap_pages(page_to_virt(pg), order);
		pg += 1UL << order;
		nr -= 1UL << order;
	}
}

static void *alloc_large(size_t size, size_t align)
{
	unsigned long pages = DIV_ROUND_UP(size, PAGE_SIZE);
	unsigned int order = order_from_pages(max(pages, (unsigned long)(align >> PAGE_SHIFT)));
	void *v = alloc_xenheap_pages(order, 0);
	struct page_info *pg;

	if (!v)
		return NULL;
	pg = virt_to_page(v);
	free_pages_run(pg + pages, (1UL << order) - pages);
	*large_of(pg) = (struct large){ .kind = KIND_LARGE, .pages = pages };
	return v;
}

void *xmalloc_bytes(size_t size, size_t align)
{
	size_t need = max(max(size, align), (size_t)1 << MIN_SHIFT);

	ASSERT(!(align & (align - 1)));
	if (size > PAGE_SIZE << MAX_ORDER)
		return NULL;
	if (need > 1u << MAX_SHIFT)
		return alloc_large(max(size, (size_t)1), align);
	return alloc_small(fls64(need - 1));
}

void *xzalloc_bytes(size_t size, size_t align)
{
	void *p = xmalloc_bytes(size, align);

	return p ? memset(p, 0, size) : NULL;
}

/* Returns the page when it became empty and its class has another one. */
static struct page_info *put_object(struct page_info *pg, void *p)
{
	struct slab *s = slab_of(pg);
	struct page_list *l = &partial[s->class - MIN_SHIFT];
	unsigned int n = ((unsigned long)p & ~PAGE_MASK) >> s->class;
	bool was_full = slab_full(s);

	BUG_ON(((unsigned long)p & ((1u << s->class) - 1)) || n >= s->fresh || !s->used);
	check_not_free(pg, n);
	poison_free(p, 1u << s->class);
	*(u16 *)p = s->free;
	s->free = n;
	if (was_full)
		page_list_add(pg, l);
	if (--s->used || (l->head == l->tail))
		return NULL;
	page_list_del(pg, l);
	pg->type_info = 0;
	return pg;
}

void xfree(void *p)
{
	struct page_info *pg, *empty;
	unsigned long pages;

	if (!p)
		return;
	pg = virt_to_page(p);
	BUG_ON(!(pg->count_info & PGC_xen_heap));
	if (slab_of(pg)->kind == KIND_SLAB) {
		spin_lock(&xmalloc_lock);
		empty = put_object(pg, p);
		spin_unlock(&xmalloc_lock);
		if (unlikely(empty != NULL))
			free_xenheap_page(page_to_virt(empty));
		return;
	}
	BUG_ON(large_of(pg)->kind != KIND_LARGE || !IS_ALIGNED((unsigned long)p, PAGE_SIZE));
	pages = large_of(pg)->pages;
	pg->type_info = 0;
	free_pages_run(pg, pages);
}
