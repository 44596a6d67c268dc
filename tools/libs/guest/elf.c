/*
 * Reads ELF kernels (System V gABI chapters 4 and 5, x86-64 supplement): what is to be loaded
 * where, and where they keep the notes for Xen. Every number in the file is taken as hostile.
 */
#include <elf.h>
#include <string.h>

#include "private.h"

/* No kernel has more; a sum of sizes that wraps is told from a large one by it. */
#define ADDRESS_MAX (UINT64_C(1) << 46)

static bool fail(GError **error, const char *text)
{
	g_set_error_literal(error, XG_ERROR, XG_ERROR_FORMAT, text);
	return false;
}

/* Whether @size bytes at @offset lie within the file. */
static bool in_file(const struct xg_kernel *kernel, uint64_t offset, uint64_t size)
{
	return offset <= kernel->elf.len && size <= kernel->elf.len - offset;
}

static void get_header(const struct xg_kernel *kernel, Elf64_Ehdr *header)
{
	memcpy(header, kernel->elf.data, sizeof(*header));
}

static void get_program_header(const struct xg_kernel *kernel, unsigned i, Elf64_Phdr *segment)
{
	Elf64_Ehdr header;

	get_header(kernel, &header);
	memcpy(segment, kernel->elf.data + header.e_phoff + i * sizeof(*segment), sizeof(*segment));
}

static bool check_header(const struct xg_kernel *kernel, GError **error)
{
	const uint8_t *ident = kernel->elf.data;
	Elf64_Ehdr header;

	if (kernel->elf.len < EI_NIDENT || memcmp(ident, ELFMAG, SELFMAG))
		return fail(error, "what it unpacks to is not an ELF file");
	if (ident[EI_CLASS] == ELFCLASS32)
		return fail(error, "it is a 32-bit kernel; only 64-bit ones are supported");
	if (ident[EI_CLASS] != ELFCLASS64 || ident[EI_DATA] != ELFDATA2LSB)
		return fail(error, "not a little-endian 64-bit ELF file");
	if (kernel->elf.len < sizeof(header))
		return fail(error, "the ELF header is cut off");
	get_header(kernel, &header);
	if (header.e_machine != EM_X86_64)
		return fail(error, "it is for another processor");
	if (header.e_type != ET_EXEC && header.e_type != ET_DYN)
		return fail(error, "the ELF file is not executable");
	if (!header.e_phnum || header.e_phentsize != sizeof(Elf64_Phdr) ||
		!in_file(kernel, header.e_phoff, (uint64_t)header.e_phnum * sizeof(Elf64_Phdr)))
		return fail(error, "the ELF program headers are missing or cut off");
	return true;
}

/* Notes: size of name and of contents, type, then both, each padded. */
static bool parse_notes(
	struct xg_kernel *kernel, uint64_t offset, uint64_t size, uint64_t align, GError **error)
{
	uint64_t pos = 0, pad = align == 8 ? 7 : 3;
	const uint8_t *notes;

	if (!in_file(kernel, offset, size))
		return fail(error, "the ELF notes lie outside the file");
	notes = kernel->elf.data + offset;
	while (size - pos >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr note;
		uint64_t name = pos + sizeof(note), desc;

		memcpy(&note, notes + pos, sizeof(note));
		desc = (name + note.n_namesz + pad) & ~pad;
		if (desc > size || note.n_descsz > size - desc)
			return fail(error, "an ELF note is cut off");
		if (note.n_namesz == 4 && !memcmp(notes + name, "Xen", 4) &&
			!xg_take_note(kernel, note.n_type, notes + desc, note.n_descsz))
			return fail(error, "an ELF note for Xen has a bad length");
		pos = MIN((desc + note.n_descsz + pad) & ~pad, size);
	}
	return true;
}

/* The name of a section, if it lies within the table of names; it may lack its end. */
static bool named(const struct xg_kernel *kernel, const Elf64_Shdr *names,
	const Elf64_Shdr *section, const char *name)
{
	size_t len = strlen(name) + 1;

	return section->sh_name < names->sh_size && names->sh_size - section->sh_name >= len &&
	       in_file(kernel, names->sh_offset, names->sh_size) &&
	       !memcmp(kernel->elf.data + names->sh_offset + section->sh_name, name, len);
}

