/* Exceptions, stack traces. */
#ifndef ASM_TRAPS_H
#define ASM_TRAPS_H

#include <public/xen.h>
#include <xen/console.h>

struct idt_entry {
	u16 offset_low, selector;
	u8 ist, type;
	u16 offset_mid;
	u32 offset_high, zero;
};
extern struct idt_entry idt_table[256];

#define DECLARE_TRAP(n) void n(struct cpu_user_regs *regs)
DECLARE_TRAP(do_divide_error);
DECLARE_TRAP(do_debug);
DECLARE_TRAP(do_int3);
DECLARE_TRAP(do_overflow);
DECLARE_TRAP(do_bounds);
DECLARE_TRAP(do_invalid_op);
DECLARE_TRAP(do_device_not_available);
DECLARE_TRAP(do_double_fault);
DECLARE_TRAP(do_coproc_seg_overrun);
DECLARE_TRAP(do_invalid_tss);
DECLARE_TRAP(do_segment_not_present);
DECLARE_TRAP(do_stack_segment);
DECLARE_TRAP(do_general_protection);
DECLARE_TRAP(do_page_fault);
DECLARE_TRAP(do_reserved_trap);
DECLARE_TRAP(do_coprocessor_error);
DECLARE_TRAP(do_alignment_check);
DECLARE_TRAP(do_machine_check);
DECLARE_TRAP(do_simd_error);
DECLARE_TRAP(do_control_protection);
DECLARE_TRAP(do_int80);
struct cpu_user_regs *switch_to_guest_stack(const struct cpu_user_regs *regs);

/* Print registers / registers, stack and symbolised trace. */
void show_registers(const struct cpu_user_regs *regs);
void show_execution_state(const struct cpu_user_regs *regs);
noreturn void fatal_trap(const struct cpu_user_regs *regs);

#endif
