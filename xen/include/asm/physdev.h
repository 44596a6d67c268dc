/* Hypercalls about the physical machine. */
#ifndef ASM_PHYSDEV_H
#define ASM_PHYSDEV_H

#include <public/physdev.h>
#include <public/xen.h>
#include <xen/guest_access.h>

/* cmd: PHYSDEVOP_*; unknown ones give -ENOSYS. */
long do_physdev_op(int cmd, XEN_GUEST_HANDLE_PARAM(void) arg);
/* The form with the number inside (__HYPERVISOR_physdev_op_compat). */
long do_physdev_op_compat(XEN_GUEST_HANDLE_PARAM(physdev_op_t) uop);
/* struct xen_platform_op; the control domain only. */
long do_platform_op(XEN_GUEST_HANDLE_PARAM(void) arg);
/* struct xen_mc; the hardware domain only. -EACCES: another version, -EOPNOTSUPP: neither fetch nor
 * physcpuinfo. */
long do_mca(XEN_GUEST_HANDLE_PARAM(void) arg);

#endif
