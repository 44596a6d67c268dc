/* What is in a vCPU, in four records of a stream. */
#include <errno.h>
#include <string.h>

#include "stream.h"

/* Parts of a vCPU in the order in which they are set. */
static const uint32_t part_type[] = { STREAM_X86_PV_VCPU_BASIC, STREAM_X86_PV_VCPU_EXTENDED,
	STREAM_X86_PV_VCPU_XSAVE, STREAM_X86_PV_VCPU_MSRS };

enum part { PART_BASIC, PART_EXTENDED, PART_XSAVE, PART_MSRS };

#define EXTENDED_MIN 32  /* up to sysenter_disables_events, and its padding */
#define EXTENDED_MAX 128 /* XEN_DOMCTL_set_ext_vcpucontext */

/* ---- Saving ---- */

static bool unreadable(const struct stream *s, unsigned id, GError **error)
{
	int reason = errno;

	g_set_error(error, XG_ERROR, XG_ERROR_HYPERVISOR,
		"domain %u: the state of vCPU %u cannot be read: %s", s->domid, id,
		g_strerror(reason));
	return false;
}

static bool put_part(const struct stream *s, enum part part, unsigned id, const void *data,
	size_t len, GError **error)
{
	struct stream_vcpu head = { .id = id };

	return xg_stream_put(s, part_type[part], &head, sizeof(head), data, len, error);
}

static bool save_basic(const struct stream *s, xc_interface *xc, const struct stream_p2m *p2m,
	unsigned id, GError **error)
{
	vcpu_guest_context_t *context = g_new0(vcpu_guest_context_t, 1);
	bool ok = false;

	if (xc_vcpu_getcontext(xc, s->domid, id, context)) {
		unreadable(s, id, error);
		goto out;
	}
	/* vCPU 0 is in the hypercall that suspends; its third argument is start_info. */
	if (!id) {
		context->user_regs.rdx = xg_p2m_pfn(p2m, context->user_regs.rdx);
		if (context->user_regs.rdx == UINT64_MAX) {
			g_set_error(error, XG_ERROR, XG_ERROR_FEATURE,
				"domain %u: it suspended without a start_info of its own",
				s->domid);
			goto out;
		}
	}
	ok = xg_context_canonical(p2m, id, context, error);
	if (!ok)
		g_prefix_error(error, "domain %u: ", s->domid);
	ok = ok && put_part(s, PART_BASIC, id, context, sizeof(*context), error);
out:
	g_free(context);
	return ok;
}

static bool save_extended(const struct stream *s, xc_interface *xc, const struct stream_p2m *p2m,
	unsigned id, GError **error)
{
	struct xen_domctl_ext_vcpucontext context = { .vcpu = id };

	if (xc_vcpu_get_ext_context(xc, s->domid, id, &context))
		return unreadable(s, id, error);
	return put_part(s, PART_EXTENDED, id, &context, sizeof(context), error);
}

static bool save_xsave(const struct stream *s, xc_interface *xc, const struct stream_p2m *p2m,
	unsigned id, GError **error)
{
	uint64_t mask = 0, size = 0;
	void *buffer;
	bool ok;

	if (xc_vcpu_get_xstate(xc, s->domid, id, &mask, NULL, &size))
		return unreadable(s, id, error);
	if (!size)
		return true;
	buffer = g_malloc0(size);
	ok = xc_vcpu_get_xstate(xc, s->domid, id, &mask, buffer, &size)
		     ? unreadable(s, id, error)
		     : put_part(s, PART_XSAVE, id, buffer, size, error);
	g_free(buffer);
	return ok;
}

static bool save_msrs(const struct stream *s, xc_interface *xc, const struct stream_p2m *p2m,
	unsigned id, GError **error)
{
	xen_domctl_vcpu_msr_t *msrs;
	uint32_t count = 0;
	bool ok = true;

	if (xc_vcpu_get_msrs(xc, s->domid, id, NULL, &count))
		return unreadable(s, id, error);
	if (!count)
		return true;
	msrs = g_new0(xen_domctl_vcpu_msr_t, count);
	if (xc_vcpu_get_msrs(xc, s->domid, id, msrs, &count))
		ok = unreadable(s, id, error);
	else if (count)
		ok = put_part(s, PART_MSRS, id, msrs, count * sizeof(*msrs), error);
	g_free(msrs);
	return ok;
}

bool xg_state_save_vcpu(const struct stream *s, xc_interface *xc, const struct stream_p2m *p2m,
	unsigned id, GError **error)
{
	return save_basic(s, xc, p2m, id, error) && save_extended(s, xc, p2m, id, error) &&
	       save_xsave(s, xc, p2m, id, error) && save_msrs(s, xc, p2m, id, error);
}

