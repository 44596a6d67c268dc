/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The .xz container (file format specification 1.1.0) with LZMA2 and the x86 branch filter: one
 * stream, any number of blocks. SHA-256 checks are skipped, all else is verified.
 */

#include "bcj_x86.h"
#include "lzma.h"

#define HEADER_SIZE    12 /* of the stream's header and of its footer */
#define CHECK_CRC32    1
#define CHECK_CRC64    4
#define FILTER_X86     0x04
#define FILTER_LZMA2   0x21
#define BLOCK_FILTERS  0x03 /* number of filters - 1 */
#define BLOCK_RESERVED 0x3c
#define BLOCK_IN_SIZE  0x40
#define BLOCK_OUT_SIZE 0x80

static const uint8_t xz_magic[6] = {0xfd, '7', 'z', 'X', 'Z', 0x00};

struct xz {
	const uint8_t *in, *end; /* rest of the input */
	uint8_t *out, *out_end;  /* rest of the output buffer */
	unsigned int check;      /* type of integrity check */
	uint64_t blocks;         /* blocks so far, their sizes as the index will list them */
	uint64_t unpadded_sum, expanded_sum;
	struct lzma *lzma;
};

struct xz_block {
	bool x86, has_in_size, has_out_size;
	uint32_t x86_start;
	uint64_t in_size, out_size;
};

/* Size of the check field by type, from the table in section 2.1.1.2. */
static size_t check_size(unsigned int type)
{
	static const uint8_t size[16] = {0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64};

	return size[type & 15];
}

/* Section 1.2: seven bits per byte, lowest first, at most nine bytes. */
static int get_vli(const uint8_t **in, const uint8_t *end, uint64_t *value)
{
	*value = 0;
	for (unsigned int shift = 0; shift < 63 && *in < end; shift += 7) {
		uint8_t b = *(*in)++;

		*value |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80))
			return b == 0 && shift ? -EINVAL : 0;
	}
	return -EINVAL;
}

static int parse_stream_header(struct xz *xz)
{
	const uint8_t *p = xz->in;

	if (xz->end - p < HEADER_SIZE || memcmp(p, xz_magic, sizeof(xz_magic)))
		return -EINVAL;
	if (crc32(p + 6, 2) != get_le32(p + 8))
		return -EINVAL;
	if (p[6] || p[7] > 15)
		return -EOPNOTSUPP;
	xz->check = p[7];
	xz->in += HEADER_SIZE;
	return 0;
}

static int parse_filter(const uint8_t **p, const uint8_t *end, bool last, struct xz_block *b)
{
	uint64_t id, size;

	if (get_vli(p, end, &id) || get_vli(p, end, &size) || size > (size_t)(end - *p))
		return -EINVAL;
	if (last) {
		/* The window is the whole output, so the dictionary size does not matter. */
		if (id != FILTER_LZMA2)
			return -EOPNOTSUPP;
		if (size != 1 || **p > 40)
			return -EINVAL;
	} else {
		if (id != FILTER_X86)
			return -EOPNOTSUPP;
		if (size != 0 && size != 4)
			return -EINVAL;
		b->x86 = true;
		b->x86_start = size ? get_le32(*p) : 0;
	}
	*p += size;
	return 0;
}

static int parse_block_header(struct xz *xz, struct xz_block *b)
{
	const uint8_t *p = xz->in, *end;
	size_t size = ((size_t)*p + 1) * 4;
	unsigned int filters;
	uint8_t flags;
	int ret;

	memset(b, 0, sizeof(*b));
	if ((size_t)(xz->end - p) < size || crc32(p, size - 4) != get_le32(p + size - 4))
		return -EINVAL;
	end = p + size - 4;
	flags = p[1];
	p += 2;
	filters = (flags & BLOCK_FILTERS) + 1;
	if (flags & BLOCK_RESERVED || filters > 2)
		return -EOPNOTSUPP;
	b->has_in_size = flags & BLOCK_IN_SIZE;
	b->has_out_size = flags & BLOCK_OUT_SIZE;
	if (b->has_in_size && get_vli(&p, end, &b->in_size))
		return -EINVAL;
	if (b->has_out_size && get_vli(&p, end, &b->out_size))
		return -EINVAL;
	for (unsigned int i = 1; i <= filters; i++) {
		ret = parse_filter(&p, end, i == filters, b);
		if (ret)
			return ret;
	}
	while (p < end) {
		if (*p++)
			return -EOPNOTSUPP;
	}
	xz->in = end + 4;
	return 0;
}

