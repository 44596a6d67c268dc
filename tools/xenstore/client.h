/* The modes of the program, and what they share. */
#ifndef XENSTORE_CLIENT_H
#define XENSTORE_CLIENT_H

#include <xenstore.h>

/** What the options said. */
struct settings {
	bool prefix;    /* -p: show paths; for ls: permissions */
	bool full;      /* -f */
	bool raw;       /* -R */
	bool tidy;      /* -t */
	bool recursive; /* -r */
	bool upto;      /* -u */
	int events;     /* -n; -1: no end */
};

extern struct settings settings;
extern struct xs_handle *store;

/** "xenstore-read" and the like, for messages. */
extern const char *program;

/** Ends the program with status 1 and one line, with the error's text if `error` is not 0. */
void fail(int error, const char *format, ...) __attribute__((noreturn, format(printf, 2, 3)));

/** The path of the node `name` below `path`, to be freed. */
char *path_below(const char *path, const char *name);

/* Modes: what to do with the arguments. Those that change something are carried out in transaction
 * `t`. */
int run_read(xs_transaction_t t, char **args, int count);
int run_write(xs_transaction_t t, char **args, int count);
int run_list(xs_transaction_t t, char **args, int count);
int run_ls(xs_transaction_t t, char **args, int count);
int run_rm(xs_transaction_t t, char **args, int count);
int run_exists(xs_transaction_t t, char **args, int count);
int run_chmod(xs_transaction_t t, char **args, int count);
int run_watch(xs_transaction_t t, char **args, int count);
int run_control(xs_transaction_t t, char **args, int count);

#endif
