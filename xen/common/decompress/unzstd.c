/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Zstandard (RFC 8878): the first frame of the input, without dictionaries. The window is the whole
 * output, so window sizes do not matter.
 */

#include "zstd.h"

#define MAGIC_SIZE    4
#define HEAD_SINGLE   0x20
#define HEAD_RESERVED 0x08
#define HEAD_CHECKSUM 0x04
#define BLOCK_MAX     (128U << 10)
#define SIZE_UNKNOWN  UINT64_MAX

enum { BLOCK_RAW, BLOCK_RLE, BLOCK_COMPRESSED };
enum { LITERALS_RAW, LITERALS_RLE, LITERALS_COMPRESSED, LITERALS_TREELESS };
enum { MODE_PREDEFINED, MODE_RLE, MODE_FSE, MODE_REPEAT };

/* One of the three kinds of numbers in a sequence. */
struct seq_kind {
	unsigned int symbols, max_log, default_log, default_symbols;
	const int16_t *default_count;
};

struct frame {
	uint64_t size; /* expanded, or SIZE_UNKNOWN */
	bool checksum;
};

struct zstd {
	const uint8_t *in, *end; /* rest of the input */
	uint8_t *start, *out, *out_end, *fast_end;
	uint32_t rep[3];
	const uint8_t *literal, *literal_end; /* of the current block */
	struct huf_table huf;
	struct fse_table lit_len, offset, match_len, scratch;
	uint8_t literal_buf[BLOCK_MAX + COPY_SLACK];
};

/* Sections 3.1.1.3.2.1.1 (codes) and 3.1.1.3.2.2 (default distributions). */
static const uint32_t ll_base[36] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18,
	20, 22, 24, 28, 32, 40, 48, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536};
static const uint8_t ll_bits[36] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2,
	2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
static const uint32_t ml_base[53] = {3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19,
	20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 37, 39, 41, 43, 47, 51, 59,
	67, 83, 99, 131, 259, 515, 1027, 2051, 4099, 8195, 16387, 32771, 65539};
static const uint8_t ml_bits[53] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13,
	14, 15, 16};
static const int16_t ll_default[36] = {4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2,
	2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1};
static const int16_t ml_default[53] = {1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1,
	-1, -1, -1, -1};
static const int16_t of_default[29] = {
	1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1};

static const struct seq_kind ll_kind = {36, 9, 6, 36, ll_default};
static const struct seq_kind ml_kind = {53, 9, 6, 53, ml_default};
static const struct seq_kind of_kind = {32, 8, 5, 29, of_default};

/* Little-endian number of @n bytes (0 to 8). */
static uint64_t get_le(const uint8_t *p, unsigned int n)
{
	uint64_t v = 0;

	while (n--)
		v = v << 8 | p[n];
	return v;
}

/* Section 3.1.1.1: read the header that begins with the magic number at *@in, and move behind it.
 */
static int parse_frame_header(struct frame *f, const uint8_t **in, const uint8_t *end)
{
	static const uint8_t dict_size[4] = {0, 1, 2, 4};
	const uint8_t *p = *in;
	unsigned int head, dict_bytes, size_bytes, window_bytes;

	if (end - p < MAGIC_SIZE + 1)
		return -EINVAL;
	head = p[MAGIC_SIZE];
	p += MAGIC_SIZE + 1;
	if (head & HEAD_RESERVED)
		return -EOPNOTSUPP;
	window_bytes = head & HEAD_SINGLE ? 0 : 1;
	dict_bytes = dict_size[head & 3];
	size_bytes = head >> 6 ? 1U << (head >> 6) : !window_bytes;
	if ((size_t)(end - p) < window_bytes + dict_bytes + size_bytes)
		return -EINVAL;
	if (get_le(p + window_bytes, dict_bytes))
		return -EOPNOTSUPP;
	p += window_bytes + dict_bytes;
	f->size = SIZE_UNKNOWN;
	if (size_bytes)
		f->size = get_le(p, size_bytes) + (size_bytes == 2 ? 256 : 0);
	*in = p + size_bytes;
	f->checksum = head & HEAD_CHECKSUM;
	return 0;
}

/* Literals of one or four Huffman streams (section 3.1.1.3.1.6), @n bytes. */
static int huffman_literals(
	struct zstd *s, const uint8_t *in, const uint8_t *end, unsigned int streams, size_t n)
{
	size_t size[4], part = (n + 3) / 4, rest;
	uint8_t *out = s->literal_buf;

	if (streams == 1)
		return huf_decode(&s->huf, in, end - in, out, n);
	if (end - in < 6 || part * 3 > n)
		return -EINVAL;
	rest = end - in - 6;
	for (int i = 0; i < 3; i++) {
		size[i] = get_le16(in + i * 2);
		if (size[i] > rest)
			return -EINVAL;
		rest -= size[i];
	}
	size[3] = rest;
	in += 6;
	for (int i = 0; i < 4; i++) {
		if (huf_decode(&s->huf, in, size[i], out, i < 3 ? part : n - 3 * part))
			return -EINVAL;
		in += size[i];
		out += part;
	}
	return 0;
}

