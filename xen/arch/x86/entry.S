/*
 * The ways into the hypervisor and back to the guest.
 *
 * Each CPU has one stack, with struct cpu_info at its top. Entries from the guest find it empty and
 * leave the guest's registers in cpu_info.guest_regs; nested exceptions push below. A system call
 * saves only what C may clobber: the rest stays in the registers until a softirq needs the full set.
 * Interrupts are off from the last look at pending work until the guest runs.
 *
 * The two paths that run most, a guest application's system call into its kernel and the guest
 * kernel's iret hypercall, are complete here and leave for C only in unusual cases.
 */
#include <asm/config.h>
#include <asm/asm-offsets.h>
#include <asm/alternative.h>
#include <asm/extable.h>

#define HYPERCALL_IRET 23
#define NR_HYPERCALLS  64
#define ERESTART       85
#define FLAGS_IF       0x200
/* What a guest handler is entered without: TF, DF, IOPL, NT, RF, VM, AC. */
#define FLAGS_ENTER_CLEAR (0x100 | 0x400 | 0x3000 | 0x4000 | 0x10000 | 0x20000 | 0x40000)

/* An access to guest memory: on a fault go to `fix`. */
#define GUEST(fix, ...) 771: __VA_ARGS__; EXTABLE(771b, fix)

#define ENTRY(n) .globl n; .type n, @function; n:
#define END(n)   .size n, . - n

	.macro SAVE_GPRS
	push %rdi
	push %rsi
	push %rdx
	push %rcx
	push %rax
	push %r8
	push %r9
	push %r10
	push %r11
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	.endm

	.macro RESTORE_GPRS
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rax
	pop %rcx
	pop %rdx
	pop %rsi
	pop %rdi
	.endm

	/* From an exception or interrupt: all registers saved, rdi = the frame, flags as C wants them. */
	.macro ENTER_XEN
	SAVE_GPRS
	cld
	CLAC
	mov %rsp, %rdi
	.endm

	/* C wants 16-byte alignment at the call; register frames are 8 off. */
	.macro CALL_C fn
	sub $8, %rsp
	call \fn
	add $8, %rsp
	.endm

	/* Jump to \label when a softirq is pending on this CPU. rsp is \off below guest_regs. */
	.macro IF_SOFTIRQ label, off=0
	mov CPUINFO_per_cpu_offset + \off(%rsp), %rcx
	lea per_cpu__softirq_pending(%rip), %rdx
	cmpq $0, (%rcx, %rdx)
	jne \label
	.endm

	/* Jump to \label when the guest kernel must be told of an event now. */
	.macro IF_EVENT label, off=0
	mov CPUINFO_current_vcpu + \off(%rsp), %rcx
	mov VCPU_vcpu_info(%rcx), %rdx
	cmpb $0, VCPUINFO_mask(%rdx)
	jne 199f
	cmpb $0, VCPUINFO_pending(%rdx)
	jne \label
199:
	.endm

/* --- System calls ---------------------------------------------------------------------------- */

/*
 * The page that every CPU has mapped at the start of its block, so that one code finds each CPU's
 * own stack at a fixed distance. Interrupts are off (MSR_SYSCALL_MASK).
 */
	.section .text.entry, "ax"
	.balign 4096
ENTRY(percpu_entry_page)
#define TOP(off) percpu_entry_page + PERCPU_BLOCK_SIZE - CPUINFO_sizeof + off
	.macro SYSCALL_STUB cs, target
	mov %rsp, TOP(CPUINFO_syscall_rsp)(%rip)
	lea TOP(UREGS_es)(%rip), %rsp
	pushq $RING3_SS
	pushq TOP(CPUINFO_syscall_rsp)(%rip)
	push %r11
	pushq $\cs
	push %rcx
	pushq $0
	movabs $\target, %rcx
	jmp *%rcx
	.endm
	SYSCALL_STUB RING3_CS64, syscall_entry
	.balign 128
	.globl percpu_entry_cstar
percpu_entry_cstar:
	SYSCALL_STUB RING3_CS32, cstar_entry
	.balign 128
	.globl percpu_entry_sysenter
