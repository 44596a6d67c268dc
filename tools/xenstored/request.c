/* Carries out requests: one function and one row of a table for each type of message. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal.h"
#include "log.h"
#include "quota.h"
#include "request.h"
#include "watch.h"

#define PATH_ROOM (XENSTORE_ABS_PATH_MAX + DOMAIN_PATH_ROOM)

int request_reply(struct request *request, const void *data, size_t len)
{
	if (len > sizeof(request->reply))
		return E2BIG;
	memcpy(request->reply, data, len);
	request->reply_len = len;
	return 0;
}

int request_reply_string(struct request *request, const char *text)
{
	return request_reply(request, text, strlen(text) + 1);
}

unsigned request_strings(const struct request *request, char **strings, unsigned room)
{
	const char *end = request->data + request->len;
	unsigned count = 0;

	if (!request->len || end[-1])
		return 0;
	for (char *text = request->data; text < end; text += strlen(text) + 1) {
		if (count == room)
			return 0;
		strings[count++] = text;
	}
	return count;
}

bool parse_number(const char *text, uint64_t *number)
{
	return g_ascii_isdigit(*text) &&
	       g_ascii_string_to_unsigned(text, 10, 0, UINT64_MAX, number, NULL);
}

static bool parse_domid(const char *text, unsigned *domid)
{
	uint64_t number;

	if (!parse_number(text, &number) || number >= DOMID_LIMIT)
		return false;
	*domid = number;
	return true;
}

static const bool path_char[256] = {
	['a' ... 'z'] = true,
	['A' ... 'Z'] = true,
	['0' ... '9'] = true,
	['-'] = true,
	['/'] = true,
	['_'] = true,
	['@'] = true,
};

static bool valid_path(const char *path, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!path_char[(unsigned char)path[i]] ||
			(path[i] == '/' && i + 1 < len && path[i + 1] == '/'))
			return false;
	return len && (path[len - 1] != '/' || len == 1);
}

/*
 * Makes `text` an absolute path; one that does not start with '/' is below the domain's own.
 * Returns the path's length as in path_len(); `*relative` is what was put before it. -1: not a
 * path.
 */
static ssize_t absolute(
	const struct request *request, const char *text, char *path, size_t *relative)
{
	const struct domain *domain = request->conn->domain;
	size_t len = strlen(text), start = 0;

	*relative = 0;
	if (!valid_path(text, len) || text[0] == '@' ||
		len > (text[0] == '/' ? XENSTORE_ABS_PATH_MAX : XENSTORE_REL_PATH_MAX))
		return -1;
	if (!domain_privileged(domain) && len > quota(QUOTA_PATH_MAX))
		return -1;
	if (text[0] != '/') {
		start = domain_path(domain->domid, path);
		path[start++] = '/';
		*relative = start;
	}
	memcpy(path + start, text, len + 1);
	return path_len(path);
}

/* The path in the only string of a request. */
static ssize_t only_path(const struct request *request, char *path)
{
	char *text;
	size_t relative;

	if (request_strings(request, &text, 1) != 1)
		return -1;
	return absolute(request, text, path, &relative);
}

/* The path in the first string; `*rest` is what follows it. */
static ssize_t first_path(const struct request *request, char *path, char **rest, size_t *rest_len)
{
	char *end = memchr(request->data, 0, request->len);
	size_t relative;

	if (!end)
		return -1;
	*rest = end + 1;
	*rest_len = request->data + request->len - end - 1;
	return absolute(request, request->data, path, &relative);
}

static int get_node(struct request *request, unsigned access, struct node **node)
{
	char path[PATH_ROOM];
	ssize_t len = only_path(request, path);

	if (len < 0)
		return EINVAL;
	return store_get(request->view, request->conn->domain, path, len, PERM_READ, access, node);
}

static int do_read(struct request *request)
{
	struct node *node;
	int error = get_node(request, ACCESS_NODE, &node);

	if (error || !node->value)
		return error;
	return request_reply(request, node->value->data, node->value->len);
}

