/* Message interrupts: writing address and data where the device looks for them. */
#include <asm/apic.h>
#include <asm/irq.h>
#include <asm/msi.h>
#include <xen/errno.h>
#include <xen/keyhandler.h>
#include <xen/lib.h>
#include <xen/mm.h>
#include <xen/pci.h>
#include <xen/smp.h>
#include <xen/xmalloc.h>
#include <public/xen.h>

#define MSI_CTRL(pos)       ((pos) + 2)
#define MSI_CTRL_ENABLE     0x0001u
#define MSI_CTRL_MMC(c)     ((c) >> 1 & 7) /* messages wanted, log 2 */
#define MSI_CTRL_MME        0x0070u        /* messages allowed, log 2 */
#define MSI_CTRL_64BIT      0x0080u
#define MSI_CTRL_MASK       0x0100u
#define MSI_ADDR(pos)       ((pos) + 4)
#define MSI_UPPER(pos)      ((pos) + 8)
#define MSI_DATA(pos, is64) ((pos) + ((is64) ? 12 : 8))
#define MSI_MASK(pos, is64) ((pos) + ((is64) ? 16 : 12))

#define MSIX_CTRL(pos)    ((pos) + 2)
#define MSIX_CTRL_SIZE(c) (((c)&0x7ff) + 1)
#define MSIX_CTRL_ENABLE  0x8000u
#define MSIX_TABLE(pos)   ((pos) + 4)
#define MSIX_ENTRY_SIZE   16
#define MSIX_ENTRY_DATA   8
#define MSIX_ENTRY_CTRL   12
#define MSIX_ENTRY_MASKED 1u

#define MSI_ADDRESS_BASE 0xfee00000u

/* --- The device's side ------------------------------------------------------------------------ */

static u32 message_address(const struct irq_desc *desc)
{
	return MSI_ADDRESS_BASE | cpu_to_apicid[desc->cpu] << 12;
}

static void set_masked(const struct msi_desc *msi, bool masked)
{
	u32 sbdf = msi->pdev->sbdf, reg, bits;

	if (msi->msix) {
		writel(masked ? MSIX_ENTRY_MASKED : 0, msi->entry + MSIX_ENTRY_CTRL);
		(void)readl(msi->entry + MSIX_ENTRY_CTRL); /* it is there before we go on */
		return;
	}
	if (!msi->maskable)
		return;
	reg = MSI_MASK(msi->pos, msi->is64);
	bits = pci_conf_read(sbdf, reg, 4);
	bits = masked ? bits | 1u << msi->index : bits & ~(1u << msi->index);
	pci_conf_write(sbdf, reg, 4, bits);
}

static void write_message(const struct irq_desc *desc)
{
	const struct msi_desc *msi = desc->msi;
	u32 sbdf = msi->pdev->sbdf, address = message_address(desc);

	if (msi->msix) {
		/* Half a message must not be sent; the entry is masked meanwhile. */
		u32 ctrl = readl(msi->entry + MSIX_ENTRY_CTRL);

		writel(ctrl | MSIX_ENTRY_MASKED, msi->entry + MSIX_ENTRY_CTRL);
		writel(address, msi->entry);
		writel(0, msi->entry + 4);
		writel(desc->vector, msi->entry + MSIX_ENTRY_DATA);
		writel(ctrl, msi->entry + MSIX_ENTRY_CTRL);
		return;
	}
	if (msi->index)
		return; /* the first message stands for all */
	pci_conf_write(sbdf, MSI_ADDR(msi->pos), 4, address);
	if (msi->is64)
		pci_conf_write(sbdf, MSI_UPPER(msi->pos), 4, 0);
	pci_conf_write(sbdf, MSI_DATA(msi->pos, msi->is64), 2, desc->vector);
}

