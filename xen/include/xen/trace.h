/* Trace buffers: what happens when, for tools to read. Events and layouts: public/trace.h. */
#ifndef XEN_TRACE_H
#define XEN_TRACE_H

#include <xen/compiler.h>
#include <xen/types.h>
#include <public/trace.h>

struct domain;
struct xen_sysctl;

/* Does a tool listen? Looked at before everything else, so that tracing costs nothing when off. */
extern bool trace_active;

/* Append a record with a time stamp to this CPU's buffer; at most TRACE_EXTRA_MAX words. Any context. */
void trace_event(u32 event, unsigned int nr, const u32 *words);

/* TRACE(event, words...): each word is converted to 32 bits. */
#define TRACE(event, ...)                                                                          \
	do {                                                                                       \
		if (unlikely(trace_active)) {                                                      \
			const u32 tr_[] = { __VA_ARGS__ };                                         \
			trace_event(event, ARRAY_SIZE(tr_), tr_);                                  \
		}                                                                                  \
	} while (0)
/* A 64-bit value as two words of a record. */
#define TRACE_U64(x) (u32)(x), (u32)((u64)(x) >> 32)

/* From entry.S: the hypercall that the guest's registers ask for. */
void trace_hypercall(void);
/* A call within a multicall. */
void trace_multicall_call(unsigned long op, const unsigned long args[6]);

/* Boot, when all CPUs are up: tbuf_size=. */
void trace_init(void);
/* XEN_SYSCTL_tbuf_op. -EINVAL: unknown operation, no buffers yet, or other size; -ENOMEM, -EFAULT. */
long sysctl_tbuf_op(struct xen_sysctl *op);

#endif
