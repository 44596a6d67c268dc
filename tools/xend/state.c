#include "state.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "device.h"
#include "error.h"
#include "log.h"
#include "options.h"
#include "sxp.h"

static bool make_directory(const char *option, GError **error)
{
	g_autofree char *path = option_text(option);

	if (g_mkdir_with_parents(path, 0700))
		return fail_errno(error, "%s: cannot make %s", option, path), false;
	return true;
}

bool state_open(GError **error)
{
	return make_directory("xend-state-path", error) &&
	       make_directory("xend-domains-path", error);
}

static char *state_path(const char *uuid)
{
	g_autofree char *directory = option_text("xend-state-path");

	return g_strdup_printf("%s/%s.sxp", directory, uuid);
}

static char *managed_path(const char *uuid)
{
	g_autofree char *directory = option_text("xend-domains-path");

	return g_build_filename(directory, uuid, "config.sxp", NULL);
}

bool state_save(struct domain *domain)
{
	g_autofree char *path = state_path(domain->uuid);
	g_autoptr(GError) error = NULL;
	GVariantBuilder builder, devices;

	g_variant_builder_init(&devices, G_VARIANT_TYPE("av"));
	for (unsigned int i = 0; i < domain->devices->len; i++) {
		struct device *device = domain->devices->pdata[i];

		sxp_add(&devices, device->config);
	}
	g_variant_builder_init(&builder, G_VARIANT_TYPE("av"));
	sxp_add(&builder, sxp_atom("state"));
	sxp_add_pair(&builder, "phase", phase_name(domain->phase));
	sxp_add_int(&builder, "domid", domain->domid);
	sxp_add_int(&builder, "managed", domain->managed);
	sxp_add_int(&builder, "preserved", domain->preserved);
	sxp_add_int(&builder, "restarting", domain->restarting);
	sxp_add_int(&builder, "suspending", domain->suspending);
	if (domain->draft)
		sxp_add_pair(&builder, "draft", domain->draft);
	sxp_add_int(&builder, "start_time", domain->start_time);
	sxp_add_int(&builder, "restarts", domain->restarts);
	sxp_add_int(&builder, "store_port", domain->store_port);
	sxp_add_int(&builder, "console_port", domain->console_port);
	sxp_add_int(&builder, "store_mfn", domain->store_mfn);
	sxp_add_int(&builder, "console_mfn", domain->console_mfn);
	sxp_add(&builder, sxp_pair_value("config", config_sxp(domain->config)));
	sxp_add(&builder, sxp_pair_value("devices", g_variant_builder_end(&devices)));
	/* A machine that dies takes its domains along; nobody asks for them then. */
	if (sxp_write_file(path, g_variant_builder_end(&builder), false, &error))
		return true;
	log_error("domain %s: cannot write its state: %s", domain->name, error->message);
	return false;
}

void state_remove_of(const char *uuid)
{
	g_autofree char *path = state_path(uuid);

	unlink(path);
}

void state_remove(struct domain *domain)
{
	state_remove_of(domain->uuid);
}

char *managed_checkpoint(struct domain *domain)
{
	g_autofree char *directory = option_text("xend-domains-path");

	return g_build_filename(directory, domain->uuid, "checkpoint.chk", NULL);
}

bool managed_save(struct domain *domain, GError **error)
{
	g_autofree char *path = managed_path(domain->uuid);
	g_autofree char *directory = g_path_get_dirname(path);

	if (g_mkdir_with_parents(directory, 0700))
		return fail_errno(error, "cannot make %s", directory), false;
	return sxp_write_file(path, config_sxp(domain->config), true, error);
}

void managed_remove(struct domain *domain)
{
	g_autofree char *path = managed_path(domain->uuid),
			*checkpoint = managed_checkpoint(domain);
	g_autofree char *directory = g_path_get_dirname(path);

	unlink(checkpoint);
	unlink(path);
	rmdir(directory);
}

bool domain_keep(struct domain *domain, GError **error)
{
	domain_publish(domain);
	if (domain->domid > 0 && !domain->foreign)
		state_save(domain);
	return !domain->managed || managed_save(domain, error);
}

