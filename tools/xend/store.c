#include "store.h"

#include <glib-unix.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "log.h"

/* How often a wait looks at a node that cannot be watched, and a transaction is repeated. */
#define WAIT_STEP_MS 20
#define MAX_TRIES    100

static struct xs_handle *handle, *watches;
static guint watch_source;
static GHashTable *functions;

/* Gives @path the text that the arguments behind @format make of it. */
#define FORMAT_PATH(path, format)                                                                  \
	do {                                                                                       \
		va_list args;                                                                      \
                                                                                                   \
		va_start(args, format);                                                            \
		path = g_strdup_vprintf(format, args);                                             \
		va_end(args);                                                                      \
	} while (0)

char *store_read(const char *path_format, ...)
{
	g_autofree char *path = NULL;
	char *value, *copy;
	unsigned int length;

	FORMAT_PATH(path, path_format);
	value = xs_read(handle, XBT_NULL, path, &length);
	if (!value)
		return NULL;
	/* What a guest wrote may be any bytes. */
	copy = g_utf8_make_valid(value, strnlen(value, length));
	free(value);
	return copy;
}

bool store_exists(const char *path_format, ...)
{
	g_autofree char *path = NULL;
	unsigned int length;
	void *value;

	FORMAT_PATH(path, path_format);
	value = xs_read(handle, XBT_NULL, path, &length);
	free(value);
	return value;
}

char **store_list(const char *path_format, ...)
{
	g_autofree char *path = NULL;
	unsigned int i, n;
	char **names, **copy;

	FORMAT_PATH(path, path_format);
	names = xs_directory(handle, XBT_NULL, path, &n);
	if (!names)
		return NULL;
	copy = g_new0(char *, n + 1);
	for (i = 0; i < n; i++)
		copy[i] = g_strdup(names[i]);
	free(names);
	return copy;
}

bool store_write(const char *path, const char *value)
{
	return xs_write(handle, XBT_NULL, path, value, strlen(value));
}

bool store_remove(const char *path_format, ...)
{
	g_autofree char *path = NULL;

	FORMAT_PATH(path, path_format);
	return xs_rm(handle, XBT_NULL, path) || errno == ENOENT;
}

/* One change; a directory has permissions, others a value, removals neither. */
struct change {
	char *path, *value;
	bool remove, permit;
	struct xs_permissions permissions[2];
	unsigned int nr_permissions;
};

struct store_batch {
	GPtrArray *changes;
};

static void change_free(void *data)
{
	struct change *change = data;

	g_free(change->path);
	g_free(change->value);
	g_free(change);
}

struct store_batch *store_batch_new(void)
{
	struct store_batch *batch = g_new0(struct store_batch, 1);

	batch->changes = g_ptr_array_new_with_free_func(change_free);
	return batch;
}

void store_batch_free(struct store_batch *batch)
{
	g_ptr_array_unref(batch->changes);
	g_free(batch);
}

static struct change *add_change(struct store_batch *batch, const char *path)
{
	struct change *change = g_new0(struct change, 1);

	change->path = g_strdup(path);
	g_ptr_array_add(batch->changes, change);
	return change;
}

void store_batch_write(struct store_batch *batch, const char *path, const char *value)
{
	add_change(batch, path)->value = g_strdup(value);
}

void store_batch_put(struct store_batch *batch, const char *base, const char *name,
	const char *value_format, ...)
{
	g_autofree char *path = g_strdup_printf("%s/%s", base, name);
	va_list args;

	va_start(args, value_format);
	add_change(batch, path)->value = g_strdup_vprintf(value_format, args);
	va_end(args);
}

void store_batch_give(struct store_batch *batch, const char *path, uint32_t owner, uint32_t reader)
{
	struct change *change = add_change(batch, path);

	change->permit = true;
	change->permissions[0] = (struct xs_permissions){ .id = owner, .perms = XS_PERM_NONE };
	change->permissions[1] = (struct xs_permissions){ .id = reader, .perms = XS_PERM_READ };
	change->nr_permissions = owner == reader ? 1 : 2;
}

void store_batch_mkdir(struct store_batch *batch, const char *path, uint32_t owner, uint32_t reader)
{
	store_batch_remove(batch, path);
	store_batch_write(batch, path, "");
	store_batch_give(batch, path, owner, reader);
}

void store_batch_remove(struct store_batch *batch, const char *path)
{
	add_change(batch, path)->remove = true;
}

static bool apply(xs_transaction_t t, struct change *change)
{
	if (change->remove)
		return xs_rm(handle, t, change->path) || errno == ENOENT;
	if (change->permit)
		return xs_set_permissions(
			handle, t, change->path, change->permissions, change->nr_permissions);
	return xs_write(handle, t, change->path, change->value, strlen(change->value));
}

