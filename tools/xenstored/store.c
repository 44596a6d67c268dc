/* Operations on the tree for a domain. */
#include <errno.h>

#include "journal.h"
#include "quota.h"
#include "store.h"
#include "transaction.h"
#include "watch.h"

struct node *store_root;
const struct view store_view = { .root = &store_root };

void store_init(void)
{
	const struct perm owner = { .domid = 0 };

	store_root = node_new("", 0, perms_get(&owner, 1));
	store_account_tree(&store_view, store_root, 1);
}

static size_t node_bytes(const struct node *node)
{
	return sizeof(*node) + node->name_len + (node->value ? node->value->len : 0);
}

static void account(const struct view *view, uint16_t domid, int nodes, ssize_t bytes)
{
	if (view->transaction) {
		struct account *account = transaction_account(view->transaction, domid);

		account->nodes += nodes;
		account->bytes += bytes;
	} else {
		struct domain *domain = domain_add(domid);

		domain->nodes += nodes;
		domain->memory += bytes;
	}
}

static void account_node(const struct view *view, const struct node *node, int sign)
{
	account(view, node->perms->list[0].domid, sign, sign * (ssize_t)node_bytes(node));
}

void store_account_tree(const struct view *view, const struct node *node, int sign)
{
	account_node(view, node, sign);
	for (unsigned i = 0; i < node_kids(node); i++)
		store_account_tree(view, node->kids->nodes[i], sign);
}

/* Whether `who` may have so many more nodes and bytes. */
static bool within_quota(
	const struct view *view, const struct domain *who, unsigned nodes, size_t bytes)
{
	ssize_t all_nodes = who->nodes + nodes, all_bytes = who->memory + bytes;

	if (domain_privileged(who))
		return true;
	if (view->transaction) {
		struct account *account = transaction_account(view->transaction, who->domid);

		all_nodes += account->nodes;
		all_bytes += account->bytes;
	}
	return (!nodes || all_nodes <= quota(QUOTA_NODES)) && all_bytes <= quota(QUOTA_MEMORY);
}

static int note(const struct view *view, const char *path, size_t len, unsigned access)
{
	return view->transaction ? transaction_note(view->transaction, path, len, access) : 0;
}

/*
 * What looking for a node that does not exist says: the truth only to those who may read the node
 * above.
 */
static int absent(const struct view *view, const struct domain *who, const char *path, size_t used,
	unsigned rights)
{
	if (!domain_privileged(who)) {
		int error = note(view, path, used, ACCESS_PERMS);

		if (error)
			return error;
	}
	return rights & PERM_READ ? ENOENT : EACCES;
}

int store_get(const struct view *view, const struct domain *who, const char *path, size_t len,
	unsigned need, unsigned access, struct node **node)
{
	size_t used;
	struct node *found = node_nearest(*view->root, path, len, &used);
	unsigned rights = domain_rights(who, found->perms);
	int error = note(view, path, len, access);

	if (error)
		return error;
	if (used != len)
		return absent(view, who, path, used, rights);
	if (need & ~rights)
		return EACCES;
	*node = found;
	return 0;
}

/* After a change of a node: what the store does at once. */
static void changed(const struct view *view, const char *path, size_t len)
{
	struct node *node, *parent;

	if (view->transaction || !watch_count)
		return;
	node = node_find_parent(store_root, path, len, &parent);
	event_changed(path, len, node->perms, parent ? parent->perms : NULL);
}

/* Makes the node and what is missing above it; `used` is what exists. Takes over `value`. */
static int create(const struct view *view, struct domain *who, const char *path, size_t len,
	size_t used, struct value *value)
{
	struct node *parent = node_find(*view->root, path, used);
	struct perms *perms = perms_with_owner(
		parent->perms, domain_privileged(who) ? parent->perms->list[0].domid : who->domid);
	int error = note(view, path, used, ACCESS_PERMS);

	if (!error)
		parent = node_own(view->root, path, used);
	while (!error && used < len) {
		const char *slash = memchr(path + used + 1, '/', len - used - 1);
		size_t end = slash ? (size_t)(slash - path) : len;
		struct node *node;

		error = note(view, path, end,
			ACCESS_NODE | ACCESS_WRITE | (end == len ? ACCESS_EVENT : 0));
		if (error)
			break;
		node = node_new(path + used + 1, end - used - 1, perms_ref(perms));
		if (end == len) {
			node->value = value;
			value = NULL;
		}
		account_node(view, node, 1);
		node_add(parent, node);
		if (!view->transaction)
			journal_set(path, end, node);
		parent = node;
		used = end;
	}
	perms_unref(perms);
	value_unref(value);
	if (!error)
		changed(view, path, len);
	return error;
}

