/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * LZ4: the frame format 1.6.4, the older "legacy" frame that Linux uses for kernels, and the block
 * format under both. Dictionaries are not supported.
 */

#include "private.h"

#define MAGIC_FRAME  0x184d2204
#define MAGIC_LEGACY 0x184c2102

#define FLG_VERSION     0xc0
#define FLG_VERSION_1   0x40
#define FLG_INDEPENDENT 0x20
#define FLG_BLOCK_CHECK 0x10
#define FLG_SIZE        0x08
#define FLG_CHECK       0x04
#define FLG_RESERVED    0x02
#define FLG_DICTIONARY  0x01
#define BLOCK_STORED    0x80000000U
#define MIN_MATCH       4

/* Blocks of a legacy frame expand to 8 MiB at most; incompressible ones grow a little. */
#define LEGACY_BLOCK  (8U << 20)
#define LEGACY_PACKED (LEGACY_BLOCK + LEGACY_BLOCK / 255 + 16)

struct lz4 {
	const uint8_t *in, *end;
	uint8_t *out, *out_end, *fast_end;
};

/* Lengths of 15 and more continue in bytes up to one that is not 255. */
static inline int long_length(const uint8_t **in, const uint8_t *end, size_t *len)
{
	uint8_t b;

	do {
		if (*in >= end)
			return -EINVAL;
		b = *(*in)++;
		*len += b;
	} while (b == 255);
	return 0;
}

static inline int copy_literals(struct lz4 *s, const uint8_t **in, const uint8_t *end, size_t len)
{
	uint8_t *dst = s->out;
	const uint8_t *src = *in;

	if (len > (size_t)(end - src))
		return -EINVAL;
	if (len > (size_t)(s->out_end - dst))
		return -ENOSPC;
	*in += len;
	s->out += len;
	if (len <= 32 && s->end - src >= 32 && s->out_end - dst >= 32) {
		for (; dst < s->out; dst += 8, src += 8)
			copy8(dst, src);
	} else {
		memcpy(dst, src, len);
	}
	return 0;
}

static inline int append_match(struct lz4 *s, const uint8_t *window, size_t dist, size_t len)
{
	if (!dist || dist > (size_t)(s->out - window))
		return -EINVAL;
	if (len > (size_t)(s->out_end - s->out))
		return -ENOSPC;
	copy_match(s->out, dist, len, s->fast_end);
	s->out += len;
	return 0;
}

/* Expand the block at s->in of @size bytes. Matches may reach back to @window. */
static int expand_block(struct lz4 *s, size_t size, const uint8_t *window)
{
	const uint8_t *in = s->in, *end = in + size;
	int ret;

	while (in < end) {
		uint8_t token = *in++;
		size_t len = token >> 4, dist;

		if (len == 15 && long_length(&in, end, &len))
			return -EINVAL;
		ret = copy_literals(s, &in, end, len);
		if (ret)
			return ret;
		if (in == end) {
			/* The last sequence is literals alone. */
			s->in = end;
			return token & 15 ? -EINVAL : 0;
		}
		if (end - in < 2)
			return -EINVAL;
		dist = get_le16(in);
		in += 2;
		len = token & 15;
		if (len == 15 && long_length(&in, end, &len))
			return -EINVAL;
		ret = append_match(s, window, dist, len + MIN_MATCH);
		if (ret)
			return ret;
	}
	return -EINVAL;
}

/* A legacy frame has no end mark: it goes to the end of the input. */
static int expand_legacy(struct lz4 *s)
{
	s->in += 4;
	while (s->end - s->in > 4) {
		uint32_t size = get_le32(s->in);
		int ret;

		s->in += 4;
		if (size == MAGIC_LEGACY)
			continue;
		if (!size || size > LEGACY_PACKED || size > (size_t)(s->end - s->in))
			return -EINVAL;
		ret = expand_block(s, size, s->out);
		if (ret)
			return ret;
	}
	/* Four bytes are no block but the size that Linux appends. */
	return s->end - s->in == 4 || s->in == s->end ? 0 : -EINVAL;
}

/* Size of the frame header that starts at @in, or an error. */
static int check_header(const uint8_t *in, size_t in_len)
{
	unsigned int size = 7;
	uint8_t flg;

	if (in_len < size)
		return -EINVAL;
	flg = in[4];
	if ((flg & FLG_VERSION) != FLG_VERSION_1 || flg & (FLG_RESERVED | FLG_DICTIONARY))
		return -EOPNOTSUPP;
	size += flg & FLG_SIZE ? 8 : 0;
	if (in_len < size || (uint8_t)(xxh32(in + 4, size - 5) >> 8) != in[size - 1])
		return -EINVAL;
	return size;
}

static int expand_frame_block(struct lz4 *s, uint32_t word, uint8_t flg, const uint8_t *window)
{
	const uint8_t *data = s->in;
	uint32_t size = word & ~BLOCK_STORED;
	int ret = 0;

	if (size > (size_t)(s->end - s->in))
		return -EINVAL;
	if (word & BLOCK_STORED) {
		const uint8_t *in = s->in;

		ret = copy_literals(s, &in, in + size, size);
		s->in = in;
	} else {
		ret = expand_block(s, size, flg & FLG_INDEPENDENT ? s->out : window);
	}
	if (ret || !(flg & FLG_BLOCK_CHECK))
		return ret;
	if (s->end - s->in < 4 || get_le32(s->in) != xxh32(data, size))
		return -EINVAL;
	s->in += 4;
	return 0;
}

static int expand_frame(struct lz4 *s)
{
	uint8_t flg, *window = s->out;
	const uint8_t *header = s->in;
	int ret = check_header(s->in, s->end - s->in);

	if (ret < 0)
		return ret;
	flg = header[4];
	s->in += ret;
	for (;;) {
		uint32_t word;

		if (s->end - s->in < 4)
			return -EINVAL;
		word = get_le32(s->in);
		s->in += 4;
		if (!word)
			break;
		ret = expand_frame_block(s, word, flg, window);
		if (ret)
			return ret;
	}
	if (flg & FLG_SIZE && get_le64(header + 6) != (uint64_t)(s->out - window))
		return -EINVAL;
	if (flg & FLG_CHECK &&
		(s->end - s->in < 4 || get_le32(s->in) != xxh32(window, s->out - window)))
		return -EINVAL;
	return 0;
}

int unlz4(const uint8_t *in, size_t in_len, uint8_t *out, size_t out_cap, size_t *out_len)
{
	struct lz4 s = {in, in + in_len, out, out + out_cap, fast_end_of(out, out_cap)};
	int ret = get_le32(in) == MAGIC_LEGACY ? expand_legacy(&s) : expand_frame(&s);

	*out_len = s.out - out;
	return ret;
}

int unlz4_size(const uint8_t *in, size_t in_len, uint64_t *size)
{
	int ret;

	if (get_le32(in) == MAGIC_LEGACY)
		return -EOPNOTSUPP;
	ret = check_header(in, in_len);
	if (ret < 0)
		return ret;
	if (!(in[4] & FLG_SIZE))
		return -EOPNOTSUPP;
	*size = get_le64(in + 6);
	return 0;
}
