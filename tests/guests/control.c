/*
 * A control domain that builds, runs and destroys domains of its own making: what an unprivileged domain may ask for,
 * what its controller may do to it, and that all of it comes back, whoever still holds a part of it.
 *
 * Each domain has nine pages: four tables, code, stack, a script of hypercalls, two spare ones. Its code issues the
 * hypercalls of the script, notes their results and then executes an undefined instruction.
 */
#define __XEN_TOOLS__ 1
#undef __XEN_INTERFACE_VERSION__ /* tools have the latest */
#include "guest.h"
#include <public/domctl.h>
#include <public/platform.h>
#include <public/sysctl.h>
#include <public/version.h>

#define DOMU_VA    0x400000UL /* code, stack, script, spare: all in one L1 */
#define NR_PAGES   9
#define SCRIPT_MAX 32
enum { L4, L3, L2, L1, CODE, STACK, SCRIPT, SPARE };

struct request {
	u64 nr, arg[5];
	long result;
};

struct script {
	u64 count;
	struct request request[SCRIPT_MAX];
	/* What the requests point to. */
	struct xen_domctl domctl;
	struct xen_sysctl sysctl;
	struct xen_platform_op platform;
	struct xen_memory_reservation reservation;
	struct xen_memory_map map;
	struct mmu_update update;
	struct mmuext_op mmuext;
	struct evtchn_alloc_unbound unbound;
	struct evtchn_bind_virq virq;
	struct xen_feature_info features;
	struct sched_shutdown shutdown;
	struct gnttab_query_size query;
	xen_domain_handle_t handle;
	u8 buffer[16];
};

_Static_assert(sizeof(struct script) <= PAGE_SIZE, "the script is one page");

struct domu {
	domid_t id;
	unsigned long mfn[NR_PAGES];
};

/* rdi: the script. */
extern const u8 domu_code[], domu_code_end[];
__asm__(".pushsection .rodata\n"
	"domu_code:\n"
	"	mov (%rdi), %rbx\n"
	"	lea 8(%rdi), %rbp\n"
	"1:	test %rbx, %rbx\n"
	"	jz 2f\n"
	"	mov 0(%rbp), %rax\n"
	"	mov 8(%rbp), %rdi\n"
	"	mov 16(%rbp), %rsi\n"
	"	mov 24(%rbp), %rdx\n"
	"	mov 32(%rbp), %r10\n"
	"	mov 40(%rbp), %r8\n"
	"	syscall\n"
	"	mov %rax, 48(%rbp)\n"
	"	add $56, %rbp\n"
	"	dec %rbx\n"
	"	jmp 1b\n"
	"2:	ud2\n"
	"domu_code_end:\n"
	".popsection\n");

static void *window; /* a page of address space for the frames of others */

/* --- Operations ------------------------------------------------------------------------------------ */

static struct xen_domctl op; /* of the last call */

static long domctl(u32 cmd, domid_t id)
{
	op.cmd = cmd;
	op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	op.domain = id;
	return HYPERCALL(domctl, &op);
}

static u64 free_pages(void)
{
	struct xen_sysctl s = { .cmd = XEN_SYSCTL_physinfo, .interface_version = XEN_SYSCTL_INTERFACE_VERSION };

	return HYPERCALL(sysctl, &s) ? 0 : s.u.physinfo.free_pages;
}

static u32 flags_of(domid_t id)
{
	return domctl(XEN_DOMCTL_getdomaininfo, id) || op.domain != id ? ~0u : op.u.getdomaininfo.flags;
}

static bool exists(domid_t id)
{
	return flags_of(id) != ~0u;
}

static void wait_gone(domid_t id)
{
	for (u64 end = now() + 5000000000UL; exists(id) && now() < end;)
		HYPERCALL(sched_op, SCHEDOP_yield);
}

static long map_foreign(domid_t id, void *va, u64 entry)
{
	return HYPERCALL(update_va_mapping_otherdomain, va, entry, UVMF_INVLPG | UVMF_ALL, id);
}

static void *open_page(const struct domu *d, unsigned int page)
{
	return map_foreign(d->id, window, pte(d->mfn[page], PTE_KERN)) ? NULL : window;
}

static void close_page(void)
{
	map_at(window, 0);
}

static long mmuext_for(domid_t id, unsigned int cmd, unsigned long mfn)
{
	struct mmuext_op m = { .cmd = cmd, .arg1.mfn = mfn };

	return HYPERCALL(mmuext_op, &m, 1, NULL, id);
}

/* --- A domain -------------------------------------------------------------------------------------- */

