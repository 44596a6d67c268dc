/* Segment registers across context switches. Selectors may have become invalid meanwhile. */
#include <xen/lib.h>
#include <xen/sched.h>
#include <asm/extable.h>
#include <asm/msr-index.h>
#include <asm/pv.h>

#define LOAD_SEG(reg, sel)                                                                         \
	__asm__ volatile("1: mov %w0, %%" #reg "\n2:\n"                                            \
			 ".pushsection .fixup, \"ax\"\n3: mov %w1, %%" #reg "\njmp 2b\n"           \
			 ".popsection\n" EXTABLE(1b, 3b)                                           \
			 :                                                                         \
			 : "r"((unsigned int)(sel)), "r"(0))
#define SAVE_SEG(reg, to)                                                                          \
	do {                                                                                       \
		u16 s_;                                                                            \
		__asm__ volatile("mov %%" #reg ", %0" : "=r"(s_));                                 \
		(to) = s_;                                                                         \
	} while (0)

/*
 * FS base, and the GS bases of both modes: with FSGSBASE the guest changes them without us, so
 * the registers are the truth.
 */
void pv_save_segments(struct vcpu *v)
{
	struct cpu_user_regs *r = &v->arch.user_regs;
	u64 active, inactive;

	SAVE_SEG(ds, r->ds);
	SAVE_SEG(es, r->es);
	SAVE_SEG(fs, r->fs);
	SAVE_SEG(gs, r->gs);
	v->arch.fs_base = rdmsr(MSR_FS_BASE);
	active = rdmsr(MSR_GS_BASE);
	inactive = rdmsr(MSR_KERNEL_GS_BASE);
	if (v->arch.flags & TF_KERNEL_MODE) {
		v->arch.gs_base_kernel = active;
		v->arch.gs_base_user = inactive;
	} else {
		v->arch.gs_base_user = active;
		v->arch.gs_base_kernel = inactive;
	}
}

void pv_load_segments(struct vcpu *v)
{
	const struct cpu_user_regs *r = &v->arch.user_regs;
	bool kernel = v->arch.flags & TF_KERNEL_MODE;

	LOAD_SEG(ds, r->ds);
	LOAD_SEG(es, r->es);
	LOAD_SEG(fs, r->fs);
	LOAD_SEG(gs, r->gs);
	/* Loading a selector sets the base from the descriptor: bases come after. */
	wrmsr(MSR_FS_BASE, v->arch.fs_base);
	wrmsr(MSR_GS_BASE, kernel ? v->arch.gs_base_kernel : v->arch.gs_base_user);
	wrmsr(MSR_KERNEL_GS_BASE, kernel ? v->arch.gs_base_user : v->arch.gs_base_kernel);
}
