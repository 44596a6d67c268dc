/* Entry of the kernel, its ELF notes, trap and callback entries, and the way back from a caught trap. */
#include <public/elfnote.h>
#include <public/xen.h>

.macro note_string type, text
	.balign 4
	.long 4, 2f - 1f, \type
	.asciz "Xen"
1:	.asciz "\text"
2:	.balign 4
.endm

.macro note_number type, value
	.balign 4
	.long 4, 8, \type
	.asciz "Xen"
	.quad \value
.endm

	.section .note.Xen, "a", @note
	note_string XEN_ELFNOTE_GUEST_OS, "xenith-test"
	note_string XEN_ELFNOTE_XEN_VERSION, "xen-3.0"
	note_string XEN_ELFNOTE_LOADER, "generic"
	note_string XEN_ELFNOTE_FEATURES, "pae_pgdir_above_4gb"
	note_number XEN_ELFNOTE_SUPPORTED_FEATURES, 1 << 11 /* dom0 */
	note_number XEN_ELFNOTE_ENTRY, start
	note_number XEN_ELFNOTE_VIRT_BASE, VIRT_BASE
	note_number XEN_ELFNOTE_PADDR_OFFSET, 0

	.text
	.globl start
start:
	cld
	mov $stack_area + 32768, %rsp /* vCPU 0's: struct vcpu lies at its other end */
	mov %rsi, %rdi
	xor %ebp, %ebp
	call guest_start
	ud2

/* A vCPU that lib/vcpu.c brought up; rdi: function, rsi: its argument. */
	.globl secondary_start
secondary_start:
	cld
	xor %ebp, %ebp
	mov %rdi, %rax
	mov %rsi, %rdi
	call *%rax
	call secondary_end
	ud2

/* Frame at entry: rcx, r11, [error code,] rip, cs, rflags, rsp, ss. Two registers make room for two numbers. */
.macro entry_plain name, vector
\name:
	pop %rcx
	pop %r11
	push $0
	push $\vector
	jmp trap_common
.endm

.macro entry_code name, vector
\name:
	pop %rcx
	pop %r11
	push $\vector
	jmp trap_common
.endm

	.balign 16
trap_common:
	cld
	push %rax
	push %rcx
	push %rdx
	push %rbx
	push %rbp
	push %rsi
	push %rdi
	push %r8
	push %r9
	push %r10
	push %r11
	push %r12
	push %r13
	push %r14
	push %r15
	mov %rsp, %rdi
	call trap_entry
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rdi
	pop %rsi
	pop %rbp
	pop %rbx
	pop %rdx
	pop %rcx
	pop %rax
	/* Vector and code become two words of the frame of the iret hypercall. */
	movq $0, 8(%rsp)
	mov %rcx, (%rsp)
	push %r11
	push %rax
	mov $__HYPERVISOR_iret, %eax
	syscall
	ud2

	.macro entry_one n
	.if \n == 8 || (\n >= 10 && \n <= 14) || \n == 17 || \n == 21
	entry_code trap_\n, \n
	.else
	entry_plain trap_\n, \n
	.endif
	.endm

	.altmacro
	.macro entries from, to
	.set n, \from
	.rept \to - \from
	entry_one %n
	.set n, n + 1
	.endr
	.endm
	entries 0, 256

	.globl event_entry, failsafe_entry, syscall_entry
	entry_plain event_entry, 256
failsafe_entry:
	pop %rcx
	pop %r11
	add $32, %rsp /* ds, es, fs, gs */
	push $0
	push $257
	jmp trap_common
	entry_plain syscall_entry, 258

	.section .rodata
	.globl trap_entries
	.balign 8
	.macro entry_address n
	.quad trap_\n
	.endm
trap_entries:
	.set n, 0
	.rept 256
	entry_address %n
	.set n, n + 1
	.endr
	.noaltmacro

	.text
/* int catch_begin(struct catch *): 0 at first; the trap's return ends here again with 1. */
	.globl catch_begin
catch_begin:
	mov (%rsp), %rax
	mov %rax, 0(%rdi)
	lea 8(%rsp), %rax
	mov %rax, 8(%rdi)
	mov %rbx, 16(%rdi)
	mov %rbp, 24(%rdi)
	mov %r12, 32(%rdi)
	mov %r13, 40(%rdi)
	mov %r14, 48(%rdi)
	mov %r15, 56(%rdi)
	xor %eax, %eax
	ret

	.globl catch_return
catch_return:
	cld
	mov 8(%rdi), %rsp
	mov 16(%rdi), %rbx
	mov 24(%rdi), %rbp
	mov 32(%rdi), %r12
	mov 40(%rdi), %r13
	mov 48(%rdi), %r14
	mov 56(%rdi), %r15
	mov $1, %eax
	jmp *(%rdi)

/* void iret_to(const struct iret_context *): the hypercall with the frame copied to this stack. */
	.globl iret_to
iret_to:
	sub $72, %rsp
	mov %rdi, %rsi
	mov %rsp, %rdi
	mov $9, %ecx
	rep movsq
	mov $__HYPERVISOR_iret, %eax
	syscall
	ud2

/*
 * The stacks of all vCPUs, 32 KiB each and aligned so. Traps of user mode start in the middle: the upper half is
 * for what the vCPU was doing before it went there.
 */
	.section .bss.stacks, "aw", @nobits
	.balign 32768
	.globl stack_area
stack_area:
	.skip 32768 * 4

	.section .note.GNU-stack, "", @progbits
