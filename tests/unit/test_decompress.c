/* sources: xen/common/decompress/[a-z]*.c */
/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The decoders against the command-line tools of each format. Inputs and outputs live in blocks of
 * exactly their size, so that the address sanitizer sees every byte too far.
 */

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xen/decompress.h>

#include "suite.h"

/* From the decoders' private header, which does not go together with the C library's. */
uint32_t crc32(const uint8_t *data, size_t len);
uint64_t crc64(const uint8_t *data, size_t len);
uint32_t xxh32(const uint8_t *data, size_t len);
uint64_t xxh64(const uint8_t *data, size_t len);

static int allocations_left = -1; /* fail after so many; -1: never */
static int allocations_live;

void *xmalloc_bytes(size_t size, size_t align)
{
	(void)align;
	if (!allocations_left)
		return NULL;
	if (allocations_left > 0)
		allocations_left--;
	allocations_live++;
	return malloc(size);
}

void xfree(void *p)
{
	allocations_live -= p != NULL;
	free(p);
}

struct bytes {
	uint8_t *p;
	size_t len;
};

enum {
	CHECKED = 1, /* the stream protects its contents */
	SIZED = 2,   /* ... and declares the size */
};

/* Ways to pack: shell commands from stdin to stdout. */
static const struct packer {
	const char *format, *command;
	unsigned int flags;
} packers[] = {
	{"gzip", "gzip -1", CHECKED | SIZED},
	{"gzip", "gzip -9n", CHECKED | SIZED},
	{"xz", "xz -0 --check=none", SIZED},
	{"xz", "xz -3 --check=crc32 --x86 --lzma2=dict=32MiB,nice=40", CHECKED | SIZED},
	{"xz", "xz -1 --check=crc64 --x86=start=4096 --lzma2=preset=1,lc=1,lp=3,pb=0",
		CHECKED | SIZED},
	{"xz", "xz -0 -T2 --block-size=70000 --lzma2=preset=0,lc=4,lp=0,pb=4", CHECKED | SIZED},
	{"xz", "xz -0 --check=sha256", SIZED},
	{"zstd", "zstd -q -1", CHECKED},
	{"zstd", "zstd -q -12 --no-check", 0},
	{"zstd", "zstd -q --fast=8", CHECKED},
	{"lz4", "lz4 -q -1", CHECKED},
	{"lz4", "lz4 -q -9 -BD -B4 -BX", CHECKED},
	{"lz4", "lz4 -q -l", 0},
};
#define PACKERS ((int)(sizeof(packers) / sizeof(packers[0])))

static char dir[] = "/tmp/test_decompress.XXXXXX";

static struct bytes read_all(FILE *f)
{
	struct bytes b = {malloc(1 << 16), 0};
	size_t cap = 1 << 16, n;

	while ((n = fread(b.p + b.len, 1, cap - b.len, f))) {
		b.len += n;
		if (b.len == cap)
			b.p = realloc(b.p, cap *= 2);
	}
	b.p = realloc(b.p, b.len ? b.len : 1);
	return b;
}

static struct bytes pack(const struct packer *packer, const uint8_t *data, size_t len)
{
	char name[64], command[256];
	struct bytes out;
	FILE *f;

	snprintf(name, sizeof(name), "%s/in", dir);
	f = fopen(name, "wb");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(data, 1, len, f), len);
	fclose(f);
	snprintf(command, sizeof(command), "exec %s < %s/in", packer->command, dir);
	f = popen(command, "r");
	ck_assert_ptr_nonnull(f);
	out = read_all(f);
	ck_assert_msg(pclose(f) == 0, "%s failed", packer->command);
	return out;
}

/* Expand a copy of exactly @len bytes into a block of exactly @cap; the result is *@out. */
static int unpack(const uint8_t *in, size_t len, size_t cap, struct bytes *out)
{
	uint8_t *copy = malloc(len ? len : 1);
	int ret, live = allocations_live;

	memcpy(copy, in, len);
	out->p = malloc(cap ? cap : 1);
	out->len = 12345;
	ret = decompress(len ? copy : copy + 1, len, cap ? out->p : out->p + 1, cap, &out->len);
	ck_assert_uint_le(out->len, cap);
	ck_assert_msg(!ret || !out->len, "length set on error");
	ck_assert_int_eq(allocations_live, live);
	free(copy);
	return ret;
}

/* Text, machine code, runs and noise: @len bytes. */
static uint8_t *sample(size_t len)
{
	static const char *const files[] = {"/bin/sh", "/bin/ls", "/proc/self/exe"};
	uint8_t *p = malloc(len ? len : 1);
	uint32_t seed = 1;
	size_t n = 0;

	while (n < len && n < 300)
		n += snprintf((char *)p + n, len - n, "line %zu of the sample\n", n);
	for (int i = 0; n < len && i < 3; i++) {
		FILE *f = fopen(files[i], "rb");

		ck_assert_ptr_nonnull(f);
		n += fread(p + n, 1, len - n, f);
		fclose(f);
	}
	for (; n < len; n++)
		p[n] = n % 9000 < 3000   ? 0
		       : n % 9000 < 6000 ? n % 7
					 : (seed = seed * 69069 + 5) >> 24;
	return p;
}

