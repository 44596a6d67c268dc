/* Boot options: parsing the boot loader's string into the variables that declared themselves. */
#include <xen/errno.h>
#include <xen/lib.h>
#include <xen/param.h>

/* Collected by the linker from every file's declarations. */
extern const struct kernel_param __param_start[], __param_end[];

char saved_cmdline[1024];

/* What was wrong, kept until the console lives. */
#define MAX_PROBLEMS 16
static struct {
	const char *option; /* in `work` */
	const char *what;
} problems[MAX_PROBLEMS] __initdata;
static unsigned int nr_problems __initdata;
static char work[2 * sizeof(saved_cmdline)] __initdata; /* tokens, each ending in NUL */

static void __init add_problem(const char *option, const char *what)
{
	if (nr_problems < MAX_PROBLEMS) {
		problems[nr_problems].option = option;
		problems[nr_problems].what = what;
	}
	nr_problems++;
}

/* Store an unsigned integer of `len` bytes; -EINVAL when it does not fit. */
static int __init store(const struct kernel_param *p, u64 v)
{
	if (p->len < sizeof(v) && v >> p->len * 8)
		return -EINVAL;
	memcpy(p->var, &v, p->len); /* little-endian: the low bytes come first */
	return 0;
}

static int __init set_number(const struct kernel_param *p, const char *value)
{
	const char *end;
	u64 v = p->type == OPT_SIZE ? parse_size(value, &end) : strtoull(value, &end, 0);

	return end == value || *end ? -EINVAL : store(p, v);
}

/* `value` is NULL when there was no '='; `off`: the name was written with no- in front. */
static int __init set_bool(const struct kernel_param *p, const char *value, bool off)
{
	int v = value ? parse_bool(value, NULL) : 1;

	return v < 0 ? -EINVAL : store(p, off ? !v : v);
}

static int __init set_param(const struct kernel_param *p, const char *value, bool off)
{
	if (off && p->type != OPT_BOOL && p->type != OPT_CUSTOM && p->type != OPT_IGNORE)
		return -EINVAL;
	switch (p->type) {
	case OPT_STR:
		return strlcpy(p->var, value ?: "", p->len) < p->len ? 0 : -EINVAL;
	case OPT_UINT:
	case OPT_SIZE:
		return set_number(p, value ?: "");
	case OPT_BOOL:
		return set_bool(p, value, off);
	case OPT_CUSTOM:
		if (off && value)
			return -EINVAL;
		return p->func(off ? "no" : value ?: "");
	case OPT_IGNORE:
		return 0;
	}
	return -EINVAL;
}

/* -ENOENT: nobody declared it. Several files may declare the same name: each of them sees it. */
static int __init apply(const char *name, const char *value, bool off)
{
	int rc = -ENOENT;

	for (const struct kernel_param *p = __param_start; p < __param_end; p++) {
		int one;

		if (strcmp(p->name, name))
			continue;
		one = set_param(p, value, off);
		if (rc == -ENOENT || one)
			rc = one;
	}
	return rc;
}

static int __init parse_option(char *option)
{
	char *eq = strchr(option, '=');
	int rc;

	if (eq)
		*eq = '\0';
	rc = apply(option, eq ? eq + 1 : NULL, false);
	if (rc == -ENOENT && !strncmp(option, "no-", 3))
		rc = apply(option + 3, eq ? eq + 1 : NULL, true);
	if (eq)
		*eq = '=';
	return rc;
}

/*
 * Cut the next option off *s, which stands on its first character: up to a space outside double
 * quotes, which are removed. NULL at the end of the string.
 */
static char *__init next_option(char **s)
{
	char *p = *s, *to, *start;
	bool quoted = false;

	if (!*p)
		return NULL;
	for (start = to = p; *p && (quoted || !isspace(*p)); p++) {
		if (*p == '"')
			quoted = !quoted;
		else
			*to++ = *p;
	}
	while (isspace(*p))
		p++;
	*s = p;
	*to = '\0';
	return start;
}

/* The name of the image, or what GRUB's scripts put in its place: not ours to report. */
static bool __init is_image_name(const char *option)
{
	return !strchr(option, '=') && (strchr(option, '/') || !strncmp(option, "xen", 3) ||
					       !strcmp(option, "placeholder"));
}

void __init cmdline_parse(const char *cmdline)
{
	char *next = work, *option;
	bool first = true;

	while (isspace(*cmdline))
		cmdline++;
	strlcpy(saved_cmdline, cmdline, sizeof(saved_cmdline));
	strlcpy(work, cmdline, sizeof(work));
	while ((option = next_option(&next)) != NULL) {
		int rc = parse_option(option);

		if (rc == -ENOENT && first && is_image_name(option))
			strlcpy(saved_cmdline, cmdline + (next - work), sizeof(saved_cmdline));
		else if (rc == -ENOENT)
			add_problem(option, "Unknown");
		else if (rc)
			add_problem(option, "Malformed");
		first = false;
	}
}

void __init cmdline_report(void)
{
	for (unsigned int i = 0; i < nr_problems && i < MAX_PROBLEMS; i++)
		printk(XENLOG_WARNING "%s boot option: '%s'\n", problems[i].what, problems[i].option);
	if (nr_problems > MAX_PROBLEMS)
		printk(XENLOG_WARNING "... and %u more\n", nr_problems - MAX_PROBLEMS);
}
