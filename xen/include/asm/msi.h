/* Interrupts as messages: MSI and MSI-X (PCI 3.0, 6.8). */
#ifndef ASM_MSI_H
#define ASM_MSI_H

#include <xen/list.h>
#include <xen/types.h>

struct pci_dev;

struct msi_desc {
	struct list_head list; /* pci_dev's msis */
	struct pci_dev *pdev;
	unsigned int irq;
	bool msix, is64, maskable;
	u8 pos;       /* capability in configuration space */
	u8 index, nr; /* MSI: which of how many messages */
	u16 entry_nr; /* MSI-X: entry of the table */
	void *entry;  /* MSI-X: mapped */
};

/* What PHYSDEVOP_map_pirq asks for. */
struct msi_request {
	u32 sbdf;
	unsigned int nr; /* MSI: messages, a power of two */
	unsigned int entry_nr;
	paddr_t table_base; /* MSI-X: address of the BAR with the table; 0 = MSI */
};

#define MSI_MAX_MESSAGES 32

/*
 * Set up message interrupts, masked. The first number is returned, others follow it. -ENODEV no
 * such device or capability, -EEXIST in use already, -EINVAL, -ENXIO table not accessible, -ENOSPC
 * no numbers or vectors, -ENOMEM. Not in interrupt context.
 */
int msi_create(const struct msi_request *req);
/* Give one number back; its interrupt must be unbound. */
void msi_free_irq(unsigned int irq);
/* Write all messages of a device again, after it lost them. -ENODEV. */
int msi_restore(u32 sbdf);
/* pciback is about to use, or done with, the device's MSI-X: nothing may be set up. -ENODEV,
 * -EBUSY. */
int msix_prepare(u32 sbdf);
void msi_init(void); /* boot: debug key 'M' */

#endif
