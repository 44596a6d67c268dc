/*
 * Watches, and the events that changes make.
 *
 * A change notes its events with event_...() while a request is carried out; events_send() delivers
 * them when the requester has its reply.
 */
#ifndef XENSTORED_WATCH_H
#define XENSTORED_WATCH_H

#include "domain.h"
#include "node.h"

struct watch {
	struct conn *conn;
	char *path; /* absolute, or starting with '@' */
	char *token;
	size_t relative; /* what of the path events leave out */
};

/** Sets a watch and sends its first event. @return 0, EEXIST, E2BIG. */
int watch_add(struct conn *conn, const char *path, size_t relative, const char *token);

/** @return 0 or ENOENT. */
int watch_remove(struct conn *conn, const char *path, const char *token);

/** Removes all watches of a connection. */
void watch_remove_all(struct conn *conn);

/** Sends each watch of a connection an event, as when it was set. */
void watch_fire_all(struct conn *conn);

/** A node came, changed, or has new permissions. `parent` is NULL for the root. */
void event_changed(const char *path, size_t len, struct perms *perms, struct perms *parent);

/** A node went, with all below. */
void event_removed(const char *path, size_t len, struct node *node, struct perms *parent);

/** A domain came or went: name is "@introduceDomain" or "@releaseDomain". */
void event_domain(const char *name, unsigned domid);

void events_send(void);

/** Sets who besides domain 0 sees the events of "@..."; takes over the reference. */
void special_set_perms(const char *name, struct perms *perms);
void special_forget_domain(uint16_t domid);

/** Name (char *) to struct perms *. */
extern GHashTable *special_perms;
extern unsigned watch_count;

#endif
