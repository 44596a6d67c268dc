#include "qemu.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "log.h"
#include "options.h"

/* The classic name, for one's own; where Debian's qemu-system-xen has it; names to look for in
 * PATH. */
static const char *const programs[] = { LIBEXECDIR "/bin/qemu-dm",
	"/usr/libexec/xen-qemu-system-i386", "/usr/lib/xen-4.17/bin/qemu-system-i386",
	"qemu-system-i386", "qemu-system-x86_64" };

#define STOP_SECONDS 10

static char *pid_file(int domid)
{
	return g_strdup_printf("%s/qemu-%d.pid", run_dir(), domid);
}

static char *find_program(GError **error)
{
	for (unsigned int i = 0; i < G_N_ELEMENTS(programs); i++) {
		char *path = g_find_program_in_path(programs[i]);

		if (path)
			return path;
	}
	fail(error, "there is no QEMU (package qemu-system-xen)");
	return NULL;
}

/* The process that the file names, if it is still the QEMU of this domain; 0 otherwise. */
static pid_t running(int domid)
{
	g_autofree char *file = pid_file(domid), *text = NULL, *path = NULL, *command = NULL;
	g_autofree char *id = g_strdup_printf("%d", domid);
	gsize length, at;
	guint64 pid;

	if (!g_file_get_contents(file, &text, NULL, NULL) ||
		!g_ascii_string_to_unsigned(g_strchomp(text), 10, 2, G_MAXINT32, &pid, NULL))
		return 0;
	path = g_strdup_printf("/proc/%d/cmdline", (int)pid);
	if (!g_file_get_contents(path, &command, &length, NULL))
		return 0;
	for (at = 0; at < length; at += strlen(command + at) + 1) {
		gsize next = at + strlen(command + at) + 1;

		if (g_str_equal(command + at, "-xen-domid") && next < length)
			return g_str_equal(command + next, id) ? pid : 0;
	}
	return 0;
}

static void new_session(void *data)
{
	setsid();
}

bool qemu_start(struct domain *domain, GError **error)
{
	g_autofree char *program = NULL, *file = pid_file(domain->domid), *log = NULL;
	g_autofree char *domid = g_strdup_printf("%d", domain->domid);
	g_autoptr(GSubprocessLauncher) launcher = NULL;
	g_autoptr(GSubprocess) process = NULL;

	if (running(domain->domid))
		return true;
	program = find_program(error);
	if (!program)
		return false;
	log = g_strdup_printf(LOGDIR "/qemu-%s.log", domain->name);
	g_strdelimit(log + strlen(LOGDIR) + 1, "/", '_');
	launcher = g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_STDERR_MERGE);
	g_subprocess_launcher_set_child_setup(launcher, new_session, NULL, NULL);
	g_subprocess_launcher_set_stdout_file_path(launcher, log);
	/* It daemonizes when it is ready, so that it outlives xend and we see it fail. */
	process = g_subprocess_launcher_spawn(launcher, error, program, "-xen-domid", domid,
		"-name", domain->name, "-xen-attach", "-machine", "xenpv", "-m", "4", "-nodefaults",
		"-no-user-config", "-no-shutdown", "-display", "none", "-vnc", "none", "-daemonize",
		"-pidfile", file, NULL);
	if (process && g_subprocess_wait_check(process, NULL, error)) {
		log_debug("domain %s: started %s", domain->name, program);
		return true;
	}
	g_prefix_error(error, "%s (see %s): ", program, log);
	return false;
}

void qemu_stop(int domid)
{
	g_autofree char *file = pid_file(domid);
	pid_t pid = running(domid);
	int tries;

	if (pid)
		kill(pid, SIGTERM);
	for (tries = 0; pid && running(domid) == pid && tries < STOP_SECONDS * 10; tries++)
		g_usleep(G_USEC_PER_SEC / 10);
	if (pid && running(domid) == pid)
		kill(pid, SIGKILL);
	unlink(file);
}
