/*
 * The log of a domain's changed pages: a bitmap by pseudo-physical number (pfn), as the machine-to-physical
 * table has it. Guests write that table as they like, so the bitmap is a tree that exists only where
 * bits are set: two levels of pages of pointers, and below pages of bits. It gets its pages from
 * the pool, but not the last ones: those are for shadows. What cannot be noted then makes the log
 * incomplete, and its next reader is told that every page is dirty: too many are sent, none is lost.
 */
#include <xen/errno.h>
#include <xen/lib.h>
#include <xen/sched.h>
#include <asm/shadow.h>

#define TOP_INDEX(pfn) ((pfn) / (512 * LOG_LEAF_PAGES))
#define MID_INDEX(pfn) ((pfn) / LOG_LEAF_PAGES % 512)

unsigned int shadowed_domains;

void *log_get_node(struct domain *d)
{
	struct paging_domain *p = &d->arch.paging;
	struct page_info *pg;

	if (p->log_pages + shadow_pool_min(d) >= p->pool_pages + LOG_MIN_NODES || !shadow_reserve(d, 1))
		return NULL;
	pg = shadow_pool_get(d);
	p->log_pages++;
	return page_to_virt(pg);
}

void log_put_node(struct domain *d, void *node)
{
	d->arch.paging.log_pages--;
	shadow_pool_put(d, virt_to_page(node));
}

int log_dirty_create(struct domain *d)
{
	d->arch.paging.log = log_get_node(d);
	d->arch.paging.log_incomplete = false;
	d->arch.paging.fault_count = d->arch.paging.dirty_count = 0;
	return d->arch.paging.log ? 0 : -ENOMEM;
}

void log_dirty_destroy(struct domain *d)
{
	void ***top = d->arch.paging.log;

	if (!top)
		return;
	for (unsigned int i = 0; i < 512; i++) {
		for (unsigned int j = 0; top[i] && j < 512; j++)
			if (top[i][j])
				log_put_node(d, top[i][j]);
		if (top[i])
			log_put_node(d, top[i]);
	}
	log_put_node(d, top);
	d->arch.paging.log = NULL;
}

unsigned long *log_dirty_leaf(const struct domain *d, unsigned long pfn)
{
	void **mid = d->arch.paging.log[TOP_INDEX(pfn)];

	return mid ? mid[MID_INDEX(pfn)] : NULL;
}

/* As log_dirty_leaf(), and makes it; NULL: no memory. */
static unsigned long *make_leaf(struct domain *d, unsigned long pfn)
{
	void ***top = d->arch.paging.log, **mid = top[TOP_INDEX(pfn)];

	if (!mid)
		mid = top[TOP_INDEX(pfn)] = log_get_node(d);
	if (mid && !mid[MID_INDEX(pfn)])
		mid[MID_INDEX(pfn)] = log_get_node(d);
	return mid ? mid[MID_INDEX(pfn)] : NULL;
}

static bool is_set(const struct domain *d, unsigned long pfn)
{
	const unsigned long *leaf = log_dirty_leaf(d, pfn);

	return leaf && test_bit(pfn % LOG_LEAF_PAGES, leaf);
}

void log_dirty_set(struct domain *d, unsigned long pfn)
{
	unsigned long *leaf;

	if (pfn >= LOG_MAX_PAGES)
		return; /* frames that are no part of its memory, such as those that we share with it */
	leaf = make_leaf(d, pfn);
	if (unlikely(!leaf))
		d->arch.paging.log_incomplete = true;
	else if (!__test_and_set_bit(pfn % LOG_LEAF_PAGES, leaf))
		d->arch.paging.dirty_count++;
}

static bool is_own_frame(const struct domain *d, mfn_t mfn)
{
	return mfn_valid(mfn) && page_get_owner(mfn_to_page(mfn)) == d;
}

bool log_dirty_wanted(const struct domain *d, mfn_t mfn)
{
	unsigned long pfn;

	if (!d->arch.paging.log_dirty || d->arch.paging.log_incomplete || !is_own_frame(d, mfn))
		return false;
	pfn = get_gpfn_from_mfn(mfn_x(mfn));
	return pfn < LOG_MAX_PAGES && !is_set(d, pfn);
}

void log_dirty_mark(struct domain *d, mfn_t mfn)
{
	if (d->arch.paging.log_dirty && is_own_frame(d, mfn))
		log_dirty_set(d, get_gpfn_from_mfn(mfn_x(mfn)));
}

void paging_mark_dirty(const struct page_info *pg)
{
	struct domain *d = page_get_owner(pg);

	if (!d || !READ_ONCE(d->arch.paging.log_dirty))
		return;
	paging_lock(d);
	log_dirty_mark(d, page_to_mfn(pg));
	paging_unlock(d);
}
