/* Event channels, grants, timers and vCPUs used wrongly, and up to their limits. */
#include "guest.h"

static struct shared_info *si;

static long evtchn(unsigned int cmd, void *arg)
{
	return HYPERCALL(event_channel_op, cmd, arg);
}

static long close_port(evtchn_port_t port)
{
	struct evtchn_close c = { port };

	return evtchn(EVTCHNOP_close, &c);
}

static long alloc_port(evtchn_port_t *port, domid_t remote)
{
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = remote };
	long rc = evtchn(EVTCHNOP_alloc_unbound, &a);

	*port = a.port;
	return rc;
}

/* --- Ports --------------------------------------------------------------------------------------------- */

static void bad_ports(void)
{
	static const evtchn_port_t port[] = { 0, 1000, 4095, 4096, 131071, 131072, 0x7fffffff, 0x80000000, 0xffffffff };

	for (unsigned int i = 0; i < ARRAY_SIZE(port); i++) {
		struct evtchn_send send = { port[i] };
		struct evtchn_unmask unmask = { port[i] };
		struct evtchn_status status = { .dom = DOMID_SELF, .port = port[i] };
		struct evtchn_bind_vcpu vcpu = { port[i], 0 };
		struct evtchn_set_priority priority = { port[i], 0 };
		struct evtchn_bind_interdomain inter = { .remote_dom = DOMID_SELF, .remote_port = port[i] };

		expect_error("close", close_port(port[i]));
		expect_error("send", evtchn(EVTCHNOP_send, &send));
		expect_error("bind vcpu", evtchn(EVTCHNOP_bind_vcpu, &vcpu));
		expect_error("set priority", evtchn(EVTCHNOP_set_priority, &priority));
		expect_error("bind interdomain", evtchn(EVTCHNOP_bind_interdomain, &inter));
		evtchn(EVTCHNOP_unmask, &unmask);
		evtchn(EVTCHNOP_status, &status);
	}
}

static void bad_bindings(void)
{
	static const u32 bad[] = { 24, 64, 0x7fffffff, 0x80000001, 0xffffffff };

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		struct evtchn_bind_virq virq = { bad[i], 0, 0 }, vcpu = { VIRQ_TIMER, bad[i], 0 };
		struct evtchn_bind_ipi ipi = { bad[i], 0 };
		struct evtchn_bind_pirq pirq = { bad[i] | 0x10000, 0, 0 };
		struct evtchn_alloc_unbound other = { .dom = bad[i], .remote_dom = 0 };
		struct evtchn_init_control control = { .control_gfn = bad[i], .vcpu = 0 };

		expect_error("VIRQ", evtchn(EVTCHNOP_bind_virq, &virq));
		expect_error("VIRQ of a vCPU", evtchn(EVTCHNOP_bind_virq, &vcpu));
		expect_error("IPI", evtchn(EVTCHNOP_bind_ipi, &ipi));
		expect_error("PIRQ", evtchn(EVTCHNOP_bind_pirq, &pirq));
		expect_error("another domain's port", evtchn(EVTCHNOP_alloc_unbound, &other));
		expect_error("control block", evtchn(EVTCHNOP_init_control, &control));
	}
	struct evtchn_bind_virq global = { VIRQ_CONSOLE, 1, 0 };

	expect_error("global VIRQ on another vCPU", evtchn(EVTCHNOP_bind_virq, &global));
	for (unsigned int cmd = 15; cmd < 30; cmd++)
		expect_error("unknown operation", evtchn(cmd, &global));
	expect_error("operation 0xffffffff", evtchn(0xffffffff, &global));
}

static unsigned int fill(unsigned int limit)
{
	evtchn_port_t port, last = 0;
	unsigned int n = 0;
	long rc = 0;

	while (n < limit && (rc = alloc_port(&port, 0)) == 0) {
		n++;
		last = port;
	}
	check(n < limit && rc == -XEN_ENOSPC, "ports until there are no more", "%u, last %u, %ld", n, last, rc);
	return n;
}

