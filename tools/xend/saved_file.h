/*
 * The file that a saved domain is in: that of xl, so that either can restore what the other has saved. In it stand the
 * domain's configuration and its stream (xenstream.h), which begins and ends where the file then stands.
 */
#ifndef XEND_SAVED_FILE_H
#define XEND_SAVED_FILE_H

#include "config.h"

/*
 * Has @write fill a new file, which takes the place of @path when it is complete, or is removed. *@draft is its name
 * meanwhile, and NULL afterwards.
 */
bool saved_replace(const char *path, char **draft, bool write(int fd, void *data, GError **error), void *data,
	GError **error);

/* Writes what comes before the stream, and what comes after it. */
bool saved_write_head(int fd, const struct config *config, GError **error);
bool saved_write_tail(int fd, GError **error);

/* Reads what comes before the stream, and what comes after it: that all of it is there. */
struct config *saved_read_head(int fd, GError **error);
bool saved_read_tail(int fd, GError **error);

/*
 * The configuration as libxl has it, in JSON (libxl_domain_config in the public header _libxl_types.h), and back. It has
 * fewer settings than ours; what it cannot say is left out. Free the text.
 */
char *saved_json(const struct config *config);
struct config *saved_from_json(const char *text, gsize length, GError **error);

#endif
