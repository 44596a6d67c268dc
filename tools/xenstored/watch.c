/* Watches and events. */
#include <errno.h>

#include "conn.h"
#include "journal.h"
#include "quota.h"
#include "watch.h"

GHashTable *special_perms;
unsigned watch_count;

/* A path or the beginning of one; the hash of a beginning is known on the way to the hash of the
 * whole. */
struct key {
	guint hash, len;
	const char *path;
};

/* The watches of one path. */
struct place {
	struct key key;
	GPtrArray *watches; /* struct watch */
};

static GHashTable *places; /* struct key to struct place */

/* An event that waits for its request to be answered. */
struct event {
	struct perms *perms, *parent; /* who may see it; NULL: nobody by that */
	bool exact;                   /* only for watches of this very path */
	char path[];
};

static GQueue pending = G_QUEUE_INIT;

static size_t watch_bytes(const struct watch *watch)
{
	return sizeof(*watch) + strlen(watch->path) + strlen(watch->token);
}

static void account(const struct watch *watch, int sign)
{
	struct domain *domain = watch->conn->domain;

	domain->watches += sign;
	domain->memory += sign * (ssize_t)watch_bytes(watch);
	watch_count += sign;
}

static void add_to_hash(struct key *key, char c)
{
	key->hash = key->hash * 33 + (unsigned char)c;
	key->len++;
}

static struct key key_of(const char *path)
{
	struct key key = { .path = path };

	while (path[key.len])
		add_to_hash(&key, path[key.len]);
	return key;
}

static guint key_hash(gconstpointer key)
{
	return ((const struct key *)key)->hash;
}

static gboolean key_equal(gconstpointer a, gconstpointer b)
{
	const struct key *left = a, *right = b;

	return left->len == right->len && !memcmp(left->path, right->path, left->len);
}

static struct place *place_of(const char *path)
{
	struct key key = key_of(path);

	return places ? g_hash_table_lookup(places, &key) : NULL;
}

static struct place *place_new(const char *path)
{
	struct place *place = g_new(struct place, 1);

	if (!places)
		places = g_hash_table_new(key_hash, key_equal);
	place->key = key_of(g_strdup(path));
	place->watches = g_ptr_array_new();
	g_hash_table_insert(places, &place->key, place);
	return place;
}

static void place_free(struct place *place)
{
	g_hash_table_remove(places, &place->key);
	g_ptr_array_free(place->watches, TRUE);
	g_free((char *)place->key.path);
	g_free(place);
}

static void watch_free(struct watch *watch)
{
	g_free(watch->path);
	g_free(watch->token);
	g_free(watch);
}

static void send_event(const struct watch *watch, const char *path)
{
	if (strlen(path) < watch->relative)
		return;
	conn_event(watch->conn, path + watch->relative, watch->token);
}

static struct watch *find(const struct conn *conn, const char *path, const char *token)
{
	const struct place *place = place_of(path);

	for (unsigned i = 0; place && i < place->watches->len; i++) {
		struct watch *watch = place->watches->pdata[i];

		if (watch->conn == conn && !strcmp(watch->token, token))
			return watch;
	}
	return NULL;
}

int watch_add(struct conn *conn, const char *path, size_t relative, const char *token)
{
	struct watch *watch;
	struct place *place;

	if (find(conn, path, token))
		return EEXIST;
	if (!domain_privileged(conn->domain) && (conn->domain->watches >= quota(QUOTA_WATCHES) ||
							conn->domain->memory > quota(QUOTA_MEMORY)))
		return E2BIG;
	watch = g_new(struct watch, 1);
	*watch = (struct watch){ conn, g_strdup(path), g_strdup(token), relative };
	place = place_of(path);
	if (!place)
		place = place_new(path);
	g_ptr_array_add(place->watches, watch);
	g_ptr_array_add(conn->watches, watch);
	account(watch, 1);
	conn_after_reply(conn, path + relative, token);
	return 0;
}

static void unlink_watch(struct watch *watch)
{
	struct place *place = place_of(watch->path);

	g_ptr_array_remove(place->watches, watch);
	if (!place->watches->len)
		place_free(place);
	account(watch, -1);
	watch_free(watch);
}

int watch_remove(struct conn *conn, const char *path, const char *token)
{
	struct watch *watch = find(conn, path, token);

	if (!watch)
		return ENOENT;
	g_ptr_array_remove(conn->watches, watch);
	unlink_watch(watch);
	return 0;
}

void watch_remove_all(struct conn *conn)
{
	for (unsigned i = 0; i < conn->watches->len; i++)
		unlink_watch(conn->watches->pdata[i]);
	g_ptr_array_set_size(conn->watches, 0);
}

