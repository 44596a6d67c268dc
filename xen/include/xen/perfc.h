/*
 * Counters of what happens how often, for builds with perf=y; nothing at all in others. The list is
 * perfc_defn.h; keys 'p' and 'P' print and reset them.
 */
#ifndef XEN_PERFC_H
#define XEN_PERFC_H

#include <xen/percpu.h>
#include <xen/types.h>

enum perfcounter {
#define PERFCOUNTER(name, text) PERFC_##name,
#include <xen/perfc_defn.h>
#undef PERFCOUNTER
	NR_PERFCTRS
};

#ifdef CONFIG_PERF_COUNTERS
struct perfcounters {
	u32 count[NR_PERFCTRS];
};
DECLARE_PER_CPU(struct perfcounters, perfcounters);
#define perfc_add(name, n) ((void)(this_cpu(perfcounters).count[PERFC_##name] += (n)))
#else
/* The name is still checked. */
#define perfc_add(name, n) ((void)sizeof((n) + PERFC_##name))
#endif
#define perfc_incr(name) perfc_add(name, 1)

/* What counter `nr` counts. */
const char *perfc_name(unsigned int nr);
/* Its value on one CPU. 0 when not built in. */
u32 perfc_read(unsigned int nr, unsigned int cpu);
void perfc_reset(void);
void perfc_init(void); /* boot: registers the keys */

#endif
