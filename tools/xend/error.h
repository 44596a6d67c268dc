/* Errors that an operation ends with: one line that names what is wrong, in the domain of XML-RPC's
 * faults. */
#ifndef XEND_ERROR_H
#define XEND_ERROR_H

#include <errno.h>
#include <glib.h>

#include "xenrpc.h"

/* Sets a generic error. Expressions, so that one can write "return fail(…), NULL". */
#define fail(error, ...) g_set_error(error, XENRPC_FAULT, XENRPC_FAULT_GENERIC, __VA_ARGS__)

/* The same, with the reason for errno behind. */
#define fail_errno(error, format, ...) fail(error, format ": %s", ##__VA_ARGS__, g_strerror(errno))

#endif
