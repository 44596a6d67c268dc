/* Hypercalls that tell where the guest kernel wants to be entered, and its per-vCPU CPU state. */
#include <public/callback.h>
#include <xen/errno.h>
#include <xen/guest_access.h>
#include <xen/hypercall.h>
#include <xen/lib.h>
#include <xen/sched.h>
#include <asm/fpu.h>
#include <asm/hypercall.h>
#include <asm/msr-index.h>
#include <asm/pv.h>

long do_set_trap_table(XEN_GUEST_HANDLE_PARAM(trap_info_t) traps)
{
	struct trap_info *table = current->arch.trap_table, t;

	if (guest_handle_is_null(traps)) {
		memset(table, 0, 256 * sizeof(*table));
		return 0;
	}
	/* 256 vectors and the terminator: a table that goes on names a vector twice. */
	for (unsigned int i = 0; i <= 256; i++) {
		if (copy_from_guest_offset(&t, traps, i, 1))
			return -EFAULT;
		if (!t.address)
			return 0;
		if (!is_canonical(t.address))
			return -EINVAL;
		table[t.vector] = t;
	}
	return -EINVAL;
}

long do_stack_switch(unsigned long ss, unsigned long esp)
{
	struct vcpu *v = current;

	evtchn_guest_gets_on(v);
	/* 64-bit guests run on the flat data segment: ss is not used. */
	v->arch.kernel_sp = esp;
	pv_update_syscall_frame(v);
	return 0;
}

static int register_callback(struct vcpu *v, unsigned int type, unsigned long addr, bool mask)
{
	if (!is_canonical(addr))
		return -EINVAL;
	switch (type) {
	case CALLBACKTYPE_event:
		v->arch.event_entry = addr;
		break;
	case CALLBACKTYPE_failsafe:
		v->arch.failsafe_entry = addr;
		v->arch.failsafe_masks_events = mask;
		break;
	case CALLBACKTYPE_syscall:
		v->arch.syscall_entry = addr;
		v->arch.syscall_masks_events = mask;
		pv_update_syscall_frame(v);
		break;
	case CALLBACKTYPE_syscall32:
		v->arch.syscall32_entry = addr;
		v->arch.syscall32_masks_events = mask;
		break;
	case CALLBACKTYPE_sysenter:
		v->arch.sysenter_entry = addr;
		v->arch.sysenter_masks_events = mask;
		break;
	case CALLBACKTYPE_nmi:
		v->arch.nmi_entry = addr;
		break;
	default:
		return -ENOSYS;
	}
	return 0;
}

static int unregister_callback(struct vcpu *v, unsigned int type)
{
	switch (type) {
	case CALLBACKTYPE_event:
	case CALLBACKTYPE_failsafe:
	case CALLBACKTYPE_syscall:
		return -EINVAL; /* no kernel lives without */
	default:
		return register_callback(v, type, 0, false);
	}
}

long do_callback_op(int cmd, XEN_GUEST_HANDLE_PARAM(void) arg)
{
	struct callback_register reg;
	struct callback_unregister unreg;

	switch (cmd) {
	case CALLBACKOP_register:
		if (copy_from_guest(&reg, guest_handle_cast(arg, callback_register_t), 1))
			return -EFAULT;
		return register_callback(current, reg.type, reg.address, reg.flags & CALLBACKF_mask_events);
	case CALLBACKOP_unregister:
		if (copy_from_guest(&unreg, guest_handle_cast(arg, callback_unregister_t), 1))
			return -EFAULT;
		return unregister_callback(current, unreg.type);
	default:
		return -ENOSYS;
	}
}

long do_set_callbacks(unsigned long event, unsigned long failsafe, unsigned long syscall)
{
	if (!is_canonical(event) || !is_canonical(failsafe) || !is_canonical(syscall))
		return -EINVAL;
	register_callback(current, CALLBACKTYPE_event, event, true);
	register_callback(current, CALLBACKTYPE_failsafe, failsafe, false);
	register_callback(current, CALLBACKTYPE_syscall, syscall, false);
	return 0;
}

long do_fpu_taskswitch(int set)
{
	struct vcpu *v = current;

	v->arch.cr0_ts = set != 0;
	if (set)
		write_cr0(read_cr0() | X86_CR0_TS);
	else
		clts();
	return 0;
}

/* A selector that the CPU refuses becomes the null selector. */
static void load_gs_selector(u16 sel)
{
	u16 null = 0;

	__asm__ volatile("1: mov %0, %%gs\n2:\n"
			 ".pushsection .fixup, \"ax\"\n3: mov %1, %%gs\njmp 2b\n.popsection\n"
			 EXTABLE(1b, 3b)
			 :
			 : "r"(sel), "r"(null));
}

long do_set_segment_base(unsigned int which, unsigned long base)
{
	struct vcpu *v = current;

	switch (which) {
	case SEGBASE_FS:
		if (!is_canonical(base))
			return -EINVAL;
		wrmsr(MSR_FS_BASE, base);
		return 0;
	case SEGBASE_GS_KERNEL:
		if (!is_canonical(base))
			return -EINVAL;
		v->arch.gs_base_kernel = base;
		wrmsr(MSR_GS_BASE, base); /* a hypercall comes from kernel mode */
		return 0;
	case SEGBASE_GS_USER:
		if (!is_canonical(base))
			return -EINVAL;
		v->arch.gs_base_user = base;
		wrmsr(MSR_KERNEL_GS_BASE, base);
		return 0;
	case SEGBASE_GS_USER_SEL: {
		u16 cur;

		base &= 0xffff;
		/* Null to null: only the base would change, and it is set apart (CPUs differ here). */
		__asm__ volatile("mov %%gs, %0" : "=r"(cur));
		if (!base && !cur)
			return 0;
		__asm__ volatile("swapgs" ::: "memory");
		load_gs_selector(base);
		__asm__ volatile("mfence; swapgs" ::: "memory");
		return 0;
	}
	default:
		return -EINVAL;
	}
}
