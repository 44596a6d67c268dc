/*
 * The only doors to guest memory. A guest handle is a pointer in the caller's address space; every
 * copy checks that it lies outside the hypervisor and survives faults. All return 0 on success and
 * non-zero (bytes not copied) otherwise, which callers turn into -EFAULT.
 */
#ifndef XEN_GUEST_ACCESS_H
#define XEN_GUEST_ACCESS_H

#include <xen/compiler.h>
#include <xen/types.h>
#include <public/xen.h>
#include <asm/guest_access.h>

#define guest_handle_is_null(h)  ((h).p == NULL)
#define guest_handle_add_offset(h, n) ((h).p += (n))
#define guest_handle_cast(h, t)                                                                    \
	({                                                                                         \
		XEN_GUEST_HANDLE(t) ghc_ = { (void *)(h).p };                                      \
		ghc_;                                                                              \
	})
#define guest_handle_from_ptr(ptr, t) ((XEN_GUEST_HANDLE(t)){ (t *)(ptr) })

/* Index check against address wrap is part of the range check on (p + off). */
#define copy_from_guest_offset(dst, h, off, n)                                                     \
	({                                                                                         \
		const void *cfg_s_ = (h).p;                                                        \
		guest_offset_bad(off, n, sizeof(*(dst)))                                           \
			? 1UL                                                                      \
			: raw_copy_from_guest((dst), (const char *)cfg_s_ + (off) * sizeof(*(dst)), \
				  (n) * sizeof(*(dst)));                                           \
	})
#define copy_to_guest_offset(h, off, src, n)                                                       \
	({                                                                                         \
		void *ctg_d_ = (void *)(h).p;                                                      \
		guest_offset_bad(off, n, sizeof(*(src)))                                           \
			? 1UL                                                                      \
			: raw_copy_to_guest((char *)ctg_d_ + (off) * sizeof(*(src)), (src),        \
				  (n) * sizeof(*(src)));                                           \
	})
#define copy_from_guest(dst, h, n) copy_from_guest_offset(dst, h, 0UL, n)
#define copy_to_guest(h, src, n)   copy_to_guest_offset(h, 0UL, src, n)
#define copy_field_to_guest(h, src, f)                                                             \
	({                                                                                         \
		typeof(&(src)->f) cft_ = (void *)((char *)(h).p + offsetof(typeof(*(src)), f));    \
		raw_copy_to_guest(cft_, &(src)->f, sizeof(*cft_));                                 \
	})
#define clear_guest(h, n) raw_clear_guest((void *)(h).p, n)

static always_inline bool guest_offset_bad(unsigned long off, unsigned long n, unsigned long size)
{
	return off > (1UL << 46) / size || n > (1UL << 46) / size;
}

#endif
