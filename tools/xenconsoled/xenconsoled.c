/* Options, beginning and end of the daemon, and its main loop. */
#include "xenconsoled.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "background.h"
#include "fdio.h"

/* Domains looked at in one call. */
#define BATCH 256

struct options options = { .discard = true };
xc_interface *xc;
xenevtchn_handle *events;

static GMainLoop *loop;
static bool in_background;

/* ---- Messages ---- */

static void say(int priority, const char *format, va_list args)
{
	g_autofree char *text = g_strdup_vprintf(format, args);

	if (in_background)
		syslog(priority, "%s", text);
	else
		fprintf(stderr, "xenconsoled: %s\n", text);
}

void complain(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(LOG_ERR, format, args);
	va_end(args);
}

void mention(const char *format, ...)
{
	va_list args;

	if (!options.verbose)
		return;
	va_start(args, format);
	say(LOG_INFO, format, args);
	va_end(args);
}

/* ---- Domains and events ---- */

void refresh_domains(void)
{
	static struct xen_domctl_getdomaininfo info[BATCH];
	GArray *alive = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	uint32_t first = 1;
	int n;

	do {
		n = xc_domain_getinfolist(xc, first, BATCH, info);
		for (int i = 0; i < n; i++) {
			uint32_t domid = info[i].domain;

			if (!(info[i].flags & XEN_DOMINF_dying))
				g_array_append_val(alive, domid);
			first = domid + 1;
		}
	} while (n == BATCH);
	if (n < 0) {
		complain("the domains cannot be listed: %s", g_strerror(errno));
	} else {
		console_keep_only(alive);
		for (unsigned i = 0; i < alive->len; i++) {
			store_watch(g_array_index(alive, uint32_t, i), true);
			console_update(g_array_index(alive, uint32_t, i));
		}
	}
	g_array_free(alive, TRUE);
}

static gboolean on_event(gint fd, GIOCondition condition, gpointer data)
{
	int port = xenevtchn_pending(events);

	if (port >= 0 && !hypervisor_event(port))
		console_event(port);
	return G_SOURCE_CONTINUE;
}

/* ---- Signals ---- */

static gboolean on_hup(gpointer data)
{
	console_reopen_logs();
	hypervisor_reopen_log();
	return G_SOURCE_CONTINUE;
}

static gboolean on_term(gpointer data)
{
	g_main_loop_quit(loop);
	return G_SOURCE_CONTINUE;
}

/* ---- Options ---- */

/* What --log and --timestamp take. */
static bool parse_which(const char *name, const char *text, bool *guests, bool *hypervisor)
{
	bool all = !g_strcmp0(text, "all");

	*guests = all || !g_strcmp0(text, "guest");
	*hypervisor = all || !g_strcmp0(text, "hv");
	if (!text || *guests || *hypervisor || !strcmp(text, "none"))
		return true;
	fprintf(stderr, "xenconsoled: --%s=%s: not none, guest, hv or all\n", name, text);
	return false;
}

