/* The builder of dom0, between its two files. */
#ifndef ASM_DOM0_H
#define ASM_DOM0_H

#include <public/xen.h>
#include <xen/types.h>

/* By dom0_mem= and what is free: pages it gets, pages it may have at most. */
unsigned long dom0_nr_pages(void);
unsigned int dom0_max_pages(void);
/* The domain with its vCPUs (down) and its rights to ports, frames and interrupts. NULL: no memory. */
struct domain *dom0_create_domain(void);
/* How dom0 may draw on the screen: false when there is none. */
bool dom0_fill_vga_info(dom0_vga_console_info_t *info);

#endif
