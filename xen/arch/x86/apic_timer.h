/* Between apic.c and apic_timer.c. */
#ifndef ARCH_X86_APIC_TIMER_H
#define ARCH_X86_APIC_TIMER_H

/* Program the calling CPU's timer entry; masked until the clock has been measured. */
void apic_timer_setup_cpu(void);
void apic_timer_stop(void);

#endif
