/* Many hypercalls in one: a guest kernel batches its page-table updates like this. */
#include <xen/errno.h>
#include <xen/guest_access.h>
#include <xen/hypercall.h>
#include <xen/perfc.h>
#include <xen/sched.h>
#include <xen/trace.h>

/*
 * Execute one entry. 0; -ERESTART: stopped within the call, the guest's entry says how to go on;
 * -EFAULT: the entry cannot be read or written.
 */
static always_inline long do_one(struct mc_state *mc, struct multicall_entry *guest)
{
	if (unlikely(raw_copy_from_guest(&mc->call, guest, sizeof(mc->call))))
		return -EFAULT;
	if (unlikely(trace_active))
		trace_multicall_call(mc->call.op, mc->call.args);
	mc->call.result = arch_do_multicall_call(&mc->call);
	if (unlikely(mc->flags & MC_PREEMPTED)) {
		mc->flags &= ~MC_PREEMPTED;
		return raw_copy_to_guest(guest->args, mc->call.args, sizeof(mc->call.args)) ||
				raw_copy_to_guest(&guest->op, &mc->call.op, sizeof(mc->call.op))
			? -EFAULT
			: -ERESTART;
	}
	return raw_copy_to_guest(&guest->result, &mc->call.result, sizeof(mc->call.result)) ? -EFAULT : 0;
}

/*
 * Execute `nr` entries in order; what each returns goes into its `result`. 0, whatever the entries
 * returned; -EFAULT: the list is not accessible from some entry on; -EINVAL: within a multicall.
 */
long do_multicall(XEN_GUEST_HANDLE_PARAM(multicall_entry_t) list, uint32_t nr)
{
	struct mc_state *mc = &current->mc_state;
	unsigned int cpu = smp_processor_id();
	long rc = 0;

	if (mc->flags)
		return -EINVAL;
	mc->flags = MC_ACTIVE;
	perfc_incr(multicalls);
	perfc_add(multicall_entries, nr);
	for (; nr; nr--, list.p++) {
		if (unlikely(softirq_pending(cpu)))
			rc = -ERESTART;
		else
			rc = do_one(mc, list.p);
		if (rc)
			break;
	}
	mc->flags = 0;
	if (rc == -ERESTART)
		return hypercall_create_continuation(__HYPERVISOR_multicall, 2, list, nr);
	return rc;
}
