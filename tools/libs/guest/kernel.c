/* Kernels: what their notes for Xen say (public/elfnote.h), and whether we can do what they ask. */
#include <string.h>
#include <xen/kernel-formats.h>

#include "private.h"
#include "public/elfnote.h"

/*
 * Where a kernel of either width must leave room for the hypervisor: [start, end) of the address
 * space.
 */
#define HYPERVISOR_START UINT64_C(0xffff800000000000)
#define HYPERVISOR_END   UINT64_C(0xffff880000000000)

/* Copies a string of at most @len bytes that may lack its end, cutting it to fit. */
static void set_string(char *dst, size_t size, const char *src, size_t len)
{
	size_t n = MIN(strnlen(src, len), size - 1);

	memcpy(dst, src, n);
	dst[n] = '\0';
}

/* ---- Notes ---- */

/* Where in struct xg_kernel a note goes; with size 0 it is a number. */
static const struct note {
	size_t offset, size;
	size_t has; /* offset of the flag that it was there, or 0 */
} notes[] = {
#define STRING(member)                                                                             \
	{                                                                                          \
		offsetof(struct xg_kernel, member), sizeof(((struct xg_kernel *)NULL)->member), 0  \
	}
#define NUMBER(member, flag)                                                                       \
	{                                                                                          \
		offsetof(struct xg_kernel, member), 0, flag                                        \
	}
#define HAS(member) offsetof(struct xg_kernel, member)
	[XEN_ELFNOTE_GUEST_OS] = STRING(guest_os),
	[XEN_ELFNOTE_GUEST_VERSION] = STRING(guest_version),
	[XEN_ELFNOTE_XEN_VERSION] = STRING(xen_version),
	[XEN_ELFNOTE_LOADER] = STRING(loader),
	[XEN_ELFNOTE_PAE_MODE] = STRING(pae_mode),
	[XEN_ELFNOTE_FEATURES] = STRING(features),
	[XEN_ELFNOTE_ENTRY] = NUMBER(entry, HAS(has_entry)),
	[XEN_ELFNOTE_HYPERCALL_PAGE] = NUMBER(hypercall_page, HAS(has_hypercall_page)),
	[XEN_ELFNOTE_VIRT_BASE] = NUMBER(virt_base, 0),
	[XEN_ELFNOTE_PADDR_OFFSET] = NUMBER(paddr_offset, HAS(has_paddr_offset)),
	[XEN_ELFNOTE_HV_START_LOW] = NUMBER(hv_start_low, 0),
	[XEN_ELFNOTE_INIT_P2M] = NUMBER(init_p2m, HAS(has_init_p2m)),
	[XEN_ELFNOTE_PHYS32_ENTRY] = NUMBER(phys32_entry, 0),
};

static bool get_number(const uint8_t *desc, size_t len, uint64_t *value)
{
	if (len != 1 && len != 2 && len != 4 && len != 8)
		return false;
	*value = 0;
	memcpy(value, desc, len);
	return true;
}

static void store_number(struct xg_kernel *kernel, const struct note *note, uint64_t value)
{
	memcpy((char *)kernel + note->offset, &value, sizeof(value));
	if (note->has)
		*((bool *)kernel + note->has) = true;
}

bool xg_take_note(struct xg_kernel *kernel, uint32_t type, const uint8_t *desc, size_t len)
{
	const struct note *note = type < G_N_ELEMENTS(notes) ? &notes[type] : NULL;
	uint64_t value;

	kernel->has_notes = true;
	if (type == XEN_ELFNOTE_MOD_START_PFN || type == XEN_ELFNOTE_SUPPORTED_FEATURES) {
		if (!get_number(desc, len, &value))
			return false;
		if (type == XEN_ELFNOTE_MOD_START_PFN)
			kernel->mod_start_pfn = value;
		else
			kernel->supported = value;
		return true;
	}
	if (type == XEN_ELFNOTE_BSD_SYMTAB) {
		kernel->bsd_symtab = len >= 3 && !memcmp(desc, "yes", 3);
		return true;
	}
	/* The rest changes nothing in how a domain is built, or is from the future. */
	if (!note || !note->offset)
		return true;
	if (note->size) {
		set_string((char *)kernel + note->offset, note->size, (const char *)desc, len);
		return true;
	}
	if (!get_number(desc, len, &value))
		return false;
	store_number(kernel, note, value);
	return true;
}

