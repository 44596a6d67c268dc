/*
 * Finds the kernel inside a file and decompresses it. The layout of a bzImage is from "The
 * Linux/x86 Boot Protocol"; LZ4 kernels are in the legacy frame format of "LZ4 Frame Format
 * Description".
 */
#include <bzlib.h>
#include <errno.h>
#include <lz4.h>
#include <lzma.h>
#include <string.h>
#include <sys/mman.h>
#include <xen/kernel-formats.h>
#include <zlib.h>
#include <zstd.h>

#include "private.h"

/* More than any kernel has, and little enough to reserve. */
#define UNPACKED_MAX (1UL << 30)

#define LZ4_MAGIC 0x184c2102
#define LZ4_BLOCK (8 << 20)

/* What a decompressor works on; it sets out_len. */
struct job {
	const uint8_t *in;
	size_t in_len;
	uint8_t *out;
	size_t room, out_len;
};

enum outcome { DONE, DAMAGED, CUT_OFF, TOO_LARGE };

static uint32_t get_u32(const uint8_t *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

static enum outcome gunzip(struct job *job)
{
	z_stream z = {
		.next_in = (uint8_t *)job->in,
		.avail_in = job->in_len,
		.next_out = job->out,
		.avail_out = job->room,
	};
	int ret;

	if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK)
		return DAMAGED;
	ret = inflate(&z, Z_FINISH);
	job->out_len = z.total_out;
	inflateEnd(&z);
	if (ret == Z_STREAM_END)
		return DONE;
	if (ret == Z_BUF_ERROR || ret == Z_OK)
		return z.avail_out ? CUT_OFF : TOO_LARGE;
	return DAMAGED;
}

static enum outcome bunzip2(struct job *job)
{
	bz_stream z = {
		.next_in = (char *)job->in,
		.avail_in = job->in_len,
		.next_out = (char *)job->out,
		.avail_out = job->room,
	};
	int ret;

	if (BZ2_bzDecompressInit(&z, 0, 0) != BZ_OK)
		return DAMAGED;
	ret = BZ2_bzDecompress(&z);
	job->out_len = job->room - z.avail_out;
	BZ2_bzDecompressEnd(&z);
	if (ret == BZ_STREAM_END)
		return DONE;
	if (ret == BZ_OK)
		return z.avail_out ? CUT_OFF : TOO_LARGE;
	return DAMAGED;
}

/*
 * All sorts of xz, and the older .lzma. What xg_unxz() cannot unpack ends here, too, so that there
 * is one judge of what is wrong with a file.
 */
static enum outcome unlzma(struct job *job)
{
	lzma_stream z = LZMA_STREAM_INIT;
	lzma_ret ret;
	size_t left;

	if (lzma_auto_decoder(&z, UINT64_C(256) << 20, 0) != LZMA_OK)
		return DAMAGED;
	z.next_in = job->in;
	z.avail_in = job->in_len;
	z.next_out = job->out;
	z.avail_out = job->room;
	ret = lzma_code(&z, LZMA_FINISH);
	job->out_len = z.total_out;
	left = z.avail_out;
	lzma_end(&z);
	if (ret == LZMA_STREAM_END)
		return DONE;
	if (ret == LZMA_OK || ret == LZMA_BUF_ERROR)
		return left ? CUT_OFF : TOO_LARGE;
	return DAMAGED;
}

static enum outcome unxz(struct job *job)
{
	if (xg_unxz(job->in, job->in_len, job->out, job->room, &job->out_len))
		return DONE;
	return unlzma(job);
}

static enum outcome unzstd(struct job *job)
{
	ZSTD_DStream *z = ZSTD_createDStream();
	ZSTD_inBuffer in = { .src = job->in, .size = job->in_len };
	ZSTD_outBuffer out = { .dst = job->out, .size = job->room };
	enum outcome outcome = DAMAGED;
	size_t ret = 1;

	if (!z)
		return DAMAGED;
	/* Kernels are packed with windows of up to 128 MiB. */
	ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, 27);
	while (in.pos < in.size && out.pos < out.size && ret && !ZSTD_isError(ret))
		ret = ZSTD_decompressStream(z, &out, &in);
	if (!ret)
		outcome = DONE;
	else if (!ZSTD_isError(ret))
		outcome = out.pos < out.size ? CUT_OFF : TOO_LARGE;
	job->out_len = out.pos;
	ZSTD_freeDStream(z);
	return outcome;
}

/*
 * Blocks of 8 MiB, each with its packed length before it. Ends with the input, or with Linux's four
 * bytes of size.
 */
static enum outcome unlz4(struct job *job)
{
	const uint8_t *in = job->in + 4, *end = job->in + job->in_len;

