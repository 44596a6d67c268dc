/*
 * Bounces: entering the guest kernel for an exception, an event or a system call.
 *
 * The frame on the guest's stack is, from low to high: rcx r11 [error code] rip cs rflags rsp ss.
 * The saved cs carries the old event mask in bits 32-39; the saved IF says whether events were on.
 */
#include <xen/lib.h>
#include <xen/perfc.h>
#include <xen/sched.h>
#include <xen/trace.h>
#include <asm/guest_access.h>
#include <asm/pgtable.h>
#include <asm/pv.h>

#define FLAGS_CLEARED_ON_ENTRY                                                                     \
	(X86_EFLAGS_TF | X86_EFLAGS_NT | X86_EFLAGS_RF | X86_EFLAGS_VM | X86_EFLAGS_AC |           \
		X86_EFLAGS_IOPL)

void pv_toggle_mode(struct vcpu *v)
{
	v->arch.flags ^= TF_KERNEL_MODE;
	__asm__ volatile("swapgs" ::: "memory");
	write_cr3(v->arch.flags & TF_KERNEL_MODE ? v->arch.load_kernel : v->arch.load_user);
}

/* Store the frame at sp; false when the stack is not there. */
static always_inline bool store_frame(
	u64 *sp, const struct cpu_user_regs *regs, u64 cs, u64 flags, bool with_code, u64 code)
{
	u64 *hw = sp + 2;

	if (!access_ok(sp, 64))
		return false;
	if (with_code) {
		__asm__ goto(ALT_STAC "1: movq %1, (%0)\n" ALT_CLAC EXTABLE(1b, %l2)
			:
			: "r"(hw), "r"(code)
			: "memory"
			: fault);
		hw++;
	}
	__asm__ goto(ALT_STAC
		"1: movq %2, (%0)\n2: movq %3, 8(%0)\n"
		"3: movq %4, (%1)\n4: movq %5, 8(%1)\n5: movq %6, 16(%1)\n"
		"6: movq %7, 24(%1)\n7: movq %8, 32(%1)\n" ALT_CLAC
		EXTABLE(1b, %l9) EXTABLE(2b, %l9) EXTABLE(3b, %l9) EXTABLE(4b, %l9)
		EXTABLE(5b, %l9) EXTABLE(6b, %l9) EXTABLE(7b, %l9)
		:
		: "r"(sp), "r"(hw), "r"(regs->rcx), "r"(regs->r11), "r"(regs->rip), "r"(cs),
		"r"(flags), "r"(regs->rsp), "r"((u64)regs->ss)
		: "memory"
		: fault);
	return true;
fault:
	clac();
	return false;
}

/* Enter the guest kernel at `entry`. */
static always_inline void bounce(
	struct cpu_user_regs *regs, unsigned long entry, bool mask_events, bool with_code, u32 code)
{
	struct vcpu *v = current;
	vcpu_info_t *vi = v->vcpu_info;
	u8 masked = vi->evtchn_upcall_mask;
	u64 cs = (u16)regs->cs | (u64)masked << 32, flags = regs->rflags;
	unsigned long sp;

	if (v->arch.flags & TF_KERNEL_MODE) {
		sp = regs->rsp;
		cs &= ~3UL;
	} else {
		sp = v->arch.kernel_sp;
		pv_toggle_mode(v);
	}
	flags &= ~(u64)(X86_EFLAGS_IF | X86_EFLAGS_IOPL);
	if (!masked)
		flags |= X86_EFLAGS_IF;
	if (unlikely(VM_ASSIST(v->domain, architectural_iopl)))
		flags |= (u64)v->arch.iopl << 12;
	sp = (sp & ~15UL) - (with_code ? 64 : 56);
	if (unlikely(!store_frame((u64 *)sp, regs, cs, flags, with_code, code))) {
		domain_crash(v->domain, "no usable kernel stack at %p to bounce to %p", (void *)sp,
			(void *)entry);
		return;
	}
	perfc_incr(exceptions_bounced);
	regs->rip = entry;
	regs->cs = RING3_CS64;
	regs->rflags &= ~(u64)FLAGS_CLEARED_ON_ENTRY;
	regs->rsp = sp;
	regs->ss = RING3_SS;
	if (mask_events)
		vi->evtchn_upcall_mask = 1;
}

/* Vectors that push an error code: 8, 10-14, 17, 21. */
#define HAS_ERROR_CODE 0x00227d00u

void pv_inject_trap(struct cpu_user_regs *regs, unsigned int vector, u32 error_code)
{
	const struct trap_info *ti = &current->arch.trap_table[vector];

	TRACE(TRC_PV_TRAP | TRC_64_FLAG, TRACE_U64(regs->rip),
		vector | (u32)(vector < 32 && HAS_ERROR_CODE >> vector & 1) << 15 | error_code << 16);
	if (unlikely(!ti->address)) {
		domain_crash(current->domain, "exception %u (error code %#x) without a handler",
			vector, error_code);
		return;
	}
	bounce(regs, ti->address, ti->flags & 4, vector < 32 && (HAS_ERROR_CODE >> vector & 1),
		error_code);
}

