/*
 * What the daemon must know to go on after it was killed: a file in the state directory, mapped, to
 * which each change of the store is appended before the requester hears of it. A page that was
 * written survives the process, so nothing needs to be flushed; a crash of the host ends all
 * domains and with them the use of the state.
 *
 * A record is what one request changed, with its length and checksum, so that it counts as a whole
 * or not at all. When the file has grown, a new one with just the present state takes its place.
 */
#ifndef XENSTORED_JOURNAL_H
#define XENSTORED_JOURNAL_H

#include <stdbool.h>

#include "node.h"

struct conn;
struct domain;

/**
 * Opens the journal in a directory and brings back what it says, when it is of this boot of the
 * host.
 *
 * @param recover false: begin anew.
 * @param keep_tree take over the tree, though not the domains, of an earlier boot, too.
 * @return false when no journal can be kept; the reason was logged, and the daemon works without.
 */
bool journal_open(const char *directory, bool recover, bool keep_tree);

/** Connects the rings of recovered domains and sends their watches an event each, as some may have
 * been lost. */
void journal_resume(void);

/* What changed; noted until journal_end(). */
void journal_set(const char *path, size_t len, const struct node *node);
void journal_rm(const char *path, size_t len);
void journal_special(const char *name, const struct perms *perms);
void journal_introduce(const struct domain *domain);
void journal_release(unsigned domid);
void journal_target(const struct domain *domain);
void journal_reset(unsigned domid);
void journal_quota(const char *name, unsigned value);

/* The same of a connection; only rings outlive the daemon. */
void journal_watch(struct conn *conn, const char *path, size_t relative, const char *token);
void journal_unwatch(struct conn *conn, const char *path, const char *token);
void journal_reset_conn(struct conn *conn);
void journal_transaction(struct conn *conn, uint32_t id, bool open);

/** Writes what was noted; `conn` made the request, or is NULL. */
void journal_end(struct conn *conn);

/** Path of a file in the state directory, or NULL when there is no journal. Free it. */
char *journal_file(const char *name);

#endif
