/*
 * XML-RPC, which xm and xend speak with one another: POST of "text/xml" to /RPC2, on a unix socket or by TCP.
 *
 * Values are GVariants:
 *
 *   XML                       read as        printed from
 *   string, no type at all    s              s (also o, g)
 *   i4, int                   i              i, and each smaller integer
 *   i8                        x              x, u, t beyond 32 bits
 *   boolean                   b              b
 *   double                    d              d
 *   base64                    ay             ay
 *   nil                       ()             ()
 *   array                     av             arrays and tuples of any type
 *   struct                    a{sv}          dictionaries with strings as keys
 *
 * S-expressions (sxp.h) thus are arrays of strings and arrays. Where a value becomes text that XML cannot hold (control
 * characters), '?' stands for it.
 */
#ifndef XENRPC_H
#define XENRPC_H

#include <gio/gio.h>
#include <stdbool.h>

/* A call or a reply larger than this is refused. */
#define XENRPC_MAX_BYTES (16u << 20)

/* The transport or a message is wrong. */
#define XENRPC_ERROR (xenrpc_error_quark())
GQuark xenrpc_error_quark(void);
enum xenrpc_error {
	XENRPC_ERROR_CONNECT,  /* nobody listens, or we may not connect */
	XENRPC_ERROR_PROTOCOL, /* what came is no XML-RPC */
};

/* A fault: the other side answered, with an error. The code is xend's: */
#define XENRPC_FAULT (xenrpc_fault_quark())
GQuark xenrpc_fault_quark(void);
enum xenrpc_fault {
	XENRPC_FAULT_INTERNAL = 1,	 /* xend itself is at fault; also unknown methods */
	XENRPC_FAULT_GENERIC = 2,	 /* the operation failed; the message says why */
	XENRPC_FAULT_INVALID_DOMAIN = 3, /* no domain of this name, id or uuid */
};

/* A call is made of a method and its parameters, an "av". Strings returned are freed with g_free(). */
char *xenrpc_encode_call(const char *method, GVariant *params);
bool xenrpc_decode_call(
	const char *body, gsize length, char **method, GVariant **params, GError **error);

/* A reply is made of a value or of a fault. Errors of other domains than XENRPC_FAULT become generic faults. */
char *xenrpc_encode_result(GVariant *value);
char *xenrpc_encode_fault(const GError *fault);
GVariant *xenrpc_decode_reply(const char *body, gsize length, GError **error);

/*
 * A client for calls, one at a time; a thread each. @address: "unix:/path", "http://host:port" or "https://host:port",
 * with or without a path. Connects at the first call.
 */
struct xenrpc_client;
struct xenrpc_client *xenrpc_client_new(const char *address, GError **error);
void xenrpc_client_free(struct xenrpc_client *client);
typedef struct xenrpc_client xenrpc_client;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(xenrpc_client, xenrpc_client_free)

/* Calls and waits, without a limit of time. @params: an "av", may be floating; NULL for none. */
GVariant *xenrpc_call(
	struct xenrpc_client *client, const char *method, GVariant *params, GError **error);

#endif
