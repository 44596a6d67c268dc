/* Listens for domains that come: who may connect, how many, and what they ask for. */
#include "relocation_server.h"

#include <string.h>

#include "error.h"
#include "listener.h"
#include "log.h"
#include "options.h"
#include "relocation.h"
#include "sxp.h"

/* Connections in all, and from one address: more are closed at once. */
#define MAX_CONNECTIONS 48
#define MAX_FROM_ONE    16
/* Until somebody has shown his certificate and said what he wants. */
#define HELLO_SECONDS 10
#define MAX_REQUESTS  4

struct caller {
	GSocketConnection *connection;
	GInetAddress *from;
	char *peer;
	bool tls;
	GCancellable *cancellable;
};

static GPtrArray *services;
/* Who is connected; the lock is for this. */
static GMutex lock;
static GCond left;
static GPtrArray *callers;

static void caller_free(struct caller *caller)
{
	g_object_unref(caller->connection);
	g_object_unref(caller->from);
	g_object_unref(caller->cancellable);
	g_free(caller->peer);
	g_free(caller);
}

/* ---- Who may ---- */

static bool matches(char **patterns, const char *text, GError **error)
{
	for (char **pattern = patterns; *pattern; pattern++) {
		g_autofree char *whole = g_strdup_printf("^(?:%s)", *pattern);
		g_autoptr(GRegex) regex = **pattern ? g_regex_new(whole, 0, 0, error) : NULL;

		if (**pattern && !regex)
			return g_prefix_error(error, "xend-relocation-hosts-allow: "), false;
		if (regex && g_regex_match(regex, text, 0, NULL))
			return true;
	}
	return false;
}

/* By address, else by name. No expression at all: everybody. */
static bool host_allowed(GInetAddress *from, const char *address, GError **error)
{
	g_autofree char *text = g_strstrip(option_text("xend-relocation-hosts-allow"));
	g_auto(GStrv) patterns = g_strsplit_set(text, " \t", -1);
	g_autoptr(GResolver) resolver = g_resolver_get_default();
	g_autoptr(GError) wrong = NULL;
	g_autofree char *name = NULL;

	if (!*text || matches(patterns, address, &wrong))
		return true;
	name = wrong ? NULL : g_resolver_lookup_by_address(resolver, from, NULL, NULL);
	if (name && matches(patterns, name, &wrong))
		return true;
	if (wrong)
		g_propagate_error(error, g_steal_pointer(&wrong));
	else
		fail(error, "xend-relocation-hosts-allow does not name it");
	return false;
}

bool relocation_plain_allowed(GInetAddress *address, GError **error)
{
	if (g_inet_address_get_is_loopback(address) || option_flag("xend-relocation-plain"))
		return true;
	return fail(error, "guests' memory does not leave this host without TLS unless the option "
			   "xend-relocation-plain says yes"),
	       false;
}

/* ---- What they want ---- */

static char *id_of(GVariant *message)
{
	char *id = sxp_child_text(message, "id");

	if (id && g_uuid_string_is_valid(id))
		return id;
	g_free(id);
	return NULL;
}

static void answer_ask(struct link *link, GVariant *message)
{
	g_autofree char *id = id_of(message);
	g_autoptr(GError) error = NULL;
	bool yes;

	if (!id)
		return;
	if (!target_ask(id, &yes, &error)) {
		log_error("relocation: %s asks for %s: %s", link->peer, id, error->message);
		link_send_error(link, error);
	} else if (link_send(link, sxp_pair("answer", yes ? "yes" : "no"), HELLO_SECONDS, NULL)) {
		log_info("relocation: %s asks for %s: %s", link->peer, id, yes ? "yes" : "no");
	}
}

static void take_done(struct link *link, GVariant *message)
{
	g_autofree char *id = id_of(message);

	if (id)
		target_done(id);
	link_send_word(link, "settled", HELLO_SECONDS, NULL);
}

static const struct {
	const char *name;
	void (*function)(struct link *link, GVariant *message);
} requests[] = {
	{ "offer", target_receive },
	{ "ask", answer_ask },
	{ "done", take_done },
};

/* Both name the versions that they speak; the highest in common is spoken. */
static bool agree(struct link *link, GError **error)
{
	g_autoptr(GVariant) hello = link_expect(link, "hello", HELLO_SECONDS, error);
	g_autofree char *oldest = hello ? sxp_child_text(hello, "oldest") : NULL;
	g_autofree char *newest = hello ? sxp_child_text(hello, "newest") : NULL;
	unsigned int first = oldest ? atoi(oldest) : 0, last = newest ? atoi(newest) : 0;

	if (!hello)
		return false;
	if (!first || first > LINK_NEWEST || last < LINK_OLDEST)
		return fail(error,
			       "this host speaks versions %u to %u of the protocol, not %u to %u",
			       LINK_OLDEST, LINK_NEWEST, first, last),
		       false;
	return link_send(link,
		sxp_list(sxp_atom("hello"), sxp_pair_int("version", MIN(last, LINK_NEWEST)),
			sxp_pair("host", g_get_host_name()), NULL),
		HELLO_SECONDS, error);
}

