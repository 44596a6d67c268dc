/* What the firmware's ACPI tables say about the machine (ACPI specification 6.4, chapter 5). */
#ifndef XEN_ACPI_H
#define XEN_ACPI_H

#include <xen/types.h>

#define ACPI_MAX_CPUS      256
#define ACPI_MAX_IOAPICS   16
#define ACPI_MAX_OVERRIDES 32
#define ACPI_MAX_NMIS      32
#define ACPI_MAX_MCFG      16
#define ACPI_MAX_AFFINITY  64
#define ACPI_MAX_TABLES    96
#define ACPI_MAX_NODES     16 /* side of the distance matrix that is kept */

/* A register anywhere (generic address structure). */
struct acpi_gas {
	u8 space; /* ACPI_SPACE_* */
	u8 bit_width, bit_offset, access_size;
	u64 address;
};
#define ACPI_SPACE_MEMORY 0
#define ACPI_SPACE_IO     1
#define ACPI_SPACE_PCI    2

struct acpi_cpu {
	u32 apic_id, acpi_id;
	bool enabled; /* false: may be plugged in later */
};

struct acpi_ioapic {
	u32 id;
	paddr_t address;
	u32 gsi_base;
};

/* Polarity and trigger mode of an override or NMI entry: MPS INTI flags. */
#define ACPI_INTI_POLARITY(f) ((f)&3)        /* 0 as the bus, 1 active high, 3 active low */
#define ACPI_INTI_TRIGGER(f)  ((f) >> 2 & 3) /* 0 as the bus, 1 edge, 3 level */

struct acpi_override {
	u8 isa_irq;
	u32 gsi;
	u16 flags;
};

struct acpi_lapic_nmi {
	u32 acpi_id; /* ACPI_ALL_CPUS: every processor */
	u16 flags;
	u8 lint;
};
#define ACPI_ALL_CPUS 0xffffffffu

struct acpi_mcfg {
	paddr_t address; /* of bus 0, even when start_bus is not 0 */
	u16 segment;
	u8 start_bus, end_bus;
};

struct acpi_cpu_affinity {
	u32 apic_id, pxm;
};

struct acpi_mem_affinity {
	paddr_t start, end; /* end: first byte behind */
	u32 pxm;
	bool hotplug;
};

struct acpi_table_ref {
	char signature[4];
	paddr_t address;
	u32 length;
};

struct acpi_info {
	bool present; /* root table found and accepted */
	bool have_madt, have_fadt;
	paddr_t rsdp;
	paddr_t lapic_address;
	bool pcat_compat; /* a pair of 8259 exists */

	unsigned int nr_cpus, nr_ioapics, nr_overrides, nr_nmis, nr_mcfg;
	struct acpi_cpu cpus[ACPI_MAX_CPUS];
	struct acpi_ioapic ioapics[ACPI_MAX_IOAPICS];
	struct acpi_override overrides[ACPI_MAX_OVERRIDES];
	struct acpi_lapic_nmi nmis[ACPI_MAX_NMIS];
	struct acpi_mcfg mcfg[ACPI_MAX_MCFG];

	/* FADT. Ports are 0 when absent. */
	u16 sci_irq;
	bool hw_reduced;
	u16 pm1a_evt, pm1b_evt, pm1a_cnt, pm1b_cnt;
	u8 pm1_evt_len;
	u16 pm_timer;
	bool pm_timer_32bit; /* else 24 bits */
	bool reset_supported;
	struct acpi_gas reset_reg;
	u8 reset_value;
	void *reset_mmio; /* when the reset register is in memory */
	u16 boot_arch;    /* IAPC_BOOT_ARCH, 0 when older than that */
	bool s5_known;
	u8 s5_typ_a, s5_typ_b;

	paddr_t hpet_address; /* 0: none */
	u8 hpet_number;

	unsigned int nr_cpu_affinity, nr_mem_affinity;
	struct acpi_cpu_affinity cpu_affinity[ACPI_MAX_CPUS];
	struct acpi_mem_affinity mem_affinity[ACPI_MAX_AFFINITY];
	unsigned int nr_distances; /* side of the matrix, 0 = none */
	u8 distance[ACPI_MAX_NODES][ACPI_MAX_NODES];

	unsigned int nr_tables;
	struct acpi_table_ref tables[ACPI_MAX_TABLES];
};

extern struct acpi_info acpi_info;

/* Physical address of a copy or of the RSDP itself, from the boot loader; 0 = search for it. */
extern paddr_t acpi_rsdp_hint;

/* acpi=off, ignorebiostables. acpi=ht: only CPUs are taken. acpi=noirq: no overrides. */
extern bool opt_acpi_off, opt_acpi_ht, opt_acpi_noirq, opt_noapic;

/*
 * Boot, on the first CPU: find and read all tables into acpi_info. Needs ioremap(). Bad tables are
 * named on the console and left out; without any the machine is one CPU without device interrupts.
 */
void acpi_init(void);

/* Address and length of the n-th table with that signature. False when there is none. */
bool acpi_find_table(const char *signature, unsigned int n, paddr_t *address, u32 *length);

/* Map firmware memory for reading; NULL when that is impossible. Never unmapped. */
void *acpi_map(paddr_t address, size_t bytes);

/* Trigger mode and polarity of a legacy interrupt, and the GSI that it arrives at. */
unsigned int acpi_isa_irq_to_gsi(unsigned int isa_irq);

#endif
