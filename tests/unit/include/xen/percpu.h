/* Host tests: per-CPU variables are arrays. */
#ifndef XEN_PERCPU_H
#define XEN_PERCPU_H

#include <xen/compiler.h>
#include <xen/cpumask.h>
#include <asm/current.h>

#define DEFINE_PER_CPU(type, name)  __typeof__(type) per_cpu__##name[NR_CPUS]
#define DECLARE_PER_CPU(type, name) extern __typeof__(type) per_cpu__##name[NR_CPUS]
#define per_cpu(var, cpu) (per_cpu__##var[cpu])
#define this_cpu(var)     (per_cpu__##var[host_cpu_info.processor_id])

#endif
