/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads ELF kernels (System V gABI chapter 4 and 5, x86-64 supplement) and the notes with which a
 * kernel tells how Xen is to start it (public/elfnote.h).
 */

#include <xen/errno.h>
#include <xen/kernel-formats.h>
#include <xen/kernel-image.h>
#include <xen/lib.h>
#include <asm/config.h>
#include <public/elfnote.h>

#define ELFCLASS32  1
#define ELFCLASS64  2
#define ELFDATA2LSB 1
#define ET_EXEC     2
#define ET_DYN      3
#define EM_X86_64   62
#define PT_LOAD     1
#define PT_NOTE     4
#define SHT_NOTE    7
#define PN_XNUM     0xffff

struct elf_header {
	uint8_t ident[4];
	uint8_t class, data, ident_version, abi, pad[8];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, phoff, shoff;
	uint32_t flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf_segment {
	uint32_t type, flags;
	uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

struct elf_section {
	uint32_t name, type;
	uint64_t flags, addr, offset, size;
	uint32_t link, info;
	uint64_t align, entsize;
};

struct elf_note {
	uint32_t namesz, descsz, type;
};

/* What a domain 0 may insist on. */
#define FEATURES_OFFERED                                                                           \
	(PV_FEATURES_OFFERED | 1U << XENFEAT_dom0 | 1U << XENFEAT_linux_rsdp_unrestricted)

static int fail(int err, const char **why, const char *text)
{
	*why = text;
	return err;
}

/* Whether @size bytes at @offset lie within the file. */
static bool in_file(const struct kernel_image *image, uint64_t offset, uint64_t size)
{
	return offset <= image->len && size <= image->len - offset;
}

static void get_segment(const struct kernel_image *image, unsigned int i, struct elf_segment *seg)
{
	memcpy(seg, image->elf + image->phoff + i * sizeof(*seg), sizeof(*seg));
}

/* --- Notes --------------------------------------------------------------------------------- */

/* Copy a string note, which may lack its terminator, cutting it to @size - 1 characters. */
static void set_string(char *dst, size_t size, const uint8_t *desc, size_t len)
{
	size_t n = 0;

	while (n < len && n < size - 1 && desc[n]) {
		dst[n] = desc[n];
		n++;
	}
	dst[n] = '\0';
}

/* Numeric notes have 4 or 8 bytes; 1 and 2 are taken too. Returns false for other lengths. */
static bool get_number(const uint8_t *desc, size_t len, uint64_t *value)
{
	if (len != 1 && len != 2 && len != 4 && len != 8)
		return false;
	*value = 0;
	memcpy(value, desc, len);
	return true;
}

static int feature_number(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(feature_names); i++) {
		const char *known = feature_names[i];

		if (known && strlen(known) == len && !memcmp(known, name, len))
			return i;
	}
	return -1;
}

/* Names separated by '|'; a '!' in front says that the kernel cannot do without. */
static void parse_features(struct kernel_image *image, const uint8_t *desc, size_t len)
{
	const char *p = (const char *)desc, *end = p + strnlen(p, len);

	while (p < end) {
		const char *bar = memchr(p, '|', end - p), *stop = bar ? bar : end;
		bool required = *p == '!';
		int nr;

		p += required;
		nr = feature_number(p, stop - p);
		if (nr >= 0)
			image->features_supported |= 1U << nr;
		if (required && nr >= 0)
			image->features_required |= 1U << nr;
		if (required && nr < 0)
			image->features_required_unknown = true;
		p = stop + 1;
	}
}

static bool take_string_note(
	struct kernel_image *image, uint32_t type, const uint8_t *desc, size_t len)
{
	char yes_no[8];

