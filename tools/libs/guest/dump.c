/*
 * A domain's memory and registers as an ELF file, in the public "xen dump-core format", version
 * 0.1: sections and no program headers. The sections are at offsets that follow from the numbers of
 * vCPUs and pages, so the file is written from its begin to its end.
 */
#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <xen/elfnote.h>
#include <xen/version.h>

#include "stream_save.h"

#define MAGIC_PV 0xf00febed

enum section {
	SECTION_NULL,
	SECTION_NOTES,
	SECTION_VCPUS,
	SECTION_SHARED,
	SECTION_P2M,
	SECTION_PAGES,
	SECTION_NAMES,
	NR_SECTIONS
};

static const char names[] =
	"\0.note.Xen\0.xen_prstatus\0.xen_shared_info\0.xen_p2m\0.xen_pages\0.shstrtab";

struct note {
	Elf64_Nhdr head;
	char name[4]; /* "Xen" */
};

struct notes {
	struct note none;
	struct note header;
	struct {
		uint64_t magic, nr_vcpus, nr_pages, page_size;
	} header_desc;
	struct note version;
	struct {
		uint64_t major, minor;
		xen_extraversion_t extra;
		xen_compile_info_t compile;
		xen_capabilities_info_t capabilities;
		xen_changeset_info_t changeset;
		xen_platform_parameters_t platform;
		uint64_t page_size;
	} version_desc;
	struct note format;
	uint64_t format_desc; /* major version in the upper half */
};

/* An element of .xen_p2m. */
struct entry {
	uint64_t pfn, mfn;
};

struct dump {
	struct saver v;
	uint64_t nr_vcpus;
	GArray *entries;
	uint64_t at; /* what has been written */
};

static bool put(struct dump *d, const void *data, size_t len, GError **error)
{
	struct iovec iov = { (void *)data, len };

	d->at += len;
	return xg_stream_writev(&d->v.s, &iov, 1, error);
}

/* Pages that the guest has, without those that it only claims to have. */
static bool find_pages(struct dump *d, GError **error)
{
	const struct stream_p2m *p2m = &d->v.p2m;
	xen_pfn_t types[STREAM_BATCH];
	struct entry batch[STREAM_BATCH];
	uint64_t pfn = 0;

	while (pfn < p2m->max_pfn) {
		unsigned nr = 0;

		for (; pfn < p2m->max_pfn && nr < STREAM_BATCH; pfn++)
			if (p2m->mfn[pfn]) {
				batch[nr] = (struct entry){ pfn, p2m->mfn[pfn] };
				types[nr++] = p2m->mfn[pfn];
			}
		if (nr && xc_get_pfn_types(d->v.xc, d->v.s.domid, nr, types))
			return xg_stream_refused(
				d->v.s.domid, "the types of its pages are not known", error);
		for (unsigned i = 0; i < nr; i++) {
			uint32_t type = types[i] & XEN_DOMCTL_PFINFO_LTAB_MASK;

			if (type != XEN_DOMCTL_PFINFO_XTAB && type != XEN_DOMCTL_PFINFO_BROKEN)
				g_array_append_val(d->entries, batch[i]);
		}
	}
	return true;
}

static bool look(struct dump *d, GError **error)
{
	if (!xg_saver_look(&d->v, error) || !xg_saver_read_list(&d->v, error))
		return false;
	d->nr_vcpus = d->v.info.max_vcpu_id + 1;
	return find_pages(d, error);
}

/* ---- Headers ---- */

static uint64_t align(uint64_t offset, uint64_t to)
{
	return (offset + to - 1) & ~(to - 1);
}

static bool put_headers(struct dump *d, GError **error)
{
	uint64_t pages = d->entries->len;
	const struct {
		uint32_t type;
		uint64_t size, entry, align;
	} plan[NR_SECTIONS] = {
		[SECTION_NOTES] = { SHT_NOTE, sizeof(struct notes), 0, 8 },
		[SECTION_VCPUS] = { SHT_PROGBITS, d->nr_vcpus * sizeof(vcpu_guest_context_t),
			sizeof(vcpu_guest_context_t), 8 },
		[SECTION_SHARED] = { SHT_PROGBITS, XC_PAGE_SIZE, XC_PAGE_SIZE, 8 },
		[SECTION_P2M] = { SHT_PROGBITS, pages * sizeof(struct entry), sizeof(struct entry),
			8 },
		[SECTION_PAGES] = { SHT_PROGBITS, pages * XC_PAGE_SIZE, XC_PAGE_SIZE,
			XC_PAGE_SIZE },
		[SECTION_NAMES] = { SHT_STRTAB, sizeof(names), 0, 1 },
	};
	Elf64_Ehdr file = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			EV_CURRENT, ELFOSABI_SYSV },
		.e_type = ET_CORE,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_shoff = sizeof(file),
		.e_ehsize = sizeof(file),
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = NR_SECTIONS,
		.e_shstrndx = SECTION_NAMES,
	};
	Elf64_Shdr section[NR_SECTIONS] = { 0 };
	uint64_t offset = sizeof(file) + sizeof(section), name = 1;

	for (unsigned i = 1; i < NR_SECTIONS; i++) {
		offset = align(offset, plan[i].align);
		section[i] = (Elf64_Shdr){
			.sh_name = name,
			.sh_type = plan[i].type,
			.sh_offset = offset,
			.sh_size = plan[i].size,
			.sh_addralign = plan[i].align,
			.sh_entsize = plan[i].entry,
		};
		name += strlen(names + name) + 1;
		offset += plan[i].size;
	}
	return put(d, &file, sizeof(file), error) && put(d, section, sizeof(section), error);
}

