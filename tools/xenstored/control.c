/* XS_CONTROL: what xenstore-control asks. */
#include <errno.h>
#include <string.h>

#include "log.h"
#include "journal.h"
#include "quota.h"
#include "request.h"
#include "watch.h"

struct command {
	const char *name;
	int (*run)(struct request *request, char **args, unsigned count);
	const char *usage;
};

static int run_help(struct request *request, char **args, unsigned count);

static int reply_text(struct request *request, GString *text)
{
	int error = request_reply(request, text->str, text->len + 1);

	g_string_free(text, TRUE);
	return error;
}

/* Counts the nodes of each owner anew. */
static void count_owners(const struct node *node, GHashTable *counts)
{
	gpointer owner = GUINT_TO_POINTER(node->perms->list[0].domid);
	guint count = GPOINTER_TO_UINT(g_hash_table_lookup(counts, owner));

	g_hash_table_insert(counts, owner, GUINT_TO_POINTER(count + 1));
	for (unsigned i = 0; i < node_kids(node); i++)
		count_owners(node->kids->nodes[i], counts);
}

static int run_check(struct request *request, char **args, unsigned count)
{
	GHashTable *counts = g_hash_table_new(NULL, NULL);
	GString *text = g_string_new(NULL);
	GHashTableIter iter;
	gpointer value;

	count_owners(store_root, counts);
	g_hash_table_iter_init(&iter, domains);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const struct domain *domain = value;
		guint nodes = GPOINTER_TO_UINT(
			g_hash_table_lookup(counts, GUINT_TO_POINTER(domain->domid)));

		if (nodes != domain->nodes)
			g_string_append_printf(text, "domain %u: %u nodes, accounted %u\n",
				domain->domid, nodes, domain->nodes);
	}
	g_hash_table_destroy(counts);
	if (!text->len)
		g_string_append(text, "OK");
	return reply_text(request, text);
}

static int run_log(struct request *request, char **args, unsigned count)
{
	if (count != 1 || (strcmp(args[0], "on") && strcmp(args[0], "off")))
		return EINVAL;
	trace_enable(!strcmp(args[0], "on"));
	return 0;
}

static int run_logfile(struct request *request, char **args, unsigned count)
{
	if (count != 1)
		return EINVAL;
	return trace_open(args[0]) ? 0 : EIO;
}

static int run_print(struct request *request, char **args, unsigned count)
{
	if (count != 1)
		return EINVAL;
	trace_message("PRINT", request->conn->domain->domid, request->conn, "CONTROL", args[0],
		strlen(args[0]));
	return 0;
}

static int reply_domain(struct request *request, const struct domain *domain)
{
	GString *text = g_string_new(NULL);

	g_string_printf(text, "Domain %u:\n%-17s: %8u\n%-17s: %8u\n%-17s: %8u\n%-17s: %8zd\n",
		domain->domid, "nodes", domain->nodes, "watches", domain->watches, "transactions",
		domain->transactions, "memory", domain->memory);
	return reply_text(request, text);
}

static int run_quota(struct request *request, char **args, unsigned count)
{
	GString *text;
	uint64_t number;

	if (count == 1 && parse_number(args[0], &number)) {
		struct domain *domain = number < DOMID_LIMIT ? domain_find(number) : NULL;

		return domain ? reply_domain(request, domain) : ENOENT;
	}
	if (count) {
		if (count != 3 || strcmp(args[0], "set") || !parse_number(args[2], &number) ||
			!number || number > INT32_MAX || !quota_set(args[1], number))
			return EINVAL;
		journal_quota(args[1], number);
		return 0;
	}
	text = g_string_new("Quota settings:\n");
	for (unsigned i = 0; i < QUOTA_COUNT; i++)
		g_string_append_printf(
			text, "%-17s: %8u %s\n", quotas[i].name, quotas[i].value, quotas[i].text);
	return reply_text(request, text);
}

static int run_memreport(struct request *request, char **args, unsigned count)
{
	GString *text = g_string_new(NULL);
	GHashTableIter iter;
	gpointer value;

	if (count) {
		g_string_free(text, TRUE);
		return EINVAL;
	}
	g_hash_table_iter_init(&iter, domains);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const struct domain *domain = value;

		g_string_append_printf(text, "domain %u: %u nodes, %u watches, %zd bytes\n",
			domain->domid, domain->nodes, domain->watches, domain->memory);
	}
	return reply_text(request, text);
}

static const struct command commands[] = {
	{ "check", run_check, "" },
	{ "log", run_log, "on|off" },
	{ "logfile", run_logfile, "<file>" },
	{ "memreport", run_memreport, "" },
	{ "print", run_print, "<string>" },
	{ "quota", run_quota, "[set <name> <val>|<domid>]" },
	{ "help", run_help, "" },
};

static int run_help(struct request *request, char **args, unsigned count)
{
	GString *text = g_string_new(NULL);

	for (unsigned i = 0; i < G_N_ELEMENTS(commands); i++)
		g_string_append_printf(text, "%s\t%s\n", commands[i].name, commands[i].usage);
	return reply_text(request, text);
}

int request_control(struct request *request)
{
	char *strings[8];
	unsigned count = request_strings(request, strings, G_N_ELEMENTS(strings));

	for (unsigned i = 0; count && i < G_N_ELEMENTS(commands); i++)
		if (!strcmp(commands[i].name, strings[0]))
			return commands[i].run(request, strings + 1, count - 1);
	return EINVAL;
}