percpu_entry_sysenter: /* no return address: the callback knows it (rsp was loaded from the MSR) */
	pushq $RING3_SS
	pushq $0
	pushfq
	pushq $RING3_CS32
	pushq $0
	pushq $0
	push %rcx
	movabs $sysenter_entry, %rcx
	jmp *%rcx
	.balign 4096, 0xcc
END(percpu_entry_page)

ENTRY(syscall_entry)
	sub $UREGS_error_code, %rsp
	mov CPUINFO_current_vcpu(%rsp), %rcx
	testb $TF_KERNEL_MODE, VCPU_flags(%rcx)
	jnz hypercall_entry

	/* A guest application calls its kernel: frame of rcx r11 rip cs rflags rsp ss. */
	mov %rax, UREGS_rax(%rsp)
	cmpq $0, VCPU_syscall_frame(%rcx)
	je syscall_slow
	mov VCPU_vcpu_info(%rcx), %rax
	cmpb $0, VCPUINFO_mask(%rax)
	jne syscall_slow
	movb $1, VCPUINFO_mask(%rax)
	mov VCPU_load_kernel(%rcx), %rax
	mov %rax, %cr3
	swapgs
	orl $TF_KERNEL_MODE, VCPU_flags(%rcx)
	mov VCPU_syscall_frame(%rcx), %rax
	STAC
	GUEST(syscall_fault, movq $RING3_CS64, 24(%rax))
	GUEST(syscall_fault, movq $RING3_SS, 48(%rax))
	mov UREGS_rip(%rsp), %r11
	GUEST(syscall_fault, mov %r11, (%rax))
	GUEST(syscall_fault, mov %r11, 16(%rax))
	mov UREGS_rsp(%rsp), %r11
	GUEST(syscall_fault, mov %r11, 40(%rax))
	mov UREGS_eflags(%rsp), %r11
	GUEST(syscall_fault, mov %r11, 8(%rax))
	GUEST(syscall_fault, mov %r11, 32(%rax))
	CLAC
	and $~FLAGS_ENTER_CLEAR, %r11d
	mov VCPU_syscall_entry(%rcx), %rcx
	mov %rax, UREGS_rsp(%rsp)
	mov UREGS_rax(%rsp), %rax
	mov UREGS_rsp(%rsp), %rsp
	sysretq
END(syscall_entry)

	/* rsp = guest_regs; the guest's rcx and r11 are rip and rflags, as after any system call. */
	.macro SYSCALL_TO_C fn
	mov UREGS_rax(%rsp), %rax
	mov UREGS_rip(%rsp), %rcx
	mov UREGS_eflags(%rsp), %r11
	add $UREGS_error_code, %rsp
	SAVE_GPRS
	sti
	mov %rsp, %rdi
	CALL_C \fn
	jmp test_all_events
	.endm

syscall_slow:
	SYSCALL_TO_C pv_syscall_slow
syscall_fault: /* the kernel's stack is not there; the mode has been switched: fatal to the guest */
	CLAC
	SYSCALL_TO_C pv_bounce_fault

ENTRY(cstar_entry) /* 32-bit application on AMD */
	mov UREGS_rip - UREGS_error_code(%rsp), %rcx
	SAVE_GPRS
	sti
	mov %rsp, %rdi
	CALL_C pv_syscall32
	jmp test_all_events
END(cstar_entry)

/*
 * On Intel; rcx was pushed on the entry stack. SYSENTER clears IF and VM alone: with the application's
 * DF our string instructions would go backwards, with its AC there would be no SMAP, and with its NT
 * no iretq would work.
 */
ENTRY(sysenter_entry)
	pushq $2
	popfq
	pop %rcx
	SAVE_GPRS
	sti
	mov %rsp, %rdi
	CALL_C pv_sysenter
	jmp test_all_events
END(sysenter_entry)

/* --- Hypercalls -------------------------------------------------------------------------------- */

	.macro LOAD_CALLER /* with a return address on the stack */
	mov UREGS_rdi + 8(%rsp), %rdi
	mov UREGS_rsi + 8(%rsp), %rsi
	mov UREGS_rdx + 8(%rsp), %rdx
	mov UREGS_rax + 8(%rsp), %rax
	mov UREGS_r8 + 8(%rsp), %r8
	mov UREGS_r9 + 8(%rsp), %r9
	mov UREGS_r10 + 8(%rsp), %r10
	.endm

