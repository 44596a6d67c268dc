/*
 * When was each CPU's TLB last free of guest mappings? A clock counts flushes; a page whose last
 * typed use ended at clock value s needs no flush on a CPU that has flushed at a later value.
 */
#ifndef ASM_FLUSHTLB_H
#define ASM_FLUSHTLB_H

#include <asm/processor.h>
#include <xen/percpu.h>
#include <xen/types.h>

extern u64 tlb_flush_clock;
DECLARE_PER_CPU(u64, tlb_flush_time);

/*
 * Around anything that drops all non-global entries of this CPU, with interrupts off or on:
 * the value is taken before, and published after.
 */
static always_inline u64 tlb_flush_begin(void)
{
	return __atomic_add_fetch(&tlb_flush_clock, 1, __ATOMIC_SEQ_CST);
}

static always_inline void tlb_flush_end(u64 time)
{
	this_cpu(tlb_flush_time) = time;
}

/* Load a page-table root and keep account of the flush that comes with it. */
static always_inline void write_cr3_flush(unsigned long cr3)
{
	u64 time = tlb_flush_begin();

	write_cr3(cr3);
	tlb_flush_end(time);
}

/* Serve a pending request of another CPU, if there is one: for loops that wait with interrupts off.
 */
void flush_poll(void);

#endif
