/*
 * The file that a saved domain is in: that of xl, so that either can restore what the other has saved. In it stand the
 * domain's configuration and its stream (xenstream.h), which begins and ends where the file then stands.
 */
#ifndef XEND_SAVED_FILE_H
#define XEND_SAVED_FILE_H

#include <sys/types.h>
#include <xenstream.h>

#include "config.h"

/*
 * Has @write fill a new file, which takes the place of @path when it is complete, or is removed. *@draft is its name
 * meanwhile, and NULL afterwards.
 */
bool saved_replace(const char *path, char **draft, bool write(int fd, void *data, GError **error), void *data,
	GError **error);

/* Checksums, by which damage is noticed. They stand before the stream, behind the configuration. */
struct saved_sums {
	off_t at;      /* where they are in the file */
	uint64_t head; /* of all that comes before them */
	struct xg_stream_sums stream;
};

/* Writes what comes before the stream; then, with the stream's sums, what comes after it. */
bool saved_write_head(int fd, const struct config *config, struct saved_sums *sums, GError **error);
bool saved_write_tail(int fd, const struct saved_sums *sums, GError **error);

/*
 * Reads what comes before the stream, and what comes after it: that all of it is there. Files of
 * xl, and of older versions of this program, have no sums; then sums->at is 0.
 */
struct config *saved_read_head(int fd, struct saved_sums *sums, GError **error);
bool saved_read_tail(int fd, GError **error);

/*
 * The configuration as libxl has it, in JSON (libxl_domain_config in the public header _libxl_types.h), and back. It has
 * fewer settings than ours; what it cannot say is left out. Free the text.
 */
char *saved_json(const struct config *config);
struct config *saved_from_json(const char *text, gsize length, GError **error);

#endif