static long create(struct domu *d, unsigned int vcpus)
{
	long rc;

	memset(&op, 0, sizeof(op));
	op.u.createdomain.max_vcpus = vcpus;
	op.u.createdomain.max_evtchn_port = 1023;
	op.u.createdomain.max_grant_frames = op.u.createdomain.max_maptrack_frames = -1;
	op.u.createdomain.grant_opts = 2;
	op.u.createdomain.handle[0] = 0x5a;
	rc = domctl(XEN_DOMCTL_createdomain, 0);
	d->id = op.domain;
	if (rc)
		return rc;
	op.u.max_vcpus.max = vcpus;
	rc = domctl(XEN_DOMCTL_max_vcpus, d->id);
	op.u.max_mem.max_memkb = NR_PAGES * 4;
	return rc ? rc : domctl(XEN_DOMCTL_max_mem, d->id);
}

static long populate(struct domu *d)
{
	struct xen_memory_reservation r = { .nr_extents = NR_PAGES, .domid = d->id };

	for (unsigned int i = 0; i < NR_PAGES; i++)
		d->mfn[i] = i;
	set_xen_guest_handle(r.extent_start, d->mfn);
	return HYPERCALL(memory_op, XENMEM_populate_physmap, &r);
}

static void put_entry(const struct domu *d, unsigned int table, unsigned int index, unsigned long mfn, u64 flags)
{
	u64 *t = open_page(d, table);

	if (t)
		t[index] = pte(mfn, flags);
	close_page();
}

static long build(struct domu *d)
{
	u8 *code;

	put_entry(d, L4, 0, d->mfn[L3], PTE_KERN);
	put_entry(d, L3, 0, d->mfn[L2], PTE_KERN);
	put_entry(d, L2, DOMU_VA >> 21 & 511, d->mfn[L1], PTE_KERN);
	for (unsigned int page = CODE; page < NR_PAGES; page++)
		put_entry(d, L1, page, d->mfn[page], PTE_KERN);
	code = open_page(d, CODE);
	if (!code)
		return -1;
	memcpy(code, domu_code, domu_code_end - domu_code);
	close_page();
	return mmuext_for(d->id, MMUEXT_PIN_L4_TABLE, d->mfn[L4]);
}

static struct vcpu_guest_context context;

static void fill_context(const struct domu *d)
{
	memset(&context, 0, sizeof(context));
	context.flags = VGCF_in_kernel | VGCF_online;
	context.user_regs.rip = DOMU_VA + CODE * PAGE_SIZE;
	context.user_regs.rsp = DOMU_VA + (STACK + 1) * PAGE_SIZE;
	context.user_regs.rdi = DOMU_VA + SCRIPT * PAGE_SIZE;
	context.user_regs.cs = FLAT_KERNEL_CS;
	context.user_regs.ss = FLAT_KERNEL_SS;
	context.ctrlreg[3] = d->mfn[L4] << 12;
}

static long set_context(const struct domu *d, unsigned int vcpu)
{
	op.u.vcpucontext.vcpu = vcpu;
	set_xen_guest_handle(op.u.vcpucontext.ctxt, &context);
	return domctl(XEN_DOMCTL_setvcpucontext, d->id);
}

/* A domain that lacks only a context, which is filled in. */
static bool prepare(struct domu *d)
{
	long rc = create(d, 1);

	if (rc)
		return check(false, "create a domain", "%ld", rc);
	rc = populate(d);
	if (rc != NR_PAGES)
		return check(false, "populate", "%ld", rc);
	rc = build(d);
	fill_context(d);
	return rc ? check(false, "build", "%ld", rc) : true;
}

/* A domain that can run. */
static bool make(struct domu *d)
{
	long rc;

	if (!prepare(d))
		return false;
	rc = set_context(d, 0);
	return rc ? check(false, "set the context", "%ld", rc) : true;
}

static long destroy(domid_t id)
{
	return domctl(XEN_DOMCTL_destroydomain, id);
}

/* --- What an unprivileged domain is told ------------------------------------------------------------ */

/* Address in the domain of a member of the script. */
#define AT(member) (DOMU_VA + SCRIPT * PAGE_SIZE + offsetof(struct script, member))

static unsigned int nr_requests;

static void ask(struct script *s, u64 nr, u64 a, u64 b, u64 c, u64 d)
{
	s->request[nr_requests++] = (struct request){ .nr = nr, .arg = { a, b, c, d }, .result = 12345 };
	s->count = nr_requests;
}

