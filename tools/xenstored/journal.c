/* The journal: appending records, and replacing the file by a short one. */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <glib.h>
#include <zlib.h>

#include "conn.h"
#include "journal.h"
#include "log.h"
#include "quota.h"
#include "recovery.h"
#include "ring.h"
#include "watch.h"

#define FILE_MAGIC "XENSTORE-STATE-1"
#define FILE_STEP  (1u << 20)
#define RECORD_MAX (64u << 10) /* of a snapshot: begin another after so many bytes */

struct file_head {
	char magic[16];
	char boot[48]; /* the kernel's name for this boot */
};

struct record_head {
	_Atomic uint32_t len; /* written last */
	uint32_t crc;
};

static char *directory;
static int fd = -1;
static char *map;
static size_t used, size, compact_at;
static GByteArray *notes; /* of the record being made; NULL: no journal */

static void put(const void *data, size_t len)
{
	g_byte_array_append(notes, data, len);
}

static void put_kind(enum note kind)
{
	uint8_t byte = kind;

	put(&byte, 1);
}

static void put16(uint16_t value)
{
	put(&value, sizeof(value));
}

static void put32(uint32_t value)
{
	put(&value, sizeof(value));
}

static void put64(uint64_t value)
{
	put(&value, sizeof(value));
}

static void put_bytes(const void *data, size_t len)
{
	put32(len);
	if (len)
		put(data, len);
}

static void put_string(const char *text)
{
	put_bytes(text, strlen(text));
}

static void put_perms(const struct perms *perms)
{
	put_bytes(perms->list, perms->count * sizeof(perms->list[0]));
}

void journal_set(const char *path, size_t len, const struct node *node)
{
	if (!notes)
		return;
	put_kind(NOTE_SET);
	put_bytes(path, len);
	put_bytes(node->value ? node->value->data : NULL, node->value ? node->value->len : 0);
	put_perms(node->perms);
}

void journal_rm(const char *path, size_t len)
{
	if (!notes)
		return;
	put_kind(NOTE_RM);
	put_bytes(path, len);
}

void journal_special(const char *name, const struct perms *perms)
{
	if (!notes)
		return;
	put_kind(NOTE_SPECIAL);
	put_string(name);
	put_perms(perms);
}

void journal_introduce(const struct domain *domain)
{
	if (!notes)
		return;
	put_kind(NOTE_INTRODUCE);
	put16(domain->domid);
	put64(domain->gfn);
	put32(domain->port);
	put_bytes(domain->handle, sizeof(domain->handle));
	put16(domain->target);
	put16(domain->shutdown);
}

void journal_release(unsigned domid)
{
	if (!notes)
		return;
	put_kind(NOTE_RELEASE);
	put16(domid);
}

void journal_target(const struct domain *domain)
{
	if (!notes)
		return;
	put_kind(NOTE_TARGET);
	put16(domain->domid);
	put16(domain->target);
}

void journal_reset(unsigned domid)
{
	if (!notes)
		return;
	put_kind(NOTE_RESET);
	put16(domid);
}

void journal_quota(const char *name, unsigned value)
{
	if (!notes)
		return;
	put_kind(NOTE_QUOTA);
	put_string(name);
	put32(value);
}

static bool outlives(const struct conn *conn)
{
	return notes && conn->transport == &ring_transport;
}

void journal_watch(struct conn *conn, const char *path, size_t relative, const char *token)
{
	if (!outlives(conn))
		return;
	put_kind(NOTE_WATCH);
	put16(conn->domain->domid);
	put_string(path);
	put16(relative);
	put_string(token);
}

void journal_unwatch(struct conn *conn, const char *path, const char *token)
{
	if (!outlives(conn))
		return;
	put_kind(NOTE_UNWATCH);
	put16(conn->domain->domid);
	put_string(path);
	put_string(token);
}

void journal_reset_conn(struct conn *conn)
{
	if (outlives(conn))
		journal_reset(conn->domain->domid);
}

