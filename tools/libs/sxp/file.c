/* S-expressions in files. */
#include "sxp.h"

GVariant *sxp_read_file(const char *path, GError **error)
{
	g_autofree char *text = NULL;
	gsize length;

	return g_file_get_contents(path, &text, &length, error) ? sxp_parse(text, length, error)
								: NULL;
}

bool sxp_write_file(const char *path, GVariant *expression, bool durable, GError **error)
{
	g_autofree char *text = sxp_print_pretty(expression);
	GFileSetContentsFlags flags = G_FILE_SET_CONTENTS_CONSISTENT;

	if (durable)
		flags |= G_FILE_SET_CONTENTS_DURABLE;
	return g_file_set_contents_full(path, text, -1, flags, 0600, error);
}
