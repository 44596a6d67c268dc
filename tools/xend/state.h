/*
 * What xend must not forget: a file for each domain with its phase, replaced before each step that
 * it describes, and the configurations of managed domains.
 */
#ifndef XEND_STATE_H
#define XEND_STATE_H

#include "domain.h"

/* Makes the directories. */
bool state_open(GError **error);

/* Writes the domain's file; domain->lock is held. Failure is logged, and an error. */
bool state_save(struct domain *domain);
void state_remove(struct domain *domain);
/* The file of a domain that had this uuid. */
void state_remove_of(const char *uuid);

/* The configuration of a managed domain. */
bool managed_save(struct domain *domain, GError **error);
/* And its checkpoint. */
void managed_remove(struct domain *domain);
/* The file that a managed domain is suspended to. Free the path. */
char *managed_checkpoint(struct domain *domain);

/*
 * Publishes and keeps a change of domain->config; domain->lock is held. Domain 0 and domains of
 * others have no configuration of ours.
 */
bool domain_keep(struct domain *domain, GError **error);

/*
 * Puts every domain that a former xend has left behind into the registry: those of state files with
 * phase, id and devices as they were, and managed ones that are halted. Files that make no sense
 * are reported and put aside.
 */
void state_load(void);

#endif
