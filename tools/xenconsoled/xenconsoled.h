/*
 * xenconsoled: the consoles of all guests.
 *
 * One thread, one GLib main loop. A struct console for each domain moves bytes between the ring
 * page that the domain shares (public/io/console.h) and its viewers; what it has written is kept up
 * to a limit. A viewer is the pseudo-terminal that xenstore names, or a connection to the console's
 * socket; each has its own place in what is kept, so that any number of them see everything. A
 * domain that writes faster than its share is not looked at until the next tick.
 */
#ifndef XENCONSOLED_H
#define XENCONSOLED_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "xenctrl.h"
#include "xenevtchn.h"
#include "xengnttab.h"

struct options {
	bool verbose, foreground;
	bool log_guests, log_hypervisor;
	bool stamp_guests, stamp_hypervisor; /* time before each line of a log */
	bool discard; /* what does not fit: forget the oldest, or let the guest wait */
	char *log_dir, *pid_file;
};
extern struct options options;

/* Handles that live as long as the daemon. */
extern xc_interface *xc;
extern xenevtchn_handle *events;

/** Says something to standard error, or to the system's log when in the background. */
void complain(const char *format, ...) G_GNUC_PRINTF(1, 2);

/** The same, only with --verbose. */
void mention(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* ---- xenconsoled.c ---- */

/** Looks which domains there are, and takes up and lets go of consoles. */
void refresh_domains(void);

/* ---- log.c ---- */

/* A log file; NULL stands for one that is not wanted. */
struct log;

/**
 * Opens @name.log in the log directory for appending; NULL if it cannot, which is complained of
 * once.
 */
struct log *log_open(const char *name, bool stamp);

/**
 * Appends. A full disk loses what does not fit, and is complained of once. A file of 16 MiB becomes
 * NAME.log.1, and a new one begins.
 */
void log_write(struct log *log, const char *data, size_t len);

/** Closes the file and opens it by its name again, after it was moved away. */
void log_reopen(struct log *log);
void log_close(struct log *log);

/* ---- history.c: what a console has written ---- */

/* The last bytes of a stream, by their position in it; [start, end) is kept. */
struct history {
	char *data;
	size_t size;  /* allocated, a power of 2 */
	size_t limit; /* most to keep */
	uint64_t start, end;
};

void history_init(struct history *history, size_t limit);
void history_free(struct history *history);

/** Changes how much is kept. */
void history_set_limit(struct history *history, size_t limit);

/** Appends @len bytes, forgetting the oldest beyond the limit. */
void history_append(struct history *history, const char *data, size_t len);

/** The bytes at @*pos, which moves up to what is kept; returns how many lie together there. */
size_t history_peek(const struct history *history, uint64_t *pos, const char **data);

/* ---- console.c ---- */

/**
 * Makes a console for domain @domid if it has none yet and is ready for one; takes in changes of
 * its nodes.
 */
void console_update(uint32_t domid);

/** Lets go of the consoles of domains that are not in @alive (of uint32_t, sorted). */
void console_keep_only(const GArray *alive);

/** Serves an event; the port stays masked until it has been served. */
void console_event(evtchn_port_t port);

/** Opens all log files again. */
void console_reopen_logs(void);

void console_init(void);

/** Closes everything, for the end of the daemon. */
void console_exit(void);

/* ---- viewer.c ---- */

struct viewer;

/* What a viewer needs of its console. */
struct viewer_host {
	struct history history;
	uint64_t seen;  /* up to where a viewer has seen the console */
	GList *viewers; /* of struct viewer */
	bool closing;   /* connections end when they have seen everything */
	/* Takes up to @len bytes that were typed; returns how many fit. */
	size_t (*type)(struct viewer_host *host, const char *data, size_t len);
};

/**
 * A viewer on descriptor @fd, which becomes its own, from position @pos on. @permanent: a
 * pseudo-terminal.
 */
struct viewer *viewer_new(struct viewer_host *host, int fd, bool permanent, uint64_t pos);

/** There is more to show, or room for what was typed. */
void viewer_wake_all(struct viewer_host *host);

/** Up to where anybody has seen the console. */
uint64_t viewer_fastest(const struct viewer_host *host);

void viewer_free(struct viewer *viewer);

/* ---- hypervisor.c: the hypervisor's messages ---- */

void hypervisor_init(void);

/** Whether @port announces messages; if so they are written to the log. */
bool hypervisor_event(evtchn_port_t port);
void hypervisor_reopen_log(void);
void hypervisor_exit(void);

/* ---- store.c: xenstore ---- */

bool store_init(void);
void store_exit(void);

/** Reads a node; NULL if there is none. Freed with free(). */
char *store_read(uint32_t domid, const char *name);

/** Writes a node below a domain's; only the control domain may change it. */
void store_write(uint32_t domid, const char *name, const char *value);

/** Starts or ends watching the nodes of a domain's console. */
void store_watch(uint32_t domid, bool on);

#endif /* XENCONSOLED_H */
