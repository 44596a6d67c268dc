#include "relocation_link.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "error.h"
#include "options.h"
#include "relocation_server.h"
#include "relocation_tls.h"
#include "sxp.h"

/* A peer whose machine is gone is noticed after so long. */
#define DEAD_SECONDS 30
/* How long somebody who is told of an error may take to stop sending. */
#define DRAIN_SECONDS 3

static void set_number(int fd, int level, int name, int value)
{
	setsockopt(fd, level, name, &value, sizeof(value));
}

static struct link *link_new(
	GSocketConnection *connection, const char *peer, GCancellable *cancellable)
{
	int fd = g_socket_get_fd(g_socket_connection_get_socket(connection));
	struct link *link = g_new0(struct link, 1);

	set_number(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_number(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_number(fd, IPPROTO_TCP, TCP_KEEPIDLE, DEAD_SECONDS / 3);
	set_number(fd, IPPROTO_TCP, TCP_KEEPINTVL, DEAD_SECONDS / 6);
	set_number(fd, IPPROTO_TCP, TCP_KEEPCNT, 4);
	set_number(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, DEAD_SECONDS * 1000);
	link->fd = -1;
	link->peer = g_strdup(peer);
	link->cancellable = g_object_ref(cancellable);
	return link;
}

/* The bytes go by the socket itself, or by a pair of sockets through TLS. */
static bool take_socket(struct link *link, GSocketConnection *connection, GError **error)
{
	int fd = g_socket_get_fd(g_socket_connection_get_socket(connection));

	link->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (link->fd < 0 || fcntl(link->fd, F_SETFL, O_NONBLOCK))
		return fail_errno(error, "%s", link->peer), false;
	return true;
}

static bool take_tls(struct link *link, GIOStream *stream, GError **error)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		return fail_errno(error, "%s", link->peer), false;
	link->fd = ends[0];
	fcntl(link->fd, F_SETFL, O_NONBLOCK);
	link->pump = tls_pump_new(stream, ends[1]);
	return true;
}

bool link_check_tls(GError **error)
{
	g_autoptr(GTlsCertificate) certificate = tls_certificate(error);
	g_autoptr(GTlsDatabase) database = certificate ? tls_authorities(error) : NULL;

	return database;
}

static struct link *finish(
	struct link *link, GSocketConnection *connection, GIOStream *tls, GError **error)
{
	if (tls ? take_tls(link, tls, error) : take_socket(link, connection, error))
		return link;
	link_free(link);
	return NULL;
}

static bool may_be_plain(GSocketConnection *connection, GError **error)
{
	g_autoptr(GSocketAddress) address =
		g_socket_connection_get_remote_address(connection, error);

	return address &&
	       relocation_plain_allowed(
		       g_inet_socket_address_get_address(G_INET_SOCKET_ADDRESS(address)), error);
}

struct link *link_connect(const char *host, unsigned int port, bool tls, unsigned int seconds,
	GCancellable *cancellable, GError **error)
{
	g_autoptr(GSocketClient) client = g_socket_client_new();
	g_autoptr(GSocketConnectable) address = g_network_address_new(host, port);
	g_autoptr(GSocketConnection) connection = NULL;
	g_autoptr(GIOStream) secure = NULL;
	g_autofree char *peer = g_strdup_printf("%s port %u", host, port);

	g_socket_client_set_enable_proxy(client, FALSE);
	g_socket_client_set_timeout(client, seconds);
	connection = g_socket_client_connect(client, address, cancellable, error);
	if (connection && !tls && !may_be_plain(connection, error))
		g_clear_object(&connection);
	if (connection && tls)
		secure = tls_connect(connection, address, cancellable, error);
	if (!connection || (tls && !secure)) {
		g_prefix_error(error, "%s: ", peer);
		return NULL;
	}
	g_socket_set_timeout(g_socket_connection_get_socket(connection), 0);
	return finish(link_new(connection, peer, cancellable), connection, secure, error);
}

struct link *link_accept(GSocketConnection *connection, const char *peer, bool tls,
	unsigned int seconds, GCancellable *cancellable, GError **error)
{
	GSocket *socket = g_socket_connection_get_socket(connection);
	g_autoptr(GIOStream) secure = NULL;

	g_socket_set_timeout(socket, seconds);
	if (tls)
		secure = tls_accept(connection, cancellable, error);
	if (tls && !secure)
		return NULL;
	g_socket_set_timeout(socket, 0);
	return finish(link_new(connection, peer, cancellable), connection, secure, error);
}

void link_free(struct link *link)
{
	if (!link)
		return;
	if (link->fd >= 0)
		close(link->fd);
	if (link->pump)
		tls_pump_free(link->pump);
	g_object_unref(link->cancellable);
	g_free(link->peer);
	g_free(link);
}

/* Waits until something can be done, up to @end; an error says why that is not so. */
static bool wait_for(struct link *link, short events, gint64 end, GError **error)
{
	GPollFD fds[2] = { { .fd = link->fd, .events = events } };
	bool watched = g_cancellable_make_pollfd(link->cancellable, &fds[1]);
	int ready = -1;

	while (ready < 0) {
		gint64 left = (end - g_get_monotonic_time()) / 1000;

		ready = g_poll(fds, watched ? 2 : 1, CLAMP(left, 0, G_MAXINT));
		if (ready < 0 && errno != EINTR)
			break;
	}
	if (watched)
		g_cancellable_release_fd(link->cancellable);
	if (g_cancellable_is_cancelled(link->cancellable))
		return fail(error, "it was cancelled"), false;
	if (!ready)
		return fail(error, "%s does not answer in time", link->peer), false;
	return true;
}

/* Why nothing more comes: TLS knows more than the socket. */
static bool broken(struct link *link, GError **error)
{
	g_autofree char *reason = link->pump ? tls_pump_reason(link->pump) : NULL;
	int code = errno;

	fail(error, "%s: %s", link->peer,
		reason ? reason
		: code ? g_strerror(code)
		       : "the connection was closed");
	return false;
}

static bool send_all(struct link *link, const void *data, size_t length, gint64 end, GError **error)
{
	while (length) {
		ssize_t done = send(link->fd, data, length, MSG_NOSIGNAL);

		if (done < 0 && errno == EAGAIN && !wait_for(link, G_IO_OUT, end, error))
			return false;
		if (done < 0 && errno != EAGAIN && errno != EINTR)
			return broken(link, error);
		data = (const char *)data + MAX(done, 0);
		length -= MAX(done, 0);
	}
	return true;
}

static bool receive_all(struct link *link, void *data, size_t length, gint64 end, GError **error)
{
	while (length) {
		ssize_t done = recv(link->fd, data, length, 0);

		if (done < 0 && errno == EAGAIN && !wait_for(link, G_IO_IN, end, error))
			return false;
		if (!done)
			errno = 0;
		if (!done || (done < 0 && errno != EAGAIN && errno != EINTR))
			return broken(link, error);
		data = (char *)data + MAX(done, 0);
		length -= MAX(done, 0);
	}
	return true;
}

static gint64 end_after(unsigned int seconds)
{
	return g_get_monotonic_time() + seconds * G_TIME_SPAN_SECOND;
}

bool link_send(struct link *link, GVariant *message, unsigned int seconds, GError **error)
{
	g_autoptr(GVariant) held = g_variant_ref_sink(message);
	g_autofree char *text = sxp_print(held);
	uint32_t length = GUINT32_TO_BE(strlen(text));
	g_autoptr(GByteArray) frame = g_byte_array_new();

	if (strlen(text) > LINK_MAX_MESSAGE)
		return fail(error, "a message of %zu bytes cannot be sent", strlen(text)), false;
	g_byte_array_append(frame, (void *)&length, sizeof(length));
	g_byte_array_append(frame, (void *)text, strlen(text));
	return send_all(link, frame->data, frame->len, end_after(seconds), error);
}

GVariant *link_receive(struct link *link, unsigned int seconds, GError **error)
{
	gint64 end = end_after(seconds);
	g_autofree char *text = NULL;
	g_autoptr(GVariant) message = NULL;
	uint32_t length;

	if (!receive_all(link, &length, sizeof(length), end, error))
		return NULL;
	length = GUINT32_FROM_BE(length);
	if (length > LINK_MAX_MESSAGE)
		return fail(error, "%s does not speak this protocol", link->peer), NULL;
	text = g_malloc(length + 1);
	if (!receive_all(link, text, length, end, error))
		return NULL;
	text[length] = 0;
	if (strlen(text) == length)
		message = sxp_parse(text, length, NULL);
	if (!message || !sxp_is_list(message))
		return fail(error, "%s does not speak this protocol", link->peer), NULL;
	return g_variant_take_ref(g_steal_pointer(&message));
}

GVariant *link_expect(struct link *link, const char *name, unsigned int seconds, GError **error)
{
	g_autoptr(GVariant) message = link_receive(link, seconds, error);
	g_autofree char *text = NULL;

	if (!message || sxp_is_named(message, name))
		return g_steal_pointer(&message);
	text = sxp_is_named(message, "error") ? sxp_nth_text(message, 1) : NULL;
	if (text)
		fail(error, "%s: %s", link->peer, text);
	else
		fail(error, "%s does not answer with (%s …)", link->peer, name);
	return NULL;
}

bool link_send_word(struct link *link, const char *name, unsigned int seconds, GError **error)
{
	return link_send(link, sxp_list(sxp_atom(name), NULL), seconds, error);
}

bool link_expect_word(struct link *link, const char *name, unsigned int seconds, GError **error)
{
	g_autoptr(GVariant) message = link_expect(link, name, seconds, error);

	return message;
}

bool link_send_magic(struct link *link, GError **error)
{
	return send_all(link, LINK_MAGIC, LINK_MAGIC_SIZE, end_after(DEAD_SECONDS), error);
}

bool link_expect_magic(struct link *link, unsigned int seconds, GError **error)
{
	char magic[LINK_MAGIC_SIZE];

	if (!receive_all(link, magic, sizeof(magic), end_after(seconds), error))
		return false;
	if (!memcmp(magic, LINK_MAGIC, sizeof(magic)))
		return true;
	return fail(error, "%s does not speak this protocol", link->peer), false;
}

/* What is still on its way here is read: a connection closed before loses what was sent last. */
static void drain(struct link *link)
{
	gint64 end = end_after(DRAIN_SECONDS);
	char buffer[4096];
	ssize_t got = 1;

	shutdown(link->fd, SHUT_WR);
	while (got && g_get_monotonic_time() < end) {
		got = recv(link->fd, buffer, sizeof(buffer), 0);
		if (got < 0 && (errno != EAGAIN || !wait_for(link, G_IO_IN, end, NULL)))
			return;
	}
}

/* One line, whatever the error's text has. */
void link_send_error(struct link *link, const GError *error)
{
	g_autofree char *text = g_strdelimit(g_strdup(error->message), "\r\n", ' ');

	if (link_send(link, sxp_pair("error", text), DRAIN_SECONDS, NULL))
		drain(link);
}
