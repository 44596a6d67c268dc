/* SPDX-License-Identifier: GPL-2.0-only */
/* gzip (RFC 1952), the first member of the file, and DEFLATE (RFC 1951) under it. */

#include "private.h"

#define GZIP_HEADER   10
#define GZIP_TRAILER  8
#define FLAG_HCRC     0x02
#define FLAG_EXTRA    0x04
#define FLAG_NAME     0x08
#define FLAG_COMMENT  0x10
#define FLAG_RESERVED 0xe0

#define MAX_BITS      15
#define FAST_BITS     10 /* codes up to this length are decoded by one look-up */
#define LITLEN_CODES  288
#define DIST_CODES    32 /* 30 and 31 take part in the code but are never used */
#define CODELEN_CODES 19
#define END_OF_BLOCK  256

/* Most bits that one length and distance take: 15 + 5 + 15 + 13. */
#define SYMBOL_BITS 48

struct huffman {
	/* Indexed by the next FAST_BITS of input: symbol << 4 | length, or 0 for longer codes. */
	uint16_t fast[1 << FAST_BITS];
	uint16_t count[MAX_BITS + 1];  /* codes of each length */
	uint16_t symbol[LITLEN_CODES]; /* symbols in the order of their codes */
};

struct inflate {
	const uint8_t *in, *end;
	uint64_t bits; /* input not yet used, first bit lowest; beyond @left, what will be read next
			*/
	int left;      /* how many; negative once more was used than there was */
	uint8_t *start, *out, *out_end, *fast_end;
	struct huffman litlen, dist;
};

