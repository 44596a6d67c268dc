/* What sockets and rings have in common. */
#include <stdio.h>

#include "conn.h"
#include "watch.h"

static GQueue line = G_QUEUE_INIT;

void conn_init(struct conn *conn, const struct transport *transport, struct domain *domain)
{
	*conn = (struct conn){ .transport = transport, .domain = domain };
	conn->watches = g_ptr_array_new();
	conn->transactions = g_ptr_array_new_with_free_func((GDestroyNotify)transaction_free);
}

void conn_reset(struct conn *conn)
{
	watch_remove_all(conn);
	g_ptr_array_set_size(conn->transactions, 0);
}

void conn_fini(struct conn *conn)
{
	conn_reset(conn);
	g_ptr_array_free(conn->watches, TRUE);
	g_ptr_array_free(conn->transactions, TRUE);
	if (conn->after_reply)
		g_byte_array_free(conn->after_reply, TRUE);
	if (conn->in_line)
		g_queue_remove(&line, conn);
}

void conn_wake(struct conn *conn)
{
	if (conn->in_line)
		return;
	conn->in_line = true;
	g_queue_push_tail(&line, conn);
}

bool conns_run(void)
{
	for (unsigned turns = line.length; turns; turns--) {
		struct conn *conn = g_queue_pop_head(&line);

		if (!conn)
			break;
		conn->in_line = false;
		if (conn->transport->turn(conn))
			conn_wake(conn);
	}
	return line.length;
}

struct transaction *conn_transaction(struct conn *conn, uint32_t id)
{
	for (unsigned i = 0; i < conn->transactions->len; i++) {
		struct transaction *transaction = conn->transactions->pdata[i];

		if (transaction->id == id)
			return transaction;
	}
	return NULL;
}

static void send_event(struct conn *conn, const void *data, size_t len)
{
	const struct xsd_sockmsg head = { .type = XS_WATCH_EVENT, .len = len };

	if (len <= XENSTORE_PAYLOAD_MAX)
		conn->transport->send(conn, &head, data, false);
}

void conn_event(struct conn *conn, const char *path, const char *token)
{
	char data[XENSTORE_PAYLOAD_MAX + 1];
	size_t path_size = strlen(path) + 1, token_size = strlen(token) + 1;

	if (path_size + token_size > sizeof(data))
		return;
	memcpy(data, path, path_size);
	memcpy(data + path_size, token, token_size);
	send_event(conn, data, path_size + token_size);
}

void conn_after_reply(struct conn *conn, const char *path, const char *token)
{
	conn->after_reply = g_byte_array_new();
	g_byte_array_append(conn->after_reply, (const guint8 *)path, strlen(path) + 1);
	g_byte_array_append(conn->after_reply, (const guint8 *)token, strlen(token) + 1);
}

size_t domain_path(unsigned domid, char *path)
{
	return snprintf(path, DOMAIN_PATH_ROOM, "/local/domain/%u", domid);
}

void bytes_forget(GByteArray *bytes, size_t *first)
{
	if (!*first || *first < bytes->len / 2)
		return;
	g_byte_array_remove_range(bytes, 0, *first);
	*first = 0;
}
