/* The console: serial lines and VGA text, the ring that dom0 reads, and where input goes. */
#ifndef XEN_CONSOLE_H
#define XEN_CONSOLE_H

#include <xen/types.h>
#include <public/xen.h>
#include <xen/guest_access.h>

void console_init_preirq(void);  /* boot: polled output works from here */
void console_init_irq(void);     /* boot: interrupts work: switch serial lines to them */
void console_endboot(void);      /* dom0 is about to start: hand VGA and input over */
/* From here on output bypasses locks and interrupts and is complete when printk() returns. */
void console_force_unlock(void);
void console_start_sync(void);
void console_end_sync(void);
/* XEN_SYSCTL_readconsole. */
struct xen_sysctl_readconsole;
long read_console_ring(struct xen_sysctl_readconsole *op);

#endif
