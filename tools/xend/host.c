#include "host.h"

#include <string.h>
#include <uuid.h>

#include "error.h"

#define BATCH        256
#define MAX_MESSAGES (8u << 20)

xc_interface *xc;

bool host_open(GError **error)
{
	xc = xc_open();
	if (!xc)
		fail_errno(error, "this is no privileged domain of a Xen machine");
	return xc;
}

GArray *host_domains(GError **error)
{
	g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(struct xen_domctl_getdomaininfo));
	uint32_t first = 0;
	int got;

	do {
		unsigned int had = all->len;

		g_array_set_size(all, had + BATCH);
		got = xc_domain_getinfolist(xc, first, BATCH,
			&g_array_index(all, struct xen_domctl_getdomaininfo, had));
		if (got < 0)
			return fail_errno(error, "cannot list the domains"), NULL;
		g_array_set_size(all, had + got);
		if (got)
			first = g_array_index(all, struct xen_domctl_getdomaininfo, all->len - 1)
					.domain +
				1;
	} while (got == BATCH);
	return g_steal_pointer(&all);
}

bool host_domain(uint32_t domid, struct xen_domctl_getdomaininfo *info)
{
	return !xc_domain_getinfo(xc, domid, info);
}

char *host_uuid_text(const xen_domain_handle_t handle)
{
	char text[UUID_STR_LEN];

	uuid_unparse_lower(handle, text);
	return g_strdup(text);
}

bool host_domid_of(const char *uuid, int *domid, GError **error)
{
	g_autoptr(GArray) all = host_domains(error);

	*domid = -1;
	for (unsigned int i = 0; all && i < all->len; i++) {
		struct xen_domctl_getdomaininfo *info =
			&g_array_index(all, struct xen_domctl_getdomaininfo, i);
		g_autofree char *text = host_uuid_text(info->handle);

		if (info->domain && !(info->flags & XEN_DOMINF_dying) && g_str_equal(text, uuid))
			*domid = info->domain;
	}
	return all;
}

unsigned int host_nr_cpus(void)
{
	struct xen_sysctl_physinfo info;

	return xc_physinfo(xc, &info) ? 1 : info.max_cpu_id + 1;
}

bool host_fail(GError **error, uint32_t domid, const char *operation)
{
	fail_errno(error, "domain %u: the hypervisor cannot %s", domid, operation);
	return false;
}

char *host_messages(bool clear, GError **error)
{
	unsigned int count = MAX_MESSAGES;
	uint32_t index = 0;
	g_autofree char *text = g_malloc(count + 1);

	if (xc_readconsole(xc, text, &count, clear, false, &index))
		return fail_errno(error, "cannot read the hypervisor's messages"), NULL;
	text[count] = 0;
	return g_utf8_make_valid(text, count);
}