static int compressed_literals(struct zstd *s, const uint8_t **in, const uint8_t *end)
{
	const uint8_t *p = *in, *stop;
	unsigned int type = *p & 3, format = *p >> 2 & 3, bits, head;
	uint64_t v;
	size_t n, size;

	head = format < 2 ? 3 : format + 2;
	bits = format < 2 ? 10 : format * 4 + 6;
	if ((size_t)(end - p) < head)
		return -EINVAL;
	v = get_le(p, head) >> 4;
	n = v & ((1U << bits) - 1);
	size = v >> bits;
	p += head;
	if (size > (size_t)(end - p) || n > BLOCK_MAX)
		return -EINVAL;
	stop = p + size;
	if (type == LITERALS_COMPRESSED && huf_read(&s->huf, &s->scratch, &p, stop))
		return -EINVAL;
	if (!s->huf.max_bits || huffman_literals(s, p, stop, format ? 4 : 1, n))
		return -EINVAL;
	s->literal = s->literal_buf;
	s->literal_end = s->literal_buf + n;
	*in = stop;
	return 0;
}

/* Section 3.1.1.3.1: set s->literal from the section at *@in, and move *@in behind it. */
static int read_literals(struct zstd *s, const uint8_t **in, const uint8_t *end)
{
	const uint8_t *p = *in;
	unsigned int type, format, head;
	size_t n, size;

	if (p >= end)
		return -EINVAL;
	type = *p & 3;
	if (type >= LITERALS_COMPRESSED)
		return compressed_literals(s, in, end);
	format = *p >> 2 & 3;
	head = format & 1 ? (format == 3 ? 3 : 2) : 1;
	if ((size_t)(end - p) < head)
		return -EINVAL;
	n = get_le(p, head) >> (head == 1 ? 3 : 4);
	p += head;
	size = type == LITERALS_RLE ? 1 : n;
	if (n > BLOCK_MAX || size > (size_t)(end - p))
		return -EINVAL;
	s->literal = p;
	if (type == LITERALS_RLE) {
		memset(s->literal_buf, *p, n);
		s->literal = s->literal_buf;
	}
	s->literal_end = s->literal + n;
	*in = p + size;
	return 0;
}

static int read_table(struct fse_table *t, const struct seq_kind *kind, unsigned int mode,
	const uint8_t **in, const uint8_t *end)
{
	switch (mode) {
	case MODE_PREDEFINED:
		return fse_build(t, kind->default_count, kind->default_symbols, kind->default_log);
	case MODE_RLE:
		if (*in >= end || **in >= kind->symbols)
			return -EINVAL;
		t->log = 0;
		t->entry[0] = (struct fse_entry){.symbol = *(*in)++};
		t->valid = true;
		return 0;
	case MODE_FSE:
		return fse_read(t, in, end, kind->symbols, kind->max_log);
	default:
		return t->valid ? 0 : -EINVAL;
	}
}

/* The distance that @value stands for, given the literals before it; keeps the recent ones. */
static always_inline uint32_t resolve_offset(struct zstd *s, uint64_t value, uint32_t lit_len)
{
	uint32_t dist;
	unsigned int i;

	if (value > 3) {
		dist = value - 3;
		i = 2;
	} else {
		i = value - 1 + !lit_len;
		dist = i < 3 ? s->rep[i] : s->rep[0] - 1;
		i = i < 2 ? i : 2;
	}
	if (i == 2)
		s->rep[2] = s->rep[1];
	if (i >= 1)
		s->rep[1] = s->rep[0];
	s->rep[0] = dist;
	return dist;
}

static always_inline int run_sequence(struct zstd *s, uint32_t lit_len, uint32_t len, uint32_t dist)
{
	if (lit_len > (size_t)(s->literal_end - s->literal))
		return -EINVAL;
	if ((size_t)(s->out_end - s->out) < (size_t)lit_len + len)
		return -ENOSPC;
	memcpy(s->out, s->literal, lit_len);
	s->literal += lit_len;
	s->out += lit_len;
	if (!dist || dist > (size_t)(s->out - s->start))
		return -EINVAL;
	copy_match(s->out, dist, len, s->fast_end);
	s->out += len;
	return 0;
}

/* Decode and run @n sequences from the bits in @in..@end-1 (section 3.1.1.3.2.1.2). */
static int run_sequences(struct zstd *s, const uint8_t *in, const uint8_t *end, unsigned int n)
{
	unsigned int ll, of, ml;
	struct zbits b;

	if (zbits_init(&b, in, end - in))
		return -EINVAL;
	zbits_refill(&b);
	ll = zbits_take(&b, s->lit_len.log);
	of = zbits_take(&b, s->offset.log);
	ml = zbits_take(&b, s->match_len.log);
	for (;;) {
		const struct fse_entry *le = &s->lit_len.entry[ll], *oe = &s->offset.entry[of];
		const struct fse_entry *me = &s->match_len.entry[ml];
		uint64_t offset;
		uint32_t lit_len, len;
		int ret;

		zbits_refill(&b);
		offset = (1ULL << oe->symbol) + zbits_take(&b, oe->symbol);
		zbits_refill(&b);
		len = ml_base[me->symbol] + zbits_take(&b, ml_bits[me->symbol]);
		lit_len = ll_base[le->symbol] + zbits_take(&b, ll_bits[le->symbol]);
		if (b.left < 0)
			return -EINVAL;
		ret = run_sequence(s, lit_len, len, resolve_offset(s, offset, lit_len));
		if (ret)
			return ret;
		if (!--n)
			break;
		zbits_refill(&b);
		ll = le->base + zbits_take(&b, le->bits);
		ml = me->base + zbits_take(&b, me->bits);
		of = oe->base + zbits_take(&b, oe->bits);
	}
	return zbits_done(&b) ? 0 : -EINVAL;
}

