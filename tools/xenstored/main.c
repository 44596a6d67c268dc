/* xenstored: options, becoming a daemon, and the main loop. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

#include <glib.h>

#include "background.h"
#include "conn.h"
#include "fdio.h"
#include "hv.h"
#include "journal.h"
#include "log.h"
#include "poller.h"
#include "quota.h"
#include "ring.h"
#include "socket.h"
#include "watch.h"

static struct {
	gboolean no_domain_init, no_fork, output_pid, no_recovery, preserve_local, verbose;
	char *pid_file, *trace_file;
} options;

static struct poller events, signals;
static int signal_fd;

/* Options of the form --NAME=NUMBER that set a limit. */
static const struct {
	const char *option;
	enum quota quota;
} limits[] = {
	{ "--entry-nb", QUOTA_NODES },
	{ "-E", QUOTA_NODES },
	{ "--entry-size", QUOTA_VALUE_SIZE },
	{ "-S", QUOTA_VALUE_SIZE },
	{ "--entry-watch", QUOTA_WATCHES },
	{ "--watch-nb", QUOTA_WATCHES },
	{ "-W", QUOTA_WATCHES },
	{ "--transaction", QUOTA_TRANSACTIONS },
	{ "-t", QUOTA_TRANSACTIONS },
	{ "--perm-nb", QUOTA_PERMISSIONS },
	{ "-A", QUOTA_PERMISSIONS },
	{ "--path-max", QUOTA_PATH_MAX },
	{ "-M", QUOTA_PATH_MAX },
};

static gboolean set_limit(const char *option, const char *text, gpointer data, GError **error)
{
	guint64 number;

	if (!g_ascii_string_to_unsigned(text, 10, 1, INT32_MAX, &number, error))
		return FALSE;
	for (unsigned i = 0; i < G_N_ELEMENTS(limits); i++)
		if (!strcmp(limits[i].option, option))
			quotas[limits[i].quota].value = number;
	return TRUE;
}

static gboolean set_quota(const char *option, const char *text, gpointer data, GError **error)
{
	const char *equals = strchr(text, '=');
	char *name = equals ? g_strndup(text, equals - text) : g_strdup(text);
	guint64 number;
	gboolean good = equals &&
			g_ascii_string_to_unsigned(equals + 1, 10, 1, INT32_MAX, &number, error) &&
			quota_set(name, number);

	if (!good && error && !*error)
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
			"%s: not of the form NAME=NUMBER with the name of a limit", text);
	g_free(name);
	return good;
}

#define LIMIT(long, letter, text)                                                                  \
	{                                                                                          \
		long, letter, 0, G_OPTION_ARG_CALLBACK, set_limit, text, "N"                       \
	}

static const GOptionEntry entries[] = {
	{ "no-domain-init", 'D', 0, G_OPTION_ARG_NONE, &options.no_domain_init,
		"Serve the socket only, without a hypervisor", NULL },
	{ "pid-file", 'F', 0, G_OPTION_ARG_FILENAME, &options.pid_file,
		"Write the daemon's process id to FILE", "FILE" },
	{ "no-fork", 'N', 0, G_OPTION_ARG_NONE, &options.no_fork, "Stay in the foreground", NULL },
	{ "output-pid", 'P', 0, G_OPTION_ARG_NONE, &options.output_pid,
		"Print the daemon's process id", NULL },
	{ "trace-file", 'T', 0, G_OPTION_ARG_FILENAME, &options.trace_file,
		"Log all messages to FILE", "FILE" },
	LIMIT("entry-nb", 'E', "Nodes a domain may own"),
	LIMIT("entry-size", 'S', "Bytes of a value"),
	LIMIT("entry-watch", 'W', "Watches of a domain"),
	LIMIT("watch-nb", 0, "The same"),
	LIMIT("transaction", 't', "Open transactions of a domain"),
	LIMIT("perm-nb", 'A', "Permissions of a node"),
	LIMIT("path-max", 'M', "Length of a path"),
	{ "quota", 'Q', 0, G_OPTION_ARG_CALLBACK, set_quota, "Any limit, by its name", "NAME=N" },
	{ "no-recovery", 'R', 0, G_OPTION_ARG_NONE, &options.no_recovery,
		"Begin with an empty store", NULL },
	{ "preserve-local", 'L', 0, G_OPTION_ARG_NONE, &options.preserve_local,
		"Keep the tree over a restart of the host, too", NULL },
	{ "verbose", 'V', 0, G_OPTION_ARG_NONE, &options.verbose, "Trace on standard error", NULL },
	{ NULL },
};

