/*
 * The memory of a domain's shadow tables and of its log: pages set aside in advance, so that nothing
 * has to be allocated in the middle of a fault, and so that a guest can use up no more than these.
 *
 * A page that leaves a table may still be known to the paging-structure caches of CPUs. Its tlb_stamp
 * says since when nothing leads to it, and CPUs that have not flushed since do so before it is used
 * again. The oldest are used first: most often nobody has to.
 */
#include <xen/errno.h>
#include <xen/lib.h>
#include <xen/sched.h>
#include <asm/flushtlb.h>
#include <asm/shadow.h>

#define MIN_SHADOWS  8
#define PER_VCPU     18   /* two roots, and what one instruction needs to get on */
#define DEFAULT_MORE 1024 /* 4 MiB for applications' tables */
#define FRAMES_PER_SHADOW 128 /* a table maps 512; several map the same frames */
#define BATCH        64

void paging_lock(struct domain *d)
{
	struct paging_domain *p = &d->arch.paging;

	lock_check_acquire(&p->lock, __builtin_return_address(0));
	while (!spin_trylock(&p->lock)) {
		flush_poll();
		cpu_relax();
	}
	p->holder = smp_processor_id();
}

void paging_unlock(struct domain *d)
{
	d->arch.paging.holder = -1;
	spin_unlock(&d->arch.paging.lock);
}

unsigned int shadow_pool_min(const struct domain *d)
{
	return PER_VCPU * d->max_vcpus + MIN_SHADOWS + LOG_MIN_NODES;
}

unsigned int shadow_pool_default(const struct domain *d)
{
	return shadow_pool_min(d) + DEFAULT_MORE + d->tot_pages / FRAMES_PER_SHADOW;
}

struct page_info *shadow_pool_get(struct domain *d)
{
	struct paging_domain *p = &d->arch.paging;
	struct page_info *pg = page_list_pop(&p->free);
	cpumask_t mask;

	if (!pg)
		return NULL;
	p->free_pages--;
	cpumask_and(&mask, &d->dirty_cpumask, &cpu_online_map);
	tlb_filter(&mask, pg->tlb_stamp);
	if (unlikely(!cpumask_empty(&mask)))
		flush_mask(&mask, NULL, FLUSH_TLB);
	memset(page_to_virt(pg), 0, PAGE_SIZE);
	return pg;
}

void shadow_pool_put(struct domain *d, struct page_info *pg)
{
	struct paging_domain *p = &d->arch.paging;

	smp_mb(); /* unlinked for other CPUs' walks before the clock is read */
	pg->tlb_stamp = tlb_clock();
	page_list_add_tail(pg, &p->free);
	p->free_pages++;
}

static int grow(struct domain *d)
{
	struct page_info *pg = alloc_domheap_page(NULL, 0);
	struct paging_domain *p = &d->arch.paging;

	if (!pg)
		return -ENOMEM;
	paging_lock(d);
	shadow_pool_put(d, pg);
	p->pool_pages++;
	paging_unlock(d);
	return 0;
}

static int shrink(struct domain *d)
{
	struct paging_domain *p = &d->arch.paging;
	struct page_info *pg = NULL;

	paging_lock(d);
	/* What the log has does not come back: the shadows' part must stay. */
	if ((!p->shadowed || p->log_pages + shadow_pool_min(d) < p->pool_pages + LOG_MIN_NODES) &&
		shadow_reserve(d, 1))
		pg = page_list_pop(&p->free);
	if (pg) {
		p->free_pages--;
		p->pool_pages--;
	}
	paging_unlock(d);
	if (!pg)
		return -EBUSY;
	free_domheap_page(pg);
	return 0;
}

int shadow_pool_resize(struct domain *d, unsigned int pages)
{
	struct paging_domain *p = &d->arch.paging;
	int rc = 0;

	/* The controller's commands exclude each other: nobody else changes the size. */
	for (unsigned int i = 1; !rc && p->pool_pages != pages; i++) {
		rc = p->pool_pages < pages ? grow(d) : shrink(d);
		if (!rc && i % BATCH == 0 && hypercall_preempt_check())
			rc = -ERESTART;
	}
	return rc;
}
