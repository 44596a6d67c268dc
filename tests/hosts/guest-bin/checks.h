/* A table of checks, each run in a process of its own so that one which dies does not hide the others. */
#ifndef CHECKS_H
#define CHECKS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct check {
	const char *name;
	void (*run)(void);
};

/* Fails the running check unless the condition holds. */
#define expect(condition)                                                              \
	do {                                                                           \
		if (!(condition)) {                                                    \
			printf("  %s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
			fflush(stdout);                                                \
			_exit(1);                                                      \
		}                                                                      \
	} while (0)

/*
 * Runs those of `count` checks that the arguments name (all if none), each for at most 120 s. Prints "ok NAME" or
 * "FAIL NAME" for each; returns the exit status for main().
 */
static inline int run_checks(const struct check *checks, size_t count, int argc, char **argv)
{
	int failed = 0;

	for (size_t i = 0; i < count; i++) {
		int wanted = argc < 2, status;
		pid_t pid;

		for (int a = 1; a < argc; a++)
			wanted |= !strcmp(argv[a], checks[i].name);
		if (!wanted)
			continue;

		fflush(stdout);
		pid = fork();
		if (pid == 0) {
			alarm(120);
			checks[i].run();
			_exit(0);
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid)
			status = -1;
		if (status)
			printf("FAIL %s (wait status 0x%x)\n", checks[i].name, (unsigned int)status);
		else
			printf("ok %s\n", checks[i].name);
		failed |= status != 0;
	}
	return failed;
}

#endif