static void check_round_trip(const struct packer *packer, const uint8_t *data, size_t len)
{
	struct bytes in = pack(packer, data, len), out;
	uint64_t size = 0;

	ck_assert_str_eq(decompress_format(in.p, in.len), packer->format);
	ck_assert_msg(unpack(in.p, in.len, len, &out) == 0, "%s, %zu bytes", packer->command, len);
	ck_assert_uint_eq(out.len, len);
	ck_assert_msg(!memcmp(out.p, data, len), "%s, %zu bytes differ", packer->command, len);
	free(out.p);
	if (packer->flags & SIZED) {
		ck_assert_int_eq(decompress_size(in.p, in.len, &size), 0);
		ck_assert_uint_eq(size, len);
	}

	/* Too little room, by one byte and by half. */
	if (len) {
		ck_assert_int_eq(unpack(in.p, in.len, len - 1, &out), -ENOSPC);
		free(out.p);
		ck_assert_int_eq(unpack(in.p, in.len, len / 2, &out), -ENOSPC);
		free(out.p);
	}
	free(in.p);
}

START_TEST(round_trip_small)
{
	static const size_t sizes[] = {0, 1, 65536};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint8_t *data = sample(sizes[i]);

		check_round_trip(&packers[_i], data, sizes[i]);
		free(data);
	}
}
END_TEST

START_TEST(round_trip_large)
{
	size_t len = 300000;
	uint8_t *data = sample(len);

	check_round_trip(&packers[_i], data, len);
	free(data);
}
END_TEST

/* Runs of every short period, which matches copy from themselves. */
START_TEST(round_trip_periods)
{
	uint8_t data[16 * 300];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (i % 300) % (i / 300 + 1);
	check_round_trip(&packers[_i], data, sizeof(data));
}
END_TEST

/* Branch opcodes packed so closely that their operands overlap, for the x86 filter. */
START_TEST(round_trip_branches)
{
	static const uint8_t choice[16] = {
		0xe8, 0xe9, 0xe8, 0xe9, 0, 0, 0, 0xff, 0xff, 0xff, 1, 0xfe, 0x7f, 0x80, 0x30, 0xe8};
	uint8_t data[30000];
	uint32_t seed = 11;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = choice[(seed = seed * 69069 + 5) >> 28];
	check_round_trip(&packers[_i], data, sizeof(data));
}
END_TEST

START_TEST(round_trip_noise)
{
	uint8_t data[70000];
	uint32_t seed = 7;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (seed = seed * 69069 + 5) >> 24;
	check_round_trip(&packers[_i], data, sizeof(data));
}
END_TEST

/* Whatever follows the stream is ignored, as the size that Linux appends. */
START_TEST(trailing_bytes)
{
	const struct packer *packer = &packers[_i];
	uint8_t *data = sample(5000);
	struct bytes in = pack(packer, data, 5000), out;
	size_t extra = !strcmp(packer->command, "lz4 -q -l") ? 4 : 9;

	in.p = realloc(in.p, in.len + extra);
	memcpy(in.p + in.len, "\x88\x13\0\0trail", extra);
	ck_assert_int_eq(unpack(in.p, in.len + extra, 6000, &out), 0);
	ck_assert_uint_eq(out.len, 5000);
	ck_assert(!memcmp(out.p, data, 5000));
	free(out.p);
	free(in.p);
	free(data);
}
END_TEST

/* Cut off at every length, nothing but an error comes out. */
START_TEST(truncated)
{
	const struct packer *packer = &packers[_i];
	uint8_t *data = sample(2500);
	struct bytes in = pack(packer, data, 2500), out;

	for (size_t n = 0; n < in.len; n++) {
		int ret = unpack(in.p, n, 2500, &out);

		/* Without an end mark, a whole number of blocks is a whole file. */
		if (packer->flags & CHECKED || strcmp(packer->format, "lz4"))
			ck_assert_msg(ret != 0, "%s cut off at %zu", packer->command, n);
		free(out.p);
	}
	free(in.p);
	free(data);
}
END_TEST

/* Each byte damaged in turn: an error, or the data all the same. */
START_TEST(damaged)
{
	const struct packer *packer = &packers[_i];
	uint8_t *data = sample(2500);
	struct bytes in = pack(packer, data, 2500), out;
	int errors = 0;

	for (size_t n = 0; n < in.len; n++) {
		uint8_t old = in.p[n];
		int ret;

		in.p[n] ^= 1 << n % 8;
		ret = unpack(in.p, in.len, 2600, &out);
		errors += ret != 0;
		if (!ret && packer->flags & CHECKED)
			ck_assert_msg(out.len == 2500 && !memcmp(out.p, data, 2500),
				"%s damaged at %zu", packer->command, n);
		free(out.p);
		in.p[n] = old;
	}
	ck_assert_int_gt(errors, packer->flags & CHECKED ? (int)in.len / 2 : 0);
	free(in.p);
	free(data);
}
END_TEST

