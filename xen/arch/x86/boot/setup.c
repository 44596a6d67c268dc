/* From the loader to dom0: the order in which the hypervisor comes to life. */
#include <xen/acpi.h>
#include <xen/console.h>
#include <xen/keyhandler.h>
#include <xen/lib.h>
#include <xen/mm.h>
#include <xen/param.h>
#include <xen/pci.h>
#include <xen/sched.h>
#include <xen/trace.h>
#include <asm/apic.h>
#include <asm/irq.h>
#include <asm/nmi.h>
#include <asm/msi.h>
#include <asm/msr-index.h>
#include <asm/paging.h>
#include <asm/percpu_block.h>
#include <asm/setup.h>
#include <asm/smp.h>
#include <asm/smpboot.h>

extern char _start[], _end[];

/* Give RAM to the boot allocator, without what lies in the way. */
static void __init add_free_range(paddr_t s, paddr_t e)
{
	struct {
		paddr_t s, e;
	} busy[MAX_MODULES + 2];
	unsigned int n = 0;

	busy[n].s = 0;
	busy[n++].e = 0x100000; /* firmware data, the trampoline */
	busy[n].s = virt_to_maddr(_start);
	busy[n++].e = ROUNDUP(virt_to_maddr(_end), PAGE_SIZE);
	for (unsigned int i = 0; i < boot_info.nr_modules; i++, n++) {
		busy[n].s = ROUNDDOWN(boot_info.module[i].start, PAGE_SIZE);
		busy[n].e = ROUNDUP(boot_info.module[i].start + boot_info.module[i].size, PAGE_SIZE);
	}
	for (unsigned int i = 0; i < n; i++) {
		if (busy[i].e <= s || busy[i].s >= e)
			continue;
		if (busy[i].s > s)
			add_free_range(s, busy[i].s);
		s = busy[i].e;
		if (s >= e)
			return;
	}
	s = ROUNDUP(s, PAGE_SIZE);
	e = ROUNDDOWN(e, PAGE_SIZE);
	if (s < e)
		boot_alloc_add_range(s, e);
}

/* Memory that the boot page tables map; the rest follows when the real ones exist. */
#define BOOT_MAPPED (4UL << 30)

static void __init add_ram(paddr_t from, paddr_t to)
{
	for (unsigned int i = 0; i < e820.nr; i++) {
		paddr_t s = max(from, (paddr_t)e820.map[i].addr);
		paddr_t e = min(to, (paddr_t)(e820.map[i].addr + e820.map[i].size));

		if (e820.map[i].type == E820_RAM && s < e)
			add_free_range(s, e);
	}
}

/* What the modules took is free when dom0 has been built. */
static void __init free_modules(void)
{
	for (unsigned int i = 0; i < boot_info.nr_modules; i++) {
		const struct boot_module *m = &boot_info.module[i];

		init_heap_range(_mfn(ROUNDUP(m->start, PAGE_SIZE) >> PAGE_SHIFT),
			_mfn((m->start + m->size) >> PAGE_SHIFT));
	}
}

/* The first 4 GiB have to be enough for the tables; the memory above goes to the heap directly. */
static void __init memory_init(void)
{
	add_ram(0, BOOT_MAPPED);
	paging_build();
	boot_alloc_remaining();
	for (unsigned int i = 0; i < e820.nr; i++) {
		paddr_t s = max(BOOT_MAPPED, (paddr_t)ROUNDUP(e820.map[i].addr, PAGE_SIZE));
		paddr_t e = ROUNDDOWN(e820.map[i].addr + e820.map[i].size, PAGE_SIZE);

		if (e820.map[i].type == E820_RAM && s < e)
			init_heap_range(maddr_to_mfn(s), maddr_to_mfn(e));
	}
	paging_heap_ready();
	printk(XENLOG_INFO "System RAM: %luMB (%lukB)\n", total_pages >> (20 - PAGE_SHIFT),
		total_pages << (PAGE_SHIFT - 10));
}

static noreturn void start_on_own_stack(void);
static u64 entry_tsc;

noreturn void __start_xen(u32 magic, u32 info)
{
	struct cpu_info *ci = get_cpu_info();

	entry_tsc = rdtsc();
	memset(ci, 0, sizeof(*ci));
	trap_init();
	multiboot_parse(magic, info);
	strlcpy(saved_cmdline, boot_info.cmdline, sizeof(saved_cmdline));
	cmdline_parse(boot_info.cmdline);
	console_init_preirq();
	printk(XENLOG_ALWAYS "%s", xen_banner);
	printk(XENLOG_INFO "Command line: %s\n", boot_info.cmdline);
	printk(XENLOG_INFO "Bootloader: %s\n", boot_info.loader);
	cmdline_report();
	e820_setup();
	memory_init();

	if (percpu_alloc(0))
		panic("No memory for the boot CPU's stacks\n");
	__asm__ volatile("mov %0, %%rsp; jmp *%1" ::"r"((char *)percpu_stack_top(0) - 8),
		"r"(start_on_own_stack)
		: "memory");
	__builtin_unreachable();
}

static noreturn void start_on_own_stack(void)
{
	const struct boot_module *mods = boot_info.module;

	cpu_load_tables(0);
	cpu_init_features_bsp();
	system_policy_init();
	apply_alternatives();
	softirq_init();
	rcu_init();
	timer_init();
	if (timer_init_cpu(0))
		panic("No memory for timers\n");
	acpi_rsdp_hint = boot_info.rsdp;
	acpi_init();
	time_init();
	init_irq();
	apic_init_bsp();
	smp_enumerate_cpus();
	smp_init_vectors();
	apic_timer_init();
	pci_init();
	msi_init();
	keyhandler_init();
	page_alloc_init_keys();
	cstate_init_keys();
	scheduler_init();
	setup_system_domains();
	m2p_share();
	set_current(per_cpu(idle_vcpu, 0));
	local_irq_enable();
	console_init_irq();
	time_init_late();
	irq_timers_init();
	smp_boot_cpus();
	trace_init();

	if (!boot_info.nr_modules)
		panic("No dom0 kernel: the boot loader has to load it as a module\n");
	if (construct_dom0(&mods[0], boot_info.nr_modules > 1 ? &mods[1] : NULL))
		panic("Could not set up DOM0\n");
	free_modules();
	nmi_init();
	printk(XENLOG_INFO "Ready to start dom0 after %lu ms\n", (unsigned long)((rdtsc() - entry_tsc) / cpu_khz));
	console_endboot();
	paging_free_init();
	domain_unpause_by_systemcontroller(hardware_domain);
	reset_stack_and_jump(idle_loop);
}
