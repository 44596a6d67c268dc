/* Host tests: machine memory is the array host_ram; frame 0 is never handed out. */
#ifndef HOST_ASM_PAGE_H
#define HOST_ASM_PAGE_H

#include_next <asm/page.h>

extern unsigned char host_ram[];

#undef mfn_to_virt
#undef maddr_to_virt
#define mfn_to_virt(n)   ((void *)(host_ram + ((unsigned long)(n) << PAGE_SHIFT)))
#define maddr_to_virt(p) ((void *)(host_ram + (unsigned long)(p)))
#define virt_to_maddr(v) ((paddr_t)((const unsigned char *)(v) - host_ram))

#endif
