/* sources: xen/drivers/acpi/tables.c xen/drivers/acpi/parse.c tests/unit/harness.c */
/* The ACPI tables: a usual machine, and firmware that lies about lengths, checksums and places. */
#include <check.h>
#include <xen/acpi.h>
#include <xen/lib.h>
#include <xen/mm.h>
#include "harness.h"
#include "suite.h"

unsigned char host_ram[1]; /* no machine memory is needed */

/* --- Firmware memory: pieces at physical addresses -------------------------------------------- */

#define MAX_PIECES 32
static struct piece {
	paddr_t pa;
	u32 size;
	u8 *data;
} pieces[MAX_PIECES];
static unsigned int nr_pieces;
static void *mappings[4096];
static unsigned int nr_mappings;

/* An exact copy, so that the address sanitizer sees a read beyond what was asked for. */
void *ioremap(paddr_t pa, size_t bytes)
{
	for (unsigned int i = 0; i < nr_pieces; i++) {
		const struct piece *p = &pieces[i];
		u8 *copy;

		if (pa < p->pa || pa - p->pa >= p->size)
			continue;
		if (nr_mappings == ARRAY_SIZE(mappings) || bytes > 64 << 20)
			return NULL;
		copy = calloc(1, bytes);
		memcpy(copy, p->data + (pa - p->pa), min_t(size_t, bytes, p->size - (pa - p->pa)));
		return mappings[nr_mappings++] = copy;
	}
	return NULL;
}

static u8 *place(paddr_t pa, u32 size)
{
	struct piece *p = &pieces[nr_pieces++];

	ck_assert_uint_le(nr_pieces, MAX_PIECES);
	*p = (struct piece){pa, size, calloc(1, size)};
	return p->data;
}

static void set_checksum(u8 *p, size_t len, unsigned int at)
{
	u8 sum = 0;

	p[at] = 0;
	for (size_t i = 0; i < len; i++)
		sum += p[i];
	p[at] = -sum;
}

/* --- Building tables -------------------------------------------------------------------------- */

#define BIOS      0xe0000
#define RSDP_AT   0xf5a00
#define XSDT_AT   0x7fe00000
#define TABLES_AT 0x7fe10000
#define DSDT_AT   0x7ff00000

static u8 table[4096];
static u32 table_len;

static void put(u64 v, unsigned int bytes)
{
	memcpy(table + table_len, &v, bytes);
	table_len += bytes;
}

static void put_string(const char *s, unsigned int n)
{
	memcpy(table + table_len, s, n);
	table_len += n;
}

static void begin(const char *signature, u32 header)
{
	memset(table, 0, sizeof(table));
	table_len = 0;
	put_string(signature, 4);
	table_len = header;
}

static paddr_t entries[16];
static unsigned int nr_entries;

static u8 *finish_at(paddr_t pa)
{
	u8 *p;

	memcpy(table + 4, &table_len, 4);
	set_checksum(table, table_len, 9);
	p = place(pa, table_len);
	memcpy(p, table, table_len);
	return p;
}

static u8 *finish(void)
{
	paddr_t pa = TABLES_AT + nr_entries * 0x1000;

	entries[nr_entries++] = pa;
	return finish_at(pa);
}

static void put_lapic(u8 acpi_id, u8 apic_id, u32 flags)
{
	put(0, 1);
	put(8, 1);
	put(acpi_id, 1);
	put(apic_id, 1);
	put(flags, 4);
}

static void put_x2apic(u32 acpi_id, u32 apic_id, u32 flags)
{
	put(9, 1);
	put(16, 1);
	put(0, 2);
	put(apic_id, 4);
	put(flags, 4);
	put(acpi_id, 4);
}

static void put_ioapic(u8 id, u32 address, u32 gsi)
{
	put(1, 1);
	put(12, 1);
	put(id, 2);
	put(address, 4);
	put(gsi, 4);
}

static void put_override(u8 irq, u32 gsi, u16 flags)
{
	put(2, 1);
	put(10, 1);
	put(0, 1);
	put(irq, 1);
	put(gsi, 4);
	put(flags, 2);
}