/* Turn the capability on, for as many messages as there are. */
static void capability_on(const struct msi_desc *msi)
{
	u32 sbdf = msi->pdev->sbdf, ctrl = pci_conf_read(sbdf, MSI_CTRL(msi->pos), 2), want;

	want = ctrl | (msi->msix ? MSIX_CTRL_ENABLE : MSI_CTRL_ENABLE);
	if (!msi->msix)
		want = (want & ~MSI_CTRL_MME) | (fls64(msi->nr) - 1) << 4;
	if (want != ctrl)
		pci_conf_write(sbdf, MSI_CTRL(msi->pos), 2, want);
}

static void capability_off(const struct msi_desc *msi)
{
	u32 sbdf = msi->pdev->sbdf, ctrl = pci_conf_read(sbdf, MSI_CTRL(msi->pos), 2);

	pci_conf_write(sbdf, MSI_CTRL(msi->pos), 2,
		ctrl & ~(msi->msix ? MSIX_CTRL_ENABLE : MSI_CTRL_ENABLE));
}

/* --- The controller --------------------------------------------------------------------------- */

static void msi_enable(struct irq_desc *desc)
{
	write_message(desc);
	set_masked(desc->msi, false);
	capability_on(desc->msi);
}

static void msi_mask(struct irq_desc *desc)
{
	set_masked(desc->msi, true);
}

static void msi_unmask(struct irq_desc *desc)
{
	set_masked(desc->msi, false);
}

/* A message that cannot be masked is stopped by turning the capability off. */
static void msi_disable(struct irq_desc *desc)
{
	set_masked(desc->msi, true);
	if (!desc->msi->msix && !desc->msi->maskable && desc->msi->nr == 1)
		capability_off(desc->msi);
}

static void msi_ack(struct irq_desc *desc)
{
	apic_eoi();
}

static void msi_end(struct irq_desc *desc)
{
}

static void msi_set_affinity(struct irq_desc *desc, unsigned int cpu)
{
	write_message(desc);
}

static const struct hw_irq_controller msi_controller = {
	.name = "MSI",
	.enable = msi_enable,
	.disable = msi_disable,
	.ack = msi_ack,
	.end = msi_end,
	.mask = msi_mask,
	.unmask = msi_unmask,
	.set_affinity = msi_set_affinity,
};

static const struct hw_irq_controller msix_controller = {
	.name = "MSI-X",
	.enable = msi_enable,
	.disable = msi_disable,
	.ack = msi_ack,
	.end = msi_end,
	.mask = msi_mask,
	.unmask = msi_unmask,
	.set_affinity = msi_set_affinity,
};

/* --- Set-up ----------------------------------------------------------------------------------- */

/* Address of a memory BAR, 0 when it is none. */
static paddr_t bar_address(u32 sbdf, unsigned int n)
{
	u32 low = pci_conf_read(sbdf, PCI_BAR(n), 4);
	u64 high = 0;

	if (low & 1)
		return 0;
	if ((low & 6) == 4 && n < 5)
		high = pci_conf_read(sbdf, PCI_BAR(n + 1), 4);
	return high << 32 | (low & ~0xfu);
}

/* Make sure that the table of MSI-X is mapped. pci_lock held. */
static int map_table(struct pci_dev *pdev, unsigned int pos, paddr_t table_base)
{
	u32 table = pci_conf_read(pdev->sbdf, MSIX_TABLE(pos), 4);
	unsigned int nr = MSIX_CTRL_SIZE(pci_conf_read(pdev->sbdf, MSIX_CTRL(pos), 2));
	size_t bytes = nr * MSIX_ENTRY_SIZE;
	unsigned int bir = table & 7;
	paddr_t pa = table_base + (table & ~7u);

	/* A virtual function has no BARs of its own to compare with. */
	if (bir > 5 || (!pdev->virtfn && bar_address(pdev->sbdf, bir) != table_base))
		return -EINVAL;
	if (!pdev->virtfn && !(pci_conf_read(pdev->sbdf, PCI_COMMAND, 2) & PCI_COMMAND_MEMORY))
		return -ENXIO;
	if (page_is_ram(pa >> PAGE_SHIFT) || page_is_ram((pa + bytes - 1) >> PAGE_SHIFT))
		return -EINVAL;
	if (pdev->msix_table && pdev->msix_table_pa == pa)
		return 0;
	pdev->msix_table = ioremap(pa, bytes);
	pdev->msix_table_pa = pa;
	return pdev->msix_table ? 0 : -ENOMEM;
}

