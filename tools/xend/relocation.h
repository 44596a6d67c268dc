/*
 * Domains move from one host to another. The protocol, and why at most one copy of a domain ever
 * runs: docs/design/migration.md. Files relocation_*.c: server   listens, and says who may connect
 *   link, tls  connections and messages
 *   target   a domain comes
 *   source   a domain leaves
 *   record   what both must not forget
 *   quiesce  waits for a suspended guest's disks
 */
#ifndef XEND_RELOCATION_H
#define XEND_RELOCATION_H

#include "domain.h"

/* Listens as the options say; stops listening. What is under way goes on. In the main thread. */
bool relocation_open(GError **error);
void relocation_close(void);
/* Ends what is under way, and waits until it has ended. */
void relocation_stop(void);

/*
 * At xend's start: before domains are sorted out, those that have come for good are known as
 * running; afterwards all that a former xend left undecided goes on.
 */
void relocation_recover(void);
void relocation_go_on(void);

struct relocation_options {
	const char *host;
	unsigned int port; /* 0: that of the option */
	bool tls, live;
	bool home; /* the managed configuration moves, too */
};

/*
 * Moves a domain, and returns when it runs there: domain->lock is held, and the domain is ended
 * here. Otherwise it goes on here, or, if nobody answers whether it runs there, stays suspended
 * until somebody does. @report becomes a line on how it went.
 */
bool relocation_send(struct domain *domain, const struct relocation_options *options, char **report,
	GError **error);

/* How far a domain is that leaves: "(migration (stage …) …)"; or NULL. Stops it. Any thread,
 * without domain->lock. */
GVariant *relocation_status(const char *uuid);
bool relocation_cancel(const char *uuid);

/*
 * Of a domain that is suspended because nobody answers: it is declared to run @here, or there.
 * False: it is not in doubt. domain->lock is held.
 */
bool relocation_decide(struct domain *domain, bool here);

#endif