/* Section 3.2.5, per length code from 257 and per distance code. */
static const uint16_t len_base[29] = {3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35,
	43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
static const uint8_t len_extra[29] = {
	0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
static const uint16_t dist_base[30] = {1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193,
	257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};
static const uint8_t dist_extra[30] = {0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8,
	9, 9, 10, 10, 11, 11, 12, 12, 13, 13};

/* Have at least 56 bits ready, or all that there are. */
static always_inline void refill(struct inflate *s)
{
	if (s->left < 0)
		return;
	if (s->end - s->in >= 8) {
		s->bits |= get_le64(s->in) << s->left;
		s->in += (63 - s->left) >> 3;
		s->left |= 56;
		return;
	}
	while (s->left <= 56 && s->in < s->end) {
		s->bits |= (uint64_t)*s->in++ << s->left;
		s->left += 8;
	}
}

/* Use @n (up to 16) of the bits that are ready. */
static always_inline unsigned int take(struct inflate *s, unsigned int n)
{
	unsigned int v = s->bits & ((1U << n) - 1);

	s->bits >>= n;
	s->left -= n;
	return v;
}

static unsigned int reverse(unsigned int code, unsigned int len)
{
	unsigned int r = 0;

	while (len--) {
		r = r << 1 | (code & 1);
		code >>= 1;
	}
	return r;
}

/*
 * Make the canonical code (section 3.2.2) from the lengths of @n symbols. Incomplete codes are
 * allowed, as a single distance code of one bit is; using a gap is an error at that point.
 */
static int build(struct huffman *h, const uint8_t *len, unsigned int n)
{
	uint16_t next[MAX_BITS + 2] = {0}, code[MAX_BITS + 2] = {0};
	int room = 1;

	memset(h, 0, sizeof(*h));
	for (unsigned int i = 0; i < n; i++)
		h->count[len[i]]++;
	h->count[0] = 0;
	for (unsigned int l = 1; l <= MAX_BITS; l++) {
		room = room * 2 - h->count[l];
		if (room < 0)
			return -EINVAL;
		next[l + 1] = next[l] + h->count[l];
		code[l + 1] = (code[l] + h->count[l]) << 1;
	}
	for (unsigned int i = 0; i < n; i++) {
		unsigned int l = len[i], rev;

		if (!l)
			continue;
		h->symbol[next[l]++] = i;
		rev = reverse(code[l]++, l);
		for (; l <= FAST_BITS && rev < 1U << FAST_BITS; rev += 1U << l)
			h->fast[rev] = i << 4 | l;
	}
	return 0;
}

/* A code longer than FAST_BITS, bit by bit: codes of one length are consecutive numbers. */
static int decode_slow(struct inflate *s, const struct huffman *h)
{
	int code = 0, first = 0, index = 0;

	for (unsigned int l = 1; l <= MAX_BITS; l++) {
		int count = h->count[l];

		code |= take(s, 1);
		if (code - first < count)
			return h->symbol[index + code - first];
		index += count;
		first = (first + count) << 1;
		code <<= 1;
	}
	return -EINVAL;
}

/* The next symbol, or -EINVAL for a bit pattern that is no code. */
static always_inline int decode(struct inflate *s, const struct huffman *h)
{
	unsigned int entry = h->fast[s->bits & ((1U << FAST_BITS) - 1)];

	if (unlikely(!entry))
		return decode_slow(s, h);
	s->bits >>= entry & 15;
	s->left -= entry & 15;
	return entry >> 4;
}

static always_inline int copy_back(struct inflate *s, unsigned int len_code)
{
	size_t len, dist;
	int code;

	if (len_code >= ARRAY_SIZE(len_base))
		return -EINVAL;
	len = len_base[len_code] + take(s, len_extra[len_code]);
	code = decode(s, &s->dist);
	if (code < 0 || code >= (int)ARRAY_SIZE(dist_base))
		return -EINVAL;
	dist = dist_base[code] + take(s, dist_extra[code]);
	if (dist > (size_t)(s->out - s->start) || s->left < 0)
		return -EINVAL;
	if (len > (size_t)(s->out_end - s->out))
		return -ENOSPC;
	copy_match(s->out, dist, len, s->fast_end);
	s->out += len;
	return 0;
}

static int coded_block(struct inflate *s)
{
	for (;;) {
		int sym, ret;

		if (s->left < SYMBOL_BITS)
			refill(s);
		sym = decode(s, &s->litlen);
		if (sym < 0 || s->left < 0)
			return -EINVAL;
		if (sym == END_OF_BLOCK)
			return 0;
		if (sym < END_OF_BLOCK) {
			if (s->out >= s->out_end)
				return -ENOSPC;
			*s->out++ = sym;
			continue;
		}
		ret = copy_back(s, sym - END_OF_BLOCK - 1);
		if (ret)
			return ret;
	}
}

/* Drop the rest of the current byte and give whole bytes back to the input. */
static int align_to_byte(struct inflate *s)
{
	if (s->left < 0)
		return -EINVAL;
	s->in -= s->left >> 3;
	s->left = 0;
	s->bits = 0;
	return 0;
}

static int stored_block(struct inflate *s)
{
	size_t len;

	if (align_to_byte(s) || s->end - s->in < 4)
		return -EINVAL;
	len = get_le16(s->in);
	if ((len ^ get_le16(s->in + 2)) != 0xffff)
		return -EINVAL;
	s->in += 4;
	if (len > (size_t)(s->end - s->in))
		return -EINVAL;
	if (len > (size_t)(s->out_end - s->out))
		return -ENOSPC;
	memcpy(s->out, s->in, len);
	s->in += len;
	s->out += len;
	return 0;
}

static int fixed_codes(struct inflate *s)
{
	uint8_t len[LITLEN_CODES];

	memset(len, 8, 144);
	memset(len + 144, 9, 256 - 144);
	memset(len + 256, 7, 280 - 256);
	memset(len + 280, 8, 288 - 280);
	if (build(&s->litlen, len, LITLEN_CODES))
		return -EINVAL;
	memset(len, 5, DIST_CODES);
	return build(&s->dist, len, DIST_CODES);
}

/* The @n code lengths of section 3.2.7, run lengths undone. */
static int read_lengths(struct inflate *s, uint8_t *len, unsigned int n)
{
	unsigned int i = 0;

	while (i < n) {
		unsigned int repeat = 1, value = 0;
		int sym;

		refill(s);
		sym = decode(s, &s->litlen);
		if (sym < 0 || s->left < 0)
			return -EINVAL;
		if (sym < 16) {
			value = sym;
		} else if (sym == 16) {
			if (!i)
				return -EINVAL;
			value = len[i - 1];
			repeat = 3 + take(s, 2);
		} else {
			repeat = sym == 17 ? 3 + take(s, 3) : 11 + take(s, 7);
		}
		if (repeat > n - i)
			return -EINVAL;
		memset(len + i, value, repeat);
		i += repeat;
	}
	return 0;
}

static int dynamic_codes(struct inflate *s)
{
	static const uint8_t order[CODELEN_CODES] = {
		16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
	uint8_t len[LITLEN_CODES + DIST_CODES] = {0};
	unsigned int litlen, dist, codelen;

	refill(s);
	litlen = 257 + take(s, 5);
	dist = 1 + take(s, 5);
	codelen = 4 + take(s, 4);
	if (litlen > 286 || dist > 30)
		return -EINVAL;
	for (unsigned int i = 0; i < codelen; i++) {
		refill(s);
		len[order[i]] = take(s, 3);
	}
	/* The litlen table serves for the lengths first. */
	if (s->left < 0 || build(&s->litlen, len, CODELEN_CODES))
		return -EINVAL;
	if (read_lengths(s, len, litlen + dist) || !len[END_OF_BLOCK])
		return -EINVAL;
	if (build(&s->litlen, len, litlen))
		return -EINVAL;
	return build(&s->dist, len + litlen, dist);
}

static int inflate(struct inflate *s)
{
	bool last;
	int ret;

	do {
		refill(s);
		last = take(s, 1);
		switch (take(s, 2)) {
		case 0:
			ret = stored_block(s);
			break;
		case 1:
			ret = fixed_codes(s);
			if (!ret)
				ret = coded_block(s);
			break;
		case 2:
			ret = dynamic_codes(s);
			if (!ret)
				ret = coded_block(s);
			break;
		default:
			ret = -EINVAL;
			break;
		}
		if (ret)
			return ret;
	} while (!last);
	return align_to_byte(s);
}

/* Skip a string with its terminator. */
static int skip_string(const uint8_t **p, const uint8_t *end)
{
	const uint8_t *nul = memchr(*p, 0, end - *p);

	if (!nul)
		return -EINVAL;
	*p = nul + 1;
	return 0;
}

/* Set s->in behind the member's header. */
static int skip_header(struct inflate *s)
{
	const uint8_t *p = s->in;
	uint8_t flags;

	if (s->end - p < GZIP_HEADER)
		return -EINVAL;
	flags = p[3];
	if (p[2] != 8 || flags & FLAG_RESERVED)
		return -EOPNOTSUPP;
	p += GZIP_HEADER;
	if (flags & FLAG_EXTRA) {
		if (s->end - p < 2 || s->end - p - 2 < get_le16(p))
			return -EINVAL;
		p += 2 + get_le16(p);
	}
	if (flags & FLAG_NAME && skip_string(&p, s->end))
		return -EINVAL;
	if (flags & FLAG_COMMENT && skip_string(&p, s->end))
		return -EINVAL;
	if (flags & FLAG_HCRC) {
		if (s->end - p < 2 || get_le16(p) != (uint16_t)crc32(s->in, p - s->in))
			return -EINVAL;
		p += 2;
	}
	s->in = p;
	return 0;
}

static int check_trailer(const struct inflate *s)
{
	size_t len = s->out - s->start;

	if (s->end - s->in < GZIP_TRAILER)
		return -EINVAL;
	if (get_le32(s->in + 4) != (uint32_t)len || get_le32(s->in) != crc32(s->start, len))
		return -EINVAL;
	return 0;
}

int gunzip(const uint8_t *in, size_t in_len, uint8_t *out, size_t out_cap, size_t *out_len)
{
	struct inflate *s = xmalloc_bytes(sizeof(*s), 16);
	int ret;

	if (!s)
		return -ENOMEM;
	s->in = in;
	s->end = in + in_len;
	s->bits = 0;
	s->left = 0;
	s->start = s->out = out;
	s->out_end = out + out_cap;
	s->fast_end = fast_end_of(out, out_cap);
	ret = skip_header(s);
	if (!ret)
		ret = inflate(s);
	if (!ret)
		ret = check_trailer(s);
	*out_len = s->out - out;
	xfree(s);
	return ret;
}

int gunzip_size(const uint8_t *in, size_t in_len, uint64_t *size)
{
	if (in_len < GZIP_HEADER + GZIP_TRAILER)
		return -EINVAL;
	*size = get_le32(in + in_len - 4);
	return 0;
}
