/* Small objects of the hypervisor: power-of-two size classes over the page allocator. */
#ifndef XEN_XMALLOC_H
#define XEN_XMALLOC_H

#include <xen/types.h>

/* `size` bytes aligned to `align` (a power of two, 0 = 16), or NULL. Not in interrupt context. */
void *xmalloc_bytes(size_t size, size_t align);
/* As xmalloc_bytes, cleared. */
void *xzalloc_bytes(size_t size, size_t align);
/* NULL is allowed. */
void xfree(void *p);

#define xmalloc(t)          ((t *)xmalloc_bytes(sizeof(t), __alignof__(t)))
#define xzalloc(t)          ((t *)xzalloc_bytes(sizeof(t), __alignof__(t)))
/* NULL as well when n * sizeof(t) would overflow. */
#define xmalloc_array(t, n) ((t *)xmalloc_array_bytes(sizeof(t), __alignof__(t), n))
#define xzalloc_array(t, n) ((t *)xzalloc_array_bytes(sizeof(t), __alignof__(t), n))

static inline void *xmalloc_array_bytes(size_t size, size_t align, size_t n)
{
	return n && size > (1ul << 30) / n ? NULL : xmalloc_bytes(size * n, align);
}

static inline void *xzalloc_array_bytes(size_t size, size_t align, size_t n)
{
	return n && size > (1ul << 30) / n ? NULL : xzalloc_bytes(size * n, align);
}

#endif
