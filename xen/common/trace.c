/*
 * Trace buffers: one ring of pages for each CPU, which a tool in dom0 maps and empties. Only its own
 * CPU writes into a ring, with interrupts off, so there are no locks. The tool can write everywhere
 * in its mapping: of what it holds only `cons` is ever read, and not trusted.
 */
#include <xen/domctl.h>
#include <xen/errno.h>
#include <xen/event.h>
#include <xen/lib.h>
#include <xen/mm.h>
#include <xen/param.h>
#include <xen/sched.h>
#include <xen/softirq.h>
#include <xen/sysctl.h>
#include <xen/trace.h>
#include <asm/processor.h>

static unsigned int opt_tbuf_size;
integer_param("tbuf_size", opt_tbuf_size);
static unsigned int opt_tevt_mask;
integer_param("tevt_mask", opt_tevt_mask);

bool trace_active __read_mostly;

/* A CPU's ring. */
struct tbuf {
	void **page; /* NULL: none yet */
	u32 prod;    /* modulo 2 * data_size; the tool sees a copy */
	u32 lost;    /* records that found no room since the last that did */
	u64 lost_since;
};
static DEFINE_PER_CPU(struct tbuf, tbuf);

/* Same for all CPUs; set once. */
static unsigned int nr_pages;
static u32 data_size; /* bytes of a ring without its head */
static struct t_info *t_info;
static unsigned int t_info_pages;
static u32 event_mask = TRC_ALL;
static cpumask_t cpu_mask = CPUMASK_ALL;

#define MAX_PAGES  4096u /* of each CPU: what can be cleared in one go */
#define LOST_WORDS 4
#define RECORD_SIZE(words) (12 + 4 * (words)) /* header and time stamp included */

/* --- Writing ---------------------------------------------------------------------------------- */

/* Class and subclass must both be wanted. */
static bool event_wanted(u32 event)
{
	u32 both = READ_ONCE(event_mask) & event;

	return both >> TRC_CLS_SHIFT && both & 0xf << TRC_SUBCLS_SHIFT;
}

static u32 advance(u32 pos, u32 n)
{
	pos += n;
	return pos >= 2 * data_size ? pos - 2 * data_size : pos;
}

/* Bytes to the end of the ring. */
static u32 to_end(u32 pos)
{
	return data_size - (pos >= data_size ? pos - data_size : pos);
}

static void put_word(struct tbuf *b, u32 word)
{
	u32 at = sizeof(struct t_buf) + data_size - to_end(b->prod);

	*(u32 *)((char *)b->page[at >> PAGE_SHIFT] + (at & (PAGE_SIZE - 1))) = word;
	b->prod = advance(b->prod, sizeof(word));
}

static void put_record(struct tbuf *b, u32 event, u64 tsc, unsigned int nr, const u32 *words)
{
	put_word(b, event | nr << TRACE_EXTRA_SHIFT | (u32)TRC_HD_CYCLE_FLAG);
	put_word(b, tsc);
	put_word(b, tsc >> 32);
	while (nr--)
		put_word(b, *words++);
}

/* Records lie in one piece. What is left at the end, less than the longest, is filled with one. */
static void pad_to_end(struct tbuf *b, u64 tsc)
{
	static const u32 zero[TRACE_EXTRA_MAX];
	u32 words = to_end(b->prod) / 4 - 1;

	if (words > TRACE_EXTRA_MAX) {
		put_record(b, TRC_TRACE_WRAP_BUFFER, tsc, words - 2, zero);
	} else {
		put_word(b, TRC_TRACE_WRAP_BUFFER | words << TRACE_EXTRA_SHIFT);
		while (words--)
			put_word(b, 0);
	}
}

/* Room that a record of `size` bytes at `pos` takes up. */
static u32 room_needed(u32 pos, u32 size)
{
	return to_end(pos) < size ? to_end(pos) + size : size;
}

/* Bytes that the tool has not taken; more than data_size: it wrote nonsense into its position. */
static u32 unread(const struct tbuf *b)
{
	u32 cons = READ_ONCE(((const struct t_buf *)b->page[0])->cons);

	if (cons >= 2 * data_size || cons % 4)
		return ~0u;
	return b->prod >= cons ? b->prod - cons : b->prod + 2 * data_size - cons;
}

static void put_lost(struct tbuf *b, u64 tsc)
{
	const struct vcpu *v = current;
	const u32 words[LOST_WORDS] = { b->lost, v->domain->domain_id | (u32)v->vcpu_id << 16,
		TRACE_U64(b->lost_since) };

	if (to_end(b->prod) < RECORD_SIZE(LOST_WORDS))
		pad_to_end(b, tsc);
	put_record(b, TRC_LOST_RECORDS, tsc, LOST_WORDS, words);
	b->lost = 0;
}

