/*
 * What each CPU owns: its block of stacks in slot 258 (see asm/config.h), its copy of the per-CPU
 * variables, its page of descriptors, task state and system-call MSRs.
 */
#include <xen/errno.h>
#include <xen/lib.h>
#include <xen/mm.h>
#include <xen/sched.h>
#include <asm/msr-index.h>
#include <asm/percpu_block.h>
#include <asm/flushtlb.h>
#include <asm/setup.h>
#include <asm/smpboot.h>
#include <asm/traps.h>

struct tss {
	u32 reserved0;
	u64 rsp[3];
	u64 reserved1;
	u64 ist[7];
	u64 reserved2;
	u16 reserved3, iomap_base;
} __packed;

extern char __per_cpu_start[], __per_cpu_end[];
extern const char percpu_entry_page[], percpu_entry_cstar[], percpu_entry_sysenter[];

unsigned long per_cpu_offsets[NR_CPUS];
static u64 *gdt_pages[NR_CPUS];
static DEFINE_PER_CPU(struct tss, cpu_tss);

u64 *percpu_gdt(unsigned int cpu)
{
	return gdt_pages[cpu];
}

static unsigned long block_va(unsigned int cpu)
{
	return PERCPU_BLOCKS_START + cpu * PERCPU_BLOCK_SIZE;
}

static struct cpu_info *block_info(unsigned int cpu)
{
	return (struct cpu_info *)(block_va(cpu) + PERCPU_BLOCK_SIZE) - 1;
}

static u64 segment(u64 flags)
{
	return 0x000f00000000ffffULL | flags;
}

static void fill_gdt(unsigned int cpu)
{
	u64 *g = gdt_pages[cpu];
	u64 tss = (u64)&per_cpu(cpu_tss, cpu);

	g[1] = segment(0x00a09b0000000000); /* e008: code, ring 0, 64-bit */
	g[2] = segment(0x00c0930000000000); /* e010: data, ring 0 */
	g[4] = segment(0x00c0fb0000000000); /* e020: code, ring 3, 32-bit */
	g[5] = segment(0x00c0f30000000000); /* e028: data, ring 3 */
	g[6] = segment(0x00a0fb0000000000); /* e030: code, ring 3, 64-bit */
	g[8] = (sizeof(struct tss) - 1) | (tss & 0xffffff) << 16 | 0x89ULL << 40 |
		(tss >> 24 & 0xff) << 56;
	g[9] = tss >> 32;
}

static void fill_tss(unsigned int cpu)
{
	struct tss *t = &per_cpu(cpu_tss, cpu);
	unsigned long va = block_va(cpu);

	t->rsp[0] = (u64)&block_info(cpu)->guest_regs.es;
	t->ist[IST_DB - 1] = va + (PCB_IST_DB + 1) * PAGE_SIZE;
	t->ist[IST_DF - 1] = va + (PCB_IST_DF + 1) * PAGE_SIZE;
	t->ist[IST_NMI - 1] = va + (PCB_IST_NMI + 1) * PAGE_SIZE;
	t->ist[IST_MCE - 1] = va + (PCB_IST_MCE + 1) * PAGE_SIZE;
	t->iomap_base = sizeof(*t);
}

static int map_block_page(unsigned int cpu, unsigned int page)
{
	void *p = alloc_xenheap_page();

	if (!p)
		return -ENOMEM;
	return map_pages_to_xen(block_va(cpu) + page * PAGE_SIZE, _mfn(virt_to_mfn(p)), 1,
		PAGE_HYPERVISOR);
}

static int map_block(unsigned int cpu)
{
	static const u8 ist_pages[] = { PCB_IST_DB, PCB_IST_DF, PCB_IST_NMI, PCB_IST_MCE };
	int rc = map_pages_to_xen(block_va(cpu), _mfn(virt_to_mfn(percpu_entry_page)), 1,
		PAGE_HYPERVISOR_RX);

	for (unsigned int i = 0; i < ARRAY_SIZE(ist_pages) && !rc; i++)
		rc = map_block_page(cpu, ist_pages[i]);
	for (unsigned int i = PCB_STACK_FIRST; i < PCB_PAGES && !rc; i++)
		rc = map_block_page(cpu, i);
	return rc;
}