static struct note note(uint32_t type, uint32_t size)
{
	return (struct note){ { .n_namesz = 4, .n_descsz = size, .n_type = type }, "Xen" };
}

static bool put_notes(struct dump *d, GError **error)
{
	g_autofree struct notes *n = g_new0(struct notes, 1);
	xc_interface *xc = d->v.xc;
	int version = xc_version(xc, XENVER_version, NULL, 0);

	n->none = note(XEN_ELFNOTE_DUMPCORE_NONE, 0);
	n->header = note(XEN_ELFNOTE_DUMPCORE_HEADER, sizeof(n->header_desc));
	n->header_desc.magic = MAGIC_PV;
	n->header_desc.nr_vcpus = d->nr_vcpus;
	n->header_desc.nr_pages = d->entries->len;
	n->header_desc.page_size = XC_PAGE_SIZE;
	n->version = note(XEN_ELFNOTE_DUMPCORE_XEN_VERSION, sizeof(n->version_desc));
	n->version_desc.major = MAX(version, 0) >> 16;
	n->version_desc.minor = MAX(version, 0) & 0xffff;
	xc_version(xc, XENVER_extraversion, &n->version_desc.extra, sizeof(n->version_desc.extra));
	xc_version(
		xc, XENVER_compile_info, &n->version_desc.compile, sizeof(n->version_desc.compile));
	xc_version(xc, XENVER_capabilities, &n->version_desc.capabilities,
		sizeof(n->version_desc.capabilities));
	xc_version(xc, XENVER_changeset, &n->version_desc.changeset,
		sizeof(n->version_desc.changeset));
	xc_version(xc, XENVER_platform_parameters, &n->version_desc.platform,
		sizeof(n->version_desc.platform));
	n->version_desc.page_size = MAX(xc_version(xc, XENVER_pagesize, NULL, 0), 0);
	n->format = note(XEN_ELFNOTE_DUMPCORE_FORMAT_VERSION, sizeof(n->format_desc));
	n->format_desc = 1;
	return put(d, n, sizeof(*n), error);
}

/* ---- Contents ---- */

static bool put_vcpus(struct dump *d, GError **error)
{
	g_autofree vcpu_guest_context_t *context = g_new(vcpu_guest_context_t, 1);

	for (unsigned id = 0; id < d->nr_vcpus; id++) {
		memset(context, 0, sizeof(*context));
		/* One that was never started has no registers. */
		if (xc_vcpu_getcontext(d->v.xc, d->v.s.domid, id, context) && errno != ENODATA)
			return xg_stream_refused(
				d->v.s.domid, "the registers of a vCPU cannot be read", error);
		if (!put(d, context, sizeof(*context), error))
			return false;
	}
	return put(d, d->v.shared, XC_PAGE_SIZE, error) &&
	       put(d, d->entries->data, d->entries->len * sizeof(struct entry), error);
}

static bool put_batch(struct dump *d, const struct entry *entries, unsigned nr, GError **error)
{
	xen_pfn_t mfns[STREAM_BATCH];
	struct iovec iov[STREAM_BATCH];
	uint8_t *pages;
	bool ok;

	for (unsigned i = 0; i < nr; i++)
		mfns[i] = entries[i].mfn;
	pages = xenforeignmemory_map(xc_foreign(d->v.xc), d->v.s.domid, PROT_READ, nr, mfns, NULL);
	if (!pages)
		return xg_stream_refused(d->v.s.domid, "its memory cannot be mapped", error);
	for (unsigned i = 0; i < nr; i++)
		iov[i] = (struct iovec){ pages + (size_t)i * XC_PAGE_SIZE, XC_PAGE_SIZE };
	ok = xg_stream_write_pages(&d->v.s, iov, nr, error);
	xenforeignmemory_unmap(xc_foreign(d->v.xc), pages, nr);
	return ok;
}

static bool put_pages(struct dump *d, GError **error)
{
	static const uint8_t zeros[XC_PAGE_SIZE];
	const struct entry *entries = (const struct entry *)d->entries->data;
	unsigned total = d->entries->len;

	if (!put(d, zeros, align(d->at, XC_PAGE_SIZE) - d->at, error))
		return false;
	for (unsigned i = 0; i < total; i += STREAM_BATCH)
		if (!xg_stream_go_on(&d->v.s, "dumping pages", i, total, error) ||
			!put_batch(d, entries + i, MIN(total - i, STREAM_BATCH), error))
			return false;
	return put(d, names, sizeof(names), error);
}

static bool (*const steps[])(struct dump *d, GError **error) = {
	look,
	put_headers,
	put_notes,
	put_vcpus,
	put_pages,
};

bool xg_dump_core(xc_interface *xc, int fd, uint32_t domid, GError **error)
{
	struct xg_save_config config = { .domid = domid };
	struct dump d = { .entries = g_array_new(FALSE, FALSE, sizeof(struct entry)) };
	bool ok = true;

	xg_saver_begin(&d.v, xc, fd, &config);
	for (size_t i = 0; i < G_N_ELEMENTS(steps) && ok; i++)
		ok = steps[i](&d, error);
	xg_saver_end(&d.v);
	g_array_free(d.entries, TRUE);
	return ok;
}
