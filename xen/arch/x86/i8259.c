/*
 * The two 8259 interrupt controllers, which this hypervisor never uses. They are programmed with
 * vectors that no device has and masked, so that a spurious one of theirs is told apart.
 */
#include <asm/apic.h>

#define PIC1_CMD  0x20
#define PIC1_DATA 0x21
#define PIC2_CMD  0xa0
#define PIC2_DATA 0xa1
#define ICW1_INIT 0x11 /* edge triggered, cascade, ICW4 follows */
#define ICW4_8086 0x01
#define PIC_BASE  0xf0 /* 0xf0-0xff: above the dynamic vectors; only 0xf7 and 0xff can ever come */

void mask_8259(void)
{
	outb(0xff, PIC1_DATA);
	outb(0xff, PIC2_DATA);
	outb(ICW1_INIT, PIC1_CMD);
	outb(PIC_BASE, PIC1_DATA);
	outb(1u << 2, PIC1_DATA); /* the second one hangs on line 2 */
	outb(ICW4_8086, PIC1_DATA);
	outb(ICW1_INIT, PIC2_CMD);
	outb(PIC_BASE + 8, PIC2_DATA);
	outb(2, PIC2_DATA);
	outb(ICW4_8086, PIC2_DATA);
	outb(0xff, PIC1_DATA);
	outb(0xff, PIC2_DATA);
}
