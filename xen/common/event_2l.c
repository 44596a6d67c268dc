/*
 * The 2-level event ABI: a bitmap of pending and one of masked ports in the shared_info page, and
 * in each vCPU's vcpu_info a selector with a bit per word of the pending bitmap.
 * Interface: public/xen.h, struct shared_info and struct vcpu_info.
 */
#include <xen/errno.h>
#include <xen/lib.h>
#include "event_channel.h"

/* The pending bit is known to be set: tell v, unless the port is masked or v knows of the word. */
static void announce_2l(struct vcpu *v, evtchn_port_t port)
{
	vcpu_info_t *info = READ_ONCE(v->vcpu_info);

	if (!test_bit(port, v->domain->shared_info->evtchn_mask) &&
		!test_and_set_bit(port / BITS_PER_LONG, &info->evtchn_pending_sel))
		vcpu_mark_events_pending(v);
}

/* Ports beyond the bitmaps can exist for a moment while a domain leaves the FIFO ABI. */
static bool in_bitmaps(evtchn_port_t port)
{
	return likely(port < EVTCHN_2L_NR_CHANNELS);
}

static void set_pending_2l(struct vcpu *v, struct evtchn *chn)
{
	struct domain *d = v->domain;
	evtchn_port_t port = chn->port;

	if (!in_bitmaps(port) || test_and_set_bit(port, d->shared_info->evtchn_pending))
		return;
	announce_2l(v, port);
	evtchn_check_pollers(d, port);
}

static void clear_pending_2l(struct domain *d, struct evtchn *chn)
{
	if (in_bitmaps(chn->port))
		clear_bit(chn->port, d->shared_info->evtchn_pending);
}

static bool is_pending_2l(const struct domain *d, const struct evtchn *chn)
{
	return in_bitmaps(chn->port) && test_bit(chn->port, d->shared_info->evtchn_pending);
}

static bool is_masked_2l(const struct domain *d, const struct evtchn *chn)
{
	return !in_bitmaps(chn->port) || test_bit(chn->port, d->shared_info->evtchn_mask);
}

static void unmask_2l(struct domain *d, struct evtchn *chn)
{
	struct vcpu *v = d->vcpu[chn->notify_vcpu];

	if (v && in_bitmaps(chn->port) &&
		test_and_clear_bit(chn->port, d->shared_info->evtchn_mask) && is_pending_2l(d, chn))
		announce_2l(v, chn->port);
}

static void print_2l(const struct domain *d, const struct evtchn *chn)
{
	const struct vcpu *v = d->vcpu[chn->notify_vcpu];
	unsigned int word = chn->port / BITS_PER_LONG;
	bool selected =
		v && in_bitmaps(chn->port) && test_bit(word, &v->vcpu_info->evtchn_pending_sel);

	printk(XENLOG_ALWAYS "%c", selected ? 's' : '-');
}

const struct evtchn_port_ops evtchn_port_ops_2l = {
	.max_ports = EVTCHN_2L_NR_CHANNELS,
	.set_pending = set_pending_2l,
	.clear_pending = clear_pending_2l,
	.unmask = unmask_2l,
	.is_pending = is_pending_2l,
	.is_masked = is_masked_2l,
	.print = print_2l,
};

void evtchn_2l_vcpu_info_moved(struct vcpu *v)
{
	/*
	 * A sender sets its pending bit before it looks for the vcpu_info. So whatever was put into
	 * the old record's selector is found when the guest scans all words.
	 */
	WRITE_ONCE(v->vcpu_info->evtchn_pending_sel, ~0UL);
	__atomic_store_n(&v->vcpu_info->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST);
	if (test_bit(VPF_blocked, &v->pause_flags))
		vcpu_unblock(v);
	vcpu_kick(v);
}
