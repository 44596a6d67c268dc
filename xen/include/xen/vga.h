/* The VGA text screen. */
#ifndef XEN_VGA_H
#define XEN_VGA_H

#include <xen/types.h>

/* Boot: start using the screen if it is in colour text mode. False: it is not. */
bool vga_init(void);
/* Show text; console lock held. A no-op while the screen is not ours. */
void vga_puts(const char *s, size_t n);
/* dom0 starts: stop writing, unless vga=keep. */
void vga_endboot(void);

#endif
