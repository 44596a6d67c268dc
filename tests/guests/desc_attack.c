/* Descriptor tables and selectors: no way through them into the hypervisor's rings. */
#include "guest.h"

#define DESC_P     (1UL << 47)
#define DESC_S     (1UL << 44)
#define DESC_DPL3  (3UL << 45)
#define DESC_TYPE(t) ((u64)(t) << 40)
#define DESC_L     (1UL << 53)
#define DESC_DB    (1UL << 54)
#define DESC_FLAT  (1UL << 55 | 0xfUL << 48 | 0xffff)

#define CODE64 (DESC_P | DESC_S | DESC_DPL3 | DESC_TYPE(0xb) | DESC_L | DESC_FLAT)
#define CODE32 (DESC_P | DESC_S | DESC_DPL3 | DESC_TYPE(0xb) | DESC_DB | DESC_FLAT)
#define DATA   (DESC_P | DESC_S | DESC_DPL3 | DESC_TYPE(0x3) | DESC_DB | DESC_FLAT)

static u64 *gdt, *ldt;
static unsigned long gdt_mfn;

static long update(void *at, u64 desc)
{
	return HYPERCALL(update_descriptor, virt_to_mfn(at) * PAGE_SIZE + ((unsigned long)at & (PAGE_SIZE - 1)), desc);
}

/* --- Tables ------------------------------------------------------------------------------------------- */

static void gdt_arguments(void)
{
	static unsigned long frames[16];

	for (unsigned int i = 0; i < 16; i++)
		frames[i] = gdt_mfn;
	expect("no GDT", HYPERCALL(set_gdt, frames, 0), 0);
	expect("a GDT of one page", HYPERCALL(set_gdt, frames, 512), 0);
	expect("a GDT of 14 times this page", HYPERCALL(set_gdt, frames, 14 * 512), 0);
	expect_error("a GDT of one entry too many", HYPERCALL(set_gdt, frames, 14 * 512 + 1));
	expect_error("a GDT of 65536", HYPERCALL(set_gdt, frames, 65536));
	expect_error("a GDT of all ones", HYPERCALL(set_gdt, frames, 0xffffffff));
	expect_error("a GDT of 0x80000000", HYPERCALL(set_gdt, frames, 0x80000000));
	expect_error("frames in the hypervisor", HYPERCALL(set_gdt, 0xffff830000000000, 512));
	expect_error("frames at a non-canonical address", HYPERCALL(set_gdt, 0x8000000000000000, 512));
	frames[1] = 0x200;
	expect_error("the hypervisor's frame as GDT", HYPERCALL(set_gdt, frames, 1024));
	frames[1] = ~0UL;
	expect_error("junk frame as GDT", HYPERCALL(set_gdt, frames, 1024));
	frames[1] = root_mfn();
	expect_error("root table as GDT", HYPERCALL(set_gdt, frames, 1024));
	frames[1] = virt_to_mfn(frames);
	expect_error("writable page as GDT", HYPERCALL(set_gdt, frames, 1024));
	expect_error("GDT page mapped writable", page_set_flags(gdt, PTE_KERN));
	expect_error("GDT page as page table", mmuext(MMUEXT_PIN_L1_TABLE, gdt_mfn, 0));
	expect("the GDT again", HYPERCALL(set_gdt, frames, 512), 0);
}

