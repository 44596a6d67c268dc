/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Finds the kernel in a boot module and unpacks it. The layout of a bzImage is from "The Linux/x86
 * Boot Protocol".
 */

#include <xen/decompress.h>
#include <xen/errno.h>
#include <xen/kernel-formats.h>
#include <xen/kernel-image.h>
#include <xen/lib.h>

static int fail(int err, const char **why, const char *text)
{
	*why = text;
	return err;
}

static uint16_t get_u16(const uint8_t *p)
{
	return p[0] | p[1] << 8;
}

static uint32_t get_u32(const uint8_t *p)
{
	return get_u16(p) | (uint32_t)get_u16(p + 2) << 16;
}

static bool is_elf(const uint8_t *data, size_t len)
{
	return len >= 4 && !memcmp(data, "\177ELF", 4);
}

static bool is_bzimage(const uint8_t *data, size_t len)
{
	return len >= SETUP_MIN_SIZE && !memcmp(data + SETUP_MAGIC, "HdrS", 4);
}

/* Narrow @payload from the whole bzImage to what it carries. */
static int enter_bzimage(struct kernel_payload *payload, const char **why)
{
	const uint8_t *data = payload->data;
	uint64_t sectors = data[SETUP_SECTS], offset, len;

	payload->boot_protocol = get_u16(data + SETUP_VERSION);
	if (payload->boot_protocol < VERSION_PAYLOAD)
		return fail(-EOPNOTSUPP, why,
			"the bzImage is too old to say where its payload is (boot protocol 2.08)");
	if (!sectors)
		sectors = 4;
	offset = (sectors + 1) * SECTOR + get_u32(data + SETUP_PAYLOAD);
	len = get_u32(data + SETUP_PAYLEN);
	if (offset > payload->len || len > payload->len - offset)
		return fail(-EINVAL, why, "the bzImage is cut off: its payload ends outside of it");
	payload->data = data + offset;
	payload->len = len;
	return 0;
}

/*
 * The unpacked size. A bzImage's last payload word is it: Linux appends the word behind formats
 * other than gzip, and gzip ends in it.
 */
static int find_size(struct kernel_payload *payload, const char **why)
{
	const uint8_t *data = payload->data;
	int ret;

	if (!payload->compressed) {
		payload->size = payload->len;
	} else if (payload->boot_protocol) {
		if (payload->len < 8)
			return fail(-EINVAL, why, "the bzImage's payload is too short");
		payload->size = get_u32(data + payload->len - 4);
	} else {
		ret = decompress_size(data, payload->len, &payload->size);
		if (ret == -EOPNOTSUPP)
			return fail(ret, why, "the compressed kernel does not tell its size");
		if (ret)
			return fail(ret, why, "the compressed kernel is damaged");
	}
	if (!payload->size || payload->size > KERNEL_IMAGE_MAX_SIZE)
		return fail(-EINVAL, why, "the compressed kernel declares an impossible size");
	return 0;
}

int kernel_image_payload(
	const void *data, size_t len, struct kernel_payload *payload, const char **why)
{
	int ret;

	*payload = (struct kernel_payload){.data = data, .len = len};
	if (is_bzimage(data, len)) {
		ret = enter_bzimage(payload, why);
		if (ret)
			return ret;
	}
	if (is_elf(payload->data, payload->len)) {
		payload->format = "ELF";
	} else {
		payload->format = decompress_format(payload->data, payload->len);
		payload->compressed = true;
	}
	if (!payload->format && payload->boot_protocol)
		return fail(-EOPNOTSUPP, why, "the bzImage's payload has an unknown compression");
	if (!payload->format)
		return fail(-EOPNOTSUPP, why, "the module is neither an ELF file nor a bzImage");
	return find_size(payload, why);
}

int kernel_image_unpack(const struct kernel_payload *payload, void *out, size_t cap,
	size_t *out_len, const char **why)
{
	int ret = 0;

	*out_len = 0;
	if (payload->compressed) {
		ret = decompress(payload->data, payload->len, out, cap, out_len);
	} else if (payload->len > cap) {
		ret = -ENOSPC;
	} else {
		memcpy(out, payload->data, payload->len);
		*out_len = payload->len;
	}
	switch (ret) {
	case 0:
		break;
	case -ENOMEM:
		return fail(ret, why, "there is no memory to unpack the kernel");
	case -ENOSPC:
		return fail(ret, why, "the kernel is larger than it declares");
	case -EOPNOTSUPP:
		return fail(ret, why, "the kernel's compression uses an unknown option");
	default:
		return fail(ret, why, "the compressed kernel is damaged");
	}
	if (*out_len != payload->size)
		return fail(-EINVAL, why, "the unpacked kernel has not the size that it declares");
	return 0;
}
