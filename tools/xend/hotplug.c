#include "hotplug.h"

#include <fcntl.h>
#include <gio/gio.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "error.h"
#include "log.h"
#include "store.h"

/* Output beyond this is not looked at. */
#define MAX_OUTPUT 65536

/* What ends a script that takes too long; shared between the waiting thread and the main loop's
 * timer. */
struct limit {
	pid_t group;
	int fired;
};

static void new_session(void *data)
{
	setsid();
}

static gboolean on_limit(void *data)
{
	struct limit *limit = data;

	g_atomic_int_set(&limit->fired, 1);
	kill(-limit->group, SIGKILL);
	return G_SOURCE_CONTINUE;
}

char **script_command(const char *command)
{
	g_auto(GStrv) words = g_strsplit_set(command, " \t", -1);
	GPtrArray *argv = g_ptr_array_new();

	for (char **word = words; *word; word++) {
		if (!**word)
			continue;
		if (!argv->len && **word != '/')
			g_ptr_array_add(argv, g_build_filename(SYSCONFDIR, "scripts", *word, NULL));
		else
			g_ptr_array_add(argv, g_strdup(*word));
	}
	g_ptr_array_add(argv, NULL);
	return (char **)g_ptr_array_free(argv, FALSE);
}

/* Waits for the end, or brings it about; true in the latter case. */
static bool wait_for(GSubprocess *process, unsigned int seconds)
{
	const char *pid = g_subprocess_get_identifier(process);
	struct limit *limit;
	GSource *timer;
	bool late;

	if (!pid)
		return false;
	limit = g_atomic_rc_box_new0(struct limit);
	limit->group = g_ascii_strtoull(pid, NULL, 10);
	timer = g_timeout_source_new_seconds(seconds);
	g_source_set_callback(
		timer, on_limit, g_atomic_rc_box_acquire(limit), g_atomic_rc_box_release);
	g_source_attach(timer, NULL);
	g_subprocess_wait(process, NULL, NULL);
	g_source_destroy(timer);
	g_source_unref(timer);
	late = g_atomic_int_get(&limit->fired);
	g_atomic_rc_box_release(limit);
	return late;
}

static GSubprocess *start(const char *const *argv, const char *const *environment, int output,
	int errors, GError **error)
{
	GSubprocessFlags flags =
		errors < 0 ? G_SUBPROCESS_FLAGS_STDERR_MERGE : G_SUBPROCESS_FLAGS_NONE;
	g_autoptr(GSubprocessLauncher) launcher = g_subprocess_launcher_new(flags);

	g_subprocess_launcher_set_child_setup(launcher, new_session, NULL, NULL);
	g_subprocess_launcher_take_stdout_fd(launcher, fcntl(output, F_DUPFD_CLOEXEC, 0));
	if (errors >= 0)
		g_subprocess_launcher_take_stderr_fd(launcher, fcntl(errors, F_DUPFD_CLOEXEC, 0));
	for (; environment && *environment; environment++) {
		g_auto(GStrv) parts = g_strsplit(*environment, "=", 2);

		g_subprocess_launcher_setenv(launcher, parts[0], parts[1], TRUE);
	}
	return g_subprocess_launcher_spawnv(launcher, argv, error);
}

int program_output(GError **error)
{
	int fd = memfd_create("output", MFD_CLOEXEC);

	if (fd < 0)
		fail_errno(error, "no memory for a program's output");
	return fd;
}

char *program_text(int output)
{
	char *text = g_malloc0(MAX_OUTPUT + 1);

	if (pread(output, text, MAX_OUTPUT, 0) < 0)
		*text = 0;
	return text;
}

bool program_run(const char *const *argv, const char *const *environment, int output, int errors,
	unsigned int seconds, bool *late, GError **error)
{
	g_autoptr(GSubprocess) process = start(argv, environment, output, errors, error);

	*late = process && wait_for(process, seconds);
	if (!process)
		return g_prefix_error(error, "cannot run %s: ", argv[0]), false;
	return !*late && g_subprocess_get_successful(process);
}

/* Logs what the script has printed; returns its last line. */
static char *collect(int output, const char *name)
{
	g_autofree char *text = program_text(output), *last = g_strdup("");
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	for (char **line = lines; *line; line++) {
		g_autofree char *valid = g_utf8_make_valid(g_strstrip(*line), -1);

		if (!*valid)
			continue;
		log_debug("%s: %s", name, valid);
		g_free(last);
		last = g_steal_pointer(&valid);
	}
	return g_steal_pointer(&last);
}

bool script_run(const char *command, const char *action, const char *const *environment,
	const char *back, unsigned int seconds, GError **error)
{
	g_auto(GStrv) argv = script_command(command);
	unsigned int n = g_strv_length(argv);
	g_autofree char *name = n ? g_path_get_basename(argv[0]) : NULL, *last = NULL,
			*reason = NULL;
	g_autoptr(GError) cause = NULL;
	bool late, done;
	int output;

	if (!n)
		return fail(error, "a script without a name"), false;
	output = program_output(error);
	if (output < 0)
		return false;
	argv = g_renew(char *, argv, n + 2);
	argv[n] = g_strdup(action);
	argv[n + 1] = NULL;
	log_debug("running %s %s for %s", argv[0], action, back ? back : "the host");
	done = program_run(
		(const char *const *)argv, environment, output, -1, seconds, &late, &cause);
	last = collect(output, name);
	close(output);
	if (done)
		return true;
	if (cause)
		return g_propagate_error(error, g_steal_pointer(&cause)), false;
	if (late)
		return fail(error, "%s %s did not end within %u seconds", name, action, seconds),
		       false;
	reason = back ? store_read("%s/hotplug-error", back) : NULL;
	if (!reason && *last)
		reason = g_steal_pointer(&last);
	return fail(error, "%s %s failed%s%s", name, action, reason ? ": " : "",
		       reason ? reason : ""),
	       false;
}
