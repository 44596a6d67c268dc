/* The interrupt flag of this CPU. */
#ifndef ASM_IRQFLAGS_H
#define ASM_IRQFLAGS_H

#include <xen/compiler.h>
#include <xen/types.h>

static always_inline unsigned long local_save_flags(void)
{
	unsigned long f;

	__asm__ volatile("pushfq; popq %0" : "=r"(f)::"memory");
	return f;
}

static always_inline void local_irq_disable(void)
{
	__asm__ volatile("cli" ::: "memory");
}

static always_inline void local_irq_enable(void)
{
	__asm__ volatile("sti" ::: "memory");
}

static always_inline bool local_irq_is_enabled(void)
{
	return local_save_flags() & 0x200;
}

static always_inline unsigned long local_irq_save(void)
{
	unsigned long f = local_save_flags();

	local_irq_disable();
	return f;
}

static always_inline void local_irq_restore(unsigned long f)
{
	if (f & 0x200)
		local_irq_enable();
}

#endif
