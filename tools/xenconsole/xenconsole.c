/*
 * Attaches the terminal to a guest's console: by xenconsoled's socket, of which there can be
 * several users at once, or else by the pseudo-terminal that xenstore names. CTRL-] leaves.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <glib.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>
#include <xenstore.h>

#define ESCAPE       0x1d /* CTRL-] */
#define WAIT_SECONDS 5    /* for a console that is about to come up */

static const char usage[] =
	"usage: xenconsole [-t pv|serial] DOMAIN\n"
	"Attaches this terminal to the console of a domain, by id or name; CTRL-] leaves.\n"
	"  -t, --type TYPE  pv: the paravirtual console (default); serial: the emulated serial "
	"line\n"
	"  -h, --help       this text\n"
	"  -V, --version    the version\n";

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

/* ---- Finding it ---- */

static char *read_node(struct xs_handle *xs, unsigned domid, const char *name)
{
	g_autofree char *path = g_strdup_printf("/local/domain/%u/%s", domid, name);

	return xs_read(xs, XBT_NULL, path, NULL);
}

static int find_by_name(struct xs_handle *xs, const char *wanted)
{
	unsigned nr = 0;
	char **ids = xs_directory(xs, XBT_NULL, "/local/domain", &nr);
	int domid = -1;

	for (unsigned i = 0; ids && i < nr && domid < 0; i++) {
		char *name = read_node(xs, strtoul(ids[i], NULL, 10), "name");

		if (name && !strcmp(name, wanted))
			domid = strtoul(ids[i], NULL, 10);
		free(name);
	}
	free(ids);
	return domid;
}

static int find_domain(struct xs_handle *xs, const char *wanted)
{
	uint64_t domid;

	if (!g_ascii_string_to_unsigned(wanted, 10, 0, G_MAXUINT16, &domid, NULL))
		return find_by_name(xs, wanted);
	return xs_is_domain_introduced(xs, domid) ? (int)domid : -1;
}

static int connect_socket(unsigned domid)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), RUNDIR "/console/%u", domid);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		close(fd);
		return -1;
	}
	return fd;
}

static int open_terminal(struct xs_handle *xs, unsigned domid, const char *node)
{
	char *path = read_node(xs, domid, node);
	int fd = path && *path ? open(path, O_RDWR | O_NOCTTY | O_CLOEXEC) : -1;

	free(path);
	return fd;
}

/* A domain that has just been made gets its console a moment later. */
static int attach(struct xs_handle *xs, unsigned domid, bool serial)
{
	for (int tries = WAIT_SECONDS * 10;; tries--) {
		int fd = serial ? open_terminal(xs, domid, "serial/0/tty") : connect_socket(domid);

		if (fd < 0 && !serial)
			fd = open_terminal(xs, domid, "console/tty");
		if (fd >= 0 || !tries || !xs_is_domain_introduced(xs, domid))
			return fd;
		usleep(100000);
	}
}

/* ---- Moving bytes ---- */

static bool write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return false;
		data += n;
		len -= n;
	}
	return true;
}

enum outcome { GO_ON, END, LEAVE };

/* From one side to the other, up to its end, or the key that leaves. */
static enum outcome move(int from, int to, bool keys)
{
	char buffer[4096];
	ssize_t n = read(from, buffer, sizeof(buffer));
	char *escape;

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return GO_ON;
	if (n <= 0)
		return END;
	escape = keys ? memchr(buffer, ESCAPE, n) : NULL;
	if (!write_all(to, buffer, escape ? escape - buffer : n) || escape)
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

		if (poll(fds, G_N_ELEMENTS(fds), -1) < 0 && errno != EINTR)
			return;
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

static int run(const char *name, bool serial)
{
	struct xs_handle *xs = xs_open(0);
	int domid, console;

	if (!xs) {
		fprintf(stderr, "xenconsole: xenstored cannot be reached: %s\n", strerror(errno));
		return 1;
	}
	domid = find_domain(xs, name);
	if (domid < 0) {
		fprintf(stderr, "xenconsole: there is no domain %s\n", name);
		return 1;
	}
	console = attach(xs, domid, serial);
	xs_close(xs);
	if (console < 0) {
		fprintf(stderr, "xenconsole: domain %s has no %s console\n", name,
			serial ? "serial" : "pv");
		return 1;
	}
	make_raw();
	relay(console);
	restore_terminal();
	if (isatty(STDOUT_FILENO))
		putchar('\n');
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "type", required_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	bool serial = false;
	int opt;

	while ((opt = getopt_long(argc, argv, "t:hV", options, NULL)) != -1) {
		if (opt == 'h') {
			fputs(usage, stdout);
			return 0;
		} else if (opt == 'V') {
			puts("xenconsole " XENITH_VERSION);
			return 0;
		} else if (opt == 't' && (!strcmp(optarg, "pv") || !strcmp(optarg, "serial"))) {
			serial = !strcmp(optarg, "serial");
		} else {
			fputs(usage, stderr);
			return 2;
		}
	}
	if (optind + 1 != argc) {
		fputs(usage, stderr);
		return 2;
	}
	return run(argv[optind], serial);
}
