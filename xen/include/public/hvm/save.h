/*
 * Saved state of an HVM guest: a sequence of records, each a descriptor and then the structure
 * whose type the descriptor names. The first is a HEADER, the last an END.
 */
#ifndef __XEN_PUBLIC_HVM_SAVE_H__
#define __XEN_PUBLIC_HVM_SAVE_H__

#if !defined(__GNUC__) || defined(__STRICT_ANSI__)
#error "needs anonymous structures and unions"
#endif

#include "../xen.h"

struct hvm_save_descriptor {
	uint16_t typecode;
	uint16_t instance; /* vcpu, or number of the device */
	uint32_t length;   /* bytes that follow */
};

/*
 * Tie a record name to its code and structure, in a type that is never instantiated: sizeof c is
 * the code, sizeof cpt - 1 tells whether an older, shorter structure is accepted too. For those
 * records the hypervisor also keeps a function that converts such a structure in place.
 */
#ifdef __XEN__
#define DECLARE_HVM_SAVE_TYPE_COMPAT(_x, _code, _type, _ctype, _fix)                               \
	static inline int __HVM_SAVE_FIX_COMPAT_##_x(void *h, uint32_t size)                       \
	{                                                                                          \
		return _fix(h, size);                                                              \
	}                                                                                          \
	struct __HVM_SAVE_TYPE_##_x {                                                              \
		_type t;                                                                           \
		char c[_code];                                                                     \
		char cpt[2];                                                                       \
	};                                                                                         \
	struct __HVM_SAVE_TYPE_COMPAT_##_x {                                                       \
		_ctype t;                                                                          \
	}
#define DECLARE_HVM_SAVE_TYPE(_x, _code, _type)                                                    \
	static inline int __HVM_SAVE_FIX_COMPAT_##_x(void *h, uint32_t size)                       \
	{                                                                                          \
		(void)h;                                                                           \
		(void)size;                                                                        \
		return -1; /* there is no older structure */                                       \
	}                                                                                          \
	struct __HVM_SAVE_TYPE_##_x {                                                              \
		_type t;                                                                           \
		char c[_code];                                                                     \
		char cpt[1];                                                                       \
	};                                                                                         \
	struct __HVM_SAVE_TYPE_COMPAT_##_x {                                                       \
		_type t;                                                                           \
	}
#else
#define DECLARE_HVM_SAVE_TYPE_COMPAT(_x, _code, _type, _ctype, _fix)                               \
	struct __HVM_SAVE_TYPE_##_x {                                                              \
		_type t;                                                                           \
		char c[_code];                                                                     \
		char cpt[2];                                                                       \
	}
#define DECLARE_HVM_SAVE_TYPE(_x, _code, _type)                                                    \
	struct __HVM_SAVE_TYPE_##_x {                                                              \
		_type t;                                                                           \
		char c[_code];                                                                     \
		char cpt[1];                                                                       \
	}
#endif

#define HVM_SAVE_TYPE(_x)   __typeof__(((struct __HVM_SAVE_TYPE_##_x *)0)->t)
#define HVM_SAVE_LENGTH(_x) (sizeof(HVM_SAVE_TYPE(_x)))
#define HVM_SAVE_CODE(_x)   (sizeof(((struct __HVM_SAVE_TYPE_##_x *)0)->c))

#ifdef __XEN__
#define HVM_SAVE_TYPE_COMPAT(_x) __typeof__(((struct __HVM_SAVE_TYPE_COMPAT_##_x *)0)->t)

#define HVM_SAVE_LENGTH_COMPAT(_x)           (sizeof(HVM_SAVE_TYPE_COMPAT(_x)))
#define HVM_SAVE_HAS_COMPAT(_x)              (sizeof(((struct __HVM_SAVE_TYPE_##_x *)0)->cpt) - 1)
#define HVM_SAVE_FIX_COMPAT(_x, _dst, _size) __HVM_SAVE_FIX_COMPAT_##_x(_dst, _size)
#endif

struct hvm_save_end {
};
DECLARE_HVM_SAVE_TYPE(END, 0, struct hvm_save_end);

#include "../arch-x86/hvm/save.h"

#endif /* __XEN_PUBLIC_HVM_SAVE_H__ */
