/*
 * Schedulers that Xen's interface knew once and dropped. What their parameters take stands where those
 * of today's schedulers do: in the unions of XEN_DOMCTL_scheduler_op and XEN_SYSCTL_scheduler_op. All
 * times are in ns.
 */
#ifndef __XEN_PUBLIC_SCHED_OLD_H__
#define __XEN_PUBLIC_SCHED_OLD_H__

#if !defined(__XEN__) && !defined(__XEN_TOOLS__)
#error "scheduler parameters are for control tools only"
#endif

#include "domctl.h"
#include "sysctl.h"

#define XEN_SCHEDULER_BVT    0
#define XEN_SCHEDULER_RROBIN 3
#define XEN_SCHEDULER_SEDF   4

/* Of a domain: each of its vcpus gets `slice` in each `period`. */
struct xen_domctl_sched_sedf {
	uint64_aligned_t period; /* 0: the slice comes from the weight */
	uint64_aligned_t slice;
	uint64_aligned_t latency; /* wanted from waking to running; 0: the period */
	uint32_t extratime;       /* bit 0: takes part in what others leave */
	uint32_t weight;          /* in that, or for the slice */
};

/* Of a domain. */
struct xen_domctl_sched_bvt {
	uint32_t mcu_advance; /* virtual time for each 100 us: the inverse of a weight */
	uint32_t warpback;    /* may warp */
	int32_t warpvalue;    /* virtual time that it is ahead by when it does */
	uint32_t pad;
	int64_aligned_t warpl; /* longest warp, 0: no end */
	int64_aligned_t warpu; /* shortest time between two warps */
};

/* Of the machine. */
struct xen_sysctl_sched_bvt {
	uint32_t ctx_allow; /* longer than its fair turn a vcpu may run, to switch less often */
};

struct xen_sysctl_sched_rrobin {
	uint64_aligned_t slice;
};

#endif /* __XEN_PUBLIC_SCHED_OLD_H__ */
