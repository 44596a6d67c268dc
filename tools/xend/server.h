/* The sockets on which xend listens. */
#ifndef XEND_SERVER_H
#define XEND_SERVER_H

#include <glib.h>
#include <libsoup/soup.h>
#include <stdbool.h>

/* Opens all that the options ask for; and closes them, with or without the connections of those who
 * have called already. In the main thread. */
bool servers_open(GError **error);
void servers_close(bool callers);

/*
 * The socket of the client whose call this thread of the pool is at, to see whether he still waits; or -1. It stays his.
 */
int server_client(void);

/* A request to the tree below /xend/, from a thread of the pool. */
struct http_request {
	const char *method; /* GET or POST */
	char **path;        /* words behind /xend/ */
	GHashTable *fields; /* of the query or the form: texts */
	bool html;          /* wanted by a browser */
};
struct http_reply {
	unsigned int status;
	const char *type;
	char *body;
};
void http_tree(const struct http_request *request, struct http_reply *reply);

#endif
