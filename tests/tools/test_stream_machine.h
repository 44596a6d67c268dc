/*
 * A machine that is nothing but memory, and in it a small paravirtual domain made by hand. Tables
 * are accepted by rules like the hypervisor's: every frame in them must be the domain's.
 */
#ifndef STREAM_MACHINE_H
#define STREAM_MACHINE_H

#include "fake_ram.h"
#include "stream.h"

#define FRAMES        8192
#define OLD           7
#define NEW           8
#define SHARED(domid) (100UL + (domid))
#define ALIEN         50 /* a frame of somebody else */
#define VCPUS         2

/* Pages of the guest. All are mapped from address 0 on. */
enum page {
	L4,
	L3,
	L2,
	L1,
	P2M = L1 + 3,
	START = P2M + 3,
	STORE,
	CONSOLE,
	GDT,
	USER,
	MIDDLE,
	TOP,
	FIRST
};
#define HOLE_PFN      (FIRST + 1) /* ballooned out */
#define FOREIGN_PFN   (FIRST + 2) /* a frame that was granted */
#define ALIEN_PFN     (FIRST + 3) /* a lie */
#define ZERO_PFN      (FIRST + 4)
#define FOREIGN_ENTRY (1UL << 63 | ALIEN)

GQuark xg_error_quark(void)
{
	return g_quark_from_static_string("test");
}

/* ---- The machine ---- */

static struct {
	unsigned next;
	struct {
		unsigned owner, pfn;
		uint32_t type;
	} frame[FRAMES];
	unsigned nr; /* pages of the old domain */
	bool running;
	vcpu_guest_context_t context[2][VCPUS];
	unsigned contexts, extended, xsaves;
	struct xen_domctl_tsc_info tsc;
	xen_cpuid_leaf_t leaf;
	/* The log of changes, a bit for each page; and whether it is kept. */
	uint64_t dirty[FRAMES / 64];
	bool logs;
} machine;

static unsigned mfn_of(unsigned domid, unsigned pfn)
{
	for (unsigned mfn = 0; mfn < FRAMES; mfn++)
		if (machine.frame[mfn].owner == domid && machine.frame[mfn].pfn == pfn)
			return mfn;
	return 0;
}

int xc_domain_populate(xc_interface *xc, uint32_t domid, unsigned nr, unsigned order,
	unsigned flags, xen_pfn_t *frames)
{
	unsigned done;

	for (done = 0; done < nr && machine.next < FRAMES && !refuses("populate"); done++) {
		unsigned mfn = machine.next;

		machine.next += 1 + machine.next % 2;
		machine.frame[mfn].owner = domid;
		machine.frame[mfn].pfn = frames[done];
		machine.frame[mfn].type = 0;
		memset(page_of(mfn), 0, 4096);
		frames[done] = mfn;
	}
	return done;
}

int xc_domain_release(xc_interface *xc, uint32_t domid, unsigned nr, const xen_pfn_t *frames)
{
	unsigned done;

	for (done = 0; done < nr && machine.frame[frames[done]].owner == domid; done++)
		machine.frame[frames[done]].owner = machine.frame[frames[done]].type = 0;
	return done;
}

void *xenforeignmemory_map(xenforeignmemory_handle *fmem, uint32_t dom, int prot, size_t pages,
	const xen_pfn_t arr[], int err[])
{
	ck_assert(pages);
	if (refuses("map"))
		return NULL;
	for (size_t i = 0; i < pages; i++)
		if (arr[i] >= FRAMES ||
			(arr[i] != SHARED(dom) && machine.frame[arr[i]].owner != dom)) {
			errno = EINVAL;
			return NULL;
		}
	for (size_t i = 0; i < pages; i++)
		ck_assert(!(prot & PROT_WRITE) || !machine.frame[arr[i]].type);
	return map_ram(prot, pages, arr);
}

int xc_domain_getinfo(xc_interface *xc, uint32_t domid, struct xen_domctl_getdomaininfo *info)
{
	memset(info, 0, sizeof(*info));
	info->shared_info_frame = SHARED(domid);
	info->max_vcpu_id = VCPUS - 1;
	if (domid == OLD && !machine.running)
		info->flags = XEN_DOMINF_shutdown | SHUTDOWN_suspend << XEN_DOMINF_shutdownshift;
	return refuses("getinfo") ? -1 : 0;
}

