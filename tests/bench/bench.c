/*
 * Measures what a hypervisor can make slower: one line "NAME NANOSECONDS" for each, meant for an emulator that counts
 * instructions as nanoseconds, where one run is as good as many.
 *
 * usage: bench [--names | NAME...]
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const size_t page = 4096;

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void need(int condition, const char *what)
{
	if (condition)
		return;
	perror(what);
	exit(1);
}

/* Time in nanoseconds of the statements given, after `warm` runs of them, over `n` more. */
#define time_of(warm, n, ...)                                  \
	({                                                     \
		for (unsigned int i_ = 0; i_ < (warm); i_++) { \
			__VA_ARGS__;                           \
		}                                              \
		uint64_t start_ = now();                       \
		for (unsigned int i_ = 0; i_ < (n); i_++) {    \
			__VA_ARGS__;                           \
		}                                              \
		(double)(now() - start_) / (n);                \
	})

static double measure_getppid(void)
{
	return time_of(1000, 20000, syscall(SYS_getppid));
}

static double measure_read(void)
{
	int fd = open("/dev/zero", O_RDONLY);
	char byte;

	need(fd >= 0, "/dev/zero");
	double t = time_of(1000, 20000, need(read(fd, &byte, 1) == 1, "read"));
	close(fd);
	return t;
}

static char *volatile guarded;

static void on_signal(int signal)
{
	(void)signal;
}

static void on_fault(int signal)
{
	(void)signal;
	mprotect(guarded, page, PROT_READ | PROT_WRITE);
}

static double measure_signal(void)
{
	pid_t self = getpid();

	signal(SIGUSR1, on_signal);
	return time_of(100, 5000, syscall(SYS_tgkill, self, self, SIGUSR1));
}

static char *map(size_t bytes, int flags, int fd)
{
	char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, fd, 0);

	need(p != MAP_FAILED, "mmap");
	return p;
}

