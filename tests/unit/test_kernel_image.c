/* sources: xen/common/kernel-image.c xen/common/kernel-elf.c xen/common/decompress/[a-z]*.c */
/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel images: built here, broken in every way that comes to mind, and the real ones of the
 * machine. Images live in blocks of exactly their size for the address sanitizer's sake.
 */

#include <check.h>
#include <elf.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xen/kernel-image.h>
#include <public/elfnote.h>
#include <public/features.h>

#include "suite.h"

void *xmalloc_bytes(size_t size, size_t align)
{
	(void)align;
	return malloc(size);
}

void xfree(void *p)
{
	free(p);
}

/* --- A kernel of our own ------------------------------------------------------------------- */

#define VIRT_BASE 0xffffffff80000000ULL
#define TEXT_ADDR 0x1000000ULL
#define DATA_ADDR 0x1200000ULL
#define TEXT_SIZE 0x3000
#define DATA_SIZE 0x800
#define BSS_SIZE  0x5000
#define NOTES_MAX 1024

static const char features[] = "!writable_page_tables|pae_pgdir_above_4gb";

/* The file's layout: headers, then the text, the data, the notes and one section header. */
struct test_kernel {
	Elf64_Ehdr hdr;
	Elf64_Phdr ph[3];
	uint8_t text[TEXT_SIZE], data[DATA_SIZE];
	uint8_t notes[NOTES_MAX];
	Elf64_Shdr sh[2];
};

static struct test_kernel k;
static size_t notes_len;
static struct kernel_image image;
static const char *why;

static void add_note(uint32_t type, const void *desc, size_t len)
{
	Elf64_Nhdr n = {4, len, type};

	ck_assert_uint_le(notes_len + sizeof(n) + 4 + len + 3, NOTES_MAX);
	memcpy(k.notes + notes_len, &n, sizeof(n));
	memcpy(k.notes + notes_len + sizeof(n), "Xen", 4);
	memcpy(k.notes + notes_len + sizeof(n) + 4, desc, len);
	notes_len += sizeof(n) + 4 + ((len + 3) & ~3);
	k.ph[2].p_filesz = k.ph[2].p_memsz = k.sh[1].sh_size = notes_len;
}

static void add_number(uint32_t type, uint64_t value)
{
	add_note(type, &value, sizeof(value));
}

static void add_string(uint32_t type, const char *s)
{
	add_note(type, s, strlen(s) + 1);
}

/* Headers and segments without any notes. */
static void make_bare_kernel(void)
{
	memset(&k, 0, sizeof(k));
	notes_len = 0;
	memcpy(k.hdr.e_ident, ELFMAG, SELFMAG);
	k.hdr.e_ident[EI_CLASS] = ELFCLASS64;
	k.hdr.e_ident[EI_DATA] = ELFDATA2LSB;
	k.hdr.e_type = ET_EXEC;
	k.hdr.e_machine = EM_X86_64;
	k.hdr.e_entry = TEXT_ADDR;
	k.hdr.e_phoff = offsetof(struct test_kernel, ph);
	k.hdr.e_phentsize = sizeof(Elf64_Phdr);
	k.hdr.e_phnum = 3;
	k.hdr.e_shoff = offsetof(struct test_kernel, sh);
	k.hdr.e_shentsize = sizeof(Elf64_Shdr);
	k.hdr.e_shnum = 2;
	/* As Linux' percpu segment, the data has an odd virtual address: paddr counts. */
	k.ph[0] = (Elf64_Phdr){.p_type = PT_LOAD,
		.p_offset = offsetof(struct test_kernel, data),
		.p_vaddr = 0,
		.p_paddr = DATA_ADDR,
		.p_filesz = DATA_SIZE,
		.p_memsz = DATA_SIZE + BSS_SIZE};
	k.ph[1] = (Elf64_Phdr){.p_type = PT_LOAD,
		.p_offset = offsetof(struct test_kernel, text),
		.p_vaddr = VIRT_BASE + TEXT_ADDR,
		.p_paddr = TEXT_ADDR,
		.p_filesz = TEXT_SIZE,
		.p_memsz = TEXT_SIZE};
	k.ph[2] = (Elf64_Phdr){
		.p_type = PT_NOTE, .p_offset = offsetof(struct test_kernel, notes), .p_align = 4};
	k.sh[1] = (Elf64_Shdr){.sh_type = SHT_NOTE,
		.sh_addralign = 4,
		.sh_offset = offsetof(struct test_kernel, notes)};
	memset(k.text, 0x90, sizeof(k.text));
	memset(k.data, 0xda, sizeof(k.data));
}

