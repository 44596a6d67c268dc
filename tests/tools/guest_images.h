/* Kernel images made in memory, for the tests of the domain builder. */
#ifndef GUEST_IMAGES_H
#define GUEST_IMAGES_H

#include <elf.h>
#include <glib.h>
#include <stdbool.h>
#include <string.h>

#include "public/elfnote.h"

#define IMAGE_TEXT 0x1000000UL /* guest physical address of the first segment */
#define IMAGE_BASE 0xffffffff80000000UL

/* Appends one note named "Xen". */
static inline void add_note(GByteArray *notes, uint32_t type, const void *desc, uint32_t len)
{
	Elf64_Nhdr header = { .n_namesz = 4, .n_descsz = len, .n_type = type };
	static const uint8_t zeroes[4];

	g_byte_array_append(notes, (const guint8 *)&header, sizeof(header));
	g_byte_array_append(notes, (const guint8 *)"Xen", 4);
	g_byte_array_append(notes, desc, len);
	g_byte_array_append(notes, zeroes, -len & 3);
}

static inline void add_number(GByteArray *notes, uint32_t type, uint64_t value)
{
	add_note(notes, type, &value, sizeof(value));
}

static inline void add_string(GByteArray *notes, uint32_t type, const char *text)
{
	add_note(notes, type, text, strlen(text) + 1);
}

/* The notes of a Linux kernel. */
static inline GByteArray *linux_notes(void)
{
	GByteArray *notes = g_byte_array_new();

	add_string(notes, XEN_ELFNOTE_GUEST_OS, "linux");
	add_string(notes, XEN_ELFNOTE_GUEST_VERSION, "2.6");
	add_string(notes, XEN_ELFNOTE_XEN_VERSION, "xen-3.0");
	add_string(notes, XEN_ELFNOTE_LOADER, "generic");
	add_string(notes, XEN_ELFNOTE_FEATURES, "!writable_page_tables|pae_pgdir_above_4gb");
	add_number(notes, XEN_ELFNOTE_ENTRY, IMAGE_BASE + IMAGE_TEXT + 0x10);
	add_number(notes, XEN_ELFNOTE_VIRT_BASE, IMAGE_BASE);
	add_number(notes, XEN_ELFNOTE_INIT_P2M, 0x8000000000UL);
	add_number(notes, XEN_ELFNOTE_MOD_START_PFN, 1);
	add_number(notes, XEN_ELFNOTE_HV_START_LOW, 0xffff800000000000UL);
	return notes;
}

/*
 * An ELF file with @notes (freed; NULL: none) and two segments: @text bytes of a pattern at
 * IMAGE_TEXT, and half a page with as much again of .bss behind it, on the page that follows.
 */
static inline GByteArray *make_elf(GByteArray *notes, size_t text)
{
	size_t headers = sizeof(Elf64_Ehdr) + 3 * sizeof(Elf64_Phdr),
	       note_len = notes ? notes->len : 0;
	GByteArray *elf = g_byte_array_new();
	Elf64_Ehdr header = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_entry = IMAGE_BASE + IMAGE_TEXT,
		.e_phoff = sizeof(Elf64_Ehdr),
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 3,
	};
	Elf64_Phdr segments[3] = {
		{ .p_type = PT_LOAD,
			.p_offset = headers + note_len,
			.p_paddr = IMAGE_TEXT,
			.p_filesz = text,
			.p_memsz = text },
		{ .p_type = PT_LOAD,
			.p_offset = headers + note_len,
			.p_paddr = (IMAGE_TEXT + text + 4095) & ~4095UL,
			.p_filesz = 2048,
			.p_memsz = 4096 },
		{ .p_type = note_len ? PT_NOTE : PT_NULL,
			.p_offset = headers,
			.p_filesz = note_len },
	};

	g_byte_array_append(elf, (guint8 *)&header, sizeof(header));
	g_byte_array_append(elf, (guint8 *)segments, sizeof(segments));
	if (notes)
		g_byte_array_append(elf, notes->data, notes->len);
	for (size_t i = 0; i < text; i++) {
		guint8 byte = i * 7 + (i >> 8) * 13 + (i >> 16);

		g_byte_array_append(elf, &byte, 1);
	}
	if (notes)
		g_byte_array_free(notes, TRUE);
	return elf;
}

/*
 * A bzImage of boot protocol 2.15 around @payload, with its unpacked size behind it as Linux's
 * build puts it there.
 */
static inline GByteArray *make_bzimage(
	const uint8_t *payload, uint32_t len, uint32_t unpacked, bool append_size)
{
	GByteArray *image = g_byte_array_new();
	uint8_t setup[2 * 512] = { [0x1f1] = 1, [0x206] = 0x0f, [0x207] = 0x02 };
	uint32_t total = len + (append_size ? 4 : 0), offset = 0;

	memcpy(setup + 0x202, "HdrS", 4);
	memcpy(setup + 0x248, &offset, 4);
	memcpy(setup + 0x24c, &total, 4);
	g_byte_array_append(image, setup, sizeof(setup));
	g_byte_array_append(image, payload, len);
	if (append_size)
		g_byte_array_append(image, (guint8 *)&unpacked, 4);
	return image;
}

#endif /* GUEST_IMAGES_H */
