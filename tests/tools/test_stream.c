/* sources: tools/libs/guest/dump.c tools/libs/guest/stream_holes.c */
/* sources: tools/libs/guest/stream_io.c tools/libs/guest/stream_p2m.c */
/* sources: tools/libs/guest/stream_pages.c tools/libs/guest/stream_restore.c */
/* sources: tools/libs/guest/stream_save.c tools/libs/guest/stream_send.c */
/* sources: tools/libs/guest/stream_state.c tools/libs/guest/stream_sum.c */
/* sources: tools/libs/guest/stream_table.c */
/* packages: gio-2.0 */
/*
 * A small paravirtual domain is saved and restored as another one; its stream is damaged in all
 * ways.
 */
#include <check.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "suite.h"
#include "test_stream_machine.h"

/* ---- Comparing ---- */

static void check_table(unsigned pfn, const uint64_t *old, const uint64_t *new, bool top)
{
	for (unsigned i = 0; i < 512; i++) {
		unsigned from = old[i] >> 12 & 0xffffff, to = new[i] >> 12 & 0xffffff;

		if (top && i >= 256 && i <= 271) {
			ck_assert_uint_eq(new[i], 0);
		} else if (old[i] & 1) {
			ck_assert_uint_eq(machine.frame[to].owner, NEW);
			ck_assert_uint_eq(machine.frame[to].pfn, machine.frame[from].pfn);
			ck_assert_uint_eq(new[i] & 0xfff, old[i] & 0xfff);
		} else {
			ck_assert_uint_eq(new[i], old[i]);
		}
	}
}

static void check_list(unsigned page, const uint64_t *new)
{
	for (unsigned i = 0; i < 512 && page * 512 + i < machine.nr; i++) {
		unsigned pfn = page * 512 + i, mfn = mfn_of(NEW, pfn);

		if (pfn == FOREIGN_PFN)
			ck_assert_uint_eq(new[i], FOREIGN_ENTRY);
		else
			ck_assert_uint_eq(new[i], mfn ? mfn : ~0UL);
	}
}

static void check_pages(void)
{
	for (unsigned pfn = 0; pfn < machine.nr; pfn++) {
		unsigned old = mfn_of(OLD, pfn), new = mfn_of(NEW, pfn);

		ck_assert_msg(!old == !new, "page %u", pfn);
		if (!old || pfn == START)
			continue;
		ck_assert_uint_eq(machine.frame[old].type, machine.frame[new].type);
		if (xg_table_level(machine.frame[old].type))
			check_table(pfn, page_of(old), page_of(new), pfn == L4 || pfn == USER);
		else if (is_list(pfn))
			check_list(pfn - P2M, page_of(new));
		else
			ck_assert_mem_eq(page_of(old), page_of(new), 4096);
	}
}

static void check_state(const struct xg_pv_result *result)
{
	const struct start_info *info = (void *)page_of(mfn_of(NEW, START));
	const shared_info_t *shared = (void *)page_of(SHARED(NEW));

	ck_assert_uint_eq(machine.contexts, VCPUS);
	ck_assert_uint_eq(machine.extended, VCPUS);
	ck_assert_uint_eq(machine.xsaves, VCPUS);
	for (unsigned i = 0; i < VCPUS; i++) {
		const vcpu_guest_context_t *c = &machine.context[1][i];

		ck_assert_uint_eq(c->user_regs.rip, 0x1000 + i);
		ck_assert_uint_eq(c->user_regs.rdx, i ? 42 : mfn_of(NEW, START));
		ck_assert_uint_eq(c->ctrlreg[3], (uint64_t)mfn_of(NEW, L4) << 12);
		ck_assert_uint_eq(c->ctrlreg[1], i ? (uint64_t)mfn_of(NEW, USER) << 12 : 0);
		ck_assert_uint_eq(c->gdt_frames[0], mfn_of(NEW, GDT));
		ck_assert_uint_eq(c->gdt_frames[1], 0);
	}
	ck_assert_uint_eq(info->shared_info, SHARED(NEW) << 12);
	ck_assert_uint_eq(info->store_mfn, mfn_of(NEW, STORE));
	ck_assert_uint_eq(info->console.domU.mfn, mfn_of(NEW, CONSOLE));
	ck_assert_uint_eq(info->store_evtchn, result->store_port);
	ck_assert_uint_eq(info->console.domU.evtchn, result->console_port);
	ck_assert_uint_eq(info->nr_pages, machine.nr - 3);
	ck_assert_uint_eq(result->nr_pages, machine.nr - 3);
	ck_assert_uint_eq(fake.grants[0], result->console_mfn);
	ck_assert_uint_eq(fake.grants[1], result->store_mfn);
	ck_assert_uint_eq(result->store_mfn, mfn_of(NEW, STORE));
	ck_assert_uint_eq(shared->evtchn_mask[63], ~0UL);
	ck_assert_uint_eq(shared->evtchn_pending[0], 0);
	ck_assert_uint_eq(shared->vcpu_info[0].evtchn_upcall_mask, 1);
	ck_assert_uint_eq(shared->vcpu_info[0].evtchn_upcall_pending, 0);
	ck_assert_uint_eq(shared->wc_sec, 0);
	ck_assert_uint_eq(shared->arch.max_pfn, machine.nr);
	ck_assert_uint_eq(machine.tsc.gtsc_khz, 1234);
	ck_assert_uint_eq(machine.tsc.elapsed_nsec, 5678);
	ck_assert_uint_eq(machine.leaf.d, 0xabcd);
}

/* ---- Saving and restoring ---- */

static struct xg_stream_sums sums;
static bool summed; /* whether who restores knows them */

