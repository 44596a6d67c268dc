/* Time, this machine's part. */
#ifndef ASM_TIME_H
#define ASM_TIME_H

#include <xen/time.h>

/* TSC to nanoseconds and back, for the local APIC timer. */
u64 tsc_to_ns(u64 ticks);
u64 ns_to_tsc(u64 ns);

/* How often a CPU has entered C1, and how long it has been there, in ns. */
void cstate_read(unsigned int cpu, u64 *entries, s_time_t *idle);

#endif