/* Kernels without note segments: by section, notes or the older string. */
static bool parse_sections(struct xg_kernel *kernel, GError **error)
{
	Elf64_Shdr section, names = { 0 };
	Elf64_Ehdr header;

	get_header(kernel, &header);
	if (!header.e_shoff || !header.e_shnum)
		return true;
	if (header.e_shentsize != sizeof(section) ||
		!in_file(kernel, header.e_shoff, (uint64_t)header.e_shnum * sizeof(section)))
		return fail(error, "the ELF section headers lie outside the file");
	if (header.e_shstrndx < header.e_shnum)
		memcpy(&names,
			kernel->elf.data + header.e_shoff + header.e_shstrndx * sizeof(names),
			sizeof(names));
	for (unsigned i = 0; i < header.e_shnum; i++) {
		memcpy(&section, kernel->elf.data + header.e_shoff + i * sizeof(section),
			sizeof(section));
		if (section.sh_type == SHT_NOTE) {
			if (!parse_notes(kernel, section.sh_offset, section.sh_size,
				    section.sh_addralign, error))
				return false;
		} else if (!kernel->has_notes && section.sh_type != SHT_NOBITS &&
			   named(kernel, &names, &section, "__xen_guest")) {
			if (!in_file(kernel, section.sh_offset, section.sh_size))
				return fail(error, "section __xen_guest lies outside the file");
			if (!xg_take_guest_section(kernel,
				    (const char *)kernel->elf.data + section.sh_offset,
				    section.sh_size, error))
				return false;
		}
	}
	return true;
}

static bool check_segment(struct xg_kernel *kernel, const Elf64_Phdr *segment, GError **error)
{
	if (!in_file(kernel, segment->p_offset, segment->p_filesz))
		return fail(error, "the ELF file is cut off: a segment ends outside of it");
	if (segment->p_filesz > segment->p_memsz || segment->p_memsz > ADDRESS_MAX)
		return fail(error, "an ELF segment has an impossible size");
	return true;
}

/* The segments' place needs the notes, so this comes last. */
static bool place_segments(struct xg_kernel *kernel, GError **error)
{
	struct xg_segment segment;

	kernel->paddr_start = UINT64_MAX;
	for (unsigned i = 0; xg_elf_segment(kernel, i, &segment); i++) {
		if (!segment.memsz)
			continue;
		if (segment.paddr > ADDRESS_MAX)
			return fail(error, "an ELF segment has an impossible address");
		kernel->paddr_start = MIN(kernel->paddr_start, segment.paddr);
		kernel->paddr_end = MAX(kernel->paddr_end, segment.paddr + segment.memsz);
	}
	if (!kernel->paddr_end)
		return fail(error, "the ELF file has nothing to load");
	return true;
}

bool xg_elf_parse(struct xg_kernel *kernel, GError **error)
{
	Elf64_Ehdr header;
	Elf64_Phdr segment;

	if (!check_header(kernel, error))
		return false;
	kernel->width = 64;
	get_header(kernel, &header);
	kernel->elf_entry = header.e_entry;
	for (unsigned i = 0; i < header.e_phnum; i++) {
		get_program_header(kernel, i, &segment);
		if (segment.p_type == PT_LOAD && !check_segment(kernel, &segment, error))
			return false;
		if (segment.p_type == PT_NOTE && !parse_notes(kernel, segment.p_offset,
							 segment.p_filesz, segment.p_align, error))
			return false;
	}
	if (!kernel->has_notes && !parse_sections(kernel, error))
		return false;
	if (!kernel->has_entry)
		kernel->entry = kernel->elf_entry;
	/* The older string gives the hypercall page as a page number from the base. */
	if (kernel->legacy && !kernel->has_paddr_offset)
		kernel->paddr_offset = kernel->virt_base;
	if (kernel->legacy && kernel->has_hypercall_page)
		kernel->hypercall_page =
			kernel->virt_base + (kernel->hypercall_page << XC_PAGE_SHIFT);
	return place_segments(kernel, error);
}

bool xg_elf_segment(const struct xg_kernel *kernel, unsigned i, struct xg_segment *segment)
{
	Elf64_Ehdr header;
	Elf64_Phdr program_header;

	get_header(kernel, &header);
	if (i >= header.e_phnum)
		return false;
	get_program_header(kernel, i, &program_header);
	*segment = (struct xg_segment){ 0 };
	if (program_header.p_type != PT_LOAD)
		return true;
	segment->paddr = program_header.p_paddr - kernel->paddr_offset;
	segment->src = kernel->elf.data + program_header.p_offset;
	segment->filesz = program_header.p_filesz;
	segment->memsz = program_header.p_memsz;
	return true;
}
