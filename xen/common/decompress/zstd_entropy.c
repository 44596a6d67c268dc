/* SPDX-License-Identifier: GPL-2.0-only */
/* FSE and Huffman tables of Zstandard (RFC 8878, sections 4.1 and 4.2). */

#include "zstd.h"

#define HUF_SYMBOLS        256
#define HUF_WEIGHT_LOG     6  /* most bits of the FSE table for weights */
#define HUF_WEIGHT_SYMBOLS 13 /* weights 0 to 12, of which 12 is refused later */

static unsigned int log2_of(uint32_t v)
{
	return 31 - __builtin_clz(v);
}

int fse_build(struct fse_table *t, const int16_t *count, unsigned int n, unsigned int log)
{
	uint16_t next[FSE_MAX_SYMBOLS];
	unsigned int size = 1U << log, top = size, pos = 0, step = (size >> 1) + (size >> 3) + 3;

	t->valid = false;
	for (unsigned int s = 0; s < n; s++) {
		next[s] = count[s];
		if (count[s] == -1) {
			t->entry[--top].symbol = s;
			next[s] = 1;
		}
	}
	for (unsigned int s = 0; s < n; s++) {
		for (int i = 0; i < count[s]; i++) {
			t->entry[pos].symbol = s;
			do {
				pos = (pos + step) & (size - 1);
			} while (pos >= top);
		}
	}
	if (pos)
		return -EINVAL;
	for (unsigned int i = 0; i < size; i++) {
		struct fse_entry *e = &t->entry[i];
		unsigned int state = next[e->symbol]++;

		e->bits = log - log2_of(state);
		e->base = (state << e->bits) - size;
	}
	t->log = log;
	t->valid = true;
	return 0;
}

/* Bits from the start of a buffer, lowest first. Beyond the end there are zeros. */
struct forward {
	const uint8_t *in;
	size_t size, pos; /* bytes; bits used */
};

static unsigned int forward_take(struct forward *f, unsigned int n)
{
	unsigned int v = 0;

	for (unsigned int i = 0; i < n; i++, f->pos++) {
		if (f->pos / 8 < f->size)
			v |= (f->in[f->pos / 8] >> (f->pos % 8) & 1U) << i;
	}
	return v;
}

/*
 * One probability. Values up to the number of points left (plus one, as -1 is a value too) take
 * one bit less for as many small ones as that leaves codes for.
 */
static int take_count(struct forward *f, unsigned int left)
{
	unsigned int bits = log2_of(left + 1) + 1, low = (1U << (bits - 1)) - 1;
	unsigned int spare = (1U << bits) - 2 - left, v = forward_take(f, bits);

	if ((v & low) < spare) {
		f->pos--;
		v &= low;
	} else if (v > low) {
		v -= spare;
	}
	return (int)v - 1;
}

int fse_read(struct fse_table *t, const uint8_t **in, const uint8_t *end, unsigned int max_symbols,
	unsigned int max_log)
{
	struct forward f = {*in, end - *in, 0};
	int16_t count[FSE_MAX_SYMBOLS];
	unsigned int log = forward_take(&f, 4) + 5, left = 1U << log, n = 0;

	if (log > max_log)
		return -EINVAL;
	while (left) {
		int c = take_count(&f, left);
		unsigned int zeros;

		if (n >= max_symbols || (c > 0 && (unsigned int)c > left))
			return -EINVAL;
		count[n++] = c;
		left -= c < 0 ? 1 : c;
		if (c)
			continue;
		do {
			zeros = forward_take(&f, 2);
			if (zeros > max_symbols - n)
				return -EINVAL;
			for (unsigned int i = 0; i < zeros; i++)
				count[n++] = 0;
		} while (zeros == 3);
	}
	if (f.pos > f.size * 8)
		return -EINVAL;
	*in += (f.pos + 7) / 8;
	return fse_build(t, count, n, log);
}

