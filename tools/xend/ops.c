#include "ops.h"

#include <string.h>

#include "error.h"
#include "log.h"
#include "sxp.h"

static const struct op table[] = {
	{ "xend.domains", NULL, "detail:b?", op_domains,
		"Names of all domains, or all about them" },
	{ "xend.domains_with_state", NULL, "detail:b? state:s? row:b?", op_domains_with_state,
		"Domains that are halted, paused, running, suspended, shutdown, crashed, or all" },
	{ "xend.domain", NULL, "domain:d", op_domain, "All about one domain" },
	{ "xend.domain.create", NULL, "config:x", op_create,
		"Makes a domain and leaves it paused" },
	{ "xend.domain.waitForDevices", "wait_for_devices", "domain:d", op_wait_for_devices,
		"Returns when the domain's devices are there" },
	{ "xend.domain.new", NULL, "config:x", op_new, "Adds a managed domain" },
	{ "xend.domain.start", NULL, "domain:d paused:b?", op_start, "Starts a managed domain" },
	{ "xend.domain.delete", NULL, "domain:d", op_delete, "Forgets a managed domain" },
	{ "xend.domain.configure", NULL, "domain:d config:x", op_configure,
		"Changes a managed domain" },
	{ "xend.domain.pause", NULL, "domain:d", op_pause, "Stops the domain's vCPUs" },
	{ "xend.domain.unpause", NULL, "domain:d", op_unpause, "Lets them go on" },
	{ "xend.domain.shutdown", NULL, "domain:d reason:s?", op_shutdown,
		"Asks the guest for poweroff, reboot, halt, suspend or crash" },
	{ "xend.domain.destroy", NULL, "domain:d reason:s?", op_destroy,
		"Ends the domain at once" },
	{ "xend.domain.reset", NULL, "domain:d", op_reset, "Ends the domain and starts it again" },
	{ "xend.domain.setName", "rename", "domain:d name:s", op_set_name, "Gives another name" },
	{ "xend.domain.save", NULL, "domain:d file:s checkpoint:b?", op_save, "Saves a domain" },
	{ "xend.domain.restore", NULL, "file:s paused:b?", op_restore, "Restores a saved domain" },
	{ "xend.progress", NULL, "file:s", op_progress,
		"How far saving to a file, or restoring from it, is" },
	{ "xend.domain.suspend", NULL, "domain:d", op_suspend, "Saves a managed domain" },
	{ "xend.domain.resume", NULL, "domain:d paused:b?", op_resume,
		"Restores a managed domain" },
	{ "xend.domain.migrate", NULL,
		"domain:d host:s live:b? port:i? node:i? ssl:b? change_home_server:b?", op_migrate,
		"Moves a domain to another host" },
	{ "xend.domain.migrate_status", NULL, "domain:d", op_migrate_status,
		"How far a domain is that is being moved" },
	{ "xend.domain.migrate_cancel", NULL, "domain:d", op_migrate_cancel,
		"Stops moving a domain: it goes on here" },
	{ "xend.domain.migrate_decide", NULL, "domain:d here:b", op_migrate_decide,
		"Declares where a domain runs whose other host does not answer" },
	{ "xend.domain.dump", NULL, "domain:d file:s? live:b? crash:b? reset:b?", op_dump,
		"Writes a domain's memory to a file" },
	{ "xend.domain.send_sysrq", "sysrq", "domain:d key:s", op_send_sysrq,
		"Sends a magic SysRq" },
	{ "xend.domain.send_trigger", "trigger", "domain:d trigger:s vcpu:i?", op_send_trigger,
		"Sends nmi, reset, init, s3resume or power to a vCPU" },
	{ "xend.domain.getRestartCount", NULL, "domain:d", op_restart_count,
		"How often it was restarted" },
	{ "xend.domain.setMemoryTarget", "mem_target_set", "domain:d memory:i", op_memory_target,
		"Asks the guest to have so many MiB" },
	{ "xend.domain.maxmem_set", NULL, "domain:d memory:i", op_maxmem,
		"The most MiB it may have" },
	{ "xend.domain.setVCpuCount", "set_vcpus", "domain:d vcpus:i", op_vcpu_count,
		"How many vCPUs the guest shall use" },
	{ "xend.domain.pincpu", NULL, "domain:d vcpu:s cpus:v", op_pincpu,
		"CPUs for a vCPU, or all" },
	{ "xend.domain.getVCPUInfo", "vcpuinfo", "domain:d", op_vcpu_info, "State of each vCPU" },
	{ "xend.domain.sched_credit_get", "domain_sched_credit_get", "domain:d", op_credit_get,
		"Weight and cap" },
	{ "xend.domain.sched_credit_set", "domain_sched_credit_set", "domain:d weight:i? cap:i?",
		op_credit_set, "Sets weight and cap" },
	{ "xend.domain.cpu_sedf_get", NULL, "domain:d", op_sedf_get,
		"Parameters of scheduler sedf" },
	{ "xend.domain.cpu_sedf_set", NULL,
		"domain:d period:n? slice:n? latency:n? extratime:n? weight:n?", op_sedf_set,
		"Sets parameters of scheduler sedf" },
	{ "xend.domain.cpu_bvt_get", NULL, "domain:d", op_bvt_get, "Parameters of scheduler bvt" },
	{ "xend.domain.cpu_bvt_set", NULL,
		"domain:d mcuadv:n? warpback:n? warpvalue:n? warpl:n? warpu:n?", op_bvt_set,
		"Sets parameters of scheduler bvt" },
	{ "xend.domain.device_create", NULL, "domain:d config:x", op_device_create,
		"Adds a device" },
	{ "xend.domain.device_configure", NULL, "domain:d config:x device:s?", op_device_configure,
		"Changes a device" },
	{ "xend.domain.destroyDevice", "device_destroy",
		"domain:d class:s device:s force:b? rm_cfg:b?", op_device_destroy,
		"Removes a device" },
	{ "xend.domain.getDeviceSxprs", "devices", "domain:d class:s", op_device_list,
		"The devices of a class" },
	{ "xend.node.info", NULL, "", op_node_info, "About this host" },
	{ "xend.node.config", NULL, "", op_node_config, "xend's options in effect" },
	{ "xend.node.bvt_ctx_allow", NULL, "time:n?", op_bvt_ctx_allow,
		"Tells or sets the context-switch allowance of scheduler bvt" },
	{ "xend.node.rrobin_slice", NULL, "time:n?", op_rrobin_slice,
		"Tells or sets the slice of scheduler rrobin" },
	{ "xend.node.dmesg.info", NULL, "", op_dmesg, "The hypervisor's messages" },
	{ "xend.node.dmesg.clear", NULL, "", op_dmesg_clear, "Forgets them" },
	{ "xend.node.log", NULL, "", op_log, "xend's log" },
	{ "xend.node.send_debug_keys", NULL, "keys:s", op_debug_keys,
		"As if typed on the hypervisor's console" },
	{ "system.listMethods", NULL, "", op_list_methods, "Names of all methods" },
	{ "system.methodHelp", NULL, "method:s", op_method_help, "What a method does" },
	{ "system.methodSignature", NULL, "method:s", op_method_signature, "A method's arguments" },
};

