/*
 * The hypercall page: one stub of 32 bytes for each number, for kernels that call through it. The
 * stubs keep rcx and r11, which `syscall` overwrites; that of iret leaves the frame that
 * HYPERVISOR_iret expects on the stack instead, and does not return.
 */
#include <public/xen.h>
#include <xen/lib.h>
#include <xen/mm.h>
#include <xen/sched.h>
#include <asm/pv.h>

#define STUB_SIZE 32

static void fill_stub(u8 *p, u32 nr)
{
	static const u8 save[] = { 0x51, 0x41, 0x53 };                         /* push rcx, r11 */
	static const u8 call[] = { 0x0f, 0x05, 0x41, 0x5b, 0x59, 0xc3 };       /* syscall; pop r11, rcx; ret */
	static const u8 iret[] = { 0x51, 0x41, 0x53, 0x50, 0xb8, __HYPERVISOR_iret, 0, 0, 0, 0x0f, 0x05 };

	if (nr == __HYPERVISOR_iret) {
		memcpy(p, iret, sizeof(iret));
		return;
	}
	memcpy(p, save, sizeof(save));
	p[3] = 0xb8; /* mov $nr, %eax */
	memcpy(p + 4, &nr, 4);
	memcpy(p + 8, call, sizeof(call));
}

void pv_fill_hypercall_page(void *page)
{
	memset(page, 0xcc, PAGE_SIZE);
	for (u32 nr = 0; nr < PAGE_SIZE / STUB_SIZE; nr++)
		fill_stub((u8 *)page + nr * STUB_SIZE, nr);
}

bool pv_write_hypercall_page(struct domain *d, unsigned long gfn)
{
	struct page_info *pg = get_page_from_gfn(d, _gfn(gfn));

	if (!pg)
		return false;
	if (get_page_type(pg, PGT_writable)) {
		put_page(pg);
		return false;
	}
	pv_fill_hypercall_page(page_to_virt(pg));
	mark_page_dirty(pg);
	put_page_and_type(pg);
	return true;
}

/* A write to the MSR that CPUID leaf 0x40000002 names: frame number and, in the low bits, page 0. */
bool pv_write_hypercall_msr(struct vcpu *v, u64 val)
{
	return !(val & ~PAGE_MASK) && pv_write_hypercall_page(v->domain, val >> PAGE_SHIFT);
}
