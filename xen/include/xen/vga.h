/* The VGA text screen. */
#ifndef XEN_VGA_H
#define XEN_VGA_H

#include <xen/types.h>

struct dom0_vga_console_info;

/* Boot: start using the screen if it is in colour text mode. False: it is not. */
bool vga_init(void);
/* Show text; console lock held. A no-op while the screen is not ours. */
void vga_puts(const char *s, size_t n);
/* dom0 starts: stop writing, unless vga=keep. */
void vga_endboot(void);
/* The screen's mode for dom0's start information. False: there is none. */
bool vga_fill_start_info(struct dom0_vga_console_info *info);

#endif
