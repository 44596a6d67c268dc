/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel images for guests that the hypervisor builds itself (dom0).
 *
 * In three steps, because the caller owns the memory: kernel_image_payload() finds the kernel
 * inside a boot module and says how large it is unpacked, kernel_image_unpack() expands it,
 * elf_parse() reads the result. Every number in the image is taken as hostile. None of the
 * functions takes a lock or keeps a pointer of its own.
 *
 * Where a function has @why, it is set to an English sentence without a full stop on error.
 */

#ifndef XEN_KERNEL_IMAGE_H
#define XEN_KERNEL_IMAGE_H

#include <xen/types.h>

/* Larger kernels than this are taken for a damaged size field. */
#define KERNEL_IMAGE_MAX_SIZE (1UL << 30)

/* The kernel inside a boot module. Points into the module. */
struct kernel_payload {
	const void *data;
	size_t len;             /* of the packed data; may include bytes behind its end */
	uint64_t size;          /* bytes after unpacking, as declared */
	const char *format;     /* "ELF", or a name from decompress_format() */
	bool compressed;        /* false: @data is the ELF file itself */
	uint16_t boot_protocol; /* of a bzImage, 0x208 or more; otherwise 0 */
};

/*
 * Everything dom0's builder wants to know of an ELF kernel. Strings are cut to fit. Addresses of
 * the guest: "paddr" as in the program headers, "v_" virtual.
 */
struct kernel_image {
	const uint8_t *elf;
	size_t len;
	uint64_t phoff;
	unsigned int phnum;
	uint64_t elf_entry; /* entry point of the ELF header */

	uint64_t paddr_start, paddr_end; /* all that is loaded: first byte, first byte behind */
	uint64_t v_start, v_end;         /* the same, where the kernel wants to be mapped */
	uint64_t v_entry;                /* start address of a PV guest */

	uint32_t notes;    /* bit n: the Xen note of type n is there (XEN_ELFNOTE_*) */
	char guest_os[16]; /* from here on, what the notes say; 0 or "" when not there */
	char guest_version[16];
	char xen_version[16];
	char loader[16];
	char pae_mode[16];
	char features[256];
	bool bsd_symtab;
	bool suspend_cancel;
	bool mod_start_pfn;      /* can take an initrd by frame number, unmapped */
	uint64_t hypercall_page; /* virtual address */
	uint64_t virt_base;
	uint64_t paddr_offset;
	uint64_t init_p2m; /* virtual address for the P2M list */
	uint64_t hv_start_low;
	uint64_t l1_mfn_mask, l1_mfn_value; /* the first pair only */
	uint64_t phys32_entry;              /* paddr */

	/* From FEATURES and SUPPORTED_FEATURES: bits XENFEAT_* of submap 0. */
	uint32_t features_supported;
	uint32_t features_required;     /* the names with a '!' */
	bool features_required_unknown; /* one of those has a name we do not know */
};

/* Whether the kernel carries the Xen note @type (XEN_ELFNOTE_*). */
static inline bool kernel_image_has_note(const struct kernel_image *image, unsigned int type)
{
	return type < 32 && image->notes >> type & 1;
}

/*
 * Find the kernel in the boot module @data: an ELF file, a compressed one, or a Linux bzImage
 * (boot protocol 2.08 or later) around either.
 *
 * Returns 0, -EINVAL (damaged) or -EOPNOTSUPP (not a kernel format that we know).
 */
int kernel_image_payload(
	const void *data, size_t len, struct kernel_payload *payload, const char **why);

/*
 * Expand @payload into @out of @cap bytes (payload->size is enough); *@out_len gets the number of
 * bytes. Copies a payload that is not compressed, which callers may as well use in place.
 *
 * Returns 0, -EINVAL (damaged, or not of the declared size), -EOPNOTSUPP, -ENOSPC or -ENOMEM.
 */
int kernel_image_unpack(const struct kernel_payload *payload, void *out, size_t cap,
	size_t *out_len, const char **why);

/*
 * Read the headers and Xen notes of the ELF file @elf, which must stay in place as long as @image
 * is used.
 *
 * Returns 0, -EINVAL (damaged) or -EOPNOTSUPP (not a 64-bit x86 executable).
 */
int elf_parse(const void *elf, size_t len, struct kernel_image *image, const char **why);

/*
 * Call @copy for every segment to load, in file order: @filesz bytes from @src belong at @paddr
 * and the rest up to @memsz is to be cleared. filesz <= memsz, and paddr + memsz lies within the
 * image's paddr_start..paddr_end. Stops at the first non-zero result and returns it.
 */
int elf_load(const struct kernel_image *image,
	int (*copy)(void *ctx, uint64_t paddr, const void *src, size_t filesz, size_t memsz),
	void *ctx);

/*
 * Whether @image can run as a paravirtual dom0 on this hypervisor. Returns 0, -EINVAL (addresses
 * that make no sense) or -EOPNOTSUPP.
 */
int kernel_image_check_dom0(const struct kernel_image *image, const char **why);

#endif /* XEN_KERNEL_IMAGE_H */
