/* The contents of the individual tables (ACPI 6.4, chapter 5; HPET 1.0a; PCI firmware 3.0). */
#include <xen/lib.h>
#include "acpi.h"

/*
 * Walk records that start with a type byte and a length byte. A record that is shorter than its
 * own head or reaches beyond the table ends the walk.
 */
static void __init for_each_record(
	const struct acpi_table *t, u32 off, void (*fn)(const struct acpi_table *record, u8 type))
{
	while (off <= t->len && t->len - off >= 2) {
		struct acpi_table record = {.p = t->p + off, .len = t->p[off + 1]};

		if (record.len < 2 || record.len > t->len - off) {
			printk(XENLOG_WARNING "ACPI: %.4s: damaged at offset %u\n",
				(const char *)t->p, off);
			return;
		}
		fn(&record, t->p[off]);
		off += record.len;
	}
}

/* --- MADT ------------------------------------------------------------------------------------- */

enum madt_type {
	MADT_LAPIC = 0,
	MADT_IOAPIC = 1,
	MADT_OVERRIDE = 2,
	MADT_LAPIC_NMI = 4,
	MADT_LAPIC_ADDRESS = 5,
	MADT_X2APIC = 9,
	MADT_X2APIC_NMI = 10,
};
#define MADT_CPU_ENABLED        1u
#define MADT_CPU_ONLINE_CAPABLE 2u

static void __init add_cpu(u32 apic_id, u32 acpi_id, u32 flags)
{
	struct acpi_info *a = &acpi_info;

	if (!(flags & (MADT_CPU_ENABLED | MADT_CPU_ONLINE_CAPABLE)))
		return;
	for (unsigned int i = 0; i < a->nr_cpus; i++)
		if (a->cpus[i].apic_id == apic_id)
			return; /* firmware may list a CPU in both formats */
	if (a->nr_cpus == ACPI_MAX_CPUS) {
		printk(XENLOG_WARNING "ACPI: CPU with APIC ID %u is one too many\n", apic_id);
		return;
	}
	a->cpus[a->nr_cpus++] = (struct acpi_cpu){
		.apic_id = apic_id, .acpi_id = acpi_id, .enabled = flags & MADT_CPU_ENABLED};
}

static void __init add_ioapic(const struct acpi_table *r)
{
	struct acpi_ioapic io = {.id = acpi_get(r, 2, 1),
		.address = acpi_get(r, 4, 4),
		.gsi_base = acpi_get(r, 8, 4)};
	struct acpi_info *a = &acpi_info;

	if (!io.address || io.gsi_base > 0xffff || a->nr_ioapics == ACPI_MAX_IOAPICS) {
		printk(XENLOG_WARNING "ACPI: IO-APIC %u at %#lx, GSI %u: left out\n", io.id,
			io.address, io.gsi_base);
		return;
	}
	for (unsigned int i = 0; i < a->nr_ioapics; i++)
		if (a->ioapics[i].address == io.address || a->ioapics[i].gsi_base == io.gsi_base)
			return;
	a->ioapics[a->nr_ioapics++] = io;
}

static void __init add_override(const struct acpi_table *r)
{
	struct acpi_override o = {
		.isa_irq = acpi_get(r, 3, 1), .gsi = acpi_get(r, 4, 4), .flags = acpi_get(r, 8, 2)};
	struct acpi_info *a = &acpi_info;

	if (acpi_get(r, 2, 1) || o.isa_irq > 15 || o.gsi > 0xffff ||
		a->nr_overrides == ACPI_MAX_OVERRIDES) {
		printk(XENLOG_WARNING "ACPI: override of IRQ %u to GSI %u: left out\n", o.isa_irq,
			o.gsi);
		return;
	}
	a->overrides[a->nr_overrides++] = o;
}

static void __init add_nmi(u32 acpi_id, u16 flags, u8 lint)
{
	struct acpi_info *a = &acpi_info;

	if (lint <= 1 && a->nr_nmis < ACPI_MAX_NMIS)
		a->nmis[a->nr_nmis++] = (struct acpi_lapic_nmi){acpi_id, flags, lint};
}

