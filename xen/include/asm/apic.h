/* The local APIC: interrupts between CPUs and this CPU's timer (Intel SDM vol. 3, chapter 11). */
#ifndef ASM_APIC_H
#define ASM_APIC_H

#include <asm/config.h>
#include <asm/msr-index.h>
#include <asm/processor.h>
#include <xen/cpumask.h>
#include <xen/types.h>

struct cpu_user_regs;

/* Register offsets of the memory-mapped form; the MSR of x2APIC mode is 0x800 + offset / 16. */
#define APIC_ID        0x020
#define APIC_VERSION   0x030
#define APIC_TPR       0x080
#define APIC_EOI       0x0b0
#define APIC_LDR       0x0d0
#define APIC_DFR       0x0e0
#define APIC_SVR       0x0f0
#define  APIC_SVR_ENABLE (1u << 8)
#define APIC_ISR       0x100
#define APIC_IRR       0x200
#define APIC_ESR       0x280
#define APIC_LVT_CMCI  0x2f0
#define APIC_ICR       0x300
#define APIC_ICR2      0x310
#define APIC_LVT_TIMER 0x320
#define APIC_LVT_THERM 0x330
#define APIC_LVT_PMC   0x340
#define APIC_LVT_LINT0 0x350
#define APIC_LVT_LINT1 0x360
#define APIC_LVT_ERROR 0x370
#define APIC_TIMER_INIT  0x380
#define APIC_TIMER_COUNT 0x390
#define APIC_TIMER_DIV   0x3e0
#define  APIC_TIMER_DIV_1 0xbu
#define APIC_SELF_IPI  0x3f0 /* x2APIC mode only */

/* Delivery modes, of the ICR and of LVT entries. */
#define APIC_DM_FIXED   0x000u
#define APIC_DM_NMI     0x400u
#define APIC_DM_INIT    0x500u
#define APIC_DM_STARTUP 0x600u
#define APIC_DM_EXTINT  0x700u
#define APIC_ICR_BUSY   (1u << 12)
#define APIC_ICR_ASSERT (1u << 14)
#define APIC_ICR_LEVEL  (1u << 15)
#define APIC_ICR_SELF   (1u << 18)
#define APIC_LVT_LOW    (1u << 13)
#define APIC_LVT_LEVEL  (1u << 15)
#define APIC_LVT_MASKED (1u << 16)
#define APIC_LVT_DEADLINE (2u << 17)

extern bool x2apic_enabled;
extern volatile u8 *apic_mmio; /* xAPIC mode: the mapped registers */
extern u32 cpu_to_apicid[NR_CPUS]; /* filled by whoever enumerates CPUs */

static always_inline u32 apic_read(unsigned int reg)
{
	return x2apic_enabled ? (u32)rdmsr(MSR_X2APIC_FIRST + reg / 16) : readl(apic_mmio + reg);
}

static always_inline void apic_write(unsigned int reg, u32 v)
{
	if (x2apic_enabled)
		wrmsr(MSR_X2APIC_FIRST + reg / 16, v);
	else
		writel(v, (volatile void *)(apic_mmio + reg));
}

/* The handler of this CPU's highest interrupt is done with the APIC. */
static always_inline void apic_eoi(void)
{
	apic_write(APIC_EOI, 0);
}

/* Boot, first CPU: choose the mode, map the registers, silence the 8259s, set this CPU up. */
void apic_init_bsp(void);
/* Set up the calling CPU's APIC (another CPU: once it runs on its own stack, interrupts off). */
void apic_setup_cpu(void);
/* Boot, first CPU, when cpu_khz is known: measure the timer's clock; the timer works from here on,
 * also on CPUs whose apic_setup_cpu() comes later. */
void apic_timer_init(void);
/* Make the calling CPU deaf to everything but NMI, INIT and SIPI. */
void apic_disable_local(void);
/* This CPU's APIC ID, from the hardware. */
u32 apic_local_id(void);
/* The CPU number of an APIC ID, or NR_CPUS. */
unsigned int apicid_to_cpu(u32 apicid);

/* Interrupt other CPUs. Any context; numbers must be of online CPUs. */
void apic_send_ipi(unsigned int cpu, u8 vector);
void apic_send_ipi_mask(const cpumask_t *mask, u8 vector); /* the calling CPU is left out */
void apic_send_ipi_self(u8 vector);
void apic_send_nmi(unsigned int cpu);
/* Start-up of a CPU: INIT (assert and deassert), SIPI with the 4 KiB page it starts at. */
void apic_send_init(u32 apicid);
void apic_send_startup(u32 apicid, u8 page);

/* Boot: the handler of one of the fixed vectors. It runs with interrupts off, after the EOI. */
void set_direct_apic_vector(u8 vector, void (*handler)(struct cpu_user_regs *regs));

/* Timer vector arrivals on a CPU, for the watchdog and debug keys. */
unsigned long apic_timer_count(unsigned int cpu);

/* apic_verbosity=: 0, 1 (verbose), 2 (debug). */
extern unsigned int opt_apic_verbosity;

/* The legacy interrupt controllers: initialise out of the way of exceptions, mask all. i8259.c. */
void mask_8259(void);

#endif
