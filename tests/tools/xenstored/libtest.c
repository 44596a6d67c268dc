/* Uses the functions of xenstore.h; each argument names a part. Exits with 1 at the first thing
 * that is not as it should be. */
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xenstore.h>

#define THREADS 4
#define ROUNDS  100

static struct xs_handle *h;

static void need(bool good, const char *what, int line)
{
	if (good)
		return;
	fprintf(stderr, "line %d: %s: %s\n", line, what, strerror(errno));
	exit(1);
}
#define NEED(condition) need(condition, #condition, __LINE__)

static bool is_value(const char *path, const char *value)
{
	unsigned len;
	char *found = xs_read(h, XBT_NULL, path, &len);
	bool same = found && len == strlen(value) && !strcmp(found, value);

	free(found);
	return same;
}

static void test_basic(void)
{
	struct xs_permissions perms[2] = { { 0, XS_PERM_READ },
		{ 3, XS_PERM_READ | XS_PERM_WRITE } };
	struct xs_permissions *got;
	unsigned num;
	char **names, *path;

	NEED(xs_write(h, XBT_NULL, "/lib/a", "one", 3) && is_value("/lib/a", "one"));
	NEED(xs_mkdir(h, XBT_NULL, "/lib/b") && is_value("/lib/b", ""));
	names = xs_directory(h, XBT_NULL, "/lib", &num);
	NEED(names && num == 2 && !strcmp(names[0], "a") && !strcmp(names[1], "b"));
	free(names);
	names = xs_directory(h, XBT_NULL, "/lib/b", &num);
	NEED(names && num == 0);
	free(names);
	NEED(xs_set_permissions(h, XBT_NULL, "/lib/a", perms, 2));
	got = xs_get_permissions(h, XBT_NULL, "/lib/a", &num);
	NEED(got && num == 2 && !memcmp(got, perms, sizeof(perms)));
	free(got);
	NEED(xs_rm(h, XBT_NULL, "/lib/a"));
	NEED(!xs_read(h, XBT_NULL, "/lib/a", NULL) && errno == ENOENT);
	NEED(!xs_write(h, XBT_NULL, "/bad path", "", 0) && errno == EINVAL);
	path = xs_get_domain_path(h, 7);
	NEED(path && !strcmp(path, "/local/domain/7"));
	free(path);
	NEED(!xs_is_domain_introduced(h, 77));
	NEED(!xs_release_domain(h, 77) && errno == ENOENT);
	path = xs_control_command(h, "print", "x", 2);
	NEED(path && !strcmp(path, "OK"));
	free(path);
	NEED(xs_suspend_evtchn_port(77) == -1);
	NEED(xs_write(h, XBT_NULL, "/local/domain/9/device/suspend/event-channel", "12", 2));
	NEED(xs_suspend_evtchn_port(9) == 12);
	path = calloc(1, 5000);
	NEED(!xs_write(h, XBT_NULL, "/big", path, 5000) && errno == E2BIG);
	free(path);
}

static void test_long_list(void)
{
	char path[64];
	unsigned num;
	char **names;

	for (int i = 0; i < 1000; i++) {
		sprintf(path, "/long/child-%04d", i);
		NEED(xs_write(h, XBT_NULL, path, "", 0));
	}
	names = xs_directory(h, XBT_NULL, "/long", &num);
	NEED(names && num == 1000);
	for (int i = 0; i < 1000; i++) {
		sprintf(path, "child-%04d", i);
		NEED(!strcmp(names[i], path));
	}
	free(names);
}

static bool readable(void)
{
	struct pollfd fd = { .fd = xs_fileno(h), .events = POLLIN };

	return poll(&fd, 1, 1000) == 1;
}

/* The next event, by polling. */
static bool next_event(const char *path, const char *token)
{
	char **event;
	bool same;

	do {
		NEED(readable());
		event = xs_check_watch(h);
		NEED(event || errno == EAGAIN);
	} while (!event);
	same = !strcmp(event[XS_WATCH_PATH], path) && !strcmp(event[XS_WATCH_TOKEN], token);
	free(event);
	return same;
}

static void test_watch(void)
{
	unsigned num;
	char **event;

	NEED(!xs_check_watch(h) && errno == EAGAIN);
	NEED(xs_watch(h, "/watched", "token"));
	NEED(next_event("/watched", "token"));
	NEED(!xs_check_watch(h) && errno == EAGAIN);
	/* Two that arrive while replies are awaited. */
	NEED(xs_write(h, XBT_NULL, "/watched/1", "", 0) &&
		xs_write(h, XBT_NULL, "/watched/2", "", 0));
	NEED(is_value("/watched/2", ""));
	NEED(next_event("/watched/1", "token"));
	event = xs_read_watch(h, &num);
	NEED(event && num == 2 && !strcmp(event[XS_WATCH_PATH], "/watched/2"));
	free(event);
	NEED(xs_write(h, XBT_NULL, "/watched/3", "", 0));
	NEED(xs_unwatch(h, "/watched", "token"));
	NEED(!xs_unwatch(h, "/watched", "token") && errno == ENOENT);
	NEED(!xs_check_watch(h) && errno == EAGAIN); /* XS_UNWATCH_FILTER */
}

