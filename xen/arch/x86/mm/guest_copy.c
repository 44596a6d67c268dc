/* Copies between the hypervisor and a PV guest's memory, in the guest's own address space. */
#include <xen/guest_access.h>
#include <asm/guest_copy.h>

unsigned long raw_copy_from_guest(void *dst, const void *src, unsigned long n)
{
	return access_ok(src, n) ? copy_guest(dst, src, n) : n;
}

unsigned long raw_copy_to_guest(void *dst, const void *src, unsigned long n)
{
	return access_ok(dst, n) ? copy_guest(dst, src, n) : n;
}

unsigned long raw_clear_guest(void *dst, unsigned long n)
{
	return access_ok(dst, n) ? clear_guest_bytes(dst, n) : n;
}
