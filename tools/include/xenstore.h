/*
 * Client of xenstored, by its socket or, in other domains, by /dev/xen/xenbus.
 *
 * The functions are those of the public header of Xen 4.17. They return NULL, false or -1 on
 * failure and set errno, which is the store's answer (ENOENT, EACCES, EAGAIN ...) or EIO when the
 * connection is lost for good. Memory they return is the caller's, one free() each. A handle may be
 * used by several threads; a request waits for the one before it.
 *
 * When the daemon is restarted, a handle on its socket connects again by itself: it sets its
 * watches anew, each of which then fires, and transactions that were open end with EAGAIN.
 */
#ifndef XENSTORE_H
#define XENSTORE_H

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "public/io/xs_wire.h"

#define XBT_NULL 0

/* Flags of xs_open(). The first has no effect; with the second, a socket that nobody serves is an error, where otherwise the
 * kernel's device is opened, whose first reply waits for xenstored. */
#define XS_OPEN_READONLY   (1UL << 0)
#define XS_OPEN_SOCKETONLY (1UL << 1)
/* After xs_unwatch() no event of that watch is delivered any more, not even one that had come
 * already. */
#define XS_UNWATCH_FILTER (1UL << 2)

#define XS_PERM_NONE  0u
#define XS_PERM_READ  1u
#define XS_PERM_WRITE 2u

/** One entry of a node's permissions. The first names the owner, and says what domains not named
 * may do. */
struct xs_permissions {
	unsigned int id;
	unsigned int perms; /* XS_PERM_ bits */
};

struct xs_handle;
typedef uint32_t xs_transaction_t;

struct xs_handle *xs_open(unsigned long flags);
void xs_close(struct xs_handle *h);

/** As xs_close(), in a child that was forked off: what the connection is used for goes on in the
 * parent. */
void xs_daemon_destroy_postfork(struct xs_handle *h);

/* Older names. */
struct xs_handle *xs_daemon_open(void);
struct xs_handle *xs_daemon_open_readonly(void);
struct xs_handle *xs_domain_open(void);
void xs_daemon_close(struct xs_handle *h);

/** The names of a node's children, `*num` of them, in one piece of memory. */
char **xs_directory(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *num);

/** The value, with a NUL behind it that `*len` does not count; `len` may be NULL. */
void *xs_read(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *len);
bool xs_write(struct xs_handle *h, xs_transaction_t t, const char *path, const void *data,
	unsigned int len);
bool xs_mkdir(struct xs_handle *h, xs_transaction_t t, const char *path);
bool xs_rm(struct xs_handle *h, xs_transaction_t t, const char *path);

struct xs_permissions *xs_get_permissions(
	struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *num);
bool xs_set_permissions(struct xs_handle *h, xs_transaction_t t, const char *path,
	struct xs_permissions *perms, unsigned int num);

bool xs_watch(struct xs_handle *h, const char *path, const char *token);
bool xs_unwatch(struct xs_handle *h, const char *path, const char *token);

/** A descriptor that is readable while there may be an event; only for polling. */
int xs_fileno(struct xs_handle *h);

/** The next event: path [XS_WATCH_PATH] and token [XS_WATCH_TOKEN]. EAGAIN when there is none. */
char **xs_check_watch(struct xs_handle *h);

/** As xs_check_watch(), but waits. `*num` is 2. */
char **xs_read_watch(struct xs_handle *h, unsigned int *num);

/** @return XBT_NULL on failure. */
xs_transaction_t xs_transaction_start(struct xs_handle *h);

/** Carries the transaction out, or drops it. EAGAIN: a node it used changed meanwhile, do it all
 * again. */
bool xs_transaction_end(struct xs_handle *h, xs_transaction_t t, bool abort);

bool xs_introduce_domain(
	struct xs_handle *h, unsigned int domid, unsigned long mfn, unsigned int eventchn);
bool xs_release_domain(struct xs_handle *h, unsigned int domid);
bool xs_resume_domain(struct xs_handle *h, unsigned int domid);
bool xs_set_target(struct xs_handle *h, unsigned int domid, unsigned int target);
bool xs_is_domain_introduced(struct xs_handle *h, unsigned int domid);
char *xs_get_domain_path(struct xs_handle *h, unsigned int domid);

/** Always false with ENOSYS: the operation was taken out of the protocol. */
bool xs_restrict(struct xs_handle *h, unsigned int domid);

/** The answer to a command of xenstore-control; `data` is its arguments, each with its NUL. */
char *xs_control_command(struct xs_handle *h, const char *cmd, void *data, unsigned int len);
char *xs_debug_command(struct xs_handle *h, const char *cmd, void *data, unsigned int len);

/** Port by which the domain is asked to suspend, or -1. Opens a connection of its own. */
int xs_suspend_evtchn_port(int domid);

/** Whether `child` is `parent` or below it. */
bool xs_path_is_subpath(const char *parent, const char *child);

/* Without a connection. */

/** Directory and name of the daemon's socket; XENSTORED_RUNDIR and XENSTORED_PATH override. */
const char *xs_daemon_rundir(void);
const char *xs_daemon_socket(void);
const char *xs_daemon_socket_ro(void);

/** Writes all; false and errno when that fails. */
bool xs_write_all(int fd, const void *data, unsigned int len);

/** How many strings lie in `len` bytes; what follows the last NUL does not count. */
unsigned int xs_count_strings(const char *strings, unsigned int len);

#define MAX_STRLEN(x) ((sizeof(x) * CHAR_BIT + CHAR_BIT - 1) / 10 * 3 + 2)

/** "r5" and the like, each with its NUL, from and to structures. */
bool xs_strings_to_perms(struct xs_permissions *perms, unsigned int num, const char *strings);
bool xs_perm_to_string(const struct xs_permissions *perm, char *buffer, size_t len);

/** Memory that grows; `avail` bytes at `buf`, which is free()d by the user. */
struct expanding_buffer {
	char *buf;
	int avail;
};

/** Makes room for `need` bytes. @return the memory, or NULL. */
char *expanding_buffer_ensure(struct expanding_buffer *buffer, int need);

/** The value with control characters and backslashes written as \n, \\, \033: as people read it. In
 * the buffer. */
char *sanitise_value(struct expanding_buffer *buffer, const char *value, unsigned int len);

/** The reverse: into `out`, of at least strlen(in) + 1 bytes; `*len` is the length. */
void unsanitise_value(char *out, unsigned int *len, const char *in);

#endif
