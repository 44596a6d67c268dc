/*
 * What must not be forgotten of a domain that moves: a file for each move and side, in
 * <xend-state-path>/relocation, replaced atomically and written to the disk before the step that it
 * describes.
 */
#ifndef XEND_RELOCATION_RECORD_H
#define XEND_RELOCATION_RECORD_H

#include <glib.h>
#include <stdbool.h>

enum move_side { MOVE_SOURCE, MOVE_TARGET };

enum move_phase {
	/* Source: the domain may be suspended, and is this host's. */
	MOVE_SENDING,
	/* Source: the target has been told to let it run; whether it did is to be asked. */
	MOVE_ASKED,
	/* Target: the domain is this host's, and is to run. */
	MOVE_COMMITTED,
	/* Target: it runs here, or has run; the source has not confirmed that it knows. */
	MOVE_RUNNING,
	/* A file that cannot be read any more. Of a source's, only the domain's uuid is known; of a
	 * target's, the move's id, and that it was the target's to let the domain run. */
	MOVE_UNREADABLE,
};

struct move_record {
	enum move_side side;
	enum move_phase phase;
	char *id;          /* of the move, a uuid */
	char *name, *uuid; /* the domain's */
	char *host;        /* the other side */
	unsigned int port;
	bool tls;
	bool home; /* the managed configuration moves, too */
};

/* Failure is logged, and an error. */
bool move_write(const struct move_record *record, GError **error);
void move_remove(const struct move_record *record);

/* The record of that side, or NULL if there is none. False: it cannot be known. */
bool move_find(enum move_side side, const char *id, struct move_record **record, GError **error);
/* All of a side; of struct move_record, to be freed with g_ptr_array_unref(). */
GPtrArray *move_all(enum move_side side);

void move_free(struct move_record *record);
typedef struct move_record move_record_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(move_record_t, move_free)

#endif
