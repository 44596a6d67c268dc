/* Host tests: nobody listens. The test of the trace buffers has the real header. */
#ifdef TEST_TRACE
#include_next <xen/trace.h>
#else
#ifndef XEN_TRACE_H
#define XEN_TRACE_H

#include <xen/types.h>
#include <public/trace.h>

#define trace_active false
#define TRACE_U64(x) (u32)(x), (u32)((u64)(x) >> 32)
#define TRACE(event, ...)                                                                          \
	do {                                                                                       \
		const u32 tr_[] = { __VA_ARGS__ };                                                 \
		(void)tr_;                                                                         \
		(void)(event);                                                                     \
	} while (0)
static inline void trace_multicall_call(unsigned long op, const unsigned long args[6]) {}

#endif
#endif
