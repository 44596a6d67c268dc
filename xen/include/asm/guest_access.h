/* Copying to and from PV guests: plain accesses through the guest's page tables, with fixups. */
#ifndef ASM_GUEST_ACCESS_H
#define ASM_GUEST_ACCESS_H

#include <asm/config.h>
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

#endif
