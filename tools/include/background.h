/*
 * The start of a daemon: there is one at a time, it goes to the background, and whoever starts it
 * learns how that went.
 */
#ifndef BACKGROUND_H
#define BACKGROUND_H

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

/*
 * Takes the file for this process, and writes its id into it. It is taken for as long as the
 * process lives, and not by its children: to be called by the daemon itself. False with @error; if
 * another process has it, that says so by this program's name.
 */
bool pid_file_take(const char *path, GError **error);

/* The process that has taken the file; 0: none. */
pid_t pid_file_holder(const char *path);

enum background {
	BACKGROUND_FAILED,  /* here is still the starter: there is no daemon, @error says why */
	BACKGROUND_STARTED, /* here is still the starter: the daemon is ready */
	BACKGROUND_DAEMON,  /* here is the daemon */
};

/*
 * Makes a child process, with a session of its own, in the root directory and without input. It
 * keeps output and errors. The starter waits until the child has called background_ready() or
 * background_failed(), or has ended; @otherwise is the error then.
 */
enum background background_start(const char *otherwise, GError **error);

/*
 * The same where the starter has nothing else to do: it ends here, with status 0 when the daemon is
 * ready, or 1 after @say was told, in the form of printf(), why there is none.
 */
void background_enter(void (*say)(const char *format, ...));

/* Tells the starter, if there is one, that the daemon can be used; it is heard of no more. */
void background_ready(void);

/*
 * Standard output, and standard error unless @keep_errors, are nobody's from here on. For a daemon
 * that has its log elsewhere, to be called when all is ready.
 */
void background_leave_terminal(bool keep_errors);

/* Tells the starter, if there is one, what is wrong. The daemon ends then. */
void background_failed(const char *message);

#endif