static const struct {
	const char *name;
	long want;
} questions[] = {
	{ "domctl", -XEN_EPERM },
	{ "sysctl", -XEN_EPERM },
	{ "platform_op", -XEN_EPERM },
	{ "memory for dom0", -XEN_EPERM },
	{ "the machine's memory map", -XEN_EPERM },
	{ "claim", -XEN_EPERM },
	{ "map a frame of dom0", -XEN_EPERM },
	{ "pin for dom0", -XEN_EPERM },
	{ "a port of dom0", -XEN_EPERM },
	{ "VIRQ_DOM_EXC, which it may wait for in vain", 0 },
	{ "console input", -XEN_EPERM },
	{ "grant table of dom0", -XEN_EPERM },
	{ "features", 0 },
	{ "handle", 0 },
	{ "memory map of one's own", -XEN_ENOSYS },
	{ "shutdown", 12345 },
};

static void write_script(struct script *s, domid_t self)
{
	memset(s, 0, sizeof(*s));
	nr_requests = 0;
	s->domctl.cmd = XEN_DOMCTL_destroydomain;
	s->domctl.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	ask(s, __HYPERVISOR_domctl, AT(domctl), 0, 0, 0);
	s->sysctl.cmd = XEN_SYSCTL_physinfo;
	s->sysctl.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	ask(s, __HYPERVISOR_sysctl, AT(sysctl), 0, 0, 0);
	s->platform.cmd = XENPF_settime64;
	s->platform.interface_version = XENPF_INTERFACE_VERSION;
	ask(s, __HYPERVISOR_platform_op, AT(platform), 0, 0, 0);
	s->reservation.nr_extents = 1;
	s->reservation.extent_start.p = (xen_pfn_t *)AT(buffer);
	ask(s, __HYPERVISOR_memory_op, XENMEM_populate_physmap, AT(reservation), 0, 0);
	ask(s, __HYPERVISOR_memory_op, XENMEM_machine_memory_map, AT(map), 0, 0);
	ask(s, __HYPERVISOR_memory_op, XENMEM_claim_pages, AT(reservation), 0, 0);
	s->update.ptr = 0x1000; /* refused before anybody looks */
	ask(s, __HYPERVISOR_mmu_update, AT(update), 1, 0, 0);
	s->mmuext.cmd = MMUEXT_PIN_L4_TABLE;
	ask(s, __HYPERVISOR_mmuext_op, AT(mmuext), 1, 0, 0);
	ask(s, __HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, AT(unbound), 0, 0);
	s->virq.virq = VIRQ_DOM_EXC;
	ask(s, __HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq, AT(virq), 0, 0);
	ask(s, __HYPERVISOR_console_io, CONSOLEIO_read, 16, AT(buffer), 0);
	ask(s, __HYPERVISOR_grant_table_op, GNTTABOP_query_size, AT(query), 1, 0);
	ask(s, __HYPERVISOR_xen_version, XENVER_get_features, AT(features), 0, 0);
	ask(s, __HYPERVISOR_xen_version, XENVER_guest_handle, AT(handle), 0, 0);
	s->map.nr_entries = 1;
	ask(s, __HYPERVISOR_memory_op, XENMEM_memory_map, AT(map), 0, 0);
	s->shutdown.reason = SHUTDOWN_reboot;
	ask(s, __HYPERVISOR_sched_op, SCHEDOP_shutdown, AT(shutdown), 0, 0);
}

/* Let it run until it has shut down; its code. */
static u32 run(const struct domu *d)
{
	u32 flags = 0;

	if (domctl(XEN_DOMCTL_unpausedomain, d->id))
		return ~0u;
	for (u64 end = now() + 10000000000UL; now() < end; HYPERCALL(sched_op, SCHEDOP_yield)) {
		flags = flags_of(d->id);
		if (flags & XEN_DOMINF_shutdown)
			return flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask;
	}
	return ~0u;
}

static void judge_script(const struct script *s)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(questions); i++) {
		long got = s->request[i].result;

		/* The grant operation succeeds and says in its argument what became of it. */
		if (s->request[i].nr == __HYPERVISOR_grant_table_op)
			check(got == 0 && s->query.status == GNTST_permission_denied, questions[i].name, "%ld, status %d",
				got, s->query.status);
		else
			check(got == questions[i].want, questions[i].name, "%ld", got);
	}
	check(!(s->features.submap & 1u << XENFEAT_dom0) && s->features.submap, "features of domU", "%x",
		s->features.submap);
	check(s->handle[0] == 0x5a, "its own handle", "%x", s->handle[0]);
}

