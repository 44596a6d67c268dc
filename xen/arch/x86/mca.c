/*
 * mca: what dom0 asks about machine checks (public/arch-x86/xen-mca.h). A machine check here ends
 * the machine with a report on the console, and none is recorded: dom0 learns which processors
 * there are, and that there is no telemetry.
 */
#include <asm/apic.h>
#include <asm/msr-index.h>
#include <asm/physdev.h>
#include <xen/cpumask.h>
#include <xen/errno.h>
#include <xen/guest_access.h>
#include <xen/lib.h>
#include <xen/sched.h>
#include <xen/smp.h>
#include <public/arch-x86/xen-mca.h>

/* All processors of the machine are of one kind: any answers for all, except for its numbers. */
static void describe_cpu(struct mcinfo_logical_cpu *info, unsigned int cpu)
{
	u32 a, b, c, d;

	memset(info, 0, sizeof(*info));
	info->mc_cpunr = cpu;
	info->mc_apicid = cpu_to_apicid[cpu];
	/* One core of one thread in each socket: as dom0's CPUID has it. */
	info->mc_chipid = cpu;
	info->mc_ncores = info->mc_ncores_active = info->mc_nthreads = 1;

	cpuid_count(0, 0, &a, &b, &c, &d);
	info->mc_cpuid_level = a;
	memcpy(info->mc_vendorid, &b, 4);
	memcpy(info->mc_vendorid + 4, &d, 4);
	memcpy(info->mc_vendorid + 8, &c, 4);
	cpuid_count(1, 0, &a, &b, &c, &d);
	info->mc_family = (a >> 8 & 0xf) + ((a >> 8 & 0xf) == 15 ? a >> 20 & 0xff : 0);
	info->mc_model = (a >> 4 & 0xf) | (a >> 12 & 0xf0);
	info->mc_step = a & 0xf;
	info->mc_cache_alignment = (b >> 8 & 0xff) * 8;
	info->mc_cpu_caps[MC_CAPS_STD_EDX] = d;
	info->mc_cpu_caps[MC_CAPS_STD_ECX] = c;
	cpuid_count(0x80000000, 0, &a, &b, &c, &d);
	if (a >= 0x80000001) {
		cpuid_count(0x80000001, 0, &a, &b, &c, &d);
		info->mc_cpu_caps[MC_CAPS_AMD_EDX] = d;
		info->mc_cpu_caps[MC_CAPS_AMD_ECX] = c;
	}
	info->mc_msrvalues[0].reg = MSR_MCG_CAP;
	info->mc_nmsrvals = !rdmsr_safe(MSR_MCG_CAP, &info->mc_msrvalues[0].value);
}

/* Without a buffer only the number is asked for. */
static long op_physcpuinfo(struct xen_mc_physcpuinfo *p)
{
	unsigned int room = p->ncpus, cpu;
	struct mcinfo_logical_cpu info;

	p->ncpus = 0;
	for_each_online_cpu(cpu)
	{
		if (!guest_handle_is_null(p->info)) {
			if (p->ncpus == room)
				break;
			describe_cpu(&info, cpu);
			if (copy_to_guest_offset(p->info, p->ncpus, &info, 1))
				return -EFAULT;
		}
		p->ncpus++;
	}
	return 0;
}

static long op_fetch(struct xen_mc_fetch *f)
{
	u32 queue = f->flags & ~XEN_MC_ACK;

	if (queue != XEN_MC_NONURGENT && queue != XEN_MC_URGENT)
		return -EINVAL;
	f->flags = f->flags & XEN_MC_ACK ? XEN_MC_OK : XEN_MC_NODATA;
	f->fetch_id = 0;
	return 0;
}

long do_mca(XEN_GUEST_HANDLE_PARAM(void) arg)
{
	struct xen_mc op;
	long rc;

	if (!is_hardware_domain(current->domain))
		return -EPERM;
	if (raw_copy_from_guest(&op, arg.p, sizeof(op)))
		return -EFAULT;
	if (op.interface_version != XEN_MCA_INTERFACE_VERSION)
		return -EACCES;
	switch (op.cmd) {
	case XEN_MC_fetch:
		rc = op_fetch(&op.u.mc_fetch);
		break;
	case XEN_MC_physcpuinfo:
		rc = op_physcpuinfo(&op.u.mc_physcpuinfo);
		break;
	default: /* no errors are injected */
		return -EOPNOTSUPP;
	}
	if (!rc && raw_copy_to_guest(arg.p, &op, sizeof(op)))
		rc = -EFAULT;
	return rc;
}
