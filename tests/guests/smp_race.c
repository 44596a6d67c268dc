/*
 * Two vCPUs change the types, mappings and contents of the same few pages at once, by every way there is, for
 * seconds=N. Then everything is undone: no reference may be left, so each page can be exchanged for another.
 */
#include "guest.h"

#define PAGES 6

static volatile bool stop, second_done;
static volatile unsigned long mfns[PAGES];
static u64 *alias[2][PAGES];       /* addresses at which each vCPU maps them */
static u64 *alias_entry[2][PAGES]; /* their entries: stores there are emulated */
static unsigned long alias_maddr[2][PAGES];
static unsigned long given_back[100000];
static unsigned int nr_given_back;
static unsigned long ops[2], hits[2];

static u64 rng_next(u64 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* An entry for one of the pages, or nothing, or nonsense. */
static u64 random_entry(u64 *rng)
{
	static const u64 flags[] = { PTE_KERN, PTE_KERN, PTE_RO_, PTE_RO_, PTE_KERN | PTE_NX, PTE_KERN | 1UL << 52,
		PTE_KERN | 0x100, PTE_RO_ | PTE_PSE };

	switch (rng_next(rng) % 8) {
	case 0:
	case 1:
		return 0;
	case 2:
		return *rng & ~PTE_P;
	default:
		return pte(mfns[rng_next(rng) % PAGES], flags[rng_next(rng) % ARRAY_SIZE(flags)]);
	}
}

static void load_selector(unsigned int sel)
{
	TRY(__asm__ volatile("mov %w0, %%es\n\tmov %w1, %%es" : : "r"(sel), "r"(0)));
}

/* --- Operations ------------------------------------------------------------------------------------------ */

static long change_mapping(unsigned int me, u64 *rng)
{
	unsigned int whose = rng_next(rng) % 2, i = rng_next(rng) % PAGES;
	u64 entry = random_entry(rng);

	switch (rng_next(rng) % 3) {
	case 0:
		return HYPERCALL(update_va_mapping, alias[whose][i], entry,
			rng_next(rng) % 2 ? UVMF_INVLPG | UVMF_ALL : UVMF_TLB_FLUSH | UVMF_LOCAL);
	case 1:
		return mmu_update(alias_maddr[whose][i] | (rng_next(rng) % 2 ? MMU_PT_UPDATE_PRESERVE_AD : 0), entry);
	default:
		return TRY(*(volatile u64 *)alias_entry[whose][i] = entry) == NO_TRAP ? 0 : -1;
	}
}

static long change_contents(unsigned int me, u64 *rng)
{
	unsigned int i = rng_next(rng) % PAGES, at = rng_next(rng) % 4 * 100;
	u64 entry = random_entry(rng);
	u64 *p = &alias[me][i][at];

	switch (rng_next(rng) % 5) {
	case 0:
		return mmu_update(mfns[i] * PAGE_SIZE + at * 8, entry);
	case 1:
		return TRY(__atomic_exchange_n(p, entry, __ATOMIC_SEQ_CST)) == NO_TRAP ? 0 : -1;
	case 2:
		return TRY(__asm__ volatile("lock andq %1, %0" : "+m"(*p) : "r"(entry))) == NO_TRAP ? 0 : -1;
	case 3:
		return mmuext(rng_next(rng) % 2 ? MMUEXT_CLEAR_PAGE : MMUEXT_COPY_PAGE, mfns[i],
			mfns[rng_next(rng) % PAGES]);
	default:
		return TRY(*(volatile u64 *)p = entry) == NO_TRAP ? 0 : -1;
	}
}

static long change_type(unsigned int me, u64 *rng)
{
	unsigned long mfn = mfns[rng_next(rng) % PAGES];
	long rc;

	switch (rng_next(rng) % 8) {
	case 0:
	case 1:
	case 2:
		return mmuext(MMUEXT_PIN_L1_TABLE + rng_next(rng) % 4, mfn, 0);
	case 3:
	case 4:
		return mmuext(MMUEXT_UNPIN_TABLE, mfn, 0);
	case 5:
		rc = HYPERCALL(set_gdt, &mfn, rng_next(rng) % 2 * 512);
		load_selector(rng_next(rng) & 0xfff);
		return rc;
	case 6:
		rc = mmuext(MMUEXT_SET_LDT, (unsigned long)alias[me][rng_next(rng) % PAGES], rng_next(rng) % 2 * 512);
		load_selector((rng_next(rng) & 0xfff) | 4);
		return rc;
	default:
		return mmuext(MMUEXT_NEW_USER_BASEPTR, rng_next(rng) % 2 ? mfn : 0, 0);
	}
}

static long exchange(unsigned int i)
{
	static unsigned long in[2], out[2];
	unsigned int me = this_vcpu()->id;
	struct xen_memory_exchange x = { .in = { .nr_extents = 1, .domid = DOMID_SELF },
		.out = { .nr_extents = 1, .domid = DOMID_SELF } };
	long rc;

	in[me] = mfns[i];
	out[me] = max_pfn() + i; /* no pfn of ours: the table of the kernel stays as it is */
	set_xen_guest_handle(x.in.extent_start, &in[me]);
	set_xen_guest_handle(x.out.extent_start, &out[me]);
	rc = HYPERCALL(memory_op, XENMEM_exchange, &x);
	if (rc == 0)
		mfns[i] = out[me];
	return rc;
}

/* Give a page back, perhaps while it is in use everywhere, and take another. */
static long renew(u64 *rng)
{
	unsigned int i = rng_next(rng) % PAGES;
	unsigned long mfn = mfns[i];
	struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };

	/* Only one of the two: they would lose count of the pages. */
	if (this_vcpu()->id || nr_given_back == ARRAY_SIZE(given_back))
		return 0;
	if (rng_next(rng) % 2)
		return exchange(i);
	set_xen_guest_handle(r.extent_start, &mfn);
	if (HYPERCALL(memory_op, XENMEM_decrease_reservation, &r) != 1)
		return -1;
	/* It may be pinned, and hold on to others. */
	given_back[nr_given_back++] = mfn;
	mfn = max_pfn() + i;
	if (HYPERCALL(memory_op, XENMEM_populate_physmap, &r) != 1) {
		print("FAIL no page for the one given back\n");
		finish();
	}
	mfns[i] = mfn;
	return 0;
}

