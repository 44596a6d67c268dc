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

/*
 * Where the CPU has process-context identifiers (PCID and INVPCID; Intel SDM 3A, 4.10.1), a guest's kernel and its
 * applications have one each, so that going from one to the other keeps both sets of entries. Every flush here
 * is of both, so the rest of the hypervisor need not know.
 */
#define PCID_KERNEL 0UL /* and the idle vCPUs' */
#define PCID_USER   1UL
#define CR3_NOFLUSH (1UL << 63)

extern bool use_pcid;

enum invpcid { INVPCID_ADDRESS, INVPCID_CONTEXT, INVPCID_ALL, INVPCID_ALL_NONGLOBAL };

static always_inline void invpcid(enum invpcid type, u64 pcid, const void *va)
{
	struct {
		u64 pcid;
		const void *va;
	} descriptor = { pcid, va };

	__asm__ volatile("invpcid %0, %1" ::"m"(descriptor), "r"((u64)type) : "memory");
}

/* Load a page-table root, drop all non-global entries, and keep account of that. */
static always_inline void write_cr3_flush(unsigned long cr3)
{
	u64 time = tlb_flush_begin();

	write_cr3(cr3);
	if (use_pcid)
		invpcid(INVPCID_ALL_NONGLOBAL, 0, NULL);
	tlb_flush_end(time);
}

/* The application's root of the current vCPU has changed, or may have. Without PCIDs loading it flushes. */
static always_inline void flush_user_tlb(void)
{
	if (use_pcid)
		invpcid(INVPCID_CONTEXT, PCID_USER, NULL);
}

/* Serve a pending request of another CPU, if there is one: for loops that wait with interrupts off.
 */
void flush_poll(void);

#endif