/* With the notes of a Linux kernel. */
static void make_kernel(void)
{
	const uint64_t l1_valid[2] = {1, 1};
	const uint32_t supported = 0x8801;

	make_bare_kernel();
	add_string(XEN_ELFNOTE_GUEST_OS, "linux");
	add_string(XEN_ELFNOTE_GUEST_VERSION, "2.6");
	add_string(XEN_ELFNOTE_XEN_VERSION, "xen-3.0");
	add_number(XEN_ELFNOTE_VIRT_BASE, VIRT_BASE);
	add_number(XEN_ELFNOTE_INIT_P2M, 0x8000000000);
	add_number(XEN_ELFNOTE_ENTRY, VIRT_BASE + TEXT_ADDR + 0x1c0);
	add_note(XEN_ELFNOTE_FEATURES, features, strlen(features)); /* no terminator, as Linux */
	add_note(XEN_ELFNOTE_SUPPORTED_FEATURES, &supported, 4);
	add_string(XEN_ELFNOTE_PAE_MODE, "yes");
	add_string(XEN_ELFNOTE_LOADER, "generic");
	add_note(XEN_ELFNOTE_L1_MFN_VALID, l1_valid, sizeof(l1_valid));
	add_note(XEN_ELFNOTE_SUSPEND_CANCEL, "\1\0\0\0", 4);
	add_note(XEN_ELFNOTE_MOD_START_PFN, "\1\0\0\0", 4);
	add_number(XEN_ELFNOTE_HV_START_LOW, 0xffff800000000000);
	add_number(XEN_ELFNOTE_PADDR_OFFSET, 0);
	add_number(XEN_ELFNOTE_PHYS32_ENTRY, TEXT_ADDR + 0x850);
}

/* elf_parse() on an exact copy of the first @len bytes, then the dom0 check; "" when all is well.
 */
static const char *verdict_of(size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	int ret;

	memcpy(copy, &k, len);
	why = "";
	ret = elf_parse(len ? copy : copy + 1, len, &image, &why);
	if (!ret)
		ret = kernel_image_check_dom0(&image, &why);
	ck_assert_msg(!ret == !*why, "result %d with reason \"%s\"", ret, why);
	free(copy);
	return why;
}

static const char *verdict(void)
{
	return verdict_of(sizeof(k));
}

static void expect(const char *part)
{
	const char *got = verdict();

	ck_assert_msg(strstr(got, part), "expected \"%s\", got \"%s\"", part, got);
}

START_TEST(all_notes)
{
	make_kernel();
	ck_assert_str_eq(verdict(), "");
	ck_assert_str_eq(image.guest_os, "linux");
	ck_assert_str_eq(image.guest_version, "2.6");
	ck_assert_str_eq(image.xen_version, "xen-3.0");
	ck_assert_str_eq(image.loader, "generic");
	ck_assert_str_eq(image.pae_mode, "yes");
	ck_assert_str_eq(image.features, features);
	ck_assert_uint_eq(image.virt_base, VIRT_BASE);
	ck_assert_uint_eq(image.paddr_offset, 0);
	ck_assert_uint_eq(image.init_p2m, 0x8000000000);
	ck_assert_uint_eq(image.hv_start_low, 0xffff800000000000);
	ck_assert_uint_eq(image.l1_mfn_mask, 1);
	ck_assert_uint_eq(image.l1_mfn_value, 1);
	ck_assert_uint_eq(image.phys32_entry, TEXT_ADDR + 0x850);
	ck_assert(image.suspend_cancel && image.mod_start_pfn && !image.bsd_symtab);
	ck_assert_uint_eq(image.features_required, 1U << XENFEAT_writable_page_tables);
	ck_assert_uint_eq(image.features_supported, 0x8801 | 1U << XENFEAT_pae_pgdir_above_4gb);
	ck_assert_uint_eq(image.notes, 0x7f7fa);
	ck_assert(kernel_image_has_note(&image, XEN_ELFNOTE_PADDR_OFFSET));
	ck_assert(!kernel_image_has_note(&image, XEN_ELFNOTE_HYPERCALL_PAGE));
	ck_assert_uint_eq(image.v_entry, VIRT_BASE + TEXT_ADDR + 0x1c0);
	ck_assert_uint_eq(image.v_start, VIRT_BASE + TEXT_ADDR);
	ck_assert_uint_eq(image.v_end, VIRT_BASE + DATA_ADDR + DATA_SIZE + BSS_SIZE);
}
END_TEST

