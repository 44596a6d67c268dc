/*
 * Vectors are allotted per CPU: each CPU has its own table from vector to interrupt. Neighbours in
 * the order of allocation are spread over the priority classes of 16 vectors.
 */
#include <asm/config.h>
#include <asm/irq.h>
#include <xen/errno.h>
#include <xen/lib.h>
#include <public/xen.h>

#define VECTOR_STRIDE 16

DEFINE_PER_CPU(u16[256], vector_irq);
static DEFINE_PER_CPU(u8, vector_cursor); /* where the last search ended */
static DEFINE_SPINLOCK(vector_lock, LOCK_RANK_VECTOR);

static bool vector_usable(unsigned int cpu, unsigned int vector)
{
	return vector >= FIRST_DYNAMIC_VECTOR && vector <= LAST_DYNAMIC_VECTOR &&
	       vector != VECTOR_INT80 && !per_cpu(vector_irq, cpu)[vector];
}

/* One class onwards; after the last class, the next position within the first. */
static unsigned int vector_after(unsigned int vector)
{
	unsigned int next = vector + VECTOR_STRIDE;

	if (next > LAST_DYNAMIC_VECTOR)
		next = FIRST_DYNAMIC_VECTOR / VECTOR_STRIDE * VECTOR_STRIDE +
		       (vector + 1) % VECTOR_STRIDE;
	return next;
}

static int find_vector(unsigned int cpu)
{
	unsigned int start = per_cpu(vector_cursor, cpu), vector;

	if (start < FIRST_DYNAMIC_VECTOR || start > LAST_DYNAMIC_VECTOR)
		start = FIRST_DYNAMIC_VECTOR;
	vector = start;
	for (unsigned int n = 0; n < 256; n++) {
		vector = vector_after(vector);
		if (vector_usable(cpu, vector)) {
			per_cpu(vector_cursor, cpu) = vector;
			return vector;
		}
	}
	return -ENOSPC;
}

int vector_alloc(unsigned int cpu, unsigned int irq, u8 wish)
{
	unsigned long flags;
	int vector;

	spin_lock_irqsave(&vector_lock, flags);
	vector = wish && vector_usable(cpu, wish) ? wish : find_vector(cpu);
	if (vector > 0)
		per_cpu(vector_irq, cpu)[vector] = irq + 1;
	spin_unlock_irqrestore(&vector_lock, flags);
	return vector;
}

static bool block_usable(unsigned int cpu, unsigned int first, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		if (!vector_usable(cpu, first + i))
			return false;
	return true;
}

int vector_alloc_block(unsigned int cpu, unsigned int irq, unsigned int n)
{
	unsigned int first = ROUNDUP((unsigned int)FIRST_DYNAMIC_VECTOR, n);
	unsigned long flags;
	int ret = -ENOSPC;

	spin_lock_irqsave(&vector_lock, flags);
	for (; first <= LAST_DYNAMIC_VECTOR; first += n) {
		if (!block_usable(cpu, first, n))
			continue;
		for (unsigned int i = 0; i < n; i++)
			per_cpu(vector_irq, cpu)[first + i] = irq + i + 1;
		ret = first;
		break;
	}
	spin_unlock_irqrestore(&vector_lock, flags);
	return ret;
}

void vector_free(unsigned int cpu, u8 vector)
{
	WRITE_ONCE(per_cpu(vector_irq, cpu)[vector], 0);
}

unsigned int vectors_in_use(unsigned int cpu)
{
	unsigned int n = 0;

	for (unsigned int v = 0; v < 256; v++)
		n += per_cpu(vector_irq, cpu)[v] != 0;
	return n;
}
