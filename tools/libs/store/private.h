/* The connection beneath the functions of xenstore.h. */
#ifndef LIBS_STORE_PRIVATE_H
#define LIBS_STORE_PRIVATE_H

#include <pthread.h>
#include <sys/uio.h>

#include "xenstore.h"

/* A message that came; in a list of events. */
struct message {
	struct message *next;
	struct xsd_sockmsg head;
	char data[]; /* with a NUL behind it */
};

struct known_watch {
	struct known_watch *next;
	char *token;
	char path[];
};

struct known_transaction {
	struct known_transaction *next;
	xs_transaction_t id; /* as the caller knows it */
	uint32_t at_daemon;  /* 0: of a daemon that is no more */
};

struct xs_handle {
	int fd;      /* the connection */
	int poll_fd; /* epoll: the connection, and `wake_fd` */
	int wake_fd; /* eventfd: readable while `events` is not empty */
	bool is_socket;
	bool filter; /* XS_UNWATCH_FILTER */
	bool dead;   /* lost for good */

	pthread_mutex_t request; /* held from a request to its reply; before `lock` */
	pthread_mutex_t lock;    /* of what follows */
	pthread_cond_t arrived;
	bool reading; /* a thread reads from `fd`, without the lock */
	bool lost;    /* the connection broke while a reply was awaited */
	bool expecting;
	struct message *reply;
	struct message *events, **events_end;
	struct known_watch *watches;
	struct known_transaction *transactions;
	xs_transaction_t last_transaction;
};

/**
 * Sends a request and waits for its reply. @return the reply's data, with a NUL behind it; NULL and
 * errno.
 */
char *xs_talk(struct xs_handle *h, xs_transaction_t t, uint32_t type, const struct iovec *parts,
	unsigned count, unsigned *len);

/** The next event, or NULL and errno; EAGAIN only if not to wait. */
struct message *xs_next_event(struct xs_handle *h, bool wait);

/** Takes events of a watch out of the queue. */
void xs_drop_events(struct xs_handle *h, const char *path, const char *token);

/* What must be told again to a new daemon. */
void xs_remember_watch(struct xs_handle *h, const char *path, const char *token);
void xs_forget_watch(struct xs_handle *h, const char *path, const char *token);
xs_transaction_t xs_remember_transaction(struct xs_handle *h, uint32_t at_daemon);
void xs_forget_transaction(struct xs_handle *h, xs_transaction_t t);

#endif