static void put_nmi(u8 acpi_id, u16 flags, u8 lint)
{
	put(4, 1);
	put(6, 1);
	put(acpi_id, 1);
	put(flags, 2);
	put(lint, 1);
}

static u8 *build_madt(void)
{
	begin("APIC", 36);
	put(0xfee00000, 4);
	put(1, 4);
	put_lapic(0, 0, 1);
	put_lapic(1, 2, 1);
	put_lapic(2, 3, 0); /* absent */
	put_lapic(3, 4, 2); /* can be plugged in */
	put_lapic(4, 0xff, 1);
	put_x2apic(9, 0x123, 1);
	put_x2apic(10, 2, 1); /* the second one again */
	put_ioapic(0, 0xfec00000, 0);
	put_ioapic(1, 0xfec01000, 24);
	put_override(0, 2, 0);
	put_override(9, 9, 0xd);
	put_nmi(0xff, 0, 1);
	put(5, 1); /* address override */
	put(12, 1);
	put(0, 2);
	put(0x1fee00000, 8);
	return finish();
}

static u8 *build_fadt(void)
{
	begin("FACP", 0);
	table_len = 244;
	*(u32 *)(table + 40) = DSDT_AT;
	*(u16 *)(table + 46) = 9;
	*(u32 *)(table + 56) = 0x600;
	*(u32 *)(table + 64) = 0x604;
	*(u32 *)(table + 76) = 0x608;
	table[88] = 4;
	table[91] = 4;
	*(u32 *)(table + 112) = 1u << 8 | 1u << 10;
	table[116] = 1; /* port */
	table[117] = 8;
	*(u64 *)(table + 120) = 0xcf9;
	table[128] = 0x0f;
	table[172] = 1; /* the 64-bit form of PM1a control wins */
	*(u64 *)(table + 176) = 0xb004;
	return finish();
}

static u8 *build_dsdt(void)
{
	begin("DSDT", 36);
	put_string("\x10\x05_S5_x", 7); /* the name, but no package */
	put_string("\x08_S5_\x12\x06\x04\x0a\x05\x0a\x07\x00\x00", 13);
	put(0, 4);
	return finish_at(DSDT_AT);
}

static void build_others(void)
{
	begin("HPET", 40);
	put(0, 4);
	put(0xfed00000, 8);
	put(3, 1);
	put(0, 3);
	finish();
	begin("MCFG", 44);
	put(0xb0000000, 8);
	put(0, 2);
	put(0, 1);
	put(0xff, 1);
	put(0, 4);
	put(0xc0000001, 8); /* not aligned to a bus */
	put(0, 8);
	finish();
	begin("SRAT", 48);
	put(0, 1); /* CPU 2 in domain 1 */
	put(16, 1);
	put(1, 1);
	put(2, 1);
	put(1, 4);
	put(0, 8);
	put(1, 1); /* memory 4-8 GiB in domain 1 */
	put(40, 1);
	put(1, 4);
	put(0, 2);
	put(4ull << 30, 8);
	put(4ull << 30, 8);
	put(0, 4);
	put(1, 4);
	put(0, 8);
	finish();
	begin("SLIT", 36);
	put(2, 8);
	put_string("\x0a\x14\x15\x0a", 4);
	finish();
}

static void build_root(void)
{
	u8 *bios, *rsdp;
	u64 xsdt = XSDT_AT;
	u32 len = 36;

	begin("XSDT", 36);
	for (unsigned int i = 0; i < nr_entries; i++)
		put(entries[i], 8);
	finish_at(XSDT_AT);
	bios = place(BIOS, 0x20000);
	rsdp = bios + (RSDP_AT - BIOS);
	memcpy(rsdp, "RSD PTR ", 8);
	rsdp[15] = 2;
	memcpy(rsdp + 20, &len, 4);
	memcpy(rsdp + 24, &xsdt, 8);
	set_checksum(rsdp, 20, 8);
	set_checksum(rsdp, 36, 32);
}

