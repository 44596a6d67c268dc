/*
 * Connections: a client's socket or a domain's ring. A transport brings whole requests to
 * request_run() and takes messages; here is what both have in common.
 *
 * The daemon has one thread. Connections with work to do stand in a line, and each gets a turn of a
 * few requests, so that none that asks much keeps others waiting.
 */
#ifndef XENSTORED_CONN_H
#define XENSTORED_CONN_H

#include <errno.h>
#include <stdint.h>

#include <glib.h>
#include "public/io/xs_wire.h"

#include "domain.h"
#include "transaction.h"

/** A whole message, and a NUL after it. */
#define MESSAGE_ROOM (sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX + 1)

struct transport {
	/** Takes a message; `is_reply` if it answers the request being carried out. */
	void (*send)(
		struct conn *conn, const struct xsd_sockmsg *head, const void *data, bool is_reply);
	/** Receives, carries out and sends what can be without waiting. @return whether it may go
	 * on at once. */
	bool (*turn)(struct conn *conn);
};

struct conn {
	const struct transport *transport;
	struct domain *domain;
	GPtrArray *watches;      /* struct watch */
	GPtrArray *transactions; /* struct transaction */
	uint32_t next_transaction;
	GByteArray *after_reply; /* data of the first event of a new watch; NULL: none */
	bool in_line;            /* waits for its turn */
};

void conn_init(struct conn *conn, const struct transport *transport, struct domain *domain);

/** Drops watches and transactions. The connection goes on. */
void conn_reset(struct conn *conn);

/** Frees what conn_init() made. */
void conn_fini(struct conn *conn);

/** Puts the connection at the end of the line. */
void conn_wake(struct conn *conn);

/** Gives each connection that stands in line one turn. @return whether any stands there still. */
bool conns_run(void);

/** The open transaction of this number, or NULL. */
struct transaction *conn_transaction(struct conn *conn, uint32_t id);

void conn_event(struct conn *conn, const char *path, const char *token);

/** As conn_event(), after the reply to the request being carried out. */
void conn_after_reply(struct conn *conn, const char *path, const char *token);

/**
 * Drops what lies before `*first` in a queue of bytes when that is half of it or more: one that is
 * never quite empty would else grow for ever.
 */
void bytes_forget(GByteArray *bytes, size_t *first);

/** Carries out one request, of which all is there and a NUL behind it, and sends the reply and all
 * events. */
void request_run(struct conn *conn, const struct xsd_sockmsg *head, char *data);

/** The error's name on the wire. */
const char *error_name(int error);

/** Path for a relative name of a domain, "/local/domain/N"; returns its length. */
size_t domain_path(unsigned domid, char *path);
#define DOMAIN_PATH_ROOM 32

#endif
