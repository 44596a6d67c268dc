/*
 * Reads the ACPI tables. They are input from firmware: every access is checked against the length
 * of the table, and lengths and checksums are checked before anything else.
 */
#include <xen/acpi.h>
#include <xen/errno.h>
#include <xen/lib.h>
#include <xen/mm.h>
#include <xen/param.h>

#include "acpi.h"

#define MAX_TABLE_SIZE (16u << 20)
#define RSDP_LEN_V1    20
#define RSDP_LEN_V2    36

struct acpi_info acpi_info;
paddr_t acpi_rsdp_hint;

bool opt_acpi_off, opt_acpi_ht, opt_acpi_noirq, opt_noapic;
static bool opt_ignore_tables, opt_acpi_force, opt_acpi_strict, opt_skip_timer_override;
static unsigned int opt_apic_instance;
boolean_param("noacpi", opt_acpi_off);
boolean_param("ignorebiostables", opt_ignore_tables);
boolean_param("noapic", opt_noapic);
boolean_param("acpi_skip_timer_override", opt_skip_timer_override);
integer_param("acpi_apic_instance", opt_apic_instance);

static int __init parse_acpi(const char *s)
{
	if (!strcmp(s, "off"))
		opt_acpi_off = true;
	else if (!strcmp(s, "ht"))
		opt_acpi_ht = true;
	else if (!strcmp(s, "noirq"))
		opt_acpi_noirq = true;
	else if (!strcmp(s, "force"))
		opt_acpi_force = true;
	else if (!strcmp(s, "strict"))
		opt_acpi_strict = true;
	else
		return -EINVAL;
	return 0;
}
custom_param("acpi", parse_acpi);

void *__init acpi_map(paddr_t address, size_t bytes)
{
	return ioremap(address, bytes);
}

/* --- Bounded reads: 0 beyond the end ---------------------------------------------------------- */

u64 acpi_get(const struct acpi_table *t, u32 off, unsigned int bytes)
{
	u64 v = 0;

	if (off > t->len || t->len - off < bytes)
		return 0;
	memcpy(&v, t->p + off, bytes);
	return v;
}

static bool checksum_ok(const u8 *p, size_t len)
{
	u8 sum = 0;

	while (len--)
		sum += *p++;
	return sum == 0;
}

/* Map a table with all its contents and check it. */
static bool __init map_table(paddr_t address, struct acpi_table *t)
{
	const u8 *head = address ? acpi_map(address, ACPI_HEADER_LEN) : NULL;
	u32 len;

	if (!head)
		return false;
	memcpy(&len, head + 4, sizeof(len));
	if (len < ACPI_HEADER_LEN || len > MAX_TABLE_SIZE) {
		printk(XENLOG_WARNING "ACPI: table at %#lx has the impossible length %u\n", address,
			len);
		return false;
	}
	t->address = address;
	t->len = len;
	t->p = acpi_map(address, len);
	if (!t->p)
		return false;
	if (checksum_ok(t->p, len))
		return true;
	printk(XENLOG_WARNING "ACPI: %.4s at %#lx: bad checksum%s\n", (const char *)t->p, address,
		opt_acpi_force ? "" : ", ignored");
	return opt_acpi_force;
}

/* --- The root --------------------------------------------------------------------------------- */

/* Is this a root pointer, by signature and checksums (5.2.5.3)? `room`: bytes readable. */
static bool __init rsdp_valid(const u8 *p, size_t room)
{
	u32 len;

	if (room < RSDP_LEN_V1 || memcmp(p, "RSD PTR ", 8) || !checksum_ok(p, RSDP_LEN_V1))
		return false;
	if (p[15] < 2)
		return true;
	if (room < RSDP_LEN_V2)
		return false;
	memcpy(&len, p + 20, sizeof(len));
	return len >= RSDP_LEN_V2 && len <= room && checksum_ok(p, len);
}

static const u8 *__init scan_rsdp(paddr_t start, size_t bytes)
{
	const u8 *p = acpi_map(start, bytes);

	for (size_t off = 0; p && off + RSDP_LEN_V1 <= bytes; off += 16) {
		if (!rsdp_valid(p + off, bytes - off))
			continue;
		acpi_info.rsdp = start + off;
		return p + off;
	}
	return NULL;
}

/* The boot loader's word, else the first KiB of the extended BIOS data area, else the BIOS ROM. */
static const u8 *__init find_rsdp(void)
{
	const u8 *p = NULL, *bda;
	u16 segment = 0;

	if (acpi_rsdp_hint)
		p = scan_rsdp(acpi_rsdp_hint, RSDP_LEN_V2);
	if (p)
		return p;
	bda = acpi_map(0x40e, sizeof(segment));
	if (bda)
		memcpy(&segment, bda, sizeof(segment));
	if (segment >= 0x4000 && segment < 0xa000)
		p = scan_rsdp((paddr_t)segment << 4, 1024);
	return p ? p : scan_rsdp(0xe0000, 0x20000);
}

