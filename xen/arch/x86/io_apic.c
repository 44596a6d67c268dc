/* IO-APICs: the lines of devices (Intel 82093AA data sheet). */
#include <asm/apic.h>
#include <asm/irq.h>
#include <asm/irqflags.h>
#include <xen/acpi.h>
#include <xen/errno.h>
#include <xen/lib.h>
#include <xen/mm.h>
#include <public/xen.h>

/* The window onto the registers, and their numbers. */
#define IOREGSEL        0x00
#define IOWIN           0x10
#define IOAPIC_ID       0
#define IOAPIC_VER      1
#define IOAPIC_ARB      2
#define IOAPIC_RTE(pin) (0x10 + (pin)*2)

/* Lower half of a routing entry; the upper half holds the destination in its top byte. */
#define RTE_LOW        (1u << 13)
#define RTE_REMOTE_IRR (1u << 14)
#define RTE_LEVEL      (1u << 15)
#define RTE_MASKED     (1u << 16)

#define MAX_PINS 240
#define MAX_GSIS 1024u

struct ioapic {
	void *base;
	paddr_t address;
	unsigned int gsi_base, nr_pins;
	u32 version;
};

static struct ioapic ioapics[ACPI_MAX_IOAPICS];
static unsigned int nr_ioapics;

/* What each GSI's entry holds: the lower half is kept here, so that masking needs no read. */
struct ioapic_pin {
	u8 apic, pin;
	bool present;
	bool configured; /* by an override or by dom0 */
	u32 low;
};
static struct ioapic_pin pins[MAX_GSIS];

/* Selecting a register and accessing it belong together. */
static DEFINE_SPINLOCK(ioapic_lock, LOCK_RANK_IOAPIC);

static u32 ioapic_read(const struct ioapic *io, unsigned int reg)
{
	unsigned long flags;
	u32 v;

	spin_lock_irqsave(&ioapic_lock, flags);
	writel(reg, io->base + IOREGSEL);
	v = readl(io->base + IOWIN);
	spin_unlock_irqrestore(&ioapic_lock, flags);
	return v;
}

static void ioapic_write(const struct ioapic *io, unsigned int reg, u32 v)
{
	unsigned long flags;

	spin_lock_irqsave(&ioapic_lock, flags);
	writel(reg, io->base + IOREGSEL);
	writel(v, io->base + IOWIN);
	spin_unlock_irqrestore(&ioapic_lock, flags);
}

/* --- One line's controller. All under desc->lock. --------------------------------------------- */

static void write_low(const struct ioapic_pin *pin)
{
	ioapic_write(&ioapics[pin->apic], IOAPIC_RTE(pin->pin), pin->low);
}

static void ioapic_unmask(struct irq_desc *desc)
{
	struct ioapic_pin *pin = &pins[desc->irq];

	pin->low &= ~RTE_MASKED;
	write_low(pin);
}

static void ioapic_mask(struct irq_desc *desc)
{
	struct ioapic_pin *pin = &pins[desc->irq];

	pin->low |= RTE_MASKED;
	write_low(pin);
}

static void ack_edge(struct irq_desc *desc)
{
	apic_eoi();
}

/*
 * The line stays active until the device's driver has run, which is a guest's affair. Mask the
 * entry, then let the CPU go on: the EOI alone would bring the interrupt again at once.
 */
static void ack_level(struct irq_desc *desc)
{
	const struct ioapic_pin *pin = &pins[desc->irq];

	ioapic_mask(desc);
	/* The read holds the EOI back until the mask has arrived. */
	(void)ioapic_read(&ioapics[pin->apic], IOAPIC_RTE(pin->pin));
	apic_eoi();
}

static void end_edge(struct irq_desc *desc)
{
}

