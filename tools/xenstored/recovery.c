/* Bringing back what the journal says. */
#include <string.h>

#include "conn.h"
#include "hv.h"
#include "log.h"
#include "quota.h"
#include "recovery.h"
#include "ring.h"
#include "watch.h"

/* What a domain's ring will get back when it is connected. */
struct memory {
	GPtrArray *watches;   /* struct old_watch */
	GArray *transactions; /* uint32_t */
	int last;             /* number of the last request that changed something; -1: none */
	char result[12];      /* what it was answered */
};

struct old_watch {
	char *path, *token;
	size_t relative;
};

struct reader {
	const uint8_t *at, *end;
	bool bad;
	uint16_t domid, number; /* of the request that made the record */
};

static GHashTable *memories; /* domid to struct memory */
static bool only_tree;

static void old_watch_free(gpointer data)
{
	struct old_watch *watch = data;

	g_free(watch->path);
	g_free(watch->token);
	g_free(watch);
}

static void memory_free(gpointer data)
{
	struct memory *memory = data;

	g_ptr_array_free(memory->watches, TRUE);
	g_array_free(memory->transactions, TRUE);
	g_free(memory);
}

static struct memory *memory_of(unsigned domid)
{
	struct memory *memory;

	if (!memories)
		memories = g_hash_table_new_full(NULL, NULL, NULL, memory_free);
	memory = g_hash_table_lookup(memories, GUINT_TO_POINTER(domid));
	if (memory)
		return memory;
	memory = g_new0(struct memory, 1);
	memory->watches = g_ptr_array_new_with_free_func(old_watch_free);
	memory->transactions = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	memory->last = -1;
	g_hash_table_insert(memories, GUINT_TO_POINTER(domid), memory);
	return memory;
}

static const void *get(struct reader *reader, size_t len)
{
	static const uint8_t zeros[16];
	const void *at = reader->at;

	if (reader->bad || len > (size_t)(reader->end - reader->at)) {
		reader->bad = true;
		return zeros;
	}
	reader->at += len;
	return at;
}

static uint16_t get16(struct reader *reader)
{
	uint16_t value;

	memcpy(&value, get(reader, sizeof(value)), sizeof(value));
	return value;
}

static uint32_t get32(struct reader *reader)
{
	uint32_t value;

	memcpy(&value, get(reader, sizeof(value)), sizeof(value));
	return value;
}

static uint64_t get64(struct reader *reader)
{
	uint64_t value;

	memcpy(&value, get(reader, sizeof(value)), sizeof(value));
	return value;
}

static const char *get_bytes(struct reader *reader, size_t *len)
{
	const void *bytes;

	*len = get32(reader);
	bytes = get(reader, *len);
	if (reader->bad)
		*len = 0;
	return bytes;
}

static char *get_string(struct reader *reader)
{
	size_t len;
	const char *text = get_bytes(reader, &len);

	return g_strndup(text, len);
}

static struct perms *get_perms(struct reader *reader)
{
	struct perm list[XENSTORE_PAYLOAD_MAX] = { { 0 } };
	size_t len;
	const char *bytes = get_bytes(reader, &len);

	if (!len || len > sizeof(list) || len % sizeof(list[0])) {
		reader->bad = true;
		len = sizeof(list[0]);
	} else {
		memcpy(list, bytes, len);
	}
	return perms_get(list, len / sizeof(list[0]));
}

static void read_set(struct reader *reader)
{
	size_t path_size, value_size, nearest;
	const char *path = get_bytes(reader, &path_size);
	const char *value = get_bytes(reader, &value_size);
	struct perms *perms = get_perms(reader);

	node_nearest(store_root, path, path_size, &nearest);
	if (!reader->bad && (!path_size || nearest >= path_parent(path, path_size))) {
		store_put(&store_view, path, path_size, value_new(value, value_size), perms);
	} else {
		reader->bad = true;
		perms_unref(perms);
	}
}

static void read_rm(struct reader *reader)
{
	size_t len;
	const char *path = get_bytes(reader, &len);

	if (reader->bad || !len || !node_find(store_root, path, len))
		reader->bad = true;
	else
		store_remove(&store_view, path, len);
}

static void read_special(struct reader *reader)
{
	char *name = get_string(reader);
	struct perms *perms = get_perms(reader);

	special_set_perms(name, perms);
	g_free(name);
}

static void read_introduce(struct reader *reader)
{
	unsigned domid = get16(reader);
	struct domain fresh = { .domid = domid }, *domain;
	size_t len;
	const char *handle;

	fresh.gfn = get64(reader);
	fresh.port = get32(reader);
	handle = get_bytes(reader, &len);
	fresh.target = get16(reader);
	fresh.shutdown = get16(reader);
	if (reader->bad || len != sizeof(fresh.handle) || domid >= DOMID_LIMIT) {
		reader->bad = true;
		return;
	}
	if (only_tree)
		return;
	domain = domain_add(domid);
	memcpy(domain->handle, handle, sizeof(domain->handle));
	domain->gfn = fresh.gfn;
	domain->port = fresh.port;
	domain->target = fresh.target;
	domain->shutdown = fresh.shutdown;
	domain->known = domain->introduced = true;
}

static void read_release(struct reader *reader)
{
	unsigned domid = get16(reader);

	if (memories)
		g_hash_table_remove(memories, GUINT_TO_POINTER(domid));
	if (domid)
		g_hash_table_remove(domains, GUINT_TO_POINTER(domid));
}

