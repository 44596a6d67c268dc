/* What guests may ask about the hypervisor itself: xen_version; and calls of few lines. */
#include <asm/page.h>
#include <public/nmi.h>
#include <xen/errno.h>
#include <xen/hypercall.h>
#include <xen/lib.h>
#include <xen/sched.h>
#include <xen/version.h>

/* The note that the linker makes, if told to (--build-id). */
extern const struct build_id_note {
	u32 namesz, descsz, type;
	char name[4];
	u8 id[];
} __note_build_id_start[], __note_build_id_end[];
#define NT_GNU_BUILD_ID 3

/* Copy a string into a fixed array at the guest's `arg`, filled up with zeros. */
static long give_string(XEN_GUEST_HANDLE_PARAM(void) arg, const char *s, size_t size)
{
	char buf[256];

	while (size) {
		size_t n = min_t(size_t, size, sizeof(buf)), len = strnlen(s, n);

		memset(buf, 0, n);
		memcpy(buf, s, len);
		if (raw_copy_to_guest(arg.p, buf, n))
			return -EFAULT;
		s += len;
		arg.p = (char *)arg.p + n;
		size -= n;
	}
	return 0;
}

static long give_compile_info(XEN_GUEST_HANDLE_PARAM(void) arg, bool privileged)
{
	struct xen_compile_info info;

	memset(&info, 0, sizeof(info));
	if (privileged) {
		strlcpy(info.compiler, xen_compiler, sizeof(info.compiler));
		strlcpy(info.compile_by, xen_compile_by, sizeof(info.compile_by));
		strlcpy(info.compile_domain, xen_compile_domain, sizeof(info.compile_domain));
		strlcpy(info.compile_date, xen_compile_date, sizeof(info.compile_date));
	}
	return raw_copy_to_guest(arg.p, &info, sizeof(info)) ? -EFAULT : 0;
}

/* PV guests' features; those of 32-bit times are always there in 64-bit mode. */
static u32 features_of(const struct domain *d)
{
	u32 f = BIT(XENFEAT_pae_pgdir_above_4gb) | BIT(XENFEAT_mmu_pt_update_preserve_ad) |
		BIT(XENFEAT_highmem_assist) | BIT(XENFEAT_gnttab_map_avail_bits) |
		BIT(XENFEAT_memory_op_vnode_supported) | BIT(XENFEAT_direct_mapped);

	return is_hardware_domain(d) ? f | BIT(XENFEAT_dom0) : f;
}

static long get_features(XEN_GUEST_HANDLE_PARAM(void) arg)
{
	struct xen_feature_info info;

	if (raw_copy_from_guest(&info, arg.p, sizeof(info)))
		return -EFAULT;
	if (info.submap_idx >= XENFEAT_NR_SUBMAPS)
		return -EINVAL;
	info.submap = features_of(current->domain);
	return raw_copy_to_guest(arg.p, &info, sizeof(info)) ? -EFAULT : 0;
}

/* Length of the build ID, which is copied to arg->buf unless arg is null. */
static long get_build_id(XEN_GUEST_HANDLE_PARAM(void) arg)
{
	const struct build_id_note *note = __note_build_id_start;
	u32 len;

	if (note == __note_build_id_end || note->type != NT_GNU_BUILD_ID)
		return -ENODATA;
	if (guest_handle_is_null(arg))
		return note->descsz;
	if (raw_copy_from_guest(&len, arg.p, sizeof(len)))
		return -EFAULT;
	if (len < note->descsz)
		return -ENOBUFS;
	if (raw_copy_to_guest((char *)arg.p + offsetof(struct xen_build_id, buf), note->id, note->descsz))
		return -EFAULT;
	return note->descsz;
}

/* xen_version, when something is to be written to the guest. */
static long version_info(int cmd, XEN_GUEST_HANDLE_PARAM(void) arg)
{
	static const char capabilities[] = "xen-3.0-x86_64 ";
	static const struct xen_platform_parameters platform = { .virt_start = HYPERVISOR_START };
	struct domain *d = current->domain;
	bool privileged = is_control_domain(d);

	switch (cmd) {
	case XENVER_extraversion:
		return give_string(arg, xen_extraversion, sizeof(xen_extraversion_t));
	case XENVER_compile_info:
		return give_compile_info(arg, privileged);
	case XENVER_capabilities:
		return give_string(arg, capabilities, sizeof(xen_capabilities_info_t));
	case XENVER_changeset:
		return give_string(arg, privileged ? xen_changeset : "", sizeof(xen_changeset_info_t));
	case XENVER_platform_parameters:
		return raw_copy_to_guest(arg.p, &platform, sizeof(platform)) ? -EFAULT : 0;
	case XENVER_get_features:
		return get_features(arg);
	case XENVER_guest_handle:
		return raw_copy_to_guest(arg.p, d->handle, sizeof(d->handle)) ? -EFAULT : 0;
	case XENVER_commandline:
		return give_string(arg, privileged ? saved_cmdline : "", sizeof(xen_commandline_t));
	case XENVER_build_id:
		return privileged ? get_build_id(arg) : -EPERM;
	}
	return -ENOSYS;
}

/*
 * xen_version: see public/version.h. What describes the machine's administration is told to control
 * domains only; others get empty strings. Also the call that guests use to have events delivered,
 * hence the shortest way for XENVER_version.
 */
long do_xen_version(int cmd, XEN_GUEST_HANDLE_PARAM(void) arg)
{
	if (likely(cmd == XENVER_version))
		return XEN_INTERFACE_MAJOR << 16 | XEN_INTERFACE_MINOR;
	if (cmd == XENVER_pagesize)
		return guest_handle_is_null(arg) ? (long)PAGE_SIZE : -EINVAL;
	return version_info(cmd, arg);
}

/* nmi_op: dom0's vCPU 0 says where it wants NMIs. -EINVAL for others. */
long do_nmi_op(unsigned int cmd, XEN_GUEST_HANDLE_PARAM(void) arg)
{
	struct vcpu *v = current;
	struct xennmi_callback cb;

	switch (cmd) {
	case XENNMI_register_callback:
		if (raw_copy_from_guest(&cb, arg.p, sizeof(cb)))
			return -EFAULT;
		if (!is_hardware_domain(v->domain) || v->vcpu_id || !is_canonical(cb.handler_address))
			return -EINVAL;
		v->arch.nmi_entry = cb.handler_address;
		return 0;
	case XENNMI_unregister_callback:
		v->arch.nmi_pending = false;
		v->arch.nmi_entry = 0;
		return 0;
	}
	return -ENOSYS;
}

/* xsm_op: there is no security module; toolstacks probe for one. */
long do_xsm_op(XEN_GUEST_HANDLE_PARAM(void) arg)
{
	return -ENOSYS;
}
