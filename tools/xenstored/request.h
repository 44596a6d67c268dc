/* A request while it is carried out. */
#ifndef XENSTORED_REQUEST_H
#define XENSTORED_REQUEST_H

#include "conn.h"

struct request {
	struct conn *conn;
	const struct view *view; /* of its transaction, or the store */
	struct transaction *transaction;
	uint32_t tx_id;
	char *data; /* with a NUL after the end */
	size_t len;
	char reply[XENSTORE_PAYLOAD_MAX];
	size_t reply_len;
};

/** Makes `len` bytes the reply. @return 0, or E2BIG when they do not fit. */
int request_reply(struct request *request, const void *data, size_t len);
int request_reply_string(struct request *request, const char *text);

/** Splits the data into strings, which all must end in a NUL; returns how many, or 0 if it is not
 * so. */
unsigned request_strings(const struct request *request, char **strings, unsigned room);

/** A decimal number and nothing else. */
bool parse_number(const char *text, uint64_t *number);

/** XS_CONTROL; see control.c. */
int request_control(struct request *request);

#endif