const struct op *ops_row(unsigned int index)
{
	return index < G_N_ELEMENTS(table) ? &table[index] : NULL;
}

const struct op *ops_find(const char *name)
{
	const char *alias = g_str_has_prefix(name, OP_DOMAIN) ? name + strlen(OP_DOMAIN) : NULL;

	for (unsigned int i = 0; i < G_N_ELEMENTS(table); i++)
		if (g_str_equal(table[i].name, name) ||
			(alias && !g_strcmp0(table[i].alias, alias)))
			return &table[i];
	return NULL;
}

const char *call_text(struct call *call, unsigned int index)
{
	return call->args[index] ? g_variant_get_string(call->args[index], NULL) : NULL;
}

int call_int(struct call *call, unsigned int index, int missing)
{
	return call->args[index] ? g_variant_get_int32(call->args[index]) : missing;
}

gint64 call_number(struct call *call, unsigned int index, gint64 missing)
{
	return call->args[index] ? g_variant_get_int64(call->args[index]) : missing;
}

bool call_flag(struct call *call, unsigned int index, bool missing)
{
	return call->args[index] ? g_variant_get_boolean(call->args[index]) : missing;
}

GVariant *call_value(struct call *call, unsigned int index)
{
	return call->args[index];
}

GVariant *op_done(void)
{
	return g_variant_new("()");
}

static GVariant *as_text(GVariant *value)
{
	char *text = sxp_is_list(value) ? NULL : sxp_text(value);

	return text ? g_variant_new_take_string(text) : NULL;
}

static bool within(GVariant *value, gint64 min, gint64 max, gint64 *number)
{
	g_autofree char *text = sxp_is_list(value) ? NULL : sxp_text(value);

	return text && g_ascii_string_to_signed(text, 10, min, max, number, NULL);
}

static GVariant *as_int(GVariant *value)
{
	gint64 number;

	return within(value, G_MININT32, G_MAXINT32, &number) ? g_variant_new_int32(number) : NULL;
}