static unsigned count_missing(const char *path, size_t len, size_t used)
{
	unsigned count = 0;

	for (size_t i = used; i < len; i++)
		count += path[i] == '/';
	return count;
}

/* Takes over `value`. */
static int overwrite(const struct view *view, struct domain *who, const char *path, size_t len,
	struct node *node, struct value *value)
{
	ssize_t more =
		(value ? (ssize_t)value->len : 0) - (node->value ? (ssize_t)node->value->len : 0);
	int error = note(view, path, len, ACCESS_NODE | ACCESS_WRITE | ACCESS_EVENT);

	if (!error && more > 0 && !domain_privileged(who) &&
		!within_quota(view, domain_add(node->perms->list[0].domid), 0, more))
		error = ENOSPC;
	if (error) {
		value_unref(value);
		return error;
	}
	node = node_own(view->root, path, len);
	account(view, node->perms->list[0].domid, 0, more);
	node_set_value(node, value);
	if (!view->transaction)
		journal_set(path, len, node);
	changed(view, path, len);
	return 0;
}

int store_write(const struct view *view, struct domain *who, const char *path, size_t len,
	const void *data, size_t size)
{
	size_t used;
	struct node *node = node_nearest(*view->root, path, len, &used);
	unsigned missing = count_missing(path, len, used);

	if (!(domain_rights(who, node->perms) & PERM_WRITE))
		return EACCES;
	if (!domain_privileged(who) && size > quota(QUOTA_VALUE_SIZE))
		return ENOSPC;
	if (!missing)
		return overwrite(view, who, path, len, node, value_new(data, size));
	if (!within_quota(view, who, missing, size + missing * sizeof(*node) + len - used))
		return ENOSPC;
	return create(view, who, path, len, used, value_new(data, size));
}

int store_mkdir(const struct view *view, struct domain *who, const char *path, size_t len)
{
	size_t used;
	struct node *node = node_nearest(*view->root, path, len, &used);
	unsigned missing = count_missing(path, len, used);

	if (!(domain_rights(who, node->perms) & PERM_WRITE))
		return EACCES;
	if (!missing)
		return note(view, path, len, ACCESS_PERMS);
	if (!within_quota(view, who, missing, missing * sizeof(*node) + len - used))
		return ENOSPC;
	return create(view, who, path, len, used, NULL);
}

void store_remove(const struct view *view, const char *path, size_t len)
{
	struct node *node = node_take(view->root, path, len);

	store_account_tree(view, node, -1);
	node_unref(node);
}

/* Removes a node that exists from the store itself, with journal and events. */
static void remove_now(const char *path, size_t len)
{
	struct node *parent = node_find(store_root, path, path_parent(path, len));

	event_removed(path, len, node_find(store_root, path, len), parent->perms);
	journal_rm(path, len);
	store_remove(&store_view, path, len);
}

int store_rm(const struct view *view, struct domain *who, const char *path, size_t len)
{
	size_t used, parent;
	struct node *node;
	unsigned rights;
	int error;

	if (!len)
		return EINVAL;
	node = node_nearest(*view->root, path, len, &used);
	rights = domain_rights(who, node->perms);
	parent = path_parent(path, len);
	if (used < len) {
		error = note(view, path, len, ACCESS_NODE);
		if (!error)
			error = absent(view, who, path, used, rights);
		return error == ENOENT && used == parent ? 0 : error;
	}
	if (!(rights & PERM_WRITE))
		return EACCES;
	error = note(view, path, parent, ACCESS_PERMS);
	if (!error)
		error = note(view, path, len, ACCESS_SUBTREE | ACCESS_WRITE | ACCESS_EVENT);
	if (error)
		return error;
	if (view->transaction)
		store_remove(view, path, len);
	else
		remove_now(path, len);
	return 0;
}

