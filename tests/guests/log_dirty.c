/*
 * A control domain that keeps the log of another one's changed pages (XEN_DOMCTL_shadow_op). The other one does what it
 * is told through a page for each of its two vCPUs, so what the log must hold is known exactly. In the end both vCPUs do
 * as they like for seconds=N, while every page that the log names is copied: the copy must be the domain's memory.
 */
#define __XEN_TOOLS__ 1
#undef __XEN_INTERFACE_VERSION__ /* tools have the latest */
#include "guest.h"
#include <public/domctl.h>
#include <public/sysctl.h>
#include <public/version.h>

#define DOMU_VA    0x400000UL /* all pages, by number */
#define WINDOW_VA  0x600000UL /* mappings that change: the entries of the table L1B */
#define WINDOWS    64
#define VCPUS      2
#define NR_DATA    96
#define NR_ROOTS   64 /* that the domain goes from one to the other of */
#define CHAOS_PAGES 8 /* of them, which become tables and get other numbers */

/* The domain's pages, which are its pfns, too. */
enum { L4, USER_L4, L4B, ROOTS, L3 = ROOTS + NR_ROOTS, L2, L1, L1B, CODE, CODE_END = CODE + 4, STACK = CODE_END, MAILBOX = STACK + VCPUS,
	SCRATCH = MAILBOX + VCPUS, DATA = SCRATCH + VCPUS, NR_PAGES = DATA + NR_DATA };

enum op { OP_READ = 1, OP_WRITE, OP_USER_WRITE, OP_HYPERCALL, OP_STRESS, OP_CHAOS, OP_TOUCH };

/* A vCPU's orders and results. */
struct mailbox {
	volatile u32 wanted, done;
	volatile u32 stop;
	u64 op, arg[6];
	long result;
	u64 steps;
	unsigned long mfn[NR_PAGES];
	u8 argument[512]; /* what hypercalls point to */
};

_Static_assert(sizeof(struct mailbox) <= PAGE_SIZE, "a mailbox is a page");

static struct domu {
	domid_t id;
	unsigned long mfn[NR_PAGES];
} domu;

/* --- What runs in the domain: copied there, so it refers to nothing but itself ------------------------ */

#define DOMU_CODE __attribute__((section("domu_code"), noinline, used, optimize("no-jump-tables", \
	"no-tree-loop-distribute-patterns")))

extern u8 __start_domu_code[], __stop_domu_code[];

/* user_write(va, val): by an application, which then calls its kernel. domu_syscall is where that enters. */
void user_write(u64 va, u64 val);
void domu_syscall(void);
__asm__(".pushsection domu_code, \"ax\"\n"
	"user_write:\n"
	"	push %rbp\n	push %rbx\n	push %r12\n	push %r13\n	push %r14\n	push %r15\n"
	"	mov %rsp, %rbx\n"
	"	push $0xe02b\n"
	"	push %rbx\n"
	"	push $2\n"
	"	push $0xe033\n"
	"	lea domu_user(%rip), %rax\n"
	"	push %rax\n"
	"	push $0\n"
	"	push %rcx\n"
	"	push %r11\n"
	"	push %rax\n"
	"	mov $23, %eax\n"
	"	syscall\n"
	"domu_user:\n"
	"	mov %rsi, (%rdi)\n"
	"	syscall\n"
	"domu_syscall:\n"
	"	mov %rbx, %rsp\n"
	"	pop %r15\n	pop %r14\n	pop %r13\n	pop %r12\n	pop %rbx\n	pop %rbp\n"
	"	ret\n"
	".popsection\n");