/* Notes by section, with the segment table silent; and no ENTRY: the header's counts. */
START_TEST(notes_in_section)
{
	make_kernel();
	k.ph[2].p_type = PT_NULL;
	ck_assert_str_eq(verdict(), "");
	ck_assert_uint_eq(image.virt_base, VIRT_BASE);

	k.hdr.e_shoff = sizeof(k) - sizeof(Elf64_Shdr);
	expect("section headers lie outside");
	k.hdr.e_shnum = 0;
	expect("not built for Xen PV");

	make_bare_kernel();
	add_number(XEN_ELFNOTE_VIRT_BASE, 0);
	ck_assert_str_eq(verdict(), "");
	ck_assert_uint_eq(image.v_entry, TEXT_ADDR);
	ck_assert_uint_eq(image.v_start, TEXT_ADDR);
}
END_TEST

/* Kernels of old have the virtual address in paddr and say so. */
START_TEST(paddr_offset)
{
	make_kernel();
	for (int i = 0; i < 2; i++)
		k.ph[i].p_paddr += VIRT_BASE;
	add_number(XEN_ELFNOTE_PADDR_OFFSET, VIRT_BASE);
	ck_assert_str_eq(verdict(), "");
	ck_assert_uint_eq(image.v_start, VIRT_BASE + TEXT_ADDR);

	add_number(XEN_ELFNOTE_PADDR_OFFSET, VIRT_BASE + TEXT_ADDR + 1);
	expect("VIRT_BASE and PADDR_OFFSET");
	add_number(XEN_ELFNOTE_PADDR_OFFSET, 0);
	expect("VIRT_BASE and PADDR_OFFSET");
}
END_TEST

/* A note of another name, of a type to come, and free text are passed over; the last of a kind
 * wins. */
START_TEST(other_notes)
{
	uint8_t *gnu;

	make_kernel();
	gnu = k.notes + notes_len;
	add_number(XEN_ELFNOTE_VIRT_BASE, 0x1234);
	memcpy(gnu + sizeof(Elf64_Nhdr), "GNU", 4);
	add_number(XEN_ELFNOTE_MAX + 1, 7);
	add_note(XEN_ELFNOTE_INFO, "", 0);
	add_string(XEN_ELFNOTE_GUEST_OS, "a name that is longer than the room there is for it");
	add_string(XEN_ELFNOTE_BSD_SYMTAB, "yes");
	ck_assert_str_eq(verdict(), "");
	ck_assert_uint_eq(image.virt_base, VIRT_BASE);
	ck_assert_str_eq(image.guest_os, "a name that is ");
	ck_assert(image.bsd_symtab);
	ck_assert(!kernel_image_has_note(&image, XEN_ELFNOTE_INFO));
}
END_TEST

