/* SPDX-License-Identifier: GPL-2.0-only */
/* Entropy coding of Zstandard (RFC 8878, section 4): backward bit streams, FSE and Huffman. */

#ifndef DECOMPRESS_ZSTD_H
#define DECOMPRESS_ZSTD_H

#include "private.h"

#define FSE_MAX_LOG     9
#define FSE_MAX_SYMBOLS 53 /* match lengths have the most */
#define HUF_MAX_BITS    11

/*
 * Bits read from the end of a buffer towards its start. Beyond the start there are zeros, and
 * @left is negative.
 */
struct zbits {
	const uint8_t *start, *p; /* not yet loaded: start..p-1 */
	uint64_t bits;            /* the next bit is the highest */
	int left;                 /* valid bits in @bits */
};

struct fse_entry {
	uint16_t base; /* next state, before adding @bits bits */
	uint8_t symbol, bits;
};

struct fse_table {
	unsigned int log; /* table has 1 << log entries */
	bool valid;
	struct fse_entry entry[1 << FSE_MAX_LOG];
};

struct huf_table {
	unsigned int max_bits;             /* 0: none */
	uint16_t entry[1 << HUF_MAX_BITS]; /* length << 8 | symbol, by the next max_bits bits */
};

/* Start on the @size bytes at @buf, behind the end mark. -EINVAL if there is none. */
static inline int zbits_init(struct zbits *b, const uint8_t *buf, size_t size)
{
	unsigned int skip;

	if (!size || !buf[size - 1])
		return -EINVAL;
	skip = __builtin_clz(buf[size - 1]) - 24 + 1;
	b->start = buf;
	b->p = buf + size - 1;
	b->left = 8 - skip;
	b->bits = skip < 8 ? (uint64_t)buf[size - 1] << (56 + skip) : 0;
	return 0;
}

/* Have at least 56 bits ready, or all that there are. */
static always_inline void zbits_refill(struct zbits *b)
{
	if (b->left < 0)
		return;
	if (b->p - b->start >= 8) {
		b->bits |= get_le64(b->p - 8) >> b->left;
		b->p -= (63 - b->left) >> 3;
		b->left |= 56;
		return;
	}
	while (b->left <= 56 && b->p > b->start) {
		b->bits |= (uint64_t) * --b->p << (56 - b->left);
		b->left += 8;
	}
}

/* Use @n (0 to 56) of the bits that are ready. */
static always_inline uint64_t zbits_take(struct zbits *b, unsigned int n)
{
	uint64_t v = b->bits >> 1 >> (63 - n);

	b->bits <<= n;
	b->left -= n;
	return v;
}

/* Whether all bits were used and no more. */
static inline bool zbits_done(const struct zbits *b)
{
	return b->left == 0 && b->p == b->start;
}

/* Make the decoding table (section 4.1.1) of @n symbols with the given counts; -1 is "below 1". */
int fse_build(struct fse_table *t, const int16_t *count, unsigned int n, unsigned int log);

/*
 * Read a table description for at most @max_symbols symbols and @max_log bits at *@in, and move
 * *@in behind it.
 */
int fse_read(struct fse_table *t, const uint8_t **in, const uint8_t *end, unsigned int max_symbols,
	unsigned int max_log);

/* Read a Huffman tree description (section 4.2.1) at *@in, and move *@in behind it. */
int huf_read(
	struct huf_table *t, struct fse_table *scratch, const uint8_t **in, const uint8_t *end);

/* Decode exactly @n symbols from the whole stream of @size bytes at @in. */
int huf_decode(const struct huf_table *t, const uint8_t *in, size_t size, uint8_t *out, size_t n);

#endif /* DECOMPRESS_ZSTD_H */
