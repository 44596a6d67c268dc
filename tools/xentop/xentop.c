/* Options, keys and the screen of xentop. */
#include <curses.h>
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "view.h"

#define KEY_ESCAPE 27
#define MAX_DELAY  86400

static struct view view;
static unsigned delay = 3; /* s */
static bool batch;
static unsigned iterations; /* 0: until told to quit */
static unsigned first_line; /* of the domains, that is shown */

static xc_interface *xc;
static struct xs_handle *xs;

/* ---- Output ---- */

static void print_batch(const struct sample *sample)
{
	GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);

	g_ptr_array_add(lines, view_header());
	view_domains(&view, sample, lines);
	for (unsigned i = 0; i < lines->len; i++)
		puts(g_ptr_array_index(lines, i));
	fflush(stdout);
	g_ptr_array_free(lines, TRUE);
}

static const char help[] = "Delay  Networks  vBds  VCPUs  Repeat header  Sort order  Quit";

static void show_help(void)
{
	move(LINES - 1, 0);
	for (const char *p = help; *p; p++)
		addch(g_ascii_isupper(*p) ? *p | A_BOLD : *p);
	clrtoeol();
}

static void draw(const struct sample *sample)
{
	GPtrArray *top = g_ptr_array_new_with_free_func(g_free);
	GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
	int row = 0;

	view_summary(&view, sample, top);
	view_domains(&view, sample, lines);
	first_line = MIN(first_line, lines->len ? lines->len - 1 : 0);
	erase();
	for (unsigned i = 0; i < top->len; i++)
		mvaddnstr(row++, 0, g_ptr_array_index(top, i), COLS);
	g_ptr_array_add(top, view_header());
	attron(A_REVERSE);
	mvaddnstr(row++, 0, g_ptr_array_index(top, top->len - 1), COLS);
	attroff(A_REVERSE);
	for (unsigned i = first_line; i < lines->len && row < LINES - 1; i++)
		mvaddnstr(row++, 0, g_ptr_array_index(lines, i), COLS);
	show_help();
	refresh();
	g_ptr_array_free(top, TRUE);
	g_ptr_array_free(lines, TRUE);
}

/* ---- Keys ---- */

static void ask_delay(void)
{
	char text[16] = "";
	uint64_t value;

	timeout(-1);
	echo();
	mvprintw(LINES - 1, 0, "Delay between updates in seconds (%u): ", delay);
	clrtoeol();
	getnstr(text, sizeof(text) - 1);
	noecho();
	if (g_ascii_string_to_unsigned(text, 10, 1, MAX_DELAY, &value, NULL))
		delay = value;
}

static void scroll_by(int lines)
{
	first_line = lines < 0 && first_line < (unsigned)-lines ? 0 : first_line + lines;
}

/* Does what a key says; false to quit. */
static bool handle_key(int key)
{
	switch (key >= 'a' && key <= 'z' ? key - 'a' + 'A' : key) {
	case 'Q':
	case KEY_ESCAPE:
		return false;
	case 'D':
		ask_delay();
		break;
	case 'N':
		view.networks = !view.networks;
		break;
	case 'B':
		view.disks = !view.disks;
		break;
	case 'V':
		view.vcpus = !view.vcpus;
		break;
	case 'R':
		view.repeat_header = !view.repeat_header;
		break;
	case 'S':
		view.sort = (view.sort + 1) % view_columns();
		break;
	case KEY_UP:
		scroll_by(-1);
		break;
	case KEY_DOWN:
		scroll_by(1);
		break;
	case KEY_PPAGE:
		scroll_by(-10);
		break;
	case KEY_NPAGE:
		scroll_by(10);
		break;
	}
	return true;
}

/* Shows @sample until the next is due; false to quit. */
static bool interact(const struct sample *sample)
{
	gint64 end = sample->time + delay * G_USEC_PER_SEC;

	for (;;) {
		gint64 left = (end - g_get_monotonic_time()) / 1000;
		int key;

		draw(sample);
		if (left <= 0)
			return true;
		timeout(left);
		key = getch();
		if (key == ERR)
			return true;
		if (!handle_key(key))
			return false;
		end = sample->time + delay * G_USEC_PER_SEC;
	}
}

/* ---- Main ---- */