static gint64 number(GVariant *state, const char *name)
{
	g_autofree char *text = sxp_child_text(state, name);

	return text ? g_ascii_strtoll(text, NULL, 10) : 0;
}

static bool read_phase(GVariant *state, enum phase *phase)
{
	g_autofree char *text = sxp_child_text(state, "phase");

	for (*phase = PHASE_HALTED; text && *phase <= PHASE_SHUTDOWN; (*phase)++)
		if (g_str_equal(text, phase_name(*phase)))
			return true;
	return false;
}

static void restore(struct domain *domain, GVariant *state, enum phase phase)
{
	g_autoptr(GVariant) devices = sxp_child_value(state, "devices");
	gsize i, n = devices ? sxp_length(devices) : 0;

	domain_set_phase(domain, phase);
	domain_set_domid(domain, number(state, "domid"));
	domain_set_started(domain, number(state, "start_time"), number(state, "restarts"));
	domain_set_rings(domain, number(state, "store_mfn"), number(state, "console_mfn"));
	domain->preserved = number(state, "preserved");
	domain->restarting = number(state, "restarting");
	domain->suspending = number(state, "suspending");
	domain->draft = sxp_child_text(state, "draft");
	domain->store_port = number(state, "store_port");
	domain->console_port = number(state, "console_port");
	for (i = 0; i < n; i++) {
		g_autoptr(GVariant) device = sxp_nth(devices, i);

		device_adopt(domain, device);
	}
}

static bool load_state(const char *path, GError **error)
{
	g_autoptr(GVariant) state = sxp_read_file(path, error), sxp = NULL;
	g_autoptr(locked_domain) domain = NULL;
	struct config *config;
	enum phase phase;

	if (!state)
		return false;
	sxp = sxp_child_value(state, "config");
	if (!sxp || !read_phase(state, &phase))
		return fail(error, "this is no state of a domain"), false;
	config = config_parse(sxp, error);
	if (!config)
		return false;
	domain = domain_add(config, number(state, "managed"), error);
	if (!domain)
		return false;
	restore(domain, state, phase);
	return true;
}

static bool load_managed(const char *path, GError **error)
{
	g_autoptr(GVariant) sxp = sxp_read_file(path, error);
	g_autoptr(config_t) config = sxp ? config_parse(sxp, error) : NULL;
	g_autoptr(domain_t) known = NULL;
	g_autoptr(locked_domain) domain = NULL;

	if (!config)
		return false;
	known = domain_by_uuid(config->uuid);
	if (known) {
		domain_set_managed(known, true);
		return true;
	}
	domain = domain_add(g_steal_pointer(&config), true, error);
	return domain;
}

/* Half-written files, which were to replace others when xend was killed. */
static bool is_draft(const char *name)
{
	const char *end = strstr(name, ".sxp.");

	return end && (g_str_has_suffix(end, SXP_DRAFT) || strlen(end) == strlen(".sxp.XXXXXX"));
}

static void remove_drafts(const char *directory)
{
	g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *path = g_build_filename(directory, name, NULL);

		if (is_draft(name))
			unlink(path);
		else if (g_file_test(path, G_FILE_TEST_IS_DIR))
			remove_drafts(path);
	}
}

static void load_each(
	const char *option, bool (*load)(const char *path, GError **error), const char *below)
{
	g_autofree char *directory = option_text(option);
	g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
	const char *name;

	remove_drafts(directory);
	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *path = g_build_filename(directory, name, below, NULL);
		g_autofree char *aside = g_strconcat(path, ".bad", NULL);
		g_autoptr(GError) error = NULL;

		if (!g_str_has_suffix(path, ".sxp") || load(path, &error))
			continue;
		log_error("%s: %s; it is now %s.bad", path, error->message, path);
		g_rename(path, aside);
	}
}

void state_load(void)
{
	load_each("xend-state-path", load_state, NULL);
	load_each("xend-domains-path", load_managed, "config.sxp");
}
