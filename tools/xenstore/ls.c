/* The mode `ls`: a tree with values, one node a line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>

#include "client.h"

#define WIDTH       80 /* of what is no terminal */
#define PERM_COLUMN 60 /* where permissions stand, if there is room */

static struct expanding_buffer text;
static int width = WIDTH;

static void find_width(void)
{
	struct winsize size;

	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col > 2)
		width = size.ws_col - 2;
}

static void print_perms(xs_transaction_t t, const char *path, int column, bool cut)
{
	unsigned num;
	struct xs_permissions *perms = xs_get_permissions(store, t, path, &num);
	int at = width < PERM_COLUMN ? width : PERM_COLUMN;

	if (!perms)
		fail(errno, "could not access permissions for %s", path);
	if (!cut)
		putchar(' ');
	for (int i = column + 1; !settings.full && i < at; i++)
		putchar(i & 1 ? '.' : ' ');
	fputs("  (", stdout);
	for (unsigned i = 0; i < num; i++)
		printf("%s%c%u", i ? "," : "", "nrwb"[perms[i].perms & 3], perms[i].id);
	putchar(')');
	free(perms);
}

static void print_node(xs_transaction_t t, const char *path, const char *name, int depth)
{
	unsigned len;
	char *value = xs_read(store, t, path, &len);
	int column, room;
	bool cut;

	if (!value)
		return; /* it went meanwhile, or is not for us */
	sanitise_value(&text, value, len);
	free(value);
	if (settings.full)
		column = printf("%s", path);
	else
		column = printf("%*s%s", depth, "", name);
	room = width - 8 - column;
	cut = !settings.full && (int)strlen(text.buf) > room;
	if (cut)
		column += printf(" = \"%.*s\\...\"", room > 0 ? room : 0, text.buf);
	else
		column += printf(" = \"%s\"", text.buf);
	if (settings.prefix)
		print_perms(t, path, column, cut);
	putchar('\n');
}

static void list(xs_transaction_t t, const char *path, int depth)
{
	unsigned num;
	char **names = xs_directory(store, t, path, &num);

	if (!names && depth && (errno == ENOENT || errno == EACCES))
		return;
	if (!names)
		fail(errno, "xs_directory (%s)", path);
	for (unsigned i = 0; i < num; i++) {
		char *below = path_below(path, names[i]);

		print_node(t, below, names[i], depth);
		list(t, below, depth + 1);
		free(below);
	}
	free(names);
}

int run_ls(xs_transaction_t t, char **args, int count)
{
	find_width();
	if (!count)
		list(t, "/", 0);
	for (int i = 0; i < count; i++)
		list(t, args[i], 0);
	return 0;
}
