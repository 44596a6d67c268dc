/* PCI configuration space and the list of devices. */
#include <asm/msi.h>
#include <asm/processor.h>
#include <xen/acpi.h>
#include <xen/errno.h>
#include <xen/keyhandler.h>
#include <xen/lib.h>
#include <xen/mm.h>
#include <xen/param.h>
#include <xen/pci.h>
#include <xen/spinlock.h>
#include <xen/xmalloc.h>

#define PCI_ADDRESS  0xcf8
#define PCI_DATA     0xcfc
#define CONF1_ENABLE 0x80000000u

static bool opt_mmcfg = true;

static int __init parse_mmcfg(const char *s)
{
	int b = parse_bool(s, s + strlen(s));

	if (b >= 0)
		opt_mmcfg = b;
	else if (strcmp(s, "amd_fam10")) /* that window is in the tables as well, where it exists */
		return -EINVAL;
	return 0;
}
custom_param("mmcfg", parse_mmcfg);

DEFINE_SPINLOCK(pci_lock, LOCK_RANK_PCI);
static LIST_HEAD(pci_devices);

/* --- Access ----------------------------------------------------------------------------------- */

/* Writing the address and accessing the data belong together. */
static DEFINE_SPINLOCK(conf1_lock, LOCK_RANK_LEAF);

/* Mapped buses of the windows; mapped when a device on them is announced. */
static void *mmcfg_bus[ACPI_MAX_MCFG][256];
static bool mmcfg_denied[ACPI_MAX_MCFG];

static int find_window(u32 sbdf)
{
	for (unsigned int i = 0; i < acpi_info.nr_mcfg; i++) {
		const struct acpi_mcfg *m = &acpi_info.mcfg[i];

		if (m->segment == PCI_SEG(sbdf) && PCI_BUS(sbdf) >= m->start_bus &&
			PCI_BUS(sbdf) <= m->end_bus)
			return i;
	}
	return -1;
}

static void *mmcfg_address(u32 sbdf, unsigned int reg)
{
	int i = find_window(sbdf);
	void *bus = i >= 0 && !mmcfg_denied[i] ? READ_ONCE(mmcfg_bus[i][PCI_BUS(sbdf)]) : NULL;

	return bus ? bus + ((sbdf & 0xff) << 12) + reg : NULL;
}

static void mmcfg_map_bus(u32 sbdf)
{
	int i = opt_mmcfg ? find_window(sbdf) : -1;
	unsigned int bus = PCI_BUS(sbdf);

	if (i >= 0 && !mmcfg_denied[i] && !mmcfg_bus[i][bus])
		WRITE_ONCE(mmcfg_bus[i][bus],
			ioremap(acpi_info.mcfg[i].address + ((paddr_t)bus << 20), 1u << 20));
}

static bool conf1_can(u32 sbdf, unsigned int reg)
{
	return !PCI_SEG(sbdf) && reg < 256;
}

static u32 conf1_read(u32 sbdf, unsigned int reg, unsigned int size)
{
	unsigned int port = PCI_DATA + (reg & 3);
	unsigned long flags;
	u32 v;

	spin_lock_irqsave(&conf1_lock, flags);
	outl(CONF1_ENABLE | (sbdf & 0xffff) << 8 | (reg & ~3u), PCI_ADDRESS);
	v = size == 1 ? inb(port) : size == 2 ? inw(port) : inl(port);
	spin_unlock_irqrestore(&conf1_lock, flags);
	return v;
}

static void conf1_write(u32 sbdf, unsigned int reg, unsigned int size, u32 value)
{
	unsigned int port = PCI_DATA + (reg & 3);
	unsigned long flags;

	spin_lock_irqsave(&conf1_lock, flags);
	outl(CONF1_ENABLE | (sbdf & 0xffff) << 8 | (reg & ~3u), PCI_ADDRESS);
	if (size == 1)
		outb(value, port);
	else if (size == 2)
		outw(value, port);
	else
		outl(value, port);
	spin_unlock_irqrestore(&conf1_lock, flags);
}

static bool access_valid(unsigned int reg, unsigned int size)
{
	return (size == 1 || size == 2 || size == 4) && reg <= 4096 - size && !(reg & (size - 1));
}

u32 pci_conf_read(u32 sbdf, unsigned int reg, unsigned int size)
{
	u32 ones = size == 1 ? 0xff : size == 2 ? 0xffff : 0xffffffff;
	void *p;

	if (!access_valid(reg, size))
		return ones;
	if (conf1_can(sbdf, reg))
		return conf1_read(sbdf, reg, size);
	p = mmcfg_address(sbdf, reg);
	if (!p)
		return ones;
	return size == 1 ? readb(p) : size == 2 ? readw(p) : readl(p);
}

