/* SPDX-License-Identifier: GPL-2.0-only */
/* What the decoders share. Outside this folder only tools/libs/guest/xz.c includes it. */

#ifndef DECOMPRESS_PRIVATE_H
#define DECOMPRESS_PRIVATE_H

#ifdef __XEN__
#include <xen/errno.h>
#include <xen/lib.h>
#include <xen/types.h>
#include <xen/xmalloc.h>
#else
#include "hosted.h"
#endif

/* Little-endian loads and stores at any alignment. */
static inline uint16_t get_le16(const uint8_t *p)
{
	uint16_t v;

	__builtin_memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint32_t get_le32(const uint8_t *p)
{
	uint32_t v;

	__builtin_memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint64_t get_le64(const uint8_t *p)
{
	uint64_t v;

	__builtin_memcpy(&v, p, sizeof(v));
	return v;
}

static inline void put_le32(uint8_t *p, uint32_t v)
{
	__builtin_memcpy(p, &v, sizeof(v));
}

static inline void put_le64(uint8_t *p, uint64_t v)
{
	__builtin_memcpy(p, &v, sizeof(v));
}

static always_inline void copy8(uint8_t *dst, const uint8_t *src)
{
	uint64_t v;

	__builtin_memcpy(&v, src, sizeof(v));
	__builtin_memcpy(dst, &v, sizeof(v));
}

/* Room that copy_match_fast() may scribble on after the last byte asked for. */
#define COPY_SLACK 8

/* copy_match() with COPY_SLACK bytes of room behind. */
static always_inline void copy_match_fast(uint8_t *dst, size_t dist, size_t len)
{
	const uint8_t *src = dst - dist;
	uint8_t *end = dst + len;
	ptrdiff_t back;

	if (dist < 8) {
		/*
		 * The source overlaps the eight bytes to write. A multiplication repeats the text
		 * as often as it fits into them; from then on it also repeats at every multiple of
		 * @dist, so go on with the smallest one that is no longer an overlap.
		 */
		static const uint8_t stride[8] = {0, 8, 8, 9, 8, 10, 12, 14};
		static const uint64_t repeat[8] = {0, 0x0101010101010101, 0x0001000100010001,
			0x0001000001000001, 0x0000000100000001, 0x0000010000000001,
			0x0001000000000001, 0x0100000000000001};
		uint64_t text = get_le64(src) & ((1ULL << (dist * 8)) - 1);

		put_le64(dst, text * repeat[dist]);
		dst += 8;
		src = dst - stride[dist];
		if (dst >= end)
			return;
	}
	back = src - dst;
	do {
		copy8(dst, dst + back);
		dst += 8;
	} while (dst < end);
}

/* How far into a buffer of @cap bytes at @out copy_match_fast() may be used. */
static inline uint8_t *fast_end_of(uint8_t *out, size_t cap)
{
	return out + cap - min(cap, (size_t)COPY_SLACK);
}

/*
 * Append @len bytes found @dist bytes back to the output at @dst. The caller has checked that
 * @dist is in 1..(bytes already produced) and that there is room. @fast_end: from fast_end_of().
 */
static always_inline void copy_match(uint8_t *dst, size_t dist, size_t len, const uint8_t *fast_end)
{
	uint8_t *end = dst + len;

	if (likely(end <= fast_end)) {
		copy_match_fast(dst, dist, len);
	} else {
		for (; dst < end; dst++)
			*dst = dst[-(ptrdiff_t)dist];
	}
}

/* CRC-32 of IEEE 802.3 (gzip, xz) over a whole buffer. */
uint32_t crc32(const uint8_t *data, size_t len);
/* CRC-64 of ECMA-182 (xz) over a whole buffer. */
uint64_t crc64(const uint8_t *data, size_t len);
/* XXH64 with seed 0 (zstd). */
uint64_t xxh64(const uint8_t *data, size_t len);
/* XXH32 with seed 0 (lz4). */
uint32_t xxh32(const uint8_t *data, size_t len);

/*
 * The decoders. All have the contract of decompress(), except that the magic number is known to be
 * there and *@out_len is undefined on error.
 */
int gunzip(const uint8_t *in, size_t in_len, uint8_t *out, size_t out_cap, size_t *out_len);
int unxz(const uint8_t *in, size_t in_len, uint8_t *out, size_t out_cap, size_t *out_len);
int unzstd(const uint8_t *in, size_t in_len, uint8_t *out, size_t out_cap, size_t *out_len);
int unlz4(const uint8_t *in, size_t in_len, uint8_t *out, size_t out_cap, size_t *out_len);

/* The sizes that streams declare; contract of decompress_size(). */
int gunzip_size(const uint8_t *in, size_t in_len, uint64_t *size);
int unxz_size(const uint8_t *in, size_t in_len, uint64_t *size);
int unzstd_size(const uint8_t *in, size_t in_len, uint64_t *size);
int unlz4_size(const uint8_t *in, size_t in_len, uint64_t *size);

#endif /* DECOMPRESS_PRIVATE_H */
