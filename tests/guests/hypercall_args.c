/* Every hypercall with senseless arguments: an error or a success without harm, and soon. */
#include "guest.h"

#define HOLE          0xffff830000001000UL
#define NON_CANONICAL 0x0000900000001000UL
#define SECOND        1000000000UL

static u8 *zero, *ones, *scratch; /* read-only, read-only, writable */
static u64 longest;
static unsigned long calls;

static const unsigned long numbers[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22,
	23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 0x7ff0, 0x7ff1, 0x7fffffff, 0x80000000,
	0xffffffff, ~0UL };

/* Calls that end or suspend the run by their nature, or fill the console. */
static bool harmful(unsigned long nr, unsigned long a, const void *p)
{
	bool readable = p == zero || p == ones || ((u8 *)p >= scratch && (u8 *)p < scratch + PAGE_SIZE);

	switch (nr) {
	case __HYPERVISOR_iret:
		return true;
	case __HYPERVISOR_sched_op:
	case __HYPERVISOR_sched_op_compat:
		return (u32)a == SCHEDOP_block || (readable && (u32)a <= SCHEDOP_watchdog) ||
			(nr == __HYPERVISOR_sched_op_compat && (u32)a == SCHEDOP_shutdown);
	case __HYPERVISOR_vcpu_op:
		return (u32)a == VCPUOP_down;
	case __HYPERVISOR_console_io:
		return true;
	default:
		return false;
	}
}

/* One call; false when it took long or changed what it must not. */
static bool one(unsigned long nr, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
	u64 start = now(), time;
	unsigned int trap = TRY(HYPERCALL_NR(nr, a, b, c, d, d, d));
	bool ok = true;

	time = now() - start;
	calls++;
	state_restore();
	if (time > longest)
		longest = time;
	if (time > SECOND)
		ok = check(false, "time", "%lu(%lx, %lx, %lx, %lx): %lu us", nr, a, b, c, d, time / 1000);
	if (trap != NO_TRAP && trap != 2 && trap != TRAP_DB)
		ok = check(false, "trap", "%lu(%lx, %lx, %lx, %lx): %u", nr, a, b, c, d, trap);
	page_set_flags(zero, PTE_RO_);
	page_set_flags(ones, PTE_RO_);
	page_set_flags(scratch, PTE_KERN);
	for (unsigned int i = 0; i < 64 && ok; i++)
		if (zero[i] != 0 || ones[i] != 0xff)
			ok = check(false, "read-only pages", "%lu(%lx, %lx, %lx, %lx) changed one", nr, a, b, c, d);
	return ok;
}

static void all_numbers(void)
{
	const void *pointers[] = { NULL, (void *)1, scratch + 1, scratch + PAGE_SIZE - 4, (void *)-8UL, (void *)-1UL,
		(void *)HOLE, (void *)(HYPERVISOR_VIRT_START - 16), (void *)HYPERVISOR_VIRT_START,
		(void *)HYPERVISOR_VIRT_END, (void *)NON_CANONICAL, (void *)0x7ffffffffff8, zero, ones };
	char name[] = "hypercall 00";

	for (unsigned long nr = 0; nr < 64; nr++) {
		bool ok = true;

		for (unsigned int i = 0; i < ARRAY_SIZE(numbers); i++) {
			for (unsigned int j = 0; j < ARRAY_SIZE(pointers); j++) {
				unsigned long n = numbers[i], p = (unsigned long)pointers[j];

				if (harmful(nr, n, pointers[j]) || harmful(nr, p, pointers[j]))
					continue;
				ok &= one(nr, n, p, p, n);
				ok &= one(nr, p, n, p, p);
				ok &= one(nr, n, 0x7fffffff, p, p);
				ok &= one(nr, n, p, 0xffffffff, DOMID_SELF);
				ok &= one(nr, p, 0x7fffffff, 0, DOMID_SELF);
				ok &= one(nr, p, 0xffffffff, p, DOMID_SELF);
			}
		}
		name[10] = '0' + nr / 10;
		name[11] = '0' + nr % 10;
		check(ok, name, "%s", ok ? "no harm" : "see above");
	}
	print("note: %lu calls, the longest took %lu us\n", calls, longest / 1000);
}

/* --- Calls that must tell a bad address from a good one ------------------------------------------------------ */

