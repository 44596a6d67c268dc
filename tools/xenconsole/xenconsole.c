/*
 * Attaches the terminal to a guest's console: by xenconsoled's socket, of which there can be
 * several users at once, or else by the pseudo-terminal that xenstore names. CTRL-] leaves.
 */
#include <errno.h>
#include <getopt.h>
#include <glib.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xenconsole.h>
#include <xenstore.h>

#define WAIT_SECONDS 5 /* for a console that is about to come up */

static const char usage[] =
	"usage: xenconsole [-t pv|serial] DOMAIN\n"
	"Attaches this terminal to the console of a domain, by id or name; CTRL-] leaves.\n"
	"  -t, --type TYPE  pv: the paravirtual console (default); serial: the emulated serial "
	"line\n"
	"  -h, --help       this text\n"
	"  -V, --version    the version\n";

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

static int open_terminal(struct xs_handle *xs, unsigned domid, const char *node)
{
	char *path = read_node(xs, domid, node);
	int fd = path && *path ? console_open_terminal(path) : -1;

	free(path);
	return fd;
}

/* A domain that has just been made gets its console a moment later. */
static int attach(struct xs_handle *xs, unsigned domid, bool serial)
{
	for (int tries = WAIT_SECONDS * 10;; tries--) {
		int fd = serial ? open_terminal(xs, domid, "serial/0/tty") : console_connect(domid);

		if (fd < 0 && !serial)
			fd = open_terminal(xs, domid, "console/tty");
		if (fd >= 0 || !tries || !xs_is_domain_introduced(xs, domid))
			return fd;
		usleep(100000);
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
		xs_close(xs);
		return 1;
	}
	console = attach(xs, domid, serial);
	xs_close(xs);
	if (console < 0) {
		fprintf(stderr, "xenconsole: domain %s has no %s console\n", name,
			serial ? "serial" : "pv");
		return 1;
	}
	console_converse(console);
	close(console);
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