START_TEST(broken_notes)
{
	make_kernel();
	add_note(XEN_ELFNOTE_ENTRY, "abc", 3);
	expect("bad length");
	make_kernel();
	add_note(XEN_ELFNOTE_L1_MFN_VALID, "abcdefgh", 8);
	expect("bad length");

	make_kernel();
	k.ph[2].p_filesz -= 1;
	expect("cut off");
	make_kernel();
	memset(k.notes, 0xff, 8); /* namesz and descsz */
	expect("cut off");
	make_kernel();
	memset(k.notes + 4, 0xff, 4);
	expect("cut off");
	make_kernel();
	k.ph[2].p_filesz = sizeof(k);
	expect("notes lie outside");
	make_kernel();
	k.ph[2].p_offset = -8ULL;
	expect("notes lie outside");
}
END_TEST

START_TEST(bad_headers)
{
	make_kernel();
	k.hdr.e_ident[EI_CLASS] = ELFCLASS32;
	expect("32-bit");
	make_kernel();
	k.hdr.e_ident[EI_DATA] = ELFDATA2MSB;
	expect("little-endian");
	make_kernel();
	k.hdr.e_ident[0] = 0;
	expect("not an ELF file");
	make_kernel();
	k.hdr.e_machine = EM_AARCH64;
	expect("another processor");
	make_kernel();
	k.hdr.e_type = ET_REL;
	expect("not executable");
	make_kernel();
	k.hdr.e_phnum = 0;
	expect("program headers");
	make_kernel();
	k.hdr.e_phnum = 0xffff;
	expect("program headers");
	make_kernel();
	k.hdr.e_phentsize = 32;
	expect("program headers");
	make_kernel();
	k.hdr.e_phoff = -64ULL;
	expect("program headers");
}
END_TEST

START_TEST(bad_segments)
{
	make_kernel();
	k.ph[0].p_offset = sizeof(k) - 1;
	expect("outside the file");
	make_kernel();
	k.ph[0].p_memsz = k.ph[0].p_filesz - 1;
	expect("outside the file");
	make_kernel();
	k.ph[0].p_offset = -16ULL;
	k.ph[0].p_filesz = 32;
	expect("outside the file");
	make_kernel();
	k.ph[0].p_paddr = -16ULL;
	expect("impossible address");
	make_kernel();
	k.ph[0].p_type = k.ph[1].p_type = PT_NULL;
	expect("nothing to load");
}
END_TEST

START_TEST(unfit_for_dom0)
{
	make_bare_kernel();
	expect("not built for Xen PV");
	make_kernel();
	add_string(XEN_ELFNOTE_LOADER, "special");
	expect("loader");
	make_kernel();
	add_string(XEN_ELFNOTE_XEN_VERSION, "xen-2.0");
	expect("xen-3.0");
	make_kernel();
	add_number(XEN_ELFNOTE_ENTRY, VIRT_BASE + TEXT_ADDR - 1);
	expect("entry point");
	make_kernel();
	add_number(XEN_ELFNOTE_HYPERCALL_PAGE, VIRT_BASE + DATA_ADDR + 0x5000);
	expect("hypercall page");
	make_kernel();
	add_number(XEN_ELFNOTE_HYPERCALL_PAGE, VIRT_BASE + TEXT_ADDR + 0x1001);
	expect("hypercall page");
	make_kernel();
	add_number(XEN_ELFNOTE_HYPERCALL_PAGE, VIRT_BASE + TEXT_ADDR + 0x1000);
	ck_assert_str_eq(verdict(), "");
	make_kernel();
	add_number(XEN_ELFNOTE_INIT_P2M, 0xffff800000000000);
	expect("P2M");
	make_kernel();
	add_number(XEN_ELFNOTE_HV_START_LOW, 0xffff900000000000);
	expect("too little room");
	make_kernel();
	add_number(XEN_ELFNOTE_VIRT_BASE, 0xffff810000000000);
	expect("not the guest's");
	make_kernel();
	add_number(XEN_ELFNOTE_VIRT_BASE, 0x00007fffff000000);
	expect("not the guest's");
}
END_TEST