/* What an LZMA2 chunk of type @control sets up anew before its data. */
static int lzma2_prepare(struct xz *xz, uint8_t control, bool *need_props)
{
	struct lzma *l = xz->lzma;

	if (control < 0xa0)
		return *need_props ? -EINVAL : 0;
	if (control >= 0xc0) {
		if (xz->in >= xz->end || lzma_set_props(l, *xz->in++))
			return -EINVAL;
		*need_props = false;
	}
	if (*need_props)
		return -EINVAL;
	lzma_reset_state(l);
	return 0;
}

static int lzma2_coded_chunk(struct xz *xz, uint8_t control, bool *need_props)
{
	struct lzma *l = xz->lzma;
	size_t in_len, out_len;
	const uint8_t *in_end;

	if (xz->end - xz->in < 4)
		return -EINVAL;
	out_len = ((control & 0x1fU) << 16 | xz->in[0] << 8 | xz->in[1]) + 1;
	in_len = (xz->in[2] << 8 | xz->in[3]) + 1;
	xz->in += 4;
	if (lzma2_prepare(xz, control, need_props))
		return -EINVAL;
	/*
	 * More bytes follow the last chunk of a whole file (end of LZMA2, index, footer) than the
	 * decoder may look ahead.
	 */
	if ((size_t)(xz->end - xz->in) < in_len + LZMA_SYMBOL_IN || in_len < 5)
		return -EINVAL;
	if ((size_t)(xz->out_end - xz->out) < out_len)
		return -ENOSPC;
	in_end = xz->in + in_len;
	l->out = xz->out;
	if (lzma_start(l, xz->in) || lzma_decode(l, in_end, xz->out + out_len) || l->in > in_end ||
		!lzma_finished(l) || l->in != in_end)
		return -EINVAL;
	xz->in = in_end;
	xz->out += out_len;
	return 0;
}

static int lzma2_stored_chunk(struct xz *xz)
{
	size_t len;

	if (xz->end - xz->in < 2)
		return -EINVAL;
	len = (xz->in[0] << 8 | xz->in[1]) + 1;
	xz->in += 2;
	if ((size_t)(xz->end - xz->in) < len)
		return -EINVAL;
	if ((size_t)(xz->out_end - xz->out) < len)
		return -ENOSPC;
	memcpy(xz->out, xz->in, len);
	xz->in += len;
	xz->out += len;
	return 0;
}

static int unlzma2(struct xz *xz)
{
	bool need_dict = true, need_props = true;
	int ret;

	xz->lzma->fast_end = fast_end_of(xz->out, xz->out_end - xz->out);
	for (;;) {
		uint8_t control;

		if (xz->in >= xz->end)
			return -EINVAL;
		control = *xz->in++;
		if (control == 0)
			return 0;
		if (control == 1 || control >= 0xe0) {
			xz->lzma->dict = xz->out;
			need_dict = false;
			need_props = true;
		} else if (need_dict) {
			return -EINVAL;
		}
		if (control >= 0x80)
			ret = lzma2_coded_chunk(xz, control, &need_props);
		else
			ret = control <= 2 ? lzma2_stored_chunk(xz) : -EINVAL;
		if (ret)
			return ret;
	}
}

static int verify_check(struct xz *xz, const uint8_t *out, size_t len)
{
	size_t size = check_size(xz->check);

	if ((size_t)(xz->end - xz->in) < size)
		return -EINVAL;
	if (xz->check == CHECK_CRC32 && crc32(out, len) != get_le32(xz->in))
		return -EINVAL;
	if (xz->check == CHECK_CRC64 && crc64(out, len) != get_le64(xz->in))
		return -EINVAL;
	xz->in += size;
	return 0;
}

