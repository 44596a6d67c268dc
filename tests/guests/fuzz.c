/*
 * Random hypercalls with arguments that often make sense: seed=N count=N vcpus=1 or 2. Calls that end the run by their
 * meaning are left out. Afterwards the hypervisor must still do what it should, and have lost no memory.
 *
 * We must not hit ourselves, which the hypervisor allows us to do: no call gets the frames of our code, stacks and page
 * tables (is_core()), and nothing that a call or the hypervisor on its own account writes may become the frame number
 * or machine address of another call without being looked at (guard()).
 */
#undef __XEN_INTERFACE_VERSION__ /* tools have the latest */
#define __XEN_TOOLS__ 1
#include "guest.h"
#include <public/domctl.h>
#include <public/nmi.h>
#include <public/platform.h>
#include <public/sysctl.h>

#define PAGES  12 /* ours to play with */
#define BATCH  6  /* calls in one */
#define VCPUS  2
#define ROUND  65536
#define FRAMES (1UL << 20)

/* What one vCPU works with. The frames are for all. */
static struct fuzzer {
	u64 rng;
	u64 *windows[PAGES];
	unsigned long window_entry[PAGES];
	u64 *window_pte[PAGES];
	/* Pages with the structures that calls point to: each call of a batch has its own. */
	u64 *args_of[BATCH], *args;
	u64 *areas; /* page that the hypervisor writes when it likes */
	struct multicall_entry *batch; /* beyond the reach of what calls write there */
	u64 longest;
} fuzzers[VCPUS];

static unsigned long page_mfn[PAGES];
static u8 core[FRAMES / 8]; /* bitmap: frames that we need */
static unsigned long vcpus;

static struct fuzzer *me(void)
{
	return &fuzzers[this_vcpu()->id];
}

#define WINDOWS	     (me()->windows)
#define WINDOW_ENTRY (me()->window_entry)
#define WINDOW_PTE   (me()->window_pte)
#define ARGS	     (me()->args)

static u64 next(void)
{
	u64 *rng = &me()->rng;

	*rng ^= *rng << 13;
	*rng ^= *rng >> 7;
	*rng ^= *rng << 17;
	return *rng;
}

static u64 below(u64 n)
{
	return (next() >> 11) % n;
}

/* --- Values --------------------------------------------------------------------------------------------- */

static u64 junk(void)
{
	static const u64 values[] = { 0, 1, 2, 3, 7, 8, 15, 16, 63, 64, 255, 511, 512, 4095, 4096, 0x7fff, 0x8000, 0xffff,
		0x200000, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 0x7ff0, 0x7ff1, 0x7ff2, 0x7fffffffffffffff,
		0x8000000000000000, ~0UL, ~0UL - 7, 0xffff800000000000, 0xffff7fffffffffff, 0xffff830000000000,
		0xffff880000000000, 0x00007fffffffffff, 0x0000800000000000 };

	return below(4) ? values[below(ARRAY_SIZE(values))] : next();
}

static bool is_core(u64 mfn)
{
	return mfn < FRAMES && core[mfn / 8] >> mfn % 8 & 1;
}

/* The same frame number, or one of ours to play with in place of one that we need. */
static u64 spare(u64 mfn)
{
	return is_core(mfn) ? page_mfn[below(PAGES)] : mfn;
}

/* The same for a machine address, that of a window's entry excepted. */
static u64 spare_address(u64 maddr)
{
	if (!is_core(maddr / PAGE_SIZE))
		return maddr;
	for (unsigned int i = 0; i < vcpus * PAGES; i++)
		if (fuzzers[i / PAGES].window_entry[i % PAGES] == (maddr & ~7UL))
			return maddr;
	return spare(maddr / PAGE_SIZE) * PAGE_SIZE | maddr % PAGE_SIZE;
}

static u64 frame(void)
{
	return below(8) ? page_mfn[below(PAGES)] : spare(junk());
}

static u64 entry(void)
{
	static const u64 flags[] = { 0, PTE_KERN, PTE_RO_, PTE_KERN | PTE_NX, PTE_KERN | PTE_PSE, PTE_KERN | 1UL << 52, 1, 3,
		PTE_RO_ | 0x100, ~0xffffffffff000UL };

	return pte(frame(), 0) | flags[below(ARRAY_SIZE(flags))];
}

