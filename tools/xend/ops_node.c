/* Operations on the host, and on the table of operations itself. */
#include <stdio.h>
#include <sys/stat.h>

#include "error.h"
#include "host.h"
#include "ops.h"
#include "options.h"
#include "sxp.h"

/* The end of a log is what is of interest. */
#define MAX_LOG (4 << 20)

GVariant *op_node_info(struct call *call, GError **error)
{
	return host_info(error);
}

GVariant *op_node_config(struct call *call, GError **error)
{
	return options_sxp();
}

static GVariant *messages(bool clear, GError **error)
{
	char *text = host_messages(clear, error);

	return text ? g_variant_new_take_string(text) : NULL;
}

GVariant *op_dmesg(struct call *call, GError **error)
{
	return messages(false, error);
}

GVariant *op_dmesg_clear(struct call *call, GError **error)
{
	return messages(true, error);
}

GVariant *op_log(struct call *call, GError **error)
{
	g_autofree char *path = option_text("logfile"), *text = g_malloc0(MAX_LOG + 1);
	FILE *file = fopen(path, "re");
	struct stat st;
	char *valid;

	if (!file)
		return fail_errno(error, "%s", path), NULL;
	if (!fstat(fileno(file), &st) && st.st_size > MAX_LOG)
		fseek(file, -MAX_LOG, SEEK_END);
	if (!fread(text, 1, MAX_LOG, file))
		*text = 0;
	fclose(file);
	valid = g_utf8_make_valid(text, -1);
	return g_variant_new_take_string(valid);
}

GVariant *op_debug_keys(struct call *call, GError **error)
{
	if (xc_debug_keys(xc, call_text(call, 0)))
		return fail_errno(error, "the hypervisor does not take keys"), NULL;
	return op_done();
}

GVariant *op_list_methods(struct call *call, GError **error)
{
	GVariantBuilder builder;
	const struct op *op;

	g_variant_builder_init(&builder, G_VARIANT_TYPE("av"));
	for (unsigned int i = 0; (op = ops_row(i)); i++)
		sxp_add(&builder, sxp_atom(op->name));
	return g_variant_builder_end(&builder);
}

static const struct op *find(struct call *call, GError **error)
{
	const struct op *op = ops_find(call_text(call, 0));

	if (!op)
		fail(error, "there is no method %s", call_text(call, 0));
	return op;
}

GVariant *op_method_help(struct call *call, GError **error)
{
	const struct op *op = find(call, error);

	return op ? g_variant_new_string(op->help) : NULL;
}

GVariant *op_method_signature(struct call *call, GError **error)
{
	const struct op *op = find(call, error);

	return op ? g_variant_new_string(op->args) : NULL;
}