static int decode_block(struct xz *xz)
{
	const uint8_t *start = xz->in, *data;
	uint8_t *out = xz->out;
	struct xz_block b;
	uint64_t in_size;
	size_t out_size;
	int ret;

	ret = parse_block_header(xz, &b);
	if (ret)
		return ret;
	data = xz->in;
	ret = unlzma2(xz);
	if (ret)
		return ret;
	in_size = xz->in - data;
	out_size = xz->out - out;
	if ((b.has_in_size && b.in_size != in_size) || (b.has_out_size && b.out_size != out_size))
		return -EINVAL;
	if (b.x86)
		bcj_x86_decode(out, out_size, b.x86_start);

	xz->unpadded_sum += (xz->in - start) + check_size(xz->check);
	xz->expanded_sum += out_size;
	xz->blocks++;
	while ((xz->in - start) % 4) {
		if (xz->in >= xz->end || *xz->in++)
			return -EINVAL;
	}
	return verify_check(xz, out, out_size);
}

/*
 * Read the index at @in: number of blocks and the sums of their sizes, packed without padding and
 * expanded. Leaves @in behind it.
 */
static int parse_index(const uint8_t **in, const uint8_t *end, uint64_t *blocks, uint64_t *unpadded,
	uint64_t *expanded)
{
	const uint8_t *p = *in;

	*unpadded = *expanded = 0;
	if (p >= end || *p++ != 0 || get_vli(&p, end, blocks))
		return -EINVAL;
	for (uint64_t i = 0; i < *blocks; i++) {
		uint64_t u, e;

		if (get_vli(&p, end, &u) || get_vli(&p, end, &e))
			return -EINVAL;
		if (__builtin_add_overflow(*unpadded, u, unpadded) ||
			__builtin_add_overflow(*expanded, e, expanded))
			return -EINVAL;
	}
	while ((p - *in) % 4) {
		if (p >= end || *p++)
			return -EINVAL;
	}
	if (end - p < 4 || crc32(*in, p - *in) != get_le32(p))
		return -EINVAL;
	*in = p + 4;
	return 0;
}

static int check_footer(const uint8_t *footer, unsigned int check, size_t index_size)
{
	if (footer[10] != 'Y' || footer[11] != 'Z' || crc32(footer + 4, 6) != get_le32(footer))
		return -EINVAL;
	if (footer[8] || footer[9] != check ||
		((uint64_t)get_le32(footer + 4) + 1) * 4 != index_size)
		return -EINVAL;
	return 0;
}

static int finish_stream(struct xz *xz)
{
	const uint8_t *index = xz->in;
	uint64_t blocks, unpadded, expanded;

	if (parse_index(&xz->in, xz->end, &blocks, &unpadded, &expanded))
		return -EINVAL;
	if (blocks != xz->blocks || unpadded != xz->unpadded_sum || expanded != xz->expanded_sum)
		return -EINVAL;
	if (xz->end - xz->in < HEADER_SIZE)
		return -EINVAL;
	return check_footer(xz->in, xz->check, xz->in - index);
}

int unxz(const uint8_t *in, size_t in_len, uint8_t *out, size_t out_cap, size_t *out_len)
{
	struct xz xz = {.in = in, .end = in + in_len, .out = out, .out_end = out + out_cap};
	int ret;

	xz.lzma = xmalloc_bytes(sizeof(*xz.lzma), 64);
	if (!xz.lzma)
		return -ENOMEM;
	ret = parse_stream_header(&xz);
	/* A block header begins with its size, which is not 0; the index begins with 0. */
	while (!ret) {
		if (xz.in >= xz.end)
			ret = -EINVAL;
		else if (*xz.in == 0)
			break;
		else
			ret = decode_block(&xz);
	}
	if (!ret)
		ret = finish_stream(&xz);
	*out_len = xz.out - out;
	xfree(xz.lzma);
	return ret;
}

int unxz_size(const uint8_t *in, size_t in_len, uint64_t *size)
{
	const uint8_t *footer, *index;
	uint64_t index_size, blocks, unpadded;
	struct xz xz = {.in = in, .end = in + in_len};
	int ret = parse_stream_header(&xz);

	if (ret)
		return ret;
	if (in_len < 2 * HEADER_SIZE)
		return -EINVAL;
	footer = in + in_len - HEADER_SIZE;
	index_size = ((uint64_t)get_le32(footer + 4) + 1) * 4;
	if (index_size > in_len - 2 * HEADER_SIZE || check_footer(footer, xz.check, index_size))
		return -EINVAL;
	index = footer - index_size;
	return parse_index(&index, footer, &blocks, &unpadded, size);
}