int xc_domain_get_address_size(xc_interface *xc, uint32_t domid, unsigned *width)
{
	*width = 64;
	return 0;
}

long xc_maximum_ram_page(xc_interface *xc)
{
	return FRAMES - 1;
}

int xc_version(xc_interface *xc, unsigned cmd, void *arg, size_t size)
{
	return 4 << 16 | 17;
}

int xc_get_pfn_types(xc_interface *xc, uint32_t domid, unsigned nr, xen_pfn_t *frames)
{
	for (unsigned i = 0; i < nr; i++)
		frames[i] = machine.frame[frames[i]].owner == domid ? machine.frame[frames[i]].type
								    : XEN_DOMCTL_PFINFO_XTAB;
	return refuses("types") ? -1 : 0;
}

int xc_domain_max_vcpus(xc_interface *xc, uint32_t domid, unsigned max)
{
	return refuses("max_vcpus") ? -1 : 0;
}

int xc_domain_setmaxmem(xc_interface *xc, uint32_t domid, uint64_t max_kb)
{
	return 0;
}

int xc_domain_set_memory_map(
	xc_interface *xc, uint32_t domid, const struct xc_e820entry *map, unsigned nr)
{
	return 0;
}

int xc_domain_set_tsc_info(xc_interface *xc, uint32_t domid, const struct xen_domctl_tsc_info *info)
{
	machine.tsc = *info;
	return 0;
}

int xc_domain_get_tsc_info(xc_interface *xc, uint32_t domid, struct xen_domctl_tsc_info *info)
{
	*info = (struct xen_domctl_tsc_info){
		.tsc_mode = 2, .gtsc_khz = 1234, .incarnation = 3, .elapsed_nsec = 5678
	};
	return 0;
}

int xc_get_domain_cpu_policy(xc_interface *xc, uint32_t domid, xen_cpuid_leaf_t *leaves,
	uint32_t *nr_leaves, xen_msr_entry_t *msrs, uint32_t *nr_msrs)
{
	*nr_leaves = 1;
	*nr_msrs = 0;
	if (leaves)
		*leaves = (xen_cpuid_leaf_t){ .leaf = 1, .subleaf = ~0U, .d = 0xabcd };
	return 0;
}

int xc_set_domain_cpu_policy(xc_interface *xc, uint32_t domid, const xen_cpuid_leaf_t *leaves,
	uint32_t nr_leaves, const xen_msr_entry_t *msrs, uint32_t nr_msrs, uint32_t refused[3])
{
	refused[0] = refused[1] = refused[2] = 9;
	if (nr_leaves)
		machine.leaf = *leaves;
	return refuses("policy") ? -1 : 0;
}

/* Takes a table and what is below it, if all of it is the domain's. */
static bool validate(uint32_t domid, unsigned level, uint64_t mfn)
{
	if (mfn >= FRAMES || machine.frame[mfn].owner != domid)
		return false;
	if (!level)
		return true;
	if (machine.frame[mfn].type & XEN_DOMCTL_PFINFO_LTABTYPE_MASK)
		return xg_table_level(machine.frame[mfn].type) == level;
	machine.frame[mfn].type = level << 28;
	for (unsigned i = 0; i < 512; i++) {
		uint64_t entry = page_of(mfn)[i];

		if ((entry & 1) && !validate(domid, level - 1, entry >> 12 & 0xffffffffff))
			return false;
	}
	return true;
}

int xc_pin_table(xc_interface *xc, uint32_t domid, unsigned level, xen_pfn_t mfn)
{
	ck_assert_uint_eq(fake.mapped, 0);
	errno = EINVAL;
	if (!validate(domid, level, mfn))
		return -1;
	machine.frame[mfn].type |= XEN_DOMCTL_PFINFO_LPINTAB;
	return refuses("pin") ? -1 : 0;
}

