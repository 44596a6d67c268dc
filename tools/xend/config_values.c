/* Values of a configuration that need more than reading: names, sets of CPUs, the kernel's command
 * line. */
#include "config.h"

#include <string.h>

#include "error.h"
#include "sxp.h"

#define MAX_NAME 127

bool config_check_name(const char *name, GError **error)
{
	const char *c;
	bool digits = true;

	if (!*name || strlen(name) > MAX_NAME)
		return fail(error, "name: 1 to %d characters", MAX_NAME), false;
	for (c = name; *c; c++) {
		if (!g_ascii_isalnum(*c) && !strchr("_-.:+/", *c))
			return fail(error,
				       "name: '%s' has other characters than letters, digits and _ "
				       "- . : + /",
				       name),
			       false;
		digits &= g_ascii_isdigit(*c);
	}
	if (digits)
		return fail(error, "name: '%s' could be taken for an id", name), false;
	return true;
}

/* "N" or "N-M" at *@at, which moves behind it. */
static bool parse_range(const char **at, unsigned int *first, unsigned int *last)
{
	char *end;
	guint64 a, b;

	if (!g_ascii_isdigit(**at))
		return false;
	a = b = g_ascii_strtoull(*at, &end, 10);
	if (*end == '-') {
		if (!g_ascii_isdigit(end[1]))
			return false;
		b = g_ascii_strtoull(end + 1, &end, 10);
	}
	*at = end;
	*first = MIN(a, MAX_CPUS);
	*last = MIN(b, MAX_CPUS);
	return a <= b && b < MAX_CPUS && (!*end || *end == ',');
}

static void set_range(uint8_t *map, unsigned int first, unsigned int last, bool set)
{
	for (unsigned int cpu = first; cpu <= last; cpu++) {
		if (set)
			map[cpu / 8] |= 1 << cpu % 8;
		else
			map[cpu / 8] &= ~(1 << cpu % 8);
	}
}

bool cpus_parse(const char *text, unsigned int nr_cpus, uint8_t *map, GError **error)
{
	g_auto(GStrv) words = g_strsplit_set(text, ", ", -1);
	unsigned int first, last, i;
	bool any = false;

	nr_cpus = MIN(nr_cpus, MAX_CPUS);
	for (i = 0; words[i]; i++) {
		const char *word = words[i];
		bool set = *word != '^';

		if (!*word)
			continue;
		if (g_str_equal(word, "all") || g_str_equal(word, "any")) {
			set_range(map, 0, nr_cpus - 1, true);
			continue;
		}
		word += !set;
		if (!parse_range(&word, &first, &last))
			return fail(error, "cpus: '%s' is no set of CPUs", text), false;
		set_range(map, first, last, set);
	}
	for (i = nr_cpus; i < MAX_CPUS; i++)
		map[i / 8] &= ~(1 << i % 8);
	for (i = 0; i < nr_cpus; i++)
		any |= map[i / 8] >> i % 8 & 1;
	if (!any)
		return fail(error, "cpus: '%s' leaves no CPU of %u", text, nr_cpus), false;
	return true;
}

/* A text of the image that is there and not empty. */
static char *image_text(const struct config *config, const char *name)
{
	g_autofree char *text = config->image ? sxp_child_text(config->image, name) : NULL;

	return text && *text ? g_steal_pointer(&text) : NULL;
}

char *config_kernel(const struct config *config)
{
	return image_text(config, "kernel");
}

char *config_ramdisk(const struct config *config)
{
	return image_text(config, "ramdisk");
}

static void add_arg(GString *args, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void add_arg(GString *args, const char *format, ...)
{
	va_list values;

	if (args->len)
		g_string_append_c(args, ' ');
	va_start(values, format);
	g_string_append_vprintf(args, format, values);
	va_end(values);
}

/* Linux's "ip=client:server:gateway:netmask:hostname:device:autoconf", as its nfsroot.txt describes
 * it. */
static char *ip_argument(const struct config *config)
{
	static const char *const parts[] = { "ip", "nfs_server", "gateway", "netmask", "hostname",
		"interface" };
	g_autofree char *ip = image_text(config, "ip"), *dhcp = image_text(config, "dhcp");
	GString *all;
	bool any = false;

	/* Already complete, or a word as "dhcp". */
	if (ip && (strchr(ip, ':') || !g_ascii_isdigit(*ip)))
		return g_steal_pointer(&ip);
	all = g_string_new(NULL);
	for (unsigned int i = 0; i < G_N_ELEMENTS(parts); i++) {
		g_autofree char *part = image_text(config, parts[i]);

		if (!part && g_str_equal(parts[i], "interface"))
			part = g_strdup("eth0");
		else
			any |= part != NULL;
		g_string_append_printf(all, "%s%s", i ? ":" : "", part ? part : "");
	}
	g_string_append_printf(all, ":%s", dhcp ? dhcp : "off");
	return g_string_free(all, !any && !dhcp);
}

char *config_kernel_args(const struct config *config)
{
	g_autofree char *root = image_text(config, "root"), *ip = ip_argument(config);
	g_autofree char *server = image_text(config, "nfs_server"),
			*nfs = image_text(config, "nfs_root");
	g_autofree char *args = image_text(config, "args"), *extra = image_text(config, "extra");
	GString *all = g_string_new(NULL);

	if (ip)
		add_arg(all, "ip=%s", ip);
	if (root)
		add_arg(all, "root=%s", root);
	if (server && nfs)
		add_arg(all, "nfsroot=%s:%s", server, nfs);
	if (args)
		add_arg(all, "%s", args);
	if (extra)
		add_arg(all, "%s", extra);
	return g_string_free(all, FALSE);
}
