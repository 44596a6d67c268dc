/* What dom0 gets: memory by dom0_mem=, vCPUs, and the rights to drive the machine. */
#include <xen/acpi.h>
#include <xen/console.h>
#include <xen/errno.h>
#include <xen/lib.h>
#include <xen/param.h>
#include <xen/sched.h>
#include <xen/serial.h>
#include <asm/apic.h>
#include <asm/dom0.h>
#include <asm/setup.h>

/* Bytes; `set` tells a given 0 from nothing given. Negative: leave so much to others. */
struct dom0_size {
	bool set, negative;
	u64 bytes;
};
static struct dom0_size dom0_amt, dom0_min, dom0_max;

static int __init parse_one_size(const char **s, struct dom0_size *out)
{
	const char *end;

	out->negative = **s == '-';
	*s += out->negative;
	if (!isdigit(**s))
		return -EINVAL;
	out->bytes = parse_size(*s, &end);
	out->set = true;
	*s = end;
	return 0;
}

/* dom0_mem=[min:<size>,][max:<size>,][<size>], in any order. */
static int __init parse_dom0_mem(const char *s)
{
	struct dom0_size amt = dom0_amt, lo = dom0_min, hi = dom0_max;
	int rc = *s ? 0 : -EINVAL;

	while (*s && !rc) {
		struct dom0_size *which = &amt;

		if (!strncmp(s, "min:", 4))
			which = &lo;
		else if (!strncmp(s, "max:", 4))
			which = &hi;
		s += which == &amt ? 0 : 4;
		rc = parse_one_size(&s, which);
		if (!rc && *s && *s++ != ',')
			rc = -EINVAL;
	}
	if (!rc) {
		dom0_amt = amt;
		dom0_min = lo;
		dom0_max = hi;
	}
	return rc;
}
custom_param("dom0_mem", parse_dom0_mem);

static unsigned int opt_dom0_max_vcpus_min = 1, opt_dom0_max_vcpus = ~0u;

/* dom0_max_vcpus=<n> or <min>-<max>, either end open. */
static int __init parse_dom0_max_vcpus(const char *s)
{
	unsigned int lo = 1, hi = ~0u;
	const char *end = s;

	if (*s != '-') {
		lo = hi = strtoull(s, &end, 0);
		if (end == s)
			return -EINVAL;
	}
	if (*end == '-') {
		s = ++end;
		hi = *s ? strtoull(s, &end, 0) : ~0u;
		if (*s && end == s)
			return -EINVAL;
	}
	if (*end || !lo || hi < lo)
		return -EINVAL;
	opt_dom0_max_vcpus_min = lo;
	opt_dom0_max_vcpus = hi;
	return 0;
}
custom_param("dom0_max_vcpus", parse_dom0_max_vcpus);

static bool opt_dom0_vcpus_pin;
boolean_param("dom0_vcpus_pin", opt_dom0_vcpus_pin);
static char opt_dom0_ioports_disable[200];
string_param("dom0_ioports_disable", opt_dom0_ioports_disable);

/* --- Memory ---------------------------------------------------------------------------------------------------- */

static unsigned long __init size_pages(const struct dom0_size *s, unsigned long avail, unsigned long unset)
{
	unsigned long pages = s->bytes >> PAGE_SHIFT;

	if (!s->set)
		return unset;
	if (s->negative)
		return pages < avail ? avail - pages : 0;
	return pages;
}

unsigned long __init dom0_nr_pages(void)
{
	/* The frame and page tables of later domains come from what is left. */
	unsigned long avail = avail_domheap_pages(0), keep = min(avail / 16, 128UL << (20 - PAGE_SHIFT));
	unsigned long nr, lo, hi;

	nr = size_pages(&dom0_amt, avail, avail - keep);
	lo = size_pages(&dom0_min, avail, 0);
	hi = size_pages(&dom0_max, avail, ~0UL);
	nr = max(nr, lo);
	nr = min(nr, hi);
	/* Leave the hypervisor enough to serve it: 4 MiB and 1/128 of everything. */
	return min(nr, avail - min(avail / 2, 1024 + avail / 128));
}

unsigned int __init dom0_max_pages(void)
{
	return min(size_pages(&dom0_max, avail_domheap_pages(0), ~0u), (unsigned long)~0u);
}

/* --- Rights ------------------------------------------------------------------------------------------------------- */

static int __init deny_ports(struct domain *d, unsigned long first, unsigned long last)
{
	return rangeset_remove_range(d->arch.ioport_caps, first, last);
}

