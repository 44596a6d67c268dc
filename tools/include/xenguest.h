/*
 * Building a paravirtual domain's memory from a kernel image.
 *
 * The kernel is an ELF file, or a Linux bzImage with one inside, and may be compressed (gzip,
 * bzip2, xz, lzma, zstd, lz4). What it needs it says in ELF notes named "Xen"
 * (xen/include/public/elfnote.h) or in a section __xen_guest.
 */
#ifndef XENGUEST_H
#define XENGUEST_H

#include <gio/gio.h>
#include <stdbool.h>
#include <stdint.h>

#include "xenctrl.h"

#define XG_ERROR (xg_error_quark())
GQuark xg_error_quark(void);

/* Codes of XG_ERROR. The message says in one line what is wrong with what. */
enum xg_error {
	XG_ERROR_FILE,       /* cannot be read */
	XG_ERROR_FORMAT,     /* is no kernel image, or a damaged one */
	XG_ERROR_FEATURE,    /* the kernel needs what there is not */
	XG_ERROR_MEMORY,     /* too little for the domain, or free on the machine */
	XG_ERROR_HYPERVISOR, /* refused by the hypervisor */
	XG_ERROR_CANCELLED,
};

/**
 * How far building is: @stage is a short name in present participle, @done of @total bytes or
 * pages of it.
 */
typedef void (*xg_progress_fn)(const char *stage, uint64_t done, uint64_t total, void *data);

/** What is built. Strings and files stay the caller's. */
struct xg_pv_config {
	uint32_t domid;      /* created, without memory and vCPUs */
	const char *kernel;  /* path */
	const char *ramdisk; /* path, or NULL; goes into memory as it is */
	const char *cmdline; /* or NULL; at most 1023 bytes */
	const char *
		features; /* asked of the kernel: names as in its notes with '|' between, or NULL */
	uint64_t memory_kb;     /* what it starts with */
	uint64_t max_memory_kb; /* what it may grow to; at least memory_kb, 0: the same */
	unsigned vcpus;         /* at least 1 */
	uint32_t console_domid; /* who serves console and xenstore; usually 0 */
	uint32_t store_domid;
	struct xen_domctl_tsc_info tsc; /* all zero: default */
	/*
	 * CPUID leaves and MSRs to use in place of the default for paravirtual domains; NULL: the
	 * default
	 */
	const xen_cpuid_leaf_t *cpuid;
	uint32_t nr_cpuid;
	const xen_msr_entry_t *msrs;
	uint32_t nr_msrs;

	xg_progress_fn progress; /* or NULL; called from the thread that builds */
	void *progress_data;
	GCancellable *cancellable; /* or NULL */
};

/**
 * What came of it: rings for console and xenstore as machine frames, the domain's ports, and what
 * the kernel is.
 */
struct xg_pv_result {
	uint64_t console_mfn, store_mfn;
	evtchn_port_t console_port, store_port;
	uint64_t nr_pages;
	unsigned width; /* 64 or 32 */
	char guest_os[32];
};

/**
 * Gives domain config->domid vCPUs, memory limit and memory, with kernel, RAM disk, page tables and
 * start_info in place, and vCPU 0 at the kernel's entry: what remains is to unpause it. False and
 * @error on failure: the domain is then useless and the caller destroys it. Blocks; may be called
 * by several threads for different domains.
 */
bool xg_build_pv(xc_interface *xc, const struct xg_pv_config *config, struct xg_pv_result *result,
	GError **error);

#endif /* XENGUEST_H */
