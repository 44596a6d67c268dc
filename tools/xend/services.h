/* The other daemons of the control stack, and the host's network. */
#ifndef XEND_SERVICES_H
#define XEND_SERVICES_H

#include <glib.h>
#include <stdbool.h>

/* Starts xenstored unless it runs, and waits until it answers. */
bool services_start_store(GError **error);
/* Starts xenconsoled unless it runs. */
bool services_start_console(GError **error);

/* Runs network-script with "start" or "stop"; failure is logged. Needs the main loop in another
 * thread. */
void services_network(const char *action);

#endif