	switch (type) {
	case XEN_ELFNOTE_GUEST_OS:
		set_string(image->guest_os, sizeof(image->guest_os), desc, len);
		return true;
	case XEN_ELFNOTE_GUEST_VERSION:
		set_string(image->guest_version, sizeof(image->guest_version), desc, len);
		return true;
	case XEN_ELFNOTE_XEN_VERSION:
		set_string(image->xen_version, sizeof(image->xen_version), desc, len);
		return true;
	case XEN_ELFNOTE_LOADER:
		set_string(image->loader, sizeof(image->loader), desc, len);
		return true;
	case XEN_ELFNOTE_PAE_MODE:
		set_string(image->pae_mode, sizeof(image->pae_mode), desc, len);
		return true;
	case XEN_ELFNOTE_BSD_SYMTAB:
		set_string(yes_no, sizeof(yes_no), desc, len);
		image->bsd_symtab = !strcmp(yes_no, "yes");
		return true;
	case XEN_ELFNOTE_FEATURES:
		set_string(image->features, sizeof(image->features), desc, len);
		parse_features(image, desc, len);
		return true;
	default:
		return false;
	}
}

/* Take a numeric note. Returns false if its length makes no sense. */
static bool take_number_note(
	struct kernel_image *image, uint32_t type, const uint8_t *desc, size_t len)
{
	uint64_t value;

	if (type == XEN_ELFNOTE_L1_MFN_VALID) {
		/* Pairs of mask and value; the width of an entry is that of the paging mode. */
		if (len < 16 || len % 16)
			return false;
		memcpy(&image->l1_mfn_mask, desc, 8);
		memcpy(&image->l1_mfn_value, desc + 8, 8);
		return true;
	}
	if (!get_number(desc, len, &value))
		return false;
	switch (type) {
	case XEN_ELFNOTE_ENTRY:
		image->v_entry = value;
		break;
	case XEN_ELFNOTE_HYPERCALL_PAGE:
		image->hypercall_page = value;
		break;
	case XEN_ELFNOTE_VIRT_BASE:
		image->virt_base = value;
		break;
	case XEN_ELFNOTE_PADDR_OFFSET:
		image->paddr_offset = value;
		break;
	case XEN_ELFNOTE_HV_START_LOW:
		image->hv_start_low = value;
		break;
	case XEN_ELFNOTE_SUSPEND_CANCEL:
		image->suspend_cancel = value;
		break;
	case XEN_ELFNOTE_INIT_P2M:
		image->init_p2m = value;
		break;
	case XEN_ELFNOTE_MOD_START_PFN:
		image->mod_start_pfn = value;
		break;
	case XEN_ELFNOTE_SUPPORTED_FEATURES:
		image->features_supported |= (uint32_t)value;
		break;
	case XEN_ELFNOTE_PHYS32_ENTRY:
		image->phys32_entry = value;
		break;
	}
	return true;
}

static bool take_note(struct kernel_image *image, uint32_t type, const uint8_t *desc, size_t len)
{
	/* Type 0 is free text; types beyond the last are for crash dumps or from the future. */
	if (type == XEN_ELFNOTE_INFO || type > XEN_ELFNOTE_MAX)
		return true;
	if (!take_string_note(image, type, desc, len) && !take_number_note(image, type, desc, len))
		return false;
	image->notes |= 1U << type;
	return true;
}

/* Go through the notes in @size bytes at @offset of the file. @align: 8, or 4 for all else. */
static int parse_notes(struct kernel_image *image, uint64_t offset, uint64_t size, uint64_t align,
	const char **why)
{
	uint64_t pos = 0, pad = align == 8 ? 7 : 3;
	const uint8_t *notes;

	if (!in_file(image, offset, size))
		return fail(-EINVAL, why, "the kernel's notes lie outside the file");
	notes = image->elf + offset;
	while (size - pos >= sizeof(struct elf_note)) {
		struct elf_note note;
		uint64_t name = pos + sizeof(note), desc;

		memcpy(&note, notes + pos, sizeof(note));
		desc = (name + note.namesz + pad) & ~pad;
		if (desc > size || note.descsz > size - desc)
			return fail(-EINVAL, why, "one of the kernel's notes is cut off");
		if (note.namesz == 4 && !memcmp(notes + name, "Xen", 4) &&
			!take_note(image, note.type, notes + desc, note.descsz))
			return fail(-EINVAL, why, "one of the kernel's Xen notes has a bad length");
		pos = min((desc + note.descsz + pad) & ~pad, size);
	}
	return 0;
}

/* Kernels without note segments: go by the section headers. */
static int parse_note_sections(
	struct kernel_image *image, const struct elf_header *hdr, const char **why)
{
	if (!hdr->shoff || !hdr->shnum)
		return 0;
	if (hdr->shentsize != sizeof(struct elf_section) ||
		!in_file(image, hdr->shoff, (uint64_t)hdr->shnum * sizeof(struct elf_section)))
		return fail(-EINVAL, why, "the kernel's section headers lie outside the file");
	for (unsigned int i = 0; i < hdr->shnum; i++) {
		struct elf_section sec;
		int ret;

		memcpy(&sec, image->elf + hdr->shoff + i * sizeof(sec), sizeof(sec));
		if (sec.type != SHT_NOTE)
			continue;
		ret = parse_notes(image, sec.offset, sec.size, sec.align, why);
		if (ret)
			return ret;
	}
	return 0;
}

/* --- Headers ------------------------------------------------------------------------------- */

static int check_header(const struct elf_header *hdr, size_t len, const char **why)
{
	if (len < 16 || memcmp(hdr->ident, "\177ELF", 4))
		return fail(-EOPNOTSUPP, why, "the kernel is not an ELF file");
	if (hdr->class == ELFCLASS32)
		return fail(-EOPNOTSUPP, why, "the kernel is a 32-bit one; a 64-bit one is needed");
	if (hdr->class != ELFCLASS64 || hdr->data != ELFDATA2LSB)
		return fail(-EOPNOTSUPP, why, "the kernel is not a little-endian 64-bit ELF file");
	if (len < sizeof(*hdr))
		return fail(-EINVAL, why, "the kernel's ELF header is cut off");
	if (hdr->machine != EM_X86_64)
		return fail(-EOPNOTSUPP, why, "the kernel is for another processor");
	if (hdr->type != ET_EXEC && hdr->type != ET_DYN)
		return fail(-EOPNOTSUPP, why, "the kernel's ELF file is not executable");
	return 0;
}

static int take_load_segment(
	struct kernel_image *image, const struct elf_segment *seg, const char **why)
{
	uint64_t end;