static void exhaust(unsigned int limit)
{
	unsigned int n = fill(limit), closed = 0;
	evtchn_port_t port;

	for (port = 1; port < limit; port++)
		closed += close_port(port) == 0;
	check(closed >= n, "all closed", "%u of %u", closed, n);
	expect("a port again", alloc_port(&port, 0), 0);
	expect("closed", close_port(port), 0);
}

/* A channel to ourselves, closed from either end, and events while they are masked and not. */
static void own_channel(void)
{
	struct evtchn_bind_interdomain b = { .remote_dom = DOMID_SELF };
	struct evtchn_send send;
	evtchn_port_t port;

	alloc_port(&port, DOMID_SELF);
	b.remote_port = port;
	expect("bind to ourselves", evtchn(EVTCHNOP_bind_interdomain, &b), 0);
	expect_error("bind twice", evtchn(EVTCHNOP_bind_interdomain, &b));
	send.port = b.local_port;
	for (unsigned int i = 0; i < 1000; i++)
		evtchn(EVTCHNOP_send, &send);
	check(si->evtchn_pending[port / 64] >> port % 64 & 1, "event is pending", "port %u", port);
	expect("close one end", close_port(b.local_port), 0);
	expect_error("send from there", evtchn(EVTCHNOP_send, &send));
	expect("close the other", close_port(port), 0);
	expect_error("close it again", close_port(port));
}

/* The shortest of some waits: other work on the test machine may lengthen any one. */
static void polling_takes(u64 ns)
{
	u64 shortest = ~0UL;

	for (unsigned int i = 0; i < 50; i++) {
		u64 start = now(), took;
		struct sched_poll p = { .nr_ports = 0, .timeout = start + ns };

		HYPERCALL(sched_op, SCHEDOP_poll, &p);
		took = now() - start;
		shortest = took < shortest ? took : shortest;
	}
	check(shortest >= ns && shortest < ns + 2000000, "a wait", "%lu us for %lu", shortest / 1000, ns / 1000);
}

static void polling(void)
{
	struct sched_poll p = { .nr_ports = 0, .timeout = now() + 1000000 };
	static evtchn_port_t ports[128];
	u64 start = now();

	set_xen_guest_handle(p.ports, ports);
	expect("poll no ports until a time", HYPERCALL(sched_op, SCHEDOP_poll, &p), 0);
	check(now() - start < 1000000000, "it ends", "%lu us", (now() - start) / 1000);
	p.timeout = 1;
	expect("poll until a time in the past", HYPERCALL(sched_op, SCHEDOP_poll, &p), 0);
	p.nr_ports = 129;
	expect_error("poll too many", HYPERCALL(sched_op, SCHEDOP_poll, &p));
	p.nr_ports = 0xffffffff;
	expect_error("poll 0xffffffff", HYPERCALL(sched_op, SCHEDOP_poll, &p));
	p.nr_ports = 1;
	ports[0] = 0xffffffff;
	expect_error("poll a bad port", HYPERCALL(sched_op, SCHEDOP_poll, &p));
	set_xen_guest_handle(p.ports, (evtchn_port_t *)0xffff830000000000);
	expect_error("poll ports in the hypervisor", HYPERCALL(sched_op, SCHEDOP_poll, &p));
}

/* --- FIFO --------------------------------------------------------------------------------------------- */

