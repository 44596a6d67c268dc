#include "listener.h"

#include <gio/gunixsocketaddress.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"

static GSocketService *new_service(void)
{
	GSocketService *service = g_socket_service_new();

	/* Clients that come at once shall wait, not be turned away. */
	g_socket_listener_set_backlog(G_SOCKET_LISTENER(service), SOMAXCONN);
	return service;
}

static bool add_ip(GSocketService *service, const char *text, unsigned int port, GError **error)
{
	g_autoptr(GSocketAddress) address = g_inet_socket_address_new_from_string(text, port);

	if (!address)
		return fail(error, "'%s' is no address", text), false;
	return g_socket_listener_add_address(G_SOCKET_LISTENER(service), address,
		G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, NULL, NULL, error);
}

GSocketService *listener_tcp(const char *address, unsigned int port, GError **error)
{
	g_autoptr(GSocketService) service = new_service();
	bool local = g_str_equal(address, "localhost"), ok;

	if (*address)
		ok = add_ip(service, local ? "127.0.0.1" : address, port, error);
	else
		ok = g_socket_listener_add_inet_port(G_SOCKET_LISTENER(service), port, NULL, error);
	/* Not every host has IPv6. */
	if (local && ok)
		add_ip(service, "::1", port, NULL);
	if (ok)
		return g_steal_pointer(&service);
	g_prefix_error(error, "port %u: ", port);
	return NULL;
}

GSocketService *listener_unix(const char *path, GError **error)
{
	g_autoptr(GSocketService) service = new_service();
	g_autoptr(GSocketAddress) address = g_unix_socket_address_new(path);
	g_autofree char *directory = g_path_get_dirname(path);
	mode_t mask;
	bool ok;

	g_mkdir_with_parents(directory, 0700);
	unlink(path);
	mask = umask(0177);
	ok = g_socket_listener_add_address(G_SOCKET_LISTENER(service), address,
		G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, NULL, NULL, error);
	umask(mask);
	if (ok)
		return g_steal_pointer(&service);
	g_prefix_error(error, "%s: ", path);
	return NULL;
}

void listener_close(void *service)
{
	g_socket_service_stop(service);
	g_socket_listener_close(service);
	g_object_unref(service);
}
