/* What can be done to a domain that runs. */
#include "xm.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int pause_domain(int argc, char **argv)
{
	return xm_do("xend.domain.pause", g_variant_new("(s)", argv[0]));
}

static int unpause_domain(int argc, char **argv)
{
	return xm_do("xend.domain.unpause", g_variant_new("(s)", argv[0]));
}

static int set_memory(const char *method, char **argv)
{
	gint64 mib;

	if (!parse_memory(argv[1], &mib))
		return XM_USAGE;
	return xm_do(method, g_variant_new("(si)", argv[0], (gint32)mib));
}

static int mem_set(int argc, char **argv)
{
	return set_memory("xend.domain.setMemoryTarget", argv);
}

static int mem_max(int argc, char **argv)
{
	return set_memory("xend.domain.maxmem_set", argv);
}

static int rename_domain(int argc, char **argv)
{
	return xm_do("xend.domain.setName", g_variant_new("(ss)", argv[0], argv[1]));
}

static int sysrq(int argc, char **argv)
{
	if (strlen(argv[1]) != 1 || !g_ascii_isalnum(*argv[1]))
		return xm_usage("'%s' is no key: one letter or digit", argv[1]);
	return xm_do("xend.domain.send_sysrq", g_variant_new("(ss)", argv[0], argv[1]));
}

static int trigger(int argc, char **argv)
{
	static const char *const triggers[] = { "nmi", "reset", "init", "s3resume", "power", NULL };
	gint64 vcpu = 0;

	if (!g_strv_contains(triggers, argv[1]))
		return xm_usage("'%s' is none of: nmi, reset, init, s3resume, power", argv[1]);
	if (argc > 2 && !parse_number(argv[2], "virtual CPU", 0, 4095, &vcpu))
		return XM_USAGE;
	return xm_do(
		"xend.domain.send_trigger", g_variant_new("(ssi)", argv[0], argv[1], (gint32)vcpu));
}

static gboolean live, crash, reset;

static int dump_core(int argc, char **argv)
{
	g_autofree char *path = argc > 1 ? g_canonicalize_filename(argv[1], NULL) : NULL;
	g_autofree char *text = g_strdup_printf("Dumping core of %s", argv[0]), *file = NULL;
	GVariant *name = path ? g_variant_new_string(path) : g_variant_new_tuple(NULL, 0);
	g_autoptr(GVariant) result = NULL;

	if (crash && reset) {
		g_variant_unref(g_variant_ref_sink(name));
		return xm_usage("dump-core: -C and -R exclude each other");
	}
	xm_activity(text);
	result = xm_call(
		"xend.domain.dump", g_variant_new("(s*bbb)", argv[0], name, live, crash, reset));
	xm_activity(NULL);
	if (!result)
		return xm_call_failed();
	file = sxp_text(result);
	printf("Dumped core of %s to %s\n", argv[0], file ?: path ?: "a file");
	return XM_OK;
}

static const GOptionEntry dump_options[] = { { "live", 'L', 0, G_OPTION_ARG_NONE, &live,
						     "Without pausing it", NULL },
	{ "crash", 'C', 0, G_OPTION_ARG_NONE, &crash, "Crash it afterwards", NULL },
	{ "reset", 'R', 0, G_OPTION_ARG_NONE, &reset, "Reset it afterwards", NULL }, { NULL } };

static gboolean checkpoint, paused;

/* What is saved or restored, where, and since when. */
struct transfer {
	const char *verb, *what, *path;
	gint64 begin; /* of the pages; 0: not yet */
};

/* "Saving alice: 40 of 128 MiB, 31 MiB/s, 3 s left". */
static void look(void *data)
{
	struct transfer *transfer = data;
	g_autoptr(GVariant) state =
		call_beside("xend.progress", g_variant_new("(s)", transfer->path));
	double done = state ? field_number(state, "done", 0) / 256 : 0;
	double total = state ? field_number(state, "total", 0) / 256 : 0, rate;
	gint64 now = g_get_monotonic_time();
	GString *text = g_string_new(NULL);

	g_string_printf(text, "%s %s", transfer->verb, transfer->what);
	if (total)
		g_string_append_printf(text, ": %.0f of %.0f MiB", done, total);
	if (!transfer->begin && total)
		transfer->begin = now;
	rate = transfer->begin ? done * G_USEC_PER_SEC / MAX(now - transfer->begin, 1) : 0;
	if (rate >= 1 && now - transfer->begin > G_USEC_PER_SEC)
		g_string_append_printf(
			text, ", %.0f MiB/s, %.0f s left", rate, (total - done) / rate);
	xm_activity(text->str);
	g_string_free(text, TRUE);
}

