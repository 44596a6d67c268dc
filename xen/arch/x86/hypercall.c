/* The table from hypercall number to handler. entry.S calls through it with up to six arguments. */
#include <public/xen.h>
#include <public/arch-x86/xen-mca.h>
#include <xen/domctl.h>
#include <xen/errno.h>
#include <xen/event.h>
#include <xen/grant_table.h>
#include <xen/hypercall.h>
#include <xen/lib.h>
#include <xen/sched.h>
#include <xen/sysctl.h>
#include <asm/hypercall.h>
#include <asm/physdev.h>


static long not_implemented(void)
{
	return -ENOSYS;
}

#define NR_HYPERCALLS 64
#define CALL(nr, fn) [__HYPERVISOR_##nr] = (const void *)fn

/* The default first, the calls over it. */
#pragma GCC diagnostic ignored "-Woverride-init"
extern const void *const hypercall_table[NR_HYPERCALLS];
const void *const hypercall_table[NR_HYPERCALLS] = {
	[0 ... NR_HYPERCALLS - 1] = (const void *)not_implemented,
	CALL(set_trap_table, do_set_trap_table),
	CALL(mmu_update, do_mmu_update),
	CALL(set_gdt, do_set_gdt),
	CALL(stack_switch, do_stack_switch),
	CALL(set_callbacks, do_set_callbacks),
	CALL(fpu_taskswitch, do_fpu_taskswitch),
	CALL(platform_op, do_platform_op),
	CALL(set_debugreg, do_set_debugreg),
	CALL(get_debugreg, do_get_debugreg),
	CALL(update_descriptor, do_update_descriptor),
	CALL(memory_op, do_memory_op),
	CALL(multicall, do_multicall),
	CALL(update_va_mapping, do_update_va_mapping),
	CALL(set_timer_op, do_set_timer_op),
	CALL(event_channel_op_compat, do_event_channel_op_compat),
	CALL(xen_version, do_xen_version),
	CALL(console_io, do_console_io),
	CALL(physdev_op_compat, do_physdev_op_compat),
	CALL(grant_table_op, do_grant_table_op),
	CALL(vm_assist, do_vm_assist),
	CALL(update_va_mapping_otherdomain, do_update_va_mapping_otherdomain),
	CALL(vcpu_op, do_vcpu_op),
	CALL(set_segment_base, do_set_segment_base),
	CALL(mmuext_op, do_mmuext_op),
	CALL(nmi_op, do_nmi_op),
	CALL(xsm_op, do_xsm_op),
	CALL(sched_op, do_sched_op),
	CALL(sysctl, do_sysctl),
	CALL(callback_op, do_callback_op),
	CALL(event_channel_op, do_event_channel_op),
	CALL(physdev_op, do_physdev_op),
	CALL(domctl, do_domctl),
	CALL(mca, do_mca),
};

typedef long hypercall_fn(unsigned long, unsigned long, unsigned long, unsigned long, unsigned long,
	unsigned long);

long arch_do_multicall_call(struct multicall_entry *e)
{
	/* iret replaces the registers of the whole multicall: entry.S handles it, nobody else can. */
	if (e->op >= NR_HYPERCALLS)
		return -ENOSYS;
	return ((hypercall_fn *)hypercall_table[e->op])(
		e->args[0], e->args[1], e->args[2], e->args[3], e->args[4], e->args[5]);
}
