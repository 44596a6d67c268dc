/*
 * Operations on the tree on behalf of a domain: permissions, limits, accounts. All return 0 or an
 * errno of the protocol.
 *
 * A view is what an operation acts on: the store itself, where changes are journalled and watchers
 * told at once, or the copy of a transaction, where that happens when it is committed.
 */
#ifndef XENSTORED_STORE_H
#define XENSTORED_STORE_H

#include "domain.h"
#include "node.h"

struct transaction;

struct view {
	struct node **root;
	struct transaction *transaction; /* NULL: the store itself */
};

/** The store's tree. */
extern struct node *store_root;
extern const struct view store_view;

/** An empty store: a root that belongs to domain 0. */
void store_init(void);

/**
 * Looks up a node for reading.
 *
 * @param need PERM_ bits that `who` must have.
 * @param access ACCESS_ bits that a transaction remembers.
 * @return 0, ENOENT, EACCES, ENOSPC (transaction too large).
 */
int store_get(const struct view *view, const struct domain *who, const char *path, size_t len,
	unsigned need, unsigned access, struct node **node);

int store_write(const struct view *view, struct domain *who, const char *path, size_t len,
	const void *data, size_t size);
int store_mkdir(const struct view *view, struct domain *who, const char *path, size_t len);
int store_rm(const struct view *view, struct domain *who, const char *path, size_t len);

/** Takes over the reference to `perms`, whatever it returns. */
int store_set_perms(const struct view *view, struct domain *who, const char *path, size_t len,
	struct perms *perms);

/** Removes what a dead domain owned, with all below, and its name from other nodes' permissions. */
void store_forget_domain(uint16_t domid);

/* For transactions and recovery: no checks, no journal, no events. */
void store_account_tree(const struct view *view, const struct node *node, int sign);
void store_put(const struct view *view, const char *path, size_t len, struct value *value,
	struct perms *perms);
void store_remove(const struct view *view, const char *path, size_t len);

#endif
