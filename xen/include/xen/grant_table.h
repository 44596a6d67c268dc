/* Grant tables: memory shared between domains by its owner's consent. */
#ifndef XEN_GRANT_TABLE_H
#define XEN_GRANT_TABLE_H

#include <xen/types.h>
#include <public/grant_table.h>
#include <xen/guest_access.h>
#include <xen/mm.h>

struct domain;

extern unsigned int opt_max_grant_frames, opt_max_maptrack_frames; /* gnttab_max_frames= ... */

/* -ENOMEM. 0 frames, or more than the default = the hypervisor's default limits. */
int grant_table_create(struct domain *d, unsigned int max_frames, unsigned int max_maptrack);
/*
 * The dying domain, none of whose vCPUs runs, uses no grants of others any more, and holds no
 * references for its mappings; -ERESTART: call again.
 */
int gnttab_release_mappings(struct domain *d);
void grant_table_destroy(struct domain *d); /* last reference gone; frees all memory */
long do_grant_table_op(unsigned int cmd, XEN_GUEST_HANDLE_PARAM(void) uop, unsigned int count);
/* XENMAPSPACE_grant_table: the frame with number idx (XENMAPIDX_grant_table_status for status). */
int gnttab_map_frame(struct domain *d, unsigned long idx, mfn_t *mfn);
/* XENMEM_acquire_resource: frames [frame, frame + nr) of the shared (id 0) or status (id 1) table. */
int gnttab_get_resource(struct domain *d, unsigned int id, unsigned int frame, unsigned int nr, mfn_t *mfns);
unsigned int gnttab_resource_max_frames(struct domain *d, unsigned int id);
/* Mark the frames that others may write to by grants of d's: mark_page_dirty(). */
void gnttab_mark_dirty(struct domain *d);
void gnttab_dump(unsigned char key); /* debug key 'g' */

/* --- Arch: mm/grant.c (current domain is the mapper) -------------------------------------------------- */

/*
 * Make `mfn` visible to the current domain at host_addr: a linear address, or the machine address
 * of an L1 entry with GNTMAP_contains_pte. `pte_flags`: the GNTMAP_* flags of the request (readonly,
 * guest_avail bits, application/supervisor). The caller holds a general reference of `mfn` for this,
 * and one of PGT_writable unless read-only, as long as the mapping's handle lives: destroying the
 * entry in another way than by the function below gives nothing back. No locks held. GNTST_*.
 */
int create_grant_host_mapping(u64 host_addr, mfn_t mfn, u32 flags, bool io_memory);
/*
 * Take such a mapping away, or replace it by that at the linear address new_addr (0 = none). `flags`:
 * those it was made with. Refuses, changing nothing, unless the entry maps `mfn` and is writable
 * exactly when GNTMAP_readonly is clear: otherwise a writable entry could stay behind without a
 * reference of type PGT_writable. The caller flushes TLBs before it drops references. GNTST_*.
 */
int replace_grant_host_mapping(u64 host_addr, mfn_t mfn, u64 new_addr, u32 flags);
/* All CPUs where d runs must forget removed mappings. */
void gnttab_flush_tlb(const struct domain *d);

#endif