/* With the vector unchanged this is one write; else nothing may pass between the two. */
static void ioapic_set_affinity(struct irq_desc *desc, unsigned int cpu)
{
	struct ioapic_pin *pin = &pins[desc->irq];
	const struct ioapic *io = &ioapics[pin->apic];
	bool same_vector = (pin->low & 0xff) == desc->vector;
	u32 low = (pin->low & ~0xffu) | desc->vector;

	if (!same_vector)
		ioapic_write(io, IOAPIC_RTE(pin->pin), pin->low | RTE_MASKED);
	ioapic_write(io, IOAPIC_RTE(pin->pin) + 1, cpu_to_apicid[cpu] << 24);
	pin->low = low;
	if (!same_vector)
		write_low(pin);
}

static const struct hw_irq_controller edge_controller = {
	.name = "IO-APIC-edge",
	.enable = ioapic_unmask,
	.disable = ioapic_mask,
	.ack = ack_edge,
	.end = end_edge,
	.mask = ioapic_mask,
	.unmask = ioapic_unmask,
	.set_affinity = ioapic_set_affinity,
};

static const struct hw_irq_controller level_controller = {
	.name = "IO-APIC-level",
	.enable = ioapic_unmask,
	.disable = ioapic_mask,
	.ack = ack_level,
	.end = ioapic_unmask,
	.mask = ioapic_mask,
	.unmask = ioapic_unmask,
	.set_affinity = ioapic_set_affinity,
};

/* --- Trigger mode and polarity ---------------------------------------------------------------- */

static void set_mode(struct irq_desc *desc, bool level, bool low)
{
	struct ioapic_pin *pin = &pins[desc->irq];

	pin->low &= ~(RTE_LEVEL | RTE_LOW);
	pin->low |= (level ? RTE_LEVEL : 0) | (low ? RTE_LOW : 0);
	pin->configured = true;
	desc->level = level;
	desc->handler = level ? &level_controller : &edge_controller;
	write_low(pin);
}

int ioapic_setup_gsi(unsigned int gsi, bool level, bool low)
{
	struct ioapic_pin *pin;
	struct irq_desc *desc;
	unsigned long flags;
	bool same;
	int rc = 0;

	if (gsi >= nr_irqs_gsi || !pins[gsi].present)
		return -EINVAL;
	pin = &pins[gsi];
	desc = irq_to_desc(gsi);
	spin_lock_irqsave(&desc->lock, flags);
	same = !(pin->low & RTE_LEVEL) == !level && !(pin->low & RTE_LOW) == !low;
	if (same)
		pin->configured = true;
	else if (desc->nr_guests || desc->action)
		rc = -EBUSY;
	else
		set_mode(desc, level, low);
	spin_unlock_irqrestore(&desc->lock, flags);
	return rc;
}

/* --- dom0's view ------------------------------------------------------------------------------ */

static const struct ioapic *find_ioapic(unsigned long physbase)
{
	for (unsigned int i = 0; i < nr_ioapics; i++)
		if (ioapics[i].address == physbase)
			return &ioapics[i];
	return NULL;
}

int ioapic_guest_read(unsigned long physbase, u32 reg, u32 *value)
{
	const struct ioapic *io = find_ioapic(physbase);

	if (!io || (reg > IOAPIC_ARB && (reg < IOAPIC_RTE(0) || reg >= IOAPIC_RTE(io->nr_pins))))
		return -EINVAL;
	*value = ioapic_read(io, reg);
	return 0;
}

/*
 * Old dom0 kernels route lines by writing whole entries. What they may decide is how the line
 * behaves; where it goes and whether it is masked is known better here.
 */
int ioapic_guest_write(unsigned long physbase, u32 reg, u32 value)
{
	const struct ioapic *io = find_ioapic(physbase);
	unsigned int pin = (reg - IOAPIC_RTE(0)) / 2;

	if (!io)
		return -EINVAL;
	if (reg < IOAPIC_RTE(0) || reg >= IOAPIC_RTE(io->nr_pins) || reg & 1)
		return 0;
	return ioapic_setup_gsi(io->gsi_base + pin, value & RTE_LEVEL, value & RTE_LOW);
}

/* --- Debug key, boot -------------------------------------------------------------------------- */