/* A place for what the hypervisor writes later. */
static u64 area(void)
{
	return below(4) ? (u64)&me()->areas[below(500)] : below(4) ? (u64)WINDOWS[below(PAGES)] + below(512) * 8 : junk();
}

/* A place for an argument: in the structures, in a window, or nowhere good. */
static u64 pointer(void)
{
	switch (below(8)) {
	case 0:
		return junk();
	case 1:
		return (u64)WINDOWS[below(PAGES)] + below(512) * 8;
	default:
		return (u64)&ARGS[below(400)];
	}
}

static u64 window(void)
{
	return below(16) ? (u64)WINDOWS[below(PAGES)] : junk() | 1UL << 47;
}

static u64 entry_place(void)
{
	switch (below(8)) {
	case 0:
		return spare_address(junk() & ~3UL);
	case 1:
	case 2:
		return frame() * PAGE_SIZE + below(512) * 8;
	default:
		return WINDOW_ENTRY[below(PAGES)];
	}
}

static u64 domain(void)
{
	return below(4) ? DOMID_SELF : below(2) ? 0 : below(2) ? 1 + below(3) : junk();
}

/* Count of an array: small, or wrong. */
static u64 count(void)
{
	return below(8) ? below(5) : junk();
}

/* --- Calls ------------------------------------------------------------------------------------------------ */

struct call {
	u64 nr, arg[6];
};

static void fill_args(void)
{
	for (unsigned int i = 0; i < 64; i++) {
		switch (below(6)) {
		case 0:
			ARGS[i] = frame();
			break;
		case 1:
			ARGS[i] = pointer();
			break;
		case 2:
			ARGS[i] = window();
			break;
		case 3:
			ARGS[i] = below(24) | below(24) << 32;
			break;
		default:
			ARGS[i] = junk();
		}
	}
}

static void gen_mmu_update(struct call *c)
{
	struct mmu_update *u = (void *)&ARGS[64];

	for (unsigned int i = 0; i < 4; i++)
		/* MMU_MACHPHYS_UPDATE only of what is ours to spoil. */
		u[i] = below(8) ? (struct mmu_update){ entry_place() | below(2) * 2, entry() }
				: (struct mmu_update){ frame() * PAGE_SIZE | MMU_MACHPHYS_UPDATE, junk() };
	c->arg[0] = below(8) ? (u64)u : pointer();
	c->arg[1] = c->arg[0] == (u64)u ? below(5) : count();
	c->arg[2] = below(2) ? 0 : pointer();
	/* Above 16 bits: whose page tables they are, plus 1. */
	c->arg[3] = domain() | (below(16) ? 0 : (below(4) + 1) << 16);
}

static void gen_mmuext(struct call *c)
{
	struct mmuext_op *op = (void *)&ARGS[128];

	for (unsigned int i = 0; i < 3; i++) {
		op[i] = (struct mmuext_op){ .cmd = below(22), .arg1.mfn = frame(), .arg2.src_mfn = frame() };
		if (op[i].cmd == MMUEXT_NEW_BASEPTR)
			op[i].arg1.mfn = below(2) ? root_mfn() : junk() | 1UL << 40;
		if (op[i].cmd == MMUEXT_SET_LDT || (op[i].cmd >= MMUEXT_TLB_FLUSH_LOCAL && op[i].cmd <= MMUEXT_FLUSH_CACHE)) {
			op[i].arg1.linear_addr = window();
			op[i].arg2.nr_ents = below(2) ? below(8193) : junk();
		}
		if (op[i].cmd == MMUEXT_TLB_FLUSH_MULTI || op[i].cmd == MMUEXT_INVLPG_MULTI)
			set_xen_guest_handle(op[i].arg2.vcpumask, (const void *)pointer());
	}
	c->arg[0] = (u64)op;
	c->arg[1] = below(4);
	c->arg[2] = below(2) ? 0 : pointer();
	c->arg[3] = domain();
}

