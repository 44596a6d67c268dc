/* One-shot timers: one heap per CPU, run from the timer softirq of that CPU. */
#ifndef XEN_TIMER_H
#define XEN_TIMER_H

#include <xen/list.h>
#include <xen/time.h>
#include <xen/types.h>

struct timer {
	s_time_t expires;
	void (*function)(void *data);
	void *data;
	struct timer *spill_next; /* while its CPU's heap is full */
	u32 heap_offset; /* position in its CPU's heap, 0 = not queued */
	u16 cpu;
	u8 status; /* enum timer_status, private to timer.c */
};

/* Prepare a timer that will run `fn(data)` on `cpu`, interrupts on, no locks held. */
void init_timer(struct timer *t, void (*fn)(void *), void *data, unsigned int cpu);
/* (Re)arm for an absolute system time; a time in the past fires at once. Any context. */
void set_timer(struct timer *t, s_time_t expires);
/* Disarm; the function may still be running on another CPU. */
void stop_timer(struct timer *t);
bool timer_is_active(const struct timer *t);
/* Move to another CPU, armed or not. */
void migrate_timer(struct timer *t, unsigned int cpu);
/* Disarm for good and wait until the function is not running. */
void kill_timer(struct timer *t);
void timer_init(void);          /* boot: before any timer */
int timer_init_cpu(unsigned int cpu); /* a CPU comes up; -ENOMEM */
void dump_timerq(unsigned char key); /* debug key 'a' */

/* Arch: make this CPU's timer interrupt come at `timeout` (0 = none); false when already past. */
bool reprogram_timer(s_time_t timeout);

#endif
