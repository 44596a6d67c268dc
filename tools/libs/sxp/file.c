/* S-expressions in files. */
#include "sxp.h"

#include <errno.h>
#include <glib/gstdio.h>

GVariant *sxp_read_file(const char *path, GError **error)
{
	g_autofree char *text = NULL;
	gsize length;

	return g_file_get_contents(path, &text, &length, error) ? sxp_parse(text, length, error)
								: NULL;
}

/* What GLib replaces consistently it also waits for the disk for. */
static bool replace_file(const char *path, const char *text, GError **error)
{
	g_autofree char *draft = g_strconcat(path, SXP_DRAFT, NULL);
	bool good = g_file_set_contents_full(
		draft, text, -1, G_FILE_SET_CONTENTS_NONE, 0600, error);

	if (good && g_rename(draft, path)) {
		g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno), "%s: %s", path,
			g_strerror(errno));
		good = false;
	}
	if (!good)
		g_unlink(draft);
	return good;
}

bool sxp_write_file(const char *path, GVariant *expression, bool durable, GError **error)
{
	g_autofree char *text = sxp_print_pretty(expression);

	if (!durable)
		return replace_file(path, text, error);
	return g_file_set_contents_full(path, text, -1,
		G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0600, error);
}
