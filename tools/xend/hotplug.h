/* Scripts below /etc/xen/scripts, which connect devices with the host. */
#ifndef XEND_HOTPLUG_H
#define XEND_HOTPLUG_H

#include <glib.h>
#include <stdbool.h>

/* The full path of a script, by name or path; "name arg …" has arguments, which are kept apart. */
char **script_command(const char *command);

/*
 * Runs @command with @action behind it and with @environment ("NAME=value", up to NULL) beside
 * xend's own. What it prints goes to the log. Ended with all its children after @seconds. The error
 * holds the last line that it printed, or what it left in
 * @back/hotplug-error.
 */
bool script_run(const char *command, const char *action, const char *const *environment,
	const char *back, unsigned int seconds, GError **error);

#endif
