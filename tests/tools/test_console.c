/* sources: tools/xenconsoled/history.c tools/xenconsoled/log.c tools/xenconsoled/viewer.c */
/* packages: glib-2.0 */
/* What xenconsoled keeps, logs and shows. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "suite.h"
#include "xenconsoled.h"

struct options options;
static unsigned complaints;

void complain(const char *format, ...)
{
	complaints++;
}

void mention(const char *format, ...)
{
}

/* ---- History ---- */

/* Reads all that is kept, from position 0. */
static GString *kept(const struct history *history, uint64_t *first)
{
	GString *text = g_string_new(NULL);
	uint64_t pos = 0;
	const char *data;
	size_t n;

	*first = history->start;
	while ((n = history_peek(history, &pos, &data))) {
		g_string_append_len(text, data, n);
		pos += n;
	}
	ck_assert_uint_eq(pos, history->end);
	return text;
}

/* Against the whole stream: what is kept is its end, as long as the limit allows. */
START_TEST(test_history)
{
	size_t limits[] = { 1, 7, 4096, 5000, 65536 }, limit = limits[_i];
	GString *stream = g_string_new(NULL);
	struct history history;
	unsigned seed = 1;

	history_init(&history, limit);
	for (unsigned round = 0; round < 400; round++) {
		size_t len = rand_r(&seed) % (round % 10 ? 300 : 9000);
		char *data = g_malloc(len + 1);
		GString *text;
		uint64_t first;

		for (size_t i = 0; i < len; i++)
			data[i] = rand_r(&seed);
		history_append(&history, data, len);
		g_string_append_len(stream, data, len);
		g_free(data);
		text = kept(&history, &first);
		ck_assert_uint_eq(history.end, stream->len);
		ck_assert_uint_eq(text->len, MIN(limit, stream->len));
		ck_assert_uint_eq(first + text->len, stream->len);
		ck_assert(!memcmp(text->str, stream->str + first, text->len));
		g_string_free(text, TRUE);
	}
	history_free(&history);
	g_string_free(stream, TRUE);
}
END_TEST

START_TEST(test_history_limit_changes)
{
	struct history history;
	uint64_t first;
	GString *text;

	history_init(&history, 100);
	history_append(&history, "0123456789", 10);
	history_set_limit(&history, 4);
	text = kept(&history, &first);
	ck_assert_str_eq(text->str, "6789");
	g_string_free(text, TRUE);
	history_set_limit(&history, 8);
	history_append(&history, "abcdef", 6);
	text = kept(&history, &first);
	ck_assert_str_eq(text->str, "89abcdef");
	g_string_free(text, TRUE);
	history_free(&history);
}
END_TEST

/* ---- Logs ---- */

START_TEST(test_log)
{
	g_autofree char *dir = g_dir_make_tmp("xenith-log-XXXXXX", NULL);
	g_autofree char *path = g_build_filename(dir, "guest-a_b.log", NULL);
	g_autofree char *moved = g_build_filename(dir, "moved", NULL);
	g_autofree char *text = NULL, *old = NULL;
	struct log *log;

	options.log_dir = dir;
	log = log_open("guest-a/b", true);
	log_write(log, "one\ntw", 6);
	log_write(log, "o\n", 2);
	ck_assert_int_eq(g_rename(path, moved), 0);
	log_reopen(log);
	log_write(log, "three\n", 6);
	log_close(log);
	ck_assert(g_file_get_contents(moved, &old, NULL, NULL));
	ck_assert(g_file_get_contents(path, &text, NULL, NULL));
	ck_assert(g_regex_match_simple(
		"^\\[\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\] one\n\\[[^]]*\\] two\n$", old, 0,
		0));
	ck_assert(g_regex_match_simple("^\\[[^]]*\\] three\n$", text, 0, 0));
	g_unlink(path);
	g_unlink(moved);
	g_rmdir(dir);
}
END_TEST

/* A disk that is full is complained of once, and the console goes on; a link is not followed. */
START_TEST(test_log_troubles)
{
	g_autofree char *dir = g_dir_make_tmp("xenith-log-XXXXXX", NULL);
	g_autofree char *path = g_build_filename(dir, "guest.log", NULL);
	struct log *log;

	options.log_dir = dir;
	ck_assert_int_eq(symlink("/dev/full", path), 0);
	log = log_open("guest", false);
	ck_assert_uint_eq(complaints, 1);
	log_write(log, "lost", 4);
	log_close(log);
	ck_assert_uint_eq(complaints, 1);
	log_write(NULL, "nothing", 7);
	g_unlink(path);
	g_rmdir(dir);
}
END_TEST

/* A guest that writes without end fills no more of the disk than two files. */
START_TEST(test_log_turns_over)
{
	g_autofree char *dir = g_dir_make_tmp("xenith-log-XXXXXX", NULL);
	g_autofree char *path = g_build_filename(dir, "guest.log", NULL);
	g_autofree char *old = g_build_filename(dir, "guest.log.1", NULL);
	g_autofree char *text = NULL;
	static char block[1 << 20];
	struct log *log;
	GStatBuf st;

	options.log_dir = dir;
	memset(block, 'a', sizeof(block));
	for (int i = 0; i < 40; i++) {
		/* The size counts that the file has already. */
		log = log_open("guest", false);
		log_write(log, block, sizeof(block));
		log_close(log);
	}
	log = log_open("guest", false);
	log_write(log, "last", 4);
	log_close(log);
	ck_assert_int_eq(g_stat(old, &st), 0);
	ck_assert_int_eq(st.st_size, 16 << 20);
	ck_assert_int_eq(g_stat(path, &st), 0);
	ck_assert_int_eq(st.st_size, (8 << 20) + 4);
	g_unlink(path);
	g_unlink(old);
	ck_assert_int_eq(g_rmdir(dir), 0);
}
END_TEST