static void __init madt_record(const struct acpi_table *r, u8 type)
{
	/* The shortest legal record of each kind. */
	static const u8 min_len[] = {
		[MADT_LAPIC] = 8,
		[MADT_IOAPIC] = 12,
		[MADT_OVERRIDE] = 10,
		[MADT_LAPIC_NMI] = 6,
		[MADT_LAPIC_ADDRESS] = 12,
		[MADT_X2APIC] = 16,
		[MADT_X2APIC_NMI] = 12,
	};
	u32 id;

	if (type >= ARRAY_SIZE(min_len) || !min_len[type])
		return;
	if (r->len < min_len[type]) {
		printk(XENLOG_WARNING "ACPI: MADT record of type %u is too short\n", type);
		return;
	}
	switch (type) {
	case MADT_LAPIC:
		if (acpi_get(r, 3, 1) != 0xff)
			add_cpu(acpi_get(r, 3, 1), acpi_get(r, 2, 1), acpi_get(r, 4, 4));
		break;
	case MADT_X2APIC:
		if (acpi_get(r, 4, 4) != 0xffffffff)
			add_cpu(acpi_get(r, 4, 4), acpi_get(r, 12, 4), acpi_get(r, 8, 4));
		break;
	case MADT_IOAPIC:
		add_ioapic(r);
		break;
	case MADT_OVERRIDE:
		add_override(r);
		break;
	case MADT_LAPIC_NMI:
		id = acpi_get(r, 2, 1);
		add_nmi(id == 0xff ? ACPI_ALL_CPUS : id, acpi_get(r, 3, 2), acpi_get(r, 5, 1));
		break;
	case MADT_X2APIC_NMI:
		add_nmi(acpi_get(r, 4, 4), acpi_get(r, 2, 2), acpi_get(r, 8, 1));
		break;
	case MADT_LAPIC_ADDRESS:
		acpi_info.lapic_address = acpi_get(r, 4, 8);
		break;
	}
}

void __init acpi_parse_madt(const struct acpi_table *t)
{
	acpi_info.have_madt = true;
	acpi_info.lapic_address = acpi_get(t, 36, 4);
	acpi_info.pcat_compat = acpi_get(t, 40, 4) & 1;
	for_each_record(t, 44, madt_record);
}

/* --- FADT ------------------------------------------------------------------------------------- */

#define FADT_TMR_VAL_EXT   (1u << 8)
#define FADT_RESET_REG_SUP (1u << 10)
#define FADT_HW_REDUCED    (1u << 20)

static struct acpi_gas __init get_gas(const struct acpi_table *t, u32 off)
{
	return (struct acpi_gas){.space = acpi_get(t, off, 1),
		.bit_width = acpi_get(t, off + 1, 1),
		.bit_offset = acpi_get(t, off + 2, 1),
		.access_size = acpi_get(t, off + 3, 1),
		.address = acpi_get(t, off + 4, 8)};
}

/* A port from its 64-bit description when that is usable, else from the old field. */
static u16 __init get_port(const struct acpi_table *t, u32 old_off, u32 gas_off)
{
	struct acpi_gas gas = get_gas(t, gas_off);
	u32 port = acpi_get(t, old_off, 4);

	if (gas.address && gas.address <= 0xffff && gas.space == ACPI_SPACE_IO)
		port = gas.address;
	return port <= 0xffff ? port : 0;
}

paddr_t __init acpi_parse_fadt(const struct acpi_table *t)
{
	struct acpi_info *a = &acpi_info;
	u32 flags = acpi_get(t, 112, 4);
	u64 dsdt = acpi_get(t, 140, 8);

	a->have_fadt = true;
	a->sci_irq = acpi_get(t, 46, 2);
	a->boot_arch = acpi_get(t, 109, 2);
	a->hw_reduced = flags & FADT_HW_REDUCED;
	if (!a->hw_reduced) {
		a->pm1a_evt = get_port(t, 56, 148);
		a->pm1b_evt = get_port(t, 60, 160);
		a->pm1a_cnt = get_port(t, 64, 172);
		a->pm1b_cnt = get_port(t, 68, 184);
		a->pm1_evt_len = acpi_get(t, 88, 1);
		if (acpi_get(t, 91, 1) == 4)
			a->pm_timer = get_port(t, 76, 208);
		a->pm_timer_32bit = flags & FADT_TMR_VAL_EXT;
	}
	if (flags & FADT_RESET_REG_SUP) {
		a->reset_reg = get_gas(t, 116);
		a->reset_value = acpi_get(t, 128, 1);
		a->reset_supported = a->reset_reg.address != 0;
	}
	return dsdt ? dsdt : acpi_get(t, 40, 4);
}

/* --- _S5_ ------------------------------------------------------------------------------------- */

/* AML encodings (ACPI 6.4, chapter 20). */
#define AML_ZERO    0x00
#define AML_ONE     0x01
#define AML_NAME    0x08
#define AML_BYTE    0x0a
#define AML_PACKAGE 0x12
#define AML_ROOT    '\\'

/* An integer constant at *off; false when there is anything else. */
static bool __init aml_byte(const struct acpi_table *t, u32 *off, u8 *v)
{
	u8 op = acpi_get(t, (*off)++, 1);

	if (op == AML_BYTE)
		*v = acpi_get(t, (*off)++, 1);
	else if (op == AML_ZERO || op == AML_ONE)
		*v = op;
	else
		return false;
	return *off <= t->len;
}

