/* PCI: configuration space, and the devices that dom0 has told us of. */
#ifndef XEN_PCI_H
#define XEN_PCI_H

#include <xen/list.h>
#include <xen/spinlock.h>
#include <xen/types.h>

/* A function's place: segment 31-16, bus 15-8, device 7-3, function 2-0. */
#define PCI_SBDF(seg, bus, devfn) ((u32)(seg) << 16 | (u32)(bus) << 8 | (devfn))
#define PCI_SEG(sbdf)             ((sbdf) >> 16)
#define PCI_BUS(sbdf)             ((sbdf) >> 8 & 0xff)
#define PCI_SLOT(sbdf)            ((sbdf) >> 3 & 0x1f)
#define PCI_FUNC(sbdf)            ((sbdf)&7)
#define PCI_FMT                   "%04x:%02x:%02x.%u"
#define PCI_FMT_ARGS(sbdf)        PCI_SEG(sbdf), PCI_BUS(sbdf), PCI_SLOT(sbdf), PCI_FUNC(sbdf)

#define PCI_VENDOR_ID       0x00
#define PCI_COMMAND         0x04
#define PCI_COMMAND_MEMORY  2u
#define PCI_STATUS          0x06
#define PCI_STATUS_CAP_LIST 0x10u
#define PCI_CLASS_REV       0x08
#define PCI_BAR(n)          (0x10 + (n)*4)
#define PCI_CAP_PTR         0x34
#define PCI_CAP_ID_MSI      0x05
#define PCI_CAP_ID_MSIX     0x11

struct pci_dev {
	struct list_head list;
	u32 sbdf;
	bool extfn, virtfn;    /* multi-function extended by ARI; virtual function */
	u32 physfn;            /* virtfn: whose */
	u32 pxm;               /* proximity domain, PCI_NO_PXM */
	struct list_head msis; /* struct msi_desc */
	void *msix_table;      /* mapped once; stays */
	paddr_t msix_table_pa;
};
#define PCI_NO_PXM 0xffffffffu

/* The list of devices and each one's msis. */
extern spinlock_t pci_lock;

/*
 * Configuration space. `size` is 1, 2 or 4 and divides `reg`; registers from 256 on need the
 * memory-mapped window. What does not exist reads as all ones. Any context.
 */
u32 pci_conf_read(u32 sbdf, unsigned int reg, unsigned int size);
void pci_conf_write(u32 sbdf, unsigned int reg, unsigned int size, u32 value);

/* Offset of a capability in configuration space, 0 = not there. */
unsigned int pci_find_cap(u32 sbdf, u8 id);

/* pci_lock held. NULL when dom0 has not announced it. */
struct pci_dev *pci_find_dev(u32 sbdf);
/* dom0 found a device; again is no error. -ENOMEM. */
int pci_add_device(u32 sbdf, bool extfn, bool virtfn, u32 physfn, u32 pxm);
/* It is gone, with its interrupts. -ENODEV; -EBUSY while a message interrupt is mapped. */
int pci_remove_device(u32 sbdf);
/* dom0's word on a window of PCI Express configuration space: may it be used? -ENODEV. */
int pci_mmcfg_reserved(paddr_t address, u16 segment, u8 start_bus, u8 end_bus, bool reserved);
/* Proximity domain of a device for XEN_SYSCTL_pcitopoinfo. -ENODEV. */
int pci_device_pxm(u32 sbdf, u32 *pxm);

/* Boot: debug keys. */
void pci_init(void);

#endif