static void gen_memory_op(struct call *c)
{
	static const u8 cmds[] = { 0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 23, 24, 25, 26, 27, 28 };
	struct xen_memory_reservation *r = (void *)&ARGS[192];

	c->arg[0] = cmds[below(ARRAY_SIZE(cmds))] | (below(16) ? 0 : below(256) << 6);
	c->arg[1] = (u64)r;
	fill_args();
	for (unsigned int i = 0; i < 2; i++) {
		set_xen_guest_handle(r[i].extent_start, (xen_pfn_t *)(below(8) ? (u64)&ARGS[8 * i] : pointer()));
		/* No more memory than the pages given back; a foreign frame in the list is refused. */
		r[i].nr_extents = below(3);
		r[i].extent_order = below(8) ? below(2) : junk();
		r[i].mem_flags = below(4) ? 0 : junk();
		r[i].domid = domain();
	}
	((struct xen_memory_exchange *)r)->nr_exchanged = below(8) ? 0 : junk();
	/* The frames themselves: of the pages; the lists of increase and populate hold pfns behind ours. */
	for (unsigned int i = 0; i < 16; i++)
		ARGS[i] = c->arg[0] == XENMEM_populate_physmap ? max_pfn() + below(PAGES) : frame();
}

static void gen_event(struct call *c)
{
	u32 *a = (void *)&ARGS[256];

	c->arg[0] = below(16);
	c->arg[1] = (u64)a;
	for (unsigned int i = 0; i < 6; i++)
		a[i] = below(8) ? below(40) : junk();
	if (c->arg[0] == EVTCHNOP_init_control || c->arg[0] == EVTCHNOP_expand_array)
		*(u64 *)a = frame();
	if (below(2))
		*(u16 *)a = DOMID_SELF;
	if (below(2))
		((u16 *)a)[1] = DOMID_SELF;
	/* The frame of a control block or of events. */
	*(u64 *)a = spare(*(u64 *)a);
}

static void gen_grant(struct call *c)
{
	/* At the end of the page: what a large count takes for further structures must not name our own addresses. */
	u64 *a = &ARGS[512 - 16];

	do /* dumping the table only fills the console */
		c->arg[0] = below(14);
	while (c->arg[0] == GNTTABOP_dump_table);
	c->arg[1] = (u64)a;
	c->arg[2] = below(8) ? below(3) : junk();
	for (unsigned int i = 0; i < 16; i++)
		a[i] = below(3) ? window() : below(2) ? below(20) | below(40) << 32 : frame();
	if (c->arg[0] == GNTTABOP_map_grant_ref) {
		struct gnttab_map_grant_ref *m = (void *)a;

		m->host_addr = below(2) ? window() : entry_place();
		m->flags = below(64) | (below(8) ? 0 : junk());
		m->ref = below(24);
		m->dom = below(4) ? 0 : domain();
	} else if (c->arg[0] == GNTTABOP_setup_table) {
		struct gnttab_setup_table *s = (void *)a;

		s->dom = domain();
		s->nr_frames = below(70);
		set_xen_guest_handle(s->frame_list, (xen_pfn_t *)pointer());
	}
}

static void gen_vcpu_op(struct call *c)
{
	static const u8 cmds[] = { VCPUOP_is_up, VCPUOP_get_runstate_info, VCPUOP_register_runstate_memory_area,
		VCPUOP_set_periodic_timer, VCPUOP_stop_periodic_timer, VCPUOP_set_singleshot_timer,
		VCPUOP_stop_singleshot_timer, VCPUOP_send_nmi, VCPUOP_get_physid, VCPUOP_register_vcpu_time_memory_area,
		VCPUOP_initialise, 14, 99 };

	c->arg[0] = cmds[below(ARRAY_SIZE(cmds))];
	c->arg[1] = below(8) ? below(2) : junk();
	c->arg[2] = below(2) ? pointer() : 0;
	fill_args();
	if (c->arg[0] == VCPUOP_register_runstate_memory_area || c->arg[0] == VCPUOP_register_vcpu_time_memory_area) {
		c->arg[2] = (u64)&ARGS[8];
		ARGS[8] = area();
	}
}

static void gen_sched(struct call *c)
{
	static const u8 cmds[] = { SCHEDOP_yield, SCHEDOP_poll, SCHEDOP_remote_shutdown, SCHEDOP_pin_override, 8, 99 };
	/* A time overwritten with 0 would mean to wait for ever. */
	struct sched_poll *p = (void *)&me()->batch[16];

	c->arg[0] = cmds[below(ARRAY_SIZE(cmds))];
	c->arg[1] = (u64)p;
	set_xen_guest_handle(p->ports, (evtchn_port_t *)pointer());
	p->nr_ports = below(8) ? below(4) : junk();
	p->timeout = 1 + below(1000);
	if (c->arg[0] == SCHEDOP_pin_override)
		*(int *)p = (int)below(4) - 1;
}

