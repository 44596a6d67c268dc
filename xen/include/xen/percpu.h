/* Variables of which each CPU has its own. */
#ifndef XEN_PERCPU_H
#define XEN_PERCPU_H

#include <xen/compiler.h>
#include <xen/cpumask.h>
#include <asm/percpu.h>

#define DEFINE_PER_CPU(type, name)  __section(".bss.percpu") __typeof__(type) per_cpu__##name
#define DECLARE_PER_CPU(type, name) extern __typeof__(type) per_cpu__##name

#endif
