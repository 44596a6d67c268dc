/* sources: xen/common/ctl_bitmap.c tests/unit/harness.c */
#include <check.h>
#include <stdlib.h>
#define TEST_TRACE
#include "harness.h"
#include "suite.h"
#include "../../xen/common/trace.c"

#define PAGES 2048
#define CPUS  2

unsigned char host_ram[PAGES * PAGE_SIZE] __aligned(4096);
static struct page_info table[PAGES];
struct page_info *const frame_table = table;
cpumask_t cpu_online_map;
unsigned int nr_cpu_ids = CPUS;
struct domain *hardware_domain, *dom_xen;
static struct domain dom;
static struct vcpu vcpu = { .vcpu_id = 3, .domain = &dom };

static unsigned int next_page, pages_out, shared, raised;
static int page_budget;

void *alloc_xenheap_pages(unsigned int order, unsigned int memflags)
{
	void *p = mfn_to_virt(next_page);

	if (!page_budget || next_page + (1u << order) > PAGES)
		return NULL;
	page_budget--;
	next_page += 1u << order;
	pages_out += 1u << order;
	return memset(p, memflags & MEMF_zero ? 0 : 0xa5, PAGE_SIZE << order);
}

void free_xenheap_pages(void *v, unsigned int order)
{
	pages_out -= v ? 1u << order : 0;
}

void share_xen_page_with_guest(struct page_info *pg, struct domain *d, bool readonly)
{
	shared++;
}

void open_softirq(enum softirq nr, void (*handler)(void))
{
}

void raise_softirq(enum softirq nr)
{
	ck_assert_uint_eq(nr, TRACE_SOFTIRQ);
	raised++;
}

void send_global_virq(u32 virq)
{
}

static void setup(void)
{
	harness_reset();
	memset(per_cpu__tbuf, 0, sizeof(per_cpu__tbuf));
	t_info = NULL;
	nr_pages = t_info_pages = 0;
	trace_active = false;
	event_mask = TRC_ALL;
	cpu_mask = CPUMASK_ALL;
	cpu_online_map = CPUMASK_NONE;
	for (unsigned int i = 0; i < CPUS; i++)
		cpumask_set_cpu(i, &cpu_online_map);
	next_page = 1;
	pages_out = shared = raised = 0;
	page_budget = -1;
	dom.domain_id = 7;
	set_current(&vcpu);
}

static long tbuf_op(u32 cmd, u32 size)
{
	struct xen_sysctl op = { .u.tbuf_op = { .cmd = cmd, .size = size } };

	return sysctl_tbuf_op(&op);
}

static void start(u32 pages)
{
	ck_assert_int_eq(tbuf_op(XEN_SYSCTL_TBUFOP_set_size, pages), 0);
	ck_assert_int_eq(tbuf_op(XEN_SYSCTL_TBUFOP_enable, 0), 0);
}

/* --- The tool's side, by public/trace.h alone ------------------------------------------------- */

static struct t_buf *head_of(unsigned int cpu)
{
	return mfn_to_virt(((u32 *)t_info)[t_info->mfn_offset[cpu]]);
}

static u32 ring_bytes(void)
{
	return t_info->tbuf_size * PAGE_SIZE - sizeof(struct t_buf);
}

/* The i-th word behind the head. */
static u32 ring_word(unsigned int cpu, u32 pos)
{
	u32 at = sizeof(struct t_buf) + pos % ring_bytes();

	return *(u32 *)((char *)mfn_to_virt(((u32 *)t_info)[t_info->mfn_offset[cpu] + at / PAGE_SIZE]) +
		at % PAGE_SIZE);
}

struct record {
	u32 event, nr, words[7];
	u64 tsc;
};

/* Take the next record. False: there is none. */
static bool take(unsigned int cpu, struct record *r)
{
	struct t_buf *h = head_of(cpu);
	u32 cons = h->cons, size, hdr;
	bool tsc;

	if (cons == h->prod)
		return false;
	ck_assert_uint_lt(h->prod, 2 * ring_bytes());
	hdr = ring_word(cpu, cons);
	r->event = TRC_HD_TO_EVENT(hdr);
	r->nr = TRC_HD_EXTRA(hdr);
	tsc = TRC_HD_INCLUDES_CYCLE_COUNT(hdr);
	size = 4 + 8 * tsc + 4 * r->nr;
	/* In one piece. */
	ck_assert_uint_le(cons % ring_bytes() + size, ring_bytes());
	r->tsc = tsc ? ring_word(cpu, cons + 4) | (u64)ring_word(cpu, cons + 8) << 32 : 0;
	for (u32 i = 0; i < r->nr; i++)
		r->words[i] = ring_word(cpu, cons + 4 + 8 * tsc + 4 * i);
	cons += size;
	h->cons = cons >= 2 * ring_bytes() ? cons - 2 * ring_bytes() : cons;
	return true;
}

/* --- Tests ------------------------------------------------------------------------------------ */

