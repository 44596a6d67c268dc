/* Private to drivers/acpi. */
#ifndef DRIVERS_ACPI_H
#define DRIVERS_ACPI_H

#include <xen/acpi.h>

#define ACPI_HEADER_LEN 36

/* A mapped table, its header included. */
struct acpi_table {
	const u8 *p;
	u32 len;
	paddr_t address;
};

/* `bytes` (1 to 8) little-endian bytes at `off`; 0 when any of them lies beyond the table's end. */
u64 acpi_get(const struct acpi_table *t, u32 off, unsigned int bytes);

/* Each reads one kind of table into acpi_info. */
void acpi_parse_madt(const struct acpi_table *t);
void acpi_parse_srat(const struct acpi_table *t);
void acpi_parse_slit(const struct acpi_table *t);
void acpi_parse_hpet(const struct acpi_table *t);
void acpi_parse_mcfg(const struct acpi_table *t);
/* Returns the address of the DSDT, 0 when there is none. */
paddr_t acpi_parse_fadt(const struct acpi_table *t);
/* Look for the package \_S5_ in a DSDT or SSDT. */
void acpi_scan_s5(const struct acpi_table *t);

#endif
