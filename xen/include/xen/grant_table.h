/* Grant tables: memory shared between domains by its owner's consent. */
#ifndef XEN_GRANT_TABLE_H
#define XEN_GRANT_TABLE_H

#include <public/grant_table.h>
#include <xen/guest_access.h>
#include <xen/mm.h>

struct domain;

extern unsigned int opt_max_grant_frames, opt_max_maptrack_frames; /* gnttab_max_frames= ... */

/* -ENOMEM. 0 frames = the hypervisor's default limits. */
int grant_table_create(struct domain *d, unsigned int max_frames, unsigned int max_maptrack);
/* Unmap all that the dying domain still has mapped of others; -ERESTART: call again. */
int gnttab_release_mappings(struct domain *d);
void grant_table_destroy(struct domain *d);
long do_grant_table_op(unsigned int cmd, XEN_GUEST_HANDLE_PARAM(void) uop, unsigned int count);
/* XENMAPSPACE_grant_table: the frame with number idx (XENMAPIDX_grant_table_status for status). */
int gnttab_map_frame(struct domain *d, unsigned long idx, mfn_t *mfn);
/* XENMEM_acquire_resource: frames [frame, frame + nr) of the shared (id 0) or status (id 1) table. */
int gnttab_get_resource(struct domain *d, unsigned int id, unsigned int frame, unsigned int nr, mfn_t *mfns);
unsigned int gnttab_resource_max_frames(struct domain *d, unsigned int id);
void gnttab_dump(unsigned char key); /* debug key 'g' */

/* --- Arch: mm/grant.c (current domain is the mapper) -------------------------------------------------- */

/*
 * Make `mfn` visible to the current domain at host_addr: a linear address, or the machine address
 * of an L1 entry with GNTMAP_contains_pte. `pte_flags`: the GNTMAP_* flags of the request (readonly,
 * guest_avail bits, application/supervisor). The caller holds references of `mfn` for this.
 * Returns GNTST_*.
 */
int create_grant_host_mapping(u64 host_addr, mfn_t mfn, u32 flags, bool io_memory);
/* Take such a mapping away, or replace it by that at the linear address new_addr (0 = none). GNTST_*. */
int replace_grant_host_mapping(u64 host_addr, mfn_t mfn, u64 new_addr, u32 flags);
/* All CPUs where d runs must forget removed mappings. */
void gnttab_flush_tlb(const struct domain *d);

#endif
