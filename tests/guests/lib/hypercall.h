/* Hypercalls of 64-bit PV guests, by the bare instruction. */
#ifndef GUEST_HYPERCALL_H
#define GUEST_HYPERCALL_H

#include <stdint.h>
#include <public/xen.h>

static inline long hypercall(unsigned long nr, unsigned long a, unsigned long b, unsigned long c, unsigned long d,
	unsigned long e, unsigned long f)
{
	register unsigned long r10 __asm__("r10") = d;
	register unsigned long r8 __asm__("r8") = e;
	register unsigned long r9 __asm__("r9") = f;
	long ret = nr;

	__asm__ volatile("syscall"
			 : "+a"(ret), "+D"(a), "+S"(b), "+d"(c), "+r"(r10), "+r"(r8), "+r"(r9)
			 :
			 : "rcx", "r11", "memory", "cc");
	return ret;
}

/* With up to six arguments; those left out are 0. */
#define HYPERCALL_(nr, a, b, c, d, e, f, ...)                                                                         \
	hypercall(nr, (unsigned long)(a), (unsigned long)(b), (unsigned long)(c), (unsigned long)(d),                 \
		(unsigned long)(e), (unsigned long)(f))
#define HYPERCALL(name, ...) HYPERCALL_(__HYPERVISOR_##name, __VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)
#define HYPERCALL_NR(nr, ...) HYPERCALL_(nr, __VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)

#endif