START_TEST(sizes)
{
	ck_assert_int_eq(tbuf_op(XEN_SYSCTL_TBUFOP_enable, 0), -EINVAL);
	ck_assert_int_eq(tbuf_op(XEN_SYSCTL_TBUFOP_set_size, 0), -EINVAL);
	ck_assert_int_eq(tbuf_op(77, 0), -EINVAL);
	start(4);
	ck_assert_uint_eq(t_info->tbuf_size, 4);
	ck_assert_uint_eq(shared, pages_out);
	ck_assert_uint_eq(pages_out, 1 + CPUS * 4);
	ck_assert_int_eq(tbuf_op(XEN_SYSCTL_TBUFOP_set_size, 4), 0);
	ck_assert_int_eq(tbuf_op(XEN_SYSCTL_TBUFOP_set_size, 5), -EINVAL);
	ck_assert_int_eq(tbuf_op(XEN_SYSCTL_TBUFOP_disable, 0), 0);
	ck_assert(!trace_active);
}
END_TEST

START_TEST(huge_size_is_cut)
{
	ck_assert_uint_le(most_pages(), MAX_PAGES);
	ck_assert_int_eq(tbuf_op(XEN_SYSCTL_TBUFOP_set_size, ~0u), -ENOMEM);
	ck_assert_uint_eq(pages_out, 0);
	/* Many CPUs: the last one's list must begin within 16 bits. */
	nr_cpu_ids = NR_CPUS;
	ck_assert_uint_le(first_list() + (NR_CPUS - 1) * most_pages(), 0xffff);
	nr_cpu_ids = CPUS;
}
END_TEST

START_TEST(no_memory_no_leak)
{
	for (int budget = 0; budget < 1 + CPUS * 3; budget++) {
		page_budget = budget;
		ck_assert_int_eq(tbuf_op(XEN_SYSCTL_TBUFOP_set_size, 3), -ENOMEM);
		ck_assert_uint_eq(pages_out, 0);
		ck_assert_uint_eq(shared, 0);
		ck_assert_int_eq(tbuf_op(XEN_SYSCTL_TBUFOP_enable, 0), -EINVAL);
	}
	page_budget = -1;
	for (host_xmalloc_budget = 0; host_xmalloc_budget < CPUS;) {
		int was = host_xmalloc_budget;

		ck_assert_int_eq(tbuf_op(XEN_SYSCTL_TBUFOP_set_size, 3), -ENOMEM);
		ck_assert_uint_eq(pages_out, 0);
		host_xmalloc_budget = was + 1;
	}
	start(3);
}
END_TEST

START_TEST(masks)
{
	static const struct {
		u32 mask, event;
		bool wanted;
	} t[] = {
		{ TRC_ALL, TRC_SCHED_WAKE, true },
		{ TRC_SCHED, TRC_SCHED_WAKE, true },
		{ TRC_SCHED_MIN, TRC_SCHED_WAKE, false },
		{ TRC_SCHED_MIN, TRC_SCHED_RUNSTATE_CHANGE | 0x130, true },
		{ TRC_PV, TRC_SCHED_WAKE, false },
		{ TRC_PV, TRC_PV_TRAP | TRC_64_FLAG, true },
		{ TRC_HW, TRC_PM_IDLE_ENTRY, true },
		{ TRC_HW_IRQ, TRC_PM_IDLE_ENTRY, false },
		{ 0, TRC_SCHED_WAKE, false },
	};
	struct record r;
	u8 cpus = 2;
	struct xen_sysctl op = { .u.tbuf_op.cmd = XEN_SYSCTL_TBUFOP_set_cpu_mask };

	start(1);
	for (unsigned int i = 0; i < ARRAY_SIZE(t); i++) {
		ck_assert_int_eq(0, ({
			struct xen_sysctl m = { .u.tbuf_op = {
				.cmd = XEN_SYSCTL_TBUFOP_set_evt_mask, .evt_mask = t[i].mask } };
			sysctl_tbuf_op(&m);
		}));
		TRACE(t[i].event, 1);
		ck_assert_msg(take(0, &r) == t[i].wanted, "row %u", i);
		if (t[i].wanted)
			ck_assert_uint_eq(r.event, t[i].event);
	}
	event_mask = TRC_ALL;
	op.u.tbuf_op.cpu_mask.bitmap.p = &cpus;
	op.u.tbuf_op.cpu_mask.nr_bits = 8;
	ck_assert_int_eq(sysctl_tbuf_op(&op), 0);
	TRACE(TRC_SCHED_WAKE, 1);
	ck_assert(!take(0, &r));
	host_cpu_info.processor_id = 1;
	TRACE(TRC_SCHED_WAKE, 1);
	ck_assert(take(1, &r));
	op.u.tbuf_op.cpu_mask.bitmap.p = NULL;
	ck_assert_int_eq(sysctl_tbuf_op(&op), -EFAULT);
}
END_TEST

