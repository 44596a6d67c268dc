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

/**
 * The handles that the interface uses, for callers that need what is not below. They stay the
 * interface's.
 */
xencall_handle *xc_call(xc_interface *xc);
xenforeignmemory_handle *xc_foreign(xc_interface *xc);

/**
 * Issues any domctl or sysctl; the version is filled in. Pointers in it must be to buffers of
 * xc_call().
 */
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

/** Marks the domain as shut down for SHUTDOWN_* @reason, as if it had asked for it. */
int xc_domain_shutdown(xc_interface *xc, uint32_t domid, unsigned reason);

/** Lets a domain that shut down for suspending continue. */
int xc_domain_resume(xc_interface *xc, uint32_t domid);

/** Takes back a domain's event channels, grants and so on, before a kernel is started in it anew.
 */
int xc_domain_soft_reset(xc_interface *xc, uint32_t domid);

/** Information about exactly this domain; ESRCH if there is none. */
int xc_domain_getinfo(xc_interface *xc, uint32_t domid, struct xen_domctl_getdomaininfo *info);

/**
 * Information about up to @max domains from id @first, in order of ids. Returns how many there are
 * in @info.
 */
int xc_domain_getinfolist(
	xc_interface *xc, uint32_t first, unsigned max, struct xen_domctl_getdomaininfo *info);

/** The UUID. */
int xc_domain_sethandle(xc_interface *xc, uint32_t domid, const xen_domain_handle_t handle);

/** How many vCPUs the domain gets; once. */
int xc_domain_max_vcpus(xc_interface *xc, uint32_t domid, unsigned max);

/** The most memory the domain may have. EINVAL: less than it has now is accepted, too, by Xen 4.17.
 */
int xc_domain_setmaxmem(xc_interface *xc, uint32_t domid, uint64_t max_kb);

/** Domain @domid may act as device model for @target. */
int xc_domain_set_target(xc_interface *xc, uint32_t domid, uint32_t target);

/** Whether the domain is one that a debugger holds. */
int xc_domain_setdebugging(xc_interface *xc, uint32_t domid, bool enable);

/** Seconds between the machine's clock (UTC) and the domain's. */
int xc_domain_settimeoffset(xc_interface *xc, uint32_t domid, int64_t seconds);

/** Has global VIRQ @virq sent to that domain in place of domain 0. */
int xc_domain_set_virq_handler(xc_interface *xc, uint32_t domid, unsigned virq);

/** Width of a paravirtual domain in bits, 32 or 64; before it has memory. */
int xc_domain_set_address_size(xc_interface *xc, uint32_t domid, unsigned width);
int xc_domain_get_address_size(xc_interface *xc, uint32_t domid, unsigned *width);

/** Event channel on which the suspend of the domain is announced. */
int xc_domain_subscribe(xc_interface *xc, uint32_t domid, evtchn_port_t port);

/** XEN_DOMCTL_SENDTRIGGER_* to a vCPU. */
int xc_domain_send_trigger(xc_interface *xc, uint32_t domid, unsigned trigger, unsigned vcpu);

/** How the time stamp counter behaves. mode: 0 default, 1 always emulated, 2 never. */
int xc_domain_set_tsc_info(
	xc_interface *xc, uint32_t domid, const struct xen_domctl_tsc_info *info);
int xc_domain_get_tsc_info(xc_interface *xc, uint32_t domid, struct xen_domctl_tsc_info *info);

/**
 * Paging assistance and dirty-page log: fills in and returns @op's results. @bitmap has op->pages
 * bits, or is NULL.
 */
int xc_shadow_op(xc_interface *xc, uint32_t domid, struct xen_domctl_shadow_op *op, void *bitmap);

/** Memory of a hardware domain's second-level page tables, in bytes. */
int xc_set_paging_mempool_size(xc_interface *xc, uint32_t domid, uint64_t bytes);
int xc_get_paging_mempool_size(xc_interface *xc, uint32_t domid, uint64_t *bytes);

/** HVM_PARAM_* of a hardware domain. */
int xc_hvm_param_set(xc_interface *xc, uint32_t domid, unsigned param, uint64_t value);
int xc_hvm_param_get(xc_interface *xc, uint32_t domid, unsigned param, uint64_t *value);

/**
 * The state of a hardware domain, as records. get with NULL returns the size needed, else what was
 * written; set: 0.
 */
int xc_domain_hvm_getcontext(xc_interface *xc, uint32_t domid, void *buffer, uint32_t size);
int xc_domain_hvm_setcontext(xc_interface *xc, uint32_t domid, const void *buffer, uint32_t size);

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