/* dom0_ioports_disable=<lo>-<hi>,... in hex. */
static int __init deny_ports_by_option(struct domain *d)
{
	const char *s = opt_dom0_ioports_disable, *end;

	while (*s) {
		unsigned long lo = strtoull(s, &end, 16), hi = lo;

		if (end == s)
			goto bad;
		if (*end == '-')
			hi = strtoull(end + 1, &end, 16);
		if ((*end && *end != ',') || hi < lo || deny_ports(d, lo, hi))
			goto bad;
		s = *end ? end + 1 : end;
	}
	return 0;
bad:
	printk(XENLOG_WARNING "dom0_ioports_disable: cannot use \"%s\"\n", s);
	return 0;
}

static int __init deny_serial(struct domain *d)
{
	int rc = 0;

	for (unsigned int i = 0; i < SERIAL_PORTS && !rc; i++)
		if (serial_io_base(i))
			rc = deny_ports(d, serial_io_base(i), serial_io_base(i) + 7);
	return rc;
}

/* Width of physical addresses: an entry with a bit beyond it faults instead of translating. */
static unsigned int __init physical_address_bits(void)
{
	u32 a, b, c, d;

	cpuid_count(0x80000000, 0, &a, &b, &c, &d);
	if (a < 0x80000008)
		return 36;
	cpuid_count(0x80000008, 0, &a, &b, &c, &d);
	return min(a & 0xff, 52u);
}

static int __init grant_rights(struct domain *d)
{
	int rc = rangeset_add_range(d->arch.ioport_caps, 0, 0xffff);

	if (!rc)
		rc = rangeset_add_range(d->iomem_caps, 0, (1UL << (physical_address_bits() - PAGE_SHIFT)) - 1);
	if (!rc)
		rc = rangeset_add_range(d->irq_caps, 0, ~0UL >> 1);
	/* Ours: interrupt controllers and the timer that system time hangs on. */
	if (!rc)
		rc = deny_ports(d, 0x20, 0x21) ?: deny_ports(d, 0xa0, 0xa1) ?: deny_ports(d, 0x40, 0x43) ?:
			deny_ports(d, 0x4d0, 0x4d1) ?: deny_serial(d);
	if (!rc)
		rc = rangeset_remove_range(d->iomem_caps, acpi_info.lapic_address >> PAGE_SHIFT,
			acpi_info.lapic_address >> PAGE_SHIFT);
	for (unsigned int i = 0; i < acpi_info.nr_ioapics && !rc; i++)
		rc = rangeset_remove_range(d->iomem_caps, acpi_info.ioapics[i].address >> PAGE_SHIFT,
			acpi_info.ioapics[i].address >> PAGE_SHIFT);
	return rc ? rc : deny_ports_by_option(d);
}

static unsigned int __init dom0_nr_vcpus(void)
{
	unsigned int n = num_online_cpus();

	n = max(n, opt_dom0_max_vcpus_min);
	n = min(n, opt_dom0_max_vcpus);
	return min(n, 8192u);
}

struct domain *__init dom0_create_domain(void)
{
	struct domain_config cfg = { .max_vcpus = dom0_nr_vcpus(), .privileged = true,
		.max_evtchn_port = ~0u };
	unsigned int cpu = 0;
	struct domain *d;

	if (domain_create(0, &cfg, &d))
		return NULL;
	hardware_domain = d;
	if (grant_rights(d))
		return NULL;
	for (unsigned int i = 0; i < cfg.max_vcpus; i++) {
		struct vcpu *v = vcpu_create(d, i, cpu);
		cpumask_t pin = cpumask_of(cpu);

		if (!v)
			return NULL;
		if (opt_dom0_vcpus_pin)
			vcpu_set_hard_affinity(v, &pin);
		cpu = cpumask_cycle(cpu, &cpu_online_map);
	}
	printk(XENLOG_INFO "Dom0 has maximum %u VCPUs\n", cfg.max_vcpus);
	return d;
}

bool __init dom0_fill_vga_info(dom0_vga_console_info_t *info)
{
	u16 pos;

	if (!boot_info.text_mode)
		return false;
	info->video_type = XEN_VGATYPE_TEXT_MODE_3;
	info->u.text_mode_3.rows = 25;
	info->u.text_mode_3.columns = 80;
	info->u.text_mode_3.font_height = 16;
	/* Where the cursor is: CRT controller registers 14 and 15. */
	outb(14, 0x3d4);
	pos = inb(0x3d5) << 8;
	outb(15, 0x3d4);
	pos |= inb(0x3d5);
	info->u.text_mode_3.cursor_y = pos / 80;
	info->u.text_mode_3.cursor_x = pos % 80;
	return true;
}
