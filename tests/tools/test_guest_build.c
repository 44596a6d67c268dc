/* sources: tools/libs/guest/elf.c tools/libs/guest/kernel.c tools/libs/guest/unpack.c */
/* sources: tools/libs/guest/xz.c xen/common/decompress/bcj_x86.c xen/common/decompress/crc.c */
/* sources: xen/common/decompress/lzma.c xen/common/decompress/unxz.c */
/* sources: tools/libs/guest/file.c tools/libs/guest/layout.c tools/libs/guest/start.c */
/* sources: tools/libs/guest/build.c */
/* packages: gio-2.0 zlib liblzma libzstd liblz4 */
/* libs: -lbz2 */
/*
 * Whole domains, built in a hypervisor that is nothing but memory: a file of frames in which each
 * domain's are scattered. The tests read the result as a kernel would: from the registers, through
 * the page tables.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "fake_ram.h"
#include "guest_images.h"
#include "private.h"
#include "suite.h"

#define FRAMES 65536 /* of the machine */
#define DOMID  7
#define SHARED 100 /* frame of shared_info */
#define NONE   (~0UL)

/* ---- The machine ---- */

static struct {
	unsigned next;       /* frame to give out */
	unsigned free;       /* frames left */
	unsigned large_left; /* extents of 2 MiB left */
	uint64_t claimed, pinned, max_kb, map_bytes;
	unsigned vcpus;
	bool has_context;
	vcpu_guest_context_t context;
	xen_pfn_t m2p[FRAMES];
} machine;

static void start_machine(void)
{
	memset(&machine, 0, sizeof(machine));
	start_ram(FRAMES);
	machine.next = 1024;
	machine.free = FRAMES - 1024;
	machine.large_left = 1000;
	memset(machine.m2p, 0xff, sizeof(machine.m2p));
}

static void stop_machine(void)
{
	ck_assert_uint_eq(machine.claimed, 0);
	stop_ram();
}

int xc_domain_populate(xc_interface *xc, uint32_t domid, unsigned nr, unsigned order,
	unsigned flags, xen_pfn_t *frames)
{
	unsigned done;

	for (done = 0; done < nr; done++) {
		unsigned pages = 1U << order, mfn = (machine.next + pages - 1) & ~(pages - 1);

		if (machine.free < pages || (order && !machine.large_left) || mfn + pages > FRAMES)
			break;
		machine.large_left -= order ? 1 : 0;
		for (unsigned i = 0; i < pages; i++) {
			machine.m2p[mfn + i] = frames[done] + i;
			/*
			 * What was there before may not be seen in what the builder promises to
			 * write.
			 */
			memset(fake.ram + (size_t)(mfn + i) * 4096, 0xa5, 4096);
		}
		frames[done] = mfn;
		machine.next = mfn + pages + (order ? 0 : machine.next % 3);
		machine.free -= pages;
	}
	return done;
}

int xc_domain_claim_pages(xc_interface *xc, uint32_t domid, uint64_t pages)
{
	if (pages > machine.free) {
		errno = ENOMEM;
		return -1;
	}
	machine.claimed = pages;
	return 0;
}

void *xenforeignmemory_map(xenforeignmemory_handle *fmem, uint32_t dom, int prot, size_t pages,
	const xen_pfn_t arr[], int err[])
{
	ck_assert_uint_eq(dom, DOMID);
	if (refuses("map"))
		return NULL;
	for (size_t i = 0; i < pages; i++)
		ck_assert(arr[i] == SHARED || machine.m2p[arr[i]] != NONE);
	return map_ram(prot, pages, arr);
}

int xc_domain_max_vcpus(xc_interface *xc, uint32_t domid, unsigned max)
{
	machine.vcpus = max;
	return refuses("max_vcpus") ? -1 : 0;
}

int xc_domain_setmaxmem(xc_interface *xc, uint32_t domid, uint64_t max_kb)
{
	machine.max_kb = max_kb;
	return 0;
}

int xc_domain_set_tsc_info(xc_interface *xc, uint32_t domid, const struct xen_domctl_tsc_info *info)
{
	return 0;
}

