/* The console ring. Positions count bytes since boot and wrap at 2^32. */
#include <xen/lib.h>
#include "ring.h"

#define FIRST_SIZE (16u << 10)

static char first_buf[FIRST_SIZE];
static char *ring = first_buf;
static u32 ring_size = FIRST_SIZE;
static u32 start, end; /* end - start <= ring_size */

/* n bytes from position `pos` into or out of the ring, in at most two pieces. */
static void copy_in(u32 pos, const char *s, size_t n)
{
	u32 at = pos & (ring_size - 1);
	size_t first = min_t(size_t, n, ring_size - at);

	memcpy(ring + at, s, first);
	memcpy(ring, s + first, n - first);
}

static void copy_out(u32 pos, char *d, size_t n)
{
	u32 at = pos & (ring_size - 1);
	size_t first = min_t(size_t, n, ring_size - at);

	memcpy(d, ring + at, first);
	memcpy(d + first, ring, n - first);
}

void conring_put(const char *s, size_t n)
{
	if (n > ring_size) {
		s += n - ring_size;
		end += n - ring_size;
		n = ring_size;
	}
	copy_in(end, s, n);
	end += n;
	if (end - start > ring_size)
		start = end - ring_size;
}

size_t conring_get(u32 *pos, char *buf, size_t n)
{
	if (end - *pos > end - start)
		*pos = start;
	n = min_t(size_t, n, end - *pos);
	copy_out(*pos, buf, n);
	*pos += n;
	return n;
}

void conring_grow(char *buf, u32 size)
{
	u32 old_size = ring_size, n = end - start, old_start = start;
	char *old = ring;

	ring = buf;
	ring_size = size;
	/* Positions stay as they are: readers remember them. */
	for (u32 i = 0; i < n; i++)
		buf[(old_start + i) & (size - 1)] = old[(old_start + i) & (old_size - 1)];
}

u32 conring_start(void)
{
	return start;
}

void conring_clear(u32 pos)
{
	if (end - pos <= end - start)
		start = pos;
}

u32 conring_size(void)
{
	return ring_size;
}
