/* Copying to and from PV guests: plain accesses through the guest's page tables, with fixups. */
#ifndef ASM_GUEST_ACCESS_H
#define ASM_GUEST_ACCESS_H

#include <asm/alternative.h>
#include <asm/config.h>
#include <asm/extable.h>
#include <xen/compiler.h>
#include <xen/types.h>

/* [p, p + n) lies outside the hypervisor's part and does not wrap. */
static always_inline bool access_ok(const void *p, unsigned long n)
{
	unsigned long a = (unsigned long)p;

	return n < (1UL << 46) && a + n >= a &&
		(a + n <= HYPERVISOR_START || a >= HYPERVISOR_END);
}

/* Bytes not copied. Faults end the copy. */
unsigned long raw_copy_from_guest(void *dst, const void *src, unsigned long n);
unsigned long raw_copy_to_guest(void *dst, const void *src, unsigned long n);
unsigned long raw_clear_guest(void *dst, unsigned long n);

/* Read n (1 or 2) 64-bit words: the short way for hot paths. False on a fault or a bad address. */
static always_inline bool get_guest_u64(u64 *dst, const void *src, unsigned int n)
{
	u64 a, b = 0;

	if (!access_ok(src, n * 8))
		return false;
	if (n == 2) {
		__asm__ goto(ALT_STAC "1: movq (%2), %0\n2: movq 8(%2), %1\n" ALT_CLAC
			EXTABLE(1b, %l3) EXTABLE(2b, %l3)
			: "=&r"(a), "=&r"(b)
			: "r"(src)
			: "memory"
			: fault);
		dst[1] = b;
	} else {
		__asm__ goto(ALT_STAC "1: movq (%1), %0\n" ALT_CLAC EXTABLE(1b, %l2)
			: "=&r"(a)
			: "r"(src)
			: "memory"
			: fault);
	}
	dst[0] = a;
	return true;
fault:
	clac();
	return false;
}

#endif