void journal_transaction(struct conn *conn, uint32_t id, bool open)
{
	if (!outlives(conn))
		return;
	put_kind(NOTE_TRANSACTION);
	put16(conn->domain->domid);
	put32(id);
	put16(open);
}

/* Who made the record stands before its notes. */
static void begin_record(void)
{
	g_byte_array_set_size(notes, 0);
	put16(NO_DOMAIN);
	put16(0);
}

static void sign_record(const struct conn *conn)
{
	uint16_t sign[2] = { conn->domain->domid, ring_sequence(conn) };

	memcpy(notes->data, sign, sizeof(sign));
}

/* Makes the file at least `need` bytes long. */
static bool grow(size_t need)
{
	size_t more = (need + FILE_STEP - 1) & ~(size_t)(FILE_STEP - 1);
	int error = posix_fallocate(fd, 0, more);
	void *where = MAP_FAILED;

	if (!error) {
		where = mmap(NULL, more, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		error = errno;
	}
	if (where == MAP_FAILED) {
		errno = error;
		return false;
	}
	if (map)
		munmap(map, size);
	map = where;
	size = more;
	return true;
}

/* Ends journalling: what the file says is true no longer, so it goes. */
static void give_up(void)
{
	char *path = journal_file("state");

	log_error("%s: %s; the store will not outlive this daemon", path, strerror(errno));
	unlink(path);
	g_free(path);
	if (map)
		munmap(map, size);
	if (fd >= 0)
		close(fd);
	map = NULL;
	fd = -1;
	g_byte_array_free(notes, TRUE);
	notes = NULL;
}

static bool append(void)
{
	struct record_head *head;
	size_t whole = sizeof(*head) + ((notes->len + 7) & ~7u);

	/* The length of the record after this one must be there, and 0. */
	if (used + whole + sizeof(*head) > size && !grow(used + whole + sizeof(*head))) {
		give_up();
		return false;
	}
	head = (struct record_head *)(map + used);
	memcpy(head + 1, notes->data, notes->len);
	head->crc = crc32(0, notes->data, notes->len);
	atomic_store_explicit(&head->len, notes->len, memory_order_release);
	used += whole;
	return true;
}

static void next_part(void)
{
	if (notes && notes->len > RECORD_MAX && append())
		begin_record();
}

static void snapshot_tree(GString *path, const struct node *node)
{
	size_t len = path->len;

	journal_set(path->str, len, node);
	next_part();
	for (unsigned i = 0; i < node_kids(node); i++) {
		const struct node *kid = node->kids->nodes[i];

		g_string_append_c(path, '/');
		g_string_append_len(path, kid->name, kid->name_len);
		snapshot_tree(path, kid);
		g_string_truncate(path, len);
	}
}

static void snapshot_ring(struct conn *conn)
{
	for (unsigned i = 0; i < conn->watches->len; i++) {
		const struct watch *watch = conn->watches->pdata[i];

		journal_watch(conn, watch->path, watch->relative, watch->token);
	}
	for (unsigned i = 0; i < conn->transactions->len; i++) {
		const struct transaction *transaction = conn->transactions->pdata[i];

		journal_transaction(conn, transaction->id, true);
	}
	next_part();
}

static void snapshot(void)
{
	GString *path = g_string_new(NULL);
	GHashTableIter iter;
	gpointer key, value;

	for (unsigned i = 0; i < QUOTA_COUNT; i++)
		journal_quota(quotas[i].name, quotas[i].value);
	g_hash_table_iter_init(&iter, domains);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct domain *domain = value;

		if (domain->introduced)
			journal_introduce(domain);
		if (domain->conn)
			snapshot_ring(domain->conn);
	}
	if (special_perms) {
		g_hash_table_iter_init(&iter, special_perms);
		while (g_hash_table_iter_next(&iter, &key, &value))
			journal_special(key, value);
	}
	snapshot_tree(path, store_root);
	g_string_free(path, TRUE);
}

/* The name by which the kernel tells this boot from others. */
static void boot_name(char *name, size_t len)
{
	int id = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t done = id < 0 ? 0 : read(id, name, len - 1);

	if (id >= 0)
		close(id);
	memset(name + MAX(done, 0), 0, len - MAX(done, 0));
}

