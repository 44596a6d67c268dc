/*
 * The operations by which the privileged domain controls the machine and other domains: one thin
 * function for each domctl, sysctl, memory operation and so on.
 *
 * Unless something else is said, a function returns 0, or -1 with errno set to the hypervisor's
 * error: ESRCH no such domain, EPERM not privileged, ENOSYS or EOPNOTSUPP not provided by this
 * hypervisor. Structures are those of xen/include/public (domctl.h, sysctl.h ...), which also
 * document ranges. Memory is in pages of 4 KiB or in KiB, as named; CPU and node maps are arrays of
 * bytes, lowest bit first. A handle may be used by several threads at once.
 */
#ifndef XENCTRL_H
#define XENCTRL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "public/xen.h"
#include "public/domctl.h"
#include "public/grant_table.h"
#include "public/memory.h"
#include "public/sched.h"
#include "public/sched_old.h"
#include "public/sysctl.h"
#include "public/version.h"
#include "xencall.h"
#include "xenforeignmemory.h"

#define XC_PAGE_SHIFT 12
#define XC_PAGE_SIZE  (1UL << XC_PAGE_SHIFT)

typedef struct xc_interface xc_interface;

/**
 * Opens the interface. NULL and errno: this is no domain of a Xen machine (ENOENT), or not a
 * privileged process.
 */
xc_interface *xc_open(void);

/** Closes it (NULL: nothing). */
void xc_close(xc_interface *xc);

/** The handle by which the interface maps memory, for callers that map, too. It stays the
 * interface's. */
xenforeignmemory_handle *xc_foreign(xc_interface *xc);

/** Issues a domctl or sysctl without pointers; the version is filled in. */
int xc_domctl(xc_interface *xc, struct xen_domctl *op);
int xc_sysctl(xc_interface *xc, struct xen_sysctl *op);

/* ---- Domains ---- */

/** Creates a domain; *@domid is the wanted id, or 0 for any, and becomes the id. EEXIST: taken. */
int xc_domain_create(
	xc_interface *xc, uint32_t *domid, const struct xen_domctl_createdomain *config);

/**
 * Destroys a domain and frees what it has. Takes as long as there is memory to free. Others'
 * mappings keep pages alive.
 */
int xc_domain_destroy(xc_interface *xc, uint32_t domid);

/** Counts a pause up or down. A new domain is paused once. */
int xc_domain_pause(xc_interface *xc, uint32_t domid);
int xc_domain_unpause(xc_interface *xc, uint32_t domid);

/** Lets a domain that shut down for suspending continue. */
int xc_domain_resume(xc_interface *xc, uint32_t domid);

/**
 * The log of pages that a domain changes: @op is XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, _CLEAN, _PEEK or _OFF. @bitmap: one bit
 * for each of @pages pages by their number in the domain, for CLEAN and PEEK; else NULL. @stats: or NULL. ENOMEM: the
 * hypervisor has no memory for it.
 */
int xc_logdirty(xc_interface *xc, uint32_t domid, unsigned op, void *bitmap, uint64_t pages,
	struct xen_domctl_shadow_op_stats *stats);

/** Information about exactly this domain; ESRCH if there is none. */
int xc_domain_getinfo(xc_interface *xc, uint32_t domid, struct xen_domctl_getdomaininfo *info);

/**
 * Information about up to @max domains from id @first, in order of ids. Returns how many there are
 * in @info.
 */
int xc_domain_getinfolist(
	xc_interface *xc, uint32_t first, unsigned max, struct xen_domctl_getdomaininfo *info);

/** Why a domain has shut down, SHUTDOWN_*, by info->flags; -1 if it has not. */
static inline int xc_shutdown_reason(uint32_t flags)
{
	return flags & XEN_DOMINF_shutdown
		       ? (int)(flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask)
		       : -1;
}

/** The UUID. */
int xc_domain_sethandle(xc_interface *xc, uint32_t domid, const xen_domain_handle_t handle);

/** How many vCPUs the domain gets; once. */
int xc_domain_max_vcpus(xc_interface *xc, uint32_t domid, unsigned max);

/** The most memory the domain may have. EINVAL: less than it has now is accepted, too, by Xen 4.17.
 */
int xc_domain_setmaxmem(xc_interface *xc, uint32_t domid, uint64_t max_kb);

/** Width of a paravirtual domain in bits, 32 or 64. */
int xc_domain_get_address_size(xc_interface *xc, uint32_t domid, unsigned *width);

/** XEN_DOMCTL_SENDTRIGGER_* to a vCPU. */
int xc_domain_send_trigger(xc_interface *xc, uint32_t domid, unsigned trigger, unsigned vcpu);

/** How the time stamp counter behaves. mode: 0 default, 1 always emulated, 2 never. */
int xc_domain_set_tsc_info(
	xc_interface *xc, uint32_t domid, const struct xen_domctl_tsc_info *info);