static bool save(int fd, GError **error)
{
	struct xg_save_config config = { .domid = OLD, .sums = &sums };

	return xg_save_pv(NULL, fd, &config, error);
}

static bool restore(int fd, struct xg_pv_result *result, GError **error)
{
	struct xg_restore_config config = {
		.domid = NEW, .vcpus = VCPUS, .memory_kb = 8 << 10, .sums = summed ? &sums : NULL
	};

	return xg_restore_pv(NULL, fd, &config, result, error);
}

static void forget_new(void)
{
	for (unsigned mfn = 0; mfn < FRAMES; mfn++)
		if (machine.frame[mfn].owner == NEW)
			machine.frame[mfn].owner = machine.frame[mfn].type = 0;
	machine.next = 1024 + 2 * machine.nr;
}

static const struct {
	unsigned nr;
	bool linear;
} shapes[] = { { 1200, true }, { 1200, false }, { 40, true }, { 40, false }, { 1024, true } };

START_TEST(test_round_trip)
{
	int fd = memfd_create("stream", 0);
	struct xg_pv_result result;
	GError *error = NULL;

	start_machine(shapes[_i / 2].nr, shapes[_i / 2].linear);
	summed = _i % 2;
	ck_assert_msg(save(fd, &error), "%s", error ? error->message : "");
	ck_assert_int_eq(write(fd, "more", 4), 4); /* which is not the reader's */
	lseek(fd, 0, SEEK_SET);
	ck_assert_msg(restore(fd, &result, &error), "%s", error ? error->message : "");
	ck_assert_int_eq(lseek(fd, 0, SEEK_END) - 4, lseek(fd, -4, SEEK_CUR));
	check_pages();
	check_state(&result);
	stop_machine();
	close(fd);
}
END_TEST

/* Pages of zeros are holes in a file, and what has been there before is not left in their place. */
START_TEST(test_holes)
{
	int sparse = memfd_create("stream", 0), full = memfd_create("stream", 0);
	struct xg_pv_result result;
	GError *error = NULL;
	uint8_t *bytes[2];
	struct xg_stream_sums before;
	struct stat st;
	off_t len;

	start_machine(1200, true);
	summed = true;
	for (unsigned pfn = ZERO_PFN; pfn < ZERO_PFN + 300; pfn++)
		memset(page_of(mfn_of(OLD, pfn)), 0, 4096);
	ck_assert(save(sparse, &error));
	len = lseek(sparse, 0, SEEK_CUR);
	ck_assert_int_eq(fstat(sparse, &st), 0);
	ck_assert_int_lt(st.st_blocks * 512, len - 290 * 4096);
	for (off_t i = 0; i < len; i += 4096)
		ck_assert_int_eq(pwrite(full, "some bytes that were here before", 32, i), 32);
	before = sums;
	ck_assert(save(full, &error));
	ck_assert_uint_eq(before.start, sums.start);
	ck_assert_uint_eq(before.all, sums.all);
	ck_assert_int_eq(lseek(full, 0, SEEK_CUR), len);
	for (unsigned i = 0; i < 2; i++) {
		bytes[i] = g_malloc(len);
		ck_assert_int_eq(pread(i ? full : sparse, bytes[i], len, 0), len);
	}
	ck_assert_mem_eq(bytes[0], bytes[1], len);
	for (unsigned i = 0; i < 2; i++) {
		lseek(i ? full : sparse, 0, SEEK_SET);
		ck_assert_msg(restore(i ? full : sparse, &result, &error), "%s",
			error ? error->message : "");
		check_pages();
		forget_new();
		g_free(bytes[i]);
	}
	stop_machine();
	close(sparse);
	close(full);
}
END_TEST

/* The public format's own checker, where Debian's xen-utils is installed, finds nothing wrong. */
START_TEST(test_checker)
{
	const char *checker = "/usr/lib/xen-4.17/bin/verify-stream-v2";
	g_autofree char *path = NULL, *problems = NULL;
	int fd = g_file_open_tmp("stream.XXXXXX", &path, NULL), status;
	char *argv[] = { (char *)checker, "-f", "libxc", "-i", path, NULL };
	g_auto(GStrv) environment = g_environ_setenv(
		g_get_environ(), "PYTHONPATH", "/usr/lib/xen-4.17/lib/python", TRUE);
	GError *error = NULL;

	start_machine(shapes[_i].nr, shapes[_i].linear);
	ck_assert(save(fd, &error));
	if (!access(checker, X_OK)) {
		ck_assert(g_spawn_sync(
			NULL, argv, environment, 0, NULL, NULL, &problems, NULL, &status, NULL));
		ck_assert_msg(!status, "%s", problems);
		/* And it does look. */
		ck_assert_int_eq(pwrite(fd, "\7", 1, 40), 1);
		ck_assert(g_spawn_sync(NULL, argv, environment, G_SPAWN_STDERR_TO_DEV_NULL, NULL,
			NULL, NULL, NULL, &status, NULL));
		ck_assert_int_ne(status, 0);
	}
	unlink(path);
	close(fd);
	stop_machine();
}
END_TEST

/* A section of an ELF file, by its name. */
static const void *section(const uint8_t *file, const char *name, size_t *size)
{
	const Elf64_Ehdr *head = (const void *)file;
	const Elf64_Shdr *all = (const void *)(file + head->e_shoff);

	for (unsigned i = 1; i < head->e_shnum; i++)
		if (!strcmp((const char *)file + all[head->e_shstrndx].sh_offset + all[i].sh_name,
			    name)) {
			*size = all[i].sh_size;
			ck_assert_uint_eq(all[i].sh_offset % all[i].sh_addralign, 0);
			return file + all[i].sh_offset;
		}
	ck_abort_msg("no section %s", name);
}