static struct piece *piece_at(paddr_t pa)
{
	for (unsigned int i = 0; i < nr_pieces; i++)
		if (pieces[i].pa == pa)
			return &pieces[i];
	ck_abort_msg("no piece at %#lx", pa);
}

static void forget_mappings(void)
{
	while (nr_mappings)
		free(mappings[--nr_mappings]);
}

static void setup(void)
{
	harness_reset();
	memset(&acpi_info, 0, sizeof(acpi_info));
	acpi_rsdp_hint = 0;
	opt_acpi_off = opt_acpi_ht = opt_acpi_noirq = opt_noapic = false;
	nr_entries = 0;
	build_madt();
	build_fadt();
	build_dsdt();
	build_others();
	build_root();
}

static void teardown(void)
{
	forget_mappings();
	while (nr_pieces)
		free(pieces[--nr_pieces].data);
}

/* --- A good machine --------------------------------------------------------------------------- */

START_TEST(cpus_and_ioapics)
{
	acpi_init();
	ck_assert(acpi_info.present);
	ck_assert_uint_eq(acpi_info.rsdp, RSDP_AT);
	ck_assert_uint_eq(acpi_info.nr_tables, 6);
	ck_assert_uint_eq(acpi_info.nr_cpus, 4);
	ck_assert_uint_eq(acpi_info.cpus[1].apic_id, 2);
	ck_assert(acpi_info.cpus[1].enabled);
	ck_assert_uint_eq(acpi_info.cpus[2].apic_id, 4);
	ck_assert(!acpi_info.cpus[2].enabled);
	ck_assert_uint_eq(acpi_info.cpus[3].apic_id, 0x123);
	ck_assert_uint_eq(acpi_info.cpus[3].acpi_id, 9);
	ck_assert_uint_eq(acpi_info.nr_ioapics, 2);
	ck_assert_uint_eq(acpi_info.ioapics[1].address, 0xfec01000);
	ck_assert_uint_eq(acpi_info.ioapics[1].gsi_base, 24);
	ck_assert_uint_eq(acpi_info.lapic_address, 0x1fee00000);
	ck_assert_uint_eq(acpi_info.nr_nmis, 1);
	ck_assert_uint_eq(acpi_info.nmis[0].acpi_id, ACPI_ALL_CPUS);
	ck_assert(acpi_info.pcat_compat);
}
END_TEST

START_TEST(overrides)
{
	acpi_init();
	ck_assert_uint_eq(acpi_info.nr_overrides, 2);
	ck_assert_uint_eq(acpi_isa_irq_to_gsi(0), 2);
	ck_assert_uint_eq(acpi_isa_irq_to_gsi(9), 9);
	ck_assert_uint_eq(acpi_isa_irq_to_gsi(4), 4);
	ck_assert_uint_eq(ACPI_INTI_POLARITY(acpi_info.overrides[1].flags), 1);
	ck_assert_uint_eq(ACPI_INTI_TRIGGER(acpi_info.overrides[1].flags), 3);
}
END_TEST

START_TEST(fadt_and_s5)
{
	acpi_init();
	ck_assert_uint_eq(acpi_info.sci_irq, 9);
	ck_assert_uint_eq(acpi_info.pm1a_evt, 0x600);
	ck_assert_uint_eq(acpi_info.pm1a_cnt, 0xb004);
	ck_assert_uint_eq(acpi_info.pm1b_cnt, 0);
	ck_assert_uint_eq(acpi_info.pm_timer, 0x608);
	ck_assert(acpi_info.pm_timer_32bit);
	ck_assert(acpi_info.reset_supported);
	ck_assert_uint_eq(acpi_info.reset_reg.address, 0xcf9);
	ck_assert_uint_eq(acpi_info.reset_value, 0x0f);
	ck_assert(acpi_info.s5_known);
	ck_assert_uint_eq(acpi_info.s5_typ_a, 5);
	ck_assert_uint_eq(acpi_info.s5_typ_b, 7);
}
END_TEST