static void unprivileged(void)
{
	struct script *s;
	struct domu d;
	u32 code;

	if (!make(&d))
		return;
	s = open_page(&d, SCRIPT);
	if (!check(s != NULL, "map a page of domU", "%d", s != NULL))
		return;
	write_script(s, d.id);
	code = run(&d);
	check(code == SHUTDOWN_reboot, "shutdown code", "%x", code);
	judge_script(s);
	close_page();
	expect("destroy", destroy(d.id), 0);
	wait_gone(d.id);
	check(!exists(d.id), "gone", "%d", exists(d.id));
}

static void crash(void)
{
	struct domu d;
	u32 code;

	if (!make(&d))
		return;
	code = run(&d); /* an empty script: straight into the undefined instruction */
	check(code == SHUTDOWN_crash, "crash code", "%x", code);
	expect("destroy a crashed domain", destroy(d.id), 0);
	wait_gone(d.id);
}

/* --- Contexts that cannot be ------------------------------------------------------------------------- */

static void bad_contexts(void)
{
	struct domu d;

	if (!prepare(&d))
		return;
	context.ctrlreg[3] = root_mfn() << 12;
	expect("tables of another domain", set_context(&d, 0), -XEN_EINVAL);
	context.ctrlreg[3] = d.mfn[L1] << 12;
	expect("an L1 as the root", set_context(&d, 0), -XEN_EINVAL);
	context.ctrlreg[3] = ~0UL;
	expect("no frame as the root", set_context(&d, 0), -XEN_EINVAL);
	fill_context(&d);
	context.ctrlreg[1] = d.mfn[L2] << 12;
	expect("an L2 as the user root", set_context(&d, 0), -XEN_EINVAL);
	fill_context(&d);
	context.gdt_ents = 512;
	context.gdt_frames[0] = d.mfn[L1];
	expect("a page table as GDT", set_context(&d, 0), -XEN_EINVAL);
	context.gdt_frames[0] = root_mfn();
	expect("GDT of another domain", set_context(&d, 0), -XEN_EINVAL);
	fill_context(&d);
	context.user_regs.rip = 0x0000900000000000UL;
	expect("non-canonical rip", set_context(&d, 0), -XEN_EINVAL);
	fill_context(&d);
	context.flags &= ~(unsigned long)VGCF_in_kernel;
	expect("user mode without tables", set_context(&d, 0), -XEN_EINVAL);
	expect("no such vCPU", set_context(&d, 1), -XEN_EINVAL);
	fill_context(&d);
	expect("a good one after all", set_context(&d, 0), 0);
	expect_error("writable page table from outside", map_foreign(d.id, window, pte(d.mfn[L2], PTE_KERN)));
	expect_error("frame of another owner", map_foreign(d.id, window, pte(root_mfn(), PTE_RO_)));
	expect("no such domain", map_foreign(0x7000, window, pte(d.mfn[CODE], PTE_RO_)), -XEN_ESRCH);
	expect("destroy", destroy(d.id), 0);
	wait_gone(d.id);
}

/* --- Ends with something still held ------------------------------------------------------------------- */

static void zombie(void)
{
	struct domu d;

	if (!make(&d) || !open_page(&d, SPARE))
		return;
	expect("destroy with a page mapped", destroy(d.id), 0);
	check(flags_of(d.id) & XEN_DOMINF_dying, "a zombie", "%x", flags_of(d.id));
	check(op.u.getdomaininfo.tot_pages == 1, "with one page", "%lu", (unsigned long)op.u.getdomaininfo.tot_pages);
	expect("destroy it again", destroy(d.id), 0);
	expect_error("context of a zombie", set_context(&d, 0));
	expect_error("pin for a zombie", mmuext_for(d.id, MMUEXT_PIN_L1_TABLE, d.mfn[SPARE]));
	check(populate(&d) == 0, "no memory for a zombie", "%d", 0);
	*(volatile u64 *)window = 1;
	close_page();
	wait_gone(d.id);
	check(!exists(d.id), "gone with the last mapping", "%d", exists(d.id));
}

static void channels(void)
{
	struct evtchn_alloc_unbound unbound = { .remote_dom = DOMID_SELF };
	struct evtchn_bind_interdomain bind;
	struct evtchn_status status = { .dom = DOMID_SELF };
	struct evtchn_close closing;
	struct evtchn_send send;
	struct domu d;

	if (!make(&d))
		return;
	unbound.dom = d.id;
	expect("a port of domU for us", HYPERCALL(event_channel_op, EVTCHNOP_alloc_unbound, &unbound), 0);
	bind.remote_dom = d.id;
	bind.remote_port = unbound.port;
	expect("bind to it", HYPERCALL(event_channel_op, EVTCHNOP_bind_interdomain, &bind), 0);
	expect("destroy with a channel bound", destroy(d.id), 0);
	wait_gone(d.id);
	check(!exists(d.id), "gone, channel or not", "%d", exists(d.id));
	status.port = send.port = closing.port = bind.local_port;
	expect("status", HYPERCALL(event_channel_op, EVTCHNOP_status, &status), 0);
	check(status.status == EVTCHNSTAT_unbound, "our end is unbound", "%u", status.status);
	expect("send into nothing", HYPERCALL(event_channel_op, EVTCHNOP_send, &send), 0);
	expect("close", HYPERCALL(event_channel_op, EVTCHNOP_close, &closing), 0);
	unbound.dom = d.id;
	expect("port of a domain that is gone", HYPERCALL(event_channel_op, EVTCHNOP_alloc_unbound, &unbound), -XEN_ESRCH);
}