static void gen_cpu_state(struct call *c)
{
	switch (below(6)) {
	case 0:
		c->nr = __HYPERVISOR_set_gdt;
		ARGS[340] = frame();
		ARGS[341] = frame();
		c->arg[0] = below(8) ? (u64)&ARGS[340] : pointer();
		c->arg[1] = below(2) ? below(1025) : junk();
		break;
	case 1:
		c->nr = __HYPERVISOR_update_descriptor;
		c->arg[0] = frame() * PAGE_SIZE + below(512) * 8;
		c->arg[1] = below(2) ? next() : 0x00affa000000ffff ^ 1UL << below(64);
		break;
	case 2:
		c->nr = __HYPERVISOR_set_debugreg;
		c->arg[0] = below(9);
		c->arg[1] = c->arg[0] < 4 ? window() : below(2) ? 0x400 | (next() & 0xffff00ff) : junk();
		break;
	case 3:
		c->nr = __HYPERVISOR_get_debugreg;
		c->arg[0] = junk();
		break;
	case 4:
		c->nr = __HYPERVISOR_set_segment_base;
		c->arg[0] = below(5);
		c->arg[1] = junk();
		break;
	default:
		c->nr = __HYPERVISOR_fpu_taskswitch;
		c->arg[0] = below(2);
	}
}

static void gen_other(struct call *c)
{
	/* Without those that have cases of their own, end the run, or change where traps go. */
	static const u8 nr[] = { 9, 11, 15, 16, 17, 19, 21, 22, 27, 28, 31, 33, 33, 33, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 48,
		55, 60, 63 };

	c->nr = nr[below(ARRAY_SIZE(nr))];
	fill_args();
	for (unsigned int i = 0; i < 6; i++)
		c->arg[i] = below(3) ? junk() : pointer();
	if (c->nr == __HYPERVISOR_physdev_op || c->nr == __HYPERVISOR_xen_version) {
		c->arg[0] = below(40);
		c->arg[1] = pointer();
	} else if (c->nr == __HYPERVISOR_nmi_op && (u32)c->arg[0] == XENNMI_register_callback) {
		/* An NMI that another vCPU sends may come where we catch nothing: it goes where it went before. */
		c->arg[1] = (u64)&trap_entries[TRAP_NMI];
	} else if (c->nr == __HYPERVISOR_set_timer_op) {
		c->arg[0] = below(2) ? now() + below(1000000) : junk();
	} else if (c->nr == __HYPERVISOR_update_va_mapping_otherdomain) {
		c->arg[0] = window();
		c->arg[1] = entry();
	}
}

static void gen_platform(struct call *c)
{
	struct xen_platform_op *op = (void *)&ARGS[16];

	fill_args();
	c->nr = __HYPERVISOR_platform_op;
	c->arg[0] = (u64)op;
	op->interface_version = below(8) ? XENPF_INTERFACE_VERSION : junk();
	do
		op->cmd = below(70);
	while (op->cmd == XENPF_enter_acpi_sleep || op->cmd == XENPF_cpu_offline);
}

/* Words of a structure of any kind. */
static void fill_words(u64 *word, unsigned int n)
{
	while (n--)
		*word++ = below(4) == 0 ? pointer() : below(3) == 0 ? frame() : below(3) ? below(8) | below(8) << 32 : junk();
}

static void gen_createdomain(struct xen_domctl_createdomain *create)
{
	*create = (struct xen_domctl_createdomain){ .max_vcpus = 1 + below(4), .max_evtchn_port = below(2) ? 1023 : -1,
		.max_grant_frames = 1 + below(64), .max_maptrack_frames = below(1024),
		.grant_opts = XEN_DOMCTL_GRANT_version(1 + below(2)) };
	if (!below(4))
		((u32 *)create)[below(sizeof(*create) / 4)] = junk();
}