START_TEST(timers_windows_nodes)
{
	paddr_t pa;
	u32 len;

	acpi_init();
	ck_assert_uint_eq(acpi_info.hpet_address, 0xfed00000);
	ck_assert_uint_eq(acpi_info.hpet_number, 3);
	ck_assert_uint_eq(acpi_info.nr_mcfg, 1);
	ck_assert_uint_eq(acpi_info.mcfg[0].address, 0xb0000000);
	ck_assert_uint_eq(acpi_info.mcfg[0].end_bus, 0xff);
	ck_assert_uint_eq(acpi_info.nr_cpu_affinity, 1);
	ck_assert_uint_eq(acpi_info.cpu_affinity[0].apic_id, 2);
	ck_assert_uint_eq(acpi_info.cpu_affinity[0].pxm, 1);
	ck_assert_uint_eq(acpi_info.nr_mem_affinity, 1);
	ck_assert_uint_eq(acpi_info.mem_affinity[0].end, 8ull << 30);
	ck_assert_uint_eq(acpi_info.nr_distances, 2);
	ck_assert_uint_eq(acpi_info.distance[0][1], 0x14);
	ck_assert_uint_eq(acpi_info.distance[1][0], 0x15);
	ck_assert(acpi_find_table("SRAT", 0, &pa, &len));
	ck_assert_uint_eq(len, 48 + 16 + 40);
	ck_assert(!acpi_find_table("SRAT", 1, &pa, &len));
	ck_assert(!acpi_find_table("DMAR", 0, &pa, &len));
}
END_TEST

/* --- Options ---------------------------------------------------------------------------------- */

START_TEST(options)
{
	opt_acpi_off = true;
	acpi_init();
	ck_assert(!acpi_info.present);
	ck_assert_uint_eq(acpi_info.nr_cpus, 0);

	opt_acpi_off = false;
	opt_acpi_ht = true;
	acpi_init();
	ck_assert_uint_eq(acpi_info.nr_cpus, 4);
	ck_assert_uint_eq(acpi_info.nr_ioapics, 0);
	ck_assert_uint_eq(acpi_info.pm_timer, 0);
}
END_TEST

START_TEST(noirq_keeps_ioapics)
{
	opt_acpi_noirq = true;
	acpi_init();
	ck_assert_uint_eq(acpi_info.nr_ioapics, 2);
	ck_assert_uint_eq(acpi_isa_irq_to_gsi(0), 0);
}
END_TEST

START_TEST(noapic_has_none)
{
	opt_noapic = true;
	acpi_init();
	ck_assert_uint_eq(acpi_info.nr_ioapics, 0);
	ck_assert_uint_eq(acpi_info.nr_cpus, 4);
	ck_assert_ptr_nonnull(strstr(host_console, "No IO-APIC"));
}
END_TEST

/* --- Where the root is ------------------------------------------------------------------------ */

START_TEST(root_from_the_loader)
{
	struct piece *bios = piece_at(BIOS);
	u8 *copy = place(0x123450, 36);

	memcpy(copy, bios->data + (RSDP_AT - BIOS), 36);
	memset(bios->data, 0, bios->size);
	acpi_rsdp_hint = 0x123450;
	acpi_init();
	ck_assert_uint_eq(acpi_info.rsdp, 0x123450);
	ck_assert_uint_eq(acpi_info.nr_cpus, 4);
}
END_TEST

START_TEST(root_in_the_extended_data_area)
{
	struct piece *bios = piece_at(BIOS);
	u8 *bda = place(0x40e, 2), *ebda = place(0x9fc00, 1024);

	bda[1] = 0x9f;
	bda[0] = 0xc0;
	memcpy(ebda + 0x40, bios->data + (RSDP_AT - BIOS), 36);
	memset(bios->data, 0, bios->size);
	acpi_init();
	ck_assert_uint_eq(acpi_info.rsdp, 0x9fc40);
}
END_TEST

