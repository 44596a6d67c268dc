/* Hypercall handlers of this architecture. See the public header of each for its contract. */
#ifndef ASM_HYPERCALL_H
#define ASM_HYPERCALL_H

#include <public/xen.h>
#include <public/callback.h>
#include <xen/guest_access.h>
#include <xen/cpumask.h>

long do_set_trap_table(XEN_GUEST_HANDLE_PARAM(trap_info_t) traps);
long do_mmu_update(XEN_GUEST_HANDLE_PARAM(mmu_update_t) ureqs, unsigned int count,
	XEN_GUEST_HANDLE_PARAM(uint) pdone, unsigned int foreigndom);
long do_set_gdt(XEN_GUEST_HANDLE_PARAM(xen_ulong_t) frame_list, unsigned int entries);
long do_stack_switch(unsigned long ss, unsigned long esp);
long do_set_callbacks(unsigned long event, unsigned long failsafe, unsigned long syscall);
long do_fpu_taskswitch(int set);
long do_set_debugreg(int reg, unsigned long value);
unsigned long do_get_debugreg(int reg);
long do_update_descriptor(u64 pa, u64 desc);
long do_update_va_mapping(unsigned long va, u64 val, unsigned long flags);
long do_update_va_mapping_otherdomain(unsigned long va, u64 val, unsigned long flags, domid_t domid);
long do_mmuext_op(XEN_GUEST_HANDLE_PARAM(mmuext_op_t) uops, unsigned int count,
	XEN_GUEST_HANDLE_PARAM(uint) pdone, unsigned int foreigndom);
long do_set_segment_base(unsigned int which, unsigned long base);
long do_callback_op(int cmd, XEN_GUEST_HANDLE_PARAM(void) arg);

/* The CPUs that may hold mappings of the vCPUs in a guest's bitmap. -EFAULT. */
int vcpumask_to_pcpumask(struct domain *d, const void *bitmap, cpumask_t *out);

#endif
