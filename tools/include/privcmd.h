/*
 * Requests of /dev/xen/privcmd. Numbers and layouts are those of Linux's drivers/xen/privcmd (uapi
 * xen/privcmd.h, whose installed copy includes a header that is not installed).
 */
#ifndef PRIVCMD_H
#define PRIVCMD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include "public/xen.h"

struct privcmd_hypercall {
	uint64_t op;
	uint64_t arg[5];
};

/*
 * Maps frames @arr of domain @dom at @addr; @err takes 0 or a negative error for each. ENOENT if
 * one is paged out.
 */
struct privcmd_mmapbatch_v2 {
	unsigned int num;
	domid_t dom;
	uint64_t addr;
	const xen_pfn_t *arr;
	int *err;
};

/*
 * Maps @num frames of a resource at @addr; with both 0: @num becomes the number of frames there
 * are.
 */
struct privcmd_mmap_resource {
	domid_t dom;
	uint32_t type;
	uint32_t id;
	uint32_t idx;
	uint64_t num;
	uint64_t addr;
};

#define PRIVCMD_HYPERCALL     _IOC(_IOC_NONE, 'P', 0, sizeof(struct privcmd_hypercall))
#define PRIVCMD_MMAPBATCH_V2  _IOC(_IOC_NONE, 'P', 4, sizeof(struct privcmd_mmapbatch_v2))
#define PRIVCMD_RESTRICT      _IOC(_IOC_NONE, 'P', 6, sizeof(domid_t))
#define PRIVCMD_MMAP_RESOURCE _IOC(_IOC_NONE, 'P', 7, sizeof(struct privcmd_mmap_resource))

#endif /* PRIVCMD_H */
