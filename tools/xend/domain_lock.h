/*
 * Locks of domains: with option xend-domain-lock, a file for each domain that runs, in a directory that hosts share, so that
 * no two of them run the same one. domain->lock is held.
 */
#ifndef XEND_DOMAIN_LOCK_H
#define XEND_DOMAIN_LOCK_H

#include "domain.h"

/* Takes it, or says which host has it. One of this host is of a former life and taken. */
bool domain_lock_take(struct domain *domain, GError **error);
/* It is this host's from now on, whoever had it: the domain with @uuid has come from there. Failure is logged. */
void domain_lock_take_over(const char *name, const char *uuid);
/* Gives it back, if it is this host's. */
void domain_lock_drop(struct domain *domain);

#endif
