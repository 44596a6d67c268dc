/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CRC-32 (IEEE 802.3) and CRC-64 (ECMA-182), both in the bit-reflected form that gzip and xz use.
 *
 * Tables are made at first use. Two processors that race to make one write the same numbers.
 */

#include "private.h"

#define CRC32_POLY 0xedb88320U
#define CRC64_POLY 0xc96c5795d7870f42ULL

/*
 * Long buffers are first shortened without a table. With P the generator of CRC-32,
 *
 *	x^3006 + x^2866 + x^2215 + 1  is a multiple of P
 *
 * (the one of lowest degree with four terms), and squaring six times over GF(2) shows that the same
 * exponents times 64 give a multiple too. So adding any 64-bit word of the message to the words
 *140, 791 and 3006 places further on and then dropping it does not change the remainder: four
 *loads, three XORs and a store for eight bytes, against eight table look-ups.
 */
#define FOLD_WORDS 3006
#define FOLD_A     140 /* 3006 - 2866 */
#define FOLD_B     791 /* 3006 - 2215 */
#define FOLD_BYTES (FOLD_WORDS * sizeof(uint64_t))
#define FOLD_MIN   (4 * FOLD_BYTES)

static uint32_t crc32_bytes(uint32_t crc, const uint8_t *data, size_t len)
{
	static uint32_t table[256];
	static bool ready;

	if (!ready) {
		for (uint32_t i = 0; i < 256; i++) {
			uint32_t v = i;

			for (int k = 0; k < 8; k++)
				v = v >> 1 ^ (v & 1 ? CRC32_POLY : 0);
			table[i] = v;
		}
		ready = true;
	}
	while (len--)
		crc = table[(uint8_t)(crc ^ *data++)] ^ crc >> 8;
	return crc;
}

/*
 * Run words @from..@to-1 of a round: each takes in the message word, what the word of the same
 * index of the round before left, and the two words at the offsets @a and @b.
 */
static always_inline void fold_words(
	uint64_t *q, const uint8_t *data, size_t from, size_t to, ptrdiff_t a, ptrdiff_t b)
{
#pragma GCC unroll 8
	for (size_t i = from; i < to; i++)
		q[i] ^= get_le64(data + i * 8) ^ q[i + a] ^ q[i + b];
}

/*
 * Reduce rounds of FOLD_WORDS words while at least two rounds' worth of message is left, then
 * replace the next FOLD_WORDS words by their sum with what is due to them, in @q.
 * Returns how many bytes of @data that took.
 */
static size_t crc32_fold(uint64_t *q, uint32_t crc, const uint8_t *data, size_t len)
{
	size_t done = 0;

	memset(q, 0, FOLD_BYTES);
	q[0] = crc; /* the register's start value is added to the first bits */
	for (; len - done >= 2 * FOLD_BYTES; done += FOLD_BYTES) {
		fold_words(q, data + done, 0, FOLD_A, FOLD_WORDS - FOLD_A, FOLD_WORDS - FOLD_B);
		fold_words(q, data + done, FOLD_A, FOLD_B, -FOLD_A, FOLD_WORDS - FOLD_B);
		fold_words(q, data + done, FOLD_B, FOLD_WORDS, -FOLD_A, -FOLD_B);
	}
	for (size_t i = 0; i < FOLD_WORDS; i++) {
		q[i] ^= get_le64(data + done + i * 8);
		if (i < FOLD_A)
			q[i] ^= q[i + FOLD_WORDS - FOLD_A];
		if (i < FOLD_B)
			q[i] ^= q[i + FOLD_WORDS - FOLD_B];
	}
	return done + FOLD_BYTES;
}

uint32_t crc32(const uint8_t *data, size_t len)
{
	uint32_t crc = UINT32_MAX;
	uint64_t *q = NULL;

	if (len >= FOLD_MIN)
		q = xmalloc_bytes(FOLD_BYTES, sizeof(*q));
	if (q) {
		size_t done = crc32_fold(q, crc, data, len);

		crc = crc32_bytes(0, (const uint8_t *)q, FOLD_BYTES);
		data += done;
		len -= done;
		xfree(q);
	}
	return ~crc32_bytes(crc, data, len);
}

uint64_t crc64(const uint8_t *data, size_t len)
{
	static uint64_t table[8][256];
	static bool ready;
	uint64_t crc = UINT64_MAX;

	if (!ready) {
		for (uint32_t i = 0; i < 256; i++) {
			uint64_t v = i;

			for (int k = 0; k < 64; k++) {
				v = v >> 1 ^ (v & 1 ? CRC64_POLY : 0);
				if (k % 8 == 7)
					table[k / 8][i] = v;
			}
		}
		ready = true;
	}
	/* Eight bytes at once: the byte that has k more to pass through uses table k. */
	for (; len >= 8; data += 8, len -= 8) {
		uint64_t w = crc ^ get_le64(data);

		crc = 0;
#pragma GCC unroll 8
		for (int k = 7; k >= 0; k--, w >>= 8)
			crc ^= table[k][(uint8_t)w];
	}
	while (len--)
		crc = table[0][(uint8_t)(crc ^ *data++)] ^ crc >> 8;
	return ~crc;
}
