/* Instructions that C has no words for. */
#ifndef ASM_PROCESSOR_H
#define ASM_PROCESSOR_H

#include <xen/compiler.h>
#include <xen/types.h>

static always_inline void cpu_relax(void)
{
	__asm__ volatile("pause" ::: "memory");
}

#define mb()      __asm__ volatile("mfence" ::: "memory")
#define rmb()     __asm__ volatile("" ::: "memory") /* loads are not reordered with loads */
#define wmb()     __asm__ volatile("" ::: "memory")
#define smp_mb()  __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define smp_rmb() barrier()
#define smp_wmb() barrier()

#define xchg(p, v) __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST)
/* Returns the value found; the exchange happened when it equals `old`. */
#define cmpxchg(p, old, new)                                                                       \
	({                                                                                         \
		typeof(*(p)) cx_ = (old);                                                          \
		__atomic_compare_exchange_n(                                                       \
			p, &cx_, new, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);                  \
		cx_;                                                                               \
	})
#define arch_fetch_and_add(p, v) __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST)

static always_inline u64 rdmsr(u32 msr)
{
	u32 lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return lo | (u64)hi << 32;
}

static always_inline void wrmsr(u32 msr, u64 v)
{
	__asm__ volatile("wrmsr" ::"c"(msr), "a"((u32)v), "d"((u32)(v >> 32)) : "memory");
}

/* 0, or -EFAULT when the MSR does not exist (value 0) / refuses the value. */
int rdmsr_safe(u32 msr, u64 *v);
int wrmsr_safe(u32 msr, u64 v);

static always_inline u64 rdtsc(void)
{
	u32 lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return lo | (u64)hi << 32;
}

static always_inline u64 rdtsc_ordered(void)
{
	__asm__ volatile("lfence" ::: "memory");
	return rdtsc();
}

static always_inline void cpuid_count(u32 leaf, u32 sub, u32 *a, u32 *b, u32 *c, u32 *d)
{
	__asm__ volatile("cpuid" : "=a"(*a), "=b"(*b), "=c"(*c), "=d"(*d) : "0"(leaf), "2"(sub));
}

