/* Model-specific and debug registers of PV guests. */
#include <xen/errno.h>
#include <xen/lib.h>
#include <xen/sched.h>
#include <asm/guest_access.h>
#include <asm/hypercall.h>
#include <asm/msr-index.h>
#include <asm/pv.h>

int rdmsr_safe(u32 msr, u64 *v)
{
	u32 lo, hi;
	int rc;

	__asm__ volatile("1: rdmsr\nxor %2, %2\n2:\n"
			 ".pushsection .fixup, \"ax\"\n3: mov %4, %2\nxor %0, %0\nxor %1, %1\njmp 2b\n"
			 ".popsection\n" EXTABLE(1b, 3b)
			 : "=&a"(lo), "=&d"(hi), "=&r"(rc)
			 : "c"(msr), "i"(-EFAULT));
	*v = lo | (u64)hi << 32;
	return rc;
}

int wrmsr_safe(u32 msr, u64 v)
{
	int rc;

	__asm__ volatile("1: wrmsr\nxor %0, %0\n2:\n"
			 ".pushsection .fixup, \"ax\"\n3: mov %4, %0\njmp 2b\n.popsection\n" EXTABLE(1b, 3b)
			 : "=&r"(rc)
			 : "c"(msr), "a"((u32)v), "d"((u32)(v >> 32)), "i"(-EFAULT)
			 : "memory");
	return rc;
}

/*
 * Registers of the machine check: of a guest there is no error to report. Those that are built here do not see the
 * feature, but one that was saved elsewhere may have seen it, and looks for errors wherever it wakes up.
 */
static bool is_machine_check(u32 msr)
{
	return (msr >= MSR_MCG_CAP && msr <= MSR_MCG_CTL) ||
	       (msr >= MSR_MC0_CTL2 && msr < MSR_MC0_CTL2 + MCE_BANKS) ||
	       (msr >= MSR_MC0_CTL && msr < MSR_MC0_CTL + 4 * MCE_BANKS);
}

bool pv_rdmsr(struct vcpu *v, u32 msr, u64 *val)
{
	switch (msr) {
	case MSR_FS_BASE:
		*val = rdmsr(MSR_FS_BASE);
		return true;
	case MSR_GS_BASE:
		*val = rdmsr(MSR_GS_BASE);
		return true;
	case MSR_KERNEL_GS_BASE:
		*val = rdmsr(MSR_KERNEL_GS_BASE);
		return true;
	case MSR_EFER:
		*val = rdmsr(MSR_EFER) & (EFER_SCE | EFER_LME | EFER_LMA | EFER_NX);
		return true;
	case MSR_IA32_CR_PAT:
		*val = XEN_PAT;
		return true;
	case MSR_SYSENTER_CS: case MSR_SYSENTER_ESP: case MSR_SYSENTER_EIP:
	case MSR_LSTAR: case MSR_CSTAR: case MSR_STAR: case MSR_SYSCALL_MASK:
		*val = 0; /* ours, and registered by callback_op */
		return true;
	case MSR_MTRRcap:
		*val = 0;
		return true;
	case MSR_IA32_APICBASE:
		if (!is_hardware_domain(v->domain))
			return false;
		*val = rdmsr(MSR_IA32_APICBASE) & ~APICBASE_X2APIC;
		return true;
	default:
		/* Dom0 reads what the machine has: thermal state, errors, microcode revision. */
		if (is_hardware_domain(v->domain) && !(msr >= MSR_X2APIC_FIRST && msr <= MSR_X2APIC_LAST) &&
			!rdmsr_safe(msr, val))
			return true;
		*val = 0;
		return v->domain->arch.relaxed_msrs || is_machine_check(msr);
	}
}

bool pv_wrmsr(struct vcpu *v, u32 msr, u64 val)
{
	u64 cur;

	switch (msr) {
	case MSR_XEN_HYPERCALL:
		return pv_write_hypercall_msr(v, val);
	case MSR_FS_BASE:
		if (!is_canonical(val))
			return false;
		wrmsr(MSR_FS_BASE, val);
		return true;
	case MSR_GS_BASE:
		return do_set_segment_base(SEGBASE_GS_KERNEL, val) == 0;
	case MSR_KERNEL_GS_BASE:
		return do_set_segment_base(SEGBASE_GS_USER, val) == 0;
	case MSR_SYSENTER_CS: case MSR_SYSENTER_ESP: case MSR_SYSENTER_EIP:
	case MSR_LSTAR: case MSR_CSTAR: case MSR_STAR: case MSR_SYSCALL_MASK:
		return true; /* the callbacks count */
	default:
		if (!is_hardware_domain(v->domain) && is_machine_check(msr))
			return msr != MSR_MCG_CAP;
		/* Writing back what is there does no harm; anything else is refused. */
		return pv_rdmsr(v, msr, &cur) && (cur == val || v->domain->arch.relaxed_msrs);
	}
}

/* --- Debug registers --------------------------------------------------------------------------------------- */

#define DR6_ONES 0xffff0ff0UL
#define DR7_ONES 0x400UL

int pv_set_debugreg(struct vcpu *v, unsigned int reg, unsigned long value)
{
	switch (reg) {
	case 0 ... 3:
		if (!access_ok((void *)value, 8) || !is_canonical(value))
			return -EPERM;
		v->arch.dr[reg] = value;
		break;
	case 4:
	case 6:
		v->arch.dr[6] = (value & 0xe00f) | DR6_ONES;
		break;
	case 5:
	case 7:
		if (value >> 32)
			return -EINVAL;
		value = (value & ~0xfc00UL) | DR7_ONES; /* no GD, LE GE as given */
		/* No I/O watchpoints. */
		for (unsigned int i = 16; i < 32; i += 4)
			if ((value >> i & 3) == 2)
				return -EPERM;
		v->arch.dr[7] = value;
		break;
	default:
		return -EINVAL;
	}
	if (v == current)
		pv_load_debugregs(v);
	return 0;
}

/* Watchpoints are in the CPU only while a guest that set some runs. */
void pv_load_debugregs(struct vcpu *v)
{
	static DEFINE_PER_CPU(bool, loaded);
	bool want = v->arch.dr[7] & 0xff;

	if (!want && !this_cpu(loaded))
		return;
	if (want) {
		__asm__ volatile("mov %0, %%dr0" ::"r"(v->arch.dr[0]));
		__asm__ volatile("mov %0, %%dr1" ::"r"(v->arch.dr[1]));
		__asm__ volatile("mov %0, %%dr2" ::"r"(v->arch.dr[2]));
		__asm__ volatile("mov %0, %%dr3" ::"r"(v->arch.dr[3]));
		__asm__ volatile("mov %0, %%dr6" ::"r"(DR6_ONES));
	}
	__asm__ volatile("mov %0, %%dr7" ::"r"(want ? v->arch.dr[7] : DR7_ONES));
	this_cpu(loaded) = want;
}

long do_set_debugreg(int reg, unsigned long value)
{
	return pv_set_debugreg(current, reg, value);
}

unsigned long do_get_debugreg(int reg)
{
	if (reg < 0 || reg > 7)
		return -EINVAL;
	return current->arch.dr[reg == 4 || reg == 5 ? reg + 2 : reg];
}
