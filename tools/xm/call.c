/* Calls to xend, and reading of what it tells. */
#include "xm.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

/* How long a xend that starts may take until it listens. */
#define START_SECONDS 60

volatile bool interrupted;

static int failure;
/* What goes on, and the lock for it. */
static GMutex activity_lock;
static char *activity;

/* Shows on a terminal, beginning with the second second, that a call is under way. */
struct progress {
	bool shows, shown;
	gint64 begin;
	struct observer observer;
};

/* Standard error is a terminal that can erase a line, and it is ours: not that of a job in the
 * background. */
static bool can_show(void)
{
	const char *term = getenv("TERM");
	pid_t group = isatty(STDERR_FILENO) ? tcgetpgrp(STDERR_FILENO) : 0;

	return isatty(STDERR_FILENO) && term && *term && strcmp(term, "dumb") &&
	       (group < 0 || group == getpgrp());
}

static char *get_activity(void)
{
	char *text;

	g_mutex_lock(&activity_lock);
	text = g_strdup(activity);
	g_mutex_unlock(&activity_lock);
	return text;
}

/* One line and no more, so that it can be erased. */
static void show_seconds(int seconds)
{
	g_autofree char *what = get_activity();
	g_autofree char *text =
		g_strdup_printf("%s ... %d s", what ?: "Waiting for xend", seconds);
	struct winsize size;
	int width = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) || !size.ws_col ? 80 : size.ws_col;

	fprintf(stderr, "\r%.*s\033[K", width - 1, text);
}

static void show_progress(void *data)
{
	struct progress *progress = data;

	show_seconds((g_get_monotonic_time() - progress->begin) / G_USEC_PER_SEC);
	progress->shown = true;
}

static void progress_begin(struct progress *progress)
{
	*progress = (struct progress){ .shows = can_show(), .begin = g_get_monotonic_time() };
	if (progress->shows)
		observer_begin(&progress->observer, show_progress, progress);
}

static void progress_end(struct progress *progress)
{
	if (progress->shows)
		observer_end(&progress->observer);
	if (progress->shown)
		fputs("\r\033[K", stderr);
}

void xm_activity(const char *text)
{
	g_mutex_lock(&activity_lock);
	g_free(activity);
	activity = g_strdup(text);
	g_mutex_unlock(&activity_lock);
}

const char *xm_server(void)
{
	const char *server = getenv("XM_SERVER");

	return server && *server ? server : "unix:/run/xend/xmlrpc.sock";
}

/* The path of xend's socket; NULL when it is called by TCP. */
static const char *socket_path(void)
{
	const char *server = xm_server();

	return g_str_has_prefix(server, "unix:") ? server + strlen("unix:") : NULL;
}

static bool xend_listens(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool listens;

	g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
	listens = fd >= 0 && !connect(fd, (struct sockaddr *)&address, sizeof(address));
	if (fd >= 0)
		close(fd);
	return listens;
}

/* xend holds a lock from its first moment on; its file is beside the socket's directory. */
static bool xend_lives(const char *path)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	g_autofree char *directory = g_path_get_dirname(path);
	g_autofree char *file = g_strconcat(directory, ".pid", NULL);
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	bool lives = fd >= 0 && !fcntl(fd, F_GETLK, &lock) && lock.l_type != F_UNLCK;

	if (fd >= 0)
		close(fd);
	return lives;
}

/* At the machine's start xend first sees to its daemons, network and domains. */
static void wait_for_start(void)
{
	gint64 end = g_get_monotonic_time() + START_SECONDS * G_USEC_PER_SEC;
	g_autofree char *other = get_activity();
	const char *path = socket_path();
	struct progress progress;

	if (!path || xend_listens(path) || !xend_lives(path))
		return;
	xm_activity("Waiting for xend, which is starting");
	progress_begin(&progress);
	while (!interrupted && xend_lives(path) && !xend_listens(path) &&
		g_get_monotonic_time() < end)
		g_usleep(G_USEC_PER_SEC / 10);
	progress_end(&progress);
	xm_activity(other);
}

