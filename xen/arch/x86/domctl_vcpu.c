/* domctl: the registers of a vCPU. */
#include <xen/domctl.h>
#include <xen/errno.h>
#include <xen/lib.h>
#include <xen/sched.h>
#include <xen/xmalloc.h>
#include <asm/fpu.h>
#include <asm/pgtable.h>
#include <asm/pv.h>

void arch_get_info_guest(struct vcpu *v, vcpu_guest_context_t *c)
{
	c->flags = (v->arch.flags & TF_KERNEL_MODE ? VGCF_IN_KERNEL : 0) |
		(v->arch.failsafe_masks_events ? VGCF_failsafe_disables_events : 0) |
		(v->arch.syscall_masks_events ? VGCF_syscall_disables_events : 0) | VGCF_I387_VALID;
	memcpy(&c->fpu_ctxt, v->arch.xsave, sizeof(c->fpu_ctxt));
	c->user_regs = v->arch.user_regs;
	/* The IOPL that the guest believes in. */
	c->user_regs.rflags |= (u64)v->arch.iopl << 12;
	memcpy(c->trap_ctxt, v->arch.trap_table, sizeof(c->trap_ctxt));
	c->ldt_base = v->arch.ldt_base;
	c->ldt_ents = v->arch.ldt_ents;
	memcpy(c->gdt_frames, v->arch.gdt_frames, sizeof(v->arch.gdt_frames));
	c->gdt_ents = v->arch.gdt_ents;
	c->kernel_ss = FLAT_RING3_SS64;
	c->kernel_sp = v->arch.kernel_sp;
	c->ctrlreg[0] = X86_CR0_PE | X86_CR0_PG | (v->arch.cr0_ts ? X86_CR0_TS : 0);
	c->ctrlreg[1] = v->arch.cr3_user;
	c->ctrlreg[3] = v->arch.cr3_kernel;
	c->ctrlreg[4] = v->arch.cr4;
	memcpy(c->debugreg, v->arch.dr, sizeof(c->debugreg));
	c->event_callback_eip = v->arch.event_entry;
	c->failsafe_callback_eip = v->arch.failsafe_entry;
	c->syscall_callback_eip = v->arch.syscall_entry;
	c->fs_base = v->arch.fs_base;
	c->gs_base_kernel = v->arch.gs_base_kernel;
	c->gs_base_user = v->arch.gs_base_user;
}

int domctl_sendtrigger(struct domain *d, struct xen_domctl *op)
{
	struct vcpu *v = domain_vcpu(d, op->u.sendtrigger.vcpu);

	if (op->u.sendtrigger.vcpu >= d->max_vcpus)
		return -EINVAL;
	if (!v)
		return -ESRCH;
	if (op->u.sendtrigger.trigger != XEN_DOMCTL_SENDTRIGGER_NMI)
		return -EOPNOTSUPP; /* buttons of a machine */
	vcpu_send_nmi(v);
	return 0;
}

/* --- Extended state: XCR0, all of it that was ever enabled, an image of XSAVE -------------------- */

#define EXTSTATE_HEADER (2 * sizeof(u64))

int domctl_getvcpuextstate(struct domain *d, struct xen_domctl *op)
{
	struct xen_domctl_vcpuextstate *e = &op->u.vcpuextstate;
	struct vcpu *v = domain_vcpu(d, e->vcpu);
	u64 header[2], size = xfeature_mask ? EXTSTATE_HEADER + xstate_size : 0;
	int rc = 0;

	if (!v)
		return -EINVAL;
	e->xfeature_mask = xfeature_mask;
	if (guest_handle_is_null(e->buffer) || !size) {
		e->size = size;
		return 0;
	}
	if (e->size != size)
		return -EINVAL;
	vcpu_pause(v);
	header[0] = v->arch.xcr0;
	header[1] = xfeature_mask;
	if (raw_copy_to_guest(e->buffer.p, header, sizeof(header)) ||
		raw_copy_to_guest((u8 *)e->buffer.p + sizeof(header), v->arch.xsave, xstate_size))
		rc = -EFAULT;
	vcpu_unpause(v);
	return rc;
}

int domctl_setvcpuextstate(struct domain *d, struct xen_domctl *op)
{
	const struct xen_domctl_vcpuextstate *e = &op->u.vcpuextstate;
	struct vcpu *v = domain_vcpu(d, e->vcpu);
	u64 header[2];
	void *image;
	int rc = -EFAULT;

	if (!v || (e->xfeature_mask & ~xfeature_mask) || e->size < EXTSTATE_HEADER + XSAVE_MIN_SIZE ||
		e->size > EXTSTATE_HEADER + xstate_size)
		return -EINVAL;
	image = xzalloc_bytes(xstate_size, 64);
	if (!image)
		return -ENOMEM;
	if (!raw_copy_from_guest(header, e->buffer.p, sizeof(header)) &&
		!raw_copy_from_guest(image, (const u8 *)e->buffer.p + sizeof(header),
			e->size - sizeof(header))) {
		domain_pause(d);
		rc = fpu_set_xsave(v, header[0], image) ? 0 : -EINVAL;
		domain_unpause(d);
	}
	xfree(image);
	return rc;
}

/* --- MSRs: PV guests have none that would have to move with them ---------------------------------- */

int domctl_get_vcpu_msrs(struct domain *d, struct xen_domctl *op)
{
	if (!domain_vcpu(d, op->u.vcpu_msrs.vcpu))
		return -EINVAL;
	op->u.vcpu_msrs.msr_count = 0;
	return 0;
}

/* On failure msr_count says which one it was. */
int domctl_set_vcpu_msrs(struct domain *d, struct xen_domctl *op)
{
	if (!domain_vcpu(d, op->u.vcpu_msrs.vcpu))
		return -EINVAL;
	if (!op->u.vcpu_msrs.msr_count)
		return 0;
	op->u.vcpu_msrs.msr_count = 0;
	return -EINVAL;
}

/* --- Entry points that vcpu_guest_context has no room for ---------------------------------------- */

int domctl_get_ext_vcpucontext(struct domain *d, struct xen_domctl *op)
{
	u32 id = op->u.ext_vcpucontext.vcpu;
	struct vcpu *v = domain_vcpu(d, id);

	if (!v)
		return -ESRCH;
	op->u.ext_vcpucontext = (struct xen_domctl_ext_vcpucontext){
		.vcpu = id,
		.size = sizeof(op->u.ext_vcpucontext),
		.syscall32_callback_eip = v->arch.syscall32_entry,
		.sysenter_callback_eip = v->arch.sysenter_entry,
		.syscall32_disables_events = v->arch.syscall32_masks_events,
		.sysenter_disables_events = v->arch.sysenter_masks_events,
	};
	return 0;
}

int domctl_set_ext_vcpucontext(struct domain *d, struct xen_domctl *op)
{
	const struct xen_domctl_ext_vcpucontext *e = &op->u.ext_vcpucontext;
	struct vcpu *v = domain_vcpu(d, e->vcpu);

	if (!v)
		return -ESRCH;
	if (e->size < offsetof(struct xen_domctl_ext_vcpucontext, mcg_cap) ||
		!is_canonical(e->syscall32_callback_eip) || !is_canonical(e->sysenter_callback_eip))
		return -EINVAL;
	domain_pause(d);
	v->arch.syscall32_entry = e->syscall32_callback_eip;
	v->arch.syscall32_masks_events = e->syscall32_disables_events;
	v->arch.sysenter_entry = e->sysenter_callback_eip;
	v->arch.sysenter_masks_events = e->sysenter_disables_events;
	domain_unpause(d);
	return 0;
}