void pv_inject_page_fault(struct cpu_user_regs *regs, unsigned long addr, u32 error_code)
{
	struct vcpu *v = current;
	const struct trap_info *ti;

	/* The hardware sees ring 3 only; the guest wants to know about its own two modes. */
	error_code &= ~PFEC_user;
	if (!(v->arch.flags & TF_KERNEL_MODE))
		error_code |= PFEC_user;
	TRACE(TRC_PV_PAGE_FAULT | TRC_64_FLAG, TRACE_U64(regs->rip), TRACE_U64(addr), error_code);
	v->vcpu_info->arch.cr2 = addr;
	ti = &v->arch.trap_table[X86_EXC_PF];
	if (unlikely(!ti->address))
		pv_inject_trap(regs, X86_EXC_PF, error_code);
	else
		bounce(regs, ti->address, ti->flags & 4, true, error_code);
}

void pv_deliver_event(struct cpu_user_regs *regs)
{
	evtchn_guest_gets_on(current);
	bounce(regs, current->arch.event_entry, true, false, 0);
}

void pv_deliver_nmi(struct cpu_user_regs *regs)
{
	struct vcpu *v = current;
	unsigned long entry = v->arch.nmi_entry ? v->arch.nmi_entry : v->arch.trap_table[2].address;

	v->arch.nmi_pending = false;
	if (entry)
		bounce(regs, entry, true, false, 0);
}

/* A system call that the fast path left: events masked, or no proper callback. */
void pv_syscall_slow(struct cpu_user_regs *regs)
{
	struct vcpu *v = current;

	if (!v->arch.syscall_entry) {
		regs->rip -= 2;
		pv_inject_trap(regs, X86_EXC_UD, 0);
		return;
	}
	regs->rflags &= ~(u64)X86_EFLAGS_DF;
	bounce(regs, v->arch.syscall_entry, v->arch.syscall_masks_events, false, 0);
}

/* `syscall` from compatibility mode (AMD). */
void pv_syscall32(struct cpu_user_regs *regs)
{
	struct vcpu *v = current;

	if (v->arch.flags & TF_KERNEL_MODE || !v->arch.syscall32_entry) {
		regs->rip -= 2;
		pv_inject_trap(regs, X86_EXC_UD, 0);
		return;
	}
	regs->rflags &= ~(u64)X86_EFLAGS_DF;
	bounce(regs, v->arch.syscall32_entry, v->arch.syscall32_masks_events, false, 0);
}

/* `sysenter` (Intel): the CPU saved neither rip nor rsp; the guest's callback finds its own way. */
void pv_sysenter(struct cpu_user_regs *regs)
{
	struct vcpu *v = current;

	regs->rflags |= X86_EFLAGS_IF;
	regs->rflags &= ~(u64)X86_EFLAGS_TF;
	if (v->arch.flags & TF_KERNEL_MODE || !v->arch.sysenter_entry) {
		pv_inject_trap(regs, X86_EXC_GP, 0);
		return;
	}
	bounce(regs, v->arch.sysenter_entry, v->arch.sysenter_masks_events, false, 0);
}

void pv_bounce_fault(struct cpu_user_regs *regs)
{
	domain_crash(current->domain, "no kernel stack at %p for a system call",
		(void *)current->arch.kernel_sp);
}

void pv_iret_fault(struct cpu_user_regs *regs)
{
	domain_crash(current->domain, "iret hypercall with an unreadable frame at %p or no user page table",
		(void *)regs->rsp);
}

/*
 * The CPU refused to return to the guest's cs:rip or ss:rsp. The failsafe callback gets the segment
 * selectors in front of the frame: rcx r11 ds es fs gs rip cs rflags rsp ss.
 */
void pv_failsafe(struct cpu_user_regs *regs)
{
	struct vcpu *v = current;
	u64 sel[4], *sp;
	u16 s;

	if (!v->arch.failsafe_entry) {
		domain_crash(v->domain, "cannot return to cs:rip %x:%p ss %x, and no failsafe callback",
			(u16)regs->cs, (void *)regs->rip, (u16)regs->ss);
		return;
	}
	bounce(regs, v->arch.failsafe_entry, v->arch.failsafe_masks_events, false, 0);
	/* Move rcx and r11 down to make room for the four selectors. */
	sp = (u64 *)regs->rsp - 4;
	__asm__ volatile("mov %%ds, %0" : "=r"(s)); sel[0] = s;
	__asm__ volatile("mov %%es, %0" : "=r"(s)); sel[1] = s;
	__asm__ volatile("mov %%fs, %0" : "=r"(s)); sel[2] = s;
	__asm__ volatile("mov %%gs, %0" : "=r"(s)); sel[3] = s;
	if (!access_ok(sp, 48) || raw_copy_to_guest(sp, &regs->rcx, 8) ||
		raw_copy_to_guest(sp + 1, &regs->r11, 8) || raw_copy_to_guest(sp + 2, sel, 32)) {
		domain_crash(v->domain, "no usable kernel stack for the failsafe callback");
		return;
	}
	regs->rsp = (unsigned long)sp;
}

void pv_update_syscall_frame(struct vcpu *v)
{
	unsigned long frame = (v->arch.kernel_sp & ~15UL) - 56;

	v->arch.syscall_frame = v->arch.syscall_entry && v->arch.syscall_masks_events &&
			access_ok((void *)frame, 56) && is_canonical(frame)
		? frame
		: 0;
}