static int do_directory(struct request *request)
{
	struct node *node;
	int error = get_node(request, ACCESS_LIST, &node);
	size_t len = 0;

	for (unsigned i = 0; !error && i < node_kids(node); i++) {
		const struct node *kid = node->kids->nodes[i];

		if (len + kid->name_len + 1 > sizeof(request->reply))
			return E2BIG;
		memcpy(request->reply + len, kid->name, kid->name_len);
		len += kid->name_len;
		request->reply[len++] = 0;
	}
	request->reply_len = len;
	return error;
}

/* Names from byte `offset` of the whole list on, as many as fit; an empty one ends the list. */
static void list_part(struct request *request, const struct node *node, uint64_t offset)
{
	uint64_t at = 0;
	size_t len = request->reply_len;

	for (unsigned i = 0; i < node_kids(node); i++) {
		const struct node *kid = node->kids->nodes[i];
		size_t size = kid->name_len + 1, skip = offset > at ? offset - at : 0;

		at += size;
		if (skip >= size)
			continue;
		if (len + size - skip > sizeof(request->reply) - 1) {
			request->reply_len = len;
			return;
		}
		memcpy(request->reply + len, kid->name + skip, size - skip - 1);
		len += size - skip;
		request->reply[len - 1] = 0;
	}
	request->reply[len++] = 0;
	request->reply_len = len;
}

static int do_directory_part(struct request *request)
{
	char path[PATH_ROOM], *rest;
	size_t rest_len;
	struct node *node;
	uint64_t offset;
	ssize_t len = first_path(request, path, &rest, &rest_len);
	int error;

	if (len < 0 || !rest_len || strlen(rest) + 1 != rest_len || !parse_number(rest, &offset))
		return EINVAL;
	error = store_get(
		request->view, request->conn->domain, path, len, PERM_READ, ACCESS_LIST, &node);
	if (error)
		return error;
	request->reply_len =
		1 + sprintf(request->reply, "%llu",
			    node->kids ? (unsigned long long)node->kids->generation : 0ULL);
	list_part(request, node, offset);
	return 0;
}

static int do_write(struct request *request)
{
	char path[PATH_ROOM], *rest;
	size_t rest_len;
	ssize_t len = first_path(request, path, &rest, &rest_len);

	if (len < 0)
		return EINVAL;
	return store_write(request->view, request->conn->domain, path, len, rest, rest_len);
}

static int do_mkdir(struct request *request)
{
	char path[PATH_ROOM];
	ssize_t len = only_path(request, path);

	if (len < 0)
		return EINVAL;
	return store_mkdir(request->view, request->conn->domain, path, len);
}

static int do_rm(struct request *request)
{
	char path[PATH_ROOM];
	ssize_t len = only_path(request, path);

	if (len < 0)
		return EINVAL;
	return store_rm(request->view, request->conn->domain, path, len);
}

static const char *const specials[] = { "@introduceDomain", "@releaseDomain" };

/* Whether `text` is a special name, alone or with "/domid". */
static bool valid_special(const char *text)
{
	unsigned domid;

	for (unsigned i = 0; i < G_N_ELEMENTS(specials); i++) {
		size_t len = strlen(specials[i]);

		if (!strncmp(text, specials[i], len) &&
			(!text[len] || (text[len] == '/' && parse_domid(text + len + 1, &domid))))
			return true;
	}
	return false;
}

static int reply_perms(struct request *request, const struct perms *perms)
{
	char *text = g_malloc(perms->count * PERM_STRING);
	int error = request_reply(request, text, perms_format(perms, text));

	g_free(text);
	return error;
}

static int get_special_perms(struct request *request)
{
	const struct perms *perms;

	if (!domain_privileged(request->conn->domain))
		return EACCES;
	if (!valid_special(request->data))
		return ENOENT;
	perms = special_perms ? g_hash_table_lookup(special_perms, request->data) : NULL;
	return perms ? reply_perms(request, perms) : request_reply_string(request, "n0");
}

