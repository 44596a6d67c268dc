/* Help, and what is made of it: the manual's list of commands, and answers for the completion. */
#include "xm.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static gboolean all, names, man, variables, variables_man;
static char *options_of;

static void print_option(const GOptionEntry *option)
{
	char letter[4] = "   ";
	g_autofree char *name = NULL;

	if (option->short_name)
		snprintf(letter, sizeof(letter), "-%c,", option->short_name);
	name = g_strconcat(option->long_name, option->arg_description ? "=" : "",
		option->arg_description, NULL);
	printf("  %s --%-24s %s\n", letter, name, option->description);
}

void print_command_help(const struct command *command)
{
	printf("Usage: xm %s%s%s\n\n%s.\n", command->name, *command->usage ? " " : "",
		command->usage, command->help);
	if (command->details)
		printf("\n%s\n", command->details);
	if (command->options)
		puts("\nOptions:");
	for (const GOptionEntry *o = command->options; o && o->long_name; o++)
		print_option(o);
}

static void print_list(bool usages)
{
	puts("Usage: xm COMMAND [ARGUMENTS]");
	for (const struct group *g = groups; g->title; g++) {
		printf("\n%s:\n", g->title);
		for (const struct command *c = g->commands; c->name; c++) {
			g_autofree char *line =
				g_strjoin(" ", c->name, usages ? c->usage : NULL, NULL);

			if (usages)
				printf("  %s\n      %s\n", line, c->help);
			else
				printf("  %-16s %s\n", line, c->help);
		}
	}
	puts("\nA domain is given by its name or its id. A command may be shortened as long as it "
	     "is unique.");
	puts(usages ? "`xm help COMMAND` tells more of one of them."
		    : "`xm help --long` shows arguments, `xm help COMMAND` tells more of one of "
		      "them.");
}

/* Text for troff: hyphens as the user types them, and nothing that begins a request. */
static void print_troff(const char *text)
{
	for (const char *c = text; *c; c++) {
		if (*c == '\\')
			fputs("\\e", stdout);
		else if (*c == '-')
			fputs("\\-", stdout);
		else if (*c == '^')
			fputs("\\(ha", stdout);
		else if (*c == '~')
			fputs("\\(ti", stdout);
		else if (*c == '\'')
			fputs("\\(aq", stdout);
		else if (*c == '`')
			fputs("\\(ga", stdout);
		else if (*c == '.' && (c == text || c[-1] == '\n'))
			fputs("\\&.", stdout);
		else
			putchar(*c);
	}
}

static void print_man_option(const GOptionEntry *option)
{
	fputs(".TP\n\\fB", stdout);
	if (option->short_name)
		printf("\\-%c\\fR, \\fB", option->short_name);
	fputs("\\-\\-", stdout);
	print_troff(option->long_name);
	fputs("\\fR", stdout);
	if (option->arg_description)
		printf("=\\fI%s\\fR", option->arg_description);
	putchar('\n');
	print_troff(option->description);
	puts(".");
}

/* The section of xm(1) that lists the commands. */
static void print_man(void)
{
	for (const struct group *g = groups; g->title; g++) {
		printf(".SS %s\n", g->title);
		for (const struct command *c = g->commands; c->name; c++) {
			fputs(".TP\n\\fB", stdout);
			print_troff(c->name);
			fputs("\\fR ", stdout);
			print_troff(c->usage);
			putchar('\n');
			print_troff(c->help);
			puts(".");
			if (c->details) {
				print_troff(c->details);
				putchar('\n');
			}
			if (!c->options)
				continue;
			puts(".RS");
			for (const GOptionEntry *o = c->options; o->long_name; o++)
				print_man_option(o);
			puts(".RE");
		}
	}
}

static const char *type_name(const struct conf_variable *v)
{
	static const char *const types[] = {
		[CONF_STRING] = "text",
		[CONF_INT] = "number",
		[CONF_BOOL] = "0 or 1",
		[CONF_LIST] = "list of texts",
		[CONF_CPUS] = "text or list of texts",
	};

	return v->choices ?: types[v->type];
}

