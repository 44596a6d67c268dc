/*
 * The tree /xend/: the classic management interface. GET shows, as S-expression or for browsers as
 * HTML; POST with "op=…" does an operation of the table in ops.c.
 */
#include <string.h>

#include "error.h"
#include "ops.h"
#include "server.h"
#include "sxp.h"

static void reply_text(struct http_reply *reply, unsigned int status, const char *type, char *body)
{
	*reply = (struct http_reply){ .status = status, .type = type, .body = body };
}

static char *page(const char *title, const char *content)
{
	g_autofree char *safe = g_markup_escape_text(title, -1);

	return g_strdup_printf(
		"<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>%s</title></head>\n"
		"<body>\n<h1>%s</h1>\n%s<p><a href=\"/xend/domain\">domains</a> "
		"<a href=\"/xend/node\">host</a></p>\n</body></html>\n",
		safe, safe, content);
}

static void reply_error(const struct http_request *request, struct http_reply *reply,
	unsigned int status, const char *message)
{
	g_autofree char *content = NULL, *safe = NULL;
	g_autoptr(GVariant) sxp = NULL;

	if (!request->html) {
		sxp = g_variant_ref_sink(sxp_list(sxp_atom("xend.err"), sxp_atom(message), NULL));
		reply_text(reply, status, "application/sxp", sxp_print_pretty(sxp));
		return;
	}
	safe = g_markup_escape_text(message, -1);
	content = g_strdup_printf("<p>%s</p>\n", safe);
	reply_text(reply, status, "text/html", page("Error", content));
}

static void reply_fault(
	const struct http_request *request, struct http_reply *reply, const GError *error)
{
	bool missing = g_error_matches(error, XENRPC_FAULT, XENRPC_FAULT_INVALID_DOMAIN);

	reply_error(request, reply,
		missing ? SOUP_STATUS_NOT_FOUND : SOUP_STATUS_INTERNAL_SERVER_ERROR,
		error->message);
}

static GVariant *call(const char *name, const char *domain, GError **error)
{
	g_autoptr(GVariant) params =
		g_variant_ref_sink(domain ? sxp_list(sxp_atom(domain), NULL) : sxp_empty());

	return ops_call(name, params, error);
}

/* Buttons for what needs no more than a domain. */
static void add_buttons(GString *content, const char *domain)
{
	static const char *const ops[] = { "unpause", "pause", "shutdown", "destroy" };
	g_autofree char *escaped = g_uri_escape_string(domain, NULL, FALSE);

	for (unsigned int i = 0; i < G_N_ELEMENTS(ops); i++)
		g_string_append_printf(content,
			"<form method=\"post\" action=\"/xend/domain/%s\" style=\"display:inline\">"
			"<button name=\"op\" value=\"%s\">%s</button></form>\n",
			escaped, ops[i], ops[i]);
}

static char *as_page(const char *title, GVariant *value, const char *domain)
{
	g_autofree char *text = sxp_print_pretty(value);
	g_autofree char *safe = g_markup_escape_text(text, -1);
	GString *content = g_string_new(NULL);
	char *result;

	if (domain)
		add_buttons(content, domain);
	g_string_append_printf(content, "<pre>%s</pre>\n", safe);
	result = page(title, content->str);
	g_string_free(content, TRUE);
	return result;
}

static void reply_value(const struct http_request *request, struct http_reply *reply,
	const char *title, GVariant *value, const char *domain)
{
	if (request->html)
		reply_text(reply, SOUP_STATUS_OK, "text/html", as_page(title, value, domain));
	else
		reply_text(reply, SOUP_STATUS_OK, "application/sxp", sxp_print_pretty(value));
}

/* The names of all domains, with links. */
static char *domains_page(GVariant *names)
{
	GString *content = g_string_new("<ul>\n");
	gsize i, n = sxp_length(names);
	char *result;

	for (i = 0; i < n; i++) {
		g_autofree char *name = sxp_nth_text(names, i);
		g_autofree char *escaped = g_uri_escape_string(name, NULL, FALSE);
		g_autofree char *safe = g_markup_escape_text(name, -1);

		g_string_append_printf(
			content, "<li><a href=\"/xend/domain/%s\">%s</a></li>\n", escaped, safe);
	}
	g_string_append(content, "</ul>\n");
	result = page("Domains", content->str);
	g_string_free(content, TRUE);
	return result;
}

