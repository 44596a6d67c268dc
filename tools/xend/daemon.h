/* xend as a process. */
#ifndef XEND_DAEMON_H
#define XEND_DAEMON_H

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

/* The xend that runs; 0: none. */
pid_t daemon_running(void);

/*
 * Becomes the daemon: in a child process that lives on while this returns its success, or, without
 * @fork, here until it ends. The error says what is in the way.
 */
bool daemon_start(bool fork, GError **error);

/* Asks the daemon to end, and waits for it. */
bool daemon_stop(GError **error);
/* Has it read its configuration and open its logs again. */
bool daemon_reload(GError **error);

/* The file with options: the environment's XEND_CONFIG, or /etc/xen/xend-config.sxp. */
const char *daemon_config(void);

#endif