/* ---- Viewers ---- */

static GString *typed;
static size_t typing_room;

static size_t take_typed(struct viewer_host *host, const char *data, size_t len)
{
	len = MIN(len, typing_room);
	typing_room -= len;
	g_string_append_len(typed, data, len);
	return len;
}

static void run_loop(void)
{
	for (int i = 0; i < 200 && g_main_context_iteration(NULL, FALSE); i++)
		;
}

static int connect_viewer(struct viewer_host *host)
{
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	viewer_new(host, pair[1], false, host->seen);
	viewer_wake_all(host);
	return pair[0];
}

static void say(struct viewer_host *host, const char *text, size_t len)
{
	history_append(&host->history, text, len);
	viewer_wake_all(host);
	run_loop();
}

static void expect_read(int fd, const char *text)
{
	char buffer[256] = "";
	ssize_t n = read(fd, buffer, sizeof(buffer) - 1);

	ck_assert_int_eq(n, strlen(text));
	ck_assert_str_eq(buffer, text);
}

static void start_host(struct viewer_host *host)
{
	signal(SIGPIPE, SIG_IGN);
	*host = (struct viewer_host){ .type = take_typed };
	history_init(&host->history, 100000);
	typed = g_string_new(NULL);
	typing_room = 1000;
}

static void stop_host(struct viewer_host *host)
{
	while (host->viewers)
		viewer_free(host->viewers->data);
	history_free(&host->history);
	g_string_free(typed, TRUE);
}

/*
 * All see all; one that comes later sees what nobody has seen; one that leaves takes nothing with
 * it.
 */
START_TEST(test_viewers)
{
	struct viewer_host host;
	int a, b;

	start_host(&host);
	say(&host, "early ", 6);
	a = connect_viewer(&host);
	run_loop();
	expect_read(a, "early ");
	b = connect_viewer(&host);
	say(&host, "both", 4);
	expect_read(a, "both");
	expect_read(b, "both");
	close(a);
	run_loop();
	ck_assert_uint_eq(g_list_length(host.viewers), 1);
	say(&host, "one", 3);
	expect_read(b, "one");
	close(b);
	run_loop();
	ck_assert_ptr_null(host.viewers);
	say(&host, "nobody", 6);
	a = connect_viewer(&host);
	run_loop();
	expect_read(a, "nobody");
	close(a);
	stop_host(&host);
}
END_TEST

/* One that does not read holds up nobody, and loses the oldest. */
START_TEST(test_slow_viewer)
{
	struct viewer_host host;
	char block[1000];
	int slow, fast;
	size_t got = 0;

	start_host(&host);
	slow = connect_viewer(&host);
	fast = connect_viewer(&host);
	memset(block, 'x', sizeof(block));
	for (int i = 0; i < 2000; i++) {
		char copy[sizeof(block)];

		say(&host, block, sizeof(block));
		for (ssize_t n; (n = read(fast, copy, sizeof(copy))) > 0;)
			got += n;
	}
	ck_assert_uint_eq(got, 2000 * sizeof(block));
	ck_assert_uint_eq(viewer_fastest(&host), host.history.end);
	close(slow);
	close(fast);
	run_loop();
	ck_assert_ptr_null(host.viewers);
	stop_host(&host);
}
END_TEST

/* What the guest has no room for waits, in order. */
START_TEST(test_typing)
{
	struct viewer_host host;
	char block[2000];
	int a;

	start_host(&host);
	a = connect_viewer(&host);
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = 'a' + i % 26;
	ck_assert_int_eq(write(a, block, sizeof(block)), sizeof(block));
	run_loop();
	ck_assert_uint_eq(typed->len, 1000);
	typing_room = 5000;
	viewer_wake_all(&host);
	run_loop();
	ck_assert_uint_eq(typed->len, sizeof(block));
	ck_assert_mem_eq(typed->str, block, sizeof(block));
	close(a);
	stop_host(&host);
}
END_TEST

/* When the domain is gone, connections see its last words and end. */
START_TEST(test_closing)
{
	struct viewer_host host;
	int a;

	start_host(&host);
	a = connect_viewer(&host);
	history_append(&host.history, "bye", 3);
	host.closing = true;
	viewer_wake_all(&host);
	run_loop();
	expect_read(a, "bye");
	expect_read(a, "");
	ck_assert_ptr_null(host.viewers);
	close(a);
	stop_host(&host);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("console");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, test_history, 0, 5);
	tcase_add_test(tc, test_history_limit_changes);
	tcase_add_test(tc, test_log);
	tcase_add_test(tc, test_log_troubles);
	tcase_add_test(tc, test_log_turns_over);
	tcase_add_test(tc, test_viewers);
	tcase_add_test(tc, test_slow_viewer);
	tcase_add_test(tc, test_typing);
	tcase_add_test(tc, test_closing);
	return run_suite("console", tc);
}