/* A core: what is in it, as the description of the format has it. */
START_TEST(test_dump)
{
	int fd = memfd_create("core", 0);
	GError *error = NULL;
	const uint64_t *p2m;
	const uint8_t *pages, *notes;
	const vcpu_guest_context_t *vcpus;
	size_t size, len;
	uint8_t *file;

	start_machine(1200, true);
	machine.running = _i;
	ck_assert_msg(xg_dump_core(NULL, fd, OLD, &error), "%s", error ? error->message : "");
	len = lseek(fd, 0, SEEK_END);
	file = g_malloc(len);
	ck_assert_int_eq(pread(fd, file, len, 0), len);
	ck_assert_mem_eq(file, ELFMAG, SELFMAG);
	ck_assert_uint_eq(((Elf64_Ehdr *)file)->e_type, ET_CORE);
	ck_assert_uint_eq(((Elf64_Ehdr *)file)->e_phnum, 0);
	notes = section(file, ".note.Xen", &size);
	/* None without contents, header: magic, vCPUs, pages, size of a page. */
	ck_assert_mem_eq(notes, "\4\0\0\0\0\0\0\0\0\0\0\2Xen", 16);
	ck_assert_mem_eq(notes + 16, "\4\0\0\0\40\0\0\0\1\0\0\2Xen", 16);
	ck_assert_uint_eq(*(uint64_t *)(notes + 32), 0xf00febed);
	ck_assert_uint_eq(*(uint64_t *)(notes + 40), VCPUS);
	ck_assert_uint_eq(*(uint64_t *)(notes + 48), machine.nr - 3);
	ck_assert_uint_eq(*(uint64_t *)(notes + 56), 4096);
	ck_assert_mem_eq(notes + size - 24, "\4\0\0\0\10\0\0\0\3\0\0\2Xen\0\1\0\0\0\0\0\0", 24);
	vcpus = section(file, ".xen_prstatus", &size);
	ck_assert_uint_eq(size, VCPUS * sizeof(*vcpus));
	for (unsigned i = 0; i < VCPUS; i++)
		ck_assert_uint_eq(vcpus[i].user_regs.rip, 0x1000 + i);
	ck_assert_mem_eq(section(file, ".xen_shared_info", &size), page_of(SHARED(OLD)), 4096);
	pages = section(file, ".xen_pages", &size);
	ck_assert_uint_eq(size, (machine.nr - 3) * 4096);
	p2m = section(file, ".xen_p2m", &size);
	ck_assert_uint_eq(size, (machine.nr - 3) * 16);
	for (unsigned i = 0; i < machine.nr - 3; i++) {
		ck_assert_uint_eq(p2m[2 * i + 1], mfn_of(OLD, p2m[2 * i]));
		ck_assert_mem_eq(pages + i * 4096UL, page_of(p2m[2 * i + 1]), 4096);
	}
	ck_assert_uint_eq(fake.mapped, 0);
	fake.refuse = "types";
	ck_assert(!xg_dump_core(NULL, fd, OLD, &error));
	ck_assert_ptr_nonnull(strstr(error->message, "types"));
	g_clear_error(&error);
	fake.refuse = NULL;
	g_free(file);
	stop_machine();
	close(fd);
}
END_TEST

/* Through a pipe, which takes and gives what it likes. */
static gpointer save_thread(gpointer data)
{
	GError *error = NULL;

	ck_assert(save(GPOINTER_TO_INT(data), &error));
	close(GPOINTER_TO_INT(data));
	return NULL;
}

struct feed {
	GByteArray *bytes;
	int fd;
};

static gpointer feed_thread(gpointer data)
{
	const struct feed *feed = data;

	for (unsigned at = 0; at < feed->bytes->len; at += 777) {
		unsigned part = MIN(777, feed->bytes->len - at);

		ck_assert_int_eq(write(feed->fd, feed->bytes->data + at, part), part);
	}
	return NULL;
}

START_TEST(test_pipe)
{
	struct xg_pv_result result;
	GError *error = NULL;
	GThread *thread;
	GByteArray *bytes = g_byte_array_new();
	struct feed feed = { .bytes = bytes };
	uint8_t part[777];
	int fds[2];
	ssize_t got;

	start_machine(1200, true);
	summed = true;
	ck_assert_int_eq(pipe(fds), 0);
	thread = g_thread_new("save", save_thread, GINT_TO_POINTER(fds[1]));
	while ((got = read(fds[0], part, sizeof(part))) > 0)
		g_byte_array_append(bytes, part, got);
	g_thread_join(thread);
	close(fds[0]);
	ck_assert_int_eq(pipe(fds), 0);
	feed.fd = fds[1];
	thread = g_thread_new("feed", feed_thread, &feed);
	ck_assert_msg(restore(fds[0], &result, &error), "%s", error ? error->message : "");
	g_thread_join(thread);
	check_pages();
	check_state(&result);
	g_byte_array_free(bytes, TRUE);
	stop_machine();
	close(fds[0]);
	close(fds[1]);
}
END_TEST

/* A back end that still writes to a guest's pages: any of their contents may be in the file, but
 * their sum must be, too. */
static gint writes;

static gpointer write_thread(gpointer data)
{
	volatile uint64_t *word = data;

	for (uint64_t n = 0; g_atomic_int_get(&writes); n++)
		*word = n % 3;
	return NULL;
}

