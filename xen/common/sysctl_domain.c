/* sysctl: the list of domains. */
#include <xen/domctl.h>
#include <xen/errno.h>
#include <xen/lib.h>
#include <xen/sched.h>
#include <xen/sysctl.h>

/* Domains from first_domain on, in order of their ids, as many as there is room for. */
long sysctl_getdomaininfolist(struct xen_sysctl *op)
{
	struct xen_sysctl_getdomaininfolist *l = &op->u.getdomaininfolist;
	struct xen_domctl_getdomaininfo info;
	struct domain *d;
	u32 n = 0;

	for_each_domain (d) {
		if (d->domain_id < l->first_domain)
			continue;
		if (n == l->max_domains)
			break;
		getdomaininfo(d, &info);
		if (copy_to_guest_offset(l->buffer, n, &info, 1))
			return -EFAULT;
		n++;
	}
	l->num_domains = n;
	return 0;
}
