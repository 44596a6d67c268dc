/* Bit operations on arrays of unsigned long. The plain names are atomic, the __ ones are not. */
#ifndef XEN_BITOPS_H
#define XEN_BITOPS_H

#include <xen/compiler.h>
#include <xen/types.h>

#define BITS_PER_LONG       64
#define BITS_TO_LONGS(n)    (((n) + 63) / 64)
#define DECLARE_BITMAP(n, b) unsigned long n[BITS_TO_LONGS(b)]
#define BIT(n)              (1UL << (n))

static always_inline bool test_bit(unsigned long n, const volatile void *p)
{
	return ((const volatile u32 *)p)[n / 32] >> (n % 32) & 1;
}

static always_inline void set_bit(unsigned long n, volatile void *p)
{
	__atomic_fetch_or((volatile u32 *)p + n / 32, 1u << (n % 32), __ATOMIC_SEQ_CST);
}

static always_inline void clear_bit(unsigned long n, volatile void *p)
{
	__atomic_fetch_and((volatile u32 *)p + n / 32, ~(1u << (n % 32)), __ATOMIC_SEQ_CST);
}

static always_inline bool test_and_set_bit(unsigned long n, volatile void *p)
{
	u32 m = 1u << (n % 32);

	return __atomic_fetch_or((volatile u32 *)p + n / 32, m, __ATOMIC_SEQ_CST) & m;
}

static always_inline bool test_and_clear_bit(unsigned long n, volatile void *p)
{
	u32 m = 1u << (n % 32);

	return __atomic_fetch_and((volatile u32 *)p + n / 32, ~m, __ATOMIC_SEQ_CST) & m;
}

static always_inline void __set_bit(unsigned long n, void *p)
{
	((u32 *)p)[n / 32] |= 1u << (n % 32);
}

static always_inline void __clear_bit(unsigned long n, void *p)
{
	((u32 *)p)[n / 32] &= ~(1u << (n % 32));
}

static always_inline bool __test_and_set_bit(unsigned long n, void *p)
{
	bool old = test_bit(n, p);

	__set_bit(n, p);
	return old;
}

/* First set (or clear) bit at or above `from`, or `size`. */
static inline unsigned int find_next_bit(const unsigned long *p, unsigned int size, unsigned int from)
{
	while (from < size) {
		unsigned long w = p[from / 64] >> (from % 64);

		if (w) {
			from += __builtin_ctzl(w);
			return from < size ? from : size;
		}
		from = (from | 63) + 1;
	}
	return size;
}

static inline unsigned int find_next_zero_bit(
	const unsigned long *p, unsigned int size, unsigned int from)
{
	while (from < size) {
		unsigned long w = ~p[from / 64] >> (from % 64);

		if (w) {
			from += __builtin_ctzl(w);
			return from < size ? from : size;
		}
		from = (from | 63) + 1;
	}
	return size;
}
#define find_first_bit(p, s)      find_next_bit(p, s, 0)
#define find_first_zero_bit(p, s) find_next_zero_bit(p, s, 0)

static always_inline unsigned int hweight64(u64 x)
{
	x -= x >> 1 & 0x5555555555555555;
	x = (x & 0x3333333333333333) + (x >> 2 & 0x3333333333333333);
	x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0f;
	return x * 0x0101010101010101 >> 56;
}

/* Number of the highest set bit plus one; 0 for 0. */
static always_inline unsigned int fls64(u64 x)
{
	return x ? 64 - __builtin_clzll(x) : 0;
}

/* Smallest order with 2^order pages >= n pages. */
static always_inline unsigned int order_from_pages(unsigned long n)
{
	return n <= 1 ? 0 : fls64(n - 1);
}

#endif