/* SUPPORTED_FEATURES must have the dom0 bit, if the kernel has that note at all. */
START_TEST(dom0_feature)
{
	make_bare_kernel();
	add_number(XEN_ELFNOTE_VIRT_BASE, 0);
	ck_assert_str_eq(verdict(), "");
	add_number(XEN_ELFNOTE_SUPPORTED_FEATURES, 1);
	expect("not built to be dom0");
	add_string(XEN_ELFNOTE_FEATURES, "writable_page_tables|dom0");
	ck_assert_str_eq(verdict(), "");
}
END_TEST

START_TEST(required_features)
{
	make_kernel();
	add_string(XEN_ELFNOTE_FEATURES, "auto_translated_physmap|!pae_pgdir_above_4gb");
	ck_assert_str_eq(verdict(), "");
	ck_assert_uint_eq(image.features_required, 0x11);
	add_string(XEN_ELFNOTE_FEATURES, "!auto_translated_physmap");
	expect("requires a feature");
	make_kernel();
	add_string(XEN_ELFNOTE_FEATURES, "tea|coffee||");
	ck_assert_str_eq(verdict(), "");
	add_string(XEN_ELFNOTE_FEATURES, "dom0|!tea");
	expect("requires a feature");
}
END_TEST

/* Cut off anywhere, and with every byte of the headers and notes changed: no crash, and a reason.
 */
START_TEST(hostile)
{
	uint32_t seed = 1;

	make_kernel();
	for (size_t len = 0; len < sizeof(Elf64_Ehdr) + 200; len++)
		ck_assert_str_ne(verdict_of(len), "");
	for (size_t len = offsetof(struct test_kernel, notes); len < sizeof(k); len += 7)
		verdict_of(len);
	for (int round = 0; round < 20000; round++) {
		uint8_t *at =
			(uint8_t *)&k + (seed = seed * 69069 + 5) % (sizeof(k.hdr) + sizeof(k.ph));

		if (round % 2)
			at = k.notes + seed % notes_len;
		at[0] = seed >> 24;
		verdict();
		if (round % 4 == 3)
			make_kernel();
	}
}
END_TEST

/* --- Loading ------------------------------------------------------------------------------- */

static uint8_t memory[0x300000];

static int load(void *ctx, uint64_t paddr, const void *src, size_t filesz, size_t memsz)
{
	int *calls = ctx;

	ck_assert_uint_ge(paddr, image.paddr_start);
	ck_assert_uint_le(paddr + memsz, image.paddr_end);
	memcpy(memory + paddr - TEXT_ADDR, src, filesz);
	memset(memory + paddr - TEXT_ADDR + filesz, 0, memsz - filesz);
	return ++*calls == 3 ? -ENOSPC : 0;
}

START_TEST(loading)
{
	int calls = 0;

	make_kernel();
	memset(memory, 0xee, sizeof(memory));
	ck_assert_int_eq(elf_parse(&k, sizeof(k), &image, &why), 0);
	ck_assert_int_eq(elf_load(&image, load, &calls), 0);
	ck_assert_int_eq(calls, 2);
	ck_assert_int_eq(memory[TEXT_SIZE - 1], 0x90);
	ck_assert_int_eq(memory[TEXT_SIZE], 0xee);
	ck_assert_int_eq(memory[DATA_ADDR - TEXT_ADDR + DATA_SIZE - 1], 0xda);
	ck_assert_int_eq(memory[DATA_ADDR - TEXT_ADDR + DATA_SIZE], 0);
	ck_assert_int_eq(memory[DATA_ADDR - TEXT_ADDR + DATA_SIZE + BSS_SIZE], 0xee);
	ck_assert_int_eq(elf_load(&image, load, &calls), -ENOSPC);
	ck_assert_int_eq(calls, 3);
}
END_TEST

/* --- Boot modules -------------------------------------------------------------------------- */

#define SETUP_SIZE (3 * 512)

/* Run @command on the test kernel. Returns the length of what it wrote into @buf. */
static size_t pack(const char *command, uint8_t *buf, size_t cap)
{
	char name[] = "/tmp/test_kernel_image.XXXXXX", line[128];
	int fd = mkstemp(name);
	size_t len;
	FILE *f;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, &k, sizeof(k)), sizeof(k));
	close(fd);
	snprintf(line, sizeof(line), "%s < %s", command, name);
	f = popen(line, "r");
	len = fread(buf, 1, cap, f);
	ck_assert_int_eq(pclose(f), 0);
	unlink(name);
	return len;
}