void watch_fire_all(struct conn *conn)
{
	for (unsigned i = 0; i < conn->watches->len; i++) {
		struct watch *watch = conn->watches->pdata[i];

		send_event(watch, watch->path);
	}
}

static void add_event(
	const char *path, size_t len, struct perms *perms, struct perms *parent, bool exact)
{
	struct event *event = g_malloc(sizeof(*event) + len + 2);

	event->perms = perms ? perms_ref(perms) : NULL;
	event->parent = parent ? perms_ref(parent) : NULL;
	event->exact = exact;
	memcpy(event->path, len ? path : "/", len ? len : 1);
	event->path[len ? len : 1] = 0;
	g_queue_push_tail(&pending, event);
}

void event_changed(const char *path, size_t len, struct perms *perms, struct perms *parent)
{
	if (watch_count)
		add_event(path, len, perms, parent, false);
}

static void removed_below(GString *path, struct node *node)
{
	size_t len = path->len;

	for (unsigned i = 0; i < node_kids(node); i++) {
		struct node *kid = node->kids->nodes[i];

		g_string_append_c(path, '/');
		g_string_append_len(path, kid->name, kid->name_len);
		removed_below(path, kid);
		if (place_of(path->str))
			add_event(path->str, path->len, kid->perms, node->perms, true);
		g_string_truncate(path, len);
	}
}

void event_removed(const char *path, size_t len, struct node *node, struct perms *parent)
{
	GString *below;

	if (!watch_count)
		return;
	below = g_string_new_len(path, len);
	removed_below(below, node);
	g_string_free(below, TRUE);
	add_event(path, len, node->perms, parent, false);
}

void event_domain(const char *name, unsigned domid)
{
	char one[64];

	if (!watch_count)
		return;
	g_snprintf(one, sizeof(one), "%s/%u", name, domid);
	add_event(one, strlen(one), NULL, NULL, false);
}

static bool may_see_special(const struct watch *watch)
{
	struct perms *perms =
		special_perms ? g_hash_table_lookup(special_perms, watch->path) : NULL;

	if (domain_privileged(watch->conn->domain))
		return true;
	if (!perms && special_perms && strchr(watch->path, '/')) {
		char *base = g_strndup(watch->path, strchr(watch->path, '/') - watch->path);

		perms = g_hash_table_lookup(special_perms, base);
		g_free(base);
	}
	return perms && (domain_rights(watch->conn->domain, perms) & PERM_READ);
}

static bool may_see(const struct watch *watch, const struct event *event)
{
	const struct domain *domain = watch->conn->domain;

	if (event->path[0] == '@')
		return may_see_special(watch);
	return (event->perms && (domain_rights(domain, event->perms) & PERM_READ)) ||
	       (event->parent && (domain_rights(domain, event->parent) & PERM_READ));
}

/* Delivers to the watches of one path, which is the event's own or one above it. */
static void deliver(const struct key *key, const struct event *event)
{
	const struct place *place = g_hash_table_lookup(places, key);
	bool special = event->path[0] == '@';

	for (unsigned i = 0; place && i < place->watches->len; i++) {
		const struct watch *watch = place->watches->pdata[i];

		if (may_see(watch, event))
			send_event(watch, special ? watch->path : event->path);
	}
}

static void deliver_all(const struct event *event)
{
	struct key key = { .path = event->path };

	for (const char *at = event->path; *at; at++) {
		/* The path above; that of the root is the slash itself. */
		if (*at == '/' && at > event->path && !event->exact)
			deliver(&key, event);
		add_to_hash(&key, *at);
		if (at == event->path && *at == '/' && at[1] && !event->exact)
			deliver(&key, event);
	}
	deliver(&key, event);
}

void events_send(void)
{
	struct event *event;

	while ((event = g_queue_pop_head(&pending))) {
		if (watch_count)
			deliver_all(event);
		perms_unref(event->perms);
		perms_unref(event->parent);
		g_free(event);
	}
}

static void free_perms(gpointer perms)
{
	perms_unref(perms);
}

void special_set_perms(const char *name, struct perms *perms)
{
	if (!special_perms)
		special_perms = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_perms);
	g_hash_table_insert(special_perms, g_strdup(name), perms);
	journal_special(name, perms);
}

void special_forget_domain(uint16_t domid)
{
	GHashTableIter iter;
	gpointer name, perms;

	if (!special_perms)
		return;
	g_hash_table_iter_init(&iter, special_perms);
	while (g_hash_table_iter_next(&iter, &name, &perms)) {
		if (!perms_mention(perms, domid))
			continue;
		perms = perms_without(perms, domid);
		g_hash_table_iter_replace(&iter, perms);
		journal_special(name, perms);
	}
}
