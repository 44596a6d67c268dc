/* sysctl: the console's ring, debug keys, performance counters. */
#include <xen/console.h>
#include <xen/errno.h>
#include <xen/keyhandler.h>
#include <xen/lib.h>
#include <xen/perfc.h>
#include <xen/sched.h>
#include <xen/sysctl.h>

long sysctl_readconsole(struct xen_sysctl *op)
{
	return read_console_ring(&op->u.readconsole);
}

#define MAX_DEBUG_KEYS 1024

/* -E2BIG: more keys than anybody types. */
long sysctl_debug_keys(struct xen_sysctl *op)
{
	struct xen_sysctl_debug_keys *k = &op->u.debug_keys;

	if (k->nr_keys > MAX_DEBUG_KEYS)
		return -E2BIG;
	for (u32 i = 0; i < k->nr_keys; i++) {
		char c;

		if (copy_from_guest_offset(&c, k->keys, i, 1))
			return -EFAULT;
		handle_keypress(c, guest_cpu_user_regs());
	}
	return 0;
}

#ifdef CONFIG_PERF_COUNTERS
/* Each counter has one value for each CPU; `val` has those of the first counter first. */
static long copy_counters(struct xen_sysctl_perfc_op *p, unsigned int cpus)
{
	u32 val[NR_CPUS];

	for (unsigned int nr = 0; nr < NR_PERFCTRS; nr++) {
		struct xen_sysctl_perfc_desc desc = { .nr_vals = cpus };
		unsigned int cpu, n = 0;

		strlcpy(desc.name, perfc_name(nr), sizeof(desc.name));
		for_each_online_cpu (cpu)
			if (n < cpus)
				val[n++] = perfc_read(nr, cpu);
		if (!guest_handle_is_null(p->desc) && copy_to_guest_offset(p->desc, nr, &desc, 1))
			return -EFAULT;
		if (!guest_handle_is_null(p->val) && copy_to_guest_offset(p->val, nr * cpus, val, n))
			return -EFAULT;
	}
	return 0;
}

long sysctl_perfc_op(struct xen_sysctl *op)
{
	struct xen_sysctl_perfc_op *p = &op->u.perfc_op;
	unsigned int cpus = num_online_cpus();
	long rc;

	switch (p->cmd) {
	case XEN_SYSCTL_PERFCOP_reset:
		rc = copy_counters(p, cpus);
		perfc_reset();
		break;
	case XEN_SYSCTL_PERFCOP_query:
		rc = copy_counters(p, cpus);
		break;
	default:
		return -EINVAL;
	}
	p->nr_counters = NR_PERFCTRS;
	p->nr_vals = NR_PERFCTRS * cpus;
	return rc;
}
#else
long sysctl_perfc_op(struct xen_sysctl *op)
{
	return -ENOSYS;
}
#endif

/* Code coverage is for builds made with it, of which there are none. */
long sysctl_coverage_op(struct xen_sysctl *op)
{
	return -EOPNOTSUPP;
}