static void show_domains(
	const struct http_request *request, struct http_reply *reply, GError **error)
{
	bool detail = g_hash_table_contains(request->fields, "detail");
	g_autoptr(GVariant) params = g_variant_ref_sink(
		g_variant_new_parsed("[<%b>]", (gboolean)(detail && !request->html)));
	g_autoptr(GVariant) value = ops_call("xend.domains", params, error);

	if (value && request->html)
		reply_text(reply, SOUP_STATUS_OK, "text/html", domains_page(value));
	else if (value)
		reply_value(request, reply, "Domains", value, NULL);
}

static void show(const struct http_request *request, struct http_reply *reply, const char *title,
	const char *op, const char *domain, GError **error)
{
	g_autoptr(GVariant) value = call(op, domain, error);

	if (value)
		reply_value(request, reply, title, value, domain);
}

/* The end of what GET can show. */
static const struct {
	const char *first, *second, *op, *title;
} pages[] = {
	{ "node", NULL, "xend.node.info", "Host" },
	{ "node", "dmesg", "xend.node.dmesg.info", "Messages of the hypervisor" },
	{ "node", "log", "xend.node.log", "Log of xend" },
	{ "node", "config", "xend.node.config", "Options of xend" },
};

static bool get(const struct http_request *request, struct http_reply *reply, GError **error)
{
	const char *first = request->path[0], *second = first ? request->path[1] : NULL;

	if (!first || !*first || (g_str_equal(first, "domain") && (!second || !*second))) {
		show_domains(request, reply, error);
		return true;
	}
	if (g_str_equal(first, "domain")) {
		g_autofree char *name = g_uri_unescape_string(second, NULL);

		show(request, reply, name ? name : "", "xend.domain", name ? name : "", error);
		return true;
	}
	for (unsigned int i = 0; i < G_N_ELEMENTS(pages); i++)
		if (g_str_equal(pages[i].first, first) &&
			!g_strcmp0(pages[i].second, second && *second ? second : NULL)) {
			show(request, reply, pages[i].title, pages[i].op, NULL, error);
			return true;
		}
	return false;
}

/* The operation that a form on this place means. */
static const struct op *find_op(const struct http_request *request)
{
	const char *first = request->path[0], *second = first ? request->path[1] : NULL;
	const char *op = g_hash_table_lookup(request->fields, "op");
	g_autofree char *name = NULL;

	if (!first || !op)
		return NULL;
	if (g_str_equal(first, "node") && second && g_str_equal(second, "dmesg"))
		name = g_strconcat("xend.node.dmesg.", op, NULL);
	else if (g_str_equal(first, "node"))
		name = g_strconcat("xend.node.", op, NULL);
	else if (g_str_equal(first, "domain"))
		name = g_strconcat(OP_DOMAIN, op, NULL);
	return name ? ops_find(name) : NULL;
}

static void post(const struct http_request *request, struct http_reply *reply, GError **error)
{
	const struct op *op = find_op(request);
	g_autoptr(GVariant) value = NULL;
	const char *place = op ? request->path[1] : NULL;

	if (!op) {
		reply_error(request, reply, SOUP_STATUS_BAD_REQUEST, "there is no such operation");
		return;
	}
	if (g_str_equal(request->path[0], "domain") && place && *place) {
		char *name = g_uri_unescape_string(place, NULL);

		g_hash_table_insert(
			request->fields, g_strdup("domain"), name ? name : g_strdup(place));
	}
	value = ops_call_named(op, request->fields, error);
	if (value)
		reply_value(request, reply, op->name, value, NULL);
}

void http_tree(const struct http_request *request, struct http_reply *reply)
{
	g_autoptr(GError) error = NULL;

	if (g_str_equal(request->method, "POST"))
		post(request, reply, &error);
	else if (!get(request, reply, &error))
		reply_error(request, reply, SOUP_STATUS_NOT_FOUND, "there is no such page");
	if (error)
		reply_fault(request, reply, error);
}