static int transfer(
	const char *verb, const char *what, const char *path, const char *method, GVariant *params)
{
	struct transfer transfer = { .verb = verb, .what = what, .path = path };
	struct observer observer;
	int status;

	/* Nobody sees it elsewhere. */
	if (isatty(STDERR_FILENO)) {
		observer_begin(&observer, look, &transfer);
		status = xm_do(method, params);
		observer_end(&observer);
	} else {
		status = xm_do(method, params);
	}
	xm_activity(NULL);
	return status;
}

static int save_domain(int argc, char **argv)
{
	g_autofree char *path = g_canonicalize_filename(argv[1], NULL);

	return transfer("Saving", argv[0], path, "xend.domain.save",
		g_variant_new("(ssb)", argv[0], path, checkpoint));
}

static int restore_domain(int argc, char **argv)
{
	g_autofree char *path = g_canonicalize_filename(argv[0], NULL);

	return transfer("Restoring", argv[0], path, "xend.domain.restore",
		g_variant_new("(sb)", path, paused));
}

static int suspend_domain(int argc, char **argv)
{
	return xm_do("xend.domain.suspend", g_variant_new("(s)", argv[0]));
}

static int resume_domain(int argc, char **argv)
{
	return xm_do("xend.domain.resume", g_variant_new("(sb)", argv[0], paused));
}

static const GOptionEntry save_options[] = { { "checkpoint", 'c', 0, G_OPTION_ARG_NONE, &checkpoint,
						     "Let it run on afterwards", NULL },
	{ NULL } };
static const GOptionEntry restore_options[] = {
	{ "paused", 'p', 0, G_OPTION_ARG_NONE, &paused, "Leave it paused", NULL }, { NULL }
};

const struct command domain_commands[] = { { "pause", "DOMAIN", "Stops giving a domain CPU time",
						   NULL, NULL, 1, 1, pause_domain },
	{ "unpause", "DOMAIN", "Lets a paused domain go on", NULL, NULL, 1, 1, unpause_domain },
	{ "mem-set", "DOMAIN MEMORY", "Asks a domain to use this much memory",
		"MEMORY is in MiB, or ends with K, M or G. The guest does it by and by.", NULL, 2,
		2, mem_set },
	{ "mem-max", "DOMAIN MEMORY", "Sets how much memory a domain may have",
		"MEMORY is in MiB, or ends with K, M or G.", NULL, 2, 2, mem_max },
	{ "rename", "DOMAIN NAME", "Gives a domain another name", NULL, NULL, 2, 2, rename_domain },
	{ "sysrq", "DOMAIN KEY", "Sends a magic SysRq key to a domain's Linux", NULL, NULL, 2, 2,
		sysrq },
	{ "trigger", "DOMAIN nmi|reset|init|s3resume|power [VCPU]",
		"Sends an event to a virtual CPU", NULL, NULL, 2, 3, trigger },
	{ "dump-core", "[OPTIONS] DOMAIN [FILE]",
		"Writes a domain's memory and registers to an ELF core file",
		"Without FILE it goes below /var/xen/dump.", dump_options, 1, 2, dump_core },
	{ "save", "[OPTIONS] DOMAIN FILE", "Suspends a domain to a file", NULL, save_options, 2, 2,
		save_domain },
	{ "restore", "[OPTIONS] FILE", "Brings a domain back from a file", NULL, restore_options, 1,
		1, restore_domain },
	{ "suspend", "DOMAIN", "Suspends a managed domain to a file of xend's", NULL, NULL, 1, 1,
		suspend_domain },
	{ "resume", "[OPTIONS] DOMAIN", "Brings a suspended managed domain back", NULL,
		restore_options, 1, 1, resume_domain },
	{ NULL } };
