/* What the boot loader tells us: command line, modules, memory map (multiboot 0.6.96 and 2.0). */
#include <xen/lib.h>
#include <xen/mm.h>
#include <asm/setup.h>

#define MB1_BOOTLOADER_MAGIC 0x2badb002
#define MB2_BOOTLOADER_MAGIC 0x36d76289

#define MBI_CMDLINE 0x004
#define MBI_MODULES 0x008
#define MBI_MEMMAP  0x040
#define MBI_LOADER  0x200

struct mb1_info {
	u32 flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr;
	u32 syms[4];
	u32 mmap_length, mmap_addr, drives_length, drives_addr, config_table, loader_name;
};

struct mb1_module {
	u32 start, end, string, reserved;
};

struct mb1_mmap {
	u32 size;
	u64 addr, len;
	u32 type;
} __packed;

struct mb2_tag {
	u32 type, size;
};

struct boot_info boot_info __initdata;

static void __init add_e820(u64 addr, u64 len, u32 type)
{
	if (len && e820_raw.nr < E820_MAX)
		e820_raw.map[e820_raw.nr++] = (struct e820_entry){ addr, len, type };
}

static void __init add_module(u32 start, u32 end, const char *cmdline)
{
	struct boot_module *m = &boot_info.module[boot_info.nr_modules];

	if (boot_info.nr_modules == MAX_MODULES || end <= start)
		return;
	m->start = start;
	m->size = end - start;
	strlcpy(m->cmdline, cmdline, sizeof(m->cmdline));
	boot_info.nr_modules++;
}

/*
 * Multiboot 1 leaves open whether a command line begins with the image's name. It does from GRUB
 * Legacy ("GRUB 0.97") and from loaders like it; GRUB 2 passes the arguments alone.
 */
static bool __init names_images(const struct mb1_info *mbi)
{
	const char *name = mbi->flags & MBI_LOADER ? maddr_to_virt(mbi->loader_name) : "";

	return strncmp(name, "GRUB ", 5) || name[5] == '0';
}

static const char *__init arguments_of(u32 pa, bool named)
{
	const char *s = pa ? maddr_to_virt(pa) : "";

	if (!named)
		return s;
	while (*s == ' ')
		s++;
	while (*s && *s != ' ')
		s++;
	while (*s == ' ')
		s++;
	return s;
}

static void __init parse_mb1(u32 pa)
{
	const struct mb1_info *mbi = maddr_to_virt(pa);
	bool named = names_images(mbi);

	boot_info.loader = "multiboot";
	boot_info.text_mode = true;
	if (mbi->flags & MBI_CMDLINE)
		strlcpy(boot_info.cmdline, arguments_of(mbi->cmdline, named),
			sizeof(boot_info.cmdline));
	if (mbi->flags & MBI_MODULES) {
		const struct mb1_module *m = maddr_to_virt(mbi->mods_addr);

		for (u32 i = 0; i < mbi->mods_count; i++)
			add_module(m[i].start, m[i].end, arguments_of(m[i].string, named));
	}
	if (mbi->flags & MBI_MEMMAP) {
		for (u32 off = 0; off + sizeof(struct mb1_mmap) <= mbi->mmap_length;) {
			const struct mb1_mmap *e = maddr_to_virt(mbi->mmap_addr + off);

			add_e820(e->addr, e->len, e->type);
			off += e->size + 4;
		}
	} else {
		add_e820(0, (u64)mbi->mem_lower << 10, E820_RAM);
		add_e820(0x100000, (u64)mbi->mem_upper << 10, E820_RAM);
	}
}

static void __init parse_mb2_mmap(const struct mb2_tag *tag)
{
	const u32 *h = (const u32 *)(tag + 1); /* entry size, version */

	for (u32 off = 16; h[0] >= 20 && off + 20 <= tag->size; off += h[0]) {
		const struct e820_entry *e = (const void *)((const char *)tag + off);

		add_e820(e->addr, e->size, e->type);
	}
}

static void __init parse_mb2(u32 pa)
{
	const u8 *base = maddr_to_virt(pa);
	u32 total = *(const u32 *)base;

	boot_info.loader = "multiboot2";
	boot_info.text_mode = true;
	for (u32 off = 8; off + 8 <= total;) {
		const struct mb2_tag *tag = (const void *)(base + off);
		const u32 *body = (const u32 *)(tag + 1);

		if (tag->type == 0 || tag->size < 8)
			break;
		switch (tag->type) {
		case 1:
			strlcpy(boot_info.cmdline, (const char *)body, sizeof(boot_info.cmdline));
			break;
		case 3:
			add_module(body[0], body[1], (const char *)(body + 2));
			break;
		case 6:
			parse_mb2_mmap(tag);
			break;
		case 8: /* framebuffer: type at offset 29, 2 = text */
			boot_info.text_mode = ((const u8 *)tag)[29] == 2;
			break;
		case 14: /* copies of the RSDP, version 1 and 2 */
		case 15:
			boot_info.rsdp = pa + off + 8;
			break;
		}
		off += ROUNDUP(tag->size, 8);
	}
}

void __init multiboot_parse(u32 magic, u32 info)
{
	if (magic == MB1_BOOTLOADER_MAGIC)
		parse_mb1(info);
	else if (magic == MB2_BOOTLOADER_MAGIC)
		parse_mb2(info);
	else
		panic("Not started by a multiboot loader (magic %#x)\n", magic);
}
