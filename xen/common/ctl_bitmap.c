/* Bitmaps in the arguments of control operations. */
#include <xen/bitops.h>
#include <xen/domctl.h>
#include <xen/errno.h>
#include <xen/lib.h>
#include <asm/page.h>

static unsigned int byte_of(const unsigned long *map, unsigned int i)
{
	return map[i / sizeof(long)] >> i % sizeof(long) * 8 & 0xff;
}

int bitmap_from_xenctl(unsigned long *to, unsigned int nr, const struct xenctl_bitmap *from)
{
	unsigned int bits = min(nr, from->nr_bits);
	u8 byte;

	memset(to, 0, BITS_TO_LONGS(nr) * sizeof(long));
	for (unsigned int i = 0; i < DIV_ROUND_UP(bits, 8); i++) {
		if (raw_copy_from_guest(&byte, (const u8 *)from->bitmap.p + i, 1))
			return -EFAULT;
		if (bits - i * 8 < 8)
			byte &= (1u << (bits - i * 8)) - 1;
		to[i / sizeof(long)] |= (unsigned long)byte << i % sizeof(long) * 8;
	}
	return 0;
}

int bitmap_to_xenctl(const struct xenctl_bitmap *to, const unsigned long *from, unsigned int nr)
{
	unsigned int ours = DIV_ROUND_UP(nr, 8), theirs = to->nr_bits / 8 + !!(to->nr_bits % 8);

	/* Longer than any of ours will ever be: a mistake, and long work. */
	if (theirs > PAGE_SIZE)
		return -EINVAL;
	for (unsigned int i = 0; i < min(ours, theirs); i++) {
		unsigned int left = min(nr, to->nr_bits) - i * 8;
		u8 byte = byte_of(from, i);

		if (left < 8)
			byte &= (1u << left) - 1;
		if (raw_copy_to_guest((u8 *)to->bitmap.p + i, &byte, 1))
			return -EFAULT;
	}
	if (theirs > ours && raw_clear_guest((u8 *)to->bitmap.p + ours, theirs - ours))
		return -EFAULT;
	return 0;
}