int xc_set_domain_cpu_policy(xc_interface *xc, uint32_t domid, const xen_cpuid_leaf_t *leaves,
	uint32_t nr_leaves, const xen_msr_entry_t *msrs, uint32_t nr_msrs, uint32_t refused[3])
{
	refused[0] = leaves->leaf;
	refused[1] = leaves->subleaf;
	refused[2] = ~0U;
	return -1;
}

int xc_domain_set_memory_map(
	xc_interface *xc, uint32_t domid, const struct xc_e820entry *map, unsigned nr)
{
	ck_assert_uint_eq(nr, 1);
	machine.map_bytes = map->size;
	return 0;
}

int xc_domain_getinfo(xc_interface *xc, uint32_t domid, struct xen_domctl_getdomaininfo *info)
{
	memset(info, 0, sizeof(*info));
	info->shared_info_frame = SHARED;
	return 0;
}

int xc_domctl(xc_interface *xc, struct xen_domctl *op)
{
	ck_assert_uint_eq(op->cmd, XEN_DOMCTL_hypercall_init);
	memset(fake.ram + op->u.hypercall_init.gmfn * 4096, 0xcc, 4096);
	return 0;
}

int xc_pin_table(xc_interface *xc, uint32_t domid, unsigned level, xen_pfn_t mfn)
{
	/* A table that is mapped writable anywhere would be refused. */
	ck_assert_uint_eq(fake.mapped, 0);
	ck_assert_uint_eq(level, 4);
	machine.pinned = mfn;
	return refuses("pin") ? -1 : 0;
}

int xc_vcpu_setcontext(
	xc_interface *xc, uint32_t domid, unsigned vcpu, const struct vcpu_guest_context *context)
{
	machine.context = *context;
	machine.has_context = true;
	return 0;
}

/* ---- Looking at the result as the guest does ---- */

static uint64_t entry_of(uint64_t table_mfn, uint64_t va, unsigned level)
{
	uint64_t *table = page_of(table_mfn);

	return table[va >> (12 + 9 * (level - 1)) & 511];
}

/*
 * The frame at @va, or NONE; *@writable unless some level forbids. Checks that every table is the
 * domain's.
 */
static uint64_t walk(uint64_t va, bool *writable)
{
	uint64_t mfn = machine.context.ctrlreg[3] >> 12;

	*writable = true;
	for (unsigned level = 4; level; level--) {
		uint64_t entry = entry_of(mfn, va, level);

		if (!(entry & 1))
			return NONE;
		*writable &= entry >> 1 & 1;
		mfn = entry >> 12 & 0xffffffffff;
		ck_assert_uint_lt(mfn, FRAMES);
		ck_assert_uint_ne(machine.m2p[mfn], NONE);
	}
	return mfn;
}

static void *at(uint64_t va)
{
	bool writable;
	uint64_t mfn = walk(va, &writable);

	ck_assert_msg(mfn != NONE, "%#lx is not mapped", va);
	return fake.ram + mfn * 4096 + va % 4096;
}

/* The rules for page tables: read-only wherever mapped, all else writable, frames in order. */
static void check_mapping(const struct start_info *info)
{
	uint64_t first = (info->pt_base - IMAGE_BASE) >> 12, va, pfn = 0;
	bool writable;

	for (va = IMAGE_BASE; walk(va, &writable) != NONE; va += 4096, pfn++) {
		ck_assert_uint_eq(machine.m2p[walk(va, &writable)], pfn);
		ck_assert_int_eq(writable, pfn < first || pfn >= first + info->nr_pt_frames);
		if (va + 4096 == 0)
			break;
	}
	ck_assert_uint_eq(va % (4 << 20), 0);
	ck_assert_uint_ge(va, machine.context.user_regs.rsp + (512 << 10));
}

static void check_p2m(const struct start_info *info)
{
	for (uint64_t pfn = 0; pfn < info->nr_pages; pfn++) {
		uint64_t mfn = *(uint64_t *)at(info->mfn_list + pfn * 8);

		ck_assert_uint_eq(machine.m2p[mfn], pfn);
	}
}

