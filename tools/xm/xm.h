/*
 * xm, the command line of xend. It knows nothing of the hypervisor: it evaluates configurations,
 * calls xend, prints.
 *
 * Every command is one struct command in the table of its group; what helps the user (short and
 * long help, manual, completion) is made from these tables.
 */
#ifndef XM_H
#define XM_H

#include <gio/gio.h>
#include <stdbool.h>
#include "sxp.h"
#include "xenconf.h"
#include "xenrpc.h"

/* What scripts may rely on. */
enum xm_exit {
	XM_OK = 0,
	XM_FAILED = 1,        /* the operation failed */
	XM_USAGE = 2,         /* unknown command or option, wrong number of arguments */
	XM_NO_DOMAIN = 3,     /* no domain of that name or id */
	XM_NO_XEND = 4,       /* xend cannot be reached, or not by this user */
	XM_CONFIG = 5,        /* something is wrong in a configuration */
	XM_INTERRUPTED = 130, /* Ctrl-C */
};

struct command {
	const char *name;
	const char *usage;   /* what follows the name; "" for nothing */
	const char *help;    /* one line */
	const char *details; /* more for `xm help NAME`, or NULL */
	const GOptionEntry
		*options; /* their variables are set to 0 or NULL before each run; or NULL */
	int min, max;     /* number of arguments; max -1: any */
	/* Returns an enum xm_exit. @argv: arguments, without the name and options, ends with NULL.
	 */
	int (*run)(int argc, char **argv);
};

struct group {
	const char *title;
	const struct command *commands; /* ends with a name of NULL */
};

extern const struct group groups[]; /* ends with a title of NULL */

/* The tables, one in each file. */
extern const struct command create_commands[], migrate_commands[], domain_commands[], list_commands[], cpu_commands[],
	console_commands[], device_commands[], host_commands[], sched_commands[], help_commands[];

/** Runs the command line @argv (name first, ends with NULL). Returns an enum xm_exit. */
int run_command(int argc, char **argv);
/** The command meant by @name: itself, an alias (told on stderr), or a unique prefix. NULL after an
 * error message. */
const struct command *find_command(const char *name);
void print_command_help(const struct command *command);

/* Talking (error.c) */

/** Prints "xm: …" to stderr. Returns XM_FAILED. */
int xm_error(const char *format, ...) G_GNUC_PRINTF(1, 2);
/** The same, for what is wrong in the command line; returns XM_USAGE. */
int xm_usage(const char *format, ...) G_GNUC_PRINTF(1, 2);
/** Prints @error and returns the exit code that fits it. */
int xm_report(const GError *error);

/* Calling xend (call.c) */

/**
 * Calls xend. @params: a tuple, may be floating, or NULL. A call that lasts shows on a terminal
 * that something happens. NULL with @error.
 */
GVariant *xm_try(const char *method, GVariant *params, GError **error);
/** The same; prints what fails. On NULL, return xm_call_failed(). */
GVariant *xm_call(const char *method, GVariant *params);
/** Exit code for the last call that failed. */
int xm_call_failed(void);
/** Calls for the sake of the effect. Returns an exit code. */
int xm_do(const char *method, GVariant *params);
/** What to say while calls last: "Creating alice"; NULL: nothing special. Any thread. */
void xm_activity(const char *text);

/** Address of xend: environment XM_SERVER, or the socket of this host. */
const char *xm_server(void);

/** The domain's "(domain …)"; NULL after an error message. */
GVariant *xm_domain(const char *domain);

/* Reading what xend tells; all with a default for what is missing. Results of _text are the
 * caller's. */
char *field_text(GVariant *sxp, const char *name, const char *otherwise);
double field_number(GVariant *sxp, const char *name, double otherwise);

/** A number within limits from the command line; on error prints that @what is wrong, and false. */
bool parse_number(const char *text, const char *what, gint64 min, gint64 max, gint64 *number);
/** "64", "512M", "2G", "65536K" in MiB. */
bool parse_memory(const char *text, gint64 *mib);

/** Connects the terminal to console @number of @domain until Ctrl-] or its end. Waits until it has
 * one. */
int console_attach(const char *domain, int number, bool quiet);
/** As above, calling @ready once the console is open; its code is returned when it fails. */
int console_attach_then(
	const char *domain, int number, bool quiet, int (*ready)(const char *domain));

/**
 * Calls @look(data) in a thread every second while a call is under way, to tell by xm_activity()
 * how far it is.
 */
struct observer {
	void (*look)(void *data);
	void *data;
	GThread *thread;
	GMutex lock;
	GCond changed;
	bool end;
};
void observer_begin(struct observer *observer, void look(void *data), void *data);
void observer_end(struct observer *observer);
/** A call beside the one that is under way; NULL if it fails, whatever the reason. */
GVariant *call_beside(const char *method, GVariant *params);

/** Set by Ctrl-C between interrupt_begin() and interrupt_end(); a second Ctrl-C ends xm. */
extern volatile bool interrupted;
void interrupt_begin(void);
void interrupt_end(void);

#endif
