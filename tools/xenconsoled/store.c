/* The connection to xenstored: reading nodes, and watching for domains that come and go. */
#include "xenconsoled.h"

#include <errno.h>
#include <glib-unix.h>
#include <stdlib.h>
#include <string.h>
#include <xenstore.h>

/* A new try to reach a xenstored that went away. */
#define RETRY_SECONDS 1

static struct xs_handle *xs;
static guint source, retrying;
static GHashTable *watched; /* domids */

static bool connect_store(void);

static char *node(uint32_t domid, const char *name)
{
	return g_strdup_printf("/local/domain/%u/%s", domid, name);
}

char *store_read(uint32_t domid, const char *name)
{
	g_autofree char *path = node(domid, name);

	return xs ? xs_read(xs, XBT_NULL, path, NULL) : NULL;
}

/* Writes the node, unless the domain's folder has gone meanwhile: writing would bring it back, for nobody to remove. */
static bool write_in(xs_transaction_t t, uint32_t domid, const char *path, const char *value)
{
	g_autofree char *folder = node(domid, "console");
	unsigned int length;
	void *present = xs_read(xs, t, folder, &length);
	struct xs_permissions perms[] = {
		{ .id = 0, .perms = XS_PERM_NONE },
		{ .id = domid, .perms = XS_PERM_READ },
	};

	free(present);
	return present && xs_write(xs, t, path, value, strlen(value)) &&
	       xs_set_permissions(xs, t, path, perms, G_N_ELEMENTS(perms));
}

void store_write(uint32_t domid, const char *name, const char *value)
{
	g_autofree char *path = node(domid, name);
	bool done = false, again = xs;

	while (again) {
		xs_transaction_t t = xs_transaction_start(xs);
		bool ended;

		done = t != XBT_NULL && write_in(t, domid, path, value);
		ended = t != XBT_NULL && xs_transaction_end(xs, t, !done);
		again = done && !ended && errno == EAGAIN;
		done = done && ended;
	}
	if (!done)
		complain("%s cannot be written: %s", path, g_strerror(errno));
}

void store_watch(uint32_t domid, bool on)
{
	g_autofree char *path = node(domid, "console");
	g_autofree char *token = g_strdup_printf("%u", domid);

	if (g_hash_table_contains(watched, GUINT_TO_POINTER(domid)) == on || !xs)
		return;
	if (on) {
		if (xs_watch(xs, path, token))
			g_hash_table_add(watched, GUINT_TO_POINTER(domid));
	} else {
		xs_unwatch(xs, path, token);
		g_hash_table_remove(watched, GUINT_TO_POINTER(domid));
	}
}

static gboolean on_retry(gpointer data)
{
	if (!connect_store())
		return G_SOURCE_CONTINUE;
	mention("xenstored is back");
	retrying = 0;
	refresh_domains();
	return G_SOURCE_REMOVE;
}

/* Consoles go on without xenstored; only new ones have to wait. */
static void lost(void)
{
	complain("the connection to xenstored is lost: %s", g_strerror(errno));
	if (source)
		g_source_remove(source);
	source = 0;
	xs_close(xs);
	xs = NULL;
	g_hash_table_remove_all(watched);
	retrying = g_timeout_add_seconds(RETRY_SECONDS, on_retry, NULL);
}

static void take_watch(const char *token)
{
	uint64_t domid;

	if (g_ascii_string_to_unsigned(token, 10, 0, G_MAXUINT16, &domid, NULL))
		console_update(domid);
	else
		refresh_domains();
}

static gboolean on_watch(gint fd, GIOCondition condition, gpointer data)
{
	char **event;

	while (xs && (event = xs_check_watch(xs))) {
		take_watch(event[XS_WATCH_TOKEN]);
		free(event);
	}
	if (errno == EAGAIN || !xs)
		return G_SOURCE_CONTINUE;
	source = 0;
	lost();
	return G_SOURCE_REMOVE;
}

static bool connect_store(void)
{
	xs = xs_open(XS_OPEN_SOCKETONLY);
	if (!xs)
		return false;
	if (!xs_watch(xs, "@introduceDomain", "domains") ||
		!xs_watch(xs, "@releaseDomain", "domains")) {
		xs_close(xs);
		xs = NULL;
		return false;
	}
	source = g_unix_fd_add(xs_fileno(xs), G_IO_IN, on_watch, NULL);
	return true;
}

bool store_init(void)
{
	watched = g_hash_table_new(NULL, NULL);
	return connect_store();
}

void store_exit(void)
{
	if (source)
		g_source_remove(source);
	if (retrying)
		g_source_remove(retrying);
	if (xs)
		xs_close(xs);
	g_hash_table_destroy(watched);
}