static void fifo(void)
{
	u32 *control = page_alloc(), *array[4];
	struct evtchn_init_control c = { .control_gfn = virt_to_mfn(control), .vcpu = 0 };
	struct evtchn_expand_array e = { .array_gfn = virt_to_mfn(control) };
	evtchn_port_t port[64];
	struct evtchn_bind_interdomain b[32];
	u64 *table = table_alloc();

	expect_error("array before the control block", evtchn(EVTCHNOP_expand_array, &e));
	c.offset = 4;
	expect_error("control block misaligned", evtchn(EVTCHNOP_init_control, &c));
	c.offset = PAGE_SIZE - 8;
	expect_error("control block over the end", evtchn(EVTCHNOP_init_control, &c));
	c.offset = 0xfffffff8;
	expect_error("control block far away", evtchn(EVTCHNOP_init_control, &c));
	c.offset = 0;
	mmuext(MMUEXT_PIN_L1_TABLE, virt_to_mfn(table), 0);
	c.control_gfn = virt_to_mfn(table);
	expect_error("control block in a page table", evtchn(EVTCHNOP_init_control, &c));
	c.control_gfn = 0x200;
	expect_error("control block in the hypervisor", evtchn(EVTCHNOP_init_control, &c));
	c.control_gfn = virt_to_mfn(control);
	expect("control block", evtchn(EVTCHNOP_init_control, &c), 0);
	expect_error("control block again", evtchn(EVTCHNOP_init_control, &c));
	e.array_gfn = virt_to_mfn(table);
	expect_error("array in a page table", evtchn(EVTCHNOP_expand_array, &e));
	for (unsigned int i = 0; i < ARRAY_SIZE(array); i++) {
		array[i] = page_alloc();
		/* Junk from the start: all bits, links anywhere. */
		memset(array[i], i == 0 ? 0 : 0xff, PAGE_SIZE);
		e.array_gfn = virt_to_mfn(array[i]);
		expect("array page", evtchn(EVTCHNOP_expand_array, &e), 0);
		expect_error("array page as page table", mmuext(MMUEXT_PIN_L1_TABLE, e.array_gfn, 0));
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(b); i++) {
		b[i] = (struct evtchn_bind_interdomain){ .remote_dom = DOMID_SELF };
		alloc_port(&port[i], DOMID_SELF);
		b[i].remote_port = port[i];
		evtchn(EVTCHNOP_bind_interdomain, &b[i]);
	}
	/* Events, with words, links and heads that change in every wrong way. */
	u32 seed = 1;

	for (unsigned int round = 0; round < 200000; round++) {
		unsigned int i = (seed >> 8) % ARRAY_SIZE(b);
		struct evtchn_send send = { b[i].local_port };

		seed = seed * 1103515245 + 12345;
		array[0][port[(seed >> 12) % ARRAY_SIZE(b)]] = seed ^ seed << 16;
		control[(seed >> 20) % 18] = seed;
		if (round % 16 == 0) {
			struct evtchn_set_priority priority = { port[i], seed >> 16 & 15 };
			struct evtchn_unmask unmask = { port[i] };

			evtchn(EVTCHNOP_set_priority, &priority);
			evtchn(EVTCHNOP_unmask, &unmask);
		}
		evtchn(EVTCHNOP_send, &send);
	}
	check(true, "junk in the queues", "survived");
	exhaust(140000);
	struct evtchn_reset reset = { DOMID_SELF };

	expect("reset", evtchn(EVTCHNOP_reset, &reset), 0);
	expect_error("no FIFO any more", evtchn(EVTCHNOP_expand_array, &e));
	/* The pages come back, if not at once. */
	long rc = -1;

	memset(control, 0, PAGE_SIZE);
	page_set_flags(control, PTE_RO_);

	for (unsigned int i = 0; i < 200 && rc; i++) {
		struct sched_poll p = { .timeout = now() + 10000000 };

		HYPERCALL(sched_op, SCHEDOP_poll, &p);
		rc = mmuext(MMUEXT_PIN_L1_TABLE, virt_to_mfn(control), 0);
	}
	expect("control page as a page table after the reset", rc, 0);
}

/* --- Grants ------------------------------------------------------------------------------------------- */

static grant_entry_v1_t *grants;

static long gnttab(unsigned int cmd, void *arg, unsigned int count)
{
	return HYPERCALL(grant_table_op, cmd, arg, count);
}

