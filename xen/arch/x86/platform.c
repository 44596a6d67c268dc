/* platform_op: what dom0 asks for the machine as a whole (public/platform.h). */
#include <asm/apic.h>
#include <asm/irq.h>
#include <asm/physdev.h>
#include <xen/acpi.h>
#include <xen/errno.h>
#include <xen/guest_access.h>
#include <xen/lib.h>
#include <xen/sched.h>
#include <xen/shutdown.h>
#include <xen/smp.h>
#include <xen/symbols.h>
#include <xen/time.h>
#include <public/platform.h>

/* --- Time ------------------------------------------------------------------------------------- */

static long op_settime32(struct xen_platform_op *op)
{
	do_settime(op->u.settime32.secs, op->u.settime32.nsecs, op->u.settime32.system_time);
	return 0;
}

static long op_settime64(struct xen_platform_op *op)
{
	if (op->u.settime64.mbz)
		return -EINVAL;
	do_settime(op->u.settime64.secs, op->u.settime64.nsecs, op->u.settime64.system_time);
	return 0;
}

/* --- Firmware --------------------------------------------------------------------------------- */

#define BDA_KBD_FLAGS 0x417 /* shift state as the BIOS keeps it */

static long op_firmware_info(struct xen_platform_op *op)
{
	struct xenpf_firmware_info *f = &op->u.firmware_info;

	switch (f->type) {
	case XEN_FW_DISK_INFO: /* no BIOS was asked about disks or monitors */
	case XEN_FW_DISK_MBR_SIGNATURE:
	case XEN_FW_VBEDDC_INFO:
		return -ESRCH;
	case XEN_FW_EFI_INFO: /* not booted by EFI */
		return -ENOSYS;
	case XEN_FW_KBD_SHIFT_FLAGS:
		if (f->index)
			return -ESRCH;
		f->u.kbd_shift_flags =
			page_is_ram(0) ? *(const u8 *)maddr_to_virt(BDA_KBD_FLAGS) : 0;
		return 0;
	default:
		return -EINVAL;
	}
}

static long op_enter_acpi_sleep(struct xen_platform_op *op)
{
	const struct xenpf_enter_acpi_sleep *s = &op->u.enter_acpi_sleep;

	if (s->flags & ~XENPF_ACPI_SLEEP_EXTENDED)
		return -EINVAL;
	if (s->flags || s->sleep_state != 5)
		return -EOPNOTSUPP;
	return acpi_enter_s5(s->val_a, s->val_b);
}

/* --- CPUs ------------------------------------------------------------------------------------- */

static u32 cpu_acpi_id(unsigned int cpu)
{
	for (unsigned int i = 0; i < acpi_info.nr_cpus; i++)
		if (acpi_info.cpus[i].apic_id == cpu_to_apicid[cpu])
			return acpi_info.cpus[i].acpi_id;
	return cpu;
}

static unsigned int max_present_cpu(void)
{
	unsigned int max = 0, cpu;

	for_each_cpu(cpu, &cpu_present_map) max = cpu;
	return max;
}

static bool cpu_is_present(unsigned int cpu)
{
	return cpu < NR_CPUS && cpumask_test_cpu(cpu, &cpu_present_map);
}

static long op_get_cpuinfo(struct xen_platform_op *op)
{
	struct xenpf_pcpuinfo *info = &op->u.pcpu_info;
	unsigned int cpu = info->xen_cpuid;

	info->max_present = max_present_cpu();
	if (!cpu_is_present(cpu)) {
		info->flags = XEN_PCPU_FLAGS_INVALID;
		return 0;
	}
	info->apic_id = cpu_to_apicid[cpu];
	info->acpi_id = cpu_acpi_id(cpu);
	info->flags = cpu_online(cpu) ? XEN_PCPU_FLAGS_ONLINE : 0;
	return 0;
}