/* ---- Building ---- */

struct files {
	char kernel[64], ramdisk[64];
	GByteArray *elf;
	uint8_t *initrd;
	size_t initrd_len;
};

static void write_file(char *path, const void *data, size_t len)
{
	int fd;

	strcpy(path, "/tmp/xenith-build-XXXXXX");
	fd = mkstemp(path);
	ck_assert_int_eq(write(fd, data, len), len);
	close(fd);
}

static void make_files(struct files *files, GByteArray *notes, size_t text, size_t initrd)
{
	files->elf = make_elf(notes, text);
	write_file(files->kernel, files->elf->data, files->elf->len);
	files->initrd = g_malloc(initrd);
	files->initrd_len = initrd;
	for (size_t i = 0; i < initrd; i++)
		files->initrd[i] = i * 31 >> 3;
	write_file(files->ramdisk, files->initrd, initrd);
}

static void remove_files(struct files *files)
{
	unlink(files->kernel);
	unlink(files->ramdisk);
	g_byte_array_free(files->elf, TRUE);
	g_free(files->initrd);
}

static struct xg_pv_config config_for(const struct files *files)
{
	return (struct xg_pv_config){
		.domid = DOMID,
		.kernel = files->kernel,
		.ramdisk = files->ramdisk,
		.cmdline = "console=hvc0",
		.memory_kb = 64 << 10,
		.vcpus = 2,
	};
}

static void check_kernel(const struct files *files, size_t text)
{
	const uint8_t *source = files->elf->data + files->elf->len - text;
	uint64_t data = IMAGE_BASE + ((IMAGE_TEXT + text + 4095) & ~4095UL);

	for (size_t i = 0; i < text; i += 512)
		ck_assert_mem_eq(at(IMAGE_BASE + IMAGE_TEXT + i), source + i, MIN(512, text - i));
	ck_assert_mem_eq(at(data), source, 2048);
	for (unsigned i = 2048; i < 4096; i++)
		ck_assert_uint_eq(*(uint8_t *)at(data + i), 0);
}

static const struct start_info *check_start(const struct xg_pv_result *result)
{
	const struct start_info *info = at(machine.context.user_regs.rsi);
	static const uint8_t zeroes[4096];

	ck_assert_str_eq(info->magic, "xen-3.0-x86_64");
	ck_assert_uint_eq(info->nr_pages, 16384);
	ck_assert_uint_eq(info->shared_info, SHARED * 4096);
	ck_assert_uint_eq(info->store_mfn, result->store_mfn);
	ck_assert_uint_eq(info->store_evtchn, result->store_port);
	ck_assert_uint_eq(info->console.domU.mfn, result->console_mfn);
	ck_assert_uint_eq(info->console.domU.evtchn, result->console_port);
	ck_assert_mem_eq(fake.ram + result->store_mfn * 4096, zeroes, 4096);
	ck_assert_mem_eq(fake.ram + result->console_mfn * 4096, zeroes, 4096);
	ck_assert_uint_eq(fake.grants[0], result->console_mfn);
	ck_assert_uint_eq(fake.grants[1], result->store_mfn);
	ck_assert_uint_eq(machine.pinned, machine.context.ctrlreg[3] >> 12);
	ck_assert_ptr_eq(at(info->pt_base), fake.ram + machine.pinned * 4096);
	ck_assert_str_eq((const char *)info->cmd_line, "console=hvc0");
	return info;
}

