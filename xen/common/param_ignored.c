/* Boot options that other versions knew and that change nothing here: accepted without a word. */
#include <xen/param.h>

/* Choices of interrupt controller and table quirks that are made automatically. */
ignored_param("apic");
ignored_param("es7000");
ignored_param("noirqbalance");
ignored_param("no_ipi_broadcast");
ignored_param("ioapic_ack");
ignored_param("acpi_apic_instance");
ignored_param("x2apic");
ignored_param("x2apic_phys");
ignored_param("ats");
ignored_param("mmcfg");

/* Memory pools that the allocator no longer divides. */
ignored_param("dma_bits");
ignored_param("dma_emergency_pool");
ignored_param("lowmem_emergency_pool");
ignored_param("xenheap_megabytes");
ignored_param("allowhugepage");

/* Shadow modes for dom0, and loader quirks of the 32-bit hypervisor. */
ignored_param("dom0_shadow");
ignored_param("dom0_translate");
ignored_param("no-pv-compat");
ignored_param("nofxsr");

/* Processor tuning: idle states, frequency, errata. */
ignored_param("acpi_pstate_strict");
ignored_param("acpi_sleep");
ignored_param("allow_unsafe");
ignored_param("amd_flush_filter");
ignored_param("bm_history");
ignored_param("cachesize");
ignored_param("cpu_type");
ignored_param("cpufreq");
ignored_param("cpuidle");
ignored_param("hpetbroadcast");
ignored_param("idle_latency_factor");
ignored_param("lapic_timer_c2_ok");
ignored_param("max_cstate");
ignored_param("mce_fb");
ignored_param("mce_verbosity");
ignored_param("microcode.verbose");
ignored_param("noserialnumber");
ignored_param("sched_smt_power_savings");
ignored_param("tboot");
ignored_param("vcpu_migration_delay");
ignored_param("vpmu");

/* Graphics modes and the real-mode part of booting: the loader's work now. */
ignored_param("edd");
ignored_param("edid");
ignored_param("font");
ignored_param("fontslot");
ignored_param("no-real-mode");
ignored_param("vesa-map");
ignored_param("vesa-mtrr");
ignored_param("vesa-ram");

/* Debuggers and memory overcommitment that left the interface. */
ignored_param("cdb");
ignored_param("gdb");
ignored_param("pdb");
ignored_param("tmem");
ignored_param("tmem_compress");
ignored_param("tmem_dedup");
ignored_param("tmem_lock");
ignored_param("tmem_shared_auth");
ignored_param("tmem_tze");

/* Parts that are not there yet: trace buffers, NUMA placement, IOMMU, hardware guests, TSC emulation. */
ignored_param("numa");
ignored_param("msi");
ignored_param("nomce");
ignored_param("mce");
ignored_param("cpuinfo");
ignored_param("debugtrace");
ignored_param("debug_stack_lines");
ignored_param("iommu");
ignored_param("xsave");
ignored_param("hap");
ignored_param("tsc_unstable");
ignored_param("softtsc");