/* One request after the other, up to the end of the connection. */
static bool converse(struct link *link, GError **error)
{
	if (!link_expect_magic(link, HELLO_SECONDS, error))
		return false;
	if (!agree(link, error)) {
		link_send_error(link, *error);
		return false;
	}
	for (unsigned int n = 0; n < MAX_REQUESTS; n++) {
		g_autoptr(GVariant) message = link_receive(link, HELLO_SECONDS, error);
		unsigned int i;

		if (!message)
			return false;
		for (i = 0; i < G_N_ELEMENTS(requests); i++)
			if (sxp_is_named(message, requests[i].name))
				break;
		if (i == G_N_ELEMENTS(requests))
			return fail(error, "it asks for what there is not"), false;
		requests[i].function(link, message);
		/* A domain has come, or not: either way the connection has served. */
		if (requests[i].function == target_receive)
			return true;
	}
	return true;
}

static void serve(struct caller *caller)
{
	g_autofree char *address = g_inet_address_to_string(caller->from);
	g_autoptr(GError) error = NULL;
	g_autoptr(link_t) link = NULL;

	if (host_allowed(caller->from, address, &error) &&
		(caller->tls || relocation_plain_allowed(caller->from, &error)))
		link = link_accept(caller->connection, caller->peer, caller->tls, HELLO_SECONDS,
			caller->cancellable, &error);
	if (!link || !converse(link, &error))
		log_info("relocation: %s: %s", caller->peer, error->message);
}

static void *serve_thread(void *data)
{
	struct caller *caller = data;

	serve(caller);
	g_io_stream_close(G_IO_STREAM(caller->connection), NULL, NULL);
	g_mutex_lock(&lock);
	g_ptr_array_remove_fast(callers, caller);
	caller_free(caller);
	g_cond_signal(&left);
	g_mutex_unlock(&lock);
	return NULL;
}

/* ---- Listening ---- */

/* Nobody shall keep others out by connecting all the time; and a thread for each must not be too
 * much. */
static bool enter(struct caller *caller)
{
	unsigned int same = 0;
	bool enters;

	g_mutex_lock(&lock);
	for (unsigned int i = 0; i < callers->len; i++) {
		struct caller *other = callers->pdata[i];

		same += g_inet_address_equal(other->from, caller->from);
	}
	enters = callers->len < MAX_CONNECTIONS && same < MAX_FROM_ONE;
	if (enters)
		g_ptr_array_add(callers, caller);
	g_mutex_unlock(&lock);
	return enters;
}

static gboolean on_incoming(
	GSocketService *service, GSocketConnection *connection, GObject *source, void *tls)
{
	g_autoptr(GSocketAddress) address =
		g_socket_connection_get_remote_address(connection, NULL);
	struct caller *caller;
	GThread *thread = NULL;
	g_autofree char *from = NULL;

	if (!address || !G_IS_INET_SOCKET_ADDRESS(address))
		return TRUE;
	caller = g_new0(struct caller, 1);
	caller->connection = g_object_ref(connection);
	caller->from =
		g_object_ref(g_inet_socket_address_get_address(G_INET_SOCKET_ADDRESS(address)));
	from = g_inet_address_to_string(caller->from);
	caller->peer = g_strdup_printf(
		"%s port %u", from, g_inet_socket_address_get_port(G_INET_SOCKET_ADDRESS(address)));
	caller->tls = tls;
	caller->cancellable = g_cancellable_new();
	if (enter(caller)) {
		thread = g_thread_try_new("relocation", serve_thread, caller, NULL);
		if (thread) {
			g_thread_unref(thread);
			return TRUE;
		}
		g_mutex_lock(&lock);
		g_ptr_array_remove_fast(callers, caller);
		g_mutex_unlock(&lock);
	}
	log_debug("relocation: %s: too many connections", caller->peer);
	g_io_stream_close(G_IO_STREAM(connection), NULL, NULL);
	caller_free(caller);
	return TRUE;
}

static bool listen_on(const char *port_option, bool tls, GError **error)
{
	GSocketService *service;
	g_autofree char *address = option_text("xend-relocation-address");
	unsigned int port = option_number(port_option);

	if (!port || port > 65535)
		return fail(error, "%s: %u is no port", port_option, port), false;
	if (tls && !link_check_tls(error))
		return g_prefix_error(error, "xend-relocation-ssl-server: "), false;
	service = listener_tcp(address, port, error);
	if (!service)
		return g_prefix_error(error, "xend-relocation-address, "), false;
	g_signal_connect(service, "incoming", G_CALLBACK(on_incoming), GINT_TO_POINTER(tls));
	log_info("relocation: listening on port %u of %s%s", port,
		*address ? address : "all addresses", tls ? " with TLS" : "");
	g_ptr_array_add(services, service);
	return true;
}

bool relocation_open(GError **error)
{
	services = g_ptr_array_new_with_free_func(listener_close);
	if (!callers)
		callers = g_ptr_array_new();
	if ((!option_flag("xend-relocation-server") ||
		    listen_on("xend-relocation-port", false, error)) &&
		(!option_flag("xend-relocation-ssl-server") ||
			listen_on("xend-relocation-ssl-port", true, error)))
		return true;
	relocation_close();
	return false;
}

void relocation_close(void)
{
	g_clear_pointer(&services, g_ptr_array_unref);
}

void relocation_dismiss(void)
{
	g_mutex_lock(&lock);
	for (unsigned int i = 0; callers && i < callers->len; i++)
		g_cancellable_cancel(((struct caller *)callers->pdata[i])->cancellable);
	while (callers && callers->len)
		g_cond_wait(&left, &lock);
	g_mutex_unlock(&lock);
}
