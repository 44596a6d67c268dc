/* Transactions: what they used, whether that still holds, and bringing their changes into the
 * store. */
#include <errno.h>

#include "journal.h"
#include "quota.h"
#include "transaction.h"
#include "watch.h"

struct access {
	unsigned how;
	size_t len; /* as in path_len() */
	char path[];
};

struct transaction *transaction_new(struct domain *domain, uint32_t id)
{
	struct transaction *transaction = g_new0(struct transaction, 1);

	transaction->id = id;
	transaction->domain = domain;
	transaction->base = node_ref(store_root);
	transaction->root = node_ref(store_root);
	transaction->view = (struct view){ &transaction->root, transaction };
	domain->transactions++;
	return transaction;
}

void transaction_free(struct transaction *transaction)
{
	transaction->domain->transactions--;
	node_unref(transaction->base);
	node_unref(transaction->root);
	if (transaction->accesses) {
		g_hash_table_destroy(transaction->accesses);
		g_ptr_array_free(transaction->writes, TRUE);
	}
	if (transaction->accounts)
		g_array_free(transaction->accounts, TRUE);
	g_free(transaction);
}

static guint access_hash(gconstpointer key)
{
	const struct access *access = key;
	guint value = 5381;

	for (size_t i = 0; i < access->len; i++)
		value = value * 33 + (unsigned char)access->path[i];
	return value;
}

static gboolean access_equal(gconstpointer a, gconstpointer b)
{
	const struct access *left = a, *right = b;

	return left->len == right->len && !memcmp(left->path, right->path, left->len);
}

int transaction_note(struct transaction *transaction, const char *path, size_t len, unsigned how)
{
	struct access *fresh = g_malloc(sizeof(*fresh) + len + 1), *access;

	if (!transaction->accesses) {
		transaction->accesses =
			g_hash_table_new_full(access_hash, access_equal, g_free, NULL);
		transaction->writes = g_ptr_array_new();
	}
	*fresh = (struct access){ .len = len };
	memcpy(fresh->path, path, len);
	fresh->path[len] = 0;
	access = g_hash_table_lookup(transaction->accesses, fresh);
	if (access) {
		g_free(fresh);
	} else if (!domain_privileged(transaction->domain) &&
		   g_hash_table_size(transaction->accesses) >= quota(QUOTA_TRANSACTION_NODES)) {
		g_free(fresh);
		return ENOSPC;
	} else {
		access = fresh;
		g_hash_table_add(transaction->accesses, access);
	}
	if ((how & ACCESS_WRITE) && !(access->how & ACCESS_WRITE))
		g_ptr_array_add(transaction->writes, access);
	access->how |= how;
	return 0;
}

struct account *transaction_account(struct transaction *transaction, uint16_t domid)
{
	struct account fresh = { .domid = domid };

	if (!transaction->accounts)
		transaction->accounts = g_array_new(FALSE, FALSE, sizeof(struct account));
	for (unsigned i = 0; i < transaction->accounts->len; i++) {
		struct account *account = &g_array_index(transaction->accounts, struct account, i);

		if (account->domid == domid)
			return account;
	}
	g_array_append_val(transaction->accounts, fresh);
	return &g_array_index(
		transaction->accounts, struct account, transaction->accounts->len - 1);
}

static uint64_t names_generation(const struct node *node)
{
	return node->kids ? node->kids->generation : 0;
}

/* Whether what the transaction relied on still holds. */
static bool still_holds(const struct transaction *transaction, const struct access *access)
{
	const struct node *then = node_find(transaction->base, access->path, access->len);
	const struct node *now = node_find(store_root, access->path, access->len);

	if (then == now)
		return true;
	if (!then || !now || (access->how & ACCESS_SUBTREE))
		return false;
	if (then->perms != now->perms)
		return false;
	if ((access->how & ACCESS_NODE) && then->value != now->value)
		return false;
	return !(access->how & ACCESS_LIST) || names_generation(then) == names_generation(now);
}

static bool conflicts(const struct transaction *transaction)
{
	GHashTableIter iter;
	gpointer access;

	if (transaction->doomed)
		return true;
	if (transaction->base == store_root || !transaction->accesses)
		return false;
	g_hash_table_iter_init(&iter, transaction->accesses);
	while (g_hash_table_iter_next(&iter, &access, NULL))
		if (!still_holds(transaction, access))
			return true;
	return false;
}

