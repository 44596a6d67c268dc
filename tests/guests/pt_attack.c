/* Page tables: everything a kernel may try in order to see or change what is not its own. */
#include "guest.h"

#define EINVAL XEN_EINVAL

/* --- What may be mapped ----------------------------------------------------------------------------- */

/* A frame must not become mappable, for reading or for writing. */
static void refuse_mapping(const char *name, unsigned long mfn, bool readable)
{
	void *w = window_alloc();
	volatile long rc;

	rc = map_at(w, pte(mfn, PTE_KERN));
	check(rc < 0, name, "writable: %ld (mfn %lx)", rc, mfn);
	if (!readable) {
		rc = map_at(w, pte(mfn, PTE_RO_));
		check(rc < 0, name, "readable: %ld (mfn %lx)", rc, mfn);
	}
	rc = mmu_update(entry_maddr(w, 1) | MMU_NORMAL_PT_UPDATE, pte(mfn, PTE_KERN));
	check(rc < 0, name, "mmu_update: %ld", rc);
	rc = mmu_update(entry_maddr(w, 1) | MMU_PT_UPDATE_PRESERVE_AD, pte(mfn, PTE_KERN));
	check(rc < 0, name, "preserve: %ld", rc);
	rc = TRY(*(volatile u64 *)entry_of(w, 1) = pte(mfn, PTE_KERN));
	check(rc == TRAP_PF, name, "store: trap %ld", rc);
}

static void foreign_frames(void)
{
	static const unsigned long image[] = { 0x200, 0x201, 0x210, 0x230, 0x240, 0x250 };
	unsigned long extents[8] = { 0 };
	struct xen_machphys_mfn_list list = { .max_extents = 8 };

	set_xen_guest_handle(list.extent_start, extents);
	expect("m2p list", HYPERCALL(memory_op, XENMEM_machphys_mfn_list, &list), 0);
	/* A machine of less than 1 GiB has no whole extent. */
	if (list.nr_extents && extents[0])
		refuse_mapping("m2p frame", extents[0] + 1, true);
	for (unsigned int i = 0; i < ARRAY_SIZE(image); i++)
		if (machine_to_phys_mapping[image[i]] >= max_pfn())
			refuse_mapping("low frame of the hypervisor", image[i], false);
	refuse_mapping("page table of ours", virt_to_mfn((void *)start_info->pt_base), true);
	refuse_mapping("beyond the address width", 0xfffffffffUL, false);
}

/* All frames that the table says are not ours: none may come in writable. */
static void scan_frames(void)
{
	unsigned long max = HYPERCALL(memory_op, XENMEM_maximum_ram_page, NULL), taken = 0, tried = 0;
	void *w = window_alloc();

	for (unsigned long mfn = 0x100; mfn <= max; mfn++) {
		unsigned long pfn = 0;

		if (try_read(&machine_to_phys_mapping[mfn], &pfn) == NO_TRAP && pfn < max_pfn() &&
			pfn_to_mfn(pfn) == mfn)
			continue;
		tried++;
		if (map_at(w, pte(mfn, PTE_KERN)) == 0) {
			if (taken++ < 4)
				print("note: frame %lx (pfn %lx) can be mapped\n", mfn, pfn);
		}
	}
	/* What is ours but not in the table: the shared page. ACPI and holes are dom0's as devices. */
	print("note: %lu of %lu foreign frames mapped\n", taken, tried);
	map_at(w, 0);
}

static void entry_bits(void)
{
	void *w = window_alloc();
	unsigned long mfn = virt_to_mfn(page_alloc());
	u64 *l2 = table_alloc();

	expect_error("reserved bit 51 in L1", map_at(w, pte(mfn, PTE_KERN) | 1UL << 51));
	expect_error("huge page in L2", mmu_update(entry_maddr(w, 2), pte(mfn & ~511UL, PTE_KERN | PTE_PSE)));
	expect_error("huge page in L3", mmu_update(entry_maddr(w, 3), pte(0, PTE_KERN | PTE_PSE)));
	expect_error("huge bit in L4", mmu_update(entry_maddr(w, 4), *entry_of(w, 4) | PTE_PSE));
	mmu_update(virt_to_mfn(l2) * PAGE_SIZE, pte(mfn & ~511UL, PTE_KERN | PTE_PSE));
	expect_error("pin an L2 with a huge page", mmuext(MMUEXT_PIN_L2_TABLE, virt_to_mfn(l2), 0));
	expect("global bit is dropped", map_at(w, pte(mfn, PTE_KERN | 0x100)), 0);
	expect("available bits", map_at(w, pte(mfn, PTE_KERN) | 7UL << 9 | 0x7ffUL << 52), 0);
	check((*entry_of(w, 1) & PTE_US) != 0, "entry stays for ring 3", "%lx", *entry_of(w, 1));
	expect("entry away", map_at(w, 0), 0);
}