/* rax = number, arguments in rdi rsi rdx r10 r8 r9. rsp = guest_regs, rcx = current. */
hypercall_entry:
	cmp $HYPERCALL_IRET, %rax
	je hypercall_iret
	mov %rdi, UREGS_rdi(%rsp)
	mov %rsi, UREGS_rsi(%rsp)
	mov %rdx, UREGS_rdx(%rsp)
	mov UREGS_rip(%rsp), %rcx
	mov %rcx, UREGS_rcx(%rsp)
	mov %rax, UREGS_rax(%rsp)
	mov %r8, UREGS_r8(%rsp)
	mov %r9, UREGS_r9(%rsp)
	mov %r10, UREGS_r10(%rsp)
	mov %r11, UREGS_r11(%rsp)
#ifdef CONFIG_PERF_COUNTERS
	mov CPUINFO_per_cpu_offset(%rsp), %rcx
	lea per_cpu__perfcounters(%rip), %r11
	incl PERFC_hypercalls_offset(%rcx, %r11)
#endif
	sub $8, %rsp
	sti
	cmp $NR_HYPERCALLS, %rax
	jae hypercall_bad
	cmpb $0, trace_active(%rip)
	jne hypercall_traced
hypercall_call:
	mov %r10, %rcx
	lea hypercall_table(%rip), %r11
	call *(%r11, %rax, 8)
hypercall_done:
	cmp $-ERESTART, %rax
	je hypercall_exit
	mov %rax, UREGS_rax + 8(%rsp)
hypercall_exit:
	cli
	IF_SOFTIRQ hypercall_softirq, 8
	IF_EVENT hypercall_event, 8
	mov UREGS_rip + 8(%rsp), %rcx
	test %rcx, %rcx /* lower half: could be one byte too high for sysret */
	jns hypercall_exit_iret
	LOAD_CALLER
	mov UREGS_eflags + 8(%rsp), %r11
	mov UREGS_rsp + 8(%rsp), %rsp
	sysretq

hypercall_traced:
	call trace_hypercall
	LOAD_CALLER
	jmp hypercall_call

hypercall_bad:
	mov $-38, %rax
	jmp hypercall_done

	.macro SAVE_CALLEE off=0
	mov %rbx, UREGS_rbx + \off(%rsp)
	mov %rbp, UREGS_rbp + \off(%rsp)
	mov %r12, UREGS_r12 + \off(%rsp)
	mov %r13, UREGS_r13 + \off(%rsp)
	mov %r14, UREGS_r14 + \off(%rsp)
	mov %r15, UREGS_r15 + \off(%rsp)
	.endm

hypercall_softirq: /* may switch to another vCPU and never come back here */
	SAVE_CALLEE 8
	add $8, %rsp
	jmp process_softirqs

hypercall_exit_iret:
hypercall_event:
	SAVE_CALLEE 8
	add $8, %rsp
	jmp test_all_events

/*
 * The guest kernel returns from an exception, event or system call: its stack holds
 * rax r11 rcx flags rip cs rflags rsp ss. Only rax, rcx and r11 may be clobbered here.
 */