static char *map_anonymous(size_t bytes)
{
	return map(bytes, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

static double measure_mprotect(void)
{
	char *p = map_anonymous(page);

	*p = 1;
	double t = time_of(100, 5000, {
		mprotect(p, page, PROT_READ);
		mprotect(p, page, PROT_READ | PROT_WRITE);
		*(volatile char *)p = 1;
	});
	munmap(p, page);
	return t;
}

/* Fault, signal, and the handler's mprotect(); the return to read-only is subtracted. */
static double measure_protected_write(void)
{
	guarded = map_anonymous(page);
	*guarded = 1;
	signal(SIGSEGV, on_fault);
	double both = time_of(100, 5000, {
		mprotect(guarded, page, PROT_READ);
		*(volatile char *)guarded = 1;
	});
	double protecting = time_of(100, 5000, {
		mprotect(guarded, page, PROT_READ);
		mprotect(guarded, page, PROT_READ | PROT_WRITE);
	});
	munmap(guarded, page);
	signal(SIGSEGV, SIG_DFL);
	return both - protecting;
}

enum { PAGES = 4096 };

static double measure_touch_anonymous(void)
{
	char *p = map_anonymous(PAGES * page);

	madvise(p, PAGES * page, MADV_NOHUGEPAGE);
	uint64_t start = now();
	for (size_t i = 0; i < PAGES; i++)
		((volatile char *)p)[i * page] = 1;
	double t = (double)(now() - start) / PAGES;
	munmap(p, PAGES * page);
	return t;
}

static double measure_unmap(void)
{
	char *p = map_anonymous(PAGES * page);

	madvise(p, PAGES * page, MADV_NOHUGEPAGE);
	memset(p, 1, PAGES * page);
	uint64_t start = now();
	munmap(p, PAGES * page);
	return (double)(now() - start) / PAGES;
}

static double measure_touch_file(void)
{
	int fd = open("/tmp/bench.data", O_RDWR | O_CREAT | O_TRUNC, 0600);
	char *p, sum = 0;

	need(fd >= 0 && ftruncate(fd, PAGES * (off_t)page) == 0, "/tmp/bench.data");
	p = map(PAGES * page, MAP_SHARED, fd);
	memset(p, 1, PAGES * page);
	munmap(p, PAGES * page);
	p = map(PAGES * page, MAP_SHARED, fd);
	uint64_t start = now();
	for (size_t i = 0; i < PAGES; i++)
		sum = (char)(sum + ((volatile char *)p)[i * page]);
	double t = (double)(now() - start) / PAGES;
	munmap(p, PAGES * page);
	close(fd);
	unlink("/tmp/bench.data");
	return t;
}

static double measure_copy_on_write(void)
{
	char *p = map_anonymous(PAGES * page);
	int channel[2], status;
	double t = 0;

	madvise(p, PAGES * page, MADV_NOHUGEPAGE);
	memset(p, 1, PAGES * page);
	need(pipe(channel) == 0, "pipe");
	pid_t pid = fork();
	need(pid >= 0, "fork");
	if (pid == 0) {
		uint64_t start = now();

		for (size_t i = 0; i < PAGES; i++)
			((volatile char *)p)[i * page] = 2;
		t = (double)(now() - start) / PAGES;
		_exit(write(channel[1], &t, sizeof(t)) != sizeof(t));
	}
	need(waitpid(pid, &status, 0) == pid && read(channel[0], &t, sizeof(t)) == sizeof(t), "child");
	close(channel[0]);
	close(channel[1]);
	munmap(p, PAGES * page);
	return t;
}

static double measure_fork(void)
{
	return time_of(20, 200, {
		pid_t pid = fork();
		need(pid >= 0, "fork");
		if (pid == 0)
			_exit(0);
		waitpid(pid, NULL, 0);
	});
}

static double measure_exec(void)
{
	return time_of(10, 100, {
		pid_t pid = fork();
		need(pid >= 0, "fork");
		if (pid == 0) {
			execl("/proc/self/exe", "bench", "nothing", NULL);
			_exit(1);
		}
		waitpid(pid, NULL, 0);
	});
}

/* One byte there and back between two processes over descriptors; the time of one way. */
static double ping_pong(int here_out, int here_in, int there_out, int there_in, unsigned int n)
{
	char byte = 0;
	pid_t pid = fork();

	need(pid >= 0, "fork");
	if (pid == 0) {
		close(here_out);
		close(here_in);
		while (read(there_in, &byte, 1) == 1 && write(there_out, &byte, 1) == 1)
			;
		_exit(0);
	}
	double t = time_of(100, n, need(write(here_out, &byte, 1) == 1 && read(here_in, &byte, 1) == 1, "ping"));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return t / 2;
}

static double measure_pipe(void)
{
	int a[2], b[2];

	need(pipe(a) == 0 && pipe(b) == 0, "pipe");
	double t = ping_pong(a[1], b[0], b[1], a[0], 3000);
	close(a[0]), close(a[1]), close(b[0]), close(b[1]);
	return t;
}

static double measure_socket(void)
{
	int s[2];

	need(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0, "socketpair");
	double t = 2 * ping_pong(s[0], s[0], s[1], s[1], 3000);
	close(s[0]), close(s[1]);
	return t;
}

/* Two processes that only yield to each other: there and back. */
static double measure_yield(void)
{
	pid_t pid = fork();

	need(pid >= 0, "fork");
	if (pid == 0)
		for (;;)
			sched_yield();
	double t = time_of(100, 5000, sched_yield());
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return t;
}

static double measure_sleep_late(void)
{
	struct timespec millisecond = { 0, 1000000 };

	/* The kernel may else be late by 50 us on purpose. */
	prctl(PR_SET_TIMERSLACK, 1);
	return time_of(5, 200, clock_nanosleep(CLOCK_MONOTONIC, 0, &millisecond, NULL)) - 1000000;
}

/* The interface of /dev/xen, as the kernel's uapi headers lay it out. */
struct privcmd_hypercall {
	uint64_t op, arg[5];
};
struct evtchn_bind_unbound {
	uint32_t remote_domain;
};
struct evtchn_bind_interdomain {
	uint32_t remote_domain, remote_port;
};
struct evtchn_notify {
	uint32_t port;
};
struct gntalloc_alloc {
	uint16_t domid, flags;
	uint32_t count;
	uint64_t index;
	uint32_t ref;
};
struct gntdev_map {
	uint32_t count, pad;
	uint64_t index;
	uint32_t domid, ref;
};
struct gntdev_unmap {
	uint64_t index;
	uint32_t count, pad;
};

#define PRIVCMD_HYPERCALL _IOC(_IOC_NONE, 'P', 0, sizeof(struct privcmd_hypercall))
#define EVTCHN_BIND_INTERDOMAIN _IOC(_IOC_NONE, 'E', 1, sizeof(struct evtchn_bind_interdomain))
#define EVTCHN_BIND_UNBOUND_PORT _IOC(_IOC_NONE, 'E', 2, sizeof(struct evtchn_bind_unbound))
#define EVTCHN_NOTIFY _IOC(_IOC_NONE, 'E', 4, sizeof(struct evtchn_notify))
#define GNTALLOC_ALLOC _IOC(_IOC_NONE, 'G', 5, sizeof(struct gntalloc_alloc))
#define GNTDEV_MAP _IOC(_IOC_NONE, 'G', 0, sizeof(struct gntdev_map))
#define GNTDEV_UNMAP _IOC(_IOC_NONE, 'G', 1, sizeof(struct gntdev_unmap))

enum { HYPERCALL_XEN_VERSION = 17 };

static int open_device(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	need(fd >= 0, path);
	return fd;
}

/* A version call through the kernel, less an ioctl on the same device that the kernel refuses itself. */
static double measure_hypercall(void)
{
	struct privcmd_hypercall call = { .op = HYPERCALL_XEN_VERSION };
	int fd = open_device("/dev/xen/privcmd");

	need(ioctl(fd, PRIVCMD_HYPERCALL, &call) == (4 << 16 | 17), "xen_version");
	double with = time_of(1000, 20000, ioctl(fd, PRIVCMD_HYPERCALL, &call));
	double without = time_of(1000, 20000, ioctl(fd, _IOC(_IOC_NONE, 'P', 99, 0), &call));
	close(fd);
	return with - without;
}

/* A channel with both ends here: notify one, wait for the other. */
static double measure_event(void)
{
	struct evtchn_bind_unbound unbound = { .remote_domain = 0 };
	struct evtchn_bind_interdomain pair = { .remote_domain = 0 };
	int a = open_device("/dev/xen/evtchn"), b = open_device("/dev/xen/evtchn");
	uint32_t port;

	int first = ioctl(a, EVTCHN_BIND_UNBOUND_PORT, &unbound);
	need(first > 0, "bind unbound");
	pair.remote_port = (uint32_t)first;
	int second = ioctl(b, EVTCHN_BIND_INTERDOMAIN, &pair);
	need(second > 0, "bind interdomain");
	struct evtchn_notify notify = { (uint32_t)second };
	/* Binding leaves one event pending, which is read and unmasked first. */
	fcntl(a, F_SETFL, O_NONBLOCK);
	while (read(a, &port, sizeof(port)) == sizeof(port))
		need(write(a, &port, sizeof(port)) == sizeof(port), "unmask");
	fcntl(a, F_SETFL, 0);
	double t = time_of(100, 3000, {
		need(ioctl(b, EVTCHN_NOTIFY, &notify) == 0, "notify");
		need(read(a, &port, sizeof(port)) == sizeof(port), "event");
		need(write(a, &port, sizeof(port)) == sizeof(port), "unmask");
	});
	close(a);
	close(b);
	return t;
}

/* A page granted by this domain to itself: mapped, touched, unmapped. */
static double measure_grant(void)
{
	int allocator = open_device("/dev/xen/gntalloc"), device = open_device("/dev/xen/gntdev");
	struct gntalloc_alloc grant = { .domid = 0, .flags = 1, .count = 1 };

	need(ioctl(allocator, GNTALLOC_ALLOC, &grant) == 0, "gntalloc");
	double t = time_of(50, 1000, {
		struct gntdev_map request = { .count = 1, .domid = 0, .ref = grant.ref };
		need(ioctl(device, GNTDEV_MAP, &request) == 0, "gntdev map");
		char *p = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, device, (off_t)request.index);
		need(p != MAP_FAILED, "gntdev mmap");
		*(volatile char *)p = 1;
		munmap(p, page);
		struct gntdev_unmap release = { .index = request.index, .count = 1 };
		need(ioctl(device, GNTDEV_UNMAP, &release) == 0, "gntdev unmap");
	});
	close(device);
	close(allocator);
	return t;
}

/* Guest time since power-on, which the time stamp counter is on an emulator that counts instructions. */
static double measure_userspace(void)
{
	return (double)__builtin_ia32_rdtsc();
}

/* The kernel's clock starts with its first message. */
static double measure_kernel(void)
{
	return (double)__builtin_ia32_rdtsc() - (double)now();
}

static const struct {
	const char *name;
	double (*measure)(void);
	const char *device; /* needed, or NULL */
} measures[] = {
	{ "boot-to-userspace", measure_userspace, NULL },
	{ "boot-to-kernel", measure_kernel, NULL },
	{ "getppid", measure_getppid, NULL },
	{ "read", measure_read, NULL },
	{ "signal", measure_signal, NULL },
	{ "protected-write", measure_protected_write, NULL },
	{ "mprotect", measure_mprotect, NULL },
	{ "touch-anonymous", measure_touch_anonymous, NULL },
	{ "touch-file", measure_touch_file, NULL },
	{ "copy-on-write", measure_copy_on_write, NULL },
	{ "unmap", measure_unmap, NULL },
	{ "fork", measure_fork, NULL },
	{ "exec", measure_exec, NULL },
	{ "pipe", measure_pipe, NULL },
	{ "yield", measure_yield, NULL },
	{ "socket", measure_socket, NULL },
	{ "sleep-late", measure_sleep_late, NULL },
	{ "hypercall", measure_hypercall, "/dev/xen/privcmd" },
	{ "event", measure_event, "/dev/xen/evtchn" },
	{ "grant", measure_grant, "/dev/xen/gntalloc" },
};

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "nothing"))
		return 0;
	if (argc > 1 && !strcmp(argv[1], "--names")) {
		for (size_t i = 0; i < sizeof(measures) / sizeof(measures[0]); i++)
			puts(measures[i].name);
		return 0;
	}
	for (size_t i = 0; i < sizeof(measures) / sizeof(measures[0]); i++) {
		int wanted = argc < 2;

		for (int a = 1; a < argc; a++)
			wanted |= !strcmp(argv[a], measures[i].name);
		if (!wanted || (measures[i].device && access(measures[i].device, R_OK | W_OK)))
			continue;
		printf("%s %.0f\n", measures[i].name, measures[i].measure());
		fflush(stdout);
	}
	return 0;
}
