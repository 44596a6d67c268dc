/* What xend asks of a domain's QEMU while it runs, by QEMU's monitor protocol (QMP): JSON, in
 * lines. */
#include <gio/gio.h>
#include <gio/gunixsocketaddress.h>
#include <json-glib/json-glib.h>
#include <string.h>

#include "error.h"
#include "options.h"
#include "qemu.h"

#define ANSWER_SECONDS 20
/* QEMU reads what guests write, so it is not believed to say little. */
#define LINE_BYTES (64 << 10)
#define MANY_LINES 100

char *qemu_monitor(int domid)
{
	return g_strdup_printf("%s/qemu-%d.qmp", run_dir(), domid);
}

static char *read_line(GDataInputStream *in, GError **error)
{
	g_autoptr(GString) line = g_string_new(NULL);
	GError *cause = NULL;
	char c = 0;

	while (c != '\n' && line->len < LINE_BYTES) {
		c = g_data_input_stream_read_byte(in, NULL, &cause);
		if (cause)
			return g_propagate_error(error, cause), NULL;
		g_string_append_c(line, c);
	}
	if (c != '\n')
		return fail(error, "a line is too long"), NULL;
	return g_string_free(g_steal_pointer(&line), FALSE);
}

/* Reads up to a message that has one of these members, past events; which it was. */
static const char *await(GDataInputStream *in, const char *const *members, GError **error)
{
	for (unsigned int i = 0; i < MANY_LINES; i++) {
		g_autoptr(JsonParser) parser = json_parser_new();
		g_autofree char *line = read_line(in, error);
		JsonNode *root;

		if (!line || !json_parser_load_from_data(parser, line, -1, error))
			return NULL;
		root = json_parser_get_root(parser);
		for (unsigned int m = 0; root && JSON_NODE_HOLDS_OBJECT(root) && members[m]; m++)
			if (json_object_has_member(json_node_get_object(root), members[m]))
				return members[m];
	}
	return fail(error, "it does not answer"), NULL;
}

static bool execute(GIOStream *stream, GDataInputStream *in, const char *command, GError **error)
{
	static const char *const answers[] = { "return", "error", NULL };
	g_autofree char *text = g_strdup_printf("{\"execute\": \"%s\"}\n", command);
	const char *answer;

	if (!g_output_stream_write_all(
		    g_io_stream_get_output_stream(stream), text, strlen(text), NULL, NULL, error))
		return false;
	answer = await(in, answers, error);
	if (answer && g_str_equal(answer, "error"))
		fail(error, "it refuses '%s'", command);
	return answer && g_str_equal(answer, "return");
}

/* QEMU writes out its tables, too, when the machine that it believes in stops. */
static bool stop_and_go_on(GIOStream *stream, GError **error)
{
	static const char *const greeting[] = { "QMP", NULL };
	g_autoptr(GDataInputStream) in =
		g_data_input_stream_new(g_io_stream_get_input_stream(stream));

	return await(in, greeting, error) && execute(stream, in, "qmp_capabilities", error) &&
	       execute(stream, in, "stop", error) && execute(stream, in, "cont", error);
}

bool qemu_write_out(int domid, GError **error)
{
	g_autofree char *path = qemu_monitor(domid);
	g_autoptr(GSocketAddress) address = g_unix_socket_address_new(path);
	g_autoptr(GSocketClient) client = g_socket_client_new();
	g_autoptr(GSocketConnection) connection = NULL;

	g_socket_client_set_timeout(client, ANSWER_SECONDS);
	connection = g_socket_client_connect(client, G_SOCKET_CONNECTABLE(address), NULL, error);
	if (connection && stop_and_go_on(G_IO_STREAM(connection), error))
		return true;
	g_prefix_error(error, "QEMU cannot be told to write out its images: ");
	return false;
}