static void put_le32(uint8_t *p, uint32_t v)
{
	memcpy(p, &v, 4);
}

/* A bzImage of two setup sectors around @payload, in a block of exactly its size. */
static uint8_t *make_bzimage(const void *payload, size_t len, size_t *total)
{
	uint8_t *p = calloc(1, SETUP_SIZE + 16 + len);

	*total = SETUP_SIZE + 16 + len;
	p[0x1f1] = 2;
	memcpy(p + 0x202, "HdrS\x0f\x02", 6);
	put_le32(p + 0x248, 16);
	put_le32(p + 0x24c, len);
	memcpy(p + SETUP_SIZE + 16, payload, len);
	return p;
}

static void check_module(const void *module, size_t len, const char *format)
{
	struct kernel_payload payload;
	uint8_t *elf;
	size_t n;

	why = "";
	ck_assert_msg(!kernel_image_payload(module, len, &payload, &why), "%s: %s", format, why);
	ck_assert_str_eq(payload.format, format);
	ck_assert_uint_eq(
		payload.size, sizeof(k) + (payload.boot_protocol && !payload.compressed) * 4);
	elf = malloc(payload.size);
	ck_assert_msg(!kernel_image_unpack(&payload, elf, payload.size, &n, &why), "%s", why);
	ck_assert_uint_eq(n, payload.size);
	ck_assert(!memcmp(elf, &k, sizeof(k)));
	ck_assert_int_eq(elf_parse(elf, n, &image, &why), 0);
	ck_assert_int_eq(kernel_image_check_dom0(&image, &why), 0);
	ck_assert_int_eq(kernel_image_unpack(&payload, elf, payload.size - 1, &n, &why), -ENOSPC);
	free(elf);
}

START_TEST(modules)
{
	static const struct {
		const char *format, *command;
		bool sized; /* outside of a bzImage too */
		bool append;
	} kinds[] = {
		{"ELF", "cat", true, true},
		{"gzip", "gzip", true, false},
		{"xz", "xz --check=crc32 --x86 --lzma2=preset=1", true, true},
		{"zstd", "zstd -q", false, true},
		{"lz4", "lz4 -q -l", false, true},
	};
	static uint8_t packed[2 * sizeof(k)];

	make_kernel();
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t len = pack(kinds[i].command, packed, sizeof(packed) - 4), total;
		struct kernel_payload payload;
		uint8_t *bz;

		if (kinds[i].sized)
			check_module(packed, len, kinds[i].format);
		else
			ck_assert_int_eq(
				kernel_image_payload(packed, len, &payload, &why), -EOPNOTSUPP);
		if (kinds[i].append) {
			put_le32(packed + len, sizeof(k));
			len += 4;
		}
		bz = make_bzimage(packed, len, &total);
		check_module(bz, total, kinds[i].format);
		free(bz);
	}
}
END_TEST

