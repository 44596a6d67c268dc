/*
 * xl's file, as `xl save` of Xen 4.17 writes it: a header, data that a reader may leave out (there
 * the configuration is), and then the public "LibXenLight Domain Image Format", version 2, whose
 * record LIBXC_CONTEXT is followed by the domain's stream. Behind the configuration in xl's form
 * stands ours, which xl does not look at, and then a comment with checksums. Records of our own
 * would be the other place for these, but the public checker, verify-stream-v2, takes none that it
 * does not know.
 */
#include "saved_file.h"

#include <fcntl.h>
#include <fdio.h>
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "sxp.h"

#define MAX_DATA (8 << 20)

/* The magic's last characters keep programs that change the ends of lines from passing unnoticed.
 */
static const char magic[32] = "Xen saved domain, xl format\n \0 \r";

struct file_header {
	char magic[32];
	uint32_t byte_order;          /* BYTE_ORDER, as the writer's processor has it */
	uint32_t mandatory, optional; /* flags */
	uint32_t data_length;
};

#define BYTE_ORDER_MARK 0x01020304
#define FLAG_JSON       1u /* the configuration is JSON */
#define FLAG_STREAM_V2  2u /* libxl's image format follows */

/* Big-endian. */
struct image_header {
	char ident[8];
	uint32_t version, options;
};

#define IDENT             "LibxlFmt"
#define IMAGE_VERSION     2
#define OPTION_BIG_ENDIAN 1u
#define OPTION_LEGACY     2u

struct record {
	uint32_t type, length; /* of the body, which is filled up with zeros to a multiple of 8 */
};

enum { RECORD_END, RECORD_LIBXC_CONTEXT, RECORD_EMULATOR_XENSTORE_DATA, RECORD_EMULATOR_CONTEXT };
#define RECORD_OPTIONAL 0x80000000u
/* State of a device model; domains here have none. */
#define MAX_RECORD (256u << 20)

/* Of what stands before it, and of the stream: as struct saved_sums has them. */
#define SUMS_LINE   "\n# xxh3 %016lx %016lx %016lx\n"
#define SUMS_LENGTH (8 + 3 * 16 + 2 + 1)

static char *sums_line(const struct saved_sums *sums)
{
	return g_strdup_printf(SUMS_LINE, sums->head, sums->stream.start, sums->stream.all);
}

/* ---- Writing ---- */

bool saved_replace(const char *path, char **draft, bool write(int fd, void *data, GError **error),
	void *data, GError **error)
{
	g_autofree char *name = g_strconcat(path, ".XXXXXX", NULL);
	int fd = g_mkstemp_full(name, O_WRONLY | O_CLOEXEC, 0600);
	bool ok;

	if (fd < 0)
		return fail_errno(error, "cannot be made"), false;
	*draft = name;
	ok = write(fd, data, error);
	if (ok && fsync(fd))
		ok = (fail_errno(error, "cannot be written"), false);
	if (close(fd) && ok)
		ok = (fail_errno(error, "cannot be written"), false);
	if (ok && rename(name, path))
		ok = (fail_errno(error, "cannot be put in its place"), false);
	if (!ok)
		unlink(name);
	*draft = NULL;
	return ok;
}

static bool put(int fd, const void *data, size_t length, GError **error)
{
	return fd_write_all(fd, data, length) || (fail_errno(error, "cannot be written"), false);
}

static bool put_sums(int fd, const struct saved_sums *sums, GError **error)
{
	g_autofree char *line = sums_line(sums);

	return put(fd, line, SUMS_LENGTH, error);
}

/* The file up to the sums. */
static GByteArray *head_bytes(const struct config *config)
{
	g_autoptr(GVariant) sxp = g_variant_ref_sink(config_sxp(config));
	g_autofree char *json = saved_json(config), *own = sxp_print(sxp);
	uint32_t json_length = strlen(json) + 1;
	struct file_header file = {
		.byte_order = BYTE_ORDER_MARK,
		.mandatory = FLAG_JSON | FLAG_STREAM_V2,
		.data_length = sizeof(json_length) + json_length + strlen(own) + SUMS_LENGTH,
	};
	GByteArray *head = g_byte_array_new();

	memcpy(file.magic, magic, sizeof(magic));
	g_byte_array_append(head, (void *)&file, sizeof(file));
	g_byte_array_append(head, (void *)&json_length, sizeof(json_length));
	g_byte_array_append(head, (void *)json, json_length);
	return g_byte_array_append(head, (void *)own, strlen(own));
}

bool saved_write_head(int fd, const struct config *config, struct saved_sums *sums, GError **error)
{
	g_autoptr(GByteArray) head = head_bytes(config);
	struct image_header image = { .ident = IDENT, .version = GUINT32_TO_BE(IMAGE_VERSION) };
	struct record record = { .type = RECORD_LIBXC_CONTEXT };

	*sums = (struct saved_sums){ .at = head->len, .head = xg_sum(head->data, head->len) };
	return put(fd, head->data, head->len, error) && put_sums(fd, sums, error) &&
	       put(fd, &image, sizeof(image), error) && put(fd, &record, sizeof(record), error);
}

bool saved_write_tail(int fd, const struct saved_sums *sums, GError **error)
{
	struct record record = { .type = RECORD_END };

	if (!put(fd, &record, sizeof(record), error))
		return false;
	if (lseek(fd, sums->at, SEEK_SET) < 0)
		return fail_errno(error, "cannot be written"), false;
	return put_sums(fd, sums, error);
}

/* ---- Reading ---- */