	if (!seg->memsz)
		return 0;
	if (seg->filesz > seg->memsz || !in_file(image, seg->offset, seg->filesz))
		return fail(-EINVAL, why, "one of the kernel's segments lies outside the file");
	if (__builtin_add_overflow(seg->paddr, seg->memsz, &end))
		return fail(-EINVAL, why, "one of the kernel's segments has an impossible address");
	image->paddr_start = min(image->paddr_start, seg->paddr);
	image->paddr_end = max(image->paddr_end, end);
	return 0;
}

static int parse_segments(struct kernel_image *image, const char **why)
{
	struct elf_segment seg;
	int ret;

	image->paddr_start = UINT64_MAX;
	for (unsigned int i = 0; i < image->phnum; i++) {
		get_segment(image, i, &seg);
		ret = 0;
		if (seg.type == PT_LOAD)
			ret = take_load_segment(image, &seg, why);
		else if (seg.type == PT_NOTE)
			ret = parse_notes(image, seg.offset, seg.filesz, seg.align, why);
		if (ret)
			return ret;
	}
	if (!image->paddr_end)
		return fail(-EINVAL, why, "the kernel has nothing to load");
	return 0;
}

/* Where VIRT_BASE and PADDR_OFFSET put the loaded range. */
static int set_virtual_range(struct kernel_image *image, const char **why)
{
	uint64_t start, size = image->paddr_end - image->paddr_start;

	if (__builtin_sub_overflow(image->paddr_start, image->paddr_offset, &start) ||
		__builtin_add_overflow(image->virt_base, start, &image->v_start) ||
		__builtin_add_overflow(image->v_start, size, &image->v_end))
		return fail(-EINVAL, why,
			"the kernel's VIRT_BASE and PADDR_OFFSET notes do not fit its addresses");
	return 0;
}

int elf_parse(const void *elf, size_t len, struct kernel_image *image, const char **why)
{
	struct elf_header hdr = {.type = 0};
	int ret;

	memset(image, 0, sizeof(*image));
	memcpy(&hdr, elf, min(len, sizeof(hdr)));
	ret = check_header(&hdr, len, why);
	if (ret)
		return ret;
	image->elf = elf;
	image->len = len;
	image->phoff = hdr.phoff;
	image->phnum = hdr.phnum;
	image->elf_entry = hdr.entry;
	image->v_entry = hdr.entry;
	if (!hdr.phnum || hdr.phnum == PN_XNUM || hdr.phentsize != sizeof(struct elf_segment) ||
		!in_file(image, hdr.phoff, (uint64_t)hdr.phnum * sizeof(struct elf_segment)))
		return fail(-EINVAL, why, "the kernel's program headers lie outside the file");

	ret = parse_segments(image, why);
	if (!ret && !image->notes)
		ret = parse_note_sections(image, &hdr, why);
	if (!ret)
		ret = set_virtual_range(image, why);
	return ret;
}

int elf_load(const struct kernel_image *image,
	int (*copy)(void *ctx, uint64_t paddr, const void *src, size_t filesz, size_t memsz),
	void *ctx)
{
	for (unsigned int i = 0; i < image->phnum; i++) {
		struct elf_segment seg;
		int ret;

		get_segment(image, i, &seg);
		if (seg.type != PT_LOAD || !seg.memsz)
			continue;
		ret = copy(ctx, seg.paddr, image->elf + seg.offset, seg.filesz, seg.memsz);
		if (ret)
			return ret;
	}
	return 0;
}

/* --- Fitness for dom0 ---------------------------------------------------------------------- */

static bool in_image(const struct kernel_image *image, uint64_t v, uint64_t size)
{
	return v >= image->v_start && v < image->v_end && image->v_end - v >= size;
}

/* Whether @start..@end-1 can be mapped by a guest: canonical, and not the hypervisor's. */
static bool guest_range(uint64_t start, uint64_t end)
{
	return end <= 1ULL << 47 || (start >= HYPERVISOR_END && end > start);
}

static int check_addresses(const struct kernel_image *image, const char **why)
{
	if (!guest_range(image->v_start, image->v_end))
		return fail(-EINVAL, why, "the kernel wants addresses that are not the guest's");
	if (!in_image(image, image->v_entry, 1))
		return fail(-EINVAL, why, "the kernel's entry point lies outside the kernel");
	if (kernel_image_has_note(image, XEN_ELFNOTE_HYPERCALL_PAGE) &&
		(image->hypercall_page % PAGE_SIZE ||
			!in_image(image, image->hypercall_page, PAGE_SIZE)))
		return fail(-EINVAL, why, "the kernel's hypercall page lies outside the kernel");
	if (kernel_image_has_note(image, XEN_ELFNOTE_INIT_P2M) &&
		(image->init_p2m % PAGE_SIZE || !guest_range(image->init_p2m, image->init_p2m + 1)))
		return fail(
			-EINVAL, why, "the kernel wants its P2M list where nothing can be mapped");
	if (image->hv_start_low > HYPERVISOR_START)
		return fail(-EINVAL, why, "the kernel leaves too little room for the hypervisor");
	return 0;
}

int kernel_image_check_dom0(const struct kernel_image *image, const char **why)
{
	if (!image->notes)
		return fail(-EOPNOTSUPP, why,
			"the kernel is not built for Xen PV: it has no Xen notes");
	if (kernel_image_has_note(image, XEN_ELFNOTE_LOADER) && strcmp(image->loader, "generic"))
		return fail(-EOPNOTSUPP, why, "the kernel wants a loader other than \"generic\"");
	if (kernel_image_has_note(image, XEN_ELFNOTE_XEN_VERSION) &&
		strcmp(image->xen_version, "xen-3.0"))
		return fail(
			-EOPNOTSUPP, why, "the kernel is for an interface other than \"xen-3.0\"");
	/* A kernel older than that note says nothing about dom0, and is given the chance. */
	if (kernel_image_has_note(image, XEN_ELFNOTE_SUPPORTED_FEATURES) &&
		!(image->features_supported & 1U << XENFEAT_dom0))
		return fail(-EOPNOTSUPP, why, "the kernel is not built to be dom0");
	if (image->features_required_unknown || image->features_required & ~FEATURES_OFFERED)
		return fail(
			-EOPNOTSUPP, why, "the kernel requires a feature that Xen does not offer");
	return check_addresses(image, why);
}
