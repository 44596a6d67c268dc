#include "qemu.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "hotplug.h"
#include "log.h"
#include "options.h"
#include "store.h"

/* The classic name, for one's own; where Debian's qemu-system-xen has it; names to look for in
 * PATH. */
static const char *const programs[] = { LIBEXECDIR "/bin/qemu-dm",
	"/usr/libexec/xen-qemu-system-i386", "/usr/lib/xen-4.17/bin/qemu-system-i386",
	"qemu-system-i386", "qemu-system-x86_64" };

#define STOP_SECONDS 10

/*
 * It parses images that their guests write, so it gets no more rights than it needs: no network,
 * none of root's capabilities but that of opening images of other owners. The user stays root, who
 * owns the devices that grants and events come by, and which QEMU opens for each disk anew.
 */
static const char *const confine[] = { "unshare", "--net", "--ipc", "--uts", "--", "setpriv",
	"--no-new-privs", "--inh-caps=-all", "--bounding-set=-all,+dac_override", "--" };

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

/* It daemonizes when it is ready, so that it outlives xend and we see it fail. */
static bool run(struct domain *domain, const char *program, const char *log, GError **error)
{
	g_autofree char *file = pid_file(domain->domid);
	g_autofree char *domid = g_strdup_printf("%d", domain->domid);
	g_autofree char *monitor = qemu_monitor(domain->domid);
	g_autofree char *qmp = g_strdup_printf("unix:%s,server=on,wait=off", monitor);
	const char *const command[] = { program, "-xen-domid", domid, "-name", domain->name,
		"-xen-attach", "-machine", "xenpv", "-m", "4", "-nodefaults", "-no-user-config",
		"-no-shutdown", "-qmp", qmp, "-display", "none", "-vnc", "none", "-daemonize",
		"-pidfile", file, NULL };
	g_autoptr(GPtrArray) argv = g_ptr_array_new();
	unsigned int seconds = option_number("device-create-timeout");
	g_autoptr(GError) cause = NULL;
	int output = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	bool late, done;

	if (output < 0)
		return fail_errno(error, "%s", log), false;
	/* Others than root have no rights that could be taken away. */
	for (unsigned int i = 0; !geteuid() && i < G_N_ELEMENTS(confine); i++)
		g_ptr_array_add(argv, (char *)confine[i]);
	for (unsigned int i = 0; i < G_N_ELEMENTS(command); i++)
		g_ptr_array_add(argv, (char *)command[i]);
	done = program_run(
		(const char *const *)argv->pdata, NULL, output, -1, seconds, &late, &cause);
	close(output);
	if (done)
		return true;
	if (cause)
		return g_propagate_error(error, g_steal_pointer(&cause)), false;
	if (late)
		return fail(error, "%s was not ready within %u seconds (see %s)", program, seconds,
			       log),
		       false;
	return fail(error, "%s failed (see %s)", program, log), false;
}

bool qemu_start(struct domain *domain, GError **error)
{
	g_autofree char *program = NULL, *log = NULL;

	if (running(domain->domid))
		return true;
	program = find_program(error);
	if (!program)
		return false;
	log = g_strdup_printf(LOGDIR "/qemu-%s.log", domain->name);
	g_strdelimit(log + strlen(LOGDIR) + 1, "/", '_');
	if (!run(domain, program, log, error))
		return false;
	log_debug("domain %s: started %s", domain->name, program);
	return true;
}

void qemu_stop(int domid)
{
	g_autofree char *file = pid_file(domid), *monitor = qemu_monitor(domid);
	/* It removes the file as it ends. */
	bool was_started = g_file_test(file, G_FILE_TEST_EXISTS);
	pid_t pid = running(domid);
	int tries;

	if (pid)
		kill(pid, SIGTERM);
	for (tries = 0; pid && running(domid) == pid && tries < STOP_SECONDS * 10; tries++)
		g_usleep(G_USEC_PER_SEC / 10);
	if (pid && running(domid) == pid)
		kill(pid, SIGKILL);
	/* And it writes once more to nodes that are gone by now, and removes only the lowest of
	 * them. */
	if (was_started)
		store_remove("/local/domain/0/backend/qdisk/%d", domid);
	unlink(file);
	unlink(monitor);
}
