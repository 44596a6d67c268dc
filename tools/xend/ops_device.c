/* Operations on devices. */
#include <string.h>

#include "build.h"
#include "device.h"
#include "error.h"
#include "ops.h"
#include "state.h"
#include "sxp.h"

static bool keep(struct domain *domain, GError **error)
{
	domain_publish(domain);
	if (domain->domid != NO_DOMID)
		state_save(domain);
	return !domain->managed || managed_save(domain, error);
}

static struct domain *find(struct call *call, GError **error)
{
	g_autoptr(locked_domain) domain = domain_find_locked(call_text(call, 0), error);

	if (!domain || !domain_refuse_zero(domain, error) || !domain_refuse_foreign(domain, error))
		return NULL;
	return g_steal_pointer(&domain);
}

/* "(device (vbd …))" and "(vbd …)" are both understood. */
static GVariant *unwrap(GVariant *config)
{
	if (sxp_is_named(config, "device"))
		return sxp_nth(config, 1);
	return g_variant_ref(config);
}

GVariant *op_device_create(struct call *call, GError **error)
{
	g_autoptr(locked_domain) domain = find(call, error);
	g_autoptr(GVariant) config = NULL;
	struct device *device;

	if (!domain)
		return NULL;
	config = unwrap(call_value(call, 1));
	if (!config)
		return fail(error, "the configuration of a device is empty"), NULL;
	if (domain->domid == NO_DOMID) {
		if (!device_check(domain, config, error))
			return NULL;
		config_add_device(domain->config, config);
		return keep(domain, error) ? g_variant_new_int32(-1) : NULL;
	}
	device = device_attach(domain, config, error);
	if (!device)
		return NULL;
	config_add_device(domain->config, device->config);
	return keep(domain, error) ? g_variant_new_int32(device->id) : NULL;
}

/* Which device of the configuration this is; -1: none. */
static int config_index(struct domain *domain, struct device *device)
{
	for (unsigned int i = 0; i < domain->config->devices->len; i++) {
		struct device_config *config = domain->config->devices->pdata[i];

		if (g_variant_equal(config->sxp, device->config))
			return i;
	}
	return -1;
}

/* The number of a device that "(devid …)", or a disk's name in @config stand for. */
static char *id_of(GVariant *config)
{
	static const char *const names[] = { "devid", "dev", "mac" };

	for (unsigned int i = 0; i < G_N_ELEMENTS(names); i++) {
		char *text = sxp_child_text(config, names[i]);

		if (text)
			return g_strndup(text, strcspn(text, i == 2 ? "" : ":"));
	}
	return NULL;
}

GVariant *op_device_configure(struct call *call, GError **error)
{
	g_autoptr(locked_domain) domain = find(call, error);
	g_autoptr(GVariant) config = domain ? unwrap(call_value(call, 1)) : NULL;
	g_autofree char *class = config ? sxp_nth_text(config, 0) : NULL;
	g_autofree char *id = g_strdup(call_text(call, 2));
	struct device *device;
	int index;

	if (!domain || !domain_must_run(domain, error))
		return NULL;
	if (!class)
		return fail(error, "the configuration of a device is empty"), NULL;
	if (!id)
		id = id_of(config);
	device = device_find(domain, class, id ? id : "", error);
	if (!device)
		return NULL;
	index = config_index(domain, device);
	if (!device_configure(domain, device, config, error))
		return NULL;
	if (index >= 0)
		config_replace_device(domain->config, index, device->config);
	return keep(domain, error) ? op_done() : NULL;
}

static bool forget(struct domain *domain, const char *class, const char *id, GError **error)
{
	for (unsigned int i = 0; i < domain->config->devices->len; i++) {
		struct device_config *config = domain->config->devices->pdata[i];
		g_autofree char *own = id_of(config->sxp);

		if (!g_str_equal(config->class, class) || g_strcmp0(own, id))
			continue;
		config_remove_device(domain->config, i);
		return true;
	}
	return fail(error, "Domain '%s' has no %s device %s.", domain->name, class, id), false;
}

GVariant *op_device_destroy(struct call *call, GError **error)
{
	g_autoptr(locked_domain) domain = find(call, error);
	const char *class = call_text(call, 1), *id = call_text(call, 2);
	struct device *device;
	int index;

	if (!domain)
		return NULL;
	if (domain->domid == NO_DOMID) {
		if (!forget(domain, class, id, error) || !keep(domain, error))
			return NULL;
		return op_done();
	}
	device = device_find(domain, class, id, error);
	if (!device)
		return NULL;
	index = config_index(domain, device);
	if (!device_detach(domain, device, call_flag(call, 3, false), error))
		return NULL;
	if (index >= 0)
		config_remove_device(domain->config, index);
	return keep(domain, error) ? op_done() : NULL;
}

GVariant *op_device_list(struct call *call, GError **error)
{
	g_autoptr(domain_t) domain = domain_find(call_text(call, 0), error);
	const struct device_class *class = device_class_find(call_text(call, 1));
	struct domain_facts facts;

	if (!domain)
		return NULL;
	facts = domain_facts(domain);
	g_variant_unref(facts.config);
	if (facts.domid == NO_DOMID)
		return sxp_empty();
	return device_list(facts.domid, class ? class->front : call_text(call, 1));
}