hypercall_iret:
	mov UREGS_rsp(%rsp), %r11
	mov %r11, %rax
	sar $43, %rax
	cmp $-16, %rax /* in the hypervisor's part of the address space? */
	je iret_fault
	STAC
	GUEST(iret_fault_clac, mov (%r11), %rax)
	mov %rax, UREGS_rax(%rsp)
	GUEST(iret_fault_clac, mov 8(%r11), %rax)
	mov %rax, UREGS_r11(%rsp)
	GUEST(iret_fault_clac, mov 16(%r11), %rax)
	mov %rax, UREGS_rcx(%rsp)
	GUEST(iret_fault_clac, mov 32(%r11), %rax)
	mov %rax, UREGS_rip(%rsp)
	GUEST(iret_fault_clac, mov 56(%r11), %rax)
	mov %rax, UREGS_rsp(%rsp)
	GUEST(iret_fault_clac, mov 64(%r11), %rax)
	mov %rax, UREGS_ss(%rsp)
	GUEST(iret_fault_clac, mov 48(%r11), %rax)
	mov %rax, UREGS_eflags(%rsp)
	GUEST(iret_fault_clac, movzwl 40(%r11), %eax)
	CLAC
	mov VCPU_vcpu_info(%rcx), %r11
	testb $FLAGS_IF >> 8, UREGS_eflags + 1(%rsp)
	setz VCPUINFO_mask(%r11)
	andl $~0x23000, UREGS_eflags(%rsp) /* IOPL, VM */
	orl $FLAGS_IF, UREGS_eflags(%rsp)
	mov %rax, UREGS_cs(%rsp)
	not %eax
	test $3, %al
	jnz iret_to_kernel
	mov VCPU_load_user(%rcx), %rax
	test %rax, %rax
	jz iret_no_user
	mov %rax, %cr3
	swapgs
	andl $~TF_KERNEL_MODE, VCPU_flags(%rcx)
iret_check_event:
	cmpb $0, VCPUINFO_mask(%r11)
	jne 3f
	cmpb $0, VCPUINFO_pending(%r11)
	jne iret_event
3:	mov UREGS_rax(%rsp), %rax
	mov UREGS_rcx(%rsp), %rcx
	mov UREGS_r11(%rsp), %r11
	add $UREGS_rip, %rsp
	.globl iret_fast
iret_fast:
	iretq
	EXTABLE(iret_fast, iretq_fault)

iret_to_kernel:
	orl $3, UREGS_cs(%rsp)
	orl $3, UREGS_ss(%rsp)
	jmp iret_check_event

iret_event:
	mov UREGS_rax(%rsp), %rax
	mov UREGS_rcx(%rsp), %rcx
	mov UREGS_r11(%rsp), %r11
	add $UREGS_error_code, %rsp
	SAVE_GPRS
	jmp test_all_events

	.globl iret_fault_clac
iret_fault_clac:
	CLAC
iret_fault: /* the frame cannot be read */
iret_no_user:
	add $UREGS_error_code, %rsp
	SAVE_GPRS
	sti
	mov %rsp, %rdi
	CALL_C pv_iret_fault
	jmp test_all_events

/* --- Return to the guest ------------------------------------------------------------------------- */

/* rsp = guest_regs, all registers saved. Interrupts in any state. A vCPU switched to goes on here. */
ENTRY(test_all_events)
	cli
	IF_SOFTIRQ process_softirqs
	IF_EVENT deliver_event
ENTRY(restore_all_guest)
	RESTORE_GPRS
	add $8, %rsp
	.globl iret_full
iret_full:
	iretq
	EXTABLE(iret_full, iretq_fault)

process_softirqs:
	sti
	CALL_C do_softirq
	mov CPUINFO_current_vcpu(%rsp), %rcx
	cmpb $0, VCPU_nmi_pending(%rcx)
	je test_all_events
	mov %rsp, %rdi
	CALL_C pv_deliver_nmi
	jmp test_all_events
END(test_all_events)

deliver_event:
	mov %rsp, %rdi
	CALL_C pv_deliver_event
	jmp test_all_events

/* The CPU refused the guest's cs, ss or rip: rsp points at the frame, the registers are the guest's. */
	.globl iretq_fault
iretq_fault:
	pushq $0
	SAVE_GPRS
	sti
	mov %rsp, %rdi
	CALL_C pv_failsafe
	jmp test_all_events

/* --- Exceptions and interrupts --------------------------------------------------------------------- */

restore_all_xen:
	RESTORE_GPRS
	add $8, %rsp
	iretq

	.macro EXCEPTION vec, handler, error_code=0
ENTRY(entry_\handler)
	.if \error_code == 0
	pushq $0
	.endif
	movl $\vec, 4(%rsp)
	ENTER_XEN
	testb $3, UREGS_cs(%rsp)
	jz 1f
	sti
	CALL_C \handler
	jmp test_all_events
1:	CALL_C \handler
	jmp restore_all_xen
