/*
 * A hypervisor for tests of xend, in place of libs/ctrl and libs/guest: the directory named by FAKE_HV, so that domains
 * outlive the xend that made them. What it has in common with xenstored's hv_fake.c: a domain is there as long as its
 * file ring.N is, a file shutdown.N holds the reason for which it has ended, and the number 99 in the FIFO "evtchn" says
 * that something has happened.
 *
 * Files that a test may put there: "dom0" KiB that domain 0 has; "free" KiB of the host beside; "fail.CALL" makes a call
 * fail, "slow.CALL" makes it take as many milliseconds as it says; "scheduler" holds the scheduler's number.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "xenctrl.h"
#include "xengnttab.h"
#include "xenguest.h"
#include "xenstream.h"

#define DOMAIN_EVENT 99
#define MAX_DOMAINS  128
#define NR_CPUS	     4

/* What file ring.N holds behind xenstore's page. */
struct record {
	struct xen_domctl_getdomaininfo info;
	struct xen_domctl_sched_credit credit;
	struct xen_domctl_sched_sedf sedf;
	struct xen_domctl_sched_bvt bvt;
	uint8_t affinity[128][128];
	char kernel[256], cmdline[1024];
};
#define RECORD_AT 4096

static const char *path_of(const char *name, int domid)
{
	static __thread char path[512];

	if (domid < 0)
		snprintf(path, sizeof(path), "%s/%s", getenv("FAKE_HV"), name);
	else
		snprintf(path, sizeof(path), "%s/%s.%d", getenv("FAKE_HV"), name, domid);
	return path;
}

static long number_in(const char *path, long missing)
{
	FILE *file = fopen(path, "re");
	long value = missing;

	if (file && fscanf(file, "%ld", &value) != 1)
		value = missing;
	if (file)
		fclose(file);
	return value;
}

/* What a test wants to happen in call @name. */
static int disturbed(const char *name)
{
	char file[64];

	snprintf(file, sizeof(file), "slow.%s", name);
	usleep(1000 * number_in(path_of(file, -1), 0));
	snprintf(file, sizeof(file), "fail.%s", name);
	if (access(path_of(file, -1), F_OK))
		return 0;
	errno = EINVAL;
	return -1;
}

static int load(uint32_t domid, struct record *record)
{
	int fd = open(path_of("ring", domid), O_RDONLY | O_CLOEXEC);
	long reason;

	if (fd < 0)
		return errno = ESRCH, -1;
	if (pread(fd, record, sizeof(*record), RECORD_AT) != sizeof(*record))
		memset(record, 0, sizeof(*record));
	close(fd);
	record->info.domain = domid;
	reason = number_in(path_of("shutdown", domid), -1);
	if (reason >= 0)
		record->info.flags |= XEN_DOMINF_shutdown | reason << XEN_DOMINF_shutdownshift;
	if (domid == 0)
		record->info.tot_pages = number_in(path_of("dom0", -1), 1 << 20) / 4;
	return 0;
}

static int save(uint32_t domid, const struct record *record)
{
	int fd = open(path_of("ring", domid), O_WRONLY | O_CLOEXEC);
	int bad = fd < 0 || pwrite(fd, record, sizeof(*record), RECORD_AT) != sizeof(*record);

	if (fd >= 0)
		close(fd);
	return bad ? -1 : 0;
}

static void fire(void)
{
	uint32_t port = DOMAIN_EVENT;
	int fd = open(path_of("evtchn", -1), O_WRONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0) {
		if (write(fd, &port, sizeof(port)) < 0)
			perror("evtchn");
		close(fd);
	}
}

xc_interface *xc_open(void)
{
	static int anything;
	struct record zero = { .info = { .flags = XEN_DOMINF_running, .max_vcpu_id = 1, .nr_online_vcpus = 2 } };
	int fd = open(path_of("ring", 0), O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0 || ftruncate(fd, RECORD_AT + sizeof(zero)))
		return NULL;
	close(fd);
	save(0, &zero);
	return (xc_interface *)&anything;
}

