#include "services.h"

#include <gio/gio.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "hotplug.h"
#include "log.h"
#include "options.h"
#include "store.h"

#define START_SECONDS   30
#define NETWORK_SECONDS 120

/* Whether a process of this name runs; Linux cuts names to 15 characters. */
static bool runs(const char *name)
{
	g_autoptr(GDir) proc = g_dir_open("/proc", 0, NULL);
	const char *pid;

	while (proc && (pid = g_dir_read_name(proc))) {
		g_autofree char *path = g_build_filename("/proc", pid, "comm", NULL), *comm = NULL;

		if (g_ascii_isdigit(*pid) && g_file_get_contents(path, &comm, NULL, NULL) &&
			g_str_equal(g_strchomp(comm), name))
			return true;
	}
	return false;
}

static void new_session(void *data)
{
	setsid();
}

/* Ours before others': Debian has programs of the same names. */
static char *find_program(const char *name)
{
	g_autofree char *own = g_build_filename(SBINDIR, name, NULL);

	return g_file_test(own, G_FILE_TEST_IS_EXECUTABLE) ? g_steal_pointer(&own)
							   : g_find_program_in_path(name);
}

static bool start(GPtrArray *argv, GError **error)
{
	g_autofree char *name = argv->pdata[0], *program = find_program(name);
	g_autoptr(GSubprocessLauncher) launcher =
		g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_NONE);
	g_autoptr(GSubprocess) process = NULL;

	g_subprocess_launcher_set_child_setup(launcher, new_session, NULL, NULL);
	if (!program)
		return fail(error, "there is no program %s", name), false;
	argv->pdata[0] = program;
	g_ptr_array_add(argv, NULL);
	log_info("starting %s", program);
	process = g_subprocess_launcher_spawnv(launcher, (const char *const *)argv->pdata, error);
	/* They become daemons by themselves. */
	if (process && g_subprocess_wait_check(process, NULL, error))
		return true;
	g_prefix_error(error, "%s: ", name);
	return false;
}

bool services_start_store(GError **error)
{
	g_autoptr(GPtrArray) argv = g_ptr_array_new();
	const char *trace = g_getenv("XENSTORED_TRACE");
	unsigned int tries;

	if (store_open(NULL))
		return true;
	if (!runs("xenstored") && !runs("oxenstored")) {
		g_ptr_array_add(argv, g_strdup("xenstored"));
		g_ptr_array_add(argv, "--pid-file");
		g_ptr_array_add(argv, "/run/xen/xenstored.pid");
		if (trace && *trace) {
			g_ptr_array_add(argv, "--trace-file");
			g_ptr_array_add(argv, LOGDIR "/xenstored-trace.log");
		}
		if (!start(argv, error))
			return false;
	}
	for (tries = 0; tries < START_SECONDS * 10; tries++) {
		if (store_open(NULL))
			return true;
		g_usleep(G_USEC_PER_SEC / 10);
	}
	return store_open(error);
}

bool services_start_console(GError **error)
{
	const char *trace = g_getenv("XENCONSOLED_TRACE");
	g_autoptr(GPtrArray) argv = g_ptr_array_new();
	g_autofree char *log = g_strconcat("--log=", trace, NULL);

	if (runs("xenconsoled"))
		return true;
	g_ptr_array_add(argv, g_strdup("xenconsoled"));
	g_ptr_array_add(argv, "--pid-file=/run/xen/xenconsoled.pid");
	if (trace && *trace)
		g_ptr_array_add(argv, log);
	return start(argv, error);
}

void services_network(const char *action)
{
	g_autofree char *script = option_text("network-script");
	g_autoptr(GError) error = NULL;

	if (!*script)
		return;
	log_info("network-script %s: %s", action, script);
	if (!script_run(script, action, NULL, NULL, NETWORK_SECONDS, &error))
		log_error("network-script %s", error->message);
}
