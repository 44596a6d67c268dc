/* The image: linked at its place in slot 261, loaded at XEN_LOAD_PADDR as one flat file. */
#include <asm/config.h>

OUTPUT_FORMAT("elf64-x86-64")
OUTPUT_ARCH(i386:x86-64)
ENTRY(start)

PHDRS { text PT_LOAD FLAGS(5); ro PT_LOAD FLAGS(4); data PT_LOAD FLAGS(6); note PT_NOTE FLAGS(4); }

SECTIONS
{
	. = XEN_VIRT_START + XEN_LOAD_PADDR;
	_start = .;
	.text : {
		_stext = .;
		KEEP(*(.multiboot))
		*(.text.entry)
		*(.fixup)
		*(.text.hot .text.hot.*)
		*(.text .text.*)
		_etext = .;
	} :text = 0xcccccccc
	. = ALIGN(4096);
	.rodata : {
		_srodata = .;
		*(.rodata .rodata.*)
		. = ALIGN(8);
		__start_ex_table = .;
		KEEP(*(.ex_table))
		__stop_ex_table = .;
		. = ALIGN(8);
		__start_alternatives = .;
		KEEP(*(.alternatives))
		__stop_alternatives = .;
		. = ALIGN(8);
		__param_start = .;
		KEEP(*(.init.setup))
		__param_end = .;
		_erodata = .;
	} :ro
	.note.gnu.build-id : {
		__note_build_id_start = .;
		KEEP(*(.note.gnu.build-id))
		__note_build_id_end = .;
	} :ro :note
	. = ALIGN(4096);
	.init : {
		_sinit = .;
		*(.init.text)
		. = ALIGN(16);
		*(.init.rodata .init.rodata.*)
		*(.init.data)
		. = ALIGN(4096);
		_einit = .;
	} :data
	.data : {
		_sdata = .;
		*(.data.page_aligned)
		*(.data.read_mostly)
		*(.data.ro_after_init)
		*(.data .data.*)
		/* Behind all code: the second link, which fills it, must not move any. */
		. = ALIGN(8);
		KEEP(*(.symbols .symbols.*))
		. = ALIGN(8);
		_edata = .;
	} :data
	. = ALIGN(4096);
	.bss : {
		_sbss = .;
		*(.bss.page_aligned)
		*(.bss) /* not .bss.init: the boot page tables must survive the clearing */
		*(COMMON)
		. = ALIGN(128);
		__per_cpu_start = .;
		*(.bss.percpu)
		. = ALIGN(128);
		__per_cpu_end = .;
		. = ALIGN(4096);
		_ebss = .;
	} :data
	/* Used only while booting; given back afterwards with the .init part. */
	.init.bss (NOLOAD) : {
		*(.bss.init)
		. = ALIGN(4096);
	} :data
	_end = .;

	/DISCARD/ : { *(.eh_frame) *(.comment) *(.note.GNU-stack) *(.note.gnu.property) *(.interp) *(.dynamic) *(.dynsym) *(.dynstr) *(.gnu.hash) *(.hash) }
}