int xc_domain_create(xc_interface *xc, uint32_t *domid, const struct xen_domctl_createdomain *config)
{
	struct record record = { .info = { .flags = XEN_DOMINF_paused, .max_vcpu_id = XEN_INVALID_MAX_VCPU_ID },
		.credit = { .weight = 256 } };
	int next = open(path_of("next", -1), O_RDWR | O_CREAT | O_CLOEXEC, 0600), fd;
	uint32_t id = 1;

	if (disturbed("create"))
		return -1;
	flock(next, LOCK_EX);
	if (pread(next, &id, sizeof(id), 0) != sizeof(id))
		id = 1;
	*domid = id++;
	if (pwrite(next, &id, sizeof(id), 0) != sizeof(id))
		return -1;
	memcpy(record.info.handle, config->handle, sizeof(record.info.handle));
	fd = open(path_of("ring", *domid), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, RECORD_AT + sizeof(record)))
		return -1;
	close(fd);
	close(next);
	return save(*domid, &record);
}

int xc_domain_destroy(xc_interface *xc, uint32_t domid)
{
	if (disturbed("destroy"))
		return -1;
	unlink(path_of("shutdown", domid));
	if (unlink(path_of("ring", domid)))
		return errno = ESRCH, -1;
	fire();
	return 0;
}

static int change_flags(uint32_t domid, uint32_t set, uint32_t clear)
{
	struct record record;

	if (load(domid, &record))
		return -1;
	record.info.flags = (record.info.flags | set) & ~clear & 0xffff;
	return save(domid, &record);
}

int xc_domain_pause(xc_interface *xc, uint32_t domid)
{
	return change_flags(domid, XEN_DOMINF_paused, 0);
}

int xc_domain_unpause(xc_interface *xc, uint32_t domid)
{
	return disturbed("unpause") ? -1 : change_flags(domid, 0, XEN_DOMINF_paused);
}

int xc_domain_getinfo(xc_interface *xc, uint32_t domid, struct xen_domctl_getdomaininfo *info)
{
	struct record record;

	if (disturbed("info") || load(domid, &record))
		return -1;
	*info = record.info;
	return 0;
}

int xc_domain_getinfolist(
	xc_interface *xc, uint32_t first, unsigned max, struct xen_domctl_getdomaininfo *info)
{
	struct record record;
	unsigned n = 0;

	if (disturbed("list"))
		return -1;
	for (uint32_t id = first; id < 2000 && n < max; id++)
		if (!load(id, &record))
			info[n++] = record.info;
	return disturbed("listed") ? -1 : (int)n;
}

int xc_domain_sethandle(xc_interface *xc, uint32_t domid, const xen_domain_handle_t handle)
{
	struct record record;

	if (load(domid, &record))
		return -1;
	memcpy(record.info.handle, handle, sizeof(record.info.handle));
	return save(domid, &record);
}

int xc_domain_setmaxmem(xc_interface *xc, uint32_t domid, uint64_t max_kb)
{
	struct record record;

	if (load(domid, &record))
		return -1;
	record.info.max_pages = max_kb / 4;
	return save(domid, &record);
}

int xc_domain_claim_pages(xc_interface *xc, uint32_t domid, uint64_t pages)
{
	return 0;
}

int xc_domain_send_trigger(xc_interface *xc, uint32_t domid, unsigned trigger, unsigned vcpu)
{
	return vcpu ? (errno = EINVAL, -1) : 0;
}

/* Domain 0 and "free" are all that there is, less what guests have. */
int xc_physinfo(xc_interface *xc, struct xen_sysctl_physinfo *info)
{
	struct xen_domctl_getdomaininfo all[MAX_DOMAINS];
	int n = xc_domain_getinfolist(xc, 0, MAX_DOMAINS, all);
	uint64_t used = 0;

	memset(info, 0, sizeof(*info));
	info->nr_cpus = NR_CPUS;
	info->max_cpu_id = NR_CPUS - 1;
	info->cores_per_socket = NR_CPUS;
	info->threads_per_core = info->nr_nodes = 1;
	info->cpu_khz = 2400000;
	info->total_pages = (1 << 20) / 4 + number_in(path_of("free", -1), 4 << 20) / 4;
	for (int i = 0; i < n; i++)
		used += all[i].tot_pages;
	info->free_pages = info->total_pages - used;
	return 0;
}