static int do_get_perms(struct request *request)
{
	struct node *node;
	char *text;
	int error;

	if (request_strings(request, &text, 1) == 1 && text[0] == '@')
		return get_special_perms(request);
	error = get_node(request, ACCESS_PERMS, &node);
	return error ? error : reply_perms(request, node->perms);
}

/* The list that the strings name; all of their domains that exist become known, so that their end
 * will be. */
static int parse_perms(const char *text, size_t len, struct perms **perms)
{
	struct perm list[XENSTORE_PAYLOAD_MAX / 3];
	unsigned count = perms_parse(text, len, list, G_N_ELEMENTS(list));

	if (!count)
		return EINVAL;
	if (!domain_get(list[0].domid))
		return ENOENT;
	for (unsigned i = 1; i < count; i++)
		domain_get(list[i].domid);
	*perms = perms_get(list, count);
	return 0;
}

static int set_special_perms(struct request *request)
{
	size_t name = strnlen(request->data, request->len) + 1;
	struct perms *perms;
	int error;

	if (!domain_privileged(request->conn->domain))
		return EACCES;
	if (!valid_special(request->data))
		return ENOENT;
	if (name >= request->len)
		return EINVAL;
	error = parse_perms(request->data + name, request->len - name, &perms);
	if (!error)
		special_set_perms(request->data, perms);
	return error;
}

static int do_set_perms(struct request *request)
{
	char path[PATH_ROOM], *rest;
	size_t rest_len;
	struct perms *perms;
	ssize_t len = first_path(request, path, &rest, &rest_len);
	int error;

	if (request->len && request->data[0] == '@')
		return set_special_perms(request);
	if (len < 0)
		return EINVAL;
	error = parse_perms(rest, rest_len, &perms);
	if (error)
		return error;
	return store_set_perms(request->view, request->conn->domain, path, len, perms);
}

/* Path and token of a watch. */
static int watch_strings(struct request *request, char *path, size_t *relative, char **token)
{
	char *strings[2];

	if (request_strings(request, strings, 2) != 2)
		return EINVAL;
	*token = strings[1];
	*relative = 0;
	if (strings[0][0] != '@')
		return absolute(request, strings[0], path, relative) < 0 ? EINVAL : 0;
	if (!valid_path(strings[0], strlen(strings[0])) || strlen(strings[0]) >= PATH_ROOM)
		return EINVAL;
	strcpy(path, strings[0]);
	return 0;
}

static int do_watch(struct request *request)
{
	char path[PATH_ROOM], *token;
	size_t relative;
	int error = watch_strings(request, path, &relative, &token);

	if (!error)
		error = watch_add(request->conn, path, relative, token);
	if (!error)
		journal_watch(request->conn, path, relative, token);
	return error;
}

static int do_unwatch(struct request *request)
{
	char path[PATH_ROOM], *token;
	size_t relative;
	int error = watch_strings(request, path, &relative, &token);

	if (!error)
		error = watch_remove(request->conn, path, token);
	if (!error)
		journal_unwatch(request->conn, path, token);
	return error;
}

static int do_reset_watches(struct request *request)
{
	if (request->tx_id)
		return EBUSY;
	conn_reset(request->conn);
	journal_reset_conn(request->conn);
	return 0;
}

static int do_transaction_start(struct request *request)
{
	struct conn *conn = request->conn;
	struct domain *domain = conn->domain;
	char text[12];

	if (request->tx_id)
		return EBUSY;
	if (!domain_privileged(domain) && domain->transactions >= quota(QUOTA_TRANSACTIONS))
		return ENOSPC;
	do {
		conn->next_transaction++;
	} while (!conn->next_transaction || conn_transaction(conn, conn->next_transaction));
	g_ptr_array_add(conn->transactions, transaction_new(domain, conn->next_transaction));
	sprintf(text, "%u", conn->next_transaction);
	journal_transaction(conn, conn->next_transaction, true);
	return request_reply_string(request, text);
}

