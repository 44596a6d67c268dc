/*
 * The tree of nodes, persistent in the sense of functional programming: whoever holds a reference
 * to a root sees that tree unchanged for ever. A change copies the nodes on its way down that
 * others see too, and alters in place those that only this tree has. A snapshot is therefore one
 * reference, and "has this node changed since?" is a comparison of pointers.
 *
 * A path is absolute; its length is that of the string, and 0 for the root ("/").
 */
#ifndef XENSTORED_NODE_H
#define XENSTORED_NODE_H

#include <stdint.h>
#include <stddef.h>
#include <string.h>

#include "perms.h"

/** What a node holds; immutable. An empty value is NULL. */
struct value {
	uint32_t refs;
	uint32_t len;
	char data[];
};

/** The children of a node, sorted by name. */
struct kids {
	uint32_t refs;
	uint32_t count, room;
	uint64_t generation; /* another number whenever a name comes or goes */
	struct node *nodes[];
};

struct node {
	uint32_t refs;
	uint32_t name_len;
	struct kids *kids; /* NULL: none */
	struct value *value;
	struct perms *perms;
	char name[];
};

static inline size_t path_len(const char *path)
{
	return path[1] ? strlen(path) : 0;
}

static inline unsigned node_kids(const struct node *node)
{
	return node->kids ? node->kids->count : 0;
}

struct value *value_new(const void *data, size_t len);
struct value *value_ref(struct value *value);
void value_unref(struct value *value);

/** A node without value and children. The caller holds the reference; that on `perms` becomes the
 * node's. */
struct node *node_new(const char *name, size_t len, struct perms *perms);
struct node *node_ref(struct node *node);
void node_unref(struct node *node);

/** The deepest node on the way to `path` that exists; `*used` is the length of its own path. Never
 * NULL. */
struct node *node_nearest(struct node *root, const char *path, size_t len, size_t *used);

/** The node, or NULL. */
struct node *node_find(struct node *root, const char *path, size_t len);

/** The node, which must exist, and the one above it; NULL for the root. */
struct node *node_find_parent(
	struct node *root, const char *path, size_t len, struct node **parent);

/** The node, which must exist, after making it and all above it this tree's own, ready to be
 * altered. */
struct node *node_own(struct node **root, const char *path, size_t len);

/** Adds a child, whose name must be new, to a node that is the tree's own; takes over the
 * reference. */
void node_add(struct node *parent, struct node *child);

/** Takes the node, which must exist and not be the root, out of the tree; the caller holds its
 * reference. */
struct node *node_take(struct node **root, const char *path, size_t len);

/** Length of the parent's path. */
size_t path_parent(const char *path, size_t len);

void node_set_value(struct node *node, struct value *value);
void node_set_perms(struct node *node, struct perms *perms);

#endif
