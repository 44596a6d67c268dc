/* Domains come and go: create, new, start, delete, shutdown, reboot, destroy, reset. */
#include "xm.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CONFIG_PATH ".:" SYSCONFDIR ":" SYSCONFDIR "/vm"

static gboolean console, dryrun, paused, quiet, help_config;
static char *defconfig, *sxp_config, *search_path;

static const char config_details[] = "CONFIG is a file, looked for in the search path, that is a "
				     "Python script; without it, xmdefconfig is taken.\n"
				     "NAME=VALUE sets a variable, whatever the file says; for "
				     "disk, vif and other lists each one adds to the list.\n"
				     "See xmdomain.cfg(5).";

#define CONFIG_OPTIONS                                                                             \
	{ "defconfig", 'f', 0, G_OPTION_ARG_FILENAME, &defconfig, "Python script to read",         \
		"FILE" },                                                                          \
		{ "config", 'F', 0, G_OPTION_ARG_FILENAME, &sxp_config,                            \
			"Configuration as S-expression", "FILE" },                                 \
		{ "path", 0, 0, G_OPTION_ARG_STRING, &search_path,                                 \
			"Where to look for CONFIG (" CONFIG_PATH ")", "PATH" },                    \
		{ "dryrun", 'n', 0, G_OPTION_ARG_NONE, &dryrun,                                    \
			"Only print the configuration as S-expression", NULL },                    \
		{ "help_config", 0, 0, G_OPTION_ARG_NONE, &help_config,                            \
			"Only list the variables of a configuration", NULL },                      \
	{                                                                                          \
		"quiet", 'q', 0, G_OPTION_ARG_NONE, &quiet, "Say nothing unless something fails",  \
			NULL                                                                       \
	}

static int list_variables(void)
{
	for (const struct conf_variable *v = conf_variables; v->name; v++) {
		g_autofree char *def = v->def ? g_strdup_printf(" [%s]", v->def) : NULL;

		printf("  %-24s %s%s%s\n", v->name, v->help, def ?: "",
			v->place == CONF_OLD     ? " (no effect any more)"
			: v->place == CONF_LATER ? " (not supported yet)"
						 : "");
	}
	return XM_OK;
}

/* The file called @name, looked for in the search path unless it is a path itself. */
static char *find_config(const char *name)
{
	g_auto(GStrv) folders = g_strsplit(search_path ?: CONFIG_PATH, ":", -1);

	if (strchr(name, '/'))
		return g_strdup(name);
	for (int i = 0; folders[i]; i++) {
		g_autofree char *path = strcmp(folders[i], ".")
						? g_build_filename(folders[i], name, NULL)
						: g_strdup(name);

		if (!access(path, F_OK) && !g_file_test(path, G_FILE_TEST_IS_DIR))
			return g_steal_pointer(&path);
	}
	xm_error("there is no configuration %s in %s", name, search_path ?: CONFIG_PATH);
	return NULL;
}

static void warn(const char *message)
{
	xm_error("warning: %s", message);
}

/* "name=value", unlike "/path/a=b". */
static bool is_assignment(const char *text)
{
	const char *equals = strchr(text, '=');

	return equals && equals > text && !memchr(text, '/', equals - text);
}

/* Sorts arguments into assignments, which go to @conf, and the name of the file. Returns an exit
 * code. */
static int read_arguments(struct conf *conf, int argc, char **argv, const char **name)
{
	g_autoptr(GError) error = NULL;
	int assignments = 0;

	*name = defconfig;
	for (int i = 0; i < argc; i++) {
		if (!is_assignment(argv[i])) {
			if (*name || sxp_config)
				return xm_usage("'%s': there is a configuration already; an "
						"assignment has '='",
					argv[i]);
			*name = argv[i];
			continue;
		}
		assignments++;
		if (!conf_assign(conf, argv[i], &error))
			return xm_report(error);
	}
	if (sxp_config && (defconfig || assignments))
		return xm_usage("nothing can be added to an S-expression (-F)");
	return XM_OK;
}

