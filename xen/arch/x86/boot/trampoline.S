/*
 * Where the other CPUs start: copied to a page below 1 MiB. Real mode to 64-bit mode with the boot
 * page tables, then to start_secondary() on the CPU's own stack.
 */
#include <asm/page.h>
#include <asm/msr-index.h>

#define PA(sym) (sym - XEN_VIRT_START)
#define T(sym)  (sym - trampoline_start)

	.section .init.rodata, "a"
	.code16
	.balign 16
	.globl trampoline_start
trampoline_start:
	cli
	cld
	mov %cs, %ax
	mov %ax, %ds
	movzwl %ax, %ebx
	shl $4, %ebx
	lgdtl T(tr_gdtr)
	mov %cr0, %eax
	or $1, %al
	mov %eax, %cr0
	ljmpl *T(tr_far32)

	.code32
tr_32:
	mov $16, %eax
	mov %eax, %ds
	mov %eax, %ss
	mov $0x20, %eax
	mov %eax, %cr4
	mov $PA(boot_l4), %eax
	mov %eax, %cr3
	mov $MSR_EFER, %ecx
	rdmsr
	or $0x901, %eax /* NX LME SCE */
	wrmsr
	mov %cr0, %eax
	or $0x80010023, %eax
	and $~0x6000000c, %eax
	mov %eax, %cr0
	ljmpl *T(tr_far64)(%ebx)

	.code64
tr_64:
	xor %eax, %eax
	mov %eax, %ds
	mov %eax, %ss
	mov T(tr_stack)(%rbx), %rsp
	mov T(tr_cpu)(%rbx), %edi
	mov T(tr_entry)(%rbx), %rax
	mov T(tr_cr3)(%rbx), %rcx
	/* idle_l4 does not map low memory: go to the image first. */
	movabs $secondary_high, %rdx
	jmp *%rdx

	.balign 8
tr_gdt:
	.quad 0
	.quad 0x00cf9b000000ffff
	.quad 0x00cf93000000ffff
	.quad 0x00af9b000000ffff
tr_gdtr:
	.short 31
	.globl trampoline_gdt_base, trampoline_far32, trampoline_far64
trampoline_gdt_base:
	.long T(tr_gdt) /* + page address */
	.balign 4
tr_far32:
trampoline_far32:
	.long T(tr_32) /* + page address */
	.short 8
	.balign 4
tr_far64:
trampoline_far64:
	.long T(tr_64) /* + page address */
	.short 24
	.balign 8
	.globl trampoline_stack, trampoline_cpu, trampoline_entry, trampoline_cr3
tr_stack:
trampoline_stack:
	.quad 0
tr_entry:
trampoline_entry:
	.quad 0
tr_cr3:
trampoline_cr3:
	.quad 0
tr_cpu:
trampoline_cpu:
	.quad 0
	.globl trampoline_end
trampoline_end:

	.text
secondary_high:
	mov %rcx, %cr3
	sub $8, %rsp
	call *%rax
	ud2
	.section .note.GNU-stack, "", @progbits
