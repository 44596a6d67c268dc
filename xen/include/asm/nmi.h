/* Non-maskable interrupts and the watchdog. */
#ifndef ASM_NMI_H
#define ASM_NMI_H

#include <xen/compiler.h>

struct cpu_user_regs;

/* An NMI arrived (from entry.S, on its own stack). Takes no locks. */
void do_nmi(const struct cpu_user_regs *regs);
/* Boot, at its end, for until then CPUs are busy for long: vectors, debug keys, and the watchdog.
 */
void nmi_init(void);
/* The machine is about to be slow on purpose (a panic, a dump): let the watchdog be quiet / go on.
 */
void watchdog_disable(void);
void watchdog_enable(void);

#endif