static void gen_domctl(struct call *c)
{
	static const u16 common[] = { XEN_DOMCTL_createdomain, XEN_DOMCTL_max_mem, XEN_DOMCTL_max_vcpus,
		XEN_DOMCTL_setvcpucontext, XEN_DOMCTL_getvcpucontext, XEN_DOMCTL_unpausedomain, XEN_DOMCTL_pausedomain,
		XEN_DOMCTL_destroydomain, XEN_DOMCTL_hypercall_init, XEN_DOMCTL_getpageframeinfo3, XEN_DOMCTL_iomem_permission,
		XEN_DOMCTL_set_cpu_policy, XEN_DOMCTL_shadow_op };
	struct xen_domctl *op = (void *)&ARGS[420];

	fill_words((u64 *)op, sizeof(*op) / 8);
	c->nr = __HYPERVISOR_domctl;
	c->arg[0] = (u64)op;
	op->interface_version = below(64) ? XEN_DOMCTL_INTERFACE_VERSION : junk();
	op->domain = below(8) ? 1 + below(3) : domain();
	op->cmd = below(4) ? common[below(ARRAY_SIZE(common))] : below(90);
	/* With the least share of the machine, or as one that waits, we would not end either. */
	while ((op->cmd == XEN_DOMCTL_scheduler_op || op->cmd == XEN_DOMCTL_max_mem) && (op->domain == 0 || op->domain >= 4))
		op->domain = 1 + below(3);
	if (op->cmd == XEN_DOMCTL_createdomain)
		gen_createdomain(&op->u.createdomain);
	else if (op->cmd == XEN_DOMCTL_max_mem && below(4))
		op->u.max_mem.max_memkb = 4 * below(64);
	else if (op->cmd == XEN_DOMCTL_hypercall_init)
		op->u.hypercall_init.gmfn = frame();
}

static void gen_sysctl(struct call *c)
{
	struct xen_sysctl *op = (void *)&ARGS[420];

	fill_words((u64 *)op, sizeof(*op) / 8);
	c->nr = __HYPERVISOR_sysctl;
	c->arg[0] = (u64)op;
	op->interface_version = below(64) ? XEN_SYSCTL_INTERFACE_VERSION : junk();
	do /* one of the keys restarts the machine, the others fill the console */
		op->cmd = below(32);
	while (op->cmd == XEN_SYSCTL_debug_keys || op->cmd == XEN_SYSCTL_cpu_hotplug);
}

/*
 * The last look at what is about to be called. Results of other calls may lie where this one's machine addresses are
 * read: the list ends before one that is ours. What we cannot read, the call cannot either.
 */
static void guard(struct call *c)
{
	const struct mmu_update *u = (void *)c->arg[0];

	if (c->nr == __HYPERVISOR_mmu_update) {
		for (u64 i = 0; i < c->arg[1]; i++)
			if (spare_address(u[i].ptr) != u[i].ptr)
				c->arg[1] = i;
	} else if (c->nr == __HYPERVISOR_physdev_op && is_core(*(u64 *)c->arg[1])) {
		c->arg[1] = 0;
	}
}

/* What lies in a window changes by other calls of a batch, and by what other vCPUs do, after guard() has looked. */
static bool may_change(const struct call *c)
{
	return (c->nr == __HYPERVISOR_mmu_update && c->arg[0] - (u64)ARGS >= PAGE_SIZE) ||
		(c->nr == __HYPERVISOR_physdev_op && c->arg[1] - (u64)ARGS >= PAGE_SIZE);
}

static void generate_any(struct call *c)
{
	static void (*const gen[])(struct call *) = { [__HYPERVISOR_mmu_update] = gen_mmu_update,
		[__HYPERVISOR_mmuext_op] = gen_mmuext, [__HYPERVISOR_memory_op] = gen_memory_op,
		[__HYPERVISOR_event_channel_op] = gen_event, [__HYPERVISOR_grant_table_op] = gen_grant,
		[__HYPERVISOR_vcpu_op] = gen_vcpu_op, [__HYPERVISOR_sched_op] = gen_sched };
	static const u8 nr[] = { 1, 1, 1, 26, 26, 26, 12, 12, 32, 32, 20, 20, 24, 29, 14, 14 };

	*c = (struct call){ 0 };
	switch (below(22)) {
	case 0:
	case 1:
		gen_other(c);
		break;
	case 2:
	case 3:
		gen_cpu_state(c);
		break;
	case 4:
		gen_platform(c);
		break;
	case 5:
		gen_domctl(c);
		break;
	case 6:
		gen_sysctl(c);
		break;
	default:
		c->nr = nr[below(ARRAY_SIZE(nr))];
		if (c->nr == __HYPERVISOR_update_va_mapping) {
			c->arg[0] = window();
			c->arg[1] = entry();
			c->arg[2] = below(2) ? below(8) : pointer();
		} else {
			gen[c->nr](c);
		}
	}
}

