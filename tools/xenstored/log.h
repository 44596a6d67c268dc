/* Messages about the daemon itself, and the trace of what clients ask. */
#ifndef XENSTORED_LOG_H
#define XENSTORED_LOG_H

#include <stdbool.h>
#include <stddef.h>

/** Something the administrator should know: to syslog, and to stderr while that is open. */
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** Opens the trace file; also again after it was moved away. False and errno when that fails. */
bool trace_open(const char *path);
void trace_reopen(void);

/** Switches the trace on and off; it is on when opened. */
void trace_enable(bool on);
bool trace_on(void);

/** A line of the trace. */
void trace(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** A line for a message: NULs of the data appear as blanks, other control characters as '?'. */
void trace_message(const char *what, unsigned domid, const void *conn, const char *type,
	const char *data, size_t len);

/** Also shows the trace on stderr. */
void trace_verbose(void);

#endif
