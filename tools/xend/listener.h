/* Sockets on which xend listens. Their services run in the main loop, and belong to the caller. */
#ifndef XEND_LISTENER_H
#define XEND_LISTENER_H

#include <gio/gio.h>

/* At a port of an address of this host: "localhost", an IP address, or "" for all. */
GSocketService *listener_tcp(const char *address, unsigned int port, GError **error);

/* At a path, where only root may connect. A file that a former xend left there is in the way, and
 * goes. */
GSocketService *listener_unix(const char *path, GError **error);

/* Listens no more. What has been accepted lives on. @service: a GSocketService. */
void listener_close(void *service);

#endif