START_TEST(test_back_end)
{
	struct xg_pv_result result;
	GError *error = NULL;
	GThread *thread;

	start_machine(1100, true);
	summed = true;
	g_atomic_int_set(&writes, 1);
	thread = g_thread_new("write", write_thread, old_page(ZERO_PFN) + 300);
	for (unsigned i = 0; i < 40; i++) {
		int fd = memfd_create("stream", 0);

		ck_assert(save(fd, &error));
		lseek(fd, 0, SEEK_SET);
		ck_assert_msg(restore(fd, &result, &error), "%s", error ? error->message : "");
		forget_new();
		close(fd);
	}
	g_atomic_int_set(&writes, 0);
	g_thread_join(thread);
	stop_machine();
}
END_TEST

static void expect_save_error(const char *text)
{
	int fd = memfd_create("stream", 0);
	GError *error = NULL;

	ck_assert(!save(fd, &error));
	ck_assert_msg(strstr(error->message, text), "\"%s\", not \"%s\"", error->message, text);
	ck_assert_ptr_null(strchr(error->message, '\n'));
	g_error_free(error);
	close(fd);
}

/* What a guest can do to be difficult. */
START_TEST(test_bad_guests)
{
	shared_info_t *shared;
	uint64_t entry;

	start_machine(40, true);
	shared = (shared_info_t *)page_of(SHARED(OLD));
	shared->arch.max_pfn = ~0UL;
	expect_save_error("impossible length");
	shared->arch.max_pfn = 1UL << 40;
	expect_save_error("impossible length");
	shared->arch.max_pfn = 0;
	expect_save_error("impossible length");
	shared->arch.max_pfn = 1 << 20;
	expect_save_error("is not mapped");
	shared->arch.max_pfn = 40;
	shared->arch.p2m_cr3 = 5UL << 12;
	expect_save_error("cannot be mapped");
	shared->arch.p2m_cr3 = 0;
	expect_save_error("is nowhere");
	shared->arch.pfn_to_mfn_frame_list_list = mfn_of(OLD, FIRST);
	expect_save_error("cannot be mapped");
	make_list(true);
	old_page(P2M)[HOLE_PFN] = mfn_of(OLD, FIRST);
	expect_save_error("same frame twice");
	make_list(true);
	old_page(P2M)[P2M] = ~0UL;
	expect_save_error("in a frame that is not in it");
	make_list(true);
	entry = old_page(L1)[20];
	old_page(L1)[20] = (ALIEN + 1UL) << 12 | 1;
	expect_save_error("maps frame 0x33, which is not the domain's");
	old_page(L1)[20] = entry;
	machine.context[0][0].user_regs.rdx = 3;
	expect_save_error("start_info");
	make_state();
	machine.context[0][1].ctrlreg[1] = 3UL << 12;
	expect_save_error("vCPU 1 uses page tables");
	make_state();
	machine.context[0][1].gdt_ents = ~0UL;
	expect_save_error("vCPU 1 uses page tables or descriptors");
	make_state();
	machine.running = true;
	expect_save_error("not suspended");
	stop_machine();
}
END_TEST

START_TEST(test_resume)
{
	GError *error = NULL;

	start_machine(40, true);
	ck_assert(xg_resume_pv(NULL, OLD, &error));
	ck_assert_uint_eq(machine.context[0][0].user_regs.rax, 1);
	ck_assert(machine.running);
	stop_machine();
}
END_TEST

/* ---- Damaged streams ---- */

struct taken {
	uint8_t *data;
	size_t len;
	size_t record[64]; /* where they begin */
	unsigned nr;
};

static size_t body_of(const struct taken *t, unsigned i)
{
	return ((struct stream_record *)(t->data + t->record[i]))->length;
}

static size_t end_of(const struct taken *t, unsigned i)
{
	return t->record[i] + 8 + ((body_of(t, i) + 7) & ~7UL);
}

static struct taken take_stream(void)
{
	int fd = memfd_create("stream", 0);
	struct taken t = { .nr = 0 };
	GError *error = NULL;
	size_t at = 40;

	ck_assert(save(fd, &error));
	t.len = lseek(fd, 0, SEEK_CUR);
	t.data = g_malloc(t.len);
	ck_assert_int_eq(pread(fd, t.data, t.len, 0), t.len);
	close(fd);
	for (; at < t.len; at = end_of(&t, t.nr++))
		t.record[t.nr] = at;
	ck_assert_uint_eq(at, t.len);
	return t;
}

static unsigned tables_of_new(void)
{
	unsigned nr = 0;

	for (unsigned mfn = 0; mfn < FRAMES; mfn++)
		nr += machine.frame[mfn].owner == NEW && machine.frame[mfn].type;
	return nr;
}

/* Restores from bytes. Returns the error or NULL; a failure says one line and leaves nothing. */
static char *try(const void *data, size_t len)
{
	int fd = memfd_create("stream", 0);
	struct xg_pv_result result;
	GError *error = NULL;
	char *message = NULL;
	unsigned contexts = machine.contexts;

	ck_assert_int_eq(write(fd, data, len), len);
	lseek(fd, 0, SEEK_SET);
	if (!restore(fd, &result, &error)) {
		ck_assert_ptr_nonnull(error);
		ck_assert_ptr_null(strchr(error->message, '\n'));
		message = g_strdup(error->message);
		g_error_free(error);
		/* Damage is noticed before the hypervisor is given anything of it. */
		if (summed) {
			ck_assert_ptr_nonnull(strstr(message, "saved domain: it is damaged: "));
			ck_assert_uint_eq(machine.contexts, contexts);
			ck_assert_uint_eq(tables_of_new(), 0);
		}
	}
	ck_assert_uint_eq(fake.mapped, 0);
	close(fd);
	forget_new();
	return message;
}

static void expect(const void *data, size_t len, const char *text)
{
	char *message = try(data, len);

	ck_assert_ptr_nonnull(message);
	ck_assert_msg(strstr(message, text), "\"%s\", not \"%s\"", message, text);
	g_free(message);
}

