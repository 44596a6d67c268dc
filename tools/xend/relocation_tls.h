/* TLS between two xends: both show a certificate, and both check the other one's. */
#ifndef XEND_RELOCATION_TLS_H
#define XEND_RELOCATION_TLS_H

#include <gio/gio.h>

/* What the options name: this host's certificate with its key, and those who may sign others'. */
GTlsCertificate *tls_certificate(GError **error);
GTlsDatabase *tls_authorities(GError **error);

/* Handshakes; the certificate of the side that is called must be for the name or address that is
 * called. */
GIOStream *tls_connect(GSocketConnection *connection, GSocketConnectable *identity,
	GCancellable *cancellable, GError **error);
GIOStream *tls_accept(GSocketConnection *connection, GCancellable *cancellable, GError **error);

/* Two threads that carry bytes between @stream and @fd, which they take over. Ends when the other
 * end of @fd is closed. */
struct tls_pump *tls_pump_new(GIOStream *stream, int fd);
/* Waits for the end, but not for a peer that takes nothing. */
void tls_pump_free(struct tls_pump *pump);
/* Why the stream ended, if it was not closed in order; else NULL. */
char *tls_pump_reason(struct tls_pump *pump);

#endif
