/* The parts of the domain builder: image, notes, layout, page tables. */
#ifndef GUEST_PRIVATE_H
#define GUEST_PRIVATE_H

#include "xenguest.h"

#define PAGES(bytes) (((bytes) + XC_PAGE_SIZE - 1) >> XC_PAGE_SHIFT)

/* Memory that grows by being touched. */
struct xg_blob {
	uint8_t *data;
	size_t len;
	size_t reserved; /* bytes to unmap; 0: not ours */
};

void xg_blob_free(struct xg_blob *blob);

/**
 * Reads a regular file of 1 to @limit bytes. @what, such as "kernel", begins the message of an
 * error.
 */
bool xg_read_file(
	const char *what, const char *path, size_t limit, struct xg_blob *out, GError **error);

/** Opens a regular file that is not empty, and sets *@size to its bytes. -1 on error. */
int xg_open_file(const char *what, const char *path, uint64_t *size, GError **error);

/**
 * The kernel inside @file, which is a bzImage, an ELF file or a compressed one: ELF in @elf,
 * perhaps within @file.
 */
bool xg_unpack_kernel(const struct xg_blob *file, struct xg_blob *elf, GError **error);

/**
 * Unpacks the xz stream at the start of @in, quickly. False: it is not one of LZMA2 and the x86
 * filter alone, or damaged, or does not fit in @room bytes; @out may then hold anything.
 */
bool xg_unxz(const uint8_t *in, size_t in_len, uint8_t *out, size_t room, size_t *out_len);

/* Loaded and parsed kernel. */
struct xg_kernel {
	struct xg_blob file; /* as read */
	struct xg_blob elf;  /* perhaps within file */
	unsigned width;
	uint64_t elf_entry;
	uint64_t paddr_start, paddr_end; /* of all segments; guest physical */

	/* What notes or section __xen_guest say; has_* where 0 could be said. */
	bool has_notes, has_entry, has_hypercall_page, has_init_p2m, has_paddr_offset;
	bool legacy;
	bool mod_start_pfn, bsd_symtab;
	char guest_os[32], guest_version[32], loader[16], xen_version[16], pae_mode[16];
	char features[256];
	uint64_t entry, hypercall_page, virt_base, paddr_offset, init_p2m, hv_start_low,
		phys32_entry;
	uint32_t supported; /* numeric SUPPORTED_FEATURES */
};

/** Reads and parses; @kernel is freed with xg_kernel_free() in any case. */
bool xg_kernel_load(struct xg_kernel *kernel, const char *path, GError **error);
void xg_kernel_free(struct xg_kernel *kernel);

/** Parses kernel->elf. */
bool xg_elf_parse(struct xg_kernel *kernel, GError **error);

/** One segment to load: @filesz bytes at @src, zeroes up to @memsz, at guest physical @paddr. */
struct xg_segment {
	uint64_t paddr;
	const uint8_t *src;
	uint64_t filesz, memsz;
};

/** Segment number @i of those to load; false when there are no more. */
bool xg_elf_segment(const struct xg_kernel *kernel, unsigned i, struct xg_segment *segment);

/** Takes note @type of @len bytes. False: its length makes no sense. */
bool xg_take_note(struct xg_kernel *kernel, uint32_t type, const uint8_t *desc, size_t len);

/** Takes the string of a section __xen_guest. */
bool xg_take_guest_section(struct xg_kernel *kernel, const char *text, size_t len, GError **error);

/** Whether the kernel can run as a paravirtual domain, with features @wanted (or NULL) as well. */
bool xg_kernel_check_pv(const struct xg_kernel *kernel, const char *wanted, GError **error);

/* A page table: which level (1 to 4), the first address that it maps, and where it lies. */
struct xg_table {
	unsigned level;
	uint64_t va;
	uint64_t pfn;
};

/*
 * Where everything is, as guest frame numbers. Frame n is mapped at virt_base + n pages, up to
 * mapped_end.
 */
struct xg_layout {
	uint64_t nr_pages;
	uint64_t virt_base;
	uint64_t kernel, kernel_end;
	uint64_t initrd, initrd_pages;
	bool initrd_mapped;
	uint64_t p2m, p2m_pages; /* the list of frames */
	uint64_t p2m_va;
	uint64_t p2m_tables; /* tables of the list alone, behind it; 0 if it is in the initial
				mapping */
	uint64_t start_info, store, console;
	uint64_t tables, nr_tables; /* of the initial mapping; the first is the top one */
	uint64_t stack;
	uint64_t mapped_end;
	uint64_t used_end; /* behind all that the builder places */
	GArray *table;     /* struct xg_table, all of them */
};

/** Plans a 64-bit domain of @nr_pages for @kernel with @initrd_bytes (0: none). */
bool xg_layout_plan(struct xg_layout *layout, const struct xg_kernel *kernel, uint64_t initrd_bytes,
	uint64_t nr_pages, GError **error);
void xg_layout_free(struct xg_layout *layout);

/** Address of a mapped frame. */
static inline uint64_t xg_va(const struct xg_layout *layout, uint64_t pfn)
{
	return layout->virt_base + (pfn << XC_PAGE_SHIFT);
}

/** Writes the 512 entries of @table, for a domain with frames @p2m. */
void xg_table_fill(const struct xg_layout *layout, const struct xg_table *table,
	const xen_pfn_t *p2m, uint64_t *entries);

/** What start_info says beyond the layout. */
struct xg_start {
	uint64_t shared_info_mfn;
	evtchn_port_t store_port, console_port;
	uint64_t initrd_bytes;
	const char *cmdline;
};

/** Writes the page of start_info. */
void xg_start_info_fill(const struct xg_layout *layout, const struct xg_start *start,
	const xen_pfn_t *p2m, void *page);

/** Registers of vCPU 0 at the kernel's entry. */
void xg_vcpu_fill(const struct xg_layout *layout, const struct xg_kernel *kernel,
	const xen_pfn_t *p2m, struct vcpu_guest_context *context);

#endif /* GUEST_PRIVATE_H */