static bool get(int fd, void *data, size_t length, GError **error)
{
	if (fd_read_all(fd, data, length))
		return true;
	if (errno == EIO)
		return fail(error, "is cut off"), false;
	return fail_errno(error, "cannot be read"), false;
}

static bool skip(int fd, uint64_t length, GError **error)
{
	char scratch[4096];

	while (length) {
		size_t part = MIN(length, sizeof(scratch));

		if (!get(fd, scratch, part, error))
			return false;
		length -= part;
	}
	return true;
}

/* The records up to @last. Those of device models are left out, and so is what a reader may leave
 * out. */
static bool read_records(int fd, uint32_t last, GError **error)
{
	struct record record;

	for (;;) {
		if (!get(fd, &record, sizeof(record), error))
			return false;
		if (record.type == last)
			return !record.length ||
			       (fail(error, "has a record %u with a body", last), false);
		if (!(record.type & RECORD_OPTIONAL) &&
			record.type != RECORD_EMULATOR_XENSTORE_DATA &&
			record.type != RECORD_EMULATOR_CONTEXT)
			return fail(error, "has a record of type %#x in a wrong place",
				       record.type),
			       false;
		if (record.length > MAX_RECORD)
			return fail(error, "has a record of %u bytes", record.length), false;
		if (!skip(fd, ((uint64_t)record.length + 7) & ~7ull, error))
			return false;
	}
}

static bool read_image_header(int fd, GError **error)
{
	struct image_header image;
	uint32_t options;

	if (!get(fd, &image, sizeof(image), error))
		return false;
	options = GUINT32_FROM_BE(image.options);
	if (memcmp(image.ident, IDENT, sizeof(image.ident)))
		return fail(error, "has no domain behind its configuration"), false;
	if (GUINT32_FROM_BE(image.version) != IMAGE_VERSION)
		return fail(error, "has a domain in version %u of its format, not %u",
			       GUINT32_FROM_BE(image.version), IMAGE_VERSION),
		       false;
	if (options & (OPTION_BIG_ENDIAN | OPTION_LEGACY))
		return fail(error, "has a domain %s",
			       options & OPTION_LEGACY ? "that was converted from an older form"
						       : "of a big-endian machine"),
		       false;
	if (options)
		return fail(error, "has a domain with unknown options %#x", options), false;
	return read_records(fd, RECORD_LIBXC_CONTEXT, error);
}

static bool read_file_header(int fd, struct file_header *file, GError **error)
{
	if (!get(fd, file, sizeof(*file), error))
		return false;
	if (memcmp(file->magic, magic, sizeof(magic)))
		return fail(error, "is no saved domain"), false;
	if (file->byte_order != BYTE_ORDER_MARK)
		return fail(error, "is from a machine with another order of bytes"), false;
	if (file->mandatory != (FLAG_JSON | FLAG_STREAM_V2))
		return fail(error, "is of another version: its flags are %#x, not %#x",
			       file->mandatory, FLAG_JSON | FLAG_STREAM_V2),
		       false;
	if (file->data_length < sizeof(uint32_t) || file->data_length > MAX_DATA)
		return fail(error, "has a configuration of %u bytes", file->data_length), false;
	return true;
}

/* Ours, if it is there, else xl's. */
static struct config *parse_data(const char *data, uint32_t length, GError **error)
{
	g_autoptr(GVariant) sxp = NULL;
	uint32_t json_length;

	memcpy(&json_length, data, sizeof(json_length));
	data += sizeof(json_length);
	length -= sizeof(json_length);
	if (json_length > length)
		return fail(error, "has a configuration of %u bytes in %u", json_length, length),
		       NULL;
	if (json_length == length)
		return saved_from_json(data, strnlen(data, json_length), error);
	sxp = sxp_parse(data + json_length, length - json_length, error);
	return sxp ? config_parse(sxp, error) : NULL;
}

/*
 * Takes the sums from the end of @head, @length bytes of the file, if they are there, and compares
 * the one of what is before them.
 */
static bool check_head(const char *head, size_t length, struct saved_sums *sums, GError **error)
{
	g_autofree char *line = NULL;
	const char *text;

	*sums = (struct saved_sums){ 0 };
	/* So end the configuration of xl, and ours as it was before there were sums. */
	if (!head[length - 1] || head[length - 1] == ')')
		return true;
	sums->at = MAX(length, SUMS_LENGTH) - SUMS_LENGTH;
	text = head + sums->at;
	sums->head = xg_sum(head, sums->at);
	sums->stream.start = g_ascii_strtoull(text + 25, NULL, 16);
	sums->stream.all = g_ascii_strtoull(text + 42, NULL, 16);
	line = sums_line(sums);
	return (length >= SUMS_LENGTH && !memcmp(line, text, SUMS_LENGTH)) ||
	       (fail(error, "is damaged: the checksum of its configuration is wrong"), false);
}

struct config *saved_read_head(int fd, struct saved_sums *sums, GError **error)
{
	g_autofree char *head = NULL;
	g_autoptr(config_t) config = NULL;
	struct file_header file;
	size_t length;

	if (!read_file_header(fd, &file, error))
		return NULL;
	length = sizeof(file) + file.data_length;
	head = g_malloc(length + 1);
	memcpy(head, &file, sizeof(file));
	/* So that reading a number ends. */
	head[length] = 0;
	if (!get(fd, head + sizeof(file), file.data_length, error) ||
		!check_head(head, length, sums, error))
		return NULL;
	config = parse_data(head + sizeof(file), file.data_length, error);
	return config && read_image_header(fd, error) ? g_steal_pointer(&config) : NULL;
}

bool saved_read_tail(int fd, GError **error)
{
	return read_records(fd, RECORD_END, error);
}