START_TEST(test_truncated)
{
	struct taken t;

	start_machine(40, true);
	summed = _i;
	t = take_stream();
	for (size_t len = 0; len < t.len; len += len < 300 || t.len - len < 300 ? 1 : 509)
		expect(t.data, len, "cut off");
	for (unsigned i = 0; i < t.nr; i++)
		for (unsigned j = 0; j < 17; j++)
			expect(t.data, MIN(t.record[i] + j, t.len - 1), "cut off");
	g_free(t.data);
	stop_machine();
}
END_TEST

/* Each record left out, doubled, and exchanged with each other. */
START_TEST(test_reordered)
{
	struct taken t;
	uint8_t *copy;

	start_machine(40, true);
	summed = _i;
	t = take_stream();
	copy = g_malloc(2 * t.len);
	for (unsigned i = 0; i < t.nr; i++) {
		uint32_t type = *(uint32_t *)(t.data + t.record[i]);
		size_t size = end_of(&t, i) - t.record[i];
		bool must = type != STREAM_X86_PV_VCPU_EXTENDED &&
			    type != STREAM_X86_PV_VCPU_XSAVE && type != STREAM_X86_PV_VCPU_MSRS &&
			    type != STREAM_X86_CPUID_POLICY && type != STREAM_X86_MSR_POLICY;
		char *message;

		memcpy(copy, t.data, t.record[i]);
		memcpy(copy + t.record[i], t.data + end_of(&t, i), t.len - end_of(&t, i));
		message = try(copy, t.len - size);
		/* Only vCPU 0 has to be there. */
		if (summed || (must && !(type == STREAM_X86_PV_VCPU_BASIC &&
					       *(uint32_t *)(t.data + t.record[i] + 8))))
			ck_assert_msg(message, "without %s", xg_stream_name(type));
		g_free(message);
		memcpy(copy, t.data, end_of(&t, i));
		memcpy(copy + end_of(&t, i), t.data + t.record[i], t.len - t.record[i]);
		message = try(copy, t.len + size);
		ck_assert_msg(message || type == STREAM_END ||
				      (!summed && (type == STREAM_PAGE_DATA ||
							  type == STREAM_X86_PV_P2M_FRAMES)),
			"%s twice", xg_stream_name(type));
		g_free(message);
	}
	for (unsigned i = 0; i + 1 < t.nr; i++) {
		size_t a = end_of(&t, i) - t.record[i], b = end_of(&t, i + 1) - t.record[i + 1];
		char *message;

		memcpy(copy, t.data, t.len);
		memcpy(copy + t.record[i], t.data + t.record[i + 1], b);
		memcpy(copy + t.record[i] + b, t.data + t.record[i], a);
		message = try(copy, t.len);
		ck_assert(message || !summed);
		g_free(message);
	}
	g_free(copy);
	g_free(t.data);
	stop_machine();
}
END_TEST

/* Where the first record of @type begins. */
static size_t record_of(const struct taken *t, uint32_t type)
{
	unsigned i = 0;

	while (*(uint32_t *)(t->data + t->record[i]) != type)
		i++;
	return t->record[i];
}

/* Changes one field of the first record of @type, and expects an error. */
static void spoil(const struct taken *t, uint32_t type, size_t at, uint64_t value, size_t size,
	const char *text)
{
	uint8_t *copy = g_memdup2(t->data, t->len);

	memcpy(copy + record_of(t, type) + at, &value, size);
	expect(copy, t->len, text);
	g_free(copy);
}

static void spoil_header(const struct taken *t, size_t at, uint8_t value, const char *text)
{
	uint8_t *copy = g_memdup2(t->data, t->len);

	copy[at] = value;
	expect(copy, t->len, text);
	g_free(copy);
}

START_TEST(test_foreign)
{
	struct taken t;

	start_machine(40, true);
	t = take_stream();
	expect("LinuxGuestRecord, of another time and format", 44, "does not begin as one");
	spoil_header(&t, 0, 0, "does not begin as one");
	spoil_header(&t, 8, 'Y', "does not begin as one");
	spoil_header(&t, 15, 9, "version 9");
	spoil_header(&t, 17, 1, "big-endian");
	spoil_header(&t, 24, 2, "type is 2");
	spoil_header(&t, 28, 13, "2^13");
	spoil(&t, STREAM_X86_PV_INFO, 0, 0x77, 4, "unknown type 0x77");
	spoil(&t, STREAM_X86_PV_INFO, 0, STREAM_HVM_PARAMS, 4, "HVM_PARAMS, which");
	spoil(&t, STREAM_X86_PV_INFO, 0, STREAM_CHECKPOINT, 4, "CHECKPOINT, which");
	spoil(&t, STREAM_X86_PV_INFO, 8, 4, 1, "not a 64-bit");
	spoil(&t, STREAM_X86_CPUID_POLICY, 4, 23, 4, "wrong length");
	spoil(&t, STREAM_X86_PV_P2M_FRAMES, 12, ~0U, 4, "has 16 bytes");
	spoil(&t, STREAM_X86_PV_P2M_FRAMES, 16, 1000, 8, "page 0x3e8 of its list");
	spoil(&t, STREAM_X86_PV_P2M_FRAMES, 16, L1, 8, "page 0x3 of its list");
	spoil(&t, STREAM_PAGE_DATA, 8, ~0U, 4, "PAGE_DATA has 4294967295 pages");
	spoil(&t, STREAM_PAGE_DATA, 8, 30, 4, "wrong length");
	spoil(&t, STREAM_PAGE_DATA, 4, 0xfffffff0, 4, "wrong length");
	spoil(&t, STREAM_PAGE_DATA, 4, 16, 4, "too short");
	spoil(&t, STREAM_PAGE_DATA, 16, 1UL << 50, 8, "beyond its end");
	spoil(&t, STREAM_PAGE_DATA, 24, 2, 8, "twice");
	spoil(&t, STREAM_PAGE_DATA, 16, 5UL << 60, 8, "unknown type");
	/* An entry of the first table, behind the numbers of 37 pages. */
	spoil(&t, STREAM_PAGE_DATA, 16 + 37 * 8, 39UL << 12 | 0x1067 | 1UL << 40, 8, "not in it");
	spoil(&t, STREAM_X86_PV_VCPU_BASIC, 8, 2, 4, "has but 2");
	spoil(&t, STREAM_X86_PV_VCPU_BASIC, 4, 64, 4, "wrong length");
	spoil(&t, STREAM_X86_PV_VCPU_BASIC, 16 + offsetof(vcpu_guest_context_t, user_regs.rdx),
		HOLE_PFN, 8, "start_info is not in it");
	spoil(&t, STREAM_X86_PV_VCPU_BASIC, 16 + offsetof(vcpu_guest_context_t, user_regs.rdx), L1,
		8, "start_info is in a page table");
	spoil(&t, STREAM_X86_PV_VCPU_BASIC, 16 + offsetof(vcpu_guest_context_t, ctrlreg[3]),
		HOLE_PFN << 12, 8, "vCPU 0 uses page tables");
	spoil(&t, STREAM_SHARED_INFO, 4, 8, 4, "wrong length");
	g_free(t.data);
	stop_machine();
}
END_TEST

