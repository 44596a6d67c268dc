/* Operations that save domains to files, bring them back, and write their memory. */
#include "build.h"
#include "error.h"
#include "lifecycle.h"
#include "ops.h"
#include "save.h"

static struct domain *find_own(struct call *call, GError **error)
{
	g_autoptr(locked_domain) domain = find_guest(call, error);

	return domain && domain_refuse_foreign(domain, error) ? g_steal_pointer(&domain) : NULL;
}

GVariant *op_save(struct call *call, GError **error)
{
	g_autoptr(locked_domain) domain = find_own(call, error);

	if (!domain)
		return NULL;
	if (!g_path_is_absolute(call_text(call, 1)))
		return fail(error, "%s: not a path from the root", call_text(call, 1)), NULL;
	return domain_save(domain, call_text(call, 1), call_flag(call, 2, false), error) ? op_done()
											 : NULL;
}

GVariant *op_restore(struct call *call, GError **error)
{
	g_autoptr(locked_domain) domain = domain_restore(call_text(call, 0), error);

	if (!domain)
		return NULL;
	if (call_flag(call, 1, false) || domain_unpause(domain, error))
		return domain_all_about(domain);
	domain_end(domain, false);
	return NULL;
}

GVariant *op_suspend(struct call *call, GError **error)
{
	g_autoptr(locked_domain) domain = find_own(call, error);

	if (!domain)
		return NULL;
	if (!domain->managed)
		return fail(error, "Domain '%s' is not managed by xend.", domain->name), NULL;
	return domain_checkpoint(domain, error) ? op_done() : NULL;
}

GVariant *op_resume(struct call *call, GError **error)
{
	g_autoptr(locked_domain) domain = domain_find_locked(call_text(call, 0), error);

	if (!domain || !domain_refuse_zero(domain, error))
		return NULL;
	return domain_resume(domain, call_flag(call, 1, false), error) ? op_done() : NULL;
}

GVariant *op_dump(struct call *call, GError **error)
{
	g_autoptr(locked_domain) domain = find_guest(call, error);
	const char *wanted = call_text(call, 1);
	bool crash = call_flag(call, 3, false), reset = call_flag(call, 4, false);
	g_autofree char *path = NULL;

	if (!domain)
		return NULL;
	if (wanted && *wanted && !g_path_is_absolute(wanted))
		return fail(error, "%s: not a path from the root", wanted), NULL;
	if (reset && !domain_refuse_foreign(domain, error))
		return NULL;
	path = domain_dump(
		domain, wanted && *wanted ? wanted : NULL, call_flag(call, 2, false), error);
	if (!path)
		return NULL;
	if (crash)
		domain_end(domain, false);
	else if (reset && !domain_restart(domain, error))
		return NULL;
	return g_variant_new_string(path);
}
