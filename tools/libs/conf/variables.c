/* The table of all variables of a domain's configuration. Order is that of help and of the "(vm
 * ...)". */
#include "private.h"
#include <string.h>

/* clang-format off */
#define STRING(name, place, def, choices, help) { name, CONF_STRING, place, false, def, choices, 0, 0, help }
#define INT(name, place, def, min, max, help)   { name, CONF_INT, place, false, def, NULL, min, max, help }
#define BOOL(name, place, def, help)            { name, CONF_BOOL, place, false, def, NULL, 0, 1, help }
#define LIST(name, place, help)                 { name, CONF_LIST, place, false, NULL, NULL, 0, 0, help }
#define ACTIONS "destroy|restart|preserve|rename-restart"

const struct conf_variable conf_variables[] = {
	/* the domain */
	STRING("name", CONF_VM, NULL, NULL, "name, unique on the host; default: the file's name"),
	STRING("uuid", CONF_VM, NULL, NULL, "identity; default: a random one"),
	STRING("description", CONF_VM, NULL, NULL, "free text"),
	{ "memory", CONF_INT, CONF_VM, true, "128", NULL, 1, 2 << 20, "memory at the start, in MiB" },
	INT("maxmem", CONF_VM, NULL, 1, 2 << 20, "memory it may grow to, in MiB; default: memory"),
	INT("shadow_memory", CONF_VM, NULL, 0, 1 << 20, "memory for the hypervisor's page tables, in MiB"),
	INT("vcpus", CONF_SPECIAL, "1", 1, 128, "virtual CPUs"),
	INT("maxvcpus", CONF_SPECIAL, NULL, 1, 128, "virtual CPUs it may grow to; vcpus of them are online"),
	INT("vcpu_avail", CONF_SPECIAL, NULL, 1, INT64_MAX, "bit mask of virtual CPUs online at the start"),
	INT("cpu", CONF_SPECIAL, "-1", -1, 4095, "physical CPU to start on; -1: any"),
	{ "cpus", CONF_CPUS, CONF_SPECIAL, false, NULL, NULL, 0, 0,
		"physical CPUs it may use: \"0-3,5,^1\", or a list with one such text for each virtual CPU" },
	INT("cpu_weight", CONF_VM, "256", 1, 65535, "credit scheduler: share of CPU time against other domains"),
	INT("cpu_cap", CONF_VM, "0", 0, 12800, "credit scheduler: limit in percent of one CPU; 0: none"),
	STRING("pool", CONF_OLD, NULL, NULL, "CPU pool"),

	/* what it does at an end */
	{ "on_poweroff", CONF_STRING, CONF_VM, true, "destroy", ACTIONS, 0, 0, "what happens when it powers off" },
	{ "on_reboot", CONF_STRING, CONF_VM, true, "restart", ACTIONS, 0, 0, "what happens when it reboots" },
	{ "on_crash", CONF_STRING, CONF_VM, true, "restart", ACTIONS "|coredump-destroy|coredump-restart", 0, 0,
		"what happens when it crashes" },
	STRING("restart", CONF_SPECIAL, NULL, "always|onreboot|never", "old form of the three above"),
	STRING("on_xend_start", CONF_VM, "ignore", "ignore|start", "managed domains: what xend does when it starts"),
	STRING("on_xend_stop", CONF_VM, "ignore", "ignore|shutdown|suspend", "what xend does when it stops"),

	/* what it boots */
	STRING("bootloader", CONF_VM, NULL, NULL, "program that finds the kernel on the guest's disk: pygrub"),
	STRING("bootargs", CONF_SPECIAL, NULL, NULL, "arguments of the bootloader"),
	STRING("bootentry", CONF_SPECIAL, NULL, NULL, "entry of the boot menu: number, title or identifier"),
	STRING("builder", CONF_SPECIAL, "linux", "linux|generic|hvm|vmx", "linux: paravirtual; hvm: a whole machine"),
	STRING("kernel", CONF_IMAGE, NULL, NULL, "kernel, a file of dom0"),
	STRING("ramdisk", CONF_IMAGE, NULL, NULL, "initial RAM disk, a file of dom0"),
	STRING("loader", CONF_HVM, NULL, NULL, "firmware"),
	STRING("features", CONF_VM, NULL, NULL, "features of the kernel to use: \"name|name\""),
	STRING("root", CONF_SPECIAL, NULL, NULL, "kernel argument root=; \"/dev/xvda1 ro\""),
	STRING("extra", CONF_SPECIAL, NULL, NULL, "more kernel arguments"),
	STRING("ip", CONF_SPECIAL, NULL, NULL, "kernel argument ip=: address"),
	STRING("ipaddr", CONF_SPECIAL, NULL, NULL, "the same"),
	STRING("netmask", CONF_SPECIAL, NULL, NULL, "kernel argument ip=: net mask"),
	STRING("gateway", CONF_SPECIAL, NULL, NULL, "kernel argument ip=: gateway"),
	STRING("hostname", CONF_SPECIAL, NULL, NULL, "kernel argument ip=: host name"),
	STRING("interface", CONF_SPECIAL, "eth0", NULL, "kernel argument ip=: interface"),
	STRING("dhcp", CONF_SPECIAL, "off", "off|on|dhcp|bootp|rarp|both|any|0|1", "kernel argument ip=: protocol"),
	STRING("nfs_server", CONF_SPECIAL, NULL, NULL, "server of the root directory"),
	STRING("nfs_root", CONF_SPECIAL, NULL, NULL, "path of the root directory on that server"),

	/* devices */
	LIST("disk", CONF_SPECIAL, "disks: \"uname,dev,mode[,backend[,protocol]]\", such as \"phy:vg/a,xvda,w\""),
	LIST("vif", CONF_SPECIAL, "NICs: \"key=value,...\" with type mac bridge ip script backend vifname rate model accel"),
	INT("nics", CONF_SPECIAL, NULL, 0, 64, "old: number of NICs; missing ones get defaults"),
	LIST("vfb", CONF_SPECIAL, "framebuffer: \"key=value,...\" with type vnc sdl vncdisplay vnclisten vncunused "
		"vncpasswd display xauthority opengl keymap videoram"),
	LIST("ioports", CONF_SPECIAL, "I/O ports it may use: \"3f8-3ff\", hexadecimal"),
	LIST("irq", CONF_SPECIAL, "physical interrupts it may use"),
	LIST("pci", CONF_LATER, "PCI devices: \"[seg:]bus:dev.func[@slot]\""),
	LIST("vscsi", CONF_LATER, "SCSI devices: \"pdev,vdev[,dom]\""),
	LIST("vusb", CONF_LATER, "USB controllers: usbver numports port_N"),
	LIST("vtpm", CONF_LATER, "TPMs: instance backend type uuid"),
	LIST("vif2", CONF_LATER, "NICs of the second kind"),
	INT("console", CONF_OLD, NULL, 0, 65535, "TCP port of the console"),
	STRING("blkif", CONF_LATER, NULL, NULL, "serves disks to other domains"),
	STRING("netif", CONF_LATER, NULL, NULL, "serves NICs to other domains"),
	STRING("tpmif", CONF_LATER, NULL, NULL, "serves TPMs to other domains"),
	INT("target", CONF_LATER, NULL, 0, 32751, "domain that this one emulates devices for"),

	/* a whole machine */
	BOOL("acpi", CONF_HVM, "1", "ACPI tables"),
	BOOL("apic", CONF_HVM, "1", "local APIC and I/O APIC"),
	BOOL("lapic", CONF_HVM, "1", "local APIC"),
	BOOL("pae", CONF_HVM, "1", "physical address extension"),
	BOOL("hap", CONF_HVM, "1", "nested paging where the processor has it"),
	BOOL("oos", CONF_HVM, "1", "shadow pages may be out of step"),
	BOOL("hpet", CONF_HVM, "0", "HPET"),
	INT("timer_mode", CONF_HVM, "1", 0, 3, "how timer ticks that were missed are delivered"),
	INT("tsc_mode", CONF_IMAGE, "0", 0, 3, "time stamp counter: 0 automatic, 1 emulated, 2 native, 3 with PVRDTSCP"),
	BOOL("vpt_align", CONF_HVM, "1", "aligns periodic timers"),
	BOOL("viridian", CONF_HVM, "0", "Hyper-V's interface for Windows"),
	BOOL("nomigrate", CONF_IMAGE, "0", "may not be migrated or saved"),
	BOOL("localtime", CONF_VM, "0", "its clock is in local time"),
	INT("rtc_timeoffset", CONF_VM, "0", -(1LL << 31), (1LL << 31) - 1, "its clock's distance from UTC, in seconds"),
	STRING("boot", CONF_HVM, "c", NULL, "order of boot devices: a floppy, c disk, d CD, n network"),
	STRING("device_model", CONF_HVM, "qemu-dm", NULL, "emulator"),
	STRING("cdrom", CONF_OLD, NULL, NULL, "CD; use disk"),
	STRING("fda", CONF_HVM, NULL, NULL, "image of the first floppy"),
	STRING("fdb", CONF_HVM, NULL, NULL, "image of the second floppy"),
	BOOL("ne2000", CONF_OLD, "0", "emulated NIC; use model= of vif"),
	BOOL("stdvga", CONF_HVM, "0", "standard VGA instead of Cirrus Logic"),
	INT("videoram", CONF_HVM, "4", 1, 256, "video memory, in MiB"),
	BOOL("gfx_passthru", CONF_LATER, "0", "physical VGA"),
	BOOL("isa", CONF_HVM, "0", "ISA only"),
	BOOL("xen_platform_pci", CONF_HVM, "1", "PCI device for paravirtual drivers"),
	STRING("guest_os_type", CONF_HVM, NULL, NULL, "operating system"),
	STRING("serial", CONF_HVM, NULL, NULL, "serial port: pty, stdio, tcp:..."),
	STRING("parallel", CONF_HVM, NULL, NULL, "parallel port"),
	BOOL("monitor", CONF_HVM, "0", "monitor of the emulator"),
	STRING("monitor_path", CONF_HVM, NULL, NULL, "where the monitor listens"),
	BOOL("sdl", CONF_HVM, "0", "screen by SDL"),
	BOOL("vnc", CONF_HVM, "1", "screen by VNC"),
	BOOL("opengl", CONF_HVM, "1", "SDL by OpenGL"),
	BOOL("vncviewer", CONF_XM, "0", "old: starts a viewer"),
	BOOL("vncconsole", CONF_XM, "0", "starts a viewer after the domain"),
	INT("vncdisplay", CONF_HVM, NULL, 0, 59535, "VNC display; default: the domain's id"),
	STRING("vnclisten", CONF_HVM, NULL, NULL, "VNC: address to listen on"),
	BOOL("vncunused", CONF_HVM, "1", "VNC: takes the first free display"),
	STRING("vncpasswd", CONF_HVM, NULL, NULL, "VNC: password"),
	STRING("display", CONF_HVM, NULL, NULL, "X display for SDL"),
	STRING("xauthority", CONF_HVM, NULL, NULL, "X authority for SDL"),
	BOOL("full-screen", CONF_HVM, "0", "SDL: whole screen"),
	BOOL("nographic", CONF_HVM, "0", "no screen"),
	STRING("keymap", CONF_HVM, NULL, NULL, "keyboard layout"),
	STRING("soundhw", CONF_HVM, NULL, NULL, "sound: sb16, es1370, all"),
	BOOL("enable-audio", CONF_HVM, "0", "sound"),
	STRING("audio", CONF_OLD, NULL, NULL, "sound; use soundhw"),
	BOOL("usb", CONF_HVM, "0", "USB"),
	STRING("usbdevice", CONF_HVM, NULL, NULL, "USB device: mouse, tablet, host:vendor:product"),
	STRING("usbport", CONF_OLD, NULL, NULL, "USB port"),
	BOOL("snapshot", CONF_HVM, "0", "writes to disks are forgotten"),
	LIST("cpuid", CONF_LATER, "bits of CPUID: \"leaf[,sub]:reg=bits\""),
	LIST("cpuid_check", CONF_LATER, "bits of CPUID that the host must have"),
	BOOL("pci_msitranslate", CONF_LATER, "1", "passthrough: MSI in place of INTx"),
	BOOL("pci_power_mgmt", CONF_LATER, "0", "passthrough: power management"),
	INT("xen_extended_power_mgmt", CONF_OLD, "0", 0, 1, "passthrough: power management"),

	/* security, and what few need */
	LIST("access_control", CONF_LATER, "\"policy=...,label=...\""),
	INT("ssidref", CONF_LATER, NULL, 0, 0xffffffff, "security identifier"),
	BOOL("superpages", CONF_IMAGE, "0", "memory in large pages only"),
	BOOL("memory_sharing", CONF_LATER, "0", "shares equal pages with other domains"),
	BOOL("s3_integrity", CONF_OLD, "1", "checks memory after the host slept"),
	INT("machine_address_size", CONF_VM, NULL, 32, 64, "memory below 2^N only"),
	BOOL("suppress_spurious_page_faults", CONF_OLD, "0", "for guests that cannot bear them"),
	INT("vhpt", CONF_OLD, NULL, 0, 64, "of another architecture"),
	STRING("load", CONF_OLD, NULL, NULL, "old"),
	{ 0 }
};
/* clang-format on */