/* EAGAIN: others have changed what we touched. */
static bool apply_all(struct store_batch *batch, GError **error)
{
	xs_transaction_t t = xs_transaction_start(handle);
	unsigned int i;

	if (t == XBT_NULL)
		return fail_errno(error, "cannot start a transaction in xenstore"), false;
	for (i = 0; i < batch->changes->len; i++) {
		struct change *change = batch->changes->pdata[i];
		int reason;

		if (apply(t, change))
			continue;
		reason = errno;
		xs_transaction_end(handle, t, true);
		errno = reason;
		return fail_errno(error, "cannot write %s to xenstore", change->path), false;
	}
	if (xs_transaction_end(handle, t, false))
		return true;
	return fail_errno(error, "cannot end a transaction in xenstore"), false;
}

bool store_batch_commit(struct store_batch *batch, GError **error)
{
	g_autoptr(GError) cause = NULL;
	bool done = false;

	for (unsigned int tries = 0; tries < MAX_TRIES && !done; tries++) {
		g_clear_error(&cause);
		errno = 0;
		done = apply_all(batch, &cause);
		if (!done && errno != EAGAIN)
			break;
	}
	store_batch_free(batch);
	if (!done)
		g_propagate_error(error, g_steal_pointer(&cause));
	return done;
}

/* Until @own tells of a change, or up to @end; for a step where it is not there or has broken. */
static void wait_change(struct xs_handle *own, gint64 end)
{
	gint64 left = MAX(end - g_get_monotonic_time(), 0) / 1000 + 1;
	GPollFD fd = { .fd = own ? xs_fileno(own) : -1, .events = G_IO_IN };
	bool told = false;
	char **event;

	if (!own) {
		g_usleep(WAIT_STEP_MS * 1000);
		return;
	}
	if (!g_poll(&fd, 1, MIN(left, G_MAXINT)))
		return;
	while ((event = xs_check_watch(own))) {
		told = true;
		free(event);
	}
	if (!told)
		g_usleep(WAIT_STEP_MS * 1000);
}

bool store_wait_for(const char *path, const char *const *wanted, unsigned int seconds, char **value)
{
	gint64 end = g_get_monotonic_time() + seconds * G_TIME_SPAN_SECOND;
	struct xs_handle *own = xs_open(XS_OPEN_SOCKETONLY);
	bool found;

	if (own && !xs_watch(own, path, path))
		g_clear_pointer(&own, xs_close);
	*value = NULL;
	do {
		g_free(*value);
		*value = store_read("%s", path);
		found = *value && g_strv_contains(wanted, *value);
		if (!found)
			wait_change(own, end);
	} while (!found && g_get_monotonic_time() < end);
	if (own)
		xs_close(own);
	return found;
}

/* Watches have tokens equal to their paths. */
static gboolean on_watches(int fd, GIOCondition condition, void *data)
{
	char **event;

	while ((event = xs_check_watch(watches))) {
		void (*function)(const char *) =
			g_hash_table_lookup(functions, event[XS_WATCH_TOKEN]);

		if (function)
			function(event[XS_WATCH_PATH]);
		free(event);
	}
	if (errno == EAGAIN)
		return G_SOURCE_CONTINUE;
	log_error("the connection to xenstored is lost");
	watch_source = 0;
	return G_SOURCE_REMOVE;
}

bool store_watch(const char *path, void (*function)(const char *path))
{
	g_hash_table_insert(functions, g_strdup(path), function);
	return xs_watch(watches, path, path);
}

bool store_open(GError **error)
{
	handle = xs_open(XS_OPEN_SOCKETONLY);
	watches = handle ? xs_open(XS_OPEN_SOCKETONLY) : NULL;
	if (!watches)
		return fail_errno(error, "cannot connect to xenstored"), false;
	functions = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	watch_source = g_unix_fd_add(xs_fileno(watches), G_IO_IN, on_watches, NULL);
	return true;
}

void store_close(void)
{
	g_clear_handle_id(&watch_source, g_source_remove);
	g_clear_pointer(&watches, xs_close);
	g_clear_pointer(&handle, xs_close);
	g_clear_pointer(&functions, g_hash_table_unref);
}

bool store_introduce(uint32_t domid, uint64_t mfn, uint32_t port, GError **error)
{
	if (xs_introduce_domain(handle, domid, mfn, port))
		return true;
	return fail_errno(error, "xenstored does not accept domain %u", domid), false;
}

void store_release(uint32_t domid)
{
	xs_release_domain(handle, domid);
}
