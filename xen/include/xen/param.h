/*
 * Boot options. Each file declares its own with one of the macros; cmdline_parse() walks the table
 * that the linker collects. `no-<bool>` and `<bool>=off` clear a boolean. Unknown or malformed
 * options are named on the console and ignored.
 */
#ifndef XEN_PARAM_H
#define XEN_PARAM_H

#include <xen/compiler.h>
#include <xen/types.h>

struct kernel_param {
	const char *name;
	enum {
		OPT_STR,    /* var is char[len] */
		OPT_UINT,   /* unsigned integer of len bytes, any base */
		OPT_BOOL,   /* integer of len bytes */
		OPT_SIZE,   /* u64, B K M G T suffix, default KiB */
		OPT_CUSTOM, /* func(value): 0 or -EINVAL; "" when there was no '=' */
		OPT_IGNORE, /* known to older versions, no effect: accepted silently */
	} type;
	unsigned int len;
	void *var;
	int (*func)(const char *value);
};

#define PARAM_(ident, ...) PARAM_NAMED(ident, __VA_ARGS__)
#define PARAM_NAMED(ident, ...)                                                                    \
	static const struct kernel_param param_##ident __used __section(".init.setup")             \
		__aligned(8) = { __VA_ARGS__ }
#define PARAM_CAT(a, l) a##l
#define PARAM_CAT2(a, l) PARAM_CAT(a, l)
#define string_param(n, v)                                                                         \
	PARAM_(PARAM_CAT2(s, __COUNTER__), .name = n, .type = OPT_STR, .len = sizeof(v), .var = &(v))
#define integer_param(n, v)                                                                        \
	PARAM_(PARAM_CAT2(i, __COUNTER__), .name = n, .type = OPT_UINT, .len = sizeof(v), .var = &(v))
#define boolean_param(n, v)                                                                        \
	PARAM_(PARAM_CAT2(b, __COUNTER__), .name = n, .type = OPT_BOOL, .len = sizeof(v), .var = &(v))
#define size_param(n, v)                                                                           \
	PARAM_(PARAM_CAT2(z, __COUNTER__), .name = n, .type = OPT_SIZE, .len = sizeof(v), .var = &(v))
#define custom_param(n, f)                                                                         \
	PARAM_(PARAM_CAT2(c, __COUNTER__), .name = n, .type = OPT_CUSTOM, .func = f)
#define ignored_param(n) PARAM_(PARAM_CAT2(x, __COUNTER__), .name = n, .type = OPT_IGNORE)

/* Boot: parse the boot loader's string. Problems are printed once the console lives: see param.c. */
void cmdline_parse(const char *cmdline);
/* Print what was wrong with the options; the console must be up. */
void cmdline_report(void);

#endif