/* Reads the configuration that the command line names into *@sxp. Returns an exit code. */
static int read_config(int argc, char **argv, GVariant **sxp)
{
	g_autoptr(conf) conf = conf_new();
	g_autoptr(GError) error = NULL;
	g_autofree char *path = NULL;
	const char *name;
	int code = read_arguments(conf, argc, argv, &name);

	if (code)
		return code;
	path = find_config(sxp_config ?: name ?: "xmdefconfig");
	if (!path)
		return XM_CONFIG;
	if (!quiet && !dryrun)
		printf("Using config file \"%s\".\n", path);
	if (sxp_config)
		*sxp = conf_read_sxp(path, &error);
	else if (conf_read(conf, path, warn, &error))
		*sxp = conf_build(conf, &error);
	return *sxp ? XM_OK : xm_report(error);
}

static int print_config(GVariant *sxp)
{
	g_autofree char *text = sxp_print_pretty(sxp);

	fputs(text, stdout);
	return XM_OK;
}

static int unpause(const char *domain)
{
	return xm_do("xend.domain.unpause", g_variant_new("(s)", domain));
}

/* After a failure or Ctrl-C: nothing of the new domain stays. */
static int undo(const char *domain, int code)
{
	int undone = xm_do("xend.domain.destroy", g_variant_new("(s)", domain));

	if (undone == XM_OK)
		xm_error("domain %s is removed again", domain);
	return code;
}

/* A domain was built, and is paused: let it run as the options say. */
static int run_new(GVariant *domain)
{
	g_autofree char *name = field_text(domain, "name", ""),
			*id = field_text(domain, "domid", "");
	int code = XM_OK;

	if (interrupted)
		return undo(id, XM_INTERRUPTED);
	if (!paused && !console)
		code = unpause(id);
	if (code)
		return undo(id, code);
	if (interrupted)
		return undo(id, XM_INTERRUPTED);
	interrupt_end();
	if (!quiet)
		printf("Started domain %s (id=%s)\n", name, id), fflush(stdout);
	return console ? console_attach_then(id, 0, quiet, paused ? NULL : unpause) : XM_OK;
}

/* Reads the configuration; *@sxp stays NULL if that is all, and the exit code says why. */
static int prepare(int argc, char **argv, GVariant **sxp)
{
	int code;

	if (help_config)
		return list_variables();
	code = read_config(argc, argv, sxp);
	if (code || !dryrun)
		return code;
	code = print_config(*sxp);
	g_clear_pointer(sxp, g_variant_unref);
	return code;
}

static int create(int argc, char **argv)
{
	g_autoptr(GVariant) sxp = NULL, domain = NULL;
	g_autofree char *name = NULL, *text = NULL;
	int code;

	code = prepare(argc, argv, &sxp);
	if (!sxp)
		return code;
	name = field_text(sxp, "name", "the domain");
	text = g_strdup_printf("Creating %s", name);
	xm_activity(text);
	interrupt_begin();
	domain = xm_call("xend.domain.create", g_variant_new_tuple(&sxp, 1));
	code = domain ? run_new(domain) : interrupted ? XM_INTERRUPTED : xm_call_failed();
	interrupt_end();
	xm_activity(NULL);
	return code;
}

static int new (int argc, char **argv)
{
	g_autoptr(GVariant) sxp = NULL;
	int code;

	code = prepare(argc, argv, &sxp);
	return sxp ? xm_do("xend.domain.new", g_variant_new_tuple(&sxp, 1)) : code;
}