static void __init remember_table(paddr_t address)
{
	struct acpi_table_ref *ref;
	struct acpi_table t;

	if (!map_table(address, &t))
		return;
	if (acpi_info.nr_tables == ACPI_MAX_TABLES) {
		printk(XENLOG_WARNING "ACPI: more than %u tables\n", ACPI_MAX_TABLES);
		return;
	}
	ref = &acpi_info.tables[acpi_info.nr_tables++];
	memcpy(ref->signature, t.p, 4);
	ref->address = address;
	ref->length = t.len;
	printk(XENLOG_DEBUG "ACPI: %.4s %#lx, %u bytes\n", ref->signature, address, t.len);
}

/* Collect what the RSDT (4-byte entries) or XSDT (8-byte entries) lists. */
static bool __init read_root(paddr_t address, const char *signature, unsigned int entry_size)
{
	struct acpi_table t;

	if (!map_table(address, &t) || memcmp(t.p, signature, 4))
		return false;
	for (u32 off = ACPI_HEADER_LEN; t.len - off >= entry_size; off += entry_size) {
		paddr_t entry = acpi_get(&t, off, entry_size);

		if (entry)
			remember_table(entry);
	}
	return true;
}

static bool __init read_roots(const u8 *rsdp)
{
	u32 rsdt;
	u64 xsdt;

	memcpy(&rsdt, rsdp + 16, sizeof(rsdt));
	if (rsdp[15] >= 2) {
		memcpy(&xsdt, rsdp + 24, sizeof(xsdt));
		if (xsdt && read_root(xsdt, "XSDT", 8))
			return true;
	}
	return read_root(rsdt, "RSDT", 4);
}

bool acpi_find_table(const char *signature, unsigned int n, paddr_t *address, u32 *length)
{
	for (unsigned int i = 0; i < acpi_info.nr_tables; i++) {
		const struct acpi_table_ref *ref = &acpi_info.tables[i];

		if (memcmp(ref->signature, signature, 4) || n--)
			continue;
		*address = ref->address;
		*length = ref->length;
		return true;
	}
	return false;
}

static bool __init open_table(const char *signature, unsigned int n, struct acpi_table *t)
{
	u32 len;

	if (!acpi_find_table(signature, n, &t->address, &len))
		return false;
	t->p = acpi_map(t->address, len);
	t->len = len;
	return t->p != NULL;
}

/* --- Results ---------------------------------------------------------------------------------- */

unsigned int acpi_isa_irq_to_gsi(unsigned int isa_irq)
{
	for (unsigned int i = 0; i < acpi_info.nr_overrides; i++)
		if (acpi_info.overrides[i].isa_irq == isa_irq)
			return acpi_info.overrides[i].gsi;
	return isa_irq;
}

/* acpi_skip_timer_override: IRQ 0 is said to be connected to pin 2, wrongly. Else noirq: none at
 * all. */
static void __init filter_overrides(void)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < acpi_info.nr_overrides; i++) {
		if (opt_acpi_noirq || (opt_skip_timer_override && !acpi_info.overrides[i].isa_irq))
			continue;
		acpi_info.overrides[kept++] = acpi_info.overrides[i];
	}
	acpi_info.nr_overrides = kept;
}

static void __init read_tables(void)
{
	struct acpi_table t;

	if (open_table("APIC", opt_apic_instance, &t))
		acpi_parse_madt(&t);
	if (open_table("SRAT", 0, &t))
		acpi_parse_srat(&t);
	if (open_table("SLIT", 0, &t))
		acpi_parse_slit(&t);
	if (opt_acpi_ht) {
		acpi_info.nr_ioapics = acpi_info.nr_overrides = 0;
		return;
	}
	if (open_table("FACP", 0, &t)) {
		struct acpi_table aml;
		paddr_t dsdt = acpi_parse_fadt(&t);

		if (map_table(dsdt, &aml))
			acpi_scan_s5(&aml);
		if (acpi_info.reset_supported && acpi_info.reset_reg.space == ACPI_SPACE_MEMORY)
			acpi_info.reset_mmio = acpi_map(acpi_info.reset_reg.address, 1);
	}
	for (unsigned int n = 0; !acpi_info.s5_known && open_table("SSDT", n, &t); n++)
		acpi_scan_s5(&t);
	if (open_table("HPET", 0, &t))
		acpi_parse_hpet(&t);
	if (open_table("MCFG", 0, &t))
		acpi_parse_mcfg(&t);
	filter_overrides();
	if (opt_noapic)
		acpi_info.nr_ioapics = 0;
}

void __init acpi_init(void)
{
	const u8 *rsdp;

	if (opt_ignore_tables || opt_acpi_off) {
		printk(XENLOG_INFO
			"ACPI tables are ignored by request: one CPU, no device interrupts\n");
		return;
	}
	rsdp = find_rsdp();
	if (!rsdp || !read_roots(rsdp)) {
		printk(XENLOG_WARNING "No ACPI tables: one CPU, no device interrupts "
				      "(an 8259 alone is not supported)\n");
		return;
	}
	acpi_info.present = true;
	read_tables();
	printk(XENLOG_INFO "ACPI: RSDP %#lx, %u tables, %u CPUs, %u IO-APICs\n", acpi_info.rsdp,
		acpi_info.nr_tables, acpi_info.nr_cpus, acpi_info.nr_ioapics);
	if (!acpi_info.nr_ioapics)
		printk(XENLOG_WARNING "No IO-APIC: devices have no line interrupts\n");
}
