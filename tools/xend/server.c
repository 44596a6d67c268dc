#include "server.h"

#include <string.h>
#include <unistd.h>

#include "error.h"
#include "lifecycle.h"
#include "listener.h"
#include "log.h"
#include "ops.h"
#include "options.h"
#include "relocation.h"

/* Of a caller's address: the GSocket. */
#define SOCKET_OF_CALLER "xend-socket"

/* What answers, and what listens for it. */
static GPtrArray *servers, *services;
/* Paths of unix sockets, to remove at the end. */
static GPtrArray *sockets;

/* A request on its way: read in the main loop, done in a thread, answered in the main loop. */
struct exchange {
	SoupServer *server;
	SoupServerMessage *message;
	GBytes *body;
	bool tree;
	struct http_reply reply;
};

/* Of this thread: the descriptor + 1. */
static GPrivate client;

int server_client(void)
{
	return GPOINTER_TO_INT(g_private_get(&client)) - 1;
}

static gboolean answer(void *data)
{
	struct exchange *exchange = data;
	SoupServerMessage *message = exchange->message;

	soup_server_message_set_status(message, exchange->reply.status, NULL);
	soup_server_message_set_response(message, exchange->reply.type, SOUP_MEMORY_TAKE,
		exchange->reply.body, strlen(exchange->reply.body));
	soup_server_message_unpause(message);
	g_bytes_unref(exchange->body);
	g_object_unref(message);
	g_object_unref(exchange->server);
	g_free(exchange);
	return G_SOURCE_REMOVE;
}

static char *do_call(GBytes *body)
{
	g_autoptr(GVariant) params = NULL, result = NULL;
	g_autoptr(GError) error = NULL;
	g_autofree char *method = NULL;
	gsize length;
	const char *text = g_bytes_get_data(body, &length);

	if (xenrpc_decode_call(text ? text : "", length, &method, &params, &error)) {
		log_debug("call of %s", method);
		result = ops_call(method, params, &error);
	}
	return result ? xenrpc_encode_result(result) : xenrpc_encode_fault(error);
}

static void do_rpc(void *data)
{
	struct exchange *exchange = data;
	GSocketAddress *caller = soup_server_message_get_remote_address(exchange->message);
	GSocket *socket = g_object_get_data(G_OBJECT(caller), SOCKET_OF_CALLER);

	g_private_set(&client, GINT_TO_POINTER(g_socket_get_fd(socket) + 1));
	exchange->reply = (struct http_reply){
		.status = SOUP_STATUS_OK,
		.type = "text/xml",
		.body = do_call(exchange->body),
	};
	g_private_set(&client, NULL);
	g_main_context_invoke(NULL, answer, exchange);
}

static void read_multipart(GHashTable *fields, SoupMessageHeaders *headers, GBytes *body)
{
	g_autoptr(SoupMultipart) parts = soup_multipart_new_from_message(headers, body);

	for (int i = 0; parts && i < soup_multipart_get_length(parts); i++) {
		g_autoptr(GHashTable) values = NULL;
		SoupMessageHeaders *part;
		GBytes *content;
		const char *name;

		soup_multipart_get_part(parts, i, &part, &content);
		soup_message_headers_get_content_disposition(part, NULL, &values);
		name = values ? g_hash_table_lookup(values, "name") : NULL;
		if (name)
			g_hash_table_insert(fields, g_strdup(name),
				g_strndup(g_bytes_get_data(content, NULL),
					g_bytes_get_size(content)));
	}
}

static void read_form(GHashTable *fields, const char *text)
{
	g_autoptr(GHashTable) form = soup_form_decode(text);
	GHashTableIter iter;
	void *name, *value;

	g_hash_table_iter_init(&iter, form);
	while (g_hash_table_iter_next(&iter, &name, &value))
		g_hash_table_insert(fields, g_strdup(name), g_strdup(value));
}

/* What a query or a form says; the last value of a name counts. */
static GHashTable *read_fields(SoupServerMessage *message, GBytes *body)
{
	SoupMessageHeaders *headers = soup_server_message_get_request_headers(message);
	const char *type = soup_message_headers_get_content_type(headers, NULL);
	const char *query = g_uri_get_query(soup_server_message_get_uri(message));
	GHashTable *fields = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	gsize length;
	const char *data = g_bytes_get_data(body, &length);
	g_autofree char *text = g_strndup(data ? data : "", length);

	if (query)
		read_form(fields, query);
	if (type && g_str_equal(type, SOUP_FORM_MIME_TYPE_MULTIPART))
		read_multipart(fields, headers, body);
	else
		read_form(fields, text);
	return fields;
}

static bool wants_html(SoupServerMessage *message)
{
	const char *accept = soup_message_headers_get_list(
		soup_server_message_get_request_headers(message), "Accept");

	return accept && strstr(accept, "text/html");
}

