/* What the machine's code shares about several CPUs. */
#ifndef ASM_SMP_H
#define ASM_SMP_H

#include <xen/compiler.h>
#include <xen/types.h>

/* Boot, after apic_init_bsp(): take the vectors between CPUs into use. */
void smp_init_vectors(void);

/*
 * Park all other CPUs for good, by NMI; waits at most about a second. For panic and reboot: any
 * context. Only the first caller returns, later ones are parked too.
 */
void smp_send_stop(void);
/* For the NMI handler: is the calling CPU asked to park itself? Then it does not return. */
void smp_stop_if_asked(void);

#endif