int xc_vcpu_getinfo(
	xc_interface *xc, uint32_t domid, unsigned vcpu, struct xen_domctl_getvcpuinfo *info)
{
	*info = (struct xen_domctl_getvcpuinfo){ .vcpu = vcpu, .online = 1 };
	return 0;
}

int xc_vcpu_getcontext(
	xc_interface *xc, uint32_t domid, unsigned vcpu, struct vcpu_guest_context *context)
{
	*context = machine.context[domid - OLD][vcpu];
	return refuses("getcontext") ? -1 : 0;
}

int xc_vcpu_setcontext(
	xc_interface *xc, uint32_t domid, unsigned vcpu, const struct vcpu_guest_context *context)
{
	machine.context[domid - OLD][vcpu] = *context;
	machine.contexts++;
	return refuses("setcontext") ? -1 : 0;
}

int xc_vcpu_get_ext_context(
	xc_interface *xc, uint32_t domid, unsigned vcpu, struct xen_domctl_ext_vcpucontext *context)
{
	*context = (struct xen_domctl_ext_vcpucontext){
		.vcpu = vcpu, .size = sizeof(*context), .sysenter_callback_eip = 77 + vcpu
	};
	return 0;
}

int xc_vcpu_set_ext_context(
	xc_interface *xc, uint32_t domid, const struct xen_domctl_ext_vcpucontext *context)
{
	machine.extended += context->sysenter_callback_eip == 77 + context->vcpu;
	return 0;
}

int xc_vcpu_get_xstate(xc_interface *xc, uint32_t domid, unsigned vcpu, uint64_t *mask,
	void *buffer, uint64_t *size)
{
	uint64_t header[2] = { 3, 7 };

	*size = 600;
	*mask = 7;
	if (buffer) {
		memset(buffer, 0x5a, 600);
		memcpy(buffer, header, sizeof(header));
	}
	return 0;
}

int xc_vcpu_set_xstate(xc_interface *xc, uint32_t domid, unsigned vcpu, uint64_t mask,
	const void *buffer, uint64_t size)
{
	machine.xsaves += size == 600 && mask == 7 && ((const uint8_t *)buffer)[599] == 0x5a;
	return 0;
}

int xc_vcpu_get_msrs(xc_interface *xc, uint32_t domid, unsigned vcpu, xen_domctl_vcpu_msr_t *msrs,
	uint32_t *count)
{
	*count = vcpu;
	if (msrs && vcpu)
		*msrs = (xen_domctl_vcpu_msr_t){ .index = 1, .value = 2 };
	return 0;
}

int xc_vcpu_set_msrs(xc_interface *xc, uint32_t domid, unsigned vcpu,
	const xen_domctl_vcpu_msr_t *msrs, uint32_t count)
{
	return 0;
}

int xc_domain_resume(xc_interface *xc, uint32_t domid)
{
	machine.running = true;
	return 0;
}

int xc_domctl(xc_interface *xc, struct xen_domctl *op)
{
	ck_assert_uint_eq(op->cmd, XEN_DOMCTL_shadow_op);
	return 0;
}

int xc_logdirty(xc_interface *xc, uint32_t domid, unsigned op, void *bitmap, uint64_t pages,
	struct xen_domctl_shadow_op_stats *stats)
{
	ck_assert_uint_eq(machine.logs, op != XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY);
	if (refuses(bitmap ? "clean" : "log"))
		return -1;
	machine.logs = op == XEN_DOMCTL_SHADOW_OP_CLEAN || op == XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY;
	if (!bitmap)
		return 0;
	memcpy(bitmap, machine.dirty, (pages + 63) / 64 * 8);
	memset(machine.dirty, 0, sizeof(machine.dirty));
	return 0;
}

/* ---- The guest ---- */

static bool is_list(unsigned pfn)
{
	return pfn >= P2M && pfn < P2M + (machine.nr + 511) / 512;
}

static uint64_t *old_page(unsigned pfn)
{
	return page_of(mfn_of(OLD, pfn));
}

static uint64_t entry_to(unsigned pfn)
{
	return (uint64_t)mfn_of(OLD, pfn) << 12 | 0x67;
}