static void do_tree(void *data)
{
	struct exchange *exchange = data;
	const char *path = g_uri_get_path(soup_server_message_get_uri(exchange->message));
	g_auto(GStrv) words = g_strsplit(path + strlen("/xend"), "/", -1);
	g_autoptr(GHashTable) fields = read_fields(exchange->message, exchange->body);
	struct http_request request = {
		.method = soup_server_message_get_method(exchange->message),
		.path = *words ? words + 1 : words,
		.fields = fields,
		.html = wants_html(exchange->message),
	};

	log_debug("%s of %s", request.method, path);
	http_tree(&request, &exchange->reply);
	g_main_context_invoke(NULL, answer, exchange);
}

static void begin(SoupServer *server, SoupServerMessage *message, void (*work)(void *data))
{
	SoupMessageBody *body = soup_server_message_get_request_body(message);
	struct exchange *exchange = g_new0(struct exchange, 1);

	exchange->server = g_object_ref(server);
	exchange->message = g_object_ref(message);
	exchange->body = soup_message_body_flatten(body);
	soup_server_message_pause(message);
	work_run(work, exchange);
}

static void on_rpc(SoupServer *server, SoupServerMessage *message, const char *path,
	GHashTable *query, void *unused)
{
	if (!g_str_equal(soup_server_message_get_method(message), "POST"))
		soup_server_message_set_status(message, SOUP_STATUS_METHOD_NOT_ALLOWED, NULL);
	else
		begin(server, message, do_rpc);
}

/* A page of some site may make a browser send forms here; only pages of our own shall. */
static bool same_origin(SoupServerMessage *message)
{
	SoupMessageHeaders *headers = soup_server_message_get_request_headers(message);
	const char *origin = soup_message_headers_get_one(headers, "Origin");
	const char *host = soup_message_headers_get_one(headers, "Host");
	const char *name = origin ? strstr(origin, "://") : NULL;

	return !origin || (name && host && g_str_equal(name + 3, host));
}

static void on_tree(SoupServer *server, SoupServerMessage *message, const char *path,
	GHashTable *query, void *unused)
{
	const char *method = soup_server_message_get_method(message);

	if (!g_str_equal(method, "GET") && !g_str_equal(method, "POST"))
		soup_server_message_set_status(message, SOUP_STATUS_METHOD_NOT_ALLOWED, NULL);
	else if (!same_origin(message))
		soup_server_message_set_status(message, SOUP_STATUS_FORBIDDEN, NULL);
	else
		begin(server, message, do_tree);
}

/* Without reading the rest of it, which libsoup would do before it answers. */
static void refuse(SoupServerMessage *message)
{
	static const char text[] = "HTTP/1.1 413 Request Entity Too Large\r\nConnection: close\r\n"
				   "Content-Length: 0\r\n\r\n";
	g_autoptr(GIOStream) stream = soup_server_message_steal_connection(message);

	g_output_stream_write(
		g_io_stream_get_output_stream(stream), text, strlen(text), NULL, NULL);
	g_io_stream_close(stream, NULL, NULL);
}

/* Nobody shall fill our memory by sending without end. */
static void on_chunk(SoupServerMessage *message, GBytes *chunk, void *unused)
{
	if (soup_server_message_get_request_body(message)->length > XENRPC_MAX_BYTES)
		refuse(message);
}

static void on_headers(SoupServer *server, SoupServerMessage *message, const char *path,
	GHashTable *query, void *unused)
{
	SoupMessageHeaders *headers = soup_server_message_get_request_headers(message);

	/* libsoup 3.2 never lets go of a connection that its client closes between two requests. */
	soup_message_headers_replace(
		soup_server_message_get_response_headers(message), "Connection", "close");
	if (soup_message_headers_get_content_length(headers) > XENRPC_MAX_BYTES)
		refuse(message);
	else
		g_signal_connect(message, "got-chunk", G_CALLBACK(on_chunk), NULL);
}

static void on_nowhere(SoupServer *server, SoupServerMessage *message, const char *path,
	GHashTable *query, void *unused)
{
	soup_server_message_set_status(message, SOUP_STATUS_NOT_FOUND, NULL);
}

static void add_place(SoupServer *server, const char *path, SoupServerCallback function)
{
	soup_server_add_early_handler(server, path, on_headers, NULL, NULL);
	soup_server_add_handler(server, path, function, NULL, NULL);
}

/* Not at once: it may be just at work on the connection that ends. */
static void server_unref_later(void *server)
{
	g_idle_add_once(g_object_unref, server);
}

/*
 * libsoup 3.2 loses a socket's memory with each connection that it accepts by itself. Of one that it
 * is given it does not tell the socket; the caller's address does. The server lives as long as its
 * connections: whoever has called gets an answer, also while the configuration is read again.
 */
