#include "options.h"

#include <string.h>

#include "error.h"
#include "log.h"
#include "sxp.h"

enum type { TEXT, FLAG, NUMBER, LIST };

struct option {
	const char *name;
	enum type type;
	const char *standard;
	/* Accepted, without effect. */
	bool unused;
};

/* Names and defaults as the manual page xend-config.sxp(5) of Xen 4.0 has them. */
static const struct option options[] = {
	{ "logfile", TEXT, LOGDIR "/xend.log" },
	{ "loglevel", TEXT, "DEBUG" },
	{ "xend-http-server", FLAG, "no" },
	{ "xend-unix-server", FLAG, "no" },
	{ "xend-unix-path", TEXT, STATEDIR "/xend/xend-socket" },
	{ "xend-port", NUMBER, "8000" },
	{ "xend-address", TEXT, "localhost" },
	{ "xend-tcp-xmlrpc-server", FLAG, "no" },
	{ "xend-tcp-xmlrpc-server-address", TEXT, "localhost" },
	{ "xend-tcp-xmlrpc-server-port", NUMBER, "8006" },
	{ "xend-tcp-xmlrpc-server-ssl-key-file", TEXT, "" },
	{ "xend-tcp-xmlrpc-server-ssl-cert-file", TEXT, "" },
	{ "xend-unix-xmlrpc-server", FLAG, "yes" },
	{ "xen-api-server", LIST, NULL, .unused = true },
	{ "xend-relocation-server", FLAG, "no" },
	{ "xend-relocation-port", NUMBER, "8002" },
	{ "xend-relocation-address", TEXT, "" },
	{ "xend-relocation-hosts-allow", TEXT, "" },
	{ "xend-relocation-ssl-server", FLAG, "no" },
	{ "xend-relocation-ssl-port", NUMBER, "8003" },
	{ "xend-relocation-ssl", FLAG, "no" },
	{ "xend-relocation-server-ssl-key-file", TEXT, "" },
	{ "xend-relocation-server-ssl-cert-file", TEXT, "" },
	/* These two are ours. */
	{ "xend-relocation-ssl-ca-file", TEXT, "" },
	{ "xend-relocation-plain", FLAG, "no" },
	{ "xend-udev-event-server", FLAG, "no", .unused = true },
	{ "xend-domain-lock", FLAG, "no" },
	{ "xend-domain-lock-path", TEXT, STATEDIR "/xend/lock" },
	{ "console-limit", NUMBER, "1024" },
	{ "network-script", TEXT, "" },
	{ "vif-script", TEXT, "vif-bridge" },
	{ "vif-bridge", TEXT, "" },
	{ "vif-antispoof", FLAG, "no", .unused = true },
	{ "block-file", TEXT, "", .unused = true },
	{ "block-enbd", TEXT, "", .unused = true },
	{ "xend-event-port", NUMBER, "8001", .unused = true },
	{ "console-port-base", NUMBER, "9600", .unused = true },
	{ "console-address", TEXT, "localhost", .unused = true },
	{ "dom0-min-mem", NUMBER, "0" },
	{ "enable-dom0-ballooning", FLAG, "yes" },
	{ "total_available_memory", NUMBER, "0", .unused = true },
	{ "dom0-cpus", NUMBER, "0" },
	{ "enable-dump", FLAG, "no" },
	{ "external-migration-tool", TEXT, "", .unused = true },
	{ "vnc-listen", TEXT, "127.0.0.1" },
	{ "vncpasswd", TEXT, "" },
	{ "vnc-tls", FLAG, "no", .unused = true },
	{ "vnc-x509-cert-dir", TEXT, SYSCONFDIR "/vnc", .unused = true },
	{ "vnc-x509-verify", FLAG, "no", .unused = true },
	{ "keymap", TEXT, "en-us" },
	{ "resource-label-change-script", TEXT, "", .unused = true },
	{ "qemu-dm-logrotate-count", NUMBER, "10", .unused = true },
	{ "xend-domains-path", TEXT, STATEDIR "/xend/domains" },
	{ "xend-state-path", TEXT, STATEDIR "/xend/state" },
	{ "xend-storage-path", TEXT, STATEDIR "/xend/storage", .unused = true },
	{ "xend-security-path", TEXT, STATEDIR "/xend/security", .unused = true },
	{ "device-create-timeout", NUMBER, "100" },
	{ "device-destroy-timeout", NUMBER, "100" },
	{ "pci-passthrough-strict-check", FLAG, "yes", .unused = true },
	{ "pscsi-device-mask", LIST, NULL, .unused = true },
	{ "xsm_module_name", TEXT, "dummy", .unused = true },
};

static GMutex lock;
static GVariant *values[G_N_ELEMENTS(options)];
/* What is to be reported of the file. Used in the main thread alone. */
static GPtrArray *notes;

const char *run_dir(void)
{
	const char *path = g_getenv("XEND_RUNDIR");

	return path ? path : "/run/xend";
}

static int find(const char *name)
{
	for (unsigned int i = 0; i < G_N_ELEMENTS(options); i++)
		if (g_str_equal(options[i].name, name))
			return i;
	return -1;
}