static void append(struct tbuf *b, u32 event, unsigned int nr, const u32 *words)
{
	u64 tsc = rdtsc();
	u32 used = unread(b), need = 0;

	if (b->lost)
		need = room_needed(b->prod, RECORD_SIZE(LOST_WORDS));
	need += room_needed(advance(b->prod, need), RECORD_SIZE(nr));
	if (used > data_size || data_size - used < need) {
		if (!b->lost++)
			b->lost_since = tsc;
		return;
	}
	if (b->lost)
		put_lost(b, tsc);
	if (to_end(b->prod) < RECORD_SIZE(nr))
		pad_to_end(b, tsc);
	put_record(b, event, tsc, nr, words);
	smp_wmb();
	WRITE_ONCE(((struct t_buf *)b->page[0])->prod, b->prod);
	/* We may hold any lock here: the tool is told a little later. */
	if (used < data_size / 2 && used + need >= data_size / 2)
		raise_softirq(TRACE_SOFTIRQ);
}

void trace_event(u32 event, unsigned int nr, const u32 *words)
{
	struct tbuf *b;
	unsigned long flags;

	if (!event_wanted(event) || !cpumask_test_cpu(smp_processor_id(), &cpu_mask))
		return;
	flags = local_irq_save();
	b = &this_cpu(tbuf);
	if (b->page)
		append(b, event, min(nr, (unsigned int)TRACE_EXTRA_MAX), words);
	local_irq_restore(flags);
}

static void half_full(void)
{
	if (hardware_domain)
		send_global_virq(VIRQ_TBUF);
}

/* --- Hypercalls ------------------------------------------------------------------------------- */

/* The number with a mark for each argument told, and the arguments: all 32 bits wide but pointers. */
static void trace_call(u32 event, unsigned long op, const unsigned long args[6])
{
	static const struct {
		u8 args, wide; /* how many are worth telling; bit per argument of 64 bits */
	} shape[] = {
		[__HYPERVISOR_mmu_update] = { 2, 1 },
		[__HYPERVISOR_multicall] = { 2, 1 },
		[__HYPERVISOR_memory_op] = { 1, 0 },
		[__HYPERVISOR_update_va_mapping] = { 3, 3 },
		[__HYPERVISOR_set_timer_op] = { 1, 1 },
		[__HYPERVISOR_console_io] = { 2, 0 },
		[__HYPERVISOR_grant_table_op] = { 3, 2 },
		[__HYPERVISOR_vcpu_op] = { 2, 0 },
		[__HYPERVISOR_mmuext_op] = { 2, 1 },
		[__HYPERVISOR_sched_op] = { 2, 2 },
		[__HYPERVISOR_event_channel_op] = { 2, 2 },
		[__HYPERVISOR_physdev_op] = { 2, 2 },
	};
	u32 words[TRACE_EXTRA_MAX], n = 1;
	unsigned int nr = op < ARRAY_SIZE(shape) ? shape[op].args : 0;

	words[0] = op & ~TRC_PV_HYPERCALL_V2_ARG_MASK;
	for (unsigned int i = 0; i < nr; i++) {
		bool wide = shape[op].wide >> i & 1;

		words[0] |= wide ? TRC_PV_HYPERCALL_V2_ARG_64(i) : TRC_PV_HYPERCALL_V2_ARG_32(i);
		words[n++] = args[i];
		if (wide)
			words[n++] = args[i] >> 32;
	}
	trace_event(event, n, words);
}

void trace_hypercall(void)
{
	const struct cpu_user_regs *r = guest_cpu_user_regs();
	const unsigned long args[6] = { r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9 };

	trace_call(TRC_PV_HYPERCALL_V2, r->rax, args);
}

void trace_multicall_call(unsigned long op, const unsigned long args[6])
{
	trace_call(TRC_PV_HYPERCALL_SUBCALL, op, args);
}

/* --- Setting up ------------------------------------------------------------------------------- */

static u32 *mfn_list(unsigned int cpu)
{
	return (u32 *)t_info + t_info->mfn_offset[cpu];
}

static void free_pages(void)
{
	unsigned int cpu;

	for_each_online_cpu (cpu) {
		struct tbuf *b = &per_cpu(tbuf, cpu);

		for (unsigned int i = 0; b->page && i < nr_pages; i++)
			free_xenheap_page(b->page[i]);
		xfree(b->page);
		b->page = NULL;
	}
}

