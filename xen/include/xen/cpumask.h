/* Sets of physical CPUs. */
#ifndef XEN_CPUMASK_H
#define XEN_CPUMASK_H

#include <xen/bitops.h>
#include <xen/lib.h>

#define NR_CPUS 128

typedef struct cpumask {
	DECLARE_BITMAP(bits, NR_CPUS);
} cpumask_t;

#define CPUMASK_NONE ((cpumask_t){ { 0 } })
#define CPUMASK_ALL  ((cpumask_t){ { [0 ... BITS_TO_LONGS(NR_CPUS) - 1] = ~0UL } })
#define FOR_EACH_MASK_WORD(i) for (unsigned int i = 0; i < BITS_TO_LONGS(NR_CPUS); i++)

static always_inline void cpumask_set_cpu(unsigned int cpu, cpumask_t *m) { set_bit(cpu, m->bits); }
static always_inline void cpumask_clear_cpu(unsigned int cpu, cpumask_t *m) { clear_bit(cpu, m->bits); }
static always_inline bool cpumask_test_cpu(unsigned int cpu, const cpumask_t *m)
{
	return test_bit(cpu, m->bits);
}
static always_inline bool cpumask_test_and_clear_cpu(unsigned int cpu, cpumask_t *m)
{
	return test_and_clear_bit(cpu, m->bits);
}
static always_inline void cpumask_clear(cpumask_t *m) { *m = CPUMASK_NONE; }
static always_inline void cpumask_setall(cpumask_t *m) { *m = CPUMASK_ALL; }
static always_inline cpumask_t cpumask_of(unsigned int cpu)
{
	cpumask_t m = CPUMASK_NONE;

	m.bits[cpu / 64] = 1UL << (cpu % 64);
	return m;
}
static always_inline bool cpumask_empty(const cpumask_t *m)
{
	unsigned long w = 0;

	FOR_EACH_MASK_WORD(i) w |= m->bits[i];
	return !w;
}
static always_inline void cpumask_and(cpumask_t *d, const cpumask_t *a, const cpumask_t *b)
{
	FOR_EACH_MASK_WORD(i) d->bits[i] = a->bits[i] & b->bits[i];
}
static always_inline void cpumask_or(cpumask_t *d, const cpumask_t *a, const cpumask_t *b)
{
	FOR_EACH_MASK_WORD(i) d->bits[i] = a->bits[i] | b->bits[i];
}
static always_inline void cpumask_andnot(cpumask_t *d, const cpumask_t *a, const cpumask_t *b)
{
	FOR_EACH_MASK_WORD(i) d->bits[i] = a->bits[i] & ~b->bits[i];
}
static always_inline bool cpumask_intersects(const cpumask_t *a, const cpumask_t *b)
{
	unsigned long w = 0;

	FOR_EACH_MASK_WORD(i) w |= a->bits[i] & b->bits[i];
	return w;
}
static always_inline bool cpumask_equal(const cpumask_t *a, const cpumask_t *b)
{
	unsigned long w = 0;

	FOR_EACH_MASK_WORD(i) w |= a->bits[i] ^ b->bits[i];
	return !w;
}
static always_inline unsigned int cpumask_weight(const cpumask_t *m)
{
	unsigned int n = 0;

	FOR_EACH_MASK_WORD(i) n += hweight64(m->bits[i]);
	return n;
}
/* First CPU in the mask at or above `from`; NR_CPUS when there is none. */
static inline unsigned int cpumask_next(unsigned int from, const cpumask_t *m)
{
	return find_next_bit(m->bits, NR_CPUS, from);
}
#define cpumask_first(m)        cpumask_next(0, m)
#define for_each_cpu(cpu, m)                                                                       \
	for ((cpu) = cpumask_first(m); (cpu) < NR_CPUS; (cpu) = cpumask_next((cpu) + 1, m))
/* The next CPU of a non-empty mask after `cpu`, wrapping around. */
static inline unsigned int cpumask_cycle(unsigned int cpu, const cpumask_t *m)
{
	unsigned int n = cpumask_next(cpu + 1, m);

	return n < NR_CPUS ? n : cpumask_first(m);
}

extern cpumask_t cpu_online_map, cpu_present_map;
#define for_each_online_cpu(cpu) for_each_cpu(cpu, &cpu_online_map)
#define num_online_cpus()        cpumask_weight(&cpu_online_map)
#define cpu_online(cpu)          cpumask_test_cpu(cpu, &cpu_online_map)

#endif
