#include "xenrpc.h"

#include <gio/gunixsocketaddress.h>
#include <libsoup/soup.h>
#include <stdarg.h>

struct xenrpc_client {
	SoupSession *session;
	char *url;
	/* As the user named it, for messages. */
	char *address;
};

struct xenrpc_client *xenrpc_client_new(const char *address, GError **error)
{
	struct xenrpc_client *client;
	g_autoptr(SoupSession) session = NULL;
	g_autofree char *url = NULL;

	if (g_str_has_prefix(address, "unix:")) {
		g_autoptr(GSocketAddress) path = g_unix_socket_address_new(address + 5);

		session = soup_session_new_with_options(
			"remote-connectable", path, "timeout", 0, NULL);
		url = g_strdup("http://localhost/RPC2");
	} else if (g_str_has_prefix(address, "http://") || g_str_has_prefix(address, "https://")) {
		g_autoptr(GUri) uri = g_uri_parse(address, SOUP_HTTP_URI_FLAGS, error);

		if (!uri)
			return NULL;
		session = soup_session_new_with_options("timeout", 0, NULL);
		url = *g_uri_get_path(uri) && !g_str_equal(g_uri_get_path(uri), "/")
			      ? g_strdup(address)
			      : g_uri_join(G_URI_FLAGS_NONE, g_uri_get_scheme(uri),
					g_uri_get_userinfo(uri), g_uri_get_host(uri),
					g_uri_get_port(uri), "/RPC2", NULL, NULL);
	} else {
		g_set_error(error, XENRPC_ERROR, XENRPC_ERROR_CONNECT,
			"'%s' is neither unix:PATH nor http://HOST:PORT", address);
		return NULL;
	}
	client = g_new0(struct xenrpc_client, 1);
	client->session = g_steal_pointer(&session);
	client->url = g_steal_pointer(&url);
	client->address = g_strdup(address);
	return client;
}

void xenrpc_client_free(struct xenrpc_client *client)
{
	if (!client)
		return;
	g_object_unref(client->session);
	g_free(client->url);
	g_free(client->address);
	g_free(client);
}

GVariant *xenrpc_call(
	struct xenrpc_client *client, const char *method, GVariant *params, GError **error)
{
	g_autoptr(SoupMessage) message = soup_message_new("POST", client->url);
	char *text = xenrpc_encode_call(method, params);
	g_autoptr(GBytes) body = g_bytes_new_take(text, strlen(text));
	g_autoptr(GBytes) reply = NULL;
	g_autoptr(GError) cause = NULL;

	if (!message) {
		g_set_error(error, XENRPC_ERROR, XENRPC_ERROR_CONNECT, "'%s' is no address",
			client->address);
		return NULL;
	}
	soup_message_set_request_body_from_bytes(message, "text/xml", body);
	reply = soup_session_send_and_read(client->session, message, NULL, &cause);
	if (!reply) {
		g_set_error(error, XENRPC_ERROR, XENRPC_ERROR_CONNECT,
			"cannot reach xend at %s: %s", client->address, cause->message);
		return NULL;
	}
	if (soup_message_get_status(message) != SOUP_STATUS_OK) {
		g_set_error(error, XENRPC_ERROR, XENRPC_ERROR_PROTOCOL, "%s answers: %u %s",
			client->address, soup_message_get_status(message),
			soup_message_get_reason_phrase(message));
		return NULL;
	}
	return xenrpc_decode_reply(g_bytes_get_data(reply, NULL), g_bytes_get_size(reply), error);
}