static void generate(struct call *c, bool batch)
{
	do
		generate_any(c);
	while ((batch || vcpus > 1) && may_change(c));
	TRY(guard(c));
}

static void timed(unsigned long n, const struct call *c)
{
	u64 time = now();

	TRY(HYPERCALL_NR(c->nr, c->arg[0], c->arg[1], c->arg[2], c->arg[3], c->arg[4], c->arg[5]));
	time = now() - time;
	if (time > me()->longest) {
		me()->longest = time;
		if (time > 10000000)
			print("note: call %lu, %lu(%lx, %lx, %lx, %lx), took %lu ms\n", n, c->nr, c->arg[0], c->arg[1],
				c->arg[2], c->arg[3], time / 1000000);
	}
}

/* Several calls in one. */
static void do_batch(void)
{
	struct multicall_entry *m = me()->batch;
	unsigned int n = 1 + below(BATCH);

	for (unsigned int i = 0; i < n; i++) {
		struct call c;

		ARGS = me()->args_of[i];
		generate(&c, true);
		m[i].op = c.nr;
		memcpy(m[i].args, c.arg, sizeof(c.arg));
	}
	ARGS = me()->args_of[0];
	HYPERCALL(multicall, m, n);
}

/* What needs no hypercall: stores into entries and pages, selectors. */
static void do_directly(void)
{
	u64 e = entry();
	u64 *w = WINDOWS[below(PAGES)] + below(512);
	u64 *p = below(2) ? WINDOW_PTE[below(PAGES)] : w;

	switch (below(6)) {
	case 0:
		TRY(*(volatile u64 *)p = e);
		break;
	case 1:
		TRY(__atomic_exchange_n(p, e, __ATOMIC_SEQ_CST));
		break;
	case 2:
		/* Flags only: two frame numbers together may name a page that we need. */
		TRY(__asm__ volatile("lock orq %1, %0" : "+m"(*p) : "r"(e & 0xfff)));
		break;
	case 3:
		TRY(*(volatile u8 *)p = e);
		break;
	case 4:
		TRY(__asm__ volatile("mov %w0, %%es\n\tmov %w1, %%es" : : "r"((unsigned int)e & 0xffff), "r"(0)));
		break;
	default:
		TRY((void)*(volatile u64 *)w);
	}
}

/* --- Around them -------------------------------------------------------------------------------------------- */

extern const u8 text_end[];

static u64 code_sum(void)
{
	u64 sum = 0;

	for (const u64 *p = (const u64 *)(GUEST_BASE + 0x100000); p < (const u64 *)text_end; p++)
		sum = sum * 31 + *p;
	return sum;
}

/* Pages with nothing mapped behind them: what runs over their end finds no memory. */
static void *page_before_hole(void)
{
	void *page = page_alloc();

	page_set_flags(page_alloc(), 0);
	return page;
}

static void setup_vcpu(struct fuzzer *f, u64 seed)
{
	f->rng = 88172645463325252 ^ seed * 0x9e3779b97f4a7c15;
	f->areas = page_before_hole();
	f->batch = page_before_hole();
	for (unsigned int i = 0; i < BATCH; i++)
		f->args_of[i] = page_before_hole();
	f->args = f->args_of[0];
	for (unsigned int i = 0; i < PAGES; i++) {
		u64 *w = page_before_hole();

		f->windows[i] = w;
		f->window_pte[i] = entry_of(w, 1);
		f->window_entry[i] = entry_maddr(w, 1);
		map_at(w, i % 3 ? pte(page_mfn[i], PTE_KERN) : 0);
	}
}

