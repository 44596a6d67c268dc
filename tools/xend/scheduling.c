/* Where and how much a domain's vCPUs run. */
#include <string.h>

#include "build.h"
#include "error.h"
#include "host.h"
#include "log.h"

bool scheduling_pin(uint32_t domid, unsigned int vcpu, const uint8_t *map, GError **error)
{
	/* The hypervisor writes back what came of it. */
	uint8_t copy[MAX_CPUS / 8];

	memcpy(copy, map, sizeof(copy));
	if (!xc_vcpu_setaffinity(xc, domid, vcpu, copy, NULL, sizeof(copy)))
		return true;
	return fail_errno(error, "domain %u: vCPU %u cannot be pinned", domid, vcpu), false;
}

static bool apply_cpus(struct domain *domain, GError **error)
{
	struct config *config = domain->config;
	unsigned int nr_cpus = host_nr_cpus(), i,
		     n = config->cpus ? g_strv_length(config->cpus) : 0;

	for (i = 0; n && i < config->maxvcpus; i++) {
		const char *text = n == 1 ? config->cpus[0] : i < n ? config->cpus[i] : "";
		uint8_t map[MAX_CPUS / 8] = { 0 };

		if (!*text)
			continue;
		if (!cpus_parse(text, nr_cpus, map, error) ||
			!scheduling_pin(domain->domid, i, map, error))
			return false;
	}
	return true;
}

bool scheduling_apply(struct domain *domain, GError **error)
{
	struct xen_domctl_sched_credit params = {
		.weight = domain->config->weight,
		.cap = domain->config->cap,
	};
	unsigned int scheduler;

	if (!apply_cpus(domain, error))
		return false;
	if (xc_sched_id(xc, &scheduler) || scheduler != XEN_SCHEDULER_CREDIT)
		return true;
	if (!xc_sched_credit_domain_set(xc, domain->domid, &params))
		return true;
	return fail_errno(error, "cpu_weight %u and cpu_cap %u are refused", params.weight,
		       params.cap),
	       false;
}