void ioapic_dump(unsigned char key)
{
	for (unsigned int i = 0; i < nr_ioapics; i++) {
		const struct ioapic *io = &ioapics[i];

		printk("IO-APIC %u at %#lx: id %u, version %#x, %u pins, GSI %u on\n", i,
			io->address, ioapic_read(io, IOAPIC_ID) >> 24, io->version & 0xff,
			io->nr_pins, io->gsi_base);
		for (unsigned int pin = 0; pin < io->nr_pins; pin++) {
			u32 low = ioapic_read(io, IOAPIC_RTE(pin));
			u32 high = ioapic_read(io, IOAPIC_RTE(pin) + 1);

			if (!(low & 0xff))
				continue;
			printk("  pin %2u: vec=%02x dest=%u %s %s%s%s\n", pin, low & 0xff,
				high >> 24, low & RTE_LEVEL ? "level" : "edge",
				low & RTE_LOW ? "low" : "high", low & RTE_MASKED ? " masked" : "",
				low & RTE_REMOTE_IRR ? " in service" : "");
		}
	}
}

static void __init ioapic_add(const struct acpi_ioapic *a)
{
	struct ioapic *io = &ioapics[nr_ioapics];
	unsigned int n;

	io->base = ioremap(a->address, PAGE_SIZE);
	if (!io->base)
		return;
	io->address = a->address;
	io->gsi_base = a->gsi_base;
	io->version = ioapic_read(io, IOAPIC_VER);
	n = (io->version >> 16 & 0xff) + 1;
	if (io->version == ~0u || n > MAX_PINS || a->gsi_base + n > MAX_GSIS) {
		printk(XENLOG_WARNING "IO-APIC at %#lx does not answer sensibly, left out\n",
			a->address);
		return;
	}
	io->nr_pins = n;
	for (unsigned int pin = 0; pin < n; pin++) {
		struct ioapic_pin *p = &pins[a->gsi_base + pin];

		*p = (struct ioapic_pin){
			.apic = nr_ioapics, .pin = pin, .present = true, .low = RTE_MASKED};
		write_low(p);
	}
	nr_irqs_gsi = max(nr_irqs_gsi, a->gsi_base + n);
	nr_ioapics++;
	printk(XENLOG_INFO "IO-APIC at %#lx: version %#x, GSI %u-%u\n", a->address,
		io->version & 0xff, a->gsi_base, a->gsi_base + n - 1);
}

void __init ioapic_init(void)
{
	for (unsigned int i = 0; i < acpi_info.nr_ioapics; i++)
		ioapic_add(&acpi_info.ioapics[i]);
}

static void __init apply_override(const struct acpi_override *o)
{
	unsigned int trigger = ACPI_INTI_TRIGGER(o->flags), polarity = ACPI_INTI_POLARITY(o->flags);
	bool sci = o->isa_irq == acpi_info.sci_irq;

	if (o->gsi >= nr_irqs_gsi || !pins[o->gsi].present)
		return;
	/* "As the bus": ISA lines are edge, high; the SCI is level, low. */
	set_mode(irq_to_desc(o->gsi), trigger ? trigger == 3 : sci, polarity ? polarity == 3 : sci);
}

void __init ioapic_init_descs(void)
{
	unsigned int sci = acpi_info.sci_irq;

	for (unsigned int gsi = 0; gsi < nr_irqs_gsi; gsi++) {
		if (!pins[gsi].present)
			continue;
		/* ISA lines, and PCI lines behind them, as the buses have them. */
		set_mode(irq_to_desc(gsi), gsi >= 16, gsi >= 16);
		pins[gsi].configured = false;
	}
	if (acpi_info.have_fadt && !opt_acpi_noirq && sci < nr_irqs_gsi && pins[sci].present)
		set_mode(irq_to_desc(sci), true, true);
	for (unsigned int i = 0; i < acpi_info.nr_overrides; i++)
		apply_override(&acpi_info.overrides[i]);
}
