#include "xenconsole.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "fdio.h"

#define ESCAPE 0x1d /* CTRL-] */

static struct termios saved;
static bool raw;

static void restore_terminal(void)
{
	if (raw)
		tcsetattr(STDIN_FILENO, TCSANOW, &saved);
	raw = false;
}

static void on_signal(int number)
{
	restore_terminal();
	_exit(128 + number);
}

static void make_raw(void)
{
	struct termios now;

	if (tcgetattr(STDIN_FILENO, &saved))
		return;
	now = saved;
	cfmakeraw(&now);
	raw = !tcsetattr(STDIN_FILENO, TCSANOW, &now);
	signal(SIGTERM, on_signal);
	signal(SIGHUP, on_signal);
}

int console_connect(unsigned int domid)
{
	const char *directory = g_getenv("XENCONSOLED_RUNDIR");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int length = snprintf(address.sun_path, sizeof(address.sun_path), "%s/%u",
		directory && *directory ? directory : RUNDIR "/console", domid);
	int fd, reason;

	if (length >= (int)sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		reason = errno;
		close(fd);
		errno = reason;
		return -1;
	}
	return fd;
}

int console_open_terminal(const char *path)
{
	int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	struct termios now;

	if (fd >= 0 && tcgetattr(fd, &now)) {
		close(fd);
		errno = ENOTTY;
		return -1;
	}
	if (fd >= 0) {
		cfmakeraw(&now);
		tcsetattr(fd, TCSANOW, &now);
		fcntl(fd, F_SETFL, O_RDWR);
	}
	return fd;
}

enum outcome { GO_ON, END, LEAVE };

/* From one side to the other, up to its end, or the key that leaves. */
static enum outcome move(int from, int to, bool keys)
{
	char buffer[4096];
	ssize_t got = read(from, buffer, sizeof(buffer));
	char *escape;

	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return GO_ON;
	if (got <= 0)
		return END;
	escape = keys ? memchr(buffer, ESCAPE, got) : NULL;
	if (!fd_write_all(to, buffer, escape ? escape - buffer : got) || escape)
		return LEAVE;
	return GO_ON;
}

static void relay(int console)
{
	struct pollfd fds[] = {
		{ .fd = console, .events = POLLIN },
		{ .fd = STDIN_FILENO, .events = POLLIN },
	};

	for (;;) {
		enum outcome typed = GO_ON;

		if (poll(fds, G_N_ELEMENTS(fds), -1) < 0) {
			if (errno != EINTR)
				return;
			continue;
		}
		if (fds[0].revents && move(console, STDOUT_FILENO, false) != GO_ON)
			return;
		if (fds[1].revents)
			typed = move(STDIN_FILENO, console, true);
		/* The end of a script's input is not the end of the console. */
		if (typed == LEAVE || (typed == END && isatty(STDIN_FILENO)))
			return;
		if (typed == END)
			fds[1].fd = -1;
	}
}

void console_converse(int fd)
{
	fflush(stdout);
	/* A console that ends while something is typed is no reason to die. */
	signal(SIGPIPE, SIG_IGN);
	make_raw();
	relay(fd);
	restore_terminal();
	if (isatty(STDOUT_FILENO))
		putchar('\n');
}