static void grant_setup(void)
{
	unsigned long frames[4];
	struct gnttab_setup_table s = { .dom = DOMID_SELF, .nr_frames = 4 };

	set_xen_guest_handle(s.frame_list, frames);
	expect("grant table", gnttab(GNTTABOP_setup_table, &s, 1), 0);
	check(s.status == 0, "its status", "%d", s.status);
	grants = window_alloc();
	expect("table mapped", map_at(grants, pte(frames[0], PTE_KERN)), 0);
	s.nr_frames = 0xffffffff;
	gnttab(GNTTABOP_setup_table, &s, 1);
	check(s.status < 0, "too large a table", "%d", s.status);
}

static int map_grant(void *at, unsigned int ref, unsigned int flags, struct gnttab_map_grant_ref *m)
{
	*m = (struct gnttab_map_grant_ref){ .host_addr = (unsigned long)at, .flags = flags, .ref = ref, .dom = 0 };
	if (gnttab(GNTTABOP_map_grant_ref, m, 1))
		return -100;
	return m->status;
}

static int unmap_grant(u64 host, u64 dev, u32 handle)
{
	struct gnttab_unmap_grant_ref u = { host, dev, handle, 77 };

	if (gnttab(GNTTABOP_unmap_grant_ref, &u, 1))
		return -100;
	return u.status;
}

static void grant_to_self(void)
{
	u64 *page = page_alloc(), *at = window_alloc(), *other = window_alloc();
	unsigned long mfn = virt_to_mfn(page), own = virt_to_mfn(at);
	struct gnttab_map_grant_ref m;
	int status;

	grants[9] = (grant_entry_v1_t){ GTF_permit_access, 0, mfn };
	grants[10] = (grant_entry_v1_t){ GTF_permit_access | GTF_readonly, 0, mfn };
	grants[11] = (grant_entry_v1_t){ GTF_permit_access, 0, root_mfn() };
	grants[12] = (grant_entry_v1_t){ GTF_permit_access, 0, 0x200 };
	grants[13] = (grant_entry_v1_t){ GTF_permit_access, 0, 0xffffffff };
	grants[14] = (grant_entry_v1_t){ GTF_transitive, 0, mfn };
	grants[15] = (grant_entry_v1_t){ GTF_permit_access, 5, mfn };
	for (unsigned int ref = 8; ref < 17; ref++) {
		for (unsigned int flags = 0; flags < 64; flags++) {
			u64 host = flags & GNTMAP_contains_pte ? entry_maddr(at, 1) : (unsigned long)at;

			status = map_grant((void *)host, ref, flags, &m);
			if (ref >= 11 && ref != 11 && status == 0)
				check(false, "grant that must not map", "ref %u flags %x", ref, flags);
			if (ref == 11 && status == 0 && !(flags & GNTMAP_readonly))
				check(false, "page table by a writable grant", "flags %x", flags);
			if (status == 0 && flags & GNTMAP_host_map && ref <= 10) {
				if (map_at(other, pte(own, PTE_RO_)) == 0)
					map_at(other, 0);
				if (try_write(at, 0x55aa) == NO_TRAP && (flags & GNTMAP_readonly))
					check(false, "write through a read-only grant", "flags %x", flags);
			}
			if (status)
				continue;
			status = unmap_grant(flags & GNTMAP_host_map ? host : 0,
				flags & GNTMAP_device_map ? m.dev_bus_addr : 0, m.handle);
			if (status)
				check(false, "unmap", "ref %u flags %x: %d", ref, flags, status);
		}
	}
	check(true, "grants with all flags", "done");
	map_at(at, pte(own, PTE_KERN));

	/* Addresses and handles. */
	status = map_grant((void *)0xffff830000000000, 9, GNTMAP_host_map, &m);
	check(status < 0, "map over the hypervisor", "%d", status);
	status = map_grant((void *)0x8000000000000000, 9, GNTMAP_host_map, &m);
	check(status < 0, "map at a non-canonical address", "%d", status);
	status = map_grant((void *)(0x200000), 9, GNTMAP_host_map | GNTMAP_contains_pte, &m);
	check(status < 0, "entry in the hypervisor", "%d", status);
	status = map_grant((void *)(root_mfn() * PAGE_SIZE), 9, GNTMAP_host_map | GNTMAP_contains_pte, &m);
	check(status < 0, "entry in an L4", "%d", status);
	status = map_grant((void *)(mfn * PAGE_SIZE), 9, GNTMAP_host_map | GNTMAP_contains_pte, &m);
	check(status < 0, "entry in a plain page", "%d", status);
	status = map_grant(at, 0x7fffffff, GNTMAP_host_map, &m);
	check(status < 0, "ref out of range", "%d", status);
	status = unmap_grant((unsigned long)at, 0, 0x7fffffff);
	check(status < 0, "unmap a bad handle", "%d", status);
	expect_error("unknown operation", gnttab(77, &m, 1));
	expect_error("negative count", gnttab(GNTTABOP_map_grant_ref, &m, 0xffffffff));

	/* A mapping that is overwritten, unmapped at the wrong place, replaced by itself. */
	expect("map", map_grant(at, 9, GNTMAP_host_map, &m), 0);
	expect_error("granted page as page table", mmuext(MMUEXT_PIN_L1_TABLE, mfn, 0));
	status = unmap_grant((unsigned long)other, 0, m.handle);
	check(status < 0, "unmap elsewhere", "%d", status);

	struct gnttab_unmap_and_replace r = { .host_addr = (unsigned long)at, .new_addr = (unsigned long)at,
		.handle = m.handle };
	u64 before = *entry_of(at, 1);

	gnttab(GNTTABOP_unmap_and_replace, &r, 1);
	if (r.status == 0)
		check(!(*entry_of(at, 1) & PTE_P), "replace by itself leaves no mapping", "%lx", *entry_of(at, 1));
	else
		check(*entry_of(at, 1) == before, "replace by itself is refused", "%d", r.status);
	if (r.status)
		expect("unmap", unmap_grant((unsigned long)at, 0, m.handle), 0);
	status = unmap_grant((unsigned long)at, 0, m.handle);
	check(status < 0, "unmap twice", "%d", status);
	expect("map again", map_grant(at, 9, GNTMAP_host_map, &m), 0);
	expect("overwrite the mapping", map_at(at, pte(own, PTE_KERN)), 0);
	status = unmap_grant((unsigned long)at, 0, m.handle);
	print("note: unmap what is overwritten: %d\n", status);
}