int xc_cputopoinfo(xc_interface *xc, struct xen_sysctl_cputopo *topology, unsigned *nr)
{
	*nr = NR_CPUS;
	memset(topology, 0, NR_CPUS * sizeof(*topology));
	return 0;
}

int xc_numainfo(
	xc_interface *xc, struct xen_sysctl_meminfo *nodes, uint32_t *distance, unsigned *nr)
{
	*nr = 1;
	nodes->memfree = 1ull << 30;
	return 0;
}

int xc_availheap(
	xc_interface *xc, unsigned min_width, unsigned max_width, int node, uint64_t *bytes)
{
	*bytes = 1ull << 30;
	return 0;
}

int xc_debug_keys(xc_interface *xc, const char *keys)
{
	return 0;
}

int xc_readconsole(xc_interface *xc, char *buffer, unsigned *count, bool clear, bool incremental,
	uint32_t *index)
{
	*count = snprintf(buffer, *count, "(XEN) a message\n");
	return 0;
}

int xc_sched_id(xc_interface *xc, unsigned *id)
{
	*id = number_in(path_of("scheduler", -1), XEN_SCHEDULER_CREDIT);
	return 0;
}

int xc_sched_turn(xc_interface *xc, unsigned sched_id, bool set, uint64_t *ns)
{
	static uint64_t turn = 5000000;

	if (set && !*ns)
		return errno = EINVAL, -1;
	turn = set ? *ns : turn;
	*ns = turn;
	return 0;
}

/* xc_sched_NAME_domain_get() and _set(), which refuses what is not @valid. */
#define DOMAIN_PARAMETERS(name, valid) \
	int xc_sched_##name##_domain_get( \
		xc_interface *xc, uint32_t domid, struct xen_domctl_sched_##name *params) \
	{ \
		struct record record; \
\
		if (load(domid, &record)) \
			return -1; \
		*params = record.name; \
		return 0; \
	} \
\
	int xc_sched_##name##_domain_set( \
		xc_interface *xc, uint32_t domid, const struct xen_domctl_sched_##name *params) \
	{ \
		struct record record; \
\
		if (load(domid, &record)) \
			return -1; \
		if (!(valid)) \
			return errno = EINVAL, -1; \
		record.name = *params; \
		return save(domid, &record); \
	}

DOMAIN_PARAMETERS(credit, params->weight)
DOMAIN_PARAMETERS(sedf, params->slice <= params->period && (params->period || params->weight))
DOMAIN_PARAMETERS(bvt, params->mcu_advance)

int xc_vcpu_getinfo(
	xc_interface *xc, uint32_t domid, unsigned vcpu, struct xen_domctl_getvcpuinfo *info)
{
	memset(info, 0, sizeof(*info));
	info->online = 1;
	return 0;
}

int xc_vcpu_setaffinity(xc_interface *xc, uint32_t domid, unsigned vcpu, uint8_t *hard, uint8_t *soft,
	size_t bytes)
{
	struct record record;

	if (load(domid, &record))
		return -1;
	memcpy(record.affinity[vcpu], hard, bytes);
	return save(domid, &record);
}

int xc_vcpu_getaffinity(xc_interface *xc, uint32_t domid, unsigned vcpu, uint8_t *hard, uint8_t *soft,
	size_t bytes)
{
	struct record record;

	if (load(domid, &record))
		return -1;
	memcpy(hard, record.affinity[vcpu], bytes);
	return 0;
}

int xc_version(xc_interface *xc, unsigned cmd, void *arg, size_t size)
{
	if (arg)
		memset(arg, 0, size);
	return cmd == XENVER_version ? 4 << 16 | 17 : 0;
}

G_DEFINE_QUARK(xg-error-quark, xg_error)

