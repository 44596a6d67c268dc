/* What xentop shows: a sample of all domains, and what changed since the one before. */
#ifndef SAMPLE_H
#define SAMPLE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <xenstore.h>

#include "xenctrl.h"

/* A network interface, as the guest sees it. */
struct network {
	unsigned id;
	uint64_t rx_bytes, rx_packets, rx_errors, rx_dropped;
	uint64_t tx_bytes, tx_packets, tx_errors, tx_dropped;
};

/* A virtual disk: requests, and sectors of 512 bytes. */
struct disk {
	unsigned id;
	uint64_t waits, reads, writes, read_sectors, written_sectors;
};

struct domain {
	uint32_t id;
	char *name;
	uint32_t flags; /* XEN_DOMINF_* */
	uint64_t cpu_ns;
	double cpu_percent;                /* of one processor, since the sample before */
	uint64_t memory_kb, max_memory_kb; /* max: UINT64_MAX without a limit */
	unsigned vcpus, ssid;
	GArray *networks; /* of struct network */
	GArray *disks;    /* of struct disk */
	GArray *vcpu_ns;  /* of uint64_t, for the vCPUs that are on line */
};

struct sample {
	gint64 time; /* us, monotonic */
	struct xen_sysctl_physinfo machine;
	GPtrArray *domains; /* of struct domain, by id */
};

/**
 * Takes a sample; @before, or NULL, is what cpu_percent is counted from. @xs may be NULL: domains
 * then have no names. NULL and errno if the hypervisor refuses.
 */
struct sample *sample_take(xc_interface *xc, struct xs_handle *xs, const struct sample *before);
void sample_free(struct sample *sample);

#endif /* SAMPLE_H */