static struct msi_desc *new_desc(struct pci_dev *pdev, unsigned int irq, unsigned int pos)
{
	struct msi_desc *msi = xzalloc(struct msi_desc);

	if (!msi)
		return NULL;
	msi->pdev = pdev;
	msi->irq = irq;
	msi->pos = pos;
	msi->nr = 1;
	return msi;
}

/* From here on the descriptor stands for the message. */
static void attach(struct msi_desc *msi, u8 vector, unsigned int cpu)
{
	struct irq_desc *desc = irq_to_desc(msi->irq);
	unsigned long flags;

	spin_lock_irqsave(&desc->lock, flags);
	desc->msi = msi;
	desc->handler = msi->msix ? &msix_controller : &msi_controller;
	desc->level = false;
	desc->pinned = msi->nr > 1;
	desc->vector = vector;
	desc->cpu = cpu;
	desc->count = desc->unclaimed = desc->storms = 0;
	list_add_tail(&msi->list, &msi->pdev->msis);
	set_masked(msi, true);
	spin_unlock_irqrestore(&desc->lock, flags);
}

static bool uses(const struct pci_dev *pdev, bool msix, unsigned int entry_nr)
{
	struct msi_desc *msi;

	list_for_each_entry(msi, &pdev->msis,
		list) if (msi->msix != msix || !msix || msi->entry_nr == entry_nr) return true;
	return false;
}

static int create_msix(struct pci_dev *pdev, const struct msi_request *req)
{
	unsigned int pos = pci_find_cap(pdev->sbdf, PCI_CAP_ID_MSIX);
	struct msi_desc *msi;
	int rc, irq;

	if (!pos)
		return -ENODEV;
	if (req->nr != 1 ||
		req->entry_nr >= MSIX_CTRL_SIZE(pci_conf_read(pdev->sbdf, MSIX_CTRL(pos), 2)))
		return -EINVAL;
	if (uses(pdev, true, req->entry_nr))
		return -EEXIST;
	rc = map_table(pdev, pos, req->table_base);
	if (rc)
		return rc;
	irq = irq_alloc_msi(1);
	if (irq < 0)
		return irq;
	msi = new_desc(pdev, irq, pos);
	if (!msi) {
		irq_free_msi(irq);
		return -ENOMEM;
	}
	msi->msix = msi->maskable = true;
	msi->entry_nr = req->entry_nr;
	msi->entry = pdev->msix_table + req->entry_nr * MSIX_ENTRY_SIZE;
	attach(msi, 0, 0);
	return irq;
}

static void free_descs(struct msi_desc **msis, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		irq_free_msi(msis[i]->irq);
		xfree(msis[i]);
	}
}

static int create_msi(struct pci_dev *pdev, const struct msi_request *req)
{
	unsigned int pos = pci_find_cap(pdev->sbdf, PCI_CAP_ID_MSI), n = req->nr, i;
	unsigned int cpu = irq_cpu_reachable(smp_processor_id()) ? smp_processor_id() : 0;
	struct msi_desc *msis[MSI_MAX_MESSAGES];
	int irq, vector = 0;
	u32 ctrl;

	if (!pos)
		return -ENODEV;
	ctrl = pci_conf_read(pdev->sbdf, MSI_CTRL(pos), 2);
	if (!n || n & (n - 1) || n > MSI_MAX_MESSAGES || n > 1u << MSI_CTRL_MMC(ctrl))
		return -EINVAL;
	if (uses(pdev, false, 0))
		return -EEXIST;
	irq = irq_alloc_msi(n);
	if (irq < 0)
		return irq;
	for (i = 0; i < n; i++) {
		msis[i] = new_desc(pdev, irq + i, pos);
		if (!msis[i])
			goto no_memory;
		msis[i]->is64 = ctrl & MSI_CTRL_64BIT;
		msis[i]->maskable = ctrl & MSI_CTRL_MASK;
		msis[i]->index = i;
		msis[i]->nr = n;
	}
	if (n > 1) { /* adjacent vectors, fixed; a single message gets one where it is bound */
		vector = vector_alloc_block(cpu, irq, n);
		if (vector < 0) {
			free_descs(msis, n);
			return vector;
		}
	}
	for (i = 0; i < n; i++)
		attach(msis[i], vector ? vector + i : 0, cpu);
	return irq;

no_memory:
	free_descs(msis, i);
	for (; i < n; i++)
		irq_free_msi(irq + i);
	return -ENOMEM;
}

