#include "daemon.h"

#include <fcntl.h>
#include <gio/gunixconnection.h>
#include <gio/gunixinputstream.h>
#include <gio/gunixoutputstream.h>
#include <gio/gunixsocketaddress.h>
#include <glib-unix.h>
#include <libsoup/soup.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "background.h"
#include "build.h"
#include "error.h"
#include "fdio.h"
#include "host.h"
#include "lifecycle.h"
#include "log.h"
#include "options.h"
#include "relocation.h"
#include "server.h"
#include "services.h"
#include "state.h"
#include "store.h"

/* "xend stop" waits for guests, which on_xend_stop may have told to shut down. */
#define STOP_SECONDS 360
#define DEBUG_LOG    LOGDIR "/xend-debug.log"

static GMainLoop *loop;
static bool stopping;

const char *daemon_config(void)
{
	const char *path = g_getenv("XEND_CONFIG");

	return path ? path : SYSCONFDIR "/xend-config.sxp";
}

static char *pid_path(void)
{
	return g_strconcat(run_dir(), ".pid", NULL);
}

pid_t daemon_running(void)
{
	g_autofree char *path = pid_path();

	return pid_file_holder(path);
}

static bool take_pid_file(GError **error)
{
	g_autofree char *path = pid_path();

	return pid_file_take(path, error);
}

static bool open_log(GError **error)
{
	g_autofree char *path = option_text("logfile"), *name = option_text("loglevel");
	g_autofree char *directory = g_path_get_dirname(path);
	enum log_level level;

	if (!log_level_parse(g_getenv("XEND_DEBUG") ? "DEBUG" : name, &level))
		return fail(error, "loglevel: there is no level %s", name), false;
	g_mkdir_with_parents(directory, 0755);
	if (!log_open(path, level, error))
		return false;
	options_report();
	return true;
}

static void *quit(void *unused)
{
	g_main_loop_quit(loop);
	return NULL;
}

static gboolean on_started(void *data)
{
	g_autoptr(GError) error = NULL;

	if (lifecycle_open(&error) && servers_open(&error)) {
		log_info("xend %s is ready", XENITH_VERSION);
		background_ready();
		return G_SOURCE_REMOVE;
	}
	log_error("%s", error->message);
	background_failed(error->message);
	quit(NULL);
	return G_SOURCE_REMOVE;
}

/* What of the start may take time, or needs the main loop. */
static void start_up(void *unused)
{
	g_autoptr(GError) error = NULL;

	services_network("start");
	if (!services_start_console(&error))
		log_error("guests have no consoles: %s", error->message);
	recover_all();
	g_main_context_invoke(NULL, on_started, NULL);
	start_managed();
}

static gboolean on_stopped(void *unused)
{
	quit(NULL);
	return G_SOURCE_REMOVE;
}

static bool guests_run(void)
{
	g_autoptr(GArray) all = host_domains(NULL);

	return all && all->len > 1;
}

static void shut_down(void *unused)
{
	stop_managed();
	/* What keeps running keeps its network. */
	if (!guests_run())
		services_network("stop");
	g_main_context_invoke(NULL, on_stopped, NULL);
}

static gboolean on_terminate(void *unused)
{
	if (!stopping)
		work_run(shut_down, NULL);
	stopping = true;
	return G_SOURCE_CONTINUE;
}

static gboolean on_hangup(void *unused)
{
	g_autoptr(GError) error = NULL;

	log_info("reading the configuration again");
	if (!options_read(daemon_config(), &error) || !open_log(&error)) {
		log_error("%s", error->message);
		return G_SOURCE_CONTINUE;
	}
	servers_close(false);
	if (!servers_open(&error))
		log_error("%s", error->message);
	return G_SOURCE_CONTINUE;
}

/*
 * The classes that threads use. GLib 2.74 can come to a deadlock when two threads are the first ones
 * to use classes that need each other: one has the lock of all classes and waits for a type that the
 * other is registering, which waits for that lock.
 */
static void prepare_classes(void)
{
	static GType (*const types[])(void) = {
		g_cancellable_get_type,
		g_inet_socket_address_get_type,
		g_network_address_get_type,
		g_proxy_address_get_type,
		g_socket_client_get_type,
		g_socket_get_type,
		g_socket_service_get_type,
		g_subprocess_get_type,
		g_subprocess_launcher_get_type,
		g_task_get_type,
		g_tcp_connection_get_type,
		g_tls_certificate_get_type,
		g_tls_connection_get_type,
		g_unix_connection_get_type,
		g_unix_input_stream_get_type,
		g_unix_output_stream_get_type,
		g_unix_socket_address_get_type,
		soup_server_get_type,
		soup_server_message_get_type,
	};

	for (unsigned int i = 0; i < G_N_ELEMENTS(types); i++)
		g_type_class_ref(types[i]());
}

static bool prepare(GError **error)
{
	g_mkdir_with_parents(run_dir(), 0700);
	return take_pid_file(error) && options_read(daemon_config(), error) && open_log(error) &&
	       host_open(error) && services_start_store(error) && store_build_zero(error) &&
	       state_open(error);
}

static bool run(GError **error)
{
	loop = g_main_loop_new(NULL, FALSE);
	signal(SIGPIPE, SIG_IGN);
	fd_raise_limit();
	prepare_classes();
	if (!prepare(error))
		return false;
	registry_open();
	work_open();
	g_unix_signal_add(SIGTERM, on_terminate, NULL);
	g_unix_signal_add(SIGINT, on_terminate, NULL);
	g_unix_signal_add(SIGHUP, on_hangup, NULL);
	work_run(start_up, NULL);
	g_main_loop_run(loop);
	servers_close(true);
	relocation_stop();
	work_close();
	store_close();
	log_info("xend ends");
	return true;
}

/* Standard output and error become the debug log. */
static void open_debug_log(void)
{
	int log;

	g_mkdir_with_parents(LOGDIR, 0755);
	log = open(DEBUG_LOG, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	if (log < 0)
		log = open("/dev/null", O_WRONLY | O_CLOEXEC);
	dup2(log, STDOUT_FILENO);
	dup2(log, STDERR_FILENO);
	close(log);
}

static void run_child(void)
{
	g_autoptr(GError) error = NULL;

	open_debug_log();
	if (run(&error))
		_exit(0);
	log_error("%s", error->message);
	background_failed(error->message);
	_exit(1);
}

bool daemon_start(bool daemonize, GError **error)
{
	enum background background;

	if (!daemonize)
		return run(error);
	background = background_start("xend died at its start, see " DEBUG_LOG, error);
	if (background == BACKGROUND_DAEMON)
		run_child();
	return background == BACKGROUND_STARTED;
}

bool daemon_stop(GError **error)
{
	pid_t pid = daemon_running();

	if (!pid)
		return true;
	if (kill(pid, SIGTERM))
		return fail_errno(error, "cannot stop xend"), false;
	for (unsigned int i = 0; i < STOP_SECONDS * 10; i++) {
		if (daemon_running() != pid)
			return true;
		g_usleep(G_USEC_PER_SEC / 10);
	}
	return fail(error, "xend does not end"), false;
}

bool daemon_reload(GError **error)
{
	pid_t pid = daemon_running();

	if (!pid)
		return fail(error, "xend is not running"), false;
	if (kill(pid, SIGHUP))
		return fail_errno(error, "cannot tell xend"), false;
	return true;
}