static gboolean on_incoming(
	GSocketService *service, GSocketConnection *connection, GObject *source, void *server)
{
	g_autoptr(GSocketAddress) local = g_socket_connection_get_local_address(connection, NULL);
	g_autoptr(GSocketAddress) remote = g_socket_connection_get_remote_address(connection, NULL);
	GTlsCertificate *certificate = soup_server_get_tls_certificate(server);
	g_autoptr(GIOStream) stream = g_object_ref(G_IO_STREAM(connection));
	g_autoptr(GError) error = NULL;

	/* Who has gone already is nobody to answer. */
	if (!local || !remote)
		return TRUE;
	g_object_set_data_full(
		G_OBJECT(connection), "xend-server", g_object_ref(server), server_unref_later);
	g_object_set_data_full(G_OBJECT(remote), SOCKET_OF_CALLER,
		g_object_ref(g_socket_connection_get_socket(connection)), g_object_unref);
	if (certificate) {
		g_object_unref(stream);
		stream = g_tls_server_connection_new(G_IO_STREAM(connection), certificate, &error);
	}
	if (!stream || !soup_server_accept_iostream(server, stream, local, remote, &error))
		log_warning("a connection was not accepted: %s", error->message);
	return TRUE;
}

static SoupServer *new_server(
	bool rpc, bool tree, const char *cert, const char *key, GError **error)
{
	g_autoptr(GTlsCertificate) certificate = NULL;
	SoupServer *server;

	if (cert && *cert) {
		certificate = g_tls_certificate_new_from_files(cert, key, error);
		if (!certificate)
			return NULL;
	}
	server = soup_server_new("server-header", "xend ", "tls-certificate", certificate, NULL);
	add_place(server, NULL, on_nowhere);
	if (rpc)
		add_place(server, "/RPC2", on_rpc);
	if (tree)
		add_place(server, "/xend", on_tree);
	return server;
}

static bool serve(SoupServer *server, GSocketService *service)
{
	g_signal_connect_object(service, "incoming", G_CALLBACK(on_incoming), server, 0);
	g_ptr_array_add(servers, server);
	g_ptr_array_add(services, service);
	return true;
}

static bool open_unix(const char *path, bool rpc, bool tree, GError **error)
{
	GSocketService *service = listener_unix(path, error);

	if (!service)
		return false;
	g_ptr_array_add(sockets, g_strdup(path));
	log_info("listening on %s", path);
	return serve(new_server(rpc, tree, NULL, NULL, NULL), service);
}

static bool open_tcp(const char *address, unsigned int port, bool rpc, bool tree, const char *cert,
	const char *key, GError **error)
{
	g_autoptr(SoupServer) server = new_server(rpc, tree, cert, key, error);
	GSocketService *service;

	if (!server)
		return g_prefix_error(error, "port %u: ", port), false;
	service = listener_tcp(address, port, error);
	if (!service)
		return false;
	log_info("listening on port %u of %s", port, *address ? address : "all addresses");
	return serve(g_steal_pointer(&server), service);
}

static bool open_tcp_rpc(GError **error)
{
	g_autofree char *address = option_text("xend-tcp-xmlrpc-server-address");
	g_autofree char *cert = option_text("xend-tcp-xmlrpc-server-ssl-cert-file");
	g_autofree char *key = option_text("xend-tcp-xmlrpc-server-ssl-key-file");

	return open_tcp(address, option_number("xend-tcp-xmlrpc-server-port"), true, false, cert,
		key, error);
}

bool servers_open(GError **error)
{
	g_autofree char *rpc = g_build_filename(run_dir(), "xmlrpc.sock", NULL);
	g_autofree char *tree = option_text("xend-unix-path");
	g_autofree char *address = option_text("xend-address");

	servers = g_ptr_array_new_with_free_func(g_object_unref);
	services = g_ptr_array_new_with_free_func(listener_close);
	sockets = g_ptr_array_new_with_free_func(g_free);
	if ((!option_flag("xend-unix-xmlrpc-server") || open_unix(rpc, true, false, error)) &&
		(!option_flag("xend-unix-server") || open_unix(tree, false, true, error)) &&
		(!option_flag("xend-tcp-xmlrpc-server") || open_tcp_rpc(error)) &&
		(!option_flag("xend-http-server") || open_tcp(address, option_number("xend-port"),
							     false, true, NULL, NULL, error)) &&
		relocation_open(error))
		return true;
	servers_close(true);
	return false;
}

void servers_close(bool callers)
{
	if (!servers)
		return;
	for (unsigned int i = 0; i < sockets->len; i++)
		unlink(sockets->pdata[i]);
	g_clear_pointer(&services, g_ptr_array_unref);
	for (unsigned int i = 0; callers && i < servers->len; i++)
		soup_server_disconnect(servers->pdata[i]);
	relocation_close();
	g_clear_pointer(&sockets, g_ptr_array_unref);
	g_clear_pointer(&servers, g_ptr_array_unref);
}