int msi_create(const struct msi_request *req)
{
	struct pci_dev *pdev;
	int rc = -ENODEV;

	spin_lock(&pci_lock);
	pdev = pci_find_dev(req->sbdf);
	if (pdev)
		rc = req->table_base ? create_msix(pdev, req) : create_msi(pdev, req);
	spin_unlock(&pci_lock);
	return rc;
}

void msi_free_irq(unsigned int irq)
{
	struct irq_desc *desc = irq_to_desc(irq);
	struct msi_desc *msi;
	unsigned long flags;

	spin_lock(&pci_lock);
	spin_lock_irqsave(&desc->lock, flags);
	msi = desc->msi;
	if (msi) {
		desc->enabled = false;
		set_masked(msi, true);
		irq_unplace(desc);
		desc->handler = &no_irq_controller;
		desc->pinned = false;
		desc->msi = NULL;
	}
	spin_unlock_irqrestore(&desc->lock, flags);
	if (msi) {
		list_del(&msi->list);
		if (!msi->msix && list_empty(&msi->pdev->msis))
			capability_off(msi);
		xfree(msi);
		irq_free_msi(irq);
	}
	spin_unlock(&pci_lock);
}

/* --- The rest of what dom0 may ask ------------------------------------------------------------ */

int msi_restore(u32 sbdf)
{
	struct pci_dev *pdev;
	struct msi_desc *msi;
	unsigned long flags;

	spin_lock(&pci_lock);
	pdev = pci_find_dev(sbdf);
	if (pdev)
		list_for_each_entry(msi, &pdev->msis, list)
		{
			struct irq_desc *desc = irq_to_desc(msi->irq);

			spin_lock_irqsave(&desc->lock, flags);
			if (desc->vector)
				write_message(desc);
			set_masked(msi, !desc->enabled || desc->throttled);
			if (desc->enabled)
				capability_on(msi);
			spin_unlock_irqrestore(&desc->lock, flags);
		}
	spin_unlock(&pci_lock);
	return pdev ? 0 : -ENODEV;
}

int msix_prepare(u32 sbdf)
{
	struct pci_dev *pdev;
	int rc = 0;

	spin_lock(&pci_lock);
	pdev = pci_find_dev(sbdf);
	if (!pdev || !pci_find_cap(sbdf, PCI_CAP_ID_MSIX))
		rc = -ENODEV;
	else if (!list_empty(&pdev->msis))
		rc = -EBUSY;
	spin_unlock(&pci_lock);
	return rc;
}

static void dump_msi(unsigned char key)
{
	printk("Message interrupts:\n");
	for (unsigned int irq = nr_irqs_gsi; irq < nr_irqs; irq++) {
		struct irq_desc *desc = irq_to_desc(irq);
		const struct msi_desc *msi;
		unsigned long flags;

		spin_lock_irqsave(&desc->lock, flags);
		msi = desc->msi;
		if (msi)
			printk("  %s %u " PCI_FMT " entry=%u vec=%02x cpu=%u%s%s\n",
				msi->msix ? "MSI-X" : "MSI  ", irq, PCI_FMT_ARGS(msi->pdev->sbdf),
				msi->msix ? msi->entry_nr : msi->index, desc->vector, desc->cpu,
				msi->maskable ? " maskable" : "", desc->enabled ? "" : " masked");
		spin_unlock_irqrestore(&desc->lock, flags);
	}
}

void __init msi_init(void)
{
	register_keyhandler('M', dump_msi, "dump MSI state", true);
}