/* The pages of one CPU. The list is complete, with NULLs at its end, when memory runs out. */
static int alloc_pages(struct tbuf *b)
{
	b->page = xzalloc_array(void *, nr_pages);
	if (!b->page)
		return -ENOMEM;
	for (unsigned int i = 0; i < nr_pages; i++) {
		b->page[i] = alloc_xenheap_page();
		if (!b->page[i])
			return -ENOMEM;
	}
	return 0;
}

/* Nobody else sees any of it before this. */
static void share_all(unsigned int order)
{
	unsigned int cpu;

	for_each_online_cpu (cpu) {
		const struct tbuf *b = &per_cpu(tbuf, cpu);

		for (unsigned int i = 0; i < nr_pages; i++) {
			mfn_list(cpu)[i] = virt_to_mfn(b->page[i]);
			share_xen_page_with_guest(virt_to_page(b->page[i]), dom_xen, false);
		}
	}
	for (unsigned int i = 0; i < 1u << order; i++)
		share_xen_page_with_guest(
			virt_to_page((char *)t_info + i * PAGE_SIZE), dom_xen, true);
}

/* Where each CPU's list begins, in words: 16 bits limit how many pages there can be. */
static unsigned int first_list(void)
{
	return DIV_ROUND_UP(sizeof(struct t_info) + nr_cpu_ids * sizeof(u16), sizeof(u32));
}

static unsigned int most_pages(void)
{
	unsigned int n = nr_cpu_ids == 1 ? 0xffff : (0xffff - first_list()) / (nr_cpu_ids - 1);

	return min(n, MAX_PAGES);
}

static int alloc_buffers(unsigned int pages)
{
	unsigned int order = 0, cpu, bytes;
	int rc = 0;

	nr_pages = min(pages, most_pages());
	if (nr_pages != pages)
		printk(XENLOG_WARNING "trace buffers: %u pages reduced to %u\n", pages, nr_pages);
	bytes = (first_list() + nr_cpu_ids * nr_pages) * sizeof(u32);
	while (PAGE_SIZE << order < bytes)
		order++;
	t_info = alloc_xenheap_pages(order, MEMF_zero);
	if (!t_info)
		return -ENOMEM;
	t_info->tbuf_size = nr_pages;
	for (cpu = 0; cpu < nr_cpu_ids; cpu++)
		t_info->mfn_offset[cpu] = cpu_online(cpu) ? first_list() + cpu * nr_pages : 0;
	data_size = nr_pages * PAGE_SIZE - sizeof(struct t_buf);
	for_each_online_cpu (cpu)
		rc = rc ?: alloc_pages(&per_cpu(tbuf, cpu));
	if (rc) {
		free_pages();
		free_xenheap_pages(t_info, order);
		t_info = NULL;
		return rc;
	}
	share_all(order);
	t_info_pages = 1u << order;
	open_softirq(TRACE_SOFTIRQ, half_full);
	return 0;
}

static long set_size(u32 pages)
{
	if (!pages)
		return -EINVAL;
	if (t_info) {
		if (pages == nr_pages)
			return 0;
		printk(XENLOG_INFO "trace buffers have %u pages and keep them\n", nr_pages);
		return -EINVAL;
	}
	return alloc_buffers(pages);
}

long sysctl_tbuf_op(struct xen_sysctl *op)
{
	struct xen_sysctl_tbuf_op *t = &op->u.tbuf_op;

	switch (t->cmd) {
	case XEN_SYSCTL_TBUFOP_get_info:
		t->evt_mask = event_mask;
		t->buffer_mfn = t_info ? virt_to_mfn(t_info) : 0;
		t->size = t_info_pages * PAGE_SIZE;
		return 0;
	case XEN_SYSCTL_TBUFOP_set_cpu_mask:
		return cpumask_from_xenctl(&cpu_mask, &t->cpu_mask);
	case XEN_SYSCTL_TBUFOP_set_evt_mask:
		WRITE_ONCE(event_mask, t->evt_mask);
		return 0;
	case XEN_SYSCTL_TBUFOP_set_size:
		return set_size(t->size);
	case XEN_SYSCTL_TBUFOP_enable:
		if (!t_info)
			return -EINVAL;
		WRITE_ONCE(trace_active, true);
		return 0;
	case XEN_SYSCTL_TBUFOP_disable:
		WRITE_ONCE(trace_active, false);
		return 0;
	default:
		return -EINVAL;
	}
}

void __init trace_init(void)
{
	if (opt_tevt_mask)
		event_mask = opt_tevt_mask;
	if (!opt_tbuf_size)
		return;
	if (alloc_buffers(opt_tbuf_size)) {
		printk(XENLOG_ERR "tbuf_size=%u: no memory for trace buffers\n", opt_tbuf_size);
		return;
	}
	trace_active = true;
}