static int do_transaction_end(struct request *request)
{
	struct transaction *transaction = request->transaction;
	uint32_t id = request->tx_id;
	char *text;
	int error;

	if (!transaction)
		return ENOENT;
	if (request_strings(request, &text, 1) != 1 || (strcmp(text, "T") && strcmp(text, "F")))
		return EINVAL;
	error = *text == 'T' ? transaction_commit(transaction) : 0;
	g_ptr_array_remove(request->conn->transactions, transaction);
	journal_transaction(request->conn, id, false);
	return error;
}

/* The domain number that is the request's only string. */
static int only_domid(struct request *request, unsigned *domid)
{
	char *text;

	if (request_strings(request, &text, 1) != 1 || !parse_domid(text, domid))
		return EINVAL;
	return 0;
}

static int do_introduce(struct request *request)
{
	char *strings[3];
	unsigned domid;
	uint64_t gfn, port;

	if (request_strings(request, strings, 3) != 3 || !parse_domid(strings[0], &domid) ||
		!parse_number(strings[1], &gfn) || !parse_number(strings[2], &port) || !port ||
		port > UINT32_MAX)
		return EINVAL;
	return domain_introduce(domid, gfn, port);
}

/* The introduced domain, other than 0, that the request's only string names. */
static int other_domain(struct request *request, struct domain **domain)
{
	unsigned domid;

	if (only_domid(request, &domid) || !domid)
		return EINVAL;
	*domain = domain_find(domid);
	return *domain && (*domain)->introduced ? 0 : ENOENT;
}

static int do_release(struct request *request)
{
	struct domain *domain;
	int error = other_domain(request, &domain);

	if (!error)
		domain_release(domain);
	return error;
}

static int do_resume(struct request *request)
{
	struct domain *domain;
	int error = other_domain(request, &domain);

	if (!error)
		domain->shutdown = false;
	return error;
}

static int do_set_target(struct request *request)
{
	char *strings[2];
	unsigned domid, target;
	struct domain *domain;

	if (request_strings(request, strings, 2) != 2 || !parse_domid(strings[0], &domid) ||
		!parse_domid(strings[1], &target))
		return EINVAL;
	domain = domain_find(domid);
	if (!domain || !domain->introduced || !domain_find(target))
		return ENOENT;
	if (!target || !domid)
		return EINVAL;
	domain->target = target;
	journal_target(domain);
	return 0;
}

static int do_get_domain_path(struct request *request)
{
	char path[DOMAIN_PATH_ROOM];
	unsigned domid;
	int error = only_domid(request, &domid);

	if (error)
		return error;
	domain_path(domid, path);
	return request_reply_string(request, path);
}

static int do_is_domain_introduced(struct request *request)
{
	unsigned domid;
	struct domain *domain;
	int error = only_domid(request, &domid);

	if (error)
		return error;
	domain = domain_find(domid);
	return request_reply_string(request, domain && domain->introduced ? "T" : "F");
}

#define PRIVILEGED 1u /* for domain 0 only */
#define NO_VIEW    2u /* what the transaction is does not matter */