static void bad_descriptors(void)
{
	static const struct {
		const char *name;
		u64 desc;
	} bad[] = {
		{ "call gate", DESC_P | DESC_DPL3 | DESC_TYPE(12) | 0xe008UL << 16 },
		{ "interrupt gate", DESC_P | DESC_DPL3 | DESC_TYPE(14) | 0xe008UL << 16 },
		{ "trap gate", DESC_P | DESC_DPL3 | DESC_TYPE(15) | 0xe008UL << 16 },
		{ "task gate", DESC_P | DESC_DPL3 | DESC_TYPE(5) },
		{ "TSS", DESC_P | DESC_DPL3 | DESC_TYPE(9) | DESC_FLAT },
		{ "busy TSS", DESC_P | DESC_DPL3 | DESC_TYPE(11) | DESC_FLAT },
		{ "LDT", DESC_P | DESC_DPL3 | DESC_TYPE(2) | DESC_FLAT },
	};
	u64 *page = page_alloc();

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		unsigned long mfn = virt_to_mfn(page);
		u64 before = gdt[5];

		expect_error(bad[i].name, update(&gdt[5], bad[i].desc));
		check(gdt[5] == before, bad[i].name, "entry stays %lx", gdt[5]);
		page[5] = bad[i].desc;
		page_set_flags(page, PTE_RO_);
		expect_error(bad[i].name, HYPERCALL(set_gdt, &mfn, 512));
		expect("page is free", page_set_flags(page, PTE_KERN), 0);
		page[5] = 0;
	}
	expect_error("descriptor misaligned", HYPERCALL(update_descriptor, gdt_mfn * PAGE_SIZE + 4, 0));
	expect_error("descriptor in the hypervisor", HYPERCALL(update_descriptor, 0x200000, 0));
	expect_error("descriptor beyond memory", HYPERCALL(update_descriptor, 0x7ffffffffff000, 0));
	expect_error("descriptor in a page table", HYPERCALL(update_descriptor, root_mfn() * PAGE_SIZE, 0));
	/* Not refused, because what gets stored is of ring 3. */
	for (unsigned int type = 0; type < 12; type++) {
		u64 desc = (DATA & ~DESC_DPL3) | DESC_TYPE(type);

		if (type >= 8)
			desc = (CODE64 & ~(DESC_DPL3 | DESC_TYPE(15))) | DESC_TYPE(type);
		if (update(&gdt[5], desc) == 0)
			check((gdt[5] & DESC_DPL3) == DESC_DPL3 || !(gdt[5] & DESC_P), "privilege is raised",
				"type %u: %lx", type, gdt[5]);
	}
	update(&gdt[5], 0);
	expect_trap("store into the GDT", try_write(&gdt[5], 0), TRAP_PF);
}

/* --- Selectors ----------------------------------------------------------------------------------------- */

#define LOAD(seg, sel) TRY(__asm__ volatile("mov %w0, %%" #seg : : "r"((unsigned int)(sel))))

static unsigned int load(unsigned int seg, unsigned int sel)
{
	switch (seg) {
	case 0:
		return LOAD(ds, sel);
	case 1:
		return LOAD(es, sel);
	case 2:
		return LOAD(fs, sel);
	case 3:
		return LOAD(gs, sel);
	default:
		return LOAD(ss, sel);
	}
}

static unsigned int far_jump(unsigned int sel, unsigned long to)
{
	struct {
		u64 offset;
		u16 sel;
	} __attribute__((packed)) target = { to, sel };

	return TRY(__asm__ volatile("rex.w ljmp *%0" : : "m"(target) : "memory"));
}

static unsigned int far_call(unsigned int sel)
{
	struct {
		u32 offset;
		u16 sel;
	} __attribute__((packed)) target = { 0, sel };

	return TRY(__asm__ volatile("lcall *%0" : : "m"(target) : "memory"));
}

static unsigned int far_return(unsigned int sel)
{
	return TRY(__asm__ volatile("push %0\n\tpush $0x1000\n\tlretq" : : "r"((unsigned long)sel) : "memory"));
}

static void restore(void)
{
	for (unsigned int seg = 0; seg < 4; seg++)
		load(seg, 0);
}

/* Everything in the hypervisor's part of the GDT: only its flat ring-3 segments load. */
static void hypervisor_selectors(void)
{
	for (unsigned int sel = 0xe000; sel <= 0xe100; sel += 8) {
		bool flat = sel == 0xe020 || sel == 0xe028 || sel == 0xe030;

		if (flat)
			continue;
		for (unsigned int rpl = 0; rpl < 4; rpl++) {
			for (unsigned int seg = 0; seg < 5; seg++) {
				unsigned int trap = load(seg, sel | rpl);

				if (trap == NO_TRAP)
					check(false, "selector of the hypervisor", "%x in segment %u loads",
						sel | rpl, seg);
			}
			if (far_jump(sel | rpl, 0x1000) == NO_TRAP || far_call(sel | rpl) == NO_TRAP ||
				far_return(sel | rpl) == NO_TRAP)
				check(false, "far transfer to the hypervisor", "%x", sel | rpl);
		}
	}
	restore();
	check(true, "selectors of the hypervisor", "all refused");
	expect_trap("ds e008", load(0, 0xe008), TRAP_GP);
	expect_trap("ss e010", load(4, 0xe010), TRAP_GP);
	expect_trap("gs TSS", load(3, 0xe040), TRAP_GP);
	expect_trap("jump to e008", far_jump(0xe008, 0xffff828000200000), TRAP_GP);
	expect_trap("jump to TSS", far_jump(0xe040, 0), TRAP_GP);
	expect_trap("call of TSS", far_call(0xe043), TRAP_GP);
	expect_trap("return to e008", far_return(0xe008), TRAP_GP);
	expect_trap("behind the end", load(0, 0xfff8), TRAP_GP);
	for (unsigned int sel = 0; sel < 0x10000; sel += 0x7b) {
		unsigned int trap = load(sel % 4, sel);

		if (trap != NO_TRAP && trap != TRAP_GP && trap != TRAP_NP)
			check(false, "any selector", "%x: trap %u", sel, trap);
	}
	restore();
	check(true, "any selector", "loads or faults");
}