/* An empty file of the name in the place of the one in use. */
static bool new_file(const char *name)
{
	char *path = journal_file(name);
	struct file_head head = { .magic = FILE_MAGIC };

	boot_name(head.boot, sizeof(head.boot));
	if (map)
		munmap(map, size);
	if (fd >= 0)
		close(fd);
	map = NULL;
	size = 0;
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	g_free(path);
	if (fd < 0 || !grow(sizeof(head) + sizeof(struct record_head)))
		return false;
	memcpy(map, &head, sizeof(head));
	used = sizeof(head);
	return true;
}

/*
 * Writes the present state to a new file and puts that in the place of the old. `conn` made the
 * record appended last: its number must not be lost.
 */
static void compact(const struct conn *conn)
{
	char *fresh = journal_file("state.new"), *path = journal_file("state");

	begin_record();
	if (!new_file("state.new")) {
		give_up();
	} else {
		snapshot();
		if (notes && conn && outlives(conn))
			sign_record(conn);
		if (notes && append() && rename(fresh, path))
			give_up();
	}
	compact_at = MAX(4 * used, FILE_STEP);
	g_free(fresh);
	g_free(path);
}

void journal_end(struct conn *conn)
{
	if (!notes || notes->len == 2 * sizeof(uint16_t))
		return;
	if (conn && outlives(conn))
		sign_record(conn);
	if (append() && used > compact_at)
		compact(conn);
	if (notes)
		begin_record();
}

char *journal_file(const char *name)
{
	return directory ? g_build_filename(directory, name, NULL) : NULL;
}

/* Applies all whole records; `used` is then where they end. */
static void replay(bool tree_only)
{
	while (used + sizeof(struct record_head) <= size) {
		const struct record_head *head = (const struct record_head *)(map + used);
		size_t len = head->len;

		if (!len || len > size - used - sizeof(*head))
			break;
		if (head->crc != crc32(0, (const void *)(head + 1), len) ||
			!recovery_record(head + 1, len, tree_only))
			break;
		used += sizeof(*head) + ((len + 7) & ~(size_t)7);
	}
	/* What a killed daemon had begun to write must not look like a record later. */
	if (used < size)
		memset(map + used, 0, size - used);
}

/* Opens and applies the file of a daemon before this one. False when there is none to go on with.
 */
static bool take_over(bool keep_tree)
{
	char *path = journal_file("state"), boot[48];
	const struct file_head *head;
	struct stat info;
	bool same;

	fd = open(path, O_RDWR | O_CLOEXEC);
	g_free(path);
	if (fd < 0 || fstat(fd, &info) || info.st_size < (off_t)sizeof(*head) ||
		!grow(info.st_size))
		return false;
	head = (const struct file_head *)map;
	if (memcmp(head->magic, FILE_MAGIC, sizeof(head->magic)))
		return false;
	boot_name(boot, sizeof(boot));
	same = !memcmp(head->boot, boot, sizeof(boot));
	if (!same && !keep_tree)
		return false;
	used = sizeof(*head);
	replay(!same);
	return same;
}

/* Two daemons in one directory would spoil each other's state. Held until the process ends. */
static void lock_directory(void)
{
	int lock = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK) {
		log_error("%s: in use by another xenstored", directory);
		exit(1);
	}
}

bool journal_open(const char *path, bool recover, bool keep_tree)
{
	bool go_on;

	directory = g_strdup(path);
	if (g_mkdir_with_parents(directory, 0700) && errno != EEXIST) {
		log_error("%s: %s; the store will not outlive this daemon", directory,
			strerror(errno));
		g_free(directory);
		directory = NULL;
		return false;
	}
	lock_directory();
	go_on = recover && take_over(keep_tree);
	notes = g_byte_array_new();
	begin_record();
	if (go_on)
		compact_at = MAX(4 * used, FILE_STEP);
	else
		compact(NULL);
	if (notes)
		begin_record();
	return notes != NULL;
}

void journal_resume(void)
{
	recovery_resume();
	journal_end(NULL);
}