/* ---- Restoring ---- */

static bool fits(enum part part, size_t len)
{
	switch (part) {
	case PART_BASIC:
		return len == sizeof(vcpu_guest_context_t);
	case PART_EXTENDED:
		return len >= EXTENDED_MIN && len <= EXTENDED_MAX;
	case PART_XSAVE:
		return len >= 2 * sizeof(uint64_t);
	case PART_MSRS:
		return !(len % sizeof(xen_domctl_vcpu_msr_t));
	}
	return false;
}

bool xg_state_keep(
	struct stream_state *state, uint32_t type, const void *body, size_t len, GError **error)
{
	const struct stream_vcpu *head = body;
	GBytes **kept;
	enum part part = PART_BASIC;

	while (part_type[part] != type)
		part++;
	if (head->id >= state->nr_vcpus)
		return xg_stream_bad(
			error, "it has vCPU %u, the domain has but %u", head->id, state->nr_vcpus);
	kept = &state->vcpu[head->id].part[part];
	if (*kept)
		return xg_stream_bad(
			error, "%s of vCPU %u is there twice", xg_stream_name(type), head->id);
	len -= sizeof(*head);
	if (!len)
		return true;
	if (!fits(part, len))
		return xg_stream_bad(error, "%s of vCPU %u has a wrong length, %zu bytes",
			xg_stream_name(type), head->id, len);
	*kept = g_bytes_new(head + 1, len);
	return true;
}

static bool set_basic(xc_interface *xc, uint32_t domid, const struct stream_p2m *p2m, unsigned id,
	const void *data, uint64_t *start_info, GError **error)
{
	vcpu_guest_context_t *context = g_memdup2(data, sizeof(*context));
	bool ok = xg_context_local(p2m, id, context, error);

	if (ok && !id) {
		*start_info = context->user_regs.rdx;
		context->user_regs.rdx = xg_p2m_mfn(p2m, *start_info);
		if (!context->user_regs.rdx)
			ok = xg_stream_bad(error, "its start_info is not in it");
	}
	if (ok && xc_vcpu_setcontext(xc, domid, id, context))
		ok = xg_stream_refused(domid, "the registers of a vCPU are refused", error);
	g_free(context);
	return ok;
}

static bool set_rest(xc_interface *xc, uint32_t domid, unsigned id, enum part part,
	const void *data, size_t len, GError **error)
{
	struct xen_domctl_ext_vcpucontext extended = { 0 };
	uint64_t mask;
	int ret = 0;

	switch (part) {
	case PART_BASIC:
		break;
	case PART_EXTENDED:
		memcpy(&extended, data, MIN(len, sizeof(extended)));
		extended.vcpu = id;
		extended.size = MIN(extended.size, sizeof(extended));
		ret = xc_vcpu_set_ext_context(xc, domid, &extended);
		break;
	case PART_XSAVE:
		/* XCR0, and what was ever enabled in it, come first. */
		memcpy(&mask, (const uint64_t *)data + 1, sizeof(mask));
		ret = xc_vcpu_set_xstate(xc, domid, id, mask, data, len);
		break;
	case PART_MSRS:
		ret = xc_vcpu_set_msrs(xc, domid, id, data, len / sizeof(xen_domctl_vcpu_msr_t));
		break;
	}
	if (ret)
		return xg_stream_refused(domid, xg_stream_name(part_type[part]), error);
	return true;
}

bool xg_state_restore(struct stream_state *state, xc_interface *xc, uint32_t domid,
	const struct stream_p2m *p2m, uint64_t *start_info, GError **error)
{
	for (unsigned id = 0; id < state->nr_vcpus; id++) {
		for (enum part part = PART_BASIC; part <= PART_MSRS; part++) {
			GBytes *bytes = state->vcpu[id].part[part];
			size_t len;
			const void *data = bytes ? g_bytes_get_data(bytes, &len) : NULL;

			if (!data && part == PART_BASIC)
				break;
			if (data && !(part == PART_BASIC ? set_basic(xc, domid, p2m, id, data,
								   start_info, error)
							 : set_rest(xc, domid, id, part, data, len,
								   error)))
				return false;
		}
	}
	return true;
}

void xg_state_free(struct stream_state *state)
{
	for (unsigned id = 0; state->vcpu && id < state->nr_vcpus; id++)
		for (unsigned part = 0; part < G_N_ELEMENTS(state->vcpu[id].part); part++)
			g_clear_pointer(&state->vcpu[id].part[part], g_bytes_unref);
	g_free(state->vcpu);
}
