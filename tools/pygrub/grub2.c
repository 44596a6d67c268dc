/*
 * grub.cfg, the script of GRUB 2: enough of the language for what grub-mkconfig and people write.
 * Conditions are evaluated, functions and loops are passed over, commands that only matter to a
 * real screen or machine do nothing.
 */
#include "pygrub.h"
#include <stdlib.h>
#include <string.h>

#define STEPS_MAX   20000 /* commands run */
#define NESTING_MAX 32    /* if, source, submenu */
#define WORD_MAX    65536
#define FILES_MAX   64 /* files looked at */

struct script {
	struct menu *menu;
	GPtrArray *list;     /* where menu entries go; NULL while an entry runs */
	struct entry *entry; /* the entry that runs, or NULL */
	bool multiboot;      /* its kernel was a hypervisor, modules follow */
	const char *p;       /* what is still to be read */
	GPtrArray *argv;     /* words of the current command */
	char stop;           /* what ended it: ';', '{', '}' or 0 */
	unsigned steps, files, depth;
	GError **error;
};

static const char *variable(struct script *s, const char *name)
{
	return g_hash_table_lookup(s->menu->variables, name) ?: "";
}

static void set_variable(struct script *s, const char *name, const char *value)
{
	g_hash_table_replace(s->menu->variables, g_strdup(name), g_strdup(value));
}

