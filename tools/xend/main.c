/* xend start|stop|restart|status|reload|trace_start */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon.h"

/* As the Linux Standard Base has them for init scripts. */
enum status { STATUS_OK = 0, STATUS_FAILED = 1, STATUS_USAGE = 2, STATUS_NOT_RUNNING = 3 };

static enum status report(bool done, GError *error)
{
	if (!done)
		fprintf(stderr, "xend: %s\n", error->message);
	g_clear_error(&error);
	return done ? STATUS_OK : STATUS_FAILED;
}

static enum status start(void)
{
	const char *daemonize = g_getenv("XEND_DAEMONIZE");
	GError *error = NULL;
	bool done;

	if (daemon_running())
		return STATUS_OK;
	done = daemon_start(!daemonize || !g_str_equal(daemonize, "0"), &error);
	return report(done, error);
}

static enum status stop(void)
{
	GError *error = NULL;
	bool done = daemon_stop(&error);

	return report(done, error);
}

static enum status restart(void)
{
	enum status status = stop();

	return status == STATUS_OK ? start() : status;
}

static enum status reload(void)
{
	GError *error = NULL;
	bool done = daemon_reload(&error);

	return report(done, error);
}

static enum status show(void)
{
	pid_t pid = daemon_running();

	if (pid)
		printf("xend is running (pid %d)\n", pid);
	else
		printf("xend is not running\n");
	return pid ? STATUS_OK : STATUS_NOT_RUNNING;
}

static enum status trace_start(void)
{
	g_setenv("XEND_DEBUG", "1", TRUE);
	return start();
}

static const struct {
	const char *name;
	enum status (*function)(void);
} commands[] = {
	{ "start", start },
	{ "stop", stop },
	{ "restart", restart },
	{ "status", show },
	{ "reload", reload },
	{ "trace_start", trace_start },
};

int main(int argc, char **argv)
{
	for (unsigned int i = 0; argc == 2 && i < G_N_ELEMENTS(commands); i++) {
		if (strcmp(commands[i].name, argv[1]))
			continue;
		if (geteuid() == 0)
			return commands[i].function();
		fprintf(stderr, "xend: only root may do that\n");
		return STATUS_FAILED;
	}
	fprintf(stderr, "usage: xend start|stop|restart|status|reload|trace_start\n");
	return STATUS_USAGE;
}
