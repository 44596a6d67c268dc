/* The firmware's memory map: sorted, made free of overlaps, cut to what the options allow. */
#include <xen/lib.h>
#include <xen/mm.h>
#include <xen/param.h>
#include <asm/setup.h>

struct e820_map e820_raw, e820;

static u64 opt_mem, opt_availmem;
size_param("mem", opt_mem);
size_param("availmem", opt_availmem);
static bool opt_e820_verbose;
boolean_param("e820-verbose", opt_e820_verbose);

static const char *__init type_name(u32 type)
{
	static const char *const names[] __initconst = { "?", "usable", "reserved", "ACPI data",
		"ACPI NVS", "unusable" };

	return type < ARRAY_SIZE(names) ? names[type] : "reserved";
}

static void __init print_map(const char *who, const struct e820_map *m)
{
	printk(XENLOG_INFO "%s RAM map:\n", who);
	for (unsigned int i = 0; i < m->nr; i++)
		printk(XENLOG_INFO " [%016lx, %016lx] (%s)\n", (unsigned long)m->map[i].addr,
			(unsigned long)(m->map[i].addr + m->map[i].size - 1),
			type_name(m->map[i].type));
}

/* The strongest claim on address a: a reserved range beats RAM. Also where this answer ends. */
static u32 __init type_at(const struct e820_map *m, u64 a, u64 *end)
{
	u32 type = 0;

	*end = ~0ULL;
	for (unsigned int i = 0; i < m->nr; i++) {
		u64 s = m->map[i].addr, e = s + m->map[i].size;

		if (e < s)
			e = ~0ULL;
		if (s > a)
			*end = min(*end, s);
		else if (e > a) {
			*end = min(*end, e);
			if (m->map[i].type > type || m->map[i].type == 0)
				type = m->map[i].type ? m->map[i].type : E820_RESERVED;
		}
	}
	return type;
}

static void __init sanitise(const struct e820_map *in, struct e820_map *out)
{
	u64 a = 0, end;

	out->nr = 0;
	do {
		u32 type = type_at(in, a, &end);
		struct e820_entry *last = out->nr ? &out->map[out->nr - 1] : NULL;

		if (type && last && last->type == type && last->addr + last->size == a)
			last->size = end - last->addr;
		else if (type && out->nr < E820_MAX)
			out->map[out->nr++] = (struct e820_entry){ a, end - a, type };
		a = end;
	} while (end != ~0ULL);
}

static void __init cut_ram_above(struct e820_map *m, u64 limit)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < m->nr; i++) {
		struct e820_entry e = m->map[i];

		if (e.type == E820_RAM && e.addr + e.size > limit)
			e.size = e.addr < limit ? limit - e.addr : 0;
		if (e.size)
			m->map[n++] = e;
	}
	m->nr = n;
}

static void __init cut_ram_amount(struct e820_map *m, u64 amount)
{
	u64 sum = 0;

	for (unsigned int i = 0; i < m->nr; i++) {
		if (m->map[i].type != E820_RAM)
			continue;
		if (sum + m->map[i].size > amount) {
			cut_ram_above(m, m->map[i].addr + (amount - sum));
			return;
		}
		sum += m->map[i].size;
	}
}

void __init e820_setup(void)
{
	sanitise(&e820_raw, &e820);
	e820_raw = e820;
	cut_ram_above(&e820, DIRECTMAP_END - DIRECTMAP_START);
	if (opt_mem)
		cut_ram_above(&e820, opt_mem);
	if (opt_availmem)
		cut_ram_amount(&e820, opt_availmem);
	print_map("Machine's", &e820_raw);
	if (opt_e820_verbose || opt_mem || opt_availmem)
		print_map("Used", &e820);
}

bool page_is_ram(unsigned long mfn)
{
	u64 a = (u64)mfn << PAGE_SHIFT;

	for (unsigned int i = 0; i < e820_raw.nr; i++)
		if (e820_raw.map[i].type == E820_RAM && a >= e820_raw.map[i].addr &&
			a + PAGE_SIZE <= e820_raw.map[i].addr + e820_raw.map[i].size)
			return true;
	return false;
}