/* --- Addresses ---------------------------------------------------------------------------------------- */

static void bad_addresses(void)
{
	static const unsigned long va[] = { 0xffff800000000000, 0xffff807ffffff000, 0xffff808000000000,
		0xffff820000000000, 0xffff828000200000, 0xffff830000000000, 0xffff87fffffff000, 0x0000800000000000,
		0x8000000000000000, 0xffff7ffffffff000, 0x00007ffffffff000 };
	unsigned long mfn = virt_to_mfn(page_alloc()), ours = root_mfn() * PAGE_SIZE;
	long rc;

	for (unsigned int i = 0; i < ARRAY_SIZE(va); i++) {
		rc = HYPERCALL(update_va_mapping, va[i], pte(mfn, PTE_KERN), UVMF_INVLPG | UVMF_ALL);
		check(rc < 0, "update_va_mapping of a bad address", "%lx: %ld", va[i], rc);
		rc = HYPERCALL(update_va_mapping, va[i], 0, UVMF_TLB_FLUSH);
		check(rc < 0, "clearing a bad address", "%lx: %ld", va[i], rc);
		mmuext(MMUEXT_INVLPG_LOCAL, va[i], 0);
		mmuext(MMUEXT_INVLPG_ALL, va[i], 0);
	}
	for (unsigned int i = 256; i < 272; i++) {
		rc = mmu_update(ours + i * 8, pte(mfn, PTE_KERN));
		check(rc < 0, "hypervisor's slot of an L4", "%u: %ld", i, rc);
		rc = mmu_update(ours + i * 8, 0);
		check(rc < 0, "clearing a slot of the hypervisor", "%u: %ld", i, rc);
	}
	expect_error("misaligned entry", mmu_update(entry_maddr(window_alloc(), 1) + 4, pte(mfn, PTE_KERN)));
	expect_error("entry beyond memory", mmu_update(0x7ffffffffff000, 0));
	expect_error("entry in the hypervisor", mmu_update(0x200000, 0));
	expect_error("M2P of the hypervisor's frame", mmu_update(0x200000 | MMU_MACHPHYS_UPDATE, 0));
	expect_error("M2P beyond memory", mmu_update(0x7ffffffffff000 | MMU_MACHPHYS_UPDATE, 0));
}

/* --- Types ---------------------------------------------------------------------------------------------- */