/* All CPUs of the machine are of one kind, so any may answer. */
static long op_get_cpu_version(struct xen_platform_op *op)
{
	struct xenpf_pcpu_version *v = &op->u.pcpu_version;
	u32 a, b, c, d;

	v->max_present = max_present_cpu();
	memset(v->vendor_id, 0, sizeof(v->vendor_id));
	v->family = v->model = v->stepping = 0;
	if (!cpu_is_present(v->xen_cpuid) || !cpu_online(v->xen_cpuid))
		return 0;
	cpuid_count(0, 0, &a, &b, &c, &d);
	memcpy(v->vendor_id, &b, 4);
	memcpy(v->vendor_id + 4, &d, 4);
	memcpy(v->vendor_id + 8, &c, 4);
	cpuid_count(1, 0, &a, &b, &c, &d);
	v->family = a >> 8 & 0xf;
	v->model = a >> 4 & 0xf;
	v->stepping = a & 0xf;
	if (v->family == 6 || v->family == 15)
		v->model |= a >> 12 & 0xf0;
	if (v->family == 15)
		v->family += a >> 20 & 0xff;
	return 0;
}

static long op_cpu_online(struct xen_platform_op *op)
{
	unsigned int cpu = op->u.cpu_ol.cpuid;

	if (!cpu_is_present(cpu))
		return -EINVAL;
	return cpu_online(cpu) ? 0 : -EOPNOTSUPP;
}

static long op_cpu_offline(struct xen_platform_op *op)
{
	return cpu_is_present(op->u.cpu_ol.cpuid) ? -EOPNOTSUPP : -EINVAL;
}

/* Idle time of the CPUs in a bitmap; those that do not exist are removed from it. */
static long op_getidletime(struct xen_platform_op *op)
{
	struct xenpf_getidletime *g = &op->u.getidletime;
	unsigned int nr = g->cpumap_nr_cpus;
	u8 map[NR_CPUS / 8] = {0};
	unsigned int bytes = (min(nr, (unsigned int)NR_CPUS) + 7) / 8;

	if (raw_copy_from_guest(map, g->cpumap_bitmap.p, bytes))
		return -EFAULT;
	g->now = NOW();
	for (unsigned int cpu = 0; cpu < min(nr, (unsigned int)NR_CPUS); cpu++) {
		struct vcpu_runstate_info rs;

		if (!(map[cpu / 8] >> cpu % 8 & 1) || !cpu_online(cpu)) {
			map[cpu / 8] &= ~(1u << cpu % 8);
			continue;
		}
		vcpu_runstate_get(per_cpu(idle_vcpu, cpu), &rs);
		if (copy_to_guest_offset(g->idletime, cpu, &rs.time[RUNSTATE_running], 1))
			return -EFAULT;
	}
	return raw_copy_to_guest(g->cpumap_bitmap.p, map, bytes) ? -EFAULT : 0;
}

/* --- Registers of one CPU --------------------------------------------------------------------- */

#define MAX_RESOURCE_ENTRIES 4
#define MSR_QM_EVTSEL        0xc8d /* cache monitoring: which counter ... */
#define MSR_QM_CTR           0xc8e /* ... and its value */

struct resource_work {
	unsigned int nr, done;
	struct xenpf_resource_entry entry[MAX_RESOURCE_ENTRIES];
};

/* Nothing that could do harm: the time stamp and the monitoring counters. */
static bool resource_allowed(const struct xenpf_resource_entry *e)
{
	if (e->rsvd)
		return false;
	if (e->u.cmd == XEN_RESOURCE_OP_MSR_READ)
		return e->idx == MSR_IA32_TSC || e->idx == MSR_QM_CTR;
	return e->u.cmd == XEN_RESOURCE_OP_MSR_WRITE && e->idx == MSR_QM_EVTSEL;
}

/* In order, until one fails. */
static void resource_access(void *data)
{
	struct resource_work *w = data;

	for (w->done = 0; w->done < w->nr; w->done++) {
		struct xenpf_resource_entry *e = &w->entry[w->done];
		u64 v = 0;
		int rc;

		if (!resource_allowed(e)) {
			e->u.ret = -EACCES;
			return;
		}
		if (e->u.cmd == XEN_RESOURCE_OP_MSR_WRITE)
			rc = wrmsr_safe(e->idx, e->val);
		else
			rc = rdmsr_safe(e->idx, &v);
		if (rc) {
			e->u.ret = -EPERM;
			return;
		}
		if (e->u.cmd == XEN_RESOURCE_OP_MSR_READ)
			e->val = v;
		e->u.ret = 0;
	}
}

