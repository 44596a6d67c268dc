#include "relocation_tls.h"

#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "error.h"
#include "fdio.h"
#include "options.h"

#define CHUNK         (64 << 10)
#define CLOSE_SECONDS 5

GTlsCertificate *tls_certificate(GError **error)
{
	static const char *const names[] = { "xend-relocation-server-ssl-cert-file",
		"xend-relocation-server-ssl-key-file" };
	g_autofree char *cert = option_text(names[0]), *key = option_text(names[1]);
	GTlsCertificate *certificate;

	if (!*cert || !*key)
		return fail(error, "TLS needs the option %s", names[*cert ? 1 : 0]), NULL;
	certificate = g_tls_certificate_new_from_files(cert, key, error);
	if (!certificate)
		g_prefix_error(error, "%s, %s: ", cert, key);
	return certificate;
}

GTlsDatabase *tls_authorities(GError **error)
{
	g_autofree char *path = option_text("xend-relocation-ssl-ca-file");
	GTlsDatabase *database;

	if (!*path)
		return fail(error, "TLS needs the option xend-relocation-ssl-ca-file"), NULL;
	database = g_tls_file_database_new(path, error);
	if (!database)
		g_prefix_error(error, "%s: ", path);
	return database;
}

/* What is wrong with a certificate, in words. */
static const struct {
	GTlsCertificateFlags flag;
	const char *text;
} wrongs[] = {
	{ G_TLS_CERTIFICATE_UNKNOWN_CA, "nobody whom this host trusts has signed it" },
	{ G_TLS_CERTIFICATE_BAD_IDENTITY, "it is for another host" },
	{ G_TLS_CERTIFICATE_NOT_ACTIVATED, "it is not valid yet" },
	{ G_TLS_CERTIFICATE_EXPIRED, "it has expired" },
	{ G_TLS_CERTIFICATE_REVOKED, "it is revoked" },
	{ G_TLS_CERTIFICATE_INSECURE, "its algorithm is not safe" },
	{ G_TLS_CERTIFICATE_GENERIC_ERROR, "it cannot be checked" },
};

/* The side that is called is asked about good certificates, too. */
static gboolean judge(
	GTlsConnection *tls, GTlsCertificate *certificate, GTlsCertificateFlags flags, void *data)
{
	GTlsCertificateFlags *wrong = data;

	*wrong = flags;
	return !flags;
}

/* The alert that says why shall arrive: a connection closed with bytes unread is reset. */
static void linger(GTlsConnection *tls, GCancellable *cancellable)
{
	g_autoptr(GSocketConnection) base = NULL;
	GSocket *socket;
	char buffer[4096];

	g_object_get(tls, "base-io-stream", &base, NULL);
	socket = g_socket_connection_get_socket(base);
	g_socket_shutdown(socket, FALSE, TRUE, NULL);
	g_socket_set_timeout(socket, 1);
	for (unsigned int i = 0; i < 16; i++)
		if (g_socket_receive(socket, buffer, sizeof(buffer), cancellable, NULL) <= 0)
			return;
}

static GIOStream *handshake(GIOStream *stream, GCancellable *cancellable, GError **error)
{
	g_autoptr(GTlsCertificate) certificate = tls_certificate(error);
	g_autoptr(GTlsDatabase) database = certificate ? tls_authorities(error) : NULL;
	GTlsConnection *tls = G_TLS_CONNECTION(stream);
	GTlsCertificateFlags wrong = 0;
	gulong handler;
	gboolean good;

	if (!database) {
		g_object_unref(stream);
		return NULL;
	}
	g_tls_connection_set_certificate(tls, certificate);
	g_tls_connection_set_database(tls, database);
	handler = g_signal_connect(tls, "accept-certificate", G_CALLBACK(judge), &wrong);
	good = g_tls_connection_handshake(tls, cancellable, error);
	g_signal_handler_disconnect(tls, handler);
	if (good)
		return stream;
	for (unsigned int i = 0; i < G_N_ELEMENTS(wrongs); i++)
		if (wrong & wrongs[i].flag)
			g_prefix_error(error, "certificate: %s: ", wrongs[i].text);
	linger(tls, cancellable);
	g_object_unref(stream);
	return NULL;
}