static void read_target(struct reader *reader)
{
	unsigned domid = get16(reader), target = get16(reader);
	struct domain *domain = domain_find(domid);

	if (domain && !reader->bad)
		domain->target = target;
}

static void read_watch(struct reader *reader)
{
	struct old_watch *watch = g_new(struct old_watch, 1);
	unsigned domid = get16(reader);

	watch->path = get_string(reader);
	watch->relative = get16(reader);
	watch->token = get_string(reader);
	if (reader->bad || watch->relative > strlen(watch->path)) {
		reader->bad = true;
		old_watch_free(watch);
		return;
	}
	g_ptr_array_add(memory_of(domid)->watches, watch);
}

static void read_unwatch(struct reader *reader)
{
	GPtrArray *watches = memory_of(get16(reader))->watches;
	char *path = get_string(reader), *token = get_string(reader);

	for (unsigned i = 0; i < watches->len; i++) {
		struct old_watch *watch = watches->pdata[i];

		if (!strcmp(watch->path, path) && !strcmp(watch->token, token)) {
			g_ptr_array_remove_index(watches, i);
			break;
		}
	}
	g_free(path);
	g_free(token);
}

static void read_reset(struct reader *reader)
{
	struct memory *memory = memory_of(get16(reader));

	g_ptr_array_set_size(memory->watches, 0);
	g_array_set_size(memory->transactions, 0);
}

static void read_transaction(struct reader *reader)
{
	unsigned domid = get16(reader);
	struct memory *memory = memory_of(domid);
	uint32_t id = get32(reader);
	bool open = get16(reader);

	for (unsigned i = 0; i < memory->transactions->len; i++)
		if (g_array_index(memory->transactions, uint32_t, i) == id)
			g_array_remove_index(memory->transactions, i--);
	if (!open)
		return;
	g_array_append_val(memory->transactions, id);
	if (domid == reader->domid)
		g_snprintf(memory->result, sizeof(memory->result), "%u", id);
}

static void read_quota(struct reader *reader)
{
	char *name = get_string(reader);
	uint32_t value = get32(reader);

	if (!reader->bad && !only_tree)
		quota_set(name, value);
	g_free(name);
}

static void (*const readers[256])(struct reader *) = {
	[NOTE_SET] = read_set,
	[NOTE_RM] = read_rm,
	[NOTE_SPECIAL] = read_special,
	[NOTE_INTRODUCE] = read_introduce,
	[NOTE_RELEASE] = read_release,
	[NOTE_TARGET] = read_target,
	[NOTE_WATCH] = read_watch,
	[NOTE_UNWATCH] = read_unwatch,
	[NOTE_RESET] = read_reset,
	[NOTE_TRANSACTION] = read_transaction,
	[NOTE_QUOTA] = read_quota,
};

bool recovery_record(const void *data, size_t len, bool tree_only)
{
	struct reader reader = { .at = data, .end = (const uint8_t *)data + len };

	only_tree = tree_only;
	reader.domid = get16(&reader);
	reader.number = get16(&reader);
	if (reader.domid != NO_DOMAIN) {
		memory_of(reader.domid)->last = reader.number;
		strcpy(memory_of(reader.domid)->result, "OK");
	}
	while (!reader.bad && reader.at < reader.end) {
		void (*read)(struct reader *) = readers[*reader.at++];

		if (!read) {
			log_error("the journal has a note of unknown kind");
			return false;
		}
		read(&reader);
	}
	return !reader.bad;
}

/* Watches and transactions, as far as they may be had back: a transaction can only end with EAGAIN.
 */
static void restore_conn(struct conn *conn, const struct memory *memory)
{
	for (unsigned i = 0; i < memory->watches->len; i++) {
		const struct old_watch *watch = memory->watches->pdata[i];

		watch_add(conn, watch->path, watch->relative, watch->token);
		g_clear_pointer(&conn->after_reply, g_byte_array_unref);
	}
	for (unsigned i = 0; i < memory->transactions->len; i++) {
		uint32_t id = g_array_index(memory->transactions, uint32_t, i);
		struct transaction *transaction = transaction_new(conn->domain, id);

		transaction->doomed = true;
		g_ptr_array_add(conn->transactions, transaction);
		conn->next_transaction = MAX(conn->next_transaction, id);
	}
	watch_fire_all(conn);
}

static void resume(struct domain *domain)
{
	struct memory *memory = memory_of(domain->domid);
	struct hv_domain info;
	bool alive = hv_there() && !hv_domain(domain->domid, &info) && !info.dying &&
		     !memcmp(info.handle, domain->handle, sizeof(info.handle));

	if (domain->domid && !alive) {
		domain_release(domain);
	} else if (hv_there() && ring_open(domain, true, memory->last, memory->result)) {
		log_error("domain %u: its ring cannot be connected again", domain->domid);
		if (domain->domid)
			domain_release(domain);
	} else if (domain->conn) {
		restore_conn(domain->conn, memory);
	}
}

void recovery_resume(void)
{
	GList *all = g_hash_table_get_values(domains);

	for (GList *i = all; i; i = i->next)
		if (((struct domain *)i->data)->introduced)
			resume(i->data);
	g_list_free(all);
	g_clear_pointer(&memories, g_hash_table_destroy);
}
