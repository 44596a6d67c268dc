/* Shared by the parts of the console: printing (console.c) and input and hypercalls (console_io.c). */
#ifndef DRIVERS_CHAR_CONSOLE_H
#define DRIVERS_CHAR_CONSOLE_H

#include <xen/spinlock.h>
#include <xen/types.h>

extern int sercon_handle; /* the serial line of console=, or -1 */
/* Protects the ring, the screen and the order of lines; interrupts off while held. */
extern spinlock_t console_lock;
extern bool console_live; /* per-CPU data, softirqs and time may be used */

/* dom0's own output: unchanged to all consoles, and to the ring if console_to_ring. */
void console_write_guest(const char *s, size_t n);
/* Text was added to the ring: dom0 may want to know. Any context. */
void console_ring_changed(void);
void console_input_init(void);
void console_input_endboot(void);

#endif
