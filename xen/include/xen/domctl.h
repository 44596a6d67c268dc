/* Hypercall 36 (domctl) and what it shares with sysctl. Interface: public/domctl.h. */
#ifndef XEN_DOMCTL_H
#define XEN_DOMCTL_H

#include <xen/types.h>
#include <public/domctl.h>
#include <xen/cpumask.h>
#include <xen/guest_access.h>

struct domain;
struct vcpu;

/*
 * -EPERM: the caller is no control domain; -EACCES: another version of the interface; -ESRCH: no such
 * domain; -EINVAL: not on oneself, or not on a dying domain; -ENOSYS: unknown command. Else what the
 * command's handler says.
 */
long do_domctl(XEN_GUEST_HANDLE_PARAM(xen_domctl_t) uop);

/* What tools see of a domain; every field is written. Takes locks of rank RUNQ. */
void getdomaininfo(struct domain *d, struct xen_domctl_getdomaininfo *info);
/* Arch: gpaddr_bits, arch_config. */
void arch_getdomaininfo(const struct domain *d, struct xen_domctl_getdomaininfo *info);

/*
 * Bitmaps of `nr` bits between a tool's buffer and ours. Bits that the tool's is too short for are
 * dropped or read as 0; what it has beyond ours is written as 0 and not read. -EFAULT, -EINVAL: absurdly long.
 */
int bitmap_from_xenctl(unsigned long *to, unsigned int nr, const struct xenctl_bitmap *from);
int bitmap_to_xenctl(const struct xenctl_bitmap *to, const unsigned long *from, unsigned int nr);
static inline int cpumask_from_xenctl(cpumask_t *to, const struct xenctl_bitmap *from)
{
	return bitmap_from_xenctl(to->bits, NR_CPUS, from);
}
static inline int cpumask_to_xenctl(const struct xenctl_bitmap *to, const cpumask_t *from)
{
	return bitmap_to_xenctl(to, from->bits, NR_CPUS);
}

/* --- Handlers, by file ------------------------------------------------------------------------ */

/*
 * A command's work. `op` is our copy of the argument. Called with domctl_lock held; `d` is the domain
 * that op->domain names (NULL for a handler without one). -ERESTART: call again with the same
 * argument as the caller has it. Every handler leaves nothing behind when it fails.
 */
typedef int domctl_fn(struct domain *d, struct xen_domctl *op);

/* common/domctl_vcpu.c */
domctl_fn domctl_max_vcpus, domctl_setvcpucontext, domctl_getvcpucontext, domctl_getvcpuinfo,
	domctl_setvcpuaffinity, domctl_getvcpuaffinity, domctl_scheduler_op;
/* common/domctl_memory.c */
domctl_fn domctl_max_mem, domctl_setnodeaffinity, domctl_getnodeaffinity, domctl_irq_permission,
	domctl_iomem_permission;
/* arch/x86/domctl.c */
domctl_fn domctl_ioport_permission, domctl_hypercall_init, domctl_address_size, domctl_shadow_op,
	domctl_getpageframeinfo3, domctl_settscinfo, domctl_gettscinfo, domctl_set_cpu_policy,
	domctl_get_cpu_policy;
/* arch/x86/domctl_vcpu.c */
domctl_fn domctl_sendtrigger, domctl_setvcpuextstate, domctl_getvcpuextstate, domctl_set_vcpu_msrs,
	domctl_get_vcpu_msrs, domctl_set_ext_vcpucontext, domctl_get_ext_vcpucontext;

/* Arch: the registers of a vCPU that does not run, as XEN_DOMCTL_getvcpucontext gives them. */
void arch_get_info_guest(struct vcpu *v, vcpu_guest_context_t *c);

#endif
