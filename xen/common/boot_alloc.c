/*
 * Memory before the page allocator lives: the boot code names free ranges, takes what it needs from
 * their upper ends and hands the rest over. Also the list of bad frames.
 */
#include <xen/lib.h>
#include <xen/param.h>
#include <xen/errno.h>
#include "heap.h"

#define MAX_BOOT_RANGES 128
#define MAX_BAD_RANGES  32

struct byte_range {
	paddr_t s, e; /* e exclusive */
};

struct frame_range {
	unsigned long s, e; /* e inclusive */
};

static struct byte_range boot_ranges[MAX_BOOT_RANGES] __initdata;
static unsigned int nr_boot_ranges __initdata;

/* Sorted by start and without overlaps, so that one pass cuts a range. */
static struct frame_range bad_ranges[MAX_BAD_RANGES] __ro_after_init;
static unsigned int nr_bad_ranges __ro_after_init;

/* Insert [s, e] keeping the list sorted; overlapping entries grow together. */
static int __init add_bad_range(unsigned long s, unsigned long e)
{
	unsigned int i = 0, j;

	while (i < nr_bad_ranges && bad_ranges[i].e < s)
		i++;
	for (j = i; j < nr_bad_ranges && bad_ranges[j].s <= e; j++) {
		s = min(s, bad_ranges[j].s);
		e = max(e, bad_ranges[j].e);
	}
	if (j == i && nr_bad_ranges == MAX_BAD_RANGES)
		return -EINVAL;
	memmove(&bad_ranges[i + 1], &bad_ranges[j], (nr_bad_ranges - j) * sizeof(bad_ranges[0]));
	bad_ranges[i] = (struct frame_range){ s, e };
	nr_bad_ranges += 1 + i - j;
	return 0;
}

static unsigned long __init parse_frame(const char *p, const char **end)
{
	if (p[0] == '0' && tolower(p[1]) == 'x' && isxdigit(p[2]))
		p += 2;
	return strtoull(p, end, 16);
}

/* badpage=<frame>[-<frame>][,...], hexadecimal with or without 0x. */
static int __init parse_badpage(const char *p)
{
	const char *end;
	unsigned long s, e;

	for (;; p = end + 1) {
		s = e = parse_frame(p, &end);
		if (end == p)
			return -EINVAL;
		if (*end == '-') {
			p = end + 1;
			e = parse_frame(p, &end);
			if (end == p)
				return -EINVAL;
		}
		if (e < s || (*end && *end != ',') || add_bad_range(s, e))
			return -EINVAL;
		if (!*end)
			return 0;
	}
}
custom_param("badpage", parse_badpage);

void for_each_good_range(
	unsigned long s, unsigned long e, void (*fn)(unsigned long s, unsigned long e))
{
	for (unsigned int i = 0; i < nr_bad_ranges && s < e; i++) {
		const struct frame_range *bad = &bad_ranges[i];

		if (bad->e < s)
			continue;
		if (bad->s >= e)
			break;
		if (bad->s > s)
			fn(s, bad->s);
		s = bad->e + 1;
		if (!s) /* the list reached the last number there is */
			return;
	}
	if (s < e)
		fn(s, e);
}

static void __init add_good_range(unsigned long s, unsigned long e)
{
	if (nr_boot_ranges == MAX_BOOT_RANGES) {
		printk(XENLOG_WARNING "Too many memory ranges: frames %lx-%lx are not used\n", s,
			e);
		return;
	}
	boot_ranges[nr_boot_ranges++] =
		(struct byte_range){ (paddr_t)s << PAGE_SHIFT, (paddr_t)e << PAGE_SHIFT };
}

/* Parts of pages at the ends are left out. Ranges do not overlap. */
void __init boot_alloc_add_range(paddr_t s, paddr_t e)
{
	s = (s >> PAGE_SHIFT) + !IS_ALIGNED(s, PAGE_SIZE);
	e >>= PAGE_SHIFT;
	if (s < e)
		for_each_good_range(s, e, add_good_range);
}

/* The highest range that has room: low memory is what devices with narrow addresses need. */
static struct byte_range *__init find_room(size_t bytes, size_t align)
{
	struct byte_range *best = NULL;

	for (unsigned int i = 0; i < nr_boot_ranges; i++) {
		struct byte_range *r = &boot_ranges[i];

		if (r->e - r->s >= bytes && ROUNDDOWN(r->e - bytes, align) >= r->s &&
			(!best || r->e > best->e))
			best = r;
	}
	return best;
}

void *__init boot_alloc(size_t bytes, size_t align)
{
	struct byte_range *r = find_room(bytes, align);

	if (!r)
		panic("Out of memory at boot: no %zu bytes aligned to %zx\n", bytes, align);
	/* What alignment cuts off above the block is less than `align`: keep it when it is a page. */
	paddr_t p = ROUNDDOWN(r->e - bytes, align), rest = ROUNDUP(p + bytes, PAGE_SIZE);

	if (rest < r->e && nr_boot_ranges < MAX_BOOT_RANGES)
		boot_ranges[nr_boot_ranges++] = (struct byte_range){ rest, r->e };
	r->e = p;
	return maddr_to_virt(p);
}

void __init boot_alloc_remaining(void)
{
	for (unsigned int i = 0; i < nr_boot_ranges; i++) {
		unsigned long s = ROUNDUP(boot_ranges[i].s, PAGE_SIZE) >> PAGE_SHIFT;
		unsigned long e = boot_ranges[i].e >> PAGE_SHIFT;

		if (s < e)
			init_heap_range(_mfn(s), _mfn(e));
	}
	nr_boot_ranges = 0;
}