int xc_domain_get_tsc_info(xc_interface *xc, uint32_t domid, struct xen_domctl_tsc_info *info);

/* ---- vCPUs ---- */

int xc_vcpu_getinfo(
	xc_interface *xc, uint32_t domid, unsigned vcpu, struct xen_domctl_getvcpuinfo *info);

/** The registers of a paused domain's vCPU. */
int xc_vcpu_setcontext(
	xc_interface *xc, uint32_t domid, unsigned vcpu, const struct vcpu_guest_context *context);
int xc_vcpu_getcontext(
	xc_interface *xc, uint32_t domid, unsigned vcpu, struct vcpu_guest_context *context);

/** What vcpu_guest_context has no room for. */
int xc_vcpu_set_ext_context(
	xc_interface *xc, uint32_t domid, const struct xen_domctl_ext_vcpucontext *context);
int xc_vcpu_get_ext_context(xc_interface *xc, uint32_t domid, unsigned vcpu,
	struct xen_domctl_ext_vcpucontext *context);

/**
 * XSAVE state. get with NULL: *@size becomes the size needed. @mask: features, in for set, out for
 * get.
 */
int xc_vcpu_get_xstate(xc_interface *xc, uint32_t domid, unsigned vcpu, uint64_t *mask,
	void *buffer, uint64_t *size);
int xc_vcpu_set_xstate(xc_interface *xc, uint32_t domid, unsigned vcpu, uint64_t mask,
	const void *buffer, uint64_t size);

/** MSRs. get: *@count is the room in, what was written (or is needed, with NULL) out. */
int xc_vcpu_get_msrs(xc_interface *xc, uint32_t domid, unsigned vcpu, xen_domctl_vcpu_msr_t *msrs,
	uint32_t *count);
int xc_vcpu_set_msrs(xc_interface *xc, uint32_t domid, unsigned vcpu,
	const xen_domctl_vcpu_msr_t *msrs, uint32_t count);

/**
 * Where a vCPU must (hard) and should (soft) run; maps of @bytes bytes, either may be NULL. set:
 * out, what came of it.
 */
int xc_vcpu_setaffinity(xc_interface *xc, uint32_t domid, unsigned vcpu, uint8_t *hard,
	uint8_t *soft, size_t bytes);
int xc_vcpu_getaffinity(xc_interface *xc, uint32_t domid, unsigned vcpu, uint8_t *hard,
	uint8_t *soft, size_t bytes);

/* ---- Scheduling ---- */

/** The scheduler of the machine: XEN_SCHEDULER_*. */
int xc_sched_id(xc_interface *xc, unsigned *id);

/** Weight and cap of a domain. */
int xc_sched_credit_domain_set(
	xc_interface *xc, uint32_t domid, const struct xen_domctl_sched_credit *params);
int xc_sched_credit_domain_get(
	xc_interface *xc, uint32_t domid, struct xen_domctl_sched_credit *params);

/** Share of a domain under sedf; times in ns. */
int xc_sched_sedf_domain_set(
	xc_interface *xc, uint32_t domid, const struct xen_domctl_sched_sedf *params);
int xc_sched_sedf_domain_get(
	xc_interface *xc, uint32_t domid, struct xen_domctl_sched_sedf *params);

/** Share of a domain under bvt. */
int xc_sched_bvt_domain_set(
	xc_interface *xc, uint32_t domid, const struct xen_domctl_sched_bvt *params);
int xc_sched_bvt_domain_get(
	xc_interface *xc, uint32_t domid, struct xen_domctl_sched_bvt *params);

/**
 * What the machine's scheduler gives a vCPU at a time, in ns: under XEN_SCHEDULER_BVT beyond its fair
 * turn, under XEN_SCHEDULER_RROBIN as its turn. @set: changes it to *@ns first.
 */
int xc_sched_turn(xc_interface *xc, unsigned sched_id, bool set, uint64_t *ns);

/* ---- CPU policy: what CPUID and MSRs say ---- */

/** @nr_*: room in, used (or needed, with NULLs) out. */
int xc_get_domain_cpu_policy(xc_interface *xc, uint32_t domid, xen_cpuid_leaf_t *leaves,
	uint32_t *nr_leaves, xen_msr_entry_t *msrs, uint32_t *nr_msrs);

/**
 * Sets a domain's policy before it runs. @refused, if not NULL: leaf, subleaf and MSR that was
 * refused, or all ones.
 */
int xc_set_domain_cpu_policy(xc_interface *xc, uint32_t domid, const xen_cpuid_leaf_t *leaves,
	uint32_t nr_leaves, const xen_msr_entry_t *msrs, uint32_t nr_msrs, uint32_t refused[3]);

/* ---- Memory ---- */

