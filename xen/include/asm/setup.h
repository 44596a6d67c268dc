/* Boot-time hand-over between the files of arch/x86/boot/ and the builders. */
#ifndef ASM_SETUP_H
#define ASM_SETUP_H

#include <xen/types.h>

#define E820_RAM      1
#define E820_RESERVED 2
#define E820_ACPI     3
#define E820_NVS      4
#define E820_UNUSABLE 5
#define E820_MAX      256

struct e820_entry {
	u64 addr, size;
	u32 type;
} __attribute__((packed));

struct e820_map {
	unsigned int nr;
	struct e820_entry map[E820_MAX];
};
/* The firmware's map, sorted and without overlaps; the one we use is cut by mem= and friends. */
extern struct e820_map e820_raw, e820;

struct boot_module {
	paddr_t start;
	size_t size;
	char cmdline[1024];
};

#define MAX_MODULES 8
struct boot_info {
	const char *loader;
	char cmdline[2048];
	unsigned int nr_modules;
	struct boot_module module[MAX_MODULES];
	paddr_t rsdp; /* from the loader, 0 = unknown */
	bool text_mode;
};
extern struct boot_info boot_info;

/* Fill boot_info and e820_raw from the loader's data. Panics on an unknown loader. */
void multiboot_parse(u32 magic, u32 info);
/* Sort, trim and print e820_raw into e820. */
void e820_setup(void);

/* mm/paging.c: */
void paging_build(void);       /* direct map, frame table, M2P; switches to them */
void paging_free_init(void);   /* booting is over: .init is unmapped and becomes free memory */

void cpu_init_features_bsp(void);
void cpu_init_features(void); /* every CPU: control registers and MSRs */
void trap_init(void);         /* BSP: builds the IDT */
void percpu_init_bsp(void);
/* Allocate a CPU's data, stacks and descriptor tables. -ENOMEM. */
int percpu_alloc(unsigned int cpu);
/* Load GDT, TSS, IDT and system-call MSRs; runs on that CPU, on its own stack. */
void cpu_load_tables(unsigned int cpu);
void smp_boot_cpus(void);
void time_init(void);
void time_init_late(void);
int construct_dom0(const struct boot_module *kernel, const struct boot_module *initrd);
void apply_alternatives(void);
void cstate_init_keys(void);
void system_policy_init(void); /* BSP, when its features are set up */
void setup_idle_domain(void);

noreturn void __start_xen(u32 magic, u32 info);

#endif