/* Accounts may have moved since: other transactions of the domain were committed. */
static bool over_quota(const struct transaction *transaction)
{
	for (unsigned i = 0; transaction->accounts && i < transaction->accounts->len; i++) {
		struct account *account = &g_array_index(transaction->accounts, struct account, i);
		struct domain *domain = domain_add(account->domid);

		if (domain_privileged(domain) || domain_privileged(transaction->domain))
			continue;
		if (account->nodes > 0 && domain->nodes + account->nodes > quota(QUOTA_NODES))
			return true;
		if (account->bytes > 0 && domain->memory + account->bytes > quota(QUOTA_MEMORY))
			return true;
	}
	return false;
}

/* A domain that died during the transaction must not get nodes or rights. */
static bool names_the_dead(const struct transaction *transaction)
{
	for (unsigned i = 0; i < transaction->writes->len; i++) {
		const struct access *access = transaction->writes->pdata[i];
		const struct node *node = node_find(transaction->root, access->path, access->len);

		if (node && !domain_find(node->perms->list[0].domid))
			return true;
	}
	return false;
}

static void journal_tree(GString *path, const struct node *node)
{
	size_t len = path->len;

	journal_set(path->str, len, node);
	for (unsigned i = 0; i < node_kids(node); i++) {
		const struct node *kid = node->kids->nodes[i];

		g_string_append_c(path, '/');
		g_string_append_len(path, kid->name, kid->name_len);
		journal_tree(path, kid);
		g_string_truncate(path, len);
	}
}

static struct perms *parent_perms(struct node *root, const struct access *access)
{
	struct node *parent;

	if (!access->len)
		return NULL;
	parent = node_find(root, access->path, path_parent(access->path, access->len));
	return parent ? parent->perms : NULL;
}

/* Journal and events of one written node; before the store changes. */
static void announce(const struct transaction *transaction, const struct access *access)
{
	struct node *then = node_find(transaction->base, access->path, access->len);
	struct node *node = node_find(transaction->root, access->path, access->len);

	if (then && (access->how & ACCESS_SUBTREE)) {
		event_removed(
			access->path, access->len, then, parent_perms(transaction->base, access));
		journal_rm(access->path, access->len);
	}
	if (!node)
		return;
	if (access->how & ACCESS_EVENT)
		event_changed(access->path, access->len, node->perms,
			parent_perms(transaction->root, access));
	if (access->how & ACCESS_SUBTREE) {
		GString *path = g_string_new_len(access->path, access->len);

		journal_tree(path, node);
		g_string_free(path, TRUE);
	} else {
		journal_set(access->path, access->len, node);
	}
}

/* One written node into a store that has changed elsewhere. */
static void merge(const struct transaction *transaction, const struct access *access)
{
	struct node *node = node_find(transaction->root, access->path, access->len);
	struct node *now = node_find(store_root, access->path, access->len);

	if (now && (access->how & ACCESS_SUBTREE)) {
		store_remove(&store_view, access->path, access->len);
		now = NULL;
	}
	if (!node)
		return;
	if (now || !(access->how & ACCESS_SUBTREE)) {
		store_put(&store_view, access->path, access->len, value_ref(node->value),
			perms_ref(node->perms));
		return;
	}
	node_add(node_own(&store_root, access->path, path_parent(access->path, access->len)),
		node_ref(node));
	store_account_tree(&store_view, node, 1);
}

static void replace_root(struct transaction *transaction)
{
	for (unsigned i = 0; transaction->accounts && i < transaction->accounts->len; i++) {
		struct account *account = &g_array_index(transaction->accounts, struct account, i);
		struct domain *domain = domain_add(account->domid);

		domain->nodes += account->nodes;
		domain->memory += account->bytes;
	}
	node_unref(store_root);
	store_root = node_ref(transaction->root);
}

int transaction_commit(struct transaction *transaction)
{
	if (conflicts(transaction))
		return EAGAIN;
	if (!transaction->accesses || !transaction->writes->len)
		return 0;
	if (names_the_dead(transaction))
		return EAGAIN;
	if (over_quota(transaction))
		return ENOSPC;
	for (unsigned i = 0; i < transaction->writes->len; i++)
		announce(transaction, transaction->writes->pdata[i]);
	if (transaction->base == store_root)
		replace_root(transaction);
	else
		for (unsigned i = 0; i < transaction->writes->len; i++)
			merge(transaction, transaction->writes->pdata[i]);
	return 0;
}
