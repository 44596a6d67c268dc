/* The console of a guest: a pseudo-terminal that xenconsoled serves. */
#include "xm.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define ESCAPE       0x1d /* Ctrl-] */
#define WAIT_SECONDS 10

static gboolean quiet;
static char *number_text;

static struct termios saved;
static bool changed;

static void restore_terminal(void)
{
	if (changed)
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &saved);
	changed = false;
}

static void raw_terminal(void)
{
	static bool registered;
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &saved))
		return;
	if (!registered)
		registered = !atexit(restore_terminal);
	raw = saved;
	cfmakeraw(&raw);
	changed = !tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw);
}

/*
 * Path of console @number: "(console_tty /dev/pts/N)" of the domain, then those of "(device
 * (console (tty …)))". NULL while there is none.
 */
static char *find_tty(GVariant *domain, int number)
{
	char *first = sxp_child_text(domain, "console_tty");
	GVariant *device;
	gsize from = 0;

	if (first && *first && !number--)
		return first;
	g_free(first);

	while ((device = sxp_next_child(domain, "device", &from))) {
		g_autoptr(GVariant) value = sxp_nth(device, 1);
		g_autofree char *tty = value && sxp_is_named(value, "console")
					       ? sxp_child_text(value, "tty")
					       : NULL;

		g_variant_unref(device);
		if (tty && *tty && !number--)
			return g_steal_pointer(&tty);
	}
	return NULL;
}

static bool write_all(int fd, const char *data, size_t length)
{
	while (length) {
		ssize_t done = write(fd, data, length);

		if (done < 0 && errno != EINTR)
			return false;
		if (done > 0) {
			data += done;
			length -= done;
		}
	}
	return true;
}

/* Copies what the user types. False when he wants to leave; *@open becomes false at the end of
 * input. */
static bool copy_input(int tty, bool *open)
{
	char data[512], *escape;
	ssize_t got = read(STDIN_FILENO, data, sizeof(data));

	if (got < 0 && errno == EINTR)
		return true;
	if (got <= 0) {
		*open = false;
		return true;
	}
	escape = memchr(data, ESCAPE, got);
	return write_all(tty, data, escape ? escape - data : got) && !escape;
}

static bool copy_output(int tty)
{
	char data[4096];
	ssize_t got = read(tty, data, sizeof(data));

	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	return got > 0 && write_all(STDOUT_FILENO, data, got);
}

/* Until Ctrl-] or the end of the console. */
static void converse(int tty)
{
	struct pollfd fds[2] = { { .fd = tty, .events = POLLIN },
		{ .fd = STDIN_FILENO, .events = POLLIN } };
	bool open = true;

	for (;;) {
		fds[1].fd = open ? STDIN_FILENO : -1;
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return;
		if (fds[0].revents && !copy_output(tty))
			return;
		if (fds[1].revents && open && !copy_input(tty, &open))
			return;
	}
}

/* Opens the pseudo-terminal so that it passes on every byte as it is. */
static int open_tty(const char *path)
{
	int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct termios raw;

	if (fd >= 0 && tcgetattr(fd, &raw)) {
		close(fd);
		errno = ENOTTY;
		return -1;
	}
	if (fd >= 0) {
		cfmakeraw(&raw);
		tcsetattr(fd, TCSANOW, &raw);
	}
	return fd;
}

/* The console appears when xenconsoled has heard of the domain. */
static char *wait_for_tty(const char *domain, int number, bool silent, int *code)
{
	gint64 end = g_get_monotonic_time() + WAIT_SECONDS * G_USEC_PER_SEC;

	for (;;) {
		g_autoptr(GError) error = NULL;
		g_autoptr(GVariant) sxp =
			xm_try("xend.domain", g_variant_new("(s)", domain), &error);
		g_autofree char *tty = sxp ? find_tty(sxp, number) : NULL;

		if (tty)
			return g_steal_pointer(&tty);
		if (!sxp) {
			*code = xm_report(error);
			return NULL;
		}
		if (g_get_monotonic_time() > end) {
			*code = XM_FAILED;
			if (!silent)
				xm_error("domain %s has no console %d", domain, number);
			return NULL;
		}
		g_usleep(G_USEC_PER_SEC / 10);
	}
}

int console_attach_then(
	const char *domain, int number, bool silent, int (*ready)(const char *domain))
{
	int code = XM_OK, tty;
	g_autofree char *path = wait_for_tty(domain, number, silent, &code);

	if (!path)
		return code;
	tty = open_tty(path);
	if (tty < 0)
		return silent ? XM_FAILED
			      : xm_error("cannot open console %s: %s", path, g_strerror(errno));
	if (ready)
		code = ready(domain);
	if (!code) {
		fflush(stdout);
		raw_terminal();
		converse(tty);
		restore_terminal();
		putchar('\n');
	}
	close(tty);
	return code;
}

int console_attach(const char *domain, int number, bool silent)
{
	return console_attach_then(domain, number, silent, NULL);
}

static int console(int argc, char **argv)
{
	gint64 number = 0;

	if (number_text && !parse_number(number_text, "console", 0, 31, &number))
		return XM_USAGE;
	return console_attach(argv[0], number, quiet);
}

static const GOptionEntry options[] = { { "quiet", 'q', 0, G_OPTION_ARG_NONE, &quiet,
						"No message when there is no console", NULL },
	{ "num", 'n', 0, G_OPTION_ARG_STRING, &number_text, "Which console; the first is 0",
		"NUMBER" },
	{ NULL } };

const struct command console_commands[] = { { "console", "[OPTIONS] DOMAIN",
						    "Connects the terminal to a domain's console",
						    "Ctrl-] leaves it.", options, 1, 1, console },
	{ NULL } };