static int start(int argc, char **argv)
{
	g_autoptr(GVariant) started = NULL, domain = NULL;
	g_autofree char *text = g_strdup_printf("Starting %s", argv[0]);
	int code;

	xm_activity(text);
	interrupt_begin();
	started = xm_call("xend.domain.start", g_variant_new("(sb)", argv[0], TRUE));
	domain = started ? xm_domain(argv[0]) : NULL;
	code = domain ? run_new(domain) : interrupted ? XM_INTERRUPTED : xm_call_failed();
	interrupt_end();
	xm_activity(NULL);
	return code;
}

static int delete (int argc, char **argv)
{
	return xm_do("xend.domain.delete", g_variant_new("(s)", argv[0]));
}

static int destroy(int argc, char **argv)
{
	return xm_do("xend.domain.destroy", g_variant_new("(s)", argv[0]));
}

static int reset(int argc, char **argv)
{
	return xm_do("xend.domain.reset", g_variant_new("(s)", argv[0]));
}

/* Clean ends: shutdown and reboot. */
static gboolean every, wait_for, halt, reboot_too;

/* The ids, as texts, of @argv's domains, or of all but domain 0. */
static GPtrArray *chosen_ids(int argc, char **argv)
{
	g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);

	if (every) {
		g_autoptr(GVariant) list = xm_call(
			"xend.domains_with_state", g_variant_new("(bsb)", TRUE, "running", TRUE));

		if (!list)
			return NULL;
		for (gsize i = 0; i < sxp_length(list); i++) {
			g_autoptr(GVariant) domain = sxp_nth(list, i);
			char *id = field_text(domain, "domid", "0");

			if (strcmp(id, "0"))
				g_ptr_array_add(ids, id);
			else
				g_free(id);
		}
	}
	for (int i = 0; i < argc; i++) {
		g_autoptr(GVariant) domain = xm_domain(argv[i]);
		char *id;

		if (!domain)
			return NULL;
		id = sxp_child_text(domain, "domid");
		if (!id) {
			xm_error("domain %s does not run", argv[i]);
			return NULL;
		}
		g_ptr_array_add(ids, id);
	}
	return g_steal_pointer(&ids);
}

/* Whether a domain has ended and what is left of it may be kept. One that xend did not make has no
 * actions, and stays. */
static bool is_kept(GVariant *domain)
{
	static const char *const actions[] = { "on_poweroff", "on_reboot", "on_crash" };
	g_autofree char *state = field_text(domain, "state", "");
	bool crashed = strlen(state) > 4 && state[4] == 'c';

	if (strlen(state) <= 4 || (state[3] != 's' && !crashed))
		return false;
	for (guint i = crashed ? 2 : 0; i < (crashed ? 3 : 2); i++) {
		g_autofree char *action = field_text(domain, actions[i], "preserve");

		if (!strcmp(action, "preserve") || !strcmp(action, "rename-restart"))
			return true;
	}
	return false;
}

/* Waits until the domains have gone, or stay shut down because their configuration keeps them. */
static int wait_until_gone(GPtrArray *ids)
{
	while (ids->len) {
		for (guint i = 0; i < ids->len;) {
			g_autoptr(GError) error = NULL;
			const char *id = ids->pdata[i];
			g_autoptr(GVariant) domain =
				xm_try("xend.domain", g_variant_new("(s)", id), &error);

			if (!domain &&
				!g_error_matches(error, XENRPC_FAULT, XENRPC_FAULT_INVALID_DOMAIN))
				return xm_report(error);
			if (domain && !is_kept(domain)) {
				i++;
				continue;
			}
			printf("Domain %s terminated\n", id);
			fflush(stdout);
			g_ptr_array_remove_index(ids, i);
		}
		if (ids->len)
			g_usleep(G_USEC_PER_SEC / 2);
	}
	puts("All domains terminated");
	return XM_OK;
}

