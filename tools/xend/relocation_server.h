/* What the parts of relocation_*.c have to do with one another. */
#ifndef XEND_RELOCATION_SERVER_H
#define XEND_RELOCATION_SERVER_H

#include "relocation_link.h"

/* The kind of stream that memory comes in: xenstream.h's of a 64-bit paravirtual domain. */
#define RELOCATION_STREAM "x86-pv-3"

/* Takes the domain that "(offer …)" announces, or says why not. */
void target_receive(struct link *link, GVariant *offer);
/*
 * Whether it has been decided that the domain of migration @id runs here; if nothing has, it is
 * decided that it does not. False: it cannot be known now.
 */
bool target_ask(const char *id, bool *runs, GError **error);
/* The source needs no answer any more. */
void target_done(const char *id);
/* At the start, see relocation.h. */
void target_recover(void);
void target_go_on(void);

/* Ends all connections, and waits until they have ended. */
void relocation_dismiss(void);

/* Whether plain TCP may be used with this host. */
bool relocation_plain_allowed(GInetAddress *address, GError **error);

#endif
