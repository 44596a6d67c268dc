/* The memory maps that guests ask for: the machine's for dom0, a made-up one for others. */
#include <public/memory.h>
#include <xen/acpi.h>
#include <xen/errno.h>
#include <xen/hypercall.h>
#include <xen/lib.h>
#include <xen/sched.h>
#include <asm/setup.h>

/* Writes of devices to this range are interrupts (SDM 3, "Message Address Register Format"). */
#define MSI_WINDOW_START 0xfee00000u
#define MSI_WINDOW_END   0xfef00000u

/* Add a reserved range, less what other entries cover at its ends, to a map of n sorted entries;
 * returns their number. */
static unsigned int reserve(struct e820_entry *map, unsigned int n, u64 start, u64 end)
{
	unsigned int j;

	for (j = 0; j < n && start < end; j++) {
		u64 entry_end = map[j].addr + map[j].size;

		if (map[j].addr >= end || entry_end <= start)
			continue;
		if (map[j].addr <= start)
			start = entry_end;
		else
			end = map[j].addr;
	}
	if (start >= end)
		return n;
	for (j = n; j > 0 && map[j - 1].addr > start; j--)
		map[j] = map[j - 1];
	map[j] = (struct e820_entry){start, end - start, E820_RESERVED};
	return n + 1;
}

/*
 * What belongs to the interrupt controllers is reserved whatever the firmware says: dom0 puts no
 * device there. `out` has room for the firmware's entries, one for each I/O APIC, and one.
 */
static unsigned int machine_map(struct e820_entry *out)
{
	unsigned int n = e820_raw.nr;

	memcpy(out, e820_raw.map, n * sizeof(*out));
	n = reserve(out, n, MSI_WINDOW_START, MSI_WINDOW_END);
	for (unsigned int i = 0; i < acpi_info.nr_ioapics; i++) {
		u64 page = acpi_info.ioapics[i].address & PAGE_MASK;

		n = reserve(out, n, page, page + PAGE_SIZE);
	}
	return n;
}

static long copy_map(XEN_GUEST_HANDLE_PARAM(void) arg, const struct e820_entry *map, unsigned int nr)
{
	struct xen_memory_map m;

	if (copy_from_guest(&m, guest_handle_cast(arg, xen_memory_map_t), 1))
		return -EFAULT;
	m.nr_entries = min(m.nr_entries, nr);
	if (raw_copy_to_guest(m.buffer.p, map, m.nr_entries * sizeof(*map)) ||
		copy_to_guest(guest_handle_cast(arg, xen_memory_map_t), &m, 1))
		return -EFAULT;
	return 0;
}

static long get_machine_map(XEN_GUEST_HANDLE_PARAM(void) arg)
{
	unsigned int max = e820_raw.nr + acpi_info.nr_ioapics + 1;
	struct e820_entry *map;
	long rc;

	if (!is_control_domain(current->domain))
		return -EPERM;
	map = xmalloc_array(struct e820_entry, max);
	if (!map)
		return -ENOMEM;
	rc = copy_map(arg, map, machine_map(map));
	xfree(map);
	return rc;
}

static long set_domain_map(XEN_GUEST_HANDLE_PARAM(void) arg)
{
	struct xen_foreign_memory_map fm;
	struct e820_entry *map, *old;
	struct domain *d;

	if (copy_from_guest(&fm, guest_handle_cast(arg, xen_foreign_memory_map_t), 1))
		return -EFAULT;
	if (fm.map.nr_entries > E820_MAX)
		return -EINVAL;
	d = rcu_lock_domain_by_any_id(fm.domid);
	if (!d)
		return -ESRCH;
	if (!is_control_domain(current->domain))
		return -EPERM;
	map = xmalloc_array(struct e820_entry, fm.map.nr_entries);
	if (!map)
		return -ENOMEM;
	if (raw_copy_from_guest(map, fm.map.buffer.p, fm.map.nr_entries * sizeof(*map))) {
		xfree(map);
		return -EFAULT;
	}
	spin_lock(&d->page_alloc_lock);
	old = d->arch.e820;
	d->arch.e820 = map;
	d->arch.nr_e820 = fm.map.nr_entries;
	spin_unlock(&d->page_alloc_lock);
	xfree(old);
	return 0;
}

/* A copy, so that a new map set meanwhile cannot pull it away. */
static long get_domain_map(struct domain *d, XEN_GUEST_HANDLE_PARAM(void) arg)
{
	struct e820_entry *map = xmalloc_array(struct e820_entry, E820_MAX);
	unsigned int nr;
	long rc;

	if (!map)
		return -ENOMEM;
	spin_lock(&d->page_alloc_lock);
	nr = d->arch.e820 ? d->arch.nr_e820 : 0;
	memcpy(map, d->arch.e820, nr * sizeof(*map));
	spin_unlock(&d->page_alloc_lock);
	rc = nr ? copy_map(arg, map, nr) : -ENOSYS;
	xfree(map);
	return rc;
}

long arch_memory_op(unsigned long cmd, XEN_GUEST_HANDLE_PARAM(void) arg)
{
	struct domain *d = current->domain;

	switch (cmd & 0x3f) {
	case XENMEM_machine_memory_map:
		return get_machine_map(arg);
	case XENMEM_memory_map:
		return get_domain_map(d, arg);
	case XENMEM_set_memory_map:
		return set_domain_map(arg);
	default:
		return -ENOSYS;
	}
}