/* Our own descriptors work, in both tables. */
static void own_selectors(void)
{
	u16 sel;

	expect("data descriptor", update(&gdt[5], DATA & ~DESC_DPL3), 0);
	expect_trap("it loads", load(1, 5 * 8 + 3), NO_TRAP);
	__asm__ volatile("mov %%es, %0" : "=r"(sel));
	check(sel == 5 * 8 + 3, "es", "%x", sel);
	expect("descriptor goes while loaded", update(&gdt[5], 0), 0);
	HYPERCALL(sched_op, SCHEDOP_yield, NULL);
	expect_trap("it does not load", load(2, 5 * 8 + 3), TRAP_GP);
	expect("table goes while loaded", HYPERCALL(set_gdt, &gdt_mfn, 0), 0);
	HYPERCALL(sched_op, SCHEDOP_yield, NULL);
	expect("table comes back", HYPERCALL(set_gdt, &gdt_mfn, 512), 0);
	restore();
}

static void ldt_tables(void)
{
	unsigned long hole = 0x7f0000000000;

	expect_error("LDT misaligned", mmuext(MMUEXT_SET_LDT, (unsigned long)ldt + 8, 16));
	expect_error("LDT too big", mmuext(MMUEXT_SET_LDT, (unsigned long)ldt, 8193));
	expect_error("LDT of all ones", mmuext(MMUEXT_SET_LDT, (unsigned long)ldt, 0xffffffff));
	expect_error("LDT in the hypervisor", mmuext(MMUEXT_SET_LDT, 0xffff830000000000, 512));
	expect("LDT where nothing is", mmuext(MMUEXT_SET_LDT, hole, 8192), 0);
	expect_trap("selector of nothing", load(0, 0x0007), TRAP_GP);
	expect_trap("selector of nothing at the end", load(4, 0xffff), TRAP_GP);
	ldt[1] = DATA & ~DESC_DPL3;
	ldt[2] = DESC_P | DESC_DPL3 | DESC_TYPE(12) | 0xe008UL << 16;
	expect("LDT writable", mmuext(MMUEXT_SET_LDT, (unsigned long)ldt, 512), 0);
	expect_trap("writable page is no LDT", load(0, 1 * 8 + 7), TRAP_GP);
	page_set_flags(ldt, PTE_RO_);
	expect_trap("page with a gate is no LDT", load(0, 1 * 8 + 7), TRAP_GP);
	page_set_flags(ldt, PTE_KERN);
	ldt[2] = CODE64;
	page_set_flags(ldt, PTE_RO_);
	expect_trap("good LDT", load(0, 1 * 8 + 7), NO_TRAP);
	expect_trap("beyond its end", load(1, 512 * 8 + 7), TRAP_GP);
	expect_error("LDT in use mapped writable", page_set_flags(ldt, PTE_KERN));
	expect_error("gate into the LDT in use", update(&ldt[3], DESC_P | DESC_DPL3 | DESC_TYPE(12) | 0xe008UL << 16));
	expect("descriptor into the LDT in use", update(&ldt[3], DATA), 0);
	expect_trap("new descriptor", load(3, 3 * 8 + 7), NO_TRAP);
	expect("LDT away while selectors are loaded", mmuext(MMUEXT_SET_LDT, 0, 0), 0);
	HYPERCALL(sched_op, SCHEDOP_yield, NULL);
	expect("its page is free", page_set_flags(ldt, PTE_KERN), 0);
	restore();
	expect_trap("no LDT", load(0, 1 * 8 + 7), TRAP_GP);
	HYPERCALL(set_segment_base, SEGBASE_GS_USER_SEL, 0xe008);
	HYPERCALL(set_segment_base, SEGBASE_GS_USER_SEL, 0xe040);
	HYPERCALL(set_segment_base, SEGBASE_GS_USER_SEL, 0xffff);
	HYPERCALL(set_segment_base, SEGBASE_GS_USER_SEL, ~0UL);
	HYPERCALL(set_segment_base, SEGBASE_GS_USER_SEL, 0);
}

void guest_main(void)
{
	gdt = page_alloc();
	ldt = page_alloc();
	gdt_mfn = virt_to_mfn(gdt);
	page_set_flags(gdt, PTE_RO_);
	gdt_arguments();
	bad_descriptors();
	hypervisor_selectors();
	own_selectors();
	ldt_tables();
}