/* ---- Section __xen_guest: "GUEST_OS=linux,XEN_VER=xen-3.0,VIRT_BASE=0xffffffff80000000,..." ----
 */

static const struct {
	const char *name;
	unsigned note;
} guest_words[] = {
	{ "GUEST_OS", XEN_ELFNOTE_GUEST_OS },
	{ "GUEST_VER", XEN_ELFNOTE_GUEST_VERSION },
	{ "XEN_VER", XEN_ELFNOTE_XEN_VERSION },
	{ "LOADER", XEN_ELFNOTE_LOADER },
	{ "PAE", XEN_ELFNOTE_PAE_MODE },
	{ "FEATURES", XEN_ELFNOTE_FEATURES },
	{ "VIRT_ENTRY", XEN_ELFNOTE_ENTRY },
	{ "HYPERCALL_PAGE", XEN_ELFNOTE_HYPERCALL_PAGE },
	{ "VIRT_BASE", XEN_ELFNOTE_VIRT_BASE },
	{ "ELF_PADDR_OFFSET", XEN_ELFNOTE_PADDR_OFFSET },
};

static bool take_guest_word(struct xg_kernel *kernel, const char *word, GError **error)
{
	const char *equals = strchr(word, '=');
	size_t len = equals ? equals - word : strlen(word);
	const char *value = equals ? equals + 1 : "yes";

	if (!strcmp(word, "BSD_SYMTAB"))
		kernel->bsd_symtab = true;
	for (size_t i = 0; i < G_N_ELEMENTS(guest_words); i++) {
		const struct note *note = &notes[guest_words[i].note];
		uint64_t number;
		bool hex;

		if (strlen(guest_words[i].name) != len || memcmp(guest_words[i].name, word, len))
			continue;
		if (note->size) {
			set_string((char *)kernel + note->offset, note->size, value, strlen(value));
			continue;
		}
		hex = g_str_has_prefix(value, "0x");
		if (!g_ascii_string_to_unsigned(hex ? value + 2 : value, hex ? 16 : 10, 0,
			    G_MAXUINT64, &number, NULL)) {
			g_set_error(error, XG_ERROR, XG_ERROR_FORMAT,
				"section __xen_guest has no number in \"%s\"", word);
			return false;
		}
		store_number(kernel, note, number);
	}
	return true;
}

bool xg_take_guest_section(struct xg_kernel *kernel, const char *text, size_t len, GError **error)
{
	g_autofree char *copy = g_strndup(text, strnlen(text, len));
	g_auto(GStrv) words = g_strsplit(copy, ",", -1);

	kernel->legacy = true;
	for (char **word = words; *word; word++)
		if (!take_guest_word(kernel, *word, error))
			return false;
	return true;
}

/* ---- Checks ---- */

static int feature_number(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(feature_names); i++)
		if (feature_names[i] && !strcmp(feature_names[i], name))
			return i;
	return -1;
}

static bool refuse(GError **error, const char *format, const char *what)
{
	g_set_error(error, XG_ERROR, XG_ERROR_FEATURE, format, what);
	return false;
}