int percpu_alloc(unsigned int cpu)
{
	size_t size = __per_cpu_end - __per_cpu_start;
	int rc = map_block(cpu);

	if (rc)
		return rc;
	/* The boot CPU's variables are the linked ones. */
	if (cpu) {
		char *area = alloc_xenheap_pages(order_from_pages(DIV_ROUND_UP(size, PAGE_SIZE)),
			MEMF_zero);

		if (!area)
			return -ENOMEM;
		per_cpu_offsets[cpu] = (unsigned long)area - (unsigned long)__per_cpu_start;
	}
	gdt_pages[cpu] = alloc_xenheap_page();
	if (!gdt_pages[cpu])
		return -ENOMEM;
	fill_gdt(cpu);
	fill_tss(cpu);
	memset(block_info(cpu), 0, sizeof(struct cpu_info));
	block_info(cpu)->processor_id = cpu;
	block_info(cpu)->per_cpu_offset = per_cpu_offsets[cpu];
	return 0;
}

void *percpu_stack_top(unsigned int cpu)
{
	return block_info(cpu);
}

void tlb_load_cr3(u64 cr3)
{
	write_cr3_flush(cr3);
}

void load_gdt(unsigned long base)
{
	struct {
		u16 limit;
		u64 base;
	} __packed gdtr = { GDT_RESERVED_ENTRY * 8 + PAGE_SIZE - 1, base };

	__asm__ volatile("lgdt %0" ::"m"(gdtr));
}

void pv_load_ldt(struct vcpu *v)
{
	u64 *g = gdt_pages[smp_processor_id()];
	u64 base = v->arch.gdt_base + 16 * PAGE_SIZE;

	if (!v->arch.ldt_ents) {
		__asm__ volatile("lldt %w0" ::"r"(0));
		return;
	}
	g[11] = base >> 32;
	g[10] = ((u64)v->arch.ldt_ents * 8 - 1) | (base & 0xffffff) << 16 | 0x82ULL << 40 |
		(base >> 24 & 0xff) << 56;
	__asm__ volatile("lldt %w0" ::"r"(LDT_SELECTOR));
}

static void load_syscall_msrs(unsigned int cpu)
{
	unsigned long entry = block_va(cpu);
	u32 a, b, c, d;

	wrmsr(MSR_STAR, (u64)RING3_CS32 << 48 | (u64)HYPERVISOR_CS << 32);
	wrmsr(MSR_LSTAR, entry);
	wrmsr(MSR_CSTAR, entry + (percpu_entry_cstar - percpu_entry_page));
	wrmsr(MSR_SYSCALL_MASK,
		X86_EFLAGS_IF | X86_EFLAGS_TF | X86_EFLAGS_DF | X86_EFLAGS_NT | X86_EFLAGS_AC |
			X86_EFLAGS_RF | X86_EFLAGS_VM);
	cpuid_count(0, 0, &a, &b, &c, &d);
	if (b != 0x756e6547) /* "Genu": only Intel takes sysenter in long mode */
		return;
	wrmsr(MSR_SYSENTER_CS, HYPERVISOR_CS);
	wrmsr(MSR_SYSENTER_ESP, (u64)&block_info(cpu)->guest_regs.es);
	wrmsr(MSR_SYSENTER_EIP, entry + (percpu_entry_sysenter - percpu_entry_page));
}

void cpu_load_tables(unsigned int cpu)
{
	struct {
		u16 limit;
		u64 base;
	} __packed idtr = { 256 * 16 - 1, (u64)idt_table };

	load_gdt((unsigned long)gdt_pages[cpu] - GDT_RESERVED_ENTRY * 8);
	/* Reload cs by a far return; ring 0 needs no other segment. */
	__asm__ volatile("pushq %0; lea 1f(%%rip), %%rax; pushq %%rax; lretq; 1:" ::"i"(HYPERVISOR_CS)
			 : "rax", "memory");
	__asm__ volatile("mov %0, %%ss; mov %1, %%ds; mov %1, %%es" ::"r"(HYPERVISOR_DS), "r"(0));
	gdt_pages[cpu][8] &= ~(2ULL << 40); /* not busy */
	__asm__ volatile("ltr %w0" ::"r"(TSS_SELECTOR));
	__asm__ volatile("lldt %w0" ::"r"(0));
	__asm__ volatile("lidt %0" ::"m"(idtr));
	load_syscall_msrs(cpu);
}