/* Records that a reader may leave out, and version 2. */
START_TEST(test_optional_and_older)
{
	struct taken t;
	uint8_t *copy;
	size_t end;
	unsigned i = 0;

	start_machine(40, true);
	t = take_stream();
	copy = g_memdup2(t.data, t.len);
	copy[15] = 2;
	while (*(uint32_t *)(t.data + t.record[i]) != STREAM_STATIC_DATA_END)
		i++;
	end = t.record[i] + 8;
	memmove(copy + t.record[i], copy + end, t.len - end);
	ck_assert_ptr_null(try(copy, t.len - 8));
	memcpy(copy, t.data, t.len);
	for (i = 0; i < t.nr; i++)
		if (*(uint32_t *)(t.data + t.record[i]) == STREAM_X86_PV_VCPU_MSRS)
			*(uint32_t *)(copy + t.record[i]) = 0x80000055;
	ck_assert_ptr_null(try(copy, t.len));
	g_free(copy);
	g_free(t.data);
	stop_machine();
}
END_TEST

static void exchange(const struct taken *t, size_t a, size_t b, size_t len)
{
	uint8_t *copy = g_memdup2(t->data, t->len);

	memcpy(copy + a, t->data + b, len);
	memcpy(copy + b, t->data + a, len);
	expect(copy, t->len, "damaged: its checksum is wrong");
	g_free(copy);
}

/* Where the pages of the PAGE_DATA at @at begin, from there. */
static size_t pages_at(const struct taken *t, size_t at)
{
	const struct stream_pages *head = (void *)(t->data + at + 8);

	ck_assert_uint_eq(*(uint32_t *)(t->data + at), STREAM_PAGE_DATA);
	return 16 + head->count * 8;
}

/* What makes no difference but to the guest. */
START_TEST(test_damaged)
{
	const char *text = "damaged: its checksum is wrong";
	size_t first, pages, more;
	struct taken t;

	start_machine(1200, true);
	summed = true;
	t = take_stream();
	ck_assert_ptr_null(try(t.data, t.len));
	first = record_of(&t, STREAM_PAGE_DATA);
	pages = first + pages_at(&t, first);
	more = first + 8 + ((struct stream_record *)(t.data + first))->length;
	more += pages_at(&t, more);
	spoil(&t, STREAM_PAGE_DATA, pages - first + FIRST * 4096 + 99, 1, 1, text);
	/* The page of zeros, before which three have no contents; and a table. */
	spoil(&t, STREAM_PAGE_DATA, pages - first + (ZERO_PFN - 3) * 4096, 1, 1, text);
	spoil(&t, STREAM_PAGE_DATA, pages - first + L1 * 4096 + FIRST * 8, ZERO_PFN << 12 | 0x67, 8,
		text);
	spoil(&t, STREAM_X86_PV_P2M_FRAMES, 16, FIRST, 8, text);
	spoil(&t, STREAM_X86_PV_VCPU_BASIC, 16 + offsetof(vcpu_guest_context_t, user_regs.rip), 9,
		1, text);
	spoil(&t, STREAM_X86_PV_VCPU_XSAVE, 100, 1, 1, text);
	spoil(&t, STREAM_SHARED_INFO, 100, 1, 1, text);
	spoil(&t, STREAM_X86_TSC_INFO, 8, 7, 1, text);
	spoil(&t, STREAM_X86_CPUID_POLICY, 8, 7, 1, text);
	ck_assert_uint_eq(machine.leaf.d, 0xabcd);
	spoil_header(&t, 32, 5, text);
	/* Pages exchanged: two, one of them of zeros, and those of one record with another's. */
	exchange(&t, pages + 30 * 4096, pages + 31 * 4096, 4096);
	exchange(&t, pages + (ZERO_PFN - 3) * 4096, pages + (ZERO_PFN - 2) * 4096, 4096);
	exchange(&t, pages + 512 * 4096, more, 100 * 4096);
	/* The sums themselves. */
	sums.all ^= 1;
	expect(t.data, t.len, text);
	sums.all ^= 1;
	sums.start ^= 1UL << 63;
	expect(t.data, t.len, text);
	g_free(t.data);
	stop_machine();
}
END_TEST

