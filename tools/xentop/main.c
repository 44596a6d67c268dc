/* xentop's command line, and its batch mode. */
#include "xentop.h"
#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct options options;
static double delay = 3;
static unsigned iterations;
static bool batch;

static const struct {
	struct option option; /* val: the letter */
	const char *arg, *help;
} table[] = {
	{ { "help", no_argument, NULL, 'h' }, "", "Show this help" },
	{ { "version", no_argument, NULL, 'V' }, "", "Show the version" },
	{ { "delay", required_argument, NULL, 'd' }, "=SECONDS", "Time between samples (3)" },
	{ { "networks", no_argument, NULL, 'n' }, "", "Show NICs of each domain" },
	{ { "vbds", no_argument, NULL, 'x' }, "", "Show disks of each domain" },
	{ { "repeat-header", no_argument, NULL, 'r' }, "", "Repeat the header before each domain" },
	{ { "vcpus", no_argument, NULL, 'v' }, "", "Show virtual CPUs of each domain" },
	{ { "batch", no_argument, NULL, 'b' }, "", "Print lines instead of drawing a screen" },
	{ { "iterations", required_argument, NULL, 'i' }, "=NUMBER",
		"End after this many samples" },
	{ { "full-name", no_argument, NULL, 'f' }, "", "Do not shorten names" },
};

static void print_line(void *data, const char *text, int highlight)
{
	puts(text);
}

static int batch_run(void)
{
	g_autofree char *header = table_header(), *message = NULL;
	struct sample *sample = NULL, *next;

	for (unsigned i = 0; !iterations || i < iterations; i++) {
		if (i)
			g_usleep(delay * G_USEC_PER_SEC);
		next = collect(sample, options.vcpus, &message);
		if (!next) {
			fprintf(stderr, "xentop: %s\n", message);
			sample_free(sample);
			return 1;
		}
		sample_free(sample);
		sample = next;
		puts(header);
		table_sort(sample, &options);
		for (guint d = 0; d < sample->domains->len; d++)
			table_domain(sample, d, &options, print_line, NULL);
		if (fflush(stdout)) {
			fprintf(stderr, "xentop: cannot write: %s\n", g_strerror(errno));
			sample_free(sample);
			return 1;
		}
	}
	sample_free(sample);
	return 0;
}

static void print_help(void)
{
	puts("Usage: xentop [OPTION]...\nWatches what domains use.\n");
	for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
		g_autofree char *name = g_strconcat(table[i].option.name, table[i].arg, NULL);

		printf("  -%c, --%-20s %s\n", table[i].option.val, name, table[i].help);
	}
}

static bool set_number(const char *text, double min, double max, double *number)
{
	char *end;

	*number = g_ascii_strtod(text, &end);
	if (end != text && !*end && *number >= min && *number <= max)
		return true;
	fprintf(stderr, "xentop: '%s' is no number from %g to %g\n", text, min, max);
	return false;
}

/* Takes one option. Returns the exit code if there is nothing more to do, or -1. */
static int take_option(int letter)
{
	bool *const flags[] = { ['n'] = &options.nets,
		['x'] = &options.disks,
		['v'] = &options.vcpus,
		['r'] = &options.repeat_header,
		['f'] = &options.full_name,
		['b'] = &batch };
	double number;

	switch (letter) {
	case 'h':
		print_help();
		return 0;
	case 'V':
		puts("xentop (Xenith) " XENITH_VERSION);
		return 0;
	case 'd':
		return set_number(optarg, 0.1, 3600, &delay) ? -1 : 2;
	case 'i':
		if (!set_number(optarg, 0, 1e9, &number))
			return 2;
		iterations = number;
		return -1;
	case '?':
		return 2;
	default:
		*flags[letter] = true;
		return -1;
	}
}

/* Returns the exit code if there is nothing more to do, or -1. */
static int parse(int argc, char **argv)
{
	struct option longs[G_N_ELEMENTS(table) + 1] = { 0 };
	char letters[3 * G_N_ELEMENTS(table)] = "", *end = letters;
	int letter, code = -1;

	for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
		longs[i] = table[i].option;
		*end++ = table[i].option.val;
		if (table[i].option.has_arg)
			*end++ = ':';
	}
	while (code < 0 && (letter = getopt_long(argc, argv, letters, longs, NULL)) != -1)
		code = take_option(letter);
	if (code < 0 && optind < argc) {
		fprintf(stderr, "xentop: '%s' is no option\n", argv[optind]);
		code = 2;
	}
	return code;
}

int main(int argc, char **argv)
{
	int code;

	setlocale(LC_CTYPE, "");
	code = parse(argc, argv);
	if (code >= 0)
		return code;
	if (!batch && !isatty(STDOUT_FILENO)) {
		fprintf(stderr, "xentop: this is no terminal; use --batch\n");
		return 2;
	}
	if (!collect_open())
		return 1;
	code = batch ? batch_run() : screen_run(&options, delay, iterations);
	collect_close();
	return code;
}
