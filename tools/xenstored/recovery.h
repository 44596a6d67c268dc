/* Reading the journal's records back; see journal.h for what they are for. */
#ifndef XENSTORED_RECOVERY_H
#define XENSTORED_RECOVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The first byte of each note in a record, followed by its fields. */
enum note {
	NOTE_SET = 'S',         /* path, value, permissions */
	NOTE_RM = 'R',          /* path */
	NOTE_SPECIAL = 'P',     /* name, permissions */
	NOTE_INTRODUCE = 'I',   /* domid, gfn, port, handle, target, whether shutdown was told */
	NOTE_RELEASE = 'L',     /* domid */
	NOTE_TARGET = 'T',      /* domid, target */
	NOTE_WATCH = 'W',       /* domid, path, relative, token */
	NOTE_UNWATCH = 'U',     /* domid, path, token */
	NOTE_RESET = 'Z',       /* domid */
	NOTE_TRANSACTION = 'X', /* domid, number, whether it is open */
	NOTE_QUOTA = 'Q',       /* name, value */
};

#define NO_DOMAIN 0xffffu

/** Applies one record's notes, made by request `number` of domain `domid`'s ring. False when it is
 * malformed. */
bool recovery_record(const void *data, size_t len, bool tree_only);

/** Domains whose ring was connected get it back, with their watches and transactions; others are
 * released. */
void recovery_resume(void);

#endif