/* One bit, wherever. */
START_TEST(test_bits)
{
	GRand *rand = g_rand_new_with_seed(_i);
	struct taken t;

	start_machine(40, true);
	summed = true;
	t = take_stream();
	for (unsigned round = 0; round < 1000; round++) {
		size_t at = g_rand_int_range(rand, 0, t.len);

		if (round % 2) {
			at = t.record[g_rand_int_range(rand, 0, t.nr)];
			at += g_rand_int_range(rand, 0, 60);
		}
		at = MIN(at, t.len - 1);
		t.data[at] ^= 1 << round % 8;
		expect(t.data, t.len, "damaged");
		t.data[at] ^= 1 << round % 8;
	}
	ck_assert_ptr_null(try(t.data, t.len));
	g_free(t.data);
	g_rand_free(rand);
	stop_machine();
}
END_TEST

/* Without sums: bits anywhere but in the pages' contents, where all but tables is beyond
 * recognition. */
START_TEST(test_flipped)
{
	GRand *rand = g_rand_new_with_seed(1000 + _i);
	struct taken t;
	unsigned failed = 0;

	start_machine(40, true);
	t = take_stream();
	for (unsigned round = 0; round < 400; round++) {
		uint8_t *copy = g_memdup2(t.data, t.len);
		unsigned flips = g_rand_int_range(rand, 1, 4);
		char *message;

		for (unsigned i = 0; i < flips; i++) {
			unsigned record = g_rand_int_range(rand, 0, t.nr);
			size_t at = t.record[record] + g_rand_int_range(rand, 0, 24);

			if (g_rand_boolean(rand))
				at = t.record[record] + g_rand_int_range(rand, 0, 400);
			if (!g_rand_int_range(rand, 0, 8))
				at = g_rand_int_range(rand, 0, 40);
			copy[MIN(at, t.len - 1)] ^= 1 << g_rand_int_range(rand, 0, 8);
		}
		message = try(copy, t.len);
		failed += message != NULL;
		g_free(message);
		g_free(copy);
	}
	ck_assert_uint_gt(failed, 100);
	g_free(t.data);
	g_rand_free(rand);
	stop_machine();
}
END_TEST

START_TEST(test_refusals)
{
	static const char *const saving[][2] = { { "map", "shared_info cannot be mapped" },
		{ "types", "types of its pages" }, { "getcontext", "state of vCPU 0" } };
	static const char *const restoring[][2] = { { "map", "memory cannot be mapped" },
		{ "populate", "too little free memory" }, { "max_vcpus", "vCPUs cannot be made" },
		{ "pin", "page tables are refused" }, { "setcontext", "registers of a vCPU" },
		{ "policy", "CPUID leaf 0x9" }, { "port", "event channel for xenstore" } };
	struct taken t;

	start_machine(40, true);
	t = take_stream();
	for (size_t i = 0; i < G_N_ELEMENTS(saving); i++) {
		fake.refuse = saving[i][0];
		expect_save_error(saving[i][1]);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(restoring); i++) {
		fake.refuse = restoring[i][0];
		expect(t.data, t.len, restoring[i][1]);
	}
	fake.refuse = NULL;
	ck_assert_ptr_null(try(t.data, t.len));
	g_free(t.data);
	stop_machine();
}
END_TEST

/* Nobody reads, nobody writes: who waits can be called off. */
static gpointer cancel_thread(gpointer cancellable)
{
	g_usleep(50000);
	g_cancellable_cancel(cancellable);
	return NULL;
}

START_TEST(test_cancel)
{
	GCancellable *cancellable = g_cancellable_new();
	struct xg_save_config out = { .domid = OLD, .cancellable = cancellable };
	struct xg_restore_config in = {
		.domid = NEW, .vcpus = VCPUS, .memory_kb = 8 << 10, .cancellable = cancellable
	};
	struct xg_pv_result result;
	GError *error = NULL;
	GThread *thread;
	int fds[2];

	start_machine(40, true);
	ck_assert_int_eq(pipe(fds), 0);
	thread = g_thread_new("cancel", cancel_thread, cancellable);
	ck_assert(!xg_restore_pv(NULL, fds[0], &in, &result, &error));
	ck_assert_int_eq(error->code, XG_ERROR_CANCELLED);
	g_thread_join(thread);
	g_clear_error(&error);
	g_cancellable_reset(cancellable);
	fcntl(fds[1], F_SETFL, O_NONBLOCK);
	thread = g_thread_new("cancel", cancel_thread, cancellable);
	ck_assert(!xg_save_pv(NULL, fds[1], &out, &error));
	ck_assert_int_eq(error->code, XG_ERROR_CANCELLED);
	g_thread_join(thread);
	g_clear_error(&error);
	g_object_unref(cancellable);
	close(fds[0]);
	close(fds[1]);
	stop_machine();
}
END_TEST

/* ---- Sending what runs ---- */

static GRand *chance;

static void mark(unsigned pfn)
{
	machine.dirty[pfn / 64] |= 1UL << pfn % 64;
}

/* Maps @pfn in the guest's page tables, and enters its frame into the list, or 0 for none. */
static void enter(unsigned pfn, unsigned mfn)
{
	old_page(P2M + pfn / 512)[pfn % 512] = mfn ? mfn : ~0UL;
	mark(P2M + pfn / 512);
	old_page(L1 + pfn / 512)[pfn % 512] = mfn ? (uint64_t)mfn << 12 | 0x67 : 0;
	mark(L1 + pfn / 512);
}

static void give_away(unsigned pfn)
{
	unsigned mfn = mfn_of(OLD, pfn);

	machine.frame[mfn].owner = machine.frame[mfn].type = 0;
	enter(pfn, 0);
}