START_TEST(test_linux)
{
	struct files files;
	struct xg_pv_config config;
	struct xg_pv_result result;
	const struct start_info *info;
	const shared_info_t *shared;
	GError *error = NULL;

	start_machine();
	machine.large_left = _i ? 3 : 1000; /* single pages, when there is nothing larger */
	make_files(&files, linux_notes(), 70000, 1000001);
	config = config_for(&files);
	config.max_memory_kb = 128 << 10;
	ck_assert_msg(
		xg_build_pv(NULL, &config, &result, &error), "%s", error ? error->message : "");
	info = check_start(&result);
	check_mapping(info);
	check_p2m(info);
	check_kernel(&files, 70000);
	ck_assert_uint_eq(info->mfn_list, 0x8000000000UL);
	ck_assert_uint_eq(info->nr_p2m_frames, 32 + 3);
	ck_assert_uint_eq(info->flags, SIF_MOD_START_PFN);
	ck_assert_uint_eq(info->mod_len, files.initrd_len);
	for (size_t i = 0; i < files.initrd_len; i += 4096) {
		uint64_t mfn = *(uint64_t *)at(info->mfn_list + (info->mod_start + i / 4096) * 8);

		ck_assert_mem_eq(fake.ram + mfn * 4096, files.initrd + i,
			MIN(4096, files.initrd_len - i));
	}
	ck_assert_uint_eq(machine.context.user_regs.rip, IMAGE_BASE + IMAGE_TEXT + 0x10);
	ck_assert_uint_eq(machine.context.user_regs.cs, 0xe033);
	ck_assert_uint_eq(machine.context.user_regs.ss, 0xe02b);
	shared = (shared_info_t *)(fake.ram + SHARED * 4096);
	ck_assert_uint_eq(shared->vcpu_info[0].evtchn_upcall_mask, 1);
	ck_assert_uint_eq(shared->vcpu_info[31].evtchn_upcall_mask, 1);
	ck_assert_uint_eq(machine.vcpus, 2);
	ck_assert_uint_eq(machine.max_kb, (128 << 10) + 1024);
	ck_assert_uint_eq(machine.map_bytes, 128 << 20);
	ck_assert_str_eq(result.guest_os, "linux");
	remove_files(&files);
	stop_machine();
}
END_TEST

/*
 * A kernel that can do neither without its initrd nor without its list of frames mapped, with a
 * hypercall page.
 */
START_TEST(test_older_kernel)
{
	GByteArray *notes = g_byte_array_new();
	struct files files;
	struct xg_pv_config config;
	struct xg_pv_result result;
	const struct start_info *info;
	GError *error = NULL;

	start_machine();
	add_string(notes, XEN_ELFNOTE_GUEST_OS, "older");
	add_number(notes, XEN_ELFNOTE_VIRT_BASE, IMAGE_BASE);
	add_number(notes, XEN_ELFNOTE_ENTRY, IMAGE_BASE + IMAGE_TEXT);
	add_number(notes, XEN_ELFNOTE_HYPERCALL_PAGE, IMAGE_BASE + IMAGE_TEXT + 0x2000);
	make_files(&files, notes, 70000, 100000);
	config = config_for(&files);
	ck_assert_msg(
		xg_build_pv(NULL, &config, &result, &error), "%s", error ? error->message : "");
	info = check_start(&result);
	check_mapping(info);
	check_p2m(info);
	ck_assert_uint_eq(info->flags, 0);
	ck_assert_uint_eq(info->first_p2m_pfn, 0);
	ck_assert_uint_eq(info->mod_len, 100000);
	for (size_t i = 0; i < 100000; i += 1000)
		ck_assert_mem_eq(at(info->mod_start + i), files.initrd + i, 8);
	ck_assert_uint_lt(info->mod_start, info->mfn_list);
	ck_assert_uint_lt(info->mfn_list, machine.context.user_regs.rsi);
	ck_assert_uint_eq(*(uint8_t *)at(IMAGE_BASE + IMAGE_TEXT + 0x2000), 0xcc);
	remove_files(&files);
	stop_machine();
}
END_TEST

/* Builds with @config, and expects an error of @code that says @text. */
static void expect_failure(const struct xg_pv_config *config, enum xg_error code, const char *text)
{
	struct xg_pv_result result;
	GError *error = NULL;

	ck_assert(!xg_build_pv(NULL, config, &result, &error));
	ck_assert_msg(error->code == code && strstr(error->message, text),
		"error %d \"%s\", not %d \"%s\"", error->code, error->message, code, text);
	g_error_free(error);
}

