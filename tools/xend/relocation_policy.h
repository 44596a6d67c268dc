/* The CPU that a guest knows, on its way to another host. */
#ifndef XEND_RELOCATION_POLICY_H
#define XEND_RELOCATION_POLICY_H

#include "domain.h"

/* "(policy …)" of a domain; floating. */
GVariant *policy_sxp(struct domain *domain, GError **error);

/*
 * Gives a domain that does not run yet the CPU that "(policy …)" in @offer says. The error names
 * what this host does not have of it.
 */
bool policy_check(struct domain *domain, GVariant *offer, GError **error);

#endif
