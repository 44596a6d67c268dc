/*
 * Permissions of a node: who owns it, and who else may read or write it.
 *
 * Lists are interned, so two nodes with equal permissions share one list and pointers may be
 * compared.
 */
#ifndef XENSTORED_PERMS_H
#define XENSTORED_PERMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PERM_READ  1u
#define PERM_WRITE 2u
#define PERM_OWNER 4u

/** What one domain may do; in the first entry of a list: the owner, and what domains not named may
 * do. */
struct perm {
	uint16_t domid;
	uint16_t bits;
};

struct perms {
	uint32_t refs;
	uint32_t count; /* at least 1 */
	struct perm list[];
};

/** The interned list with these entries; the caller holds a reference. */
struct perms *perms_get(const struct perm *list, unsigned count);
struct perms *perms_ref(struct perms *perms);
void perms_unref(struct perms *perms);

/** The same list with another owner; the caller holds a reference. */
struct perms *perms_with_owner(const struct perms *perms, uint16_t domid);

/** The list without entries for `domid` other than the first; the caller holds a reference. */
struct perms *perms_without(const struct perms *perms, uint16_t domid);

/** Whether an entry other than the first names `domid`. */
bool perms_mention(const struct perms *perms, uint16_t domid);

/**
 * Reads strings of the wire ("n0\0r5\0"), `len` bytes that end with a NUL, into `list`.
 *
 * @return the number of entries, or 0 when a string is malformed, there is none, or more than
 * `room`.
 */
unsigned perms_parse(const char *text, size_t len, struct perm *list, unsigned room);

/** Longest string of one entry, with its NUL. */
#define PERM_STRING 8

/** Writes the wire form to `text` (PERM_STRING bytes for each entry); returns its length with all
 * NULs. */
size_t perms_format(const struct perms *perms, char *text);

#endif
