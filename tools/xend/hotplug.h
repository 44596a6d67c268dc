/* Programs with a limit of time, and scripts below /etc/xen/scripts, which connect devices with the
 * host. */
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

/*
 * Where a program's output goes; not a pipe, for what a program leaves running must not make us
 * wait. -1 and @error when there is no memory.
 */
int program_output(GError **error);

/* What a program wrote, cut if it is much too long. */
char *program_text(int output);

/*
 * Runs a program with @environment beside xend's own and its output in @output and @errors (-1: the
 * same). Ended with all its children after @seconds, and *@late set. Whether it succeeded; @error
 * is set only when it could not be run.
 */
bool program_run(const char *const *argv, const char *const *environment, int output, int errors,
	unsigned int seconds, bool *late, GError **error);

#endif