/* Adds 1 to the number in /count; again when another thread did so meanwhile. */
static void add_one(void)
{
	bool done = false;

	while (!done) {
		xs_transaction_t t = xs_transaction_start(h);
		char *value, text[20];

		NEED(t != XBT_NULL);
		value = xs_read(h, t, "/count", NULL);
		NEED(value);
		sprintf(text, "%d", atoi(value) + 1);
		free(value);
		NEED(xs_write(h, t, "/count", text, strlen(text)));
		done = xs_transaction_end(h, t, false);
		NEED(done || errno == EAGAIN);
	}
}

static void *count_up(void *data)
{
	for (int i = 0; i < ROUNDS; i++)
		add_one();
	return data;
}

/* Threads that change, and one that waits for events meanwhile, on one handle. */
static void test_threads(void)
{
	pthread_t threads[THREADS];
	char **event, text[20], *value;

	sprintf(text, "%d", THREADS * ROUNDS);
	NEED(xs_write(h, XBT_NULL, "/count", "0", 1) && xs_watch(h, "/count", "count"));
	for (int i = 0; i < THREADS; i++)
		NEED(!pthread_create(&threads[i], NULL, count_up, NULL));
	do {
		event = xs_read_watch(h, NULL);
		NEED(event);
		free(event);
		value = xs_read(h, XBT_NULL, "/count", NULL);
		NEED(value);
		free(value);
	} while (strcmp(value = xs_read(h, XBT_NULL, "/count", NULL), text) && (free(value), true));
	free(value);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	NEED(is_value("/count", text));
	NEED(xs_unwatch(h, "/count", "count"));
}

/* Says "ready" and goes on when told to: the daemon is another then. */
static void test_restart(void)
{
	xs_transaction_t t;

	NEED(xs_write(h, XBT_NULL, "/kept", "1", 1) && xs_watch(h, "/kept", "k"));
	NEED(next_event("/kept", "k"));
	t = xs_transaction_start(h);
	NEED(xs_write(h, t, "/kept", "2", 1));
	puts("ready");
	fflush(stdout);
	NEED(getchar() == '\n');
	NEED(is_value("/kept", "1"));
	NEED(next_event("/kept", "k"));
	NEED(!xs_transaction_end(h, t, false) && errno == EAGAIN);
	t = xs_transaction_start(h);
	NEED(xs_write(h, t, "/kept", "3", 1) && xs_transaction_end(h, t, false));
	NEED(next_event("/kept", "k") && is_value("/kept", "3"));
}

static void test_helpers(void)
{
	struct expanding_buffer buffer = { 0 };
	struct xs_permissions perms[2];
	char out[64], text[8];
	unsigned len;

	NEED(xs_path_is_subpath("/a", "/a") && xs_path_is_subpath("/a", "/a/b"));
	NEED(xs_path_is_subpath("/", "/a") && !xs_path_is_subpath("/a", "/ab"));
	NEED(xs_count_strings("a\0b\0c", 5) == 2);
	NEED(xs_strings_to_perms(perms, 2, "n0\0b12") && perms[1].id == 12 && perms[1].perms == 3);
	NEED(!xs_strings_to_perms(perms, 1, "x1") && !xs_strings_to_perms(perms, 1, "r1x"));
	NEED(xs_perm_to_string(&(struct xs_permissions){ 5, XS_PERM_WRITE }, text, sizeof(text)));
	NEED(!strcmp(text, "w5"));
	NEED(!strcmp(sanitise_value(&buffer, "a\1b\nc\\d", 7), "a\\001b\\nc\\\\d"));
	unsanitise_value(out, &len, "a\\001b\\nc\\\\d\\x41\\");
	NEED(len == 9 && !memcmp(out, "a\1b\nc\\dA\\", 9));
	free(buffer.buf);
}

static const struct part {
	const char *name;
	void (*run)(void);
} parts[] = {
	{ "basic", test_basic },
	{ "long-list", test_long_list },
	{ "watch", test_watch },
	{ "threads", test_threads },
	{ "restart", test_restart },
	{ "helpers", test_helpers },
};

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		h = xs_open(XS_UNWATCH_FILTER);
		NEED(h);
		for (size_t j = 0; j < sizeof(parts) / sizeof(parts[0]); j++)
			if (!strcmp(parts[j].name, argv[i]))
				parts[j].run();
		xs_close(h);
	}
	return 0;
}
