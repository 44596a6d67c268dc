/* What hypercall handlers need: continuation, and the prototypes behind the table of arch/x86/hypercall.c. */
#ifndef XEN_HYPERCALL_H
#define XEN_HYPERCALL_H

#include <xen/compiler.h>
#include <xen/types.h>
#include <xen/guest_access.h>
#include <public/xen.h>
#include <public/version.h>

/*
 * Stop here and let the guest issue the hypercall again with these arguments, so that pending work
 * of this CPU runs first. To be used as `return hypercall_create_continuation(op, nr, args...)`:
 * the value is -ERESTART. Inside a multicall the entry is rewritten instead. Arguments are integers,
 * pointers or guest handles, at most six.
 */
#define hypercall_create_continuation(op, nr, ...)                                                 \
	hypercall_continue(op, nr, (const unsigned long[6]){ HC_ARGS(nr)(__VA_ARGS__) })
long hypercall_continue(unsigned int op, unsigned int nr, const unsigned long args[6]);

/* Any argument as the register that it travels in. */
#define HC_ARG(x)                                                                                  \
	({                                                                                         \
		typeof(x) hca_x_ = (x);                                                            \
		unsigned long hca_v_ = 0;                                                          \
		_Static_assert(sizeof(hca_x_) <= sizeof(hca_v_), "hypercall argument too large");  \
		__builtin_memcpy(&hca_v_, &hca_x_, sizeof(hca_x_));                                \
		hca_v_;                                                                            \
	})
#define HC_ARGS(nr)  HC_ARGS_(nr)
#define HC_ARGS_(nr) HC_ARGS_##nr
#define HC_ARGS_1(a) HC_ARG(a)
#define HC_ARGS_2(a, ...) HC_ARG(a), HC_ARGS_1(__VA_ARGS__)
#define HC_ARGS_3(a, ...) HC_ARG(a), HC_ARGS_2(__VA_ARGS__)
#define HC_ARGS_4(a, ...) HC_ARG(a), HC_ARGS_3(__VA_ARGS__)
#define HC_ARGS_5(a, ...) HC_ARG(a), HC_ARGS_4(__VA_ARGS__)
#define HC_ARGS_6(a, ...) HC_ARG(a), HC_ARGS_5(__VA_ARGS__)

/* A vCPU's multicall in progress: v->mc_state. */
struct mc_state {
	unsigned long flags;         /* MC_* */
	struct multicall_entry call; /* the entry being executed */
};
#define MC_ACTIVE    1
#define MC_PREEMPTED 2 /* `call` asks to be executed again, with new arguments */

/* Arch: execute e->op with e->args. -ENOSYS for numbers out of range and for calls that make no
 * sense here (iret, multicall); otherwise what the call returns. */
long arch_do_multicall_call(struct multicall_entry *e);

long do_multicall(XEN_GUEST_HANDLE_PARAM(multicall_entry_t) list, uint32_t nr);
long do_xen_version(int cmd, XEN_GUEST_HANDLE_PARAM(void) arg);
long do_nmi_op(unsigned int cmd, XEN_GUEST_HANDLE_PARAM(void) arg);
long do_xsm_op(XEN_GUEST_HANDLE_PARAM(void) arg);
long do_console_io(unsigned int cmd, unsigned int count, XEN_GUEST_HANDLE_PARAM(char) buffer);

/* common/memory.c. `cmd`: XENMEM_*, with the number of extents done in the bits above. */
long do_memory_op(unsigned long cmd, XEN_GUEST_HANDLE_PARAM(void) arg);
/* Arch: XENMEM_memory_map, machine_memory_map and set_memory_map. */
long arch_memory_op(unsigned long cmd, XEN_GUEST_HANDLE_PARAM(void) arg);

#endif