static int end_domains(int argc, char **argv, const char *reason)
{
	g_autoptr(GPtrArray) ids = NULL;
	int code = XM_OK;

	if (every == (argc > 0))
		return xm_usage(
			every ? "with -a no domain may be named" : "a domain or -a is needed");
	ids = chosen_ids(argc, argv);
	if (!ids)
		return xm_call_failed() ?: XM_FAILED;
	for (guint i = 0; i < ids->len;) {
		int one =
			xm_do("xend.domain.shutdown", g_variant_new("(ss)", ids->pdata[i], reason));

		if (one)
			g_ptr_array_remove_index(ids, i);
		else
			i++;
		code = code ?: one;
	}
	return wait_for ? wait_until_gone(ids) ?: code : code;
}

static int shutdown_domains(int argc, char **argv)
{
	if (halt && reboot_too)
		return xm_usage("-H and -R exclude each other");
	return end_domains(argc, argv, halt ? "halt" : reboot_too ? "reboot" : "poweroff");
}

static int reboot(int argc, char **argv)
{
	return end_domains(argc, argv, "reboot");
}

static const GOptionEntry create_options[] = {
	{ "console_autoconnect", 'c', 0, G_OPTION_ARG_NONE, &console,
		"Connect to the console before it runs", NULL },
	{ "paused", 'p', 0, G_OPTION_ARG_NONE, &paused, "Leave it paused", NULL }, CONFIG_OPTIONS,
	{ NULL }
};
static const GOptionEntry new_options[] = { CONFIG_OPTIONS, { NULL } };
static const GOptionEntry start_options[] = {
	{ "console_autoconnect", 'c', 0, G_OPTION_ARG_NONE, &console,
		"Connect to the console before it runs", NULL },
	{ "paused", 'p', 0, G_OPTION_ARG_NONE, &paused, "Leave it paused", NULL },
	{ "quiet", 'q', 0, G_OPTION_ARG_NONE, &quiet, "Say nothing unless something fails", NULL },
	{ NULL }
};
static const GOptionEntry reboot_options[] = { { "all", 'a', 0, G_OPTION_ARG_NONE, &every,
						       "All domains but Domain-0", NULL },
	{ "wait", 'w', 0, G_OPTION_ARG_NONE, &wait_for, "Wait until they have ended", NULL },
	{ NULL } };
static const GOptionEntry shutdown_options[] = { { "all", 'a', 0, G_OPTION_ARG_NONE, &every,
							 "All domains but Domain-0", NULL },
	{ "wait", 'w', 0, G_OPTION_ARG_NONE, &wait_for, "Wait until they have ended", NULL },
	{ "halt", 'H', 0, G_OPTION_ARG_NONE, &halt, "Halt instead of powering off", NULL },
	{ "reboot", 'R', 0, G_OPTION_ARG_NONE, &reboot_too, "Reboot instead of powering off",
		NULL },
	{ NULL } };

const struct command create_commands[] = { { "create", "[OPTIONS] [CONFIG] [NAME=VALUE ...]",
						   "Creates a domain and starts it", config_details,
						   create_options, 0, -1, create },
	{ "new", "[OPTIONS] [CONFIG] [NAME=VALUE ...]", "Adds a managed domain without starting it",
		config_details, new_options, 0, -1, new },
	{ "start", "[OPTIONS] DOMAIN", "Starts a managed domain", NULL, start_options, 1, 1,
		start },
	{ "delete", "DOMAIN", "Forgets a managed domain that does not run", NULL, NULL, 1, 1,
		delete },
	{ "shutdown", "[OPTIONS] DOMAIN ...|-a", "Asks domains to power off",
		"The guest does it by itself; without -w the command does not wait for that.",
		shutdown_options, 0, -1, shutdown_domains },
	{ "reboot", "[OPTIONS] DOMAIN ...|-a", "Asks domains to reboot", NULL, reboot_options, 0,
		-1, reboot },
	{ "destroy", "DOMAIN", "Ends a domain at once, as if its power was cut", NULL, NULL, 1, 1,
		destroy },
	{ "reset", "DOMAIN", "Destroys a domain and starts it again", NULL, NULL, 1, 1, reset },
	{ NULL } };
