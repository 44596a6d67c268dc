/* SPDX-License-Identifier: GPL-2.0-only */
/* XXH32 (lz4 frames) and XXH64 (zstd frames) with seed 0, from the xxHash specification 0.1.1. */

#include "private.h"

#define P32_1 2654435761U
#define P32_2 2246822519U
#define P32_3 3266489917U
#define P32_4 668265263U
#define P32_5 374761393U

#define P64_1 11400714785074694791ULL
#define P64_2 14029467366897019727ULL
#define P64_3 1609587929392839161ULL
#define P64_4 9650029242287828579ULL
#define P64_5 2870177450012600261ULL

static inline uint32_t rotl32(uint32_t v, unsigned int n)
{
	return v << n | v >> (32 - n);
}

static inline uint64_t rotl64(uint64_t v, unsigned int n)
{
	return v << n | v >> (64 - n);
}

static inline uint32_t round32(uint32_t acc, uint32_t lane)
{
	return rotl32(acc + lane * P32_2, 13) * P32_1;
}

static inline uint64_t round64(uint64_t acc, uint64_t lane)
{
	return rotl64(acc + lane * P64_2, 31) * P64_1;
}

uint32_t xxh32(const uint8_t *data, size_t len)
{
	uint32_t acc = P32_5, a = P32_1 + P32_2, b = P32_2, c = 0, d = 0U - P32_1;
	size_t left = len;

	if (left >= 16) {
		for (; left >= 16; data += 16, left -= 16) {
			a = round32(a, get_le32(data));
			b = round32(b, get_le32(data + 4));
			c = round32(c, get_le32(data + 8));
			d = round32(d, get_le32(data + 12));
		}
		acc = rotl32(a, 1) + rotl32(b, 7) + rotl32(c, 12) + rotl32(d, 18);
	}
	acc += (uint32_t)len;
	for (; left >= 4; data += 4, left -= 4)
		acc = rotl32(acc + get_le32(data) * P32_3, 17) * P32_4;
	for (; left; data++, left--)
		acc = rotl32(acc + *data * P32_5, 11) * P32_1;
	acc = (acc ^ acc >> 15) * P32_2;
	acc = (acc ^ acc >> 13) * P32_3;
	return acc ^ acc >> 16;
}

uint64_t xxh64(const uint8_t *data, size_t len)
{
	uint64_t acc = P64_5, a = P64_1 + P64_2, b = P64_2, c = 0, d = 0ULL - P64_1;
	size_t left = len;

	if (left >= 32) {
		for (; left >= 32; data += 32, left -= 32) {
			a = round64(a, get_le64(data));
			b = round64(b, get_le64(data + 8));
			c = round64(c, get_le64(data + 16));
			d = round64(d, get_le64(data + 24));
		}
		acc = rotl64(a, 1) + rotl64(b, 7) + rotl64(c, 12) + rotl64(d, 18);
		acc = (acc ^ round64(0, a)) * P64_1 + P64_4;
		acc = (acc ^ round64(0, b)) * P64_1 + P64_4;
		acc = (acc ^ round64(0, c)) * P64_1 + P64_4;
		acc = (acc ^ round64(0, d)) * P64_1 + P64_4;
	}
	acc += len;
	for (; left >= 8; data += 8, left -= 8)
		acc = rotl64(acc ^ round64(0, get_le64(data)), 27) * P64_1 + P64_4;
	if (left >= 4) {
		acc = rotl64(acc ^ get_le32(data) * P64_1, 23) * P64_2 + P64_3;
		data += 4;
		left -= 4;
	}
	for (; left; data++, left--)
		acc = rotl64(acc ^ *data * P64_5, 11) * P64_1;
	acc = (acc ^ acc >> 33) * P64_2;
	acc = (acc ^ acc >> 29) * P64_3;
	return acc ^ acc >> 32;
}
