/* sources: tools/libs/guest/elf.c tools/libs/guest/kernel.c tools/libs/guest/unpack.c */
/* sources: tools/libs/guest/xz.c xen/common/decompress/bcj_x86.c xen/common/decompress/crc.c */
/* sources: xen/common/decompress/lzma.c xen/common/decompress/unxz.c */
/* sources: tools/libs/guest/file.c */
/* packages: gio-2.0 zlib liblzma libzstd liblz4 */
/* libs: -lbz2 */
/* Kernel images: compression, headers, notes; and what is wrong with bad ones. */
#include <bzlib.h>
#include <check.h>
#include <lz4hc.h>
#include <lzma.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "guest_images.h"
#include "private.h"
#include "suite.h"

#define TEXT 70000

/* ---- Compressors ---- */

static GByteArray *room_for(size_t len)
{
	return g_byte_array_set_size(g_byte_array_new(), len + len / 2 + 4096);
}

static GByteArray *pack_gzip(const GByteArray *in)
{
	GByteArray *out = room_for(in->len);
	z_stream z = { .next_in = in->data,
		.avail_in = in->len,
		.next_out = out->data,
		.avail_out = out->len };

	ck_assert_int_eq(deflateInit2(&z, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
	g_byte_array_set_size(out, z.total_out);
	deflateEnd(&z);
	return out;
}

static GByteArray *pack_bzip2(const GByteArray *in)
{
	GByteArray *out = room_for(in->len);
	unsigned len = out->len;

	ck_assert_int_eq(BZ2_bzBuffToBuffCompress(
				 (char *)out->data, &len, (char *)in->data, in->len, 9, 0, 0),
		BZ_OK);
	return g_byte_array_set_size(out, len);
}

static GByteArray *pack_xz_with(const GByteArray *in, lzma_vli filter, void *options)
{
	GByteArray *out = room_for(in->len);
	lzma_options_lzma lzma;
	lzma_filter filters[] = { { filter, options }, { LZMA_FILTER_LZMA2, &lzma },
		{ LZMA_VLI_UNKNOWN, NULL } };
	size_t len = 0;

	lzma_lzma_preset(&lzma, 6);
	ck_assert_int_eq(lzma_stream_buffer_encode(filters, LZMA_CHECK_CRC32, NULL, in->data,
				 in->len, out->data, &len, out->len),
		LZMA_OK);
	return g_byte_array_set_size(out, len);
}

/* As Linux does it: CRC32, and a filter for x86 code. */
static GByteArray *pack_xz(const GByteArray *in)
{
	return pack_xz_with(in, LZMA_FILTER_X86, NULL);
}

/* What the hypervisor's decoder does not know. */
static GByteArray *pack_xz_delta(const GByteArray *in)
{
	lzma_options_delta delta = { .type = LZMA_DELTA_TYPE_BYTE, .dist = 4 };

	return pack_xz_with(in, LZMA_FILTER_DELTA, &delta);
}

static GByteArray *pack_lzma(const GByteArray *in)
{
	GByteArray *out = room_for(in->len);
	lzma_stream z = LZMA_STREAM_INIT;
	lzma_options_lzma lzma;

	lzma_lzma_preset(&lzma, 6);
	ck_assert_int_eq(lzma_alone_encoder(&z, &lzma), LZMA_OK);
	z.next_in = in->data;
	z.avail_in = in->len;
	z.next_out = out->data;
	z.avail_out = out->len;
	ck_assert_int_eq(lzma_code(&z, LZMA_FINISH), LZMA_STREAM_END);
	g_byte_array_set_size(out, z.total_out);
	lzma_end(&z);
	return out;
}

static GByteArray *pack_zstd(const GByteArray *in)
{
	GByteArray *out = room_for(in->len);
	size_t len = ZSTD_compress(out->data, out->len, in->data, in->len, 19);

	ck_assert(!ZSTD_isError(len));
	return g_byte_array_set_size(out, len);
}

static GByteArray *pack_lz4(const GByteArray *in)
{
	GByteArray *out = room_for(in->len);
	uint32_t len =
		LZ4_compress_HC((char *)in->data, (char *)out->data + 8, in->len, out->len - 8, 9);

	memcpy(out->data, "\x02\x21\x4c\x18", 4);
	memcpy(out->data + 4, &len, 4);
	return g_byte_array_set_size(out, len + 8);
}

static const struct {
	const char *name;
	GByteArray *(*pack)(const GByteArray *in);
	bool own_size; /* ends in its size: Linux appends none */
	bool checks;   /* every flipped bit is noticed */
} packers[] = {
	{ "gzip", pack_gzip, true, true },
	{ "bzip2", pack_bzip2, false, true },
	{ "xz", pack_xz, false, true },
	{ "xz", pack_xz_delta, false, true },
	{ "lzma", pack_lzma, false, false },
	{ "zstd", pack_zstd, false, false },
	{ "lz4", pack_lz4, false, false },
};

/* ---- Helpers ---- */

static bool load(const GByteArray *image, struct xg_kernel *kernel, GError **error)
{
	*kernel = (struct xg_kernel){ .file = { .data = image->data, .len = image->len } };
	return xg_unpack_kernel(&kernel->file, &kernel->elf, error) && xg_elf_parse(kernel, error);
}

/* Loads an image, frees it, and expects an error whose message has @text in it. */
static void expect_error(GByteArray *image, const char *text)
{
	struct xg_kernel kernel;
	GError *error = NULL;
	bool ok = load(image, &kernel, &error) && xg_kernel_check_pv(&kernel, NULL, &error);

	ck_assert_msg(!ok, "accepted, where \"%s\" was expected", text);
	ck_assert_msg(
		strstr(error->message, text) != NULL, "\"%s\" lacks \"%s\"", error->message, text);
	ck_assert_ptr_null(strchr(error->message, '\n'));
	g_error_free(error);
	xg_kernel_free(&kernel);
	g_byte_array_free(image, TRUE);
}

/* ---- Tests ---- */

START_TEST(test_plain_elf)
{
	GByteArray *elf = make_elf(linux_notes(), TEXT);
	struct xg_segment segment;
	struct xg_kernel kernel;

	ck_assert(load(elf, &kernel, NULL));
	ck_assert(xg_kernel_check_pv(&kernel, NULL, NULL));
	ck_assert_str_eq(kernel.guest_os, "linux");
	ck_assert_uint_eq(kernel.entry, IMAGE_BASE + IMAGE_TEXT + 0x10);
	ck_assert_uint_eq(kernel.virt_base, IMAGE_BASE);
	ck_assert_uint_eq(kernel.init_p2m, 0x8000000000UL);
	ck_assert(kernel.mod_start_pfn && kernel.has_init_p2m && !kernel.has_hypercall_page);
	ck_assert_uint_eq(kernel.paddr_start, IMAGE_TEXT);
	ck_assert_uint_eq(kernel.paddr_end, IMAGE_TEXT + 18 * 4096 + 4096);
	ck_assert(xg_elf_segment(&kernel, 1, &segment));
	ck_assert_uint_eq(segment.filesz, 2048);
	ck_assert(!xg_elf_segment(&kernel, 3, &segment));
	xg_kernel_free(&kernel);
	g_byte_array_free(elf, TRUE);
}
END_TEST

START_TEST(test_compressed)
{
	GByteArray *elf = make_elf(linux_notes(), TEXT), *packed = packers[_i].pack(elf);
	GByteArray *image =
		make_bzimage(packed->data, packed->len, elf->len, !packers[_i].own_size);
	struct xg_kernel kernel;
	GError *error = NULL;

	ck_assert_msg(load(image, &kernel, &error), "%s in a bzImage: %s", packers[_i].name,
		error ? error->message : "");
	ck_assert_uint_eq(kernel.elf.len, elf->len);
	ck_assert_mem_eq(kernel.elf.data, elf->data, elf->len);
	xg_kernel_free(&kernel);
	ck_assert_msg(load(packed, &kernel, &error), "%s alone: %s", packers[_i].name,
		error ? error->message : "");
	ck_assert_uint_eq(kernel.elf.len, elf->len);
	xg_kernel_free(&kernel);
	g_byte_array_free(elf, TRUE);
	g_byte_array_free(packed, TRUE);
	g_byte_array_free(image, TRUE);
}
END_TEST

/* Cut anywhere, nothing of it may be accepted. */
START_TEST(test_compressed_cut_off)
{
	GByteArray *elf = make_elf(linux_notes(), TEXT), *packed = packers[_i].pack(elf);
	size_t step = packed->len / 61 + 1;

	for (size_t len = 8; len + 5 < packed->len; len += step) {
		struct xg_kernel kernel;
		GError *error = NULL;
		GByteArray *cut = g_byte_array_append(g_byte_array_new(), packed->data, len);

		ck_assert_msg(!load(cut, &kernel, &error), "%s cut to %zu bytes is accepted",
			packers[_i].name, len);
		ck_assert_ptr_nonnull(error);
		g_error_free(error);
		xg_kernel_free(&kernel);
		g_byte_array_free(cut, TRUE);
	}
	g_byte_array_free(elf, TRUE);
	g_byte_array_free(packed, TRUE);
}
END_TEST

/* Flipped bits: an error where the format has a check, and never more than one anywhere. */
START_TEST(test_compressed_damaged)
{
	GByteArray *elf = make_elf(linux_notes(), TEXT), *packed = packers[_i].pack(elf);
	size_t step = packed->len / 97 + 1;

	for (size_t at = 12; at < packed->len; at += step) {
		struct xg_kernel kernel;
		GError *error = NULL;
		bool same, ok;

		packed->data[at] ^= 1 << at % 8;
		ok = load(packed, &kernel, &error);
		same = ok && kernel.elf.len == elf->len &&
		       !memcmp(kernel.elf.data, elf->data, elf->len);
		if (packers[_i].checks)
			ck_assert_msg(!ok || same, "%s: flipped bit in byte %zu is not noticed",
				packers[_i].name, at);
		ck_assert(ok == !error);
		g_clear_error(&error);
		xg_kernel_free(&kernel);
		packed->data[at] ^= 1 << at % 8;
	}
	g_byte_array_free(elf, TRUE);
	g_byte_array_free(packed, TRUE);
}
END_TEST

START_TEST(test_larger_than_declared)
{
	GByteArray *elf = make_elf(linux_notes(), TEXT), *packed = pack_xz(elf);

	expect_error(
		make_bzimage(packed->data, packed->len, elf->len - 1, true), "larger than it says");
	expect_error(make_bzimage(packed->data, packed->len / 2, elf->len, true), "cut off");
	g_byte_array_free(elf, TRUE);
	g_byte_array_free(packed, TRUE);
}
END_TEST

START_TEST(test_not_kernels)
{
	GByteArray *image = make_bzimage((const uint8_t *)"\x89LZO\0\0\0\0", 8, 100, true);

	expect_error(image, "lzo, is not supported");
	expect_error(g_byte_array_append(g_byte_array_new(), (const guint8 *)"#!/bin/sh\n", 10),
		"neither an ELF file");
	expect_error(g_byte_array_append(g_byte_array_new(), (const guint8 *)"\177ELF", 4),
		"not an ELF file");
	image = make_bzimage((const uint8_t *)"12345678", 8, 100, true);
	image->data[0x206] = 7;
	expect_error(image, "boot protocol 2.07");
	image = make_bzimage((const uint8_t *)"12345678", 8, 100, true);
	image->len -= 3;
	expect_error(image, "cut off");
	expect_error(make_elf(NULL, TEXT), "no notes");
}
END_TEST

START_TEST(test_bad_headers)
{
	GByteArray *image = make_elf(linux_notes(), TEXT);
	Elf64_Ehdr *header = (Elf64_Ehdr *)image->data;

	header->e_ident[EI_CLASS] = ELFCLASS32;
	expect_error(image, "32-bit kernel");
	image = make_elf(linux_notes(), TEXT);
	((Elf64_Ehdr *)image->data)->e_machine = EM_AARCH64;
	expect_error(image, "another processor");
	image = make_elf(linux_notes(), TEXT);
	((Elf64_Ehdr *)image->data)->e_phoff = UINT64_MAX - 8;
	expect_error(image, "program headers");
	image = make_elf(linux_notes(), TEXT);
	image->len -= 1;
	expect_error(image, "cut off");
	image = make_elf(linux_notes(), TEXT);
	((Elf64_Phdr *)(image->data + sizeof(Elf64_Ehdr)))->p_memsz = 1;
	expect_error(image, "impossible size");
	image = make_elf(linux_notes(), TEXT);
	((Elf64_Phdr *)(image->data + sizeof(Elf64_Ehdr)))->p_paddr = UINT64_MAX - 100;
	expect_error(image, "impossible address");
}
END_TEST

/* Every byte of the headers and notes in turn, with sanitizers watching. */
START_TEST(test_header_fuzz)
{
	GByteArray *image = make_elf(linux_notes(), 4096);
	size_t end = image->len - 4096;
	static const uint8_t values[] = { 0x00, 0xff, 0x80, 0x7f };

	for (size_t at = 0; at < end; at++) {
		for (size_t v = 0; v < G_N_ELEMENTS(values); v++) {
			uint8_t old = image->data[at];
			struct xg_segment segment;
			struct xg_kernel kernel;

			image->data[at] = values[v];
			if (load(image, &kernel, NULL)) {
				for (unsigned i = 0; xg_elf_segment(&kernel, i, &segment); i++)
					ck_assert(!segment.filesz ||
						  (segment.src >= image->data &&
							  segment.src + segment.filesz <=
								  image->data + image->len));
				xg_kernel_check_pv(&kernel, NULL, NULL);
			}
			xg_kernel_free(&kernel);
			image->data[at] = old;
		}
	}
	g_byte_array_free(image, TRUE);
}
END_TEST

static GByteArray *with_note(uint32_t type, const char *text)
{
	GByteArray *notes = linux_notes();

	add_string(notes, type, text);
	return make_elf(notes, TEXT);
}

static GByteArray *with_number(uint32_t type, uint64_t value)
{
	GByteArray *notes = linux_notes();

	add_number(notes, type, value);
	return make_elf(notes, TEXT);
}

START_TEST(test_refused_notes)
{
	expect_error(with_note(XEN_ELFNOTE_FEATURES, "!auto_translated_physmap"),
		"auto_translated_physmap");
	expect_error(with_note(XEN_ELFNOTE_FEATURES, "pae_pgdir_above_4gb|!from_the_future"),
		"from_the_future");
	expect_error(with_note(XEN_ELFNOTE_FEATURES, "!dom0"), "needs feature dom0");
	expect_error(with_note(XEN_ELFNOTE_LOADER, "other"), "loader \"other\"");
	expect_error(with_note(XEN_ELFNOTE_XEN_VERSION, "xen-2.0"), "xen-2.0");
	expect_error(with_number(XEN_ELFNOTE_ENTRY, IMAGE_BASE), "entry point");
	expect_error(with_number(XEN_ELFNOTE_VIRT_BASE, 0xffff800000000000UL), "not a guest's");
	expect_error(with_number(XEN_ELFNOTE_HYPERCALL_PAGE, IMAGE_BASE + IMAGE_TEXT + 8),
		"hypercall page");
	expect_error(with_number(XEN_ELFNOTE_INIT_P2M, 0x8000001000UL), "list of frames");
	expect_error(with_number(XEN_ELFNOTE_HV_START_LOW, ~0UL), "too little room");
}
END_TEST

START_TEST(test_wanted_features)
{
	GByteArray *elf = make_elf(linux_notes(), TEXT);
	struct xg_kernel kernel;
	GError *error = NULL;

	ck_assert(load(elf, &kernel, NULL));
	ck_assert(xg_kernel_check_pv(&kernel, "pae_pgdir_above_4gb", NULL));
	ck_assert(!xg_kernel_check_pv(&kernel, "highmem_assist", &error));
	ck_assert_ptr_nonnull(strstr(error->message, "does not support feature highmem_assist"));
	g_clear_error(&error);
	ck_assert(!xg_kernel_check_pv(&kernel, "nonsense", &error));
	ck_assert_ptr_nonnull(strstr(error->message, "nonsense is not known"));
	g_clear_error(&error);
	xg_kernel_free(&kernel);
	g_byte_array_free(elf, TRUE);
}
END_TEST

START_TEST(test_guest_section)
{
	static const char text[] =
		"GUEST_OS=netbsd,XEN_VER=xen-3.0,LOADER=generic,VIRT_BASE=0xffffffff80000000,"
		"VIRT_ENTRY=0xffffffff81000010,HYPERCALL_PAGE=0x1001,PAE=yes[extended-cr3],BSD_"
		"SYMTAB";
	struct xg_kernel kernel = { 0 };
	GError *error = NULL;

	ck_assert(xg_take_guest_section(&kernel, text, sizeof(text), &error));
	ck_assert(kernel.legacy && kernel.bsd_symtab && kernel.has_entry &&
		  kernel.has_hypercall_page);
	ck_assert_str_eq(kernel.guest_os, "netbsd");
	ck_assert_uint_eq(kernel.virt_base, IMAGE_BASE);
	ck_assert_uint_eq(kernel.entry, IMAGE_BASE + IMAGE_TEXT + 0x10);
	ck_assert_uint_eq(kernel.hypercall_page, 0x1001);
	ck_assert(!xg_take_guest_section(&kernel, "VIRT_BASE=here", 14, &error));
	ck_assert_ptr_nonnull(strstr(error->message, "VIRT_BASE=here"));
	g_clear_error(&error);
}
END_TEST

START_TEST(test_files)
{
	char path[] = "/tmp/xenith-guest-XXXXXX";
	struct xg_kernel kernel;
	GError *error = NULL;
	uint64_t size;
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_lt(xg_open_file("ramdisk", path, &size, &error), 0);
	ck_assert_ptr_nonnull(strstr(error->message, "empty"));
	g_clear_error(&error);
	ck_assert(!xg_kernel_load(&kernel, "/nonexistent", &error));
	ck_assert_str_eq(error->message, "kernel /nonexistent: No such file or directory");
	g_clear_error(&error);
	xg_kernel_free(&kernel);
	ck_assert(!xg_kernel_load(&kernel, "/dev/zero", &error));
	ck_assert_ptr_nonnull(strstr(error->message, "not a regular file"));
	g_clear_error(&error);
	xg_kernel_free(&kernel);
	close(fd);
	unlink(path);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("images");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, test_plain_elf);
	tcase_add_loop_test(tc, test_compressed, 0, G_N_ELEMENTS(packers));
	tcase_add_loop_test(tc, test_compressed_cut_off, 0, G_N_ELEMENTS(packers));
	tcase_add_loop_test(tc, test_compressed_damaged, 0, G_N_ELEMENTS(packers));
	tcase_add_test(tc, test_larger_than_declared);
	tcase_add_test(tc, test_not_kernels);
	tcase_add_test(tc, test_bad_headers);
	tcase_add_test(tc, test_header_fuzz);
	tcase_add_test(tc, test_refused_notes);
	tcase_add_test(tc, test_wanted_features);
	tcase_add_test(tc, test_guest_section);
	tcase_add_test(tc, test_files);
	return run_suite("guest_image", tc);
}