bool xg_build_pv(xc_interface *xc, const struct xg_pv_config *config, struct xg_pv_result *result,
	GError **error)
{
	struct record record;

	if (access(config->kernel, R_OK)) {
		g_set_error(error, XG_ERROR, XG_ERROR_FILE, "%s: %s", config->kernel, g_strerror(errno));
		return false;
	}
	if (disturbed("build") || load(config->domid, &record)) {
		g_set_error(error, XG_ERROR, XG_ERROR_FORMAT, "%s: no kernel", config->kernel);
		return false;
	}
	record.info.tot_pages = config->memory_kb / 4;
	record.info.max_pages = config->max_memory_kb / 4;
	record.info.max_vcpu_id = config->vcpus - 1;
	record.info.nr_online_vcpus = config->vcpus;
	memset(record.affinity, 0xff, sizeof(record.affinity));
	g_strlcpy(record.kernel, config->kernel, sizeof(record.kernel));
	g_strlcpy(record.cmdline, config->cmdline ? config->cmdline : "", sizeof(record.cmdline));
	save(config->domid, &record);
	*result = (struct xg_pv_result){ .console_mfn = 0x1000 + config->domid,
		.store_mfn = 0x2000 + config->domid,
		.console_port = 2,
		.store_port = 1,
		.nr_pages = config->memory_kb / 4,
		.width = 64,
		.guest_os = "test" };
	return true;
}

/* ---- Streams: the record of the domain, as often as file "stream" says, so that there is something to break off ---- */

/* Of what has been moved since it was set to 1. */
static __thread uint64_t sum;

/* Every byte makes a difference. */
static uint64_t add(uint64_t start, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		start = (start ^ data[i]) * 0x100000001b3;
	return start;
}

uint64_t xg_sum(const void *data, size_t len)
{
	return add(0xcbf29ce484222325, data, len);
}

static bool move(int fd, void *data, size_t len, bool out, GCancellable *cancellable)
{
	GPollFD fds[2] = { { .fd = fd, .events = out ? G_IO_OUT : G_IO_IN } };
	bool watched = cancellable && g_cancellable_make_pollfd(cancellable, &fds[1]);
	size_t moved = 0;

	while (moved < len) {
		ssize_t n;

		g_poll(fds, watched ? 2 : 1, -1);
		if (g_cancellable_is_cancelled(cancellable))
			break;
		n = out ? write(fd, (char *)data + moved, len - moved) : read(fd, (char *)data + moved, len - moved);
		if (!n || (n < 0 && errno != EAGAIN && errno != EINTR))
			break;
		moved += n > 0 ? n : 0;
	}
	if (watched)
		g_cancellable_release_fd(cancellable);
	sum = add(sum, data, moved);
	return moved == len;
}

static bool save_records(const struct xg_save_config *config, int fd, long n, bool ends)
{
	struct record record;

	for (long i = 0; i < n; i++) {
		uint8_t last = ends && i == n - 1;

		if (disturbed("save") || load(config->domid, &record) || !move(fd, &last, 1, true, config->cancellable) ||
			!move(fd, &record, sizeof(record), true, config->cancellable))
			return false;
		if (config->progress)
			config->progress("saving", i, n, config->progress_data);
	}
	return true;
}

bool xg_save_pv(xc_interface *xc, int fd, const struct xg_save_config *config, GError **error)
{
	if (!config->suspend(config->suspend_data, error))
		return false;
	sum = 1;
	if (save_records(config, fd, number_in(path_of("stream", -1), 1), true)) {
		if (config->sums)
			*config->sums = (struct xg_stream_sums){ .start = ~sum, .all = sum };
		return true;
	}
	g_set_error(error, XG_ERROR, XG_ERROR_FILE, "domain %u: it cannot be written", config->domid);
	return false;
}

