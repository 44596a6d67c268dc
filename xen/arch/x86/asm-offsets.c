/* Structure offsets for assembly: compiled to text, from which the build makes asm-offsets.h. */
#include <xen/perfc.h>
#include <xen/sched.h>
#include <xen/softirq.h>

#define DEFINE(sym, val)  __asm__ volatile("\n->" #sym " %0" ::"i"(val))
#define OFFSET(sym, t, m) DEFINE(sym, offsetof(t, m))

void offsets(void);
void offsets(void)
{
	OFFSET(UREGS_r15, struct cpu_user_regs, r15);
	OFFSET(UREGS_r14, struct cpu_user_regs, r14);
	OFFSET(UREGS_r13, struct cpu_user_regs, r13);
	OFFSET(UREGS_r12, struct cpu_user_regs, r12);
	OFFSET(UREGS_rbp, struct cpu_user_regs, rbp);
	OFFSET(UREGS_rbx, struct cpu_user_regs, rbx);
	OFFSET(UREGS_r11, struct cpu_user_regs, r11);
	OFFSET(UREGS_r10, struct cpu_user_regs, r10);
	OFFSET(UREGS_r9, struct cpu_user_regs, r9);
	OFFSET(UREGS_r8, struct cpu_user_regs, r8);
	OFFSET(UREGS_rax, struct cpu_user_regs, rax);
	OFFSET(UREGS_rcx, struct cpu_user_regs, rcx);
	OFFSET(UREGS_rdx, struct cpu_user_regs, rdx);
	OFFSET(UREGS_rsi, struct cpu_user_regs, rsi);
	OFFSET(UREGS_rdi, struct cpu_user_regs, rdi);
	OFFSET(UREGS_error_code, struct cpu_user_regs, error_code);
	OFFSET(UREGS_entry_vector, struct cpu_user_regs, entry_vector);
	OFFSET(UREGS_rip, struct cpu_user_regs, rip);
	OFFSET(UREGS_cs, struct cpu_user_regs, cs);
	OFFSET(UREGS_eflags, struct cpu_user_regs, rflags);
	OFFSET(UREGS_rsp, struct cpu_user_regs, rsp);
	OFFSET(UREGS_ss, struct cpu_user_regs, ss);
	OFFSET(UREGS_es, struct cpu_user_regs, es);
	DEFINE(UREGS_kernel_sizeof, offsetof(struct cpu_user_regs, es));

	DEFINE(CPUINFO_sizeof, sizeof(struct cpu_info));
	OFFSET(CPUINFO_current_vcpu, struct cpu_info, current_vcpu);
	OFFSET(CPUINFO_per_cpu_offset, struct cpu_info, per_cpu_offset);
	OFFSET(CPUINFO_syscall_rsp, struct cpu_info, syscall_rsp);
	DEFINE(STACK_CPUINFO_SIZE, sizeof(struct cpu_info) + 8); /* keeps the ABI's alignment */

	OFFSET(VCPU_vcpu_info, struct vcpu, vcpu_info);
	OFFSET(VCPU_flags, struct vcpu, arch.flags);
	OFFSET(VCPU_syscall_entry, struct vcpu, arch.syscall_entry);
	OFFSET(VCPU_syscall_frame, struct vcpu, arch.syscall_frame);
	OFFSET(VCPU_load_kernel, struct vcpu, arch.load_kernel);
	OFFSET(VCPU_load_user, struct vcpu, arch.load_user);
	OFFSET(VCPU_nmi_pending, struct vcpu, arch.nmi_pending);
	DEFINE(PERFC_hypercalls_offset, PERFC_hypercalls * sizeof(u32));
	OFFSET(VCPUINFO_pending, struct vcpu_info, evtchn_upcall_pending);
	OFFSET(VCPUINFO_mask, struct vcpu_info, evtchn_upcall_mask);
}