/* Returns how many entries were done. */
static long op_resource_op(struct xen_platform_op *op)
{
	const struct xenpf_resource_op *r = &op->u.resource_op;
	struct resource_work work = {.nr = r->nr_entries};
	cpumask_t mask;

	if (!work.nr || work.nr > MAX_RESOURCE_ENTRIES)
		return -EINVAL;
	if (!cpu_is_present(r->cpu) || !cpu_online(r->cpu))
		return -ENODEV;
	if (copy_from_guest(work.entry, r->entries, work.nr))
		return -EFAULT;
	mask = cpumask_of(r->cpu);
	on_selected_cpus(&mask, resource_access, &work, true);
	if (copy_to_guest(r->entries, work.entry, work.nr))
		return -EFAULT;
	return work.done;
}

/* Old dom0 kernels know chipsets on which interrupts must stay where they are. */
static long op_platform_quirk(struct xen_platform_op *op)
{
	switch (op->u.platform_quirk.quirk_id) {
	case QUIRK_NOIRQBALANCING:
		opt_noirqbalance = true;
		return 0;
	case QUIRK_IOAPIC_BAD_REGSEL: /* the register is always selected anew */
	case QUIRK_IOAPIC_GOOD_REGSEL:
		return 0;
	default:
		return -EINVAL;
	}
}

/* The hypervisor's functions, for dom0's tracing tools. At the end the number stays as it is. */
static long op_get_symbol(struct xen_platform_op *op)
{
	struct xenpf_symdata *s = &op->u.symdata;
	unsigned long addr = 0;
	const char *name = symbols_entry(s->symnum, &addr);
	u32 room = s->namelen, length;

	if (!name) {
		s->namelen = 0;
		return 0;
	}
	length = strlen(name);
	if (raw_copy_to_guest(s->name.p, name, min(length + 1, room)))
		return -EFAULT;
	s->namelen = length;
	s->symnum++;
	s->address = addr;
	s->type = 'T';
	return 0;
}

/* --- Dispatch --------------------------------------------------------------------------------- */

/*
 * Not here, hence -ENOSYS: memory types (the firmware's MTRRs stay), microcode, EFI calls, power
 * management data, hot-added CPUs and memory, core parking.
 */
static const struct {
	long (*fn)(struct xen_platform_op *op);
	bool out; /* the structure is written back on success */
} platform_ops[] = {
	[XENPF_settime32] = {op_settime32, false},
	[XENPF_settime64] = {op_settime64, false},
	[XENPF_platform_quirk] = {op_platform_quirk, false},
	[XENPF_firmware_info] = {op_firmware_info, true},
	[XENPF_enter_acpi_sleep] = {op_enter_acpi_sleep, false},
	[XENPF_getidletime] = {op_getidletime, true},
	[XENPF_get_cpu_version] = {op_get_cpu_version, true},
	[XENPF_get_cpuinfo] = {op_get_cpuinfo, true},
	[XENPF_cpu_online] = {op_cpu_online, false},
	[XENPF_cpu_offline] = {op_cpu_offline, false},
	[XENPF_resource_op] = {op_resource_op, false},
	[XENPF_get_symbol] = {op_get_symbol, true},
};

long do_platform_op(XEN_GUEST_HANDLE_PARAM(void) arg)
{
	struct xen_platform_op op;
	long rc;

	if (!is_control_domain(current->domain))
		return -EPERM;
	if (raw_copy_from_guest(&op, arg.p, sizeof(op)))
		return -EFAULT;
	if (op.interface_version != XENPF_INTERFACE_VERSION)
		return -EACCES;
	if (op.cmd >= ARRAY_SIZE(platform_ops) || !platform_ops[op.cmd].fn)
		return -ENOSYS;
	rc = platform_ops[op.cmd].fn(&op);
	if (rc >= 0 && platform_ops[op.cmd].out && raw_copy_to_guest(arg.p, &op, sizeof(op)))
		rc = -EFAULT;
	return rc;
}
