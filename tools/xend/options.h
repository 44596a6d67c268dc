/*
 * The options of xend-config.sxp. Each is one row of a table with name, type and default; those
 * that this xend has no use for are rows, too, so that nobody's file is wrong.
 */
#ifndef XEND_OPTIONS_H
#define XEND_OPTIONS_H

#include <glib.h>
#include <stdbool.h>

/*
 * Reads the file at @path and replaces all values; a file that does not exist gives the defaults.
 * On an error the former values stay.
 */
bool options_read(const char *path, GError **error);

/* Logs what was unknown, or without effect here, when the file was read; the log itself depends on
 * what is in it. */
void options_report(void);

/* Where sockets and files with process ids are: the environment's XEND_RUNDIR, or /run/xend. */
const char *run_dir(void);

/* Values by the option's name; an unknown name is a bug and ends the program. The strings are the
 * caller's. */
char *option_text(const char *name);
bool option_flag(const char *name);
gint64 option_number(const char *name);
/* An option that is a list, as "av"; NULL if it is not set. */
GVariant *option_list(const char *name);

/* All options with the values in effect, as "(config (NAME VALUE) …)". */
GVariant *options_sxp(void);

#endif