/**
 * Gives the domain memory: @nr extents of 2^@order pages at guest frames @frames, which for a
 * paravirtual domain become machine frames. Returns how many extents were done: fewer than @nr if
 * memory ran out.
 */
int xc_domain_populate(xc_interface *xc, uint32_t domid, unsigned nr, unsigned order,
	unsigned mem_flags, xen_pfn_t *frames);

/** Takes single pages away from a domain, by their frames; returns how many. */
int xc_domain_release(xc_interface *xc, uint32_t domid, unsigned nr, const xen_pfn_t *frames);

/**
 * Sets @pages aside for the domain (0: what is left of it is given back). ENOMEM: there are not so
 * many.
 */
int xc_domain_claim_pages(xc_interface *xc, uint32_t domid, uint64_t pages);

/** An E820 entry. */
struct xc_e820entry {
	uint64_t addr;
	uint64_t size; /* bytes */
	uint32_t type; /* 1 RAM, 2 reserved, 3 ACPI tables, 4 ACPI NVS, 5 unusable */
} __attribute__((packed));

/** The memory map that the domain's kernel is told. */
int xc_domain_set_memory_map(
	xc_interface *xc, uint32_t domid, const struct xc_e820entry *map, unsigned nr);

/** Highest frame of the machine. -1 and errno on failure. */
long xc_maximum_ram_page(xc_interface *xc);

/** Types of frames: @frames become XEN_DOMCTL_PFINFO_* in bits 31:28. At most 1024 at a time. */
int xc_get_pfn_types(xc_interface *xc, uint32_t domid, unsigned nr, xen_pfn_t *frames);

/** Page-table operations for a paravirtual domain, as its own kernel would issue them. */
int xc_mmuext_op(xc_interface *xc, uint32_t domid, const struct mmuext_op *ops, unsigned nr);

/** Pins a top-level page table (@level 4, or 3 with 32 bits). */
int xc_pin_table(xc_interface *xc, uint32_t domid, unsigned level, xen_pfn_t mfn);

/* ---- Event channels and grants of others ---- */

/** A new port of domain @domid that @remote may connect to. Returns the port. */
int xc_evtchn_alloc_unbound(xc_interface *xc, uint32_t domid, uint32_t remote);

/** State of a port; status->dom and status->port are set by the caller. */
int xc_evtchn_status(xc_interface *xc, struct evtchn_status *status);

/**
 * Enters the grants that every guest gives from the start: reference GNTTAB_RESERVED_CONSOLE for
 * frame @console_gfn to
 * @console_domid, GNTTAB_RESERVED_XENSTORE for @store_gfn to @store_domid. A frame of ~0 is left
 * out.
 */
int xc_gnttab_seed(xc_interface *xc, uint32_t domid, xen_pfn_t console_gfn, xen_pfn_t store_gfn,
	uint32_t console_domid, uint32_t store_domid);

/* ---- The machine ---- */

int xc_physinfo(xc_interface *xc, struct xen_sysctl_physinfo *info);

/** *@nr: room in, CPUs or nodes out. Arrays may be NULL; @distance has room for *@nr squared. */
int xc_cputopoinfo(xc_interface *xc, struct xen_sysctl_cputopo *topology, unsigned *nr);
int xc_numainfo(
	xc_interface *xc, struct xen_sysctl_meminfo *nodes, uint32_t *distance, unsigned *nr);

/**
 * Free memory with addresses of @min_width to @max_width bits (0: any) on @node (-1: any), in
 * bytes.
 */
int xc_availheap(
	xc_interface *xc, unsigned min_width, unsigned max_width, int node, uint64_t *bytes);

/**
 * The hypervisor's messages. *@count: room in, bytes out. @clear forgets what was read; with
 * @incremental it starts at
 * *@index, which becomes where the next read continues.
 */
int xc_readconsole(xc_interface *xc, char *buffer, unsigned *count, bool clear, bool incremental,
	uint32_t *index);

/** As if @keys were typed on the hypervisor's console. */
int xc_debug_keys(xc_interface *xc, const char *keys);

/**
 * Performance counters: number of counters and of values, and both with arrays. ENOSYS or
 * EOPNOTSUPP: built without.
 */
int xc_perfc_reset(xc_interface *xc);
int xc_perfc_size(xc_interface *xc, unsigned *counters, unsigned *values);
int xc_perfc_query(xc_interface *xc, xen_sysctl_perfc_desc_t *counters, unsigned nr_counters,
	xen_sysctl_perfc_val_t *values, unsigned nr_values);

/**
 * XENVER_* @cmd. @arg of @size bytes as its structure in version.h (NULL and 0 for those without);
 * a string is always ended. Returns what the hypercall returns: for XENVER_version 65536 * major +
 * minor.
 */
int xc_version(xc_interface *xc, unsigned cmd, void *arg, size_t size);

#endif /* XENCTRL_H */