/** Nodes to take memory from. */
int xc_domain_setnodeaffinity(xc_interface *xc, uint32_t domid, const uint8_t *nodes, size_t bytes);
int xc_domain_getnodeaffinity(xc_interface *xc, uint32_t domid, uint8_t *nodes, size_t bytes);

/* ---- Scheduling ---- */

/** The scheduler of the machine: XEN_SCHEDULER_*. */
int xc_sched_id(xc_interface *xc, unsigned *id);

/** Weight and cap of a domain. */
int xc_sched_credit_domain_set(
	xc_interface *xc, uint32_t domid, const struct xen_domctl_sched_credit *params);
int xc_sched_credit_domain_get(
	xc_interface *xc, uint32_t domid, struct xen_domctl_sched_credit *params);
int xc_sched_credit2_domain_set(
	xc_interface *xc, uint32_t domid, const struct xen_domctl_sched_credit2 *params);
int xc_sched_credit2_domain_get(
	xc_interface *xc, uint32_t domid, struct xen_domctl_sched_credit2 *params);

/** Period and budget of all vCPUs of a domain. */
int xc_sched_rtds_domain_set(
	xc_interface *xc, uint32_t domid, const struct xen_domctl_sched_rtds *params);
int xc_sched_rtds_domain_get(
	xc_interface *xc, uint32_t domid, struct xen_domctl_sched_rtds *params);

/** Those of older schedulers; times in ns. */
int xc_sched_sedf_domain_set(
	xc_interface *xc, uint32_t domid, const struct xen_domctl_sched_sedf *params);
int xc_sched_sedf_domain_get(
	xc_interface *xc, uint32_t domid, struct xen_domctl_sched_sedf *params);
int xc_sched_bvt_domain_set(
	xc_interface *xc, uint32_t domid, const struct xen_domctl_sched_bvt *params);
int xc_sched_bvt_domain_get(xc_interface *xc, uint32_t domid, struct xen_domctl_sched_bvt *params);

/** Parameters of a pool's scheduler. set: out, what came of it. */
int xc_sched_credit_params_set(
	xc_interface *xc, uint32_t pool, struct xen_sysctl_credit_schedule *params);
int xc_sched_credit_params_get(
	xc_interface *xc, uint32_t pool, struct xen_sysctl_credit_schedule *params);
int xc_sched_credit2_params_set(
	xc_interface *xc, uint32_t pool, struct xen_sysctl_credit2_schedule *params);
int xc_sched_credit2_params_get(
	xc_interface *xc, uint32_t pool, struct xen_sysctl_credit2_schedule *params);
int xc_sched_bvt_params_set(xc_interface *xc, uint32_t pool, struct xen_sysctl_sched_bvt *params);
int xc_sched_bvt_params_get(xc_interface *xc, uint32_t pool, struct xen_sysctl_sched_bvt *params);
int xc_sched_rrobin_params_set(
	xc_interface *xc, uint32_t pool, struct xen_sysctl_sched_rrobin *params);
int xc_sched_rrobin_params_get(
	xc_interface *xc, uint32_t pool, struct xen_sysctl_sched_rrobin *params);

/* ---- CPU policy: what CPUID and MSRs say ---- */

/**
 * A policy of the machine, XEN_SYSCTL_cpu_policy_* @index; @nr_*: room in, used (or needed, with
 * NULLs) out.
 */
int xc_get_system_cpu_policy(xc_interface *xc, unsigned index, xen_cpuid_leaf_t *leaves,
	uint32_t *nr_leaves, xen_msr_entry_t *msrs, uint32_t *nr_msrs);
int xc_get_domain_cpu_policy(xc_interface *xc, uint32_t domid, xen_cpuid_leaf_t *leaves,
	uint32_t *nr_leaves, xen_msr_entry_t *msrs, uint32_t *nr_msrs);

/**
 * Sets a domain's policy before it runs. @refused, if not NULL: leaf, subleaf and MSR that was
 * refused, or all ones.
 */
int xc_set_domain_cpu_policy(xc_interface *xc, uint32_t domid, const xen_cpuid_leaf_t *leaves,
	uint32_t nr_leaves, const xen_msr_entry_t *msrs, uint32_t nr_msrs, uint32_t refused[3]);

/**
 * Feature words, XEN_SYSCTL_cpu_featureset_* @index; *@nr: room in, used (or needed, with NULL)
 * out.
 */
int xc_get_cpu_featureset(xc_interface *xc, unsigned index, uint32_t *features, uint32_t *nr);

