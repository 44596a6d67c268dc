/* The console of a guest: xenconsoled's socket, or a pseudo-terminal. */
#include "xm.h"
#include <errno.h>
#include <xenconsole.h>
#include <unistd.h>

#define WAIT_SECONDS 10

static gboolean quiet;
static char *number_text;

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

/*
 * Of the first console there is a socket, which several may use at once; whoever shows only a
 * pseudo-terminal has none. -1 while there is neither.
 */
static int open_console(GVariant *domain, int number)
{
	/* xenconsoled names the terminal when the socket is there. */
	g_autofree char *tty = find_tty(domain, number);
	int domid = field_number(domain, "domid", -1);
	int fd = number || domid <= 0 ? -1 : console_connect(domid);

	return fd < 0 && tty ? console_open_terminal(tty) : fd;
}

/* The console appears when xenconsoled has heard of the domain. */
static int wait_for_console(const char *domain, int number, bool silent, int *code)
{
	gint64 end = g_get_monotonic_time() + WAIT_SECONDS * G_USEC_PER_SEC;

	for (;;) {
		g_autoptr(GError) error = NULL;
		g_autoptr(GVariant) sxp =
			xm_try("xend.domain", g_variant_new("(s)", domain), &error);
		int fd;

		if (!sxp) {
			*code = xm_report(error);
			return -1;
		}
		errno = ENOENT;
		fd = open_console(sxp, number);
		if (fd >= 0)
			return fd;
		if (g_get_monotonic_time() > end) {
			*code = XM_FAILED;
			if (!silent && errno == ENOENT)
				xm_error("domain %s has no console %d", domain, number);
			else if (!silent)
				xm_error("cannot open console %d of domain %s: %s", number, domain,
					g_strerror(errno));
			return -1;
		}
		g_usleep(G_USEC_PER_SEC / 10);
	}
}

int console_attach_then(
	const char *domain, int number, bool silent, int (*ready)(const char *domain))
{
	int code = XM_OK, fd = wait_for_console(domain, number, silent, &code);

	if (fd < 0)
		return code;
	if (ready)
		code = ready(domain);
	if (!code)
		console_converse(fd);
	close(fd);
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
