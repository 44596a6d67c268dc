/*
 * xenstore, as the rest of xend uses it: paths and values by format, transactions that repeat
 * themselves, watches that call functions in the main loop. Any thread may use it.
 */
#ifndef XEND_STORE_H
#define XEND_STORE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <xenstore.h>

/* Connects to xenstored; and again if it was lost. Watches begin with the main loop. */
bool store_open(GError **error);
void store_close(void);

/* A value, or NULL if there is none; whether a node is there; names of the nodes below one, NULL if
 * it is not there. */
char *store_read(const char *path_format, ...) G_GNUC_PRINTF(1, 2);
bool store_exists(const char *path_format, ...) G_GNUC_PRINTF(1, 2);
char **store_list(const char *path_format, ...) G_GNUC_PRINTF(1, 2);

/* Without a transaction. Removing what is not there is no failure. */
bool store_write(const char *path, const char *value);
bool store_remove(const char *path_format, ...) G_GNUC_PRINTF(1, 2);

/*
 * Changes are gathered in a batch and done in one transaction, which is repeated while others
 * disturb it. A directory made by store_mkdir() has the permissions given, and what is written
 * below it in the same batch inherits them.
 */
struct store_batch;
struct store_batch *store_batch_new(void);
void store_batch_write(struct store_batch *batch, const char *path, const char *value);
/* Path below @base. */
void store_batch_put(struct store_batch *batch, const char *base, const char *name,
	const char *value_format, ...) G_GNUC_PRINTF(4, 5);
/* @owner may do all; @reader, unless it is @owner, may read. Existing nodes below are removed. */
void store_batch_mkdir(
	struct store_batch *batch, const char *path, uint32_t owner, uint32_t reader);
/* Gives an existing or new single node to @owner. */
void store_batch_give(struct store_batch *batch, const char *path, uint32_t owner, uint32_t reader);
void store_batch_remove(struct store_batch *batch, const char *path);
/* Does it and frees the batch. */
bool store_batch_commit(struct store_batch *batch, GError **error);
void store_batch_free(struct store_batch *batch);

/* Calls @function in the main loop at each change at or below @path, and once at the begin. */
bool store_watch(const char *path, void (*function)(const char *path));

/*
 * Waits until the node at @path has one of the values of @wanted, for at most @seconds. Returns the
 * value it ended with (NULL: no such node) and whether it is one of these. Values of nodes are
 * looked at whenever they change.
 */
bool store_wait_for(
	const char *path, const char *const *wanted, unsigned int seconds, char **value);

/* xenstored learns that a domain is there, or gone. */
bool store_introduce(uint32_t domid, uint64_t mfn, uint32_t port, GError **error);
void store_release(uint32_t domid);

#endif