static void grant_copies(void)
{
	u8 *page = page_alloc();
	struct gnttab_copy c;
	static const u16 length[] = { 0, 1, 4095, 4096, 4097, 65535 };
	static const unsigned long frame[] = { 0x200, 0, ~0UL, 0x7ffffffff };

	for (unsigned int i = 0; i < ARRAY_SIZE(length); i++) {
		c = (struct gnttab_copy){ .source.u.gmfn = virt_to_mfn(page), .source.domid = DOMID_SELF,
			.dest.u.gmfn = virt_to_mfn(page), .dest.domid = DOMID_SELF, .dest.offset = 1, .len = length[i] };
		gnttab(GNTTABOP_copy, &c, 1);
		if (length[i] > 4095)
			check(c.status < 0, "copy over the page's end", "%d", c.status);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(frame); i++) {
		c = (struct gnttab_copy){ .source.u.gmfn = virt_to_mfn(page), .source.domid = DOMID_SELF,
			.dest.u.gmfn = frame[i], .dest.domid = DOMID_SELF, .len = 16 };
		gnttab(GNTTABOP_copy, &c, 1);
		check(c.status < 0, "copy into another's frame", "%d", c.status);
		c.source.u.gmfn = frame[i];
		c.dest.u.gmfn = virt_to_mfn(page);
		gnttab(GNTTABOP_copy, &c, 1);
		check(c.status < 0, "copy out of another's frame", "%d", c.status);
	}
	c = (struct gnttab_copy){ .source.u.gmfn = virt_to_mfn(page), .source.domid = DOMID_SELF,
		.dest.u.gmfn = root_mfn(), .dest.domid = DOMID_SELF, .len = 16 };
	gnttab(GNTTABOP_copy, &c, 1);
	check(c.status < 0, "copy into a page table", "%d", c.status);
}