bool xg_send_pv(xc_interface *xc, int fd, const struct xg_save_config *config, const struct xg_send_config *send,
	GError **error)
{
	struct xg_send_stats stats = { .round = 3, .done = 1, .total = 2, .sent = 512, .dirty_rate = 7 };
	bool good = !send->live || save_records(config, fd, number_in(path_of("stream", -1), 1), false);

	send->stats(&stats, send->stats_data);
	if (good)
		return xg_save_pv(xc, fd, config, error);
	g_set_error(error, XG_ERROR, XG_ERROR_FILE, "domain %u: it cannot be written", config->domid);
	return false;
}

static bool restore_records(const struct xg_restore_config *config, int fd, struct record *saved)
{
	uint8_t last = 0;

	while (!last) {
		if (disturbed("restore") || !move(fd, &last, 1, false, config->cancellable) ||
			!move(fd, saved, sizeof(*saved), false, config->cancellable))
			return false;
		if (config->progress)
			config->progress("restoring", 0, 0, config->progress_data);
	}
	return true;
}

bool xg_restore_pv(xc_interface *xc, int fd, const struct xg_restore_config *config,
	struct xg_pv_result *result, GError **error)
{
	struct record record, saved;

	sum = 1;
	if (load(config->domid, &record) || !restore_records(config, fd, &saved)) {
		g_set_error(error, XG_ERROR, XG_ERROR_FORMAT, "saved domain: it is cut off");
		return false;
	}
	if (config->sums && (config->sums->start != ~sum || config->sums->all != sum)) {
		g_set_error(error, XG_ERROR, XG_ERROR_FORMAT, "saved domain: it is damaged");
		return false;
	}
	record.info.tot_pages = saved.info.tot_pages;
	record.info.max_pages = config->memory_kb / 4;
	record.info.max_vcpu_id = config->vcpus - 1;
	record.info.nr_online_vcpus = config->vcpus;
	memset(record.affinity, 0xff, sizeof(record.affinity));
	save(config->domid, &record);
	*result = (struct xg_pv_result){ .console_mfn = 0x1000 + config->domid,
		.store_mfn = 0x2000 + config->domid,
		.console_port = 2,
		.store_port = 1,
		.width = 64 };
	return true;
}

bool xg_dump_core(xc_interface *xc, int fd, uint32_t domid, GError **error)
{
	if (!disturbed("dump") && dprintf(fd, "core of %u", domid) > 0)
		return true;
	g_set_error(error, XG_ERROR, XG_ERROR_FILE, "domain %u: it cannot be written", domid);
	return false;
}

bool xg_resume_pv(xc_interface *xc, uint32_t domid, GError **error)
{
	return !unlink(path_of("shutdown", domid));
}

/* ---- The CPU: file "cpu" holds the features in EBX of leaf 7 ---- */

int xc_get_domain_cpu_policy(xc_interface *xc, uint32_t domid, xen_cpuid_leaf_t *leaves, uint32_t *nr_leaves,
	xen_msr_entry_t *msrs, uint32_t *nr_msrs)
{
	if (leaves)
		*leaves = (xen_cpuid_leaf_t){ .leaf = 7, .b = number_in(path_of("cpu", -1), 7) };
	*nr_leaves = 1;
	*nr_msrs = 0;
	return 0;
}

int xc_set_domain_cpu_policy(xc_interface *xc, uint32_t domid, const xen_cpuid_leaf_t *leaves, uint32_t nr_leaves,
	const xen_msr_entry_t *msrs, uint32_t nr_msrs, uint32_t wrong[3])
{
	memset(wrong, 0, 3 * sizeof(*wrong));
	return disturbed("policy");
}

/* Nobody has a ring here. */
xengnttab_handle *xengnttab_open(struct xentoollog_logger *logger, unsigned open_flags)
{
	static int anything;

	return (xengnttab_handle *)&anything;
}

int xengnttab_close(xengnttab_handle *xgt)
{
	return 0;
}

void *xengnttab_map_grant_ref(xengnttab_handle *xgt, uint32_t domid, uint32_t ref, int prot)
{
	errno = EINVAL;
	return NULL;
}

int xengnttab_unmap(xengnttab_handle *xgt, void *start_address, uint32_t count)
{
	return 0;
}