static void die(const char *what)
{
	log_error("%s: %s", what, strerror(errno));
	exit(1);
}

/* The daemon lives in the root directory. */
static void make_absolute(char **path)
{
	g_autofree char *given = *path;

	*path = given ? g_canonicalize_filename(given, NULL) : NULL;
}

static void parse_options(int *argc, char ***argv)
{
	GOptionContext *context = g_option_context_new("- the store of a Xen host");
	GError *error = NULL;

	g_option_context_add_main_entries(context, entries, NULL);
	if (!g_option_context_parse(context, argc, argv, &error)) {
		fprintf(stderr, "xenstored: %s\n", error->message);
		exit(2);
	}
	if (*argc > 1) {
		fprintf(stderr, "xenstored: %s: not an option\n", (*argv)[1]);
		exit(2);
	}
	g_option_context_free(context);
	make_absolute(&options.pid_file);
	make_absolute(&options.trace_file);
}

static void on_event(struct poller *poller, uint32_t what)
{
	int port;

	while ((port = hv_pending()) >= 0) {
		if (hv_is_domain_event(port)) {
			domains_check();
			journal_end(NULL);
			events_send();
		} else {
			ring_event(port);
		}
	}
}

static void open_hypervisor(void)
{
	int fd = hv_open();

	if (fd < 0)
		die("cannot reach the hypervisor");
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	events.ready = on_event;
	if (poller_add(&events, fd, EPOLLIN))
		die("event channels");
}

/* What is there from the beginning; after a restart it is there already. */
static void first_nodes(void)
{
	struct domain *own = domain_find(0);

	if (!node_find(store_root, "/tool/xenstored", strlen("/tool/xenstored")))
		store_mkdir(&store_view, own, "/tool/xenstored", strlen("/tool/xenstored"));
	if (!options.no_domain_init && !own->introduced && domain_introduce(0, 0, 0))
		die("domain 0's ring");
	journal_end(NULL);
}

static char *run_file(const char *name)
{
	const char *directory = g_getenv("XENSTORED_RUNDIR");

	if (!directory)
		directory = "/var/run/xenstored";
	if (g_mkdir_with_parents(directory, 0755))
		die(directory);
	return g_build_filename(directory, name, NULL);
}

static void take_pid_file(void)
{
	g_autoptr(GError) error = NULL;

	if (!options.pid_file || pid_file_take(options.pid_file, &error))
		return;
	log_error("%s", error->message);
	exit(1);
}

static void on_signal(struct poller *poller, uint32_t what)
{
	struct signalfd_siginfo info;

	if (read(signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGHUP)
		trace_reopen();
	else
		pollers_stop();
}

static void catch_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	signals.ready = on_signal;
	if (signal_fd < 0 || poller_add(&signals, signal_fd, EPOLLIN))
		die("signals");
}

static void open_store(void)
{
	const char *state = g_getenv("XENSTORED_ROOTDIR");
	char *path = run_file("socket");

	domains_init();
	store_init();
	journal_open(state ? state : STATEDIR "/xenstored", !options.no_recovery,
		options.preserve_local);
	if (pollers_init())
		die("epoll");
	catch_signals();
	if (!options.no_domain_init)
		open_hypervisor();
	journal_resume();
	domains_check();
	first_nodes();
	events_send();
	if (socket_listen(path))
		die(path);
	g_free(path);
}

int main(int argc, char **argv)
{
	parse_options(&argc, &argv);
	openlog("xenstored", 0, LOG_DAEMON);
	if (options.verbose)
		trace_verbose();
	if (options.trace_file && !trace_open(options.trace_file))
		die(options.trace_file);
	fd_raise_limit();
	if (!options.no_fork)
		background_enter(log_error);
	take_pid_file();
	open_store();
	if (options.output_pid) {
		printf("%d\n", getpid());
		fflush(stdout);
	}
	if (!options.no_fork) {
		background_leave_terminal(options.verbose);
		background_ready();
	}

	pollers_run();

	sockets_close();
	if (options.pid_file)
		unlink(options.pid_file);
	return 0;
}