/* Each other's ticks, set by both at once; nobody takes them as events. */
static long set_ticks(unsigned int me, u64 *rng)
{
	struct vcpu_set_periodic_timer p = { .period_ns = 1000000 + rng_next(rng) % 1000000 };

	return rng_next(rng) % 2 ? HYPERCALL(vcpu_op, VCPUOP_set_periodic_timer, !me, &p)
				 : HYPERCALL(vcpu_op, VCPUOP_stop_periodic_timer, !me, NULL);
}

static void race(void *seed)
{
	unsigned int me = this_vcpu()->id;
	u64 rng = (u64)seed;

	while (!stop) {
		long rc;

		switch (rng_next(&rng) % 17) {
		case 0 ... 5:
			rc = change_mapping(me, &rng);
			break;
		case 6 ... 9:
			rc = change_contents(me, &rng);
			break;
		case 10 ... 14:
			rc = change_type(me, &rng);
			break;
		case 15:
			rc = set_ticks(me, &rng);
			break;
		default:
			rc = renew(&rng);
		}
		ops[me]++;
		hits[me] += rc >= 0;
	}
	/* What belongs to a vCPU itself. */
	HYPERCALL(set_gdt, NULL, 0);
	mmuext(MMUEXT_SET_LDT, 0, 0);
	mmuext(MMUEXT_NEW_USER_BASEPTR, 0, 0);
	if (me)
		second_done = true;
}

/* --- Around them ----------------------------------------------------------------------------------------- */

static void setup(void)
{
	for (unsigned int i = 0; i < PAGES; i++) {
		void *page = page_alloc();

		mfns[i] = virt_to_mfn(page);
		map_at(page, 0);
		for (unsigned int me = 0; me < 2; me++) {
			alias[me][i] = window_alloc();
			alias_entry[me][i] = entry_of(alias[me][i], 1);
			alias_maddr[me][i] = entry_maddr(alias[me][i], 1);
			map_at(alias[me][i], pte(mfns[i], PTE_KERN));
		}
	}
}

static void undo(void)
{
	unsigned int again = 0;

	for (unsigned int i = 0; i < PAGES; i++)
		for (unsigned int me = 0; me < 2; me++)
			expect("mapping goes", map_at(alias[me][i], 0), 0);
	for (unsigned int i = 0; i < PAGES; i++)
		if (mmuext(MMUEXT_UNPIN_TABLE, mfns[i], 0) == 0)
			again++;
	for (unsigned int i = 0; i < nr_given_back; i++)
		if (mmuext(MMUEXT_UNPIN_TABLE, given_back[i], 0) == 0)
			again++;
	print("note: %u pages were pinned at the end\n", again);
	for (unsigned int i = 0; i < PAGES; i++) {
		expect_error("nothing is pinned", mmuext(MMUEXT_UNPIN_TABLE, mfns[i], 0));
		expect("page is writable", map_at(alias[0][0], pte(mfns[i], PTE_KERN)), 0);
		expect_trap("store into it", try_write(alias[0][0], 0x1234), NO_TRAP);
		expect("mapping goes again", map_at(alias[0][0], 0), 0);
		expect("no reference is left", exchange(i), 0);
	}
}

void guest_main(void)
{
	unsigned long seconds = option("seconds", 5), seed = option("seed", 1);
	u64 end = now() + seconds * 1000000000;

	setup();
	if (!expect("second vCPU", vcpu_start(1, race, (void *)(seed * 77777 + 1)), 0))
		return;
	/* The first one keeps the time between its own rounds. */
	for (u64 rng = seed * 999 + 5; now() < end;) {
		u64 slice = now() + 50000000;

		while (now() < slice) {
			long rc = rng_next(&rng) % 3 == 0 ? change_type(0, &rng)
				: rng % 3 == 1            ? change_mapping(0, &rng)
				: rng % 16 == 2           ? renew(&rng)
				: rng % 16 == 5           ? set_ticks(0, &rng)
							  : change_contents(0, &rng);

			ops[0]++;
			hits[0] += rc >= 0;
		}
	}
	stop = true;
	race((void *)1);
	for (end = now() + 5000000000; !second_done && now() < end;)
		cpu_relax();
	check(second_done, "second vCPU comes to its end", "%lu operations", ops[1]);
	print("note: %lu and %lu operations, %lu and %lu took effect\n", ops[0], ops[1], hits[0], hits[1]);
	undo();
}