/* "$name" or "${name}" at s->p. */
static void expand(struct script *s, GString *word)
{
	bool braces = s->p[1] == '{';
	const char *begin = s->p + 1 + braces;
	size_t length =
		strspn(begin, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_?");
	g_autofree char *name = g_strndup(begin, length);

	if (!length) {
		g_string_append_c(word, *s->p++);
		return;
	}
	g_string_append(word, variable(s, name));
	s->p = begin + length;
	if (braces && *s->p == '}')
		s->p++;
}

/* One step of a word within @quote (0: none); moves s->p on. */
static void read_part(struct script *s, GString *word, char quote)
{
	if (*s->p == '\\' && quote != '\'' && s->p[1]) {
		if (s->p[1] != '\n')
			g_string_append_c(word, s->p[1]);
		s->p += 2;
	} else if (*s->p == '$' && quote != '\'') {
		expand(s, word);
	} else {
		g_string_append_c(word, *s->p++);
	}
}

/* The word at s->p; NULL if nothing is left of it after expansion. */
static char *read_word(struct script *s)
{
	g_autoptr(GString) word = g_string_new(NULL);
	bool quoted = false;

	while (*s->p && !strchr(" \t\r\n;", *s->p) && word->len < WORD_MAX) {
		char quote = *s->p;

		if (quote != '\'' && quote != '"') {
			read_part(s, word, 0);
			continue;
		}
		quoted = true;
		for (s->p++; *s->p && *s->p != quote && word->len < WORD_MAX;)
			read_part(s, word, quote);
		if (*s->p == quote)
			s->p++;
	}
	return word->len || quoted ? g_strdup(word->str) : NULL;
}

static bool is_block(const char *p, char brace)
{
	return *p == brace && (!p[1] || strchr(" \t\r\n;", p[1]));
}

/* Reads words up to the end of the command. False at the end of the text. */
static bool read_command(struct script *s)
{
	g_ptr_array_set_size(s->argv, 0);
	for (;;) {
		char *word;

		s->p += strspn(s->p, " \t\r");
		s->stop = *s->p;
		if (*s->p == '#')
			s->p += strcspn(s->p, "\n");
		else if (!*s->p)
			return s->argv->len;
		else if (*s->p == ';' || *s->p == '\n') {
			s->p++;
			if (s->argv->len)
				return true;
		} else if (is_block(s->p, '{') || is_block(s->p, '}')) {
			if (s->argv->len && *s->p == '}') {
				s->stop = ';';
				return true;
			}
			s->p++;
			return true;
		} else if ((word = read_word(s)))
			g_ptr_array_add(s->argv, word);
	}
}

/* The text up to the brace that closes the block begun before s->p. NULL if none does. */
static char *read_block(struct script *s)
{
	g_autoptr(GPtrArray) ours = g_steal_pointer(&s->argv);
	const char *begin = s->p, *end = NULL;

	s->argv = g_ptr_array_new_with_free_func(g_free);
	for (unsigned depth = 1; depth && read_command(s);) {
		if (s->stop == '{')
			depth++;
		else if (s->stop == '}' && !s->argv->len)
			depth--;
		end = depth ? NULL : s->p - 1;
	}
	g_ptr_array_unref(s->argv);
	s->argv = g_steal_pointer(&ours);
	return end ? g_strndup(begin, end - begin) : NULL;
}

static const char *arg(struct script *s, guint i)
{
	return i < s->argv->len ? s->argv->pdata[i] : "";
}

/* Splits "(hd0,1)/path" or "/path" (on $root). */
static struct volume *split_path(struct script *s, const char *name, const char **path)
{
	struct volume *volume;

	if (*name == '(') {
		volume = disk_volume(s->menu->disk, name, false);
		*path = strchr(name, ')') ? strchr(name, ')') + 1 : name + strlen(name);
	} else {
		volume = disk_volume(s->menu->disk, variable(s, "root"), false);
		*path = name;
	}
	return volume ?: s->menu->volume;
}

static char *read_text(struct script *s, const char *name)
{
	const char *path;
	struct volume *volume = split_path(s, name, &path);

	return s->files++ < FILES_MAX && *path ? disk_read_text(s->menu->disk, volume, path, NULL)
					       : NULL;
}

/* "a = b" and the like; @op as in test(1). */
static bool compare(const char *a, const char *op, const char *b)
{
	long difference = strtol(a, NULL, 10) - strtol(b, NULL, 10);

	if (!strcmp(op, "=") || !strcmp(op, "=="))
		return !strcmp(a, b);
	if (!strcmp(op, "!="))
		return strcmp(a, b);
	if (!strcmp(op, "-eq"))
		return difference == 0;
	if (!strcmp(op, "-ne"))
		return difference != 0;
	if (!strcmp(op, "-lt"))
		return difference < 0;
	if (!strcmp(op, "-le"))
		return difference <= 0;
	if (!strcmp(op, "-gt"))
		return difference > 0;
	return !strcmp(op, "-ge") && difference >= 0;
}

static bool test_one(struct script *s, const char *op, const char *value)
{
	g_autofree char *text = NULL;

	if (!strcmp(op, "-n"))
		return *value;
	if (!strcmp(op, "-z"))
		return !*value;
	text = read_text(s, value);
	return text && (strcmp(op, "-s") || *text);
}

/* The words from @i to @end, as in test(1); terms joined by -a and -o are taken from left to right.
 */
static bool test(struct script *s, guint i, guint end)
{
	bool result = false, both = false;

	while (i < end) {
		bool not = false, value;

		for (; i < end && !strcmp(arg(s, i), "!"); i++)
			not = !not ;
		if (i + 2 < end && strcmp(arg(s, i + 1), "-a") && strcmp(arg(s, i + 1), "-o")) {
			value = compare(arg(s, i), arg(s, i + 1), arg(s, i + 2));
			i += 3;
		} else if (i + 1 < end && *arg(s, i) == '-' && arg(s, i)[1] && !arg(s, i)[2]) {
			value = test_one(s, arg(s, i), arg(s, i + 1));
			i += 2;
		} else {
			value = i < end && *arg(s, i);
			i++;
		}
		value ^= not ;
		result = both ? result && value : result || value;
		both = i < end && !strcmp(arg(s, i), "-a");
		i++;
	}
	return result;
}

/* The command from word @first on, as a condition. */
static bool condition(struct script *s, guint first)
{
	guint end = s->argv->len;

	if (!strcmp(arg(s, first), "true"))
		return true;
	if (!strcmp(arg(s, first), "["))
		return test(s, first + 1, end - !strcmp(arg(s, end - 1), "]"));
	return !strcmp(arg(s, first), "test") && test(s, first + 1, end);
}

static bool run(struct script *s, const char *text, GPtrArray *list);

static bool do_set(struct script *s)
{
	char *value = strchr(arg(s, 1), '=');

	if (value) {
		g_autofree char *name = g_strndup(arg(s, 1), value - arg(s, 1));

		set_variable(s, name, value + 1);
	}
	return true;
}

static bool do_load_env(struct script *s)
{
	g_autofree char *name = !strcmp(arg(s, 1), "-f") || !strcmp(arg(s, 1), "--file")
					? g_strdup(arg(s, 2))
					: g_strconcat(variable(s, "prefix"), "/grubenv", NULL);
	g_autofree char *text = read_text(s, name);
	g_auto(GStrv) lines = text ? g_strsplit(text, "\n", 200) : NULL;

	for (int i = 0; lines && lines[i]; i++) {
		char *value = strchr(lines[i], '=');

		if (*lines[i] == '#' || !value)
			continue;
		*value = '\0';
		set_variable(s, lines[i], value + 1);
	}
	return true;
}

static bool volume_matches(struct script *s, struct volume *volume, char by, const char *value)
{
	g_autofree char *text = NULL;

	if (by == 'u')
		return !g_strcmp0(volume->uuid, value);
	if (by == 'l')
		return !g_strcmp0(volume->label, value);
	return s->files++ < FILES_MAX &&
	       (text = disk_read_text(s->menu->disk, volume, value, NULL));
}

/* search [--fs-uuid|--label|--file] [--set[=VAR]] VALUE */
static bool do_search(struct script *s)
{
	const char *name = "root", *value = NULL;
	char by = 'f';

	for (guint i = 1; i < s->argv->len; i++) {
		const char *word = arg(s, i);

		if (g_str_has_prefix(word, "--set="))
			name = word + 6;
		else if (!strcmp(word, "--fs-uuid") || !strcmp(word, "-u"))
			by = 'u';
		else if (!strcmp(word, "--label") || !strcmp(word, "-l"))
			by = 'l';
		else if (*word != '-')
			value = word;
	}
	for (guint i = 0; value && i < s->menu->disk->volumes->len; i++) {
		struct volume *volume = s->menu->disk->volumes->pdata[i];

		if (volume_matches(s, volume, by, value)) {
			set_variable(s, name, volume->name);
			break;
		}
	}
	return true;
}

static bool do_source(struct script *s)
{
	g_autofree char *text = read_text(s, arg(s, 1));
	g_autoptr(GPtrArray) ours = NULL;
	const char *p = s->p;
	bool ok;

	if (!text)
		return true;
	ours = g_steal_pointer(&s->argv);
	ok = run(s, text, s->list);
	s->argv = g_steal_pointer(&ours);
	s->p = p;
	return ok;
}

static void set_args(struct script *s, guint from)
{
	g_autoptr(GString) args = g_string_new(NULL);

	for (guint i = from; i < s->argv->len; i++)
		g_string_append_printf(args, strchr(arg(s, i), ' ') ? "%s\"%s\"" : "%s%s",
			i > from ? " " : "", arg(s, i));
	g_free(s->entry->args);
	s->entry->args = g_strdup(args->str);
}

static bool do_linux(struct script *s)
{
	const char *path;

	if (!s->entry || s->argv->len < 2)
		return true;
	s->entry->volume = split_path(s, arg(s, 1), &path);
	g_free(s->entry->kernel);
	s->entry->kernel = g_strdup(path);
	set_args(s, 2);
	return true;
}

static bool do_initrd(struct script *s)
{
	const char *path;

	if (!s->entry)
		return true;
	for (guint i = 1; i < s->argv->len && s->entry->ramdisks->len < 16; i++) {
		split_path(s, arg(s, i), &path);
		g_ptr_array_add(s->entry->ramdisks, g_strdup(path));
	}
	return true;
}

/* An entry for a hypervisor: what it would start as dom0 is what we start as a guest. */
static bool do_multiboot(struct script *s)
{
	s->multiboot = true;
	return true;
}

static bool do_module(struct script *s)
{
	guint skip = 1;

	if (!s->entry || !s->multiboot)
		return true;
	while (g_str_has_prefix(arg(s, skip), "--"))
		skip++;
	g_ptr_array_remove_range(s->argv, 0, skip - 1);
	if (s->entry->kernel)
		return do_initrd(s);
	do_linux(s);
	if (!strcmp(arg(s, 2), "placeholder"))
		set_args(s, 3);
	return true;
}

/* menuentry and submenu: TITLE [--id ID] [--class ...] { */
static bool add_entry(struct script *s, char *body)
{
	struct entry *entry = entry_new(arg(s, 1));
	bool submenu = !strcmp(arg(s, 0), "submenu"), ok = true;

	for (guint i = 2; i < s->argv->len; i++) {
		if (!strcmp(arg(s, i), "--id"))
			entry->id = g_strdup(arg(s, ++i));
		else if (g_str_has_prefix(arg(s, i), "--id="))
			entry->id = g_strdup(arg(s, i) + 5);
		if (entry->id)
			break;
	}
	if (submenu)
		entry->children = g_ptr_array_new();
	else
		entry->body = body;
	if (!entry_add(s->list, entry))
		ok = fail(s->error, "%s: too many menu entries", s->menu->path);
	else if (submenu) {
		GPtrArray *list = s->list, *argv = g_steal_pointer(&s->argv);
		const char *p = s->p;

		ok = run(s, body, entry->children);
		s->list = list;
		s->argv = argv;
		s->p = p;
	}
	if (submenu)
		g_free(body);
	return ok;
}

static const struct {
	const char *name;
	bool (*run)(struct script *s);
} commands[] = {
	{ "set", do_set },
	{ "load_env", do_load_env },
	{ "search", do_search },
	{ "search.fs_uuid", do_search },
	{ "source", do_source },
	{ "configfile", do_source },
	{ ".", do_source },
	{ "linux", do_linux },
	{ "linux16", do_linux },
	{ "linuxefi", do_linux },
	{ "initrd", do_initrd },
	{ "initrd16", do_initrd },
	{ "initrdefi", do_initrd },
	{ "multiboot", do_multiboot },
	{ "multiboot2", do_multiboot },
	{ "module", do_module },
	{ "module2", do_module },
};

/* A block: of a menu entry, or of something that is passed over. */
static bool run_block(struct script *s, bool active)
{
	char *body = read_block(s);

	if (!body)
		return fail(s->error, "%s: '{' without '}'", s->menu->path);
	if (active && s->list && (!strcmp(arg(s, 0), "menuentry") || !strcmp(arg(s, 0), "submenu")))
		return add_entry(s, body);
	g_free(body);
	return true;
}

/* Nested conditions and loops: whether commands run there, and whether a branch of the condition
 * has run. */
struct nesting {
	bool active, taken;
};

/* Handles a command that steers. Returns whether it was one. */
static bool steer(struct script *s, struct nesting *nest, unsigned *level)
{
	struct nesting *now = &nest[*level];
	const char *word = arg(s, 0);
	bool outer = *level ? nest[*level - 1].active : true;

	if (!strcmp(word, "if") || !strcmp(word, "for") || !strcmp(word, "while") ||
		!strcmp(word, "until")) {
		bool active = now->active && !strcmp(word, "if") && condition(s, 1);

		nest[++*level] = (struct nesting){ active, active };
	} else if (!strcmp(word, "elif")) {
		now->active = outer && !now->taken && condition(s, 1);
		now->taken |= now->active;
	} else if (!strcmp(word, "fi") || !strcmp(word, "done")) {
		*level -= *level > 0;
	} else {
		return false;
	}
	return true;
}

/* "then", "else" and "do" may have a command behind them on the same line: takes the word away. */
static void strip_keyword(struct script *s, struct nesting *nest, unsigned level)
{
	if (!strcmp(arg(s, 0), "else") && level) {
		nest[level].active = nest[level - 1].active && !nest[level].taken;
		nest[level].taken = true;
	} else if (strcmp(arg(s, 0), "then") && strcmp(arg(s, 0), "do")) {
		return;
	}
	g_ptr_array_remove_index(s->argv, 0);
}

/* Runs @text; its menu entries go to @list. Changes s->p, s->argv and s->list. */
static bool run(struct script *s, const char *text, GPtrArray *list)
{
	struct nesting nest[NESTING_MAX + 1] = { { .active = true } };
	unsigned level = 0;
	bool ok = true;

	if (s->depth++ > 8)
		return fail(s->error, "%s: nested too deeply", s->menu->path);
	s->p = text;
	s->list = list;
	s->argv = g_ptr_array_new_with_free_func(g_free);
	while (ok && read_command(s)) {
		if (++s->steps > STEPS_MAX)
			ok = fail(s->error, "%s: does not end", s->menu->path);
		else if (level >= NESTING_MAX)
			ok = fail(s->error, "%s: nested too deeply", s->menu->path);
		if (!ok)
			break;
		strip_keyword(s, nest, level);
		if (s->stop == '{')
			ok = run_block(s, nest[level].active);
		else if (!s->argv->len || steer(s, nest, &level) || !nest[level].active)
			continue;
		else
			for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
				if (!strcmp(arg(s, 0), commands[i].name)) {
					ok = commands[i].run(s);
					break;
				}
	}
	g_clear_pointer(&s->argv, g_ptr_array_unref);
	s->depth--;
	return ok;
}

static void begin(struct script *s)
{
	g_autofree char *directory = g_path_get_dirname(s->menu->path);
	g_autofree char *prefix = g_strdup_printf("(%s)%s", s->menu->volume->name, directory);

	set_variable(s, "root", s->menu->volume->name);
	set_variable(s, "prefix", prefix);
	set_variable(s, "config_directory", prefix);
	set_variable(s, "feature_menuentry_id", "y");
	set_variable(s, "feature_default_font_path", "y");
}

bool grub2_parse(struct menu *menu, const char *text, GError **error)
{
	struct script s = { .menu = menu, .error = error };

	begin(&s);
	if (!run(&s, text, menu->entries))
		return false;
	if (*variable(&s, "default"))
		menu->chosen = g_strdup(variable(&s, "default"));
	if (*variable(&s, "timeout"))
		menu->timeout = CLAMP(strtol(variable(&s, "timeout"), NULL, 10), -1, 3600);
	return true;
}

bool grub2_resolve(struct menu *menu, struct entry *entry, GError **error)
{
	struct script s = { .menu = menu, .entry = entry, .error = error };

	set_variable(&s, "root", menu->volume->name);
	return run(&s, entry->body, NULL);
}
