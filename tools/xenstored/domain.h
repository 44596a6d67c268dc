/* The domains that the store knows: those that were introduced and those that own something. */
#ifndef XENSTORED_DOMAIN_H
#define XENSTORED_DOMAIN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <glib.h>

#include "perms.h"

/** From here on numbers are not those of domains (DOMID_FIRST_RESERVED). */
#define DOMID_LIMIT 0x7ff0u
#define DOMID_NONE  0xffffu

struct conn;

struct domain {
	uint16_t domid;
	uint16_t target; /* it has the rights of this domain, too; or DOMID_NONE */
	bool introduced;
	bool shutdown;      /* was seen shut down, and that was told */
	bool warned;        /* a limit was hit and logged */
	bool known;         /* the handle is that of a living domain */
	uint8_t handle[16]; /* the hypervisor's name of the domain: tells it from a later one of
			       that number */
	uint64_t gfn;       /* of its ring page, as introduced */
	uint32_t port;      /* its end of the event channel */
	unsigned nodes, watches, transactions;
	ssize_t memory;    /* bytes of its nodes and watches */
	struct conn *conn; /* over its ring */
};

/** All domains: number to struct domain. */
extern GHashTable *domains;

void domains_init(void);

/** The domain, or NULL when it is not known here. */
struct domain *domain_find(unsigned domid);

/** The domain; it becomes known. NULL when the hypervisor has none of that number. */
struct domain *domain_get(unsigned domid);

/** As domain_get(), without asking the hypervisor. */
struct domain *domain_add(unsigned domid);

static inline bool domain_privileged(const struct domain *domain)
{
	return domain->domid == 0;
}

/** What the domain may do with a node of these permissions: PERM_ bits. */
unsigned domain_rights(const struct domain *domain, const struct perms *perms);

/** Connects a domain's ring. @return 0, ENOENT (no such domain), EINVAL (ring or port not usable).
 */
int domain_introduce(unsigned domid, uint64_t gfn, uint32_t port);

/** Forgets a domain with all that is its own, and tells the watchers. */
void domain_release(struct domain *domain);

/** Ends watches and transactions of the ring's connection, which goes on. */
void domain_reset(struct domain *domain);

/** Looks for domains that died or shut down since the last look, and tells the watchers. */
void domains_check(void);

#endif