/* --- Timers and vCPUs ----------------------------------------------------------------------------------- */

static void timers(void)
{
	static const long when[] = { 0, 1, -1, 0x7fffffffffffffff, 0x4000000000000000, -0x7fffffffffffffff - 1 };

	for (unsigned int i = 0; i < ARRAY_SIZE(when); i++) {
		struct vcpu_set_singleshot_timer s = { when[i], 0 }, future = { when[i], VCPU_SSHOTTMR_future },
			flags = { when[i], 0xffffffff };
		struct vcpu_set_periodic_timer p = { when[i] };

		HYPERCALL(set_timer_op, when[i]);
		HYPERCALL(vcpu_op, VCPUOP_set_singleshot_timer, 0, &s);
		HYPERCALL(vcpu_op, VCPUOP_set_singleshot_timer, 0, &future);
		HYPERCALL(vcpu_op, VCPUOP_set_singleshot_timer, 0, &flags);
		HYPERCALL(vcpu_op, VCPUOP_set_periodic_timer, 0, &p);
		HYPERCALL(vcpu_op, VCPUOP_set_periodic_timer, 1, &p);
		HYPERCALL(vcpu_op, VCPUOP_stop_periodic_timer, 1, NULL);
		HYPERCALL(vcpu_op, VCPUOP_stop_periodic_timer, 0, NULL);
		HYPERCALL(sched_op, SCHEDOP_yield, NULL);
	}
	HYPERCALL(vcpu_op, VCPUOP_stop_singleshot_timer, 0, NULL);
	struct vcpu_set_periodic_timer fast = { 1 };

	expect_error("a period of 1 ns", HYPERCALL(vcpu_op, VCPUOP_set_periodic_timer, 0, &fast));
	/* Timers really fire. */
	struct evtchn_bind_virq b = { VIRQ_TIMER, 0, 0 };
	struct sched_poll poll = { .nr_ports = 1 };

	expect("timer's VIRQ", evtchn(EVTCHNOP_bind_virq, &b), 0);
	expect_error("bound twice", evtchn(EVTCHNOP_bind_virq, &b));
	HYPERCALL(set_timer_op, now() + 2000000);
	set_xen_guest_handle(poll.ports, &b.port);
	poll.timeout = now() + 2000000000;
	HYPERCALL(sched_op, SCHEDOP_poll, &poll);
	check(si->evtchn_pending[0] >> b.port & 1, "a timer fires", "port %u", b.port);
	si->evtchn_pending[0] = 0;
	expect("close it", close_port(b.port), 0);
}

static void vcpu_ids(void)
{
	static const u32 bad[] = { 2, 32, 8192, 0x7fffffff, 0x80000000, 0xffffffff };

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++)
		for (unsigned int cmd = 0; cmd <= 14; cmd++) {
			long rc = HYPERCALL(vcpu_op, cmd, bad[i], bad);

			check(rc < 0, "vCPU that is not there", "%u(%x): %ld", cmd, bad[i], rc);
		}
	expect_error("initialise what runs", HYPERCALL(vcpu_op, VCPUOP_initialise, 0, pfn_to_virt(0x100)));
	expect("is up", HYPERCALL(vcpu_op, VCPUOP_is_up, 0, NULL), 1);
	expect("up when it is up", HYPERCALL(vcpu_op, VCPUOP_up, 0, NULL), 0);
}

