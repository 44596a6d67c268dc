/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Decompression of kernel images held in memory.
 *
 * Every decoder writes straight into the caller's buffer and uses it as its own window, so besides
 * some tens of kilobytes of tables there is no working memory. Bytes after the end of the
 * compressed stream are ignored: boot images carry padding and size words there. (A legacy lz4
 * frame has no end mark; there, just the four bytes of a size word are.)
 */

#ifndef XEN_DECOMPRESS_H
#define XEN_DECOMPRESS_H

#include <xen/types.h>

/*
 * Name of the compressed format that starts at @in: "gzip", "xz", "zstd" or "lz4". NULL when the
 * bytes carry no known magic number.
 */
const char *decompress_format(const void *in, size_t in_len);

/*
 * Expand the stream at @in into @out and set *@out_len to the number of bytes produced.
 * Checksums that the stream carries are verified. On error, @out holds unspecified bytes and
 * *@out_len is 0.
 *
 * Returns 0, -EOPNOTSUPP (unknown format, or a feature of the format that is not implemented),
 * -EINVAL (damaged or cut off), -ENOSPC (more than @out_cap bytes) or -ENOMEM. Takes no locks.
 */
int decompress(const void *in, size_t in_len, void *out, size_t out_cap, size_t *out_len);

/*
 * Read the expanded size that the stream at @in declares: the size field of gzip and zstd, the
 * index of xz, which must end at @in + @in_len. The number is the file's word, not a fact.
 *
 * Returns 0, -EOPNOTSUPP (unknown format, or one that does not say) or -EINVAL (damaged).
 */
int decompress_size(const void *in, size_t in_len, uint64_t *size);

#endif /* XEN_DECOMPRESS_H */