#define DEFINE_CR(n)                                                                               \
	static always_inline unsigned long read_cr##n(void)                                        \
	{                                                                                          \
		unsigned long v;                                                                   \
		__asm__ volatile("mov %%cr" #n ", %0" : "=r"(v)::"memory");                        \
		return v;                                                                          \
	}                                                                                          \
	static always_inline void write_cr##n(unsigned long v)                                     \
	{                                                                                          \
		__asm__ volatile("mov %0, %%cr" #n ::"r"(v) : "memory");                           \
	}
DEFINE_CR(0)
DEFINE_CR(2)
DEFINE_CR(3)
DEFINE_CR(4)

static always_inline void invlpg(const void *va)
{
	__asm__ volatile("invlpg (%0)" ::"r"(va) : "memory");
}

static always_inline void clts(void)
{
	__asm__ volatile("clts" ::: "memory");
}

static always_inline void halt(void)
{
	__asm__ volatile("hlt" ::: "memory");
}

/* Enable interrupts and wait for one; none is taken between the two. */
static always_inline void safe_halt(void)
{
	__asm__ volatile("sti; hlt" ::: "memory");
}

static always_inline u8 inb(u16 p) { u8 v; __asm__ volatile("inb %w1, %b0" : "=a"(v) : "Nd"(p)); return v; }
static always_inline u16 inw(u16 p) { u16 v; __asm__ volatile("inw %w1, %w0" : "=a"(v) : "Nd"(p)); return v; }
static always_inline u32 inl(u16 p) { u32 v; __asm__ volatile("inl %w1, %0" : "=a"(v) : "Nd"(p)); return v; }
static always_inline void outb(u8 v, u16 p) { __asm__ volatile("outb %b0, %w1" ::"a"(v), "Nd"(p)); }
static always_inline void outw(u16 v, u16 p) { __asm__ volatile("outw %w0, %w1" ::"a"(v), "Nd"(p)); }
static always_inline void outl(u32 v, u16 p) { __asm__ volatile("outl %0, %w1" ::"a"(v), "Nd"(p)); }

/* Device registers. */
static always_inline u8 readb(const volatile void *p) { return *(const volatile u8 *)p; }
static always_inline u16 readw(const volatile void *p) { return *(const volatile u16 *)p; }
static always_inline u32 readl(const volatile void *p) { return *(const volatile u32 *)p; }
static always_inline u64 readq(const volatile void *p) { return *(const volatile u64 *)p; }
static always_inline void writeb(u8 v, volatile void *p) { *(volatile u8 *)p = v; }
static always_inline void writew(u16 v, volatile void *p) { *(volatile u16 *)p = v; }
static always_inline void writel(u32 v, volatile void *p) { *(volatile u32 *)p = v; }
static always_inline void writeq(u64 v, volatile void *p) { *(volatile u64 *)p = v; }

#define X86_CR0_PE (1UL << 0)
#define X86_CR0_MP (1UL << 1)
#define X86_CR0_EM (1UL << 2)
#define X86_CR0_TS (1UL << 3)
#define X86_CR0_ET (1UL << 4)
#define X86_CR0_NE (1UL << 5)
#define X86_CR0_WP (1UL << 16)
#define X86_CR0_AM (1UL << 18)
#define X86_CR0_PG (1UL << 31)
#define X86_CR4_TSD        (1UL << 2)
#define X86_CR4_DE         (1UL << 3)
#define X86_CR4_PSE        (1UL << 4)
#define X86_CR4_PAE        (1UL << 5)
#define X86_CR4_MCE        (1UL << 6)
#define X86_CR4_PGE        (1UL << 7)
#define X86_CR4_PCE        (1UL << 8)
#define X86_CR4_OSFXSR     (1UL << 9)
#define X86_CR4_OSXMMEXCPT (1UL << 10)
#define X86_CR4_UMIP       (1UL << 11)
#define X86_CR4_FSGSBASE   (1UL << 16)
#define X86_CR4_PCIDE      (1UL << 17)
#define X86_CR4_OSXSAVE    (1UL << 18)
#define X86_CR4_SMEP       (1UL << 20)
#define X86_CR4_SMAP       (1UL << 21)
#define X86_CR4_PKE        (1UL << 22)

#define X86_EFLAGS_CF   0x00000001
#define X86_EFLAGS_TF   0x00000100
#define X86_EFLAGS_IF   0x00000200
#define X86_EFLAGS_DF   0x00000400
#define X86_EFLAGS_IOPL 0x00003000
#define X86_EFLAGS_NT   0x00004000
#define X86_EFLAGS_RF   0x00010000
#define X86_EFLAGS_VM   0x00020000
#define X86_EFLAGS_AC   0x00040000
#define X86_EFLAGS_VIF  0x00080000
#define X86_EFLAGS_VIP  0x00100000
#define X86_EFLAGS_ID   0x00200000
#define X86_EFLAGS_MBS  0x00000002 /* always set */

#define X86_EXC_DE 0
#define X86_EXC_DB 1
#define X86_EXC_NMI 2
#define X86_EXC_BP 3
#define X86_EXC_OF 4
#define X86_EXC_BR 5
#define X86_EXC_UD 6
#define X86_EXC_NM 7
#define X86_EXC_DF 8
#define X86_EXC_TS 10
#define X86_EXC_NP 11
#define X86_EXC_SS 12
#define X86_EXC_GP 13
#define X86_EXC_PF 14
#define X86_EXC_MF 16
#define X86_EXC_AC 17
#define X86_EXC_MC 18
#define X86_EXC_XF 19
#define PFEC_present 1
#define PFEC_write   2
#define PFEC_user    4
#define PFEC_rsvd    8
#define PFEC_insn    16

#endif
