/*
 * The domains that xend knows, and what it does with each.
 *
 * Locks: domain->lock is held by whoever changes a domain, over all that an operation takes; it may
 * be held for minutes. The registry's lock is taken inside it, only for moments: for the table of
 * domains and for the fields marked (registry), which are changed with both locks held and thus may
 * be read with either.
 */
#ifndef XEND_DOMAIN_H
#define XEND_DOMAIN_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "config.h"

#define NO_DOMID -1

enum phase {
	PHASE_HALTED,   /* managed and not in the hypervisor */
	PHASE_BUILDING, /* being made: what there is of it is thrown away if xend dies */
	PHASE_RUNNING,  /* in the hypervisor, whatever it does there */
	PHASE_SHUTDOWN, /* has ended; what is left is being removed, or preserved */
};
const char *phase_name(enum phase phase);

struct domain {
	gatomicrefcount refs;
	GRecMutex lock;
	/* Was removed from the registry while others waited for the lock. */
	bool gone;

	char *name;          /* (registry) */
	char *uuid;          /* (registry) */
	int domid;           /* (registry) or NO_DOMID */
	enum phase phase;    /* (registry) */
	bool managed;        /* (registry) */
	bool checkpointed;   /* (registry) managed, and suspended to its file (managed_checkpoint()) */
	bool foreign;        /* (registry) made by others: we only show it and pass on wishes */
	GVariant *published; /* (registry) the configuration as "(vm …)" */
	gint64 start_time;   /* (registry) seconds since 1970; 0: never */
	uint64_t store_mfn, console_mfn; /* (registry) */
	unsigned int restarts;           /* (registry) */
	char *moving; /* (registry) it is on its way to a host: the id of that, see relocation.h */

	/* With domain->lock: */
	struct config *config;
	uint32_t store_port, console_port;
	GPtrArray *devices; /* of struct device, see device.h */
	bool preserved;     /* ended, and kept for the user to look at */
	/* It is started anew when it has ended: if xend dies on the way, the next one goes on. */
	bool restarting;
	/* Was asked to suspend for an operation of xend's: if nobody is at work on it, it goes on. */
	bool suspending;
	char *draft; /* the unfinished file that it is being saved to, or NULL */
	char *sent_to;      /* a host that does not answer whether it runs there; else NULL */
};

/* Opens the registry: domain 0 and nothing else. */
void registry_open(void);

/* Finds by name, id or uuid, with a reference; the error is that there is none. */
struct domain *domain_find(const char *id, GError **error);
/* The same, locked; waits for an operation that is running. */
struct domain *domain_find_locked(const char *id, GError **error);
struct domain *domain_by_domid(int domid);
struct domain *domain_by_uuid(const char *uuid);
struct domain *domain_ref(struct domain *domain);
void domain_unref(struct domain *domain);
void domain_unlock_unref(struct domain *domain);
/* All of them in order of ids, those without last; with references. Free with g_ptr_array_unref().
 */
GPtrArray *domain_all(void);

struct xen_domctl_getdomaininfo;

typedef struct domain domain_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(domain_t, domain_unref)
/* g_autoptr(locked_domain) unlocks, too. */
typedef struct domain locked_domain;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(locked_domain, domain_unlock_unref)

/*
 * Adds a domain that is halted; takes @config over in any case. Fails if name or uuid are in use.
 * The caller gets it locked and with a reference.
 */
struct domain *domain_add(struct config *config, bool managed, GError **error);
/* Takes it out. The caller holds the lock. */
void domain_remove(struct domain *domain);

/* Change (registry) fields; the caller holds domain->lock. */
void domain_set_phase(struct domain *domain, enum phase phase);
void domain_set_domid(struct domain *domain, int domid);
void domain_set_rings(struct domain *domain, uint64_t store_mfn, uint64_t console_mfn);
void domain_set_started(struct domain *domain, gint64 when, unsigned int restarts);
void domain_set_managed(struct domain *domain, bool managed);
void domain_set_checkpointed(struct domain *domain, bool checkpointed);
void domain_set_foreign(struct domain *domain);
bool domain_set_identity(struct domain *domain, const char *name, const char *uuid, GError **error);
void domain_set_moving(struct domain *domain, const char *id);
/* Whether domain @from is on its way to become domain @to of this very host. */
bool domain_moves_to(int from, int to);
/* Whether it is on its way to any host; as move @id. */
bool domain_is_moving(struct domain *domain);
bool domain_moves_as(struct domain *domain, const char *id);
/* After domain->config changed. */
void domain_publish(struct domain *domain);

/* Domain 0 has no config that anybody may change, and is never ended. Sets the error that says so.
 */
bool domain_refuse_zero(struct domain *domain, GError **error);
/* Of domains made by others xend does not know the configuration. Sets the error that says so. */
bool domain_refuse_foreign(struct domain *domain, GError **error);
/* In the hypervisor, that is with a domid. */
bool domain_must_run(struct domain *domain, GError **error);

/* "/local/domain/N" and "/vm/UUID". */
char *domain_path(struct domain *domain);
char *domain_vm_path(struct domain *domain);

/* A consistent copy of (registry) fields, without waiting for domain->lock. Release the config. */
struct domain_facts {
	int domid;
	enum phase phase;
	bool checkpointed;
	GVariant *config;
	gint64 start_time;
	uint64_t store_mfn, console_mfn;
};
struct domain_facts domain_facts(struct domain *domain);

/* Whether it has a domid just now; without waiting for the lock. */
bool domain_exists(struct domain *domain);

/* How much to tell of a domain: its name, what is in the table of xm list, or "(domain …)" with
 * all. */
enum detail { DETAIL_NAME, DETAIL_ROW, DETAIL_ALL };
/* @info: NULL, if it does not run. Floating. */
GVariant *domain_sxp(const struct domain_facts *facts, const struct xen_domctl_getdomaininfo *info,
	enum detail detail);
/* As it is now. Takes the registry's lock. Floating. */
GVariant *domain_all_about(struct domain *domain);
/* "r-----" for flags of getdomaininfo; free it. */
char *domain_state_text(uint32_t flags);

#endif
