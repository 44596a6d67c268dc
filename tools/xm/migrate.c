/* A domain moves to another host. */
#include "xm.h"
#include <stdio.h>

static gboolean live, ssl, home, cancel, here, there;
static int port, node = -1;

static char *describe(const char *domain, GVariant *status)
{
	g_autofree char *stage = field_text(status, "stage", "moving");
	double done = field_number(status, "done", 0), total = field_number(status, "total", 0);
	double round = field_number(status, "round", 0), left = field_number(status, "left", 0);
	double dirty = field_number(status, "dirty_rate", 0);
	GString *text = g_string_new(NULL);

	g_string_printf(text, "Moving %s: %s", domain, stage);
	if (total)
		g_string_append_printf(
			text, ", %.0f of %.0f MiB", done / 256, total / 256);
	if (round)
		g_string_append_printf(text, ", round %.0f, %.0f MiB/s changing", round + 1, dirty / 256);
	if (left >= 1)
		g_string_append_printf(text, ", %.0f s left", left);
	return g_string_free(text, FALSE);
}

static void show_status(const char *domain)
{
	g_autoptr(GVariant) status = call_beside("xend.domain.migrate_status", g_variant_new("(s)", domain));
	g_autofree char *text = status ? describe(domain, status) : NULL;

	if (text)
		xm_activity(text);
}

/* Tells how far it is, and has it stopped when the user wants that. */
static void look(void *domain)
{
	static bool cancelled;

	if (interrupted && !cancelled) {
		g_autoptr(GVariant) done = call_beside("xend.domain.migrate_cancel", g_variant_new("(s)", domain));

		cancelled = true;
	}
	show_status(domain);
}

static int move(const char *domain, const char *host)
{
	GVariant *flag = ssl ? g_variant_new_boolean(TRUE) : g_variant_new_tuple(NULL, 0);
	g_autofree char *text = g_strdup_printf("Moving %s", domain), *report = NULL;
	g_autoptr(GVariant) result = NULL;
	struct observer observer;

	xm_activity(text);
	interrupt_begin();
	observer_begin(&observer, look, (void *)domain);
	result = xm_call("xend.domain.migrate",
		g_variant_new("(ssbii*b)", domain, host, live, port, node, flag, home));
	observer_end(&observer);
	interrupt_end();
	xm_activity(NULL);
	if (!result)
		return interrupted ? XM_INTERRUPTED : xm_call_failed();
	report = sxp_text(result);
	printf("Domain %s: %s\n", domain, report ?: "moved");
	return XM_OK;
}

static int migrate(int argc, char **argv)
{
	if (cancel + here + there > 1 || ((cancel || here || there) && argc > 1))
		return xm_usage("--cancel, --here and --there go alone, with a domain");
	if (cancel)
		return xm_do("xend.domain.migrate_cancel", g_variant_new("(s)", argv[0]));
	if (here || there)
		return xm_do("xend.domain.migrate_decide", g_variant_new("(sb)", argv[0], here));
	if (argc < 2)
		return xm_usage("migrate: to which host?");
	if (port < 0 || port > 65535)
		return xm_usage("'%d' is no port", port);
	return move(argv[0], argv[1]);
}

static const char details[] =
	"Without --live the guest stands still for as long as its memory takes. With it, memory goes "
	"while it runs, and it stops for the rest. Whatever fails, it goes on here, and Ctrl-C gives "
	"up.\n"
	"If the connection breaks in the last moment, xend asks the other host where the guest runs, "
	"and until it answers the guest stays suspended. If it never will, say so: --here lets the "
	"guest go on here, which must not be done if it may run there; --there ends what is left of it "
	"here.";

static const GOptionEntry options[] = {
	{ "live", 'l', 0, G_OPTION_ARG_NONE, &live, "Let it run meanwhile", NULL },
	{ "port", 'p', 0, G_OPTION_ARG_INT, &port, "Port of the other host's xend", "PORT" },
	{ "node", 'n', 0, G_OPTION_ARG_INT, &node, "NUMA node there", "NODE" },
	{ "ssl", 's', 0, G_OPTION_ARG_NONE, &ssl, "Encrypted, with certificates", NULL },
	{ "change_home_server", 'c', 0, G_OPTION_ARG_NONE, &home,
		"A managed domain's configuration moves, too", NULL },
	{ "cancel", 0, 0, G_OPTION_ARG_NONE, &cancel, "Stop moving it", NULL },
	{ "here", 0, 0, G_OPTION_ARG_NONE, &here, "It does not run there, and shall here", NULL },
	{ "there", 0, 0, G_OPTION_ARG_NONE, &there, "It runs there: end what is here", NULL },
	{ NULL }
};

const struct command migrate_commands[] = { { "migrate", "[OPTIONS] DOMAIN HOST",
						    "Moves a domain to another host", details,
						    options, 1, 2, migrate },
	{ NULL } };
