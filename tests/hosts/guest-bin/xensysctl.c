/*
 * Asks the hypervisor what control tools ask, by privcmd and Xen's public headers alone: xensysctl [CHECK]... runs checks,
 * `xensysctl scheduler` prints the number of the scheduler.
 */
#define _GNU_SOURCE
#define __XEN_TOOLS__ 1
#include "checks.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <xen/xen.h>
#include <xen/sysctl.h>
#include <xen/trace.h>

struct hypercall {
	uint64_t op, arg[5];
};
struct map_request {
	uint32_t num;
	uint16_t dom;
	uint64_t addr;
	const uint64_t *mfn;
	int *err;
};
#define IOCTL_HYPERCALL _IOC(_IOC_NONE, 'P', 0, sizeof(struct hypercall))
#define IOCTL_MAP_BATCH _IOC(_IOC_NONE, 'P', 4, sizeof(struct map_request))

static int privcmd;
static struct xen_sysctl *op;
static unsigned char *buf;
#define BUF_SIZE (256 << 10)
#define NOWHERE  ((void *)0x10)

static void *locked(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE, -1, 0);

	expect(p != MAP_FAILED);
	return p;
}

static void start(void)
{
	privcmd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
	expect(privcmd >= 0);
	op = locked(4096);
	buf = locked(BUF_SIZE);
}

static void fresh(void)
{
	memset(op, 0, sizeof(*op));
	memset(buf, 0, BUF_SIZE);
}

static long raw_call(void *arg)
{
	struct hypercall call = { .op = __HYPERVISOR_sysctl, .arg = { (uintptr_t)arg } };
	int rc = ioctl(privcmd, IOCTL_HYPERCALL, &call);

	return rc < 0 ? -errno : rc;
}

static long call(uint32_t cmd)
{
	op->cmd = cmd;
	op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	return raw_call(op);
}

static void errors(void)
{
	start();
	fresh();
	expect(call(0) == -ENOSYS);
	expect(call(13) == -ENOSYS);
	expect(call(1000) == -ENOSYS);
	expect(call(~0u) == -ENOSYS);
	op->interface_version--;
	expect(raw_call(op) == -EACCES);
	expect(raw_call(NULL) == -EFAULT);
	expect(raw_call(NOWHERE) == -EFAULT);
	expect(raw_call((void *)0xffff830000100000) == -EFAULT); /* the hypervisor's own memory */

	fresh();
	op->u.getdomaininfolist.max_domains = ~0u;
	set_xen_guest_handle(op->u.getdomaininfolist.buffer, NOWHERE);
	expect(call(XEN_SYSCTL_getdomaininfolist) == -EFAULT);
	set_xen_guest_handle(op->u.getdomaininfolist.buffer, (void *)0xffff830000100000);
	expect(call(XEN_SYSCTL_getdomaininfolist) == -EFAULT);
}

static void machine(void)
{
	struct xen_sysctl_physinfo *p;
	xen_domctl_getdomaininfo_t *dom;

	start();
	fresh();
	p = &op->u.physinfo;
	expect(call(XEN_SYSCTL_physinfo) == 0);
	expect(p->nr_cpus >= (uint32_t)sysconf(_SC_NPROCESSORS_ONLN));
	expect(p->cores_per_socket * p->threads_per_core >= 1);
	expect(p->total_pages > p->free_pages && p->total_pages <= p->max_mfn + 1);
	expect(p->cpu_khz > 1000);
	fresh();
	dom = (void *)buf;
	op->u.getdomaininfolist.max_domains = 4;
	set_xen_guest_handle(op->u.getdomaininfolist.buffer, dom);
	expect(call(XEN_SYSCTL_getdomaininfolist) == 0);
	expect(op->u.getdomaininfolist.num_domains == 1);
	expect(dom->domain == 0 && dom->flags & XEN_DOMINF_running);
	expect(dom->nr_online_vcpus == (uint32_t)sysconf(_SC_NPROCESSORS_ONLN));
	expect(dom->cpu_time > 0);
}

static void console(void)
{
	struct xen_sysctl_readconsole *r;
	uint32_t index, count;

	start();
	r = &op->u.readconsole;
	fresh();
	r->count = BUF_SIZE;
	set_xen_guest_handle(r->buffer, (char *)buf);
	expect(call(XEN_SYSCTL_readconsole) == 0);
	count = r->count;
	index = r->index;
	expect(count > 500 && memmem(buf, count, "Command line", 12));
	r->count = ~0u; /* nothing new, whatever room there is */
	r->incremental = 1;
	expect(call(XEN_SYSCTL_readconsole) == 0);
	expect(r->count == 0 && r->index == index);
	fresh();
	op->u.debug_keys.nr_keys = 1;
	buf[0] = 'h';
	set_xen_guest_handle(op->u.debug_keys.keys, (char *)buf);
	expect(call(XEN_SYSCTL_debug_keys) == 0);
	sleep(1);
	fresh();
	r->count = BUF_SIZE;
	r->incremental = 1;
	r->clear = 1;
	r->index = index;
	set_xen_guest_handle(r->buffer, (char *)buf);
	expect(call(XEN_SYSCTL_readconsole) == 0);
	expect(memmem(buf, r->count, "'h' pressed", 11));
	fresh();
	r->count = BUF_SIZE;
	set_xen_guest_handle(r->buffer, (char *)buf);
	expect(call(XEN_SYSCTL_readconsole) == 0);
	expect(r->count == 0);
}