static void vcpu_areas(void)
{
	static const unsigned long bad[] = { 0xffff830000000000, 0x8000000000000000, -8UL, 0, 0x700000000000 };
	struct vcpu_register_vcpu_info info = { .mfn = 0x200 };

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		struct vcpu_register_runstate_memory_area r = { .addr.p = bad[i] };
		struct vcpu_register_time_memory_area t = { .addr.p = bad[i] };

		HYPERCALL(vcpu_op, VCPUOP_register_runstate_memory_area, 0, &r);
		HYPERCALL(vcpu_op, VCPUOP_register_vcpu_time_memory_area, 0, &t);
		HYPERCALL(sched_op, SCHEDOP_yield, NULL);
	}
	/* Into a page table: the hypervisor writes as the guest would, which is not at all. */
	struct vcpu_register_runstate_memory_area table = { .addr.p = start_info->pt_base + 8 * 100 };

	HYPERCALL(vcpu_op, VCPUOP_register_runstate_memory_area, 0, &table);
	struct sched_poll p = { .nr_ports = 0, .timeout = now() + 1000000 };

	HYPERCALL(sched_op, SCHEDOP_poll, &p);
	check(((u64 *)start_info->pt_base)[101] == 0, "no times in a page table", "%lx",
		((u64 *)start_info->pt_base)[101]);
	table.addr.p = 0;
	HYPERCALL(vcpu_op, VCPUOP_register_runstate_memory_area, 0, &table);
	expect_error("vcpu_info in the hypervisor", HYPERCALL(vcpu_op, VCPUOP_register_vcpu_info, 1, &info));
	info.mfn = root_mfn();
	expect_error("vcpu_info in a page table", HYPERCALL(vcpu_op, VCPUOP_register_vcpu_info, 1, &info));
	info.mfn = virt_to_mfn(page_alloc());
	info.offset = 4090;
	expect_error("vcpu_info over the end", HYPERCALL(vcpu_op, VCPUOP_register_vcpu_info, 1, &info));
	info.offset = 0xfffffff8;
	expect_error("vcpu_info far away", HYPERCALL(vcpu_op, VCPUOP_register_vcpu_info, 1, &info));
	info.offset = 3;
	print("note: vcpu_info misaligned: %ld\n", HYPERCALL(vcpu_op, VCPUOP_register_vcpu_info, 1, &info));
}

static void never(void *unused)
{
	print("FAIL a vCPU with a junk context runs\n");
}

static void vcpu_contexts(void)
{
	static struct vcpu_guest_context good, c;

	vcpu_context_fill(&good, 1, never, NULL);
	expect_error("up before it is initialised", HYPERCALL(vcpu_op, VCPUOP_up, 1, NULL));
#define REFUSE(name, change)                                                                                          \
	do {                                                                                                          \
		c = good;                                                                                             \
		change;                                                                                               \
		expect_error(name, HYPERCALL(vcpu_op, VCPUOP_initialise, 1, &c));                                     \
	} while (0)
	REFUSE("root 0", c.ctrlreg[3] = 0);
	REFUSE("root in the hypervisor", c.ctrlreg[3] = 0x200000);
	REFUSE("root far away", c.ctrlreg[3] = ~0UL);
	REFUSE("root that is an L1", c.ctrlreg[3] = entry_maddr(&good, 1) & ~(PAGE_SIZE - 1));
	REFUSE("writable page as root", c.ctrlreg[3] = virt_to_mfn(&good) * PAGE_SIZE);
	REFUSE("user root in the hypervisor", c.ctrlreg[1] = 0x200000 | 1);
	REFUSE("user mode without page tables", c.flags = 0);
	REFUSE("GDT of all ones", c.gdt_ents = ~0UL);
	REFUSE("GDT frames 0", c.gdt_ents = 512);
	REFUSE("GDT in the hypervisor", (c.gdt_ents = 512, c.gdt_frames[0] = 0x200));
	REFUSE("GDT in a page table", (c.gdt_ents = 512, c.gdt_frames[0] = root_mfn()));
	REFUSE("LDT in the hypervisor", (c.ldt_ents = 512, c.ldt_base = 0xffff830000000000));
	REFUSE("LDT too big", c.ldt_ents = 10000);
	REFUSE("non-canonical rip", c.user_regs.rip = 0x8000000000000000);
	REFUSE("non-canonical event callback", c.event_callback_eip = 0x8000000000000000);
	REFUSE("non-canonical syscall callback", c.syscall_callback_eip = 0x8000000000000000);
	REFUSE("non-canonical handler", c.trap_ctxt[5].address = 0x8000000000000000);
	REFUSE("non-canonical FS base", c.fs_base = 0x8000000000000000);
}

