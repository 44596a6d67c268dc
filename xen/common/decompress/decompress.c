/* SPDX-License-Identifier: GPL-2.0-only */
/* Chooses the decoder by the magic number. */

#include <xen/decompress.h>

#include "private.h"

static const struct format {
	const char *name;
	uint8_t magic[6];
	uint8_t magic_len;
	int (*expand)(const uint8_t *in, size_t in_len, uint8_t *out, size_t cap, size_t *out_len);
	int (*size)(const uint8_t *in, size_t in_len, uint64_t *size);
} formats[] = {
	{"gzip", {0x1f, 0x8b}, 2, gunzip, gunzip_size},
	{"lz4", {0x04, 0x22, 0x4d, 0x18}, 4, unlz4, unlz4_size},
	{"lz4", {0x02, 0x21, 0x4c, 0x18}, 4, unlz4, unlz4_size},
	{"zstd", {0x28, 0xb5, 0x2f, 0xfd}, 4, unzstd, unzstd_size},
	{"xz", {0xfd, '7', 'z', 'X', 'Z', 0x00}, 6, unxz, unxz_size},
};

static const struct format *find_format(const uint8_t *in, size_t in_len)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		const struct format *f = &formats[i];

		if (in_len >= f->magic_len && !memcmp(in, f->magic, f->magic_len))
			return f;
	}
	return NULL;
}

const char *decompress_format(const void *in, size_t in_len)
{
	const struct format *f = find_format(in, in_len);

	return f ? f->name : NULL;
}

int decompress(const void *in, size_t in_len, void *out, size_t out_cap, size_t *out_len)
{
	const struct format *f = find_format(in, in_len);
	int ret;

	*out_len = 0;
	if (!f)
		return -EOPNOTSUPP;
	ret = f->expand(in, in_len, out, out_cap, out_len);
	if (ret)
		*out_len = 0;
	return ret;
}

int decompress_size(const void *in, size_t in_len, uint64_t *size)
{
	const struct format *f = find_format(in, in_len);

	return f ? f->size(in, in_len, size) : -EOPNOTSUPP;
}
