/*
 * Configuration files of domains: Python scripts whose variables describe a domain, or
 * S-expressions. What is read becomes the "(vm …)" that xend takes.
 *
 * One table, conf_variables, says of each variable what it is, what values it may have and where it
 * goes; the help of `xm create --help_config`, the manual and the completion are made from it.
 */
#ifndef XENCONF_H
#define XENCONF_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define CONF_ERROR (conf_error_quark())
GQuark conf_error_quark(void);

enum conf_type {
	CONF_STRING,
	CONF_INT,
	CONF_BOOL,
	CONF_LIST, /* of strings */
	CONF_CPUS, /* "0-3,^1", a number, or a list of them, one for each vCPU */
};

enum conf_place {
	CONF_VM,      /* (vm (NAME value)) */
	CONF_IMAGE,   /* (image (linux (NAME value))), or hvm */
	CONF_HVM,     /* only in (image (hvm …)) */
	CONF_SPECIAL, /* goes into something that several variables or a syntax of its own make */
	CONF_XM,      /* for xm itself */
	CONF_OLD,     /* accepted, without effect nowadays */
	CONF_LATER,   /* refused: xend cannot do it yet */
};

struct conf_variable {
	const char *name;
	enum conf_type type;
	enum conf_place place;
	bool always;         /* goes into the (vm …) with its default, too */
	const char *def;     /* default as text; NULL: none */
	const char *choices; /* of a string: "a|b|c"; NULL: any */
	int64_t min, max;    /* of a number */
	const char *help;
};

extern const struct conf_variable conf_variables[]; /* ends with a name of NULL */
const struct conf_variable *conf_variable(const char *name);

struct conf;
struct conf *conf_new(void);
void conf_free(struct conf *conf);
typedef struct conf conf;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(conf, conf_free)

/*
 * Sets what "name=value" of a command line says; it wins over the file's. A list grows with each
 * such assignment, or has the form ['a', 'b']. Names that are no variable of a domain are for the
 * script.
 */
bool conf_assign(struct conf *conf, const char *assignment, GError **error);

/*
 * Evaluates the Python script @path. Errors begin with "path:line: " where a line is known.
 * @warn is called with each thing that looks wrong but is none, such as a misspelt name.
 */
bool conf_read(
	struct conf *conf, const char *path, void (*warn)(const char *message), GError **error);

/* The value of a variable for xm itself: NULL when unset; g_free(). */
char *conf_text(struct conf *conf, const char *name);

/* The domain's "(vm …)"; NULL with an error that names file and line when something is wrong or
 * missing. */
GVariant *conf_build(struct conf *conf, GError **error);

/* Reads a "(vm …)" or "(domain …)" from the S-expressions in @path. */
GVariant *conf_read_sxp(const char *path, GError **error);

/* The name among @count names that is most like @name, or NULL when none is like it. */
const char *conf_nearest(const char *name, const char *const *names, gsize count);

/* A configuration "k=v,k=v" of a NIC as "(vif (k v) …)", as in the variable vif; for xm
 * network-attach, too. */
GVariant *conf_vif(const char *text, GError **error);
/* "uname,dev,mode[,backend[,protocol]]" as "(vbd …)", "(tap …)" or "(tap2 …)". */
GVariant *conf_disk(const char *text, GError **error);

#endif