/* Says why a socket cannot be used in terms of what the user can do. */
static void explain(GError **error)
{
	const char *path = socket_path();

	if (!error || !path || !g_error_matches(*error, XENRPC_ERROR, XENRPC_ERROR_CONNECT))
		return;
	if (access(path, R_OK | W_OK) && errno == EACCES && geteuid())
		g_prefix_error(error, "only root may use xm: ");
	else if (xend_listens(path))
		g_prefix_error(error, "xend does not answer: ");
	else if (xend_lives(path))
		g_prefix_error(error, "xend is still starting, see xend.log: ");
	else
		g_prefix_error(error, "xend is not running: ");
}

GVariant *xm_try(const char *method, GVariant *params, GError **error)
{
	static struct xenrpc_client *client;
	g_autoptr(GVariant) held = params ? g_variant_ref_sink(params) : NULL;
	struct progress progress;
	GVariant *result;

	if (!client) {
		wait_for_start();
		client = xenrpc_client_new(xm_server(), error);
	}
	if (!client)
		return NULL;
	progress_begin(&progress);
	result = xenrpc_call(client, method, held, error);
	progress_end(&progress);
	if (!result)
		explain(error);
	return result ? g_variant_take_ref(result) : NULL;
}

GVariant *xm_call(const char *method, GVariant *params)
{
	g_autoptr(GError) error = NULL;
	GVariant *result = xm_try(method, params, &error);

	if (!result)
		failure = xm_report(error);
	return result;
}

int xm_call_failed(void)
{
	return failure;
}

int xm_do(const char *method, GVariant *params)
{
	g_autoptr(GVariant) result = xm_call(method, params);

	return result ? XM_OK : xm_call_failed();
}

GVariant *xm_domain(const char *domain)
{
	return xm_call("xend.domain", g_variant_new("(s)", domain));
}

char *field_text(GVariant *sxp, const char *name, const char *otherwise)
{
	return sxp_child_text(sxp, name) ?: g_strdup(otherwise);
}

double field_number(GVariant *sxp, const char *name, double otherwise)
{
	g_autofree char *text = sxp_child_text(sxp, name);
	char *end;
	double number = text ? g_ascii_strtod(text, &end) : otherwise;

	return text && (end == text || !isfinite(number)) ? otherwise : number;
}

bool parse_number(const char *text, const char *what, gint64 min, gint64 max, gint64 *number)
{
	g_autoptr(GError) error = NULL;

	if (g_ascii_string_to_signed(text, 10, min, max, number, &error))
		return true;
	xm_usage("%s '%s' is no number from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT, what, text,
		min, max);
	return false;
}

bool parse_memory(const char *text, gint64 *mib)
{
	char *end;
	guint64 number = g_ascii_strtoull(text, &end, 10);
	char unit = g_ascii_toupper(*end);

	if (!g_ascii_isdigit(*text) || (*end && (!strchr("KMG", unit) || end[1])) ||
		number > (1ULL << 40)) {
		xm_usage("'%s' is no amount of memory such as 256, 512M or 2G", text);
		return false;
	}
	*mib = unit == 'K' ? number >> 10 : unit == 'G' ? number << 10 : number;
	if (!*mib || *mib > G_MAXINT32) {
		xm_usage("'%s' is no amount of memory that a domain can have", text);
		return false;
	}
	return true;
}

static struct sigaction before;

static void on_interrupt(int signal)
{
	static const char text[] =
		"\nxm: interrupted; what was begun is undone as soon as xend lets it "
		"(again Ctrl-C: leave at once)\n";
	ssize_t ignored = write(STDERR_FILENO, text, sizeof(text) - 1);

	(void)ignored;
	interrupted = true;
}

void interrupt_begin(void)
{
	struct sigaction action = { .sa_handler = on_interrupt,
		.sa_flags = SA_RESTART | SA_RESETHAND };

	interrupted = false;
	sigaction(SIGINT, &action, &before);
}

void interrupt_end(void)
{
	sigaction(SIGINT, &before, NULL);
}