static inline u64 next_random(u64 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static inline volatile u64 *page_at(unsigned int page)
{
	return (u64 *)(DOMU_VA + page * PAGE_SIZE);
}

DOMU_CODE static long domu_mmuext(unsigned int cmd, unsigned long arg)
{
	struct mmuext_op op = { .cmd = cmd, .arg1.mfn = arg };

	return HYPERCALL(mmuext_op, &op, 1, NULL, DOMID_SELF);
}

/* Map a data page in one of the vCPU's windows, by one of three ways, and use it. */
DOMU_CODE static long stress_window(struct mailbox *m, unsigned int vcpu, u64 *rng)
{
	unsigned int i = vcpu * (WINDOWS / VCPUS) + next_random(rng) % (WINDOWS / VCPUS);
	unsigned int page = DATA + next_random(rng) % NR_DATA, word = vcpu * 256 + next_random(rng) % 256;
	unsigned long va = WINDOW_VA + i * PAGE_SIZE;
	u64 flags = PTE_P | PTE_US | (next_random(rng) & (PTE_A | PTE_D));
	volatile u64 *at = (u64 *)va + word;
	bool writable = next_random(rng) % 4;
	struct mmu_update u = { m->mfn[L1B] * PAGE_SIZE + i * 8, pte(m->mfn[page], flags | (writable ? PTE_RW : 0)) };
	long rc = 0;

	switch (next_random(rng) % 3) {
	case 0:
		rc = HYPERCALL(update_va_mapping, va, u.val, UVMF_INVLPG | UVMF_LOCAL);
		break;
	case 1:
		u.ptr |= next_random(rng) % 2 ? MMU_PT_UPDATE_PRESERVE_AD : 0;
		rc = HYPERCALL(mmu_update, &u, 1, NULL, DOMID_SELF);
		break;
	default:
		page_at(L1B)[i] = u.val; /* emulated */
	}
	rc |= domu_mmuext(MMUEXT_INVLPG_LOCAL, va);
	if (writable && next_random(rng) % 2)
		*at = *rng;
	else if (writable)
		user_write((u64)at, *rng);
	/* Nobody else writes to this half of the page. */
	return *at == page_at(page)[word] && (!writable || *at == *rng) ? rc : -1;
}

/* A page becomes a table, gets an entry, and is an ordinary page again. */
DOMU_CODE static long stress_types(struct mailbox *m, unsigned int vcpu, u64 *rng)
{
	unsigned int page = SCRATCH + vcpu, i = next_random(rng) % 512;
	unsigned long va = (unsigned long)page_at(page);
	struct mmu_update u = { m->mfn[page] * PAGE_SIZE + i * 8,
		pte(m->mfn[DATA + next_random(rng) % NR_DATA], PTE_RO_) };
	long rc;

	page_at(page)[i] = 0;
	rc = HYPERCALL(update_va_mapping, va, pte(m->mfn[page], PTE_RO_), UVMF_INVLPG | UVMF_ALL);
	rc |= domu_mmuext(MMUEXT_PIN_L1_TABLE, m->mfn[page]);
	rc |= HYPERCALL(mmu_update, &u, 1, NULL, DOMID_SELF);
	rc |= domu_mmuext(MMUEXT_UNPIN_TABLE, m->mfn[page]);
	rc |= HYPERCALL(update_va_mapping, va, pte(m->mfn[page], PTE_KERN), UVMF_INVLPG | UVMF_ALL);
	return rc;
}

DOMU_CODE static long stress(struct mailbox *m, unsigned int vcpu, u64 seed)
{
	u64 rng = seed;
	long rc = 0;

	for (; !m->stop && !rc; m->steps++) {
		volatile u64 *at = page_at(DATA + next_random(&rng) % NR_DATA) + vcpu * 256 + next_random(&rng) % 256;

		switch (next_random(&rng) % 8) {
		case 0:
			user_write((u64)at, rng);
			break;
		case 1:
		case 2:
			rc = stress_window(m, vcpu, &rng);
			break;
		case 3:
			rc = next_random(&rng) % 4 ? 0 : stress_types(m, vcpu, &rng);
			break;
		case 4:
			rc = domu_mmuext(next_random(&rng) % 4 ? MMUEXT_NEW_BASEPTR : MMUEXT_NEW_USER_BASEPTR,
				m->mfn[ROOTS + next_random(&rng) % NR_ROOTS]);
			break;
		case 5:
			rc = HYPERCALL(xen_version, XENVER_extraversion, (u64)at & ~15UL);
			break;
		default:
			*at = rng;
		}
	}
	return rc;
}

/* An entry that can do the domain itself no harm: writable are only pages that hold nothing. */
DOMU_CODE static u64 random_entry(const struct mailbox *m, u64 *rng)
{
	unsigned int page = next_random(rng) % NR_PAGES;
	u64 flags = next_random(rng) & (PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D | PTE_NX);

	if (page < SCRATCH)
		flags &= ~PTE_RW;
	return pte(next_random(rng) % 16 ? m->mfn[page] : next_random(rng) % 0x100000, flags);
}

/* Whatever a hostile kernel can do to its tables; most of it is refused. */
DOMU_CODE static void chaos_step(struct mailbox *m, unsigned int vcpu, u64 *rng)
{
	unsigned int table = next_random(rng) % 4 ? L3 + next_random(rng) % 2 : next_random(rng) % L3, scratch = DATA + next_random(rng) % CHAOS_PAGES;
	unsigned int entry = 8 + next_random(rng) % 504; /* one that the domain itself can do without */
	struct mmu_update u = { .val = random_entry(m, rng) };
	u64 va = next_random(rng) % 4 ? WINDOW_VA + next_random(rng) % 512 * PAGE_SIZE : next_random(rng) % (1UL << 40);

	switch (next_random(rng) % 8) {
	case 0: /* upper tables: other tables below them */
		u.ptr = m->mfn[table] * PAGE_SIZE + 8 * entry;
		u.val |= next_random(rng) % 4 ? PTE_P | PTE_RW : 0;
		HYPERCALL(mmu_update, &u, 1, NULL, DOMID_SELF);
		break;
	case 1:
		u.ptr = (m->mfn[L1B] * PAGE_SIZE + next_random(rng) % 512 * 8) | (next_random(rng) % 2 ? 2 : 0);
		HYPERCALL(mmu_update, &u, 1, NULL, DOMID_SELF);
		break;
	case 2: /* tables of any level, read-only for a while */
		HYPERCALL(update_va_mapping, page_at(scratch), pte(m->mfn[scratch], PTE_RO_), UVMF_INVLPG | UVMF_ALL);
		domu_mmuext(MMUEXT_PIN_L1_TABLE + next_random(rng) % 4, m->mfn[scratch]);
		break;
	case 3:
		domu_mmuext(MMUEXT_UNPIN_TABLE, m->mfn[scratch]);
		HYPERCALL(update_va_mapping, page_at(scratch), pte(m->mfn[scratch], PTE_KERN), UVMF_INVLPG | UVMF_ALL);
		break;
	case 4:
		domu_mmuext(next_random(rng) % 2 ? MMUEXT_NEW_USER_BASEPTR : MMUEXT_NEW_BASEPTR,
			m->mfn[next_random(rng) % (L1B + 1)]);
		break;
	case 5: /* into a table, or the plain page that it was */
		u.ptr = m->mfn[scratch] * PAGE_SIZE + next_random(rng) % 512 * 8;
		HYPERCALL(mmu_update, &u, 1, NULL, DOMID_SELF);
		break;
	case 6: /* another number */
		u.ptr = m->mfn[scratch] * PAGE_SIZE | MMU_MACHPHYS_UPDATE;
		u.val = next_random(rng) % 4 ? scratch : next_random(rng) >> next_random(rng) % 64;
		HYPERCALL(mmu_update, &u, 1, NULL, DOMID_SELF);
		break;
	default: /* by the hypervisor, which does not mind when nothing is there */
		HYPERCALL(xen_version, XENVER_extraversion, va & ~15UL);
	}
}

DOMU_CODE static void chaos(struct mailbox *m, unsigned int vcpu, u64 seed)
{
	u64 rng = seed;

	for (; !m->stop; m->steps++)
		chaos_step(m, vcpu, &rng);
}

/* One write to every data page; how long that takes, in the TSC's units. */
DOMU_CODE static long touch(void)
{
	u64 begin = __builtin_ia32_rdtsc();

	for (unsigned int page = DATA; page < NR_PAGES; page++)
		*page_at(page) = page;
	return __builtin_ia32_rdtsc() - begin;
}

/* Where a vCPU begins. */
DOMU_CODE static void domu_main(struct mailbox *m, unsigned int vcpu)
{
	for (;;) {
		while (m->wanted == m->done)
			HYPERCALL(sched_op, SCHEDOP_yield);
		if (m->op == OP_READ)
			m->result = *(volatile u64 *)m->arg[0];
		else if (m->op == OP_WRITE)
			*(volatile u64 *)m->arg[0] = m->arg[1];
		else if (m->op == OP_USER_WRITE)
			user_write(m->arg[0], m->arg[1]);
		else if (m->op == OP_HYPERCALL)
			m->result = hypercall(m->arg[0], m->arg[1], m->arg[2], m->arg[3], m->arg[4], m->arg[5], 0);
		else if (m->op == OP_STRESS)
			m->result = stress(m, vcpu, m->arg[0]);
		else if (m->op == OP_TOUCH)
			m->result = touch();
		else
			chaos(m, vcpu, m->arg[0]);
		__atomic_store_n(&m->done, m->wanted, __ATOMIC_SEQ_CST);
	}
}

/* --- The controller's operations ----------------------------------------------------------------------- */

static struct xen_domctl op; /* of the last call */
static void *window;         /* a page of address space for the domain's frames */
static struct mailbox *mailbox[VCPUS];

static long domctl(u32 cmd, domid_t id)
{
	op.cmd = cmd;
	op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	op.domain = id;
	return HYPERCALL(domctl, &op);
}

static u8 bitmap[PAGE_SIZE];

static long shadow_op(domid_t id, u32 what, void *to, u64 pages)
{
	memset(&op, 0, sizeof(op));
	op.u.shadow_op.op = what;
	op.u.shadow_op.pages = pages;
	op.u.shadow_op.dirty_bitmap.p = to;
	return domctl(XEN_DOMCTL_shadow_op, id);
}

static long set_allocation(u32 mb)
{
	memset(&op, 0, sizeof(op));
	op.u.shadow_op.op = XEN_DOMCTL_SHADOW_OP_SET_ALLOCATION;
	op.u.shadow_op.mb = mb;
	return domctl(XEN_DOMCTL_shadow_op, domu.id);
}

static bool is_dirty(unsigned int page)
{
	return bitmap[page / 8] >> page % 8 & 1;
}

static long map_foreign(void *va, u64 entry)
{
	return HYPERCALL(update_va_mapping_otherdomain, va, entry, UVMF_INVLPG | UVMF_ALL, domu.id);
}

/* The page, to read. */
static const void *look_at(unsigned int page)
{
	return map_foreign(window, pte(domu.mfn[page], PTE_RO_)) ? NULL : window;
}

/* --- Making the domain ---------------------------------------------------------------------------------- */

static void put_entry(unsigned int table, unsigned int index, unsigned long mfn, u64 flags)
{
	if (!map_foreign(window, pte(domu.mfn[table], PTE_KERN)))
		((u64 *)window)[index] = pte(mfn, flags);
	map_at(window, 0);
}

static void write_page(unsigned int page, const void *from, size_t size)
{
	if (!map_foreign(window, pte(domu.mfn[page], PTE_KERN)))
		memcpy(window, from, size);
	map_at(window, 0);
}

static long pin(unsigned int page)
{
	struct mmuext_op m = { .cmd = MMUEXT_PIN_L4_TABLE, .arg1.mfn = domu.mfn[page] };

	return HYPERCALL(mmuext_op, &m, 1, NULL, domu.id);
}

static long build(void)
{
	size_t left = __stop_domu_code - __start_domu_code;
	const u8 *code = __start_domu_code;

	for (unsigned int root = L4; root < L3; root++)
		put_entry(root, 0, domu.mfn[L3], PTE_KERN);
	put_entry(L3, 0, domu.mfn[L2], PTE_KERN);
	put_entry(L2, DOMU_VA >> 21 & 511, domu.mfn[L1], PTE_KERN);
	put_entry(L2, WINDOW_VA >> 21 & 511, domu.mfn[L1B], PTE_KERN);
	for (unsigned int page = 0; page < NR_PAGES; page++)
		put_entry(L1, page, domu.mfn[page], page < CODE ? PTE_RO_ : PTE_KERN);
	for (unsigned int page = CODE; page < CODE_END && left; page++) {
		size_t size = left < PAGE_SIZE ? left : PAGE_SIZE;

		write_page(page, code, size);
		code += size;
		left -= size;
	}
	for (unsigned int root = L4; root < L3; root++)
		if (pin(root))
			return -XEN_EINVAL;
	return left ? -XEN_E2BIG : 0;
}

static unsigned long code_address(const void *p)
{
	return DOMU_VA + CODE * PAGE_SIZE + ((const u8 *)p - __start_domu_code);
}

static long set_context(unsigned int vcpu)
{
	static struct vcpu_guest_context c;

	memset(&c, 0, sizeof(c));
	c.flags = VGCF_in_kernel | VGCF_online;
	c.user_regs.rip = code_address(domu_main);
	c.user_regs.rdi = DOMU_VA + (MAILBOX + vcpu) * PAGE_SIZE;
	c.user_regs.rsi = vcpu;
	c.user_regs.cs = FLAT_KERNEL_CS;
	c.user_regs.ss = FLAT_KERNEL_SS;
	c.user_regs.rsp = DOMU_VA + (STACK + vcpu) * PAGE_SIZE + PAGE_SIZE / 2 - 8;
	c.kernel_ss = FLAT_KERNEL_SS;
	c.kernel_sp = DOMU_VA + (STACK + vcpu + 1) * PAGE_SIZE;
	c.syscall_callback_eip = code_address(domu_syscall);
	c.ctrlreg[3] = domu.mfn[L4] << 12;
	c.ctrlreg[1] = domu.mfn[USER_L4] << 12;
	op.u.vcpucontext.vcpu = vcpu;
	set_xen_guest_handle(op.u.vcpucontext.ctxt, &c);
	return domctl(XEN_DOMCTL_setvcpucontext, domu.id);
}

static long create(void)
{
	struct xen_memory_reservation r = { .nr_extents = NR_PAGES };
	long rc;

	memset(&op, 0, sizeof(op));
	op.u.createdomain.max_vcpus = VCPUS;
	op.u.createdomain.max_evtchn_port = 1023;
	op.u.createdomain.max_grant_frames = op.u.createdomain.max_maptrack_frames = -1;
	op.u.createdomain.grant_opts = 2;
	rc = domctl(XEN_DOMCTL_createdomain, 0);
	domu.id = op.domain;
	op.u.max_vcpus.max = VCPUS;
	rc = rc ? rc : domctl(XEN_DOMCTL_max_vcpus, domu.id);
	op.u.max_mem.max_memkb = NR_PAGES * 4;
	rc = rc ? rc : domctl(XEN_DOMCTL_max_mem, domu.id);
	for (unsigned int i = 0; i < NR_PAGES; i++)
		domu.mfn[i] = i;
	set_xen_guest_handle(r.extent_start, domu.mfn);
	r.domid = domu.id;
	if (!rc && HYPERCALL(memory_op, XENMEM_populate_physmap, &r) != NR_PAGES)
		rc = -XEN_ENOMEM;
	return rc;
}

static bool make(void)
{
	long rc = create();

	if (!expect("create", rc, 0) || !expect("build", build(), 0))
		return false;
	for (unsigned int vcpu = 0; vcpu < VCPUS && !rc; vcpu++) {
		rc = map_foreign(mailbox[vcpu], pte(domu.mfn[MAILBOX + vcpu], PTE_KERN));
		memcpy(mailbox[vcpu]->mfn, domu.mfn, sizeof(domu.mfn));
		rc = rc ? rc : set_context(vcpu);
	}
	return expect("contexts", rc, 0) && expect("unpause", domctl(XEN_DOMCTL_unpausedomain, domu.id), 0);
}

static bool exists(void)
{
	return domctl(XEN_DOMCTL_getdomaininfo, domu.id) == 0 && op.domain == domu.id;
}

static void destroy(void)
{
	for (unsigned int vcpu = 0; vcpu < VCPUS; vcpu++)
		map_at(mailbox[vcpu], 0);
	map_at(window, 0);
	expect("destroy", domctl(XEN_DOMCTL_destroydomain, domu.id), 0);
	for (u64 end = now() + 5000000000UL; exists() && now() < end;)
		HYPERCALL(sched_op, SCHEDOP_yield);
	check(!exists(), "gone", "%d", exists());
}

/* --- Orders ------------------------------------------------------------------------------------------------ */

static void order(unsigned int vcpu, enum op what, u64 a, u64 b, u64 c, u64 d, u64 e)
{
	struct mailbox *m = mailbox[vcpu];

	m->op = what;
	m->arg[0] = a;
	m->arg[1] = b;
	m->arg[2] = c;
	m->arg[3] = d;
	m->arg[4] = e;
	m->arg[5] = 0;
	__atomic_store_n(&m->wanted, m->wanted + 1, __ATOMIC_SEQ_CST);
}

static long wait_done(unsigned int vcpu)
{
	struct mailbox *m = mailbox[vcpu];

	for (u64 end = now() + 20000000000UL; m->done != m->wanted && now() < end;)
		HYPERCALL(sched_op, SCHEDOP_yield);
	if (m->done == m->wanted)
		return m->result;
	check(false, "the domain answers", "vCPU %u, operation %lu", vcpu, (unsigned long)m->op);
	finish();
}

static long run(unsigned int vcpu, enum op what, u64 a, u64 b)
{
	order(vcpu, what, a, b, 0, 0, 0);
	return wait_done(vcpu);
}

static u64 at(unsigned int page, unsigned int offset)
{
	return DOMU_VA + page * PAGE_SIZE + offset;
}

/* A hypercall of the domain, whose argument it finds at ARGUMENT. */
#define ARGUMENT(vcpu) at(MAILBOX + (vcpu), offsetof(struct mailbox, argument))
static long call(unsigned int vcpu, u64 nr, const void *argument, size_t size, u64 a, u64 b, u64 c, u64 d)
{
	memcpy(mailbox[vcpu]->argument, argument, size);
	order(vcpu, OP_HYPERCALL, nr, a, b, c, d);
	return wait_done(vcpu);
}

static long domu_mmuext_op(unsigned int vcpu, unsigned int cmd, unsigned int page, unsigned int src)
{
	struct mmuext_op m = { .cmd = cmd, .arg1.mfn = domu.mfn[page], .arg2.src_mfn = domu.mfn[src] };

	return call(vcpu, __HYPERVISOR_mmuext_op, &m, sizeof(m), ARGUMENT(vcpu), 1, 0, DOMID_SELF);
}

static long domu_mmu_update(unsigned int vcpu, u64 ptr, u64 val)
{
	struct mmu_update u = { ptr, val };

	return call(vcpu, __HYPERVISOR_mmu_update, &u, sizeof(u), ARGUMENT(vcpu), 1, 0, DOMID_SELF);
}

/* --- What the log holds --------------------------------------------------------------------------------------- */

static u8 wanted[NR_PAGES];

static void want(unsigned int page)
{
	wanted[page] = 1;
}

/* Stacks and mailboxes are written to at any time. */
static bool known(unsigned int page)
{
	return page < STACK || page >= SCRATCH;
}

/* The mailboxes, which we have mapped to write. */
static bool mailboxes_dirty(void)
{
	for (unsigned int vcpu = 0; vcpu < VCPUS; vcpu++)
		if (!is_dirty(MAILBOX + vcpu))
			return false;
	return true;
}

static unsigned int differences(void)
{
	unsigned int n = 0;

	for (unsigned int page = 0; page < NR_PAGES; page++)
		if (known(page) && is_dirty(page) != wanted[page]) {
			if (n++ < 4)
				print("note page %u is %s\n", page, is_dirty(page) ? "dirty" : "clean");
		}
	return n;
}

/* The log has the wanted pages, in every way of asking, and none afterwards. */
static void compare(const char *name)
{
	unsigned int peeked, found;
	long rc = shadow_op(domu.id, XEN_DOMCTL_SHADOW_OP_PEEK, bitmap, NR_PAGES);

	peeked = differences();
	memset(bitmap, 0xa5, sizeof(bitmap));
	rc = rc ? rc : shadow_op(domu.id, XEN_DOMCTL_SHADOW_OP_CLEAN, bitmap, NR_PAGES);
	found = differences();
	check(rc == 0 && op.u.shadow_op.pages == NR_PAGES && !peeked && !found, name, "%ld, %u and %u differences", rc,
		peeked, found);
	check(mailboxes_dirty(), name, "the mailboxes are dirty");
	check(bitmap[(NR_PAGES + 7) / 8] == 0xa5, name, "nothing is written behind the bitmap");
	memset(wanted, 0, sizeof(wanted));
}

static u64 rng = 88172645463325252UL;

static void random_rounds(unsigned int rounds, const char *name)
{
	for (unsigned int i = 0; i < rounds; i++) {
		for (unsigned int n = next_random(&rng) % 40; n; n--) {
			unsigned int page = DATA + next_random(&rng) % NR_DATA, vcpu = next_random(&rng) % VCPUS;
			static const enum op ops[] = { OP_READ, OP_WRITE, OP_USER_WRITE };
			enum op what = ops[next_random(&rng) % 3];

			run(vcpu, what, at(page, next_random(&rng) % 512 * 8), rng);
			if (what != OP_READ)
				want(page);
		}
		compare(name);
	}
}

static void contents(void)
{
	unsigned int wrong = 0;

	for (unsigned int page = DATA; page < NR_PAGES; page++) {
		run(page % VCPUS, page & 1 ? OP_WRITE : OP_USER_WRITE, at(page, 8), page * 1234567UL);
		want(page);
		if (run((page + 1) % VCPUS, OP_READ, at(page, 8), 0) != (long)(page * 1234567UL) ||
			((const u64 *)look_at(page))[1] != page * 1234567UL)
			wrong++;
	}
	check(!wrong, "what was written is there", "%u wrong", wrong);
	compare("all data pages");
}

/* Nothing of it shows when there is no log. */
static void contents_off(void)
{
	unsigned int wrong = 0;

	for (unsigned int page = DATA; page < NR_PAGES; page++) {
		run(page % VCPUS, page & 1 ? OP_USER_WRITE : OP_WRITE, at(page, 16), page);
		wrong += run(0, OP_READ, at(page, 16), 0) != page;
	}
	check(!wrong, "without a log", "%u wrong", wrong);
}

static void hypercalls(void)
{
	u64 desc = 0x00cffa000000ffffUL;

	run(0, OP_WRITE, at(DATA, 0), 0);
	shadow_op(domu.id, XEN_DOMCTL_SHADOW_OP_CLEAN, bitmap, NR_PAGES);
	expect("extraversion", call(0, __HYPERVISOR_xen_version, NULL, 0, XENVER_extraversion, at(DATA, 0), 0, 0), 0);
	want(DATA);
	expect("clear a page", domu_mmuext_op(0, MMUEXT_CLEAR_PAGE, DATA + 1, 0), 0);
	want(DATA + 1);
	expect("copy a page", domu_mmuext_op(1, MMUEXT_COPY_PAGE, DATA + 2, DATA + 3), 0);
	want(DATA + 2);
	expect("plain page by mmu_update", domu_mmu_update(1, domu.mfn[DATA + 4] * PAGE_SIZE + 8, 77), 0);
	want(DATA + 4);
	expect("descriptor", call(0, __HYPERVISOR_update_descriptor, NULL, 0, domu.mfn[DATA + 5] * PAGE_SIZE, desc, 0, 0), 0);
	want(DATA + 5);
	expect("M2P", domu_mmu_update(0, domu.mfn[DATA + 6] * PAGE_SIZE | MMU_MACHPHYS_UPDATE, DATA + 6), 0);
	want(DATA + 6);
	compare("what hypercalls write");
}

static void tables(void)
{
	u64 window_entry = domu.mfn[L1B] * PAGE_SIZE;

	expect("map", domu_mmu_update(0, window_entry, pte(domu.mfn[DATA + 9], PTE_KERN)), 0);
	want(L1B);
	compare("a table that changes");
	run(1, OP_READ, WINDOW_VA, 0);
	compare("reading by the new mapping");
	run(0, OP_USER_WRITE, WINDOW_VA + 8, 4711);
	want(DATA + 9);
	compare("writing by the new mapping");
	run(0, OP_WRITE, at(L1B, 8), pte(domu.mfn[DATA + 10], PTE_P | PTE_US | PTE_RW));
	want(L1B);
	compare("a store to a table");
	run(1, OP_READ, WINDOW_VA + PAGE_SIZE, 0);
	want(L1B);
	compare("the accessed mark");
	check(((const u64 *)look_at(L1B))[1] == pte(domu.mfn[DATA + 10], PTE_P | PTE_US | PTE_RW | PTE_A), "the entry",
		"%lx", (unsigned long)((const u64 *)look_at(L1B))[1]);
	run(1, OP_WRITE, WINDOW_VA + PAGE_SIZE, 1);
	want(L1B);
	want(DATA + 10);
	compare("the dirty mark");
	check(((const u64 *)look_at(L1B))[1] & PTE_D, "the entry is dirty", "%lx",
		(unsigned long)((const u64 *)look_at(L1B))[1]);
	run(0, OP_WRITE, at(L1B, 8), 0);
	want(L1B);
	expect("new root", domu_mmuext_op(0, MMUEXT_NEW_BASEPTR, L4B, 0), 0);
	run(0, OP_WRITE, at(DATA + 11, 0), 5);
	want(DATA + 11);
	expect("old root", domu_mmuext_op(0, MMUEXT_NEW_BASEPTR, L4, 0), 0);
	compare("another root");
	expect("unpin", domu_mmuext_op(0, MMUEXT_UNPIN_TABLE, L4B, 0), 0);
	want(L4B);
	compare("a table no longer");
	expect("pin", domu_mmuext_op(1, MMUEXT_PIN_L4_TABLE, L4B, 0), 0);
	want(L4B);
	compare("a table again");
}

/* --- Others' writes ------------------------------------------------------------------------------------------- */

static void foreign(void)
{
	static u64 *page;

	page = page ? page : window_alloc();
	expect("map to write", map_foreign(page, pte(domu.mfn[DATA + 30], PTE_KERN)), 0);
	for (unsigned int i = 0; i < 3; i++) {
		want(DATA + 30);
		compare("mapped by us to write");
	}
	*(volatile u64 *)page = 1;
	expect("mark it clean", mmu_update(entry_maddr(page, 1), pte(domu.mfn[DATA + 30], PTE_KERN & ~PTE_D)), 0);
	want(DATA + 30);
	compare("still mapped by us to write");
	expect("map to read", map_foreign(page, pte(domu.mfn[DATA + 30], PTE_RO_)), 0);
	want(DATA + 30);
	compare("mapped to write until now");
	compare("mapped to read");
	expect("map to write again", map_foreign(page, pte(domu.mfn[DATA + 31], PTE_KERN)), 0);
	want(DATA + 31);
	compare("another one");
	map_at(page, 0);
	want(DATA + 31);
	compare("another one until now");
	compare("nothing mapped");
}

/* In the frame of its grant table the domain lets us have a page. */
static bool grant(unsigned int page)
{
	xen_pfn_t frame = 0;
	struct xen_mem_acquire_resource r = { .domid = domu.id, .type = XENMEM_resource_grant_table, .nr_frames = 1 };
	grant_entry_v1_t *table = window;

	set_xen_guest_handle(r.frame_list, &frame);
	if (!expect("acquire the grant table", HYPERCALL(memory_op, XENMEM_acquire_resource, &r), 0) ||
		!expect("map it", map_foreign(window, pte(frame, PTE_KERN)), 0))
		return false;
	table[9].domid = 0;
	table[9].frame = domu.mfn[page];
	table[9].flags = GTF_permit_access;
	map_at(window, 0);
	return true;
}

static void grants(void)
{
	static u8 *page;
	struct gnttab_map_grant_ref map = { .flags = GNTMAP_host_map, .ref = 9, .dom = domu.id };
	struct gnttab_unmap_grant_ref unmap = { 0 };
	struct gnttab_copy copy = { .len = 8, .flags = GNTCOPY_dest_gref };

	if (!grant(DATA + 40))
		return;
	page = page ? page : page_alloc();
	copy.source.domid = DOMID_SELF;
	copy.source.u.gmfn = virt_to_mfn(bitmap);
	copy.dest.domid = domu.id;
	copy.dest.u.ref = 9;
	expect("copy to a grant", HYPERCALL(grant_table_op, GNTTABOP_copy, &copy, 1), 0);
	check(copy.status == GNTST_okay, "copied", "%d", copy.status);
	want(DATA + 40);
	compare("a grant copied to");
	map.host_addr = unmap.host_addr = (u64)page;
	expect("map a grant", HYPERCALL(grant_table_op, GNTTABOP_map_grant_ref, &map, 1), 0);
	check(map.status == GNTST_okay, "mapped", "%d", map.status);
	for (unsigned int i = 0; i < 3; i++) {
		*(volatile u64 *)page = i;
		want(DATA + 40);
		compare("a grant mapped to write");
	}
	unmap.handle = map.handle;
	expect("unmap the grant", HYPERCALL(grant_table_op, GNTTABOP_unmap_grant_ref, &unmap, 1), 0);
	check(unmap.status == GNTST_okay, "unmapped", "%d", unmap.status);
	want(DATA + 40);
	compare("a grant mapped until now");
	compare("no grant mapped");
}

/* --- At the same time ------------------------------------------------------------------------------------------ */

static u8 image[NR_PAGES][PAGE_SIZE];

static unsigned int copy_dirty(void)
{
	unsigned int n = 0;

	for (unsigned int page = 0; page < NR_PAGES; page++)
		if (is_dirty(page)) {
			memcpy(image[page], look_at(page), PAGE_SIZE);
			n++;
		}
	return n;
}

/* The hypervisor's slots of a root are not the domain's. */
static bool same(unsigned int page)
{
	const u8 *now = look_at(page), *copy = image[page];

	if (page >= L3)
		return !memcmp(copy, now, PAGE_SIZE);
	return !memcmp(copy, now, 256 * 8) && !memcmp(copy + 272 * 8, now + 272 * 8, PAGE_SIZE - 272 * 8);
}

static void stress_until(u64 end, unsigned int *rounds, unsigned int *copied)
{
	while (now() < end) {
		for (u64 pause = now() + next_random(&rng) % 20000000; now() < pause;)
			HYPERCALL(sched_op, SCHEDOP_yield);
		if (shadow_op(domu.id, XEN_DOMCTL_SHADOW_OP_CLEAN, bitmap, NR_PAGES))
			break;
		*copied += copy_dirty();
		++*rounds;
	}
}

/* `first`: pages from there on, and the tables and code, must be the same in the copy. */
static void moving(const char *name, enum op what, unsigned int first)
{
	unsigned int rounds = 0, copied = 0, wrong = 0;

	memset(bitmap, 0xff, sizeof(bitmap));
	copy_dirty();
	for (unsigned int vcpu = 0; vcpu < VCPUS; vcpu++) {
		mailbox[vcpu]->stop = 0;
		mailbox[vcpu]->steps = 0;
		order(vcpu, what, next_random(&rng), 0, 0, 0, 0);
	}
	stress_until(now() + option("seconds", 4) * 1000000000UL, &rounds, &copied);
	/* In the middle of what they do. */
	expect("pause", domctl(XEN_DOMCTL_pausedomain, domu.id), 0);
	expect("last round", shadow_op(domu.id, XEN_DOMCTL_SHADOW_OP_CLEAN, bitmap, NR_PAGES), 0);
	copied += copy_dirty();
	for (unsigned int page = 0; page < NR_PAGES; page++)
		if ((page < DATA || page >= first) && !same(page)) {
			if (wrong++ < 4)
				print("note page %u is another one\n", page);
		}
	check(!wrong, name, "%u pages differ, %u rounds, %u pages copied, %lu and %lu steps", wrong, rounds, copied,
		(unsigned long)mailbox[0]->steps, (unsigned long)mailbox[1]->steps);
	expect("unpause", domctl(XEN_DOMCTL_unpausedomain, domu.id), 0);
	for (unsigned int vcpu = 0; vcpu < VCPUS; vcpu++) {
		mailbox[vcpu]->stop = 1;
		wait_done(vcpu);
		if (what == OP_STRESS)
			expect("the stress", mailbox[vcpu]->result, 0);
	}
	/* vCPUs may have been left with another root. */
	for (unsigned int vcpu = 0; vcpu < VCPUS; vcpu++)
		expect("root", domu_mmuext_op(vcpu, MMUEXT_NEW_BASEPTR, L4, 0), 0);
	shadow_op(domu.id, XEN_DOMCTL_SHADOW_OP_CLEAN, bitmap, NR_PAGES);
}

/* --- Cost -------------------------------------------------------------------------------------------------------- */

static u64 tsc_to_ns(u64 ticks)
{
	const struct vcpu_time_info *t = &shared_info->vcpu_info[0].time;

	ticks = t->tsc_shift < 0 ? ticks >> -t->tsc_shift : ticks << t->tsc_shift;
	return (unsigned __int128)ticks * t->tsc_to_system_mul >> 32;
}

/* What a round costs the domain, and the controller: figures for where time counts instructions. */
static void cost(void)
{
	u64 first = 0, again = 0, round = 0, begin;
	const unsigned int rounds = 10;

	run(0, OP_TOUCH, 0, 0);
	for (unsigned int i = 0; i < rounds; i++) {
		begin = now();
		shadow_op(domu.id, XEN_DOMCTL_SHADOW_OP_CLEAN, bitmap, NR_PAGES);
		round += now() - begin;
		first += tsc_to_ns(run(0, OP_TOUCH, 0, 0));
		again += tsc_to_ns(run(0, OP_TOUCH, 0, 0));
	}
	print("note first write to a page in a round: %lu ns, others: %lu ns; a round: %lu ns\n",
		(unsigned long)(first / rounds / NR_DATA), (unsigned long)(again / rounds / NR_DATA),
		(unsigned long)(round / rounds));
}

/* --- Little memory ------------------------------------------------------------------------------------------------ */

/* The log takes as much of the pool as it gets: shadows of all roots have no room then. */
static void use_up_pool(void)
{
	u64 number = domu.mfn[DATA] * PAGE_SIZE | MMU_MACHPHYS_UPDATE;
	unsigned int set = 0;

	for (u64 i = 1; i < 400; i++)
		if (domu_mmu_update(i % VCPUS, number, i << 24) != 0)
			break;
	expect("its own number again", domu_mmu_update(0, number, DATA), 0);
	expect("the log is full", shadow_op(domu.id, XEN_DOMCTL_SHADOW_OP_CLEAN, bitmap, NR_PAGES), 0);
	for (unsigned int page = 0; page < NR_PAGES; page++)
		set += is_dirty(page);
	check(set == NR_PAGES, "all pages count as dirty", "%u", set);
	compare("once");
}

/* --- Cases ------------------------------------------------------------------------------------------------------- */

static u64 free_pages(void)
{
	struct xen_sysctl s = { .cmd = XEN_SYSCTL_physinfo, .interface_version = XEN_SYSCTL_INTERFACE_VERSION };
	u64 pages = 0, before;

	do { /* until the allocator's and RCU's business is done */
		before = pages;
		for (u64 end = now() + 100000000UL; now() < end;)
			HYPERCALL(sched_op, SCHEDOP_yield);
		pages = HYPERCALL(sysctl, &s) ? 0 : s.u.physinfo.free_pages;
	} while (pages != before);
	return pages;
}

static void refusals(void)
{
	expect("CLEAN without a log", shadow_op(domu.id, XEN_DOMCTL_SHADOW_OP_CLEAN, bitmap, NR_PAGES), -XEN_EINVAL);
	expect("PEEK without a log", shadow_op(domu.id, XEN_DOMCTL_SHADOW_OP_PEEK, bitmap, NR_PAGES), -XEN_EINVAL);
	expect("no such operation", shadow_op(domu.id, 77, bitmap, NR_PAGES), -XEN_EINVAL);
	expect("a log of oneself", shadow_op(0, XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, NULL, 0), -XEN_EINVAL);
	expect("no such domain", shadow_op(0x7000, XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, NULL, 0), -XEN_ESRCH);
	expect("ENABLE without a mode", shadow_op(domu.id, XEN_DOMCTL_SHADOW_OP_ENABLE, NULL, 0), -XEN_EINVAL);
	expect("OFF when it is off", shadow_op(domu.id, XEN_DOMCTL_SHADOW_OP_OFF, NULL, 0), 0);
	expect("allocation", shadow_op(domu.id, XEN_DOMCTL_SHADOW_OP_GET_ALLOCATION, NULL, 0), 0);
	check(op.u.shadow_op.mb == 0, "nothing allocated", "%u MiB", op.u.shadow_op.mb);
	expect("more than there is", set_allocation(1u << 20), -XEN_EINVAL);
}

static long enable_by_mode(u32 mode)
{
	memset(&op, 0, sizeof(op));
	op.u.shadow_op.op = XEN_DOMCTL_SHADOW_OP_ENABLE;
	op.u.shadow_op.mode = mode;
	return domctl(XEN_DOMCTL_shadow_op, domu.id);
}

static void enable(bool by_mode)
{
	expect("a mode that is not there", enable_by_mode(XEN_DOMCTL_SHADOW_ENABLE_TRANSLATE), -XEN_EINVAL);
	expect("enable", by_mode ? enable_by_mode(XEN_DOMCTL_SHADOW_ENABLE_LOG_DIRTY)
				 : shadow_op(domu.id, XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, NULL, 0), 0);
	expect("enable again", shadow_op(domu.id, XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, NULL, 0), -XEN_EINVAL);
	expect("allocation", shadow_op(domu.id, XEN_DOMCTL_SHADOW_OP_GET_ALLOCATION, NULL, 0), 0);
	check(op.u.shadow_op.mb > 0, "allocated", "%u MiB", op.u.shadow_op.mb);
	compare("an empty log");
}

static void bad_buffers(void)
{
	run(0, OP_WRITE, at(DATA + 20, 0), 1);
	want(DATA + 20);
	expect("a bad buffer", shadow_op(domu.id, XEN_DOMCTL_SHADOW_OP_CLEAN, (void *)0x1000, NR_PAGES), -XEN_EFAULT);
	expect("the hypervisor's as buffer",
		shadow_op(domu.id, XEN_DOMCTL_SHADOW_OP_CLEAN, (void *)0xffff830000000000UL, NR_PAGES), -XEN_EFAULT);
	compare("after a bad buffer");
	run(0, OP_WRITE, at(DATA + 21, 0), 1);
	expect("only the figures", shadow_op(domu.id, XEN_DOMCTL_SHADOW_OP_PEEK, NULL, 0), 0);
	check(op.u.shadow_op.stats.dirty_count >= 1, "figures", "%u dirty", op.u.shadow_op.stats.dirty_count);
	expect("without a buffer", shadow_op(domu.id, XEN_DOMCTL_SHADOW_OP_CLEAN, NULL, 0), 0);
	check(op.u.shadow_op.stats.dirty_count >= 1 && op.u.shadow_op.stats.fault_count >= 1, "its figures",
		"%u dirty, %u faults", op.u.shadow_op.stats.dirty_count, op.u.shadow_op.stats.fault_count);
	compare("after a round without a buffer");
}

void guest_main(void)
{
	u64 before, after;

	window = window_alloc();
	for (unsigned int vcpu = 0; vcpu < VCPUS; vcpu++)
		mailbox[vcpu] = window_alloc();
	before = free_pages();
	if (!make())
		return;
	refusals();
	contents_off();
	enable(false);
	contents();
	random_rounds(20, "random pages");
	hypercalls();
	tables();
	bad_buffers();
	foreign();
	grants();
	cost();
	moving("a copy of all that changes", OP_STRESS, DATA);
	expect("off", shadow_op(domu.id, XEN_DOMCTL_SHADOW_OP_OFF, NULL, 0), 0);
	expect("CLEAN when off", shadow_op(domu.id, XEN_DOMCTL_SHADOW_OP_CLEAN, bitmap, NR_PAGES), -XEN_EINVAL);
	contents_off();
	/* With as little memory as can be: shadows are dropped all the time. */
	expect("a small allocation", set_allocation(1), 0);
	enable(true);
	use_up_pool();
	random_rounds(20, "random pages with little memory");
	moving("a copy with little memory", OP_STRESS, DATA);
	moving("a hostile kernel", OP_CHAOS, DATA + CHAOS_PAGES);
	destroy();
	after = free_pages();
	check(after + 8 >= before && after <= before + 8, "free memory", "%lu pages, before %lu", (unsigned long)after,
		(unsigned long)before);
}
