/* sources: tools/libs/background/background.c */
/* packages: glib-2.0 */
/* A daemon's start: what its starter learns, and that there is one at a time. */
#include <check.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "background.h"
#include "suite.h"

/* What a daemon of these tests does, once it runs. */
static _Noreturn void wait_for_end(void)
{
	alarm(60);
	pause();
	_exit(0);
}

START_TEST(test_ready)
{
	g_autofree char *directory = g_dir_make_tmp(NULL, NULL), *path = NULL, *text = NULL;
	g_autoptr(GError) error = NULL;
	pid_t daemon;

	path = g_build_filename(directory, "pid", NULL);
	switch (background_start("no word", &error)) {
	case BACKGROUND_DAEMON:
		if (!pid_file_take(path, &error) || getsid(0) != getpid())
			_exit(1);
		background_ready();
		background_failed("not heard of any more");
		wait_for_end();
	case BACKGROUND_FAILED:
		ck_abort_msg("%s", error->message);
	case BACKGROUND_STARTED:
		break;
	}
	daemon = pid_file_holder(path);
	ck_assert_int_gt(daemon, 0);
	ck_assert(g_file_get_contents(path, &text, NULL, NULL));
	ck_assert_int_eq(atoi(text), daemon);
	/* Nobody else can have it, and it is free when the daemon has died. */
	ck_assert(!pid_file_take(path, &error));
	ck_assert(g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_AGAIN));
	ck_assert(g_str_has_prefix(error->message, path) && strstr(error->message, "another test_background runs"));
	kill(daemon, SIGKILL);
	waitpid(daemon, NULL, 0);
	ck_assert_int_eq(pid_file_holder(path), 0);
	g_clear_error(&error);
	ck_assert(pid_file_take(path, &error));
	g_unlink(path);
	g_rmdir(directory);
}
END_TEST

/* The daemon says why it ends, at length, or nothing. */
START_TEST(test_failed)
{
	g_autofree char *longest = g_strnfill(3000, 'x');
	const char *const said[] = { "no memory", longest, NULL };
	const char *expected = said[_i] ? said[_i] : "no word";
	g_autoptr(GError) error = NULL;
	enum background background = background_start("no word", &error);

	if (background == BACKGROUND_DAEMON) {
		if (said[_i])
			background_failed(said[_i]);
		_exit(1);
	}
	ck_assert_int_eq(background, BACKGROUND_FAILED);
	ck_assert(g_str_has_prefix(expected, error->message));
	ck_assert_uint_ge(strlen(error->message), MIN(strlen(expected), 500));
}
END_TEST

START_TEST(test_no_pid_file)
{
	g_autoptr(GError) error = NULL;

	ck_assert(!pid_file_take("/proc/no/pid", &error));
	ck_assert(g_str_has_prefix(error->message, "/proc/no/pid: "));
	ck_assert_int_eq(pid_file_holder("/proc/no/pid"), 0);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("background");

	tcase_add_test(tc, test_ready);
	tcase_add_loop_test(tc, test_failed, 0, 3);
	tcase_add_test(tc, test_no_pid_file);
	return run_suite("background", tc);
}