static bool parse_options(int argc, char **argv)
{
	gboolean verbose = FALSE, interactive = FALSE, version = FALSE;
	g_autofree char *log = NULL, *stamp = NULL, *overflow = NULL;
	g_autofree char *log_dir = NULL, *pid_file = NULL;
	const GOptionEntry entries[] = {
		{ "verbose", 'v', 0, G_OPTION_ARG_NONE, &verbose, "Say more", NULL },
		{ "interactive", 'i', 0, G_OPTION_ARG_NONE, &interactive, "Stay in the foreground",
			NULL },
		{ "version", 'V', 0, G_OPTION_ARG_NONE, &version, "Tell the version and end",
			NULL },
		{ "log", 0, 0, G_OPTION_ARG_STRING, &log, "What to log (none)",
			"none|guest|hv|all" },
		{ "timestamp", 't', 0, G_OPTION_ARG_STRING, &stamp,
			"Time before each line of (none)", "none|guest|hv|all" },
		{ "log-dir", 0, 0, G_OPTION_ARG_FILENAME, &log_dir,
			"Where logs go (" LOGDIR "/console)", "DIR" },
		{ "pid-file", 0, 0, G_OPTION_ARG_FILENAME, &pid_file,
			"File for the process id (" RUNDIR "/xenconsoled.pid)", "FILE" },
		{ "overflow-data", 'o', 0, G_OPTION_ARG_STRING, &overflow,
			"What nobody watches beyond a console's limit: forget the oldest, or let "
			"the guest wait (discard)",
			"discard|keep" },
		{ NULL },
	};
	g_autoptr(GOptionContext) context = g_option_context_new("- the consoles of all guests");
	g_autoptr(GError) error = NULL;

	g_option_context_add_main_entries(context, entries, NULL);
	if (!g_option_context_parse(context, &argc, &argv, &error) || argc > 1) {
		fprintf(stderr, "xenconsoled: %s\n", error ? error->message : "takes no arguments");
		return false;
	}
	if (version) {
		puts("xenconsoled " XENITH_VERSION);
		exit(0);
	}
	options.verbose = verbose;
	options.foreground = interactive;
	if (overflow && strcmp(overflow, "keep") && strcmp(overflow, "discard")) {
		fprintf(stderr, "xenconsoled: --overflow-data=%s: not discard or keep\n", overflow);
		return false;
	}
	options.discard = g_strcmp0(overflow, "keep");
	/* The daemon lives in the root directory. */
	options.log_dir = g_canonicalize_filename(log_dir ? log_dir : LOGDIR "/console", NULL);
	options.pid_file =
		g_canonicalize_filename(pid_file ? pid_file : RUNDIR "/xenconsoled.pid", NULL);
	return parse_which("log", log, &options.log_guests, &options.log_hypervisor) &&
	       parse_which("timestamp", stamp, &options.stamp_guests, &options.stamp_hypervisor);
}

/* ---- Beginning and end ---- */

static bool take_pid_file(void)
{
	g_autoptr(GError) error = NULL;

	if (pid_file_take(options.pid_file, &error))
		return true;
	complain("%s", error->message);
	return false;
}

static bool open_handles(void)
{
	xc = xc_open();
	if (!xc) {
		complain("the hypervisor's interface: %s", g_strerror(errno));
		return false;
	}
	events = xenevtchn_open(NULL, 0);
	if (!events) {
		complain("event channels: %s", g_strerror(errno));
		return false;
	}
	g_unix_set_fd_nonblocking(xenevtchn_fd(events), TRUE, NULL);
	if (!store_init()) {
		complain("xenstored: %s", g_strerror(errno));
		return false;
	}
	return true;
}

/* Everything is opened in the child: buffers of hypercalls do not go to children. */
static bool run(void)
{
	if (!take_pid_file() || !open_handles())
		return false;
	signal(SIGPIPE, SIG_IGN);
	loop = g_main_loop_new(NULL, FALSE);
	g_unix_signal_add(SIGHUP, on_hup, NULL);
	g_unix_signal_add(SIGTERM, on_term, NULL);
	g_unix_signal_add(SIGINT, on_term, NULL);
	console_init();
	hypervisor_init();
	g_unix_fd_add(xenevtchn_fd(events), G_IO_IN, on_event, NULL);
	refresh_domains();
	if (!options.foreground) {
		in_background = true;
		background_leave_terminal(false);
		background_ready();
	}
	g_main_loop_run(loop);
	console_exit();
	hypervisor_exit();
	store_exit();
	g_main_loop_unref(loop);
	unlink(options.pid_file);
	return true;
}

int main(int argc, char **argv)
{
	bool ok;

	if (!parse_options(argc, argv))
		return 2;
	openlog("xenconsoled", LOG_PID, LOG_DAEMON);
	fd_raise_limit();
	if (!options.foreground)
		background_enter(complain);
	ok = run();
	xenevtchn_close(events);
	xc_close(xc);
	return ok ? 0 : 1;
}
