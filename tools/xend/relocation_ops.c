/* Operations that move domains. */
#include "error.h"
#include "ops.h"
#include "options.h"
#include "relocation.h"

static bool read_options(struct call *call, struct relocation_options *options, GError **error)
{
	int port = call_int(call, 3, 0), node = call_int(call, 4, -1);

	*options = (struct relocation_options){
		.host = call_text(call, 1),
		.live = call_flag(call, 2, false),
		.port = port,
		.tls = call_flag(call, 5, option_flag("xend-relocation-ssl")),
		.home = call_flag(call, 6, false),
	};
	if (!*options->host)
		return fail(error, "no host is named"), false;
	if (port < 0 || port > 65535)
		return fail(error, "port: %d is none", port), false;
	if (node != -1 && node != 0)
		return fail(error, "node: hosts have node 0 only, not %d", node), false;
	return true;
}

GVariant *op_migrate(struct call *call, GError **error)
{
	g_autoptr(locked_domain) domain = find_guest(call, error);
	struct relocation_options options;
	g_autofree char *report = NULL;

	if (!domain || !read_options(call, &options, error) ||
		!relocation_send(domain, &options, &report, error))
		return NULL;
	return g_variant_new_string(report);
}

GVariant *op_migrate_status(struct call *call, GError **error)
{
	g_autoptr(domain_t) domain = domain_find(call_text(call, 0), error);
	GVariant *status = domain ? relocation_status(domain->uuid) : NULL;

	if (domain && !status)
		fail(error, "Domain '%s' is not being moved.", domain->name);
	return status;
}

GVariant *op_migrate_cancel(struct call *call, GError **error)
{
	g_autoptr(domain_t) domain = domain_find(call_text(call, 0), error);

	if (!domain)
		return NULL;
	if (relocation_cancel(domain->uuid))
		return op_done();
	return fail(error, "Domain '%s' is not being moved, or not to be stopped any more.",
		       domain->name),
	       NULL;
}

GVariant *op_migrate_decide(struct call *call, GError **error)
{
	g_autoptr(locked_domain) domain = domain_find_locked(call_text(call, 0), error);

	if (!domain)
		return NULL;
	if (relocation_decide(domain, call_flag(call, 1, false)))
		return op_done();
	return fail(error, "Domain '%s' does not wait for another host's answer.", domain->name),
	       NULL;
}
