/* Making domains, and ending them. */
#ifndef XEND_BUILD_H
#define XEND_BUILD_H

#include <gio/gio.h>

#include "domain.h"

/*
 * Makes a halted domain exist, with its devices, paused; or leaves nothing. domain->lock is held. A
 * domain that is not managed and cannot be built stays in the registry, halted: the caller removes
 * it.
 */
bool domain_build(struct domain *domain, GError **error);

struct domain_stream {
	int fd; /* at the begin of the stream */
	const struct xg_stream_sums *sums; /* by which damage is noticed; or NULL */
	GCancellable *cancellable;
	/* As xg_progress_fn. */
	void (*progress)(const char *stage, uint64_t done, uint64_t total, void *data);
	void *data;
	bool (*finish)(int fd, GError **error); /* reads what comes after the stream; or NULL */
};

/* The same, with the memory and vCPUs that the stream has; NULL: from its kernel. */
bool domain_build_from(struct domain *domain, const struct domain_stream *stream, GError **error);

/*
 * A domain that comes from another host is made in three parts. First what can be made before it
 * stops there: the domain, its memory, its devices but disks in files. It fails as domain_build()
 * does.
 */
bool domain_build_begin(struct domain *domain, GError **error);

/* Then its memory and vCPUs from the stream, and the rest. If it fails, domain_end() is to follow.
 */
bool domain_build_rest(struct domain *domain, const struct domain_stream *stream, GError **error);

/* At last it is this host's. It is still paused, unless it was let run before. */
bool domain_build_finish(struct domain *domain, GError **error);

/*
 * Ends a domain, with everything that the host has for it. Then a managed domain is halted, and
 * another is taken out of the registry unless @keep says that it will be built anew. domain->lock
 * is held. Does not fail: what cannot be cleaned up is logged.
 */
void domain_end(struct domain *domain, bool keep);

/* Lets a domain run that was paused. */
bool domain_unpause(struct domain *domain, GError **error);

/* The domain's nodes in xenstore. */
bool store_build(struct domain *domain, GError **error);
bool store_add_rings(struct domain *domain, GError **error);
void store_demolish(struct domain *domain);
/* Tells the domain's name to xenstore. */
void store_rename(struct domain *domain);
/* The same when it gets another uuid; @old_vm was domain_vm_path(). */
void store_take_identity(struct domain *domain, const char *old_vm);
/* Which vCPUs the guest shall bring online. */
bool store_set_vcpus(struct domain *domain, unsigned int vcpus, GError **error);
/* Nodes of domain 0. */
bool store_build_zero(GError **error);

/* CPUs and shares of a domain that has its vCPUs. */
bool scheduling_apply(struct domain *domain, GError **error);
/* Which CPUs a vCPU may use: @map has MAX_CPUS bits. */
bool scheduling_pin(uint32_t domid, unsigned int vcpu, const uint8_t *map, GError **error);

#endif
