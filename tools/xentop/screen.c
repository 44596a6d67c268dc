/* xentop on a terminal. */
#include "xentop.h"
#include <curses.h>
#include <stdlib.h>
#include <string.h>

#define ESCAPE 27

struct view {
	struct options *options;
	double delay;
	unsigned first; /* domain at the top */
	int row, last;  /* where the next line goes, and where they end */
	int left;       /* columns scrolled away */
	char *message;
	bool leave;
};

static void put_line(void *data, const char *text, int highlight)
{
	struct view *view = data;
	glong length = g_utf8_strlen(text, -1);
	g_autofree char *part = NULL;

	if (view->row >= view->last)
		return;
	part = view->left < length
		       ? g_utf8_substring(text, view->left, MIN(length, view->left + COLS))
		       : g_strdup("");
	if (highlight == 1)
		attron(A_REVERSE);
	mvaddstr(view->row++, 0, part);
	if (highlight == 1) {
		for (int x = getcurx(stdscr); x < COLS && getcury(stdscr) == view->row - 1; x++)
			mvaddch(view->row - 1, x, ' ');
		attroff(A_REVERSE);
	}
}

static void draw(struct view *view, struct sample *sample)
{
	g_autofree char *header = table_header(), *keys = NULL;

	erase();
	view->row = 0;
	view->last = LINES - 1;
	if (view->message)
		put_line(view, view->message, 0);
	if (sample) {
		int left = view->left;

		view->left = 0;
		table_summary(sample, put_line, view);
		view->left = left;
		put_line(view, header, 1);
		table_sort(sample, view->options);
		view->first = MIN(view->first, MAX(1, sample->domains->len) - 1);
		for (guint i = view->first; i < sample->domains->len && view->row < view->last; i++)
			table_domain(sample, i, view->options, put_line, view);
	}
	keys = g_strdup_printf(" Delay  Networks  vBds  VCPUs  Repeat header  Sort order: %s  Quit",
		table_column_name(view->options->sort));
	view->left = 0;
	view->row = LINES - 1;
	view->last = LINES;
	put_line(view, keys, 1);
	refresh();
}

static void ask_delay(struct view *view)
{
	char text[16] = "";
	double delay;

	mvprintw(LINES - 1, 0, "Seconds between samples (%.1f): ", view->delay);
	clrtoeol();
	echo();
	timeout(-1);
	getnstr(text, sizeof(text) - 1);
	noecho();
	delay = g_ascii_strtod(text, NULL);
	if (delay >= 0.1 && delay <= 3600)
		view->delay = delay;
}

/* A key that was pressed. */
static void key(struct view *view, int c, int *left)
{
	struct options *o = view->options;

	switch (c < 128 ? g_ascii_toupper(c) : c) {
	case 'Q':
	case ESCAPE:
		view->leave = true;
		break;
	case 'D':
		ask_delay(view);
		break;
	case 'N':
		o->nets = !o->nets;
		break;
	case 'B':
		o->disks = !o->disks;
		break;
	case 'V':
		o->vcpus = !o->vcpus;
		break;
	case 'R':
		o->repeat_header = !o->repeat_header;
		break;
	case 'S':
		o->sort = (o->sort + 1) % table_columns();
		break;
	case KEY_DOWN:
		view->first++;
		break;
	case KEY_UP:
		view->first -= view->first > 0;
		break;
	case KEY_RIGHT:
		*left += 8;
		break;
	case KEY_LEFT:
		*left = MAX(0, *left - 8);
		break;
	}
}

int screen_run(struct options *options, double delay, unsigned iterations)
{
	struct view view = { .options = options, .delay = delay };
	struct sample *sample = NULL, *next;
	gint64 due = 0, now;
	int left = 0, c;

	if (!initscr())
		return 1;
	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	set_escdelay(50);
	curs_set(0);
	while (!view.leave) {
		now = g_get_monotonic_time();
		if (now >= due) {
			g_clear_pointer(&view.message, g_free);
			next = collect(sample, options->vcpus, &view.message);
			if (next) {
				sample_free(sample);
				sample = next;
			}
			due = now + view.delay * G_USEC_PER_SEC;
			if (iterations && !--iterations)
				view.leave = true;
		}
		view.left = left;
		draw(&view, sample);
		timeout(CLAMP((due - g_get_monotonic_time()) / 1000 + 1, 1, 60000));
		c = view.leave ? ERR : getch();
		if (c != ERR)
			key(&view, c, &left);
		/* What was switched on must have been asked for. */
		if (c == 'v' || c == 'V')
			due = 0;
	}
	endwin();
	sample_free(sample);
	g_free(view.message);
	return 0;
}