START_TEST(false_root_is_passed_over)
{
	struct piece *bios = piece_at(BIOS);

	memcpy(bios->data + 0x100, bios->data + (RSDP_AT - BIOS), 36);
	bios->data[0x100 + 33] ^= 1;                 /* only the longer checksum is wrong */
	memcpy(bios->data + 0x1fff0, "RSD PTR ", 8); /* cut off by the end of the ROM */
	acpi_init();
	ck_assert_uint_eq(acpi_info.rsdp, RSDP_AT);
}
END_TEST

START_TEST(no_root)
{
	struct piece *bios = piece_at(BIOS);

	memset(bios->data, 0, bios->size);
	acpi_init();
	ck_assert(!acpi_info.present);
	ck_assert_ptr_nonnull(strstr(host_console, "No ACPI tables"));
}
END_TEST

START_TEST(rsdt_when_xsdt_is_bad)
{
	struct piece *bios = piece_at(BIOS);
	u8 *rsdp = bios->data + (RSDP_AT - BIOS);
	u32 rsdt = 0x7fd00000;

	piece_at(XSDT_AT)->data[40] ^= 0xff;
	begin("RSDT", 36);
	put(entries[0], 4);
	finish_at(rsdt);
	memcpy(rsdp + 16, &rsdt, 4);
	set_checksum(rsdp, 20, 8);
	set_checksum(rsdp, 36, 32);
	acpi_init();
	ck_assert(acpi_info.present);
	ck_assert_uint_eq(acpi_info.nr_tables, 1);
	ck_assert_uint_eq(acpi_info.nr_cpus, 4);
}
END_TEST

/* --- Lies ------------------------------------------------------------------------------------- */

static void resum(struct piece *p)
{
	set_checksum(p->data, p->size, 9);
}

START_TEST(bad_checksum_leaves_the_table_out)
{
	piece_at(entries[0])->data[44] ^= 1;
	acpi_init();
	ck_assert_uint_eq(acpi_info.nr_cpus, 0);
	ck_assert_uint_eq(acpi_info.pm_timer, 0x608); /* the others are read */
	ck_assert_ptr_nonnull(strstr(host_console, "bad checksum"));
}
END_TEST

START_TEST(impossible_lengths)
{
	static const u32 lengths[] = {0, 8, 35, 0x1000001, 0xffffffff};
	struct piece *madt = piece_at(entries[0]);

	memcpy(madt->data + 4, &lengths[_i], 4);
	acpi_init();
	ck_assert(acpi_info.present);
	ck_assert(!acpi_info.have_madt);
}
END_TEST

/* A record of length 0 must not loop, one that is too long must not be read. */
START_TEST(damaged_records)
{
	static const u8 lengths[] = {0, 1, 7, 200, 255};
	struct piece *madt = piece_at(entries[0]);

	madt->data[44 + 8 + 1] = lengths[_i]; /* the second CPU's */
	resum(madt);
	acpi_init();
	ck_assert_uint_ge(acpi_info.nr_cpus, 1);
	ck_assert_uint_eq(acpi_info.cpus[0].apic_id, 0);
	if (lengths[_i] < 2 || lengths[_i] >= 200)
		ck_assert_uint_eq(acpi_info.nr_cpus, 1);
}
END_TEST

START_TEST(more_than_fits)
{
	begin("APIC", 44);
	for (unsigned int i = 0; i < 40; i++)
		put_ioapic(i, 0xfec00000 + i * 0x1000, i * 24);
	for (unsigned int i = 0; i < 60; i++)
		put_override(i % 16, i, 0);
	for (unsigned int i = 0; i < 60; i++)
		put_nmi(i, 0, 0);
	nr_entries = 0;
	nr_pieces--; /* the BIOS comes last, again */
	free(pieces[nr_pieces].data);
	nr_pieces--; /* and the root before it */
	free(pieces[nr_pieces].data);
	entries[0] = 0x60000000;
	nr_entries = 1;
	finish_at(entries[0]);
	build_root();
	acpi_init();
	ck_assert_uint_eq(acpi_info.nr_ioapics, ACPI_MAX_IOAPICS);
	ck_assert_uint_eq(acpi_info.nr_overrides, ACPI_MAX_OVERRIDES);
	ck_assert_uint_eq(acpi_info.nr_nmis, ACPI_MAX_NMIS);
}
END_TEST

