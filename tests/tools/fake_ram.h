/*
 * What the machines of the tests of libxenguest have in common: memory that is a file, mapped frame
 * by frame, event channels that are numbers, and operations that fail when a test says so. In place
 * of libxenctrl and libxenforeignmemory; included by each test once.
 */
#ifndef FAKE_RAM_H
#define FAKE_RAM_H

#include <check.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "private.h"

static struct {
	int fd;
	uint8_t *ram;
	size_t frames;
	unsigned mapped; /* pages mapped now */
	unsigned ports;  /* allocated */
	xen_pfn_t grants[2];
	const char *refuse; /* the operation that fails, with EPERM */
} fake;

static bool refuses(const char *operation)
{
	if (!fake.refuse || strcmp(fake.refuse, operation))
		return false;
	errno = EPERM;
	return true;
}

static uint64_t *page_of(uint64_t mfn)
{
	return (uint64_t *)(fake.ram + mfn * 4096);
}

static void start_ram(size_t frames)
{
	memset(&fake, 0, sizeof(fake));
	fake.frames = frames;
	fake.fd = memfd_create("ram", 0);
	ck_assert_int_eq(ftruncate(fake.fd, (off_t)frames * 4096), 0);
	fake.ram = mmap(NULL, frames * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fake.fd, 0);
	ck_assert_ptr_ne(fake.ram, MAP_FAILED);
}

static void stop_ram(void)
{
	ck_assert_uint_eq(fake.mapped, 0);
	munmap(fake.ram, fake.frames * 4096);
	close(fake.fd);
}

/* Frames, one behind the other, until xenforeignmemory_unmap(). */
static void *map_ram(int prot, size_t pages, const xen_pfn_t *frames)
{
	uint8_t *p = mmap(NULL, pages * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (size_t i = 0; i < pages; i++)
		ck_assert_ptr_ne(mmap(p + i * 4096, 4096, prot, MAP_SHARED | MAP_FIXED, fake.fd,
					 frames[i] * 4096),
			MAP_FAILED);
	fake.mapped += pages;
	return p;
}

int xenforeignmemory_unmap(xenforeignmemory_handle *fmem, void *addr, size_t pages)
{
	fake.mapped -= pages;
	return munmap(addr, pages * 4096);
}

xenforeignmemory_handle *xc_foreign(xc_interface *xc)
{
	return NULL;
}

int xc_evtchn_alloc_unbound(xc_interface *xc, uint32_t domid, uint32_t remote)
{
	return refuses("port") ? -1 : (int)++fake.ports;
}

int xc_gnttab_seed(xc_interface *xc, uint32_t domid, xen_pfn_t console, xen_pfn_t store,
	uint32_t console_domid, uint32_t store_domid)
{
	fake.grants[0] = console;
	fake.grants[1] = store;
	return 0;
}

#endif
