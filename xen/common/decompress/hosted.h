/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the decoders use of the hypervisor, for building them into a program. Its libraries have
 * functions of the same names.
 */

#ifndef DECOMPRESS_HOSTED_H
#define DECOMPRESS_HOSTED_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#define crc32            xen_crc32
#define crc64            xen_crc64
#define unxz             xen_unxz
#define unxz_size        xen_unxz_size
#define lzma_set_props   xen_lzma_set_props
#define lzma_reset_state xen_lzma_reset_state
#define lzma_start       xen_lzma_start
#define lzma_decode      xen_lzma_decode
#define lzma_finished    xen_lzma_finished
#define bcj_x86_decode   xen_bcj_x86_decode

#define always_inline inline __attribute__((always_inline))
#define likely(c)     __builtin_expect(!!(c), 1)
#define min           MIN

static inline void *xmalloc_bytes(size_t size, size_t align)
{
	return aligned_alloc(align, (size + align - 1) / align * align);
}

static inline void xfree(void *p)
{
	free(p);
}

#endif /* DECOMPRESS_HOSTED_H */
