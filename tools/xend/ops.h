/*
 * All that xend can be asked for: one table of operations, whichever way a request comes.
 *
 * Arguments are described by a text of words "NAME:TYPE", with '?' behind those that may be
 * missing. The types are d  a domain: name, id or uuid; the handler gets the text   s  text
 * i  integer of 32 bits   n  integer of 64 bits   b  boolean   x  S-expression, or its text
 * v  anything
 */
#ifndef XEND_OPS_H
#define XEND_OPS_H

#include <glib.h>
#include <stdbool.h>

#include "domain.h"

#define MAX_ARGS 8

/* The arguments of a request, checked; those that are missing are NULL. */
struct call {
	GVariant *args[MAX_ARGS];
};

/* Runs in a thread of the pool; NULL and an error, or a result, which may be floating. */
typedef GVariant *(*op_handler)(struct call *call, GError **error);

struct op {
	const char *name;
	const char
		*alias; /* the classic HTTP interface's, or an older name; without "xend.domain." */
	const char *args;
	op_handler handler;
	const char *help;
};

/* The operations on one domain have this before their names. */
#define OP_DOMAIN "xend.domain."

const struct op *ops_find(const char *name);
/* Row @index, or NULL behind the last. */
const struct op *ops_row(unsigned int index);

/* Does it: with arguments in order, an "av"; or by name, texts as from a form. */
GVariant *ops_call(const char *name, GVariant *params, GError **error);
GVariant *ops_call_named(const struct op *op, GHashTable *fields, GError **error);

/* For handlers: the values of arguments, of types s and d, i, n, b, any. */
const char *call_text(struct call *call, unsigned int index);
int call_int(struct call *call, unsigned int index, int missing);
gint64 call_number(struct call *call, unsigned int index, gint64 missing);
bool call_flag(struct call *call, unsigned int index, bool missing);
GVariant *call_value(struct call *call, unsigned int index);

/* What an operation without result returns. */
GVariant *op_done(void);

/* The domain of the first argument, which exists and is not domain 0; locked and with a reference. */
struct domain *find_guest(struct call *call, GError **error);

/* The handlers, in ops_*.c. */
#define OP(name) GVariant *name(struct call *call, GError **error)
/* clang-format off */
OP(op_domains); OP(op_domains_with_state); OP(op_domain); OP(op_create); OP(op_wait_for_devices);
OP(op_new); OP(op_start); OP(op_delete); OP(op_configure); OP(op_pause); OP(op_unpause);
OP(op_shutdown); OP(op_destroy); OP(op_reset); OP(op_set_name); OP(op_send_sysrq);
OP(op_send_trigger); OP(op_restart_count); OP(op_memory_target); OP(op_maxmem); OP(op_vcpu_count);
OP(op_pincpu); OP(op_vcpu_info); OP(op_credit_get); OP(op_credit_set); OP(op_sedf_get);
OP(op_sedf_set); OP(op_bvt_get); OP(op_bvt_set); OP(op_bvt_ctx_allow); OP(op_rrobin_slice);
OP(op_device_create); OP(op_device_configure); OP(op_device_destroy); OP(op_device_list);
OP(op_node_info); OP(op_node_config); OP(op_dmesg); OP(op_dmesg_clear); OP(op_log);
OP(op_debug_keys); OP(op_list_methods); OP(op_method_help); OP(op_method_signature);
OP(op_save); OP(op_restore); OP(op_suspend); OP(op_resume); OP(op_dump); OP(op_progress);
OP(op_save); OP(op_restore); OP(op_migrate); OP(op_migrate_status); OP(op_migrate_cancel);
OP(op_migrate_decide);
/* clang-format on */

#endif