	while (end - in > 4) {
		uint32_t len = get_u32(in);
		size_t room = MIN(job->room - job->out_len, (size_t)LZ4_BLOCK);
		int n;

		in += 4;
		if (len == LZ4_MAGIC)
			continue;
		if (len > LZ4_COMPRESSBOUND(LZ4_BLOCK))
			return DAMAGED;
		if (len > end - in)
			return CUT_OFF;
		n = LZ4_decompress_safe(
			(const char *)in, (char *)job->out + job->out_len, len, room);
		if (n < 0)
			return room < LZ4_BLOCK ? TOO_LARGE : DAMAGED;
		job->out_len += n;
		in += len;
	}
	return job->out_len ? DONE : CUT_OFF;
}

static const struct format {
	const char *name;
	const char *magic;
	size_t magic_len;
	enum outcome (*unpack)(struct job *job); /* NULL: not known here */
} formats[] = {
	{ "gzip", "\x1f\x8b", 2, gunzip },
	{ "bzip2", "BZh", 3, bunzip2 },
	{ "xz", "\xfd\x37zXZ\0", 6, unxz },
	{ "lzma", "\x5d\0\0", 3, unlzma },
	{ "zstd", "\x28\xb5\x2f\xfd", 4, unzstd },
	{ "lz4", "\x02\x21\x4c\x18", 4, unlz4 },
	{ "lzo", "\x89LZO", 4, NULL },
};

static const struct format *find_format(const struct xg_blob *data)
{
	for (size_t i = 0; i < G_N_ELEMENTS(formats); i++)
		if (data->len >= formats[i].magic_len &&
			!memcmp(data->data, formats[i].magic, formats[i].magic_len))
			return &formats[i];
	return NULL;
}

static bool is_elf(const struct xg_blob *data)
{
	return data->len >= 4 && !memcmp(data->data, "\177ELF", 4);
}

static bool is_bzimage(const struct xg_blob *file)
{
	return file->len >= SETUP_MIN_SIZE && !memcmp(file->data + SETUP_MAGIC, "HdrS", 4);
}

/* Narrows @payload to what a bzImage carries; *@size becomes its size unpacked, if known. */
static bool enter_bzimage(
	const struct xg_blob *file, struct xg_blob *payload, size_t *size, GError **error)
{
	unsigned version = file->data[SETUP_VERSION] | file->data[SETUP_VERSION + 1] << 8;
	uint64_t sectors = file->data[SETUP_SECTS] ? file->data[SETUP_SECTS] : 4, start, len;

	if (version < VERSION_PAYLOAD) {
		g_set_error(error, XG_ERROR, XG_ERROR_FORMAT,
			"a bzImage of boot protocol %u.%02u, older than 2.08, does not say where "
			"its kernel is",
			version >> 8, version & 0xff);
		return false;
	}
	start = (sectors + 1) * SECTOR + get_u32(file->data + SETUP_PAYLOAD);
	len = get_u32(file->data + SETUP_PAYLEN);
	if (start > file->len || len > file->len - start || len < 8) {
		g_set_error(error, XG_ERROR, XG_ERROR_FORMAT,
			"the bzImage is cut off: its kernel would end at byte %" G_GUINT64_FORMAT,
			start + len);
		return false;
	}
	*payload = (struct xg_blob){ .data = file->data + start, .len = len };
	/* The last word is the unpacked size, appended by the kernel's build or gzip's own. */
	*size = get_u32(payload->data + len - 4);
	return true;
}

static bool run(const struct format *format, const struct xg_blob *in, size_t room,
	struct xg_blob *out, GError **error)
{
	static const char *const words[] = {
		[DAMAGED] = "is damaged",
		[CUT_OFF] = "is cut off",
		[TOO_LARGE] = "is larger than it says, or than any kernel",
	};
	struct job job = { .in = in->data, .in_len = in->len, .room = room };
	enum outcome outcome;

	job.out = mmap(NULL, room, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (job.out == MAP_FAILED) {
		g_set_error(error, XG_ERROR, XG_ERROR_MEMORY, "no memory to unpack the kernel: %s",
			g_strerror(errno));
		return false;
	}
	outcome = format->unpack(&job);
	*out = (struct xg_blob){ .data = job.out, .len = job.out_len, .reserved = room };
	if (outcome == DONE)
		return true;
	g_set_error(
		error, XG_ERROR, XG_ERROR_FORMAT, "the %s data %s", format->name, words[outcome]);
	return false;
}

bool xg_unpack_kernel(const struct xg_blob *file, struct xg_blob *elf, GError **error)
{
	struct xg_blob payload = { .data = file->data, .len = file->len };
	const struct format *format;
	size_t size = 0;

	if (is_bzimage(file) && !enter_bzimage(file, &payload, &size, error))
		return false;
	if (is_elf(&payload)) {
		*elf = payload;
		return true;
	}
	format = find_format(&payload);
	if (!format) {
		g_set_error(error, XG_ERROR, XG_ERROR_FORMAT,
			"neither an ELF file, nor a bzImage, nor one compressed in a known way");
		return false;
	}
	if (!format->unpack) {
		g_set_error(error, XG_ERROR, XG_ERROR_FORMAT,
			"its compression, %s, is not supported", format->name);
		return false;
	}
	if (!size || size > UNPACKED_MAX)
		size = UNPACKED_MAX;
	return run(format, &payload, size, elf, error);
}