static void types(void)
{
	u64 *t = table_alloc(), *l2 = table_alloc(), *l4 = table_alloc();
	unsigned long mt = virt_to_mfn(t), m2 = virt_to_mfn(l2), m4 = virt_to_mfn(l4);
	u64 *writable = page_alloc();
	void *w = window_alloc();

	expect_error("pin a writable page", mmuext(MMUEXT_PIN_L1_TABLE, virt_to_mfn(writable), 0));
	expect_error("unpin what is not pinned", mmuext(MMUEXT_UNPIN_TABLE, mt, 0));
	expect("pin L1", mmuext(MMUEXT_PIN_L1_TABLE, mt, 0), 0);
	expect_error("pin twice", mmuext(MMUEXT_PIN_L1_TABLE, mt, 0));
	expect_error("pin an L1 as L2", mmuext(MMUEXT_PIN_L2_TABLE, mt, 0));
	expect_error("pin an L1 as L4", mmuext(MMUEXT_PIN_L4_TABLE, mt, 0));
	expect_error("map an L1 writable", map_at(t, pte(mt, PTE_KERN)));
	expect_error("clear an L1", mmuext(MMUEXT_CLEAR_PAGE, mt, 0));
	expect_error("copy over an L1", mmuext(MMUEXT_COPY_PAGE, mt, virt_to_mfn(writable)));
	expect_error("L1 as GDT", HYPERCALL(set_gdt, &mt, 512));
	expect_error("L1 as root", mmuext(MMUEXT_NEW_BASEPTR, mt, 0));
	expect_error("L1 as user root", mmuext(MMUEXT_NEW_USER_BASEPTR, mt, 0));
	expect_error("L1 in an L3", mmu_update(entry_maddr(w, 3), pte(mt, PTE_KERN)));
	expect_error("L1 in an L4", mmu_update(root_mfn() * PAGE_SIZE, pte(mt, PTE_KERN)));
	expect("L1 in an L2 to be", mmu_update(m2 * PAGE_SIZE, pte(mt, PTE_KERN)), 0);
	expect("pin L2", mmuext(MMUEXT_PIN_L2_TABLE, m2, 0), 0);
	expect("L1 in a pinned L2", mmu_update(m2 * PAGE_SIZE, pte(mt, PTE_KERN)), 0);
	expect("unpin L1 in use", mmuext(MMUEXT_UNPIN_TABLE, mt, 0), 0);
	expect_error("unpin again", mmuext(MMUEXT_UNPIN_TABLE, mt, 0));
	expect_error("still an L1", map_at(t, pte(mt, PTE_KERN)));
	expect_error("L2 in itself", mmu_update(m2 * PAGE_SIZE + 8, pte(m2, PTE_KERN)));
	expect("unpin L2", mmuext(MMUEXT_UNPIN_TABLE, m2, 0), 0);
	expect("L1 writable again", map_at(t, pte(mt, PTE_KERN)), 0);
	expect("L2 writable again", map_at(l2, pte(m2, PTE_KERN)), 0);
	expect("pin L4", mmuext(MMUEXT_PIN_L4_TABLE, m4, 0), 0);
	expect_error("L4 writable in itself", mmu_update(m4 * PAGE_SIZE, pte(m4, PTE_KERN)));
	expect_error("L4 in an L2", mmu_update(entry_maddr(w, 2), pte(m4, PTE_KERN)));
	expect("unpin L4", mmuext(MMUEXT_UNPIN_TABLE, m4, 0), 0);
	expect("L4 writable again", map_at(l4, pte(m4, PTE_KERN)), 0);
	for (unsigned int cmd = MMUEXT_PIN_L1_TABLE; cmd <= MMUEXT_NEW_BASEPTR; cmd++) {
		expect_error("junk frame", mmuext(cmd, 0x7fffffffffff, 0));
		expect_error("frame of the hypervisor", mmuext(cmd, 0x200, 0));
		expect_error("all ones", mmuext(cmd, ~0UL, 0));
		expect_error("frame 0", mmuext(cmd, 0, 0));
	}
	expect_error("user root junk", mmuext(MMUEXT_NEW_USER_BASEPTR, 0x7fffffffffff, 0));
	expect_error("page with junk as L4", mmuext(MMUEXT_NEW_BASEPTR, virt_to_mfn(writable), 0));
}

/* A page whose entries are hostile is refused as a table of every level. */
static void junk_tables(void)
{
	static const u64 junk[] = { PTE_KERN | 0x200000, PTE_KERN | 1UL << 51, ~0UL};
	u64 *t = page_alloc();
	char name[] = "junk table 0 as L0";

	for (unsigned int i = 0; i < ARRAY_SIZE(junk); i++) {
		for (unsigned int at = 0; at < 512; at += 511) {
			memset(t, 0, PAGE_SIZE);
			t[at] = junk[i];
			page_set_flags(t, PTE_RO_);
			for (unsigned int level = 1; level <= 4; level++) {
				name[11] = '0' + i;
				name[17] = '0' + level;
				expect_error(name, mmuext(MMUEXT_PIN_L1_TABLE + level - 1, virt_to_mfn(t), 0));
			}
			expect("writable again", page_set_flags(t, PTE_KERN), 0);
		}
	}
}

/* --- Stores into page tables ------------------------------------------------------------------------------ */