/* Weights coded by two FSE states in turn, until the bits run out. */
static int read_fse_weights(struct fse_table *t, const uint8_t *in, const uint8_t *end,
	uint8_t *weight, unsigned int *n)
{
	unsigned int state[2];
	struct zbits b;

	if (fse_read(t, &in, end, HUF_WEIGHT_SYMBOLS, HUF_WEIGHT_LOG) ||
		zbits_init(&b, in, end - in))
		return -EINVAL;
	zbits_refill(&b);
	state[0] = zbits_take(&b, t->log);
	state[1] = zbits_take(&b, t->log);
	if (b.left < 0)
		return -EINVAL;
	/* The 256th weight is never written down: it follows from the others. */
	for (*n = 0; *n < HUF_SYMBOLS - 2;) {
		unsigned int *s = &state[*n & 1];
		const struct fse_entry *e = &t->entry[*s];

		weight[(*n)++] = e->symbol;
		zbits_refill(&b);
		*s = e->base + zbits_take(&b, e->bits);
		if (b.left < 0) {
			weight[*n] = t->entry[state[*n & 1]].symbol;
			(*n)++;
			return 0;
		}
	}
	return -EINVAL;
}

static int read_weights(struct fse_table *t, const uint8_t **in, const uint8_t *end,
	uint8_t *weight, unsigned int *n)
{
	const uint8_t *data;
	unsigned int head, size;

	if (*in >= end)
		return -EINVAL;
	head = *(*in)++;
	size = head < 128 ? head : (head - 127 + 1) / 2;
	if (size > (size_t)(end - *in))
		return -EINVAL;
	data = *in;
	*in += size;
	if (head < 128)
		return read_fse_weights(t, data, data + size, weight, n);
	*n = head - 127;
	for (unsigned int i = 0; i < *n; i++)
		weight[i] = i % 2 ? data[i / 2] & 15 : data[i / 2] >> 4;
	return 0;
}

/* Complete the weights with the last symbol's. Returns the longest code's length or -EINVAL. */
static int last_weight(uint8_t *weight, unsigned int *n)
{
	uint32_t sum = 0, rest;
	unsigned int bits;

	for (unsigned int i = 0; i < *n; i++) {
		if (weight[i] > HUF_MAX_BITS)
			return -EINVAL;
		sum += weight[i] ? 1U << (weight[i] - 1) : 0;
	}
	if (!sum)
		return -EINVAL;
	bits = log2_of(sum) + 1;
	rest = (1U << bits) - sum;
	if (bits > HUF_MAX_BITS || rest & (rest - 1))
		return -EINVAL;
	weight[(*n)++] = log2_of(rest) + 1;
	return bits;
}

int huf_read(struct huf_table *t, struct fse_table *scratch, const uint8_t **in, const uint8_t *end)
{
	uint8_t weight[HUF_SYMBOLS];
	unsigned int n, pos = 0;
	int bits;

	t->max_bits = 0;
	if (read_weights(scratch, in, end, weight, &n))
		return -EINVAL;
	bits = last_weight(weight, &n);
	if (bits < 0)
		return bits;
	/* Small weights, that is long codes, come first; among equals, small symbols. */
	for (int w = 1; w <= bits; w++) {
		for (unsigned int s = 0; s < n; s++) {
			if (weight[s] != w)
				continue;
			for (unsigned int i = 0; i < 1U << (w - 1); i++)
				t->entry[pos++] = (bits + 1 - w) << 8 | s;
		}
	}
	t->max_bits = bits;
	return 0;
}

int huf_decode(const struct huf_table *t, const uint8_t *in, size_t size, uint8_t *out, size_t n)
{
	const unsigned int shift = 64 - t->max_bits;
	uint8_t *end = out + n;
	struct zbits b;

	if (zbits_init(&b, in, size))
		return -EINVAL;
	while (end - out >= 5) {
		zbits_refill(&b);
#pragma GCC unroll 5
		for (int i = 0; i < 5; i++) {
			uint16_t e = t->entry[b.bits >> shift];

			*out++ = e;
			b.bits <<= e >> 8;
			b.left -= e >> 8;
		}
	}
	zbits_refill(&b);
	while (out < end) {
		uint16_t e = t->entry[b.bits >> shift];

		*out++ = e;
		b.bits <<= e >> 8;
		b.left -= e >> 8;
	}
	return zbits_done(&b) ? 0 : -EINVAL;
}