void pci_conf_write(u32 sbdf, unsigned int reg, unsigned int size, u32 value)
{
	void *p;

	if (!access_valid(reg, size))
		return;
	if (conf1_can(sbdf, reg)) {
		conf1_write(sbdf, reg, size, value);
		return;
	}
	p = mmcfg_address(sbdf, reg);
	if (!p)
		return;
	if (size == 1)
		writeb(value, p);
	else if (size == 2)
		writew(value, p);
	else
		writel(value, p);
}

unsigned int pci_find_cap(u32 sbdf, u8 id)
{
	unsigned int pos, left = 48; /* as many as fit: a damaged list may be a ring */

	if (!(pci_conf_read(sbdf, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST))
		return 0;
	pos = pci_conf_read(sbdf, PCI_CAP_PTR, 1) & ~3u;
	while (pos >= 0x40 && left--) {
		u32 head = pci_conf_read(sbdf, pos, 2);

		if ((head & 0xff) == id)
			return pos;
		pos = head >> 8 & ~3u;
	}
	return 0;
}

/* --- Devices ---------------------------------------------------------------------------------- */

struct pci_dev *pci_find_dev(u32 sbdf)
{
	struct pci_dev *pdev;

	list_for_each_entry(pdev, &pci_devices, list) if (pdev->sbdf == sbdf) return pdev;
	return NULL;
}

int pci_add_device(u32 sbdf, bool extfn, bool virtfn, u32 physfn, u32 pxm)
{
	struct pci_dev *pdev;
	int rc = 0;

	spin_lock(&pci_lock);
	pdev = pci_find_dev(sbdf);
	if (!pdev) {
		pdev = xzalloc(struct pci_dev);
		if (!pdev) {
			rc = -ENOMEM;
			goto out;
		}
		pdev->sbdf = sbdf;
		INIT_LIST_HEAD(&pdev->msis);
		list_add_tail(&pdev->list, &pci_devices);
		mmcfg_map_bus(sbdf);
		printk(XENLOG_DEBUG "PCI: device " PCI_FMT "\n", PCI_FMT_ARGS(sbdf));
	}
	pdev->extfn = extfn;
	pdev->virtfn = virtfn;
	pdev->physfn = physfn;
	pdev->pxm = pxm;
out:
	spin_unlock(&pci_lock);
	return rc;
}

int pci_remove_device(u32 sbdf)
{
	struct pci_dev *pdev;
	int rc = -ENODEV;

	spin_lock(&pci_lock);
	pdev = pci_find_dev(sbdf);
	if (!pdev)
		goto out;
	rc = -EBUSY;
	if (!list_empty(&pdev->msis))
		goto out;
	rc = 0;
	list_del(&pdev->list);
	xfree(pdev);
out:
	spin_unlock(&pci_lock);
	return rc;
}

int pci_mmcfg_reserved(paddr_t address, u16 segment, u8 start_bus, u8 end_bus, bool reserved)
{
	int rc = -ENODEV;

	spin_lock(&pci_lock);
	for (unsigned int i = 0; i < acpi_info.nr_mcfg; i++) {
		const struct acpi_mcfg *m = &acpi_info.mcfg[i];

		if (m->address != address || m->segment != segment || m->start_bus != start_bus ||
			m->end_bus != end_bus)
			continue;
		mmcfg_denied[i] = !reserved;
		rc = 0;
	}
	spin_unlock(&pci_lock);
	return rc;
}

int pci_device_pxm(u32 sbdf, u32 *pxm)
{
	struct pci_dev *pdev;

	spin_lock(&pci_lock);
	pdev = pci_find_dev(sbdf);
	if (pdev)
		*pxm = pdev->pxm;
	spin_unlock(&pci_lock);
	return pdev ? 0 : -ENODEV;
}

/* --- Debug key -------------------------------------------------------------------------------- */

static void dump_devices(unsigned char key)
{
	struct pci_dev *pdev;
	struct msi_desc *msi;

	printk("PCI devices:\n");
	spin_lock(&pci_lock);
	list_for_each_entry(pdev, &pci_devices, list)
	{
		printk("  " PCI_FMT " %04x:%04x%s", PCI_FMT_ARGS(pdev->sbdf),
			pci_conf_read(pdev->sbdf, PCI_VENDOR_ID, 2),
			pci_conf_read(pdev->sbdf, PCI_VENDOR_ID + 2, 2), pdev->virtfn ? " VF" : "");
		if (pdev->pxm != PCI_NO_PXM)
			printk(" pxm %u", pdev->pxm);
		list_for_each_entry(msi, &pdev->msis, list) printk(" MSI %u", msi->irq);
		printk("\n");
	}
	spin_unlock(&pci_lock);
}

void __init pci_init(void)
{
	register_keyhandler('Q', dump_devices, "dump PCI devices", true);
}
