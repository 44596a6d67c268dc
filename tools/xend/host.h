/* The hypervisor as this host has it. */
#ifndef XEND_HOST_H
#define XEND_HOST_H

#include <glib.h>
#include <stdbool.h>
#include <xenctrl.h>

#define MIB_PAGES (1u << (20 - XC_PAGE_SHIFT))

/* The one handle; any thread may use it. */
extern xc_interface *xc;

bool host_open(GError **error);

/* All domains of the hypervisor, struct xen_domctl_getdomaininfo in order of ids. */
GArray *host_domains(GError **error);
/* Exactly this domain. errno is ESRCH when there is none, else the hypervisor cannot say. */
bool host_domain(uint32_t domid, struct xen_domctl_getdomaininfo *info);
/* The domain with this uuid that is not dying, -1 when there is none. False: nobody can say. */
bool host_domid_of(const char *uuid, int *domid, GError **error);
/* The handle as text. */
char *host_uuid_text(const xen_domain_handle_t handle);

/* CPUs of the machine. */
unsigned int host_nr_cpus(void);
/* Sets @error to what errno says of an operation on a domain; false. */
bool host_fail(GError **error, uint32_t domid, const char *operation);

/* The name of the scheduler: "credit". */
const char *host_scheduler(void);

/* "(node …)" of xm info; the hypervisor's messages. */
GVariant *host_info(GError **error);
char *host_messages(bool clear, GError **error);

#endif
