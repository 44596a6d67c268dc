/* Hypercalls and their buffers. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "privcmd.h"
#include "xencall.h"

#define PAGE_SIZE 4096UL

/* Nearly all buffers have one page, and nearly every call needs one or two. */
#define CACHED_PAGES 8

struct xencall_handle {
	int fd;
	int buffers; /* /dev/xen/hypercall, or -1 */
	pthread_mutex_t lock;
	unsigned cached;
	void *cache[CACHED_PAGES];
};

/* What precedes a buffer of xencall_alloc_buffer(). */
struct buffer_header {
	size_t pages;
	size_t unused;
};

xencall_handle *xencall_open(struct xentoollog_logger *logger, unsigned open_flags)
{
	xencall_handle *xcall;

	if (open_flags & ~XENCALL_OPENFLAG_NON_REENTRANT) {
		errno = EINVAL;
		return NULL;
	}
	xcall = calloc(1, sizeof(*xcall));
	if (!xcall)
		return NULL;
	xcall->fd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
	if (xcall->fd < 0) {
		free(xcall);
		return NULL;
	}
	xcall->buffers = open("/dev/xen/hypercall", O_RDWR | O_CLOEXEC);
	pthread_mutex_init(&xcall->lock, NULL);
	return xcall;
}

int xencall_close(xencall_handle *xcall)
{
	if (!xcall)
		return 0;
	while (xcall->cached)
		munmap(xcall->cache[--xcall->cached], PAGE_SIZE);
	pthread_mutex_destroy(&xcall->lock);
	if (xcall->buffers >= 0)
		close(xcall->buffers);
	close(xcall->fd);
	free(xcall);
	return 0;
}

int xencall_fd(xencall_handle *xcall)
{
	return xcall->fd;
}

int xencall_buffers_never_fault(xencall_handle *xcall)
{
	return xcall->buffers >= 0;
}

/* The C library's ioctl() cuts the result to an int. */
static long call(xencall_handle *xcall, unsigned int op, uint64_t a1, uint64_t a2, uint64_t a3,
	uint64_t a4, uint64_t a5)
{
	struct privcmd_hypercall hypercall = { .op = op, .arg = { a1, a2, a3, a4, a5 } };

	return syscall(SYS_ioctl, xcall->fd, PRIVCMD_HYPERCALL, &hypercall);
}

int xencall0(xencall_handle *xcall, unsigned int op)
{
	return call(xcall, op, 0, 0, 0, 0, 0);
}

int xencall1(xencall_handle *xcall, unsigned int op, uint64_t arg1)
{
	return call(xcall, op, arg1, 0, 0, 0, 0);
}

int xencall2(xencall_handle *xcall, unsigned int op, uint64_t arg1, uint64_t arg2)
{
	return call(xcall, op, arg1, arg2, 0, 0, 0);
}

int xencall3(xencall_handle *xcall, unsigned int op, uint64_t arg1, uint64_t arg2, uint64_t arg3)
{
	return call(xcall, op, arg1, arg2, arg3, 0, 0);
}

int xencall4(xencall_handle *xcall, unsigned int op, uint64_t arg1, uint64_t arg2, uint64_t arg3,
	uint64_t arg4)
{
	return call(xcall, op, arg1, arg2, arg3, arg4, 0);
}

int xencall5(xencall_handle *xcall, unsigned int op, uint64_t arg1, uint64_t arg2, uint64_t arg3,
	uint64_t arg4, uint64_t arg5)
{
	return call(xcall, op, arg1, arg2, arg3, arg4, arg5);
}

long xencall2L(xencall_handle *xcall, unsigned int op, uint64_t arg1, uint64_t arg2)
{
	return call(xcall, op, arg1, arg2, 0, 0, 0);
}

/*
 * Without the device: locked pages of this process alone. The kernel may still move them for an
 * instant.
 */
static void *map_pages(xencall_handle *xcall, size_t bytes)
{
	void *p;

	if (xcall->buffers >= 0) {
		p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, xcall->buffers, 0);
		return p == MAP_FAILED ? NULL : p;
	}
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1,
		0);
	if (p == MAP_FAILED)
		return NULL;
	if (madvise(p, bytes, MADV_DONTFORK) || mlock(p, bytes)) {
		munmap(p, bytes);
		return NULL;
	}
	memset(p, 0, bytes);
	return p;
}

static void *take_cached(xencall_handle *xcall)
{
	void *p = NULL;

	pthread_mutex_lock(&xcall->lock);
	if (xcall->cached)
		p = xcall->cache[--xcall->cached];
	pthread_mutex_unlock(&xcall->lock);
	if (p)
		memset(p, 0, PAGE_SIZE);
	return p;
}

void *xencall_alloc_buffer_pages(xencall_handle *xcall, size_t nr_pages)
{
	void *p = nr_pages == 1 ? take_cached(xcall) : NULL;

	if (!nr_pages || nr_pages > SIZE_MAX / PAGE_SIZE) {
		errno = EINVAL;
		return NULL;
	}
	return p ? p : map_pages(xcall, nr_pages * PAGE_SIZE);
}

void xencall_free_buffer_pages(xencall_handle *xcall, void *p, size_t nr_pages)
{
	int saved = errno;

	if (!p)
		return;
	if (nr_pages == 1) {
		pthread_mutex_lock(&xcall->lock);
		if (xcall->cached < CACHED_PAGES) {
			xcall->cache[xcall->cached++] = p;
			p = NULL;
		}
		pthread_mutex_unlock(&xcall->lock);
	}
	if (p)
		munmap(p, nr_pages * PAGE_SIZE);
	errno = saved;
}

void *xencall_alloc_buffer(xencall_handle *xcall, size_t size)
{
	struct buffer_header *header;
	size_t pages;

	if (size > SIZE_MAX - PAGE_SIZE - sizeof(*header)) {
		errno = ENOMEM;
		return NULL;
	}
	pages = (size + sizeof(*header) + PAGE_SIZE - 1) / PAGE_SIZE;
	header = xencall_alloc_buffer_pages(xcall, pages);
	if (!header)
		return NULL;
	header->pages = pages;
	return header + 1;
}

void xencall_free_buffer(xencall_handle *xcall, void *p)
{
	struct buffer_header *header = p;

	if (header)
		xencall_free_buffer_pages(xcall, header - 1, header[-1].pages);
}
