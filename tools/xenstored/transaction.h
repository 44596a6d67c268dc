/*
 * Transactions: a snapshot of the tree, changed privately. At the end every node that was read or
 * written must still be what it was in the snapshot; then the changes go into the store at once.
 * Otherwise nothing happens: EAGAIN.
 */
#ifndef XENSTORED_TRANSACTION_H
#define XENSTORED_TRANSACTION_H

#include "store.h"

/* In which way a node was used, and so what must not have changed. */
#define ACCESS_NODE    0x01u /* its existence, value, permissions */
#define ACCESS_PERMS   0x02u /* its existence, permissions */
#define ACCESS_LIST    0x04u /* its existence, permissions, the names of its children */
#define ACCESS_SUBTREE 0x08u /* everything below */
#define ACCESS_WRITE   0x10u /* it was written */
#define ACCESS_EVENT   0x20u /* by name, not only made on the way to another: watchers are told */

struct transaction {
	uint32_t id;
	bool doomed; /* taken up after a restart of the daemon: only EAGAIN is possible */
	struct domain *domain;
	struct view view;
	struct node *base, *root;
	GHashTable *accesses; /* path to struct access */
	GPtrArray *writes;    /* those with ACCESS_WRITE, oldest first */
	GArray *accounts;     /* struct account */
};

struct account {
	uint16_t domid;
	int nodes;
	ssize_t bytes;
};

struct transaction *transaction_new(struct domain *domain, uint32_t id);
void transaction_free(struct transaction *transaction);

/** Remembers a use of a node. @return 0, or ENOSPC when the domain's limit is reached. */
int transaction_note(
	struct transaction *transaction, const char *path, size_t len, unsigned access);

/** What the transaction adds to a domain's account. */
struct account *transaction_account(struct transaction *transaction, uint16_t domid);

/** Brings the changes into the store, journals them and notes the events. @return 0, EAGAIN, ENOSPC
 * (limits). */
int transaction_commit(struct transaction *transaction);

#endif