static bool flag_of(const char *text, bool *flag)
{
	static const char *const yes[] = { "yes", "y", "1", "true", "on", NULL };
	static const char *const no[] = { "no", "n", "0", "false", "off", "", NULL };
	g_autofree char *lower = g_ascii_strdown(text, -1);

	*flag = g_strv_contains(yes, lower);
	return *flag || g_strv_contains(no, lower);
}

static bool check(const struct option *option, const char *text, GError **error)
{
	gint64 number;
	bool flag;

	if (option->type == NUMBER &&
		!g_ascii_string_to_signed(text, 10, 0, G_MAXINT32, &number, NULL))
		return fail(error, "option %s: '%s' is no number", option->name, text), false;
	if (option->type == FLAG && !flag_of(text, &flag))
		return fail(error, "option %s: '%s' is neither yes nor no", option->name, text),
		       false;
	return true;
}

/* The value of "(name value)" as it is kept: a string, or for a list the value itself. */
static GVariant *value_of(const struct option *option, GVariant *setting, GError **error)
{
	g_autoptr(GVariant) value = sxp_nth(setting, 1);
	g_autofree char *text = NULL;

	if (option->type == LIST)
		return value ? g_steal_pointer(&value) : g_variant_ref_sink(sxp_empty());
	text = value ? sxp_text(value) : g_strdup("");
	if (!text)
		return fail(error, "option %s: a list was not expected", option->name), NULL;
	if (!check(option, text, error))
		return NULL;
	return g_variant_ref_sink(g_variant_new_string(text));
}

static void note(const char *name, const char *what)
{
	if (!notes)
		notes = g_ptr_array_new_with_free_func(g_free);
	g_ptr_array_add(notes, g_strdup_printf("option %s: %s", name, what));
}

void options_report(void)
{
	for (unsigned int i = 0; notes && i < notes->len; i++)
		log_warning("xend-config.sxp: %s", (char *)notes->pdata[i]);
	g_clear_pointer(&notes, g_ptr_array_unref);
}

static bool take_setting(GVariant *setting, GVariant **read, GError **error)
{
	g_autofree char *name = sxp_nth_text(setting, 0);
	int index = name ? find(name) : -1;
	GVariant *value;

	if (!name)
		return fail(error, "a setting must be (OPTION VALUE)"), false;
	if (index < 0) {
		note(name, "there is no such option");
		return true;
	}
	if (options[index].unused)
		note(name, "accepted, but without effect");
	value = value_of(&options[index], setting, error);
	if (!value)
		return false;
	if (read[index])
		g_variant_unref(read[index]);
	read[index] = value;
	return true;
}

static GVariant *load(const char *path, GError **error)
{
	g_autofree char *text = NULL;
	g_autoptr(GError) cause = NULL;
	gsize length;

	if (g_file_get_contents(path, &text, &length, &cause))
		return sxp_parse_all(text, length, error);
	if (g_error_matches(cause, G_FILE_ERROR, G_FILE_ERROR_NOENT))
		return g_variant_ref_sink(sxp_empty());
	g_propagate_error(error, g_steal_pointer(&cause));
	return NULL;
}

bool options_read(const char *path, GError **error)
{
	GVariant *read[G_N_ELEMENTS(options)] = { NULL };
	g_autoptr(GVariant) settings = load(path, error);
	gsize i, n = settings ? sxp_length(settings) : 0;
	bool good = settings;

	for (i = 0; i < n && good; i++) {
		g_autoptr(GVariant) setting = sxp_nth(settings, i);

		good = take_setting(setting, read, error);
	}
	if (!good)
		g_prefix_error(error, "%s: ", path);
	g_mutex_lock(&lock);
	for (i = 0; i < G_N_ELEMENTS(options); i++) {
		if (good) {
			g_clear_pointer(&values[i], g_variant_unref);
			values[i] = g_steal_pointer(&read[i]);
		}
		g_clear_pointer(&read[i], g_variant_unref);
	}
	g_mutex_unlock(&lock);
	return good;
}

GVariant *option_list(const char *name)
{
	int index = find(name);
	GVariant *value;

	g_assert(index >= 0);
	g_mutex_lock(&lock);
	value = values[index] ? g_variant_ref(values[index]) : NULL;
	g_mutex_unlock(&lock);
	return value;
}

char *option_text(const char *name)
{
	g_autoptr(GVariant) value = option_list(name);

	return g_strdup(value ? g_variant_get_string(value, NULL) : options[find(name)].standard);
}

bool option_flag(const char *name)
{
	g_autofree char *text = option_text(name);
	bool flag;

	return flag_of(text, &flag) && flag;
}

gint64 option_number(const char *name)
{
	g_autofree char *text = option_text(name);

	return g_ascii_strtoll(text, NULL, 10);
}

GVariant *options_sxp(void)
{
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE("av"));
	sxp_add(&builder, sxp_atom("config"));
	for (unsigned int i = 0; i < G_N_ELEMENTS(options); i++) {
		g_autoptr(GVariant) value = option_list(options[i].name);

		if (value)
			sxp_add(&builder, sxp_pair_value(options[i].name, value));
		else if (options[i].standard)
			sxp_add_pair(&builder, options[i].name, options[i].standard);
	}
	return g_variant_builder_end(&builder);
}
