/* vCPU operations that depend on the machine. */
#include <public/vcpu.h>
#include <xen/errno.h>
#include <xen/lib.h>
#include <xen/sched.h>
#include <asm/apic.h>
#include <asm/pv.h>

void vcpu_send_nmi(struct vcpu *v)
{
	v->arch.nmi_pending = true;
	/* The way back to a guest looks for it when softirqs are done. */
	cpu_raise_softirq(v->processor, SCHED_SLAVE_SOFTIRQ);
	vcpu_kick(v);
}

static long send_nmi(struct vcpu *v)
{
	vcpu_send_nmi(v);
	return 0;
}

static long get_physid(struct vcpu *v, XEN_GUEST_HANDLE_PARAM(void) arg)
{
	struct vcpu_get_physid id;

	/* Means something only while the vCPU cannot move. */
	if (!is_hardware_domain(v->domain) || cpumask_weight(&v->cpu_hard_affinity) != 1)
		return -EINVAL;
	id.phys_id = (u64)cpu_to_apicid[v->processor] | (u64)cpu_to_apicid[v->processor] << 32;
	return copy_to_guest(guest_handle_cast(arg, vcpu_get_physid_t), &id, 1) ? -EFAULT : 0;
}

long arch_do_vcpu_op(unsigned int cmd, struct vcpu *v, XEN_GUEST_HANDLE_PARAM(void) arg)
{
	switch (cmd) {
	case VCPUOP_send_nmi:
		return guest_handle_is_null(arg) ? send_nmi(v) : -EINVAL;
	case VCPUOP_get_physid:
		return get_physid(v, arg);
	default:
		return -ENOSYS;
	}
}
