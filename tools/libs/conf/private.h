#ifndef CONF_PRIVATE_H
#define CONF_PRIVATE_H

#include "xenconf.h"

/* A value and where it comes from: "file:line", or "command line". */
struct value {
	GVariant *value;
	char *origin;
};

struct conf {
	char *path;         /* of the script, or NULL */
	GHashTable *values; /* name -> struct value, with types as checked */
	GHashTable *given;  /* name -> text: all of the command line, for the script */
};

bool conf_fail(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Checks a value of any type against what @variable may be. Returns it with its proper type ("s",
 * "x", "b", "as"). */
GVariant *conf_check(const struct conf_variable *variable, GVariant *value, GError **error);
void conf_store(struct conf *conf, const char *name, GVariant *value, const char *origin);

/*
 * Runs the script @path with the variables @given and calls @found for each variable it leaves:
 * @value is "s", "x", "b", "d", "av" or "()" (something else), @line 0 when unknown. @declared: the
 * script said it with xm_vars.var().
 */
typedef bool conf_found_fn(struct conf *conf, const char *name, GVariant *value, unsigned line,
	bool declared, void (*warn)(const char *), GError **error);
bool conf_run_script(struct conf *conf, const char *path, conf_found_fn *found,
	void (*warn)(const char *), GError **error);

/* Values by name; NULL, @otherwise or false when unset. */
const char *conf_string(struct conf *conf, const char *name);
gint64 conf_number(struct conf *conf, const char *name, gint64 otherwise);
GVariant *conf_value(struct conf *conf, const char *name);

/* Adds "(device …)" for all lists of devices to @vm. */
bool conf_add_devices(struct conf *conf, GVariantBuilder *vm, GError **error);
/* Puts "file:line: variable: " before @error. False. */
bool conf_blame(struct conf *conf, const char *name, GError **error);

#endif
