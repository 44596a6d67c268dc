/* Grant tables: what their files share. */
#ifndef COMMON_GRANT_TABLE_H
#define COMMON_GRANT_TABLE_H

#include <xen/grant_table.h>
#include <xen/lib.h>
#include <xen/sched.h>

#define V1_PER_FRAME       (PAGE_SIZE / sizeof(grant_entry_v1_t))
#define V2_PER_FRAME       (PAGE_SIZE / sizeof(grant_entry_v2_t))
#define STATUS_PER_FRAME   (PAGE_SIZE / sizeof(grant_status_t))
#define MAPTRACK_PER_FRAME 256
#define INVALID_HANDLE     (~0u)

/* What kind of grant an entry in use is. */
enum grant_kind { GRANT_full_page, GRANT_sub_page, GRANT_transitive };

/* Our own record of an entry: who uses it, and how. Entries in use keep their frame. */
struct active_grant {
	u32 mfn;     /* full and sub-page */
	u32 readers; /* uses that only read */
	u32 writers;
	domid_t domid; /* the user */
	u8 kind;
};

/* A mapping of another domain's grant, found by its handle. */
struct maptrack {
	struct domain *rd; /* the granter, with a reference held */
	grant_ref_t ref;   /* free entries: next free handle */
	u32 flags;         /* GNTMAP_*, MAPTRACK_busy(); neither host nor device bits: free */
};
#define MAPTRACK_PARTS       (GNTMAP_host_map | GNTMAP_device_map)
#define MAPTRACK_busy(parts) ((parts) << 8) /* the part is being unmapped */

/*
 * The frames of a table only become more, so their addresses may be read without the lock once
 * their number was seen under it.
 */
struct grant_table {
	spinlock_t lock; /* down to the next blank line, and the contents of shared entries */
	unsigned int version;
	unsigned int nr_frames, max_frames;
	unsigned int nr_status_frames; /* stay when the guest goes back to version 1 */
	void **shared;                 /* [max_frames] entries of either version */
	grant_status_t **status;       /* [status_frames_for(max_frames)] */
	struct active_grant **active;  /* [max_frames], V1_PER_FRAME records each */

	spinlock_t maptrack_lock;   /* rank GRANT_ACTIVE: the rest */
	struct maptrack **maptrack; /* [max_maptrack_frames] */
	unsigned int nr_maptrack_frames, max_maptrack_frames;
	u32 free_handle;
	unsigned int release_cursor; /* where gnttab_release_mappings() goes on */
};

/* One use of a grant, between gnttab_pin() and gnttab_unpin(). */
struct grant_use {
	struct domain *rd;
	grant_ref_t ref;
	domid_t grantee;
	bool readonly;
	/* Results: */
	enum grant_kind kind;
	struct page_info *page;  /* a reference is held, and PGT_writable unless readonly */
	unsigned int start, end; /* bytes that may be accessed */
	domid_t trans_domid;     /* GRANT_transitive: where the page is to be found */
	grant_ref_t trans_ref;
};

#define MAX_UNMAP_BATCH 32

/* What a run over an array of operations keeps until gnttab_finish(). */
struct gnttab_run {
	/* Mappings removed from page tables whose pages may not be let go before a TLB flush. */
	struct {
		struct maptrack *map;
		u32 handle;
		u32 parts; /* GNTMAP_host_map, GNTMAP_device_map */
	} unmapped[MAX_UNMAP_BATCH];
	unsigned int nr_unmapped;
	/* The last operands of GNTTABOP_copy: often the next operation's, too. */
	struct grant_copy_buf {
		struct gnttab_copy_ptr ptr;
		bool valid, is_gref, readonly;
		struct page_info *page;
		unsigned int start, end;
		struct grant_use use, trans; /* .rd NULL: none */
	} src, dst;
};

static always_inline unsigned int status_frames_for(unsigned int nr_frames)
{
	return DIV_ROUND_UP(nr_frames * V2_PER_FRAME, STATUS_PER_FRAME);
}

static always_inline unsigned int nr_entries(const struct grant_table *gt)
{
	return gt->nr_frames * (gt->version == 1 ? V1_PER_FRAME : V2_PER_FRAME);
}

static always_inline grant_entry_v1_t *entry_v1(const struct grant_table *gt, grant_ref_t ref)
{
	return (grant_entry_v1_t *)gt->shared[ref / V1_PER_FRAME] + ref % V1_PER_FRAME;
}

static always_inline grant_entry_v2_t *entry_v2(const struct grant_table *gt, grant_ref_t ref)
{
	return (grant_entry_v2_t *)gt->shared[ref / V2_PER_FRAME] + ref % V2_PER_FRAME;
}

static always_inline grant_status_t *status_of(const struct grant_table *gt, grant_ref_t ref)
{
	return gt->status[ref / STATUS_PER_FRAME] + ref % STATUS_PER_FRAME;
}

static always_inline struct active_grant *active_of(const struct grant_table *gt, grant_ref_t ref)
{
	return gt->active[ref / V1_PER_FRAME] + ref % V1_PER_FRAME;
}

static always_inline bool in_use(const struct active_grant *act)
{
	return act->readers | act->writers;
}

/* The flags and the domid of an entry, which both versions begin with, are read as one word. */
static always_inline u32 *entry_header(const struct grant_table *gt, grant_ref_t ref)
{
	return gt->version == 1 ? (u32 *)entry_v1(gt, ref) : (u32 *)entry_v2(gt, ref);
}

/* --- grant_use.c ------------------------------------------------------------------------------ */

/*
 * Begin to use a grant: check that it allows this, mark it as in use for its owner to see, hold its
 * page. `map`: for a mapping, which only whole pages allow. Takes the granter's lock. GNTST_*.
 */
int gnttab_pin(struct grant_use *u, bool map);
/* End a use; the caller has given the page back. Takes the granter's lock. */
void gnttab_unpin(struct domain *rd, grant_ref_t ref, bool readonly);
/* Give back what gnttab_pin() or gnttab_own_page() hold of a page. */
void gnttab_put_page(struct page_info *pg, bool readonly);
/* A domain by id with a reference, or NULL. */
struct domain *gnttab_get_domain(domid_t id);

/* --- One operation each; all return 0 (and set a status in their argument) or a negative errno  */

long gnttab_op_map(struct gnttab_run *run, void *arg);
long gnttab_op_unmap(struct gnttab_run *run, void *arg);
long gnttab_op_unmap_and_replace(struct gnttab_run *run, void *arg);
long gnttab_op_copy(struct gnttab_run *run, void *arg);
long gnttab_op_transfer(struct gnttab_run *run, void *arg);
long gnttab_op_setup_table(struct gnttab_run *run, void *arg);
long gnttab_op_query_size(struct gnttab_run *run, void *arg);
long gnttab_op_get_status_frames(struct gnttab_run *run, void *arg);
long gnttab_op_set_version(struct gnttab_run *run, void *arg);
long gnttab_op_get_version(struct gnttab_run *run, void *arg);
long gnttab_op_swap_grant_ref(struct gnttab_run *run, void *arg);
long gnttab_op_dump_table(struct gnttab_run *run, void *arg);

/* Flush TLBs and let go of the pages of unmapped grants. */
void gnttab_finish_unmaps(struct gnttab_run *run);
/* Let go of the operands of copies. */
void gnttab_finish_copies(struct gnttab_run *run);

/* GNTST_okay and the domain an operation asks about, when the caller may. */
int gnttab_find_target(domid_t id, struct domain **d);

#endif
