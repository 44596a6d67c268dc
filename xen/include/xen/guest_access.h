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
		const char *cfg_s_ = (const void *)(h).p;                                          \
		unsigned long cfg_o_ = (off), cfg_n_ = (n);                                        \
		guest_offset_bad(cfg_o_, cfg_n_, sizeof(*(dst)))                                   \
			? 1UL                                                                      \
			: raw_copy_from_guest((dst), cfg_s_ + cfg_o_ * sizeof(*(dst)),             \
				  cfg_n_ * sizeof(*(dst)));                                        \
	})
#define copy_to_guest_offset(h, off, src, n)                                                       \
	({                                                                                         \
		char *ctg_d_ = (void *)(h).p;                                                      \
		unsigned long ctg_o_ = (off), ctg_n_ = (n);                                        \
		guest_offset_bad(ctg_o_, ctg_n_, sizeof(*(src)))                                   \
			? 1UL                                                                      \
			: raw_copy_to_guest(ctg_d_ + ctg_o_ * sizeof(*(src)), (src),               \
				  ctg_n_ * sizeof(*(src)));                                        \
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