static int run(void)
{
	struct sample *before = NULL;
	bool more = true;
	int failed = 0;

	for (unsigned round = 1; more; round++) {
		struct sample *sample = sample_take(xc, xs, before);

		if (!sample) {
			failed = errno;
			break;
		}
		if (batch)
			print_batch(sample);
		more = !iterations || round < iterations;
		if (more && batch)
			g_usleep(delay * G_USEC_PER_SEC);
		else if (!batch)
			more = interact(sample) && more;
		sample_free(before);
		before = sample;
	}
	sample_free(before);
	return failed;
}

static bool parse_options(int argc, char **argv)
{
	gboolean networks = FALSE, disks = FALSE, repeat = FALSE, vcpus = FALSE, full = FALSE;
	gboolean in_batch = FALSE, version = FALSE;
	gint seconds = delay, rounds = 0;
	g_autofree char *sort = NULL;
	const GOptionEntry entries[] = {
		{ "version", 'V', 0, G_OPTION_ARG_NONE, &version, "Tell the version and end",
			NULL },
		{ "delay", 'd', 0, G_OPTION_ARG_INT, &seconds, "Seconds between updates (3)",
			"SECONDS" },
		{ "networks", 'n', 0, G_OPTION_ARG_NONE, &networks, "Show network interfaces",
			NULL },
		{ "vbds", 'x', 0, G_OPTION_ARG_NONE, &disks, "Show virtual disks", NULL },
		{ "repeat-header", 'r', 0, G_OPTION_ARG_NONE, &repeat, "Header before each domain",
			NULL },
		{ "vcpus", 'v', 0, G_OPTION_ARG_NONE, &vcpus, "Show vCPUs", NULL },
		{ "sort", 's', 0, G_OPTION_ARG_STRING, &sort, "Sort by a column", "NAME" },
		{ "batch", 'b', 0, G_OPTION_ARG_NONE, &in_batch, "Plain output, without a screen",
			NULL },
		{ "iterations", 'i', 0, G_OPTION_ARG_INT, &rounds, "How often", "N" },
		{ "full-name", 'f', 0, G_OPTION_ARG_NONE, &full, "Do not cut names", NULL },
		{ NULL },
	};
	g_autoptr(GOptionContext) context = g_option_context_new("- what domains use");
	g_autoptr(GError) error = NULL;

	g_option_context_add_main_entries(context, entries, NULL);
	if (!g_option_context_parse(context, &argc, &argv, &error) || argc > 1) {
		fprintf(stderr, "xentop: %s\n", error ? error->message : "takes no arguments");
		return false;
	}
	if (version) {
		puts("xentop " XENITH_VERSION);
		exit(0);
	}
	if (seconds < 1 || seconds > MAX_DELAY || rounds < 0) {
		fprintf(stderr, "xentop: delay and iterations must be 1 or more\n");
		return false;
	}
	if (sort && view_find_column(sort) < 0) {
		fprintf(stderr, "xentop: there is no column %s\n", sort);
		return false;
	}
	view = (struct view){ .networks = networks, .disks = disks, .vcpus = vcpus };
	view.repeat_header = repeat;
	view.full_names = full;
	view.sort = sort ? view_find_column(sort) : 0;
	delay = seconds;
	iterations = rounds;
	batch = in_batch;
	return true;
}

static char *hypervisor_version(void)
{
	xen_extraversion_t extra = "";
	int version = xc_version(xc, XENVER_version, NULL, 0);

	xc_version(xc, XENVER_extraversion, extra, sizeof(extra));
	return g_strdup_printf("%d.%d%s", version >> 16, version & 0xffff, extra);
}

int main(int argc, char **argv)
{
	g_autofree char *version = NULL;
	int failed;

	setlocale(LC_CTYPE, "");
	if (!parse_options(argc, argv))
		return 2;
	xc = xc_open();
	if (!xc) {
		fprintf(stderr, "xentop: the hypervisor's interface: %s\n", strerror(errno));
		return 1;
	}
	/* Without xenstored there are no names, which is no reason to show nothing. */
	xs = xs_open(0);
	view.version = version = hypervisor_version();
	if (!batch) {
		initscr();
		cbreak();
		noecho();
		keypad(stdscr, TRUE);
		set_escdelay(50);
		curs_set(0);
	}
	failed = run();
	if (!batch)
		endwin();
	if (failed)
		fprintf(stderr, "xentop: the domains cannot be listed: %s\n", strerror(failed));
	if (xs)
		xs_close(xs);
	xc_close(xc);
	return failed ? 1 : 0;
}