static void setup(void)
{
	struct gnttab_setup_table s = { .dom = DOMID_SELF, .nr_frames = 1 };
	unsigned long frames[1], last = virt_to_pfn((void *)start_info->pt_base) + start_info->nr_pt_frames;
	grant_entry_v1_t *grants = window_alloc();

	for (unsigned long pfn = 0; pfn < last; pfn++)
		if (pfn_to_mfn(pfn) < FRAMES)
			core[pfn_to_mfn(pfn) / 8] |= 1 << pfn_to_mfn(pfn) % 8;
	for (unsigned int i = 0; i < PAGES; i++) {
		u64 *page = page_alloc();

		page_mfn[i] = virt_to_mfn(page);
		core[page_mfn[i] / 8] &= ~(1 << page_mfn[i] % 8);
		map_at(page, 0);
	}
	for (unsigned int i = 0; i < vcpus; i++)
		setup_vcpu(&fuzzers[i], option("seed", 1) * VCPUS + i);
	set_xen_guest_handle(s.frame_list, frames);
	HYPERCALL(grant_table_op, GNTTABOP_setup_table, &s, 1);
	map_at(grants, pte(frames[0], PTE_KERN));
	for (unsigned int i = 0; i < 24; i++)
		grants[i] = (grant_entry_v1_t){ 1 | below(2) << 2 | (i % 8 ? 0 : below(256)), 0, frame() };
}

/* New frames for those that we have given away, or have lost to a type that is not undone. */
static void frames_renew(void)
{
	static u64 *w;

	if (!w)
		w = window_alloc();
	for (unsigned int i = 0; i < PAGES; i++) {
		xen_pfn_t mfn;
		struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };

		mmuext(MMUEXT_UNPIN_TABLE, page_mfn[i], 0);
		if (map_at(w, pte(page_mfn[i], PTE_RO_)) == 0)
			continue;
		set_xen_guest_handle(r.extent_start, &mfn);
		if (HYPERCALL(memory_op, XENMEM_increase_reservation, &r) == 1)
			page_mfn[i] = mfn;
	}
	map_at(w, 0);
}

/* --- Memory of the whole machine ----------------------------------------------------------------------------- */

/* The next domain from `id` on; false: there is none. */
static bool next_domain(unsigned int id, struct xen_domctl_getdomaininfo *info)
{
	static struct xen_domctl op;

	op = (struct xen_domctl){ .cmd = XEN_DOMCTL_getdomaininfo, .interface_version = XEN_DOMCTL_INTERFACE_VERSION,
		.domain = id };
	if (HYPERCALL(domctl, &op) || op.u.getdomaininfo.domain < id)
		return false;
	*info = op.u.getdomaininfo;
	return true;
}

/* Ends all domains but us. */
static void domains_end(void)
{
	static struct xen_domctl_getdomaininfo info;
	static struct xen_domctl op;

	for (unsigned int id = 1; next_domain(id, &info); id = info.domain + 1) {
		op = (struct xen_domctl){ .cmd = XEN_DOMCTL_destroydomain, .interface_version = XEN_DOMCTL_INTERFACE_VERSION,
			.domain = info.domain };
		HYPERCALL(domctl, &op);
	}
}

/* Pages that are free or belong to a domain; those that are neither are the hypervisor's. */
static u64 pages_accounted(unsigned int *domains)
{
	static struct xen_domctl_getdomaininfo info;
	static struct xen_sysctl op;
	u64 sum;

	op = (struct xen_sysctl){ .cmd = XEN_SYSCTL_physinfo, .interface_version = XEN_SYSCTL_INTERFACE_VERSION };
	if (HYPERCALL(sysctl, &op))
		return 0;
	sum = op.u.physinfo.free_pages;
	*domains = 0;
	for (unsigned int id = 0; next_domain(id, &info); id = info.domain + 1) {
		sum += info.tot_pages;
		++*domains;
	}
	return sum;
}

static void pause_ms(unsigned int ms)
{
	u64 end = now() + ms * 1000000UL;

	while (now() < end) {
		struct sched_poll p = { .timeout = end };

		HYPERCALL(sched_op, SCHEDOP_poll, &p);
	}
}

/* --- The run ------------------------------------------------------------------------------------------------- */

static volatile unsigned long phase, second_done;

