/*
 * S-expressions: "(domain (name alice) (memory 128))", the form of xend's configuration and of all that it tells.
 *
 * An expression is a GVariant: an atom is a string ("s"), a list is an array of variants ("av"). Printing accepts any
 * other type, too: numbers and booleans become atoms, dictionaries lists of pairs.
 *
 * Unless said otherwise a GVariant that is returned belongs to the caller, and one that is taken may be floating.
 */
#ifndef SXP_H
#define SXP_H

#include <glib.h>
#include <stdbool.h>

/* Lists deeper than this are refused, so that no input can exhaust the stack. */
#define SXP_MAX_DEPTH 64

#define SXP_ERROR (sxp_error_quark())
GQuark sxp_error_quark(void);
enum sxp_error { SXP_ERROR_SYNTAX };

/*
 * Reads one expression; behind it only blanks and comments may follow. @length -1: up to the NUL. Atoms may stand in
 * single or double quotes with the escapes of C; '#' at the begin of a word starts a comment. Errors name the line.
 */
GVariant *sxp_parse(const char *text, gssize length, GError **error);

/* Reads any number of expressions, as a configuration file has them, and returns a list of them. */
GVariant *sxp_parse_all(const char *text, gssize length, GError **error);

/* On one line, without a line feed. sxp_parse() of it gives an equal expression. */
char *sxp_print(GVariant *expression);

/* Indented, one child a line, ending with a line feed: what `xm list --long` shows. */
char *sxp_print_pretty(GVariant *expression);

/* The one expression that a file has; errors are of G_FILE_ERROR if it cannot be read. */
GVariant *sxp_read_file(const char *path, GError **error);

/*
 * Replaces a file, which only its owner may read, at once, or leaves it. @durable: it is on the
 * disk, too, which takes its time; if not, a machine that dies may leave it empty. Who is killed
 * here leaves a draft: the file's name with SXP_DRAFT, or a point and six characters, behind it.
 */
#define SXP_DRAFT ".new"
bool sxp_write_file(const char *path, GVariant *expression, bool durable, GError **error);

/* The parts of a list: their number (0 for an atom), one of them (NULL behind the last). */
bool sxp_is_list(GVariant *expression);
gsize sxp_length(GVariant *expression);
GVariant *sxp_nth(GVariant *list, gsize index);

/* The text of an atom, numbers included; NULL for a list. Free it with g_free(). */
char *sxp_text(GVariant *atom);
/* The same of list's part @index. */
char *sxp_nth_text(GVariant *list, gsize index);

/* Whether @expression is a list that begins with the atom @name. */
bool sxp_is_named(GVariant *expression, const char *name);
/* The first child "(name …)" of a list; the next one after position *@from, which it moves on (begin with 0). */
GVariant *sxp_child(GVariant *list, const char *name);
GVariant *sxp_next_child(GVariant *list, const char *name, gsize *from);
/* The value of child "(name value)": as an expression or as text; NULL when there is none. */
GVariant *sxp_child_value(GVariant *list, const char *name);
char *sxp_child_text(GVariant *list, const char *name);

/* To build: a list of @parts up to NULL, or of none; "(name text)" and "(name value)"; all floating. */
GVariant *sxp_empty(void);
GVariant *sxp_list(GVariant *first, ...) G_GNUC_NULL_TERMINATED;
GVariant *sxp_atom(const char *text);
GVariant *sxp_pair(const char *name, const char *text);
GVariant *sxp_pair_int(const char *name, gint64 value);
GVariant *sxp_pair_value(const char *name, GVariant *value);

/* The same into a builder of type "av". */
void sxp_add(GVariantBuilder *builder, GVariant *part);
void sxp_add_pair(GVariantBuilder *builder, const char *name, const char *text);
void sxp_add_int(GVariantBuilder *builder, const char *name, gint64 value);

#endif
