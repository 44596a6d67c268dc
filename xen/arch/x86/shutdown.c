/* Switching off, halting, resetting. */
#include <asm/apic.h>
#include <asm/irqflags.h>
#include <asm/smp.h>
#include <xen/acpi.h>
#include <xen/console.h>
#include <xen/errno.h>
#include <xen/lib.h>
#include <xen/mm.h>
#include <xen/param.h>
#include <xen/pci.h>
#include <xen/shutdown.h>
#include <xen/smp.h>
#include <xen/time.h>

#define KBD_STATUS      0x64
#define KBD_INPUT_FULL  2u
#define KBD_PULSE_RESET 0xfe
#define RESET_CONTROL   0xcf9
#define RESET_HARD      0x02u
#define RESET_NOW       0x04u

#define PM1_SLP_TYP(t) ((u16)((t)&7) << 10)
#define PM1_SLP_EN     (1u << 13)

#define BDA_RESET_FLAG  0x472
#define RESET_FLAG_WARM 0x1234

/* In this order; reboot= chooses where to begin. */
enum reset_method { RESET_ACPI, RESET_KBD, RESET_CF9, RESET_TRIPLE, RESET_NONE };
static enum reset_method first_method = RESET_ACPI;
static bool warm_reset;

/* reboot=<method>[,w|c]: ACPI, keyboard controller (also for the BIOS), 0xcf9, triple fault, none.
 */
static int __init parse_reboot(const char *s)
{
	for (;; s++) {
		switch (*s) {
		case 'a':
			first_method = RESET_ACPI;
			break;
		case 'b':
		case 'k':
			first_method = RESET_KBD;
			break;
		case 'p':
			first_method = RESET_CF9;
			break;
		case 't':
			first_method = RESET_TRIPLE;
			break;
		case 'n':
			first_method = RESET_NONE;
			break;
		case 'w':
			warm_reset = true;
			break;
		case 'c':
			warm_reset = false;
			break;
		default:
			return -EINVAL;
		}
		s = strchr(s, ',');
		if (!s)
			return 0;
	}
}
custom_param("reboot", parse_reboot);

/* --- Reset methods: each returns when it did not work ----------------------------------------- */

static void delay_ms(unsigned int ms)
{
	while (ms--)
		udelay(1000);
}

static void reset_by_acpi(void)
{
	const struct acpi_gas *reg = &acpi_info.reset_reg;

	if (!acpi_info.reset_supported)
		return;
	if (reg->space == ACPI_SPACE_IO && reg->address <= 0xffff)
		outb(acpi_info.reset_value, reg->address);
	else if (reg->space == ACPI_SPACE_MEMORY && acpi_info.reset_mmio)
		writeb(acpi_info.reset_value, acpi_info.reset_mmio);
	else if (reg->space ==
		 ACPI_SPACE_PCI) /* device in bits 47-32, function 31-16, offset 15-0 */
		pci_conf_write(
			PCI_SBDF(0, 0, (reg->address >> 32 & 0x1f) << 3 | (reg->address >> 16 & 7)),
			reg->address & 0xff, 1, acpi_info.reset_value);
}

static void reset_by_keyboard(void)
{
	for (unsigned int attempt = 0; attempt < 10; attempt++) {
		for (unsigned int n = 0; n < 1000 && inb(KBD_STATUS) & KBD_INPUT_FULL; n++)
			udelay(10);
		outb(KBD_PULSE_RESET, KBD_STATUS);
		delay_ms(10);
	}
}

static void reset_by_cf9(void)
{
	u8 v = inb(RESET_CONTROL) & ~(RESET_HARD | RESET_NOW);

	outb(v | RESET_HARD, RESET_CONTROL);
	udelay(50);
	outb(v | RESET_HARD | RESET_NOW, RESET_CONTROL);
}

/* An exception without any table to handle it, and none for the exception of that. */
static void reset_by_triple_fault(void)
{
	static const struct {
		u16 limit;
		u64 base;
	} __packed no_idt;

	__asm__ volatile("lidt %0; int3" ::"m"(no_idt));
}

static void (*const reset_methods[])(void) = {
	[RESET_ACPI] = reset_by_acpi,
	[RESET_KBD] = reset_by_keyboard,
	[RESET_CF9] = reset_by_cf9,
	[RESET_TRIPLE] = reset_by_triple_fault,
};

/* --- The ends --------------------------------------------------------------------------------- */

static noreturn void halt_for_ever(void)
{
	for (;;) {
		local_irq_disable();
		halt();
	}
}

void machine_halt(void)
{
	local_irq_disable();
	smp_send_stop();
	printk(XENLOG_ALWAYS "The machine is halted\n");
	halt_for_ever();
}

void machine_restart(unsigned int ms)
{
	local_irq_disable();
	console_start_sync();
	smp_send_stop();
	if (first_method == RESET_NONE) {
		printk(XENLOG_ALWAYS "reboot=n: halted\n");
		halt_for_ever();
	}
	if (ms)
		printk(XENLOG_ALWAYS "Rebooting in %u ms\n", ms);
	delay_ms(ms);
	if (page_is_ram(0)) /* tells the BIOS whether to test memory */
		*(volatile u16 *)maddr_to_virt(BDA_RESET_FLAG) = warm_reset ? RESET_FLAG_WARM : 0;
	for (unsigned int method = first_method;; method = (method + 1) % RESET_NONE) {
		reset_methods[method]();
		delay_ms(100);
	}
}

static void write_sleep(u16 port, u16 value)
{
	if (!port)
		return;
	outw(value & ~PM1_SLP_EN, port);
	outw(value | PM1_SLP_EN, port);
}

int acpi_enter_s5(u16 pm1a, u16 pm1b)
{
	if (!acpi_info.pm1a_cnt)
		return -ENODEV;
	printk(XENLOG_ALWAYS "Entering ACPI S5\n");
	local_irq_disable();
	console_start_sync();
	smp_send_stop();
	write_sleep(acpi_info.pm1a_cnt, pm1a);
	write_sleep(acpi_info.pm1b_cnt, pm1b);
	delay_ms(1000);
	printk(XENLOG_ALWAYS "The power stayed on\n");
	halt_for_ever();
}

void machine_power_off(void)
{
	u16 keep;

	if (acpi_info.s5_known && acpi_info.pm1a_cnt) {
		keep = inw(acpi_info.pm1a_cnt) & ~(PM1_SLP_TYP(7) | PM1_SLP_EN);
		(void)acpi_enter_s5(keep | PM1_SLP_TYP(acpi_info.s5_typ_a),
			keep | PM1_SLP_TYP(acpi_info.s5_typ_b)); /* does not return: there is a
								    register */
	}
	machine_halt();
}
