/*
 * Shadow page tables of a domain, and the log of the pages that it changes: docs/design/log-dirty.md.
 *
 * mm/shadow_pool.c is the memory of both, shadow.c the tables, log_dirty.c the log, log_read.c what
 * its controller reads, and shadow_ctl.c switches it all on and off.
 */
#ifndef ASM_SHADOW_H
#define ASM_SHADOW_H

#include <xen/mm.h>
#include <xen/spinlock.h>
#include <xen/types.h>
#include <asm/page.h>

struct cpu_user_regs;
struct domain;
struct vcpu;
struct xen_domctl;

/* A reading of the log that stops for pending work and goes on later. */
struct log_reading {
	bool active, clean;
	bool revoking;      /* the bitmap is done: write permissions are being taken away */
	bool all;           /* the log was incomplete: every page counts as dirty */
	const void *bitmap; /* the tool's buffer; NULL = it wants none */
	u64 next, pages;    /* first page not read yet; how many there shall be */
	unsigned int dirty; /* pages found dirty */
};

/* Shadows of a vCPU's roots; NULL = none. */
struct shadow_roots {
	struct page_info *kernel, *user;
};

struct paging_domain {
	spinlock_t lock; /* everything below; taken by paging_lock() */
	int holder;      /* the CPU that holds it; -1 = none */
	bool shadowed;   /* vCPUs run on shadow tables */
	bool log_dirty;  /* changed pages are noted */

	unsigned int pool_wanted; /* how large it shall be: 0 = the default, at need */
	unsigned int pool_pages;  /* all of the pool's, used or not */
	unsigned int free_pages;
	struct page_list free;
	struct page_list l1_shadows, upper_shadows;
	u8 generation; /* of l1_shadows whose write permissions have been taken away in the present round */

	void ***log; /* NULL while there is no log */
	unsigned int log_pages; /* pages of the pool that the log has */
	bool log_incomplete;    /* a page could not be noted */
	unsigned int fault_count, dirty_count;
	struct log_reading reading;
	/* Its pages that others can write to: mm/foreign.c. */
	bool track_foreign, foreign_incomplete;
	struct foreign_pages *foreign; /* the newest page of the list */
	struct page_info *scan; /* where the search for them goes on; a reference is held */

	void *buffer; /* a page for the controller's commands */
};

/* --- Locking ----------------------------------------------------------------------------------- */

/*
 * Faults on guest memory come with interrupts off and with other locks held, mm_lock among them. So
 * this lock ranks behind nearly all, and who waits for it serves flushes meanwhile: its holder may
 * wait for this CPU to flush.
 */
void paging_lock(struct domain *d);
void paging_unlock(struct domain *d);

/* --- Pool: mm/shadow_pool.c (paging lock held where not said otherwise) --------------------------- */

/* The least that a domain can run with, and what it gets when nobody has said. */
unsigned int shadow_pool_min(const struct domain *d);
unsigned int shadow_pool_default(const struct domain *d);
/* Make the pool so many pages large; without the lock. -ENOMEM, -ERESTART, -EBUSY: all is in use. */
int shadow_pool_resize(struct domain *d, unsigned int pages);
/* A zeroed page that no TLB knows, or NULL. */
struct page_info *shadow_pool_get(struct domain *d);
/* Give one back; nothing leads to it any more. */
void shadow_pool_put(struct domain *d, struct page_info *pg);

/* --- Shadow tables: mm/shadow.c -------------------------------------------------------------------- */

/*
 * A page fault that a shadow table may have caused, from a guest or from the hypervisor's access to
 * guest memory. True: try again. False: it is as with the guest's own tables, and regs->error_code
 * has been made to say so.
 */
bool shadow_fault(struct cpu_user_regs *regs, unsigned long addr);
/*
 * The roots (machine addresses, 0 = none) to run on instead of a vCPU's own, with their shadows, if it
 * runs on these. They stay what they are until they are put, which may be only when no CPU has
 * them loaded. Without the lock.
 */
void shadow_get_roots(struct domain *d, struct shadow_roots *r, u64 *kernel, u64 *user);
void shadow_put_roots(struct domain *d, struct shadow_roots *r);
/* The shadow of a table that is none any more goes. Without the lock. */
void shadow_drop(struct page_info *pg);
/* Free up to n shadows of a domain that runs on its own tables again. False: there are no more. */
bool shadow_drop_some(struct domain *d, unsigned int n);
/* Have n free pages in the pool, by dropping shadows if need be; roots in use are emptied. */
bool shadow_reserve(struct domain *d, unsigned int n);
/* Take write permissions away from some shadows. True when all have lost theirs in this round. */
bool shadow_revoke_some(struct domain *d, unsigned int n);

/* --- Log: mm/log_dirty.c (paging lock held where not said otherwise) -------------------------------- */

#define LOG_LEAF_PAGES (PAGE_SIZE * 8)                  /* by one page of the bitmap */
#define LOG_MIN_NODES  16 /* pages that the log has at least */
#define LOG_MAX_PAGES  (512UL * 512 * LOG_LEAF_PAGES)

int log_dirty_create(struct domain *d); /* -ENOMEM */
void log_dirty_destroy(struct domain *d);
/* The bits of pages [pfn, pfn + LOG_LEAF_PAGES), pfn a multiple of that; NULL: none is dirty. */
unsigned long *log_dirty_leaf(const struct domain *d, unsigned long pfn);
void log_dirty_set(struct domain *d, unsigned long pfn);
/* Would a write to this frame by the domain have to be noted? */
bool log_dirty_wanted(const struct domain *d, mfn_t mfn);
/* Note a frame of the domain's. */
void log_dirty_mark(struct domain *d, mfn_t mfn);

/* The same, for things other than the bitmap. NULL: the log has its share. */
void *log_get_node(struct domain *d);
void log_put_node(struct domain *d, void *node);

/* --- Pages that other domains can write to: mm/foreign.c ------------------------------------------------ */

/* Begin to keep a list of them; without the lock. -ERESTART. */
int foreign_track(struct domain *d);
/* Mark those that still are, and forget the others. False: the list is not complete. */
bool foreign_mark_dirty(struct domain *d);
void foreign_forget(struct domain *d); /* without the lock */

/* --- For the controller ----------------------------------------------------------------------------- */

/* XEN_DOMCTL_SHADOW_OP_CLEAN and PEEK. -ERESTART, -EINVAL: no log, -EBUSY, -EFAULT. */
int log_dirty_read(struct domain *d, struct xen_domctl *op, bool clean);
/* The domain dies: none of its vCPUs runs. -ERESTART. */
int shadow_teardown(struct domain *d);
void shadow_domain_init(struct domain *d);

#endif