static const struct operation {
	const char *name;
	int (*run)(struct request *request);
	unsigned flags;
} operations[XS_TYPE_COUNT] = {
	[XS_CONTROL] = { "CONTROL", request_control, PRIVILEGED | NO_VIEW },
	[XS_DIRECTORY] = { "DIRECTORY", do_directory, 0 },
	[XS_READ] = { "READ", do_read, 0 },
	[XS_GET_PERMS] = { "GET_PERMS", do_get_perms, 0 },
	[XS_WATCH] = { "WATCH", do_watch, NO_VIEW },
	[XS_UNWATCH] = { "UNWATCH", do_unwatch, NO_VIEW },
	[XS_TRANSACTION_START] = { "TRANSACTION_START", do_transaction_start, NO_VIEW },
	[XS_TRANSACTION_END] = { "TRANSACTION_END", do_transaction_end, 0 },
	[XS_INTRODUCE] = { "INTRODUCE", do_introduce, PRIVILEGED | NO_VIEW },
	[XS_RELEASE] = { "RELEASE", do_release, PRIVILEGED | NO_VIEW },
	[XS_GET_DOMAIN_PATH] = { "GET_DOMAIN_PATH", do_get_domain_path, NO_VIEW },
	[XS_WRITE] = { "WRITE", do_write, 0 },
	[XS_MKDIR] = { "MKDIR", do_mkdir, 0 },
	[XS_RM] = { "RM", do_rm, 0 },
	[XS_SET_PERMS] = { "SET_PERMS", do_set_perms, 0 },
	[XS_IS_DOMAIN_INTRODUCED] = { "IS_DOMAIN_INTRODUCED", do_is_domain_introduced,
		PRIVILEGED | NO_VIEW },
	[XS_RESUME] = { "RESUME", do_resume, PRIVILEGED | NO_VIEW },
	[XS_SET_TARGET] = { "SET_TARGET", do_set_target, PRIVILEGED | NO_VIEW },
	[XS_RESET_WATCHES] = { "RESET_WATCHES", do_reset_watches, NO_VIEW },
	[XS_DIRECTORY_PART] = { "DIRECTORY_PART", do_directory_part, 0 },
};

const char *error_name(int error)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(xsd_errors); i++)
		if (xsd_errors[i].errnum == error)
			return xsd_errors[i].errstring;
	return "EINVAL";
}

static int run(const struct operation *operation, struct request *request)
{
	struct conn *conn = request->conn;

	if (!operation || !operation->run)
		return ENOSYS;
	if ((operation->flags & PRIVILEGED) && !domain_privileged(conn->domain))
		return EACCES;
	request->view = &store_view;
	if (request->tx_id && !(operation->flags & NO_VIEW)) {
		request->transaction = conn_transaction(conn, request->tx_id);
		if (!request->transaction)
			return ENOENT;
		request->view = &request->transaction->view;
	}
	return operation->run(request);
}

static void answer(struct request *request, const struct xsd_sockmsg *head, int error)
{
	static const char ok[] = "OK";
	/* These answer with what they found, which may be nothing. */
	bool asks = head->type == XS_READ || head->type == XS_DIRECTORY;
	struct xsd_sockmsg reply = *head;

	if (error) {
		reply.type = XS_ERROR;
		request_reply_string(request, error_name(error));
	} else if (!request->reply_len && !asks) {
		request_reply(request, ok, sizeof(ok));
	}
	reply.len = request->reply_len;
	request->conn->transport->send(request->conn, &reply, request->reply, true);
}

void request_run(struct conn *conn, const struct xsd_sockmsg *head, char *data)
{
	static struct request request;
	const struct operation *operation =
		head->type < XS_TYPE_COUNT ? &operations[head->type] : NULL;
	const char *name = operation && operation->name ? operation->name : "unknown";
	unsigned domid = conn->domain->domid;
	int error;

	request.conn = conn;
	request.transaction = NULL;
	request.tx_id = head->tx_id;
	request.data = data;
	request.len = head->len;
	request.reply_len = 0;
	if (trace_on())
		trace_message("IN", domid, conn, name, data, head->len);
	error = run(operation, &request);
	journal_end(conn);
	answer(&request, head, error);
	if (trace_on())
		trace_message("OUT", domid, conn, error ? "ERROR" : name, request.reply,
			request.reply_len);
	if (conn->after_reply) {
		const struct xsd_sockmsg event = { .type = XS_WATCH_EVENT,
			.len = conn->after_reply->len };

		conn->transport->send(conn, &event, conn->after_reply->data, false);
		g_byte_array_free(conn->after_reply, TRUE);
		conn->after_reply = NULL;
	}
	events_send();
}