/* What the kernel insists on must be there; what the caller wants must be known to both. */
static bool check_features(const struct xg_kernel *kernel, const char *wanted, GError **error)
{
	g_auto(GStrv) own = g_strsplit(kernel->features, "|", -1);
	g_auto(GStrv) asked = g_strsplit(wanted ? wanted : "", "|", -1);
	uint32_t supported = kernel->supported;

	for (char **name = own; *name; name++) {
		bool required = **name == '!';
		int nr = feature_number(*name + required);

		if (nr >= 0)
			supported |= 1U << nr;
		if (required && (nr < 0 || !(PV_FEATURES_OFFERED & 1U << nr)))
			return refuse(error,
				"the kernel needs feature %s, which paravirtual domains do not "
				"have",
				*name + required);
	}
	for (char **name = asked; *name; name++) {
		int nr = **name ? feature_number(*name) : 0;

		if (nr < 0)
			return refuse(error, "feature %s is not known", *name);
		if (**name && !(PV_FEATURES_OFFERED & 1U << nr))
			return refuse(error, "feature %s is not one of paravirtual domains", *name);
		if (**name && !(supported & 1U << nr))
			return refuse(error, "the kernel does not support feature %s", *name);
	}
	return true;
}

/* Whether [@start, @end) can be mapped by a guest: canonical, and not the hypervisor's. */
static bool guest_range(uint64_t start, uint64_t end)
{
	return end >= start && (end <= UINT64_C(1) << 47 || start >= HYPERVISOR_END);
}

static bool check_addresses(const struct xg_kernel *kernel, GError **error)
{
	uint64_t start = kernel->virt_base + kernel->paddr_start;
	uint64_t end = kernel->virt_base + kernel->paddr_end;

	if (!guest_range(kernel->virt_base, end))
		return refuse(error, "the kernel wants addresses that are %s", "not a guest's");
	if (kernel->entry < start || kernel->entry >= end)
		return refuse(error, "the kernel's entry point lies %s", "outside the kernel");
	if (kernel->has_hypercall_page &&
		(kernel->hypercall_page % XC_PAGE_SIZE || kernel->hypercall_page < start ||
			kernel->hypercall_page + XC_PAGE_SIZE > end))
		return refuse(error, "the kernel's hypercall page lies %s", "outside the kernel");
	if (kernel->has_init_p2m && (kernel->init_p2m % (UINT64_C(1) << 21) ||
					    !guest_range(kernel->init_p2m, kernel->init_p2m)))
		return refuse(error, "the kernel wants its list of frames at %s", "a bad address");
	if (kernel->hv_start_low > HYPERVISOR_START)
		return refuse(error, "the kernel leaves %s", "too little room for the hypervisor");
	return true;
}

bool xg_kernel_check_pv(const struct xg_kernel *kernel, const char *wanted, GError **error)
{
	if (!kernel->has_notes && !kernel->legacy)
		return refuse(
			error, "the kernel is not built for Xen: it has %s", "no notes for it");
	if (kernel->has_notes && !kernel->has_entry && kernel->phys32_entry)
		return refuse(error, "the kernel has %s",
			"a PVH entry, but none for paravirtual domains");
	if (*kernel->loader && strcmp(kernel->loader, "generic"))
		return refuse(
			error, "the kernel wants loader \"%s\", not \"generic\"", kernel->loader);
	if (*kernel->xen_version && strcmp(kernel->xen_version, "xen-3.0"))
		return refuse(error, "the kernel is for interface \"%s\", not \"xen-3.0\"",
			kernel->xen_version);
	return check_features(kernel, wanted, error) && check_addresses(kernel, error);
}

/* ---- Files ---- */

bool xg_kernel_load(struct xg_kernel *kernel, const char *path, GError **error)
{
	*kernel = (struct xg_kernel){ 0 };
	if (!xg_read_file("kernel", path, UINT64_C(1) << 30, &kernel->file, error))
		return false;
	if (xg_unpack_kernel(&kernel->file, &kernel->elf, error) && xg_elf_parse(kernel, error))
		return true;
	g_prefix_error(error, "kernel %s: ", path);
	return false;
}

void xg_kernel_free(struct xg_kernel *kernel)
{
	xg_blob_free(&kernel->elf);
	xg_blob_free(&kernel->file);
}
