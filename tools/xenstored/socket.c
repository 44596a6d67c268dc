/* Connections over the local socket. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "conn.h"
#include "log.h"
#include "poller.h"
#include "socket.h"

#define TURN_REQUESTS 16          /* so many requests at most, then others have a turn */
#define OUT_PAUSE     (256 << 10) /* with so many bytes unread, no more requests are taken */
#define OUT_MAX       (64 << 20)  /* a client that reads nothing is dropped */

struct client {
	struct conn conn;
	struct poller poller;
	int fd;
	bool gone;    /* is to be freed in its turn */
	bool dirty;   /* stands in `dirty` */
	bool waiting; /* for room in the socket */
	GByteArray *out;
	size_t sent; /* of `out` */
	size_t used; /* of `in` */
	char in[2 * MESSAGE_ROOM];
};

static struct poller listener;
static int listen_fd = -1, spare_fd = -1;
static char *listen_path;
static GPtrArray *dirty;
static GHashTable *clients;

static struct client *client_of(struct conn *conn)
{
	return (struct client *)conn;
}

static void drop(struct client *client)
{
	client->gone = true;
	conn_wake(&client->conn);
}

static void client_free(gpointer data)
{
	struct client *client = data;

	if (client->dirty)
		g_ptr_array_remove_fast(dirty, client);
	poller_remove(client->fd);
	close(client->fd);
	conn_fini(&client->conn);
	g_byte_array_free(client->out, TRUE);
	g_free(client);
}

static void want(struct client *client, bool room)
{
	bool reads = client->out->len - client->sent < OUT_PAUSE;

	client->waiting = room;
	poller_change(&client->poller, client->fd, (reads ? EPOLLIN : 0) | (room ? EPOLLOUT : 0));
}

static void flush(struct client *client)
{
	while (client->sent < client->out->len) {
		ssize_t done = send(client->fd, client->out->data + client->sent,
			client->out->len - client->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0 && errno == EAGAIN) {
			want(client, true);
			return;
		}
		if (done < 0) {
			drop(client);
			break;
		}
		client->sent += done;
	}
	g_byte_array_set_size(client->out, 0);
	client->sent = 0;
	if (client->waiting)
		want(client, false);
}

void sockets_flush(void)
{
	for (unsigned i = 0; dirty && i < dirty->len; i++) {
		struct client *client = dirty->pdata[i];

		client->dirty = false;
		flush(client);
	}
	if (dirty)
		g_ptr_array_set_size(dirty, 0);
}

static void client_send(
	struct conn *conn, const struct xsd_sockmsg *head, const void *data, bool is_reply)
{
	struct client *client = client_of(conn);

	(void)is_reply;
	if (client->gone)
		return;
	if (client->out->len - client->sent > OUT_MAX) {
		log_error("a client of the socket does not read its events; dropped");
		drop(client);
		return;
	}
	bytes_forget(client->out, &client->sent);
	g_byte_array_append(client->out, (const guint8 *)head, sizeof(*head));
	g_byte_array_append(client->out, data, head->len);
	if (!client->dirty) {
		client->dirty = true;
		g_ptr_array_add(dirty, client);
	}
}

/* Takes in what there is room for. False when the client has gone. */
static bool receive(struct client *client)
{
	/* One byte stays for the NUL behind a request. */
	size_t room = sizeof(client->in) - 1 - client->used;
	ssize_t done;

	if (!room)
		return true;
	done = recv(client->fd, client->in + client->used, room, MSG_DONTWAIT);
	if (done > 0)
		client->used += done;
	return done > 0 || (done < 0 && (errno == EAGAIN || errno == EINTR));
}

/* Carries out the request at `*start`, if all of it is there. */
static bool run_one(struct client *client, size_t *start)
{
	struct xsd_sockmsg head;
	char *data = client->in + *start + sizeof(head), after;

	if (client->used - *start < sizeof(head))
		return false;
	memcpy(&head, client->in + *start, sizeof(head));
	if (head.len > XENSTORE_PAYLOAD_MAX) {
		drop(client);
		return false;
	}
	if (client->used - *start < sizeof(head) + head.len)
		return false;
	after = data[head.len];
	data[head.len] = 0;
	request_run(&client->conn, &head, data);
	data[head.len] = after;
	*start += sizeof(head) + head.len;
	return true;
}

static bool client_turn(struct conn *conn)
{
	struct client *client = client_of(conn);
	size_t start = 0;
	unsigned requests = 0;

	if (!client->gone && !receive(client))
		client->gone = true;
	while (!client->gone && requests < TURN_REQUESTS && run_one(client, &start))
		requests++;
	if (client->gone) {
		g_hash_table_remove(clients, client);
		return false;
	}
	client->used -= start;
	memmove(client->in, client->in + start, client->used);
	if (client->out->len - client->sent >= OUT_PAUSE) {
		want(client, true);
		return false;
	}
	return requests == TURN_REQUESTS;
}

static const struct transport transport = { .send = client_send, .turn = client_turn };

static void client_ready(struct poller *poller, uint32_t events)
{
	struct client *client = (struct client *)((char *)poller - offsetof(struct client, poller));

	if (events & EPOLLOUT)
		flush(client);
	if (events & (EPOLLIN | EPOLLERR | EPOLLHUP) || !client->waiting)
		conn_wake(&client->conn);
}

/* All descriptors are in use, but the client who waits must go, or the loop would find him again
 * and again. */
static void turn_away(void)
{
	log_error("too many connections; one is refused");
	close(spare_fd);
	close(accept(listen_fd, NULL, NULL));
	spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void accept_client(struct poller *poller, uint32_t events)
{
	struct client *client;
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)poller, (void)events;
	if (fd < 0) {
		if (errno == EMFILE)
			turn_away();
		return;
	}
	client = g_new0(struct client, 1);
	client->fd = fd;
	client->poller.ready = client_ready;
	client->out = g_byte_array_new();
	conn_init(&client->conn, &transport, domain_find(0));
	g_hash_table_add(clients, client);
	if (poller_add(&client->poller, fd, EPOLLIN)) {
		log_error("cannot watch a client's socket: %s", strerror(errno));
		g_hash_table_remove(clients, client);
	}
}

int socket_listen(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	mode_t mask;
	int bound;

	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(address.sun_path, path);
	listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listen_fd < 0)
		return -1;
	unlink(path);
	mask = umask(0177);
	bound = bind(listen_fd, (struct sockaddr *)&address, sizeof(address));
	umask(mask);
	if (bound || listen(listen_fd, 128))
		return -1;
	listen_path = g_strdup(path);
	dirty = g_ptr_array_new();
	clients = g_hash_table_new_full(NULL, NULL, client_free, NULL);
	listener.ready = accept_client;
	spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return poller_add(&listener, listen_fd, EPOLLIN);
}

void sockets_close(void)
{
	unlink(listen_path);
	g_hash_table_destroy(clients);
}
