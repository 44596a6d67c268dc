/* Talking to other CPUs. */
#ifndef XEN_SMP_H
#define XEN_SMP_H

#include <xen/cpumask.h>
#include <asm/current.h>

#define smp_processor_id() (get_cpu_info()->processor_id)

/* Make CPUs look at their softirqs and guests' events soon. Any context. */
void smp_send_event_check_mask(const cpumask_t *mask);
void smp_send_event_check_cpu(unsigned int cpu);
/* Run fn(data) on the CPUs of `mask` in interrupt context (this CPU included when it is in it);
 * with `wait`, return when all have finished. Interrupts must be on. */
void on_selected_cpus(const cpumask_t *mask, void (*fn)(void *), void *data, bool wait);
void smp_call_function_all(void (*fn)(void *), void *data, bool wait);

extern unsigned int nr_cpu_ids; /* highest possible CPU number + 1 */

#endif