/* Section 3.1.1.3.2.1: how many sequences there are. */
static int read_sequence_count(const uint8_t **in, const uint8_t *end, unsigned int *n)
{
	const uint8_t *p = *in;
	unsigned int size;

	if (p >= end)
		return -EINVAL;
	size = *p < 128 ? 1 : *p < 255 ? 2 : 3;
	if ((size_t)(end - p) < size)
		return -EINVAL;
	if (size == 1)
		*n = p[0];
	else if (size == 2)
		*n = (p[0] - 128U) << 8 | p[1];
	else
		*n = get_le16(p + 1) + 0x7f00U;
	*in = p + size;
	return 0;
}

static int compressed_block(struct zstd *s, const uint8_t *in, const uint8_t *end)
{
	unsigned int n, modes;
	size_t rest;
	int ret;

	if (read_literals(s, &in, end) || read_sequence_count(&in, end, &n))
		return -EINVAL;
	if (n) {
		if (in >= end)
			return -EINVAL;
		modes = *in++;
		if (modes & 3)
			return -EINVAL;
		if (read_table(&s->lit_len, &ll_kind, modes >> 6, &in, end) ||
			read_table(&s->offset, &of_kind, modes >> 4 & 3, &in, end) ||
			read_table(&s->match_len, &ml_kind, modes >> 2 & 3, &in, end))
			return -EINVAL;
		ret = run_sequences(s, in, end, n);
		if (ret)
			return ret;
	} else if (in != end) {
		return -EINVAL;
	}
	rest = s->literal_end - s->literal;
	if (rest > (size_t)(s->out_end - s->out))
		return -ENOSPC;
	memcpy(s->out, s->literal, rest);
	s->out += rest;
	return 0;
}

/* Block type @type whose header says @size. */
static int decode_block(struct zstd *s, unsigned int type, size_t size)
{
	size_t in_size = type == BLOCK_RLE ? 1 : size;
	const uint8_t *in = s->in;

	if (type > BLOCK_COMPRESSED || size > BLOCK_MAX || in_size > (size_t)(s->end - in))
		return -EINVAL;
	s->in += in_size;
	if (type == BLOCK_COMPRESSED)
		return compressed_block(s, in, s->in);
	if (size > (size_t)(s->out_end - s->out))
		return -ENOSPC;
	if (type == BLOCK_RLE)
		memset(s->out, *in, size);
	else
		memcpy(s->out, in, size);
	s->out += size;
	return 0;
}

static int decode_frame(struct zstd *s)
{
	struct frame f;
	uint32_t head;
	int ret = parse_frame_header(&f, &s->in, s->end);

	if (ret)
		return ret;
	s->rep[0] = 1;
	s->rep[1] = 4;
	s->rep[2] = 8;
	do {
		if (s->end - s->in < 3)
			return -EINVAL;
		head = get_le(s->in, 3);
		s->in += 3;
		ret = decode_block(s, head >> 1 & 3, head >> 3);
		if (ret)
			return ret;
	} while (!(head & 1));
	if (f.size != SIZE_UNKNOWN && f.size != (uint64_t)(s->out - s->start))
		return -EINVAL;
	if (f.checksum && (s->end - s->in < 4 ||
				  get_le32(s->in) != (uint32_t)xxh64(s->start, s->out - s->start)))
		return -EINVAL;
	return 0;
}

int unzstd(const uint8_t *in, size_t in_len, uint8_t *out, size_t out_cap, size_t *out_len)
{
	struct zstd *s = xmalloc_bytes(sizeof(*s), 16);
	int ret;

	if (!s)
		return -ENOMEM;
	memset(s, 0, offsetof(struct zstd, literal_buf));
	s->in = in;
	s->end = in + in_len;
	s->start = s->out = out;
	s->out_end = out + out_cap;
	s->fast_end = fast_end_of(out, out_cap);
	ret = decode_frame(s);
	*out_len = s->out - out;
	xfree(s);
	return ret;
}

int unzstd_size(const uint8_t *in, size_t in_len, uint64_t *size)
{
	struct frame f;
	int ret = parse_frame_header(&f, &in, in + in_len);

	if (ret)
		return ret;
	if (f.size == SIZE_UNKNOWN)
		return -EOPNOTSUPP;
	*size = f.size;
	return 0;
}
