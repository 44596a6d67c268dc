/* Connections over a domain's shared page. */
#ifndef XENSTORED_RING_H
#define XENSTORED_RING_H

#include "conn.h"

/**
 * Connects to the domain's ring as its gfn and port say.
 *
 * @param resume take the connection up where an earlier daemon left it.
 * @param last number of the request that the earlier daemon's journal says was carried out; for
 * `resume`; -1: none.
 * @return 0 or an errno.
 */
int ring_open(struct domain *domain, bool resume, int last, const char *result);
void ring_close(struct domain *domain);

/** The number of the request being carried out, which the journal records with its changes. */
uint16_t ring_sequence(const struct conn *conn);

/** An event came for our end of a ring's channel. */
void ring_event(uint32_t port);

extern const struct transport ring_transport;

#endif
