/*
 * A connection between two xends, with TLS or without: messages, which are S-expressions behind
 * their length, and a file descriptor for what is no message. docs/design/migration.md describes
 * what is said.
 */
#ifndef XEND_RELOCATION_LINK_H
#define XEND_RELOCATION_LINK_H

#include <gio/gio.h>
#include <stdbool.h>

/* What a source sends before all else: the target says nothing to others. */
#define LINK_MAGIC       "XENDMOVE"
#define LINK_MAGIC_SIZE  8
#define LINK_MAX_MESSAGE (1u << 20)
/* Versions of the protocol that this xend speaks. */
#define LINK_OLDEST 1
#define LINK_NEWEST 1

struct link {
	int fd;                    /* without blocking; with TLS the end of a pair of sockets */
	char *peer;                /* who is there, for messages */
	GCancellable *cancellable; /* ends whatever waits */
	struct tls_pump *pump;     /* or NULL */
};

/* The files of options xend-relocation-*-ssl-*, read: whether there is what TLS needs. */
bool link_check_tls(GError **error);

/*
 * Connects with a xend and, with @tls, makes sure that each is who the other one trusts. An error
 * within @seconds at the latest, or when @cancellable says so.
 */
struct link *link_connect(const char *host, unsigned int port, bool tls, unsigned int seconds,
	GCancellable *cancellable, GError **error);

/* The side that was called. Takes over neither @connection nor @peer. */
struct link *link_accept(GSocketConnection *connection, const char *peer, bool tls,
	unsigned int seconds, GCancellable *cancellable, GError **error);

/* Ends the connection; what was sent is delivered first, if that takes no more than a few seconds.
 */
void link_free(struct link *link);
typedef struct link link_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(link_t, link_free)

/* Sends a message, which may be floating, within @seconds. */
bool link_send(struct link *link, GVariant *message, unsigned int seconds, GError **error);

/* Receives any message within @seconds. */
GVariant *link_receive(struct link *link, unsigned int seconds, GError **error);

/* Receives message "(NAME …)"; "(error TEXT)" in its place becomes @error. */
GVariant *link_expect(struct link *link, const char *name, unsigned int seconds, GError **error);

/* Message "(NAME)", of a word alone; and receiving one of which only the word counts. */
bool link_send_word(struct link *link, const char *name, unsigned int seconds, GError **error);
bool link_expect_word(struct link *link, const char *name, unsigned int seconds, GError **error);

/* The bytes of the greeting, without a frame. */
bool link_send_magic(struct link *link, GError **error);
bool link_expect_magic(struct link *link, unsigned int seconds, GError **error);

/* Tells the other side why it ends here, if it can be told. */
void link_send_error(struct link *link, const GError *error);

#endif