static void stores(void)
{
	u64 *w = window_alloc(), *e = entry_of(w, 1);
	unsigned long mfn = virt_to_mfn(page_alloc()), other = virt_to_mfn(page_alloc());
	u64 good = pte(mfn, PTE_KERN), bad = pte(0x200, PTE_KERN);
	volatile u64 old = 0;
	unsigned int trap;

	map_at(w, 0);
	expect_trap("store of a good entry", try_write(e, good), NO_TRAP);
	expect_trap("store of a bad entry", try_write(e, bad), TRAP_PF);
	check((*e & PTE_ADDR) == (good & PTE_ADDR), "entry is as before", "%lx", *e);
	trap = TRY(old = __atomic_exchange_n(e, pte(other, PTE_KERN), __ATOMIC_SEQ_CST));
	check(trap == NO_TRAP && (old & PTE_ADDR) == (good & PTE_ADDR), "xchg", "trap %u, %lx", trap, old);
	expect_trap("xchg of a bad entry", TRY(__atomic_exchange_n(e, bad, __ATOMIC_SEQ_CST)), TRAP_PF);
	old = *e;
	trap = TRY(check(__atomic_compare_exchange_n(e, (u64 *)&old, good, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST),
		"cmpxchg succeeds", "%lx", old));
	expect_trap("cmpxchg", trap, NO_TRAP);
	old = 5;
	trap = TRY(check(!__atomic_compare_exchange_n(e, (u64 *)&old, bad, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST) &&
		old == *e, "cmpxchg fails", "%lx", old));
	expect_trap("failing cmpxchg", trap, NO_TRAP);
	map_at(w, 0);
	trap = TRY(__asm__ volatile("lock orq $1, %0" : "+m"(*e)));
	print("note: lock or: trap %u\n", trap);
	trap = TRY(__asm__ volatile("lock btsq $1, %0" : "+m"(*e)));
	print("note: lock bts: trap %u\n", trap);
	trap = TRY(__asm__ volatile("lock xaddq %1, %0" : "+m"(*e) : "r"(0x200000UL)));
	print("note: lock xadd: trap %u\n", trap);
	map_at(w, 0);
	trap = TRY(*(volatile u8 *)e = 0x67);
	print("note: byte store makes frame 0 writable: trap %u, entry %lx\n", trap, *e);
	map_at(w, good);
	trap = TRY(*(volatile u16 *)((char *)e + 2) = 0x20);
	print("note: word store: trap %u, entry %lx\n", trap, *e);
	map_at(w, good);
	trap = TRY(*(volatile u64 *)((char *)e + 4) = 0x2067000000);
	expect_trap("store across two entries", trap, TRAP_PF);
	trap = TRY(*(volatile u64 *)((char *)((unsigned long)e | 0xfff) - 3) = bad);
	expect_trap("store across the page", trap, TRAP_PF);
	trap = TRY({ void *d = e; unsigned long n = 2; __asm__ volatile("rep stosq" : "+D"(d), "+c"(n) : "a"(bad) : "memory"); });
	expect_trap("rep stosq", trap, TRAP_PF);
	trap = TRY(__asm__ volatile("movsq" : : "S"(&bad), "D"(e) : "memory"));
	print("note: movsq: trap %u\n", trap);
	trap = TRY(__asm__ volatile("incq %0" : "+m"(*e)));
	print("note: inc: trap %u\n", trap);
	trap = TRY(__asm__ volatile("fnsave %0" : "=m"(*(char(*)[108])e)));
	expect_trap("fnsave", trap, TRAP_PF);
	expect_trap("store into an L2", try_write(entry_of(w, 2), bad), TRAP_PF);
	expect_trap("store into an L4", try_write((void *)start_info->pt_base, bad), TRAP_PF);
	check((*e & PTE_ADDR) != (bad & PTE_ADDR), "no hypervisor frame came in", "%lx", *e);
	map_at(w, 0);
}

/* --- The hypervisor's addresses --------------------------------------------------------------------------- */

static void hypervisor_addresses(void)
{
	static const unsigned long va[] = { 0xffff808000000000, 0xffff810000000000, 0xffff818000000000,
		0xffff820000000000, 0xffff828000000000, 0xffff828000200000, 0xffff830000000000, 0xffff830000200000,
		0xffff82d080200000, 0xffff87fffffff000 };
	u64 val;

	expect_trap("read the M2P table", try_read(machine_to_phys_mapping + root_mfn(), &val), NO_TRAP);
	expect_trap("write the M2P table", try_write(machine_to_phys_mapping + root_mfn(), 0), TRAP_PF);
	for (unsigned int i = 0; i < ARRAY_SIZE(va); i++) {
		expect_trap("read the hypervisor", try_read((void *)va[i], &val), TRAP_PF);
		expect_trap("write the hypervisor", try_write((void *)va[i], 0), TRAP_PF);
		expect_trap("run the hypervisor", TRY(((void (*)(void))va[i])()), TRAP_PF);
	}
	expect_trap("read a non-canonical address", try_read((void *)0x8000000000000000, &val), TRAP_GP);
}

/* --- Giving pages back --------------------------------------------------------------------------------------- */

static long give_back(unsigned long mfn)
{
	struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };

	set_xen_guest_handle(r.extent_start, &mfn);
	return HYPERCALL(memory_op, XENMEM_decrease_reservation, &r);
}