const struct conf_variable *conf_variable(const char *name)
{
	for (const struct conf_variable *v = conf_variables; v->name; v++)
		if (!strcmp(v->name, name))
			return v;
	return NULL;
}

/* Levenshtein's distance, with the swap of two neighbours as one change. */
static unsigned distance(const char *a, const char *b)
{
	unsigned rows[3][64];
	unsigned *before = rows[0], *last = rows[1], *row = rows[2], *spare;
	size_t n = strlen(a), m = strlen(b);

	if (n >= G_N_ELEMENTS(rows[0]) || m >= G_N_ELEMENTS(rows[0]))
		return n + m;
	for (size_t j = 0; j <= m; j++)
		last[j] = j;
	for (size_t i = 1; i <= n; i++) {
		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			row[j] = MIN(
				MIN(last[j], row[j - 1]) + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = MIN(row[j], before[j - 2] + 1);
		}
		spare = before;
		before = last;
		last = row;
		row = spare;
	}
	return last[m];
}

const char *conf_nearest(const char *name, const char *const *names, gsize count)
{
	unsigned best = strlen(name) < 3   ? 1
			: strlen(name) < 6 ? 2
					   : 3; /* less than this is alike */
	const char *found = NULL;

	for (gsize i = 0; i < count; i++) {
		unsigned d = distance(name, names[i]);

		if (d < best) {
			best = d;
			found = names[i];
		}
	}
	return found;
}