START_TEST(wrong_overrides)
{
	begin("APIC", 44);
	put_override(16, 20, 0);        /* no ISA line */
	put_override(3, 0x10000, 0);    /* no GSI */
	put_ioapic(0, 0, 0);            /* at no address */
	put_ioapic(1, 0xfec00000, ~0u); /* beyond all GSIs */
	piece_at(XSDT_AT)->data[0] = 'X';
	entries[0] = 0x60000000;
	finish_at(entries[0]);
	memcpy(piece_at(XSDT_AT)->data + 36, &entries[0], 8);
	resum(piece_at(XSDT_AT));
	acpi_init();
	ck_assert(acpi_info.have_madt);
	ck_assert_uint_eq(acpi_info.nr_overrides, 0);
	ck_assert_uint_eq(acpi_info.nr_ioapics, 0);
}
END_TEST

START_TEST(short_fadt)
{
	struct piece *fadt = piece_at(entries[1]);

	fadt->size = 116; /* as version 1 has it: no reset register, no 64-bit fields */
	memcpy(fadt->data + 4, &fadt->size, 4);
	resum(fadt);
	acpi_init();
	ck_assert_uint_eq(acpi_info.pm1a_cnt, 0x604);
	ck_assert(!acpi_info.reset_supported);
	ck_assert(acpi_info.s5_known);
}
END_TEST

START_TEST(s5_cut_off)
{
	struct piece *dsdt = piece_at(DSDT_AT);

	/* The table ends within the package. */
	dsdt->size = 36 + 7 + 9;
	memcpy(dsdt->data + 4, &dsdt->size, 4);
	resum(dsdt);
	acpi_init();
	ck_assert(!acpi_info.s5_known);
}
END_TEST

/* Any bytes anywhere, with right checksums: nothing is read beyond its end (the sanitizer's part),
 * nothing is stored beyond its array, and it ends. */
START_TEST(random_damage)
{
	u32 seed = 12345 + _i;

	for (unsigned int round = 0; round < 300; round++) {
		struct piece *p;

		for (unsigned int n = 0; n < 4; n++) {
			seed = seed * 1664525 + 1013904223;
			p = &pieces[(seed >> 8) % (nr_pieces - 1)]; /* not the BIOS */
			p->data[(seed >> 16) % p->size] = seed >> 3;
			if (p->size > 9)
				set_checksum(p->data, p->size, 9);
		}
		memset(&acpi_info, 0, sizeof(acpi_info));
		host_console[0] = 0;
		acpi_init();
		ck_assert_uint_le(acpi_info.nr_cpus, ACPI_MAX_CPUS);
		ck_assert_uint_le(acpi_info.nr_ioapics, ACPI_MAX_IOAPICS);
		ck_assert_uint_le(acpi_info.nr_tables, ACPI_MAX_TABLES);
		forget_mappings();
	}
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("all");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, cpus_and_ioapics);
	tcase_add_test(t, overrides);
	tcase_add_test(t, fadt_and_s5);
	tcase_add_test(t, timers_windows_nodes);
	tcase_add_test(t, options);
	tcase_add_test(t, noirq_keeps_ioapics);
	tcase_add_test(t, noapic_has_none);
	tcase_add_test(t, root_from_the_loader);
	tcase_add_test(t, root_in_the_extended_data_area);
	tcase_add_test(t, false_root_is_passed_over);
	tcase_add_test(t, no_root);
	tcase_add_test(t, rsdt_when_xsdt_is_bad);
	tcase_add_test(t, bad_checksum_leaves_the_table_out);
	tcase_add_loop_test(t, impossible_lengths, 0, 5);
	tcase_add_loop_test(t, damaged_records, 0, 5);
	tcase_add_test(t, more_than_fits);
	tcase_add_test(t, wrong_overrides);
	tcase_add_test(t, short_fadt);
	tcase_add_test(t, s5_cut_off);
	tcase_add_loop_test(t, random_damage, 0, 4);
	return run_suite("acpi", t);
}
