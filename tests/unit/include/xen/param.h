/* Host tests: options register themselves when the program starts; host_set_param() finds them. */
#ifndef HOST_XEN_PARAM_H
#define HOST_XEN_PARAM_H

#include_next <xen/param.h>

/* A test that sets options defines this. */
extern void host_register_param(const struct kernel_param *p) __weak;

#undef PARAM_
#define PARAM_(ident, ...) HOST_PARAM(ident, __VA_ARGS__)
#define HOST_PARAM(ident, ...)                                                                     \
	static const struct kernel_param param_##ident = { __VA_ARGS__ };                          \
	__attribute__((constructor)) static void register_##ident(void)                            \
	{                                                                                          \
		if (host_register_param)                                                           \
			host_register_param(&param_##ident);                                       \
	}                                                                                          \
	struct kernel_param

#endif