static long exchange(unsigned long mfn, unsigned long pfn)
{
	unsigned long in = mfn, out = pfn;
	struct xen_memory_exchange x = { .in = { .nr_extents = 1, .domid = DOMID_SELF },
		.out = { .nr_extents = 1, .domid = DOMID_SELF } };

	set_xen_guest_handle(x.in.extent_start, &in);
	set_xen_guest_handle(x.out.extent_start, &out);
	return HYPERCALL(memory_op, XENMEM_exchange, &x);
}

static void giving_back(void)
{
	u64 *t = table_alloc(), *p = page_alloc(), *q = page_alloc();
	unsigned long mt = virt_to_mfn(t), mp = virt_to_mfn(p);
	u64 *root = (u64 *)start_info->pt_base;

	mmuext(MMUEXT_PIN_L1_TABLE, mt, 0);
	expect_error("exchange a page table", exchange(mt, virt_to_pfn(t)));
	expect_error("exchange our root", exchange(root_mfn(), virt_to_pfn(root)));
	expect_error("exchange a mapped page", exchange(mp, virt_to_pfn(p)));
	expect_error("exchange the hypervisor's", exchange(0x200, virt_to_pfn(p)));
	expect_error("exchange junk", exchange(~0UL, virt_to_pfn(p)));
	expect("page is still ours", map_at(q, pte(mp, PTE_KERN)), 0);
	*q = 0x1234;
	check(*p == 0x1234, "both addresses, one page", "%lx", *p);
	map_at(q, 0);
	/* Freed while mapped: it stays until the last mapping goes. */
	print("note: give back a mapped page: %ld\n", give_back(mp));
	*p = 0x5678;
	check(*p == 0x5678, "mapping outlives the page's return", "%lx", *p);
	expect("last mapping goes", map_at(p, 0), 0);
	expect_error("it is nobody's now", map_at(p, pte(mp, PTE_KERN)));
	print("note: give back a pinned table: %ld\n", give_back(mt));
	print("note: unpin it: %ld\n", mmuext(MMUEXT_UNPIN_TABLE, mt, 0));
	map_at(t, 0);
	expect_error("the table is nobody's now", map_at(t, pte(mt, PTE_KERN)));
	print("note: give back the hypervisor's: %ld\n", give_back(0x200));
	print("note: give back junk: %ld\n", give_back(~0UL));
	print("note: give back twice: %ld\n", give_back(mp));
}

/* --- Counts and pointers ---------------------------------------------------------------------------------------- */

static void counts(void)
{
	struct mmu_update u[2] = { { entry_maddr(window_alloc(), 1), 0 }, { 0x200000, 0 } };
	unsigned int done = 77;
	long rc;

	rc = HYPERCALL(mmu_update, u, 2, &done, DOMID_SELF);
	check(rc < 0 && done == 1, "first of two is done", "%ld, %u", rc, done);
	rc = HYPERCALL(mmu_update, u, 0, &done, DOMID_SELF);
	check(rc == 0 && done == 0, "none of none", "%ld, %u", rc, done);
	expect_error("requests beyond", HYPERCALL(mmu_update, 0xffffffffffff0000, 0x7fffffff, NULL, DOMID_SELF));
	expect_error("requests in the hypervisor", HYPERCALL(mmu_update, 0xffff830000000000, 1, NULL, DOMID_SELF));
	expect_error("non-canonical requests", HYPERCALL(mmu_update, 0x8000000000000000, 1, NULL, DOMID_SELF));
	expect_error("done in the hypervisor", HYPERCALL(mmu_update, u, 1, 0xffff830000000000, DOMID_SELF));
	expect_error("unknown domain", HYPERCALL(mmu_update, u, 1, NULL, 77));
	expect_error("unknown owner of tables", HYPERCALL(mmu_update, u, 1, NULL, 78u << 16 | DOMID_SELF));
	expect_error("operations in the hypervisor", HYPERCALL(mmuext_op, 0xffff830000000000, 1, NULL, DOMID_SELF));
	expect_error("unknown operation", mmuext(14, 0, 0));
	expect_error("operation 77", mmuext(77, 0, 0));
	expect_error("mask of vCPUs in the hypervisor", mmuext(MMUEXT_TLB_FLUSH_MULTI, 0, 0xffff830000000000));
	expect_error("no mask of vCPUs", mmuext(MMUEXT_INVLPG_MULTI, 0, 0x8000000000000000));
}

void guest_main(void)
{
	foreign_frames();
	scan_frames();
	entry_bits();
	bad_addresses();
	types();
	junk_tables();
	stores();
	hypervisor_addresses();
	giving_back();
	counts();
}
