/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The x86 branch filter of xz: the encoder replaced the relative operands of CALL (E8) and JMP (E9)
 * by absolute ones, so that calls of one function look alike. This turns them back.
 */

#include "bcj_x86.h"

#define BYTES(b) (0x0101010101010101ULL * (b))

/* Top byte of an operand within +-16 MiB, the only ones the encoder converts. */
static inline bool near_top(uint8_t b)
{
	return b == 0x00 || b == 0xff;
}

/* High bit of every byte of @w that is not E8 or E9. */
static inline uint64_t not_opcode(uint64_t w)
{
	return ((w ^ BYTES(0xe8)) >> 1 & BYTES(0x7f)) + BYTES(0x7f);
}

/* Index of the first E8 or E9 in @i..@end-1, or @end. */
static size_t next_opcode(const uint8_t *buf, size_t i, size_t end)
{
	for (; end - i >= 32; i += 32) {
		uint64_t all = not_opcode(get_le64(buf + i)) & not_opcode(get_le64(buf + i + 8)) &
			       not_opcode(get_le64(buf + i + 16)) &
			       not_opcode(get_le64(buf + i + 24));

		if ((all & BYTES(0x80)) != BYTES(0x80))
			break;
	}
	for (; end - i >= 8; i += 8) {
		uint64_t hit = ~not_opcode(get_le64(buf + i)) & BYTES(0x80);

		if (hit)
			return i + (__builtin_ctzll(hit) >> 3);
	}
	while (i < end && (buf[i] & 0xfe) != 0xe8)
		i++;
	return i;
}

/*
 * Operand that the encoder replaced by @abs, for an instruction that ends at @next. When an
 * unconverted opcode stands @back (1..3) bytes before this one, the encoder made sure that the byte
 * the two operands share does not look near again, by applying the conversion twice.
 */
static inline uint32_t relative(uint32_t abs, uint32_t next, unsigned int back)
{
	uint32_t rel = abs - next;

	if (back && near_top(rel >> (24 - back * 8)))
		rel = (rel ^ ((1U << (32 - back * 8)) - 1)) - next;
	/* 25 bits count; the rest repeats the sign. */
	return (uint32_t)((int32_t)(rel << 7) >> 7);
}

void bcj_x86_decode(uint8_t *buf, size_t len, uint32_t start)
{
	/* Bit k: an opcode left unconverted stands k + 1 bytes before buf[i]. */
	static const uint8_t back_of[8] = {0, 1, 2, 0, 3, 0, 0, 0};
	unsigned int seen = 0;
	size_t i = 0, last = 0, end;

	if (len < 5)
		return;
	end = len - 4;
	while ((i = next_opcode(buf, i, end)) < end) {
		unsigned int back;

		if (seen)
			seen = i - last > 3 ? 0 : (seen << (i - last - 1)) & 7;
		back = back_of[seen];
		last = i;
		if (near_top(buf[i + 4]) && (!seen || (back && !near_top(buf[i + 4 - back])))) {
			put_le32(buf + i + 1,
				relative(get_le32(buf + i + 1), start + (uint32_t)i + 5, back));
			seen = 0;
			i += 5;
		} else {
			seen = seen << 1 | 1;
			i++;
		}
	}
}
