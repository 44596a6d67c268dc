/*
 * From the boot loader's 32-bit world to __start_xen() in 64-bit mode at the linked address.
 *
 * The image is a flat file with both multiboot headers, whose address fields tell the loader where
 * it goes. Initial page tables map the first 4 GiB at 0, in the direct map and (1 GiB of it) at the
 * image's address.
 */
#include <asm/page.h>
#include <asm/msr-index.h>
#include <asm/asm-offsets.h>

#define PA(sym) (sym - XEN_VIRT_START)
#define MB1_MAGIC 0x1badb002
#define MB1_FLAGS 0x00010003 /* page-aligned modules, memory map, address fields */
#define MB2_MAGIC 0xe85250d6

	.section .multiboot, "ax"
	.code32
	.globl start
start:
	jmp 1f
	.balign 4
mb1_header:
	.long MB1_MAGIC, MB1_FLAGS, -(MB1_MAGIC + MB1_FLAGS)
	.long PA(mb1_header), PA(_start), PA(_edata), PA(_end), PA(start)

	.balign 8
mb2_header:
	.long MB2_MAGIC, 0, mb2_end - mb2_header, -(MB2_MAGIC + mb2_end - mb2_header)
	.short 2, 0 /* addresses */
	.long 24, PA(mb2_header), PA(_start), PA(_edata), PA(_end)
	.short 3, 0 /* entry point */
	.long 12, PA(start)
	.balign 8
	.short 6, 0 /* modules on page boundaries */
	.long 8
	.short 4, 1 /* console: text mode is fine */
	.long 12, 2
	.balign 8
	.short 0, 0
	.long 8
mb2_end:

1:	cli
	cld
	lgdt PA(boot_gdtr)
	mov $PA(boot_stack_end), %esp
	mov %eax, %ebp /* loader's magic */
	mov %ebx, %esi /* loader's information */

	/* Long mode there? */
	mov $0x80000000, %eax
	cpuid
	cmp $0x80000001, %eax
	jb no_long_mode
	mov $0x80000001, %eax
	cpuid
	bt $29, %edx
	jnc no_long_mode
	mov %edx, %edi

	/* Four L2 tables of 2 MiB pages: 4 GiB. */
	mov $PA(boot_l2), %edx
	mov $0x1e3, %eax /* P RW A D G PSE */
	mov $2048, %ecx
2:	mov %eax, (%edx)
	movl $0, 4(%edx)
	add $0x200000, %eax
	add $8, %edx
	loop 2b

	/* Enough memory to be loaded is enough to be entered: PAE, NX, SYSCALL, paging. */
	mov $0x20, %eax
	mov %eax, %cr4
	mov $PA(boot_l4), %eax
	mov %eax, %cr3
	mov $MSR_EFER, %ecx
	rdmsr
	or $0x101, %eax
	bt $20, %edi
	jnc 3f
	bts $11, %eax
3:	wrmsr
	mov %cr0, %eax
	or $0x80010023, %eax /* PG WP NE MP PE */
	and $~0x6000000c, %eax /* no CD NW TS EM */
	mov %eax, %cr0
	ljmp $8, $PA(start64_low)

no_long_mode:
	mov $PA(no_lm_text), %esi
	mov $0xb8000, %edi
4:	lodsb
	test %al, %al
	jz 6f
	mov $0x0f, %ah
	stosw
	mov $0x3fd, %dx
	mov %al, %bl
5:	in %dx, %al
	test $0x20, %al
	jz 5b
	mov $0x3f8, %dx
	mov %bl, %al
	out %al, %dx
	jmp 4b
6:	hlt
	jmp 6b
no_lm_text:
	.asciz "Xenith needs a 64-bit CPU.\r\n"

	.code64
start64_low:
	movabs $start64, %rax
	jmp *%rax
start64:
	lea boot_stack_end(%rip), %rsp
	xor %eax, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov %eax, %fs
	mov %eax, %gs
	/* .bss was cleared by the loader; be independent of that, except for the tables just filled. */
	lea _sbss(%rip), %rdi
	lea _ebss(%rip), %rcx
	sub %rdi, %rcx
	shr $3, %rcx
	rep stosq
	mov %ebp, %edi
	sub $STACK_CPUINFO_SIZE, %rsp /* struct cpu_info at the top */
	call __start_xen
	ud2

	.section .data.page_aligned, "aw"
	.balign 4096
	.globl boot_l4
boot_l4:
	.quad PA(boot_l3_low) + 0x63
	.fill 260, 8, 0
	.quad PA(boot_l3_low) + 0x63 /* 261: image */
	.quad PA(boot_l3_low) + 0x63 /* 262: direct map */
	.fill 249, 8, 0
boot_l3_low:
	.quad PA(boot_l2) + 0x63
	.quad PA(boot_l2) + 4096 + 0x63
	.quad PA(boot_l2) + 8192 + 0x63
	.quad PA(boot_l2) + 12288 + 0x63
	.fill 508, 8, 0
	.balign 8
boot_gdt:
	.quad 0
	.quad 0x00af9b000000ffff /* 64-bit code */
	.quad 0x00cf93000000ffff
	.globl boot_gdtr
boot_gdtr:
	.short 23
	.quad PA(boot_gdt)

	.section .bss.init, "aw", @nobits
	.balign PERCPU_BLOCK_SIZE
boot_stack:
	.fill PERCPU_BLOCK_SIZE, 1, 0
boot_stack_end:
	.balign 4096
boot_l2:
	.fill 4096 * 4, 1, 0