/* The section of xmdomain.cfg(5) that lists the variables. */
static void print_variables_man(void)
{
	for (const struct conf_variable *v = conf_variables; v->name; v++) {
		fputs(".TP\n\\fB", stdout);
		print_troff(v->name);
		fputs("\\fR (", stdout);
		print_troff(type_name(v));
		if (v->type == CONF_INT && v->max < INT64_MAX)
			printf(" from %s%" G_GINT64_FORMAT " to %" G_GINT64_FORMAT,
				v->min < 0 ? "\\-" : "", ABS(v->min), v->max);
		fputs(")\n", stdout);
		print_troff(v->help);
		puts(".");
		if (v->def) {
			fputs("Default: ", stdout);
			print_troff(v->def);
			puts(".");
		}
		if (v->place == CONF_HVM)
			puts("Only with builder hvm.");
		else if (v->place == CONF_OLD)
			puts("Has no effect any more.");
		else if (v->place == CONF_LATER)
			puts("Not supported yet.");
	}
}

static void print_names(void)
{
	for (const struct group *g = groups; g->title; g++)
		for (const struct command *c = g->commands; c->name; c++)
			puts(c->name);
}

static int print_options_of(const char *name)
{
	const struct command *command = find_command(name);

	for (const GOptionEntry *o = command ? command->options : NULL; o && o->long_name; o++) {
		printf("--%s%s\n", o->long_name, o->arg_description ? "=" : "");
		if (o->short_name)
			printf("-%c\n", o->short_name);
	}
	if (command)
		puts("--help");
	return command ? XM_OK : XM_USAGE;
}

static int help(int argc, char **argv)
{
	const struct command *command;

	if (names)
		print_names();
	else if (options_of)
		return print_options_of(options_of);
	else if (man)
		print_man();
	else if (variables_man)
		print_variables_man();
	else if (variables)
		for (const struct conf_variable *v = conf_variables; v->name; v++)
			puts(v->name);
	else if (!argc)
		print_list(all);
	else if (!(command = find_command(argv[0])))
		return XM_USAGE;
	else
		print_command_help(command);
	return XM_OK;
}

/* A prompt for commands; without a terminal, for scripts, without the prompt. */
static int shell(int argc, char **argv)
{
	bool prompt = isatty(STDIN_FILENO);
	g_autofree char *line = NULL;
	size_t size = 0;
	int code = XM_OK;

	for (;;) {
		g_auto(GStrv) words = NULL;
		g_autoptr(GError) error = NULL;
		int count;

		if (prompt)
			fputs("xm> ", stdout), fflush(stdout);
		if (getline(&line, &size, stdin) < 0)
			break;
		if (!*g_strstrip(line) || *line == '#')
			continue;
		if (!g_shell_parse_argv(line, &count, &words, &error)) {
			code = xm_usage("%s", error->message);
			continue;
		}
		if (!strcmp(words[0], "exit") || !strcmp(words[0], "quit"))
			return code;
		code = run_command(count, words);
	}
	if (prompt)
		putchar('\n');
	return code;
}

static const GOptionEntry help_options[] = { { "long", 0, 0, G_OPTION_ARG_NONE, &all,
						     "All commands with their arguments", NULL },
	{ "names", 0, 0, G_OPTION_ARG_NONE, &names, "Only the names of all commands", NULL },
	{ "options", 0, 0, G_OPTION_ARG_STRING, &options_of,
		"Only the names of a command's options", "COMMAND" },
	{ "variables", 0, 0, G_OPTION_ARG_NONE, &variables,
		"Only the names of a configuration's variables", NULL },
	{ "man", 0, 0, G_OPTION_ARG_NONE, &man, "The manual's section of commands, in troff",
		NULL },
	{ "variables-man", 0, 0, G_OPTION_ARG_NONE, &variables_man,
		"The manual's section of variables, in troff", NULL },
	{ NULL } };

const struct command help_commands[] = {
	{ "help", "[--long] [COMMAND]", "Shows what commands there are, or tells of one",
		"Words for scripts: see the options.", help_options, 0, 1, help },
	{ "shell", "", "Reads commands from the terminal or a script",
		"The exit code is that of the last command; exit or quit ends it.", NULL, 0, 0,
		shell },
	{ NULL }
};
