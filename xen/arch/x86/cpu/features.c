/* Control registers and MSRs of each CPU; instructions patched for what the CPU has. */
#include <xen/lib.h>
#include <xen/mm.h>
#include <xen/param.h>
#include <xen/smp.h>
#include <asm/flushtlb.h>
#include <asm/fpu.h>
#include <asm/msr-index.h>
#include <asm/processor.h>
#include <asm/setup.h>

static bool opt_smep = true, opt_smap = true, opt_fsgsbase = true, opt_umip = true, opt_pcid = true;
boolean_param("smep", opt_smep);
boolean_param("smap", opt_smap);
boolean_param("fsgsbase", opt_fsgsbase);
boolean_param("umip", opt_umip);
boolean_param("pcid", opt_pcid);

struct alt_entry {
	s32 at;
	u8 insn[4];
};
extern const struct alt_entry __start_alternatives[], __stop_alternatives[];

/* Put STAC and CLAC where guests' memory is touched. The image must still be writable. */
void __init apply_alternatives(void)
{
	if (!(read_cr4() & X86_CR4_SMAP))
		return;
	for (const struct alt_entry *e = __start_alternatives; e < __stop_alternatives; e++)
		memcpy(maddr_to_virt(virt_to_maddr((char *)&e->at + e->at)), e->insn, 3);
}

/* Both are needed: without INVPCID there is no cheap way to flush what is not current. */
static bool __init has_pcid(void)
{
	u32 a, b, c, d, max;

	cpuid_count(0, 0, &max, &b, &c, &d);
	cpuid_count(1, 0, &a, &b, &c, &d);
	if (!(c & (1u << 17)) || max < 7)
		return false;
	cpuid_count(7, 0, &a, &b, &c, &d);
	return b & (1u << 10);
}

/* The pattern of features is the boot CPU's: cr4 decided there holds for all. */
static unsigned long boot_cr4 __ro_after_init;

void __init cpu_init_features_bsp(void)
{
	u32 a, b, c, d, max;
	unsigned long cr4 = X86_CR4_PAE | X86_CR4_PGE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT |
		X86_CR4_DE;

	cpuid_count(0, 0, &max, &b, &c, &d);
	cpuid_count(1, 0, &a, &b, &c, &d);
	if (d & (1u << 7))
		cr4 |= X86_CR4_MCE;
	if (c & (1u << 26))
		cr4 |= X86_CR4_OSXSAVE;
	if (max >= 7) {
		cpuid_count(7, 0, &a, &b, &c, &d);
		if ((b & 1) && opt_fsgsbase)
			cr4 |= X86_CR4_FSGSBASE;
		if ((b & (1u << 7)) && opt_smep)
			cr4 |= X86_CR4_SMEP;
		if ((b & (1u << 20)) && opt_smap)
			cr4 |= X86_CR4_SMAP;
		if ((c & (1u << 2)) && opt_umip)
			cr4 |= X86_CR4_UMIP;
	}
	use_pcid = opt_pcid && has_pcid();
	if (use_pcid)
		cr4 |= X86_CR4_PCIDE;
	boot_cr4 = cr4;
	cpu_init_features();
	printk(XENLOG_INFO "CPU features in use:%s%s%s%s%s%s\n", cr4 & X86_CR4_SMEP ? " SMEP" : "",
		cr4 & X86_CR4_SMAP ? " SMAP" : "", cr4 & X86_CR4_UMIP ? " UMIP" : "",
		cr4 & X86_CR4_PCIDE ? " PCID" : "", cr4 & X86_CR4_FSGSBASE ? " FSGSBASE" : "",
		cr4 & X86_CR4_OSXSAVE ? " XSAVE" : "");
}

void cpu_init_features(void)
{
	write_cr4(boot_cr4);
	get_cpu_info()->cr4 = boot_cr4;
	write_cr0(X86_CR0_PG | X86_CR0_AM | X86_CR0_WP | X86_CR0_NE | X86_CR0_ET | X86_CR0_MP |
		X86_CR0_PE);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE | EFER_NX);
	wrmsr(MSR_IA32_CR_PAT, XEN_PAT);
	fpu_init_cpu();
}
