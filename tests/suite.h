/* Running a test program: one suite with one case, by Check, which prints a line that the scripts
 * count. */
#ifndef TESTS_SUITE_H
#define TESTS_SUITE_H

#include <check.h>

/* Runs the case as a suite of that name and frees both; the exit status of the program. */
static inline int run_suite_forked(const char *name, TCase *tests, enum fork_status fork_status)
{
	Suite *suite = suite_create(name);
	SRunner *runner;
	int failed;

	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_set_fork_status(runner, fork_status);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}

/* Each test in a process of its own, unless the environment says CK_FORK=no. */
static inline int run_suite(const char *name, TCase *tests)
{
	return run_suite_forked(name, tests, CK_FORK_GETENV);
}

#endif
