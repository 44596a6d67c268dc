/* The tree: reference counts, look-up, and copying on the way to a change. */
#include <glib.h>

#include "node.h"

#define KIDS_MIN 4

static uint64_t generation;

struct value *value_new(const void *data, size_t len)
{
	struct value *value;

	if (!len)
		return NULL;
	value = g_malloc(sizeof(*value) + len);
	value->refs = 1;
	value->len = len;
	memcpy(value->data, data, len);
	return value;
}

struct value *value_ref(struct value *value)
{
	if (value)
		value->refs++;
	return value;
}

void value_unref(struct value *value)
{
	if (value && !--value->refs)
		g_free(value);
}

struct node *node_new(const char *name, size_t len, struct perms *perms)
{
	struct node *node = g_malloc(sizeof(*node) + len);

	*node = (struct node){ .refs = 1, .name_len = len, .perms = perms };
	memcpy(node->name, name, len);
	return node;
}

struct node *node_ref(struct node *node)
{
	node->refs++;
	return node;
}

static void kids_unref(struct kids *kids)
{
	if (!kids || --kids->refs)
		return;
	for (unsigned i = 0; i < kids->count; i++)
		node_unref(kids->nodes[i]);
	g_free(kids);
}

void node_unref(struct node *node)
{
	if (!node || --node->refs)
		return;
	kids_unref(node->kids);
	value_unref(node->value);
	perms_unref(node->perms);
	g_free(node);
}

/* Order of names: by bytes, a beginning before the whole. Both have at least one byte. */
static int compare(const struct node *node, const char *name, size_t len)
{
	int order = (unsigned char)node->name[0] - (unsigned char)name[0];

	if (!order)
		order = memcmp(node->name, name, MIN(node->name_len, len));
	return order ? order : (int)node->name_len - (int)len;
}

/* Whether the child exists; `*at` is its place, or where it would be. */
static bool search(const struct kids *kids, const char *name, size_t len, unsigned *at)
{
	unsigned low = 0, high = kids ? kids->count : 0;

	while (low < high) {
		unsigned middle = (low + high) / 2;
		int order = compare(kids->nodes[middle], name, len);

		if (!order) {
			*at = middle;
			return true;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*at = low;
	return false;
}

/* Length of the name that starts at `path`. */
static size_t name_len(const char *path, size_t left)
{
	const char *slash = memchr(path, '/', left);

	return slash ? (size_t)(slash - path) : left;
}

struct node *node_nearest(struct node *root, const char *path, size_t len, size_t *used)
{
	struct node *node = root;
	size_t done = 0;
	unsigned at;

	while (done < len) {
		size_t part = name_len(path + done + 1, len - done - 1);

		if (!search(node->kids, path + done + 1, part, &at))
			break;
		node = node->kids->nodes[at];
		done += 1 + part;
	}
	*used = done;
	return node;
}

struct node *node_find(struct node *root, const char *path, size_t len)
{
	size_t used;
	struct node *node = node_nearest(root, path, len, &used);

	return used == len ? node : NULL;
}

struct node *node_find_parent(struct node *root, const char *path, size_t len, struct node **parent)
{
	size_t used, above;
	unsigned at;

	*parent = NULL;
	if (!len)
		return root;
	above = path_parent(path, len);
	*parent = node_nearest(root, path, above, &used);
	search((*parent)->kids, path + above + 1, len - above - 1, &at);
	return (*parent)->kids->nodes[at];
}

/* Gives the reference in `slot` back for one that nobody else has. */
static struct node *own(struct node **slot)
{
	struct node *node = *slot, *copy;

	if (node->refs == 1)
		return node;
	copy = node_new(node->name, node->name_len, perms_ref(node->perms));
	copy->value = value_ref(node->value);
	copy->kids = node->kids;
	if (copy->kids)
		copy->kids->refs++;
	node->refs--;
	*slot = copy;
	return copy;
}

/* Makes the list of children the node's own, with room for `count`. */
static struct kids *own_kids(struct node *node, unsigned count)
{
	struct kids *old = node->kids, *kids;

	if (old && old->refs == 1 && old->room >= count)
		return old;
	if (!old || old->room < count)
		count = MAX(count + count / 2, KIDS_MIN);
	else
		count = old->room;
	if (old && old->refs == 1) {
		kids = g_realloc(old, sizeof(*kids) + count * sizeof(kids->nodes[0]));
	} else {
		kids = g_malloc(sizeof(*kids) + count * sizeof(kids->nodes[0]));
		*kids = (struct kids){ .refs = 1 };
		if (old) {
			kids->count = old->count;
			kids->generation = old->generation;
			for (unsigned i = 0; i < old->count; i++)
				kids->nodes[i] = node_ref(old->nodes[i]);
			old->refs--;
		}
	}
	kids->room = count;
	node->kids = kids;
	return kids;
}

struct node *node_own(struct node **root, const char *path, size_t len)
{
	struct node *node = own(root);
	size_t done = 0;
	unsigned at;

	while (done < len) {
		size_t part = name_len(path + done + 1, len - done - 1);

		search(node->kids, path + done + 1, part, &at);
		node = own(&own_kids(node, node->kids->count)->nodes[at]);
		done += 1 + part;
	}
	return node;
}

void node_add(struct node *parent, struct node *child)
{
	struct kids *kids = own_kids(parent, node_kids(parent) + 1);
	unsigned at;

	search(kids, child->name, child->name_len, &at);
	memmove(&kids->nodes[at + 1], &kids->nodes[at], (kids->count - at) * sizeof(child));
	kids->nodes[at] = child;
	kids->count++;
	kids->generation = ++generation;
}

size_t path_parent(const char *path, size_t len)
{
	while (path[--len] != '/')
		;
	return len;
}

struct node *node_take(struct node **root, const char *path, size_t len)
{
	size_t above = path_parent(path, len);
	struct node *parent = node_own(root, path, above), *node;
	struct kids *kids = own_kids(parent, parent->kids->count);
	unsigned at;

	search(kids, path + above + 1, len - above - 1, &at);
	node = kids->nodes[at];
	kids->count--;
	memmove(&kids->nodes[at], &kids->nodes[at + 1], (kids->count - at) * sizeof(node));
	kids->generation = ++generation;
	if (!kids->count) {
		kids_unref(kids);
		parent->kids = NULL;
	}
	return node;
}

void node_set_value(struct node *node, struct value *value)
{
	value_unref(node->value);
	node->value = value;
}

void node_set_perms(struct node *node, struct perms *perms)
{
	perms_unref(node->perms);
	node->perms = perms;
}
