/*
 * Copying and filling memory. Whole words go through the string instructions, which are both the
 * shortest and, with fast-string microcode, the fastest way on the processors we run on; short and
 * odd ends are done with overlapping accesses instead of byte loops.
 */
#include <xen/lib.h>

#undef memcpy
#undef memmove
#undef memset

/* Unaligned access of any type. */
#define WORD(type, p) (*(type *)(p))
typedef u64 __attribute__((may_alias, aligned(1))) word8;
typedef u32 __attribute__((may_alias, aligned(1))) word4;
typedef u16 __attribute__((may_alias, aligned(1))) word2;

/* n < 8; all reads come before all writes, so that any overlap is fine. */
static always_inline void copy_short(char *d, const char *s, size_t n)
{
	if (n >= 4) {
		u32 a = WORD(const word4, s), b = WORD(const word4, s + n - 4);

		WORD(word4, d) = a;
		WORD(word4, d + n - 4) = b;
	} else if (n >= 2) {
		u16 a = WORD(const word2, s), b = WORD(const word2, s + n - 2);

		WORD(word2, d) = a;
		WORD(word2, d + n - 2) = b;
	} else if (n) {
		*d = *s;
	}
}

void *memcpy(void *d, const void *s, size_t n)
{
	char *dst = d;
	const char *src = s;
	size_t words = n / 8;
	u64 last;

	if (n < 8) {
		copy_short(dst, src, n);
		return d;
	}
	last = WORD(const word8, src + n - 8);
	if (n <= 16) {
		u64 first = WORD(const word8, src);

		WORD(word8, dst) = first;
	} else {
		__asm__ volatile("rep movsq" : "+D"(dst), "+S"(src), "+c"(words)::"memory");
	}
	WORD(word8, (char *)d + n - 8) = last;
	return d;
}

/* Downwards without the direction flag: interrupt entries rely on it being clear. */
static void copy_down(char *d, const char *s, size_t n)
{
	u64 first = WORD(const word8, s);

	while (n > 8) {
		n -= 8;
		WORD(word8, d + n) = WORD(const word8, s + n);
		barrier(); /* keeps this loop from becoming a call of memmove() */
	}
	WORD(word8, d) = first;
}

void *memmove(void *d, const void *s, size_t n)
{
	if (n < 8)
		copy_short(d, s, n);
	else if ((unsigned long)d - (unsigned long)s >= n)
		/* Also right for d < s: words go upwards, and the last one is read first. */
		memcpy(d, s, n);
	else
		copy_down(d, s, n);
	return d;
}

void *memset(void *d, int c, size_t n)
{
	char *dst = d;
	u64 v = (u8)c * 0x0101010101010101UL;
	size_t words = n / 8;

	if (n < 8) {
		if (n >= 4) {
			WORD(word4, dst) = v;
			WORD(word4, dst + n - 4) = v;
		} else if (n >= 2) {
			WORD(word2, dst) = v;
			WORD(word2, dst + n - 2) = v;
		} else if (n) {
			*dst = v;
		}
		return d;
	}
	WORD(word8, dst + n - 8) = v;
	__asm__ volatile("rep stosq" : "+D"(dst), "+c"(words) : "a"(v) : "memory");
	return d;
}