static void bad_addresses(void)
{
	static const struct {
		const char *name;
		unsigned int nr, cmd;
	} call[] = {
		{ "machine memory map", __HYPERVISOR_memory_op, XENMEM_machine_memory_map },
		{ "exchange", __HYPERVISOR_memory_op, XENMEM_exchange },
		{ "machphys mapping", __HYPERVISOR_memory_op, XENMEM_machphys_mapping },
		{ "extraversion", __HYPERVISOR_xen_version, 1 },
		{ "capabilities", __HYPERVISOR_xen_version, 3 },
		{ "features", __HYPERVISOR_xen_version, 6 },
		{ "alloc_unbound", __HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound },
		{ "bind_virq", __HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq },
		{ "event send", __HYPERVISOR_event_channel_op, EVTCHNOP_send },
		{ "poll", __HYPERVISOR_sched_op, SCHEDOP_poll },
		{ "shutdown", __HYPERVISOR_sched_op, SCHEDOP_shutdown },
		{ "watchdog", __HYPERVISOR_sched_op, SCHEDOP_watchdog },
		{ "callback", __HYPERVISOR_callback_op, CALLBACKOP_register },
	};
	static const unsigned long bad[] = { HOLE, NON_CANONICAL, 0, -8UL, HYPERVISOR_VIRT_END - 1,
		HYPERVISOR_VIRT_START - 1 };

	for (unsigned int i = 0; i < ARRAY_SIZE(call); i++)
		for (unsigned int j = 0; j < ARRAY_SIZE(bad); j++)
			expect(call[i].name, HYPERCALL_NR(call[i].nr, call[i].cmd, bad[j]), -XEN_EFAULT);
	expect("capabilities into read-only memory", HYPERCALL(xen_version, 3, zero), -XEN_EFAULT);
	expect("capabilities into the M2P table", HYPERCALL(xen_version, 3, MACH2PHYS_VIRT_START), -XEN_EFAULT);
	expect("trap table", HYPERCALL(set_trap_table, HOLE), -XEN_EFAULT);
	expect("console from the hypervisor", HYPERCALL(console_io, CONSOLEIO_write, 16, HOLE), -XEN_EFAULT);
	expect("console to read-only memory", HYPERCALL(console_io, CONSOLEIO_read, 0, zero), 0);
	expect_error("console command", HYPERCALL(console_io, 7, 16, scratch));
	expect("console beyond", HYPERCALL(console_io, CONSOLEIO_write, 0xffffffff, HOLE), -XEN_EFAULT);
}

/* --- Multicalls ------------------------------------------------------------------------------------------------ */

static void multicalls(void)
{
	static struct multicall_entry call[4];
	struct multicall_entry *end = (struct multicall_entry *)(scratch + PAGE_SIZE) - 2;
	unsigned long rc;

	call[0] = (struct multicall_entry){ .op = __HYPERVISOR_multicall, .args = { (unsigned long)call, 4 } };
	call[1] = (struct multicall_entry){ .op = option("no_iret", 0) ? 77 : __HYPERVISOR_iret };
	call[2] = (struct multicall_entry){ .op = 1UL << 32 | __HYPERVISOR_xen_version };
	call[3] = (struct multicall_entry){ .op = 77 };
	expect("calls that cannot be in a batch", HYPERCALL(multicall, call, 4), 0);
	expect("nested multicall", call[0].result, -XEN_EINVAL);
	expect("iret", call[1].result, -XEN_ENOSYS);
	expect("unknown call", call[3].result, -XEN_ENOSYS);
	expect("number with an upper half", call[2].result, -XEN_ENOSYS);
	expect("no calls", HYPERCALL(multicall, call, 0), 0);
	expect("calls in the hypervisor", HYPERCALL(multicall, HOLE, 4), -XEN_EFAULT);
	expect("calls at a bad address", HYPERCALL(multicall, NON_CANONICAL, 4), -XEN_EFAULT);
	expect("calls in read-only memory", HYPERCALL(multicall, zero, 1), -XEN_EFAULT);
	memset(end, 0, sizeof(*end) * 2);
	end[0].op = end[1].op = __HYPERVISOR_xen_version;
	expect("calls up to the end of memory", HYPERCALL(multicall, end, 0x7fffffff), -XEN_EFAULT);
	rc = end[0].result;
	check(rc >> 16 == 4, "those before it are done", "%lx", rc);
	expect("rax with an upper half", HYPERCALL_NR(1UL << 32 | __HYPERVISOR_xen_version, 0, 0), -XEN_ENOSYS);
	expect("number 64", HYPERCALL_NR(64, 0), -XEN_ENOSYS);
	expect("number 63", HYPERCALL_NR(63, 0), -XEN_ENOSYS);
	expect("number 0x7fffffff", HYPERCALL_NR(0x7fffffff, 0), -XEN_ENOSYS);
	expect("number 0xffffffff", HYPERCALL_NR(0xffffffff, 0), -XEN_ENOSYS);
	expect("number all ones", HYPERCALL_NR(~0UL, 0), -XEN_ENOSYS);
}

void guest_main(void)
{
	zero = page_alloc();
	ones = page_alloc();
	scratch = page_alloc();
	/* Calls that go on behind it do not get at our variables. */
	page_set_flags(page_alloc(), 0);
	memset(ones, 0xff, PAGE_SIZE);
	page_set_flags(zero, PTE_RO_);
	page_set_flags(ones, PTE_RO_);
	bad_addresses();
	multicalls();
	all_numbers();
}
