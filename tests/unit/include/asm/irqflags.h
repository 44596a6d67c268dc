/* Host tests: the interrupt flag is a variable. */
#ifndef ASM_IRQFLAGS_H
#define ASM_IRQFLAGS_H

#include <xen/compiler.h>
#include <xen/types.h>

extern unsigned long host_irq_flags; /* 0x200: interrupts are on */

static always_inline unsigned long local_save_flags(void) { return host_irq_flags; }
static always_inline void local_irq_disable(void) { host_irq_flags = 0; }
static always_inline void local_irq_enable(void) { host_irq_flags = 0x200; }
static always_inline bool local_irq_is_enabled(void) { return host_irq_flags & 0x200; }

static always_inline unsigned long local_irq_save(void)
{
	unsigned long f = host_irq_flags;

	host_irq_flags = 0;
	return f;
}

static always_inline void local_irq_restore(unsigned long f) { host_irq_flags = f; }

#endif