static void fuzz(unsigned long total)
{
	unsigned long from = option("from", 0), shown = 0;

	for (unsigned long n = 0; n < total; n++) {
		struct call c;

		if (n * 5 / total != shown) {
			shown = n * 5 / total;
			print("note: vCPU %u: %lu of %lu calls, %lu traps\n", this_vcpu()->id, n, total, this_vcpu()->traps);
		}
		switch (below(10)) {
		case 0:
			TRY(do_batch());
			break;
		case 1:
			do_directly();
			break;
		default:
			generate(&c, false);
			if (from && n >= from)
				print("%lu: %lu(%lx, %lx, %lx, %lx)\n", n, c.nr, c.arg[0], c.arg[1], c.arg[2], c.arg[3]);
			timed(n, &c);
		}
		if (n % 64 == 0)
			HYPERCALL(set_debugreg, 7, 0x400);
		if (n % ROUND == 0 && this_vcpu()->id == 0) {
			domains_end();
			frames_renew();
		}
	}
}

static void second_main(void *half)
{
	for (unsigned long i = 1; i <= 2; i++) {
		while (phase < i)
			cpu_relax();
		fuzz((unsigned long)half);
		second_done = i;
	}
}

/* Half of the calls, on all vCPUs. Returns pages_accounted(). */
static u64 run_half(unsigned long half, unsigned int *domains)
{
	phase++;
	fuzz(half);
	while (vcpus > 1 && second_done < phase)
		HYPERCALL(sched_op, SCHEDOP_yield, NULL);
	domains_end();
	frames_renew();
	for (unsigned int i = 0; i < PAGES; i++)
		for (unsigned int v = 0; v < vcpus; v++)
			map_at(fuzzers[v].windows[i], 0);
	pause_ms(200);
	return pages_accounted(domains);
}

/* The hypervisor still answers, and keeps its own. */
static void self_check(void)
{
	void *w = page_alloc();
	unsigned long mfn = virt_to_mfn(page_alloc());
	struct sched_poll p = { .timeout = now() + 1000000 };
	struct xen_machphys_mapping m;
	u64 *t = table_alloc();

	state_restore();
	check(HYPERCALL(xen_version, 0, NULL) >> 16 == 4, "version", "%lx", HYPERCALL(xen_version, 0, NULL));
	expect("mapping", map_at(w, pte(mfn, PTE_KERN)), 0);
	expect_trap("store through it", try_write(w, 1), NO_TRAP);
	expect_error("the hypervisor's frame", map_at(w, pte(0x200, PTE_KERN)));
	expect("pin", mmuext(MMUEXT_PIN_L1_TABLE, virt_to_mfn(t), 0), 0);
	expect("unpin", mmuext(MMUEXT_UNPIN_TABLE, virt_to_mfn(t), 0), 0);
	expect("poll", HYPERCALL(sched_op, SCHEDOP_poll, &p), 0);
	expect("memory_op", HYPERCALL(memory_op, XENMEM_machphys_mapping, &m), 0);
	expect_trap("trap", TRY(__asm__ volatile("ud2")), TRAP_UD);
}

/* NMIs, which calls send, come at any time. */
static bool take_nmi(struct trap_frame *f)
{
	return f->vector == TRAP_NMI;
}

static void second_start(void *half)
{
	this_vcpu()->handler = take_nmi;
	second_main(half);
}

void guest_main(void)
{
	unsigned long half = option("count", 1000000) / 2;
	unsigned int domains[2];
	u64 code = code_sum(), accounted[2], longest = 0;

	vcpus = option("vcpus", 1) > 1 ? 2 : 1;
	this_vcpu()->handler = take_nmi;
	setup();
	if (vcpus > 1)
		expect("second vCPU", vcpu_start(1, second_start, (void *)half), 0);
	for (unsigned int i = 0; i < 2; i++)
		accounted[i] = run_half(half, &domains[i]);
	for (unsigned int i = 0; i < vcpus; i++)
		longest = fuzzers[i].longest > longest ? fuzzers[i].longest : longest;
	check(code_sum() == code, "own code", "%lx", code_sum());
	/* With pauses that other work on a test machine may cause. */
	check(longest < 3000000000, "no call takes long", "%lu us at most", longest / 1000);
	/* What grows to a limit has reached it in the first half; a domain that cannot end yet costs some pages. */
	check(accounted[0] && accounted[1] + 64 + 256 * domains[1] > accounted[0], "memory",
		"%lu pages free or owned by %u domains, %lu by %u before", accounted[1], domains[1], accounted[0], domains[0]);
	self_check();
}