static void make_tables(void)
{
	for (unsigned pfn = L4; pfn < P2M; pfn++)
		memset(old_page(pfn), 0, 4096);
	old_page(L4)[0] = entry_to(L3);
	old_page(L3)[0] = entry_to(L2);
	for (unsigned i = 0; i < 3; i++)
		old_page(L2)[i] = entry_to(L1 + i);
	for (unsigned pfn = 0; pfn < machine.nr; pfn++)
		if (mfn_of(OLD, pfn))
			old_page(L1 + pfn / 512)[pfn % 512] = entry_to(pfn);
	/* What is not present may be anything. */
	old_page(L1)[511] = machine.nr <= 511 ? 0xdeadbeef000 : old_page(L1)[511];
	memset(old_page(USER), 0, 4096);
	ck_assert_int_eq(xc_pin_table(NULL, OLD, 4, mfn_of(OLD, L4)), 0);
	ck_assert_int_eq(xc_pin_table(NULL, OLD, 4, mfn_of(OLD, USER)), 0);
	/* The hypervisor's own, which nobody else could map. */
	old_page(L4)[256] = old_page(USER)[271] = 7000UL << 12 | 0x63;
}

static void make_list(bool linear)
{
	shared_info_t *shared = (shared_info_t *)page_of(SHARED(OLD));

	for (unsigned pfn = 0; pfn < 3 * 512; pfn++) {
		unsigned mfn = pfn < machine.nr ? mfn_of(OLD, pfn) : 0;

		if (pfn / 512 < (machine.nr + 511) / 512)
			old_page(P2M + pfn / 512)[pfn % 512] = mfn ? mfn : ~0UL;
	}
	old_page(P2M)[FOREIGN_PFN] = FOREIGN_ENTRY;
	old_page(P2M)[ALIEN_PFN] = ALIEN;
	shared->arch.max_pfn = machine.nr;
	if (linear) {
		shared->arch.p2m_cr3 = (uint64_t)mfn_of(OLD, L4) << 12;
		shared->arch.p2m_vaddr = P2M << 12;
		return;
	}
	shared->arch.pfn_to_mfn_frame_list_list = mfn_of(OLD, TOP);
	old_page(TOP)[0] = mfn_of(OLD, MIDDLE);
	for (unsigned i = 0; i < 3; i++)
		old_page(MIDDLE)[i] = mfn_of(OLD, P2M + i);
}

static void make_state(void)
{
	shared_info_t *shared = (shared_info_t *)page_of(SHARED(OLD));
	struct start_info *info = (struct start_info *)old_page(START);

	shared->vcpu_info[0].evtchn_upcall_mask = 1;
	shared->vcpu_info[0].evtchn_upcall_pending = 1;
	shared->evtchn_pending[0] = 5;
	shared->wc_sec = 99;
	info->store_mfn = STORE;
	info->console.domU.mfn = CONSOLE;
	for (unsigned i = 0; i < VCPUS; i++) {
		vcpu_guest_context_t *c = &machine.context[0][i];

		c->user_regs.rip = 0x1000 + i;
		c->user_regs.rdx = i ? 42 : mfn_of(OLD, START);
		c->ctrlreg[3] = (uint64_t)mfn_of(OLD, L4) << 12;
		c->ctrlreg[1] = i ? (uint64_t)mfn_of(OLD, USER) << 12 : 0;
		c->gdt_ents = 500;
		c->gdt_frames[0] = mfn_of(OLD, GDT);
	}
}

static void start_machine(unsigned nr, bool linear)
{
	memset(&machine, 0, sizeof(machine));
	start_ram(FRAMES);
	machine.next = 1024;
	machine.nr = nr;
	for (unsigned pfn = 0; pfn < nr; pfn++) {
		xen_pfn_t frame = pfn;

		if (pfn == HOLE_PFN || pfn == FOREIGN_PFN || pfn == ALIEN_PFN)
			continue;
		xc_domain_populate(NULL, OLD, 1, 0, 0, &frame);
		for (unsigned i = 0; i < 512; i++)
			page_of(frame)[i] = pfn == ZERO_PFN ? 0 : pfn * 1000003UL + i * 77;
	}
	make_tables();
	make_list(linear);
	make_state();
}

static void stop_machine(void)
{
	stop_ram();
}

#endif