END(entry_\handler)
	.endm

	EXCEPTION 0, do_divide_error
	EXCEPTION 3, do_int3
	EXCEPTION 4, do_overflow
	EXCEPTION 5, do_bounds
	EXCEPTION 6, do_invalid_op
	EXCEPTION 7, do_device_not_available
	EXCEPTION 9, do_coproc_seg_overrun
	EXCEPTION 10, do_invalid_tss, 1
	EXCEPTION 11, do_segment_not_present, 1
	EXCEPTION 12, do_stack_segment, 1
	EXCEPTION 13, do_general_protection, 1
	EXCEPTION 14, do_page_fault, 1
	EXCEPTION 15, do_reserved_trap
	EXCEPTION 16, do_coprocessor_error
	EXCEPTION 17, do_alignment_check, 1
	EXCEPTION 19, do_simd_error
	EXCEPTION 21, do_control_protection, 1
	EXCEPTION 0x80, do_int80

/*
 * On their own stacks (IST). #DB may come before the system-call entry has a stack; from guest mode
 * it moves to the normal one and is an ordinary exception. The others are handled where they are.
 */
ENTRY(entry_do_debug)
	pushq $0
	movl $1, 4(%rsp)
	ENTER_XEN
	testb $3, UREGS_cs(%rsp)
	jnz 1f
	CALL_C do_debug
	jmp restore_all_xen
1:	CALL_C switch_to_guest_stack /* copies the registers, returns their new place */
	mov %rax, %rsp
	sti
	mov %rsp, %rdi
	CALL_C do_debug
	jmp test_all_events
END(entry_do_debug)

	.macro IST_EXCEPTION vec, handler, error_code=0
ENTRY(entry_\handler)
	.if \error_code == 0
	pushq $0
	.endif
	movl $\vec, 4(%rsp)
	ENTER_XEN
	CALL_C \handler
	jmp restore_all_xen
END(entry_\handler)
	.endm
	IST_EXCEPTION 2, do_nmi
	IST_EXCEPTION 8, do_double_fault, 1
	IST_EXCEPTION 18, do_machine_check

	.balign 16
ENTRY(irq_entries) /* one of 16 bytes for each vector from 0x20 */
	.set vec, 0x20
	.rept 0x100 - 0x20
	.balign 16
	pushq $0
	movl $vec, 4(%rsp)
	jmp common_interrupt
	.set vec, vec + 1
	.endr
END(irq_entries)

common_interrupt:
	ENTER_XEN
	CALL_C do_IRQ
	testb $3, UREGS_cs(%rsp)
	jnz test_all_events
	jmp restore_all_xen

/* --- Copying to and from guests ------------------------------------------------------------------------ */

	.text
/* unsigned long copy_guest(void *dst, const void *src, unsigned long n): bytes not copied. */
ENTRY(copy_guest)
	mov %rdx, %rcx
	STAC
	cmp $64, %rdx
	jbe 2f
	shr $3, %rcx
	and $7, %edx
1:	rep movsq
	mov %edx, %ecx
	jmp 4f
2:	mov %edx, %r8d
	shr $3, %ecx
	jz 4f
3:	mov (%rsi), %rax
33:	mov %rax, (%rdi)
	add $8, %rsi
	add $8, %rdi
	dec %ecx
	jnz 3b
4:	mov %edx, %ecx
	and $7, %ecx
	jz 6f
5:	rep movsb
6:	CLAC
	mov %rcx, %rax
	ret
7:	lea (%rdx, %rcx, 8), %rcx /* rep movsq: rcx words and the rest are left */
	jmp 6b
8:	and $7, %edx
	lea (%rdx, %rcx, 8), %rcx
	jmp 6b
	EXTABLE(1b, 7b)
	EXTABLE(3b, 8b)
	EXTABLE(33b, 8b)
	EXTABLE(5b, 6b)
END(copy_guest)

/* unsigned long clear_guest_bytes(void *dst, unsigned long n): bytes not cleared. */
ENTRY(clear_guest_bytes)
	mov %rsi, %rcx
	xor %eax, %eax
	STAC
1:	rep stosb
2:	CLAC
	mov %rcx, %rax
	ret
	EXTABLE(1b, 2b)
END(clear_guest_bytes)

	.section .note.GNU-stack, "", @progbits