/* ---- Rights and devices ---- */

int xc_domain_irq_permission(xc_interface *xc, uint32_t domid, unsigned pirq, bool allow);
int xc_domain_iomem_permission(
	xc_interface *xc, uint32_t domid, uint64_t first_mfn, uint64_t nr_mfns, bool allow);
int xc_domain_ioport_permission(
	xc_interface *xc, uint32_t domid, unsigned first, unsigned nr, bool allow);

/** Frames and ports of the machine that appear in a hardware domain. */
int xc_domain_memory_mapping(xc_interface *xc, uint32_t domid, uint64_t first_gfn,
	uint64_t first_mfn, uint64_t nr_mfns, bool add);
int xc_domain_ioport_mapping(xc_interface *xc, uint32_t domid, unsigned first_gport,
	unsigned first_mport, unsigned nr, bool add);

/**
 * PCI device @sbdf: segment << 16 | bus << 8 | device << 3 | function. test: 0 if it could be
 * assigned.
 */
int xc_assign_device(xc_interface *xc, uint32_t domid, uint32_t sbdf, uint32_t flags);
int xc_test_assign_device(xc_interface *xc, uint32_t domid, uint32_t sbdf);
int xc_deassign_device(xc_interface *xc, uint32_t domid, uint32_t sbdf);

/** Devices that can only be assigned together with @sbdf. Returns how many were written to @group.
 */
int xc_get_device_group(
	xc_interface *xc, uint32_t domid, uint32_t sbdf, uint32_t *group, unsigned max);

/** A machine interrupt of a hardware domain. */
int xc_domain_bind_pt_irq(
	xc_interface *xc, uint32_t domid, const struct xen_domctl_bind_pt_irq *bind);
int xc_domain_unbind_pt_irq(
	xc_interface *xc, uint32_t domid, const struct xen_domctl_bind_pt_irq *bind);

/** Gives a domain the interrupt line @gsi; *@pirq: wanted number or -1 in, the number out. */
int xc_physdev_map_pirq(xc_interface *xc, uint32_t domid, int gsi, int *pirq);
int xc_physdev_unmap_pirq(xc_interface *xc, uint32_t domid, int pirq);

/* ---- Memory ---- */

/**
 * Gives the domain memory: @nr extents of 2^@order pages at guest frames @frames, which for a
 * paravirtual domain become machine frames. Returns how many extents were done: fewer than @nr if
 * memory ran out.
 */
int xc_domain_populate(xc_interface *xc, uint32_t domid, unsigned nr, unsigned order,
	unsigned mem_flags, xen_pfn_t *frames);

/** Takes memory from the domain. Returns how many extents were done. */
int xc_domain_decrease(
	xc_interface *xc, uint32_t domid, unsigned nr, unsigned order, const xen_pfn_t *frames);

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

/** The machine's memory map. Returns the number of entries. */
int xc_get_machine_memory_map(xc_interface *xc, struct xc_e820entry *map, unsigned max);

/** Highest guest frame; pages it has; highest frame of the machine. -1 and errno on failure. */
long xc_domain_maximum_gpfn(xc_interface *xc, uint32_t domid);
long xc_domain_current_reservation(xc_interface *xc, uint32_t domid);
long xc_maximum_ram_page(xc_interface *xc);

/** Pages saved by, and taking part in sharing between domains; 0 without. */
long xc_sharing_freed_pages(xc_interface *xc);
long xc_sharing_used_pages(xc_interface *xc);

/** Populate on demand: @target pages of a hardware domain, and what came of it. */
int xc_domain_set_pod_target(
	xc_interface *xc, uint32_t domid, uint64_t target, struct xen_pod_target *result);
int xc_domain_get_pod_target(xc_interface *xc, uint32_t domid, struct xen_pod_target *result);

/** Puts page @idx of XENMAPSPACE_* @space at guest frame @gpfn. */
int xc_domain_add_to_physmap(
	xc_interface *xc, uint32_t domid, unsigned space, uint64_t idx, xen_pfn_t gpfn);

/** Types of frames: @frames become XEN_DOMCTL_PFINFO_* in bits 31:28. At most 1024 at a time. */
int xc_get_pfn_types(xc_interface *xc, uint32_t domid, unsigned nr, xen_pfn_t *frames);

/**
 * Frames that hold the machine-to-physical table, one for each 2 MiB of it. Returns how many were
 * written.
 */
int xc_machphys_frames(xc_interface *xc, xen_pfn_t *frames, unsigned max);