/* Any mixture of lengths and of readers' speeds: every record arrives once, or is counted as lost. */
START_TEST(nothing_vanishes)
{
	u32 sent = 0, seen = 0, words[7];
	u64 tsc = 0;
	struct record r;

	srand(_i);
	start(1 + _i % 3);
	for (unsigned int round = 0; round < 500; round++) {
		for (int n = rand() % 40; n; n--) {
			u32 nr = 1 + rand() % 7;

			words[0] = sent++;
			for (u32 i = 1; i < nr; i++)
				words[i] = words[0] * 8 + i;
			trace_event(TRC_SCHED_WAKE, nr, words);
		}
		for (int n = rand() % 60; n && take(0, &r); n--) {
			if (r.event == TRC_TRACE_WRAP_BUFFER)
				continue;
			ck_assert_uint_ge(r.tsc, tsc);
			tsc = r.tsc;
			if (r.event == TRC_LOST_RECORDS) {
				ck_assert_uint_eq(r.nr, 4);
				ck_assert_uint_eq(r.words[1], 7 | 3 << 16);
				ck_assert_uint_gt(r.words[0], 0);
				seen += r.words[0];
				continue;
			}
			ck_assert_uint_eq(r.event, TRC_SCHED_WAKE);
			ck_assert_uint_eq(r.words[0], seen++);
			for (u32 i = 1; i < r.nr; i++)
				ck_assert_uint_eq(r.words[i], r.words[0] * 8 + i);
		}
	}
	while (take(0, &r))
		seen += r.event == TRC_SCHED_WAKE ? 1 : r.event == TRC_LOST_RECORDS ? r.words[0] : 0;
	ck_assert_uint_eq(sent, seen + this_cpu(tbuf).lost);
}
END_TEST

/* The tool is told once on the way to full, and again after it has read. */
START_TEST(half_full_is_told)
{
	struct record r;

	start(1);
	for (int round = 1; round <= 3; round++) {
		for (int i = 0; i < 100; i++)
			TRACE(TRC_SCHED_WAKE, i);
		ck_assert_uint_eq(raised, round - 1);
		for (int i = 0; i < 400; i++)
			TRACE(TRC_SCHED_WAKE, i);
		ck_assert_uint_eq(raised, round);
		while (take(0, &r))
			;
	}
}
END_TEST

/* What a tool writes into its mapping changes nothing but what it gets. */
START_TEST(hostile_reader)
{
	static const u32 nonsense[] = { 1, 2, 3, 0x1000, 0xfffffffc, 0x80000000, 0x2000, 8184 };

	start(1);
	for (unsigned int i = 0; i < 20000; i++) {
		head_of(0)->cons = i % 3 ? nonsense[rand() % ARRAY_SIZE(nonsense)] : (u32)rand();
		head_of(0)->prod = rand();
		TRACE(TRC_SCHED_WAKE, i, 2, 3);
		ck_assert_uint_lt(this_cpu(tbuf).prod, 2 * data_size);
		ck_assert_uint_eq(this_cpu(tbuf).prod % 4, 0);
	}
	/* Sane again, it gets records again. */
	head_of(0)->cons = head_of(0)->prod = this_cpu(tbuf).prod;
	TRACE(TRC_SCHED_WAKE, 42);
	for (struct record r; take(0, &r);)
		if (r.event == TRC_SCHED_WAKE) {
			ck_assert_uint_eq(r.words[0], 42);
			return;
		}
	ck_abort_msg("no record after nonsense");
}
END_TEST

START_TEST(hypercall_record)
{
	struct record r;

	start(1);
	host_cpu_info.guest_regs.rax = __HYPERVISOR_update_va_mapping;
	host_cpu_info.guest_regs.rdi = 0x1122334455667788;
	host_cpu_info.guest_regs.rsi = 0x99aabbccddeeff00;
	host_cpu_info.guest_regs.rdx = 5;
	trace_hypercall();
	ck_assert(take(0, &r));
	ck_assert_uint_eq(r.event, TRC_PV_HYPERCALL_V2);
	ck_assert_uint_eq(r.nr, 6);
	ck_assert_uint_eq(r.words[0], __HYPERVISOR_update_va_mapping | TRC_PV_HYPERCALL_V2_ARG_64(0) |
		TRC_PV_HYPERCALL_V2_ARG_64(1) | TRC_PV_HYPERCALL_V2_ARG_32(2));
	ck_assert_uint_eq(r.words[1], 0x55667788);
	ck_assert_uint_eq(r.words[2], 0x11223344);
	ck_assert_uint_eq(r.words[5], 5);
	host_cpu_info.guest_regs.rax = ~0ul; /* any number may come */
	trace_hypercall();
	ck_assert(take(0, &r));
	ck_assert_uint_eq(r.nr, 1);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("trace");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, sizes);
	tcase_add_test(t, huge_size_is_cut);
	tcase_add_test(t, no_memory_no_leak);
	tcase_add_test(t, masks);
	tcase_add_loop_test(t, nothing_vanishes, 0, 6);
	tcase_add_test(t, half_full_is_told);
	tcase_add_test(t, hostile_reader);
	tcase_add_test(t, hypercall_record);
	return run_suite("trace", t);
}