static GVariant *as_number(GVariant *value)
{
	gint64 number;

	return within(value, G_MININT64, G_MAXINT64, &number) ? g_variant_new_int64(number) : NULL;
}

static GVariant *as_flag(GVariant *value)
{
	static const char *const yes[] = { "1", "yes", "true", "True", "on", NULL };
	static const char *const no[] = { "0", "no", "false", "False", "off", "", NULL };
	g_autofree char *text = sxp_is_list(value) ? NULL : sxp_text(value);

	if (!text || (!g_strv_contains(yes, text) && !g_strv_contains(no, text)))
		return NULL;
	return g_variant_new_boolean(g_strv_contains(yes, text));
}

static GVariant *as_sxp(GVariant *value)
{
	g_autofree char *text = NULL;

	if (sxp_is_list(value))
		return g_variant_ref(value);
	text = sxp_text(value);
	return sxp_parse(text, -1, NULL);
}

static GVariant *as_any(GVariant *value)
{
	return g_variant_ref(value);
}

static const struct {
	char letter;
	GVariant *(*convert)(GVariant *value);
	const char *name;
} types[] = {
	{ 'd', as_text, "name, id or uuid of a domain" },
	{ 's', as_text, "text" },
	{ 'i', as_int, "integer" },
	{ 'n', as_number, "integer" },
	{ 'b', as_flag, "boolean" },
	{ 'x', as_sxp, "S-expression" },
	{ 'v', as_any, "value" },
};

/* One argument as its word says. NULL is a value that is missing; so is nil. */
static bool convert(const char *word, GVariant *value, GVariant **arg, GError **error)
{
	const char *colon = strchr(word, ':');
	g_autofree char *name = g_strndup(word, colon - word);
	unsigned int i;

	if (!value || g_variant_is_of_type(value, G_VARIANT_TYPE_UNIT)) {
		*arg = NULL;
		if (colon[2] == '?')
			return true;
		return fail(error, "argument %s is missing", name), false;
	}
	for (i = 0; types[i].letter != colon[1]; i++)
		;
	*arg = types[i].convert(value);
	if (*arg && g_variant_is_floating(*arg))
		g_variant_ref_sink(*arg);
	if (!*arg)
		return fail(error, "argument %s: %s was expected", name, types[i].name), false;
	return true;
}

static void call_clear(struct call *call)
{
	for (unsigned int i = 0; i < MAX_ARGS; i++)
		g_clear_pointer(&call->args[i], g_variant_unref);
}

static GVariant *run(const struct op *op, struct call *call, GError **error)
{
	g_autoptr(GError) cause = NULL;
	GVariant *result = op->handler(call, &cause);

	call_clear(call);
	if (result && g_variant_is_floating(result))
		return g_variant_ref_sink(result);
	if (!result) {
		log_info("%s: %s", op->name, cause->message);
		g_propagate_error(error, g_steal_pointer(&cause));
	}
	return result;
}

GVariant *ops_call(const char *name, GVariant *params, GError **error)
{
	const struct op *op = ops_find(name);
	gsize i, n = g_variant_n_children(params);
	g_auto(GStrv) words = NULL;
	struct call call = { 0 };

	if (!op) {
		g_set_error(
			error, XENRPC_FAULT, XENRPC_FAULT_INTERNAL, "there is no method %s", name);
		return NULL;
	}
	words = g_strsplit(op->args, " ", -1);
	if (n > g_strv_length(words))
		return fail(error, "%s takes at most %u arguments", name, g_strv_length(words)),
		       NULL;
	for (i = 0; words[i]; i++) {
		g_autoptr(GVariant) value = sxp_nth(params, i);

		if (!convert(words[i], value, &call.args[i], error)) {
			call_clear(&call);
			g_prefix_error(error, "%s: ", name);
			return NULL;
		}
	}
	return run(op, &call, error);
}

GVariant *ops_call_named(const struct op *op, GHashTable *fields, GError **error)
{
	g_auto(GStrv) words = g_strsplit(op->args, " ", -1);
	struct call call = { 0 };

	for (unsigned int i = 0; words[i]; i++) {
		g_autofree char *name = g_strndup(words[i], strcspn(words[i], ":"));
		const char *text = g_hash_table_lookup(fields, name);
		g_autoptr(GVariant) value = text ? g_variant_ref_sink(sxp_atom(text)) : NULL;

		if (!convert(words[i], value, &call.args[i], error)) {
			call_clear(&call);
			return NULL;
		}
	}
	return run(op, &call, error);
}