#define MAX_FRAMES 16
#define ENOUGH     2000 /* bytes of records */

static void *map_frames(const uint32_t *list, unsigned int nr, int prot)
{
	void *va = mmap(NULL, nr * 4096, prot, MAP_SHARED, privcmd, 0);
	uint64_t mfn[MAX_FRAMES];
	int err[MAX_FRAMES] = { 0 };
	struct map_request m = { nr, DOMID_XEN, (uintptr_t)va, mfn, err };

	expect(va != MAP_FAILED && nr <= MAX_FRAMES);
	for (unsigned int i = 0; i < nr; i++)
		mfn[i] = list[i];
	if (ioctl(privcmd, IOCTL_MAP_BATCH, &m) || err[0])
		return NULL;
	return va;
}

static long tbuf(uint32_t cmd, uint32_t arg)
{
	fresh();
	op->u.tbuf_op.cmd = cmd;
	op->u.tbuf_op.evt_mask = op->u.tbuf_op.size = arg;
	return call(XEN_SYSCTL_tbuf_op);
}

/* Records of CPU 0 in its buffer: each as long as it says, and the scheduler's among them. */
static void check_records(const struct t_buf *b, uint32_t bytes)
{
	const char *data = (const char *)(b + 1);
	uint32_t changes = 0, n = 0;

	for (uint32_t pos = b->cons; pos < b->prod && pos < bytes; n++) {
		uint32_t header;

		memcpy(&header, data + pos, 4);
		/* Bits 4 to 11 of the number are the old and the new state. */
		changes += (TRC_HD_TO_EVENT(header) & 0xfffff00f) == TRC_SCHED_RUNSTATE_CHANGE;
		pos += 4 + 4 * TRC_HD_EXTRA(header) + 8 * TRC_HD_INCLUDES_CYCLE_COUNT(header);
		expect(pos <= b->prod || b->prod >= bytes);
	}
	expect(n > 10 && changes > 2);
}

static void trace(void)
{
	const struct t_info *info;
	struct t_buf *b;
	uint32_t mfn;

	start();
	expect(tbuf(XEN_SYSCTL_TBUFOP_set_size, MAX_FRAMES) == 0);
	expect(tbuf(XEN_SYSCTL_TBUFOP_set_evt_mask, TRC_SCHED) == 0);
	expect(tbuf(XEN_SYSCTL_TBUFOP_get_info, 0) == 0);
	mfn = op->u.tbuf_op.buffer_mfn;
	expect(mfn && op->u.tbuf_op.size >= 4096);
	expect(!map_frames(&mfn, 1, PROT_READ | PROT_WRITE)); /* where the buffers are is not for tools to say */
	info = map_frames(&mfn, 1, PROT_READ);
	expect(info && info->tbuf_size == MAX_FRAMES);
	b = map_frames((const uint32_t *)info + info->mfn_offset[0], info->tbuf_size,
		PROT_READ | PROT_WRITE);
	expect(b);
	expect(tbuf(XEN_SYSCTL_TBUFOP_enable, 0) == 0);
	/* This CPU may have little to do. */
	for (int i = 0; i < 300 && b->prod - b->cons < ENOUGH; i++)
		usleep(100000);
	expect(tbuf(XEN_SYSCTL_TBUFOP_disable, 0) == 0);
	check_records(b, info->tbuf_size * 4096 - sizeof(*b));
	/* A tool that writes nonsense is left without records, and the machine runs on. */
	b->cons = 0xfffffffd;
	expect(tbuf(XEN_SYSCTL_TBUFOP_enable, 0) == 0);
	usleep(100000);
	b->cons = b->prod;
	expect(tbuf(XEN_SYSCTL_TBUFOP_disable, 0) == 0);
}

/* Random arguments. Keys that stop the machine and consoles that lose their text are left out. */
static void noise(void)
{
	start();
	srand(getpid());
	for (int n = 0; n < 200000; n++) {
		uint32_t *w = (uint32_t *)op, cmd = rand() % 32;

		if (cmd == XEN_SYSCTL_debug_keys || cmd == XEN_SYSCTL_readconsole)
			continue;
		for (unsigned int i = 0; i < sizeof(*op) / 4; i++)
			w[i] = rand() % 3 ? (uint32_t)rand() % 70 : (uint32_t)rand() * 2;
		for (unsigned int i = 8; i + 8 <= sizeof(*op); i += 8)
			if (rand() % 3 == 0)
				*(uint64_t *)((char *)op + i) = (uintptr_t)buf + rand() % 4096;
		call(cmd);
	}
}

int main(int argc, char **argv)
{
	static const struct check checks[] = {
		{ "errors", errors },
		{ "machine", machine },
		{ "console", console },
		{ "trace", trace },
		{ "noise", noise },
	};

	if (argc == 2 && !strcmp(argv[1], "scheduler")) {
		start();
		fresh();
		expect(call(XEN_SYSCTL_sched_id) == 0);
		printf("scheduler %u\n", op->u.sched_id.sched_id);
		return 0;
	}
	return run_checks(checks, sizeof(checks) / sizeof(checks[0]), argc, argv);
}