START_TEST(bad_modules)
{
	static uint8_t packed[2 * sizeof(k)], out[2 * sizeof(k)];
	struct kernel_payload p;
	size_t len, total, n;
	uint8_t *bz;

	make_kernel();
	len = pack("gzip", packed, sizeof(packed));
	bz = make_bzimage(packed, len, &total);

	ck_assert_int_eq(kernel_image_payload("MZ", 2, &p, &why), -EOPNOTSUPP);
	ck_assert(strstr(why, "neither"));
	ck_assert_int_eq(kernel_image_payload("", 0, &p, &why), -EOPNOTSUPP);
	for (size_t cut = 0x250; cut < total; cut += 97) {
		uint8_t *copy = malloc(cut);

		memcpy(copy, bz, cut);
		ck_assert_int_eq(kernel_image_payload(copy, cut, &p, &why), -EINVAL);
		ck_assert(strstr(why, "cut off"));
		free(copy);
	}
	put_le32(bz + 0x248, -1U);
	ck_assert_int_eq(kernel_image_payload(bz, total, &p, &why), -EINVAL);
	put_le32(bz + 0x248, 16);
	put_le32(bz + 0x24c, 7);
	ck_assert_int_eq(kernel_image_payload(bz, total, &p, &why), -EINVAL);
	put_le32(bz + 0x24c, len);
	bz[0x206] = 7;
	ck_assert_int_eq(kernel_image_payload(bz, total, &p, &why), -EOPNOTSUPP);
	ck_assert(strstr(why, "too old"));
	bz[0x206] = 8;
	bz[SETUP_SIZE + 16] = 'x';
	ck_assert_int_eq(kernel_image_payload(bz, total, &p, &why), -EOPNOTSUPP);
	ck_assert(strstr(why, "unknown compression"));
	bz[SETUP_SIZE + 16] = 0x1f;

	/* The declared size lies: too small, too large, absurd. */
	put_le32(bz + total - 4, sizeof(k) - 1);
	ck_assert_int_eq(kernel_image_payload(bz, total, &p, &why), 0);
	ck_assert_int_eq(kernel_image_unpack(&p, out, p.size, &n, &why), -ENOSPC);
	put_le32(bz + total - 4, sizeof(k) + 1);
	ck_assert_int_eq(kernel_image_payload(bz, total, &p, &why), 0);
	ck_assert_int_eq(kernel_image_unpack(&p, out, p.size, &n, &why), -EINVAL);
	put_le32(bz + total - 4, 0x7fffffff);
	ck_assert_int_eq(kernel_image_payload(bz, total, &p, &why), -EINVAL);
	put_le32(bz + total - 4, 0);
	ck_assert_int_eq(kernel_image_payload(bz, total, &p, &why), -EINVAL);
	free(bz);
}
END_TEST

/* --- Real kernels -------------------------------------------------------------------------- */

static void check_real_kernel(const char *name)
{
	struct kernel_payload payload;
	FILE *f = fopen(name, "rb");
	uint8_t *module, *elf;
	size_t len, n;

	if (!f)
		return; /* root's alone */
	fseek(f, 0, SEEK_END);
	len = ftell(f);
	rewind(f);
	module = malloc(len);
	ck_assert_uint_eq(fread(module, 1, len, f), len);
	fclose(f);
	ck_assert_msg(!kernel_image_payload(module, len, &payload, &why), "%s: %s", name, why);
	elf = malloc(payload.size);
	ck_assert_msg(
		!kernel_image_unpack(&payload, elf, payload.size, &n, &why), "%s: %s", name, why);
	ck_assert_msg(!elf_parse(elf, n, &image, &why), "%s: %s", name, why);
	if (image.notes)
		ck_assert_msg(!kernel_image_check_dom0(&image, &why), "%s: %s", name, why);
	free(elf);
	free(module);
}

/* The kernel that $KERNEL names, or else the first installed one. */
START_TEST(real_kernel)
{
	const char *name = getenv("KERNEL");
	glob_t g;

	if (name) {
		check_real_kernel(name);
	} else if (!glob("/boot/vmlinuz-*", 0, NULL, &g)) {
		check_real_kernel(g.gl_pathv[0]);
		globfree(&g);
	}
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("all");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, all_notes);
	tcase_add_test(tc, notes_in_section);
	tcase_add_test(tc, paddr_offset);
	tcase_add_test(tc, other_notes);
	tcase_add_test(tc, broken_notes);
	tcase_add_test(tc, bad_headers);
	tcase_add_test(tc, bad_segments);
	tcase_add_test(tc, unfit_for_dom0);
	tcase_add_test(tc, dom0_feature);
	tcase_add_test(tc, required_features);
	tcase_add_test(tc, hostile);
	tcase_add_test(tc, loading);
	tcase_add_test(tc, modules);
	tcase_add_test(tc, bad_modules);
	tcase_add_test(tc, real_kernel);
	return run_suite_forked("kernel_image", tc, CK_NOFORK);
}
