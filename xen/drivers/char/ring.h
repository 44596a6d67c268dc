/* The console ring: the last part of everything printed, for `xm dmesg`. Callers hold the console
 * lock. */
#ifndef DRIVERS_CHAR_RING_H
#define DRIVERS_CHAR_RING_H

#include <xen/types.h>

void conring_put(const char *s, size_t n);
/* Move into a bigger buffer; `size` is a power of two, greater than the present one. */
void conring_grow(char *buf, u32 size);
/* Copy from position *pos (moved up if that has been overwritten) at most n bytes, advancing it. */
size_t conring_get(u32 *pos, char *buf, size_t n);
u32 conring_start(void); /* position of the oldest byte kept */
/* Forget everything before `pos`. */
void conring_clear(u32 pos);
u32 conring_size(void);

#endif
