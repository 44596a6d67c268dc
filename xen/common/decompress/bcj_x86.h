/* SPDX-License-Identifier: GPL-2.0-only */
/* The x86 branch filter of xz. */

#ifndef DECOMPRESS_BCJ_X86_H
#define DECOMPRESS_BCJ_X86_H

#include "private.h"

/*
 * Undo the filter over a whole block of @len bytes, in place. @start: position of the block's first
 * byte as the encoder counted it, modulo 2^32.
 */
void bcj_x86_decode(uint8_t *buf, size_t len, uint32_t start);

#endif /* DECOMPRESS_BCJ_X86_H */