void __init acpi_scan_s5(const struct acpi_table *t)
{
	for (u32 i = ACPI_HEADER_LEN; t->len >= 12 && i < t->len - 12; i++) {
		u32 off = i + 4;
		u8 a, b;

		if (memcmp(t->p + i, "_S5_", 4) || acpi_get(t, off++, 1) != AML_PACKAGE)
			continue;
		if (t->p[i - 1] != AML_NAME && (t->p[i - 1] != AML_ROOT || t->p[i - 2] != AML_NAME))
			continue;
		/* The package's length takes 1 to 4 bytes, then comes the number of elements. */
		off += 1 + (acpi_get(t, off, 1) >> 6) + 1;
		if (!aml_byte(t, &off, &a) || !aml_byte(t, &off, &b))
			continue;
		acpi_info.s5_typ_a = a & 7;
		acpi_info.s5_typ_b = b & 7;
		acpi_info.s5_known = true;
		return;
	}
}

/* --- HPET, MCFG ------------------------------------------------------------------------------- */

void __init acpi_parse_hpet(const struct acpi_table *t)
{
	struct acpi_gas gas = get_gas(t, 40);

	if (gas.space != ACPI_SPACE_MEMORY || !gas.address)
		return;
	acpi_info.hpet_address = gas.address;
	acpi_info.hpet_number = acpi_get(t, 52, 1);
}

void __init acpi_parse_mcfg(const struct acpi_table *t)
{
	for (u32 off = 44; t->len >= 16 && off <= t->len - 16; off += 16) {
		struct acpi_mcfg m = {.address = acpi_get(t, off, 8),
			.segment = acpi_get(t, off + 8, 2),
			.start_bus = acpi_get(t, off + 10, 1),
			.end_bus = acpi_get(t, off + 11, 1)};

		if (!m.address || m.address & 0xfffff || m.start_bus > m.end_bus ||
			acpi_info.nr_mcfg == ACPI_MAX_MCFG) {
			printk(XENLOG_WARNING "ACPI: MCFG entry at %#lx: left out\n", m.address);
			continue;
		}
		acpi_info.mcfg[acpi_info.nr_mcfg++] = m;
	}
}

/* --- SRAT, SLIT ------------------------------------------------------------------------------- */

enum srat_type { SRAT_CPU = 0, SRAT_MEMORY = 1, SRAT_X2APIC = 2 };
#define SRAT_ENABLED 1u
#define SRAT_HOTPLUG 2u

static void __init add_cpu_affinity(u32 apic_id, u32 pxm)
{
	struct acpi_info *a = &acpi_info;

	if (a->nr_cpu_affinity < ACPI_MAX_CPUS)
		a->cpu_affinity[a->nr_cpu_affinity++] = (struct acpi_cpu_affinity){apic_id, pxm};
}

static void __init add_mem_affinity(const struct acpi_table *r, u32 flags)
{
	u64 start = acpi_get(r, 8, 8), length = acpi_get(r, 16, 8);
	struct acpi_info *a = &acpi_info;

	if (!length || start + length < start || a->nr_mem_affinity == ACPI_MAX_AFFINITY)
		return;
	a->mem_affinity[a->nr_mem_affinity++] = (struct acpi_mem_affinity){.start = start,
		.end = start + length,
		.pxm = acpi_get(r, 2, 4),
		.hotplug = flags & SRAT_HOTPLUG};
}

static void __init srat_record(const struct acpi_table *r, u8 type)
{
	u32 flags;

	switch (type) {
	case SRAT_CPU:
		flags = acpi_get(r, 4, 4);
		if (r->len >= 16 && flags & SRAT_ENABLED)
			add_cpu_affinity(
				acpi_get(r, 3, 1), acpi_get(r, 2, 1) | acpi_get(r, 9, 3) << 8);
		break;
	case SRAT_X2APIC:
		flags = acpi_get(r, 12, 4);
		if (r->len >= 24 && flags & SRAT_ENABLED)
			add_cpu_affinity(acpi_get(r, 8, 4), acpi_get(r, 4, 4));
		break;
	case SRAT_MEMORY:
		flags = acpi_get(r, 28, 4);
		if (r->len >= 40 && flags & SRAT_ENABLED)
			add_mem_affinity(r, flags);
		break;
	}
}

void __init acpi_parse_srat(const struct acpi_table *t)
{
	for_each_record(t, 48, srat_record);
}

void __init acpi_parse_slit(const struct acpi_table *t)
{
	u64 n = acpi_get(t, 36, 8);

	if (!n || n > ACPI_MAX_NODES || 44 + n * n > t->len)
		return;
	acpi_info.nr_distances = n;
	for (unsigned int i = 0; i < n; i++)
		for (unsigned int j = 0; j < n; j++)
			acpi_info.distance[i][j] = acpi_get(t, 44 + i * n + j, 1);
}
