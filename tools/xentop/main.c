/* xentop's command line, and its batch mode. */
#include "xentop.h"
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct options options;
static double delay = 3;
static int iterations;
static gboolean batch, version, help, nets, disks, vcpus, repeat_header, full_name;

static const GOptionEntry entries[] = {
	{ "help", 'h', 0, G_OPTION_ARG_NONE, &help, "Show this help", NULL },
	{ "version", 'V', 0, G_OPTION_ARG_NONE, &version, "Show the version", NULL },
	{ "delay", 'd', 0, G_OPTION_ARG_DOUBLE, &delay, "Time between samples (3)", "SECONDS" },
	{ "networks", 'n', 0, G_OPTION_ARG_NONE, &nets, "Show NICs of each domain", NULL },
	{ "vbds", 'x', 0, G_OPTION_ARG_NONE, &disks, "Show disks of each domain", NULL },
	{ "repeat-header", 'r', 0, G_OPTION_ARG_NONE, &repeat_header, "Repeat the header before each domain", NULL },
	{ "vcpus", 'v', 0, G_OPTION_ARG_NONE, &vcpus, "Show virtual CPUs of each domain", NULL },
	{ "batch", 'b', 0, G_OPTION_ARG_NONE, &batch, "Print lines instead of drawing a screen", NULL },
	{ "iterations", 'i', 0, G_OPTION_ARG_INT, &iterations, "End after this many samples", "NUMBER" },
	{ "full-name", 'f', 0, G_OPTION_ARG_NONE, &full_name, "Do not shorten names", NULL },
	{ NULL }
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

/* Returns false after a message. */
static bool parse(int *argc, char ***argv)
{
	g_autoptr(GOptionContext) context = g_option_context_new(NULL);
	g_autoptr(GError) error = NULL;

	g_option_context_set_summary(context, "Watches what domains use.");
	g_option_context_set_help_enabled(context, FALSE);
	g_option_context_add_main_entries(context, entries, NULL);
	if (!g_option_context_parse(context, argc, argv, &error))
		fprintf(stderr, "xentop: %s\n", error->message);
	else if (*argc > 1)
		fprintf(stderr, "xentop: '%s' is no option\n", (*argv)[1]);
	else if (!(delay >= 0.1 && delay <= 3600))
		fprintf(stderr, "xentop: delay must be from 0.1 to 3600 seconds\n");
	else if (iterations < 0)
		fprintf(stderr, "xentop: number of iterations must not be negative\n");
	else {
		if (help) {
			g_autofree char *text = g_option_context_get_help(context, TRUE, NULL);

			fputs(text, stdout);
		}
		return true;
	}
	return false;
}

int main(int argc, char **argv)
{
	int code;

	setlocale(LC_CTYPE, "");
	g_set_prgname("xentop");
	if (!parse(&argc, &argv))
		return 2;
	if (help)
		return 0;
	if (version) {
		puts("xentop (Xenith) " XENITH_VERSION);
		return 0;
	}
	options = (struct options){ .nets = nets, .disks = disks, .vcpus = vcpus, .repeat_header = repeat_header,
		.full_name = full_name };
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
