/* Looking up function names in the table that scripts/make-symbols builds. */
#include <xen/lib.h>
#include <xen/symbols.h>

#define MARKER_STEP 32 /* names between two markers: as in scripts/make-symbols */

/* symbols_offsets[symbols_count] is the end of the last function. */
extern const u64 symbols_base;
extern const u32 symbols_count;
extern const u32 symbols_offsets[];
extern const u32 symbols_markers[]; /* positions in symbols_names */
extern const char symbols_names[];

static const char *name_of(unsigned int i)
{
	const char *s = symbols_names + symbols_markers[i / MARKER_STEP];

	for (i %= MARKER_STEP; i; i--)
		s += strlen(s) + 1;
	return s;
}

const char *symbols_lookup(unsigned long addr, unsigned long *offset, unsigned long *size)
{
	unsigned int lo = 0, hi = symbols_count;
	unsigned long rel;

	if (!hi || addr < symbols_base || addr - symbols_base >= symbols_offsets[hi])
		return NULL;
	rel = addr - symbols_base;
	while (hi - lo > 1) {
		unsigned int mid = lo + (hi - lo) / 2;

		if (symbols_offsets[mid] <= rel)
			lo = mid;
		else
			hi = mid;
	}
	*offset = rel - symbols_offsets[lo];
	*size = symbols_offsets[lo + 1] - symbols_offsets[lo];
	return name_of(lo);
}

const char *symbols_entry(unsigned int nr, unsigned long *addr)
{
	if (nr >= symbols_count)
		return NULL;
	*addr = symbols_base + symbols_offsets[nr];
	return name_of(nr);
}

bool is_kernel_text(unsigned long addr)
{
	unsigned long offset, size;

	return symbols_lookup(addr, &offset, &size) != NULL;
}
