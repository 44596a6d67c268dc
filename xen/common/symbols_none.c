/*
 * The image is linked twice: these empty tables serve the first link, the second one brings those
 * of scripts/make-symbols, for the same section. A file of its own, so that the compiler cannot
 * know the values where they are used.
 */
#include <xen/types.h>

#define TABLE(decl) extern decl __weak __section(".symbols"); decl
TABLE(const u64 symbols_base) = 0;
TABLE(const u32 symbols_count) = 0;
TABLE(const u32 symbols_offsets[1]) = { 0 };
TABLE(const u32 symbols_markers[1]) = { 0 };
TABLE(const char symbols_names[1]) = "";
