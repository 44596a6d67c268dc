/* xend's log: one line a message, with time and level, in the file that xend-config.sxp names. */
#ifndef XEND_LOG_H
#define XEND_LOG_H

#include <glib.h>
#include <stdbool.h>

enum log_level {
	LOG_LEVEL_DEBUG,
	LOG_LEVEL_INFO,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_ERROR,
	LOG_LEVEL_CRITICAL
};

/* The level of that name, whatever its case; false if there is none. */
bool log_level_parse(const char *name, enum log_level *level);

/* Opens @path to append to; messages below @level are dropped. Also again, after a rotation. */
bool log_open(const char *path, enum log_level level, GError **error);

/* Before log_open(), and when the file cannot be written, messages go to standard error. Any
 * thread. */
void log_message(enum log_level level, const char *format, ...) G_GNUC_PRINTF(2, 3);

#define log_debug(...)   log_message(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define log_info(...)    log_message(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_warning(...) log_message(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_error(...)   log_message(LOG_LEVEL_ERROR, __VA_ARGS__)

#endif
