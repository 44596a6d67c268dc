/*
 * One program with many names: xenstore-read and so on, or `xenstore read`. Options and messages
 * are those of the programs of Xen 4.17.
 */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"

struct settings settings = { .events = -1 };
struct xs_handle *store;
const char *program;

static const struct mode {
	const char *name;
	int (*run)(xs_transaction_t t, char **args, int count);
	const char *usage, *options;
	int least;    /* arguments */
	bool changes; /* is carried out in a transaction */
} modes[] = {
	{ "read", run_read, "[-h] [-p] [-s] [-R] key [...]", "hpsR", 1, false },
	{ "write", run_write, "[-h] [-s] [-R] key value [...]", "hsR", 2, true },
	{ "list", run_list, "[-h] [-p] [-s] key [...]", "hps", 1, false },
	{ "ls", run_ls, "[-h] [-f] [-p] [-s] [path]", "hfps", 0, false },
	{ "rm", run_rm, "[-h] [-s] [-t] key [...]", "hst", 1, true },
	{ "exists", run_exists, "[-h] [-p] [-s] key [...]", "hps", 1, false },
	{ "chmod", run_chmod, "[-h] [-u] [-r] [-s] key <mode [modes...]>", "hurs", 2, true },
	{ "watch", run_watch, "[-h] [-n NR] key", "hn:", 1, false },
	{ "control", run_control, "[-h] <command> [<arg>...]", "+h", 1, false },
};

void fail(int error, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s: ", program);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, error ? ": %s\n" : "\n", strerror(error));
	exit(1);
}

char *path_below(const char *path, const char *name)
{
	char *below;

	if (asprintf(&below, "%s/%s", strcmp(path, "/") ? path : "", name) < 0)
		fail(errno, "%s", path);
	return below;
}

static const struct mode *find_mode(const char *name)
{
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (!strcmp(modes[i].name, name))
			return &modes[i];
	return NULL;
}

static void usage(const struct mode *mode)
{
	fail(0, "Usage: %s %s", program, mode->usage);
}

static int parse_number(const char *text)
{
	char *end;
	long number = strtol(text, &end, 10);

	if (!*text || *end || number < 1 || number > INT_MAX)
		fail(0, "%s: not a number of events", text);
	return number;
}

static void set_option(const struct mode *mode, int option)
{
	switch (option) {
	case 'p':
		settings.prefix = true;
		break;
	case 'f':
		settings.full = true;
		break;
	case 'R':
		settings.raw = true;
		break;
	case 't':
		settings.tidy = true;
		break;
	case 'r':
		settings.recursive = true;
		break;
	case 'u':
		settings.upto = true;
		break;
	case 'n':
		settings.events = parse_number(optarg);
		break;
	case 's': /* only the socket: what there is decides */
		break;
	default:
		usage(mode);
	}
}

/* Again and again, until nobody else changed the same nodes meanwhile. */
static int run_changes(const struct mode *mode, char **args, int count)
{
	for (;;) {
		xs_transaction_t t = xs_transaction_start(store);
		int status;

		if (t == XBT_NULL)
			fail(errno, "couldn't start transaction");
		status = mode->run(t, args, count);
		if (xs_transaction_end(store, t, status != 0))
			return status;
		if (errno != EAGAIN)
			fail(errno, "couldn't end transaction");
	}
}

/* The mode is in the program's name, or the first argument. */
static const struct mode *choose_mode(int *argc, char ***argv)
{
	static char name[64];
	const char *slash = strrchr((*argv)[0], '/'), *dash;
	const struct mode *mode;

	program = slash ? slash + 1 : (*argv)[0];
	dash = strchr(program, '-');
	if (dash && (mode = find_mode(dash + 1)))
		return mode;
	if (*argc < 2)
		fail(0, "Usage: %s <mode> [-h] [...]", program);
	mode = find_mode((*argv)[1]);
	if (!mode)
		fail(0, "unknown mode %s", (*argv)[1]);
	snprintf(name, sizeof(name), "%s %s", program, mode->name);
	program = name;
	++*argv;
	--*argc;
	return mode;
}

int main(int argc, char **argv)
{
	const struct mode *mode = choose_mode(&argc, &argv);
	int option, status;

	argv[0] = (char *)program;
	while ((option = getopt(argc, argv, mode->options)) >= 0)
		set_option(mode, option);
	argv += optind;
	argc -= optind;
	if (argc < mode->least || (mode->run == run_write && argc % 2))
		usage(mode);
	store = xs_open(0);
	if (!store)
		fail(errno, "xs_open");
	status = mode->changes ? run_changes(mode, argv, argc) : mode->run(XBT_NULL, argv, argc);
	xs_close(store);
	if (fflush(stdout))
		fail(errno, "standard output");
	return status;
}