/* The frame of domU's grant table, in which it lets us have its spare page. */
static bool grant_spare(const struct domu *d)
{
	xen_pfn_t frame = 0;
	struct xen_mem_acquire_resource r = { .domid = d->id, .type = XENMEM_resource_grant_table, .nr_frames = 1 };
	grant_entry_v1_t *table = window;

	set_xen_guest_handle(r.frame_list, &frame);
	if (!expect("acquire the grant table", HYPERCALL(memory_op, XENMEM_acquire_resource, &r), 0) ||
		!expect("map it", map_foreign(d->id, window, pte(frame, PTE_KERN)), 0))
		return false;
	table[9].domid = 0;
	table[9].frame = d->mfn[SPARE];
	table[9].flags = GTF_permit_access;
	close_page();
	return true;
}

static void grants(void)
{
	struct gnttab_map_grant_ref map = { .host_addr = (u64)window, .flags = GNTMAP_host_map, .ref = 9 };
	struct gnttab_unmap_grant_ref unmap = { .host_addr = (u64)window };
	struct domu d;

	if (!make(&d) || !grant_spare(&d))
		return;
	map.dom = d.id;
	expect("map the grant", HYPERCALL(grant_table_op, GNTTABOP_map_grant_ref, &map, 1), 0);
	check(map.status == GNTST_okay, "grant is there", "%d", map.status);
	expect("destroy with a grant mapped", destroy(d.id), 0);
	check(flags_of(d.id) & XEN_DOMINF_dying, "a zombie by grant", "%x", flags_of(d.id));
	*(volatile u64 *)window = 2;
	unmap.handle = map.handle;
	expect("unmap the grant", HYPERCALL(grant_table_op, GNTTABOP_unmap_grant_ref, &unmap, 1), 0);
	check(unmap.status == GNTST_okay, "grant is back", "%d", unmap.status);
	wait_gone(d.id);
	check(!exists(d.id), "gone with the last grant", "%d", exists(d.id));
}

/* --- Nothing is lost ------------------------------------------------------------------------------------ */

static void half_built(void)
{
	struct domu d;

	if (expect("create with 40 vCPUs", create(&d, 40), 0))
		expect("destroy before there is memory", destroy(d.id), 0);
	wait_gone(d.id);
	if (create(&d, 1) == 0 && populate(&d) == NR_PAGES && build(&d) == 0)
		expect("destroy without a context", destroy(d.id), 0);
	wait_gone(d.id);
}

static void many(void)
{
	unsigned long n = option("count", 50);
	bool ok = true;

	for (unsigned long i = 0; i < n && ok; i++) {
		struct domu d;

		ok = make(&d) && (i & 1 || run(&d) == SHUTDOWN_crash) && destroy(d.id) == 0;
		wait_gone(d.id);
	}
	check(ok, "domains come and go", "%lu", n);
}

/* Pages that are free once the allocator's and RCU's business is done. */
static u64 settled_free_pages(void)
{
	u64 pages = free_pages(), before;

	do {
		before = pages;
		for (u64 end = now() + 200000000UL; now() < end;)
			HYPERCALL(sched_op, SCHEDOP_yield);
		pages = free_pages();
	} while (pages != before);
	return pages;
}

void guest_main(void)
{
	static void (*const cases[])(void) = { unprivileged, crash, bad_contexts, zombie, channels, grants, half_built,
		many };
	u64 before, after;

	window = window_alloc();
	map_at(window, 0);
	half_built(); /* what is kept for the next domain shall not count */
	before = settled_free_pages();
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		cases[i]();
		after = settled_free_pages();
		/* Small objects are kept in pages of their own: some more or fewer of these. */
		check(after + 8 >= before && after <= before + 8, "free memory", "case %u: %lu pages, before %lu", i, after,
			before);
	}
	check(after + 8 >= before, "free memory in the end", "%lu pages, before %lu", after, before);
}
