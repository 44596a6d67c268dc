/* System time (nanoseconds since boot, the same on every CPU) and wall clock. */
#ifndef XEN_TIME_H
#define XEN_TIME_H

#include <xen/types.h>

#define MICROSECS(n) ((s_time_t)(n)*1000)
#define MILLISECS(n) ((s_time_t)(n)*1000000)
#define SECONDS(n)   ((s_time_t)(n)*1000000000)
#define STIME_MAX    ((s_time_t)0x7fffffffffffffffLL)

/* System time now. Any context. */
s_time_t get_s_time(void);
#define NOW() get_s_time()

struct domain;
struct vcpu;
/* Refresh the time record in a vCPU's vcpu_info (after migration between CPUs, calibration). */
void update_vcpu_system_time(struct vcpu *v);
/* Refresh the wall clock in a domain's shared_info. */
void update_domain_wallclock_time(struct domain *d);
/* Set the wall clock: `secs`,`nsecs` since 1970 at system time `when`; updates every domain. */
void do_settime(u64 secs, u32 nsecs, u64 when);
/* Spin for so many microseconds. */
void udelay(unsigned long usecs);
extern unsigned long cpu_khz; /* frequency of the TSC */

#endif
