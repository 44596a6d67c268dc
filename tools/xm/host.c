/* The host: info, dmesg, log, top, debug-keys, serve. */
#include "xm.h"
#include <gio/gunixsocketaddress.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fdio.h"

static gboolean config, clear;

/* "(node (key value) …)" as lines. */
static int print_pairs(GVariant *list)
{
	for (gsize i = 1; i < sxp_length(list); i++) {
		g_autoptr(GVariant) pair = sxp_nth(list, i), value = sxp_nth(pair, 1);
		g_autofree char *key = sxp_nth_text(pair, 0),
				*text = value ? sxp_text(value) : NULL;

		if (!text && value)
			text = sxp_print(value);
		if (key)
			printf("%-23s: %s\n", key, text ?: "");
	}
	return XM_OK;
}

static int info(int argc, char **argv)
{
	g_autoptr(GVariant) list = xm_call(config ? "xend.node.config" : "xend.node.info", NULL);

	return list ? print_pairs(list) : xm_call_failed();
}

static int print_text(const char *method)
{
	g_autoptr(GVariant) value = xm_call(method, NULL);
	g_autofree char *text = value ? sxp_text(value) : NULL;

	if (!value)
		return xm_call_failed();
	if (text)
		fputs(text, stdout);
	return XM_OK;
}

static int dmesg(int argc, char **argv)
{
	int code = print_text("xend.node.dmesg.info");

	return clear ? code ?: xm_do("xend.node.dmesg.clear", NULL) : code;
}

static int print_log(int argc, char **argv)
{
	return print_text("xend.node.log");
}

static int top(int argc, char **argv)
{
	g_autofree char **args = g_new0(char *, argc + 2);

	args[0] = "xentop";
	memcpy(args + 1, argv, argc * sizeof(*argv));
	fflush(stdout);
	execvp(SBINDIR "/xentop", args);
	return xm_error("cannot run " SBINDIR "/xentop: %s", g_strerror(errno));
}

static int debug_keys(int argc, char **argv)
{
	return xm_do("xend.node.send_debug_keys", g_variant_new("(s)", argv[0]));
}

static int connect_to_xend(void)
{
	g_autoptr(GSocketClient) client = g_socket_client_new();
	g_autoptr(GSocketConnectable) address = NULL;
	g_autoptr(GSocketConnection) connection = NULL;
	g_autoptr(GError) error = NULL;
	const char *server = xm_server();

	if (g_str_has_prefix(server, "unix:"))
		address = G_SOCKET_CONNECTABLE(g_unix_socket_address_new(server + strlen("unix:")));
	else
		address = g_network_address_parse_uri(server, 80, &error);
	if (address)
		connection = g_socket_client_connect(client, address, NULL, &error);
	if (!connection) {
		xm_error("cannot reach xend at %s: %s", server, error->message);
		return -1;
	}
	return dup(g_socket_get_fd(g_socket_connection_get_socket(connection)));
}

static bool copy(int from, int to)
{
	char data[8192];
	ssize_t got = read(from, data, sizeof(data));

	if (got < 0)
		return errno == EINTR;
	return got && fd_write_all(to, data, got);
}

/* HTTP on stdin and stdout is passed on as it is. */
static int serve(int argc, char **argv)
{
	struct pollfd fds[2] = { { .fd = STDIN_FILENO, .events = POLLIN }, { .events = POLLIN } };
	int xend = connect_to_xend();

	if (xend < 0)
		return XM_NO_XEND;
	fds[1].fd = xend;
	for (;;) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			break;
		if (fds[1].revents && !copy(xend, STDOUT_FILENO))
			break;
		if (fds[0].revents && !copy(STDIN_FILENO, xend)) {
			/* No more calls: the last answers are still to come. */
			fds[0].fd = -1;
			shutdown(xend, SHUT_WR);
		}
	}
	close(xend);
	return XM_OK;
}

static const GOptionEntry info_options[] = { { "config", 'c', 0, G_OPTION_ARG_NONE, &config,
						     "xend's options in effect instead", NULL },
	{ NULL } };
static const GOptionEntry dmesg_options[] = {
	{ "clear", 'c', 0, G_OPTION_ARG_NONE, &clear, "Empty it afterwards", NULL }, { NULL }
};

const struct command host_commands[] = { { "info", "[-c]", "Shows facts about host and hypervisor",
						 NULL, info_options, 0, 0, info },
	{ "dmesg", "[-c]", "Prints the hypervisor's messages", NULL, dmesg_options, 0, 0, dmesg },
	{ "log", "", "Prints xend's log", NULL, NULL, 0, 0, print_log },
	{ "top", "[-- OPTIONS]", "Watches domains, see xentop(1)", NULL, NULL, 0, -1, top },
	{ "debug-keys", "KEYS", "Presses debug keys of the hypervisor",
		"What they print is in xm dmesg.", NULL, 1, 1, debug_keys },
	{ "serve", "", "Passes HTTP with XML-RPC between stdin, stdout and xend",
		"For programs that reach this host by ssh only.", NULL, 0, 0, serve },
	{ NULL } };
