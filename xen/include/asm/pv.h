/* Paravirtual guests' CPU: between the files of arch/x86/pv/. */
#ifndef ASM_PV_H
#define ASM_PV_H

#include <public/xen.h>
#include <xen/types.h>

struct vcpu;
struct domain;

/*
 * Deliver an exception to the guest kernel: build its frame and redirect `regs`. `error_code` is
 * pushed for the vectors that have one. A missing handler or unusable stack crashes the domain.
 */
void pv_inject_trap(struct cpu_user_regs *regs, unsigned int vector, u32 error_code);
void pv_inject_page_fault(struct cpu_user_regs *regs, unsigned long addr, u32 error_code);
#define pv_inject_gp(regs, ec) pv_inject_trap(regs, 13, ec)

/* Another kernel page-table root for the current vCPU. -EINVAL. */
int pv_new_baseptr(unsigned long mfn);

/* Entry points from entry.S. */
void pv_deliver_event(struct cpu_user_regs *regs);
void pv_deliver_nmi(struct cpu_user_regs *regs);
void pv_syscall_slow(struct cpu_user_regs *regs);
void pv_syscall32(struct cpu_user_regs *regs);
void pv_sysenter(struct cpu_user_regs *regs);
void pv_bounce_fault(struct cpu_user_regs *regs);
void pv_iret_fault(struct cpu_user_regs *regs);
void pv_failsafe(struct cpu_user_regs *regs);

/* Recompute what the fast system-call path uses, after kernel_sp or a callback changed. */
void pv_update_syscall_frame(struct vcpu *v);
/* Switch between the guest's kernel and user mode: page tables and GS. */
void pv_toggle_mode(struct vcpu *v);

/* The stubs of pv/hypercall_page.c, into a page of the hypervisor's view. */
void pv_fill_hypercall_page(void *page);
/* Fill a frame of the domain with them; false when it has none such, or it may not be written. */
bool pv_write_hypercall_page(struct domain *d, unsigned long gfn);
bool pv_write_hypercall_msr(struct vcpu *v, u64 val);

/* Descriptor tables: pv/descriptor.c. */
int pv_set_gdt(struct vcpu *v, const unsigned long *frames, unsigned int entries);
void pv_destroy_gdt(struct vcpu *v);
int pv_set_ldt(struct vcpu *v, unsigned long base, unsigned int entries); /* mm_lock held */
void pv_invalidate_ldt(struct vcpu *v);                                   /* mm_lock held */
/* A fault in the window of v's LDT: map the page; false when it has none. */
bool pv_map_ldt_page(struct vcpu *v, unsigned int page);

/* Deliver an NMI as soon as the vCPU can take it. */
void vcpu_send_nmi(struct vcpu *v);

/* Instruction emulation: 0 = not ours, deliver the fault; 1 = done. */
int pv_emulate_privileged(struct cpu_user_regs *regs);
int pv_emulate_ptwr(struct cpu_user_regs *regs, unsigned long addr);
/* iret and lret at ring 3 that faulted although the stack is there. */
int pv_emulate_far_return(struct cpu_user_regs *regs);
int pv_emulate_invalid_op(struct cpu_user_regs *regs);

/* Debug registers; -EINVAL when the value would watch the hypervisor. */
int pv_set_debugreg(struct vcpu *v, unsigned int reg, unsigned long value);
void pv_load_debugregs(struct vcpu *v);
void pv_save_segments(struct vcpu *v);
void pv_load_segments(struct vcpu *v);
/* What the guest may see of CPUID. */
void pv_cpuid(struct vcpu *v, u32 leaf, u32 sub, u32 *regs /* a b c d */);
bool pv_rdmsr(struct vcpu *v, u32 msr, u64 *val);
bool pv_wrmsr(struct vcpu *v, u32 msr, u64 val);
bool pv_io_allowed(struct vcpu *v, unsigned int port, unsigned int bytes);

#endif