/* Damage deep inside, where tables and windows are in use. Memory safety is all that is asked. */
START_TEST(damaged_large)
{
	const struct packer *packer = &packers[_i];
	uint8_t *data = sample(60000);
	struct bytes in = pack(packer, data, 60000), out;
	uint32_t seed = 3;

	for (int n = 0; n < 40; n++) {
		size_t at = (seed = seed * 69069 + 5) % in.len;
		uint8_t old = in.p[at];

		in.p[at] = seed >> 24;
		unpack(in.p, in.len, 60000 - n, &out);
		free(out.p);
		in.p[at] = old;
	}
	free(in.p);
	free(data);
}
END_TEST

START_TEST(no_memory)
{
	uint8_t *data = sample(200000);
	struct bytes in = pack(&packers[_i], data, 200000), out;
	int ret;

	allocations_left = 0;
	ret = unpack(in.p, in.len, 200000, &out);
	ck_assert_int_eq(ret, strcmp(packers[_i].format, "lz4") ? -ENOMEM : 0);
	free(out.p);

	/* The checksum manages with less. */
	allocations_left = 1;
	ck_assert_int_eq(unpack(in.p, in.len, 200000, &out), 0);
	ck_assert(!memcmp(out.p, data, 200000));
	allocations_left = -1;
	free(out.p);
	free(in.p);
	free(data);
}
END_TEST

START_TEST(unknown_format)
{
	struct bytes out;

	ck_assert_ptr_null(decompress_format("nothing", 7));
	ck_assert_ptr_null(decompress_format("\xfd"
					     "7zX",
		4));
	ck_assert_int_eq(unpack((const uint8_t *)"nothing", 7, 10, &out), -EOPNOTSUPP);
	free(out.p);
	ck_assert_int_eq(unpack((const uint8_t *)"", 0, 10, &out), -EOPNOTSUPP);
	free(out.p);
}
END_TEST

START_TEST(known_checksums)
{
	const uint8_t *nine = (const uint8_t *)"123456789";

	ck_assert_uint_eq(crc32(nine, 9), 0xcbf43926);
	ck_assert_uint_eq(crc64(nine, 9), 0x995dc9bbdf1939faULL);
	ck_assert_uint_eq(xxh32(nine, 0), 0x02cc5d05);
	ck_assert_uint_eq(xxh64(nine, 0), 0xef46db3751d8e999ULL);
	ck_assert_uint_eq(xxh32(nine, 9), 0x937bad67);
	ck_assert_uint_eq(xxh64(nine, 9), 0x8cb841db40e6ae83ULL);
}
END_TEST

/* Long buffers are folded, which must not show. The slow way is taken when memory lacks. */
START_TEST(folded_crc)
{
	size_t len = 200001;
	uint8_t *data = sample(len);

	for (size_t n = 4 * 24048 - 2; n < 4 * 24048 + 20; n++) {
		uint32_t folded = crc32(data + n % 8, n), plain;

		allocations_left = 0;
		plain = crc32(data + n % 8, n);
		allocations_left = -1;
		ck_assert_uint_eq(folded, plain);
	}
	free(data);
}
END_TEST

static void remove_dir(void)
{
	char name[64];

	snprintf(name, sizeof(name), "%s/in", dir);
	unlink(name);
	rmdir(dir);
}

int main(void)
{
	TCase *tc = tcase_create("formats");
	int status;

	if (!mkdtemp(dir))
		return 1;
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, round_trip_small, 0, PACKERS);
	tcase_add_loop_test(tc, round_trip_large, 0, PACKERS);
	tcase_add_loop_test(tc, round_trip_periods, 0, PACKERS);
	tcase_add_loop_test(tc, round_trip_branches, 0, PACKERS);
	tcase_add_loop_test(tc, round_trip_noise, 0, PACKERS);
	tcase_add_loop_test(tc, trailing_bytes, 0, PACKERS);
	tcase_add_loop_test(tc, truncated, 0, PACKERS);
	tcase_add_loop_test(tc, damaged, 0, PACKERS);
	tcase_add_loop_test(tc, damaged_large, 0, PACKERS);
	tcase_add_loop_test(tc, no_memory, 0, PACKERS);
	tcase_add_test(tc, unknown_format);
	tcase_add_test(tc, known_checksums);
	tcase_add_test(tc, folded_crc);
	status = run_suite_forked("decompress", tc, CK_NOFORK);
	remove_dir();
	return status;
}