static void move_account(const struct view *view, const struct node *node, uint16_t owner)
{
	account_node(view, node, -1);
	account(view, owner, 1, node_bytes(node));
}

int store_set_perms(const struct view *view, struct domain *who, const char *path, size_t len,
	struct perms *perms)
{
	struct node *node;
	struct perms *old;
	int error = store_get(view, who, path, len, PERM_OWNER, ACCESS_NODE, &node);

	if (!error && !domain_privileged(who)) {
		if (perms->list[0].domid != node->perms->list[0].domid)
			error = EPERM;
		else if (perms->count > quota(QUOTA_PERMISSIONS))
			error = ENOSPC;
	}
	if (!error)
		error = note(view, path, len, ACCESS_NODE | ACCESS_WRITE | ACCESS_EVENT);
	if (error) {
		perms_unref(perms);
		return error;
	}
	node = node_own(view->root, path, len);
	old = perms_ref(node->perms);
	move_account(view, node, perms->list[0].domid);
	node_set_perms(node, perms);
	if (!view->transaction) {
		journal_set(path, len, node);
		/* Told to those who may see it now, and to those who might until now. */
		event_changed(path, len, perms, old);
	}
	perms_unref(old);
	return 0;
}

void store_put(const struct view *view, const char *path, size_t len, struct value *value,
	struct perms *perms)
{
	size_t used, parent;
	struct node *node;

	node_nearest(*view->root, path, len, &used);
	if (used == len) {
		node = node_own(view->root, path, len);
		account_node(view, node, -1);
		node_set_value(node, value);
		node_set_perms(node, perms);
	} else {
		parent = path_parent(path, len);
		node = node_new(path + parent + 1, len - parent - 1, perms);
		node->value = value;
		node_add(node_own(view->root, path, parent), node);
	}
	account_node(view, node, 1);
}

/* Paths of nodes that a domain owns, each the topmost, and of those whose permissions name it. */
struct gone {
	uint16_t domid;
	GString *path;
	GPtrArray *owned, *named;
};

static void find_gone(struct gone *gone, const struct node *node)
{
	size_t len = gone->path->len;

	if (node->perms->list[0].domid == gone->domid && len) {
		g_ptr_array_add(gone->owned, g_strdup(gone->path->str));
		return;
	}
	if (perms_mention(node->perms, gone->domid) || node->perms->list[0].domid == gone->domid)
		g_ptr_array_add(gone->named, g_strdup(len ? gone->path->str : "/"));
	for (unsigned i = 0; i < node_kids(node); i++) {
		const struct node *kid = node->kids->nodes[i];

		g_string_append_c(gone->path, '/');
		g_string_append_len(gone->path, kid->name, kid->name_len);
		find_gone(gone, kid);
		g_string_truncate(gone->path, len);
	}
}

static void forget_name(const char *path, uint16_t domid)
{
	size_t len = path_len(path);
	struct node *node = node_own(&store_root, path, len);
	struct perms *perms = perms_without(node->perms, domid), *mine;

	mine = perms->list[0].domid == domid ? perms_with_owner(perms, 0) : perms_ref(perms);
	perms_unref(perms);
	move_account(&store_view, node, mine->list[0].domid);
	node_set_perms(node, mine);
	journal_set(path, len, node);
}

void store_forget_domain(uint16_t domid)
{
	struct gone gone = { .domid = domid, .path = g_string_new(NULL) };

	gone.owned = g_ptr_array_new_with_free_func(g_free);
	gone.named = g_ptr_array_new_with_free_func(g_free);
	find_gone(&gone, store_root);
	for (unsigned i = 0; i < gone.owned->len; i++)
		remove_now(gone.owned->pdata[i], strlen(gone.owned->pdata[i]));
	for (unsigned i = 0; i < gone.named->len; i++)
		forget_name(gone.named->pdata[i], domid);
	g_ptr_array_free(gone.owned, TRUE);
	g_ptr_array_free(gone.named, TRUE);
	g_string_free(gone.path, TRUE);
}