static void take_new(unsigned pfn, const void *contents)
{
	xen_pfn_t frame = pfn;

	ck_assert_int_eq(xc_domain_populate(NULL, OLD, 1, 0, 0, &frame), 1);
	if (contents)
		memcpy(page_of(frame), contents, 4096);
	enter(pfn, frame);
}

/* It becomes a page table, of which the log need not know; or is none any more. */
static void retype(unsigned pfn)
{
	unsigned mfn = mfn_of(OLD, pfn);

	if (machine.frame[mfn].type) {
		machine.frame[mfn].type = 0;
		return;
	}
	memset(page_of(mfn), 0, 4096);
	page_of(mfn)[7] = entry_to(FIRST);
	mark(pfn);
	machine.frame[mfn].type = XEN_DOMCTL_PFINFO_L1TAB | XEN_DOMCTL_PFINFO_LPINTAB;
}

/* A kernel at work: any of what kernels do to their memory. */
static void stir(void)
{
	unsigned pfn = g_rand_int_range(chance, ZERO_PFN + 1, machine.nr);
	unsigned mfn = mfn_of(OLD, pfn);
	uint8_t contents[4096];

	if (!mfn) {
		take_new(pfn, NULL);
		return;
	}
	if (machine.frame[mfn].type) {
		retype(pfn);
		return;
	}
	switch (g_rand_int_range(chance, 0, 8)) {
	case 0:
		give_away(pfn);
		break;
	case 1:
		memcpy(contents, page_of(mfn), 4096);
		machine.frame[mfn].owner = 0;
		take_new(pfn, contents);
		break;
	case 2:
		retype(pfn);
		break;
	case 3:
		memset(page_of(mfn), 0, 4096);
		mark(pfn);
		break;
	default:
		page_of(mfn)[g_rand_int_range(chance, 0, 512)] = g_rand_int(chance);
		mark(pfn);
	}
}

static void work(const struct xg_send_stats *stats, void *data)
{
	unsigned *changes = data;

	ck_assert_uint_eq(fake.mapped, 0);
	ck_assert_uint_eq(stats->last, !machine.running);
	for (unsigned i = 0; machine.running && i < *changes; i++)
		stir();
	*changes /= 2;
}

static bool stand_still(void *data, GError **error)
{
	if (data)
		stir();
	machine.running = false;
	return true;
}

static bool send_it(int fd, bool live, unsigned changes, GError **error)
{
	struct xg_save_config config = {
		.domid = OLD, .suspend = stand_still, .suspend_data = live ? &config : NULL };
	struct xg_send_config how = { .live = live,
		.max_rounds = 9,
		.max_stop = 0,
		.stats = work,
		.stats_data = &changes };

	machine.running = live;
	return xg_send_pv(NULL, fd, &config, &how, error);
}

START_TEST(test_send)
{
	static const unsigned changes[] = { 0, 1, 40, 500, 2000 };
	int fd = memfd_create("stream", 0);
	struct xg_pv_result result;
	GError *error = NULL;

	chance = g_rand_new_with_seed(_i);
	start_machine(1100, _i % 3);
	ck_assert_msg(send_it(fd, _i % 7, changes[_i % 5], &error), "%s", error ? error->message : "");
	ck_assert(!machine.logs);
	/* Pages of zeros take next to nothing. */
	ck_assert_int_lt(lseek(fd, 0, SEEK_CUR), 40000000);
	lseek(fd, 0, SEEK_SET);
	ck_assert_msg(restore(fd, &result, &error), "%s", error ? error->message : "");
	check_pages();
	stop_machine();
	g_rand_free(chance);
	close(fd);
}
END_TEST

START_TEST(test_send_fails)
{
	static const char *const refusals[][2] = { { "log", "changes of its memory cannot be logged" },
		{ "clean", "log of changes" }, { "map", "cannot be mapped" }, { "types", "types of its pages" },
		{ "getcontext", "state of vCPU 0" } };

	chance = g_rand_new_with_seed(1);
	for (unsigned i = 0; i < G_N_ELEMENTS(refusals); i++) {
		int fd = memfd_create("stream", 0);
		GError *error = NULL;

		start_machine(100, true);
		fake.refuse = refusals[i][0];
		ck_assert(!send_it(fd, true, 10, &error));
		ck_assert_msg(strstr(error->message, refusals[i][1]), "\"%s\"", error->message);
		ck_assert(!machine.logs);
		g_error_free(error);
		close(fd);
		stop_machine();
	}
	g_rand_free(chance);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("domains");

	tcase_set_timeout(tc, 240);
	tcase_add_loop_test(tc, test_round_trip, 0, 2 * G_N_ELEMENTS(shapes));
	tcase_add_test(tc, test_holes);
	tcase_add_loop_test(tc, test_checker, 0, G_N_ELEMENTS(shapes));
	tcase_add_loop_test(tc, test_dump, 0, 2);
	tcase_add_test(tc, test_pipe);
	tcase_add_test(tc, test_back_end);
	tcase_add_test(tc, test_bad_guests);
	tcase_add_test(tc, test_resume);
	tcase_add_loop_test(tc, test_truncated, 0, 2);
	tcase_add_loop_test(tc, test_reordered, 0, 2);
	tcase_add_test(tc, test_foreign);
	tcase_add_test(tc, test_optional_and_older);
	tcase_add_test(tc, test_damaged);
	tcase_add_loop_test(tc, test_bits, 0, 4);
	tcase_add_loop_test(tc, test_flipped, 0, 4);
	tcase_add_test(tc, test_refusals);
	tcase_add_test(tc, test_cancel);
	tcase_add_loop_test(tc, test_send, 0, 70);
	tcase_add_test(tc, test_send_fails);
	return run_suite("stream", tc);
}
