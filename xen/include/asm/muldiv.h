/* Products of 128 bits on the way to a quotient of 64. */
#ifndef ASM_MULDIV_H
#define ASM_MULDIV_H

#include <xen/compiler.h>
#include <xen/types.h>

/* a * b / c without losing the upper half; ~0 when the quotient does not fit, or c is 0. */
static always_inline u64 muldiv64(u64 a, u64 b, u64 c)
{
	u64 hi, lo;

	__asm__("mulq %3" : "=a"(lo), "=d"(hi) : "0"(a), "rm"(b));
	if (hi >= c)
		return ~0ULL;
	__asm__("divq %4" : "=a"(lo), "=d"(hi) : "0"(lo), "1"(hi), "rm"(c));
	return lo;
}

#endif