START_TEST(test_bad_configs)
{
	xen_cpuid_leaf_t leaf = { .leaf = 0x80000001 };
	struct files files;
	struct xg_pv_config good, config;
	char long_line[1025];

	start_machine();
	make_files(&files, linux_notes(), 70000, 1000000);
	config = good = config_for(&files);
	config.memory_kb = 100;
	expect_failure(&config, XG_ERROR_FEATURE, "between 1 MiB");
	config = good;
	config.max_memory_kb = config.memory_kb - 1;
	expect_failure(&config, XG_ERROR_FEATURE, "more memory than it may have");
	config = good;
	config.vcpus = 0;
	expect_failure(&config, XG_ERROR_FEATURE, "no vCPU");
	config = good;
	memset(long_line, 'x', 1024);
	long_line[1024] = '\0';
	config.cmdline = long_line;
	expect_failure(&config, XG_ERROR_FEATURE, "1023 bytes");
	config = good;
	config.kernel = NULL;
	expect_failure(&config, XG_ERROR_FEATURE, "no kernel");
	config = good;
	config.memory_kb = 20 << 10;
	expect_failure(&config, XG_ERROR_MEMORY, "too few");
	config = good;
	config.ramdisk = "/nonexistent";
	expect_failure(&config, XG_ERROR_FILE, "ramdisk /nonexistent: No such file");
	config = good;
	config.memory_kb = 1 << 20;
	expect_failure(&config, XG_ERROR_MEMORY, "too little free memory");
	config = good;
	config.cpuid = &leaf;
	config.nr_cpuid = 1;
	expect_failure(&config, XG_ERROR_HYPERVISOR, "CPUID leaf 0x80000001");
	remove_files(&files);
	stop_machine();
}
END_TEST

/* Whatever the hypervisor refuses is said, and nothing stays mapped or claimed. */
START_TEST(test_refusals)
{
	static const struct {
		const char *operation, *text;
	} cases[] = {
		{ "max_vcpus", "vCPUs cannot be made" },
		{ "map", "cannot be mapped" },
		{ "port", "event channel for xenstore" },
		{ "pin", "page tables are refused" },
	};
	struct files files;
	struct xg_pv_config config;

	make_files(&files, linux_notes(), 70000, 1000);
	config = config_for(&files);
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		start_machine();
		fake.refuse = cases[i].operation;
		expect_failure(&config, XG_ERROR_HYPERVISOR, cases[i].text);
		ck_assert(!machine.has_context);
		stop_machine();
	}
	remove_files(&files);
}
END_TEST

/* Cancelled at every place where it can be, from the progress that is told there. */
struct cancel {
	GCancellable *cancellable;
	unsigned at, calls;
};

static void on_progress(const char *stage, uint64_t done, uint64_t total, void *data)
{
	struct cancel *cancel = data;

	ck_assert_uint_le(done, total);
	if (cancel->calls++ == cancel->at)
		g_cancellable_cancel(cancel->cancellable);
}

START_TEST(test_cancel)
{
	struct files files;
	struct xg_pv_config config;
	struct cancel cancel = { .at = 0 };
	unsigned cancelled = 0;

	make_files(&files, linux_notes(), 70000, 1000000);
	config = config_for(&files);
	config.progress = on_progress;
	config.progress_data = &cancel;
	for (bool built = false; !built; cancel.at++) {
		struct xg_pv_result result;
		GError *error = NULL;

		start_machine();
		cancel.calls = 0;
		config.cancellable = cancel.cancellable = g_cancellable_new();
		built = xg_build_pv(NULL, &config, &result, &error);
		ck_assert(built || error->code == XG_ERROR_CANCELLED);
		cancelled += !built;
		g_clear_error(&error);
		g_object_unref(cancel.cancellable);
		stop_machine();
	}
	ck_assert_uint_ge(cancelled, 10);
	remove_files(&files);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("domains");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, test_linux, 0, 2);
	tcase_add_test(tc, test_older_kernel);
	tcase_add_test(tc, test_bad_configs);
	tcase_add_test(tc, test_refusals);
	tcase_add_test(tc, test_cancel);
	return run_suite("guest_build", tc);
}
