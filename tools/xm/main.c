/* Finds the command, its options and arguments, and runs it. */
#include "xm.h"
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

const struct group groups[] = { { "Life of a domain", create_commands },
	{ "State of domains", list_commands }, { "Running domains", domain_commands },
	{ "Moving domains", migrate_commands },
	{ "Consoles", console_commands }, { "Virtual CPUs", cpu_commands },
	{ "Schedulers", sched_commands }, { "Virtual devices", device_commands },
	{ "The host", host_commands }, { "Help", help_commands }, { NULL } };

/* Names of former days. */
static const struct {
	const char *old, *name;
} aliases[] = {
	{ "balloon", "mem-set" },
	{ "set-vcpus", "vcpu-set" },
	{ "vif-list", "network-list" },
	{ "vbd-create", "block-attach" },
	{ "vbd-destroy", "block-detach" },
	{ "vbd-list", "block-list" },
	{ "maxmem", "mem-max" },
	{ "pincpu", "vcpu-pin" },
	{ "bvt", "sched-bvt" },
	{ "bvt_ctxallow", "sched-bvt-ctxallow" },
	{ "rrobin", "sched-rrobin" },
};

static const struct command *nothing_like(const char *name)
{
	const char *names[128], *nearest;
	gsize count = 0;

	for (const struct group *g = groups; g->title; g++)
		for (const struct command *c = g->commands; c->name && count < G_N_ELEMENTS(names);
			c++)
			names[count++] = c->name;
	nearest = conf_nearest(name, names, count);
	if (nearest)
		xm_usage("there is no command '%s'; did you mean '%s'?", name, nearest);
	else
		xm_usage("there is no command '%s'; see xm help", name);
	return NULL;
}

const struct command *find_command(const char *name)
{
	const struct command *found = NULL;
	g_autoptr(GString) all = g_string_new(NULL);
	unsigned count = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(aliases); i++)
		if (!strcmp(name, aliases[i].old)) {
			xm_error("warning: %s is an old name of %s", name, aliases[i].name);
			name = aliases[i].name;
		}
	for (const struct group *g = groups; g->title; g++)
		for (const struct command *c = g->commands; c->name; c++) {
			if (!strcmp(c->name, name))
				return c;
			if (!g_str_has_prefix(c->name, name))
				continue;
			g_string_append_printf(all, " %s", c->name);
			found = c;
			count++;
		}
	if (count == 1 && *name)
		return found;
	if (!count || !*name)
		return nothing_like(name);
	xm_usage("'%s' is ambiguous:%s", name, all->str);
	return NULL;
}

/* A command may run several times in the shell. */
static void reset_options(const GOptionEntry *options)
{
	for (; options && options->long_name; options++) {
		if (options->arg == G_OPTION_ARG_STRING || options->arg == G_OPTION_ARG_FILENAME)
			g_clear_pointer((char **)options->arg_data, g_free);
		else
			*(gboolean *)options->arg_data = FALSE;
	}
}

static bool wants_help(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
			return true;
	return false;
}

/* The option with @letter, or NULL. */
static const GOptionEntry *short_option(const GOptionEntry *options, char letter)
{
	for (; options && options->long_name; options++)
		if (options->short_name == letter)
			return options;
	return NULL;
}

/* GOption wants "-w 5" where people also write "-w5", as getopt(3) has it: takes them apart. */
static GPtrArray *split_options(const GOptionEntry *options, int argc, char **argv)
{
	GPtrArray *words = g_ptr_array_new_with_free_func(g_free);
	bool ended = false;

	for (int i = 0; i < argc; i++) {
		const GOptionEntry *option = NULL;
		size_t at = 1;

		ended = ended || !strcmp(argv[i], "--");
		if (!ended && argv[i][0] == '-' && argv[i][1] != '-')
			for (; argv[i][at] && (option = short_option(options, argv[i][at])); at++)
				if (option->arg != G_OPTION_ARG_NONE)
					break;
		if (option && option->arg != G_OPTION_ARG_NONE && argv[i][at + 1]) {
			g_ptr_array_add(words, g_strndup(argv[i], at + 1));
			g_ptr_array_add(words, g_strdup(argv[i] + at + 1));
		} else {
			g_ptr_array_add(words, g_strdup(argv[i]));
		}
	}
	g_ptr_array_add(words, NULL);
	return words;
}

static int run_with_options(const struct command *command, int argc, char **argv)
{
	g_autoptr(GOptionContext) context = g_option_context_new(NULL);
	g_autoptr(GError) error = NULL;
	int count;

	g_option_context_set_help_enabled(context, FALSE);
	if (command->options)
		g_option_context_add_main_entries(context, command->options, NULL);
	reset_options(command->options);
	if (!g_option_context_parse(context, &argc, &argv, &error)) {
		xm_usage("%s: %s; see xm help %s", command->name, error->message, command->name);
		return XM_USAGE;
	}
	/* GOption leaves the "--" that ends the options. */
	if (argc > 1 && !strcmp(argv[1], "--")) {
		argv[1] = argv[0];
		argv++;
		argc--;
	}
	count = argc - 1;
	if (count < command->min || (command->max >= 0 && count > command->max)) {
		xm_usage("%s: too %s arguments", command->name,
			count < command->min ? "few" : "many");
		fprintf(stderr, "Usage: xm %s %s\n", command->name, command->usage);
		return XM_USAGE;
	}
	return command->run(count, argv + 1);
}

int run_command(int argc, char **argv)
{
	const struct command *command = find_command(argv[0]);
	g_autoptr(GPtrArray) words = NULL;
	g_autofree char **copy = NULL;
	int code;

	if (!command)
		return XM_USAGE;
	if (wants_help(argc, argv)) {
		print_command_help(command);
		return XM_OK;
	}
	words = split_options(command->options, argc, argv);
	/* GOption moves the pointers about. */
	copy = g_memdup2(words->pdata, words->len * sizeof(*copy));
	code = run_with_options(command, words->len - 1, copy);
	reset_options(command->options);
	if (fflush(stdout) && code == XM_OK)
		return xm_error("cannot write: %s", g_strerror(errno));
	return code;
}

int main(int argc, char **argv)
{
	static char *help[] = { "help", NULL };

	setlocale(LC_CTYPE, "");
	g_set_prgname("xm");
	if (argc < 2) {
		run_command(1, help);
		return XM_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return run_command(1, help);
	if (!strcmp(argv[1], "--version")) {
		puts("xm (Xenith) " XENITH_VERSION);
		return XM_OK;
	}
	return run_command(argc - 1, argv + 1);
}