/* Junk that a kernel may have: it concerns only itself, and ends it. */
static void junk_context(void)
{
	static struct vcpu_guest_context c;
	u64 *root = root_clone();

	vcpu_context_fill(&c, 1, never, NULL);
	memset(&c.fpu_ctxt, 0xff, sizeof(c.fpu_ctxt));
	c.flags = ~0UL & ~(1UL << 5);
	c.user_regs.cs = 0xe008;
	c.user_regs.ss = 0xe010;
	c.user_regs.ds = c.user_regs.es = c.user_regs.fs = c.user_regs.gs = 0xe040;
	c.user_regs.rflags = ~0UL;
	c.debugreg[0] = c.debugreg[7] = ~0UL;
	c.ctrlreg[0] = c.ctrlreg[4] = ~0UL;
	c.ctrlreg[3] = virt_to_mfn(root) * PAGE_SIZE;
	c.user_regs.rip = (unsigned long)pfn_to_virt(0);
	c.kernel_sp = 0;
	c.failsafe_callback_eip = 0;
	memset(c.trap_ctxt, 0, sizeof(c.trap_ctxt));
	print("case junk_context: %ld\n", HYPERCALL(vcpu_op, VCPUOP_initialise, 1, &c));
	HYPERCALL(vcpu_op, VCPUOP_up, 1, NULL);
	for (u64 end = now() + 1000000000; now() < end;)
		HYPERCALL(sched_op, SCHEDOP_yield, NULL);
	print("FAIL survived\n");
}

/* Registers of the FPU that no CPU accepts: the vCPU starts with proper ones. */
static volatile u32 control_words[2];

static void read_fpu(void *unused)
{
	u32 mxcsr;
	u16 fcw;

	__asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(mxcsr), "=m"(fcw));
	control_words[1] = fcw;
	control_words[0] = mxcsr;
}

static void junk_fpu(void)
{
	static struct vcpu_guest_context c;

	vcpu_context_fill(&c, 1, read_fpu, NULL);
	((struct guest_vcpu *)((c.user_regs.rsp - 1) & ~(STACK_SIZE - 1)))->id = 1;
	c.flags |= VGCF_I387_VALID;
	memset(&c.fpu_ctxt, 0xff, sizeof(c.fpu_ctxt));
	expect("initialise with a junk FPU", HYPERCALL(vcpu_op, VCPUOP_initialise, 1, &c), 0);
	expect_error("initialise again", HYPERCALL(vcpu_op, VCPUOP_initialise, 1, &c));
	expect("up", HYPERCALL(vcpu_op, VCPUOP_up, 1, NULL), 0);
	for (u64 end = now() + 2000000000; now() < end && !control_words[0];)
		HYPERCALL(sched_op, SCHEDOP_yield, NULL);
	check(control_words[0] != 0, "it runs", "mxcsr %x, control word %x", control_words[0], control_words[1]);
}

void guest_main(void)
{
	char which[20];

	si = shared_info;
	if (*option_word("case", which, sizeof(which))) {
		junk_context();
		return;
	}
	bad_ports();
	bad_bindings();
	exhaust(5000);
	own_channel();
	polling();
	polling_takes(1000000);
	polling_takes(10000000);
	grant_setup();
	grant_to_self();
	grant_copies();
	timers();
	vcpu_ids();
	vcpu_areas();
	vcpu_contexts();
	junk_fpu();
	fifo();
}