/** Page-table operations for a paravirtual domain, as its own kernel would issue them. */
int xc_mmuext_op(xc_interface *xc, uint32_t domid, const struct mmuext_op *ops, unsigned nr);

/** Pins a top-level page table (@level 4, or 3 with 32 bits), or unpins. */
int xc_pin_table(xc_interface *xc, uint32_t domid, unsigned level, xen_pfn_t mfn);
int xc_unpin_table(xc_interface *xc, uint32_t domid, xen_pfn_t mfn);

/** MMU_NORMAL_PT_UPDATE, MMU_MACHPHYS_UPDATE and so on, any number. */
int xc_mmu_update(xc_interface *xc, uint32_t domid, const struct mmu_update *updates, unsigned nr);

/* ---- Event channels and grants of others ---- */

/** A new port of domain @domid that @remote may connect to. Returns the port. */
int xc_evtchn_alloc_unbound(xc_interface *xc, uint32_t domid, uint32_t remote);

/** State of a port; status->dom and status->port are set by the caller. */
int xc_evtchn_status(xc_interface *xc, struct evtchn_status *status);

/** Closes all ports of a domain. */
int xc_evtchn_reset(xc_interface *xc, uint32_t domid);

/**
 * Enters the grants that every guest gives from the start: reference GNTTAB_RESERVED_CONSOLE for
 * frame @console_gfn to
 * @console_domid, GNTTAB_RESERVED_XENSTORE for @store_gfn to @store_domid. A frame of ~0 is left
 * out.
 */
int xc_gnttab_seed(xc_interface *xc, uint32_t domid, xen_pfn_t console_gfn, xen_pfn_t store_gfn,
	uint32_t console_domid, uint32_t store_domid);

/** Grant table size of a domain: out, frames now and at most. */
int xc_gnttab_query_size(xc_interface *xc, uint32_t domid, uint32_t *frames, uint32_t *max_frames);

/* ---- The machine ---- */

int xc_physinfo(xc_interface *xc, struct xen_sysctl_physinfo *info);

/** *@nr: room in, CPUs or nodes out. Arrays may be NULL; @distance has room for *@nr squared. */
int xc_cputopoinfo(xc_interface *xc, struct xen_sysctl_cputopo *topology, unsigned *nr);
int xc_numainfo(
	xc_interface *xc, struct xen_sysctl_meminfo *nodes, uint32_t *distance, unsigned *nr);

/** Idle time of each CPU. Returns their number. */
int xc_getcpuinfo(xc_interface *xc, struct xen_sysctl_cpuinfo *info, unsigned max);

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

int xc_cpu_online(xc_interface *xc, unsigned cpu);
int xc_cpu_offline(xc_interface *xc, unsigned cpu);

/**
 * Performance counters: number of counters and of values, and both with arrays. ENOSYS or
 * EOPNOTSUPP: built without.
 */
int xc_perfc_reset(xc_interface *xc);
int xc_perfc_size(xc_interface *xc, unsigned *counters, unsigned *values);
int xc_perfc_query(xc_interface *xc, xen_sysctl_perfc_desc_t *counters, unsigned nr_counters,
	xen_sysctl_perfc_val_t *values, unsigned nr_values);

/** CPU pools. create: *@pool is the wanted id or XEN_SYSCTL_CPUPOOL_PAR_ANY, and becomes the id. */
int xc_cpupool_create(xc_interface *xc, uint32_t *pool, unsigned sched_id);
int xc_cpupool_destroy(xc_interface *xc, uint32_t pool);
int xc_cpupool_addcpu(xc_interface *xc, uint32_t pool, unsigned cpu);
int xc_cpupool_removecpu(xc_interface *xc, uint32_t pool, unsigned cpu);
int xc_cpupool_movedomain(xc_interface *xc, uint32_t pool, uint32_t domid);

/**
 * The first pool with at least id info->cpupool_id, or ESRCH; and the CPUs that are in no pool.
 * @cpus has @bytes bytes.
 */
int xc_cpupool_getinfo(
	xc_interface *xc, struct xen_sysctl_cpupool_op *info, uint8_t *cpus, size_t bytes);
int xc_cpupool_freeinfo(xc_interface *xc, uint8_t *cpus, size_t bytes);

/**
 * XENVER_* @cmd. @arg of @size bytes as its structure in version.h (NULL and 0 for those without);
 * a string is always ended. Returns what the hypercall returns: for XENVER_version 65536 * major +
 * minor.
 */
int xc_version(xc_interface *xc, unsigned cmd, void *arg, size_t size);

#endif /* XENCTRL_H */