GIOStream *tls_connect(GSocketConnection *connection, GSocketConnectable *identity,
	GCancellable *cancellable, GError **error)
{
	GIOStream *stream = g_tls_client_connection_new(G_IO_STREAM(connection), identity, error);

	return stream ? handshake(stream, cancellable, error) : NULL;
}

GIOStream *tls_accept(GSocketConnection *connection, GCancellable *cancellable, GError **error)
{
	GIOStream *stream = g_tls_server_connection_new(G_IO_STREAM(connection), NULL, error);

	if (!stream)
		return NULL;
	g_object_set(stream, "authentication-mode", G_TLS_AUTHENTICATION_REQUIRED, NULL);
	return handshake(stream, cancellable, error);
}

/* ---- Carrying bytes ---- */

struct tls_pump {
	GIOStream *stream;
	int fd;
	GThread *in, *out;
	GCancellable *stop_in, *stop_out;
	GMutex lock;
	GCond changed;
	bool sent; /* all that there was to send */
	char *reason;
};

static void note(struct tls_pump *pump, GError *error)
{
	g_mutex_lock(&pump->lock);
	if (error && !pump->reason && !g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
		pump->reason = g_strdup(error->message);
	g_mutex_unlock(&pump->lock);
	g_clear_error(&error);
}

static void *carry_in(void *data)
{
	struct tls_pump *pump = data;
	GInputStream *input = g_io_stream_get_input_stream(pump->stream);
	g_autofree char *buffer = g_malloc(CHUNK);
	GError *error = NULL;
	gssize got;

	while ((got = g_input_stream_read(input, buffer, CHUNK, pump->stop_in, &error)) > 0)
		if (!fd_write_all(pump->fd, buffer, got))
			break;
	note(pump, error);
	/* The other side sees the end, or cannot send more. */
	shutdown(pump->fd, got < 0 ? SHUT_RDWR : SHUT_WR);
	return NULL;
}

static void *carry_out(void *data)
{
	struct tls_pump *pump = data;
	GOutputStream *output = g_io_stream_get_output_stream(pump->stream);
	g_autofree char *buffer = g_malloc(CHUNK);
	GError *error = NULL;
	ssize_t got;

	while ((got = recv(pump->fd, buffer, CHUNK, 0)) > 0 || (got < 0 && errno == EINTR))
		if (got > 0 && !g_output_stream_write_all(
				       output, buffer, got, NULL, pump->stop_out, &error))
			break;
	if (error)
		shutdown(pump->fd, SHUT_RDWR);
	note(pump, error);
	g_mutex_lock(&pump->lock);
	pump->sent = true;
	g_cond_signal(&pump->changed);
	g_mutex_unlock(&pump->lock);
	return NULL;
}

struct tls_pump *tls_pump_new(GIOStream *stream, int fd)
{
	struct tls_pump *pump = g_new0(struct tls_pump, 1);

	pump->stream = g_object_ref(stream);
	pump->fd = fd;
	pump->stop_in = g_cancellable_new();
	pump->stop_out = g_cancellable_new();
	g_mutex_init(&pump->lock);
	g_cond_init(&pump->changed);
	pump->in = g_thread_new("tls-in", carry_in, pump);
	pump->out = g_thread_new("tls-out", carry_out, pump);
	return pump;
}

void tls_pump_free(struct tls_pump *pump)
{
	gint64 end = g_get_monotonic_time() + CLOSE_SECONDS * G_TIME_SPAN_SECOND;

	g_mutex_lock(&pump->lock);
	while (!pump->sent && g_cond_wait_until(&pump->changed, &pump->lock, end))
		;
	g_mutex_unlock(&pump->lock);
	g_cancellable_cancel(pump->stop_out);
	g_cancellable_cancel(pump->stop_in);
	shutdown(pump->fd, SHUT_RDWR);
	g_thread_join(pump->out);
	g_thread_join(pump->in);
	g_io_stream_close(pump->stream, pump->stop_in, NULL);
	g_object_unref(pump->stream);
	close(pump->fd);
	g_object_unref(pump->stop_in);
	g_object_unref(pump->stop_out);
	g_mutex_clear(&pump->lock);
	g_cond_clear(&pump->changed);
	g_free(pump->reason);
	g_free(pump);
}

char *tls_pump_reason(struct tls_pump *pump)
{
	char *reason;

	g_mutex_lock(&pump->lock);
	reason = g_strdup(pump->reason);
	g_mutex_unlock(&pump->lock);
	return reason;
}
