/*
 * TLB flushes, here and on other CPUs.
 *
 * The hypervisor's own mappings are global and guests' never are, so a reload of CR3 removes what a
 * guest may have put there. One shoot-down is under way at a time (flush_lock). A CPU that waits
 * for the lock serves requests meanwhile, so that two CPUs that both have interrupts off can flush
 * each other; the CPU that holds the lock cannot be a target.
 */
#include <asm/apic.h>
#include <asm/flushtlb.h>
#include <asm/irqflags.h>
#include <xen/lib.h>
#include <xen/mm.h>
#include <xen/perfc.h>
#include <xen/smp.h>
#include <xen/spinlock.h>
#include <public/xen.h>
#include "smp_private.h"

u64 tlb_flush_clock = 1;
bool use_pcid __ro_after_init;
DEFINE_PER_CPU(u64, tlb_flush_time);

static DEFINE_SPINLOCK(flush_lock, LOCK_RANK_FLUSH);
static cpumask_t flush_pending; /* CPUs that have not served the request yet */
static const void *flush_va;
static unsigned int flush_flags;

u32 tlb_clock(void)
{
	return READ_ONCE(tlb_flush_clock);
}

/*
 * Page stamps keep only the clock's lower half. The moment meant is taken to be the latest possible
 * one: when the page is older than that, the CPU is flushed once more than necessary, never less.
 */
void tlb_filter(cpumask_t *mask, u32 page_stamp)
{
	u64 now = READ_ONCE(tlb_flush_clock);
	u64 stamp = (now & ~0xffffffffULL) | page_stamp;
	unsigned int cpu;

	if (stamp > now)
		stamp -= 1ULL << 32;
	for_each_cpu(cpu, mask) if (READ_ONCE(per_cpu(tlb_flush_time, cpu)) > stamp)
		cpumask_clear_cpu(cpu, mask);
}

static void flush_nonglobal(void)
{
	if (use_pcid)
		invpcid(INVPCID_ALL_NONGLOBAL, 0, NULL);
	else
		write_cr3(read_cr3());
}

static void flush_global(void)
{
	unsigned long flags = local_irq_save(), cr4 = read_cr4();

	if (cr4 & X86_CR4_PGE) {
		write_cr4(cr4 & ~X86_CR4_PGE);
		write_cr4(cr4);
	} else {
		flush_nonglobal();
	}
	local_irq_restore(flags);
}

void flush_local(const void *va, unsigned int flags)
{
	u64 time;

	if (flags & (FLUSH_TLB | FLUSH_TLB_GLOBAL)) {
		time = tlb_flush_begin();
		if (flags & FLUSH_TLB_GLOBAL)
			flush_global();
		else
			flush_nonglobal();
		tlb_flush_end(time);
	} else if (flags & FLUSH_VA) {
		invlpg(va);
		/* Guests may name any address. INVLPG takes them all; INVPCID faults on what is none. */
		if (use_pcid && is_canonical(va))
			invpcid(INVPCID_ADDRESS, (read_cr3() & PCID_USER) ^ PCID_USER, va);
	}
}

void flush_poll(void)
{
	unsigned int cpu = smp_processor_id();

	if (!cpumask_test_cpu(cpu, &flush_pending))
		return;
	smp_rmb();
	flush_local(READ_ONCE(flush_va), READ_ONCE(flush_flags));
	smp_mb();
	cpumask_clear_cpu(cpu, &flush_pending);
}

void flush_interrupt(struct cpu_user_regs *regs)
{
	flush_poll();
}

/* Publish the request, interrupt the CPUs of `targets` (not this one), and wait for them all. */
static void flush_others(const cpumask_t *targets, const void *va, unsigned int flags)
{
	while (!spin_trylock(&flush_lock)) {
		flush_poll();
		cpu_relax();
	}
	WRITE_ONCE(flush_va, va);
	WRITE_ONCE(flush_flags, flags);
	smp_wmb();
	FOR_EACH_MASK_WORD(i)
	__atomic_store_n(&flush_pending.bits[i], targets->bits[i], __ATOMIC_SEQ_CST);
	perfc_incr(tlb_flush_ipis);
	apic_send_ipi_mask(targets, VECTOR_INVALIDATE);
	while (!cpumask_empty((const cpumask_t *)&flush_pending)) {
		barrier();
		cpu_relax();
	}
	spin_unlock(&flush_lock);
}

void flush_mask(const cpumask_t *mask, const void *va, unsigned int flags)
{
	unsigned int cpu = smp_processor_id();
	cpumask_t others;

	if (cpumask_test_cpu(cpu, mask))
		flush_local(va, flags);
	cpumask_and(&others, mask, &cpu_online_map);
	cpumask_clear_cpu(cpu, &others);
	if (!cpumask_empty(&others))
		flush_others(&others, va, flags);
}

void flush_all(unsigned int flags)
{
	flush_mask(&cpu_online_map, NULL, flags);
}
