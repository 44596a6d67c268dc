/* Permission lists: interning, and their form on the wire. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "perms.h"

static GHashTable *interned;

static guint hash(gconstpointer key)
{
	const struct perms *perms = key;
	guint value = perms->count;

	for (unsigned i = 0; i < perms->count; i++)
		value = value * 31 + (perms->list[i].domid << 2) + perms->list[i].bits;
	return value;
}

static gboolean equal(gconstpointer a, gconstpointer b)
{
	const struct perms *left = a, *right = b;

	return left->count == right->count &&
	       !memcmp(left->list, right->list, left->count * sizeof(left->list[0]));
}

static struct perms *build(const struct perm *list, unsigned count)
{
	struct perms *perms = g_malloc(sizeof(*perms) + count * sizeof(*list));

	perms->refs = 1;
	perms->count = count;
	memcpy(perms->list, list, count * sizeof(*list));
	return perms;
}

struct perms *perms_get(const struct perm *list, unsigned count)
{
	struct perms *perms = build(list, count), *known;

	if (!interned)
		interned = g_hash_table_new(hash, equal);
	known = g_hash_table_lookup(interned, perms);
	if (known) {
		g_free(perms);
		return perms_ref(known);
	}
	g_hash_table_add(interned, perms);
	return perms;
}

struct perms *perms_ref(struct perms *perms)
{
	perms->refs++;
	return perms;
}

void perms_unref(struct perms *perms)
{
	if (!perms || --perms->refs)
		return;
	g_hash_table_remove(interned, perms);
	g_free(perms);
}

struct perms *perms_with_owner(const struct perms *perms, uint16_t domid)
{
	struct perms *copy, *result;

	if (perms->list[0].domid == domid)
		return perms_ref((struct perms *)perms);
	copy = build(perms->list, perms->count);
	copy->list[0].domid = domid;
	result = perms_get(copy->list, copy->count);
	g_free(copy);
	return result;
}

bool perms_mention(const struct perms *perms, uint16_t domid)
{
	for (unsigned i = 1; i < perms->count; i++)
		if (perms->list[i].domid == domid)
			return true;
	return false;
}

struct perms *perms_without(const struct perms *perms, uint16_t domid)
{
	struct perms *copy = build(perms->list, perms->count), *result;

	copy->count = 1;
	for (unsigned i = 1; i < perms->count; i++)
		if (perms->list[i].domid != domid)
			copy->list[copy->count++] = perms->list[i];
	result = perms_get(copy->list, copy->count);
	g_free(copy);
	return result;
}

static bool parse_one(const char *text, struct perm *perm)
{
	static const char letters[] = "nrwb";
	const char *letter = *text ? strchr(letters, *text) : NULL;
	char *end;
	unsigned long domid;

	if (!letter || !g_ascii_isdigit(text[1]))
		return false;
	domid = strtoul(text + 1, &end, 10);
	if (*end || domid > UINT16_MAX)
		return false;
	*perm = (struct perm){ .domid = domid, .bits = letter - letters };
	return true;
}

unsigned perms_parse(const char *text, size_t len, struct perm *list, unsigned room)
{
	const char *end = text + len;
	unsigned count = 0;

	if (!len || end[-1])
		return 0;
	for (; text < end; text += strlen(text) + 1) {
		if (count == room || !parse_one(text, &list[count]))
			return 0;
		count++;
	}
	return count;
}

size_t perms_format(const struct perms *perms, char *text)
{
	size_t len = 0;

	for (unsigned i = 0; i < perms->count; i++)
		len += sprintf(text + len, "%c%u", "nrwb"[perms->list[i].bits & 3],
			       perms -> list[i].domid) +
		       1;
	return len;
}
